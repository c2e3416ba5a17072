"""A recorded day with a VWAP order in it, from arrays in memory and as a whole command; the synthetic market's rate."""

from __future__ import annotations

import lzma
import subprocess
import sys

import pytest

from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.simulation.lobster import read_lobster
from grandmodel.execution.simulation.replay import replay_core, replay_parent

ORDER = {"side": "buy", "quantity": 5000, "order_type": "market"}
VWAP = {"algorithm": "vwap", "duration_minutes": 60}


def bench_amzn_day_with_vwap(benchmark, amzn_files):
    """155,935 messages, own orders in the book for an hour, the row of the file checked after each message."""
    day = read_lobster(*amzn_files)
    report = benchmark.pedantic(
        replay_parent, (day, ORDER, VWAP), {"start": "10:00", "duration_minutes": 60}, rounds=15, warmup_rounds=1
    )
    assert report.counters["rows_equal"] == 155_935
    assert report.cost.order.filled_quantity == 5000


def bench_strategy_in_a_day(benchmark, amzn_files):
    """The whole AMZN day with a Python strategy that wakes each second and keeps an order at the bid."""
    day = read_lobster(*amzn_files)
    asked_for = {"side": "buy", "quantity": 100, "order_type": "limit", "symbol": day.symbol}

    def whole_day():
        clock = SimulatedClock(day.start_ns)
        core = replay_core(day, clock)
        orders = OrderManager(engine=core)
        wakes = 0

        async def strategy():
            nonlocal wakes
            ticket, at = None, 0
            while clock.now_ns() < day.end_ns:
                await clock.sleep(1.0)
                wakes += 1
                bid = core.quote(day.symbol).bid_e9
                if ticket is not None and bid != at and not core.is_closed(ticket.order_id):
                    core.cancel(ticket.order_id)
                if ticket is None or core.is_closed(ticket.order_id):
                    ticket, at = orders.submit_order({**asked_for, "limit_price": bid / 1e9}), bid

        run(strategy(), clock=clock)
        return wakes, core.market.position

    wakes, messages = benchmark.pedantic(whole_day, rounds=9, warmup_rounds=1)
    assert (wakes, messages) == (23_400, 155_935)


@pytest.mark.parametrize("own", [0, 20])
def bench_own_orders_in_a_day(benchmark, amzn_files, own):
    """The AMZN day in one go, without own orders and with twenty around the touch: asked for is at most 20 % more."""
    day = read_lobster(*amzn_files)

    def begin():
        clock = SimulatedClock(day.start_ns)
        core = replay_core(day, clock)
        orders = OrderManager(engine=core)
        core.advance(day.start_ns + 60 * 10**9)
        quote = core.quote(day.symbol)
        for k in range(own):
            side, price_e9 = ("buy", quote.bid_e9 - k * 10**8) if k % 2 else ("sell", quote.ask_e9 + k * 10**8)
            order = {"symbol": day.symbol, "side": side, "quantity": 100, "order_type": "limit"}
            orders.submit_order({**order, "limit_price": price_e9 / 1e9})
        return (core,), {}

    def play(core):
        core.advance(day.end_ns)
        assert core.market.position == 155_935

    benchmark.pedantic(play, setup=begin, rounds=15)


def bench_replay_command(benchmark, amzn_files, tmp_path):
    """`gmexec replay` of the same on plain files, a process from start to end."""
    paths = []
    for packed in amzn_files:
        path = tmp_path / packed.name.removesuffix(".xz")
        path.write_bytes(lzma.decompress(packed.read_bytes()))
        paths.append(str(path))
    command = [sys.executable, "-c", "from grandmodel.execution.cli import main; main()", "replay", "--json"]
    command += ["--messages", paths[0], "--orderbook", paths[1], "--side", "buy", "--quantity", "5000"]
    command += ["--algorithm", "vwap", "--start", "10:00", "--duration-minutes", "60"]
    done = benchmark.pedantic(
        subprocess.run, (command,), {"capture_output": True, "check": True}, rounds=7, warmup_rounds=1
    )
    assert b'"messages": 155935' in done.stdout


def bench_synthetic_flow(benchmark):
    """One symbol over six venues, an hour at 20 events a second. Per round: about 72,000 events."""
    clock = SimulatedClock()
    config = {"mode": "simulation", "market": {"volume_curve": "flat"}}
    core = make_core(load_config(config), clock=clock)
    core.touch("AAPL")
    until = [clock.now_ns()]

    def hour():
        until[0] += 3_600_000_000_000
        core.market.touch("AAPL", until[0])

    benchmark.pedantic(hour, rounds=20, warmup_rounds=1)
    events = core.market.messages / ((until[0] - clock.now_ns()) / 3.6e12)
    assert events == pytest.approx(72_000, rel=0.25)
    core.market.check_invariants()


SYMBOLS = ("AAPL", "MSFT", "AMZN", "GOOG", "JPM", "NVDA", "META", "TSLA", "BAC", "XOM")


def day(own):
    """Ten symbols over six venues, a session of five million events; `own`: an order resting and a listener in each."""
    from grandmodel.execution.microstructure import FlowEstimators

    config = {"mode": "simulation", "market": {"events_per_second": 5e6 / 10 / 23_400}}
    clock = SimulatedClock()
    core = make_core(load_config(config), clock=clock)
    for symbol in SYMBOLS:
        core.touch(symbol)
        if own:
            flow = FlowEstimators(levels=1)
            flow.to_engine()
            core.listen(symbol, flow)
    if own:
        om = OrderManager(engine=core)
        for symbol in SYMBOLS:
            price = round(om.quote(symbol).bid * 0.8, 2)
            terms = {"order_type": "limit", "limit_price": price, "time_in_force": "GTC"}
            om.submit_order({"symbol": symbol, "side": "buy", "quantity": 100, **terms})
    return (core, clock.now_ns() + 23_400_000_000_000, core.market.messages), {}


def lived(core, until_ns, before):
    core.advance(until_ns)
    for symbol in SYMBOLS:
        core.touch(symbol)
        core.market.touch(symbol, until_ns)
    assert 4_500_000 < core.market.messages - before < 5_500_000


def bench_synthetic_day(benchmark):
    """Without own orders. Per round: 5 million events."""
    benchmark.pedantic(lived, setup=lambda: day(False), rounds=5)


def bench_synthetic_day_with_own_orders(benchmark):
    """Symbols in step with one another, each with an own order far from the touch and a listener. As many events."""
    benchmark.pedantic(lived, setup=lambda: day(True), rounds=5)
