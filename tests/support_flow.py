"""Streams of messages for the estimators' tests, and how a state is compared with the plain Python's."""

from __future__ import annotations

import numpy as np
import pytest
from reference.book import ReferenceBook

from grandmodel.execution._core.records import MESSAGE_DTYPE

TICK = 10_000_000
ADD, REDUCE, DELETE, EXECUTE, HIDDEN, REPLACE, HALT, CLEAR, TRADE, SET_LEVEL = range(1, 11)


class SideBook:
    """A ReferenceBook as `reference.flow.BookFed` wants it."""

    def __init__(self, **options):
        self.book = ReferenceBook(**options)

    def side(self, s, n):
        orders = self.book.sides[1 if s == 0 else -1]
        return [(p, sum(o.quantity for o in orders[p])) for p in self.book.prices(1 if s == 0 else -1)[:n]]

    def resting(self, order_id):
        order = self.book.by_id.get(order_id)
        return None if order is None or self.book.kind == "L2" else (order.side, order.price_e9)

    def apply(self, m):
        names = (
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
        )
        self.book.apply(*(int(m[name]) for name in names))


def by_order(rng, n, *, step_ns=200_000_000, sequences=True, sided=True):
    """A feed by order around 100.00: additions, reductions, executions, replaces, hidden and separate prints, now and
    then a row that does not fit, a halt, a long silence or a time that goes back."""
    rows = np.zeros(n, MESSAGE_DTYPE)
    live, time, sequence = {}, 1_000_000_000_000, 0
    for k in range(n):
        m = rows[k]
        time += int(rng.integers(0, 2) * rng.integers(0, 2 * step_ns))
        if rng.random() < 0.001:
            time += int(rng.integers(1, 10)) * 10**12
        m["time_ns"] = time - (int(rng.integers(1, 10**9)) if rng.random() < 0.01 else 0)
        sequence += int(rng.random() < 0.7)
        m["sequence"] = sequence if sequences else 0
        side = int(rng.choice((1, -1)))
        draw = rng.random()
        if draw < 0.5 or not live:
            m["action"], m["order_id"], m["side"] = ADD, k + 1, side
            m["price_e9"] = (10_000 - side * int(rng.integers(-1, 15))) * TICK + int(rng.random() < 0.005)
            m["quantity"] = int(rng.integers(1, 5)) * 100
            live[k + 1] = (side, int(m["price_e9"]), int(m["quantity"]))
        elif draw < 0.9:
            order = int(rng.choice(list(live)))
            side, price, quantity = live[order]
            m["order_id"], m["side"], m["price_e9"] = order, side if sided else 0, price if sided else -(1 << 63)
            kind = int(rng.choice((REDUCE, DELETE, DELETE, EXECUTE, EXECUTE, REPLACE)))
            m["action"], m["quantity"] = kind, int(rng.integers(1, quantity + 1))
            if kind == REPLACE:
                m["price_e9"], m["quantity"] = price - side * int(rng.integers(0, 4)) * TICK, int(rng.integers(1, 500))
                live[order] = (side, int(m["price_e9"]), int(m["quantity"]))
            elif kind == DELETE or m["quantity"] == quantity:
                del live[order]
            else:
                live[order] = (side, price, quantity - int(m["quantity"]))
        elif draw < 0.99:
            m["action"] = HIDDEN if draw < 0.94 else TRADE
            m["side"] = side if rng.random() < 0.5 else 0
            m["price_e9"] = 10_000 * TICK + int(rng.integers(-10, 11)) * TICK // 2
            m["quantity"] = int(rng.integers(1, 400))
            m["flags"] = 32 if rng.random() < 0.1 else 0
        else:
            m["action"] = int(rng.choice((HALT, CLEAR, DELETE, EXECUTE)))
            m["flags"] = 1 if m["action"] == HALT else 0
            m["order_id"], m["quantity"], m["price_e9"] = 10**9, 100, 10_000 * TICK
            if m["action"] == CLEAR:
                live = {}
    return rows


def by_level(rng, n, *, step_ns=200_000_000):
    """A feed by level: single levels by price, whole sides best first, prints."""
    rows = np.zeros(n, MESSAGE_DTYPE)
    time, sequence, k = 1_000_000_000_000, 0, 0
    while k < n:
        time += int(rng.integers(0, 2 * step_ns))
        sequence += 1
        side, draw = int(rng.choice((1, -1))), rng.random()
        if draw < 0.2:
            event = [(TRADE, side, 10_000 * TICK + int(rng.integers(-2, 3)) * TICK, int(rng.integers(1, 300)), 0)]
        elif draw < 0.8:
            event = [
                (SET_LEVEL, side, (10_000 - side * int(rng.integers(1, 9))) * TICK, int(rng.integers(0, 4)) * 100, 0)
                for _ in range(int(rng.integers(1, 4)))
            ]
        else:
            best = 10_000 - side * int(rng.integers(1, 4))
            event = [
                (SET_LEVEL, side, (best - side * j) * TICK, int(rng.integers(1, 9)) * 100, j + 1)
                for j in range(int(rng.integers(1, 7)))
            ]
        for j, (action, s, price, quantity, level) in enumerate(event[: n - k]):
            m = rows[k]
            m["time_ns"], m["sequence"], m["action"], m["side"] = time, sequence, action, s
            m["price_e9"], m["quantity"], m["level"] = price, quantity, level
            m["flags"] = 8 if j == len(event) - 1 and rng.random() < 0.5 else 0
            k += 1
    return rows


def assert_same(native, plain):
    """Integers, flags and lists of them exactly; ratios to 1e-9."""
    assert native.keys() == plain.keys()
    for name, value in plain.items():
        _same(native[name], value, name)


def _same(got, expected, name):
    if isinstance(expected, dict):
        for key in expected:
            _same(got[key], expected[key], f"{name}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected), (name, got, expected)
        for k, value in enumerate(expected):
            _same(got[k], value, f"{name}[{k}]")
    elif isinstance(expected, float):
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), (name, got, expected)
    else:
        assert got == expected, (name, got, expected)
