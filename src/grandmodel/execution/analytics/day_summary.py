"""A journal's costs summed up: of the whole, and by algorithm, strategy, symbol, side; and what can be said of them.

Means are weighted by the paper value (order quantity times decision price), beside the plain mean of orders. Orders of
one symbol decided within one half hour count as one cluster: nothing is said with fewer than 30 clusters, or |t|
below 2, and among many groups only what stands by Benjamini and Hochberg's rule (significance.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._core.values import Unknown
from .journal_costs import PARTS, JournalCosts, exact_sum
from .reasons import reasons_of
from .significance import SAMPLES_MIN, Contrast, WeightedMean, benjamini_hochberg, clustered_mean, contrast
from .venue_costs import VenueCosts, half_hours, venue_costs
from .wheel_rule import WheelOrders, wheels_of

__all__ = ["BENCHMARKS", "DaySummary", "Finding", "GroupCosts", "summarise"]

Rows = np.ndarray[Any, Any]
#: What the executed price is held against, by `GroupCosts.benchmarks_bps`.
BENCHMARKS = ("arrival", "vwap", "twap", "pwp", "open", "close", "previous_close", "market_adjusted")


@dataclass(frozen=True, slots=True)
class GroupCosts:
    """Orders together. `value`: their paper value; `parts_e9` exact sums over orders whose total is known (`measured`).

    `benchmarks_bps`: executed price against arrival, interval VWAP and TWAP, PWP (10 %), open, close and previous
    close, and against arrival less beta times the index's move, weighted by filled value; positive is bad.
    """

    name: str
    orders: int
    measured: int
    value: float
    quantity: int
    filled: int
    parts_e9: dict[str, int]
    cost: WeightedMean
    plain_bps: float
    deviation_bps: float
    benchmarks_bps: dict[str, float]
    against_rest: Contrast | None
    adjusted_p: float = float("nan")

    @property
    def fill_rate(self) -> float:
        return self.filled / self.quantity if self.quantity else Unknown("nothing was ordered")

    def bps(self, part: str) -> float:
        """A part in bps of the paper value."""
        return self.parts_e9[part] / 1e9 / self.value * 1e4 if self.value else Unknown("no order could be measured")

    def to_dict(self) -> dict[str, Any]:
        exact = {part: value if self.measured else None for part, value in self.parts_e9.items()}
        return {
            **asdict(self), "parts_e9": exact, "value": self.value if self.measured else None,
            "fill_rate": self.fill_rate, "parts_bps": {part: self.bps(part) for part in self.parts_e9},
            "verdict": None if self.against_rest is None else self.against_rest.verdict,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence with its number and how sure it is. `level`: "note", "good" or "bad"."""

    text: str
    confidence: str
    level: str = "note"


@dataclass(frozen=True, slots=True)
class DaySummary:
    """Everything that the table, the page and the JSON say of a journal as a whole."""

    whole: GroupCosts
    by_algorithm: list[GroupCosts]
    by_strategy: list[GroupCosts]
    by_symbol: list[GroupCosts]
    by_side: list[GroupCosts]
    venues: list[VenueCosts]
    findings: list[Finding]
    first_ns: int
    last_ns: int
    residual_e9: int
    wheels: list[WheelOrders]


def summarise(analysed: JournalCosts) -> DaySummary:
    """Sums an analysis up."""
    o, names = analysed.orders, analysed.names
    clusters = half_hours(o["symbol"], o["decision_ns"])
    everything = np.ones(len(analysed), bool)

    def label(algorithm: int, is_parent: bool) -> str:
        return (names.algorithm_text(algorithm) if algorithm else None) or ("worked" if is_parent else "direct")

    pairs = o["algorithm"].astype(np.int64) * 2 + o["is_parent"]
    by = {
        "algorithm": _groups(analysed, pairs, lambda n: label(n >> 1, bool(n & 1)), clusters),
        "strategy": _groups(analysed, o["strategy"], lambda n: names.strategy_text(n) or "none", clusters),
        "symbol": _groups(analysed, o["symbol"], names.symbol_text, clusters),
        "side": _groups(analysed, o["side"], lambda n: "buy" if n > 0 else "sell", clusters),
    }
    whole = _group(analysed, "all", everything, clusters, None)
    venues = venue_costs(analysed)
    measured = analysed.measured
    residual = whole.parts_e9["total"] - exact_sum(analysed.fills["cost_e9"][measured[analysed.fills["order"]]])
    wheels = wheels_of(analysed)
    stamps = np.concatenate([o["decision_ns"], o["end_ns"][o["end_ns"] > 0]])
    return DaySummary(
        whole=whole, by_algorithm=by["algorithm"], by_strategy=by["strategy"], by_symbol=by["symbol"],
        by_side=by["side"], venues=venues, findings=_findings(analysed, whole, by, venues) + _of_wheels(wheels),
        first_ns=int(stamps.min()) if len(stamps) else 0, last_ns=int(stamps.max()) if len(stamps) else 0,
        residual_e9=residual, wheels=wheels,
    )  # fmt: skip


def _mean(analysed: JournalCosts, mask: Rows, clusters: Rows) -> WeightedMean:
    at = mask & analysed.measured
    return clustered_mean(analysed.orders["total_bps"][at], analysed.orders["value"][at], clusters[at])


def _group(analysed: JournalCosts, name: str, mask: Rows, clusters: Rows, rest: Rows | None) -> GroupCosts:
    o = analysed.orders
    at = mask & analysed.measured
    total = o["total_bps"][at]
    parts = summed_parts(analysed, at)
    cost = _mean(analysed, mask, clusters)
    return GroupCosts(
        name=name, orders=int(mask.sum()), measured=int(at.sum()), value=float(o["value"][at].sum()),
        quantity=int(o["quantity"][mask].sum()), filled=int(o["filled_quantity"][mask].sum()), parts_e9=parts,
        cost=cost, plain_bps=float(total.mean()) if len(total) else Unknown("no order could be measured"),
        deviation_bps=float(total.std(ddof=1)) if len(total) > 1 else Unknown("fewer than two orders"),
        benchmarks_bps={each: _benchmark(analysed, mask, each) for each in BENCHMARKS},
        against_rest=None if rest is None else contrast(cost, _mean(analysed, rest, clusters)),
    )  # fmt: skip


_NO = np.iinfo(np.int64).min
_SUMMED = (*PARTS, "spread", "move")


def summed_parts(analysed: JournalCosts, mask: Rows) -> dict[str, int]:
    """The parts of orders as exact sums in 1e-9; what is not known of one (a split without a quote) counts 0."""
    o = analysed.orders
    return {part: exact_sum(np.where(o[f"{part}_e9"] == _NO, 0, o[f"{part}_e9"])[mask]) for part in _SUMMED}


def _benchmark(analysed: JournalCosts, mask: Rows, name: str) -> float:
    o = analysed.orders
    values, worth = o[f"{name}_bps"][mask], (o["filled_quantity"] * o["average_price"])[mask]
    known = np.isfinite(values) & (worth > 0)
    if not known.any():
        texts, codes = reasons_of(analysed, f"{name}_bps")
        filled = codes[mask & (o["fills"] > 0)]
        return Unknown(texts[int(np.bincount(filled).argmax())] if len(filled) else "nothing was filled")
    return float(np.average(values[known], weights=worth[known]))


def _groups(analysed: JournalCosts, key: Rows, name: Any, clusters: Rows) -> list[GroupCosts]:
    """One group for each value of `key`, the largest first, each against all others."""
    from dataclasses import replace

    found = []
    for number in np.unique(key).tolist():
        mask = key == number
        rest = ~mask if mask.sum() < len(mask) else None
        found.append(_group(analysed, name(number), mask, clusters, rest))
    p = [
        float("nan") if each.against_rest is None or each.against_rest.clusters < SAMPLES_MIN else each.against_rest.p
        for each in found
    ]
    _, adjusted = benjamini_hochberg(p)
    found = [replace(each, adjusted_p=float(value)) for each, value in zip(found, adjusted, strict=True)]
    return sorted(found, key=lambda each: -each.value)


# ---- sentences


def _findings(
    analysed: JournalCosts, whole: GroupCosts, by: dict[str, list[GroupCosts]], venues: list[VenueCosts]
) -> list[Finding]:
    found = [_of_the_whole(whole)] if whole.measured else []
    if whole.measured:
        part = max(("delay", "spread", "move", "opportunity", "fees"), key=lambda name: whole.parts_e9[name])
        if whole.parts_e9[part] > 0:
            found.append(
                Finding(
                    f"The largest cost is {_PART_TEXT[part]}: {whole.bps(part):+.2f} bps, "
                    f"{_money(whole.parts_e9[part])}; with what the other parts cost and saved, "
                    f"{_money(whole.parts_e9['total'])}.",
                    "exact sum",
                    "bad",
                )
            )
        found += _tail(analysed, whole)
    for kind in ("algorithm", "strategy", "symbol"):
        found += _outstanding(kind, by[kind])
    found += _of_venues(venues)
    return found


_PART_TEXT = {
    "delay": "delay, from the decision to the market",
    "spread": "the spread paid at the fills",
    "move": "the market's move while orders were worked, own impact included",
    "opportunity": "what was not filled",
    "fees": "fees",
}


def _money(value_e9: int) -> str:
    value = value_e9 / 1e9
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def p_text(adjusted: float) -> str:
    """A p value that many comparisons were allowed for."""
    return "adjusted p below 0.001" if adjusted < 0.001 else f"adjusted p {adjusted:.3f}"


def _sure(mean: WeightedMean) -> str:
    if mean.clusters < SAMPLES_MIN:
        return f"no verdict: {mean.clusters} independent samples, 30 are needed"
    return f"95 %: {mean.low:+.2f} to {mean.high:+.2f} bps, {mean.clusters} independent samples"


def _of_the_whole(whole: GroupCosts) -> Finding:
    mean = whole.cost
    text = (
        f"{whole.measured:,} orders cost {mean.mean:+.2f} bps of their value, {_money(whole.parts_e9['total'])} in all"
    )
    if mean.clusters < SAMPLES_MIN or not abs(mean.t) >= 2:
        more = "." if mean.clusters < SAMPLES_MIN else ", which cannot be told from nothing."
        return Finding(text + more, _sure(mean))
    return Finding(text + ".", _sure(mean), "bad" if mean.mean > 0 else "good")


def _tail(analysed: JournalCosts, whole: GroupCosts) -> list[Finding]:
    """How much of what was lost the worst orders lost."""
    cost = np.sort(np.asarray(analysed.orders["total_e9"][analysed.measured], np.float64))[::-1]
    lost = cost[cost > 0].sum()
    few = max(1, len(cost) // 100)
    if len(cost) < 100 or lost <= 0:
        return []
    share = cost[:few].clip(0).sum() / lost
    return [Finding(f"The costliest 1 % ({few:,} orders) carry {share:.0%} of all that was lost.", "exact sum")]


def _outstanding(kind: str, groups: list[GroupCosts]) -> list[Finding]:
    """The groups that differ from the rest beyond doubt, the farthest first; at most three."""
    stands = [
        each for each in groups
        if each.adjusted_p <= 0.05 and each.against_rest is not None
        and each.against_rest.verdict in ("lower", "higher")
    ]  # fmt: skip
    told = []
    for each in sorted(stands, key=lambda each: -abs(each.against_rest.t if each.against_rest else 0.0))[:3]:
        gap = each.against_rest
        assert gap is not None
        more = "more" if gap.difference > 0 else "less"
        told.append(
            Finding(
                f"{kind.capitalize()} {each.name}: {each.cost.mean:+.2f} bps, "
                f"{abs(gap.difference):.2f} {more} than the rest.",
                f"t {gap.t:+.1f}, {p_text(each.adjusted_p)}, effect size {gap.effect:+.2f}, {gap.clusters} independent "
                "samples",
                "bad" if gap.difference > 0 else "good",
            )
        )
    if not stands and len(groups) > 1:
        few = sum(each.against_rest is not None and each.against_rest.clusters < SAMPLES_MIN for each in groups)
        why = f"{few} of {len(groups)} have fewer than 30 independent samples" if few else "none differs beyond chance"
        kinds = "strategies" if kind == "strategy" else f"{kind}s"
        told.append(Finding(f"Between {kinds} no difference can be told.", why))
    return told


def _of_wheels(wheels: list[WheelOrders]) -> list[Finding]:
    """What algorithms cost that were given their orders at random, by the rule laid down beforehand."""
    told = []
    for each in wheels:
        result, rule = each.result, each.rule
        sure = f"given at random, look {result.look} of {result.looks}: {result.reason}"
        text = "; ".join(result.findings) if result.look else "nobody has looked yet"
        if each.odd_draws:
            text, sure = "nothing can be said", f"{each.odd_draws} of {each.given} draws are not its rule's"
        lower = any(entry.verdict == "lower" for entry in result.entries)
        level = "good" if lower and result.look and not each.odd_draws else "note"
        told.append(Finding(f"Wheel {rule.name}, {each.given:,} orders given out: {text}.", sure, level))
    return told


def _of_venues(venues: list[VenueCosts]) -> list[Finding]:
    p = [
        each.against_rest.p if each.against_rest.clusters >= SAMPLES_MIN else float("nan") for each in venues
    ]  # fmt: skip
    stands, adjusted = benjamini_hochberg(p)
    told = []
    for each, sure, value in zip(venues, stands.tolist(), adjusted.tolist(), strict=True):
        gap = each.against_rest
        if sure and gap.verdict in ("lower", "higher"):
            more = "more" if gap.difference > 0 else "less"
            told.append((abs(gap.t), Finding(
                f"Venue {each.name}: half spread and fees are {abs(gap.difference):.2f} bps {more} than elsewhere; "
                f"{each.added:.0%} of its fills added liquidity.",
                f"t {gap.t:+.1f}, {p_text(value)}, effect size {gap.effect:+.2f}, {gap.clusters} independent samples",
                "bad" if gap.difference > 0 else "good",
            )))  # fmt: skip
    return [each for _, each in sorted(told, key=lambda pair: -pair[0])[:3]]
