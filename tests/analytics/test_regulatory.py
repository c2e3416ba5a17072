"""Rule 605- and 606-style tables against the same worked out order by order, and the audit trail's events."""

from __future__ import annotations

import math

import pytest
from reference import journal_costs as reference
from support_tca import make_day

from grandmodel.execution import Unknown
from grandmodel.execution.analytics.journal_costs import analyse_records
from grandmodel.execution.analytics.journal_records import read_records
from grandmodel.execution.analytics.regulatory import SIZES, audit_trail, execution_quality, routing_report
from grandmodel.execution.journal_file import open_journal

NONE = -(2**63)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    journal, capture = make_day(
        tmp_path_factory.mktemp("day"), 400, 8, seed=9, minutes=20, events_per_second=15
    )  # fmt: skip
    records = read_records(open_journal(journal))
    return journal, records, analyse_records(records, capture)


def sent_orders(journal):
    """(order, decision row) of what went to venues, from the records one by one."""
    decisions = {int(r["row"]["order_id"]): r["row"] for _, kind, r in open_journal(journal).scan() if kind == 3}
    for one in reference.read(open_journal(journal)).values():
        if not one.row["flags"] & 16 and one.row["venue"] >= 0:
            yield one, decisions[one.row["order_id"]]


def kind_of(one, decision):
    bid, ask, limit = int(decision["bid_e9"]), int(decision["ask_e9"]), one.row["limit_price_e9"]
    if not 0 < bid < ask:
        return None
    if one.row["order_type"] == 1:
        return "market"
    own, far = (bid, ask) if one.row["side"] > 0 else (ask, bid)
    side = one.row["side"]
    if side * (limit - far) >= 0:
        return "marketable limit"
    if side * (limit - own) > 0:
        return "inside the quote"
    if limit == own:
        return "at the quote"
    return "near the quote" if side * (own - limit) <= 100_000_000 else None


def test_execution_quality_order_by_order(day):
    journal, records, analysed = day
    names = analysed.names
    expected = {}
    for one, decision in sent_orders(journal):
        kind = kind_of(one, decision)
        if kind is None:
            continue
        low, high = next(each for each in SIZES if each[0] <= one.quantity <= (each[1] or one.quantity))
        key = (names.venue_text(one.row["venue"]), names.symbol_text(one.row["symbol"]), kind,
               f"{low}-{high}" if high else f"{low}+")  # fmt: skip
        row = expected.setdefault(key, {"orders": 0, "shares": 0, "executed": 0, "cancelled": 0, "fast": 0, "eff": 0.0,
                                        "improved": 0, "at": 0, "outside": 0})  # fmt: skip
        row["orders"] += 1
        row["shares"] += one.quantity
        bid, ask, side = int(decision["bid_e9"]), int(decision["ask_e9"]), one.row["side"]
        for quantity, price, _, _, _, when in one.fills.values():
            row["executed"] += quantity
            row["fast"] += quantity if when - one.row["created_ns"] < 10e9 else 0
            row["eff"] += quantity * 2 * side * (price - (bid + ask) / 2) / 1e9
            better = side * ((ask if side > 0 else bid) - price)
            row["improved" if better > 0 else "at" if better == 0 else "outside"] += quantity
        if one.status in (7, 9):
            row["cancelled"] += one.quantity - sum(fill[0] for fill in one.fills.values())
    found = {(r["venue"], r["symbol"], r["order_type"], r["size"]): r for r in execution_quality(analysed, records)}
    assert found.keys() == expected.keys()
    assert len(found) > 20
    for key, row in expected.items():
        mine = found[key]
        for name in ("orders", "shares", "executed", "cancelled"):
            assert mine[name] == row[name], (key, name)
        assert mine["executed_0_9_s"] == row["fast"]
        if key[2] in ("market", "marketable limit") and row["executed"]:
            assert mine["effective_spread"] == pytest.approx(row["eff"] / row["executed"], abs=1e-9)
            assert (mine["improved"], mine["at_quote"], mine["outside_quote"]) == (
                row["improved"], row["at"], row["outside"],
            )  # fmt: skip
        else:
            assert key[2] not in ("inside the quote", "at the quote", "near the quote") or "improved" not in mine
    assert {key[2] for key in found} >= {"market", "at the quote", "near the quote"}


def test_a_realized_spread_is_the_effective_one_less_the_markout(day):
    """2 side (p - m now) = 2 side (p - m later) + 2 side (m later - m now)."""
    _, records, analysed = day
    f = analysed.fills
    for row in execution_quality(analysed, records)[:40]:
        if row["executed"] and not math.isnan(row["realized_spread_1_min"]):
            assert abs(row["realized_spread_1_min"]) < 1.0
    known = f["markout_bps"][:, 2]
    realized = -2 * known * f["price_e9"] / 1e13
    some = known == known
    later = f["price_e9"] + f["side"] * known / 1e4 * f["price_e9"]
    assert realized[some] == pytest.approx((2 * f["side"] * (f["price_e9"] - later) / 1e9)[some], abs=1e-12)


def test_routing_adds_up(day):
    journal, records, analysed = day
    rows = routing_report(analysed, records)
    sent = list(sent_orders(journal))
    assert sum(row["orders"] for row in rows) == sum(1 for _, decision in sent if decision["candidates"])
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
    known = [kind for kind in ("market", "marketable_limit", "non_marketable_limit", "other")
             if not isinstance(rows[0][f"{kind}_share"], Unknown)]  # fmt: skip
    assert {"market", "non_marketable_limit"} <= set(known)
    for kind in known:
        assert sum(row[f"{kind}_share"] for row in rows) == pytest.approx(1.0)
    fees = sum(fill[2] for one, decision in sent if decision["candidates"] for fill in one.fills.values())
    paid = sum(row[f"{kind}_paid_e9"] for row in rows
               for kind in ("market", "marketable_limit", "non_marketable_limit", "other"))  # fmt: skip
    assert paid == -fees


def test_the_audit_trail_tells_every_life(day):
    journal, records, analysed = day
    events = list(audit_trail(records))
    by_type = {}
    for event in events:
        by_type.setdefault(event["type"], []).append(event)
    twin = reference.read(open_journal(journal))
    assert len(by_type["MENO"]) == sum(1 for one in twin.values() if not one.row["parent_id"])
    assert len(by_type["MECO"]) == sum(1 for one in twin.values() if one.row["parent_id"])
    assert len(by_type["MEOR"]) == len(list(sent_orders(journal)))
    assert sum(event["quantity"] for event in by_type["MEOT"]) == int(analysed.fills["quantity"].sum())
    assert {event["parentOrderID"] for event in by_type["MECO"]} <= {event["orderID"] for event in by_type["MENO"]}
    order_id = by_type["MEOR"][0]["orderID"]
    life = [event["type"] for event in events if event["orderID"] == order_id]
    assert life[:2] == ["MENO", "MEOR"]
    assert by_type["MENO"][0]["eventTimestamp"].startswith("20250102T0930")
    assert len(by_type["MENO"][0]["eventTimestamp"]) == len("20250102T093001.123456789")
