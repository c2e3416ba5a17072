"""CSV files of anybody's making, by a map that states what each column is."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import date as _date
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from grandmodel.execution._core.columns import ColumnParser
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError

from . import source
from .days import day_of
from .messages import Action, Flag, rows_of
from .reader import MarketData

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNIT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_SIDES: Mapping[str, int] = {
    "B": 1, "b": 1, "BUY": 1, "Buy": 1, "buy": 1, "bid": 1, "1": 1,
    "S": -1, "s": -1, "A": -1, "a": -1, "SELL": -1, "Sell": -1, "sell": -1, "ask": -1, "-1": -1,
    "N": 0, "": 0, "0": 0,
}  # fmt: skip
_HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """What the columns of a CSV or Parquet file mean. Names are those of the header.

    A line gives a row where ``price`` is stated (its ``action`` a column, or the same for all), and, where ``bids`` and
    ``asks`` are stated, the sides of the book after it: SET_LEVEL rows, levels 1 to n.

    Attributes
    ----------
    time       : column
    time_unit  : "iso" (YYYY-MM-DDThh:mm:ss.n, with or without a zone), or "s", "ms", "us", "ns" since 1970 or midnight
    since      : "epoch" or "midnight"; the day of the latter is the reader's ``date`` or in the file's name
    zone       : of times without one, and of midnight: an IANA name
    price, quantity : columns
    price_scale : what a price of 1 is written as: 10_000 for prices in 1e-4
    quantity_step : what a quantity of 1 is in the rows
    action     : an Action, or a column; ``actions`` says what its texts are, None: no row
    side       : column; ``sides`` says what its texts are: 1, -1 or 0 (not told), of the resting order
    order_id, counterparty, sequence : columns of integers
    symbol, venue : columns of names
    bids, asks : for each level (price column, quantity column) or (price, quantity, count of orders)
    keep       : {column: texts}; lines with another text there are skipped
    columns    : the names of the columns of a CSV file without a header
    delimiter  : of a CSV file
    """

    time: str
    time_unit: str = "iso"
    since: str = "epoch"
    zone: str = "UTC"
    price: str | None = None
    quantity: str | None = None
    price_scale: int = 1
    quantity_step: str = "1"
    action: str | Action = Action.TRADE
    actions: Mapping[str, Action | None] = field(default_factory=dict)
    side: str | None = None
    sides: Mapping[str, int] = field(default_factory=lambda: _SIDES)
    order_id: str | None = None
    counterparty: str | None = None
    sequence: str | None = None
    symbol: str | None = None
    venue: str | None = None
    bids: tuple[tuple[str, ...], ...] = ()
    asks: tuple[tuple[str, ...], ...] = ()
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    delimiter: str = ","

    def __post_init__(self) -> None:
        if self.time_unit != "iso" and self.time_unit not in _UNIT_NS:
            raise ValueError(f"time_unit is {self.time_unit!r}, must be iso, s, ms, us or ns")
        if self.since not in ("epoch", "midnight") or (self.since == "midnight" and self.time_unit == "iso"):
            raise ValueError(f"since is {self.since!r}, must be 'epoch', or 'midnight' of times that are numbers")
        if self.price is None and not self.bids and not self.asks:
            raise ValueError("price is None, and neither bids nor asks are stated: no line would give a row")
        if (self.price is None) != (self.quantity is None):
            raise ValueError("price and quantity must be stated together")
        for name, levels in (("bids", self.bids), ("asks", self.asks)):
            if any(len(level) not in (2, 3) for level in levels):
                raise ValueError(f"{name} must hold (price, quantity) or (price, quantity, count) columns")
        scale = self.price_scale
        if isinstance(scale, bool) or not isinstance(scale, int) or scale < 1 or 10**9 % scale:
            raise ValueError(f"price_scale is {scale!r}, must be an integer that divides 10**9")
        if _unit(self.quantity_step) is None:
            raise ValueError(f"quantity_step is {self.quantity_step!r}, must be 1/n for an n up to 10**18")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
            raise ValueError(f"zone is {self.zone!r}, must be an IANA name such as America/New_York") from None

    def kinds(self) -> dict[str, tuple[str, int]]:
        """{column: (kind, unit)} of the columns that are read."""
        price, quantity = ("decimal", 10**9 // self.price_scale), ("decimal", _unit(self.quantity_step) or 1)
        out: dict[str, tuple[str, int]] = {}

        def put(column: str | None, kind: tuple[str, int]) -> None:
            if column is None:
                return
            if out.setdefault(column, kind) != kind:
                raise ValueError(f"column {column!r} is stated as two different things")

        put(self.time, ("iso", 1) if self.time_unit == "iso" else ("decimal", _UNIT_NS[self.time_unit]))
        put(self.price, price)
        put(self.quantity, quantity)
        for column in (self.order_id, self.counterparty, self.sequence):
            put(column, ("integer", 1))
        for column in (self.symbol, self.venue, self.side, self.action_column, *self.keep):
            put(column, ("name", 1))
        for level in (*self.bids, *self.asks):
            put(level[0], price)
            put(level[1], quantity)
            if len(level) == 3:
                put(level[2], ("integer", 1))
        return out

    @property
    def action_column(self) -> str | None:
        return self.action if isinstance(self.action, str) else None


def _unit(step: str) -> int | None:
    try:
        unit = 1 / Fraction(step)
    except (ValueError, ZeroDivisionError, TypeError):
        return None
    return int(unit) if unit.denominator == 1 and 0 < unit <= 10**18 else None


def open_file(path: Path, *, columns: ColumnMap | None = None, date: _date | str | None = None) -> MarketData:
    plan_of = checked_map(path, columns)
    rows_from = RowMaker(path, plan_of, date)

    def rows(data: MarketData) -> Iterator[NDArray[Any]]:
        rows_from.begin(data)
        parser: ColumnParser | None = None
        order: list[str] = []
        for block in source.lines(path):
            if parser is None:
                parser, order, block = _parser(path, plan_of, block)
                if not block:
                    continue
            before = parser.records
            cells = parser.parse(block)
            table = {name: cells[:, k] for k, name in enumerate(order)}
            yield rows_from.rows(table, parser.names, before + 1, zoned=bool(parser.zoned))
            data.records = parser.records - (plan_of.columns is None)
        if parser is None:
            raise MarketDataError(f"{path}: the file is empty")

    data = MarketData(path, "csv", rows)
    describe(data, plan_of)
    return data


def checked_map(path: Path, columns: ColumnMap | None) -> ColumnMap:
    if columns is None:
        stated = "columns=ColumnMap(...), or --map COLUMNS.yaml"
        raise MarketDataError(f"{path}: what its columns mean must be stated: {stated}")
    if not isinstance(columns, ColumnMap):
        raise TypeError(f"columns is {columns!r}, must be a ColumnMap")
    columns.kinds()
    return columns


def describe(data: MarketData, columns: ColumnMap) -> None:
    levels = max(len(columns.bids), len(columns.asks))
    data.book = "L2" if levels else "L3" if columns.order_id else None
    data.depth = levels or None
    data.quantity_step = columns.quantity_step
    if data.book == "L3":
        data.notes.append("whether the lines are all that happened in the book is for who states the map to know")


def _parser(path: Path, columns: ColumnMap, block: bytes) -> tuple[ColumnParser, list[str], bytes]:
    """The parser of the file's columns, the names of those it keeps, and what follows the header."""
    header = columns.columns
    before = 0
    if header is None:
        first, _, block = block.partition(b"\n")
        before = 1
        text = first.decode("utf-8-sig", "replace").rstrip("\r")
        header = tuple(name.strip() for name in next(csv.reader([text], delimiter=columns.delimiter), []))
    kinds = columns.kinds()
    for name in kinds:
        if header.count(name) != 1:
            found = "twice" if name in header else "not"
            raise MarketDataError(f"{path}: column {name!r} is {found} there; the columns are {', '.join(header)}")
    plan = [(name, *kinds.get(name, ("skip", 1))) for name in header]
    parser = ColumnParser(plan, delimiter=columns.delimiter, name=str(path), before=before)
    return parser, [name for name in header if name in kinds], block


class RowMaker:
    """Makes rows of columns of integers, as the map states."""

    def __init__(self, path: Path, columns: ColumnMap, date: _date | str | None) -> None:
        self.path = path
        self.map = columns
        self.midnight_ns = 0
        if columns.since == "midnight":
            day = day_of(path, date)
            if day is None:
                raise MarketDataError(f"{path}: times count from midnight, and neither name nor `date` tells the day")
            local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(columns.zone))
            self.midnight_ns = round(local.timestamp()) * 10**9
        elif date is not None:
            raise TypeError("date is given, but the times do not count from midnight")

    def begin(self, data: MarketData) -> None:
        self.data = data
        self.lists: dict[str, list[str]] = {"symbol": [], "venue": []}
        data.symbols, data.venues = {}, []

    def fault(self, line: int, text: str) -> MarketDataError:
        return MarketDataError(f"{self.path}: line {line}: {text}")

    def rows(self, table: dict[str, NDArray[np.int64]], names: list[str], first: int, *, zoned: bool) -> NDArray[Any]:
        """The rows of some lines; `first` is the number of the first of them. `names` are the texts of name columns."""
        m = self.map
        kept = np.ones(len(table[m.time]), bool)
        for column, texts in m.keep.items():
            kept &= np.isin(table[column], [k for k, name in enumerate(names) if name in texts])
        if not kept.all():
            self.data.skipped["not kept"] = self.data.skipped.get("not kept", 0) + int((~kept).sum())
        table = {name: values[kept] for name, values in table.items()}
        lines = first + np.flatnonzero(kept)
        base = rows_of(len(lines), time_ns=self.times(table[m.time], lines, zoned), sequence=lines)
        for name in ("order_id", "counterparty", "sequence"):
            column = getattr(m, name)
            if column is not None:
                base[name] = table[column]
        for name in ("symbol", "venue"):
            column = getattr(m, name)
            if column is not None:
                base[name] = self.numbers(name, table[column], names)
        return self.laid_out(base, table, names, lines)

    def times(self, raw: NDArray[np.int64], lines: NDArray[np.int64], zoned: bool) -> NDArray[np.int64]:
        bad = raw == NO_PRICE
        if bad.any():
            raise self.fault(int(lines[bad.argmax()]), f"{self.map.time} is empty, must be a time")
        if self.map.since == "midnight":
            bad = (raw < 0) | (raw >= 86_400 * 10**9)
            if bad.any():
                raise self.fault(int(lines[bad.argmax()]), f"{self.map.time} is not a time after midnight")
            return raw + self.midnight_ns
        if self.map.time_unit != "iso" or zoned or self.map.zone == "UTC":
            return raw
        zone = ZoneInfo(self.map.zone)
        hours, where = np.unique(raw // _HOUR_NS, return_inverse=True)  # zones change on the hour
        offsets = []
        for hour in hours.tolist():
            local = datetime(1970, 1, 1) + timedelta(hours=hour)
            offset = local.replace(tzinfo=zone).utcoffset() or timedelta(0)
            offsets.append(round(offset.total_seconds()) * 10**9)
        return raw - np.array(offsets, np.int64)[where]

    def numbers(self, kind: str, codes: NDArray[np.int64], names: list[str]) -> NDArray[np.int64]:
        """Numbers of symbols or venues: their own count, in the order they come."""
        known = self.lists[kind]
        present, where = np.unique(codes, return_inverse=True)
        order = np.argsort([int((codes == code).argmax()) for code in present], kind="stable")
        out = np.empty(len(present), np.int64)
        for k in order.tolist():
            text = names[int(present[k])]
            if text not in known:
                known.append(text)
            out[k] = known.index(text)
        if kind == "symbol":
            self.data.symbols = dict(enumerate(known))
        else:
            self.data.venues = list(known)
        return out[where]

    def meant(
        self, column: str, codes: NDArray[np.int64], names: list[str], table: Mapping[str, Any], lines: Any
    ) -> NDArray[np.int64]:
        """What texts stand for, as numbers; -128 for None."""
        present, where = np.unique(codes, return_inverse=True)
        out = np.empty(len(present), np.int64)
        for k, code in enumerate(present.tolist()):
            text = names[code]
            if text not in table:
                line = int(lines[(codes == code).argmax()])
                raise self.fault(line, f"{column} is {text!r}, must be one of {', '.join(map(repr, table))}")
            out[k] = -128 if table[text] is None else int(table[text])
        return out[where]

    def laid_out(
        self, base: NDArray[Any], table: dict[str, NDArray[np.int64]], names: list[str], lines: NDArray[np.int64]
    ) -> NDArray[Any]:
        m = self.map
        width = (m.price is not None) + len(m.bids) + len(m.asks)
        out = np.repeat(base, width).reshape(len(base), width)
        kept = np.ones(out.shape, bool)
        if m.price is not None and m.quantity is not None:
            row = out[:, 0]
            self.quantities(row, table[m.quantity], lines, m.quantity)
            row["price_e9"] = table[m.price]
            if m.side is not None:
                row["side"] = self.meant(m.side, table[m.side], names, m.sides, lines)
            if isinstance(m.action, str):
                actions = self.meant(m.action, table[m.action], names, m.actions, lines)
                kept[:, 0] = actions != -128
                row["action"] = np.where(kept[:, 0], actions, 0)
            else:
                row["action"] = m.action
            for code, count in zip(*np.unique(row["action"][kept[:, 0]], return_counts=True), strict=True):
                name = Action(int(code)).name
                self.data.counts[name] = self.data.counts.get(name, 0) + int(count)
        at = int(m.price is not None)
        for side, levels in ((1, m.bids), (-1, m.asks)):
            for k, level in enumerate(levels):
                row = out[:, at]
                there = (table[level[0]] != NO_PRICE) & (table[level[1]] != NO_PRICE) & (table[level[1]] != 0)
                self.quantities(row, np.where(there, table[level[1]], 0), lines, level[1])
                row["price_e9"] = np.where(there, table[level[0]], NO_PRICE)
                row["action"], row["side"], row["level"] = Action.SET_LEVEL, side, min(k + 1, 255)
                row["order_id"] = 0
                row["counterparty"] = np.where(there, table[level[2]], 0) if len(level) == 3 else 0
                kept[:, at] = there | (k == 0)
                at += 1
        if m.bids or m.asks:
            last = width - 1 - kept[:, ::-1].argmax(axis=1)
            flags = out["flags"]
            flags[np.arange(len(base)), last] = Flag.LAST
            out["flags"] = flags
            self.data.counts["quote"] = self.data.counts.get("quote", 0) + len(base)
        return out[kept]

    def quantities(self, row: NDArray[Any], values: NDArray[np.int64], lines: NDArray[np.int64], column: str) -> None:
        bad = values < 0
        if bad.any():
            k = int(bad.argmax())
            what = "empty" if values[k] == NO_PRICE else "negative"
            raise self.fault(int(lines[k]), f"{column} is {what}, must be a quantity >= 0")
        row["quantity"] = values


def utc(ns: int) -> str:
    """A time as text, with all its nanoseconds."""
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09d}Z"
