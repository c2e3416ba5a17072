"""`SmartOrderRouter`: where an order would go and what it would cost there; and orders worked to their end.

Whatever it executes passes the engine's one gate, like any other order.
"""

from __future__ import annotations

import asyncio
from _thread import RLock
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .._core.values import OrderStatus, OrderValidationError, Reason, Unknown
from ..analytics.execution_cost import ExecutionCost, execution_cost
from ..clock import Clock, to_ns
from .algorithms import make_algorithm
from .algorithms.parent import Parent, Progress, run_parent

if TYPE_CHECKING:
    import numpy as np

    from .._core.orders import Order
    from .._core.submit import Core
    from ..instruments import Instrument
    from .estimate import Frontier, PreTradeEstimate


@dataclass(frozen=True, slots=True)
class VenueScore:
    """What an order would cost at one venue, and why it was or was not chosen. `cost`: per share against the mid."""

    venue: str
    cost: float
    verdict: str


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Where an order would go. Awaitable, so that both ways of asking for it work.

    `estimated_cost`: dollars for the whole order against the consolidated mid, spread and fees and impact; without
    quotes the fees only, which `assumptions` then says. `venue` is None when no venue can take the order; `reason` says
    why.
    """

    venue: str | None
    estimated_cost: float
    estimated_cost_bps: float
    expected_price: float
    reason: str
    venues: tuple[VenueScore, ...]
    assumptions: tuple[str, ...] = ()
    source: str = "paper"

    def __await__(self) -> Generator[None, None, RoutingDecision]:
        return self
        yield


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """How an order ended and what it cost. Costs are fractions of the decision price, positive = bad for the trader."""

    order_id: int
    status: OrderStatus
    symbol: str
    venue: str | None
    algorithm: str
    order_quantity: int
    filled_quantity: int
    average_price: float
    fills: np.ndarray[Any, Any]
    shortfall: float
    market_impact: float
    timing_cost: float
    execution_duration: float
    market_conditions: dict[str, Any] = field(default_factory=dict)
    cost: ExecutionCost | None = None


class AlgorithmTicket:
    """A parent order that an algorithm works, in a task of its own: look at it, change it, await its result."""

    def __init__(self, router: SmartOrderRouter, parent: Parent) -> None:
        self._router, self.parent = router, parent
        self._task = asyncio.ensure_future(run_parent(parent))

    @property
    def order_id(self) -> int:
        return self.parent.order_id

    @property
    def order(self) -> Order:
        """The parent as it stands now."""
        return self.parent.order

    @property
    def status(self) -> OrderStatus:
        return self.parent.order.status

    @property
    def progress(self) -> Progress:
        """How far it is, now."""
        return self.parent.progress

    def pause(self) -> None:
        """Withdraws what is at work, and places nothing until `resume`; its end does not move."""
        self.parent.pause()

    def resume(self) -> None:
        """Goes on, with a plan for what is left."""
        self.parent.resume()

    def amend(
        self,
        *,
        quantity: int | None = None,
        end: datetime | int | None = None,
        limit_price: float | Decimal | str | int | None = None,
    ) -> None:
        """Another quantity of the whole order, end (aware datetime, or nanoseconds) or limit; what is left is planned
        anew.

        Raises
        ------
        ValueError  when the end is not after now, or less is asked than is filled or at work; nothing has changed then
        OrderValidationError, OrderStateError, RiskLimitBreached  when the engine does not take the others
        """
        now = self.parent.clock.now_ns()
        end_ns = None if end is None else to_ns(end, "end")
        if end_ns is not None and end_ns <= now:
            raise ValueError(f"end is {end!r}, must be after now ({now})")
        if quantity is None and limit_price is None and end is None:
            raise ValueError("nothing is changed: give quantity, end or limit_price")
        order = self.order
        if quantity is not None and quantity < order.filled_quantity + order.working_quantity:
            least = order.filled_quantity + order.working_quantity
            raise ValueError(f"quantity is {quantity}, must be at least {least}: what is filled or at work")
        if quantity is not None or limit_price is not None:
            from ..order_management.order_manager import OrderManager

            manager = OrderManager(engine=self._router.core)
            manager.replace_order(self.order_id, quantity=quantity, limit_price=limit_price)
        self.parent.replan(end_ns, withdraw=limit_price is not None)

    def cancel(self) -> None:
        """Asks for the end of parent and children; the ticket's result then says what was done."""
        self._router.core.cancel(self.order_id)

    def __await__(self) -> Generator[Any, None, ExecutionResult]:
        return self._finish().__await__()

    async def _finish(self) -> ExecutionResult:
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:  # whoever waits is cancelled: so is the order
            if not self._task.done():
                self._task.cancel()
                await asyncio.wait({self._task})
            raise
        return self._router.result(self.parent)


class SmartOrderRouter:
    """Chooses venues by all-in cost, and works orders with the algorithms.

    Parameters
    ----------
    config : mapping of the `routing` section (`venues`, `dark_pools`, `wholesalers`), optionally with whole other
        sections
    engine : an ExecutionEngine or one of its parts; None: a private paper core, made at first use
    """

    def __init__(self, config: Any = None, *, engine: Any = None) -> None:
        self._engine = engine
        self._core: Core | None = None
        self._opening = RLock()
        if engine is None:
            from ..config import router_config

            self._config = router_config(config)
        elif config is not None:
            raise ValueError("config and engine were both given: an engine has its configuration already")

    @property
    def core(self) -> Core:
        """The engine core behind this face."""
        if self._core is None:
            from ..engine import core_of, private_core

            with self._opening:  # two threads at the first use make one core
                if self._core is None:
                    self._core = private_core(self._config) if self._engine is None else core_of(self._engine)
        return self._core

    def route_order(self, order: Mapping[str, Any]) -> RoutingDecision:
        """Where `order` would go now; nothing is sent. Works when called, and may be awaited.

        Raises OrderValidationError when a field of the order is wrong.
        """
        core = self.core
        self._check(order)
        terms = core.reader.terms(order)
        symbol = order["symbol"]
        core.touch(symbol)
        score = core.venues.score(symbol, terms["side"], terms["quantity"], terms["limit_price_e9"], terms["flags"])
        return self._decision(score, terms["quantity"])

    def _decision(self, score: dict[str, Any], quantity: int) -> RoutingDecision:
        cost, mid = score["cost_e9"], score["mid_e9"]
        nowhere = Unknown("no venue can take the order")
        venues = tuple(
            VenueScore(name, Unknown(verdict) if each is None else each / 1e9, verdict)
            for name, (each, verdict) in score["venues"].items()
        )
        return RoutingDecision(
            venue=score["venue"],
            estimated_cost=nowhere if cost is None else cost * quantity / 1e9,
            estimated_cost_bps=nowhere if cost is None else Unknown("no quote") if mid is None else cost / mid * 1e4,
            expected_price=Unknown("no quote") if score["price_e9"] is None else score["price_e9"] / 1e9,
            reason="chosen" if score["reason"] is None else score["reason"].name,
            venues=venues,
            assumptions=_assumptions(score, quantity),
            source=self.core.market.source,
        )

    def estimate(
        self,
        order: Mapping[str, Any],
        ways: Sequence[Mapping[str, Any]] | None = None,
        *,
        instrument: Instrument | None = None,
    ) -> list[PreTradeEstimate]:
        """What `order` is expected to cost in each way, side by side, before anything is sent.

        Parameters
        ----------
        order : mapping of an order
        ways : algorithms' configurations; None: at once, and TWAP, VWAP and implementation shortfall over an hour
        instrument : its adv, volatility and shares outstanding; None: the configuration's catalog
        """
        from .estimate import pre_trade_estimate

        self._check(order)
        if ways is None:
            hour = {"duration_minutes": 60}
            names = ("twap", "vwap", "implementation_shortfall")
            ways = [{"algorithm": "market"}, *({"algorithm": name, **hour} for name in names)]
        return pre_trade_estimate(self.core, order, ways, instrument or self._instrument(order["symbol"]))

    def efficient_frontier(
        self,
        order: Mapping[str, Any],
        duration_minutes: float,
        *,
        instrument: Instrument | None = None,
        points: int = 25,
    ) -> Frontier:
        """Expected impact against risk, from patient to at once, for working `order` within `duration_minutes`.

        Raises ValueError when the instrument's volume or volatility, or its price, is not known.
        """
        from .estimate import efficient_frontier

        self._check(order)
        found = instrument or self._instrument(order["symbol"])
        mid = self.core.quote(order["symbol"]).mid_e9
        if found is None:
            raise ValueError(f"no frontier: nothing is known of {order['symbol']}, give its instrument")
        if mid is None:
            raise ValueError(f"no frontier: nobody quotes {order['symbol']}")
        return efficient_frontier(float(order["quantity"]), duration_minutes, found, mid / 1e9, points=points)

    def _instrument(self, symbol: str) -> Instrument | None:
        config = getattr(self._engine, "config", None) if self._engine is not None else self._config
        catalog = getattr(config, "catalog", None)
        return None if catalog is None else catalog().get(symbol)

    def _check(self, order: Mapping[str, Any]) -> None:
        errors = self.core.reader.check(order)
        if errors:
            listed = "; ".join(f"{name} {message}" for name, messages in errors.items() for message in messages)
            raise OrderValidationError(f"order cannot be routed: {listed}", Reason.INVALID, 0, errors)

    async def execute_order(self, order: Mapping[str, Any], *, wait: bool = True) -> Any:
        """Executes an order and waits until it has ended: an ExecutionResult. With `wait=False`: a ticket, at once.

        A market order takes the best price wherever it stands, venue by venue. Any other goes to the venue with the
        lowest all-in cost, and rests there if it does not trade at once.
        """
        if isinstance(order, Mapping) and order.get("order_type") == "market":
            return await self.execute_algorithm_order(order, {"algorithm": "market"}, wait=wait)
        from ..order_management.order_manager import OrderManager

        ticket = OrderManager(engine=self.core).submit_order(order)
        if not wait:
            return ticket
        await ticket.done()
        return self._result(ticket.order_id, "smart_router")

    async def execute_algorithm_order(
        self, order: Mapping[str, Any], config: Mapping[str, Any], *, wait: bool = True
    ) -> Any:
        """Works a parent order with the algorithm that `config["algorithm"]` names, until it has ended: an
        ExecutionResult. With `wait=False`: an AlgorithmTicket, at once.

        Raises
        ------
        AlgorithmConfigError  when a parameter is wrong; nothing has been submitted then
        OrderRejected         when the parent is refused
        """
        ticket = AlgorithmTicket(self, self.start(order, config))
        return await ticket if wait else ticket

    def start(self, order: Mapping[str, Any], config: Mapping[str, Any]) -> Parent:
        """Accepts the parent order of an algorithm; `run_parent` then works it."""
        algorithm = make_algorithm(config)
        core = self.core
        clock = core.clock
        if not isinstance(clock, Clock):
            raise TypeError("the engine's core has a bare native clock; give it a LiveClock or SimulatedClock")
        ticket = core.submit_parent(order, algorithm.name)
        try:
            return Parent(core, clock, ticket.order_id, algorithm)
        except Exception:  # an algorithm that fails to say its horizon leaves no order behind
            core.close_parent(ticket.order_id, reason=Reason.USER)
            raise

    def result(self, parent: Parent) -> ExecutionResult:
        """What came of a parent that has ended."""
        return self._result(parent.order_id, parent.algorithm.name)

    def _result(self, order_id: int, algorithm: str) -> ExecutionResult:
        core = self.core
        cost = execution_cost(core, order_id)
        order = cost.order
        venues = {core.venue_text(int(number)) for number in set(cost.fills["venue"].tolist())}
        return ExecutionResult(
            order_id=order.order_id,
            status=order.status,
            symbol=order.symbol,
            venue=venues.pop() if len(venues) == 1 else ("several" if venues else None),
            algorithm=algorithm,
            order_quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            average_price=order.average_price,
            fills=cost.fills,
            shortfall=cost.total_bps / 1e4,
            market_impact=cost.trading_bps / 1e4,
            timing_cost=cost.delay_bps / 1e4,
            execution_duration=(order.updated_ns - order.created_ns) / 1e9,
            market_conditions={
                "decision_price": cost.decision_price,
                "arrival_price": cost.arrival_price,
                "end_price": cost.end_price,
                "source": core.market.source,
            },
            cost=cost,
        )


def _assumptions(score: dict[str, Any], quantity: int) -> tuple[str, ...]:
    """What an estimate takes for granted."""
    found = []
    if score["mid_e9"] is None:
        found.append("no consolidated quote: the cost is the fees only")
    elif not score["takes"]:
        found.append("the order rests: this is its cost if it is filled at its limit")
    elif score["shown"] is not None and quantity > score["shown"]:
        found.append(f"the venue shows {score['shown']}: the rest is assumed to pay half a spread more")
    return tuple(found)
