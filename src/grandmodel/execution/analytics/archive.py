"""The log as Parquet files, by day and table, and SQL over them (extra `analytics`: DuckDB).

    archive(engine.core.journal, "archive")
    query("archive", "SELECT venue, symbol, sum(quantity) AS shares FROM fills GROUP BY ALL")

Files are `<directory>/<table>/<day>.<name>.parquet`; the day is the date in New York of a record's `time_ns`. Tables
and columns are those of `tables`, with `journal` (the name), `day` (DATE) and `time` (TIMESTAMP_NS, UTC) beside them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._core.records import RECORD_DTYPES, VOID_REASONS
from .._core.values import ExecutionError, Reason
from ..records_split import RecordStream, split
from ..records_view import NAME, JournalNames
from .tables import TABLES, Column, columns

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["ArchiveError", "ArchiveReport", "MissingExtraError", "archive", "open_archive", "query"]

Progress = Callable[[int, int], object]

_CHUNK = 1 << 25  # bytes of the stream at a time: at most 262,144 records
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_SQL_TYPES = {
    "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT", "uint8": "UTINYINT",
    "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT", "float32": "DOUBLE", "float64": "DOUBLE",
}  # fmt: skip


class ArchiveError(ExecutionError, ValueError):
    """What is in the archive does not go together with what should go in."""


class MissingExtraError(ExecutionError, ImportError):
    """A package that an optional part needs is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """What was written. `files`: path relative to the directory -> rows. `nbytes` and `records` of the log."""

    directory: Path
    name: str
    records: int
    nbytes: int
    files: dict[str, int]

    @property
    def rows(self) -> dict[str, int]:
        """Rows by table."""
        out: dict[str, int] = {}
        for path, count in self.files.items():
            table = path.partition("/")[0]
            out[table] = out.get(table, 0) + count
        return out


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError(
            "the archive needs DuckDB: pip install 'grandmodel-execution[analytics]'", name="duckdb"
        ) from error
    return duckdb


def archive(
    journal: RecordStream,
    directory: str | os.PathLike[str],
    *,
    by_day: bool = True,
    name: str | None = None,
    progress: Progress | None = None,
) -> ArchiveReport:
    """Writes a journal, as far as it goes now, as Parquet files.

    A file gets its name when it is whole and on the disk: a crash leaves none half written. Running it again, also with
    a journal that has grown, rewrites this journal's files with the same rows and the new ones, and leaves the files of
    others alone. Memory is bounded by the chunk (32 MiB of the log), not by the journal; meanwhile the directory holds
    a staging file about as large as what is written.

    Parameters
    ----------
    journal : a running engine's, or a file's
    by_day : one file for each day and table; False: one for each table
    name : what the journal is called in the archive, letters, digits, `_`, `.`, `-`; None: its file's name without
        ending, `journal` when it has none. Two journals in one directory need two names.
    progress : called with (bytes done, bytes in all)

    Raises
    ------
    ArchiveError       another journal was archived under this name (the log then does not begin as that one did)
    MissingExtraError  (an ImportError) DuckDB is not installed
    JournalError       the stream is damaged; OSError when the directory cannot be written
    """
    folder = Path(directory)
    name = _named(journal, name)
    duckdb = _duckdb()
    folder.mkdir(parents=True, exist_ok=True)
    before = _manifest(folder, name)
    with _staging(duckdb, folder, name) as connection:
        records, nbytes, digest = _stage(connection, journal, name, before, progress)
        files = _write(connection, folder, name, by_day)
    for stale in before.get("files", {}).keys() - files.keys():
        (folder / stale).unlink(missing_ok=True)
    manifest = {"journal": name, "bytes": nbytes, "records": records, "sha256": digest, "files": files}
    _replace(folder / f"{name}.json", json.dumps(manifest, indent=1) + "\n")
    return ArchiveReport(folder, name, records, nbytes, files)


def _named(journal: RecordStream, name: str | None) -> str:
    if name is None:
        path = getattr(journal, "path", None)
        return "journal" if path is None else re.sub(r"[^A-Za-z0-9_-]+", "_", Path(path).stem) or "journal"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"name is {name!r}, must be up to 100 letters, digits, '_', '.' and '-'")
    return name


def _manifest(folder: Path, name: str) -> dict[str, Any]:
    """What was archived under the name before; empty when nothing was."""
    try:
        found = json.loads((folder / f"{name}.json").read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ArchiveError(f"{folder / name}.json: not an archive's manifest: {error}") from None
    if not isinstance(found, dict) or not {"bytes", "sha256", "files"} <= found.keys():
        raise ArchiveError(f"{folder / name}.json: not an archive's manifest")
    return found


@contextmanager
def _staging(duckdb: Any, folder: Path, name: str) -> Iterator[DuckDBPyConnection]:
    """A DuckDB database in a file that is gone afterwards; one that a crash left behind is removed first."""
    path = folder / f".{name}.staging"

    def clean() -> None:
        for left in (path, Path(f"{path}.wal")):
            left.unlink(missing_ok=True)

    clean()
    connection = duckdb.connect(str(path), config={"memory_limit": "512MB", "preserve_insertion_order": "true"})
    try:
        connection.execute("SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()
        clean()


def _stage(
    connection: DuckDBPyConnection,
    journal: RecordStream,
    name: str,
    before: dict[str, Any],
    progress: Progress | None,
) -> tuple[int, int, str]:
    """Puts the log's records into tables; (records, bytes, SHA-256 of them)."""
    names = JournalNames()
    digest = hashlib.sha256()
    end, known = journal.head, int(before.get("bytes", 0))
    wrong = f"another journal is archived as {name!r} in this directory; give this one another name"
    if known > end:
        raise ArchiveError(wrong)
    position = records = 0
    while position < end:
        # A read ends where the archived part ended, so that its digest can be compared there.
        stop = known if position < known else end
        piece = journal.read(position, min(_CHUNK, stop - position))
        used, by_kind = split(piece, position)
        if used == 0:
            break
        digest.update(memoryview(piece)[:used])
        position += used
        if position == known and digest.hexdigest() != before["sha256"]:
            raise ArchiveError(wrong)
        for record in by_kind.get(NAME, ()):
            names.learn(record["row"])
        for kind, rows in by_kind.items():
            _insert(connection, kind, columns(kind, rows, names), name)
            records += len(rows)
        if progress is not None:
            progress(position, end)
    if position < known:
        raise ArchiveError(wrong)
    return records, position, digest.hexdigest()


def _insert(connection: DuckDBPyConnection, kind: int, table: dict[str, Column], name: str) -> None:
    """Appends a chunk of one kind to its table, which the first chunk makes."""
    select, arrays, parameters = _select(table, name)
    connection.register("chunk", arrays)
    try:
        staged = TABLES[kind]
        there = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [staged]).fetchone()
        begin = f"INSERT INTO {staged}" if there else f"CREATE TABLE {staged} AS"
        connection.execute(f"{begin} {select}", parameters)
    finally:
        connection.unregister("chunk")


def _select(table: dict[str, Column], name: str) -> tuple[str, dict[str, Any], list[Any]]:
    """The SELECT that makes DuckDB's columns of ours, the arrays it reads and its parameters."""
    expressions: list[str] = []
    arrays: dict[str, Any] = {}
    parameters: list[Any] = []
    for field, column in table.items():
        quoted = f'"{field}"'
        arrays[field] = column.values
        if field == "day":
            text = f"DATE '1970-01-01' + {quoted}"
        elif column.texts is not None:
            text = f"CAST(list_extract(CAST(? AS VARCHAR[]), {quoted} + 1) AS VARCHAR)"
            parameters.append(list(column.texts))
        elif column.high is not None:
            arrays[f"{field}_high"] = column.high
            text = (
                f'CAST(CAST("{field}_high" AS HUGEINT) * CAST(18446744073709551616 AS HUGEINT)'
                f" + CAST({quoted} AS HUGEINT) AS DECIMAL(38, 0))"
            )
        elif column.values.dtype == object:
            text = f"CAST({quoted} AS VARCHAR)"
        else:
            text = f"CAST({quoted} AS {_SQL_TYPES[column.values.dtype.name]})"
            if column.absent is not None:
                nothing = "'NaN'" if column.absent != column.absent else f"({int(column.absent)})"
                text = f"NULLIF({text}, CAST({nothing} AS {_SQL_TYPES[column.values.dtype.name]}))"
        expressions.append(f"{text} AS {quoted}")
        if field == "time_ns":
            expressions.append("make_timestamp_ns(time_ns) AS time")
    parameters.append(name)
    return f"SELECT {', '.join(expressions)}, CAST(? AS VARCHAR) AS journal FROM chunk", arrays, parameters


def _write(connection: DuckDBPyConnection, folder: Path, name: str, by_day: bool) -> dict[str, int]:
    """Every staged table as Parquet: {path relative to the folder: rows}."""
    files: dict[str, int] = {}
    tables = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()
    for (table,) in tables:
        (folder / table).mkdir(exist_ok=True)
        if by_day:
            days = connection.execute(f"SELECT DISTINCT day FROM {table} ORDER BY day").fetchall()
            parts = [(f"{table}/{day.isoformat()}.{name}.parquet", f"WHERE day = DATE '{day}'") for (day,) in days]
        else:
            parts = [(f"{table}/{name}.parquet", "")]
        for path, where in parts:
            partial = folder / f"{path}.part"
            (count,) = connection.execute(
                f"COPY (SELECT * FROM {table} {where}) TO {_quoted(partial)} (FORMAT parquet, COMPRESSION zstd)"
            ).fetchone() or (0,)
            _settle(partial, folder / path)
            files[path] = int(count)
    return files


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _settle(partial: Path, path: Path) -> None:
    """Has the disk hold a file before it gets its name."""
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(partial, path)


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(text)
    _settle(partial, path)


# ---- reading


def open_archive(directory: str | os.PathLike[str]) -> DuckDBPyConnection:
    """A DuckDB connection in memory with a view of each table of an archive, and `fills`, the reports of trades.

    A table that the archive has no rows of is there, and empty. Close the connection when done.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise FileNotFoundError(2, "No such archive directory", str(folder))
    connection: DuckDBPyConnection = _duckdb().connect(":memory:")
    try:
        connection.execute("SET enable_progress_bar = false")
        known = {TABLES[kind] for kind in RECORD_DTYPES}
        for table in sorted(known | {path.parent.name for path in folder.glob("*/*.parquet")}):
            if any(folder.glob(f"{table}/*.parquet")):
                files = f"read_parquet({_quoted(Path(_literal(folder)) / table / '*.parquet')}, union_by_name = true)"
                connection.execute(f'CREATE VIEW "{table}" AS SELECT * FROM {files}')
        for kind, dtype in RECORD_DTYPES.items():
            if not any(folder.glob(f"{TABLES[kind]}/*.parquet")):
                _insert(connection, kind, columns(kind, np.zeros(0, dtype), JournalNames()), "")
        void = ", ".join(f"'{Reason(reason).name}'" for reason in sorted(VOID_REASONS))
        connection.execute(
            "CREATE VIEW fills AS SELECT * FROM reports WHERE exec_type = 'TRADE' AND status IS NOT NULL "
            f"AND coalesce(reason, '') NOT IN ({void})"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _literal(folder: Path) -> str:
    """A folder's path in a pattern: a bracket or star in its own name means itself."""
    return re.sub(r"([\[\]*?])", lambda sign: f"[{sign[0]}]", str(folder))


def query(
    directory: str | os.PathLike[str],
    sql: str,
    parameters: list[Any] | dict[str, Any] | None = None,
    *,
    form: Literal["rows", "columns", "arrow"] = "rows",
) -> Any:
    """Runs SQL over an archive's tables: orders, decisions, reports, fills, refusals, requests, names, balances.

    Parameters
    ----------
    parameters : for the `?` or `$name` in it
    form : rows: a list of dicts of Python values, exact. columns: {name: array}, masked where NULL; sums of integers,
        which are 128 bits wide, become float64 there. arrow: a pyarrow Table, where pyarrow is installed.
    """
    if form not in ("rows", "columns", "arrow"):
        raise ValueError(f"form is {form!r}, must be 'rows', 'columns' or 'arrow'")
    with open_archive(directory) as connection:
        result = connection.execute(sql, parameters)
        if form == "columns":
            return result.fetchnumpy()
        if form == "arrow":
            return result.to_arrow_table()
        fields = [field[0] for field in result.description or ()]
        return [dict(zip(fields, row, strict=True)) for row in result.fetchall()]
