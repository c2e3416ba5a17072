"""`explain`: one structured account of an order, from the log alone and, for what its checks compared, from the state
before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .._core.clock import NativeClock
from .._core.journal import Journal, iterate
from .._core.orders import OrderTable
from .._core.portfolio import Portfolio
from .._core.records import NO_PRICE
from .._core.reexecution import RecordedMarket, apply_log
from .._core.scoring import Venues
from .._core.submit import Core
from .._core.values import CHECKS, JournalError, Unknown, UnknownOrder
from ..records_view import DECISION, ORDER, REFUSAL, REPORT, REQUEST, TERMS, RecordView, type_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CheckAccount:
    """One check: what it compared with which limit, in the check's own unit, and whether it let the order pass."""

    name: str
    used: float
    limit: float
    passed: bool


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """One venue: its expected cost against the mid in bps (Unknown: not a candidate), and why it won or lost."""

    name: str
    cost_bps: float
    verdict: str


@dataclass(frozen=True, slots=True)
class StateAccount:
    """One step of the order's life."""

    time_ns: int
    event: str
    status: str | None
    details: dict[str, Any]

    @property
    def time(self) -> datetime:
        """In UTC, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.time_ns // 1000)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an order is what it is. `print` it, or take its parts.

    order_id, status, reason : as it stands now
    terms    : what was asked for
    checks   : each configured check against its limit, as it was before the order; empty when `notes` say why
    venues   : each venue's score; empty for an order that was not routed (a parent, or held by the engine)
    quotes   : the consolidated quote that the decision saw
    history  : every record of it, in its order
    children : ids of a parent's children
    notes    : what could not be told, and why
    """

    order_id: int
    status: str
    reason: str
    terms: dict[str, Any]
    checks: list[CheckAccount]
    venues: list[VenueAccount]
    quotes: dict[str, Any]
    history: list[StateAccount]
    children: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain containers, for JSON (`grandmodel.execution.to_json`)."""
        return {
            "order_id": self.order_id,
            "status": self.status,
            "reason": self.reason,
            "terms": dict(self.terms),
            "checks": [{"name": c.name, "used": c.used, "limit": c.limit, "passed": c.passed} for c in self.checks],
            "venues": [{"name": v.name, "cost_bps": v.cost_bps, "verdict": v.verdict} for v in self.venues],
            "quotes": dict(self.quotes),
            "history": [
                {"time_ns": s.time_ns, "event": s.event, "status": s.status, **s.details} for s in self.history
            ],
            "children": list(self.children),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"order {self.order_id}: {_terms_line(self.terms)}", f"  {self.status} ({self.reason})"]
        if self.quotes:
            lines.append("  quote    " + "  ".join(f"{name} {value:.4f}" for name, value in self.quotes.items()))
        for c in self.checks:
            verdict = "passed" if c.passed else "FAILED"
            lines.append(f"  check    {c.name:<16} {_figure(c.used):>16} of {_figure(c.limit):>16}  {verdict}")
        lines += [f"  venue    {v.name:<12} {v.cost_bps:>8.2f} bps  {v.verdict}" for v in self.venues]
        lines += [
            f"  {s.time:%H:%M:%S.%f} {s.event:<18} {s.status or '':<16} {_details_line(s.details)}".rstrip()
            for s in self.history
        ]
        lines += [f"  note     {note}" for note in self.notes]
        return "\n".join(lines)


def _figure(value: float) -> str:
    return "n/a" if value - value != 0 else f"{value:,.4f}".rstrip("0").rstrip(".")


def _terms_line(terms: dict[str, Any]) -> str:
    words = [str(terms.get("side")), str(terms.get("quantity")), str(terms.get("symbol")), str(terms.get("order_type"))]
    for name in ("limit_price", "stop_price"):
        value = terms.get(name)
        if value is not None and value == value:
            words.append(f"{name.replace('_', ' ')} {value:g}")
    words.append(str(terms.get("time_in_force") or ""))
    return " ".join(words).rstrip()


def _details_line(details: dict[str, Any]) -> str:
    shown = []
    for name in ("venue", "quantity", "price", "stop_price", "reason_text"):
        value = details.get(name)
        if value is None or isinstance(value, Unknown) or value == "no reason given":
            continue
        shown.append(f"{value:g}" if isinstance(value, float) else str(value))
    return " ".join(shown)


def explain(core: Core, order_id: int) -> Explanation:
    """The account of an order, live or closed or refused. UnknownOrder when there is none."""
    order = core.get_order(order_id)
    place = core.journal.find(order_id)
    if place is None:
        raise UnknownOrder(f"no order has the id {order_id}")
    view = RecordView(core)
    children: list[int] = []
    history: list[StateAccount] = []
    decision: dict[str, Any] | None = None
    terms: dict[str, Any] = {}
    asked: Any = None  # its ORDER or REFUSAL row
    for kind, record in _records(core, *place):
        row = record["row"]
        if kind == ORDER and int(row["parent_id"]) == order_id:
            children.append(int(row["order_id"]))
            continue
        if kind not in (ORDER, DECISION, REFUSAL, REPORT, REQUEST, TERMS) or int(row["order_id"]) != order_id:
            continue
        payload = view.payload(kind, record)
        time_ns = payload.pop("time_ns")
        if kind == DECISION:
            decision = payload
        elif kind == TERMS:
            terms.update({name: value for name, value in payload.items() if name not in ("order_id", "sequence")})
        elif kind in (ORDER, REFUSAL):
            terms = {**_asked(payload), **terms}
            asked = row
        if kind != DECISION:
            status = payload.get("status")
            if kind == ORDER:
                status = "NEW" if payload["is_parent"] or int(row["flags"]) & 128 else "PENDING_NEW"
            elif kind == REFUSAL:
                status = "REJECTED"
            history.append(
                StateAccount(time_ns, str(type_of(kind, row)), None if status is None else str(status), payload)
            )
    notes: list[str] = []
    checks = _checks(core, place[0], asked, notes) if asked is not None and _is_sound(asked) else []
    venues: list[VenueAccount] = []
    quotes: dict[str, Any] = {}
    if decision is not None:
        quotes = {name: decision[name] for name in ("bid", "ask") if decision[f"{name}_e9"] is not None}
        venues = [VenueAccount(name, cost, verdict) for name, (cost, verdict) in decision["venues"].items()]
        if len(core.venues.names) > len(venues) > 0:
            notes.append(f"a decision records the first {len(venues)} of {len(core.venues.names)} venues")
    elif order.status != "REJECTED":
        notes.append("order_management.enable_order_audit is false: decisions are not recorded")
    if order.owes_executions:
        notes.append(f"its venue has ended it and not yet told executions of {order.leaves_quantity} (resolve_order)")
    return Explanation(
        order_id, str(order.status), order.reason_text, terms, checks, venues, quotes, history, children, notes
    )


def _is_sound(asked: Any) -> bool:
    """Could it be checked at all? Else a field of it was wrong, and no check was reached."""
    return int(asked["symbol"]) >= 0 and int(asked["quantity"]) > 0 and int(asked["side"]) in (1, -1)


def _asked(payload: dict[str, Any]) -> dict[str, Any]:
    keep = (
        "symbol", "side", "quantity", "order_type", "limit_price", "stop_price", "time_in_force", "display_quantity",
        "instructions", "account", "strategy", "tag", "client_order_id", "parent_id", "algorithm", "urgency",
    )  # fmt: skip
    return {
        name: payload[name]
        for name in keep
        if name in payload and payload[name] not in (None, []) and not isinstance(payload[name], Unknown)
    }


def _records(core: Core, position: int, last: int) -> Any:
    """The records of the log from one position to another: (kind, record)."""
    while position <= last:
        used = 0
        for offset, kind, record in iterate(core.journal.read(position, 1 << 18)):
            if position + offset > last:
                return
            used = offset + record.dtype.itemsize
            yield kind, record
        if used == 0:
            return
        position += used


def _checks(core: Core, position: int, row: Any, notes: list[str]) -> list[CheckAccount]:
    """What each configured check compared: the log up to the order is applied to an empty engine, and its limits are
    asked again."""
    if not core.limits.configured:
        notes.append("no limit is configured: nothing was checked")
        return []
    venues = Venues(core.instruments)
    for name in core.venues.names:
        venues.add(name)
    before = Core(
        instruments=core.instruments,
        portfolio=Portfolio(core.instruments),
        limits=core.limits,
        venues=venues,
        journal=Journal(None),
        orders=OrderTable(retained=1 << 20),
        market=RecordedMarket(venues),
        clock=NativeClock(simulated=True),
        introduce=False,
    )
    try:
        apply_log(before, core.journal, position)
    except JournalError as error:
        notes.append(f"the state before it could not be made again: {error}")
        return []
    finally:
        before.close()
    names = row.dtype.names
    price = int(row["reserve_price_e9" if "reserve_price_e9" in names else "price_e9"])
    mid = int(row["arrival_mid_e9"]) if "arrival_mid_e9" in names else NO_PRICE
    symbol = core.symbol_text(int(row["symbol"]))
    if mid != NO_PRICE:
        before.portfolio.mark(symbol, mid)
    mask, figures = core.limits.check(
        before.portfolio,
        symbol,
        int(row["side"]),
        int(row["quantity"]),
        None if price == NO_PRICE else price,
        int(row["account"]),
    )
    bits = {name: bit for bit, name, _, _ in CHECKS}
    return [CheckAccount(name, used, limit, not mask & bits[name]) for name, (used, limit) in figures.items()]
