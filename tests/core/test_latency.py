"""Histograms of the hot path: against the sorted list of everything recorded, and at bucket edges."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import latency as reference

from grandmodel.execution._core import latency
from grandmodel.execution._core.latency import RELATIVE_ERROR, STAGES, Histogram, StageHistograms

INT64_MAX = 2**63 - 1
durations = st.one_of(
    st.integers(0, 100), st.integers(0, 10**6), st.integers(0, INT64_MAX), st.integers(-(2**63), -1)
)


def filled(values):
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


# ---- known answers


def test_empty_knows_nothing():
    histogram = Histogram()
    assert histogram.count == 0
    assert histogram.sum == 0
    assert histogram.percentile(50) is None
    assert histogram.min is None
    assert histogram.max is None
    assert histogram.mean is None
    assert not histogram
    assert [len(column) for column in histogram.buckets()] == [0, 0, 0]


def test_small_values_are_exact():
    values = [31, 7, 0, 12, 5, 31, 30]
    for percent in (0, 1, 20, 50, 75, 99, 100):
        assert filled(values).percentile(percent) == reference.percentile(values, percent)
    histogram = filled(range(26))
    assert histogram.mean == 12.5


def test_one_value_is_exact_at_any_size():
    for value in (0, 31, 32, 33, 1_000, 12_345_678, INT64_MAX):
        histogram = filled([value])
        assert {histogram.percentile(p) for p in (0, 50, 99.9, 100)} == {value}
        assert (histogram.min, histogram.max, histogram.sum) == (value, value, value)


def test_two_clusters():
    histogram = filled([100] * 90 + [10_000] * 10)
    assert 100 <= histogram.percentile(50) <= 103
    assert 10_000 <= histogram.percentile(95) <= 10_312
    assert histogram.mean == (90 * 100 + 10 * 10_000) / 100


def test_negatives_count_as_zero_and_are_counted():
    histogram = filled([-5, 3, -(2**63)])
    assert (histogram.count, histogram.negatives) == (3, 2)
    assert (histogram.min, histogram.max, histogram.sum) == (0, 3, 3)


def test_sum_is_wider_than_64_bits():
    histogram = filled([INT64_MAX] * 5)
    assert histogram.sum == 5 * INT64_MAX
    assert histogram.mean == pytest.approx(INT64_MAX, rel=1e-15)
    twice = histogram.copy()
    twice.merge(histogram)
    assert twice.sum == 10 * INT64_MAX


# ---- bucket arithmetic


@given(st.integers(0, INT64_MAX))
def test_bucket_of_any_value(value):
    index, low, high = latency._bucket_of(value)
    assert (low, high) == reference.bucket(value)
    assert low <= value <= high
    assert (high - low) <= RELATIVE_ERROR * low
    assert 0 <= index < latency.BUCKETS


def test_buckets_leave_no_gap():
    value, indices = 0, []
    while value <= INT64_MAX:
        index, low, high = latency._bucket_of(value)
        assert low == value
        indices.append(index)
        value = high + 1
    assert indices == list(range(latency.BUCKETS))


# ---- against the sorted list


@settings(max_examples=200)
@given(st.lists(durations, min_size=1, max_size=60), st.floats(0, 100))
def test_percentile_against_the_sorted_list(values, percent):
    exact = reference.percentile(values, percent)
    got = filled(values).percentile(percent)
    assert exact <= got <= exact * (1 + RELATIVE_ERROR)


def test_percentiles_against_numpy():
    rng = np.random.default_rng(7)
    values = np.exp(rng.normal(8, 2, 50_000)).astype(np.int64)
    histogram = Histogram()
    histogram.record_many(values)
    for percent in (0, 1, 25, 50, 90, 99, 99.9, 99.99, 100):
        exact = np.percentile(values, percent, method="higher")
        assert exact <= histogram.percentile(percent) <= exact * (1 + RELATIVE_ERROR)
    assert histogram.mean == pytest.approx(values.mean(), rel=1e-12)
    assert (histogram.min, histogram.max, histogram.count) == (values.min(), values.max(), len(values))


@given(st.lists(durations, max_size=40))
def test_percentile_rises_with_percent(values):
    histogram = filled(values)
    points = [histogram.percentile(p) for p in (0, 10, 50, 90, 100)]
    if values:
        assert points == sorted(points)
        assert points[-1] == histogram.max == max(reference.clamped(values))


@given(st.lists(durations, max_size=30), st.lists(durations, max_size=30))
def test_merge_is_recording_both(a, b):
    merged = filled(a)
    merged.merge(filled(b))
    assert merged == filled(a + b)
    low, high, count = merged.buckets()
    assert int(count.sum()) == len(a) + len(b)
    assert (low <= high).all()


@given(st.lists(durations, max_size=30))
def test_state_survives_bytes_and_pickle(values):
    histogram = filled(values)
    assert Histogram.from_bytes(histogram.to_bytes()) == histogram
    assert pickle.loads(pickle.dumps(histogram)) == histogram


def test_record_many_is_record():
    values = np.arange(-5, 2_000, 7)
    histogram = Histogram()
    histogram.record_many(values)
    histogram.record_many([])
    read_only = values.copy()
    read_only.flags.writeable = False
    twin = filled(values.tolist())
    assert histogram == twin
    histogram.record_many(read_only[::2])
    assert histogram.count == len(values) + len(values[::2])


def test_reset_and_copy():
    histogram = filled([1, 2, 3])
    copy = histogram.copy()
    histogram.reset()
    assert histogram == Histogram()
    assert copy.count == 3
    copy.merge(copy)
    assert copy == filled([1, 2, 3, 1, 2, 3])


# ---- stages


def test_stages():
    stages = StageHistograms()
    assert stages.stages == STAGES == ("total", "validate", "risk", "route", "journal", "venue")
    assert list(stages) == list(STAGES)
    assert len(stages) == 6
    assert "risk" in stages
    stages.record("risk", 12)
    stages["risk"].record(14)
    assert stages["risk"].count == 2
    assert stages["total"].count == 0
    summary = stages.summary()
    assert summary["risk"]["max"] == 14
    assert summary["venue"]["p99"] is None
    other = pickle.loads(pickle.dumps(stages))
    other.merge(stages)
    assert other["risk"].sum == 52
    stages.reset()
    assert not stages["risk"]
    assert "risk=2" not in repr(stages)


def test_stage_refusals():
    stages = StageHistograms(("a", "b"))
    with pytest.raises(KeyError, match="'c', must be one of a, b"):
        stages.record("c", 1)
    with pytest.raises(ValueError, match="stages are"):
        stages.merge(StageHistograms())
    with pytest.raises(TypeError):
        stages.merge(None)
    for bad in ((), ("a", "a"), tuple("abcdefghijklmnopq")):
        with pytest.raises(ValueError, match="different names"):
            StageHistograms(bad)
    for bad in ("total", (1,), ("",), 3):
        with pytest.raises(TypeError, match="tuple of names"):
            StageHistograms(bad)


# ---- bad input


@pytest.mark.parametrize("bad", [True, 1.0, "1", None, np.array([1]), float("nan")])
def test_record_refuses_what_is_not_an_int(bad):
    histogram = Histogram()
    with pytest.raises(TypeError, match=r"ns is .*must be an int"):
        histogram.record(bad)
    assert histogram.count == 0


@pytest.mark.parametrize("bad", [2**63, -(2**63) - 1, 10**30])
def test_record_refuses_what_does_not_fit(bad):
    with pytest.raises(ValueError, match="ns is"):
        Histogram().record(bad)


@pytest.mark.parametrize("bad", [-0.1, 100.1, float("nan"), float("inf")])
def test_percentile_refuses_the_range(bad):
    with pytest.raises(ValueError, match="percent is"):
        filled([1]).percentile(bad)


@pytest.mark.parametrize("bad", [True, "50", None])
def test_percentile_refuses_the_type(bad):
    with pytest.raises(TypeError, match="percent is"):
        filled([1]).percentile(bad)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (np.array([1.5]), TypeError),
        (np.array([True]), TypeError),
        ([1, True], TypeError),
        (None, TypeError),
        ("12", TypeError),
        (np.array([[1]]), ValueError),
        (np.array([2**63], np.uint64), ValueError),
        (np.array(["1"]), TypeError),
    ],
)
def test_record_many_refuses(bad, error):
    histogram = Histogram()
    with pytest.raises(error, match="ns "):
        histogram.record_many(bad)
    assert histogram.count == 0


def test_from_bytes_refuses():
    state = filled([1, 2]).to_bytes()
    for bad in (b"", state[:-1], b"\x02" + state[1:], state[:-1] + b"\x01"):
        with pytest.raises(ValueError, match="state"):
            Histogram.from_bytes(bad)
