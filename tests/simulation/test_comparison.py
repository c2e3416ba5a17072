"""Orders worked in several ways over the same days: paired, repeatable, the same in one process and in two."""

from __future__ import annotations

import math
from functools import partial

import pytest

from grandmodel.execution.compare_command import _ways
from grandmodel.execution.routing.algorithms import AlgorithmConfigError
from grandmodel.execution.simulation.comparison import Job, Way, compare
from grandmodel.execution.simulation.lobster import read_lobster
from grandmodel.execution.simulation.recording import of_lobster

ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 2000}
WAYS = [
    Way("market", {"algorithm": "market"}),
    Way("twap", {"algorithm": "twap", "duration_minutes": 10, "slice_duration": 2}),
]


def jobs(count, order=ORDER):
    return [Job(order, "10:00", 10, seed) for seed in range(count)]


def test_runs_are_paired_and_add_up():
    seen = []
    market, twap = compare(WAYS, jobs(4), processes=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(k, 8) for k in range(1, 9)]
    assert (market.label, market.runs, market.cost.blocks) == ("market", 4, 4)
    assert market.difference is None
    assert twap.difference.interval.mean == pytest.approx(twap.cost.mean - market.cost.mean, rel=1e-9)
    assert twap.difference.verdict == "too few samples"
    assert market.fill_rate == twap.fill_rate == 1.0
    assert market.cost.mean > 0
    assert market.tail_bps >= market.cost.mean
    assert math.isfinite(twap.vwap_slippage_bps)


def test_equal_seeds_give_equal_results_in_one_process_and_in_two():
    one = compare(WAYS, jobs(3), processes=1)
    assert compare(WAYS, jobs(3), processes=1) == one
    assert compare(WAYS, jobs(3), processes=2) == one


def test_a_configuration_is_a_way_too():
    config = {"routing": {"venues": {"ONLY": {"cost_per_share": 0.01}}}}
    cheap, dear = compare([WAYS[0], Way("dear", WAYS[0].algorithm, config)], jobs(3), processes=1)
    assert dear.cost.mean > cheap.cost.mean


def test_windows_of_a_recording_are_the_samples(amzn_files):
    day = partial(_amzn, tuple(map(str, amzn_files)))
    order = {"symbol": "AMZN", "side": "sell", "quantity": 500}
    given = [Job(order, start, 10, seed) for start in ("10:00", "11:00") for seed in range(3)]
    (market,) = compare(WAYS[:1], given, recording=day, processes=1)
    assert (market.runs, market.cost.count, market.cost.blocks) == (6, 6, 2)


def _amzn(files):
    return of_lobster(read_lobster(*files))


@pytest.mark.parametrize(
    ("ways", "given", "message"),
    [
        ([], jobs(1), "ways and jobs must have one entry"),
        (WAYS, [], "ways and jobs must have one entry"),
        (WAYS, [Job(ORDER, "25:00", 10, 0)], "start is '25:00'"),
    ],
)
def test_what_cannot_be_run_is_named(ways, given, message):
    with pytest.raises(ValueError, match=message):
        compare(ways, given, processes=1)


def test_a_wrong_algorithm_is_named():
    with pytest.raises(AlgorithmConfigError, match="duration_minutes is 0"):
        compare([Way("x", {"algorithm": "twap", "duration_minutes": 0})], jobs(1), processes=1)


def test_a_way_has_what_its_configuration_has_for_its_algorithm(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text("routing:\n  algorithms:\n    pov: {participation_rate: 0.2}\n")
    (way,) = _ways(["pov"], 10.0, [path])
    assert way.algorithm == {"algorithm": "pov", "duration_minutes": 10.0}
    (told,) = compare([way], jobs(2), processes=1)
    assert told.runs == 2
    for given, field in (("pov", "participation_rate"), ("market:x=1", "x"), ("twap:durations=1", "durations")):
        with pytest.raises(AlgorithmConfigError) as wrong:
            _ways([given], 10.0, [])
        assert wrong.value.field == field
