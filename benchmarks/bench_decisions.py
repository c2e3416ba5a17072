"""An agent's decision: from the event to its order at the venue, and from the fill to the feedback that it hears.

Both are read from stamps inside one run: the event's time, the child order's record, the last fill, the component's
call. The timer of each benchmark is the clock for its first reading, and such a stamp for the second.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from grandmodel.execution import Event
from grandmodel.execution.clock import LiveClock
from grandmodel.execution.integration.marl_execution import MARLExecutionEngine

BASE = time.time_ns()
STAMPS: list[int] = []


def stamped() -> float:
    """Seconds since the module was read: the stamp that waits, else now."""
    return ((STAMPS.pop() if STAMPS else time.time_ns()) - BASE) / 1e9


class Agent:
    """Always sure, whatever the liquidity; notes when it hears of its decisions."""

    heard_ns = 0

    def on_execution_feedback(self, event):
        self.heard_ns = time.time_ns()


class Decisions:
    """Market orders of an agent, one after the other, each taking what stands at the best price."""

    def __init__(self) -> None:
        self.agent = Agent()
        self.engine = MARLExecutionEngine(
            {"market": {"events_per_second": 20}}, self.agent, clock=LiveClock(), decisions_per_second=10**6
        )
        self.core = self.engine.engine.core
        self.engine._liquidity_of = lambda symbol: 1.0
        self.loop = asyncio.new_event_loop()
        self.side = "sell"
        self.result = None

    def event(self) -> Event:
        self.side = "buy" if self.side == "sell" else "sell"
        payload = {"symbol": "AAPL", "side": self.side, "quantity": 1, "confidence": 0.95}
        return Event(event_type="DECISION", timestamp=self.engine._clock.now(), payload=payload, source="agent")

    def close(self) -> None:
        self.loop.close()
        self.engine.close()


def run(benchmark, stamp) -> None:
    """Times decisions up to `stamp(decisions, first id)`."""
    decisions = Decisions()

    def one(event: Event) -> None:
        first = decisions.core.orders.next_id
        try:
            decisions.engine.execute_marl_decision(event).send(None)  # to its end: nothing in it waits
        except StopIteration as done:
            decisions.result = done.value
            STAMPS.append(stamp(decisions, first))

    async def main() -> None:
        benchmark.pedantic(one, setup=lambda: ((decisions.event(),), {}), rounds=2000, warmup_rounds=200)

    try:
        decisions.loop.run_until_complete(main())
        assert decisions.result.filled_quantity == 1
        assert decisions.engine.executed >= 1
    finally:
        decisions.close()


@pytest.mark.benchmark(timer=stamped)
def bench_decision_to_venue(benchmark):
    """From the event to the moment at which the child's order is made, checked, routed and handed over."""
    STAMPS.clear()
    run(benchmark, lambda decisions, first: decisions.core.get_order(first + 1).created_ns)


@pytest.mark.benchmark(timer=stamped)
def bench_fill_to_feedback(benchmark):
    """From the last fill to the agent's own function being called with the feedback."""
    STAMPS.clear()
    begun = 0

    def heard(decisions: Decisions, first: int) -> int:
        # The first reading was of the event: what has passed since the fill is what is wanted.
        return begun + decisions.agent.heard_ns - decisions.core.get_order(first).updated_ns

    def reading() -> float:
        nonlocal begun
        if not STAMPS:
            begun = time.time_ns()
            return (begun - BASE) / 1e9
        return stamped()

    benchmark._timer = reading
    run(benchmark, heard)
