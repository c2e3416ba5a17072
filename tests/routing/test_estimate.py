"""Pre-trade estimates: the published table where they must agree with it, properties, what is unknown and why."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.execution import OrderValidationError, SmartOrderRouter
from grandmodel.execution._core.values import Unknown
from grandmodel.execution.routing.algorithms.implementation_shortfall import left_at
from grandmodel.execution.routing.estimate import efficient_frontier, trajectory_cost

ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 100_000, "order_type": "market"}
#: IBM of Almgren, Thum, Hauptmann and Li (2005), table 3: V, Theta, sigma, and X = V / 10.
IBM = {"volume_daily": 6.561e6, "sigma_daily": 0.0157, "shares_outstanding": 1728e6}


@pytest.mark.parametrize(
    ("days", "k_bps", "j_bps"), [(0.1, 22.294, 32.224), (0.2, 14.709, 24.638), (0.5, 8.488, 18.418)]
)
def test_a_straight_line_is_the_papers_order(days, k_bps, j_bps):
    steps = 50
    left = np.linspace(1, 0, steps + 1)
    temporary, permanent, risk = trajectory_cost(656_100, left, np.full(steps, days / steps), **IBM)
    assert temporary * 1e4 == pytest.approx(k_bps, abs=5e-4)
    assert (temporary + permanent) * 1e4 == pytest.approx(j_bps, abs=5e-4)
    # sum of x_k^2 tau over a straight line: T (1/3 - 1/(2n) + 1/(6 n^2))
    expected = 0.0157 * math.sqrt(days * (1 / 3 - 1 / (2 * steps) + 1 / (6 * steps**2)))
    assert risk == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=20), st.floats(1e3, 1e7), st.floats(0.05, 2))
def test_a_straight_line_is_the_cheapest(parts, quantity, days):
    """Temporary impact is convex in the rate: any other trajectory costs as much or more (Gatheral 2010)."""
    n = len(parts)
    traded = np.array(parts) / sum(parts)
    left = np.concatenate(([1.0], 1.0 - traded.cumsum()))
    left[-1] = 0.0
    tau = np.full(n, days / n)
    other = trajectory_cost(quantity, left, tau, **IBM)
    straight = trajectory_cost(quantity, np.linspace(1, 0, n + 1), tau, **IBM)
    assert other[0] >= straight[0] * (1 - 1e-12)
    assert other[1] == straight[1]
    assert trajectory_cost(2 * quantity, left, tau, **IBM)[0] == pytest.approx(other[0] * 2**0.6, rel=1e-9)


def test_a_placement_says_what_is_crossed():
    router = SmartOrderRouter({})
    way = {"algorithm": "twap", "duration_minutes": 60}
    changes = ({"urgency": "low"}, {"urgency": "low", "placement": "cross"}, {"placement": "post"})
    low, crossing, posting = router.estimate(ORDER, [way | change for change in changes])
    assert crossing.spread_bps > 0
    assert posting.spread_bps == -crossing.spread_bps
    assert posting.spread_bps <= low.spread_bps < crossing.spread_bps


def test_every_way_side_by_side():
    router = SmartOrderRouter({})
    found = {each.algorithm: each for each in router.estimate(ORDER)}
    market, twap, vwap, shortfall = (found[name] for name in ("market", "twap", "vwap", "implementation_shortfall"))
    for each in (market, twap, vwap, shortfall):
        parts = each.spread_bps + each.fees_bps + each.temporary_bps + each.permanent_bps
        assert each.total_bps == pytest.approx(parts, rel=1e-12)
        assert each.model == "almgren"
    assert market.total_bps > shortfall.total_bps > twap.total_bps
    assert market.risk_bps < shortfall.risk_bps < twap.risk_bps
    hour = router.estimate(ORDER, [{"algorithm": "twap", "duration_minutes": m} for m in (30, 60, 120)])
    assert hour[0].total_bps > hour[1].total_bps > hour[2].total_bps
    assert hour[0].risk_bps < hour[1].risk_bps < hour[2].risk_bps
    urgent, patient = router.estimate(
        ORDER, [{"algorithm": "twap", "duration_minutes": 60, "urgency": each} for each in ("high", "low")]
    )
    assert urgent.spread_bps > 0 > patient.spread_bps


def test_a_short_time_is_taken_as_it_is_and_a_way_without_a_plan_says_what_is_assumed():
    router = SmartOrderRouter({})
    short, minute = router.estimate(ORDER, [{"algorithm": "twap", "duration_minutes": m} for m in (0.5, 1)])
    assert (short.duration_minutes, minute.duration_minutes) == (0.5, 1.0)
    assert short.temporary_bps > minute.temporary_bps
    ways = [{"algorithm": name, "duration_minutes": 60} for name in ("liquidity_seeking", "twap")]
    seeking, twap = router.estimate(ORDER, ways)
    assert "liquidity_seeking has no plan: an even pace over 60 minutes is assumed" in seeking.assumptions
    assert not any("no plan" in each for each in twap.assumptions)


@given(st.floats(0.01, 30), st.floats(0, 1))
def test_the_continuous_trajectory_is_the_papers(kappa_t, part):
    assert left_at(kappa_t, np.array([part]))[0] == pytest.approx(
        math.sinh(kappa_t * (1 - part)) / math.sinh(kappa_t), rel=1e-9, abs=1e-12
    )


def test_what_is_not_known_says_why():
    router = SmartOrderRouter({})
    catalog = router._config.catalog()
    known = catalog["AAPL"]
    no_volume, no_shares = replace(known, adv=None), replace(known, shares_outstanding=None)
    (found,) = router.estimate(ORDER, [{"algorithm": "twap", "duration_minutes": 60}], instrument=no_volume)
    assert found.temporary_bps.reason == "the average daily volume is not known"
    assert isinstance(found.total_bps, Unknown)
    assert found.model == "none"
    assert not isinstance(found.spread_bps, Unknown)
    (found,) = router.estimate(ORDER, [{"algorithm": "twap", "duration_minutes": 60}], instrument=no_shares)
    assert found.permanent_bps.reason == "shares_outstanding is not known"
    assert found.temporary_bps > 0
    with pytest.raises(OrderValidationError, match="quantity"):
        router.estimate({**ORDER, "quantity": -1})
    with pytest.raises(ValueError, match="average daily volume"):
        router.efficient_frontier(ORDER, 60, instrument=no_volume)


def test_the_frontier_trades_cost_for_risk():
    router = SmartOrderRouter({})
    found = router.efficient_frontier({**ORDER, "quantity": 1_000_000}, 390)
    assert np.all(np.diff(found.cost_bps) >= -1e-9)
    assert np.all(np.diff(found.risk_bps) < 0)
    assert np.all(np.diff(found.risk_aversion) > 0)
    assert (found.kappa_T[0], found.risk_aversion[0]) == (0.0, 0.0)
    # the convex side: each step further buys less risk for more cost
    slopes = np.diff(found.cost_bps) / -np.diff(found.risk_bps)
    assert np.all(np.diff(slopes[2:]) > 0)
    aapl = router._config.catalog()["AAPL"]
    for name, arguments in (
        ("quantity", (0.0, 60.0, aapl, 150.0)),
        ("minutes", (1e4, math.nan, aapl, 150.0)),
        ("price", (1e4, 60.0, aapl, 0.0)),
        ("minutes", (1e4, True, aapl, 150.0)),
        ("quantity", (2.0**63, 60.0, aapl, 150.0)),
        ("quantity", ("many", 60.0, aapl, 150.0)),
    ):
        with pytest.raises(ValueError, match=name):
            efficient_frontier(*arguments)
