"""Intervals, paired differences and tails: known answers, coverage, and what is refused."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.execution._core.values import Unknown
from grandmodel.execution.analytics.significance import (
    SAMPLES_MIN,
    T_MIN,
    benjamini_hochberg,
    clustered_mean,
    mean_interval,
    paired_difference,
    t_statistic,
    tail_mean,
    welch,
)


def test_t_of_a_small_sample_by_hand():
    # mean 2, deviation sqrt(2.5), five samples: 2 / (1.5811388 / 2.2360680)
    assert t_statistic([0, 1, 2, 3, 4]) == pytest.approx(2.8284271247461903, rel=1e-15)
    # blocks (0, 1), (2), (3, 4) have the means 0.5, 2, 3.5: 2 / (1.5 / sqrt 3)
    by_block = t_statistic([0, 1, 2, 3, 4], blocks=["a", "a", "b", "c", "c"])
    assert by_block == pytest.approx(2.3094010767585034, rel=1e-15)


def test_an_interval_covers_as_often_as_it_says():
    """Of 400 samples of 40 normal draws the mean lies inside in 95 %, within three standard errors of that (3.3 %)."""
    draw = np.random.default_rng(11)
    inside = 0
    for seed in range(400):
        found = mean_interval(draw.normal(1.0, 2.0, 40), seed=seed)
        assert found.low < found.mean < found.high
        inside += found.low <= 1.0 <= found.high
    assert 0.95 - 0.045 <= inside / 400 <= 0.95 + 0.033  # the percentile interval is a little narrow on 40


def test_blocks_widen_it_where_their_samples_are_alike():
    days = np.repeat(np.arange(20), 50)
    values = np.random.default_rng(2).normal(0, 1, 20)[days]
    apart, together = mean_interval(values), mean_interval(values, blocks=days)
    assert (apart.blocks, together.blocks, together.count) == (1000, 20, 1000)
    assert together.high - together.low > 4 * (apart.high - apart.low)


def test_what_cannot_be_known_says_why():
    none, one = mean_interval([]), mean_interval([3.0, 5.0], blocks=["d", "d"])
    assert isinstance(none.mean, Unknown)
    assert (one.mean, one.count, one.blocks) == (4.0, 2, 1)
    assert one.low.reason == "one sample tells no interval"
    assert t_statistic([1.0]).reason == "fewer than two independent samples"
    assert t_statistic([1.0, 1.0]).reason == "the samples are all alike"
    assert isinstance(tail_mean([]), Unknown)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([1.0, math.nan]), "values has numbers that are not finite"),
        (lambda: mean_interval([1.0, math.inf]), "values has numbers that are not finite"),
        (lambda: mean_interval([[1.0]]), r"values has shape \(1, 1\)"),
        (lambda: mean_interval([1.0, 2.0], confidence=1.0), "confidence is 1.0"),
        (lambda: mean_interval([1.0, 2.0], blocks=[1]), r"blocks has shape \(1,\)"),
        (lambda: paired_difference([1.0], [1.0, 2.0]), "first has 1 samples, second 2"),
        (lambda: tail_mean([1.0], 0.0), "share is 0.0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_verdict_needs_samples_and_a_difference():
    draw = np.random.default_rng(5)
    base = draw.normal(0, 1, 200)
    assert paired_difference(base + 1 + draw.normal(0, 0.1, 200), base).verdict == "higher"
    assert paired_difference(base - 1 + draw.normal(0, 0.1, 200), base).verdict == "lower"
    assert paired_difference(base + draw.normal(0, 1, 200), base).verdict in ("no difference can be told",)
    few = SAMPLES_MIN - 1
    assert paired_difference(base[:few] + 5 + draw.normal(0, 0.1, few), base[:few]).verdict == "too few samples"
    assert paired_difference(base + 5 + draw.normal(0, 0.1, 200), base, blocks=np.arange(200) % 10).verdict == (
        "too few samples"
    )
    assert paired_difference(base, base).verdict == "no difference can be told"


def test_the_tail_is_the_worst_twentieth():
    assert tail_mean(range(100)) == 97.0  # 95 to 99
    assert tail_mean([4.0, 1.0]) == 4.0
    assert tail_mean([4.0, 1.0], 1.0) == 2.5


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40), st.floats(0.1, 100))
def test_units_and_sides_turn_everything_around(values, unit):
    """Another unit scales an interval; the other side mirrors it; the order of samples does not matter for the mean."""
    one = mean_interval(values)
    scaled = mean_interval(np.multiply(values, unit))
    assert scaled.mean == pytest.approx(one.mean * unit, rel=1e-9, abs=1e-6)
    assert scaled.low == pytest.approx(one.low * unit, rel=1e-9, abs=1e-6)
    gap, back = paired_difference(values, np.zeros(len(values))), paired_difference(np.zeros(len(values)), values)
    assert gap.interval.mean == -back.interval.mean
    assert mean_interval(values[::-1]).mean == one.mean


# ---- weighted means in clusters, contrasts, many comparisons


def test_samples_of_their_own_have_the_usual_error():
    values = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0]
    found = clustered_mean(values, [1] * 7, range(7))
    assert found.mean == pytest.approx(statistics.mean(values))
    assert found.error == pytest.approx(statistics.stdev(values) / math.sqrt(7))
    assert found.t == pytest.approx(float(t_statistic(values)))
    assert (found.count, found.clusters) == (7, 7)
    assert found.high - found.mean == pytest.approx(2.447 * found.error)  # t of six degrees of freedom
    many = clustered_mean(np.tile(values, 20), np.ones(140), range(140))
    assert many.high - many.mean == pytest.approx(1.9771 * many.error, rel=1e-4)  # of 139


@given(st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 1000), st.integers(0, 6)), min_size=2, max_size=60))
def test_a_clustered_mean_is_what_its_definition_says(rows):
    """Ratio estimator: residuals summed by cluster, B / (B - 1) of their squares, over the weights' sum."""
    values, weights, clusters = zip(*rows, strict=True)
    found = clustered_mean(values, weights, clusters)
    total = sum(map(Fraction, weights))
    mean = sum(Fraction(w) * Fraction(v) for v, w in zip(values, weights, strict=True)) / total
    assert found.mean == pytest.approx(float(mean), abs=1e-9)
    groups = {}
    for value, weight, cluster in rows:
        groups[cluster] = groups.get(cluster, 0) + weight * (Fraction(value) - mean)
    if len(groups) < 2:
        assert isinstance(found.error, Unknown)
        return
    squares = sum(each * each for each in groups.values()) * len(groups) / (len(groups) - 1)
    assert found.error == pytest.approx(math.sqrt(squares) / float(total), abs=1e-9)
    named = clustered_mean(values, weights, [f"c{each}" for each in clusters])  # labels may be anything
    assert (named.mean, named.error) == pytest.approx((found.mean, found.error), abs=1e-12)


def test_twice_the_same_samples_in_their_clusters_say_no_more():
    rng = np.random.default_rng(1)
    values, clusters = rng.normal(size=200), np.arange(200) // 5
    once = clustered_mean(values, np.ones(200), clusters)
    twice = clustered_mean(np.tile(values, 2), np.ones(400), np.tile(clusters, 2))
    assert twice.error == pytest.approx(once.error)
    alone = clustered_mean(np.tile(values, 2), np.ones(400), np.arange(400))
    independent = clustered_mean(values, np.ones(200), np.arange(200))
    assert alone.error == pytest.approx(independent.error / math.sqrt(2), rel=0.01)  # as if there were more of them


def test_what_is_not_known_is_left_out():
    found = clustered_mean([1.0, math.nan, 3.0], [1, 1, 1], [0, 1, 2])
    assert (found.mean, found.count) == (2.0, 2)
    assert clustered_mean([math.nan], [1], [0]).mean.reason == "no sample"
    with pytest.raises(ValueError, match="negative or not finite"):
        clustered_mean([1.0], [-1], [0])
    with pytest.raises(ValueError, match="as many of each"):
        clustered_mean([1.0], [1, 2], [0])


def test_the_effect_size_is_cohens_d():
    """Means 3 and 5, deviations sqrt(2.5) and sqrt(10): d = -2 / sqrt((2.5 + 10) / 2) = -0.8."""
    found = welch([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 3.0, 5.0, 7.0, 9.0])
    assert found.effect == pytest.approx(-0.8)
    back = welch([1.0, 3.0, 5.0, 7.0, 9.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert back.effect == pytest.approx(0.8)
    assert isinstance(welch([1.0] * 3, [1.0] * 3).effect, Unknown)


def test_welch_by_hand():
    """A against B: t of the difference of the means over the root of the sum of their squared errors."""
    a, b = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8]
    found = welch(a, b)
    error = math.sqrt(statistics.variance(a) / 6 + statistics.variance(b) / 7)
    assert found.difference == pytest.approx(statistics.mean(a) - statistics.mean(b))
    assert found.t == pytest.approx(found.difference / error)
    assert found.verdict == "too few samples"
    rng = np.random.default_rng(3)
    assert welch(rng.normal(0, 1, 400), rng.normal(1, 2, 300)).verdict == "lower"
    assert welch(rng.normal(1, 1, 400), rng.normal(0, 2, 300)).verdict == "higher"
    assert welch([1.0] * 40, [1.0] * 40).verdict == "no difference can be told"


def test_a_false_difference_is_told_as_often_as_it_says():
    rng = np.random.default_rng(8)
    wrong = sum(welch(rng.normal(size=60), rng.normal(size=60)).p < 0.05 for _ in range(1000))
    assert 25 <= wrong <= 80  # 50 expected


def test_benjamini_and_hochbergs_own_example():
    """Their section 4.1: of fifteen p values, Bonferroni's rule rejects three, theirs four."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    stands, adjusted = benjamini_hochberg(p, 0.05)
    assert stands.tolist() == [True] * 4 + [False] * 11
    assert adjusted[3] == pytest.approx(0.0095 * 15 / 4)
    order = np.random.default_rng(0).permutation(15)
    mixed = np.array(p)[order]
    assert benjamini_hochberg(mixed)[0].tolist() == stands[order].tolist()
    with_none, _ = benjamini_hochberg([*p, math.nan])
    assert with_none.tolist() == [*stands.tolist(), False]
    with pytest.raises(ValueError, match="outside"):
        benjamini_hochberg([1.5])
    with pytest.raises(ValueError, match="rate is 0"):
        benjamini_hochberg(p, 0)


def test_a_block_that_decides_the_mean_alone_decides_no_verdict():
    """Forty blocks of one sample cost more, one of a thousand samples less: t says the one, the mean the other."""
    costs = np.concatenate([np.random.default_rng(1).normal(1.0, 1.0, 40), np.full(1000, -1.0)])
    blocks = np.concatenate([np.arange(40), np.full(1000, 40)])
    found = paired_difference(costs, np.zeros(1040), blocks=blocks)
    assert (found.interval.mean < 0, found.t > T_MIN, found.interval.blocks) == (True, True, 41)
    assert found.verdict == "no difference can be told"
    assert paired_difference(-costs, np.zeros(1040), blocks=blocks).verdict == "no difference can be told"
    assert paired_difference(costs[:40], np.zeros(40)).verdict == "higher"

