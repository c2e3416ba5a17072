"""The main job of `gmexec run`: a basket of parent orders worked on a synthetic trading day, in virtual time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..clock import Clock, SimulatedClock, run
from ..engine import make_core
from ..routing.algorithms.parent import Parent, run_parent
from ..routing.smart_router import SmartOrderRouter
from ..routing.ticket import ExecutionResult
from ..sessions import session
from .fresh import fresh

if TYPE_CHECKING:
    from .._core.submit import Core
    from ..config import ExecutionConfig

#: The basket: what is bought and sold, how, when (minutes after the open) and for how long.
BASKET: tuple[dict[str, Any], ...] = (
    {"symbol": "AAPL", "side": "buy", "quantity": 20_000, "start": 15,
     "algorithm": "vwap", "duration_minutes": 120, "participation_rate": 0.2},
    {"symbol": "MSFT", "side": "sell", "quantity": 8_000, "start": 15,
     "algorithm": "vwap", "duration_minutes": 180, "participation_rate": 0.2},
    {"symbol": "JPM", "side": "buy", "quantity": 10_000, "start": 30,
     "algorithm": "twap", "duration_minutes": 120, "randomization": 0.2},
    {"symbol": "XOM", "side": "sell", "quantity": 12_000, "start": 30,
     "algorithm": "twap", "duration_minutes": 90},
    {"symbol": "KO", "side": "buy", "quantity": 15_000, "start": 60,
     "algorithm": "implementation_shortfall", "duration_minutes": 90, "risk_aversion": 0.7},
    {"symbol": "NVDA", "side": "sell", "quantity": 10_000, "start": 60,
     "algorithm": "implementation_shortfall", "duration_minutes": 60, "urgency": "high"},
    {"symbol": "PFE", "side": "buy", "quantity": 5_000, "start": 90, "algorithm": "market"},
)  # fmt: skip

#: How long after the close a venue's word on an order is waited for.
PATIENCE_NS = 30 * 60 * 10**9

#: (index in the basket, done, quantity) of each order, now and then.
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class BasketReport:
    """What became of the basket, and what the day was."""

    results: list[ExecutionResult]
    market_events: int
    seconds: float
    journal_sha256: str
    journal_records: int
    statistics: dict[str, int]
    latency: dict[str, dict[str, Any]]


def run_basket(
    config: ExecutionConfig,
    *,
    day: str = "2025-01-02",
    basket: tuple[dict[str, Any], ...] = BASKET,
    progress: Progress | None = None,
) -> BasketReport:
    """Works a basket through one regular session of the synthetic market.

    Equal seeds give equal journals, byte for byte.
    """
    from datetime import date

    hours = session("XNYS", date.fromisoformat(day))
    if hours is None:
        raise ValueError(f"day is {day}, on which the exchange is closed")
    clock = SimulatedClock(hours.open_ns)
    core = make_core(config, clock=clock)
    fresh(core.journal)
    began = time.perf_counter()
    work = work_basket(core, clock, basket, hours.open_ns, hours.close_ns, progress)
    results = run(work, clock=clock, seed=config.seed)
    core.close()
    return BasketReport(
        results=results,
        market_events=core.market.messages,
        seconds=time.perf_counter() - began,
        journal_sha256=core.journal.sha256(),
        journal_records=core.journal.records,
        statistics=core.statistics(),
        latency=core.latency.summary(),
    )


async def work_basket(
    core: Core,
    clock: Clock,
    basket: tuple[dict[str, Any], ...],
    open_ns: int,
    close_ns: int,
    progress: Progress | None,
) -> list[ExecutionResult]:
    """Works a basket in the clock's time, from the open on; what became of its orders.

    An order of which a venue has not told the end (UNKNOWN children) is waited for until `PATIENCE_NS` after the
    close; its result is then what is known, and its status says that it has not ended.
    """
    router = SmartOrderRouter(engine=core)
    parents: dict[int, Parent] = {}
    reporter = asyncio.ensure_future(_report(clock, parents, open_ns, close_ns, progress)) if progress else None
    tasks = [
        asyncio.ensure_future(_one(router, clock, index, dict(entry), open_ns, parents))
        for index, entry in enumerate(basket)
    ]
    over = asyncio.ensure_future(clock.sleep_until(close_ns + PATIENCE_NS))
    work = asyncio.ensure_future(asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION))
    try:
        await asyncio.wait((work, over), return_when=asyncio.FIRST_COMPLETED)
        if errors := [error for task in tasks if task.done() and isinstance(error := task.exception(), Exception)]:
            raise ExceptionGroup("orders of the basket were refused", errors)  # an error of one ends all
        return [router.result(parents[index]) for index in range(len(tasks))]
    finally:
        for ending in (work, over, *tasks, *([reporter] if reporter else [])):
            await _drop(ending)


async def _drop(task: asyncio.Future[Any]) -> None:
    """Ends a task, also one that waits in its own clearing up for what will not come."""
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)


async def _one(
    router: SmartOrderRouter,
    clock: Clock,
    index: int,
    entry: dict[str, Any],
    open_ns: int,
    parents: dict[int, Parent],
) -> ExecutionResult:
    order = {"order_type": "market", **{key: entry.pop(key) for key in ("symbol", "side", "quantity")}}
    await clock.sleep_until(open_ns + round(entry.pop("start") * 60e9))
    parent = parents[index] = router.start(order, entry)
    await run_parent(parent)
    return router.result(parent)


async def _report(
    clock: Clock, parents: dict[int, Parent], open_ns: int, close_ns: int, progress: Progress
) -> None:
    while clock.now_ns() < close_ns:
        await clock.sleep_until(clock.now_ns() + (close_ns - open_ns) // 200)
        for index, parent in parents.items():
            progress(index, parent.filled, parent.quantity)
