"""The analyzer: the worked examples, exact sums, what is unknown, days and venues, an engine's own orders."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_routing import MARKET_ORDER, TWAP, execute, synthetic

from grandmodel.execution import OrderManager, UnknownOrder
from grandmodel.execution._core.values import Unknown
from grandmodel.execution.analytics.trade import TradeError
from grandmodel.execution.analytics.trade_cost_analyzer import TradeCostAnalyzer

MISSION = {
    "symbol": "AAPL", "quantity": 1000, "average_price": 150.25, "decision_time": datetime(2025, 1, 1, 9, 30),
    "start_time": datetime(2025, 1, 1, 9, 35), "end_time": datetime(2025, 1, 1, 10, 15), "benchmark_price": 150.00,
}  # fmt: skip


def test_the_missions_example():
    analyzer = TradeCostAnalyzer()
    found = analyzer.analyze_trade(MISSION)
    assert f"{found.implementation_shortfall:.4f}" == "0.0017"
    assert found.implementation_shortfall == pytest.approx(0.25 / 150, rel=1e-12)
    assert found.implementation_shortfall_bps == pytest.approx(16.6666666667, rel=1e-9)
    assert (found.market_impact.reason, found.timing_cost.reason) == ("no arrival price", "no arrival price")
    assert f"{found.vwap_performance:.4f}" == "n/a"
    assert found.fees.reason == "fees were not given"
    for word in ("side", "zone", "benchmark_price", "before fees", "order_quantity"):
        assert any(word in each for each in found.assumptions), word
    assert found.flags == ("its decision is outside the regular session",)  # New Year's Day
    assumed = analyzer.analyze_trade(MISSION, arrival="decision")
    assert (assumed.timing_cost, assumed.market_impact) == (0.0, pytest.approx(0.25 / 150, rel=1e-12))
    day = analyzer.get_daily_performance("2025-01-01")
    assert (day.trade_count, day.unknown) == (2, 0)
    assert day.avg_shortfall == pytest.approx(0.25 / 150, rel=1e-12)
    assert analyzer.compare_venue_performance()["UNSPECIFIED"].fill_rate == 1.0
    empty = analyzer.get_daily_performance("2025-01-02")
    assert empty.trade_count == 0
    assert isinstance(empty.avg_shortfall, Unknown)


@pytest.mark.parametrize(
    ("terms", "bps"),
    [  # the worked examples: delay, trading, opportunity, fees, total
        (
            {"order_quantity": 1000, "decision_price": 10.00, "arrival_price": 10.05, "end_price": 10.08, "fees": 14,
             "fills": [{"price": 10.07, "quantity": 700}]},
            (35.0, 14.0, 24.0, 14.0, 87.0),
        ),
        (
            {"order_quantity": 100_000, "decision_price": 30.00, "arrival_price": 30.10, "end_price": 30.65,
             "fees": 1600, "fills": [{"price": 30.26, "quantity": 80_000}]},
            (8000 / 300, 12_800 / 300, 13_000 / 300, 1600 / 300, 118.0),
        ),
    ],
)  # fmt: skip
def test_worked_examples(terms, bps):
    found = TradeCostAnalyzer().analyze_trade({"symbol": "X", "side": "buy", **terms})
    parts = (found.timing_cost_bps, found.market_impact_bps, found.opportunity_cost_bps, found.fees_bps)
    assert (*parts, found.implementation_shortfall_bps) == pytest.approx(bps, rel=1e-9)
    mirrored = {
        name: 100 - value if name.endswith("price") else value for name, value in terms.items() if name != "fills"
    }
    mirrored["fills"] = [{**fill, "price": 100 - fill["price"]} for fill in terms["fills"]]
    back = TradeCostAnalyzer().analyze_trade({"symbol": "X", "side": "sell", **mirrored})
    assert {k: v for k, v in back.parts_e9.items() if k != "fees"} == {
        k: v for k, v in found.parts_e9.items() if k != "fees"
    }


@given(
    side=st.sampled_from(["buy", "sell"]),
    fills=st.lists(st.tuples(st.integers(1, 500), st.integers(9_000, 11_000)), max_size=6),
    more=st.integers(1, 400),
    prices=st.tuples(*[st.integers(9_000, 11_000)] * 3),
    fees=st.integers(0, 5000),
)
def test_the_parts_are_the_whole_exactly(side, fills, more, prices, fees):
    """Paper return less actual return is the sum of the parts, in integers."""
    filled = sum(quantity for quantity, _ in fills)
    decision, arrival, end = (price / 100 for price in prices)
    found = TradeCostAnalyzer().analyze_trade({
        "symbol": "X", "side": side, "order_quantity": filled + more, "decision_price": decision,
        "arrival_price": arrival, "end_price": end, "fees": fees / 100,
        "fills": [{"quantity": quantity, "price": price / 100} for quantity, price in fills],
    })  # fmt: skip
    parts = found.parts_e9
    assert parts["total"] == parts["delay"] + parts["trading"] + parts["opportunity"] + parts["fees"]
    sign, e9 = (1 if side == "buy" else -1), 10**7
    paper = sign * (filled + more) * (prices[2] - prices[0]) * e9
    actual = sum(sign * quantity * (prices[2] - price) * e9 for quantity, price in fills) - fees * 10**7
    assert parts["total"] == paper - actual


def test_the_markets_vwap_and_the_sign_of_beating_it():
    buy = {"symbol": "X", "side": "buy", "quantity": 10, "average_price": 99.0, "market_vwap": 100.0}
    found = TradeCostAnalyzer().analyze_trade(buy)
    assert found.vwap_performance_bps == pytest.approx(100.0)
    assert found.vwap_slippage_bps == -found.vwap_performance_bps
    assert TradeCostAnalyzer().analyze_trade({**buy, "side": "sell"}).vwap_performance_bps == pytest.approx(-100.0)
    assert found.implementation_shortfall.reason == "no decision price"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        *(({"quantity": value}, "quantity") for value in (-1, 1.5, True, "10", None, float("nan"), 2**63)),
        *(({"average_price": v}, "average_price") for v in (0, -1, True, "1", None, float("inf"), 1e9)),
        *(({"side": value}, "side") for value in ("long", 1, b"buy")),
        *(({"symbol": value}, "symbol") for value in (None, "", 7)),
        ({"decision_time": "noon"}, "decision_time"),
        ({"end_time": True}, "end_time"),
        ({"order_quantity": 10}, "order_quantity"),
        ({"fees": float("nan")}, "fees"),
        *(({"beta": value}, "beta") for value in (10**400, float("nan"), True, "1")),
        ({"fils": []}, "fils"),
        ({"fills": [{"price": 1, "quantity": 1}]}, "average_price"),
        ({"fills": "x"}, "fills"),
        ({"quantity": 0, "average_price": None}, "order_quantity"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(change, field):
    analyzer = TradeCostAnalyzer()
    with pytest.raises(TradeError) as caught:
        analyzer.analyze_trade({**MISSION, **change})
    assert caught.value.field == field
    assert analyzer.analyses == ()


@pytest.mark.parametrize(
    ("fills", "field"),
    [
        ([{"price": 0, "quantity": 1}], "fills[0].price"),
        ([{"price": 1, "quantity": 0}], "fills[0].quantity"),
        ([{"price": 1, "quantity": 1}, 5], "fills[1]"),
        ([{"price": 1, "quantity": 1, "side": "buy"}], "fills[0].side"),
        ([{"price": 1, "quantity": 1, "venue": 3}], "fills[0].venue"),
        ([{"price": 1, "quantity": 2}], "quantity"),
    ],
)
def test_a_wrong_fill_is_named(fills, field):
    with pytest.raises(TradeError) as caught:
        TradeCostAnalyzer().analyze_trade({"symbol": "X", "quantity": 1, "fills": fills})
    assert caught.value.field == field


def test_what_is_odd_is_flagged_not_refused():
    at = datetime(2025, 1, 2, 15, 0, tzinfo=UTC)
    found = TradeCostAnalyzer().analyze_trade({
        "symbol": "X", "decision_time": at, "start_time": at.replace(minute=10), "end_time": at.replace(minute=20),
        "decision_price": 10.0, "fills": [
            {"price": 10.1, "quantity": 5, "time": at.replace(hour=14), "venue": "A"},
            {"price": 10.2, "quantity": 5, "time": at.replace(minute=30), "venue": "B"},
        ],
    })  # fmt: skip
    assert found.flags == ("its first fill is before its decision", "its last fill is after its end")


def test_an_engine_with_a_capture_knows_what_came_after(tmp_path):
    from support import make_core, order

    core, gate = make_core(path=tmp_path / "j", capture=tmp_path / "j.gmc")
    for number in range(40):
        gate.submit_order(order(quantity=100 + number, side="sell" if number % 2 else "buy"))
        core.clock.advance_to(core.clock.now_ns() + 10**9)
    core.clock.advance_to(core.clock.now_ns() + 310 * 10**9)
    core.touch("AAPL")
    analyzer = TradeCostAnalyzer(engine=core)
    venues = analyzer.compare_venue_performance()
    assert sum(each.markouts_bps["5m"].count for each in venues.values()) == len(core.fills())
    assert all(np.isfinite(each.vwap_performance) for each in analyzer.analyses if each.trade.market_vwap_e9)
    core.close()
    closed = TradeCostAnalyzer(engine=core).compare_venue_performance()
    assert {name: each.markouts_bps["1m"].mean for name, each in closed.items() if each.fills} == {
        name: each.markouts_bps["1m"].mean for name, each in venues.items() if each.fills
    }


def test_an_engines_orders_carry_their_own_prices():
    core, clock = synthetic(3)
    result = execute(core, clock, MARKET_ORDER, {**TWAP, "duration_minutes": 20})
    analyzer = TradeCostAnalyzer(engine=core)
    found = analyzer.analyze_trade(result.order_id)
    assert found.parts_e9 == result.cost.parts_e9
    assert found.implementation_shortfall == pytest.approx(result.shortfall, rel=1e-12)
    assert (found.trade.algorithm, found.fill_rate) == ("twap", 1.0)
    assert analyzer.analyze_trade(result.order_id).order_id == result.order_id
    assert len(analyzer.analyses) == 1  # asked for again, it is not kept twice
    om = OrderManager(engine=core)
    single = om.submit_order({**MARKET_ORDER, "side": "sell", "quantity": 500})
    open_one = om.submit_order({**MARKET_ORDER, "order_type": "limit", "limit_price": 100.0})
    day = analyzer.get_daily_performance("2025-01-02")
    assert {each.order_id for each in analyzer.analyses} == {result.order_id, single.order_id}
    assert day.trade_count == 2
    assert day.by_algorithm["twap"].trade_count == 1
    assert [each.order_id for each in day.top_performers] == [
        each.order_id for each in sorted(analyzer.analyses, key=lambda each: each.implementation_shortfall)
    ]
    venues = analyzer.compare_venue_performance()
    rows = core.fills()
    assert sum(each.quantity for each in venues.values()) == rows["quantity"].sum()
    assert sum(each.share for each in venues.values() if each.fills) == pytest.approx(1.0)
    assert sum(each.routing_share for each in venues.values()) == pytest.approx(1.0)
    assert all(set(each.markouts_bps) == {"1s", "10s", "1m", "5m"} for each in venues.values())
    for name, each in venues.items():
        if each.fills:
            mine = rows[rows["venue"] == core.venues.number(name)]
            assert each.quantity == mine["quantity"].sum()
            assert 0 < each.fill_rate <= 1
            assert np.isfinite(each.effective_spread_bps)
    with pytest.raises(TradeError, match="that has ended"):
        analyzer.analyze_trade(open_one.order_id)
    with pytest.raises(UnknownOrder):
        analyzer.analyze_trade(10**9)
    with pytest.raises(TradeError, match="no engine"):
        TradeCostAnalyzer().analyze_trade(1)
    with pytest.raises(TradeError, match="date is 'yesterday'"):
        analyzer.get_daily_performance("yesterday")


def test_columns_cost_what_their_trades_cost_one_by_one():
    analyzer = TradeCostAnalyzer()
    orders = {"side": ["buy", "sell"], "quantity": [1000, 500], "decision": [40.00, 10.00], "arrival": [40.04, 9.99],
              "end": [40.08, 9.95], "fees": [17.0, 2.0]}  # fmt: skip
    fills = {"order": [0, 1], "quantity": [700, 500], "price": [40.05, 9.98]}
    found = analyzer.analyze_trades(orders, fills)
    for k in range(2):
        one = analyzer.analyze_trade({
            "symbol": "X", "side": orders["side"][k], "order_quantity": orders["quantity"][k],
            "decision_price": orders["decision"][k], "arrival_price": orders["arrival"][k],
            "end_price": orders["end"][k], "fees": orders["fees"][k],
            "fills": [{"price": fills["price"][k], "quantity": fills["quantity"][k]}],
        })  # fmt: skip
        assert found["total_bps"][k] == pytest.approx(one.implementation_shortfall_bps, rel=1e-12)
    assert analyzer.get_daily_performance("2025-01-02").trade_count == 0  # without times they are of no day


def test_columns_are_a_trade_too():
    """The mission's analyzer takes columns: orders and fills; a table alone says what is missing."""
    analyzer = TradeCostAnalyzer()
    orders = {"side": ["buy", "sell"], "quantity": np.array([10, 10]), "decision": np.array([100.0, 100.0])}
    fills = {"order": np.array([0, 1]), "quantity": np.array([10, 10]), "price": np.array([101.0, 101.0])}
    found = analyzer.analyze_trade(orders, fills)
    assert found["average_price"].tolist() == [101.0, 101.0]
    assert found.columns().keys() == analyzer.analyze_trades(orders, fills).columns().keys()
    with pytest.raises(TradeError, match="trade is 'list', must be a mapping, an order id, or, with fills beside it"):
        analyzer.analyze_trade([orders])
