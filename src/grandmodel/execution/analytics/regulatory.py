"""Tables in the manner of SEC Rules 605 and 606, and events in that of the Consolidated Audit Trail, from a journal.

They are for looking at one's own execution by these rules' measures. None is a filing: what the rules ask for beyond a
journal (customers, held orders, listings, firm identifiers, whole months) is not in one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.records import NO_PRICE, VOID_REASONS
from .._core.values import TIMES_IN_FORCE, Unknown
from ..sessions import ns_to_local
from . import journal_records as jr
from .journal_costs import JournalCosts, exact_sum
from .journal_records import JournalRecords

__all__ = ["audit_trail", "execution_quality", "routing_report"]

Rows = np.ndarray[Any, Any]

SIZES = ((1, 99), (100, 499), (500, 1999), (2000, 4999), (5000, None))
TYPES = ("market", "marketable limit", "inside the quote", "at the quote", "near the quote")
_MARKET, _LIMIT = 1, 2  # gm_order_type
_TIMES_S = ((0, 10), (10, 30), (30, 60), (60, 300), (300, 1800))
_TIME_NAMES = ("0_9_s", "10_29_s", "30_59_s", "60_299_s", "5_30_min")
_NEAR_E9 = 100_000_000  # ten cents


def _kinds(analysed: JournalCosts, records: JournalRecords) -> tuple[Rows, Rows, Rows, Rows]:
    """Of what was sent to venues: kind (place in TYPES; -1 not covered), bid and ask at receipt, whether directed.

    17 CFR 242.600(b): a marketable limit buy is at or above the national best offer; inside the quote is between the
    two, at the quote equal to its own side, near the quote within ten cents of it.
    """
    c = analysed.children
    decisions = records.decisions["row"]
    order = np.argsort(decisions["order_id"], kind="stable")
    ids = decisions["order_id"][order]
    place = np.minimum(np.searchsorted(ids, c["order_id"]), max(len(ids) - 1, 0))
    if len(ids) == 0:
        none = np.full(len(c["order_id"]), NO_PRICE)
        return np.full(len(none), -1), none, none, np.zeros(len(none), bool)
    row = decisions[order[place]]
    there = ids[place] == c["order_id"]
    bid, ask = np.where(there, row["bid_e9"], NO_PRICE), np.where(there, row["ask_e9"], NO_PRICE)
    quoted = (bid > 0) & (ask > bid)
    buy, limit = c["side"] > 0, c["limit_price_e9"]
    own, far = np.where(buy, bid, ask), np.where(buy, ask, bid)
    side = np.where(buy, 1, -1)
    kind = np.full(len(limit), -1)
    kind[(c["order_type"] == _MARKET) & quoted] = 0
    limited = (c["order_type"] == _LIMIT) & quoted & (limit != NO_PRICE)
    through = np.where(limited, side * (limit - np.where(limited, far, 0)), 0)
    better = np.where(limited, side * (limit - np.where(limited, own, 0)), 0)
    kind[limited & (through >= 0)] = 1
    kind[limited & (through < 0) & (better > 0)] = 2
    kind[limited & (through < 0) & (better == 0)] = 3
    kind[limited & (through < 0) & (better < 0) & (better >= -_NEAR_E9)] = 4
    return kind, bid, ask, there & (row["candidates"] == 0)


def execution_quality(analysed: JournalCosts, records: JournalRecords) -> list[dict[str, Any]]:
    """One row for each venue, symbol, order type and size, in the manner of 17 CFR 242.605(a)(1) as it stood before the
    amendments of 2024 (89 FR 26428): orders, shares, cancelled, executed by time to execution, average realized spread
    (five minutes) and, of market and marketable limit orders, average effective spread, shares with price improvement,
    at and outside the quote, with amounts and times, share-weighted. Of the amendments: odd lots (1 to 99) have a row,
    realized spreads at 1 s and 1 min stand beside.

    A covered order is what was sent to a venue with a quote to compare with, of the types of TYPES; received when it
    was sent. Spreads and amounts in the currency per share, times in seconds; Unknown where nothing says.
    """
    c, f, names = analysed.children, analysed.fills, analysed.names
    kind, bid, ask, _ = _kinds(analysed, records)
    size = np.searchsorted([low for low, _ in SIZES], c["quantity"], "right") - 1
    covered = (kind >= 0) & (c["venue"] >= 0)
    fill_child = f["child"]
    took = f["time_ns"] - c["sent_ns"][fill_child]
    mid = (np.where(bid > 0, bid, 0) + np.where(ask > 0, ask, 0))[fill_child] / 2
    price, shares, side = f["price_e9"].astype(np.float64), f["quantity"], f["side"]
    effective = 2 * side * (price - mid) / 1e9
    realized = {name: -2 * f["markout_bps"][:, k] * price / 1e13 for name, k in
                (("1_s", 0), ("1_min", 2), ("5_min", 3))}  # fmt: skip
    far = np.where(side > 0, ask[fill_child], bid[fill_child]).astype(np.float64)
    improved = side * (far - price) / 1e9
    rows = []
    keys = np.stack([c["venue"], c["symbol"], kind, size], 1)[covered]
    for venue, symbol, of_kind, of_size in np.unique(keys, axis=0).tolist():
        at = covered & (c["venue"] == venue) & (c["symbol"] == symbol) & (kind == of_kind) & (size == of_size)
        mine = at[fill_child]
        low, high = SIZES[of_size]
        row: dict[str, Any] = {
            "venue": names.venue_text(venue), "symbol": names.symbol_text(symbol), "order_type": TYPES[of_kind],
            "size": f"{low}-{high}" if high else f"{low}+", "orders": int(at.sum()),
            "shares": int(c["quantity"][at].sum()), "executed": int(shares[mine].sum()),
        }  # fmt: skip
        ended = at & np.isin(c["status"], (7, 9))
        row["cancelled"] = int((c["quantity"] - c["filled_quantity"])[ended].sum())
        for name, (begin, end) in zip(_TIME_NAMES, _TIMES_S, strict=True):
            within = mine & (took >= begin * 1e9) & (took < end * 1e9)
            row[f"executed_{name}"] = int(shares[within].sum())
        for name, values in realized.items():
            row[f"realized_spread_{name}"] = _mean(values[mine], shares[mine])
        if of_kind <= 1:
            row["effective_spread"] = _mean(effective[mine], shares[mine])
            for name, which, sign in (("improved", improved > 0, 1), ("at_quote", improved == 0, 0),
                                      ("outside_quote", improved < 0, -1)):  # fmt: skip
                part = mine & which
                row[name] = int(shares[part].sum())
                row[f"{name}_seconds"] = _mean(took[part] / 1e9, shares[part])
                if sign:
                    row[f"{name}_amount"] = _mean(sign * improved[part], shares[part])
        rows.append(row)
    return rows


def _mean(values: Rows, weights: Rows) -> float:
    known = np.isfinite(values)
    if not known.any():
        return Unknown("no share of that kind, or no quote to compare with")
    return float(np.average(values[known], weights=weights[known]))


def routing_report(analysed: JournalCosts, records: JournalRecords) -> list[dict[str, Any]]:
    """One row for each venue in the manner of 17 CFR 242.606(a)(1): its share of non-directed orders in all and by kind
    (market, marketable limit, non-marketable limit, other), and what it paid (positive) or was paid for each kind, in
    the currency and per hundred shares. Orders whose venue the caller chose are directed, and left out.
    """
    c, f, names = analysed.children, analysed.fills, analysed.names
    kind, _, _, directed = _kinds(analysed, records)
    group = np.select([kind == 0, kind == 1, kind >= 2], [0, 1, 2], 3)
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

_ORDER_TYPES = {1: "MKT", 2: "LMT"}


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
        if kind == jr.EXEC_TRADE and int(report["reason"]) not in VOID_REASONS:
            add(header, "MEOT", known, tradeID=int(report["execution_id"]), price=int(report["price_e9"]) / 1e9,
                quantity=int(report["quantity"]), leavesQty=int(report["leaves_quantity"]),
                destination=venue)  # fmt: skip
        elif kind == jr.EXEC_REPLACED:
            price = int(report["price_e9"])
            new = {} if price == NO_PRICE else {"price": price / 1e9}
            add(header, "MEMR", known, quantity=int(report["quantity"]), destination=venue, **new)
        elif kind in (jr.EXEC_CANCELED, jr.EXEC_EXPIRED):
            add(header, "MECR", known, cancelQty=int(report["quantity"]), leavesQty=0, destination=venue)
    for record in records.requests:
        header, request = record["header"], record["row"]
        known = orders.get(int(request["order_id"]))
        if known is not None and int(request["kind"]) == jr.REQUEST_CLOSE_PARENT:
            add(header, "MEOC", known, cancelQty=int(request["quantity"]), leavesQty=0)
    for _, event in sorted(events, key=lambda each: each[0]):
        yield event
