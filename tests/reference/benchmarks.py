"""Interval prices from their definitions, trade by trade; trades are (time, price, quantity) in order of time."""

import math
from fractions import Fraction

UNKNOWN = -(2**63)


def nearest(x):
    """To the nearest integer, half up."""
    return math.floor(x + Fraction(1, 2))


def vwap(trades, begin, end):
    mine = [(p, q) for t, p, q in trades if begin <= t <= end]
    quantity = sum(q for _, q in mine)
    return (nearest(Fraction(sum(p * q for p, q in mine), quantity)) if quantity else UNKNOWN), quantity


def twap(trades, begin, end):
    """Each price stands until the next trade; before the first trade there is none."""
    standing = [(max(t, begin), p) for t, p, _ in trades if t <= end]
    before = [(begin, p) for t, p, _ in trades if t < begin][-1:]
    inside = [(t, p) for t, p, _ in trades if begin <= t <= end]
    steps = before + inside
    if not standing or not steps:
        return UNKNOWN
    ends = [t for t, _ in steps[1:]] + [end]
    span = end - steps[0][0]
    if span == 0:
        return steps[-1][1]
    return nearest(Fraction(sum(p * (b - a) for (a, p), b in zip(steps, ends, strict=True)), span))


def pwp(trades, begin, wanted):
    """The average of the first `wanted` shares from begin on."""
    left, money = wanted, 0
    for t, p, q in trades:
        if t >= begin and left:
            taken = min(q, left)
            money, left = money + taken * p, left - taken
    return UNKNOWN if left else nearest(Fraction(money, wanted))


def percentile(trades, begin, end, side, average):
    mine = [(p, q) for t, p, q in trades if begin <= t <= end]
    total = sum(q for _, q in mine)
    worse = sum(q for p, q in mine if side * (p - average) > 0) + Fraction(sum(q for p, q in mine if p == average), 2)
    return float(100 * worse / total) if total else math.nan
