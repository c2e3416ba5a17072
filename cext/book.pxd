# A limit order book by order: prices in ticks, quantities in steps. Bodies are in include/book.h.
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "book.h" nogil:
    enum: GM_NIL
    enum: GM_BOOK_MAX_TICKS

    cdef enum gm_rest_flags:
        GM_REST_USED, GM_REST_OVERLAY, GM_REST_ANONYMOUS, GM_REST_OWN

    ctypedef struct gm_resting_t:
        int64_t order_id
        int64_t quantity            # shown and not yet filled
        int64_t reserve             # of an iceberg: not shown yet
        int64_t display             # of an iceberg: size after a refresh
        int32_t tick
        int32_t prev, next
        int8_t side
        uint8_t flags

    ctypedef struct gm_level_t:
        int64_t quantity
        int32_t head, tail
        int32_t count
        int32_t overlays

    ctypedef struct gm_book_t:
        gm_level_t* levels[2]
        int64_t base                # tick of the window's first level
        uint32_t ticks              # levels in the window
        int64_t best[2]             # window offsets, -1: empty
        gm_resting_t* pool
        int32_t capacity
        int32_t used
        int32_t live

    int gm_book_init(gm_book_t* b, uint32_t ticks, int32_t capacity) noexcept
    void gm_book_free(gm_book_t* b) noexcept
    int32_t gm_book_find(const gm_book_t* b, int64_t order_id) noexcept
    int32_t gm_book_add(gm_book_t* b, int64_t order_id, int8_t side, int64_t tick, int64_t quantity, uint8_t flags) noexcept
    void gm_book_remove(gm_book_t* b, int32_t slot) noexcept
    void gm_book_reduce(gm_book_t* b, int32_t slot, int64_t quantity) noexcept
    int64_t gm_book_next(const gm_book_t* b, int s, int64_t i) noexcept
    int64_t gm_book_best_tick(const gm_book_t* b, int s) noexcept
    bint gm_book_has(const gm_book_t* b, int s) noexcept
    uint64_t gm_book_state_hash(const gm_book_t* b) noexcept
    int gm_book_check(const gm_book_t* b) noexcept
