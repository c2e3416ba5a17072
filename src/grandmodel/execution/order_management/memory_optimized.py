"""`MemoryOptimizedOrderManager`: an order manager that keeps bounded histories and tells what it holds.

The order table is the core's: its rows, their retention and their index are the same for every face. What is added
here reads the log when it is asked; nothing of it stands in the order path.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .._core.records import REPORT_DTYPE, is_booked
from .._core.submit import read_id
from .._core.values import UnknownOrder
from ..record_codes import EXEC_STATUS, EXEC_TRADE, PARENT
from ..records_split import pieces
from ..records_view import ORDER, REPORT
from .order_manager import OrderManager
from .storage import CircularBuffer

if TYPE_CHECKING:
    from .._core.orders import Order
    from .._core.submit import Core

__all__ = ["LATENCY_DTYPE", "HeldOrders", "MemoryOptimizedOrderManager"]

#: From an order's decision to the first answer of its venue, in the engine's time (of a simulation: simulated time).
LATENCY_DTYPE = np.dtype(
    [("order_id", "<i8"), ("created_ns", "<i8"), ("answered_ns", "<i8"), ("latency_ns", "<i8")], align=True
)


class HeldOrders(Mapping[int, "Order"]):
    """order_id -> Order over the orders that memory holds: every live one, and the closed ones not yet let go.

    A view: it shows the table as it is now. Looking up copies a row; iterating copies the ids of all that are held
    unless nothing was logged since the last time.
    """

    __slots__ = ("_core", "_ids", "_records")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._records = -1
        self._ids: np.ndarray[Any, Any] = np.zeros(0, np.int64)

    def _held(self) -> np.ndarray[Any, Any]:
        """The ids held, ascending. Every change of the table is in the log: without a new record it is the same."""
        records = self._core.journal.records
        if records != self._records:
            self._ids = np.ascontiguousarray(self._core.orders_array()["order_id"])
            self._records = records
        return self._ids

    def __len__(self) -> int:
        return self._core.orders.held

    def __iter__(self) -> Iterator[int]:
        return iter(self._held().tolist())

    def __contains__(self, order_id: object) -> bool:
        try:
            return self._core.orders.holds(read_id(order_id))  # type: ignore[arg-type]
        except UnknownOrder:
            return False

    def __getitem__(self, order_id: SupportsIndex) -> Order:
        if order_id not in self:
            raise UnknownOrder(f"order {read_id(order_id)} is not held in memory")
        return self._core.get_order(read_id(order_id))


class MemoryOptimizedOrderManager(OrderManager):
    """An `OrderManager` with bounded histories beside it, and a report of what memory it takes.

    Live orders are never let go. Closed ones stay in memory up to `order_management.retention.closed_orders` of them
    and for `closed_seconds`; older ones are read from the log, which has all of them.

    Parameters
    ----------
    config, event_bus, engine : as OrderManager takes them; retention counts where the engine is made

    Attributes
    ----------
    memory_threshold : MB (2**20 bytes) of anonymous memory of the process above which `optimize_memory_usage` logs a
        warning; from `performance.memory_limit`, None when that is not configured. It may be set.
    """

    #: Fills and latency samples that are kept.
    HISTORY, METRICS = 50_000, 10_000

    def __init__(self, config: Any = None, event_bus: Any = None, *, engine: Any = None) -> None:
        super().__init__(config, event_bus, engine=engine)
        settings = self._settings()
        limit = None if settings is None else settings.performance.memory_limit
        self.memory_threshold: float | None = None if limit is None else limit / 2**20
        self._fills = CircularBuffer(self.HISTORY, REPORT_DTYPE)
        self._latencies = CircularBuffer(self.METRICS, LATENCY_DTYPE)
        self._position = 0  # in the log: what is before it has been read
        self._unanswered: dict[int, int] = {}  # order_id -> created_ns
        self._reading = threading.Lock()
        self._held: HeldOrders | None = None

    @property
    def orders(self) -> HeldOrders:
        """The orders that memory holds, by id: a read-only view."""
        if self._held is None:
            self._held = HeldOrders(self.core)
        return self._held

    @property
    def execution_history(self) -> CircularBuffer:
        """The newest fills, oldest first: rows of REPORT_DTYPE. What was logged since is read first."""
        self._read()
        return self._fills

    @property
    def performance_metrics(self) -> CircularBuffer:
        """The newest latency samples, one of each order that a venue answered: rows of LATENCY_DTYPE."""
        self._read()
        return self._latencies

    def _read(self) -> None:
        """Takes the log's news into the buffers, from where the last call ended."""
        with self._reading:
            for position, by_kind in pieces(self.core.journal, self._position):
                if ORDER in by_kind:
                    orders = by_kind[ORDER]["row"]
                    sent = orders[(orders["flags"] & PARENT) == 0]
                    self._unanswered.update(zip(sent["order_id"].tolist(), sent["created_ns"].tolist(), strict=True))
                if REPORT in by_kind:
                    reports = by_kind[REPORT]
                    rows = reports["row"]
                    self._fills.extend(rows[(rows["exec_type"] == EXEC_TRADE) & is_booked(rows)])
                    self._answered(reports)
                self._position = position

    def _answered(self, reports: np.ndarray[Any, Any]) -> None:
        answers = reports[reports["row"]["exec_type"] != EXEC_STATUS]
        samples = [
            (order_id, created, time_ns, time_ns - created)
            for order_id, time_ns in zip(
                answers["row"]["order_id"].tolist(), answers["header"]["time_ns"].tolist(), strict=True
            )
            if (created := self._unanswered.pop(order_id, None)) is not None
        ]
        if samples:
            self._latencies.extend(np.array(samples, LATENCY_DTYPE))

    def _buffers(self) -> dict[str, CircularBuffer]:
        self._read()
        return {"execution_history": self._fills, "performance_metrics": self._latencies}
