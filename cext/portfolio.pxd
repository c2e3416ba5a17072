# Positions, open orders and cash by account and symbol, with running totals. Bodies in include/portfolio.h.
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t

from grandmodel.execution._core.instruments cimport Instruments, gm_instruments_t
from grandmodel.execution._core.records cimport gm_i128


cdef extern from "portfolio.h" nogil:
    enum: GM_MAX_ACCOUNTS

    ctypedef struct gm_position_t:
        int64_t quantity
        int64_t open_buy
        int64_t open_sell
        int64_t mark_e9
        gm_i128 exposure
        gm_i128 value
        gm_i128 longest, shortest
        int64_t own_buy_e9, own_sell_e9

    ctypedef struct gm_account_t:
        gm_i128 cash
        gm_i128 gross
        gm_i128 value
        gm_i128 longest, shortest
        gm_i128 sector[64]
        gm_i128 traded
        gm_i128 reserved
        int64_t orders_today
        int64_t open_orders
        int64_t unmarked

    ctypedef struct gm_activity_t:
        int64_t* counts
        int64_t forgotten

    ctypedef struct gm_portfolio_t:
        gm_account_t* accounts
        gm_position_t* positions
        int64_t* marks_e9
        int32_t account_count
        gm_activity_t activity

    int gm_portfolio_init(gm_portfolio_t* p, const gm_instruments_t* instruments) noexcept
    void gm_portfolio_free(gm_portfolio_t* p) noexcept
    gm_position_t* gm_position_of(const gm_portfolio_t* p, int32_t account, int32_t symbol) noexcept
    int64_t gm_mark_of(const gm_portfolio_t* p, int32_t symbol) noexcept
    void gm_portfolio_mark(gm_portfolio_t* p, int32_t symbol, int64_t mark_e9) noexcept
    void gm_portfolio_settle(gm_portfolio_t* p) noexcept
    void gm_portfolio_reserve(gm_portfolio_t* p, int32_t account, int32_t symbol, int8_t side, int64_t quantity,
                              int64_t reserve_price_e9, int sign) noexcept
    gm_i128 gm_net(gm_i128 longest, gm_i128 shortest) noexcept
    void gm_activity_message(gm_activity_t* t, int32_t account, int64_t now) noexcept
    void gm_activity_order(gm_activity_t* t, int32_t account, int32_t symbol, int8_t side, int64_t quantity, int64_t price_e9,
                           int64_t window_ns, int64_t now) noexcept
    void gm_portfolio_fill(gm_portfolio_t* p, int32_t account, int32_t symbol, int8_t side, int64_t quantity,
                           int64_t price_e9, int64_t fee_e9, int today) noexcept

cdef extern from *:
    """
    #include "records.h"
    /* 128-bit integers cross into Python as two words. */
    static inline int64_t gm_i128_high(gm_i128 x) { return (int64_t)(x >> 64); }
    static inline uint64_t gm_i128_low(gm_i128 x) { return (uint64_t)x; }
    static inline gm_i128 gm_i128_join(int64_t high, uint64_t low) { return (gm_i128)(((gm_u128)(uint64_t)high << 64) | low); }
    """
    int64_t gm_i128_high(gm_i128 x) noexcept nogil
    unsigned long long gm_i128_low(gm_i128 x) noexcept nogil
    gm_i128 gm_i128_join(int64_t high, unsigned long long low) noexcept nogil


cdef inline object i128_to_int(gm_i128 x):
    return (int(gm_i128_high(x)) << 64) + int(gm_i128_low(x))


cdef inline gm_i128 int_to_i128(object x) except? -1:
    return gm_i128_join(<int64_t>(x >> 64), <unsigned long long>(x & 0xFFFFFFFFFFFFFFFF))


cdef class Portfolio:
    cdef gm_portfolio_t table
    cdef readonly Instruments instruments

    cdef int32_t _account(self, account) except -1
    cdef dict _figures(self, const gm_account_t* row, int32_t account)
    cdef dict _held(self, const gm_position_t* rows)
    cdef int32_t _symbol(self, symbol) except -1
