"""Sniper: waits out of sight, takes what is large enough where it is good enough."""

from __future__ import annotations

from typing import Any

from .algorithm import Algorithm
from .hours import duration_ns
from .parameters import AlgorithmConfigError, read_count, read_minutes, read_number, read_seconds
from .parent import Parent

_LEVELS = 10


class Sniper(Algorithm):
    """Takes displayed size once at least `threshold` stands at `price` or better, and never posts anything.

    Parameters
    ----------
    threshold : int >= 1, steps displayed over all venues, must be given; of an order with less left, what is left
    price : float, the worst price; None: the parent's limit, or any price where it has none
    interval_seconds : float, how often it looks, default 0.5
    duration_minutes : float > 0; None: the rest of the session
    """

    name = "sniper"
    default_urgency = "immediate"
    default_placement = "cross"

    def read(self, config: dict[str, Any]) -> None:
        expected = "a whole number of steps from 1 up"
        threshold = read_count(config, "threshold", None, 1, 2**53, expected)
        if threshold is None:
            raise AlgorithmConfigError("threshold", None, expected)
        if self.placement != "cross":
            raise AlgorithmConfigError("placement", self.placement, "cross: a sniper posts nothing")
        self.threshold = threshold
        self.price = read_number(config, "price", None, 0.0, 8_388_608.0, "a price above 0")
        self.interval_seconds = read_seconds(config, "interval_seconds", 0.5)
        self.duration_minutes = read_minutes(config)

    def horizon_ns(self, parent: Parent) -> int:
        return duration_ns(parent, self.duration_minutes)

    def worst_e9(self, parent: Parent) -> int | None:
        """The worst price on the tick that it takes; None: any."""
        if self.price is None:
            return parent.limit_price_e9
        ticks = round(self.price * 1e9) // parent.tick_e9
        if parent.sign < 0 and ticks * parent.tick_e9 < round(self.price * 1e9):
            ticks += 1
        return parent.within_limit(ticks * parent.tick_e9)

    def displayed(self, parent: Parent, worst_e9: int | None) -> int:
        """Steps that stand on the other side at `worst_e9` or better, in the best ten prices."""
        rows, _ = parent.core.depth(parent.symbol, _LEVELS)
        side = rows[:, :2] if parent.sign > 0 else rows[:, 2:]
        there = side[:, 1] > 0
        if worst_e9 is not None:
            there &= parent.sign * (side[:, 0] - worst_e9) <= 0
        return int(side[there, 1].sum())

    async def run(self, parent: Parent) -> None:
        assert self.interval_seconds is not None
        step_ns = round(self.interval_seconds * 1e9)
        while parent.remaining > 0 and await parent.ready():
            parent.scheduled = parent.filled
            worst = self.worst_e9(parent)
            shown, allowed = self.displayed(parent, worst), parent.in_lots(parent.allowed())
            if allowed > 0 and shown >= min(self.threshold, parent.remaining):
                await parent.take(parent.remaining - min(allowed, shown), worst_e9=worst)
            await parent.sleep_until(min(parent.end_ns, parent.clock.now_ns() + step_ns))
