"""A market recorded by price level with own orders over it, in plain Python, written from the rules of level_replay.h.

Prices are ticks. `fills` are (order id, tick, quantity, "made" or "took").
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Own:
    order_id: int
    side: int
    tick: int
    shown: int
    reserve: int
    display: int
    ahead: float
    seen: int
    printed: int = 0


@dataclass
class Market:
    model: str
    power: int = 2
    levels: dict[int, dict[int, int]] = field(default_factory=lambda: {1: {}, -1: {}})
    own: list[Own] = field(default_factory=list)
    taken: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    fills: list[tuple[int, int, int, str]] = field(default_factory=list)

    # ---- what the feed says

    def set_levels(self, changes):
        """(side, tick, quantity) of one event; the book is whole behind them."""
        for side, tick, quantity in changes:
            if quantity:
                self.levels[side][tick] = quantity
            else:
                self.levels[side].pop(tick, None)
        self.look()

    def print(self, side, tick, quantity, hidden=False):
        """Executed against resting orders of `side`; a tick may lie between two (a fraction)."""
        if self.crossed():
            return
        left = quantity
        whole = float(tick).is_integer() and not hidden
        while left > 0:  # better prices, or what is hidden at the price: only whoever nobody stands before
            waiting = [o for o in self.own if o.side == side and o.ahead < 1 and self.reaches(o, tick, whole)]
            if not waiting:
                break
            first = max(waiting, key=lambda o: side * o.tick)  # the first of equals: as they came
            left -= self.fill(first, min(first.shown, left))
        if not whole or left == 0:
            return
        there = self.levels[side].get(tick, 0)
        before = {}
        for o in self.own:
            if o.side == side and o.tick == tick:
                before[id(o)] = o.ahead
                o.printed += left
                o.ahead = max(0.0, o.ahead - left)
        took = 0
        queue = [o for o in self.own if o.side == side and o.tick == tick]
        while queue:
            o = queue.pop(0)
            room = left - before.pop(id(o), float(there))
            part = min(o.shown, (math.floor(room) if room >= 1 else 0) - took)
            if part > 0:
                took += part
                more = part == o.shown and o.reserve > 0
                self.fill(o, part)
                if more:
                    queue.append(o)

    @staticmethod
    def reaches(o, tick, strictly):
        distance = o.side * (o.tick - tick)
        return distance > 0 if strictly else distance >= 0

    def fill(self, o, quantity, how="made"):
        self.fills.append((o.order_id, o.tick, quantity, how))
        o.shown -= quantity
        if o.shown == 0:
            self.own.remove(o)
            if o.reserve:
                o.shown = min(o.reserve, o.display)
                o.reserve -= o.shown
                o.seen = self.levels[o.side].get(o.tick, 0)
                o.ahead = float(max(0, o.seen - o.printed))
                self.own.append(o)
        return quantity

    # ---- what own orders make of it

    def weight(self, x):
        return math.log(1 + x) if self.model == "log" else x**self.power

    def look(self):
        for key, (quantity, seen) in list(self.taken.items()):
            is_now = self.levels[key[0]].get(key[1], 0)
            if is_now < seen:
                quantity = -(-quantity * is_now // seen)
            if quantity:
                self.taken[key] = [quantity, is_now]
            else:
                del self.taken[key]
        for o in self.own:
            is_now = self.levels[o.side].get(o.tick, 0)
            if is_now == o.seen:
                continue
            expected = max(0, o.seen - o.printed)
            behind = max(0.0, expected - o.ahead)
            cancelled = expected - is_now
            if cancelled > 0 and self.model != "risk_averse":
                before, after = self.weight(o.ahead), self.weight(behind)
                share = before / (before + after) if before + after else 0.0
                gone = cancelled - behind if (1 - share) * cancelled > behind else share * cancelled
                o.ahead = max(0.0, o.ahead - gone)
            o.ahead = min(o.ahead, float(is_now))
            o.seen, o.printed = is_now, 0
        if self.crossed():
            return
        queue = list(self.own)
        while queue:
            o = queue.pop(0)
            for tick in self.ticks(-o.side):
                if o.side * (tick - o.tick) > 0:
                    break
                part = min(o.shown, self.free(-o.side, tick))
                if part <= 0:
                    continue
                self.take(-o.side, tick, part)
                more = part == o.shown and o.reserve > 0
                self.fill(o, part)
                if more:
                    queue.append(o)
                if more or o.shown == 0:
                    break

    # ---- own commands

    def submit(self, order_id, side, quantity, tick=None, tif="DAY", display=0):
        left = quantity
        if tif == "FOK" and sum(self.free(-side, t) for t in self.within(side, tick)) < quantity:
            return
        if not self.crossed():
            for at in self.within(side, tick):
                part = min(left, self.free(-side, at))
                if part > 0:
                    self.take(-side, at, part)
                    self.fills.append((order_id, at, part, "took"))
                    left -= part
        if left and tick is not None and tif == "DAY":
            shown = min(display, left) if display else left
            there = self.levels[side].get(tick, 0)
            self.own.append(Own(order_id, side, tick, shown, left - shown, display, float(there), there))

    def cancel(self, order_id):
        self.own = [o for o in self.own if o.order_id != order_id]

    # ---- the book

    def ticks(self, side):
        return sorted(self.levels[side], reverse=side > 0)

    def within(self, side, tick):
        return [t for t in self.ticks(-side) if tick is None or side * (t - tick) <= 0]

    def free(self, side, tick):
        return self.levels[side].get(tick, 0) - self.taken.get((side, tick), [0, 0])[0]

    def take(self, side, tick, quantity):
        entry = self.taken.setdefault((side, tick), [0, self.levels[side].get(tick, 0)])
        entry[0] += quantity

    def crossed(self):
        bids, asks = self.levels[1], self.levels[-1]
        return bool(bids and asks) and max(bids) >= min(asks)
