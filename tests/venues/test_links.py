"""An engine and its venues over restarts of either: nothing twice, nothing passed over."""

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from support_venue import Venue

from grandmodel.execution import OrderManager
from grandmodel.execution._core.values import JournalError, OrderStatus
from grandmodel.execution.order_management.reconciliation import BreakKind

REST = {"symbol": "AAPL", "side": "buy", "quantity": 10, "order_type": "limit", "limit_price": 100.0}
TAKE = {"symbol": "MSFT", "side": "buy", "quantity": 10, "order_type": "market"}


@pytest.fixture
def place():
    folder = Path(tempfile.mkdtemp(prefix="gm-links-"))     # a socket's path is short
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def manager(place):
    settings = {"NYSE": {"priority": 1, "cost_per_share": 0.0, "connection": f"unix:{place / 's'}"}}
    return OrderManager({"journal": {"path": str(place / "log")}, "routing": {"venues": settings}})


def until(om, done):
    for _ in range(2000):
        om.pump()           # without a loop this takes in what the venue said
        if done():
            return
        time.sleep(0.005)
    raise AssertionError("the venue did not answer")


def settled(om, order, status):
    ticket = om.submit_order(order)
    until(om, lambda: om.get_order(ticket).status is status)
    return int(ticket)


def held(om, symbol="MSFT"):
    return om.core.portfolio.position(symbol)[0]


def test_without_the_file_of_instances_nothing_is_booked_twice(place):
    with Venue(place / "s"):
        om = manager(place)
        until(om, lambda: om.core.venues.quote("MSFT").ask_e9 is not None)
        first = settled(om, TAKE, OrderStatus.FILLED)
        om.close()
        (place / "log" / "venues.json").unlink()
        again = manager(place)
        again.pump()
        assert held(again) == 10
        assert again.get_order(first).filled_quantity == 10
        assert again.core.links.breaks == {"NYSE": []}
        second = settled(again, TAKE, OrderStatus.FILLED)
        assert (second, held(again)) == (first + 1, 20)
        again.close()


def test_a_venue_that_restarts_is_connected_again_by_the_running_engine(place):
    first = Venue(place / "s")
    with first:
        om = manager(place)
        until(om, lambda: om.core.venues.quote("MSFT").ask_e9 is not None)
        settled(om, TAKE, OrderStatus.FILLED)
        resting = settled(om, REST, OrderStatus.NEW)
    until(om, lambda: om.core.links.missing == ["NYSE"])
    assert om.core.links.connect(timeout=0.2) == ["NYSE"]       # nobody is there
    with Venue(place / "s"):
        assert om.core.links.connect() == []
        # It is another process: our open order is not there; what was filled before it began is not compared.
        assert [found.kind for found in om.core.links.breaks["NYSE"]] == [BreakKind.NOT_AT_VENUE]
        assert om.get_order(resting).status is OrderStatus.CANCELED
        assert held(om) == 10
        settled(om, TAKE, OrderStatus.FILLED)
        assert held(om) == 20
        om.close()
        again = manager(place)
        assert again.core.links.breaks == {"NYSE": []}
        assert held(again) == 20
        again.close()


def test_a_venue_that_restarts_while_the_engine_is_down(place):
    with Venue(place / "s"):
        om = manager(place)
        until(om, lambda: om.core.venues.quote("MSFT").ask_e9 is not None)
        settled(om, TAKE, OrderStatus.FILLED)
        resting = settled(om, REST, OrderStatus.NEW)
        om.close()
    with Venue(place / "s"):
        again = manager(place)
        assert [found.kind for found in again.core.links.breaks["NYSE"]] == [BreakKind.NOT_AT_VENUE]
        assert again.get_order(resting).status is OrderStatus.CANCELED
        assert again.open_orders() == []
        again.close()


def test_a_damaged_file_of_instances_is_named(place):
    with Venue(place / "s"):
        manager(place).core.close()
        for text in ("", "[]", '{"NYSE": {}}', '{"NYSE": {"instance": "ab", "position": 0}}'):
            (place / "log" / "venues.json").write_text(text)
            with pytest.raises(JournalError, match=r"venues\.json: is damaged; delete it"):
                manager(place).submit_order(REST)
        (place / "log" / "venues.json").unlink()
        om = manager(place)
        assert om.core.links.missing == []
        om.close()
