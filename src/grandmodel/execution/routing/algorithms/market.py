"""At once: the best price wherever it stands, venue by venue, until filled or nobody is left on the other side."""

from __future__ import annotations

from .algorithm import Algorithm
from .parent import Parent


class Market(Algorithm):
    """Takes what there is now, best price first; a rest that finds no counterpart is released.

    It does not wait, so there is no volume of its own time to be a share of: `participation_rate` does not pace it.
    """

    name = "market"
    default_urgency = "immediate"

    async def run(self, parent: Parent) -> None:
        parent.scheduled = parent.quantity
        await parent.wait_all()  # for what was taken before there was a parent object (routing/at_once.py)
        await parent.take(0)

    @property
    def cap(self) -> float | None:
        """None: an order that is executed at once is not paced."""
        return None
