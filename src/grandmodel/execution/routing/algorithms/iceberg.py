"""Iceberg: a small part shown at a time, the next when that has traded."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from .algorithm import Algorithm
from .hours import duration_ns
from .parameters import AlgorithmConfigError, as_number, read_choice, read_count, read_minutes, read_seconds
from .parent import Parent


class Iceberg(Algorithm):
    """Shows `display_quantity` at a time, at the parent's limit or at the near touch, whichever `at` says.

    Each refresh is a new order, at the end of its queue, of a size that varies by up to `display_spread` (seeded), so
    that equal sizes do not give it away. It never goes through the far touch.

    Parameters
    ----------
    display_quantity : int >= 1, must be given
    display_spread : float in [0, 1), default 0.2
    at : limit or touch; default limit where the parent has one. At the touch it follows, within the limit.
    duration_minutes : float > 0; None: the rest of the session
    interval_seconds : float, how often it looks whether the touch has moved, default 1
    """

    name = "iceberg"

    def read(self, config: dict[str, Any]) -> None:
        expected = "a whole number of steps from 1 up"
        shown = read_count(config, "display_quantity", None, 1, 2**53, expected)
        if shown is None:
            raise AlgorithmConfigError("display_quantity", None, expected)
        self.display_quantity = shown
        value = config.pop("display_spread", 0.2)
        self.display_spread = as_number(value)
        if not 0.0 <= self.display_spread < 1.0:
            raise AlgorithmConfigError("display_spread", value, "a fraction in [0, 1)")
        self.at = read_choice(config, "at", "limit", ("limit", "touch"))
        self.duration_minutes = read_minutes(config)
        self.interval_seconds = read_seconds(config, "interval_seconds", 1.0)

    def horizon_ns(self, parent: Parent) -> int:
        return duration_ns(parent, self.duration_minutes)

    def price_e9(self, parent: Parent) -> int | None:
        """Where the shown part stands: None while nobody shows what it would follow."""
        limit, far = parent.limit_price_e9, parent.touch_e9(far=True)
        if self.at == "limit" and limit is not None:
            return limit if far is None or parent.sign * (limit - far) < 0 else far
        return parent.resting_price_e9()

    def _has_moved(self, parent: Parent, own_e9: int | None) -> bool:
        return self.price_e9(parent) not in (own_e9, None)

    async def run(self, parent: Parent) -> None:
        assert self.interval_seconds is not None
        step_ns, drawn = round(self.interval_seconds * 1e9), random.Random(self.seed)
        shown = 0
        while await parent.ready():
            parent.scheduled = parent.filled
            if shown <= 0:
                varied = self.display_quantity * (1.0 + self.display_spread * drawn.uniform(-1.0, 1.0))
                shown = max(self.lot_size, round(varied) // self.lot_size * self.lot_size)
            price, quantity = self.price_e9(parent), min(shown, parent.allowed())
            child = None if price is None else parent.child(quantity, price, "DAY")
            if child is None:
                await parent.sleep_until(min(parent.end_ns, parent.clock.now_ns() + step_ns))
            else:
                await parent.rest(child, parent.end_ns, step_ns, partial(self._has_moved, parent, price))
                await parent.withdraw(child)
                shown -= parent.core.get_order(child).filled_quantity
            if parent.remaining <= 0:
                return
