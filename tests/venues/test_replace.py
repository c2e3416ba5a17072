"""Replaces over the wire: a venue in a process of its own changes a resting order, keeps or loses its place, or says
no.
"""

import contextlib

import pytest
from support import order
from support_venue import ME, YOU, Client, make_remote_core, quoted, reports, wait_for

from grandmodel.execution import OrderStateError, OrderStatus

REPLACED = 4


@pytest.fixture
def engine(venue, path):
    core, gate, market = make_remote_core()
    market.connect("NYSE", path, ME)
    quoted(core, market)
    yield core, gate, market
    core.close()
    market.close()


def rest(engine, **changes):
    core, gate, market = engine
    ticket = gate.submit_order(order(**{"order_type": "limit", "limit_price": 140.0, **changes}))
    wait_for(core, market, lambda: ticket.status is OrderStatus.NEW)
    return ticket


def test_quantity_and_price_change_when_the_venue_has_said_so(engine):
    core, _, market = engine
    ticket = rest(engine)
    core.replace(ticket.order_id, 250, 141 * 10**9)
    assert ticket.status is OrderStatus.PENDING_REPLACE
    assert (ticket.order.quantity, core.portfolio.position("AAPL")) == (100, (0, 250, 0))
    wait_for(core, market, lambda: ticket.status is OrderStatus.NEW)
    assert (ticket.order.quantity, ticket.order.limit_price, ticket.order.leaves_quantity) == (250, 141.0, 250)
    core.replace(ticket.order_id, 60)
    wait_for(core, market, lambda: ticket.status is OrderStatus.NEW)
    assert core.portfolio.position("AAPL") == (0, 60, 0)
    assert reports(core, ticket.order_id)["exec_type"].tolist() == [1, REPLACED, REPLACED]
    core.cancel(ticket.order_id)
    wait_for(core, market, lambda: core.is_closed(ticket.order_id))
    assert ticket.status is OrderStatus.CANCELED


def test_a_price_through_the_market_trades(engine):
    core, _, market = engine
    ticket = rest(engine)
    core.replace(ticket.order_id, 100, 160 * 10**9)
    wait_for(core, market, lambda: core.is_closed(ticket.order_id))
    assert (ticket.status, ticket.order.filled_quantity, core.portfolio.position("AAPL")) == (
        OrderStatus.FILLED,
        100,
        (100, 0, 0),
    )


def test_a_fill_on_the_way_is_counted_in_the_new_total(engine, path):
    """Somebody else takes 60 while the replace to 50 is on its way: the order ends with what has filled."""
    core, _, market = engine
    ticket = rest(engine, limit_price=150.0)
    with Client(path) as other:
        other.login(YOU)
        other.order(1, quantity=60, side=-1, price=150.0)
        other.status()
        core.replace(ticket.order_id, 50)
        wait_for(core, market, lambda: core.is_closed(ticket.order_id))
    assert (ticket.status, ticket.order.filled_quantity, ticket.order.quantity) == (OrderStatus.FILLED, 60, 60)
    assert core.portfolio.position("AAPL") == (60, 0, 0)
    assert core.statistics()["overfills"] == 0


def test_a_lost_connection_leaves_the_worst_case_reserved(engine, venue):
    core, _, market = engine
    ticket = rest(engine)
    venue.stop()
    with contextlib.suppress(OrderStateError):
        core.replace(ticket.order_id, 500)
    wait_for(core, market, lambda: ticket.status is not OrderStatus.PENDING_REPLACE)
    assert ticket.status in (OrderStatus.UNKNOWN, OrderStatus.NEW)
    assert core.portfolio.position("AAPL") == (0, 500 if ticket.status is OrderStatus.UNKNOWN else 100, 0)
