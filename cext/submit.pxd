# The fused order path and its faces. Bodies in include/engine.h.
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t, uint8_t

from grandmodel.execution._core.capture cimport Capture
from grandmodel.execution._core.clock cimport NativeClock, gm_clock_t
from grandmodel.execution._core.instruments cimport Instruments, gm_instruments_t
from grandmodel.execution._core.journal cimport Journal, gm_journal_t
from grandmodel.execution._core.latency cimport StageHistograms, gm_histogram_t
from grandmodel.execution._core.orders cimport Order, OrderTable, gm_orders_t
from grandmodel.execution._core.portfolio cimport Portfolio, gm_portfolio_t
from grandmodel.execution._core.records cimport gm_decision_t, gm_latch_t, gm_order_t, gm_refusal_t, gm_report_t, gm_request_t, gm_terms_t
from grandmodel.execution._core.risk cimport Limits, gm_limits_t, gm_risk_detail_t
from grandmodel.execution._core.scoring cimport Tap, Venues, gm_nbbo_t, gm_route_t, gm_split_t, gm_venues_t
from grandmodel.execution._core.synthetic cimport Market, gm_market_t
from grandmodel.execution._core.validation cimport OrderReader


cdef extern from "gate.h" nogil:
    ctypedef struct gm_gate_t:
        int32_t held
    void gm_gate_setup() noexcept
    void gm_gate_init(gm_gate_t* g) noexcept
    bint gm_gate_forked(const gm_gate_t* g) noexcept
    bint gm_gate_try(gm_gate_t* g) noexcept
    void gm_gate_leave(gm_gate_t* g) noexcept
    void gm_gate_wait(gm_gate_t* g) noexcept

cdef extern from "calls.h" nogil:
    ctypedef struct gm_native_t:
        pass

cdef extern from "durable.h" nogil:
    enum: GM_NEWS_MAX

    enum: GM_HELD_MAX
    ctypedef struct gm_held_t:
        int64_t order_id
    ctypedef struct gm_clients_t:
        int32_t now
    ctypedef struct gm_engine_link_t:
        pass
    ctypedef struct gm_venue_statistics_t:
        int64_t orders, answers, rejects, unanswered, fills
        int64_t ended[2]
        int64_t timed, costed
        int64_t markouts[2]
        double reject_rate, latency_s
        double fill_rate[2]
        double fill_time_s, effective_cost
        double markout[2]
        int64_t beyonds
        double hidden
    ctypedef struct gm_symbol_statistics_t:
        int64_t returns
        double variance
    ctypedef struct gm_statistics_t:
        gm_symbol_statistics_t* symbols
    ctypedef struct gm_breaker_t:
        int64_t until_ns, probe_id, trips
        int32_t rejects, unanswered, disconnects, state
    enum: GM_RESTED, GM_TOOK, GM_BREAKER_OPEN, GM_BREAKER_PROBING
    ctypedef struct gm_engine_t:
        gm_statistics_t statistics
        gm_breaker_t breakers[64]
        gm_orders_t* orders
        gm_portfolio_t* portfolio
        gm_limits_t* limits
        gm_instruments_t* instruments
        gm_venues_t* venues
        gm_journal_t* journal
        gm_market_t* market
        gm_clock_t* clock
        gm_histogram_t* stages[6]
        gm_clients_t clients
        gm_held_t* held
        int64_t held_first, held_end
        int64_t duplicate_of
        int64_t last_execution[64]
        int32_t still
        int64_t deadline_ns
        int64_t timeout_ns
        int32_t calendar_count
        gm_latch_t* latches
        int32_t latched
        int64_t last_record_ns
        uint64_t config_hash
        int32_t audit
        int32_t closed
        uint32_t tick
        int32_t watched
        gm_refusal_t refusal
        gm_route_t route
        int64_t news[4096]
        int32_t news_count
        int32_t news_lost
        int64_t accepted, refused, fills, unknown_reports, late_fills, overfills, duplicate_executions, trade_throughs

    int64_t gm_engine_now(gm_engine_t* e) noexcept
    int64_t gm_engine_advance(gm_engine_t* e, int64_t until_ns) noexcept
    ctypedef struct gm_filter_t:
        int32_t account, strategy, symbol, venue
        int32_t side
    enum: GM_LIST_MAX
    int64_t gm_engine_submit(gm_engine_t* e, gm_order_t* o, gm_terms_t* terms) noexcept
    int64_t gm_engine_submit_at(gm_engine_t* e, gm_order_t* o, gm_terms_t* terms, int64_t now) noexcept
    int64_t gm_engine_sweep(gm_engine_t* e, int64_t parent_id, int64_t quantity, int64_t limit_e9, int rest, gm_split_t* s, int64_t* ids) noexcept
    gm_venue_statistics_t* gm_statistics_of(const gm_statistics_t* t, int32_t symbol, int32_t venue) noexcept
    int64_t gm_engine_submit_list(gm_engine_t* e, gm_order_t* orders, gm_terms_t* terms, int32_t count, int32_t* which) noexcept
    int64_t gm_engine_replace(gm_engine_t* e, int64_t order_id, int64_t quantity, int64_t limit_e9, int64_t stop_e9) noexcept
    int64_t gm_engine_cancel_all(gm_engine_t* e, const gm_filter_t* f, uint16_t reason, int64_t* ids, int64_t room, int64_t* refused,
                                 int64_t now) noexcept
    int gm_engine_set_latch(gm_engine_t* e, gm_latch_t* l, int64_t now) noexcept
    void gm_engine_due(gm_engine_t* e, int64_t now) noexcept
    void gm_engine_set_deadline(gm_engine_t* e, int64_t now) noexcept
    void gm_engine_settle(gm_engine_t* e, int64_t now) noexcept
    void gm_engine_explain(const gm_engine_t* e, const gm_order_t* o, int64_t price_e9, gm_risk_detail_t* detail) noexcept
    int64_t gm_engine_refuse(gm_engine_t* e, gm_order_t* o, uint16_t reason, uint64_t checks, uint64_t fields, int64_t price_e9,
                             const gm_nbbo_t* n, int64_t now) noexcept
    int64_t gm_engine_cancel(gm_engine_t* e, int64_t order_id, uint16_t reason) noexcept
    int64_t gm_engine_resolve(gm_engine_t* e, int64_t order_id, gm_report_t* told, int32_t count) noexcept
    int64_t gm_engine_close_parent(gm_engine_t* e, int64_t order_id, uint8_t status, uint16_t reason) noexcept
    void gm_engine_release(gm_engine_t* e, int64_t forced) noexcept
    void gm_engine_report(void* e, const gm_report_t* r) noexcept
    const gm_terms_t* gm_engine_terms(void* e, const gm_order_t* o) noexcept
    void gm_engine_apply(gm_order_t* o, const gm_report_t* r) noexcept
    bint gm_is_void(const gm_report_t* r) noexcept
    void gm_order_obey(gm_order_t* o, const gm_request_t* q, int64_t time_ns) noexcept
    int gm_engine_set_calendar(gm_engine_t* e, int32_t calendar, const int64_t* closes, int64_t count, int64_t since_ns) noexcept
    void gm_order_book(gm_order_t* o, const gm_report_t* r, int sign) noexcept


cdef class Core:
    cdef object __weakref__
    cdef gm_engine_t engine
    cdef gm_gate_t gate
    cdef readonly Instruments instruments
    cdef readonly Portfolio portfolio
    cdef readonly Limits limits
    cdef readonly Venues venues
    cdef readonly Journal journal
    cdef readonly OrderTable orders
    cdef readonly Market market
    cdef readonly NativeClock clock
    cdef readonly Capture capture       # or None
    cdef readonly OrderReader reader
    cdef readonly StageHistograms latency
    cdef readonly int64_t started_ns
    cdef gm_native_t parts              # what native code outside drives it by
    cdef gm_engine_link_t* link         # to the journal's writer
    cdef readonly set introduced        # (kind, number) of the symbols and venues that the log knows
    cdef public int64_t snapshot_due    # records in the log at which `on_snapshot` is called
    cdef public object on_snapshot
    cdef public object links            # to venues in other processes, or None
    cdef dict durables                  # loop -> (event descriptor, [(position, future)])
    cdef dict waiters                   # order_id -> [(future, wants)]
    cdef readonly list listeners        # called without arguments after records were appended
    cdef public object on_wait          # called when somebody begins to wait, to keep time going

    cdef Ticket _submit(self, gm_order_t* o, gm_terms_t* terms, bint rebuilt=*)
    cdef int _enter(self) except -1
    cdef void _leave(self) noexcept
    cdef int _after(self) except -1
    cdef int _control(self, str symbol, int what, int64_t low_e9, int64_t high_e9) except -1
    cdef int _told(self) except -1
    cdef object _refused(self, gm_order_t* o, gm_refusal_t* refusal, gm_risk_detail_t* detail, dict errors)
    cdef int _refuse_fields(self, gm_order_t* o, dict errors) except -1
    cdef int _linked(self, int32_t s, Tap tap) except -1
    cdef bint _from_log(self, int64_t order_id, gm_order_t* row) except *
    cdef Order _order(self, gm_order_t* row)
    cdef Ticket _ticket(self, int64_t order_id)
    cdef object _same_again(self, gm_order_t* o, gm_terms_t* terms, int64_t known, bint rebuilt)
    cdef int _snapshot(self) except -1
    cdef int _send_held(self, int64_t forced) except -1
    cdef int _begin_feed(self) except -1


cdef class Ticket:
    cdef readonly Core core
    cdef readonly int64_t order_id
    cdef int64_t position               # of the log, to be on the disk before the order is sent; 0: nobody waits for a disk
    cdef object iterator


cdef class OrderGate:
    cdef Core bound                     # None until first use
    cdef Core _bound(self)


cdef class ParentFigures:
    cdef readonly Core core
    cdef readonly int64_t order_id
    cdef readonly int64_t tick_e9
    cdef int32_t symbol
    cdef int side                       # +1 buys, -1 sells

    cdef int _read(self, gm_order_t* o) except -1
    cdef int _touch(self, gm_nbbo_t* n) except -1
