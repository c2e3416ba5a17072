"""Benchmarks of orders from the market's trades and quotes: against their definitions, trade by trade."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import benchmarks as reference

from grandmodel.execution._core.costs import PRICE_UNKNOWN
from grandmodel.execution.analytics.benchmarks import (
    interval_prices,
    market_adjusted_bps,
    participation_weighted_price,
    price_percentile,
    read_trades,
    reversion_bps,
)
from grandmodel.execution.analytics.columns import order_costs, read_quotes

rows = st.tuples(st.integers(0, 30), st.integers(1, 10**12), st.integers(1, 10**6))
books = st.lists(st.lists(rows, max_size=12).map(lambda r: sorted(r, key=lambda t: t[0])), min_size=1, max_size=3)
intervals = st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 32), st.integers(0, 20)), max_size=6)


def trades_of(books):
    flat = [(s, *row) for s, book in enumerate(books) for row in book]
    columns = [np.array(c, np.int64) for c in zip(*flat, strict=True)] or [np.empty(0, np.int64)] * 4
    symbol, time, price, quantity = columns
    read = read_trades({"symbol": symbol, "time_ns": time, "price_e9": price, "quantity": quantity})
    return read, [read.symbols.get(str(s), 10) for s in range(4)]


def of(books, s):
    return books[s] if s < len(books) else []


@given(books, intervals)
def test_interval_prices(books, orders):
    trades, numbers = trades_of(books)
    symbol = np.array([numbers[s] for s, _, _ in orders], np.int64)
    begin, end = (np.array([b + k * d for _, b, d in orders], np.int64) for k in (0, 1))
    got = interval_prices(trades, symbol, begin, end)
    told = [reference.vwap(of(books, s), b, b + d) for s, b, d in orders]
    assert got.vwap_e9.tolist() == [v for v, _ in told]
    assert got.quantity.tolist() == [q for _, q in told]
    assert got.twap_e9.tolist() == [reference.twap(of(books, s), b, b + d) for s, b, d in orders]
    assert got.trades.tolist() == [sum(b <= t <= b + d for t, _, _ in of(books, s)) for s, b, d in orders]


@given(books, intervals, st.integers(1, 10**6), st.sampled_from([1.0, 0.5, 0.1, 0.03]))
def test_participation_weighted_price(books, orders, quantity, participation):
    trades, numbers = trades_of(books)
    symbol = np.array([numbers[s] for s, _, _ in orders], np.int64)
    begin = np.array([b for _, b, _ in orders], np.int64)
    got = participation_weighted_price(trades, symbol, begin, np.full(len(orders), quantity), participation)
    wanted = int(np.ceil(quantity / participation))
    assert got.tolist() == [reference.pwp(of(books, s), b, wanted) for s, b, _ in orders]


@given(books, intervals, st.sampled_from([1, -1]), st.integers(1, 10**12))
def test_price_percentile(books, orders, side, average):
    trades, numbers = trades_of(books)
    symbol = np.array([numbers[s] for s, _, _ in orders], np.int64)
    begin, end = (np.array([b + k * d for _, b, d in orders], np.int64) for k in (0, 1))
    n = len(orders)
    got = price_percentile(trades, symbol, begin, end, np.full(n, side), np.full(n, average / 1e9))
    expected = [reference.percentile(of(books, s), b, b + d, side, average) for s, b, d in orders]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [1, 10**10, 10**16])
def test_time_weighted_prices_over_any_span(scale):
    """A second, hours, a year: sums of price times time that leave 64 bits."""
    rng = np.random.default_rng(6)
    book = sorted(zip(rng.integers(0, 30, 40).tolist(), rng.integers(1, 10**12, 40).tolist(), [1] * 40, strict=True))
    book = [(t * scale, p, q) for t, p, q in book]
    trades, numbers = trades_of([book])
    at = np.full(1, numbers[0])
    got = interval_prices(trades, at, np.array([3 * scale]), np.array([25 * scale]))
    assert got.twap_e9.tolist() == [reference.twap(book, 3 * scale, 25 * scale)]


def test_a_day_by_hand():
    trades = read_trades({"time_ns": [30, 10, 20], "price": [12.0, 10.0, 11.0], "quantity": [100, 100, 200]})
    zero = np.zeros(1, np.int64)
    got = interval_prices(trades, zero, zero + 10, zero + 30)
    assert got.vwap_e9.tolist() == [11 * 10**9]
    assert got.twap_e9.tolist() == [10_500_000_000]
    # 30 shares at 10 %: the first 300, 100 at 10 and 200 at 11
    assert participation_weighted_price(trades, zero, zero, zero + 30, 0.1).tolist() == [10_666_666_667]
    assert participation_weighted_price(trades, zero, zero, zero + 41, 0.1).tolist() == [PRICE_UNKNOWN]
    # Bought at 11: a quarter of the volume was dearer, half of it at that price
    assert price_percentile(trades, zero, zero + 10, zero + 30, zero + 1, np.array([11.0])).tolist() == [50.0]
    assert price_percentile(trades, zero, zero + 10, zero + 30, zero + 1, np.array([9.0])).tolist() == [100.0]


def test_market_adjusted():
    """CFA: an order that cost 20 bp while its index rose 10 bp at a beta of 1.5 cost 5 of its own; a seller gains."""
    sides, cost = np.array([1, -1, 1]), np.array([20.0, 20.0, np.nan])
    got = market_adjusted_bps(sides, cost, 1.5, np.full(3, 1000.0), np.full(3, 1001.0))
    np.testing.assert_allclose(got, [5.0, 35.0, np.nan])


def test_reversion():
    quotes = read_quotes({"time_ns": [0, 10, 20], "bid": [9.99, 10.09, 10.04], "ask": [10.01, 10.11, 10.06]})
    sides, ends = np.array([1, -1, 1, 1]), np.array([10, 10, 5, 20])
    got = reversion_bps(quotes, None, sides, ends, 10)
    np.testing.assert_allclose(got, [-500 / 10.10, 500 / 10.10, 1_000 / 10.0, np.nan], rtol=1e-9)


def test_benchmarks_of_the_orders_rows():
    """Whatever price an order is to be compared with."""
    orders = {"side": [1, -1], "quantity": [10, 10], "open": [10.0, 10.0], "close": [11.0, np.nan], "pwp": [10.0, 9.0]}
    got = order_costs(orders, {"order": [0, 1], "quantity": [10, 10], "price": [10.1, 10.1]})
    np.testing.assert_allclose(got["open_slippage_bps"], [100.0, -100.0])
    np.testing.assert_allclose(got["close_slippage_bps"], [-9_000 / 11, np.nan])
    np.testing.assert_allclose(got["pwp_slippage_bps"], [100.0, -11_000 / 9])
    assert got["close_slippage_reason"].tolist() == [0, 32]


def test_orders_against_trades():
    orders = {
        "side": [1, -1, 1], "quantity": [9, 9, 9], "symbol": ["B", "A", "C"], "arrival_time_ns": [0, 0, 0],
        "end_time_ns": [9, 9, 9],
    }  # fmt: skip
    trades = {"symbol": ["A", "B", "B"], "time_ns": [1, 2, 10], "price": [10.0, 20.0, 99.0], "quantity": [90, 30, 1]}
    fills = {"order": [0, 1, 2], "quantity": [9, 9, 9], "price": [20.1, 10.0, 1.0]}
    got = order_costs(orders, fills, trades=trades)
    np.testing.assert_allclose(got["vwap_slippage_bps"], [50.0, 0.0, np.nan])
    np.testing.assert_allclose(got["participation"], [0.3, 0.1, np.nan])
    np.testing.assert_array_equal(got["market_quantity"], [30, 90, 0])
    np.testing.assert_array_equal(got["price_percentile"], [0.0, 50.0, np.nan])
    assert got["twap_e9"].tolist() == [20 * 10**9, 10 * 10**9, PRICE_UNKNOWN]
    del orders["symbol"]
    with pytest.raises(ValueError, match="orders have no column 'symbol'"):
        order_costs(orders, fills, trades=trades)
    del orders["end_time_ns"]
    with pytest.raises(ValueError, match="orders' arrival_time and end_time; there are side"):
        order_costs(orders, fills, trades=trades)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"price": [0.0]}, r"trades\['price'\], row 0"),
        ({"quantity": [0]}, r"trades\['quantity'\], row 0, is missing or not above 0"),
        ({"quantity": [10**10], "price": [10**9 * 1.0]}, "does not fit into int64"),
        ({"price": [np.nan]}, r"trades\['price'\], row 0, is missing"),
        ({"time_ns": [1.5]}, "must be whole"),
    ],
)
def test_bad_trades(changed, message):
    with pytest.raises((ValueError, TypeError), match=message):
        read_trades({"time_ns": [1], "price": [1.0], "quantity": [1], **changed})


def test_what_is_missing():
    with pytest.raises(ValueError, match="trades need columns time"):
        read_trades({"time_ns": [1], "price": [1.0]})
    trades = read_trades({"time_ns": [1], "price": [1.0], "quantity": [1]})
    zero = np.zeros(1, np.int64)
    for bad in (0, 1.5, True, np.nan):
        with pytest.raises(ValueError, match="participation is"):
            participation_weighted_price(trades, zero, zero, zero + 1, bad)
