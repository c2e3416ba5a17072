# cython: language_level=3
"""LOBSTER message and order book files: bytes in, rows out.

A message line is time, type, order id, size, price, direction; an order book line is ask price, ask size, bid price,
bid size for each level. Prices are dollars times 10,000, times are seconds after midnight at the exchange.
"""
import numpy as np

from libc.stdint cimport int32_t, int64_t

from grandmodel.execution._core.arguments cimport int_argument, value_text
from grandmodel.execution._core.records cimport GM_HALTED, GM_QUOTING_RESUMED, GM_TRADING_RESUMED, gm_message_t
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution._core.values import MarketDataError


cdef extern from "lobster.h" nogil:
    enum: GM_LOBSTER_MAX_LEVELS

    cdef enum gm_lobster_error:
        GM_LOBSTER_OK, GM_LOBSTER_COLUMNS, GM_LOBSTER_NUMBER, GM_LOBSTER_EMPTY_LINE, GM_LOBSTER_TIME,
        GM_LOBSTER_TIME_BACK, GM_LOBSTER_TYPE, GM_LOBSTER_ORDER_ID, GM_LOBSTER_SIZE, GM_LOBSTER_PRICE,
        GM_LOBSTER_DIRECTION, GM_LOBSTER_HALT, GM_LOBSTER_LEVEL, GM_LOBSTER_LEVEL_ORDER

    ctypedef struct gm_lobster_place_t:
        int64_t line
        int64_t column
        int64_t value
        const char* begin
        const char* end
        int error

    int64_t gm_lobster_columns(const char* text, size_t size) noexcept
    int gm_lobster_messages(const char* text, size_t size, int64_t midnight_ns, int32_t symbol, int32_t venue,
                            int64_t before, int64_t* last, gm_message_t* rows, int64_t lines,
                            gm_lobster_place_t* place) noexcept
    int gm_lobster_books(const char* text, size_t size, int64_t levels, int64_t* rows, int64_t lines,
                         gm_lobster_place_t* place) noexcept

cdef extern from "text.h" nogil:
    int64_t gm_text_lines(const char* text, size_t size) noexcept


LEVELS_MAX = GM_LOBSTER_MAX_LEVELS

#: States of a HALT message, in its `flags`.
HALTED = GM_HALTED
QUOTING_RESUMED = GM_QUOTING_RESUMED
TRADING_RESUMED = GM_TRADING_RESUMED

cdef tuple _MESSAGE_COLUMNS = ("time", "type", "order id", "size", "price", "direction")
cdef tuple _BOOK_COLUMNS = ("ask price", "ask size", "bid price", "bid size")


def parse_messages(const unsigned char[::1] data not None, int64_t midnight_ns=0, *, name="messages", int32_t symbol=0,
                   int32_t venue=0, int64_t before=0, int64_t last_ns=0):
    """The rows of a message file, or of some whole lines of it.

    Parameters
    ----------
    data : bytes-like, the whole file or whole lines of it, plain
    midnight_ns : UTC nanoseconds of the day's midnight at the exchange
    name : what messages call the file
    symbol, venue : int, written into every row
    before : int >= 0, lines of the file that came earlier
    last_ns : int, time after midnight of the last of them

    Returns
    -------
    (n,) MESSAGE_DTYPE. `sequence` is the line number; a halt has no side and no price, its state is in `flags`.

    Raises
    ------
    MarketDataError  "NAME: line N: what is wrong".
    """
    cdef size_t size = data.shape[0]
    cdef const char* text = <const char*>&data[0] if size else NULL
    cdef int64_t lines, code
    cdef gm_lobster_place_t place
    cdef unsigned char[::1] raw
    cdef gm_message_t* rows
    if midnight_ns > 1 << 62 or midnight_ns < -(1 << 62):
        raise ValueError(f"midnight_ns is {midnight_ns}, must be within 2**62")
    if before < 0 or before > 1 << 62:
        raise ValueError(f"before is {before}, must be >= 0 and at most 2**62")
    if size == 0:
        raise MarketDataError(f"{name}: the file is empty")
    with nogil:
        lines = min(gm_text_lines(text, size), <int64_t>size // 12 + 1)   # twelve bytes are the shortest line
    out = np.empty(lines, dtype=MESSAGE_DTYPE)
    raw = out.view(np.uint8)
    rows = <gm_message_t*>&raw[0]
    with nogil:
        code = gm_lobster_messages(text, size, midnight_ns, symbol, venue, before, &last_ns, rows, lines, &place)
    if code != 0:
        raise MarketDataError(f"{name}: line {place.line}: {_fault(&place, 6, _MESSAGE_COLUMNS)}")
    return out


def parse_books(const unsigned char[::1] data not None, levels=None, *, name="orderbook"):
    """The rows of an order book file.

    Parameters
    ----------
    data : bytes-like, the whole file, plain
    levels : int, how many the file has; None: as many as its first line
    name : what messages call the file

    Returns
    -------
    (n, levels, 4) int64: ask price_e9, ask size, bid price_e9, bid size; an unused level is (NO_PRICE, 0).

    Raises
    ------
    MarketDataError  "NAME: line N: what is wrong".
    """
    cdef size_t size = data.shape[0]
    cdef const char* text = <const char*>&data[0] if size else NULL
    cdef int64_t lines, code, columns, depth
    cdef gm_lobster_place_t place
    cdef int64_t[:, :, ::1] rows
    if levels is not None:
        int_argument(levels, "levels", 1, GM_LOBSTER_MAX_LEVELS)
    if size == 0:
        raise MarketDataError(f"{name}: the file is empty")
    columns = gm_lobster_columns(text, size)
    if levels is not None:
        depth = levels
    elif columns % 4 or columns > 4 * GM_LOBSTER_MAX_LEVELS:
        raise MarketDataError(
            f"{name}: line 1: has {columns} columns, must have 4 for each of at most {GM_LOBSTER_MAX_LEVELS} levels"
        )
    else:
        depth = columns // 4
    with nogil:                             # a level takes eight bytes at least: more lines than that have a fault
        lines = min(gm_text_lines(text, size), (<int64_t>size + 1) // (8 * depth) + 1)
    out = np.empty((lines, depth, 4), dtype=np.int64)
    rows = out
    with nogil:
        code = gm_lobster_books(text, size, depth, &rows[0, 0, 0], lines, &place)
    if code != 0:
        raise MarketDataError(f"{name}: line {place.line}: {_fault(&place, 4 * depth, _BOOK_COLUMNS)}")
    return out


cdef str _fault(const gm_lobster_place_t* place, int64_t columns, tuple names):
    cdef int error = place.error
    text = value_text((<bytes>place.begin[:min(place.end - place.begin, 60)]).decode("latin-1"))
    if error == GM_LOBSTER_COLUMNS:
        return f"has {place.value} columns, must have {columns}: {text}"
    if error == GM_LOBSTER_EMPTY_LINE:
        return "is empty"
    column = names[(place.column - 1) % len(names)]
    if len(names) == 4:
        column = f"{column} {(place.column - 1) // 4 + 1}"
    if error == GM_LOBSTER_NUMBER:
        return f"{column} is {text}, must be an integer of 64 bits"
    if error == GM_LOBSTER_TIME:
        return f"{column} is {text}, must be seconds after midnight, below 86400"
    if error == GM_LOBSTER_TIME_BACK:
        return f"{column} is {text}, before that of the line above"
    if error == GM_LOBSTER_TYPE:
        return f"{column} is {place.value}, must be 1 to 7"
    if error == GM_LOBSTER_ORDER_ID:
        return f"{column} is {place.value}, must be > 0"
    if error == GM_LOBSTER_SIZE:
        return f"{column} is {place.value}, must be > 0"
    if error == GM_LOBSTER_PRICE:
        return f"{column} is {place.value}, must be > 0 and below 2**63 in 1e-9"
    if error == GM_LOBSTER_DIRECTION:
        return f"{column} is {place.value}, must be 1 or -1"
    if error == GM_LOBSTER_HALT:
        return f"{column} of a halt is {place.value}, must be -1, 0 or 1"
    if error == GM_LOBSTER_LEVEL:
        return f"{column} marks an unused level, but its size is not 0"
    return f"{column} is {place.value}, levels must go away from the touch, unused ones last"
