"""When an instrument can be traded: the end of a session, and what of its volume is usual by when."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._core import schedule
from ..._core.synthetic import SyntheticMarket
from ...sessions import SESSION_MINUTES

if TYPE_CHECKING:
    from ..._core.submit import Core


def keeps_hours(core: Core) -> bool:
    """Does the market behind a core close? A paper market is always open unless its configuration says otherwise."""
    market = core.market.origin
    return not isinstance(market, SyntheticMarket) or market.keeps_hours


def session_begin_ns(core: Core, symbol: str, now_ns: int) -> int:
    """`now_ns`, or the open of the next session where the market keeps hours and is closed now."""
    from ...sessions import ALWAYS_OPEN, SessionRangeError, exchanges, next_session, session, session_date

    calendar = core.instruments.calendar(symbol)
    if not keeps_hours(core) or calendar == ALWAYS_OPEN or calendar not in exchanges():
        return now_ns
    with contextlib.suppress(SessionRangeError):
        day = session_date(now_ns, calendar)
        hours = session(calendar, day)
        if hours is None or hours.close_ns <= now_ns:
            hours = next_session(calendar, day)
        return max(now_ns, hours.open_ns)
    return now_ns


def session_end_ns(core: Core, symbol: str, now_ns: int, end_ns: int) -> int:
    """`end_ns`, but not beyond the close of the session that goes on now, where the market has one."""
    close = session_close_ns(now_ns, core.instruments.calendar(symbol)) if keeps_hours(core) else None
    return end_ns if close is None else min(end_ns, close)


def session_close_ns(now_ns: int, calendar: str = "XNYS") -> int | None:
    """The close of the session that `now_ns` lies in; None where there is none, or nobody knows."""
    from ...sessions import ALWAYS_OPEN, SessionRangeError, exchanges, session, session_date

    if calendar == ALWAYS_OPEN or calendar not in exchanges():
        return None
    with contextlib.suppress(SessionRangeError):
        hours = session(calendar, session_date(now_ns, calendar))
        if hours is not None and hours.open_ns <= now_ns < hours.close_ns:
            return hours.close_ns
    return None


def rest_of_session_ns(parent: Any) -> int:
    """Time from a parent's start to the close of the session that it lies in; a whole session where there is none."""
    close = session_close_ns(parent.start_ns, parent.core.instruments.calendar(parent.symbol))
    return SESSION_MINUTES * 60_000_000_000 if close is None else close - parent.start_ns


def duration_ns(parent: Any, minutes: float | None) -> int:
    """So many minutes, or where nobody said how many, the rest of the session."""
    return rest_of_session_ns(parent) if minutes is None else round(minutes * 60e9)


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
