"""An exchange's matching in plain Python, from the rules at the head of cext/include/exchange.h. Slow and obvious.

Nothing is kept that could be looked up again: who is met first is searched anew for each trade, and what a
taker would find is found by letting it trade on a copy.
"""

import copy

INT64_MAX = 2**63 - 1
TICK_MAX = 2**31 - 1  # exclusive
MAX_ICEBERG_SLICES = 2**20
RARE_MAX = 8192
PEGS = ("pegged_primary", "pegged_midpoint", "pegged_market")
STOPS = ("stop", "stop_limit")
CALLS = ("opening_call", "closing_call")


class Order:
    """An order's terms and what is left of it: `shown` and `reserve` where it is displayed, `quantity` in all."""

    def __init__(self, **terms):
        self.shown = self.reserve = 0
        self.place = None
        self.arrival = 0
        self.__dict__.update(terms)

    @property
    def pegged(self):
        return self.kind in PEGS

    @property
    def stop(self):
        return self.kind in STOPS

    @property
    def dark(self):
        return self.pegged or self.hidden or self.all_or_none or self.min_quantity > 0

    @property
    def for_auction(self):
        return self.tif in ("OPG", "CLS")

    @property
    def least(self):
        """What it takes or gives at once, or nothing."""
        return self.quantity if self.all_or_none else min(self.min_quantity, self.quantity)

    def lose(self, quantity):
        """Off the reserve first."""
        self.quantity -= quantity
        hidden = min(self.reserve, quantity)
        self.reserve -= hidden
        self.shown -= quantity - hidden


class Exchange:
    def __init__(self, tick_e9=10_000_000, capacity=1 << 20, lot=1, own_orders="trade", stop_trigger="last"):
        self.tick_e9 = tick_e9
        self.capacity = capacity
        self.lot = lot
        self.own_orders = own_orders
        self.stop_trigger = stop_trigger
        self.sides = {1: {}, -1: {}}  # displayed: price -> orders, front first
        self.rare = []  # by arrival
        self.by_id = {}
        self.phase = "continuous"
        self.band = None
        self.reference = None  # (bid, ask) as set
        self.arrivals = 0
        self.trades = 0
        self.volume = 0
        self.last_price_e9 = None
        self.events = []

    # ---- commands

    def submit(
        self,
        order_id,
        side,
        quantity,
        price_e9=None,
        tif="DAY",
        post_only=False,
        display=0,
        hidden=False,
        all_or_none=False,
        min_quantity=0,
        stop_e9=None,
        peg=None,
        offset_e9=0,
        owner=0,
    ):
        """(status, filled, leaves, reason, events)."""
        self.events = []
        kind = (
            f"pegged_{peg}"
            if peg
            else ("stop" if price_e9 is None else "stop_limit")
            if stop_e9 is not None
            else ("market" if price_e9 is None else "limit")
        )
        order = Order(
            order_id=order_id,
            side=1 if side == "buy" else -1,
            quantity=quantity,
            limit=price_e9,
            tif=tif,
            post_only=post_only,
            display=display,
            hidden=hidden,
            all_or_none=all_or_none,
            min_quantity=min_quantity,
            stop_e9=stop_e9,
            kind=kind,
            offset=offset_e9,
            owner=owner,
        )
        reason = self._refusal(order)
        if reason:
            return "REJECTED", 0, quantity, reason, []
        return (*self._come(order), self.events)

    def cancel(self, order_id):
        """(open quantity or None, events)."""
        self.events = []
        order = self.by_id.get(order_id)
        if order is None:
            return None, []
        self._leave(order)
        self._settle()
        return order.quantity, self.events

    def replace(self, order_id, open_quantity, price_e9=None):
        """As submit."""
        self.events = []

        def refused(reason):
            return "REJECTED", 0, open_quantity, reason, []

        old = self.by_id.get(order_id)
        if old is None:
            return refused("UNKNOWN_ORDER")
        if price_e9 is not None and old.limit is None and not old.pegged:
            return refused("INVALID")
        same = price_e9 is None or price_e9 == old.limit
        if same and 0 < open_quantity <= old.quantity and open_quantity % self.lot == 0:
            old.lose(old.quantity - open_quantity)
            old.min_quantity = min(old.min_quantity, open_quantity)
            self._settle()
            return "NEW", 0, open_quantity, "NONE", self.events
        new = copy.copy(old)
        new.quantity = open_quantity
        new.shown = new.reserve = 0
        new.min_quantity = min(new.min_quantity, open_quantity)
        if old.place == "lit":
            new.tif, new.kind = "GTC", "limit"
        if price_e9 is not None:
            new.limit = price_e9
        del self.by_id[order_id]  # its own place is no obstacle
        reason = self._refusal(new)
        self.by_id[order_id] = old
        if reason:
            return refused(reason)
        self._leave(old)
        status, filled, leaves, reason = self._come(new)
        return "CANCELED" if status == "REJECTED" else status, filled, leaves, reason, self.events

    def set_phase(self, phase):
        self.events = []
        self.phase = phase
        self._settle()
        return self.events

    def set_reference(self, bid_e9=None, ask_e9=None, own=False):
        self.events = []
        self.reference = None if own else (bid_e9, ask_e9)
        self._settle()
        return self.events

    def set_band(self, low_e9=None, high_e9=None):
        self.events = []
        self.band = None if low_e9 is None else (low_e9, high_e9)
        lit = [
            order
            for side in (1, -1)
            for price in sorted(self.sides[side], reverse=True)
            for order in self.sides[side][price]
            if self._beyond_band(order)
        ]
        # the buyers from the highest limit on, the sellers from the lowest
        lit.sort(key=lambda o: (-o.side, -o.side * o.limit))
        for order in lit + [o for o in self.rare if not o.pegged and not o.stop and self._beyond_band(o)]:
            self._leave(order)
            self._say("ended", order, order.quantity, "PRICE_OUT_OF_RANGE")
        self._settle()
        return self.events

    # ---- what is looked at

    @property
    def crossed(self):
        return bool(self.sides[1] and self.sides[-1] and max(self.sides[1]) >= min(self.sides[-1]))

    def orders(self):
        return [
            (o.order_id, price, o.shown, side)
            for side in (1, -1)
            for price in sorted(self.sides[side], reverse=side == 1)
            for o in self.sides[side][price]
        ]

    def waiting(self):
        bid, ask = self._quote()
        return [
            {
                "order_id": o.order_id,
                "place": o.place,
                "side": o.side,
                "quantity": o.quantity,
                "type": o.kind,
                "time_in_force": o.tif,
                "price_e9": None if o.place == "stop" else self._stands(o, bid, ask),
                "owner": o.owner,
            }
            for o in self.rare
        ]

    def _quote(self):
        if self.reference is not None:
            return self.reference
        return max(self.sides[1], default=None), min(self.sides[-1], default=None)

    def _in_band(self, price):
        return self.band is None or self.band[0] <= price <= self.band[1]

    def _beyond_band(self, order):
        if self.band is None or order.limit is None:
            return False
        return order.limit > self.band[1] if order.side == 1 else order.limit < self.band[0]

    def _stands(self, order, bid, ask):
        """Where an order that is not displayed stands, None: nowhere."""
        price = order.limit
        if order.pegged:
            if order.kind == "pegged_midpoint":
                if bid is None or ask is None or bid > ask:
                    return None
                price = (bid + ask) // 2
            else:
                own, other = (bid, ask) if order.side == 1 else (ask, bid)
                best = own if order.kind == "pegged_primary" else other
                if best is None:
                    return None
                price = best + order.side * order.offset
            if abs(price) > INT64_MAX:
                return None
            if order.limit is not None:
                price = min(price, order.limit) if order.side == 1 else max(price, order.limit)
            if price <= 0:
                return None
        return price if price is not None and self._in_band(price) else None

    def _price_fits(self, price):
        return price > 0 and price % self.tick_e9 == 0 and price // self.tick_e9 < TICK_MAX

    def _refusal(self, o):
        if o.display < 0 or o.min_quantity < 0:
            return "INVALID"
        if o.tif == "GTD":
            return "UNSUPPORTED"
        if o.order_id in self.by_id:
            return "DUPLICATE_CLIENT_ID"
        if o.quantity <= 0 or o.quantity % self.lot or o.min_quantity > o.quantity:
            return "INVALID"
        if o.display > 0 and (o.dark or o.quantity // o.display > MAX_ICEBERG_SLICES):
            return "UNSUPPORTED"
        if o.kind == "pegged_midpoint" and o.offset:
            return "INVALID"
        if o.post_only and o.kind == "market":
            return "WOULD_CROSS"
        if o.post_only and (o.stop or o.for_auction):
            return "UNSUPPORTED"
        if (o.dark or o.stop) and o.for_auction:
            return "UNSUPPORTED"
        if o.stop and (o.tif in ("IOC", "FOK") or o.dark):
            return "UNSUPPORTED"
        if o.pegged and o.tif == "FOK":
            return "UNSUPPORTED"
        if o.offset % self.tick_e9 or any(
            price is not None and not self._price_fits(price) for price in (o.limit, o.stop_e9)
        ):
            return "PRICE_OUT_OF_RANGE"
        if self._beyond_band(o):
            return "PRICE_OUT_OF_RANGE"
        if self.phase == "halted" or (self.phase == "closed" and o.tif != "OPG"):
            return "NOT_TRADING"
        if o.tif == "OPG" and self.phase not in ("closed", "opening_call"):
            return "NOT_TRADING"
        if self.phase in CALLS and o.tif in ("IOC", "FOK"):
            return "NOT_TRADING"
        return None

    # ---- what is said and done

    def _say(self, kind, order, quantity, reason="NONE", other=None, price=None, displayed=False):
        self.events.append((kind, order.order_id, other, price, quantity, displayed, reason))

    def _trade(self, acted, other, price, quantity):
        self._say("trade", acted, quantity, other=other.order_id, price=price, displayed=other.place == "lit")
        self.trades += 1
        self.volume = min(self.volume + quantity, INT64_MAX)
        self.last_price_e9 = price

    def _leave(self, order):
        del self.by_id[order.order_id]
        if order.place == "lit":
            queue = self.sides[order.side][order.limit]
            queue.remove(order)
            if not queue:
                del self.sides[order.side][order.limit]
        else:
            self.rare.remove(order)

    def _lose(self, order, quantity):
        order.lose(quantity)
        if order.quantity == 0:
            self._leave(order)

    # ---- taking

    def _met_first(self, taker, limit, left):
        """(order, its price) that a taker with `left` meets first: the better price, the displayed, who came first."""
        other = -taker.side
        found = []
        if self.sides[other]:
            best = (min if other == -1 else max)(self.sides[other])
            found.append((taker.side * best, 0, self.sides[other][best][0], best))
        for order in self.rare:
            if order.place == "dark" and order.side == other and order.least <= left:
                price = self._stands(order, self.bid, self.ask)
                if price is not None:
                    found.append((taker.side * price, 1, order, price))
        found = [f for f in found if self._in_band(f[3]) and (limit is None or taker.side * f[3] <= taker.side * limit)]
        if not found:
            return None
        first = min(found, key=lambda f: f[:2])  # the first of equals
        return first[2], first[3]

    def _owned(self, taker, other):
        return self.own_orders != "trade" and taker.owner != 0 and taker.owner == other.owner

    def _would_find(self, taker, limit):
        """What a taker would trade, tried on a copy. An own order ends it, but where that one would be cancelled."""
        if self._met_first(taker, limit, taker.quantity) is None:
            return 0
        trial = copy.copy(self)
        trial.sides = {s: {p: [copy.copy(o) for o in q] for p, q in levels.items()} for s, levels in self.sides.items()}
        trial.rare = [copy.copy(o) for o in self.rare]
        trial.by_id = dict(self.by_id)
        trial.events = []
        left = taker.quantity
        while left > 0:
            met = trial._met_first(taker, limit, left)
            if met is None:
                break
            order = met[0]
            if trial._owned(taker, order):
                if self.own_orders != "cancel_oldest":
                    break
                trial._leave(order)
                continue
            left -= trial._exchange(taker, order, met[1], left)
        return taker.quantity - left

    def _exchange(self, taker, order, price, left):
        if order.place == "lit":
            traded = min(left, order.shown)
            self._trade(taker, order, price, traded)
            order.shown -= traded
            order.quantity -= traded
            if order.quantity == 0:
                self._leave(order)
            elif order.shown == 0:
                queue = self.sides[order.side][order.limit]
                queue.remove(order)
                order.shown = min(order.display, order.reserve)
                order.reserve -= order.shown
                queue.append(order)
        else:
            traded = min(left, order.quantity)
            self._trade(taker, order, price, traded)
            self._lose(order, traded)
        return traded

    def _take(self, taker, limit, own_price=None):
        """(filled, left, what an own order that ended it has cost, or None). `own_price`: of a taker that waited."""
        left, filled = taker.quantity, 0
        self.touched = False
        while left > 0:
            met = self._met_first(taker, limit, left)
            if met is None:
                break
            order, price = met
            self.touched = True
            if not self._owned(taker, order):
                if order.place == "dark" and own_price is not None and taker.arrival < order.arrival:
                    price = own_price
                traded = self._exchange(taker, order, price, left)
                left -= traded
                filled += traded
                continue
            rule, both = self.own_orders, min(left, order.quantity)
            off = {"cancel_newest": 0, "decrement": both}.get(rule, order.quantity)
            if off:
                kind = "ended" if off == order.quantity else "reduced"
                self._lose(order, off)
                self._say(kind, order, off, "SELF_MATCH")
            if rule == "decrement":
                left -= both
                if left == 0:
                    return filled, 0, both
                self._say("reduced", taker, both, "SELF_MATCH")
            elif rule != "cancel_oldest":
                return filled, left, left
        return filled, left, None

    # ---- coming in

    def _come(self, order):
        """A well formed order comes in, and what follows: (status, filled, leaves, reason)."""
        self.bid, self.ask = self._quote()
        self.arrivals += 1
        order.arrival = self.arrivals
        if order.stop and not (self.phase == "continuous" and self._due(order)):
            result = self._rest(order, 0, order.quantity, "stop")
        elif order.stop:
            result = self._enter(self._freed(order))
        else:
            result = self._enter(order)
        self._settle()
        return result

    def _freed(self, order):
        """A stop whose moment has come, as the order that it becomes."""
        now = copy.copy(order)
        now.kind = "market" if order.kind == "stop" else "limit"
        now.stop_e9 = None
        self.arrivals += 1
        now.arrival = self.arrivals
        return now

    def _enter(self, o):
        quantity = o.quantity
        if o.for_auction or (self.phase in CALLS and o.kind == "market"):
            return self._rest(o, 0, quantity, "auction")
        if self.phase in CALLS:
            return self._rest(o, 0, quantity, "dark" if o.dark else "lit")
        if self._beyond_band(o):
            return "REJECTED", 0, quantity, "PRICE_OUT_OF_RANGE"
        self.touched = False
        limit = self._stands(o, self.bid, self.ask) if o.pegged else o.limit
        takes = not o.pegged or limit is not None
        if takes and o.post_only:
            if self._met_first(o, limit, quantity) is not None:
                return "REJECTED", 0, quantity, "WOULD_CROSS"
            takes = False
        whole = quantity if o.tif == "FOK" else o.least
        if takes and whole and self._would_find(o, limit) < whole:
            takes = False
        filled, left, lost = self._take(o, limit) if takes else (0, quantity, None)
        if lost is not None:
            return "CANCELED", filled, lost, "SELF_MATCH"
        if left == 0:
            return "FILLED", filled, 0, "NONE"
        if o.kind == "market" or o.tif in ("IOC", "FOK"):
            return "CANCELED", filled, left, "UNFILLED_REMAINDER" if filled else "NO_LIQUIDITY"
        return self._rest(o, filled, left, "dark" if o.dark else "lit")

    def _rest(self, order, filled, left, place):
        ended = (
            "CANCELED"
            if filled or (place in ("lit", "dark") and self.phase not in CALLS and self.touched)
            else "REJECTED"
        )
        lit = sum(o.place == "lit" for o in self.by_id.values())
        if lit == self.capacity if place == "lit" else len(self.rare) == RARE_MAX:
            return ended, filled, left, "VENUE_CAPACITY"
        order.quantity = left
        if place == "lit":
            order.shown = min(order.display, left) if order.display else left
            order.reserve = left - order.shown
            if not order.reserve:
                order.display = 0
            queue = self.sides[order.side].get(order.limit, [])
            if sum(o.shown for o in queue) + order.shown > INT64_MAX:
                return ended, filled, left, "PRICE_OUT_OF_RANGE"
            self.sides[order.side].setdefault(order.limit, []).append(order)
        else:
            self.rare.append(order)
        order.place = place
        self.by_id[order.order_id] = order
        return "PARTIALLY_FILLED" if filled else "NEW", filled, left, "NONE"

    # ---- afterwards

    def _due(self, order):
        at = self.last_price_e9 if self.stop_trigger == "last" else self.ask if order.side == 1 else self.bid
        return at is not None and order.side * (at - order.stop_e9) >= 0

    def _settle(self):
        if self.phase != "continuous":
            return
        while True:
            self.bid, self.ask = self._quote()
            if any(self._act(o) for o in list(self.rare) if o.place == "dark"):
                continue
            due = next((o for o in self.rare if o.place == "stop" and self._due(o)), None)
            if due is None:
                return
            self._leave(due)
            self._say("triggered", due, due.quantity)
            status, _, leaves, reason = self._enter(self._freed(due))
            if status in ("CANCELED", "REJECTED"):
                self._say("ended", due, leaves, reason)

    def _act(self, order):
        """A waiting order trades if it can; whether it did."""
        price = self._stands(order, self.bid, self.ask)
        if price is None or order.post_only or self._would_find(order, price) < max(order.least, 1):
            return False
        _, left, lost = self._take(order, price, price)
        order.quantity = left
        if left == 0 or lost is not None:
            self._leave(order)
        if lost is not None:
            self._say("ended", order, lost, "SELF_MATCH")
        return True

    # ---- auctions

    def _parties(self, side):
        """Who trades in an auction, best first."""
        ranked = []
        for price, queue in self.sides[side].items():
            for place, order in enumerate(queue):
                ranked.append(((1, -side * price, 0, place), order))
        for order in self.rare:
            if order.side != side or order.stop or order.pegged or order.min_quantity or order.all_or_none:
                continue
            if order.tif == ("OPG" if self.phase == "closing_call" else "CLS"):
                continue
            if order.limit is None:
                ranked.append(((0, 0, 0, order.arrival), order))
            else:
                ranked.append(((1, -side * order.limit, 1, order.arrival), order))
        return [order for _, order in sorted(ranked, key=lambda r: r[0])]

    def indicative(self, reference_e9=None):
        """(price or None, volume, buyers' rest)."""
        buyers, sellers = self._parties(1), self._parties(-1)

        def at(price):
            demand = sum(o.quantity for o in buyers if o.limit is None or o.limit >= price)
            supply = sum(o.quantity for o in sellers if o.limit is None or o.limit <= price)
            return price, min(demand, supply), demand - supply

        limits = {o.limit for o in buyers + sellers if o.limit is not None and self._in_band(o.limit)}
        found = [at(price) for price in sorted(limits)]
        volume = max((f[1] for f in found), default=0)
        if volume == 0:
            if reference_e9 is None or reference_e9 <= 0 or not self._in_band(reference_e9):
                return None, 0, 0
            return at(reference_e9) if at(reference_e9)[1] else (None, 0, 0)
        found = [f for f in found if f[1] == volume]
        rest = min(abs(f[2]) for f in found)
        found = [f for f in found if abs(f[2]) == rest]
        if all(f[2] > 0 for f in found):
            return found[-1]
        if all(f[2] < 0 for f in found) or reference_e9 is None:
            return found[0]
        return min(found, key=lambda f: (abs(f[0] - reference_e9), f[0]))

    def auction(self, reference_e9=None):
        """((price or None, volume, buyers' rest), events)."""
        self.events = []
        found = self.indicative(reference_e9)
        price, volume, _ = found
        buyers, sellers = self._parties(1), self._parties(-1)
        while volume:
            buyer, seller = buyers[0], sellers[0]
            traded = min(volume, buyer.quantity, seller.quantity)
            self._trade(buyer, seller, price, traded)
            volume -= traded
            for order, queue in ((buyer, buyers), (seller, sellers)):
                self._lose(order, traded)
                if order.quantity == 0:
                    queue.pop(0)
        for order in [o for o in self.rare if o.place == "auction"]:
            if order.tif != "CLS" or self.phase == "closing_call":
                self._leave(order)
                self._say("ended", order, order.quantity, "UNFILLED_REMAINDER")
        self.phase = "closed" if self.phase == "closing_call" else "continuous"
        self._settle()
        return found, self.events

    # ---- what must hold

    def check(self):
        assert self.phase != "continuous" or not self.crossed
        for side, levels in self.sides.items():
            for price, queue in levels.items():
                for o in queue:
                    assert (o.side, o.limit, o.place) == (side, price, "lit")
                    assert o.shown > 0
                    assert o.reserve >= 0
                    assert o.shown + o.reserve == o.quantity
        assert all(o.quantity > 0 for o in self.rare)
