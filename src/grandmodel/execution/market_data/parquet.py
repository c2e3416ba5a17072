"""Parquet files by a stated column map, read by DuckDB (the extra "analytics"), some row groups at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date as _date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grandmodel.execution._core.columns import ColumnParser
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError

from .columns import ColumnMap, RowMaker, checked_map, describe
from .reader import MarketData

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 1 << 17


def open_file(path: Path, *, columns: ColumnMap | None = None, date: _date | str | None = None) -> MarketData:
    plan = checked_map(path, columns)
    maker = RowMaker(path, plan, date)
    try:
        import duckdb
    except ImportError:
        raise MarketDataError(
            f"{path}: Parquet is read by DuckDB: pip install 'grandmodel-execution[analytics]'"
        ) from None

    def rows(data: MarketData) -> Iterator[NDArray[Any]]:
        maker.begin(data)
        with duckdb.connect() as connection:
            try:
                connection.execute("SET TimeZone = 'UTC'")
                types = {
                    name: str(kind)
                    for name, kind, *_ in connection.execute(
                        "DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]
                    ).fetchall()
                }
                total = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()
                texts = [
                    f"{_expression(path, name, kind, types)} AS c{k}"
                    for k, (name, kind) in enumerate(plan.kinds().items())
                ]
                select = (
                    f"SELECT {', '.join(texts)} FROM read_parquet(?, file_row_number = true) "
                    "WHERE file_row_number BETWEEN ? AND ? ORDER BY file_row_number"
                )
                for begin in range(0, total[0] if total else 0, _ROWS):
                    found = connection.execute(select, [str(path), begin, begin + _ROWS - 1]).fetchnumpy()
                    table, names = _table(path, plan, found, begin)
                    data.records = begin + len(table[plan.time])
                    yield maker.rows(table, names, begin + 1, zoned="WITH TIME ZONE" in types[plan.time])
            except duckdb.Error as error:
                raise MarketDataError(f"{path}: {str(error).splitlines()[0]}") from None

    data = MarketData(path, "parquet", rows)
    describe(data, plan)
    return data


def _expression(path: Path, name: str, kind: tuple[str, int], types: dict[str, str]) -> str:
    """SQL that gives a column of the kind: integers and floats as they are, decimals and texts as texts."""
    if name not in types:
        raise MarketDataError(f"{path}: column {name!r} is not there; the columns are {', '.join(types)}")
    quoted = '"' + name.replace('"', '""') + '"'
    what = kind[0]
    if what == "name":
        return f"coalesce(CAST({quoted} AS VARCHAR), '')"
    if what == "iso":
        return (
            f"epoch_ns({quoted})"
            if types[name].startswith(("TIMESTAMP", "DATE"))
            else f"epoch_ns(CAST({quoted} AS TIMESTAMP_NS))"
        )
    if types[name].startswith("DECIMAL"):
        return f"CAST({quoted} AS VARCHAR)"  # read as decimal text: exactly
    return quoted


def _table(
    path: Path, plan: ColumnMap, found: dict[str, Any], begin: int
) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
    table: dict[str, NDArray[np.int64]] = {}
    names: list[str] = []
    numbers: dict[str, int] = {}
    for k, (name, (kind, unit)) in enumerate(plan.kinds().items()):
        column = found[f"c{k}"]
        if kind == "name":
            present, where = np.unique(np.asarray(column).astype(str), return_inverse=True)
            for text in present.tolist():
                if text not in numbers:
                    numbers[text] = len(names)
                    names.append(text)
            table[name] = np.array([numbers[text] for text in present.tolist()], np.int64)[where]
        else:
            table[name] = _integers(path, name, column, unit, begin, kind)
    return table, names


def _decimals(path: Path, name: str, texts: NDArray[Any], unit: int, begin: int) -> NDArray[np.int64]:
    parser = ColumnParser([(name, "decimal", unit), ("", "skip", 1)], name=str(path), before=begin)
    cells: NDArray[np.int64] = parser.parse("".join(f"{text},\n" for text in texts.tolist()).encode())[:, 0]
    return cells


def _integers(path: Path, name: str, column: Any, unit: int, begin: int, kind: str) -> NDArray[np.int64]:
    """A column times `unit`; NULL (and NaN) is NO_PRICE."""
    ma: Any = np.ma  # without types in some versions
    mask = ma.getmaskarray(column) if isinstance(column, ma.MaskedArray) else np.zeros(len(column), bool)
    values = ma.getdata(column)
    if values.dtype.kind == "O":
        return _decimals(path, name, np.where(mask, "", values), unit, begin)
    if values.dtype.kind in "iu":
        if values.dtype == np.uint64 and len(values) and values.max() >= 1 << 63:
            raise MarketDataError(
                f"{path}: row {begin + int(values.argmax()) + 1}: {name} is {values.max()}, must be below 2**63"
            )
        raw = values.astype(np.int64)
        unit = 1 if kind == "iso" else unit
        wrong = ~mask & (np.abs(raw) > (2**63 - 1) // unit)
        out = np.where(wrong | mask, 0, raw) * unit
    elif values.dtype.kind == "f":
        mask = mask | np.isnan(values)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = np.rint(values * unit)
            wrong = ~mask & ~((np.abs(scaled) < 2.0**63) & (scaled / unit == values))
        out = np.where(wrong | mask, 0, scaled).astype(np.int64)
    else:
        raise MarketDataError(f"{path}: column {name!r} holds {values.dtype}, must hold numbers")
    if wrong.any():
        k = int(wrong.argmax())
        raise MarketDataError(
            f"{path}: row {begin + k + 1}: {name} is {values[k]}, must be a multiple of 1/{unit}, below 2**63/{unit}"
        )
    out[mask] = NO_PRICE
    return out
