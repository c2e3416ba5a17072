"""Delimited text as columns of texts: by DuckDB where it is installed and would read what the plain reader does.

Which of the two read a file cannot be told from what comes out: `plain` is the measure. DuckDB is asked only where no
line is empty, every quote stands at an end of its cell, and lines end alike; and where it refuses a file the plain
reader has the word, which names the row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .._core.values import ExecutionError
from .arrow import ColumnData, numbered

__all__ = ["ForeignError", "missing", "plain", "read_csv", "text_column", "whole_lines_of"]

_SAMPLE = 1000
_LEAST = 1 << 16  # bytes: smaller files are read sooner than DuckDB is loaded


class ForeignError(ExecutionError, ValueError):
    """A file of somebody else's cannot be read with its map; the message names file and column."""


def missing(path: Path, title: str, there: Iterable[str]) -> ForeignError:
    return ForeignError(f"{path}: column {title!r} is not there; the columns are {', '.join(there)}")


def whole_lines_of(path: Path) -> Iterable[str]:
    """Lines without their ends, of a file that may be compressed."""
    from ..market_data.source import lines

    coding = "utf-8-sig"
    for block in lines(path):
        yield from block.decode(coding, "replace").removesuffix("\n").split("\n")
        coding = "utf-8"


def text_column(words: list[str]) -> ColumnData:
    """Texts as a column. Where nearly every one is another (times, ids) they are not looked for again: `texts` then has
    one twice that is there twice."""
    some = words[:_SAMPLE]
    if len(words) > _SAMPLE and len({*some}) > 0.95 * _SAMPLE:
        return ColumnData(np.arange(len(words)), None, "text", tuple(words))
    numbers, texts = numbered(words)
    return ColumnData(numbers, None, "text", texts)


def read_csv(path: Path, delimiter: str, wanted: list[str]) -> dict[str, ColumnData]:
    """The wanted columns by title.

    Raises
    ------
    ForeignError  a column is not there, or a row has more or fewer cells than the header
    """
    found = _by_duckdb(path, delimiter, wanted)
    return plain(path, delimiter, wanted) if found is None else found


def plain(path: Path, delimiter: str, wanted: list[str]) -> dict[str, ColumnData]:
    """As `read_csv`, by the csv module alone."""
    rows = csv.reader(whole_lines_of(path), delimiter=delimiter)
    header = [title.strip() for title in next(rows, [])]
    at = _places(path, header, wanted)
    cells: dict[str, list[str]] = {title: [] for title in wanted}
    try:
        for number, row in enumerate(rows, 1):
            if len(row) != len(header):
                raise ForeignError(f"{path}: row {number} has {len(row)} columns, must have {len(header)}")
            for title, k in at.items():
                cells[title].append(row[k])
    except csv.Error as error:
        raise ForeignError(f"{path}: line {rows.line_num}: {error}") from None
    return {title: text_column(words) for title, words in cells.items()}


def _places(path: Path, header: list[str], wanted: list[str]) -> dict[str, int]:
    for title in wanted:
        if title not in header:
            raise missing(path, title, header)
    return {title: header.index(title) for title in wanted}


def _by_duckdb(path: Path, delimiter: str, wanted: list[str]) -> dict[str, ColumnData] | None:
    """The columns, or None where the plain reader is to read the file."""
    if path.suffix.lower() in (".gz", ".xz", ".zip", ".bz2") or path.stat().st_size < _LEAST or not wanted:
        return None
    try:
        import duckdb
    except ImportError:
        return None
    raw = path.read_bytes()
    lines = _regular(raw, delimiter)
    if lines is None:
        return None
    top = raw[: raw.index(b"\n")].decode("utf-8-sig", "replace").removesuffix("\r")
    header = [title.strip() for title in next(csv.reader([top], delimiter=delimiter), [])]
    at = _places(path, header, wanted)
    columns = ", ".join(f"'c{k}': 'VARCHAR'" for k in range(len(header)))
    asked = ", ".join(f"coalesce(c{k}, '') AS w{k}" for k in dict.fromkeys(at.values()))
    query = (
        f"SELECT {asked} FROM read_csv(?, header = false, skip = 1, auto_detect = false, columns = {{{columns}}}, "
        "delim = ?, quote = '\"', escape = '\"', strict_mode = true, null_padding = false, max_line_size = 16777216)"
    )
    with duckdb.connect() as connection:
        try:
            told: dict[str, Any] = connection.execute(query, [str(path), delimiter]).fetchnumpy()
        except duckdb.Error:
            return None  # the plain reader says which row
    if any(len(values) != lines - 1 for values in told.values()):
        return None
    made = {name: text_column(np.ma.getdata(values).tolist()) for name, values in told.items()}
    return {title: made[f"w{k}"] for title, k in at.items()}


def _regular(raw: bytes, delimiter: str) -> int | None:
    """How many lines a file has, where each is a row for any reader; else None."""
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in "\"\r\n" or not raw.isascii() or b"\0" in raw:
        return None
    if not raw.endswith(b"\n"):
        raw += b"\n"
    letters = np.frombuffer(raw, np.uint8)
    ends = np.flatnonzero(letters == 10)
    returns = raw.count(b"\r")
    if returns and (returns != len(ends) or (letters[ends - 1] != 13).any() or ends[0] == 0):
        return None
    begins = np.concatenate([[0], ends[:-1] + 1])
    if (ends - begins <= (1 if returns else 0)).any():
        return None
    splits = np.flatnonzero(letters == ord(delimiter))
    quotes = np.flatnonzero(letters == 34) if b'"' in raw else splits[:0]
    if len(quotes) % 2:
        return None
    if len(quotes):
        splits = splits[np.searchsorted(quotes, splits) % 2 == 0]
    cells = np.diff(np.searchsorted(splits, ends), prepend=0)
    if (cells != cells[0]).any():  # DuckDB lets a row end with an empty cell too many
        return None
    if not len(quotes):
        return len(ends)
    opening, closing = quotes[::2], quotes[1::2]
    before = np.concatenate([[10], letters])[opening]
    after = letters[closing + 1]
    edges = (10, 13, ord(delimiter))
    if not (np.isin(before, edges[::2]).all() and np.isin(after, edges).all()):
        return None
    inside = np.searchsorted(quotes, ends)  # an end of a line between the quotes of one cell
    return None if (inside % 2).any() else len(ends)
