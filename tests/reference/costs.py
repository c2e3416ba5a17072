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


def half_even(numerator):
    """numerator / 2, half to even."""
    return round(Fraction(numerator, 2))


def fill_measures(side, fills, horizons):
    """Spread and markouts of one order's fills: dicts with quantity, price, bid, ask (None without quotes), mids.

    By the formulas: spread cost = s sum q (p - m), capture = that, earned, over sum q half spread; markout of a
    horizon = sum of notional times s (m - p) / p over the sum of notional, each over the fills where it is known.
    """
    notional = sum(f["quantity"] * f["price"] for f in fills)

    def ratio(a, b):
        return float(Fraction(a) / b) if b else math.nan

    out = {"markout_bps": [], "marked_share": []}
    quoted = [f for f in fills if f["bid"] is not None and 0 < f["bid"] <= f["ask"]]
    money = sum(f["quantity"] * f["price"] for f in quoted)
    cost = sum(side * f["quantity"] * (f["price"] - Fraction(f["bid"] + f["ask"], 2)) for f in quoted)
    there = sum(f["quantity"] * Fraction(f["ask"] - f["bid"], 2) for f in quoted)
    out["spread_cost_e9"] = half_even(2 * cost) if quoted else UNKNOWN
    out["spread_cost_bps"] = ratio(cost * 10_000, money)
    out["spread_capture"] = ratio(-cost, there)
    out["quoted_share"] = ratio(money, notional)
    for k in range(horizons):
        marked = [f for f in fills if f["mids"][k] > 0]
        money = sum(f["quantity"] * f["price"] for f in marked)
        gains = sum(
            f["quantity"] * f["price"] * Fraction(side * (f["mids"][k] - f["price"]), f["price"]) for f in marked
        )
        out["markout_bps"].append(ratio(gains * 10_000, money))
        out["marked_share"].append(ratio(money, notional))
    return out
