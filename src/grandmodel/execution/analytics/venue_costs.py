"""What each venue did with what it was sent, from the columns of a journal's analysis.

A fill's cost is held against the mid at that instant: effective spread 2 side (p - m) / m (17 CFR 242.600(b)(23)'s
average effective spread, as a fraction), markouts side (m_later - p) / p. Means are weighted by the fills' money, the
spread capture by the half spread there was, so that it is what was earned over what there was to earn, as an order's
is; fills of one symbol within one half hour count as one cluster, since they are alike (significance.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._core.values import Unknown
from .journal_costs import HORIZON_NAMES, JournalCosts, exact_sum
from .significance import Contrast, WeightedMean, clustered_mean, contrast

__all__ = ["VenueCosts", "half_hours", "venue_costs"]

Rows = np.ndarray[Any, Any]
HALF_HOUR_NS = 1_800_000_000_000
_LIQUIDITY = {1: "added", 2: "removed", 3: "hidden", 4: "midpoint", 5: "auction"}


@dataclass(frozen=True, slots=True)
class VenueCosts:
    """One venue.

    orders, quantity : sent there; `share` of the quantity sent anywhere, `fill_share` of the quantity filled
    fill_rate : filled over sent quantity. rejects : orders it refused
    latency_ms, latency_99_ms : median and 99th percentile from sending to its first answer (by its own clock)
    cost_bps : fills and fees against the decision price. effective_bps, markout_bps : see the module
    against_rest : effective spread and fees against all other venues' fills
    added : share of the filled quantity that added liquidity
    cost_e9, fees_e9 : what its fills cost against the decision price, fees included; the fees alone. Exact
    """

    name: str
    orders: int
    quantity: int
    filled: int
    fills: int
    share: float
    fill_share: float
    fill_rate: float
    rejects: int
    latency_ms: float
    latency_99_ms: float
    cost_bps: WeightedMean
    effective_bps: WeightedMean
    spread_capture: WeightedMean
    markout_bps: dict[str, WeightedMean]
    against_rest: Contrast
    added: float
    cost_e9: int
    fees_e9: int

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.against_rest.verdict}


def half_hours(symbol: Rows, time_ns: Rows) -> Rows:
    """(n,) labels from 0 up: one for each symbol and half hour."""
    hour = time_ns // HALF_HOUR_NS
    _, labels = np.unique((hour - hour[:1].sum()) + (symbol.astype(np.int64) << 32), return_inverse=True)
    return labels


def venue_costs(analysed: JournalCosts) -> list[VenueCosts]:
    """Every venue that was sent something or filled something, by filled quantity."""
    f, c, o = analysed.fills, analysed.children, analysed.orders
    numbers = np.union1d(f["venue"], c["venue"])
    clusters = half_hours(f["symbol"], f["time_ns"])
    decision = o["decision_e9"][f["order"]].astype(np.float64)
    usable = analysed.measured[f["order"]]
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(usable, f["cost_e9"] / (f["quantity"] * decision) * 1e4, np.nan)
        mid = f["mid_e9"].astype(np.float64)
        all_in = f["effective_spread_bps"] / 2 + f["fee_e9"] / (f["quantity"] * mid) * 1e4
    weight = f["quantity"].astype(np.float64) * f["price_e9"] / 1e9
    spread = (f["bid_e9"] > 0) & (f["ask_e9"] > f["bid_e9"])
    half = f["quantity"] * np.where(spread, f["ask_e9"] - np.where(spread, f["bid_e9"], 0), 0) / 2e9
    sent, filled = int(c["quantity"].sum()), int(f["quantity"].sum())
    found = []
    for number in numbers[numbers >= 0].tolist():
        mine, at = f["venue"] == number, c["venue"] == number
        waited = c["acknowledged_ns"][at] - c["sent_ns"][at]
        waited = waited[c["acknowledged_ns"][at] > 0] / 1e6
        quantity, done = int(c["quantity"][at].sum()), int(f["quantity"][mine].sum())
        untold = Unknown("no answer was seen")

        def mean(values: Rows, mask: Rows = mine, weight: Rows = weight) -> WeightedMean:
            return clustered_mean(values[mask], weight[mask], clusters[mask])

        found.append(
            VenueCosts(
                name=analysed.names.venue_text(number),
                orders=int(at.sum()),
                quantity=quantity,
                filled=done,
                fills=int(mine.sum()),
                share=quantity / sent if sent else Unknown("nothing was sent"),
                fill_share=done / filled if filled else Unknown("nothing was filled"),
                fill_rate=done / quantity if quantity else Unknown("nothing was sent there"),
                rejects=int((c["status"][at] == 8).sum()),
                latency_ms=float(np.median(waited)) if len(waited) else untold,
                latency_99_ms=float(np.quantile(waited, 0.99)) if len(waited) else untold,
                cost_bps=mean(cost),
                effective_bps=mean(f["effective_spread_bps"]),
                spread_capture=mean(f["spread_capture"], weight=half),
                markout_bps={name: mean(f["markout_bps"][:, k]) for k, name in enumerate(HORIZON_NAMES)},
                against_rest=contrast(mean(all_in), mean(all_in, ~mine)),
                added=float(f["quantity"][mine & (f["liquidity"] == 1)].sum() / done) if done else Unknown("no fill"),
                cost_e9=exact_sum(f["cost_e9"][mine & usable]),
                fees_e9=exact_sum(f["fee_e9"][mine]),
            )
        )
    return sorted(found, key=lambda each: -each.filled)
