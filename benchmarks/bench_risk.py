"""The pre-trade checks alone, on columns, every one of them configured."""

from __future__ import annotations

import numpy as np

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.risk import Limits
from grandmodel.execution._core.values import CHECKS

E9 = 10**9
NOW_NS = 1_735_828_200 * E9
ORDERS = 100_000
EVERY_LIMIT = {
    "default_position": 10**7, "max_order_size": 10**5, "max_notional_e9": 10**8 * E9, "max_order_value_e9": 10**8 * E9,
    "daily_value_e9": 10**15 * E9, "daily_orders": 10**9, "default_sector": 10.0, "max_leverage": 20.0, "max_concentration": 5.0,
    "max_gross_e9": 10**12 * E9, "max_net_e9": 10**12 * E9, "collar_bps": 500, "max_volume": 0.05, "duplicate_ns": E9,
    "max_messages": 1000, "max_open_orders": 10**6, "restricted": ["S7"], "long_only": ["S8"], "default_located": 10**6,
    "max_age_ns": 5 * E9, "halts": True, "self_match": "cancel_newest",
}  # fmt: skip


def bench_every_check_batch(benchmark):
    """All checks on a batch over 64 symbols with positions, open orders and recent orders. Per round: 100,000 orders."""
    instruments = Instruments()
    for number in range(64):
        instruments.add(f"S{number}", tick_e9=E9 // 100, sector=f"sector{number % 8}", adv=10**7)
    portfolio, limits = Portfolio(instruments), Limits(instruments)
    portfolio.open_account(0, 10**8 * E9)
    random = np.random.default_rng(1)
    for number in range(64):
        portfolio.open_position(f"S{number}", 500 * (number % 5), mark_e9=100 * E9)
        portfolio.reserve(f"S{number}", 1, 100, 99 * E9)
        portfolio.reserve(f"S{number}", -1, 100, 101 * E9)
    for k in range(900):
        portfolio.note(f"S{k % 64}", 1, 10_000 + k, 100 * E9, time_ns=NOW_NS - k)
    limits.set(**EVERY_LIMIT)
    assert set(limits.configured) == {name for _, name, _, _ in CHECKS} - {"price"}
    symbols = random.integers(9, 64, ORDERS).astype(np.int32)
    sides = np.where(random.random(ORDERS) < 0.5, 1, -1).astype(np.int8)
    quantities = random.integers(1, 2000, ORDERS)
    prices = random.integers(9_900, 10_100, ORDERS) * (E9 // 100)
    quotes = np.tile(np.array([9_999 * E9 // 100, 10_001 * E9 // 100, 100 * E9, NOW_NS - E9, 0], np.int64), (64, 1))
    failed = np.empty(ORDERS, np.uint64)
    passed = benchmark(limits.check_many, portfolio, symbols, sides, quantities, prices, failed, quotes=quotes, now_ns=NOW_NS)
    assert passed == ORDERS
    # and the checks do look: one of each that this batch could fail by itself
    quotes[:, 4] = 1
    assert limits.check_many(portfolio, symbols, sides, quantities, prices, failed, quotes=quotes, now_ns=NOW_NS) == 0
