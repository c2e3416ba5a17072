"""LOBSTER files (lobsterdata.com): one symbol, one day, messages and the best levels of the book.

A file pair is ``SYMBOL_YYYY-MM-DD_START_END_message_LEVELS.csv`` and ``…_orderbook_LEVELS.csv`` (START
and END in milliseconds after midnight), plain, ``.xz`` or ``.gz``. Row k of the book is the state after
message k. The message file holds only what happened within the best LEVELS: accumulating it alone drifts
from the exchange's book.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date as _date
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grandmodel.execution._core import lobster as _core
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

_NAME = re.compile(
    r"(?P<symbol>[A-Za-z0-9.\-]+)_(?P<date>\d{4}-\d\d-\d\d)(?:_(?P<start>\d{1,8})_(?P<end>\d{1,8}))?"
    r"_(?P<kind>message|orderbook)_(?P<levels>\d{1,4})(?:_[A-Za-z0-9]+)?\.csv(?:\.xz|\.gz)?"
)
_NASDAQ = "XNAS"
_CENT_E9 = 10_000_000
_UNIT_E9 = 100_000  # the files count prices in 1e-4 dollars


@dataclass(frozen=True, slots=True, eq=False)
class LobsterDay:
    """One symbol's day.

    Attributes
    ----------
    messages : (n,) MESSAGE_DTYPE, read-only; ``sequence`` is the line of the file.
    books    : (n, levels, 4) int64, read-only: ask price_e9, ask size, bid price_e9, bid size after
               message k; an unused level is (NO_PRICE, 0). None if no order book file was given.
    levels   : how many levels the file was cut to; None if neither file nor name tells it.
    tick_e9  : distance of displayed prices in the day's data: a cent, or 1e-4 dollars below one dollar.
    start_ns, end_ns : the span the files cover, from their name, else from the first and last message.
    name     : of the message file.
    """

    symbol: str
    date: _date
    levels: int | None
    messages: NDArray[Any]
    books: NDArray[np.int64] | None
    tick_e9: int
    start_ns: int
    end_ns: int
    name: str

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def tick_size(self) -> float:
        """``tick_e9`` as a float."""
        return self.tick_e9 / 1e9


def is_lobster(path: str | os.PathLike[str]) -> bool:
    """Is the file a LOBSTER message file by its name?"""
    named = _NAME.fullmatch(Path(path).name)
    return named is not None and named["kind"] == "message"


def read_lobster(
    messages_path: str | os.PathLike[str],
    orderbook_path: str | os.PathLike[str] | None = None,
    *,
    symbol: str | None = None,
    date: _date | str | None = None,
) -> LobsterDay:
    """Reads a message file, and its order book file if there is one.

    Parameters
    ----------
    messages_path, orderbook_path : plain, ``.xz`` or ``.gz`` by suffix.
    symbol, date : taken from the message file's standard name unless given.

    Raises
    ------
    MarketDataError  naming file and line; or both files and their counts, if their rows differ in number.
    """
    path = Path(messages_path)
    named = _NAME.fullmatch(path.name)
    book_path = None if orderbook_path is None else Path(orderbook_path)
    if named is not None and named["kind"] != "message":
        raise MarketDataError(f"{path}: is an order book file by its name, a message file belongs here")
    day = _day(path, named, date)
    if symbol is None:
        if named is None:
            raise MarketDataError(f"{path}: the name tells no symbol, give it (--symbol)")
        symbol = named["symbol"]
    midnight_ns = _midnight_ns(day)
    messages = _core.parse_messages(_read(path), midnight_ns, name=str(path))
    messages.flags.writeable = False
    levels = int(named["levels"]) if named is not None else None
    books = None
    if book_path is not None:
        books = _read_books(book_path, named, levels, path)
        levels = books.shape[1]
        if len(books) != len(messages):
            raise MarketDataError(
                f"{path} has {len(messages)} rows, {book_path} has {len(books)}: row k of the book belongs to message k"
            )
    if named is not None and named["start"] is not None:
        start_ns, end_ns = (midnight_ns + int(named[key]) * 1_000_000 for key in ("start", "end"))
    else:
        start_ns, end_ns = int(messages["time_ns"][0]), int(messages["time_ns"][-1])
    return LobsterDay(
        symbol=symbol,
        date=day,
        levels=levels,
        messages=messages,
        books=books,
        tick_e9=_tick_e9(messages, books),
        start_ns=start_ns,
        end_ns=end_ns,
        name=path.name,
    )


def _read_books(path: Path, named: re.Match[str] | None, levels: int | None, messages_path: Path) -> NDArray[np.int64]:
    other = _NAME.fullmatch(path.name)
    if other is not None:
        if other["kind"] != "orderbook":
            raise MarketDataError(f"{path}: is a message file by its name, an order book file belongs here")
        if named is not None and other["date"] != named["date"]:
            raise MarketDataError(f"{messages_path} and {path} are of different days by their names")
        if named is not None and other["symbol"] != named["symbol"]:
            raise MarketDataError(f"{messages_path} and {path} are of different symbols by their names")
        levels = int(other["levels"])
    if levels is not None and not 1 <= levels <= _core.LEVELS_MAX:
        raise MarketDataError(f"{path}: {levels} levels, must be from 1 to {_core.LEVELS_MAX}")
    books = _core.parse_books(_read(path), levels, name=str(path))
    books.flags.writeable = False
    return books


def _day(path: Path, named: re.Match[str] | None, given: _date | str | None) -> _date:
    text = given
    if given is None:
        if named is None:
            raise MarketDataError(f"{path}: the name tells no date, give it (--date YYYY-MM-DD)")
        text = named["date"]
    if isinstance(text, datetime):
        return text.date()
    if isinstance(text, _date):
        return text
    if not isinstance(text, str):
        raise TypeError(f"date is {text!r}, must be a date or YYYY-MM-DD")
    try:
        return _date.fromisoformat(text)
    except ValueError:
        where = f"{path}: the date in the name" if given is None else "date"
        raise MarketDataError(f"{where} is {text!r}, must be YYYY-MM-DD") from None


def _midnight_ns(day: _date) -> int:
    from grandmodel.execution.sessions import local_to_ns

    return local_to_ns(datetime(day.year, day.month, day.day), _NASDAQ)


def _read(path: Path) -> bytes:
    try:
        if path.suffix == ".xz":
            import lzma

            with lzma.open(path) as stream:
                return stream.read()
        if path.suffix == ".gz":
            import gzip

            with gzip.open(path) as stream:
                return stream.read()
        return path.read_bytes()
    except FileNotFoundError:
        raise MarketDataError(f"{path}: no such file") from None
    except (OSError, EOFError) as error:
        raise MarketDataError(f"{path}: cannot be read ({error})") from error
    except Exception as error:
        if type(error).__name__ in ("LZMAError", "error"):  # of lzma and zlib, not imported for this
            raise MarketDataError(f"{path}: cannot be decompressed ({error})") from error
        raise


def _tick_e9(messages: NDArray[Any], books: NDArray[np.int64] | None) -> int:
    """A cent where every displayed price is on one; a hidden execution may lie between ticks."""
    displayed = messages["price_e9"][(messages["order_id"] != 0) & (messages["price_e9"] != NO_PRICE)]
    prices = [displayed] if books is None else [displayed, books[:, :, 0], books[:, :, 2]]
    for column in prices:
        if np.any((column % _CENT_E9 != 0) & (column != NO_PRICE)):
            return _UNIT_E9
    return _CENT_E9
