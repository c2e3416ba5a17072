"""`MARLExecutionEngine`: decisions of agents in, orders and feedback out, over one engine core."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from ..deadlines import call_within
from ..engine import ExecutionEngine
from ..events import Event, EventBus
from ..microstructure.microstructure_engine import MicrostructureEngine
from ..routing.algorithms import make_algorithm
from ..routing.algorithms.market import Market
from .decisions import SAFE, Decision, execution_strategy, is_at_once
from .feedback import feedback_event, netted_feedback
from .intake import Intake
from .netting import Share, net

if TYPE_CHECKING:
    from ..clock import Clock
    from ..routing.ticket import ExecutionResult

log = logging.getLogger("grandmodel.execution.integration")

#: What happens to decisions on a symbol in which an earlier one is still being worked.
POLICIES = ("queue", "net", "each")


class MARLExecutionEngine:
    """Executes agents' decisions and tells them what came of it.

    Parameters
    ----------
    config : mapping of whole sections (`order_management`, `routing`, and what else there is; `microstructure` may be
        absent), a path, or an ExecutionConfig
    marl_component : who decides. Its `on_execution_feedback(event)`, if it has one, is called (or awaited) with each
        feedback; its `choose_strategy(decision, liquidity_score)`, if it has one, says how a decision is worked, in
        place of the mission's thresholds: a mapping as for `execute_algorithm_order`
    event_bus : where feedback is published; None: an EventBus of its own
    engine : an ExecutionEngine that is there already; then `config` must be None
    policy : what becomes of several decisions on one symbol. "queue": one after the other, in their order (the
        default); "net": those that come within `net_seconds` become one order for the difference, what they want of one
        another is crossed within, and the feedback splits the order by contribution (`netting.py`); a decision with a
        limit price is not netted. "each": all at once, whatever they are
    net_seconds : how long the first decision waits for others
    max_age_seconds : a decision whose (aware) timestamp is older is refused, also when its turn comes late
    decisions_per_second, queue_size : more are refused; of those that wait for their turn, by symbol
    liquidity_seconds : a symbol's liquidity is analysed anew once it is older than that (0: for each decision)
    strategy_seconds, feedback_seconds : how long the component may take to choose a way, and over a feedback. One that
        is late, fails, or chooses what there is not has its decision worked the safe way (`decisions.SAFE`)

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
        policy: str = "queue",
        net_seconds: float = 0.05,
        max_age_seconds: float = 5.0,
        decisions_per_second: int = 1000,
        queue_size: int = 64,
        liquidity_seconds: float = 1.0,
        strategy_seconds: float = 0.05,
        feedback_seconds: float = 1.0,
    ) -> None:
        if policy not in POLICIES:
            raise ValueError(f"policy is {policy!r}, must be one of {', '.join(POLICIES)}")
        for name, value in (
            ("max_age_seconds", max_age_seconds), ("feedback_seconds", feedback_seconds), ("net_seconds", net_seconds),
            ("strategy_seconds", strategy_seconds),
        ):  # fmt: skip
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 86_400:
                raise ValueError(f"{name} is {value!r}, must be seconds above 0, below a day")
        number = isinstance(liquidity_seconds, int | float) and not isinstance(liquidity_seconds, bool)
        if not number or not 0 <= liquidity_seconds < 86_400:
            raise ValueError(f"liquidity_seconds is {liquidity_seconds!r}, must be seconds from 0 up, below a day")
        for name, count in (("decisions_per_second", decisions_per_second), ("queue_size", queue_size)):
            if isinstance(count, bool) or not isinstance(count, int) or not 0 < count < 2**31:
                raise ValueError(f"{name} is {count!r}, must be a whole number above 0")
        if engine is not None and config is not None:
            raise ValueError("config and engine were both given: an engine has its configuration already")
        self.event_bus = EventBus() if event_bus is None else event_bus
        if isinstance(config, Mapping):
            config = {key: value for key, value in config.items() if value is not None}
        self.engine = ExecutionEngine(config, clock=clock) if engine is None else engine
        self.marl_component = marl_component
        self.order_manager, self.smart_router = self.engine.order_manager, self.engine.router
        self.microstructure_engine = MicrostructureEngine(engine=self.engine)
        self.policy, self.net_seconds = policy, net_seconds
        self.liquidity_seconds = liquidity_seconds
        self.strategy_seconds, self.feedback_seconds = strategy_seconds, feedback_seconds
        self.intake = Intake(self.engine.core, max_age_seconds, decisions_per_second, queue_size)
        #: Decisions executed; strategies and feedbacks that the component or the bus failed over, or took too long.
        self.executed = self.strategy_failures = self.feedback_failures = 0
        self._at_once: Mapping[str, Any] = execution_strategy(1.0, 1.0)
        self._market = cast(Market, make_algorithm(self._at_once))
        self._liquidity: dict[str, tuple[int, float]] = {}
        self._rounds: dict[str, _Round] = {}

    @property
    def refused(self) -> int:
        """Decisions refused; `intake.refused` has them by field."""
        return self.intake.refused.total()

    @property
    def _clock(self) -> Clock:
        clock: Clock = self.engine.core.clock  # type: ignore[assignment]
        return clock

    async def execute_marl_decision(self, decision_event: Any) -> ExecutionResult | None:
        """Works a decision to its end, by a strategy that its confidence and the market's liquidity choose.

        Parameters
        ----------
        decision_event : Event, or whatever has a `payload` (see `read_decision`) and maybe a `timestamp`

        Returns
        -------
        ExecutionResult : of its order; of a decision that was netted, of the order that they have in common (None:
            they were even, and nothing was sent)

        Raises
        ------
        DecisionError  when the decision is wrong or stale, or there are too many; nothing was submitted, a REFUSAL
            stands in the journal
        OrderRejected  when the engine refuses the order
        """
        decision = self.intake.read(decision_event)
        if self.policy == "each":
            return await self._one(decision, decision_event.payload)
        if self.policy == "net" and "limit_price" not in decision.terms:
            return await self._together(decision, decision_event)
        turn = await self.intake.turn(decision_event, decision.symbol)
        try:
            return await self._one(decision, decision_event.payload)
        finally:
            turn.release()

    async def _one(self, decision: Decision, payload: Any) -> ExecutionResult:
        """Works a decision on its own; where it is over at once the agent hears of it first."""
        if self._chooser() is None:
            strategy = self._determine_execution_strategy(decision.confidence, decision.symbol)
        else:
            strategy = await self._chosen_strategy(decision)
        router, order = self.smart_router, decision.order()
        if strategy is not self._at_once:
            result: ExecutionResult = await router.execute_algorithm_order(order, strategy)
        else:
            taking = router.take_at_once(order, self._market)
            if taking.is_over:
                self.executed += 1
                await self._tell(feedback_event(payload, taking.outcome(), self._clock.now()))
                return router.taken(taking)
            result = await router.take_on(taking, self._market)
        self.executed += 1
        await self._provide_execution_feedback(payload, result)
        return result

    # ---- several agents at once ----

    async def _together(self, decision: Decision, event: Any) -> ExecutionResult | None:
        """Joins the round of its symbol and account, which waits for others and works what is left in a task of its
        own: a decision counts once it was given, and the round ends with the last who waits for it."""
        key = f"{decision.symbol} {decision.terms.get('account')}"
        joined = self._rounds.get(key)
        if joined is None:
            joined = self._rounds[key] = _Round()
            joined.work = asyncio.ensure_future(self._round(key, joined))
        joined.add(decision, event)
        work = joined.work
        assert work is not None
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            joined.waiting -= 1
            if joined.waiting == 0 and not work.done():
                if self._rounds.get(key) is joined:
                    del self._rounds[key]
                work.cancel()
                await asyncio.wait({work})  # its order is withdrawn then
            raise

    async def _round(self, key: str, of: _Round) -> ExecutionResult | None:
        """Waits for others and for the symbol, then works what is left of all."""
        try:
            await self._clock.sleep(self.net_seconds)
        finally:
            if self._rounds.get(key) is of:
                del self._rounds[key]
        turn = await self.intake.turn(of.events[0], of.decisions[0].symbol)
        try:
            return await self._netted(of)
        finally:
            turn.release()

    async def _netted(self, of: _Round) -> ExecutionResult | None:
        left, shares = net(of.decisions)
        if len(shares) == 1:
            return await self._one(of.decisions[0], of.events[0].payload)
        result: ExecutionResult | None = None
        if left is not None:
            chosen = self._determine_execution_strategy(left.confidence, left.symbol)
            strategy = chosen if self._chooser() is None else await self._chosen_strategy(left)
            result = await self.smart_router.execute_algorithm_order(left.order(), strategy)
        self.executed += len(shares)
        for event, share in zip(of.events, shares, strict=True):
            await self._tell(self._shared(event.payload, share, result, len(shares)))
        return result

    def _shared(self, payload: Any, share: Share, result: ExecutionResult | None, agents: int) -> Event:
        core = self.engine.core
        mid = core.quote(share.decision.symbol).mid_e9
        conditions = {"decision_price": None if mid is None else mid / 1e9, "source": core.market.source}
        return netted_feedback(payload, share, result, agents, conditions, self._clock.now())

    # ---- how it is worked ----

    def _chooser(self) -> Any:
        chooser = getattr(self.marl_component, "choose_strategy", None)
        return chooser if callable(chooser) else None

    async def _chosen_strategy(self, decision: Decision) -> Mapping[str, Any]:
        """The component's own choice; the safe way where it fails, stalls or chooses what there is not."""
        try:
            liquidity = self._liquidity_of(decision.symbol)
            chooser = self._chooser()
            strategy: Mapping[str, Any] = await call_within(
                self._clock, self.strategy_seconds, chooser, decision, liquidity
            )
            self.smart_router.check_algorithm(strategy)  # raises where there is no such way
        except Exception:
            self.strategy_failures += 1
            log.exception("the component chose no way to work a decision: the safe one is taken")
            return SAFE
        return strategy

    def _determine_execution_strategy(self, confidence: float, symbol: str) -> Mapping[str, Any]:
        """The mission's choice; where the market cannot be analysed, as if it were not liquid."""
        liquidity = self._liquidity_of(symbol)
        if is_at_once(confidence, liquidity):
            return self._at_once
        return execution_strategy(confidence, liquidity)

    def _liquidity_of(self, symbol: str) -> float:
        now = self.engine.core.clock.now_ns()
        known = self._liquidity.get(symbol)
        if known is not None and now - known[0] < self.liquidity_seconds * 1e9:
            return known[1]
        try:
            score = float(self.microstructure_engine.analyze_market_conditions(symbol).liquidity_score)
        except Exception:
            log.exception("the market of %s could not be analysed", symbol)
            score = math.nan
        self._liquidity[symbol] = now, score
        return score

    # ---- what it is told ----

    async def _provide_execution_feedback(self, original_decision: Any, execution_result: ExecutionResult) -> Event:
        """Tells bus and component: fractions of the decision price, positive = bad for the trader; seconds."""
        event = feedback_event(original_decision, execution_result, self._clock.now())
        await self._tell(event)
        return event

    async def _tell(self, event: Event) -> None:
        """Publishes a feedback, and gives it to the component: one that fails or stalls costs nobody his result."""
        try:
            published = self.event_bus.publish(event)
            if inspect.isawaitable(published):
                await published
        except Exception:
            self.feedback_failures += 1
            log.exception("the event bus failed over a feedback")
        listener = getattr(self.marl_component, "on_execution_feedback", None)
        if not callable(listener):
            return
        try:
            await call_within(self._clock, self.feedback_seconds, listener, event)
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


class _Round:
    """Decisions that came together, and how many wait for what becomes of them."""

    def __init__(self) -> None:
        self.work: asyncio.Future[ExecutionResult | None] | None = None
        self.decisions: list[Decision] = []
        self.events: list[Any] = []
        self.waiting = 0

    def add(self, decision: Decision, event: Any) -> None:
        self.decisions.append(decision)
        self.events.append(event)
        self.waiting += 1
