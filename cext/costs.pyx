"""Execution-cost measures over columns of orders and fills.

Conventions
-----------
Prices are int64 in 1e-9 of the currency, quantities int64, money int64 in 1e-9; products and sums are 128 bits wide
inside and exact. ``side`` is +1 for a buy, -1 for a sell. A cost is positive where it is bad for the trader. A price
that nobody knows is ``PRICE_UNKNOWN``: what needs it is NaN (in integer columns ``PRICE_UNKNOWN``) with a reason, and
never a made-up 0. Basis points of an order are taken of the whole order at its decision price, so that they add.
"""
cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.math cimport NAN, isfinite
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t

import numpy as np

from grandmodel.execution._core.arguments cimport (
    float_array, int_argument, int_array, number_argument, same_length, value_text,
)
from grandmodel.execution._core.costs cimport (
    GM_COST_NO_ARRIVAL, GM_COST_NO_DECISION, GM_COST_NO_END, GM_COST_NO_FEES, GM_COSTS_ARRIVAL, GM_COSTS_DECISION,
    GM_COSTS_END, GM_COSTS_FILL_ORDER, GM_COSTS_FILL_QUANTITY, GM_COSTS_OK, GM_COSTS_OVERFILLED,
    GM_COSTS_QUANTITY, GM_COSTS_RANGE, GM_COSTS_SIDE, GM_PRICE_UNKNOWN, gm_costs_status_t, gm_fill_sum_add,
    gm_fill_sum_t, gm_fill_sum_vwap, gm_fill_sums, gm_markout_bps, gm_order_cost_t, gm_shortfall, gm_shortfall_t,
    gm_spread_capture,
)

PRICE_UNKNOWN = GM_PRICE_UNKNOWN

# Bits of a reason column; 0 is known.
REASON_NO_DECISION_PRICE = GM_COST_NO_DECISION
REASON_NO_ARRIVAL_PRICE = GM_COST_NO_ARRIVAL
REASON_NO_END_PRICE = GM_COST_NO_END
REASON_NO_FEES = GM_COST_NO_FEES

PARTS = ("delay", "trading", "opportunity", "fees", "total")

cdef tuple _REASONS = (
    (GM_COST_NO_DECISION, "decision price"), (GM_COST_NO_ARRIVAL, "arrival price"), (GM_COST_NO_END, "end price"),
    (GM_COST_NO_FEES, "fees"),
)


def reason_text(reason):
    """What a reason code says: "no arrival price", "no decision price, no end price"; "" for 0.

    Raises
    ------
    ValueError  if it is not a sum of the ``REASON_*`` codes.
    """
    cdef int64_t code = int_argument(reason, "reason", 0, 15)
    return ", ".join([f"no {text}" for bit, text in _REASONS if code & <int64_t>bit])


# ---- kernels ---------------------------------------------------------------------------------------------------------

cdef struct _columns_t:
    const int64_t* side
    const int64_t* order_quantity
    const int64_t* decision_e9
    const int64_t* arrival_e9
    const int64_t* end_e9
    const int64_t* fees_e9
    int64_t* filled_quantity
    double* average_price
    int64_t* money[5]
    double* bps[5]
    uint8_t* reason[5]


cdef gm_costs_status_t _shortfalls(
    const _columns_t* c, const gm_fill_sum_t* sums, Py_ssize_t n, int order_basis, Py_ssize_t* bad
) noexcept nogil:
    cdef Py_ssize_t i
    cdef gm_order_cost_t order
    cdef gm_shortfall_t parts
    cdef gm_costs_status_t status
    for i in range(n):
        order.side = c.side[i]
        order.order_quantity = c.order_quantity[i]
        order.decision_e9 = c.decision_e9[i]
        order.arrival_e9 = c.arrival_e9[i]
        order.end_e9 = c.end_e9[i]
        order.fees_e9 = c.fees_e9[i]
        status = gm_shortfall(&order, &sums[i], order_basis, &parts)
        if status != GM_COSTS_OK:
            bad[0] = i
            return status
        c.filled_quantity[i] = parts.filled_quantity
        c.average_price[i] = gm_fill_sum_vwap(&sums[i])
        c.money[0][i], c.bps[0][i], c.reason[0][i] = parts.delay_e9, parts.delay_bps, parts.delay_reason
        c.money[1][i], c.bps[1][i], c.reason[1][i] = parts.trading_e9, parts.trading_bps, parts.trading_reason
        c.money[2][i], c.bps[2][i] = parts.opportunity_e9, parts.opportunity_bps
        c.reason[2][i] = parts.opportunity_reason
        c.money[3][i], c.bps[3][i], c.reason[3][i] = parts.fees_e9, parts.fees_bps, parts.fees_reason
        c.money[4][i], c.bps[4][i], c.reason[4][i] = parts.total_e9, parts.total_bps, parts.total_reason
    return GM_COSTS_OK


cdef Py_ssize_t _markouts(
    const int64_t* side, const int64_t* price_e9, const int64_t* mid_e9, Py_ssize_t n, Py_ssize_t horizons, double* out
) noexcept nogil:
    """n, or the index of the first fill whose side or price is bad."""
    cdef Py_ssize_t i, h
    for i in range(n):
        if (side[i] != 1 and side[i] != -1) or price_e9[i] < 1:
            return i
        for h in range(horizons):
            out[i * horizons + h] = gm_markout_bps(side[i], price_e9[i], mid_e9[i * horizons + h])
    return n


cdef Py_ssize_t _spread_capture(
    const int64_t* side, const int64_t* price_e9, const int64_t* bid_e9, const int64_t* ask_e9, Py_ssize_t n,
    double* out
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if (side[i] != 1 and side[i] != -1) or price_e9[i] < 1:
            return i
        out[i] = gm_spread_capture(side[i], price_e9[i], bid_e9[i], ask_e9[i])
    return n


cdef double _slippage_bps(int64_t side, double average_price, double benchmark) noexcept nogil:
    if not isfinite(average_price) or not isfinite(benchmark) or average_price <= 0.0 or benchmark <= 0.0:
        return NAN
    return side * (average_price - benchmark) / benchmark * 1e4


cdef Py_ssize_t _group_weighted(
    const int64_t* group, const int64_t* weight, const double* values, Py_ssize_t n, Py_ssize_t width,
    double* sums, double* weights, Py_ssize_t groups
) noexcept nogil:
    """n, or the index of the first bad row. A NaN value is left out together with its weight."""
    cdef Py_ssize_t i, j, at
    cdef double x
    for i in range(n):
        if group[i] < 0 or group[i] >= groups or weight[i] < 0:
            return i
        for j in range(width):
            x = values[i * width + j]
            if x == x:
                at = group[i] * width + j
                sums[at] += <double>weight[i] * x
                weights[at] += <double>weight[i]
    return n


# ---- reading arguments and raising -----------------------------------------------------------------------------------

cdef inline const int64_t* _data(const int64_t[::1] view) noexcept:
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


cdef int _raise_side_or_price(object side, object price_e9, Py_ssize_t i) except -1:
    if side[i] != 1 and side[i] != -1:
        raise ValueError(f"side[{i}] is {side[i]}, must be 1 (buy) or -1 (sell)")
    raise ValueError(f"price_e9[{i}] is {price_e9[i]}, must be > 0")


cdef int _raise_fill(gm_costs_status_t status, Py_ssize_t i, object order, object quantity, object price, object n,
                     str order_name, str quantity_name, str price_name) except -1:
    if status == GM_COSTS_FILL_ORDER:
        raise ValueError(f"{order_name}[{i}] is {order[i]}, must be >= 0 and below {n}")
    if status == GM_COSTS_FILL_QUANTITY:
        raise ValueError(f"{quantity_name}[{i}] is {quantity[i]}, must be >= 1")
    raise ValueError(f"{price_name}[{i}] is {price[i]}, must be > 0")


cdef int _order_basis(object delay_basis) except -1:
    if delay_basis == "fill":
        return 0
    if delay_basis == "order":
        return 1
    raise ValueError(f"delay_basis is {value_text(delay_basis)}, must be 'fill' or 'order'")


# ---- implementation shortfall ----------------------------------------------------------------------------------------

@cython.final
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
    cdef int order_basis = _order_basis(delay_basis)
    quantity_array = int_array(order_quantity, "order_quantity")
    cdef Py_ssize_t n = quantity_array.shape[0], m, bad = 0
    side_array = _side_column(side, n, "order_quantity")
    inputs = [side_array, quantity_array]
    for values, name in ((decision_price_e9, "decision_price_e9"), (arrival_price_e9, "arrival_price_e9"),
                         (end_price_e9, "end_price_e9"), (fees_e9, "fees_e9")):
        array = int_array(values, name)
        same_length(array, name, n, "order_quantity")
        inputs.append(array)
    order_array = int_array(fill_order, "fill_order")
    m = order_array.shape[0]
    fill_quantity_array = int_array(fill_quantity, "fill_quantity")
    same_length(fill_quantity_array, "fill_quantity", m, "fill_order")
    fill_price_array = int_array(fill_price_e9, "fill_price_e9")
    same_length(fill_price_array, "fill_price_e9", m, "fill_order")
    cdef const int64_t[::1] of_order = order_array, of_quantity = fill_quantity_array, of_price = fill_price_array

    cdef ShortfallColumns result = ShortfallColumns.__new__(ShortfallColumns)
    money = [np.empty(n, np.int64) for _ in range(5)]
    bps = [np.empty(n, np.float64) for _ in range(5)]
    reason = [np.empty(n, np.uint8) for _ in range(5)]
    result.filled_quantity, result.average_price = np.empty(n, np.int64), np.empty(n, np.float64)
    result.delay_e9, result.trading_e9, result.opportunity_e9, result.fees_e9, result.total_e9 = money
    result.delay_bps, result.trading_bps, result.opportunity_bps, result.fees_bps, result.total_bps = bps
    (result.delay_reason, result.trading_reason, result.opportunity_reason, result.fees_reason,
     result.total_reason) = reason
    if n == 0:
        if m:
            raise ValueError(f"fill_order[0] is {of_order[0]}, but there are no orders")
        return result

    cdef _columns_t c
    cdef const int64_t[::1] source
    cdef int64_t[::1] int_view
    cdef double[::1] float_view
    cdef uint8_t[::1] byte_view
    cdef const int64_t* sources[6]
    cdef Py_ssize_t i
    for i in range(6):                  # the lists keep the arrays alive
        source = inputs[i]
        sources[i] = &source[0]
    c.side, c.order_quantity, c.decision_e9 = sources[0], sources[1], sources[2]
    c.arrival_e9, c.end_e9, c.fees_e9 = sources[3], sources[4], sources[5]
    for i in range(5):
        int_view, float_view, byte_view = money[i], bps[i], reason[i]
        c.money[i], c.bps[i], c.reason[i] = &int_view[0], &float_view[0], &byte_view[0]
    int_view, float_view = result.filled_quantity, result.average_price
    c.filled_quantity, c.average_price = &int_view[0], &float_view[0]

    cdef const int64_t* orders = _data(of_order)
    cdef const int64_t* quantities = _data(of_quantity)
    cdef const int64_t* prices = _data(of_price)
    cdef gm_fill_sum_t* sums = <gm_fill_sum_t*>PyMem_Calloc(n, sizeof(gm_fill_sum_t))
    cdef gm_costs_status_t status
    if sums == NULL:
        raise MemoryError()
    try:
        with nogil:
            status = gm_fill_sums(orders, quantities, prices, m, sums, n, &bad)
            if status == GM_COSTS_OK:
                status = _shortfalls(&c, sums, n, order_basis, &bad)
        if status != GM_COSTS_OK:
            _raise_shortfall(status, bad, inputs, sums[bad].quantity if status == GM_COSTS_OVERFILLED else 0,
                             (order_array, fill_quantity_array, fill_price_array), n)
    finally:
        PyMem_Free(sums)
    return result


cdef int _raise_shortfall(gm_costs_status_t status, Py_ssize_t i, object inputs, int64_t filled, object fills,
                          Py_ssize_t n) except -1:
    if status == GM_COSTS_SIDE:
        raise ValueError(f"side[{i}] is {inputs[0][i]}, must be 1 (buy) or -1 (sell)")
    if status == GM_COSTS_QUANTITY:
        raise ValueError(f"order_quantity[{i}] is {inputs[1][i]}, must be >= 1")
    if status == GM_COSTS_DECISION:
        raise ValueError(f"decision_price_e9[{i}] is {inputs[2][i]}, must be > 0 or PRICE_UNKNOWN")
    if status == GM_COSTS_ARRIVAL:
        raise ValueError(f"arrival_price_e9[{i}] is {inputs[3][i]}, must be > 0 or PRICE_UNKNOWN")
    if status == GM_COSTS_END:
        raise ValueError(f"end_price_e9[{i}] is {inputs[4][i]}, must be > 0 or PRICE_UNKNOWN")
    if status == GM_COSTS_OVERFILLED:
        total = "2**63 or more" if filled < 0 else filled
        raise ValueError(f"fills of order {i} add up to {total}, above its order_quantity[{i}], {inputs[1][i]}")
    if status == GM_COSTS_RANGE:
        raise ValueError(f"a cost of order {i} does not fit into int64 (9.2e9 of the currency)")
    return _raise_fill(status, i, fills[0], fills[1], fills[2], n, "fill_order", "fill_quantity", "fill_price_e9")


@cython.final
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
        code = (self.parts.delay_reason, self.parts.trading_reason, self.parts.opportunity_reason,
                self.parts.fees_reason, self.parts.total_reason)[PARTS.index(part)]
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
            raise ValueError(f"fill_quantity[{i}] is {quantities[i]}, must be >= 1")
        if prices[i] < 1:
            raise ValueError(f"fill_price_e9[{i}] is {prices[i]}, must be > 0")
        gm_fill_sum_add(&result.fills, quantities[i], prices[i])
    cdef gm_costs_status_t status = gm_shortfall(o, &result.fills, order_basis, &result.parts)
    if status == GM_COSTS_OVERFILLED:
        total = "2**63 or more" if result.fills.quantity < 0 else result.fills.quantity
        raise ValueError(f"fills add up to {total}, above order_quantity, {o.order_quantity}")
    if status != GM_COSTS_OK:           # every other input was checked above
        raise ValueError("a cost of the order does not fit into int64 (9.2e9 of the currency)")
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
    average, _ = group_vwap(np.zeros(len(int_array(quantity, "quantity")), np.int64), price_e9, quantity, 1)
    return float(average[0])


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
    cdef Py_ssize_t n = int_argument(groups, "groups", 0, 1 << 40), i, bad = 0
    quantity_array = int_array(quantity, "quantity")
    cdef Py_ssize_t m = quantity_array.shape[0]
    group_array, price_array = int_array(group, "group"), int_array(price_e9, "price_e9")
    same_length(group_array, "group", m, "quantity")
    same_length(price_array, "price_e9", m, "quantity")
    cdef const int64_t[::1] group_view = group_array, price_view = price_array, quantity_view = quantity_array
    cdef const int64_t* of_group = _data(group_view)
    cdef const int64_t* of_price = _data(price_view)
    cdef const int64_t* of_quantity = _data(quantity_view)
    average, total = np.empty(n, np.float64), np.empty(n, np.int64)
    cdef double[::1] average_view = average
    cdef int64_t[::1] total_view = total
    cdef gm_fill_sum_t* sums = <gm_fill_sum_t*>PyMem_Calloc(n + 1, sizeof(gm_fill_sum_t))
    cdef gm_costs_status_t status
    if sums == NULL:
        raise MemoryError()
    try:
        with nogil:
            status = gm_fill_sums(of_group, of_quantity, of_price, m, sums, n, &bad)
            if status == GM_COSTS_OK:
                for i in range(n):
                    if sums[i].quantity < 0:
                        status = GM_COSTS_RANGE
                        bad = i
                        break
                    average_view[i] = gm_fill_sum_vwap(&sums[i])
                    total_view[i] = sums[i].quantity
        if status == GM_COSTS_RANGE:
            raise ValueError(f"quantity of group {bad} adds up to 2**63 or more")
        if status != GM_COSTS_OK:
            _raise_fill(status, bad, group_array, quantity_array, price_array, n, "group", "quantity", "price_e9")
    finally:
        PyMem_Free(sums)
    return average, total


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
            bad = _group_weighted(&group_view[0], &weight_view[0], &value_view[0], m, width, &sum_view[0],
                                  &used_view[0], n)
        if bad < m:
            if weight_view[bad] < 0:
                raise ValueError(f"weight[{bad}] is {weight_view[bad]}, must be >= 0")
            raise ValueError(f"group[{bad}] is {group_view[bad]}, must be >= 0 and below {n}")
    mean = np.full(shape, NAN)
    np.divide(sums, weights, out=mean, where=weights > 0.0)
    return mean, weights


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
        raise ValueError(f"side[{bad}] is {sides[bad]}, must be 1 (buy) or -1 (sell)")
    return out


cdef double _price_or_nan(object value, str name) except? -1.0:
    return NAN if isinstance(value, float) and not isfinite(value) else number_argument(value, name)


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
            bad = _markouts(&sides[0], &prices[0], &mids[0], m, horizons, &view[0])
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
            bad = _spread_capture(&sides[0], &prices[0], &bids[0], &asks[0], m, &view[0])
        if bad < m:
            _raise_side_or_price(side_array, price_array, bad)
    return out
