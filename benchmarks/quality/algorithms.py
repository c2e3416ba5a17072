"""How good are VWAP and implementation shortfall at what they are for? Printed as it comes out.

VWAP: slippage to the window's VWAP, and tracking error (root mean square of part done less part of the window's volume,
each minute), with the curve of earlier days, a flat one, and one that knows the window's volume (the bound).
Implementation shortfall: mean + lambda * variance of its cost against TWAP's, for the lambda that it was given.

    python benchmarks/quality/algorithms.py [--days 60] [--lean FOLDER]

`--lean`: a folder with LEAN's IBM files (minute trades of 2013-10-04 and -07, ticks of -08 and -09); without it
synthetic days alone.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np

from grandmodel.execution import SmartOrderRouter
from grandmodel.execution.analytics.execution_cost import market_vwap
from grandmodel.execution.analytics.significance import mean_interval, paired_difference
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.market_data import read_market_data
from grandmodel.execution.sessions import local_to_ns
from grandmodel.execution.simulation.recording import read_recording
from grandmodel.execution.simulation.replay import replay_core

MINUTES = 120
MINUTE = 60 * 10**9
DAY = date(2025, 1, 2)
#: Synthetic days whose volume has the shape of a session, and comes in bursts.
MARKET = {"events_per_second": 20, "volume_curve": "session", "clustering": {"branching": 0.6, "decay_seconds": 30}}


@dataclass(frozen=True, slots=True)
class Window:
    """What one run gave."""

    cost_bps: float
    slippage_bps: float
    tracking: float
    filled: float


def synthetic(seed: int) -> tuple[Any, SimulatedClock, int, str]:
    begin_ns = local_to_ns(datetime.combine(DAY, time(9, 30)), "XNYS")
    clock = SimulatedClock(begin_ns - 10**9)
    core = make_core(load_config({"mode": "simulation", "seed": seed, "market": MARKET}), clock=clock)
    return core, clock, begin_ns, "AAPL"


def volumes(core: Any, clock: SimulatedClock, begin_ns: int, symbol: str) -> np.ndarray[Any, Any]:
    """What is traded in each minute of the window, without own orders."""

    async def watch() -> list[int]:
        seen = []
        for minute in range(MINUTES + 1):
            await clock.sleep_until(begin_ns + minute * MINUTE)
            core.touch(symbol)
            seen.append(core.venues.tape(symbol)["volume"])
        return seen

    found = np.diff(run(watch(), clock=clock))
    core.close()
    return np.maximum(found.astype(np.float64), 1e-9)


def work(core: Any, clock: SimulatedClock, begin_ns: int, symbol: str, quantity: int, config: dict[str, Any]) -> Window:
    """One buy order over the window."""

    async def main() -> Any:
        await clock.sleep_until(begin_ns)
        router = SmartOrderRouter(engine=core)
        core.touch(symbol)
        before = core.venues.tape(symbol)
        order = {"symbol": symbol, "side": "buy", "quantity": quantity, "order_type": "market"}
        ticket = await router.execute_algorithm_order(order, config, wait=False)
        done, traded = [], []
        for minute in range(1, MINUTES + 1):
            await clock.sleep_until(begin_ns + minute * MINUTE - 1)
            core.touch(symbol)
            tape = core.venues.tape(symbol)
            done.append(ticket.progress.done / quantity)
            traded.append((tape["volume"] - tape["own_volume"]) - (before["volume"] - before["own_volume"]))
        after = core.venues.tape(symbol)
        return await ticket, before, after, np.array(done), np.array(traded, np.float64)

    result, before, after, done, traded = run(main(), clock=clock)
    core.close()
    vwap = market_vwap(before, after)
    share = traded / traded[-1]
    return Window(
        cost_bps=float(result.cost.total_bps),
        slippage_bps=(float(result.average_price) / vwap - 1) * 1e4,
        tracking=math.sqrt(float(((done - share) ** 2).mean())),
        filled=result.filled_quantity / quantity,
    )


def show(name: str, runs: list[Window], base: list[Window] | None) -> None:
    slippage, tracking = mean_interval([r.slippage_bps for r in runs]), mean_interval([r.tracking for r in runs])
    gap = "" if base is None else paired_difference([r.tracking for r in runs], [r.tracking for r in base]).verdict
    print(
        f"  {name:<26}{slippage.mean:+8.3f} [{slippage.low:+.3f}, {slippage.high:+.3f}]"
        f"{tracking.mean * 100:9.2f} % [{tracking.low * 100:.2f}, {tracking.high * 100:.2f}]"
        f"{np.mean([r.filled for r in runs]):8.1%}  {gap}"
    )


HEAD = f"  {'curve':<26}{'slippage to VWAP, bps':>26}{'tracking error':>26}{'filled':>8}  tracking, to static"


def vwap_quality(title: str, days: list[Callable[[], Any]], earlier: np.ndarray[Any, Any], quantity: int) -> None:
    """The three curves over the same days."""
    found: dict[str, list[Window]] = {"static, of earlier days": [], "flat": [], "perfect foresight": []}
    for make in days:
        ahead = volumes(*make())
        curves = {"static, of earlier days": earlier, "flat": np.ones(MINUTES), "perfect foresight": ahead}
        for name, curve in curves.items():
            config = {"algorithm": "vwap", "duration_minutes": MINUTES, "curve": curve, "bin_minutes": 5}
            found[name].append(work(*make(), quantity, config))
    print(f"VWAP, {title}: {len(days)} days, {quantity:,} shares in {MINUTES} minutes")
    print(HEAD)
    for name, runs in found.items():
        show(name, runs, None if name.startswith("static") else found["static, of earlier days"])


def shortfall_quality(days: int, quantity: int) -> None:
    """Implementation shortfall against TWAP, by the lambda that its shape means on these days."""
    print(f"\nImplementation shortfall against TWAP: {days} synthetic days, {quantity:,} shares in {MINUTES} minutes")
    print(f"  {'urgency':<10}{'mean bps':>20}{'deviation':>20}{'mean + lambda var':>22}   lambda / bps")
    twap = [work(*synthetic(s), quantity, {"algorithm": "twap", "duration_minutes": MINUTES}) for s in range(days)]
    base = np.array([r.cost_bps for r in twap])
    for urgency in ("low", "medium", "high"):
        config = {"algorithm": "implementation_shortfall", "duration_minutes": MINUTES, "urgency": urgency}
        runs = np.array([work(*synthetic(s), quantity, config).cost_bps for s in range(days)])
        # the lambda for which mean + lambda * variance of the planned shapes is least: d mean = -lambda d variance
        extra, less = runs.mean() - base.mean(), base.var(ddof=1) - runs.var(ddof=1)
        for weight in (0.01, 0.1, 1.0):
            ours = runs.mean() + weight * runs.var(ddof=1)
            theirs = base.mean() + weight * base.var(ddof=1)
            print(
                f"  {urgency:<10}{runs.mean():+9.2f} {base.mean():+9.2f}"
                f"  {runs.std(ddof=1):9.2f} {base.std(ddof=1):9.2f}"
                f"  {ours:+10.2f} {theirs:+10.2f}   {weight:g}  {'cheaper' if ours < theirs else 'dearer'}"
            )
        if less > 0:
            print(f"  {'':<10}cheaper from lambda {max(0.0, extra / less):.4f} on; paired: ", end="")
            print(paired_difference(runs, base).verdict)
    print("  (first figure of each pair: implementation shortfall, second: TWAP)")


def lean_days(folder: Path) -> tuple[list[Callable[[], Any]], np.ndarray[Any, Any]]:
    """IBM's tick days as markets, and the curve of the two days before from minute bars."""
    curves = []
    for stamp in ("20131004", "20131007"):
        path = next(folder.rglob(f"*ibm*{stamp}*trade*.zip"))
        rows = read_market_data(path).read()
        open_ns = local_to_ns(datetime.strptime(stamp, "%Y%m%d").replace(hour=9, minute=30), "XNYS")
        place = (rows["time_ns"] - open_ns) // MINUTE
        inside = (place >= 30) & (place < 30 + MINUTES)
        curves.append(np.bincount(place[inside] - 30, rows["volume"][inside], MINUTES) / rows["volume"][inside].sum())

    def market(stamp: str) -> Callable[[], Any]:
        recording = read_recording([next(folder.rglob(f"ibm_{stamp}_{kind}.csv*")) for kind in ("quote", "trade")])
        begin_ns = local_to_ns(datetime.strptime(stamp, "%Y%m%d").replace(hour=10), "XNYS")

        def make() -> Any:
            clock = SimulatedClock(recording.start_ns)
            return replay_core(recording, clock), clock, begin_ns, recording.symbol

        return make

    return [market("20131008"), market("20131009")], np.mean(curves, axis=0) + 1e-9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--lean", type=Path)
    given = parser.parse_args()
    earlier = np.mean([volumes(*synthetic(10_000 + k)) for k in range(20)], axis=0)
    days = [lambda seed=seed: synthetic(seed) for seed in range(given.days)]
    vwap_quality("synthetic", days, earlier, 10_000)
    if given.lean:
        recorded, curve = lean_days(given.lean)
        print()
        vwap_quality("IBM, 2013-10-08 and -09", recorded, curve, 10_000)
    shortfall_quality(given.days, 10_000)


if __name__ == "__main__":
    main()
