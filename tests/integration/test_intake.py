"""Decisions that are refused: named, counted, and in the journal; too many of them; ways that a component chooses."""

from __future__ import annotations

import asyncio
import logging
import math

import numpy as np
import pytest

from grandmodel.execution import Event, Reason
from grandmodel.execution import clock as clocks
from grandmodel.execution.integration.decisions import DecisionError
from grandmodel.execution.integration.marl_execution import MARLExecutionEngine

DECISION = {"symbol": "AAPL", "side": "buy", "quantity": 200, "confidence": 0.7}
CONFIG = {"order_management": {"max_order_value": 10_000_000}, "routing": {}}
REFUSAL = 5


def decided(payload=None, **changes):
    given = {**DECISION, **changes} if payload is None else payload
    return Event(event_type="D", timestamp=clocks.current_clock().now(), payload=given, source="agents")


@pytest.mark.parametrize(
    ("payload", "field", "row"),
    [
        ({**DECISION, "confidence": math.nan}, "confidence", ("AAPL", 1, 200, [])),
        ({**DECISION, "symbol": "NOPE"}, "symbol", (None, 1, 200, ["symbol"])),
        ({**DECISION, "action": "sell"}, "action", ("AAPL", 1, 200, ["side"])),
        ({**DECISION, "quantity": -3}, "quantity", ("AAPL", 1, 0, ["quantity"])),
        ({**DECISION, "quantity": 2**63}, "quantity", ("AAPL", 1, 0, ["quantity"])),
        ({**DECISION, "side": "\u0000 \U0001f4a5"}, "side", ("AAPL", 0, 200, ["side"])),
        ({**DECISION, "side": np.array([1, 2])}, "side", ("AAPL", 0, 200, ["side"])),
        ({**DECISION, "confidence": 10**400}, "confidence", ("AAPL", 1, 200, [])),
        ("buy!", "payload", (None, 0, 0, [])),
    ],
)  # fmt: skip
def test_a_refused_decision_stands_in_the_journal(payload, field, row):
    async def main():
        with MARLExecutionEngine(CONFIG, None) as engine:
            with pytest.raises(DecisionError) as refused:
                await engine.execute_marl_decision(decided(payload))
            assert refused.value.field == field
            core = engine.engine.core
            written = [record["row"] for _, kind, record in core.journal.scan(0) if kind == REFUSAL]
            assert [int(each["order_id"]) for each in written] == [refused.value.order_id]
            order = core.get_order(refused.value.order_id)
            assert (order.status, order.reason) == ("REJECTED", Reason.DECISION)
            symbol, side, quantity, _ = row
            assert (int(written[0]["side"]), int(written[0]["quantity"])) == (side, quantity)
            assert (int(written[0]["symbol"]) < 0) == (symbol is None)
            told = engine.order_manager.explain(refused.value.order_id)
            assert told.history[-1].details["failed_fields"] == row[3]
            assert "agent's decision was wrong" in told.reason
            assert engine.intake.refused == {field: 1}
            core.check_invariants(from_nothing=True)

    clocks.run(main(), seed=3)


def test_a_hundred_thousand_wrong_decisions_are_as_many_records_and_one_line_by_field(caplog):
    async def main():
        with MARLExecutionEngine(CONFIG, None, decisions_per_second=10**9) as engine:
            wrong = decided(confidence=math.inf)
            for _ in range(100_000):
                with pytest.raises(DecisionError):
                    await engine.execute_marl_decision(wrong)
            assert engine.refused == 100_000
            assert engine.order_manager.statistics()["refused"] == 100_000
            result = await engine.execute_marl_decision(decided())  # and the next is executed as if nothing had been
            assert result.filled_quantity == 200

    with caplog.at_level(logging.WARNING):
        clocks.run(main(), seed=3)
    assert len([record for record in caplog.records if "was refused" in record.message]) == 1


def test_more_than_are_taken_in_a_second_are_refused_and_the_next_second_begins_anew():
    async def main():
        clock = clocks.current_clock()
        with MARLExecutionEngine(CONFIG, None, policy="each", decisions_per_second=10) as engine:
            results = await asyncio.gather(
                *[engine.execute_marl_decision(decided(quantity=1)) for _ in range(25)], return_exceptions=True
            )
            refused = [each for each in results if isinstance(each, DecisionError)]
            assert len(refused) == 15
            assert {each.field for each in refused} == {"rate"}
            assert engine.engine.core.get_order(refused[0].order_id).reason is Reason.DECISION_FLOOD
            await clock.sleep(1.0)
            assert (await engine.execute_marl_decision(decided(quantity=1))).filled_quantity == 1

    clocks.run(main(), seed=3)


class Chooser:
    def __init__(self, choice):
        self.choice, self.asked = choice, []

    async def choose_strategy(self, decision, liquidity):
        self.asked.append((decision.symbol, liquidity))
        if callable(self.choice):
            return await self.choice()
        return self.choice


async def stalls():
    await asyncio.sleep(3600)


async def raises():
    raise RuntimeError("no idea")


@pytest.mark.parametrize(
    ("choice", "algorithm", "failures"),
    [
        ({"algorithm": "pov", "participation_rate": 0.3}, "pov", 0),
        (stalls, "vwap", 1), (raises, "vwap", 1),
        ({"algorithm": "no such"}, "vwap", 1), ({"algorithm": "twap", "duration_minutes": -1}, "vwap", 1),
        (None, "vwap", 1), ([1], "vwap", 1),
    ],
)  # fmt: skip
def test_a_component_chooses_and_one_that_fails_has_the_safe_way(choice, algorithm, failures):
    async def main():
        component = Chooser(choice)
        with MARLExecutionEngine(CONFIG, component) as engine:
            result = await engine.execute_marl_decision(decided(confidence=0.99))
            assert (result.algorithm, engine.strategy_failures) == (algorithm, failures)
            assert engine.engine.core.get_order(result.order_id).algorithm == algorithm  # which the journal says
            assert component.asked[0][0] == "AAPL"

    clocks.run(main(), seed=3)


def test_liquidity_is_looked_at_again_when_it_is_old():
    async def main():
        clock = clocks.current_clock()
        with MARLExecutionEngine(CONFIG, None, liquidity_seconds=10.0) as engine:
            calls = []
            inner = engine.microstructure_engine.analyze_market_conditions
            engine.microstructure_engine.analyze_market_conditions = lambda s: calls.append(s) or inner(s)
            for wait in (0.0, 5.0, 6.0):
                await clock.sleep(wait)
                engine._determine_execution_strategy(0.9, "AAPL")
            assert len(calls) == 2

    clocks.run(main(), seed=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": "nett"}, {"net_seconds": 0}, {"net_seconds": math.nan}, {"decisions_per_second": 0},
        {"decisions_per_second": True}, {"queue_size": 1.5}, {"strategy_seconds": "1"}, {"liquidity_seconds": -1},
        {"liquidity_seconds": "1"},
    ],
)  # fmt: skip
def test_wrong_terms_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MARLExecutionEngine(CONFIG, None, **wrong)


def test_who_comes_as_a_turn_is_given_on_waits_like_everybody():
    """Between a release and the next one's awakening the lock is free, and is the next one's."""

    async def main():
        clock = clocks.current_clock()
        with MARLExecutionEngine(CONFIG, None, max_age_seconds=1.0, queue_size=2) as engine:
            intake, told = engine.intake, []

            async def work(event, seconds):
                turn = await intake.turn(event, "AAPL")
                told.append(clock.now_ns())
                await clock.sleep(seconds)
                turn.release()

            first = await intake.turn(decided(), "AAPL")
            second = asyncio.ensure_future(work(decided(), 100.0))
            await asyncio.sleep(0)
            first.release()
            with pytest.raises(DecisionError) as stale:  # it waited for the second one's hundred seconds
                await intake.turn(decided(), "AAPL")
            assert stale.value.field == "timestamp"
            await second
            assert len(told) == 1
            await work(decided(), 0.0)

    clocks.run(main(), seed=3)


ROUTING = {
    "algorithms": {"pov": {"participation_rate": 0.2, "duration_minutes": 1}},
    "wheels": {"w": {"algorithms": {"pov": {}, "twap": {"duration_minutes": 1}}, "orders": 60}},
}


@pytest.mark.parametrize(
    ("choice", "algorithms"),
    [
        ({"algorithm": "pov"}, {"pov"}), ({"algorithm": "wheel", "wheel": "w"}, {"pov", "twap"}),
        ({"urgency": "high"}, {"market"}),
    ],
)  # fmt: skip
def test_a_component_chooses_whatever_the_router_works(choice, algorithms):
    """With the configuration's parameters and default, and by a wheel."""

    async def main():
        with MARLExecutionEngine({**CONFIG, "routing": ROUTING}, Chooser(choice)) as engine:
            result = await engine.execute_marl_decision(decided())
            assert result.algorithm in algorithms
            assert engine.strategy_failures == 0

    clocks.run(main(), seed=3)


def test_a_wheel_that_there_is_not_is_no_way():
    async def main():
        choice = {"algorithm": "wheel", "wheel": "other"}
        with MARLExecutionEngine({**CONFIG, "routing": ROUTING}, Chooser(choice)) as engine:
            assert (await engine.execute_marl_decision(decided())).algorithm == "vwap"
            assert engine.strategy_failures == 1

    clocks.run(main(), seed=3)
