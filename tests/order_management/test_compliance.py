"""Conduct read from the log: each figure by hand, what is said once, and a strategy that stays stopped until somebody re-enables it."""

import asyncio

import pytest
from support import E9, EXEC_TRADE, START_NS, Gate, make_core, order, report, resting

from grandmodel.execution._core.clock import NativeClock
from grandmodel.execution._core.values import OrderRejected, Reason, RiskLimitBreached
from grandmodel.execution.config import Compliance, ConfigError, load_config
from grandmodel.execution.events import EventBus, EventType
from grandmodel.execution.order_management.compliance import ComplianceMonitor, FindingKind
from grandmodel.execution.order_management.order_manager import OrderManager


def watched(limits=None, **settings):
    clock = NativeClock(simulated=True, start_ns=START_NS)
    core, gate = make_core(
        clock=clock, limits=limits or {}, events_per_second=0.001, disabled=("NASDAQ", "ARCA", "BATS", "IEX", "EDGX")
    )
    said = []
    return core, gate, clock, ComplianceMonitor(core, Compliance(**settings), said.append), said


def small(**changes):
    return resting(quantity=1, **changes)


def kinds(found):
    return [each.kind for each in found]


def test_the_ratio_of_messages_to_trades():
    core, gate, clock, monitor, said = watched(max_order_to_trade=4, min_messages=6, window_seconds=10)
    tickets = [gate.submit_order(small()) for _ in range(3)]
    core.replace(int(tickets[0]), 2)
    core.cancel(int(tickets[1]))
    core.submit_parent(order(quantity=5), "vwap")  # is none: nobody is told of it
    gate.submit_order(small(account=1))
    assert monitor.look() == []  # five messages of account 0: too few to speak of a ratio
    core.cancel(int(tickets[2]))
    (found,) = monitor.look()
    assert (found.kind, found.account, found.figure, found.limit) == (FindingKind.ORDER_TO_TRADE, 0, 6.0, 4.0)
    assert (found.time_ns, found.window_ns) == (START_NS, 10 * E9)
    gate.submit_order(small())
    assert monitor.look() == []  # once, until it has come back
    for k in range(2):
        core.report(report(core, int(tickets[0]), EXEC_TRADE, quantity=1, price=140.0, execution_id=10**6 + k))
    gate.submit_order(small())  # eight messages, two trades
    assert monitor.look() == []
    gate.submit_order(small())  # nine: 4.5
    assert kinds(monitor.look()) == [FindingKind.ORDER_TO_TRADE]
    clock.advance_to(START_NS + 10 * E9)
    for _ in range(5):
        gate.submit_order(small())
    assert monitor.look() == []  # the others have left the window
    assert [event.event_type for event in said] == [EventType.COMPLIANCE_FINDING] * 2
    assert said[0].payload["kind"] == "order_to_trade"
    assert said[0].payload["figure"] == 6.0
    assert list(monitor.findings)[0] == found
    assert str(found) == "order_to_trade of account 0: 6 above 4 within 10 s"


@pytest.mark.parametrize("mode", ["cancel_newest", "cancel_oldest", "cancel_both", "decrement"])
def test_attempts_to_trade_with_oneself(mode):
    core, gate, clock, monitor, _ = watched({"self_match": mode}, max_self_matches=1)
    for attempt in range(3):
        clock.advance_to(START_NS + attempt * E9)
        for limit in (190.0, 191.0):
            gate.submit_order(order(quantity=2, side="sell", order_type="limit", limit_price=limit))
        try:
            gate.submit_order(order(quantity=3, order_type="limit", limit_price=191.0, time_in_force="IOC"))
        except RiskLimitBreached:
            assert mode in ("cancel_newest", "cancel_both", "decrement")
        found = monitor.look()
        assert kinds(found) == ([FindingKind.SELF_MATCH] if attempt == 1 else [])
    assert [(each.figure, each.limit, each.account) for each in monitor.findings] == [(2.0, 1.0, 0)]


def test_none_may_be():
    core, gate, _, monitor, _ = watched({"self_match": "cancel_newest"}, max_self_matches=0, max_cancels=0)
    gate.submit_order(order(quantity=2, side="sell", order_type="limit", limit_price=190.0))
    with pytest.raises(RiskLimitBreached):
        gate.submit_order(order(quantity=3, order_type="limit", limit_price=190.0))
    core.cancel(1)
    assert kinds(monitor.look()) == [FindingKind.SELF_MATCH, FindingKind.CANCEL_BURST]


def test_bursts_of_cancels():
    core, gate, clock, monitor, _ = watched(max_cancels=2, cancel_window_ms=100)
    tickets = [gate.submit_order(small()) for _ in range(7)]
    for ticket in tickets[:2]:
        core.cancel(int(ticket))
    clock.advance_to(START_NS + 100_000_000)
    for ticket in tickets[2:4]:
        core.cancel(int(ticket))
    assert monitor.look() == []  # two, and two a window later
    core.cancel(int(tickets[4]))
    (found,) = monitor.look()
    assert (found.kind, found.figure, found.time_ns) == (FindingKind.CANCEL_BURST, 3.0, START_NS + 100_000_000)
    core.cancel_all(reason=int(Reason.KILLED))  # of a kill switch: nobody's burst
    assert monitor.look() == []


def executed(core, gate, **changes):
    return gate.submit_order(order(quantity=1, strategy="momentum", **changes))


def test_a_strategy_that_repeats_itself_is_stopped_until_somebody_re_enables_it():
    core, gate, clock, monitor, said = watched(max_repeats=3, repeat_window_seconds=10)
    for _ in range(3):
        executed(core, gate)
        executed(core, gate, side="sell")  # the other side, and others, are not the same again
        gate.submit_order(order(quantity=1, strategy="other"))
        gate.submit_order(order(quantity=1))
    assert monitor.look() == []
    executed(core, gate)
    (found,) = monitor.look()
    assert (found.kind, found.strategy, found.symbol, found.side) == (FindingKind.REPEATED_EXECUTION, "momentum", "AAPL", "buy")
    assert (found.figure, found.limit, found.latch) == (4.0, 3.0, "repeats 1 momentum")
    assert core.latches()[0]["reason"] == "4 orders executed in AAPL within 10 s, 3 may be"
    for given in ({}, {"symbol": "MSFT"}, {"side": "sell"}):
        with pytest.raises(OrderRejected, match="kill switch"):
            executed(core, gate, **given)
    gate.submit_order(order(quantity=1, strategy="other", symbol="MSFT"))
    clock.advance_to(START_NS + 3600 * E9)
    with pytest.raises(OrderRejected, match="kill switch"):  # time does not heal it
        executed(core, gate)
    for reason in ("", "  ", None, 5):
        with pytest.raises(ValueError, match="reason"):
            monitor.enable("momentum", reason)
    with pytest.raises(KeyError):
        monitor.enable("nobody", "x")
    monitor.enable("momentum", "looked at by anna")
    assert core.latches() == []
    with pytest.raises(KeyError):
        monitor.enable("momentum", "again")
    for _ in range(3):
        executed(core, gate)
    assert monitor.look() == []  # its count began anew
    executed(core, gate)
    assert kinds(monitor.look()) == [FindingKind.REPEATED_EXECUTION]
    assert len(said) == 2


def test_slices_and_partial_fills_are_one_execution():
    core, gate, _, monitor, _ = watched(max_repeats=1)
    parent = core.submit_parent(order(quantity=100, strategy="momentum"), "vwap")
    for _ in range(4):
        core.submit_child(parent.order_id, 5, None)
    ticket = gate.submit_order(resting(quantity=10, strategy="slow"))
    for k in range(3):
        core.report(report(core, int(ticket), EXEC_TRADE, quantity=2, price=140.0, execution_id=10**6 + k))
    assert monitor.look() == []
    executed(core, gate)
    assert kinds(monitor.look()) == [FindingKind.REPEATED_EXECUTION]


def test_a_stop_stands_over_a_restart(tmp_path):
    def begin():
        core, gate = make_core(limits={}, path=str(tmp_path / "log"), events_per_second=0.001)
        return core, gate, ComplianceMonitor(core, Compliance(max_repeats=1))

    core, gate, monitor = begin()
    executed(core, gate)
    late = gate.submit_order(resting(quantity=1, strategy="slow"))
    executed(core, gate)
    monitor.look()
    core.close()
    core, gate, monitor = begin()
    with pytest.raises(OrderRejected, match="kill switch"):
        executed(core, gate)
    core.report(report(core, int(late), EXEC_TRADE, quantity=1, price=140.0, execution_id=10**6))
    assert monitor.look() == []  # an order of before the start: known from the log
    monitor.enable("momentum", "looked at")
    executed(core, gate)
    core.close()


def test_through_an_order_manager_and_its_bus():
    bus, heard = EventBus(), []
    bus.subscribe(EventType.COMPLIANCE_FINDING, heard.append)
    om = OrderManager({"compliance": {"max_cancels": 1}, "seed": 1}, event_bus=bus)

    async def run():
        for _ in range(2):
            om.cancel_order(om.submit_order(small()))
        await asyncio.sleep(0.05)  # the loop looks by itself
        return len(heard)

    assert asyncio.run(run()) == 1
    for _ in range(2):
        om.cancel_order(om.submit_order(small()))
    om.pump()  # without one it is asked to
    assert om.compliance is not None
    om.close()
    assert heard[0].payload["kind"] == "cancel_burst"
    assert heard[0].timestamp.tzinfo is not None
    off = OrderManager({})
    assert (off.core.closed, off.compliance) == (False, None)
    off.close()


def test_gates_of_a_bare_core_have_no_monitor():
    core, gate = make_core(limits={})
    assert isinstance(gate, Gate)
    om = OrderManager(engine=core)
    om.pump()
    assert om.compliance is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_order_to_trade", 0), ("max_order_to_trade", -1), ("max_order_to_trade", float("nan")), ("max_order_to_trade", True),
        ("max_order_to_trade", "5"), ("min_messages", 0), ("min_messages", 1.5), ("max_self_matches", -1), ("max_self_matches", 2**63),
        ("max_cancels", -1), ("max_cancels", 1.5), ("max_cancels", 65537), ("cancel_window_ms", 0), ("cancel_window_ms", float("inf")),
        ("max_repeats", 0), ("max_repeats", True), ("repeat_window_seconds", -1), ("repeat_window_seconds", "2d"),
        ("window_seconds", 0), ("window_seconds", float("nan")), ("max_cancel", 1),
    ],
)  # fmt: skip
def test_bad_thresholds_are_named(name, value):
    with pytest.raises(ConfigError, match=f"compliance.{name}"):
        load_config({"compliance": {name: value}})
