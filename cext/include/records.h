/* The rows of the engine. Each is defined here once: this layout is the element of the in-memory table, the
 * NumPy structured dtype (records.pyx builds it from offsetof) and the payload of a journal record.
 *
 * Units: *_e9 is 1e-9 of the quote currency; quantity is in the instrument's quantity steps; *_ns is nanoseconds
 * since the Unix epoch, UTC. A price of GM_NO_PRICE is absent. Multi-byte fields are little-endian on disk. */
#ifndef GM_RECORDS_H
#define GM_RECORDS_H

#include <stdint.h>
#include <stddef.h>

typedef __int128 gm_i128;
typedef unsigned __int128 gm_u128;

#define GM_NO_PRICE INT64_MIN
#define GM_CLIENT_ORDER_ID_LENGTH 36
#define GM_NAME_LENGTH 72
#define GM_LATCH_NAME 48
#define GM_LATCH_REASON 160

enum gm_side { GM_BUY = 1, GM_SELL = -1 };

enum gm_order_type {
    GM_MARKET = 1, GM_LIMIT, GM_STOP, GM_STOP_LIMIT, GM_TRAILING_STOP, GM_TRAILING_STOP_LIMIT,
    GM_MARKET_IF_TOUCHED, GM_LIMIT_IF_TOUCHED, GM_ICEBERG, GM_PEGGED_PRIMARY, GM_PEGGED_MIDPOINT,
    GM_PEGGED_MARKET, GM_ORDER_TYPE_END
};

enum gm_time_in_force { GM_DAY = 1, GM_GTC, GM_IOC, GM_FOK, GM_GTD, GM_OPG, GM_CLS, GM_TIME_IN_FORCE_END };

enum gm_urgency { GM_URGENCY_NONE = 0, GM_URGENCY_LOW, GM_URGENCY_MEDIUM, GM_URGENCY_HIGH, GM_URGENCY_IMMEDIATE };
/* Beside the urgency: */
#define GM_SWEEP 128              /* a leg of a sweep, an intermarket sweep order (split.h) */
#define GM_END_TOLD 64            /* its venue has ended it, and by the venue's count not yet told all that it filled before (reports.h) */
#define GM_END_EXPIRED 32         /* that end was an expiry */
#define GM_URGENCY_MASK 7

/* FIX OrdStatus names, plus UNKNOWN: sent, and no answer. */
enum gm_status {
    GM_PENDING_NEW = 1, GM_NEW, GM_PARTIALLY_FILLED, GM_FILLED, GM_PENDING_CANCEL, GM_PENDING_REPLACE,
    GM_CANCELED, GM_REJECTED, GM_EXPIRED, GM_SUSPENDED, GM_UNKNOWN_STATUS, GM_STATUS_END
};

/* What a venue reports (FIX ExecType names). */
enum gm_exec_type {
    GM_EXEC_NEW = 1, GM_EXEC_TRADE, GM_EXEC_CANCELED, GM_EXEC_REPLACED, GM_EXEC_REJECTED, GM_EXEC_EXPIRED,
    GM_EXEC_CANCEL_REJECTED, GM_EXEC_TRADE_CANCEL, GM_EXEC_TRADE_CORRECT,
    GM_EXEC_STATUS,   /* a state without an event of its own: PENDING_*, SUSPENDED, or the engine's own word UNKNOWN */
    GM_EXEC_TYPE_END
};

enum gm_liquidity { GM_LIQUIDITY_NONE = 0, GM_ADDED, GM_REMOVED, GM_HIDDEN_FILL, GM_MIDPOINT_FILL, GM_AUCTION_FILL };

/* Order instructions and roles, bits of gm_order_t.flags. */
enum gm_order_flags {
    GM_POST_ONLY = 1, GM_REDUCE_ONLY = 2, GM_ALL_OR_NONE = 4, GM_HIDDEN = 8,
    GM_PARENT = 16,   /* worked by an algorithm; never sent to a venue itself */
    GM_CHILD = 32,    /* draws on its parent's reservation */
    GM_AWAITED = 64,  /* a ticket of Python waits for news of it; never journalled */
    GM_HELD = 128     /* the engine holds it until its trigger: no venue knows of it */
};

/* What a held order waits for: a price at or through its stop_price (a stop), or at or better than it (if touched). */
enum gm_trigger { GM_TRIGGER_LAST = 1, GM_TRIGGER_BID_ASK, GM_TRIGGER_MID, GM_TRIGGER_END };
enum gm_trail_unit { GM_TRAIL_NONE = 0, GM_TRAIL_AMOUNT, GM_TRAIL_BPS };

/* FIX ContingencyType. Orders of one list have consecutive ids from `list_id` on. */
enum gm_contingency {
    GM_CONTINGENCY_NONE = 0,
    GM_OCO,           /* the first that fills or ends cancels the others */
    GM_OTO,           /* the others wait until the first has filled */
    GM_BRACKET,       /* OTO whose exits follow what the entry has filled, and one another */
    GM_CONTINGENCY_END
};

/* What the engine itself does with an order that its venue cannot take as it is (bits of gm_terms_t.worked). */
enum gm_worked {
    GM_WORK_ICEBERG = 1,  /* a parent that shows one child at a time */
    GM_WORK_WHOLE = 2     /* a parent that sends a fill-or-kill child once enough is displayed: all-or-none, minimum quantity */
};

/* Why an order was refused or ended: stable numbers in bands. 1xx the order itself, 2xx risk, 3xx routing,
 * 4xx the venue, 5xx the engine. */
enum gm_reason {
    GM_REASON_NONE = 0,
    GM_REASON_INVALID = 100, GM_REASON_UNSUPPORTED = 101, GM_REASON_DUPLICATE_CLIENT_ID = 102,
    GM_REASON_PARENT_EXCEEDED = 103, GM_REASON_UNKNOWN_ORDER = 104, GM_REASON_ORDER_CLOSED = 105,
    GM_REASON_ILLEGAL_TRANSITION = 106, GM_REASON_REDUCE_ONLY = 107, GM_REASON_LIST_REFUSED = 108,
    GM_REASON_DECISION = 109, GM_REASON_DECISION_STALE = 110, GM_REASON_DECISION_FLOOD = 111,
    GM_REASON_RISK = 200, GM_REASON_KILLED = 201, GM_REASON_REDUCING = 202,
    GM_REASON_NO_VENUE = 300,
    GM_REASON_VENUE_REJECTED = 400, GM_REASON_NO_LIQUIDITY = 401, GM_REASON_WOULD_CROSS = 402,
    GM_REASON_UNFILLED_REMAINDER = 403, GM_REASON_PRICE_OUT_OF_RANGE = 404, GM_REASON_VENUE_CAPACITY = 405,
    GM_REASON_SELF_MATCH = 406, GM_REASON_END_OF_MARKET = 407, GM_REASON_VENUE_RESTARTED = 408,
    GM_REASON_NOT_AT_VENUE = 409, GM_REASON_DISCONNECTED = 410, GM_REASON_NO_ANSWER = 411, GM_REASON_DUPLICATE_EXECUTION = 412,
    GM_REASON_OVERFILL = 413, GM_REASON_LATE_FILL = 414, GM_REASON_UNKNOWN_EXECUTION = 415, GM_REASON_NOT_TRADING = 416, GM_REASON_TRADE_THROUGH = 417,
    GM_REASON_UNSOUND_REPORT = 418, GM_REASON_BEYOND_LIMIT = 419,
    GM_REASON_RESOLVED = 420,
    GM_REASON_CAPACITY = 500, GM_REASON_JOURNAL = 501, GM_REASON_USER = 502, GM_REASON_ALGORITHM_DONE = 503,
    GM_REASON_CLOSED = 504, GM_REASON_ENGINE_RESTARTED = 505, GM_REASON_TIME_EXPIRED = 506, GM_REASON_CONTINGENCY = 507,
    GM_REASON_TRIGGERED = 508
};

/* Return codes of the core's functions: 0 or a negative number. Refusals of orders are gm_reason, not these. */
enum gm_code {
    GM_OK = 0, GM_ERR_MEMORY = -1, GM_ERR_CAPACITY = -2, GM_ERR_NOT_FOUND = -3, GM_ERR_RANGE = -4,
    GM_ERR_EMPTY = -5, GM_ERR_IO = -6, GM_ERR_CORRUPT = -7, GM_ERR_FORMAT = -8, GM_ERR_STATE = -9,
    GM_ERR_LINE = -10, GM_ERR_ORDER = -11
};

/* The risk checks, bits of a mask. */
enum gm_check {
    GM_CHECK_POSITION = 1, GM_CHECK_ORDER_SIZE = 2, GM_CHECK_NOTIONAL = 4, GM_CHECK_ORDER_VALUE = 8,
    GM_CHECK_DAILY_VALUE = 16, GM_CHECK_DAILY_COUNT = 32, GM_CHECK_SECTOR = 64, GM_CHECK_LEVERAGE = 128,
    GM_CHECK_CONCENTRATION = 256,
    GM_CHECK_PRICE = 512,          /* no usable price: every check that needs one fails closed */
    GM_CHECK_GROSS = 1 << 10, GM_CHECK_NET = 1 << 11, GM_CHECK_COLLAR = 1 << 12, GM_CHECK_VOLUME = 1 << 13,
    GM_CHECK_DUPLICATE = 1 << 14, GM_CHECK_RATE = 1 << 15, GM_CHECK_OPEN_ORDERS = 1 << 16, GM_CHECK_RESTRICTED = 1 << 17,
    GM_CHECK_LONG_ONLY = 1 << 18, GM_CHECK_LOCATE = 1 << 19, GM_CHECK_SELF_MATCH = 1 << 20, GM_CHECK_STALE = 1 << 21,
    GM_CHECK_HALTED = 1 << 22
};
#define GM_CHECK_COUNT 23

/* An order: its terms, its state, its stamps. 224 bytes, the payload of an ORDER record. */
typedef struct gm_order {
    int64_t order_id;
    int64_t parent_id;             /* 0: none */

    int64_t quantity;
    int64_t filled_quantity;
    int64_t leaves_quantity;       /* open at the venue; 0 once closed */
    int64_t working_quantity;      /* of a parent: leaves of its open children; else what a pending replace asks for, 0: none */
    int64_t limit_price_e9;        /* GM_NO_PRICE: none */
    int64_t stop_price_e9;
    int64_t display_quantity;      /* 0: all of it */
    int64_t reserve_price_e9;      /* the price at which open quantity counts against value limits */

    uint64_t notional_lo;          /* sum of price_e9 * quantity over its fills, 128 bits */
    int64_t notional_hi;
    int64_t fees_e9;

    int64_t created_ns;            /* decision: submit was called */
    int64_t sent_ns;               /* handed to the venue */
    int64_t acknowledged_ns;       /* first answer of the venue */
    int64_t updated_ns;
    int64_t arrival_mid_e9;        /* consolidated mid at created_ns; GM_NO_PRICE: no quote */

    int32_t symbol;
    int32_t account;
    int32_t strategy;              /* interned names; 0: none */
    int32_t algorithm;
    int32_t tag;
    int32_t venue;                 /* -1: not routed */

    int8_t side;
    uint8_t order_type;
    uint8_t time_in_force;
    uint8_t status;
    uint8_t urgency;               /* gm_urgency, GM_SWEEP, GM_END_TOLD, GM_END_EXPIRED */
    uint8_t flags;
    uint16_t reason;

    char client_order_id[GM_CLIENT_ORDER_ID_LENGTH];
    uint32_t terms;                /* has a row of terms: its place + 1 in memory, 1 in the log; 0: none */
    int64_t pending_price_e9;      /* what a pending replace asks for */
} gm_order_t;
_Static_assert(sizeof(gm_order_t) == 224, "an ORDER record is 224 bytes behind its header");

/* Terms that most orders do not have. 96 bytes, the payload of a TERMS record, which stands before its order's. */
typedef struct gm_terms {
    int64_t order_id;
    int64_t expire_ns;             /* of GTD; 0: none */
    int64_t minimum_quantity;      /* 0: none */
    int64_t trail_offset;          /* 1e-9 of the price, or basis points in 1e-9; see trail_unit */
    int64_t limit_offset_e9;       /* of a trailing stop limit: its limit stands this far beyond the stop; of a peg: its offset, towards the other side */
    int64_t list_id;               /* the first order of its list; 0: none */
    int64_t next_child;            /* in memory: the child now at a venue, of an order that the engine works; 0: none */
    uint32_t display_spread_e9;    /* refresh sizes vary by up to this fraction (1e-9) of display_quantity */
    uint8_t trigger;               /* gm_trigger */
    uint8_t trail_unit;            /* gm_trail_unit */
    uint8_t contingency;           /* gm_contingency */
    uint8_t list_count;            /* orders in its list */
    uint8_t worked;                /* gm_worked */
    uint8_t waiting;               /* for its list's first order: not armed, nothing reserved */
    uint8_t reserved_bytes[6];
    int64_t reserved[3];
} gm_terms_t;
_Static_assert(sizeof(gm_terms_t) == 96, "a TERMS record is 96 bytes behind its header");

/* A venue's word on an order. 96 bytes, the payload of a REPORT record; a fill is one of exec_type TRADE.
 *
 * A TRADE_CANCEL or TRADE_CORRECT names in `bid_e9` the execution it is about, and has in `ask_e9` the time of that if it was of an earlier
 * trading day (GM_NO_PRICE: of the same), since that day's traded value has been counted and begun anew. A correction is recorded as a TRADE_CANCEL of what
 * was booked (quantity, price and fee of then) and a TRADE_CORRECT with what is right. */
typedef struct gm_report {
    int64_t order_id;
    int64_t execution_id;          /* the venue's; unique by venue */
    int64_t price_e9;              /* of this fill; GM_NO_PRICE otherwise */
    int64_t quantity;              /* of this fill, or the leaves that ended */
    int64_t fee_e9;                /* positive: we pay */
    int64_t venue_time_ns;
    int64_t bid_e9;                /* consolidated quote when it was applied */
    int64_t ask_e9;
    int64_t filled_quantity;       /* the order's, after this report */
    int64_t leaves_quantity;
    int32_t venue;
    int32_t symbol;
    int8_t side;
    uint8_t exec_type;
    uint8_t liquidity;
    uint8_t status;                /* the order's, after this report; 0: it was not known */
    uint16_t reason;
    uint16_t account;
} gm_report_t;
_Static_assert(sizeof(gm_report_t) == 96, "a REPORT record is 96 bytes behind its header");

/* What an order's decision saw and why it went where it went. 96 bytes, the payload of a DECISION record. */
#define GM_DECISION_VENUES 13
typedef struct gm_decision {
    int64_t order_id;
    int64_t feed_sequence;         /* the feed's news before the decision (venues.h) */
    int64_t bid_e9;
    int64_t ask_e9;
    int64_t expected_price_e9;     /* all-in, per unit, at the chosen venue */
    uint64_t config_hash;
    uint64_t checks;               /* gm_check bits that were configured */
    float score;                   /* expected cost against the mid, bps */
    float runner_up_score;
    int8_t bid_venue;
    int8_t ask_venue;
    int8_t venue;
    int8_t runner_up;              /* second-best venue, -1: none */
    uint8_t candidates;            /* 0: the caller chose the venue */
    uint8_t shown;                 /* of an order for more than its venue displays at its limit: how much that is (gm_shown_code); 0: of no such order */
    uint16_t scores[GM_DECISION_VENUES];   /* of the first venues: gm_venue_verdict << 12 | cost in 0.01 bps + 2048, at most 4095 (scoring.h) */
} gm_decision_t;
_Static_assert(sizeof(gm_decision_t) == 96, "a DECISION record is 96 bytes behind its header");

/* A displayed size in a byte: the code of the least value that is no less, eight to each power of two; 0 for one that is too large. */
static inline uint8_t gm_shown_code(int64_t shown) {
    int32_t octave;
    int64_t eighths, code;
    if (shown <= 0 || shown > INT64_C(1) << 31) return 0;
    octave = 63 - __builtin_clzll((uint64_t)shown);
    eighths = (shown * 8 + (INT64_C(1) << octave) - 1) >> octave;   /* 8 to 16 */
    code = 1 + 8 * octave + (eighths - 8);
    return code <= 255 ? (uint8_t)code : 0;
}
static inline int64_t gm_shown_value(uint8_t code) {
    const int64_t scaled = (int64_t)(8 + (code - 1) % 8) << ((code - 1) / 8);
    return code == 0 ? 0 : (scaled + 7) / 8;
}

/* A refusal. 96 bytes, the payload of a REFUSAL record. */
typedef struct gm_refusal {
    int64_t order_id;
    int64_t quantity;
    int64_t price_e9;
    int64_t parent_id;
    uint64_t failed_checks;        /* gm_check bits */
    uint64_t failed_fields;        /* bit i: order field i (validation.h) */
    int64_t bid_e9;
    int64_t ask_e9;
    int64_t feed_sequence;         /* the feed's news before the refusal; 0: not looked at */
    int64_t limit_price_e9;        /* GM_NO_PRICE: none */
    int32_t symbol;                /* -1: not known */
    int32_t account;
    int8_t side;
    uint8_t order_type;
    uint16_t reason;
    uint8_t time_in_force;
    uint8_t flags;
    int16_t venue;                 /* asked for; -1: the router's choice */
} gm_refusal_t;
_Static_assert(sizeof(gm_refusal_t) == 96, "a REFUSAL record is 96 bytes behind its header");

/* What was asked of a live order, or what the engine did with one it holds. 96 bytes, the payload of a REQUEST record. */
typedef struct gm_request {
    int64_t order_id;
    int64_t quantity;              /* open when it was made; of a replace, an activation, a new size: the new quantity */
    int64_t price_e9;              /* of a replace: the new limit; of a trigger: the price that did it; of a trail: the new stop */
    uint16_t kind;                 /* gm_request_kind */
    uint16_t reason;
    int32_t venue;
    uint8_t status;                /* what the order becomes */
    uint8_t reserved_bytes[7];
    int64_t stop_price_e9;         /* of a replace: the new stop; GM_NO_PRICE: as it was */
    int64_t reserved[6];
} gm_request_t;
_Static_assert(sizeof(gm_request_t) == 96, "a REQUEST record is 96 bytes behind its header");
enum gm_request_kind {
    GM_REQUEST_CANCEL = 1, GM_REQUEST_CLOSE_PARENT, GM_REQUEST_SUSPEND,
    GM_REQUEST_REPLACE,            /* sent to the venue; the terms change when it answers */
    GM_REQUEST_EXPIRE,             /* its time in force is over: a cancel whose answer makes it EXPIRED */
    GM_REQUEST_AMEND,              /* a held order's or a parent's new quantity and prices, at once: no venue is asked */
    GM_REQUEST_TRIGGER,            /* released to a venue */
    GM_REQUEST_TRAIL,              /* its stop moved */
    GM_REQUEST_ACTIVATE,           /* its list's first order has filled: it is armed with this quantity */
    GM_REQUEST_REFUSED,            /* asked for and refused; nothing changed */
    GM_REQUEST_KIND_END
};

/* A latch: while it stands, its scope takes no orders. 224 bytes, the payload of a LATCH record. */
typedef struct gm_latch {
    int32_t scope;                 /* gm_scope */
    int32_t target;                /* account, or number of strategy, symbol, venue; 0 of the engine */
    uint16_t action;               /* gm_latch_action */
    uint16_t number;               /* its place among the latches */
    int32_t reserved;
    char name[GM_LATCH_NAME];      /* UTF-8, zero-padded */
    char reason[GM_LATCH_REASON];
} gm_latch_t;
_Static_assert(sizeof(gm_latch_t) == 224, "a LATCH record is 224 bytes behind its header");
enum gm_scope { GM_SCOPE_ENGINE = 1, GM_SCOPE_ACCOUNT, GM_SCOPE_STRATEGY, GM_SCOPE_SYMBOL, GM_SCOPE_VENUE, GM_SCOPE_END };
enum gm_latch_action {
    GM_LATCH_KILL = 1,             /* nothing but reduce-only orders; of a venue: nothing */
    GM_LATCH_REDUCE,               /* only what does not raise the worst case of its symbol */
    GM_LATCH_RESET,
    GM_LATCH_TRIPPED,              /* news, no latch: the circuit breaker has taken the venue out */
    GM_LATCH_RESTORED              /* it is back */
};

/* A limit that changed. 224 bytes, the payload of a LIMIT record. Values are in the limit's own integer unit. */
typedef struct gm_limit_change {
    uint64_t old_lo; int64_t old_hi;
    uint64_t new_lo; int64_t new_hi;
    uint8_t had, has;              /* 0: there was, or is, no limit */
    uint8_t loosens;
    uint8_t refused;               /* asked for and refused: nothing changed */
    uint8_t reserved[4];
    char name[72];                 /* its path below risk_controls, such as position_limits.AAPL; UTF-8, zero-padded */
    char who[32];
    char why[80];
} gm_limit_change_t;
_Static_assert(sizeof(gm_limit_change_t) == 224, "a LIMIT record is 224 bytes behind its header");

/* A trading day ended: DAY orders of its calendar expire; of calendar 0 the daily figures begin again. 96 bytes, the payload of a
 * SESSION record. */
typedef struct gm_session {
    int32_t calendar;
    int32_t reserved;
    int64_t close_ns;
    int64_t next_close_ns;         /* INT64_MAX: the table ends */
    int64_t reserved_tail[9];
} gm_session_t;
_Static_assert(sizeof(gm_session_t) == 96, "a SESSION record is 96 bytes behind its header");

/* A name that got a number. 96 bytes, the payload of a NAME record. */
typedef struct gm_name {
    int32_t id;
    uint16_t kind;                 /* gm_name_kind */
    uint16_t length;
    char text[GM_NAME_LENGTH];
    int64_t value;                 /* tick_e9 of a symbol, fee of a venue */
    int64_t value2;                /* quantity step of a symbol */
} gm_name_t;
_Static_assert(sizeof(gm_name_t) == 96, "a NAME record is 96 bytes behind its header");
enum gm_name_kind { GM_NAME_SYMBOL = 1, GM_NAME_VENUE, GM_NAME_STRATEGY, GM_NAME_ALGORITHM, GM_NAME_TAG, GM_NAME_KIND_END };

/* What an account begins with: cash, or one position. 96 bytes, the payload of a BALANCE record. */
typedef struct gm_balance {
    int32_t account;
    int32_t symbol;                /* -1: cash */
    int64_t quantity;              /* of the symbol, in steps */
    int64_t mark_e9;               /* GM_NO_PRICE: none */
    uint64_t cash_lo;              /* 1e-9, 128 bits */
    int64_t cash_hi;
    uint64_t traded_lo;            /* notional filled earlier that day, 1e-9, 128 bits; of cash only, like orders_today */
    int64_t traded_hi;
    int64_t orders_today;
    int64_t reserved[4];
} gm_balance_t;
_Static_assert(sizeof(gm_balance_t) == 96, "a BALANCE record is 96 bytes behind its header");

/* The header of every journal record. The commit word is stored last, with release: zero is "not there". */
typedef struct gm_header {
    uint64_t commit;               /* magic (16 bits) << 48 | sequence (48 bits) */
    uint32_t crc32c;               /* over the bytes from `kind` to the end of the payload, seeded with the sequence */
    uint16_t kind;                 /* gm_record_kind */
    uint16_t size;                 /* header and payload */
    int64_t time_ns;
    int64_t order_id;              /* 0: of no order */
} gm_header_t;
_Static_assert(sizeof(gm_header_t) == 32, "a record header is 32 bytes");
enum gm_record_kind {
    GM_RECORD_NAME = 1, GM_RECORD_ORDER, GM_RECORD_DECISION, GM_RECORD_REPORT, GM_RECORD_REFUSAL,
    GM_RECORD_REQUEST, GM_RECORD_BALANCE, GM_RECORD_TERMS, GM_RECORD_LATCH, GM_RECORD_LIMIT, GM_RECORD_SESSION, GM_RECORD_KIND_END
};
/* Header and payload of a record of this kind. */
static inline uint16_t gm_record_size(uint16_t kind) {
    return kind == GM_RECORD_ORDER || kind == GM_RECORD_LATCH || kind == GM_RECORD_LIMIT ? 256 : 128;
}
#define GM_RECORD_MAGIC 0x474dULL
#define GM_RECORD_SMALL 128
#define GM_RECORD_LARGE 256

/* A message of a market data feed. 64 bytes. */
typedef struct gm_message {
    int64_t time_ns;
    int64_t order_id;              /* 0: the feed has none */
    int64_t price_e9;
    int64_t quantity;
    int64_t sequence;
    int64_t counterparty;          /* new id of a replace, execution id of a trade, orders of a SET_LEVEL; 0: none told */
    int32_t symbol;
    int32_t venue;
    uint8_t action;                /* gm_action */
    int8_t side;                   /* of the resting order; 0: not told */
    uint8_t flags;                 /* of a HALT: gm_halt_state in the lowest two bits; otherwise gm_message_flag */
    uint8_t level;                 /* of SET_LEVEL: 0 by price; 1 the best of its side, all that stood there before is gone; n > 1 follows it */
    uint32_t reserved;
} gm_message_t;
_Static_assert(sizeof(gm_message_t) == 64, "a market data message is 64 bytes");
enum gm_action {
    GM_ADD = 1, GM_REDUCE, GM_DELETE, GM_EXECUTE, GM_EXECUTE_HIDDEN, GM_REPLACE, GM_HALT, GM_CLEAR, GM_TRADE,
    GM_SET_LEVEL, GM_CROSS_TRADE, GM_ACTION_END
};
enum gm_halt_state { GM_HALTED = 1, GM_QUOTING_RESUMED, GM_TRADING_RESUMED };
enum gm_message_flag {
    GM_FLAG_OWN = 1,               /* of a captured TRADE: an own order's */
    GM_FLAG_AUCTION = 2,           /* of a captured TRADE: an auction's */
    GM_FLAG_SNAPSHOT = 4,          /* a state, not news: begins with a CLEAR, ends with LAST */
    GM_FLAG_LAST = 8,              /* the last row of what the feed said at once: the book is whole behind it */
    GM_FLAG_GAP = 16,              /* rows before this one are missing */
    GM_FLAG_UNPRINTED = 32         /* of an execution: not in the venue's volume, another row prints it */
};

/* A command to a matching engine. 48 bytes. */
typedef struct gm_command {
    int64_t order_id;
    int64_t price_e9;              /* GM_NO_PRICE: market */
    int64_t quantity;
    int64_t display_quantity;      /* 0: all of it */
    int64_t time_ns;
    uint8_t kind;                  /* gm_command_kind */
    int8_t side;
    uint8_t time_in_force;
    uint8_t flags;                 /* gm_order_flags: post-only */
    int32_t reserved;
} gm_command_t;
_Static_assert(sizeof(gm_command_t) == 48, "a matching command is 48 bytes");
enum gm_command_kind { GM_COMMAND_SUBMIT = 1, GM_COMMAND_CANCEL, GM_COMMAND_REPLACE };

/* Best bid and offer of one symbol at one venue. 64 bytes, one cache line. */
typedef struct gm_quote {
    int64_t bid_e9;                /* GM_NO_PRICE: nobody there */
    int64_t ask_e9;
    int64_t bid_quantity;
    int64_t ask_quantity;
    int64_t time_ns;
    int64_t sequence;
    int64_t last_e9;               /* price of the last trade */
    int64_t volume;                /* traded since the market began */
} gm_quote_t;
_Static_assert(sizeof(gm_quote_t) == 64, "a quote is one cache line");

#endif
