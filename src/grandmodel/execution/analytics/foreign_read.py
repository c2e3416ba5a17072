"""Files that others wrote, as columns: CSV (also compressed), Parquet (DuckDB, the extra `analytics`) and FIX 4.x.

A cell that cannot be read is not an error but a row without a value: who asked counts it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, Overflow
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from .._core.costs import PRICE_UNKNOWN
from .arrow import Array, ColumnData
from .foreign_csv import ForeignError, missing, read_csv, text_column, whole_lines_of
from .foreign_map import UNITS, Section
from .foreign_times import offsets, read_times

__all__ = ["ForeignError", "ForeignTable", "read_file"]

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
            stripped = np.array([*(text.strip() for text in column.texts), ""], object)
            words: list[str] = stripped[column.values].tolist()
        else:
            words = [f"{v:g}" if isinstance(v, float) else str(v) for v in column.values.tolist()]
        if column.valid is not None:
            words = [word if known else "" for word, known in zip(words, column.valid.tolist(), strict=True)]
        return words

    def mapped(self, name: str, value: Callable[[str], int]) -> Array:
        """(n,) int64: what `value` says of each text, "" where there is none; asked once for each that differs."""
        column = self.columns[name]
        if column.kind != "text":
            return np.array([value(text) for text in self.texts(name)], np.int64)
        told = np.array([*(value(text.strip()) for text in column.texts), value("")], np.int64)
        found: Array = told[column.values] if len(column.texts) else np.full(len(column.values), told[-1])
        return found if column.valid is None else np.where(column.valid, found, told[-1])

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
            at, good, zoned = read_times(column.texts or ("",))
            raw = at[column.values]
            known &= good[column.values]
            naive = known & ~zoned[column.values]
        if naive.any():
            if zone is None:
                if not (known & ~naive).any():
                    what = f"{self.path}: {self.title(name)}"
                    raise ForeignError(f"{what} has times without a zone: time_zone must say which")
                known &= ~naive
            else:
                raw[naive] -= offsets(raw[naive], ZoneInfo(zone))
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
    except (InvalidOperation, Overflow, ValueError):
        return None
    return units if abs(units) < 2**63 else None


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
    if format == "csv":
        table = read_csv(path, section.delimiter, wanted)
    else:
        table = (_parquet if format == "parquet" else _fix)(path, section, wanted)
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
                    raise missing(path, title, relation.columns)
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
    for line in whole_lines_of(path):
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
    return {title: text_column(words) for title, words in cells.items()}
