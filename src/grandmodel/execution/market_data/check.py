"""What a file of market data holds: counts, prices, volume, and what its book looks like at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from grandmodel.execution._core.book import OrderBook
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError

from .messages import TRADES, Action, Flag

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .reader import MarketData


@dataclass(slots=True)
class SymbolCheck:
    """One symbol of a file. Quantities are in steps; ``notional_e9`` is the sum of price_e9 times quantity."""

    name: str
    rows: int = 0
    executed: int = 0
    priced: int = 0
    notional_e9: int = 0
    tick_e9: int = 0  # the greatest common divisor of its prices
    venues: dict[int, int] = field(default_factory=dict)  # {venue: rows}

    @property
    def vwap(self) -> float | None:
        """Of the executions whose price is told."""
        return self.notional_e9 / self.priced / 1e9 if self.priced else None


@dataclass(slots=True)
class Check:
    """What `check` found; see `lines` of the command for how it reads."""

    path: str
    format: str
    kind: str
    records: int = 0
    rows: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    time_steps_back: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    gaps: int = 0
    drifts: str | None = None
    notes: list[str] = field(default_factory=list)
    symbols: list[SymbolCheck] = field(default_factory=list)  # by rows, most first
    book: BookCheck | None = None


@dataclass(slots=True)
class BookCheck:
    """The book of one symbol (at one venue), fed with the whole file. Spans of time count what stood, not how often."""

    symbol: str
    kind: str
    tick_e9: int
    venue: str | None = None  # whose book, where a file has those of several
    applied: int = 0
    problems: dict[str, int] = field(default_factory=dict)
    first_problem: str | None = None
    gaps: int = 0
    is_synchronised: bool = True
    locked: int = 0
    crossed: int = 0
    samples: int = 0
    best_bid: tuple[int, int] | None = None
    best_ask: tuple[int, int] | None = None
    levels: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Samples:
    """A day as columns, for a picture. Prices in 1e-9, absent ones NO_PRICE; `depth` levels of each side are summed."""

    symbol: str
    depth: int
    time_ns: NDArray[np.int64]
    bid_e9: NDArray[np.int64]
    ask_e9: NDArray[np.int64]
    bid_quantity: NDArray[np.int64]
    ask_quantity: NDArray[np.int64]
    trade_ns: NDArray[np.int64]
    trade_e9: NDArray[np.int64]
    trade_quantity: NDArray[np.int64]


def check(data: MarketData, symbol: str | None = None, *, progress: Callable[[int], None] | None = None) -> Check:
    """Reads the file for what it says, and once more for the book of `symbol` (the one with most rows unless named).

    Raises
    ------
    MarketDataError  a record is wrong, or the file has no such symbol.
    """
    found = Check(path=str(data.path), format=data.format, kind=data.kind)
    symbols: dict[int, SymbolCheck] = {}
    actions = np.zeros(256, np.int64)
    for rows in data:
        found.rows += len(rows)
        times = rows["time_ns"]
        if found.first_ns is None:
            found.first_ns = int(times[0])
        found.time_steps_back += int((np.diff(times, prepend=found.last_ns or times[0]) < 0).sum())
        found.last_ns = int(times[-1])
        if data.kind == "messages":
            actions += np.bincount(rows["action"], minlength=256)
        for number, mine in _by_symbol(rows):
            entry = symbols.setdefault(number, SymbolCheck(str(number)))
            (_count_messages if data.kind == "messages" else _count_bars)(entry, mine)
        if progress:
            progress(found.rows)
    for number, entry in symbols.items():
        entry.name = data.symbols.get(number, "(not told)" if number < 0 else str(number))
    found.symbols = sorted(symbols.values(), key=lambda entry: -entry.rows)
    found.records, found.counts, found.skipped, found.gaps = data.records, data.counts, data.skipped, data.gaps
    found.actions = {Action(k).name: int(actions[k]) for k in np.flatnonzero(actions).tolist()}
    found.drifts, found.notes = data.drifts, list(data.notes)
    if symbol is not None and all(entry.name != symbol for entry in found.symbols):
        raise MarketDataError(f"{data.path}: no row is of symbol {symbol!r}")
    if data.book is not None and found.symbols:
        chosen = _chosen(data, found, symbol)
        found.book = _read_book(data, chosen, None)[0]
    return found


def sample(data: MarketData, found: Check, symbol: str | None = None, *, points: int = 2000, depth: int = 5) -> Samples:
    """The book of a symbol at `points` times of the day, evenly apart, and its trades. The check says which day."""
    if data.kind != "messages" or found.first_ns is None or found.last_ns is None:
        raise MarketDataError(f"{data.path}: holds {data.kind if found.rows else 'no rows'}, there is no day to draw")
    whose = _chosen(data, found, symbol)
    span = found.last_ns - found.first_ns  # in integers: doubles of today's nanoseconds are 256 apart
    steps = [found.first_ns + span * k // max(points - 1, 1) for k in range(points)]
    grid = np.array(steps, np.int64)
    taken = _read_book(data, whose, (grid, depth))[1]
    assert taken is not None
    return taken


def _by_symbol(rows: NDArray[Any]) -> list[tuple[int, NDArray[Any]]]:
    numbers = np.unique(rows["symbol"])
    if len(numbers) == 1:
        return [(int(numbers[0]), rows)]
    order = np.argsort(rows["symbol"], kind="stable")
    ends = np.searchsorted(rows["symbol"][order], numbers, side="right")
    return [(int(n), rows[part]) for n, part in zip(numbers, np.split(order, ends[:-1]), strict=True)]


def _count_messages(entry: SymbolCheck, rows: NDArray[Any]) -> None:
    entry.rows += len(rows)
    for venue, count in zip(*np.unique(rows["venue"], return_counts=True), strict=True):
        entry.venues[int(venue)] = entry.venues.get(int(venue), 0) + int(count)
    printed = np.isin(rows["action"], TRADES) & (rows["flags"] & np.uint8(Flag.UNPRINTED) == 0)
    traded = rows[printed]
    entry.executed += int(traded["quantity"].sum())
    priced = traded[traded["price_e9"] != NO_PRICE]
    entry.priced += int(priced["quantity"].sum())
    entry.notional_e9 += sum(
        p * q for p, q in zip(priced["price_e9"].tolist(), priced["quantity"].tolist(), strict=True)
    )
    booked = rows["price_e9"][np.isin(rows["action"], (Action.ADD, Action.REPLACE, Action.SET_LEVEL))]
    booked = booked[booked != NO_PRICE]
    if len(booked):
        entry.tick_e9 = int(np.gcd(entry.tick_e9, np.gcd.reduce(booked)))


def _count_bars(entry: SymbolCheck, bars: NDArray[Any]) -> None:
    entry.rows += len(bars)
    trades = bars[bars["side"] == 0]
    entry.executed += int(trades["volume"].sum())
    entry.priced = entry.executed
    for high, low, close, volume in zip(
        *(trades[n].tolist() for n in ("high_e9", "low_e9", "close_e9", "volume")), strict=True
    ):
        entry.notional_e9 += (high + low + close) * volume // 3


@dataclass(frozen=True, slots=True)
class _Whose:
    """Whose book is read: no number where the file has one symbol, no venue where its rows are one book."""

    number: int | None
    name: str
    tick_e9: int
    venue: int | None


def _chosen(data: MarketData, found: Check, symbol: str | None) -> _Whose:
    entry = found.symbols[0] if symbol is None else next(e for e in found.symbols if e.name == symbol)
    number = next((n for n, name in data.symbols.items() if name == entry.name), None)
    # LEAN's quotes are the national best with the venue that set it, and Binance's second venue is another view
    several = data.format not in ("lean", "binance") and len([v for v in entry.venues if v >= 0]) > 1
    venue = max(entry.venues, key=lambda v: entry.venues[v]) if several else 0 if data.format == "binance" else None
    return _Whose(None if len(found.symbols) == 1 else number, entry.name, entry.tick_e9 or 10_000_000, venue)


def _read_book(
    data: MarketData, whose: _Whose, grid: tuple[NDArray[np.int64], int] | None
) -> tuple[BookCheck | None, Samples | None]:
    """Feeds the file to a book; at the times of the grid, or at the end of each chunk, looks at it."""
    kind: Any = data.book or "L3"
    book = OrderBook(tick_size=_price_text(whose.tick_e9), kind=kind, symbol=whose.number, capacity=1 << 24)
    seen = BookCheck(symbol=whose.name, kind=kind, tick_e9=whose.tick_e9)
    if whose.venue is not None and len(data.venues) > 1:
        seen.venue = data.venues[whose.venue]
    times = np.empty(0, np.int64) if grid is None else grid[0]
    depth = 1 if grid is None else grid[1]
    samples = np.full((len(times), 4), NO_PRICE, np.int64)
    trades: list[NDArray[Any]] = []
    at = 0
    for rows in data:
        if whose.venue is not None:
            rows = rows[(rows["venue"] == whose.venue) | (rows["venue"] < 0)]
        begin = 0
        cuts = np.searchsorted(rows["time_ns"], times[at:], side="right") if len(times) > at else np.empty(0, np.int64)
        for cut in cuts.tolist():
            if cut >= len(rows):
                break
            _feed(book, rows[begin:cut], seen)
            begin = cut
            samples[at] = _look(book, depth)
            at += 1
        _feed(book, rows[begin:], seen)
        if grid is not None:
            mine = rows if whose.number is None else rows[rows["symbol"] == whose.number]
            printed = (
                np.isin(mine["action"], TRADES)
                & (mine["price_e9"] != NO_PRICE)
                & (mine["flags"] & np.uint8(Flag.UNPRINTED) == 0)
            )
            trades.append(mine[printed][["time_ns", "price_e9", "quantity"]])
    samples[at:] = _look(book, depth)
    seen.applied, seen.problems, seen.first_problem = book.messages_applied, book.problems, book.first_problem
    seen.gaps, seen.is_synchronised = book.gaps, book.is_synchronised
    bids, asks = book.levels(1)
    seen.best_bid = (int(bids[0]["price_e9"]), int(bids[0]["quantity"])) if len(bids) else None
    seen.best_ask = (int(asks[0]["price_e9"]), int(asks[0]["quantity"])) if len(asks) else None
    seen.levels = tuple(len(side) for side in book.levels(1 << 30))  # type: ignore[assignment]
    if grid is None:
        return seen, None
    done = (
        np.concatenate(trades)
        if trades
        else np.empty(0, [("time_ns", "<i8"), ("price_e9", "<i8"), ("quantity", "<i8")])
    )
    best_bid, best_ask, bid_depth, ask_depth = (samples[:, k] for k in range(4))
    stamps, prices, sizes = (done[field] for field in ("time_ns", "price_e9", "quantity"))
    return seen, Samples(whose.name, depth, times, best_bid, best_ask, bid_depth, ask_depth, stamps, prices, sizes)


def _feed(book: OrderBook, rows: NDArray[Any], seen: BookCheck) -> None:
    """Applies rows, and counts how often the book stood locked or crossed where the feed says that it is whole."""
    for begin in range(0, len(rows), 1 << 14):
        piece = rows[begin : begin + (1 << 14)]
        tops = book.trace(np.ascontiguousarray(piece), 1)[:, 0]
        whole = piece["flags"] & np.uint8(Flag.LAST) != 0 if book.kind == "L2" else np.ones(len(piece), bool)
        tops = tops[whole & (piece["action"] != Action.HALT)]
        both = (tops[:, 0] != NO_PRICE) & (tops[:, 2] != NO_PRICE)
        seen.samples += int(both.sum())
        seen.locked += int((both & (tops[:, 0] == tops[:, 2])).sum())
        seen.crossed += int((both & (tops[:, 0] < tops[:, 2])).sum())


def _look(book: OrderBook, depth: int) -> tuple[int, int, int, int]:
    bids, asks = book.levels(depth)
    return (
        int(bids[0]["price_e9"]) if len(bids) else NO_PRICE,
        int(asks[0]["price_e9"]) if len(asks) else NO_PRICE,
        int(bids["quantity"].sum()),
        int(asks["quantity"].sum()),
    )


def _price_text(price_e9: int) -> str:
    return f"{price_e9 // 10**9}.{price_e9 % 10**9:09d}"
