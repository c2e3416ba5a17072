"""The quote that stands at a time: as-of joins of any times against quotes by symbol and time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core import costs
from .arrow import Array

__all__ = ["AsOf", "as_of", "quote_reason_text"]

_FAR = 1 << 61
_SYMBOLS = 1 << 24
_REASONS = {
    costs.QUOTE_NONE: "no quote yet", costs.QUOTE_NO_BID: "no bid", costs.QUOTE_NO_ASK: "no ask",
    costs.QUOTE_CROSSED: "crossed", costs.QUOTE_OLD: "too old", costs.QUOTE_AFTER_END: "after the end of the quotes",
}  # fmt: skip


class AsOf(NamedTuple):
    """For m times and h horizons, (m, h) each: `mid_e9`, PRICE_UNKNOWN where it is not known; `reason`, 0 or a sum of
    `QUOTE_*`; `row`, which quote it was, -1 without one (None: it was not asked)."""

    mid_e9: Array
    reason: Array
    row: Array | None


def quote_reason_text(reason: int) -> str:
    """What a reason code says: "no bid", "crossed, too old"; "" for 0."""
    if isinstance(reason, bool) or not 0 <= reason < 64:
        raise ValueError(f"reason is {reason!r}, must be a sum of QUOTE_* codes")
    return ", ".join(text for bit, text in _REASONS.items() if int(reason) & bit)


def _column(values: ArrayLike, name: str, length: int | None = None, other: str = "") -> Array:
    array = np.asarray(values)
    held = isinstance(values, list | tuple) and any(isinstance(value, bool) for value in values)
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions, must have 1")
    if array.size and (array.dtype.kind not in "iu" or held):
        raise TypeError(f"{name} has dtype {'bool' if held else array.dtype}, must be integers (int64)")
    if array.dtype == np.uint64 and array.size and array.max() >= 1 << 63:
        raise ValueError(f"{name} holds {array.max()}, must be below 2**63")
    if length is not None and len(array) != length:
        raise ValueError(f"{name} has length {len(array)}, must have the length of {other}, {length}")
    return np.ascontiguousarray(array, np.int64)


def _codes(array: Array, name: str, rows: tuple[int, ...] | None = None) -> None:
    if len(array) and (array.min() < 0 or array.max() >= _SYMBOLS):
        k = int(((array < 0) | (array >= _SYMBOLS)).argmax())
        raise ValueError(f"{name}[{rows[k] if rows else k}] is {array[k]}, must be >= 0 and below 2**24")


def _within(value: int | None, name: str, low: int, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} is {value!r}, must be an int")
    if not low <= value < 1 << 63:
        raise ValueError(f"{name} is {value}, must be >= {low} and below 2**63")
    return int(value)


def as_of(
    time_ns: ArrayLike, quote_time_ns: ArrayLike, bid_e9: ArrayLike, ask_e9: ArrayLike, *,
    symbol: ArrayLike | None = None, quote_symbol: ArrayLike | None = None, horizons_ns: Iterable[int] = (0,),
    end_ns: int | None = None, max_age_ns: int | None = None, rows: bool = False,
) -> AsOf:  # fmt: skip
    """The mid that stands at each time plus each horizon: of the last quote at or before it.

    What stands is what was quoted last: a quote that is missing a side or is crossed is not stepped over to an older
    one; its mid is unknown and the reason says why. A locked quote (bid = ask) has a mid. Half of 1e-9 is dropped.

    Parameters
    ----------
    time_ns : (m,) int, in any order (in the order of the quotes it is two to three times as fast).
    quote_time_ns : (k,) int, in order within each symbol; each within 2**61.
    bid_e9, ask_e9 : (k,) int, not positive where a side is not there.
    symbol, quote_symbol : (m,) and (k,) int in [0, 2**24), the numbers of symbols; the quotes of a symbol lie together,
        in the order of the numbers. None: all are of one.
    horizons_ns : up to 16 ints; negative ones look back: -1 is the quote before the time.
    end_ns : to when the quotes are known; None: the last of all. A mid behind it is not known.
    max_age_ns : how old a quote may be; None: as old as it is.
    rows : whether to say which quote it was.

    Raises
    ------
    TypeError   a column is not of integers.
    ValueError  lengths differ, quotes are not in order (the row is named), or a value is out of range.

    Cost: one pass over the quotes' times, then the fills; 32 bytes a fill meanwhile where they have to be sorted, at
    most 512 MB. The GIL is released.
    """
    at, quoted = _column(time_ns, "time_ns"), _column(quote_time_ns, "quote_time_ns")
    bid, ask = (_column(v, n, len(quoted), "quote_time_ns") for v, n in ((bid_e9, "bid_e9"), (ask_e9, "ask_e9")))
    horizons = _column(list(horizons_ns), "horizons_ns")
    if not 1 <= len(horizons) <= 16:
        raise ValueError(f"horizons_ns has {len(horizons)} horizons, must have from 1 to 16")
    if horizons.min() < -_FAR or horizons.max() > _FAR:
        raise ValueError(f"horizons_ns is {horizons.tolist()}, each must be within 2**61")
    if (symbol is None) != (quote_symbol is None):
        raise ValueError("symbol and quote_symbol must be given both or neither")
    if symbol is None or quote_symbol is None:
        of, begin = np.zeros(len(at), np.int64), np.array([0, len(quoted)], np.int64)
    else:
        of = _column(symbol, "symbol", len(at), "time_ns")
        codes = _column(quote_symbol, "quote_symbol", len(quoted), "quote_time_ns")
        back = codes[1:] < codes[:-1]
        if back.any():
            k = int(back.argmax()) + 1
            raise ValueError(
                f"quote_symbol[{k}] is {codes[k]}, after {codes[k - 1]}: the quotes of a symbol must lie together, in "
                "the order of the numbers"
            )
        _codes(of, "symbol")
        _codes(codes[[0, -1]] if len(codes) else codes, "quote_symbol", (0, len(codes) - 1))
        symbols = 1 + max(int(of.max()) if len(of) else 0, int(codes[-1]) if len(codes) else 0)
        begin = np.searchsorted(codes, np.arange(symbols + 1)).astype(np.int64)
    last = begin[1:][begin[1:] > begin[:-1]] - 1
    end = _within(end_ns, "end_ns", -(1 << 63), int(quoted[last].max()) if len(last) else -(1 << 63))
    age = _within(max_age_ns, "max_age_ns", 0, (1 << 63) - 1)
    fault, bad, mid, reason, row = costs.join_as_of((at, of, quoted, bid, ask, begin, horizons), end, age, rows)
    if fault == costs.FAULT_ORDER:
        raise ValueError(
            f"quote_time_ns[{bad}] is {quoted[bad]}, before its predecessor, {quoted[bad - 1]}: quotes must be in "
            "order of time within a symbol"
        )
    if fault:
        name, array = ("quote_time_ns", quoted) if fault == costs.FAULT_QUOTE_TIME else ("time_ns", at)
        raise ValueError(f"{name}[{bad}] is {array[bad]}, must be within 2**61")
    return AsOf(mid, reason, row)
