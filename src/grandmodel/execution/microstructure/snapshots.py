"""Books given as arrays or lists, read into a `BookSnapshot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from .._core.flow import SNAPSHOT_LEVELS_MAX, BookSnapshot
from .._core.records import NO_PRICE

_FORMS = "a snapshot, a book, a pair of arrays, or a mapping with 'bids' and 'asks'"


def read_book(book: Any) -> BookSnapshot:
    """A snapshot of a pair (bids, asks) of structured arrays, or of a mapping of lists.

    A list has (price, quantity) pairs, best first; prices are read as an order's are (str, Decimal, int, or a float on
    the grid of 1e-9). Beside `bids` and `asks` a mapping may have `symbol` and `time_ns`.
    """
    symbol = time_ns = None
    if isinstance(book, Mapping):
        unknown = [key for key in book if key not in ("bids", "asks", "symbol", "time_ns")]
        if unknown:
            raise ValueError(
                f"book has the key {unknown[0]!r}, must have 'bids' and 'asks', maybe 'symbol' and 'time_ns'"
            )
        missing = [key for key in ("bids", "asks") if key not in book]
        if missing:
            raise ValueError(f"book has no {missing[0]!r}")
        sides = [book["bids"], book["asks"]]
        symbol, time_ns = book.get("symbol"), book.get("time_ns")
    elif isinstance(book, tuple | list) and len(book) == 2:
        sides = list(book)
    else:
        raise TypeError(f"book is {type(book).__name__}, must be {_FORMS}")
    columns = [_side(side, name) for side, name in zip(sides, ("bids", "asks"), strict=True)]
    depth = max(len(prices) for prices, _ in columns)
    rows = np.zeros((depth, 4), np.int64)
    rows[:, 0] = rows[:, 2] = NO_PRICE
    for (prices, quantities), at in zip(columns, (2, 0), strict=True):
        rows[: len(prices), at] = prices
        rows[: len(prices), at + 1] = quantities
    return BookSnapshot(rows, symbol=symbol, time_ns=time_ns, source="given")


def _side(levels: Any, name: str) -> tuple[Any, Any]:
    if isinstance(levels, np.ndarray) and levels.dtype.names is not None:
        return _columns(levels, name)
    if isinstance(levels, str) or not isinstance(levels, Sequence | np.ndarray):
        raise TypeError(f"{name} is {type(levels).__name__}, must be a list of (price, quantity)")
    if len(levels) > SNAPSHOT_LEVELS_MAX:
        raise ValueError(f"{name} has {len(levels)} levels, must have at most {SNAPSHOT_LEVELS_MAX}")
    prices, quantities = [], []
    for k, level in enumerate(levels):
        if isinstance(level, str) or not isinstance(level, Sequence | np.ndarray) or len(level) != 2:
            raise TypeError(f"{name}[{k}] is {level!r}, must be (price, quantity)")
        prices.append(_price_e9(level[0], f"{name}[{k}]"))
        quantities.append(_quantity(level[1], f"{name}[{k}]"))
    return prices, quantities


def _columns(levels: Any, name: str) -> tuple[Any, Any]:
    names = levels.dtype.names
    if levels.ndim != 1 or "price_e9" not in names or "quantity" not in names:
        raise TypeError(
            f"{name} has dtype {levels.dtype}, must have one dimension and the fields price_e9 and quantity"
        )
    if len(levels) > SNAPSHOT_LEVELS_MAX:
        raise ValueError(f"{name} has {len(levels)} levels, must have at most {SNAPSHOT_LEVELS_MAX}")
    for field in ("price_e9", "quantity"):
        if levels.dtype[field].kind != "i" or levels.dtype[field].itemsize != 8:
            raise TypeError(f"{name}[{field!r}] has dtype {levels.dtype[field]}, must be int64")
    for k in np.flatnonzero(levels["quantity"] <= 0)[:1]:
        raise ValueError(f"{name}[{k}]: quantity is {levels['quantity'][k]}, must be > 0")
    return levels["price_e9"], levels["quantity"]


def _price_e9(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal | np.integer | np.floating):
        raise TypeError(f"{where}: price is {value!r}, must be a number or a decimal text")
    try:
        exact = Fraction(value.item() if isinstance(value, np.generic) else value)
    except (ValueError, OverflowError, ZeroDivisionError):
        raise ValueError(f"{where}: price is {value!r}, must be a finite decimal number") from None
    scaled = exact * 10**9
    nearest = round(scaled)
    exactly = scaled.denominator == 1
    if not exactly and not (isinstance(value, float | np.floating) and nearest / 1e9 == float(value)):
        raise ValueError(f"{where}: price is {value!r}, must have at most nine decimals")
    if not 0 < nearest < 1 << 53:
        raise ValueError(f"{where}: price is {value!r}, must be > 0 and below 2**23")
    return nearest


def _quantity(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        else:
            raise TypeError(f"{where}: quantity is {value!r}, must be a whole number of units")
    if not 0 < value < 1 << 53:
        raise ValueError(f"{where}: quantity is {value!r}, must be > 0 and below 2**53")
    return int(value)
