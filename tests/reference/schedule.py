"""Schedules from their formulas, in exact fractions where they are integers.

Floats are read as written: 0.15 is 15/100.
"""

import math
from fractions import Fraction
from itertools import pairwise

MASK = 2**64 - 1


def exact(x):
    return Fraction(repr(x)) if isinstance(x, float) else Fraction(int(x))


def rounded(x):
    return math.floor(x + Fraction(1, 2))


def target(quantity, share, lot):
    """Whole lots, at most those of the quantity; all of it once the curve is complete."""
    return quantity if share >= 1 else min(quantity // lot, rounded(quantity * share / lot)) * lot


def slices_of(quantity, cumulative, lot=1):
    return [b - a for a, b in pairwise([0, *(target(quantity, u, lot) for u in cumulative)])]


def twap_slices(quantity, slices, lot=1):
    return slices_of(quantity, [Fraction(k, slices) for k in range(1, slices + 1)], lot)


def cumulative_curve(curve):
    total = sum(map(exact, curve))
    return [sum(map(exact, curve[: k + 1])) / total for k in range(len(curve))]


def vwap_slices(quantity, curve, lot=1):
    return slices_of(quantity, cumulative_curve(curve), lot)


def vwap_capped(quantity, fractions, volumes, participation, lot=1):
    targets = [target(quantity, u, lot) for u in cumulative_curve(fractions)]
    done, out = 0, []
    for due, volume in zip(targets, volumes, strict=True):
        cap = math.floor(exact(participation) * exact(volume))
        wanted = due - done
        out.append(max(0, wanted if wanted <= cap else cap // lot * lot))
        done += out[-1]
    return out


def splitmix64(seed, counter):
    z = (seed + (counter + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def twap_times(start, end, slices, randomization=0.0, seed=0):
    step = (end - start) / slices
    out = []
    for k in range(slices):
        u = ((splitmix64(seed, k) >> 11) + 0.5) / 2**52 - 1.0
        moved = (end - start) * k // slices + math.trunc(randomization * step * u)
        out.append(start + min(max(moved, 0), end - start - 1))
    return out


def pov_child(others, participation, lot=1):
    p = exact(participation)
    return math.floor(p / (1 - p) * others) // lot * lot


def almgren_chriss(x, t, n, sigma, lam, eta, gamma=0.0, epsilon=0.0, drift=0.0):
    """Holdings from the difference equation, solved as a linear system; cost and variance as sums.

    The objective E + lam V is quadratic in x_1 .. x_(n-1); its gradient is zero where
    -x_(j-1) + (2 + lam sigma^2 tau^2 / eta~) x_j - x_(j+1) = drift tau^2 / (2 eta~).
    """
    tau = t / n
    adjusted = eta - gamma * tau / 2
    diagonal = 2 + lam * sigma**2 * tau**2 / adjusted
    right = [drift * tau**2 / (2 * adjusted)] * (n - 1)
    if right:
        right[0] += x
    upper, values = [], []
    for j in range(n - 1):  # Thomas algorithm: off-diagonals are -1
        pivot = diagonal - (upper[-1] if j else 0.0)
        upper.append(1 / pivot)
        values.append((right[j] + (values[-1] if j else 0.0)) / pivot)
    holdings = [0.0] * (n - 1)
    for j in reversed(range(n - 1)):
        holdings[j] = values[j] + (upper[j] * holdings[j + 1] if j + 1 < n - 1 else 0.0)
    holdings = [float(x), *holdings, 0.0]
    trades = [a - b for a, b in pairwise(holdings)]
    expected = (
        gamma * x * x / 2
        + epsilon * math.fsum(abs(v) for v in trades)
        + adjusted / tau * math.fsum(v * v for v in trades)
        - drift * tau * math.fsum(holdings[1:])
    )
    variance = sigma**2 * tau * math.fsum(v * v for v in holdings[1:])
    return holdings, expected, variance


def almgren_chriss_kappa(t, n, sigma, lam, eta, gamma=0.0):
    tau = t / n
    return math.acosh(1 + lam * sigma**2 / (eta - gamma * tau / 2) * tau**2 / 2) / tau


def almgren_chriss_closed_form(x, t, n, sigma, lam, eta, gamma, epsilon):
    """Equations 20 of the paper: E and V without the sums."""
    tau = t / n
    adjusted = eta - gamma * tau / 2
    k = almgren_chriss_kappa(t, n, sigma, lam, eta, gamma)
    expected = gamma * x**2 / 2 + epsilon * x
    expected += (
        adjusted
        * x**2
        * math.tanh(k * tau / 2)
        * (tau * math.sinh(2 * k * t) + 2 * t * math.sinh(k * tau))
        / (2 * tau**2 * math.sinh(k * t) ** 2)
    )
    variance = (
        sigma**2
        * x**2
        / 2
        * (tau * math.sinh(k * t) * math.cosh(k * (t - tau)) - t * math.sinh(k * tau))
        / (math.sinh(k * t) ** 2 * math.sinh(k * tau))
    )
    return expected, variance


def product_limit(sent, filled):
    rows = list(zip(sent, filled, strict=True))
    tails = [Fraction(1)]
    for s in range(max(sent, default=0)):
        at_risk = sum(r >= s and v > s for v, r in rows)
        died = sum(r == s and v > s for v, r in rows)
        tails.append(tails[-1] * (1 - Fraction(died, at_risk)) if died else tails[-1])
    return tails


def dark_allocation(quantity, tails):
    given = [0] * len(tails)
    for _ in range(quantity):
        chances = [tail[min(v + 1, len(tail) - 1)] for tail, v in zip(tails, given, strict=True)]
        if max(chances) <= 0:
            break
        given[chances.index(max(chances))] += 1
    return given
