"""The order book: known answers by hand, its plain-Python twin, and all that can be wrong with a feed."""

import math
import threading
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.book import (
    ADD,
    CLEAR,
    CROSS_TRADE,
    DELETE,
    EXECUTE,
    EXECUTE_HIDDEN,
    HALT,
    REDUCE,
    REPLACE,
    SET_LEVEL,
    TRADE,
    ReferenceBook,
)

from grandmodel.execution._core.book import LEVEL_DTYPE, BookView, OrderBook
from grandmodel.execution._core.records import MESSAGE_DTYPE, NO_PRICE
from grandmodel.execution._core.values import MarketDataError, Unknown

CENT = 10_000_000
INT64_MAX = 2**63 - 1


def messages(*rows):
    """Rows of (action, order_id, side, price_e9, quantity[, counterparty])."""
    out = np.zeros(len(rows), MESSAGE_DTYPE)
    for k, row in enumerate(rows):
        for name, value in zip(
            ("action", "order_id", "side", "price_e9", "quantity", "counterparty"), row, strict=False
        ):
            out[name][k] = value
    return out


def cents(price):
    return round(price * 100) * CENT


def add(order_id, side, price, quantity):
    return (ADD, order_id, side, cents(price), quantity)


def small(**options):
    return OrderBook(ticks=4096, capacity=64, **options)


# ---- known answers


def test_empty_book():
    book = OrderBook()
    assert len(book) == 0
    for value in (book.best_bid, book.best_ask, book.spread):
        assert isinstance(value, Unknown)
        assert math.isnan(value)
    assert book.best_bid.reason == "no bids"
    assert book.best_ask.reason == "no asks"
    assert book.best_bid_e9 is None
    assert book.best_ask_e9 is None
    assert not book.is_locked
    assert not book.is_crossed
    bids, asks = book.levels(5)
    assert bids.dtype == asks.dtype == LEVEL_DTYPE
    assert len(bids) == len(asks) == 0
    assert book.apply(np.zeros(0, MESSAGE_DTYPE)) == 0
    assert book.state_hash() == 0
    book.check_invariants()


def test_levels_and_queues():
    book = OrderBook()
    feed = messages(
        add(1, 1, 10.00, 200),
        add(2, 1, 10.00, 50),
        add(3, 1, 9.98, 7),
        add(4, -1, 10.03, 30),
        add(5, -1, 10.02, 11),
    )
    assert book.apply(feed) == 5
    bids, asks = book.levels(10)
    assert bids.tolist() == [(cents(10.00), 250, 2), (cents(9.98), 7, 1)]
    assert asks.tolist() == [(cents(10.02), 11, 1), (cents(10.03), 30, 1)]
    assert book.levels(1)[0].tolist() == [(cents(10.00), 250, 2)]
    assert book.levels(0)[1].tolist() == []
    assert (book.best_bid, book.best_ask, book.spread) == (10.0, 10.02, 0.02)
    assert book.orders()["order_id"].tolist() == [1, 2, 3, 5, 4]
    assert book.kind == "L3"
    assert book.tick_size == 0.01

    assert book.apply(messages((REDUCE, 1, 0, 0, 150), (EXECUTE, 2, 0, 0, 50), (DELETE, 5))) == 3
    assert book.levels(10)[0].tolist() == [(cents(10.00), 50, 1), (cents(9.98), 7, 1)]
    assert book.best_ask == 10.03
    # a replace stands at the back, keeps its side, and has its new id
    assert book.apply(messages(add(6, 1, 10.00, 5), (REPLACE, 1, 0, cents(10.00), 40, 7))) == 2
    assert book.orders()["order_id"].tolist() == [6, 7, 3, 4]
    assert book.apply(messages((REPLACE, 6, 0, cents(10.01), 5))) == 1  # no new id: the old one stays
    assert book.orders()["order_id"].tolist() == [6, 7, 3, 4]
    assert book.best_bid == 10.01
    book.check_invariants()
    before = book.state_hash()
    quiet = messages((HALT,), (TRADE, 0, 1, 5, 5), (EXECUTE_HIDDEN, 0, 1, 5, 5), (CROSS_TRADE, 0, 1, 5, 5))
    assert book.apply(quiet) == 4
    assert book.state_hash() == before
    assert book.apply(messages((CLEAR,))) == 1
    assert len(book) == 0
    assert book.problems == {}
    assert book.messages_applied == 16


def test_locked_and_crossed_are_flagged_not_repaired():
    book = OrderBook()
    book.apply(messages(add(1, 1, 10.00, 1), add(2, -1, 10.00, 1)))
    assert book.is_locked
    assert not book.is_crossed
    assert book.spread == 0.0
    book.apply(messages(add(3, 1, 10.05, 1)))
    assert book.is_crossed
    assert not book.is_locked
    assert book.spread == -0.05
    assert len(book) == 3
    book.check_invariants()


def test_by_level():
    book = OrderBook(kind="L2")
    feed = messages(
        (SET_LEVEL, 0, 1, cents(10.00), 300),
        (SET_LEVEL, 0, 1, cents(9.99), 100),
        (SET_LEVEL, 0, -1, cents(10.01), 5),
        (SET_LEVEL, 0, 1, cents(10.00), 250),
        (SET_LEVEL, 0, -1, cents(10.05), 0),  # not there: nothing to do
    )
    assert book.apply(feed) == 5
    bids, asks = book.levels(3)
    assert bids.tolist() == [(cents(10.00), 250, -1), (cents(9.99), 100, -1)]
    assert asks.tolist() == [(cents(10.01), 5, -1)]
    assert len(book) == 3
    book.apply(messages((SET_LEVEL, 0, 1, cents(10.00), 0)))
    assert book.best_bid == 9.99
    book.check_invariants()
    assert book.apply(messages(add(1, 1, 10.0, 5))) == 0
    assert book.problems == {"action": 1}
    with pytest.raises(ValueError, match="L2"):
        book.orders()


@pytest.mark.parametrize(
    ("row", "problem", "text"),
    [
        ((DELETE, 99), "unknown_order", "order_id is 99"),
        ((REDUCE, 99, 0, 0, 1), "unknown_order", "order_id is 99"),
        ((EXECUTE, 99, 0, 0, 1), "unknown_order", "order_id is 99"),
        ((REPLACE, 99, 0, cents(10), 1, 100), "unknown_order", "order_id is 99"),
        (add(0, 1, 10.0, 5), "unknown_order", "order_id is 0"),
        (add(1, 1, 10.0, 5), "duplicate_order", "id 1 already"),
        ((REPLACE, 1, 0, cents(10), 1, 2), "duplicate_order", "id 2 already"),
        ((ADD, 9, 1, cents(10) + 1, 5), "price", "multiple of the tick"),
        ((ADD, 9, 1, NO_PRICE, 5), "price", "multiple of the tick"),
        ((ADD, 9, 1, CENT * 2**31, 5), "price", "out of the book's range"),
        ((ADD, 9, 1, -CENT * 2**31 - CENT, 5), "price", "out of the book's range"),
        (
            (ADD, 9, 1, -CENT * 2**31, 5),
            "price",
            "out of the book's range",
        ),  # more levels than a window may have
        ((ADD, 9, 1, cents(10), INT64_MAX), "price", "out of the book's range"),  # the level's sum
        ((REPLACE, 1, 0, cents(10), INT64_MAX, 9), "price", "out of the book's range"),
        ((REPLACE, 1, 0, cents(10) + 1, 5, 9), "price", "multiple of the tick"),
        ((REPLACE, 1, 0, -CENT * 2**31, 5, 9), "price", "out of the book's range"),
        (add(9, 1, 10.0, 0), "quantity", "quantity is 0"),
        (add(9, 1, 10.0, -5), "quantity", "quantity is -5"),
        ((REDUCE, 1, 0, 0, 101), "quantity", "quantity is 101"),
        ((EXECUTE, 1, 0, 0, 0), "quantity", "quantity is 0"),
        ((REPLACE, 1, 0, cents(10), 0, 9), "quantity", "quantity is 0"),
        (add(9, 0, 10.0, 5), "side", "side is 0"),
        (add(9, 2, 10.0, 5), "side", "side is 2"),
        ((SET_LEVEL, 0, 1, cents(10), 5), "action", "action is 10"),
        ((0,), "action", "action is 0"),
        ((12,), "action", "action is 12"),
        ((255,), "action", "action is 255"),
    ],
)
def test_a_message_that_does_not_fit_changes_nothing(row, problem, text):
    book = OrderBook(ticks=4096)
    book.apply(messages(add(1, 1, 10.00, 100), add(2, 1, 10.00, 100)))
    before = book.orders().tolist(), book.state_hash()
    assert book.apply(messages(row)) == 0
    assert (book.orders().tolist(), book.state_hash()) == before
    book.check_invariants()
    assert book.problems == {problem: 1}
    assert book.unknown_orders == (problem == "unknown_order")
    assert book.first_problem.startswith("messages[0]: ")
    assert text in book.first_problem
    with pytest.raises(MarketDataError, match=r"messages\[2\]"):
        book.apply(messages((HALT,), add(11, 1, 9.0, 1), row, add(12, 1, 9.0, 1)), strict=True)
    assert book.orders()["order_id"].tolist() == [1, 2, 11]  # what came before it stays
    book.clear()
    assert book.problems == {}
    assert book.first_problem is None


def test_capacity_and_one_more():
    book = OrderBook(capacity=3, ticks=4096)
    assert book.apply(messages(*(add(k, 1, 10 + k, 1) for k in range(1, 5)))) == 3
    assert book.problems == {"capacity": 1}
    assert book.first_problem == "messages[3]: the book is full"
    assert book.apply(messages((REPLACE, 2, 0, cents(10), 1, 9))) == 1  # takes the slot it frees
    assert book.apply(messages((DELETE, 1), add(4, 1, 14, 1))) == 2
    assert book.orders()["order_id"].tolist() == [4, 3, 9]
    book.check_invariants()


def test_the_window_moves_and_keeps_priority():
    book = OrderBook("0.01", ticks=4096)
    reference = ReferenceBook()
    prices = [10.0, 10.0, 500.0, 10.0, 0.01, 199_999.99, 500.0, 10.0, 3_000.0]
    for k, price in enumerate(prices, 1):
        for side, order_id in ((1, k), (-1, 100 + k)):
            row = add(order_id, side, price, k)
            assert book.apply(messages(row)) == 1
            assert reference.apply(*row) is None
            book.check_invariants()
    assert book.orders().tolist() == reference.orders()
    for k in range(1, len(prices) + 1):
        book.apply(messages((DELETE, k), (DELETE, 100 + k)))
        book.check_invariants()
    far = messages((ADD, 1, 1, -2_000_000_000 * CENT, 1), (DELETE, 1), (ADD, 2, 1, 2_000_000_000 * CENT, 1))
    assert book.apply(far) == 3  # an empty book goes anywhere
    assert book.best_bid == 20_000_000.0
    book.check_invariants()


def test_extreme_numbers():
    book = OrderBook("0.000000001", ticks=4096)
    highest = messages((ADD, INT64_MAX, 1, 2**31 - 1, INT64_MAX), (ADD, -(2**63), 1, 2**31 - 1, 1))
    assert book.apply(highest) == 1
    assert book.levels(1)[0].tolist() == [(2**31 - 1, INT64_MAX, 1)]
    book.check_invariants()
    book = OrderBook("0.000000001", ticks=4096)
    assert (
        book.apply(
            messages((ADD, -(2**63), -1, -(2**31), 1), (ADD, 5, 1, 2**31, 1), (ADD, 6, 1, INT64_MAX, 1))
        )
        == 1
    )
    assert book.best_ask_e9 == -(2**31)
    book = OrderBook(9_000_000_000, ticks=4096)  # a tick so wide that NO_PRICE would have a tick number
    assert book.apply(messages((ADD, 1, 1, NO_PRICE, 1))) == 0
    assert book.apply(messages((ADD, 1, 1, 9_000_000_000 * 10**9, 1))) == 1
    assert book.best_bid_e9 == 9_000_000_000 * 10**9


# ---- against the twin


def compare(book, reference, ordered=True):
    book.check_invariants()
    assert tuple(side.tolist() for side in book.levels(1000)) == reference.levels(1000)
    assert len(book) == len(reference.by_id)
    if ordered:
        assert book.orders().tolist() == reference.orders()


by_order = st.tuples(
    st.sampled_from([ADD, ADD, ADD, REDUCE, DELETE, EXECUTE, REPLACE, CLEAR, TRADE, SET_LEVEL, 0]),
    st.integers(0, 12),
    st.sampled_from([1, 1, -1, -1, 0]),
    st.one_of(
        st.integers(995, 1005).map(lambda t: t * CENT),
        st.sampled_from([0, 1, -CENT, 10**5 * CENT, 2**31 * CENT]),
    ),
    st.sampled_from([1, 2, 3, 5, 100, 0, -1, INT64_MAX]),
    st.integers(0, 12),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(by_order, max_size=60))
def test_by_order_equals_the_twin(rows):
    book = OrderBook(ticks=4096, capacity=8)
    reference = ReferenceBook(capacity=8)
    for row in rows:
        before = book.state_hash()
        problem = reference.apply(*row)
        applied = book.apply(messages(row))
        assert applied == (problem is None), (row, problem, book.first_problem)
        if problem is not None:
            assert book.problems.get(problem, 0) > 0
            assert book.state_hash() == before
        compare(book, reference)
    whole = OrderBook(ticks=4096, capacity=8)
    if rows:
        whole.apply(messages(*rows))
    assert whole.state_hash() == book.state_hash()
    assert whole.problems == book.problems


by_level = st.tuples(
    st.sampled_from([SET_LEVEL] * 12 + [CLEAR, HALT, ADD]),
    st.just(0),
    st.sampled_from([1, 1, -1, -1, 0]),
    st.one_of(st.integers(990, 1010).map(lambda t: t * CENT), st.sampled_from([1, 10**5 * CENT])),
    st.sampled_from([0, 0, 1, 2, 100, -1, INT64_MAX]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(by_level, max_size=60))
def test_by_level_equals_the_twin(rows):
    book = OrderBook(kind="L2", ticks=4096, capacity=8)
    reference = ReferenceBook(kind="L2", capacity=8)
    for row in rows:
        assert book.apply(messages(row)) == (reference.apply(*row) is None)
        compare(book, reference, ordered=False)


def random_feed(seed, n, reference):
    """n rows that mostly fit the reference's state, applied to it on the way; yields (row, problem)."""
    rng = np.random.default_rng(seed)
    next_id, mid = 1, 10_000
    for _ in range(n):
        draw = rng.random()
        live = list(reference.by_id)
        if draw < 0.0005:
            row = (CLEAR, 0, 0, 0, 0, 0)
        elif draw < 0.001:
            mid = int(rng.integers(100, 2_000_000))  # far away: the window moves
            row = (HALT, 0, 0, 0, 0, 0)
        elif draw < 0.5 or not live:
            row = (
                ADD,
                next_id,
                int(rng.choice([1, -1])),
                (mid + int(rng.integers(-20, 21))) * CENT,
                int(rng.integers(1, 500)),
                0,
            )
            next_id += 1
        else:
            order = reference.by_id[live[int(rng.integers(len(live)))]]
            action = int(rng.choice([REDUCE, DELETE, DELETE, EXECUTE, EXECUTE, REPLACE]))
            quantity = int(rng.integers(1, order.quantity + 2))
            row = (action, order.order_id, 0, 0, quantity, 0)
            if action == REPLACE:
                price = order.price_e9 + int(rng.integers(-3, 4)) * CENT
                row = (action, order.order_id, 0, price, quantity, next_id)
                next_id += 1
            elif draw > 0.99:
                row = (action, next_id + 5, 0, 0, quantity, 0)
        yield row, reference.apply(*row)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_long_random_feed_equals_the_twin(seed):
    book = OrderBook(ticks=4096, capacity=200)
    reference = ReferenceBook(capacity=200)
    for k, (row, problem) in enumerate(random_feed(seed, 20_000, reference)):
        assert book.apply(messages(row)) == (problem is None), row
        if k % 50 == 0:
            compare(book, reference)
        if k % 1000 == 0:
            assert tuple(side.tolist() for side in book.levels(3)) == reference.levels(3)
    compare(book, reference)
    assert book.problems.keys() >= {"unknown_order", "quantity", "capacity"}


# ---- arguments


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (None, TypeError),
        ([], TypeError),
        ("x", TypeError),
        (np.zeros(3), TypeError),
        (np.zeros(3, [("time_ns", "<i8")]), TypeError),
        (np.zeros((2, 2), MESSAGE_DTYPE), ValueError),
        (np.zeros(4, MESSAGE_DTYPE)[::2], ValueError),
        (np.zeros((), MESSAGE_DTYPE), ValueError),
    ],
)
def test_refused_arrays(bad, error):
    book = OrderBook()
    with pytest.raises(error, match="messages"):
        book.apply(bad)
    assert len(book) == 0


def test_accepted_arrays(tmp_path):
    feed = messages(add(1, 1, 10.0, 5), add(2, -1, 11.0, 5))
    expected = OrderBook()
    expected.apply(feed)
    read_only = feed.copy()
    read_only.flags.writeable = False
    buffer = np.zeros(feed.nbytes + 1, np.uint8)
    buffer[1:] = feed.view(np.uint8)
    misaligned = buffer[1:].view(MESSAGE_DTYPE)
    packed = np.concatenate([feed[:1], feed[1:]])  # NumPy drops the padding
    np.save(tmp_path / "feed.npy", feed)
    feed.tofile(tmp_path / "feed.bin")
    mapped = np.memmap(tmp_path / "feed.bin", dtype=MESSAGE_DTYPE, mode="r")
    for other in (read_only, misaligned, packed, mapped):
        book = OrderBook()
        assert book.apply(other) == 2
        assert book.state_hash() == expected.state_hash()


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"tick_size": "0"}, ValueError, "tick_size"),
        ({"tick_size": "-0.01"}, ValueError, "tick_size"),
        ({"tick_size": "abc"}, ValueError, "tick_size"),
        ({"tick_size": ""}, ValueError, "tick_size"),
        ({"tick_size": "nan"}, ValueError, "tick_size"),
        ({"tick_size": math.nan}, ValueError, "tick_size"),
        ({"tick_size": math.inf}, ValueError, "tick_size"),
        ({"tick_size": 1e308}, ValueError, "tick_size"),
        ({"tick_size": "1/0"}, ValueError, "tick_size"),
        ({"tick_size": Decimal("inf")}, ValueError, "tick_size"),
        ({"tick_size": "0.0000000001"}, ValueError, "tick_size"),
        ({"tick_size": 1e-10}, ValueError, "tick_size"),
        ({"tick_size": True}, TypeError, "tick_size"),
        ({"tick_size": None}, TypeError, "tick_size"),
        ({"tick_size": 2**63}, ValueError, "tick_size"),
        ({"kind": "L1"}, ValueError, "kind"),
        ({"kind": None}, ValueError, "kind"),
        ({"capacity": 0}, ValueError, "capacity"),
        ({"capacity": 2**29 + 1}, ValueError, "capacity"),
        ({"capacity": 1.5}, TypeError, "capacity"),
        ({"ticks": 4095}, ValueError, "ticks"),
        ({"ticks": 5000}, ValueError, "ticks"),
        ({"ticks": 2**27}, ValueError, "ticks"),
        ({"ticks": True}, TypeError, "ticks"),
    ],
)
def test_refused_options(options, error, name):
    with pytest.raises(error, match=name):
        OrderBook(**options)


def test_tick_sizes():
    for tick in ("0.01", 0.01, Decimal("0.01"), "1e-2"):
        assert OrderBook(tick).tick_size_e9 == CENT
    assert OrderBook(5).tick_size_e9 == 5_000_000_000
    assert OrderBook(np.float64(0.25)).tick_size == 0.25
    assert OrderBook("0.0001").tick_size_e9 == 100_000


def test_levels_argument():
    for bad, error in (
        (-1, ValueError),
        (1.0, TypeError),
        (True, TypeError),
        (None, TypeError),
        (2**63, ValueError),
    ):
        with pytest.raises(error, match="n is"):
            OrderBook().levels(bad)


def test_a_view_alone_belongs_to_nobody():
    with pytest.raises(TypeError, match="BookView"):
        BookView()
    with pytest.raises(TypeError, match="no book"):
        BookView.__new__(BookView).levels(1)


def test_a_call_during_another_threads_apply_is_refused():
    """The loop runs without the GIL: whoever comes meanwhile is told so, and the book stays whole."""
    feed = messages(*(add(k, 1, 10 + k % 50, 1) for k in range(1, 50_001)))
    removals = feed.copy()
    removals["action"] = DELETE
    block = np.concatenate([feed, removals] * 8).astype(MESSAGE_DTYPE)
    book = OrderBook(capacity=50_000)
    outcomes = set()

    def work():
        for _ in range(3):
            try:
                outcomes.add(book.apply(block))
            except RuntimeError as error:
                outcomes.add(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes <= {len(block), "another thread is changing this book"}
    book.check_invariants()
    assert len(book) == 0
