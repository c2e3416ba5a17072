"""Slow and obvious twins of what the native side computes: observation, schedule, intent, reward."""

from __future__ import annotations

import itertools
import math
import statistics

LEVELS = 5


def plan_left(kappa: float, time: float) -> float:
    """Almgren and Chriss 2000, eq. 17: sinh(kappa (T - t)) / sinh(kappa T); a straight line for kappa 0."""
    return 1.0 - time if kappa == 0.0 else math.sinh(kappa * (1.0 - time)) / math.sinh(kappa)


def plan_slice(kappa: float, time: float, until: float) -> float:
    """The part of what is left that is traded from `time` to `until`."""
    return 1.0 - plan_left(kappa, until) / plan_left(kappa, time)


def followed(quantity: int, left: list[float]) -> list[int]:
    """Filled after each step when every slice is: whole shares, rounded, of what is left each time."""
    rest, filled = quantity, []
    for now, then in itertools.pairwise(left):
        rest -= min(rest, math.floor(rest * (1.0 - then / now) + 0.5))
        filled.append(quantity - rest)
        if rest == 0:
            break
    return filled


def ofi(before, after) -> int:
    """Cont, Kukanov and Stoikov 2014, eq. 4, of two quotes (bid, its size, ask, its size) with both sides there."""
    (b0, bq0, a0, aq0), (b1, bq1, a1, aq1) = before, after
    bid = (bq1 if b1 >= b0 else 0) - (bq0 if b1 <= b0 else 0)
    ask = (aq1 if a1 <= a0 else 0) - (aq0 if a1 >= a0 else 0)
    return bid - ask


class Seen:
    """What the market's part of an observation should be, from quotes and levels at the decisions alone."""

    def __init__(self) -> None:
        self.mids: list[int] = []
        self.flows: list[int] = []

    def look(self, quote, rows, tick_e9: int, flow: int | None) -> dict[str, float]:
        """`quote`: (bid, size, ask, size); `rows` as Core.depth; `flow`: OFI since the last look, None at the first."""
        bid, bid_size, ask, ask_size = quote
        mid = bid + (ask - bid) // 2
        out = {"spread": (ask - bid) / mid * 1e4}
        bids, asks = sum(int(r[3]) for r in rows), sum(int(r[1]) for r in rows)
        out["depth_ratio"] = math.log((bids + 1) / (asks + 1))
        for level, row in enumerate(rows, 1):
            total = int(row[3]) + int(row[1])
            out[f"imbalance_{level}"] = (int(row[3]) - int(row[1])) / total if total else 0.0
        micro = (ask * bid_size + bid * ask_size) / (bid_size + ask_size)
        out["microprice"] = (micro - (bid + ask) / 2) / tick_e9
        self.mids.append(mid)
        returns = [(b - a) / a * 1e4 for a, b in itertools.pairwise(self.mids)]
        out["volatility"] = math.sqrt(sum(r * r for r in returns) / len(returns)) if returns else 0.0
        out["ofi"] = 0.0
        if flow is not None:
            spread = statistics.stdev(self.flows) if len(self.flows) > 1 else 0.0
            if spread > 0:
                out["ofi"] = max(-10.0, min(10.0, (flow - statistics.fmean(self.flows)) / spread))
            self.flows.append(flow)
        out["drift"] = (mid - self.mids[0]) / self.mids[0] * 1e4
        return out


def intent(quote, side: int, tick: int, left: int, slice_: float, pace: float, place: int, reach: float):
    """(quantity, price, whether it takes) of an action, with both sides of the quote there."""
    bid, _, ask, _ = quote
    near, far = (bid, ask) if side > 0 else (ask, bid)
    asked = pace * slice_ * left + 0.5
    quantity = left if asked >= left else int(asked)

    def passive(price: int) -> int:  # onto the tick, away from the other side
        return price // tick * tick if side > 0 else -(-price // tick) * tick

    if place == 3:
        return quantity, passive(far + far // 2000) if side > 0 else passive(far - far // 2000), True
    if place == 1:
        inside = near + side * tick
        price = inside if side * (far - inside) > 0 else near
    elif place == 2:
        price = passive(bid + (ask - bid) // 2)
    elif place == 4:
        price = far if reach >= 1 else passive(bid + (ask - bid) // 2 + side * int((ask - bid) * 0.5 * reach))
    else:
        price = near
    return quantity, price, side * (price - far) >= 0


def shortfall_e9(side: int, quantity: int, decision: int, fills, fees_e9: int, mid: int) -> int:
    """Perold 1988: what the fills [(quantity, price)] cost over the decision price, the rest at the mid, and fees."""
    filled = sum(q for q, _ in fills)
    paid = sum(q * (price - decision) for q, price in fills)
    return side * (paid + (quantity - filled) * (mid - decision)) + fees_e9
