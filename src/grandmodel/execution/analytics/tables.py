"""Records of the log as tables: one column for each field, with names and codes in words beside the numbers.

A field that holds a number for something (`venue`, `status`, `failed_checks`) gives two columns: the word under the
field's own name, and the number under `<field>_number` (a name's), `<field>_code` or `<field>_mask`. Prices and money
are exact integers of 1e-9 (`*_e9`), times int64 nanoseconds UTC (`*_ns`); what is absent in the record is absent here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from .._core.records import NO_PRICE
from .._core.validation import FIELDS
from .._core.values import (
    CHECKS,
    LIQUIDITIES,
    ORDER_TYPES,
    SIDES,
    STATUSES,
    TIMES_IN_FORCE,
    URGENCIES,
    Reason,
    check_names,
)
from ..records_view import (
    ALGORITHM,
    NAME_KINDS,
    SEQUENCE_MASK,
    STRATEGY,
    SYMBOL,
    TAG,
    VENUE,
    JournalNames,
)
from ..sessions import zone

__all__ = ["TABLES", "Column", "columns", "exchange_days"]

#: {kind of record: table}
TABLES = {
    1: "names", 2: "orders", 3: "decisions", 4: "reports", 5: "refusals", 6: "requests", 7: "balances",
    8: "terms", 9: "latches", 10: "limits", 11: "sessions",
}  # fmt: skip

_EXEC_TYPES = {
    1: "NEW", 2: "TRADE", 3: "CANCELED", 4: "REPLACED", 5: "REJECTED", 6: "EXPIRED", 7: "CANCEL_REJECTED",
    8: "TRADE_CANCEL", 9: "TRADE_CORRECT", 10: "STATUS",
}  # fmt: skip
_REQUESTS = {
    1: "CANCEL", 2: "CLOSE_PARENT", 3: "SUSPEND", 4: "REPLACE", 5: "EXPIRE", 6: "AMEND", 7: "TRIGGER", 8: "TRAIL",
    9: "ACTIVATE", 10: "REFUSED",
}  # fmt: skip
_FLAGS = ("post_only", "reduce_only", "all_or_none", "hidden", "parent", "child", "awaited", "held")
_NAMED = {
    "symbol": SYMBOL, "venue": VENUE, "bid_venue": VENUE, "ask_venue": VENUE, "runner_up": VENUE,
    "strategy": STRATEGY, "algorithm": ALGORITHM, "tag": TAG,
}  # fmt: skip
_ZERO_IS_NONE = {"parent_id", "display_quantity", "sent_ns", "acknowledged_ns"}
_HOUR_NS = 3_600_000_000_000
_EPOCH_ORDINAL = 719_163  # date(1970, 1, 1).toordinal()

Lookup = Callable[[int], str | None]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    values : (n,) numbers or, with dtype object, text and None
    texts : words; `values` are then indices into it
    absent : the value that stands for nothing; None: every value is one
    high : (n,) int64; the column is high * 2**64 + values, whole numbers of up to 38 digits
    """

    values: np.ndarray[Any, Any]
    texts: Sequence[str | None] | None = None
    absent: float | None = None
    high: np.ndarray[Any, Any] | None = None

    def to_list(self) -> list[Any]:
        """The values as Python's own, None where absent."""
        values = self.values.tolist()
        if self.texts is not None:
            texts = self.texts
            return [texts[value] for value in values]
        if self.high is not None:
            return [(high << 64) + low for high, low in zip(self.high.tolist(), values, strict=True)]
        if self.absent is not None:
            if self.absent != self.absent:
                return [None if value != value else value for value in values]
            return [None if value == self.absent else value for value in values]
        return list(values)


def exchange_days(time_ns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(n,) int32: the dates of instants in New York, as days since 1970-01-01."""
    hours = time_ns // _HOUR_NS  # New York's offset from UTC has been whole hours since 1970
    distinct, inverse = np.unique(hours, return_inverse=True)
    dates = [datetime.fromtimestamp(hour * 3600, zone()).toordinal() - _EPOCH_ORDINAL for hour in distinct.tolist()]
    return np.array(dates, np.int32)[inverse]


def columns(kind: int, records: np.ndarray[Any, Any], names: JournalNames) -> dict[str, Column]:
    """Whole records of one kind, (n,) of RECORD_DTYPES[kind], as columns by name.

    names : must have learnt every NAME record before them
    """
    header, row = records["header"], records["row"]
    time_ns = np.ascontiguousarray(header["time_ns"])
    out = {
        "sequence": Column((header["commit"] & np.uint64(SEQUENCE_MASK)).astype(np.int64)),
        "time_ns": Column(time_ns),
        "day": Column(exchange_days(time_ns)),
    }
    for field in row.dtype.names or ():
        _field(out, field, kind, row, names)
    return out


def _field(out: dict[str, Column], field: str, kind: int, row: Any, names: JournalNames) -> None:
    values = np.ascontiguousarray(row[field])
    lookups: Mapping[str, Lookup] = _COMMON if field != "kind" else {"kind": _KINDS.get(kind, str)}
    if values.ndim == 2:  # a row of its own, such as a decision's scores by venue: a column each
        for k in range(values.shape[1]):
            out[f"{field}_{k}"] = Column(np.ascontiguousarray(values[:, k]))
    elif values.dtype.kind == "S":
        texts = [text.decode("utf-8", "replace") or None for text in values.tolist()]
        out[field] = Column(_objects(texts))
    elif field in _NAMED:
        out[field] = _words(values, _name(names, _NAMED[field]))
        out[f"{field}_number"] = Column(values)
    elif field in lookups:
        out[field] = _words(values, lookups[field])
        out[f"{field}_code"] = Column(values)
    elif field in _MASKS:
        out[field] = _words(values, _MASKS[field])
        out[f"{field}_mask"] = Column(values)
    elif field == "flags":
        out["instructions"] = _words(values, _flag_names)
        out["flags"] = Column(values)
    elif field.endswith("_lo"):
        out[f"{field[:-3]}_e9"] = Column(values, high=np.ascontiguousarray(row[f"{field[:-3]}_hi"]))
    elif field == "runner_up_score":
        out[field] = Column(np.where(row["runner_up"] < 0, np.nan, values.astype(np.float64)), absent=float("nan"))
    elif field.endswith("_e9"):
        out[field] = Column(values, absent=NO_PRICE)
    elif field in _ZERO_IS_NONE:
        out[field] = Column(values, absent=0)
    elif not field.endswith("_hi"):
        out[field] = Column(values)


def _objects(texts: Sequence[str | None]) -> np.ndarray[Any, Any]:
    out = np.empty(len(texts), object)
    out[:] = texts
    return out


def _words(values: np.ndarray[Any, Any], word: Lookup) -> Column:
    """A column of words, each looked up once."""
    if len(values) == 0:
        return Column(np.zeros(0, np.int64), [])
    lowest, highest = int(values.min()), int(values.max())
    if highest - lowest < 1 << 16:
        index = values.astype(np.int64) - lowest
        texts: list[str | None] = [None] * (highest - lowest + 1)
        for at in np.flatnonzero(np.bincount(index)).tolist():
            texts[at] = word(at + lowest)
        return Column(index, texts)
    distinct, inverse = np.unique(values, return_inverse=True)
    return Column(inverse.astype(np.int64), [word(value) for value in distinct.tolist()])


def _name(names: JournalNames, kind: int) -> Lookup:
    first = 0 if kind in (SYMBOL, VENUE) else 1  # interned names begin with 1; below is nobody
    return lambda number: names.text(kind, number) if number >= first else None


def _code(table: Mapping[int, Any], zero_is_none: bool = False) -> Lookup:
    def word(code: int) -> str | None:
        if zero_is_none and code == 0:
            return None
        found = table.get(code, f"#{code}")
        return None if found is None else str(found)

    return word


def _flag_names(flags: int) -> str | None:
    return ",".join(name for bit, name in enumerate(_FLAGS) if flags >> bit & 1) or None


def _field_names(mask: int) -> str | None:
    return ",".join(name for bit, name in enumerate(FIELDS) if mask >> bit & 1) or None


_COMMON: dict[str, Lookup] = {
    "side": _code(SIDES, zero_is_none=True),
    "order_type": _code(ORDER_TYPES, zero_is_none=True),
    "time_in_force": _code(TIMES_IN_FORCE, zero_is_none=True),
    "status": _code(STATUSES, zero_is_none=True),
    "urgency": _code({code | bit: name for code, name in URGENCIES.items() for bit in (0, 128)}),
    "liquidity": _code(LIQUIDITIES),
    "exec_type": _code(_EXEC_TYPES),
    "reason": _code({int(reason): reason.name for reason in Reason}, zero_is_none=True),
}
_KINDS: dict[int, Lookup] = {1: _code(NAME_KINDS), 6: _code(_REQUESTS)}
_MASKS: dict[str, Lookup] = {
    "checks": lambda mask: ",".join(name for bit, name, _, _ in CHECKS if mask & bit) or None,
    "failed_checks": lambda mask: ",".join(check_names(mask)) or None,
    "failed_fields": _field_names,
}
