"""What columns of orders are held against, from the market's trades: interval and session prices, the index's move.

The figures are those of a journal's orders (order_benchmarks.py, with their sources), but for two things that a table
of trades cannot know: own trades are not told from others', and the table has no begin and end of its own. So a
session's open (close) is known where there is any trade, of any symbol, within five minutes of it (this project's
choice).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._core import costs
from .._core.costs import ShortfallColumns
from .arrow import Array
from .benchmarks import (
    Trades,
    currency,
    interval_prices,
    market_adjusted_bps,
    participation_weighted_price,
    price_percentile,
    read_trades,
)
from .columns import Quotes, Table, as_numbers, prices, symbol_numbers, times
from .references import References
from .session_prices import SESSION, Tape, given_closes, session_prices

__all__ = ["PARTICIPATION", "order_benchmarks"]

#: Of PWP: the market's first ten times its quantity.
PARTICIPATION = 0.1
#: A session's begin or end is within the trades where there is one so near to it.
EDGE_NS = 300 * 10**9


class Benchmarks(NamedTuple):
    """`prices_e9`: what the average is compared with, by name; `more`: other columns."""

    prices_e9: dict[str, Array]
    more: dict[str, Array]


def order_benchmarks(
    table: Table, side: Array, quantity: Array, shortfall: ShortfallColumns, source: object, quotes: Quotes | None,
    known: References,
) -> Benchmarks:  # fmt: skip
    """Of orders with `arrival_time` and `end_time`: what traded between (VWAP, TWAP, PWP), and in the session of the
    `decision_time` (of the arrival, without one).

    Raises
    ------
    ValueError  the orders lack the times, or `symbol` while the trades have several
    """
    trades = source if isinstance(source, Trades) else read_trades(source)
    begin, end = (times(table, "orders", name) for name in ("arrival_time", "end_time"))
    if begin is None or end is None:
        raise ValueError(f"trades ask for orders' arrival_time and end_time; there are {', '.join(table)}")
    decided = times(table, "orders", "decision_time")
    symbol = np.zeros(len(begin), np.int64)
    if trades.symbols != {"": 0}:
        if "symbol" not in table:
            raise ValueError(f"trades have symbols, but orders have no column 'symbol'; they have {', '.join(table)}")
        symbol = as_numbers(table["symbol"], trades.symbols)
    market = interval_prices(trades, symbol, begin, end)
    share = np.where(market.quantity > 0, shortfall.filled_quantity / np.maximum(market.quantity, 1), np.nan)
    percentile = price_percentile(trades, symbol, begin, end, side, shortfall.average_price)
    found = Benchmarks(
        {"vwap": market.vwap_e9, "twap": market.twap_e9,
         "pwp": participation_weighted_price(trades, symbol, begin, quantity, PARTICIPATION)},
        {"market_quantity": market.quantity, "participation": share, "price_percentile": percentile},
    )  # fmt: skip
    found.prices_e9.update(_session(trades, symbol, begin if decided is None else decided, known))
    if known.index is not None:
        found.more.update(_index(table, side, shortfall, trades, quotes, begin, end, known))
    return found


def _tapes(trades: Trades) -> Callable[[int], Tape | None]:
    every = np.sort(trades.time_ns)

    def covers(time_ns: int) -> bool:
        near = np.searchsorted(every, (time_ns - EDGE_NS, time_ns + EDGE_NS + 1))
        return bool(near[1] > near[0])

    def of(number: int) -> Tape | None:
        if number >= len(trades.begin) - 1:
            return None
        rows = slice(int(trades.begin[number]), int(trades.begin[number + 1]))
        return Tape(trades.time_ns[rows], trades.price_e9[rows], trades.auction[rows], covers)

    return of


def _session(trades: Trades, symbol: Array, decided: Array, known: References) -> dict[str, Array]:
    texts = {number: text for text, number in trades.symbols.items()}

    def calendar(number: int) -> str:
        return known.calendars.get(texts.get(number, ""), "XNYS")

    closes = {trades.symbols[text]: e9 for text, e9 in known.previous_closes_e9.items() if text in trades.symbols}
    first = int(decided.min()) if len(decided) else 0
    told = session_prices(symbol, decided, _tapes(trades), calendar, given_closes(closes, first, calendar))
    return dict(zip(SESSION, told[:3], strict=True))


def _index(
    table: Table, side: Array, shortfall: ShortfallColumns, trades: Trades, quotes: Quotes | None, begin: Array,
    end: Array, known: References,
) -> dict[str, Array]:  # fmt: skip
    """Market-adjusted cost. The index at arrival is its mid where the quotes have it, else its last trade then."""
    n = len(begin)
    arrival, vwap = np.full(n, np.nan), np.full(n, np.nan)
    if known.index in trades.symbols:
        number = np.full(n, trades.symbols[known.index])
        vwap = currency(interval_prices(trades, number, begin, end).vwap_e9)
        arrival = _index_arrival(trades, number, quotes, begin, known.index)
    beta = np.full(n, np.nan)
    if "symbol" in table:
        codes, names = symbol_numbers(table["symbol"])
        beta = np.array([known.betas.get(word, np.nan) for word in names] or [np.nan])[codes]
    paid = prices(table, "arrival", "orders")
    own = np.full(n, np.nan) if paid is None else currency(paid)
    cost = costs.vwap_slippage(side, shortfall.average_price, own)
    return {"beta": beta, "market_adjusted_bps": market_adjusted_bps(side, cost, beta, arrival, vwap)}


def _index_arrival(trades: Trades, number: Array, quotes: Quotes | None, begin: Array, index: str) -> Array:
    if quotes is not None and index in quotes.symbols:
        mid, _, _ = quotes.at(begin, np.full(len(begin), quotes.symbols[index]), [0])
        return currency(mid[:, 0])
    row = trades.rows(number, begin, "right") - 1
    first = trades.begin[number]
    return np.where(row >= first, currency(trades.price_e9[np.maximum(row, first)]), np.nan)
