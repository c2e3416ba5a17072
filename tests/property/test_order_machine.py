"""The native order manager against the plain-Python one of `reference/orders.py`, over a market that answers nothing:
this machine is the venue, and says whatever a venue can say, right or wrong, in any order.

After every step each order's status, quantities and money are those of the reference, the sums agree (executed + open
+ ended, children and parents, reservations), and every so often the state made again from the log is the state.
"""

from __future__ import annotations

import os

import numpy as np
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from reference.orders import CLOSED, PENDING, Book, Order, RefusedError
from support import E9, make_core

from grandmodel.execution import OrderRejected, OrderStateError
from grandmodel.execution._core.records import NO_PRICE, REPORT_DTYPE
from grandmodel.execution._core.recovery import state_hash
from grandmodel.execution._core.reexecution import recovered_hash
from grandmodel.execution._core.values import STATUSES
from grandmodel.execution.order_management.kill_switch import REDUCE, kill, set_latch
from grandmodel.execution.order_management.order_manager import OrderManager

LONG = os.environ.get("GRANDMODEL_LONG") == "1"
SYMBOLS = ("AAPL", "MSFT")
CODES = {str(status): code for code, status in STATUSES.items()}
KINDS = {
    "NEW": 1,
    "TRADE": 2,
    "CANCELED": 3,
    "REPLACED": 4,
    "REJECTED": 5,
    "EXPIRED": 6,
    "CANCEL_REJECTED": 7,
    "TRADE_CANCEL": 8,
    "TRADE_CORRECT": 9,
    "STATUS": 10,
}
CONTINGENCIES = {"oco": 1, "oto": 2, "bracket": 3}
SIDES = st.sampled_from([1, -1])
PICK = st.integers(0, 1 << 30)
QUANTITIES = st.integers(1, 120)
PRICES = st.integers(90, 110)
STRATEGIES = st.sampled_from([None, "alpha", "beta"])


def fields(o: Order) -> dict:
    """An order of the reference as its user writes it."""
    kind = "stop" if o.stop and o.limit is None else "stop_limit" if o.stop else "limit" if o.limit else "market"
    found = {
        "symbol": o.symbol,
        "side": "buy" if o.side > 0 else "sell",
        "quantity": o.quantity,
        "order_type": kind,
        "limit_price": None if o.limit is None else o.limit / E9,
        "stop_price": None if o.stop is None else o.stop / E9,
        "account": o.account,
        "strategy": o.strategy,
        "reduce_only": o.reduce_only or None,
        "time_in_force": "GTC",
        "trigger": "bid_ask" if o.stop else None,
    }
    return {name: value for name, value in found.items() if value is not None}


class OrderMachine(RuleBasedStateMachine):
    """Each rule does one thing to both and compares what came back."""

    @initialize()
    def begin(self):
        self.core, self.gate = make_core(silent=True, limits={}, ring_bytes=1 << 22, audit=False)
        self.manager = OrderManager(engine=self.core)
        self.book = Book()
        self.execution = 0
        self.reports = []
        self.steps = 0

    # ---- both do it

    def both(self, native, plain):
        """Does one thing in both; a refusal of one is the same refusal of the other."""
        told = said = None
        try:
            plain()
        except RefusedError as error:
            told = error.args[0]
        try:
            native()
        except OrderRejected as error:
            said = error.reason.name
        except OrderStateError as error:
            said = error
        assert (told is None) == (said is None), (told, said)
        if isinstance(said, str):
            assert said == told
        self.core.advance()
        return told is None

    def next(self, refused=False):
        return self.core.orders.next_id

    def order(self, **changes) -> Order:
        return Order(
            **{
                "order_id": self.core.orders.next_id,
                "symbol": "AAPL",
                "side": 1,
                "quantity": 1,
                "limit": None,
                **changes,
            }
        )

    def choose(self, pick, **wanted):
        """One of the orders that are as wanted, the later ones more often; None: there is none."""
        found = [
            o for o in self.book.orders.values() if all(getattr(o, name) == value for name, value in wanted.items())
        ]
        return found[-1 - min(pick % len(found), (pick >> 12) % len(found))] if found else None

    # ---- the user

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=SIDES,
        quantity=QUANTITIES,
        limit=PRICES,
        account=st.integers(0, 1),
        strategy=STRATEGIES,
        reduce_only=st.integers(0, 5),
        stop=st.one_of(st.none(), st.none(), PRICES),
    )
    def submit(self, symbol, side, quantity, limit, account, strategy, reduce_only, stop):
        o = self.order(
            symbol=symbol,
            side=side,
            quantity=quantity,
            limit=limit * E9,
            account=account,
            strategy=strategy,
            reduce_only=reduce_only == 0,
            stop=None if stop is None else stop * E9,
        )
        if stop is not None and stop % 2:
            o.limit = None
        self.both(lambda: self.gate.submit_order(fields(o)), lambda: self.book.submit(o))

    @rule(side=SIDES, quantity=st.integers(50, 300), account=st.integers(0, 1))
    def parent(self, side, quantity, account):
        o = self.order(side=side, quantity=quantity, account=account, limit=100 * E9, is_parent=True)
        self.both(lambda: self.core.submit_parent(fields(o), "twap"), lambda: self.book.submit(o))

    @precondition(lambda self: any(o.is_parent for o in self.book.orders.values()))
    @rule(pick=PICK, quantity=QUANTITIES, limit=PRICES)
    def child(self, pick, quantity, limit):
        parent = self.choose(pick, is_parent=True)
        o = self.order(
            side=parent.side, quantity=quantity, limit=limit * E9, account=parent.account, parent=parent.order_id
        )
        self.both(lambda: self.core.submit_child(parent.order_id, quantity, limit * E9), lambda: self.book.submit(o))

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=SIDES,
        quantity=QUANTITIES,
        kind=st.sampled_from(list(CONTINGENCIES)),
        count=st.integers(2, 3),
        reduce_only=st.booleans(),
    )
    def several(self, symbol, side, quantity, kind, count, reduce_only):
        first = self.core.orders.next_id
        orders = [
            self.order(
                order_id=first + number,
                symbol=symbol,
                side=side if number == 0 or kind == "oco" else -side,
                quantity=quantity,
                limit=(100 + number) * E9,
                reduce_only=reduce_only and number > 0 and kind != "oco",
            )
            for number in range(count)
        ]
        self.both(
            lambda: self.core.submit_list([fields(o) for o in orders], CONTINGENCIES[kind]),
            lambda: self.book.submit_list(orders, kind),
        )

    @precondition(lambda self: self.book.orders)
    @rule(pick=PICK)
    def cancel(self, pick):
        order_id = self.choose(pick).order_id
        self.both(lambda: self.core.cancel(order_id), lambda: self.book.cancel(order_id))

    @precondition(lambda self: self.book.orders)
    @rule(pick=PICK, quantity=st.one_of(st.none(), st.integers(1, 250)), limit=st.one_of(st.none(), PRICES))
    def replace(self, pick, quantity, limit):
        order_id = self.choose(pick).order_id
        price = None if limit is None else limit * E9
        self.both(
            lambda: self.core.replace(order_id, quantity or 0, NO_PRICE if price is None else price),
            lambda: self.book.replace(order_id, quantity, price),
        )

    @precondition(lambda self: any(o.is_parent for o in self.book.orders.values()))
    @rule(pick=PICK)
    def close_parent(self, pick):
        order_id = self.choose(pick, is_parent=True).order_id
        self.both(lambda: self.core.close_parent(order_id), lambda: self.book.close_parent(order_id))

    @rule(
        filters=st.sampled_from(
            [{"symbol": "AAPL"}, {"strategy": "alpha"}, {"side": 1}, {"side": -1}, {"account": 1}, {}]
        ),
        often=st.integers(0, 3),
    )
    def cancel_all(self, filters, often):
        if often and len(filters) == 0:
            return
        native = dict(filters)
        if "side" in native:
            native["side"] = "buy" if native["side"] > 0 else "sell"
        found = self.manager.cancel_all(**native)
        self.core.advance()
        assert sorted(found) == sorted(self.book.cancel_all(**filters))

    @rule(
        scope=st.sampled_from([("engine", None), ("symbol", "MSFT"), ("strategy", "beta"), ("account", 1)]),
        reduce=st.booleans(),
    )
    def latch(self, scope, reduce):
        text = scope[0] if scope[1] is None else f"{scope[0]}:{scope[1]}"
        if reduce:
            set_latch(self.core, text, REDUCE, "a test", "one")
            self.book.kill("one", scope, "reduce")
        else:
            asked = kill(self.core, text, "a test", "one")
            assert sorted(asked.order_ids) == sorted(self.book.kill("one", scope, "kill"))
            assert set(asked.unconfirmed()) == {each for each in asked.order_ids if not self.book.orders[each].closed}
        self.core.advance()

    @precondition(lambda self: self.book.latches)
    @rule()
    def reset(self):
        for name in list(self.book.latches):
            self.manager.reset_kill(name, "a test")
            del self.book.latches[name]

    @rule(symbol=st.sampled_from(SYMBOLS), mid=PRICES)
    def quote(self, symbol, mid):
        self.core.venues.set_quote(symbol, "NYSE", (mid - 1) * E9, (mid + 1) * E9, 1000, 1000)
        self.core.advance()
        self.book.quote(symbol, (mid - 1) * E9, (mid + 1) * E9)

    # ---- the venue

    def say(
        self,
        order_id,
        kind,
        execution_id=None,
        *,
        quantity=0,
        price=None,
        fee=0,
        status="",
        reference=0,
        leaves=0,
        reason=0,
    ):
        known = self.book.orders.get(order_id)
        if execution_id is None:
            self.execution += 1
            execution_id = self.execution
        row = np.zeros(1, REPORT_DTYPE)
        row["order_id"], row["execution_id"], row["exec_type"] = order_id, execution_id, KINDS[kind]
        row["quantity"], row["price_e9"], row["fee_e9"] = quantity, NO_PRICE if price is None else price, fee
        row["symbol"] = 0 if known is None else SYMBOLS.index(known.symbol)
        row["side"] = 1 if known is None else known.side
        row["status"], row["bid_e9"], row["leaves_quantity"], row["reason"] = (
            CODES.get(status, 0),
            reference,
            leaves,
            reason,
        )
        row["venue_time_ns"] = self.core.clock.now_ns()
        word = (order_id, kind, execution_id, quantity, price, fee, status, reference, leaves, reason)
        self.reports.append((row, word))
        self.hear(row, word)

    def hear(self, row, word):
        note(str(word))
        self.core.report(row)
        self.core.advance()
        self.book.report(*word)

    def out(self, pick):
        """An order that a venue may speak of: no parent, and not held."""
        return self.choose(pick, is_parent=False, held=False)

    @precondition(lambda self: self.out(0))
    @rule(pick=PICK, quantity=QUANTITIES, whole=st.booleans(), price=PRICES, fee=st.integers(-5, 5))
    def trade(self, pick, quantity, whole, price, fee):
        o = self.out(pick)
        self.say(
            o.order_id, "TRADE", quantity=(o.leaves or quantity) if whole else quantity, price=price * E9, fee=fee * E9
        )

    @precondition(lambda self: self.out(0))
    @rule(
        pick=PICK,
        kind=st.sampled_from(["NEW", "NEW", "CANCELED", "EXPIRED", "REJECTED", "CANCEL_REJECTED", "STATUS"]),
        status=st.sampled_from(["", "UNKNOWN", "NEW", "SUSPENDED", "FILLED", "PENDING_NEW", "CANCELED"]),
        reason=st.sampled_from([0, 410]),
    )
    def answer(self, pick, kind, status, reason):
        o = self.out(pick)
        if kind == "STATUS" and status == "":
            status = "UNKNOWN"
        self.say(o.order_id, kind, status=status if kind in ("STATUS", "CANCEL_REJECTED") else "", reason=reason)

    @precondition(lambda self: any(o.status in PENDING for o in self.book.orders.values()))
    @rule(pick=PICK, accept=st.booleans())
    def as_asked(self, pick, accept):
        """A venue as it should be: it answers what it was asked."""
        waiting = [o for o in self.book.orders.values() if o.status in PENDING and not o.is_parent and not o.held]
        if not waiting:
            return
        o = waiting[pick % len(waiting)]
        if o.asked:
            self.say(
                o.order_id,
                *(("REPLACED",) if accept else ("CANCEL_REJECTED",)),
                quantity=o.asked if accept else 0,
                price=o.reserve_price if accept else None,
            )
        elif o.status == "PENDING_NEW":
            self.say(o.order_id, "NEW" if accept else "REJECTED")
        else:
            self.say(o.order_id, "CANCELED" if accept else "CANCEL_REJECTED")

    @precondition(lambda self: self.out(0))
    @rule(pick=PICK, quantity=st.integers(1, 250), price=st.one_of(st.none(), PRICES))
    def replaced(self, pick, quantity, price):
        o = self.out(pick)
        if o.limit is None:
            price = None
        self.say(o.order_id, "REPLACED", quantity=quantity, price=None if price is None else price * E9)

    @precondition(lambda self: self.reports)
    @rule(pick=PICK)
    def again(self, pick):
        """The same words once more."""
        self.hear(*self.reports[-1 - pick % min(len(self.reports), 20)])

    @precondition(lambda self: any(each is not None for each in self.book.seen.values()))
    @rule(
        pick=PICK,
        right=st.one_of(st.none(), st.integers(1, 150)),
        price=PRICES,
        leaves=st.integers(0, 200),
        off=st.integers(0, 9),
    )
    def revise(self, pick, right, price, leaves, off):
        """A bust, or (with the right quantity) a correction, of an execution; now and then of one that never was."""
        trades = [key for key, each in self.book.seen.items() if each is not None]
        order_id, reference = trades[pick % len(trades)]
        if off == 0:
            reference = (pick >> 8) % (self.execution + 2)
        if right is None:
            self.say(order_id, "TRADE_CANCEL", reference=reference, leaves=leaves)
        else:
            self.say(order_id, "TRADE_CORRECT", reference=reference, quantity=right, price=price * E9, fee=E9)

    @rule(quantity=QUANTITIES)
    def nobody(self, quantity):
        self.say(1 << 20, "TRADE", quantity=quantity, price=E9)

    # ---- what holds after each step

    @invariant()
    def each_order_is_as_the_rules_say(self):
        rows = self.core.orders_array()
        names = (
            "order_id",
            "status",
            "quantity",
            "filled_quantity",
            "leaves_quantity",
            "fees_e9",
            "limit_price_e9",
            "parent_id",
        )
        found = {row[0]: row[1:] for row in zip(*(rows[name].tolist() for name in names), strict=True)}
        expected = {
            o.order_id: (
                CODES[o.status],
                o.quantity,
                o.filled,
                o.leaves,
                o.fees,
                NO_PRICE if o.limit is None else o.limit,
                o.parent,
            )
            for o in self.book.orders.values()
        }
        assert found == expected, {
            key: (found.get(key), expected.get(key))
            for key in found.keys() | expected.keys()
            if found.get(key) != expected.get(key)
        }
        money = (rows["notional_lo"].astype(object) + (rows["notional_hi"].astype(object) << 64)).tolist()
        assert dict(zip(rows["order_id"].tolist(), money, strict=True)) == {
            o.order_id: o.notional for o in self.book.orders.values()
        }
        working = dict(zip(rows["order_id"].tolist(), rows["working_quantity"].tolist(), strict=True))
        for o in self.book.orders.values():
            assert working[o.order_id] == (self.book.working(o.order_id) if o.is_parent else o.asked), o

    @invariant()
    def positions_and_reservations_agree(self):
        for account in (0, 1):
            for symbol in SYMBOLS:
                expected = (self.book.position.get((account, symbol), 0), *self.book.open(account, symbol))
                assert self.core.portfolio.position(symbol, account) == expected, (account, symbol)
            known = self.core.portfolio.account(account)
            assert known["reserved_e9"] == self.book.reserved(account)
            assert known["traded_e9"] == self.book.traded.get(account, 0)
            assert known["orders_today"] == self.book.orders_today.get(account, 0)
            assert known["cash_e9"] == self.book.cash.get(account, 0) + (10**8 * E9 if account == 0 else 0)

    @invariant()
    def counters_and_lists_agree(self):
        told = self.core.statistics()
        assert (
            told["fills"],
            told["late_fills"],
            told["overfills"],
            told["duplicate_executions"],
            told["unknown_reports"],
        ) == (
            self.book.fills,
            self.book.late,
            self.book.over,
            self.book.duplicates,
            self.book.unknown,
        )
        assert told["illegal_transitions"] == self.book.illegal
        assert told["open"] == sum(not o.closed for o in self.book.orders.values())
        assert {each["name"] for each in self.core.latches()} == set(self.book.latches)
        for o in self.book.orders.values():
            assert o.status not in CLOSED or o.leaves == 0
            assert o.filled + o.leaves <= max(
                o.quantity, o.filled
            )  # executed + open + ended = quantity, but for overfills
            if o.is_parent:
                assert o.filled == sum(child.filled for child in self.book.children(o.order_id))

    @invariant()
    def the_log_is_the_state(self):
        self.steps += 1
        if self.steps % 25 == 0:
            empty, _ = make_core(recorded=True, start_ns=0, limits={}, ring_bytes=1 << 22, audit=False)
            assert recovered_hash(empty, self.core.journal) == state_hash(self.core)
            empty.close()


OrderMachine.TestCase.settings = settings(
    max_examples=200 if LONG else 20,
    stateful_step_count=300,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=tuple(Phase) if LONG else (Phase.explicit, Phase.reuse, Phase.generate),
    report_multiple_bugs=False,
)
TestOrderMachine = OrderMachine.TestCase
