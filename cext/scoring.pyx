# cython: language_level=3
"""Venues, their quotes, and where an order goes: the all-in cost of every venue (include/scoring.h has the rule)."""
cimport cython
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint64_t
from libc.string cimport memset

from grandmodel.execution._core.instruments cimport GM_MAX_SYMBOLS, Instruments
from grandmodel.execution._core.portfolio cimport i128_to_int
from grandmodel.execution._core.records cimport GM_NO_PRICE, GM_REASON_NONE, gm_order_t, gm_quote_t
from grandmodel.execution._core.values import ORDER_TYPE_CODES, Reason, Unknown

VENUE_CLASSES = {"exchange": GM_EXCHANGE, "ecn": GM_ECN, "dark_pool": GM_DARK_POOL, "wholesaler": GM_WHOLESALER}
_CLASS_NAMES = {code: name for name, code in VENUE_CLASSES.items()}

#: Why a venue was not chosen, by the core's verdict.
VERDICTS = {
    GM_VENUE_CHOSEN: "chosen", GM_VENUE_COSTLIER: "costs more", GM_VENUE_TIE_LOST: "same cost, lower priority",
    GM_VENUE_DISABLED: "disabled", GM_VENUE_TOO_LARGE: "order above its max_order_size",
    GM_VENUE_TOO_SMALL: "order below its min_size", GM_VENUE_NO_QUOTE: "no quote on that side",
    GM_VENUE_WORSE_PRICE: "its displayed price is worse than the best", GM_VENUE_NOT_DISPLAYED: "no displayed quote",
    GM_VENUE_UNSUPPORTED: "does not take such an order", GM_VENUE_BARRED: "stopped by a kill switch",
    GM_VENUE_NOT_NAMED: "the order names another venue", GM_VENUE_TRIPPED: "taken out by the circuit breaker",
}

#: What a venue may be said to take, and the bit of each (venues.h).
CAPABILITIES = {
    "order_types": {name: 1 << code for name, code in ORDER_TYPE_CODES.items()
                    if name in ("market", "limit", "iceberg", "pegged_primary", "pegged_midpoint", "pegged_market")},
    "times_in_force": {
        "IOC": <object>GM_NEED_IOC, "FOK": <object>GM_NEED_FOK, "OPG": <object>GM_NEED_AUCTION, "CLS": <object>GM_NEED_AUCTION,
    },
    "instructions": {
        "post_only": <object>GM_NEED_POST_ONLY, "hidden": <object>GM_NEED_HIDDEN, "min_quantity": <object>GM_NEED_MINIMUM,
    },
}
cdef dict _USUAL = {"order_types": ("market", "limit", "iceberg"), "times_in_force": ("IOC", "FOK"), "instructions": ("post_only",)}


def _supports(venue, order_types, times_in_force, instructions):
    bits = 0
    for key, given in (("order_types", order_types), ("times_in_force", times_in_force), ("instructions", instructions)):
        for name in _USUAL[key] if given is None else given:
            if name not in CAPABILITIES[key]:
                raise ValueError(f"{key} of {venue!r} has {name!r}, must be of {', '.join(CAPABILITIES[key])}")
            bits |= CAPABILITIES[key][name]
    return bits


def _price(int64_t price_e9):
    return Unknown("no quote on that side") if price_e9 == GM_NO_PRICE else price_e9 / 1e9


cdef object _shown(gm_quote_t* quotes, gm_route_t route, int side):
    """Steps displayed at the chosen venue's touch; None when nothing is taken there."""
    if route.venue < 0 or not route.takes:
        return None
    return quotes[route.venue].ask_quantity if side > 0 else quotes[route.venue].bid_quantity


cdef dict split_of(Venues venues, const gm_split_t* s):
    """A split as Python has it."""
    return {
        "legs": [(venues.names[s.legs[k].venue], s.legs[k].quantity, s.legs[k].price_e9, s.legs[k].cost_e9, s.legs[k].shown)
                 for k in range(s.count)],
        "residual": s.residual,
        "residual_venue": None if s.rest_venue < 0 else venues.names[s.rest_venue],
        "verdicts": {venues.names[v]: VERDICTS[s.verdicts[v]] for v in range(venues.table.count)},
    }


cdef gm_route_t _cost_at(gm_venues_t* table, const gm_nbbo_t* n, const gm_order_t* o) noexcept:
    """An order's cost at the venue that it names, which takes it."""
    cdef gm_venues_t only = table[0]
    cdef int32_t v = o.venue
    cdef gm_order_t free = o[0]
    cdef gm_route_t route
    only.on, only.stopped, only.tripped, only.retail = <uint64_t>1 << v, 0, 0, 1
    free.venue = -1
    route = gm_route_order(&only, n, &free, NULL)
    if route.venue < 0:                     # a dark pool, at the middle; or who has no quote there: the fee alone is known
        route.cost_e9 = table.take_fee_e9[v]
        route.price_e9 = gm_mid(n) if table.kind[v] == GM_DARK_POOL else GM_NO_PRICE
    route.venue, route.reason = v, GM_REASON_NONE
    return route


cdef class Quote:
    """The consolidated best bid and offer of a symbol when it was asked for. Prices in currency, `_e9` as integers."""

    @property
    def bid(self):
        """Best bid; Unknown when nobody bids."""
        return _price(self.row.bid_e9)

    @property
    def ask(self):
        """Best offer; Unknown when nobody offers."""
        return _price(self.row.ask_e9)

    @property
    def mid(self):
        """Half-way between bid and ask; Unknown without both."""
        return _price(gm_mid(&self.row))

    @property
    def spread(self):
        """ask - bid in currency; Unknown without both."""
        if gm_mid(&self.row) == GM_NO_PRICE:
            return Unknown("no quote on one side")
        return (self.row.ask_e9 - self.row.bid_e9) / 1e9

    @property
    def bid_e9(self):
        return None if self.row.bid_e9 == GM_NO_PRICE else self.row.bid_e9

    @property
    def ask_e9(self):
        return None if self.row.ask_e9 == GM_NO_PRICE else self.row.ask_e9

    @property
    def mid_e9(self):
        mid = gm_mid(&self.row)
        return None if mid == GM_NO_PRICE else mid

    @property
    def bid_quantity(self):
        """Steps shown at the best bid, over all venues."""
        return self.row.bid_quantity

    @property
    def ask_quantity(self):
        return self.row.ask_quantity

    @property
    def bid_venue(self):
        return self.venues[self.row.bid_venue] if self.row.bid_venue >= 0 else None

    @property
    def ask_venue(self):
        return self.venues[self.row.ask_venue] if self.row.ask_venue >= 0 else None

    @property
    def volume(self):
        """Steps traded since the market began, over all venues, own fills too."""
        return self.row.volume

    @property
    def time_ns(self):
        """The time of the newest quote in it; None where nobody quotes."""
        return None if self.row.bid_venue < 0 and self.row.ask_venue < 0 else self.row.time_ns

    def __repr__(self):
        return f"Quote({self.symbol} {self.row.bid_quantity} @ {self.bid:.4f} / {self.ask:.4f} @ {self.row.ask_quantity})"


cdef class Tap:
    """Hears one symbol's quotes and prints, told by whoever owns the core; see `flow.Stream`."""

    cdef int fits(self, Tap other) except -1:
        """TypeError or ValueError where `other` cannot take this one's state."""
        raise TypeError("a bare Tap has no state")

    cdef void copy_into(self, Tap other) noexcept:
        """The state into a tap that `fits`; touches no Python object."""
        pass


@cython.no_gc_clear     # the table points into the taps as long as it is there
cdef class Venues:
    """The table of venues; numbers are given in the order of `add`."""

    def __cinit__(self, Instruments instruments not None):
        self.instruments = instruments
        self.names = []
        self.taps = {}
        self.beside = {}
        if gm_venues_init(&self.table, GM_MAX_SYMBOLS) != 0:
            raise MemoryError("the venue table could not be reserved")

    def __dealloc__(self):
        gm_venues_free(&self.table)

    cdef int32_t _symbol(self, symbol) except -1:
        number = self.instruments.symbols.numbers.get(symbol)
        if number is None:
            raise KeyError(f"symbol {symbol!r} is not in the instrument table")
        return number

    def add(self, str name, *, str kind="exchange", int priority=0, int64_t take_fee_e9=0, int64_t make_fee_e9=0,
            int64_t max_order_size=0, int64_t min_size=0, int64_t latency_ns=0, bint enabled=True, order_types=None,
            times_in_force=None, instructions=None, int64_t improvement_e9=0, auction_fee_e9=None, int64_t tick_e9=0):
        """Adds a venue; its number. Fees in 1e-9 a unit, negative: a rebate. max_order_size 0: none.

        improvement_e9: of a wholesaler, how far inside the quote it fills, in 1e-9 of the mid.
        auction_fee_e9: of a unit that trades in an auction; None: as taking.
        tick_e9: limit prices that are not on it are not sent there; 0: the instrument's own.
        order_types, times_in_force, instructions: names of what it takes; None: market, limit, iceberg; IOC, FOK; post_only. What
        rests until it is cancelled needs no time in force here.
        """
        cdef int32_t v = self.table.count
        if kind not in VENUE_CLASSES:
            raise ValueError(f"kind of {name!r} is {kind!r}, must be one of {', '.join(VENUE_CLASSES)}")
        if name in self.names:
            raise ValueError(f"venue {name!r} is in the table already")
        if v >= GM_MAX_VENUES:
            raise ValueError(f"more than {GM_MAX_VENUES} venues")
        if tick_e9 < 0:
            raise ValueError(f"tick_e9 of {name!r} is {tick_e9}, must not be negative")
        if max_order_size < 0 or min_size < 0 or latency_ns < 0 or not 0 <= improvement_e9 <= 1_000_000_000:
            raise ValueError(f"max_order_size, min_size, latency_ns or improvement_e9 of {name!r} is negative (or the last above 1)")
        for fee in (take_fee_e9, make_fee_e9, take_fee_e9 if auction_fee_e9 is None else <int64_t>auction_fee_e9):
            if not -1_000_000_000 <= fee <= 1_000_000_000:
                raise ValueError(f"a fee of {name!r} is {fee}, must be within one currency unit a share")
        self.table.kind[v] = VENUE_CLASSES[kind]
        self.table.supports[v] = _supports(name, order_types, times_in_force, instructions)
        self.table.priority[v] = priority
        self.table.enabled[v] = enabled
        self.table.take_fee_e9[v] = take_fee_e9
        self.table.make_fee_e9[v] = make_fee_e9
        self.table.auction_fee_e9[v] = take_fee_e9 if auction_fee_e9 is None else <int64_t>auction_fee_e9
        self.table.max_order_size[v] = max_order_size
        self.table.min_size[v] = min_size
        self.table.tick_e9[v] = tick_e9
        self.table.latency_ns[v] = latency_ns
        self.table.improvement[v] = improvement_e9
        gm_venue_settle(&self.table, v)
        self.names.append(name)
        self.table.count = v + 1
        return v

    def set_listing(self, str symbol, venue):
        """The venue at which the symbol has its auctions; None: any that takes orders for them."""
        self.table.listing[self._symbol(symbol)] = 0 if venue is None else self.number(venue) + 1

    def set_learning(self, *, double half_life=100.0, bint freeze=False, double fill_probability=0.0, double adverse_selection=0.0,
                     double latency_slippage=0.0, double hidden_size=0.0):
        """How an engine's figures of these venues are weighted, and what they weigh in the score; before the engine is made.

        Parameters
        ----------
        half_life : observations after which one counts half, from 1 to 100,000
        freeze : bool, figures stay what the log before the start has taught
        fill_probability, adverse_selection, latency_slippage, hidden_size : weights from 0 (the term is off) to 10
        """
        if not 1.0 <= half_life <= 100_000.0:
            raise ValueError(f"half_life is {half_life!r}, must be from 1 to 100,000 observations")
        for name, weight in (("fill_probability", fill_probability), ("adverse_selection", adverse_selection),
                             ("latency_slippage", latency_slippage), ("hidden_size", hidden_size)):
            if not 0.0 <= weight <= 10.0:
                raise ValueError(f"{name} is {weight!r}, must be from 0 to 10")
        self.table.half_life, self.table.frozen = half_life, freeze
        self.table.weights[GM_WEIGHT_FILL] = fill_probability
        self.table.weights[GM_WEIGHT_ADVERSE] = adverse_selection
        self.table.weights[GM_WEIGHT_LATENCY] = latency_slippage
        self.table.weights[GM_WEIGHT_HIDDEN] = hidden_size
        self.table.learns = fill_probability > 0 or adverse_selection > 0 or latency_slippage > 0 or hidden_size > 0

    def set_breaker(self, *, int32_t rejects=0, int32_t unanswered=0, int32_t disconnects=0, int64_t cool_down_ns=30_000_000_000,
                    int64_t probe_size=100):
        """After how many in a row a venue is taken out (0: never), for how long, and the largest order that probes it then."""
        if min(rejects, unanswered, disconnects) < 0 or cool_down_ns <= 0 or probe_size <= 0:
            raise ValueError(f"a threshold ({rejects}, {unanswered}, {disconnects}) is negative, or cool_down_ns ({cool_down_ns}) or "
                             f"probe_size ({probe_size}) is not positive")
        self.table.breaker.rejects, self.table.breaker.unanswered = rejects, unanswered
        self.table.breaker.disconnects = disconnects
        self.table.breaker.cool_down_ns = cool_down_ns if rejects or unanswered or disconnects else 0
        self.table.probe_size = probe_size

    @property
    def protects_quotes(self):
        """Whether an order that would trade through a better displayed quote is refused (17 CFR 242.611); it can be set."""
        return self.table.protects != 0

    @protects_quotes.setter
    def protects_quotes(self, bint on):
        self.table.protects = on

    @property
    def retail(self):
        """Whether orders are a retail customer's, for which wholesalers compete when they are marketable; it can be set."""
        return self.table.retail != 0

    @retail.setter
    def retail(self, bint on):
        self.table.retail = on

    def twin(self):
        """Another table of the same venues, without quotes: for a market that stands behind a link (`LinkedMarket`)."""
        cdef Venues other = Venues(self.instruments)
        cdef int32_t v
        for v in range(self.table.count):
            other.table.kind[v] = self.table.kind[v]
            other.table.supports[v] = self.table.supports[v]
            other.table.priority[v] = self.table.priority[v]
            other.table.enabled[v] = self.table.enabled[v]
            other.table.take_fee_e9[v] = self.table.take_fee_e9[v]
            other.table.make_fee_e9[v] = self.table.make_fee_e9[v]
            other.table.max_order_size[v] = self.table.max_order_size[v]
            other.table.min_size[v] = self.table.min_size[v]
            other.table.tick_e9[v] = self.table.tick_e9[v]
            other.table.latency_ns[v] = self.table.latency_ns[v]
            other.table.improvement[v] = self.table.improvement[v]
            other.table.auction_fee_e9[v] = self.table.auction_fee_e9[v]
            gm_venue_settle(&other.table, v)
        for v in range(self.instruments.table.count):
            other.table.listing[v] = self.table.listing[v]
        other.table.protects, other.table.retail = self.table.protects, self.table.retail
        other.names[:] = self.names
        other.table.count = self.table.count
        return other

    def number(self, str name):
        """The venue's number. KeyError when there is none of that name."""
        if name not in self.names:
            raise KeyError(f"no venue {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)

    def describe(self, str name):
        """A venue's terms as a mapping."""
        cdef int32_t v = self.number(name)
        cdef gm_venues_t* t = &self.table
        return {
            "name": name, "kind": _CLASS_NAMES[t.kind[v]], "priority": t.priority[v], "enabled": bool(t.enabled[v]),
            "take_fee": t.take_fee_e9[v] / 1e9, "make_fee": t.make_fee_e9[v] / 1e9,
            "max_order_size": t.max_order_size[v] or None, "min_size": t.min_size[v], "latency_ns": t.latency_ns[v],
        }

    def set_quote(self, str symbol, str venue, bid_e9=None, ask_e9=None, int64_t bid_quantity=0, int64_t ask_quantity=0, time_ns=None):
        """Sets a venue's quote by hand, in 1e-9 and steps: for what-ifs and tests; a market sets its own. `time_ns`: None leaves the old."""
        cdef int32_t s = self._symbol(symbol), v = self.number(venue)
        cdef gm_quote_t* q = gm_quotes_of(&self.table, s) + v
        gm_quote_publish(&self.table, s, v, GM_NO_PRICE if bid_e9 is None else bid_e9, bid_quantity,
                         GM_NO_PRICE if ask_e9 is None else ask_e9, ask_quantity, q.time_ns if time_ns is None else time_ns)
        q.sequence += 1

    def halt(self, str symbol, str venue, bint halted=True, int64_t time_ns=0):
        """Says by hand that trading in a symbol is halted, or goes on, by that venue's word; a market says so itself."""
        gm_halt_publish(&self.table, self._symbol(symbol), self.number(venue), halted, time_ns)

    def is_halted(self, str symbol):
        """Whether trading in the symbol is halted."""
        return self.table.halted[self._symbol(symbol)] != 0

    def quote(self, str symbol):
        """The consolidated Quote of a symbol as the table has it."""
        cdef Quote quote = Quote.__new__(Quote)
        quote.row = gm_consolidate_afresh(&self.table, self._symbol(symbol))
        quote.symbol = symbol
        quote.venues = self.names
        return quote

    cdef int _may_listen(self, int32_t s, str symbol, Tap tap) except -1:
        if tap.tap.self == NULL:
            raise TypeError("a bare Tap hears nothing")
        if s in self.taps:
            raise ValueError(f"somebody listens to {symbol!r} already")
        return self._is_free(tap)

    cdef int _is_free(self, Tap tap) except -1:
        for other in [*self.taps.values(), *(each for beside in self.beside.values() for each in beside)]:
            if other is tap:
                raise ValueError("this tap listens to another symbol already")
        return 0

    cdef int _gather(self, int32_t s, gm_tap_t** chain) except -1:
        """Who hears a symbol, as pointers for `_link`; how many. `chain` has room for TAPS."""
        cdef Tap tap
        cdef int count = 0
        for tap in [*([self.taps[s]] if s in self.taps else []), *self.beside.get(s, ())]:
            chain[count] = &tap.tap
            count += 1
        return count

    cdef void _link(self, int32_t s, gm_tap_t** chain, int count) noexcept:
        cdef int k
        for k in range(count):
            chain[k].next = chain[k + 1] if k + 1 < count else NULL
        self.table.listeners += (count > 0) - (self.table.taps[s] != NULL)
        self.table.taps[s] = chain[0] if count else NULL

    cdef int _overhear(self, int32_t s, Tap tap, bint on) except -1:
        if not on:
            if tap in self.beside.get(s, ()):
                self.beside[s].remove(tap)
            return 0
        if tap.tap.self == NULL:
            raise TypeError("a bare Tap hears nothing")
        self._is_free(tap)
        if len(self.beside.get(s, ())) >= TAPS - 1:
            raise ValueError(f"{TAPS - 1} hear that symbol beside its listener already")
        self.beside.setdefault(s, []).append(tap)
        return 0

    def listen(self, str symbol, Tap tap):
        """Has `tap` hear the symbol's quotes and prints from now on (None: nobody). ValueError where somebody does already.

        Of a table that no engine has yet; then `Core.listen` does it.
        """
        cdef gm_tap_t* chain[TAPS]
        cdef int32_t s = self._symbol(symbol)
        if tap is not None:
            self._may_listen(s, symbol, tap)
            self.taps[s] = tap
        else:
            self.taps.pop(s, None)
        self._link(s, chain, self._gather(s, chain))

    def split(self, str symbol, int side, int64_t quantity, limit_e9=None, bint rest=True):
        """A marketable quantity over the displayed quotes within a limit, best price first (include/split.h has the rule).

        Parameters
        ----------
        rest : bool, what is beyond the displayed quotes goes with the last leg, as far as its venue's largest order allows

        Returns
        -------
        dict with legs, [(venue, quantity, price_e9, cost_e9 per unit against the mid, steps shown)]; residual, in steps, and residual_venue,
        where that would go (None: nowhere); verdicts, {venue: why it has a leg or has none}. Legs and residual add up to `quantity`.
        """
        cdef gm_split_t s
        cdef gm_nbbo_t n
        cdef int32_t row = self._symbol(symbol)
        if side not in (1, -1) or quantity <= 0:
            raise ValueError(f"side is {side} and quantity {quantity}, must be +1 or -1 and positive")
        n = gm_consolidate_afresh(&self.table, row)
        gm_split_marketable(&self.table, &n, row, side, quantity, GM_NO_PRICE if limit_e9 is None else limit_e9, rest, &s)
        return split_of(self, &s)

    def shown(self, str symbol, str venue):
        """A venue's own quote in a symbol: bid_e9 and ask_e9 (None: nobody there), bid_quantity, ask_quantity, volume (steps), time_ns."""
        cdef gm_quote_t* q = gm_quotes_of(&self.table, self._symbol(symbol)) + <int32_t>self.number(venue)
        return {
            "bid_e9": q.bid_e9 if q.bid_e9 > 0 else None, "ask_e9": q.ask_e9 if q.ask_e9 > 0 else None, "bid_quantity": q.bid_quantity,
            "ask_quantity": q.ask_quantity, "volume": q.volume, "time_ns": q.time_ns,
        }

    def best(self, str symbol, int side, int64_t quantity, limit_e9=None):
        """The name of the venue to which an order would go now; None: nowhere. `score` says why."""
        cdef int32_t s = self._symbol(symbol), venue
        cdef int64_t signed = quantity * side, limit = 0 if limit_e9 is None else limit_e9, cost
        if side not in (1, -1) or quantity <= 0 or limit < 0:
            raise ValueError(f"side is {side}, quantity {quantity} and limit_e9 {limit_e9}, must be +1 or -1, positive, and not negative")
        gm_route_batch(&self.table, s, 1, &signed, &limit, &venue, &cost)
        return self.names[venue] if venue >= 0 else None

    def best_many(self, str symbol, const int64_t[::1] signed_quantities not None, const int64_t[::1] limits_e9 not None,
                  int32_t[::1] venues not None, int64_t[::1] costs_e9 not None):
        """The same for many orders in a symbol, without the GIL, over the quotes as they stand at the call.

        Parameters
        ----------
        signed_quantities : (n,) int64 steps, negative to sell; limits_e9 : (n,) int64, 0: a market order
        venues, costs_e9 : (n,) int32 and int64, filled: the venue's number (-1: none), its cost per unit against the mid
        """
        cdef int32_t s = self._symbol(symbol)
        cdef int64_t i, n = signed_quantities.shape[0]
        if limits_e9.shape[0] != n or venues.shape[0] != n or costs_e9.shape[0] != n:
            raise ValueError(f"signed_quantities has {n} rows; limits_e9, venues and costs_e9 must have as many")
        for i in range(n):
            if signed_quantities[i] == 0 or signed_quantities[i] == INT64_MIN or limits_e9[i] < 0:
                raise ValueError(f"row {i}: quantity {signed_quantities[i]} or limit_e9 {limits_e9[i]}, must be other than 0, and not negative")
        if n > 0:
            with nogil:
                gm_route_batch(&self.table, s, n, &signed_quantities[0], &limits_e9[0], &venues[0], &costs_e9[0])

    @property
    def updates(self):
        """The feed sequence: quotes that changed, prints, and venues that came or went, over all symbols."""
        return self.table.updates

    def tape(self, str symbol):
        """What was printed in a symbol over all venues: volume, notional_e9, own_volume, own_notional_e9, trades."""
        cdef gm_tape_t* t = &self.table.tapes[self._symbol(symbol)]
        return {
            "volume": t.volume, "notional_e9": i128_to_int(t.notional), "own_volume": t.own_volume,
            "own_notional_e9": i128_to_int(t.own_notional), "trades": t.trades,
        }

    def score(self, str symbol, int side, int64_t quantity, limit_e9=None, int flags=0, *, int order_type=0, int time_in_force=0,
              int32_t venue=-1):
        """Every venue's cost for an order, and the choice.

        Parameters
        ----------
        order_type, time_in_force : codes; 0: of any kind, which every venue takes
        venue : the number of the venue that the order names; -1: none

        Returns
        -------
        dict with venue (None: none), reason, takes, cost_e9 (per unit against the mid), price_e9, and `venues`:
        {name: (cost_e9 or None, verdict)}
        """
        cdef gm_score_t scores[64]
        cdef gm_nbbo_t n
        cdef gm_route_t route
        cdef gm_order_t o
        cdef int32_t s = self._symbol(symbol), v
        if side not in (1, -1) or quantity <= 0:
            raise ValueError(f"side is {side} and quantity {quantity}, must be +1 or -1 and positive")
        n = gm_consolidate_afresh(&self.table, s)
        for v in range(64):
            scores[v].cost_e9 = INT64_MAX
            scores[v].verdict = GM_VENUE_NO_QUOTE
        memset(&o, 0, sizeof(o))
        o.symbol, o.side, o.quantity, o.venue, o.flags = s, side, quantity, venue, flags
        o.limit_price_e9 = GM_NO_PRICE if limit_e9 is None else limit_e9
        if order_type:
            o.order_type, o.time_in_force = order_type, time_in_force
            route = gm_route_order(&self.table, &n, &o, scores)
            if venue >= 0 and route.reason == GM_REASON_NONE:
                route = _cost_at(&self.table, &n, &o)
                scores[venue].cost_e9 = route.cost_e9
        else:
            route = gm_score_venues(&self.table, &n, s, side, quantity, o.limit_price_e9, flags, 0, scores)
        return {
            "venue": self.names[route.venue] if route.venue >= 0 else None,
            "reason": None if route.reason == GM_REASON_NONE else Reason(route.reason),
            "takes": bool(route.takes),
            "cost_e9": route.cost_e9 if route.venue >= 0 else None,
            "price_e9": None if route.price_e9 == GM_NO_PRICE else route.price_e9,
            "mid_e9": None if gm_mid(&n) == GM_NO_PRICE else gm_mid(&n),
            "shown": _shown(gm_quotes_of(&self.table, s), route, side),
            "venues": {
                self.names[v]: (None if scores[v].cost_e9 == INT64_MAX else scores[v].cost_e9, VERDICTS[scores[v].verdict])
                for v in range(self.table.count)
            },
            "terms": {self.names[v]: self._learned_terms(&n, s, v, side, route.takes, limit_e9) for v in range(self.table.count)}
            if self.table.learns else {},
        }

    cdef dict _learned_terms(self, const gm_nbbo_t* n, int32_t s, int32_t v, int side, bint takes, limit_e9):
        """What each learned term adds to a venue's cost, in 1e-9 a unit."""
        cdef int64_t mid = gm_mid(n), later
        cdef gm_learned_t x = self.table.learned[<int64_t>s * GM_MAX_VENUES + v]
        if mid == GM_NO_PRICE or (not takes and limit_e9 is None):
            return {}
        if takes:
            return {"latency_slippage": <int64_t>(x.slippage * <double>mid)}
        later = (n.ask_e9 - n.bid_e9) // 2 + self.table.take_fee_e9[v] - self.table.make_fee_e9[v] - side * (<int64_t>limit_e9 - mid)
        return {"adverse_selection": <int64_t>(x.adverse * <double>mid),
                "fill_probability": <int64_t>(x.unfilled * <double>later) if later > 0 else 0}
