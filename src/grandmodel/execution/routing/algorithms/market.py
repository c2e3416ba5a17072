"""At once: the best price wherever it stands, venue by venue, until filled or nobody is left on the other side."""

from __future__ import annotations

from .base import Algorithm, Parent


class Market(Algorithm):
    """Takes what there is now, best price first; a rest that finds no counterpart is released.

    It does not wait: with a `participation_rate` it takes nothing, as nothing has been printed since it began.
    """

    name = "market"
    default_urgency = "immediate"

    async def run(self, parent: Parent) -> None:
        parent.scheduled = parent.quantity
        await parent.take(parent.remaining - parent.allowed())
