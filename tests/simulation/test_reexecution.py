"""A day lived again: bit for bit under its own configuration, and under another exactly what plain Python expects."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.risk import Book, failed
from reference.scoring import choose
from support import E9, LIMITS, START_NS, VENUES, make_core, order

from grandmodel.execution import JournalError, MarketDataError, OrderRejected, OrderStateError
from grandmodel.execution._core.capture import read_capture
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution.config import load_config
from grandmodel.execution.journal_file import open_journal
from grandmodel.execution.simulation.basket import BASKET, run_basket
from grandmodel.execution.simulation.reexecution import DifferenceKind as Kind
from grandmodel.execution.simulation.reexecution import recorded_core, reexecute

SYMBOLS = ("AAPL", "MSFT", "JPM")
NAME, ORDER, DECISION, REPORT, REFUSAL = 1, 2, 3, 4, 5
SET_LEVEL = 10
RISK, NO_VENUE = 200, 300


def builder(**changes):
    """What makes the core that lives a day of `support.make_core` again."""
    return lambda known: make_core(recorded=True, start_ns=0, **changes)[0]


def again(core, capture, **changes):
    """Lives a core's day again from its journal as it stands."""
    core.flush_capture()
    return reexecute(core.journal, capture, build=builder(**changes))


def rows_of(path):
    return np.concatenate([rows for _, rows in read_capture(path).chunks()])


def records(core, *kinds):
    return [(kind, record["row"]) for _, kind, record in core.journal.scan() if kind in kinds]


# ---- the same configuration


@pytest.fixture(scope="module")
def basket(tmp_path_factory):
    """A basket day with every algorithm: (configuration, journal, capture)."""
    folder = tmp_path_factory.mktemp("basket")
    config = load_config({
        "mode": "simulation", "seed": 4, "journal": {"path": str(folder / "j"), "capture": str(folder / "c")},
    })  # fmt: skip
    assert {entry["algorithm"] for entry in BASKET} == {"vwap", "twap", "implementation_shortfall", "market"}
    report = run_basket(config)
    return config, folder / "j", folder / "c", report


def test_a_basket_day_is_the_same_bit_for_bit(basket):
    config, journal, capture, report = basket
    seen = []
    for given_config in (config, None):
        result = reexecute(journal, capture, given_config, progress=lambda done, total: seen.append((done, total)))
        assert result.same
        assert result.same_configuration
        assert result.orders == report.statistics["accepted"] == result.same_count
        assert result.refusals == report.statistics["refused"]
        assert result.sha256 == (report.journal_sha256, report.journal_sha256)
        assert result.records == report.journal_records
        assert result.rows <= read_capture(capture).rows
        assert (result.differences, result.left_out, result.uncovered) == ([], 0, 0)
        assert seen[-1][0] == seen[-1][1]
    assert json.loads(json.dumps(result.to_dict()))["same"] is True


def test_the_capture_changes_nothing_in_a_basket_day(basket, tmp_path):
    config, _, _, report = basket
    plain = config.model_copy(update={"journal": config.journal.model_copy(update={"path": None, "capture": None})})
    assert run_basket(plain).journal_sha256 == report.journal_sha256


def test_a_recorded_day_is_the_same_bit_for_bit(amzn_files, tmp_path):
    from grandmodel.execution._core.clock import NativeClock
    from grandmodel.execution._core.instruments import Instruments
    from grandmodel.execution._core.journal import Journal
    from grandmodel.execution._core.orders import OrderTable
    from grandmodel.execution._core.portfolio import Portfolio
    from grandmodel.execution._core.reexecution import RecordedMarket
    from grandmodel.execution._core.risk import Limits
    from grandmodel.execution._core.scoring import Venues
    from grandmodel.execution._core.submit import Core
    from grandmodel.execution.simulation.lobster import read_lobster
    from grandmodel.execution.simulation.replay import MAKE_FEE_E9, TAKE_FEE_E9, VENUE, replay_parent

    day = read_lobster(*amzn_files)
    report = replay_parent(
        day, {"side": "buy", "quantity": 5000, "order_type": "market"}, {"algorithm": "vwap", "duration_minutes": 60},
        start="10:00", journal_path=str(tmp_path / "j"), capture_path=str(tmp_path / "c"),
    )  # fmt: skip

    def build(known):
        assert known[1] == [day.symbol]
        instruments = Instruments()
        instruments.add(day.symbol, tick_e9=day.tick_e9)
        venues = Venues(instruments)
        venues.add(VENUE, take_fee_e9=TAKE_FEE_E9, make_fee_e9=MAKE_FEE_E9)
        return Core(
            instruments=instruments, portfolio=Portfolio(instruments), limits=Limits(instruments), venues=venues,
            journal=Journal(), orders=OrderTable(), market=RecordedMarket(venues), clock=NativeClock(simulated=True),
            introduce=False,
        )  # fmt: skip

    result = reexecute(tmp_path / "j", tmp_path / "c", build=build)
    assert result.same
    assert result.orders == 1 + report.cost.children
    assert result.sha256[0] == report.journal_sha256


WAIT = st.tuples(st.just("wait"), st.integers(1, 3_000))
SUBMIT = st.tuples(
    st.just("order"), st.sampled_from(SYMBOLS), st.sampled_from(["buy", "sell"]), st.integers(1, 900),
    st.sampled_from([None, -8, -2, -1, 0, 1, 2, 8]), st.sampled_from(["DAY", "IOC", "FOK"]), st.booleans(),
)  # fmt: skip
CANCEL = st.tuples(st.just("cancel"), st.integers(1, 30))
BATCH = st.tuples(st.just("batch"), st.integers(1, 5), st.integers(-1, 5), st.integers(1, 900))
STEP = st.one_of(
    WAIT,
    SUBMIT,
    CANCEL,
    BATCH,
    st.tuples(st.just("wrong"), st.sampled_from([{"quantity": 0}, {"symbol": "APPL"}, {"side": "hold"}])),
    st.tuples(st.just("client"), st.integers(1, 3), st.integers(1, 2)),
    st.tuples(st.just("parent"), st.sampled_from(SYMBOLS), st.integers(1, 2_000)),
    st.tuples(st.just("child"), st.integers(1, 900), st.sampled_from([None, "NYSE", "IEX"])),
    st.tuples(st.just("close"),),
    st.tuples(st.just("name"), st.sampled_from(["alpha", "beta"])),
)  # fmt: skip
TIGHT = {
    **LIMITS, "default_position": 2_000, "max_order_size": 800, "max_notional_e9": 200_000 * E9, "daily_orders": 30,
    "max_leverage": 0.01, "max_concentration": 0.008, "default_sector": 0.006,
}  # fmt: skip


def live(core, gate, steps):
    """A day from a list of steps; what is refused is part of it."""
    parents = []
    for name, *rest in steps:
        try:
            match name, rest:
                case "wait", [ms]:
                    core.clock.advance_to(core.clock.now_ns() + ms * 10**6)
                    core.advance()
                case "order", [symbol, side, quantity, ticks, time_in_force, post_only]:
                    quote = core.quote(symbol)
                    limit = None if ticks is None else ((quote.ask_e9 or 100 * E9) // 10**7 + ticks) / 100
                    kind = "market" if limit is None else "limit"
                    gate.submit_order(order(
                        symbol=symbol, side=side, quantity=quantity, order_type=kind, limit_price=limit,
                        time_in_force=time_in_force, post_only=True if post_only and limit else None,
                    ))  # fmt: skip
                case "cancel", [order_id]:
                    core.cancel(order_id)
                case "wrong", [fields]:
                    gate.submit_order(order(**fields))
                case "client", [number, lots]:
                    gate.submit_order(order(client_order_id=f"c{number}", quantity=100 * lots))
                case "parent", [symbol, quantity]:
                    parents.append(core.submit_parent(order(symbol=symbol, quantity=quantity), "twap").order_id)
                case "child", [quantity, venue] if parents:
                    core.submit_child(parents[-1], quantity, venue=venue)
                case "close", [] if parents:
                    core.close_parent(parents[-1])
                case "batch", [count, venue, quantity]:
                    rows = core.order_rows(count)
                    rows["symbol"], rows["side"], rows["quantity"], rows["venue"] = 1, -1, quantity, venue
                    gate.submit_orders(rows)
                case "name", [text]:
                    gate.submit_order(order(strategy=text, tags=text, quantity=1))
        except (OrderRejected, OrderStateError, LookupError):
            pass


@settings(max_examples=40)
@given(
    steps=st.lists(STEP, max_size=40), seed=st.integers(0, 99), retained=st.sampled_from([1, 3, 16384]),
    tight=st.booleans(),
)  # fmt: skip
def test_any_day_is_the_same_bit_for_bit(tmp_path_factory, steps, seed, retained, tight):
    capture = tmp_path_factory.mktemp("day") / "c"
    same = {"limits": TIGHT if tight else LIMITS, "retained": retained, "disabled": ("EDGX",)}
    core, gate = make_core(capture=capture, seed=seed, positions={"MSFT": 500}, **same)
    live(core, gate, steps)
    made = core.statistics()
    result = again(core, capture, **same)
    assert result.differences == []
    assert result.sha256 == (core.journal.sha256(), core.journal.sha256())
    assert result.same
    assert result.orders == made["accepted"]
    assert result.refusals + result.taken_refusals == made["refused"]


@settings(max_examples=25)
@given(runs=st.lists(st.lists(STEP, max_size=15), min_size=2, max_size=4), seed=st.integers(0, 99))
def test_a_day_with_restarts_is_the_same_bit_for_bit(tmp_path_factory, runs, seed):
    folder = tmp_path_factory.mktemp("runs")
    path, capture = folder / "j", folder / "c"
    for number, steps in enumerate(runs):
        core, gate = make_core(
            path=str(path), capture=capture, seed=seed + number, start_ns=START_NS + number * 10**12, limits=TIGHT,
            snapshots=number % 2,
        )  # fmt: skip
        live(core, gate, steps)
        core.close()
    result = reexecute(path, capture, build=builder(limits=TIGHT))
    assert result.same
    assert result.runs == len(runs)
    assert result.sha256[0] == core.journal.sha256()


def test_a_day_in_many_pieces_is_the_same(tmp_path):
    """Segments of a journal end between a decision and its order; more rows and records than one piece holds."""
    capture = tmp_path / "c"
    core, gate = make_core(capture=capture, events_per_second=900.0, retained=100)
    rows = core.order_rows(1_500)
    rows["symbol"], rows["side"], rows["quantity"] = 0, 1, 100
    rows["order_type"], rows["limit_price_e9"] = 2, 140 * E9
    for _ in range(5):
        core.clock.advance_to(core.clock.now_ns() + 20 * 10**9)
        assert (gate.submit_orders(rows) > 0).all()

    class Stingy:
        """Never more than 300 bytes at once."""

        uuid = core.journal.uuid
        head = core.journal.head

        def read(self, position, size):
            return core.journal.read(position, min(size, 300 if position < 200_000 else size))

    core.flush_capture()
    assert len(read_capture(capture).runs[0].blocks) > 64
    assert reexecute(Stingy(), capture, build=builder(retained=100)).same
    assert again(core, capture, retained=100).same


# ---- another configuration


class Twin:
    """Quotes from the capture's rows, in plain Python, up to a feed sequence."""

    def __init__(self, capture):
        rows = rows_of(capture)
        self.rows = rows[rows["action"] == SET_LEVEL]
        self.at, self.shown = 0, {}

    def until(self, sequence):
        while self.at < len(self.rows) and self.rows[self.at]["sequence"] <= sequence:
            row = self.rows[self.at]
            place = (int(row["symbol"]), int(row["venue"]), int(row["side"]))
            self.shown[place] = (int(row["price_e9"]), int(row["quantity"]))
            self.at += 1

    def venues(self, symbol, fees, disabled=()):
        out = []
        for number, (name, fee) in enumerate(fees):
            bid, bid_size = self.shown.get((symbol, number, 1), (NO_PRICE, 0))
            ask, ask_size = self.shown.get((symbol, number, -1), (NO_PRICE, 0))
            out.append({
                "name": name, "kind": "exchange", "priority": number, "take": round(fee * 1e6), "make": -(10**6),
                "largest": 0, "smallest": 0, "enabled": name not in disabled,
                "bid": None if bid == NO_PRICE else bid, "bid_size": bid_size,
                "ask": None if ask == NO_PRICE else ask, "ask_size": ask_size,
            })  # fmt: skip
        return out


FEES = tuple((name, {"BATS": 1.9, "NYSE": 0.7}.get(name, fee)) for name, fee in VENUES)


@settings(max_examples=40)
@given(
    steps=st.lists(st.one_of(WAIT, SUBMIT, BATCH), min_size=1, max_size=30),
    seed=st.integers(0, 99), disabled=st.sets(st.sampled_from([name for name, _ in VENUES]), max_size=5),
)  # fmt: skip
def test_other_fees_and_venues_move_exactly_the_orders_that_plain_python_moves(tmp_path_factory, steps, seed, disabled):
    capture = tmp_path_factory.mktemp("fees") / "c"
    core, gate = make_core(capture=capture, seed=seed)
    live(core, gate, steps)
    result = again(core, capture, fees=FEES, disabled=disabled, config_hash=1)
    found = {difference.order_id: difference for difference in result.differences}
    twin, decided = Twin(capture), None
    for kind, row in records(core, DECISION, ORDER):
        if kind == DECISION:
            decided = row
            continue
        twin.until(int(decided["feed_sequence"]))
        symbol, side, quantity = int(row["symbol"]), int(row["side"]), int(row["quantity"])
        limit = None if row["limit_price_e9"] == NO_PRICE else int(row["limit_price_e9"])
        difference = found.get(int(row["order_id"]))
        if decided["candidates"] == 0:  # the caller named the venue
            if VENUES[int(row["venue"])][0] in disabled:
                assert difference.kind is Kind.REFUSED
            else:
                assert difference is None
            continue
        terms = (side, quantity, limit, bool(row["flags"] & 1))
        before, _, _ = choose(twin.venues(symbol, VENUES), *terms)
        assert before == VENUES[int(row["venue"])][0]
        after, cost, _ = choose(twin.venues(symbol, FEES, disabled), *terms)
        if after is None:
            assert difference.kind is Kind.REFUSED
            assert difference.failed_checks == ((), ())
        elif after != before:
            assert difference.kind is Kind.VENUE
            assert difference.venues == (before, after)
            assert difference.cost_bps[1] == pytest.approx(cost / difference.mid_e9 * 1e4, rel=1e-6)
        else:
            assert difference is None or difference.kind in (Kind.COST, Kind.OTHER)
            if difference is not None and difference.kind is Kind.COST:
                assert difference.cost_bps[1] == pytest.approx(cost / difference.mid_e9 * 1e4, rel=1e-6)
    assert not result.same or not found


@settings(max_examples=40)
@given(
    steps=st.lists(st.one_of(WAIT, SUBMIT, CANCEL), min_size=1, max_size=30),
    seed=st.integers(0, 99), size=st.integers(1, 900), position=st.integers(1, 3_000), count=st.integers(1, 40),
)  # fmt: skip
def test_other_limits_refuse_exactly_what_plain_python_refuses(tmp_path_factory, steps, seed, size, position, count):
    """Twin of the portfolio: own open orders and fills, of the orders that the other limits let pass."""
    capture = tmp_path_factory.mktemp("limits") / "c"
    core, gate = make_core(capture=capture, seed=seed, limits={})
    live(core, gate, steps)
    limits = {"max_order_size": size, "default_position": position, "daily_orders": count}
    result = again(core, capture, limits=limits, config_hash=1)
    book = Book(dict.fromkeys(range(3), ("x", 1)))
    open_orders, expected = {}, {}
    for kind, row in records(core, ORDER, REPORT):
        order_id = int(row["order_id"])
        if kind == ORDER:
            symbol, side, quantity = int(row["symbol"]), int(row["side"]), int(row["quantity"])
            book.open_orders = [(s, way, left, None) for s, way, left in open_orders.values() if left]
            names = failed(limits, book, symbol, side, quantity, int(row["reserve_price_e9"]))
            if names:
                expected[order_id] = names
            else:
                book.orders += 1
                open_orders[order_id] = (symbol, side, quantity)
        elif order_id in open_orders:
            symbol, side, _ = open_orders[order_id]
            if row["exec_type"] == 2:
                book.positions[symbol] = book.positions.get(symbol, 0) + side * int(row["quantity"])
            open_orders[order_id] = (symbol, side, int(row["leaves_quantity"]))
    found = {each.order_id: each for each in result.differences if each.kind is Kind.REFUSED}
    assert {order_id: set(each.failed_checks[1]) for order_id, each in found.items()} == expected
    assert {each.kind for each in result.differences} <= {Kind.REFUSED}
    assert result.same_count == result.orders - len(expected)
    if expected:
        assert any("left out" in note for note in result.notes)


def test_wider_limits_accept_what_was_refused_and_say_that_nobody_answers(tmp_path):
    capture = tmp_path / "c"
    core, gate = make_core(capture=capture, limits={**LIMITS, "max_order_size": 150, "default_position": 1_000})
    live(core, gate, [("order", "AAPL", "buy", quantity, None, "DAY", False) for quantity in (100, 200, 850, 120)])
    result = again(core, capture, limits={**LIMITS, "default_position": 1_000}, config_hash=1)
    kinds = [(each.order_id, each.kind) for each in result.differences]
    # 200 pass now and stay open; 850 would go over the position with them; the last, 120, as then
    assert kinds == [(2, Kind.ACCEPTED), (3, Kind.REASON)]
    assert result.differences[0].venues[0] is None
    assert result.differences[0].venues[1] is not None
    assert result.differences[0].failed_checks == (("order_size",), ())
    assert result.differences[1].failed_checks == (("order_size",), ("position",))
    assert any("1 orders are accepted only now" in note for note in result.notes)
    assert not result.same


def test_children_of_a_refused_parent_are_said_to_be_such(tmp_path):
    capture = tmp_path / "c"
    core, gate = make_core(capture=capture)
    live(core, gate, [("parent", "AAPL", 1_000), ("child", 300, None), ("wait", 10), ("child", 300, "IEX"), ("close",)])
    result = again(core, capture, limits={**LIMITS, "default_position": 999}, config_hash=1)
    assert [(each.order_id, each.kind, each.parent_id) for each in result.differences] == [
        (1, Kind.REFUSED, None), (2, Kind.PARENT_REFUSED, 1), (3, Kind.PARENT_REFUSED, 1),
    ]  # fmt: skip
    assert result.left_out == len(records(core, REPORT)) + 1  # and the request that closed the parent
    assert result.counts == {Kind.REFUSED: 1, Kind.PARENT_REFUSED: 2}


def test_the_configuration_hash_tells_then_from_now(tmp_path):
    capture = tmp_path / "c"
    core, gate = make_core(capture=capture, config_hash=5)
    live(core, gate, [("order", "AAPL", "buy", 100, None, "DAY", False)])
    core.flush_capture()
    with pytest.raises(ValueError, match=r"made under the configuration 0{15}5.*--config"):
        reexecute(core.journal, capture)
    result = reexecute(core.journal, capture, build=builder(config_hash=5))
    assert result.same


def test_a_basket_under_other_limits(basket):
    _, journal, capture, report = basket
    limits = {"risk_controls": {"order_limits": {"max_order_size": 400}}}
    other = load_config({"mode": "simulation", "seed": 4, **limits})
    result = reexecute(journal, capture, other)
    assert not result.same_configuration
    expected = set()
    for _, kind, record in open_journal(journal).scan():
        row = record["row"]
        if kind == ORDER and not row["flags"] & 16 and row["quantity"] > 400:
            expected.add(int(row["order_id"]))
    assert {each.order_id for each in result.differences} == expected
    assert {each.failed_checks[1] for each in result.differences} == {("order_size",)}
    assert result.orders == report.statistics["accepted"]
    seeded = reexecute(journal, capture, load_config({"mode": "simulation", "seed": 5}))
    assert (seeded.same_configuration, seeded.differences) == (False, [])


# ---- what cannot be lived again


def test_a_log_without_decisions_is_refused(tmp_path):
    core, gate = make_core(capture=tmp_path / "c", audit=False)
    gate.submit_order(order())
    with pytest.raises(JournalError, match=r"record \d+ at byte \d+ .* without its decision.*enable_order_audit"):
        again(core, tmp_path / "c")


def test_a_capture_that_ends_early_says_how_much_it_does_not_cover(tmp_path):
    capture = tmp_path / "c"
    core, gate = make_core(capture=capture, path=str(tmp_path / "j"), events_per_second=300.0)
    live(core, gate, [("wait", 1_000), ("order", "AAPL", "buy", 100, None, "DAY", False)] * 12)
    seen = [int(row["feed_sequence"]) for _, row in records(core, DECISION)]
    core.close()
    raw = capture.read_bytes()
    block = next(block for block in read_capture(capture).runs[0].blocks if block[2] <= seen[6] <= block[3])
    capture.write_bytes(raw[: block[0] + 100])
    result = reexecute(tmp_path / "j", capture, build=builder())
    assert 0 < result.same_count < 12
    assert result.same_count + result.uncovered == 12
    assert not result.same
    assert any("no whole block" in note for note in result.notes)
    assert any(f"the capture ends at feed sequence {block[2] - 1}" in note for note in result.notes)
    capture.write_bytes(raw[: read_capture(capture).runs[0].blocks[0][0] - 64])  # the head alone
    with pytest.raises(MarketDataError, match="nothing can be decided again"):
        reexecute(tmp_path / "j", capture, build=builder())


def test_a_run_that_was_not_captured_is_a_gap(tmp_path):
    path, capture = tmp_path / "j", tmp_path / "c"
    steps = [("wait", 100), ("order", "AAPL", "buy", 100, None, "DAY", False)] * 3
    for number, kept in enumerate((capture, None, capture)):
        core, gate = make_core(path=str(path), capture=kept, start_ns=START_NS + number * 10**12)
        live(core, gate, steps)
        core.close()
    result = reexecute(path, capture, build=builder())
    assert (result.same_count, result.uncovered) == (3, 6)
    assert any("gap" in note for note in result.notes)


def test_what_does_not_belong_together_is_refused(basket, tmp_path):
    _, journal, capture, _ = basket
    core, gate = make_core(capture=tmp_path / "c", path=str(tmp_path / "j"))
    gate.submit_order(order())
    core.close()
    with pytest.raises(MarketDataError, match="another journal than"):
        reexecute(tmp_path / "j", capture)
    with pytest.raises(JournalError, match="no such journal"):
        reexecute(tmp_path / "none", capture)
    with pytest.raises(MarketDataError, match="cannot be read"):
        reexecute(journal, tmp_path / "none")
    venues = {"NYSE": {"cost_per_share": 0, "priority": 1}, "IEX": {"cost_per_share": 0, "priority": 2}}
    two = {"routing": {"venues": venues}}
    with pytest.raises((JournalError, MarketDataError), match="NASDAQ"):
        reexecute(journal, capture, load_config({"mode": "simulation", **two}))


def test_a_damaged_record_is_named(tmp_path):
    capture = tmp_path / "c"
    core, gate = make_core(capture=capture)
    gate.submit_order(order())
    core.flush_capture()
    raw = bytearray(core.journal.read(0, 1 << 20))
    raw[-100] ^= 1

    class Damaged:
        head = len(raw)

        def read(self, position, size):
            return bytes(raw[position : position + size])

    with pytest.raises(JournalError, match=rf"record {core.journal.records} at byte {len(raw) - 128} .* checksum"):
        reexecute(Damaged(), capture, build=builder())


def test_the_core_must_be_an_empty_one(basket):
    from grandmodel.execution._core.reexecution import Reexecutor

    config, *_ = basket
    core, _ = make_core()
    with pytest.raises(ValueError, match="empty one over a RecordedMarket"):
        Reexecutor(core)
    assert recorded_core(config, {}).journal.records == 0


def test_a_day_with_learning_and_a_breaker_is_the_same_bit_for_bit(tmp_path):
    """Figures and breaker follow from the log: what they decided is decided again."""
    changes = {
        "learning": {"adverse_selection": 1.0, "fill_probability": 1.0, "latency_slippage": 1.0},
        "breaker": {"rejects": 1, "unanswered": 1, "disconnects": 1, "cool_down_ns": 5 * 10**9},
    }
    core, gate = make_core(path=tmp_path / "j", capture=str(tmp_path / "c"), ring_bytes=1 << 22, **changes)
    draw = random.Random(3)
    for _ in range(120):
        core.advance(core.clock.now_ns() + draw.randrange(1, 2 * 10**9))
        side = draw.choice(["buy", "sell"])
        quote = core.quote("AAPL")
        touch = quote.bid if side == "buy" else quote.ask
        gate.submit_order(order(side=side, order_type="limit", limit_price=round(touch, 2), quantity=100))
        if draw.random() < 0.3:
            parent = int(core.submit_parent(order(side=side, quantity=900), "market"))
            core.sweep(parent, 900)
    terms = core.venues.score("AAPL", 1, 100, 149 * E9)["terms"]
    assert any(each["adverse_selection"] for each in terms.values())
    result = again(core, tmp_path / "c", **changes)
    assert result.same
    assert result.orders == result.same_count > 120
    core.close()
