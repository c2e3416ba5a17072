"""A parent order at work: what an algorithm sees of it and of the market, how it places children, and what may be asked
of it meanwhile.

A child can never be larger than what its parent has left and not at work: the core refuses it (PARENT_EXCEEDED),
whatever an algorithm asks. What a child had at work comes back only with the venue's word that it has ended. However an
algorithm ends, cancelled or by an error of its own too, its children are withdrawn and its parent is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from ..._core.submit import ParentFigures
from ..._core.values import EngineClosed, OrderRejected, OrderStateError, OrderStatus, Reason, Unknown
from ..destinations import largest_child
from .algorithm import PATIENCE
from .hours import session_begin_ns, session_end_ns

if TYPE_CHECKING:
    from ..._core.orders import Order
    from ..._core.submit import Core
    from ...clock import Clock
    from .algorithm import Algorithm, Plan

MINUTE_NS = 60_000_000_000

#: A slice that crosses goes this far beyond the far touch that it met first (fraction of the price) and no further: a
#: few levels, not the whole book.
CROSS_ALLOWANCE = 0.0005


def _integer(value: Any, what: str) -> int:
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError):
            return operator.index(value)
    raise TypeError(f"{what} is {value!r}, expected an integer")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a parent is. Quantities in steps.

    Attributes
    ----------
    quantity, done, at_work : ordered, filled, sent and not ended
    scheduled : filled by now, had all gone to plan
    tracking_error : (done - scheduled) / quantity
    elapsed : part of the time that has passed, 0 to 1; Unknown of one without a horizon
    expected_end_ns : when it will be done at the pace so far; Unknown before its first fill
    is_paused : no new children are placed
    is_halted : trading in the symbol is halted: no new children are placed either
    assumptions : what the algorithm takes for granted, in words
    """

    quantity: int
    done: int
    at_work: int
    scheduled: int
    tracking_error: float
    elapsed: float
    expected_end_ns: float
    is_paused: bool
    is_halted: bool
    assumptions: tuple[str, ...]


_WORKING: WeakKeyDictionary[Any, WeakSet[Parent]] = WeakKeyDictionary()


def working_parents(core: Core) -> list[Parent]:
    """The parents of a core that algorithms work now, by id."""
    found = [parent for parent in _WORKING.get(core, ()) if not parent.order.status.is_closed]
    return sorted(found, key=lambda parent: parent.order_id)


class Parent:
    """A parent order at work.

    Attributes
    ----------
    symbol, sign, tick_e9 : what it trades; +1 buys, -1 sells
    start_ns, end_ns : its time: from now, or from the open where the market keeps hours and is closed, to the end of
        its horizon, or the close
    scheduled : steps to be filled by now, by plan
    children : ids of all it has sent
    assumptions : what its algorithm takes for granted, for `progress`
    """

    def __init__(self, core: Core, clock: Clock, order_id: int, algorithm: Algorithm) -> None:
        self.core, self.clock, self.order_id, self.algorithm = core, clock, order_id, algorithm
        self._figures = ParentFigures(core, order_id)
        order = core.get_order(order_id)
        self.symbol: str = order.symbol
        self.sign: int = order.side.sign
        self.tick_e9: int = self._figures.tick_e9
        self.arrival_mid_e9: int | None = order.arrival_mid_e9
        self.assumptions: list[str] = []
        self.start_ns: int = session_begin_ns(core, self.symbol, clock.now_ns())
        self.end_ns: int = session_end_ns(core, self.symbol, self.start_ns, self.start_ns + algorithm.horizon_ns(self))
        self.children: list[int] = []
        self.scheduled: int = 0
        self.refusal: Reason | None = None  # why the last child that was refused was
        self._tape = core.venues.tape(self.symbol)
        self._live: set[int] = set()
        self._paused = False
        self._terms = 0  # how often they have changed
        self._planned = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._venue_most = largest_child(core)
        _WORKING.setdefault(core, WeakSet()).add(self)

    def adopt(self, legs: list[int]) -> None:
        """Takes children as its own that were sent before it was made."""
        self.children.extend(legs)
        self._live.update(legs)

    # ---- what it sees ----

    @property
    def order(self) -> Order:
        """The parent as it stands now."""
        return self.core.get_order(self.order_id)

    @property
    def quantity(self) -> int:
        """Steps ordered; an amendment changes it."""
        return self._figures.quantity

    @property
    def limit_price_e9(self) -> int | None:
        """The limit, in 1e-9; None: there is none."""
        return self._figures.limit_price_e9

    @property
    def plan_begin_ns(self) -> int:
        """Where a plan of what is left begins: now, or the open that it waits for."""
        return max(self.start_ns, self.clock.now_ns())

    @property
    def plan_end_ns(self) -> int:
        """The end that a plan of what is left has: after its begin, however late it is."""
        return max(self.end_ns, self.plan_begin_ns + 1)

    @property
    def filled(self) -> int:
        return self._figures.filled

    @property
    def remaining(self) -> int:
        """What is neither filled nor at work, in steps."""
        return self._figures.remaining

    @property
    def is_over(self) -> bool:
        """Has it ended, or been asked to? Then nothing more is placed; the engine withdraws what is at work, and
        closes it."""
        return self._figures.is_over

    @property
    def is_halted(self) -> bool:
        """Is trading in its symbol halted?"""
        return self._figures.is_halted

    @property
    def is_paused(self) -> bool:
        return self._paused

    @property
    def has_changed(self) -> bool:
        """Have its terms changed, or has it been paused, since its plan was made?"""
        return self._paused or self._terms != self._planned

    @property
    def progress(self) -> Progress:
        """How far it is, now."""
        order, now = self.order, self.clock.now_ns()
        horizon, passed = self.end_ns - self.start_ns, max(0, now - self.start_ns)
        done, left = order.filled_quantity, order.leaves_quantity
        end: float = Unknown("nothing is filled yet")
        if order.status.is_closed or left == 0:
            end = float(order.updated_ns)
        elif done > 0 and passed > 0:
            end = now + passed * (left / done)
        return Progress(
            quantity=order.quantity,
            done=done,
            at_work=order.working_quantity,
            scheduled=self.scheduled,
            tracking_error=(done - self.scheduled) / order.quantity,
            elapsed=min(1.0, passed / horizon) if horizon > 0 else Unknown("it has no horizon"),
            expected_end_ns=end,
            is_paused=self._paused,
            is_halted=self.is_halted,
            assumptions=tuple(self.assumptions),
        )

    def others_volume(self) -> int:
        """Steps printed since the start, own prints apart."""
        return self._figures.others_volume - (self._tape["volume"] - self._tape["own_volume"])

    def allowed(self) -> int:
        """What may be sent now so that own / (own + others) stays at or below the cap; all that remains without one."""
        rate = self.algorithm.cap
        if rate is None or rate >= 1.0:
            return self.remaining
        most = math.floor(rate / (1.0 - rate) * self.others_volume())
        return max(0, min(self.remaining, most - self._figures.filled - self._figures.at_work))

    def in_lots(self, quantity: int) -> int:
        """`quantity` in whole lots; all that remains may be an odd one."""
        lot = self.algorithm.lot_size
        return quantity if lot == 1 or quantity >= self.remaining else quantity // lot * lot

    def is_too_far(self) -> bool:
        """Has the price run away from the arrival mid by more than `max_deviation`, against us?"""
        limit = self.algorithm.max_deviation
        if limit is None or self.arrival_mid_e9 is None:
            return False
        mid = self._figures.mid_e9
        return mid is not None and self.sign * (mid - self.arrival_mid_e9) > limit * self.arrival_mid_e9

    def touch_e9(self, *, far: bool) -> int | None:
        """The best price on the other side (far) or on ours; None when nobody shows one."""
        return self._figures.touch_e9(far)

    @property
    def mid_e9(self) -> int | None:
        """The consolidated mid; None without a bid and an offer."""
        return self._figures.mid_e9

    def within_limit(self, price_e9: int) -> int:
        """`price_e9` brought inside the parent's limit."""
        limit = self.limit_price_e9
        if limit is None:
            return price_e9
        return min(price_e9, limit) if self.sign > 0 else max(price_e9, limit)

    # ---- what may be asked of it ----

    def pause(self) -> None:
        """Withdraws what is at work, and places nothing until `resume`. Its end does not move."""
        self._paused = True
        for order_id in [*self._live]:
            self._ask_end(order_id)
        self._wake()

    def resume(self) -> None:
        """Goes on, with a plan for what is left."""
        self._paused = False
        self._terms += 1
        self._wake()

    def replan(self, end_ns: int | None = None, *, withdraw: bool = False) -> None:
        """Its terms have changed: what is left is planned anew, until `end_ns` if that is given. `withdraw`: what rests
        comes back first (its price may be beyond a new limit)."""
        if end_ns is not None:
            self.end_ns = session_end_ns(self.core, self.symbol, self.clock.now_ns(), end_ns)
        self._terms += 1
        if withdraw:
            for order_id in [*self._live]:
                self._ask_end(order_id)
        self._wake()

    # ---- how it places ----

    async def follow(self, plan: Plan) -> bool:
        """Works slice after slice: from each start on, what brings the filled quantity to the slice's target, as far as
        the cap and `catch_up` allow; what a slice does not get is carried to the next. False: the terms have changed.
        """
        self._planned = self._terms
        before = self.filled
        usual = max(1, math.ceil((int(plan.targets[-1]) - before) / len(plan.targets))) if len(plan.targets) else 1
        for k in range(len(plan.starts)):
            end_ns = int(plan.ends[k])
            await self.sleep_until(int(plan.starts[k]))
            if self.is_over:
                return True
            if self.has_changed or (k > 0 and self.algorithm.revise(self)):
                return False
            self.scheduled = self.algorithm.aim(self, plan, k)
            quantity = min(self.scheduled - self.filled, self.allowed())
            if self.algorithm.catch_up is not None:
                quantity = min(quantity, math.floor(self.algorithm.catch_up * max(usual, self.scheduled - before)))
            quantity = self.in_lots(quantity)
            before = self.scheduled
            if quantity > 0:
                await self.work(quantity, end_ns, self.algorithm.patience(self))
        return not self.has_changed

    async def ready(self) -> bool:
        """Waits while it is paused and until its time begins; its terms as they are then are those it goes by. False:
        it is over, or its time is. For algorithms with a `run` of their own, before each step."""
        while True:
            await self.while_paused()
            self._planned = self._terms
            await self.sleep_until(min(self.start_ns, self.end_ns))
            if not self.has_changed:
                return not self.is_over and self.clock.now_ns() < self.end_ns

    async def while_paused(self) -> None:
        """Returns once it is not paused, or over."""
        while self._paused and not self.is_over and self.clock.now_ns() < self.end_ns:
            await self.wait(self.end_ns)
        if self._paused:  # its time is over: nothing is planned any more
            self._paused = False
            self.close(expired=True, reason=Reason.ALGORITHM_DONE)

    async def work(self, quantity: int, until_ns: int, patience: float | None = None) -> None:
        """Places `quantity` as the algorithm's `placement` says; what finds no counterpart by `until_ns` comes back to
        `remaining`. `patience`: the part of that time for which it waits, by default as the urgency has it.
        """
        quantity, until_ns = _integer(quantity, "quantity"), _integer(until_ns, "until_ns")
        placement, now = self.algorithm.placement, self.clock.now_ns()
        if placement in ("post", "cross"):
            patience = 1.0 if placement == "post" else 0.0
        elif patience is None:
            patience = PATIENCE[self.algorithm.urgency]
        cross_ns = now + int((until_ns - now) * patience)
        if self.algorithm.placement_timeout is not None:
            cross_ns = min(cross_ns, now + round(self.algorithm.placement_timeout * 1e9))
        wanted_left = max(0, self.remaining - quantity)
        if cross_ns > now:
            await self.wait_at_touch(wanted_left, cross_ns, improve=placement == "improve")
        if placement != "post" and not self.has_changed:
            await self.take(wanted_left, CROSS_ALLOWANCE)

    def resting_price_e9(self, *, improve: bool = False) -> int | None:
        """Where a child rests: at the near touch, or a tick inside it where the spread has room, within the limit."""
        near = self.touch_e9(far=False)
        if near is None:
            return None
        if improve:
            far = self.touch_e9(far=True)
            if far is not None and self.sign * (far - near) > self.tick_e9:
                near += self.sign * self.tick_e9
        return self.within_limit(near)

    async def wait_at_touch(self, wanted_left: int, until_ns: int, *, improve: bool = False) -> None:
        """Rests at the near touch, following it, until `remaining` is `wanted_left` or `until_ns` has come."""
        step_ns = max(1_000_000_000, (until_ns - self.clock.now_ns()) // 8)
        while not self.is_over and self.remaining > wanted_left and self.clock.now_ns() < until_ns:
            if self.has_changed:
                return
            price = self.resting_price_e9(improve=improve)
            order_id = None if price is None else self.child(self.remaining - wanted_left, price, "DAY")
            if order_id is None:
                await self.sleep_until(min(until_ns, self.clock.now_ns() + step_ns))
                continue
            await self.rest(order_id, until_ns, step_ns, partial(self._has_moved, price))
            await self.withdraw(order_id)

    def _has_moved(self, own_e9: int | None) -> bool:
        touch = self.touch_e9(far=False)
        return touch is not None and self.within_limit(touch) != own_e9

    async def rest(self, order_id: int, until_ns: int, step_ns: int, moved: Callable[[], bool]) -> None:
        """Lets a child rest until it has ended, `until_ns` has come, terms change, or `moved` says so; that is asked
        each `step_ns`, by a callback: nobody is woken for a no. The child is then still where it was."""
        if self.has_changed:
            return
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        timer: asyncio.Future[None] | None = None

        def look(fired: asyncio.Future[None] | None) -> None:
            nonlocal timer
            if ended.done():
                return
            try:
                now = self.clock.now_ns()
                over = now >= until_ns or (fired is not None and moved())
                if ended.done():  # to look is to let the market live on: the child may have ended by that
                    return
                if over:
                    ended.set_result(None)
                    return
                timer = loop.create_future()
                timer.add_done_callback(look)
                self.clock.wake_at(min(until_ns, now + step_ns), timer)
            except Exception as error:
                if not ended.done():
                    ended.set_exception(error)

        self._waiting.add(ended)
        self.core.add_waiter(order_id, ended)
        look(None)
        try:
            await ended
        finally:
            self._waiting.discard(ended)
            self.core.remove_waiter(order_id, ended)
            if timer is not None:
                timer.cancel()

    async def take(self, wanted_left: int, allowance: float | None = None, worst_e9: int | None = None) -> None:
        """Takes what stands on the other side until `remaining` is `wanted_left`, or nobody is left there.

        Each time all the venues at the best displayed price are swept in one go (`Core.sweep`) and no further: the next
        price of one of them may be better than what another displays.
        `allowance`: how far from the first such price, as a fraction of it; None: as far as the parent's limit.
        `worst_e9`: the worst price for this time, in place of that.
        """
        bound = None if worst_e9 is None else self.within_limit(worst_e9)
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
            # What is displayed is not in whole lots: where children must be, they go to one venue each.
            at_touch = self.sweep if self.algorithm.lot_size == 1 else self.take_at
            if not await at_touch(self.remaining - wanted_left, touch) and not await self.take_at(
                self.remaining - wanted_left, bound
            ):
                return  # nobody at the touch (we had taken it all), and nobody behind it

    async def sweep(self, quantity: int, limit_e9: int | None) -> int:
        """Takes what is displayed up to a price, over the venues in one go; what it took, once all of them have said.

        What a leg does not get comes back to `remaining` only then, so nothing is sent twice.
        """
        limit_e9 = self.limit_price_e9 if limit_e9 is None else self.within_limit(limit_e9)
        quantity = self._sendable(quantity, limit_e9)
        if quantity <= 0:
            return 0
        try:
            ids = self.core.sweep(self.order_id, quantity, limit_e9)["ids"]
        except OrderStateError:  # the market lives on as the engine is entered: its end has come, or a late fill
            return 0
        legs = [order_id for order_id in ids if order_id > 0]
        self.adopt(legs)
        for order_id in legs:
            await self.wait_closed(order_id)
        return sum(self.core.get_order(order_id).filled_quantity for order_id in legs)

    async def take_at(self, quantity: int, price_e9: int | None) -> int:
        """One immediate child at `price_e9` (None: any price); what it took."""
        order_id = self.child(quantity, price_e9, "IOC")
        if order_id is None:
            return 0
        await self.wait_closed(order_id)
        return self.core.get_order(order_id).filled_quantity

    def child(self, quantity: int, price_e9: int | None, time_in_force: str, **terms: Any) -> int | None:
        """Sends a child of at most `quantity`, no larger than the limits on a single order let it be; its id.

        None when it is refused (the journal says why, `refusal` has the reason), or held back: paused, halted, over, or
        the price has run too far. Whatever an algorithm asks, no child is beyond the parent's limit.

        Parameters
        ----------
        quantity : steps; whole lots are sent, unless it is all that remains
        price_e9 : None: any price within the limit, or a peg bounded by nothing else
        terms : venue, order_type, hidden, min_quantity, peg_offset_e9 (see `Core.submit_child`)
        """
        quantity = _integer(quantity, "quantity")
        if price_e9 is not None:
            price_e9 = _integer(price_e9, "price_e9")
        self.refusal = None
        limit = self._figures.limit_price_e9
        if limit is not None:
            price_e9 = limit if price_e9 is None else self.within_limit(price_e9)
        quantity = self._sendable(quantity, price_e9, anywhere="venue" not in terms)
        if quantity <= 0:
            return None
        if terms.get("min_quantity", 0) > quantity:
            terms["min_quantity"] = quantity
        try:
            ticket = self.core.submit_child(self.order_id, quantity, price_e9, time_in_force, **terms)
        except OrderRejected as refused:
            self.refusal = refused.reason
            return None
        self.children.append(ticket.order_id)
        self._live.add(ticket.order_id)
        return ticket.order_id

    def _sendable(self, quantity: int, price_e9: int | None, *, anywhere: bool = True) -> int:
        """As much of `quantity` as may be sent now: whole lots, within the limits on one order and what a venue takes;
        nothing while it is paused, halted, or the price has run too far."""
        if anywhere and self._venue_most is not None:
            quantity = min(quantity, self._venue_most)
        quantity = self.in_lots(self._figures.sendable(quantity, price_e9))
        if quantity <= 0 or self._paused or self._figures.is_halted or self.is_too_far():
            return 0
        return quantity

    # ---- how it waits, and withdraws ----

    async def wait(self, until_ns: int | None, order_id: int | None = None) -> None:
        """Waits until `until_ns`, until the child has ended, or until something is asked of the parent."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        if order_id is not None:
            self.core.add_waiter(order_id, future)
        try:
            if until_ns is not None:
                self.clock.wake_at(until_ns, future)
            await future
        finally:
            self._waiting.discard(future)
            if order_id is not None:
                self.core.remove_waiter(order_id, future)

    def _wake(self) -> None:
        for future in [*self._waiting]:
            if not future.done():
                future.set_result(None)

    async def sleep_until(self, time_ns: int) -> None:
        """Sleeps until `time_ns`, or until its terms change; not at all when the time has passed."""
        while time_ns > self.clock.now_ns() and not self.has_changed and not self.is_over:
            await self.wait(time_ns, self.order_id)

    async def wait_closed(self, order_id: int, until_ns: int | None = None) -> None:
        """Waits until a child has ended, or until `until_ns` or a change of terms where a time is given."""
        while not self.core.is_closed(order_id):
            await self.wait(until_ns, order_id)
            if until_ns is not None:
                break
        if self.core.is_closed(order_id):
            self._live.discard(order_id)

    async def wait_all(self) -> None:
        """Waits until every child has ended, or until its terms change."""
        for order_id in [*self._live]:
            while not self.core.is_closed(order_id) and not self.has_changed:
                await self.wait(None, order_id)
            if self.core.is_closed(order_id):
                self._live.discard(order_id)

    def _ask_end(self, order_id: int) -> None:
        if not self.core.is_closed(order_id):
            with contextlib.suppress(OrderStateError):
                self.core.cancel(order_id)

    async def withdraw(self, order_id: int) -> None:
        """Cancels a child and waits for the venue's word: only then does its quantity come back."""
        self._ask_end(order_id)
        await self.wait_closed(order_id)

    async def withdraw_all(self) -> None:
        """Withdraws every child that is still at work."""
        for order_id in [*self._live]:
            self._ask_end(order_id)
        for order_id in [*self._live]:
            await self.wait_closed(order_id)

    def close(self, *, expired: bool = False, reason: Reason) -> None:
        """Releases what is left and ends the parent, unless it has ended already."""
        with contextlib.suppress(OrderStateError):  # it may end as the engine is entered
            if not self.is_over:
                self.core.close_parent(self.order_id, expired=expired, reason=reason)

    async def abandon(self) -> None:
        """Withdraws every child and closes the parent, whatever the algorithm was doing."""
        await self.withdraw_all()
        self.close(reason=Reason.USER)
        await self.wait_closed(self.order_id)


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
    parent.close(expired=True, reason=Reason.ALGORITHM_DONE)
    await parent.wait_closed(parent.order_id)
    order = parent.order
    assert order.status in (OrderStatus.FILLED, OrderStatus.EXPIRED, OrderStatus.CANCELED)
    return order
