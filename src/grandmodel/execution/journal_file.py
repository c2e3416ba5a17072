"""A journal read from its directory, by whoever is not its engine: nothing is locked, nothing is changed.

What a killed engine left in the journal's tail is read too. Of a journal that an engine is writing to, this is what has
reached the files (a quiet journal's records do within 10 ms).
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from ._core.journal import scan
from ._core.store import PAGE, Segment, Survey, is_live, read_tail, tail_records, walk_segment
from ._core.values import JournalError

__all__ = ["JournalFile", "open_journal"]


class JournalFile:
    """The stream of records of a journal directory.

    Parameters
    ----------
    path : the journal's directory

    Raises
    ------
    JournalError  it is no journal, or its files do not fit one another
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        if os.path.isfile(self.path):
            raise JournalError(f"{self.path}: is a file; a journal is a directory")
        if not os.path.isdir(self.path):
            raise JournalError(f"{self.path}: there is no such journal")
        self._segments: list[Segment] = []
        self._starts: list[int] = []
        self._tail = b""
        self._written = 0
        self._sequence = 0
        self._looked: tuple[int, int | None] = (0, None)  # checked of the last segment, and the next record
        self._looked_in = 0
        self.refresh()

    def refresh(self) -> int:
        """Looks at the files anew; the end of the log then."""
        live = is_live(self.path)
        survey = Survey(self.path)
        self._segments = survey.segments
        self._starts = [segment.position for segment in self._segments]
        written, sequence = 0, 1
        if self._segments:
            last = self._segments[-1]
            stop = None
            if not live and survey.tail is not None:
                stop = read_tail(survey.tail, survey.mark)[0] - last.position
            begin, first = self._looked if len(self._segments) == self._looked_in else (0, None)
            used, sequence, fault = walk_segment(last, stop, begin, first, not live)
            self._looked, self._looked_in = (used, sequence), len(self._segments)
            if fault is not None and not live and survey.same_boot:
                raise JournalError(fault)
            written = last.position + used
        self._written, self._sequence = written, sequence - 1
        self._tail = b""
        if not live and survey.tail is not None:
            _, self._tail, after = tail_records(survey.tail, survey.mark, sequence)
            self._sequence = after - 1
        return written + len(self._tail)

    @property
    def head(self) -> int:
        """Bytes of records: the position behind the last. Looks at the files anew."""
        return self.refresh()

    @property
    def records(self) -> int:
        """Records at the last look."""
        return self._sequence

    def read(self, position: int = 0, size: int = 1 << 20) -> bytes:
        """Up to `size` bytes of the record stream from `position` on; it may end within a record."""
        if position < 0:
            raise ValueError(f"position is {position}, must not be negative")
        if position >= self._written:
            start = position - self._written
            return self._tail[start : start + size]
        place = bisect_right(self._starts, position) - 1
        end = self._starts[place + 1] if place + 1 < len(self._starts) else self._written
        with open(self._segments[place].path, "rb") as file:
            file.seek(PAGE + position - self._starts[place])
            return file.read(min(size, end - position))

    def scan(self, position: int = 0) -> Iterator[tuple[int, int, Any]]:
        """Iterates over the records from `position` on: (position, kind, structured scalar of the whole record)."""
        return scan(self.read, position)


def open_journal(path: str | os.PathLike[str]) -> JournalFile:
    """The journal in a directory, for reading."""
    return JournalFile(path)
