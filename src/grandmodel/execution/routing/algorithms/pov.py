"""Participation: a share of what others trade, as they trade it."""

from __future__ import annotations

import math
from typing import Any

from ..._core import schedule
from .algorithm import Algorithm
from .hours import duration_ns
from .parameters import AlgorithmConfigError, read_minutes, read_seconds
from .parent import Parent


class POV(Algorithm):
    """Every `interval_seconds` sends what keeps own / (own + others) at `participation_rate` (QUANT: own = p / (1 - p)
    times others; own prints are never counted as others').

    What a child did not get is caught up, at most `catch_up` usual children at once, and never beyond the rate.

    Parameters
    ----------
    participation_rate : float in (0, 1), must be given
    duration_minutes : float > 0; None: the rest of the session
    interval_seconds : float, default 10
    """

    name = "pov"

    def read(self, config: dict[str, Any]) -> None:
        if self.participation_rate is None or self.participation_rate >= 1.0:
            raise AlgorithmConfigError("participation_rate", self.participation_rate, "a fraction in (0, 1), below 1")
        self.rate = self.participation_rate
        self.duration_minutes = read_minutes(config)
        self.interval_seconds = read_seconds(config, "interval_seconds", 10.0)

    def horizon_ns(self, parent: Parent) -> int:
        return duration_ns(parent, self.duration_minutes)

    async def run(self, parent: Parent) -> None:
        assert self.interval_seconds is not None
        step_ns, lot = round(self.interval_seconds * 1e9), self.lot_size
        ratio = self.rate / (1.0 - self.rate)
        seen, carry, steps = 0, 0.0, 0
        while await parent.ready():
            until_ns = min(parent.end_ns, parent.clock.now_ns() + step_ns)
            others, before = parent.others_volume(), parent.filled
            steps += 1
            usual = max(float(lot), ratio * others / steps)
            most = float(parent.quantity) if self.catch_up is None else self.catch_up * usual
            child, carry = schedule.pov_child(max(0, others - seen), self.rate, carry, most, parent.remaining, lot)
            seen = others
            parent.scheduled = min(parent.quantity, math.floor(ratio * others))
            quantity = parent.in_lots(min(child, parent.allowed()))
            if quantity > 0:
                await parent.work(quantity, until_ns)
            carry += max(0, child - (parent.filled - before))
            await parent.sleep_until(until_ns)
            if parent.has_changed:  # what others trade during a pause is not caught up
                await parent.ready()
                seen = parent.others_volume()
