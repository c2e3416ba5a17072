# cython: language_level=3
"""Streaming estimators of market microstructure, and the figures of one book. Bodies: include/flow.h, kernels/flow.c."""
import numpy as np

cimport cython
from cpython.float cimport PyFloat_CheckExact
from libc.math cimport NAN
from libc.stdint cimport INT64_MAX, int32_t, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from grandmodel.execution._core.arguments cimport int_argument, positive_argument, record_bytes, value_text
from grandmodel.execution._core.book cimport OrderBook, gm_book_t, gm_feed_t, to_e9
from grandmodel.execution._core.portfolio cimport i128_to_int
from grandmodel.execution._core.records cimport GM_NO_PRICE, gm_i128, gm_message_t
from grandmodel.execution._core.scoring cimport Tap, gm_tap_t
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution._core.book import LEVEL_DTYPE
from grandmodel.execution._core.values import Unknown

cdef extern from "flow.h" nogil:
    enum: GM_STREAM_LEVELS
    enum: GM_STREAM_HORIZONS
    enum: GM_STREAM_DELAYS
    int64_t GM_STREAM_PRICE_MAX
    int64_t GM_STREAM_QUANTITY_MAX
    int64_t GM_NO_TIME
    ctypedef struct gm_stream_options_t:
        int64_t bar_ns, gap_ns, vpin_bucket
        int64_t horizon_ns[4]
        int64_t delay_ns[4]
        int32_t levels, bars, trades, changes, buckets, trust_sides
        double vpin_sigma, sweep_share, reference_spread, hawkes_mu, hawkes_alpha, hawkes_beta
    ctypedef struct gm_bar_t:
        int64_t start_ns, open_e9, high_e9, low_e9, close_e9, volume, buy_volume, sell_volume, trades, ofi, quoted_ns
        int64_t mid2_open, mid2_close, whole
        gm_i128 notional, spread_ns
        double relative_ns, depth
    ctypedef struct gm_realized_t:
        int64_t count, unquoted, dropped, next
        double weight, weighted_effective, weighted_realized, effective, realized
    ctypedef struct gm_stream_t:
        gm_stream_options_t o
        gm_bar_t* bars
        int64_t* changes
        double* buckets
        int64_t began_ns, now_ns, since_ns, messages, late, breaks, refused
        int64_t price_e9[2][10]
        int64_t quantity[2][10]
        int32_t count[2]
        int32_t quoted
        int64_t spread_e9, mid2_e9
        double relative
        int64_t quoted_ns
        gm_i128 spread_ns
        double relative_ns
        int64_t ofi[10]
        int32_t bounded[2]
        int64_t buys, sells, unsigned_trades, buy_volume, sell_volume, volume, last_e9, direction
        gm_i128 notional
        int64_t effective_count, effective_volume
        gm_i128 effective_cost
        double weight, weighted_effective, effective
        int64_t pending_head
        gm_realized_t realized[4]
        int64_t changes_head
        gm_i128 change_sum, change_product
        gm_bar_t bar
        int64_t bars_head
        int64_t vpin_changes
        double vpin_mean, vpin_squares, bucket_volume, bucket_buys
        int64_t buckets_head
        int64_t hawkes_ns, hawkes_count
        double hawkes_sum, hawkes_log
        int32_t recovering
        int64_t sweeps, widened, sweeps_lost
        gm_i128 sum_excess[4]
        gm_i128 sum_excess_ns
        int32_t busy
    ctypedef struct gm_ladder_t:
        int64_t* price_e9[2]
        int64_t* quantity[2]
        int32_t count[2]
    int gm_stream_init(gm_stream_t* s, const gm_stream_options_t* o) noexcept
    void gm_stream_free(gm_stream_t* s) noexcept
    void gm_stream_copy(gm_stream_t* to, const gm_stream_t* source) noexcept
    void gm_stream_advance(gm_stream_t* s, int64_t time_ns) noexcept
    void gm_stream_levels(gm_stream_t* s, int64_t time_ns, int sides, const int64_t** price_e9, const int64_t** quantity,
                          const int32_t* count) noexcept
    void gm_stream_trade(gm_stream_t* s, int64_t time_ns, int64_t price_e9, int64_t quantity, int side) noexcept
    int64_t gm_stream_apply(gm_stream_t* s, gm_feed_t* f, gm_book_t* b, const gm_message_t* rows, int64_t n, int whole, int64_t* first,
                            int* what) noexcept
    void gm_stream_tap(gm_tap_t* tap, gm_stream_t* s) noexcept
    gm_i128 gm_ladder_walk(const gm_ladder_t* l, int side, int64_t quantity, int64_t* filled, int64_t* marginal_e9) noexcept
    gm_i128 gm_ladder_excess2(const gm_ladder_t* l, int side, int64_t quantity, gm_i128 money) noexcept
    double gm_ladder_total(const gm_ladder_t* l, int side) noexcept
    double gm_ladder_by_place(const gm_ladder_t* l, int side, double decay) noexcept
    double gm_ladder_by_distance(const gm_ladder_t* l, int side, double reference_spread) noexcept

cdef extern from *:
    """
    static inline double gm_real(gm_i128 x) { return (double)x; }
    """
    double gm_real(gm_i128 x) noexcept nogil

LEVELS_MAX = GM_STREAM_LEVELS
PRICE_MAX_E9 = GM_STREAM_PRICE_MAX
SNAPSHOT_LEVELS_MAX = 1000

#: A bar as `Stream.bars` gives it. Prices of trades in 1e-9, INT64_MIN in a bar without trades; `mid_open`, `mid_close` and `depth` are
#: NaN without a quote then; `spread` (currency) and `spread_bps` are time-weighted over `quoted_ns`, NaN where that is 0; `whole`: heard
#: from begin to end.
BAR_DTYPE = np.dtype([
    ("start_ns", "<i8"), ("open_e9", "<i8"), ("high_e9", "<i8"), ("low_e9", "<i8"), ("close_e9", "<i8"), ("volume", "<i8"),
    ("buy_volume", "<i8"), ("sell_volume", "<i8"), ("trades", "<i8"), ("ofi", "<i8"), ("quoted_ns", "<i8"), ("whole", "<i8"),
    ("notional", "<f8"), ("mid_open", "<f8"), ("mid_close", "<f8"), ("spread", "<f8"), ("spread_bps", "<f8"), ("depth", "<f8"),
])


# ---- the stream

cdef class Stream(Tap):
    """The native state behind `FlowEstimators`, which says what each of these is.

    Parameters
    ----------
    levels : 1 to 10; bar_ns, gap_ns : > 0, gap_ns at most bars * bar_ns
    bars, trades, changes, buckets : capacities of the rings, 1 to 2**20
    horizons_ns : four, > 0; delays_ns : four, ascending from 0
    """

    cdef gm_stream_t* s

    def __cinit__(self, *, int32_t levels=5, int64_t bar_ns=60_000_000_000, int64_t gap_ns=3_600_000_000_000, int32_t bars=1024,
                  int32_t trades=8192, int32_t changes=512, int32_t buckets=50, horizons_ns=(10**9, 10**10, 6 * 10**10, 3 * 10**11),
                  delays_ns=(0, 10**9, 5 * 10**9, 10**10), bint trust_sides=True, int64_t vpin_bucket=0, double vpin_sigma=0.0,
                  double sweep_share=1.0, double reference_spread=0.0005, hawkes=(0.0, 0.0, 1.0)):
        cdef gm_stream_options_t o
        cdef int k
        memset(&o, 0, sizeof(o))
        o.levels, o.bar_ns, o.gap_ns = levels, bar_ns, gap_ns
        o.bars, o.trades, o.changes, o.buckets = bars, trades, changes, buckets
        o.trust_sides, o.vpin_bucket, o.vpin_sigma = trust_sides, vpin_bucket, vpin_sigma
        o.sweep_share, o.reference_spread = sweep_share, reference_spread
        o.hawkes_mu, o.hawkes_alpha, o.hawkes_beta = hawkes
        for k in range(GM_STREAM_HORIZONS):
            o.horizon_ns[k] = horizons_ns[k]
            o.delay_ns[k] = delays_ns[k]
            if not 0 < o.horizon_ns[k] < 1 << 60 or not 0 <= o.delay_ns[k] < 1 << 60 or (k > 0 and o.delay_ns[k] <= o.delay_ns[k - 1]):
                raise ValueError("horizons_ns or delays_ns is out of range")
        if not 1 <= levels <= GM_STREAM_LEVELS or not 0 < bar_ns < 1 << 60 or min(bars, trades, changes, buckets) < 1 \
                or max(bars, trades, changes, buckets) > 1 << 20 or not 0 < gap_ns <= min(bars * bar_ns, (1 << 60)) or o.delay_ns[0] != 0 \
                or not 0 <= vpin_bucket < 1 << 53 or not vpin_sigma >= 0 or not sweep_share > 0 or not 0 < reference_spread < 1 \
                or not o.hawkes_mu >= 0 or not o.hawkes_alpha >= 0 or not o.hawkes_beta > 0:
            raise ValueError("an option is out of range")
        self.s = <gm_stream_t*>calloc(1, sizeof(gm_stream_t))
        if self.s == NULL or gm_stream_init(self.s, &o) != 0:
            raise MemoryError("the estimators could not be reserved")

    def __dealloc__(self):
        if self.s != NULL:
            gm_stream_free(self.s)
            free(self.s)

    cdef gm_stream_t* _get(self) except NULL:
        if self.s.busy:
            raise RuntimeError("another thread is feeding these estimators")
        return self.s

    def to_engine(self):
        """Makes it an ear for `Core.listen`: from then on the engine feeds it, and it is read through `Core.copy_tap`."""
        gm_stream_tap(&self.tap, self._get())

    cdef int fits(self, Tap other) except -1:
        if not isinstance(other, Stream):
            raise TypeError(f"into is {value_text(other)}, must be of the estimators' kind")
        cdef gm_stream_options_t* a = &self.s.o
        cdef gm_stream_options_t* b = &(<Stream>other)._get().o
        if a.bars != b.bars or a.trades != b.trades or a.changes != b.changes or a.buckets != b.buckets or other is self:
            raise ValueError("into must have the same options, and be another")
        return 0

    cdef void copy_into(self, Tap other) noexcept:
        gm_stream_copy((<Stream>other).s, self.s)

    # -- in

    def advance(self, time_ns):
        """Time goes on to `time_ns` and nothing happens; times that go back are counted in `late`."""
        gm_stream_advance(self._get(), int_argument(time_ns, "time_ns", 0, INT64_MAX >> 1))

    def quote(self, time_ns, bid, bid_quantity, ask, ask_quantity):
        """The best bid and offer from `time_ns` on. Prices as of an order; None: nobody there."""
        cdef int64_t price[2]
        cdef int64_t amount[2]
        cdef int32_t count[2]
        cdef const int64_t* prices[2]
        cdef const int64_t* amounts[2]
        cdef int64_t at = int_argument(time_ns, "time_ns", 0, INT64_MAX >> 1)
        cdef int side
        for side, (name, value, quantity) in enumerate((("bid", bid, bid_quantity), ("ask", ask, ask_quantity))):
            count[side] = value is not None
            price[side] = amount[side] = 0
            if value is not None:
                price[side] = _price(value, name)
                amount[side] = int_argument(quantity, name + "_quantity", 1, GM_STREAM_QUANTITY_MAX - 1)
            prices[side] = &price[side]
            amounts[side] = &amount[side]
        self._unbound()
        gm_stream_levels(self.s, at, 3, prices, amounts, count)

    def depth(self, time_ns, BookSnapshot book not None):
        """The best levels of both sides from `time_ns` on; those beyond `levels` are left out."""
        cdef int64_t at = int_argument(time_ns, "time_ns", 0, INT64_MAX >> 1)
        cdef const int64_t* prices[2]
        cdef const int64_t* amounts[2]
        cdef int side
        for side in range(2):
            prices[side] = book.ladder.price_e9[side]
            amounts[side] = book.ladder.quantity[side]
        self._unbound()
        gm_stream_levels(self.s, at, 3, prices, amounts, book.ladder.count)

    def trade(self, time_ns, price, quantity, side=None):
        """A trade, against the quote before it. side: "buy" or "sell" of who took, +1 or -1; None: Lee and Ready's rule."""
        cdef int64_t at = int_argument(time_ns, "time_ns", 0, INT64_MAX >> 1)
        cdef int64_t price_e9 = _price(price, "price"), amount = int_argument(quantity, "quantity", 1, GM_STREAM_QUANTITY_MAX - 1)
        cdef int sign = 0
        if side is not None:
            if isinstance(side, bool) or side not in ("buy", "sell", 1, -1):
                raise ValueError(f"side is {value_text(side)}, must be 'buy', 'sell', 1, -1 or None")
            sign = 1 if side in ("buy", 1) else -1
        self._get()
        gm_stream_trade(self.s, at, price_e9, amount, sign)

    cdef int _unbound(self) except -1:
        """Levels come from elsewhere than from a book."""
        cdef gm_stream_t* s = self._get()
        s.bounded[0] = s.bounded[1] = 0
        return 0

    def apply(self, messages, OrderBook book not None, *, bint whole=True):
        """Applies the messages to `book` as its own `apply` does, and hears what they say, in one loop without the GIL.

        Parameters
        ----------
        messages : (n,) MESSAGE_DTYPE, contiguous; read-only and memory-mapped arrays too
        book : OrderBook; the same one for all that these estimators are fed
        whole : the last row ends what the feed said at once (rows of one sequence, or up to FLAG_LAST); False: it goes on

        Returns
        -------
        int, the messages that fitted the book
        """
        cdef const unsigned char[::1] raw = record_bytes(messages, MESSAGE_DTYPE, "messages", "MESSAGE_DTYPE")
        cdef int64_t n = raw.shape[0] // <Py_ssize_t>sizeof(gm_message_t), first = -1, failed
        cdef gm_stream_t* s = self._get()
        cdef gm_book_t* b = book._get()
        cdef const gm_message_t* rows = <const gm_message_t*>&raw[0] if n else NULL
        cdef int problem = 0
        book.own_busy = True
        s.busy = 1
        with nogil:
            failed = gm_stream_apply(s, &book.feed, b, rows, n, whole, &first, &problem)
        s.busy = 0
        book.own_busy = False
        book.applied += n - failed
        if failed:
            book._failed(rows, first, problem, False)
        return n - failed

    # -- out

    @property
    def levels(self):
        """Levels of a side that are kept."""
        return self.s.o.levels

    @property
    def now_ns(self):
        """The time reached; None before the first message."""
        return None if self.s.now_ns == GM_NO_TIME else self.s.now_ns

    @property
    def messages(self):
        return self.s.messages

    @property
    def mid(self):
        """Half-way between bid and ask; Unknown without a quote."""
        cdef gm_stream_t* s = self._get()
        return s.mid2_e9 / 2e9 if s.quoted else Unknown("no quote on both sides, or crossed")

    @property
    def spread(self):
        """Best offer less best bid, currency, now."""
        cdef gm_stream_t* s = self._get()
        return s.spread_e9 / 1e9 if s.quoted else Unknown("no quote on both sides, or crossed")

    @property
    def imbalance(self):
        """(q_bid - q_ask) / (q_bid + q_ask) at the touch, from -1 to 1; 0 without any quantity."""
        cdef gm_stream_t* s = self._get()
        return _imbalance(<double>s.quantity[0][0], <double>s.quantity[1][0])

    @property
    def depth_imbalance(self):
        """The same over all levels kept."""
        cdef gm_stream_t* s = self._get()
        cdef double sums[2]
        cdef int side, k
        for side in range(2):
            sums[side] = 0.0
            for k in range(s.count[side]):
                sums[side] += <double>s.quantity[side][k]
        return _imbalance(sums[0], sums[1])

    @property
    def weighted_mid(self):
        """(q_ask bid + q_bid ask) / (q_bid + q_ask), currency: a bigger bid pushes it towards the ask."""
        cdef gm_stream_t* s = self._get()
        if not s.quoted:
            return Unknown("no quote on both sides, or crossed")
        return _weighted_mid(s.price_e9[0][0], s.quantity[0][0], s.price_e9[1][0], s.quantity[1][0])

    @property
    def ofi(self):
        """Order flow imbalance at the touch since the begin, steps."""
        return self._get().ofi[0]

    @property
    def multi_level_ofi(self):
        """Order flow imbalance by level, the touch first."""
        cdef gm_stream_t* s = self._get()
        return tuple([s.ofi[k] for k in range(s.o.levels)])

    def bars(self, n=None):
        """The last `n` closed bars (None: all that are kept), oldest first: an array of BAR_DTYPE."""
        cdef gm_stream_t* s = self._get()
        cdef int64_t kept = min(s.bars_head, s.o.bars), k
        cdef int64_t count = kept if n is None else min(kept, int_argument(n, "n", 0, INT64_MAX))
        out = np.empty(count, BAR_DTYPE)
        for k in range(count):
            out[k] = _bar_row(&s.bars[(s.bars_head - count + k) % s.o.bars])
        return out

    def open_bar(self):
        """The bar that has not ended, as it is: (1,) BAR_DTYPE, the standing quote counted up to now. Empty before the first message."""
        cdef gm_stream_t* s = self._get()
        cdef gm_bar_t b
        cdef int64_t passed
        if s.now_ns == GM_NO_TIME:
            return np.empty(0, BAR_DTYPE)
        b = s.bar
        out = np.empty(1, BAR_DTYPE)
        row = list(_bar_row(&b))
        if s.quoted:
            passed = s.now_ns - s.since_ns
            quoted = b.quoted_ns + passed
            row[10] = quoted
            row[14] = s.mid2_e9 / 2e9
            if quoted:
                row[15] = (i128_to_int(b.spread_ns) + s.spread_e9 * int(passed)) / quoted / 1e9
                row[16] = (b.relative_ns + s.relative * passed) / quoted * 1e4
        row[11] = 0
        out[0] = tuple(row)
        return out

    def state(self):
        """Every sum as it is: {name: value}, integers exactly. For tests, and for what is computed from them."""
        cdef gm_stream_t* s = self._get()
        cdef int k, side
        cdef int64_t pairs = min(s.changes_head, s.o.changes)
        return {
            "began_ns": self.began_ns, "now_ns": self.now_ns, "since_ns": s.since_ns, "messages": s.messages, "late": s.late,
            "breaks": s.breaks, "refused": s.refused, "quoted": bool(s.quoted), "spread_e9": s.spread_e9, "mid2_e9": s.mid2_e9,
            "relative": s.relative, "quoted_ns": s.quoted_ns, "spread_ns": i128_to_int(s.spread_ns), "relative_ns": s.relative_ns,
            "levels": [[(s.price_e9[side][k], s.quantity[side][k]) for k in range(s.count[side])] for side in range(2)],
            "ofi": [s.ofi[k] for k in range(s.o.levels)],
            "buys": s.buys, "sells": s.sells, "unsigned": s.unsigned_trades, "buy_volume": s.buy_volume,
            "sell_volume": s.sell_volume, "volume": s.volume, "last_e9": s.last_e9, "direction": s.direction,
            "notional_e9": i128_to_int(s.notional), "effective_count": s.effective_count, "effective_volume": s.effective_volume,
            "effective_cost_e9": i128_to_int(s.effective_cost), "weight": s.weight, "weighted_effective": s.weighted_effective,
            "effective": s.effective,
            "realized": [{
                "count": s.realized[k].count, "unquoted": s.realized[k].unquoted, "dropped": s.realized[k].dropped,
                "waiting": s.pending_head - s.realized[k].next, "weight": s.realized[k].weight,
                "weighted_effective": s.realized[k].weighted_effective, "weighted_realized": s.realized[k].weighted_realized,
                "effective": s.realized[k].effective, "realized": s.realized[k].realized,
            } for k in range(GM_STREAM_HORIZONS)],
            "changes": pairs, "change_sum_e9": i128_to_int(s.change_sum), "change_product_e18": i128_to_int(s.change_product),
            "change_first_e9": 0 if pairs == 0 else s.changes[(s.changes_head - pairs) % s.o.changes],
            "change_last_e9": 0 if pairs == 0 else s.changes[(s.changes_head - 1) % s.o.changes],
            "bars": s.bars_head, "vpin_changes": s.vpin_changes, "bucket_volume": s.bucket_volume, "bucket_buys": s.bucket_buys,
            "buckets": s.buckets_head, "hawkes_ns": s.hawkes_ns, "hawkes_count": s.hawkes_count, "hawkes_sum": s.hawkes_sum,
            "hawkes_log": s.hawkes_log, "recovering": bool(s.recovering), "sweeps": s.sweeps, "widened": s.widened, "sweeps_lost": s.sweeps_lost,
            "excess_e9": [i128_to_int(s.sum_excess[k]) for k in range(GM_STREAM_DELAYS)],
            "excess_ns": i128_to_int(s.sum_excess_ns),
        }

    @property
    def began_ns(self):
        """Time of the first message; None before it."""
        return None if self.s.began_ns == GM_NO_TIME else self.s.began_ns

    def bucket_imbalances(self):
        """|V_buy - V_sell| of the last full VPIN buckets, oldest first: (n,) float64."""
        cdef gm_stream_t* s = self._get()
        cdef int64_t count = min(s.buckets_head, s.o.buckets)
        return np.array([s.buckets[(s.buckets_head - count + k) % s.o.buckets] for k in range(count)], np.float64)


cdef int64_t _price(object value, str name) except -1:
    cdef int64_t price = to_e9(value, name)
    if not 0 < price < GM_STREAM_PRICE_MAX:
        raise ValueError(f"{name} is {value_text(value)}, must be > 0 and below {GM_STREAM_PRICE_MAX / 1e9:.0f}")
    return price


cdef tuple _bar_row(const gm_bar_t* b):
    cdef bint quoted = b.quoted_ns > 0
    return (
        b.start_ns, b.open_e9, b.high_e9, b.low_e9, b.close_e9, b.volume, b.buy_volume, b.sell_volume, b.trades, b.ofi, b.quoted_ns,
        b.whole, gm_real(b.notional) / 1e9, b.mid2_open / 2e9 if b.mid2_open else NAN, b.mid2_close / 2e9 if b.mid2_close else NAN,
        gm_real(b.spread_ns) / b.quoted_ns / 1e9 if quoted else NAN, b.relative_ns / b.quoted_ns * 1e4 if quoted else NAN, b.depth,
    )


cdef inline double _imbalance(double bids, double asks) noexcept:
    return (bids - asks) / (bids + asks) if bids + asks > 0.0 else 0.0


cdef inline double _weighted_mid(int64_t bid, int64_t bid_quantity, int64_t ask, int64_t ask_quantity) noexcept:
    cdef double b = <double>bid_quantity, a = <double>ask_quantity
    return (<double>bid + (<double>(ask - bid)) * (b / (a + b))) / 1e9


cdef object _worse(object buy, object sell):
    if not PyFloat_CheckExact(buy):
        return buy
    return sell if not PyFloat_CheckExact(sell) or <double>sell > <double>buy else buy


# ---- one book

cdef class BookSnapshot:
    """The best levels of both sides at one moment.

    Parameters
    ----------
    rows : (n, 4) int64: ask price_e9, ask quantity, bid price_e9, bid quantity, best first; a level without quantity is none
    symbol, time_ns, source : whose, when (UTC nanoseconds, or None), and where it comes from

    Raises
    ------
    ValueError  naming the level whose price does not follow the one before, or whose quantity is negative
    """

    cdef gm_ladder_t ladder
    cdef int64_t* cells
    cdef readonly object symbol, time_ns, source

    def __cinit__(self, rows, *, symbol=None, time_ns=None, source=None):
        cdef const int64_t[:, ::1] view
        cdef int64_t k, n, price, amount
        cdef int side
        cdef int32_t at
        if not isinstance(rows, np.ndarray) or rows.dtype != np.int64 or rows.ndim != 2 or rows.shape[1] != 4:
            raise TypeError(f"rows is {value_text(rows)}, must be an (n, 4) array of int64")
        n = rows.shape[0]
        if n > SNAPSHOT_LEVELS_MAX:
            raise ValueError(f"rows has {n} levels, must have at most {SNAPSHOT_LEVELS_MAX}")
        self.symbol, self.time_ns, self.source = symbol, time_ns, source
        self.cells = <int64_t*>calloc(4 * max(n, 1), sizeof(int64_t))
        if self.cells == NULL:
            raise MemoryError("the snapshot could not be reserved")
        for side in range(2):
            self.ladder.price_e9[side] = self.cells + 2 * side * n
            self.ladder.quantity[side] = self.cells + (2 * side + 1) * n
        if n == 0:
            return
        view = np.ascontiguousarray(rows)
        for side in range(2):
            name = "asks" if side else "bids"
            for k in range(n):
                price, amount = view[k, 0 if side else 2], view[k, 1 if side else 3]
                if price == GM_NO_PRICE or amount == 0:
                    continue
                at = self.ladder.count[side]
                if not 0 < price < GM_STREAM_PRICE_MAX:
                    raise ValueError(f"{name}[{k}]: price_e9 is {price}, must be > 0 and below 2**53")
                if not 0 < amount < GM_STREAM_QUANTITY_MAX:
                    raise ValueError(f"{name}[{k}]: quantity is {amount}, must be > 0 and below 2**53")
                if at and (price <= self.ladder.price_e9[side][at - 1]) == (side == 1):
                    raise ValueError(f"{name}[{k}]: price_e9 is {price}, must be {'above' if side else 'below'} the "
                                     f"{self.ladder.price_e9[side][at - 1]} before it")
                if at and price == self.ladder.price_e9[side][at - 1]:
                    raise ValueError(f"{name}[{k}]: price_e9 is {price}, which is there twice")
                self.ladder.price_e9[side][at] = price
                self.ladder.quantity[side][at] = amount
                self.ladder.count[side] = at + 1

    def __init__(self, rows, *, symbol=None, time_ns=None, source=None):
        pass

    def __dealloc__(self):
        free(self.cells)

    cdef object _side(self, int side):
        out = np.empty(self.ladder.count[side], LEVEL_DTYPE)
        for k in range(self.ladder.count[side]):
            out[k] = (self.ladder.price_e9[side][k], self.ladder.quantity[side][k], -1)
        return out

    @property
    def bids(self):
        """Best first: a structured array of LEVEL_DTYPE; nobody told the number of orders."""
        return self._side(0)

    @property
    def asks(self):
        """Best first, as `bids`."""
        return self._side(1)

    @property
    def best_bid(self):
        return self.ladder.price_e9[0][0] / 1e9 if self.ladder.count[0] else Unknown("no bids")

    @property
    def best_ask(self):
        return self.ladder.price_e9[1][0] / 1e9 if self.ladder.count[1] else Unknown("no asks")

    def __await__(self):
        """At once: the snapshot itself."""
        return self
        yield

    def __len__(self):
        """Levels of the deeper side."""
        return max(self.ladder.count[0], self.ladder.count[1])

    def __repr__(self):
        return (f"BookSnapshot({self.symbol}: {self.ladder.count[0]} bids to {self.best_bid:.4f}, "
                f"{self.ladder.count[1]} asks from {self.best_ask:.4f})")


cdef BookSnapshot _NO_BOOK = BookSnapshot(np.empty((0, 4), np.int64))


@cython.final
cdef class Walk:
    """What taking a quantity from one side of a book brings. Prices in currency, slippage positive where it is worse."""

    cdef readonly int64_t quantity, filled
    cdef readonly double average_price, marginal_price      # NaN: nothing filled
    cdef readonly double slippage_mid, slippage_touch       # of the average; NaN: nothing filled, or no mid
    cdef readonly str side

    @property
    def unfilled(self):
        """What the book does not show."""
        return self.quantity - self.filled


@cython.final
cdef class BookAnalysis:
    """The figures of one book, each computed when it is asked for.

    `spread`, `effective_spread`, prices and impacts are in the quote currency, with `_bps` twins (basis points of the mid).
    What the book cannot tell is Unknown with the reason.

    Parameters
    ----------
    book : BookSnapshot
    reference_quantity : of `effective_spread`, steps
    decay : of `weighted_imbalance`: level l (from 0) counts exp(-l / decay)
    reference_spread : of `depth`, a fraction: a level counts exp(-|p - mid| / (2 S0 mid))
    """

    cdef readonly BookSnapshot book
    cdef readonly int64_t reference_quantity
    cdef readonly double decay, reference_spread

    def __cinit__(self):
        self.book = _NO_BOOK            # never None: no method has to ask

    def __init__(self, BookSnapshot book not None, reference_quantity=100, decay=3.0, reference_spread=0.0005):
        self.reference_quantity = int_argument(reference_quantity, "reference_quantity", 1, GM_STREAM_QUANTITY_MAX - 1)
        self.decay = positive_argument(decay, "decay")
        self.reference_spread = positive_argument(reference_spread, "reference_spread")
        self.book = book

    def of(self, BookSnapshot book not None):
        """The same figures of another book."""
        cdef BookAnalysis other = BookAnalysis.__new__(BookAnalysis)
        other.book, other.reference_quantity, other.decay = book, self.reference_quantity, self.decay
        other.reference_spread = self.reference_spread
        return other

    cdef object _without_mid(self):
        """Why there is no mid; None: there is one."""
        cdef const gm_ladder_t* l = &self.book.ladder
        if l.count[0] == 0 or l.count[1] == 0:
            return Unknown("no bids" if l.count[0] == 0 else "no asks")
        return Unknown("the book is crossed") if l.price_e9[0][0] > l.price_e9[1][0] else None

    cdef double _mid(self) noexcept:
        return (<double>self.book.ladder.price_e9[0][0] + <double>self.book.ladder.price_e9[1][0]) / 2e9

    cdef double _touch(self) noexcept:
        cdef const gm_ladder_t* l = &self.book.ladder
        return _imbalance(<double>l.quantity[0][0] if l.count[0] else 0.0, <double>l.quantity[1][0] if l.count[1] else 0.0)

    cdef double _near(self) noexcept:
        return _imbalance(gm_ladder_by_place(&self.book.ladder, 0, self.decay), gm_ladder_by_place(&self.book.ladder, 1, self.decay))

    cdef double _leaning(self) noexcept:
        cdef const gm_ladder_t* l = &self.book.ladder
        return _weighted_mid(l.price_e9[0][0], l.quantity[0][0], l.price_e9[1][0], l.quantity[1][0])

    cdef double _depth(self) noexcept:
        cdef const gm_ladder_t* l = &self.book.ladder
        if l.count[0] == 0 or l.count[1] == 0:
            return 0.0
        return min(gm_ladder_by_distance(l, 0, self.reference_spread), gm_ladder_by_distance(l, 1, self.reference_spread))

    cdef object _round_trip(self):
        buy, sell = self._impact(1, self.reference_quantity), self._impact(0, self.reference_quantity)
        if not PyFloat_CheckExact(buy):
            return buy
        return <double>buy + <double>sell if PyFloat_CheckExact(sell) else sell

    cdef object _bps(self, object value):
        return <double>value / self._mid() * 1e4 if PyFloat_CheckExact(value) else value

    @property
    def mid(self):
        reason = self._without_mid()
        return self._mid() if reason is None else reason

    @property
    def spread(self):
        """Best offer less best bid."""
        reason = self._without_mid()
        return (self.book.ladder.price_e9[1][0] - self.book.ladder.price_e9[0][0]) / 1e9 if reason is None else reason

    @property
    def spread_bps(self):
        return self._bps(self.spread)

    @property
    def imbalance(self):
        """(q_bid - q_ask) / (q_bid + q_ask) at the touch, from -1 to 1; 0 of an empty book."""
        return self._touch()

    @property
    def depth_imbalance(self):
        """The same over all levels."""
        return _imbalance(gm_ladder_total(&self.book.ladder, 0), gm_ladder_total(&self.book.ladder, 1))

    @property
    def weighted_imbalance(self):
        """The same over all levels, the nearer counting more: exp(-l / decay)."""
        return self._near()

    @property
    def weighted_mid(self):
        """(q_ask bid + q_bid ask) / (q_bid + q_ask)."""
        reason = self._without_mid()
        return self._leaning() if reason is None else reason

    @property
    def bid_depth(self):
        """Steps bid on all levels."""
        return gm_ladder_total(&self.book.ladder, 0)

    @property
    def ask_depth(self):
        return gm_ladder_total(&self.book.ladder, 1)

    @property
    def depth(self):
        """Steps on the thinner side, those far from the mid counting less: sum of q exp(-|p - mid| / (2 S0 mid)); 0 where a side is empty."""
        return self._depth()

    @property
    def effective_spread(self):
        """What a round trip of `reference_quantity` costs a unit: its average offer less its average bid."""
        return self._round_trip()

    @property
    def effective_spread_bps(self):
        return self._bps(self.effective_spread)

    cdef object _impact(self, int side, int64_t quantity):
        """How far the average price of `quantity` taken from a side lies beyond the mid."""
        cdef const gm_ladder_t* l = &self.book.ladder
        cdef int64_t filled = 0, marginal = 0
        cdef gm_i128 money
        reason = self._without_mid()
        if reason is not None:
            return reason
        money = gm_ladder_walk(l, side, quantity, &filled, &marginal)
        if filled < quantity:
            return Unknown(f"the {'asks' if side else 'bids'} show {filled} of {quantity}")
        return gm_real(gm_ladder_excess2(l, side, quantity, money)) / (2e9 * <double>quantity)

    def price_impact(self, quantity, side=None):
        """Average price of `quantity` against the mid, in currency: of a "buy", of a "sell", or (None) the worse of both."""
        cdef int64_t q = int_argument(quantity, "quantity", 1, GM_STREAM_QUANTITY_MAX - 1)
        if side is not None:
            if side not in ("buy", "sell"):
                raise ValueError(f"side is {value_text(side)}, must be 'buy', 'sell' or None")
            return self._impact(1 if side == "buy" else 0, q)
        return self._worse(q)

    cdef object _worse(self, int64_t quantity):
        return _worse(self._impact(1, quantity), self._impact(0, quantity))

    def price_impact_bps(self, quantity, side=None):
        return self._bps(self.price_impact(quantity, side))

    @property
    def price_impact_100(self):
        """The worse side's average price of 100 units against the mid."""
        return self._worse(100)

    @property
    def price_impact_1000(self):
        return self._worse(1000)

    @property
    def price_impact_100_bps(self):
        return self._bps(self._worse(100))

    @property
    def price_impact_1000_bps(self):
        return self._bps(self._worse(1000))

    def walk(self, side, quantity):
        """Taking `quantity` at market, "buy" from the asks or "sell" to the bids: a Walk. It may fill in part."""
        cdef const gm_ladder_t* l = &self.book.ladder
        cdef int64_t q = int_argument(quantity, "quantity", 1, GM_STREAM_QUANTITY_MAX - 1), filled = 0, marginal = 0
        cdef int taken
        cdef gm_i128 money
        cdef Walk w = Walk.__new__(Walk)
        if side not in ("buy", "sell"):
            raise ValueError(f"side is {value_text(side)}, must be 'buy' or 'sell'")
        taken = 1 if side == "buy" else 0
        money = gm_ladder_walk(l, taken, q, &filled, &marginal)
        w.side, w.quantity, w.filled = side, q, filled
        w.average_price = w.marginal_price = w.slippage_mid = w.slippage_touch = NAN
        if filled:
            w.average_price = gm_real(money) / (1e9 * <double>filled)
            w.marginal_price = marginal / 1e9
            touch = l.price_e9[taken][0]
            exact = i128_to_int(money) - touch * filled
            w.slippage_touch = (exact if taken else -exact) / filled / 1e9
            if l.count[1 - taken]:
                w.slippage_mid = gm_real(gm_ladder_excess2(l, taken, filled, money)) / (2e9 * <double>filled)
        return w

    def __await__(self):
        """At once: the analysis itself."""
        return self
        yield

    def as_dict(self):
        """Every figure by its name; `buy_` and `sell_` are the sides of the impacts."""
        cdef const gm_ladder_t* l = &self.book.ladder
        cdef double bids = gm_ladder_total(l, 0), asks = gm_ladder_total(l, 1)
        reason = self._without_mid()
        buy_100, sell_100 = self._impact(1, 100), self._impact(0, 100)
        buy_1000, sell_1000 = self._impact(1, 1000), self._impact(0, 1000)
        effective = self._round_trip()
        spread = (l.price_e9[1][0] - l.price_e9[0][0]) / 1e9 if reason is None else reason
        worst_100, worst_1000 = _worse(buy_100, sell_100), _worse(buy_1000, sell_1000)
        return {
            "mid": self._mid() if reason is None else reason, "spread": spread, "imbalance": self._touch(),
            "effective_spread": effective, "price_impact_100": worst_100, "price_impact_1000": worst_1000,
            "weighted_mid": self._leaning() if reason is None else reason, "depth": self._depth(),
            "depth_imbalance": _imbalance(bids, asks), "weighted_imbalance": self._near(), "bid_depth": bids, "ask_depth": asks,
            "spread_bps": self._bps(spread), "effective_spread_bps": self._bps(effective), "price_impact_100_bps": self._bps(worst_100),
            "price_impact_1000_bps": self._bps(worst_1000), "buy_impact_100": buy_100, "sell_impact_100": sell_100,
            "buy_impact_1000": buy_1000, "sell_impact_1000": sell_1000,
        }

    def __repr__(self):
        figures = self.as_dict()
        return f"BookAnalysis({', '.join(f'{name}={figures[name]:.6g}' for name in list(figures)[:8])})"
