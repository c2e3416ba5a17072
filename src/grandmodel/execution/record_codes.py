"""Codes of rows, by the names of cext/include/records.h: what Python reads records, reports and captures by.

Enums that people see (OrderStatus, Reason ...) are in `_core.values`.
"""

from __future__ import annotations

from typing import Final

# gm_order_type, gm_time_in_force
MARKET: Final = 1
LIMIT: Final = 2
IOC: Final = 3
FOK: Final = 4
OPG: Final = 6
CLS: Final = 7

# gm_exec_type
EXEC_NEW: Final = 1
EXEC_TRADE: Final = 2
EXEC_CANCELED: Final = 3
EXEC_REPLACED: Final = 4
EXEC_REJECTED: Final = 5
EXEC_EXPIRED: Final = 6
EXEC_CANCEL_REJECTED: Final = 7
EXEC_TRADE_CANCEL: Final = 8
EXEC_TRADE_CORRECT: Final = 9
EXEC_STATUS: Final = 10

# gm_liquidity
ADDED: Final = 1
REMOVED: Final = 2

# gm_order_flags, and what stands beside the urgency
POST_ONLY: Final = 1
REDUCE_ONLY: Final = 2
ALL_OR_NONE: Final = 4
HIDDEN: Final = 8
PARENT: Final = 16
HELD: Final = 128
END_TOLD: Final = 64

# gm_request_kind
REQUEST_CANCEL: Final = 1
REQUEST_CLOSE_PARENT: Final = 2
REQUEST_SUSPEND: Final = 3
REQUEST_REPLACE: Final = 4
REQUEST_EXPIRE: Final = 5
REQUEST_AMEND: Final = 6
REQUEST_TRIGGER: Final = 7
REQUEST_TRAIL: Final = 8
REQUEST_ACTIVATE: Final = 9
REQUEST_REFUSED: Final = 10

# gm_scope, gm_latch_action
SCOPE_STRATEGY: Final = 3
SCOPES: Final = {1: "engine", 2: "account", 3: "strategy", 4: "symbol", 5: "venue"}
LATCH_KILL: Final = 1
LATCH_REDUCE: Final = 2
LATCH_RESET: Final = 3
LATCH_TRIPPED: Final = 4
LATCH_RESTORED: Final = 5

# gm_name_kind, gm_record_kind
NAME_SYMBOL: Final = 1
NAME_VENUE: Final = 2
NAME_STRATEGY: Final = 3
NAME_ALGORITHM: Final = 4
NAME_TAG: Final = 5
RECORD_NAME: Final = 1
RECORD_ORDER: Final = 2
RECORD_DECISION: Final = 3
RECORD_REPORT: Final = 4
RECORD_REFUSAL: Final = 5
RECORD_REQUEST: Final = 6
RECORD_BALANCE: Final = 7
RECORD_TERMS: Final = 8
RECORD_LATCH: Final = 9
RECORD_LIMIT: Final = 10
RECORD_SESSION: Final = 11

# gm_action, gm_message_flag
TRADE: Final = 9
SET_LEVEL: Final = 10
FLAG_OWN: Final = 1
FLAG_AUCTION: Final = 2

#: Bytes of a name (GM_NAME_LENGTH).
NAME_LENGTH: Final = 72
