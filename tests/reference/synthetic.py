"""The synthetic market's order flow of one symbol, in plain Python, written from the rules of flow_model.h and
synthetic.h.

Books are lists of slots (a departure is drawn by slot), prices are ticks. `run` gives the rows that
SyntheticMarket.record gives, as tuples (time_ns, action, venue, side, order_id, tick, quantity). Own orders are not
in it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate

from reference.logarithm import log

from grandmodel.execution._core.synthetic import CANCEL_RATES, FLOW_TYPES, LIMIT_RATES, MARKET_RATE

ADD, DELETE, EXECUTE = 1, 3, 4
MASK = (1 << 64) - 1
LOT = 100
ALWAYS = ((1 << 63) - 1) // 2


class Random:
    """xoshiro256++ seeded by splitmix64, and what is drawn from it. Logarithm and exponential as the core computes
    them."""

    def __init__(self, seed, stream):
        state = seed ^ (stream * 0xD1342543DE82EF95 & MASK)
        self.s = []
        for _ in range(4):
            state, value = splitmix(state)
            self.s.append(value)

    def next(self):
        s = self.s
        result = (rotated((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        t = s[1] << 17 & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotated(s[3], 45)
        return result

    def unit(self):
        return (self.next() >> 11) * 2.0**-53

    def below(self, n):
        return (self.next() >> 32) * n >> 32

    def exponential(self):
        return -log(1.0 - self.unit())

    def pareto(self, tail, most):
        down = exp(log(1.0 - self.unit()) / tail)
        return most if down * most <= 1.0 else int(1.0 / down)

    def coin(self):
        return 1 if self.next() >> 63 else -1


def splitmix(state):
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return state, z ^ z >> 31


def rotated(x, k):
    return (x << k | x >> 64 - k) & MASK


def exp(x):
    if not x > -700.0:
        return 0.0
    k = int(x * 1.4426950408889634 - 0.5)
    r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10
    total = 1.0
    for n in range(13, 0, -1):
        total = 1.0 + total * r / n
    return math.ldexp(total, k)


class Order:
    def __init__(self, order_id, side, tick, quantity):
        self.order_id, self.side, self.tick, self.quantity = order_id, side, tick, quantity


class Book:
    """Slots as the core gives them out: the one that became free last first."""

    def __init__(self):
        self.slots, self.free, self.queues = [], [], {1: {}, -1: {}}

    def add(self, order):
        if self.free:
            slot = self.free.pop()
            self.slots[slot] = order
        else:
            slot = len(self.slots)
            self.slots.append(order)
        order.slot = slot
        self.queues[order.side].setdefault(order.tick, []).append(order)

    def remove(self, order):
        self.slots[order.slot] = None
        self.free.append(order.slot)
        queue = self.queues[order.side][order.tick]
        queue.remove(order)
        if not queue:
            del self.queues[order.side][order.tick]

    def best(self, side):
        ticks = self.queues[side]
        return None if not ticks else max(ticks) if side > 0 else min(ticks)


class ReferenceFlow:
    """Options as those of FlowModel and SyntheticMarket; `symbol` is its number, `sessions` [(open_ns, close_ns)]."""

    def __init__(
        self, shares, *, reference_tick, symbol=0, seed=0, start_ns=0, warmup_seconds=60.0, events_per_second=50.0,
        depth=10.0, sessions=(), limit_rates=LIMIT_RATES, cancel_rates=CANCEL_RATES, market_rate=MARKET_RATE,
        order_size="lots", size_tail=1.5, size_lots_max=100, branching=None, decay_seconds=1.0, curve=None,
        metaorders=0,
        metaorder_tail=1.5, common=0.0, common_seconds=10.0, venue_link=1.0,
    ):  # fmt: skip
        self.seed, self.random = seed, Random(seed, symbol + 1)
        self.lit = [venue for venue, share in enumerate(shares) if share > 0]
        self.shares = list(accumulate(share for share in shares if share > 0))
        self.reach, self.cancel_rates = list(accumulate(limit_rates)), cancel_rates
        self.order_size, self.size_tail, self.size_lots_max = order_size, size_tail, size_lots_max
        self.common, self.common_ns, self.link = common, round(common_seconds * 1e9), venue_link
        self.reference_tick = reference_tick
        self.sessions, self.curve = sessions, curve and [value / (math.fsum(curve) / len(curve)) for value in curve]
        arrival = self.reach[-1]
        self.branching, self.decay, self.excited = branching, 1e-9 / decay_seconds, [0.0] * 6
        constant = [1.0] * 6
        if branching is not None:
            arrivals = math.fsum(limit_rates)
            means = [arrivals, arrivals, market_rate, market_rate, arrivals - market_rate, arrivals - market_rate]
            constant = [
                (means[i] - sum(branching[i][j] * means[j] for j in range(6))) / means[i]
                for i in range(len(FLOW_TYPES))
            ]
        self.constant = constant
        speed = events_per_second / (4.0 * arrival / 60.0 * depth)
        rates = (arrival, arrival, market_rate, market_rate)
        self.until = list(accumulate(rate * constant[i] * (speed * depth / 60e9) for i, rate in enumerate(rates)))
        self.cancel_top = max(constant[4:]) * max(cancel_rates)
        self.cancels = self.cancel_top * (speed / 60e9)
        self.metaorder_tail, self.metaorders = metaorder_tail, []
        for _ in range(metaorders):
            self.metaorders.append(self.metaorder())
        self.books = {venue: Book() for venue in self.lit}
        self.next_id, self.rows, self.events = -1, [], 0
        self.now = start_ns - int(warmup_seconds * 1e9)
        self.pace_at(self.now)
        for i in range(len(limit_rates)):
            for _ in range(int(depth * limit_rates[i] / cancel_rates[i]) + 1):
                for side in (-1, 1):
                    venue, quantity = self.venue(), self.size()
                    self.add(venue, side, reference_tick - side * (i + (side < 0)), quantity)
        self.schedule()

    # ---- draws ----

    def venue(self):
        u = self.random.unit() * self.shares[-1]
        return self.lit[min(bisect_right(self.shares, u), len(self.lit) - 1)]

    def size(self):
        if isinstance(self.order_size, int):
            return self.order_size
        if self.order_size == "pareto":
            return LOT * self.random.pareto(self.size_tail, self.size_lots_max)
        r = self.random.next()
        if r % 7 == 0:
            return 1 + (r >> 8) % 99
        lots, r = 1, r >> 16
        while r & 15 < 6 and lots < 12:
            lots, r = lots + 1, r >> 4
        return LOT * lots

    def metaorder(self):
        side = self.random.coin()
        return [side, self.random.pareto(self.metaorder_tail, 1_000_000)]

    # ---- the book ----

    def best(self, side):
        ticks = [tick for venue in self.lit if (tick := self.books[venue].best(side)) is not None]
        return None if not ticks else max(ticks) if side > 0 else min(ticks)

    def add(self, venue, side, tick, quantity):
        self.books[venue].add(Order(self.next_id, side, tick, quantity))
        self.rows.append((self.now, ADD, venue, side, self.next_id, tick, quantity))
        self.next_id -= 1

    def limit(self, side):
        u = self.random.unit() * self.reach[-1]
        distance = min(bisect_right(self.reach, u), len(self.reach) - 1) + 1
        venue, quantity = self.venue(), self.size()
        other = self.best(-side)
        if other is None:
            near = self.best(side)
            tick = (self.reference_tick if near is None else near) + side - side * distance
        else:
            tick = other - side * distance
            if self.link < 1.0 and self.random.unit() >= self.link:
                own = self.books[venue].best(-side)
                if own is not None:
                    tick = own - side * distance
                tick = min(tick, other - 1) if side > 0 else max(tick, other + 1)
        if tick < 1:
            return False
        self.add(venue, side, tick, quantity)
        return True

    def market(self, side):
        quantity = self.size()
        if self.link < 1.0 and self.random.unit() >= self.link:
            venue = self.venue()
            self.take(venue, side, quantity)
            return
        while quantity > 0:
            best, chosen, count = self.best(-side), None, 0
            if best is None:
                return
            for venue in self.lit:
                if self.books[venue].best(-side) == best:
                    count += 1
                    if self.random.below(count) == 0:
                        chosen = venue
            quantity = self.take(chosen, side, quantity, best)

    def take(self, venue, side, quantity, limit=None):
        """Takes at one venue, up to a limit; what is left."""
        book = self.books[venue]
        while quantity > 0 and (best := book.best(-side)) is not None and (limit is None or best == limit):
            order = book.queues[-side][best][0]
            traded = min(quantity, order.quantity)
            self.rows.append((self.now, EXECUTE, venue, -side, order.order_id, best, traded))
            quantity -= traded
            order.quantity -= traded
            if order.quantity == 0:
                book.remove(order)
        return quantity

    def slot(self, pick):
        for venue in self.lit:
            slots = self.books[venue].slots
            if pick < len(slots):
                return venue, slots[pick]
            pick -= len(slots)
        raise AssertionError

    def cancel_rate(self, order):
        other = self.best(-order.side)
        distance = 1 if other is None else order.side * (other - order.tick)
        distance = min(max(distance, 1), len(self.cancel_rates))
        return self.cancel_rates[distance - 1] * self.constant[4 if order.side > 0 else 5]

    def leave(self, venue, order):
        self.rows.append((self.now, DELETE, venue, order.side, order.order_id, order.tick, order.quantity))
        self.books[venue].remove(order)
        return 4 if order.side > 0 else 5

    def live(self):
        return sum(len(book.slots) - len(book.free) for book in self.books.values())

    def anyone(self):
        slots, live = sum(len(book.slots) for book in self.books.values()), self.live()
        for _ in range(64):
            venue, order = self.slot(self.random.below(slots))
            if order is not None:
                return venue, order
        k = self.random.below(live)
        return [found for pick in range(slots) if (found := self.slot(pick))[1] is not None][k]

    def beyond(self, u):
        cancels = self.cancels * self.live()
        if u < cancels:
            venue, order = self.anyone()
            if self.random.unit() * self.cancel_top > self.cancel_rate(order):
                return None
            return self.leave(venue, order)
        if self.branching is None:
            return None
        u -= cancels
        kind = 0
        while kind < 6 and u >= self.excited[kind]:
            u -= self.excited[kind]
            kind += 1
        if kind == 6:
            return None
        if kind < 4:
            return kind
        slots = sum(len(book.slots) for book in self.books.values())
        for _ in range(128):
            venue, order = self.slot(self.random.below(slots))
            if order is None or (4 if order.side > 0 else 5) != kind:
                continue
            if self.random.unit() * self.cancel_top <= self.cancel_rate(order):
                return self.leave(venue, order)
        return None

    def side(self, side):
        if self.metaorders:
            k = self.random.below(len(self.metaorders))
            side = self.metaorders[k][0]
            self.metaorders[k][1] -= 1
            if self.metaorders[k][1] == 0:
                self.metaorders[k] = self.metaorder()
        if self.common > 0.0:
            interval = self.now // self.common_ns
            _, bits = splitmix((self.seed ^ (interval * 0xD1342543DE82EF95 & MASK) ^ 0x636F6D6D6F6E) & MASK)
            lean = self.common * (1.0 if bits >> 63 else -1.0)
            if side * lean < 0.0 and self.random.unit() < abs(lean):
                side = -side
        return side

    # ---- time ----

    def pace_at(self, t):
        self.slowness, self.pace_until = 1.0, ALWAYS
        if self.curve is None:
            return
        for begin, end in self.sessions:
            if t >= end:
                continue
            if t < begin:
                self.pace_until = begin
                return
            n, length = len(self.curve), end - begin
            place = (t - begin) * n // length
            self.slowness = 1.0 / self.curve[place]
            self.pace_until = begin - (-(place + 1) * length // n)
            return

    def schedule(self):
        bound = self.until[-1] + self.cancels * self.live()
        if self.branching is not None:
            bound += sum(self.excited)
        self.bound = bound
        wait = self.waited = self.random.exponential() / bound
        t = self.now
        while wait * self.slowness >= self.pace_until - t:
            wait = max(wait - (self.pace_until - t) / self.slowness, 0.0)
            t = self.pace_until
            self.pace_at(t)
        self.next = 1 + t + int(wait * self.slowness)

    def event(self):
        self.now = self.next
        if self.branching is not None:
            left = exp(-self.decay * self.waited)
            self.excited = [value * left for value in self.excited]
        u = self.random.unit() * self.bound
        kind = bisect_right(self.until, u)
        if kind == 4:
            kind = self.beyond(u - self.until[-1])
        if kind is not None and kind < 2:
            kind = kind if self.limit(1 if kind == 0 else -1) else None
        elif kind is not None and kind < 4:
            side = self.side(1 if kind == 2 else -1)
            self.market(side)
            kind = 2 if side > 0 else 3
        if kind is not None:
            self.events += 1
            if self.branching is not None:
                for i in range(6):
                    self.excited[i] += self.branching[i][kind] * self.decay
        self.schedule()

    def run(self, until_ns):
        while self.next <= until_ns:
            self.event()
        rows, self.rows = self.rows, []
        return rows
