"""Databento DBN files (``.dbn``, ``.dbn.zst``), decoded by the vendor's own package: ``pip install
'grandmodel-execution[dbn]'``. Schemas: mbo, mbp-1, mbp-10, tbbo, trades, ohlcv-*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError

from . import source
from .messages import BAR_DTYPE, Action, Flag, rows_of
from .reader import MarketData

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNDEF_PRICE = 2**63 - 1
_HEAD = [("length", "u1"), ("rtype", "u1"), ("publisher_id", "<u2"), ("instrument_id", "<u4"), ("ts_event", "<u8")]
_MBO = np.dtype(
    [*_HEAD, ("order_id", "<u8"), ("price", "<i8"), ("size", "<u4"), ("flags", "u1"), ("channel_id", "u1"),
     ("action", "S1"), ("side", "S1"), ("ts_recv", "<u8"), ("ts_in_delta", "<i4"), ("sequence", "<u4")]
)  # fmt: skip
_EVENT = [
    *_HEAD, ("price", "<i8"), ("size", "<u4"), ("action", "S1"), ("side", "S1"), ("flags", "u1"), ("depth", "u1"),
    ("ts_recv", "<u8"), ("ts_in_delta", "<i4"), ("sequence", "<u4"),
]  # fmt: skip
_LEVEL = np.dtype(
    [("bid_px", "<i8"), ("ask_px", "<i8"), ("bid_sz", "<u4"), ("ask_sz", "<u4"), ("bid_ct", "<u4"), ("ask_ct", "<u4")]
)
_OHLCV = np.dtype([*_HEAD, ("open", "<i8"), ("high", "<i8"), ("low", "<i8"), ("close", "<i8"), ("volume", "<u8")])
_SCHEMAS: dict[str, tuple[np.dtype[Any], int, str | None]] = {
    "mbo": (_MBO, 0, "L3"),
    "mbp-1": (np.dtype([*_EVENT, ("levels", _LEVEL, (1,))]), 1, "L2"),
    "tbbo": (np.dtype([*_EVENT, ("levels", _LEVEL, (1,))]), 1, "L2"),
    "mbp-10": (np.dtype([*_EVENT, ("levels", _LEVEL, (10,))]), 10, "L2"),
    "trades": (np.dtype(_EVENT), 0, None),
    **{f"ohlcv-{unit}": (_OHLCV, 0, None) for unit in ("1s", "1m", "1h", "1d")},
}
_SIDES = {b"B": 1, b"A": -1, b"N": 0}
_ACTIONS = {
    b"A": Action.ADD,
    b"C": Action.REDUCE,
    b"M": Action.REPLACE,
    b"R": Action.CLEAR,
    b"T": Action.TRADE,
    b"F": Action.TRADE,
}
_LAST, _SNAPSHOT, _MAYBE_BAD_BOOK = 128, 32, 4  # flags of DBN


def open_file(path: Path, *, symbols: Iterable[str] | None = None) -> MarketData:
    wanted = None if symbols is None else _names(symbols)
    data = MarketData(path, "dbn", lambda data: _Stream(path, wanted).chunks(data))
    metadata = _Stream(path, wanted).metadata()
    schema = str(metadata.schema)
    _, depth, book = _schema(path, schema)
    data.book = book
    data.depth = depth or None
    data.kind = "bars" if schema.startswith("ohlcv") else "messages"
    data.venues = [str(metadata.dataset)]
    data.notes.append(f"schema {schema}; times are ts_recv" if data.kind == "messages" else f"schema {schema}")
    if schema == "tbbo":
        data.notes.append("the book is told at trades only, as it was before each")
    return data


def _names(symbols: Iterable[str]) -> set[str]:
    if isinstance(symbols, str):
        raise TypeError(f"symbols is {symbols!r}, must be a list of names")
    return set(symbols)


def _schema(path: Path, schema: str) -> tuple[np.dtype[Any], int, str | None]:
    if schema not in _SCHEMAS:
        raise MarketDataError(f"{path}: schema is {schema!r}, must be one of {', '.join(_SCHEMAS)}")
    return _SCHEMAS[schema]


class _Stream:
    """One reading of a file."""

    def __init__(self, path: Path, wanted: set[str] | None) -> None:
        try:  # loaded by name: the package is an extra
            databento_dbn: Any = import_module("databento_dbn")
        except ImportError:
            raise MarketDataError(
                f"{path}: DBN files are read by the package databento-dbn: pip install 'grandmodel-execution[dbn]'"
            ) from None
        self.path = path
        self.wanted = wanted
        self.package = databento_dbn
        zstd = source.head(path, 4) == b"\x28\xb5\x2f\xfd"
        compression = databento_dbn.Compression.ZSTD if zstd else databento_dbn.Compression.NONE
        self.decoder: Any = databento_dbn.DBNDecoder(compression=compression)
        self.numbers: dict[int, int] = {}  # instrument id -> symbol's number
        self.texts: dict[int, str] = {}  # instrument id -> symbol
        self.records = 0

    def decoded(self) -> Iterator[Any]:
        for block in source.blocks(self.path):
            try:
                self.decoder.write(block)
                yield self.decoder.decode()
            except self.package.DBNError as error:
                raise MarketDataError(f"{self.path}: behind record {self.records}: {error}") from None
        if len(self.decoder.buffer()):
            raise MarketDataError(f"{self.path}: behind record {self.records}: the file ends within a record")

    def metadata(self) -> Any:
        for records in self.decoded():
            if records:
                return records[0]
        raise MarketDataError(f"{self.path}: ends within its head")

    def chunks(self, data: MarketData) -> Iterator[NDArray[Any]]:
        schema = ""
        dtype: np.dtype[Any] = _MBO
        depth = 0
        for records in self.decoded():
            if records and not schema:
                metadata = records[0]
                schema = str(metadata.schema)
                dtype, depth, _ = _schema(self.path, schema)
                for raw, intervals in metadata.mappings.items():
                    self.texts.update({int(i["symbol"]): raw for i in intervals if str(i["symbol"]).isdigit()})
                records = records[1:]
            for begin in range(0, len(records), 1 << 16):
                yield self.rows(data, schema, dtype, depth, records[begin : begin + (1 << 16)])
        if not schema:
            raise MarketDataError(f"{self.path}: ends within its head")

    def rows(self, data: MarketData, schema: str, dtype: np.dtype[Any], depth: int, records: list[Any]) -> NDArray[Any]:
        raw = [bytes(record) for record in records]
        kept = [record for record in raw if len(record) == dtype.itemsize]
        if len(kept) < len(raw):  # symbol mappings, system messages
            data.skipped["other records"] = data.skipped.get("other records", 0) + len(raw) - len(kept)
        table = np.frombuffer(b"".join(kept), dtype)
        first = self.records
        self.records += len(raw)
        data.records = self.records
        symbols = self.symbols(data, table)
        if schema.startswith("ohlcv"):
            data.counts[schema] = data.counts.get(schema, 0) + len(table)
            return _bars(table, symbols)
        for action, count in zip(*np.unique(table["action"], return_counts=True), strict=True):
            name = action.decode()
            data.counts[name] = data.counts.get(name, 0) + int(count)
        strange = ~np.isin(table["action"], [*_ACTIONS, b"N"]) | ~np.isin(table["side"], list(_SIDES))
        if strange.any():
            k = int(strange.argmax())
            action, side = bytes(table["action"][k]), bytes(table["side"][k])
            place = f"{self.path}: record {first + k + 1}"
            raise MarketDataError(f"{place}: action {action!r} with side {side!r} is not of DBN")
        data.gaps += int((table["flags"] & _MAYBE_BAD_BOOK != 0).sum())
        chosen = np.ones(len(table), bool) if self.wanted is None else symbols >= 0
        return (
            _messages(table[chosen], symbols[chosen])
            if schema == "mbo"
            else _levels(data, table[chosen], symbols[chosen], depth)
        )

    def symbols(self, data: MarketData, table: NDArray[Any]) -> NDArray[np.int32]:
        """Numbers for instrument ids, in the order they come; -1: not wanted."""
        ids, where = np.unique(table["instrument_id"], return_inverse=True)
        numbers = np.empty(len(ids), np.int32)
        for k, instrument in enumerate(ids.tolist()):
            name = self.texts.get(instrument, str(instrument))
            if self.wanted is not None and name not in self.wanted:
                numbers[k] = -1
                continue
            numbers[k] = self.numbers.setdefault(instrument, len(self.numbers))
            data.symbols[int(numbers[k])] = name
        return numbers[where]


def _flags(table: NDArray[Any]) -> NDArray[np.uint8]:
    flags = table["flags"]
    out = np.zeros(len(table), np.uint8)
    for theirs, ours in ((_LAST, Flag.LAST), (_SNAPSHOT, Flag.SNAPSHOT), (_MAYBE_BAD_BOOK, Flag.GAP)):
        out |= np.where(flags & theirs != 0, np.uint8(ours), np.uint8(0))
    return out


def _column(values: NDArray[Any], table: dict[bytes, Any]) -> NDArray[np.int8]:
    out = np.zeros(len(values), np.int8)
    for text, value in table.items():
        out[values == text] = int(value)
    return out


def _event(table: NDArray[Any], symbols: NDArray[np.int32]) -> NDArray[Any]:
    """What the event itself says, without its kind."""
    price = table["price"].copy()
    price[price == _UNDEF_PRICE] = NO_PRICE
    return rows_of(
        len(table), time_ns=table["ts_recv"].astype(np.int64), price_e9=price, quantity=table["size"].astype(np.int64),
        sequence=table["sequence"].astype(np.int64), symbol=symbols,
        side=_column(table["side"], _SIDES), flags=_flags(table),
    )  # fmt: skip


def _messages(table: NDArray[Any], symbols: NDArray[np.int32]) -> NDArray[Any]:
    """Of mbo: T and F change no book, the C or M behind does. A T's side is the aggressor's, ours the resting one's; an
    F is the resting order's part of it and prints nothing of its own."""
    out = _event(table, symbols)
    out["action"] = _column(table["action"], _ACTIONS)
    out["order_id"] = table["order_id"].astype(np.int64)
    traded = table["action"] == b"T"
    out["side"][traded] *= -1
    out["order_id"][traded] = 0
    out["flags"][table["action"] == b"F"] |= np.uint8(Flag.UNPRINTED)
    out["price_e9"][table["action"] == b"R"] = NO_PRICE
    kept: NDArray[Any] = out[table["action"] != b"N"]
    return kept


def _levels(data: MarketData, table: NDArray[Any], symbols: NDArray[np.int32], depth: int) -> NDArray[Any]:
    """Of mbp-n: a TRADE where the event is one, then both sides as they are after it; of trades: the TRADE."""
    n = len(table)
    width = 1 + 2 * depth
    out = np.repeat(_event(table, symbols), width).reshape(n, width)
    traded = table["action"] == b"T"
    out["flags"] &= ~np.uint8(Flag.LAST | Flag.GAP)
    out["action"][:, 0] = Action.TRADE
    out["side"][:, 0] *= -1
    kept = np.zeros((n, width), bool)
    kept[:, 0] = traded
    for k in range(depth):
        for side, name, column in ((1, "bid", 1 + k), (-1, "ask", 1 + depth + k)):
            level = table["levels"][:, k]
            row = out[:, column]
            there = (level[f"{name}_px"] != _UNDEF_PRICE) & (level[f"{name}_sz"] > 0)
            row["action"], row["side"], row["level"] = Action.SET_LEVEL, side, k + 1
            row["price_e9"] = np.where(there, level[f"{name}_px"], NO_PRICE)
            row["quantity"] = np.where(there, level[f"{name}_sz"], 0)
            row["counterparty"] = np.where(there, level[f"{name}_ct"], 0)
            kept[:, column] = there | (k == 0)
    first = kept.argmax(axis=1)
    flags = out["flags"]
    flags[np.arange(n), first] |= _flags(table) & np.uint8(Flag.GAP)
    last = width - 1 - kept[:, ::-1].argmax(axis=1)
    flags[np.arange(n), last] |= np.uint8(Flag.LAST)
    out["flags"] = flags
    return out[kept]


def _bars(table: NDArray[Any], symbols: NDArray[np.int32]) -> NDArray[Any]:
    out = np.zeros(len(table), BAR_DTYPE)
    out["time_ns"] = table["ts_event"].astype(np.int64)
    out["symbol"] = symbols
    for name in ("open", "high", "low", "close"):
        out[f"{name}_e9"] = table[name]
    out["volume"] = table["volume"].astype(np.int64)
    return out[symbols >= 0]
