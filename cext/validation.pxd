# A mapping in; an order row out, or messages by field. The rule for rows is in include/validation.h.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from grandmodel.execution._core.instruments cimport Instruments, Names, gm_instruments_t
from grandmodel.execution._core.records cimport gm_order_t, gm_terms_t


cdef extern from "validation.h" nogil:
    enum: GM_FIELD_STRATEGY, GM_FIELD_TAGS
    uint64_t gm_validate_row(const gm_instruments_t* t, const gm_order_t* o, int32_t accounts, int32_t venues) noexcept
    bint gm_has_limit(uint8_t order_type) noexcept
    bint gm_has_stop(uint8_t order_type) noexcept
    bint gm_is_pegged(uint8_t order_type) noexcept
    bint gm_supports_type(uint8_t order_type) noexcept
    bint gm_supports_time_in_force(uint8_t time_in_force) noexcept
    bint gm_is_for_auction(uint8_t time_in_force) noexcept


cdef class OrderReader:
    cdef Instruments instruments
    cdef readonly Names strategies
    cdef readonly Names algorithms
    cdef readonly Names tags
    cdef public list venues         # their names, in the order of the table
    cdef object new_name            # called with (kind, number, text) before a new name is used

    cdef dict read(self, object given, gm_order_t* o, gm_terms_t* terms, bint only_check=*)   # only_check: names are not interned
    cdef dict _read_rare(self, dict order, gm_order_t* o, gm_terms_t* terms, dict errors, Py_ssize_t* seen)
    cdef int32_t _named(self, Names names, int kind, str text) except -1


cdef object read_price(object value, int64_t tick_e9, int64_t* price_e9)
cdef object read_quantity(object value, int64_t step_e9, int64_t* steps)
