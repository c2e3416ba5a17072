# Execution-cost measures. Money and prices are int64 in 1e-9 of the currency; costs are positive where they are bad.
from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef extern from "costs.h" nogil:
    const int64_t GM_PRICE_UNKNOWN

    enum:
        GM_COST_KNOWN
        GM_COST_NO_DECISION
        GM_COST_NO_ARRIVAL
        GM_COST_NO_END
        GM_COST_NO_FEES

    ctypedef enum gm_costs_status_t:
        GM_COSTS_OK
        GM_COSTS_SIDE
        GM_COSTS_QUANTITY
        GM_COSTS_DECISION
        GM_COSTS_ARRIVAL
        GM_COSTS_END
        GM_COSTS_OVERFILLED
        GM_COSTS_RANGE
        GM_COSTS_FILL_ORDER
        GM_COSTS_FILL_QUANTITY
        GM_COSTS_FILL_PRICE

    ctypedef struct gm_fill_sum_t:
        uint64_t notional_low                   # sum of price * quantity, low word
        uint64_t notional_high                  # high word
        int64_t quantity                        # sum of the quantities; -1 once it has left int64
        int64_t fills                           # how many

    ctypedef struct gm_order_cost_t:
        int64_t side                            # +1 buy, -1 sell
        int64_t order_quantity
        int64_t decision_e9, arrival_e9, end_e9, fees_e9

    ctypedef struct gm_shortfall_t:
        int64_t filled_quantity
        int64_t delay_e9, trading_e9, opportunity_e9, fees_e9, total_e9
        double delay_bps, trading_bps, opportunity_bps, fees_bps, total_bps
        uint8_t delay_reason, trading_reason, opportunity_reason, fees_reason, total_reason

    void gm_fill_sum_add(gm_fill_sum_t* sum, int64_t quantity, int64_t price_e9) noexcept
    double gm_fill_sum_vwap(const gm_fill_sum_t* sum) noexcept
    gm_costs_status_t gm_fill_sums(
        const int64_t* order, const int64_t* quantity, const int64_t* price_e9, Py_ssize_t n, gm_fill_sum_t* sums,
        Py_ssize_t n_orders, Py_ssize_t* bad) noexcept
    gm_costs_status_t gm_shortfall(
        const gm_order_cost_t* order, const gm_fill_sum_t* sum, int order_basis, gm_shortfall_t* out) noexcept
    double gm_markout_bps(int64_t side, int64_t price_e9, int64_t mid_e9) noexcept
    double gm_spread_capture(int64_t side, int64_t price_e9, int64_t bid_e9, int64_t ask_e9) noexcept


cdef class Shortfall:
    cdef gm_order_cost_t order
    cdef gm_fill_sum_t fills
    cdef gm_shortfall_t parts
