"""Own orders over a recording by order equal the plain twin: the same fills, the same places in every queue."""

from __future__ import annotations

import contextlib
import os
import random

import pytest
from reference.replay import Market as Twin
from support_replay import ADD, DELETE, EXECUTE, HALT, HIDDEN, REDUCE, TICK, at, engine, order, recording

from grandmodel.execution import OrderStateError
from grandmodel.execution._core.lobster import HALTED, QUOTING_RESUMED, TRADING_RESUMED
from grandmodel.execution._core.records import NO_PRICE


def wild_day(draw, count):
    """A recording by order: orders come (some lock or cross the book), shrink, leave and trade, also
    hidden, and trading halts. [(action, id, side, ticks, quantity), ...]; of a halt the quantity is its state."""
    book = {1: {}, -1: {}}  # side -> ticks -> [[id, quantity], ...]
    rows, next_id, halted = [], 1, False
    while len(rows) < count:
        side = draw.choice((1, -1))
        levels, other = book[side], book[-side]
        kind = draw.random()
        if kind < 0.02 or (halted and kind < 0.2):
            state = draw.choice((QUOTING_RESUMED, TRADING_RESUMED)) if halted else HALTED
            halted = state != TRADING_RESUMED
            rows.append((HALT, 0, 0, 0, state))
        elif kind < 0.5 or not levels:
            beyond = draw.randrange(3) if draw.random() < 0.02 else -draw.randrange(1, 7)
            best = (min(other) if side > 0 else max(other)) if other else 110
            quantity = draw.randrange(1, 120)
            levels.setdefault(best + side * beyond, []).append([next_id, quantity])
            rows.append((ADD, next_id, side, best + side * beyond, quantity))
            next_id += 1
        else:
            best = max(levels) if side > 0 else min(levels)
            ticks = best if kind < 0.75 else draw.choice(sorted(levels))
            entry = levels[ticks][0] if kind < 0.75 else draw.choice(levels[ticks])
            if 0.7 < kind < 0.75:
                rows.append((HIDDEN, 0, side, best + draw.choice((-1, -0.5, 0, 0.5, 1)), draw.randrange(1, 90)))
                continue
            quantity = entry[1] if kind > 0.9 else draw.randrange(1, entry[1] + 1)
            action = EXECUTE if kind < 0.7 else DELETE if quantity == entry[1] else REDUCE
            rows.append((action, entry[0], side, ticks, quantity))
            entry[1] -= quantity
            if entry[1] == 0:
                levels[ticks].remove(entry)
                if not levels[ticks]:
                    del levels[ticks]
    return rows


def messages_of(rows):
    messages = recording(*rows)
    for message, row in zip(messages, rows, strict=True):
        if row[0] == HALT:
            message["flags"], message["quantity"], message["price_e9"] = row[4], 0, NO_PRICE
    return messages


def told(twin, row):
    """One recorded row, told to the twin."""
    action, order_id, side, ticks, quantity = row
    if action == HALT:
        twin.halted = quantity != TRADING_RESUMED
    elif action == ADD:
        twin.add(order_id, side, ticks, quantity)
    elif action == HIDDEN:
        twin.trade(side, ticks, quantity)
    else:
        if action == EXECUTE:
            twin.trade(side, ticks, quantity)
        twin.leave(order_id, quantity)


def sent(draw, twin):
    """Terms of an own order: (side, quantity, ticks, time in force, display, post-only)."""
    side = draw.choice((1, -1))
    near = twin.best(side) or twin.best(-side) or (110, 0)
    ticks = draw.choice((None, *range(near[0] - 3, near[0] + 4)))
    tif = draw.choice(("DAY", "DAY", "DAY", "DAY", "IOC", "FOK"))
    quantity = draw.randrange(1, 200)
    rests = ticks is not None and tif == "DAY"
    return (
        side,
        quantity,
        ticks,
        tif,
        min(quantity, draw.choice((0, 0, 7, 30))) if rests else 0,
        rests and draw.random() < 0.1,
    )


def day_against_twin(seed, count):
    """How many fills there were, resting and taking."""
    draw = random.Random(seed)
    rows = wild_day(draw, count)
    core, gate = engine(messages_of(rows))
    twin, filled, live = Twin(), {}, []
    for second, row in enumerate(rows, 1):
        at(core, second)
        told(twin, row)
        if draw.random() < 0.4:
            side, quantity, ticks, tif, display, post_only = sent(draw, twin)
            more = {"order_type": "iceberg", "display_quantity": display} if display else {}
            terms = {**order("buy" if side > 0 else "sell", quantity, ticks, time_in_force=tif), **more}
            mine = gate.submit_order({**terms, "post_only": True} if post_only else terms).order_id
            found = twin.submit(mine, side, quantity, ticks, tif, display, post_only)
            status = str(core.get_order(mine).status)
            assert (status == "REJECTED", status == "CANCELED") == (found == "REJECTED", found == "CANCELED"), (
                second,
                terms,
            )
            live.append(mine)
        elif live and draw.random() < 0.3:
            mine = live.pop(draw.randrange(len(live)))
            own = twin.find(mine)
            if own is not None and draw.random() < 0.5:
                core.cancel(mine)
                twin.cancel(mine)
            elif own is not None:
                left, ticks = draw.choice(
                    ((own.open, own.tick + own.side), ((own.open + 1) // 2, own.tick), (own.open + 9, own.tick))
                )
                if (left, ticks) == (own.open, own.tick):  # of one share the half is that: nothing would change
                    left += 1
                done = core.get_order(mine).filled_quantity
                taken = twin.replace(mine, left, ticks)
                with (
                    contextlib.nullcontext()
                    if taken
                    else pytest.raises(OrderStateError, match="did not take the replace")
                ):
                    core.replace(mine, quantity=done + left, limit_price_e9=ticks * TICK)
                live.append(mine)
        for own in twin.own():
            assert core.market.queue_ahead(own.order_id) == twin.ahead(own), (second, own.order_id)
        quote = core.quote("X")
        for side, price_e9, quantity in ((1, quote.bid_e9, quote.bid_quantity), (-1, quote.ask_e9, quote.ask_quantity)):
            best = twin.best(side)
            assert best == (None if price_e9 is None else (price_e9 // TICK, quantity)), second
        core.market.check_invariants()
    names = {1: "added", 2: "removed"}
    got = [
        (int(f["order_id"]), int(f["price_e9"]) // TICK, int(f["quantity"]), names[int(f["liquidity"])])
        for f in core.fills()
    ]
    assert got == twin.fills
    depth = {
        side: {price // TICK: quantity for price, quantity, _ in levels}
        for side, levels in zip((1, -1), core.market.depth(1000), strict=True)
    }
    assert depth == {side: twin.recorded(side) for side in (1, -1)}
    core.close()
    for fill in got:
        filled[fill[3]] = filled.get(fill[3], 0) + 1
    return filled


@pytest.mark.parametrize("seed", range(12))
def test_the_plain_twin_fills_the_same(seed):
    filled = day_against_twin(seed, 500)
    assert filled["added"] > 10
    assert filled["removed"] > 10


@pytest.mark.skipif(not os.environ.get("GRANDMODEL_LONG"), reason="long form: set GRANDMODEL_LONG=1")
@pytest.mark.parametrize("seed", range(100, 600))
def test_the_plain_twin_fills_the_same_over_many_days(seed):
    day_against_twin(seed, 1000)
