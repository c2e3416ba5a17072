"""Impact models: mirrors, scales, fits, and that no shipped model pays who trades in a circle."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.execution import Unknown
from grandmodel.execution.microstructure import (
    AthlCoefficients,
    athl_permanent,
    athl_realized,
    athl_temporary,
    fit_power_law,
    istar,
    istar_impact,
    no_dynamic_arbitrage,
    propagator_cost,
    square_root_impact,
    worst_round_trip,
)

close = pytest.approx
MODELS = {
    "athl_permanent": lambda q, v, s: athl_permanent(q, v, s, 250 * v),
    "athl_temporary": lambda q, v, s: athl_temporary(q, v, s, 0.2),
    "athl_realized": lambda q, v, s: athl_realized(q, v, s, 0.2, 250 * v),
    "square_root_peak": square_root_impact,
    "square_root_average": lambda q, v, s: square_root_impact(q, v, s, average=True),
    "istar": istar,
    "istar_impact": lambda q, v, s: istar_impact(q, v, s, 0.1),
}
quantities = st.floats(1, 1e7)
volumes = st.floats(1e4, 1e9)
sigmas = st.floats(0.001, 2)


@pytest.mark.parametrize("model", MODELS)
@given(quantities, volumes, sigmas, st.floats(1e-3, 1e3))
def test_mirror_scale_and_growth(model, quantity, volume, sigma, scale):
    f = MODELS[model]
    cost = f(quantity, volume, sigma)
    assert cost > 0
    assert f(-quantity, volume, sigma) == -cost  # a seller's price falls as far
    assert f(quantity * scale, volume * scale, sigma) == close(cost, rel=1e-9)  # a split of the share changes nothing
    assert f(1.5 * quantity, volume, sigma) > cost
    assert f(0, volume, sigma) == 0
    rows = f(np.array([quantity, -quantity]), volume, np.array([sigma, sigma]))
    assert rows.tolist() == [cost, -cost]


@given(quantities, volumes, sigmas, st.floats(0.01, 5), st.floats(1.5, 1e4))
def test_realized_is_half_the_permanent_and_the_temporary(quantity, volume, sigma, days, turnover):
    theta = turnover * volume
    whole = athl_realized(quantity, volume, sigma, days, theta)
    parts = athl_permanent(quantity, volume, sigma, theta) / 2 + athl_temporary(quantity, volume, sigma, days)
    assert whole == close(parts, rel=1e-12)
    assert athl_realized(quantity, volume, sigma, 2 * days, theta) < whole  # slower is cheaper


# ---- arbitrage -------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20), sigmas, volumes)
def test_no_round_trip_pays_where_permanent_impact_is_linear(rates, sigma, volume):
    """Any path that ends where it began, under Almgren et al.: each trade pays the price that all before it have
    moved, half of its own move, and the temporary part."""
    trades = np.array(rates) * 0.1 * volume
    trades[-1] -= trades.sum()
    paid, moved = 0.0, 0.0
    for trade in trades:
        step = athl_permanent(trade, volume, sigma, 200 * volume)
        paid += trade / volume * (moved + step / 2 + athl_temporary(trade, volume, sigma, 0.05))
        moved += step
    assert paid >= -1e-9 * sigma
    assert moved == close(0, abs=1e-9 * sigma)


def test_a_permanent_impact_that_is_not_linear_pays():
    """Huberman and Stanzl: with a concave one, buying in parts and selling at once. That the check above can fail."""
    concave = AthlCoefficients(alpha=0.5, eta=0.0)
    paid, moved = 0.0, 0.0
    for trade in [100.0] * 20 + [-2_000.0]:
        step = athl_permanent(trade, 1e6, 0.02, 2e8, coefficients=concave)
        paid += trade * (moved + step / 2)
        moved += step
    assert paid < 0


@pytest.mark.parametrize("model", ["square_root_average", "istar", "istar_impact"])
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12))
def test_no_round_trip_of_whole_orders_pays(model, shares):
    """These are costs of whole orders, which are over before the next begins: each costs, so does every circle."""
    volume = 1e6
    orders = np.append(shares, -sum(shares)) * volume
    assert sum(q * MODELS[model](q, volume, 0.02) for q in orders) >= 0


@pytest.mark.parametrize(("exponent", "decay"), [(1.0, 0.45), (0.5, 0.5), (0.6, 0.45), (0.8, 0.42)])
def test_what_the_necessary_conditions_let_pass_survives_its_round_trips(exponent, decay):
    """The square root law is the propagator of exponent and decay 1/2: peak impact Q^1/2 whatever the time."""
    assert no_dynamic_arbitrage(exponent, decay) == ""
    cost, _ = worst_round_trip(lambda r: propagator_cost(r, interval=0.01, exponent=exponent, decay=decay))
    assert cost > 0


@pytest.mark.parametrize(("exponent", "decay"), [(0.5, 0.2), (0.3, 0.3), (0.7, 0.1)])
def test_what_breaks_them_is_paid_for_by_a_round_trip(exponent, decay):
    """Bought slowly or fast, whichever the model rewards."""
    assert no_dynamic_arbitrage(exponent, decay) != ""
    cost, ratio = worst_round_trip(lambda r: propagator_cost(r, interval=0.01, exponent=exponent, decay=decay))
    assert cost < 0
    assert ratio != 1


def test_exponential_decay_needs_linear_impact():
    linear, _ = worst_round_trip(lambda r: propagator_cost(r, interval=0.01, decay=0.1, exponential=True))
    assert linear > 0
    concave, _ = worst_round_trip(
        lambda r: propagator_cost(r, interval=0.01, exponent=0.5, decay=0.1, exponential=True)
    )
    assert concave < 0


# ---- fits ------------------------------------------------------------------------------------------------------------


@given(st.floats(0.1, 10), st.floats(0.2, 1.2), st.floats(1e-4, 1e4))
def test_a_power_law_comes_back(coefficient, exponent, scale):
    size = np.geomspace(0.001, 0.3, 60) * scale
    got = fit_power_law(size, coefficient * size**exponent)
    assert got.exponent == close(exponent, rel=1e-7)
    assert got.coefficient == close(coefficient, rel=1e-6)
    assert got(size[3]) == close(coefficient * size[3] ** exponent, rel=1e-6)
    assert got.r_squared == close(1)


def test_a_power_law_under_noise():
    """Noise ten times the signal, as in impact data: the truth within three standard errors; the least squares
    minimum."""
    rng = np.random.default_rng(8)
    size = rng.lognormal(-4, 1.2, 20_000)
    impact = 0.8 * size**0.6 + rng.normal(0, 1.0, len(size))
    got = fit_power_law(size, impact)
    assert abs(got.exponent - 0.6) < 3 * got.exponent_error
    rest = np.square(impact - got.coefficient * size**got.exponent).sum()
    for p in (got.exponent - 0.02, got.exponent + 0.02):
        shape = size**p
        assert np.square(impact - shape * (impact @ shape) / (shape @ shape)).sum() > rest


def test_power_laws_that_cannot_be_known():
    assert fit_power_law([1, 2], [1, 2]).exponent.reason == "2 observations"
    assert fit_power_law([1, 1, 1], [1, 2, 3]).coefficient.reason == "size does not vary"
    with pytest.raises(ValueError, match=r"size\[1\] is 0.0, must be > 0"):
        fit_power_law([1, 0, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"impact\[2\] is nan, must be finite"):
        fit_power_law([1, 3, 2], [1, 2, math.nan])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: istar(math.nan, 1e6, 0.2), ValueError, "quantity is nan, must be finite"),
        (lambda: istar(1, 0, 0.2), ValueError, r"volume_daily\[0\] is 0.0, must be > 0"),
        (lambda: istar(1, 1e6, -0.2), ValueError, r"sigma_annual\[0\] is -0.2, must be >= 0"),
        (lambda: istar(True, 1e6, 0.2), TypeError, "quantity is True"),
        (lambda: istar("1", 1e6, 0.2), TypeError, "quantity is '1'"),
        (lambda: istar(10**400, 1e6, 0.2), ValueError, "quantity is 1000"),
        (lambda: istar_impact(1, 1e6, 0.2, 1.5), ValueError, r"participation\[0\] is 1.5, must be >= 0 and <= 1"),
        (lambda: athl_temporary(1, 1e6, 0.02, 0), ValueError, r"duration_days\[0\] is 0.0, must be > 0"),
        (lambda: athl_permanent(1, 1e6, 0.02, -5), ValueError, r"shares_outstanding\[0\] is -5.0"),
        (lambda: athl_permanent(1, 1e6, 0.02, None), TypeError, "shares_outstanding is None"),
        (lambda: athl_temporary([1, 2], 1e6, 0.02, [1, 2, 3]), ValueError, "duration_days has 3 rows, must have 2"),
        (lambda: square_root_impact(1, 1e6, 0.02, y=0), ValueError, "y is 0, must be > 0"),
        (lambda: propagator_cost([1, math.inf], interval=1, decay=0.5), ValueError, r"rate\[1\] is inf"),
        (lambda: propagator_cost([1], interval=1, decay=1.0), ValueError, "decay is 1.0, must be below 1"),
        (lambda: no_dynamic_arbitrage(-1, 0.5), ValueError, "exponent is -1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_unknown_is_a_float_that_prints():
    got = fit_power_law([1, 2], [1, 2]).exponent
    assert isinstance(got, Unknown)
    assert f"{got:8.2f}" == "     n/a"
