"""How a day's volume is spread over it: a static curve from history, and what the day so far says of the rest.

Static: the mean over days of each bin's share of its day's volume. Dynamic: the next bin's surprise (printed / expected
- 1) is regressed on the last one, without intercept, over the surprises of the day so far; the static curve is bent by
what that predicts, within a clamp, and no longer late in the day (the scheme of Humphery-Jenner 2011 and of Satish,
Saxena and Palmer 2014; the bounds are this project's).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: So many days make a curve that is worth its name; fewer are taken as they are.
DAYS_WANTED = 20
#: A bin's forecast is at most this far from the static curve, as a fraction of it.
CLAMP = 0.5
#: Beyond this part of the expected volume the static curve stands.
LATE = 0.85
#: Pairs of surprises below which nothing is predicted.
PAIRS_WANTED = 3


def historical_volume_curve(
    volumes: ArrayLike,
    *,
    dates: Iterable[date] | None = None,
    halted: ArrayLike | None = None,
    calendar: str = "XNYS",
    days: int = DAYS_WANTED,
) -> NDArray[np.float64]:
    """The share of a day's volume in each bin, the mean over the newest `days` whole days.

    Dropped are days without volume, days that were halted, and, where dates are given, half days and holidays: their
    hours are others. Of fewer than `days` days the mean is over what there is.

    Parameters
    ----------
    volumes : (D, n) >= 0, printed volume by day and bin, oldest first
    dates : D dates of the sessions, or None: half days are not among them
    halted : (D,) bool, days with a halt, or None: there was none
    days : int >= 1

    Returns
    -------
    (n,) float64, adding up to 1: `curve` of the VWAP algorithm

    Raises
    ------
    ValueError  naming the argument, or when no whole day is left
    """
    from ...sessions import session

    table = np.asarray(volumes, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise ValueError(f"volumes has the shape {table.shape}, must be (days, bins)")
    wrong = np.argwhere(~(np.isfinite(table) & (table >= 0)))
    if len(wrong):
        day, bin_ = (int(each) for each in wrong[0])
        raise ValueError(f"volumes[{day}][{bin_}] is {table[day, bin_]}, must be finite and >= 0")
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise ValueError(f"days is {days!r}, must be an int from 1 up")
    whole = table.sum(axis=1) > 0
    if halted is not None:
        stopped = np.asarray(halted)
        if stopped.dtype != np.bool_ or stopped.shape != whole.shape:
            raise ValueError(f"halted has the shape {stopped.shape}, must be one bool for each of {len(whole)} days")
        whole &= ~stopped
    if dates is not None:
        given = list(dates)
        if len(given) != len(whole):
            raise ValueError(f"dates has {len(given)} days, volumes has {len(whole)}")
        for k, day_ in enumerate(given):
            hours = session(calendar, day_)
            whole[k] &= hours is not None and not hours.is_half_day
    kept = table[whole][-days:]
    if len(kept) == 0:
        raise ValueError("volumes has no whole day: no curve can be made of it")
    curve: NDArray[np.float64] = (kept / kept.sum(axis=1, keepdims=True)).mean(axis=0)
    curve /= curve.sum()
    return curve


class VolumeForecast:
    """A static curve, bent by the day so far. `saw` each bin's volume as it ends; `remaining` is what is left."""

    def __init__(self, shares: ArrayLike) -> None:
        self.shares: NDArray[np.float64] = np.asarray(shares, dtype=np.float64)
        self._total = float(self.shares.sum())
        self._seen = 0
        self._volume = self._share = 0.0
        self._last: float | None = None  # surprise of the last bin
        self._product = self._square = 0.0
        self._pairs = 0

    @property
    def slope(self) -> float:
        """By how much of itself a surprise repeats: least squares without intercept, in [-1, 1]; 0 while too few are
        known."""
        if self._pairs < PAIRS_WANTED or self._square <= 0.0:
            return 0.0
        return max(-1.0, min(1.0, self._product / self._square))

    def saw(self, volume: float) -> None:
        """What the bin that has ended printed, by all or by others, the same throughout."""
        share = float(self.shares[self._seen])
        expected = self._volume * share / self._share if self._share > 0 else 0.0
        surprise = volume / expected - 1.0 if expected > 0 else None
        if surprise is not None and self._last is not None:
            self._product += surprise * self._last
            self._square += self._last * self._last
            self._pairs += 1
        self._last = surprise
        self._seen += 1
        self._volume += volume
        self._share += share

    def remaining(self) -> NDArray[np.float64]:
        """The expected shares of the bins that have not ended, the next one first, in the static curve's scale."""
        left = self.shares[self._seen :].copy()
        if self._last is not None and len(left) > 1 and self._share < LATE * self._total:
            left[0] *= 1.0 + max(-CLAMP, min(CLAMP, self.slope * self._last))
        return left
