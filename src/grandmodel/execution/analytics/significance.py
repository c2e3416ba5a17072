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
_AT_ONCE = 4_000_000  # indices that are drawn at once

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
        # NaN too. Blocks count alike in t and by their samples in the mean: the two can point different ways.
        if not abs(self.t) >= T_MIN or (self.t < 0) != (self.interval.mean < 0):
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
    means = np.empty(_RESAMPLES)
    at_once = max(1, _AT_ONCE // len(sums))
    for begin in range(0, _RESAMPLES, at_once):  # a bounded piece of memory, whatever the samples
        chosen = draw.integers(0, len(sums), (min(at_once, _RESAMPLES - begin), len(sums)))
        means[begin : begin + at_once] = sums[chosen].sum(1) / counts[chosen].sum(1)
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
    """Mean over its standard error (deviation with n - 1), of the blocks' means, each counting alike; Unknown below two
    or without any spread."""
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


# ---- groups of one day: fills of a venue, orders of an algorithm


@dataclass(frozen=True, slots=True)
class WeightedMean:
    """A weighted mean of samples that come in clusters, its standard error between clusters, and its 95 % interval (by
    Student's t with one degree of freedom less than there are clusters).

    `error`, `low` and `high` are Unknown below two clusters.
    """

    mean: float
    error: float
    low: float
    high: float
    count: int
    clusters: int

    @property
    def t(self) -> float:
        """Mean over its error; Unknown where there is none."""
        return self.mean / self.error if self.error > 0 else Unknown("no spread between clusters")


def clustered_mean(values: ArrayLike, weights: ArrayLike, clusters: ArrayLike) -> WeightedMean:
    """The weighted mean of samples that are alike within a cluster (fills of one symbol and half hour) and independent
    between clusters.

    The error is the ratio estimator's, from the residuals' sums by cluster (W. Cochran, Sampling Techniques, 3rd ed.,
    1977, section 6.3; K.-Y. Liang and S. Zeger, Biometrika 73, 1986), with B / (B - 1) for B clusters. NaN values are
    left out.

    Parameters
    ----------
    values : (n,) float. weights : (n,) not negative. clusters : (n,) labels
    """
    sample, weight = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    label = np.asarray(clusters)
    if not sample.shape == weight.shape == label.shape or sample.ndim != 1:
        shapes = f"{sample.shape}, {weight.shape}, {label.shape}"
        raise ValueError(f"values, weights, clusters have shapes {shapes}, must be as many of each")
    if not (weight >= 0).all() or not np.isfinite(weight).all():
        raise ValueError("weights has a number that is negative or not finite")
    used = np.isfinite(sample) & (weight > 0)
    sample, weight, label = sample[used], weight[used], label[used]
    if len(sample) == 0:
        nothing = Unknown("no sample")
        return WeightedMean(nothing, nothing, nothing, nothing, 0, 0)
    total = float(weight.sum())
    mean = float(weight @ sample) / total
    if label.dtype.kind not in "iu" or label.min() < 0 or label.max() > 4 * len(label) + 1024:
        _, label = np.unique(label, return_inverse=True)
    count = int((np.bincount(label) > 0).sum())
    if count < 2:
        one = Unknown("one cluster tells no interval")
        return WeightedMean(mean, one, one, one, len(sample), count)
    sums = np.bincount(label, weight * (sample - mean))
    error = math.sqrt(float(sums @ sums) * count / (count - 1)) / total
    reach = _t_quantile(count - 1) * error
    return WeightedMean(mean, error, mean - reach, mean + reach, len(sample), count)


# Student's t, 97.5 %, by degrees of freedom from 1 to 29 (R. Fisher and F. Yates, Statistical Tables, 1963, table III).
_T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
)  # fmt: skip


def _t_quantile(freedom: int) -> float:
    """t that 2.5 % exceed; beyond the table the first two terms in 1 / freedom (Abramowitz and Stegun, 26.7.5)."""
    if freedom <= len(_T_975):
        return _T_975[freedom - 1]
    return 1.959964 + 2.37227 / freedom + 2.8225 / freedom**2


@dataclass(frozen=True, slots=True)
class Contrast:
    """The difference of two independent means, first less second: its error, t, two-sided p, and effect size: the
    difference over the deviation of independent samples (of both, the root of their mean square)."""

    difference: float
    error: float
    t: float
    p: float
    clusters: int
    effect: float

    @property
    def verdict(self) -> str:
        """`lower`, `higher`, or why neither can be said."""
        if self.clusters < SAMPLES_MIN:
            return "too few samples"
        if not abs(self.t) >= T_MIN:  # NaN too
            return "no difference can be told"
        return "lower" if self.difference < 0 else "higher"


def contrast(first: WeightedMean, second: WeightedMean) -> Contrast:
    """Welch's comparison of two means with their own errors (B. Welch, Biometrika 34, 1947).

    p is the normal distribution's: verdicts ask for 30 clusters of each, where it differs from t's little. The effect
    size is J. Cohen's d (Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, 2.3) with a mean's error
    times the root of its clusters for a deviation: of clusters of one sample each, the sample's own.
    """
    error = math.hypot(first.error, second.error)
    gap = first.mean - second.mean
    t = gap / error if error > 0 else Unknown("no spread between clusters")
    p = Unknown("no t") if math.isnan(t) else math.erfc(abs(t) / math.sqrt(2))
    spread = math.sqrt((first.error**2 * first.clusters + second.error**2 * second.clusters) / 2)
    effect = gap / spread if spread > 0 else Unknown("no spread between clusters")
    return Contrast(gap, error, t, p, min(first.clusters, second.clusters), effect)


def welch(first: ArrayLike, second: ArrayLike) -> Contrast:
    """The difference of the means of two independent samples with variances of their own (Welch 1947)."""
    one, other = (
        clustered_mean(values, np.ones(len(values)), np.arange(len(values)))
        for values in (_samples(first, "first"), _samples(second, "second"))
    )
    return contrast(one, other)


def benjamini_hochberg(p: ArrayLike, rate: float = 0.05) -> tuple[NDArray[np.bool_], Floats]:
    """Which of many comparisons stand when a share `rate` of those that do may be false (Y. Benjamini and Y. Hochberg,
    Journal of the Royal Statistical Society B 57, 1995).

    Parameters
    ----------
    p : (m,) p values; NaN: not compared, and not counted among the m

    Returns
    -------
    stands : (m,) bool. adjusted : (m,) p values to hold against `rate`; NaN where p is
    """
    given = np.asarray(p, np.float64)
    if given.ndim != 1 or ((given < 0) | (given > 1)).any():
        raise ValueError("p has numbers outside [0, 1], or more than one dimension")
    if not 0.0 < rate < 1.0:
        raise ValueError(f"rate is {rate!r}, must be between 0 and 1")
    adjusted = np.full(len(given), np.nan)
    at = np.flatnonzero(~np.isnan(given))
    if len(at):
        order = at[np.argsort(given[at], kind="stable")]
        scaled = given[order] * len(order) / np.arange(1, len(order) + 1)
        adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted <= rate, adjusted
