# The rows and codes of cext/include/records.h, declared once for every native module.
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "native_begin.h":         # of a module whose face is small: see there
    pass

cdef extern from "records.h" nogil:
    ctypedef long long gm_i128      # 128 bits in C; pass it through, never compute with it in Cython
    int64_t GM_NO_PRICE
    enum: GM_CLIENT_ORDER_ID_LENGTH
    enum: GM_NAME_LENGTH
    enum: GM_CHECK_COUNT
    enum: GM_RECORD_SMALL
    enum: GM_RECORD_LARGE

    cdef enum gm_side:
        GM_BUY, GM_SELL

    cdef enum gm_order_type:
        GM_MARKET, GM_LIMIT, GM_STOP, GM_STOP_LIMIT, GM_TRAILING_STOP, GM_TRAILING_STOP_LIMIT,
        GM_MARKET_IF_TOUCHED, GM_LIMIT_IF_TOUCHED, GM_ICEBERG, GM_PEGGED_PRIMARY, GM_PEGGED_MIDPOINT,
        GM_PEGGED_MARKET, GM_ORDER_TYPE_END

    cdef enum gm_time_in_force:
        GM_DAY, GM_GTC, GM_IOC, GM_FOK, GM_GTD, GM_OPG, GM_CLS, GM_TIME_IN_FORCE_END

    enum: GM_END_TOLD
    enum: GM_URGENCY_MASK

    cdef enum gm_urgency:
        GM_URGENCY_NONE, GM_URGENCY_LOW, GM_URGENCY_MEDIUM, GM_URGENCY_HIGH, GM_URGENCY_IMMEDIATE

    cdef enum gm_status:
        GM_PENDING_NEW, GM_NEW, GM_PARTIALLY_FILLED, GM_FILLED, GM_PENDING_CANCEL, GM_PENDING_REPLACE,
        GM_CANCELED, GM_REJECTED, GM_EXPIRED, GM_SUSPENDED, GM_UNKNOWN_STATUS, GM_STATUS_END

    cdef enum gm_exec_type:
        GM_EXEC_NEW, GM_EXEC_TRADE, GM_EXEC_CANCELED, GM_EXEC_REPLACED, GM_EXEC_REJECTED, GM_EXEC_EXPIRED,
        GM_EXEC_CANCEL_REJECTED, GM_EXEC_TRADE_CANCEL, GM_EXEC_TRADE_CORRECT, GM_EXEC_STATUS, GM_EXEC_TYPE_END

    cdef enum gm_liquidity:
        GM_LIQUIDITY_NONE, GM_ADDED, GM_REMOVED, GM_HIDDEN_FILL, GM_MIDPOINT_FILL, GM_AUCTION_FILL

    cdef enum gm_order_flags:
        GM_POST_ONLY, GM_REDUCE_ONLY, GM_ALL_OR_NONE, GM_HIDDEN, GM_PARENT, GM_CHILD, GM_AWAITED, GM_HELD

    cdef enum gm_trigger:
        GM_TRIGGER_LAST, GM_TRIGGER_BID_ASK, GM_TRIGGER_MID

    cdef enum gm_trail_unit:
        GM_TRAIL_NONE, GM_TRAIL_AMOUNT, GM_TRAIL_BPS

    cdef enum gm_contingency:
        GM_CONTINGENCY_NONE, GM_OCO, GM_OTO, GM_BRACKET

    cdef enum gm_worked:
        GM_WORK_ICEBERG, GM_WORK_WHOLE

    cdef enum gm_reason:
        GM_REASON_NONE, GM_REASON_INVALID, GM_REASON_UNSUPPORTED, GM_REASON_DUPLICATE_CLIENT_ID,
        GM_REASON_PARENT_EXCEEDED, GM_REASON_UNKNOWN_ORDER, GM_REASON_ORDER_CLOSED,
        GM_REASON_ILLEGAL_TRANSITION, GM_REASON_RISK, GM_REASON_NO_VENUE,
        GM_REASON_VENUE_REJECTED, GM_REASON_NO_LIQUIDITY, GM_REASON_WOULD_CROSS, GM_REASON_UNFILLED_REMAINDER,
        GM_REASON_PRICE_OUT_OF_RANGE, GM_REASON_VENUE_CAPACITY, GM_REASON_SELF_MATCH, GM_REASON_END_OF_MARKET,
        GM_REASON_VENUE_RESTARTED, GM_REASON_NOT_AT_VENUE, GM_REASON_DISCONNECTED, GM_REASON_ENGINE_RESTARTED,
        GM_REASON_CAPACITY, GM_REASON_JOURNAL, GM_REASON_USER, GM_REASON_ALGORITHM_DONE, GM_REASON_CLOSED,
        GM_REASON_REDUCE_ONLY, GM_REASON_LIST_REFUSED, GM_REASON_KILLED, GM_REASON_REDUCING, GM_REASON_NO_ANSWER,
        GM_REASON_DUPLICATE_EXECUTION, GM_REASON_OVERFILL, GM_REASON_LATE_FILL, GM_REASON_UNKNOWN_EXECUTION,
        GM_REASON_NOT_TRADING, GM_REASON_TRADE_THROUGH, GM_REASON_UNSOUND_REPORT, GM_REASON_BEYOND_LIMIT,
        GM_REASON_RESOLVED, GM_REASON_DECISION, GM_REASON_DECISION_STALE, GM_REASON_DECISION_FLOOD,
        GM_REASON_TIME_EXPIRED, GM_REASON_CONTINGENCY, GM_REASON_TRIGGERED

    cdef enum gm_code:
        GM_OK, GM_ERR_MEMORY, GM_ERR_CAPACITY, GM_ERR_NOT_FOUND, GM_ERR_RANGE, GM_ERR_EMPTY, GM_ERR_IO,
        GM_ERR_CORRUPT, GM_ERR_FORMAT, GM_ERR_STATE, GM_ERR_LINE, GM_ERR_ORDER

    cdef enum gm_check:
        GM_CHECK_POSITION, GM_CHECK_ORDER_SIZE, GM_CHECK_NOTIONAL, GM_CHECK_ORDER_VALUE, GM_CHECK_DAILY_VALUE,
        GM_CHECK_DAILY_COUNT, GM_CHECK_SECTOR, GM_CHECK_LEVERAGE, GM_CHECK_CONCENTRATION, GM_CHECK_PRICE,
        GM_CHECK_GROSS, GM_CHECK_NET, GM_CHECK_COLLAR, GM_CHECK_VOLUME, GM_CHECK_DUPLICATE, GM_CHECK_RATE,
        GM_CHECK_OPEN_ORDERS, GM_CHECK_RESTRICTED, GM_CHECK_LONG_ONLY, GM_CHECK_LOCATE, GM_CHECK_SELF_MATCH,
        GM_CHECK_STALE, GM_CHECK_HALTED

    cdef enum gm_request_kind:
        GM_REQUEST_CANCEL, GM_REQUEST_CLOSE_PARENT, GM_REQUEST_SUSPEND, GM_REQUEST_REPLACE, GM_REQUEST_EXPIRE,
        GM_REQUEST_AMEND, GM_REQUEST_TRIGGER, GM_REQUEST_TRAIL, GM_REQUEST_ACTIVATE, GM_REQUEST_REFUSED

    cdef enum gm_scope:
        GM_SCOPE_ENGINE, GM_SCOPE_ACCOUNT, GM_SCOPE_STRATEGY, GM_SCOPE_SYMBOL, GM_SCOPE_VENUE

    cdef enum gm_latch_action:
        GM_LATCH_KILL, GM_LATCH_REDUCE, GM_LATCH_RESET

    enum: GM_LATCH_NAME
    enum: GM_LATCH_REASON
    enum: GM_DECISION_VENUES

    cdef enum gm_name_kind:
        GM_NAME_SYMBOL, GM_NAME_VENUE, GM_NAME_STRATEGY, GM_NAME_ALGORITHM, GM_NAME_TAG, GM_NAME_KIND_END

    cdef enum gm_record_kind:
        GM_RECORD_NAME, GM_RECORD_ORDER, GM_RECORD_DECISION, GM_RECORD_REPORT, GM_RECORD_REFUSAL,
        GM_RECORD_REQUEST, GM_RECORD_BALANCE, GM_RECORD_TERMS, GM_RECORD_LATCH, GM_RECORD_LIMIT,
        GM_RECORD_SESSION, GM_RECORD_KIND_END

    cdef enum gm_action:
        GM_ADD, GM_REDUCE, GM_DELETE, GM_EXECUTE, GM_EXECUTE_HIDDEN, GM_REPLACE, GM_HALT, GM_CLEAR, GM_TRADE,
        GM_SET_LEVEL, GM_CROSS_TRADE, GM_ACTION_END

    cdef enum gm_halt_state:
        GM_HALTED, GM_QUOTING_RESUMED, GM_TRADING_RESUMED

    cdef enum gm_message_flag:
        GM_FLAG_OWN, GM_FLAG_AUCTION, GM_FLAG_SNAPSHOT, GM_FLAG_LAST, GM_FLAG_GAP, GM_FLAG_UNPRINTED

    cdef enum gm_command_kind:
        GM_COMMAND_SUBMIT, GM_COMMAND_CANCEL, GM_COMMAND_REPLACE

    ctypedef struct gm_order_t:
        int64_t order_id
        int64_t parent_id
        int64_t quantity
        int64_t filled_quantity
        int64_t leaves_quantity
        int64_t working_quantity
        int64_t limit_price_e9
        int64_t stop_price_e9
        int64_t display_quantity
        int64_t reserve_price_e9
        uint64_t notional_lo
        int64_t notional_hi
        int64_t fees_e9
        int64_t created_ns
        int64_t sent_ns
        int64_t acknowledged_ns
        int64_t updated_ns
        int64_t arrival_mid_e9
        int32_t symbol
        int32_t account
        int32_t strategy
        int32_t algorithm
        int32_t tag
        int32_t venue
        int8_t side
        uint8_t order_type
        uint8_t time_in_force
        uint8_t status
        uint8_t urgency
        uint8_t flags
        uint16_t reason
        char client_order_id[GM_CLIENT_ORDER_ID_LENGTH]
        uint32_t terms
        int64_t pending_price_e9

    ctypedef struct gm_terms_t:
        int64_t order_id
        int64_t expire_ns
        int64_t minimum_quantity
        int64_t trail_offset
        int64_t limit_offset_e9
        int64_t list_id
        int64_t next_child
        uint32_t display_spread_e9
        uint8_t trigger
        uint8_t trail_unit
        uint8_t contingency
        uint8_t list_count
        uint8_t worked
        uint8_t waiting

    ctypedef struct gm_latch_t:
        int32_t scope
        int32_t target
        uint16_t action
        uint16_t number
        char name[GM_LATCH_NAME]
        char reason[GM_LATCH_REASON]

    ctypedef struct gm_limit_change_t:
        uint64_t old_lo
        int64_t old_hi
        uint64_t new_lo
        int64_t new_hi
        uint8_t had
        uint8_t has
        uint8_t loosens
        uint8_t refused
        char name[72]
        char who[32]
        char why[80]

    ctypedef struct gm_session_t:
        int32_t calendar
        int64_t close_ns
        int64_t next_close_ns

    ctypedef struct gm_report_t:
        int64_t order_id
        int64_t execution_id
        int64_t price_e9
        int64_t quantity
        int64_t fee_e9
        int64_t venue_time_ns
        int64_t bid_e9
        int64_t ask_e9
        int64_t filled_quantity
        int64_t leaves_quantity
        int32_t venue
        int32_t symbol
        int8_t side
        uint8_t exec_type
        uint8_t liquidity
        uint8_t status
        uint16_t reason
        uint16_t account

    ctypedef struct gm_decision_t:
        int64_t order_id
        int64_t feed_sequence
        int64_t bid_e9
        int64_t ask_e9
        int64_t expected_price_e9
        uint64_t config_hash
        uint64_t checks
        float score
        float runner_up_score
        int8_t bid_venue
        int8_t ask_venue
        int8_t venue
        int8_t runner_up
        uint8_t candidates, shown
        uint16_t scores[GM_DECISION_VENUES]

    ctypedef struct gm_refusal_t:
        int64_t order_id
        int64_t quantity
        int64_t price_e9
        int64_t parent_id
        uint64_t failed_checks
        uint64_t failed_fields
        int64_t bid_e9
        int64_t ask_e9
        int64_t feed_sequence
        int64_t limit_price_e9
        int32_t symbol
        int32_t account
        int8_t side
        uint8_t order_type
        uint16_t reason
        uint8_t time_in_force
        uint8_t flags
        int16_t venue

    ctypedef struct gm_request_t:
        int64_t order_id
        int64_t quantity
        int64_t price_e9
        uint16_t kind
        uint16_t reason
        int32_t venue
        uint8_t status
        uint8_t reserved_bytes[7]
        int64_t stop_price_e9
        int64_t reserved[6]

    ctypedef struct gm_name_t:
        int32_t id
        uint16_t kind
        uint16_t length
        char text[GM_NAME_LENGTH]
        int64_t value
        int64_t value2

    ctypedef struct gm_balance_t:
        int32_t account
        int32_t symbol
        int64_t quantity
        int64_t mark_e9
        uint64_t cash_lo
        int64_t cash_hi
        uint64_t traded_lo
        int64_t traded_hi
        int64_t orders_today
        int64_t reserved[4]

    ctypedef struct gm_header_t:
        uint64_t commit
        uint32_t crc32c
        uint16_t kind
        uint16_t size
        int64_t time_ns
        int64_t order_id

    ctypedef struct gm_message_t:
        int64_t time_ns
        int64_t order_id
        int64_t price_e9
        int64_t quantity
        int64_t sequence
        int64_t counterparty
        int32_t symbol
        int32_t venue
        uint8_t action
        int8_t side
        uint8_t flags
        uint8_t level
        uint32_t reserved

    ctypedef struct gm_command_t:
        int64_t order_id
        int64_t price_e9
        int64_t quantity
        int64_t display_quantity
        int64_t time_ns
        uint8_t kind
        int8_t side
        uint8_t time_in_force
        uint8_t flags
        int32_t reserved

    ctypedef struct gm_quote_t:
        int64_t bid_e9
        int64_t ask_e9
        int64_t bid_quantity
        int64_t ask_quantity
        int64_t time_ns
        int64_t sequence
        int64_t last_e9
        int64_t volume
