"""Volume-weighted average price: as much by when as the market usually trades by then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from ..._core import schedule
from .base import MINUTE_NS, Algorithm, AlgorithmConfigError, Parent, read_duration, read_slices


class VWAP(Algorithm):
    """Follows a static curve of the day's volume over `duration_minutes` (QUANT: static VWAP, cumulative rounding).

    The curve is the default of half-hours over the regular sessions (`volume_curve`), or the `curve` given for the
    window. `participation_rate` caps what is done by the volume printed so far.

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
        self.duration_minutes = read_duration(config)
        self.bins = read_slices(config, "bin_minutes", min(5.0, self.duration_minutes), self.duration_minutes)
        self.curve = _read_curve(config.pop("curve", None))

    def horizon_ns(self, parent: Parent) -> int:
        return round(self.duration_minutes * MINUTE_NS)

    async def run(self, parent: Parent) -> None:
        edges = np.linspace(parent.start_ns, parent.end_ns, self.bins + 1).astype(np.int64)
        targets = schedule.vwap_slices(parent.quantity, self._fractions(edges)).cumsum()
        await self.follow(parent, edges[:-1], edges[1:], targets)

    def _fractions(self, edges: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The window's share of volume in each bin."""
        if self.curve is not None:
            cumulative = np.concatenate(([0.0], self.curve.cumsum()))
            at = np.linspace(0.0, len(self.curve), len(edges))
            return np.diff(np.interp(at, np.arange(len(cumulative)), cumulative))
        return volume_curve(edges)


def _read_curve(curve: object) -> np.ndarray[Any, Any] | None:
    if curve is None:
        return None
    try:
        given: np.ndarray[Any, Any] = np.asarray(curve, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise AlgorithmConfigError("curve", curve, "a sequence of numbers") from None
    with np.errstate(over="ignore"):
        total = given.sum()
    if given.ndim != 1 or given.size == 0 or not (given >= 0).all() or not 0 < total < np.inf:
        raise AlgorithmConfigError("curve", curve, "a non-empty sequence of numbers from 0 up, not all 0")
    shares: np.ndarray[Any, Any] = given / total
    return shares


def volume_curve(edges_ns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Expected volume between successive times, in days' volumes, by the default half-hour curve.

    A half day has the whole curve in its shorter hours; nights, weekends and holidays have nothing. Where the window
    meets no session at all, or lies outside the years of the session table, the curve is flat.

    Parameters
    ----------
    edges_ns : (n + 1,) int64, UTC nanoseconds, rising
    """
    from ...sessions import SessionRangeError, session, session_date

    flat = np.diff(edges_ns).astype(np.float64)
    cumulative = np.concatenate(([0.0], np.cumsum(schedule.DEFAULT_VOLUME_CURVE)))
    shares = np.zeros(len(flat))
    day, last = session_date(int(edges_ns[0])), session_date(int(edges_ns[-1]))
    try:
        while day <= last:
            hours = session("XNYS", day)
            if hours is not None:
                half_hours = np.linspace(hours.open_ns, hours.close_ns, len(cumulative))
                shares += np.diff(np.interp(edges_ns.astype(np.float64), half_hours, cumulative))
            day += timedelta(days=1)
    except SessionRangeError:
        return flat
    return shares if shares.sum() > 0 else flat
