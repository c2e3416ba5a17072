/* What an engine and a venue process say to each other over a stream socket: frames of a fixed head and one row.
 *
 * The rows are the engine's own (records.h), little-endian, so nothing is translated on the way. Each direction numbers
 * its frames from 1 on a connection; a frame whose size, kind, version or number is not the expected one ends it.
 *
 * A client says LOGIN and then its SYMBOLs, as many as LOGIN announces; the venue answers WELCOME or REFUSED. After
 * WELCOME it sends, in their order, all reports to this client above LOGIN's last_execution_id, then the quotes, and is
 * live. Symbol numbers on a connection are those that its client gave. */
#ifndef GM_WIRE_H
#define GM_WIRE_H

#include "records.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows travel as they lie in memory: little-endian");

#define GM_WIRE_VERSION 1
#define GM_WIRE_NAME_LENGTH 32
#define GM_WIRE_TEXT_LENGTH 248

typedef struct gm_wire_head {
    uint32_t size;                 /* of the whole frame */
    uint16_t kind;                 /* gm_wire_kind */
    uint16_t version;              /* GM_WIRE_VERSION */
    uint64_t number;               /* of the frame in its direction, from 1 */
} gm_wire_head_t;
_Static_assert(sizeof(gm_wire_head_t) == 16, "a frame's head is 16 bytes");

enum gm_wire_kind {
    /* to the venue */
    GM_WIRE_LOGIN = 1, GM_WIRE_SYMBOL, GM_WIRE_ORDER, GM_WIRE_CANCEL, GM_WIRE_STATUS_REQUEST, GM_WIRE_LOGOUT,
    GM_WIRE_CONTROL, GM_WIRE_REPLACE,
    /* from it */
    GM_WIRE_WELCOME = 33, GM_WIRE_REFUSED, GM_WIRE_REPORT, GM_WIRE_QUOTE, GM_WIRE_ORDER_STATUS, GM_WIRE_EXECUTION,
    GM_WIRE_POSITION, GM_WIRE_STATUS_END, GM_WIRE_COUNTERS,
    GM_WIRE_KIND_END
};

/* SYMBOL is a gm_name_t: id, text, value (tick, 1e-9), value2 (quantity step, 1e-9). ORDER is the gm_order_t as it was
 * journalled. CANCEL is a gm_request_t of kind GM_REQUEST_CANCEL with the order's symbol in reserved[0] and its side in
 * reserved_bytes[0]: the refusal of a cancel of an unknown order names them. REPLACE is the same of kind GM_REQUEST_REPLACE, with the new total
 * quantity and limit (GM_NO_PRICE: as it is). LOGOUT has no row. */

typedef struct gm_wire_login {
    uint8_t client[16];            /* who: orders are known by (client, order_id) */
    uint8_t instance[16];          /* of the venue process that gave last_execution_id; zero: any */
    uint64_t layout;               /* hash of the rows' layout */
    int64_t last_execution_id;     /* the highest the client has from this venue; 0: none */
    char venue[GM_WIRE_NAME_LENGTH];
    int32_t symbols;               /* SYMBOL frames that follow */
    int32_t reserved[3];
} gm_wire_login_t;
_Static_assert(sizeof(gm_wire_login_t) == 96, "LOGIN is 96 bytes behind its head");

typedef struct gm_wire_request {
    int64_t request;               /* comes back in STATUS_END */
    int64_t reserved;
} gm_wire_request_t;
_Static_assert(sizeof(gm_wire_request_t) == 16, "STATUS_REQUEST is 16 bytes behind its head");

/* What tests ask for. On a connection that has logged in it is about that one, else about all that have. */
enum gm_wire_action {
    GM_WIRE_DISCONNECT = 1,        /* close now */
    GM_WIRE_SET_DELAY,             /* value: nanoseconds before each frame is sent */
    GM_WIRE_REPORT_COUNTERS,       /* answered with COUNTERS, as SET_DELAY is */
    GM_WIRE_ACTION_END
};
typedef struct gm_wire_control {
    int64_t action;                /* gm_wire_action */
    int64_t value;
} gm_wire_control_t;
_Static_assert(sizeof(gm_wire_control_t) == 16, "CONTROL is 16 bytes behind its head");

typedef struct gm_wire_welcome {
    char venue[GM_WIRE_NAME_LENGTH];
    uint8_t instance[16];          /* of this venue process: a new one gives execution ids from 1 again */
    int64_t executions;            /* execution ids given out so far, to all clients */
    int64_t replayed;              /* reports that follow because the client does not have them */
    int64_t orders;                /* orders of this client that the venue knows */
    int64_t reserved[3];
} gm_wire_welcome_t;
_Static_assert(sizeof(gm_wire_welcome_t) == 96, "WELCOME is 96 bytes behind its head");

typedef struct gm_wire_refused {
    uint16_t code;                 /* gm_wire_refusal */
    uint16_t length;
    uint32_t reserved;
    char text[GM_WIRE_TEXT_LENGTH];
} gm_wire_refused_t;
_Static_assert(sizeof(gm_wire_refused_t) == 256, "REFUSED is 256 bytes behind its head");
enum gm_wire_refusal {
    GM_WIRE_BAD_FRAME = 1,         /* size, kind, version, number, or a row that cannot be */
    GM_WIRE_BAD_LAYOUT, GM_WIRE_BAD_VENUE, GM_WIRE_BAD_SYMBOL, GM_WIRE_BAD_RESUME, GM_WIRE_BAD_ORDER_OF_FRAMES
};

/* REPORT is a gm_report_t; status, filled_quantity and leaves_quantity are the venue's; fee, bid and ask are 0: the client
 * has the fees and the consolidated quote. EXECUTION is a REPORT of a trade once more, in answer to STATUS_REQUEST;
 * ORDER_STATUS is the gm_order_t with the state that it has at the venue. */

typedef struct gm_wire_quote {
    int32_t symbol;
    int32_t reserved;
    gm_quote_t quote;
} gm_wire_quote_t;
_Static_assert(sizeof(gm_wire_quote_t) == 72, "QUOTE is 72 bytes behind its head");

typedef struct gm_wire_position {
    int32_t symbol;
    int32_t reserved;
    int64_t bought;                /* by this client at this venue, steps */
    int64_t sold;
    int64_t executions;            /* trades among its reports */
} gm_wire_position_t;
_Static_assert(sizeof(gm_wire_position_t) == 32, "POSITION is 32 bytes behind its head");

typedef struct gm_wire_status_end {
    int64_t request;
    int64_t orders;                /* ORDER_STATUS frames before this */
    int64_t trades;                /* EXECUTION frames before this */
    int64_t positions;             /* POSITION frames before this */
    int64_t reports;               /* ever made to this client */
    int64_t last_execution_id;     /* of the last of them; 0: none */
    int64_t executions;            /* ids given out to all clients */
    int64_t duplicates;            /* orders of this client that came a second time and were not matched */
    int64_t reserved[4];
} gm_wire_status_end_t;
_Static_assert(sizeof(gm_wire_status_end_t) == 96, "STATUS_END is 96 bytes behind its head");

typedef struct gm_wire_counters {
    int64_t connections;           /* accepted so far */
    int64_t logins;
    int64_t clients;               /* that ever logged in */
    int64_t orders;                /* taken in, duplicates apart */
    int64_t duplicates;
    int64_t cancels;
    int64_t executions;            /* execution ids given out */
    int64_t trades;
    int64_t replayed;              /* reports sent again after a login */
    int64_t dropped;               /* reports that were left out on demand */
    int64_t disconnects;           /* connections that the venue closed on demand */
    int64_t refused;               /* connections closed for what they sent */
    int64_t truncated;             /* connections that ended within a frame */
    int64_t delay_ns;
    int64_t reserved[2];
} gm_wire_counters_t;
_Static_assert(sizeof(gm_wire_counters_t) == 128, "COUNTERS is 128 bytes behind its head");

/* Bytes of a kind's row; -1: there is no such kind. */
static inline int32_t gm_wire_row_size(uint16_t kind) {
    switch (kind) {
    case GM_WIRE_LOGIN: return sizeof(gm_wire_login_t);
    case GM_WIRE_SYMBOL: return sizeof(gm_name_t);
    case GM_WIRE_ORDER: case GM_WIRE_ORDER_STATUS: return sizeof(gm_order_t);
    case GM_WIRE_CANCEL:
    case GM_WIRE_REPLACE: return sizeof(gm_request_t);
    case GM_WIRE_STATUS_REQUEST: return sizeof(gm_wire_request_t);
    case GM_WIRE_LOGOUT: return 0;
    case GM_WIRE_CONTROL: return sizeof(gm_wire_control_t);
    case GM_WIRE_WELCOME: return sizeof(gm_wire_welcome_t);
    case GM_WIRE_REFUSED: return sizeof(gm_wire_refused_t);
    case GM_WIRE_REPORT: case GM_WIRE_EXECUTION: return sizeof(gm_report_t);
    case GM_WIRE_QUOTE: return sizeof(gm_wire_quote_t);
    case GM_WIRE_POSITION: return sizeof(gm_wire_position_t);
    case GM_WIRE_STATUS_END: return sizeof(gm_wire_status_end_t);
    case GM_WIRE_COUNTERS: return sizeof(gm_wire_counters_t);
    default: return -1;
    }
}

#endif
