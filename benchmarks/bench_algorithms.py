"""What algorithms cost: a child from the decision to the venue, and a thousand parents at once over a day."""

from __future__ import annotations

import asyncio

from grandmodel.execution import OrderManager, SmartOrderRouter
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.routing.algorithms.parent import run_parent

CHILDREN = 500


def bench_child(benchmark):
    """A child of a parent: held to its limits, checked, routed, journalled, resting at the venue. Per round: 500."""
    clock = SimulatedClock()
    limits = {"order_limits": {"max_order_size": 100_000, "max_notional": 5_000_000}}
    core = make_core(load_config({"mode": "simulation", "seed": 1, "risk_controls": limits}), clock=clock)
    router = SmartOrderRouter(engine=core)
    order = {"symbol": "AAPL", "side": "buy", "quantity": 10 * CHILDREN, "order_type": "market"}
    way = {"algorithm": "pov", "participation_rate": 0.5, "max_deviation": 0.05, "duration_minutes": 60}
    parents = []

    def begin():
        for parent in parents:
            core.cancel(parent.order_id)
        parents[:] = [router.start(order, way)]
        price = parents[0].touch_e9(far=False) // 10**9 * 10**9 - 20 * 10**9
        return (parents[0].child, price), {}

    def place(child, price):
        for _ in range(CHILDREN):
            child(10, price, "DAY")

    benchmark.pedantic(place, setup=begin, rounds=40, warmup_rounds=3)
    assert parents[0].order.working_quantity == 10 * CHILDREN


SYMBOLS = [f"S{number:02d}" for number in range(100)]
WAYS = (
    {"algorithm": "vwap", "duration_minutes": 385},
    {"algorithm": "vwap", "duration_minutes": 385, "dynamic": True},
    {"algorithm": "twap", "duration_minutes": 385, "slice_duration": 5},
    {"algorithm": "implementation_shortfall", "duration_minutes": 385, "participation_rate": 0.1},
    {"algorithm": "pov", "participation_rate": 0.02, "interval_seconds": 60},
)
PARENTS = 1000


def market():
    """A hundred symbols, a venue's quotes from two events a second each."""
    terms = {"reference_price": "100.00", "adv": 5_000_000, "volatility_daily": 0.015, "shares_outstanding": 10**9}
    config = {
        "mode": "simulation", "seed": 1, "market": {"events_per_second": 2},
        "instruments": {symbol: {"sector": "technology", **terms} for symbol in SYMBOLS},
        "account": {"cash": 9_000_000_000},
    }  # fmt: skip
    clock = SimulatedClock()
    core = make_core(load_config(config), clock=clock)
    for symbol in SYMBOLS:
        core.touch(symbol)
    return core, clock


def bench_hundred_symbols_day(benchmark):
    """The market of `bench_thousand_parents` alone, an own order resting in each symbol far from the touch."""

    def lived(core, until_ns):
        core.advance(until_ns)
        for symbol in SYMBOLS:
            core.market.touch(symbol, until_ns)
        core.close()

    def begin():
        core, clock = market()
        for symbol in SYMBOLS:
            order = {"symbol": symbol, "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 80}
            OrderManager(engine=core).submit_order({**order, "time_in_force": "GTC"})
        return (core, clock.now_ns() + 390 * 60 * 10**9), {}

    benchmark.pedantic(lived, setup=begin, rounds=1)


def bench_thousand_parents(benchmark):
    """A thousand parents at once in a hundred symbols, worked through a session. The market's own part stands above."""

    def day(core, clock):
        router = SmartOrderRouter(engine=core)

        async def main():
            order = {"order_type": "market", "quantity": 2000}
            parents = []
            for k in range(PARENTS):
                side = "sell" if k // 100 % 2 else "buy"
                parents.append(router.start({**order, "symbol": SYMBOLS[k % 100], "side": side}, WAYS[k % len(WAYS)]))
            return await asyncio.gather(*map(run_parent, parents))

        ended = run(main(), clock=clock)
        assert len(ended) == PARENTS
        assert sum(each.filled_quantity for each in ended) > 0.9 * 2000 * PARENTS
        core.check_invariants()
        core.close()

    benchmark.pedantic(day, setup=lambda: (market(), {}), rounds=1)
