"""The order table and its transitions: the table itself, and every pair of states driven through the engine."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import (
    EXEC_CANCEL_REJECTED,
    EXEC_CANCELED,
    EXEC_EXPIRED,
    EXEC_NEW,
    EXEC_REJECTED,
    EXEC_TRADE,
    make_core,
    order,
    report,
    resting,
)

from grandmodel.execution._core.orders import TRANSITIONS, OrderTable
from grandmodel.execution._core.values import OrderStatus

CLOSED = {"FILLED", "CANCELED", "REJECTED", "EXPIRED"}


def test_the_table_of_transitions():
    assert set(TRANSITIONS) == set(OrderStatus)
    for before, after in TRANSITIONS.items():
        if before in CLOSED:
            assert after == []  # the end is the end
        else:
            assert set(after) & CLOSED
            # an order that the engine held is released to a venue
            assert ("PENDING_NEW" in after) == (before in ("PENDING_NEW", "NEW"))
        if before in ("PARTIALLY_FILLED", "SUSPENDED"):
            assert "REJECTED" not in after
    assert "PENDING_REPLACE" not in TRANSITIONS["PENDING_NEW"]


@pytest.mark.parametrize("retained", [0, -1, (1 << 20) + 1])
def test_retention_has_bounds(retained):
    with pytest.raises(ValueError, match="retained"):
        OrderTable(retained=retained)


def test_an_empty_table():
    table = OrderTable()
    assert (table.live, table.next_id, table.illegal_transitions, table.count_by_status()) == (0, 1, 0, {})
    assert len(table.rows()) == 0


def test_rows_are_recycled_and_counted():
    core, gate = make_core(retained=3)
    for _ in range(10):
        gate.submit_order(order())
    gate.submit_order(resting())
    rows = core.orders_array()
    assert rows["order_id"].tolist() == [8, 9, 10, 11]
    assert core.orders.live == 1
    assert core.orders.count_by_status() == {"FILLED": 3, "NEW": 1}
    rows["quantity"] = 0  # a copy: nothing of the engine changes
    assert core.get_order(11).quantity == 100


class Model:
    """An order by the rules, in plain Python."""

    def __init__(self):
        self.status, self.filled, self.leaves, self.illegal = "NEW", 0, 100, 0
        self.told = None  # the end that its venue has told too soon: executions of `leaves` are still to come

    def take(self, code, quantity):
        closed = self.status in CLOSED
        if self.told and not closed:
            if code == EXEC_TRADE:
                self.filled += quantity
                self.leaves = max(0, self.leaves - quantity)
                if self.leaves == 0:
                    self.status = "FILLED" if self.filled >= 100 else self.told
            return
        if code in (EXEC_CANCELED, EXEC_EXPIRED) and not closed and 0 < quantity < self.leaves:
            self.status, self.leaves = "UNKNOWN", self.leaves - quantity
            self.told = "CANCELED" if code == EXEC_CANCELED else "EXPIRED"
            return
        after = {
            EXEC_NEW: self.status,
            EXEC_CANCELED: "CANCELED",
            EXEC_REJECTED: "REJECTED",
            EXEC_EXPIRED: "EXPIRED",
            EXEC_CANCEL_REJECTED: self.status,
        }.get(code)
        if code == EXEC_CANCEL_REJECTED and self.status == "PENDING_CANCEL":
            after = "PARTIALLY_FILLED" if self.filled else "NEW"
        if code == EXEC_TRADE:
            if closed:
                self.filled += quantity
                return
            after = (
                "FILLED"
                if quantity >= self.leaves
                else ("PENDING_CANCEL" if self.status == "PENDING_CANCEL" else "PARTIALLY_FILLED")
            )
        if (closed and after != self.status) or (not closed and after not in TRANSITIONS[self.status]):
            self.illegal += 1
            return
        if code == EXEC_TRADE:
            self.filled += quantity
            self.leaves = max(0, self.leaves - quantity)
        self.status = after
        if after in CLOSED:
            self.leaves = 0


CODES = (EXEC_NEW, EXEC_TRADE, EXEC_CANCELED, EXEC_REJECTED, EXEC_EXPIRED, EXEC_CANCEL_REJECTED)


def drive(answers):
    core, gate = make_core(limits={})
    model, ticket = Model(), gate.submit_order(resting())
    for number, (code, quantity) in enumerate(answers):
        core.report(report(core, ticket.order_id, code, quantity=quantity, price=140.0, execution_id=1000 + number))
        model.take(code, quantity)
        known = ticket.order
        assert (known.status, known.filled_quantity, known.leaves_quantity) == (
            model.status,
            model.filled,
            model.leaves,
        )
        assert core.portfolio.position("AAPL") == (model.filled, model.leaves, 0)
    assert core.orders.illegal_transitions == model.illegal
    assert known.notional_e9 == model.filled * 140 * 10**9
    held = core.get_order(ticket.order_id).to_dict()
    assert core.orders.live == (model.status not in CLOSED)
    return core, ticket, held


@pytest.mark.parametrize("codes", list(itertools.product(CODES, repeat=3)))
def test_every_sequence_of_three_answers(codes):
    drive([(code, 60 if code == EXEC_TRADE else 0) for code in codes])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CODES), st.integers(1, 150)), min_size=1, max_size=12))
def test_any_sequence_of_answers_and_the_log_agrees(answers):
    _, ticket, held = drive(answers)
    if ticket.order.status not in CLOSED:
        return
    small, gate = make_core(limits={}, retained=1)
    again = gate.submit_order(resting())
    for number, (code, quantity) in enumerate(answers):
        small.report(report(small, 1, code, quantity=quantity, price=140.0, execution_id=1000 + number))
    gate.submit_order(order())
    gate.submit_order(order())
    assert 1 not in small.orders_array()["order_id"]
    assert repr(again.order.to_dict()) == repr(held)  # a price that is not known equals none


def test_order_reads_back_as_text():
    core, gate = make_core()
    ticket = gate.submit_order(resting())
    assert repr(ticket.order) == "Order(1 buy 100 AAPL @ 140: NEW, 0 filled)"
    assert "market" in repr(gate.submit_order(order()).order)
    known = ticket.order.to_dict()
    assert np.isnan(known["average_price"])
    assert f"{known['average_price']:.4f}" == "n/a"
    assert core.get_order(1).working_quantity == 0
