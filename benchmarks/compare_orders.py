"""The order path side by side with a public package, in one process.

    pip install openpit
    python benchmarks/compare_orders.py

openpit checks and does nothing else: three policies (order size and notional, rate, validation), once with the order
built
each time from text and once prebuilt. Here one call reads a mapping, checks it, routes it, journals it and has it
accepted
by a simulated venue. Rounds take turns; numbers are medians in microseconds an order.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from statistics import median

from bench_order_path import CONFIG, ORDER

from grandmodel.execution import OrderManager

ORDERS, ROUNDS = 2_000, 25


def ours() -> tuple[Callable[[], object], Callable[[], object]]:
    """(one order, what happens between rounds)"""
    om = OrderManager(CONFIG)
    om.submit_order(ORDER)

    def clear() -> None:
        om.cancel_all()
        om.core.journal.flush()

    return lambda: om.submit_order(ORDER), clear


def openpit_orders() -> tuple[Callable[[], object], Callable[[], object]]:
    """(an order built and checked, a prebuilt one checked)"""
    import openpit
    from openpit.param import AccountId, Price, Quantity, Side, TradeAmount, Volume
    from openpit.pretrade import policies as p

    size = p.OrderSizeLimit(max_quantity=Quantity("100000"), max_notional=Volume("5000000"))
    rate = p.RateLimit(max_orders=1_000_000_000, window=datetime.timedelta(seconds=1))
    engine = (
        openpit.Engine.builder()
        .no_sync()
        .builtin(p.build_order_size_limit().broker_barrier(p.OrderSizeBrokerBarrier(limit=size)))
        .builtin(p.build_rate_limit().broker_barrier(p.RateLimitBrokerBarrier(limit=rate)))
        .builtin(p.build_order_validation())
        .build()
    )
    account, instrument = AccountId.from_int(1), openpit.Instrument("AAPL", "USD")

    def build() -> openpit.Order:
        return openpit.Order(
            operation=openpit.OrderOperation(
                instrument=instrument,
                account_id=account,
                side=Side.BUY,
                trade_amount=TradeAmount.quantity("100"),
                price=Price("120.25"),
            ),
        )

    ready = build()

    def check(order: openpit.Order) -> None:
        result = engine.execute_pre_trade(order=order)
        assert result.ok, result.rejects
        result.reservation.commit()

    return lambda: check(build()), lambda: check(ready)


def main() -> None:
    submit, clear = ours()
    cases: dict[str, Callable[[], object]] = {"grandmodel submit_order(dict), accepted": submit}
    try:
        built, prebuilt = openpit_orders()
        cases["openpit, order built and checked"] = built
        cases["openpit, prebuilt order checked"] = prebuilt
    except ImportError as error:
        print(f"openpit is left out: {error}")
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, run in cases.items():
            began = time.perf_counter()
            for _ in range(ORDERS):
                run()
            times[name].append((time.perf_counter() - began) / ORDERS * 1e6)
        clear()
    for name, values in times.items():
        print(f"{name:<42} {median(values):7.2f} us")


if __name__ == "__main__":
    main()
