"""Implementation shortfall: fast at first, impact weighed against the risk of waiting (Almgren and Chriss 2000)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from ..._core import trajectories
from ..._core.synthetic import SyntheticMarket
from ...sessions import SESSION_MINUTES
from .algorithm import Algorithm, Plan
from .hours import rest_of_session_ns, volume_curve
from .parameters import AlgorithmConfigError, as_number, read_minutes, read_number, read_share
from .parent import MINUTE_NS, Parent
from .twap import slices_left

#: The pace is bent by the market at most to this part of itself, or to one over it.
BEND_MOST = 0.5
#: So many minutes as forecast are added to what others have printed, so that the first prints are not taken for a day.
PRIOR_MINUTES = 30
#: What is left is planned anew when the pace that the market asks for, or the horizon, is so far from the plan's.
BEND_STEP = 0.1


def left_at(kappa_t: float, time: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The part left at parts of the time (0 to 1), sinh(kT (1 - u)) / sinh(kT): Almgren and Chriss 2000, in the
    continuous limit; a straight line for 0."""
    if kappa_t == 0:
        return 1.0 - time
    left: np.ndarray[Any, Any] = (
        np.exp(-kappa_t * time) * np.expm1(-2.0 * kappa_t * (1.0 - time)) / math.expm1(-2.0 * kappa_t)
    )
    return left


class ImplementationShortfall(Algorithm):
    """Almgren-Chriss holdings in volume time; `risk_aversion` and `urgency` set how much is done early.

    What is left is planned anew as the market goes. kappa^2 = lambda sigma^2 / eta, and the temporary impact eta of a
    rate falls with the volume that it is a part of: the pace is the plan's times sigma / forecast times the root of
    volume / forecast, between a half and two of it. On a day as forecast the plan stays (it is time consistent).

    Parameters
    ----------
    risk_aversion : float in [0, 1]; 0 is a volume-time TWAP, 0.5 the urgency's own pace
    urgency : low, medium, high or immediate
    max_participation : float in (0, 1], cap on the share of the volume printed since the start; default none
    duration_minutes : float > 0; None: quantity / (max_participation * forecast volume rate), at most the rest of the
        session, longer or shorter (never beyond that) as others print less or more than forecast
    adapt : bool, default True; False: what was planned at first stands
    forecast_volume : float, steps a minute that others are expected to print; None: what they have printed so far
    forecast_volatility : float, of a day, as a fraction; None: volatility does not bend the pace
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
        self.adapt = config.pop("adapt", True)
        if not isinstance(self.adapt, bool):
            raise AlgorithmConfigError("adapt", self.adapt, "True or False")
        self.forecast_volume = read_number(config, "forecast_volume", None, 0.0, 2.0**53, "steps a minute, above 0")
        self.forecast_volatility = read_number(
            config, "forecast_volatility", None, 0.0, 10.0, "a fraction of the price a day, above 0"
        )
        self._expected = 0.0  # others' steps a minute, as forecast
        self._bend = 1.0  # pace of the plan in force, in that of the first
        self._horizon_ns = 0  # in which the first plan's pace was to be
        self._mids: list[tuple[int, int]] = []  # (time, mid) before each slice
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
        rate = self.forecast_volume or forecast_volume_per_minute(parent)
        wanted_ns = min(volume / rate, SESSION_MINUTES) * MINUTE_NS
        return max(MINUTE_NS, min(round(wanted_ns), rest_of_session_ns(parent)))

    def planned_left(self, time: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        pace = trajectories.kappa_from_urgency(self.risk_aversion, self.urgency)
        if math.isinf(pace):
            return np.where(time > 0, 0.0, 1.0)
        return left_at(pace, time)

    def plan(self, parent: Parent) -> Plan:
        now, end, filled = parent.plan_begin_ns, parent.plan_end_ns, parent.filled
        left = parent.quantity - filled
        horizon = end - parent.start_ns
        if not self._horizon_ns:
            self._horizon_ns = max(1, horizon)
            self._expected = self.forecast_volume or forecast_volume_per_minute(parent)
            if self.adapt and self.forecast_volatility is None:
                parent.assumptions.append("the volatility is as forecast: none was given")
        bins = slices_left(self.bins, now - parent.start_ns, end - now, horizon)
        edges = now + np.linspace(0, end - now, bins + 1).astype(np.int64)
        # time consistent: what is left of kappa T is its part of the time that is left
        pace = trajectories.kappa_from_urgency(self.risk_aversion, self.urgency) * (end - now) / self._horizon_ns
        pace *= self._bend
        if math.isinf(pace):
            done = np.full(bins, left)
        else:
            volume_time = np.concatenate(([0.0], volume_curve(edges).cumsum()))
            holdings = trajectories.is_trajectory(left, pace, volume_time / volume_time[-1], self.lot_size)
            done = left - np.asarray(holdings)[-bins:]
        return Plan(edges[:-1], edges[1:], filled + done)

    def revise(self, parent: Parent) -> bool:
        """Has the market left the forecast so far that what is left is planned anew?"""
        now, mid = parent.clock.now_ns(), parent.mid_e9
        if mid is not None:
            self._mids.append((now, mid))
        if not self.adapt or self._horizon_ns == 0 or now <= parent.start_ns:
            return False
        volume = self._volume_ratio(parent, now)
        bend = pace_ratio(self._volatility_ratio(), volume)
        end_ns = self._end_ns(parent, now, volume)
        if abs(bend / self._bend - 1.0) < BEND_STEP and abs(end_ns - parent.end_ns) < BEND_STEP * (parent.end_ns - now):
            return False
        self._bend = bend
        parent.end_ns = end_ns
        return True

    def _volatility_ratio(self) -> float:
        """Realised volatility of the mids before each slice, in the one that was forecast; 1 while it is not known."""
        if self.forecast_volatility is None or len(self._mids) < 4:
            return 1.0
        variance = math.fsum(math.log(b / a) ** 2 for (_, a), (_, b) in pairwise(self._mids))
        days = (self._mids[-1][0] - self._mids[0][0]) / (SESSION_MINUTES * MINUTE_NS)
        return math.sqrt(variance / days) / self.forecast_volatility if days > 0 else 1.0

    def _volume_ratio(self, parent: Parent, now: int) -> float:
        """What others have printed, in what they were expected to by now, along the volume curve."""
        end = parent.start_ns + self._horizon_ns
        curve = volume_curve(np.array([parent.start_ns, now, max(end, now + 1)]))
        prior = PRIOR_MINUTES * self._expected
        expected = self._expected * (self._horizon_ns / MINUTE_NS) * float(curve[0] / curve.sum())
        return (parent.others_volume() + prior) / (expected + prior)

    def _end_ns(self, parent: Parent, now: int, volume: float) -> int:
        """Where it would end at the rate that others have printed at so far; as it is where a duration was given."""
        if self.duration_minutes is not None or self.max_participation is None:
            return parent.end_ns
        minutes = (parent.quantity - parent.filled) / self.max_participation / (self._expected * volume)
        latest = parent.start_ns + rest_of_session_ns(parent)
        return max(now + MINUTE_NS, min(latest, now + round(min(minutes, SESSION_MINUTES) * MINUTE_NS)))


def pace_ratio(volatility: float, volume: float) -> float:
    """The pace in that of a day as forecast, from volatility and volume in their forecasts: sqrt(sigma^2 / eta), eta
    one over the volume, within [`BEND_MOST`, 1 / `BEND_MOST`]."""
    return max(BEND_MOST, min(1.0 / BEND_MOST, volatility * math.sqrt(max(0.0, volume))))


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
