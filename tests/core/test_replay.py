"""The replay's two layers: the recording stays what it was, own orders are filled only with what it traded."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_replay import ADD, DELETE, EXECUTE, HALT, HIDDEN, REDUCE, TICK, at, engine, order, recording

from grandmodel.execution import MarketDataError, OrderStateError, OrderStatus, Reason
from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.lobster import HALTED, TRADING_RESUMED
from grandmodel.execution._core.matching import MatchingEngine
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.replay import ReplayMarket, row_moves
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution.simulation.lobster import read_lobster


def test_an_own_order_waits_behind_what_was_there_and_is_then_filled():
    core, gate = engine(recording(
        (ADD, 1, 1, 100, 300), (ADD, 2, -1, 105, 100), (ADD, 3, 1, 100, 50),
        (EXECUTE, 1, 1, 100, 200), (REDUCE, 1, 1, 100, 60), (EXECUTE, 1, 1, 100, 40), (EXECUTE, 3, 1, 100, 30),
        (EXECUTE, 3, 1, 100, 20),
    ))  # fmt: skip
    at(core, 2)
    mine = gate.submit_order(order("buy", 100, 100)).order_id  # before order 3, behind order 1
    assert core.market.queue_ahead(mine) == 300
    at(core, 4)
    assert core.market.queue_ahead(mine) == 100  # 200 traded ahead, order 3 came behind
    at(core, 5)
    assert core.market.queue_ahead(mine) == 40
    at(core, 6)
    assert core.market.queue_ahead(mine) == 0
    assert core.get_order(mine).filled_quantity == 0
    at(core, 7)
    assert core.get_order(mine).filled_quantity == 30
    at(core, 8)
    assert core.get_order(mine).filled_quantity == 50
    assert core.get_order(mine).average_price == 1.0
    assert core.get_order(mine).fees == pytest.approx(-0.1)


def test_a_better_price_is_filled_by_what_traded_at_a_worse_one_or_hidden():
    core, gate = engine(recording(
        (ADD, 1, 1, 100, 500), (ADD, 2, -1, 105, 100), (EXECUTE, 1, 1, 100, 70), (HIDDEN, 0, 1, 101.5, 20),
        (HIDDEN, 0, 1, 103.5, 99), (HIDDEN, 0, -1, 102, 99),
    ))  # fmt: skip
    at(core, 2)
    mine = gate.submit_order(order("buy", 100, 102)).order_id
    at(core, 3)
    assert core.get_order(mine).filled_quantity == 70
    at(core, 4)
    assert core.get_order(mine).filled_quantity == 90
    at(core, 6)  # a hidden bid above ours, and a hidden offer: neither would have met us
    assert core.get_order(mine).filled_quantity == 90


def test_what_would_have_traded_with_us_does_and_is_then_gone():
    core, gate = engine(recording(
        (ADD, 1, 1, 100, 500), (ADD, 2, -1, 105, 100), (ADD, 3, -1, 102, 60), (EXECUTE, 3, -1, 102, 60),
        (ADD, 4, -1, 103, 40),
    ))  # fmt: skip
    at(core, 2)
    mine = gate.submit_order(order("buy", 50, 103)).order_id
    at(core, 3)
    assert core.get_order(mine).status is OrderStatus.FILLED
    assert core.get_order(mine).average_price == 1.03  # the resting order's price, ours
    second = gate.submit_order(order("buy", 60, 104, time_in_force="IOC")).order_id
    assert core.get_order(second).filled_quantity == 10  # order 3 has only 10 left for us
    assert core.market.depth(1)[1] == [(102 * TICK, 60, 1)]  # and in the recording it is whole


def test_liquidity_that_was_taken_is_gone_until_its_order_leaves():
    core, gate = engine(recording(
        (ADD, 1, -1, 105, 100), (ADD, 2, -1, 106, 100), (ADD, 3, 1, 100, 10), (REDUCE, 1, -1, 105, 40),
        (DELETE, 1, -1, 105, 60), (ADD, 4, -1, 105, 30),
    ))  # fmt: skip
    at(core, 3)
    first = core.get_order(gate.submit_order(order("buy", 150)).order_id)
    assert [fill["price_e9"] // TICK for fill in core.fills(first.order_id)] == [105, 106]
    again = core.get_order(gate.submit_order(order("buy", 150)).order_id)
    assert (again.filled_quantity, again.status) == (50, OrderStatus.CANCELED)
    at(core, 4)
    assert core.get_order(gate.submit_order(order("buy", 1)).order_id).filled_quantity == 0
    at(core, 6)
    assert core.get_order(gate.submit_order(order("buy", 100)).order_id).filled_quantity == 30


def test_post_only_fok_and_iceberg():
    core, gate = engine(
        recording((ADD, 1, -1, 105, 100), (ADD, 2, 1, 100, 100), (EXECUTE, 2, 1, 100, 100), (HIDDEN, 0, 1, 99, 1000))
    )
    at(core, 2)
    assert (
        core.get_order(gate.submit_order(order("buy", 10, 105, post_only=True)).order_id).status is OrderStatus.REJECTED
    )
    fok = core.get_order(gate.submit_order(order("buy", 101, 105, time_in_force="FOK")).order_id)
    assert (fok.status, fok.filled_quantity) == (OrderStatus.CANCELED, 0)
    berg = gate.submit_order({**order("buy", 100, 101), "order_type": "iceberg", "display_quantity": 30}).order_id
    at(core, 4)
    assert core.get_order(berg).filled_quantity == 100
    assert core.fills(berg)["quantity"].tolist() == [30, 30, 30, 10]


def test_a_level_that_is_all_taken_is_quoted_no_more():
    core, gate = engine(
        recording((ADD, 1, -1, 105, 100), (ADD, 2, -1, 106, 70), (ADD, 3, 1, 100, 10), (DELETE, 1, -1, 105, 100))
    )
    at(core, 3)
    gate.submit_order(order("buy", 100))
    quote = core.quote("X")
    assert (quote.ask_e9, quote.ask_quantity) == (106 * TICK, 70)
    gate.submit_order(order("buy", 70))
    quote = core.quote("X")
    assert (quote.ask_e9, quote.ask_quantity) == (106 * TICK, 0)  # that is how far the recording lets us see
    at(core, 4)
    assert core.quote("X").ask_quantity == 0  # 105 has left, 106 is ours still


@pytest.mark.parametrize("crossed", [False, True])
def test_nothing_trades_in_a_halt_or_in_a_crossed_book(crossed):
    stands = (ADD, 9, 1, 106, 5) if crossed else (HALT, 0, 0, 0, 1)
    goes_on = (DELETE, 9, 1, 106, 5) if crossed else (HALT, 0, 0, 0, 1)
    messages = recording(
        (ADD, 1, -1, 105, 100), (ADD, 2, 1, 100, 100), stands, (HIDDEN, 0, 1, 99, 50), goes_on, (HIDDEN, 0, 1, 99, 50)
    )
    if not crossed:
        messages["price_e9"][[2, 4]] = NO_PRICE
        messages["flags"][2], messages["flags"][4] = HALTED, TRADING_RESUMED
        messages["quantity"][[2, 4]] = 0
    core, gate = engine(messages)
    at(core, 2)
    waits = gate.submit_order(order("buy", 100, 101)).order_id
    at(core, 4)
    assert core.get_order(waits).filled_quantity == 0
    for terms in (order("buy", 10), order("buy", 10, 105), order("buy", 10, 105, time_in_force="IOC")):
        late = core.get_order(gate.submit_order(terms).order_id)
        assert (late.status, late.filled_quantity, late.reason) == (OrderStatus.REJECTED, 0, Reason.NOT_TRADING)
    with pytest.raises(OrderStateError, match="phase"):
        core.replace(waits, limit_price_e9=105 * TICK)
    core.replace(waits, quantity=90)  # less keeps its place, whatever the market
    at(core, 6)
    assert core.get_order(waits).filled_quantity == 50
    assert core.get_order(gate.submit_order(order("buy", 10)).order_id).filled_quantity == 10


def test_less_of_a_post_only_order_keeps_its_place_whatever_stands_across():
    messages = recording((ADD, 1, -1, 105, 100), (ADD, 2, 1, 100, 100), (HALT, 0, 0, 0, 1), (ADD, 3, -1, 101, 60))
    messages["price_e9"][2], messages["flags"][2], messages["quantity"][2] = NO_PRICE, HALTED, 0
    core, gate = engine(messages)
    at(core, 2)
    mine = gate.submit_order(order("buy", 100, 102, post_only=True)).order_id
    at(core, 4)
    core.replace(mine, quantity=40)
    assert (core.get_order(mine).leaves_quantity, core.get_order(mine).filled_quantity) == (40, 0)


def test_cancel_takes_the_order_out_of_its_queue():
    core, gate = engine(recording((ADD, 1, -1, 105, 100), (ADD, 2, 1, 100, 100), (EXECUTE, 2, 1, 100, 100)))
    at(core, 2)
    mine = gate.submit_order(order("buy", 10, 101)).order_id
    core.cancel(mine)
    at(core, 3)
    assert core.get_order(mine).status is OrderStatus.CANCELED
    assert core.get_order(mine).filled_quantity == 0
    assert core.market.queue_ahead(mine) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time_ns": 0}, "message 2: its time"),
        ({"quantity": 0}, "message 2: quantity"),
        ({"price_e9": TICK + 1}, "message 2: price"),
        ({"side": 0}, "message 2: side"),
        ({"order_id": 0}, "message 2: order id"),
    ],
)
def test_messages_that_cannot_be_are_named(change, message):
    messages = recording((ADD, 1, -1, 105, 100), (ADD, 2, 1, 100, 100))
    for name, value in change.items():
        messages[1][name] = value
    with pytest.raises(MarketDataError, match=message):
        engine(messages)


def test_shapes_are_checked():
    messages = recording((ADD, 1, -1, 105, 100))
    with pytest.raises(ValueError, match="rows has shape"):
        engine(messages, np.zeros((2, 1, 4), np.int64))
    with pytest.raises(TypeError, match="MESSAGE_DTYPE"):
        engine(np.zeros(3))


REPLACED, CLEAR, TRADE, CROSS, UNPRINTED = 6, 8, 9, 11, 32


def test_what_else_a_feed_by_order_says():
    """Replaces with and without a new id, executions without a price or of another row's print, trades, a clear."""
    messages = recording(
        (ADD, 1, 1, 100, 300), (ADD, 2, -1, 105, 100), (ADD, 3, 1, 100, 50), (REPLACED, 1, 0, 100, 200),
        (REPLACED, 1, 0, 100, 260), (EXECUTE, 3, 0, 0, 50), (EXECUTE, 1, 0, 99.5, 60), (TRADE, 0, 0, 99, 7),
        (CROSS, 0, 0, 104, 11), (REPLACED, 2, 0, 103, 90), (CLEAR, 0, 0, 0, 0), (ADD, 9, 1, 90, 5),
    )  # fmt: skip
    messages["price_e9"][5] = NO_PRICE
    messages["flags"][6] = UNPRINTED
    messages["counterparty"][9] = 7
    core, gate = engine(messages)
    at(core, 3)
    mine = gate.submit_order(order("buy", 10, 100)).order_id
    assert core.market.queue_ahead(mine) == 350
    at(core, 4)
    assert core.market.queue_ahead(mine) == 250  # less of it: it keeps its place
    at(core, 5)
    assert core.market.queue_ahead(mine) == 50  # more of it: it goes to the back
    at(core, 6)
    assert core.market.queue_ahead(mine) == 0
    assert core.venues.tape("X")["volume"] == 50
    at(core, 7)  # the execution behind us would have been ours, though another row prints it
    assert core.get_order(mine).status is OrderStatus.FILLED
    assert core.venues.tape("X")["volume"] == 50
    at(core, 9)
    assert core.venues.tape("X")["volume"] == 50 + 7 + 11
    at(core, 10)
    assert core.market.depth(1)[1] == [(103 * TICK, 90, 1)]
    at(core, 12)
    assert core.market.depth(5) == ([(90 * TICK, 5, 1)], [])
    assert core.market.counters["executions"] == 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((10, 1, 1, 100, 5), "action 10 is not one of a feed by order"),
        ((0, 1, 1, 100, 5), "action 0"),
        ((TRADE, 0, 0, 100, 0), "quantity is 0"),
        ((TRADE, 0, 0, 0, 5), "price 0.0 must be positive"),
        ((REPLACED, 1, 1, 100.5, 5), "is not on the tick"),
        ((EXECUTE, 1, 1, -1, 5), "price -0.01 must be positive"),
    ],
)
def test_rows_that_cannot_be_are_named(row, message):
    with pytest.raises(MarketDataError, match=f"message 2: .*{message}"):
        engine(recording((ADD, 1, -1, 105, 100), row))


@pytest.mark.parametrize("seed", range(8))
def test_the_recordings_executions_come_out_of_the_matching_engine(seed):
    """Each recorded execution, sent as the order that must have met it, meets the same resting order for the same
    quantity and price; and the replay alone says exactly these prints."""
    messages = random_day(seed, 600)
    exchange = MatchingEngine()
    made = []
    for row in messages:
        action, order_id, quantity = int(row["action"]), int(row["order_id"]), int(row["quantity"])
        side, price = int(row["side"]), int(row["price_e9"])
        if action == ADD:
            assert exchange.submit(order_id, "buy" if side > 0 else "sell", quantity, price / 1e9).fills == []
        elif action == EXECUTE:
            taker = exchange.submit(
                10**6 + len(made), "sell" if side > 0 else "buy", quantity, price / 1e9, time_in_force="IOC"
            )
            made += taker.fills
        elif action == DELETE:
            exchange.cancel(order_id)
        else:
            exchange.shrink(order_id, quantity)
    recorded = messages[messages["action"] == EXECUTE]
    assert made == [(int(r["order_id"]), int(r["price_e9"]), int(r["quantity"])) for r in recorded]
    core, _ = engine(messages)
    at(core, 10_000)
    counters, tape = core.market.counters, core.venues.tape("X")
    assert (counters["executions"], counters["executed"]) == (len(recorded), recorded["quantity"].sum())
    assert counters["out_of_turn"] == counters["unknown"] == 0
    assert (tape["trades"], tape["volume"]) == (len(recorded), recorded["quantity"].sum())
    assert tape["notional_e9"] == sum(price * quantity for _, price, quantity in made)


def random_day(seed, count):
    """A consistent full-depth recording: orders come, shrink, leave, and the front of the best level is executed."""
    draw = random.Random(seed)
    book = {1: {}, -1: {}}  # side -> ticks -> [[id, quantity], ...]
    rows, next_id = [], 1
    while len(rows) < count:
        side = draw.choice((1, -1))
        levels = book[side]
        other = book[-side]
        kind = draw.random()
        if kind < 0.5 or not levels:
            limit = (min(other) - 1 if other else 110) if side > 0 else (max(other) + 1 if other else 111)
            ticks = limit - side * draw.randrange(6)
            if ticks < 1:
                continue
            quantity = draw.randrange(1, 200)
            levels.setdefault(ticks, []).append([next_id, quantity])
            rows.append((ADD, next_id, side, ticks, quantity))
            next_id += 1
            continue
        if kind < 0.75:
            best = max(levels) if side > 0 else min(levels)
            entry = levels[best][0]
            quantity = draw.randrange(1, entry[1] + 1)
            rows.append((EXECUTE, entry[0], side, best, quantity))
        else:
            best = draw.choice(sorted(levels))
            entry = draw.choice(levels[best])
            quantity = entry[1] if kind > 0.9 else draw.randrange(1, entry[1] + 1)
            rows.append((DELETE if quantity == entry[1] else REDUCE, entry[0], side, best, quantity))
        entry[1] -= quantity
        if entry[1] == 0:
            levels[best].remove(entry)
            if not levels[best]:
                del levels[best]
    return recording(*rows)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    mine=st.lists(
        st.tuples(
            st.integers(1, 250),
            st.sampled_from(["buy", "sell"]),
            st.integers(1, 300),
            st.none() | st.integers(100, 120),
            st.sampled_from(["DAY", "IOC", "FOK"]),
        ),
        min_size=1,
        max_size=12,
    ),
    cancels=st.booleans(),
)
def test_conservation_on_random_days(seed, mine, cancels):
    """The recording is untouched, and own fills never exceed what traded (resting) or what stood there (taking)."""
    messages = random_day(seed, 250)
    alone, _ = engine(messages)
    core, gate = engine(messages)
    ids = []
    for second, side, quantity, ticks, tif in sorted(mine, key=lambda each: each[0]):
        at(core, second)
        if cancels and ids and not core.is_closed(ids[-1]):
            core.cancel(ids[-1])
        ids.append(gate.submit_order(order(side, quantity, ticks, time_in_force=tif)).order_id)
        core.market.check_invariants()
    at(core, 10_000)
    at(alone, 10_000)
    assert core.market.depth(100) == alone.market.depth(100)
    core.market.check_invariants()
    fills = core.fills()
    resting = fills[fills["liquidity"] == 1]
    for side in (1, -1):
        for price in np.unique(resting["price_e9"]):
            own = resting[(resting["side"] == side) & (resting["price_e9"] == price)]["quantity"].sum()
            executed = messages[(messages["action"] == EXECUTE) & (messages["side"] == side)]
            through = executed[side * executed["price_e9"] <= side * price]["quantity"].sum()
            met = messages[(messages["action"] == ADD) & (messages["side"] == -side)]
            crossed = met[side * met["price_e9"] <= side * price]["quantity"].sum()
            assert own <= through + crossed
    for order_id in ids:
        state = core.get_order(order_id)
        assert state.filled_quantity == fills[fills["order_id"] == order_id]["quantity"].sum() <= state.quantity
        assert state.leaves_quantity in (0, state.quantity - state.filled_quantity)
    taken = fills[fills["liquidity"] == 2]
    assert taken["quantity"].sum() <= messages[messages["action"] == ADD]["quantity"].sum()
    position = core.portfolio.position("X")[0]
    assert position == int((fills["side"].astype(np.int64) * fills["quantity"]).sum())


# ---- rows compared once for many markets


NO = NO_PRICE


@pytest.mark.parametrize(
    ("before", "now", "asks", "bids"),
    [
        ([[101, 5, 99, 7], [102, 6, 98, 8]], [[101, 5, 99, 7], [102, 6, 98, 8]], 0, 0),
        ([[101, 5, 99, 7], [102, 6, 98, 8]], [[101, 4, 99, 7], [102, 6, 98, 9]], 0x40, 0x41),  # sizes
        ([[101, 5, 99, 7], [102, 6, 98, 8]], [[101, 4, 99, 6], [102, 5, 98, 8]], 0xFF, 0x40),  # two sizes
        ([[102, 5, 98, 7], [103, 6, 97, 8]], [[101, 1, 99, 2], [102, 5, 98, 7]], 0x80, 0x80),  # a better level
        ([[101, 5, 99, 7], [103, 6, 97, 8]], [[101, 5, 99, 7], [102, 1, 98, 1]], 0x81, 0x81),  # one between
        ([[101, 5, 99, 7], [102, 6, 98, 8]], [[102, 6, 98, 8], [109, 1, 90, 1]], 0xC0, 0xC0),  # the best one less
        ([[101, 5, 99, 7], [102, 6, 98, 8]], [[101, 5, 99, 7], [109, 1, 90, 1]], 0xC1, 0xC1),  # the outermost
        ([[101, 5, 99, 7], [NO, 0, NO, 0]], [[101, 5, 99, 7], [102, 1, 98, 1]], 0x81, 0x81),  # few levels: one more
        ([[101, 5, 99, 7], [102, 6, NO, 0]], [[102, 6, NO, 0], [NO, 0, NO, 0]], 0xC0, 0xC0),  # and less
        ([[101, 5, 99, 7], [102, 6, 98, 8]], [[100, 1, 99, 7], [101, 4, 98, 8]], 0xFF, 0),  # one more, and a size
        ([[101, 5, 99, 7], [102, 6, 98, 8]], [[103, 1, 90, 7], [104, 4, 89, 8]], 0xFF, 0xFF),
    ],
)
def test_row_moves_say_how_a_row_differs(before, now, asks, bids):
    assert row_moves(np.array([before, now], np.int64)).tolist() == [[0xFF, 0xFF], [bids, asks]]


def test_row_moves_want_rows():
    rows = np.zeros((3, 2, 4), np.int64)
    assert row_moves(rows[:0]).shape == (0, 2)
    for bad in (rows[:, :0], rows[:, :, :3]):
        with pytest.raises(ValueError, match="must be"):
            row_moves(np.ascontiguousarray(bad))
    deep = np.zeros((2, 70, 4), np.int64) + [200, 1, 50, 1] + np.arange(70)[:, None] * [1, 0, -1, 0]
    deep[1, 62, 1] = 2
    deep[1, 63, 3] = 2  # beyond what a code can say
    assert row_moves(deep).tolist() == [[0xFF, 0xFF], [0xFF, 0x40 + 62]]


@pytest.mark.parametrize("spoiled", [False, True])
def test_what_rows_say_of_themselves_is_what_level_by_level_finds(amzn_files, spoiled):
    day = read_lobster(*amzn_files)
    books = day.books.copy()
    if spoiled:  # rows that are wrong, each before one that is right again
        rng = np.random.default_rng(3)
        for row in rng.integers(10, len(books), 200):
            books[row, rng.integers(0, books.shape[1]), rng.choice([1, 3])] += 3
    found = []
    for moves in (None, row_moves(books), np.full((len(books), 2), 0xFF, np.uint8)):
        instruments = Instruments()
        instruments.add("AMZN", tick_e9=day.tick_e9)
        venues = Venues(instruments)
        venues.add("X")
        market = ReplayMarket(venues, "AMZN", "X", day.messages, books, moves=moves)
        market.play()
        market.check_invariants()
        found.append((market.counters, market.state_hash()))
    assert found[0] == found[1] == found[2]
    assert (found[0][0]["repaired"] > 0) == spoiled
    for rows, moves, message in (
        (books[:10], row_moves(books), "moves has shape"),
        (None, row_moves(books), "no rows"),
    ):
        with pytest.raises(ValueError, match=message):
            ReplayMarket(venues, "AMZN", "X", day.messages[:10], rows, moves=moves)
