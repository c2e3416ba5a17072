"""Implementation shortfall: faster at first, as impact is weighed against the risk of waiting (Almgren and Chriss 2000)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import schedule
from .base import MINUTE_NS, Algorithm, AlgorithmConfigError, Parent, read_number
from .vwap import volume_curve


class ImplementationShortfall(Algorithm):
    """Almgren-Chriss holdings in volume time; `risk_aversion` and `urgency` set how much is done early.

    Parameters
    ----------
    risk_aversion : float in [0, 1]; 0 is a volume-time TWAP, 0.5 the urgency's own pace
    urgency : low, medium, high or immediate
    max_participation : float in (0, 1], cap on the share of the volume printed since the start; default none
    duration_minutes : float > 0; None: quantity / (max_participation * forecast volume rate), at most the session's rest
    """

    name = "implementation_shortfall"
    bins = 24

    def read(self, config: dict[str, Any]) -> None:
        value = config.pop("risk_aversion", 0.5)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
            raise AlgorithmConfigError("risk_aversion", value, "a number in [0, 1]")
        self.risk_aversion = float(value)
        self.duration_minutes = read_number(
            config, "duration_minutes", None, 0.0, 60 * 24 * 7, "minutes above 0, up to a week"
        )
        self.max_participation = read_number(config, "max_participation", None, 0.0, 1.0, "a fraction in (0, 1]")
        if self.duration_minutes is None and self.max_participation is None:
            raise AlgorithmConfigError(
                "max_participation", None, "a fraction in (0, 1] when duration_minutes is left out"
            )

    def horizon_ns(self, parent: Parent) -> int:
        if self.duration_minutes is not None:
            return round(self.duration_minutes * MINUTE_NS)
        assert self.max_participation is not None
        per_minute = forecast_volume_per_minute(parent)
        return max(
            MINUTE_NS, min(round(parent.quantity / (self.max_participation * per_minute) * MINUTE_NS), 390 * MINUTE_NS)
        )

    async def run(self, parent: Parent) -> None:
        pace = schedule.kappa_from_urgency(self.risk_aversion, self.urgency)
        caps = [rate for rate in (self.participation_rate, self.max_participation) if rate is not None]
        edges = np.linspace(parent.start_ns, parent.end_ns, self.bins + 1).astype(np.int64)
        if math.isinf(pace):
            done = np.full(self.bins, parent.quantity)
        else:
            volume_time = np.concatenate(([0.0], volume_curve(edges).cumsum()))
            holdings = schedule.is_trajectory(parent.quantity, pace, volume_time / volume_time[-1])
            done = parent.quantity - np.asarray(holdings)[-self.bins :]
        for start_ns, end_ns, target in zip(edges[:-1], edges[1:], done, strict=True):
            await parent.sleep_until(int(start_ns))
            if parent.is_over:
                return
            parent.scheduled = int(target)
            quantity = min(parent.scheduled - parent.filled, parent.allowed(min(caps) if caps else None))
            if quantity > 0 and not parent.is_too_far():
                await parent.work(quantity, int(end_ns))


def forecast_volume_per_minute(parent: Parent) -> float:
    """Steps a minute to expect: what the market has printed so far, at least one a minute."""
    parent.core.touch(parent.symbol)
    tape = parent.core.venues.tape(parent.symbol)
    minutes = max(1.0, (parent.clock.now_ns() - parent.core.started_ns) / MINUTE_NS)
    return max(1.0, (tape["volume"] - tape["own_volume"]) / minutes)
