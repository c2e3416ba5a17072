# Execution-cost measures. Money and prices are int64 in 1e-9 of the currency; costs are positive where they are bad.
from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef extern from "costs.h" nogil:
    const int64_t GM_PRICE_UNKNOWN

    enum:
        GM_COSTS_HORIZONS

    enum:
        GM_COST_KNOWN
        GM_COST_NO_DECISION
        GM_COST_NO_ARRIVAL
        GM_COST_NO_END
        GM_COST_NO_FEES
        GM_COST_NO_QUOTE
        GM_COST_NO_MARKET
        GM_COST_NO_FILLS
        GM_COST_NO_SPREAD

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
        GM_COSTS_MEMORY

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
    uint8_t gm_shortfall_reason(const gm_shortfall_t* shortfall, int part) noexcept
    gm_costs_status_t gm_shortfall(
        const gm_order_cost_t* order, const gm_fill_sum_t* sum, int order_basis, gm_shortfall_t* out) noexcept

    ctypedef struct gm_fill_columns_t:
        const int64_t* order                    # index of each fill's order
        const int64_t* quantity
        const int64_t* price_e9
        const int64_t* bid_e9                   # the quote it met; NULL without quotes
        const int64_t* ask_e9
        const int64_t* mid_e9[GM_COSTS_HORIZONS]
        Py_ssize_t mid_stride[GM_COSTS_HORIZONS]    # elements
        Py_ssize_t n

    ctypedef struct gm_cost_sums_t:
        Py_ssize_t orders
        int width, horizons, quotes

    ctypedef struct gm_order_columns_t:
        const int64_t* side
        const int64_t* order_quantity
        const int64_t* decision_e9
        const int64_t* arrival_e9
        const int64_t* end_e9
        const int64_t* fees_e9
        int64_t* filled_quantity
        double* average_price
        int64_t* money[5]                       # delay, trading, opportunity, fees, total
        double* bps[5]
        uint8_t* reason[5]

    ctypedef struct gm_fill_measures_t:
        int64_t* spread_e9
        double* spread_bps
        double* capture
        double* markout_bps[GM_COSTS_HORIZONS]
        double* share[GM_COSTS_HORIZONS + 1]    # of the notional: with a quote, with each mid

    gm_costs_status_t gm_cost_sums_init(gm_cost_sums_t* sums, Py_ssize_t orders, int quotes, int horizons) noexcept
    void gm_cost_sums_free(gm_cost_sums_t* sums) noexcept
    gm_costs_status_t gm_cost_sums_add(gm_cost_sums_t* sums, const gm_fill_columns_t* fills, Py_ssize_t* bad) noexcept
    gm_fill_sum_t gm_cost_sums_fill(const gm_cost_sums_t* sums, Py_ssize_t order) noexcept
    Py_ssize_t gm_order_averages(const gm_cost_sums_t* sums, double* average_price, int64_t* quantity) noexcept
    gm_costs_status_t gm_order_shortfalls(
        const gm_order_columns_t* orders, const gm_cost_sums_t* sums, int order_basis, Py_ssize_t* bad) noexcept
    gm_costs_status_t gm_fill_measures(
        const int64_t* side, const gm_cost_sums_t* sums, const gm_fill_measures_t* out, Py_ssize_t* bad) noexcept
    Py_ssize_t gm_markouts(
        const int64_t* side, const int64_t* price_e9, const int64_t* mid_e9, Py_ssize_t n, Py_ssize_t horizons,
        double* out) noexcept
    Py_ssize_t gm_spread_captures(
        const int64_t* side, const int64_t* price_e9, const int64_t* bid_e9, const int64_t* ask_e9, Py_ssize_t n,
        double* out) noexcept
    Py_ssize_t gm_group_weighted(
        const int64_t* group, const int64_t* weight, const double* values, Py_ssize_t n, Py_ssize_t width, double* sums,
        double* weights, Py_ssize_t groups) noexcept


cdef extern from "asof.h" nogil:
    enum:
        GM_ASOF_HORIZONS

    enum:
        GM_ASOF_KNOWN
        GM_ASOF_NO_QUOTE
        GM_ASOF_NO_BID
        GM_ASOF_NO_ASK
        GM_ASOF_CROSSED
        GM_ASOF_OLD
        GM_ASOF_AFTER

    ctypedef enum gm_asof_status_t:
        GM_ASOF_OK
        GM_ASOF_MEMORY
        GM_ASOF_ORDER
        GM_ASOF_QUOTE_TIME
        GM_ASOF_SYMBOL
        GM_ASOF_TIME
        GM_ASOF_BEGIN

    ctypedef struct gm_quotes_t:
        const int64_t* time_ns                  # in order within a symbol
        const int64_t* bid_e9
        const int64_t* ask_e9
        const int64_t* begin                    # symbols + 1
        Py_ssize_t symbols, quotes
        int64_t end_ns                          # quotes are known to then
        int64_t max_age_ns

    ctypedef struct gm_asof_t:
        const int64_t* symbol
        const int64_t* time_ns
        Py_ssize_t n
        const int64_t* horizon_ns
        int horizons
        int64_t* mid_e9                         # n x horizons
        uint8_t* reason                         # n x horizons
        int64_t* row                            # n x horizons; NULL: not wanted

    gm_asof_status_t gm_quotes_check(const gm_quotes_t* quotes, Py_ssize_t* bad) noexcept
    gm_asof_status_t gm_asof_join(const gm_quotes_t* quotes, const gm_asof_t* join, Py_ssize_t* bad) noexcept


cdef class Shortfall:
    cdef gm_order_cost_t order
    cdef gm_fill_sum_t fills
    cdef gm_shortfall_t parts
