# cython: language_level=3, auto_pickle=False
"""Streaming estimators of market microstructure, and the figures of one book. Bodies: include/flow.h, kernels/flow.c."""
import numpy as np

cimport cython
from cpython.bool cimport PyBool_Check
from cpython.float cimport PyFloat_CheckExact
from libc.stdint cimport INT64_MAX, int32_t, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from grandmodel.execution._core.arguments cimport value_text
from grandmodel.execution._core.book cimport OrderBook, gm_book_t, gm_feed_t, message_bytes, to_e9
from grandmodel.execution._core.records cimport GM_NO_PRICE, gm_message_t
from grandmodel.execution._core.scoring cimport Tap, gm_tap_t
from grandmodel.execution._core.book import LEVEL_DTYPE
from grandmodel.execution._core.values import Unknown

cdef extern from "flow.h" nogil:
    enum: GM_STREAM_LEVELS
    enum: GM_STREAM_HORIZONS
    enum: GM_STREAM_DELAYS
    enum: GM_STREAM_NUMBERS
    enum: GM_STREAM_REALS
    enum: GM_BAR_NUMBERS
    enum: GM_BAR_REALS
    int64_t GM_STREAM_QUANTITY_MAX
    int64_t GM_STREAM_PRICE_MAX
    int64_t GM_NO_TIME
    ctypedef struct gm_stream_options_t:
        int64_t bar_ns, gap_ns, vpin_bucket
        int64_t horizon_ns[4]
        int64_t delay_ns[4]
        int32_t levels, bars, trades, changes, buckets, trust_sides
        double vpin_sigma, sweep_share, reference_spread, hawkes_mu, hawkes_alpha, hawkes_beta
    ctypedef struct gm_stream_t:
        gm_stream_options_t o
        double* buckets
        int64_t now_ns, messages
        int64_t price_e9[2][10]
        int64_t quantity[2][10]
        int32_t count[2]
        int32_t quoted
        int64_t spread_e9, mid2_e9
        int64_t ofi[10]
        int32_t bounded[2]
        int64_t bars_head, buckets_head
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
    void gm_stream_numbers(const gm_stream_t* s, int64_t* numbers, double* reals) noexcept
    void gm_stream_bar(const gm_stream_t* s, int64_t back, int64_t* numbers, double* reals) noexcept
    double gm_ladder_impact(const gm_ladder_t* l, int side, int64_t quantity, int64_t* filled) noexcept
    double gm_ladder_total(const gm_ladder_t* l, int side) noexcept
    double gm_ladder_by_place(const gm_ladder_t* l, int side, double decay) noexcept
    double gm_ladder_by_distance(const gm_ladder_t* l, int side, double reference_spread) noexcept

LEVELS_MAX = GM_STREAM_LEVELS
SNAPSHOT_LEVELS_MAX = 1000


cdef int64_t _int(object value, str name, int64_t low, int64_t high) except? -1:
    """An int in [low, high]."""
    if PyBool_Check(value) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} is {value_text(value)}, must be an int")
    value = int(value)
    if not low <= value <= high:
        raise ValueError(f"{name} is {value_text(value)}, must be from {low} to {high}")
    return value


cdef int64_t _time(object value) except? -1:
    return _int(value, "time_ns", 0, INT64_MAX >> 1)


cdef int64_t _quantity(object value, str name) except? -1:
    return _int(value, name, 1, GM_STREAM_QUANTITY_MAX - 1)


cdef int64_t _price(object value, str name) except -1:
    cdef int64_t price = to_e9(value, name)
    if not 0 < price < GM_STREAM_PRICE_MAX:
        raise ValueError(f"{name} is {value_text(value)}, must be > 0 and below {GM_STREAM_PRICE_MAX / 1e9:.0f}")
    return price


cdef object _no_quote():
    return Unknown("no quote on both sides, or crossed")


cdef class _Done:
    """Ends an await at once, with what there is."""

    cdef object value

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration(self.value)


cdef object _awaited(object value):
    cdef _Done done = _Done.__new__(_Done)
    done.value = value
    return done


# ---- the stream

cdef class Stream(Tap):
    """The native state behind `FlowEstimators`, which says what each of these is and reads the arguments.

    Parameters
    ----------
    numbers : levels, bar_ns, gap_ns, bars, trades, changes, buckets, trust_sides, vpin_bucket, four horizons, four delays
    reals : vpin_sigma, sweep_share, reference_spread, hawkes mu, alpha, beta
    """

    cdef gm_stream_t* s

    def __cinit__(self, numbers, reals, *more, **named):
        cdef gm_stream_options_t o
        cdef int64_t n[17]
        cdef double r[6]
        cdef int k
        for k in range(17):
            n[k] = numbers[k]
        for k in range(6):
            r[k] = reals[k]
        memset(&o, 0, sizeof(o))
        o.levels, o.bar_ns, o.gap_ns, o.trust_sides, o.vpin_bucket = <int32_t>n[0], n[1], n[2], n[7] != 0, n[8]
        for k in range(3, 7):
            if not 1 <= n[k] <= 1 << 20:
                raise ValueError("a capacity is out of range")
        o.bars, o.trades, o.changes, o.buckets = <int32_t>n[3], <int32_t>n[4], <int32_t>n[5], <int32_t>n[6]
        for k in range(4):
            o.horizon_ns[k], o.delay_ns[k] = n[9 + k], n[13 + k]
            if not 0 < n[9 + k] < 1 << 60 or not 0 <= n[13 + k] < 1 << 60:
                raise ValueError("a horizon or delay is out of range")
        o.vpin_sigma, o.sweep_share, o.reference_spread, o.hawkes_mu, o.hawkes_alpha, o.hawkes_beta = r[0], r[1], r[2], r[3], r[4], r[5]
        if not 1 <= n[0] <= GM_STREAM_LEVELS or not 0 < n[1] < 1 << 60 or not 0 < n[2] <= n[1] * n[3] or not 0 <= n[8] < 1 << 53 \
                or not r[2] > 0 or not r[5] > 0:
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
        gm_stream_advance(self._get(), _time(time_ns))

    def quote(self, time_ns, bid, bid_quantity, ask, ask_quantity):
        """The best bid and offer from `time_ns` on. Prices as of an order; None: nobody there."""
        cdef int64_t price[2]
        cdef int64_t amount[2]
        cdef int32_t count[2]
        cdef const int64_t* prices[2]
        cdef const int64_t* amounts[2]
        cdef int64_t at = _time(time_ns)
        memset(price, 0, sizeof(price))
        memset(amount, 0, sizeof(amount))
        count[0], count[1] = bid is not None, ask is not None
        if count[0]:
            price[0], amount[0] = _price(bid, "bid"), _quantity(bid_quantity, "bid_quantity")
        if count[1]:
            price[1], amount[1] = _price(ask, "ask"), _quantity(ask_quantity, "ask_quantity")
        prices[0], prices[1], amounts[0], amounts[1] = &price[0], &price[1], &amount[0], &amount[1]
        self._levels(at, prices, amounts, count)

    def depth(self, time_ns, BookSnapshot book not None):
        """The best levels of both sides from `time_ns` on; those beyond `levels` are left out."""
        cdef const int64_t* prices[2]
        cdef const int64_t* amounts[2]
        prices[0], prices[1] = book.ladder.price_e9[0], book.ladder.price_e9[1]
        amounts[0], amounts[1] = book.ladder.quantity[0], book.ladder.quantity[1]
        self._levels(_time(time_ns), prices, amounts, book.ladder.count)

    cdef int _levels(self, int64_t at, const int64_t** prices, const int64_t** amounts, const int32_t* count) except -1:
        cdef gm_stream_t* s = self._get()
        s.bounded[0] = s.bounded[1] = 0         # they come from elsewhere than from a book
        gm_stream_levels(s, at, 3, prices, amounts, count)
        return 0

    def trade(self, time_ns, price, quantity, side=None):
        """A trade, against the quote before it. side: "buy" or "sell" of who took, +1 or -1; None: Lee and Ready's rule."""
        cdef int64_t at = _time(time_ns), price_e9 = _price(price, "price"), amount = _quantity(quantity, "quantity")
        cdef int sign = 0
        if side is not None:
            sign = 0 if PyBool_Check(side) else 1 if side in ("buy", 1) else -1 if side in ("sell", -1) else 0
            if sign == 0:
                raise ValueError(f"side is {value_text(side)}, must be 'buy', 'sell', 1, -1 or None")
        gm_stream_trade(self._get(), at, price_e9, amount, sign)

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
        cdef const unsigned char[::1] raw = message_bytes(messages)
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
    def mid(self):
        """Half-way between bid and ask; Unknown without a quote."""
        cdef gm_stream_t* s = self._get()
        return s.mid2_e9 / 2e9 if s.quoted else _no_quote()

    @property
    def spread(self):
        """Best offer less best bid, currency, now."""
        cdef gm_stream_t* s = self._get()
        return s.spread_e9 / 1e9 if s.quoted else _no_quote()

    @property
    def imbalance(self):
        """(q_bid - q_ask) / (q_bid + q_ask) at the touch, from -1 to 1; 0 without any quantity."""
        cdef gm_stream_t* s = self._get()
        return _imbalance(<double>s.quantity[0][0], <double>s.quantity[1][0])

    @property
    def weighted_mid(self):
        """(q_ask bid + q_bid ask) / (q_bid + q_ask), currency: a bigger bid pushes it towards the ask."""
        cdef gm_stream_t* s = self._get()
        return _weighted_mid(s.price_e9[0][0], s.quantity[0][0], s.price_e9[1][0], s.quantity[1][0]) if s.quoted else _no_quote()

    @property
    def ofi(self):
        """Order flow imbalance at the touch since the begin, steps."""
        return self._get().ofi[0]

    def numbers(self):
        """Every sum as it is: (integers, reals, levels), named by `FlowEstimators.state`."""
        cdef gm_stream_t* s = self._get()
        cdef int64_t n[GM_STREAM_NUMBERS]
        cdef double r[GM_STREAM_REALS]
        cdef int k, side
        gm_stream_numbers(s, n, r)
        return [n[k] for k in range(GM_STREAM_NUMBERS)], [r[k] for k in range(GM_STREAM_REALS)], [
            [(s.price_e9[side][k], s.quantity[side][k]) for k in range(s.count[side])] for side in range(2)]

    def bar_columns(self, int64_t n):
        """The last `n` closed bars at most, oldest first, or (-1) the open one: (integers, reals), a row each, named by `FlowEstimators.bars`."""
        cdef gm_stream_t* s = self._get()
        cdef int64_t numbers[GM_BAR_NUMBERS]
        cdef double reals[GM_BAR_REALS]
        cdef int64_t kept = min(s.bars_head, s.o.bars), k, j
        if n < 0:
            n = 0 if s.now_ns == GM_NO_TIME else -1
        else:
            n = min(n, kept)
        rows = []
        for k in range(n if n >= 0 else 1):
            gm_stream_bar(s, n - k if n >= 0 else 0, numbers, reals)
            rows.append(tuple([numbers[j] for j in range(GM_BAR_NUMBERS)] + [reals[j] for j in range(GM_BAR_REALS)]))
        return rows

    def bucket_imbalances(self):
        """|V_buy - V_sell| of the last full VPIN buckets, oldest first."""
        cdef gm_stream_t* s = self._get()
        cdef int64_t k, count = min(s.buckets_head, s.o.buckets)
        return [s.buckets[(s.buckets_head - count + k) % s.o.buckets] for k in range(count)]


cdef inline double _imbalance(double bids, double asks) noexcept:
    return (bids - asks) / (bids + asks) if bids + asks > 0.0 else 0.0


cdef double _weighted_mid(int64_t bid, int64_t bid_quantity, int64_t ask, int64_t ask_quantity) noexcept:
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
    ValueError  naming the level whose price does not follow the one before, or that is out of range
    """

    cdef gm_ladder_t ladder
    cdef int64_t* cells
    cdef readonly object symbol, time_ns, source

    def __cinit__(self, rows, *, symbol=None, time_ns=None, source=None):
        cdef const unsigned char[::1] raw
        cdef const int64_t* cell
        cdef int64_t k, n, price, amount
        cdef int64_t* prices
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
        raw = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
        for side in range(2):
            prices = self.ladder.price_e9[side]
            for k in range(n):
                cell = <const int64_t*>&raw[0] + 4 * k + (0 if side else 2)
                price, amount = cell[0], cell[1]
                if price == GM_NO_PRICE or amount == 0:
                    continue
                at = self.ladder.count[side]
                if not 0 < price < GM_STREAM_PRICE_MAX or not 0 < amount < GM_STREAM_QUANTITY_MAX \
                        or (at and (price <= prices[at - 1] if side else price >= prices[at - 1])):
                    raise ValueError(f"{'asks' if side else 'bids'}[{k}]: price_e9 is {price} and quantity {amount}, must be > 0 and below "
                                     f"2**53, and the price {'above' if side else 'below'} the one before")
                prices[at] = price
                self.ladder.quantity[side][at] = amount
                self.ladder.count[side] = at + 1

    def __init__(self, rows, *, symbol=None, time_ns=None, source=None):
        pass

    def __dealloc__(self):
        free(self.cells)

    cdef object _side(self, int side):
        return np.array([(self.ladder.price_e9[side][k], self.ladder.quantity[side][k], -1) for k in range(self.ladder.count[side])],
                        LEVEL_DTYPE)

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
        return _awaited(self)

    def __len__(self):
        """Levels of the deeper side."""
        return max(self.ladder.count[0], self.ladder.count[1])

    def __repr__(self):
        return f"BookSnapshot({self.symbol}, {self.best_bid} / {self.best_ask})"


cdef BookSnapshot _NO_BOOK = BookSnapshot(np.empty((0, 4), np.int64))


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
        self.reference_quantity = _quantity(reference_quantity, "reference_quantity")
        for name, value in (("decay", decay), ("reference_spread", reference_spread)):
            if PyBool_Check(value) or not isinstance(value, (float, int)) or not 0 < value < 1e300:
                raise ValueError(f"{name} is {value_text(value)}, must be a number > 0")
        self.decay, self.reference_spread = decay, reference_spread
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
        cdef int64_t filled = 0
        cdef double impact
        reason = self._without_mid()
        if reason is not None:
            return reason
        impact = gm_ladder_impact(&self.book.ladder, side, quantity, &filled)
        if filled < quantity:
            return Unknown(f"the {'asks' if side else 'bids'} show {filled} of {quantity}")
        return impact

    def price_impact(self, quantity, side=None):
        """Average price of `quantity` against the mid, in currency: of a "buy", of a "sell", or (None) the worse of both."""
        cdef int64_t q = _quantity(quantity, "quantity")
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

    def __await__(self):
        """At once: the analysis itself."""
        return _awaited(self)

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
