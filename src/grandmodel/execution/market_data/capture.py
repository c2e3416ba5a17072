"""The engine's own captures: what its market said, as best bid and offer of each symbol at each venue, and prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grandmodel.execution._core.capture import CaptureFile

from .reader import MarketData

if TYPE_CHECKING:
    from numpy.typing import NDArray


def open_file(path: Path) -> MarketData:
    known = CaptureFile(path)  # what is wrong with its heads is told now

    def rows(data: MarketData) -> Iterator[NDArray[Any]]:
        for run, chunk in CaptureFile(path).chunks():
            data.symbols = dict(enumerate(run.symbols))
            data.venues = list(run.venues)
            data.records += len(chunk)
            yield chunk

    data = MarketData(path, "capture", rows)
    data.book = "L2"
    data.depth = 1
    if known.runs:
        data.symbols = dict(enumerate(known.runs[-1].symbols))
        data.venues = list(known.runs[-1].venues)
    if known.torn:
        data.notes.append(known.torn)
    return data
