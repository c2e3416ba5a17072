"""A recording by price level: its books stay what they were, and an own order's place is what its model says."""

from __future__ import annotations

import random

import numpy as np
import pytest
from reference.level_replay import Market as Twin
from support import Gate
from support_replay import HALT, TICK, level_engine, level_recording, order

from grandmodel.execution import MarketDataError, OrderStateError, OrderStatus, Reason
from grandmodel.execution._core.lobster import HALTED, TRADING_RESUMED

SET, TRADE, HIDDEN, CROSS, CLEAR = 10, 9, 5, 11, 8
MODELS = [("risk_averse", 2), ("power", 1), ("power", 2), ("power", 3), ("log", 2)]


def ahead(core, order_id):
    return core.market.queue_ahead(order_id, "X", "REC")


def at(core, second):
    core.advance(second * 10**9)


#: 300 at 100 before us, 300 more behind, then 100 leave: f(300 - 100 = 200 ahead), f(300 behind).
@pytest.mark.parametrize(
    ("model", "power", "expected"),
    [
        ("risk_averse", 2, 200.0),
        ("power", 1, 200 - 100 * 200 / 500),
        ("power", 2, 200 - 100 * 200**2 / (200**2 + 300**2)),
        ("log", 2, 200 - 100 * 5.303304908059076 / (5.303304908059076 + 5.707110264748875)),  # ln 201, ln 301
    ],
)
def test_who_cancelled_is_the_models_guess(model, power, expected):
    core, gate = level_engine(
        level_recording(
            (SET, 1, 100, 300), (SET, -1, 105, 100), (SET, 1, 100, 200), (SET, 1, 100, 500), (SET, 1, 100, 400)
        ),
        queue_model=model,
        power=power,
    )
    at(core, 2)
    mine = gate.submit_order(order("buy", 50, 100)).order_id
    assert ahead(core, mine) == 300
    at(core, 3)  # nobody stands behind: whoever left stood before
    assert ahead(core, mine) == 200
    at(core, 4)
    assert ahead(core, mine) == 200
    at(core, 5)
    assert ahead(core, mine) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("model", "power"), MODELS)
def test_a_print_moves_it_on_and_its_fall_is_not_counted_twice(model, power):
    core, gate = level_engine(
        level_recording(
            (SET, 1, 100, 300), (SET, -1, 105, 100), (SET, 1, 100, 500), (TRADE, 1, 100, 120), (SET, 1, 100, 380),
            (TRADE, 1, 100, 200), (SET, 1, 100, 180),
        ),
        queue_model=model,
        power=power,
    )  # fmt: skip
    at(core, 2)
    mine = gate.submit_order(order("buy", 50, 100)).order_id
    at(core, 4)
    assert ahead(core, mine) == 180
    at(core, 5)
    assert ahead(core, mine) == 180
    at(core, 6)  # 180 before it, and 20 of it
    assert core.get_order(mine).filled_quantity == 20
    assert ahead(core, mine) == 0
    at(core, 7)
    assert core.get_order(mine).filled_quantity == 20


def test_a_better_price_is_filled_first_and_a_hidden_print_moves_nobody_on():
    core, gate = level_engine(
        level_recording(
            (SET, 1, 100, 500), (SET, -1, 105, 100), (HIDDEN, 1, 100, 40), (TRADE, 1, 100, 70), (HIDDEN, 1, 101.5, 9),
            (TRADE, 0, 103, 1000), (TRADE, -1, 105, 10), (CROSS, 0, 100, 9999),
        )
    )  # fmt: skip
    at(core, 2)
    level = gate.submit_order(order("buy", 50, 100)).order_id
    better = gate.submit_order(order("buy", 100, 102)).order_id
    at(core, 3)
    assert core.get_order(better).filled_quantity == 40
    assert ahead(core, level) == 500
    at(core, 4)  # 60 of it filled the better order; 10 met the level
    assert core.get_order(better).status is OrderStatus.FILLED
    assert ahead(core, level) == 490
    at(core, 8)
    assert core.get_order(level).filled_quantity == 0
    assert core.market.counters == {"executions": 6, "executed": 11_128, "aside": 1, "problems": 0}


def test_the_other_side_comes_to_an_own_order_and_what_it_had_is_gone():
    core, gate = level_engine(
        level_recording(
            (SET, 1, 100, 500), (SET, -1, 105, 100), (SET, -1, 102, 60), (SET, -1, 102, 80), (SET, -1, 102, 40)
        )
    )
    at(core, 2)
    mine = gate.submit_order(order("buy", 50, 103)).order_id
    at(core, 3)
    assert core.get_order(mine).status is OrderStatus.FILLED
    assert core.get_order(mine).average_price == 1.03  # the resting order's price, ours
    again = gate.submit_order(order("buy", 100, 102, time_in_force="IOC")).order_id
    assert core.get_order(again).filled_quantity == 10
    at(core, 4)  # 20 more came: they are there for us
    again = gate.submit_order(order("buy", 100, 102, time_in_force="IOC")).order_id
    assert core.get_order(again).filled_quantity == 20
    at(core, 5)  # half of the level left, and with it half of what we had taken: nothing is free
    again = gate.submit_order(order("buy", 100, 102, time_in_force="IOC")).order_id
    assert core.get_order(again).filled_quantity == 0
    assert core.market.depth("X", "REC", 1)[1] == [(102 * TICK, 40)]


def test_nothing_is_filled_while_the_book_is_locked_or_half_told():
    messages = level_recording((SET, 1, 100, 500), (SET, -1, 105, 100), (SET, 1, 105, 20), (SET, -1, 104, 30))
    messages[2:]["time_ns"] = 3 * 10**9
    messages[2:]["sequence"] = 9
    messages[2]["flags"] = 0
    core, gate = level_engine(messages)
    at(core, 2)
    mine = gate.submit_order(order("buy", 10, 104)).order_id
    at(core, 3)
    assert core.get_order(mine).filled_quantity == 0
    assert core.get_order(gate.submit_order(order("buy", 10, time_in_force="IOC")).order_id).filled_quantity == 0


def test_a_level_that_is_all_taken_is_quoted_no_more():
    core, gate = level_engine(level_recording((SET, 1, 100, 500), (SET, -1, 105, 100), (SET, -1, 106, 70)))
    at(core, 3)
    for quantity, expected in ((100, (106 * TICK, 70)), (30, (106 * TICK, 40)), (40, (106 * TICK, 0))):
        gate.submit_order(order("buy", quantity))
        quote = core.quote("X")
        assert (quote.ask_e9, quote.ask_quantity) == expected


def test_nothing_trades_in_a_halt():
    messages = level_recording(
        (SET, 1, 100, 500), (SET, -1, 105, 100), (HALT, 0, 0, 0), (TRADE, 1, 99, 40), (SET, -1, 101, 7),
        (HALT, 0, 0, 0), (TRADE, 1, 99, 40),
    )  # fmt: skip
    messages["flags"][2], messages["flags"][5] = HALTED, TRADING_RESUMED
    core, gate = level_engine(messages)
    at(core, 2)
    waits = gate.submit_order(order("buy", 100, 101)).order_id
    at(core, 5)
    assert core.get_order(waits).filled_quantity == 0
    late = core.get_order(gate.submit_order(order("buy", 10)).order_id)
    assert (late.status, late.filled_quantity, late.reason) == (OrderStatus.REJECTED, 0, Reason.NOT_TRADING)
    with pytest.raises(OrderStateError, match="phase"):
        core.replace(waits, limit_price_e9=103 * TICK)
    core.replace(waits, quantity=90)
    at(core, 7)
    assert core.get_order(waits).filled_quantity == 40
    assert core.get_order(gate.submit_order(order("buy", 10)).order_id).filled_quantity == 10


def test_what_the_venue_does_not_take_is_refused_by_name():
    core, gate = level_engine(level_recording((SET, 1, 100, 500), (SET, -1, 105, 100)))
    at(core, 2)
    assert core.get_order(gate.submit_order(order("buy", 10, 105, post_only=True)).order_id).status is (
        OrderStatus.REJECTED
    )
    fok = core.get_order(gate.submit_order(order("buy", 101, 105, time_in_force="FOK")).order_id)
    assert (fok.status, fok.filled_quantity) == (OrderStatus.CANCELED, 0)


def test_replaces_keep_the_place_or_lose_it():
    core, gate = level_engine(level_recording((SET, 1, 100, 300), (SET, -1, 105, 100), (SET, 1, 100, 400)))
    at(core, 2)
    mine = gate.submit_order(order("buy", 100, 100)).order_id
    at(core, 3)
    core.replace(mine, quantity=60)
    assert ahead(core, mine) == 300
    core.replace(mine, quantity=80)
    assert ahead(core, mine) == 400
    core.cancel(mine)
    assert ahead(core, mine) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time_ns": 0}, "message 2: its time"),
        ({"quantity": -1}, "message 2: quantity"),
        ({"symbol": 1}, "message 2: symbol 1"),
        ({"venue": -1}, "message 2: symbol 0 or venue -1"),
        ({"action": 1}, "message 2: action 1"),
        ({"action": 255}, "message 2: action 255"),
        ({"action": TRADE, "quantity": 0}, "message 2: quantity 0"),
    ],
)
def test_messages_that_cannot_be_are_named(change, message):
    messages = level_recording((SET, 1, 100, 100), (SET, -1, 105, 100))
    for name, value in change.items():
        messages[1][name] = value
    with pytest.raises(MarketDataError, match=message):
        level_engine(messages)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue_model": "optimistic"}, "queue_model is 'optimistic', must be one of risk_averse, power, log"),
        ({"power": 0}, "power is 0, must be from 1 to 8"),
        ({"power": 9}, "power is 9"),
        ({"ticks": 5000}, "ticks is 5000"),
    ],
)
def test_options_that_cannot_be_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        level_engine(level_recording((SET, 1, 100, 100)), **options)
    with pytest.raises(TypeError, match="MESSAGE_DTYPE"):
        level_engine(np.zeros(3))


def random_feed(draw, count):
    """A consistent recording by level: (messages as tuples, one a second), each second one event of one or two rows."""
    levels = {side: {best - side * k: draw.randrange(1, 400) for k in range(4)} for side, best in ((1, 100), (-1, 101))}
    events = [[(SET, side, tick, quantity) for side in levels for tick, quantity in levels[side].items()]]
    while len(events) < count:
        side = draw.choice((1, -1))
        mine, other = levels[side], levels[-side]
        best = max(mine, key=lambda tick: side * tick) if mine else None
        edge = min(other, key=lambda tick: side * tick) if other else 101
        kind = draw.random()
        if kind < 0.35 and best is not None:  # somebody takes, and the level says so at once or in the next event
            quantity = draw.randrange(1, mine[best] + 1)
            mine[best] -= quantity
            printed = (TRADE, draw.choice((side, side, 0)), best, quantity)
            said = (SET, side, best, mine[best])
            if mine[best] == 0:
                del mine[best]
            events += [[printed], [said]] if draw.random() < 0.5 else [[printed, said]]
        elif kind < 0.42:  # hidden, between the quotes or at one
            events.append([(HIDDEN, side, edge - side * draw.choice((0.5, 1, 1.5)), draw.randrange(1, 80))])
        elif kind < 0.45:
            events.append([(TRADE, side, edge - side * draw.choice((0.5, 1.5)), draw.randrange(1, 80))])
        elif kind < 0.75:  # a level comes, or grows
            tick = edge - side * draw.randrange(1, 7)
            mine[tick] = mine.get(tick, 0) + draw.randrange(1, 200)
            events.append([(SET, side, tick, mine[tick])])
        elif mine:  # somebody cancels
            tick = draw.choice(sorted(mine))
            mine[tick] -= draw.randrange(1, mine[tick] + 1)
            events.append([(SET, side, tick, mine[tick])])
            if mine[tick] == 0:
                del mine[tick]
    return events[:count]


@pytest.mark.parametrize(("model", "power"), MODELS)
@pytest.mark.parametrize("seed", range(6))
def test_the_plain_twin_fills_the_same(seed, model, power):
    """Random feeds and random own orders: the same fills in the same order, and the same places in every queue."""
    draw = random.Random(f"{seed} {model} {power}")
    events = random_feed(draw, 220)
    rows = [row for event in events for row in event]
    messages = level_recording(*rows)
    place = 0
    for second, event in enumerate(events):
        messages[place : place + len(event)]["time_ns"] = (second + 1) * 10**9
        messages[place : place + len(event)]["sequence"] = second + 1
        messages[place : place + len(event)]["flags"] = 0
        place += len(event)
    core, gate = level_engine(messages, queue_model=model, power=power)
    twin, live = Twin(model, power), []
    for second, event in enumerate(events):
        at(core, second + 1)
        said = [row for row in event if row[0] == SET]
        for action, side, tick, quantity in event:
            if action != SET:
                meant = side or twin_side(twin, tick)
                if meant:
                    twin.print(meant, tick, quantity, hidden=action == HIDDEN)
        if said:
            twin.set_levels([row[1:] for row in said])
        if draw.random() < 0.25:
            side = draw.choice((1, -1))
            tick = draw.choice((None, *range(95, 107)))
            tif = draw.choice(("DAY", "DAY", "DAY", "IOC", "FOK"))
            quantity = draw.randrange(1, 250)
            display = draw.choice((0, 0, 30)) if tick is not None and tif == "DAY" and quantity > 30 else 0
            more = {"order_type": "iceberg", "display_quantity": display} if display else {}
            sent = {**order("buy" if side > 0 else "sell", quantity, tick, time_in_force=tif), **more}
            mine = gate.submit_order(sent).order_id
            twin.submit(mine, side, quantity, tick, tif, display)
            live.append(mine)
        elif live and draw.random() < 0.1:
            mine = live.pop(draw.randrange(len(live)))
            if not core.is_closed(mine):
                core.cancel(mine)
                twin.cancel(mine)
        for own in twin.own:
            assert ahead(core, own.order_id) == pytest.approx(own.ahead, rel=1e-9, abs=1e-9), (second, own)
    fills = core.fills()
    assert [(f["order_id"], f["price_e9"] // TICK, f["quantity"]) for f in fills] == [fill[:3] for fill in twin.fills]
    assert len(fills) > 10
    core.market.check_invariants()
    recorded = {side: {} for side in (1, -1)}
    for event in events:
        for action, side, tick, quantity in event:
            if action == SET:
                recorded[side][tick] = quantity
    bids, asks = core.market.depth("X", "REC", 1000)
    assert dict(bids) == {tick * TICK: q for tick, q in recorded[1].items() if q}
    assert dict(asks) == {tick * TICK: q for tick, q in recorded[-1].items() if q}
    assert core.market.counters["executed"] == sum(row[3] for event in events for row in event if row[0] != SET)


def twin_side(twin, tick):
    bids, asks = twin.levels[1], twin.levels[-1]
    if bids and tick <= max(bids):
        return 1
    return -1 if asks and tick >= min(asks) else 0


def test_two_venues_in_one_recording():
    messages = level_recording((SET, 1, 100, 300), (SET, -1, 105, 100), (SET, 1, 101, 50), (SET, -1, 104, 70))
    messages[2:]["venue"] = 1
    core, gate = level_engine(messages, venues=("REC", "OTHER"))
    at(core, 4)
    quote = core.quote("X")
    assert (quote.bid_e9, quote.ask_e9) == (101 * TICK, 104 * TICK)
    filled = core.get_order(gate.submit_order(order("buy", 70)).order_id)
    assert (filled.average_price, filled.venue) == (1.04, "OTHER")
    assert isinstance(gate, Gate)
