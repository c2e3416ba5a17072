"""The log as CSV or JSON files, one for each table; needs nothing but what the engine needs.

Values are those of `tables`: prices exact integers of 1e-9, times int64 nanoseconds, `day` the date in New York. What
is absent is an empty field in CSV and null in JSON.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import IO, Any, Literal

from .._core.values import to_json
from ..records_split import RecordStream, pieces
from ..records_view import NAME, JournalNames
from .tables import TABLES, columns

__all__ = ["export_text"]

_EPOCH = date(1970, 1, 1).toordinal()


def export_text(
    journal: RecordStream,
    directory: str | os.PathLike[str],
    form: Literal["csv", "json"],
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, int]:
    """Writes every table that has rows to `<directory>/<table>.csv` or `.jsonl`, one object a line; rows by table.

    A file gets its name when it is whole, and takes the place of one that is there. Memory does not grow with the log.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    ending = "csv" if form == "csv" else "jsonl"
    names = JournalNames()
    files: dict[str, tuple[IO[str], Any]] = {}
    rows: dict[str, int] = {}
    end = journal.head
    with ExitStack() as stack:
        for position, by_kind in pieces(journal):
            for record in by_kind.get(NAME, ()):
                names.learn(record["row"])
            for kind, records in by_kind.items():
                table = TABLES[kind]
                data = {name: column.to_list() for name, column in columns(kind, records, names).items()}
                data["day"] = [date.fromordinal(_EPOCH + day).isoformat() for day in data["day"]]
                if table not in files:
                    part = folder / f"{table}.{ending}.part"
                    opened = stack.enter_context(part.open("w", newline="", encoding="utf-8"))
                    files[table] = (opened, csv.writer(opened))
                    if form == "csv":
                        files[table][1].writerow(data)
                file, writer = files[table]
                if form == "csv":
                    writer.writerows(zip(*data.values(), strict=True))
                else:
                    for values in zip(*data.values(), strict=True):
                        file.write(to_json(dict(zip(data, values, strict=True))) + "\n")
                rows[table] = rows.get(table, 0) + len(records)
            if progress is not None:
                progress(position, max(end, position))
    for table in files:
        os.replace(folder / f"{table}.{ending}.part", folder / f"{table}.{ending}")
    return rows
