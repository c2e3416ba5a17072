# Price-time priority matching on one book. Bodies are in include/matching.h.
cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from grandmodel.execution._core.book cimport gm_book_t, gm_resting_t
from grandmodel.execution._core.records cimport gm_command_t


cdef extern from "exchange.h" nogil:
    ctypedef void (*gm_fill_sink)(void* context, const gm_resting_t* resting, int64_t price_e9,
                                  int64_t quantity) noexcept nogil

    ctypedef struct gm_matcher_t:
        gm_book_t book
        int64_t tick_e9
        int64_t last_e9             # price of the last trade; GM_NO_PRICE: none yet
        int64_t volume              # traded so far
        int64_t trades
        int64_t icebergs            # resting orders with a reserve
        int64_t changes             # of the book

    ctypedef struct gm_match_result_t:
        int64_t filled
        int64_t leaves              # resting now (its reserve too), or ended for `reason`
        int32_t slot                # where the rest rests; GM_NIL: it does not
        uint16_t reason
        uint16_t status             # gm_status of the order after the command

    ctypedef struct gm_entry_t:
        int64_t order_id, quantity, limit_e9, stop_e9, offset_e9, display_quantity, min_quantity
        int8_t side
        uint8_t order_type, time_in_force, flags
        uint16_t owner
        uint8_t rest_flags

    ctypedef struct gm_rare_t:
        gm_entry_t entry
        uint64_t arrival
        uint8_t place

    ctypedef struct gm_event_t:
        int64_t order_id, other_id, price_e9, quantity
        int8_t side
        uint8_t kind, displayed, rest_flags
        uint16_t reason

    ctypedef struct gm_auction_t:
        int64_t price_e9, volume, imbalance

    ctypedef void (*gm_event_sink)(void* context, const gm_event_t* event) noexcept nogil

    ctypedef struct gm_exchange_t:
        gm_matcher_t lit
        gm_rare_t* rare
        int32_t rare_count, phase, owner_rule, stops_by_quote, referenced
        int64_t lot, band_low_e9, band_high_e9, reference_bid_e9, reference_ask_e9

    enum:
        GM_PHASE_CONTINUOUS, GM_PHASE_OPENING_CALL, GM_PHASE_CLOSING_CALL, GM_PHASE_HALTED, GM_PHASE_CLOSED
        GM_OWN_TRADES, GM_OWN_CANCEL_NEWEST, GM_OWN_CANCEL_OLDEST, GM_OWN_CANCEL_BOTH, GM_OWN_DECREMENT
        GM_RARE_DARK, GM_RARE_STOP, GM_RARE_AUCTION
        GM_EVENT_TRADE, GM_EVENT_ENDED, GM_EVENT_REDUCED, GM_EVENT_TRIGGERED

    bint gm_exchange_plain(const gm_exchange_t* x) noexcept
    int gm_exchange_init(gm_exchange_t* x, int64_t tick_e9, uint32_t ticks, int32_t capacity) noexcept
    void gm_exchange_free(gm_exchange_t* x) noexcept
    gm_match_result_t gm_exchange_submit(gm_exchange_t* x, const gm_entry_t* e, gm_event_sink sink, void* context) noexcept
    int64_t gm_exchange_cancel(gm_exchange_t* x, int64_t order_id, gm_event_sink sink, void* context) noexcept
    gm_match_result_t gm_exchange_replace(gm_exchange_t* x, int64_t order_id, int64_t open, int64_t limit_e9, gm_event_sink sink,
                                          void* context) noexcept
    gm_auction_t gm_exchange_indicate(const gm_exchange_t* x, int64_t reference_e9) noexcept
    gm_auction_t gm_exchange_uncross(gm_exchange_t* x, int64_t reference_e9, gm_event_sink sink, void* context) noexcept
    void gm_exchange_set_phase(gm_exchange_t* x, int32_t phase, gm_event_sink sink, void* context) noexcept
    void gm_exchange_set_reference(gm_exchange_t* x, int on, int64_t bid_e9, int64_t ask_e9, gm_event_sink sink, void* context) noexcept
    int32_t gm_exchange_find(const gm_exchange_t* x, int64_t order_id) noexcept
    int64_t gm_exchange_price(const gm_exchange_t* x, const gm_entry_t* e, int64_t bid_e9, int64_t ask_e9) noexcept
    void gm_exchange_set_band(gm_exchange_t* x, int64_t low_e9, int64_t high_e9, gm_event_sink sink, void* context) noexcept
    uint64_t gm_exchange_hash(const gm_exchange_t* x) noexcept

    int gm_matcher_init(gm_matcher_t* m, int64_t tick_e9, uint32_t ticks, int32_t capacity) noexcept
    uint16_t gm_match_refusal(const gm_matcher_t* m, const gm_command_t* c) noexcept
    gm_match_result_t gm_match_submit(gm_matcher_t* m, const gm_command_t* c, uint8_t rest_flags, gm_fill_sink sink,
                                      void* context) noexcept
    int64_t gm_match_open(const gm_matcher_t* m, int32_t slot) noexcept
    void gm_match_shrink(gm_matcher_t* m, int32_t slot, int64_t less) noexcept
    int64_t gm_match_cancel(gm_matcher_t* m, int64_t order_id) noexcept


ctypedef struct events_t:          # of the command being matched
    gm_event_t* rows
    int64_t taker                   # of the plain book's trades
    Py_ssize_t count, room
    bint lost                       # there was no memory for one of them


@cython.final
cdef class MatchResult:             # what became of a submitted order
    cdef int64_t order_id, filled, leaves
    cdef uint16_t status_code, reason_code
    cdef gm_event_t* rows           # owned
    cdef Py_ssize_t count


@cython.final
cdef class MatchingEngine:
    cdef gm_exchange_t exchange
    cdef bint busy                  # a loop without the GIL is in the book
    cdef events_t happened          # scratch

    cdef gm_exchange_t* _get(self) except NULL
    cdef MatchResult _result(self, int64_t order_id, gm_match_result_t result)
    cdef list _events(self)
