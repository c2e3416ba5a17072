# cython: language_level=3
"""A recorded market as the venue behind an engine: the recording stays what it was, own orders lie over it.

The rules are in include/replay.h. Own orders have no effect on what others did that day: the results say so.
"""
import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from grandmodel.execution._core.book cimport gm_book_check, gm_book_free, gm_book_next, gm_book_state_hash
from grandmodel.execution._core.records cimport (
    GM_ADD, GM_CLEAR, GM_CROSS_TRADE, GM_DELETE, GM_EXECUTE, GM_EXECUTE_HIDDEN, GM_HALT, GM_NO_PRICE, GM_REDUCE, GM_REPLACE, GM_SET_LEVEL,
    GM_TRADE, gm_message_t,
)
from grandmodel.execution._core.scoring cimport Venues
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution._core.values import MarketDataError

cdef extern from "native_end.h":                # the last of what is included
    pass

cdef unsigned int PRINT_ACTIONS = 1 << GM_CLEAR | 1 << GM_TRADE | 1 << GM_EXECUTE_HIDDEN | 1 << GM_CROSS_TRADE | 1 << GM_HALT
cdef unsigned int LEVEL_ACTIONS = PRINT_ACTIONS | 1 << GM_SET_LEVEL
cdef unsigned int ORDER_ACTIONS = PRINT_ACTIONS | 1 << GM_ADD | 1 << GM_REDUCE | 1 << GM_DELETE | 1 << GM_EXECUTE | 1 << GM_REPLACE


cdef str _fault(const gm_message_t* m, int64_t tick_e9):
    """What is wrong with a message of a feed by order; None: nothing."""
    cdef bint adds = m.action == GM_ADD or m.action == GM_REPLACE, about = GM_REDUCE <= m.action <= GM_EXECUTE
    if m.action > 31 or not (ORDER_ACTIONS >> m.action) & 1:
        return f"action {m.action} is not one of a feed by order"
    if (adds or about) and m.order_id <= 0:
        return f"order id is {m.order_id}, must be positive"
    if m.side not in (-1, 0, 1) or (m.action == GM_ADD and m.side == 0):
        return f"side is {m.side}, must be 1 or -1"
    if m.quantity <= 0 and m.action not in (GM_DELETE, GM_HALT, GM_CLEAR):
        return f"quantity is {m.quantity}, must be positive"
    if (adds or (about and m.price_e9 != GM_NO_PRICE and m.action != GM_EXECUTE)) and (m.price_e9 <= 0 or m.price_e9 % tick_e9):
        return f"price {m.price_e9 / 1e9} is not on the tick of {tick_e9 / 1e9:g}"
    if m.price_e9 <= 0 and (m.action in (GM_TRADE, GM_EXECUTE_HIDDEN, GM_CROSS_TRADE) or (m.action == GM_EXECUTE and m.price_e9 != GM_NO_PRICE)):
        return f"price {m.price_e9 / 1e9} must be positive"
    return None


def row_moves(rows):
    """How each of a recording's rows differs from the one before it, for many markets that replay it: (n, 2) uint8 (include/replay.h)."""
    cdef const int64_t[:, :, ::1] grid = rows
    cdef uint8_t[:, ::1] view
    if grid.shape[2] != 4 or grid.shape[1] < 1:
        raise ValueError(f"rows has shape {rows.shape}, must be (n, levels, 4)")
    out = np.empty((grid.shape[0], 2), np.uint8)
    view = out
    if grid.shape[0]:
        with nogil:
            gm_replay_moves(&grid[0, 0, 0], grid.shape[0], <int32_t>grid.shape[1], &view[0, 0])
    return out


cdef class ReplayMarket(Market):
    """Replays one symbol's recorded messages at one venue.

    Parameters
    ----------
    venues : Venues; symbol, venue : names in its tables
    messages : (n,) structured array of MESSAGE_DTYPE, times not falling
    rows : (n, levels, 4) int64 or None: the recording's own book after each message, ask price, ask size, bid price, bid
        size (prices in 1e-9, an unused level NO_PRICE and 0). Given for a feed that shows its best levels only
    start_ns : the time at which the market begins, at or before the first message
    ticks : levels of the book's window, a power of two from 4096
    capacity : orders that may rest at once
    moves : `row_moves(rows)`, where several markets replay the same rows: they are compared once then

    Raises
    ------
    MarketDataError  naming the message whose time falls back, whose price is off the tick, or whose size is not positive
    """

    def __cinit__(self, Venues venues not None, str symbol not None, str venue not None, messages, rows=None, *, start_ns=None,
                  int ticks=1 << 16, int capacity=1 << 20, moves=None):
        cdef const unsigned char[::1] raw
        cdef const uint8_t[:, ::1] told
        cdef const int64_t[:, :, ::1] grid
        cdef const gm_message_t* table = NULL
        cdef const int64_t* cells = NULL
        cdef int64_t n, k, tick_e9, last, begin, halts = 0
        cdef int levels = 0
        cdef int32_t s = venues._symbol(symbol), v = venues.number(venue)
        if not isinstance(messages, np.ndarray) or messages.dtype != MESSAGE_DTYPE or messages.ndim != 1:
            raise TypeError("messages is not a one-dimensional array of MESSAGE_DTYPE")
        if ticks < 4096 or ticks > 1 << 26 or ticks & (ticks - 1):
            raise ValueError(f"ticks is {ticks}, must be a power of two from 4096 to 2**26")
        if not 1 <= capacity <= 1 << 28:
            raise ValueError(f"capacity is {capacity}, must be from 1 to 2**28")
        messages = np.ascontiguousarray(messages)
        n = messages.shape[0]
        if n:
            raw = messages.view(np.uint8)
            table = <const gm_message_t*>&raw[0]
        if rows is not None:
            rows = np.ascontiguousarray(rows, dtype=np.int64)
            if rows.ndim != 3 or rows.shape[2] != 4 or rows.shape[1] < 1 or rows.shape[0] != n:
                raise ValueError(f"rows has shape {rows.shape}, must be ({n}, levels, 4)")
            levels = rows.shape[1]
            grid = rows
            if n:
                cells = &grid[0, 0, 0]
        tick_e9 = venues.instruments.table.rows[s].tick_e9
        begin = (table[0].time_ns if n else 0) if start_ns is None else start_ns
        last = begin
        for k in range(n):
            if table[k].time_ns < last:
                raise MarketDataError(f"message {k + 1}: its time is before that of the message (or start) before it")
            last = table[k].time_ns
            halts += table[k].action == GM_HALT
            fault = _fault(&table[k], tick_e9)
            if fault is not None:
                raise MarketDataError(f"message {k + 1}: {fault}")
        self.replay = <gm_replay_t*>calloc(1, sizeof(gm_replay_t))
        if self.replay == NULL or gm_replay_init(self.replay, &venues.table, s, v, tick_e9, table, n, cells, levels, ticks,
                                                 capacity, begin) != 0:
            raise MemoryError("the replay's book could not be reserved")
        self.replay.halts = halts
        if rows is None and moves is not None:
            raise ValueError("moves are given, but no rows that they could be of")
        if rows is not None:
            told = moves = row_moves(rows) if moves is None else moves
            if told.shape[0] != n or told.shape[1] != 2:
                raise ValueError(f"moves has shape {moves.shape}, must be row_moves(rows)")
            if n:
                self.replay.moves = &told[0, 0]
        self._messages, self._rows, self._moves = messages, rows, moves
        self.venues = venues
        self.source = "replay"
        self.market = &self.replay.market

    def __dealloc__(self):
        if self.replay != NULL:
            gm_book_free(&self.replay.book)
            free(self.replay)

    def play(self, int64_t count=-1):
        """Lives through `count` messages (-1: all that are left) without an engine; how many there were."""
        cdef int64_t begin = self.replay.position, end = self.replay.count
        if count >= 0 and begin + count < end:
            end = begin + count
        if self.market.core != NULL:
            raise ValueError("this market stands behind an engine: advance the engine instead")
        with nogil:
            while self.replay.position < end:
                self.market.stop = 1                    # one message a call
                self.market.advance(self.market, self.replay.messages[self.replay.position].time_ns)
            self.market.stop = 0
        return self.replay.position - begin

    def depth(self, int levels=5):
        """The recorded layer's best levels: (bids, asks), each a list of (price_e9, quantity, orders)."""
        cdef int side
        cdef int64_t i
        out = ([], [])
        for side in range(2):
            i = self.replay.book.best[side]
            for _ in range(levels):
                if i < 0:
                    break
                level = self.replay.book.levels[side][i]
                out[side].append(((self.replay.book.base + i) * self.replay.tick_e9, level.quantity, level.count))
                i = gm_book_next(&self.replay.book, side, i)
        return out

    def queue_ahead(self, int64_t order_id):
        """Recorded shares before an own order in its queue; None when it does not rest."""
        ahead = gm_replay_ahead(self.replay, order_id)
        return None if ahead < 0 else ahead

    def state_hash(self):
        """An order-independent hash of what rests."""
        return gm_book_state_hash(&self.replay.book)

    def check_invariants(self):
        """AssertionError with the number of the broken invariant of the book."""
        broken = gm_book_check(&self.replay.book)
        if broken:
            raise AssertionError(f"invariant {broken}")

    @property
    def position(self):
        """Messages lived through."""
        return self.replay.position

    @property
    def count(self):
        """Messages of the whole recording."""
        return self.replay.count

    @property
    def counters(self):
        """How the book met the recording's rows: rows_equal, revealed, dropped and repaired levels, unknown orders; the recording's
        prints (`executions`, their quantity `executed`), and executions of an order that was not the first at the best price
        (`out_of_turn`)."""
        cdef gm_replay_t* r = self.replay
        return {
            "rows_equal": r.rows_equal, "revealed": r.revealed, "dropped": r.dropped, "repaired": r.repaired, "unknown": r.unknown,
            "executions": r.executions, "executed": r.executed, "out_of_turn": r.out_of_turn,
        }


#: Who cancelled when a level falls by more than was traded (include/level_replay.h); "power" with an exponent.
QUEUE_MODELS = {"risk_averse": 1, "power": 2, "log": 3}

cdef class LevelReplayMarket(Market):
    """Replays messages that tell of price levels, at one venue or several: where an own order stands in its level is a model's word.

    Parameters
    ----------
    venues : Venues, complete
    messages : (n,) structured array of MESSAGE_DTYPE, times not falling; `symbol` and `venue` are numbers of the tables. Actions
        SET_LEVEL, CLEAR, TRADE, EXECUTE_HIDDEN, CROSS_TRADE, HALT
    queue_model : "risk_averse" (only trades bring an order forward), "power" or "log" (f(x) = x**power or ln(1 + x) says how likely
        a cancellation was before or behind it); the formulas are those of hftbacktest's documentation
    power : 1 to 8, of the model "power"
    start_ns : the time at which the market begins, at or before the first message
    ticks : levels of a book's window, a power of two from 4096

    Raises
    ------
    MarketDataError  naming the message whose time falls back, or that is no level's
    """

    def __cinit__(self, Venues venues not None, messages, *, str queue_model="risk_averse", int power=2, start_ns=None, int ticks=1 << 16):
        cdef const unsigned char[::1] raw
        cdef const gm_message_t* table = NULL
        cdef int64_t n, k, last, begin
        cdef int code
        memset(&self.replay, 0, sizeof(self.replay))
        if not isinstance(messages, np.ndarray) or messages.dtype != MESSAGE_DTYPE or messages.ndim != 1:
            raise TypeError("messages is not a one-dimensional array of MESSAGE_DTYPE")
        if queue_model not in QUEUE_MODELS:
            raise ValueError(f"queue_model is {queue_model!r}, must be one of {', '.join(QUEUE_MODELS)}")
        if not 1 <= power <= 8:
            raise ValueError(f"power is {power}, must be from 1 to 8")
        if ticks < 4096 or ticks > 1 << 26 or ticks & (ticks - 1):
            raise ValueError(f"ticks is {ticks}, must be a power of two from 4096 to 2**26")
        messages = np.ascontiguousarray(messages)
        n = messages.shape[0]
        if n:
            raw = messages.view(np.uint8)
            table = <const gm_message_t*>&raw[0]
        begin = (table[0].time_ns if n else 0) if start_ns is None else start_ns
        if gm_level_replay_init(&self.replay, &venues.table, table, n, QUEUE_MODELS[queue_model], power, begin) != 0:
            raise MemoryError("the replay's books could not be reserved")
        last = begin
        for k in range(n):
            if table[k].time_ns < last:
                raise MarketDataError(f"message {k + 1}: its time is before that of the message (or start) before it")
            last = table[k].time_ns
            if not 0 <= table[k].symbol < venues.instruments.table.count or not 0 <= table[k].venue < venues.table.count:
                raise MarketDataError(f"message {k + 1}: symbol {table[k].symbol} or venue {table[k].venue} is not in the tables")
            if table[k].action > 31 or not (LEVEL_ACTIONS >> table[k].action) & 1:
                raise MarketDataError(f"message {k + 1}: action {table[k].action} is not one of a feed by level")
            if table[k].quantity < 0 or (table[k].action == GM_TRADE and (table[k].quantity == 0 or table[k].price_e9 <= 0)):
                raise MarketDataError(f"message {k + 1}: quantity {table[k].quantity} at {table[k].price_e9 / 1e9:g} cannot be")
            code = gm_level_open(&self.replay, table[k].symbol, table[k].venue,
                                 venues.instruments.table.rows[table[k].symbol].tick_e9, ticks, ticks)
            if code != 0:
                raise MemoryError("a replay's book could not be reserved")
        self._messages = messages
        self.venues = venues
        self.source = "replay"
        self.queue_model = queue_model
        self.market = &self.replay.market

    def __dealloc__(self):
        gm_level_replay_free(&self.replay)

    def play(self, int64_t count=-1):
        """Lives through `count` messages (-1: all that are left) without an engine; how many there were."""
        cdef int64_t begin = self.replay.position, end = self.replay.count
        if count >= 0 and begin + count < end:
            end = begin + count
        if self.market.core != NULL:
            raise ValueError("this market stands behind an engine: advance the engine instead")
        with nogil:
            while self.replay.position < end:
                self.market.stop = 1                    # one message a call
                self.market.advance(self.market, 0x7FFFFFFFFFFFFFFF)
            self.market.stop = 0
        return self.replay.position - begin

    def depth(self, str symbol, str venue, int levels=5):
        """The recorded book's best levels: (bids, asks), each a list of (price_e9, quantity)."""
        cdef gm_level_book_t* b = gm_level_book_of(&self.replay, self.venues._symbol(symbol), self.venues.number(venue))
        cdef int side
        cdef int64_t i
        if not 1 <= levels <= 1000:
            raise ValueError(f"levels is {levels}, must be from 1 to 1000")
        out = ([], [])
        if not b.used:
            return out
        for side in range(2):
            i = b.book.best[side]
            for _ in range(levels):
                if i < 0:
                    break
                out[side].append(((b.book.base + i) * b.tick_e9, b.book.levels[side][i].quantity))
                i = gm_book_next(&b.book, side, i)
        return out

    def queue_ahead(self, int64_t order_id, str symbol, str venue):
        """Recorded quantity before an own order, as the model has it; None when it does not rest there."""
        cdef gm_level_book_t* b = gm_level_book_of(&self.replay, self.venues._symbol(symbol), self.venues.number(venue))
        cdef int32_t k = gm_level_find(b, order_id)
        return None if k < 0 else b.own[k].ahead

    def check_invariants(self):
        """AssertionError with the number of the broken invariant of a book."""
        cdef int32_t s, v
        for s in range(self.venues.instruments.table.count):
            for v in range(self.venues.table.count):
                if gm_level_book_of(&self.replay, s, v).used:
                    broken = gm_levels_check(&gm_level_book_of(&self.replay, s, v).book)
                    if broken:
                        raise AssertionError(f"invariant {broken}")

    @property
    def position(self):
        """Messages lived through."""
        return self.replay.position

    @property
    def count(self):
        """Messages of the whole recording."""
        return self.replay.count

    @property
    def counters(self):
        """The recording's prints (`executions`, their quantity `executed`, those between the quotes whose side nobody told `aside`)
        and messages that did not fit their book (`problems`)."""
        cdef gm_level_replay_t* r = &self.replay
        return {"executions": r.executions, "executed": r.executed, "aside": r.aside, "problems": r.problems}
