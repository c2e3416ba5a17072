"""At once: market orders to the best venue, until filled or nobody is left on the other side."""

from __future__ import annotations

from .base import Algorithm, Parent


class Market(Algorithm):
    """Takes what there is now, venue by venue; a rest that finds no counterpart is released."""

    name = "market"
    default_urgency = "immediate"

    async def run(self, parent: Parent) -> None:
        for _ in range(1000):
            quantity = parent.allowed(self.participation_rate)
            if quantity <= 0 or parent.is_over:
                return
            parent.scheduled = parent.quantity
            order_id = parent._child(quantity, parent.limit_price_e9, "IOC")
            if order_id is None:
                return
            await parent.wait_closed(order_id, None)
            if parent.core.get_order(order_id).filled_quantity == 0:
                return
