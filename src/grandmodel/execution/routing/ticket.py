"""A parent order at work, and how it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .._core.values import OrderStatus
from ..clock import to_ns
from .algorithms.parent import Parent, Progress, run_parent

if TYPE_CHECKING:
    import numpy as np

    from .._core.orders import Order
    from ..analytics.execution_cost import ExecutionCost
    from .smart_router import SmartOrderRouter

log = logging.getLogger("grandmodel.execution.routing")


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
        self._task.add_done_callback(self._failed)

    def _failed(self, task: asyncio.Future[Order]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("order %s: its algorithm %s failed", self.order_id, self.parent.algorithm.name, exc_info=error)

    @property
    def error(self) -> BaseException | None:
        """What its algorithm raised; the order was withdrawn then. Awaiting the ticket raises it."""
        return self._task.exception() if self._task.done() and not self._task.cancelled() else None

    def __repr__(self) -> str:
        return f"AlgorithmTicket({self.order})"

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
        least = order.filled_quantity + order.working_quantity
        if isinstance(quantity, int) and quantity < least:  # what is no number is refused where it is read
            raise ValueError(f"quantity is {quantity}, must be at least {least}: what is filled or at work")
        if quantity is not None or limit_price is not None:
            from ..order_management.order_manager import OrderManager

            manager = OrderManager(engine=self._router.core)
            manager.replace_order(self.order_id, quantity=quantity, limit_price=limit_price)
        self.parent.replan(end_ns, withdraw=limit_price is not None)

    def cancel(self) -> None:
        """Asks for the end of parent and children; the ticket's result then says what was done."""
        self._router.core.cancel(self.order_id)

    def done_callback(self, callback: Callable[[AlgorithmTicket], object]) -> None:
        """Calls `callback(ticket)` once the algorithm has ended, in the loop that it runs in."""
        self._task.add_done_callback(lambda _: callback(self))

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
