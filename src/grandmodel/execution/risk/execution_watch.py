"""What execution has been like lately, read from the log: rejections, latency, shortfall, over a sliding window.

A reader with a cursor of its own, of a running engine's journal or of its files: it costs the order path nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.records import NO_PRICE, is_booked
from .._core.values import STATUSES, Unknown
from ..record_codes import (
    EXEC_REJECTED,
    EXEC_REPLACED,
    EXEC_STATUS,
    EXEC_TRADE,
    EXEC_TRADE_CANCEL,
    EXEC_TRADE_CORRECT,
    HELD,
    PARENT,
    REQUEST_AMEND,
    REQUEST_CLOSE_PARENT,
)  # fmt: skip
from ..records_split import RecordStream, pieces
from ..records_view import ORDER, REFUSAL, REPORT, REQUEST

_CLOSED = frozenset(number for number, status in STATUSES.items() if status.is_closed)
_SECOND = 10**9


@dataclass(slots=True)
class _Work:
    """An order at the top that has not ended: what its fills have cost so far."""

    side: int
    symbol: int
    quantity: int
    arrival_e9: int
    filled: int = 0
    against_e9: int = 0  # sum of side * quantity * (price - arrival)
    fees_e9: int = 0


class _Second:
    """Sums of one second of the engine's time."""

    __slots__ = ("answers", "cost_e9", "ended", "fills", "latency_ns", "orders", "paper_e9", "rejections", "unknown")

    def __init__(self) -> None:
        self.orders = self.rejections = self.fills = self.answers = self.latency_ns = 0
        self.ended = self.unknown = self.cost_e9 = self.paper_e9 = 0


class ExecutionWatch:
    """Rolling figures of a log.

    Parameters
    ----------
    journal : a running engine's, or a JournalFile
    window_seconds : how much of the engine's time the figures are about
    position : byte of the stream to begin at, a record's first; None: what comes from now on
    """

    def __init__(self, journal: RecordStream, window_seconds: float = 60.0, position: int | None = None) -> None:
        if isinstance(window_seconds, bool) or not 1.0 <= window_seconds <= 86_400.0:
            raise ValueError(f"window_seconds is {window_seconds!r}, must be from 1 to 86400")
        self.journal = journal
        self.window_seconds = float(window_seconds)
        self.position = journal.head if position is None else position
        self.now_ns = 0  # of the newest record
        self._seconds: deque[tuple[int, _Second]] = deque()
        self._sent: dict[int, int] = {}  # sent and not answered: when
        self._top: dict[int, int] = {}  # child: its parent
        self._work: dict[int, _Work] = {}
        self._mids: dict[int, int] = {}

    def read(self) -> int:
        """Takes in what was recorded since the last call; how many bytes."""
        begin = self.position
        for position, by_kind in pieces(self.journal, begin):
            self._take(by_kind)
            self.position = position
        return self.position - begin

    def metrics(self, now_ns: int | None = None) -> dict[str, Any]:
        """The figures of the window that ends at `now_ns` (None: at the newest record).

        Returns
        -------
        rejection_rate : refusals and venues' rejections over all that was submitted, children too
        avg_execution_latency : milliseconds from sent to the venue's first word
        avg_implementation_shortfall : of orders at the top that have ended, fraction of quantity times arrival mid,
            weighted by that; what was not filled counts at the last recorded mid
        orders, rejections, fills, ended, window_seconds : behind them
        A figure of which there is nothing in the window is Unknown, with its reason.
        """
        last = (self.now_ns if now_ns is None else now_ns) // _SECOND
        while self._seconds and self._seconds[0][0] <= last - self.window_seconds:
            self._seconds.popleft()
        total = _Second()
        for _, second in self._seconds:
            for name in _Second.__slots__:
                setattr(total, name, getattr(total, name) + getattr(second, name))
        nothing = f"in the last {self.window_seconds:g} s"
        return {
            "rejection_rate": total.rejections / total.orders
            if total.orders
            else Unknown(f"nothing was submitted {nothing}"),
            "avg_execution_latency": total.latency_ns / total.answers / 1e6
            if total.answers
            else Unknown(f"no venue answered {nothing}"),
            "avg_implementation_shortfall": total.cost_e9 / total.paper_e9
            if total.paper_e9
            else Unknown(f"no order with an arrival quote ended {nothing}"),
            "orders": total.orders,
            "rejections": total.rejections,
            "fills": total.fills,
            "ended": total.ended,
            "ended_unknown": total.unknown,
            "working": len(self._work),
            "window_seconds": self.window_seconds,
        }

    # ---- records

    def _second(self, time_ns: int) -> _Second:
        number = time_ns // _SECOND
        for known, second in reversed(self._seconds):  # a report's time may be a little before the last one's
            if known == number:
                return second
            if known < number:
                break
        second = _Second()
        self._seconds.append((number, second))
        if len(self._seconds) > 1 and self._seconds[-2][0] > number:
            self._seconds = deque(sorted(self._seconds, key=lambda each: each[0]))
        return second

    def _take(self, by_kind: Mapping[int, np.ndarray[Any, Any]]) -> None:
        for kind in (ORDER, REFUSAL, REPORT, REQUEST):  # an order's reports stand behind it
            records = by_kind.get(kind)
            if records is None or not len(records):
                continue
            self.now_ns = max(self.now_ns, int(records["header"]["time_ns"].max()))
            take = {ORDER: self._orders, REFUSAL: self._refusals, REPORT: self._reports, REQUEST: self._requests}[kind]
            take(records)

    def _orders(self, records: np.ndarray[Any, Any]) -> None:
        rows, times = records["row"], records["header"]["time_ns"]
        goes_out = (rows["flags"] & (PARENT | HELD)) == 0
        self._sent.update(zip(rows["order_id"][goes_out].tolist(), rows["sent_ns"][goes_out].tolist(), strict=True))
        for number, count in zip(*np.unique(times[goes_out] // _SECOND, return_counts=True), strict=True):
            self._second(int(number) * _SECOND).orders += int(count)
        names = ("order_id", "parent_id", "side", "symbol", "quantity", "arrival_mid_e9")
        columns = (rows[name].tolist() for name in names)
        for order_id, parent, side, symbol, quantity, mid in zip(*columns, strict=True):
            if parent:
                if parent in self._work:
                    self._top[order_id] = parent
            else:
                self._work[order_id] = _Work(side, symbol, quantity, mid)
            if mid != NO_PRICE:
                self._mids[symbol] = mid

    def _refusals(self, records: np.ndarray[Any, Any]) -> None:
        for time_ns in records["header"]["time_ns"].tolist():
            second = self._second(time_ns)
            second.orders += 1
            second.rejections += 1

    def _reports(self, records: np.ndarray[Any, Any]) -> None:
        rows, times = records["row"], records["header"]["time_ns"].tolist()
        booked = is_booked(rows).tolist()
        columns = ("order_id", "exec_type", "status", "symbol", "quantity", "price_e9", "fee_e9", "bid_e9", "ask_e9")
        for time_ns, is_true, order_id, what, status, symbol, quantity, price, fee, bid, ask in zip(
            times, booked, *(rows[name].tolist() for name in columns), strict=True
        ):
            if not is_true and what in (EXEC_TRADE, EXEC_TRADE_CANCEL, EXEC_TRADE_CORRECT):
                continue
            second = self._second(time_ns)
            sent_ns = None if what == EXEC_STATUS else self._sent.pop(order_id, None)
            if sent_ns is not None:
                second.answers += 1
                second.latency_ns += time_ns - sent_ns
            if what == EXEC_REJECTED:
                second.rejections += 1
            revises = what in (EXEC_TRADE_CANCEL, EXEC_TRADE_CORRECT)
            if not revises and bid != NO_PRICE and ask != NO_PRICE:
                self._mids[symbol] = bid + (ask - bid) // 2
            top = self._top.get(order_id, order_id)
            work = self._work.get(top)
            if work is not None and (what == EXEC_TRADE or revises):
                sign = -1 if what == EXEC_TRADE_CANCEL else 1
                work.filled += sign * quantity
                work.against_e9 += sign * work.side * quantity * (price - work.arrival_e9)
                work.fees_e9 += sign * fee
            if what == EXEC_TRADE:
                second.fills += 1
            elif what == EXEC_REPLACED and work is not None and top == order_id:
                work.quantity = max(quantity, work.filled)
            if status in _CLOSED:
                self._sent.pop(order_id, None)
                self._top.pop(order_id, None)
                if work is not None and (top == order_id or work.filled >= work.quantity):
                    self._end(top, work, second)

    def _requests(self, records: np.ndarray[Any, Any]) -> None:
        rows, times = records["row"], records["header"]["time_ns"].tolist()
        columns = (rows[name].tolist() for name in ("order_id", "kind", "quantity"))
        for time_ns, order_id, kind, quantity in zip(times, *columns, strict=True):
            work = self._work.get(order_id)
            if work is not None and kind == REQUEST_CLOSE_PARENT:
                self._end(order_id, work, self._second(time_ns))
            elif work is not None and kind == REQUEST_AMEND:
                work.quantity = quantity

    def _end(self, order_id: int, work: _Work, second: _Second) -> None:
        del self._work[order_id]
        second.ended += 1
        left = max(0, work.quantity - work.filled)
        mid = self._mids.get(work.symbol)
        if work.arrival_e9 == NO_PRICE or (left and mid is None):
            second.unknown += 1
            return
        opportunity = 0 if not left or mid is None else work.side * left * (mid - work.arrival_e9)
        second.cost_e9 += work.against_e9 + work.fees_e9 + opportunity
        second.paper_e9 += work.quantity * work.arrival_e9
