"""Whether a difference means anything: bootstrap intervals, paired differences, tails, and verdicts that are refused.

Costs are in bps, positive = bad for the trader, so that a negative difference is the cheaper one. Means of execution
costs are skewed and their samples small, so intervals come from the percentile bootstrap (Efron, Annals of Statistics
7, 1979), seeded; samples that belong together (the trades of a day) are drawn as whole blocks. A verdict needs 30
independent samples and |t| of 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core.values import Unknown

#: Fewer samples than this carry no verdict, nor does a smaller |t|.
SAMPLES_MIN, T_MIN = 30, 2.0
_RESAMPLES = 2000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the interval that it lies in with `confidence`; Unknown where one block (or none) cannot tell.

    `count` samples in `blocks` that are independent of one another.
    """

    mean: float
    low: float
    high: float
    count: int
    blocks: int
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of paired differences, first less second, with its interval, t and effect size (mean over deviation)."""

    interval: Interval
    t: float
    effect: float

    @property
    def verdict(self) -> str:
        """`lower`, `higher`, or why neither can be said."""
        if self.interval.blocks < SAMPLES_MIN:
            return "too few samples"
        if not abs(self.t) >= T_MIN:  # NaN too
            return "no difference can be told"
        return "lower" if self.interval.mean < 0 else "higher"


def _samples(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values, np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}, must be one-dimensional")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has numbers that are not finite: leave out and count what cannot be known")
    return array


def mean_interval(
    values: ArrayLike, *, confidence: float = 0.95, blocks: ArrayLike | None = None, seed: int = 0
) -> Interval:
    """The mean of samples and its bootstrap interval.

    Parameters
    ----------
    values : (n,) finite numbers
    blocks : (n,) labels of what belongs together, drawn as a whole; None: each sample for itself
    seed : of the resampling; equal seeds give equal intervals

    Returns
    -------
    Interval; mean Unknown for no sample, low and high Unknown for one sample (or block)
    """
    samples = _samples(values, "values")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence!r}, must be between 0 and 1")
    n = len(samples)
    if n == 0:
        nothing = Unknown("no sample")
        return Interval(nothing, nothing, nothing, 0, 0, confidence)
    mean = math.fsum(samples) / n
    sums, counts = _blocks(samples, blocks)
    if len(sums) < 2:
        one = Unknown("one sample tells no interval")
        return Interval(mean, one, one, n, len(sums), confidence)
    draw = np.random.default_rng(seed)
    chosen = draw.integers(0, len(sums), (_RESAMPLES, len(sums)))
    means = sums[chosen].sum(1) / counts[chosen].sum(1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(mean, float(low), float(high), n, len(sums), confidence)


def _blocks(samples: Floats, blocks: ArrayLike | None) -> tuple[Floats, Floats]:
    """Sum and number of samples of each block."""
    if blocks is None:
        return samples, np.ones(len(samples))
    labels = np.asarray(blocks)
    if labels.shape != samples.shape:
        raise ValueError(f"blocks has shape {labels.shape}, must be {samples.shape}")
    _, places = np.unique(labels, return_inverse=True)
    sums: Floats = np.bincount(places, samples).astype(np.float64)
    return sums, np.bincount(places).astype(np.float64)


def t_statistic(values: ArrayLike, *, blocks: ArrayLike | None = None) -> float:
    """Mean over its standard error (deviation with n - 1), by block; Unknown below two or without any spread."""
    sums, counts = _blocks(_samples(values, "values"), blocks)
    samples = sums / counts
    if len(samples) < 2:
        return Unknown("fewer than two independent samples")
    deviation = float(samples.std(ddof=1))
    if deviation == 0.0:
        return Unknown("the samples are all alike")
    return float(samples.mean()) / deviation * math.sqrt(len(samples))


def paired_difference(
    first: ArrayLike, second: ArrayLike, *, blocks: ArrayLike | None = None, seed: int = 0
) -> Difference:
    """What `first` costs more than `second`, sample by sample: of runs with the same seed, day or order."""
    one, other = _samples(first, "first"), _samples(second, "second")
    if one.shape != other.shape:
        raise ValueError(f"first has {len(one)} samples, second {len(other)}: pairs need as many of both")
    gap = one - other
    interval, t = mean_interval(gap, blocks=blocks, seed=seed), t_statistic(gap, blocks=blocks)
    return Difference(interval, t, t if t != t else t / math.sqrt(interval.blocks))


def tail_mean(values: ArrayLike, share: float = 0.05) -> float:
    """The mean of the worst `share` of the costs (CVaR), of at least one; Unknown without samples."""
    samples = np.sort(_samples(values, "values"))[::-1]
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share is {share!r}, must be in (0, 1]")
    if len(samples) == 0:
        return Unknown("no sample")
    worst = samples[: max(1, math.floor(len(samples) * share + 1e-9))]
    return math.fsum(worst) / len(worst)
