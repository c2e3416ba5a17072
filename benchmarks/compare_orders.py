"""The order path side by side with public packages, in one process.

    pip install lrvx nautilus_trader openpit
    python benchmarks/compare_orders.py

openpit checks and does nothing else: three policies (order size and notional, rate, validation), once with the order
built each time from text and once prebuilt. NautilusTrader's backtest engine takes one order a quote from a strategy;
its time runs from `submit_order` to the strategy's `on_order_accepted`. Here one call reads a mapping, checks it,
routes it, journals it and has it accepted by a simulated venue: with nine checks, and with every check there is.

To the fill: a marketable limit of one share, read, checked, routed, journalled, matched against the simulated book,
its report journalled too, the fill on the ticket. lrvx's bare executor matches against a best level that never ends,
without limits, account or log; in its backtest a strategy's `market_buy` runs to the strategy's `on_fill`, without and
with its three hooks (risk manager, kill switch, order validator) in Python.

Rounds take turns; numbers are medians in microseconds an order, and the 99th percentile of single calls.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from statistics import median

from bench_order_path import CONFIG, EVERY_CHECK, ORDER

from grandmodel.execution import OrderManager

ORDERS, ROUNDS, WARM = 2_000, 25, 10


def ours(config: dict[str, object]) -> Callable[[], float]:
    """A round: orders of different sizes and prices, accepted; microseconds an order."""
    om = OrderManager(config)
    orders = [{**ORDER, "quantity": 1 + k % 50, "limit_price": 120.25 - k // 50 / 100} for k in range(ORDERS)]

    def run() -> float:
        began = time.perf_counter()
        for order in orders:
            om.submit_order(order)
        took = time.perf_counter() - began
        assert len(om.open_orders()) == ORDERS
        om.cancel_all()
        om.core.journal.flush()
        return took / ORDERS * 1e6

    return run


def slowest(config: dict[str, object]) -> float:
    """The 99th percentile of single calls, tables warm, the reading of the clock included; microseconds."""
    om = OrderManager(config)
    orders = [{**ORDER, "quantity": 1 + k % 50, "limit_price": 120.25 - k // 50 / 100} for k in range(ORDERS)]
    took = []
    for number in range(WARM + ROUNDS):
        for order in orders:
            began = time.perf_counter_ns()
            om.submit_order(order)
            if number >= WARM:
                took.append(time.perf_counter_ns() - began)
            else:
                time.perf_counter_ns()
        om.cancel_all()
        om.core.journal.flush()
    return sorted(took)[len(took) * 99 // 100] / 1e3


def our_fills(config: Mapping[str, object]) -> Callable[[], float]:
    """A round: marketable limits of one share by turns bought and sold, each filled; microseconds an order."""
    om = OrderManager({**config, "market": {"events_per_second": 500}})  # what is taken is gone, but others come
    orders = []
    for k in range(ORDERS // 2):
        orders.append({**ORDER, "quantity": 1, "limit_price": 200.0 - k % 50 / 100, "time_in_force": "IOC"})
        orders.append({**orders[-1], "side": "sell", "limit_price": 100.0 + k % 50 / 100})

    def run() -> float:
        before = om.statistics()["fills"]
        began = time.perf_counter()
        for order in orders:
            om.submit_order(order)
        took = time.perf_counter() - began
        assert om.statistics()["fills"] - before >= ORDERS * 99 // 100  # a book can be empty for a moment
        om.core.journal.flush()
        return took / ORDERS * 1e6

    for _ in range(WARM):
        run()
    return run


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """A round of one call again and again; microseconds a call."""

    def run() -> float:
        began = time.perf_counter()
        for _ in range(ORDERS):
            call()
        return (time.perf_counter() - began) / ORDERS * 1e6

    return run


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


def nautilus_orders() -> Callable[[], float]:
    """A round: a backtest of one order a quote, each cancelled at the next; the median of submitted to accepted."""
    from nautilus_trader.backtest.config import BacktestEngineConfig
    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.data import QuoteTick
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.test_kit.providers import TestInstrumentProvider
    from nautilus_trader.trading.strategy import Strategy

    instrument = TestInstrumentProvider.equity("AAPL", "XNAS")
    bid, ask, size, limit = (Price.from_str("150.00"), Price.from_str("150.02"), Quantity.from_int(100),
                             Price.from_str("120.25"))  # fmt: skip

    class Submitter(Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(StrategyConfig(strategy_id="SUBMITTER-1"))
            self.began = 0.0
            self.times: list[float] = []

        def on_start(self) -> None:
            self.subscribe_quote_ticks(instrument.id)

        def on_quote_tick(self, tick: object) -> None:
            self.cancel_all_orders(instrument.id)
            self.began = time.perf_counter()
            self.submit_order(self.order_factory.limit(instrument.id, OrderSide.BUY, size, limit, TimeInForce.GTC))

        def on_order_accepted(self, event: object) -> None:
            self.times.append((time.perf_counter() - self.began) * 1e6)

    def run() -> float:
        rate = "1000000000/00:00:01"
        engine = BacktestEngine(
            BacktestEngineConfig(
                logging=LoggingConfig(bypass_logging=True),
                risk_engine=RiskEngineConfig(max_order_submit_rate=rate, max_order_modify_rate=rate),
            )
        )
        cash = [Money(9_000_000_000, USD)]
        engine.add_venue(Venue("XNAS"), OmsType.NETTING, AccountType.MARGIN, starting_balances=cash, base_currency=USD)
        engine.add_instrument(instrument)
        engine.add_data([QuoteTick(instrument.id, bid, ask, size, size, k * 10**9, k * 10**9) for k in range(1, 301)])
        strategy = Submitter()
        engine.add_strategy(strategy)
        engine.run()
        engine.dispose()
        assert len(strategy.times) == 300
        return median(strategy.times)

    return run


def lrvx_fills() -> dict[str, Callable[[], float]]:
    """Rounds of lrvx: its executor bare, and its backtest without and with hooks, submitted to filled."""
    import lrvx
    import numpy as np

    def bare() -> float:
        executor = lrvx.SimulatedExecutor()
        executor.on_best_levels(1, 150.00, 1e9, 150.02, 1e9)
        began = time.perf_counter()
        for number in range(1, ORDERS + 1):
            executor.submit_order(number, "buy", 150.02, 1.0, "limit")
        took = time.perf_counter() - began
        assert executor.fill_count == ORDERS
        return took / ORDERS * 1e6

    class Risk(lrvx.RiskManager):  # type: ignore[misc]
        def allow(self, signal: lrvx.Signal) -> bool:
            return bool(signal.quantity <= 100_000)

    class Switch(lrvx.KillSwitch):  # type: ignore[misc]
        def check(self, signal: lrvx.Signal) -> bool:
            return True

    class Validator(lrvx.OrderValidator):  # type: ignore[misc]
        def validate(self, signal: lrvx.Signal) -> bool:
            return bool(signal.quantity > 0)

    class Submitter(lrvx.Strategy):  # type: ignore[misc]
        def __init__(self, symbols: list[object]) -> None:
            super().__init__(symbols)
            self.began = 0.0
            self.times: list[float] = []

        def on_trade(self, ctx: object, trade: object) -> None:
            self.began = time.perf_counter()
            self.market_buy(1.0)

        def on_fill(self, ctx: object, event: object) -> None:
            self.times.append((time.perf_counter() - self.began) * 1e6)

    def backtest(hooks: bool) -> float:
        registry = lrvx.SymbolRegistry()
        strategy = Submitter([registry.add_symbol("XNAS", "AAPL", 0.01)])
        runner = lrvx.BacktestRunner(registry, 0.0001, 1e12)
        runner.set_strategy(strategy)
        kept = Risk(), Switch(), Validator()  # the runner holds no references
        if hooks:
            runner.set_risk_manager(kept[0])
            runner.set_kill_switch(kept[1])
            runner.set_order_validator(kept[2])
        runner.run_ohlcv(np.arange(1, ORDERS + 1, dtype=np.int64) * 10**9, np.full(ORDERS, 150.0), "AAPL")
        assert len(strategy.times) == ORDERS
        return median(strategy.times)

    return {
        "lrvx, executor bare, to the fill": bare,
        "lrvx, backtest, to on_fill": lambda: backtest(False),
        "lrvx, backtest, risk hooks, to on_fill": lambda: backtest(True),
    }


def main() -> None:
    cases = {
        "grandmodel submit_order(dict), nine checks": ours(CONFIG),
        "grandmodel submit_order(dict), every check": ours(EVERY_CHECK),
        "grandmodel, nine checks, to the fill": our_fills(CONFIG),
        "grandmodel, every check, to the fill": our_fills(EVERY_CHECK),
    }
    try:
        cases.update(lrvx_fills())
    except ImportError as error:
        print(f"lrvx is left out: {error}")
    try:
        built, prebuilt = openpit_orders()
        cases["openpit, order built and checked"] = timed(built)
        cases["openpit, prebuilt order checked"] = timed(prebuilt)
    except ImportError as error:
        print(f"openpit is left out: {error}")
    try:
        cases["NautilusTrader, backtest, to accepted"] = nautilus_orders()
    except ImportError as error:
        print(f"nautilus_trader is left out: {error}")
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, run in cases.items():
            times[name].append(run())
    for name, values in times.items():
        print(f"{name:<44} {median(values):7.2f} us")
    print(f"{'grandmodel, every check, p99 of single calls':<44} {slowest(EVERY_CHECK):7.2f} us")


if __name__ == "__main__":
    main()
