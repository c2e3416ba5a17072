# cython: language_level=3
"""The order table and its state machine, and an order as Python reads it back."""
import numpy as np

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from grandmodel.execution._core.records cimport (
    GM_ALL_OR_NONE, GM_CHILD, GM_END_TOLD, GM_HELD, GM_HIDDEN, GM_NO_PRICE, GM_PARENT, GM_PENDING_REPLACE, GM_POST_ONLY,
    GM_REDUCE_ONLY, GM_SUSPENDED, GM_URGENCY_MASK, gm_order_t, gm_report_t,
)
from grandmodel.execution._core.records import ORDER_DTYPE
from grandmodel.execution._core.values import (
    EXEC_TYPES, LIQUIDITIES, ORDER_TYPES, REASON_TEXT, Reason, SIDES, STATUSES, TIMES_IN_FORCE, URGENCIES, Unknown,
)

#: The one table of legal transitions, as names: {status: [statuses it may become]}.
TRANSITIONS = {
    STATUSES[before]: [STATUSES[after] for after in STATUSES if gm_is_legal(before, after)] for before in STATUSES
}


cdef class OrderTable:
    """Rows of orders, live and lately closed.

    Parameters
    ----------
    retained : int, closed orders kept readable in memory; older ones are in the journal only
    retention_ns : int, how long at most after their last change; 0: however long
    """

    def __cinit__(self, *, int retained=16384, int64_t retention_ns=0):
        if retention_ns < 0:
            raise ValueError(f"retention_ns is {retention_ns}, must not be negative")
        if not 1 <= retained <= 1 << 20:
            raise ValueError(f"retained is {retained}, must be from 1 to {1 << 20}")
        if gm_orders_init(&self.table, retained) != 0:
            raise MemoryError("the order table could not be reserved")
        self.table.retention_ns = retention_ns

    def __dealloc__(self):
        gm_orders_free(&self.table)

    @property
    def live(self):
        """Orders that are not closed."""
        return self.table.live

    @property
    def next_id(self):
        return self.table.next_id

    @property
    def illegal_transitions(self):
        """Reports that asked for a transition which is not legal: in the log, not in the state."""
        return self.table.illegal

    @property
    def held(self):
        """Orders held in memory: the live ones, and closed ones not yet let go."""
        return self.table.live + self.table.closed_count - self.table.let_go

    @property
    def rows_touched(self):
        """Rows that were ever used: what the table takes of memory, 224 bytes each."""
        return self.table.used

    @property
    def retention_ns(self):
        """How long a closed order is held; 0: however long."""
        return self.table.retention_ns

    def holds(self, int64_t order_id):
        """True when the order is held in memory; a closed one that was let go is in the journal."""
        return gm_orders_find(&self.table, order_id) != NULL

    def count_by_status(self):
        """{OrderStatus: orders held in memory}."""
        return {status: self.table.by_status[code] for code, status in STATUSES.items() if self.table.by_status[code]}

    cdef int64_t copy_rows(self, char* buffer, int64_t capacity) noexcept nogil:
        """Copies the rows held into a buffer of `capacity` rows; how many, or -1 when there are more."""
        cdef int32_t i
        cdef int64_t n = 0
        for i in range(self.table.used):
            if self.table.rows[i].order_id > 0:
                if n == capacity:
                    return -1
                memcpy(buffer + n * sizeof(gm_order_t), &self.table.rows[i], sizeof(gm_order_t))
                n += 1
        return n

    def rows(self):
        """A copy of the rows held, oldest id first: a structured array of ORDER_DTYPE. Only while nobody submits."""
        cdef unsigned char[::1] raw
        out = np.empty(self.table.used + 1, dtype=ORDER_DTYPE)
        raw = out.view(np.uint8)
        return sorted_rows(out[:self.copy_rows(<char*>&raw[0], self.table.used + 1)])


def sorted_rows(rows):
    """Order rows, oldest id first."""
    return rows[np.argsort(rows["order_id"], kind="stable")]


cdef class Report:
    """A venue's word on an order, or the engine's own; values are computed on access. Prices and money in currency (`_e9`: exact)."""

    @property
    def order_id(self):
        return self.row.order_id

    @property
    def execution_id(self):
        """The venue's id of it; 0: the engine's own word."""
        return self.row.execution_id

    @property
    def exec_type(self):
        """ExecType: what happened."""
        return EXEC_TYPES[self.row.exec_type]

    @property
    def status(self):
        """The order's OrderStatus after it."""
        return STATUSES.get(self.row.status)

    @property
    def symbol(self):
        return self.names.symbol_text(self.row.symbol)

    @property
    def side(self):
        return SIDES.get(self.row.side)

    @property
    def venue(self):
        """None: no venue, the engine itself."""
        return None if self.row.venue < 0 else self.names.venue_text(self.row.venue)

    @property
    def quantity(self):
        """Steps of this fill, or what ended."""
        return self.row.quantity

    @property
    def price(self):
        return Unknown("not a fill") if self.row.price_e9 == GM_NO_PRICE else self.row.price_e9 / 1e9

    @property
    def price_e9(self):
        return None if self.row.price_e9 == GM_NO_PRICE else self.row.price_e9

    @property
    def fee(self):
        return self.row.fee_e9 / 1e9

    @property
    def filled_quantity(self):
        """The order's, after it."""
        return self.row.filled_quantity

    @property
    def leaves_quantity(self):
        """The order's, after it."""
        return self.row.leaves_quantity

    @property
    def liquidity(self):
        return LIQUIDITIES[self.row.liquidity]

    @property
    def reference_id(self):
        """Of a bust or a correction: the execution it is about; else None."""
        return self.row.bid_e9 if self.exec_type in ("TRADE_CANCEL", "TRADE_CORRECT") else None

    @property
    def reason(self):
        return Reason(self.row.reason)

    @property
    def reason_text(self):
        return REASON_TEXT[Reason(self.row.reason)]

    @property
    def time_ns(self):
        """UTC nanoseconds, the venue's."""
        return self.row.venue_time_ns

    def __repr__(self):
        fill = f" {self.row.quantity} @ {self.price:.4f}" if self.row.price_e9 != GM_NO_PRICE else ""
        return f"Report({self.row.order_id} {self.exec_type}{fill}: {self.status}, {self.row.filled_quantity} filled)"


def report_of(names, bytes row not None):
    """A Report from the 96 bytes of its row."""
    cdef Report report = Report.__new__(Report)
    if len(row) != sizeof(gm_report_t):
        raise ValueError(f"row is {len(row)} bytes long, must be {sizeof(gm_report_t)}")
    memcpy(&report.row, <const char*>row, sizeof(gm_report_t))
    report.names = names
    return report


cdef class Order:
    """An order as it stood when it was asked for; values are computed on access.

    Quantities are in steps, prices and money in currency (`_e9`: the exact integers), times in UTC nanoseconds.
    """

    @property
    def order_id(self):
        return self.row.order_id

    @property
    def parent_id(self):
        """Id of the parent order, or None."""
        return self.row.parent_id or None

    @property
    def client_order_id(self):
        text = (<bytes>self.row.client_order_id[:36]).rstrip(b"\0").decode("ascii")
        return text or None

    @property
    def symbol(self):
        return None if self.row.symbol < 0 else self.names.symbol_text(self.row.symbol)

    @property
    def side(self):
        return SIDES.get(self.row.side)

    @property
    def order_type(self):
        return ORDER_TYPES.get(self.row.order_type)

    @property
    def time_in_force(self):
        return TIMES_IN_FORCE.get(self.row.time_in_force)

    @property
    def status(self):
        return STATUSES[self.row.status]

    @property
    def reason(self):
        """Why it was refused or ended (Reason.NONE otherwise)."""
        return Reason(self.row.reason)

    @property
    def reason_text(self):
        return REASON_TEXT[Reason(self.row.reason)]

    @property
    def quantity(self):
        return self.row.quantity

    @property
    def filled_quantity(self):
        return self.row.filled_quantity

    @property
    def leaves_quantity(self):
        """Open quantity; 0 once the order is closed."""
        if self.row.status == GM_SUSPENDED and not self.row.flags & GM_PARENT:
            return 0                    # FIX LeavesQty; its reservation stands, for it may go on
        return self.row.leaves_quantity

    @property
    def working_quantity(self):
        """Of a parent: what its open children have at venues; else 0."""
        return self.row.working_quantity if self.row.flags & GM_PARENT else 0

    @property
    def limit_price(self):
        """Limit price, or None."""
        return None if self.row.limit_price_e9 == GM_NO_PRICE else self.row.limit_price_e9 / 1e9

    @property
    def limit_price_e9(self):
        return None if self.row.limit_price_e9 == GM_NO_PRICE else self.row.limit_price_e9

    @property
    def stop_price(self):
        """The price its trigger waits for (of a trailing stop: as it stands now), or None."""
        return None if self.row.stop_price_e9 == GM_NO_PRICE else self.row.stop_price_e9 / 1e9

    @property
    def stop_price_e9(self):
        return None if self.row.stop_price_e9 == GM_NO_PRICE else self.row.stop_price_e9

    @property
    def is_held(self):
        """True while the engine holds it (a trigger not met yet, a list's first order not filled): no venue knows of it."""
        return bool(self.row.flags & GM_HELD) and not gm_is_closed(self.row.status)

    @property
    def pending_quantity(self):
        """The total quantity that a replace in flight asks for, or None."""
        return self.row.working_quantity or None if self.row.status == GM_PENDING_REPLACE else None

    @property
    def display_quantity(self):
        return self.row.display_quantity or None

    @property
    def notional_e9(self):
        """Sum of price times quantity over the fills, exact, in 1e-9."""
        return (int(self.row.notional_hi) << 64) + int(self.row.notional_lo)

    @property
    def average_price(self):
        """Average fill price; Unknown before the first fill."""
        if self.row.filled_quantity == 0:
            return Unknown("no fill yet")
        return self.notional_e9 / self.row.filled_quantity / 1e9

    @property
    def fees(self):
        """Fees paid (positive) or rebates received (negative), in currency."""
        return self.row.fees_e9 / 1e9

    @property
    def fees_e9(self):
        return self.row.fees_e9

    @property
    def arrival_mid(self):
        """Consolidated mid when the order was decided; Unknown without a quote."""
        return Unknown("no quote at arrival") if self.row.arrival_mid_e9 == GM_NO_PRICE else self.row.arrival_mid_e9 / 1e9

    @property
    def arrival_mid_e9(self):
        return None if self.row.arrival_mid_e9 == GM_NO_PRICE else self.row.arrival_mid_e9

    @property
    def venue(self):
        """Where it was routed, or None."""
        return None if self.row.venue < 0 else self.names.venue_text(self.row.venue)

    @property
    def account(self):
        return self.row.account

    @property
    def strategy(self):
        return self.names.strategy_text(self.row.strategy)

    @property
    def algorithm(self):
        return self.names.algorithm_text(self.row.algorithm)

    @property
    def tag(self):
        return self.names.tag_text(self.row.tag)

    @property
    def urgency(self):
        return URGENCIES[self.row.urgency & GM_URGENCY_MASK]      # the higher bits say other things (records.h)

    @property
    def owes_executions(self):
        """Whether its venue has ended it and, by its own count, not yet told executions of `leaves_quantity`."""
        return bool(self.row.urgency & GM_END_TOLD) and self.row.leaves_quantity > 0

    @property
    def is_parent(self):
        return bool(self.row.flags & GM_PARENT)

    @property
    def is_child(self):
        return bool(self.row.flags & GM_CHILD)

    @property
    def instructions(self):
        """Names of the instructions set: post_only, reduce_only, all_or_none, hidden."""
        bits = ((GM_POST_ONLY, "post_only"), (GM_REDUCE_ONLY, "reduce_only"), (GM_ALL_OR_NONE, "all_or_none"), (GM_HIDDEN, "hidden"))
        return [name for bit, name in bits if self.row.flags & bit]

    @property
    def created_ns(self):
        return self.row.created_ns

    @property
    def acknowledged_ns(self):
        """Time of the venue's first answer, or None."""
        return self.row.acknowledged_ns or None

    @property
    def updated_ns(self):
        return self.row.updated_ns

    def to_dict(self):
        """All of it as a mapping."""
        return {name: getattr(self, name) for name in _ORDER_FIELDS}

    def __repr__(self):
        price = str(self.order_type) if self.row.limit_price_e9 == GM_NO_PRICE else f"@ {self.limit_price:g}"
        if self.is_held and self.row.stop_price_e9 != GM_NO_PRICE:
            price += f", waits for {self.stop_price:g}"
        return (f"Order({self.order_id} {self.side} {self.quantity} {self.symbol} {price}: {self.status}, "
                f"{self.filled_quantity} filled)")


_ORDER_FIELDS = (
    "order_id", "parent_id", "client_order_id", "symbol", "side", "order_type", "time_in_force", "status", "reason",
    "quantity", "filled_quantity", "leaves_quantity", "limit_price", "stop_price", "display_quantity", "average_price", "fees",
    "arrival_mid", "venue", "account", "strategy", "algorithm", "tag", "urgency", "instructions", "created_ns",
    "acknowledged_ns", "updated_ns",
)
