"""One order and its executions by the amended Rule 605's measures, in plain Python, from their definitions."""

from fractions import Fraction


def kind(order_type, tif, side, limit, bid, ask):
    """Of a market (1) or limit (2) order that met a quote; None: not covered."""
    if not 0 < bid < ask or tif in (4, 6, 7):
        return None
    if order_type == 1:
        return "marketable IOC" if tif == 3 else "market"
    far = ask if side > 0 else bid
    if side * (limit - far) >= 0:
        return "marketable IOC" if tif == 3 else "marketable limit"
    return "beyond the midpoint" if side * (limit - Fraction(bid + ask, 2)) > 0 else "executable limit"


def executable_at(side, limit, quotes, begin, end):
    """The first instant from begin to end at which the best price of the order's own side is at its limit or worse;
    quotes are (time, bid, ask) in order of time, each good until the next."""
    standing = None
    for time, bid, ask in quotes:
        own = bid if side > 0 else ask
        if time > end:
            break
        if time <= begin:
            standing = own
            continue
        if standing is not None and standing > 0 and side * (limit - standing) >= 0:
            return begin
        standing = None
        if own > 0 and side * (limit - own) >= 0:
            return time
    return begin if standing is not None and standing > 0 and side * (limit - standing) >= 0 else None


def lot(shares, mid):
    size = 100 if mid <= 250 else 40 if mid <= 1000 else 10 if mid <= 10_000 else 1
    return "fraction" if shares < 1 else "odd lot" if shares < size else "round lot"


def dollars(shares, mid):
    edges = (0, 250, 1_000, 5_000, 10_000, 20_000, 50_000, 200_000)
    low = max(edge for edge in edges if edge <= shares * mid)
    return "200000+" if low == 200_000 else f"{low}-{edges[edges.index(low) + 1]}"


def percentile(pairs, share):
    """The least value that at least `share` of the weight does not exceed, of (value, weight)."""
    total, seen = sum(weight for _, weight in pairs), 0
    for value, weight in sorted(pairs):
        seen += weight
        if seen >= share * total:
            return value
    return None
