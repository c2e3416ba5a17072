"""Files that others wrote, as columns: CSV (also compressed), Parquet (DuckDB, the extra `analytics`) and FIX 4.x.

A cell that cannot be read is not an error but a row without a value: who asked counts it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from .._core.costs import PRICE_UNKNOWN
from .._core.values import ExecutionError
from .arrow import Array, ColumnData, numbered
from .foreign_map import UNITS, Section

__all__ = ["ForeignError", "ForeignTable", "read_file"]

_TIME = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T -](\d\d):?(\d\d):?(\d\d)(?:[.,](\d{1,9}))?\s*(Z|UTC|[+-]\d\d:?\d\d)?", re.ASCII
)
_HOUR = 3600 * 10**9
_EPOCH = datetime(1970, 1, 1)


class ForeignError(ExecutionError, ValueError):
    """A file of somebody else's cannot be read with its map; the message names file and column."""


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """The columns that a map names, of the rows that it keeps. `row`: their numbers in the file, from 1."""

    path: Path
    section: Section
    columns: dict[str, ColumnData]
    row: Array
    left_out: int

    def __len__(self) -> int:
        return len(self.row)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def texts(self, name: str) -> list[str]:
        """As texts, "" where there is none."""
        column = self.columns[name]
        if column.kind == "text":
            words: list[str] = np.array([*column.texts, ""], object)[column.values].tolist()
        else:
            words = [f"{v:g}" if isinstance(v, float) else str(v) for v in column.values.tolist()]
        if column.valid is not None:
            words = [word if known else "" for word, known in zip(words, column.valid.tolist(), strict=True)]
        return [word.strip() for word in words]

    def decimals(self, name: str, unit: Decimal = Decimal("1e-9")) -> tuple[Array, Array]:
        """(values, known): a number in units, to the nearest. What is no number, or has no 64 bits, is not known."""
        column = self.columns[name]
        known = np.ones(len(self), bool) if column.valid is None else column.valid.copy()
        if column.kind == "text":
            told = [_units(text, unit) for text in column.texts]
            values = np.array([PRICE_UNKNOWN if v is None else v for v in told] or [PRICE_UNKNOWN], np.int64)
            out = values[column.values]
            return out, known & (out != PRICE_UNKNOWN)
        if column.kind == "time" or column.values.dtype.kind == "b":
            return np.full(len(self), PRICE_UNKNOWN), np.zeros(len(self), bool)
        exact = column.kind == "decimal" or column.values.dtype.kind in "iu"
        scale = Decimal(1).scaleb(-column.scale) / unit
        if exact and scale == scale.to_integral_value():
            limit = int(Decimal(2**63 - 1) / scale)
            known &= (column.values <= limit) & (column.values >= -limit)
            return np.where(known, column.values, 0).astype(np.int64) * int(scale), known
        scaled = np.rint(column.values.astype(np.float64) * float(scale))
        known &= np.abs(scaled) < 2.0**63
        return np.where(known, scaled, 0).astype(np.int64), known

    def whole(self, name: str, step: Decimal) -> tuple[Array, Array]:
        """(values, known): a number in steps; one that is not a multiple of the step is not known."""
        fine, known = self.decimals(name, step / 10**6)
        return fine // 10**6, known & (fine % 10**6 == 0)

    def times(self, name: str) -> tuple[Array, Array, Array]:
        """(ns since 1970, known, without a zone of their own); these are read in the map's zone, where it has one, and
        are otherwise not known."""
        column, zone, unit = self.columns[name], self.section.time_zone, self.section.time_unit
        known = np.ones(len(self), bool) if column.valid is None else column.valid.copy()
        if column.kind == "time":
            naive = known & (not column.zoned)
            raw = column.values.copy()
        elif unit is not None:
            values, good = self.decimals(name, Decimal(1) / UNITS[unit])
            return values, known & good, np.zeros(len(self), bool)
        elif column.kind != "text":
            raise ForeignError(f"{self.path}: {self.title(name)} holds numbers: time_unit must say of what")
        else:
            told = [_time(text) for text in column.texts] or [None]
            raw = np.array([0 if t is None else t[0] for t in told], np.int64)[column.values]
            known &= np.array([t is not None for t in told], bool)[column.values]
            naive = known & np.array([t is not None and not t[1] for t in told], bool)[column.values]
        if naive.any():
            if zone is None:
                if not (known & ~naive).any():
                    what = f"{self.path}: {self.title(name)}"
                    raise ForeignError(f"{what} has times without a zone: time_zone must say which")
                known &= ~naive
            else:
                raw[naive] -= _offsets(raw[naive], ZoneInfo(zone))
        return raw, known, naive

    def title(self, name: str) -> str:
        """The column as the file calls it."""
        return f"column {self.section.columns[name]!r}"


def _units(text: str, unit: Decimal) -> int | None:
    try:
        number = Decimal(text.strip())
        if not number.is_finite():
            return None
        units = int((number / unit).to_integral_value())
    except (InvalidOperation, ValueError):
        return None
    return units if abs(units) < 2**63 else None


def _time(text: str) -> tuple[int, bool] | None:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    *parts, fraction, zone = found.groups()
    try:
        seconds = round((datetime(*map(int, parts)) - _EPOCH).total_seconds())  # type: ignore[arg-type]
    except ValueError:
        return None
    if zone is not None and zone[0] in "+-":
        digits = zone[1:].replace(":", "")
        seconds -= (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * (1 if zone[0] == "+" else -1)
    ns = seconds * 10**9 + int((fraction or "0").ljust(9, "0"))
    return (ns, zone is not None) if abs(ns) < 2**63 else None


def _offsets(local: Array, zone: ZoneInfo) -> Array:
    """What the zone's clocks are ahead of UTC, ns, at local times; zones change on the hour."""
    hours, where = np.unique(local // _HOUR, return_inverse=True)
    ahead = [(_EPOCH + timedelta(hours=h)).replace(tzinfo=zone).utcoffset() or timedelta(0) for h in hours.tolist()]
    return np.array([round(offset.total_seconds()) * 10**9 for offset in ahead], np.int64)[where]


# ---- files


def read_file(path: Path, section: Section) -> ForeignTable:
    """The rows of a file, by its section of the map.

    Raises
    ------
    ForeignError  the file is not there or broken, or has not a column that the map names.
    """
    if not path.is_file():
        raise ForeignError(f"{path}: {'is no file' if path.exists() else 'no such file'}")
    format = section.format or ("parquet" if path.suffix in (".parquet", ".pq") else "csv")
    wanted = [*section.columns.values(), *section.keep]
    table = {"csv": _csv, "parquet": _parquet, "fix": _fix}[format](path, section, wanted)
    count = len(next(iter(table.values())).values) if table else 0
    kept = np.ones(count, bool)
    for title, texts in section.keep.items():
        column = table[title]
        if column.kind == "text":
            told = np.array([text in texts for text in column.texts] or [False], bool)
            kept &= told[column.values]
        else:
            kept &= np.isin(column.values.astype(str), texts)
    rows = np.flatnonzero(kept)
    columns = {name: _taken(table[title], kept) for name, title in section.columns.items() if title in table}
    return ForeignTable(path, section, columns, rows + 1, count - len(rows))


def _taken(column: ColumnData, kept: Array) -> ColumnData:
    if kept.all():
        return column
    valid = None if column.valid is None else column.valid[kept]
    return ColumnData(column.values[kept], valid, column.kind, column.texts, column.zoned, column.scale)


def _missing(path: Path, title: str, there: Iterable[str]) -> ForeignError:
    return ForeignError(f"{path}: column {title!r} is not there; the columns are {', '.join(there)}")


def _lines(path: Path) -> Iterable[str]:
    from ..market_data.source import lines

    coding = "utf-8-sig"
    for block in lines(path):
        yield from block.decode(coding, "replace").removesuffix("\n").split("\n")
        coding = "utf-8"


def _csv(path: Path, section: Section, wanted: list[str]) -> dict[str, ColumnData]:
    rows = csv.reader(_lines(path), delimiter=section.delimiter)
    header = [title.strip() for title in next(rows, [])]
    for title in wanted:
        if title not in header:
            raise _missing(path, title, header)
    at = {title: header.index(title) for title in wanted}
    cells: dict[str, list[str]] = {title: [] for title in wanted}
    try:
        for number, row in enumerate(rows, 1):
            if len(row) != len(header):
                raise ForeignError(f"{path}: row {number} has {len(row)} columns, must have {len(header)}")
            for title, k in at.items():
                cells[title].append(row[k])
    except csv.Error as error:
        raise ForeignError(f"{path}: line {rows.line_num}: {error}") from None
    return {title: _text_column(words) for title, words in cells.items()}


def _text_column(words: list[str]) -> ColumnData:
    numbers, texts = numbered(words)
    return ColumnData(numbers, None, "text", texts)


def _parquet(path: Path, section: Section, wanted: list[str]) -> dict[str, ColumnData]:
    from .columns import read_table

    try:
        import duckdb
    except ImportError:
        how = "pip install 'grandmodel-execution[analytics]'"
        raise ForeignError(f"{path}: Parquet is read by DuckDB: {how}") from None
    with duckdb.connect() as connection:
        try:
            relation = connection.read_parquet(str(path))
            for title in wanted:
                if title not in relation.columns:
                    raise _missing(path, title, relation.columns)
            quoted = ", ".join('"' + title.replace('"', '""') + '"' for title in dict.fromkeys(wanted))
            return read_table(relation.project(quoted), str(path))
        except duckdb.Error as error:
            raise ForeignError(f"{path}: {str(error).splitlines()[0]}") from None


def _fix(path: Path, section: Section, wanted: list[str]) -> dict[str, ColumnData]:
    """Execution reports (35=8), a message a line or one behind the other, with SOH, `|` or `^` between the fields. The
    column "event": ExecType (150); before FIX 4.3 a cancel of an execution (20=1) is H, a correction (20=2) G."""
    cells: dict[str, list[str]] = {title: [] for title in wanted}
    split: Callable[[str], list[str]] = re.compile("[\x01|^]").split
    number = 0
    for line in _lines(path):
        for message in re.split(r"(?=\b8=FIX)", line):
            fields = dict(part.split("=", 1) for part in split(message) if "=" in part)
            if fields.get("35") != "8":
                continue
            number += 1
            correction = {"1": "H", "2": "G"}.get(fields.get("20", "0"))
            fields["event"] = correction or fields.get("150", "")
            for title, words in cells.items():
                words.append(fields.get(title, ""))
    if number == 0:
        raise ForeignError(f"{path}: no execution report (35=8) in it")
    return {title: _text_column(words) for title, words in cells.items()}
