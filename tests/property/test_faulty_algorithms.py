"""Algorithms at venues at a distance, with faults on order, while somebody pauses, amends, halts and cancels: after
every record executed + at work + left is the parent, the core's own invariants hold, no child is beyond the limit, and
each algorithm ends. What a broken connection swallowed stays UNKNOWN until a person has asked the venue, and said in
its place what it had executed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random

import pytest
from support import order
from support_routing import synthetic

from grandmodel.execution import OrderRejected, OrderStateError, OrderStatus, Reason, SmartOrderRouter
from grandmodel.execution._core.records import NO_PRICE, is_booked
from grandmodel.execution.clock import run
from grandmodel.execution.routing.algorithms import make_algorithm
from grandmodel.execution.routing.ticket import AlgorithmTicket

LONG = os.environ.get("GRANDMODEL_LONG") == "1"
SEEDS = range(5000) if LONG else range(160)
CHUNK = 20
TRADE = 2
ORDER, REQUEST, AMEND = 2, 6, 6

WAYS = (
    {"algorithm": "twap"},
    {"algorithm": "vwap"},
    {"algorithm": "vwap", "dynamic": True, "bin_minutes": 0.4},
    {"algorithm": "implementation_shortfall", "forecast_volatility": 0.02},
    {"algorithm": "pov", "participation_rate": 0.2},
    {"algorithm": "iceberg", "display_quantity": 150},
    {"algorithm": "adaptive"},
    {"algorithm": "liquidity_seeking", "round_seconds": 20},
    {"algorithm": "close", "bin_minutes": 0.5},
    {"algorithm": "sniper", "threshold": 400},
    {"algorithm": "peg", "native": False},
    {"algorithm": "peg", "reference": "mid"},
)


def terms(r: random.Random) -> tuple[dict, dict]:
    """A parent order and how it is worked."""
    given = order(symbol="AAPL", side=r.choice(["buy", "sell"]), quantity=r.randint(1, 6000), order_type="market")
    given.pop("limit_price", None)
    if r.random() < 0.6:
        given |= {"order_type": "limit", "limit_price": round(150 + r.randint(-4, 4) / 100, 2)}
    way = {**r.choice(WAYS), "duration_minutes": r.choice([2, 6]), "urgency": r.choice(["low", "medium", "high"])}
    for name, value, chance in (
        ("participation_rate", r.choice([0.05, 0.3]), 0.3), ("lot_size", 100, 0.3), ("residual", "cross", 0.3),
        ("placement_timeout", 5.0, 0.3), ("max_deviation", 0.0005, 0.2),
    ):  # fmt: skip
        if r.random() < chance:
            way.setdefault(name, value)
    return given, way


def faults(r: random.Random) -> dict:
    ceiling = r.choice([0.0, 0.05, 0.2])
    wrong = {kind: ceiling * r.random() for kind in ("reject", "delay", "reorder", "duplicate")}
    wrong["drop"] = r.choice([0.0, 0.0, ceiling]) * r.random()
    wrong["disconnect"] = r.choice([0.0, 0.0, 0.01]) * r.random()
    return {
        "latency": {"out_us": r.choice([0, 300, 50_000]), "jitter_us": r.choice([0, 200, 40_000])},
        "faults": {
            **wrong,
            "delay_ms": r.choice([1, 400]),
            "disconnect_ms": r.choice([10, 5000]),
            "seed": r.randrange(2**31),
        },
    }


async def meddle(r: random.Random, ticket: AlgorithmTicket, clock, core, seconds: float) -> None:
    """Pauses, amendments, halts, and a cancel, whenever."""
    parent = ticket.parent
    for _ in range(r.randint(0, 6)):
        await clock.sleep(r.random() * seconds / 4)
        if ticket.status.is_closed:
            break
        with contextlib.suppress(OrderRejected, OrderStateError, ValueError):
            match r.choice(["pause", "quantity", "end", "limit", "halt", "cancel"]):
                case "pause":
                    ticket.pause()
                    await clock.sleep(r.random() * seconds / 4)
                    ticket.resume()
                case "quantity":
                    ticket.amend(quantity=max(1, parent.quantity + r.randint(-2000, 2000)))
                case "end":
                    ticket.amend(end=clock.now_ns() + r.randrange(1, int(seconds * 1e9)))
                case "limit" if parent.limit_price_e9 is not None:
                    ticket.amend(limit_price=parent.limit_price_e9 / 1e9 + r.randint(-2, 2) / 100)
                case "halt":
                    core.halt("AAPL")
                    await clock.sleep(1.0)  # until the news is here
                    before = len(parent.children)
                    await clock.sleep(r.random() * seconds / 4)
                    assert len(parent.children) == before, "a child was placed while trading was halted"
                    core.resume("AAPL")
                case "cancel" if r.random() < 0.3:
                    ticket.cancel()


async def person(clock, core) -> None:
    """Asks the venues again about what nobody knows; of what a venue does not have any more, or has ended, he learns
    on the telephone what it had executed."""
    asked: set[int] = set()
    while True:
        await clock.sleep(20.0)
        for row in core.open_orders():
            if row.status is not OrderStatus.UNKNOWN:
                continue
            if row.order_id in asked and (row.reason is Reason.UNKNOWN_ORDER or row.owes_executions):
                missing = core.market.executed(row.order_id) - row.filled_quantity
                assert missing <= row.leaves_quantity
                price = row.limit_price_e9 or 150 * 10**9  # nobody would be believed who said a worse one
                core.resolve(row.order_id, [(0, missing, price, 0)] if missing else [])
                assert core.get_order(row.order_id).status.is_closed
            else:
                asked.add(row.order_id)
                with contextlib.suppress(OrderStateError):
                    core.cancel(row.order_id)


def check_children(core, parent) -> int:
    """No child was sent beyond the limit that its parent had then, and fills add up."""
    fills = core.fills(parent.order_id)
    assert sum(fills["quantity"].tolist()) == parent.filled
    core.journal.flush()
    limit, children = None, 0
    for _, kind, record in core.journal.scan(0):
        row = record["row"]
        if kind == ORDER and int(row["order_id"]) == parent.order_id:
            limit = int(row["limit_price_e9"])
        elif kind == REQUEST and int(row["order_id"]) == parent.order_id and int(row["kind"]) == AMEND:
            limit = int(row["price_e9"])
        elif kind == ORDER and int(row["parent_id"]) == parent.order_id:
            children += 1
            if limit != NO_PRICE:
                assert int(row["limit_price_e9"]) != NO_PRICE
                assert parent.sign * int(row["limit_price_e9"]) <= parent.sign * limit
    assert children == len(parent.children)
    return len(fills)


def live(seed: int) -> int:
    r = random.Random(seed)
    given, way = terms(r)
    core, clock = synthetic(seed, simulation=faults(r))
    watched: list = []

    def after_every_record():
        core.check_invariants(from_nothing=True)
        for parent in watched:
            now = parent.order
            assert 0 <= now.filled_quantity <= now.quantity, "more than was asked for"
            assert now.working_quantity >= 0
            if not now.status.is_closed:
                assert now.filled_quantity + now.leaves_quantity == now.quantity
                assert now.working_quantity <= now.leaves_quantity

    errors: list = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        router = SmartOrderRouter(engine=core)
        parent = router.start(given, way)
        watched.append(parent)
        core.listeners.append(after_every_record)
        ticket = AlgorithmTicket(router, parent)
        others = asyncio.ensure_future(meddle(r, ticket, clock, core, 60.0 * way["duration_minutes"]))
        helping = asyncio.ensure_future(person(clock, core))
        result = await ticket
        await clock.sleep(2.0)  # reports that are late
        others.cancel()
        helping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await others
        return result, parent

    result, parent = run(main(), clock=clock, seed=seed)
    assert errors == []
    assert result.status.is_closed
    assert parent.order.working_quantity == 0
    assert core.open_orders() == []
    reports = core.journal.rows(4)
    booked = reports[is_booked(reports) & (reports["exec_type"] == TRADE)]
    assert int(booked["quantity"].sum()) == parent.filled <= parent.quantity
    assert abs(core.portfolio.position("AAPL")[0]) == parent.filled
    count = check_children(core, parent)
    rate = make_algorithm(way).cap
    if rate is not None and rate < 1.0:  # in the end too: others only ever print more
        assert parent.filled <= rate / (1 - rate) * parent.others_volume() + 1e-6
    core.close()
    return count


@pytest.mark.parametrize("first", SEEDS[::CHUNK])
def test_whatever_happens(first):
    assert sum(live(seed) for seed in range(first, first + CHUNK)) > 0
