# cython: language_level=3, wraparound=True
"""A recorded day lived again: the log's records over the quotes of a capture (include/reexecution.h has the rules)."""
import numpy as np

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

from grandmodel.execution._core.journal cimport gm_crc32c_setup
from grandmodel.execution._core.records cimport (
    GM_ERR_CAPACITY, GM_ERR_CORRUPT, GM_ERR_EMPTY, GM_ERR_FORMAT, GM_ERR_IO, GM_ERR_LINE, GM_ERR_NOT_FOUND, GM_ERR_ORDER, GM_ERR_STATE,
    GM_OK, gm_header_t, gm_message_t,
)
from grandmodel.execution._core.scoring cimport Venues, gm_venues_t
from grandmodel.execution._core.submit cimport Core, gm_engine_t
from grandmodel.execution._core.synthetic cimport Market, gm_market_t
from grandmodel.execution._core.records import LIMIT_DTYPE, MESSAGE_DTYPE
from grandmodel.execution._core.recovery import learn_limit, learn_name
from grandmodel.execution._core.values import JournalError, MarketDataError

cdef extern from "reexecution.h" nogil:
    ctypedef struct gm_recorded_t:
        gm_market_t market
        const gm_message_t* rows
        int64_t count, position
    ctypedef struct gm_difference_t:
        int64_t kind
    ctypedef struct gm_reexecution_t:
        gm_engine_t* engine
        gm_recorded_t* market
        gm_difference_t* out
        int64_t room, found
        int64_t orders, refusals, as_recorded, same, left_out, other_hash
        uint64_t hash
    void gm_recorded_init(gm_recorded_t* r, gm_venues_t* venues, int32_t symbols) noexcept
    int gm_recorded_row(gm_recorded_t* r, const gm_message_t* m) noexcept
    int gm_append_recorded(gm_engine_t* e, const gm_header_t* h) noexcept
    int64_t gm_reexecute(gm_reexecution_t* x, const char* data, int64_t size, int64_t* sequence, int* code) noexcept
    int64_t gm_recover(gm_engine_t* e, const char* data, int64_t size, int64_t* sequence, int* code) noexcept
    uint64_t gm_state_hash(const gm_engine_t* e) noexcept

gm_crc32c_setup()

#: One order that fares otherwise (gm_difference_t). Of each pair the first is then, the second now.
DIFFERENCE_DTYPE = np.dtype([
    ("kind", "<i8"), ("order_id", "<i8"), ("parent_id", "<i8"), ("sequence", "<i8"), ("time_ns", "<i8"), ("symbol", "<i8"),
    ("side", "<i8"), ("quantity", "<i8"), ("limit_e9", "<i8"), ("bid_e9", "<i8"), ("ask_e9", "<i8"), ("venue", "<i8", 2),
    ("expected_e9", "<i8", 2), ("reason", "<i8", 2), ("failed_checks", "<i8", 2), ("score", "<f8", 2),
])
_ROOM = 4096
_CHUNK = 1 << 20
_NAME = 128         # bytes of a NAME record
_FAULTS = {
    GM_ERR_CORRUPT: "does not match its checksum or its place",
    GM_ERR_STATE: "does not fit what came before it",
    GM_ERR_ORDER: "is an order without its decision: the engine ran with order_management.enable_order_audit off, and what it saw is not known",
    GM_ERR_IO: "could not be written to the new log",
}


cdef class RecordedMarket(Market):
    """Venues that show what a capture says and answer nothing: what they answered that day is in the journal."""

    cdef gm_recorded_t recorded
    cdef object _rows                   # keeps the array alive
    cdef readonly int64_t taken         # rows of the arrays before this one

    def __cinit__(self, Venues venues not None):
        gm_recorded_init(&self.recorded, &venues.table, venues.instruments.table.count)
        self.venues = venues
        self.source = "capture"
        self.market = &self.recorded.market

    def feed(self, rows):
        """The rows that follow, of MESSAGE_DTYPE. ValueError while rows of the last array are left."""
        cdef const unsigned char[::1] raw
        if not isinstance(rows, np.ndarray) or rows.dtype != MESSAGE_DTYPE or rows.ndim != 1:
            raise TypeError("rows is not a one-dimensional array of MESSAGE_DTYPE")
        if self.recorded.position < self.recorded.count:
            raise ValueError(f"{self.recorded.count - self.recorded.position} rows of the last array have not been lived through")
        rows = np.ascontiguousarray(rows)
        self.taken += self.recorded.count
        self.recorded.position = 0
        self.recorded.count = rows.shape[0]
        self._rows = rows
        self.recorded.rows = NULL
        if rows.shape[0]:
            raw = rows.view(np.uint8)
            self.recorded.rows = <const gm_message_t*>&raw[0]

    def play(self, int64_t count=-1):
        """Lives through `count` rows (-1: all) of the array without a log. MarketDataError names a row that does not fit."""
        cdef int64_t begin = self.recorded.position, end = self.recorded.count
        if count >= 0 and begin + count < end:
            end = begin + count
        while self.recorded.position < end:
            if gm_recorded_row(&self.recorded, &self.recorded.rows[self.recorded.position]) != GM_OK:
                raise MarketDataError(f"row {self.position + 1} does not follow the one before it")
            self.recorded.position += 1
        return end - begin

    @property
    def position(self):
        """Rows lived through."""
        return self.taken + self.recorded.position


cdef class Reexecutor:
    """Lives a journal again on an empty core (`introduce=False`) whose market is a RecordedMarket.

    `run` goes on from where it stopped: at the journal's end, or for want of quotes.
    """

    cdef gm_reexecution_t state
    cdef readonly Core core
    cdef RecordedMarket market
    cdef object _out
    cdef readonly list found            # arrays of DIFFERENCE_DTYPE
    cdef readonly int64_t position, sequence
    cdef public object on_limit         # called with a row of LIMIT_DTYPE: a limit changed on that day
    cdef readonly str stopped           # why `run` stopped before the end: "rows", "gap" or None

    def __cinit__(self, Core core not None):
        cdef unsigned char[::1] raw
        if not isinstance(core.market, RecordedMarket) or core.journal.records:
            raise ValueError("core is not an empty one over a RecordedMarket")
        memset(&self.state, 0, sizeof(self.state))
        self.core = core
        self.market = core.market
        self.found = []
        self._out = np.zeros(_ROOM, DIFFERENCE_DTYPE)
        raw = self._out.view(np.uint8)
        self.state.engine = &core.engine
        core.engine.still = 1               # what the engine did by itself is in the log too
        self.state.market = &self.market.recorded
        self.state.out = <gm_difference_t*>&raw[0]
        self.state.room = _ROOM

    def run(self, journal, chunks, progress=None):
        """Lives on to the end of `journal` (`read`, `head`), taking arrays of rows from the iterator `chunks`. Whether it got there.

        JournalError, MarketDataError: a record, a row does not fit; its number is named.
        """
        cdef const unsigned char[::1] view
        cdef int64_t used = 0, at, size, end = journal.head
        cdef int code = GM_OK
        where = getattr(journal, "path", None) or "the journal"
        self.stopped = None
        piece = b""
        while self.position < end:
            at = self.position + len(piece)
            more = journal.read(at, _CHUNK) if at < end else b""
            if not more and code == GM_OK:
                raise JournalError(f"{where}: record {self.sequence + 1} at byte {self.position} of the log is cut short")
            piece += more
            at, code = 0, GM_OK
            while at < len(piece):
                view = piece
                self.core._enter()
                with nogil:
                    used = gm_reexecute(&self.state, <const char*>&view[at], view.shape[0] - at, &self.sequence, &code)
                self.core._leave()
                at += used
                self.position += used
                if code == GM_ERR_CAPACITY:
                    self._take_out()
                elif code == GM_ERR_FORMAT:
                    size = (<const gm_header_t*>&view[at]).size
                    if size == _NAME:
                        learn_name(self.core, piece[at + 32:at + _NAME])
                    else:
                        learn_limit(self.core, piece[at + 32:at + size])
                        if self.on_limit is not None:
                            self.on_limit(np.frombuffer(piece, LIMIT_DTYPE, 1, at + 32)[0])
                    self.core._enter()
                    code = gm_append_recorded(&self.core.engine, <const gm_header_t*>&view[at])
                    self.core._leave()
                    if code != GM_OK:
                        raise JournalError(f"{where}: record {self.sequence + 1} at byte {self.position} of the log {_FAULTS[code]}")
                    at += size
                    self.position += size
                    self.sequence += 1
                elif code == GM_ERR_EMPTY or code == GM_ERR_NOT_FOUND:
                    rows = next(chunks, None) if code == GM_ERR_EMPTY else None
                    if rows is None:
                        self.stopped = "rows" if code == GM_ERR_EMPTY else "gap"
                        self._take_out()
                        return False
                    self.market.feed(rows)
                elif code == GM_ERR_LINE:
                    raise MarketDataError(f"row {self.market.position + 1} of the capture does not follow the one before it")
                elif code != GM_OK:
                    raise JournalError(f"{where}: record {self.sequence + 1} at byte {self.position} of the log {_FAULTS[code]}")
                else:
                    break
            piece = piece[at:]
            code = GM_OK
            if progress is not None:
                progress(self.position, end)
        self._take_out()
        return True

    def _take_out(self):
        if self.state.found:
            self.found.append(self._out[:self.state.found].copy())
            self.state.found = 0

    @property
    def differences(self):
        """The orders that fared otherwise so far: an array of DIFFERENCE_DTYPE."""
        return np.concatenate(self.found) if self.found else np.zeros(0, DIFFERENCE_DTYPE)

    @property
    def counters(self):
        """orders and refusals decided anew, how many of them came out the same, refusals taken as recorded, reports and requests left out,
        and orders that were decided under another configuration (the last such hash)."""
        cdef gm_reexecution_t* x = &self.state
        return {"orders": x.orders, "refusals": x.refusals, "same": x.same, "as_recorded": x.as_recorded, "left_out": x.left_out,
                "other_hash": x.other_hash, "hash": x.hash}


def apply_log(Core core not None, journal, int64_t end):
    """Applies the log's records up to byte `end`, where one begins, to an empty core (`introduce=False`), as a start does."""
    cdef const unsigned char[::1] view
    cdef int64_t used = 0, sequence = 0, position = 0
    cdef int code = GM_OK
    core.engine.still = 1
    piece = b""
    while position < end:
        more = journal.read(position + len(piece), min(_CHUNK, end - position - len(piece)))
        piece += more
        view = piece
        core._enter()
        with nogil:
            used = gm_recover(&core.engine, <const char*>&view[0], view.shape[0], &sequence, &code)
        core._leave()
        if code == GM_ERR_NOT_FOUND:
            learn_name(core, piece[used + 32:used + _NAME])
            used += _NAME
            sequence += 1
        elif code == GM_ERR_FORMAT:
            learn_limit(core, piece[used + 32:used + 256])
            used += 256
            sequence += 1
        elif code != GM_OK or (used == 0 and not more):
            raise JournalError(f"record {sequence + 1} at byte {position + used} of the log {_FAULTS.get(code, 'is cut short')}")
        position += used
        piece = piece[used:]


def recovered_hash(Core core not None, journal):
    """The state hash of an empty core (`introduce=False`) to which the log's records have been applied, as a start does."""
    cdef uint64_t value
    apply_log(core, journal, journal.head)
    core._enter()
    value = gm_state_hash(&core.engine)
    core._leave()
    return value
