"""Schedules: published and hand-worked numbers, exact fractions, and what must hold for every input."""

import math
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import schedule as reference

from grandmodel.execution._core import trajectories
from grandmodel.execution._core.allocation import dark_allocation, product_limit
from grandmodel.execution._core.schedule import (
    DEFAULT_VOLUME_CURVE,
    pov_child,
    twap_slices,
    twap_times,
    vwap_capped,
    vwap_next,
    vwap_slices,
)
from grandmodel.execution._core.trajectories import (
    AlmgrenChriss,
    almgren_chriss,
    almgren_power_law,
    cartea_jaimungal,
    is_trajectory,
    kappa_from_urgency,
    obizhaeva_wang,
    risk_aversion_from_kappa,
)

MAX = 2**62
quantities = st.one_of(st.integers(1, 1_000), st.integers(1, 10**9), st.integers(1, MAX))
weights = st.lists(st.integers(0, 1_000), min_size=1, max_size=40).filter(any)
lots = st.sampled_from([1, 1, 10, 100])

# Table 1 of Almgren and Chriss (2000): $50 share, 30 % annual volatility, a million shares in five days.
PAPER = {
    "quantity": 1e6,
    "horizon": 5.0,
    "intervals": 5,
    "volatility": 0.95,
    "eta": 2.5e-6,
    "gamma": 2.5e-7,
    "epsilon": 0.0625,
}


# ---- TWAP


def test_twap_reference():
    assert twap_slices(100, 24).tolist() == [4, 4, 5, 4, 4, 4, 4, 4, 5, 4, 4, 4] * 2


def test_twap_small_and_large():
    assert twap_slices(1, 1).tolist() == [1]
    assert twap_slices(1, 4).tolist() == [0, 1, 0, 0]
    assert twap_slices(MAX, 4).tolist() == [MAX // 4] * 4
    assert twap_slices(MAX - 1, 3).tolist() == reference.twap_slices(MAX - 1, 3)


@pytest.mark.parametrize(
    ("quantity", "slices", "lot", "expected"),
    [
        (160, 2, 100, [100, 60]),
        (199, 4, 100, [0, 100, 0, 99]),
        (1_000, 4, 100, [300, 200, 300, 200]),
        (50, 3, 100, [0, 0, 50]),
        (160, 24, 100, None),
    ],
)
def test_twap_lots(quantity, slices, lot, expected):
    got = twap_slices(quantity, slices, lot).tolist()
    assert got == reference.twap_slices(quantity, slices, lot)
    assert expected is None or got == expected


@given(quantities, st.integers(1, 300), st.one_of(lots, st.integers(1, MAX)))
def test_twap_against_fractions(quantity, slices, lot):
    got = twap_slices(quantity, slices, lot)
    assert got.tolist() == reference.twap_slices(quantity, slices, lot)
    assert sum(got.tolist()) == quantity
    assert (got >= 0).all()
    assert all(q % lot == 0 for q in got[:-1].tolist())
    if lot == 1:
        assert got.max() - got.min() <= 1


# ---- times


def test_times_even():
    assert twap_times(0, 120, 24).tolist() == list(range(0, 120, 5))
    assert twap_times(-7, 3, 3).tolist() == [-7, -4, -1]


@given(
    st.integers(-(2**62), 2**62),
    st.integers(1, 2**52),  # beyond, a nanosecond is less than a double can tell
    st.integers(1, 60),
    st.floats(0, 0.499),
    st.integers(0, 2**64 - 1),
)
def test_times_against_the_rule(start, span, slices, randomization, seed):
    assume(span >= slices)
    got = twap_times(start, start + span, slices, randomization, seed).tolist()
    assert got == sorted(got)
    assert start <= got[0]
    assert got[-1] < start + span
    assert got == twap_times(start, start + span, slices, randomization, seed).tolist()
    expected = reference.twap_times(start, start + span, slices, randomization, seed)
    if expected == sorted(expected):
        assert got == expected


def test_times_random_sequence_is_splitmix64():
    # First outputs of splitmix64 at seed 0 as published with the generator.
    assert [reference.splitmix64(0, k) for k in range(2)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    a = twap_times(0, 10**12, 50, 0.4, 1)
    b = twap_times(0, 10**12, 50, 0.4, 2)
    assert (a != b).any()
    assert (np.abs(a - twap_times(0, 10**12, 50)) <= 0.4 * 10**12 / 50).all()


# ---- VWAP


def test_default_curve():
    assert len(DEFAULT_VOLUME_CURVE) == 13
    assert math.fsum(DEFAULT_VOLUME_CURVE) == pytest.approx(1, abs=1e-15)
    assert vwap_slices(1_000, DEFAULT_VOLUME_CURVE).tolist() == [
        150, 100, 80, 70, 60, 55, 50, 50, 55, 60, 70, 90, 110,
    ]  # fmt: skip


def test_vwap_capped_reference():
    got = vwap_capped(
        10_000,
        [0.20, 0.15, 0.10, 0.10, 0.15, 0.30],
        [12_000, 15_000, 10_000, 10_000, 15_000, 60_000],
        0.10,
    )
    assert got.tolist() == [1200, 1500, 1000, 1000, 1500, 3800]


def test_vwap_rounds_what_was_written():
    # 10 * 0.15 is 1.5 on paper; the double is below it.
    assert vwap_slices(10, [0.15, 0.85]).tolist() == [2, 8]
    # 0.29 * 100 is 28.999... in doubles.
    assert vwap_capped(1_000, [1.0], [100], 0.29).tolist() == [29]


@given(quantities, weights, lots)
def test_vwap_against_fractions(quantity, curve, lot):
    assume(quantity < 2**38)  # beyond, a double does not hold the curve to a unit
    got = vwap_slices(quantity, curve, lot).tolist()
    assert got == reference.vwap_slices(quantity, curve, lot)
    assert got == vwap_slices(quantity, [w / 1_000 for w in curve], lot).tolist()


@given(quantities, st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.integers(1, MAX))
def test_vwap_properties(quantity, curve, lot):
    assume(sum(curve) > 0)
    got = vwap_slices(quantity, curve, lot).tolist()
    assert sum(got) == quantity
    assert min(got) >= 0
    last = max(k for k, q in enumerate(got) if q)
    assert all(q % lot == 0 for q in got[:last])


@given(st.integers(1, 10**9), st.integers(1, 60), lots)
def test_vwap_of_a_flat_curve_is_twap(quantity, slices, lot):
    assert vwap_slices(quantity, [1 / slices] * slices, lot).tolist() == twap_slices(quantity, slices, lot).tolist()


@given(
    st.integers(1, 10**6),
    st.lists(st.tuples(st.integers(1, 100), st.integers(0, 10**6)), min_size=1, max_size=20),
    st.integers(1, 1_000),
    lots,
)
def test_vwap_capped_against_fractions(quantity, bins, rate, lot):
    fractions, volumes = [f for f, _ in bins], [v for _, v in bins]
    participation = rate / 1_000
    got = vwap_capped(quantity, fractions, volumes, participation, lot).tolist()
    assert got == reference.vwap_capped(quantity, fractions, volumes, participation, lot)
    assert sum(got) <= quantity
    assert all(1_000 * q <= rate * v for q, v in zip(got, volumes, strict=True))


@settings(max_examples=300)
@given(st.one_of(st.integers(1, 1_000), st.integers(1, 2**40)), weights, lots)
def test_vwap_next_with_the_static_curve_is_the_static_schedule(quantity, curve, lot):
    remaining, carry, got = quantity, 0.0, []
    for k in range(len(curve)):
        if not any(curve[k:]):
            break
        child, carry = vwap_next(remaining, curve[k:], carry, None, lot)
        remaining -= child
        got.append(child)
    static = vwap_slices(quantity, curve, lot).tolist()
    assert got == static[: len(got)]
    assert remaining == sum(static[len(got) :])


def test_vwap_next_follows_the_forecast_and_the_cap():
    assert vwap_next(1_000, [0.5, 0.5]) == (500, 0.0)
    assert vwap_next(1_000, [3, 1])[0] == 750
    assert vwap_next(1_000, [0.5, 0.5], cap=120)[0] == 120
    assert vwap_next(1_000, [0.5, 0.5], cap=120, lot=100)[0] == 100
    assert vwap_next(55, [1.0], lot=100) == (55, 0.0)
    assert vwap_next(0, [0.5, 0.5]) == (0, 0.0)
    assert vwap_next(MAX, [1, 1])[0] == MAX // 2


# ---- POV


def test_pov_reference():
    assert pov_child(900, 0.10)[0] == 100


def test_pov_keeps_the_rounding_and_bounds_the_catch_up():
    sent, carry = 0, 0.0
    for _ in range(90):
        child, carry = pov_child(1, 0.10, carry)
        sent += child
    assert sent == 10
    assert pov_child(0, 0.10, 500.0) == (1, 0.0)
    assert pov_child(0, 0.10, 500.0, carry_max=500) == (500, 0.0)
    assert pov_child(900, 0.10, remaining=30)[0] == 30
    assert pov_child(900, 0.10, lot=30)[0] == 90
    assert pov_child(900, 0.10, lot=30)[1] == pytest.approx(10)


@given(st.integers(0, 10**9), st.integers(1, 999), lots)
def test_pov_against_fractions(others, rate, lot):
    child, carry = pov_child(others, rate / 1_000, lot=lot)
    assert child == reference.pov_child(others, rate / 1_000, lot)
    assert child * (1_000 - rate) <= rate * others
    assert 0 <= carry <= lot


# ---- Almgren-Chriss


def test_almgren_chriss_reference():
    result = almgren_chriss(risk_aversion=1e-6, **PAPER)
    assert result.kappa == pytest.approx(0.6070761632, abs=5e-11)
    assert result.half_life_e == pytest.approx(1.6472, abs=5e-5)
    assert result.half_life == pytest.approx(result.half_life_e * math.log(2), rel=1e-15)
    np.testing.assert_allclose(
        result.holdings[1:5] / 1e3, [541.95555, 289.85422, 147.89749, 62.14180], rtol=0, atol=5e-6
    )
    assert result.expected_cost == pytest.approx(911_226.986, abs=5e-4)
    assert result.standard_deviation == pytest.approx(603_430.669, abs=5e-4)


def test_almgren_chriss_without_risk_aversion_is_even():
    result = almgren_chriss(risk_aversion=0.0, **PAPER)
    assert result.holdings.tolist() == [1e6, 8e5, 6e5, 4e5, 2e5, 0]
    assert result.kappa == 0
    assert result.half_life_e == result.half_life == math.inf
    assert result.expected_cost == pytest.approx(662_500, rel=1e-14)
    assert result.standard_deviation == pytest.approx(1_040_672.859, abs=5e-4)


@settings(max_examples=60)
@given(st.floats(1e-9, 1e-4), st.integers(1, 60))
def test_almgren_chriss_against_the_linear_system_and_closed_form(lam, intervals):
    args = {**PAPER, "intervals": intervals}
    result = almgren_chriss(risk_aversion=lam, **args)
    holdings, expected, variance = reference.almgren_chriss(*_reference_args(args, lam))
    np.testing.assert_allclose(result.holdings, holdings, rtol=1e-9, atol=1e-6)
    assert result.expected_cost == pytest.approx(expected, rel=1e-9)
    assert result.variance == pytest.approx(variance, rel=1e-9, abs=1e-3)
    kappa = reference.almgren_chriss_kappa(5.0, intervals, 0.95, lam, 2.5e-6, 2.5e-7)
    assert result.kappa == pytest.approx(kappa, rel=1e-6)
    if intervals > 1 and kappa * 5 < 300:
        e, v = reference.almgren_chriss_closed_form(1e6, 5.0, intervals, 0.95, lam, 2.5e-6, 2.5e-7, 0.0625)
        assert result.expected_cost == pytest.approx(e, rel=1e-8)
        assert result.variance == pytest.approx(v, rel=1e-6)


def _reference_args(args, lam, drift=0.0):
    return (
        args["quantity"], args["horizon"], args["intervals"], args["volatility"], lam,
        args["eta"], args["gamma"], args["epsilon"], drift,
    )  # fmt: skip


@pytest.mark.parametrize("lam", [1e-5, 1e-6, 1e-9, 1e-13, 1e-18, 0.0, -1e-13, -1e-9, -1e-8, -1e-7])
@pytest.mark.parametrize("drift", [0.02, -0.02, 0.0])
def test_almgren_chriss_with_drift_and_every_sign_of_risk_aversion(lam, drift):
    args = {**PAPER, "intervals": 20}
    result = almgren_chriss(risk_aversion=lam, drift=drift, **args)
    holdings, expected, variance = reference.almgren_chriss(*_reference_args(args, lam, drift))
    np.testing.assert_allclose(result.holdings, holdings, rtol=1e-9, atol=1e-5)
    assert result.expected_cost == pytest.approx(expected, rel=1e-9)
    assert result.variance == pytest.approx(variance, rel=1e-9)


def test_almgren_chriss_drift_is_the_paper_s_formula():
    lam, alpha = 1e-6, 0.02
    result = almgren_chriss(risk_aversion=lam, drift=alpha, **PAPER)
    k, t = result.kappa, 5.0
    xbar = alpha / (2 * lam * 0.95**2)
    for time, got in zip(result.times, result.holdings, strict=True):
        plain = 1e6 * math.sinh(k * (t - time)) / math.sinh(k * t)
        pull = 1 - (math.sinh(k * (t - time)) + math.sinh(k * time)) / math.sinh(k * t)
        assert got == pytest.approx(plain + pull * xbar, rel=1e-12, abs=1e-6)


def test_almgren_chriss_is_a_minimum():
    result = almgren_chriss(risk_aversion=1e-6, **PAPER)
    x = result.holdings
    rng = np.random.default_rng(3)

    def objective(holdings):
        n = -np.diff(holdings)
        expected = 2.5e-7 * 1e12 / 2 + 0.0625 * np.abs(n).sum() + result.eta_adjusted * (n * n).sum()
        return expected + 1e-6 * 0.95**2 * (holdings[1:] ** 2).sum()

    assert objective(x) == pytest.approx(result.objective, rel=1e-12)
    for _ in range(50):
        moved = x.copy()
        moved[1:-1] += rng.normal(0, 1e4, 4)
        assert objective(moved) > result.objective


def test_almgren_chriss_does_not_overflow():
    for lam in (1e-2, 1.0, 1e6, 1e12):
        result = almgren_chriss(risk_aversion=lam, **{**PAPER, "intervals": 10_000})
        x = result.holdings
        assert np.isfinite(x).all()
        assert (np.diff(x) <= 0).all()
        assert math.isfinite(result.expected_cost)
    assert result.kappa_T > 700
    drifting = almgren_chriss(risk_aversion=1e6, drift=0.02, **{**PAPER, "intervals": 10_000})
    assert np.isfinite(drifting.holdings).all()


def test_almgren_chriss_frontier_is_monotone():
    results = [almgren_chriss(risk_aversion=lam, **PAPER) for lam in (0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)]
    costs, risks = [r.expected_cost for r in results], [r.variance for r in results]
    assert costs == sorted(costs)
    assert risks == sorted(risks, reverse=True)


def test_almgren_chriss_scale_of_currency():
    a = almgren_chriss(risk_aversion=1e-6, **PAPER)
    scaled = {**PAPER, **{key: PAPER[key] * 100 for key in ("volatility", "eta", "gamma", "epsilon")}}
    b = almgren_chriss(risk_aversion=1e-8, **scaled)
    np.testing.assert_allclose(b.holdings, a.holdings, rtol=1e-12)
    assert b.expected_cost == pytest.approx(100 * a.expected_cost, rel=1e-12)


def test_almgren_chriss_is_time_consistent():
    whole = almgren_chriss(risk_aversion=1e-6, **PAPER)
    tail = almgren_chriss(
        risk_aversion=1e-6, **{**PAPER, "quantity": whole.holdings[2], "horizon": 3.0, "intervals": 3}
    )
    np.testing.assert_allclose(tail.holdings, whole.holdings[2:], rtol=1e-12)


def test_almgren_chriss_slices_and_trades():
    result = almgren_chriss(risk_aversion=1e-6, **PAPER)
    slices = result.slices()
    assert slices.sum() == 1_000_000
    assert np.abs(slices - result.trades).max() < 1
    assert (result.slices(100)[:-1] % 100 == 0).all()
    assert result.trades.sum() == pytest.approx(1e6)
    assert result.value_at_risk() == result.expected_cost + 1.645 * result.standard_deviation
    assert result.times.tolist() == [0, 1, 2, 3, 4, 5]
    assert "risk_aversion=1e-06" in repr(result)
    with pytest.raises(ValueError, match="whole number"):
        almgren_chriss(10.5, 1, 2, 1, 0, 1).slices()
    one = almgren_chriss(10, 1, 1, 1, 1, 1)
    assert one.holdings.tolist() == [10, 0]
    waiting = almgren_chriss(1e6, 5, 10, 0.95, 1e-6, 2.5e-6, drift=5.0)
    assert waiting.holdings.max() > 1e6
    assert waiting.slices().sum() == 1_000_000
    assert waiting.slices().min() >= 0


def test_almgren_chriss_refusals():
    good = {"risk_aversion": 1e-6, **PAPER}
    for name, bad, error in [
        ("quantity", 0, ValueError),
        ("quantity", -1e6, ValueError),
        ("quantity", 2**63, ValueError),
        ("quantity", True, TypeError),
        ("quantity", "1e6", TypeError),
        ("horizon", 0.0, ValueError),
        ("horizon", math.nan, ValueError),
        ("horizon", math.inf, ValueError),
        ("intervals", 0, ValueError),
        ("intervals", 2.0, TypeError),
        ("intervals", True, TypeError),
        ("intervals", 2**63, ValueError),
        ("volatility", -0.1, ValueError),
        ("volatility", math.inf, ValueError),
        ("risk_aversion", math.inf, ValueError),
        ("risk_aversion", None, TypeError),
        ("risk_aversion", -1.0, ValueError),
        ("risk_aversion", -1.1e-6, ValueError),
        ("eta", 0.0, ValueError),
        ("eta", 1e-7, ValueError),
        ("gamma", -1e-9, ValueError),
        ("epsilon", [1.0], TypeError),
        ("drift", math.nan, ValueError),
    ]:
        with pytest.raises(error, match=name):
            almgren_chriss(**{**good, name: bad})
    huge = almgren_chriss(**{**good, "volatility": 1e308})
    with pytest.raises(OverflowError, match="too large"):
        _ = huge.variance
    with pytest.raises(TypeError, match="made by almgren_chriss"):
        AlmgrenChriss()
    assert almgren_chriss(**{**good, "eta": Decimal("2.5e-6"), "quantity": np.int64(10**6)}).kappa > 0


# ---- urgency


def test_urgency_reference():
    for urgency, expected in [("low", 2.634e-8), ("medium", 2.386e-7), ("high", 9.761e-7)]:
        kappa = kappa_from_urgency(0.5, urgency, horizon=5.0)
        lam = risk_aversion_from_kappa(kappa, 5.0, 5, 0.95, 2.5e-6, 2.5e-7)
        assert lam == pytest.approx(expected, abs=5e-4 * expected)
        assert almgren_chriss(risk_aversion=lam, **PAPER).kappa == pytest.approx(kappa, rel=1e-12)


def test_urgency_map():
    assert kappa_from_urgency(0.5, "low") == 0.5
    assert kappa_from_urgency(1.0, "high") == 6.0
    assert kappa_from_urgency(0.0, "high") == 0.0
    assert kappa_from_urgency(0.0, "immediate") == math.inf
    assert risk_aversion_from_kappa(math.inf, 5.0, 5, 0.95, 2.5e-6) == math.inf
    assert risk_aversion_from_kappa(0.0, 5.0, 5, 0.95, 2.5e-6) == 0.0
    table = [[kappa_from_urgency(r / 10, u) for r in range(11)] for u in ("low", "medium", "high", "immediate")]
    assert all(row == sorted(row) for row in table)
    assert all(list(column) == sorted(column) for column in zip(*table, strict=True))


@pytest.mark.parametrize(("kappa_horizon", "half"), [(0.5, 0.4848), (1, 0.4434), (2, 0.3240), (3, 0.2125), (4, 0.1329)])
def test_left_at_half_time(kappa_horizon, half):
    assert is_trajectory(10**9, kappa_horizon, 2)[1] / 1e9 == pytest.approx(half, abs=5e-5)


def test_urgency_refusals():
    for args, error in [
        ((-0.1, "low"), ValueError),
        ((1.1, "low"), ValueError),
        ((math.nan, "low"), ValueError),
        ((True, "low"), TypeError),
        ((0.5, "fast"), ValueError),
        ((0.5, 3), TypeError),
        ((0.5, None), TypeError),
        ((0.5, "low", 0), ValueError),
    ]:
        with pytest.raises(error):
            kappa_from_urgency(*args)
    with pytest.raises(ValueError, match="volatility"):
        risk_aversion_from_kappa(0.5, 5.0, 5, 0.0, 2.5e-6)
    with pytest.raises(ValueError, match="kappa"):
        risk_aversion_from_kappa(math.nan, 5.0, 5, 0.9, 2.5e-6)
    with pytest.raises(ValueError, match="eta"):
        risk_aversion_from_kappa(0.5, 5.0, 5, 0.9, 1e-7, 2.5e-7)


# ---- integer trajectories


@given(quantities, st.one_of(st.just(0.0), st.floats(1e-12, 1e4), st.just(math.inf)), st.integers(1, 60), lots)
def test_is_trajectory_falls_from_all_to_none(quantity, kappa_horizon, n, lot):
    x = is_trajectory(quantity, kappa_horizon, n, lot).tolist()
    assert x[0] == quantity
    assert x[-1] == 0
    assert all(a >= b for a, b in pairwise(x))
    assert all((quantity - held) % lot == 0 for held in x if held)
    if kappa_horizon == 0:
        assert [a - b for a, b in pairwise(x)] == twap_slices(quantity, n, lot).tolist()
    if kappa_horizon == math.inf:
        assert x[1] == 0


@given(st.integers(1, 10**9), st.floats(0.01, 50), st.integers(1, 40))
def test_is_trajectory_against_the_formula(quantity, kappa_horizon, n):
    for k, held in enumerate(is_trajectory(quantity, kappa_horizon, n).tolist()):
        exact = quantity * math.sinh(kappa_horizon * (1 - k / n)) / math.sinh(kappa_horizon)
        # half a share of rounding; doubles are relative to the whole order, and a tie may fall to either side
        assert abs(held - exact) <= 0.5 + quantity * 2.0**-43


def test_is_trajectory_in_volume_time():
    curve = np.cumsum([0.0, *DEFAULT_VOLUME_CURVE])
    curve[-1] = 1.0
    straight = is_trajectory(1_000, 0.0, curve)
    assert (-np.diff(straight)).tolist() == vwap_slices(1_000, DEFAULT_VOLUME_CURVE).tolist()
    urgent = is_trajectory(1_000, 3.0, curve)
    assert (urgent <= straight).all()
    curve.flags.writeable = False
    assert is_trajectory(1_000, 3.0, curve).tolist() == urgent.tolist()
    assert is_trajectory(1_000, 3.0, [0.0, 0.5, 1.0]).tolist() == is_trajectory(1_000, 3.0, 2).tolist()


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((0, 1.0, 5), ValueError),
        ((10, -1.0, 5), ValueError),
        ((10, math.nan, 5), ValueError),
        ((10, "1", 5), TypeError),
        ((10, 1.0, 0), ValueError),
        ((10, 1.0, True), TypeError),
        ((10, 1.0, 2.0), TypeError),
        ((10, 1.0, []), ValueError),
        ((10, 1.0, [0.0, 0.5]), ValueError),
        ((10, 1.0, [0.5, 0.4, 1.0]), ValueError),
        ((10, 1.0, [0.5, math.nan, 1.0]), ValueError),
        ((10, 1.0, [0.5, 1.1]), ValueError),
        ((10, 1.0, "ab"), TypeError),
        ((10, 1.0, 5, 0), ValueError),
    ],
)
def test_is_trajectory_refusals(args, error):
    with pytest.raises(error):
        is_trajectory(*args)


# ---- power-law impact


def test_power_law_reference():
    table = [(1e-3, 0.07, 354, 19), (1e-4, 0.22, 112, 33), (1e-5, 0.71, 35, 59), (1e-6, 2.24, 11, 106)]
    for lam, time, cost, risk in [*table, (1e-7, 7.07, 4, 188)]:
        result = almgren_power_law(1e5, 1.0, lam, 0.5 / 1e5, 1.0)
        assert result.characteristic_time == pytest.approx(time, abs=0.005)
        assert result.expected_cost / 1e3 == pytest.approx(cost, abs=0.5)
        assert result.standard_deviation / 1e3 == pytest.approx(risk, abs=0.5)
        assert result.holdings([result.characteristic_time])[0] / 1e5 == pytest.approx(math.exp(-1), rel=1e-14)


@pytest.mark.parametrize("exponent", [0.5, 0.6, 1.0, 1.5, 2.0])
def test_power_law_trajectory_integrates_to_its_cost_and_risk(exponent):
    result = almgren_power_law(1e4, 0.8, 1e-5, 1e-3, exponent)
    end = result.duration if exponent > 1 else 3e3 * result.characteristic_time
    t = end * np.linspace(0, 1, 400_001) ** 3
    x = result.holdings(t)
    speed = -np.diff(x) / np.diff(t)
    assert (speed * 1e-3 * speed**exponent * np.diff(t)).sum() == pytest.approx(result.expected_cost, rel=2e-4)
    middle = (x[1:] + x[:-1]) / 2
    assert 0.8**2 * (middle**2 * np.diff(t)).sum() == pytest.approx(result.variance, rel=2e-4)


# ---- a book that refills


def test_obizhaeva_wang_reference():
    result = obizhaeva_wang(1e5, 1.0, 10, 5_000, 1e-4, 1.0)
    assert result.end_trade == pytest.approx(35_008.327, abs=5e-4)
    assert result.interior_trade == pytest.approx(3_331.483, abs=5e-4)
    assert result.expected_cost == pytest.approx(833_425.859, abs=5e-4)
    assert result.continuous_end == pytest.approx(33_333.33, abs=5e-3)
    assert result.continuous_cost == pytest.approx(833_333.33, abs=5e-3)
    assert result.trades.sum() == pytest.approx(1e5, rel=1e-14)
    assert len(result.trades) == 11


def test_obizhaeva_wang_is_the_minimum_of_the_quadratic_form():
    result = obizhaeva_wang(1e3, 2.0, 7, 500, 1e-4, 0.7)
    lags = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    decay = np.exp(-0.7 * 2.0 / 7 * lags)
    kappa = 1 / 500 - 1e-4
    best = np.linalg.solve(decay, np.ones(8))
    best *= 1e3 / best.sum()
    np.testing.assert_allclose(result.trades, best, rtol=1e-10)
    assert result.expected_cost == pytest.approx(1e-4 * 1e6 / 2 + kappa / 2 * best @ decay @ best, rel=1e-12)
    many = obizhaeva_wang(1e3, 2.0, 10**6, 500, 1e-4, 0.7)
    assert many.expected_cost == pytest.approx(many.continuous_cost, rel=1e-5)
    assert many.end_trade == pytest.approx(many.continuous_end, rel=1e-5)


# ---- inventory penalties


def test_cartea_jaimungal_reference():
    result = cartea_jaimungal(1.0, 1.0, 1e-3, 0.01, 0.1)
    assert result.rate == pytest.approx(3.16227766, abs=5e-9)
    assert result.zeta == pytest.approx(1.06531086, abs=5e-9)
    expected = [1, 0.52900961, 0.27677125, 0.13898123, 0.05866167, 0.00259944]
    np.testing.assert_allclose(result.holdings(np.linspace(0, 1, 6)), expected, rtol=0, atol=5e-9)


@given(st.floats(1e-4, 1), st.floats(0, 1), st.floats(0.1, 1), st.floats(0, 0.2))
def test_cartea_jaimungal_speed_is_the_slope(temporary, running, terminal, permanent):
    result = cartea_jaimungal(100.0, 1.0, temporary, running, terminal, permanent)
    t = np.linspace(0.05, 0.95, 10)
    slope = (result.holdings(t - 1e-6) - result.holdings(t + 1e-6)) / 2e-6
    np.testing.assert_allclose(result.speeds(t), slope, rtol=1e-4, atol=1e-5)
    g = math.sqrt(running / temporary)
    if 0.01 < g < 300 and abs(result.zeta) < 1e6:
        f = [result.zeta * math.exp(g * (1 - u)) - math.exp(-g * (1 - u)) for u in (0.0, 0.3)]
        assert result.holdings([0.3])[0] == pytest.approx(100 * f[1] / f[0], rel=1e-6, abs=1e-12)


def test_cartea_jaimungal_limits():
    even = cartea_jaimungal(10.0, 2.0, 0.5, 0.0, 1e9)
    np.testing.assert_allclose(even.holdings([0.0, 0.5, 1.0, 2.0]), [10, 7.5, 5, 0], atol=1e-7)
    urgent = cartea_jaimungal(10.0, 2.0, 1e-9, 1.0, 1.0)
    assert np.isfinite(urgent.holdings([0.0, 1.0, 2.0])).all()
    balanced = cartea_jaimungal(10.0, 1.0, 1.0, 1.0, 1.0)  # alpha = sqrt(k phi): zeta has no value
    assert balanced.zeta == math.inf
    assert balanced.holdings([0.5])[0] == pytest.approx(10 * math.exp(-0.5), rel=1e-14)


# ---- dark pools

HISTORY = [(5, 5), (5, 2), (3, 3), (8, 4), (4, 0), (6, 6), (10, 2), (2, 2), (7, 1), (9, 9)]


def test_product_limit_reference():
    tail = product_limit([v for v, _ in HISTORY], [r for _, r in HISTORY])
    np.testing.assert_allclose(tail[:6], [1, 0.9, 0.8, 0.571429, 0.571429, 0.428571], rtol=0, atol=5e-7)
    np.testing.assert_allclose(tail[5:], tail[5])
    assert len(tail) == 11
    assert product_limit([], []).tolist() == [1.0]


histories = st.lists(
    st.integers(1, 12).flatmap(lambda v: st.tuples(st.just(v), st.integers(0, v))), min_size=1, max_size=30
)


@given(histories)
def test_product_limit_against_fractions(history):
    sent, filled = ([row[k] for row in history] for k in (0, 1))
    got = product_limit(sent, filled)
    np.testing.assert_allclose(got, [float(x) for x in reference.product_limit(sent, filled)], rtol=1e-12)
    assert (np.diff(got) <= 0).all()


@given(st.lists(histories, min_size=1, max_size=4), st.integers(1, 30))
def test_dark_allocation_against_the_greedy_rule(venue_histories, quantity):
    tails = [product_limit([v for v, _ in h], [r for _, r in h]) for h in venue_histories]
    got = dark_allocation(quantity, tails).tolist()
    assert got == reference.dark_allocation(quantity, [tail.tolist() for tail in tails])
    assert sum(got) <= quantity


def test_dark_allocation_ties_and_leftovers():
    assert dark_allocation(3, [[1, 0.5, 0.5], [1, 0.5, 0.2]]).tolist() == [3, 0]
    assert dark_allocation(5, [[1, 0.5, 0.0], [1, 0.9, 0.0]]).tolist() == [1, 1]
    assert dark_allocation(2, [[1.0]]).tolist() == [2]


def test_refusals_of_the_other_models():
    for call, error, name in [
        (lambda: almgren_power_law(0, 1, 1, 1, 1), ValueError, "quantity"),
        (lambda: almgren_power_law(1, 1, 0, 1, 1), ValueError, "risk_aversion"),
        (lambda: almgren_power_law(1, 1, 1, 1, "1"), TypeError, "exponent"),
        (lambda: almgren_power_law(1e300, 1, 1, 1, 2), ValueError, "not a positive, finite"),
        (lambda: almgren_power_law(1, 1, 1, 1, 1).holdings([-1.0]), ValueError, r"times\[0\]"),
        (lambda: obizhaeva_wang(1, 1, 0, 1, 0, 1), ValueError, "intervals"),
        (lambda: obizhaeva_wang(1, 1, 1, 10, 0.2, 1), ValueError, "permanent"),
        (lambda: obizhaeva_wang(1, 1, 1, 10, 0.0, 0), ValueError, "resilience"),
        (lambda: cartea_jaimungal(1, 1, 0, 1, 1), ValueError, "temporary"),
        (lambda: cartea_jaimungal(1, 1, 1, 1, 0.1, 1), ValueError, "terminal"),
        (lambda: cartea_jaimungal(1, 1, 1, math.nan, 1), ValueError, "running"),
        (lambda: cartea_jaimungal(1, 1, 1, 1, 1).holdings([1.5]), ValueError, r"times\[0\]"),
        (lambda: product_limit([0], [0]), ValueError, r"sent\[0\]"),
        (lambda: product_limit([2], [3]), ValueError, r"filled\[0\]"),
        (lambda: product_limit([2], [1, 1]), ValueError, "filled has length 2"),
        (lambda: product_limit([2.0], [1]), TypeError, "sent"),
        (lambda: dark_allocation(0, [[1.0]]), ValueError, "quantity"),
        (lambda: dark_allocation(1, []), ValueError, "tails is empty"),
        (lambda: dark_allocation(1, [[]]), ValueError, r"tails\[0\] is empty"),
        (lambda: dark_allocation(1, [[1.0], [1.0, 0.5, 0.6]]), ValueError, r"tails\[1\]\[2\]"),
        (lambda: dark_allocation(1, [[1.0, math.nan]]), ValueError, r"tails\[0\]\[1\]"),
        (lambda: dark_allocation(1, 0.5), TypeError, "tails"),
        (lambda: trajectories.PowerLawTrajectory(), TypeError, "almgren_power_law"),
        (lambda: trajectories.ObizhaevaWang(), TypeError, "obizhaeva_wang"),
        (lambda: trajectories.CarteaJaimungal(), TypeError, "cartea_jaimungal"),
    ]:
        with pytest.raises(error, match=name):
            call()


# ---- bad input: the message names the parameter

BAD_COUNTS = [
    (0, ValueError), (-1, ValueError), (2**63, ValueError), (True, TypeError), (1.0, TypeError),
    ("1", TypeError), (None, TypeError), (math.nan, TypeError), (np.array([1]), TypeError),
    (np.True_, TypeError),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "error"), BAD_COUNTS)
def test_bad_counts(bad, error):
    for name, call in [
        ("quantity", lambda: twap_slices(bad, 3)),
        ("slices", lambda: twap_slices(3, bad)),
        ("lot", lambda: twap_slices(3, 3, bad)),
        ("slices", lambda: twap_times(0, 100, bad)),
        ("quantity", lambda: vwap_slices(bad, [1.0])),
        ("quantity", lambda: vwap_capped(bad, [1.0], [1.0], 0.1)),
        ("lot", lambda: vwap_next(3, [1.0], 0.0, None, bad)),
        ("lot", lambda: pov_child(3, 0.1, lot=bad)),
        ("quantity", lambda: is_trajectory(bad, 1.0, 3)),
    ]:
        with pytest.raises(error, match=f"{name} is"):
            call()


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ([], ValueError),
        ([0.0, 0.0], ValueError),
        ([0.5, -0.5], ValueError),
        ([0.5, math.nan], ValueError),
        ([0.5, math.inf], ValueError),
        ([1e308, 1e308], ValueError),
        ([[0.5, 0.5]], ValueError),
        (0.5, ValueError),
        (None, TypeError),
        ("0.5", TypeError),
        (["0.5"], TypeError),
        ([True, 0.5], TypeError),
        (np.array([True, False]), TypeError),
        (np.array([1j]), TypeError),
        (np.array([0.5, None]), TypeError),
        ([[1], [1, 2]], TypeError),
    ],
)
def test_bad_curves(bad, error):
    for name, call in [
        ("curve", lambda: vwap_slices(3, bad)),
        ("fractions", lambda: vwap_capped(3, bad, [1.0, 1.0], 0.1)),
        ("forecast_fractions", lambda: vwap_next(3, bad)),
    ]:
        with pytest.raises(error, match=name):
            call()


def test_other_refusals():
    for call, error, name in [
        (lambda: twap_times(0, 0, 1), ValueError, "end_ns"),
        (lambda: twap_times(10, 0, 1), ValueError, "end_ns"),
        (lambda: twap_times(0, 5, 6), ValueError, "end_ns"),
        (lambda: twap_times(-(2**63), 2**63 - 1, 6), ValueError, "end_ns"),
        (lambda: twap_times(0, 2**63, 6), ValueError, "end_ns"),
        (lambda: twap_times(0.0, 10, 6), TypeError, "start_ns"),
        (lambda: twap_times(0, 100, 6, 0.5), ValueError, "randomization"),
        (lambda: twap_times(0, 100, 6, -0.1), ValueError, "randomization"),
        (lambda: twap_times(0, 100, 6, math.nan), ValueError, "randomization"),
        (lambda: twap_times(0, 100, 6, 0.1, -1), ValueError, "seed"),
        (lambda: twap_times(0, 100, 6, 0.1, 2**64), ValueError, "seed"),
        (lambda: twap_times(0, 100, 6, 0.1, True), TypeError, "seed"),
        (lambda: twap_times(0, 100, 6, 0.1, 1.5), TypeError, "seed"),
        (lambda: vwap_capped(3, [1.0], [1.0], 0.0), ValueError, "participation"),
        (lambda: vwap_capped(3, [1.0], [1.0], 1.01), ValueError, "participation"),
        (lambda: vwap_capped(3, [1.0], [1.0], True), TypeError, "participation"),
        (lambda: vwap_capped(3, [1.0], [1.0, 2.0], 0.1), ValueError, "volumes has length 2"),
        (lambda: vwap_capped(3, [1.0], [-1.0], 0.1), ValueError, r"volumes\[0\]"),
        (lambda: vwap_capped(3, [1.0], [math.nan], 0.1), ValueError, r"volumes\[0\]"),
        (lambda: vwap_next(-1, [1.0]), ValueError, "remaining"),
        (lambda: vwap_next(10, [1.0], 1.5), ValueError, "carry"),
        (lambda: vwap_next(10, [1.0], 0.0, -1), ValueError, "cap"),
        (lambda: pov_child(-1, 0.1), ValueError, "others_volume"),
        (lambda: pov_child(1.5, 0.1), TypeError, "others_volume"),
        (lambda: pov_child(1, 1.0), ValueError, "participation"),
        (lambda: pov_child(1, 0), ValueError, "participation"),
        (lambda: pov_child(1, 0.1, -1.0), ValueError, "carry"),
        (lambda: pov_child(1, 0.1, 0.0, math.nan), ValueError, "carry_max"),
        (lambda: pov_child(1, 0.1, remaining=-1), ValueError, "remaining"),
    ]:
        with pytest.raises(error, match=name):
            call()


def test_arrays_of_any_layout_are_accepted():
    curve = np.array(DEFAULT_VOLUME_CURVE)
    expected = vwap_slices(1_234, curve).tolist()
    read_only = curve.copy()
    read_only.flags.writeable = False
    strided = np.repeat(curve, 2)[::2]
    big_endian = curve.astype(">f8")
    for other in (read_only, strided, big_endian, list(curve), tuple(curve)):
        assert vwap_slices(1_234, other).tolist() == expected
    assert vwap_slices(10, np.array([1, 1], np.uint8)).tolist() == [5, 5]
    assert vwap_slices(10, np.array([1, 1], np.float32)).tolist() == [5, 5]
