"""One parent order, worked in several ways over the same days: what each costs, and whether the difference means much.

A day is a recording's, or a synthetic one by its seed; a way is an algorithm with its parameters, under a
configuration. Ways are paired: the same order, the same day, the same seed. Runs go to as many processes as there are.

Synthetic days of different seeds are independent. In a recording a window is one sample, however many seeds work in it:
the market was what it was, a seed only moves what an algorithm draws. Intervals and verdicts count windows then.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date as _date
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytics.significance import Difference, Interval, mean_interval, paired_difference, tail_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .recording import Recording

#: Called with (runs done, all runs).
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Way:
    """How an order is worked: a label, an algorithm's configuration, and the engine's (on synthetic days)."""

    label: str
    algorithm: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """One order on one day: when it is given (exchange time), and the seed of the day and of what is drawn."""

    order: Mapping[str, Any]
    start: str
    duration_minutes: float
    seed: int
    day: str = "2025-01-02"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one job worked in one way. Costs in bps of the decision price; NaN where they cannot be known."""

    way: int
    job: int
    total_bps: float
    fees_bps: float
    vwap_slippage_bps: float
    fill_rate: float
    children: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A way's runs: mean cost with its interval, deviation, mean of the worst 5 %, completion, and the paired
    difference to the first way."""

    label: str
    runs: int
    unknown: int
    cost: Interval
    deviation: float
    tail_bps: float
    vwap_slippage_bps: float
    fill_rate: float
    children: float
    difference: Difference | None


def compare(
    ways: Sequence[Way],
    jobs: Sequence[Job],
    *,
    recording: Callable[[], Recording] | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> list[Summary]:
    """Works every job in every way.

    Parameters
    ----------
    recording : gives the recorded market, called once in each process (so it must be picklable); None: synthetic days
    processes : None: as many as there are processors; 1: none but this one
    """
    if not ways or not jobs:
        raise ValueError("ways and jobs must have one entry at least")
    cases = [(way, job) for job in range(len(jobs)) for way in range(len(ways))]
    outcomes: list[Outcome] = []
    for outcome in _outcomes(ways, jobs, cases, recording, processes):
        outcomes.append(outcome)
        if progress is not None:
            progress(len(outcomes), len(cases))
    blocks = np.array([job.start if recording is not None else f"{job.day} {job.seed}" for job in jobs])
    return [_summary(way, ways, outcomes, blocks) for way in range(len(ways))]


def _outcomes(
    ways: Sequence[Way],
    jobs: Sequence[Job],
    cases: Sequence[tuple[int, int]],
    recording: Callable[[], Recording] | None,
    processes: int | None,
) -> Iterable[Outcome]:
    most = min(len(cases), processes or len(os.sched_getaffinity(0)))
    if most <= 1:
        worker = _Worker(ways, jobs, recording)
        yield from map(worker.run, cases)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # an engine must not be forked: processes begin afresh
    with ProcessPoolExecutor(most, get_context("spawn"), _begin, (ways, jobs, recording)) as pool:
        yield from pool.map(_run, cases, chunksize=max(1, min(16, len(cases) // (4 * most))))


def _summary(way: int, ways: Sequence[Way], outcomes: Sequence[Outcome], blocks: NDArray[Any]) -> Summary:
    costs = np.full((len(ways), len(blocks)), math.nan)
    for outcome in outcomes:
        costs[outcome.way, outcome.job] = outcome.total_bps
    mine = [outcome for outcome in outcomes if outcome.way == way]
    finite = np.isfinite(costs[way])
    known = costs[way][finite]
    both = np.isfinite(costs[0]) & np.isfinite(costs[way])
    slippage = [each.vwap_slippage_bps for each in mine if math.isfinite(each.vwap_slippage_bps)]
    return Summary(
        label=ways[way].label,
        runs=len(mine),
        unknown=len(mine) - len(known),
        cost=mean_interval(known, blocks=blocks[finite]),
        deviation=float(known.std(ddof=1)) if len(known) > 1 else math.nan,
        tail_bps=tail_mean(known),
        vwap_slippage_bps=math.fsum(slippage) / len(slippage) if slippage else math.nan,
        fill_rate=math.fsum(each.fill_rate for each in mine) / len(mine),
        children=math.fsum(each.children for each in mine) / len(mine),
        difference=None if way == 0 else paired_difference(costs[way][both], costs[0][both], blocks=blocks[both]),
    )


# ---- one run


class _Worker:
    """What one process keeps: the ways, the jobs and the recording."""

    def __init__(self, ways: Sequence[Way], jobs: Sequence[Job], recording: Callable[[], Recording] | None) -> None:
        self.ways, self.jobs = ways, jobs
        self.recording = None if recording is None else recording()

    def run(self, case: tuple[int, int]) -> Outcome:
        from ..analytics.execution_cost import market_vwap
        from ..clock import SimulatedClock, run
        from ..routing.algorithms.parent import run_parent
        from ..routing.smart_router import SmartOrderRouter

        way, job = self.ways[case[0]], self.jobs[case[1]]
        begin_ns, clock, core = self._market(way, job)
        assert isinstance(clock, SimulatedClock)
        order = {"order_type": "market", **job.order}
        symbol = order["symbol"]

        async def work() -> tuple[Any, dict[str, int], dict[str, int]]:
            await clock.sleep_until(begin_ns)
            router = SmartOrderRouter(engine=core)
            core.touch(symbol)
            before = core.venues.tape(symbol)
            parent = router.start(order, {"seed": job.seed, **way.algorithm})
            parent.end_ns = min(parent.end_ns, begin_ns + round(job.duration_minutes * 60e9))
            await run_parent(parent)
            for _ in range(60):  # what was not filled is measured by the next mid, within a minute
                if core.quote(symbol).mid_e9 is not None:
                    break
                await clock.sleep(1.0)
            core.touch(symbol)
            after = core.venues.tape(symbol)
            return router.result(parent), before, after

        try:
            result, before, after = run(work(), clock=clock, seed=job.seed)
        finally:
            core.close()
        cost = result.cost
        assert cost is not None
        vwap = market_vwap(before, after) if after["volume"] > before["volume"] else math.nan
        slippage = cost.order.side.sign * (float(cost.average_price) / vwap - 1.0) * 1e4
        return Outcome(
            case[0], case[1], float(cost.total_bps), float(cost.fees_bps), slippage, cost.fill_rate, cost.children
        )

    def _market(self, way: Way, job: Job) -> tuple[int, Any, Any]:
        """When the order is given, the clock, and an engine core over the day."""
        from datetime import time

        from ..clock import SimulatedClock
        from ..sessions import local_to_ns

        try:
            at = time.fromisoformat(job.start)
        except ValueError:
            raise ValueError(f"start is {job.start!r}, must be a time such as 10:00 or 10:00:30") from None
        if self.recording is None:
            from ..config import load_config
            from ..engine import make_core

            begin_ns = local_to_ns(datetime.combine(_date.fromisoformat(job.day), at), "XNYS")
            clock = SimulatedClock(begin_ns - 10**9)
            config = load_config({"mode": "simulation", **way.config, "seed": job.seed})
            return begin_ns, clock, make_core(config, clock=clock)
        from .replay import replay_core

        recording = self.recording
        begin_ns = local_to_ns(datetime.combine(recording.date, at), recording.calendar)
        if not recording.start_ns <= begin_ns < recording.end_ns:
            raise ValueError(f"start is {job.start}, must lie within the recording")
        clock = SimulatedClock(recording.start_ns)
        return begin_ns, clock, replay_core(recording, clock)


_worker: _Worker | None = None


def _begin(ways: Sequence[Way], jobs: Sequence[Job], recording: Callable[[], Recording] | None) -> None:
    global _worker
    _worker = _Worker(ways, jobs, recording)


def _run(case: tuple[int, int]) -> Outcome:
    assert _worker is not None
    return _worker.run(case)
