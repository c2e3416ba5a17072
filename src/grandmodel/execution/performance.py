"""`HighPerformanceExecutionEngine`: the same engine with the fast profile on, as the section `performance` says.

An engine is fast without it. What this adds: a thread with an event loop of its own (uvloop where that is installed),
pinned to processors; threads for work that leaves the interpreter; a warm-up; a garbage collector that no longer looks
at what is there for good; a watch over the process's memory.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ._core.latency import Histogram
from ._core.values import Unknown
from .clock import SimulatedClock
from .engine import ExecutionEngine
from .order_management.storage import CapacityError

if TYPE_CHECKING:
    from .clock import Clock
    from .config import Performance
    from .routing.ticket import ExecutionResult

log = logging.getLogger("grandmodel.execution.performance")

T = TypeVar("T")
P = ParamSpec("P")

#: Orders of the warm-up, at an engine of its own.
WARM_ORDERS = 2_000
#: Seconds between two looks at the memory.
MEMORY_INTERVAL = 1.0


class LoopThread:
    """A thread with an event loop: where algorithms and monitors of an engine live, apart from the strategy's thread.

    Parameters
    ----------
    cpus : processors that it may run on; None: all
    """

    def __init__(self, name: str = "execution-loop", cpus: frozenset[int] | None = None) -> None:
        self.uses_uvloop = False
        self._cpus = cpus
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self.loop: asyncio.AbstractEventLoop = self._new_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        try:
            uvloop: Any = import_module("uvloop")
        except ImportError:
            log.warning("asyncio's own loop is used: pip install 'grandmodel-execution[fast]' brings uvloop")
            return asyncio.new_event_loop()
        self.uses_uvloop = True
        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        return loop

    def _run(self) -> None:
        try:
            if self._cpus is not None:
                os.sched_setaffinity(0, self._cpus)  # of this thread alone
            asyncio.set_event_loop(self.loop)
        except BaseException as error:
            self._failure = error
            self.loop.close()
            return
        finally:
            self._ready.set()
        try:
            self.loop.run_forever()
        finally:
            self._finish()

    def _finish(self) -> None:
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    @property
    def cpus(self) -> frozenset[int] | Unknown:
        """The processors that the thread may run on, as the system says."""
        number = self._thread.native_id
        if number is None or not self._thread.is_alive():
            return Unknown("the thread has ended")
        return frozenset(os.sched_getaffinity(number))

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Runs a coroutine there. RuntimeError when the thread has ended."""
        if not self._thread.is_alive():
            work.close()
            raise RuntimeError("the engine's loop has ended")
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def close(self) -> None:
        """Cancels what runs there and ends the thread; twice is allowed."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()


class PerformanceTracker:
    """How long executions took, from the call to the result, in a native histogram."""

    def __init__(self) -> None:
        self._executions = Histogram()

    def record_execution_time(self, seconds: float) -> None:
        """One execution took that long."""
        self._executions.record(round(seconds * 1e9))

    def summary(self, stages: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """count, p50, p99, p99.9 and max in ns, of whole executions and of the order path's stages."""
        whole: dict[str, Any] = {"count": self._executions.count}
        for name, percent in (("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9)):
            value = self._executions.percentile(percent)
            whole[name] = Unknown("nothing was executed") if value is None else value
        most = self._executions.max
        whole["max"] = Unknown("nothing was executed") if most is None else most
        return {"execution": whole, **{name: dict(row) for name, row in stages.items()}}


class HighPerformanceExecutionEngine(ExecutionEngine):
    """An ExecutionEngine with the fast profile.

    Parameters
    ----------
    config : as of ExecutionEngine; a mapping may also have the keys of the section `performance` at its top level

    `performance` keys: `worker_threads` (of `in_worker`), `cpu_affinity` (of the loop's thread: those that exist; if
    none does, it is not pinned, a warning that `health()` shows too), `enable_fast_path` (warm-up and a frozen garbage
    collector), `queue_size` (executions at once; one more is refused), `memory_limit` (anonymous bytes of the process:
    above, what is closed is let go, and `health()` says so).

    Raises TypeError in simulated time: its loop is the machine's.
    """

    def __init__(self, config: Any = None, event_bus: Any = None, *, clock: Clock | None = None) -> None:
        super().__init__(_performance_config(config), event_bus, clock=clock)
        if isinstance(self.core.clock, SimulatedClock):
            super().close()
            raise TypeError("the fast profile lives in the machine's time; use ExecutionEngine in simulated time")
        settings: Performance = self.config.performance
        self.notes: list[str] = []
        self.performance_tracker = PerformanceTracker()
        self.thread_pool = ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="execution")
        self.loop_thread = LoopThread(cpus=self._cpus(settings.cpu_affinity))
        if not self.loop_thread.uses_uvloop:
            self.notes.append("uvloop is not installed")
        self.executing = 0
        self.above_memory_limit = False
        self.is_warm = False
        if settings.memory_limit is not None:
            self.order_manager.memory_threshold = settings.memory_limit / 2**20
            self.loop_thread.submit(self._watch_memory(settings.memory_limit))
        if settings.enable_fast_path:
            self._warm_up()

    def _cpus(self, wanted: tuple[int, ...] | None) -> frozenset[int] | None:
        if wanted is None:
            return None
        there = os.sched_getaffinity(0)
        both = frozenset(wanted) & there
        if not both:
            note = f"cpu_affinity is {list(wanted)}, and this process may use {sorted(there)} only: it is not pinned"
            log.warning("%s", note)
            self.notes.append(note)
            return None
        return both

    def _warm_up(self) -> None:
        """Orders at an engine of its own, until the code of the path is warm; then what is there for good is taken out
        of the garbage collector's sight."""
        from .config import load_config

        with ExecutionEngine(load_config({"seed": 1})) as other:
            submit = other.order_manager.submit_order
            order = {"symbol": "AAPL", "side": "buy", "quantity": 1, "order_type": "limit", "limit_price": 1.0}
            for _ in range(WARM_ORDERS):
                submit(order)
        gc.collect()
        gc.freeze()
        self.is_warm = True

    async def _watch_memory(self, limit: int) -> None:
        from .order_management.memory import process_bytes

        while True:
            used = process_bytes()
            above = not isinstance(used, Unknown) and used > limit
            if above:
                await self.in_worker(self.order_manager.optimize_memory_usage)
                used = process_bytes()
                above = not isinstance(used, Unknown) and used > limit
            if above and not self.above_memory_limit:
                log.warning("the process holds %.0f MB, above memory_limit (%.0f MB)", used / 2**20, limit / 2**20)
            self.above_memory_limit = above
            await asyncio.sleep(MEMORY_INTERVAL)

    async def ultra_fast_execution(self, order_data: Mapping[str, Any]) -> ExecutionResult:
        """Submits an order straight to the core and waits until it has ended: an ExecutionResult.

        Validation, checks and routing are one native call; nothing is done in parallel, since all of it takes less than
        waking a task would.

        Raises
        ------
        OrderRejected  when it is refused
        CapacityError  when `queue_size` executions are waiting already; nothing was submitted
        """
        if self.executing >= self.config.performance.queue_size:
            raise CapacityError(f"{self.executing} executions are waiting, as many as queue_size allows")
        began = time.perf_counter()
        ticket = self.order_manager.submit_order(order_data)
        self.executing += 1
        try:
            await ticket.done()
        finally:
            self.executing -= 1
        self.performance_tracker.record_execution_time(time.perf_counter() - began)
        return self.router.result_of(ticket.order_id)

    def run(self, work: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Runs a coroutine, such as an algorithm's, in the engine's own loop; awaitable from any other."""
        return asyncio.wrap_future(self.loop_thread.submit(work))

    async def in_worker(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls a function in one of the `worker_threads`: for what leaves the interpreter (NumPy, files)."""
        from functools import partial

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread_pool, partial(function, *args, **kwargs))

    def performance(self) -> dict[str, dict[str, Any]]:
        """p50, p99, p99.9 and max of executions and of the order path's stages, in ns."""
        return self.performance_tracker.summary(self.order_manager.latency())

    def health(self) -> dict[str, Any]:
        """The order manager's, and `performance`: loop, processors, warm-up, memory, and what is not as asked."""
        cpus = self.loop_thread.cpus
        return {
            **self.order_manager.health(),
            "performance": {
                "uvloop": self.loop_thread.uses_uvloop,
                "cpus": cpus if isinstance(cpus, Unknown) else sorted(cpus),
                "worker_threads": self.config.performance.worker_threads,
                "fast_path": self.is_warm,
                "executing": self.executing,
                "queue_size": self.config.performance.queue_size,
                "above_memory_limit": self.above_memory_limit,
                "notes": list(self.notes),
            },
        }

    def close(self) -> None:
        """Ends the loop and the threads, then the engine."""
        self.loop_thread.close()
        self.thread_pool.shutdown()
        if self.is_warm:
            gc.unfreeze()
        super().close()


def _performance_config(config: Any) -> Any:
    """A mapping may have the keys of `performance` at its top level, as the mission's has."""
    from .config import part_config

    if not isinstance(config, Mapping) or "execution" in config or "performance" in config:
        return config
    return part_config("performance", config)
