# cython: language_level=3
"""The Python faces of the core's codes: Unknown, the enums, the refusal reasons, and the exception tree.

    ExecutionError
    ├── OrderRejected                 an order was refused; `.reason`, `.order_id`, `.errors`, `.failed_checks`
    │   ├── OrderValidationError      a field is wrong (also a ValueError)
    │   └── RiskLimitBreached         a risk check failed
    ├── UnknownOrder                  no order has that id (also a KeyError)
    ├── OrderStateError               the order's state does not allow the request
    ├── JournalError                  the log cannot be written, or what it holds is not what was written
    ├── MarketDataError               a market data file is wrong (also a ValueError); names file and record
    ├── VenueError                    a venue in another process cannot be reached, or refuses (also an OSError)
    ├── EngineClosed                  the engine has been closed
    └── EngineForked                  the engine belongs to another process
"""
import re
from decimal import Decimal
from enum import IntEnum, StrEnum

from grandmodel.execution._core.records cimport (
    GM_ADDED, GM_AUCTION_FILL, GM_BUY, GM_CANCELED, GM_CHECK_CONCENTRATION, GM_CHECK_DAILY_COUNT, GM_CHECK_DAILY_VALUE,
    GM_CHECK_LEVERAGE, GM_CHECK_NOTIONAL, GM_CHECK_ORDER_SIZE, GM_CHECK_ORDER_VALUE, GM_CHECK_POSITION, GM_CHECK_PRICE,
    GM_CHECK_SECTOR, GM_CLS, GM_DAY, GM_EXPIRED, GM_FILLED, GM_FOK, GM_GTC, GM_GTD, GM_HIDDEN_FILL, GM_ICEBERG, GM_IOC,
    GM_LIMIT, GM_LIMIT_IF_TOUCHED, GM_LIQUIDITY_NONE, GM_MARKET, GM_MARKET_IF_TOUCHED, GM_MIDPOINT_FILL, GM_NEW, GM_OPG,
    GM_PARTIALLY_FILLED, GM_PEGGED_MARKET, GM_PEGGED_MIDPOINT, GM_PEGGED_PRIMARY, GM_PENDING_CANCEL, GM_PENDING_NEW,
    GM_PENDING_REPLACE, GM_REASON_ALGORITHM_DONE, GM_REASON_CAPACITY, GM_REASON_CLOSED, GM_REASON_DISCONNECTED,
    GM_REASON_DUPLICATE_CLIENT_ID, GM_REASON_ENGINE_RESTARTED, GM_REASON_NOT_AT_VENUE, GM_REASON_VENUE_RESTARTED,
    GM_REASON_END_OF_MARKET, GM_REASON_ILLEGAL_TRANSITION, GM_REASON_INVALID, GM_REASON_JOURNAL, GM_REASON_NONE,
    GM_REASON_NO_LIQUIDITY, GM_REASON_NO_VENUE, GM_REASON_ORDER_CLOSED, GM_REASON_PARENT_EXCEEDED,
    GM_REASON_PRICE_OUT_OF_RANGE, GM_REASON_RISK, GM_REASON_SELF_MATCH, GM_REASON_UNFILLED_REMAINDER,
    GM_REASON_UNKNOWN_ORDER, GM_REASON_UNSUPPORTED, GM_REASON_USER, GM_REASON_VENUE_CAPACITY, GM_REASON_VENUE_REJECTED,
    GM_CHECK_COLLAR, GM_CHECK_DUPLICATE, GM_CHECK_GROSS, GM_CHECK_HALTED, GM_CHECK_LOCATE, GM_CHECK_LONG_ONLY, GM_CHECK_NET,
    GM_CHECK_OPEN_ORDERS, GM_CHECK_RATE, GM_CHECK_RESTRICTED, GM_CHECK_SELF_MATCH, GM_CHECK_STALE, GM_CHECK_VOLUME,
    GM_REASON_CONTINGENCY, GM_REASON_DUPLICATE_EXECUTION, GM_REASON_KILLED, GM_REASON_LATE_FILL, GM_REASON_LIST_REFUSED,
    GM_REASON_NO_ANSWER, GM_REASON_OVERFILL, GM_REASON_REDUCE_ONLY, GM_REASON_REDUCING, GM_REASON_TIME_EXPIRED,
    GM_REASON_TRIGGERED, GM_REASON_UNKNOWN_EXECUTION, GM_REASON_NOT_TRADING,
    GM_REASON_TRADE_THROUGH, GM_REASON_UNSOUND_REPORT, GM_REASON_BEYOND_LIMIT, GM_REASON_RESOLVED,
    GM_REASON_DECISION, GM_REASON_DECISION_FLOOD, GM_REASON_DECISION_STALE,
    GM_REASON_WOULD_CROSS, GM_REJECTED, GM_REMOVED, GM_SELL, GM_STOP, GM_STOP_LIMIT, GM_SUSPENDED, GM_TRAILING_STOP,
    GM_TRAILING_STOP_LIMIT, GM_UNKNOWN_STATUS, GM_URGENCY_HIGH, GM_URGENCY_IMMEDIATE, GM_URGENCY_LOW, GM_URGENCY_MEDIUM,
    GM_URGENCY_NONE,
)

_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def decimal_of(text):
    """The number that a text of at most 64 characters is in plain decimal digits, blanks around it left out; None: it is none.

    Decimal's own reading takes more: other scripts' digits, underscores, NaN and infinities.
    """
    if len(text) > 64 or not _DECIMAL.fullmatch(text.strip()):
        return None
    return Decimal(text.strip())


class Unknown(float):
    """A number that cannot be known, with the reason why. It is NaN; it formats as `n/a`; it is never 0.

    `f"{x:.4f}"` gives `n/a` in the spec's width. `+ - * /`, `round` and negation give the first Unknown again. It equals
    nothing, as NaN does, not another of the same reason either: that two prices cannot be known does not make them one
    price. Whether a reason is the same is for `.reason` to say.
    """

    __slots__ = ("reason",)

    def __new__(cls, reason="not known"):
        if not isinstance(reason, str) or not reason:
            raise TypeError(f"reason is {reason!r}, must be a non-empty str")
        self = super().__new__(cls, "nan")
        self.reason = reason
        return self

    def __format__(self, spec):
        align, width = "", ""
        body = spec
        if len(body) > 1 and body[1] in "<>^=":
            align, body = body[:2].replace("=", ">"), body[2:]
        elif body[:1] in ("<", ">", "^", "="):
            align, body = body[0].replace("=", ">"), body[1:]
        body = body.lstrip("+- zZ#0")
        for character in body:
            if not character.isdigit():
                break
            width += character
        return format("n/a", (align or ">") + width if width else "")

    def __str__(self):
        return f"n/a ({self.reason})"

    def __repr__(self):
        return f"Unknown({self.reason!r})"

    def __reduce__(self):
        return (type(self), (self.reason,))

    def _keep(self, other=None, modulo=None):
        return self

    def _keep_first(self, other):
        return other if isinstance(other, Unknown) else self

    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _keep
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = _keep_first
    __neg__ = __pos__ = __abs__ = __round__ = _keep


class OrderStatus(StrEnum):
    """FIX OrdStatus names, plus UNKNOWN: sent, and not answered."""

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
    def is_closed(self):
        """True for FILLED, CANCELED, REJECTED and EXPIRED: nothing more is expected."""
        return self in _CLOSED


_CLOSED = frozenset((OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED))


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self):
        """+1 buy, -1 sell."""
        return 1 if self is Side.BUY else -1


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
    """FIX ExecType names; STATUS is a state without an event of its own (PENDING_*, SUSPENDED, UNKNOWN)."""

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
    """Why an order was refused or ended. Stable: 1xx the order, 2xx risk, 3xx routing, 4xx the venue, 5xx the engine."""

    NONE = GM_REASON_NONE
    INVALID = GM_REASON_INVALID
    UNSUPPORTED = GM_REASON_UNSUPPORTED
    DUPLICATE_CLIENT_ID = GM_REASON_DUPLICATE_CLIENT_ID
    PARENT_EXCEEDED = GM_REASON_PARENT_EXCEEDED
    UNKNOWN_ORDER = GM_REASON_UNKNOWN_ORDER
    ORDER_CLOSED = GM_REASON_ORDER_CLOSED
    ILLEGAL_TRANSITION = GM_REASON_ILLEGAL_TRANSITION
    REDUCE_ONLY = GM_REASON_REDUCE_ONLY
    LIST_REFUSED = GM_REASON_LIST_REFUSED
    DECISION = GM_REASON_DECISION
    DECISION_STALE = GM_REASON_DECISION_STALE
    DECISION_FLOOD = GM_REASON_DECISION_FLOOD
    RISK = GM_REASON_RISK
    KILLED = GM_REASON_KILLED
    REDUCING = GM_REASON_REDUCING
    NO_VENUE = GM_REASON_NO_VENUE
    VENUE_REJECTED = GM_REASON_VENUE_REJECTED
    NO_LIQUIDITY = GM_REASON_NO_LIQUIDITY
    WOULD_CROSS = GM_REASON_WOULD_CROSS
    UNFILLED_REMAINDER = GM_REASON_UNFILLED_REMAINDER
    PRICE_OUT_OF_RANGE = GM_REASON_PRICE_OUT_OF_RANGE
    VENUE_CAPACITY = GM_REASON_VENUE_CAPACITY
    SELF_MATCH = GM_REASON_SELF_MATCH
    END_OF_MARKET = GM_REASON_END_OF_MARKET
    VENUE_RESTARTED = GM_REASON_VENUE_RESTARTED
    NOT_AT_VENUE = GM_REASON_NOT_AT_VENUE
    DISCONNECTED = GM_REASON_DISCONNECTED
    NO_ANSWER = GM_REASON_NO_ANSWER
    DUPLICATE_EXECUTION = GM_REASON_DUPLICATE_EXECUTION
    OVERFILL = GM_REASON_OVERFILL
    LATE_FILL = GM_REASON_LATE_FILL
    UNKNOWN_EXECUTION = GM_REASON_UNKNOWN_EXECUTION
    NOT_TRADING = GM_REASON_NOT_TRADING
    TRADE_THROUGH = GM_REASON_TRADE_THROUGH
    UNSOUND_REPORT = GM_REASON_UNSOUND_REPORT
    BEYOND_LIMIT = GM_REASON_BEYOND_LIMIT
    RESOLVED = GM_REASON_RESOLVED
    CAPACITY = GM_REASON_CAPACITY
    JOURNAL = GM_REASON_JOURNAL
    USER = GM_REASON_USER
    ALGORITHM_DONE = GM_REASON_ALGORITHM_DONE
    CLOSED = GM_REASON_CLOSED
    ENGINE_RESTARTED = GM_REASON_ENGINE_RESTARTED
    TIME_EXPIRED = GM_REASON_TIME_EXPIRED
    CONTINGENCY = GM_REASON_CONTINGENCY
    TRIGGERED = GM_REASON_TRIGGERED


#: What a reason means, in a sentence a trader can read.
REASON_TEXT = {
    Reason.NONE: "no reason given",
    Reason.INVALID: "a field of the order is wrong",
    Reason.UNSUPPORTED: "no venue that it may go to takes such an order",
    Reason.DUPLICATE_CLIENT_ID: "another order already has this client_order_id",
    Reason.PARENT_EXCEEDED: "the child is more than its parent has left, or differs from it in symbol, side or account",
    Reason.UNKNOWN_ORDER: "no order has that id",
    Reason.ORDER_CLOSED: "the order has already ended",
    Reason.ILLEGAL_TRANSITION: "the order's state does not allow it",
    Reason.RISK: "a risk check failed",
    Reason.NO_VENUE: "no enabled venue can take this order",
    Reason.VENUE_REJECTED: "the venue rejected the order",
    Reason.NO_LIQUIDITY: "there was nothing to trade with at this price",
    Reason.WOULD_CROSS: "a post-only order would have traded at once",
    Reason.UNFILLED_REMAINDER: "the rest found nothing more to trade with",
    Reason.PRICE_OUT_OF_RANGE: "the price is off the venue's tick or outside its range",
    Reason.VENUE_CAPACITY: "the venue's book is full",
    Reason.SELF_MATCH: "the order would have traded with one of our own",
    Reason.END_OF_MARKET: "the recorded market has ended",
    Reason.VENUE_RESTARTED: "the venue restarted before it answered",
    Reason.NOT_AT_VENUE: "the venue says that it does not have the order",
    Reason.DISCONNECTED: "the connection to the venue was lost before it answered",
    Reason.CAPACITY: "the order table is full",
    Reason.JOURNAL: "the journal cannot take more records",
    Reason.USER: "asked for by the user",
    Reason.ALGORITHM_DONE: "the algorithm's time is over",
    Reason.CLOSED: "the engine has been closed",
    Reason.ENGINE_RESTARTED: "the engine restarted, and the algorithm with it",
    Reason.REDUCE_ONLY: "a reduce-only order would not only reduce the position",
    Reason.LIST_REFUSED: "another order of its list was refused",
    Reason.DECISION: "an agent's decision was wrong",
    Reason.DECISION_STALE: "an agent's decision was too old when its turn came",
    Reason.DECISION_FLOOD: "more decisions came than are taken",
    Reason.KILLED: "a kill switch stands; reset_kill() lifts it",
    Reason.REDUCING: "trading is reduced to orders that do not raise the risk",
    Reason.NO_ANSWER: "the venue did not answer in time",
    Reason.DUPLICATE_EXECUTION: "the venue told this execution before; it is booked once",
    Reason.OVERFILL: "the venue filled more than was open; it is booked",
    Reason.LATE_FILL: "the fill came after the order had ended; it is booked",
    Reason.UNKNOWN_EXECUTION: "the execution that it revises is not known",
    Reason.TRADE_THROUGH: "at a worse price than another venue displayed then (Reg NMS 611)",
    Reason.UNSOUND_REPORT: "the report cannot be: another symbol or side, no such kind, or figures that nothing can have; nothing is booked",
    Reason.BEYOND_LIMIT: "executed at a worse price than the order's limit; it is booked",
    Reason.RESOLVED: "its venue said nothing more; a person did",
    Reason.NOT_TRADING: "the venue does not take it in its present phase (a call, a halt, closed)",
    Reason.TIME_EXPIRED: "its time in force is over",
    Reason.CONTINGENCY: "another order of its list decided it",
    Reason.TRIGGERED: "its trigger was met",
}

# Code tables: names to the numbers of records.h, and back.
SIDE_CODES = {"buy": GM_BUY, "sell": GM_SELL}
ORDER_TYPE_CODES = {
    "market": GM_MARKET, "limit": GM_LIMIT, "stop": GM_STOP, "stop_limit": GM_STOP_LIMIT,
    "trailing_stop": GM_TRAILING_STOP, "trailing_stop_limit": GM_TRAILING_STOP_LIMIT,
    "market_if_touched": GM_MARKET_IF_TOUCHED, "limit_if_touched": GM_LIMIT_IF_TOUCHED, "iceberg": GM_ICEBERG,
    "pegged_primary": GM_PEGGED_PRIMARY, "pegged_midpoint": GM_PEGGED_MIDPOINT, "pegged_market": GM_PEGGED_MARKET,
}
TIME_IN_FORCE_CODES = {"DAY": GM_DAY, "GTC": GM_GTC, "IOC": GM_IOC, "FOK": GM_FOK, "GTD": GM_GTD, "OPG": GM_OPG, "CLS": GM_CLS}
URGENCY_CODES = {"low": GM_URGENCY_LOW, "medium": GM_URGENCY_MEDIUM, "high": GM_URGENCY_HIGH, "immediate": GM_URGENCY_IMMEDIATE}

SIDES = {GM_BUY: Side.BUY, GM_SELL: Side.SELL}
ORDER_TYPES = {code: OrderType(name) for name, code in ORDER_TYPE_CODES.items()}
TIMES_IN_FORCE = {code: TimeInForce(name) for name, code in TIME_IN_FORCE_CODES.items()}
URGENCIES = {code: Urgency(name) for name, code in URGENCY_CODES.items()}
URGENCIES[GM_URGENCY_NONE] = None
STATUSES = {
    GM_PENDING_NEW: OrderStatus.PENDING_NEW, GM_NEW: OrderStatus.NEW, GM_PARTIALLY_FILLED: OrderStatus.PARTIALLY_FILLED,
    GM_FILLED: OrderStatus.FILLED, GM_PENDING_CANCEL: OrderStatus.PENDING_CANCEL,
    GM_PENDING_REPLACE: OrderStatus.PENDING_REPLACE, GM_CANCELED: OrderStatus.CANCELED, GM_REJECTED: OrderStatus.REJECTED,
    GM_EXPIRED: OrderStatus.EXPIRED, GM_SUSPENDED: OrderStatus.SUSPENDED, GM_UNKNOWN_STATUS: OrderStatus.UNKNOWN,
}
EXEC_TYPES = dict(enumerate(ExecType, 1))         # gm_exec_type, in its order
LIQUIDITIES = {
    GM_LIQUIDITY_NONE: Liquidity.NONE, GM_ADDED: Liquidity.ADDED, GM_REMOVED: Liquidity.REMOVED,
    GM_HIDDEN_FILL: Liquidity.HIDDEN, GM_MIDPOINT_FILL: Liquidity.MIDPOINT, GM_AUCTION_FILL: Liquidity.AUCTION,
}

#: Each check's bit, its own name, the mission's name for the group it belongs to, and the unit of its figures. A "flag" is there (1 above 0),
#: or is not; "none" has no figure.
CHECKS = (
    (GM_CHECK_POSITION, "position", "position_limit", "steps"),
    (GM_CHECK_ORDER_SIZE, "order_size", "order_size_limit", "steps"),
    (GM_CHECK_NOTIONAL, "notional", "order_size_limit", "money"),
    (GM_CHECK_ORDER_VALUE, "order_value", "order_size_limit", "money"),
    (GM_CHECK_DAILY_VALUE, "daily_value", "daily_trading_limit", "money"),
    (GM_CHECK_DAILY_COUNT, "daily_count", "daily_trading_limit", "orders"),
    (GM_CHECK_SECTOR, "sector", "sector_exposure", "fraction"),
    (GM_CHECK_LEVERAGE, "leverage", "leverage_limit", "fraction"),
    (GM_CHECK_CONCENTRATION, "concentration", "concentration_limit", "fraction"),
    (GM_CHECK_PRICE, "price", "price_available", "none"),
    (GM_CHECK_GROSS, "gross_exposure", "leverage_limit", "money"),
    (GM_CHECK_NET, "net_exposure", "leverage_limit", "money"),
    (GM_CHECK_COLLAR, "price_collar", "price_collar", "bps"),
    (GM_CHECK_VOLUME, "daily_volume", "order_size_limit", "fraction"),
    (GM_CHECK_DUPLICATE, "duplicate", "duplicate_order", "flag"),
    (GM_CHECK_RATE, "message_rate", "message_rate", "messages"),
    (GM_CHECK_OPEN_ORDERS, "open_orders", "open_orders", "orders"),
    (GM_CHECK_RESTRICTED, "restricted", "restricted_list", "flag"),
    (GM_CHECK_LONG_ONLY, "long_only", "short_sale", "steps"),
    (GM_CHECK_LOCATE, "locate", "short_sale", "steps"),
    (GM_CHECK_SELF_MATCH, "self_match", "self_match", "flag"),
    (GM_CHECK_STALE, "stale_quote", "price_available", "seconds"),
    (GM_CHECK_HALTED, "halted", "market_halted", "flag"),
)

#: The mission's six checks, in its order.
CHECK_GROUPS = ("position_limit", "order_size_limit", "daily_trading_limit", "sector_exposure", "leverage_limit", "concentration_limit")


class ExecutionError(Exception):
    """Root of the engine's own exceptions."""


class OrderRejected(ExecutionError):
    """The engine refused an order; the refusal stands in the journal.

    Attributes
    ----------
    reason : Reason
    order_id : int, the id under which the refusal is recorded; 0 when there is none
    errors : dict, field -> list of messages (what is wrong with the order itself)
    failed_checks : list of str, the mission's check names that failed
    """

    def __init__(self, message="", reason=Reason.INVALID, order_id=0, errors=None, failed_checks=None):
        super().__init__(message)
        self._told = _Told(str(message), Reason(reason), order_id, dict(errors or {}), list(failed_checks or ()))

    @classmethod
    def of(cls, told):
        """One whose words are made when somebody reads them: `told` has message, reason, order_id, errors and failed_checks."""
        self = cls.__new__(cls)
        self._told = told
        return self

    @property
    def reason(self):
        return self._told.reason

    @property
    def order_id(self):
        return self._told.order_id

    @property
    def errors(self):
        return self._told.errors

    @property
    def failed_checks(self):
        return self._told.failed_checks

    def __str__(self):
        return self._told.message

    def __repr__(self):
        return f"{type(self).__name__}({self._told.message!r})"

    def __reduce__(self):
        told = self._told
        return (type(self), (told.message, told.reason, told.order_id, told.errors, told.failed_checks))


class _Told:
    """The words of a refusal that are there already."""

    __slots__ = ("errors", "failed_checks", "message", "order_id", "reason")

    def __init__(self, message, reason, order_id, errors, failed_checks):
        self.message = message
        self.reason = reason
        self.order_id = order_id
        self.errors = errors
        self.failed_checks = failed_checks


class OrderValidationError(OrderRejected, ValueError):
    """A field of the order is wrong: `.errors` names each with what was given and what was expected."""


class RiskLimitBreached(OrderRejected):
    """A pre-trade risk check failed: `.failed_checks` names each; the message has figure and limit."""


class UnknownOrder(ExecutionError, KeyError):
    """No order has that id."""

    def __str__(self):
        return self.args[0] if self.args else ""


class OrderStateError(ExecutionError):
    """The order's state does not allow the request; nothing changed."""


class JournalError(ExecutionError):
    """The journal cannot be written, or what it holds is not what was written."""


class MarketDataError(ExecutionError, ValueError):
    """A market data file is wrong. The message names the file and the record."""


class VenueError(ExecutionError, OSError):
    """A venue in another process cannot be reached, does not answer, or refuses. The message names the venue."""


class EngineClosed(ExecutionError):
    """The engine has been closed."""


class EngineForked(ExecutionError):
    """The engine belongs to the process that made it; a forked child may not use it."""


def check_names(mask):
    """The mission's names of the checks in `mask` (gm_check bits), each once, in the mission's order."""
    groups = {group for bit, _, group, _ in CHECKS if mask & bit}
    ordered = [group for group in CHECK_GROUPS if group in groups]
    return ordered + sorted(groups - set(ordered))


def to_jsonable(value):
    """`value` with NaN, Unknown and infinities as None, arrays as lists, enums as their values: what JSON can hold."""
    if isinstance(value, float):
        return value if value - value == 0.0 else None
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, StrEnum) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, dict):
        return {str(key): to_jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return to_jsonable(value.tolist())
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def to_json(value, indent=None):
    """JSON text of `value`; what is not a number is null (`json.dumps` alone would write the invalid `NaN`)."""
    import json

    return json.dumps(to_jsonable(value), indent=indent, allow_nan=False)
