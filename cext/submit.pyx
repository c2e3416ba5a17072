# cython: language_level=3
"""The one gate to the venues: an order in, validated, risk-checked, routed, journalled and handed over; a ticket out."""
import os
from _thread import RLock
from operator import index

import numpy as np

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from grandmodel.execution._core.capture cimport Capture
from grandmodel.execution._core.clock cimport CLOCK_MONOTONIC, NativeClock, gm_machine_ns, gm_now
from grandmodel.execution._core.instruments cimport GM_MAX_PRICE_E9, GM_MAX_QUANTITY, Instruments, gm_instruments_t
from grandmodel.execution._core.journal cimport (
    Journal, name_row, gm_crc32c_setup, gm_journal_append, gm_journal_t, gm_journal_want,
)
from grandmodel.execution._core.latency cimport GM_STAGE_COUNT, GM_STAGE_VALIDATE, StageHistograms, gm_histogram_record
from grandmodel.execution._core.orders cimport (
    GM_ORDER_IDS, Order, OrderTable, gm_is_closed, gm_is_triggered, gm_orders_find, gm_orders_let_go,
    gm_orders_oldest,
)
from grandmodel.execution._core.portfolio cimport (
    GM_MAX_ACCOUNTS, Portfolio, gm_account_t, gm_portfolio_settle, gm_position_of, gm_position_t,
)
from grandmodel.execution._core.records cimport (
    GM_ALL_OR_NONE, GM_AWAITED, GM_CANCELED, GM_CHECK_NOTIONAL, GM_CHECK_ORDER_SIZE, GM_CHECK_ORDER_VALUE, GM_CHILD,
    GM_CLIENT_ORDER_ID_LENGTH, GM_DAY, GM_ERR_CAPACITY, GM_ERR_NOT_FOUND, GM_EXEC_TRADE,
    GM_EXEC_TRADE_CANCEL, GM_EXEC_TRADE_CORRECT, GM_EXEC_TYPE_END, GM_EXPIRED, GM_FILLED, GM_GTC, GM_GTD, GM_HELD, GM_HIDDEN,
    GM_LATCH_NAME, GM_LATCH_REASON, GM_LATCH_RESET, GM_LIMIT, GM_MARKET, GM_NAME_ALGORITHM, GM_NAME_STRATEGY,
    GM_NAME_SYMBOL, GM_NAME_VENUE, GM_NEW, GM_NO_PRICE, GM_OCO, GM_PARENT, GM_PARTIALLY_FILLED, GM_PENDING_CANCEL, GM_POST_ONLY,
    GM_REASON_ALGORITHM_DONE, GM_REASON_DUPLICATE_CLIENT_ID, GM_REASON_INVALID, GM_REASON_RISK, GM_REASON_UNKNOWN_ORDER,
    GM_REASON_UNSUPPORTED, GM_REASON_USER,
    GM_RECORD_BALANCE, GM_RECORD_NAME, GM_RECORD_ORDER, GM_RECORD_REFUSAL, GM_RECORD_REPORT, GM_RECORD_REQUEST,
    GM_RECORD_SMALL, GM_RECORD_TERMS, GM_REDUCE_ONLY, GM_REJECTED, GM_STATUS_END, GM_TRAILING_STOP, GM_TRAILING_STOP_LIMIT,
    GM_END_TOLD, GM_REASON_BEYOND_LIMIT, GM_REASON_DUPLICATE_EXECUTION, GM_REASON_ILLEGAL_TRANSITION, GM_UNKNOWN_STATUS,
    gm_balance_t, gm_header_t, gm_latch_t,
    gm_name_t, gm_order_t, gm_refusal_t, gm_report_t, gm_request_t, gm_terms_t,
)
from grandmodel.execution._core.risk cimport Limits, gm_limits_t, gm_risk_detail_t
from grandmodel.execution._core.scoring cimport (
    TAPS, Tap, Venues, gm_consolidate_afresh, gm_mid, gm_nbbo_t, gm_split_t, gm_tap_t, gm_tape_t, gm_venues_begin, split_of,
)
from grandmodel.execution._core.synthetic cimport (
    GM_CONTROL_BAND, GM_CONTROL_HALT, GM_CONTROL_RESUME, Market, gm_indication_t, gm_market_levels,
)
from grandmodel.execution._core.validation cimport (
    GM_FIELD_STRATEGY, GM_FIELD_TAGS, OrderReader, gm_is_pegged, read_price, read_quantity, gm_supports_time_in_force,
    gm_validate_row,
)
from grandmodel.execution._core.journal import iterate
from grandmodel.execution._core.orders import report_of, sorted_rows
from grandmodel.execution._core.records import ORDER_DTYPE, REPORT_DTYPE, is_booked
from grandmodel.execution._core.validation import FIELDS
from grandmodel.execution._core.values import (
    CHECKS, EngineClosed, EngineForked, JournalError, ORDER_TYPES, ORDER_TYPE_CODES, OrderRejected, OrderStateError, OrderValidationError,
    REASON_TEXT, Reason, RiskLimitBreached, STATUSES, TIME_IN_FORCE_CODES, TIMES_IN_FORCE, Unknown, UnknownOrder, check_names,
)

cdef extern from "invariants.h" nogil:
    int gm_engine_broken(const gm_engine_t* e, int from_nothing, int64_t* order_id) noexcept

cdef extern from "children.h" nogil:
    int64_t gm_risk_most(const gm_limits_t* l, const gm_instruments_t* t, int32_t symbol, int64_t quantity, int64_t price_e9) noexcept

cdef extern from "recovery.h" nogil:
    gm_balance_t gm_balance_of(const gm_engine_t* e, int32_t account, int32_t symbol) noexcept

cdef extern from "durable.h" nogil:
    gm_engine_link_t* gm_engine_link(gm_engine_t* e, gm_gate_t* gate) noexcept
    void gm_engine_attach(gm_engine_link_t* link, gm_journal_t* j) noexcept
    void gm_engine_unlink(gm_engine_link_t* link) noexcept
    int gm_engine_open(gm_engine_t* e, int hold) noexcept
    void gm_engine_free(gm_engine_t* e) noexcept

cdef extern from "engine_calls.h" nogil:
    void gm_native_of(gm_native_t* n, gm_engine_t* e, gm_gate_t* gate) noexcept

gm_crc32c_setup()
gm_gate_setup()

cdef tuple _BROKEN = (                              # gm_broken
    "an order has a status that there is not", "a filled, open or whole quantity is negative", "an order that has ended is open",
    "filled and open are more than the order", "filled without money, or money without a fill", "a row is not found under its id",
    "a parent's work is not its children's open quantity", "orders counted by status or account are not those there are",
    "an account's reserved value is not that of its open orders", "a symbol's open quantity is not that of its open orders",
    "a position is not the sum of the fills",
)
cdef dict FIELD_BITS = {name: 1 << index for index, name in enumerate(FIELDS)}
cdef int WANTS_CLOSED = 1, WANTS_NEWS = 2


cdef object _known(int64_t count, double value, str why):
    return value if count > 0 else Unknown(why)


cdef class Core:
    """One engine: the order table, portfolio, limits, venues, journal, market and clock behind all its faces.

    The parts are made first and handed in; from then on only this object changes them. Threads may share it: one owner at
    a time, and nobody waits for it holding the GIL. A forked child may not use it.

    Parameters
    ----------
    config_hash : int, recorded with every decision
    audit : bool, whether decisions are recorded (orders, reports and refusals always are)
    capture : Capture of what the market says, or None
    introduce : bool, False: the log's first records come from elsewhere (a day lived again), and so does the feed's begin
    """

    def __cinit__(self, *, Instruments instruments not None, Portfolio portfolio not None, Limits limits not None,
                  Venues venues not None, Journal journal not None, OrderTable orders not None, Market market not None,
                  NativeClock clock not None, uint64_t config_hash=0, bint audit=True, Capture capture=None, bint introduce=True):
        cdef int32_t s
        for s in range(instruments.table.count):
            if instruments.table.rows[s].step_e9 != 1_000_000_000:
                raise ValueError(f"{instruments.symbols.texts[s]!r} has a quantity step of "
                                 f"{instruments.table.rows[s].step_e9 / 1e9:g}; this engine counts money for steps of one unit only")
        memset(&self.engine, 0, sizeof(self.engine))
        gm_gate_init(&self.gate)
        self.instruments = instruments
        self.portfolio = portfolio
        self.limits = limits
        self.venues = venues
        self.journal = journal
        self.orders = orders
        self.market = market
        self.clock = clock
        self.capture = capture
        self.latency = StageHistograms()
        self.reader = OrderReader(instruments, self._new_name)
        self.reader.venues = venues.names
        self.introduced = set()
        self.durables = {}
        self.snapshot_due = 0x7FFFFFFFFFFFFFFF
        self.waiters = {}
        self.listeners = []
        for index in range(GM_STAGE_COUNT):
            self.engine.stages[index] = self.latency.at[index]
        self.engine.orders = &orders.table
        self.engine.portfolio = &portfolio.table
        self.engine.limits = &limits.table
        self.engine.instruments = &instruments.table
        self.engine.venues = &venues.table
        self.engine.journal = &journal.log
        self.engine.market = market.market
        self.engine.clock = &clock.clock
        self.engine.config_hash = config_hash
        self.engine.audit = audit
        market.market.core = &self.engine
        market.market.report = gm_engine_report
        market.market.terms = gm_engine_terms
        self.started_ns = gm_now(&clock.clock)
        # Under a simulated clock nothing waits for a disk: equal inputs give equal logs.
        if gm_engine_open(&self.engine, journal.log.durability == 2 and not clock.clock.simulated) != 0:
            raise MemoryError("the tables of client order ids could not be reserved")
        self.link = gm_engine_link(&self.engine, &self.gate)
        if self.link == NULL:
            raise MemoryError("the engine's link to its journal could not be made")
        gm_engine_attach(self.link, &journal.log)
        if journal.recovered:
            self.engine.closed = 1          # until recovery.recover has given it its state
            self.engine.still = 1
        elif introduce:
            self._introduce()
            self._begin_feed()

    cdef int _begin_feed(self) except -1:
        """The feed's sequence goes on above what the log knows, whether or not it is captured: equal inputs give equal logs."""
        cdef int64_t now = gm_now(&self.clock.clock)
        if self.capture is not None:
            self.capture.begin(self.venues, now, self.engine.config_hash)
        gm_venues_begin(&self.venues.table, self.instruments.table.count, now)
        return 0

    @property
    def config_hash(self):
        """What every decision records of the configuration: the first 64 bits of its hash."""
        return self.engine.config_hash

    def flush_capture(self):
        """Writes out what the market has said so far. Whether it is captured."""
        if self.capture is None:
            return False
        self._enter()
        self.capture.log.flush(&self.capture.log)
        self._leave()
        return self.capture.state == "on"

    def __dealloc__(self):
        gm_engine_unlink(self.link)
        gm_engine_free(&self.engine)

    def _introduce(self):
        """Tells the log of the venues and symbols that it does not know yet and, in a new one, what each account begins with."""
        cdef int32_t a, s, v
        cdef int64_t now = gm_now(&self.clock.clock)
        cdef gm_balance_t balance
        fresh = self.journal.records == 0
        for v in range(self.venues.table.count):
            if (GM_NAME_VENUE, v) not in self.introduced:
                self.journal.name(GM_NAME_VENUE, v, self.venues.names[v], self.venues.table.take_fee_e9[v],
                                  self.venues.table.make_fee_e9[v], now)
                self.introduced.add((GM_NAME_VENUE, v))
        for s in range(self.instruments.table.count):
            if (GM_NAME_SYMBOL, s) not in self.introduced:
                self.journal.name(GM_NAME_SYMBOL, s, self.instruments.symbols.texts[s], self.instruments.table.rows[s].tick_e9,
                                  self.instruments.table.rows[s].step_e9, now)
                self.introduced.add((GM_NAME_SYMBOL, s))
        if not fresh:
            return
        for a in range(self.portfolio.table.account_count):
            balance = gm_balance_of(&self.engine, a, -1)
            gm_journal_append(&self.journal.log, GM_RECORD_BALANCE, GM_RECORD_SMALL, now, 0, &balance)
            for s in range(self.instruments.table.count):
                balance = gm_balance_of(&self.engine, a, s)
                if balance.quantity != 0:
                    gm_journal_append(&self.journal.log, GM_RECORD_BALANCE, GM_RECORD_SMALL, now, 0, &balance)

    def _recovered(self, outlives):
        """Called by recovery once the log has been applied: settles what was in flight, and takes orders."""
        from grandmodel.execution._core.recovery import restore

        self._introduce()
        if self.journal.recovered:          # a new one has begun already
            self._begin_feed()
        self.engine.still = 0
        restore(self, outlives)
        self.engine.closed = 0

    def last_execution(self, venue):
        """The highest execution id that a venue has given in this log; 0: none. Where it has to go on after a restart."""
        return self.engine.last_execution[self.venues.number(venue)]

    def skip_ids(self, int64_t order_id):
        """Gives no id up to `order_id` any more: a venue has it already, from a log whose end was lost."""
        self._enter()
        if self.engine.orders.next_id <= order_id < GM_ORDER_IDS - 1:
            self.engine.orders.next_id = order_id + 1
        self._leave()

    def health(self):
        """Whether orders are taken and, if not, why.

        Returns
        -------
        dict: accepting (bool), journal (its state, "healthy" or what is wrong), trouble (a sentence, or None), slow_tail (True: the
        journal's ring is not in memory, appending may wait for a disk), durability, forced and written (bytes of the log), capture
        (None: the market is not captured; "on", "off", or what ended it), venues_out (what the circuit breaker has taken out; see `venues_out`)
        """
        return {
            "accepting": not self.engine.closed and self.journal.accepting, "journal": self.journal.state,
            "trouble": "the engine has been closed" if self.engine.closed else self.journal.trouble,
            "slow_tail": self.journal.slow_tail, "durability": self.journal.durability, "written": self.journal.drained,
            "forced": self.journal.forced, "appended": self.journal.head,
            "capture": None if self.capture is None else self.capture.state, "venues_out": self.venues_out(),
        }

    # ---- ownership ----

    cdef int _enter(self) except -1:
        if gm_gate_forked(&self.gate):
            raise EngineForked("this engine belongs to the process that made it; make one of your own after the fork")
        if not gm_gate_try(&self.gate):
            with nogil:
                gm_gate_wait(&self.gate)
        return 0

    cdef void _leave(self) noexcept:
        gm_gate_leave(&self.gate)

    cdef int _after(self) except -1:
        """With the core free again: tell those who wait, and the readers of the log."""
        if self.engine.news_count or self.engine.news_lost:
            self._told()
        if self.listeners:
            for listener in self.listeners:
                listener()
        return 0

    cdef int _told(self) except -1:
        cdef int64_t ids[4096]
        cdef int count, k
        cdef bint lost
        self._enter()
        count, lost = self.engine.news_count, self.engine.news_lost
        memcpy(ids, self.engine.news, count * sizeof(int64_t))
        self.engine.news_count = self.engine.news_lost = 0
        self._leave()
        concerned = list(self.waiters) if lost else list(dict.fromkeys([ids[k] for k in range(count)]))
        for order_id in concerned:
            self._wake(order_id)
        return 0

    def _wake(self, order_id):
        """Completes the futures of those whom the order's state now concerns."""
        waiting = self.waiters.get(order_id)
        if not waiting:
            return
        closed = self.is_closed(order_id)
        left = []
        for future, wants in waiting:
            if wants == WANTS_CLOSED and not closed:
                left.append((future, wants))
            else:
                _complete(future)
        if left:
            self.waiters[order_id] = left
        else:
            self.waiters.pop(order_id, None)        # another thread may have woken them too
            self._await_flag(order_id, False)

    def _await_flag(self, int64_t order_id, bint on):
        cdef gm_order_t* row
        self._enter()
        row = gm_orders_find(self.engine.orders, order_id)
        if row != NULL:
            if on:
                row.flags |= GM_AWAITED
            else:
                row.flags &= <unsigned char>(~GM_AWAITED & 0xFF)
        self._leave()

    def _new_name(self, int kind, int number, str text):
        cdef gm_name_t row
        name_row(&row, kind, number, text, 0, 0)
        self._enter()
        gm_journal_append(self.engine.journal, GM_RECORD_NAME, GM_RECORD_SMALL, gm_now(self.engine.clock), 0, &row)
        self._leave()

    # ---- orders in ----

    cdef Ticket _submit(self, gm_order_t* o, gm_terms_t* terms, bint rebuilt=False):
        """`rebuilt`: the index of client_order_ids has just been made again for this order."""
        cdef int64_t order_id, duplicate_of = 0
        cdef Ticket ticket
        cdef gm_refusal_t refusal
        cdef gm_risk_detail_t detail
        if not o.terms:
            terms = NULL
        if gm_gate_forked(&self.gate):
            raise EngineForked("this engine belongs to the process that made it; make one of your own after the fork")
        if gm_gate_try(&self.gate):
            order_id = gm_engine_submit(&self.engine, o, terms)
            if order_id < 0:
                duplicate_of = self.engine.duplicate_of
                _keep_refusal(&self.engine, o, &refusal, &detail)
            gm_gate_leave(&self.gate)
        else:
            with nogil:
                gm_gate_wait(&self.gate)
                order_id = gm_engine_submit(&self.engine, o, terms)
                if order_id < 0:
                    duplicate_of = self.engine.duplicate_of
                    _keep_refusal(&self.engine, o, &refusal, &detail)
                gm_gate_leave(&self.gate)
        if self.engine.news_count or self.listeners:
            self._after()
        if order_id < 0:
            if order_id == -GM_REASON_DUPLICATE_CLIENT_ID:
                return self._same_again(o, terms, duplicate_of, rebuilt)
            raise self._refused(o, &refusal, &detail, None)
        if self.journal.log.sequence >= self.snapshot_due:
            self._snapshot()
        ticket = self._ticket(order_id)
        if self.engine.held != NULL:
            ticket.position = self.journal.log.head
        return ticket

    cdef Ticket _ticket(self, int64_t order_id):
        cdef Ticket ticket = Ticket.__new__(Ticket)
        ticket.core = self
        ticket.order_id = order_id
        return ticket

    cdef object _same_again(self, gm_order_t* o, gm_terms_t* terms, int64_t known, bint rebuilt):
        """A client_order_id that is taken: the ticket of the order that has it if every term is the same, else a refusal."""
        cdef gm_order_t first
        cdef gm_refusal_t refusal
        original, original_terms = self._recorded(known)
        client = (<char*>o.client_order_id)[:36].rstrip(b"\0").decode()
        problem = f"is {client!r}, which order {known} has with other terms"
        if original is not None:
            memcpy(&first, <const char*>(<bytes>original), sizeof(first))
            if memcmp(first.client_order_id, o.client_order_id, GM_CLIENT_ORDER_ID_LENGTH) != 0:
                if not rebuilt:
                    self.journal.rebuild_index()    # it named an order that has another client_order_id
                    return self._submit(o, terms, True)
                problem = f"is {client!r}, which cannot be told from that of order {known} (their 64-bit hashes are equal); choose another"
            elif _terms(&first, original_terms) == _terms(o, None if terms == NULL else <bytes>(<char*>terms)[:sizeof(gm_terms_t)]):
                if first.flags & GM_PARENT and self.get_order(known).status == "SUSPENDED":
                    raise OrderStateError(f"order {known} has this client_order_id and is SUSPENDED: a restart ended its algorithm; "
                                          "cancel it, then send what is left under another client_order_id")
                return self._ticket(known)
        self._enter()
        gm_engine_refuse(&self.engine, o, GM_REASON_DUPLICATE_CLIENT_ID, 0, <uint64_t><int>FIELD_BITS["client_order_id"],
                         o.limit_price_e9, NULL, gm_engine_now(&self.engine))
        refusal = self.engine.refusal
        self._leave()
        self._after()
        raise self._refused(o, &refusal, NULL, {"client_order_id": [problem]})

    def _recorded(self, int64_t order_id):
        """An order as it was accepted, from the log: its 224 bytes, and the 96 of its terms or None; (None, None) when it is not there."""
        cdef gm_header_t header
        place = self.journal.find(order_id)
        terms = None
        if place is not None:
            piece, at = self.journal.read(place[0], 640), 0
            while at + 32 <= len(piece):            # terms and decision precede their order
                memcpy(&header, <const char*>(<bytes>piece) + <int>at, sizeof(header))
                if header.order_id != order_id or at + header.size > len(piece):
                    break
                if header.kind == GM_RECORD_TERMS:
                    terms = piece[at + 32:at + 128]
                if header.kind == GM_RECORD_ORDER:
                    return piece[at + 32:at + 256], terms
                at += header.size
        return None, None

    cdef int _snapshot(self) except -1:
        """A snapshot is due; that it cannot be written takes nothing from the order that met it."""
        self.snapshot_due = 0x7FFFFFFFFFFFFFFF
        try:
            self.on_snapshot()
        except JournalError as error:
            import logging

            logging.getLogger("grandmodel.execution").warning("no snapshot: %s", error)
        return 0

    # ---- the disk ----

    def _durable(self, int64_t position):
        """A future of the running loop that is done when the log's first `position` bytes are on the disk."""
        import asyncio

        loop = asyncio.get_running_loop()
        future = loop.create_future()
        entry = self.durables.get(loop)
        if entry is None:
            for other in [each for each in self.durables if each.is_closed()]:
                self._forget_loop(other)
            fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            entry = self.durables[loop] = (fd, [])
            loop.add_reader(fd, self._told_of_disk, loop)
            self.journal.add_notice(fd)
        entry[1].append((position, future))
        gm_journal_want(&self.journal.log, position)
        self._told_of_disk(loop)        # it may be there already
        return future

    def _told_of_disk(self, loop):
        """Completes the futures of one loop that waited for what is on the disk now, or never will be."""
        entry = self.durables.get(loop)
        if entry is None:
            return
        fd, waiting = entry
        try:
            os.eventfd_read(fd)
        except BlockingIOError:
            pass
        forced = self.journal.forced
        self._send_held(forced)
        trouble = self.journal.trouble if self.journal.state not in ("healthy", "full") else None
        left = []
        for position, future in waiting:
            if future.done():
                continue
            if forced >= position:
                future.set_result(None)
            elif trouble is not None:
                future.set_exception(JournalError(f"{self.journal.path}: {trouble}"))
            else:
                left.append((position, future))
        waiting[:] = left
        self._after()

    cdef int _send_held(self, int64_t forced) except -1:
        """What waited for the disk and is there now has been sent when this returns: the journal's writer may be a moment behind its force."""
        if self.engine.held != NULL and self.engine.held_first < self.engine.held_end:
            self._enter()
            gm_engine_release(&self.engine, forced)
            self._leave()
        return 0

    def _forget_loop(self, loop):
        fd, _ = self.durables.pop(loop)
        self.journal.remove_notice(fd)
        if not loop.is_closed():
            loop.remove_reader(fd)
        os.close(fd)

    def force(self):
        """Has everything acknowledged so far on the disk, and held orders sent, when it returns."""
        self.journal.force()
        if self.engine.held != NULL:
            self._send_held(self.journal.log.forced)
            self._after()

    cdef object _refused(self, gm_order_t* o, gm_refusal_t* refusal, gm_risk_detail_t* detail, dict errors):
        """The exception for a refusal that has been recorded; `refusal` and `detail` were copied under the gate."""
        cdef Refusal told = Refusal.__new__(Refusal)
        told.core = self
        told.row = o[0]
        told.refusal = refusal[0]
        if detail != NULL:
            told.detail = detail[0]
        told.problems = errors
        if errors is not None:
            return OrderValidationError.of(told)
        return RiskLimitBreached.of(told) if refusal.failed_checks else OrderRejected.of(told)

    def submit_parent(self, order, str algorithm):
        """Accepts a parent order for `algorithm`: checked and reserved once, never sent to a venue itself. A ticket."""
        cdef gm_order_t o
        cdef gm_terms_t terms
        self._check_open()
        errors = self.reader.read(order, &o, &terms)
        if errors is not None:
            self._refuse_fields(&o, errors)
        if gm_is_triggered(o.order_type) or (o.terms and terms.worked):
            self._refuse_fields(&o, {"order_type": ["waits in the engine, which an algorithm's parent cannot: submit it by itself"]})
        if o.flags & GM_POST_ONLY:
            self._refuse_fields(&o, {"post_only": ["is True, but a parent's placement is its algorithm's"]})
        if o.time_in_force not in (GM_DAY, GM_GTC, GM_GTD):
            self._refuse_fields(&o, {"time_in_force": ["is an order's that is not worked: a parent has DAY, GTC or GTD"]})
        if o.venue >= 0:
            self._refuse_fields(&o, {"venue": ["is named, but where a parent's children go is its algorithm's to choose"]})
        if gm_is_pegged(o.order_type):
            self._refuse_fields(&o, {"order_type": ["is pegged: a venue works it, an algorithm does not"]})
        o.flags |= GM_PARENT
        o.algorithm = self.reader._named(self.reader.algorithms, GM_NAME_ALGORITHM, algorithm)
        return self._submit(&o, &terms)

    cdef int _refuse_fields(self, gm_order_t* o, dict errors) except -1:
        cdef uint64_t mask = 0
        cdef gm_refusal_t refusal
        for field in errors:
            mask |= <uint64_t><int>FIELD_BITS.get(field, FIELD_BITS["order"])
        self._enter()
        gm_engine_refuse(&self.engine, o, GM_REASON_INVALID, 0, mask, o.limit_price_e9, NULL, gm_engine_now(&self.engine))
        refusal = self.engine.refusal
        self._leave()
        self._after()
        raise self._refused(o, &refusal, NULL, errors)

    def refuse(self, int reason, *, int32_t symbol=-1, int side=0, int64_t quantity=0, fields=()):
        """Records that something was refused before it became an order: its id, or 0 where the journal takes nothing.

        Parameters
        ----------
        reason : a Reason
        symbol, side, quantity : as far as they are known (a symbol's number, 1 or -1, steps)
        fields : names of order fields that were wrong
        """
        cdef gm_order_t o
        cdef uint64_t mask = 0
        cdef int64_t order_id
        self._check_open()
        for field in fields:
            mask |= <uint64_t><int>FIELD_BITS.get(field, FIELD_BITS["order"])
        memset(&o, 0, sizeof(o))
        o.symbol, o.side, o.quantity, o.order_type, o.venue = symbol, side, quantity, GM_MARKET, -1
        o.limit_price_e9 = GM_NO_PRICE
        self._enter()
        gm_engine_refuse(&self.engine, &o, reason, 0, mask, GM_NO_PRICE, NULL, gm_engine_now(&self.engine))
        order_id = self.engine.refusal.order_id
        self._leave()
        self._after()
        return order_id

    def submit_child(self, int64_t parent_id, int64_t quantity, limit_price_e9=None, time_in_force="DAY", bint post_only=False,
                     venue=None, *, str order_type=None, bint hidden=False, int64_t min_quantity=0, int64_t peg_offset_e9=0):
        """Sends `quantity` steps of a parent to a venue (None: the router's choice). A ticket; OrderRejected when refused.

        Parameters
        ----------
        limit_price_e9 : int, or None for a market order, or a peg without a bound
        time_in_force : DAY, GTC, IOC, FOK, OPG or CLS
        order_type : pegged_primary, pegged_midpoint or pegged_market; None: a limit order, or a market order without a limit
        min_quantity : steps, of a child that names its venue; 0: none
        peg_offset_e9 : 1e-9 on the tick, towards the other side where positive; of pegged_primary and pegged_market
        """
        cdef gm_order_t o
        cdef gm_terms_t terms
        cdef gm_order_t* parent
        cdef int64_t tick_e9
        self._check_open()
        if quantity <= 0:
            raise ValueError(f"quantity is {quantity}, must be positive")
        code = TIME_IN_FORCE_CODES.get(time_in_force)
        if code is None or not gm_supports_time_in_force(code) or code == GM_GTD:
            raise ValueError(f"time_in_force is {time_in_force!r}, must be DAY, GTC, IOC, FOK, OPG or CLS")
        if post_only and limit_price_e9 is None:
            raise ValueError("post_only is True, but a market order cannot be")
        self._enter()
        parent = gm_orders_find(self.engine.orders, parent_id)
        if parent != NULL:
            o = parent[0]
        self._leave()
        if parent == NULL:
            raise UnknownOrder(f"no order has the id {parent_id}")
        memset(o.client_order_id, 0, 36)
        o.parent_id = parent_id
        o.quantity = quantity
        o.display_quantity = 0
        o.limit_price_e9 = GM_NO_PRICE if limit_price_e9 is None else limit_price_e9
        o.order_type = GM_MARKET if limit_price_e9 is None else GM_LIMIT
        o.time_in_force = code
        o.flags = GM_CHILD | (GM_POST_ONLY if post_only else 0) | (GM_HIDDEN if hidden else 0) | (o.flags & GM_REDUCE_ONLY)
        o.terms = 0
        o.stop_price_e9 = GM_NO_PRICE
        o.venue = -1 if venue is None else self.venues.number(venue)
        tick_e9 = self.engine.instruments.rows[o.symbol].tick_e9
        if limit_price_e9 is not None and (o.limit_price_e9 <= 0 or o.limit_price_e9 % tick_e9):
            raise ValueError(f"limit_price_e9 is {limit_price_e9}, must be positive and on the tick of {tick_e9}")
        if order_type is not None or min_quantity or peg_offset_e9:
            memset(&terms, 0, sizeof(terms))
            if order_type is not None:
                code = ORDER_TYPE_CODES.get(order_type, 0)
                if not gm_is_pegged(code):
                    raise ValueError(f"order_type is {order_type!r}, must be pegged_primary, pegged_midpoint or pegged_market")
                o.order_type = code
            if peg_offset_e9 and (order_type is None or order_type == "pegged_midpoint" or peg_offset_e9 % tick_e9):
                raise ValueError(f"peg_offset_e9 is {peg_offset_e9}, must be on the tick of {tick_e9}, of pegged_primary or pegged_market")
            if min_quantity < 0 or min_quantity > quantity or (min_quantity and o.venue < 0):
                raise ValueError(f"min_quantity is {min_quantity}, must be from 0 to the quantity, {quantity}, of a child that names its venue")
            terms.minimum_quantity = min_quantity
            terms.limit_offset_e9 = peg_offset_e9
            o.terms = min_quantity != 0 or peg_offset_e9 != 0
        return self._submit(&o, &terms)

    def sweep(self, int64_t parent_id, int64_t quantity, limit_price_e9=None, bint rest=True, *, bint told=True):
        """Splits a marketable `quantity` of a parent over the venues' displayed quotes within a limit, and sends all the legs under one
        holding of the core: immediate orders, each at its leg's price at its venue, the better prices first (include/split.h, sweep.h).
        No leg is refused for a better quote elsewhere, as that is swept at the same time.

        Parameters
        ----------
        limit_price_e9 : int, the worst price; None, or worse than the parent's limit: that limit
        rest : bool, what is beyond the displayed quotes goes with the last leg
        told : bool, False: the ids alone are returned, as a list

        Returns
        -------
        dict as of `Venues.split`, and ids: one a leg, or minus the Reason of its refusal (then no leg went to a worse price; 0: not sent). What a
        leg does not get comes back to the parent once its venue has said so.

        Raises
        ------
        UnknownOrder     no parent has the id
        OrderStateError  it has ended, or more is asked than it has left and not at work
        """
        cdef gm_split_t s
        cdef int64_t ids[64]
        cdef int64_t limit_e9 = GM_NO_PRICE, count
        cdef int k
        self._check_open()
        if quantity <= 0:
            raise ValueError(f"quantity is {quantity}, must be positive")
        if limit_price_e9 is not None:
            limit_e9 = limit_price_e9
            if limit_e9 <= 0:
                raise ValueError(f"limit_price_e9 is {limit_price_e9}, must be positive")
        if gm_gate_forked(&self.gate):
            raise EngineForked("this engine belongs to the process that made it; make one of your own after the fork")
        with nogil:
            gm_gate_wait(&self.gate)
            count = gm_engine_sweep(&self.engine, parent_id, quantity, limit_e9, rest, &s, ids)
            gm_gate_leave(&self.gate)
        if self.engine.news_count or self.listeners:
            self._after()
        if count < 0:
            if -count == GM_REASON_UNKNOWN_ORDER:
                raise UnknownOrder(f"no parent order has the id {parent_id}")
            raise OrderStateError(f"order {parent_id}: no sweep of {quantity}: {REASON_TEXT[Reason(-count)]}")
        if self.journal.log.sequence >= self.snapshot_due:
            self._snapshot()
        found = [ids[k] for k in range(s.count)]
        return {**split_of(self.venues, &s), "ids": found} if told else found

    def venue_statistics(self, str symbol, str venue):
        """What has been learned of a venue in a symbol (include/venue_statistics.h): counts, and figures, Unknown where nothing is.

        Returns
        -------
        dict: orders, answers, rejects, unanswered, fills (counts); reject_rate; latency (seconds to the first answer); fill_rate_resting
        and fill_rate_taking (filled / ordered of orders that have ended); time_to_fill (seconds, of what rested); effective_cost_bps
        (against the arrival mid, fees included, positive: bad); markout_added_bps and markout_removed_bps (the mid's move to the trade's
        side by the first recorded quote at least a second later, positive: good); hidden_size (filled beyond the displayed size, of
        immediate orders for more than that; steps, at least so much was there); volatility (of the symbol, a root of a second)
        """
        cdef gm_venue_statistics_t x
        cdef gm_symbol_statistics_t y
        cdef int32_t s = self.venues._symbol(symbol), v = self.venues.number(venue)
        self._enter()
        x = gm_statistics_of(&self.engine.statistics, s, v)[0]
        y = self.engine.statistics.symbols[s]
        self._leave()
        return {
            "orders": x.orders, "answers": x.answers, "rejects": x.rejects, "unanswered": x.unanswered, "fills": x.fills,
            "reject_rate": _known(x.answers, x.reject_rate, "it has answered no order"),
            "latency": _known(x.answers, x.latency_s, "it has answered no order"),
            "fill_rate_resting": _known(x.ended[GM_RESTED], x.fill_rate[GM_RESTED], "no order that rested there has ended"),
            "fill_rate_taking": _known(x.ended[GM_TOOK], x.fill_rate[GM_TOOK], "no order that took there has ended"),
            "time_to_fill": _known(x.timed, x.fill_time_s, "nothing that rested there was filled"),
            "effective_cost_bps": _known(x.costed, x.effective_cost * 1e4, "it has filled nothing"),
            "markout_added_bps": _known(x.markouts[0], x.markout[0] * 1e4, "no fill that added has a quote a second later"),
            "markout_removed_bps": _known(x.markouts[1], x.markout[1] * 1e4, "no fill that removed has a quote a second later"),
            "hidden_size": _known(x.beyonds, x.hidden, "no order for more than it displayed has ended there"),
            "volatility": _known(y.returns, y.variance ** 0.5, "no two quotes a second apart are recorded"),
        }

    def venues_out(self):
        """What the circuit breaker has taken out: {venue: {state ("open" or "probing"), until_ns (the cool-down's end), trips}}."""
        cdef int32_t v
        states = {GM_BREAKER_OPEN: "open", GM_BREAKER_PROBING: "probing"}
        return {
            self.venues.names[v]: {"state": states[self.engine.breakers[v].state], "until_ns": self.engine.breakers[v].until_ns,
                                   "trips": self.engine.breakers[v].trips}
            for v in range(self.venues.table.count) if self.engine.breakers[v].state
        }

    def submit_rows(self, rows):
        """Submits a batch without the GIL: a contiguous structured array of ORDER_DTYPE (see `order_rows`).

        Returns
        -------
        (n,) int64: the order id, or minus the Reason of its refusal. Each refusal stands in the journal.
        """
        cdef const gm_order_t* table
        cdef gm_order_t row
        cdef gm_order_t* o = &row
        cdef int64_t i, n, now
        cdef uint64_t wrong
        cdef int32_t strategies = <int32_t>len(self.reader.strategies), tags = <int32_t>len(self.reader.tags)
        cdef int64_t[::1] out
        cdef const unsigned char[::1] raw
        self._check_open()
        if not isinstance(rows, np.ndarray) or rows.dtype != ORDER_DTYPE or rows.ndim != 1:
            raise TypeError("orders is not a one-dimensional array of ORDER_DTYPE; order_rows(n) makes one")
        n = rows.shape[0]
        result = np.empty(n, np.int64)
        if n == 0:
            return result
        rows = np.ascontiguousarray(rows)
        raw = rows.view(np.uint8)
        out = result
        table = <const gm_order_t*>&raw[0]
        for i in range(n):
            if table[i].client_order_id[0] != 0:
                raise ValueError(f"row {i} has a client_order_id; submit such orders one by one, they are idempotent there")
        if gm_gate_forked(&self.gate):
            raise EngineForked("this engine belongs to the process that made it; make one of your own after the fork")
        with nogil:
            gm_gate_wait(&self.gate)
            now = 0
            for i in range(n):
                if i & 63 == 0:             # a batch is one decision: the clock is read now and then
                    now = gm_engine_now(&self.engine)
                row = table[i]
                wrong = gm_validate_row(self.engine.instruments, o, GM_MAX_ACCOUNTS, self.engine.venues.count)
                if o.strategy < 0 or o.strategy > strategies:
                    wrong |= 1 << GM_FIELD_STRATEGY
                if o.tag < 0 or o.tag > tags:
                    wrong |= 1 << GM_FIELD_TAGS
                memset(o.client_order_id, 0, GM_CLIENT_ORDER_ID_LENGTH)
                o.terms = 0
                if wrong:
                    out[i] = gm_engine_refuse(&self.engine, o, GM_REASON_INVALID, 0, wrong, o.limit_price_e9, NULL,
                                              now)
                else:
                    out[i] = gm_engine_submit_at(&self.engine, o, NULL, now)
            gm_gate_leave(&self.gate)
        self._after()
        return result

    def order_rows(self, count):
        """`count` rows of ORDER_DTYPE with every default set: market DAY orders without symbol, side and quantity."""
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 1 << 28:
            raise ValueError(f"count is {count!r}, must be an int from 0 to {1 << 28}")
        rows = np.zeros(count, ORDER_DTYPE)
        rows["symbol"] = -1
        rows["venue"] = -1
        rows["order_type"] = GM_MARKET
        rows["time_in_force"] = TIME_IN_FORCE_CODES["DAY"]
        for name in ("limit_price_e9", "stop_price_e9", "pending_price_e9", "arrival_mid_e9", "reserve_price_e9"):
            rows[name] = GM_NO_PRICE
        return rows

    # ---- requests ----

    def cancel(self, int64_t order_id):
        """Asks for the order's end; of a parent its children's first. UnknownOrder; OrderStateError when it is closed already."""
        self._check_open()
        cdef gm_order_t* row
        cdef bint refused = False
        self._enter()
        code = gm_engine_cancel(&self.engine, order_id, GM_REASON_USER)
        row = gm_orders_find(self.engine.orders, order_id)
        if code == 0 and row != NULL and row.status in (GM_NEW, GM_PARTIALLY_FILLED, GM_UNKNOWN_STATUS) and not row.urgency & GM_END_TOLD:
            refused = True                  # its venue answered on the spot that it takes none
        self._leave()
        if self.engine.news_count or self.engine.news_lost or self.listeners:
            self._after()
        if code < 0:
            self._check_request(code, order_id)
        if refused:
            raise OrderStateError(f"order {order_id}: its venue did not take the cancel (not connected, or the order is not there); "
                                  "it is open still")

    def resolve(self, int64_t order_id, executions=()):
        """Books what a person knows of an order whose venue owes a word, and ends it (include/resolution.h). All of it, or nothing.

        Parameters
        ----------
        executions : (n, 4) int64: the venue's id (0: not known), quantity, price_e9, fee_e9

        Raises
        ------
        UnknownOrder     no order has the id
        OrderStateError  it has ended, its venue still speaks for it, it is a parent or held by the engine, or the journal takes nothing
        ValueError       more than is open, or figures that no execution can have
        """
        self._check_open()
        cdef const int64_t[:, ::1] view = np.array([*executions], np.int64).reshape(-1, 4)
        cdef gm_report_t told[64]
        cdef int32_t k, count
        if view.shape[0] > 64:
            raise ValueError(f"executions has {view.shape[0]} rows, must be at most 64 at a time")
        count = <int32_t>view.shape[0]
        for k in range(count):
            told[k].execution_id, told[k].quantity, told[k].price_e9, told[k].fee_e9 = view[k, 0], view[k, 1], view[k, 2], view[k, 3]
        self._enter()
        code = gm_engine_resolve(&self.engine, order_id, told, count)
        self._leave()
        self._after()
        if code == -GM_REASON_INVALID:
            raise ValueError(f"order {order_id}: the executions are more than is open of it, or cannot be")
        if code == -GM_REASON_DUPLICATE_EXECUTION:
            raise ValueError(f"order {order_id}: an execution_id is given twice, or booked already")
        if code == -GM_REASON_BEYOND_LIMIT:
            raise ValueError(f"order {order_id}: an execution is at a worse price than its limit")
        if code == -GM_REASON_ILLEGAL_TRANSITION:
            status = self.get_order(order_id).status
            raise OrderStateError(f"order {order_id} is {status}: only an order at a venue that owes a word is resolved by hand")
        self._check_request(code, order_id)

    def replace(self, int64_t order_id, int64_t quantity=0, int64_t limit_price_e9=GM_NO_PRICE, int64_t stop_price_e9=GM_NO_PRICE):
        """Asks for another total quantity (0: as it is), limit and stop price. UnknownOrder, OrderStateError, RiskLimitBreached."""
        self._check_open()
        cdef gm_order_t* row
        cdef gm_order_t kept
        cdef gm_refusal_t refusal
        cdef gm_risk_detail_t detail
        cdef bint refused = False
        self._enter()
        code = gm_engine_replace(&self.engine, order_id, quantity, limit_price_e9, stop_price_e9)
        row = gm_orders_find(self.engine.orders, order_id)
        if row != NULL:
            kept = row[0]
            if code == 0 and row.reason != 0 and row.status in (GM_NEW, GM_PARTIALLY_FILLED):
                refused = True
        if code == -GM_REASON_RISK:
            kept.quantity = quantity if quantity > 0 else kept.quantity
            self.engine.refusal.reason = GM_REASON_RISK
            self.engine.refusal.order_id = order_id
            _keep_refusal(&self.engine, &kept, &refusal, &detail)
        self._leave()
        if self.engine.news_count or self.engine.news_lost or self.listeners:
            self._after()
        if code == -GM_REASON_RISK:
            raise self._refused(&kept, &refusal, &detail, None)
        if code < 0:
            self._check_request(code, order_id)
        if refused:
            raise OrderStateError(f"order {order_id}: its venue did not take the replace ({REASON_TEXT[Reason(kept.reason)]}); "
                                  "it stands as it was")

    def cancel_all(self, int account=-1, int strategy=-1, int symbol=-1, int venue=-1, int side=0, int reason=GM_REASON_USER):
        """Asks for the end of every live order that matches; -1 (side 0) matches all.

        Returns
        -------
        (ids, refused) : (n,) int64, the orders asked about; how many requests could not be made (their orders stand)
        """
        cdef gm_filter_t f
        cdef int64_t refused = 0, n, room
        cdef int64_t[::1] view
        self._check_open()
        f.account, f.strategy, f.symbol, f.venue, f.side = account, strategy, symbol, venue, side
        ids = np.empty(self.orders.table.live + 64, np.int64)
        view = ids
        room = view.shape[0]
        self._enter()
        with nogil:
            n = gm_engine_cancel_all(&self.engine, &f, reason, &view[0], room, &refused, gm_engine_now(&self.engine))
            gm_gate_leave(&self.gate)
        self._after()
        return ids[:min(n, room)], refused

    def set_latch(self, int scope, int target, int action, bytes name not None, bytes reason not None):
        """Sets or resets a latch (gm_scope, gm_latch_action); name and reason are UTF-8. KeyError: none of that name stands."""
        cdef gm_latch_t latch
        cdef int code
        if not 0 < len(name) < GM_LATCH_NAME or len(reason) >= GM_LATCH_REASON:
            raise ValueError(f"name is {len(name)} bytes and reason {len(reason)}, must be 1 to {GM_LATCH_NAME - 1} "
                             f"and at most {GM_LATCH_REASON - 1}")
        self._check_open()
        memset(&latch, 0, sizeof(latch))
        latch.scope = scope
        latch.target = target
        latch.action = action
        memcpy(latch.name, <const char*>name, len(name))
        memcpy(latch.reason, <const char*>reason, len(reason))
        self._enter()
        code = gm_engine_set_latch(&self.engine, &latch, gm_engine_now(&self.engine))
        self._leave()
        self._after()
        if code == GM_ERR_NOT_FOUND:
            raise KeyError(f"no kill switch named {name.decode()!r} stands")
        if code == GM_ERR_CAPACITY:
            raise OrderStateError("256 kill switches stand already; reset some, or stop the whole engine")
        if code != 0:
            nevertheless = "" if action == GM_LATCH_RESET else "; it stands nevertheless"
            raise JournalError(f"{self.journal.path}: the journal did not take the record{nevertheless}")

    def latches(self):
        """The latches that stand: [{scope, target, action, name, reason}], numbers as in gm_latch_t."""
        self._enter()
        found = [(self.engine.latches[i].scope, self.engine.latches[i].target, self.engine.latches[i].action,
                  <bytes>self.engine.latches[i].name, <bytes>self.engine.latches[i].reason) for i in range(self.engine.latched)]
        self._leave()
        return [{"scope": scope, "target": target, "action": action, "name": name.decode("utf-8", "replace"),
                 "reason": reason.decode("utf-8", "replace")} for scope, target, action, name, reason in found]

    def submit_list(self, orders, int contingency):
        """Several orders as one (gm_contingency): all accepted, or none. Their tickets."""
        cdef gm_order_t rows[16]
        cdef gm_terms_t terms[16]
        cdef gm_refusal_t refusal
        cdef gm_risk_detail_t detail
        cdef int32_t k, which = 0, count = <int32_t>len(orders)
        cdef int64_t code
        self._check_open()
        if not 2 <= count <= GM_LIST_MAX:
            raise ValueError(f"orders is {count} long, must be 2 to {GM_LIST_MAX}")
        for k in range(count):          # all are looked at before one gets its names
            memset(&terms[k], 0, sizeof(gm_terms_t))
            errors = self.reader.read(orders[k], &rows[k], &terms[k], True)
            if errors is None and (rows[k].flags & GM_PARENT):
                errors = {"order": ["is worked by the engine (display_spread, all_or_none, min_quantity), which an order of a list cannot be"]}
            if errors is None and rows[k].venue >= 0 and contingency != GM_OCO and k > 0:
                errors = {"venue": ["is named, but an order that waits for the list's first is routed when its time has come"]}
            if errors is not None:
                self._refuse_fields(&rows[k], {f"orders[{k}].{field}": messages for field, messages in errors.items()})
        for k in range(count):
            memset(&terms[k], 0, sizeof(gm_terms_t))
            self.reader.read(orders[k], &rows[k], &terms[k])
            if not rows[k].terms:
                memset(&terms[k], 0, sizeof(gm_terms_t))
            rows[k].terms = 1
            terms[k].contingency = contingency
            terms[k].waiting = contingency != GM_OCO and k > 0
        self._enter()
        code = gm_engine_submit_list(&self.engine, rows, terms, count, &which)
        if code < 0:
            _keep_refusal(&self.engine, &rows[which], &refusal, &detail)
        self._leave()
        self._after()
        if code < 0:
            error = self._refused(&rows[which], &refusal, &detail, None)
            raise type(error)(f"orders[{which}]: {error}", error.reason, error.order_id, error.errors, error.failed_checks)
        return [self._ticket(rows[k].order_id) for k in range(count)]

    def find_orders(self, status=None, symbol=None, strategy=None, tag=None, account=None):
        """The orders held in memory that match all that is not None, by id."""
        cdef gm_order_t row
        cdef const unsigned char[::1] view
        rows = self.orders_array()
        if status is not None:
            codes = [code for code, each in STATUSES.items() if each == status]
            if not codes:
                raise ValueError(f"status is {status!r}, must be one of {', '.join(STATUSES.values())}")
            rows = rows[rows["status"] == codes[0]]
        if symbol is not None:
            if symbol not in self.instruments.symbols:
                raise ValueError(f"symbol is {symbol!r}, which is not in the instrument table")
            rows = rows[rows["symbol"] == self.instruments.symbols.number(symbol)]
        for field, names, text in (("strategy", self.reader.strategies, strategy), ("tag", self.reader.tags, tag)):
            if text is not None:
                rows = rows[rows[field] == names.number(text)] if text in names else rows[:0]
        if account is not None:
            rows = rows[rows["account"] == account]
        result = []
        for index in range(len(rows)):
            view = rows[index:index + 1].view(np.uint8)
            memcpy(&row, &view[0], sizeof(row))
            result.append(self._order(&row))
        return result

    def strategy_number(self, str text not None):
        """The number of a strategy, a new one at first sight. ValueError when it is no name."""
        if not text or not text.isprintable() or len(text.encode("utf-8", "surrogatepass")) > 72:
            raise ValueError(f"strategy is {text!r}, must be 1 to 72 bytes of printable text")
        return self.reader._named(self.reader.strategies, GM_NAME_STRATEGY, text)

    def algorithm_number(self, str text not None):
        """The number of an algorithm's name, a new one at first sight."""
        return self.reader._named(self.reader.algorithms, GM_NAME_ALGORITHM, text)

    # ---- days ----

    def set_calendar(self, str name, closes_ns):
        """Gives the calendar of that name its session closes: (n,) int64 ns, ascending. DAY orders of its instruments expire at each; at those
        of the first calendar the daily figures begin again. Those before the log's last record have been lived through."""
        cdef const int64_t[::1] closes = np.ascontiguousarray(closes_ns, dtype=np.int64)
        cdef int number = self.instruments.calendars.number(name)
        cdef int64_t since = max(self.engine.last_record_ns, 0) or gm_now(self.engine.clock)
        if np.any(np.diff(closes_ns) <= 0):
            raise ValueError(f"the closes of {name} do not ascend")
        self._enter()
        code = gm_engine_set_calendar(&self.engine, number, &closes[0] if closes.shape[0] else NULL, closes.shape[0], since)
        self._leave()
        if code != 0:
            raise MemoryError(f"the calendar {name} could not be kept")

    def set_timeout(self, int64_t timeout_ns):
        """How long a venue may take to answer before an order is UNKNOWN; 0: for ever."""
        self._enter()
        self.engine.timeout_ns = timeout_ns
        self._leave()

    def close_parent(self, int64_t order_id, expired=False, int reason=GM_REASON_ALGORITHM_DONE):
        """Ends a parent whose children are all closed; what is left of it is released."""
        self._enter()
        code = gm_engine_close_parent(&self.engine, order_id, GM_EXPIRED if expired else GM_CANCELED, reason)
        self._leave()
        self._after()
        self._check_request(code, order_id)

    def _check_request(self, int64_t code, int64_t order_id):
        if code >= 0:
            return
        reason = Reason(-code)
        if reason is Reason.UNKNOWN_ORDER:
            status = self.get_order(order_id).status        # UnknownOrder; or one that memory holds no more
            raise OrderStateError(f"order {order_id} has already ended: {status}")
        raise OrderStateError(f"order {order_id}: {REASON_TEXT[reason]}")

    def _check_open(self):
        if self.engine.closed:
            raise EngineClosed("this engine has been closed")

    # ---- time ----

    def advance(self, until_ns=None):
        """Lives on to `until_ns` (None: now), or to the first event somebody waits for. The time reached."""
        cdef int64_t until, reached
        self._enter()
        until = gm_now(self.engine.clock) if until_ns is None else until_ns
        with nogil:
            reached = gm_engine_advance(&self.engine, until)
            gm_gate_leave(&self.gate)
        self._after()
        return reached

    def next_event_ns(self):
        """Time of the market's next event that can concern an own order, or None."""
        cdef int64_t t
        self._enter()
        t = min(self.engine.market.next_ns(self.engine.market), self.engine.deadline_ns)
        self._leave()
        return None if t == 0x7FFFFFFFFFFFFFFF else t

    def halt(self, str symbol):
        """Halts trading in a symbol at the simulated venues until `resume`: nothing trades, only cancels and less quantity are taken."""
        self._control(symbol, GM_CONTROL_HALT, 0, 0)

    def resume(self, str symbol):
        """Lets a halted symbol trade again, after an auction of what has gathered where the market has auctions."""
        self._control(symbol, GM_CONTROL_RESUME, 0, 0)

    def set_price_band(self, str symbol, low=None, high=None):
        """Bounds the prices at which a symbol may trade at the simulated venues; None, None: any. Buyers above it and sellers below it end."""
        cdef int64_t low_e9 = 0, high_e9 = 0
        cdef int64_t tick_e9 = self.instruments.table.rows[self.venues._symbol(symbol)].tick_e9
        if (low is None) != (high is None):
            raise ValueError("low and high of a band are given together, or neither")
        if low is not None:
            for name, value, into in (("low", low, 0), ("high", high, 1)):
                wrong = read_price(value, tick_e9, &low_e9 if into == 0 else &high_e9)
                if wrong is not None:
                    raise ValueError(f"{name} {wrong}")
            if low_e9 >= high_e9:
                raise ValueError(f"low is {low!r}, must be below high ({high!r})")
        self._control(symbol, GM_CONTROL_BAND, low_e9, high_e9)

    cdef int _control(self, str symbol, int what, int64_t low_e9, int64_t high_e9) except -1:
        cdef int32_t s = self.venues._symbol(symbol)
        cdef int code = GM_ERR_NOT_FOUND
        self._check_open()
        if self.engine.market.control == NULL:
            raise ValueError("this engine's market is not ours to halt: it is no simulated one")
        self._enter()
        code = self.engine.market.control(self.engine.market, s, what, low_e9, high_e9, gm_engine_now(&self.engine))
        if code == 0:
            gm_engine_settle(&self.engine, gm_engine_now(&self.engine))
        self._leave()
        self._after()
        if code != 0:
            raise ValueError(f"{symbol!r} {'is not halted' if what == GM_CONTROL_RESUME else 'does not trade now'}")
        return 0

    def auction(self, str symbol):
        """The auction ahead in a symbol: what it would be now.

        Returns
        -------
        None where the market has no auctions, else {venue, closing (False: an opening), time_ns (None: nobody knows), price (Unknown: nothing
        would trade), volume, imbalance (steps that buyers could not fill at that price, negative: sellers), phase}
        """
        cdef int32_t s = self.venues._symbol(symbol), venue
        cdef gm_indication_t found
        if self.engine.market.indicate == NULL:
            return None
        self._enter()
        self.engine.market.touch(self.engine.market, s, gm_engine_now(&self.engine))
        venue = self.engine.market.indicate(self.engine.market, s, &found)
        self._leave()
        self._after()
        if venue < 0:
            return None
        return {
            "venue": self.venues.names[venue], "closing": found.closing != 0,
            "time_ns": None if found.time_ns == 0x7FFFFFFFFFFFFFFF else found.time_ns,
            "price": Unknown("nothing would trade") if found.price_e9 == GM_NO_PRICE else found.price_e9 / 1e9,
            "volume": found.volume, "imbalance": found.imbalance,
            "phase": ("continuous", "opening_call", "closing_call", "halted", "closed")[found.phase],
        }

    def touch(self, str symbol):
        """Brings a symbol's quotes up to now."""
        cdef int32_t s = self.venues._symbol(symbol)
        self._enter()
        self.engine.market.touch(self.engine.market, s, gm_engine_now(&self.engine))
        self._leave()
        self._after()

    def follow(self, str symbol):
        """Has a symbol's market go on with the clock from now on, whether anybody looks at it or not: a synthetic one lives on otherwise
        when it is asked about, and only then its capture hears of it.
        """
        cdef int32_t s = self.venues._symbol(symbol)
        self._enter()
        if self.engine.market.follow != NULL:
            self.engine.market.follow(self.engine.market, s, 1)
        self._leave()
        self._after()

    def quote(self, str symbol):
        """The consolidated Quote of a symbol, now."""
        self.touch(symbol)
        return self.venues.quote(symbol)

    def depth(self, str symbol, int n=10):
        """The best `n` prices of each side over all venues, now.

        Returns
        -------
        (rows, time_ns) : (n, 4) int64, ask price_e9, its quantity, bid price_e9, its quantity, best first; (NO_PRICE, 0) where there is no
            level. Of a market whose books are not here: what its venues show, one price each.
        """
        cdef int32_t s = self.venues._symbol(symbol)
        cdef int64_t now
        cdef int64_t[:, ::1] rows
        if not 1 <= n <= 1000:
            raise ValueError(f"n is {n}, must be from 1 to 1000")
        out = np.empty((n, 4), np.int64)
        rows = out
        self._enter()
        now = gm_engine_now(&self.engine)
        self.engine.market.touch(self.engine.market, s, now)
        gm_market_levels(self.engine.market, s, n, &rows[0, 0])
        self._leave()
        self._after()
        return out, now

    def listen(self, str symbol, Tap tap):
        """Has `tap` hear the symbol's quotes and prints from now on; None: nobody. ValueError where somebody does already."""
        cdef int32_t s = self.venues._symbol(symbol)
        _former = self.venues.taps.get(s)       # kept until nobody points to it any more
        if tap is not None:
            self.venues._may_listen(s, symbol, tap)
            self.venues.taps[s] = tap
        else:
            self.venues.taps.pop(s, None)
        self._linked(s, tap)

    def overhear(self, str symbol, Tap tap not None, bint on=True):
        """Has `tap` hear the symbol beside whoever listens to it (15 can), or no more (on=False)."""
        cdef int32_t s = self.venues._symbol(symbol)
        self.venues._overhear(s, tap, on)
        self._linked(s, tap)

    cdef int _linked(self, int32_t s, Tap tap) except -1:
        cdef gm_tap_t* chain[TAPS]
        cdef int count = self.venues._gather(s, chain)
        if tap is not None:
            tap.tap.market = self.engine.market
        self._enter()
        self.venues._link(s, chain, count)
        self._leave()
        return 0

    def listening(self, str symbol):
        """The tap that hears the symbol, or None."""
        return self.venues.taps.get(self.venues._symbol(symbol))

    def copy_tap(self, Tap tap not None, Tap into not None):
        """The state of a tap of this core, as it is now, in another of the same options."""
        tap.fits(into)
        self._enter()
        tap.copy_into(into)
        self._leave()

    # ---- what is known of orders ----

    cdef Order _order(self, gm_order_t* row):
        cdef Order order = Order.__new__(Order)
        order.row = row[0]
        order.names = self
        return order

    def get_order(self, int64_t order_id):
        """The Order with that id, live or closed, from memory or from the log. UnknownOrder when there is none."""
        cdef gm_order_t row
        cdef gm_order_t* found
        self._enter()
        found = gm_orders_find(self.engine.orders, order_id)
        if found != NULL:
            row = found[0]
        self._leave()
        if found == NULL:
            if not self._from_log(order_id, &row):
                raise UnknownOrder(f"no order has the id {order_id}")
        return self._order(&row)

    cdef bint _from_log(self, int64_t order_id, gm_order_t* row) except *:
        """Rebuilds a row that memory no longer holds by applying its records, and its children's, in order."""
        cdef const unsigned char[::1] view
        cdef int64_t offset, end, position, last
        cdef gm_header_t header
        cdef gm_order_t other
        cdef gm_report_t report
        cdef gm_request_t request
        cdef gm_refusal_t refusal
        cdef bint found = False
        if order_id <= 0 or order_id >= self.engine.orders.next_id:
            return False
        place = self.journal.find(order_id)
        if place is None:
            return False
        children = set()
        position, last = place
        while position <= last:
            piece = self.journal.read(position, min(1 << 20, last + 256 - position))
            view = piece
            offset, end = 0, len(piece)
            while offset + 32 <= end:
                memcpy(&header, &view[offset], sizeof(header))
                if header.size < 32 or offset + header.size > end:
                    break
                if header.kind == GM_RECORD_ORDER:
                    memcpy(&other, &view[offset + 32], sizeof(other))
                    if other.order_id == order_id:
                        row[0] = other
                        found = True
                    elif other.parent_id == order_id:
                        children.add(other.order_id)
                elif found and header.kind == GM_RECORD_REPORT and (header.order_id == order_id or header.order_id in children):
                    memcpy(&report, &view[offset + 32], sizeof(report))
                    if header.order_id == order_id:
                        gm_engine_apply(row, &report)
                    elif report.exec_type in (GM_EXEC_TRADE, GM_EXEC_TRADE_CORRECT, GM_EXEC_TRADE_CANCEL) and not gm_is_void(&report):
                        sign = -1 if report.exec_type == GM_EXEC_TRADE_CANCEL else 1
                        gm_order_book(row, &report, sign)
                        row.leaves_quantity = max(0, row.leaves_quantity - sign * report.quantity)
                        if not gm_is_closed(row.status):
                            row.status = GM_FILLED if row.leaves_quantity == 0 else GM_PARTIALLY_FILLED
                        row.updated_ns = report.venue_time_ns
                elif header.kind == GM_RECORD_REFUSAL and header.order_id == order_id:
                    memcpy(&refusal, &view[offset + 32], sizeof(refusal))
                    _row_of_refusal(row, &refusal, header.time_ns)
                    return True
                elif found and header.kind == GM_RECORD_REQUEST and header.order_id == order_id:
                    memcpy(&request, &view[offset + 32], sizeof(request))
                    gm_order_obey(row, &request, header.time_ns)
                    row.status = request.status
                offset += header.size
            if offset == 0:
                break
            position += offset
        return found

    def let_go_closed(self, int64_t before_ns):
        """Lets go of closed orders whose last change was before `before_ns`; how many. Live ones are never let go."""
        cdef int64_t count = 0
        self._enter()
        while self.engine.orders.let_go < self.engine.orders.closed_count and gm_orders_oldest(self.engine.orders).updated_ns < before_ns:
            gm_orders_let_go(self.engine.orders)
            count += 1
        self._leave()
        return count

    def is_closed(self, int64_t order_id):
        """True when the order has ended (or memory holds it no more). UnknownOrder when there never was one."""
        cdef gm_order_t* row
        self._enter()
        row = gm_orders_find(self.engine.orders, order_id)
        closed = row == NULL or gm_is_closed(row.status)
        known = 0 < order_id < self.engine.orders.next_id
        self._leave()
        if not known:
            raise UnknownOrder(f"no order has the id {order_id}")
        return closed

    def orders_array(self):
        """A copy of the orders held in memory, by id: a structured array of ORDER_DTYPE."""
        cdef unsigned char[::1] raw
        cdef int64_t n = -1, capacity
        out = None
        while n < 0:                    # the buffer is made while the core is free: it may have grown meanwhile
            capacity = self.engine.orders.used + 64
            out = np.empty(capacity, dtype=ORDER_DTYPE)
            raw = out.view(np.uint8)
            self._enter()
            n = self.orders.copy_rows(<char*>&raw[0], capacity)
            self._leave()
        return sorted_rows(out[:n])

    def open_orders(self):
        """The live orders, by id."""
        cdef gm_order_t row
        cdef const unsigned char[::1] view
        rows = self.orders_array()
        live = rows[rows["leaves_quantity"] > 0]
        result = []
        for index in range(len(live)):
            view = live[index:index + 1].view(np.uint8)
            memcpy(&row, &view[0], sizeof(row))
            result.append(self._order(&row))
        return result

    def fills(self, order_id=None):
        """Fills so far (of an order, its children included), from the log: a structured array of REPORT_DTYPE.

        What was told again, and what nobody knows of, is no fill.
        """
        place = (0, self.journal.head) if order_id is None else self.journal.find(order_id)
        reports = self.journal.rows(GM_RECORD_REPORT, *(place or (0, -1)))
        trades = reports[(reports["exec_type"] == GM_EXEC_TRADE) & is_booked(reports)]
        if order_id is None:
            return trades
        ids = self.journal_orders(order_id)["order_id"]
        return trades[np.isin(trades["order_id"], ids)]

    def journal_orders(self, order_id):
        """The order as it was recorded and, of a parent, its children, oldest first: a structured array of ORDER_DTYPE."""
        orders = self.journal.rows(GM_RECORD_ORDER, *(self.journal.find(order_id) or (0, -1)))
        return orders[(orders["order_id"] == order_id) | (orders["parent_id"] == order_id)]

    def add_waiter(self, int64_t order_id, future, bint closed=True):
        """Completes `future` when the order is closed (or, with closed=False, at its next news)."""
        if self.is_closed(order_id):
            _complete(future)
            return
        if self.on_wait is not None:
            self.on_wait()
        self.waiters.setdefault(order_id, []).append((future, WANTS_CLOSED if closed else WANTS_NEWS))
        self._await_flag(order_id, True)
        if self.is_closed(order_id):        # it ended between the first look and the flag
            self._wake(order_id)

    @property
    def has_waiters(self):
        """True while somebody waits for news of an order."""
        return bool(self.waiters)

    @property
    def awaited(self):
        """The ids of the orders that somebody waits for."""
        return sorted(self.waiters)

    @property
    def watched(self):
        """How many readers want the market to stop at every news of an order, so that they hear of it in its time."""
        return self.engine.watched

    def watch(self, bint on=True):
        """Counts (or, with on=False, uncounts) a reader for `watched`."""
        self._enter()
        self.engine.watched = max(0, self.engine.watched + (1 if on else -1))
        self._leave()

    def report(self, row):
        """Applies a venue's report, one element of REPORT_DTYPE: for venues outside this process, and for tests."""
        cdef gm_report_t r
        cdef const unsigned char[::1] raw
        array = np.ascontiguousarray(row)
        if array.dtype != REPORT_DTYPE or array.size != 1:
            raise TypeError("row is not one element of REPORT_DTYPE")
        raw = array.reshape(1).view(np.uint8)
        memcpy(&r, &raw[0], sizeof(r))
        if not 0 <= r.symbol < self.engine.instruments.count or not 0 < r.exec_type < GM_EXEC_TYPE_END or r.quantity < 0:
            raise ValueError(f"symbol {r.symbol}, exec_type {r.exec_type}, quantity {r.quantity} is not a report")
        if r.exec_type in (GM_EXEC_TRADE, GM_EXEC_TRADE_CORRECT) and (r.quantity == 0 or r.price_e9 <= 0):
            raise ValueError(f"quantity {r.quantity} at price_e9 {r.price_e9} is not a report of an execution; both are positive")
        if r.quantity > GM_MAX_QUANTITY or r.price_e9 >= GM_MAX_PRICE_E9 or r.status >= GM_STATUS_END or r.venue >= self.engine.venues.count:
            raise ValueError(f"quantity {r.quantity}, price_e9 {r.price_e9}, status {r.status}, venue {r.venue} is not a report: out of range")
        self._check_open()
        self._enter()
        gm_engine_report(&self.engine, &r)
        self._leave()
        self._after()

    def remove_waiter(self, int64_t order_id, future):
        """Forgets a future that nobody waits for any more."""
        waiting = self.waiters.get(order_id)
        if waiting is None:
            return
        waiting[:] = [entry for entry in waiting if entry[0] is not future]
        if not waiting:
            del self.waiters[order_id]
            self._await_flag(order_id, False)

    @property
    def native(self):
        """A capsule around what native code drives this engine by (include/calls.h); valid while the core lives."""
        gm_native_of(&self.parts, &self.engine, &self.gate)
        return PyCapsule_New(&self.parts, "gm_native", NULL)

    # ---- names ----

    def symbol_text(self, int number):
        return self.instruments.symbols.text(number)

    def venue_text(self, int number):
        if not 0 <= number < self.venues.table.count:
            raise IndexError(f"no venue has the number {number}")
        return self.venues.names[number]

    def strategy_text(self, int number):
        return self.reader.strategies.text(number) if number else None

    def algorithm_text(self, int number):
        return self.reader.algorithms.text(number) if number else None

    def tag_text(self, int number):
        return self.reader.tags.text(number) if number else None

    def account(self, account=0):
        """An account's totals now, see `Portfolio.account`; while the engine works, too."""
        cdef int32_t a = self.portfolio._account(account)
        cdef gm_account_t row
        self._enter()
        gm_portfolio_settle(&self.portfolio.table)
        row = self.portfolio.table.accounts[a]
        self._leave()
        return self.portfolio._figures(&row, a)

    def positions(self, account=0):
        """Positions and open orders of an account now, see `Portfolio.positions`; while the engine works, too."""
        cdef int32_t a = self.portfolio._account(account)
        cdef size_t size = <size_t>max(1, self.instruments.table.count) * sizeof(gm_position_t)
        cdef gm_position_t* rows = <gm_position_t*>malloc(size)
        if rows == NULL:
            raise MemoryError("no memory to copy the positions")
        try:
            self._enter()
            memcpy(rows, gm_position_of(&self.portfolio.table, a, 0), size)
            self._leave()
            return self.portfolio._held(rows)
        finally:
            free(rows)

    def statistics(self):
        """Counters since the start, by name."""
        cdef gm_engine_t* e = &self.engine
        return {
            "accepted": e.accepted, "refused": e.refused, "fills": e.fills, "open": self.orders.live,
            "illegal_transitions": self.orders.illegal_transitions, "unknown_reports": e.unknown_reports,
            "late_fills": e.late_fills, "overfills": e.overfills, "duplicate_executions": e.duplicate_executions,
            "trade_throughs": e.trade_throughs,
            "journal_records": self.journal.records,
            "journal_lost": self.journal.log.lost, "market_messages": self.market.messages,
        }

    def check_invariants(self, bint from_nothing=False):
        """Counts everything afresh. AssertionError names what is broken and where.

        Orders against their quantities and statuses, parents against their children, reservations and counts against the open orders.
        from_nothing : the engine began without positions and still holds all its orders: positions against fills too
        """
        cdef int64_t order_id = 0
        cdef int broken
        self._enter()
        broken = gm_engine_broken(&self.engine, from_nothing, &order_id)
        self._leave()
        if broken < 0:
            raise MemoryError("no memory to count orders afresh")
        if broken:
            raise AssertionError(_BROKEN[broken - 1] + (f", order {order_id}" if order_id else ""))

    def close(self):
        """Takes no more orders; the journal is written out, sealed and closed. Closing twice is allowed.

        JournalError when the files did not take it: what was acknowledged is in the journal's tail then, for the next start.
        """
        try:
            if self.engine.held != NULL and not self.engine.closed and self.journal.state == "healthy":
                self.force()
        except JournalError:
            pass                                        # closing the journal says it again, once all else is closed
        self._enter()
        self.engine.closed = 1
        self._leave()
        self._after()
        for waiting in list(self.waiters.values()):     # nothing will come any more: who waits is told so
            for future, _ in list(waiting):
                _complete(future)
        if self.links is not None:
            self.market.close()
        if self.capture is not None:
            self._enter()
            self.capture.close()
            self._leave()
        self.journal.close()
        for loop in list(self.durables):
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._told_of_disk, loop)
                loop.call_soon_threadsafe(self._forget_loop, loop)
            else:
                self._forget_loop(loop)

    @property
    def closed(self):
        return bool(self.engine.closed)


cdef bytes _terms(gm_order_t* o, bytes raw):
    """What makes two submissions of one client_order_id the same: every field that the caller gave."""
    cdef gm_terms_t t
    memset(&t, 0, sizeof(t))
    if raw is not None:
        memcpy(&t, <const char*>raw, sizeof(t))
    return repr((o.symbol, o.side, o.quantity, o.order_type, o.limit_price_e9, None if t.trail_offset else o.stop_price_e9, o.time_in_force,
                 o.display_quantity, o.urgency, o.strategy, o.account, o.tag, o.flags & ~(GM_HELD | GM_PARENT | GM_AWAITED), o.algorithm,
                 t.expire_ns, t.minimum_quantity, t.trail_offset, t.trail_unit, t.limit_offset_e9, t.display_spread_e9, t.trigger)).encode()


cdef void _keep_refusal(gm_engine_t* e, gm_order_t* o, gm_refusal_t* refusal, gm_risk_detail_t* detail) noexcept nogil:
    """Copies the refusal and what each check compared while the core is held: the next one overwrites it."""
    refusal[0] = e.refusal
    memset(detail, 0, sizeof(detail[0]))
    if refusal.failed_checks:
        gm_engine_explain(e, o, refusal.price_e9, detail)


cdef void _row_of_refusal(gm_order_t* row, gm_refusal_t* refusal, int64_t time_ns) noexcept:
    """A refused order as a row: REJECTED by the engine, with what the refusal kept of its terms."""
    memset(row, 0, sizeof(row[0]))
    row.order_id = refusal.order_id
    row.parent_id = refusal.parent_id
    row.quantity = refusal.quantity
    row.limit_price_e9 = GM_NO_PRICE if refusal.order_type == GM_MARKET else refusal.price_e9
    row.stop_price_e9 = row.reserve_price_e9 = row.arrival_mid_e9 = GM_NO_PRICE
    row.created_ns = row.sent_ns = row.updated_ns = time_ns
    row.symbol = refusal.symbol
    row.account = refusal.account
    row.venue = -1
    row.side = refusal.side
    row.order_type = refusal.order_type
    row.status = GM_REJECTED
    row.reason = refusal.reason


cdef class ParentFigures:
    """A parent order's figures and its symbol's, read from the core as they are asked for: what an algorithm looks at before each child.

    Parameters
    ----------
    core : Core
    order_id : int, of a parent order
    """

    def __cinit__(self, Core core not None, int64_t order_id):
        cdef gm_order_t o
        self.core = core
        self.order_id = order_id
        self._read(&o)
        self.symbol = o.symbol
        self.side = o.side
        self.tick_e9 = core.engine.instruments.rows[o.symbol].tick_e9

    cdef int _read(self, gm_order_t* o) except -1:
        cdef gm_order_t* found
        self.core._enter()
        found = gm_orders_find(self.core.engine.orders, self.order_id)
        if found != NULL:
            o[0] = found[0]
        self.core._leave()
        if found == NULL and not self.core._from_log(self.order_id, o):
            raise UnknownOrder(f"no order has the id {self.order_id}")
        return 0

    cdef int _touch(self, gm_nbbo_t* n) except -1:
        """The symbol's quotes brought up to now, and the consolidated one."""
        cdef gm_engine_t* e = &self.core.engine
        self.core._enter()
        e.market.touch(e.market, self.symbol, gm_engine_now(e))
        n[0] = gm_consolidate_afresh(e.venues, self.symbol)
        self.core._leave()
        if e.news_count or self.core.listeners:
            self.core._after()
        return 0

    @property
    def quantity(self):
        """Steps ordered."""
        cdef gm_order_t o
        self._read(&o)
        return o.quantity

    @property
    def filled(self):
        """Steps filled."""
        cdef gm_order_t o
        self._read(&o)
        return o.filled_quantity

    @property
    def at_work(self):
        """Steps sent and not ended."""
        cdef gm_order_t o
        self._read(&o)
        return o.working_quantity

    @property
    def remaining(self):
        """Steps neither filled nor at work."""
        cdef gm_order_t o
        self._read(&o)
        return o.leaves_quantity - o.working_quantity

    @property
    def limit_price_e9(self):
        """Its limit; None: there is none."""
        cdef gm_order_t o
        self._read(&o)
        return None if o.limit_price_e9 == GM_NO_PRICE else o.limit_price_e9

    @property
    def is_over(self):
        """Has it ended, or been asked to?"""
        cdef gm_order_t o
        self._read(&o)
        return bool(gm_is_closed(o.status)) or o.status == GM_PENDING_CANCEL

    @property
    def is_halted(self):
        """Is trading in its symbol halted?"""
        return self.core.engine.venues.halted[self.symbol] != 0

    @property
    def others_volume(self):
        """Steps printed in its symbol by now, own prints apart."""
        cdef gm_nbbo_t n
        cdef gm_tape_t* t = &self.core.engine.venues.tapes[self.symbol]
        self._touch(&n)
        return t.volume - t.own_volume

    @property
    def mid_e9(self):
        """The consolidated mid; None without a bid and an offer."""
        cdef gm_nbbo_t n
        self._touch(&n)
        return None if gm_mid(&n) == GM_NO_PRICE else gm_mid(&n)

    def touch_e9(self, bint far):
        """The best price on the other side (far) or on its own; None when nobody shows one."""
        cdef gm_nbbo_t n
        cdef int64_t price
        self._touch(&n)
        price = n.ask_e9 if (self.side > 0) == far else n.bid_e9
        return None if price == GM_NO_PRICE else price

    def sendable(self, int64_t quantity, price_e9=None):
        """As much of `quantity` as one order may have at that price (None: at the far touch): by what is left, and by the limits on the
        size and value of one order. Without a price to count by, what the limit on the size lets be.
        """
        cdef gm_order_t o
        cdef gm_nbbo_t n
        cdef gm_limits_t* limits = self.core.engine.limits
        cdef int64_t unit
        self._read(&o)
        quantity = min(quantity, o.leaves_quantity - o.working_quantity)
        if quantity <= 0 or not limits.configured & (GM_CHECK_ORDER_SIZE | GM_CHECK_NOTIONAL | GM_CHECK_ORDER_VALUE):
            return max(0, quantity)
        if price_e9 is None:
            self._touch(&n)
            unit = n.ask_e9 if self.side > 0 else n.bid_e9
        else:
            unit = price_e9
        return gm_risk_most(limits, self.core.engine.instruments, self.symbol, quantity, unit)


async def _reports(core, order_id):
    """The reports of an order and its children, from the log, until it has ended."""
    from asyncio import get_running_loop

    children = set()
    place = core.journal.find(order_id)
    position = core.journal.head if place is None else place[0]
    while True:
        ended = core.is_closed(order_id)            # before the look: what comes after it is seen in the next
        while True:
            piece = core.journal.read(position, 1 << 18)
            used = 0
            for offset, kind, record in iterate(piece):
                used = offset + record.dtype.itemsize
                if kind == GM_RECORD_ORDER and int(record["row"]["parent_id"]) == order_id:
                    children.add(int(record["row"]["order_id"]))
                elif kind == GM_RECORD_REPORT and (int(record["row"]["order_id"]) == order_id or int(record["row"]["order_id"]) in children):
                    yield report_of(core, piece[offset + 32:offset + 128])
            position += used
            if used == 0:
                break
        if ended:
            return
        core._check_open()
        future = get_running_loop().create_future()
        core.add_waiter(order_id, future, False)
        try:
            await future
        finally:
            core.remove_waiter(order_id, future)


def _complete(future):
    if future.done():
        return
    from asyncio import _get_running_loop       # loaded already: there is a future

    loop = future.get_loop()
    if _get_running_loop() is loop:
        future.set_result(None)
    elif not loop.is_closed():
        loop.call_soon_threadsafe(_complete_here, future)


def _complete_here(future):
    if not future.done():
        future.set_result(None)


cdef class Refusal:
    """A refusal as it was recorded; its words are made when somebody asks for them."""

    cdef Core core
    cdef gm_order_t row
    cdef gm_refusal_t refusal
    cdef gm_risk_detail_t detail
    cdef dict problems

    @property
    def reason(self):
        return Reason(self.refusal.reason)

    @property
    def order_id(self):
        return self.refusal.order_id

    @property
    def errors(self):
        return {} if self.problems is None else self.problems

    @property
    def failed_checks(self):
        return check_names(self.refusal.failed_checks)

    @property
    def message(self):
        cdef uint64_t failed = self.refusal.failed_checks
        if self.problems is not None:
            listed = "; ".join(f"{field} {message}" for field, messages in self.problems.items() for message in messages)
            return f"order refused: {listed}"
        symbols = self.core.instruments.symbols
        symbol = symbols.texts[self.row.symbol] if 0 <= self.row.symbol < len(symbols) else "?"
        what = f"{'buy' if self.row.side > 0 else 'sell'} {self.row.quantity} {symbol}"
        if not failed:
            if self.refusal.reason == GM_REASON_UNSUPPORTED:
                names = self.core.venues.names
                who = f"{names[self.row.venue]} takes no" if 0 <= self.row.venue < len(names) else "no venue takes a"
                terms = [name for bit, name in ((GM_POST_ONLY, "post_only"), (GM_ALL_OR_NONE, "all_or_none"), (GM_HIDDEN, "hidden"))
                         if self.row.flags & bit]
                return f"{what} refused: {who} {ORDER_TYPES.get(self.row.order_type, '?')} order with " \
                       + ", ".join([str(TIMES_IN_FORCE.get(self.row.time_in_force, "?")), *terms])
            return f"{what} refused: {REASON_TEXT[self.reason]}"
        parts = []
        for index, (bit, name, group, unit) in enumerate(CHECKS):
            if failed & <uint64_t>bit:
                if unit == "none":
                    parts.append("no price or mark to check it with")
                elif unit == "flag":
                    parts.append(f"{group}: {name}")
                else:
                    parts.append(f"{group}: {name} {_figure(self.detail.used[index], unit)} above {_figure(self.detail.limit[index], unit)}")
        return f"{what} refused: {'; '.join(parts)}"


def _figure(double value, unit):
    if unit == "money":
        return f"{value:,.2f}"
    if unit == "fraction":
        return f"{value:.2%}"
    if unit == "seconds" or unit == "bps":
        return f"{value:,.6g} {unit}"
    return f"{value:,.0f}"


cdef class Ticket:
    """What a submission gives back: await it for the order id, or ask it for more. It may also be dropped."""

    def __await__(self):
        if self.position > self.core.journal.log.forced:
            yield from self.core._durable(self.position)
        elif self.position:
            self.core._send_held(self.position)
        return self.order_id

    # A coroutine's face over one private iterator, so that create_task and TaskGroup take a ticket.
    def send(self, value):
        if self.iterator is None:
            self.iterator = self.__await__()
        try:
            return self.iterator.send(value)
        except StopIteration:
            raise StopIteration(self.order_id) from None

    def throw(self, *error):
        if self.iterator is None:
            self.iterator = self.__await__()
        return self.iterator.throw(*error)

    def close(self):
        self.iterator = iter(())

    @property
    def order(self):
        """The Order as it stands now."""
        return self.core.get_order(self.order_id)

    @property
    def status(self):
        """The order's OrderStatus now."""
        return self.core.get_order(self.order_id).status

    async def done(self):
        """Waits until the order has ended; the Order."""
        if not self.core.is_closed(self.order_id):
            from asyncio import get_running_loop

            self.core._check_open()
            future = get_running_loop().create_future()
            self.core.add_waiter(self.order_id, future)
            try:
                await future
            finally:
                self.core.remove_waiter(self.order_id, future)
            if not self.core.is_closed(self.order_id):
                self.core._check_open()
        return self.core.get_order(self.order_id)

    def reports(self):
        """What is said of the order, one Report at a time from the first on: `async for report in ticket.reports()`. It ends with the order.

        Of a parent its children's too. Read from the log: whoever comes late misses nothing.
        """
        return _reports(self.core, self.order_id)

    async def durable(self):
        """Waits until the order, and all that was acknowledged before it, is on the disk; the order id.

        In simulated time, and in a temporary journal, it is forced on the spot. JournalError when the disk fails.
        """
        cdef int64_t position = self.core.journal.log.head
        if self.core.journal.path is None or self.core.engine.clock.simulated or self.core.journal.closed:
            self.core.journal.force()
        elif position > self.core.journal.log.forced:
            await self.core._durable(position)
        return self.order_id

    async def filled(self):
        """Waits until the order is filled; the Order. OrderStateError when it ends with a rest."""
        order = await self.done()
        if order.leaves_quantity or order.filled_quantity < order.quantity:
            raise OrderStateError(f"order {self.order_id} ended {order.status} with {order.filled_quantity} of "
                                  f"{order.quantity} filled: {order.reason_text}")
        return order

    def __int__(self):
        return self.order_id

    def __index__(self):
        return self.order_id

    def __repr__(self):
        return f"Ticket({self.order_id})"


cpdef int64_t read_id(object order_id) except? -1:
    """An order id: an int or a ticket. A float, text or a bool is nobody's id."""
    if type(order_id) is Ticket:
        return (<Ticket>order_id).order_id
    if type(order_id) is not int and (isinstance(order_id, bool) or not hasattr(type(order_id), "__index__")):
        raise TypeError(f"order_id is {order_id!r}, must be an int or a Ticket")
    try:
        number = index(order_id)
    except TypeError:
        raise TypeError(f"order_id is {order_id!r}, must be an int or a Ticket") from None
    if not 0 < number < 1 << 62:
        raise UnknownOrder(f"no order has the id {number}")
    return number


_opening = RLock()


cdef class OrderGate:
    """The order path as methods, without a Python frame between the caller and the core; OrderManager derives from it.

    A subclass gives `_open()`, which returns the Core; it is called at first use, when it is known whose time it is.
    """

    cdef Core _bound(self):
        if self.bound is None:
            with _opening:              # two threads at the first use make one core
                if self.bound is None:
                    self.bound = self._open()
        return self.bound

    def _open(self):
        raise TypeError(f"{type(self).__name__} has no engine to submit to")

    @property
    def core(self):
        """The engine core behind this face."""
        return self._bound()

    def submit_order(self, order):
        """Validates, risk-checks, routes, journals and hands over an order; all of it when called.

        Parameters
        ----------
        order : mapping with symbol, side, quantity, order_type; optional limit_price, time_in_force (DAY), display_quantity,
            urgency, strategy, account, tags, client_order_id, post_only

        Returns
        -------
        Ticket : `await` it for the order id; `.status`, `.order`, `await .done()`, `await .filled()`

        Raises
        ------
        OrderValidationError  a field is wrong: `.errors` names each
        RiskLimitBreached     a check failed: `.failed_checks` names each
        OrderRejected         no venue, no capacity: `.reason`
        """
        cdef gm_order_t o
        cdef gm_terms_t terms
        cdef Core core = self.bound
        cdef dict errors
        cdef int64_t began
        if core is None:
            core = self._bound()
        if core.engine.closed:
            core._check_open()
        if core.engine.tick & 63:
            errors = core.reader.read(order, &o, &terms)
        else:
            began = gm_machine_ns(CLOCK_MONOTONIC)
            errors = core.reader.read(order, &o, &terms)
            gm_histogram_record(core.engine.stages[GM_STAGE_VALIDATE], gm_machine_ns(CLOCK_MONOTONIC) - began)
        if errors is not None:
            core._refuse_fields(&o, errors)
        return core._submit(&o, &terms)

    def cancel_order(self, order_id):
        """Asks for the order's end. UnknownOrder, or OrderStateError when it has ended already.

        At a venue it is PENDING_CANCEL until that answers. Of a parent the open children are canceled, then it ends.
        """
        cdef int64_t number = read_id(order_id)
        self._bound().cancel(number)

    def replace_order(self, order_id, *, quantity=None, limit_price=None, stop_price=None):
        """Asks for another total quantity (what has filled included) or other prices of a live order.

        At a venue it is PENDING_REPLACE until that answers, and its old terms hold. Less quantity at the same price keeps the order's place
        in the queue; more, or another price, goes to the back. A quantity at or below what has filled ends it FILLED. Orders that the
        engine holds (stops, waiting members of a list) and parents change at once. More quantity, or another price, is risk-checked.

        Raises
        ------
        OrderValidationError  a value is wrong
        UnknownOrder          no order has that id
        OrderStateError       it has ended, waits for an answer, or its venue did not take it
        RiskLimitBreached     the change would break a limit

        The order stands as it was then.
        """
        cdef int64_t number = read_id(order_id), steps = 0, limit_e9 = GM_NO_PRICE, stop_e9 = GM_NO_PRICE
        cdef int32_t symbol = -1
        cdef int64_t held_steps = 0, held_limit_e9 = GM_NO_PRICE, held_stop_e9 = GM_NO_PRICE
        cdef int side = 0
        cdef bint has_limit = False, has_stop = False, trails = False
        cdef Core core = self._bound()
        cdef gm_order_t* row
        core._enter()
        row = gm_orders_find(core.engine.orders, number)
        if row != NULL:
            symbol = row.symbol
            has_limit = row.limit_price_e9 != GM_NO_PRICE
            has_stop = row.stop_price_e9 != GM_NO_PRICE
            trails = row.order_type == GM_TRAILING_STOP or row.order_type == GM_TRAILING_STOP_LIMIT
            side, held_steps, held_limit_e9, held_stop_e9 = row.side, row.quantity, row.limit_price_e9, row.stop_price_e9
        core._leave()
        if symbol < 0:
            raise OrderStateError(f"order {number} has already ended: {core.get_order(number).status}")
        errors = {}
        if quantity is None and limit_price is None and stop_price is None:
            errors["order"] = ["is not changed: give quantity, limit_price or stop_price"]
        if quantity is not None:
            wrong = read_quantity(quantity, core.engine.instruments.rows[symbol].step_e9, &steps)
            if wrong is not None:
                errors["quantity"] = [wrong]
        if limit_price is not None:
            wrong = read_price(limit_price, core.engine.instruments.rows[symbol].tick_e9, &limit_e9)
            if wrong is not None or not has_limit:
                errors["limit_price"] = [wrong or f"is {limit_price!r}, but the order has none"]
        if stop_price is not None:
            wrong = read_price(stop_price, core.engine.instruments.rows[symbol].tick_e9, &stop_e9)
            if wrong is not None or not has_stop:
                errors["stop_price"] = [wrong or f"is {stop_price!r}, but the order has none"]
        if stop_price is not None and "stop_price" not in errors and trails and side * (stop_e9 - held_stop_e9) > 0:
            errors["stop_price"] = [f"is {stop_price!r}, farther from the market than where it trails, which it does by itself"]
        if not errors and (steps == 0 or steps == held_steps) and (limit_e9 == GM_NO_PRICE or limit_e9 == held_limit_e9) \
                and (stop_e9 == GM_NO_PRICE or stop_e9 == held_stop_e9):
            errors["order"] = ["has these terms already: nothing would change"]
        if errors:
            listed = "; ".join(f"{field} {message}" for field, messages in errors.items() for message in messages)
            raise OrderValidationError(f"order {number}: replace refused: {listed}", Reason.INVALID, number, errors)
        core.replace(number, steps, limit_e9, stop_e9)

    def submit_orders(self, orders):
        """A batch through the same path, without the GIL.

        Parameters
        ----------
        orders : (n,) structured array of ORDER_DTYPE; `order_rows(n)` makes one with every default set

        Returns
        -------
        (n,) int64: the order id, or minus the Reason of its refusal. Each refusal stands in the journal.
        """
        return self._bound().submit_rows(orders)
