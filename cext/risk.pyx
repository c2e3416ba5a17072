# cython: language_level=3
"""Pre-trade limits and the checks against them: one native function for one order, a batch, and the what-if.

Definitions: 17 CFR 240.15c3-5 (c)(1); worst case over open orders, signed by side (include/risk.h). A limit that is None
is off. Money limits are integers in 1e-9; fractions are of equity, or of the average daily volume.
"""
import math

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memset

from grandmodel.execution._core.instruments cimport GM_MAX_SECTORS, GM_MAX_SYMBOLS, Instruments
from grandmodel.execution._core.portfolio cimport Portfolio, gm_portfolio_settle, gm_portfolio_t, int_to_i128
from grandmodel.execution._core.records cimport (
    GM_CHECK_COLLAR, GM_CHECK_CONCENTRATION, GM_CHECK_DAILY_COUNT, GM_CHECK_DAILY_VALUE, GM_CHECK_DUPLICATE, GM_CHECK_GROSS,
    GM_CHECK_HALTED, GM_CHECK_LEVERAGE, GM_CHECK_LOCATE, GM_CHECK_LONG_ONLY, GM_CHECK_NET, GM_CHECK_NOTIONAL, GM_CHECK_OPEN_ORDERS,
    GM_CHECK_ORDER_SIZE, GM_CHECK_ORDER_VALUE, GM_CHECK_POSITION, GM_CHECK_RATE, GM_CHECK_RESTRICTED, GM_CHECK_SECTOR,
    GM_CHECK_SELF_MATCH, GM_CHECK_STALE, GM_CHECK_VOLUME, GM_NO_PRICE,
)
from grandmodel.execution._core.values import CHECKS, Unknown

cdef extern from "mapping.h" nogil:
    void* gm_reserve(size_t size) noexcept
    void gm_release(void* p, size_t size) noexcept

cdef extern from "records.h" nogil:
    enum: GM_CHECK_COUNT

#: Stands in figures for a check that is on, but looks at what was not given: it did not fail, and did not pass.
NOT_EVALUATED = Unknown("not evaluated: what it looks at is not given")
COLLAR_REFERENCES = {"mid": GM_COLLAR_MID, "last": GM_COLLAR_LAST, "mark": GM_COLLAR_MARK}
SELF_MATCH_MODES = {
    "cancel_newest": GM_SELF_MATCH_CANCEL_NEWEST, "cancel_oldest": GM_SELF_MATCH_CANCEL_OLDEST,
    "cancel_both": GM_SELF_MATCH_CANCEL_BOTH, "decrement": GM_SELF_MATCH_DECREMENT,
}
#: The most messages that the rate may allow in its window: that many are remembered.
RATE_MAX = GM_RATE_MAX
cdef int64_t _DAY_NS = 86_400_000_000_000
cdef size_t _COLUMN = GM_MAX_SYMBOLS * sizeof(int64_t)


def _count(name, value, most=(1 << 62) - 1):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name} is {value!r}, must be an int from 0 to {most}")
    return value


def _money(name, value):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 96:
        raise ValueError(f"{name} is {value!r}, must be an int of 1e-9 money from 0 to 2**96")
    return value


def _fraction(name, value):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value <= 1e6:
        raise ValueError(f"{name} is {value!r}, must be a fraction from 0 to 1000000")
    return round(value * 1e9)


def _choice(name, value, table):
    if value is None:
        return None
    if not isinstance(value, str) or value not in table:
        raise ValueError(f"{name} is {value!r}, must be one of {', '.join(table)}")
    return table[value]


def _symbols(name, value, known):
    """The symbols of a list; True: all."""
    if value is None or value is True:
        return value
    if isinstance(value, (str, bytes, int, float)):
        raise ValueError(f"{name} is {value!r}, must be a list of symbols")
    listed = sorted(set(value))
    for symbol in listed:
        if symbol not in known:
            raise ValueError(f"{name} names {symbol!r}, which is not in the instrument table")
    return listed


cdef class Limits:
    """The limits of one engine. `set` replaces them all at once or, when any is wrong, none.

    Of an engine that runs they are changed by `limits.change_limits`, which records what it does.
    """

    def __cinit__(self, Instruments instruments not None):
        self.instruments = instruments
        memset(&self.table, 0, sizeof(self.table))
        self.values = {}
        self.recorded = {}
        self.set()

    def __dealloc__(self):
        _let_go(&self.table)

    def set(self, *, positions=None, default_position=None, max_order_size=None, max_notional_e9=None,
            max_order_value_e9=None, daily_value_e9=None, daily_orders=None, sectors=None, default_sector=None,
            max_leverage=None, max_concentration=None, max_gross_e9=None, max_net_e9=None, collar_bps=None, collar_ticks=None,
            collar_reference="mid", max_volume=None, duplicate_ns=None, max_messages=None, rate_ns=1_000_000_000, max_open_orders=None,
            restricted=None, long_only=None, located=None, default_located=None, max_age_ns=None, halts=False, self_match=None):
        """Sets every limit; None is off.

        Parameters
        ----------
        positions : {symbol: steps}; default_position : steps, for the symbols not named
        max_order_size : steps an order
        max_notional_e9, max_order_value_e9 : 1e-9 money an order; daily_value_e9 : 1e-9 money a day
        daily_orders : orders a day
        sectors : {sector: fraction of equity}; default_sector : fraction, for the sectors not named
        max_leverage : gross exposure over equity; max_concentration : one symbol's exposure over equity
        max_gross_e9, max_net_e9 : exposure in 1e-9 money: the sum of all; the larger size of the sums of long and of short worst cases
        collar_bps or collar_ticks : how far a price may lie beyond the reference, on the side that is worse for the order: its limit, or the
            touch that a market order takes; collar_reference : "mid", "last" or "mark"
        max_volume : an order's fraction of its instrument's average daily volume; one without such a volume fails
        duplicate_ns : no second order of the same account, symbol, side, quantity and price within so long
        max_messages : orders and replaces within rate_ns, at most RATE_MAX
        max_open_orders : of an account, parents and held orders included
        restricted : symbols in which nothing is sent; long_only : symbols (True: all) that may not be sold short
        located : {symbol: steps that may be short}; default_located : steps, for the symbols not named (0 unless given)
        max_age_ns : of the newest quote, of any venue that displays
        halts : whether a halt of a symbol's trading stops orders
        self_match : what is done with an order that would trade with one of its own account: a key of SELF_MATCH_MODES

        Raises
        ------
        ValueError  names the limit, what it was and what is expected; MemoryError
        """
        cdef gm_limits_t fresh
        cdef int32_t s, n
        memset(&fresh, 0, sizeof(fresh))
        known = self.instruments.symbols
        default = _count("default_position", default_position)
        by_symbol = {name: _count(f"positions[{name!r}]", value) for name, value in (positions or {}).items()}
        by_sector = {name: _fraction(f"sectors[{name!r}]", value) for name, value in (sectors or {}).items()}
        borrowed = {name: _count(f"located[{name!r}]", value) for name, value in (located or {}).items()}
        for name, table in (("positions", by_symbol), ("located", borrowed)):
            unknown = [symbol for symbol in table if symbol not in known]
            if unknown:
                raise ValueError(f"{name} names {unknown[0]!r}, which is not in the instrument table")
        other = _fraction("default_sector", default_sector)
        elsewhere = _count("default_located", default_located)
        barred = _symbols("restricted", restricted, known)
        if barred is True:
            raise ValueError("restricted is True, must be a list of symbols")
        longs = _symbols("long_only", long_only, known)
        if collar_bps is not None and collar_ticks is not None:
            raise ValueError(f"collar_bps is {collar_bps!r} and collar_ticks {collar_ticks!r}: give one of them")
        ticks = _count("collar_ticks", collar_ticks, 10**9)
        if collar_bps is not None and (isinstance(collar_bps, bool) or not isinstance(collar_bps, (int, float))
                                       or not math.isfinite(collar_bps) or not 0 <= collar_bps <= 1e6):
            raise ValueError(f"collar_bps is {collar_bps!r}, must be basis points from 0 to 1000000")
        bps = None if collar_bps is None else round(collar_bps * 1e9)
        reference = _choice("collar_reference", collar_reference, COLLAR_REFERENCES)
        mode = _choice("self_match", self_match, SELF_MATCH_MODES)
        if not isinstance(halts, bool):
            raise ValueError(f"halts is {halts!r}, must be a bool")
        within = _count("rate_ns", rate_ns, _DAY_NS)
        if reference is None or not within:
            raise ValueError(f"collar_reference is {collar_reference!r} and rate_ns {rate_ns!r}, must be a reference and a positive duration")
        settings = {
            "max_order_size": (_count("max_order_size", max_order_size), GM_CHECK_ORDER_SIZE),
            "daily_orders": (_count("daily_orders", daily_orders), GM_CHECK_DAILY_COUNT),
            "max_notional": (_money("max_notional_e9", max_notional_e9), GM_CHECK_NOTIONAL),
            "max_order_value": (_money("max_order_value_e9", max_order_value_e9), GM_CHECK_ORDER_VALUE),
            "daily_value": (_money("daily_value_e9", daily_value_e9), GM_CHECK_DAILY_VALUE),
            "max_leverage": (_fraction("max_leverage", max_leverage), GM_CHECK_LEVERAGE),
            "max_concentration": (_fraction("max_concentration", max_concentration), GM_CHECK_CONCENTRATION),
            "max_gross": (_money("max_gross_e9", max_gross_e9), GM_CHECK_GROSS),
            "max_net": (_money("max_net_e9", max_net_e9), GM_CHECK_NET),
            "collar": (ticks if bps is None else bps, GM_CHECK_COLLAR),
            "max_volume": (_fraction("max_volume", max_volume), GM_CHECK_VOLUME),
            "duplicate": (_count("duplicate_ns", duplicate_ns, _DAY_NS), GM_CHECK_DUPLICATE),
            "max_messages": (_count("max_messages", max_messages, RATE_MAX), GM_CHECK_RATE),
            "max_open_orders": (_count("max_open_orders", max_open_orders), GM_CHECK_OPEN_ORDERS),
            "max_age": (_count("max_age_ns", max_age_ns, 366 * _DAY_NS), GM_CHECK_STALE),
            "self_match": (mode, GM_CHECK_SELF_MATCH),
            "halts": (1 if halts else None, GM_CHECK_HALTED),
            "positions": (by_symbol or default, GM_CHECK_POSITION),
            "sectors": (by_sector or other, GM_CHECK_SECTOR),
            "located": (borrowed if borrowed or located is not None else elsewhere, GM_CHECK_LOCATE),
            "restricted": (barred or None, GM_CHECK_RESTRICTED),
            "long_only": (longs or None, GM_CHECK_LONG_ONLY),
        }
        for value, bit in settings.values():
            if value is not None:
                fresh.configured |= <uint64_t>bit
        fresh.max_order_size = settings["max_order_size"][0] or 0
        fresh.daily_orders = settings["daily_orders"][0] or 0
        fresh.max_notional = int_to_i128(settings["max_notional"][0] or 0)
        fresh.max_order_value = int_to_i128(settings["max_order_value"][0] or 0)
        fresh.daily_value = int_to_i128(settings["daily_value"][0] or 0)
        fresh.max_gross = int_to_i128(settings["max_gross"][0] or 0)
        fresh.max_net = int_to_i128(settings["max_net"][0] or 0)
        fresh.max_leverage_e9 = settings["max_leverage"][0] or 0
        fresh.max_concentration_e9 = settings["max_concentration"][0] or 0
        fresh.collar = settings["collar"][0] or 0
        fresh.collar_reference = reference
        fresh.collar_unit = GM_COLLAR_TICKS if bps is None else GM_COLLAR_BPS
        fresh.max_volume_e9 = settings["max_volume"][0] or 0
        fresh.duplicate_ns = settings["duplicate"][0] or 0
        fresh.max_messages = settings["max_messages"][0] or 0
        fresh.rate_ns = within
        fresh.max_open_orders = settings["max_open_orders"][0] or 0
        fresh.max_age_ns = settings["max_age"][0] or 0
        fresh.self_match = mode or 0
        numbers = {name: self.instruments.sectors.number(name) for name in by_sector}
        for s in range(GM_MAX_SECTORS):
            fresh.sector_e9[s] = -1 if other is None else other
        for name, value in by_sector.items():
            fresh.sector_e9[<int>numbers[name]] = value
        fresh.position = <int64_t*>gm_reserve(_COLUMN)
        fresh.located = <int64_t*>gm_reserve(_COLUMN)
        fresh.bars = <uint8_t*>gm_reserve(GM_MAX_SYMBOLS)
        if fresh.position == NULL or fresh.located == NULL or fresh.bars == NULL:
            _let_go(&fresh)
            raise MemoryError("the limits could not be reserved")
        # All values are good: from here on nothing can fail.
        for s in range(GM_MAX_SYMBOLS):
            fresh.position[s] = -1 if default is None else default
        for name, value in by_symbol.items():
            fresh.position[<int>known.numbers[name]] = value
        if elsewhere:
            for s in range(GM_MAX_SYMBOLS):
                fresh.located[s] = elsewhere
        for name, value in borrowed.items():
            fresh.located[<int>known.numbers[name]] = value
        if longs is True:
            memset(fresh.bars, GM_BAR_LONG_ONLY, GM_MAX_SYMBOLS)
        elif longs:
            for name in longs:
                fresh.bars[<int>known.numbers[name]] |= GM_BAR_LONG_ONLY
        for name in barred or ():
            n = known.numbers[name]
            fresh.bars[n] |= GM_BAR_RESTRICTED
        _let_go(&self.table)
        self.table = fresh
        self._settings = {
            **{name: value for name, (value, _) in settings.items()},
            "default_position": default, "positions": by_symbol, "sectors": by_sector, "default_sector": other,
            "located": borrowed if located is not None else None, "default_located": elsewhere,
            "collar_unit": None if settings["collar"][0] is None else "ticks" if bps is None else "bps_e9",
            "collar_reference": collar_reference, "rate": within, "self_match": self_match, "halts": bool(halts),
        }

    @property
    def settings(self):
        """The limits in force: steps, 1e-9 money, ns, and fractions and basis points in 1e-9; None is off."""
        return dict(self._settings)

    @property
    def configured(self):
        """The names of the checks that are on."""
        return [name for bit, name, _, _ in CHECKS if self.table.configured & <uint64_t>bit]

    cdef uint64_t _order(self, gm_risk_order_t* o, portfolio, symbol, side, quantity, price_e9, account, quote, now_ns, halted) except? 0:
        """Fills in an order from what was given; the checks that can look at it."""
        cdef uint64_t mask = GM_ALL_CHECKS & ~<uint64_t>GM_CHECK_SELF_MATCH
        cdef Portfolio p = portfolio
        if side not in (1, -1) or quantity <= 0:
            raise ValueError(f"side is {side} and quantity {quantity}, must be +1 or -1 and positive")
        memset(o, 0, sizeof(o[0]))
        o.account, o.symbol, o.side, o.quantity = p._account(account), p._symbol(symbol), side, quantity
        o.price_e9 = o.limit_e9 = o.repeats_e9 = GM_NO_PRICE if price_e9 is None else price_e9
        o.bid_e9 = o.ask_e9 = o.last_e9 = o.quote_ns = GM_NO_PRICE
        if quote is not None:
            bid, ask, last, time = quote
            o.bid_e9 = GM_NO_PRICE if bid is None else bid
            o.ask_e9 = GM_NO_PRICE if ask is None else ask
            o.last_e9 = GM_NO_PRICE if last is None else last
            o.quote_ns = GM_NO_PRICE if time is None else time
        elif self.table.collar_reference != GM_COLLAR_MARK:
            mask &= ~<uint64_t>GM_CHECK_COLLAR
        if now_ns is None:
            mask &= ~<uint64_t>(GM_CHECK_RATE | GM_CHECK_DUPLICATE | GM_CHECK_STALE)
        else:
            o.now_ns = now_ns
        if quote is None:
            mask &= ~<uint64_t>GM_CHECK_STALE
        if halted is None:
            mask &= ~<uint64_t>GM_CHECK_HALTED
        else:
            o.halted = 1 if halted else 0
        return mask

    def check(self, Portfolio portfolio not None, str symbol, int side, int64_t quantity, price_e9=None, account=0, *, quote=None,
              now_ns=None, halted=None):
        """The mask of failed checks (`values.CHECKS` names the bits) of one order, and what each compared.

        Parameters
        ----------
        price_e9 : its limit, or what it counts at; None: there is none
        quote : (bid, ask, last, time) in 1e-9 and ns, None where there is none; now_ns : the time of the order; halted : whether its
            symbol is. Checks that look at what is not given are not evaluated: collar, age, rate, repetition, halt. Whether it would
            trade with an own order depends on its route, and is never looked at here

        Returns
        -------
        (mask, figures) : figures is {check: (used, limit)} for the checks that are on; Unknown where an input is missing,
            NOT_EVALUATED where it was not looked at
        """
        cdef gm_risk_order_t o
        cdef gm_risk_detail_t detail
        cdef uint64_t mask
        cdef int k
        cdef uint64_t looked = self._order(&o, portfolio, symbol, side, quantity, price_e9, account, quote, now_ns, halted)
        for k in range(GM_CHECK_COUNT):
            detail.used[k] = detail.limit[k] = math.nan
        gm_portfolio_settle(&portfolio.table)
        mask = gm_risk_explain(&self.table, &portfolio.table, looked, &o, &detail)
        figures = {}
        for k, (bit, name, _, _) in enumerate(CHECKS):
            if self.table.configured & <uint64_t>bit:
                if not looked & <uint64_t>bit:
                    figures[name] = (NOT_EVALUATED, NOT_EVALUATED)
                elif detail.used[k] == detail.used[k] and (name not in _ABSENT or detail.used[k] != math.inf):
                    figures[name] = (detail.used[k], detail.limit[k])
                elif name in _ABSENT:
                    figures[name] = (Unknown(_ABSENT[name]), detail.limit[k])
                else:
                    reason = _UNLIMITED.get(name, "no price or mark")
                    figures[name] = (Unknown(reason), Unknown(reason))
        return mask, figures

    def largest(self, Portfolio portfolio not None, str symbol, int side, int64_t quantity, price_e9=None, account=0, *, quote=None,
                now_ns=None, halted=None):
        """The largest quantity from 0 to `quantity` steps that passes every check that `check` evaluates."""
        cdef gm_risk_order_t o
        cdef uint64_t looked = self._order(&o, portfolio, symbol, side, quantity, price_e9, account, quote, now_ns, halted)
        gm_portfolio_settle(&portfolio.table)
        return gm_risk_largest(&self.table, &portfolio.table, looked, &o)

    def check_many(self, Portfolio portfolio not None, const int32_t[::1] symbols not None, const int8_t[::1] sides not None,
                   const int64_t[::1] quantities not None, const int64_t[::1] prices_e9 not None, uint64_t[::1] failed not None,
                   account=0, *, const int64_t[:, ::1] quotes=None, now_ns=None):
        """The failed checks of n orders, each against the portfolio as it stands; without the GIL.

        Parameters
        ----------
        symbols, sides, quantities, prices_e9 : (n,) contiguous; prices NO_PRICE where there is none
        failed : (n,) uint64, overwritten with gm_check masks
        quotes : (symbols, 5) int64 by symbol number: bid, ask, last in 1e-9 (NO_PRICE: none), time of the quote in ns, 1 where it is
            halted; now_ns : the time of the orders. Without them collar, age, rate, repetition and halt are not looked at

        Returns
        -------
        int, how many pass
        """
        cdef Py_ssize_t i, n = symbols.shape[0]
        cdef int64_t passed = 0
        cdef int32_t a = portfolio._account(account), count = self.instruments.table.count
        cdef gm_portfolio_t* p = &portfolio.table
        cdef gm_risk_order_t o
        cdef uint64_t mask = GM_ALL_CHECKS & ~<uint64_t>GM_CHECK_SELF_MATCH
        cdef bint quoted = quotes is not None
        if not (sides.shape[0] == quantities.shape[0] == prices_e9.shape[0] == failed.shape[0] == n):
            raise ValueError("the columns differ in length")
        if quoted and (quotes.shape[0] < count or quotes.shape[1] != 5):
            raise ValueError(f"quotes is {quotes.shape[0]} by {quotes.shape[1]}, must be {count} symbols by 5 columns")
        for i in range(n):
            if not 0 <= symbols[i] < count or (sides[i] != 1 and sides[i] != -1) or quantities[i] <= 0:
                raise ValueError(f"row {i}: symbol {symbols[i]}, side {sides[i]}, quantity {quantities[i]} is not an order")
        memset(&o, 0, sizeof(o))
        o.account = a
        o.bid_e9 = o.ask_e9 = o.last_e9 = o.quote_ns = GM_NO_PRICE
        if not quoted:
            mask &= ~<uint64_t>(GM_CHECK_STALE | GM_CHECK_HALTED)
            if self.table.collar_reference != GM_COLLAR_MARK:
                mask &= ~<uint64_t>GM_CHECK_COLLAR
        if now_ns is None:
            mask &= ~<uint64_t>(GM_CHECK_RATE | GM_CHECK_DUPLICATE | GM_CHECK_STALE)
        else:
            o.now_ns = now_ns
        with nogil:
            gm_portfolio_settle(p)
            for i in range(n):
                o.symbol, o.side, o.quantity = symbols[i], sides[i], quantities[i]
                o.price_e9 = o.limit_e9 = o.repeats_e9 = prices_e9[i]
                if quoted:
                    o.bid_e9, o.ask_e9, o.last_e9, o.quote_ns = quotes[o.symbol, 0], quotes[o.symbol, 1], quotes[o.symbol, 2], quotes[o.symbol, 3]
                    o.halted = quotes[o.symbol, 4] != 0
                failed[i] = gm_risk_of(&self.table, p, mask, &o, NULL)
                passed += failed[i] == 0
        return passed


cdef dict _ABSENT = {"daily_volume": "no average daily volume", "stale_quote": "nobody quotes"}
cdef dict _UNLIMITED = {"position": "no limit for it", "sector": "no limit for it", "long_only": "no limit for it"}


cdef void _let_go(gm_limits_t* table) noexcept:
    gm_release(table.position, _COLUMN)
    gm_release(table.located, _COLUMN)
    gm_release(table.bars, GM_MAX_SYMBOLS)
