# A synthetic market over several venues. Flow and rules in include/synthetic.h.
from libc.stdint cimport int32_t, int64_t, uint64_t

from grandmodel.execution._core.matching cimport gm_matcher_t
from grandmodel.execution._core.records cimport gm_order_t, gm_report_t, gm_terms_t
from grandmodel.execution._core.scoring cimport Venues, gm_venues_t


cdef extern from "market.h" nogil:
    ctypedef struct gm_market_t:
        void* self
        gm_venues_t* venues
        void* core
        void (*report)(void* core, const gm_report_t* report) noexcept nogil
        const gm_terms_t* (*terms)(void* core, const gm_order_t* order) noexcept nogil
        void (*submit)(gm_market_t* m, const gm_order_t* order, int64_t now_ns) noexcept nogil
        void (*cancel)(gm_market_t* m, const gm_order_t* order, int64_t now_ns) noexcept nogil
        int64_t (*advance)(gm_market_t* m, int64_t until_ns) noexcept nogil
        void (*touch)(gm_market_t* m, int32_t symbol, int64_t until_ns) noexcept nogil
        int64_t (*next_ns)(gm_market_t* m) noexcept nogil
        int64_t now_ns
        int64_t executions
        int64_t messages
        int32_t stop

    void gm_market_levels(gm_market_t* m, int32_t symbol, int32_t n, int64_t* rows) noexcept

cdef extern from "synthetic.h" nogil:
    ctypedef struct gm_flow_t:
        int64_t now_ns
        int64_t next_ns
        int64_t tick_e9
        int64_t reference_tick
        int64_t events
        int32_t own
        int32_t started

    ctypedef struct gm_synthetic_t:
        gm_market_t market
        gm_flow_t* flows
        int32_t active_count
        int64_t start_ns

    int gm_synthetic_init(gm_synthetic_t* s, gm_venues_t* venues, const double* share, uint64_t seed, int64_t start_ns,
                          int64_t warmup_ns, double events_per_second, double depth) noexcept
    void gm_synthetic_free(gm_synthetic_t* s) noexcept
    bint gm_synthetic_carries(const gm_synthetic_t* s, int32_t venue) noexcept
    gm_matcher_t* gm_synthetic_matcher(gm_synthetic_t* s, int32_t symbol, int32_t venue) noexcept


cdef class Market:
    cdef gm_market_t* market        # set by the subclass, valid while it lives
    cdef readonly Venues venues
    cdef readonly str source


cdef class SyntheticMarket(Market):
    cdef gm_synthetic_t flow
    cdef int _adopt(self, int32_t s) except -1
