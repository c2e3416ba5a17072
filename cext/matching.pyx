# cython: language_level=3
"""Price-time priority matching: the rules of a simulated exchange.

An aggressor trades at the resting price, best price first, at a price first in first out; of an iceberg only the
shown part queues, and what is shown next queues at the back. A market order's rest and an IOC's are cancelled; a FOK
trades in full (hidden reserves count) or not at all; a post-only order that would trade is refused.
"""
from collections import namedtuple

import numpy as np

cimport cython
from cpython.bool cimport PyBool_Check
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from grandmodel.execution._core.arguments cimport int_argument, record_bytes, value_text
from grandmodel.execution._core.book cimport (
    gm_book_find,
    book_arguments, gm_book_check, gm_book_free, gm_book_state_hash, gm_resting_t, tick_argument, to_e9, view_of,
)
from grandmodel.execution._core.records cimport (
    GM_BUY, GM_COMMAND_CANCEL, GM_COMMAND_SUBMIT, GM_NO_PRICE, GM_POST_ONLY, GM_REASON_NONE, GM_REJECTED, GM_SELL,
    gm_command_t,
)
from grandmodel.execution._core.book import INVARIANTS
from grandmodel.execution._core.records import COMMAND_DTYPE
from grandmodel.execution._core.values import (
    REASON_TEXT, SIDE_CODES, STATUSES, TIME_IN_FORCE_CODES, Reason, Unknown, UnknownOrder,
)

#: What `MatchingEngine.run` did: orders taken, orders cancelled on request, fills, quantity traded, commands refused.
RunCounts = namedtuple("RunCounts", ("submitted", "canceled", "trades", "volume", "rejected"))


@cython.final
cdef class MatchResult:
    """What became of an order when it was submitted."""

    def __init__(self, *args, **kwargs):
        raise TypeError("a MatchResult is given by MatchingEngine.submit")

    def __dealloc__(self):
        free(self.fill_rows)

    @property
    def status(self):
        """NEW, PARTIALLY_FILLED (both rest), FILLED, CANCELED (its rest has ended) or REJECTED."""
        return STATUSES[self.status_code]

    @property
    def reason(self):
        """Why the order, or its rest, ended: a Reason, NONE where it did not."""
        return Reason(self.reason_code)

    @property
    def reason_text(self):
        return REASON_TEXT[Reason(self.reason_code)]

    @property
    def filled_quantity(self):
        return self.filled

    @property
    def leaves_quantity(self):
        """What rests now, an iceberg's reserve included; of an order that ended, what was not filled."""
        return self.leaves

    @property
    def fills(self):
        """A list of (resting order id, price_e9, quantity), in the order of the trades."""
        return [
            (self.fill_rows[i].order_id, self.fill_rows[i].price_e9, self.fill_rows[i].quantity)
            for i in range(self.fill_count)
        ]

    @property
    def average_price(self):
        """Mean price of the fills by quantity; Unknown without fills."""
        if self.fill_count == 0:
            return Unknown("no fills")
        total = 0
        for i in range(self.fill_count):
            total += <object>self.fill_rows[i].price_e9 * <object>self.fill_rows[i].quantity
        return total / (self.filled * 1_000_000_000)

    def __repr__(self):
        return (f"MatchResult(status={str(self.status)!r}, filled_quantity={self.filled}, "
                f"leaves_quantity={self.leaves}, reason={self.reason.name}, fills={self.fill_count})")


cdef void _keep_fill(void* context, const gm_resting_t* resting, int64_t price_e9, int64_t quantity) noexcept nogil:
    """Appends a fill to the engine's scratch; without memory it is marked lost, the trade stands."""
    cdef fills_t* fills = <fills_t*>context
    cdef fill_t* grown
    if fills.count == fills.room:
        grown = <fill_t*>realloc(fills.rows, 2 * fills.room * sizeof(fill_t))
        if grown == NULL:
            fills.lost = True
            return
        fills.rows = grown
        fills.room *= 2
    fills.rows[fills.count].order_id = resting.order_id
    fills.rows[fills.count].price_e9 = price_e9
    fills.rows[fills.count].quantity = quantity
    fills.count += 1


cdef void _drop_fill(void* context, const gm_resting_t* resting, int64_t price_e9, int64_t quantity) noexcept nogil:
    pass


@cython.final
cdef class MatchingEngine:
    """One book and the matching on it.

    Parameters
    ----------
    tick_size : price distance of two levels: str, Decimal, int or float
    capacity : int, most orders resting at once
    ticks : int, a power of two from 4096; levels in the window at first, it moves and widens by itself

    An order id must not be one of a resting order; ids of orders that have left may come again.
    Not to be shared between threads without a lock: a call during another thread's `run` is a RuntimeError.
    """

    def __cinit__(self, tick_size="0.01", *, capacity=1 << 20, ticks=1 << 16):
        cdef int64_t tick_e9
        memset(&self.matcher, 0, sizeof(self.matcher))
        tick_e9 = tick_argument(tick_size)
        book_arguments(capacity, ticks)
        self.fills.room = 64
        self.fills.rows = <fill_t*>malloc(self.fills.room * sizeof(fill_t))
        if self.fills.rows == NULL or gm_matcher_init(&self.matcher, tick_e9, <uint32_t>ticks, <int32_t>capacity) != 0:
            raise MemoryError("the matching engine could not be reserved")

    def __dealloc__(self):
        gm_book_free(&self.matcher.book)
        free(self.fills.rows)

    cdef gm_matcher_t* _get(self) except NULL:
        if self.busy:
            raise RuntimeError("another thread is running commands on this engine")
        return &self.matcher

    def submit(self, order_id, side, quantity, price=None, time_in_force="DAY", *, post_only=False,
               display_quantity=None):
        """Matches an order and rests what may rest.

        Parameters
        ----------
        order_id : int
        side : "buy" or "sell" (or +1, -1)
        quantity : int, in quantity steps
        price : limit, int, Decimal, str or float; None: a market order
        time_in_force : "DAY", "GTC" (both rest), "IOC" or "FOK"
        post_only : refuse the order rather than trade at once
        display_quantity : int, an iceberg: what is shown at a time; None: all of it

        Returns
        -------
        MatchResult. A refusal is a result too (status REJECTED and its reason); nothing has changed then.
        """
        cdef gm_matcher_t* m = self._get()
        cdef gm_command_t c
        cdef gm_match_result_t result
        cdef MatchResult out = MatchResult.__new__(MatchResult)
        memset(&c, 0, sizeof(c))
        c.kind = <uint8_t>GM_COMMAND_SUBMIT
        c.order_id = int_argument(order_id, "order_id", INT64_MIN, INT64_MAX)
        c.side = _side(side)
        c.quantity = int_argument(quantity, "quantity", INT64_MIN, INT64_MAX)
        c.price_e9 = GM_NO_PRICE if price is None else to_e9(price, "price")
        code = TIME_IN_FORCE_CODES.get(time_in_force) if isinstance(time_in_force, str) else None
        if code is None:
            known = ", ".join(TIME_IN_FORCE_CODES)
            raise ValueError(f"time_in_force is {value_text(time_in_force)}, must be one of {known}")
        c.time_in_force = code
        if not PyBool_Check(post_only) and not isinstance(post_only, np.bool_):
            raise TypeError(f"post_only is {value_text(post_only)}, must be a bool")
        c.flags = <uint8_t>GM_POST_ONLY if post_only else 0
        if display_quantity is not None:
            c.display_quantity = int_argument(display_quantity, "display_quantity", INT64_MIN, INT64_MAX)
        out.reason_code = gm_match_refusal(m, &c)
        if out.reason_code != GM_REASON_NONE:
            out.status_code = <uint16_t>GM_REJECTED
            out.leaves = c.quantity
            return out
        self.fills.count = 0
        self.fills.lost = False
        result = gm_match_submit(m, &c, 0, _keep_fill, &self.fills)
        out.status_code = result.status
        out.reason_code = result.reason
        out.filled = result.filled
        out.leaves = result.leaves
        if self.fills.count > 0:
            out.fill_rows = <fill_t*>malloc(self.fills.count * sizeof(fill_t))
            if out.fill_rows == NULL or self.fills.lost:
                raise MemoryError("the order was matched, but its fills could not be kept")
            memcpy(out.fill_rows, self.fills.rows, self.fills.count * sizeof(fill_t))
            out.fill_count = self.fills.count
        return out

    def cancel(self, order_id):
        """Cancels a resting order; its open quantity, an iceberg's reserve included. UnknownOrder if there is none."""
        cdef int64_t number = int_argument(order_id, "order_id", INT64_MIN, INT64_MAX)
        cdef int64_t open_quantity = gm_match_cancel(self._get(), number)
        if open_quantity < 0:
            raise UnknownOrder(f"no resting order has the id {number}")
        return open_quantity

    def shrink(self, order_id, less):
        """Takes `less` steps off a resting order, which keeps its place; it must have more. UnknownOrder if there is none."""
        cdef int64_t number = int_argument(order_id, "order_id", INT64_MIN, INT64_MAX)
        cdef int64_t steps = int_argument(less, "less", 1, INT64_MAX)
        cdef gm_matcher_t* m = self._get()
        cdef int32_t slot = gm_book_find(&m.book, number)
        if slot < 0:
            raise UnknownOrder(f"no resting order has the id {number}")
        if steps >= gm_match_open(m, slot):
            raise ValueError(f"less is {less}, must be below the open quantity, {gm_match_open(m, slot)}")
        gm_match_shrink(m, slot, steps)

    def run(self, commands):
        """Runs a batch of commands in order, without the GIL.

        Parameters
        ----------
        commands : (n,) COMMAND_DTYPE, contiguous; read-only and memory-mapped arrays too

        Returns
        -------
        RunCounts (submitted, canceled, trades, volume, rejected). A cancel of an order that does not rest and a
        command of no known kind count as rejected.
        """
        cdef gm_matcher_t* m = self._get()
        cdef const unsigned char[::1] raw = record_bytes(commands, COMMAND_DTYPE, "commands", "COMMAND_DTYPE")
        cdef Py_ssize_t n = raw.shape[0] // <Py_ssize_t>sizeof(gm_command_t), i
        cdef const gm_command_t* rows = <const gm_command_t*>&raw[0] if n else NULL
        cdef int64_t submitted = 0, canceled = 0, trades = m.trades, volume = m.volume
        self.busy = True
        with nogil:
            for i in range(n):
                if rows[i].kind == GM_COMMAND_SUBMIT:
                    if gm_match_refusal(m, &rows[i]) == GM_REASON_NONE:
                        submitted += gm_match_submit(m, &rows[i], 0, _drop_fill, NULL).status != GM_REJECTED
                elif rows[i].kind == GM_COMMAND_CANCEL:
                    canceled += gm_match_cancel(m, rows[i].order_id) >= 0
        self.busy = False
        return RunCounts(submitted, canceled, m.trades - trades, m.volume - volume, n - submitted - canceled)

    @property
    def book(self):
        """The book, to read: BookView."""
        return view_of(&self.matcher.book, &self.busy, self.matcher.tick_e9, self)

    @property
    def trades(self):
        """Fills so far."""
        return self._get().trades

    @property
    def volume(self):
        """Quantity traded so far; stops at 2**63 - 1."""
        return self._get().volume

    @property
    def last_price_e9(self):
        """Price of the last trade in 1e-9; None before the first."""
        cdef int64_t last = self._get().last_e9
        return None if last == GM_NO_PRICE else last

    @property
    def last_price(self):
        """Price of the last trade; Unknown before the first."""
        cdef int64_t last = self._get().last_e9
        return Unknown("no trade yet") if last == GM_NO_PRICE else last / 1e9

    def __len__(self):
        """Resting orders."""
        return self._get().book.live

    def check_invariants(self):
        """Checks the whole book, and that it is not crossed. AssertionError names the invariant that is broken."""
        cdef gm_matcher_t* m = self._get()
        cdef int broken = gm_book_check(&m.book)
        cdef int64_t icebergs = 0
        cdef int32_t slot
        if broken:
            raise AssertionError(f"invariant {broken} is broken: {INVARIANTS[broken]}")
        if m.book.best[0] >= 0 and m.book.best[1] >= 0 and m.book.best[0] >= m.book.best[1]:
            raise AssertionError("the best bid is below the best ask in a matched book")
        for slot in range(m.book.used):
            if m.book.pool[slot].flags and m.book.pool[slot].display > 0 and m.book.pool[slot].reserve > 0:
                icebergs += 1
        if icebergs != m.icebergs:
            raise AssertionError("the count of icebergs is that of resting orders with a reserve")

    def state_hash(self):
        """A hash of the resting orders (reserves included), their order in the queues left out."""
        return gm_book_state_hash(&self._get().book)


cdef int _side(object side) except -2:
    if isinstance(side, str):
        code = SIDE_CODES.get(side)
    else:
        code = int_argument(side, "side", -1, 1)
    if code != GM_BUY and code != GM_SELL:
        raise ValueError(f"side is {value_text(side)}, must be 'buy' or 'sell'")
    return code
