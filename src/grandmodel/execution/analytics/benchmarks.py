"""What orders are measured against, from the market's trades and quotes: interval VWAP and TWAP, PWP, reversion.

All take columns of n orders and give columns of n; what the data cannot tell is PRICE_UNKNOWN or NaN. Sums are exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core import costs
from .._core.costs import PRICE_UNKNOWN
from .arrow import Array
from .columns import Quotes, integers, prices, read_table, symbol_numbers, times

__all__ = [
    "Interval", "Trades", "currency", "interval_prices", "market_adjusted_bps", "participation_weighted_price",
    "price_percentile", "read_trades", "reversion_bps",
]  # fmt: skip

def currency(e9: Array) -> Array:
    """(n,) prices in the currency, of those in 1e-9; NaN where unknown."""
    return np.where(e9 == PRICE_UNKNOWN, np.nan, e9 / 1e9)


_HALF = np.int64(32)
_LOW = np.int64((1 << 32) - 1)


class Trades(NamedTuple):
    """Trades by symbol and time. `begin`: where each symbol's trades begin; `symbols`: the numbers of names; `auction`:
    which of them an auction made."""

    time_ns: Array
    price_e9: Array
    quantity: Array
    begin: Array
    symbols: dict[str, int]
    # Sums of quantity, and of money in two words (high, low 32 bits), before each row: differences of them are exact.
    quantity_before: Array
    high_before: Array
    low_before: Array
    auction: Array

    def money(self, first: Array, last: Array) -> list[int]:
        """Sum of price times quantity over rows [first, last), exactly."""
        high = self.high_before[last] - self.high_before[first]
        low = self.low_before[last] - self.low_before[first]
        return [(h << 32) + w for h, w in zip(high.tolist(), low.tolist(), strict=True)]

    def rows(self, symbol: Array, at_ns: Array, side: str) -> Array:
        """For each symbol and time the row before which everything is earlier ("left") or not later ("right")."""
        out = np.empty(len(at_ns), np.int64)
        order = np.argsort(symbol, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(symbol[order])) + 1):
            if len(part):
                s = int(symbol[part[0]])
                begin, end = (int(self.begin[s]), int(self.begin[s + 1])) if s < len(self.begin) - 1 else (0, 0)
                out[part] = begin + np.searchsorted(self.time_ns[begin:end], at_ns[part], side)  # type: ignore[call-overload]
        return out


def read_trades(source: object) -> Trades:
    """Trades of a table with `time`, `price`, `quantity` and, for several, `symbol`; sorted where they are not. With
    `auction`, true or not 0 where an auction made the trade, a session's open and close are its auctions'.

    Raises
    ------
    TypeError, ValueError   a column is missing or of the wrong kind, a price or quantity is not above 0, or a trade's
        money does not fit into int64.
    """
    table = read_table(source, "trades")
    at, price = times(table, "trades", "time"), prices(table, "price", "trades", required=True)
    if at is None or "quantity" not in table:
        raise ValueError(f"trades need columns time (or time_ns), price and quantity; there are {', '.join(table)}")
    assert price is not None
    quantity = integers(table["quantity"], "trades['quantity']")
    for name, column in (("price", price), ("quantity", quantity)):
        if (column < 1).any():
            raise ValueError(f"trades[{name!r}], row {(column < 1).argmax()}, is missing or not above 0")
    if (price.astype(float) * quantity >= 2.0**63).any():
        raise ValueError("a trade's price times quantity does not fit into int64 (9.2e9 of the currency)")
    symbol, names = np.zeros(len(at), np.int64), {"": 0}
    if "symbol" in table:
        symbol, names = symbol_numbers(table["symbol"])
    auction = np.zeros(len(at), bool)
    if "auction" in table:
        told = table["auction"]
        if told.kind != "number":
            raise TypeError(f"trades['auction'] holds {told.kind}s, must hold 0 and 1")
        auction = (told.values != 0) & (True if told.valid is None else told.valid)
    order = np.lexsort((at, symbol))
    at, price, quantity, symbol, auction = at[order], price[order], quantity[order], symbol[order], auction[order]
    money = price * quantity

    def before(values: Array) -> Array:
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])

    begin = np.searchsorted(symbol, np.arange(len(names) + 1))
    sums = before(quantity), before(money >> _HALF), before(money & _LOW)
    return Trades(at, price, quantity, begin, names, *sums, auction)


class Interval(NamedTuple):
    """The market from each order's begin to its end, both included. `vwap_e9`, `twap_e9`: PRICE_UNKNOWN without trades
    (TWAP: each trade's price stands until the next; what traded last before the begin stands there)."""

    vwap_e9: Array
    twap_e9: Array
    quantity: Array
    trades: Array


def _ratio(money: list[int], quantity: Array) -> Array:
    """Nearest 1e-9, half up."""
    told = [(2 * m + q) // (2 * q) if q > 0 else PRICE_UNKNOWN for m, q in zip(money, quantity.tolist(), strict=True)]
    return np.array(told, np.int64)


def _product(price_e9: Array, held: Array, span: int) -> int:
    """The sum of price times time held, exactly: of sixteen bits of the prices at a time, while that has 64 bits."""
    if span < 1 << 46:
        return sum(int(((price_e9 >> bits) & 0xFFFF) @ held) << bits for bits in (0, 16, 32, 48))
    return sum(p * h for p, h in zip(price_e9.tolist(), held.tolist(), strict=True))


def interval_prices(trades: Trades, symbol: Array, begin_ns: Array, end_ns: Array) -> Interval:
    """Interval VWAP and TWAP of each order's time in the market.

    Source: R. Kissell, The Science of Algorithmic Trading and Portfolio Management (2013), chapter 3.
    """
    first, last = trades.rows(symbol, begin_ns, "left"), trades.rows(symbol, end_ns, "right")
    last = np.maximum(first, last)
    quantity = trades.quantity_before[last] - trades.quantity_before[first]
    vwap = _ratio(trades.money(first, last), quantity)
    twap = np.full(len(symbol), PRICE_UNKNOWN)
    for k in range(len(symbol)):
        s, a, b = int(symbol[k]), int(first[k]), int(last[k])
        if s < len(trades.begin) - 1 and a > trades.begin[s]:
            a -= 1
        span = int(end_ns[k]) - (max(int(trades.time_ns[a]), int(begin_ns[k])) if a < b else 0)
        if a < b and span == 0:
            twap[k] = trades.price_e9[b - 1]
        elif a < b:
            edges = np.append(trades.time_ns[a:b], end_ns[k])
            held = np.diff(np.maximum(edges, begin_ns[k]))
            twap[k] = (2 * _product(trades.price_e9[a:b], held, span) + span) // (2 * span)
    return Interval(vwap, twap, quantity, last - first)


def participation_weighted_price(
    trades: Trades, symbol: Array, begin_ns: Array, order_quantity: Array, participation: float
) -> Array:
    """PWP: the VWAP of the first S / p shares printed from each order's begin on, of the last trade what is needed.
    1e-9, PRICE_UNKNOWN where fewer were printed.

    Source: R. Kissell, The Science of Algorithmic Trading and Portfolio Management (2013), chapter 3.
    """
    if isinstance(participation, bool) or not 0.0 < participation <= 1.0:
        raise ValueError(f"participation is {participation!r}, must be > 0 and <= 1")
    first = trades.rows(symbol, begin_ns, "left")
    wanted = np.ceil(order_quantity / participation).astype(np.int64)
    goal = trades.quantity_before[first] + wanted
    end = trades.begin[np.minimum(symbol + 1, len(trades.begin) - 1)]
    last = np.searchsorted(trades.quantity_before, goal, "left")  # as many trades as it takes
    enough = (last <= end) & (symbol < len(trades.begin) - 1) & (wanted > 0)
    last = np.where(enough, last, first)
    over = trades.quantity_before[last] - goal
    money = [
        m - (int(trades.price_e9[b - 1]) * o if b > a else 0)
        for m, a, b, o in zip(trades.money(first, last), first.tolist(), last.tolist(), over.tolist(), strict=True)
    ]
    return np.where(enough, _ratio(money, np.where(enough, wanted, 0)), PRICE_UNKNOWN)


def price_percentile(
    trades: Trades, symbol: Array, begin_ns: Array, end_ns: Array, side: Array, average_price: Array
) -> Array:
    """Share of the interval's quantity, in percent, that traded at a worse price than the order's average (half of what
    traded at it): 100 is the best that could be had. NaN without trades or fills."""
    first, last = trades.rows(symbol, begin_ns, "left"), trades.rows(symbol, end_ns, "right")
    out = np.full(len(symbol), np.nan)
    paid = np.rint(average_price * 1e9)
    for k in np.flatnonzero((last > first) & np.isfinite(average_price)).tolist():
        rows = slice(first[k], last[k])
        worse = side[k] * (trades.price_e9[rows] - paid[k])
        share = trades.quantity[rows][worse > 0].sum() + trades.quantity[rows][worse == 0].sum() / 2
        out[k] = 100.0 * share / (trades.quantity_before[last[k]] - trades.quantity_before[first[k]])
    return out


def market_adjusted_bps(side: Array, arrival_bps: Array, beta: Array, index_arrival: Array, index_vwap: Array) -> Array:
    """Arrival cost less what the market's own move explains: cost - beta * s (index VWAP / index at arrival - 1), in
    basis points. NaN where one of them is not known.

    Source: CFA Institute, Trade Strategy and Execution, Level III curriculum (market-adjusted cost).
    """
    vwap, arrival = np.asarray(index_vwap, float), np.asarray(index_arrival, float)
    index = costs.vwap_slippage(np.asarray(side, np.int64), vwap, arrival)
    adjusted: Array = np.asarray(arrival_bps, float) - np.asarray(beta, float) * index
    return adjusted


def reversion_bps(quotes: Quotes, symbol: Array | None, side: Array, end_ns: Array, horizon_ns: int) -> Array:
    """s (m(end + h) - m(end)) / m(end) in basis points: negative where the price came back after the order, as impact
    does that was only for the moment. NaN where a mid is not known."""
    mid, _, _ = quotes.at(end_ns, symbol, [0, horizon_ns])
    known = (mid != PRICE_UNKNOWN).all(axis=1)
    then, later = (np.where(known, mid[:, k], 1) for k in (0, 1))
    return np.where(known, side * (later - then) / then * 1e4, np.nan)
