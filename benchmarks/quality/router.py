"""Does the router cost less than simple rules? Printed as it comes out.

Orders are taken at once on synthetic days, each by one rule, from the same seeds: the router's sweep; the router's own
choice of one venue after the other; always the venue with the lowest taking fee; always the first venue by priority; a
venue at random. The last three send what is left to their venue as an immediate market order, up to four times; what is
left then is swept, so that everybody trades the same. All-in cost: against the mid at the order's arrival, fees
included, bps; paired by order, days are the blocks of the intervals. Nothing is refused for a better quote elsewhere
(`protect_quotes: false`): the rules do as they say.

    python benchmarks/quality/router.py [--days 20] [--orders 12]
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from grandmodel.execution._core.values import OrderRejected
from grandmodel.execution.analytics.significance import mean_interval, paired_difference
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core

SECOND = 10**9
SIZES = (100, 500, 1_500, 4_000)


def lit(core: Any) -> list[dict[str, Any]]:
    rows = [core.venues.describe(name) for name in core.venues.names]
    return [row for row in rows if row["kind"] in ("exchange", "ecn")]


def cheapest(core: Any, draw: random.Random) -> str:
    return str(min(lit(core), key=lambda row: (row["take_fee"], row["priority"]))["name"])


def primary(core: Any, draw: random.Random) -> str:
    return str(min(lit(core), key=lambda row: row["priority"])["name"])


def anywhere(core: Any, draw: random.Random) -> str:
    return str(draw.choice(lit(core))["name"])


def best(core: Any, draw: random.Random) -> None:
    """The router's own choice of one venue at a time, at the best displayed price."""


RULES: dict[str, Callable[[Any, random.Random], str | None] | None] = {
    "the router": None, "its venues, one by one": best, "lowest taking fee": cheapest, "first by priority": primary,
    "at random": anywhere,
}  # fmt: skip


def left_of(core: Any, parent: int) -> int:
    order = core.get_order(parent)
    return int(order.leaves_quantity - order.working_quantity)


def day(rule: Callable[[Any, random.Random], str | None] | None, seed: int, orders: int) -> list[float]:
    """Cost of each order of a day, bps of the mid at its arrival."""
    clock = SimulatedClock()
    config = {
        "mode": "simulation", "seed": seed, "market": {"events_per_second": 20}, "routing": {"protect_quotes": False},
    }  # fmt: skip
    core = make_core(load_config(config), clock=clock)
    draw, sizes, costs = random.Random(seed), random.Random(seed + 10**6), []
    for _ in range(orders):
        core.advance(core.clock.now_ns() + 60 * SECOND)
        side = sizes.choice(("buy", "sell"))
        given = {"symbol": "AAPL", "side": side, "quantity": sizes.choice(SIZES), "order_type": "market"}
        parent = int(core.submit_parent(given, "market"))
        for _ in range(30 if rule is best else 4):
            left, quote = left_of(core, parent), core.quote("AAPL")
            if rule is None or left == 0:
                break
            price = (quote.ask_e9 if side == "buy" else quote.bid_e9) if rule is best else None
            try:
                core.submit_child(parent, left, price, "IOC", False, rule(core, draw))
            except OrderRejected:
                break
        for _ in range(50):
            left, quote = left_of(core, parent), core.quote("AAPL")
            touch = quote.ask_e9 if side == "buy" else quote.bid_e9
            if left == 0 or not core.sweep(parent, left, touch)["legs"]:
                break
        order = core.get_order(parent)
        sign, mid = order.side.sign, order.arrival_mid_e9
        if order.filled_quantity == order.quantity and mid is not None:
            paid = sign * (order.notional_e9 - mid * order.quantity) + order.fees_e9
            costs.append(paid / (mid * order.quantity) * 1e4)
        else:
            costs.append(float("nan"))
            core.cancel(parent)
    core.close()
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--orders", type=int, default=12)
    given = parser.parse_args()
    costs = {
        name: np.array([day(rule, seed, given.orders) for seed in range(given.days)]) for name, rule in RULES.items()
    }
    whole = np.logical_and.reduce([np.isfinite(each) for each in costs.values()])
    blocks = np.repeat(np.arange(given.days), given.orders)[whole.ravel()]
    print(f"{given.days} days of {given.orders} orders; {int((~whole).sum())} left out, not filled by every rule")
    router = costs["the router"][whole]
    for name, each in costs.items():
        mean = mean_interval(each[whole], blocks=blocks)
        print(f"{name:>22}: {mean.mean:7.3f} bps  [{mean.low:.3f}, {mean.high:.3f}]")
        if name != "the router":
            more = paired_difference(each[whole], router, blocks=blocks).interval
            print(f"{'more than the router':>22}: {more.mean:+7.3f} bps  [{more.low:+.3f}, {more.high:+.3f}]")


if __name__ == "__main__":
    main()
