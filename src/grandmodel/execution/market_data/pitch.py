"""BATS PITCH files in their ASCII form, plain, ``.gz`` or ``.xz``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date as _date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grandmodel.execution._core.pitch import PitchParser

from . import source
from .days import begin_of
from .reader import MarketData

if TYPE_CHECKING:
    from numpy.typing import NDArray


def open_file(path: Path, *, date: _date | str | None = None) -> MarketData:
    midnight_ns, note = begin_of(path, date)

    def rows(data: MarketData) -> Iterator[NDArray[Any]]:
        parser = PitchParser(midnight_ns, name=str(path))
        for block in source.lines(path):
            chunk = parser.parse(block)
            data.records, data.counts, data.skipped = parser.records, parser.counts, parser.skipped
            if len(data.symbols) != len(parser.symbols):
                data.symbols = parser.symbols
            if parser.unknown:
                data.drifts = (
                    f"{parser.unknown} executions or cancels are of orders that were added before the file begins"
                )
            yield chunk

    data = MarketData(path, "pitch", rows)
    data.book = "L3"
    data.venues = ["BATS"]
    data.tick_size = "0.0001"
    if note:
        data.notes.append(note)
    return data
