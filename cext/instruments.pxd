# Symbols and other names as dense numbers, and the per-symbol constants. Layout in include/instruments.h.
from libc.stdint cimport int32_t, int64_t


cdef extern from "native_begin.h":         # of a module whose face is small: see there
    pass

cdef extern from "instruments.h" nogil:
    enum: GM_MAX_SYMBOLS
    enum: GM_MAX_SECTORS
    int64_t GM_MAX_PRICE_E9
    int64_t GM_MAX_QUANTITY

    ctypedef struct gm_instrument_t:
        int64_t tick_e9
        int64_t step_e9             # one quantity step, in 1e-9 units
        int64_t reference_e9
        int64_t round_lot
        int64_t multiplier
        int64_t adv                 # steps; 0: not known
        int32_t sector              # 0: unknown
        int32_t known
        int32_t calendar

    ctypedef struct gm_instruments_t:
        gm_instrument_t* rows
        int32_t count

    int gm_instruments_init(gm_instruments_t* t) noexcept
    void gm_instruments_free(gm_instruments_t* t) noexcept


cdef class Names:
    cdef readonly str kind
    cdef readonly int first
    cdef int limit
    cdef dict numbers               # text -> number
    cdef list texts                 # number - first -> text

    cpdef int number(self, str text) except -1
    cpdef str text(self, int number)


cdef class Instruments:
    cdef gm_instruments_t table
    cdef readonly Names symbols
    cdef readonly Names sectors
    cdef readonly Names calendars
