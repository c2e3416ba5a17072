"""One instrument's recorded market, whatever files it came from: what a replay needs of it.

Files of one symbol are merged by time: a file of quotes and one of trades, or the same instrument at several venues. A
recording by order keeps exact places in the queues; in one by level they are a model's word (`LevelReplayMarket`).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date as _date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grandmodel.execution._core.records import MESSAGE_DTYPE, NO_PRICE
from grandmodel.execution._core.values import MarketDataError

from ..sessions import ALWAYS_OPEN, ns_to_local

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..market_data import MarketData
    from .lobster import LobsterDay

_Path = str | os.PathLike[str]

#: Where a recording without names of venues was made.
RECORDED = "RECORDED"
#: Files of one day are not further apart.
NIGHT_NS = 6 * 3_600_000_000_000
_PRICED = ("ADD", "REPLACE", "SET_LEVEL")
_PRINTED = ("TRADE", "EXECUTE_HIDDEN", "CROSS_TRADE")


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One instrument's recording.

    Attributes
    ----------
    messages : (n,) MESSAGE_DTYPE by time; ``symbol`` is 0, ``venue`` a place in ``venues``
    books    : (n, levels, 4) int64 or None: the file's own book after each message (`ReplayMarket`)
    by_level : the feed tells of price levels, not of orders
    venues   : names; one, if by order
    tick_e9, step_e9 : distance of prices, and what a quantity of 1 is
    calendar : whose clock ``start`` of a replay means: an exchange, or ``24/7`` for UTC
    start_ns, end_ns : what the recording covers
    """

    symbol: str
    messages: NDArray[Any]
    books: NDArray[np.int64] | None
    by_level: bool
    venues: tuple[str, ...]
    tick_e9: int
    step_e9: int
    calendar: str
    start_ns: int
    end_ns: int
    name: str

    @property
    def date(self) -> _date:
        """The day of the first message, at the calendar's place."""
        return ns_to_local(self.start_ns, self.calendar).date()

    def __len__(self) -> int:
        return len(self.messages)


def of_lobster(day: LobsterDay, venue: str = "NASDAQ") -> Recording:
    """A LOBSTER day. MarketDataError where its messages alone would drift: its order book file is needed then."""
    if day.books is None and day.levels is not None:
        raise MarketDataError(
            f"{day.name}: tells of the best {day.levels} levels only, and a book accumulated from that drifts; "
            "give the order book file too (--orderbook)"
        )
    first, last = (int(day.messages["time_ns"][place]) for place in (0, -1))
    return Recording(
        symbol=day.symbol, messages=day.messages, books=day.books, by_level=False, venues=(venue,),
        tick_e9=day.tick_e9, step_e9=1_000_000_000, calendar="XNAS",
        start_ns=min(day.start_ns, first), end_ns=max(day.end_ns, last), name=day.name,
    )  # fmt: skip


def read_recording(
    files: _Path | Iterable[_Path] | Mapping[str, _Path | Iterable[_Path]],
    format: str | None = None,
    *,
    symbol: str | None = None,
    date: _date | str | None = None,
    **options: Any,
) -> Recording:
    """Reads one instrument's recording.

    Parameters
    ----------
    files : a file, several (merged by time), or {venue: file or files}
    format, date, options : as `read_market_data` takes them; dates go to those files alone that need one
    symbol : its name in the files, where they hold several

    Raises
    ------
    MarketDataError  files that hold no book, whose book drifts or of different kinds; a symbol that they do not hold
    """
    by_venue = files if isinstance(files, Mapping) else {RECORDED: files}
    parts: list[tuple[int, MarketData, NDArray[Any]]] = []
    for place, (venue, given) in enumerate(by_venue.items()):
        if not isinstance(venue, str) or not venue:
            raise MarketDataError(f"a venue is named {venue!r}, must be a text")
        for path in [given] if isinstance(given, str | os.PathLike) else list(given):
            parts.append((place, *_read(path, format, symbol, date, options)))
    if not parts:
        raise MarketDataError("no file is given")
    kinds = {data.book for _, data, _ in parts if data.book is not None}
    names = ", ".join(str(data.path) for _, data, _ in parts)
    if len(kinds) != 1:
        raise MarketDataError(f"{names}: hold {' and '.join(sorted(kinds)) or 'no book'}, must hold one kind of book")
    by_level = kinds == {"L2"}
    if not by_level and len(by_venue) > 1:
        raise MarketDataError(f"{names}: are recordings by order, of which one venue can be replayed")
    steps = {data.quantity_step for _, data, _ in parts}
    if len(steps) > 1:
        raise MarketDataError(f"{names}: count quantities in {' and '.join(sorted(steps))}, must agree")
    _belong_together([data for _, data, _ in parts], [rows for _, _, rows in parts], names)
    messages = _merge([(place, rows) for place, _, rows in parts])
    if len(messages) == 0:
        raise MarketDataError(f"{names}: hold no message of {symbol!r}")
    calendar = ALWAYS_OPEN if all(data.format == "binance" for _, data, _ in parts) else "XNAS"
    return Recording(
        symbol=symbol or _only_symbol(parts[0][1]), messages=messages, books=None, by_level=by_level,
        venues=tuple(by_venue), tick_e9=_tick_e9(messages), step_e9=int(Decimal(steps.pop()) * 10**9),
        calendar=calendar, start_ns=int(messages["time_ns"][0]), end_ns=int(messages["time_ns"][-1]),
        name=parts[0][1].path.name,
    )  # fmt: skip


def open_recording(
    messages: Iterable[str],
    format: str | None = None,
    orderbook: _Path | None = None,
    symbol: str | None = None,
    date: _date | str | None = None,
    column_map: _Path | None = None,
) -> Recording:
    """What a command line names: LOBSTER's pair, or files that `read_market_data` reads, each ``[VENUE=]FILE``.

    `column_map` is a YAML file that says what columns of CSV or Parquet files are.

    Raises
    ------
    ValueError  an order book file with other files than one of LOBSTER's; venues named for some files alone
    MarketDataError  as `read_recording`
    """
    from .lobster import is_lobster, read_lobster

    given = list(messages)
    lobster = len(given) == 1 and (format == "lobster" if format else is_lobster(given[0]))
    if len(given) == 1 and (orderbook is not None or lobster):
        return of_lobster(read_lobster(given[0], orderbook, symbol=symbol, date=date))
    if orderbook is not None:
        raise ValueError("orderbook belongs to one LOBSTER message file")
    files: dict[str, list[str]] = {}
    for entry in given:
        venue, equals, path = entry.partition("=")
        named = bool(equals) and not Path(entry).exists()
        files.setdefault(venue if named else "", []).append(path if named else entry)
    if "" in files and len(files) > 1:
        raise ValueError(f"{files[''][0]}: names no venue, and others do: VENUE=FILE for each, or for none")
    options: dict[str, Any] = {}
    if column_map is not None:
        from ..market_data.column_file import read_columns

        options["columns"] = read_columns(column_map)
    return read_recording(files.get("", files), format, symbol=symbol, date=date, **options)


def _read(
    path: _Path, format: str | None, symbol: str | None, date: _date | str | None, options: dict[str, Any]
) -> tuple[MarketData, NDArray[Any]]:
    from ..market_data import read_market_data

    given = dict(options)
    if date is not None:
        given["date"] = date
    data = read_market_data(path, format, **given)
    if data.kind != "messages":
        raise MarketDataError(f"{data.path}: holds {data.kind}, must hold messages")
    rows = data.read()
    if data.drifts:
        raise MarketDataError(f"{data.path}: {data.drifts}")
    if data.symbols:
        if symbol is None and len(data.symbols) > 1:
            held = sorted(data.symbols.values())
            more = ", ..." if len(held) > 8 else ""
            raise MarketDataError(f"{data.path}: holds {', '.join(held[:8])}{more}: name the symbol (--symbol)")
        number = data.number_of(symbol) if symbol is not None and len(data.symbols) > 1 else next(iter(data.symbols))
        rows = rows[(rows["symbol"] == number) | (rows["symbol"] < 0)]
    return data, rows


def _belong_together(files: list[MarketData], rows: list[NDArray[Any]], names: str) -> None:
    """Files of one instrument's day: of one symbol by their names, and with no night between them."""
    symbols = {next(iter(data.symbols.values())) for data in files if len(data.symbols) == 1}
    if len(symbols) > 1 and len({data.format for data in files}) == 1 and files[0].format != "binance":
        raise MarketDataError(f"{names}: are of {' and '.join(sorted(symbols))}, must be of one symbol")
    spans = sorted((int(each["time_ns"][0]), int(each["time_ns"][-1])) for each in rows if len(each))
    for (_, end), (begin, _) in itertools.pairwise(spans):
        if begin - end > NIGHT_NS:
            raise MarketDataError(f"{names}: are {(begin - end) / 3600e9:.1f} hours apart; are they of one day?")


def _only_symbol(data: MarketData) -> str:
    return next(iter(data.symbols.values()), "") or data.path.name.split("_")[0].upper()


def _merge(parts: list[tuple[int, NDArray[Any]]]) -> NDArray[Any]:
    """All rows by time, those of one file in its order. At one instant prints come first, as feeds send them."""
    from ..market_data import Action

    for place, rows in parts:
        rows["symbol"] = 0
        rows["venue"] = place
    if len(parts) == 1:
        return parts[0][1]
    every = np.empty(sum(len(rows) for _, rows in parts), MESSAGE_DTYPE)
    np.concatenate([rows for _, rows in parts], out=every)
    printed = np.isin(every["action"], [Action[name] for name in _PRINTED])
    return np.take(every, np.lexsort((~printed, every["time_ns"])))


def _tick_e9(messages: NDArray[Any]) -> int:
    """The greatest common divisor of all prices that stood in the book."""
    from ..market_data import Action

    stood = messages["price_e9"][np.isin(messages["action"], [Action[name] for name in _PRICED])]
    stood = stood[stood != NO_PRICE]
    if len(stood) == 0:
        raise MarketDataError("no price ever stood in the recording's book")
    return int(np.gcd.reduce(stood))
