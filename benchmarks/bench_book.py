"""Books and parsers: messages and bytes a second, from arrays and bytes in memory; peers are in compare_books.py."""

import numpy as np

from grandmodel.execution._core.book import OrderBook
from grandmodel.execution._core.itch import ItchParser
from grandmodel.execution._core.lobster import parse_books, parse_messages
from grandmodel.execution._core.pitch import PitchParser
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


def bench_by_order_real(benchmark, amzn_files):
    """The hour of AAPL, 89,712 messages about orders that it adds: the book is emptied, then built again."""
    from compare_books import by_order

    rows = by_order()
    book = OrderBook()

    def run():
        book.clear()
        return book.apply(rows)

    assert benchmark(run) == len(rows) == 89_712


def bench_by_level_real(benchmark, amzn_files):
    """Six minutes of BTCUSDT, 445,262 level updates over 9,600 levels."""
    from compare_books import by_level

    rows = by_level()
    book = OrderBook("0.1", kind="L2")
    assert benchmark(book.apply, rows) == len(rows) == 445_262
    assert book.best_bid < book.best_ask


def itch_stream(n):
    """n orders: each added, executed in part, deleted; 90 bytes of three messages."""
    head = [
        ("length", ">u2"),
        ("type", "S1"),
        ("locate", ">u2"),
        ("tracking", ">u2"),
        ("time", "u1", 6),
        ("order", ">u8"),
    ]
    add = np.dtype([*head, ("side", "S1"), ("shares", ">u4"), ("stock", "S8"), ("price", ">u4")])
    execute = np.dtype([*head, ("shares", ">u4"), ("match", ">u8")])
    delete = np.dtype(head)
    rows = np.zeros(n, [("a", add), ("e", execute), ("d", delete)])
    for name, kind in (("a", b"A"), ("e", b"E"), ("d", b"D")):
        rows[name]["length"], rows[name]["type"], rows[name]["locate"] = rows.dtype[name].itemsize - 2, kind, 7
        rows[name]["order"] = np.arange(1, n + 1)
    rows["a"]["side"], rows["a"]["shares"], rows["a"]["stock"], rows["a"]["price"] = b"B", 100, b"AAPL    ", 1_502_500
    rows["e"]["shares"], rows["e"]["match"] = 40, np.arange(1, n + 1)
    return rows.tobytes()


def bench_itch(benchmark):
    """ITCH 5.0 messages to rows. Per round: 300,000 messages, 9.0 MB."""
    data = itch_stream(100_000)

    def run():
        rows, used = ItchParser().parse(data, 300_000)
        return len(rows), used

    assert benchmark(run) == (300_000, len(data))


def bench_pitch(benchmark):
    """PITCH lines to rows, with the table of resting orders. Per round: 200,000 lines."""
    lines = b"".join(
        b"S28800011A%012dB000100SH    0000619200Y\nS28800011X%012d000100\n" % (k, k - 50 if k > 50 else k + 10**9)
        for k in range(1, 100_001)
    )
    assert len(benchmark(lambda: PitchParser().parse(lines))) == 200_000
