"""Orders to simulated venues at a distance: the order path with a link before the market, and orders that reach their
venue and are heard of again. Without latency and faults there is no link, and the order path is bench_order_path's.
"""

from __future__ import annotations

from bench_order_path import CONFIG, ORDER, ORDERS

from grandmodel.execution import OrderManager
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import order_manager_config
from grandmodel.execution.engine import make_core

LATENCY = {"simulation": {"latency": {"jitter_us": 20}}}


def bench_submit_with_latency(benchmark):
    """submit_order(dict) on its way, its arrival and answer, its cancel and the answer to that. Per round: 1,000."""
    core = make_core(order_manager_config({**CONFIG, **LATENCY}), clock=SimulatedClock())
    om = OrderManager(engine=core)

    def loop():
        submit, order = om.submit_order, ORDER
        for _ in range(ORDERS):
            submit(order)
        core.advance(core.clock.now_ns() + 10**9)
        om.cancel_all()
        core.advance(core.clock.now_ns() + 10**9)

    benchmark.pedantic(loop, setup=core.journal.flush, rounds=50, warmup_rounds=5)
    assert om.statistics()["refused"] == 0
    assert om.open_orders() == []
    assert core.market.counters()["hurried"] == 0
