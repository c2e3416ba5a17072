# Doors to venues in other processes. The wire in include/wire.h, rules and bodies in include/remote.h.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from grandmodel.execution._core.records cimport gm_order_t, gm_quote_t, gm_report_t
from grandmodel.execution._core.scoring cimport gm_venues_t
from grandmodel.execution._core.synthetic cimport Market, gm_market_t


cdef extern from "wire.h" nogil:
    enum: GM_WIRE_VERSION
    enum: GM_WIRE_NAME_LENGTH
    enum: GM_WIRE_TEXT_LENGTH

    cdef enum gm_wire_kind:
        GM_WIRE_LOGIN, GM_WIRE_SYMBOL, GM_WIRE_ORDER, GM_WIRE_CANCEL, GM_WIRE_STATUS_REQUEST, GM_WIRE_LOGOUT,
        GM_WIRE_CONTROL, GM_WIRE_REPLACE, GM_WIRE_WELCOME, GM_WIRE_REFUSED, GM_WIRE_REPORT, GM_WIRE_QUOTE, GM_WIRE_ORDER_STATUS,
        GM_WIRE_EXECUTION, GM_WIRE_POSITION, GM_WIRE_STATUS_END, GM_WIRE_COUNTERS, GM_WIRE_KIND_END

    cdef enum gm_wire_action:
        GM_WIRE_DISCONNECT, GM_WIRE_SET_DELAY, GM_WIRE_REPORT_COUNTERS, GM_WIRE_ACTION_END

    cdef enum gm_wire_refusal:
        GM_WIRE_BAD_FRAME, GM_WIRE_BAD_LAYOUT, GM_WIRE_BAD_VENUE, GM_WIRE_BAD_SYMBOL, GM_WIRE_BAD_RESUME,
        GM_WIRE_BAD_ORDER_OF_FRAMES

    ctypedef struct gm_wire_head_t:
        uint32_t size
        uint16_t kind
        uint16_t version
        uint64_t number

    ctypedef struct gm_wire_login_t:
        uint8_t client[16]
        uint8_t instance[16]
        uint64_t layout
        int64_t last_execution_id
        char venue[GM_WIRE_NAME_LENGTH]
        int32_t symbols

    ctypedef struct gm_wire_request_t:
        int64_t request

    ctypedef struct gm_wire_control_t:
        int64_t action
        int64_t value

    ctypedef struct gm_wire_welcome_t:
        char venue[GM_WIRE_NAME_LENGTH]
        uint8_t instance[16]
        int64_t executions
        int64_t replayed
        int64_t orders

    ctypedef struct gm_wire_refused_t:
        uint16_t code
        uint16_t length
        char text[GM_WIRE_TEXT_LENGTH]

    ctypedef struct gm_wire_quote_t:
        int32_t symbol
        gm_quote_t quote

    ctypedef struct gm_wire_position_t:
        int32_t symbol
        int64_t bought
        int64_t sold
        int64_t executions

    ctypedef struct gm_wire_status_end_t:
        int64_t request
        int64_t orders
        int64_t trades
        int64_t positions
        int64_t reports
        int64_t last_execution_id
        int64_t executions
        int64_t duplicates

    ctypedef struct gm_wire_counters_t:
        int64_t connections, logins, clients, orders, duplicates, cancels, executions, trades, replayed, dropped
        int64_t disconnects, refused, truncated, delay_ns

    int32_t gm_wire_row_size(uint16_t kind) noexcept


cdef extern from "remote.h" nogil:
    cdef enum gm_door_state:
        GM_DOOR_CLOSED, GM_DOOR_OPEN, GM_DOOR_ENDING

    cdef enum gm_door_fault:
        GM_DOOR_NO_FAULT, GM_DOOR_END_OF_STREAM, GM_DOOR_TRUNCATED, GM_DOOR_IO, GM_DOOR_BAD_HEAD, GM_DOOR_BAD_NUMBER,
        GM_DOOR_BAD_ROW, GM_DOOR_REFUSED, GM_DOOR_ON_REQUEST

    ctypedef struct gm_door_status_t:
        int64_t order_count, trade_count, position_count
        int32_t done
        gm_wire_status_end_t end

    ctypedef struct gm_door_t:
        int32_t fd
        int32_t venue
        int32_t state
        int32_t fault
        int32_t error
        int32_t symbols
        char refused[GM_WIRE_TEXT_LENGTH]
        size_t out_head, out_tail
        uint64_t sent
        int64_t last_execution_id
        int32_t waiting_count
        gm_door_status_t status
        int64_t orders, cancels, reports, duplicates, quotes, disconnects, unknown, not_sent

    ctypedef struct gm_remote_t:
        gm_market_t market
        gm_market_t* inner
        int32_t count
        int32_t door_of[64]
        gm_door_t doors[64]

    void gm_remote_init(gm_remote_t* r, gm_venues_t* venues, gm_market_t* inner, int64_t start_ns) noexcept
    int gm_remote_add(gm_remote_t* r, int32_t venue) noexcept
    void gm_remote_free(gm_remote_t* r) noexcept
    void gm_door_open(gm_remote_t* r, gm_door_t* d, int32_t fd, int32_t symbols, uint64_t number_out, uint64_t number_in,
                      int64_t last_execution_id) noexcept
    void gm_door_leave(gm_remote_t* r, gm_door_t* d) noexcept
    void gm_door_drop(gm_remote_t* r, gm_door_t* d) noexcept
    bint gm_door_ask(gm_remote_t* r, gm_door_t* d, gm_order_t* orders, gm_report_t* trades, gm_wire_position_t* positions,
                     int64_t room) noexcept
    void gm_door_asked(gm_remote_t* r, gm_door_t* d) noexcept


cdef class RemoteMarket(Market):
    cdef gm_remote_t* remote
    cdef readonly Market inner          # behind the venues without a door; None: nobody
    cdef dict sockets                   # venue -> socket, closed by us only
    cdef dict instances                 # venue -> the process's uuid, as WELCOME gave it

    cdef gm_door_t* _door(self, str venue) except NULL
