"""Engine and venue held against one another: by rows, by a plain second way, and with a venue process behind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import E9, order
from support_venue import ME, Venue, make_remote_core, quoted, reports, wait_for

from grandmodel.execution._core.records import ORDER_DTYPE, REPORT_DTYPE
from grandmodel.execution._core.remote import POSITION_DTYPE
from grandmodel.execution._core.values import STATUSES, OrderStatus, Reason, VenueError
from grandmodel.execution.order_management.reconciliation import Break, BreakKind, find_breaks, reconcile

NEW, PARTIALLY_FILLED, FILLED, PENDING_CANCEL, CANCELED, UNKNOWN = 2, 3, 4, 5, 7, 11
TRADE, CANCELED_REPORT = 2, 3


def orders_of(*rows):
    out = np.zeros(len(rows), ORDER_DTYPE)
    for index, fields in enumerate(rows):
        for name, value in {"side": 1, "quantity": 100, "status": NEW, "leaves_quantity": 100, **fields}.items():
            out[index][name] = value
    return out


def fills_of(*rows):
    out = np.zeros(len(rows), REPORT_DTYPE)
    for index, fields in enumerate(rows):
        good = {"side": 1, "quantity": 100, "price_e9": 150 * E9, "exec_type": TRADE}
        for name, value in {**good, **fields}.items():
            out[index][name] = value
    return out


def positions_of(*rows):
    out = np.zeros(len(rows), POSITION_DTYPE)
    for index, (symbol, bought, sold) in enumerate(rows):
        out[index]["symbol"], out[index]["bought"], out[index]["sold"] = symbol, bought, sold
    return out


def breaks_of(ours=(), fills=(), theirs=(), executions=(), positions=()):
    return find_breaks(
        orders_of(*ours), fills_of(*fills), orders_of(*theirs), fills_of(*executions), positions_of(*positions),
        venue="NYSE", symbol_text=lambda number: f"S{number}",
    )  # fmt: skip


def test_nothing_differs():
    one = {"order_id": 1, "filled_quantity": 100, "leaves_quantity": 0, "status": FILLED}
    fill = {"order_id": 1, "execution_id": 2}
    assert breaks_of() == []
    assert breaks_of([one], [fill], [one], [fill], [(0, 100, 0)]) == []
    assert breaks_of([{"order_id": 5, "flags": 16}]) == []  # a parent is never at a venue
    assert breaks_of([{"order_id": 5, "status": CANCELED, "leaves_quantity": 0}]) == []


def test_each_difference_is_one_break_in_words():
    found = breaks_of(
        ours=[
            {"order_id": 1},
            {"order_id": 2, "status": UNKNOWN},
            {"order_id": 4, "status": FILLED, "filled_quantity": 100, "leaves_quantity": 0},
        ],
        theirs=[{"order_id": 1}, {"order_id": 3, "symbol": 2, "side": -1}, {"order_id": 4}],
        fills=[{"order_id": 4, "execution_id": 9}, {"order_id": 1, "execution_id": 5}],
        executions=[
            {"order_id": 4, "execution_id": 8},
            {"order_id": 1, "execution_id": 5, "price_e9": 150_010_000_000},
        ],
        positions=[(0, 200, 0), (1, 0, 7)],
    )
    assert [str(each) for each in found] == [
        "execution: execution 5 of order 1 is bought 100 at 150.0 here and bought 100 at 150.01 at NYSE",
        "not_at_venue: order 2 is UNKNOWN here with 100 open, NYSE does not have it",
        "unknown_order: order 3 (sell 100 S2) is NEW at NYSE, this engine does not know it",
        "status: order 4 is FILLED here and NEW at NYSE",
        "filled_quantity: order 4 has filled_quantity 100 here and 0 at NYSE",
        "leaves_quantity: order 4 has leaves_quantity 0 here and 100 at NYSE",
        "missing_execution: execution 8 of order 4 (bought 100 at 150.0) is missing here, NYSE has it",
        "extra_execution: execution 9 of order 4 (bought 100 at 150.0) is booked here, NYSE does not have it",
        "position: in S1 0 bought and 0 sold here, 0 and 7 at NYSE",
    ]
    assert found[-1] == Break(BreakKind.POSITION, None, 1, 0, -7, found[-1].text)
    assert (found[1].ours, found[1].theirs) == ("UNKNOWN", None)
    with pytest.raises(AttributeError):
        found[0].kind = BreakKind.STATUS


def test_an_execution_of_another_order_and_a_symbol_that_was_not_named():
    found = breaks_of(
        ours=[{"order_id": 1}], theirs=[{"order_id": 1}, {"order_id": 9, "symbol": -1}],
        fills=[{"order_id": 1, "execution_id": 3}], executions=[{"order_id": 9, "execution_id": 3, "symbol": -1}],
        positions=[(-1, 100, 0)],
    )  # fmt: skip
    assert [each.kind for each in found] == ["unknown_order", "execution", "position", "position"]
    assert "and here of order 1" in found[1].text
    assert "unknown symbol" in found[0].text
    assert "not named" in found[2].text


# ---- the same by plain counting

IDS = st.integers(1, 4)
ORDER = st.fixed_dictionaries({
    "order_id": IDS, "status": st.sampled_from(sorted(STATUSES)), "filled_quantity": st.integers(0, 2),
    "leaves_quantity": st.integers(0, 2), "flags": st.sampled_from([0, 0, 0, 16, 32]), "symbol": st.integers(0, 1),
})  # fmt: skip
FILL = st.fixed_dictionaries({
    "order_id": IDS, "execution_id": st.integers(1, 4), "quantity": st.integers(1, 2), "side": st.sampled_from([1, -1]),
    "symbol": st.integers(0, 1), "price_e9": st.sampled_from([1, 2]),
})  # fmt: skip
POSITION = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3))


def unique(strategy, key):
    return st.lists(strategy, max_size=4, unique_by=lambda row: row[key])


def twin(ours, fills, theirs, executions, positions):
    """(kind, order id, symbol of a position, ours, theirs) of every difference, each rule on its own."""
    found = set()
    ours = [row for row in ours if not row["flags"] & 16]
    closed = {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
    for mine in ours:
        absent = not [other for other in theirs if other["order_id"] == mine["order_id"]]
        if absent and STATUSES[mine["status"]] not in closed:
            found.add(("not_at_venue", mine["order_id"], None, str(STATUSES[mine["status"]]), None))
    for other in theirs:
        mine = [row for row in ours if row["order_id"] == other["order_id"]]
        if not mine:
            found.add(("unknown_order", other["order_id"], None, None, str(STATUSES[other["status"]])))
            continue
        if mine[0]["status"] != other["status"]:
            names = [str(STATUSES[row["status"]]) for row in (mine[0], other)]
            found.add(("status", other["order_id"], None, *names))
        for name in ("filled_quantity", "leaves_quantity"):
            if mine[0][name] != other[name]:
                found.add((name, other["order_id"], None, mine[0][name], other[name]))
    same = ("order_id", "side", "price_e9", "quantity", "symbol")
    for fill in fills:
        others = [row for row in executions if row["execution_id"] == fill["execution_id"]]
        if not others:
            found.add(("extra_execution", fill["order_id"], None, fill["execution_id"], None))
        elif any(fill[name] != others[0][name] for name in same):
            found.add(("execution", others[0]["order_id"], None, "differs", "differs"))
    for execution in executions:
        if not [row for row in fills if row["execution_id"] == execution["execution_id"]]:
            found.add(("missing_execution", execution["order_id"], None, None, execution["execution_id"]))
    for symbol in range(3):
        bought, sold = (
            sum(row["quantity"] for row in fills if row["symbol"] == symbol and row["side"] == side) for side in (1, -1)
        )
        told = [row[1:] for row in positions if row[0] == symbol] or [(0, 0)]
        if (bought, sold) != told[0]:
            found.add(("position", None, symbol, bought - sold, told[0][0] - told[0][1]))
    return found


@given(
    unique(ORDER, "order_id"), unique(FILL, "execution_id"), unique(ORDER, "order_id"), unique(FILL, "execution_id"),
    st.lists(POSITION, max_size=3, unique_by=lambda row: row[0]),
)  # fmt: skip
def test_breaks_are_those_of_the_plain_way(ours, fills, theirs, executions, positions):
    found = breaks_of(ours, fills, theirs, executions, positions)
    plain = [
        (
            str(each.kind), each.order_id, each.symbol if each.kind is BreakKind.POSITION else None,
            *(("differs", "differs") if each.kind is BreakKind.EXECUTION else (each.ours, each.theirs)),
        )
        for each in found
    ]  # fmt: skip
    assert len(plain) == len(found)
    assert set(plain) == twin(ours, fills, theirs, executions, positions)
    ids = [each.order_id for each in found if each.order_id is not None]
    assert ids == sorted(ids)


# ---- with a venue behind


@pytest.fixture
def path(tmp_path):
    return tmp_path / "nyse.sock"


@pytest.fixture
def made(path):
    cores = []

    def make(last=None, **options):
        core, gate, market = make_remote_core(**options)
        cores.append((core, market))
        if last is not None:
            market.connect("NYSE", path, ME, last)
            quoted(core, market)
        return core, gate, market

    yield make
    for core, market in cores:
        core.close()
        market.close()


def test_an_engine_and_its_venue_agree(path, made):
    with Venue(path):
        core, gate, market = made(last=0)
        gate.submit_order(order(quantity=1500))
        gate.submit_order(order(symbol="MSFT", side="sell"))
        resting = gate.submit_order(order(order_type="limit", limit_price=140.0)).order_id
        gate.submit_order(order(order_type="limit", limit_price=140.0))
        assert reconcile(core, market, "NYSE") == []
        core.cancel(resting)
        assert reconcile(core, market, "NYSE") == []


def test_orders_that_memory_has_let_go_are_read_from_the_log(path, made):
    with Venue(path):
        core, gate, market = made(last=0, retained=1)
        for _ in range(5):
            gate.submit_order(order(quantity=7))
        wait_for(core, market, lambda: core.statistics()["fills"] == 5)
        assert len(core.orders_array()) == 1
        assert reconcile(core, market, "NYSE") == []


def test_a_report_that_was_dropped_is_a_missing_execution(path, made):
    with Venue(path, drop_answers=2):
        core, gate, market = made(last=0)
        gate.submit_order(order())
        kinds = {each.kind: each for each in reconcile(core, market, "NYSE")}
        assert set(kinds) == {"status", "filled_quantity", "leaves_quantity", "missing_execution", "position"}
        assert (kinds["missing_execution"].theirs, kinds["position"].theirs) == (2, 100)
        market.disconnect("NYSE")
        core.advance()
        market.connect("NYSE", path, ME, 1)
        assert reconcile(core, market, "NYSE") == []


def test_an_order_that_the_venue_does_not_have_is_canceled_by_its_answer(path, made):
    """The connection is lost with orders in the buffer: the venue never had them."""
    with Venue(path) as venue:
        core, gate, market = made(last=0)
        ticket = gate.submit_order(order(order_type="limit", limit_price=140.0))
        wait_for(core, market, lambda: ticket.status is OrderStatus.NEW)
        client = venue.exchange.clients[ME.bytes]
        del client.orders[ticket.order_id]
        (found,) = reconcile(core, market, "NYSE")
        assert (found.kind, found.order_id, found.ours) == ("not_at_venue", ticket.order_id, "NEW")
        done = core.get_order(ticket.order_id)
        assert (done.status, done.reason, done.leaves_quantity) == (OrderStatus.CANCELED, Reason.NOT_AT_VENUE, 0)
        last = reports(core)[-1]
        assert (last["exec_type"], last["execution_id"], last["quantity"]) == (CANCELED_REPORT, 0, 100)
        assert reconcile(core, market, "NYSE") == []


def test_an_order_that_this_engine_does_not_know_is_listed_and_left(path, made):
    with Venue(path) as venue:
        first, gate, market = made(last=0)
        gate.submit_order(order(order_type="limit", limit_price=140.0))
        gate.submit_order(order())
        wait_for(first, market, lambda: first.statistics()["fills"] == 1)
        market.close()
        core, gate, market = made(last=3)
        kinds = [each.kind for each in reconcile(core, market, "NYSE")]
        assert kinds == ["unknown_order", "unknown_order", "missing_execution", "position"]
        assert len(venue.exchange.books["AAPL"].orders) == 1


def test_an_order_submitted_meanwhile_is_no_break(path, made):
    """Another thread's order reaches the table after the venue was asked: it is not taken for a lost one."""
    with Venue(path):
        core, gate, market = made(last=0)
        asked = type(market).status

        class Meanwhile:
            def __getattr__(self, name):
                return getattr(market, name)

            def status(self, venue, **options):
                status = asked(market, venue, **options)
                gate.submit_order(order(order_type="limit", limit_price=140.0))
                ticket = gate.submit_order(order())
                wait_for(core, market, lambda: core.is_closed(ticket.order_id))
                return status

        assert reconcile(core, Meanwhile(), "NYSE") == []
        assert reconcile(core, market, "NYSE") == []


def test_without_a_connection_there_is_no_reconciliation(made):
    core, _, market = made()
    with pytest.raises(VenueError, match="NYSE is not connected"):
        reconcile(core, market, "NYSE")
