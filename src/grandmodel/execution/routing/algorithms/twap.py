"""Time-weighted average price: equal parts at equal intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import schedule
from .algorithm import Algorithm, Plan
from .parameters import AlgorithmConfigError, as_number, read_duration, read_slices
from .parent import MINUTE_NS, Parent


class TWAP(Algorithm):
    """Equal slices over `duration_minutes`; a slice that finds no counterpart is carried to the next.

    Parameters
    ----------
    duration_minutes : float > 0
    slice_duration : float, minutes a slice; default duration / 24
    randomization : float in [0, 0.5), each slice's start moves by up to this part of a slice, seeded
    """

    name = "twap"

    def read(self, config: dict[str, Any]) -> None:
        self.duration_minutes = read_duration(config)
        self.slices = read_slices(config, "slice_duration", self.duration_minutes / 24, self.duration_minutes)
        value = config.pop("randomization", 0.0)
        self.randomization = as_number(value)
        if not 0.0 <= self.randomization < 0.5:
            raise AlgorithmConfigError("randomization", value, "a fraction in [0, 0.5)")

    def horizon_ns(self, parent: Parent) -> int:
        return round(self.duration_minutes * MINUTE_NS)

    def plan(self, parent: Parent) -> Plan:
        now, end, filled = parent.plan_begin_ns, parent.plan_end_ns, parent.filled
        slices = slices_left(self.slices, now - parent.start_ns, end - now, self.horizon_ns(parent))
        starts = schedule.twap_times(now, end, slices, self.randomization, self.seed)
        targets = filled + schedule.twap_slices(parent.quantity - filled, slices, self.lot_size).cumsum()
        return Plan(starts, np.append(starts[1:], end), targets)


def slices_left(slices: int, passed_ns: int, left_ns: int, horizon_ns: int) -> int:
    """How many slices of the usual length what is left has; at first all of them."""
    if passed_ns <= 0 and left_ns == horizon_ns:
        return slices
    return min(schedule.SLICES_MAX, max(1, math.ceil(left_ns * slices / max(1, horizon_ns) - 1e-9)))
