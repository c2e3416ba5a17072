"""What a venue takes: sizes, ticks; orders that are more than any takes; what is said is what is done."""

from __future__ import annotations

import pytest
from support_routing import synthetic

from grandmodel.execution import OrderManager, OrderRejected, OrderStateError, Reason, SmartOrderRouter, schedules
from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.journal import Journal
from grandmodel.execution._core.orders import OrderTable
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.risk import Limits
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.submit import Core
from grandmodel.execution._core.synthetic import SyntheticMarket
from grandmodel.execution.clock import SimulatedClock, run

SMALL = {
    "NYSE": {"cost_per_share": 0.0015, "max_order_size": 500},
    "NASDAQ": {"cost_per_share": 0.0018, "max_order_size": 500},
}
MARKET = {"symbol": "AAPL", "side": "buy", "order_type": "market"}
RESTING = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "limit_price": 149.0}


def routed(order, **routing):
    core, clock = synthetic(3, routing=routing)
    decision = SmartOrderRouter(engine=core).route_order(order)
    return decision, core, clock


@pytest.mark.parametrize("quantity", [501, 900, 1500, 1_000_000])
def test_a_market_order_for_more_than_any_takes_is_swept(quantity):
    decision, core, clock = routed({**MARKET, "quantity": quantity}, venues=SMALL)
    assert decision.reason == "chosen"
    assert sum(leg.quantity for leg in decision.legs) + decision.residual == quantity
    assert max(leg.quantity for leg in decision.legs) <= 500
    if quantity < 1_000_000:
        work = SmartOrderRouter(engine=core).execute_order({**MARKET, "quantity": quantity})
        assert run(work, clock=clock).filled_quantity == quantity


def test_a_resting_order_for_more_than_any_takes_is_sent_in_parts():
    order = {**RESTING, "quantity": 1200}
    decision, core, clock = routed(order, venues=SMALL)
    parts = [(leg.venue, leg.quantity) for leg in decision.legs]
    assert sorted(parts) == [("NASDAQ", 500), ("NYSE", 200), ("NYSE", 500)]
    assert decision.residual == 0
    assert "sent in parts" in decision.assumptions[-1]

    async def main():
        ticket = await SmartOrderRouter(engine=core).execute_order(order, wait=False)
        await clock.sleep(2.0)
        children = [core.get_order(child) for child in ticket.parent.children]
        assert [(child.venue, child.quantity) for child in children] == parts
        assert {str(child.status) for child in children} == {"NEW"}
        assert ticket.order.working_quantity == 1200
        ticket.cancel()
        assert (await ticket).filled_quantity == 0
        assert core.open_orders() == []

    run(main(), clock=clock)


def test_a_named_venue_is_told_to_take_no_such_size_before_it_is_asked():
    for quantity, venue in ((100, None), (500, "POOL")):
        pools = {"POOL": {"min_size": 500, "cost_per_share": 0.0008}}
        order = {**MARKET, "quantity": quantity, "venue": "POOL"}
        decision, _, _ = routed(order, venues=SMALL, dark_pools=pools)
        assert decision.venue == venue
        assert ("takes orders of 500 and more" in str(decision.venues)) == (venue is None)


def test_a_limit_off_a_venues_tick_is_not_sent_there():
    venues = {"NYSE": {"cost_per_share": 0.001, "tick": 0.05}, "NASDAQ": {"cost_per_share": 0.002}}
    for price, venue in ((149.0, "NYSE"), (149.05, "NYSE"), (149.01, "NASDAQ")):
        decision, core, _ = routed({**RESTING, "limit_price": price, "quantity": 100}, venues=venues)
        assert decision.venue == venue
        ticket = OrderManager(engine=core).submit_order({**RESTING, "limit_price": price, "quantity": 100})
        assert ticket.order.venue == venue
    with pytest.raises(OrderRejected) as refused:
        OrderManager(engine=core).submit_order({**RESTING, "limit_price": 149.01, "quantity": 100, "venue": "NYSE"})
    assert refused.value.reason is Reason.PRICE_OUT_OF_RANGE


def test_who_names_a_venue_has_his_market_order_sent_there():
    _, core, clock = routed({**MARKET, "quantity": 50}, venues=SMALL)
    work = SmartOrderRouter(engine=core).execute_order({**MARKET, "quantity": 50, "venue": "NASDAQ"})
    assert run(work, clock=clock).venue == "NASDAQ"


def test_what_is_beyond_the_displayed_sizes_has_an_impact():
    costs = []
    for quantity in (100, 10_000, 1_000_000):
        decision, core, _ = routed({**MARKET, "quantity": quantity})
        costs.append(decision.estimated_cost_bps)
        mid = core.quote("AAPL").mid
        assert decision.estimated_cost == pytest.approx(decision.estimated_cost_bps * 1e-4 * mid * quantity, rel=1e-6)
    assert costs[0] < costs[1] < costs[2]
    assert "impact of 1000000 at once" in decision.assumptions[-1]
    (at_once,) = SmartOrderRouter(engine=core).estimate({**MARKET, "quantity": 1_000_000}, [{"algorithm": "market"}])
    assert costs[2] == pytest.approx(at_once.total_bps)


def test_an_estimate_is_of_every_algorithm():
    from grandmodel.execution.routing.algorithms import OURS

    core, _ = synthetic(3)
    found = SmartOrderRouter(engine=core).estimate({**MARKET, "quantity": 10_000})
    assert found[0].algorithm == "market"
    assert sorted(each.algorithm for each in found) == sorted(OURS)


def test_schedules_are_public():
    assert schedules.twap_slices(1000, 3, lot=100).tolist() == [300, 400, 300]
    assert all(callable(getattr(schedules, name)) for name in schedules.__all__)


def test_an_algorithm_that_fails_says_so_though_nobody_waits(caplog):
    from grandmodel.execution.routing.algorithms import ALGORITHMS, Algorithm, register

    class Slips(Algorithm):
        name = "slips_of_a_test"

        async def run(self, parent):
            raise KeyError("clip")

    register(Slips)
    core, clock = synthetic(3)

    async def main():
        router = SmartOrderRouter(engine=core)
        way = {"algorithm": "slips_of_a_test"}
        ticket = await router.execute_algorithm_order({**MARKET, "quantity": 5}, way, wait=False)
        await clock.sleep(1.0)
        return ticket

    try:
        ticket = run(main(), clock=clock)
    finally:
        del ALGORITHMS["slips_of_a_test"]
    assert isinstance(ticket.error, KeyError)
    assert "its algorithm slips_of_a_test failed" in caplog.text
    assert ticket.status == "CANCELED"
    assert "5" in repr(ticket)


def test_a_rest_that_is_less_than_any_venue_takes_is_told_and_not_looked_for_without_end():
    """Sizes that only a core made by hand can give venues that display."""
    instruments, clock = Instruments(), SimulatedClock()
    instruments.add("AAPL", tick_e9=10_000_000, reference_e9=150 * 10**9)
    portfolio, limits, venues = Portfolio(instruments), Limits(instruments), Venues(instruments)
    portfolio.open_account(0, 10**16)
    for name in ("ONE", "TWO"):
        venues.add(name, min_size=100, max_order_size=500)
    market = SyntheticMarket(venues, [0.5, 0.5], seed=3, start_ns=clock.now_ns())
    core = Core(instruments=instruments, portfolio=portfolio, limits=limits, venues=venues, journal=Journal(),
                orders=OrderTable(), market=market, clock=clock)  # fmt: skip
    decision = SmartOrderRouter(engine=core).route_order({**RESTING, "limit_price": 149.0, "quantity": 1050})
    assert sorted((leg.venue, leg.quantity) for leg in decision.legs) == [("ONE", 500), ("TWO", 500)]
    assert decision.residual == 50
    core.close()


@pytest.mark.parametrize("held", [False, True])
def test_a_replace_keeps_to_its_venues_tick(held):
    """What a venue would not take as an order it is not sent as a replace either; a held order has no venue yet."""
    core, _ = synthetic(3, routing={"venues": {"NYSE": {"cost_per_share": 0.001, "tick": 0.05}}})
    manager = OrderManager(engine=core)
    kind = {"order_type": "stop_limit", "stop_price": 200.0, "limit_price": 200.0} if held else {}
    ticket = manager.submit_order({**RESTING, "quantity": 100, **kind})
    if held:
        manager.replace_order(ticket.order_id, limit_price=200.01)
        assert ticket.order.limit_price == 200.01
        return
    with pytest.raises(OrderStateError, match="tick"):
        manager.replace_order(ticket.order_id, limit_price=149.01)
    assert (ticket.order.limit_price, str(ticket.order.status)) == (149.0, "NEW")
    manager.replace_order(ticket.order_id, quantity=50)
    manager.replace_order(ticket.order_id, limit_price=149.1)
    assert (ticket.order.limit_price, ticket.order.quantity) == (149.1, 50)


@pytest.mark.parametrize("kind", [{"order_type": "limit", "limit_price": 149.0}, {"order_type": "market"}])
def test_who_names_a_venue_keeps_to_what_it_takes(kind):
    """What `route_order` says of a named venue's sizes is what is done, of a replace too."""
    venues = {"NYSE": {"cost_per_share": 0.001, "max_order_size": 500}, "NASDAQ": {"cost_per_share": 0.002}}
    pools = {"POOL": {"min_size": 500, "cost_per_share": 0.0008}}
    core, _ = synthetic(3, routing={"venues": venues, "dark_pools": pools})
    manager, router = OrderManager(engine=core), SmartOrderRouter(engine=core)
    for venue, quantity in (("NYSE", 501), ("NYSE", 2**50), ("POOL", 499)):  # a pool says so itself
        order = {"symbol": "AAPL", "side": "buy", **kind, "venue": venue, "quantity": quantity}
        decision = router.route_order(order)
        assert (decision.venue, decision.reason) == (None, "NO_VENUE")
        assert "takes orders of" in str(decision.venues)
        if venue == "POOL":
            assert manager.submit_order(order).order.reason is Reason.VENUE_REJECTED
            continue
        with pytest.raises(OrderRejected) as refused:
            manager.submit_order(order)
        assert refused.value.reason is Reason.NO_VENUE
    ticket = manager.submit_order({**RESTING, "venue": "NYSE", "quantity": 500})
    with pytest.raises(OrderStateError, match="no enabled venue can take"):
        manager.replace_order(ticket.order_id, quantity=501)
    assert (ticket.order.quantity, str(ticket.order.status)) == (500, "NEW")
    manager.replace_order(ticket.order_id, quantity=499)
    assert ticket.order.quantity == 499
