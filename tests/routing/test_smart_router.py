"""The router: the mission's calls, and the choice of a venue by all-in cost."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.scoring import choose

from grandmodel.execution import OrderManager, OrderValidationError, SmartOrderRouter, Unknown
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
            st.sampled_from([0, 100, 500]), st.sampled_from([0, 200]), st.integers(0, 200_000),
        ), min_size=1, max_size=8,
    ),
    side=st.sampled_from([1, -1]),
    quantity=st.integers(1, 800),
    limit=st.none() | st.integers(9_985, 10_015),
    post_only=st.booleans(),
    retail=st.booleans(),
)  # fmt: skip
def test_the_choice_agrees_with_the_plain_twin(venues, side, quantity, limit, post_only, retail):
    instruments = Instruments()
    instruments.add("X", tick_e9=10_000_000)
    table = Venues(instruments)
    rows = []
    table.retail = retail
    for index, row in enumerate(venues):
        bid, ask, bid_size, ask_size, take, make, priority, enabled, kind, largest, smallest, improvement = row
        if bid is not None and ask is not None and bid >= ask:
            ask = bid + 1
        name = f"V{index}"
        table.add(
            name, kind=kind, priority=priority, take_fee_e9=take * 100_000, make_fee_e9=make * 100_000,
            max_order_size=largest, min_size=smallest, enabled=enabled, improvement_e9=improvement,
        )  # fmt: skip
        bid_e9, ask_e9 = (None if price is None else price * 10_000_000 for price in (bid, ask))
        table.set_quote("X", name, bid_e9, ask_e9, bid_size, ask_size)
        rows.append({
            "name": name, "kind": kind, "priority": priority, "enabled": enabled, "take": take * 100_000,
            "make": make * 100_000, "largest": largest, "smallest": smallest, "bid": bid_e9, "ask": ask_e9,
            "bid_size": bid_size, "ask_size": ask_size, "improvement": improvement,
        })  # fmt: skip
    limit_e9 = None if limit is None else limit * 10_000_000
    kind = {"order_type": 1 if limit is None else 2, "time_in_force": 1} if retail else {}  # codes of the FIX names
    got = table.score("X", side, quantity, limit_e9, 1 if post_only else 0, **kind)
    expected = choose(rows, side, quantity, limit_e9, post_only, retail and limit is None)
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


RETAIL = {
    "venues": {"X": {"cost_per_share": 0.001, "order_types": ["market", "limit", "pegged_primary", "pegged_midpoint"]}},
    "dark_pools": {"POOL": {"min_size": 200, "cost_per_share": -0.001}},
    "wholesalers": {"W": {"cost_per_share": 0, "max_order_size": 500, "price_improvement_bps": 0.1}},
}


@pytest.mark.parametrize(
    ("retail", "changes", "venue", "verdict"),
    [
        (True, {}, "W", "chosen"),
        (True, {"quantity": 501}, "X", "order above its max_order_size"),
        (True, {"time_in_force": "DAY"}, "X", "no displayed quote"),
        (True, {"limit_price": 100.0}, "X", "no displayed quote"),
        (False, {}, "X", "no displayed quote"),
    ],
)
def test_a_wholesaler_competes_for_what_a_retail_customer_would_take(retail, changes, venue, verdict):
    router = SmartOrderRouter({**RETAIL, "retail": retail})
    order = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 500.0,
             "time_in_force": "IOC", **changes}  # fmt: skip
    decision = router.route_order(order)
    assert decision.venue == venue
    assert {each.venue: each.verdict for each in decision.venues}["W"] == verdict
    if venue == "W":
        quote = router.core.quote("AAPL")
        assert decision.expected_price == pytest.approx(max(quote.ask - quote.mid * 1e-5, quote.mid), abs=1e-9)
        order_id = int(OrderManager(engine=router.core).submit_order(order))
        filled = router.core.get_order(order_id)
        assert (filled.status, filled.venue) == ("FILLED", "W")
        assert filled.average_price == pytest.approx(decision.expected_price, abs=1e-9)
    router.core.close()


@pytest.mark.parametrize(("quantity", "venue"), [(400, "W"), (600, "X")])
def test_a_retail_customers_market_order_is_executed_at_a_wholesaler_that_may_take_it(quantity, venue):
    async def main():
        router = SmartOrderRouter({**RETAIL, "retail": True})
        return await router.execute_order({**ORDER, "quantity": quantity})

    result = clocks.run(main(), seed=7)
    assert (result.filled_quantity, result.venue) == (quantity, venue)


def test_a_named_venues_own_cost_is_told():
    router = SmartOrderRouter(MISSION_CONFIG)
    core = router.core
    core.touch("AAPL")
    for name, ask in (("NYSE", 200), ("NASDAQ", 201)):
        core.venues.set_quote("AAPL", name, 199 * 10**9, ask * 10**9, 500, 500)
    for name in ("ARCA", "IEX"):
        core.venues.set_quote("AAPL", name, 198 * 10**9, None, 500, 0)
    order = {**ORDER, "order_type": "limit", "limit_price": 205.0, "time_in_force": "IOC"}
    core.venues.protects_quotes = False
    free, named = router.route_order(order), router.route_order({**order, "venue": "NASDAQ"})
    assert (free.venue, free.expected_price) == ("NYSE", 200.0)
    assert (named.venue, named.expected_price) == ("NASDAQ", 201.0)
    assert named.estimated_cost == pytest.approx(100 * (1.5 + 0.0018))
    core.venues.protects_quotes = True
    refused = router.route_order({**order, "venue": "NASDAQ"})
    assert (refused.venue, refused.reason) == (None, "TRADE_THROUGH")
    core.close()


@pytest.mark.parametrize(("kind", "quantity", "venue"), [
    ("pegged_midpoint", 200, "POOL"), ("pegged_midpoint", 199, "X"), ("pegged_primary", 200, "X"),
])  # fmt: skip
def test_a_dark_pool_competes_for_pegs_to_the_middle(kind, quantity, venue):
    router = SmartOrderRouter(RETAIL)
    decision = router.route_order({"symbol": "AAPL", "side": "sell", "quantity": quantity, "order_type": kind})
    assert decision.venue == venue
    router.core.close()


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
