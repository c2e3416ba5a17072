# A market behind ways that take time and venues that err. Rules in include/link.h and include/faults.h, bodies in kernels/link.c, faults.c.
from libc.stdint cimport int32_t, int64_t, uint64_t

from grandmodel.execution._core.scoring cimport Venues, gm_venues_t
from grandmodel.execution._core.synthetic cimport Market, gm_market_t


cdef extern from "link.h" nogil:
    enum: GM_FAULT_SCRIPT

    cdef enum gm_delays:
        GM_DELAY_FIXED, GM_DELAY_UNIFORM, GM_DELAY_EXPONENTIAL, GM_DELAY_LOGNORMAL

    cdef enum gm_way_kind:
        GM_WAY_OUT, GM_WAY_IN, GM_WAY_FEED, GM_WAY_FAULTS

    cdef enum gm_fault:
        GM_FAULT_REJECT, GM_FAULT_DROP, GM_FAULT_DELAY, GM_FAULT_REORDER, GM_FAULT_DUPLICATE, GM_FAULT_DISCONNECT, GM_FAULT_BUST,
        GM_FAULT_CORRECT, GM_FAULT_OVERFILL, GM_FAULT_LIE, GM_LIE_PRICE, GM_LIE_ORDER, GM_LIE_SYMBOL, GM_LIE_SIDE, GM_LIE_NOTHING,
        GM_LIE_NEGATIVE, GM_LIE_ENORMOUS, GM_LIE_ACKNOWLEDGED, GM_LIE_KIND, GM_FAULT_END

    cdef enum gm_fault_message:
        GM_MESSAGE_ORDER, GM_MESSAGE_CANCEL, GM_MESSAGE_REPLACE, GM_MESSAGE_ACKNOWLEDGEMENT, GM_MESSAGE_FILL, GM_MESSAGE_ENDED,
        GM_MESSAGE_REPLACED, GM_MESSAGE_REFUSED, GM_MESSAGE_REVISION

    ctypedef struct gm_path_t:
        int64_t out_ns, in_ns, feed_ns
        int64_t jitter_ns
        int32_t distribution

    ctypedef struct gm_way_t:
        uint64_t stream
        int64_t last_ns

    ctypedef struct gm_script_t:
        int32_t message, fault
        int64_t number

    ctypedef struct gm_faults_t:
        double chance[11]
        int64_t delay_ns, disconnect_ns, revise_ns
        int32_t resend
        int32_t any
        int32_t script_count
        gm_script_t script[64]

    ctypedef struct gm_lane_t:
        gm_path_t path
        gm_faults_t faults
        uint64_t draws
        int32_t down

    ctypedef struct gm_link_t:
        gm_market_t market
        gm_market_t* inner
        int32_t heap_count
        int64_t* executed
        int64_t hurried, lost, held_back
        int64_t injected[20]
        gm_lane_t lanes[64]

    uint64_t gm_way_stream(uint64_t seed, int32_t kind, int32_t venue, int32_t symbol) noexcept
    int64_t gm_way_due(const gm_path_t* p, int64_t base_ns, gm_way_t* way, int64_t sent_ns, int64_t extra_ns) noexcept
    unsigned int gm_faults_on(int message) noexcept
    int gm_link_init(gm_link_t* l, gm_venues_t* venues, gm_market_t* inner, int32_t symbol_count, uint64_t seed) noexcept
    void gm_link_free(gm_link_t* l) noexcept


cdef class LinkedMarket(Market):
    cdef gm_link_t* link
    cdef readonly Market inner
    cdef Venues truth                   # the inner market's table: it points here as long as this is there
    cdef int _lay(self, str venue, dict path) except -1
    cdef int _spoil(self, str venue, dict faults) except -1
