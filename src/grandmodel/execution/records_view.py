"""Records of the journal in user units: what each tells, and its row as a payload with names instead of numbers.

Events, the journal's command and its exports read the log through this module.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from . import record_codes as codes
from ._core.records import NO_PRICE, VOID_REASONS
from ._core.scoring import VERDICTS
from ._core.validation import FIELDS
from ._core.values import (
    CHECKS,
    LIQUIDITIES,
    ORDER_TYPES,
    REASON_TEXT,
    SIDES,
    STATUSES,
    TIMES_IN_FORCE,
    URGENCIES,
    Reason,
    Unknown,
    check_names,
)

__all__ = ["EventType", "JournalNames", "Names", "RecordView", "type_of"]

SEQUENCE_MASK = 0xFFFFFFFFFFFF  # of a header's commit word


class EventType(StrEnum):
    """What an event tells. All but the last three are records of the journal."""

    NAME_DEFINED = "NAME_DEFINED"
    ORDER_SUBMITTED = "ORDER_SUBMITTED"
    ORDER_ROUTED = "ORDER_ROUTED"
    ORDER_REFUSED = "ORDER_REFUSED"
    ORDER_ACKNOWLEDGED = "ORDER_ACKNOWLEDGED"
    ORDER_FILLED = "ORDER_FILLED"
    ORDER_CANCELED = "ORDER_CANCELED"
    ORDER_REPLACED = "ORDER_REPLACED"
    ORDER_REJECTED = "ORDER_REJECTED"
    ORDER_EXPIRED = "ORDER_EXPIRED"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    TRADE_CANCELED = "TRADE_CANCELED"
    TRADE_CORRECTED = "TRADE_CORRECTED"
    PARENT_CLOSED = "PARENT_CLOSED"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    ORDER_PENDING = "ORDER_PENDING"
    ORDER_SUSPENDED = "ORDER_SUSPENDED"
    ORDER_TERMS = "ORDER_TERMS"
    PARENT_SUSPENDED = "PARENT_SUSPENDED"
    REPLACE_REQUESTED = "REPLACE_REQUESTED"
    EXPIRY_REQUESTED = "EXPIRY_REQUESTED"
    ORDER_AMENDED = "ORDER_AMENDED"
    ORDER_TRIGGERED = "ORDER_TRIGGERED"
    STOP_TRAILED = "STOP_TRAILED"
    ORDER_ARMED = "ORDER_ARMED"
    REQUEST_REFUSED = "REQUEST_REFUSED"
    REPORT_SET_ASIDE = "REPORT_SET_ASIDE"
    KILL_SWITCH = "KILL_SWITCH"
    TRADING_REDUCED = "TRADING_REDUCED"
    KILL_SWITCH_RESET = "KILL_SWITCH_RESET"
    VENUE_TRIPPED = "VENUE_TRIPPED"
    VENUE_RESTORED = "VENUE_RESTORED"
    LIMIT_CHANGED = "LIMIT_CHANGED"
    LIMITS_REFUSED = "LIMITS_REFUSED"
    SESSION_CLOSED = "SESSION_CLOSED"
    COMPLIANCE_FINDING = "COMPLIANCE_FINDING"
    BALANCE_OPENED = "BALANCE_OPENED"
    EXECUTION_FEEDBACK = "EXECUTION_FEEDBACK"
    RISK_ALERT = "RISK_ALERT"


# Kinds of records, and the tables from codes to events.
NAME, ORDER, DECISION, REPORT = codes.RECORD_NAME, codes.RECORD_ORDER, codes.RECORD_DECISION, codes.RECORD_REPORT
REFUSAL, REQUEST, BALANCE, TERMS = codes.RECORD_REFUSAL, codes.RECORD_REQUEST, codes.RECORD_BALANCE, codes.RECORD_TERMS
LATCH, LIMIT, SESSION = codes.RECORD_LATCH, codes.RECORD_LIMIT, codes.RECORD_SESSION
_BY_KIND = {
    NAME: EventType.NAME_DEFINED,
    ORDER: EventType.ORDER_SUBMITTED,
    DECISION: EventType.ORDER_ROUTED,
    REFUSAL: EventType.ORDER_REFUSED,
    BALANCE: EventType.BALANCE_OPENED,
    TERMS: EventType.ORDER_TERMS,
    LIMIT: EventType.LIMIT_CHANGED,
    SESSION: EventType.SESSION_CLOSED,
}
_BY_EXEC_TYPE = {
    codes.EXEC_NEW: EventType.ORDER_ACKNOWLEDGED,
    codes.EXEC_TRADE: EventType.ORDER_FILLED,
    codes.EXEC_CANCELED: EventType.ORDER_CANCELED,
    codes.EXEC_REPLACED: EventType.ORDER_REPLACED,
    codes.EXEC_REJECTED: EventType.ORDER_REJECTED,
    codes.EXEC_EXPIRED: EventType.ORDER_EXPIRED,
    codes.EXEC_CANCEL_REJECTED: EventType.CANCEL_REJECTED,
    codes.EXEC_TRADE_CANCEL: EventType.TRADE_CANCELED,
    codes.EXEC_TRADE_CORRECT: EventType.TRADE_CORRECTED,
    codes.EXEC_STATUS: EventType.ORDER_UNKNOWN,
}
_BY_REQUEST = {
    codes.REQUEST_CANCEL: EventType.CANCEL_REQUESTED,
    codes.REQUEST_CLOSE_PARENT: EventType.PARENT_CLOSED,
    codes.REQUEST_SUSPEND: EventType.PARENT_SUSPENDED,
    codes.REQUEST_REPLACE: EventType.REPLACE_REQUESTED,
    codes.REQUEST_EXPIRE: EventType.EXPIRY_REQUESTED,
    codes.REQUEST_AMEND: EventType.ORDER_AMENDED,
    codes.REQUEST_TRIGGER: EventType.ORDER_TRIGGERED,
    codes.REQUEST_TRAIL: EventType.STOP_TRAILED,
    codes.REQUEST_ACTIVATE: EventType.ORDER_ARMED,
    codes.REQUEST_REFUSED: EventType.REQUEST_REFUSED,
}
_BY_LATCH = {
    codes.LATCH_KILL: EventType.KILL_SWITCH,
    codes.LATCH_REDUCE: EventType.TRADING_REDUCED,
    codes.LATCH_RESET: EventType.KILL_SWITCH_RESET,
    codes.LATCH_TRIPPED: EventType.VENUE_TRIPPED,
    codes.LATCH_RESTORED: EventType.VENUE_RESTORED,
}
_BY_STATUS = {10: EventType.ORDER_SUSPENDED, 11: EventType.ORDER_UNKNOWN}  # of a report that is of a state alone
TRIGGERS = {1: "last", 2: "bid_ask", 3: "mid"}
CONTINGENCIES = {1: "oco", 2: "oto", 3: "bracket"}
SCOPES = codes.SCOPES
SYMBOL, VENUE, STRATEGY = codes.NAME_SYMBOL, codes.NAME_VENUE, codes.NAME_STRATEGY
ALGORITHM, TAG = codes.NAME_ALGORITHM, codes.NAME_TAG
NAME_KINDS = {SYMBOL: "symbol", VENUE: "venue", STRATEGY: "strategy", ALGORITHM: "algorithm", TAG: "tag"}
_INSTRUCTIONS = (
    (codes.POST_ONLY, "post_only"), (codes.REDUCE_ONLY, "reduce_only"), (codes.ALL_OR_NONE, "all_or_none"),
    (codes.HIDDEN, "hidden"),
)  # fmt: skip


def type_of(kind: int, row: Any) -> EventType:
    """What the row of a record of that kind tells."""
    if kind == REPORT and (int(row["status"]) == 0 or int(row["reason"]) in VOID_REASONS):
        return EventType.REPORT_SET_ASIDE
    if kind == REPORT and int(row["exec_type"]) == codes.EXEC_STATUS:
        return _BY_STATUS.get(int(row["status"]), EventType.ORDER_PENDING)
    if kind == LIMIT and row["refused"]:
        return EventType.LIMITS_REFUSED
    if kind == LATCH:
        return _BY_LATCH[int(row["action"])]
    if kind == REPORT:
        return _BY_EXEC_TYPE[int(row["exec_type"])]
    if kind == REQUEST:
        return _BY_REQUEST[int(row["kind"])]
    return _BY_KIND[kind]


def _priced(payload: dict[str, Any], name: str, raw: Any, missing: str) -> None:
    value = int(raw)
    payload[name] = Unknown(missing) if value == NO_PRICE else value / 1e9
    payload[f"{name}_e9"] = None if value == NO_PRICE else value


def _reason(payload: dict[str, Any], raw: Any) -> None:
    reason = Reason(int(raw))
    payload["reason"] = reason
    payload["reason_text"] = REASON_TEXT[reason]


class Names(Protocol):
    """What numbers in records are called; an engine core is one."""

    def symbol_text(self, number: int, /) -> str: ...
    def venue_text(self, number: int, /) -> str: ...
    def strategy_text(self, number: int, /) -> str | None: ...
    def algorithm_text(self, number: int, /) -> str | None: ...
    def tag_text(self, number: int, /) -> str | None: ...


class JournalNames:
    """Names from a log's own NAME records, for readers that have no engine.

    A record uses a name only after the NAME record that gave it, so whoever learns each NAME as it comes knows enough.
    A number that nobody named is shown as `symbol#7`: a damaged log is to be read, not to be refused.
    """

    __slots__ = ("by_kind",)

    def __init__(self) -> None:
        #: {kind of name: {number: text}}
        self.by_kind: dict[int, dict[int, str]] = {kind: {} for kind in NAME_KINDS}

    def learn(self, row: Any) -> None:
        """Takes in the row of a NAME record."""
        text = bytes(row["text"]).decode("utf-8", "replace")
        self.by_kind.setdefault(int(row["kind"]), {})[int(row["id"])] = text

    def text(self, kind: int, number: int) -> str:
        """What `number` is called among the names of that kind."""
        return self.by_kind[kind].get(number) or f"{NAME_KINDS[kind]}#{number}"

    def symbol_text(self, number: int) -> str:
        return self.text(SYMBOL, number)

    def venue_text(self, number: int) -> str:
        return self.text(VENUE, number)

    def strategy_text(self, number: int) -> str | None:
        return self.text(STRATEGY, number) if number else None

    def algorithm_text(self, number: int) -> str | None:
        return self.text(ALGORITHM, number) if number else None

    def tag_text(self, number: int) -> str | None:
        return self.text(TAG, number) if number else None


class RecordView:
    """Turns the records of one journal into payloads.

    Parameters
    ----------
    names : what knows the texts of numbers: an engine core, or JournalNames
    """

    __slots__ = ("_names",)

    def __init__(self, names: Names) -> None:
        self._names = names

    def _symbol(self, number: Any) -> str | None:
        return self._names.symbol_text(int(number)) if number >= 0 else None

    def _venue(self, number: Any) -> str | None:
        return self._names.venue_text(int(number)) if number >= 0 else None

    def payload(self, kind: int, record: Any) -> dict[str, Any]:
        """A whole record (header and row) as a new dict: symbols as text, prices as float and, exactly, as `*_e9`."""
        header = record["header"]
        payload = _PAYLOADS[kind](self, record["row"])
        payload["time_ns"] = int(header["time_ns"])
        payload["sequence"] = int(header["commit"]) & SEQUENCE_MASK
        return payload

    def name(self, row: Any) -> dict[str, Any]:
        kind = NAME_KINDS.get(int(row["kind"]), str(row["kind"]))
        return {"kind": kind, "number": int(row["id"]), "text": bytes(row["text"]).decode("utf-8", "replace")}

    def order(self, row: Any) -> dict[str, Any]:
        names = self._names
        client = bytes(row["client_order_id"]).rstrip(b"\0").decode("ascii")
        flags = int(row["flags"])
        payload: dict[str, Any] = {
            "order_id": int(row["order_id"]),
            "parent_id": int(row["parent_id"]) or None,
            "client_order_id": client or None,
            "symbol": self._symbol(row["symbol"]),
            "side": SIDES[int(row["side"])],
            "order_type": ORDER_TYPES[int(row["order_type"])],
            "time_in_force": TIMES_IN_FORCE[int(row["time_in_force"])],
            "quantity": int(row["quantity"]),
            "display_quantity": int(row["display_quantity"]) or None,
            "venue": self._venue(row["venue"]),
            "account": int(row["account"]),
            "strategy": names.strategy_text(int(row["strategy"])),
            "algorithm": names.algorithm_text(int(row["algorithm"])),
            "tag": names.tag_text(int(row["tag"])),
            "urgency": URGENCIES[int(row["urgency"]) & 7],
            "instructions": [name for bit, name in _INSTRUCTIONS if flags & bit],
            "is_parent": bool(flags & 16),
        }
        _priced(payload, "limit_price", row["limit_price_e9"], "the order has no limit price")
        _priced(payload, "stop_price", row["stop_price_e9"], "the order has no stop price")
        _priced(payload, "arrival_mid", row["arrival_mid_e9"], "no quote at arrival")
        return payload

    def decision(self, row: Any) -> dict[str, Any]:
        runner_up = self._venue(row["runner_up"])
        payload: dict[str, Any] = {
            "order_id": int(row["order_id"]),
            "venue": self._venue(row["venue"]),
            "runner_up": runner_up,
            "candidates": int(row["candidates"]),
            "score_bps": float(row["score"]),
            "runner_up_score_bps": float(row["runner_up_score"]) if runner_up else Unknown("no second venue"),
            "feed_sequence": int(row["feed_sequence"]),
            "bid_venue": self._venue(row["bid_venue"]),
            "ask_venue": self._venue(row["ask_venue"]),
            "config_hash": int(row["config_hash"]),
            "checks": [name for bit, name, _, _ in CHECKS if int(row["checks"]) & bit],
            "venues": self.scores(row),
        }
        for name in ("bid", "ask", "expected_price"):
            _priced(payload, name, row[f"{name}_e9"], "no quote")
        return payload

    def scores(self, row: Any) -> dict[str, tuple[float, str]]:
        """What each of the first venues would have cost (bps against the mid, in hundredths) and why it lost, as a
        decision recorded it."""
        if not any(row["scores"]):
            return {}
        found: dict[str, tuple[float, str]] = {}
        for number, packed in enumerate(row["scores"]):
            name = self._known_venue(number)
            if name is None:
                break
            verdict, cost = VERDICTS[int(packed) >> 12], (int(packed) & 0xFFF) - 2048
            found[name] = (Unknown("not a candidate, or beyond 20 bps") if abs(cost) >= 2047 else cost / 100, verdict)
        return found

    def _known_venue(self, number: int) -> str | None:
        try:
            name = self._names.venue_text(number)
        except (IndexError, KeyError):
            return None
        return None if name.startswith("venue#") else name

    def terms(self, row: Any) -> dict[str, Any]:
        """The rarer terms of an order: those it has."""
        unit, offset = int(row["trail_unit"]), int(row["trail_offset"])
        found: dict[str, Any] = {
            "order_id": int(row["order_id"]),
            "expire_ns": int(row["expire_ns"]) or None,
            "min_quantity": int(row["minimum_quantity"]) or None,
            "trailing_amount": offset / 1e9 if unit == 1 else None,
            "trailing_bps": offset / 1e5 if unit == 2 else None,
            "limit_offset": int(row["limit_offset_e9"]) / 1e9 or None,
            "display_spread": int(row["display_spread_e9"]) / 1e9 or None,
            "trigger": TRIGGERS.get(int(row["trigger"])),
            "contingency": CONTINGENCIES.get(int(row["contingency"])),
            "list_id": int(row["list_id"]) or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def latch(self, row: Any) -> dict[str, Any]:
        scope, target = int(row["scope"]), int(row["target"])
        names = self._names
        texts: dict[int, Callable[[int], Any]] = {
            2: int,
            3: names.strategy_text,
            4: names.symbol_text,
            5: names.venue_text,
        }
        return {
            "scope": SCOPES.get(scope, str(scope)),
            "target": texts[scope](target) if scope in texts else None,
            "name": bytes(row["name"]).rstrip(b"\0").decode("utf-8", "replace"),
            "reason": bytes(row["reason"]).rstrip(b"\0").decode("utf-8", "replace"),
        }

    def limit(self, row: Any) -> dict[str, Any]:
        def value(name: str, there: Any) -> int | None:
            return (int(row[f"{name}_hi"]) << 64) + int(row[f"{name}_lo"]) if there else None

        return {
            "name": bytes(row["name"]).rstrip(b"\0").decode("utf-8", "replace"),
            "old": value("old", row["had"]),
            "new": value("new", row["has"]),
            "loosens": bool(row["loosens"]),
            "who": bytes(row["who"]).rstrip(b"\0").decode("utf-8", "replace"),
            "why": bytes(row["why"]).rstrip(b"\0").decode("utf-8", "replace"),
        }

    def session(self, row: Any) -> dict[str, Any]:
        return {
            "calendar": int(row["calendar"]),
            "close_ns": int(row["close_ns"]),
            "next_close_ns": int(row["next_close_ns"]),
        }

    def report(self, row: Any) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "order_id": int(row["order_id"]),
            "execution_id": int(row["execution_id"]),
            "symbol": self._symbol(row["symbol"]),
            "side": SIDES.get(int(row["side"])),
            "venue": self._venue(row["venue"]),
            "quantity": int(row["quantity"]),
            "filled_quantity": int(row["filled_quantity"]),
            "leaves_quantity": int(row["leaves_quantity"]),
            "status": STATUSES.get(int(row["status"])),
            "liquidity": LIQUIDITIES[int(row["liquidity"])],
            "fee": int(row["fee_e9"]) / 1e9,
            "fee_e9": int(row["fee_e9"]),
            "venue_time_ns": int(row["venue_time_ns"]),
        }
        _priced(payload, "price", row["price_e9"], "not a fill")
        if int(row["exec_type"]) in (8, 9):  # a bust or a correction names the execution it is about
            payload["reference_id"] = int(row["bid_e9"])
            _reason(payload, row["reason"])
            return payload
        for name in ("bid", "ask"):
            _priced(payload, name, row[f"{name}_e9"], "no quote")
        _reason(payload, row["reason"])
        return payload

    def refusal(self, row: Any) -> dict[str, Any]:
        checks, fields = int(row["failed_checks"]), int(row["failed_fields"])
        payload: dict[str, Any] = {
            "order_id": int(row["order_id"]) or None,
            "parent_id": int(row["parent_id"]) or None,
            "symbol": self._symbol(row["symbol"]),
            "side": SIDES.get(int(row["side"])),
            "order_type": ORDER_TYPES.get(int(row["order_type"])),
            "quantity": int(row["quantity"]),
            "account": int(row["account"]),
            "failed_checks": check_names(checks),
            "failed_fields": [name for bit, name in enumerate(FIELDS) if fields >> bit & 1],
        }
        for name in ("price", "bid", "ask"):
            _priced(payload, name, row[f"{name}_e9"], "none known")
        _reason(payload, row["reason"])
        return payload

    def request(self, row: Any) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "order_id": int(row["order_id"]),
            "quantity": int(row["quantity"]),
            "venue": self._venue(row["venue"]),
            "status": STATUSES.get(int(row["status"])),
        }
        _priced(payload, "price", row["price_e9"], "none asked for")
        _priced(payload, "stop_price", row["stop_price_e9"], "none asked for")
        _reason(payload, row["reason"])
        return payload

    def balance(self, row: Any) -> dict[str, Any]:
        cash = (int(row["cash_hi"]) << 64) + int(row["cash_lo"])
        payload: dict[str, Any] = {
            "account": int(row["account"]),
            "symbol": self._symbol(row["symbol"]),
            "quantity": int(row["quantity"]),
            "cash": cash / 1e9,
            "cash_e9": cash,
        }
        _priced(payload, "mark", row["mark_e9"], "none known")
        return payload


_PAYLOADS: dict[int, Callable[[RecordView, Any], dict[str, Any]]] = {
    NAME: RecordView.name,
    ORDER: RecordView.order,
    DECISION: RecordView.decision,
    REPORT: RecordView.report,
    REFUSAL: RecordView.refusal,
    REQUEST: RecordView.request,
    BALANCE: RecordView.balance,
    TERMS: RecordView.terms,
    LATCH: RecordView.latch,
    LIMIT: RecordView.limit,
    SESSION: RecordView.session,
}
