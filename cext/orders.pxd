# The order table, and an order as Python reads it back. Bodies in include/orders.h.
from libc.stdint cimport int32_t, int64_t, uint8_t

from grandmodel.execution._core.records cimport gm_order_t, gm_report_t, gm_terms_t


cdef extern from "orders.h" nogil:
    int64_t GM_ORDER_IDS
    ctypedef struct gm_orders_t:
        gm_order_t* rows
        int32_t* row_of
        int32_t retained
        int64_t closed_count
        int64_t let_go
        int64_t retention_ns
        int32_t used
        int64_t next_id
        int64_t live
        int64_t by_status[12]
        int64_t illegal
        gm_terms_t* terms

    gm_order_t* gm_orders_oldest(const gm_orders_t* t) noexcept
    void gm_orders_let_go(gm_orders_t* t) noexcept
    int gm_orders_init(gm_orders_t* t, int32_t retained) noexcept
    void gm_orders_free(gm_orders_t* t) noexcept
    gm_order_t* gm_orders_find(const gm_orders_t* t, int64_t order_id) noexcept
    gm_order_t* gm_orders_insert(gm_orders_t* t, const gm_order_t* order) noexcept
    void gm_orders_set_status(gm_orders_t* t, gm_order_t* o, uint8_t status) noexcept
    gm_terms_t* gm_terms_of(const gm_orders_t* t, const gm_order_t* o) noexcept
    bint gm_is_triggered(uint8_t order_type) noexcept
    bint gm_is_closed(uint8_t status) noexcept
    bint gm_is_legal(uint8_t before, uint8_t after) noexcept


cdef class OrderTable:
    cdef gm_orders_t table
    cdef int64_t copy_rows(self, char* buffer, int64_t capacity) noexcept nogil


cdef class Report:
    cdef gm_report_t row
    cdef object names               # the core that made it


cdef class Order:
    cdef gm_order_t row
    cdef object names               # an object with symbol_text, venue_text, ... : the core that made it
