"""The order book and the LOBSTER parsers: messages and bytes a second, from arrays and bytes in memory."""

import numpy as np

from grandmodel.execution._core.book import OrderBook
from grandmodel.execution._core.lobster import parse_books, parse_messages
from grandmodel.execution._core.records import MESSAGE_DTYPE

ADD, DELETE, HALT, CLEAR, SET_LEVEL = 1, 3, 7, 8, 10
CENT = 10_000_000


def feed_by_order(n, resting=5_000, seed=11):
    """n messages around 200 levels: an order added, one of about `resting` adds ago deleted, and so on."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(n, MESSAGE_DTYPE)
    side = np.where(rng.random(n) < 0.5, 1, -1)
    rows["side"] = side
    rows["price_e9"] = (10_000 - side * rng.geometric(0.05, n)) * CENT
    rows["quantity"] = rng.integers(1, 500, n)
    ids = np.arange(1, n // 2 + 1)
    leaving = ids.reshape(-1, 100)[:, rng.permutation(100)].ravel()  # not quite first in, first out
    rows["action"][0::2], rows["order_id"][0::2] = ADD, ids
    rows["action"][1::2] = HALT
    rows["action"][2 * resting + 1 :: 2] = DELETE
    rows["order_id"][2 * resting + 1 :: 2] = leaving[: n // 2 - resting]
    rows["action"][-1] = CLEAR
    return rows


def bench_by_order(benchmark):
    """Adds and deletes, 5,000 orders standing. Per round: 200,000 messages."""
    rows = feed_by_order(200_000)
    book = OrderBook()
    assert benchmark(book.apply, rows) == len(rows)
    assert len(book) == 0


def bench_by_level(benchmark):
    """Levels set and removed around the touch. Per round: 200,000 messages."""
    rng = np.random.default_rng(5)
    rows = np.zeros(200_000, MESSAGE_DTYPE)
    rows["action"] = SET_LEVEL
    rows["side"] = np.where(rng.random(len(rows)) < 0.5, 1, -1)
    rows["price_e9"] = (10_000 - rows["side"] * rng.geometric(0.1, len(rows))) * CENT
    rows["quantity"] = rng.integers(0, 10, len(rows)) * 100
    book = OrderBook(kind="L2")
    assert benchmark(book.apply, rows) == len(rows)
    assert book.best_bid < book.best_ask


def bench_levels(benchmark):
    """Ten levels of both sides as arrays: a Python call."""
    book = OrderBook()
    book.apply(feed_by_order(20_000)[:-1])
    bids, asks = benchmark(book.levels, 10)
    assert len(bids) == len(asks) == 10


def bench_lobster_messages(benchmark):
    """A message file of 100,000 lines, about 4 MB."""
    lines = b"".join(
        b"%d.%09d,%d,%d,100,%d,%d\n"
        % (
            34_200 + k // 20,
            k % 20 * 50_000_000 + k % 977,
            1 + k % 4,
            10_000_000 + k,
            2_230_000 + k % 300 * 100,
            1 - 2 * (k % 2),
        )
        for k in range(100_000)
    )
    rows = benchmark(parse_messages, lines)
    assert rows["sequence"][-1] == 100_000
    benchmark.extra_info["bytes"] = len(lines)


def bench_lobster_books(benchmark):
    """An order book file of 30,000 lines of 5 levels, about 3.6 MB."""
    line = ",".join(f"{2_230_000 + 100 * k},{100 + k},{2_229_900 - 100 * k},{200 + k}" for k in range(5))
    lines = (line + "\n").encode() * 30_000
    rows = benchmark(parse_books, lines, 5)
    assert rows.shape == (30_000, 5, 4)
    benchmark.extra_info["bytes"] = len(lines)
