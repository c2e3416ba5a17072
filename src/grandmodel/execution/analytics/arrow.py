"""Columns of anything with the Arrow C data interface (polars, pyarrow, DuckDB, pandas), read without a package for it.

The structs and formats are those of the Arrow columnar format's C data and C stream interfaces
(https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html).
"""

from __future__ import annotations

import ctypes as c
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ColumnData:
    """A column. Texts are numbers of `texts`; times are int64 ns, since 1970 in UTC where `zoned`, else by some clock;
    decimals are int64 with `scale` digits behind the point. `valid`: where a value is, None: everywhere."""

    values: Array
    valid: Array | None = None
    kind: str = "number"  # "number", "text", "time", "decimal"
    texts: tuple[str, ...] = ()
    zoned: bool = False
    scale: int = 0

    def __len__(self) -> int:
        return len(self.values)


class _Schema(c.Structure):
    pass


class _Array(c.Structure):
    pass


class _Stream(c.Structure):
    pass


_Schema._fields_ = [
    ("format", c.c_char_p), ("name", c.c_char_p), ("metadata", c.c_void_p), ("flags", c.c_int64),
    ("n_children", c.c_int64), ("children", c.POINTER(c.POINTER(_Schema))), ("dictionary", c.POINTER(_Schema)),
    ("release", c.CFUNCTYPE(None, c.POINTER(_Schema))), ("private_data", c.c_void_p),
]  # fmt: skip
_Array._fields_ = [
    ("length", c.c_int64), ("null_count", c.c_int64), ("offset", c.c_int64), ("n_buffers", c.c_int64),
    ("n_children", c.c_int64), ("buffers", c.POINTER(c.c_void_p)), ("children", c.POINTER(c.POINTER(_Array))),
    ("dictionary", c.POINTER(_Array)), ("release", c.CFUNCTYPE(None, c.POINTER(_Array))),
    ("private_data", c.c_void_p),
]  # fmt: skip
_Stream._fields_ = [
    ("get_schema", c.CFUNCTYPE(c.c_int, c.POINTER(_Stream), c.POINTER(_Schema))),
    ("get_next", c.CFUNCTYPE(c.c_int, c.POINTER(_Stream), c.POINTER(_Array))),
    ("get_last_error", c.CFUNCTYPE(c.c_char_p, c.POINTER(_Stream))),
    ("release", c.CFUNCTYPE(None, c.POINTER(_Stream))), ("private_data", c.c_void_p),
]  # fmt: skip

_pointer = c.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = c.c_void_p, [c.py_object, c.c_char_p]

_NUMBERS = {
    "c": np.int8, "C": np.uint8, "s": np.int16, "S": np.uint16, "i": np.int32, "I": np.uint32, "l": np.int64,
    "L": np.uint64, "f": np.float32, "g": np.float64,
}  # fmt: skip
_UNITS = {"s": 10**9, "m": 10**6, "u": 10**3, "n": 1}
_DAY_NS = 86_400 * 10**9


def has_stream(source: object) -> bool:
    """Whether it gives its columns as an Arrow stream."""
    return hasattr(source, "__arrow_c_stream__")


def batches(source: Any) -> Iterator[dict[str, ColumnData]]:
    """The columns of an Arrow stream, piece by piece.

    Numbers lie in the memory of whoever made the stream: a piece is good until the next one is asked for.

    Raises
    ------
    TypeError   a column is of a type that is not read (it is named): numbers, times, dates, decimals and texts are.
    ValueError  the stream fails, with what it says.
    """
    capsule = source.__arrow_c_stream__()
    stream = c.cast(_pointer(capsule, b"arrow_array_stream"), c.POINTER(_Stream))
    schema = _Schema()
    try:
        _check(stream, stream.contents.get_schema(stream, c.byref(schema)))
        if schema.format != b"+s":
            raise TypeError(f"an Arrow stream of {_text(schema.format)!r} is no table")
        while True:
            array = _Array()
            _check(stream, stream.contents.get_next(stream, c.byref(array)))
            if not array.release:
                return
            try:
                yield {
                    _text(schema.children[k].contents.name): _column(schema.children[k].contents, array, k)
                    for k in range(schema.n_children)
                }
            finally:
                array.release(c.byref(array))
    finally:
        if schema.release:
            schema.release(c.byref(schema))
        if stream.contents.release:
            stream.contents.release(stream)


def _check(stream: Any, code: int) -> None:
    if code:
        said = stream.contents.get_last_error(stream)
        raise ValueError(f"the Arrow stream failed: {_text(said) or f'error {code}'}")


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode("utf-8", "replace")


def _buffer(array: Any, k: int, dtype: Any, begin: int, count: int) -> Array:
    """Elements [begin, begin + count) of a buffer, where they are."""
    size = np.dtype(dtype).itemsize
    if count == 0 or not array.buffers[k]:
        return np.zeros(count, dtype)
    return np.frombuffer((c.c_char * (count * size)).from_address(array.buffers[k] + begin * size), dtype)


def _bits(array: Any, k: int, begin: int, count: int) -> Array:
    raw = _buffer(array, k, np.uint8, begin // 8, -(-(begin % 8 + count) // 8))
    return np.unpackbits(raw, bitorder="little")[begin % 8 : begin % 8 + count].astype(bool)


def _column(schema: Any, parent: Any, k: int) -> ColumnData:
    array = parent.children[k].contents
    begin, count = array.offset + parent.offset, parent.length
    name, format = _text(schema.name), _text(schema.format)
    valid = None
    if array.null_count and array.n_buffers and array.buffers[0]:
        valid = _bits(array, 0, begin, count)
    if schema.dictionary:
        codes = _buffer(array, 1, _NUMBERS[format], begin, count).astype(np.int64)
        inner = array.dictionary.contents
        words = _texts(name, _text(schema.dictionary.contents.format), inner, inner.offset, inner.length)
        number, texts = numbered(words)
        if valid is not None:
            codes[~valid] = 0
        return ColumnData(number[codes] if len(words) else codes, valid, "text", texts)
    if format in _NUMBERS:
        return ColumnData(_buffer(array, 1, _NUMBERS[format], begin, count), valid)
    if format == "b":
        return ColumnData(_bits(array, 1, begin, count), valid)
    if format == "n":
        return ColumnData(np.zeros(count), np.zeros(count, bool))
    if format.startswith("ts"):
        return ColumnData(
            _times(name, _buffer(array, 1, np.int64, begin, count), _UNITS[format[2]], valid), valid, "time",
            zoned=len(format) > 4,
        )  # fmt: skip
    if format in ("tdD", "tdm"):
        raw = _buffer(array, 1, np.int32 if format == "tdD" else np.int64, begin, count).astype(np.int64)
        return ColumnData(_times(name, raw, _DAY_NS if format == "tdD" else 10**6, valid), valid, "time")
    if format.startswith("d:"):
        return _decimals(name, format, array, begin, count, valid)
    words = _texts(name, format, array, begin, count)
    if valid is not None:
        words = [word if known else "" for word, known in zip(words, valid.tolist(), strict=True)]
    numbers, texts = numbered(words)
    return ColumnData(numbers, valid, "text", texts)


def numbered(words: list[str]) -> tuple[Array, tuple[str, ...]]:
    """Texts as numbers, in the order they come, and what these stand for."""
    texts = {word: k for k, word in enumerate(dict.fromkeys(words))}
    return np.fromiter(map(texts.__getitem__, words), np.int64, len(words)), tuple(texts)


def _times(name: str, raw: Array, unit: int, valid: Array | None) -> Array:
    known = raw if valid is None else raw[valid]
    if len(known) and (known.max() > (2**63 - 1) // unit or known.min() < -(2**63) // unit + 1):
        raise ValueError(f"column {name!r} holds a time that is not within 292 years of 1970")
    return raw if unit == 1 else raw * unit


def _decimals(name: str, format: str, array: Any, begin: int, count: int, valid: Array | None) -> ColumnData:
    parts = re.fullmatch(r"d:(\d+),(\d+)(?:,(\d+))?", format)
    width = int(parts[3] or 128) if parts else 0
    if parts is None or width not in (32, 64, 128):
        raise TypeError(f"column {name!r} has the Arrow type {format!r}, which is not read")
    if width < 128:
        values = _buffer(array, 1, np.int32 if width == 32 else np.int64, begin, count).astype(np.int64)
    else:
        words = _buffer(array, 1, np.int64, 2 * begin, 2 * count).reshape(-1, 2)
        values = words[:, 0].copy()
        wide = words[:, 1] != values >> 63
        if valid is not None:
            wide &= valid
        if wide.any():
            raise ValueError(f"column {name!r} holds a decimal that has not 64 bits, in row {int(wide.argmax())}")
    return ColumnData(values, valid, "decimal", scale=int(parts[2]))


def _texts(name: str, format: str, array: Any, begin: int, count: int) -> list[str]:
    if format in ("u", "U"):
        offsets = _buffer(array, 1, np.int32 if format == "u" else np.int64, begin, count + 1).tolist()
        base = offsets[0]
        raw = _buffer(array, 2, np.uint8, base, offsets[-1] - base).tobytes()
        return [raw[a - base : b - base].decode() for a, b in pairwise(offsets)]
    if format == "vu":
        views = _buffer(array, 1, np.dtype("V16"), begin, count).tobytes()
        out = []
        for at in range(0, 16 * count, 16):
            size = int.from_bytes(views[at : at + 4], "little", signed=True)
            if size <= 12:
                out.append(views[at + 4 : at + 4 + size].decode())
            else:
                buffer, offset = (int.from_bytes(views[at + k : at + k + 4], "little") for k in (8, 12))
                out.append(c.string_at(array.buffers[2 + buffer] + offset, size).decode())
        return out
    raise TypeError(f"column {name!r} has the Arrow type {format!r}, which is not read")
