"""Trading sessions of the US equity exchanges, 2010 to 2035: holidays, special closures, half days.

The packaged table ``data/sessions.json`` holds the exceptions to Monday-to-Friday, 09:30 to 16:00 New York
time; ``tools/make_sessions.py`` generates it from the ``exchange_calendars`` package. Days in the future
follow the exchanges' rules as they are known: a special closure cannot be foreseen.

``24/7`` is the calendar of what is always open: its day ends at midnight UTC.

Instants are int64 nanoseconds since the Unix epoch, UTC. Days are dates of the exchange's zone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

__all__ = [
    "ALWAYS_OPEN",
    "Session",
    "SessionRangeError",
    "all_closes_ns",
    "closes_ns",
    "exchanges",
    "local_to_ns",
    "next_session",
    "ns_to_local",
    "previous_session",
    "session",
    "session_date",
    "session_of",
    "trading_date",
    "zone",
]

_TABLE = Path(__file__).with_name("data") / "sessions.json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_NS = 10**9
_DAY_NS = 86400 * _NS

#: Of a regular session of the US exchanges; the day of figures that are told by day.
SESSION_MINUTES = 390

#: The calendar of what is traded at all times: every day of UTC is a session, which ends at midnight.
ALWAYS_OPEN = "24/7"


class SessionRangeError(LookupError):
    """A day outside the years that the session table covers. Never answered with a guess."""


@dataclass(frozen=True, slots=True)
class Session:
    """One regular session. ``open_ns`` belongs to it, ``close_ns`` is its end."""

    exchange: str
    date: date
    open_ns: int
    close_ns: int
    is_half_day: bool


@dataclass(frozen=True, slots=True)
class _Calendar:
    zone: ZoneInfo
    open: time
    close: time
    early_close: time
    first: date
    last: date
    closed: frozenset[date]
    half_days: frozenset[date]


@lru_cache(maxsize=1)
def _tables() -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = json.loads(_TABLE.read_text(encoding="utf-8"))["exchanges"]
    return {name: tables[entry["same_as"]] if "same_as" in entry else entry for name, entry in tables.items()}


@lru_cache(maxsize=16)
def _calendar(exchange: str) -> _Calendar:
    entry = _tables().get(exchange)
    if entry is None:
        raise ValueError(f"unknown exchange {exchange!r}, known are {', '.join(exchanges())}")
    return _Calendar(
        zone=_zone(entry["zone"]),
        open=time.fromisoformat(entry["open"]),
        close=time.fromisoformat(entry["close"]),
        early_close=time.fromisoformat(entry["early_close"]),
        first=date.fromisoformat(entry["first"]),
        last=date.fromisoformat(entry["last"]),
        closed=frozenset(map(date.fromisoformat, entry["closed"])),
        half_days=frozenset(map(date.fromisoformat, entry["half_days"])),
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        raise RuntimeError(f"no time zone data for {name} here: install tzdata (system or pip)") from None


def exchanges() -> tuple[str, ...]:
    """The exchanges that the table knows, by MIC, and the calendar of what is always open."""
    return tuple(sorted([*_tables(), ALWAYS_OPEN]))


def zone(exchange: str = "XNYS") -> ZoneInfo:
    """The time zone of an exchange. ValueError if the exchange is unknown."""
    return _zone("UTC") if exchange == ALWAYS_OPEN else _calendar(exchange).zone


def session(exchange: str, day: date) -> Session | None:
    """The regular session of a day, or None if the exchange is closed on it.

    Parameters
    ----------
    exchange : MIC, "XNYS" or "XNAS".
    day      : date in the exchange's zone. A datetime is refused, its date would depend on a zone.

    Raises
    ------
    ValueError         if the exchange is unknown.
    TypeError          if ``day`` is not a plain date.
    SessionRangeError  if the table does not cover the day.
    """
    if not isinstance(day, date) or isinstance(day, datetime):
        raise TypeError(f"day must be a date, was {type(day).__name__}")
    return _session(exchange, day)


@lru_cache(maxsize=4096)
def _session(exchange: str, day: date) -> Session | None:
    if exchange == ALWAYS_OPEN:
        midnight = (day - _EPOCH.date()).days * _DAY_NS
        return Session(exchange=exchange, date=day, open_ns=midnight, close_ns=midnight + _DAY_NS, is_half_day=False)
    calendar = _calendar(exchange)
    if not calendar.first <= day <= calendar.last:
        raise SessionRangeError(
            f"{exchange}: the session table covers {calendar.first} to {calendar.last}, not {day}; "
            "regenerate it with tools/make_sessions.py"
        )
    if day.weekday() >= 5 or day in calendar.closed:
        return None
    half = day in calendar.half_days
    return Session(
        exchange=exchange,
        date=day,
        open_ns=_ns(datetime.combine(day, calendar.open, calendar.zone)),
        close_ns=_ns(datetime.combine(day, calendar.early_close if half else calendar.close, calendar.zone)),
        is_half_day=half,
    )


def session_of(exchange: str, ns: int) -> Session | None:
    """The session that is open at an instant, or None: before the open, from the close on, on a day without one.

    Raises as :func:`session` does.
    """
    day = session_date(ns, exchange)
    found = session(exchange, day)
    return found if found is not None and found.open_ns <= ns < found.close_ns else None


def closes_ns(exchange: str, start_ns: int, end_ns: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The closes of an exchange's sessions after ``start_ns`` and up to ``end_ns``: (n,) int64, ascending.

    What lies outside the years of the table has none there: nobody knows them. Of what is always open every midnight
    UTC is one.

    Raises
    ------
    ValueError  if the exchange is unknown.
    """
    if exchange == ALWAYS_OPEN:
        first = max(start_ns, 0) // _DAY_NS + 1
        return np.arange(first, max(first, end_ns // _DAY_NS + 1), dtype=np.int64) * _DAY_NS
    every = all_closes_ns(exchange)
    return every[np.searchsorted(every, start_ns, "right") : np.searchsorted(every, end_ns, "right")]


@lru_cache(maxsize=16)
def all_closes_ns(exchange: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """All closes that are known, read-only; of what is always open those of a century from 1970 on.

    ValueError if the exchange is unknown.
    """
    if exchange == ALWAYS_OPEN:
        found = closes_ns(ALWAYS_OPEN, 0, 36525 * _DAY_NS)
    else:
        calendar, tables = _calendar(exchange), _tables()
        twin = next(name for name, entry in tables.items() if entry is tables[exchange])
        if twin != exchange:
            return all_closes_ns(twin)
        seconds = []
        for ordinal in range(calendar.first.toordinal(), calendar.last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if day.weekday() < 5 and day not in calendar.closed:
                local = datetime.combine(day, calendar.early_close if day in calendar.half_days else calendar.close)
                offset = calendar.zone.utcoffset(local)
                assert offset is not None
                seconds.append((local - _EPOCH.replace(tzinfo=None) - offset).total_seconds())
        found = np.array(seconds).astype(np.int64) * _NS
    found.flags.writeable = False
    return found


def next_session(exchange: str, day: date) -> Session:
    """The first session on a later day than ``day``. Raises as :func:`session` does."""
    return _walk(exchange, day, _DAY)


def previous_session(exchange: str, day: date) -> Session:
    """The last session on an earlier day than ``day``. Raises as :func:`session` does."""
    return _walk(exchange, day, -_DAY)


def _walk(exchange: str, day: date, step: timedelta) -> Session:
    session(exchange, day)  # the same refusals, also where the next day would be within the table
    found: Session | None = None
    while found is None:
        day += step
        found = _session(exchange, day)
    return found


def session_date(ns: int, exchange: str = "XNYS") -> date:
    """The calendar date of an instant in the exchange's zone, whether or not there is a session on it."""
    return ns_to_local(ns, exchange).date()


def trading_date(ns: int, exchange: str = "XNYS") -> date:
    """The date of the session that an instant belongs to: from one close on it is the next session's.

    Daily limits roll with this date.
    """
    day = session_date(ns, exchange)
    today = _session(exchange, day)
    if today is not None and ns < today.close_ns:
        return day
    return next_session(exchange, day).date


def ns_to_local(ns: int, exchange: str = "XNYS") -> datetime:
    """An instant as an aware datetime in the exchange's zone, rounded down to the microsecond."""
    return (_EPOCH + timedelta(microseconds=ns // 1000)).astimezone(zone(exchange))


def local_to_ns(when: datetime, exchange: str = "XNYS") -> int:
    """A datetime as nanoseconds since the epoch; a naive one is read in the exchange's zone.

    An aware datetime keeps its own zone. Of an hour that occurs twice (clocks go back) the first is meant,
    or the second if ``when.fold`` is 1.

    Raises
    ------
    TypeError   if ``when`` is not a datetime.
    ValueError  if the exchange is unknown, or the local time does not exist (clocks go forward over it).
    """
    if not isinstance(when, datetime):
        raise TypeError(f"expected a datetime, was {type(when).__name__}")
    if when.tzinfo is not None:
        return _ns(when)
    here = zone(exchange)
    aware = when.replace(tzinfo=here)
    if aware.astimezone(UTC).astimezone(here).replace(tzinfo=None) != when:
        raise ValueError(f"{when.isoformat(' ')} does not exist in {here.key}: clocks go forward over it")
    return _ns(aware)


def _ns(when: datetime) -> int:
    since = when - _EPOCH
    nanosecond: int = getattr(when, "nanosecond", 0)  # a pandas Timestamp carries three more digits
    return (since.days * 86400 + since.seconds) * _NS + since.microseconds * 1000 + nanosecond
