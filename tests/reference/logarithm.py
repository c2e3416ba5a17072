"""The core's natural logarithm, step for step: the same bits on every machine.

x = m 2^e; c is near 1 / m by the leading six bits of m, from 50 digits; r = m c - 1, and ln(1 + r) by its series.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext


def table() -> list[tuple[float, float]]:
    """(c, -ln c) by interval: of 1/64 from 1 on, halved where that is nearer to 1."""
    rows = []
    with localcontext() as context:
        context.prec = 50
        for k in range(64):
            low, high = Decimal(1 + k / 64), Decimal(1 + (k + 1) / 64)
            c = 2 / (low + high) * (2 if k >= 26 else 1)
            exact = Decimal(1.0 if k in (0, 63) else float(c))
            rows.append((float(exact), float(-exact.ln()) if exact != 1 else 0.0))
    return rows


_TABLE = table()


def log(x: float) -> float:
    m, e = math.frexp(x)
    m, e = 2.0 * m, e - 1
    k = int((m - 1.0) * 64)
    if k >= 26:
        m, e = 0.5 * m, e + 1
    c, minus_log_c = _TABLE[k]
    r = m * c - 1.0
    r2 = r * r
    inner = (-1.0 / 6.0 + r * (1.0 / 7.0)) + r2 * -0.125
    series = r + r2 * ((-0.5 + r * (1.0 / 3.0)) + r2 * ((-0.25 + r * 0.2) + r2 * inner))
    return (e * 0.6931471805599453 + minus_log_c) + series
