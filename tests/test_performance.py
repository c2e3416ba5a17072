"""The fast profile: each key of `performance` has its effect."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading

import pytest

from grandmodel.execution import CapacityError, ConfigError, OrderRejected, SimulatedClock
from grandmodel.execution._core.values import Unknown
from grandmodel.execution.engine import ExecutionEngine, HighPerformanceExecutionEngine

ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 500.0,
         "time_in_force": "IOC"}  # fmt: skip
SLOW = {"enable_fast_path": False}  # no warm-up


def engine(**performance):
    return HighPerformanceExecutionEngine({"performance": {**SLOW, **performance}, "seed": 3})


def test_an_order_is_executed_and_its_time_is_kept():
    with engine() as fast:
        assert isinstance(fast.performance()["execution"]["p50"], Unknown)
        result = asyncio.run(fast.ultra_fast_execution(ORDER))
        assert (result.status, result.filled_quantity) == ("FILLED", 100)
        assert result.order_id == 1
        with pytest.raises(OrderRejected):
            asyncio.run(fast.ultra_fast_execution({**ORDER, "quantity": -1}))
        found = fast.performance()
        assert found["execution"]["count"] == 1
        assert 0 < found["execution"]["p50"] <= found["execution"]["max"]
        assert set(found["execution"]) == {"count", "p50", "p99", "p99.9", "max"}
        assert "risk" in found


def test_the_missions_mapping_and_the_whole_configuration():
    with HighPerformanceExecutionEngine({"worker_threads": 2, "seed": 3, **SLOW}) as fast:
        assert fast.config.performance.worker_threads == 2
        assert fast.config.seed == 3
    with pytest.raises(ConfigError, match="worker_thread"):
        HighPerformanceExecutionEngine({"worker_thread": 2})
    assert issubclass(HighPerformanceExecutionEngine, ExecutionEngine)


def test_worker_threads():
    with engine(worker_threads=3) as fast:
        names = set()
        barrier = threading.Barrier(3, timeout=30)

        def work():
            barrier.wait()  # all three at once
            names.add(threading.current_thread().name)

        async def main():
            await asyncio.gather(*(fast.in_worker(work) for _ in range(3)))

        asyncio.run(main())
        assert len(names) == 3
        assert all(name.startswith("execution") for name in names)


def test_cpu_affinity_is_of_the_loops_thread():
    first = min(os.sched_getaffinity(0))
    with engine(cpu_affinity=[first, 4095]) as fast:
        assert fast.health()["performance"]["cpus"] == [first]
        assert len(os.sched_getaffinity(0)) >= 1  # this thread is where it was
    with engine() as fast:
        assert fast.health()["performance"]["cpus"] == sorted(os.sched_getaffinity(0))


def test_processors_that_there_are_not_are_a_warning(caplog):
    with caplog.at_level(logging.WARNING), engine(cpu_affinity=[4095]) as fast:
        assert fast.health()["performance"]["cpus"] == sorted(os.sched_getaffinity(0))
        assert any("cpu_affinity is [4095]" in note for note in fast.health()["performance"]["notes"])
    assert "it is not pinned" in caplog.text


def test_the_fast_path_is_warm_and_its_objects_are_frozen():
    before = gc.get_freeze_count()
    with engine(enable_fast_path=True) as fast:
        assert fast.health()["performance"]["fast_path"]
        assert gc.get_freeze_count() > before
        assert fast.order_manager.statistics()["accepted"] == 0  # the warm-up was elsewhere
    with engine() as slow:
        assert not slow.health()["performance"]["fast_path"]
        assert gc.get_freeze_count() == 0


def test_queue_size_bounds_the_executions_that_wait():
    resting = {**ORDER, "limit_price": 1.0, "time_in_force": "GTC"}

    async def main(fast):
        first = asyncio.ensure_future(fast.ultra_fast_execution(resting))
        await asyncio.sleep(0.01)
        with pytest.raises(CapacityError, match="queue_size"):
            await fast.ultra_fast_execution(resting)
        assert len(fast.order_manager.open_orders()) == 1
        fast.order_manager.cancel_all()
        assert (await first).status == "CANCELED"
        assert fast.executing == 0

    with engine(queue_size=1) as fast:
        asyncio.run(main(fast))


def test_memory_limit_is_watched():
    with engine(memory_limit="1M") as fast:
        for _ in range(200):
            if fast.above_memory_limit:
                break
            threading.Event().wait(0.05)
        assert fast.health()["performance"]["above_memory_limit"]
    with engine(memory_limit="64G") as fast:
        assert not fast.health()["performance"]["above_memory_limit"]


def test_a_coroutine_runs_in_the_engines_own_loop():
    with engine() as fast:

        async def where():
            return threading.current_thread().name

        async def main():
            return await fast.run(where()), threading.current_thread().name

        there, here = asyncio.run(main())
        assert (there, here) == ("execution-loop", "MainThread")

        async def buy():
            order = {key: value for key, value in ORDER.items() if key not in ("limit_price", "time_in_force")}
            return await fast.run(fast.router.execute_order({**order, "order_type": "market"}))

        assert asyncio.run(buy()).filled_quantity == 100
    with pytest.raises(RuntimeError, match="has ended"):
        fast.loop_thread.submit(where())
    fast.close()  # twice is allowed


def test_without_uvloop_it_says_so(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with caplog.at_level(logging.WARNING), engine() as fast:
        assert not fast.health()["performance"]["uvloop"]
        assert "uvloop is not installed" in fast.health()["performance"]["notes"]
    assert "brings uvloop" in caplog.text


def test_simulated_time_is_refused():
    with pytest.raises(TypeError, match="simulated time"):
        HighPerformanceExecutionEngine({"performance": SLOW}, clock=SimulatedClock())
