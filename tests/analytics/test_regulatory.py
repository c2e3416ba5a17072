"""The Rule 606-style table against the same worked out order by order, and the audit trail's events."""

from __future__ import annotations

import pytest
from reference import journal_costs as reference
from support_tca import make_day

from grandmodel.execution import Unknown
from grandmodel.execution.analytics.journal_costs import analyse_records
from grandmodel.execution.analytics.journal_records import read_records
from grandmodel.execution.analytics.regulatory import audit_trail, routing_report
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
