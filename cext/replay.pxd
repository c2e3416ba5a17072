# A recorded market with own orders in it. Rules and bodies in include/replay.h.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from grandmodel.execution._core.book cimport gm_book_t
from grandmodel.execution._core.records cimport gm_message_t
from grandmodel.execution._core.scoring cimport gm_venues_t
from grandmodel.execution._core.synthetic cimport Market, gm_market_t


cdef extern from "replay.h" nogil:
    ctypedef struct gm_replay_t:
        gm_market_t market
        gm_book_t book
        const gm_message_t* messages
        int64_t count
        int64_t position
        int32_t levels
        const uint8_t* moves
        int64_t tick_e9
        int32_t own_count
        int64_t taken
        int64_t revealed, dropped, repaired, unknown
        int64_t halts
        int64_t rows_equal
        int64_t executions, executed, out_of_turn

    int gm_replay_init(gm_replay_t* r, gm_venues_t* venues, int32_t symbol, int32_t venue, int64_t tick_e9,
                       const gm_message_t* messages, int64_t count, const int64_t* rows, int32_t levels, uint32_t ticks,
                       int32_t capacity, int64_t start_ns) noexcept
    void gm_replay_moves(const int64_t* rows, int64_t count, int32_t levels, uint8_t* moves) noexcept
    int64_t gm_replay_ahead(const gm_replay_t* r, int64_t order_id) noexcept


cdef extern from "level_replay.h" nogil:
    ctypedef struct gm_level_own_t:
        double ahead
    ctypedef struct gm_level_book_t:
        gm_book_t book
        gm_level_own_t* own
        int64_t tick_e9
        int32_t used
    ctypedef struct gm_level_replay_t:
        gm_market_t market
        int64_t count, position
        int64_t executions, executed, aside, problems

    int gm_level_replay_init(gm_level_replay_t* r, gm_venues_t* venues, const gm_message_t* messages, int64_t count,
                             int32_t model, int32_t power, int64_t start_ns) noexcept
    int gm_level_open(gm_level_replay_t* r, int32_t symbol, int32_t venue, int64_t tick_e9, uint32_t ticks, int32_t capacity) noexcept
    gm_level_book_t* gm_level_book_of(const gm_level_replay_t* r, int32_t symbol, int32_t venue) noexcept
    int32_t gm_level_find(const gm_level_book_t* b, int64_t order_id) noexcept
    void gm_level_replay_free(gm_level_replay_t* r) noexcept
    int gm_levels_check(const gm_book_t* b) noexcept


cdef class LevelReplayMarket(Market):
    cdef gm_level_replay_t replay
    cdef object _messages               # keeps the array alive
    cdef readonly str queue_model


cdef class ReplayMarket(Market):
    cdef gm_replay_t* replay
    cdef object _messages, _rows, _moves        # keep the arrays alive
