"""A journal's records of orders as arrays, read once; and which of its executions stand.

An execution stands when its report was booked (`is_booked`) and no booked TRADE_CANCEL names it (a bust; a correction
is a TRADE_CANCEL of what was booked and a TRADE_CORRECT with what is right: records.h, gm_report_t).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.records import NO_PRICE, RECORD_DTYPES, VOID_REASONS, is_booked
from ..record_codes import EXEC_TRADE, EXEC_TRADE_CANCEL, EXEC_TRADE_CORRECT
from ..records_split import RecordStream, split
from ..records_view import DECISION, NAME, ORDER, REFUSAL, REPORT, REQUEST, JournalNames, Names

__all__ = ["JournalRecords", "read_records", "standing_fills"]

Rows = np.ndarray[Any, Any]

_KINDS = {ORDER: "orders", DECISION: "decisions", REPORT: "reports", REFUSAL: "refusals", REQUEST: "requests"}
_CHUNK = 1 << 24


@dataclass(frozen=True, slots=True)
class JournalRecords:
    """Whole records (`header` and `row`) of a journal by kind, each (n,) in the order of the log.

    head : bytes of the stream that were read
    records : how many records stand there, of all kinds
    """

    names: Names
    head: int
    records: int
    orders: Rows
    decisions: Rows
    reports: Rows
    refusals: Rows
    requests: Rows


def read_records(
    journal: RecordStream, *, first: int = 0, last: int | None = None, names: Names | None = None
) -> JournalRecords:
    """The records from byte `first` of the stream on, up to byte `last` (None: as far as it goes when asked).

    names : None: learnt from the log's own NAME records, which needs `first` to be 0

    Raises
    ------
    JournalError  where no record stands
    """
    learnt = JournalNames()
    pieces: dict[int, list[Rows]] = {kind: [] for kind in _KINDS}
    position, end, count = first, journal.head if last is None else last, 0
    while position < end:
        used, by_kind = split(journal.read(position, min(_CHUNK, end - position)), position)
        if used == 0:
            break
        position += used
        for record in by_kind.get(NAME, ()):
            learnt.learn(record["row"])
        for kind, rows in by_kind.items():
            count += len(rows)
            if kind in pieces:
                pieces[kind].append(rows)
    arrays: Mapping[str, Rows] = {
        name: np.concatenate(pieces[kind]) if pieces[kind] else np.zeros(0, RECORD_DTYPES[kind])
        for kind, name in _KINDS.items()
    }
    return JournalRecords(names=learnt if names is None else names, head=position, records=count, **arrays)


_FEW = 64


def _few_standing(reports: Rows) -> Rows | None:
    """The same of a few reports none of which revises another; None: one does."""
    kinds = reports["exec_type"].tolist()
    if EXEC_TRADE_CANCEL in kinds:
        return None
    words = zip(kinds, reports["status"].tolist(), reports["reason"].tolist(), strict=True)
    return np.array(
        [
            place
            for place, (kind, status, reason) in enumerate(words)
            if kind in (EXEC_TRADE, EXEC_TRADE_CORRECT) and status and reason not in VOID_REASONS
        ],
        np.int64,
    )


def standing_fills(reports: Rows) -> tuple[Rows, Rows, int, int]:
    """Which executions stand, as places in `reports`.

    Parameters
    ----------
    reports : (n,) of REPORT_DTYPE (rows, not whole records), in the order of the log

    Returns
    -------
    places : (m,) int64 of the executions that stand, TRADE or TRADE_CORRECT
    origins : (m,) int64 of the TRADE that each was first; of a TRADE itself
    busted, corrected : how many executions were taken back, and how many of these came again with other figures
    """
    if len(reports) <= _FEW:  # of one order: sooner looked at row by row than as columns
        places = _few_standing(reports)
        if places is not None:
            return places, places, 0, 0
    booked = is_booked(reports)
    kind = reports["exec_type"]
    trades = np.flatnonzero(booked & ((kind == EXEC_TRADE) | (kind == EXEC_TRADE_CORRECT)))
    cancels = np.flatnonzero(booked & (kind == EXEC_TRADE_CANCEL))
    if len(cancels) == 0:
        return trades, trades, 0, 0

    def key(places: Rows, field: str) -> list[tuple[int, int, int]]:
        return list(zip(*(reports[name][places].tolist() for name in ("order_id", "venue", field)), strict=True))

    live: dict[tuple[int, int, int], int] = {}
    first: dict[int, int] = {}
    events = sorted([(int(p), k, True) for p, k in zip(trades, key(trades, "execution_id"), strict=True)]
                    + [(int(p), k, False) for p, k in zip(cancels, key(cancels, "bid_e9"), strict=True)])  # fmt: skip
    back: dict[tuple[int, int, int], int] = {}
    busted = corrected = 0
    references = reports["bid_e9"]
    for place, name, is_trade in events:
        if is_trade:
            if kind[place] == EXEC_TRADE_CORRECT:
                was = back.pop((name[0], name[1], int(references[place])), place)
                first[place] = first.get(was, was)
                corrected += 1
            live[name] = place
        elif name in live:
            back[name] = live.pop(name)
            busted += 1
    places = np.array(sorted(live.values()), np.int64)
    origins = np.array([first.get(place, place) for place in places.tolist()], np.int64)
    return places, origins, busted, corrected


def mid_e9(bid_e9: Rows, ask_e9: Rows) -> Rows:
    """(n,) int64 mids, rounded down as the engine's are; NO_PRICE without both sides."""
    whole = (bid_e9 > 0) & (ask_e9 > 0)
    bid, ask = np.where(whole, bid_e9, 0), np.where(whole, ask_e9, 0)
    middle: Rows = np.where(whole, bid + (ask - bid) // 2, NO_PRICE)
    return middle
