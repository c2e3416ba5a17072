"""Matching: commands a second in batches, as a simulated venue runs them."""

import numpy as np

from grandmodel.execution._core.matching import MatchingEngine
from grandmodel.execution._core.records import COMMAND_DTYPE

SUBMIT, CANCEL = 1, 2
DAY = 1
ORDERS = 200_000


def commands(n):
    rows = np.zeros(n, COMMAND_DTYPE)
    rows["kind"] = SUBMIT
    rows["time_in_force"] = DAY
    rows["quantity"] = 100
    rows["order_id"] = np.arange(1, n + 1)
    rows["price_e9"] = 100_000_000_000
    return rows


def bench_alternating_marketable_limits(benchmark):
    """Buy, sell, buy, sell at one price: every second order trades. Per round: 200,000 orders."""
    rows = commands(ORDERS)
    rows["side"] = np.where(np.arange(ORDERS) % 2, -1, 1)
    engine = MatchingEngine()
    counts = benchmark(engine.run, rows)
    assert counts == (ORDERS, 0, ORDERS // 2, 100 * ORDERS // 2, 0)
    assert len(engine) == 0
    benchmark.extra_info["orders_per_second"] = ORDERS / benchmark.stats.stats.median if benchmark.stats else None


def bench_alternating_over_a_book(benchmark):
    """The same over 1,000 levels of resting orders on each side, prices moving. Per round: 200,000 orders."""
    engine = MatchingEngine()
    resting = commands(20_000)
    level = np.arange(20_000) % 1_000
    resting["order_id"] = -resting["order_id"]
    resting["side"] = np.where(np.arange(20_000) < 10_000, 1, -1)
    resting["price_e9"] += np.where(resting["side"] > 0, -1 - level, 30 + level) * 10_000_000
    engine.run(resting)
    rows = commands(ORDERS)
    rows["side"] = np.where(np.arange(ORDERS) % 2, -1, 1)
    rows["price_e9"] += (np.arange(ORDERS) // 2 % 29) * 10_000_000
    counts = benchmark(engine.run, rows)
    assert counts == (ORDERS, 0, ORDERS // 2, 100 * ORDERS // 2, 0)
    assert len(engine) == 20_000


def bench_add_and_cancel_resting(benchmark):
    """1,000 orders added over 200 levels, cancelled in another order, 100 times: 200,000 operations."""
    blocks = []
    shuffled = np.random.default_rng(7)
    for block in range(ORDERS // 2_000):
        add = commands(1_000)
        add["order_id"] += block * 1_000
        add["side"] = np.where(np.arange(1_000) % 2, -1, 1)
        distance = shuffled.integers(1, 101, 1_000)
        add["price_e9"] -= add["side"] * distance * 10_000_000
        cancel = add[shuffled.permutation(1_000)].copy()
        cancel["kind"] = CANCEL
        blocks += [add, cancel]
    rows = np.concatenate(blocks).astype(COMMAND_DTYPE)  # concatenate drops the padding of rows
    engine = MatchingEngine()
    counts = benchmark(engine.run, rows)
    assert counts == (ORDERS // 2, ORDERS // 2, 0, 0, 0)
    assert len(engine) == 0


def beside(n):
    """An engine with n orders that are not displayed, hidden and pegged, away from where the others trade."""
    engine = MatchingEngine()
    engine.submit(-1, "buy", 100, 90.0)
    engine.submit(-2, "sell", 100, 110.0)
    for k in range(n):
        side = "buy" if k % 2 else "sell"
        if k % 4 < 2:
            engine.submit(-10 - k, side, 100, 95.0 if k % 2 else 105.0, hidden=True)
        else:
            engine.submit(-10 - k, side, 100, 95.0 if k % 2 else 105.0, peg="primary", peg_offset=-0.01)
    return engine


def bench_alternating_beside_100_not_displayed(benchmark):
    """Buy, sell, buy, sell at one price, 50 hidden and 50 pegged orders resting beside. Per round: 20,000 orders."""
    n = 20_000
    rows = commands(n)
    rows["side"] = np.where(np.arange(n) % 2, -1, 1)
    engine = beside(100)
    counts = benchmark(engine.run, rows)
    assert counts == (n, 0, n // 2, 100 * n // 2, 0)
    assert len(engine) == 102
    benchmark.extra_info["orders_per_second"] = n / benchmark.stats.stats.median if benchmark.stats else None


def bench_taking_hidden(benchmark):
    """A hidden order comes and is taken by an IOC; 20 others that are not displayed rest. Two Python calls."""
    engine = beside(20)

    def call():
        engine.submit(1, "sell", 100, 100.0, hidden=True)
        return engine.submit(2, "buy", 100, 100.0, "IOC").filled_quantity

    assert benchmark(call) == 100
    assert len(engine) == 22


def bench_submit_from_python(benchmark):
    """One order, a Python call: rests and is cancelled."""
    engine = MatchingEngine()

    def call():
        engine.submit(1, "buy", 100, 100.0)
        return engine.cancel(1)

    assert benchmark(call) == 100
