"""The pre-trade checks from their definitions alone: 17 CFR 240.15c3-5 (c)(1), worst case over open orders.

Worst case of a symbol: L = position + open buys (+ the order if it buys), W = position - open sells (- the order if
it sells), the larger of |L| and |W|. Exposure is worst case times mark times multiplier. Sector, gross (leverage) and
single-name (concentration) exposure are compared with their fractions of equity, equity being cash and positions at
mark. What does not raise the figure passes. Exact: integers and fractions only. Money is in 1e-9.
"""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Book:
    """What is held and open. symbols: {symbol: (sector, multiplier)}; quantities in steps, money in 1e-9."""

    symbols: dict
    cash_e9: int = 0
    positions: dict = field(default_factory=dict)
    open_orders: list = field(default_factory=list)  # (symbol, side, quantity, price_e9 or None)
    marks_e9: dict = field(default_factory=dict)
    traded_e9: int = 0
    orders: int = 0


def _worst(book, symbol, extra=()):
    long = short = book.positions.get(symbol, 0)
    for its, side, quantity, *_ in [*book.open_orders, *extra]:
        if its == symbol and side > 0:
            long += quantity
        elif its == symbol:
            short -= quantity
    return max(abs(long), abs(short))


def _exposure(book, symbol, extra=()):
    return _worst(book, symbol, extra) * book.marks_e9.get(symbol, 0) * book.symbols[symbol][1]


def failed(limits, book, symbol, side, quantity, price_e9):
    """The names of the failed checks. limits: the keywords of Limits.set, fractions as float."""
    sector, multiplier = book.symbols[symbol]
    order = [(symbol, side, quantity)]
    before, after = _worst(book, symbol), _worst(book, symbol, order)
    out = set()

    limit = (limits.get("positions") or {}).get(symbol, limits.get("default_position"))
    if limit is not None and after > limit and after > before:
        out.add("position")
    if (limit := limits.get("max_order_size")) is not None and quantity > limit:
        out.add("order_size")
    if (limit := limits.get("daily_orders")) is not None and book.orders + 1 > limit:
        out.add("daily_count")

    priced = {"notional": "max_notional_e9", "order_value": "max_order_value_e9", "daily_value": "daily_value_e9"}
    if any(limits.get(name) is not None for name in priced.values()) and price_e9 is None:
        out.add("price")
    elif price_e9 is not None:
        notional = quantity * price_e9 * multiplier
        open_value = sum(q * p * book.symbols[s][1] for s, _, q, p in book.open_orders if p is not None)
        used = {"notional": notional, "order_value": notional, "daily_value": book.traded_e9 + open_value + notional}
        for check, name in priced.items():
            if (limit := limits.get(name)) is not None and used[check] > limit:
                out.add(check)

    by_sector = (limits.get("sectors") or {}).get(sector, limits.get("default_sector"))
    sectors_on = limits.get("sectors") or limits.get("default_sector") is not None
    if not sectors_on and limits.get("max_leverage") is None and limits.get("max_concentration") is None:
        return out
    unmarked = [each for each in book.symbols if _worst(book, each) and each not in book.marks_e9]
    if unmarked or symbol not in book.marks_e9:
        if after > before:
            out.add("price")
        return out
    equity = book.cash_e9 + sum(
        quantity * book.marks_e9[each] * book.symbols[each][1] for each, quantity in book.positions.items() if quantity
    )
    gross = sum(_exposure(book, each, order) for each in book.symbols)
    mine = sum(_exposure(book, each, order) for each in book.symbols if book.symbols[each][0] == sector)
    alone = _exposure(book, symbol, order)
    if alone > _exposure(book, symbol):
        figures = (("sector", mine, by_sector), ("leverage", gross, limits.get("max_leverage")),
                   ("concentration", alone, limits.get("max_concentration")))  # fmt: skip
        for check, figure, fraction in figures:
            if fraction is not None and figure > max(0, equity) * Fraction(round(fraction * 1e9), 10**9):
                out.add(check)
    return out


def largest(limits, book, symbol, side, quantity, price_e9):
    """The largest quantity up to ``quantity`` that passes, by trying every one."""
    best = 0
    for each in range(1, quantity + 1):
        if failed(limits, book, symbol, side, each, price_e9):
            break
        best = each
    return best
