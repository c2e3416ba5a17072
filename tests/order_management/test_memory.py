"""What memory an engine takes: reports, histories, the view of the orders held, and the figures themselves."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import numpy as np
import pytest
from support import make_core, order, resting

from grandmodel.execution import (
    ExecutionEngine,
    MemoryOptimizedOrderManager,
    OrderManager,
    OrderStatus,
    Unknown,
    UnknownOrder,
)
from grandmodel.execution import clock as clocks
from grandmodel.execution.order_management import memory, order_manager

LIMIT = {"symbol": "AAPL", "side": "buy", "quantity": 10, "order_type": "limit", "limit_price": 1.0}
MARKET = {"symbol": "AAPL", "side": "buy", "quantity": 10, "order_type": "market"}


def test_the_name_is_where_the_order_managers_is():
    assert order_manager.MemoryOptimizedOrderManager is MemoryOptimizedOrderManager
    assert issubclass(MemoryOptimizedOrderManager, OrderManager)
    with pytest.raises(AttributeError, match="MemoryOptimised"):
        order_manager.MemoryOptimisedOrderManager  # noqa: B018


# ---- orders


def test_live_orders_are_never_let_go_and_closed_ones_by_count():
    om = MemoryOptimizedOrderManager({"retention": {"closed_orders": 5}})
    live = [om.submit_order(LIMIT).order_id for _ in range(20)]
    closed = []
    for _ in range(30):
        ticket = om.submit_order(LIMIT)
        om.cancel_order(ticket)
        closed.append(ticket.order_id)
    assert list(om.orders) == [*live, *closed[-5:]]
    assert len(om.orders) == 25
    assert all(each in om.orders for each in live)
    assert closed[0] not in om.orders
    with pytest.raises(UnknownOrder, match=f"order {closed[0]} is not held in memory"):
        om.orders[closed[0]]
    assert om.get_order(closed[0]).status is OrderStatus.CANCELED  # the log has it
    assert om.orders[closed[-1]].status is OrderStatus.CANCELED
    assert 10**6 not in om.orders
    assert om.orders.get(0) is None
    report = om.optimize_memory_usage()
    assert (report["live_orders"], report["log_only_orders"]) == (20, 25)
    assert [each.order_id for each in om.open_orders()] == live


def test_the_view_is_of_now():
    om = MemoryOptimizedOrderManager()
    orders = om.orders
    assert dict(orders) == {}
    ticket = om.submit_order(LIMIT)
    assert orders[ticket].status is OrderStatus.NEW
    om.cancel_order(ticket)
    assert orders[ticket].status is OrderStatus.CANCELED
    assert list(orders) == [ticket.order_id]
    for wrong in (True, 1.5, "1"):
        with pytest.raises(TypeError, match="order_id is"):
            wrong in orders  # noqa: B015
    with pytest.raises(TypeError):
        orders[ticket] = None


# ---- histories


def test_histories_are_the_logs():
    async def main():
        om = MemoryOptimizedOrderManager()
        for _ in range(8):
            om.submit_order(MARKET)
            await clocks.current_clock().sleep(0.5)
        resting_id = om.submit_order(LIMIT).order_id
        return om, resting_id

    om, resting_id = clocks.run(main(), seed=5)
    assert np.array_equal(om.execution_history.to_array(), om.fills())
    samples = om.performance_metrics.to_array()
    assert samples["order_id"].tolist() == [*range(1, resting_id + 1)]  # one of each, however many fills it had
    assert (samples["latency_ns"] == samples["answered_ns"] - samples["created_ns"]).all()
    assert (samples["latency_ns"] >= 0).all()
    created = [om.get_order(each).created_ns for each in samples["order_id"].tolist()]
    assert samples["created_ns"].tolist() == created
    om.submit_order(MARKET)
    assert np.array_equal(om.execution_history.to_array(), om.fills())


def test_a_parent_is_no_latency_sample_its_children_are():
    core, _ = make_core()
    om = MemoryOptimizedOrderManager(engine=core)
    parent = core.submit_parent(order(quantity=1000), "twap").order_id
    child = core.submit_child(parent, 100).order_id
    assert om.performance_metrics.to_array()["order_id"].tolist() == [child]
    assert om._unanswered == {}


def test_histories_are_bounded_and_count_what_they_dropped(monkeypatch):
    monkeypatch.setattr(MemoryOptimizedOrderManager, "HISTORY", 3)
    om = MemoryOptimizedOrderManager()
    for _ in range(6):
        om.submit_order({**MARKET, "quantity": 1})
    assert len(om.execution_history) == 3
    assert om.execution_history.dropped == len(om.fills()) - 3
    assert np.array_equal(om.execution_history[:], om.fills()[-3:])


# ---- reports


@pytest.mark.parametrize("face", [OrderManager, MemoryOptimizedOrderManager])
def test_usage_by_structure(face):
    om = face({"journal": {"ring_bytes": 2**23}})
    for _ in range(10):
        om.submit_order(LIMIT)
    usage = om.memory_usage()
    assert usage["order_rows"] == 10 * 224
    assert usage["order_index"] == 11 * 4
    assert usage["journal_ring"] == 2**23
    assert usage["process_anonymous"] > 2**20
    unknown = {name: value for name, value in usage.items() if isinstance(value, Unknown)}
    assert all(value.reason for value in unknown.values())
    assert ("execution_history" in usage) is (face is MemoryOptimizedOrderManager)


def test_every_face_of_a_core_tells_the_same():
    core, _ = make_core()
    assert OrderManager(engine=core).memory_usage()["journal_ring"] == 2**24
    with ExecutionEngine({"journal": {"ring_bytes": 2**22}}) as engine:
        assert engine.order_manager.memory_usage()["journal_ring"] is not None
        assert OrderManager(engine=engine).memory_usage()["journal_ring"] == 2**22
        assert OrderManager(engine=OrderManager(engine=engine)).memory_usage()["journal_ring"] == 2**22


def test_a_system_that_tells_nothing(monkeypatch):
    assert isinstance(memory.process_bytes("RssNoSuch"), Unknown)

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    assert memory.process_bytes().reason == "/proc/self/status cannot be read: Permission denied"


def test_optimizing_compacts_and_keeps_what_is_held():
    om = MemoryOptimizedOrderManager()
    for _ in range(4):
        om.submit_order(MARKET)
    fills = om.execution_history.to_array()
    report = om.optimize_memory_usage()
    assert report["before"]["execution_history"] > report["after"]["execution_history"] == fills.nbytes
    assert report["compacted"]["execution_history"] == (
        report["before"]["execution_history"] - report["after"]["execution_history"]
    )
    assert np.array_equal(om.execution_history.to_array(), fills)
    assert report["above_threshold"] is None
    om.submit_order(MARKET)
    assert np.array_equal(om.execution_history.to_array(), om.fills())
    assert OrderManager().optimize_memory_usage()["compacted"] == {}


def test_a_warning_above_the_configured_threshold(caplog):
    om = MemoryOptimizedOrderManager({"performance": {"memory_limit": "4G"}})
    assert om.memory_threshold == 4096
    with caplog.at_level(logging.WARNING, "grandmodel.execution"):
        assert om.optimize_memory_usage()["above_threshold"] is False
        assert not caplog.records
        om.memory_threshold = 1.0
        assert om.optimize_memory_usage()["above_threshold"] is True
    assert "above its threshold of 1.0 MB" in caplog.text
    assert MemoryOptimizedOrderManager().memory_threshold is None
    core, gate = make_core()
    gate.submit_order(resting())
    assert MemoryOptimizedOrderManager(engine=core).memory_threshold is None


# ---- the figures

MEASURE = """
import sys
from grandmodel.execution import MemoryOptimizedOrderManager
from grandmodel.execution.order_management.memory import process_bytes

orders, cancel = int(sys.argv[1]), sys.argv[2] == "cancel"
om = MemoryOptimizedOrderManager({"account": {"cash": 9_000_000_000}})
rows = om.order_rows(10_000)
rows["symbol"], rows["side"], rows["quantity"] = om.symbol_number("AAPL"), 1, 1
rows["order_type"], rows["limit_price_e9"], rows["time_in_force"] = 2, 10 * 10**9, 2
idle = process_bytes()
for _ in range(orders // 10_000):
    ids = om.submit_orders(rows)
    assert (ids > 0).all()
    if cancel:
        for order_id in ids.tolist():
            om.core.cancel(order_id)
assert om.statistics()["open"] == (0 if cancel else orders)
print(process_bytes() - idle)
"""


def grown(orders, what):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(orders), what], capture_output=True, text=True, timeout=300, check=True
    )
    return int(done.stdout) / 2**20


@pytest.fixture(scope="module")
def measurable():
    if isinstance(memory.process_bytes(), Unknown):
        pytest.skip("this system does not tell a process's anonymous memory")
    if "libasan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("the sanitizer's own memory is not the engine's")


def test_a_hundred_thousand_open_orders_take_less_than_64_mb(measurable):
    assert grown(100_000, "keep") <= 64


def test_a_million_orders_that_have_ended_take_less_than_16_mb(measurable):
    assert grown(1_000_000, "cancel") < 16


def test_closed_orders_are_let_go_by_time_and_live_ones_never():
    from support import Gate, make_core, resting

    from grandmodel.execution._core.clock import NativeClock

    clock = NativeClock(simulated=True, start_ns=1_735_828_200_000_000_000)
    core, gate = make_core(clock=clock, limits={}, retained=1000, retention_ns=60 * 10**9)
    assert isinstance(gate, Gate)
    live = int(gate.submit_order(resting()))
    closed = [int(gate.submit_order(resting())) for _ in range(20)]
    for number in closed:
        core.cancel(number)
    assert core.orders.held == 21
    core.advance(clock.now_ns() + 61 * 10**9)
    for number in (int(gate.submit_order(resting())) for _ in range(5)):
        core.cancel(number)  # each that closes works off two that are too old
    assert core.orders.held == 1 + 5 + 10
    assert core.let_go_closed(clock.now_ns() - 60 * 10**9) == 10
    assert core.orders.held == 6
    assert core.orders.holds(live)
    assert not core.orders.holds(closed[0])
    assert core.get_order(closed[0]).status.is_closed  # the log has it
    assert core.get_order(live).leaves_quantity == 100
