# Limit order books by order and by level: prices in ticks, quantities in steps. Bodies: include/{book,levels,feed}.h.
cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

from grandmodel.execution._core.records cimport gm_message_t


cdef extern from "book.h" nogil:
    enum: GM_NIL
    enum: GM_BOOK_MAX_TICKS
    const uint32_t GM_BOOK_MAX_SPAN

    cdef enum gm_rest_flags:
        GM_REST_USED, GM_REST_OVERLAY, GM_REST_ANONYMOUS, GM_REST_OWN, GM_REST_POST_ONLY

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
        uint32_t max_span

    int gm_book_init(gm_book_t* b, uint32_t ticks, int32_t capacity) noexcept
    void gm_book_free(gm_book_t* b) noexcept
    int32_t gm_book_find(const gm_book_t* b, int64_t order_id) noexcept
    int32_t gm_book_add(gm_book_t* b, int64_t order_id, int8_t side, int64_t tick, int64_t quantity,
                        uint8_t flags) noexcept
    void gm_book_remove(gm_book_t* b, int32_t slot) noexcept
    void gm_book_clear(gm_book_t* b) noexcept
    void gm_book_reduce(gm_book_t* b, int32_t slot, int64_t quantity) noexcept
    int64_t gm_book_next(const gm_book_t* b, int s, int64_t i) noexcept
    int64_t gm_book_best_tick(const gm_book_t* b, int s) noexcept
    bint gm_book_has(const gm_book_t* b, int s) noexcept
    uint64_t gm_book_state_hash(const gm_book_t* b) noexcept
    int gm_book_check(const gm_book_t* b) noexcept


cdef extern from "levels.h" nogil:
    int gm_levels_init(gm_book_t* b, uint32_t ticks, int32_t capacity) noexcept
    void gm_levels_free(gm_book_t* b) noexcept
    void gm_levels_clear(gm_book_t* b) noexcept
    uint64_t gm_levels_state_hash(const gm_book_t* b) noexcept
    int gm_levels_check(const gm_book_t* b) noexcept


cdef extern from "feed.h" nogil:
    enum: GM_FEED_PROBLEM_END
    enum: GM_ANY_SYMBOL
    enum: GM_SYNCED

    cdef enum gm_feed_problem:
        GM_FEED_OK, GM_FEED_UNKNOWN_ORDER, GM_FEED_DUPLICATE_ORDER, GM_FEED_PRICE, GM_FEED_QUANTITY, GM_FEED_SIDE,
        GM_FEED_ACTION, GM_FEED_CAPACITY, GM_FEED_SEQUENCE

    ctypedef struct gm_feed_t:
        int64_t tick_e9
        int32_t symbol
        int32_t state
        int64_t sequence
        int64_t gaps
        int64_t problems[GM_FEED_PROBLEM_END]

    void gm_feed_init(gm_feed_t* f, int64_t tick_e9, int by_level, int32_t symbol, int dense) noexcept
    void gm_feed_reset(gm_feed_t* f) noexcept
    int gm_feed_one(gm_feed_t* f, gm_book_t* b, const gm_message_t* m) noexcept
    int64_t gm_feed_apply(gm_feed_t* f, gm_book_t* b, const gm_message_t* rows, int64_t n, int strict,
                          int64_t* first, int* what) noexcept
    void gm_book_row(const gm_book_t* b, int64_t tick_e9, int64_t n, int64_t* row) noexcept


cdef class BookView:                # read access to somebody's book
    cdef gm_book_t* book            # the owner's; NULL: nobody has given one
    cdef bint* busy                 # the owner's: a loop without the GIL is in the book
    cdef object owner               # keeps the book alive
    cdef int64_t tick_e9
    cdef bint by_level

    cdef gm_book_t* _get(self) except NULL
    cdef object _best(self, int s)
    cdef object _levels(self, gm_book_t* b, int s, int64_t most)


@cython.final
cdef class OrderBook(BookView):     # a book of its own, fed by messages
    cdef gm_book_t own
    cdef bint own_busy
    cdef gm_feed_t feed
    cdef int64_t applied
    cdef str first                  # what was wrong with the first message that was

    cdef object _failed(self, const gm_message_t* rows, int64_t first, int problem, bint strict)


cdef BookView view_of(gm_book_t* book, bint* busy, int64_t tick_e9, object owner)
cdef object message_bytes(object messages)
cdef int64_t to_e9(object value, str name) except? -1
cdef int64_t tick_argument(object tick_size) except -1
cdef int book_arguments(object capacity, object ticks) except -1
cdef str describe_problem(const gm_message_t* m, int problem, int64_t tick_e9, bint by_level)
