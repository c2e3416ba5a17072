# cython: language_level=3
"""Positions, open orders and cash, by account and symbol. Money is in 1e-9 of the currency, as Python integers."""
from libc.stdint cimport int32_t, int64_t

from grandmodel.execution._core.instruments cimport GM_MAX_PRICE_E9, GM_MAX_QUANTITY, Instruments
from grandmodel.execution._core.records cimport GM_NO_PRICE


cdef class Portfolio:
    """What an engine holds: it is moved by fills and open orders only, and starts from its opening positions."""

    def __cinit__(self, Instruments instruments not None):
        self.instruments = instruments
        if gm_portfolio_init(&self.table, &instruments.table) != 0:
            raise MemoryError("the portfolio could not be reserved")

    def __dealloc__(self):
        gm_portfolio_free(&self.table)

    cdef int32_t _account(self, account) except -1:
        if isinstance(account, bool) or not isinstance(account, int) or not 0 <= account < GM_MAX_ACCOUNTS:
            raise ValueError(f"account is {account!r}, must be an int from 0 to {GM_MAX_ACCOUNTS - 1}")
        return account

    cdef int32_t _symbol(self, symbol) except -1:
        number = self.instruments.symbols.numbers.get(symbol)
        if number is None:
            raise KeyError(f"symbol {symbol!r} is not in the instrument table")
        return number

    def open_account(self, account, cash_e9):
        """Sets an account's cash (1e-9); before any order."""
        cdef int32_t a = self._account(account)
        if isinstance(cash_e9, bool) or not isinstance(cash_e9, int) or abs(cash_e9) >= 1 << 96:
            raise ValueError(f"cash_e9 is {cash_e9!r}, must be an int below 2**96 in size")
        self.table.accounts[a].cash = int_to_i128(cash_e9)
        if a >= self.table.account_count:
            self.table.account_count = a + 1

    def open_position(self, symbol, quantity, account=0, mark_e9=None):
        """Sets an opening position in steps (it moves no cash); `mark_e9` its mark, if one is known."""
        cdef int32_t a = self._account(account), s = self._symbol(symbol)
        if isinstance(quantity, bool) or not isinstance(quantity, int) or abs(quantity) > GM_MAX_QUANTITY:
            raise ValueError(f"quantity of {symbol!r} is {quantity!r}, must be an int up to {GM_MAX_QUANTITY} in size")
        if mark_e9 is not None:
            self.mark(symbol, mark_e9)
        gm_position_of(&self.table, a, s).quantity = quantity
        gm_portfolio_reserve(&self.table, a, s, 1, 0, GM_NO_PRICE, 1)

    def open_day(self, account=0, traded_e9=0, orders=0, open_orders=0):
        """Sets what an account has done today already: notional traded in 1e-9, orders sent; and how many of them are open."""
        cdef int32_t a = self._account(account)
        if isinstance(traded_e9, bool) or not isinstance(traded_e9, int) or not 0 <= traded_e9 < 1 << 96:
            raise ValueError(f"traded_e9 is {traded_e9!r}, must be an int from 0 to 2**96")
        if isinstance(orders, bool) or not isinstance(orders, int) or not 0 <= orders < 1 << 62:
            raise ValueError(f"orders is {orders!r}, must be an int from 0 to 2**62")
        if isinstance(open_orders, bool) or not isinstance(open_orders, int) or not 0 <= open_orders < 1 << 62:
            raise ValueError(f"open_orders is {open_orders!r}, must be an int from 0 to 2**62")
        self.table.accounts[a].traded = int_to_i128(traded_e9)
        self.table.accounts[a].orders_today = orders
        self.table.accounts[a].open_orders = open_orders

    def mark(self, symbol, mark_e9):
        """Sets a symbol's mark in 1e-9; exposures follow at the next look."""
        cdef int32_t s = self._symbol(symbol)
        if isinstance(mark_e9, bool) or not isinstance(mark_e9, int) or not 0 < mark_e9 < GM_MAX_PRICE_E9:
            raise ValueError(f"mark_e9 of {symbol!r} is {mark_e9!r}, must be an int between 0 and {GM_MAX_PRICE_E9}")
        gm_portfolio_mark(&self.table, s, mark_e9)

    def reserve(self, symbol, side, quantity, price_e9=None, account=0, release=False):
        """Counts (or, with release, uncounts) an open order: side +1 buy, -1 sell; quantity in steps."""
        if side not in (1, -1) or quantity <= 0:
            raise ValueError(f"side is {side!r} and quantity {quantity!r}, must be +1 or -1 and positive")
        gm_portfolio_reserve(&self.table, self._account(account), self._symbol(symbol), side, quantity,
                             GM_NO_PRICE if price_e9 is None else price_e9, -1 if release else 1)

    def note(self, symbol, int side, int64_t quantity, price_e9=None, *, int64_t time_ns, int64_t window_ns=0, account=0):
        """Notes an order that was accepted, as the engine does: one message, and what another may repeat within `window_ns`."""
        cdef int32_t a = self._account(account), s = self._symbol(symbol)
        if side not in (1, -1) or quantity <= 0:
            raise ValueError(f"side is {side!r} and quantity {quantity!r}, must be +1 or -1 and positive")
        gm_activity_message(&self.table.activity, a, time_ns)
        gm_activity_order(&self.table.activity, a, s, side, quantity, GM_NO_PRICE if price_e9 is None else price_e9, window_ns, time_ns)

    def settle(self):
        """Takes in the marks that moved since the last look."""
        gm_portfolio_settle(&self.table)

    def position(self, symbol, account=0):
        """(quantity, open_buy, open_sell) in steps."""
        cdef gm_position_t* x = gm_position_of(&self.table, self._account(account), self._symbol(symbol))
        return (x.quantity, x.open_buy, x.open_sell)

    def positions(self, account=0):
        """Symbols with a position or open orders: {symbol: (quantity, open_buy, open_sell)}."""
        return self._held(gm_position_of(&self.table, self._account(account), 0))

    cdef dict _held(self, const gm_position_t* rows):
        cdef int32_t s
        result = {}
        for s in range(self.instruments.table.count):
            if rows[s].quantity or rows[s].open_buy or rows[s].open_sell:
                result[self.instruments.symbols.texts[s]] = (rows[s].quantity, rows[s].open_buy, rows[s].open_sell)
        return result

    def account(self, account=0):
        """An account's totals in 1e-9: cash, equity, gross and net exposure, traded and reserved notional; orders today, and open;
        messages ever sent; recent orders that the table of repetitions had to let go within its window (of all accounts)."""
        cdef int32_t a = self._account(account)
        gm_portfolio_settle(&self.table)
        return self._figures(&self.table.accounts[a], a)

    cdef dict _figures(self, const gm_account_t* row, int32_t account):
        cdef int32_t k = 0
        cash = i128_to_int(row.cash)
        return {
            "cash_e9": cash, "equity_e9": cash + i128_to_int(row.value), "gross_exposure_e9": i128_to_int(row.gross),
            "net_exposure_e9": i128_to_int(gm_net(row.longest, row.shortest)), "traded_e9": i128_to_int(row.traded),
            "reserved_e9": i128_to_int(row.reserved), "orders_today": row.orders_today, "open_orders": row.open_orders,
            "unmarked_symbols": row.unmarked,
            "messages": self.table.activity.counts[account], "forgotten_orders": self.table.activity.forgotten,
            "sector_exposure_e9": {
                name: i128_to_int(row.sector[k]) for k, name in enumerate(self.instruments.sectors.texts)
                if i128_to_int(row.sector[k])
            },
        }
