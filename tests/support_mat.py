"""The numbers of a MATLAB 5 file (little-endian), for the one recording that comes as such: structs of plain
matrices."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_NUMBERS = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
_MATRIX, _COMPRESSED, _STRUCT = 14, 15, 2


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, payload) of each data element; small ones lie within their tag."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            yield kind, data[at + 4 : at + 4 + size]
            at += 8
        else:
            yield kind, data[at + 8 : at + 8 + size]
            at += 8 + (size if kind == _COMPRESSED else -(-size // 8) * 8)


def _matrix(data: bytes) -> tuple[str, object]:
    (_, flags), (_, shape), (_, name), *rest = _elements(data)
    dimensions = tuple(np.frombuffer(shape, "<i4"))
    if flags[0] == _STRUCT:
        (_, width), (_, names), *fields = rest
        (step,) = struct.unpack("<i", width)
        keys = [names[k : k + step].rstrip(b"\0").decode() for k in range(0, len(names), step)]
        return name.decode(), {key: _matrix(field)[1] for key, (_, field) in zip(keys, fields, strict=True)}
    kind, numbers = rest[0]
    return name.decode(), np.frombuffer(numbers, _NUMBERS[kind]).reshape(dimensions, order="F")


def read_mat(path: Path) -> dict[str, object]:
    """Variables by name; a struct is a dict of arrays."""
    data = path.read_bytes()
    assert data[126:128] == b"IM", "not a little-endian MATLAB 5 file"
    found = {}
    for kind, payload in _elements(data[128:]):
        for inner, matrix in _elements(zlib.decompress(payload)) if kind == _COMPRESSED else ((kind, payload),):
            if inner == _MATRIX:
                name, value = _matrix(matrix)
                found[name] = value
    return found
