# Price-time priority matching on one book. Bodies are in include/matching.h.
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

from grandmodel.execution._core.book cimport gm_book_t, gm_resting_t
from grandmodel.execution._core.records cimport gm_command_t


cdef extern from "matching.h" nogil:
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

    int gm_matcher_init(gm_matcher_t* m, int64_t tick_e9, uint32_t ticks, int32_t capacity) noexcept
    uint16_t gm_match_refusal(const gm_matcher_t* m, const gm_command_t* c) noexcept
    gm_match_result_t gm_match_submit(gm_matcher_t* m, const gm_command_t* c, uint8_t rest_flags, gm_fill_sink sink,
                                      void* context) noexcept
    int64_t gm_match_open(const gm_matcher_t* m, int32_t slot) noexcept
    void gm_match_shrink(gm_matcher_t* m, int32_t slot, int64_t less) noexcept
    int64_t gm_match_cancel(gm_matcher_t* m, int64_t order_id) noexcept


ctypedef struct fill_t:
    int64_t order_id                # of the resting order
    int64_t price_e9
    int64_t quantity

ctypedef struct fills_t:            # of the command being matched
    fill_t* rows
    Py_ssize_t count, room
    bint lost                       # there was no memory for one of them


@cython.final
cdef class MatchResult:             # what became of a submitted order
    cdef int64_t filled, leaves
    cdef uint16_t status_code, reason_code
    cdef fill_t* fill_rows          # owned
    cdef Py_ssize_t fill_count


@cython.final
cdef class MatchingEngine:
    cdef gm_matcher_t matcher
    cdef bint busy                  # a loop without the GIL is in the book
    cdef fills_t fills              # scratch

    cdef gm_matcher_t* _get(self) except NULL
