"""No configured limit is ever exceeded by what has filled plus the worst that the venues can still make of every
order out there.

A random day over a market that answers nothing; this test is its venues, and they keep to what they were asked,
though they answer late, out of turn, or never: then the engine's own timer makes the order UNKNOWN. The worst case is
reckoned here from what the venues were asked, not from what the engine reserves.
"""

from __future__ import annotations

import os
import random

import numpy as np
from support import E9, EXEC_CANCEL_REJECTED, EXEC_CANCELED, EXEC_NEW, EXEC_REJECTED, EXEC_TRADE, make_core

from grandmodel.execution import OrderRejected, OrderStateError
from grandmodel.execution._core.records import NO_PRICE, REPORT_DTYPE
from grandmodel.execution._core.values import STATUSES

LONG = os.environ.get("GRANDMODEL_LONG") == "1"
STEPS = 10**6 if LONG else 3 * 10**4
REPLACED = 4
CLOSED, PENDING_NEW, PENDING_CANCEL, PENDING_REPLACE = {4, 7, 8, 9}, 1, 5, 6
HELD, PARENT, CHILD = 128, 16, 32
MARK = {0: 150, 1: 300}
POSITION = 500
LEVERAGE = 0.1
CASH = 1_500_000


class Venue:
    """What a venue was asked about one order: its total as answered last, and the totals asked for since."""

    __slots__ = ("asked", "side", "symbol", "total")

    def __init__(self, symbol, side, total):
        self.symbol, self.side, self.total, self.asked = symbol, side, total, []

    def most(self):
        return max([self.total, *self.asked])


class Day:
    """A core with limits, and the venues behind it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        limits = {"default_position": POSITION, "max_leverage": LEVERAGE}
        self.core, self.gate = make_core(
            silent=True, limits=limits, cash=CASH, retained=64, audit=False, ring_bytes=1 << 22
        )
        for number, symbol in enumerate(("AAPL", "MSFT")):
            self.core.venues.set_quote(symbol, "NYSE", MARK[number] * E9 - E9, MARK[number] * E9 + E9, 10**6, 10**6)
        self.core.set_timeout(5 * 10**6)
        self.venues: dict[int, Venue] = {}
        self.filled: dict[int, int] = {}
        self.position = [0, 0]
        self.execution = 0
        self.refused = self.unknown = 0
        self.largest = 0.0

    def look(self):
        """What is out there now, and what has just been asked."""
        rows = self.core.orders_array()
        live = {}
        for order_id, status, flags, symbol, side, quantity, asked in zip(
            *(
                rows[name].tolist()
                for name in ("order_id", "status", "flags", "symbol", "side", "quantity", "working_quantity")
            ),
            strict=True,
        ):
            if flags & (PARENT | HELD) or status in CLOSED:
                continue
            known = self.venues.get(order_id)
            if known is None:
                known = self.venues[order_id] = Venue(symbol, side, quantity)
                self.filled[order_id] = 0
            if status == PENDING_REPLACE and asked not in known.asked:
                known.asked.append(asked)
            live[order_id] = status
            self.unknown += STATUSES[status] == "UNKNOWN"
        return live, rows

    def say(self, order_id, kind, **fields):
        self.execution += 1
        row = np.zeros(1, REPORT_DTYPE)
        row["order_id"], row["execution_id"], row["exec_type"] = order_id, self.execution, kind
        known = self.venues[order_id]
        row["symbol"], row["side"], row["venue_time_ns"], row["price_e9"] = (
            known.symbol,
            known.side,
            self.core.clock.now_ns(),
            NO_PRICE,
        )
        for name, value in fields.items():
            row[name] = value
        self.core.report(row)
        if kind in (EXEC_CANCELED, EXEC_REJECTED):
            del self.venues[order_id]

    def user(self, live, rows):
        choose = self.random
        what = choose.randrange(8)
        symbol, side, quantity = (
            choose.choice(["AAPL", "MSFT"]),
            choose.choice(["buy", "sell"]),
            choose.randrange(1, 300),
        )
        price = MARK[symbol == "MSFT"]
        try:
            if what < 3:
                self.gate.submit_order(
                    {"symbol": symbol, "side": side, "quantity": quantity, "order_type": "limit", "limit_price": price}
                )
            elif what == 3:
                exits = {
                    "symbol": symbol,
                    "side": "sell" if side == "buy" else "buy",
                    "quantity": quantity,
                    "order_type": "limit",
                }
                self.core.submit_list(
                    [
                        {**exits, "side": side, "limit_price": price},
                        {**exits, "limit_price": price},
                        {**exits, "limit_price": price + 1},
                    ],
                    choose.randrange(1, 4),
                )
            elif what == 4 and live:
                self.core.cancel(choose.choice(list(live)))
            elif what == 5 and live:
                self.core.replace(choose.choice(list(live)), choose.randrange(1, 500))
            elif what == 6:
                self.core.submit_parent(
                    {"symbol": symbol, "side": side, "quantity": quantity, "order_type": "market"}, "twap"
                )
            else:
                parents = rows["order_id"][(rows["flags"] & PARENT > 0) & (rows["leaves_quantity"] > 0)].tolist()
                if parents:
                    parent = choose.choice(parents)
                    if choose.randrange(3) == 0:
                        self.core.cancel(parent)
                    else:
                        self.core.submit_child(parent, choose.randrange(1, 200), price * E9)
        except (OrderRejected, OrderStateError):
            self.refused += 1

    def venue(self, live):
        """One word of a venue, as it may be said."""
        choose = self.random
        order_id = choose.choice(list(live))
        status, known = live[order_id], self.venues[order_id]
        what = choose.randrange(10)
        left = known.total - self.filled[order_id]
        if known.asked and what < 5:  # the first request first
            total = known.asked.pop(0)
            if what < 3 and total > self.filled[order_id]:
                known.total = total
                self.say(order_id, REPLACED, quantity=total)
            else:
                self.say(order_id, EXEC_CANCEL_REJECTED)
        elif what < 5 and left > 0:
            quantity = left if what == 0 else choose.randrange(1, left + 1)
            self.filled[order_id] += quantity
            self.position[known.symbol] += known.side * quantity
            self.say(order_id, EXEC_TRADE, quantity=quantity, price_e9=MARK[known.symbol] * E9)
        elif what < 7:
            self.say(order_id, EXEC_NEW)
        elif status == PENDING_CANCEL or what == 9:
            self.say(order_id, EXEC_CANCELED)
        elif status == PENDING_NEW and what == 8:
            self.say(order_id, EXEC_REJECTED)
        self.core.advance()

    def check(self):
        buys, sells = [0, 0], [0, 0]
        for order_id, known in self.venues.items():
            left = max(0, known.most() - self.filled[order_id])
            if known.side > 0:
                buys[known.symbol] += left
            else:
                sells[known.symbol] += left
        exposure = 0
        for symbol in (0, 1):
            worst = max(abs(self.position[symbol] + buys[symbol]), abs(self.position[symbol] - sells[symbol]))
            assert worst <= POSITION, (symbol, self.position, buys, sells)
            exposure += worst * MARK[symbol]
        assert exposure <= LEVERAGE * CASH
        self.largest = max(self.largest, exposure / CASH)

    def live_through(self, steps):
        for _ in range(steps):
            live, rows = self.look()
            if self.random.randrange(3) and len(live) < 30:
                self.user(live, rows)
            elif live:
                self.venue(live)
            if self.random.randrange(20) == 0:
                self.core.clock.advance_to(self.core.clock.now_ns() + self.random.randrange(4 * 10**6))
                self.core.advance()
            live, _ = self.look()
            for order_id in [each for each in self.venues if each not in live]:
                del self.venues[order_id]  # it has ended, by the engine's word: nothing more will fill
            self.check()
            name = ("AAPL", "MSFT")
            assert [self.core.portfolio.position(each)[0] for each in name] == self.position


def test_no_limit_is_ever_exceeded_by_the_worst_case():
    for seed in range(10 if LONG else 3):
        day = Day(seed)
        day.live_through(STEPS // (10 if LONG else 3))
        told = day.core.statistics()
        assert told["late_fills"] == told["overfills"] == 0
        assert told["fills"] > 100 < day.refused
        assert day.unknown > 0
        assert day.largest > 0.9 * LEVERAGE  # the limits were pressed against
