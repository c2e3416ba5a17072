"""What the engine does by itself: orders that wait for a price, that a venue cannot take as they are, whose time is
over, that belong to a list; and what of it stands over a restart.
"""

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest
from support import (
    E9,
    EXEC_CANCEL_REJECTED,
    EXEC_CANCELED,
    EXEC_EXPIRED,
    EXEC_NEW,
    EXEC_REJECTED,
    EXEC_TRADE,
    START_NS,
    make_core,
    order,
    report,
    resting,
)

from grandmodel.execution import OrderRejected, OrderStateError, OrderValidationError, RiskLimitBreached
from grandmodel.execution._core.clock import NativeClock
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.recovery import snapshot, state_hash
from grandmodel.execution._core.values import Reason
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.simulation.reexecution import reexecute

REPLACED, BUST, CORRECT = 4, 8, 9
SECOND = 10**9


def quiet(**changes):
    """A silent core with AAPL at 149 by 151, and its manager."""
    core, gate = make_core(silent=True, **{"limits": {}, **changes})
    show(core, 149, 151)
    return core, gate, OrderManager(engine=core)


def show(core, bid, ask, size=100, venue="NYSE"):
    core.venues.set_quote(
        "AAPL", venue, None if bid is None else round(bid * E9), None if ask is None else round(ask * E9), size, size
    )
    core.advance()


def later(core, ns):
    core.clock.advance_to(core.clock.now_ns() + ns)
    core.advance()


def tell(core, order_id, kind, **more):
    """A venue's word, and what follows from it."""
    core.report(report(core, int(order_id), kind, **more))
    core.advance()


def status(ticket):
    return str(ticket.status)


# ---- triggers


@pytest.mark.parametrize(
    ("kind", "side", "stop", "moves", "fires"),
    [
        ("stop", "buy", 153, [(150, 152), (151, 153)], 1),
        ("stop", "sell", 147, [(148, 154), (147, 155)], 1),
        ("stop_limit", "buy", 153, [(150, 152.99), (152.99, 153)], 1),
        ("market_if_touched", "buy", 147, [(147, 148), (146, 147)], 1),
        ("market_if_touched", "sell", 153, [(152, 153), (153, 154)], 1),
        ("limit_if_touched", "sell", 153, [(152.99, 154), (153.01, 155)], 1),
    ],
)
def test_a_trigger_on_the_quote(kind, side, stop, moves, fires):
    core, gate, _ = quiet()
    limit = 150.0 if "limit" in kind else None
    ticket = gate.submit_order(order(side=side, order_type=kind, stop_price=stop, limit_price=limit, trigger="bid_ask"))
    assert (status(ticket), ticket.order.venue, core.portfolio.position("AAPL")[1 if side == "buy" else 2]) == (
        "NEW",
        None,
        100,
    )
    for number, (bid, ask) in enumerate(moves):
        assert status(ticket) == "NEW"
        show(core, bid, ask)
        assert (status(ticket) == "PENDING_NEW") == (number == fires)
    assert ticket.order.venue is not None
    assert ticket.order.limit_price_e9 == (None if limit is None else 150 * E9)
    tell(core, ticket.order_id, EXEC_NEW)
    tell(core, ticket.order_id, EXEC_TRADE, quantity=100, price=stop)
    assert status(ticket) == "FILLED"


def test_a_trigger_on_the_mid_and_one_side_is_no_mid():
    core, gate, _ = quiet()
    ticket = gate.submit_order(order(order_type="stop", stop_price=152.0, trigger="mid"))
    show(core, 151, 152.98)
    show(core, None, 160)
    assert status(ticket) == "NEW"
    show(core, 151, 153)
    assert status(ticket) == "PENDING_NEW"


def test_what_is_met_already_goes_at_once():
    core, gate, _ = quiet()
    assert status(gate.submit_order(order(order_type="stop", stop_price=151.0, trigger="bid_ask"))) == "PENDING_NEW"
    assert status(gate.submit_order(order(order_type="stop", stop_price=151.0))) == "NEW"  # nothing has traded yet
    assert core.statistics()["open"] == 2


def test_stops_of_one_price_go_in_the_order_they_came():
    core, gate, _ = quiet()
    tickets = [
        gate.submit_order(order(order_type="stop", stop_price=153.0, trigger="bid_ask", quantity=10 + k))
        for k in range(5)
    ]
    core.cancel(tickets[2].order_id)
    assert status(tickets[2]) == "CANCELED"
    show(core, 152, 153)
    sent = [int(r["row"]["order_id"]) for _, kind, r in core.journal.scan() if kind == 6 and r["row"]["kind"] == 7]
    assert sent == [int(tickets[k]) for k in (0, 1, 3, 4)]


def test_stops_on_the_last_price_of_a_living_market():
    """Over the synthetic market: a stop goes at the first print through it, not before, and fills."""
    core, gate = make_core(limits={}, seed=3, events_per_second=200.0)
    later(core, SECOND)
    last = core.quote("AAPL").bid_e9
    stops = [
        gate.submit_order(order(order_type="stop", side=side, stop_price=(last + sign * away * 10**7) / E9, quantity=1))
        for away in (1, 2, 4)
        for side, sign in (("buy", 1), ("sell", -1))
    ]
    waiting = {int(each): each for each in stops}
    for _ in range(400):
        later(core, SECOND // 10)
        for number in list(waiting):
            if status(waiting[number]) != "NEW":
                del waiting[number]
    fired = 0
    for _, kind, record in core.journal.scan():
        row = record["row"]
        if kind == 6 and row["kind"] == 7:
            fired += 1
            stop = core.get_order(int(row["order_id"]))
            assert (int(row["price_e9"]) - stop.stop_price_e9) * stop.side.sign >= 0
    assert fired == len(stops) - len(waiting) >= 2
    assert all(status(each) in ("NEW", "FILLED") for each in stops)


# ---- trailing


@pytest.mark.parametrize(
    ("side", "trail", "path"),
    [
        (
            "sell",
            {"trailing_amount": 1.0},
            [(150, 149), (150.5, 149.5), (150, 149.5), (155.25, 154.25), (154.5, 154.25)],
        ),
        ("buy", {"trailing_amount": 1.0}, [(150, 151), (149.5, 150.5), (150, 150.5), (145.25, 146.25), (146, 146.25)]),
        ("sell", {"trailing_bps": 10}, [(150, 149.85), (151.01, 150.85), (160, 159.84)]),  # 150.858.. down to the tick
        ("buy", {"trailing_bps": 10}, [(150, 150.15), (149.01, 149.16), (140, 140.14)]),  # 149.159.. up to the tick
    ],
)
def test_a_trailing_stop_follows_and_never_goes_back(side, trail, path):
    core, gate, _ = quiet()
    ticket = gate.submit_order(order(side=side, order_type="trailing_stop", trigger="mid", **trail))
    for mid, stop in path:
        show(core, mid - 0.25, mid + 0.25)
        assert (ticket.order.stop_price, status(ticket)) == (stop, "NEW"), mid
    away = -5 if side == "sell" else 5
    show(core, path[-1][0] + away - 0.25, path[-1][0] + away + 0.25)
    assert status(ticket) == "PENDING_NEW"
    assert ticket.order.stop_price == path[-1][1]
    assert core.portfolio.account()["reserved_e9"] == round(100 * path[-1][1] * E9)


def test_a_trailing_stop_limit_gets_its_limit_when_it_goes():
    core, gate, _ = quiet()
    ticket = gate.submit_order(
        order(side="sell", order_type="trailing_stop_limit", trigger="mid", trailing_amount=1.0, limit_offset=0.5)
    )
    assert ticket.order.limit_price_e9 is None
    show(core, 154, 156)
    show(core, 152, 154)
    assert (status(ticket), ticket.order.limit_price, ticket.order.stop_price) == ("PENDING_NEW", 153.5, 154.0)


def test_a_trailing_stop_without_a_price_yet_begins_with_the_first():
    core, gate = make_core(silent=True, limits={})
    ticket = gate.submit_order(order(side="sell", order_type="trailing_stop", trigger="mid", trailing_amount=1.0))
    assert ticket.order.stop_price_e9 is None
    show(core, 149, 151)
    assert (ticket.order.stop_price, status(ticket)) == (149.0, "NEW")


def test_a_trailing_exit_trails_from_when_its_entry_filled():
    """Not from when the list came: the market has moved since."""
    core, _, manager = quiet()
    entry, leave = manager.submit_order_list(
        [
            resting(limit_price=130.0),
            order(side="sell", order_type="trailing_stop", trigger="mid", trailing_amount=2.0),
        ],
        "oto",
    )
    show(core, 129, 131)
    tell(core, entry, EXEC_TRADE, quantity=100, price=130.0)
    assert (status(leave), leave.order.stop_price) == ("NEW", 128.0)
    show(core, 126, 129)
    assert status(leave) == "PENDING_NEW"


# ---- what a venue cannot take


def shown(core, parent):
    """The children of an order, oldest first: (quantity, status)."""
    rows = core.journal_orders(int(parent))[1:]
    return [(int(row["quantity"]), str(core.get_order(int(row["order_id"])).status)) for row in rows]


def test_an_iceberg_shows_one_part_at_a_time():
    core, gate, manager = quiet(order_types=["market", "limit"])
    ticket = gate.submit_order(resting(quantity=250, order_type="iceberg", display_quantity=100))
    assert (status(ticket), shown(core, ticket)) == ("NEW", [(100, "PENDING_NEW")])
    child = int(ticket) + 1
    tell(core, child, EXEC_TRADE, quantity=40, price=140.0)
    assert len(shown(core, ticket)) == 1
    tell(core, child, EXEC_TRADE, quantity=60, price=140.0)
    assert shown(core, ticket) == [(100, "FILLED"), (100, "PENDING_NEW")]
    tell(core, child + 1, EXEC_TRADE, quantity=100, price=140.0)
    assert shown(core, ticket)[2:] == [(50, "PENDING_NEW")]
    assert core.portfolio.position("AAPL") == (200, 50, 0)
    tell(core, child + 2, EXEC_TRADE, quantity=50, price=140.0)
    assert (status(ticket), ticket.order.filled_quantity) == ("FILLED", 250)
    assert manager.explain(ticket).children == [child, child + 1, child + 2]


@pytest.mark.parametrize(
    ("word", "ends"), [(EXEC_CANCELED, "CANCELED"), (EXEC_EXPIRED, "EXPIRED"), (EXEC_REJECTED, "CANCELED")]
)
def test_an_iceberg_ends_with_its_child(word, ends):
    core, gate, _ = quiet(order_types=["market", "limit"])
    ticket = gate.submit_order(resting(quantity=250, order_type="iceberg", display_quantity=100))
    tell(core, int(ticket) + 1, word, reason=400)
    assert (status(ticket), core.portfolio.position("AAPL")) == (ends, (0, 0, 0))


def test_an_iceberg_is_canceled_child_first_and_changed_at_once():
    core, gate, manager = quiet(order_types=["market", "limit"])
    ticket = gate.submit_order(resting(quantity=250, order_type="iceberg", display_quantity=100))
    manager.replace_order(ticket, quantity=300)
    assert (ticket.order.quantity, core.portfolio.position("AAPL")[1]) == (300, 300)
    with pytest.raises(OrderStateError):
        manager.replace_order(ticket, quantity=99)  # 100 are shown
    manager.cancel_order(ticket)
    assert (status(ticket), shown(core, ticket)) == ("PENDING_CANCEL", [(100, "PENDING_CANCEL")])
    tell(core, int(ticket) + 1, EXEC_CANCELED)
    assert (status(ticket), core.portfolio.position("AAPL")) == ("CANCELED", (0, 0, 0))


def test_the_parts_of_an_iceberg_may_differ():
    core, gate, _ = quiet(order_types=["market", "limit"])
    ticket = gate.submit_order(resting(quantity=5000, order_type="iceberg", display_quantity=100, display_spread=0.3))
    while status(ticket) != "FILLED":
        child = core.open_orders()[-1]
        tell(core, child.order_id, EXEC_TRADE, quantity=child.leaves_quantity, price=140.0)
    sizes = [quantity for quantity, _ in shown(core, ticket)]
    assert sum(sizes) == 5000
    assert all(70 <= each <= 130 for each in sizes[:-1])
    assert len(set(sizes)) > 10
    assert ticket.order.average_price == 140.0


def test_all_or_none_waits_until_enough_is_shown():
    core, gate, _ = quiet()
    ticket = gate.submit_order(order(order_type="limit", limit_price=151.0, quantity=500, all_or_none=True))
    assert (status(ticket), shown(core, ticket)) == ("NEW", [])
    show(core, 149, 151, 499)
    show(core, 149, 151.01, 5000)
    assert shown(core, ticket) == []
    show(core, 149, 150.5, 500)
    assert shown(core, ticket) == [(500, "PENDING_NEW")]
    child = core.get_order(int(ticket) + 1)
    assert (child.time_in_force, child.limit_price) == ("FOK", 150.5)
    tell(core, child.order_id, EXEC_CANCELED)  # somebody was faster: it waits on
    assert status(ticket) == "NEW"
    show(core, 149, 150.75, 600)
    tell(core, int(ticket) + 2, EXEC_TRADE, quantity=500, price=150.75)
    assert (status(ticket), core.portfolio.position("AAPL")) == ("FILLED", (500, 0, 0))


def test_min_quantity_takes_no_less():
    core, gate, _ = quiet()
    ticket = gate.submit_order(order(order_type="limit", limit_price=151.0, quantity=500, min_quantity=200))
    show(core, 149, 151, 199)
    assert shown(core, ticket) == []
    show(core, 149, 151, 250)
    tell(core, int(ticket) + 1, EXEC_TRADE, quantity=250, price=151.0)
    assert (status(ticket), ticket.order.leaves_quantity) == ("PARTIALLY_FILLED", 250)
    gate.submit_order(resting())
    core.cancel(int(ticket))
    assert status(ticket) == "CANCELED"
    assert core.portfolio.position("AAPL") == (250, 100, 0)


def test_all_or_none_at_once_is_fill_or_kill():
    _, gate, _ = quiet()
    assert gate.submit_order(order(all_or_none=True, time_in_force="IOC")).order.time_in_force == "FOK"


# ---- time


def test_gtd_expires_when_its_time_has_come():
    core, gate, _ = quiet()
    at = datetime.fromtimestamp((START_NS + 60 * SECOND) / 1e9, UTC)
    rests, held = (
        gate.submit_order(resting(time_in_force="GTD", expire_time=at)),
        gate.submit_order(
            order(order_type="stop", stop_price=160.0, time_in_force="GTD", expire_time=START_NS + 30 * SECOND)
        ),
    )
    later(core, 30 * SECOND - 1)
    assert status(held) == "NEW"
    later(core, 1)
    assert (status(held), held.order.reason, status(rests)) == ("EXPIRED", Reason.TIME_EXPIRED, "PENDING_NEW")
    later(core, 30 * SECOND)
    assert status(rests) == "PENDING_CANCEL"  # not before the venue has said so
    tell(core, rests, EXEC_CANCELED)
    assert (status(rests), rests.order.reason, core.portfolio.position("AAPL")) == (
        "EXPIRED",
        Reason.TIME_EXPIRED,
        (0, 0, 0),
    )


def test_an_expiry_is_asked_for_again_when_it_was_refused():
    core, gate, manager = quiet()
    first, second = (
        gate.submit_order(resting(time_in_force="GTD", expire_time=START_NS + 10 * SECOND)) for _ in range(2)
    )
    for each in (first, second):
        tell(core, each, EXEC_NEW)
    later(core, 5 * SECOND)
    manager.cancel_order(first)
    later(core, 6 * SECOND)  # its time comes while the cancel is under way
    for each in (first, second):
        assert status(each) == "PENDING_CANCEL"
        tell(core, each, EXEC_CANCEL_REJECTED, reason=400)
        assert status(each) == "NEW"
    later(core, 2 * SECOND)
    for each in (first, second):
        assert status(each) == "PENDING_CANCEL"
        tell(core, each, EXEC_CANCELED)
        assert (status(each), each.order.reason) == ("EXPIRED", Reason.TIME_EXPIRED)
    records = core.journal.records
    later(core, 60 * SECOND)
    assert core.journal.records == records


@pytest.mark.parametrize("revised", [BUST, CORRECT])
def test_a_revision_counts_in_the_day_of_its_execution(revised, tmp_path):
    """What an earlier day has traded is that day's: a bust of it today takes nothing from what today may trade."""
    core, gate, _ = quiet(path=str(tmp_path / "log"))
    close = START_NS + 100 * SECOND
    core.set_calendar(core.instruments.calendars.text(0), [START_NS - 1, close])
    old = gate.submit_order(resting(time_in_force="GTC"))
    tell(core, old, EXEC_TRADE, quantity=10, price=140.0, execution_id=7)
    later(core, 200 * SECOND)
    tell(core, old, EXEC_TRADE, quantity=20, price=140.0, execution_id=8)
    traded = core.portfolio.account()["traded_e9"]
    assert traded == 20 * 140 * E9

    def revise(of):
        row = report(core, int(old), revised, quantity=5, price=130.0)
        row["bid_e9"] = of
        core.report(row)

    revise(7)
    assert core.portfolio.account()["traded_e9"] == traded
    revise(8)
    today = core.portfolio.account()["traded_e9"]
    assert today == (5 * 130 * E9 if revised == CORRECT else 0)
    position = core.portfolio.position("AAPL")
    core.close()
    again, _ = make_core(silent=True, path=str(tmp_path / "log"), limits={})
    assert again.portfolio.position("AAPL") == position
    assert again.portfolio.account()["traded_e9"] == today


def test_what_has_expired_already_is_refused():
    _, gate, _ = quiet()
    with pytest.raises(OrderRejected) as caught:
        gate.submit_order(order(order_type="stop", stop_price=160.0, time_in_force="GTD", expire_time=1))
    assert caught.value.reason is Reason.TIME_EXPIRED


def test_day_orders_expire_at_each_close_half_days_too():
    core, gate, _ = quiet()
    name = core.instruments.calendars.text(0) if hasattr(core.instruments.calendars, "text") else ""
    close, half = START_NS + 6 * 3600 * SECOND, START_NS + 27 * 3600 * SECOND
    core.set_calendar(name, [START_NS - 1, close, half])
    held = gate.submit_order(order(order_type="stop", stop_price=160.0, time_in_force="DAY"))
    kept = gate.submit_order(order(order_type="stop", stop_price=161.0, time_in_force="GTC"))
    parent = gate.submit_order(order(order_type="limit", limit_price=140.0, all_or_none=True))
    assert core.portfolio.account()["orders_today"] == 3
    later(core, close - core.clock.now_ns() - 1)
    assert (status(held), status(parent)) == ("NEW", "NEW")
    later(core, 1)
    assert (status(held), status(parent), status(kept)) == ("EXPIRED", "EXPIRED", "NEW")
    assert core.portfolio.account()["orders_today"] == 0  # a new day
    tomorrow = gate.submit_order(order(order_type="stop", stop_price=160.0))
    later(core, half - core.clock.now_ns())
    assert (status(tomorrow), status(kept)) == ("EXPIRED", "NEW")


# ---- a venue that does not answer


def test_an_order_without_an_answer_is_unknown_and_counts_in_full():
    core, gate, _ = quiet()
    core.set_timeout(5 * SECOND)
    ticket, heard = gate.submit_order(resting()), gate.submit_order(resting())
    tell(core, heard, EXEC_NEW)
    later(core, 5 * SECOND - 1)
    assert status(ticket) == "PENDING_NEW"
    later(core, 1)
    assert (status(ticket), status(heard)) == ("UNKNOWN", "NEW")
    assert core.portfolio.position("AAPL") == (0, 200, 0)
    later(core, 3600 * SECOND)
    assert (status(ticket), status(heard)) == ("UNKNOWN", "NEW")  # it never ends anything
    tell(core, ticket, EXEC_TRADE, quantity=100, price=140.0)
    assert (status(ticket), core.portfolio.position("AAPL")) == ("FILLED", (100, 100, 0))


@pytest.mark.parametrize("fills_between", [False, True])
def test_a_cancel_without_an_answer_can_be_asked_for_again(fills_between):
    core, gate, manager = quiet()
    core.set_timeout(5 * SECOND)
    ticket = gate.submit_order(resting())
    tell(core, ticket, EXEC_NEW)
    manager.cancel_order(ticket)
    later(core, 2 * SECOND)
    if fills_between:
        tell(core, ticket, EXEC_TRADE, quantity=30, price=140.0)  # no answer to the cancel
    later(core, 8 * SECOND)
    assert status(ticket) == "UNKNOWN"
    manager.cancel_order(ticket)
    assert status(ticket) == "PENDING_CANCEL"
    tell(core, ticket, EXEC_CANCELED)
    assert (status(ticket), core.portfolio.position("AAPL")[1]) == ("CANCELED", 0)


@pytest.mark.parametrize("then", ["cancel", "time"])
def test_a_replace_without_an_answer_is_reserved_until_it_has_one(then):
    core, gate, manager = quiet()
    core.set_timeout(5 * SECOND)
    ticket = gate.submit_order(resting())
    tell(core, ticket, EXEC_NEW)
    manager.replace_order(ticket, quantity=400, limit_price=145.0)
    assert (core.portfolio.position("AAPL"), core.portfolio.account()["reserved_e9"]) == ((0, 400, 0), 400 * 145 * E9)
    if then == "cancel":
        manager.cancel_order(ticket)
    else:
        later(core, 5 * SECOND)
        assert status(ticket) == "UNKNOWN"
    assert core.portfolio.position("AAPL") == (0, 400, 0)
    tell(core, ticket, REPLACED, quantity=400, price=145.0)
    assert (ticket.order.quantity, ticket.order.limit_price) == (400, 145.0)
    assert status(ticket) == ("PENDING_CANCEL" if then == "cancel" else "NEW")
    tell(core, ticket, EXEC_TRADE, quantity=400, price=145.0)
    assert core.statistics()["overfills"] == 0


def test_the_refusal_of_a_replace_does_not_answer_the_cancel_behind_it():
    core, gate, manager = quiet()
    ticket = gate.submit_order(resting())
    tell(core, ticket, EXEC_NEW)
    manager.replace_order(ticket, quantity=400)
    manager.cancel_order(ticket)
    tell(core, ticket, EXEC_CANCEL_REJECTED)
    assert (status(ticket), core.portfolio.position("AAPL")) == ("PENDING_CANCEL", (0, 100, 0))
    tell(core, ticket, EXEC_CANCEL_REJECTED)
    assert status(ticket) == "NEW"


# ---- revisions


@pytest.mark.parametrize("reference", ["canceled", "acknowledged", "bust"])
def test_a_bust_of_what_was_no_execution_takes_nothing_back(reference):
    core, gate, _ = quiet()
    ticket = gate.submit_order(resting())
    tell(core, ticket, EXEC_NEW, execution_id=1)
    tell(core, ticket, EXEC_TRADE, quantity=40, price=140.0, execution_id=2)
    tell(core, ticket, BUST, execution_id=3, price=None)  # of execution 0, which is not there
    tell(core, ticket, EXEC_CANCELED, quantity=60, execution_id=4)
    before = core.portfolio.account(), core.portfolio.positions()
    row = report(core, int(ticket), BUST, execution_id=5)
    row["bid_e9"] = {"canceled": 4, "acknowledged": 1, "bust": 3}[reference]
    core.report(row)
    assert (core.portfolio.account(), core.portfolio.positions()) == before
    assert core.statistics()["unknown_reports"] == 2


def test_a_correction_to_the_whole_order_fills_it():
    core, gate, _ = quiet()
    ticket = gate.submit_order(resting())
    tell(core, ticket, EXEC_TRADE, quantity=40, price=140.0, execution_id=2)
    row = report(core, int(ticket), CORRECT, quantity=100, price=139.0, execution_id=3)
    row["bid_e9"] = 2
    core.report(row)
    done = ticket.order
    assert (str(done.status), done.filled_quantity, done.leaves_quantity, done.average_price) == (
        "FILLED",
        100,
        0,
        139.0,
    )
    assert core.portfolio.position("AAPL") == (100, 0, 0)


def test_a_late_fill_of_one_child_does_not_hide_what_the_other_can_still_fill():
    core, _, _ = quiet()
    parent = core.submit_parent(order(quantity=100), "twap")
    first = core.submit_child(int(parent), 100, 140 * E9)
    tell(core, first, EXEC_CANCELED)
    second = core.submit_child(int(parent), 100, 140 * E9)
    tell(core, first, EXEC_TRADE, quantity=60, price=140.0)  # late
    assert (parent.order.leaves_quantity, core.portfolio.position("AAPL")) == (40, (60, 100, 0))
    tell(core, second, EXEC_TRADE, quantity=100, price=140.0)
    assert core.portfolio.position("AAPL") == (160, 0, 0)
    assert [each["name"] for each in core.latches()] == ["overfill"]
    with pytest.raises(OrderRejected):
        core.submit_parent(order(), "twap")


# ---- lists


def test_one_cancels_the_other_also_when_both_fill():
    core, _, manager = quiet()
    first, second = manager.submit_order_list([resting(), order(order_type="stop", stop_price=160.0)], "oco")
    tell(core, first, EXEC_TRADE, quantity=1, price=140.0)
    assert (status(first), status(second)) == ("PARTIALLY_FILLED", "CANCELED")
    first, second = manager.submit_order_list([resting(), resting(limit_price=141.0)], "oco")
    tell(core, first, EXEC_TRADE, quantity=1, price=140.0)
    assert status(second) == "PENDING_CANCEL"
    tell(core, second, EXEC_TRADE, quantity=100, price=141.0)
    tell(core, second, EXEC_CANCEL_REJECTED)
    assert core.portfolio.position("AAPL")[0] == 102
    assert status(second) == "FILLED"


@pytest.mark.parametrize("word", [EXEC_REJECTED, EXEC_CANCELED, EXEC_EXPIRED])
def test_what_waits_for_an_entry_that_ends_without_fills_ends_too(word):
    core, _, manager = quiet()
    entry, leave = manager.submit_order_list([resting(), order(side="sell")], "oto")
    assert core.portfolio.position("AAPL") == (0, 100, 0)  # what waits reserves nothing
    tell(core, entry, word)
    assert (status(leave), leave.order.reason, core.portfolio.position("AAPL")) == (
        "CANCELED",
        Reason.CONTINGENCY,
        (0, 0, 0),
    )


def test_a_bracket_stands_for_what_has_filled():
    core, _, manager = quiet()
    entry, take, stop = manager.submit_order_list(
        [
            resting(),
            order(side="sell", order_type="limit", limit_price=170.0),
            order(side="sell", order_type="stop", stop_price=130.0, trigger="bid_ask"),
        ],
        "bracket",
    )
    tell(core, entry, EXEC_TRADE, quantity=40, price=140.0)
    assert [(status(each), each.order.quantity) for each in (take, stop)] == [("PENDING_NEW", 40), ("NEW", 40)]
    tell(core, take, EXEC_NEW)
    tell(core, entry, EXEC_TRADE, quantity=60, price=140.0)
    assert [(status(each), each.order.quantity) for each in (take, stop)] == [("PENDING_REPLACE", 40), ("NEW", 100)]
    tell(core, take, REPLACED, quantity=100)
    tell(core, take, EXEC_TRADE, quantity=70, price=170.0)
    assert stop.order.quantity == 30
    show(core, 129, 131)
    assert status(stop) == "PENDING_NEW"
    tell(core, stop, EXEC_TRADE, quantity=30, price=129.0)
    assert (status(take), status(stop), core.portfolio.position("AAPL")[0]) == ("PENDING_CANCEL", "FILLED", 0)
    tell(core, take, EXEC_CANCELED)
    assert core.portfolio.position("AAPL") == (0, 0, 0)


def test_an_exit_that_would_open_is_rejected_when_it_is_armed():
    core, gate, manager = quiet(positions={"AAPL": -100})
    entry, leave = manager.submit_order_list([resting(), order(side="sell", reduce_only=True)], "oto")
    tell(core, entry, EXEC_TRADE, quantity=100, price=140.0)  # flat now: nothing to reduce
    assert (status(leave), leave.order.reason) == ("REJECTED", Reason.REDUCE_ONLY)
    assert core.portfolio.position("AAPL") == (0, 0, 0)
    assert gate.submit_order(resting())


def test_what_is_armed_under_a_reduction_must_reduce():
    core, _, manager = quiet()
    entry, more = manager.submit_order_list([resting(), resting()], "oto")
    manager.reduce("symbol:AAPL", "a test")
    tell(core, entry, EXEC_TRADE, quantity=100, price=140.0)
    assert (status(more), more.order.reason) == ("REJECTED", Reason.REDUCING)


# ---- stops of everything


@pytest.mark.parametrize(
    ("scope", "stopped", "free"),
    [
        ("engine", {"symbol": "MSFT"}, None),
        ("symbol:AAPL", {}, {"symbol": "MSFT"}),
        ("strategy:alpha", {"strategy": "alpha"}, {"strategy": "beta"}),
        ("account:1", {"account": 1}, {}),
    ],
)
def test_a_kill_stops_its_scope_until_it_is_reset(scope, stopped, free):
    core, gate, manager = quiet()
    mine = gate.submit_order(resting(**stopped, order_type="limit"))
    held = gate.submit_order(order(order_type="stop", stop_price=500.0, **stopped))
    other = None if free is None else gate.submit_order(resting(**free))
    told = manager.kill(scope, "a test")
    assert sorted(told.order_ids) == [int(mine), int(held)]
    assert (told.unconfirmed(), told.is_confirmed, told.refused) == ([int(mine)], False, 0)
    assert status(held) == "CANCELED"
    with pytest.raises(OrderRejected) as caught:
        gate.submit_order(resting(**stopped))
    assert caught.value.reason is Reason.KILLED
    if other is not None:
        assert status(other) == "PENDING_NEW"
        gate.submit_order(resting(**free))
    tell(core, mine, EXEC_CANCELED)
    assert told.is_confirmed
    manager.reset_kill(scope, "all is well")
    gate.submit_order(resting(**stopped))
    with pytest.raises(KeyError):
        manager.reset_kill(scope, "twice")


def test_a_stopped_venue_takes_nothing_not_even_exits():
    core, gate, manager = quiet(positions={"AAPL": 100})
    for name in core.venues.names:
        manager.kill(f"venue:{name}", "a test")
    with pytest.raises(OrderRejected):
        gate.submit_order(order(side="sell", reduce_only=True))
    manager.reset_kill("venue:IEX", "a test")
    show(core, 149, 151, venue="IEX")
    assert gate.submit_order(order(side="sell", reduce_only=True)).order.venue == "IEX"


def test_exits_pass_a_kill_and_reduce_only_counts_what_is_open():
    core, gate, manager = quiet(positions={"AAPL": 100})
    manager.kill("engine", "a test")
    assert manager.trading_state == "HALTED"
    exits = gate.submit_order(order(side="sell", quantity=60, reduce_only=True))
    with pytest.raises(OrderRejected) as caught:
        gate.submit_order(order(side="sell", quantity=41, reduce_only=True))
    assert caught.value.reason is Reason.REDUCE_ONLY
    gate.submit_order(order(side="sell", quantity=40, reduce_only=True))
    tell(core, exits, EXEC_TRADE, quantity=60, price=150.0)
    assert core.portfolio.position("AAPL") == (40, 0, 40)


def test_a_replace_is_checked_like_an_order():
    core, gate, manager = quiet(limits={"default_position": 300})
    ticket = gate.submit_order(resting())
    tell(core, ticket, EXEC_NEW)
    with pytest.raises(RiskLimitBreached) as caught:
        manager.replace_order(ticket, quantity=301)
    assert caught.value.failed_checks
    assert status(ticket) == "NEW"
    manager.replace_order(ticket, quantity=300)
    with pytest.raises(OrderStateError):
        manager.replace_order(ticket, quantity=200)
    tell(core, ticket, EXEC_CANCEL_REJECTED)
    assert core.portfolio.position("AAPL") == (0, 100, 0)


# ---- restarts and days lived again


@pytest.mark.parametrize("snapshots", [False, True])
def test_held_orders_lists_and_latches_stand_over_a_restart(tmp_path, snapshots):
    core, gate, manager = quiet(path=tmp_path / "log", ring_bytes=1 << 22)
    stop = gate.submit_order(order(order_type="stop", stop_price=160.0, trigger="bid_ask", time_in_force="GTC"))
    trail = gate.submit_order(order(side="sell", order_type="trailing_stop", trailing_bps=50, trigger="mid"))
    gtd = gate.submit_order(
        order(order_type="stop", stop_price=170.0, time_in_force="GTD", expire_time=START_NS + 60 * SECOND)
    )
    whole = gate.submit_order(order(order_type="limit", limit_price=140.0, quantity=5000, all_or_none=True))
    entry, leave = manager.submit_order_list([order(order_type="stop", stop_price=165.0), order(side="sell")], "oto")
    show(core, 151, 153)
    manager.kill("symbol:JPM", "over night")
    if snapshots:
        snapshot(core)
    manager.reduce("account:3", "over night")
    before, tickets = state_hash(core), (stop, trail, gtd, whole, entry, leave)
    seen = [repr(each.order.to_dict()) for each in tickets]
    core.close()
    again, _ = make_core(
        silent=True,
        limits={},
        path=tmp_path / "log",
        ring_bytes=1 << 22,
        clock=NativeClock(simulated=True, start_ns=START_NS),
    )
    assert state_hash(again) == before
    assert [repr(again.get_order(int(each)).to_dict()) for each in tickets] == seen
    manager = OrderManager(engine=again)
    assert {(each.name, each.action) for each in manager.kill_switches()} == {
        ("symbol:JPM", "kill"),
        ("account:3", "reduce"),
    }
    assert again.get_order(int(trail)).stop_price == 151.24
    show(again, 151, 153)
    later(again, 60 * SECOND)
    assert str(again.get_order(int(gtd)).status) == "EXPIRED"
    show(again, 158, 160)
    assert str(again.get_order(int(stop)).status) == "PENDING_NEW"
    show(again, 130, 139, 6000)
    assert str(again.get_order(int(trail)).status) == "PENDING_NEW"
    assert again.get_order(int(whole)).working_quantity == 5000
    manager.cancel_order(int(entry))
    assert [str(again.get_order(int(each)).status) for each in (entry, leave)] == ["CANCELED", "CANCELED"]


def test_a_day_with_held_orders_is_the_same_bit_for_bit(tmp_path):
    """The log of such a day, made again from its own submissions and the captured market."""
    same = {"limits": {}, "order_types": ["market", "limit"]}
    core, gate = make_core(capture=tmp_path / "c", seed=5, events_per_second=200.0, **same)
    manager = OrderManager(engine=core)
    later(core, SECOND)
    for away in range(1, 7):
        quote = core.quote("AAPL")
        up, down = quote.ask_e9 / E9 + away / 100, quote.bid_e9 / E9 - away / 100
        up, down = round(up, 2), round(down, 2)
        gate.submit_order(order(order_type="stop", stop_price=up, trigger=("last", "bid_ask", "mid")[away % 3]))
        gate.submit_order(
            order(side="sell", order_type="trailing_stop", trailing_amount=0.02 * away, trigger="bid_ask")
        )
        gate.submit_order(order(order_type="limit_if_touched", stop_price=down, limit_price=down))
        gate.submit_order(
            order(order_type="iceberg", limit_price=up, quantity=900, display_quantity=100, display_spread=0.2)
        )
        gate.submit_order(order(order_type="limit", limit_price=up, quantity=300 * away, all_or_none=True))
        gate.submit_order(
            order(order_type="stop", stop_price=up + 9, time_in_force="GTD", expire_time=core.clock.now_ns() + SECOND)
        )
        manager.submit_order_list(
            [
                order(order_type="limit", limit_price=up),
                order(side="sell", order_type="limit", limit_price=round(up + 0.02, 2)),
                order(side="sell", order_type="stop", stop_price=round(down - 0.02, 2)),
            ],
            "bracket",
        )
        for each in core.open_orders()[:3]:
            try:
                manager.replace_order(each.order_id, quantity=each.quantity + 10)
                manager.cancel_order(each.order_id)
            except OrderStateError:
                pass
        later(core, SECOND)
    manager.kill("engine", "the day is over")
    later(core, SECOND)
    requests = [int(record["row"]["kind"]) for _, kind, record in core.journal.scan() if kind == 6]
    assert {1, 5, 6, 7, 8, 9} <= set(requests)  # cancel, expire, amend, trigger, trail, activate
    core.flush_capture()
    result = reexecute(
        core.journal, tmp_path / "c", build=lambda known: make_core(recorded=True, start_ns=0, **same)[0]
    )
    assert result.differences == []
    assert result.sha256 == (core.journal.sha256(), core.journal.sha256())


# ---- what is told


def test_the_reports_of_a_ticket_and_the_account_of_an_order():
    core, gate, manager = quiet()
    ticket = gate.submit_order(resting(strategy="alpha", tags="x"))
    tell(core, ticket, EXEC_NEW)
    tell(core, ticket, EXEC_TRADE, quantity=40, price=140.0)
    manager.replace_order(ticket, quantity=80, limit_price=141.0)
    tell(core, ticket, REPLACED, quantity=80, price=141.0)
    tell(core, ticket, EXEC_TRADE, quantity=40, price=141.0)

    async def listen():
        return [each async for each in ticket.reports()]

    heard = asyncio.run(listen())
    assert [(str(each.exec_type), each.quantity, each.leaves_quantity, str(each.status)) for each in heard] == [
        ("NEW", 0, 100, "NEW"),
        ("TRADE", 40, 60, "PARTIALLY_FILLED"),
        ("REPLACED", 80, 40, "PARTIALLY_FILLED"),
        ("TRADE", 40, 0, "FILLED"),
    ]
    account = manager.explain(ticket)
    assert (account.order_id, account.status, account.terms["quantity"]) == (int(ticket), "FILLED", 100)
    assert [each.status for each in account.history] == [
        "PENDING_NEW",
        "NEW",
        "PARTIALLY_FILLED",
        "PENDING_REPLACE",
        "PARTIALLY_FILLED",
        "FILLED",
    ]
    assert "FILLED" in str(account)
    assert [
        each.order_id for each in manager.find_orders(strategy="alpha", tag="x", status="FILLED", symbol="AAPL")
    ] == [int(ticket)]
    assert (
        manager.find_orders(strategy="nobody")
        == manager.find_orders(status="NEW")
        == manager.find_orders(account=5)
        == []
    )
    with pytest.raises(ValueError, match="status is 'OPEN'"):
        manager.find_orders(status="OPEN")


def test_a_refusal_is_explained_too():
    _, gate, manager = quiet(limits={"default_position": 50})
    with pytest.raises(RiskLimitBreached) as caught:
        gate.submit_order(resting())
    account = manager.explain(caught.value.order_id)
    assert account.status == "REJECTED"
    assert [(each.name, each.used, each.limit, each.passed) for each in account.checks] == [
        ("position", 100.0, 50.0, False)
    ]


def test_the_rows_of_a_replace_in_the_log():
    core, gate, manager = quiet()
    ticket = gate.submit_order(resting())
    tell(core, ticket, EXEC_NEW)
    manager.replace_order(ticket, limit_price=141.0)
    row = next(record["row"] for _, kind, record in core.journal.scan() if kind == 6)
    assert (int(row["kind"]), int(row["quantity"]), int(row["price_e9"])) == (4, 100, 141 * E9)
    tell(core, ticket, REPLACED, quantity=100, price=141.0)
    core.orders.rows()
    assert ticket.order.limit_price_e9 == 141 * E9 != NO_PRICE
    assert np.count_nonzero(core.orders_array()["working_quantity"]) == 0


# ---- what a stranger found


@pytest.mark.parametrize("kind", ["oto", "bracket"])
def test_a_waiting_orders_venue_is_refused_by_name(kind):
    _, _, manager = quiet()
    exits = [
        order(side="sell", order_type="limit", limit_price=160.0, venue="NYSE"),
        order(side="sell", order_type="stop", stop_price=140.0),
    ]
    with pytest.raises(OrderValidationError, match="venue is named"):
        manager.submit_order_list([resting(), *exits[: 2 if kind == "bracket" else 1]], kind)
    pair = [resting(venue="NYSE"), resting(limit_price=141.0, venue="ARCA")]
    assert [ticket.order.venue for ticket in manager.submit_order_list(pair, "oco")] == ["NYSE", "ARCA"]


def test_an_iceberg_that_the_engine_works_has_no_venue():
    _, gate, _ = quiet()
    terms = {"order_type": "iceberg", "display_quantity": 10, "display_spread": 0.1, "venue": "NYSE"}
    with pytest.raises(OrderValidationError, match="does not go with venue"):
        gate.submit_order(resting(**terms))


def test_reductions_do_not_go_through_zero():
    core, gate, manager = quiet(positions={"AAPL": 500})
    manager.reduce("engine", "calm")
    with pytest.raises(OrderRejected, match="reduc"):
        gate.submit_order(order(side="sell", quantity=501))
    assert status(gate.submit_order(order(side="sell", quantity=400))) == "PENDING_NEW"
    with pytest.raises(OrderRejected):
        gate.submit_order(order(side="sell", quantity=101))  # 400 are open already
    with pytest.raises(OrderRejected):
        gate.submit_order(order(side="buy", quantity=1))
    assert core.portfolio.position("AAPL") == (500, 0, 400)


def test_a_replace_that_changes_nothing_or_goes_against_the_trail_says_so():
    core, gate, manager = quiet()
    limit = gate.submit_order(resting())
    tell(core, limit, EXEC_NEW)
    for same in ({"quantity": 100}, {"limit_price": 140.0}, {"quantity": 100, "limit_price": 140.0}):
        with pytest.raises(OrderValidationError, match="these terms already"):
            manager.replace_order(limit, **same)
    trailing = gate.submit_order(order(side="sell", order_type="trailing_stop", trailing_amount=1.0, trigger="bid_ask"))
    core.advance()
    stop = trailing.order.stop_price
    with pytest.raises(OrderValidationError, match="trails"):
        manager.replace_order(trailing, stop_price=stop - 1)
    manager.replace_order(trailing, stop_price=stop + 0.5)
    assert trailing.order.stop_price == stop + 0.5
