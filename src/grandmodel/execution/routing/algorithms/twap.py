"""Time-weighted average price: equal parts at equal intervals."""

from __future__ import annotations

import math
from typing import Any

from ..._core import schedule
from .base import MINUTE_NS, Algorithm, AlgorithmConfigError, Parent, read_number


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
        duration = read_number(config, "duration_minutes", None, 0.0, 60 * 24 * 7, "minutes above 0, up to a week")
        if duration is None:
            raise AlgorithmConfigError("duration_minutes", None, "minutes above 0, up to a week")
        self.duration_minutes = duration
        self.slice_duration = read_number(
            config, "slice_duration", duration / 24, 0.0, duration, "minutes above 0, up to duration_minutes"
        )
        value = config.pop("randomization", 0.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < 0.5:
            raise AlgorithmConfigError("randomization", value, "a fraction in [0, 0.5)")
        self.randomization = float(value)

    def horizon_ns(self, parent: Parent) -> int:
        return round(self.duration_minutes * MINUTE_NS)

    async def run(self, parent: Parent) -> None:
        assert self.slice_duration is not None
        slices = max(1, math.ceil(self.duration_minutes / self.slice_duration - 1e-9))
        targets = schedule.twap_slices(parent.quantity, slices).cumsum()
        starts = schedule.twap_times(parent.start_ns, parent.end_ns, slices, self.randomization, self.seed)
        ends = [*starts[1:], parent.end_ns]
        for start_ns, end_ns, target in zip(starts, ends, targets, strict=True):
            await parent.sleep_until(int(start_ns))
            if parent.is_over:
                return
            parent.scheduled = int(target)
            quantity = min(parent.scheduled - parent.filled, parent.allowed(self.participation_rate))
            if quantity > 0 and not parent.is_too_far():
                await parent.work(quantity, int(end_ns))
