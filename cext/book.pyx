# cython: language_level=3
"""Limit order books, by order (L3) and by price level (L2), fed by market data messages.

A book shows what the feed said. Locked and crossed states are flagged, never repaired; a message that does not fit
the book changes nothing and is counted.
"""
import numpy as np

cimport cython
from cpython.bool cimport PyBool_Check
from cpython.float cimport PyFloat_Check
from libc.math cimport fabs, llround
from libc.stdint cimport INT32_MAX, INT64_MAX, INT64_MIN, int32_t, int64_t, uint32_t
from libc.string cimport memset

from grandmodel.execution._core.arguments cimport int_argument, record_bytes, value_text
from grandmodel.execution._core.records cimport (
    GM_ADD, GM_CLEAR, GM_CROSS_TRADE, GM_DELETE, GM_EXECUTE, GM_EXECUTE_HIDDEN, GM_FLAG_AUCTION, GM_FLAG_GAP, GM_FLAG_LAST, GM_FLAG_OWN,
    GM_FLAG_SNAPSHOT, GM_FLAG_UNPRINTED, GM_HALT, GM_REDUCE, GM_REPLACE, GM_SET_LEVEL, GM_TRADE, gm_message_t,
)
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution._core.values import MarketDataError, Unknown, decimal_of

#: A level of a book as `levels` gives it; order_count is -1 where a feed by level does not tell it.
LEVEL_DTYPE = np.dtype([("price_e9", "<i8"), ("quantity", "<i8"), ("order_count", "<i8")])

#: A resting order as `orders` gives it.
RESTING_DTYPE = np.dtype([("order_id", "<i8"), ("price_e9", "<i8"), ("quantity", "<i8"), ("side", "i1")])

#: What a message does, its `action`.
ACTIONS = {
    "add": int(GM_ADD), "reduce": int(GM_REDUCE), "delete": int(GM_DELETE), "execute": int(GM_EXECUTE),
    "execute_hidden": int(GM_EXECUTE_HIDDEN), "replace": int(GM_REPLACE), "halt": int(GM_HALT), "clear": int(GM_CLEAR),
    "trade": int(GM_TRADE), "set_level": int(GM_SET_LEVEL), "cross_trade": int(GM_CROSS_TRADE),
}

#: Bits of a message's `flags` (records.h says what they mean); a HALT has its state in the lowest two.
FLAG_OWN = int(GM_FLAG_OWN)
FLAG_AUCTION = int(GM_FLAG_AUCTION)
FLAG_SNAPSHOT = int(GM_FLAG_SNAPSHOT)
FLAG_LAST = int(GM_FLAG_LAST)
FLAG_GAP = int(GM_FLAG_GAP)
FLAG_UNPRINTED = int(GM_FLAG_UNPRINTED)

CAPACITY_MAX = 1 << 29
TICKS_MIN = 4096
TICKS_MAX = GM_BOOK_MAX_TICKS

#: What a broken invariant's number means (gm_book_check).
INVARIANTS = {
    1: "a level is marked if and only if it has orders",
    2: "an order stands in the level of its side and tick",
    3: "a queue's backward links mirror its forward links",
    4: "every resting quantity is positive",
    5: "every resting order is found by its id",
    6: "no queue is longer than the number of orders",
    7: "a level's tail is the last of its queue",
    8: "a level's order count is the length of its queue",
    9: "a level's quantity is the sum of its queue",
    10: "the best price is that of the best level with orders",
    11: "every order stands in exactly one queue",
    12: "free slots and orders together are the slots used",
    13: "the id index has one entry an order",
    14: "each layer of marks summarises the one below",
}

cdef dict _PROBLEM_NAMES = {
    GM_FEED_UNKNOWN_ORDER: "unknown_order", GM_FEED_DUPLICATE_ORDER: "duplicate_order", GM_FEED_PRICE: "price",
    GM_FEED_QUANTITY: "quantity", GM_FEED_SIDE: "side", GM_FEED_ACTION: "action", GM_FEED_CAPACITY: "capacity",
    GM_FEED_SEQUENCE: "sequence",
}


# ---- arguments

cdef object message_bytes(object messages):
    """The bytes of an array of messages, as `record_bytes` gives them."""
    return record_bytes(messages, MESSAGE_DTYPE, "messages", "MESSAGE_DTYPE")


cdef int64_t to_e9(object value, str name) except? -1:
    """A price as int64 in 1e-9: int, Decimal and str exactly; a float if it is the double nearest to that number."""
    cdef double number
    cdef int64_t nearest
    if PyBool_Check(value):
        raise TypeError(f"{name} is {value!r}, must be a price, not a bool")
    if PyFloat_Check(value):
        number = value
        if number - number != 0.0:
            raise ValueError(f"{name} is {value!r}, must be finite")
        if fabs(number) < 8388608.0:    # below it every point of the grid has its own double
            nearest = llround(number * 1e9)
            if <double>nearest / 1e9 == number:
                return nearest
            raise ValueError(f"{name} is {value!r}, must have at most nine decimals")
        exact = round(_fraction(value) * 1_000_000_000)
        if float(_fraction(exact) / 1_000_000_000) != number:
            raise ValueError(f"{name} is {value!r}, must have at most nine decimals")
    else:
        is_decimal = isinstance(value, _decimal())
        if not isinstance(value, str) and not is_decimal and not hasattr(type(value), "__index__"):
            raise TypeError(f"{name} is {value_text(value)}, must be a number or a decimal text")
        exact = decimal_of(value) if isinstance(value, str) else value if is_decimal else int(value)
        if exact is None:
            raise ValueError(f"{name} is {value_text(value)}, must be a decimal number")
        try:
            scaled = _fraction(exact) * 1_000_000_000
        except (ValueError, OverflowError, ZeroDivisionError):
            raise ValueError(f"{name} is {value_text(value)}, must be a decimal number") from None
        if scaled.denominator != 1:
            raise ValueError(f"{name} is {value_text(value)}, must have at most nine decimals")
        exact = scaled.numerator
    if not -INT64_MAX <= exact <= INT64_MAX:
        raise ValueError(f"{name} is {value_text(value)}, must be below 2**63 in units of 1e-9")
    return exact


cdef object _fraction(object value):
    from fractions import Fraction
    return Fraction(value)


cdef object _decimal():
    from decimal import Decimal
    return Decimal


cdef int64_t tick_argument(object tick_size) except -1:
    cdef int64_t tick_e9 = to_e9(tick_size, "tick_size")
    if tick_e9 <= 0:
        raise ValueError(f"tick_size is {value_text(tick_size)}, must be > 0")
    return tick_e9


cdef int book_arguments(object capacity, object ticks) except -1:
    cdef int64_t n
    int_argument(capacity, "capacity", 1, CAPACITY_MAX)
    n = int_argument(ticks, "ticks", TICKS_MIN, TICKS_MAX)
    if n & (n - 1):
        raise ValueError(f"ticks is {ticks}, must be a power of two")
    return 0


# ---- the book

cdef BookView view_of(gm_book_t* book, bint* busy, int64_t tick_e9, object owner):
    """Read access to a book that `owner` keeps alive."""
    cdef BookView view = BookView.__new__(BookView)
    view.book = book
    view.busy = busy
    view.tick_e9 = tick_e9
    view.owner = owner
    return view


cdef class BookView:
    """A limit order book to read. Prices are floats; the raw integer (1e-9 of the currency) stands beside as `_e9`.

    Not to be shared between threads without a lock: a call while another thread applies messages is a RuntimeError.
    """

    def __init__(self, *args, **kwargs):
        if self.book == NULL:
            raise TypeError("a BookView is given by what owns the book; make an OrderBook")

    cdef gm_book_t* _get(self) except NULL:
        if self.book == NULL:
            raise TypeError("this view belongs to no book")
        if self.busy[0]:
            raise RuntimeError("another thread is changing this book")
        return self.book

    cdef object _best(self, int s):
        cdef gm_book_t* b = self._get()
        return gm_book_best_tick(b, s) * self.tick_e9 if gm_book_has(b, s) else None

    @property
    def kind(self):
        """L3, by order, or L2, by level."""
        return "L2" if self.by_level else "L3"

    @property
    def tick_size(self):
        """Distance of two neighbouring levels, as a float."""
        return self.tick_e9 / 1e9

    @property
    def tick_size_e9(self):
        return self.tick_e9

    def __len__(self):
        """Resting orders; of an L2 book, levels."""
        return self._get().live

    @property
    def best_bid_e9(self):
        """Highest bid in 1e-9; None when there is none."""
        return self._best(0)

    @property
    def best_ask_e9(self):
        """Lowest offer in 1e-9; None when there is none."""
        return self._best(1)

    @property
    def best_bid(self):
        """Highest bid; Unknown when there is none."""
        best = self._best(0)
        return Unknown("no bids") if best is None else best / 1e9

    @property
    def best_ask(self):
        """Lowest offer; Unknown when there is none."""
        best = self._best(1)
        return Unknown("no asks") if best is None else best / 1e9

    @property
    def spread(self):
        """Best offer less best bid: 0 when locked, negative when crossed, Unknown when a side is empty."""
        bid, ask = self._best(0), self._best(1)
        if bid is None or ask is None:
            return Unknown("no bids" if bid is None else "no asks")
        return (ask - bid) / 1e9

    @property
    def is_locked(self):
        """Best bid equals best offer."""
        cdef gm_book_t* b = self._get()
        return bool(gm_book_has(b, 0) and gm_book_has(b, 1) and b.best[0] == b.best[1])

    @property
    def is_crossed(self):
        """Best bid above best offer."""
        cdef gm_book_t* b = self._get()
        return bool(gm_book_has(b, 0) and gm_book_has(b, 1) and b.best[0] > b.best[1])

    def levels(self, n=10):
        """The best `n` levels of each side, best first, fewer where there are fewer.

        Returns
        -------
        bids, asks : structured arrays of LEVEL_DTYPE (price_e9, quantity, order_count)
        """
        cdef gm_book_t* b = self._get()
        cdef int64_t most = int_argument(n, "n", 0, INT64_MAX)
        return self._levels(b, 0, most), self._levels(b, 1, most)

    cdef object _levels(self, gm_book_t* b, int s, int64_t most):
        cdef int64_t count = 0, i = b.best[s]
        cdef int64_t[:, ::1] rows
        while i >= 0 and count < most:
            count += 1
            i = gm_book_next(b, s, i)
        out = np.empty(count, dtype=LEVEL_DTYPE)
        if count == 0:
            return out
        rows = out.view(np.int64).reshape(count, 3)
        i = b.best[s]
        for k in range(count):
            rows[k, 0] = (b.base + i) * self.tick_e9
            rows[k, 1] = b.levels[s][i].quantity
            rows[k, 2] = -1 if self.by_level and b.levels[s][i].count == 0 else b.levels[s][i].count
            i = gm_book_next(b, s, i)
        return out

    def orders(self):
        """All resting orders in priority: bids best first, then asks best first, each level first in, first out.

        A structured array of RESTING_DTYPE; `quantity` is what is shown. Not for L2 books (ValueError).
        """
        cdef gm_book_t* b = self._get()
        cdef int64_t i, n = 0
        cdef int32_t slot
        cdef int s
        if self.by_level:
            raise ValueError("an L2 book does not know its orders")
        columns = np.empty((b.live, 4), dtype=np.int64)
        cdef int64_t[:, ::1] rows = columns
        for s in range(2):
            i = b.best[s]
            while i >= 0:
                slot = b.levels[s][i].head
                while slot != GM_NIL:
                    rows[n, 0] = b.pool[slot].order_id
                    rows[n, 1] = (b.base + i) * self.tick_e9
                    rows[n, 2] = b.pool[slot].quantity
                    rows[n, 3] = b.pool[slot].side
                    n += 1
                    slot = b.pool[slot].next
                i = gm_book_next(b, s, i)
        out = np.empty(n, dtype=RESTING_DTYPE)
        for k, name in enumerate(RESTING_DTYPE.names):
            out[name] = columns[:n, k]
        return out

    def check_invariants(self):
        """Checks the whole book. AssertionError names the invariant that is broken."""
        cdef gm_book_t* b = self._get()
        cdef int broken = gm_levels_check(b) if self.by_level else gm_book_check(b)
        if broken:
            raise AssertionError(f"invariant {broken} is broken: {INVARIANTS[broken]}")

    def state_hash(self):
        """A hash of the resting orders (L2: levels), their order in the queues left out; equal books have equal hashes."""
        cdef gm_book_t* b = self._get()
        return gm_levels_state_hash(b) if self.by_level else gm_book_state_hash(b)


@cython.final
cdef class OrderBook(BookView):
    """A limit order book built from a feed.

    Parameters
    ----------
    tick_size : price distance of two levels: str, Decimal, int or float
    kind : "L3", a feed by order (ADD, REDUCE, DELETE, EXECUTE, REPLACE), or "L2", one by level (SET_LEVEL)
    capacity : int, most orders (levels) resting at once
    ticks : int, a power of two from 4096; levels in the window at first, it moves and widens by itself
    symbol : int, the only symbol of the feed that is meant; None: every message is
    sequenced : the feed's sequences, over all its symbols, count up by one a message, or stay while one event goes on:
        a jump is a gap, a lower one is old (problem "sequence"). 0 is no sequence.

    CLEAR empties either kind; HALT, TRADE, EXECUTE_HIDDEN and CROSS_TRADE change no book. A SET_LEVEL of `level` 1 is the
    best of its side, and all that stood there is gone; its `counterparty` is the number of orders, 0: not told.
    A snapshot is a CLEAR and what follows it, all flagged FLAG_SNAPSHOT, the last row FLAG_LAST too. In a book by order
    a snapshot's ADD without an id stands in front of its level for orders nobody knows by name; a message that names an
    unknown order, its side, price and quantity takes from it.
    Memory is reserved at once and touched as it fills.
    """

    def __cinit__(self, tick_size="0.01", kind="L3", *, capacity=1 << 20, ticks=1 << 16, symbol=None, bint sequenced=False):
        cdef int32_t only = GM_ANY_SYMBOL
        cdef int code
        memset(&self.own, 0, sizeof(self.own))
        self.tick_e9 = tick_argument(tick_size)
        if kind not in ("L3", "L2"):
            raise ValueError(f"kind is {value_text(kind)}, must be 'L3' or 'L2'")
        book_arguments(capacity, ticks)
        if symbol is not None:
            only = <int32_t>int_argument(symbol, "symbol", 0, INT32_MAX)
        self.by_level = kind == "L2"
        gm_feed_init(&self.feed, self.tick_e9, self.by_level, only, sequenced)
        if self.by_level:
            code = gm_levels_init(&self.own, <uint32_t>ticks, <int32_t>capacity)
        else:
            code = gm_book_init(&self.own, <uint32_t>ticks, <int32_t>capacity)
        if code != 0:
            raise MemoryError("the book could not be reserved")
        self.own.max_span = GM_BOOK_MAX_SPAN
        self.book = &self.own
        self.busy = &self.own_busy

    def __init__(self, tick_size="0.01", kind="L3", *, capacity=1 << 20, ticks=1 << 16, symbol=None, sequenced=False):
        pass

    def __dealloc__(self):
        if self.by_level:
            gm_levels_free(&self.own)
        elif self.book != NULL:
            gm_book_free(&self.own)

    def apply(self, messages, *, bint strict=False):
        """Applies the messages in order, without the GIL.

        Parameters
        ----------
        messages : (n,) MESSAGE_DTYPE, contiguous; read-only and memory-mapped arrays too
        strict : raise at the first message that does not fit; those before it stay applied

        Returns
        -------
        int, the messages that fitted. One that did not has changed nothing: see `problems`, `first_problem`.

        Raises
        ------
        MarketDataError  if strict and a message does not fit; names its index.
        TypeError, ValueError  if `messages` is no contiguous array of MESSAGE_DTYPE.
        """
        cdef const unsigned char[::1] raw = message_bytes(messages)
        cdef int64_t n = raw.shape[0] // <Py_ssize_t>sizeof(gm_message_t), first = -1, failed
        cdef gm_book_t* b = self._get()
        cdef const gm_message_t* rows = <const gm_message_t*>&raw[0] if n else NULL
        cdef int problem = 0
        self.own_busy = True
        with nogil:
            failed = gm_feed_apply(&self.feed, b, rows, n, strict, &first, &problem)
        self.own_busy = False
        if failed and strict:
            n = first + 1
        self.applied += n - failed
        if failed:
            self._failed(rows, first, problem, strict)
        return n - failed

    def trace(self, messages, n=1):
        """Applies the messages as `apply` does and gives the book after each of them.

        Parameters
        ----------
        messages : (k,) MESSAGE_DTYPE, contiguous
        n : int from 1 to 1000, levels of a side

        Returns
        -------
        (k, n, 4) int64: ask price_e9, ask quantity, bid price_e9, bid quantity, best first; (NO_PRICE, 0) where there
        is no level.
        """
        cdef const unsigned char[::1] raw = message_bytes(messages)
        cdef int64_t k = raw.shape[0] // <Py_ssize_t>sizeof(gm_message_t), i, first = -1, failed = 0
        cdef int64_t depth = int_argument(n, "n", 1, 1000)
        cdef gm_book_t* b = self._get()
        cdef const gm_message_t* rows = <const gm_message_t*>&raw[0] if k else NULL
        cdef int64_t[:, :, ::1] cells
        cdef int problem, first_problem = 0
        out = np.empty((k, depth, 4), dtype=np.int64)
        if k == 0:
            return out
        cells = out
        self.own_busy = True
        with nogil:
            for i in range(k):
                problem = gm_feed_one(&self.feed, b, &rows[i])
                if problem:
                    failed += 1
                    if first < 0:
                        first = i
                        first_problem = problem
                gm_book_row(b, self.tick_e9, depth, &cells[i, 0, 0])
        self.own_busy = False
        self.applied += k - failed
        if failed:
            self._failed(rows, first, first_problem, False)
        return out

    cdef object _failed(self, const gm_message_t* rows, int64_t first, int problem, bint strict):
        text = f"messages[{first}]: {describe_problem(&rows[first], problem, self.tick_e9, self.by_level)}"
        if self.first is None:
            self.first = text
        if strict:
            raise MarketDataError(text)

    @property
    def messages_applied(self):
        """Messages that fitted (or were of another symbol), since the book was made or cleared."""
        return self.applied

    @property
    def is_synchronised(self):
        """Nothing is known to be missing: no gap since the last CLEAR or whole snapshot, and none is half read."""
        return self.feed.state == GM_SYNCED

    @property
    def gaps(self):
        """Gaps in the feed: rows flagged FLAG_GAP, and jumps of the sequence where it counts up by one."""
        return self.feed.gaps

    @property
    def sequence(self):
        """The last sequence of a `sequenced` feed; 0: none yet."""
        return self.feed.sequence

    @property
    def unknown_orders(self):
        """Messages about an order that does not rest here (and additions without an id)."""
        return self.feed.problems[<int>GM_FEED_UNKNOWN_ORDER]

    @property
    def problems(self):
        """{what was wrong: messages}: unknown_order, duplicate_order, price, quantity, side, action, capacity, sequence."""
        return {name: self.feed.problems[<int>code] for code, name in _PROBLEM_NAMES.items() if self.feed.problems[<int>code]}

    @property
    def first_problem(self):
        """The first message that did not fit and why, as text; None when all did."""
        return self.first

    def clear(self):
        """Removes all orders and forgets problems, gaps and the last sequence."""
        cdef gm_book_t* b = self._get()
        if self.by_level:
            gm_levels_clear(b)
        else:
            gm_book_clear(b)
        gm_feed_reset(&self.feed)
        self.applied = 0
        self.first = None


cdef str describe_problem(const gm_message_t* m, int problem, int64_t tick_e9, bint by_level):
    if problem == GM_FEED_UNKNOWN_ORDER:
        return f"order_id is {m.order_id}, no such order rests" if m.order_id else "order_id is 0, the feed gave none"
    if problem == GM_FEED_SEQUENCE:
        return f"sequence is {m.sequence}, below what has been applied"
    if problem == GM_FEED_DUPLICATE_ORDER:
        return f"an order with the id {m.counterparty or m.order_id} already rests"
    if problem == GM_FEED_PRICE:
        if m.price_e9 % tick_e9 or m.price_e9 == INT64_MIN:
            return f"price_e9 is {m.price_e9}, must be a multiple of the tick {tick_e9}"
        return f"price_e9 is {m.price_e9} with quantity {m.quantity}: out of the book's range"
    if problem == GM_FEED_QUANTITY:
        if by_level and m.quantity >= 0:
            return f"counterparty is {m.counterparty}, must be the number of orders, >= 0 and below 2**31"
        return f"quantity is {m.quantity}, must be " + (">= 0" if by_level else "> 0 and no more than rests")
    if problem == GM_FEED_SIDE:
        return f"side is {m.side}, must be 1 or -1"
    if problem == GM_FEED_ACTION:
        return f"action is {m.action}, not one of a feed by {'level' if by_level else 'order'}"
    return "the book is full"
