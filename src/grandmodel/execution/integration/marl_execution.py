"""`MARLExecutionEngine`: decisions of agents in, orders and feedback out, over one engine core."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..engine import ExecutionEngine
from ..events import Event, EventBus, EventType
from ..microstructure.microstructure_engine import MicrostructureEngine
from .decisions import DecisionError, execution_strategy, read_decision

if TYPE_CHECKING:
    from ..clock import Clock
    from ..routing.smart_router import ExecutionResult

log = logging.getLogger("grandmodel.execution.integration")


class MARLExecutionEngine:
    """Executes agents' decisions and tells them what came of it.

    Parameters
    ----------
    config : mapping of whole sections (`order_management`, `routing`, and what else there is; `microstructure` may be
        absent), a path, or an ExecutionConfig
    marl_component : who decides; its `on_execution_feedback(event)`, if it has one, is called (or awaited) with each
        feedback
    event_bus : where feedback is published; None: an EventBus of its own
    engine : an ExecutionEngine that is there already; then `config` must be None
    max_age_seconds : a decision whose (aware) timestamp is older is refused
    feedback_seconds : how long the component may take over a feedback

    `order_manager`, `smart_router` and `microstructure_engine` are faces of one core.
    """

    def __init__(
        self,
        config: Any,
        marl_component: Any,
        event_bus: Any = None,
        *,
        engine: ExecutionEngine | None = None,
        clock: Clock | None = None,
        max_age_seconds: float = 5.0,
        feedback_seconds: float = 1.0,
    ) -> None:
        for name, value in (("max_age_seconds", max_age_seconds), ("feedback_seconds", feedback_seconds)):
            if isinstance(value, bool) or not 0 < value < 86_400:
                raise ValueError(f"{name} is {value!r}, must be seconds above 0, below a day")
        if engine is not None and config is not None:
            raise ValueError("config and engine were both given: an engine has its configuration already")
        self.event_bus = EventBus() if event_bus is None else event_bus
        if isinstance(config, Mapping):
            config = {key: value for key, value in config.items() if value is not None}
        self.engine = ExecutionEngine(config, clock=clock) if engine is None else engine
        self.marl_component = marl_component
        self.order_manager, self.smart_router = self.engine.order_manager, self.engine.router
        self.microstructure_engine = MicrostructureEngine(engine=self.engine)
        self.max_age_seconds, self.feedback_seconds = max_age_seconds, feedback_seconds
        #: Decisions executed and refused; feedbacks that the component failed over, or took too long over.
        self.executed = self.refused = self.feedback_failures = 0

    @property
    def _clock(self) -> Clock:
        clock: Clock = self.engine.core.clock  # type: ignore[assignment]
        return clock

    async def execute_marl_decision(self, decision_event: Any) -> ExecutionResult:
        """Works a decision to its end, by a strategy that its confidence and the market's liquidity choose.

        Parameters
        ----------
        decision_event : Event, or whatever has a `payload` (see `read_decision`) and maybe a `timestamp`

        Raises
        ------
        DecisionError  when the decision is wrong or stale; nothing was submitted then
        OrderRejected  when the engine refuses the order
        """
        try:
            self._not_stale(getattr(decision_event, "timestamp", None))
            payload = getattr(decision_event, "payload", None)
            decision = read_decision(payload, self.engine.core.instruments.symbols)
        except DecisionError as error:
            self.refused += 1
            log.warning("a decision was refused: %s", error)
            raise
        strategy = self._determine_execution_strategy(decision.confidence, decision.symbol)
        order = {
            "symbol": decision.symbol,
            "side": decision.side,
            "quantity": decision.quantity,
            "order_type": "limit" if "limit_price" in decision.terms else "market",
            **decision.terms,
        }
        result: ExecutionResult = await self.smart_router.execute_algorithm_order(order, strategy)
        self.executed += 1
        await self._provide_execution_feedback(payload, result)
        return result

    def _not_stale(self, timestamp: Any) -> None:
        if not isinstance(timestamp, datetime) or timestamp.utcoffset() is None:
            return  # nobody knows of what zone it is: its age cannot be known
        age = (self._clock.now() - timestamp).total_seconds()
        if age > self.max_age_seconds:
            expected = f"at most {self.max_age_seconds:g} s old, not {age:g}"
            raise DecisionError("timestamp", timestamp.isoformat(), expected)

    def _determine_execution_strategy(self, confidence: float, symbol: str) -> dict[str, Any]:
        """The mission's choice; where the market cannot be analysed, as if it were not liquid."""
        try:
            liquidity = float(self.microstructure_engine.analyze_market_conditions(symbol).liquidity_score)
        except Exception:
            log.exception("the market of %s could not be analysed", symbol)
            liquidity = float("nan")
        return execution_strategy(confidence, liquidity)

    async def _provide_execution_feedback(self, original_decision: Any, execution_result: ExecutionResult) -> Event:
        """Tells bus and component: fractions of the decision price, positive = bad for the trader; seconds."""
        result = execution_result
        event = Event(
            event_type=EventType.EXECUTION_FEEDBACK,
            timestamp=self._clock.now(),
            payload={
                "original_decision": original_decision,
                "execution_metrics": {
                    "implementation_shortfall": result.shortfall,
                    "market_impact": result.market_impact,
                    "timing_cost": result.timing_cost,
                    "fill_ratio": result.filled_quantity / result.order_quantity,
                    "execution_time": result.execution_duration,
                },
                "market_conditions": result.market_conditions,
                "venue_used": result.venue,
                "algorithm_used": result.algorithm,
            },
            source="execution_engine",
        )
        published = self.event_bus.publish(event)
        if inspect.isawaitable(published):
            await published
        listener = getattr(self.marl_component, "on_execution_feedback", None)
        if callable(listener):
            await self._tell(listener, event)
        return event

    async def _tell(self, listener: Any, event: Event) -> None:
        """A component that fails or stalls costs nobody his order."""
        try:
            told = listener(event)
            if inspect.isawaitable(told):
                task = asyncio.ensure_future(told)
                timer = asyncio.ensure_future(self._clock.sleep(self.feedback_seconds))
                done, _ = await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
                timer.cancel()
                if task not in done:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, Exception):
                        await task
                    raise TimeoutError(f"on_execution_feedback took more than {self.feedback_seconds:g} s")
                task.result()
        except Exception:
            self.feedback_failures += 1
            log.exception("the component failed over a feedback")

    def close(self) -> None:
        """Closes the engine."""
        self.engine.close()

    def __enter__(self) -> MARLExecutionEngine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
