# cython: language_level=3
"""NASDAQ TotalView-ITCH 5.0 files: bytes in, rows of MESSAGE_DTYPE out."""
import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from grandmodel.execution._core.arguments cimport int_argument, value_text
from grandmodel.execution._core.records cimport gm_message_t
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution._core.values import MarketDataError


cdef extern from "itch.h" nogil:
    cdef enum gm_itch_error:
        GM_ITCH_OK, GM_ITCH_TYPE, GM_ITCH_LENGTH, GM_ITCH_TIME, GM_ITCH_SIDE, GM_ITCH_SHARES, GM_ITCH_PRICE, GM_ITCH_ORDER,
        GM_ITCH_STATE, GM_ITCH_SYMBOL

    ctypedef struct gm_itch_t:
        int64_t midnight_ns
        int64_t records
        int64_t counts[256]
        int64_t skipped[256]
        int64_t value
        int32_t venue
        int32_t names_count
        char (*names)[8]
        uint8_t type
        int error
        char symbols[65536][8]

    int64_t gm_itch_parse(gm_itch_t* st, const uint8_t* p, size_t size, gm_message_t* rows, int64_t capacity,
                          size_t* used) noexcept


@cython.final
cdef class ItchParser:
    """Reads a file of ITCH 5.0 messages, each behind its length in two bytes, piece by piece.

    Parameters
    ----------
    midnight_ns : UTC nanoseconds of the day's midnight in New York
    symbols : the only symbols whose rows are wanted; None: all
    venue : int, written into every row

    A row's `symbol` is the day's locate code, its `sequence` the number of the message in the file, from 1. ADD, REPLACE
    and C executions have prices; E executions, REDUCE and DELETE have none (NO_PRICE): the order has it. Executions that
    do not print are flagged FLAG_UNPRINTED. Directory, status and imbalance messages have no row (`skipped`).
    """

    cdef gm_itch_t* state
    cdef object name

    def __cinit__(self, int64_t midnight_ns=0, *, symbols=None, int32_t venue=0, name="itch"):
        self.state = <gm_itch_t*>calloc(1, sizeof(gm_itch_t))
        if self.state == NULL:
            raise MemoryError("the parser could not be reserved")
        if midnight_ns > 1 << 62 or midnight_ns < -(1 << 62):
            raise ValueError(f"midnight_ns is {midnight_ns}, must be within 2**62")
        self.state.midnight_ns = midnight_ns
        self.state.venue = venue
        self.name = name
        if symbols is None:
            return
        if isinstance(symbols, str):
            raise TypeError(f"symbols is {symbols!r}, must be a list of names")
        wanted = [_padded(symbol) for symbol in symbols]
        if not 0 < len(wanted) <= 65536:
            raise ValueError(f"symbols has {len(wanted)} names, must have from 1 to 65536")
        text = b"".join(wanted)
        self.state.names = <char (*)[8]>calloc(len(wanted), 8)
        if self.state.names == NULL:
            raise MemoryError("the parser could not be reserved")
        memcpy(self.state.names, <const char*>text, len(text))
        self.state.names_count = <int32_t>len(wanted)

    def __dealloc__(self):
        if self.state != NULL:
            free(self.state.names)
        free(self.state)

    def parse(self, const unsigned char[::1] data not None, capacity=1 << 16):
        """Reads whole messages from the beginning of `data`.

        Returns
        -------
        rows : (n,) MESSAGE_DTYPE, at most `capacity`
        used : int, bytes read; what is behind them (part of a message, or more than `capacity` rows) comes again

        Raises
        ------
        MarketDataError  "NAME: record N: what is wrong".
        """
        cdef int64_t most = int_argument(capacity, "capacity", 1, 1 << 32), n
        cdef size_t size = data.shape[0], used = 0
        cdef const uint8_t* p = <const uint8_t*>&data[0] if size else NULL
        cdef unsigned char[::1] raw
        cdef gm_message_t* rows
        most = min(most, <int64_t>(size // 21 + 1))        # no message with a row is shorter
        out = np.empty(most, dtype=MESSAGE_DTYPE)
        raw = out.view(np.uint8)
        rows = <gm_message_t*>&raw[0]
        with nogil:
            n = gm_itch_parse(self.state, p, size, rows, most, &used)
        if n < 0:
            raise MarketDataError(f"{self.name}: record {self.state.records + 1}: {self._fault()}")
        return out[:n], used

    @property
    def records(self):
        """Messages read so far."""
        return self.state.records

    @property
    def counts(self):
        """{type: messages read}."""
        return {chr(k): self.state.counts[k] for k in range(256) if self.state.counts[k]}

    @property
    def skipped(self):
        """{type: messages that have no row}, those of unwanted symbols left out."""
        return {chr(k): self.state.skipped[k] for k in range(256) if self.state.skipped[k]}

    @property
    def symbols(self):
        """{locate code: symbol}, as far as the directory has been read."""
        return {k: (<bytes>self.state.symbols[k][:8]).decode().rstrip() for k in range(65536) if self.state.symbols[k][0]}

    cdef str _fault(self):
        cdef int error = self.state.error
        cdef int64_t value = self.state.value
        kind = chr(self.state.type)
        if error == GM_ITCH_TYPE:
            return f"type is {kind!r} (length {value}), not one of ITCH 5.0"
        if error == GM_ITCH_LENGTH:
            return f"length is {value}, not that of a message of type {kind!r}"
        if error == GM_ITCH_TIME:
            return f"timestamp of type {kind!r} is {value}, must be nanoseconds after midnight"
        if error == GM_ITCH_SIDE:
            return f"side of type {kind!r} is {chr(value)!r}, must be 'B' or 'S'"
        if error == GM_ITCH_SHARES:
            return f"shares of type {kind!r} are {value}, must be > 0"
        if error == GM_ITCH_PRICE:
            return f"price of type {kind!r} is {value}, must be > 0"
        if error == GM_ITCH_ORDER:
            return f"order reference number of type {kind!r} is {value}, must be > 0 and below 2**63"
        if error == GM_ITCH_STATE:
            return f"trading state is {chr(value)!r}, must be 'H', 'P', 'Q' or 'T'"
        return f"symbol of type {kind!r} has the byte {value}, must be printable"


cdef bytes _padded(object symbol):
    if not isinstance(symbol, str):
        raise TypeError(f"symbols holds {value_text(symbol)}, must be names")
    text = symbol.encode("ascii", "replace")
    if not 0 < len(text) <= 8 or b"?" in text:
        raise ValueError(f"symbols holds {value_text(symbol)}, must be names of up to eight ASCII characters")
    return text.ljust(8)
