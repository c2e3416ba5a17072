"""A table in the manner of SEC Rule 606, and events in that of the Consolidated Audit Trail, from a journal; the table
in that of Rule 605 is in `execution_quality`.

They are for looking at one's own execution by these rules' measures. None is a filing: what the rules ask for beyond a
journal (customers, held orders, listings, firm identifiers, whole months) is not in one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import record_codes as codes
from .._core.records import NO_PRICE, VOID_REASONS
from .._core.values import TIMES_IN_FORCE, Unknown
from ..sessions import ns_to_local
from .execution_quality import sent
from .journal_costs import JournalCosts, exact_sum
from .journal_records import JournalRecords

__all__ = ["audit_trail", "routing_report"]


def routing_report(analysed: JournalCosts, records: JournalRecords) -> list[dict[str, Any]]:
    """One row for each venue in the manner of 17 CFR 242.606(a)(1): its share of non-directed orders in all and by kind
    (market, marketable limit, non-marketable limit, other), and what it paid (positive) or was paid for each kind, in
    the currency and per hundred shares. Orders whose venue the caller chose are directed, and left out. Stops, orders
    for an auction, all-or-none and fill-or-kill ones are other orders, as are limits that met no quote.
    """
    c, f, names = analysed.children, analysed.fills, analysed.names
    told = sent(analysed, records)
    group, directed = told.kind, told.directed
    texts = ("market", "marketable_limit", "non_marketable_limit", "other")
    counted = ~directed & (c["venue"] >= 0)
    rows = []
    for venue in np.unique(c["venue"][counted]).tolist():
        at = counted & (c["venue"] == venue)
        row: dict[str, Any] = {
            "venue": names.venue_text(venue),
            "orders": int(at.sum()),
            "share": at.sum() / counted.sum(),
        }
        for number, text in enumerate(texts):
            of_kind = counted & (group == number)
            row[f"{text}_share"] = (
                float((at & of_kind).sum() / of_kind.sum()) if of_kind.any() else Unknown("no order of that kind")
            )
            mine = (at & of_kind)[f["child"]]
            paid_e9, shares = -exact_sum(f["fee_e9"][mine]), int(f["quantity"][mine].sum())
            row[f"{text}_paid_e9"] = paid_e9
            row[f"{text}_per_hundred"] = paid_e9 / 1e9 / shares * 100 if shares else Unknown("nothing was filled")
        rows.append(row)
    return sorted(rows, key=lambda each: -each["orders"])


# ---- audit trail

_ORDER_TYPES = {codes.MARKET: "MKT", codes.LIMIT: "LMT"}


def _common(row: Any, names: Any, time_ns: int) -> dict[str, Any]:
    limit = int(row["limit_price_e9"])
    return {
        "eventTimestamp": f"{ns_to_local(time_ns):%Y%m%dT%H%M%S}.{time_ns % 10**9:09d}",
        "orderID": int(row["order_id"]),
        "symbol": names.symbol_text(int(row["symbol"])),
        "side": "B" if row["side"] > 0 else "SL",
        "price": None if limit == NO_PRICE else limit / 1e9,
        "quantity": int(row["quantity"]),
        "orderType": _ORDER_TYPES.get(int(row["order_type"]), "LMT" if limit != NO_PRICE else "MKT"),
        "timeInForce": str(TIMES_IN_FORCE.get(int(row["time_in_force"]))),
    }


def audit_trail(records: JournalRecords) -> Iterator[dict[str, Any]]:
    """The life of every order as events in the manner of the CAT Reporting Technical Specifications for Industry
    Members (17 CFR 242.613), in the order of the log: MENO new order, MECO child order, MEOR route, MEMR and MECR route
    modified and cancelled, MEOC order cancelled, MEOT trade (which for an exchange's execution the exchange
    reports). Times are the exchange's local time to the nanosecond; identifiers of firms and customers are not known
    to a journal.
    """
    names = records.names
    orders = {int(row["order_id"]): row for row in records.orders["row"]}
    events: list[tuple[int, dict[str, Any]]] = []

    def add(header: Any, kind: str, row: Any, **more: Any) -> None:
        events.append((int(header["commit"]), {"type": kind, **_common(row, names, int(header["time_ns"])), **more}))

    for record in records.orders:
        header, row = record["header"], record["row"]
        parent = int(row["parent_id"])
        add(header, "MECO" if parent else "MENO", row, **({"parentOrderID": parent} if parent else {}))
        if row["venue"] >= 0:
            add(
                header, "MEOR", row, destination=names.venue_text(int(row["venue"])), routedOrderID=int(row["order_id"])
            )
    for record in records.reports:
        header, report = record["header"], record["row"]
        known = orders.get(int(report["order_id"]))
        if known is None or not report["status"]:
            continue
        venue = names.venue_text(int(report["venue"])) if report["venue"] >= 0 else None
        kind = int(report["exec_type"])
        if kind == codes.EXEC_TRADE and int(report["reason"]) not in VOID_REASONS:
            add(header, "MEOT", known, tradeID=int(report["execution_id"]), price=int(report["price_e9"]) / 1e9,
                quantity=int(report["quantity"]), leavesQty=int(report["leaves_quantity"]),
                destination=venue)  # fmt: skip
        elif kind == codes.EXEC_REPLACED:
            price = int(report["price_e9"])
            new = {} if price == NO_PRICE else {"price": price / 1e9}
            add(header, "MEMR", known, quantity=int(report["quantity"]), destination=venue, **new)
        elif kind in (codes.EXEC_CANCELED, codes.EXEC_EXPIRED):
            add(header, "MECR", known, cancelQty=int(report["quantity"]), leavesQty=0, destination=venue)
    for record in records.requests:
        header, request = record["header"], record["row"]
        known = orders.get(int(request["order_id"]))
        if known is not None and int(request["kind"]) == codes.REQUEST_CLOSE_PARENT:
            add(header, "MEOC", known, cancelQty=int(request["quantity"]), leavesQty=0)
    for _, event in sorted(events, key=lambda each: each[0]):
        yield event
