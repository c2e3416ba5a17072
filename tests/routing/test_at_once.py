"""A market order in its caller's own step leaves the same records as the algorithm's coroutine does."""

from __future__ import annotations

import asyncio

import pytest
from support_routing import MARKET_ORDER, synthetic

from grandmodel.execution import OrderRejected, SmartOrderRouter
from grandmodel.execution._core.clock import NativeClock
from grandmodel.execution.clock import run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.routing.ticket import AlgorithmTicket

ORDERS = [
    {"symbol": "AAPL", "side": "buy", "quantity": 1, "order_type": "market"},
    {"symbol": "AAPL", "side": "buy", "quantity": 900, "order_type": "market"},
    {"symbol": "AAPL", "side": "sell", "quantity": 25_000, "order_type": "market"},
    {"symbol": "AAPL", "side": "sell", "quantity": 500, "order_type": "limit", "limit_price": 149.0},
    {"symbol": "AAPL", "side": "buy", "quantity": 500, "order_type": "limit", "limit_price": 100.0},
]
SMALL = {
    "NYSE": {"cost_per_share": 0.001, "max_order_size": 70},
    "NASDAQ": {"cost_per_share": 0.001, "max_order_size": 50},
}
SETTINGS = [
    {},
    {"risk_controls": {"order_limits": {"max_order_size": 300}}},
    {"simulation": {"latency": {"out_us": 500}}},
    {"routing": {"venues": SMALL}},
]


def lived(order, sections, by):
    """The records of it all, and its result."""
    core, clock = synthetic(4, **sections)

    async def main():
        await clock.sleep(5.0)
        router = SmartOrderRouter(engine=core)
        result = await by(router, order)
        await clock.sleep(5.0)
        return result

    result = run(main(), clock=clock)
    fingerprint = core.journal.sha256()
    core.close()
    return fingerprint, result


async def by_coroutine(router, order):
    return await AlgorithmTicket(router, router.start(order, {"algorithm": "market"}))


async def at_once(router, order):
    return await router.execute_algorithm_order(order, {"algorithm": "market"})


@pytest.mark.parametrize("sections", SETTINGS)
@pytest.mark.parametrize("order", ORDERS)
def test_the_same_records_and_the_same_result(order, sections):
    fingerprint, result = lived(order, sections, at_once)
    expected, slow = lived(order, sections, by_coroutine)
    assert fingerprint == expected
    for name in (
        "order_id", "status", "venue", "algorithm", "order_quantity", "filled_quantity", "execution_duration",
        "market_conditions",
    ):  # fmt: skip
        assert str(getattr(result, name)) == str(getattr(slow, name)), name
    assert result.cost.parts_e9 == slow.cost.parts_e9
    assert (result.fills == slow.fills).all()


def test_what_is_told_before_the_result_is_the_result():
    core, clock = synthetic(4)

    async def main():
        router = SmartOrderRouter(engine=core)
        from grandmodel.execution.routing.algorithms import make_algorithm

        market, seen = make_algorithm({"algorithm": "market"}), 0
        for quantity in (1, 40, 150, 300):
            taking = router.take_at_once({**ORDERS[0], "quantity": quantity}, market)
            if not taking.is_over:
                await router.take_on(taking, market)
                continue
            seen += 1
            outcome, result = taking.outcome(), router.taken(taking)
            for name in outcome.__slots__:
                assert str(getattr(outcome, name)) == str(getattr(result, name)), name
        assert seen

    run(main(), clock=clock)
    core.close()


def test_a_refusal_is_the_callers():
    core, clock = synthetic(4, risk_controls={"position_limits": {"default": 10}})

    async def main():
        with pytest.raises(OrderRejected):
            await SmartOrderRouter(engine=core).execute_algorithm_order(ORDERS[1], {"algorithm": "market"})

    run(main(), clock=clock)
    core.close()


def test_a_caller_that_goes_away_leaves_the_order_at_work():
    """As with any algorithm: what stops is the waiting."""
    core, clock = synthetic(4, simulation={"latency": {"out_us": 50_000}})

    async def main():
        router = SmartOrderRouter(engine=core)
        waiting = asyncio.ensure_future(at_once(router, ORDERS[1]))
        await clock.sleep(0.01)
        waiting.cancel()
        await clock.sleep(5.0)
        assert core.open_orders() == []
        assert sum(core.fills()["quantity"].tolist()) == 900

    run(main(), clock=clock)
    core.close()


def test_an_engine_that_nobody_can_wait_by_is_told_so_before_there_is_an_order():
    """What is left of an order would be nobody's: no algorithm waits by a bare native clock."""
    clock = NativeClock(simulated=True, start_ns=1_735_830_000 * 10**9)
    core = make_core(load_config({"mode": "simulation"}), clock=clock)
    order = {**MARKET_ORDER, "quantity": 100_000}
    work = SmartOrderRouter(engine=core).execute_algorithm_order(order, {"algorithm": "market"})
    with pytest.raises(TypeError, match="bare native clock"):
        asyncio.run(work)
    assert core.open_orders() == []
