"""The live monitor: figures of the log against an order-by-order reckoning, alerts, hysteresis."""

from __future__ import annotations

import asyncio
import itertools
import math
import random

import pytest
from support import E9, EXEC_NEW, EXEC_REJECTED, EXEC_TRADE, make_core, order, report, resting
from support_routing import MARKET_ORDER, synthetic

from grandmodel.execution import EventBus, EventType, RealTimeExecutionRiskMonitor
from grandmodel.execution._core.values import OrderRejected, Reason, Unknown
from grandmodel.execution.analytics.execution_cost import execution_cost
from grandmodel.execution.clock import run
from grandmodel.execution.config import ConfigError
from grandmodel.execution.risk.execution_watch import ExecutionWatch
from grandmodel.execution.routing.smart_router import SmartOrderRouter

LIMITS = {
    "execution_risk_limits": {
        "max_rejection_rate": 0.05, "max_execution_latency": 100, "max_implementation_shortfall": 0.01,
    },
}  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_shortfall_is_that_of_the_orders_one_by_one(seed):
    core, clock = synthetic(seed)
    watch = ExecutionWatch(core.journal, 86_400.0, position=0)
    router = SmartOrderRouter(engine=core)
    choose = random.Random(seed)

    async def main():
        for k in range(12):
            given = {**MARKET_ORDER, "quantity": choose.randrange(1, 3000), "side": choose.choice(["buy", "sell"])}
            if k % 3 == 0:
                await router.execute_algorithm_order(given, {"algorithm": "twap", "duration_minutes": 1})
            else:
                await router.execute_order(given)
            watch.read()

    run(main(), clock=clock)
    watch.read()
    got = watch.metrics()
    tops = [row for row in core.orders_array() if row["parent_id"] == 0]
    paper = sum(int(row["quantity"]) * int(row["arrival_mid_e9"]) for row in tops)
    # all is filled: the end's price, which the two take at different times, does not matter
    assert all(int(row["filled_quantity"]) == int(row["quantity"]) for row in tops)
    total = sum(execution_cost(core, int(row["order_id"])).parts_e9["total"] for row in tops)
    assert got["ended"] == len(tops) == 12
    assert got["working"] == 0
    assert got["avg_implementation_shortfall"] == pytest.approx(total / paper, rel=1e-12)
    assert got["fills"] == core.statistics()["fills"]
    assert got["rejections"] == core.statistics()["refused"]
    assert got["orders"] == sum(1 for row in core.orders_array() if not row["flags"] & 16) + got["rejections"]
    core.close()


def silent():
    core, gate = make_core(silent=True, fees=(("A", 1), ("B", 2)))
    for name in ("A", "B"):
        core.venues.set_quote("AAPL", name, 149 * E9, 151 * E9, 500, 500)
    return core, gate


def test_latency_is_from_sent_to_the_first_word():
    core, gate = silent()
    watch = ExecutionWatch(core.journal, 60.0, position=0)
    assert isinstance(watch.metrics()["avg_execution_latency"], Unknown)
    first, second = (int(gate.submit_order(resting())) for _ in range(2))
    core.advance(core.clock.now_ns() + 30_000_000)
    core.report(report(core, first, EXEC_NEW))
    core.advance(core.clock.now_ns() + 20_000_000)
    core.report(report(core, second, EXEC_REJECTED, reason=Reason.VENUE_REJECTED))
    core.report(report(core, first, EXEC_TRADE, quantity=10, price=140.0))
    watch.read()
    got = watch.metrics()
    assert got["avg_execution_latency"] == pytest.approx((30 + 50) / 2)
    assert got["rejection_rate"] == 0.5
    core.close()


def test_the_window_slides():
    core, gate = silent()
    watch = ExecutionWatch(core.journal, 10.0, position=0)
    with pytest.raises(OrderRejected):
        gate.submit_order(order(quantity=10**9))
    watch.read()
    now = core.clock.now_ns()
    assert watch.metrics(now)["rejection_rate"] == 1.0
    assert watch.metrics(now + 9 * E9)["rejections"] == 1
    assert isinstance(watch.metrics(now + 11 * E9)["rejection_rate"], Unknown)
    core.close()


def monitor_of(core, bus=None, **changes):
    return RealTimeExecutionRiskMonitor({**LIMITS, **changes}, bus, engine=core)


def figures(**changes):
    unknown = Unknown("nothing")
    return {"rejection_rate": unknown, "avg_execution_latency": unknown, "avg_implementation_shortfall": unknown,
            **changes}  # fmt: skip


def test_the_missions_alerts():
    core, _ = silent()
    monitor = monitor_of(core)
    found = monitor.check(
        figures(rejection_rate=0.1, avg_execution_latency=250.0, avg_implementation_shortfall=0.02)
    )
    assert [(each["type"], each["severity"], each["current_value"], each["limit"]) for each in found] == [
        ("HIGH_REJECTION_RATE", "HIGH", 0.1, 0.05),
        ("HIGH_EXECUTION_LATENCY", "MEDIUM", 250.0, 100.0),
        ("HIGH_IMPLEMENTATION_SHORTFALL", "HIGH", 0.02, 0.01),
    ]
    assert found[0]["message"] == "Order rejection rate 10.00% exceeds limit"
    assert all(set(each) == {"type", "severity", "message", "current_value", "limit"} for each in found)
    assert monitor.check(figures(rejection_rate=0.05)) == []
    assert monitor.check(figures()) == []
    core.close()


def test_an_alert_is_told_once_and_ends_with_hysteresis():
    core, gate = silent()
    told = []
    bus = EventBus()
    bus.subscribe(EventType.RISK_ALERT, told.append)
    monitor = monitor_of(core, bus)
    monitor.look()
    with pytest.raises(OrderRejected):
        gate.submit_order(order(quantity=10**9))
    assert [each["type"] for each in monitor.look()] == ["HIGH_REJECTION_RATE"]
    assert monitor.look() == []  # it stands, and is not told again
    assert [event.payload["type"] for event in told] == ["HIGH_REJECTION_RATE"]
    for _ in range(20):  # 1 of 21 is 4.8 %: below the limit, and not by a tenth of it
        gate.submit_order(resting(quantity=1))
    assert monitor.look() == []
    assert monitor.metrics["rejection_rate"] == pytest.approx(1 / 21)
    assert [each["type"] for each in monitor.alerts] == ["HIGH_REJECTION_RATE"]
    for _ in range(4):
        gate.submit_order(resting(quantity=1))
    monitor.look()
    assert monitor.alerts == []
    core.close()


def test_what_is_unknown_neither_raises_nor_ends_an_alert():
    core, gate = silent()
    monitor = monitor_of(core)
    monitor.look()
    with pytest.raises(OrderRejected):
        gate.submit_order(order(quantity=10**9))
    monitor.look()
    core.advance(core.clock.now_ns() + 120 * E9)
    monitor.look()
    assert math.isnan(monitor.metrics["rejection_rate"])
    assert [each["type"] for each in monitor.alerts] == ["HIGH_REJECTION_RATE"]
    core.close()


def test_a_threshold_is_a_low_alert_before_the_limit():
    core, _ = silent()
    monitor = monitor_of(core, alert_thresholds={"rejection_rate": "2%"})
    found = monitor.check(figures(rejection_rate=0.03))
    assert [(each["severity"], each["limit"]) for each in found] == [("LOW", 0.02)]
    assert [each["severity"] for each in monitor.check(figures(rejection_rate=0.06))] == ["HIGH"]
    with pytest.raises(ValueError, match=r"alert_thresholds\.latency"):
        monitor_of(core, alert_thresholds={"latency": 1})
    core.close()


def test_the_engines_own_alerts():
    core, gate = make_core(silent=True, fees=(("A", 1), ("B", 2)), breaker={"rejects": 1})
    core.venues.set_quote("AAPL", "A", 149 * E9, 151 * E9, 500, 500)
    monitor = monitor_of(core)
    monitor.look()
    order_id = int(gate.submit_order(resting()))
    core.report(report(core, order_id, EXEC_REJECTED, reason=Reason.VENUE_REJECTED))
    assert {each["type"] for each in monitor.look()} == {"HIGH_REJECTION_RATE", "VENUE_OUT"}
    assert monitor.standing["VENUE_OUT", "A"]["message"] == "A is taken out by the circuit breaker (open)"
    core.close()
    assert "NOT_ACCEPTING" in {each["type"] for each in monitor._of_engine(core.health(), core.statistics())}


def test_it_looks_every_second_until_it_is_told_not_to():
    core, clock = synthetic(5)
    monitor = monitor_of(core)
    looks = []

    async def main():
        look = monitor.look
        monitor.look = lambda: (looks.append(clock.now_ns()), look())[1]
        task = asyncio.ensure_future(monitor.monitor_execution_risk())
        await asyncio.sleep(3.5)
        monitor.monitoring_enabled = False
        await task

    run(main(), clock=clock)
    assert len(looks) == 4
    assert [b - a for a, b in itertools.pairwise(looks)] == [E9] * 3
    core.close()


def test_a_look_that_fails_is_logged_and_tried_again(caplog):
    core, clock = synthetic(5)
    monitor = monitor_of(core)

    async def main():
        look, calls = monitor.look, []

        def fails_once():
            calls.append(clock.now_ns())
            if len(calls) == 1:
                raise RuntimeError("a fault")
            return look()

        monitor.look = fails_once
        task = asyncio.ensure_future(monitor.monitor_execution_risk())
        await asyncio.sleep(5.5)
        monitor.monitoring_enabled = False
        await task
        return calls

    calls = run(main(), clock=clock)
    assert calls[1] - calls[0] == 5 * E9
    assert monitor.failures == 1
    assert "monitoring failed" in caplog.text
    core.close()


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"execution_risk_limits": {"max_rejection_rate": 2}}, "max_rejection_rate"),
        ({"execution_risk_limits": {"max_latency": 2}}, "max_latency"),
        ({"execution_risk_limits": {"max_execution_latency": math.nan}}, "max_execution_latency"),
    ],
)
def test_a_wrong_limit_is_named(config, field):
    with pytest.raises(ConfigError, match=field):
        RealTimeExecutionRiskMonitor(config)


@pytest.mark.parametrize("wrong", [0, True, math.nan, -1, math.inf])
def test_a_wrong_interval_is_named(wrong):
    with pytest.raises(ValueError, match="interval_seconds"):
        RealTimeExecutionRiskMonitor(LIMITS, interval_seconds=wrong)
    core, _ = silent()
    with pytest.raises(ValueError, match="window_seconds"):
        ExecutionWatch(core.journal, wrong)
    core.close()


def test_alone_it_has_a_paper_engine_of_its_own():
    monitor = RealTimeExecutionRiskMonitor(LIMITS)
    assert monitor.look() == []
    assert monitor.metrics["orders"] == 0
    monitor.core.close()
