"""Raw Binance websocket captures: a line is the local time in ns and one JSON message.

depthUpdate (spot: U follows the last u by one; futures: pu is the last u), trade, bookTicker, and a REST snapshot of
the depth. As Binance says ("How to manage a local order book correctly", developers.binance.com): the book begins with
the snapshot, updates that end at or before it are dropped, and one that does not continue the last one is a gap.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grandmodel.execution._core.columns import ColumnParser
from grandmodel.execution._core.values import MarketDataError

from . import source
from .messages import Action, Flag, rows_of
from .reader import MarketData

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BUFFER_MAX = 100_000  # updates kept while the snapshot has not come
_CHUNK = 1 << 15


def open_file(path: Path, *, quantity_step: str | None = None, quotes: bool = False) -> MarketData:
    step = "0.00000001" if quantity_step is None else quantity_step
    try:
        unit = 1 / Fraction(step)
    except (ValueError, ZeroDivisionError, TypeError):
        raise ValueError(f"quantity_step is {step!r}, must be a decimal number > 0") from None
    if unit.denominator != 1 or not 0 < unit <= 10**18:
        raise ValueError(f"quantity_step is {step!r}, must be 1/n for an n up to 10**18")

    def rows(data: MarketData) -> Iterator[NDArray[Any]]:
        return _Capture(path, int(unit), quotes, data).chunks()

    data = MarketData(path, "binance", rows)
    data.book = "L2"
    data.quantity_step = str(step)
    data.venues = ["BINANCE", "BINANCE bookTicker"] if quotes else ["BINANCE"]
    data.notes.append("times are local receive times; a TRADE's side is the maker's")
    return data


class _Capture:
    """One reading of a file."""

    def __init__(self, path: Path, unit: int, quotes: bool, data: MarketData) -> None:
        self.path = path
        self.unit = unit
        self.quotes = quotes
        self.data = data
        self.early: list[tuple[int, int, dict[str, Any]]] = []  # updates before the snapshot
        self.last: int | None = None  # update id of the book; None: no snapshot yet
        self.bridged = False  # an update has followed the snapshot
        self.fields: list[tuple[Any, ...]] = []  # of the rows to come, all but price and quantity
        self.numbers: list[str] = []  # "price,quantity" of each
        self.symbol: str | None = None

    def fault(self, line: int, text: str) -> MarketDataError:
        return MarketDataError(f"{self.path}: line {line}: {text}")

    def chunks(self) -> Iterator[NDArray[Any]]:
        number = 0
        for block in source.lines(self.path):
            for line in block.splitlines():
                number += 1
                self.take(number, line)
                if len(self.fields) >= _CHUNK:
                    self.data.records = number
                    yield self.flush()
        self.data.records = number
        if self.last is None and self.early:
            raise MarketDataError(f"{self.path}: has depth updates, but no snapshot (lastUpdateId) to begin with")
        yield self.flush()

    def take(self, number: int, line: bytes) -> None:
        stamp, _, text = line.partition(b" ")
        if not stamp.isdigit() or not 16 <= len(stamp) <= 19:
            raise self.fault(number, f"begins with {stamp[:30]!r}, must begin with nanoseconds since 1970")
        try:
            message = json.loads(text)
        except ValueError as error:
            raise self.fault(number, f"is no JSON ({error})") from None
        except RecursionError:
            raise self.fault(number, "is nested too deeply") from None
        body = message.get("data", message) if isinstance(message, dict) else None
        if not isinstance(body, dict):
            raise self.fault(number, "is no message of an exchange: an object must follow the time")
        try:
            self.message(number, int(stamp), body)
        except (KeyError, TypeError, ValueError) as error:
            what = f"has no field {error}" if isinstance(error, KeyError) else str(error)
            raise self.fault(number, what) from None

    def message(self, number: int, time_ns: int, body: dict[str, Any]) -> None:
        kind = body.get("e") or ("snapshot" if "lastUpdateId" in body else "bookTicker" if "B" in body else None)
        counts = self.data.counts
        counts[str(kind)] = counts.get(str(kind), 0) + 1
        if kind == "depthUpdate":
            self.update(number, time_ns, body)
        elif kind == "snapshot":
            self.snapshot(number, time_ns, body)
        elif kind == "trade":
            self.name(body)
            side = {True: 1, False: -1}[_bool(body, "m")]
            self.row(number, time_ns, _int(body, "t"), Action.TRADE, side, 0, 0, 0, body["p"], body["q"])
        elif kind == "bookTicker":
            self.name(body)
            if not self.quotes:
                self.skip("bookTicker")
                return
            sequence = _int(body, "u")
            self.row(number, time_ns, sequence, Action.SET_LEVEL, 1, 0, 1, 1, body["b"], body["B"])
            self.row(number, time_ns, sequence, Action.SET_LEVEL, -1, Flag.LAST, 1, 1, body["a"], body["A"])
        else:
            self.skip(str(kind))

    def name(self, body: dict[str, Any]) -> None:
        symbol = body["s"]
        if self.symbol is None:
            self.symbol = str(symbol)
            self.data.symbols = {0: self.symbol}
        elif symbol != self.symbol:
            raise ValueError(f"symbol is {symbol!r}, the lines above are of {self.symbol!r}")

    def skip(self, kind: str) -> None:
        self.data.skipped[kind] = self.data.skipped.get(kind, 0) + 1

    def row(
        self, number: int, time_ns: int, sequence: int, action: int, side: int, flags: int, level: int, venue: int,
        price: Any, quantity: Any,
    ) -> None:  # fmt: skip
        if not isinstance(price, str) or not isinstance(quantity, str):
            raise TypeError("prices and quantities must be decimal texts")
        self.fields.append((time_ns, sequence, venue, action, side, flags, level, number))
        self.numbers.append(f"{price},{quantity}")

    def snapshot(self, number: int, time_ns: int, body: dict[str, Any]) -> None:
        self.last = _int(body, "lastUpdateId")
        self.bridged = False
        self.row(number, time_ns, self.last, Action.CLEAR, 0, Flag.SNAPSHOT, 0, 0, "", "0")
        self.levels(number, time_ns, self.last, body["bids"], body["asks"], Flag.SNAPSHOT)
        early, self.early = self.early, []
        for waiting, when, update in early:  # those that end at or before the snapshot are dropped like later ones
            self.update(waiting, max(when, time_ns), update)

    def update(self, number: int, time_ns: int, body: dict[str, Any]) -> None:
        self.name(body)
        first, last = _int(body, "U"), _int(body, "u")
        if last < first:
            raise ValueError(f"u is {last}, must be >= U, {first}")
        if self.last is None:
            if len(self.early) >= _BUFFER_MAX:
                raise ValueError(f"more than {_BUFFER_MAX} depth updates came before a snapshot")
            self.early.append((number, time_ns, body))
            return
        if last <= self.last:
            self.skip("depthUpdate before the snapshot")
            return
        if self.bridged:
            follows = _int(body, "pu") == self.last if "pu" in body else first == self.last + 1
        else:
            follows = first <= self.last + 1
        if not follows:
            self.data.gaps += 1
        self.bridged = True
        self.last = last
        self.levels(number, time_ns, last, body["b"], body["a"], 0 if follows else Flag.GAP)

    def levels(self, number: int, time_ns: int, sequence: int, bids: Any, asks: Any, flags: int) -> None:
        """SET_LEVEL rows; a gap is flagged on the first, the last one is flagged as such."""
        begin = len(self.fields)
        for side, levels in ((1, bids), (-1, asks)):
            if not isinstance(levels, list):
                raise TypeError("bids and asks must be lists")
            for level in levels:
                if not isinstance(level, list) or len(level) < 2:
                    raise TypeError("a level must be [price, quantity]")
                self.row(
                    number, time_ns, sequence, Action.SET_LEVEL, side, flags & Flag.SNAPSHOT, 0, 0, level[0], level[1]
                )
        if flags & Flag.GAP and len(self.fields) == begin:  # nothing to carry it: a level that is not there stays so
            self.row(number, time_ns, sequence, Action.TRADE, 0, 0, 0, 0, "", "0")
        if len(self.fields) > begin:
            self.flag(begin, flags & Flag.GAP)
            self.flag(-1, Flag.LAST)
        elif flags & Flag.SNAPSHOT:
            self.flag(-1, Flag.LAST)

    def flag(self, place: int, flag: int) -> None:
        fields = self.fields[place]
        self.fields[place] = (*fields[:5], fields[5] | flag, *fields[6:])

    def flush(self) -> NDArray[Any]:
        count = len(self.fields)
        plan = (("price", "decimal", 10**9), ("quantity", "decimal", self.unit))
        try:
            cells = ColumnParser(plan).parse("\n".join(self.numbers).encode("latin-1", "replace"))
            wrong = len(cells) != count or bool((cells[:, 1] < 0).any())
        except MarketDataError:
            wrong = True
        if wrong and count:
            raise self.first_wrong(plan)
        out = rows_of(count)
        if count:
            fields = np.array(self.fields, dtype=np.int64)
            for k, name in enumerate(("time_ns", "sequence", "venue", "action", "side", "flags", "level")):
                out[name] = fields[:, k]
            out["price_e9"], out["quantity"] = cells[:, 0], cells[:, 1]
        self.fields, self.numbers = [], []
        return out

    def first_wrong(self, plan: tuple[tuple[str, str, int], ...]) -> MarketDataError:
        for fields, pair in zip(self.fields, self.numbers, strict=True):
            try:
                cells = ColumnParser(plan).parse(pair.encode("latin-1", "replace"))
                if len(cells) == 1 and cells[0, 1] >= 0:
                    continue
            except MarketDataError:
                pass
            price, _, quantity = pair.partition(",")
            return self.fault(
                fields[-1],
                f"price {price[:40]!r} and quantity {quantity[:40]!r} must be numbers of at most nine decimals, "
                f"the quantity a multiple of {self.data.quantity_step}",
            )
        return MarketDataError(f"{self.path}: a price or quantity cannot be read")


def _int(body: dict[str, Any], name: str) -> int:
    value = body[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise TypeError(f"{name} is {value!r}, must be an integer >= 0 and below 2**63")
    return value


def _bool(body: dict[str, Any], name: str) -> bool:
    value = body[name]
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, must be true or false")
    return value
