"""The order book in plain Python, from its rules: a list of orders by price, first in first out. Slow."""

INT64_MAX = 2**63 - 1
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
ADD, REDUCE, DELETE, EXECUTE, EXECUTE_HIDDEN, REPLACE, HALT, CLEAR, TRADE, SET_LEVEL, CROSS_TRADE = range(
    1, 12
)


class Order:
    def __init__(self, order_id, side, price_e9, quantity, count=0):
        self.order_id = order_id
        self.side = side
        self.price_e9 = price_e9
        self.quantity = quantity
        self.count = count  # of an L2 level: orders, 0 where the feed does not tell


OWN, SNAPSHOT, LAST, GAP, UNPRINTED = 1, 4, 8, 16, 32


class ReferenceBook:
    """Both kinds. `apply` of a message returns None, or what was wrong with it."""

    def __init__(self, tick_e9=10_000_000, kind="L3", capacity=1 << 20, symbol=None, sequenced=False):
        self.tick_e9 = tick_e9
        self.kind = kind
        self.capacity = capacity
        self.symbol = symbol
        self.sequenced = sequenced
        self.sides = {1: {}, -1: {}}  # price -> list of orders, front first
        self.by_id = {}
        self.gaps = 0
        self.sequence = 0
        self.state = "synchronised"

    def apply(
        self, action, order_id, side, price_e9, quantity, counterparty=0, flags=0, level=0, sequence=0, symbol=0
    ):
        mine = self.symbol is None or symbol == self.symbol or (symbol < 0 and action == CLEAR)
        if self._see(action, 0 if action == HALT else flags, flags & GAP, sequence, mine) and mine:
            return "sequence"
        if not mine or action in (EXECUTE_HIDDEN, HALT, TRADE, CROSS_TRADE):
            return None
        if action == CLEAR:
            self.sides = {1: {}, -1: {}}
            self.by_id = {}
            return None
        if self.kind == "L2":
            return self._set_level(action, side, price_e9, quantity, counterparty, level)
        if action == ADD:
            return self._add(order_id, side, price_e9, quantity, flags & SNAPSHOT)
        if action not in (REDUCE, DELETE, EXECUTE, REPLACE):
            return "action"
        order = self.by_id.get(order_id)
        if order is None:
            return "unknown_order" if action == REPLACE else self._anonymous(side, price_e9, quantity)
        if action == DELETE:
            self._remove(order)
            return None
        if action == REPLACE:
            return self._replace(order, price_e9, quantity, counterparty or order_id)
        if quantity <= 0 or quantity > order.quantity:
            return "quantity"
        self._take(order, quantity)
        return None

    def _see(self, action, flags, gap, sequence, mine):
        """What the message means for whether anything is missing; true: it is too old to be applied."""
        snapshot = mine and flags & SNAPSHOT
        clear = mine and action == CLEAR
        if self.sequenced and sequence:
            if not (clear or snapshot or self.sequence == 0):
                if sequence < self.sequence:
                    return True
                gap = gap or sequence > self.sequence + 1
            self.sequence = sequence
        if self.state == "loading" and mine and not snapshot:
            self.state = "synchronised"
        if gap:
            self.gaps += 1
            self.state = "unsynchronised"
        if clear:
            self.state = "loading" if snapshot else "synchronised"
        if self.state == "loading" and snapshot and flags & LAST:
            self.state = "synchronised"
        return False

    def _take(self, order, quantity):
        order.quantity -= quantity
        if order.quantity == 0:
            self._remove(order)

    def _anonymous(self, side, price_e9, quantity):
        order = self.by_id.get(("nobody", side, price_e9))
        if order is None or not 0 < quantity <= order.quantity:
            return "unknown_order"
        self._take(order, quantity)
        return None

    def _is_price(self, price_e9):
        return price_e9 % self.tick_e9 == 0 and INT32_MIN <= price_e9 // self.tick_e9 <= INT32_MAX

    def _fits(self, side, price_e9, quantity):
        return sum(o.quantity for o in self.sides[side].get(price_e9, ())) + quantity <= INT64_MAX

    def _add(self, order_id, side, price_e9, quantity, snapshot):
        if side not in (1, -1):
            return "side"
        if quantity <= 0:
            return "quantity"
        if order_id == 0 and not snapshot:
            return "unknown_order"
        if not self._is_price(price_e9):
            return "price"
        key = order_id or ("nobody", side, price_e9)
        if key in self.by_id:
            return "duplicate_order"
        if len(self.by_id) == self.capacity:
            return "capacity"
        if not self._fits(side, price_e9, quantity):
            return "price"
        order = Order(key, side, price_e9, quantity)
        self._put(order)
        if order_id == 0:  # in front of who is known
            queue = self.sides[side][price_e9]
            queue.insert(0, queue.pop())
        return None

    def _replace(self, order, price_e9, quantity, new_id):
        if quantity <= 0:
            return "quantity"
        if not self._is_price(price_e9):
            return "price"
        if new_id != order.order_id and new_id in self.by_id:
            return "duplicate_order"
        if new_id == order.order_id and price_e9 == order.price_e9 and quantity <= order.quantity:
            order.quantity = quantity  # in its place
            return None
        if not self._fits(order.side, price_e9, quantity):
            return "price"
        self._remove(order)
        self._put(Order(new_id, order.side, price_e9, quantity))
        return None

    def _set_level(self, action, side, price_e9, quantity, count, level):
        if action != SET_LEVEL:
            return "action"
        if side not in (1, -1):
            return "side"
        if quantity < 0 or not 0 <= count <= INT32_MAX:
            return "quantity"
        if not (level == 1 and quantity == 0) and not self._is_price(price_e9):
            return "price"
        standing = self.sides[side].get(price_e9)
        if level == 1:
            if quantity > 0 and not self.sides[side] and len(self.by_id) >= self.capacity:
                return "capacity"
            for orders in list(self.sides[side].values()):
                self._remove(orders[0])
            standing = None
        if standing is not None:
            if quantity == 0:
                self._remove(standing[0])
            else:
                standing[0].quantity = quantity
                standing[0].count = count
        elif quantity > 0:
            if len(self.by_id) == self.capacity:
                return "capacity"
            self._put(Order((side, price_e9), side, price_e9, quantity, count))
        return None

    def _put(self, order):
        self.sides[order.side].setdefault(order.price_e9, []).append(order)
        self.by_id[order.order_id] = order

    def _remove(self, order):
        level = self.sides[order.side][order.price_e9]
        level.remove(order)
        if not level:
            del self.sides[order.side][order.price_e9]
        del self.by_id[order.order_id]

    def prices(self, side):
        """Best first."""
        return sorted(self.sides[side], reverse=side > 0)

    def levels(self, n):
        count = (lambda level: level[0].count or -1) if self.kind == "L2" else len
        return tuple(
            [
                (price, sum(o.quantity for o in self.sides[side][price]), count(self.sides[side][price]))
                for price in self.prices(side)[:n]
            ]
            for side in (1, -1)
        )

    def orders(self):
        return [
            (self._number(o), o.price_e9, o.quantity, o.side)
            for side in (1, -1)
            for price in self.prices(side)
            for o in self.sides[side][price]
        ]

    def _number(self, order):
        """The id that the native book gives to what nobody knows by name."""
        if isinstance(order.order_id, int):
            return order.order_id
        return -(2**62) + order.price_e9 // self.tick_e9 * 2 + (order.side < 0)
