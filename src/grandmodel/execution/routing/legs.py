"""An order that rests at several venues: its legs at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from .algorithms.algorithm import Algorithm

if TYPE_CHECKING:
    from .algorithms.parent import Parent

_YEAR_NS = 366 * 86_400 * 10**9


class RestingLegs(Algorithm):
    """Posts each leg at its venue and waits until all have ended.

    What an amendment adds, or a pause has withdrawn, is split and posted anew; legs at another limit than the order's
    come back first.

    Parameters
    ----------
    split : (quantity, limit_e9) -> (venue, quantity) of each leg
    """

    name: ClassVar[str] = "smart_router"

    def __init__(
        self, split: Callable[[int, int], Sequence[tuple[str, int]]], time_in_force: str, post_only: bool
    ) -> None:
        super().__init__({})
        self._split, self.time_in_force, self.post_only = split, time_in_force, post_only

    def horizon_ns(self, parent: Parent) -> int:
        """As long as its legs live."""
        return _YEAR_NS

    async def run(self, parent: Parent) -> None:
        while await parent.ready():
            limit_e9 = parent.limit_price_e9
            assert limit_e9 is not None
            if not self.post_only:
                await parent.take(0)  # an amended limit may cross
            legs = self._split(parent.remaining, limit_e9) if parent.remaining > 0 else []
            placed = [
                parent.child(quantity, limit_e9, self.time_in_force, venue=venue, post_only=self.post_only)
                for venue, quantity in legs
            ]
            if None in placed and not parent.has_changed:  # the journal says why; the others stand
                parent.assumptions.append("a leg was refused: its part is not placed")
            await parent.wait_all()
            if not parent.has_changed:
                return
            if parent.is_paused or parent.limit_price_e9 != limit_e9:
                await parent.withdraw_all()
