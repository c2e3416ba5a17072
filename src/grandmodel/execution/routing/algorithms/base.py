"""What every algorithm shares: its parameters, the parent order it works, and how it places children.

An algorithm's coroutine only waits and places; how much by when comes from the native `schedule`. A child can never be
larger than what its parent has left and not at work: the core refuses it (PARENT_EXCEEDED), whatever an algorithm asks.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..._core.values import OrderRejected, OrderStateError, OrderStatus, Reason

if TYPE_CHECKING:
    from ..._core.orders import Order
    from ..._core.submit import Core
    from ...clock import Clock

MINUTE_NS = 60_000_000_000

#: A child that crosses may go this far beyond the far touch (fraction of the price): a level or two, not the whole book.
CROSS_ALLOWANCE = 0.0005

#: Part of a slice's time for which its child waits at the near touch before it crosses.
PATIENCE = {"low": 0.9, "medium": 0.75, "high": 0.4, "immediate": 0.0}


class AlgorithmConfigError(ValueError):
    """A parameter of an algorithm is wrong. `.field`, `.value` and `.expected` say which and how."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field} is {value!r}, must be {expected}")
        self.field, self.value, self.expected = field, value, expected

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.field, self.value, self.expected))


def read_number(
    config: dict[str, Any], field: str, default: float | None, low: float, high: float, expected: str
) -> float | None:
    """Takes `field` out of `config` as a float in (low, high]; NaN, text and booleans are refused."""
    value = config.pop(field, default)
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or not low < value <= high
    ):
        raise AlgorithmConfigError(field, value, expected)
    return float(value)


def read_choice(config: dict[str, Any], field: str, default: str, choices: tuple[str, ...]) -> str:
    """Takes `field` out of `config` as one of `choices`."""
    value = config.pop(field, default)
    if value not in choices:
        raise AlgorithmConfigError(field, value, f"one of {', '.join(choices)}")
    return str(value)


class Algorithm:
    """A way to work a parent order.

    A subclass sets `name`, reads its own parameters in `read`, and gives the coroutine `run`. Every algorithm takes
    `participation_rate` (share of the volume printed since it began, its own prints apart), `urgency` and `residual`.
    """

    name: ClassVar[str] = ""
    default_urgency: ClassVar[str] = "medium"

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        config = dict(parameters)
        self.urgency = read_choice(config, "urgency", self.default_urgency, tuple(PATIENCE))
        self.participation_rate = read_number(config, "participation_rate", None, 0.0, 1.0, "a fraction in (0, 1]")
        self.max_deviation = read_number(config, "max_deviation", None, 0.0, 1.0, "a fraction of the price in (0, 1]")
        self.residual = read_choice(config, "residual", "cancel", ("cancel", "cross"))
        self.seed = config.pop("seed", 0)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise AlgorithmConfigError("seed", self.seed, "an int from 0 to 2**63 - 1")
        self.read(config)
        if config:
            from difflib import get_close_matches

            key = next(iter(config))
            known = [name for name in vars(self) if not name.startswith("_")]
            near = get_close_matches(str(key), known, 1)
            raise AlgorithmConfigError(
                str(key),
                config[key],
                f"left out: {self.name} has no such parameter" + (f"; did you mean {near[0]!r}?" if near else ""),
            )

    def read(self, config: dict[str, Any]) -> None:
        """Takes this algorithm's own parameters out of `config`."""

    def horizon_ns(self, parent: Parent) -> int:
        """How long the order may take, in ns; 0: at once."""
        return 0

    async def run(self, parent: Parent) -> None:
        """Works the parent until it is filled or its time is over."""
        raise TypeError(f"{type(self).__name__} does not say how it runs")


class Parent:
    """A parent order at work: what an algorithm sees of it and of the market, and how it places children."""

    def __init__(self, core: Core, clock: Clock, order_id: int, algorithm: Algorithm) -> None:
        self.core, self.clock, self.order_id, self.algorithm = core, clock, order_id, algorithm
        order = core.get_order(order_id)
        self.symbol: str = order.symbol
        self.sign: int = order.side.sign
        self.quantity: int = order.quantity
        self.limit_price_e9: int | None = order.limit_price_e9
        self.tick_e9: int = core.instruments.tick_e9(self.symbol)
        self.arrival_mid_e9: int | None = order.arrival_mid_e9
        self.start_ns: int = clock.now_ns()
        self.end_ns: int = self.start_ns + algorithm.horizon_ns(self)
        self.children: list[int] = []
        self.scheduled: int = 0
        self._tape = core.venues.tape(self.symbol)

    # ---- what it sees ----

    @property
    def order(self) -> Order:
        """The parent as it stands now."""
        return self.core.get_order(self.order_id)

    @property
    def filled(self) -> int:
        return self.order.filled_quantity

    @property
    def remaining(self) -> int:
        """What is neither filled nor at work, in steps."""
        order = self.order
        return order.leaves_quantity - order.working_quantity

    @property
    def is_over(self) -> bool:
        return self.order.status.is_closed

    def others_volume(self) -> int:
        """Steps printed since the start, own prints apart."""
        self.core.touch(self.symbol)
        now = self.core.venues.tape(self.symbol)
        return (now["volume"] - now["own_volume"]) - (self._tape["volume"] - self._tape["own_volume"])

    def allowed(self, rate: float | None) -> int:
        """What may be sent now so that own / (own + others) stays at or below `rate`; all that remains without one."""
        if rate is None or rate >= 1.0:
            return self.remaining
        most = math.floor(rate / (1.0 - rate) * self.others_volume())
        order = self.order
        return max(0, min(self.remaining, most - order.filled_quantity - order.working_quantity))

    def is_too_far(self) -> bool:
        """Has the price run away from the arrival mid by more than `max_deviation`, against us?"""
        limit = self.algorithm.max_deviation
        mid = self.core.quote(self.symbol).mid_e9
        if limit is None or mid is None or self.arrival_mid_e9 is None:
            return False
        return self.sign * (mid - self.arrival_mid_e9) > limit * self.arrival_mid_e9

    # ---- how it places ----

    def within_limit(self, price_e9: int) -> int | None:
        """`price_e9` brought inside the parent's limit, on the tick."""
        if self.limit_price_e9 is None:
            return price_e9
        return min(price_e9, self.limit_price_e9) if self.sign > 0 else max(price_e9, self.limit_price_e9)

    async def work(self, quantity: int, until_ns: int) -> None:
        """Places `quantity`: it waits at the near touch for part of the time, following it, then crosses; what finds
        no counterpart by `until_ns` comes back to `remaining`."""
        patience = PATIENCE[self.algorithm.urgency]
        now = self.clock.now_ns()
        cross_ns = now + int((until_ns - now) * patience)
        wanted_left = max(0, self.remaining - quantity)
        if cross_ns > now:
            await self._wait_at_touch(wanted_left, cross_ns)
        await self._cross(wanted_left)

    async def _wait_at_touch(self, wanted_left: int, until_ns: int) -> None:
        step_ns = max(1_000_000_000, (until_ns - self.clock.now_ns()) // 8)
        while not self.is_over and self.remaining > wanted_left and self.clock.now_ns() < until_ns:
            quote = self.core.quote(self.symbol)
            touch = quote.bid_e9 if self.sign > 0 else quote.ask_e9
            if touch is None:
                await self.clock.sleep_until(min(until_ns, self.clock.now_ns() + step_ns))
                continue
            price = self.within_limit(touch)
            order_id = self._child(self.remaining - wanted_left, price, "DAY")
            if order_id is None:
                await self.clock.sleep_until(min(until_ns, self.clock.now_ns() + step_ns))
                continue
            while self.clock.now_ns() < until_ns and not self.core.is_closed(order_id):
                await self.wait_closed(order_id, min(until_ns, self.clock.now_ns() + step_ns))
                quote = self.core.quote(self.symbol)
                touch = quote.bid_e9 if self.sign > 0 else quote.ask_e9
                if touch is not None and self.within_limit(touch) != price:
                    break
            await self.withdraw(order_id)

    async def _cross(self, wanted_left: int) -> None:
        for _ in range(4):
            quantity = self.remaining - wanted_left
            if quantity <= 0 or self.is_over:
                return
            quote = self.core.quote(self.symbol)
            touch = quote.ask_e9 if self.sign > 0 else quote.bid_e9
            if touch is None:
                return
            far = touch + self.sign * (int(touch * CROSS_ALLOWANCE) // self.tick_e9) * self.tick_e9
            order_id = self._child(quantity, self.within_limit(max(far, self.tick_e9)), "IOC")
            if order_id is None:
                return
            await self.wait_closed(order_id, None)
            if self.core.get_order(order_id).filled_quantity == 0:
                return

    def _child(self, quantity: int, price_e9: int | None, time_in_force: str) -> int | None:
        """Sends a child, no larger than the limits on a single order let it be; None when it is refused."""
        settings = self.core.limits.settings
        if settings["max_order_size"] is not None:
            quantity = min(quantity, settings["max_order_size"])
        try:
            ticket = self.core.submit_child(self.order_id, quantity, price_e9, time_in_force)
        except OrderRejected:
            return None
        self.children.append(ticket.order_id)
        return ticket.order_id

    async def wait_closed(self, order_id: int, until_ns: int | None) -> None:
        """Waits until a child has ended, or until `until_ns`."""
        if self.core.is_closed(order_id):
            return
        future = asyncio.get_running_loop().create_future()
        self.core.add_waiter(order_id, future)
        try:
            if until_ns is None:
                await future
                return
            timer = asyncio.ensure_future(self.clock.sleep_until(until_ns))
            try:
                await asyncio.wait({future, timer}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                timer.cancel()
        finally:
            self.core.remove_waiter(order_id, future)

    async def withdraw(self, order_id: int) -> None:
        """Cancels a child and waits for the venue's word: only then does its quantity come back."""
        if self.core.is_closed(order_id):
            return
        try:
            self.core.cancel(order_id)
        except OrderStateError:
            return
        await self.wait_closed(order_id, None)

    async def withdraw_all(self) -> None:
        for order_id in self.children:
            await self.withdraw(order_id)

    async def sleep_until(self, time_ns: int) -> None:
        """Sleeps until `time_ns`, or not at all when that has passed."""
        if time_ns > self.clock.now_ns():
            await self.clock.sleep_until(time_ns)


async def run_parent(parent: Parent) -> Order:
    """Runs a parent's algorithm to its end: children withdrawn, the rest crossed or released. The parent, ended."""
    try:
        await parent.algorithm.run(parent)
        await parent.withdraw_all()
        if parent.algorithm.residual == "cross" and not parent.is_over:
            await parent._cross(0)
        reason = Reason.ALGORITHM_DONE
    except asyncio.CancelledError:
        for order_id in parent.children:
            if not parent.core.is_closed(order_id):
                parent.core.cancel(order_id)
        if not parent.is_over:
            parent.core.close_parent(parent.order_id, reason=Reason.USER)
        raise
    if not parent.is_over:
        parent.core.close_parent(parent.order_id, expired=True, reason=reason)
    order = parent.order
    assert order.status in (OrderStatus.FILLED, OrderStatus.EXPIRED, OrderStatus.CANCELED)
    return order
