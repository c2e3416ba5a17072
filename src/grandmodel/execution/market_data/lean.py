"""QuantConnect LEAN's equity files: ticks of trades and quotes, minute bars of both; ``.zip`` as there, or plain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date as _date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grandmodel.execution._core.columns import ColumnParser
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError

from . import source
from .days import begin_of
from .messages import BAR_DTYPE, Action, Flag, rows_of
from .reader import MarketData

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNIT = 100_000  # equity prices are dollars times 10,000
_PLANS: dict[str, list[tuple[str, str, int]]] = {
    "tick trade": [
        ("time", "integer", 1), ("price", "decimal", _UNIT), ("size", "integer", 1), ("exchange", "name", 1),
        ("sale condition", "skip", 1), ("suspicious", "integer", 1),
    ],
    "tick quote": [
        ("time", "integer", 1), ("bid price", "decimal", _UNIT), ("bid size", "integer", 1),
        ("ask price", "decimal", _UNIT), ("ask size", "integer", 1), ("exchange", "name", 1),
        ("quote condition", "skip", 1), ("suspicious", "integer", 1),
    ],
    "minute trade": [
        ("time", "integer", 1), ("open", "decimal", _UNIT), ("high", "decimal", _UNIT), ("low", "decimal", _UNIT),
        ("close", "decimal", _UNIT), ("volume", "decimal", 1),
    ],
    "minute quote": [
        ("time", "integer", 1), ("bid open", "decimal", _UNIT), ("bid high", "decimal", _UNIT),
        ("bid low", "decimal", _UNIT), ("bid close", "decimal", _UNIT), ("last bid size", "decimal", 1),
        ("ask open", "decimal", _UNIT), ("ask high", "decimal", _UNIT), ("ask low", "decimal", _UNIT),
        ("ask close", "decimal", _UNIT), ("last ask size", "decimal", 1),
    ],
}  # fmt: skip
_DAY_MS = 86_400_000


def open_file(path: Path, *, date: _date | str | None = None) -> MarketData:
    member = source.member_name(path)
    layout = _layout(path, member)
    midnight_ns, note = begin_of(path, date, f"{path.name} {member}")
    bars = layout.startswith("minute")

    def rows(data: MarketData) -> Iterator[NDArray[Any]]:
        parser = ColumnParser(_PLANS[layout], name=str(path))
        last = -1
        for block in source.lines(path):
            before = parser.records
            cells = parser.parse(block)
            _check_times(path, cells[:, 0], before, last)
            last = int(cells[-1, 0])
            data.records = parser.records
            data.counts[layout] = data.records
            times = midnight_ns + cells[:, 0] * 1_000_000
            if bars:
                yield _bars(data, layout, times, cells)
            else:
                data.venues = parser.names
                yield _ticks(data, layout, times, cells, path, before)

    data = MarketData(path, "lean", rows)
    data.symbols = {0: _symbol(path, member)}
    data.tick_size = "0.0001"
    data.notes.append("prices are read as equity's, dollars times 10,000; sale and quote conditions are not given")
    if note:
        data.notes.append(note)
    if bars:
        data.kind = "bars"
    elif layout == "tick quote":
        data.book = "L2"
        data.depth = 1
        data.notes.append(
            "a row's venue is the one that set the national best bid or offer; suspicious rows are skipped"
        )
    return data


def _layout(path: Path, member: str) -> str:
    """ "tick trade", ..., from the names, or from what the first line looks like."""
    texts = f"{member} {path.name}".lower()
    kind = re.search(r"(?<![a-z])(trade|quote|openinterest)(?![a-z])", texts)
    if kind is None or kind[1] == "openinterest":
        raise MarketDataError(f"{path}: the name tells neither trade nor quote, as LEAN's do")
    columns = (source.sniff_lines(path, 1) or [""])[0].split(",")
    tick = len(columns) == (6 if kind[1] == "trade" else 8) and not columns[-3].replace(".", "").isdigit()
    return f"{'tick' if tick else 'minute'} {kind[1]}"


def _symbol(path: Path, member: str) -> str:
    """From "20131008_ibm_minute_trade.csv" inside a .zip, "ibm_20131008_trade", or LEAN's folder."""
    for pattern, name in ((r"\d{8}_([a-z0-9.]+)_", member), (r"([a-z0-9.]+)_\d{8}_", path.name)):
        found = re.match(pattern, name, re.IGNORECASE)
        if found:
            return found[1].upper()
    return path.resolve().parent.name.upper()


def _check_times(path: Path, ms: NDArray[np.int64], before: int, last: int) -> None:
    late = (ms < 0) | (ms >= _DAY_MS)
    if late.any():
        k = int(late.argmax())
        raise MarketDataError(f"{path}: line {before + k + 1}: time is {ms[k]}, must be milliseconds after midnight")
    back = np.flatnonzero(np.diff(ms, prepend=last) < 0)
    if len(back):
        k = int(back[0])
        raise MarketDataError(f"{path}: line {before + k + 1}: time is {ms[k]}, before that of the line above")


def _bars(data: MarketData, layout: str, times: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[Any]:
    sides = ((0, 1),) if layout == "minute trade" else ((1, 1), (-1, 6))
    out = np.zeros((len(times), len(sides)), BAR_DTYPE)
    for k, (side, first) in enumerate(sides):
        bar = out[:, k]
        bar["time_ns"], bar["side"] = times, side
        for j, name in enumerate(("open_e9", "high_e9", "low_e9", "close_e9", "volume")):
            bar[name] = cells[:, first + j]
    flat = out.ravel()
    flat["volume"][flat["volume"] == NO_PRICE] = 0
    empty = (flat["open_e9"] == NO_PRICE) | (flat["open_e9"] == 0)  # a minute without a bid, or without an offer
    if empty.any():
        data.skipped["empty side"] = data.skipped.get("empty side", 0) + int(empty.sum())
    kept: NDArray[Any] = flat[~empty]
    return kept


def _ticks(
    data: MarketData, layout: str, times: NDArray[np.int64], cells: NDArray[np.int64], path: Path, before: int
) -> NDArray[Any]:
    suspicious = cells[:, -1] != 0
    lines = before + 1 + np.arange(len(times))
    if layout == "tick trade":
        price, size, venue = cells[:, 1], cells[:, 2], cells[:, 3]
        bad = (price <= 0) | (size < 0)
        if bad.any():
            k = int(bad.argmax())
            raise MarketDataError(f"{path}: line {lines[k]}: price and size must be > 0 and >= 0")
        kept = ~suspicious
        out = rows_of(
            int(kept.sum()), time_ns=times[kept], price_e9=price[kept], quantity=size[kept], venue=venue[kept],
            sequence=lines[kept], action=Action.TRADE,
        )  # fmt: skip
    else:
        pieces = []
        for k, side in ((1, 1), (3, -1)):
            told = (cells[:, k] > 0) & ~suspicious
            pieces.append(
                rows_of(
                    int(told.sum()), time_ns=times[told], price_e9=cells[told, k], quantity=cells[told, k + 1],
                    venue=cells[told, 5], sequence=lines[told], action=Action.SET_LEVEL, side=side, level=1,
                    flags=Flag.LAST,
                )
            )  # fmt: skip
        out = np.concatenate(pieces).astype(pieces[0].dtype)
        out = out[np.argsort(out["sequence"], kind="stable")]
    if suspicious.any():
        data.skipped["suspicious"] = data.skipped.get("suspicious", 0) + int(suspicious.sum())
    return out
