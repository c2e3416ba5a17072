"""The order path: validated, six checks, routed among six venues, journalled, accepted by a simulated venue.

Orders rest far from the touch and are cancelled between rounds, untimed, so that tables are in their steady state; the
journal's writer has caught up then, too: what is measured is the path, not how many bytes a disk takes for minutes.
"""

from __future__ import annotations

import numpy as np
import pytest

from grandmodel.execution import OrderManager, RiskLimitBreached
from grandmodel.execution._core.values import CHECKS

ORDERS = 1_000
BATCH = 10_000
CONFIG = {
    "max_order_value": 10_000_000,
    "daily_order_limit": 1_000_000_000,
    "account": {"cash": 9_000_000_000},
    "market": {"events_per_second": 1},
    "risk_controls": {
        "position_limits": {"default": 1_000_000_000},
        "order_limits": {"max_order_size": 100_000, "max_notional": 5_000_000, "daily_notional": 9_000_000_000},
        "exposure_limits": {
            "sectors": {"technology": 1000},
            "default_sector_limit": 1000,
            "max_leverage": 1000,
            "max_concentration": 1000,
        },
    },
}
ORDER = {
    "symbol": "AAPL",
    "side": "buy",
    "quantity": 100,
    "order_type": "limit",
    "limit_price": 120.25,
    "time_in_force": "DAY",
}

EVERY_CHECK = {
    **CONFIG,
    "risk_controls": {
        **CONFIG["risk_controls"],
        "order_limits": {
            **CONFIG["risk_controls"]["order_limits"],
            "max_volume_share": "50%", "duplicate_window_ms": 0.01, "max_messages": 65_536, "message_window_ms": 10,
            "max_open_orders": 1_000_000,
        },
        "exposure_limits": {
            **CONFIG["risk_controls"]["exposure_limits"], "max_gross": 9_000_000_000, "max_net": 9_000_000_000,
        },
        "price_collar": {"max_bps": 5_000}, "max_quote_age_ms": 3_600_000, "halts": True, "restricted": ["MSFT"],
        "long_only": ["MSFT"], "locates": {"default": 1_000_000_000}, "self_match": "cancel_newest",
    },
}  # fmt: skip


def manager():
    om = OrderManager(CONFIG)
    om.submit_order(ORDER)
    assert len(om.core.limits.configured) == 9
    assert sum(om.core.venues.describe(name)["kind"] in ("exchange", "ecn") for name in om.core.venues.names) == 6
    return om


def cancel_all(om):
    om.cancel_all()
    om.core.journal.flush()


def bench_submit_order(benchmark):
    """submit_order(dict), limit, accepted. Per round: 1,000 orders, a Python loop."""
    om = manager()

    def loop():
        submit, order = om.submit_order, ORDER
        for _ in range(ORDERS):
            submit(order)

    benchmark.pedantic(loop, setup=lambda: cancel_all(om), rounds=100, warmup_rounds=10)
    assert om.statistics()["refused"] == 0
    assert len(om.open_orders()) == ORDERS


def bench_submit_every_check(benchmark):
    """submit_order(dict) with every check there is configured. Per round: 1,000 orders, no two of them alike."""
    om = OrderManager(EVERY_CHECK)
    assert {name for _, name, _, _ in CHECKS} - {"price"} == set(om.core.limits.configured)
    orders = [{**ORDER, "quantity": 1 + k % 50, "limit_price": 120.25 - k // 50 / 100} for k in range(ORDERS)]
    om.submit_order(ORDER)

    def loop():
        submit = om.submit_order
        for order in orders:
            submit(order)

    benchmark.pedantic(loop, setup=lambda: cancel_all(om), rounds=100, warmup_rounds=10)
    assert om.statistics()["refused"] == 0
    assert len(om.open_orders()) == ORDERS


def bench_submit_orders_batch(benchmark):
    """submit_orders(array): the same path without the GIL. Per round: 10,000 orders."""
    om = manager()
    rows = om.order_rows(BATCH)
    rows["symbol"], rows["side"], rows["quantity"] = om.symbol_number("AAPL"), 1, 100
    rows["order_type"], rows["limit_price_e9"] = 2, 120_250_000_000

    result = benchmark.pedantic(om.submit_orders, (rows,), setup=lambda: cancel_all(om), rounds=40, warmup_rounds=4)
    if result is not None:
        assert (result > 0).all()
    assert om.statistics()["refused"] == 0


def bench_cancel_order(benchmark):
    """cancel_order(id), confirmed by the venue. Per round: 1,000 orders."""
    om = manager()
    ids: list[int] = []

    def setup():
        cancel_all(om)
        ids[:] = [om.submit_order(ORDER).order_id for _ in range(ORDERS)]
        om.core.journal.flush()

    def loop():
        for order_id in ids:
            om.cancel_order(order_id)

    benchmark.pedantic(loop, setup=setup, rounds=60, warmup_rounds=5)
    assert not om.open_orders()


def bench_replace_order(benchmark):
    """replace_order(id, quantity=...), less at the same price, confirmed by the venue. Per round: 1,000 orders."""
    om = manager()
    ids: list[int] = []

    def setup():
        cancel_all(om)
        ids[:] = [om.submit_order(ORDER).order_id for _ in range(ORDERS)]
        om.core.journal.flush()

    def loop():
        for order_id in ids:
            om.replace_order(order_id, quantity=50)

    benchmark.pedantic(loop, setup=setup, rounds=60, warmup_rounds=5)
    assert {om.get_order(order_id).quantity for order_id in ids} == {50}


def bench_refusal(benchmark):
    """submit_order(dict) of an order that two checks refuse, its exception caught. Per round: 1,000 orders."""
    om = manager()
    wrong = {**ORDER, "quantity": 200_000}

    def loop():
        for _ in range(ORDERS):
            try:
                om.submit_order(wrong)
            except RiskLimitBreached:
                continue

    benchmark.pedantic(loop, setup=om.core.journal.flush, rounds=60, warmup_rounds=5)
    with pytest.raises(RiskLimitBreached, match=r"order_size.*notional"):
        om.submit_order(wrong)


def bench_kill(benchmark):
    """kill("engine", ...) over 10,000 open orders: latched, every cancel out and confirmed. Per round: once."""
    om = manager()
    rows = om.order_rows(BATCH)
    rows["symbol"], rows["side"], rows["quantity"] = om.symbol_number("AAPL"), 1, 100
    rows["order_type"], rows["limit_price_e9"] = 2, 120_250_000_000

    def setup():
        if om.kill_switches():
            om.reset_kill("engine", "next round")
        om.submit_orders(rows)
        om.core.journal.flush()

    benchmark.pedantic(lambda: om.kill("engine", "benchmark"), setup=setup, rounds=30, warmup_rounds=3)
    assert not om.open_orders()


def bench_submit_to_fill(benchmark):
    """submit_order(dict), a marketable limit, to its fill on the ticket, every check on. Per round: 100 orders."""
    om = OrderManager({**EVERY_CHECK, "market": {"events_per_second": 500}})
    orders = []
    for k in range(50):  # no two of them alike, and all within the collar
        orders.append({**ORDER, "quantity": 1, "limit_price": 200.0 - k / 100, "time_in_force": "IOC"})
        orders.append({**ORDER, "quantity": 1, "limit_price": 100.0 + k / 100, "time_in_force": "IOC", "side": "sell"})

    def loop():
        submit = om.submit_order
        for order in orders:
            submit(order)

    # 10,000 orders before: a temporary journal's writer has begun to touch pages before records fall on them.
    benchmark.pedantic(loop, setup=om.core.journal.flush, rounds=200, warmup_rounds=100)
    statistics = om.statistics()
    assert statistics["fills"] >= statistics["accepted"] > 0
    assert statistics["refused"] == 0


def bench_checks_batch(benchmark):
    """The configured checks alone, on columns. Per round: 100,000 orders."""
    om = manager()
    n = 100_000
    failed = np.empty(n, np.uint64)
    columns = (
        np.full(n, om.symbol_number("AAPL"), np.int32),
        np.where(np.arange(n) % 2, 1, -1).astype(np.int8),
        np.full(n, 100, np.int64),
        np.full(n, 120_250_000_000, np.int64),
        failed,
    )
    passed = benchmark(om.core.limits.check_many, om.core.portfolio, *columns)
    assert passed == n
    assert not failed.any()


def bench_await_ticket(benchmark):
    """`await` of an acknowledged ticket, counted apart. Per round: 1,000 awaits."""
    om = manager()
    tickets = [om.submit_order(ORDER) for _ in range(ORDERS)]

    async def wait():
        for ticket in tickets:
            await ticket

    def loop():
        try:
            wait().send(None)
        except StopIteration:
            return True
        return False

    assert benchmark(loop)
