"""Times as others write them: many at once where they are written alike, and one by one where not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from .arrow import Array

__all__ = ["read_time", "read_times"]

_TIME = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T -](\d\d):?(\d\d):?(\d\d)(?:[.,](\d{1,9}))?\s*(Z|UTC|[+-]\d\d:?\d\d)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1)
_SECOND = 10**9
_FEW = 64  # so few are read one by one sooner than laid out


def read_time(text: str) -> tuple[int, bool] | None:
    """(ns since 1970, whether it says its zone) of `2024-01-05T14:30:00.123456789Z` and its like; None for no time."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    *parts, fraction, zone = found.groups()
    try:
        seconds = round((datetime(*map(int, parts)) - _EPOCH).total_seconds())  # type: ignore[arg-type]
    except ValueError:
        return None
    if zone is not None and zone[0] in "+-":
        digits = zone[1:].replace(":", "")
        seconds -= (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * (1 if zone[0] == "+" else -1)
    ns = seconds * _SECOND + int((fraction or "0").ljust(9, "0"))
    return (ns, zone is not None) if abs(ns) < 2**63 else None


def read_times(texts: Sequence[str]) -> tuple[Array, Array, Array]:
    """(ns since 1970, known, with a zone of their own), (n,) each, as `read_time` has them.

    Texts of one length and with the same signs between their digits are read together, as columns of digits.
    """
    n = len(texts)
    ns, known, zoned = np.zeros(n, np.int64), np.zeros(n, bool), np.zeros(n, bool)
    left = np.ones(n, bool)
    if n >= _FEW:
        letters = np.array(texts, np.str_)
        width = letters.dtype.itemsize // 4
        table = letters.view(np.uint32).reshape(n, width) if width else np.zeros((n, 0), np.uint32)
        lengths = (table != 0).sum(1)
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length)
            _alike(texts, table[:, :length], rows, ns, known, zoned, left)
    for k in np.flatnonzero(left).tolist():
        told = read_time(texts[k])
        if told is not None:
            (ns[k], zoned[k]), known[k] = told, True
    return ns, known, zoned


def _alike(
    texts: Sequence[str], table: Array, rows: Array, ns: Array, known: Array, zoned: Array, left: Array
) -> None:
    """Reads those of the rows that are written as the first of them is, if that is a time."""
    if len(rows) < _FEW:
        return
    first = texts[int(rows[0])]
    found = _TIME.fullmatch(first)
    if found is None:
        return
    letters = table[rows]
    digit = (letters >= 48) & (letters <= 57)
    pattern = np.array([letter.isdigit() for letter in first])
    same = (digit == pattern).all(1) & (letters[:, ~pattern] == letters[0, ~pattern]).all(1)
    values = letters.astype(np.int64) - 48

    def number(group: int) -> Array:
        begin, end = found.span(group)
        out = np.zeros(len(rows), np.int64)
        for column in range(begin, end):
            out = out * 10 + values[:, column]
        return out

    year, month, day, hour, minute, second = (number(group) for group in range(1, 7))
    good = same & (year >= 1678) & (year <= 2261) & (month >= 1) & (month <= 12) & (day >= 1)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    year, month = np.where(good, year, 1970), np.where(good, month, 1)
    months = (year - 1970) * 12 + month - 1
    begins = months.astype("M8[M]").astype("M8[D]")
    good &= day <= ((months + 1).astype("M8[M]").astype("M8[D]") - begins).astype(np.int64)
    seconds = (begins.astype(np.int64) + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
    fraction, zone = found[7], found[8]
    part = number(7) * 10 ** (9 - len(fraction)) if fraction else np.zeros(len(rows), np.int64)
    if zone is not None and zone[0] in "+-":  # a zone's digits are in the pattern, and may differ
        begin = found.start(8) + 1
        places = [k for k in range(begin, found.end(8)) if first[k].isdigit()]
        tens, ones, ten, one = (values[:, place] for place in places)
        seconds = seconds - ((tens * 10 + ones) * 60 + ten * 10 + one) * 60 * (1 if zone[0] == "+" else -1)
    read = rows[good]
    ns[read], known[read], zoned[read] = (seconds * _SECOND + part)[good], True, zone is not None
    left[read] = False


def offsets(local: Array, zone: object) -> Array:
    """What the zone's clocks are ahead of UTC, ns, at local times; zones change on the hour."""
    hour = 3600 * _SECOND
    hours, where = np.unique(local // hour, return_inverse=True)
    ahead = [
        (_EPOCH + timedelta(hours=h)).replace(tzinfo=zone).utcoffset() or timedelta(0)  # type: ignore[arg-type]
        for h in hours.tolist()
    ]
    return np.array([round(offset.total_seconds()) * _SECOND for offset in ahead], np.int64)[where]
