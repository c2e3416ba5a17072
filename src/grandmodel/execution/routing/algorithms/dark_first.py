"""Dark pools at once, each for what it is expected to fill; then what is displayed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..._core import allocation
from ..._core.values import STATUSES, TIME_IN_FORCE_CODES, OrderStatus
from ..destinations import destinations
from .algorithm import Algorithm
from .parameters import read_count

if TYPE_CHECKING:
    from ..._core.submit import Core
    from .parent import Parent

#: What is remembered of each dark pool and symbol: (sent, filled) of so many of the last orders.
REMEMBERED = 200


class DarkHistory:
    """What dark pools have filled of what they were sent, by venue and symbol; in memory, bounded.

    A new engine's begins with the immediate orders that its order table still has (`of`), which recovery brings back:
    so it outlives a restart as far as closed orders are retained.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._seen: dict[tuple[str, str], deque[tuple[int, int]]] = {}

    @classmethod
    def of(cls, core: Core) -> DarkHistory:
        """What the closed orders in a core's table say."""
        history = cls()
        pools = {core.venues.number(row["name"]): row["name"] for row in destinations(core, "dark_pool")}
        rows = core.orders_array()
        rows = rows[(rows["time_in_force"] == TIME_IN_FORCE_CODES["IOC"]) & np.isin(rows["venue"], list(pools))]
        for row in np.sort(rows, order="order_id"):
            if STATUSES[int(row["status"])].is_closed and STATUSES[int(row["status"])] is not OrderStatus.REJECTED:
                filled = min(int(row["filled_quantity"]), int(row["quantity"]))
                symbol = core.symbol_text(int(row["symbol"]))
                history.add(pools[int(row["venue"])], symbol, int(row["quantity"]), filled)
        return history

    def add(self, venue: str, symbol: str, sent: int, filled: int) -> None:
        """One order there has ended. ValueError where it cannot be."""
        if not 0 <= filled <= sent or sent <= 0:
            raise ValueError(f"sent is {sent} and filled {filled}, must be 0 <= filled <= sent and sent positive")
        self._seen.setdefault((venue, symbol), deque(maxlen=self._remembered)).append((sent, filled))

    def seen(self, venue: str, symbol: str) -> tuple[tuple[int, int], ...]:
        """(sent, filled), oldest first."""
        return tuple(self._seen.get((venue, symbol), ()))

    def tail(self, venue: str, symbol: str, quantity: int, unit: int) -> np.ndarray[Any, Any]:
        """T(s), the chance that s units or more are there: (S + 1,) float64, by the product limit over what was seen
        and one order of `quantity` that was filled, without which nobody would ever be asked for more."""
        rows = [*self.seen(venue, symbol), (quantity, quantity)]
        sent = [-(-s // unit) for s, _ in rows]
        filled = [s if f == n else min(f // unit, s) for s, (n, f) in zip(sent, rows, strict=True)]
        return allocation.product_limit(sent, filled)

    def allocate(self, symbol: str, quantity: int, unit: int, venues: Sequence[tuple[str, int, int]]) -> dict[str, int]:
        """Units of quantity for each dark pool, by greatest expected fill; what is missing from the sum is for others.

        Parameters
        ----------
        unit : quantity is allocated in so many at a time
        venues : (name, smallest order, largest order; 0: none)

        Source: Ganchev, Nevmyvaka, Kearns and Vaughan, Censored exploration and the dark pool problem, CACM 53, 2010.
        """
        units = quantity // unit
        asked = [row for row in venues if row[1] <= quantity]
        while asked and units > 0:
            given = allocation.dark_allocation(units, [self.tail(name, symbol, quantity, unit) for name, _, _ in asked])
            sizes = [int(n) * unit for n in given]
            small = [k for k, (_, least, _) in enumerate(asked) if sizes[k] < least]
            if not small:
                return {
                    name: min(size, most) if most else size
                    for size, (name, _, most) in zip(sizes, asked, strict=True)
                    if size > 0
                }
            del asked[min(small, key=lambda k: (sizes[k], k))]  # who gets less than it takes is left out: again
        return {}


class DarkFirst(Algorithm):
    """Asks the dark pools at once for as much as each is expected to fill, then takes the rest where it is displayed.

    min_quantity : no dark pool is asked for less
    """

    name: ClassVar[str] = "dark_first"
    default_urgency: ClassVar[str] = "immediate"
    history: DarkHistory | None = None

    def read(self, config: dict[str, Any]) -> None:
        self.min_quantity = read_count(config, "min_quantity", 0, 0, 2**53, "a whole number of steps, at least 0") or 0

    @property
    def cap(self) -> float | None:
        """None: an order that is executed at once is not paced."""
        return None

    async def run(self, parent: Parent) -> None:
        parent.scheduled = parent.quantity
        core, history = parent.core, self.history or DarkHistory.of(parent.core)
        out = core.venues_out()
        pools = [
            (row["name"], max(int(row["min_size"]), self.min_quantity), int(row["max_order_size"] or 0))
            for row in destinations(core, "dark_pool")
            if row["name"] not in out
        ]
        touch = parent.touch_e9(far=True)
        if touch is not None and pools:
            unit = min(math.lcm(core.instruments.round_lot(parent.symbol), self.lot_size), parent.remaining) or 1
            asked = history.allocate(parent.symbol, parent.remaining, unit, pools)
            sent: list[tuple[str, int]] = []
            for venue, quantity in asked.items():
                order_id = parent.child(quantity, touch, "IOC", venue=venue)
                if order_id is not None:
                    sent.append((venue, order_id))
            for venue, order_id in sent:
                await parent.wait_closed(order_id)
                order = core.get_order(order_id)
                if order.status is not OrderStatus.REJECTED:  # which says nothing of what is there
                    history.add(venue, parent.symbol, order.quantity, min(order.filled_quantity, order.quantity))
        await parent.take(0)
