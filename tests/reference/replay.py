"""A recording by order with own orders over it, in plain Python from the rules at the head of cext/include/replay.h.

Every queue is a list: recorded orders as [id, quantity, what we took of it], own ones as `Own`. Ticks are integers.
"""

from __future__ import annotations


class Own:
    def __init__(self, order_id, side, tick, quantity, display, post_only):
        self.order_id, self.side, self.tick = order_id, side, tick
        self.shown = min(display, quantity) if display else quantity
        self.reserve = quantity - self.shown
        self.display = display
        self.post_only = post_only

    @property
    def open(self):
        return self.shown + self.reserve


class Market:
    def __init__(self):
        self.queues = {1: {}, -1: {}}  # side -> tick -> [recorded or own, ...] as they stand
        self.halted = False
        self.fills = []  # (order id, tick, quantity, "added" or "removed")

    # ---- looking

    def recorded(self, side):
        """{tick: recorded quantity} of a side."""
        sums = {t: sum(x[1] for x in q if not isinstance(x, Own)) for t, q in self.queues[side].items()}
        return {tick: quantity for tick, quantity in sums.items() if quantity}

    @property
    def crossed(self):
        bids, asks = self.recorded(1), self.recorded(-1)
        return bool(bids and asks) and max(bids) >= min(asks)

    def own(self, side=None):
        return [
            x for s in (1, -1) if side in (None, s) for q in self.queues[s].values() for x in q if isinstance(x, Own)
        ]

    def ahead(self, own):
        queue = self.queues[own.side][own.tick]
        return sum(x[1] for x in queue[: queue.index(own)] if not isinstance(x, Own))

    def free(self, side):
        """[(tick, recorded order)] of a side with something left for us, best first."""
        found = []
        for tick in sorted(self.queues[side], key=lambda t: -side * t):
            found += [(tick, x) for x in self.queues[side][tick] if not isinstance(x, Own) and x[1] > x[2]]
        return found

    def best(self, side):
        """(tick, quantity) that we would be shown: the last recorded tick, and 0, where we have taken all; or None."""
        free, recorded = self.free(side), self.recorded(side)
        if free:
            return free[0][0], sum(x[1] - x[2] for tick, x in free if tick == free[0][0])
        return (side * min(side * tick for tick in recorded), 0) if recorded else None

    # ---- the recording

    def add(self, order_id, side, tick, quantity):
        entry = [order_id, quantity, 0]
        self.queues[side].setdefault(tick, []).append(entry)
        entry[2] = self.trade(-side, tick, quantity)

    def leave(self, order_id, quantity):
        """So much of a recorded order is gone, traded or not."""
        for levels in self.queues.values():
            for queue in levels.values():
                for entry in [x for x in queue if not isinstance(x, Own) and x[0] == order_id]:
                    entry[1] -= quantity
                    entry[2] = min(entry[2], entry[1])
                    if entry[1] == 0:
                        queue.remove(entry)

    def trade(self, side, tick, quantity):
        """Others traded on `side` at `tick`: who of us stands there or better, nobody recorded before, had it first."""
        left = quantity
        while left > 0 and not self.halted and not self.crossed:
            able = [o for o in self.own(side) if side * (o.tick - tick) >= 0 and self.ahead(o) == 0]
            if not able:
                break
            best = max(side * o.tick for o in able) * side
            mine = next(o for o in self.queues[side][best] if o in able)
            part = min(left, mine.shown)
            left -= part
            self.fills.append((mine.order_id, mine.tick, part, "added"))
            mine.shown -= part
            if mine.shown == 0:
                self.queues[side][best].remove(mine)
                if mine.reserve:
                    mine.shown = min(mine.display, mine.reserve)
                    mine.reserve -= mine.shown
                    self.queues[side][best].append(mine)
        return quantity - left

    # ---- own orders

    def reached(self, side, limit):
        return [(tick, x) for tick, x in self.free(-side) if limit is None or side * (limit - tick) >= 0]

    def submit(self, order_id, side, quantity, limit, tif="DAY", display=0, post_only=False):
        """What became of it at once: "NEW" (it rests, or has traded), "REJECTED" or "CANCELED"."""
        reached = self.reached(side, limit)
        if self.halted or (self.crossed and reached) or (post_only and reached):
            return "REJECTED"
        if tif == "FOK" and sum(x[1] - x[2] for _, x in reached) < quantity:
            return "CANCELED"
        left = quantity
        for tick, entry in reached:
            part = min(left, entry[1] - entry[2])
            if part:
                entry[2] += part
                left -= part
                self.fills.append((order_id, tick, part, "removed"))
        if left and (limit is None or tif in ("IOC", "FOK")):
            return "CANCELED"
        if left:
            self.queues[side].setdefault(limit, []).append(Own(order_id, side, limit, left, display, post_only))
        return "NEW"

    def find(self, order_id):
        return next((o for o in self.own() if o.order_id == order_id), None)

    def cancel(self, order_id):
        mine = self.find(order_id)
        if mine:
            self.queues[mine.side][mine.tick].remove(mine)

    def replace(self, order_id, left, limit):
        """`left`: open after it. False: refused."""
        mine = self.find(order_id)
        if limit == mine.tick and left <= mine.open:
            less = mine.open - left
            hidden = min(less, mine.reserve)
            mine.reserve -= hidden
            mine.shown -= less - hidden
            return True
        if self.halted or ((self.crossed or mine.post_only) and self.reached(mine.side, limit)):
            return False
        self.cancel(order_id)
        self.submit(order_id, mine.side, left, limit, display=mine.display, post_only=mine.post_only)
        return True
