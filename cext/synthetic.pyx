# cython: language_level=3
"""What stands behind an engine's venues (`Market`), and the seeded synthetic market (`SyntheticMarket`)."""
import math

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

from grandmodel.execution._core.book cimport gm_book_check, gm_book_next
from grandmodel.execution._core.records cimport GM_NO_PRICE
from grandmodel.execution._core.scoring cimport Tap, Venues

#: Where the flow comes from.
SOURCE = "Cont, Stoikov and Talreja, Operations Research 58 (2010), Table 2"


cdef class Market:
    """What stands behind an engine's venues. `source` says what its results are worth: "paper", "synthetic", "replay"."""

    @property
    def now_ns(self):
        """The time the market has reached."""
        return self.market.now_ns

    @property
    def messages(self):
        """Market events lived through so far."""
        return self.market.messages

    @property
    def origin(self):
        """The market that makes the prices: this one, or the one that it stands before."""
        return self


cdef class SyntheticMarket(Market):
    """Zero-intelligence order flow over the lit venues of a table (include/synthetic.h has the rules).

    Parameters
    ----------
    venues : Venues, complete; its displayed venues carry the flow
    shares : sequence of float, a venue's relative share of the flow, in the order of the table; without one (0) it has no book
    seed : int; equal seeds and start times give equal flow
    start_ns : UTC nanoseconds at which the engine begins; the flow begins `warmup_seconds` before
    events_per_second : float > 0, arrivals, trades and cancellations a symbol together, on average
    depth : float >= 1, how many times the paper's number of orders rests in the book
    """

    def __cinit__(self, Venues venues not None, shares, *, uint64_t seed=0, int64_t start_ns=0, double warmup_seconds=60.0,
                  double events_per_second=50.0, double depth=10.0, str source="synthetic"):
        cdef double weights[64]
        cdef int32_t s
        memset(&self.flow, 0, sizeof(self.flow))
        for name, value, low in (
            ("events_per_second", events_per_second, 1e-3), ("depth", depth, 1.0), ("warmup_seconds", warmup_seconds, 0.0),
        ):
            if not math.isfinite(value) or not low <= value <= 1e6:
                raise ValueError(f"{name} is {value!r}, must be from {low:g} to 1000000")
        shares = [float(share) for share in shares]
        if len(shares) != len(venues.names) or any(not math.isfinite(share) or share < 0 for share in shares):
            raise ValueError(f"shares is {shares!r}, must be one number from 0 up for each of {len(venues.names)} venues")
        for index, share in enumerate(shares):
            weights[index] = share
        self.venues = venues
        self.source = source
        code = gm_synthetic_init(&self.flow, &venues.table, weights, seed, start_ns, <int64_t>(warmup_seconds * 1e9),
                                 events_per_second, depth)
        if code == -5:
            raise ValueError("no venue that displays quotes has a share: the flow would have nowhere to go")
        if code != 0:
            raise MemoryError("the synthetic market could not be reserved")
        self.market = &self.flow.market
        for s in range(venues.instruments.table.count):
            self._adopt(s)

    def __dealloc__(self):
        gm_synthetic_free(&self.flow)

    cdef int _adopt(self, int32_t s) except -1:
        """Gives the flow of symbol `s` its tick and its first price."""
        row = self.venues.instruments.table.rows[s]
        if row.reference_e9 == GM_NO_PRICE:
            raise ValueError(f"{self.venues.instruments.symbols.texts[s]!r} has no reference price to begin from")
        self.flow.flows[s].tick_e9 = row.tick_e9
        self.flow.flows[s].reference_tick = row.reference_e9 // row.tick_e9
        return 0

    def touch(self, str symbol, int64_t until_ns):
        """Brings one symbol's quotes up to `until_ns`; the engine does this by itself."""
        self.market.touch(self.market, self.venues._symbol(symbol), until_ns)

    def listen(self, str symbol, Tap tap not None):
        """Has `tap` hear the symbol from now on: of a market that no engine has; then `Core.listen` does it."""
        if self.market.core != NULL:
            raise ValueError("this market stands behind an engine: listen there")
        self.venues.listen(symbol, tap)
        tap.tap.market = self.market

    def depth(self, str symbol, str venue, int levels=5):
        """The best levels of one venue's book: (bids, asks), each a list of (price_e9, quantity, orders)."""
        cdef int32_t s = self.venues._symbol(symbol), v = self.venues.number(venue)
        cdef gm_matcher_t* m = gm_synthetic_matcher(&self.flow, s, v)
        cdef int side
        cdef int64_t i
        if not 1 <= levels <= 1000:
            raise ValueError(f"levels is {levels}, must be from 1 to 1000")
        out = ([], [])
        if not self.flow.flows[s].started or not gm_synthetic_carries(&self.flow, v):
            return out
        for side in range(2):
            i = m.book.best[side]
            for _ in range(levels):
                if i < 0:
                    break
                out[side].append(((m.book.base + i) * m.tick_e9, m.book.levels[side][i].quantity, m.book.levels[side][i].count))
                i = gm_book_next(&m.book, side, i)
        return out

    def check_invariants(self):
        """Checks every book. AssertionError names symbol, venue and the broken invariant."""
        cdef int32_t s, v, broken
        for s in range(self.venues.instruments.table.count):
            for v in range(self.venues.table.count):
                if self.flow.flows[s].started and gm_synthetic_carries(&self.flow, v):
                    broken = gm_book_check(&gm_synthetic_matcher(&self.flow, s, v).book)
                    if broken:
                        raise AssertionError(f"{self.venues.instruments.symbols.texts[s]} at {self.venues.names[v]}: invariant {broken}")
