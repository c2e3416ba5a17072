"""The matching engine: book walks by hand, every rule and refusal, random streams against its twin."""

import math
import os
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.matching import ReferenceEngine

from grandmodel.execution._core.matching import MatchingEngine, MatchResult, RunCounts
from grandmodel.execution._core.records import COMMAND_DTYPE, NO_PRICE
from grandmodel.execution._core.values import OrderStatus, Reason, Side, Unknown, UnknownOrder

CENT = 10_000_000
INT64_MAX = 2**63 - 1
TIFS = {"DAY": 1, "GTC": 2, "IOC": 3, "FOK": 4, "GTD": 5, "OPG": 6, "CLS": 7}
POST_ONLY = 1


def cents(price):
    return round(price * 100) * CENT


def asks():
    """200 at 10.00, 300 at 10.01, 500 at 10.03."""
    engine = MatchingEngine()
    for order_id, price, quantity in ((1, 10.00, 200), (2, 10.01, 300), (3, 10.03, 500)):
        assert engine.submit(order_id, "sell", quantity, price).status == "NEW"
    return engine


def outcome(result):
    return (
        str(result.status),
        result.filled_quantity,
        result.leaves_quantity,
        result.reason.name,
        result.fills,
    )


# ---- known answers


def test_book_walk_of_600():
    engine = asks()
    result = engine.submit(9, "buy", 600)
    assert result.status is OrderStatus.FILLED
    assert result.fills == [(1, cents(10.00), 200), (2, cents(10.01), 300), (3, cents(10.03), 100)]
    assert result.average_price == 10.01
    assert engine.book.levels(5)[1].tolist() == [(cents(10.03), 400, 1)]
    assert (engine.trades, engine.volume, engine.last_price) == (3, 600, 10.03)
    engine.check_invariants()


def test_book_walk_beyond_the_book():
    engine = asks()
    result = engine.submit(9, "buy", 1200)
    assert outcome(result)[:4] == ("CANCELED", 1000, 200, "UNFILLED_REMAINDER")
    assert result.average_price == 10.018
    assert len(engine) == 0
    assert engine.submit(10, "buy", 1).reason is Reason.NO_LIQUIDITY


def test_price_then_time():
    engine = MatchingEngine()
    for order_id, price in ((1, 10.02), (2, 10.01), (3, 10.01), (4, 10.03)):
        engine.submit(order_id, "sell", 100, price)
    result = engine.submit(5, "buy", 250, 10.05)  # its own limit is better: it pays what rests
    assert result.fills == [(2, cents(10.01), 100), (3, cents(10.01), 100), (1, cents(10.02), 50)]
    assert engine.book.orders().tolist() == [(1, cents(10.02), 50, -1), (4, cents(10.03), 100, -1)]


def test_the_rest_of_a_limit_order_rests():
    engine = asks()
    result = engine.submit(9, "buy", 700, 10.01)
    assert outcome(result)[:4] == ("PARTIALLY_FILLED", 500, 200, "NONE")
    assert (engine.book.best_bid, engine.book.best_ask) == (10.01, 10.03)
    assert engine.cancel(9) == 200
    with pytest.raises(UnknownOrder, match="9"):
        engine.cancel(9)
    with pytest.raises(UnknownOrder):
        engine.cancel(1)


def test_ioc_and_fok():
    engine = asks()
    assert outcome(engine.submit(9, "buy", 250, 10.00, "IOC"))[:4] == (
        "CANCELED",
        200,
        50,
        "UNFILLED_REMAINDER",
    )
    assert outcome(engine.submit(9, "buy", 301, 10.01, "FOK")) == ("CANCELED", 0, 301, "NO_LIQUIDITY", [])
    assert outcome(engine.submit(9, "buy", 300, 10.01, "FOK"))[:4] == ("FILLED", 300, 0, "NONE")
    assert outcome(engine.submit(9, "buy", 501, None, "FOK"))[:4] == ("CANCELED", 0, 501, "NO_LIQUIDITY")
    assert outcome(engine.submit(9, "buy", 500, None, "FOK"))[:4] == ("FILLED", 500, 0, "NONE")


def test_post_only():
    engine = asks()
    assert outcome(engine.submit(9, "buy", 100, 10.00, post_only=True)) == (
        "REJECTED",
        0,
        100,
        "WOULD_CROSS",
        [],
    )
    assert engine.submit(9, "buy", 100, 9.99, post_only=True).status == "NEW"
    assert engine.submit(10, "sell", 100, 9.99, post_only=True).reason is Reason.WOULD_CROSS
    assert engine.submit(10, "buy", 100, post_only=True).reason is Reason.WOULD_CROSS


def test_iceberg_refreshes_at_the_back():
    engine = MatchingEngine()
    engine.submit(1, "sell", 250, 10.00, display_quantity=100)
    engine.submit(2, "sell", 100, 10.00)
    assert engine.book.levels(1)[1].tolist() == [(cents(10.00), 200, 2)]
    assert engine.submit(3, "buy", 120).fills == [(1, cents(10.00), 100), (2, cents(10.00), 20)]
    assert engine.book.orders()[["order_id", "quantity"]].tolist() == [(2, 80), (1, 100)]
    engine.check_invariants()
    # FOK sees the reserve: 80 + 100 + 50 hidden
    assert engine.submit(4, "buy", 231, 10.00, "FOK").status == "CANCELED"
    assert engine.submit(4, "buy", 230, 10.00, "FOK").fills == [
        (2, cents(10.00), 80),
        (1, cents(10.00), 100),
        (1, cents(10.00), 50),
    ]
    assert len(engine) == 0
    engine.submit(1, "buy", 1000, 10.00, display_quantity=1)
    assert engine.cancel(1) == 1000
    engine.check_invariants()


def test_hash_tells_a_reserve():
    hashes = set()
    for display in (None, 100, 50):
        engine = MatchingEngine()
        engine.submit(1, "sell", 100 if display is None else 250, 10, display_quantity=display)
        hashes.add(engine.state_hash())
    assert len(hashes) == 3


def test_an_iceberg_of_too_many_slices_is_refused():
    engine = MatchingEngine()
    assert engine.submit(1, "sell", 2**20 + 1, 10, display_quantity=1).reason is Reason.UNSUPPORTED
    assert engine.submit(1, "sell", 2**20, 10, display_quantity=1).status == "NEW"
    result = engine.submit(2, "buy", 2**20, 10)
    assert len(result.fills) == 2**20
    engine.check_invariants()


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"quantity": 0}, Reason.INVALID),
        ({"quantity": -1}, Reason.INVALID),
        ({"display_quantity": -1}, Reason.INVALID),
        ({"order_id": 1}, Reason.DUPLICATE_CLIENT_ID),
        ({"time_in_force": "GTD"}, Reason.UNSUPPORTED),
        ({"time_in_force": "OPG"}, Reason.NOT_TRADING),
        ({"price": 0}, Reason.PRICE_OUT_OF_RANGE),
        ({"price": -10}, Reason.PRICE_OUT_OF_RANGE),
        ({"price": "10.005"}, Reason.PRICE_OUT_OF_RANGE),
        ({"price": 10.005}, Reason.PRICE_OUT_OF_RANGE),
        ({"price": 21_474_836.47}, Reason.PRICE_OUT_OF_RANGE),
        ({"price": 9_000_000_000}, Reason.PRICE_OUT_OF_RANGE),
        (
            {"side": "sell", "price": 10_000_000},
            Reason.PRICE_OUT_OF_RANGE,
        ),  # more levels than a window may have
        (
            {"side": "sell", "price": 10.00, "quantity": INT64_MAX},
            Reason.PRICE_OUT_OF_RANGE,
        ),  # the level's sum
    ],
)
def test_refusals(order, reason):
    engine = asks()
    before = engine.book.orders().tolist(), engine.state_hash()
    result = engine.submit(**{"order_id": 50, "side": "buy", "quantity": 10, "price": 9.00, **order})
    assert result.status is OrderStatus.REJECTED
    assert result.reason is reason
    assert result.reason_text
    assert (result.filled_quantity, result.leaves_quantity) == (0, order.get("quantity", 10))
    assert result.fills == []
    assert isinstance(result.average_price, Unknown)
    assert (engine.book.orders().tolist(), engine.state_hash()) == before
    engine.check_invariants()


@pytest.mark.parametrize(
    ("order", "error", "name"),
    [
        ({"order_id": 1.0}, TypeError, "order_id"),
        ({"order_id": True}, TypeError, "order_id"),
        ({"order_id": 2**63}, ValueError, "order_id"),
        ({"order_id": "1"}, TypeError, "order_id"),
        ({"side": "BUY"}, ValueError, "side"),
        ({"side": 0}, ValueError, "side"),
        ({"side": True}, TypeError, "side"),
        ({"side": None}, TypeError, "side"),
        ({"quantity": 1.5}, TypeError, "quantity"),
        ({"quantity": True}, TypeError, "quantity"),
        ({"quantity": "100"}, TypeError, "quantity"),
        ({"quantity": 2**63}, ValueError, "quantity"),
        ({"price": math.nan}, ValueError, "price"),
        ({"price": math.inf}, ValueError, "price"),
        ({"price": 1e308}, ValueError, "price"),
        ({"price": True}, TypeError, "price"),
        ({"price": "ten"}, ValueError, "price"),
        ({"price": b"10"}, TypeError, "price"),
        ({"price": 0.1 + 0.2}, ValueError, "price"),
        ({"price": 10**10}, ValueError, "price"),
        ({"time_in_force": "day"}, ValueError, "time_in_force"),
        ({"time_in_force": None}, ValueError, "time_in_force"),
        ({"time_in_force": []}, ValueError, "time_in_force"),
        ({"post_only": 1}, TypeError, "post_only"),
        ({"display_quantity": 1.0}, TypeError, "display_quantity"),
    ],
)
def test_misuse(order, error, name):
    engine = MatchingEngine()
    with pytest.raises(error, match=name):
        engine.submit(**{"order_id": 50, "side": "buy", "quantity": 10, "price": 9.00, **order})
    assert len(engine) == 0


def test_prices_of_any_kind():
    engine = MatchingEngine("0.0001")
    for k, price in enumerate((10, "10", 10.0, Decimal("10.0000"), np.float64(10.0), np.int64(10))):
        assert engine.submit(k, Side.BUY, 1, price).status == "NEW"
    assert engine.book.levels(1)[0].tolist() == [(10_000_000_000, 6, 6)]
    assert engine.submit(99, -1, 6, 0.3).average_price == 10.0


def test_capacity_and_one_more():
    engine = MatchingEngine(capacity=2)
    engine.submit(1, "sell", 10, 10)
    engine.submit(2, "sell", 10, 11)
    assert outcome(engine.submit(3, "sell", 10, 12)) == ("REJECTED", 0, 10, "VENUE_CAPACITY", [])
    assert outcome(engine.submit(3, "buy", 5, 10))[:4] == ("FILLED", 5, 0, "NONE")
    assert outcome(engine.submit(3, "buy", 10, 10))[:4] == (
        "PARTIALLY_FILLED",
        5,
        5,
        "NONE",
    )  # the slot it freed
    assert engine.cancel(3) == 5
    engine.submit(4, "buy", 1, 9)
    assert outcome(engine.submit(5, "buy", 1, 9))[3] == "VENUE_CAPACITY"
    engine.check_invariants()


def test_sums_stop_at_the_limit_of_int64():
    engine = MatchingEngine()
    for k in range(3):
        assert engine.submit(k, "sell", INT64_MAX, 10 + k).status == "NEW"
    assert engine.submit(8, "buy", INT64_MAX, 12, "FOK").status == "FILLED"
    assert engine.submit(9, "buy", INT64_MAX, 12).status == "FILLED"
    assert engine.volume == INT64_MAX
    assert engine.submit(10, "buy", INT64_MAX, 9).status == "NEW"
    engine.check_invariants()


def test_a_result_is_given_not_made():
    with pytest.raises(TypeError, match="submit"):
        MatchResult()
    assert "FILLED" in repr(asks().submit(9, "buy", 10))


# ---- batches


def commands(rows):
    """Rows of (id, side, quantity, price_e9 or None, tif, post_only, display), or an id to cancel."""
    out = np.zeros(len(rows), COMMAND_DTYPE)
    for k, row in enumerate(rows):
        if isinstance(row, int):
            out["kind"][k], out["order_id"][k] = 2, row
            continue
        order_id, side, quantity, price, tif, post_only, display = row
        limit, sign = NO_PRICE if price is None else price, 1 if side == "buy" else -1
        flags = POST_ONLY if post_only else 0
        out[k] = (order_id, limit, quantity, display, 0, 1, sign, TIFS[tif], flags)
    return out


def test_run_counts():
    engine = MatchingEngine()
    rows = commands(
        [
            (1, "sell", 100, cents(10), "DAY", False, 0),
            (2, "sell", 100, cents(11), "DAY", False, 0),
            (2, "sell", 100, cents(12), "DAY", False, 0),  # the id rests
            (3, "buy", 150, None, "DAY", False, 0),
            (4, "buy", 1, cents(10) + 1, "DAY", False, 0),
            2,
            2,
        ]
    )
    assert engine.run(rows) == RunCounts(submitted=3, canceled=1, trades=2, volume=150, rejected=3)
    assert len(engine) == 0
    assert engine.run(rows[:0]) == (0, 0, 0, 0, 0)
    for field, value in (
        ("kind", 0),
        ("kind", 3),
        ("side", 0),
        ("side", 2),
        ("time_in_force", 0),
        ("flags", 8),
    ):
        odd = commands([(9, "sell", 100, cents(10), "DAY", False, 0)])
        odd[field] = value
        assert engine.run(odd) == (0, 0, 0, 0, 1)
    assert len(engine) == 0


def test_run_arrays():
    rows = commands(
        [(1, "sell", 100, cents(10), "DAY", False, 0), (2, "buy", 60, cents(10), "DAY", False, 0)]
    )
    read_only = rows.copy()
    read_only.flags.writeable = False
    buffer = np.zeros(rows.nbytes + 3, np.uint8)
    buffer[3:] = rows.view(np.uint8)
    for good in (rows, read_only, buffer[3:].view(COMMAND_DTYPE), np.concatenate([rows[:1], rows[1:]])):
        engine = MatchingEngine()
        assert engine.run(good) == (2, 0, 1, 60, 0)
    engine = MatchingEngine()
    for bad, error in (
        (None, TypeError),
        ([rows], TypeError),
        (np.zeros(3), TypeError),
        (rows.reshape(1, 2), ValueError),
        (np.zeros(4, COMMAND_DTYPE)[::2], ValueError),
    ):
        with pytest.raises(error, match="commands"):
            engine.run(bad)
    assert len(engine) == 0


# ---- against the twin


def drive(engine, reference, row):
    if isinstance(row, int):
        expected = reference.cancel(row)
        if expected is None:
            with pytest.raises(UnknownOrder):
                engine.cancel(row)
        else:
            assert engine.cancel(row) == expected
        return
    order_id, side, quantity, price_e9, tif, post_only, display = row
    price = None if price_e9 is None else Decimal(price_e9).scaleb(-9)
    result = engine.submit(
        order_id, side, quantity, price, tif, post_only=post_only, display_quantity=display
    )
    assert outcome(result) == reference.submit(order_id, side, quantity, price_e9, tif, post_only, display), (
        row
    )


def compare(engine, reference):
    engine.check_invariants()
    assert engine.book.orders().tolist() == reference.orders()
    assert (engine.trades, engine.volume) == (reference.trades, reference.volume)
    assert engine.last_price_e9 == reference.last_price_e9


order = st.tuples(
    st.integers(1, 15),
    st.sampled_from(["buy", "sell"]),
    st.one_of(st.integers(1, 50), st.sampled_from([0, -1, 10**6])),
    st.one_of(
        st.none(), st.integers(998, 1003).map(lambda t: t * CENT), st.sampled_from([0, 1, 10**5 * CENT])
    ),
    st.sampled_from(["DAY", "DAY", "DAY", "GTC", "IOC", "FOK", "GTD"]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([0, 0, 0, 1, 3, 10, -1]),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(order, order, order, st.integers(1, 16)), max_size=60))
def test_any_stream_equals_the_twin(rows):
    engine = MatchingEngine(ticks=4096, capacity=8)
    reference = ReferenceEngine(capacity=8)
    for row in rows:
        drive(engine, reference, row)
        compare(engine, reference)
    batch = MatchingEngine(ticks=4096, capacity=8)
    counts = batch.run(commands(rows))
    assert batch.state_hash() == engine.state_hash()
    assert batch.book.orders().tolist() == reference.orders()
    assert (counts.trades, counts.volume) == (reference.trades, reference.volume)
    assert counts.submitted + counts.canceled + counts.rejected == len(rows)


def random_stream(seed, n):
    rng = np.random.default_rng(seed)
    mid = 10_000
    draws = rng.random((n, 6))
    numbers = rng.integers(0, 1 << 30, (n, 4))
    for k in range(n):
        kind, price_draw, tif_draw, flag, iceberg, jump = draws[k]
        if jump < 0.0002:
            mid = 100 + int(numbers[k, 0]) % 50_000  # prices far apart: the window moves
        if kind < 0.35:
            yield max(1, k - int(numbers[k, 0]) % 400)
            continue
        price = None if price_draw < 0.05 else (mid + int(numbers[k, 1]) % 15 - 7) * CENT
        tif = "DAY" if tif_draw < 0.8 else ("IOC", "FOK", "GTC")[int(tif_draw * 1000) % 3]
        quantity = 1 + int(numbers[k, 2]) % (300 if flag < 0.95 else 3000)
        order_id = k + 1 if flag > 0.02 else max(1, k - 20)
        yield (
            order_id,
            "buy" if numbers[k, 3] % 2 else "sell",
            quantity,
            price,
            tif,
            bool(flag > 0.9),
            (0 if iceberg < 0.8 else 1 + int(numbers[k, 3]) % 200),
        )


def run_both(seed, n, check_every):
    engine = MatchingEngine(ticks=4096, capacity=300)
    batch = MatchingEngine(ticks=4096, capacity=300)
    reference = ReferenceEngine(capacity=300)
    rows = []
    for k, row in enumerate(random_stream(seed, n)):
        drive(engine, reference, row)
        engine.check_invariants()
        rows.append(row)
        if k % check_every == 0:
            compare(engine, reference)
            batch.run(commands(rows))
            rows = []
            assert batch.state_hash() == engine.state_hash()
    compare(engine, reference)
    assert reference.trades > n // 20


def test_a_hundred_thousand_commands_equal_the_twin():
    run_both(20240607, 100_000, 500)


@pytest.mark.skipif(not os.environ.get("GRANDMODEL_LONG"), reason="long form: set GRANDMODEL_LONG=1")
@pytest.mark.parametrize("seed", range(10))
def test_a_million_commands_equal_the_twin(seed):
    run_both(seed, 150_000, 1_000)
