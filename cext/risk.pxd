# The pre-trade checks and their limits. Bodies in include/risk.h.
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

from grandmodel.execution._core.instruments cimport Instruments
from grandmodel.execution._core.portfolio cimport gm_portfolio_t
from grandmodel.execution._core.records cimport gm_i128


cdef extern from "risk.h" nogil:
    uint64_t GM_ALL_CHECKS

    ctypedef struct gm_limits_t:
        uint64_t configured
        int64_t max_order_size
        int64_t daily_orders
        gm_i128 max_notional
        gm_i128 max_order_value
        gm_i128 daily_value
        int64_t max_leverage_e9
        int64_t max_concentration_e9
        int64_t sector_e9[64]
        int64_t* position

    ctypedef struct gm_risk_detail_t:
        double used[23]
        double limit[23]

    uint64_t gm_risk_check(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask, int32_t account, int32_t symbol,
                           int8_t side, int64_t quantity, int64_t price_e9, gm_risk_detail_t* detail) noexcept
    int64_t gm_risk_largest(const gm_limits_t* l, const gm_portfolio_t* p, int32_t account, int32_t symbol, int8_t side,
                            int64_t quantity, int64_t price_e9) noexcept


cdef class Limits:
    cdef gm_limits_t table
    cdef readonly Instruments instruments
    cdef int64_t default_position
    cdef dict _settings
