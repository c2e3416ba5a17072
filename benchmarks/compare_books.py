"""Books side by side with public packages, in one process, on the same real messages.

    pip install hftbacktest lrvx
    python benchmarks/compare_books.py

The messages are real: an hour of AAPL by order (LOBSTER, 50 levels), and six minutes of BTCUSDT by level (Binance
futures). Each package gets them in the form that it takes fastest, prepared before the clock starts: a structured
array here, columns of doubles (one call a side) for lrvx, its own events for hftbacktest, which also runs its clock and
both of its processors (its books are two). Numbers are medians in million messages a second.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from grandmodel.execution import OrderBook
from grandmodel.execution.market_data.messages import Action
from grandmodel.execution.simulation import read_market_data

DATA = Path(os.environ.get("GRANDMODEL_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))
HOUR = DATA / "lobster" / "AAPL_2012-06-21_34200000_37800000_message_50.csv.xz"
MINUTES = DATA / "binance" / "usdm_btcusdt_20240808.jsonl.xz"


def by_order() -> np.ndarray[Any, Any]:
    """The hour's messages about orders that it adds itself; the others would be errors in every book."""
    known: dict[int, int] = {}
    kept = []
    rows = read_market_data(HOUR).read()
    told = [rows[field].tolist() for field in ("action", "order_id", "quantity")]
    for k, (action, order, quantity) in enumerate(zip(*told, strict=True)):
        if action == Action.ADD:
            known[order] = quantity
        elif action in (Action.REDUCE, Action.DELETE, Action.EXECUTE) and order in known:
            known[order] -= quantity
            if action == Action.DELETE or known[order] == 0:
                del known[order]
        else:
            continue
        kept.append(k)
    return rows[kept]


def by_level() -> np.ndarray[Any, Any]:
    rows = read_market_data(MINUTES, quantity_step="0.001").read()
    return rows[rows["action"] == Action.SET_LEVEL]


def timed(*runs: Callable[[], object], blocks: int = 4, rounds: int = 8) -> list[float]:
    """Median seconds of each. Blocks of rounds take turns: what else the machine does meets all. The first round of
    a block, which finds another package's data in the caches, is not counted."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(blocks):
        for run, taken in zip(runs, times, strict=True):
            run()
            for _ in range(rounds):
                began = time.perf_counter()
                run()
                taken.append(time.perf_counter() - began)
    return [median(taken) for taken in times]


def hftbacktest_run(events: Any, tick: float, lot: float, l3: bool) -> Callable[[], Any]:
    from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest

    def run() -> Any:
        asset = BacktestAsset().data([events]).linear_asset(1.0).constant_order_latency(0, 0)
        asset = asset.tick_size(tick).lot_size(lot)
        asset = asset.l3_fifo_queue_model() if l3 else asset.risk_adverse_queue_model()
        asset = asset.no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0)
        backtest = HashMapMarketDepthBacktest([asset])
        backtest.elapse(1 << 60)
        depth = backtest.depth(0)
        best = depth.best_bid, depth.best_ask
        backtest.close()
        return best

    return run


def hftbacktest_events(rows: np.ndarray[Any, Any], l3: bool) -> Any:
    from hftbacktest import types as t

    out = np.zeros(len(rows), t.event_dtype)
    side = np.where(rows["side"] > 0, t.BUY_EVENT, t.SELL_EVENT).astype(np.uint64)
    kind = np.full(len(rows), t.DEPTH_EVENT, np.uint64)
    quantity = rows["quantity"].astype(float)
    if l3:  # what is left of an order after it is partly gone; its cancel once nothing is
        left: dict[int, int] = {}
        told = [rows[field].tolist() for field in ("action", "order_id", "quantity")]
        for k, (action, order, amount) in enumerate(zip(*told, strict=True)):
            if action == Action.ADD:
                left[order], kind[k] = amount, t.ADD_ORDER_EVENT
                continue
            left[order] -= amount
            gone = action == Action.DELETE or left[order] == 0
            kind[k] = t.CANCEL_ORDER_EVENT if gone else t.MODIFY_ORDER_EVENT
            quantity[k] = 0 if gone else left[order]
        out["order_id"] = rows["order_id"]
    out["ev"] = kind | side | np.uint64(t.EXCH_EVENT) | np.uint64(t.LOCAL_EVENT)
    out["exch_ts"] = out["local_ts"] = rows["time_ns"]
    out["px"] = rows["price_e9"] / 1e9
    out["qty"] = quantity if l3 else quantity / 1000
    return out


def main() -> int:
    if not DATA.is_dir():
        print(f"no market data at {DATA}; GRANDMODEL_DATA names another place", file=sys.stderr)
        return 1
    orders = by_order()
    levels = by_level()
    print(f"{len(orders):,} messages by order, {len(levels):,} level updates; million/s, best at the end\n")
    book = OrderBook("0.01")

    def ours_by_order() -> None:
        book.clear()
        assert book.apply(orders) == len(orders)

    depth = OrderBook("0.1", kind="L2")
    depth.apply(levels)
    runs: list[tuple[str, str, int, Callable[[], Any], Callable[[], Any]]] = [
        ("grandmodel", "by order", len(orders), ours_by_order, lambda: (book.best_bid, book.best_ask)),
        (
            "grandmodel",
            "by level, one batch",
            len(levels),
            lambda: depth.apply(levels),
            lambda: (depth.best_bid, depth.best_ask),
        ),
    ]
    try:
        import lrvx
    except ImportError:
        print("lrvx is not installed")
    else:
        peer = lrvx.OrderBook(0.1)
        sides = [levels[levels["side"] == side] for side in (1, -1)]
        columns = [np.ascontiguousarray(c) for s in sides for c in (s["price_e9"] / 1e9, s["quantity"] / 1000)]
        peer.apply_delta(*columns)
        delta = lambda: peer.apply_delta(*columns)  # noqa: E731
        runs.append(
            ("lrvx", "by level, one batch a side", len(levels), delta, lambda: (peer.best_bid(), peer.best_ask()))
        )
    try:
        import hftbacktest  # noqa: F401
    except ImportError:
        print("hftbacktest is not installed")
    else:
        run = hftbacktest_run(hftbacktest_events(orders, True), 0.01, 1.0, True)
        runs.append(("hftbacktest", "by order, replay", len(orders), run, run))
        run = hftbacktest_run(hftbacktest_events(levels, False), 0.1, 0.001, False)
        runs.append(("hftbacktest", "by level, replay", len(levels), run, run))
    for (name, what, count, _, best), seconds in zip(runs, timed(*(made[3] for made in runs)), strict=True):
        print(f"{name:<12} {what:<28} {count / seconds / 1e6:8.1f}   {best()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
