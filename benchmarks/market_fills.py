"""Fills of many orders and the quotes around them, made up: what bench_costs.py and compare_costs.py measure."""

from __future__ import annotations

from typing import Any

import numpy as np

SECOND = 10**9
DAY = 23_400 * SECOND
HORIZONS = tuple(seconds * SECOND for seconds in (1, 10, 60, 300))
CENT = 10**7

Columns = dict[str, np.ndarray[Any, Any]]


def make_orders(orders: int, filled: np.ndarray[Any, Any], seed: int = 1) -> Columns:
    rng = np.random.default_rng(seed)
    decision = rng.integers(5_000, 15_000, orders) * CENT
    return {
        "side": rng.choice([-1, 1], orders),
        "quantity": filled + rng.integers(0, 500, orders),
        "decision_e9": decision,
        "arrival_e9": decision + rng.integers(-5, 6, orders) * CENT,
        "end_e9": decision + rng.integers(-50, 51, orders) * CENT,
        "fees_e9": filled * 3_000_000,
        "vwap_e9": decision + rng.integers(-20, 21, orders) * CENT,
    }


def make_fills(fills: int, orders: int, *, by_order: bool, seed: int = 2) -> Columns:
    """With the quote each met, and mids at four horizons. In the order of time, where an order's fills lie apart, or by
    order."""
    rng = np.random.default_rng(seed)
    order = rng.integers(0, orders, fills)
    if by_order:
        order.sort()
    price = rng.integers(5_000, 15_000, fills) * CENT
    half = rng.integers(1, 4, fills) * (CENT // 2)
    columns = {
        "order": order, "quantity": rng.integers(1, 1_000, fills), "price_e9": price, "bid_e9": price - half,
        "ask_e9": price + half,
    }  # fmt: skip
    for horizon in HORIZONS:
        columns[f"mid_{horizon // SECOND}_e9"] = price + rng.integers(-50, 51, fills) * (CENT // 2)
    return columns


def make_quotes(quotes: int, symbols: int, seed: int = 3) -> Columns:
    """By symbol and time, in bursts: three in four follow at once, the fourth much later."""
    rng = np.random.default_rng(seed)
    per = quotes // symbols
    symbol = np.repeat(np.arange(symbols), per)
    time = np.empty(per * symbols, np.int64)
    for s in range(symbols):
        gaps = rng.random(per) * np.where(rng.random(per) < 0.75, 0.2, 3.4)
        time[s * per : (s + 1) * per] = np.cumsum(gaps / gaps.sum() * DAY).astype(np.int64)
    bid = 100 * 10**9 - rng.integers(0, 100, per * symbols) * CENT
    return {"symbol": symbol, "time_ns": time, "bid_e9": bid, "ask_e9": bid + rng.integers(1, 4, per * symbols) * CENT}


def make_times(fills: int, symbols: int, *, by_symbol: bool, seed: int = 4) -> Columns:
    rng = np.random.default_rng(seed)
    symbol, time = rng.integers(0, symbols, fills), rng.integers(0, DAY, fills)
    if by_symbol:
        order = np.lexsort((time, symbol))
        symbol, time = symbol[order], time[order]
    return {"symbol": symbol, "time_ns": time}
