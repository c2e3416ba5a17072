# cython: language_level=3
"""What stands behind an engine's venues (`Market`), the seeded synthetic market (`SyntheticMarket`) and what its order flow is drawn from
(`FlowModel`)."""
import math

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

from grandmodel.execution._core.book cimport gm_book_check, gm_book_next
from grandmodel.execution._core.records cimport GM_NO_PRICE, gm_message_t
from grandmodel.execution._core.scoring cimport Tap, Venues

from grandmodel.execution._core.records import MESSAGE_DTYPE

cdef extern from "native_end.h":                # the last of what is included
    pass

#: Where the flow comes from.
SOURCE = "Cont, Stoikov and Talreja, Operations Research 58 (2010), Table 2"
#: Its rates, a side and minute at depth 1: limit orders at 1, 2, ... ticks from the opposite best (from the sixth on 1.92 / i^0.52),
#: departures of each resting order at such a distance (from the sixth on as at the fifth), market orders.
LIMIT_RATES = tuple(GM_FLOW_LIMIT[i] for i in range(GM_FLOW_PAPER_DISTANCES))
CANCEL_RATES = tuple(GM_FLOW_CANCEL[i] for i in range(GM_FLOW_PAPER_DISTANCES))
MARKET_RATE = GM_FLOW_MARKET
#: The types of a clustered flow, in the order of `branching`.
FLOW_TYPES = ("limit_buy", "limit_sell", "market_buy", "market_sell", "cancel_buy", "cancel_sell")


def _number(name, value, low, high, above=False):
    """A number as a float. ValueError or TypeError names it, its value and the bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} is {value!r}, must be a number")
    if not (low < value if above else low <= value) or not value <= high:
        raise ValueError(f"{name} is {value!r}, must be {'above' if above else 'from'} {low:g} {'and up' if above else ''} to {high:g}"
                         .replace("  ", " "))
    return float(value)


def _whole(name, value, low, high):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {value!r}, must be a whole number")
    if not low <= value <= high:
        raise ValueError(f"{name} is {value!r}, must be from {low} to {high}")
    return int(value)


def _rates_of(name, values, low, most):
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name} is {values!r}, must be a list of numbers")
    values = list(values)
    if not 1 <= len(values) <= most:
        raise ValueError(f"{name} has {len(values)} numbers, must have 1 to {most}")
    return [_number(f"{name}[{i}]", value, low, 1e9, above=True) for i, value in enumerate(values)]


def default_branching(double total, limit=LIMIT_RATES, market=MARKET_RATE):
    """The branching matrix of `total` events that one event brings about on average: half of them of its own type, half of any
    type by the types' mean rates. (6, 6), [i, j]: of type i by one of type j. Its spectral radius is `total`."""
    rates = _mean_rates(limit, market)
    return total * (0.5 * np.eye(GM_FLOW_TYPES) + 0.5 * np.outer(rates / rates.sum(), np.ones(GM_FLOW_TYPES)))


def _mean_rates(limit, market):
    """Of the six types; a side's departures make up for what arrives and is not taken."""
    arrivals = math.fsum(limit)
    return np.array([arrivals, arrivals, market, market, max(arrivals - market, 0.0), max(arrivals - market, 0.0)])


cdef class FlowModel:
    """What a synthetic market's order flow is drawn from; without arguments zero intelligence with the published rates, round and odd lots.

    Parameters (include/flow_model.h has the rules and their sources)
    ----------
    limit_rates : arrivals a side and minute at 1, 2, ... ticks from the opposite best, at depth 1; up to 1,024 numbers above 0
    cancel_rates : departures of one resting order a minute at these distances, as many; farther away as at the last
    market_rate : market orders a side and minute
    order_size : "lots" (round lots, geometric, and odd ones), "pareto", or the number of shares that every order has
    size_tail, size_lots_max : of "pareto": P(lots >= k) = k^-size_tail up to so many
    branching : how many events one event brings about, a number below 1 (`default_branching`), or a 6 x 6 matrix by FLOW_TYPES with a
        spectral radius below 1; None: arrivals do not cluster
    decay_seconds : mean time until an event brought about comes (the kernel is exponential)
    curve : relative volume by equal parts of the session, above 0, up to 390 numbers; None: one pace
    metaorders, metaorder_tail : market orders come from so many hidden orders, P(orders >= k) = k^-metaorder_tail; 0: sides are independent
    common, common_seconds : a sign for each such interval, the same for all symbols, makes P(buy) = (1 +- common) / 2 for market orders
    venue_link : share of orders that look at the consolidated quote; the others are priced from their own venue's, or take there
    reversion : chance that an own order that takes from a displayed book is followed by one of others, of the size that it took, on the other
        side; 0: the flow does not react
    decay, reaction_seconds, exponent : the chance that this is still to come after t: "exponential" with this mean time, or "power",
        (1 + t / reaction_seconds)^-exponent as a sum of eight exponentials. With a curve time runs at its pace
    displayed : how far own displayed size leans market orders: P(buy) = (1 + displayed * (bids - asks) / (bids + asks + usual)) / 2

    ValueError or TypeError names the parameter.
    """

    def __cinit__(self, *, limit_rates=None, cancel_rates=None, market_rate=GM_FLOW_MARKET, order_size="lots", size_tail=1.5,
                  size_lots_max=100, branching=None, decay_seconds=1.0, curve=None, metaorders=0, metaorder_tail=1.5, common=0.0,
                  common_seconds=10.0, venue_link=1.0, reversion=0.0, decay="exponential", reaction_seconds=60.0, exponent=0.5,
                  displayed=0.0):
        memset(&self.model, 0, sizeof(self.model))
        self._rates(limit_rates, cancel_rates, market_rate)
        self._sizes(order_size, size_tail, size_lots_max)
        self._clustering(branching, decay_seconds)
        if curve is not None:
            values = _rates_of("curve", curve, 0.0, GM_FLOW_BINS)
            self.model.bins = len(values)
            mean = math.fsum(values) / len(values)
            for i, value in enumerate(values):
                self.model.pace[i] = value / mean
        self.model.metaorders = _whole("metaorders", metaorders, 0, GM_FLOW_METAORDERS)
        self.model.metaorder_tail = _number("metaorder_tail", metaorder_tail, 0.5, 10.0)
        self.model.common = _number("common", common, 0.0, 1.0)
        self.model.common_ns = round(1e9 * _number("common_seconds", common_seconds, 1e-3, 86400.0))
        self.model.link = _number("venue_link", venue_link, 0.0, 1.0)
        self._reaction(reversion, decay, reaction_seconds, exponent, displayed)
        gm_flow_model_settle(&self.model)

    cdef int _rates(self, limit_rates, cancel_rates, market_rate) except -1:
        limit = _rates_of("limit_rates", LIMIT_RATES if limit_rates is None else limit_rates, 0.0, GM_FLOW_DISTANCES)
        cancel = _rates_of("cancel_rates", CANCEL_RATES if cancel_rates is None else cancel_rates, 0.0, GM_FLOW_DISTANCES)
        if len(cancel) != len(limit):
            raise ValueError(f"cancel_rates has {len(cancel)} numbers, must have {len(limit)}, as limit_rates has")
        self.model.distances = len(limit)
        for i in range(len(limit)):
            self.model.limit[i] = limit[i]
            self.model.cancel[i] = cancel[i]
        self.model.market = _number("market_rate", market_rate, 0.0, 1e9, above=True)
        return 0

    cdef int _sizes(self, order_size, size_tail, size_lots_max) except -1:
        self.model.lots_max = _whole("size_lots_max", size_lots_max, 1, 10_000)
        tail = _number("size_tail", size_tail, 0.5, 10.0)
        if order_size == "pareto":
            self.model.tail = tail
        elif isinstance(order_size, str):
            if order_size != "lots":
                raise ValueError(f"order_size is {order_size!r}, must be 'lots', 'pareto' or a number of shares")
        else:
            self.model.unit = _whole("order_size", order_size, 1, 1_000_000_000)
        return 0

    cdef int _clustering(self, branching, decay_seconds) except -1:
        cdef int i, j
        seconds = _number("decay_seconds", decay_seconds, 1e-6, 86400.0)
        for i in range(GM_FLOW_TYPES):
            self.model.constant[i] = 1.0
        if branching is None:
            return 0
        limit = [self.model.limit[k] for k in range(self.model.distances)]
        if isinstance(branching, (int, float)):
            matrix = default_branching(_number("branching", branching, 0.0, 0.99), limit, self.model.market)
        else:
            matrix = np.asarray(branching, np.float64)
            if matrix.shape != (GM_FLOW_TYPES, GM_FLOW_TYPES):
                raise ValueError(f"branching has shape {matrix.shape}, must be a number or {GM_FLOW_TYPES} rows of {GM_FLOW_TYPES}")
            if not np.isfinite(matrix).all() or (matrix < 0).any():
                raise ValueError(f"branching is {matrix.tolist()!r}, must have numbers from 0 up")
        radius = spectral_radius(matrix)
        if not radius < 1.0:
            raise ValueError(f"branching has the spectral radius {radius:.6g}, must be below 1: the flow would grow without end")
        rates = _mean_rates(limit, self.model.market)
        left = rates - matrix @ rates
        for i, name in enumerate(FLOW_TYPES):
            if left[i] < -1e-9 * rates.sum():
                raise ValueError(f"branching brings about more {name} than there are: its row must add up to less by the rates of the types")
            self.model.constant[i] = max(left[i], 0.0) / rates[i] if rates[i] > 0.0 else 0.0
            for j in range(GM_FLOW_TYPES):
                self.model.branching[i][j] = matrix[i, j]
        self.model.decay = 1e-9 / seconds
        self.model.clustered = 1
        return 0

    cdef int _reaction(self, reversion, decay, seconds, exponent, displayed) except -1:
        cdef int k
        self.model.reversion = _number("reversion", reversion, 0.0, 1.0)
        self.model.displayed = _number("displayed", displayed, 0.0, 1.0)
        mean_ns = 1e9 * _number("reaction_seconds", seconds, 1e-3, 86400.0)
        power = _number("exponent", exponent, 0.05, 2.0)
        if decay == "exponential":
            self.model.terms = 1
            self.model.weight[0] = 1.0
            self.model.relax[0] = 1.0 / mean_ns
        elif decay == "power":
            # (1 + t)^-g = 1 / Gamma(g) * integral of s^(g - 1) e^-s e^-st over s, on a grid of log s.
            grid = [4.0 ** (1 - k) for k in range(GM_FLOW_TERMS)]
            weights = [s ** power * math.exp(-s) for s in grid]
            self.model.terms = GM_FLOW_TERMS
            for k in range(GM_FLOW_TERMS):
                self.model.weight[k] = weights[k] / math.fsum(weights)
                self.model.relax[k] = grid[k] / mean_ns
        else:
            raise ValueError(f"decay is {decay!r}, must be 'exponential' or 'power'")
        return 0

    @property
    def mean_size(self):
        """Mean size of an order, shares."""
        return self.model.mean_size

    @property
    def branching(self):
        """(6, 6) float64, [i, j]: events of type i that one of type j brings about; zeros without clustering."""
        return np.array([[self.model.branching[i][j] for j in range(GM_FLOW_TYPES)] for i in range(GM_FLOW_TYPES)])

    def left_after(self, double seconds):
        """The chance that a reply to an own order is still to come after so many seconds."""
        return math.fsum(self.model.weight[k] * math.exp(-self.model.relax[k] * 1e9 * seconds) for k in range(self.model.terms))


def spectral_radius(matrix):
    """The largest absolute eigenvalue of a square matrix."""
    return float(np.abs(np.linalg.eigvals(matrix)).max())


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
    """Order flow over the lit venues of a table, zero-intelligence by default (include/synthetic.h has the rules).

    Parameters
    ----------
    venues : Venues, complete; its displayed venues carry the flow
    shares : sequence of float, a venue's relative share of the flow, in the order of the table; without one (0) it has no book
    seed : int; equal seeds and start times give equal flow
    start_ns : UTC nanoseconds at which the engine begins; the flow begins `warmup_seconds` before
    events_per_second : float > 0, arrivals, trades and cancellations a symbol together, on average
    depth : float >= 1, how many times the paper's number of orders rests in the book
    model : FlowModel, or None for zero intelligence with the published rates
    sessions : {calendar: (opens, closes)}, UTC nanoseconds, ascending and apart: where `model` has a curve, it lies over these; instruments
        whose calendar is not here have one pace
    hours : None, or a mapping: instruments keep their `sessions`, with auctions at the open and the close (include/market_hours.h).
        opening_call, closing_call, gathering : seconds (of the last: before the close, when others' orders for it come in);
        opening_share, closing_share : what others bring to an auction a side, as parts of a session's volume; band : part of the last auction's
        price that trades may be away from it, 0: any
    capacity : orders that may rest in one book; what would come on top does not
    """

    def __cinit__(self, Venues venues not None, shares, *, uint64_t seed=0, int64_t start_ns=0, double warmup_seconds=60.0,
                  double events_per_second=50.0, double depth=10.0, str source="synthetic", FlowModel model=None, sessions=None, hours=None,
                  int capacity=1 << 17):
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
        if model is None:
            model = FlowModel()
        code = gm_synthetic_init(&self.flow, &venues.table, weights, &model.model, seed, start_ns, <int64_t>(warmup_seconds * 1e9),
                                 events_per_second, depth)
        if code == -5:
            raise ValueError("no venue that displays quotes has a share: the flow would have nowhere to go")
        if code != 0:
            raise MemoryError("the synthetic market could not be reserved")
        if not 1024 <= capacity <= 1 << 24:
            raise ValueError(f"capacity is {capacity}, must be from 1024 to {1 << 24}")
        self.flow.orders = capacity
        self.market = &self.flow.market
        self._open(sessions or {})
        self._keep(hours)
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
        self.flow.flows[s].calendar = min(row.calendar, GM_FLOW_CALENDARS)
        return 0

    cdef int _open(self, sessions) except -1:
        """Points the calendars at their sessions; the arrays are kept."""
        cdef const int64_t[::1] opens, closes
        self._sessions = []
        for name, (begins, ends) in sessions.items():
            begins, ends = np.ascontiguousarray(begins, np.int64), np.ascontiguousarray(ends, np.int64)
            number = self.venues.instruments.calendars.numbers.get(name)
            if begins.ndim != 1 or begins.shape != ends.shape or (begins >= ends).any() or (ends[:-1] > begins[1:]).any():
                raise ValueError(f"sessions[{name!r}] must be two arrays of opens and closes, ascending and apart")
            if number is None or number >= GM_FLOW_CALENDARS or len(begins) == 0:
                continue
            opens, closes = begins, ends
            self.flow.calendars[number].opens = &opens[0]
            self.flow.calendars[number].closes = &closes[0]
            self.flow.calendars[number].count = len(begins)
            self._sessions.append((begins, ends))
        return 0

    cdef int _keep(self, hours) except -1:
        cdef gm_hours_t* h = &self.flow.hours
        if hours is None:
            return 0
        known = {"opening_call": 300.0, "closing_call": 0.0, "gathering": 600.0, "opening_share": 0.02, "closing_share": 0.08, "band": 0.0}
        for name in hours:
            if name not in known:
                raise ValueError(f"hours has {name!r}, must be of {', '.join(known)}")
        known.update(hours)
        for name, value in known.items():
            known[name] = _number(f"hours[{name!r}]", value, 0.0, 1.0 if name.endswith("share") or name == "band" else 86400.0)
        if known["closing_call"] > known["gathering"]:
            raise ValueError(f"hours['closing_call'] is {known['closing_call']:g}, must be at most gathering ({known['gathering']:g})")
        h.kept = 1
        h.opening_call_ns, h.closing_call_ns = round(known["opening_call"] * 1e9), round(known["closing_call"] * 1e9)
        h.gathering_ns = round(known["gathering"] * 1e9)
        h.opening_share, h.closing_share, h.band = known["opening_share"], known["closing_share"], known["band"]
        return 0

    @property
    def keeps_hours(self):
        """Whether its instruments trade in their sessions alone."""
        return self.flow.hours.kept != 0

    def touch(self, str symbol, int64_t until_ns):
        """Brings one symbol's quotes up to `until_ns`; the engine does this by itself."""
        self.market.touch(self.market, self.venues._symbol(symbol), until_ns)

    def listen(self, str symbol, Tap tap not None):
        """Has `tap` hear the symbol from now on: of a market that no engine has; then `Core.listen` does it."""
        if self.market.core != NULL:
            raise ValueError("this market stands behind an engine: listen there")
        self.venues.listen(symbol, tap)
        tap.tap.market = self.market

    def record(self, str symbol, int64_t until_ns, *, int64_t capacity=1_000_000):
        """Brings one symbol up to `until_ns` and gives what its displayed books did on the way, of a market that no engine has.

        (n,) MESSAGE_DTYPE: ADD, DELETE and EXECUTE with order ids below 0, so that a book by order, of one venue or of all, can be kept from
        them; the first rows of a symbol that was not looked at before are the orders that it begins with. `capacity` bounds the rows: where
        they do not suffice it ends early (`until` says where a symbol is), and the next call goes on.
        """
        cdef gm_flow_record_t record
        cdef int32_t s = self.venues._symbol(symbol)
        cdef int code
        if self.market.core != NULL:
            raise ValueError("this market stands behind an engine: its own orders would not be in the rows")
        if not 1000 <= capacity <= 100_000_000:
            raise ValueError(f"capacity is {capacity}, must be from 1000 to 100000000")
        rows = np.zeros(capacity, MESSAGE_DTYPE)
        cdef char[::1] raw = rows.view(np.uint8).view(np.int8)
        memset(&record, 0, sizeof(record))
        record.rows = <gm_message_t*>&raw[0]
        record.capacity = capacity
        with nogil:
            code = gm_synthetic_record(&self.flow, s, until_ns, &record)
        if code < 0:
            raise MemoryError("a book could not be reserved")
        if record.lost:
            raise ValueError(f"capacity is {capacity}: the orders that the symbol begins with, or one event, had more rows than that")
        return rows[:record.count].copy()

    def until(self, str symbol):
        """Of a symbol: (time of its last event, time of the next), UTC nanoseconds; None before it was first looked at."""
        cdef int32_t s = self.venues._symbol(symbol)
        return (self.flow.flows[s].now_ns, self.flow.flows[s].next_ns) if self.flow.flows[s].started else None

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
