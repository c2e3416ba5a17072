"""The tagged numbers of the quantitative specification, section 3 and 3.1, to the digits given there."""

import numpy as np
import pytest

from grandmodel.execution import Unknown
from grandmodel.execution.microstructure import (
    amihud,
    athl_permanent,
    athl_realized,
    athl_temporary,
    book_walk,
    corwin_schultz_spread,
    corwin_schultz_spreads,
    hawkes_log_likelihood,
    istar,
    istar_impact,
    kyle_lambda,
    mean_quoted_spread,
    micro_price_adjustment,
    no_dynamic_arbitrage,
    order_flow_imbalance,
    roll_spread,
    square_root_impact,
    trade_spreads,
    vpin,
)
from grandmodel.execution.microstructure.impact import GATHERAL_GAMMA

TRADES = {
    "price": [100.02, 100, 100.03, 100.01, 99.99, 100.04],
    "quantity": [300, 100, 200, 500, 400, 100],
    "side": [1, -1, 1, -1, -1, 1],
}
BID = np.array([100, 100, 100.01, 100.01, 99.99, 100.02])
ASK = BID + np.array([0.02, 0.03, 0.02, 0.03, 0.02, 0.02])
LATER = [100.025, 100, 100.03, 100, 99.98, 100.03]


def rounded(value, digits):
    """Equal to the last digit given."""
    return pytest.approx(value, rel=0, abs=0.5000001 * 10.0**-digits)


@pytest.mark.parametrize("unit", [1, 10**9])
def test_spreads(unit):
    """In dollars, and as integers in 1e-9."""
    scaled = {"price": TRADES["price"], "bid": BID, "ask": ASK, "later": LATER}
    if unit != 1:
        scaled = {name: np.rint(np.array(x) * unit).astype(np.int64) for name, x in scaled.items()}
    mid = (scaled["bid"] + scaled["ask"]) / 2
    got = trade_spreads(scaled["price"], TRADES["quantity"], TRADES["side"], mid, scaled["later"])
    assert mean_quoted_spread(scaled["bid"], scaled["ask"]) == rounded(2.332933, 6)
    assert got.effective_bps == rounded(2.374604, 6)
    assert got.realized_bps == rounded(-1.187236, 6)
    assert got.impact_bps == rounded(3.561840, 6)


def test_roll():
    prices = [100.5, 100.8, 100.4, 100.7, 100.3, 100.9, 100.6, 101.0, 100.7, 101.1, 100.8, 101.2]
    assert roll_spread(prices) == rounded(0.78655366, 8)
    rising = roll_spread([1, 2, 4, 8, 16, 32])
    assert isinstance(rising, Unknown)
    assert "must be negative" in rising.reason


def test_corwin_schultz():
    high, low = [101.2, 101.5, 101.1], [100.1, 100.6, 100.2]
    assert corwin_schultz_spreads(high, low).tolist() == [rounded(0.000506, 6), rounded(-0.000651, 6)]
    assert corwin_schultz_spread(high, low) == rounded(0.000506 / 2, 6)


def test_amihud():
    assert 1e6 * amihud([0.01, -0.02, 0.005], [1e6, 2e6, 5e5]) == pytest.approx(0.01, rel=1e-12)


def test_kyle():
    flow, change = [300, -200, 500, -400, 100, -600], [0.004, -0.001, 0.006, -0.005, 0.002, -0.006]
    got = kyle_lambda(change, flow)
    assert got.slope == rounded(1.13966e-5, 10)
    assert got.r_squared == rounded(0.98513, 5)
    assert kyle_lambda(change, flow, intercept=False).slope == rounded(1.12088e-5, 10)


def test_micro_price():
    total, first, reason = micro_price_adjustment(
        [[0.6, 0.2], [0.2, 0.6]], [[0.15, 0.05], [0.05, 0.15]], [[0.1, 0.1], [0.1, 0.1]], [-0.5, 0.5]
    )
    np.testing.assert_allclose(total, [-1 / 12, 1 / 12], rtol=1e-12)
    np.testing.assert_allclose(first, total, rtol=1e-12)
    assert reason == ""


def test_order_flow_imbalance():
    quotes = np.array([(10.00, 300, 10.01, 200), (10.00, 500, 10.01, 200), (10.01, 100, 10.02, 400),
                       (10.00, 500, 10.02, 250), (10.00, 450, 10.01, 150)])  # fmt: skip
    got = order_flow_imbalance(*quotes.T)
    assert got.tolist() == [200, 300, 50, -200]
    assert got.sum() == 350


def test_vpin():
    change, volume = [0.02, -0.01, 0.03, -0.02, 0, 0.04], [1000, 800, 1200, 900, 600, 1500]
    got = vpin(change, volume, deviation=0.02, bucket_volume=1000, window=3)
    assert got.tolist() == [rounded(x, 6) for x in (0.560713, 0.537956, 0.652685, 0.682057)]


@pytest.mark.parametrize("nanoseconds", [False, True])
def test_hawkes(nanoseconds):
    times = [0.3, 0.7, 1.1, 1.15, 1.9, 2.6, 2.65, 2.7, 3.8, 4.4]
    rates = {"mu": 0.8, "alpha": 0.6, "beta": 1.5}
    if nanoseconds:
        start = 1_735_828_200 * 10**9
        times = np.rint(np.array(times) * 1e9).astype(np.int64) + start
        got = hawkes_log_likelihood(times, start=start, end=start + 5 * 10**9, **rates)
    else:
        got = hawkes_log_likelihood(times, end=5.0, **rates)
    assert got == rounded(-4.8002142476, 10)


@pytest.mark.parametrize(
    ("days", "temporary", "realized", "printed"),
    [(0.1, 22.294, 32.224, (22, 32)), (0.2, 14.709, 24.638, (15, 25)), (0.5, 8.488, 18.418, (8, 18))],
)
def test_almgren_thum_hauptmann_li_on_ibm(days, temporary, realized, printed):
    volume, theta, sigma = 6.561e6, 1728e6, 0.0157
    k = 1e4 * athl_temporary(0.1 * volume, volume, sigma, days)
    j = 1e4 * athl_realized(0.1 * volume, volume, sigma, days, theta)
    assert k == rounded(temporary, 3)
    assert j == rounded(realized, 3)
    assert (round(k), round(j)) == printed
    permanent = athl_permanent(0.1 * volume, volume, sigma, theta)
    assert 1e4 * permanent == rounded(19.860, 3)
    assert permanent / sigma == rounded(0.126, 3)
    assert theta / volume == rounded(263.374, 3)


def test_istar():
    assert 1e4 * istar(1e5, 2e6, 0.25) == rounded(50.9336, 4)
    assert 1e4 * istar_impact(1e5, 2e6, 0.25, 0.10) == rounded(16.8032, 4)


def test_square_root():
    assert 1e4 * square_root_impact(1e4, 1e6, 0.02) == pytest.approx(20, rel=1e-12)
    assert 1e4 * square_root_impact(1e4, 1e6, 0.02, average=True) == pytest.approx(40 / 3, rel=1e-12)


def test_book_walk():
    levels = [10.00, 10.01, 10.03], [200, 300, 500]
    got = book_walk(*levels, 600)
    assert got.average_price == pytest.approx(10.01, rel=1e-15)
    assert got.marginal_price == 10.03
    assert book_walk(*levels, 1_000).average_price == pytest.approx(10.018, rel=1e-15)
    over = book_walk(*levels, 1_200)
    assert over.unfilled_quantity == 200
    assert isinstance(over.average_price, Unknown)


def test_bound_on_the_decay():
    assert rounded(0.41504, 5) == GATHERAL_GAMMA
    assert no_dynamic_arbitrage(0.6, 0.4150) != ""
    assert no_dynamic_arbitrage(0.6, 0.4151) == ""
    assert no_dynamic_arbitrage(0.5, 0.45) == "exponent + decay is 0.95, must be at least 1"
