# cython: language_level=3
"""Pre-trade limits and the checks against them: one native function for one order, a batch, and the what-if.

Definitions: 17 CFR 240.15c3-5 (c)(1); worst case over open orders, signed by side (include/risk.h). A limit that is None
is off. Money limits are integers in 1e-9; fractions are of equity.
"""
import math

from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t
from libc.string cimport memset

from grandmodel.execution._core.instruments cimport GM_MAX_SECTORS, GM_MAX_SYMBOLS, Instruments
from grandmodel.execution._core.portfolio cimport Portfolio, gm_portfolio_settle, gm_portfolio_t, int_to_i128
from grandmodel.execution._core.records cimport (
    GM_CHECK_CONCENTRATION, GM_CHECK_DAILY_COUNT, GM_CHECK_DAILY_VALUE, GM_CHECK_LEVERAGE, GM_CHECK_NOTIONAL,
    GM_CHECK_ORDER_SIZE, GM_CHECK_ORDER_VALUE, GM_CHECK_POSITION, GM_CHECK_SECTOR, GM_NO_PRICE,
)
from grandmodel.execution._core.values import CHECKS, Unknown

cdef extern from "mapping.h" nogil:
    void* gm_reserve(size_t size) noexcept
    void gm_release(void* p, size_t size) noexcept

cdef extern from "records.h" nogil:
    enum: GM_CHECK_COUNT


def _count(name, value):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise ValueError(f"{name} is {value!r}, must be an int from 0 to 2**62")
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


cdef class Limits:
    """The limits of one engine. `set` replaces them all at once or, when any is wrong, none."""

    def __cinit__(self, Instruments instruments not None):
        self.instruments = instruments
        memset(&self.table, 0, sizeof(self.table))
        self.table.position = <int64_t*>gm_reserve(GM_MAX_SYMBOLS * sizeof(int64_t))
        if self.table.position == NULL:
            raise MemoryError("the limits could not be reserved")
        self.default_position = -1
        self.set()

    def __dealloc__(self):
        gm_release(self.table.position, GM_MAX_SYMBOLS * sizeof(int64_t))

    def set(self, *, positions=None, default_position=None, max_order_size=None, max_notional_e9=None,
            max_order_value_e9=None, daily_value_e9=None, daily_orders=None, sectors=None, default_sector=None,
            max_leverage=None, max_concentration=None):
        """Sets every limit; None is off.

        Parameters
        ----------
        positions : {symbol: steps}; default_position : steps, for the symbols not named
        max_order_size : steps an order
        max_notional_e9, max_order_value_e9 : 1e-9 money an order; daily_value_e9 : 1e-9 money a day
        daily_orders : orders a day
        sectors : {sector: fraction of equity}; default_sector : fraction, for the sectors not named
        max_leverage : gross exposure over equity; max_concentration : one symbol's exposure over equity
        """
        cdef gm_limits_t fresh
        cdef int64_t* table = self.table.position
        cdef int32_t s
        memset(&fresh, 0, sizeof(fresh))
        fresh.position = table
        default = _count("default_position", default_position)
        by_symbol = {name: _count(f"positions[{name!r}]", value) for name, value in (positions or {}).items()}
        by_sector = {name: _fraction(f"sectors[{name!r}]", value) for name, value in (sectors or {}).items()}
        unknown = [name for name in by_symbol if name not in self.instruments.symbols]
        if unknown:
            raise ValueError(f"positions names {unknown[0]!r}, which is not in the instrument table")
        other = _fraction("default_sector", default_sector)
        if default is not None or by_symbol:
            fresh.configured |= GM_CHECK_POSITION
        settings = {
            "max_order_size": (_count("max_order_size", max_order_size), GM_CHECK_ORDER_SIZE),
            "daily_orders": (_count("daily_orders", daily_orders), GM_CHECK_DAILY_COUNT),
            "max_notional": (_money("max_notional_e9", max_notional_e9), GM_CHECK_NOTIONAL),
            "max_order_value": (_money("max_order_value_e9", max_order_value_e9), GM_CHECK_ORDER_VALUE),
            "daily_value": (_money("daily_value_e9", daily_value_e9), GM_CHECK_DAILY_VALUE),
            "max_leverage": (_fraction("max_leverage", max_leverage), GM_CHECK_LEVERAGE),
            "max_concentration": (_fraction("max_concentration", max_concentration), GM_CHECK_CONCENTRATION),
        }
        for value, bit in settings.values():
            if value is not None:
                fresh.configured |= <uint64_t>bit
        fresh.max_order_size = settings["max_order_size"][0] or 0
        fresh.daily_orders = settings["daily_orders"][0] or 0
        fresh.max_notional = int_to_i128(settings["max_notional"][0] or 0)
        fresh.max_order_value = int_to_i128(settings["max_order_value"][0] or 0)
        fresh.daily_value = int_to_i128(settings["daily_value"][0] or 0)
        fresh.max_leverage_e9 = settings["max_leverage"][0] or 0
        fresh.max_concentration_e9 = settings["max_concentration"][0] or 0
        for s in range(GM_MAX_SECTORS):
            fresh.sector_e9[s] = -1 if other is None else other
        for name, value in by_sector.items():
            fresh.sector_e9[self.instruments.sectors.number(name)] = value
        if other is not None or by_sector:
            fresh.configured |= GM_CHECK_SECTOR
        # All values are good: from here on nothing can fail.
        self.default_position = -1 if default is None else default
        for s in range(GM_MAX_SYMBOLS):
            table[s] = self.default_position
        for name, value in by_symbol.items():
            table[<int>self.instruments.symbols.numbers[name]] = value
        self.table = fresh
        self._settings = {
            "default_position": default, "positions": by_symbol, "sectors": by_sector, "default_sector": other,
            **{name: value for name, (value, _) in settings.items()},
        }

    @property
    def settings(self):
        """The limits in force: steps, 1e-9 money, and fractions in 1e-9; None is off."""
        return dict(self._settings)

    @property
    def configured(self):
        """The names of the checks that are on."""
        return [name for bit, name, _, _ in CHECKS if self.table.configured & <uint64_t>bit]

    def check(self, Portfolio portfolio not None, str symbol, int side, int64_t quantity, price_e9=None, account=0):
        """The mask of failed checks (`values.CHECKS` names the bits) of one order, and what each compared.

        Returns
        -------
        (mask, figures) : figures is {check: (used, limit)} for the checks that are on; Unknown where an input is missing
        """
        cdef gm_risk_detail_t detail
        cdef uint64_t mask
        cdef int k
        cdef int32_t a = portfolio._account(account), s = portfolio._symbol(symbol)
        if side not in (1, -1) or quantity <= 0:
            raise ValueError(f"side is {side} and quantity {quantity}, must be +1 or -1 and positive")
        for k in range(GM_CHECK_COUNT):
            detail.used[k] = detail.limit[k] = math.nan
        gm_portfolio_settle(&portfolio.table)
        mask = gm_risk_check(&self.table, &portfolio.table, GM_ALL_CHECKS, a, s, side, quantity,
                             GM_NO_PRICE if price_e9 is None else price_e9, &detail)
        figures = {}
        for k, (bit, name, _, _) in enumerate(CHECKS):
            if self.table.configured & <uint64_t>bit:
                if detail.used[k] == detail.used[k]:
                    figures[name] = (detail.used[k], detail.limit[k])
                else:
                    reason = "no limit for it" if name in ("position", "sector") else "no price or mark"
                    figures[name] = (Unknown(reason), Unknown(reason))
        return mask, figures

    def largest(self, Portfolio portfolio not None, str symbol, int side, int64_t quantity, price_e9=None, account=0):
        """The largest quantity from 0 to `quantity` steps that passes every check."""
        gm_portfolio_settle(&portfolio.table)
        return gm_risk_largest(&self.table, &portfolio.table, portfolio._account(account), portfolio._symbol(symbol), side,
                               quantity, GM_NO_PRICE if price_e9 is None else price_e9)

    def check_many(self, Portfolio portfolio not None, const int32_t[::1] symbols not None, const int8_t[::1] sides not None,
                   const int64_t[::1] quantities not None, const int64_t[::1] prices_e9 not None, uint64_t[::1] failed not None,
                   account=0):
        """The failed checks of n orders, each against the portfolio as it stands; without the GIL.

        Parameters
        ----------
        symbols, sides, quantities, prices_e9 : (n,) contiguous; prices NO_PRICE where there is none
        failed : (n,) uint64, overwritten with gm_check masks

        Returns
        -------
        int, how many pass
        """
        cdef Py_ssize_t i, n = symbols.shape[0]
        cdef int64_t passed = 0
        cdef int32_t a = portfolio._account(account), count = self.instruments.table.count
        cdef gm_portfolio_t* p = &portfolio.table
        if not (sides.shape[0] == quantities.shape[0] == prices_e9.shape[0] == failed.shape[0] == n):
            raise ValueError("the columns differ in length")
        for i in range(n):
            if not 0 <= symbols[i] < count or (sides[i] != 1 and sides[i] != -1) or quantities[i] <= 0:
                raise ValueError(f"row {i}: symbol {symbols[i]}, side {sides[i]}, quantity {quantities[i]} is not an order")
        with nogil:
            gm_portfolio_settle(p)
            for i in range(n):
                failed[i] = gm_risk_check(&self.table, p, GM_ALL_CHECKS, a, symbols[i], sides[i], quantities[i], prices_e9[i], NULL)
                passed += failed[i] == 0
        return passed
