"""Implementation shortfall: fast at first, impact weighed against the risk of waiting (Almgren and Chriss 2000)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import schedule
from ..._core.synthetic import SyntheticMarket
from .algorithm import Algorithm, Plan
from .hours import session_close_ns, volume_curve
from .parameters import AlgorithmConfigError, as_number, read_minutes, read_share
from .parent import MINUTE_NS, Parent
from .twap import slices_left

SESSION_MINUTES = 390


class ImplementationShortfall(Algorithm):
    """Almgren-Chriss holdings in volume time; `risk_aversion` and `urgency` set how much is done early.

    Parameters
    ----------
    risk_aversion : float in [0, 1]; 0 is a volume-time TWAP, 0.5 the urgency's own pace
    urgency : low, medium, high or immediate
    max_participation : float in (0, 1], cap on the share of the volume printed since the start; default none
    duration_minutes : float > 0; None: quantity / (max_participation * forecast volume rate), at most the rest of the
        session
    """

    name = "implementation_shortfall"
    bins = 24

    def read(self, config: dict[str, Any]) -> None:
        value = config.pop("risk_aversion", 0.5)
        self.risk_aversion = as_number(value)
        if not 0.0 <= self.risk_aversion <= 1.0:
            raise AlgorithmConfigError("risk_aversion", value, "a number in [0, 1]")
        self.duration_minutes = read_minutes(config)
        self.max_participation = read_share(config, "max_participation")
        if self.duration_minutes is None and self.max_participation is None:
            raise AlgorithmConfigError(
                "max_participation", None, "a fraction in (0, 1] when duration_minutes is left out"
            )

    @property
    def cap(self) -> float | None:
        return min(
            (rate for rate in (self.participation_rate, self.max_participation) if rate is not None), default=None
        )

    def horizon_ns(self, parent: Parent) -> int:
        if self.duration_minutes is not None:
            return round(self.duration_minutes * MINUTE_NS)
        assert self.max_participation is not None
        volume = parent.quantity / self.max_participation
        wanted_ns = min(volume / forecast_volume_per_minute(parent), SESSION_MINUTES) * MINUTE_NS
        return max(MINUTE_NS, min(round(wanted_ns), _session_left_ns(parent.start_ns)))

    def planned_left(self, time: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        pace = schedule.kappa_from_urgency(self.risk_aversion, self.urgency)
        if math.isinf(pace):
            return np.where(time > 0, 0.0, 1.0)
        return 1.0 - time if pace == 0 else np.sinh(pace * (1.0 - time)) / math.sinh(pace)

    def plan(self, parent: Parent) -> Plan:
        now, end, filled = parent.clock.now_ns(), parent.plan_end_ns, parent.filled
        left = parent.quantity - filled
        horizon = end - parent.start_ns
        bins = slices_left(self.bins, now - parent.start_ns, end - now, horizon)
        edges = np.linspace(now, end, bins + 1).astype(np.int64)
        # time consistent: what is left of kappa T is its part of the time that is left
        pace = schedule.kappa_from_urgency(self.risk_aversion, self.urgency) * (end - now) / max(1, horizon)
        if math.isinf(pace):
            done = np.full(bins, left)
        else:
            volume_time = np.concatenate(([0.0], volume_curve(edges).cumsum()))
            holdings = schedule.is_trajectory(left, pace, volume_time / volume_time[-1])
            done = left - np.asarray(holdings)[-bins:]
        return Plan(edges[:-1], edges[1:], filled + done)


def forecast_volume_per_minute(parent: Parent) -> float:
    """Steps a minute to expect: what others have printed so far, at least one a minute."""
    from ...venues.paper import WARMUP_SECONDS

    core = parent.core
    core.touch(parent.symbol)
    tape = core.venues.tape(parent.symbol)
    minutes = (parent.clock.now_ns() - core.started_ns) / MINUTE_NS
    if isinstance(core.market.origin, SyntheticMarket):
        minutes += WARMUP_SECONDS / 60  # its flow began so long before the engine
    return max(1.0, (tape["volume"] - tape["own_volume"]) / max(1.0, minutes))


def _session_left_ns(now_ns: int) -> int:
    """Time to the close of the session that `now_ns` lies in; a whole session where there is none."""
    close = session_close_ns(now_ns)
    return SESSION_MINUTES * MINUTE_NS if close is None else close - now_ns
