"""The algorithm wheel: parent orders are given to algorithms at random, until a stopping rule ends it, and compared.

    wheel = AlgorithmWheel({"vwap": 1, "twap": 1, "is": 1}, seed=7)
    order = {"symbol": "AAPL", ...}
    algorithm = wheel.draw(key="AAPL")            # work the order with it
    wheel.record(algorithm, cost_bps, weight=value, cluster="AAPL 10:00")
    wheel.result().findings

Only a random allocation makes the algorithm the cause of a difference in costs (R. Fisher, The Design of Experiments,
1935). Within each key (a symbol, a size class) algorithms come in shuffled blocks, so that each gets its part of every
kind of order (permuted blocks: M. Zelen, "The randomization and stratification of patients to clinical trials",
Journal of Chronic Diseases 27, 1974). The n-th order of a key has its algorithm by seed, key and n alone, whatever came
between and whatever was found of costs meanwhile: who knows how many there were can go on, or check every draw. The
wheel looks a number of times that is fixed beforehand, and at each look a difference must pass a boundary that allows
for all of them (P. O'Brien and T. Fleming, "A multiple testing procedure for clinical trials", Biometrics 35, 1979):
|t| >= c sqrt(K / k) at look k of K, with c so that all looks together raise a false difference in 5 % of wheels.
Comparisons with the first algorithm are Welch's, and held to a false share of 5 % by Benjamini and Hochberg's rule
(significance.py).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from .._core.values import Unknown
from .significance import SAMPLES_MIN, Contrast, WeightedMean, benjamini_hochberg, clustered_mean, contrast

__all__ = ["AlgorithmWheel", "WheelEntry", "WheelResult"]

# c of O'Brien and Fleming for 1 to 10 looks, two-sided 5 % (C. Jennison and B. Turnbull, Group Sequential Methods,
# 1999, table 2.3).
_BOUNDARY = (1.960, 1.977, 2.004, 2.024, 2.040, 2.053, 2.063, 2.072, 2.080, 2.087)


@dataclass(frozen=True, slots=True)
class WheelEntry:
    """An algorithm's orders; `against` the first algorithm, and whether that stands."""

    algorithm: str
    orders: int
    cost: WeightedMean
    against: Contrast | None
    adjusted_p: float
    stands: bool

    @property
    def verdict(self) -> str:
        """`lower`, `higher`, `the measure`, or why neither can be said."""
        if self.against is None:
            return "the measure"
        if self.against.clusters < SAMPLES_MIN:
            return "too few samples"
        if not self.stands:
            return "no difference can be told"
        return "lower" if self.against.difference < 0 else "higher"


@dataclass(frozen=True, slots=True)
class WheelResult:
    """What the wheel has found. `final`: it has stopped; until then only what passes the boundary is told."""

    entries: tuple[WheelEntry, ...]
    look: int
    looks: int
    final: bool
    reason: str

    @property
    def findings(self) -> tuple[str, ...]:
        """A sentence for each algorithm but the first."""
        first = self.entries[0]
        out = []
        for each in self.entries[1:]:
            if each.verdict in ("lower", "higher"):
                assert each.against is not None
                gap = abs(each.against.difference)
                more = "less" if each.verdict == "lower" else "more"
                out.append(
                    f"{each.algorithm} cost {gap:.2f} bps {more} than {first.algorithm} "
                    f"(t {each.against.t:+.1f}, adjusted p {each.adjusted_p:.3f}, {each.orders} orders)"
                )
            else:
                out.append(f"{each.algorithm} against {first.algorithm}: {each.verdict} ({each.orders} orders)")
        return tuple(out)


class AlgorithmWheel:
    """Allocates orders to algorithms at random, and compares what they cost.

    Parameters
    ----------
    algorithms : {name: how many times in a block}; the first is the measure
    seed : of the allocation
    orders_max : the wheel stops when so many orders are recorded
    looks : how often it may stop before that, evenly spaced; 1 to 10
    """

    def __init__(self, algorithms: Mapping[str, int], *, seed: int, orders_max: int = 1000, looks: int = 5) -> None:
        if len(algorithms) < 2:
            raise ValueError(f"algorithms has {len(algorithms)} names, must have two at least")
        for name, times in algorithms.items():
            if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= 100:
                raise ValueError(f"algorithms[{name!r}] is {times!r}, must be a whole number from 1 to 100")
        if isinstance(looks, bool) or not isinstance(looks, int) or not 1 <= looks <= len(_BOUNDARY):
            raise ValueError(f"looks is {looks!r}, must be from 1 to {len(_BOUNDARY)}")
        least = SAMPLES_MIN * len(algorithms)
        if isinstance(orders_max, bool) or not isinstance(orders_max, int) or orders_max < least:
            raise ValueError(f"orders_max is {orders_max!r}, must be {least} at least: 30 orders for each algorithm")
        self.algorithms, self.orders_max, self.looks = tuple(algorithms), orders_max, looks
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise ValueError(f"seed is {seed!r}, must be a whole number from 0 to 2**63 - 1")
        self.seed = seed
        self._block = [name for name, times in algorithms.items() for _ in range(times)]
        self._drawn: dict[Hashable, int] = {}
        self._shuffled: dict[Hashable, tuple[int, list[str]]] = {}
        self._costs: list[float] = []
        self._weights: list[float] = []
        self._clusters: list[Hashable] = []
        self._of: list[int] = []
        self._stopped = ""
        self._looked = 0

    @property
    def is_over(self) -> bool:
        return bool(self._stopped)

    @property
    def recorded(self) -> int:
        """Orders whose cost was recorded before the wheel stopped."""
        return len(self._costs)

    @property
    def next_look(self) -> int:
        """Recorded orders at which the costs are looked at next."""
        return math.ceil(self.orders_max * (self._looked + 1) / self.looks)

    def allocation(self, key: Hashable, number: int) -> str:
        """The algorithm of the `number`-th order (from 0) of a key, by the seed alone."""
        block, place = divmod(number, len(self._block))
        kept = self._shuffled.get(key)
        if kept is None or kept[0] != block:
            # repr, not hash: that of a text differs from process to process
            digest = hashlib.blake2b(f"{self.seed}/{key!r}/{block}".encode(), digest_size=8).digest()
            order = np.random.default_rng(int.from_bytes(digest, "big")).permutation(len(self._block))
            kept = self._shuffled[key] = block, [self._block[k] for k in order.tolist()]
        return kept[1][place]

    def next(self, key: Hashable = None) -> str:
        """The algorithm that `draw` would give now."""
        if not self.is_over:
            return self.allocation(key, self._drawn.get(key, 0))
        lower = [each for each in self.result().entries if each.verdict == "lower"]
        return min(lower, key=lambda each: each.cost.mean).algorithm if lower else self.algorithms[0]

    def draw(self, key: Hashable = None) -> str:
        """The algorithm of the next order of that key. After the wheel has stopped: the cheapest that stands, or the
        measure."""
        name = self.next(key)
        self._drawn[key] = self._drawn.get(key, 0) + 1
        return name

    def drawn(self, key: Hashable, count: int) -> None:
        """So many orders of a key were drawn before: after a restart."""
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"count is {count!r}, must be a whole number from 0 up")
        self._drawn[key] = count

    def record(self, algorithm: str, cost_bps: float, *, weight: float = 1.0, cluster: Hashable = None) -> bool:
        """Takes in what an order cost; True when the wheel has stopped.

        cluster : what the order has in common with others (symbol and half hour); None: nothing. NaN costs (Unknown)
            are counted as orders and left out of the means.
        """
        if algorithm not in self.algorithms:
            raise ValueError(f"algorithm is {algorithm!r}, must be one of {', '.join(self.algorithms)}")
        if math.isinf(cost_bps) or not (math.isfinite(weight) and weight > 0):
            raise ValueError(f"cost_bps is {cost_bps!r} and weight {weight!r}, must be a number, and one above 0")
        if self.is_over:
            return True
        self._costs.append(float(cost_bps))
        self._weights.append(float(weight))
        self._clusters.append(("", len(self._costs)) if cluster is None else cluster)
        self._of.append(self.algorithms.index(algorithm))
        count = len(self._costs)
        if count * self.looks >= self.orders_max * (self._looked + 1):
            self._looked += 1
            self._decide(count)
        return self.is_over

    def _decide(self, count: int) -> None:
        """Stops when every algorithm's difference from the first is beyond the boundary, or the orders are used up."""
        bound = _BOUNDARY[self.looks - 1] * math.sqrt(self.looks / self._looked)
        entries = self._entries()
        told = [
            each.against is not None and each.against.clusters >= SAMPLES_MIN and abs(each.against.t) >= bound
            for each in entries[1:]
        ]
        if self._looked == self.looks or count >= self.orders_max:
            self._stopped = f"all {count} orders are recorded"
        elif all(told):
            self._stopped = f"at look {self._looked} of {self.looks} every difference is beyond |t| {bound:.2f}"

    def _entries(self) -> tuple[WheelEntry, ...]:
        costs, weights, of = np.array(self._costs), np.array(self._weights), np.array(self._of, np.int64)
        numbers: dict[Hashable, int] = {}
        clusters = np.array([numbers.setdefault(each, len(numbers)) for each in self._clusters], np.int64)
        arms = [of == k for k in range(len(self.algorithms))]
        means = [clustered_mean(costs[arm], weights[arm], clusters[arm]) for arm in arms]
        against = [None, *(contrast(mean, means[0]) for mean in means[1:])]
        p = [math.nan if each is None or each.clusters < SAMPLES_MIN else float(each.p) for each in against]
        stands, adjusted = benjamini_hochberg(p)
        bound = _BOUNDARY[self.looks - 1] * math.sqrt(self.looks / max(1, self._looked))
        return tuple(
            WheelEntry(name, int((of == k).sum()), means[k], against[k],
                       float(adjusted[k]) if p[k] == p[k] else Unknown("no p"),
                       bool(stands[k]) and against[k] is not None and abs(against[k].t) >= bound)  # type: ignore[union-attr]
            for k, name in enumerate(self.algorithms)
        )  # fmt: skip

    def result(self) -> WheelResult:
        """The comparison as it stands."""
        return WheelResult(
            self._entries(), self._looked, self.looks, self.is_over,
            self._stopped or f"{len(self._costs)} of {self.orders_max} orders, {self._looked} of {self.looks} looks",
        )  # fmt: skip
