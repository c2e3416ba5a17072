"""Liquidity seeking: out of sight first, dark pools before hidden orders before what is displayed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import allocation
from ..._core.values import Reason
from ..destinations import destinations
from .algorithm import Algorithm
from .hours import duration_ns
from .parameters import read_count, read_minutes, read_number, read_seconds, read_share
from .parent import CROSS_ALLOWANCE, Parent

#: Part of its time after which what is left is worked at lit venues too, by urgency (this project's choice).
LIT_AFTER = {"low": 0.9, "medium": 0.7, "high": 0.4, "immediate": 0.0}
#: Units that a round is split in, at most: the estimate counts in them.
UNITS_MOST = 1000
#: Rounds that the prior of a pool weighs (this project's choice, for the paper's exploration).
PRIOR_ROUNDS = 2


class DarkPool:
    """What was sent to one pool and filled there, round by round, in units, and what that says of it."""

    def __init__(self, name: str, least: int, most: int | None) -> None:
        self.name, self.least, self.most = name, least, most
        self.sent: list[int] = []
        self.filled: list[int] = []

    def tail(self, units: int) -> np.ndarray[Any, Any]:
        """(units + 1,) P(there is at least so much): the product-limit estimate (Ganchev et al. 2010), mixed with a
        prior that falls in a straight line, so that a pool nobody has asked is asked."""
        prior = 1.0 - np.arange(units + 1) / (units + 1)
        if not self.sent:
            return prior
        known = allocation.product_limit(np.array(self.sent), np.array(self.filled))
        estimate = np.full(units + 1, known[-1])
        estimate[: min(len(known), units + 1)] = known[: units + 1]
        weight = PRIOR_ROUNDS / (PRIOR_ROUNDS + len(self.sent))
        mixed: np.ndarray[Any, Any] = weight * prior + (1.0 - weight) * estimate
        return mixed


class LiquiditySeeking(Algorithm):
    """In rounds: sends `dark_share` of what is left to dark pools, split by what each has been seen to have, the rest
    as hidden midpoint pegs to lit venues, and comes back for what did not trade.

    Crosses at once when the far touch shows `sweep` times its usual size (the mean of what it has seen). After a part
    of its time (`LIT_AFTER`, by urgency) an even share of what is left is placed at lit venues each round, as
    `placement` says.

    Parameters
    ----------
    duration_minutes : float > 0; None: the rest of the session
    round_seconds : float, default 30
    dark_share : float in (0, 1], default 0.7
    min_quantity : int >= 1, least that a dark fill may be; None: any
    sweep : float > 1, default 3
    """

    name = "liquidity_seeking"
    default_urgency = "low"

    def read(self, config: dict[str, Any]) -> None:
        self.duration_minutes = read_minutes(config)
        self.round_seconds = read_seconds(config, "round_seconds", 30.0)
        self.dark_share = read_share(config, "dark_share") or 0.7
        self.min_quantity = read_count(config, "min_quantity", None, 1, 2**53, "a whole number of steps from 1 up")
        self.sweep = read_number(config, "sweep", 3.0, 1.0, 1e9, "a number above 1")
        self.pools: list[DarkPool] = []
        self._hidden: list[dict[str, Any]] = [{"order_type": "pegged_midpoint"}, {"hidden": True}]
        self._unit = 1
        self._shown = 0.0
        self._looks = 0

    def horizon_ns(self, parent: Parent) -> int:
        return duration_ns(parent, self.duration_minutes)

    async def run(self, parent: Parent) -> None:
        assert self.round_seconds is not None
        self.pools = [
            DarkPool(venue["name"], venue["min_size"], venue["max_order_size"])
            for venue in destinations(parent.core, "dark_pool")
        ]
        if not self.pools:
            parent.assumptions.append("there is no dark pool: hidden orders at lit venues alone")
        self._unit = max(self.lot_size, math.ceil(parent.quantity / UNITS_MOST / self.lot_size) * self.lot_size)
        round_ns = round(self.round_seconds * 1e9)
        while parent.remaining > 0 and await parent.ready():
            now = parent.clock.now_ns()
            until_ns = min(parent.end_ns, now + round_ns)
            parent.scheduled = parent.filled
            passed = (now - parent.start_ns) / max(1, parent.end_ns - parent.start_ns)
            lit = 0
            if passed >= LIT_AFTER[self.urgency]:
                lit = math.ceil(parent.remaining / max(1, math.ceil((parent.end_ns - now) / round_ns)))
            await self._round(parent, until_ns, lit)
            await parent.sleep_until(until_ns)

    async def _round(self, parent: Parent, until_ns: int, lit: int) -> None:
        """One round: children in the dark and hidden; sweeps and the lit share on top; all are back at its end."""
        dark = self._send_dark(parent, min(parent.allowed(), parent.remaining - lit))
        self._send_hidden(parent, min(parent.allowed(), parent.remaining - lit))
        step_ns = max(1_000_000_000, (until_ns - parent.clock.now_ns()) // 8)
        if lit > 0:
            quantity = parent.in_lots(min(lit, parent.allowed()))
            if quantity > 0:
                await parent.work(quantity, until_ns)
        while parent.clock.now_ns() < until_ns and not parent.has_changed and not parent.is_over:
            if self._is_large(parent):
                break
            await parent.sleep_until(min(until_ns, parent.clock.now_ns() + step_ns))
        swept = parent.clock.now_ns() < until_ns
        await parent.withdraw_all()
        for pool, child, units in dark:
            filled = parent.core.get_order(child).filled_quantity
            pool.sent.append(units)
            pool.filled.append(min(units, filled // self._unit))
        if swept and not parent.has_changed and not parent.is_over:
            await self._sweep(parent)

    def _send_dark(self, parent: Parent, quantity: int) -> list[tuple[DarkPool, int, int]]:
        """Sends its share to the pools: (pool, child, units) of each that took some."""
        out = parent.core.venues_out()
        pools = [pool for pool in self.pools if quantity >= pool.least and pool.name not in out]
        units = min(UNITS_MOST, math.ceil(quantity * self.dark_share / self._unit))
        sent: list[tuple[DarkPool, int, int]] = []
        if not pools or units <= 0 or quantity <= 0:
            return sent
        split = allocation.dark_allocation(units, [pool.tail(units) for pool in pools])
        terms: dict[str, Any] = {} if self.min_quantity is None else {"min_quantity": self.min_quantity}
        for pool, count in zip(pools, split, strict=True):
            size = max(int(count) * self._unit, pool.least if count else 0)
            size = min(size, parent.allowed(), quantity, pool.most or size)
            child = None
            if size >= max(1, pool.least):
                child = parent.child(size, None, "DAY", venue=pool.name, order_type="pegged_midpoint", **terms)
                if child is None and parent.refusal in (Reason.UNSUPPORTED, Reason.NO_VENUE):
                    self.pools.remove(pool)  # it takes no such orders
            if child is not None:
                size = parent.core.get_order(child).quantity
                quantity -= size
                sent.append((pool, child, max(1, size // self._unit)))
        return sent

    def _send_hidden(self, parent: Parent, quantity: int) -> int | None:
        """What is left, out of sight at a lit venue: at the mid, or hidden at the near touch where none takes pegs."""
        while self._hidden and quantity > 0:
            terms = self._hidden[0]
            price = None if "order_type" in terms else parent.resting_price_e9()
            child = None if price is None and "hidden" in terms else parent.child(quantity, price, "DAY", **terms)
            if child is not None or parent.refusal not in (Reason.UNSUPPORTED, Reason.NO_VENUE):
                return child
            self._hidden.pop(0)
            if not self._hidden:
                parent.assumptions.append("no lit venue takes hidden orders: displayed ones and dark pools alone")
        return None

    def _is_large(self, parent: Parent) -> bool:
        """Does the far touch show much more than usual?"""
        rows, _ = parent.core.depth(parent.symbol, 1)
        shown = int(rows[0, 1] if parent.sign > 0 else rows[0, 3])
        usual = self._shown / self._looks if self._looks else math.inf
        self._shown += shown
        self._looks += 1
        assert self.sweep is not None
        return shown > self.sweep * usual and self._looks > 8

    async def _sweep(self, parent: Parent) -> None:
        """Takes what the far touch shows, at that price."""
        rows, _ = parent.core.depth(parent.symbol, 1)
        price, shown = (int(each) for each in (rows[0, :2] if parent.sign > 0 else rows[0, 2:]))
        quantity = parent.in_lots(min(shown, parent.allowed()))
        if quantity > 0:
            await parent.take(parent.remaining - quantity, CROSS_ALLOWANCE, worst_e9=price)
