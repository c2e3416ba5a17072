"""The router: the mission's calls, and the choice of a venue by all-in cost."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.scoring import choose

from grandmodel.execution import OrderValidationError, SmartOrderRouter, Unknown
from grandmodel.execution import clock as clocks
from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.scoring import Venues

MISSION_CONFIG = {
    "venues": {
        "NYSE": {"priority": 1, "cost_per_share": 0.0015},
        "NASDAQ": {"priority": 2, "cost_per_share": 0.0018},
        "ARCA": {"priority": 3, "cost_per_share": 0.0012},
        "IEX": {"priority": 4, "cost_per_share": 0.0010},
    },
    "dark_pools": {
        "GOLDMAN": {"min_size": 500, "cost_per_share": 0.0008},
        "MORGAN": {"min_size": 1000, "cost_per_share": 0.0006},
    },
}
ORDER = {"symbol": "AAPL", "quantity": 100, "order_type": "market", "side": "buy"}


def test_route_order_as_in_the_mission():
    async def main():
        router = SmartOrderRouter(MISSION_CONFIG)
        decision = await router.route_order(ORDER)
        again = router.route_order(ORDER)
        return decision, again

    decision, again = asyncio.run(main())
    assert decision.venue in MISSION_CONFIG["venues"]
    assert math.isfinite(decision.estimated_cost)
    assert decision.estimated_cost > 0
    assert f"{decision.estimated_cost:.4f}"
    assert {score.venue for score in decision.venues} == {"NYSE", "NASDAQ", "ARCA", "IEX", "GOLDMAN", "MORGAN"}
    assert [score.verdict for score in decision.venues if score.venue == decision.venue] == ["chosen"]
    assert decision.source == "paper"
    assert again.venue in MISSION_CONFIG["venues"]


def test_a_wrong_order_cannot_be_routed():
    with pytest.raises(OrderValidationError, match="quantity"):
        SmartOrderRouter(MISSION_CONFIG).route_order({**ORDER, "quantity": 0})


def test_the_missions_two_hour_twap_takes_a_moment_of_virtual_time():
    async def main():
        router = SmartOrderRouter(MISSION_CONFIG)
        return await router.execute_algorithm_order(
            {**ORDER, "quantity": 2400},
            {"algorithm": "twap", "duration_minutes": 120, "slice_duration": 5, "randomization": 0.20},
        )

    result = clocks.run(main(), seed=1)
    assert result.filled_quantity == 2400
    assert result.algorithm == "twap"
    assert 3600 < result.execution_duration <= 7200
    parts = result.cost.delay_bps + result.cost.trading_bps + result.cost.opportunity_bps + result.cost.fees_bps
    assert parts == pytest.approx(result.cost.total_bps, abs=1e-9)


def test_execute_order_ends_with_a_result():
    async def main():
        return await SmartOrderRouter(MISSION_CONFIG).execute_order(ORDER)

    result = clocks.run(main())
    assert result.filled_quantity == result.order_quantity == 100
    assert result.fills["quantity"].sum() == 100


def test_execute_order_lets_a_limit_order_rest_until_the_market_comes():
    async def main():
        router = SmartOrderRouter(MISSION_CONFIG)
        bid = router.core.quote("AAPL").bid
        return await router.execute_order({**ORDER, "order_type": "limit", "limit_price": bid}), bid

    result, bid = clocks.run(main())
    assert result.filled_quantity == 100
    assert result.average_price == bid
    assert result.execution_duration > 0


def test_the_missions_confident_decision_is_executed_at_once():
    async def main():
        router = SmartOrderRouter(MISSION_CONFIG)
        strategy = {"urgency": "high", "algorithm": "market_order", "participation_rate": 0.20}
        return await router.execute_algorithm_order(ORDER, strategy)

    assert clocks.run(main()).filled_quantity == 100


PRICES = st.none() | st.integers(9_990, 10_010)


@settings(max_examples=300, deadline=None)
@given(
    venues=st.lists(
        st.tuples(
            PRICES, PRICES, st.integers(1, 1000), st.integers(1, 1000), st.integers(-30, 30), st.integers(-30, 30),
            st.integers(0, 3), st.booleans(), st.sampled_from(["exchange", "ecn", "dark_pool", "wholesaler"]),
            st.sampled_from([0, 100, 500]), st.sampled_from([0, 200]),
        ), min_size=1, max_size=8,
    ),
    side=st.sampled_from([1, -1]),
    quantity=st.integers(1, 800),
    limit=st.none() | st.integers(9_985, 10_015),
    post_only=st.booleans(),
)  # fmt: skip
def test_the_choice_agrees_with_the_plain_twin(venues, side, quantity, limit, post_only):
    instruments = Instruments()
    instruments.add("X", tick_e9=10_000_000)
    table = Venues(instruments)
    rows = []
    for index, (bid, ask, bid_size, ask_size, take, make, priority, enabled, kind, largest, smallest) in enumerate(
        venues
    ):
        if bid is not None and ask is not None and bid >= ask:
            ask = bid + 1
        name = f"V{index}"
        table.add(
            name, kind=kind, priority=priority, take_fee_e9=take * 100_000, make_fee_e9=make * 100_000,
            max_order_size=largest, min_size=smallest, enabled=enabled,
        )  # fmt: skip
        bid_e9, ask_e9 = (None if price is None else price * 10_000_000 for price in (bid, ask))
        table.set_quote("X", name, bid_e9, ask_e9, bid_size, ask_size)
        rows.append({
            "name": name, "kind": kind, "priority": priority, "enabled": enabled, "take": take * 100_000,
            "make": make * 100_000, "largest": largest, "smallest": smallest, "bid": bid_e9, "ask": ask_e9,
            "bid_size": bid_size, "ask_size": ask_size,
        })  # fmt: skip
    limit_e9 = None if limit is None else limit * 10_000_000
    got = table.score("X", side, quantity, limit_e9, 1 if post_only else 0)
    expected = choose(rows, side, quantity, limit_e9, post_only)
    assert (got["venue"], got["cost_e9"], got["takes"]) == expected


def test_a_venue_with_a_worse_quote_is_never_taken_while_a_better_one_can_be():
    instruments = Instruments()
    instruments.add("X", tick_e9=10_000_000)
    table = Venues(instruments)
    table.add("CHEAP", take_fee_e9=-5_000_000)
    table.add("BEST", take_fee_e9=3_000_000)
    table.set_quote("X", "CHEAP", 99_980_000_000, 100_010_000_000, 100, 100)
    table.set_quote("X", "BEST", 99_980_000_000, 100_000_000_000, 100, 100)
    score = table.score("X", 1, 100)
    assert score["venue"] == "BEST"
    assert score["venues"]["CHEAP"] == (None, "its displayed price is worse than the best")


def test_without_quotes_only_the_fee_is_known():
    router = SmartOrderRouter(MISSION_CONFIG)
    instruments = Instruments()
    instruments.add("X", tick_e9=10_000_000)
    table = Venues(instruments)
    table.add("V", make_fee_e9=2_000_000)
    decision = router._decision(table.score("X", 1, 100, 10_000_000_000), 100)
    assert decision.estimated_cost == pytest.approx(0.2)
    assert isinstance(decision.estimated_cost_bps, Unknown)
    assert decision.assumptions
    nowhere = router._decision(table.score("X", 1, 100, None), 100)
    assert nowhere.venue == "V"  # a market order while nobody stands there: the venue will say so
    assert isinstance(nowhere.expected_price, Unknown)
