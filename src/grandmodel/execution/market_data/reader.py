"""`read_market_data`: one door to all formats, and what it gives."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date as _date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grandmodel.execution._core.values import MarketDataError

from . import source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import ColumnMap

#: What `format` may be.
FORMATS = ("lobster", "itch", "pitch", "dbn", "lean", "binance", "csv", "parquet", "capture")


class MarketData:
    """A file of market data: what is known of it, and its rows as a stream.

    Iterating gives arrays of MESSAGE_DTYPE (``kind`` "messages") or BAR_DTYPE (``kind`` "bars"), read as they are asked
    for; iterating again reads the file again. What is counted is of the last reading, as far as it has come.

    Attributes
    ----------
    path, format
    kind          : "messages" or "bars"
    book          : the OrderBook that the rows feed: "L3", "L2", or None where they are no book
    depth         : levels of a side that the file tells of; None: all
    drifts        : why a book built from these rows is not the exchange's, however it is built; None: it is
    symbols       : {number in the rows: name}, as far as they have been read
    venues        : names; a row's ``venue`` is a place in this list
    tick_size     : text, the finest distance of prices, where the format has one
    quantity_step : text, what a quantity of 1 is
    records       : records (lines, messages) of the file read
    rows          : rows given
    counts        : {type of record: how many}
    skipped       : {type of record: how many have no row}
    gaps          : places where the file itself says that something is missing before
    notes         : what else one must know
    """

    def __init__(self, path: Path, format: str, open_rows: Callable[[MarketData], Iterable[NDArray[Any]]]) -> None:
        self.path = path
        self.format = format
        self.kind = "messages"
        self.book: str | None = None
        self.depth: int | None = None
        self.drifts: str | None = None
        self.symbols: dict[int, str] = {}
        self.venues: list[str] = []
        self.tick_size: str | None = None
        self.quantity_step = "1"
        self.notes: list[str] = []
        self._open_rows = open_rows
        self._forget()

    def _forget(self) -> None:
        self.records = 0
        self.rows = 0
        self.gaps = 0
        self.counts: dict[str, int] = {}
        self.skipped: dict[str, int] = {}

    def __iter__(self) -> Iterator[NDArray[Any]]:
        self._forget()
        for rows in self._open_rows(self):
            if len(rows):
                self.rows += len(rows)
                yield rows

    def read(self) -> NDArray[Any]:
        """All rows in one array."""
        import numpy as np

        from grandmodel.execution._core.records import MESSAGE_DTYPE

        from .messages import BAR_DTYPE

        chunks = list(self)
        dtype = BAR_DTYPE if self.kind == "bars" else MESSAGE_DTYPE
        out = np.empty(sum(len(chunk) for chunk in chunks), dtype)
        at = 0
        for chunk in chunks:
            out[at : at + len(chunk)] = chunk
            at += len(chunk)
        return out

    def number_of(self, symbol: str) -> int:
        """The number of a symbol in the rows. MarketDataError if it has not come yet."""
        for number, name in self.symbols.items():
            if name == symbol:
                return number
        raise MarketDataError(f"{self.path}: no symbol {symbol!r} has been read")

    def __repr__(self) -> str:
        return f"MarketData({str(self.path)!r}, format={self.format!r}, kind={self.kind!r}, book={self.book!r})"


def read_market_data(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    date: _date | str | None = None,
    symbols: Iterable[str] | None = None,
    columns: ColumnMap | None = None,
    orderbook: str | os.PathLike[str] | None = None,
    quantity_step: str | None = None,
    quotes: bool = False,
) -> MarketData:
    """Opens a file of market data; its rows are read as they are asked for.

    Parameters
    ----------
    path   : plain, ``.gz`` or ``.xz`` (``.zip`` for LEAN, ``.zst`` for DBN)
    format : one of FORMATS; None: what name and first bytes say
    date   : day of a file whose times count from midnight, where its name does not tell it (ITCH, PITCH, LEAN, LOBSTER)
    symbols : the only symbols wanted, of a file that has several (ITCH, DBN)
    columns : the map of a CSV or Parquet file, which must be given
    orderbook : a LOBSTER message file's order book: the rows then are the file's levels, exactly
    quantity_step : what a quantity of 1 is, for fractional quantities (Binance: 1e-8 unless given)
    quotes : Binance's bookTicker too, as venue 1

    Raises
    ------
    MarketDataError  no such file, unknown format, or (on reading) a record that is wrong: file and record are named.
    TypeError        an option that the format does not take.
    """
    file = Path(path)
    if format is None:
        format = _guess(file)
    if format not in FORMATS:
        raise MarketDataError(f"{file}: format is {format!r}, must be one of {', '.join(FORMATS)}")
    options = {
        "date": date, "symbols": symbols, "columns": columns, "orderbook": orderbook, "quantity_step": quantity_step,
        "quotes": quotes or None,
    }  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    taken = _TAKES[format]
    for name in given:
        if name not in taken:
            raise TypeError(f"{name} is not for format {format!r}, which takes {', '.join(taken) or 'no options'}")
    if not file.is_file():
        raise MarketDataError(f"{file}: {'is no file' if file.exists() else 'no such file'}")
    opened: MarketData = _opener(format)(file, **given)
    return opened


_TAKES: dict[str, tuple[str, ...]] = {
    "lobster": ("date", "orderbook"),
    "itch": ("date", "symbols"),
    "pitch": ("date",),
    "dbn": ("symbols",),
    "lean": ("date",),
    "binance": ("quantity_step", "quotes"),
    "csv": ("columns", "date"),
    "parquet": ("columns", "date"),
    "capture": (),
}


def _opener(format: str) -> Callable[..., MarketData]:
    from importlib import import_module

    module = {"csv": "columns", "parquet": "parquet", "lobster": "lobster"}.get(format, format)
    opener: Callable[..., MarketData] = import_module(f"{__package__}.{module}").open_file
    return opener


_NAMES = (
    ("lobster", re.compile(r".*_(message|orderbook)_\d{1,4}(_[A-Za-z0-9]+)?\.csv", re.ASCII)),
    ("itch", re.compile(r".*(\.itch|itch_?50.*|-v50\.txt)", re.IGNORECASE | re.ASCII)),
    ("dbn", re.compile(r".*\.dbn(\.zst)?")),
    ("parquet", re.compile(r".*\.(parquet|pq)")),
    ("lean", re.compile(r"([a-z0-9.]+_)?\d{8}_(trade|quote|openinterest)\.(zip|csv)")),
)
_LINES = (
    ("binance", re.compile(r"\d{16,19} \{")),
    ("pitch", re.compile(r"S?\d{8}[A-Za-z][0-9A-Za-z. ]{8,}")),
)


def _guess(path: Path) -> str:
    """The format, by the name first, then by how the file begins."""
    name = source.stem_name(path)
    for format, pattern in _NAMES:
        if pattern.fullmatch(name):
            return format
    if not path.is_file():
        raise MarketDataError(f"{path}: {'is no file' if path.exists() else 'no such file'}")
    begin = source.head(path, 64)
    if begin[:8] == b"GMCAPRUN":
        return "capture"
    if begin[:4] == b"PAR1":
        return "parquet"
    if begin[:3] == b"DBN":
        return "dbn"
    if begin[:3] == b"\x00\x0cS":  # an ITCH day begins with a system event, twelve bytes
        return "itch"
    first = (source.sniff_lines(path, 1) or [""])[0]
    for format, pattern in _LINES:
        if pattern.match(first):
            return format
    if path.suffix == ".csv" or name.endswith(".csv"):
        return "csv"
    raise MarketDataError(f"{path}: what it holds cannot be told, name the format: {', '.join(FORMATS)}")
