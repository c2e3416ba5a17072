"""Every order in which the six messages of a life cycle can arrive, with duplicates: the truth is the same whatever
comes first.

An order of 100: acknowledged, filled 30, 40 and 30, a cancel that came too late, and a cancel that did not.
"""

import itertools

import numpy as np
import pytest
from reference.orders import Book, Order
from support import E9, make_core, resting

from grandmodel.execution._core.records import NO_PRICE, REPORT_DTYPE
from grandmodel.execution._core.recovery import state_hash
from grandmodel.execution._core.reexecution import recovered_hash

MESSAGES = (
    ("NEW", 1, 0),
    ("TRADE", 2, 30),
    ("TRADE", 2, 40),
    ("TRADE", 2, 30),
    ("CANCEL_REJECTED", 7, 0),
    ("CANCELED", 3, 0),
)
ORDERS = list(itertools.permutations(range(6)))
VARIANTS = {
    "once": lambda order: order,
    "each twice": lambda order: [each for number in order for each in (number, number)],
    "all again at the end": lambda order: [*order, *order],
    "backwards again": lambda order: [*order, *reversed(order)],
    "the trades again after each": lambda order: [each for number in order for each in (number, 1, 2, 3)],
}


def row_of(core, order_id, number, first):
    _, exec_type, quantity = MESSAGES[number]
    row = np.zeros(1, REPORT_DTYPE)
    row["order_id"], row["execution_id"], row["exec_type"], row["quantity"] = (
        order_id,
        first + number,
        exec_type,
        quantity,
    )
    row["price_e9"] = (140 + number) * E9 if quantity else NO_PRICE
    row["fee_e9"] = number * E9 if quantity else 0
    row["side"], row["venue_time_ns"] = 1, core.clock.now_ns()
    return row


@pytest.mark.parametrize("asks", [False, True], ids=["", "a cancel was asked for"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_order_of_arrival_comes_to_the_same(variant, asks):
    core, gate = make_core(silent=True, limits={}, ring_bytes=1 << 25, audit=False)
    plain, position, cash = Book(), 0, core.portfolio.account()["cash_e9"]
    duplicates = 0
    for count, order in enumerate(ORDERS):
        order_id = int(gate.submit_order(resting()))
        known = Order(order_id, "AAPL", 1, 100, 140 * E9)
        plain.submit(known)
        if asks:
            core.cancel(order_id)
            plain.cancel(order_id)
        words = VARIANTS[variant](list(order))
        for number in words:
            core.report(row_of(core, order_id, number, 10 * count + 1))
            name, _, quantity = MESSAGES[number]
            fee = number * E9 if quantity else 0
            plain.report(
                order_id, name, 10 * count + 1 + number, quantity, (140 + number) * E9 if quantity else None, fee
            )
        seen = core.get_order(order_id)
        assert (str(seen.status), seen.filled_quantity, seen.leaves_quantity) == (
            known.status,
            known.filled,
            known.leaves,
        ), order
        assert seen.filled_quantity == 100
        assert seen.notional_e9 == (30 * 141 + 40 * 142 + 30 * 143) * E9
        assert seen.fees_e9 == 6 * E9
        assert str(seen.status) in ("FILLED", "CANCELED", "PENDING_CANCEL")
        position += 100
        cash -= seen.notional_e9 + seen.fees_e9
        duplicates += len(words) - 6
        assert core.portfolio.position("AAPL") == (position, 0, 0)
    told = core.statistics()
    assert core.portfolio.account()["cash_e9"] == cash
    assert core.portfolio.account()["reserved_e9"] == 0
    assert (told["fills"], told["duplicate_executions"], told["unknown_reports"]) == (3 * 720, duplicates, 0)
    assert (told["late_fills"], told["overfills"], told["illegal_transitions"]) == (
        plain.late,
        plain.over,
        plain.illegal,
    )
    reports = sum(1 for _, kind, _ in core.journal.scan() if kind == 4)
    assert reports == 720 * 6 + duplicates  # every word is in the log
    empty, _ = make_core(recorded=True, start_ns=0, limits={}, audit=False)
    assert recovered_hash(empty, core.journal) == state_hash(core)
