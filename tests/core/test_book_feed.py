"""Books under a whole feed: gaps, snapshots, levels by position, the states between messages, several venues as one."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.book import (
    ADD,
    CLEAR,
    DELETE,
    EXECUTE,
    GAP,
    HALT,
    LAST,
    REDUCE,
    REPLACE,
    SET_LEVEL,
    SNAPSHOT,
    TRADE,
    ReferenceBook,
)

from grandmodel.execution._core.book import OrderBook
from grandmodel.execution._core.consolidated import ConsolidatedBook
from grandmodel.execution._core.records import MESSAGE_DTYPE, NO_PRICE
from grandmodel.execution._core.values import MarketDataError, Unknown

CENT = 10_000_000
FIELDS = (
    "action",
    "order_id",
    "side",
    "price_e9",
    "quantity",
    "counterparty",
    "flags",
    "level",
    "sequence",
    "symbol",
    "venue",
)
LONG = bool(os.environ.get("GRANDMODEL_LONG"))


def messages(*rows):
    """Rows as tuples in the order of FIELDS, the rest 0."""
    out = np.zeros(len(rows), MESSAGE_DTYPE)
    for k, row in enumerate(rows):
        for name, value in zip(FIELDS, row, strict=False):
            out[name][k] = value
    return out


def row(action, order_id=0, side=0, price=0, quantity=0, **rest):
    return tuple({**dict.fromkeys(FIELDS, 0), "action": action, "order_id": order_id, "side": side,
                  "price_e9": price * CENT, "quantity": quantity, **rest}.values())  # fmt: skip


# ---- what is missing


def test_a_gap_lasts_until_the_next_whole_snapshot():
    book = OrderBook(kind="L2")
    assert book.is_synchronised
    assert book.gaps == 0
    book.apply(messages(row(SET_LEVEL, 0, 1, 1000, 5), row(SET_LEVEL, 0, 1, 999, 5, flags=GAP)))
    assert not book.is_synchronised
    assert book.gaps == 1
    assert len(book) == 2  # what the feed says goes on being applied
    book.apply(messages(row(SET_LEVEL, 0, 1, 998, 5)))
    assert not book.is_synchronised
    book.apply(messages(row(CLEAR, flags=SNAPSHOT), row(SET_LEVEL, 0, 1, 1000, 7, flags=SNAPSHOT)))
    assert not book.is_synchronised  # half a snapshot
    book.apply(messages(row(SET_LEVEL, 0, -1, 1001, 7, flags=SNAPSHOT | LAST)))
    assert book.is_synchronised
    assert book.gaps == 1
    book.apply(messages(row(SET_LEVEL, 0, -1, 1002, 7, flags=GAP)))
    assert not book.is_synchronised
    book.apply(messages(row(CLEAR)))  # an empty book is known to be empty
    assert book.is_synchronised
    book.apply(messages(row(CLEAR, flags=SNAPSHOT), row(SET_LEVEL, 0, 1, 1000, 7)))
    assert book.is_synchronised  # nobody marked the snapshot's end, but news follow it
    book.apply(messages(row(CLEAR, flags=SNAPSHOT | LAST)))
    assert book.is_synchronised
    book.apply(messages(row(HALT, flags=1 | GAP)))
    assert (book.is_synchronised, book.gaps) == (False, 3)
    book.clear()
    assert (book.is_synchronised, book.gaps) == (True, 0)


def test_sequences_that_count_up_by_one():
    book = OrderBook(sequenced=True, symbol=3)
    feed = [row(ADD, k, 1, 1000, 5, sequence=k, symbol=3) for k in (1, 2)]
    feed += [row(ADD, 9, 1, 1000, 5, sequence=3, symbol=4), row(DELETE, 1, sequence=4, symbol=3)]
    feed += [row(ADD, 4, 1, 1000, 5, sequence=4, symbol=3), row(ADD, 5, 1, 1000, 5, symbol=3)]
    assert book.apply(messages(*feed)) == 6
    assert book.orders()["order_id"].tolist() == [2, 4, 5]
    assert book.is_synchronised
    assert book.sequence == 4
    assert book.apply(messages(row(DELETE, 2, sequence=3, symbol=3))) == 0
    assert book.problems == {"sequence": 1}
    assert book.first_problem == "messages[0]: sequence is 3, below what has been applied"
    book.apply(messages(row(TRADE, sequence=6, symbol=4)))  # of another symbol, but the feed's number
    assert (book.is_synchronised, book.gaps, book.sequence) == (False, 1, 6)
    book.apply(messages(row(CLEAR, sequence=2, symbol=4, flags=SNAPSHOT | LAST)))
    assert not book.is_synchronised  # another symbol's snapshot
    book.apply(messages(row(CLEAR, sequence=2, symbol=3, flags=SNAPSHOT | LAST)))  # numbers begin anew with it
    assert (book.is_synchronised, book.sequence, len(book)) == (True, 2, 0)
    book.apply(messages(row(CLEAR, symbol=-1)))
    assert book.is_synchronised


def test_a_snapshot_by_level_under_a_feed_by_order():
    book = OrderBook()
    feed = [
        row(CLEAR, flags=SNAPSHOT),
        row(ADD, 0, 1, 1000, 300, flags=SNAPSHOT),
        row(ADD, 0, -1, 1001, 80, flags=SNAPSHOT | LAST),
    ]
    feed += [
        row(ADD, 7, 1, 1000, 50),
        row(REDUCE, 99, 1, 1000, 100),
        row(EXECUTE, 98, 1, 1000, 50),
        row(DELETE, 97, -1, 1001, 80),
    ]
    assert book.apply(messages(*feed), strict=True) == 7
    assert book.levels(5)[0].tolist() == [(1000 * CENT, 200, 2)]
    assert len(book.levels(5)[1]) == 0
    assert book.orders()["quantity"].tolist() == [150, 50]  # those before the file stand in front
    book.check_invariants()
    for bad in (
        row(DELETE, 97, -1, 1001, 1),
        row(REDUCE, 99, 1, 1000, 151),
        row(REDUCE, 99, 1, 1000, 0),
        row(DELETE, 99, 0, 1000, 5),
    ):
        assert book.apply(messages(bad)) == 0
    assert book.problems == {"unknown_order": 4}
    assert book.apply(messages(row(ADD, 0, 1, 1000, 5, flags=SNAPSHOT))) == 0
    assert book.problems["duplicate_order"] == 1
    assert book.apply(messages(row(ADD, 0, 1, 1000, 5))) == 0  # outside a snapshot it must say who


def test_an_order_that_only_shrinks_keeps_its_place():
    book = OrderBook()
    book.apply(messages(*(row(ADD, k, 1, 1000, 10) for k in (1, 2, 3))))
    book.apply(messages(row(REPLACE, 1, 0, 1000, 4)))
    assert book.orders()["order_id"].tolist() == [1, 2, 3]
    book.apply(messages(row(REPLACE, 1, 0, 1000, 4, counterparty=1), row(REPLACE, 2, 0, 1000, 11)))
    assert book.orders()[["order_id", "quantity"]].tolist() == [(1, 4), (3, 10), (2, 11)]
    book.apply(messages(row(REPLACE, 1, 0, 1001, 4)))
    assert book.best_bid == 10.01
    book.check_invariants()


def test_stub_quotes_stand_beside_real_ones():
    """ITCH has offers at 199,999.99 over ticks of 1e-4: two thousand million levels away."""
    for kind, action in (("L3", ADD), ("L2", SET_LEVEL)):
        book = OrderBook("0.0001", kind=kind)
        made = [(action, k, -1, price * 100_000, 5) for k, price in enumerate((334_500, 1_999_999_900, 334_600, 1), 1)]
        assert book.apply(messages(*made)) == 4
        assert book.levels(9)[1]["price_e9"].tolist() == [100_000, 33_450_000_000, 33_460_000_000, 199_999_990_000_000]
        book.check_invariants()
        gone = (
            [(DELETE, k) for k in (4, 1, 3)]
            if kind == "L3"
            else [(action, 0, -1, p * 100_000, 0) for p in (1, 334_500, 334_600)]
        )
        book.apply(messages(*gone))
        assert book.best_ask == 199_999.99
        book.check_invariants()


# ---- by level


def test_the_first_level_begins_its_side_anew():
    book = OrderBook(kind="L2", ticks=4096, capacity=4)
    for k, price in enumerate((1000, 1001, 999, 1001, 3_000_000, 5)):
        book.apply(messages(row(SET_LEVEL, 0, 1, price, 5 + k, level=1, counterparty=k)))
        assert book.levels(9)[0].tolist() == [(price * CENT, 5 + k, k or -1)]
        book.check_invariants()
    book.apply(messages(row(SET_LEVEL, 0, 1, 4, 9, level=2), row(SET_LEVEL, 0, -1, 6, 9, level=1)))
    assert [len(side) for side in book.levels(9)] == [2, 1]
    book.apply(messages((SET_LEVEL, 0, 1, NO_PRICE, 0, 0, 0, 1)))
    assert [len(side) for side in book.levels(9)] == [0, 1]
    assert book.problems == {}
    before = book.state_hash()
    for bad, problem in (
        (row(SET_LEVEL, 0, -1, 6, -1, level=1), "quantity"),
        (row(SET_LEVEL, 0, -1, 6, 5, level=1, counterparty=-1), "quantity"),
        (row(SET_LEVEL, 0, -1, 6, 5, counterparty=2**31), "quantity"),
        ((SET_LEVEL, 0, -1, 6 * CENT + 1, 5, 0, 0, 1), "price"),
        ((SET_LEVEL, 0, -1, NO_PRICE, 5, 0, 0, 1), "price"),
        ((SET_LEVEL, 0, 1, -(2**31) * CENT, 5, 0, 0, 1), "price"),  # farther from the offer than a window is wide
        (row(SET_LEVEL, 0, 3, 6, 5, level=1), "side"),
    ):
        counted = book.problems.get(problem, 0)
        assert book.apply(messages(bad)) == 0, bad
        assert book.problems[problem] == counted + 1
        assert book.state_hash() == before
    assert "number of orders" in OrderBook_first(row(SET_LEVEL, 0, -1, 6, 5, counterparty=-1))


def OrderBook_first(bad):  # noqa: N802
    book = OrderBook(kind="L2")
    book.apply(messages(bad))
    return book.first_problem


@pytest.mark.parametrize("base", [-(2**31), 2**31 - 1])
def test_tick_numbers_have_32_bits_in_a_batch_too(base):
    """The window may reach beyond them; no message may."""
    book = OrderBook("0.000000001", kind="L2", ticks=4096)
    beyond = base - 1 if base < 0 else base + 1
    feed = messages(*((SET_LEVEL, 0, 1, price, 5) for price in (base, beyond, base)))
    assert book.apply(feed) == 2
    assert book.problems == {"price": 1}
    assert len(book) == 1


@pytest.mark.parametrize("tick_e9", [1, 2, 3, 10, 2**20, 10**7, 2**32 - 1, 2**32, 10**10])
def test_prices_on_and_off_every_tick(tick_e9):
    """Division by the tick is a multiplication: against Python's own."""
    rng = np.random.default_rng(tick_e9 % 1000)
    near = [int(k) * tick_e9 for k in rng.integers(-2000, 2000, 300)]
    prices = near + [p + int(d) for p in near for d in rng.integers(-3, 4, 2)]
    prices += [int(p) for p in rng.integers(-(2**62), 2**62, 300)] + [2**63 - 1, -(2**63) + 1, NO_PRICE]
    book = OrderBook(
        f"{tick_e9 / 10**9:.9f}"
        if tick_e9 < 10**9
        else tick_e9 // 10**9
        if tick_e9 % 10**9 == 0
        else f"{tick_e9 // 10**9}.{tick_e9 % 10**9:09d}",
        kind="L2",
    )
    assert book.tick_size_e9 == tick_e9
    book.apply(messages((SET_LEVEL, 0, 1, 0, 1)))
    for price in prices:
        fits = price != NO_PRICE and price % tick_e9 == 0 and abs(price // tick_e9) < 2**25
        far = price % tick_e9 == 0 and abs(price // tick_e9) >= 2**25
        applied = book.apply(messages((SET_LEVEL, 0, 1, price, 1), (SET_LEVEL, 0, 1, price, 0 if price else 1)))
        assert far or applied == (2 if fits else 0), price


feed_by_level = st.tuples(
    st.sampled_from([SET_LEVEL] * 14 + [CLEAR, HALT, TRADE, ADD]),
    st.just(0),
    st.sampled_from([1, 1, 1, -1, -1, -1, 0]),
    st.one_of(st.integers(990, 1010).map(lambda t: t * CENT), st.sampled_from([1, 10**5 * CENT, 10 * CENT])),
    st.sampled_from([0, 0, 1, 2, 100, -1, 2**63 - 1]),
    st.sampled_from([0, 0, 0, 3, -1, 2**31]),
    st.sampled_from([0] * 8 + [GAP, SNAPSHOT, SNAPSHOT | LAST, LAST]),
    st.sampled_from([0, 0, 0, 0, 1, 2]),
    st.integers(0, 6),
    st.sampled_from([0, 0, 0, 1, -1]),
)


@settings(max_examples=250, deadline=None)
@given(st.lists(feed_by_level, max_size=50), st.booleans(), st.sampled_from([None, 0]))
def test_by_level_with_all_fields_equals_the_twin(rows, sequenced, symbol):
    book = OrderBook(kind="L2", ticks=4096, capacity=8, sequenced=sequenced, symbol=symbol)
    batch = OrderBook(kind="L2", ticks=4096, capacity=8, sequenced=sequenced, symbol=symbol)
    twin = ReferenceBook(kind="L2", capacity=8, sequenced=sequenced, symbol=symbol)
    for k in rows:
        problem = twin.apply(*k)
        assert book.apply(messages(k)) == (problem is None), (k, problem, book.first_problem)
        book.check_invariants()
        assert tuple(side.tolist() for side in book.levels(99)) == twin.levels(99)
        assert (book.gaps, book.is_synchronised) == (twin.gaps, twin.state == "synchronised")
    batch.apply(messages(*rows))
    assert (batch.state_hash(), batch.problems, batch.gaps) == (book.state_hash(), book.problems, book.gaps)


def long_feed(rng, n, kind, twin):
    """n rows, most of which fit, as they come: (row, problem of the twin)."""
    mid, next_id = 10_000, 1
    live = []
    for _ in range(n):
        draw = rng.random()
        if draw < 0.0003:
            mid = int(rng.integers(100, 2_000_000))  # far away: the window moves
        flags = GAP if draw > 0.9995 else 0
        side = 1 if rng.random() < 0.5 else -1
        price = (mid + int(rng.integers(-20, 21))) * CENT
        quantity = int(rng.integers(0, 500))
        if draw < 0.0008:
            made = (CLEAR, 0, 0, 0, 0, 0, SNAPSHOT if draw < 0.0005 else 0)
            live = []
        elif kind == "L2":
            made = (SET_LEVEL, 0, side, price, max(quantity - 200, 0), quantity % 7, flags, int(draw > 0.98))
        elif draw < 0.5 or not live:
            made = (ADD, next_id, side, price, quantity, 0, flags)
            live.append(next_id)
            next_id += 1
        else:
            place = int(rng.integers(len(live)))
            order_id = live[place]
            action = (REDUCE, DELETE, DELETE, EXECUTE, REPLACE, REPLACE)[int(rng.integers(6))]
            new = next_id if action == REPLACE and draw < 0.8 else 0
            next_id += new > 0
            if action == DELETE or new:
                live[place] = live[-1]
                live.pop()
            if new:
                live.append(new)
            made = (action, order_id, 0, price, quantity, new, flags)
        yield made, twin.apply(*made)


@pytest.mark.parametrize("kind", ["L3", "L2"])
def test_a_million_random_messages_equal_the_twin(kind):
    """The invariants hold after each of them; a million is the long form (GRANDMODEL_LONG=1)."""
    twin = ReferenceBook(kind=kind, capacity=150)
    book = OrderBook(kind=kind, ticks=4096, capacity=150)
    rng = np.random.default_rng(7)
    refused = set()
    for k, (made, problem) in enumerate(long_feed(rng, 1_000_000 if LONG else 15_000, kind, twin)):
        assert book.apply(messages(made)) == (problem is None), (k, made, problem, book.first_problem)
        book.check_invariants()
        refused.add(problem)
        if k % 100 == 0:
            assert tuple(side.tolist() for side in book.levels(99)) == twin.levels(99)
            assert (book.gaps, book.is_synchronised) == (twin.gaps, twin.state == "synchronised")
            if kind == "L3":
                assert book.orders().tolist() == twin.orders()
    assert refused >= ({None, "quantity", "unknown_order"} if kind == "L3" else {None})


# ---- the states between


def test_trace_gives_the_book_after_each_message():
    book = OrderBook()
    feed = messages(
        row(ADD, 1, 1, 1000, 5), row(ADD, 2, -1, 1002, 7), row(ADD, 3, 1, 1001, 1), row(DELETE, 99), row(DELETE, 3),
        row(DELETE, 1),
    )  # fmt: skip
    states = book.trace(feed, 2)
    assert states.shape == (6, 2, 4)
    none = [NO_PRICE, 0]
    assert states[0].tolist() == [[*none, 1000 * CENT, 5], [*none, *none]]
    assert states[2].tolist() == [[1002 * CENT, 7, 1001 * CENT, 1], [*none, 1000 * CENT, 5]]
    assert states[3].tolist() == states[2].tolist()
    assert states[5].tolist() == [[1002 * CENT, 7, *none], [*none, *none]]
    assert book.problems == {"unknown_order": 1}
    assert book.first_problem.startswith("messages[3]: ")
    assert book.messages_applied == 5
    assert book.trace(feed[:0], 3).shape == (0, 3, 4)
    for bad, error in ((0, ValueError), (1001, ValueError), (True, TypeError), (1.5, TypeError)):
        with pytest.raises(error, match="n is"):
            book.trace(feed, bad)
    with pytest.raises(TypeError, match="messages"):
        book.trace([1])


def test_refused_feed_options():
    for bad, error in ((-1, ValueError), (2**31, ValueError), ("A", TypeError), (True, TypeError)):
        with pytest.raises(error, match="symbol"):
            OrderBook(symbol=bad)


# ---- several venues


def test_a_consolidated_book():
    book = ConsolidatedBook(["ARCA", "BATS", "EDGX"], kind="L2")
    assert isinstance(book.best_bid, Unknown)
    assert book.bid_venues == book.ask_venues == []
    assert not book.is_locked
    feed = messages(
        row(SET_LEVEL, 0, 1, 1000, 5, venue=0), row(SET_LEVEL, 0, 1, 1000, 7, venue=2, counterparty=2),
        row(SET_LEVEL, 0, 1, 999, 9, venue=1), row(SET_LEVEL, 0, -1, 1002, 4, venue=1),
    )  # fmt: skip
    assert book.apply(feed) == 4
    assert (book.best_bid, book.best_ask) == (10.0, 10.02)
    assert (book.bid_venues, book.ask_venues) == (["ARCA", "EDGX"], ["BATS"])
    bids, asks = book.levels(9)
    assert bids.tolist() == [(1000 * CENT, 12, -1, 2), (999 * CENT, 9, -1, 1)]
    assert asks.tolist() == [(1002 * CENT, 4, -1, 1)]
    assert len(book.levels(1)[0]) == 1
    assert book.book("BATS").best_bid == 9.99
    assert book.book(2).best_bid == 10.0
    book.apply(messages(row(SET_LEVEL, 0, 1, 1002, 1, venue=0)))
    assert book.is_locked  # venues may lock one another: it is flagged
    book.apply(messages(row(SET_LEVEL, 0, 1, 1003, 1, venue=2, flags=GAP)))
    assert book.is_crossed
    assert not book.is_locked
    assert not book.is_synchronised
    book.check_invariants()
    assert book.apply(messages(row(SET_LEVEL, 0, 1, 1003, 1, venue=3), row(ADD, 1, 1, 1003, 1, venue=0))) == 0
    assert book.problems == {"venue": 1, "action": 1}
    assert book.first_problem == "messages[0]: venue is 3, must be >= 0 and < 3"
    with pytest.raises(MarketDataError, match=r"messages\[0\]: venue is -1"):
        book.apply(messages(row(SET_LEVEL, 0, 1, 1003, 1, venue=-1)), strict=True)
    assert book.apply(messages(row(CLEAR, symbol=-1, venue=-1))) == 1
    assert book.best_bid_e9 is None
    assert book.is_synchronised
    book.clear()
    assert book.problems == {}


def test_the_consolidated_book_equals_the_best_of_all():
    rng = np.random.default_rng(3)
    names = [f"V{k}" for k in range(6)]
    book = ConsolidatedBook(names, ticks=4096)
    twins = [ReferenceBook() for _ in names]
    rows = []
    for k in range(4000):
        rows.append(
            (ADD, k + 1, int(rng.choice([1, -1])), int(rng.integers(990, 1010)) * CENT, int(rng.integers(1, 9)))
        )
        if k > 300:
            rows.append((DELETE, int(rng.integers(1, k)), 0, 0, 0))
    venues = rng.integers(0, 6, len(rows) + 1)
    for k, made in enumerate(rows):
        venue = int(venues[made[1]])  # an order's messages are of its venue
        assert book.apply(messages((*made, 0, 0, 0, 0, 0, venue))) == (twins[venue].apply(*made) is None)
        if k % 40 == 0:
            for s, (side, best) in enumerate(((1, book.best_bid_e9), (-1, book.best_ask_e9))):
                tops = [twin.prices(side)[:1] for twin in twins]
                at = [top[0] for top in tops if top]
                expected = (max(at) if side > 0 else min(at)) if at else None
                assert best == expected
                merged = {}
                for twin in twins:
                    for price, quantity, count in twin.levels(10**6)[s]:
                        row = merged.setdefault(price, [0, 0, 0])
                        row[0], row[1], row[2] = row[0] + quantity, row[1] + count, row[2] + 1
                wanted = [(p, *merged[p]) for p in sorted(merged, reverse=side > 0)][:5]
                assert book.levels(5)[s].tolist() == wanted
                who = book.bid_venues if side > 0 else book.ask_venues
                assert who == [n for n, top in zip(names, tops, strict=True) if top and top[0] == expected]
    book.check_invariants()
    again = ConsolidatedBook(names, ticks=4096)
    again.apply(messages(*((*made, 0, 0, 0, 0, 0, int(venues[made[1]])) for made in rows)))
    assert again.state_hash() == book.state_hash()


def test_refused_venues():
    for bad, error in (
        ([], ValueError),
        ("XNAS", TypeError),
        (["A", "A"], ValueError),
        ([1], TypeError),
        ([""], TypeError),
    ):
        with pytest.raises(error, match="venues"):
            ConsolidatedBook(bad)
    book = ConsolidatedBook(["A"])
    for bad, error in (("B", ValueError), (1, ValueError), (-1, ValueError), (None, TypeError)):
        with pytest.raises(error, match="venue is"):
            book.book(bad)


# ---- memory

MEMORY = """
import numpy as np
from grandmodel.execution import MESSAGE_DTYPE, OrderBook
rows = np.zeros(1_000_000, MESSAGE_DTYPE)
rows["action"], rows["order_id"], rows["quantity"] = 1, np.arange(1, 1_000_001) * 7, 100
rows["side"] = np.where(np.arange(1_000_000) % 2, 1, -1)
rows["price_e9"] = (20_000 - rows["side"] * (np.arange(1_000_000) % 5_000 + 1)) * 10_000_000
def resident():
    fields = dict(line.split(":") for line in open("/proc/self/status") if ":" in line)
    return int(fields["RssAnon"].split()[0])
before = resident()
book = OrderBook(capacity=1_000_000)
assert book.apply(rows) == len(book) == 1_000_000
print(resident() - before)
"""


def test_a_million_resting_orders_take_less_than_100_mb():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False)
    if "Sanitizer" in done.stderr or os.environ.get("LD_PRELOAD"):
        pytest.skip("a sanitizer's own memory counts too")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 <= 100e6
