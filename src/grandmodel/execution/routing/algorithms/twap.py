"""Time-weighted average price: equal parts at equal intervals."""

from __future__ import annotations

from typing import Any

from ..._core import schedule
from .base import MINUTE_NS, Algorithm, AlgorithmConfigError, Parent, as_number, read_duration, read_slices


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

    async def run(self, parent: Parent) -> None:
        targets = schedule.twap_slices(parent.quantity, self.slices).cumsum()
        starts = schedule.twap_times(parent.start_ns, parent.end_ns, self.slices, self.randomization, self.seed)
        await self.follow(parent, starts, [*starts[1:], parent.end_ns], targets)
