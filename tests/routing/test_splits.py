"""Passive sizes by Cont and Kukanov, whole lots, the router's legs, and dark pools first."""

import asyncio
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_routing import MARKET_ORDER, execute, synthetic

from grandmodel.execution import OrderManager, SmartOrderRouter
from grandmodel.execution._core.allocation import cont_kukanov_cost
from grandmodel.execution.clock import run
from grandmodel.execution.routing.algorithms.dark_first import DarkHistory
from grandmodel.execution.routing.splits import cont_kukanov, whole_lots

TERMS = {"impact": 0.0005, "underfill": 0.05}


def test_one_venue_is_the_papers_formula():
    """The exact solution with lam_u = lam_o = 0.05, found by grid search too: M 576.4986, L 423.5014, 22.455414."""
    one = {"queues": [2000], "mean_outflows": [2500], "rebates": [0.002]}
    for overfill in (None, 0.05):
        got = cont_kukanov(1000, 0.02, 0.003, **one, **TERMS, overfill=overfill)
        assert got.market == pytest.approx(576.4986, abs=1e-4)
        assert got.limits[0] == pytest.approx(423.5014, abs=1e-4)
        assert got.cost == pytest.approx(22.455414, abs=1e-6)


@pytest.mark.parametrize(("underfill", "market"), [(0.0418, 0.0), (0.0420, 1.0), (0.0592, 999.0), (0.0593, 1000.0)])
def test_the_corners_are_at_the_papers_bounds(underfill, market):
    """lam_lo = .04189557: all is posted below it; lam_hi = .05921848: all is taken above it."""
    got = cont_kukanov(
        1000, 0.02, 0.003, queues=[2000], mean_outflows=[2500], rebates=[0.002], impact=0.0005, underfill=underfill
    )
    if market in (0.0, 1000.0):
        assert got.market == pytest.approx(market, abs=1e-6)
    else:
        assert 0.0 < got.market < 1000.0
    assert got.market + got.limits.sum() == pytest.approx(1000, rel=1e-9)


VENUE = st.tuples(st.floats(0, 4000), st.floats(50, 4000), st.floats(-0.003, 0.004))


@settings(max_examples=200, deadline=None)
@given(venues=st.lists(VENUE, min_size=1, max_size=8), underfill=st.floats(0.001, 0.2), takes=st.booleans())
def test_within_the_size_marginal_costs_are_equal_wherever_something_is_placed(venues, underfill, takes):
    h, f, size = 0.01, 0.003, 1000.0
    queues, means, rebates = (list(column) for column in zip(*venues, strict=True))
    got = cont_kukanov(
        size, h, f, queues=queues, mean_outflows=means, rebates=rebates, underfill=underfill, takes=takes
    )
    assert got.market >= 0
    assert (got.limits >= 0).all()
    assert got.market + got.limits.sum() == pytest.approx(size, rel=1e-6)
    p = np.exp(-(np.array(queues) + got.limits) / np.array(means))
    marginal = underfill - p * (underfill + h + np.array(rebates))
    if got.market > 1e-3:
        marginal = np.append(marginal, h + f)
        placed = np.append(got.limits > 1e-3, True)
    else:
        placed = got.limits > 1e-3
    price = marginal[placed].max()
    assert np.ptp(marginal[placed]) < 1e-6 * max(1.0, underfill)
    assert (marginal[~placed] >= price - 1e-6).all()  # nothing is cheaper that is left out
    if takes and got.market <= 1e-3:
        assert h + f >= price - 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_beyond_the_size_no_point_of_a_grid_is_better(seed):
    """Two venues, overfilling penalised: to within 0.2% of the cost's range, against 9,261 points."""
    rng = np.random.default_rng(seed)
    queues, means, rebates = rng.uniform(200, 3000, 2), rng.uniform(300, 3000, 2), rng.uniform(0.001, 0.003, 2)
    got = cont_kukanov(1000, 0.02, 0.003, queues=queues, mean_outflows=means, rebates=rebates, overfill=0.05, **TERMS)
    assert got.rounds > 0
    grid = range(0, 1001, 50)
    costs = [
        cont_kukanov_cost(1000, 0.02, 0.003, queues, means, rebates, m, [a, b], overfill=0.05, **TERMS)
        for m, a, b in itertools.product(grid, grid, grid)
    ]
    assert got.cost <= min(costs) + 0.002 * (max(costs) - min(costs))


def test_the_cost_is_that_of_a_simulation():
    rng = np.random.default_rng(1)
    queues, means, rebates = [300.0, 900.0], [800.0, 1500.0], [0.002, 0.001]
    market, limits = 200.0, [600.0, 500.0]
    xi = rng.exponential(means, (400_000, 2))
    fills = np.clip(xi - queues, 0, limits)
    total = market + fills.sum(axis=1)
    under, over = np.maximum(1000 - total, 0), np.maximum(total - 1000, 0)
    drawn = 0.023 * market - (fills * (0.02 + np.array(rebates))).sum(axis=1)
    drawn += 0.0005 * (market + 1100 + under) + 0.05 * under + 0.05 * over
    got = cont_kukanov_cost(1000, 0.02, 0.003, queues, means, rebates, market, limits, overfill=0.05, **TERMS)
    assert got == pytest.approx(drawn.mean(), abs=4 * drawn.std() / math.sqrt(len(drawn)) + 0.002 * abs(got))


ONE_VENUE = {"size": 1000, "half_spread": 0.02, "take_fee": 0.003, "queues": [10.0], "mean_outflows": [10.0],
             "rebates": [0.002], "underfill": 0.05}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"size": 0}, "size"), ({"size": math.nan}, "size"), ({"queues": [-1.0]}, "queues"),
        ({"mean_outflows": [0.0]}, "mean_outflows"), ({"rebates": [math.inf]}, "rebates"),
        ({"underfill": -1}, "underfill"),
        ({"queues": [1.0, 2.0]}, "mean_outflows"), ({"overfill": 0.01}, "overfill"), ({"rebates": [-0.5]}, "rebates"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change, name):
    with pytest.raises(ValueError, match=name):
        cont_kukanov(**{**ONE_VENUE, **change})


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"size": True}, "size"), ({"size": "1000"}, "size"), ({"queues": "ab"}, "queues"), ({"rebates": 5}, "rebates"),
        ({"half_spread": "0.02"}, "half_spread"), ({"queues": [None]}, "queues"), ({"underfill": [0.05]}, "underfill"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_named(change, name):
    with pytest.raises(TypeError, match=name):
        cont_kukanov(**{**ONE_VENUE, **change})


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.floats(0, 1e4), st.sampled_from([0, 100, 500]), st.sampled_from([0, 600, 1000])),
        min_size=1,
        max_size=8,
    ),
    quantity=st.integers(1, 20_000),
    lot=st.sampled_from([1, 100]),
)  # fmt: skip
def test_whole_lots_keep_sizes_and_never_exceed_the_quantity(rows, quantity, lot):
    sizes, least, most = (list(column) for column in zip(*rows, strict=True))
    got = whole_lots(sizes, quantity, lot, least, most)
    assert sum(got) <= quantity
    if any(sizes) and any(low == high == 0 for low, high in zip(least, most, strict=True)):
        assert sum(got) == quantity
    for size, low, high in zip(got, least, most, strict=True):
        assert size == 0 or (size >= low and (not high or size <= high))


# ---- the router


def test_a_marketable_order_is_split_over_displayed_quotes():
    core, _ = synthetic()
    router = SmartOrderRouter(engine=core)
    decision = router.route_order({**MARKET_ORDER, "quantity": 20_000})
    assert sum(leg.quantity for leg in decision.legs) + decision.residual == 20_000
    assert len({leg.venue for leg in decision.legs}) > 1
    prices = [leg.price for leg in decision.legs]
    assert prices == sorted(prices)
    assert {score.venue for score in decision.legs[0].scores} == set(core.venues.names)
    core.close()


def passive(core, quantity):
    quote = core.quote("AAPL")
    return {**MARKET_ORDER, "quantity": quantity, "order_type": "limit", "limit_price": round(quote.bid, 2)}


def test_a_resting_order_is_split_once_something_has_traded():
    core, clock = synthetic()
    router = SmartOrderRouter(engine=core)
    early = router.route_order(passive(core, 2_000))
    assert len(early.legs) == 1
    core.advance(clock.now_ns() + 120 * 10**9)
    decision = router.route_order(passive(core, 2_000))
    assert sum(leg.quantity for leg in decision.legs) == 2_000
    assert len(decision.legs) > 1
    assert all(leg.quantity % 100 == 0 for leg in decision.legs)
    assert len(router.route_order(passive(core, 100)).legs) == 1
    core.close()


def test_resting_legs_are_children_of_one_parent():
    core, clock = synthetic()
    router = SmartOrderRouter(engine=core)

    async def main():
        core.advance(clock.now_ns() + 120 * 10**9)
        ticket = await router.execute_order(passive(core, 2_000), wait=False)
        await asyncio.sleep(1)
        children = [core.get_order(i) for i in ticket.parent.children]
        assert len(children) > 1
        assert sum(child.quantity for child in children) == 2_000
        assert len({child.venue for child in children}) == len(children)
        ticket.cancel()
        return await ticket

    result = run(main(), clock=clock)
    assert result.status == ("FILLED" if result.filled_quantity == 2_000 else "CANCELED")
    assert core.open_orders() == []
    core.close()


def test_resting_legs_are_paused_resumed_and_amended():
    core, clock = synthetic()
    router = SmartOrderRouter(engine=core)

    def at_work(ticket):
        children = [core.get_order(i) for i in ticket.parent.children]
        return [child for child in children if not child.status.is_closed]

    async def main():
        core.advance(clock.now_ns() + 120 * 10**9)
        order = passive(core, 2_000)
        order["limit_price"] = round(order["limit_price"] - 2.0, 2)  # nobody comes there
        ticket = await router.execute_order(order, wait=False)
        await asyncio.sleep(1)
        assert sum(child.quantity for child in at_work(ticket)) == 2_000
        ticket.pause()
        await asyncio.sleep(1)
        assert at_work(ticket) == []
        assert not ticket.status.is_closed
        ticket.resume()
        await asyncio.sleep(1)
        first = {child.order_id for child in at_work(ticket)}
        assert sum(child.quantity for child in at_work(ticket)) == 2_000
        ticket.amend(quantity=3_000)
        await asyncio.sleep(1)
        assert sum(child.quantity for child in at_work(ticket)) == 3_000
        assert first <= {child.order_id for child in at_work(ticket)}  # what rests keeps its place
        limit = round(order["limit_price"] + 0.5, 2)
        ticket.amend(limit_price=limit)
        await asyncio.sleep(1)
        assert {child.limit_price for child in at_work(ticket)} == {limit}
        assert sum(child.quantity for child in at_work(ticket)) == 3_000
        ticket.amend(limit_price=round(core.quote("AAPL").ask + 1, 2))  # it crosses now
        await asyncio.sleep(1)
        return await ticket

    result = run(main(), clock=clock)
    assert (result.status, result.filled_quantity) == ("FILLED", 3_000)
    assert core.open_orders() == []
    core.close()


def test_figures_of_venues_are_seen_from_the_router():
    core, clock = synthetic()
    execute(core, clock, {**MARKET_ORDER, "quantity": 5_000}, {"algorithm": "market"})
    found = SmartOrderRouter(engine=core).venue_statistics("AAPL")
    assert set(found) == set(core.venues.names)
    assert sum(row["fills"] for row in found.values()) > 0
    core.close()


# ---- dark pools first


def test_who_gets_less_than_it_takes_is_left_out():
    history = DarkHistory()
    assert history.allocate("X", 1_000, 100, [("A", 0, 0), ("B", 2_000, 0)]) == {"A": 1_000}
    for _ in range(5):
        history.add("A", "X", 500, 0)
    got = history.allocate("X", 1_000, 100, [("A", 0, 0), ("B", 300, 600)])
    assert got["B"] == 600
    assert sum(got.values()) <= 1_000
    assert history.allocate("X", 50, 100, [("A", 0, 0)]) == {}


def test_the_history_is_bounded_and_refuses_nonsense():
    history = DarkHistory(3)
    for k in range(1, 6):
        history.add("A", "X", k, 0)
    assert [sent for sent, _ in history.seen("A", "X")] == [3, 4, 5]
    with pytest.raises(ValueError, match="filled 9"):
        history.add("A", "X", 5, 9)


def test_dark_first_asks_the_pools_and_takes_the_rest():
    core, clock = synthetic()
    core.advance(clock.now_ns() + 120 * 10**9)
    router = SmartOrderRouter(engine=core)
    order = {**MARKET_ORDER, "quantity": 4_000}
    result = run(router.execute_algorithm_order(order, {"algorithm": "dark_first"}), clock=clock)
    assert result.filled_quantity == 4_000
    asked = [name for name in ("GOLDMAN", "MORGAN") if router.dark_history.seen(name, "AAPL")]
    assert asked
    for name in asked:
        ((sent, filled),) = router.dark_history.seen(name, "AAPL")
        assert 0 <= filled <= sent <= 4_000
        assert sent >= core.venues.describe(name)["min_size"]
    other = SmartOrderRouter(engine=core)  # who comes later reads it from the order table
    for name in ("GOLDMAN", "MORGAN"):
        assert other.dark_history.seen(name, "AAPL") == router.dark_history.seen(name, "AAPL")
    core.close()


def test_the_cost_of_a_swept_order_is_that_of_its_legs():
    core, _ = synthetic()
    core.touch("AAPL")
    quantity = 0
    router = SmartOrderRouter(engine=core)
    for name in core.venues.names:
        quantity += core.venues.shown("AAPL", name)["ask_quantity"] or 0
    decision = router.route_order({**MARKET_ORDER, "quantity": quantity})
    legs = sum(leg.cost * leg.quantity for leg in decision.legs)
    assert decision.estimated_cost == pytest.approx(legs)  # nothing is beyond what is displayed
    assert decision.assumptions == ()
    more = router.route_order({**MARKET_ORDER, "quantity": quantity + 1000})
    spread = core.quote("AAPL").spread
    last = more.legs[-1].cost
    assert more.assumptions[0] == "1000 beyond what is displayed are assumed to pay half a spread more"
    (at_once,) = router.estimate({**MARKET_ORDER, "quantity": quantity + 1000}, [{"algorithm": "market"}])
    shown = (legs + 1000 * (last + spread / 2)) / (core.quote("AAPL").mid * (quantity + 1000)) * 1e4
    assert more.estimated_cost_bps == pytest.approx(max(shown, at_once.total_bps))  # whichever says more
    core.close()


def test_without_figures_of_the_instrument_the_cost_is_that_of_the_legs():
    terms = {"sector": "technology", "reference_price": "150.00"}
    core, _ = synthetic(instruments={"XYZ": terms})
    core.touch("XYZ")
    router = SmartOrderRouter(engine=core)
    quantity = sum(core.venues.shown("XYZ", name)["ask_quantity"] or 0 for name in core.venues.names)
    legs = router.route_order({**MARKET_ORDER, "symbol": "XYZ", "quantity": quantity}).estimated_cost
    more = router.route_order({**MARKET_ORDER, "symbol": "XYZ", "quantity": quantity + 1000})
    assert more.estimated_cost == pytest.approx(legs + 1000 * (more.legs[-1].cost + core.quote("XYZ").spread / 2))
    assert more.assumptions == ("1000 beyond what is displayed are assumed to pay half a spread more",)
    core.close()


@pytest.mark.parametrize("seed", range(4))
def test_over_latency_and_faults_nothing_is_lost_or_doubled(seed):
    """Sweeps while commands and reports are delayed, dropped, doubled and lost, and venues are taken out."""
    core, clock = synthetic(
        seed,
        simulation={
            "latency": {"jitter_us": 200},
            "faults": {"drop": 0.02, "reject": 0.15, "duplicate": 0.05, "delay": 0.05, "disconnect": 0.01},
        },
        routing={"circuit_breaker": {"rejects": 2, "unanswered": 1, "disconnects": 1, "cool_down_seconds": 5}},
    )
    trips = 0
    for k in range(8):
        given = {**MARKET_ORDER, "quantity": 4_000, "side": "buy" if k % 2 else "sell"}
        parent = int(core.submit_parent(given, "market"))
        children = []
        for _ in range(6):
            before = core.get_order(parent)
            left = before.leaves_quantity - before.working_quantity
            if before.status.is_closed or left == 0:
                break
            swept = core.sweep(parent, left)
            assert sum(leg[1] for leg in swept["legs"]) + swept["residual"] == left
            children += [order_id for order_id in swept["ids"] if order_id > 0]
            core.advance(clock.now_ns() + 10**9)
            rows = [core.get_order(each) for each in children]
            order = core.get_order(parent)
            assert order.filled_quantity == sum(row.filled_quantity for row in rows)
            assert order.working_quantity == sum(row.leaves_quantity for row in rows)
            assert order.filled_quantity + order.leaves_quantity == 4_000
            core.check_invariants()
            trips = max(trips, sum(row["trips"] for row in core.venues_out().values()))
    core.check_invariants(from_nothing=True)
    assert sum(core.venue_statistics("AAPL", name)["rejects"] for name in core.venues.names) > 0
    assert trips > 0
    core.close()


def test_a_venue_that_never_answers_is_taken_out_by_default_and_orders_go_elsewhere():
    venues = {"FIRST": {"cost_per_share": 0, "faults": {"drop": 1.0}}, "SECOND": {"cost_per_share": 0.001}}
    core, clock = synthetic(3, routing={"venues": venues}, order_management={"order_timeout_seconds": 1})
    gate, went = OrderManager(engine=core), []
    for _ in range(40):
        order_id = gate.submit_order({**MARKET_ORDER, "quantity": 100}).order_id
        went.append(core.get_order(order_id).venue)
        core.advance(clock.now_ns() + 2 * 10**9)
    assert went[:3] == ["FIRST"] * 3
    assert core.venues_out()["FIRST"]["trips"] >= 2  # probed once the cool-down was over, in vain
    assert went.count("FIRST") < 8 < went.count("SECOND")
    core.check_invariants(from_nothing=True)
    core.close()
