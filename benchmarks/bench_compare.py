"""`gmexec compare`: 200 runs of an hour of the AMZN day, in as many processes as there are processors."""

from __future__ import annotations

from functools import partial

from grandmodel.execution.simulation.comparison import Job, Way, compare
from grandmodel.execution.simulation.lobster import read_lobster
from grandmodel.execution.simulation.recording import of_lobster

WAYS = [
    Way(name, {"algorithm": name, **({} if name == "market" else {"duration_minutes": 60})})
    for name in ("market", "twap", "vwap", "implementation_shortfall")
]


def amzn(files):
    return of_lobster(read_lobster(*files))


def bench_two_hundred_runs(benchmark, amzn_files):
    """Asked for: 20 seconds on two cores."""
    jobs = [Job({"symbol": "AMZN", "side": "buy", "quantity": 2000}, "10:00", 60, seed) for seed in range(50)]
    recording = partial(amzn, tuple(map(str, amzn_files)))
    found = benchmark.pedantic(compare, (WAYS, jobs), {"recording": recording}, rounds=3)
    assert [each.runs for each in found] == [50] * 4
