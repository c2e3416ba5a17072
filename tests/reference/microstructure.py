"""The estimators of microstructure once more, in plain Python from their definitions: loops over lists, nothing
clever."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean

NAN = math.nan


def mid_at(t, quotes, strict):
    """Mid of the last of (time, bid, ask) before t, or at it; NaN without one or with one side."""
    standing = [q for q in quotes if (q[0] < t if strict else q[0] <= t)]
    return (standing[-1][1] + standing[-1][2]) / 2 if standing else NAN


def lee_ready(trades, quotes):
    """Sides of (time, price)."""
    sides = []
    for k, (t, price) in enumerate(trades):
        mid = mid_at(t, quotes, True)
        if price > mid:
            sides.append(1)
        elif price < mid:
            sides.append(-1)
        else:
            earlier = [p for _, p in trades[:k] if p != price]
            sides.append(0 if not earlier else 1 if price > earlier[-1] else -1)
    return sides


def weighted_spreads(trades, later):
    """Of (price, quantity, side, mid): effective over all that can be told; then effective, realized, impact of those
    with a later mid. Weighted by money, in bp; NaN where there is none."""
    rows = [(*row, after) for row, after in zip(trades, later, strict=True) if row[2] and not math.isnan(row[3])]

    def mean(of, some):
        weight = sum(p * q for p, q, *_ in some)
        return sum(p * q * of(p, d, m, x) for p, q, d, m, x in some) / weight * 1e4 if weight else NAN

    known = [row for row in rows if not math.isnan(row[4])]
    return (
        mean(lambda p, d, m, x: 2 * d * (p - m) / m, rows),
        mean(lambda p, d, m, x: 2 * d * (p - m) / m, known),
        mean(lambda p, d, m, x: 2 * d * (p - x) / m, known),
        mean(lambda p, d, m, x: 2 * d * (x - m) / m, known),
    )


def standing(quotes, begin, end):
    """(bps, price, ns quoted, ns locked or crossed, ns missing), one nanosecond after the other."""
    bps = price = 0.0
    quoted = locked = missing = 0
    for t in range(begin, end):
        now = [q for q in quotes if q[0] <= t]
        bid, ask = now[-1][1:] if now else (NAN, NAN)
        if math.isnan(bid) or math.isnan(ask):
            missing += 1
        elif bid >= ask:
            locked += 1
        else:
            quoted += 1
            bps += (ask - bid) / ((ask + bid) / 2) * 1e4
            price += ask - bid
    return (bps / quoted if quoted else NAN, price / quoted if quoted else NAN, quoted, locked, missing)


def roll(prices):
    changes = [b - a for a, b in pairwise(prices)]
    x, y = changes[:-1], changes[1:]
    mx, my = fmean(x), fmean(y)
    covariance = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / (len(x) - 1)
    return 2 * math.sqrt(-covariance) if covariance < 0 else NAN


def corwin_schultz(highs, lows, closes=None):
    spreads = []
    for k in range(1, len(highs)):
        h, low = highs[k], lows[k]
        if closes is not None and closes[k - 1] < low:
            h, low = h - (low - closes[k - 1]), closes[k - 1]
        elif closes is not None and closes[k - 1] > h:
            h, low = closes[k - 1], low + (closes[k - 1] - h)
        beta = math.log(highs[k - 1] / lows[k - 1]) ** 2 + math.log(h / low) ** 2
        gamma = math.log(max(highs[k - 1], h) / min(lows[k - 1], low)) ** 2
        c = 3 - 2 * math.sqrt(2)
        alpha = (math.sqrt(2 * beta) - math.sqrt(beta)) / c - math.sqrt(gamma / c)
        spreads.append(2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha)))
    return spreads


def order_flow(rows):
    """Of (bid, bid quantity, ask, ask quantity); a side that is not there is NaN."""
    increments = []
    for before, now in pairwise(rows):
        (b0, qb0, a0, qa0), (b, qb, a, qa) = (
            (
                -math.inf if math.isnan(r[0]) else r[0], 0 if math.isnan(r[0]) else r[1],
                math.inf if math.isnan(r[2]) else r[2], 0 if math.isnan(r[2]) else r[3],
            )
            for r in (before, now)
        )  # fmt: skip
        e = qb if b >= b0 else 0
        e -= qb0 if b <= b0 else 0
        e -= qa if a <= a0 else 0
        e += qa0 if a >= a0 else 0
        increments.append(e)
    return increments


def depth_imbalance(bids, asks, weights, absent=0):
    """Of quantities by level, the first `absent` bids not there."""
    b, a = (sum(w * q for w, q in zip(weights, side, strict=False)) for side in (bids[absent:], asks))
    return (b - a) / (b + a) if b + a else 0.0


def walk(levels, wanted):
    """(average, marginal, unfilled) of (price, quantity) levels, share by share in whole shares."""
    shares = [price for price, quantity in levels for _ in range(quantity)][:wanted]
    if not shares:
        return NAN, NAN, wanted
    return fmean(shares), shares[-1], wanted - len(shares)


def vpin(changes, volumes, sigma, bucket, window):
    """Share by share of whole volumes, each a mixture of bought and sold as its bar is."""
    flow = []
    for change, volume in zip(changes, volumes, strict=True):
        bought = 0.5 * (1 + math.erf(change / sigma / math.sqrt(2)))
        flow += [2 * bought - 1] * volume
    buckets = [abs(math.fsum(flow[k : k + bucket])) for k in range(0, len(flow) - bucket + 1, bucket)]
    return [sum(buckets[k : k + window]) / (window * bucket) for k in range(len(buckets) - window + 1)]


def pin_log_likelihood(buys, sells, alpha, delta, mu, eb, es):
    def poisson(k, rate):
        return math.exp(-rate) * rate**k / math.factorial(k)

    return sum(
        math.log(
            (1 - alpha) * poisson(b, eb) * poisson(s, es)
            + alpha * delta * poisson(b, eb) * poisson(s, es + mu)
            + alpha * (1 - delta) * poisson(b, eb + mu) * poisson(s, es)
        )
        for b, s in zip(buys, sells, strict=True)
    )


def intensity(events, t, mu, alpha, beta):
    return mu + sum(alpha * math.exp(-beta * (t - e)) for e in events if e < t)


def hawkes_log_likelihood(events, end, mu, alpha, beta):
    """Events at one instant excite one another in their order."""
    total = 0.0
    for k, t in enumerate(events):
        total += math.log(mu + sum(alpha * math.exp(-beta * (t - e)) for e in events[:k]))
    return total - mu * end - sum(alpha / beta * (1 - math.exp(-beta * (end - t))) for t in events)


def two_scale(prices, k):
    y = [math.log(p) for p in prices]
    n = len(y) - 1
    fast = sum((b - a) ** 2 for a, b in pairwise(y))
    slow = fmean(sum((b - a) ** 2 for a, b in pairwise(y[offset::k])) for offset in range(k))
    mean_size = (n - k + 1) / k
    return (slow - mean_size / n * fast) / (1 - mean_size / n)


def session_volumes(trades, sessions, bins):
    volumes = [[0.0] * bins for _ in sessions]
    outside = 0.0
    for t, quantity in trades:
        for day, (begin, end) in enumerate(sessions):
            if begin <= t < end:
                volumes[day][(t - begin) * bins // (end - begin)] += quantity
                break
        else:
            outside += quantity
    return volumes, outside


def excess_after(sweeps, series, offsets):
    """Mean over sweeps of what stands after less what stood before; series of (time, value)."""
    sums = [0.0] * len(offsets)
    used = 0
    for t in sweeps:
        before = [v for at, v in series if at < t]
        if not before or t + offsets[-1] > series[-1][0]:
            continue
        used += 1
        for k, offset in enumerate(offsets):
            sums[k] += [v for at, v in series if at <= t + offset][-1] - before[-1]
    return [s / used for s in sums] if used else [], used


def micro_price(rows, tick, buckets, spreads, half_ticks, terms=300):
    """(adjustment by (bucket, spread) in a dict, the last term of its sum), from (bid, ask, bid quantity, ask
    quantity) rows: states as dict keys, the sum over `terms` terms."""
    states = []
    for bid, ask, qb, qa in rows:
        spread = round((ask - bid) / tick)
        bucket = min(int(qb / (qb + qa) * buckets), buckets - 1) if qb + qa else None
        states.append((bucket, spread) if bucket is not None and 1 <= spread <= spreads else None)
    steps: dict = {}
    for (before, x), (after, y) in pairwise(zip(rows, states, strict=True)):
        halves = round((after[0] + after[1] - before[0] - before[1]) / tick)
        if x is None or y is None or abs(halves) > half_ticks:
            continue
        mirror = [(buckets - 1 - s[0], s[1]) for s in (x, y)]
        for a, b, move in ((x, y, halves), (*mirror, -halves)):
            steps.setdefault(a, []).append((b, move))
    keys = sorted(steps)
    stays = {a: [(b, 1 / len(steps[a])) for b, m in steps[a] if m == 0] for a in keys}
    leaves = {a: [(b, 1 / len(steps[a])) for b, m in steps[a] if m] for a in keys}
    drift = {a: sum(m * tick / 2 for _, m in steps[a]) / len(steps[a]) for a in keys}

    def settle(of):
        """(I - Q)^-1 of a function of states, by iteration."""
        value = dict(of)
        for _ in range(terms):
            value = {a: of[a] + sum(p * value.get(b, 0) for b, p in stays[a]) for a in keys}
        return value

    term = settle(drift)
    total = dict(term)
    for _ in range(200):
        term = settle({a: sum(p * term.get(b, 0) for b, p in leaves[a]) for a in keys})
        total = {a: total[a] + term[a] for a in keys}
    return total, max(map(abs, term.values()), default=0.0)
