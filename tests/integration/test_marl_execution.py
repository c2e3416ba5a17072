"""Decisions in, orders and feedback out: the mission's thresholds, feedback, and faults of agents."""

from __future__ import annotations

import asyncio
import math
import random
from datetime import UTC, timedelta
from fractions import Fraction

import pytest

from grandmodel.execution import Event, EventBus, EventType, RiskLimitBreached
from grandmodel.execution import clock as clocks
from grandmodel.execution.integration.decisions import DecisionError, execution_strategy, read_decision
from grandmodel.execution.integration.marl_execution import MARLExecutionEngine

DECISION = {"symbol": "AAPL", "side": "buy", "quantity": 200, "confidence": 0.9}
CONFIG = {"order_management": {"max_order_value": 10_000_000}, "routing": {}}


@pytest.mark.parametrize(
    ("confidence", "liquidity", "algorithm", "minutes"),
    [
        (0.81, 0.71, "market_order", None), (0.8, 0.71, "twap", 30), (0.81, 0.7, "twap", 30),
        (1.0, 1.0, "market_order", None),
        (0.61, 0.0, "twap", 30), (0.6, 1.0, "vwap", 120), (0.0, 1.0, "vwap", 120), (0.9, math.nan, "twap", 30),
    ],
)  # fmt: skip
def test_each_threshold_is_strict(confidence, liquidity, algorithm, minutes):
    strategy = execution_strategy(confidence, liquidity)
    assert (strategy["algorithm"], strategy.get("duration_minutes")) == (algorithm, minutes)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"confidence": math.nan}, "confidence"), ({"confidence": 1.5}, "confidence"),
        ({"confidence": True}, "confidence"), ({"confidence": None}, "confidence"),
        ({"symbol": "NOPE"}, "symbol"), ({"symbol": None}, "symbol"),
        ({"side": "up"}, "side"), ({"side": None}, "side"), ({"action": "sell"}, "action"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -5}, "quantity"), ({"quantity": 1.5}, "quantity"), ({"quantity": True}, "quantity"),
        ({"quantity": 2**63}, "quantity"), ({"side": 1}, "side"),
    ],
)  # fmt: skip
def test_a_wrong_decision_is_refused_by_field(change, field):
    with pytest.raises(DecisionError) as refused:
        read_decision({**DECISION, **change}, {"AAPL"})
    assert refused.value.field == field
    with pytest.raises(DecisionError, match="payload"):
        read_decision([], {"AAPL"})


def test_a_side_may_be_an_action():
    assert read_decision({**DECISION, "side": None, "action": "SELL"}, {"AAPL"}).side == "sell"
    assert read_decision({**DECISION, "action": "buy"}, {"AAPL"}).side == "buy"


class Component:
    def __init__(self):
        self.heard = []

    def on_execution_feedback(self, event):
        self.heard.append(event)


def decided(**changes):
    return Event(
        event_type="DECISION", timestamp=clocks.current_clock().now(), payload={**DECISION, **changes}, source="agents"
    )


def test_a_decision_is_executed_and_its_feedback_is_the_missions():
    async def main():
        component, bus, told = Component(), EventBus(), []
        bus.subscribe(EventType.EXECUTION_FEEDBACK, told.append)
        with MARLExecutionEngine(CONFIG, component, bus) as engine:
            event = decided(confidence=0.7, agents=["a", "b"])
            result = await engine.execute_marl_decision(event)
            assert engine.order_manager.core is engine.smart_router.core
            assert result.algorithm == "twap"
            assert result.filled_quantity == 200
            assert told == component.heard
            (feedback,) = told
            payload = feedback.payload
            assert payload["original_decision"] is event.payload
            assert payload["execution_metrics"] == {
                "implementation_shortfall": result.shortfall, "market_impact": result.market_impact,
                "timing_cost": result.timing_cost, "fill_ratio": 1.0, "execution_time": result.execution_duration,
            }  # fmt: skip
            assert payload["algorithm_used"] == "twap"
            assert payload["venue_used"] == result.venue
            assert feedback.timestamp.utcoffset() is not None
            assert feedback.timestamp == engine.engine.core.clock.now()
            assert feedback.source == "execution_engine"
            assert result.execution_duration > 60  # in the clock's time

    clocks.run(main(), seed=3)


@pytest.mark.parametrize(
    ("confidence", "liquidity", "algorithm"),
    [(0.81, 0.71, "market"), (0.8, 0.71, "twap"), (0.81, 0.7, "twap"), (0.61, 0.0, "twap"), (0.6, 1.0, "vwap")],
)
def test_the_way_that_the_thresholds_choose_is_the_orders(confidence, liquidity, algorithm):
    async def main():
        with MARLExecutionEngine(CONFIG, None) as engine:
            engine._liquidity_of = lambda symbol: liquidity
            result = await engine.execute_marl_decision(decided(confidence=confidence))
            assert (result.algorithm, result.filled_quantity) == (algorithm, 200)
            assert engine.engine.core.get_order(result.order_id).algorithm == algorithm

    clocks.run(main(), seed=3)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_fed_back_is_paper_return_less_actual_return(seed):
    """Perold 1988, from the fills alone, over random decisions; a part of some is not filled."""
    draw = random.Random(seed)
    side, quantity = draw.choice(["buy", "sell"]), draw.choice([1, 137, 900, 60_000])

    async def main():
        component = Component()
        with MARLExecutionEngine(CONFIG, component) as engine:
            engine._liquidity_of = lambda symbol: draw.random()
            terms = {"side": side, "quantity": quantity, "confidence": draw.random()}
            result = await engine.execute_marl_decision(decided(**terms))
            return result, component.heard[0].payload["execution_metrics"]

    result, told = clocks.run(main(), seed=seed)
    sign = 1 if side == "buy" else -1
    decision, arrival, end = (
        Fraction(result.market_conditions[name]).limit_denominator(10**9)
        for name in ("decision_price", "arrival_price", "end_price")
    )
    fills = [(int(row["quantity"]), Fraction(int(row["price_e9"]), 10**9)) for row in result.fills]
    fees = Fraction(int(result.fills["fee_e9"].sum()), 10**9)
    filled = sum(q for q, _ in fills)
    actual = sign * sum(q * (end - p) for q, p in fills) - fees
    paper = sign * quantity * (end - decision)
    paid = quantity * decision
    assert told["implementation_shortfall"] == pytest.approx(float((paper - actual) / paid), rel=1e-9, abs=1e-15)
    impact = sign * sum(q * (p - arrival) for q, p in fills)
    assert told["market_impact"] == pytest.approx(float(impact / paid), rel=1e-9, abs=1e-15)
    assert told["timing_cost"] == pytest.approx(float(sign * filled * (arrival - decision) / paid), rel=1e-9, abs=1e-15)
    assert told["fill_ratio"] == filled / quantity
    assert 0.0 <= told["fill_ratio"] <= 1.0
    assert told["execution_time"] == result.execution_duration >= 0.0


def test_a_stale_decision_is_refused_and_one_without_a_zone_is_not_judged():
    async def main():
        with MARLExecutionEngine(CONFIG, None) as engine:
            old = decided(confidence=0.95)
            old = Event(event_type="DECISION", timestamp=old.timestamp - timedelta(seconds=6), payload=old.payload)
            with pytest.raises(DecisionError, match="timestamp"):
                await engine.execute_marl_decision(old)
            assert (engine.executed, engine.refused) == (0, 1)
            assert engine.order_manager.statistics()["accepted"] == 0
            time = old.timestamp.astimezone(UTC).replace(tzinfo=None)
            naive = Event(event_type="DECISION", timestamp=time, payload=old.payload)
            await engine.execute_marl_decision(naive)
            assert engine.executed == 1

    clocks.run(main(), seed=3)


def test_the_risk_gate_is_the_engines():
    async def main():
        config = {**CONFIG, "risk_controls": {"position_limits": {"default": 100}}}
        with MARLExecutionEngine(config, None) as engine:
            with pytest.raises(RiskLimitBreached):
                await engine.execute_marl_decision(decided())
            assert engine.order_manager.statistics()["refused"] == 1

    clocks.run(main(), seed=3)


@pytest.mark.parametrize("fault", ["raises", "stalls", "later"])
def test_a_component_that_fails_or_stalls_costs_nobody_his_order(fault, caplog):
    class Faulty:
        def on_execution_feedback(self, event):
            if fault == "raises":
                raise RuntimeError("no")
            return self.late()

        async def late(self):
            if fault == "stalls":
                await asyncio.sleep(3600)
            raise RuntimeError("later")

    async def main():
        with MARLExecutionEngine(CONFIG, Faulty()) as engine:
            result = await engine.execute_marl_decision(decided())
            assert result.filled_quantity == 200
            assert engine.feedback_failures == 1

    clocks.run(main(), seed=3)
    assert "failed over a feedback" in caplog.text


@pytest.mark.parametrize("wrong", [{"max_age_seconds": 0}, {"feedback_seconds": True}, {"max_age_seconds": math.nan}])
def test_wrong_bounds_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MARLExecutionEngine(CONFIG, None, **wrong)
