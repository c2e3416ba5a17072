# cython: language_level=3
"""BATS PITCH in its ASCII form: lines in, rows of MESSAGE_DTYPE out."""
import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free

from grandmodel.execution._core.arguments cimport value_text
from grandmodel.execution._core.records cimport gm_message_t
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution._core.values import MarketDataError


cdef extern from "text.h" nogil:
    int64_t gm_text_lines(const char* text, size_t size) noexcept

cdef extern from "names.h" nogil:
    ctypedef struct gm_names_t:
        char (*texts)[32]
        int32_t count

cdef extern from "pitch.h" nogil:
    cdef enum gm_pitch_error:
        GM_PITCH_OK, GM_PITCH_EMPTY, GM_PITCH_TYPE, GM_PITCH_LENGTH, GM_PITCH_TIME, GM_PITCH_ORDER, GM_PITCH_SIDE, GM_PITCH_SHARES,
        GM_PITCH_PRICE, GM_PITCH_SYMBOL, GM_PITCH_STATE, GM_PITCH_EXECUTION, GM_PITCH_MEMORY

    ctypedef struct gm_pitch_t:
        int64_t midnight_ns
        int64_t records
        int64_t unknown
        int64_t counts[128]
        int64_t skipped[128]
        int32_t venue
        int error
        const char* begin
        const char* end
        gm_names_t names
        uint32_t live

    void gm_pitch_free(gm_pitch_t* st) noexcept
    int64_t gm_pitch_parse(gm_pitch_t* st, const char* text, size_t size, gm_message_t* rows, int64_t lines) noexcept


cdef dict _FAULTS = {
    GM_PITCH_TYPE: "message type is {}, not one of PITCH",
    GM_PITCH_LENGTH: "has a length that is not its type's: {}",
    GM_PITCH_TIME: "time is {}, must be milliseconds after midnight",
    GM_PITCH_ORDER: "order id is {}, must be twelve base-36 digits below 2**63, not 0, of no resting order if it is added",
    GM_PITCH_SIDE: "side is {}, must be 'B' or 'S'",
    GM_PITCH_SHARES: "shares are {}, must be > 0 and no more than the order has left",
    GM_PITCH_PRICE: "price is {}, must be ten digits and > 0",
    GM_PITCH_SYMBOL: "symbol is {}, must be printable",
    GM_PITCH_STATE: "trading status is {}, must be 'T', 'H', 'Q' or 'S'",
    GM_PITCH_EXECUTION: "execution id is {}, must be twelve base-36 digits below 2**63",
    GM_PITCH_MEMORY: "has one order or symbol too many: {}",
}


@cython.final
cdef class PitchParser:
    """Reads a file of PITCH lines piece by piece.

    Parameters
    ----------
    midnight_ns : UTC nanoseconds of the day's midnight in New York
    venue : int, written into every row

    A row's `sequence` is its line. Executions and cancels tell an order id alone: symbol, side and price are the order's,
    or -1, 0 and NO_PRICE where it was added before the file begins (`unknown`).
    """

    cdef gm_pitch_t* state
    cdef object name

    def __cinit__(self, int64_t midnight_ns=0, *, int32_t venue=0, name="pitch"):
        if midnight_ns > 1 << 62 or midnight_ns < -(1 << 62):
            raise ValueError(f"midnight_ns is {midnight_ns}, must be within 2**62")
        self.state = <gm_pitch_t*>calloc(1, sizeof(gm_pitch_t))
        if self.state == NULL:
            raise MemoryError("the parser could not be reserved")
        self.state.midnight_ns = midnight_ns
        self.state.venue = venue
        self.name = name

    def __dealloc__(self):
        if self.state != NULL:
            gm_pitch_free(self.state)
        free(self.state)

    def parse(self, const unsigned char[::1] data not None):
        """The rows of whole lines: (n,) MESSAGE_DTYPE. MarketDataError "NAME: line N: what is wrong"."""
        cdef size_t size = data.shape[0]
        cdef const char* text = <const char*>&data[0] if size else NULL
        cdef int64_t lines, n
        cdef unsigned char[::1] raw
        cdef gm_message_t* rows
        if size == 0:
            return np.empty(0, dtype=MESSAGE_DTYPE)
        with nogil:
            lines = min(gm_text_lines(text, size), <int64_t>size // 18 + 1)     # no line is shorter; if one is, it comes first
        out = np.empty(lines, dtype=MESSAGE_DTYPE)
        raw = out.view(np.uint8)
        rows = <gm_message_t*>&raw[0]
        with nogil:
            n = gm_pitch_parse(self.state, text, size, rows, lines)
        if n < 0:
            raise MarketDataError(f"{self.name}: line {self.state.records + 1}: {self._fault()}")
        return out[:n]

    @property
    def records(self):
        """Lines read so far."""
        return self.state.records

    @property
    def unknown(self):
        """Executions and cancels of orders that came before the file."""
        return self.state.unknown

    @property
    def resting(self):
        """Orders that rest now."""
        return self.state.live

    @property
    def counts(self):
        """{type: lines read}."""
        return {chr(k): self.state.counts[k] for k in range(128) if self.state.counts[k]}

    @property
    def skipped(self):
        """{type: lines that have no row}."""
        return {chr(k): self.state.skipped[k] for k in range(128) if self.state.skipped[k]}

    @property
    def symbols(self):
        """{number: symbol}, as far as they have come."""
        return {k: (<bytes>self.state.names.texts[k]).decode() for k in range(self.state.names.count)}

    cdef str _fault(self):
        if self.state.error == GM_PITCH_EMPTY:
            return "is empty"
        piece = (<bytes>self.state.begin[:min(self.state.end - self.state.begin, 60)]).decode("latin-1")
        return _FAULTS[self.state.error].format(value_text(piece))
