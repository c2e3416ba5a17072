"""What every algorithm shares: its parameters, the parent order it works, and how it places children.

An algorithm's coroutine only waits and places; how much by when comes from the native `schedule`. A child can never be
larger than what its parent has left and not at work: the core refuses it (PARENT_EXCEEDED), whatever an algorithm asks.
However an algorithm ends, cancelled or by an error of its own too, its children are withdrawn and its parent is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

from ..._core.values import EngineClosed, OrderRejected, OrderStateError, OrderStatus, Reason

if TYPE_CHECKING:
    from ..._core.orders import Order
    from ..._core.submit import Core
    from ...clock import Clock

MINUTE_NS = 60_000_000_000

#: A slice that crosses goes this far beyond the far touch that it met first (fraction of the price) and no further: a
#: few levels, not the whole book.
CROSS_ALLOWANCE = 0.0005

#: No schedule has more slices.
SLICES_MAX = 100_000

#: Part of a slice's time for which its child waits at the near touch before it crosses.
PATIENCE = {"low": 0.9, "medium": 0.75, "high": 0.4, "immediate": 0.0}


class AlgorithmConfigError(ValueError):
    """A parameter of an algorithm is wrong. `.field`, `.value` and `.expected` say which and how."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field} is {value!r}, must be {expected}")
        self.field, self.value, self.expected = field, value, expected

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.field, self.value, self.expected))


def as_number(value: Any) -> float:
    """A number as a float; NaN for what is none: text, booleans, integers beyond every float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def read_number(
    config: dict[str, Any], field: str, default: float | None, low: float, high: float, expected: str
) -> float | None:
    """Takes `field` out of `config` as a float in (low, high]; None is `default`."""
    value = config.pop(field, None)
    if value is None:
        return default
    number = as_number(value)
    if not low < number <= high:
        raise AlgorithmConfigError(field, value, expected)
    return number


def read_share(config: dict[str, Any], field: str) -> float | None:
    """Takes `field` out of `config` as a fraction in (0, 1], or None."""
    return read_number(config, field, None, 0.0, 1.0, "a fraction in (0, 1]")


def read_minutes(config: dict[str, Any], field: str = "duration_minutes") -> float | None:
    """Takes `field` out of `config` as minutes, or None."""
    return read_number(config, field, None, 1e-4, 60 * 24 * 7, "minutes above 0.0001, up to a week")


def read_duration(config: dict[str, Any]) -> float:
    """Takes `duration_minutes`, which must be there, out of `config`."""
    minutes = read_minutes(config)
    if minutes is None:
        raise AlgorithmConfigError("duration_minutes", None, "minutes above 0.0001, up to a week")
    return minutes


def read_slices(config: dict[str, Any], field: str, default: float, duration: float) -> int:
    """Takes `field`, minutes a slice, out of `config`: how many slices that makes of `duration` minutes."""
    minutes = read_number(config, field, default, 0.0, duration, "minutes above 0, up to duration_minutes")
    assert minutes is not None
    if duration / minutes > SLICES_MAX:
        raise AlgorithmConfigError(field, minutes, f"long enough for at most {SLICES_MAX:,} slices")
    return max(1, math.ceil(duration / minutes - 1e-9))


def read_choice(config: dict[str, Any], field: str, default: str, choices: tuple[str, ...]) -> str:
    """Takes `field` out of `config` as one of `choices`."""
    value = config.pop(field, default)
    if value not in choices:
        raise AlgorithmConfigError(field, value, f"one of {', '.join(choices)}")
    return str(value)


class Algorithm:
    """A way to work a parent order.

    A subclass sets `name`, reads its own parameters in `read`, and gives the coroutine `run`. Every algorithm takes

    participation_rate : own / (own + others) never exceeds it, by the volume printed since the start; None: no cap
    urgency   : low, medium, high or immediate: for how much of its slice a child waits at the near touch
    max_deviation : no new children while the mid is further than this from the arrival mid, against us; None: no bound
    residual  : what is left at the end is released (cancel), or taken (cross) within limit, cap and max_deviation
    seed      : of what it draws
    """

    name: ClassVar[str] = ""
    default_urgency: ClassVar[str] = "medium"

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        config = dict(parameters)
        self.urgency = read_choice(config, "urgency", self.default_urgency, tuple(PATIENCE))
        self.participation_rate = read_share(config, "participation_rate")
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

    @property
    def cap(self) -> float | None:
        """The share of the printed volume that is never exceeded; None: there is none."""
        return self.participation_rate

    def horizon_ns(self, parent: Parent) -> int:
        """How long the order may take, in ns; 0: at once."""
        return 0

    async def run(self, parent: Parent) -> None:
        """Works the parent until it is filled or its time is over."""
        raise TypeError(f"{type(self).__name__} does not say how it runs")

    async def follow(self, parent: Parent, starts: Iterable[int], ends: Iterable[int], targets: Iterable[int]) -> None:
        """Works slice after slice: from each start on, what brings the filled quantity to the slice's target, as far as
        the cap allows. What a slice does not get is carried to the next.
        """
        for start_ns, end_ns, target in zip(starts, ends, targets, strict=True):
            await parent.sleep_until(int(start_ns))
            if parent.is_over:
                return
            parent.scheduled = int(target)
            quantity = min(parent.scheduled - parent.filled, parent.allowed())
            if quantity > 0:
                await parent.work(quantity, int(end_ns))


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
        self._account: int = order.account
        self._tape = core.venues.tape(self.symbol)
        lit = [venue for venue in map(core.venues.describe, core.venues.names) if venue["enabled"]]
        lit = [venue for venue in lit if venue["kind"] in ("exchange", "ecn")] or lit
        sizes = [venue["max_order_size"] for venue in lit]
        self._venue_most: int | None = max(sizes) if sizes and None not in sizes else None

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
        """Has it ended, or been asked to? Then nothing more is placed; the engine withdraws what is at work, and
        closes it."""
        status = self.order.status
        return status.is_closed or status is OrderStatus.PENDING_CANCEL

    def others_volume(self) -> int:
        """Steps printed since the start, own prints apart."""
        self.core.touch(self.symbol)
        now = self.core.venues.tape(self.symbol)
        return (now["volume"] - now["own_volume"]) - (self._tape["volume"] - self._tape["own_volume"])

    def allowed(self) -> int:
        """What may be sent now so that own / (own + others) stays at or below the cap; all that remains without one."""
        rate = self.algorithm.cap
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

    def touch_e9(self, *, far: bool) -> int | None:
        """The best price on the other side (far) or on ours; None when nobody shows one."""
        quote = self.core.quote(self.symbol)
        return quote.ask_e9 if (self.sign > 0) is far else quote.bid_e9

    def within_limit(self, price_e9: int) -> int:
        """`price_e9` brought inside the parent's limit."""
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
        await self.take(wanted_left, CROSS_ALLOWANCE)

    async def _wait_at_touch(self, wanted_left: int, until_ns: int) -> None:
        step_ns = max(1_000_000_000, (until_ns - self.clock.now_ns()) // 8)
        while not self.is_over and self.remaining > wanted_left and self.clock.now_ns() < until_ns:
            touch = self.touch_e9(far=False)
            price = None if touch is None else self.within_limit(touch)
            order_id = None if price is None else self.child(self.remaining - wanted_left, price, "DAY")
            if order_id is None:
                await self.clock.sleep_until(min(until_ns, self.clock.now_ns() + step_ns))
                continue
            while self.clock.now_ns() < until_ns and not self.core.is_closed(order_id):
                await self.wait_closed(order_id, min(until_ns, self.clock.now_ns() + step_ns))
                touch = self.touch_e9(far=False)
                if touch is not None and self.within_limit(touch) != price:
                    break
            await self.withdraw(order_id)

    async def take(self, wanted_left: int, allowance: float | None = None) -> None:
        """Takes what stands on the other side until `remaining` is `wanted_left`, or nobody is left there.

        Each child goes to the best displayed price and no further, so that no better quote elsewhere is traded through.
        `allowance`: how far from the first such price, as a fraction of it; None: as far as the parent's limit.
        """
        bound: int | None = None  # the worst price for this time
        while not self.is_over and self.remaining > wanted_left:
            touch = self.touch_e9(far=True)
            if touch is None or self.within_limit(touch) != touch:
                return
            if bound is None:
                bound = self.limit_price_e9
                if allowance is not None:
                    ticks = int(touch * allowance) // self.tick_e9
                    bound = self.within_limit(max(touch + self.sign * ticks * self.tick_e9, self.tick_e9))
            if bound is not None and self.sign * (touch - bound) > 0:
                return
            if not await self._take_at(self.remaining - wanted_left, touch) and not await self._take_at(
                self.remaining - wanted_left, bound
            ):
                return  # nobody at the touch (we had taken it all), and nobody behind it

    async def _take_at(self, quantity: int, price_e9: int | None) -> int:
        """One immediate child at `price_e9` (None: any price); what it took."""
        order_id = self.child(quantity, price_e9, "IOC")
        if order_id is None:
            return 0
        await self.wait_closed(order_id, None)
        return self.core.get_order(order_id).filled_quantity

    def child(self, quantity: int, price_e9: int | None, time_in_force: str) -> int | None:
        """Sends a child of at most `quantity`, no larger than the limits on a single order let it be; its id.

        None when it is refused (the journal says why), or held back because the price has run too far.
        """
        quantity = self._sendable(quantity, price_e9)
        if quantity <= 0 or self.is_too_far():
            return None
        try:
            ticket = self.core.submit_child(self.order_id, quantity, price_e9, time_in_force)
        except OrderRejected:
            return None
        self.children.append(ticket.order_id)
        return ticket.order_id

    def _sendable(self, quantity: int, price_e9: int | None) -> int:
        """As much of `quantity` as one order may have: by the limits on size and value, and by what a venue takes."""
        if self._venue_most is not None:
            quantity = min(quantity, self._venue_most)
        limits, portfolio = self.core.limits, self.core.portfolio
        price = self.touch_e9(far=True) if price_e9 is None else price_e9
        while quantity > 0:
            _, figures = limits.check(portfolio, self.symbol, self.sign, quantity, price, self._account)
            over = [figures[name] for name in ("order_size", "notional", "order_value") if name in figures]
            most = min((int(quantity * limit / used) for used, limit in over if used > limit), default=quantity)
            if most == quantity and all(not used > limit for used, limit in over):
                break
            quantity = min(most, quantity - 1)
        return quantity

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
        """Withdraws every child that is still at work."""
        for order_id in self.children:
            await self.withdraw(order_id)

    async def abandon(self) -> None:
        """Withdraws every child and closes the parent, whatever the algorithm was doing."""
        for order_id in self.children:
            if not self.core.is_closed(order_id):
                with contextlib.suppress(OrderStateError):
                    self.core.cancel(order_id)
        for order_id in self.children:
            await self.wait_closed(order_id, None)
        if not self.is_over:
            self.core.close_parent(self.order_id, reason=Reason.USER)
        await self.wait_closed(self.order_id, None)

    async def sleep_until(self, time_ns: int) -> None:
        """Sleeps until `time_ns`, or not at all when that has passed."""
        if time_ns > self.clock.now_ns():
            await self.clock.sleep_until(time_ns)


async def run_parent(parent: Parent) -> Order:
    """Runs a parent's algorithm to its end: children withdrawn, the rest crossed or released. The parent, ended.

    Cancelled, or when the algorithm raises: children are withdrawn, the parent is canceled, and the error goes on.
    """
    try:
        await parent.algorithm.run(parent)
        await parent.withdraw_all()
        if parent.algorithm.residual == "cross" and not parent.is_over:
            await parent.take(parent.remaining - parent.allowed(), CROSS_ALLOWANCE)
    except (Exception, asyncio.CancelledError):
        with contextlib.suppress(EngineClosed, OrderStateError):  # of a closed engine nothing more can be asked
            await parent.abandon()
        raise
    if not parent.is_over:
        parent.core.close_parent(parent.order_id, expired=True, reason=Reason.ALGORITHM_DONE)
    await parent.wait_closed(parent.order_id, None)
    order = parent.order
    assert order.status in (OrderStatus.FILLED, OrderStatus.EXPIRED, OrderStatus.CANCELED)
    return order
