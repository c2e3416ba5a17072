"""What the journal says lately: orders, fills, venues. A reader with a cursor of its own."""

from __future__ import annotations

from collections import deque
from typing import Any

from .._core.journal import iterate
from .._core.records import is_booked
from .._core.values import Unknown
from ..record_codes import REQUEST_AMEND, REQUEST_CLOSE_PARENT
from ..records_split import RecordStream
from ..records_view import NAME, ORDER, REFUSAL, REPORT, REQUEST, EventType, JournalNames, RecordView, type_of
from ..risk.execution_watch import ExecutionWatch
from .port import over_http

#: Ended orders, fills and alerts that are kept.
KEPT = 500


class VenueRow:
    """What one venue has been sent and has answered."""

    __slots__ = ("answers", "fees_e9", "fills", "latency_ns", "orders", "quantity", "rejects")

    def __init__(self) -> None:
        self.orders = self.answers = self.rejects = self.fills = self.quantity = self.fees_e9 = self.latency_ns = 0

    def to_dict(self) -> dict[str, Any]:
        """Counts, shares and the mean time to the first answer."""
        never = Unknown("nothing was sent there")
        return {
            "orders": self.orders,
            "fills": self.fills,
            "filled_quantity": self.quantity,
            "rejects": self.rejects,
            "reject_rate": self.rejects / self.orders if self.orders else never,
            "fees": self.fees_e9 / 1e9,
            "latency_ms": self.latency_ns / self.answers / 1e6 if self.answers else never,
        }


class Board:
    """The latest state of orders, from the records alone.

    Parameters
    ----------
    journal : a JournalFile, or a running engine's
    window_seconds : of the metrics (`watch`)
    """

    def __init__(self, journal: RecordStream, window_seconds: float = 60.0) -> None:
        self.journal = journal
        self.position = 0
        self.orders: dict[int, dict[str, Any]] = {}  # live, and the last KEPT that have ended, by id
        self.fills: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.refusals: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.events: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.venues: dict[str, VenueRow] = {}
        self.watch = ExecutionWatch(journal, window_seconds, position=0)
        self._names = JournalNames()
        self._view = RecordView(self._names)
        self._ended: deque[int] = deque()
        self._sent: dict[int, int] = {}

    def read(self, limit: int = 1 << 22) -> int:
        """Takes in what is there since the last call, `limit` bytes at most; how many bytes it took."""
        end = self.journal.head
        begin = self.position
        while self.position < min(end, begin + limit):
            piece = self.journal.read(self.position, 1 << 18)
            used = 0
            for offset, kind, record in iterate(piece):
                used = offset + record.dtype.itemsize
                self._take(kind, record)
            self.position += used
            if used == 0:
                break
        self.watch.read()
        return self.position - begin

    def _take(self, kind: int, record: Any) -> None:
        row = record["row"]
        if kind == NAME:
            self._names.learn(row)
        elif kind == ORDER:
            self._order(self._view.payload(kind, record))
        elif kind == REPORT:
            self._report(int(row["exec_type"]), bool(is_booked(row.reshape(1))[0]), self._view.payload(kind, record))
        elif kind == REQUEST:
            self._request(int(row["kind"]), self._view.payload(kind, record))
        elif kind == REFUSAL:
            self.refusals.append(over_http(self._view.payload(kind, record)))
        else:
            event_type = type_of(kind, row)
            if event_type in _TOLD:
                self.events.append({"event": str(event_type), **self._view.payload(kind, record)})

    def _order(self, told: dict[str, Any]) -> None:
        order_id, venue = told["order_id"], told["venue"]
        self.orders[order_id] = {
            **{name: told[name] for name in _TERMS},
            "status": "NEW" if told["is_parent"] else "PENDING_NEW",
            "filled_quantity": 0,
            "notional_e9": 0,
            "created_ns": told["time_ns"],
            "updated_ns": told["time_ns"],
        }
        if venue is not None:
            self.venues.setdefault(venue, VenueRow()).orders += 1
            self._sent[order_id] = told["time_ns"]

    def _report(self, what: int, booked: bool, told: dict[str, Any]) -> None:
        order = self.orders.get(told["order_id"])
        venue = self.venues.setdefault(told["venue"], VenueRow()) if told["venue"] is not None else None
        sent = self._sent.pop(told["order_id"], None) if what != 10 else None
        if venue is not None and sent is not None:
            venue.answers += 1
            venue.latency_ns += told["time_ns"] - sent
        if what == 5 and venue is not None:
            venue.rejects += 1
        if order is None or not booked:
            return
        sign = {2: 1, 9: 1, 8: -1}.get(what, 0)
        if sign:
            self._fill(order, sign, what == 2, told, venue)
        order["status"] = str(told["status"])
        order["updated_ns"] = told["time_ns"]
        if what == 4:
            order["quantity"] = max(told["quantity"], order["filled_quantity"])
        if told["status"] is not None and told["status"].is_closed:
            self._end(order)

    def _fill(
        self, order: dict[str, Any], sign: int, is_new: bool, told: dict[str, Any], venue: VenueRow | None
    ) -> None:
        rows = [order, self.orders.get(order["parent_id"] or 0)]
        for row in rows:
            if row is not None:
                row["filled_quantity"] += sign * told["quantity"]
                row["notional_e9"] += sign * told["quantity"] * told["price_e9"]
                row["updated_ns"] = told["time_ns"]
        if venue is not None:
            venue.fills += sign
            venue.quantity += sign * told["quantity"]
            venue.fees_e9 += sign * told["fee_e9"]
        parent = rows[1]
        if parent is not None and parent["status"] not in _ENDED:
            parent["status"] = "PARTIALLY_FILLED"
            if parent["filled_quantity"] >= parent["quantity"]:
                parent["status"] = "FILLED"
                self._end(parent)
        if is_new:
            self.fills.append({
                "order_id": order["order_id"], "parent_id": order["parent_id"], "symbol": told["symbol"],
                "side": str(told["side"]), "venue": told["venue"], "quantity": told["quantity"],
                "price": told["price"], "fee": told["fee"], "time_ns": told["time_ns"],
                "bid": told.get("bid"), "ask": told.get("ask"),
            })  # fmt: skip

    def _request(self, kind: int, told: dict[str, Any]) -> None:
        order = self.orders.get(told["order_id"])
        if order is None:
            return
        order["updated_ns"] = told["time_ns"]
        if told["status"] is not None:
            order["status"] = str(told["status"])
        if kind == REQUEST_AMEND:
            order["quantity"] = told["quantity"]
        if kind == REQUEST_CLOSE_PARENT and told["status"] is not None and told["status"].is_closed:
            self._end(order)

    def _end(self, order: dict[str, Any]) -> None:
        self._ended.append(order["order_id"])
        while len(self._ended) > KEPT:
            self.orders.pop(self._ended.popleft(), None)

    # ---- answers

    def order_rows(self, *, live: bool | None = None, top: bool = False, limit: int = KEPT) -> list[dict[str, Any]]:
        """Orders, the newest first. `live`: those that have not ended, or have; `top`: without children."""
        found: list[dict[str, Any]] = []
        for order in reversed(self.orders.values()):
            if len(found) >= limit:
                break
            if (live is None or (order["status"] not in _ENDED) == live) and not (top and order["parent_id"]):
                filled = order["filled_quantity"]
                row = {name: value for name, value in order.items() if name != "notional_e9"}
                row["average_price"] = order["notional_e9"] / filled / 1e9 if filled else Unknown("nothing was filled")
                found.append(row)
        return found

    def venue_rows(self) -> dict[str, dict[str, Any]]:
        """Each venue's counts, by name."""
        return {name: row.to_dict() for name, row in sorted(self.venues.items())}


_TERMS = (
    "order_id", "parent_id", "client_order_id", "symbol", "side", "order_type", "time_in_force", "quantity", "venue",
    "account", "strategy", "algorithm", "is_parent", "limit_price", "arrival_mid",
)  # fmt: skip
_ENDED = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED"})
_TOLD = frozenset({
    EventType.KILL_SWITCH, EventType.TRADING_REDUCED, EventType.KILL_SWITCH_RESET, EventType.VENUE_TRIPPED,
    EventType.VENUE_RESTORED, EventType.LIMIT_CHANGED, EventType.LIMITS_REFUSED,
})  # fmt: skip
