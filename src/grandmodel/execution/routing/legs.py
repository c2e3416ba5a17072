"""An order that rests at several venues: its legs at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from .._core.values import OrderRejected
from .algorithms.algorithm import Algorithm

if TYPE_CHECKING:
    from .algorithms.parent import Parent

class RestingLegs(Algorithm):
    """Posts each leg at its venue and waits until all have ended."""

    name: ClassVar[str] = "smart_router"

    def __init__(self, legs: Sequence[tuple[str, int]], limit_e9: int, time_in_force: str, post_only: bool) -> None:
        super().__init__({})
        self.legs, self.limit_e9 = tuple(legs), limit_e9
        self.time_in_force, self.post_only = time_in_force, post_only

    async def run(self, parent: Parent) -> None:
        placed = []
        for venue, quantity in self.legs:
            try:
                ticket = parent.core.submit_child(
                    parent.order_id, quantity, self.limit_e9, self.time_in_force, self.post_only, venue
                )
            except OrderRejected:  # the journal says why; the others stand
                continue
            placed.append(ticket.order_id)
        parent.children.extend(placed)
        parent._live.update(placed)
        for order_id in placed:
            await parent.wait_closed(order_id)
