# cython: language_level=3
"""An exchange's matching: price-time priority and all that it takes (include/exchange.h has the rules).

An aggressor trades at the resting price, best price first, at a price first in first out; of an iceberg only the
shown part queues, and what is shown next queues at the back. A market order's rest and an IOC's are cancelled; a FOK
trades in full (hidden reserves count) or not at all; a post-only order that would trade is refused. Hidden and pegged
orders stand behind what is displayed at their price; stops, minimum quantities, auctions, halts, bands and orders of one
owner have their rules there too.
"""
from collections import namedtuple

import numpy as np

cimport cython
from cpython.bool cimport PyBool_Check
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from grandmodel.execution._core.arguments cimport int_argument, record_bytes, value_text
from grandmodel.execution._core.book cimport (
    GM_REST_POST_ONLY, book_arguments, gm_book_check, gm_book_find, gm_resting_t, tick_argument, to_e9, view_of,
)
from grandmodel.execution._core.records cimport (
    GM_ALL_OR_NONE, GM_BUY, GM_COMMAND_CANCEL, GM_COMMAND_SUBMIT, GM_HIDDEN, GM_LIMIT, GM_MARKET, GM_NO_PRICE,
    GM_PEGGED_MARKET, GM_PEGGED_MIDPOINT, GM_PEGGED_PRIMARY, GM_POST_ONLY, GM_REASON_NONE, GM_REJECTED, GM_SELL, GM_STOP,
    GM_STOP_LIMIT, gm_command_t,
)
from grandmodel.execution._core.book import INVARIANTS
from grandmodel.execution._core.records import COMMAND_DTYPE
from grandmodel.execution._core.values import (
    ORDER_TYPES, REASON_TEXT, SIDE_CODES, STATUSES, TIME_IN_FORCE_CODES, TIMES_IN_FORCE, Reason, Unknown, UnknownOrder,
)

#: What `MatchingEngine.run` did: orders taken, orders cancelled on request, fills, quantity traded, commands refused.
RunCounts = namedtuple("RunCounts", ("submitted", "canceled", "trades", "volume", "rejected"))

#: What a command brought about: kind "trade" (order_id acted, other_id was there), "ended" or "reduced" (an order lost quantity that nobody
#: asked for, by `reason`), "triggered" (a stop was let in). price_e9 is None but for trades.
MatchEvent = namedtuple("MatchEvent", ("kind", "order_id", "other_id", "price_e9", "quantity", "displayed", "reason"))

#: An auction's price in 1e-9 (None: nothing can trade), what trades at it, and what the buyers (negative: sellers) have left there.
Auction = namedtuple("Auction", ("price_e9", "volume", "imbalance"))

PHASES = {
    "continuous": <int>GM_PHASE_CONTINUOUS, "opening_call": <int>GM_PHASE_OPENING_CALL, "closing_call": <int>GM_PHASE_CLOSING_CALL,
    "halted": <int>GM_PHASE_HALTED, "closed": <int>GM_PHASE_CLOSED,
}
#: What happens when an order would trade with one of its owner.
OWN_ORDERS = {
    "trade": <int>GM_OWN_TRADES, "cancel_newest": <int>GM_OWN_CANCEL_NEWEST, "cancel_oldest": <int>GM_OWN_CANCEL_OLDEST,
    "cancel_both": <int>GM_OWN_CANCEL_BOTH, "decrement": <int>GM_OWN_DECREMENT,
}
PEGS = {"primary": <int>GM_PEGGED_PRIMARY, "midpoint": <int>GM_PEGGED_MIDPOINT, "market": <int>GM_PEGGED_MARKET}
cdef dict _PHASE_NAMES = {code: name for name, code in PHASES.items()}
cdef tuple _EVENT_NAMES = (None, "trade", "ended", "reduced", "triggered")
cdef tuple _PLACES = (None, "dark", "stop", "auction")


cdef object _event(gm_event_t* e):
    return MatchEvent(_EVENT_NAMES[e.kind], e.order_id, e.other_id if e.kind == GM_EVENT_TRADE else None,
                      None if e.price_e9 == GM_NO_PRICE else e.price_e9, e.quantity, bool(e.displayed), Reason(e.reason))


@cython.final
cdef class MatchResult:
    """What became of an order when it was submitted."""

    def __init__(self, *args, **kwargs):
        raise TypeError("a MatchResult is given by MatchingEngine.submit")

    def __dealloc__(self):
        free(self.rows)

    @property
    def status(self):
        """NEW, PARTIALLY_FILLED (both rest, or wait), FILLED, CANCELED (its rest has ended) or REJECTED: at the end of the command itself."""
        return STATUSES[self.status_code]

    @property
    def reason(self):
        """Why the order, or its rest, ended: a Reason, NONE where it did not."""
        return Reason(self.reason_code)

    @property
    def reason_text(self):
        return REASON_TEXT[Reason(self.reason_code)]

    @property
    def filled_quantity(self):
        return self.filled

    @property
    def leaves_quantity(self):
        """What rests now, an iceberg's reserve included; of an order that ended, what was not filled."""
        return self.leaves

    @property
    def fills(self):
        """The order's own trades as it came in: a list of (resting order id, price_e9, quantity), in their order."""
        cdef int64_t rest = self.filled     # the first of its trades: it may act again afterwards
        cdef Py_ssize_t i
        out = []
        for i in range(self.count):
            if rest > 0 and self.rows[i].kind == GM_EVENT_TRADE and self.rows[i].order_id == self.order_id:
                rest -= self.rows[i].quantity
                out.append((self.rows[i].other_id, self.rows[i].price_e9, self.rows[i].quantity))
        return out

    @property
    def events(self):
        """All that the command brought about, other orders' too: a list of MatchEvent, in their order."""
        return [_event(&self.rows[i]) for i in range(self.count)]

    @property
    def average_price(self):
        """Mean price of the fills by quantity; Unknown without fills."""
        fills = self.fills
        if not fills:
            return Unknown("no fills")
        return sum(price * quantity for _, price, quantity in fills) / (sum(quantity for _, _, quantity in fills) * 1_000_000_000)

    def __repr__(self):
        return (f"MatchResult(status={str(self.status)!r}, filled_quantity={self.filled}, "
                f"leaves_quantity={self.leaves}, reason={self.reason.name}, fills={len(self.fills)})")


cdef void _keep(void* context, const gm_event_t* event) noexcept nogil:
    """Appends an event to the engine's scratch; without memory it is marked lost, what happened stands."""
    cdef events_t* happened = <events_t*>context
    cdef gm_event_t* grown
    if happened.count == happened.room:
        grown = <gm_event_t*>realloc(happened.rows, 2 * happened.room * sizeof(gm_event_t))
        if grown == NULL:
            happened.lost = True
            return
        happened.rows = grown
        happened.room *= 2
    happened.rows[happened.count] = event[0]
    happened.count += 1


cdef void _keep_fill(void* context, const gm_resting_t* resting, int64_t price_e9, int64_t quantity) noexcept nogil:
    """A trade of the plain book, as an event."""
    cdef gm_event_t event
    memset(&event, 0, sizeof(event))
    event.kind = GM_EVENT_TRADE
    event.order_id = (<events_t*>context).taker
    event.other_id = resting.order_id
    event.price_e9 = price_e9
    event.quantity = quantity
    event.displayed = 1
    _keep(context, &event)


cdef void _drop(void* context, const gm_event_t* event) noexcept nogil:
    pass


cdef void _drop_fill(void* context, const gm_resting_t* resting, int64_t price_e9, int64_t quantity) noexcept nogil:
    pass


cdef bint _flag(object value, str name) except -1:
    if not PyBool_Check(value) and not isinstance(value, np.bool_):
        raise TypeError(f"{name} is {value_text(value)}, must be a bool")
    return bool(value)


cdef int _code(object value, dict known, str name) except -1:
    code = known.get(value) if isinstance(value, str) else None
    if code is None:
        raise ValueError(f"{name} is {value_text(value)}, must be one of {', '.join(known)}")
    return code


@cython.final
cdef class MatchingEngine:
    """One book and the matching on it.

    Parameters
    ----------
    tick_size : price distance of two levels: str, Decimal, int or float
    capacity : int, most orders resting at once (of those that are not displayed, and stops: 8192)
    ticks : int, a power of two from 4096; levels in the window at first, it moves and widens by itself
    lot : int, quantities are multiples of it
    own_orders : "trade", "cancel_newest", "cancel_oldest", "cancel_both" or "decrement": orders of the same `owner`
    stop_trigger : "last" trade, or the "quote" on the side that the stop would take

    An order id must not be one of a resting order; ids of orders that have left may come again.
    Not to be shared between threads without a lock: a call during another thread's `run` is a RuntimeError.
    """

    def __cinit__(self, tick_size="0.01", *, capacity=1 << 20, ticks=1 << 16, lot=1, own_orders="trade", stop_trigger="last"):
        cdef int64_t tick_e9
        memset(&self.exchange, 0, sizeof(self.exchange))
        tick_e9 = tick_argument(tick_size)
        book_arguments(capacity, ticks)
        self.happened.room = 64
        self.happened.rows = <gm_event_t*>malloc(self.happened.room * sizeof(gm_event_t))
        if self.happened.rows == NULL or gm_exchange_init(&self.exchange, tick_e9, <uint32_t>ticks, <int32_t>capacity) != 0:
            raise MemoryError("the matching engine could not be reserved")
        self.exchange.lot = int_argument(lot, "lot", 1, INT64_MAX)
        self.exchange.owner_rule = _code(own_orders, OWN_ORDERS, "own_orders")
        self.exchange.stops_by_quote = _code(stop_trigger, {"last": 0, "quote": 1}, "stop_trigger")

    def __dealloc__(self):
        gm_exchange_free(&self.exchange)
        free(self.happened.rows)

    cdef gm_exchange_t* _get(self) except NULL:
        if self.busy:
            raise RuntimeError("another thread is running commands on this engine")
        self.happened.count = 0
        self.happened.lost = False
        return &self.exchange

    cdef MatchResult _result(self, int64_t order_id, gm_match_result_t result):
        cdef MatchResult out = MatchResult.__new__(MatchResult)
        out.order_id = order_id
        out.status_code = result.status
        out.reason_code = result.reason
        out.filled = result.filled
        out.leaves = result.leaves
        if self.happened.count > 0:
            out.rows = <gm_event_t*>malloc(self.happened.count * sizeof(gm_event_t))
            if out.rows == NULL or self.happened.lost:
                raise MemoryError("the order was matched, but its fills could not be kept")
            memcpy(out.rows, self.happened.rows, self.happened.count * sizeof(gm_event_t))
            out.count = self.happened.count
        return out

    cdef list _events(self):
        if self.happened.lost:
            raise MemoryError("the command was carried out, but what it brought about could not be kept")
        return [_event(&self.happened.rows[i]) for i in range(self.happened.count)]

    def submit(self, order_id, side, quantity, price=None, time_in_force="DAY", *, post_only=False,
               display_quantity=None, hidden=False, all_or_none=False, min_quantity=0, stop_price=None, peg=None,
               peg_offset=0, owner=0):
        """Matches an order and rests what may rest.

        Parameters
        ----------
        order_id : int
        side : "buy" or "sell" (or +1, -1)
        quantity : int, in quantity steps
        price : limit, int, Decimal, str or float; None: a market order, or a peg without a limit
        time_in_force : "DAY", "GTC" (both rest), "IOC", "FOK"; "OPG", "CLS": for the opening or closing auction alone
        post_only : refuse the order rather than trade at once
        display_quantity : int, an iceberg: what is shown at a time; None: all of it
        hidden : not displayed, behind what is displayed at its price
        all_or_none, min_quantity : trade in full, or at least so much, at once; not displayed while it rests
        stop_price : waits for a trade (or quote, `stop_trigger`) there or beyond; a limit stop where `price` is given
        peg : "primary", "midpoint" or "market": not displayed, moves with the reference, never beyond `price`
        peg_offset : of a primary or market peg, towards the other side where positive
        owner : int, 0 to 65535; orders of one owner (but 0) meet by `own_orders`

        Returns
        -------
        MatchResult. A refusal is a result too (status REJECTED and its reason); nothing has changed then.
        """
        cdef gm_exchange_t* x = self._get()
        cdef gm_entry_t e
        cdef gm_command_t c
        cdef int64_t offset_e9 = 0
        memset(&e, 0, sizeof(e))
        e.order_id = int_argument(order_id, "order_id", INT64_MIN, INT64_MAX)
        e.side = _side(side)
        e.quantity = int_argument(quantity, "quantity", INT64_MIN, INT64_MAX)
        e.limit_e9 = GM_NO_PRICE if price is None else to_e9(price, "price")
        e.stop_e9 = GM_NO_PRICE if stop_price is None else to_e9(stop_price, "stop_price")
        e.time_in_force = _code(time_in_force, TIME_IN_FORCE_CODES, "time_in_force")
        if _flag(post_only, "post_only"):
            e.flags |= GM_POST_ONLY
        if _flag(hidden, "hidden"):
            e.flags |= GM_HIDDEN
        if _flag(all_or_none, "all_or_none"):
            e.flags |= GM_ALL_OR_NONE
        e.min_quantity = int_argument(min_quantity, "min_quantity", INT64_MIN, INT64_MAX)
        e.owner = int_argument(owner, "owner", 0, 65535)
        if display_quantity is not None:
            e.display_quantity = int_argument(display_quantity, "display_quantity", INT64_MIN, INT64_MAX)
        if not (type(peg_offset) is int and peg_offset == 0):
            offset_e9 = to_e9(peg_offset, "peg_offset")
        if peg is not None:
            e.order_type = _code(peg, PEGS, "peg")
            e.offset_e9 = offset_e9
        elif stop_price is not None:
            e.order_type = GM_STOP if price is None else GM_STOP_LIMIT
        else:
            e.order_type = GM_MARKET if price is None else GM_LIMIT
        if peg is None and offset_e9 != 0:
            raise ValueError(f"peg_offset is {value_text(peg_offset)}, but the order is not pegged")
        if peg is not None and stop_price is not None:
            raise ValueError(f"peg is {peg!r} and stop_price {value_text(stop_price)}: an order has one of them")
        if gm_exchange_plain(x) and not e.flags & ~GM_POST_ONLY and e.min_quantity == 0 and e.owner == 0 and e.order_type <= GM_LIMIT:
            memset(&c, 0, sizeof(c))
            c.order_id, c.side, c.quantity, c.price_e9 = e.order_id, e.side, e.quantity, e.limit_e9
            c.time_in_force, c.flags, c.display_quantity = e.time_in_force, e.flags, e.display_quantity
            if gm_match_refusal(&x.lit, &c) == GM_REASON_NONE:
                self.happened.taker = e.order_id
                return self._result(e.order_id, gm_match_submit(&x.lit, &c, _kept(c.flags), _keep_fill, &self.happened))
        return self._result(e.order_id, gm_exchange_submit(x, &e, _keep, &self.happened))

    def cancel(self, order_id):
        """Cancels a resting or waiting order; its open quantity, an iceberg's reserve included. UnknownOrder if there is none.
        What it let others do is in `events`."""
        cdef int64_t number = int_argument(order_id, "order_id", INT64_MIN, INT64_MAX)
        cdef int64_t open_quantity = gm_exchange_cancel(self._get(), number, _keep, &self.happened)
        if open_quantity < 0:
            raise UnknownOrder(f"no resting order has the id {number}")
        return open_quantity

    def replace(self, order_id, open_quantity, price=None):
        """Another open quantity and limit (None: as it is). Less at the same price keeps its place; anything else comes in anew, and may trade.

        Returns
        -------
        MatchResult; REJECTED (nothing has changed) where the new terms are wrong or no order has the id
        """
        cdef int64_t number = int_argument(order_id, "order_id", INT64_MIN, INT64_MAX)
        cdef int64_t steps = int_argument(open_quantity, "open_quantity", INT64_MIN, INT64_MAX)
        cdef int64_t limit_e9 = GM_NO_PRICE if price is None else to_e9(price, "price")
        return self._result(number, gm_exchange_replace(self._get(), number, steps, limit_e9, _keep, &self.happened))

    def shrink(self, order_id, less):
        """Takes `less` steps off a displayed order, which keeps its place; it must have more. UnknownOrder if there is none."""
        cdef int64_t number = int_argument(order_id, "order_id", INT64_MIN, INT64_MAX)
        cdef int64_t steps = int_argument(less, "less", 1, INT64_MAX)
        cdef gm_matcher_t* m = &self._get().lit
        cdef int32_t slot = gm_book_find(&m.book, number)
        if slot < 0:
            raise UnknownOrder(f"no resting order has the id {number}")
        if steps >= gm_match_open(m, slot):
            raise ValueError(f"less is {less}, must be below the open quantity, {gm_match_open(m, slot)}")
        gm_match_shrink(m, slot, steps)

    def run(self, commands):
        """Runs a batch of commands in order, without the GIL.

        Parameters
        ----------
        commands : (n,) COMMAND_DTYPE, contiguous; read-only and memory-mapped arrays too

        Returns
        -------
        RunCounts (submitted, canceled, trades, volume, rejected). A cancel of an order that does not rest, a
        command of no known kind and an order that the plain book does not know (hidden, for an auction) count as rejected.
        """
        cdef gm_exchange_t* x = self._get()
        cdef gm_matcher_t* m = &x.lit
        cdef const unsigned char[::1] raw = record_bytes(commands, COMMAND_DTYPE, "commands", "COMMAND_DTYPE")
        cdef Py_ssize_t n = raw.shape[0] // <Py_ssize_t>sizeof(gm_command_t), i
        cdef const gm_command_t* rows = <const gm_command_t*>&raw[0] if n else NULL
        cdef int64_t submitted = 0, canceled = 0, trades = m.trades, volume = m.volume
        cdef bint plain = gm_exchange_plain(x)
        cdef gm_entry_t e
        self.busy = True
        with nogil:
            for i in range(n):
                if rows[i].kind == GM_COMMAND_SUBMIT:
                    if gm_match_refusal(m, &rows[i]) != GM_REASON_NONE:     # a batch is of the plain book's orders, whatever rests
                        continue
                    if plain:
                        submitted += gm_match_submit(m, &rows[i], _kept(rows[i].flags), _drop_fill, NULL).status != GM_REJECTED
                    else:
                        _entry_of(&rows[i], &e)
                        submitted += gm_exchange_submit(x, &e, _drop, NULL).status != GM_REJECTED
                elif rows[i].kind == GM_COMMAND_CANCEL:
                    canceled += gm_exchange_cancel(x, rows[i].order_id, _drop, NULL) >= 0
        self.busy = False
        return RunCounts(submitted, canceled, m.trades - trades, m.volume - volume, n - submitted - canceled)

    # ---- phases, auctions, references ----

    @property
    def phase(self):
        """"continuous", "opening_call", "closing_call", "halted" or "closed"."""
        return _PHASE_NAMES[self._get().phase]

    def set_phase(self, phase):
        """Goes to another phase; what it brought about: a list of MatchEvent. From a call `auction` alone leads on to trading."""
        cdef int code = _code(phase, PHASES, "phase")
        cdef gm_exchange_t* x = self._get()
        cdef gm_matcher_t* m = &x.lit
        if code == GM_PHASE_CONTINUOUS:
            if x.phase == GM_PHASE_OPENING_CALL or x.phase == GM_PHASE_CLOSING_CALL:
                raise ValueError(f"phase is 'continuous', but a call ends with auction(); the engine is in {_PHASE_NAMES[x.phase]!r}")
            if m.book.best[0] >= 0 and m.book.best[1] >= 0 and m.book.best[0] >= m.book.best[1]:
                raise ValueError("phase is 'continuous', but the book is crossed from a call: hold an auction first")
        gm_exchange_set_phase(x, code, _keep, &self.happened)
        return self._events()

    def indicative(self, reference=None):
        """The Auction as it would be now, at `reference` (a price) where orders leave a choice."""
        cdef gm_auction_t found = gm_exchange_indicate(self._get(), _reference(reference, "reference"))
        return Auction(None if found.price_e9 == GM_NO_PRICE else found.price_e9, found.volume, found.imbalance)

    def auction(self, reference=None):
        """Holds the auction of the call that the engine is in, and goes on to trading (closed, after the closing call).

        Returns
        -------
        (Auction, list of MatchEvent): buyers are the order_id of each trade
        """
        cdef gm_exchange_t* x = self._get()
        cdef gm_auction_t found
        if x.phase != GM_PHASE_OPENING_CALL and x.phase != GM_PHASE_CLOSING_CALL:
            raise ValueError(f"phase is {_PHASE_NAMES[x.phase]!r}, an auction ends a call")
        found = gm_exchange_uncross(x, _reference(reference, "reference"), _keep, &self.happened)
        return Auction(None if found.price_e9 == GM_NO_PRICE else found.price_e9, found.volume, found.imbalance), self._events()

    def set_reference(self, bid=None, ask=None, *, own=False):
        """What pegs (and stops by quote) look at: a bid and an ask, None: nobody there; own=True: the book's own best again.

        Returns
        -------
        list of MatchEvent: what that brought about
        """
        cdef int64_t bid_e9 = _reference(bid, "bid"), ask_e9 = _reference(ask, "ask")
        if _flag(own, "own") and (bid is not None or ask is not None):
            raise ValueError(f"own is True, but bid is {value_text(bid)} and ask {value_text(ask)}: one of them is the reference")
        gm_exchange_set_reference(self._get(), not _flag(own, "own"), bid_e9, ask_e9, _keep, &self.happened)
        return self._events()

    def set_band(self, low=None, high=None):
        """No trade below `low` or above `high`; both None: no band. Limits beyond it are refused from now on, those that are there end.

        Returns
        -------
        list of MatchEvent: what that brought about
        """
        cdef gm_exchange_t* x = self._get()
        cdef int64_t low_e9 = 0, high_e9 = 0
        if (low is None) != (high is None):
            raise ValueError("a band has a low and a high")
        if low is not None:
            low_e9, high_e9 = to_e9(low, "low"), to_e9(high, "high")
            if not 0 < low_e9 <= high_e9:
                raise ValueError(f"low is {value_text(low)} and high {value_text(high)}, must be positive and in this order")
        gm_exchange_set_band(x, low_e9, high_e9, _keep, &self.happened)
        return self._events()

    def waiting(self):
        """Orders that the displayed book does not have, by arrival: dicts of order_id, place ("dark", "stop", "auction"), side, quantity, type,
        time_in_force, price_e9 (where it stands now; None: nowhere), owner."""
        cdef gm_exchange_t* x = self._get()
        cdef gm_rare_t* r
        cdef int32_t i
        cdef int64_t price, bid, ask
        out = []
        view = self.book
        for i in range(x.rare_count):
            r = &x.rare[i]
            bid = x.reference_bid_e9 if x.referenced else GM_NO_PRICE if view.best_bid_e9 is None else view.best_bid_e9
            ask = x.reference_ask_e9 if x.referenced else GM_NO_PRICE if view.best_ask_e9 is None else view.best_ask_e9
            price = gm_exchange_price(x, &r.entry, bid, ask)
            out.append({
                "order_id": r.entry.order_id, "place": _PLACES[r.place], "side": r.entry.side, "quantity": r.entry.quantity,
                "type": ORDER_TYPES[r.entry.order_type].value, "time_in_force": TIMES_IN_FORCE[r.entry.time_in_force].value,
                "price_e9": None if price == GM_NO_PRICE or r.place == GM_RARE_STOP else price, "owner": r.entry.owner,
            })
        return out

    @property
    def events(self):
        """What the latest command brought about, a cancel too (who waited may trade then): a list of MatchEvent; any later call forgets it."""
        if self.busy:
            raise RuntimeError("another thread is running commands on this engine")
        return self._events()

    @property
    def book(self):
        """The displayed book, to read: BookView."""
        return view_of(&self.exchange.lit.book, &self.busy, self.exchange.lit.tick_e9, self)

    @property
    def trades(self):
        """Fills so far."""
        return self._get().lit.trades

    @property
    def volume(self):
        """Quantity traded so far; stops at 2**63 - 1."""
        return self._get().lit.volume

    @property
    def last_price_e9(self):
        """Price of the last trade in 1e-9; None before the first."""
        cdef int64_t last = self._get().lit.last_e9
        return None if last == GM_NO_PRICE else last

    @property
    def last_price(self):
        """Price of the last trade; Unknown before the first."""
        cdef int64_t last = self._get().lit.last_e9
        return Unknown("no trade yet") if last == GM_NO_PRICE else last / 1e9

    def __len__(self):
        """Orders resting and waiting."""
        return self._get().lit.book.live + self.exchange.rare_count

    def check_invariants(self):
        """Checks the whole book, and that it is not crossed outside a call. AssertionError names the invariant that is broken."""
        cdef gm_exchange_t* x = self._get()
        cdef gm_matcher_t* m = &x.lit
        cdef int broken = gm_book_check(&m.book)
        cdef int64_t icebergs = 0
        cdef int32_t slot, i
        if broken:
            raise AssertionError(f"invariant {broken} is broken: {INVARIANTS[broken]}")
        if x.phase == GM_PHASE_CONTINUOUS and m.book.best[0] >= 0 and m.book.best[1] >= 0 and m.book.best[0] >= m.book.best[1]:
            raise AssertionError("the best bid is below the best ask in a matched book")
        for slot in range(m.book.used):
            if m.book.pool[slot].flags and m.book.pool[slot].display > 0 and m.book.pool[slot].reserve > 0:
                icebergs += 1
        if icebergs != m.icebergs:
            raise AssertionError("the count of icebergs is that of resting orders with a reserve")
        for i in range(x.rare_count):
            if x.rare[i].entry.quantity <= 0:
                raise AssertionError("what waits has a quantity")
            if i and x.rare[i - 1].arrival >= x.rare[i].arrival:
                raise AssertionError("what waits stands in the order of its arrival")
            if gm_book_find(&m.book, x.rare[i].entry.order_id) >= 0:
                raise AssertionError("an order rests in one place")

    def state_hash(self):
        """A hash of all orders (reserves included), their order in the queues left out."""
        return gm_exchange_hash(self._get())


cdef inline uint8_t _kept(uint8_t flags) noexcept nogil:
    """What the book keeps of an order's flags: a replace must know it."""
    return GM_REST_POST_ONLY if flags & GM_POST_ONLY else 0


cdef void _entry_of(const gm_command_t* c, gm_entry_t* e) noexcept nogil:
    memset(e, 0, sizeof(e[0]))
    e.order_id = c.order_id
    e.quantity = c.quantity
    e.limit_e9 = c.price_e9
    e.stop_e9 = GM_NO_PRICE
    e.display_quantity = c.display_quantity
    e.side = c.side
    e.order_type = GM_MARKET if c.price_e9 == GM_NO_PRICE else GM_LIMIT
    e.time_in_force = c.time_in_force
    e.flags = c.flags


cdef int64_t _reference(object price, str name) except? -1:
    cdef int64_t price_e9 = GM_NO_PRICE if price is None else to_e9(price, name)
    if price_e9 <= 0 and price is not None:
        raise ValueError(f"{name} is {value_text(price)}, must be > 0")
    return price_e9


cdef int _side(object side) except -2:
    if isinstance(side, str):
        code = SIDE_CODES.get(side)
    else:
        code = int_argument(side, "side", -1, 1)
    if code != GM_BUY and code != GM_SELL:
        raise ValueError(f"side is {value_text(side)}, must be 'buy' or 'sell'")
    return code
