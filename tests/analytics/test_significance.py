"""Intervals, paired differences and tails: known answers, coverage, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.execution._core.values import Unknown
from grandmodel.execution.analytics.significance import (
    SAMPLES_MIN,
    mean_interval,
    paired_difference,
    t_statistic,
    tail_mean,
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
