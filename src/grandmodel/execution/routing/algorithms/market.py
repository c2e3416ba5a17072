"""At once: the best price wherever it stands, venue by venue, until filled or nobody is left on the other side."""

from __future__ import annotations

from .base import Algorithm, Parent


class Market(Algorithm):
    """Takes what there is now. Each child goes to a venue at the best displayed price and no further, so that no better
    quote elsewhere is traded through; a rest that finds no counterpart is released.
    """

    name = "market"
    default_urgency = "immediate"

    async def run(self, parent: Parent) -> None:
        while not parent.is_over:
            quantity = parent.allowed(self.participation_rate)
            quote = parent.core.quote(parent.symbol)
            touch = quote.ask_e9 if parent.sign > 0 else quote.bid_e9
            if quantity <= 0 or touch is None:
                return
            parent.scheduled = parent.quantity
            if parent.within_limit(touch) != touch:
                return
            if not await self._take(parent, quantity, touch) and not await self._take(
                parent, quantity, parent.limit_price_e9
            ):
                return  # nobody at the touch, and nobody behind it

    async def _take(self, parent: Parent, quantity: int, price_e9: int | None) -> int:
        """One immediate child at `price_e9` (None: any price); what it took."""
        order_id = parent._child(quantity, price_e9, "IOC")
        if order_id is None:
            return 0
        await parent.wait_closed(order_id, None)
        return parent.core.get_order(order_id).filled_quantity
