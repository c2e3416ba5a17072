"""When in the day the volume comes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from grandmodel.execution._core.values import Unknown

from .arrays import Floats, column, integer, same_length, times
from .trades import session_sums


class VolumeCurve(NamedTuple):
    """Shares of a day's volume by equal parts of the session."""

    share: Floats  # (bins,), sums to 1; NaN with a reason where it is not known
    cumulative: Floats  # (bins,), up to the end of each; the last is 1
    days: int  # that count
    dropped: int  # half days, and days without volume
    outside: float  # volume outside of all sessions
    reason: str  # "" where the curve is known


def session_volumes(
    time_ns: ArrayLike, quantity: ArrayLike, open_ns: ArrayLike, close_ns: ArrayLike, *, bins: int = 13
) -> Floats:
    """(days, bins) volume of equal parts of the sessions [open, close), which are in order and do not overlap."""
    return _sessions(time_ns, quantity, open_ns, close_ns, bins)[0]


def _sessions(
    time_ns: ArrayLike, quantity: ArrayLike, open_ns: ArrayLike, close_ns: ArrayLike, bins: int
) -> tuple[Floats, float]:
    at, quantities = times(time_ns, "time_ns"), column(quantity, "quantity")
    opens, closes = times(open_ns, "open_ns"), times(close_ns, "close_ns")
    same_length(("time_ns", at), ("quantity", quantities))
    days = same_length(("open_ns", opens), ("close_ns", closes))
    for day in range(days):
        if closes[day] <= opens[day]:
            raise ValueError(f"close_ns[{day}] is {closes[day]}, must be above open_ns[{day}], {opens[day]}")
        if day and opens[day] < closes[day - 1]:
            raise ValueError(
                f"open_ns[{day}] is {opens[day]}, must not be before close_ns[{day - 1}], {closes[day - 1]}"
            )
    return session_sums(at, quantities, opens, closes, integer(bins, "bins", 1, 1 << 20), "z")


def volume_curve(
    time_ns: ArrayLike, quantity: ArrayLike, open_ns: ArrayLike, close_ns: ArrayLike, *,
    bins: int = 13, minimum_days: int = 20,
) -> VolumeCurve:  # fmt: skip
    """The mean over days of v/V by part of the session, and its running sum.

    Sessions shorter than the longest (half days) and days without volume do not count. With fewer than `minimum_days`
    left the curve is not known.

    Parameters
    ----------
    time_ns, quantity : (n,) trades, or bars by their begin, in order
    open_ns, close_ns : (days,) of each session
    bins : parts of a session; 13 of a day of six and a half hours are half-hours
    """
    opens, closes = times(open_ns, "open_ns"), times(close_ns, "close_ns")
    volumes, outside = _sessions(time_ns, quantity, opens, closes, bins)
    lengths = closes - opens
    return _curve(volumes, lengths == lengths.max(initial=0), integer(minimum_days, "minimum_days", 1), outside)


def volume_curve_of(volume: ArrayLike, *, full: ArrayLike | None = None, minimum_days: int = 20) -> VolumeCurve:
    """`volume_curve` from (days, bins) volumes; `full` (days,) bool: which days count (None: all)."""
    volumes = column(volume, "volume", 2)
    if not (np.isfinite(volumes).all() and (volumes >= 0).all()):
        raise ValueError("volume must be finite and >= 0")
    whole = np.ones(len(volumes), bool) if full is None else np.asarray(full)
    if whole.dtype != np.bool_ or whole.shape != (len(volumes),):
        raise ValueError(f"full is {whole.dtype} of shape {whole.shape}, must be bool of shape {(len(volumes),)}")
    return _curve(volumes, whole, integer(minimum_days, "minimum_days", 1), 0.0)


def _curve(volumes: Floats, full: np.ndarray, minimum_days: int, outside: float) -> VolumeCurve:
    total = volumes.sum(axis=1)
    counted = full & (total > 0.0)
    days, bins = int(counted.sum()), volumes.shape[1]
    dropped = len(volumes) - days
    if days < minimum_days:
        nothing: Floats = np.full(bins, np.nan)
        reason = f"{days} whole days, at least {minimum_days} are needed"
        return VolumeCurve(nothing, nothing, days, dropped, outside, reason)
    share = (volumes[counted] / total[counted, np.newaxis]).mean(axis=0)
    cumulative = np.minimum(np.cumsum(share), 1.0)
    cumulative[-1] = 1.0
    return VolumeCurve(share, cumulative, days, dropped, outside, "")


def turnover(volume: float, shares_outstanding: float | None) -> float:
    """Volume over shares outstanding, in percent; Unknown without the latter."""
    from .arrays import non_negative, positive

    if shares_outstanding is None:
        return Unknown("no shares outstanding")
    return 100.0 * non_negative(volume, "volume") / positive(shares_outstanding, "shares_outstanding")
