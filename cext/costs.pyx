"""Execution-cost measures over columns of orders and fills.

Conventions
-----------
Prices are int64 in 1e-9 of the currency, quantities int64, money int64 in 1e-9; products and sums are 128 bits wide
inside and exact. ``side`` is +1 for a buy, -1 for a sell. A cost is positive where it is bad for the trader. A price
that nobody knows is ``PRICE_UNKNOWN``: what needs it is NaN (in integer columns ``PRICE_UNKNOWN``) with a reason, and
never a made-up 0. Basis points of an order are taken of the whole order at its decision price, so that they add.
"""
cimport cython
from libc.math cimport NAN, isfinite
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t
from libc.string cimport memset

import numpy as np

from grandmodel.execution._core.arguments cimport (
    float_array, int_argument, int_array, same_length, value_text,
)
from grandmodel.execution._core.costs cimport (
    GM_ASOF_AFTER, GM_ASOF_BEGIN, GM_ASOF_CROSSED, GM_ASOF_HORIZONS, GM_ASOF_MEMORY, GM_ASOF_NO_ASK, GM_ASOF_NO_BID,
    GM_ASOF_NO_QUOTE, GM_ASOF_OK, GM_ASOF_OLD, GM_ASOF_ORDER, GM_ASOF_QUOTE_TIME, GM_ASOF_SYMBOL, GM_ASOF_TIME,
    GM_COSTS_ARRIVAL, GM_COSTS_DECISION, GM_COSTS_END, GM_COSTS_FILL_ORDER, GM_COSTS_FILL_QUANTITY, GM_COSTS_HORIZONS,
    GM_COSTS_MEMORY, GM_COSTS_OK, GM_COSTS_OVERFILLED, GM_COSTS_QUANTITY, GM_COSTS_SIDE, GM_COST_NO_ARRIVAL,
    GM_COST_NO_DECISION, GM_COST_NO_END, GM_COST_NO_FEES, GM_COST_NO_FILLS, GM_COST_NO_MARKET, GM_COST_NO_QUOTE,
    GM_COST_NO_SPREAD, GM_PRICE_UNKNOWN, gm_asof_join, gm_asof_status_t, gm_asof_t, gm_cost_sums_add,
    gm_cost_sums_fill, gm_cost_sums_free, gm_cost_sums_init, gm_cost_sums_t, gm_costs_status_t, gm_fill_columns_t,
    gm_fill_measures, gm_fill_measures_t, gm_fill_sum_add, gm_fill_sum_vwap, gm_group_weighted, gm_markouts,
    gm_order_averages, gm_order_columns_t, gm_order_cost_t, gm_order_shortfalls, gm_quotes_check, gm_quotes_t,
    gm_shortfall, gm_shortfall_reason, gm_spread_captures,
)

PRICE_UNKNOWN = GM_PRICE_UNKNOWN

# Bits of a reason column; 0 is known.
REASON_NO_DECISION_PRICE = GM_COST_NO_DECISION
REASON_NO_ARRIVAL_PRICE = GM_COST_NO_ARRIVAL
REASON_NO_END_PRICE = GM_COST_NO_END
REASON_NO_FEES = GM_COST_NO_FEES
REASON_NO_QUOTE = GM_COST_NO_QUOTE
REASON_NO_MARKET_PRICE = GM_COST_NO_MARKET
REASON_NO_FILLS = GM_COST_NO_FILLS
REASON_NO_SPREAD = GM_COST_NO_SPREAD

# Bits of the reason column of an as-of join; 0 is known.
QUOTE_NONE = GM_ASOF_NO_QUOTE
QUOTE_NO_BID = GM_ASOF_NO_BID
QUOTE_NO_ASK = GM_ASOF_NO_ASK
QUOTE_CROSSED = GM_ASOF_CROSSED
QUOTE_OLD = GM_ASOF_OLD
QUOTE_AFTER_END = GM_ASOF_AFTER
FAULT_ORDER, FAULT_QUOTE_TIME, FAULT_SYMBOL, FAULT_TIME = GM_ASOF_ORDER, GM_ASOF_QUOTE_TIME, GM_ASOF_SYMBOL, GM_ASOF_TIME
FAULT_BEGIN = GM_ASOF_BEGIN

cdef tuple _INPUTS = ("order_quantity", "decision_price_e9", "arrival_price_e9", "end_price_e9", "fees_e9")
PARTS = ("delay", "trading", "opportunity", "fees", "total")

cdef tuple _REASONS = (
    (GM_COST_NO_DECISION, "decision price"), (GM_COST_NO_ARRIVAL, "arrival price"), (GM_COST_NO_END, "end price"),
    (GM_COST_NO_FEES, "fees"), (GM_COST_NO_QUOTE, "quote"), (GM_COST_NO_MARKET, "market price"), (GM_COST_NO_FILLS, "fills"),
    (GM_COST_NO_SPREAD, "spread"),
)


def reason_text(reason):
    """What a reason code says: "no arrival price", "no decision price, no end price"; "" for 0.

    Raises
    ------
    ValueError  if it is not a sum of the ``REASON_*`` codes.
    """
    cdef int64_t code = int_argument(reason, "reason", 0, 255)
    return ", ".join([f"no {text}" for bit, text in _REASONS if code & <int64_t>bit])


cdef double _slippage_bps(int64_t side, double average_price, double benchmark) noexcept nogil:
    if not isfinite(average_price) or not isfinite(benchmark) or average_price <= 0.0 or benchmark <= 0.0:
        return NAN
    return side * (average_price - benchmark) / benchmark * 1e4


# ---- reading arguments and raising -----------------------------------------------------------------------------------

cdef inline const int64_t* _data(const int64_t[::1] view) noexcept:
    return &view[0] if view.shape[0] else NULL


cdef inline int64_t* _into(int64_t[::1] view) noexcept:
    return &view[0] if view.shape[0] else NULL


cdef inline double* _into_floats(double[::1] view) noexcept:
    return &view[0] if view.shape[0] else NULL


cdef object _side_column(object side, Py_ssize_t n, str other):
    """(n,) int64 of +1 and -1; one side for all rows may be given as an int."""
    if isinstance(side, (int, np.integer)):
        return np.full(n, _side(side), np.int64)
    array = int_array(side, "side")
    same_length(array, "side", n, other)
    return array


cdef int64_t _side(object side) except 0:
    cdef int64_t value = int_argument(side, "side", -1, 1)
    if value == 0:
        raise ValueError("side is 0, must be 1 (buy) or -1 (sell)")
    return value


cdef int64_t _price(object price, str name) except 0:
    """A known price; 1e-9 of the currency."""
    return int_argument(price, name, 1, INT64_MAX)


cdef int64_t _maybe_price(object price, str name) except 0:
    """A price, PRICE_UNKNOWN or None."""
    if price is None:
        return GM_PRICE_UNKNOWN
    cdef int64_t value = int_argument(price, name, INT64_MIN, INT64_MAX)
    if value < 1 and value != GM_PRICE_UNKNOWN:
        raise ValueError(f"{name} is {value}, must be > 0 or PRICE_UNKNOWN")
    return value


cdef int _refuse(str name, Py_ssize_t i, object array, str expected) except -1:
    raise ValueError(f"{name}[{i}] is {array[i]}, must be {expected}")


cdef str _SIDES = "1 (buy) or -1 (sell)"
cdef str _POSITIVE = "> 0"
cdef str _KNOWN_OR_NOT = "> 0 or PRICE_UNKNOWN"


cdef int _raise_side_or_price(object side, object price_e9, Py_ssize_t i) except -1:
    if side[i] != 1 and side[i] != -1:
        return _refuse("side", i, side, _SIDES)
    return _refuse("price_e9", i, price_e9, _POSITIVE)


cdef int _raise_fill(gm_costs_status_t status, Py_ssize_t i, object order, object quantity, object price, object n,
                     str order_name, str quantity_name, str price_name) except -1:
    if status == GM_COSTS_FILL_ORDER:
        return _refuse(order_name, i, order, f">= 0 and below {n}")
    if status == GM_COSTS_FILL_QUANTITY:
        return _refuse(quantity_name, i, quantity, ">= 1")
    return _refuse(price_name, i, price, _POSITIVE)


cdef int _order_basis(object delay_basis) except -1:
    if delay_basis == "fill":
        return 0
    if delay_basis == "order":
        return 1
    raise ValueError(f"delay_basis is {value_text(delay_basis)}, must be 'fill' or 'order'")


# ---- implementation shortfall ----------------------------------------------------------------------------------------

@cython.final
@cython.auto_pickle(False)
cdef class ShortfallColumns:
    """What each of n orders cost, in columns; made by :func:`implementation_shortfall`.

    ``delay_e9 trading_e9 opportunity_e9 fees_e9 total_e9`` : (n,) int64, money in 1e-9; PRICE_UNKNOWN where unknown.
    ``delay_bps ... total_bps`` : (n,) float64, basis points of order quantity times decision price; NaN where unknown.
    ``delay_reason ... total_reason`` : (n,) uint8, 0 where known, else a sum of ``REASON_*`` (see ``reason_text``).
    ``filled_quantity`` : (n,) int64. ``average_price`` : (n,) float64 in the currency, NaN without fills.
    """
    cdef readonly object filled_quantity, average_price
    cdef readonly object delay_e9, trading_e9, opportunity_e9, fees_e9, total_e9
    cdef readonly object delay_bps, trading_bps, opportunity_bps, fees_bps, total_bps
    cdef readonly object delay_reason, trading_reason, opportunity_reason, fees_reason, total_reason

    def __init__(self):
        raise TypeError("ShortfallColumns is made by implementation_shortfall()")

    def __len__(self):
        return len(self.filled_quantity)

    def columns(self):
        """All columns by name, in the order of the class's description: for a data frame or an Arrow table."""
        names = ["filled_quantity", "average_price"]
        names += [f"{part}_{kind}" for kind in ("e9", "bps", "reason") for part in PARTS]
        return {name: getattr(self, name) for name in names}

    def __repr__(self):
        return f"ShortfallColumns({len(self)} orders)"


def implementation_shortfall(
    side, order_quantity, decision_price_e9, arrival_price_e9, end_price_e9, fees_e9, fill_order, fill_quantity,
    fill_price_e9, delay_basis="fill"
):
    """Perold's implementation shortfall of n orders from their m fills, in exact integers.

    With s the side, S ordered, Q = sum q filled, Pd, P0, Pn the decision, arrival and end price::

        delay       = s Q (P0 - Pd)
        trading     = s sum q (p - P0)
        opportunity = s (S - Q) (Pn - Pd)
        total       = delay + trading + opportunity + fees
                    = paper return - actual return = s S (Pn - Pd) - [s sum q (Pn - p) - fees]

    ``delay_basis="order"`` books the delay of the unfilled quantity under delay (Kissell): delay = s S (P0 - Pd),
    opportunity = s (S - Q) (Pn - P0). The total is the same.

    Parameters
    ----------
    side : (n,) int, 1 or -1; or one int for all.
    order_quantity : (n,) int >= 1.
    decision_price_e9, arrival_price_e9, end_price_e9 : (n,) int > 0, or PRICE_UNKNOWN. Arrival is the mid when the
        order reached the market.
    fees_e9 : (n,) int, money in 1e-9; negative for a rebate; PRICE_UNKNOWN if unknown.
    fill_order : (m,) int, index of the order of each fill, in any order.
    fill_quantity : (m,) int >= 1.
    fill_price_e9 : (m,) int > 0.
    delay_basis : "fill" or "order".

    Returns
    -------
    ShortfallColumns. A part whose price is missing is unknown with its reason; the total needs no arrival price, and
    the end price only where something was left unfilled. A part of quantity 0 is 0.

    Raises
    ------
    TypeError   if a column is not of integers.
    ValueError  if lengths differ, a value is out of range, more was filled than ordered, or a cost does not fit into
        int64 (9.2e9 of the currency); the row is named.

    Cost: one pass over the fills, one over the orders, GIL released. Source: Perold, The implementation shortfall,
    J. Portfolio Management 14(3), 1988.
    """
    quantity_array = int_array(order_quantity, "order_quantity")
    cdef FillSums sums = FillSums(quantity_array.shape[0])
    sums.add(fill_order, fill_quantity, fill_price_e9)
    return sums.shortfall(side, quantity_array, decision_price_e9, arrival_price_e9, end_price_e9, fees_e9, delay_basis)


cdef int _raise_shortfall(gm_costs_status_t status, Py_ssize_t i, list inputs, int64_t filled) except -1:
    if status == GM_COSTS_SIDE:
        return _refuse("side", i, inputs[0], _SIDES)
    if status == GM_COSTS_QUANTITY:
        return _refuse("order_quantity", i, inputs[1], ">= 1")
    if status == GM_COSTS_DECISION:
        return _refuse("decision_price_e9", i, inputs[2], _KNOWN_OR_NOT)
    if status == GM_COSTS_ARRIVAL:
        return _refuse("arrival_price_e9", i, inputs[3], _KNOWN_OR_NOT)
    if status == GM_COSTS_END:
        return _refuse("end_price_e9", i, inputs[4], _KNOWN_OR_NOT)
    if status == GM_COSTS_OVERFILLED:
        total = "2**63 or more" if filled < 0 else filled
        raise ValueError(f"fills of order {i} add up to {total}, above its order_quantity[{i}], {inputs[1][i]}")
    raise ValueError(f"a cost of order {i} does not fit into int64 (9.2e9 of the currency)")


@cython.final
@cython.auto_pickle(False)
cdef class FillSums:
    """Exact sums over the fills of n orders, from which their costs follow; fed in one piece or in many.

    Parameters
    ----------
    orders : int >= 0, how many.
    quotes : whether fills come with the bid and ask they met.
    horizons : int from 0 to 16, how many mids after each fill they come with.

    The fills may be in any order; where an order's fills lie together it is a little faster. Sums are of integers, of
    128 bits where they have to be: neither the order of the fills nor how they are cut into pieces changes a digit.
    Takes 8 bytes an order for each of 2 sums, of 2 more with quotes and of one for each horizon. Not to be shared between
    threads without a lock. A bad fill ends it: what came before it in its piece has been added.
    """
    cdef gm_cost_sums_t sums
    cdef bint broken
    cdef readonly int64_t fills

    def __cinit__(self, orders, *, quotes=False, horizons=0):
        cdef Py_ssize_t n = int_argument(orders, "orders", 0, 1 << 40)
        cdef int h = <int>int_argument(horizons, "horizons", 0, GM_COSTS_HORIZONS)
        if gm_cost_sums_init(&self.sums, n, 1 if quotes else 0, h) != GM_COSTS_OK:
            raise MemoryError()

    def __dealloc__(self):
        gm_cost_sums_free(&self.sums)

    def __len__(self):
        return self.sums.orders

    def add(self, fill_order, fill_quantity, fill_price_e9, *, bid_e9=None, ask_e9=None, mid_e9=()):
        """Adds m fills.

        Parameters
        ----------
        fill_order : (m,) int, index of the order of each fill.
        fill_quantity : (m,) int >= 1. fill_price_e9 : (m,) int > 0.
        bid_e9, ask_e9 : (m,) int, the quote just before each fill; not positive where there is none. With `quotes` only.
        mid_e9 : a column (m,) for each horizon, or (m, h); not positive where it is not known.

        Raises
        ------
        TypeError, ValueError   as :func:`implementation_shortfall`.
        """
        cdef gm_fill_columns_t f
        cdef Py_ssize_t k
        cdef const int64_t[:] column
        self._usable()
        memset(&f, 0, sizeof(f))
        order_array = int_array(fill_order, "fill_order")
        f.n = order_array.shape[0]
        quantity_array, price_array = int_array(fill_quantity, "fill_quantity"), int_array(fill_price_e9, "fill_price_e9")
        if (bid_e9 is not None) != self.sums.quotes or (ask_e9 is not None) != self.sums.quotes:
            raise ValueError(f"bid_e9 and ask_e9 must be given with quotes, and only then: quotes is {self.sums.quotes}")
        mids = list(mid_e9.T if isinstance(mid_e9, np.ndarray) else mid_e9)
        if len(mids) != self.sums.horizons:
            raise ValueError(f"mid_e9 has {len(mids)} columns, must have one for each of {self.sums.horizons} horizons")
        keep = []
        for k in range(len(mids)):
            array = mids[k]
            if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.ndim != 1 or array.strides[0] % 8:
                array = int_array(array, f"mid_e9[{k}]")
            same_length(array, f"mid_e9[{k}]", f.n, "fill_order")
            keep.append(array)
            if f.n:
                column = array
                f.mid_e9[k] = &column[0]
                f.mid_stride[k] = column.strides[0] // <Py_ssize_t>sizeof(int64_t)
        if self.sums.quotes:
            bid_array, ask_array = int_array(bid_e9, "bid_e9"), int_array(ask_e9, "ask_e9")
            same_length(bid_array, "bid_e9", f.n, "fill_order")
            same_length(ask_array, "ask_e9", f.n, "fill_order")
            f.bid_e9 = _data(bid_array)
            f.ask_e9 = _data(ask_array)
        if f.n and self.sums.orders == 0:
            raise ValueError(f"fill_order[0] is {order_array[0]}, but there are no orders")
        self._sum(&f, order_array, quantity_array, price_array, "fill_order", "fill_quantity", "fill_price_e9")

    cdef int _sum(self, gm_fill_columns_t* f, object order, object quantity, object price, str order_name, str quantity_name,
                  str price_name) except -1:
        """Adds fills whose columns, beside these three, are set."""
        cdef Py_ssize_t bad = 0
        cdef gm_costs_status_t status
        f.n = order.shape[0]
        same_length(quantity, quantity_name, f.n, order_name)
        same_length(price, price_name, f.n, order_name)
        f.order = _data(order)
        f.quantity = _data(quantity)
        f.price_e9 = _data(price)
        with nogil:
            status = gm_cost_sums_add(&self.sums, f, &bad)
        if status == GM_COSTS_OK:
            self.fills += f.n
            return 0
        self.broken = True
        if status == GM_COSTS_MEMORY:
            raise MemoryError()
        return _raise_fill(status, bad, order, quantity, price, self.sums.orders, order_name, quantity_name, price_name)

    def shortfall(
        self, side, order_quantity, decision_price_e9, arrival_price_e9, end_price_e9, fees_e9, delay_basis="fill"
    ):
        """The shortfall of the orders, as :func:`implementation_shortfall` (same parameters and errors)."""
        cdef int order_basis = _order_basis(delay_basis)
        cdef Py_ssize_t n = self.sums.orders, bad = 0, i
        self._usable()
        cdef list inputs = [order_quantity, decision_price_e9, arrival_price_e9, end_price_e9, fees_e9]
        for i in range(5):
            inputs[i] = int_array(inputs[i], <str>_INPUTS[i])
            same_length(inputs[i], <str>_INPUTS[i], n, "orders")
        inputs.insert(0, _side_column(side, n, "orders"))
        cdef ShortfallColumns result = ShortfallColumns.__new__(ShortfallColumns)
        money, bps, reason = np.empty((6, n), np.int64), np.empty((6, n)), np.empty((5, n), np.uint8)
        cdef list rows = [*money, *bps, *reason]
        result.delay_e9, result.trading_e9, result.opportunity_e9 = rows[0], rows[1], rows[2]
        result.fees_e9, result.total_e9, result.filled_quantity = rows[3], rows[4], rows[5]
        result.delay_bps, result.trading_bps, result.opportunity_bps = rows[6], rows[7], rows[8]
        result.fees_bps, result.total_bps, result.average_price = rows[9], rows[10], rows[11]
        result.delay_reason, result.trading_reason, result.opportunity_reason = rows[12], rows[13], rows[14]
        result.fees_reason, result.total_reason = rows[15], rows[16]
        cdef gm_order_columns_t c
        cdef const int64_t* sources[6]
        cdef int64_t* to_money = _into(money.reshape(-1))
        cdef double* to_bps = _into_floats(bps.reshape(-1))
        cdef uint8_t[::1] to_reason = reason.reshape(-1)
        for i in range(6):              # inputs keeps the arrays alive
            sources[i] = _data(inputs[i])
        c.side, c.order_quantity, c.decision_e9 = sources[0], sources[1], sources[2]
        c.arrival_e9, c.end_e9, c.fees_e9 = sources[3], sources[4], sources[5]
        for i in range(5 if n else 0):
            c.money[i], c.bps[i], c.reason[i] = to_money + i * n, to_bps + i * n, &to_reason[i * n]
        c.filled_quantity, c.average_price = to_money + 5 * n, to_bps + 5 * n
        cdef gm_costs_status_t status
        with nogil:
            status = gm_order_shortfalls(&c, &self.sums, order_basis, &bad)
        if status != GM_COSTS_OK:
            _raise_shortfall(status, bad, inputs, gm_cost_sums_fill(&self.sums, bad).quantity)
        return result

    def measures(self, side):
        """What the fills of each order earned of the spread, and how the market moved after them.

        With p the price of a fill, q its quantity, m the mid of the quote it met, m' a later mid::

            spread cost  = s sum q (p - m)                       spread capture = s sum q (m - p) / sum q (ask - bid) / 2
            markout      = s sum q (m' - p) / sum q p            (the notional-weighted mean of s (m' - p) / p)

        A fill whose quote is missing, one-sided or crossed, or whose mid is not known, is left out of that measure; the
        share column says how much of the notional was not. A locked quote has a mid, and no spread.

        Returns
        -------
        (spread_cost_e9, columns) : None without quotes, or (n,) int64, half to even, PRICE_UNKNOWN where unknown; and
        float64 columns, (3 + 2 h, n), NaN where unknown: spread cost in basis points of the notional with a quote,
        capture, share of the notional with a quote (these unset without quotes), the markouts of the horizons, and the
        shares that have these mids.

        Raises
        ------
        TypeError, ValueError   if a side is not 1 or -1, or a spread cost does not fit into int64.

        Source: Huang and Stoll, Dealer versus auction markets, J. Financial Economics 41(3), 1996.
        """
        cdef gm_fill_measures_t out
        cdef Py_ssize_t n = self.sums.orders, bad = 0, k
        cdef int h = self.sums.horizons
        cdef gm_costs_status_t status
        self._usable()
        side_array = _side_column(side, n, "orders")
        cdef const int64_t* sides = _data(side_array)
        columns = np.full((3 + 2 * h, n), NAN)
        money = np.empty(n, np.int64) if self.sums.quotes else None
        cdef double* at = _into_floats(columns.reshape(-1))
        out.spread_e9 = NULL if money is None else _into(money)
        out.spread_bps, out.capture, out.share[0] = at, at + n, at + 2 * n
        for k in range(h):
            out.markout_bps[k], out.share[k + 1] = at + (3 + k) * n, at + (3 + h + k) * n
        with nogil:
            status = gm_fill_measures(sides, &self.sums, &out, &bad)
        if status == GM_COSTS_SIDE:
            _refuse("side", bad, side_array, _SIDES)
        if status != GM_COSTS_OK:
            raise ValueError(f"the spread cost of order {bad} does not fit into int64 (9.2e9 of the currency)")
        return money, columns

    cdef int _usable(self) except -1:
        if self.broken:
            raise ValueError("a fill was refused: these sums are of no use")
        return 0

    def averages(self):
        """(average_price, quantity) of the fills of each order: float64 in the currency, NaN without fills; int64.

        Raises
        ------
        ValueError  if the quantities of one add up to 2**63 or more.
        """
        cdef Py_ssize_t n = self.sums.orders, bad
        self._usable()
        average, total = np.empty(n, np.float64), np.empty(n, np.int64)
        bad = gm_order_averages(&self.sums, _into_floats(average), _into(total))
        if bad < n:
            raise ValueError(f"quantity of group {bad} adds up to 2**63 or more")
        return average, total


@cython.final
@cython.auto_pickle(False)
cdef class Shortfall:
    """What one order cost; made by :func:`shortfall_one`.

    For each part (delay, trading, opportunity, fees, total): ``*_e9``, int money in 1e-9 or None where unknown; the
    plain name, a fraction of order quantity times decision price; ``*_bps``, the same in basis points; both NaN where
    unknown; ``reason(part)`` says why.
    """

    def __init__(self):
        raise TypeError("Shortfall is made by shortfall_one()")

    @property
    def side(self):
        """1 for a buy, -1 for a sell."""
        return self.order.side

    @property
    def order_quantity(self):
        """S, the quantity ordered."""
        return self.order.order_quantity

    @property
    def filled_quantity(self):
        """Q, the quantity of all fills."""
        return self.parts.filled_quantity

    @property
    def fills_count(self):
        """How many fills."""
        return self.fills.fills

    @property
    def fill_rate(self):
        """Q / S."""
        return <double>self.parts.filled_quantity / <double>self.order.order_quantity

    @property
    def average_price(self):
        """Average price of the fills in the currency; NaN without fills."""
        return gm_fill_sum_vwap(&self.fills)

    @property
    def delay_e9(self):
        """Money lost between decision and arrival, 1e-9."""
        return None if self.parts.delay_reason else self.parts.delay_e9

    @property
    def trading_e9(self):
        """Money lost between arrival and the fills (market impact), 1e-9."""
        return None if self.parts.trading_reason else self.parts.trading_e9

    @property
    def opportunity_e9(self):
        """Money lost on what was not filled, 1e-9."""
        return None if self.parts.opportunity_reason else self.parts.opportunity_e9

    @property
    def fees_e9(self):
        """Fees, 1e-9; negative for a rebate."""
        return None if self.parts.fees_reason else self.parts.fees_e9

    @property
    def total_e9(self):
        """Implementation shortfall, 1e-9: paper return less actual return."""
        return None if self.parts.total_reason else self.parts.total_e9

    @property
    def delay_bps(self):
        """Delay in basis points."""
        return self.parts.delay_bps

    @property
    def trading_bps(self):
        """Trading in basis points."""
        return self.parts.trading_bps

    @property
    def opportunity_bps(self):
        """Opportunity in basis points."""
        return self.parts.opportunity_bps

    @property
    def fees_bps(self):
        """Fees in basis points."""
        return self.parts.fees_bps

    @property
    def total_bps(self):
        """Implementation shortfall in basis points."""
        return self.parts.total_bps

    @property
    def delay(self):
        """Delay as a fraction."""
        return self.parts.delay_bps / 1e4

    @property
    def trading(self):
        """Trading as a fraction."""
        return self.parts.trading_bps / 1e4

    @property
    def opportunity(self):
        """Opportunity as a fraction."""
        return self.parts.opportunity_bps / 1e4

    @property
    def fees(self):
        """Fees as a fraction."""
        return self.parts.fees_bps / 1e4

    @property
    def total(self):
        """Implementation shortfall as a fraction."""
        return self.parts.total_bps / 1e4

    def reason(self, part):
        """Why a part's basis points are unknown, e.g. "no arrival price"; "" where they are known.

        Parameters
        ----------
        part : "delay", "trading", "opportunity", "fees" or "total".

        Raises
        ------
        ValueError  if there is no such part.
        """
        if part not in PARTS:
            raise ValueError(f"part is {value_text(part)}, must be one of {', '.join(PARTS)}")
        cdef int code = gm_shortfall_reason(&self.parts, PARTS.index(part))
        if self.order.decision_e9 == GM_PRICE_UNKNOWN:      # the money may be known, its share of the order is not
            code |= GM_COST_NO_DECISION
        return reason_text(code)

    def __repr__(self):
        return (f"Shortfall(filled {self.filled_quantity} of {self.order_quantity}, total_bps={self.total_bps:.4f}, "
                f"delay_bps={self.delay_bps:.4f}, trading_bps={self.trading_bps:.4f}, "
                f"opportunity_bps={self.opportunity_bps:.4f}, fees_bps={self.fees_bps:.4f})")


def shortfall_one(
    side, order_quantity, decision_price_e9, arrival_price_e9, end_price_e9, fees_e9, fill_quantity, fill_price_e9,
    delay_basis="fill"
):
    """Implementation shortfall of one order (see :func:`implementation_shortfall`).

    Parameters
    ----------
    side : int, 1 or -1.
    order_quantity : int >= 1.
    decision_price_e9, arrival_price_e9, end_price_e9 : int > 0; PRICE_UNKNOWN or None if unknown.
    fees_e9 : int, 1e-9; negative for a rebate; PRICE_UNKNOWN or None if unknown.
    fill_quantity : (m,) int >= 1. fill_price_e9 : (m,) int > 0.
    delay_basis : "fill" or "order".

    Returns
    -------
    Shortfall

    Raises
    ------
    TypeError, ValueError   as `implementation_shortfall`.
    """
    cdef Shortfall result = Shortfall.__new__(Shortfall)
    cdef gm_order_cost_t* o = &result.order
    cdef int order_basis = _order_basis(delay_basis)
    cdef Py_ssize_t i, m
    o.side = _side(side)
    o.order_quantity = int_argument(order_quantity, "order_quantity", 1, INT64_MAX)
    o.decision_e9 = _maybe_price(decision_price_e9, "decision_price_e9")
    o.arrival_e9 = _maybe_price(arrival_price_e9, "arrival_price_e9")
    o.end_e9 = _maybe_price(end_price_e9, "end_price_e9")
    o.fees_e9 = GM_PRICE_UNKNOWN if fees_e9 is None else int_argument(fees_e9, "fees_e9", INT64_MIN, INT64_MAX)
    quantity_array = int_array(fill_quantity, "fill_quantity")
    price_array = int_array(fill_price_e9, "fill_price_e9")
    same_length(price_array, "fill_price_e9", quantity_array.shape[0], "fill_quantity")
    cdef const int64_t[::1] quantities = quantity_array, prices = price_array
    m = quantities.shape[0]
    for i in range(m):
        if quantities[i] < 1:
            _refuse("fill_quantity", i, quantity_array, ">= 1")
        if prices[i] < 1:
            _refuse("fill_price_e9", i, price_array, _POSITIVE)
        gm_fill_sum_add(&result.fills, quantities[i], prices[i])
    _shortfall(result, order_basis)
    return result


cdef int _shortfall(Shortfall result, int order_basis) except -1:
    cdef gm_costs_status_t status = gm_shortfall(&result.order, &result.fills, order_basis, &result.parts)
    if status == GM_COSTS_OVERFILLED:
        total = "2**63 or more" if result.fills.quantity < 0 else result.fills.quantity
        raise ValueError(f"fills add up to {total}, above order_quantity, {result.order.order_quantity}")
    if status != GM_COSTS_OK:           # every other input was checked above
        raise ValueError("a cost of the order does not fit into int64 (9.2e9 of the currency)")
    return 0


def shortfall_of_sums(
    side, order_quantity, decision_price_e9, arrival_price_e9, end_price_e9, fees_e9, filled_quantity, notional_e9
):
    """The same of an order whose fills are known by their sums: what they are each does not matter to any part.

    Parameters
    ----------
    filled_quantity : int >= 0. notional_e9 : int >= 0, the sum of price_e9 times quantity.
    """
    cdef Shortfall result = Shortfall.__new__(Shortfall)
    cdef gm_order_cost_t* o = &result.order
    o.side = _side(side)
    o.order_quantity = int_argument(order_quantity, "order_quantity", 1, INT64_MAX)
    o.decision_e9 = _maybe_price(decision_price_e9, "decision_price_e9")
    o.arrival_e9 = _maybe_price(arrival_price_e9, "arrival_price_e9")
    o.end_e9 = _maybe_price(end_price_e9, "end_price_e9")
    o.fees_e9 = GM_PRICE_UNKNOWN if fees_e9 is None else int_argument(fees_e9, "fees_e9", INT64_MIN, INT64_MAX)
    result.fills.quantity = int_argument(filled_quantity, "filled_quantity", 0, INT64_MAX)
    if isinstance(notional_e9, bool) or not isinstance(notional_e9, int) or not 0 <= notional_e9 < 1 << 127:
        raise ValueError(f"notional_e9 is {notional_e9!r}, must be an int from 0 up")
    if (notional_e9 == 0) != (result.fills.quantity == 0):
        raise ValueError(f"notional_e9 is {notional_e9} of filled_quantity {filled_quantity}: one of them cannot be")
    result.fills.notional_low = <uint64_t>(notional_e9 & 0xFFFFFFFFFFFFFFFF)
    result.fills.notional_high = <uint64_t>(notional_e9 >> 64)
    result.fills.fills = result.fills.quantity > 0
    _shortfall(result, _order_basis("fill"))
    return result


# ---- benchmarks and fills --------------------------------------------------------------------------------------------

def vwap(price_e9, quantity):
    """Volume-weighted average price of trades, summed exactly in 128 bits.

    Parameters
    ----------
    price_e9 : (m,) int > 0, 1e-9 of the currency.
    quantity : (m,) int >= 1.

    Returns
    -------
    float in the currency (not 1e-9); NaN without trades.

    Raises
    ------
    TypeError   if a column is not of integers. ValueError if a value is out of range, the lengths differ or the
        quantities add up to 2**63 or more.
    """
    quantity_array = int_array(quantity, "quantity")
    return _grouped(np.zeros_like(quantity_array), price_e9, quantity_array, 1).averages()[0].item()


def group_vwap(group, price_e9, quantity, groups):
    """Volume-weighted average price of the trades of each group (parent order, venue, interval).

    Parameters
    ----------
    group : (m,) int in [0, groups), in any order.
    price_e9 : (m,) int > 0, 1e-9 of the currency.
    quantity : (m,) int >= 1.
    groups : int >= 0.

    Returns
    -------
    (average_price, quantity) : (groups,) float64 in the currency, NaN for a group without trades; (groups,) int64.

    Raises
    ------
    TypeError   if a column is not of integers. ValueError if a value is out of range (the row is named), the lengths
        differ or a group's quantities add up to 2**63 or more.
    """
    return _grouped(group, price_e9, quantity, int_argument(groups, "groups", 0, 1 << 40)).averages()


cdef FillSums _grouped(object group, object price_e9, object quantity, object groups):
    cdef FillSums sums = FillSums(groups)
    cdef gm_fill_columns_t f
    memset(&f, 0, sizeof(f))
    sums._sum(&f, int_array(group, "group"), int_array(quantity, "quantity"), int_array(price_e9, "price_e9"), "group", "quantity",
              "price_e9")
    return sums


def group_weighted_mean(group, weight, values, groups):
    """Weighted mean of a measure of fills (markouts, spread capture) per group; NaN values are left out.

    Parameters
    ----------
    group : (m,) int in [0, groups).
    weight : (m,) int >= 0, for instance the quantities.
    values : (m,) or (m, h) float.
    groups : int >= 0.

    Returns
    -------
    (mean, weight) : (groups,) or (groups, h) float64; NaN where no weight was left, and the weight that was used.
        Sums are taken in the order of the rows.

    Raises
    ------
    TypeError   if a column is of the wrong kind. ValueError if a value is out of range or the lengths differ.
    """
    cdef Py_ssize_t n = int_argument(groups, "groups", 0, 1 << 40), width, bad
    cdef int dimensions = 2 if np.ndim(values) == 2 else 1
    group_array, weight_array = int_array(group, "group"), int_array(weight, "weight")
    value_array = float_array(values, "values", dimensions)
    cdef Py_ssize_t m = group_array.shape[0]
    same_length(weight_array, "weight", m, "group")
    same_length(value_array, "values", m, "group")
    width = value_array.shape[1] if dimensions == 2 else 1
    shape = (n, *value_array.shape[1:])
    sums, weights = np.zeros(shape, np.float64), np.zeros(shape, np.float64)
    cdef const int64_t[::1] group_view = group_array, weight_view = weight_array
    cdef const double[::1] value_view = value_array.reshape(-1)
    cdef double[::1] sum_view = sums.reshape(-1), used_view = weights.reshape(-1)
    if m and width:
        if n == 0:
            raise ValueError(f"group[0] is {group_array[0]}, but groups is 0")
        with nogil:
            bad = gm_group_weighted(&group_view[0], &weight_view[0], &value_view[0], m, width, &sum_view[0],
                                    &used_view[0], n)
        if bad < m:
            if weight_view[bad] < 0:
                _refuse("weight", bad, weight_array, ">= 0")
            _refuse("group", bad, group_array, f">= 0 and below {n}")
    else:
        sums += NAN
    return sums, weights


def vwap_slippage(side, average_price, benchmark):
    """Slippage to a benchmark price (interval VWAP, TWAP, close, ...) in basis points of the benchmark.

    ``side * (average_price / benchmark - 1) * 1e4``: positive is worse than the benchmark.

    Parameters
    ----------
    side : int, or (n,) int; 1 or -1.
    average_price, benchmark : float, or (n,) float, in one unit.

    Returns
    -------
    float, or (n,) float64; NaN where a price is not known (not finite or not positive).

    Raises
    ------
    TypeError   if an argument is of the wrong kind. ValueError if a side is not 1 or -1, or the lengths differ.
    """
    if np.ndim(average_price) == 0 and np.ndim(benchmark) == 0 and np.ndim(side) == 0:
        return _slippage_bps(_side(side), _price_or_nan(average_price, "average_price"),
                             _price_or_nan(benchmark, "benchmark"))
    average_array, benchmark_array = float_array(average_price, "average_price"), float_array(benchmark, "benchmark")
    cdef Py_ssize_t i, n = average_array.shape[0]
    same_length(benchmark_array, "benchmark", n, "average_price")
    side_array = _side_column(side, n, "average_price")
    out = np.empty(n, np.float64)
    cdef const double[::1] average = average_array, reference = benchmark_array
    cdef const int64_t[::1] sides = side_array
    cdef double[::1] view = out
    cdef Py_ssize_t bad = n
    with nogil:
        for i in range(n):
            if sides[i] != 1 and sides[i] != -1:
                bad = i
                break
            view[i] = _slippage_bps(sides[i], average[i], reference[i])
    if bad < n:
        _refuse("side", bad, side_array, _SIDES)
    return out


cdef double _price_or_nan(object value, str name) except? -1.0:
    return value if isinstance(value, float) else float_array([value], name)[0]


def markouts(side, price_e9, mid_e9):
    """How the market moved after each fill, in basis points of the fill's price.

    ``side * (mid - price) / price * 1e4``: positive, the price moved our way; negative, adverse selection. (Not a
    cost: the sign is the trader's gain.)

    Parameters
    ----------
    side : (m,) int, 1 or -1; or one int for all.
    price_e9 : (m,) int > 0.
    mid_e9 : (m,) or (m, h) int, the mid at each of h horizons; PRICE_UNKNOWN (or not positive) if unknown.

    Returns
    -------
    float64 of the shape of ``mid_e9``; NaN where the mid is unknown.

    Raises
    ------
    TypeError   if a column is not of integers. ValueError if a side or price is out of range or the lengths differ.
    """
    cdef int dimensions = 2 if np.ndim(mid_e9) == 2 else 1
    price_array, mid_array = int_array(price_e9, "price_e9"), int_array(mid_e9, "mid_e9", dimensions)
    cdef Py_ssize_t m = price_array.shape[0], horizons, bad
    same_length(mid_array, "mid_e9", m, "price_e9")
    side_array = _side_column(side, m, "price_e9")
    horizons = mid_array.shape[1] if dimensions == 2 else 1
    out = np.empty(mid_array.shape, np.float64)
    cdef const int64_t[::1] sides = side_array, prices = price_array, mids = mid_array.reshape(-1)
    cdef double[::1] view = out.reshape(-1)
    if m and horizons:
        with nogil:
            bad = gm_markouts(&sides[0], &prices[0], &mids[0], m, horizons, &view[0])
        if bad < m:
            _raise_side_or_price(side_array, price_array, bad)
    return out


def spread_capture(side, price_e9, bid_e9, ask_e9):
    """Share of the half spread that each fill earned: ``side * (mid - price) / half_spread``.

    1: filled at the near touch; 0: at the mid; -1: crossed the spread.

    Parameters
    ----------
    side : (m,) int, 1 or -1; or one int for all.
    price_e9 : (m,) int > 0.
    bid_e9, ask_e9 : (m,) int, the quote just before the fill; PRICE_UNKNOWN if unknown.

    Returns
    -------
    (m,) float64; NaN where the quote is unknown, locked or crossed.

    Raises
    ------
    TypeError   if a column is not of integers. ValueError if a side or price is out of range or the lengths differ.
    """
    price_array = int_array(price_e9, "price_e9")
    cdef Py_ssize_t m = price_array.shape[0], bad
    bid_array, ask_array = int_array(bid_e9, "bid_e9"), int_array(ask_e9, "ask_e9")
    same_length(bid_array, "bid_e9", m, "price_e9")
    same_length(ask_array, "ask_e9", m, "price_e9")
    side_array = _side_column(side, m, "price_e9")
    out = np.empty(m, np.float64)
    cdef const int64_t[::1] sides = side_array, prices = price_array, bids = bid_array, asks = ask_array
    cdef double[::1] view = out
    if m:
        with nogil:
            bad = gm_spread_captures(&sides[0], &prices[0], &bids[0], &asks[0], m, &view[0])
        if bad < m:
            _raise_side_or_price(side_array, price_array, bad)
    return out


# ---- quotes at times -------------------------------------------------------------------------------------------------

def join_as_of(arrays, int64_t end_ns, int64_t max_age_ns, bint rows):
    """The join under :func:`grandmodel.execution.analytics.asof.as_of`, which has checked and explains.

    Parameters
    ----------
    arrays : seven contiguous int64 columns: times, symbols, the quotes' times, bids, asks, (s + 1) rows where each
        symbol's quotes begin, horizons.

    Returns
    -------
    (fault, bad, mid_e9, reason, row) : fault 0, or FAULT_* with the row in bad.
    """
    cdef gm_quotes_t q
    cdef gm_asof_t j
    cdef const int64_t* data[7]
    cdef Py_ssize_t length[7]
    cdef const int64_t[::1] view
    cdef uint8_t[::1] reasons
    cdef Py_ssize_t i, bad = 0
    for i in range(7):
        view = arrays[i]            # arrays keeps it alive
        data[i], length[i] = &view[0] if view.shape[0] else NULL, view.shape[0]
    cdef Py_ssize_t m = length[0], h = length[6]
    if length[1] != m or length[3] != length[2] or length[4] != length[2] or length[5] < 2 or not 0 < h <= GM_ASOF_HORIZONS:
        raise ValueError("arrays do not belong together")
    q.time_ns, q.bid_e9, q.ask_e9, q.begin, q.symbols = data[2], data[3], data[4], data[5], length[5] - 1
    q.quotes, q.end_ns, q.max_age_ns = length[2], end_ns, max_age_ns
    mid, reason, row = np.empty((m, h), np.int64), np.empty((m, h), np.uint8), None
    reasons = reason.reshape(-1)
    j.time_ns, j.symbol, j.n, j.horizon_ns, j.horizons = data[0], data[1], m, data[6], <int>h
    j.mid_e9, j.reason, j.row = _into(mid.reshape(-1)), &reasons[0] if m else NULL, NULL
    if rows:
        row = np.empty((m, h), np.int64)
        j.row = _into(row.reshape(-1))
    cdef gm_asof_status_t status
    with nogil:
        status = gm_quotes_check(&q, &bad)
        if status == GM_ASOF_OK and m:
            status = gm_asof_join(&q, &j, &bad)
    if status == GM_ASOF_MEMORY:
        raise MemoryError()
    return <int>status, bad, mid, reason, row
