"""Streaming estimators, all of them together, and the analysis of one book."""

import numpy as np

from grandmodel.execution import OrderBook, OrderManager
from grandmodel.execution._core.flow import BookSnapshot
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution.microstructure.flow import FlowEstimators
from grandmodel.execution.microstructure.microstructure_engine import MicrostructureEngine
from grandmodel.execution.simulation import read_market_data

CENT = 10_000_000
ADD, DELETE, EXECUTE, TRADE = 1, 3, 4, 9
EVERYTHING = {"hawkes": (1.0, 0.5, 1.5), "vpin_bucket": 20_000, "levels": 5}


def synthetic(n, seed=3):
    """n messages around 100.00, one in twelve an execution; 5 ms apart."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(n, MESSAGE_DTYPE)
    rows["time_ns"] = np.arange(n) * 5_000_000
    rows["sequence"] = np.arange(1, n + 1)
    side = np.where(rng.random(n) < 0.5, 1, -1)
    rows["side"], rows["action"], rows["order_id"] = side, ADD, np.arange(1, n + 1)
    rows["price_e9"] = (10_000 - side * rng.geometric(0.2, n)) * CENT
    rows["quantity"] = 100
    live = []
    for k in range(n):
        if k > 400 and k % 2:
            gone = live.pop(int(rng.integers(0, len(live))))
            rows[k]["order_id"], rows[k]["side"], rows[k]["price_e9"] = (
                rows[gone][f] for f in ("order_id", "side", "price_e9")
            )
            rows[k]["action"] = EXECUTE if k % 12 == 1 else DELETE
        else:
            live.append(k)
    return rows


def run(rows, book, **options):
    """One pass over the rows from an empty book; the figures that it ends with."""

    def once():
        book.clear()
        flow = FlowEstimators("0.01", **options)
        flow.apply(rows, book)
        return flow

    return once


def bench_flow(benchmark):
    """Through a book by order, all estimators on, five levels. Per round: 200,000 messages."""
    rows = synthetic(200_000)
    flow = benchmark(run(rows, OrderBook("0.01"), **EVERYTHING))
    assert flow.messages == 200_000
    assert flow.volume > 1_000_000
    assert flow.quoted_spread > 0
    assert flow.realized_spread_bps(10.0) == flow.realized_spread_bps(10.0)


def bench_flow_real(benchmark, amzn_files):
    """The AMZN day by order, 155,935 messages: book and estimators together."""
    rows = read_market_data(amzn_files[0]).read()
    flow = benchmark(run(rows, OrderBook("0.01"), **EVERYTHING))
    assert flow.volume == 810_755
    assert abs(flow.vwap - 222.634765) < 1e-6


def bench_flow_real_levels(benchmark, amzn_files):
    """The same day by the file's own levels, 778,879 rows: what is asked for is by message of the file, 155,935."""
    rows = read_market_data(amzn_files[0], orderbook=amzn_files[1]).read()
    flow = benchmark(run(rows, OrderBook("0.01", kind="L2"), **EVERYTHING))
    assert abs(flow.quoted_spread_bps - 5.7643) < 1e-3
    assert flow.volume == 810_755


def bench_flow_real_estimators(benchmark, amzn_files):
    """The estimators alone: the day's best quotes and trades as they changed, without a book. Per round: 155,935
    messages' worth.

    Trades are rows of a book by level that holds nothing, quotes are levels of one; the book's part of it is a store
    and a bit.
    """
    rows = read_market_data(amzn_files[0], orderbook=amzn_files[1]).read()
    best = rows[(rows["action"] != 10) | (rows["level"] == 1)]
    flow = benchmark(run(best, OrderBook("0.01", kind="L2"), **{**EVERYTHING, "levels": 1}))
    assert abs(flow.quoted_spread_bps - 5.7643) < 1e-3
    assert flow.volume == 810_755


def ten_levels():
    rows = np.zeros((10, 4), np.int64)
    rows[:, 0], rows[:, 2] = (10_001 + np.arange(10)) * CENT, (10_000 - np.arange(10)) * CENT
    rows[:, 1], rows[:, 3] = 100 + 50 * np.arange(10), 150 + 40 * np.arange(10)
    return BookSnapshot(rows)


def bench_snapshot_analysis(benchmark):
    """A 10-level book, from Python: twenty figures. Per round: 1,000 analyses."""
    engine, book = MicrostructureEngine(), ten_levels()
    analyze = engine.analyze_order_book

    def thousand():
        for _ in range(1000):
            figures = analyze(book).as_dict()
        return figures

    figures = benchmark(thousand)
    assert len(figures) == 20
    assert abs(figures["imbalance"] - 0.2) < 1e-12
    assert abs(figures["price_impact_100"] - 0.005) < 1e-12


def bench_snapshot_mission(benchmark):
    """The four figures that a strategy reads of it. Per round: 1,000 analyses."""
    engine, book = MicrostructureEngine(), ten_levels()
    analyze = engine.analyze_order_book

    def thousand():
        for _ in range(1000):
            a = analyze(book)
            read = a.imbalance, a.effective_spread, a.price_impact_100, a.price_impact_1000
        return read

    imbalance, spread, small, large = benchmark(thousand)
    assert abs(imbalance - 0.2) < 1e-12
    assert 0 < small <= large
    assert abs(spread - 0.01) < 1e-12


def bench_submit_while_followed(benchmark):
    """Orders in a symbol that is listened to, resting far from the touch. Per round: 1,000 orders, then their
    cancel."""
    om = OrderManager({"seed": 1})
    MicrostructureEngine(engine=om).follow("AAPL")
    order = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 100.0}

    def thousand():
        for _ in range(1000):
            ticket = om.submit_order(order)
        return ticket

    def clear():
        om.cancel_all()

    ticket = benchmark.pedantic(thousand, teardown=clear, rounds=100, warmup_rounds=30)
    assert ticket.status in ("NEW", "CANCELED")


def bench_conditions(benchmark):
    """`analyze_market_conditions` and its score, once the symbol is followed."""
    engine = MicrostructureEngine({"seed": 1})
    engine.analyze_market_conditions("AAPL")
    score = benchmark(lambda: engine.analyze_market_conditions("AAPL").liquidity_score)
    assert 0 < score < 1
