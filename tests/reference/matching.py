"""Price-time priority matching in plain Python, from its rules. Slow and obvious.

An incoming order trades with the best price of the other side, at a price first in first out, at the
resting order's price, as long as its own limit allows. What is left of a limit order rests (DAY, GTC) or
is cancelled (IOC); what is left of a market order is cancelled. FOK: in full at once, hidden reserves
counted, or not at all. Post-only: refused if it would trade. An iceberg shows `display` at a time; when
the shown part has traded, the next part is shown at the back of the queue. A command that is refused
changes nothing.
"""

INT64_MAX = 2**63 - 1
TICK_MAX = 2**31 - 1  # exclusive
MAX_ICEBERG_SLICES = 2**20


class Resting:
    def __init__(self, order_id, side, price_e9, shown, hidden, display):
        self.order_id = order_id
        self.side = side
        self.price_e9 = price_e9
        self.shown = shown
        self.hidden = hidden
        self.display = display


class ReferenceEngine:
    def __init__(self, tick_e9=10_000_000, capacity=1 << 20):
        self.tick_e9 = tick_e9
        self.capacity = capacity
        self.sides = {"buy": {}, "sell": {}}  # price -> list, front first
        self.by_id = {}
        self.trades = 0
        self.volume = 0
        self.last_price_e9 = None

    def submit(self, order_id, side, quantity, price_e9=None, tif="DAY", post_only=False, display=0):
        """(status, filled, leaves, reason, fills)."""

        def refused(reason):
            return "REJECTED", 0, quantity, reason, []

        if display < 0:
            return refused("INVALID")
        if tif not in ("DAY", "GTC", "IOC", "FOK"):
            return refused("UNSUPPORTED")
        if order_id in self.by_id:
            return refused("DUPLICATE_CLIENT_ID")
        if quantity <= 0:
            return refused("INVALID")
        if display > 0 and quantity // display > MAX_ICEBERG_SLICES:
            return refused("UNSUPPORTED")
        if price_e9 is not None and (
            price_e9 <= 0 or price_e9 % self.tick_e9 or price_e9 // self.tick_e9 >= TICK_MAX
        ):
            return refused("PRICE_OUT_OF_RANGE")
        if post_only and (price_e9 is None or self._crossing(side, price_e9)):
            return refused("WOULD_CROSS")
        if tif == "FOK" and sum(r.shown + r.hidden for r in self._crossing(side, price_e9)) < quantity:
            return "CANCELED", 0, quantity, "NO_LIQUIDITY", []
        fills = self._take(side, quantity, price_e9)
        filled = sum(fill[2] for fill in fills)
        leaves = quantity - filled
        if leaves == 0:
            return "FILLED", filled, 0, "NONE", fills
        if price_e9 is None or tif == "IOC":
            return "CANCELED", filled, leaves, "UNFILLED_REMAINDER" if filled else "NO_LIQUIDITY", fills
        shown = min(display, leaves) if display else leaves
        ended = "CANCELED" if filled else "REJECTED"
        if len(self.by_id) == self.capacity:
            return ended, filled, leaves, "VENUE_CAPACITY", fills
        level = self.sides[side].get(price_e9, [])
        if sum(r.shown for r in level) + shown > INT64_MAX:
            return ended, filled, leaves, "PRICE_OUT_OF_RANGE", fills
        order = Resting(order_id, side, price_e9, shown, leaves - shown, display if shown < leaves else 0)
        self.sides[side].setdefault(price_e9, []).append(order)
        self.by_id[order_id] = order
        return "PARTIALLY_FILLED" if filled else "NEW", filled, leaves, "NONE", fills

    def cancel(self, order_id):
        """The open quantity, or None."""
        order = self.by_id.get(order_id)
        if order is None:
            return None
        self._remove(order)
        return order.shown + order.hidden

    def _crossing(self, side, limit):
        """Resting orders that such an order may trade with, in priority."""
        other = "sell" if side == "buy" else "buy"
        found = []
        for price in sorted(self.sides[other], reverse=other == "buy"):
            if limit is not None and (price > limit if side == "buy" else price < limit):
                break
            found += self.sides[other][price]
        return found

    def _take(self, side, quantity, limit):
        fills = []
        while quantity > 0:
            crossing = self._crossing(side, limit)
            if not crossing:
                break
            order = crossing[0]
            traded = min(quantity, order.shown)
            fills.append((order.order_id, order.price_e9, traded))
            quantity -= traded
            order.shown -= traded
            self.trades += 1
            self.volume += traded
            self.last_price_e9 = order.price_e9
            if order.shown == 0:
                if order.hidden > 0:
                    level = self.sides[order.side][order.price_e9]
                    level.remove(order)
                    order.shown = min(order.display, order.hidden)
                    order.hidden -= order.shown
                    level.append(order)
                else:
                    self._remove(order)
        return fills

    def _remove(self, order):
        level = self.sides[order.side][order.price_e9]
        level.remove(order)
        if not level:
            del self.sides[order.side][order.price_e9]
        del self.by_id[order.order_id]

    def orders(self):
        return [
            (r.order_id, price, r.shown, 1 if side == "buy" else -1)
            for side in ("buy", "sell")
            for price in sorted(self.sides[side], reverse=side == "buy")
            for r in self.sides[side][price]
        ]
