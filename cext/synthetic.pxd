# A synthetic market over several venues. Flow and rules in include/synthetic.h.
from libc.stdint cimport int32_t, int64_t, uint64_t

from grandmodel.execution._core.matching cimport gm_matcher_t
from grandmodel.execution._core.records cimport gm_message_t, gm_order_t, gm_report_t, gm_terms_t
from grandmodel.execution._core.scoring cimport Venues, gm_venues_t


cdef extern from "market.h" nogil:
    cdef enum gm_control:
        GM_CONTROL_HALT, GM_CONTROL_RESUME, GM_CONTROL_BAND

    ctypedef struct gm_indication_t:
        int64_t time_ns, price_e9, volume, imbalance
        int32_t closing, phase

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
        void (*follow)(gm_market_t* m, int32_t symbol, int32_t change) noexcept nogil
        int (*control)(gm_market_t* m, int32_t symbol, int32_t what, int64_t low_e9, int64_t high_e9, int64_t now_ns) noexcept nogil
        int32_t (*indicate)(gm_market_t* m, int32_t symbol, gm_indication_t* out) noexcept nogil
        int64_t (*next_ns)(gm_market_t* m) noexcept nogil
        int (*renew)(gm_market_t* m, uint64_t seed, int64_t start_ns) noexcept nogil
        int64_t now_ns
        int64_t executions
        int64_t messages
        int32_t stop

    void gm_market_levels(gm_market_t* m, int32_t symbol, int32_t n, int64_t* rows) noexcept

cdef extern from "flow_model.h" nogil:
    enum: GM_FLOW_DISTANCES
    enum: GM_FLOW_PAPER_DISTANCES
    enum: GM_FLOW_BINS
    enum: GM_FLOW_METAORDERS
    enum: GM_FLOW_TERMS
    enum: GM_FLOW_TYPES
    enum: GM_FLOW_CALENDARS
    enum: GM_FLOW_LOT
    const double GM_FLOW_LIMIT[10]
    const double GM_FLOW_CANCEL[10]
    const double GM_FLOW_MARKET

    ctypedef struct gm_flow_calendar_t:
        const int64_t* opens
        const int64_t* closes
        int64_t count

    ctypedef struct gm_flow_model_t:
        int32_t distances
        double limit[1024]
        double cancel[1024]
        double market
        double arrival
        int64_t unit
        double tail
        int64_t lots_max
        double mean_size
        int32_t clustered
        double branching[6][6]
        double decay
        double constant[6]
        int32_t bins
        double pace[390]
        int32_t metaorders
        double metaorder_tail
        double common
        int64_t common_ns
        double link
        double reversion
        int32_t terms
        double weight[8]
        double relax[8]
        double displayed

    void gm_flow_model_settle(gm_flow_model_t* m) noexcept

cdef extern from "synthetic.h" nogil:
    ctypedef struct gm_flow_t:
        int64_t now_ns
        int64_t next_ns
        int64_t tick_e9
        int64_t reference_tick
        int64_t events
        int32_t own
        int32_t started
        int32_t calendar

    ctypedef struct gm_hours_t:
        int32_t kept
        int64_t opening_call_ns, closing_call_ns, gathering_ns
        double opening_share, closing_share, band

    ctypedef struct gm_flow_record_t:
        gm_message_t* rows
        int64_t count
        int64_t capacity
        int64_t lost

    ctypedef struct gm_synthetic_t:
        gm_market_t market
        gm_flow_t* flows
        gm_flow_calendar_t calendars[9]
        int32_t active_count
        int32_t orders
        int64_t start_ns
        gm_hours_t hours

    int gm_synthetic_init(gm_synthetic_t* s, gm_venues_t* venues, const double* share, const gm_flow_model_t* model, uint64_t seed,
                          int64_t start_ns, int64_t warmup_ns, double events_per_second, double depth) noexcept
    int gm_synthetic_record(gm_synthetic_t* s, int32_t symbol, int64_t until_ns, gm_flow_record_t* record) noexcept
    void gm_synthetic_free(gm_synthetic_t* s) noexcept
    bint gm_synthetic_carries(const gm_synthetic_t* s, int32_t venue) noexcept
    gm_matcher_t* gm_synthetic_matcher(gm_synthetic_t* s, int32_t symbol, int32_t venue) noexcept


cdef class FlowModel:
    cdef gm_flow_model_t model
    cdef int _rates(self, limit_rates, cancel_rates, market_rate) except -1
    cdef int _sizes(self, order_size, size_tail, size_lots_max) except -1
    cdef int _clustering(self, branching, decay_seconds) except -1
    cdef int _reaction(self, reversion, decay, seconds, exponent, displayed) except -1


cdef class Market:
    cdef gm_market_t* market        # set by the subclass, valid while it lives
    cdef readonly Venues venues
    cdef readonly str source


cdef class SyntheticMarket(Market):
    cdef gm_synthetic_t flow
    cdef object _sessions           # the arrays that the calendars point into
    cdef int _adopt(self, int32_t s) except -1
    cdef int _open(self, sessions) except -1
    cdef int _keep(self, hours) except -1
