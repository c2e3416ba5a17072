"""A piece of the record stream as arrays: the records of each kind together, found without a loop over records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ._core.records import HEADER_DTYPE, RECORD_DTYPES
from ._core.values import JournalError

__all__ = ["RecordStream", "pieces", "split"]

CELL = 128  # a record is one cell, or two
_MAGIC = 0x474D
_HEADS = np.dtype({"names": ["header"], "formats": [HEADER_DTYPE], "offsets": [0], "itemsize": CELL})


class RecordStream(Protocol):
    """A journal as its readers need it: of a running engine, or a file."""

    @property
    def head(self) -> int:
        """Bytes of records there are so far."""
        ...

    def read(self, position: int, size: int, /) -> bytes:
        """Up to `size` bytes of the record stream from `position` on."""
        ...


def split(piece: bytes, position: int = 0) -> tuple[int, dict[int, np.ndarray[Any, Any]]]:
    """The whole records in a piece of the stream that begins with one.

    Parameters
    ----------
    position : of the piece in the stream; errors name it

    Returns
    -------
    used : bytes of whole records; less than the piece when its last record is cut
    by_kind : {kind: (n,) of RECORD_DTYPES[kind], in order}; only kinds that occur

    Raises
    ------
    JournalError  where no record stands, naming its byte. Checksums are not looked at.
    """
    count = len(piece) // CELL
    heads = np.frombuffer(piece, _HEADS, count)["header"]
    large = heads["size"] == 2 * CELL
    # A cell that looks large is a head, or the second cell of a large record. In a row of such cells the first is a
    # head (what stands before it is not large, so does not reach into it) and from there they take turns.
    index = np.arange(count)
    run_start = np.maximum.accumulate(np.where(large, -1, index)) + 1
    large_heads = large & ((index - run_start) % 2 == 0)
    is_head = np.ones(count, bool)
    is_head[1:] = ~large_heads[:-1]
    if count and large_heads[-1]:
        is_head[-1] = False  # cut: the next piece has it whole
        count -= 1
    at = np.flatnonzero(is_head)
    kinds = heads["kind"][at]
    sizes = heads["size"][at]
    by_kind: dict[int, np.ndarray[Any, Any]] = {}
    wrong = (heads["commit"][at] >> np.uint64(48)) != _MAGIC
    for kind in np.unique(kinds).tolist():
        of_kind = kinds == kind
        dtype = RECORD_DTYPES.get(kind)
        wrong |= of_kind & (sizes != (0 if dtype is None else dtype.itemsize))
        if dtype is not None:
            by_kind[kind] = at[of_kind]
    if wrong.any():
        raise JournalError(f"no record stands at byte {position + CELL * int(at[wrong.argmax()])} of the stream")
    cells = np.frombuffer(piece, np.dtype((np.void, CELL)), len(piece) // CELL)
    for kind, where in by_kind.items():
        dtype = RECORD_DTYPES[kind]
        if dtype.itemsize > CELL:
            where = (where[:, None] + np.arange(dtype.itemsize // CELL)).reshape(-1)
        by_kind[kind] = cells[where].view(dtype)
    return count * CELL, by_kind


def pieces(
    journal: RecordStream, position: int = 0, size: int = 1 << 22
) -> Iterator[tuple[int, dict[int, np.ndarray[Any, Any]]]]:
    """The stream from `position` to where it ends when asked: (position behind, {kind: records}) piece by piece."""
    while position < journal.head:
        used, by_kind = split(journal.read(position, size), position)
        if used == 0:
            return
        position += used
        yield position, by_kind
