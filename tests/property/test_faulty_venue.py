"""The faulty venue: for each seed a market with random latencies and faults, a strategy that does anything, and after
every event the engine's invariants. At the end the books must follow from the log alone, the log must be the state, and
where no fault loses or invents anything, what the engine has filled is what its venues have.
"""

from __future__ import annotations

import contextlib
import os
import random

import numpy as np
import pytest
from support import E9, LIMITS, VENUES, make_core, order

from grandmodel.execution import OrderRejected, OrderStateError
from grandmodel.execution._core.link import DISTRIBUTIONS, FAULTS
from grandmodel.execution._core.records import NO_PRICE, is_booked
from grandmodel.execution._core.recovery import state_hash
from grandmodel.execution._core.reexecution import recovered_hash
from grandmodel.execution.order_management.kill_switch import RESET, kill

LONG = os.environ.get("GRANDMODEL_LONG") == "1"
SEEDS = range(10_000) if LONG else range(300)
CHUNK = 50
SYMBOLS = ("AAPL", "MSFT")
_REPORT, _PARENT = 4, 16
TRADE, BUST, CORRECTION = 2, 8, 9
HONEST = ("reject", "delay", "reorder", "duplicate", "disconnect")  # nothing is lost (with resend), nothing invented


def links(r: random.Random) -> tuple[dict, bool]:
    """Keywords of a LinkedMarket, and whether no fault of it loses or invents executions."""
    paths, faults = {}, {}
    honest = r.random() < 0.3
    ceiling = r.choice([0.0, 0.02, 0.1])
    for name, _ in VENUES:
        distribution = r.choice(list(DISTRIBUTIONS))
        if r.random() < 0.9:
            paths[name] = {
                "out_ns": r.choice([0, r.randrange(10**6), r.randrange(10**8)]),
                "in_ns": r.choice([0, r.randrange(10**6), r.randrange(10**8)]),
                "feed_ns": r.choice([0, r.randrange(10**6), r.randrange(10**8)]),
                "jitter_ns": 0 if distribution == "fixed" else r.randrange(10**7),
                "distribution": distribution,
            }
        if r.random() < 0.9:
            faults[name] = {
                **{kind: ceiling * r.random() for kind in (HONEST if honest else FAULTS)},
                "delay_ns": r.randrange(1, 10**8),
                "disconnect_ns": r.randrange(1, 10**9),
                "revise_ns": r.randrange(1, 10**9),
                "resend": honest or r.random() < 0.5,
            }
    return {"paths": paths, "faults": faults, "seed": r.getrandbits(62)}, honest


class Strategy:
    """Does anything that a user can, at random, to orders of any state."""

    def __init__(self, core, gate, r: random.Random) -> None:
        self.core, self.gate, self.r = core, gate, r
        self.ids: list[int] = []

    def terms(self, symbol: str, side: str) -> dict:
        r = self.r
        mid = self.core.quote(symbol).mid_e9 or 150 * E9
        kind = r.choice(["limit"] * 5 + ["market", "iceberg", "stop", "stop_limit"])
        price = round(mid / E9 + r.randint(-6, 6) / 100, 2)
        return {
            "symbol": symbol,
            "side": side,
            "quantity": r.randint(1, 900),
            "order_type": kind,
            "limit_price": price if kind in ("limit", "iceberg", "stop_limit") else None,
            "stop_price": round(mid / E9 + r.randint(-3, 3) / 100, 2) if kind.startswith("stop") else None,
            "display_quantity": 50 if kind == "iceberg" else None,
            "time_in_force": r.choice(["DAY", "GTC", "IOC", "FOK"]) if kind in ("limit", "market") else "GTC",
            "reduce_only": True if r.random() < 0.05 else None,
            "venue": r.choice(VENUES)[0] if kind in ("limit", "market") and r.random() < 0.2 else None,
        }

    def submit(self) -> None:
        terms = self.terms(self.r.choice(SYMBOLS), self.r.choice(["buy", "sell"]))
        self.ids.append(self.gate.submit_order(order(**terms)).order_id)

    def several(self) -> None:
        r, symbol = self.r, self.r.choice(SYMBOLS)
        kind = r.choice([1, 2, 3])
        side = r.choice(["buy", "sell"])
        other = {"buy": "sell", "sell": "buy"}[side]
        count = 3 if kind == 3 else 2
        rows = []
        for k in range(count):
            terms = self.terms(symbol, side if k == 0 or kind == 1 else other)
            terms.update(order_type="limit", time_in_force="GTC", stop_price=None, display_quantity=None, venue=None)
            terms["limit_price"] = terms["limit_price"] or 150.0
            rows.append(order(**terms))
        first = self.core.orders.next_id
        self.core.submit_list(rows, kind)
        self.ids.extend(range(first, first + count))

    def parent(self) -> None:
        terms = self.terms(self.r.choice(SYMBOLS), self.r.choice(["buy", "sell"]))
        terms.update(order_type="limit", time_in_force="GTC", stop_price=None, display_quantity=None, venue=None)
        terms["limit_price"] = terms["limit_price"] or 150.0
        parent = self.core.submit_parent(order(**terms), "twap").order_id
        self.ids.append(parent)
        for _ in range(self.r.randint(0, 3)):
            quantity = self.r.randint(1, terms["quantity"])
            price = int(terms["limit_price"] * 100) * E9 // 100
            self.ids.append(self.core.submit_child(parent, quantity, price).order_id)

    def cancel(self) -> None:
        if self.ids:
            self.core.cancel(self.r.choice(self.ids[-30:]))

    def replace(self) -> None:
        if self.ids:
            order_id = self.r.choice(self.ids[-30:])
            limit = self.core.get_order(order_id).limit_price_e9
            price = NO_PRICE if not limit or self.r.random() < 0.3 else limit + self.r.randint(-4, 4) * E9 // 100
            self.core.replace(order_id, self.r.choice([0, self.r.randint(1, 900)]), price)

    def close_parent(self) -> None:
        if self.ids:
            self.core.close_parent(self.r.choice(self.ids[-30:]))

    def stop_all(self) -> None:
        kill(self.core, "engine", "a test", "all")
        if self.r.random() < 0.9:
            self.core.set_latch(1, 0, RESET, b"all", b"a test")

    def act(self) -> None:
        does = self.r.choice(
            [self.submit] * 12 + [self.cancel] * 4 + [self.replace] * 4 + [self.several, self.parent, self.close_parent]
            + [self.stop_all] * (self.r.random() < 0.05)
        )  # fmt: skip
        with contextlib.suppress(OrderRejected, OrderStateError):
            does()


def live_on(core, until_ns: int) -> int:
    """Lives to a time, stopping at each event; the invariants hold after each. How many there were."""
    events = 0
    while True:
        at = core.next_event_ns()
        core.advance(min(until_ns, at) if at is not None else until_ns)
        core.check_invariants(from_nothing=True)
        events += 1
        if at is None or at > until_ns:
            return events


def check_books(core, cash_e9: int) -> None:
    """Positions, cash and fills follow from the reports in the log that count."""
    reports = core.journal.rows(_REPORT)
    counted = reports[is_booked(reports)]
    position, money, filled = {}, cash_e9, {}
    for row in counted[np.isin(counted["exec_type"], (TRADE, BUST, CORRECTION))]:
        sign = -1 if row["exec_type"] == BUST else 1
        quantity, side = sign * int(row["quantity"]), int(row["side"])
        position[int(row["symbol"])] = position.get(int(row["symbol"]), 0) + side * quantity
        money -= side * quantity * int(row["price_e9"]) + sign * int(row["fee_e9"])
        filled[int(row["order_id"])] = filled.get(int(row["order_id"]), 0) + quantity
    for number, symbol in enumerate(("AAPL", "MSFT", "JPM")):
        assert core.portfolio.position(symbol, 0)[0] == position.get(number, 0), symbol
    assert core.portfolio.account(0)["cash_e9"] == money
    trades = counted[counted["exec_type"] == TRADE]
    told = trades[["order_id", "venue", "execution_id"]].tolist()
    assert len(set(told)) == len(told), "an execution is booked twice"
    for row in core.orders_array():
        if not row["flags"] & _PARENT:
            assert row["filled_quantity"] == filled.get(int(row["order_id"]), 0), row["order_id"]


def run(seed: int) -> dict[str, int]:
    r = random.Random(seed)
    link, honest = links(r)
    limits = r.choice([{}, LIMITS])
    core, gate = make_core(link=link, limits=limits, seed=seed, ring_bytes=1 << 22, audit=r.random() < 0.2)
    core.set_timeout(r.choice([0, 5 * 10**7, 10**9]))
    strategy = Strategy(core, gate, r)
    events = 0
    for _ in range(r.randint(5, 40)):
        strategy.act()
        core.check_invariants(from_nothing=True)
        if r.random() < 0.6:
            events += live_on(core, core.clock.now_ns() + r.choice([0, r.randrange(10**6), r.randrange(2 * 10**8)]))
    if r.random() < 0.7:  # until nothing is under way
        while core.market.counters()["under_way"]:
            events += live_on(core, core.clock.now_ns() + 10**9)
            if events > 20_000:
                break
    check_books(core, 100_000_000 * E9)
    empty, _ = make_core(recorded=True, start_ns=0, limits={}, ring_bytes=1 << 22, audit=False)
    assert recovered_hash(empty, core.journal) == state_hash(core)
    empty.close()
    injected, compared = core.market.injected(), 0
    if honest:
        quiet = core.market.counters()["under_way"] == 0
        for row in core.orders_array():
            executed = core.market.executed(int(row["order_id"]))
            if not row["flags"] & _PARENT:
                filled = row["filled_quantity"]
                assert filled == executed if quiet else filled <= executed, row["order_id"]
                compared += quiet and executed > 0
    core.close()
    return {**injected, "events": events, "compared": compared}


@pytest.mark.parametrize("first", range(0, len(SEEDS), CHUNK))
def test_invariants_hold_whatever_the_venues_do(first):
    total: dict[str, int] = {}
    for seed in SEEDS[first : first + CHUNK]:
        try:
            for name, count in run(seed).items():
                total[name] = total.get(name, 0) + count
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    assert total["events"] > CHUNK
    assert total["compared"] > 0
    assert all(total[name] > 0 for name in ("reject", "drop", "delay", "reorder", "duplicate"))
