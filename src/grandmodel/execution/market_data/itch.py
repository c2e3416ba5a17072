"""NASDAQ TotalView-ITCH 5.0 files: messages behind their length, plain or ``.gz``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date as _date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grandmodel.execution._core.itch import ItchParser
from grandmodel.execution._core.values import MarketDataError

from . import source
from .days import begin_of
from .reader import MarketData

if TYPE_CHECKING:
    from numpy.typing import NDArray


def open_file(path: Path, *, date: _date | str | None = None, symbols: Iterable[str] | None = None) -> MarketData:
    midnight_ns, note = begin_of(path, date)
    if symbols is not None and not isinstance(symbols, str):
        symbols = list(symbols)
    ItchParser(symbols=symbols)  # a wrong name is told now

    def rows(data: MarketData) -> Iterator[NDArray[Any]]:
        parser = ItchParser(midnight_ns, symbols=symbols, name=str(path))
        rest = b""
        for block in source.blocks(path):
            rest = rest + block if rest else block
            chunk, used = parser.parse(rest, capacity=1 << 17)
            rest = rest[used:]
            _tell(data, parser)
            yield chunk
        while rest:
            chunk, used = parser.parse(rest, capacity=1 << 17)
            if used == 0:
                raise MarketDataError(f"{path}: record {parser.records + 1}: the file ends within it")
            rest = rest[used:]
            _tell(data, parser)
            yield chunk

    data = MarketData(path, "itch", rows)
    data.book = "L3"
    data.venues = ["XNAS"]
    data.tick_size = "0.0001"
    data.notes.append("executions at the order's price (E) do not tell it: their price_e9 is NO_PRICE")
    if note:
        data.notes.append(note)
    return data


def _tell(data: MarketData, parser: ItchParser) -> None:
    data.records, data.counts, data.skipped = parser.records, parser.counts, parser.skipped
    if len(data.symbols) != parser.counts.get("R", 0):
        data.symbols = parser.symbols
