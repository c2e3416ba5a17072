"""Peg: stands at a distance from the touch, and moves with it."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

from ..._core.values import Reason
from .algorithm import Algorithm
from .hours import duration_ns
from .parameters import AlgorithmConfigError, read_choice, read_count, read_minutes, read_seconds
from .parent import MINUTE_NS, Parent

_NATIVE = {"near": "pegged_primary", "mid": "pegged_midpoint", "far": "pegged_market"}


class Peg(Algorithm):
    """Follows the near touch, the mid or the far touch with an offset, within the parent's limit.

    Where a venue takes pegged orders it is one; else a limit order that is withdrawn and placed anew as its reference
    moves, at most `replaces_per_minute` times: then it stands where it stood. Beyond the far touch it does not go.

    Parameters
    ----------
    reference : near, mid or far
    offset_ticks : int, towards the other side where positive; not of mid
    native : bool, False: pegged orders of venues are not used
    replaces_per_minute : int >= 1, default 30
    interval_seconds : float, how often it looks, default 1
    duration_minutes : float > 0; None: the rest of the session
    """

    name = "peg"

    def read(self, config: dict[str, Any]) -> None:
        self.reference = read_choice(config, "reference", "near", tuple(_NATIVE))
        offset = read_count(config, "offset_ticks", 0, -10_000, 10_000, "a whole number of ticks from -10000 to 10000")
        assert offset is not None
        if offset and self.reference == "mid":
            raise AlgorithmConfigError("offset_ticks", offset, "0 or left out: the mid has no offset")
        self.offset_ticks = offset
        self.native = config.pop("native", True)
        if not isinstance(self.native, bool):
            raise AlgorithmConfigError("native", self.native, "True or False")
        most = read_count(config, "replaces_per_minute", 30, 1, 10**6, "a whole number from 1 up")
        assert most is not None
        self.replaces_per_minute = most
        self.interval_seconds = read_seconds(config, "interval_seconds", 1.0)
        self.duration_minutes = read_minutes(config)

    def horizon_ns(self, parent: Parent) -> int:
        return duration_ns(parent, self.duration_minutes)

    def price_e9(self, parent: Parent) -> int | None:
        """Where it stands now: None while nobody shows its reference. The mid is rounded to its side's tick."""
        near, far, sign, tick = parent.touch_e9(far=False), parent.touch_e9(far=True), parent.sign, parent.tick_e9
        if self.reference == "mid":
            mid = parent.mid_e9
            if mid is None:
                return None
            price = mid // tick * tick if sign > 0 else -(-mid // tick) * tick
        else:
            reference = near if self.reference == "near" else far
            if reference is None:
                return None
            price = reference + sign * self.offset_ticks * tick
        if far is not None and sign * (price - far) > 0:
            price = far
        return None if price <= 0 else parent.within_limit(price)

    async def run(self, parent: Parent) -> None:
        assert self.interval_seconds is not None
        step_ns, moves = round(self.interval_seconds * 1e9), deque[int]()
        native = self.native
        while parent.remaining > 0 and await parent.ready():
            parent.scheduled = parent.filled
            child = self._native_child(parent) if native else None
            if native and child is None and parent.refusal in (Reason.UNSUPPORTED, Reason.NO_VENUE):
                native = False
                parent.assumptions.append("no venue takes pegged orders: it is replaced as its reference moves")
            if child is not None:
                await parent.rest(child, parent.end_ns, step_ns, lambda: False)
                await parent.withdraw(child)
                continue
            price = self.price_e9(parent)
            child = None if native or price is None else parent.child(parent.allowed(), price, "DAY")
            if child is None:
                await parent.sleep_until(min(parent.end_ns, parent.clock.now_ns() + step_ns))
                continue
            await parent.rest(child, parent.end_ns, step_ns, partial(self._moves, parent, price, moves))
            await parent.withdraw(child)

    def _native_child(self, parent: Parent) -> int | None:
        offset = self.offset_ticks * parent.tick_e9
        return parent.child(parent.allowed(), None, "DAY", order_type=_NATIVE[self.reference], peg_offset_e9=offset)

    def _moves(self, parent: Parent, own_e9: int | None, moves: deque[int]) -> bool:
        """Is it to be placed anew? Its reference has moved, and the minute's replaces are not used up."""
        price, now = self.price_e9(parent), parent.clock.now_ns()
        if price is None or price == own_e9:
            return False
        while moves and moves[0] <= now - MINUTE_NS:
            moves.popleft()
        if len(moves) >= self.replaces_per_minute:
            return False
        moves.append(now)
        return True
