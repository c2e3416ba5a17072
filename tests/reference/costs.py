"""Perold's implementation shortfall from its definition, in Python integers and fractions."""

import math
from fractions import Fraction

UNKNOWN = -(2**63)


def shortfall(side, ordered, decision, arrival, end, fees, fills, basis="fill"):
    """Parts in money (None where a price is missing); fills are (quantity, price) pairs."""
    filled = sum(q for q, _ in fills)
    open_quantity = ordered - filled

    def product(quantity, *prices):
        """quantity * (prices[0] - prices[1]); 0 if there is no quantity, whatever the prices."""
        if quantity == 0:
            return 0
        return None if UNKNOWN in prices else side * quantity * (prices[0] - prices[1])

    if basis == "fill":
        delay, opportunity = product(filled, arrival, decision), product(open_quantity, end, decision)
    else:
        delay, opportunity = product(ordered, arrival, decision), product(open_quantity, end, arrival)
    trading = [product(q, p, arrival) for q, p in fills]
    trading = None if None in trading else sum(trading)
    missing = decision == UNKNOWN or fees == UNKNOWN or (end == UNKNOWN and open_quantity)
    total = None if missing else paper_less_actual(side, ordered, decision, end, fees, fills)
    return {
        "delay": delay,
        "trading": trading,
        "opportunity": opportunity,
        "fees": None if fees == UNKNOWN else fees,
        "total": total,
    }


def paper_less_actual(side, ordered, decision, end, fees, fills):
    """Paper return less actual return. With everything filled the end price cancels, so any serves."""
    at = decision if end == UNKNOWN else end
    paper = side * ordered * (at - decision)
    actual = side * sum(q * (at - p) for q, p in fills) - fees
    return paper - actual


def bps(money, ordered, decision):
    if money is None or decision == UNKNOWN:
        return math.nan
    return float(Fraction(money * 10_000, ordered * decision))


def vwap(prices_e9, quantities):
    """In the currency; NaN without trades."""
    total = sum(quantities)
    if total == 0:
        return math.nan
    notional = sum(p * q for p, q in zip(prices_e9, quantities, strict=True))
    return float(Fraction(notional, total * 10**9))
