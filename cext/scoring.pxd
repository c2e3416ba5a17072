# Venues as columns, their quotes, and the choice between them. Bodies in include/venues.h and include/scoring.h.
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint64_t

from grandmodel.execution._core.instruments cimport Instruments
from grandmodel.execution._core.records cimport gm_i128, gm_order_t, gm_quote_t


cdef extern from "split.h" nogil:
    enum: GM_MAX_VENUES

    cdef enum gm_venue_class:
        GM_EXCHANGE, GM_ECN, GM_DARK_POOL, GM_WHOLESALER

    cdef enum gm_venue_verdict:
        GM_VENUE_CHOSEN, GM_VENUE_COSTLIER, GM_VENUE_TIE_LOST, GM_VENUE_DISABLED, GM_VENUE_TOO_LARGE, GM_VENUE_TOO_SMALL,
        GM_VENUE_NO_QUOTE, GM_VENUE_WORSE_PRICE, GM_VENUE_NOT_DISPLAYED, GM_VENUE_UNSUPPORTED, GM_VENUE_BARRED, GM_VENUE_NOT_NAMED,
        GM_VENUE_TRIPPED

    enum: GM_WEIGHT_FILL, GM_WEIGHT_ADVERSE, GM_WEIGHT_LATENCY, GM_WEIGHT_HIDDEN
    enum: GM_SPLIT_MAX

    ctypedef struct gm_capture_t:
        int32_t count
        int32_t on
        int32_t error
        int32_t fd
        int64_t offset
        int64_t number
        int64_t run
        int64_t written
        void (*flush)(gm_capture_t* c) noexcept nogil

    ctypedef struct gm_tape_t:
        int64_t volume
        int64_t own_volume
        gm_i128 notional
        gm_i128 own_notional
        int64_t trades
        int64_t first_e9, last_e9

    ctypedef struct gm_tap_t:
        void* self
        void* market
        gm_tap_t* next

    ctypedef struct gm_learned_t:
        double unfilled, adverse, slippage

    ctypedef struct gm_breaker_terms_t:
        int32_t rejects, unanswered, disconnects
        int64_t cool_down_ns

    ctypedef struct gm_venues_t:
        int32_t count
        int32_t symbols
        int32_t kind[64]
        int32_t priority[64]
        int32_t enabled[64]
        int64_t take_fee_e9[64]
        int64_t make_fee_e9[64]
        int64_t max_order_size[64]
        int64_t min_size[64]
        int64_t tick_e9[64]
        int64_t latency_ns[64]
        int64_t auction_fee_e9[64]
        int64_t improvement[64]
        gm_quote_t* quotes
        gm_tape_t* tapes
        int64_t updates
        gm_capture_t* capture
        uint64_t supports[64]
        unsigned char barred[64]
        int32_t* listing
        int32_t protects, retail
        uint64_t on, stopped
        unsigned char* halted
        int32_t listeners
        gm_tap_t** taps
        int32_t learns, frozen
        double weights[4]
        double half_life
        gm_learned_t* learned
        gm_breaker_terms_t breaker
        int64_t probe_size
        uint64_t tripped, probing

    ctypedef struct gm_nbbo_t:
        int64_t bid_e9, ask_e9
        int64_t bid_quantity, ask_quantity
        int64_t volume
        int64_t sequence
        int32_t bid_venue, ask_venue
        int64_t time_ns

    ctypedef struct gm_route_t:
        int32_t venue
        int32_t runner_up
        int32_t candidates
        uint16_t reason
        uint8_t takes
        int64_t cost_e9
        int64_t runner_up_cost_e9
        int64_t price_e9

    ctypedef struct gm_score_t:
        int64_t cost_e9
        int32_t verdict

    ctypedef struct gm_leg_t:
        int64_t quantity, price_e9, cost_e9, shown
        int32_t venue

    ctypedef struct gm_split_t:
        int64_t placed, residual
        int32_t count, rest_venue
        gm_leg_t legs[64]
        uint8_t verdicts[64]

    void gm_split_marketable(const gm_venues_t* v, const gm_nbbo_t* n, int32_t symbol, int8_t side, int64_t quantity, int64_t limit_e9,
                             int rest, gm_split_t* out) noexcept
    int64_t gm_rest_risk(const gm_venues_t* v, const gm_nbbo_t* n, int32_t symbol, int32_t i, int64_t mid, int64_t distance) noexcept
    int gm_venues_init(gm_venues_t* v, int32_t symbols) noexcept
    void gm_venues_free(gm_venues_t* v) noexcept
    void gm_venue_settle(gm_venues_t* v, int32_t venue) noexcept
    gm_quote_t* gm_quotes_of(const gm_venues_t* v, int32_t symbol) noexcept
    gm_nbbo_t gm_consolidate_afresh(const gm_venues_t* v, int32_t symbol) noexcept
    int64_t gm_mid(const gm_nbbo_t* n) noexcept
    void gm_quote_publish(gm_venues_t* v, int32_t symbol, int32_t venue, int64_t bid_e9, int64_t bid_quantity, int64_t ask_e9,
                          int64_t ask_quantity, int64_t time_ns) noexcept
    void gm_halt_publish(gm_venues_t* v, int32_t symbol, int32_t venue, int halted, int64_t time_ns) noexcept
    void gm_venues_begin(gm_venues_t* v, int32_t symbols, int64_t time_ns) noexcept
    gm_route_t gm_score_venues(const gm_venues_t* v, const gm_nbbo_t* n, int32_t symbol, int8_t side, int64_t quantity,
                               int64_t limit_e9, uint8_t flags, uint64_t needs, gm_score_t* detail) noexcept
    gm_route_t gm_route_order(const gm_venues_t* v, const gm_nbbo_t* n, const gm_order_t* o, gm_score_t* detail) noexcept
    void gm_route_batch(const gm_venues_t* v, int32_t symbol, int64_t count, const int64_t* signed_quantities, const int64_t* limits_e9,
                        int32_t* venues, int64_t* costs_e9) noexcept
    uint64_t GM_NEED_IOC, GM_NEED_FOK, GM_NEED_AUCTION, GM_NEED_POST_ONLY, GM_NEED_HIDDEN, GM_NEED_MINIMUM


cdef enum:
    TAPS = 16       # who can hear one symbol at once


cdef class Tap:                         # an ear at one symbol's quotes and prints
    cdef gm_tap_t tap
    cdef int fits(self, Tap other) except -1
    cdef void copy_into(self, Tap other) noexcept


cdef class Venues:
    cdef gm_venues_t table
    cdef dict taps, beside              # symbol number -> Tap, and -> list of those that hear it too: keep what `table.taps` points to
    cdef readonly Instruments instruments
    cdef readonly list names
    cdef object capture                 # keeps what `table.capture` points to
    cdef int32_t _symbol(self, symbol) except -1
    cdef int _may_listen(self, int32_t s, str symbol, Tap tap) except -1
    cdef int _is_free(self, Tap tap) except -1
    cdef int _overhear(self, int32_t s, Tap tap, bint on) except -1
    cdef int _gather(self, int32_t s, gm_tap_t** chain) except -1
    cdef void _link(self, int32_t s, gm_tap_t** chain, int count) noexcept
    cdef dict _learned_terms(self, const gm_nbbo_t* n, int32_t s, int32_t v, int side, bint takes, limit_e9)


cdef class Quote:
    cdef gm_nbbo_t row
    cdef readonly str symbol
    cdef list venues


cdef dict split_of(Venues venues, const gm_split_t* s)
