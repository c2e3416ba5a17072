"""Batch estimators, per row; where NumPy has a formulation in whole arrays, its time for the same is in the results.

Columns are float64 of a million rows unless the name says otherwise: far more than the caches hold.
"""

import time

import numpy as np
import pytest

from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution.microstructure import (
    athl_realized,
    book_walks,
    bulk_buy_volume,
    depth_imbalance,
    fit_micro_price,
    flow_bars,
    glosten_harris,
    hawkes_log_likelihood,
    kyle_lambda,
    lee_ready,
    order_flow_imbalance,
    pin_log_likelihood,
    prevailing_mid,
    realized_variance,
    roll_spread,
    spreads_at_horizons,
    tick_test,
    time_weighted_spread,
    trade_spreads,
    volume_buckets,
    weighted_mid,
)

N = 1_000_000
SECOND = 10**9


@pytest.fixture(scope="module")
def market():
    """A million quotes and trades a day: a walk in cents, spreads of one to three, sizes in hundreds."""
    rng = np.random.default_rng(1)
    bid = (10_000 + np.cumsum(rng.integers(-1, 2, N))) / 100
    ask = bid + rng.integers(1, 4, N) / 100
    columns = {
        "time": np.sort(rng.integers(0, 23_400 * SECOND, N)),
        "at": np.sort(rng.integers(0, 23_400 * SECOND, N)),
        "bid": bid,
        "ask": ask,
        "bid_quantity": rng.integers(1, 50, N) * 100.0,
        "ask_quantity": rng.integers(1, 50, N) * 100.0,
        "side": rng.choice([-1.0, 1.0], N),
        "quantity": rng.integers(1, 20, N) * 100.0,
        "mid": (bid + ask) / 2,
    }
    columns["price"] = np.where(columns["side"] > 0, ask, bid)
    columns["later"] = np.roll(columns["mid"], -1_000)
    return columns


def beside(benchmark, formulation, rows=N):
    """ns a row of NumPy's own way, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter_ns()
        formulation()
        best = min(best, time.perf_counter_ns() - began)
    benchmark.extra_info["numpy_ns"] = round(best / rows, 2)


def bench_lee_ready(benchmark, market):
    """Trades against as many quotes: join and classification."""
    m = market
    sides = benchmark(lee_ready, m["at"], m["price"], m["time"], m["bid"], m["ask"])
    assert len(sides) == N

    def whole():
        row = np.searchsorted(m["time"], m["at"], "left") - 1
        side = np.sign(m["price"] - np.where(row < 0, np.nan, m["mid"][row]))
        move = np.sign(np.diff(m["price"], prepend=m["price"][0]))
        last = np.maximum.accumulate(np.where(move != 0, np.arange(N), 0))
        return np.where((side == 0) | np.isnan(side), move[last], side)

    beside(benchmark, whole)


def bench_tick_test_of_message_rows(benchmark, market):
    """A field of 64-byte rows, int64: strided, one cache line a row."""
    rows = np.zeros(N, MESSAGE_DTYPE)
    rows["price_e9"] = np.rint(market["price"] * 1e9)
    assert len(benchmark(tick_test, rows["price_e9"])) == N


def bench_prevailing_mid(benchmark, market):
    m = market
    benchmark(prevailing_mid, m["at"], m["time"], m["bid"], m["ask"])
    beside(benchmark, lambda: m["mid"][np.searchsorted(m["time"], m["at"], "left") - 1])


def bench_spreads_at_four_horizons(benchmark, market):
    """Per trade: five joins, four horizons, thirteen sums."""
    m = market
    got = benchmark(
        spreads_at_horizons, m["at"], m["price"], m["quantity"], m["time"], m["bid"], m["ask"], side=m["side"]
    )
    assert len(got.horizons) == 4


def bench_trade_spreads(benchmark, market):
    m = market
    benchmark(trade_spreads, m["price"], m["quantity"], m["side"], m["mid"], m["later"])

    def whole():
        weight, factor = m["price"] * m["quantity"], 2e4 * m["side"] / m["mid"]
        total = weight.sum()
        return (
            (weight * factor * (m["price"] - m["mid"])).sum() / total,
            (weight * factor * (m["price"] - m["later"])).sum() / total,
            (weight * factor * (m["later"] - m["mid"])).sum() / total,
        )

    beside(benchmark, whole)


def bench_time_weighted_spread(benchmark, market):
    m = market
    benchmark(time_weighted_spread, m["time"], m["bid"], m["ask"], end_ns=23_400 * SECOND)

    def whole():
        held = np.diff(m["time"], append=23_400 * SECOND)
        open_ = m["ask"] > m["bid"]
        spread = 2e4 * (m["ask"] - m["bid"]) / (m["ask"] + m["bid"])
        return (held * spread)[open_].sum() / held[open_].sum(), held[~open_].sum(), (held * m["mid"]).sum()

    beside(benchmark, whole)


def bench_order_flow_imbalance(benchmark, market):
    m = market
    columns = m["bid"], m["bid_quantity"], m["ask"], m["ask_quantity"]
    benchmark(order_flow_imbalance, *columns)

    def whole():
        b, qb, a, qa = columns
        return (
            (b[1:] >= b[:-1]) * qb[1:] - (b[1:] <= b[:-1]) * qb[:-1]
            - (a[1:] <= a[:-1]) * qa[1:] + (a[1:] >= a[:-1]) * qa[:-1]
        )  # fmt: skip

    beside(benchmark, whole)


def bench_ten_level_order_flow(benchmark, market):
    """Per cell: 100,000 rows of ten levels."""
    steps = np.arange(10) / 100
    columns = (
        market["bid"][:100_000, None] - steps,
        np.repeat(market["bid_quantity"][:100_000, None], 10, axis=1),
        market["ask"][:100_000, None] + steps,
        np.repeat(market["ask_quantity"][:100_000, None], 10, axis=1),
    )
    assert benchmark(order_flow_imbalance, *columns).shape == (99_999, 10)


def bench_ten_level_depth_imbalance(benchmark, market):
    """Per cell of both sides together: 100,000 rows of ten levels."""
    bids, asks = (market[f"{side}_quantity"].reshape(-1, 10) for side in ("bid", "ask"))
    benchmark(depth_imbalance, bids, asks, decay=3.0)
    weights = np.exp(-np.arange(10) / 3.0)

    def whole():
        b, a = bids @ weights, asks @ weights
        return (b - a) / (b + a)

    beside(benchmark, whole)


def bench_weighted_mid(benchmark, market):
    m = market
    columns = m["bid"], m["ask"], m["bid_quantity"], m["ask_quantity"]
    benchmark(weighted_mid, *columns)
    b, a, qb, qa = columns
    beside(benchmark, lambda: (qa * b + qb * a) / (qa + qb))


def bench_book_walks(benchmark, market):
    """Per walk of ten levels, about half of them taken."""
    price = market["ask"][:100_000, None] + np.arange(10) / 100
    quantity = market["ask_quantity"].reshape(-1, 10)
    benchmark(book_walks, price, quantity, 12_000.0)

    def whole():
        taken = np.clip(12_000.0 - np.cumsum(quantity, axis=1) + quantity, 0, quantity)
        return (price * taken).sum(axis=1) / taken.sum(axis=1)

    beside(benchmark, whole, 100_000)


def bench_micro_price_counts(benchmark, market):
    m = market
    got = benchmark(fit_micro_price, m["bid"], m["ask"], m["bid_quantity"], m["ask_quantity"], tick=0.01)
    assert got.observations > N // 2


def bench_kyle_lambda(benchmark, market):
    x, y = market["quantity"], market["later"]
    benchmark(kyle_lambda, y, x)

    def whole():
        dx, dy = x - x.mean(), y - y.mean()
        return (dx * dy).sum() / (dx * dx).sum(), (dy * dy).sum()

    beside(benchmark, whole)


def bench_roll(benchmark, market):
    price = market["price"]
    benchmark(roll_spread, price)

    def whole():
        change = np.diff(price)
        return np.cov(change[1:], change[:-1])[0, 1]

    beside(benchmark, whole)


def bench_glosten_harris(benchmark, market):
    m = market
    benchmark(glosten_harris, m["price"], m["quantity"], m["side"])

    def whole():
        flow = m["side"] * m["quantity"]
        design = np.column_stack([np.diff(m["side"]), np.diff(flow), m["side"][1:], flow[1:]])
        return np.linalg.lstsq(design, np.diff(m["price"]), rcond=None)[0]

    beside(benchmark, whole)


def bench_flow_bars(benchmark, market):
    m = market
    columns = m["at"], m["price"], m["quantity"], m["side"]
    bars = benchmark(flow_bars, *columns, begin_ns=0, interval_ns=10 * SECOND, intervals=2_340)
    assert bars.outside == 0


def bench_bulk_volume(benchmark, market):
    benchmark(bulk_buy_volume, market["later"] - market["mid"], market["quantity"])


def bench_volume_buckets(benchmark, market):
    benchmark(volume_buckets, market["quantity"] / 2, market["quantity"], bucket_volume=50_000.0)


def bench_realized_variance(benchmark, market):
    benchmark(realized_variance, market["mid"])
    beside(benchmark, lambda: np.square(np.diff(np.log(market["mid"]))).sum())


def bench_hawkes_likelihood(benchmark, market):
    """Value and gradient, per event."""
    times = market["time"][:100_000] / SECOND
    benchmark(hawkes_log_likelihood, times, mu=20.0, alpha=10.0, beta=20.0, end=float(times[-1]))


def bench_pin_likelihood(benchmark):
    """Value with factorials and gradient, per day of 250."""
    rng = np.random.default_rng(2)
    days = rng.poisson(200, 250), rng.poisson(180, 250)
    benchmark(pin_log_likelihood, *days, alpha=0.4, delta=0.5, mu=60.0, epsilon_buy=190.0, epsilon_sell=170.0)


def bench_athl(benchmark, market):
    m = market
    benchmark(athl_realized, m["quantity"], 5e6, 0.02, 0.2, 1e9)

    def whole():
        share = m["quantity"] / 5e6
        return 0.157 * 0.02 * share * 200**0.25 + 0.142 * 0.02 * np.sign(share) * np.abs(share / 0.2) ** 0.6

    beside(benchmark, whole)


def bench_an_estimator_call(benchmark):
    """What a call costs beside its rows: four columns of two rows."""
    quotes = [np.array(x, float) for x in ([1, 1], [1, 2], [2, 2], [1, 3])]
    benchmark(order_flow_imbalance, *quotes)
