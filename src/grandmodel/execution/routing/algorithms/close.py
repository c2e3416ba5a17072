"""Close: the price of the closing auction, with as much in it as it can take."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import schedule
from ...sessions import SESSION_MINUTES
from .algorithm import Algorithm, Plan
from .hours import duration_ns, keeps_hours, session_close_ns, volume_curve
from .implementation_shortfall import forecast_volume_per_minute
from .parameters import AlgorithmConfigError, as_number, read_minutes, read_number, read_share
from .parent import MINUTE_NS, Parent

#: What others bring to a closing auction a side, as a part of a session's volume, unless somebody says otherwise (this
#: project's choice; the synthetic market's default too).
CLOSING_SHARE = 0.08


class Close(Algorithm):
    """Part of the order goes into the closing auction (CLS), the rest is worked before it, along the volume curve.

    The part is what keeps own / (own + others) in the auction at `auction_share`, by the volume that is expected there:
    `closing_volume`, else what the auction indicates once orders for it have come, else a part of the session's volume
    at the rate so far (and `progress.assumptions` says so). It is looked at anew before each slice, and sent
    `auction_minutes` before the close. Where the market has no auctions everything is worked to the close, or to the
    end of `duration_minutes` where it never closes.

    Parameters
    ----------
    auction_share : float in (0, 1], default 0.1; 1: all of it
    closing_volume : float > 0, steps that others are expected to trade in the auction
    auction_minutes : float, before the close, default 2
    duration_minutes : float > 0, of the work before the close; it begins then at the earliest; None: from now on
    bin_minutes : float, minutes a slice of it, default 5
    """

    name = "close"

    def read(self, config: dict[str, Any]) -> None:
        self.auction_share = read_share(config, "auction_share") or 0.1
        self.closing_volume = read_number(config, "closing_volume", None, 0.0, 2.0**53, "steps above 0")
        value = config.pop("auction_minutes", 2.0)
        self.auction_minutes = as_number(value)
        if not 0.0 < self.auction_minutes <= SESSION_MINUTES:
            raise AlgorithmConfigError("auction_minutes", value, f"minutes above 0, up to {SESSION_MINUTES}")
        self.duration_minutes = read_minutes(config)
        self.bin_minutes = read_number(config, "bin_minutes", 5.0, 0.0, SESSION_MINUTES, "minutes above 0")
        self._close_ns: int | None = None
        self._part = 0

    def horizon_ns(self, parent: Parent) -> int:
        close = session_close_ns(parent.start_ns, parent.core.instruments.calendar(parent.symbol))
        if close is not None and (keeps_hours(parent.core) or self.duration_minutes is None):
            return close - parent.start_ns
        return duration_ns(parent, self.duration_minutes)

    def expected_volume(self, parent: Parent) -> float:
        """What others are expected to trade in the closing auction, in steps."""
        if self.closing_volume is not None:
            return self.closing_volume
        ahead = parent.core.auction(parent.symbol)
        if ahead is not None and ahead["closing"] and ahead["volume"] > 0:
            return float(ahead["volume"])
        said = "the closing auction's volume is a part of a session's at the rate so far"
        if said not in parent.assumptions:
            parent.assumptions.append(said)
        return CLOSING_SHARE * SESSION_MINUTES * forecast_volume_per_minute(parent)

    def _waits_for_auction(self, parent: Parent) -> bool:
        """Is there one, and does the order last until then?"""
        return self._close_ns is not None and parent.end_ns >= self._close_ns

    def auction_quantity(self, parent: Parent) -> int:
        """Steps of what is left that belong in the auction."""
        left = parent.quantity - parent.filled
        if not self._waits_for_auction(parent):
            return 0
        if self.auction_share >= 1.0:
            return left
        most = self.auction_share / (1.0 - self.auction_share) * self.expected_volume(parent)
        return left if most >= left else math.floor(most) // self.lot_size * self.lot_size

    def plan(self, parent: Parent) -> Plan:
        """Of what is worked before the auction."""
        now, filled = parent.plan_begin_ns, parent.filled
        end = parent.plan_end_ns
        if self._waits_for_auction(parent):
            end -= round(self.auction_minutes * MINUTE_NS)
        if self.duration_minutes is not None:
            now = max(now, end - round(self.duration_minutes * MINUTE_NS))
        self._part = self.auction_quantity(parent)
        worked = parent.quantity - filled - self._part
        assert self.bin_minutes is not None
        if worked <= 0 or end <= now:
            none = np.empty(0, np.int64)
            return Plan(none, none, none)
        bins = max(1, math.ceil((end - now) / (self.bin_minutes * MINUTE_NS) - 1e-9))
        edges = now + np.linspace(0, end - now, bins + 1).astype(np.int64)
        targets = filled + schedule.vwap_slices(worked, volume_curve(edges), self.lot_size).cumsum()
        return Plan(edges[:-1], edges[1:], targets)

    def revise(self, parent: Parent) -> bool:
        """Does the auction look larger or smaller than planned, by more than a tenth?"""
        part = self.auction_quantity(parent)
        return abs(part - self._part) > 0.1 * max(part, self._part)

    async def run(self, parent: Parent) -> None:
        ahead = parent.core.auction(parent.symbol)
        self._close_ns = parent.end_ns if ahead is not None and keeps_hours(parent.core) else None
        if self._close_ns is None:
            parent.assumptions.append("this market has no closing auction: all is worked to the end")
        while True:
            while not parent.is_over and not await parent.follow(self.plan(parent)):
                await parent.while_paused()
            if parent.is_over or not self._waits_for_auction(parent):
                return
            assert self._close_ns is not None
            await parent.sleep_until(self._close_ns - round(self.auction_minutes * MINUTE_NS))
            if not await parent.ready():
                return
            if parent.clock.now_ns() >= self._close_ns - round(self.auction_minutes * MINUTE_NS):
                break
        await self._cross(parent)

    async def _cross(self, parent: Parent) -> None:
        """Its part in the auction, whatever happens to its terms until then."""
        assert self._close_ns is not None
        while await parent.ready():
            quantity = min(parent.remaining, self.auction_quantity(parent))
            parent.scheduled = parent.quantity
            child = parent.child(quantity, parent.limit_price_e9, "CLS")
            if child is None:
                await parent.sleep_until(min(self._close_ns, parent.clock.now_ns() + MINUTE_NS // 4))
                continue
            await parent.rest(child, self._close_ns, self._close_ns, lambda: False)
            if parent.has_changed:
                await parent.withdraw(child)
                continue
            await parent.wait_closed(child)
            return
