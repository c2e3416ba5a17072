"""Frames as a venue process reads and writes them: the rows of ``cext/include/wire.h`` by their dtypes.

A row is a named tuple here, made by ``struct`` from the dtype's own offsets: reading one costs a microsecond.
"""

from __future__ import annotations

import struct
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.remote import HEAD_DTYPE, ROW_DTYPES, TEXT_LENGTH, WIRE_VERSION, Kind, Refusal, row_size

_CODES = {"<i8": "q", "<u8": "Q", "<i4": "i", "<u4": "I", "<i2": "h", "<u2": "H", "|i1": "b", "|u1": "B", "<f4": "f"}


class ProtocolError(Exception):
    """What a connection is ended for; ``code`` is a Refusal, the text says which field and what was expected."""

    def __init__(self, code: Refusal, text: str) -> None:
        super().__init__(text)
        self.code = code


class RowCodec:
    """Packs and unpacks the rows of one dtype; padding is zero."""

    def __init__(self, name: str, dtype: np.dtype[np.void]) -> None:
        assert dtype.names is not None
        assert dtype.fields is not None
        fields = dtype.fields
        names = sorted(dtype.names, key=lambda field: fields[field][1])
        layout, at = ["<"], 0
        for field in names:
            kind, offset = fields[field][:2]
            layout.append(f"{offset - at}x")
            layout.append(_CODES.get(kind.str, f"{kind.itemsize}s"))
            at = offset + kind.itemsize
        layout.append(f"{dtype.itemsize - at}x")
        self._struct = struct.Struct("".join(layout))
        assert self._struct.size == dtype.itemsize
        self.row: Any = namedtuple(name, names)  # type: ignore[misc]
        zeros = self._struct.unpack(bytes(self._struct.size))
        self._empty: Any = self.row(*zeros)

    def make(self, **values: Any) -> Any:
        """A row with the fields given; the others are zero."""
        return self._empty._replace(**values)

    def pack(self, row: Any) -> bytes:
        return self._struct.pack(*row)

    def unpack(self, raw: bytes | bytearray | memoryview) -> Any:
        return self.row(*self._struct.unpack(raw))


CODECS: dict[Kind, RowCodec] = {
    kind: RowCodec(kind.name.title().replace("_", ""), dtype) for kind, dtype in ROW_DTYPES.items() if dtype is not None
}
_HEAD = RowCodec("Head", HEAD_DTYPE)
HEAD_SIZE = HEAD_DTYPE.itemsize


def frame(kind: Kind, number: int, row: bytes = b"") -> bytes:
    """A whole frame: head and row."""
    head: bytes = _HEAD.pack(_HEAD.row(HEAD_SIZE + len(row), kind, WIRE_VERSION, number))
    return head + row


def refusal(code: Refusal, text: str) -> bytes:
    """The row of a REFUSED frame."""
    raw = text.encode()[: TEXT_LENGTH - 1]
    codec = CODECS[Kind.REFUSED]
    return codec.pack(codec.make(code=code, length=len(raw), text=raw))


class FrameReader:
    """Cuts a stream of bytes into frames and checks each head.

    Parameters
    ----------
    kinds : the kinds that may come
    """

    def __init__(self, kinds: frozenset[Kind]) -> None:
        self._kinds = kinds
        self._bytes = bytearray()
        self.number = 0  # of the last frame

    def feed(self, data: bytes) -> None:
        self._bytes += data

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._bytes)

    def frames(self) -> Iterator[tuple[Kind, Any]]:
        """The whole frames that have come: (kind, row or None). ProtocolError at the first that is wrong."""
        while len(self._bytes) >= HEAD_SIZE:
            head = _HEAD.unpack(self._bytes[:HEAD_SIZE])
            size = self._checked(head)
            if len(self._bytes) < head.size:
                return
            kind, row = Kind(head.kind), bytes(self._bytes[HEAD_SIZE : head.size])
            del self._bytes[: head.size]
            self.number = head.number
            yield kind, CODECS[kind].unpack(row) if size else None

    def _checked(self, head: Any) -> int:
        """The size of the row."""
        if head.version != WIRE_VERSION:
            raise ProtocolError(Refusal.BAD_FRAME, f"version is {head.version}, must be {WIRE_VERSION}")
        size = row_size(head.kind)
        if size is None or head.kind not in self._kinds:
            raise ProtocolError(Refusal.BAD_FRAME, f"kind is {head.kind}, which a client does not send")
        name = Kind(head.kind).name
        if head.size != HEAD_SIZE + size:
            raise ProtocolError(Refusal.BAD_FRAME, f"size of {name} is {head.size}, must be {HEAD_SIZE + size}")
        if head.number != self.number + 1:
            raise ProtocolError(Refusal.BAD_FRAME, f"number of {name} is {head.number}, must be {self.number + 1}")
        return size
