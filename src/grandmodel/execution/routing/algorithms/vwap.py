"""Volume-weighted average price: as much by when as the market usually trades by then."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import schedule
from .base import MINUTE_NS, Algorithm, AlgorithmConfigError, Parent, read_number


class VWAP(Algorithm):
    """Follows a static curve of the day's volume over `duration_minutes` (QUANT: static VWAP, cumulative rounding).

    Within the regular session the curve is the default of half-hours, or the `curve` given for the window; outside it,
    where no curve is known, it is flat. `participation_rate` caps what is done by the volume printed so far.

    Parameters
    ----------
    duration_minutes : float > 0
    participation_rate : float in (0, 1], or None
    max_deviation : float, no new children while the mid is further than this from arrival, against us
    bin_minutes : float, minutes a slice; default 5, at most the duration
    curve : sequence of volume fractions over the window, any positive scale; None: the default curve
    """

    name = "vwap"

    def read(self, config: dict[str, Any]) -> None:
        duration = read_number(config, "duration_minutes", None, 0.0, 60 * 24 * 7, "minutes above 0, up to a week")
        if duration is None:
            raise AlgorithmConfigError("duration_minutes", None, "minutes above 0, up to a week")
        self.duration_minutes = duration
        self.bin_minutes = read_number(
            config, "bin_minutes", min(5.0, duration), 0.0, duration, "minutes above 0, up to duration_minutes"
        )
        curve = config.pop("curve", None)
        if curve is not None:
            try:
                given = np.asarray(curve, dtype=np.float64)
            except (TypeError, ValueError):
                raise AlgorithmConfigError("curve", curve, "a sequence of numbers") from None
            if (
                given.ndim != 1
                or given.size == 0
                or not np.isfinite(given).all()
                or (given < 0).any()
                or given.sum() <= 0
            ):
                raise AlgorithmConfigError("curve", curve, "a non-empty sequence of numbers from 0 up, not all 0")
            curve = given
        self.curve = curve

    def horizon_ns(self, parent: Parent) -> int:
        return round(self.duration_minutes * MINUTE_NS)

    async def run(self, parent: Parent) -> None:
        assert self.bin_minutes is not None
        bins = max(1, math.ceil(self.duration_minutes / self.bin_minutes - 1e-9))
        edges = np.linspace(parent.start_ns, parent.end_ns, bins + 1).astype(np.int64)
        targets = schedule.vwap_slices(parent.quantity, self._fractions(parent, edges)).cumsum()
        for start_ns, end_ns, target in zip(edges[:-1], edges[1:], targets, strict=True):
            await parent.sleep_until(int(start_ns))
            if parent.is_over:
                return
            parent.scheduled = int(target)
            quantity = min(parent.scheduled - parent.filled, parent.allowed(self.participation_rate))
            if quantity > 0 and not parent.is_too_far():
                await parent.work(quantity, int(end_ns))

    def _fractions(self, parent: Parent, edges: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The window's share of volume in each bin."""
        if self.curve is not None:
            cumulative = np.concatenate(([0.0], self.curve.cumsum()))
            at = np.linspace(0.0, len(self.curve), len(edges))
            return np.diff(np.interp(at, np.arange(len(cumulative)), cumulative))
        return volume_curve(edges)


def volume_curve(edges_ns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Share of the day's volume between successive times, by the default half-hour curve; flat outside a session.

    Parameters
    ----------
    edges_ns : (n + 1,) int64, UTC nanoseconds, rising
    """
    from ...sessions import session, session_date

    flat = np.diff(edges_ns).astype(np.float64)
    day = session("XNYS", session_date(int(edges_ns[0])))
    if day is None:
        return flat
    half_hours = np.linspace(day.open_ns, day.close_ns, len(schedule.DEFAULT_VOLUME_CURVE) + 1)
    cumulative = np.concatenate(([0.0], np.cumsum(schedule.DEFAULT_VOLUME_CURVE)))
    shares = np.diff(np.interp(edges_ns.astype(np.float64), half_hours, cumulative))
    return shares if shares.sum() > 0 else flat
