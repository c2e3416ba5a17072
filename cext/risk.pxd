# The pre-trade checks and their limits. Bodies in include/risk.h.
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint64_t

from grandmodel.execution._core.instruments cimport Instruments
from grandmodel.execution._core.portfolio cimport gm_portfolio_t
from grandmodel.execution._core.records cimport gm_i128


cdef extern from "risk.h" nogil:
    uint64_t GM_ALL_CHECKS

    enum: GM_RATE_MAX
    enum: GM_COLLAR_MID, GM_COLLAR_LAST, GM_COLLAR_MARK
    enum: GM_COLLAR_BPS, GM_COLLAR_TICKS
    enum: GM_SELF_MATCH_CANCEL_NEWEST, GM_SELF_MATCH_CANCEL_OLDEST, GM_SELF_MATCH_CANCEL_BOTH, GM_SELF_MATCH_DECREMENT
    enum: GM_BAR_RESTRICTED, GM_BAR_LONG_ONLY

    ctypedef struct gm_limits_t:
        uint64_t configured
        int64_t max_order_size
        int64_t daily_orders
        gm_i128 max_notional
        gm_i128 max_order_value
        gm_i128 daily_value
        gm_i128 max_gross, max_net
        int64_t max_leverage_e9
        int64_t max_concentration_e9
        int64_t sector_e9[64]
        int64_t* position
        int64_t collar
        int32_t collar_reference, collar_unit
        int64_t max_volume_e9
        int64_t duplicate_ns
        int64_t max_messages, rate_ns
        int64_t max_open_orders
        int64_t max_age_ns
        int64_t* located
        uint8_t* bars
        int32_t self_match

    ctypedef struct gm_risk_order_t:
        int64_t quantity
        int64_t price_e9, limit_e9, repeats_e9
        int64_t bid_e9, ask_e9, last_e9
        int64_t quote_ns, now_ns
        int32_t account, symbol, ahead
        int8_t side
        uint8_t flags
        uint8_t halted

    ctypedef struct gm_risk_detail_t:
        double used[23]
        double limit[23]

    uint64_t gm_risk_check(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask, const gm_risk_order_t* o) noexcept
    uint64_t gm_risk_of(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask, const gm_risk_order_t* o,
                        gm_risk_detail_t* detail) noexcept
    uint64_t gm_risk_explain(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask, const gm_risk_order_t* o,
                             gm_risk_detail_t* detail) noexcept
    int64_t gm_risk_largest(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask, const gm_risk_order_t* o) noexcept


cdef class Limits:
    cdef gm_limits_t table
    cdef readonly Instruments instruments
    cdef dict _settings
    cdef public dict values             # by path of the configuration, in each limit's own unit; see risk/limits.py
    cdef public dict recorded           # the last that the log has of them
    cdef object retired                 # the limits before the last change

    cdef uint64_t _order(self, gm_risk_order_t* o, portfolio, symbol, side, quantity, price_e9, account, quote, now_ns, halted) except? 0
