"""Open, close and previous close of the sessions that orders were decided in, from what was printed.

A session's hours are those of `sessions.py`. The opening price is the opening auction's where the prints say which are
an auction's, else the first trade at or after the open; the closing price is the closing auction's, else the last trade
up to the close. An auction counts as the opening one within half an hour of the open, as the closing one from half an
hour before the close to half an hour after it (this project's choice: a halt in between also ends with an auction, and
exchanges print their closing auction a little after the hour). What the prints do not reach is not known, never taken
from the nearest one that there is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from .._core.records import NO_PRICE
from ..sessions import Session, SessionRangeError, previous_session, session, session_date

__all__ = ["AUCTION_NS", "SESSION", "WHY", "SessionPrices", "Tape", "close_of", "open_of", "session_prices"]

Rows = np.ndarray[Any, Any]

#: Prices of a session, in the order of `SessionPrices`.
SESSION = ("open", "close", "previous_close")
#: How far from a session's open and close an auction is still that of the open and of the close.
AUCTION_NS = 1800 * 10**9

#: What a code of `SessionPrices` means; 0: the price is known.
WHY = (
    "", "there are no prints: give the capture", "its day is no session of its exchange",
    "the prints begin after the open", "the prints end before the close", "nothing was printed in the session",
    "none is given, and none in the capture",
)  # fmt: skip
_KNOWN, NO_PRINTS, NO_SESSION, LATE_BEGIN, EARLY_END, NOTHING, NO_PREVIOUS = range(7)


class Tape(NamedTuple):
    """One symbol's prints in the order of time. `auction`: which an auction made; `covers(ns)`: is an instant within
    what was written down?"""

    time_ns: Rows
    price_e9: Rows
    auction: Rows
    covers: Callable[[int], bool]


class SessionPrices(NamedTuple):
    """(n,) int64 prices in 1e-9, NO_PRICE where unknown, and (n,) uint8 places in WHY."""

    open_e9: Rows
    close_e9: Rows
    previous_close_e9: Rows
    open_why: Rows
    close_why: Rows
    previous_close_why: Rows


def _between(tape: Tape, begin_ns: int, end_ns: int) -> slice:
    """Prints from begin to end, both included."""
    first, last = np.searchsorted(tape.time_ns, begin_ns, "left"), np.searchsorted(tape.time_ns, end_ns, "right")
    return slice(int(first), int(last))


def open_of(tape: Tape, hours: Session) -> tuple[int, int]:
    """(price in 1e-9, place in WHY) of a session's open."""
    early = _between(tape, hours.open_ns, min(hours.open_ns + AUCTION_NS, hours.close_ns))
    auctions = np.flatnonzero(tape.auction[early])
    if len(auctions):
        return int(tape.price_e9[early][auctions[0]]), _KNOWN
    if not tape.covers(hours.open_ns):
        return NO_PRICE, LATE_BEGIN
    whole = _between(tape, hours.open_ns, hours.close_ns)
    if whole.start == whole.stop:
        return NO_PRICE, NOTHING
    return int(tape.price_e9[whole.start]), _KNOWN


def close_of(tape: Tape, hours: Session) -> tuple[int, int]:
    """(price in 1e-9, place in WHY) of a session's close."""
    late = _between(tape, max(hours.close_ns - AUCTION_NS, hours.open_ns), hours.close_ns + AUCTION_NS)
    auctions = np.flatnonzero(tape.auction[late])
    if len(auctions):
        return int(tape.price_e9[late][auctions[-1]]), _KNOWN
    if not tape.covers(hours.close_ns):
        return NO_PRICE, EARLY_END
    whole = _between(tape, hours.open_ns, hours.close_ns)
    if whole.start == whole.stop:
        return NO_PRICE, NOTHING
    return int(tape.price_e9[whole.stop - 1]), _KNOWN


def hours_on(exchange: str, day: date) -> Session | None:
    """A day's session; None when there is none, or nobody knows."""
    try:
        return session(exchange, day)
    except SessionRangeError:
        return None


def hours_before(exchange: str, day: date) -> Session | None:
    """The session before a day's; None where nobody knows."""
    try:
        return previous_session(exchange, day)
    except SessionRangeError:
        return None


def days_of(time_ns: Rows, exchange: str) -> list[date]:
    """The exchange's date of each instant; each half hour is looked up once (zones change on the hour, at most)."""
    parts, where = np.unique(time_ns // AUCTION_NS, return_inverse=True)
    told = [session_date(int(part) * AUCTION_NS, exchange) for part in parts.tolist()]
    return [told[k] for k in where.tolist()]


def session_prices(
    symbol: Rows,
    decision_ns: Rows,
    tape_of: Callable[[int], Tape | None],
    calendar_of: Callable[[int], str],
    previous_of: Callable[[int, date], int],
) -> SessionPrices:
    """Open, close and previous close of the session of each order's decision.

    Parameters
    ----------
    symbol, decision_ns : (n,) int64: the symbol's number, and when the order was decided (0: nobody knows)
    tape_of : the prints of a symbol; None: there are none
    calendar_of : the exchange whose sessions a symbol has
    previous_of : (symbol, day) -> what is known of the close before that day otherwise, in 1e-9, else NO_PRICE
    """
    n = len(symbol)
    prices, why = np.full((3, n), NO_PRICE), np.full((3, n), NO_SESSION, np.uint8)
    dated = np.flatnonzero(decision_ns > 0)
    for number in np.unique(symbol[dated]).tolist():
        mine = dated[symbol[dated] == number]
        exchange, tape = calendar_of(number), tape_of(number)
        found: dict[date, list[tuple[int, int]]] = {}
        days = days_of(decision_ns[mine], exchange)
        for day in dict.fromkeys(days):
            found[day] = _of_day(tape, exchange, day, previous_of(number, day))
        for k in range(3):
            prices[k, mine] = [found[day][k][0] for day in days]
            why[k, mine] = [found[day][k][1] for day in days]
    return SessionPrices(*prices, *why)


def _of_day(tape: Tape | None, exchange: str, day: date, given: int) -> list[tuple[int, int]]:
    hours, before = hours_on(exchange, day), hours_before(exchange, day)
    if hours is None:
        here = [(NO_PRICE, NO_SESSION)] * 2
    elif tape is None:
        here = [(NO_PRICE, NO_PRINTS)] * 2
    else:
        here = [open_of(tape, hours), close_of(tape, hours)]
    if given != NO_PRICE:
        return [*here, (given, _KNOWN)]
    known = NO_PRICE if tape is None or before is None else close_of(tape, before)[0]
    return [*here, (known, _KNOWN if known != NO_PRICE else NO_PREVIOUS)]


def given_closes(closes_e9: Mapping[int, int], first_ns: int, calendar_of: Callable[[int], str]) -> Any:
    """`previous_of` of {symbol: close}: what is given is of the session before the first day, and of no later one."""

    def known(number: int, day: date) -> int:
        if number not in closes_e9 or day != session_date(first_ns, calendar_of(number)):
            return NO_PRICE
        return closes_e9[number]

    return known
