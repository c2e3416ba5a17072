"""The market around somebody else's fills: quotes and trades of files, by a map of their columns."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .._core.costs import PRICE_UNKNOWN
from .arrow import Array, numbered
from .benchmarks import Trades, read_trades
from .columns import Quotes
from .foreign_map import ForeignMap
from .foreign_read import ForeignError, ForeignTable, read_file

__all__ = ["Market", "best_of_venues", "read_market"]


def best_of_venues(venue: Array, bid_e9: Array, ask_e9: Array) -> tuple[Array, Array]:
    """The best bid and ask over the last quote of each venue, after each row, in the order of time; a side that is not
    positive is not there. (n,) int64 each, PRICE_UNKNOWN where no venue has the side."""
    rows = np.arange(len(venue))
    bid, ask = np.full(len(venue), PRICE_UNKNOWN), np.full(len(venue), np.iinfo(np.int64).max)
    for v in np.unique(venue):
        last = np.maximum.accumulate(np.where(venue == v, rows, -1))
        b, a = bid_e9[np.maximum(last, 0)], ask_e9[np.maximum(last, 0)]
        bid = np.where((last >= 0) & (b > 0), np.maximum(bid, b), bid)
        ask = np.where((last >= 0) & (a > 0), np.minimum(ask, a), ask)
    return bid, np.where(ask == np.iinfo(np.int64).max, PRICE_UNKNOWN, ask)


@dataclass(slots=True)
class Market:
    """Quotes and trades, as far as there are any. `findings`: what is odd about them, the table, and its rows."""

    quotes: Quotes | None = None
    trades: Trades | None = None
    findings: list[tuple[str, ForeignTable, Array]] = field(default_factory=list)

    def join(self, at_ns: Array, symbols: list[str], horizons_ns: list[int]) -> tuple[Array, Array, Array]:
        """As `Quotes.at`, by the symbols' names; without symbols in the data all are one."""
        assert self.quotes is not None
        known = self.quotes.symbols
        if known == {"": 0}:
            return self.quotes.at(at_ns, np.zeros(len(symbols), np.int64), horizons_ns)
        if symbols and not any(symbols):
            raise ForeignError(f"quotes are of {len(known)} symbols, but no column tells the orders' symbols")
        numbers = np.array([known.get(symbol, len(known)) for symbol in symbols], np.int64)
        return self.quotes.at(at_ns, numbers, horizons_ns)

    def mids(self, at_ns: Array, symbols: list[str]) -> Array:
        mid: Array = self.join(at_ns, symbols, [0])[0][:, 0]
        return mid


def read_market(
    plan: ForeignMap, quotes: str | os.PathLike[str] | None, trades: str | os.PathLike[str] | None
) -> Market:
    """Reads the files; rows that cannot be are left out and noted."""
    market = Market()
    if quotes is not None:
        _read_quotes(market, read_file(Path(quotes), plan.quotes))
    if trades is not None:
        _read_trades(market, read_file(Path(trades), plan.trades), plan)
    return market


def _symbol(table: ForeignTable) -> tuple[Array, dict[str, int]]:
    if "symbol" not in table:
        return np.zeros(len(table), np.int64), {"": 0}
    codes, texts = numbered(table.texts("symbol"))
    return codes, {text: k for k, text in enumerate(texts)}


def _read_quotes(market: Market, table: ForeignTable) -> None:
    at, timed, _ = table.times("time")
    (bid, has_bid), (ask, has_ask) = table.decimals("bid"), table.decimals("ask")
    bid, ask = np.where(has_bid, bid, PRICE_UNKNOWN), np.where(has_ask, ask, PRICE_UNKNOWN)
    note = market.findings.append
    note(("quote with a time that cannot be read", table, ~timed))
    note(("quote without a bid or an ask", table, (bid < 1) | (ask < 1)))
    note(("crossed quote", table, (bid > 0) & (ask > 0) & (bid > ask)))
    symbol, names = _symbol(table)
    order = np.lexsort((at, symbol))
    order = order[timed[order]]
    at, bid, ask, symbol = at[order], bid[order], ask[order], symbol[order]
    if "venue" in table:
        venue, _ = numbered(table.texts("venue"))
        for s in range(len(names)):
            mine = symbol == s
            bid[mine], ask[mine] = best_of_venues(venue[order][mine], bid[mine], ask[mine])
    market.quotes = Quotes(at, bid, ask, symbol, names)


def _read_trades(market: Market, table: ForeignTable, plan: ForeignMap) -> None:
    at, timed, _ = table.times("time")
    (price, priced), (quantity, known) = table.decimals("price"), table.whole("quantity", plan.quantity_step)
    good = timed & priced & known & (price > 0) & (quantity > 0)
    market.findings.append(("trade without a time, a price or a quantity above 0", table, ~good))
    symbol, names = _symbol(table)
    rows = {"time_ns": at[good], "price_e9": price[good], "quantity": quantity[good], "symbol": symbol[good]}
    read = read_trades(rows)
    there = {name: read.symbols[str(k)] for name, k in names.items() if str(k) in read.symbols}
    market.trades = read._replace(symbols=there)
