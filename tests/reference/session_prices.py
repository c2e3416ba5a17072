"""Open and close of a session from its definition, print by print, and the market-adjusted cost from its formula."""

from fractions import Fraction

HALF_HOUR = 1800 * 10**9


def opening(prints, open_ns, close_ns):
    """Of (time, price, auction) in order of time: the first auction within half an hour of the open, else the first
    print of the session; None without any."""
    for time, price, auction in prints:
        if auction and open_ns <= time <= min(open_ns + HALF_HOUR, close_ns):
            return price
    inside = [price for time, price, _ in prints if open_ns <= time <= close_ns]
    return inside[0] if inside else None


def closing(prints, open_ns, close_ns):
    """The last auction within half an hour of the close, not before the open, else the last print of the session."""
    begin = max(close_ns - HALF_HOUR, open_ns)
    auctions = [price for time, price, auction in prints if auction and begin <= time <= close_ns + HALF_HOUR]
    if auctions:
        return auctions[-1]
    inside = [price for time, price, _ in prints if open_ns <= time <= close_ns]
    return inside[-1] if inside else None


def market_adjusted_bps(side, average, arrival, beta, index_prints, index_arrival):
    """Arrival cost less beta times side (index VWAP / index at arrival - 1); prints of the index: (price, quantity)."""
    vwap = Fraction(sum(p * q for p, q in index_prints), sum(q for _, q in index_prints))
    cost = side * (Fraction(average) / Fraction(arrival) - 1)
    index = side * (vwap / index_arrival - 1)
    return float((cost - Fraction(beta) * index) * 10_000)
