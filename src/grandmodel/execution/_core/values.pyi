from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, Final, Self

def decimal_of(text: str) -> Decimal | None: ...

class Unknown(float):
    reason: str
    def __new__(cls, reason: str = "not known") -> Self: ...
    def __format__(self, spec: str, /) -> str: ...
    def __reduce__(self) -> tuple[type[Self], tuple[str]]: ...
    def __add__(self, other: object = None, modulo: object = None) -> Self: ...  # type: ignore[override, unused-ignore]
    def __sub__(self, other: object = None, modulo: object = None) -> Self: ...  # type: ignore[override, unused-ignore]
    def __mul__(self, other: object = None, modulo: object = None) -> Self: ...  # type: ignore[override, unused-ignore]
    def __truediv__(self, other: object = None, modulo: object = None) -> Self: ...  # type: ignore[override, unused-ignore]
    def __floordiv__(self, other: object = None, modulo: object = None) -> Self: ...  # type: ignore[override, unused-ignore]
    def __mod__(self, other: object = None, modulo: object = None) -> Self: ...  # type: ignore[override, unused-ignore]
    def __pow__(self, other: object = None, modulo: object = None) -> Self: ...  # type: ignore[override, unused-ignore]
    def __radd__(self, other: object) -> Unknown: ...  # type: ignore[override, unused-ignore]
    def __rsub__(self, other: object) -> Unknown: ...  # type: ignore[override, unused-ignore]
    def __rmul__(self, other: object) -> Unknown: ...  # type: ignore[override, unused-ignore]
    def __rtruediv__(self, other: object) -> Unknown: ...  # type: ignore[override, unused-ignore]
    def __rfloordiv__(self, other: object) -> Unknown: ...  # type: ignore[override, unused-ignore]
    def __rmod__(self, other: object) -> Unknown: ...  # type: ignore[override, unused-ignore]
    def __rpow__(self, other: object) -> Unknown: ...  # type: ignore[override, unused-ignore]
    def __neg__(self, other: object = None, modulo: object = None) -> Self: ...
    def __pos__(self, other: object = None, modulo: object = None) -> Self: ...
    def __abs__(self, other: object = None, modulo: object = None) -> Self: ...
    def __round__(self, other: object = None, modulo: object = None) -> Self: ...  # type: ignore[override, unused-ignore]

class OrderStatus(StrEnum):
    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    SUSPENDED = "SUSPENDED"
    UNKNOWN = "UNKNOWN"
    @property
    def is_closed(self) -> bool: ...

class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"
    @property
    def sign(self) -> int: ...

class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    TRAILING_STOP_LIMIT = "trailing_stop_limit"
    MARKET_IF_TOUCHED = "market_if_touched"
    LIMIT_IF_TOUCHED = "limit_if_touched"
    ICEBERG = "iceberg"
    PEGGED_PRIMARY = "pegged_primary"
    PEGGED_MIDPOINT = "pegged_midpoint"
    PEGGED_MARKET = "pegged_market"

class TimeInForce(StrEnum):
    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"
    OPG = "OPG"
    CLS = "CLS"

class Urgency(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    IMMEDIATE = "immediate"

class ExecType(StrEnum):
    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    TRADE_CANCEL = "TRADE_CANCEL"
    TRADE_CORRECT = "TRADE_CORRECT"
    STATUS = "STATUS"

class Liquidity(StrEnum):
    NONE = "none"
    ADDED = "added"
    REMOVED = "removed"
    HIDDEN = "hidden"
    MIDPOINT = "midpoint"
    AUCTION = "auction"

class Reason(IntEnum):
    NONE = 0
    INVALID = 100
    UNSUPPORTED = 101
    DUPLICATE_CLIENT_ID = 102
    PARENT_EXCEEDED = 103
    UNKNOWN_ORDER = 104
    ORDER_CLOSED = 105
    ILLEGAL_TRANSITION = 106
    RISK = 200
    NO_VENUE = 300
    VENUE_REJECTED = 400
    NO_LIQUIDITY = 401
    WOULD_CROSS = 402
    UNFILLED_REMAINDER = 403
    PRICE_OUT_OF_RANGE = 404
    VENUE_CAPACITY = 405
    SELF_MATCH = 406
    END_OF_MARKET = 407
    VENUE_RESTARTED = 408
    NOT_AT_VENUE = 409
    DISCONNECTED = 410
    CAPACITY = 500
    JOURNAL = 501
    USER = 502
    ALGORITHM_DONE = 503
    CLOSED = 504
    ENGINE_RESTARTED = 505
    TIME_EXPIRED = 506
    CONTINGENCY = 507
    TRIGGERED = 508
    REDUCE_ONLY = 107
    LIST_REFUSED = 108
    DECISION = 109
    DECISION_STALE = 110
    DECISION_FLOOD = 111
    KILLED = 201
    REDUCING = 202
    NO_ANSWER = 411
    DUPLICATE_EXECUTION = 412
    OVERFILL = 413
    LATE_FILL = 414
    UNKNOWN_EXECUTION = 415
    NOT_TRADING = 416
    TRADE_THROUGH = 417
    UNSOUND_REPORT = 418
    BEYOND_LIMIT = 419
    RESOLVED = 420

REASON_TEXT: Final[dict[Reason, str]]
SIDE_CODES: Final[dict[str, int]]
ORDER_TYPE_CODES: Final[dict[str, int]]
TIME_IN_FORCE_CODES: Final[dict[str, int]]
URGENCY_CODES: Final[dict[str, int]]
SIDES: Final[dict[int, Side]]
ORDER_TYPES: Final[dict[int, OrderType]]
TIMES_IN_FORCE: Final[dict[int, TimeInForce]]
URGENCIES: Final[dict[int, Urgency | None]]
STATUSES: Final[dict[int, OrderStatus]]
EXEC_TYPES: Final[dict[int, ExecType]]
LIQUIDITIES: Final[dict[int, Liquidity]]
CHECKS: Final[tuple[tuple[int, str, str, str], ...]]
CHECK_GROUPS: Final[tuple[str, ...]]

class ExecutionError(Exception): ...

class OrderRejected(ExecutionError):  # noqa: N818
    @classmethod
    def of(cls, told: Any) -> Self: ...
    @property
    def reason(self) -> Reason: ...
    @property
    def order_id(self) -> int: ...
    @property
    def errors(self) -> dict[str, list[str]]: ...
    @property
    def failed_checks(self) -> list[str]: ...
    def __init__(
        self,
        message: str = "",
        reason: Reason | int = ...,
        order_id: int = 0,
        errors: Mapping[str, list[str]] | None = None,
        failed_checks: Sequence[str] | None = None,
    ) -> None: ...
    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]: ...

class OrderValidationError(OrderRejected, ValueError): ...
class RiskLimitBreached(OrderRejected): ...
class UnknownOrder(ExecutionError, KeyError): ...  # noqa: N818
class OrderStateError(ExecutionError): ...
class JournalError(ExecutionError): ...
class MarketDataError(ExecutionError, ValueError): ...
class VenueError(ExecutionError, OSError): ...
class EngineClosed(ExecutionError): ...  # noqa: N818
class EngineForked(ExecutionError): ...  # noqa: N818

def check_names(mask: int) -> list[str]: ...
def to_jsonable(value: object) -> Any: ...
def to_json(value: object, indent: int | None = None) -> str: ...
