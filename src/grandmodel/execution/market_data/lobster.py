"""LOBSTER files as a stream: a message file alone, or with its order book file, whose levels the rows then are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date as _date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grandmodel.execution._core.lobster import parse_books, parse_messages
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError

from . import source
from .days import day_of, midnight_ns
from .messages import Action, Flag, rows_of
from .reader import MarketData

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAME = re.compile(
    r"(?P<symbol>[A-Za-z0-9.\-]+)_\d{4}-\d\d-\d\d.*_(?P<kind>message|orderbook)_(?P<levels>\d{1,4})(_[A-Za-z0-9]+)?\.csv"
)
_TYPE_OF = {1: "1", 2: "2", 3: "3", 4: "4", 5: "5", 11: "6", 7: "7"}


def open_file(
    path: Path, *, date: _date | str | None = None, orderbook: str | os.PathLike[str] | None = None
) -> MarketData:
    named = _NAME.fullmatch(source.stem_name(path))
    if named and named["kind"] == "orderbook":
        raise MarketDataError(
            f"{path}: is an order book file, which tells no times: read its message file, orderbook=this"
        )
    day = day_of(path, date)
    if day is None:
        raise MarketDataError(f"{path}: the name tells no date, give it (date='YYYY-MM-DD')")
    midnight = midnight_ns(day)
    books = None if orderbook is None else Path(orderbook)

    def messages(data: MarketData) -> Iterator[NDArray[Any]]:
        last_ns = 0
        for block in source.lines(path):
            rows = parse_messages(block, midnight, name=str(path), before=data.records, last_ns=last_ns)
            last_ns = int(rows["time_ns"][-1]) - midnight
            data.records += len(rows)
            for action, count in zip(*np.unique(rows["action"], return_counts=True), strict=True):
                kind = _TYPE_OF[int(action)]
                data.counts[kind] = data.counts.get(kind, 0) + int(count)
            yield rows

    def levels(data: MarketData) -> Iterator[NDArray[Any]]:
        assert books is not None
        shown: NDArray[np.int64] | None = None
        lines = 0
        left: NDArray[Any] = rows_of(0)
        stream = messages(data)
        for block in source.lines(books):
            book = parse_books(block, data.depth, name=f"{books}, lines from {lines + 1} on")
            lines += len(book)
            data.depth = book.shape[1]
            while len(left) < len(book):
                more = next(stream, None)
                if more is None:
                    raise MarketDataError(
                        f"{books} has more than the {data.records} rows of {path}: row k belongs to message k"
                    )
                left = np.concatenate([left, more]).astype(more.dtype)
            yield _level_rows(left[: len(book)], book, shown)
            shown = book[-1]
            left = left[len(book) :]
        if len(left) or next(stream, None) is not None:
            raise MarketDataError(
                f"{path} has more rows than the {lines} of {books}: row k of the book belongs to message k"
            )

    data = MarketData(path, "lobster", messages if books is None else levels)
    data.depth = int(named["levels"]) if named else None
    data.symbols = {0: named["symbol"]} if named else {}
    data.venues = ["XNAS"]
    data.tick_size = "0.0001"
    if books is None:
        data.book = "L3"
        deep = f"the best {data.depth} levels" if data.depth else "a few levels"
        data.drifts = (
            f"the file holds only what happened within {deep}: what came into sight or left it unseen is missing, so a "
            "book accumulated from these rows drifts; with orderbook= the rows are the file's own levels"
        )
    else:
        data.book = "L2"
        other = _NAME.fullmatch(source.stem_name(books))
        if other:
            data.depth = int(other["levels"])
    return data


def _level_rows(messages: NDArray[Any], book: NDArray[np.int64], before: NDArray[np.int64] | None) -> NDArray[Any]:
    """Each message that says more than the levels do (executions, halts), then the sides of the book it changed."""
    n, depth = book.shape[:2]
    earlier = np.empty_like(book)
    earlier[1:] = book[:-1]
    if before is not None:
        earlier[0] = before
    told = np.isin(messages["action"], (Action.EXECUTE, Action.EXECUTE_HIDDEN, Action.CROSS_TRADE, Action.HALT))
    changed = []
    for first in (2, 0):  # bids, asks
        side = (book[:, :, first : first + 2] != earlier[:, :, first : first + 2]).any(axis=(1, 2))
        if before is None:
            side[0] = True
        changed.append(side)
    counts = told + depth * changed[0] + depth * changed[1]
    begins = np.cumsum(counts) - counts
    out = rows_of(int(counts.sum()))
    source_row = np.repeat(np.arange(n), counts)
    for field in ("time_ns", "sequence", "symbol", "venue"):
        out[field] = messages[field][source_row]
    out[begins[told]] = messages[told]
    quiet = out["action"] == Action.EXECUTE
    out["action"][quiet] = Action.TRADE  # what it took is in the levels already
    at = begins + told
    for side, first, moved in ((1, 2, changed[0]), (-1, 0, changed[1])):
        where = (at[moved][:, None] + np.arange(depth)).ravel()
        out["action"][where] = Action.SET_LEVEL
        out["side"][where] = side
        out["price_e9"][where] = book[moved][:, :, first].ravel()
        out["quantity"][where] = book[moved][:, :, first + 1].ravel()
        out["level"][where] = np.minimum(np.tile(np.arange(1, depth + 1), int(moved.sum())), 255)
        at = at + depth * moved
    empty = (out["price_e9"] == NO_PRICE) & (out["action"] == Action.SET_LEVEL) & (out["level"] > 1)
    last = (begins + counts - 1)[counts > 0]
    out["flags"][last[out["action"][last] != Action.HALT]] |= np.uint8(Flag.LAST)
    return _without(out, empty) if empty.any() else out


def _without(rows: NDArray[Any], empty: NDArray[np.bool_]) -> NDArray[Any]:
    """Unused levels left out; the flag of a last row goes to the one before."""
    kept = np.flatnonzero(~empty)
    lost = np.flatnonzero(empty & (rows["flags"] & Flag.LAST != 0))
    heirs = kept[np.searchsorted(kept, lost) - 1]
    rows["flags"][heirs] |= np.uint8(Flag.LAST)
    return rows[kept]
