"""Days whose midnight the times of a file count from."""

from __future__ import annotations

import re
from datetime import date as _date
from datetime import datetime
from pathlib import Path

from grandmodel.execution._core.values import MarketDataError

_DATES = (
    (re.compile(r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)"), (0, 1, 2)),
    (re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d)"), (0, 1, 2)),
    (re.compile(r"(?<!\d)(\d\d)(\d\d)((?:19|20)\d\d)(?!\d)"), (2, 0, 1)),  # NASDAQ: 01302019.NASDAQ_ITCH50
    (re.compile(r"S(\d\d)(\d\d)(\d\d)-v50"), (2, 0, 1)),  # NASDAQ: S081321-v50.txt
)
UNKNOWN_DAY = _date(1970, 1, 1)


def day_of(path: Path, given: _date | str | None, name: str | None = None) -> _date | None:
    """The day that is given, or that the file's name tells; None: neither does."""
    if isinstance(given, datetime):
        return given.date()
    if isinstance(given, _date):
        return given
    if given is not None:
        if not isinstance(given, str):
            raise TypeError(f"date is {given!r}, must be a date or YYYY-MM-DD")
        try:
            return _date.fromisoformat(given)
        except ValueError:
            raise MarketDataError(f"date is {given!r}, must be YYYY-MM-DD") from None
    for pattern, places in _DATES:
        found = pattern.search(name or path.name)
        if found:
            year, month, day = (int(found.groups()[place]) for place in places)
            try:
                return _date(year + 2000 if year < 100 else year, month, day)
            except ValueError:
                continue
    return None


def midnight_ns(day: _date, exchange: str = "XNAS") -> int:
    """UTC nanoseconds of the day's midnight at the exchange."""
    from grandmodel.execution.sessions import local_to_ns

    return local_to_ns(datetime(day.year, day.month, day.day), exchange)


def begin_of(path: Path, given: _date | str | None, name: str | None = None) -> tuple[int, str | None]:
    """The midnight, and a note where nobody says of which day."""
    day = day_of(path, given, name)
    if day is not None:
        return midnight_ns(day), None
    return midnight_ns(UNKNOWN_DAY), "neither name nor `date` tells the day: times are as if it were 1970-01-01"
