"""A venue without its sockets: one book a symbol, orders by client and order id, reports with dense execution ids.

Next to the clients stands the house: on each side `depth` levels of `size` steps around the symbol's reference price,
filled up again after every order, so that a market order always finds something. It never takes.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .._core.matching import MatchingEngine
from .._core.records import NO_PRICE
from .._core.remote import Kind, Refusal
from .._core.values import ORDER_TYPES, STATUSES, TIMES_IN_FORCE, OrderStatus, OrderType, Reason
from ..record_codes import (
    ADDED,
    ALL_OR_NONE,
    EXEC_CANCEL_REJECTED,
    EXEC_CANCELED,
    EXEC_NEW,
    EXEC_REJECTED,
    EXEC_REPLACED,
    EXEC_TRADE,
    HIDDEN,
    POST_ONLY,
    REDUCE_ONLY,
    REMOVED,
)  # fmt: skip
from .wire import CODECS, ProtocolError

_STATUS_CODES = {status: code for code, status in STATUSES.items()}
_REPORT, _QUOTE = CODECS[Kind.REPORT], CODECS[Kind.QUOTE]
_NANO = Decimal(10**9)


@dataclass(slots=True)
class VenueOrder:
    """An order as the venue has it; ``terms`` is the row that came, in its client's symbol numbers of that time."""

    client: Client
    symbol: str
    key: int  # its id in the book
    terms: Any
    filled: int = 0
    leaves: int = 0
    status: OrderStatus = OrderStatus.PENDING_NEW
    reason: int = 0
    notional: int = 0  # sum of price_e9 * quantity
    acknowledged_ns: int = 0
    updated_ns: int = 0

    def row(self, symbol: int) -> Any:
        """The ORDER_STATUS row, under the client's number of the symbol."""
        return self.terms._replace(
            symbol=symbol,
            filled_quantity=self.filled,
            leaves_quantity=self.leaves,
            working_quantity=0,
            notional_lo=self.notional & (2**64 - 1),
            notional_hi=self.notional >> 64,
            fees_e9=0,
            acknowledged_ns=self.acknowledged_ns,
            updated_ns=self.updated_ns,
            status=_STATUS_CODES[self.status],
            reason=self.reason,
        )


@dataclass(slots=True)
class Client:
    """Who has logged in once: its orders, every report to it in order, and what came twice."""

    uuid: bytes
    orders: dict[int, VenueOrder] = field(default_factory=dict)
    reports: list[tuple[str, Any]] = field(default_factory=list)  # (symbol, REPORT row)
    positions: dict[str, list[int]] = field(default_factory=dict)  # symbol -> [bought, sold, trades]
    duplicates: int = 0


class Book:
    """One symbol's matching engine, its house orders, and the quote as last given out."""

    def __init__(self, symbol: str, tick_e9: int, reference_e9: int | None, depth: int, size: int) -> None:
        self.symbol = symbol
        self.tick_e9 = tick_e9
        self.engine = MatchingEngine(Decimal(tick_e9) / _NANO, ticks=4096, capacity=1 << 16)
        self.orders: dict[int, VenueOrder] = {}  # resting, by key
        self.sequence = 0
        self._reference = None if reference_e9 is None else max(1, reference_e9 // tick_e9)
        self._depth, self._size = depth, size
        self._house: dict[int, tuple[int, int, int]] = {}  # key -> (side, tick, steps left)
        self._shown: dict[tuple[int, int], int] = {}  # (side, tick) -> steps of the house

    def crosses(self, side: int, price_e9: int) -> bool:
        """Would an order at that price trade at once?"""
        bid, ask = self.engine.book.best_bid_e9, self.engine.book.best_ask_e9
        return (ask is not None and price_e9 >= ask) if side > 0 else (bid is not None and price_e9 <= bid)

    def house_traded(self, key: int, quantity: int) -> bool:
        """Notes that a resting order traded, if it is the house's; False when it is a client's."""
        if key not in self._house:
            return False
        side, tick, left = self._house.pop(key)
        if left > quantity:
            self._house[key] = (side, tick, left - quantity)
        self._shown[side, tick] -= quantity
        return True

    def replenish(self, next_key: Callable[[], int]) -> None:
        """Fills the house's levels up to their size. A level that a client's order has crossed moves behind it."""
        if self._reference is None:
            return
        view = self.engine.book
        bid, ask = view.best_bid_e9, view.best_ask_e9
        above = self._reference if bid is None else max(self._reference, bid // self.tick_e9)
        below = self._reference if ask is None else min(self._reference, ask // self.tick_e9)
        for level in range(1, self._depth + 1):
            for side, tick in ((1, below - level), (-1, above + level)):
                missing = self._size - self._shown.get((side, tick), 0)
                if tick < 1 or missing <= 0:
                    continue
                key = next_key()
                price = Decimal(tick * self.tick_e9) / _NANO
                if self.engine.submit(key, side, missing, price, "GTC", post_only=True).status is OrderStatus.NEW:
                    self._house[key] = (side, tick, missing)
                    self._shown[side, tick] = self._shown.get((side, tick), 0) + missing

    def quote(self, symbol: int, time_ns: int) -> Any:
        """The QUOTE row, under a client's number of the symbol."""
        view = self.engine.book
        last = self.engine.last_price_e9
        bids, asks = view.levels(1)
        return _QUOTE.make(
            symbol=symbol,
            bid_e9=int(bids["price_e9"][0]) if len(bids) else NO_PRICE,
            ask_e9=int(asks["price_e9"][0]) if len(asks) else NO_PRICE,
            bid_quantity=int(bids["quantity"][0]) if len(bids) else 0,
            ask_quantity=int(asks["quantity"][0]) if len(asks) else 0,
            time_ns=time_ns,
            sequence=self.sequence,
            last_e9=NO_PRICE if last is None else last,
            volume=self.engine.volume,
        )


class Exchange:
    """The venue.

    Parameters
    ----------
    name : what clients call it
    depth, size : levels of the house on each side, steps of each; depth 0: no house
    references : symbol -> reference price in 1e-9; a symbol without one has an empty book
    on_report : called with (client, symbol, REPORT row) for every report, when it is made
    clock_ns : UTC nanoseconds
    """

    def __init__(
        self,
        name: str,
        *,
        depth: int = 5,
        size: int = 1000,
        references: Mapping[str, int] | None = None,
        on_report: Callable[[Client, str, Any], object] = lambda client, symbol, row: None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name = name
        self.instance = uuid.uuid4().bytes
        self.executions = 0
        self.orders = self.cancels = self.replaces = self.trades = 0
        self.clients: dict[bytes, Client] = {}
        self.books: dict[str, Book] = {}
        self.on_report = on_report
        self._references = dict(references or {})
        self._depth, self._size = depth, size
        self._keys = 0
        self._now = clock_ns

    def client(self, identity: bytes) -> Client:
        """The client of a uuid, a new one at first sight."""
        return self.clients.setdefault(identity, Client(identity))

    def book(self, symbol: str, tick_e9: int) -> Book:
        """The symbol's book, a new one at first sight. ProtocolError when it has another tick."""
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = Book(symbol, tick_e9, self._references.get(symbol), self._depth, self._size)
            book.replenish(self._next_key)
        if book.tick_e9 != tick_e9:
            text = f"tick of {symbol} is {tick_e9}, must be {book.tick_e9} as of those who came before"
            raise ProtocolError(Refusal.BAD_SYMBOL, text)
        return book

    @property
    def duplicates(self) -> int:
        return sum(client.duplicates for client in self.clients.values())

    def submit(self, client: Client, symbol: str, terms: Any) -> None:
        """Takes in an order. When (client, order_id) is known, it is counted and nothing else happens."""
        if terms.order_id in client.orders:
            client.duplicates += 1
            return
        self.orders += 1
        book = self.books[symbol]
        order = VenueOrder(client, symbol, self._next_key(), terms, leaves=max(0, terms.quantity))
        client.orders[terms.order_id] = order
        reason = _refusal(book, terms)
        if reason:
            self._end(order, EXEC_REJECTED, reason)
        else:
            self._match(book, order)

    def cancel(self, client: Client, symbol: str, request: Any) -> None:
        """Takes in a cancel: CANCELED, or CANCEL_REJECTED when the order is unknown or has ended."""
        self.cancels += 1
        order = client.orders.get(request.order_id)
        if order is None or order.status.is_closed:
            reason = Reason.UNKNOWN_ORDER if order is None else Reason.ORDER_CLOSED
            self._report(
                client, symbol if order is None else order.symbol, order, request.order_id,
                request.side if order is None else order.terms.side, EXEC_CANCEL_REJECTED, reason=reason,
            )  # fmt: skip
            return
        book = self.books[order.symbol]
        book.engine.cancel(order.key)
        book.orders.pop(order.key, None)
        self._end(order, EXEC_CANCELED, Reason.USER)
        self._changed(book)

    def replace(self, client: Client, symbol: str, request: Any) -> None:
        """Another total quantity and limit: REPLACED, or CANCEL_REJECTED. Less at the same price keeps its place in
        the queue; anything else
        comes in again, and may trade. A quantity at or below what has traded ends the order."""
        self.replaces += 1
        order = client.orders.get(request.order_id)
        reason = Reason.UNKNOWN_ORDER if order is None else Reason.ORDER_CLOSED if order.status.is_closed else 0
        price_e9 = NO_PRICE
        if order is not None and not reason:
            book = self.books[order.symbol]
            price_e9 = order.terms.limit_price_e9 if request.price_e9 == NO_PRICE else request.price_e9
            if price_e9 <= 0 or price_e9 % book.tick_e9:
                reason = Reason.PRICE_OUT_OF_RANGE
            elif request.quantity <= 0:
                reason = Reason.INVALID
            elif order.terms.flags & POST_ONLY and book.crosses(order.terms.side, price_e9):
                reason = Reason.WOULD_CROSS
        if order is None or reason:
            self._report(
                client, symbol if order is None else order.symbol, order, request.order_id,
                request.side if order is None else order.terms.side, EXEC_CANCEL_REJECTED, reason=reason,
            )  # fmt: skip
            return
        total = max(request.quantity, order.filled)
        less = order.leaves - (total - order.filled)
        stays = price_e9 == order.terms.limit_price_e9 and 0 <= less < order.leaves
        if stays:
            if less:
                book.engine.shrink(order.key, less)
        else:
            book.engine.cancel(order.key)
            book.orders.pop(order.key, None)
        order.terms = order.terms._replace(limit_price_e9=price_e9, quantity=total)
        order.leaves = total - order.filled
        order.updated_ns = self._now()
        if not order.leaves:
            order.status = OrderStatus.FILLED
        self._report(
            client, order.symbol, order, request.order_id, order.terms.side, EXEC_REPLACED,
            price_e9=price_e9, quantity=total,
        )  # fmt: skip
        if order.leaves and not stays:
            self._enter(book, order)
        self._changed(book)

    # ---- inside

    def _next_key(self) -> int:
        self._keys += 1
        return self._keys

    def _match(self, book: Book, order: VenueOrder) -> None:
        terms = order.terms
        result = self._place(book, order)
        if result.status is OrderStatus.REJECTED:
            self._end(order, EXEC_REJECTED, result.reason)
            return
        order.status = OrderStatus.NEW
        order.acknowledged_ns = order.updated_ns = self._now()
        self._report(order.client, order.symbol, order, terms.order_id, terms.side, EXEC_NEW)
        self._traded(book, order, result)
        self._changed(book)

    def _enter(self, book: Book, order: VenueOrder) -> None:
        """A replaced order comes in again."""
        result = self._place(book, order)
        if result.status is OrderStatus.REJECTED:
            self._end(order, EXEC_CANCELED, result.reason)
        else:
            self._traded(book, order, result)

    def _place(self, book: Book, order: VenueOrder) -> Any:
        terms = order.terms
        price = None if terms.limit_price_e9 == NO_PRICE else Decimal(terms.limit_price_e9) / _NANO
        return book.engine.submit(
            order.key,
            terms.side,
            order.leaves,
            price,
            TIMES_IN_FORCE[terms.time_in_force].value,
            post_only=bool(terms.flags & POST_ONLY),
            display_quantity=terms.display_quantity or None,
        )

    def _traded(self, book: Book, order: VenueOrder, result: Any) -> None:
        for key, price_e9, quantity in result.fills:
            self._fill(book, key, price_e9, quantity)
            self._trade(order, price_e9, quantity, REMOVED)
        if result.status is OrderStatus.CANCELED:
            self._end(order, EXEC_CANCELED, result.reason)
        elif not order.status.is_closed:
            book.orders[order.key] = order

    def _fill(self, book: Book, key: int, price_e9: int, quantity: int) -> None:
        """The resting side of a trade."""
        self.trades += 1
        if book.house_traded(key, quantity):
            return
        order = book.orders[key]
        self._trade(order, price_e9, quantity, ADDED)
        if order.status.is_closed:
            del book.orders[key]

    def _trade(self, order: VenueOrder, price_e9: int, quantity: int, liquidity: int) -> None:
        order.filled += quantity
        order.leaves -= quantity
        order.notional += price_e9 * quantity
        order.status = OrderStatus.PARTIALLY_FILLED if order.leaves else OrderStatus.FILLED
        order.updated_ns = self._now()
        position = order.client.positions.setdefault(order.symbol, [0, 0, 0])
        position[0 if order.terms.side > 0 else 1] += quantity
        position[2] += 1
        self._report(
            order.client, order.symbol, order, order.terms.order_id, order.terms.side, EXEC_TRADE,
            price_e9=price_e9, quantity=quantity, liquidity=liquidity,
        )  # fmt: skip

    def _end(self, order: VenueOrder, exec_type: int, reason: int) -> None:
        ended, order.leaves = order.leaves, 0
        order.status = OrderStatus.REJECTED if exec_type == EXEC_REJECTED else OrderStatus.CANCELED
        order.reason = reason
        order.updated_ns = self._now()
        order.acknowledged_ns = order.acknowledged_ns or order.updated_ns
        self._report(
            order.client, order.symbol, order, order.terms.order_id, order.terms.side, exec_type,
            quantity=ended, reason=reason,
        )  # fmt: skip

    def _changed(self, book: Book) -> None:
        book.replenish(self._next_key)
        book.sequence += 1

    def _report(
        self, client: Client, symbol: str, order: VenueOrder | None, order_id: int, side: int, exec_type: int, *,
        price_e9: int = NO_PRICE, quantity: int = 0, liquidity: int = 0, reason: int = 0,
    ) -> None:  # fmt: skip
        """Makes a report: its execution id is the next of all, and it stays in the client's history."""
        self.executions += 1
        row = _REPORT.make(
            order_id=order_id,
            execution_id=self.executions,
            price_e9=price_e9,
            quantity=quantity,
            venue_time_ns=self._now(),
            filled_quantity=0 if order is None else order.filled,
            leaves_quantity=0 if order is None else order.leaves,
            symbol=-1,  # the connection's number of it is put in when it is sent
            side=side if side in (1, -1) else 1,
            exec_type=exec_type,
            liquidity=liquidity,
            status=0 if order is None else _STATUS_CODES[order.status],
            reason=reason,
        )
        client.reports.append((symbol, row))
        self.on_report(client, symbol, row)


def _refusal(book: Book, terms: Any) -> int:
    """Why an order is not for this venue (a Reason), 0 when it is; the matching engine may refuse it still."""
    limited = terms.limit_price_e9 != NO_PRICE
    kind = ORDER_TYPES.get(terms.order_type)
    if terms.side not in (1, -1) or terms.quantity <= 0 or terms.display_quantity < 0:
        return Reason.INVALID
    if kind not in (OrderType.MARKET, OrderType.LIMIT, OrderType.ICEBERG):
        return Reason.UNSUPPORTED
    if limited != (kind is not OrderType.MARKET):
        return Reason.INVALID
    if terms.time_in_force not in TIMES_IN_FORCE:
        return Reason.INVALID
    if terms.flags & (REDUCE_ONLY | ALL_OR_NONE | HIDDEN):
        return Reason.UNSUPPORTED
    if limited and (terms.limit_price_e9 <= 0 or terms.limit_price_e9 % book.tick_e9):
        return Reason.PRICE_OUT_OF_RANGE
    return 0
