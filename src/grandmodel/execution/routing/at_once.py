"""A parent order that takes at once, in its caller's own step.

What an immediate order finds at the best displayed price is taken before anybody else runs, without a parent object or
a task; both are made only where something is left to look for, or a venue has yet to answer. Everything that
`Parent.take` looks at first is looked at here too, so that the same records come of both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._core.submit import ParentFigures
from .._core.values import OrderStateError
from ..analytics.execution_cost import cost_parts, market_conditions

if TYPE_CHECKING:
    from .._core.submit import Core


@dataclass(slots=True)
class Outcome:
    """How an order ended, and what it cost, from its own row: what an ExecutionResult says of it without its fills."""

    algorithm: str
    venue: str | None
    order_quantity: int
    filled_quantity: int
    shortfall: float
    market_impact: float
    timing_cost: float
    execution_duration: float
    market_conditions: dict[str, Any]


@dataclass(slots=True)
class Taking:
    """A parent that has taken what stood at the best price.

    order_id, legs : its id, and its children's so far
    since : a position of the log before its first record
    end_e9 : the mid when it was over, once `outcome` has been asked for
    """

    core: Core
    algorithm: str
    order_id: int
    legs: list[int]
    since: int
    end_e9: int | None = None

    @property
    def is_over(self) -> bool:
        """Has it ended by that?"""
        return bool(self.core.is_closed(self.order_id))

    def outcome(self) -> Outcome:
        """What came of it, once it is over."""
        core = self.core
        order = core.get_order(self.order_id)
        children = [core.get_order(leg) for leg in self.legs]
        arrival_e9 = children[0].arrival_mid_e9 if children else None
        self.end_e9 = end_e9 = core.quote(order.symbol).mid_e9
        _, bps = cost_parts(order, arrival_e9, end_e9)
        venues = {child.venue for child in children if child.filled_quantity}
        return Outcome(
            self.algorithm,
            venues.pop() if len(venues) == 1 else ("several" if venues else None),
            order.quantity,
            order.filled_quantity,
            bps["total_bps"] / 1e4,
            bps["trading_bps"] / 1e4,
            bps["delay_bps"] / 1e4,
            (order.updated_ns - order.created_ns) / 1e9,
            market_conditions(core, order.arrival_mid_e9, arrival_e9, end_e9, bool(children)),
        )


def take_at_once(core: Core, order: Mapping[str, Any], algorithm: str, most: int | None) -> Taking:
    """Accepts the parent, and takes what the venues at the best price display.

    `most`: the largest child that any venue takes; None: any.
    """
    since = core.journal.head
    order_id = core.submit_parent(order, algorithm).order_id
    taking = Taking(core, algorithm, order_id, [], since)
    figures = ParentFigures(core, order_id)
    touch = figures.touch_e9(True)
    if touch is None or figures.is_halted:
        return taking
    limit = figures.limit_price_e9
    if limit is not None and core.get_order(order_id).side.sign * (touch - limit) > 0:
        return taking
    quantity = figures.remaining
    quantity = figures.sendable(quantity if most is None else min(quantity, most), touch)
    if quantity > 0:
        with contextlib.suppress(OrderStateError):  # it may end as the engine is entered
            taking.legs = [leg for leg in core.sweep(order_id, quantity, touch, told=False) if leg > 0]
    return taking
