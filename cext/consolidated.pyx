# cython: language_level=3
"""The books of several venues as one: best bid and offer with the venues that stand at it."""
import numpy as np

cimport cython
from libc.stdint cimport INT64_MAX, int32_t, int64_t
from libc.stdlib cimport calloc, free

from grandmodel.execution._core.arguments cimport int_argument, value_text
from grandmodel.execution._core.book cimport (
    GM_SYNCED, OrderBook, describe_problem, gm_book_best_tick, gm_book_has, gm_book_next, gm_book_t, gm_feed_one, message_bytes,
)
from grandmodel.execution._core.records cimport GM_CLEAR, gm_message_t
from grandmodel.execution._core.values import MarketDataError, Unknown

#: A price of a consolidated book: `quantity` and `order_count` over all venues (-1: one of them does not tell), how many venues.
CONSOLIDATED_DTYPE = np.dtype([("price_e9", "<i8"), ("quantity", "<i8"), ("order_count", "<i8"), ("venues", "<i8")])
VENUES_MAX = 1024


@cython.final
cdef class ConsolidatedBook:
    """One book a venue, fed by messages whose `venue` says whose they are, and read as one.

    Parameters
    ----------
    venues : names; a message's `venue` is a place in this list
    tick_size, kind, capacity, ticks, symbol : as of OrderBook, for every venue

    A message of `venue` -1 that clears (a capture's beginning) clears every book. Venues may lock and cross one another:
    it is flagged, never repaired. A venue whose book is unsynchronised goes on counting; `is_synchronised` says so.
    """

    cdef list members
    cdef tuple names
    cdef void** books
    cdef int64_t applied
    cdef int64_t strangers
    cdef str first

    def __cinit__(self, venues, tick_size="0.01", kind="L3", *, capacity=1 << 20, ticks=1 << 16, symbol=None):
        if isinstance(venues, str):
            raise TypeError(f"venues is {venues!r}, must be a list of names")
        self.names = tuple(venues)
        if not 0 < len(self.names) <= VENUES_MAX:
            raise ValueError(f"venues has {len(self.names)} names, must have from 1 to {VENUES_MAX}")
        for k, name in enumerate(self.names):
            if not isinstance(name, str) or not name:
                raise TypeError(f"venues[{k}] is {value_text(name)}, must be a name")
            if name in self.names[:k]:
                raise ValueError(f"venues[{k}] is {name!r}, which is there twice")
        self.members = [OrderBook(tick_size, kind, capacity=capacity, ticks=ticks, symbol=symbol) for _ in self.names]
        self.books = <void**>calloc(len(self.members), sizeof(void*))
        if self.books == NULL:
            raise MemoryError("the book could not be reserved")
        for k, book in enumerate(self.members):
            self.books[<int>k] = <void*>book        # the list keeps it alive

    def __dealloc__(self):
        free(self.books)

    @property
    def venues(self):
        """Names, in the order of their numbers."""
        return self.names

    def book(self, venue):
        """The book of one venue, by name or number: to read it, or to feed it alone."""
        if isinstance(venue, str):
            if venue not in self.names:
                raise ValueError(f"venue is {venue!r}, must be one of {', '.join(self.names)}")
            return self.members[self.names.index(venue)]
        return self.members[int_argument(venue, "venue", 0, len(self.names) - 1)]

    def apply(self, messages, *, bint strict=False):
        """Applies each message to its venue's book, in order, without the GIL.

        Returns
        -------
        int, the messages that fitted: see `OrderBook.apply`. One of no venue here does not fit.

        Raises
        ------
        MarketDataError  if strict and a message does not fit; names its index.
        RuntimeError  another thread is changing the book.
        """
        cdef const unsigned char[::1] raw = message_bytes(messages)
        cdef int64_t n = raw.shape[0] // <Py_ssize_t>sizeof(gm_message_t), i, first = -1, failed = 0, strange = 0
        cdef const gm_message_t* rows = <const gm_message_t*>&raw[0] if n else NULL
        cdef int32_t venues = <int32_t>len(self.names), v
        cdef int problem, first_problem = 0
        cdef void** books = self.books
        cdef OrderBook book
        for book in self.members:
            book._get()                     # a RuntimeError while another thread is in it
        for book in self.members:
            book.own_busy = True
        with nogil:
            for i in range(n):
                v = rows[i].venue
                if v == -1 and rows[i].action == GM_CLEAR:
                    problem = 0
                    for v in range(venues):
                        problem |= gm_feed_one(&(<OrderBook>books[v]).feed, &(<OrderBook>books[v]).own, &rows[i])
                elif v < 0 or v >= venues:
                    problem = -1
                    strange += 1
                else:
                    problem = gm_feed_one(&(<OrderBook>books[v]).feed, &(<OrderBook>books[v]).own, &rows[i])
                if problem != 0:
                    failed += 1
                    if first < 0:
                        first = i
                        first_problem = problem
                    if strict:
                        n = i + 1
                        break
        for book in self.members:
            book.own_busy = False
        self.applied += n - failed
        self.strangers += strange
        if failed:
            if first_problem < 0:
                text = f"messages[{first}]: venue is {rows[first].venue}, must be >= 0 and < {venues}"
            else:
                book = self.members[max(rows[first].venue, 0)]
                text = f"messages[{first}]: {describe_problem(&rows[first], first_problem, book.tick_e9, book.by_level)}"
            if self.first is None:
                self.first = text
            if strict:
                raise MarketDataError(text)
        return n - failed

    cdef object _best(self, int s):
        """Best price over the venues, in 1e-9, or None."""
        cdef OrderBook book
        cdef gm_book_t* b
        best = None
        for book in self.members:
            b = book._get()
            if gm_book_has(b, s):
                price = gm_book_best_tick(b, s) * book.tick_e9
                if best is None or (price > best if s == 0 else price < best):
                    best = price
        return best

    cdef object _at(self, int s):
        cdef OrderBook book
        best = self._best(s)
        return [] if best is None else [
            name for name, book in zip(self.names, self.members)
            if gm_book_has(book._get(), s) and gm_book_best_tick(book._get(), s) * book.tick_e9 == best
        ]

    @property
    def best_bid_e9(self):
        """Highest bid of any venue in 1e-9; None when there is none."""
        return self._best(0)

    @property
    def best_ask_e9(self):
        """Lowest offer of any venue in 1e-9; None when there is none."""
        return self._best(1)

    @property
    def best_bid(self):
        """Highest bid of any venue; Unknown when there is none."""
        best = self._best(0)
        return Unknown("no bids") if best is None else best / 1e9

    @property
    def best_ask(self):
        """Lowest offer of any venue; Unknown when there is none."""
        best = self._best(1)
        return Unknown("no asks") if best is None else best / 1e9

    @property
    def bid_venues(self):
        """Names of the venues that bid the best price."""
        return self._at(0)

    @property
    def ask_venues(self):
        """Names of the venues that offer at the best price."""
        return self._at(1)

    @property
    def is_locked(self):
        """The best bid equals the best offer."""
        bid, ask = self._best(0), self._best(1)
        return bid is not None and bid == ask

    @property
    def is_crossed(self):
        """The best bid is above the best offer."""
        bid, ask = self._best(0), self._best(1)
        return bid is not None and ask is not None and bid > ask

    @property
    def is_synchronised(self):
        """No venue's book misses anything that is known."""
        cdef OrderBook book
        for book in self.members:
            if book.feed.state != GM_SYNCED:
                return False
        return True

    @property
    def messages_applied(self):
        """Messages that fitted."""
        return self.applied

    @property
    def problems(self):
        """{what was wrong: messages} over all venues; "venue": those of no venue here."""
        cdef OrderBook book
        out = {"venue": self.strangers} if self.strangers else {}
        for book in self.members:
            for name, count in book.problems.items():
                out[name] = out.get(name, 0) + count
        return out

    @property
    def first_problem(self):
        """The first message that did not fit and why, as text; None when all did."""
        return self.first

    def levels(self, n=10):
        """The best `n` prices of each side over all venues, best first.

        Returns
        -------
        bids, asks : structured arrays of CONSOLIDATED_DTYPE
        """
        cdef int64_t most = int_argument(n, "n", 0, INT64_MAX)
        return self._levels(0, most), self._levels(1, most)

    cdef object _levels(self, int s, int64_t most):
        cdef OrderBook book
        cdef gm_book_t* b
        cdef int64_t i, taken
        merged = {}
        for book in self.members:           # the n best of all are among the n best of each
            b = book._get()
            i = b.best[s]
            taken = 0
            while i >= 0 and taken < most:
                row = merged.setdefault((b.base + i) * book.tick_e9, [0, 0, 0])
                row[0] += b.levels[s][i].quantity
                row[1] = -1 if row[1] < 0 or b.levels[s][i].count == 0 else row[1] + b.levels[s][i].count
                row[2] += 1
                taken += 1
                i = gm_book_next(b, s, i)
        prices = sorted(merged, reverse=s == 0)[:most]
        out = np.empty(len(prices), dtype=CONSOLIDATED_DTYPE)
        for k, price in enumerate(prices):
            if merged[price][0] > INT64_MAX:
                raise OverflowError(f"the quantity at price_e9 {price} is {merged[price][0]} over all venues, above 2**63")
            out[k] = (price, *merged[price])
        return out

    def check_invariants(self):
        """Checks every venue's book. AssertionError names the invariant that is broken."""
        for name, book in zip(self.names, self.members):
            try:
                book.check_invariants()
            except AssertionError as broken:
                raise AssertionError(f"{name}: {broken}") from None

    def state_hash(self):
        """A hash over all venues: equal books at equal venues have equal hashes."""
        out = 0
        for book in self.members:
            out = (out * 0x9e3779b97f4a7c15 + book.state_hash() + 1) & 0xFFFFFFFFFFFFFFFF
        return out

    def clear(self):
        """Empties every venue's book."""
        for book in self.members:
            book.clear()
        self.applied = self.strangers = 0
        self.first = None
