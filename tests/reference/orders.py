"""Orders by the rules, in plain Python: what an order manager has to hold after each word of a venue and each request
of its user.

Written from the rules, not from the engine: FIX 4.4 appendix D (a pending cancel or replace stands until it is
answered; fills in between are booked), and what the engine promises in its documents: the truth is booked whatever it
is, one execution counts once, a bust takes back what was booked, worst cases keep what an unanswered replace could
still make of an order, a parent's children draw on its reservation, the members of a list follow one another. Nothing
here knows of journals, time or routes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CLOSED = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED"})
PENDING = frozenset({"PENDING_NEW", "PENDING_CANCEL", "PENDING_REPLACE"})
LIVE = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "SUSPENDED", "UNKNOWN"})
LEGAL = {
    "PENDING_NEW": LIVE | CLOSED | {"PENDING_NEW"},
    "NEW": LIVE | CLOSED | {"PENDING_NEW", "PENDING_REPLACE"},
    "PARTIALLY_FILLED": LIVE | (CLOSED - {"REJECTED"}) | {"PENDING_REPLACE"},
    "PENDING_CANCEL": LIVE | CLOSED,
    "PENDING_REPLACE": LIVE | CLOSED | {"PENDING_REPLACE"},
    "SUSPENDED": LIVE | (CLOSED - {"REJECTED"}),
    "UNKNOWN": LIVE | CLOSED,
}
DISCONNECTED = 410


class RefusedError(Exception):
    """What was asked for is refused; `args[0]` is the name of the reason."""


@dataclass
class Order:
    """One order. Quantities in steps, prices in 1e-9; `asked`: the total of a replace without an answer, 0: none."""

    order_id: int
    symbol: str
    side: int
    quantity: int
    limit: int | None
    account: int = 0
    strategy: str | None = None
    stop: int | None = None
    parent: int = 0
    is_parent: bool = False
    held: bool = False
    waiting: bool = False
    reduce_only: bool = False
    contingency: str = ""
    members: list[int] = field(default_factory=list)
    status: str = "PENDING_NEW"
    filled: int = 0
    leaves: int = 0
    notional: int = 0
    fees: int = 0
    asked: int = 0
    reserve_price: int = 0
    acknowledged: bool = False
    refused: bool = False  # the last that was asked of it, and no time has passed since

    @property
    def closed(self) -> bool:
        return self.status in CLOSED

    @property
    def live_status(self) -> str:
        return "FILLED" if self.leaves == 0 else "PARTIALLY_FILLED" if self.filled else "NEW"


@dataclass
class Execution:
    """What was booked under one execution id; `stands` until it is busted or corrected."""

    quantity: int
    price: int
    fee: int
    stands: bool


class Book:
    """All orders of an engine, positions, cash, daily figures, latches and counters."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.position: dict[tuple[int, str], int] = {}
        self.cash: dict[int, int] = {}
        self.traded: dict[int, int] = {}
        self.orders_today: dict[int, int] = {}
        self.seen: dict[tuple[int, int], Execution | None] = {}
        self.latches: dict[str, tuple[str, str, object]] = {}
        self.quotes: dict[str, tuple[int, int]] = {}
        self.illegal = self.fills = self.late = self.over = self.duplicates = self.unknown = 0
        self.touched: list[int] = []

    # ---- what is open

    def children(self, parent: int) -> list[Order]:
        return [o for o in self.orders.values() if o.parent == parent]

    def working(self, parent: int) -> int:
        return sum(self.may_fill(child) for child in self.children(parent))

    def may_fill(self, o: Order) -> int:
        """The most that can still fill of it, as far as anybody here knows."""
        if o.is_parent:
            return 0 if o.closed else max(o.leaves, self.working(o.order_id))
        if o.closed or o.waiting:
            return 0
        return max(o.leaves, o.asked - o.filled) if o.asked else o.leaves

    def reserves(self, o: Order) -> bool:
        """A child's parent reserves for it, as long as that lives."""
        return not o.parent or self.orders[o.parent].closed

    def open(self, account: int, symbol: str) -> tuple[int, int]:
        """(buys, sells) reserved."""
        sums = {1: 0, -1: 0}
        for o in self.orders.values():
            if (o.account, o.symbol) == (account, symbol) and self.reserves(o):
                sums[o.side] += self.may_fill(o)
        return sums[1], sums[-1]

    def reserved(self, account: int) -> int:
        own = [o for o in self.orders.values() if o.account == account and self.reserves(o)]
        return sum(self.may_fill(o) * o.reserve_price for o in own)

    # ---- requests

    def barred(self, o: Order, quantity: int) -> str | None:
        """Why reduce-only or a latch refuses an order of that quantity."""
        if o.reduce_only and not o.waiting and not o.parent and self.beyond_zero(o, quantity):
            return "REDUCE_ONLY"
        return self.latched(o, quantity)

    def beyond_zero(self, o: Order, quantity: int) -> bool:
        """With all that is open on its side, would it bring the position to more than zero on that side?"""
        held = self.position.get((o.account, o.symbol), 0)
        bought, sold = self.open(o.account, o.symbol)
        return (held + bought + quantity if o.side > 0 else sold + quantity - held) > 0

    def latched(self, o: Order, quantity: int) -> str | None:
        for action, kind, target in self.latches.values():
            mine = {"engine": None, "account": o.account, "strategy": o.strategy, "symbol": o.symbol}[kind]
            if target != mine:
                continue
            if action == "kill":
                if not o.reduce_only:
                    return "KILLED"
            elif not o.parent and quantity > 0 and self.beyond_zero(o, quantity):
                return "REDUCING"
        return None

    def submit(self, o: Order) -> None:
        refused = self.barred(o, o.quantity)
        if refused:
            raise RefusedError(refused)
        if o.parent:
            parent = self.orders[o.parent]
            if parent.closed or parent.status == "PENDING_CANCEL":
                raise RefusedError("ORDER_CLOSED")
            if o.quantity > parent.leaves - self.working(parent.order_id):
                raise RefusedError("PARENT_EXCEEDED")
        self.enter(o)
        self.touched.append(o.order_id)
        self.settle()

    def enter(self, o: Order) -> None:
        o.leaves = o.quantity
        o.held = o.held or o.stop is not None or o.waiting
        o.reserve_price = o.limit if o.limit is not None else o.stop or 0
        if o.held or o.is_parent:
            o.status, o.acknowledged = "NEW", True
        self.orders[o.order_id] = o
        self.orders_today[o.account] = self.orders_today.get(o.account, 0) + 1

    def submit_list(self, orders: list[Order], contingency: str) -> None:
        """All or none: each is looked at with those before it reserved."""
        entered: list[int] = []
        for number, o in enumerate(orders):
            o.contingency, o.members = contingency, [each.order_id for each in orders]
            o.waiting = contingency != "oco" and number > 0
            refused = self.barred(o, o.quantity)
            if refused:
                for order_id in entered:
                    del self.orders[order_id]
                    self.orders_today[o.account] -= 1
                raise RefusedError(refused)
            self.enter(o)
            entered.append(o.order_id)
        self.touched += entered
        self.settle()

    def cancel(self, order_id: int) -> None:
        if self.orders[order_id].closed:
            raise RefusedError("ORDER_CLOSED")
        self.ask_end(self.orders[order_id])
        self.settle()

    def ask_end(self, o: Order) -> None:
        if o.closed or o.status == "PENDING_CANCEL":
            return
        o.status = "PENDING_CANCEL"
        self.touch(o)
        if o.is_parent:
            self.touched.append(o.order_id)
        elif o.held:
            self.end(o, "CANCELED")  # nobody else knows of it

    def cancel_all(self, account=None, strategy=None, symbol=None, side=None) -> list[int]:
        found = [
            o
            for o in self.orders.values()
            if not o.closed
            and account in (None, o.account)
            and strategy in (None, o.strategy)
            and symbol in (None, o.symbol)
            and side in (None, o.side)
        ]
        for o in found:
            self.ask_end(o)
        self.settle()
        return [o.order_id for o in found]

    def replace(self, order_id: int, quantity: int | None, limit: int | None) -> None:
        o = self.orders[order_id]
        if o.closed:
            raise RefusedError("ORDER_CLOSED")
        if o.status not in ("NEW", "PARTIALLY_FILLED") or o.asked:
            self.illegal += 1
            raise RefusedError("ILLEGAL_TRANSITION")
        total = max(o.filled, quantity or o.quantity)
        limit = None if limit == o.limit else limit
        nothing = total == o.quantity and limit is None
        if nothing or (limit is not None and o.limit is None):
            raise RefusedError("INVALID")
        if o.is_parent and (total <= o.filled or total < o.filled + self.working(order_id)):
            raise RefusedError("INVALID")
        more = max(0, total - o.quantity)
        if o.parent and more:
            parent = self.orders[o.parent]
            if more > parent.leaves - self.working(parent.order_id):
                raise RefusedError("PARENT_EXCEEDED")
        if more or limit is not None:
            refused = self.latched(o, more)
            if refused:
                raise RefusedError(refused)
        if more and o.reduce_only and self.barred(o, more) == "REDUCE_ONLY":
            raise RefusedError("REDUCE_ONLY")
        self.ask_change(o, total, limit)
        self.settle()

    def ask_change(self, o: Order, total: int, limit: int | None) -> None:
        if o.held or o.is_parent:
            self.amend(o, total, limit)
        else:
            o.asked, o.status, o.refused = total, "PENDING_REPLACE", False
            if limit is not None:
                o.reserve_price = max(o.reserve_price, limit)
        self.touch(o)

    def amend(self, o: Order, total: int, limit: int | None) -> None:
        o.quantity = max(total, o.filled)
        o.leaves = o.quantity - o.filled
        if limit is not None:
            o.limit = limit
        o.reserve_price = o.limit if o.limit is not None else o.stop or 0

    def close_parent(self, order_id: int) -> None:
        o = self.orders[order_id]
        if o.closed:
            return
        if self.working(order_id):
            self.illegal += 1
            raise RefusedError("ILLEGAL_TRANSITION")
        o.status, o.leaves = "CANCELED", 0
        self.touch(o)
        self.settle()

    def kill(self, name: str, scope: tuple[str, object], action: str) -> list[int]:
        self.latches[name] = (action, *scope)
        if action == "reduce":
            return []
        return self.cancel_all(**({} if scope[0] == "engine" else {scope[0]: scope[1]}))

    # ---- a venue's word

    def report(
        self,
        order_id: int,
        kind: str,
        execution_id: int,
        quantity: int = 0,
        price: int | None = None,
        fee: int = 0,
        status: str = "",
        reference: int = 0,
        leaves: int = 0,
        reason: int = 0,
    ) -> None:
        """Takes in one report; an order that is not known is counted and nothing else."""
        o = self.orders.get(order_id)
        if o is None:
            self.unknown += 1
            return
        if (order_id, execution_id) in self.seen:
            self.duplicates += 1
            return
        if kind in ("TRADE_CANCEL", "TRADE_CORRECT"):
            if not self.revise(o, kind, execution_id, quantity, price or 0, fee, reference, leaves):
                return
        elif kind == "TRADE":
            self.seen[order_id, execution_id] = Execution(quantity, price or 0, fee, True)
            self.trade(o, quantity, price or 0, fee)
        else:
            self.seen[order_id, execution_id] = None
            if not self.answer(o, kind, quantity, price, status, reason):
                return
        self.told(o)
        self.settle()

    def book(self, o: Order, quantity: int, price: int, fee: int) -> None:
        """Books (or, with a negative quantity and fee, takes back) an execution everywhere."""
        for each in [o, *([self.orders[o.parent]] if o.parent else [])]:
            each.filled += quantity
            each.notional += quantity * price
            each.fees += fee
        key = (o.account, o.symbol)
        self.position[key] = self.position.get(key, 0) + o.side * quantity
        self.cash[o.account] = self.cash.get(o.account, 0) - o.side * quantity * price - fee
        self.traded[o.account] = self.traded.get(o.account, 0) + quantity * price

    def trade(self, o: Order, quantity: int, price: int, fee: int) -> None:
        self.fills += 1
        self.late += o.closed
        self.over += o.filled + quantity > o.quantity if o.closed else quantity > self.may_fill(o)
        o.acknowledged = True
        fills = quantity >= o.leaves
        self.book(o, quantity, price, fee)
        if not o.closed:
            o.leaves = max(0, o.leaves - quantity)
            if o.status not in ("PENDING_CANCEL", "PENDING_REPLACE"):
                o.status = "FILLED" if fills else "PARTIALLY_FILLED"
            if o.closed:
                o.asked = 0
        if o.parent:
            parent = self.orders[o.parent]
            parent.leaves = max(0, parent.leaves - quantity)
            self.parent_moved(parent)

    def parent_moved(self, parent: Order) -> None:
        if parent.filled > parent.quantity:
            self.touched.append(parent.order_id)
        if parent.closed:
            return
        if parent.leaves == 0:
            parent.status = "FILLED"
        elif parent.status not in ("SUSPENDED", "PENDING_CANCEL"):
            parent.status = parent.live_status

    def revise(
        self, o: Order, kind: str, execution_id: int, quantity: int, price: int, fee: int, reference: int, leaves: int
    ) -> bool:
        """A bust or a correction; False: of nothing that stands."""
        booked = self.seen.get((o.order_id, reference))
        if booked is None or not booked.stands:
            self.unknown += 1
            return False
        booked.stands = False
        o.acknowledged = True
        before = o.leaves
        self.book(o, -booked.quantity, booked.price, -booked.fee)
        settled = o.closed or o.status in PENDING
        if o.parent:
            parent = self.orders[o.parent]
            if not parent.closed:
                parent.leaves += booked.quantity
            self.parent_moved(parent)
        if kind == "TRADE_CANCEL":
            self.seen[o.order_id, execution_id] = None
            if not o.closed and o.leaves < leaves <= o.quantity - o.filled:
                o.leaves = leaves  # open again: the venue says so
            if not settled:
                o.status = "PARTIALLY_FILLED" if o.filled else "NEW"
            return True
        self.seen[o.order_id, execution_id] = Execution(quantity, price, fee, True)
        self.book(o, quantity, price, fee)
        if not o.closed:
            o.leaves = min(before, max(0, o.quantity - o.filled))
        if not settled:
            o.status = "FILLED" if o.leaves == 0 else "PARTIALLY_FILLED"
            if o.closed:
                o.asked = 0
        if o.parent:
            parent = self.orders[o.parent]
            parent.leaves = max(0, parent.leaves - quantity)
            self.parent_moved(parent)
        return True

    def answer(self, o: Order, kind: str, quantity: int, price: int | None, status: str, reason: int) -> bool:
        """Everything but an execution; False: it would take the order where nothing leads."""
        settles = o.asked > 0 and (
            kind == "REPLACED"
            or (kind == "CANCEL_REJECTED" and (o.status == "PENDING_REPLACE" or reason != DISCONNECTED))
        )
        after = self.after(o, kind, quantity, status, settles)
        if after != o.status if o.closed else after not in LEGAL[o.status]:
            self.illegal += 1
            return False
        if kind != "STATUS" and after != "UNKNOWN":
            o.acknowledged = True
        if o.closed:
            return True
        if kind == "REPLACED":
            o.quantity = max(quantity, o.filled)
            o.leaves = o.quantity - o.filled
            if price is not None:
                o.limit = price
            if o.limit is not None:
                o.reserve_price = o.limit
        if settles or (o.asked and after in CLOSED):
            o.asked = 0
            if o.limit is not None:
                o.reserve_price = o.limit
        if after in CLOSED:
            self.end(o, after)
        elif kind == "CANCEL_REJECTED":
            o.refused = True
        o.status = after
        return True

    def after(self, o: Order, kind: str, quantity: int, status: str, settles: bool) -> str:
        now = o.status
        whole = o.leaves == 0 and o.filled > 0
        if kind == "NEW":
            if now == "PENDING_NEW":
                return "NEW"
            return o.live_status if now in ("UNKNOWN", "SUSPENDED") else now
        if kind in ("CANCELED", "EXPIRED"):
            return "FILLED" if whole and not o.closed else kind
        if kind == "REJECTED":
            return "REJECTED"
        if kind == "REPLACED":
            if o.closed:
                return "NEW"  # which is not legal
            if now == "PENDING_CANCEL":
                return now
            return "FILLED" if quantity <= o.filled else "PARTIALLY_FILLED" if o.filled else "NEW"
        if kind == "STATUS":
            return now if status in PENDING or (o.closed and status != now) else status
        assert kind == "CANCEL_REJECTED"
        if now not in ("PENDING_CANCEL", "PENDING_REPLACE", "UNKNOWN"):
            return now
        if status in CLOSED:
            return "FILLED" if whole else status
        if now == "PENDING_CANCEL" and settles:
            return now  # the replace is answered, the cancel is not
        if o.asked and not settles:
            return "UNKNOWN"
        if not o.acknowledged and status not in ("NEW", "PARTIALLY_FILLED"):
            return "UNKNOWN"
        return o.live_status

    def end(self, o: Order, status: str) -> None:
        o.status, o.leaves, o.asked = status, 0, 0
        self.touch(o)

    # ---- what follows by itself

    def touch(self, o: Order) -> None:
        if o.members:
            self.touched.append(o.order_id)

    def told(self, o: Order) -> None:
        self.touch(o)
        if o.parent:
            parent = self.orders[o.parent]
            if parent.status == "PENDING_CANCEL" or (parent.closed and self.working(parent.order_id)):
                self.touched.append(parent.order_id)

    def settle(self) -> None:
        while self.touched:
            o = self.orders[self.touched.pop(0)]
            if o.is_parent:
                self.attend_parent(o)
            elif o.held and not o.closed:
                self.watch(o)
            if o.members:
                self.attend_list(o)

    def watch(self, o: Order) -> None:
        """Released once its trigger is met; one that only waited for its list goes at once."""
        if o.waiting or o.status not in ("NEW", "PARTIALLY_FILLED"):
            return
        if o.stop is not None:
            bid, ask = self.quotes.get(o.symbol, (None, None))
            price = ask if o.side > 0 else bid
            if price is None or (price < o.stop if o.side > 0 else price > o.stop):
                return
        o.held, o.status, o.acknowledged = False, "PENDING_NEW", False
        self.touch(o)

    def quote(self, symbol: str, bid: int, ask: int) -> None:
        self.quotes[symbol] = (bid, ask)
        for o in list(self.orders.values()):
            if o.symbol == symbol and o.held and not o.closed:
                self.watch(o)
        self.settle()

    def rests(self, o: Order) -> bool:
        """Nothing is asked of it by itself: its venue has just refused what was (time stands still here)."""
        return o.refused and o.status not in PENDING and not o.held and not o.is_parent

    def end_by_itself(self, o: Order) -> None:
        if not self.rests(o):
            self.ask_end(o)

    def attend_parent(self, o: Order) -> None:
        if o.filled > o.quantity and "overfill" not in self.latches:
            self.latches["overfill"] = ("kill", "engine", None)
            for each in self.orders.values():
                self.ask_end(each)
        working = self.working(o.order_id)
        if o.status == "PENDING_CANCEL" or (o.closed and working):
            for child in self.children(o.order_id):
                self.end_by_itself(child)
            if not o.closed and self.working(o.order_id) == 0:
                o.status, o.leaves = "FILLED" if o.leaves == 0 else "CANCELED", 0

    def attend_list(self, o: Order) -> None:
        members = [self.orders[each] for each in o.members]
        entry, others = members[0], members[1:]
        if o.contingency == "oco":
            winner = next((each for each in members if each.filled > 0), None)
            if winner or any(each.closed for each in members):
                for each in members:
                    if each is not winner:
                        self.end_by_itself(each)
        elif o.contingency == "oto":
            if entry.closed:
                for each in others:
                    if each.waiting and not each.closed and each.status != "PENDING_CANCEL":
                        if entry.filled > 0:
                            self.activate(each, min(each.quantity, entry.filled), False)
                        else:
                            self.end_by_itself(each)
        else:
            self.attend_bracket(entry, others)

    def attend_bracket(self, entry: Order, exits: list[Order]) -> None:
        left = entry.filled - sum(each.filled for each in exits)
        if entry.filled > 0 and left <= 0 and not entry.closed:
            self.end_by_itself(entry)  # the trade is over
            return
        for each in exits:
            if each.closed or each.status == "PENDING_CANCEL":
                continue
            if left <= 0:
                if entry.closed:
                    self.end_by_itself(each)
            elif each.waiting:
                self.activate(each, left, True)
            elif (
                each.quantity != each.filled + left
                and each.status in ("NEW", "PARTIALLY_FILLED")
                and not each.asked
                and not self.rests(each)
            ):
                self.ask_change(each, each.filled + left, None)

    def activate(self, o: Order, quantity: int, bracket: bool) -> None:
        refused = self.latched(o, quantity)
        held = self.position.get((o.account, o.symbol), 0)
        if refused == "REDUCING" and bracket and quantity <= -o.side * held:
            refused = None  # of a bracket only one exit will fill
        if not refused and o.reduce_only:
            sold = 0 if bracket else self.open(o.account, o.symbol)[o.side < 0]
            if quantity + sold > -o.side * held:
                refused = "REDUCE_ONLY"
        if refused:
            self.end(o, "REJECTED")
            return
        o.waiting = False
        self.amend(o, quantity, None)
        self.touch(o)
        self.watch(o)

    # ---- days

    def roll(self) -> None:
        """A trading day ended: the daily figures begin again."""
        for account in self.orders_today:
            self.orders_today[account] = 0
        for account in self.traded:
            self.traded[account] = 0
