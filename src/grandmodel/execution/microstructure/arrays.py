"""What the functions of this package take as numbers and columns, and what they say about anything else.

A column is read where it lies: float64, int64 or a smaller number, contiguous or not, read-only or a memory map. Only a
list, a tuple and what is not NumPy's become arrays first.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from numbers import Real
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grandmodel.execution._core.values import Unknown

Array = NDArray[Any]
Floats = NDArray[np.float64]

BLOCK_ROWS = 1 << 18
NS = 1_000_000_000
NO_END = 2**63 - 1
FIRST_TIME = -(2**62)


def text_of(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def column(values: ArrayLike, name: str, dimensions: int = 1, or_one: bool = False) -> Array:
    """The values as an array of `dimensions` dimensions (or, `or_one`, of one) of numbers, not copied where they are
    one."""
    if isinstance(values, (str, bytes, bytearray)) or values is None:
        raise TypeError(f"{name} is {text_of(values)}, must be an array of numbers")
    if isinstance(values, (list, tuple)) and any(isinstance(item, (bool, np.bool_)) for item in values):
        raise TypeError(f"{name} holds a bool, must be numbers")
    try:
        array = values if isinstance(values, np.ndarray) else np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise TypeError(f"{name} is {text_of(values)}, must be numbers ({error})") from None
    if array.ndim != dimensions and not (or_one and array.ndim == 1):
        raise ValueError(f"{name} has {array.ndim} dimensions, must have {dimensions}")
    if getattr(array, "mask", None) is not None:
        raise TypeError(f"{name} is masked, must be a plain array: what is absent is NaN")
    if array.dtype.names:
        raise TypeError(
            f"{name} is an array of rows, must be one field of it, such as {name}[{array.dtype.names[0]!r}]"
        )
    if array.size == 0 and not isinstance(values, np.ndarray):
        array = array.astype(np.float64)
    size = array.dtype.itemsize
    if array.dtype.kind not in "fiu" or (array.dtype.kind == "f" and size not in (4, 8)):
        raise TypeError(f"{name} has dtype {array.dtype}, must be float64 or int64")
    if array.dtype.kind == "u" and size == 8:
        raise TypeError(f"{name} has dtype {array.dtype}, must be int64 or float64 (below 2**63)")
    if not array.dtype.isnative:
        raise TypeError(f"{name} has dtype {array.dtype}, must be in the machine's byte order")
    return array


def levels(values: ArrayLike, name: str) -> Array:
    """(n, levels) numbers, best level first; one dimension is one level."""
    array = column(values, name, 2, or_one=True)
    return array[:, np.newaxis] if array.ndim == 1 else array


def times(values: ArrayLike, name: str) -> Array:
    """(n,) int64 nanoseconds; datetime64[ns] is read as they are."""
    if isinstance(values, np.ndarray) and values.dtype == np.dtype("<M8[ns]"):
        values = values.view(np.int64)
    array = column(values, name)
    if array.dtype.kind != "i" and array.size:
        raise TypeError(f"{name} has dtype {array.dtype}, must be int64, nanoseconds")
    whole = array if array.dtype == np.int64 else array.astype(np.int64)
    for begin in range(0, len(whole), BLOCK_ROWS):
        part = whole[begin : begin + BLOCK_ROWS]
        if part.min() < FIRST_TIME or part.max() > -FIRST_TIME:
            at = begin + int(np.argmax((part < FIRST_TIME) | (part > -FIRST_TIME)))
            raise ValueError(f"{name}[{at}] is {whole[at]}, must be within 2**62 nanoseconds of 1970 (NaT is no time)")
    return whole


def spread_out(value: ArrayLike, name: str, rows: int) -> Array:
    """A column of so many rows; a number is read as that many of it."""
    if isinstance(value, (Real, np.number)) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return np.broadcast_to(np.float64(number(value, name)), (rows,))
    return column(value, name)


def number(value: SupportsFloat, name: str) -> float:
    """A finite number."""
    if isinstance(value, (bool, np.bool_, str, bytes)) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} is {text_of(value)}, must be a number, not {type(value).__name__}")
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {text_of(value)}, must be a number that a float can hold") from None
    if not isfinite(result):
        raise ValueError(f"{name} is {text_of(value)}, must be finite")
    return result


def positive(value: SupportsFloat, name: str) -> float:
    result = number(value, name)
    if result <= 0.0:
        raise ValueError(f"{name} is {text_of(value)}, must be > 0")
    return result


def non_negative(value: SupportsFloat, name: str) -> float:
    result = number(value, name)
    if result < 0.0:
        raise ValueError(f"{name} is {text_of(value)}, must be >= 0")
    return result


def share(value: SupportsFloat, name: str) -> float:
    result = number(value, name)
    if not 0.0 <= result <= 1.0:
        raise ValueError(f"{name} is {text_of(value)}, must be >= 0 and <= 1")
    return result


def integer(value: Any, name: str, low: int = -(2**63), high: int = 2**63 - 1) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {text_of(value)}, must be an int, not {type(value).__name__}")
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, must be >= {low} and <= {high}")
    return int(value)


def output(out: Array | None, shape: tuple[int, ...], dtype: Any = np.float64) -> Array:
    """Where a result goes: a new array, or the caller's own (of a memory map, say)."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or out.dtype != dtype or out.shape != shape:
        got = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else text_of(out)
        raise ValueError(f"out is {got}, must be {np.dtype(dtype)} of shape {shape}")
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError("out must be contiguous and writable")
    return out


def same_length(*columns: tuple[str, Array]) -> int:
    name, first = columns[0]
    for other, array in columns[1:]:
        if len(array) != len(first):
            raise ValueError(f"{other} has length {len(array)}, must have the length of {name}, {len(first)}")
    return len(first)


def blocks(rows: int) -> Iterator[slice]:
    """Slices that cover so many rows, so that what is made on the way stays small."""
    for begin in range(0, rows, BLOCK_ROWS):
        yield slice(begin, min(begin + BLOCK_ROWS, rows))


def known(value: float, reason: str) -> float:
    """The number, or Unknown where it is none."""
    return float(value) if isfinite(value) else Unknown(reason)
