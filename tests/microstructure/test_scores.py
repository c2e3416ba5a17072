"""Scores from 0 to 1 and the timing of an order: QUANT's number, the properties it lists, bad values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.execution import Unknown
from grandmodel.execution.microstructure.scores import (
    Timing,
    TimingAction,
    depth_score,
    liquidity_score,
    optimal_timing,
    resilience_score,
    spread_score,
    volume_score,
)

positive = st.floats(1e-6, 1e9)


def test_the_reference_number():
    """S=1.2, S0=1, D=18000, D0=20000, tau=4, tau0=5, v=9000, v0=8000: .454545, .473684, .555556, .529412 -> .486241."""
    factors = spread_score(1.2, 1.0), depth_score(18_000, 20_000), resilience_score(4, 5), volume_score(9_000, 8_000)
    assert factors == pytest.approx((0.454545, 0.473684, 0.555556, 0.529412), abs=5e-7)
    assert liquidity_score(*factors) == pytest.approx(0.486241, abs=5e-7)


@given(positive, positive, positive, positive, positive)
def test_range_and_the_usual_market(spread, depth, half_life, volume, reference):
    score = liquidity_score(
        spread_score(spread, reference),
        depth_score(depth, reference),
        resilience_score(half_life, reference),
        volume_score(volume, reference),
    )
    assert 0.0 <= score <= 1.0
    usual = liquidity_score(
        *[f(reference, reference) for f in (spread_score, depth_score, resilience_score, volume_score)]
    )
    assert usual == pytest.approx(0.5, rel=1e-12)


@given(positive, positive, st.floats(1.0, 100.0), positive)
def test_a_wider_spread_never_raises_it_and_more_depth_never_lowers_it(spread, depth, factor, reference):
    def score(s, d):
        return liquidity_score(spread_score(s, reference), depth_score(d, reference), 0.5, 0.5)

    assert score(spread * factor, depth) <= score(spread, depth) * (1 + 1e-12)
    assert score(spread, depth * factor) >= score(spread, depth) * (1 - 1e-12)


def test_an_empty_book_scores_nothing():
    assert depth_score(0.0, 1000) == 0.0
    assert liquidity_score(0.5, depth_score(0.0, 1000), 0.5, 0.5) == 0.0


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_missing_factor_is_left_out(spread, depth, volume):
    expected = (spread**0.35 * depth**0.35) ** (1 / 0.7)
    for missing in (None, Unknown("not measured")):
        assert liquidity_score(spread, depth, missing, missing) == pytest.approx(expected, rel=1e-9)
    three = (spread**0.35 * depth**0.35 * volume**0.15) ** (1 / 0.85)
    assert liquidity_score(spread, depth, None, volume) == pytest.approx(three, rel=1e-9)


def test_weights_are_scaled_and_nothing_known_is_unknown():
    weights = {"spread": 7, "depth": 7, "resilience": 3, "volume": 3}
    assert liquidity_score(0.2, 0.4, 0.6, 0.8, weights=weights) == pytest.approx(liquidity_score(0.2, 0.4, 0.6, 0.8))
    assert liquidity_score(0.2, 0.4, weights={"spread": 1}) == pytest.approx(0.2)
    none = Unknown("nobody quotes")
    assert isinstance(liquidity_score(none, none, none, none), Unknown)
    assert spread_score(none, 5.0) is none


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: spread_score(-1.0), "spread_bps is -1"), (lambda: spread_score(math.nan), "spread_bps is nan"),
        (lambda: spread_score(1.0, 0.0), "reference_bps is 0"), (lambda: depth_score(math.inf, 1), "depth is inf"),
        (lambda: depth_score(True, 1), "depth is True"), (lambda: volume_score("9", 1), "volume is '9'"),
        (lambda: resilience_score(1, -5), "reference_half_life is -5"), (lambda: liquidity_score(1.5, 0.5),
        "spread is 1.5"),
        (lambda: liquidity_score(0.5, -0.1), "depth is -0.1"),
        (lambda: liquidity_score(0.5, 0.5, weights={"width": 1}), "weights has 'width'"),
        (lambda: liquidity_score(0.5, 0.5, weights={"spread": -1}), "weights"),
        (lambda: optimal_timing(-1, 1), "spread_bps is -1"), (lambda: optimal_timing(1, math.inf), "impact_bps is inf"),
        (lambda: optimal_timing(1, 1, sigma_daily=math.nan), "sigma_daily is nan"),
        (lambda: optimal_timing(1, 1, expected_spreads_bps={}), "empty"),
        (lambda: optimal_timing(1, 1, expected_spreads_bps={0: 1}), "a wait is 0"),
    ],
)  # fmt: skip
def test_bad_values_are_named(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()


# ---- timing


def test_costs_of_timing_by_hand():
    """Spread 10 bp against a usual 4 bp, impact 1 bp, half-life 5 s, sigma 2 % a day, risk weight .5."""
    timing = optimal_timing(10, 1, reference_spread_bps=4, sigma_daily=0.02)
    assert timing.cost_now_bps == pytest.approx(6.0)
    tau = 5 / math.log(2)
    costs = {
        w: (4 + 6 * math.exp(-w / tau)) / 2 + 1 + 0.5 * 200 * math.sqrt(w / 23400) for w in (15, 30, 60, 120, 300, 600)
    }
    best = min(costs, key=costs.get)
    assert timing.wait_seconds == (best if costs[best] < 6 else 0)
    assert timing.cost_wait_bps == pytest.approx(costs[best], rel=1e-9)


def test_the_three_answers():
    now = optimal_timing(4, 1, reference_spread_bps=4, sigma_daily=0.02)
    assert (now.action, now.wait_seconds, str(now)) == (TimingAction.EXECUTE_NOW, 0.0, "execute_now")
    wait = optimal_timing(40, 1, reference_spread_bps=4, sigma_daily=0.01)
    assert wait.action is TimingAction.WAIT
    assert str(wait) == f"wait {wait.wait_seconds:g} s"
    passive = optimal_timing(4, 1, reference_spread_bps=4, sigma_daily=0.001, alpha_bps=3.0)
    assert passive.action is TimingAction.PASSIVE
    assert passive.cost_wait_bps < passive.cost_now_bps
    assert f"{passive.action}" == "passive"


def test_a_curve_of_the_day_is_used_where_given():
    timing = optimal_timing(6, 0, expected_spreads_bps={45: 2.0, 90: 5.0})
    assert (timing.action, timing.wait_seconds) == (TimingAction.WAIT, 45)
    assert timing.cost_wait_bps == pytest.approx(1.0)


def test_unknown_costs_advise_nothing_but_to_trade():
    timing = optimal_timing(Unknown("no bids"), 1.0)
    assert timing.action is TimingAction.WAIT
    assert isinstance(timing.cost_now_bps, Unknown)
    assert "no bids" in timing.reason


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 0.1), st.floats(-20, 20))
def test_the_advice_is_the_cheaper_one(spread, impact, sigma, alpha):
    timing = optimal_timing(spread, impact, sigma_daily=sigma, alpha_bps=alpha)
    assert isinstance(timing, Timing)
    assert timing.cost_now_bps == pytest.approx(spread / 2 + impact)
    assert (timing.action is TimingAction.EXECUTE_NOW) == (timing.cost_wait_bps >= timing.cost_now_bps)
    assert optimal_timing(spread, impact, sigma_daily=sigma, alpha_bps=alpha) == timing
