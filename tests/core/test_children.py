"""What an algorithm reads of its parent, and the children that it may send."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import E9, make_core, order

from grandmodel.execution import OrderRejected, OrderStatus, UnknownOrder
from grandmodel.execution._core.submit import ParentFigures
from grandmodel.execution._core.values import ORDER_TYPE_CODES

PEGS = ["market", "limit", "pegged_primary", "pegged_midpoint", "pegged_market"]


def parent_of(core, side="buy", quantity=1000, **more):
    terms = {"order_type": "market", "limit_price": None, **more}
    return core.submit_parent(order(side=side, quantity=quantity, **terms), "twap").order_id


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("limit", [None, 150.5])
def test_figures_are_the_orders_and_the_markets(side, limit):
    core, _ = make_core()
    more = {} if limit is None else {"order_type": "limit", "limit_price": limit}
    parent = parent_of(core, side, **more)
    figures = ParentFigures(core, parent)
    resting = core.submit_child(parent, 300, 140 * E9 if side == "buy" else 160 * E9)
    core.submit_child(parent, 100, None if limit is None else round(limit * 1e9), "IOC")
    found, quote = core.get_order(parent), core.quote("AAPL")
    assert (figures.core, figures.order_id, figures.tick_e9) == (core, parent, E9 // 100)
    assert figures.quantity == found.quantity == 1000
    assert figures.filled == found.filled_quantity
    assert figures.at_work == found.working_quantity >= 300
    assert figures.remaining == found.leaves_quantity - found.working_quantity
    assert figures.limit_price_e9 == (None if limit is None else round(limit * 1e9))
    near, far = (quote.bid_e9, quote.ask_e9) if side == "buy" else (quote.ask_e9, quote.bid_e9)
    assert (figures.touch_e9(False), figures.touch_e9(True), figures.mid_e9) == (near, far, quote.mid_e9)
    tape = core.venues.tape("AAPL")
    assert figures.others_volume == tape["volume"] - tape["own_volume"]
    assert not figures.is_halted
    core.venues.halt("AAPL", "NYSE")
    assert figures.is_halted
    assert not figures.is_over
    core.cancel(parent)
    assert figures.is_over
    assert core.get_order(resting.order_id).status is OrderStatus.CANCELED


def test_figures_of_an_order_that_memory_has_let_go_come_from_the_log():
    core, _ = make_core(retained=16)
    parent = parent_of(core)
    figures = ParentFigures(core, parent)
    core.submit_child(parent, 1000, None, "IOC")
    assert figures.filled == 1000
    for _ in range(100):
        core.cancel(core.submit_parent(order(quantity=1, order_type="market", limit_price=None), "twap").order_id)
    assert (figures.quantity, figures.filled, figures.remaining, figures.is_over) == (1000, 1000, 0, True)


def test_figures_of_what_is_no_order():
    core, _ = make_core()
    with pytest.raises(UnknownOrder, match="no order has the id 7"):
        ParentFigures(core, 7)
    with pytest.raises(TypeError):
        ParentFigures(None, 1)


@settings(max_examples=80, deadline=None)
@given(
    size=st.none() | st.integers(1, 2000),
    notional=st.none() | st.integers(1, 400_000),
    value=st.none() | st.integers(1, 400_000),
    quantity=st.integers(-5, 3000),
    cents=st.none() | st.integers(1, 40_000),
)
def test_what_is_sendable_is_the_most_that_the_checks_let_pass(size, notional, value, quantity, cents):
    limits = {"max_order_size": size}
    limits |= {"max_notional_e9": notional and notional * E9, "max_order_value_e9": value and value * E9}
    core, _ = make_core(limits={key: each for key, each in limits.items() if each is not None}, ring_bytes=1 << 22)
    figures = ParentFigures(core, parent_of(core, quantity=2500))
    price = None if cents is None else cents * E9 // 100
    found = figures.sendable(quantity, price)
    unit = core.quote("AAPL").ask_e9 if price is None else price
    core.close()
    most = max(0, min(quantity, 2500))
    for bound in (notional, value):
        if bound is not None:
            most = min(most, bound * E9 // unit)
    assert found == (most if size is None else min(most, size))


def test_children_of_other_kinds_reach_their_venue_as_they_are():
    core, _ = make_core(order_types=PEGS)
    parent = parent_of(core)
    hit = core.submit_child(parent, 10, None, order_type="pegged_midpoint")
    bounded = core.submit_child(parent, 10, 150 * E9, order_type="pegged_primary", peg_offset_e9=-2 * E9 // 100)
    rows = {int(row["order_id"]): row for row in core.orders_array()}
    assert rows[hit.order_id]["order_type"] == ORDER_TYPE_CODES["pegged_midpoint"]
    assert rows[bounded.order_id]["order_type"] == ORDER_TYPE_CODES["pegged_primary"]
    assert rows[bounded.order_id]["limit_price_e9"] == 150 * E9
    assert core.get_order(parent).working_quantity >= 10
    core.check_invariants()
    with pytest.raises(OrderRejected, match="hidden"):
        core.submit_child(parent, 10, 140 * E9, hidden=True)  # nobody said that they take it
    with pytest.raises(OrderRejected, match="CLS"):
        core.submit_child(parent, 10, 140 * E9, "CLS")


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"order_type": "limit"}, "order_type is 'limit', must be pegged_primary"),
        ({"order_type": "peg"}, "order_type is 'peg'"),
        ({"peg_offset_e9": E9}, "peg_offset_e9 is 1000000000"),
        ({"order_type": "pegged_midpoint", "peg_offset_e9": E9}, "peg_offset_e9"),
        ({"order_type": "pegged_primary", "peg_offset_e9": 1}, "on the tick of 10000000"),
        ({"min_quantity": 5}, "min_quantity is 5"),
        ({"min_quantity": 11, "venue": "NYSE"}, "min_quantity is 11, must be from 0 to the quantity, 10"),
        ({"min_quantity": -1, "venue": "NYSE"}, "min_quantity is -1"),
        ({"time_in_force": "GTD"}, "time_in_force is 'GTD'"),
        ({"limit_price_e9": 1}, "limit_price_e9 is 1"),
    ],
)
def test_terms_that_no_child_has_are_refused_by_name(terms, message):
    core, _ = make_core()
    parent = parent_of(core)
    with pytest.raises(ValueError, match=message):
        core.submit_child(parent, 10, **terms)
    assert core.get_order(parent).working_quantity == 0
