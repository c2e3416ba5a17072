"""Events, the bus and the bridge: what a reader sees of the journal, and that no subscriber can harm another."""

import asyncio
import logging
import threading
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from unittest.mock import AsyncMock, MagicMock

import pytest
from support import E9, EXEC_CANCEL_REJECTED, EXEC_EXPIRED, EXEC_REJECTED, EXEC_TRADE, make_core, order, report, resting

from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import OrderRejected, Reason, Unknown, to_json
from grandmodel.execution.clock import Pulse, SimulatedClock, current_clock, run
from grandmodel.execution.events import BusBridge, Event, EventBus, EventType, JournalReader


def now(kind=EventType.EXECUTION_FEEDBACK, **payload):
    return Event(event_type=kind, timestamp=datetime.now(UTC), payload=payload, source="execution_engine")


def a_day(core, gate):
    """One order of every fate that the engine itself can bring about."""
    gate.submit_order(order(strategy="alpha", client_order_id="first"))
    ticket = gate.submit_order(resting())
    core.cancel(ticket.order_id)
    with pytest.raises(OrderRejected):
        gate.submit_order(order(quantity=2_000_000))
    with pytest.raises(OrderRejected):
        gate.submit_order(order(symbol="APPL"))
    parent = core.submit_parent(order(quantity=1000), "twap")
    core.submit_child(parent.order_id, 100)
    core.close_parent(parent.order_id)


# ---- Event


def test_event_as_the_mission_makes_it():
    event = Event(event_type=EventType.EXECUTION_FEEDBACK, timestamp=datetime.now(), payload={"a": 1}, source="x")
    assert event.event_type == "EXECUTION_FEEDBACK"
    assert event == Event(event_type=event.event_type, timestamp=event.timestamp, payload={"a": 1}, source="x")
    with pytest.raises(FrozenInstanceError):
        event.source = "y"
    with pytest.raises(TypeError):
        Event(EventType.RISK_ALERT, datetime.now(), {}, "positional")
    assert not hasattr(event, "__dict__")


# ---- reader


def test_reader_tells_a_day_in_order():
    core, gate = make_core()
    a_day(core, gate)
    events = JournalReader(core).poll()
    assert len(events) == core.journal.records
    types = [event.event_type for event in events if event.event_type != EventType.NAME_DEFINED]
    assert types == [
        EventType.BALANCE_OPENED,
        EventType.ORDER_ROUTED, EventType.ORDER_SUBMITTED, EventType.ORDER_ACKNOWLEDGED, EventType.ORDER_FILLED,
        EventType.ORDER_ROUTED, EventType.ORDER_SUBMITTED, EventType.ORDER_ACKNOWLEDGED,
        EventType.CANCEL_REQUESTED, EventType.ORDER_CANCELED,
        EventType.ORDER_REFUSED, EventType.ORDER_REFUSED,
        EventType.ORDER_ROUTED, EventType.ORDER_SUBMITTED,
        EventType.ORDER_ROUTED, EventType.ORDER_SUBMITTED, EventType.ORDER_ACKNOWLEDGED, EventType.ORDER_FILLED,
        EventType.PARENT_CLOSED,
    ]  # fmt: skip
    assert [event.payload["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert {event.source for event in events} == {"journal"}
    assert {event.timestamp.tzinfo for event in events} == {UTC}


def test_payloads_are_in_user_units():
    core, gate = make_core()
    a_day(core, gate)
    by_type = {}
    for event in JournalReader(core).poll():
        by_type.setdefault(event.event_type, []).append(event.payload)
    submitted = by_type[EventType.ORDER_SUBMITTED][0]
    assert submitted["symbol"] == "AAPL"
    assert submitted["side"] == "buy"
    assert submitted["strategy"] == "alpha"
    assert submitted["client_order_id"] == "first"
    assert submitted["limit_price_e9"] is None
    assert isinstance(submitted["limit_price"], Unknown)
    resting_one = by_type[EventType.ORDER_SUBMITTED][1]
    assert (resting_one["limit_price"], resting_one["limit_price_e9"]) == (140.0, 140 * E9)
    fill = by_type[EventType.ORDER_FILLED][0]
    known = core.get_order(1)
    assert fill["price"] == known.average_price
    assert fill["fee_e9"] == known.fees_e9
    assert fill["status"] == "FILLED"
    assert fill["liquidity"] == "removed"
    assert fill["venue"] == by_type[EventType.ORDER_ROUTED][0]["venue"] == known.venue
    refused = by_type[EventType.ORDER_REFUSED]
    assert refused[0]["failed_checks"] == ["order_size_limit"]
    assert refused[0]["reason"] is Reason.RISK
    assert refused[1]["failed_fields"] == ["symbol"]
    assert refused[1]["symbol"] is None
    assert by_type[EventType.PARENT_CLOSED][0]["status"] == "CANCELED"
    assert by_type[EventType.CANCEL_REQUESTED][0]["reason_text"] == "asked for by the user"
    names = {(each["kind"], each["text"]) for each in by_type[EventType.NAME_DEFINED]}
    assert names >= {("symbol", "AAPL"), ("venue", "IEX"), ("strategy", "alpha"), ("algorithm", "twap")}
    for payloads in by_type.values():
        for payload in payloads:
            assert str(NO_PRICE) not in to_json(payload)


def test_every_answer_of_a_venue_has_its_event():
    core, gate = make_core()
    answers = {
        EXEC_REJECTED: EventType.ORDER_REJECTED, EXEC_EXPIRED: EventType.ORDER_EXPIRED,
        EXEC_CANCEL_REJECTED: EventType.CANCEL_REJECTED, EXEC_TRADE: EventType.ORDER_FILLED,
    }  # fmt: skip
    for code, event_type in answers.items():
        ticket = gate.submit_order(resting())
        reader = JournalReader(core, None)
        core.report(report(core, ticket.order_id, code, quantity=100, price=140.0))
        assert [event.event_type for event in reader.poll()] == [event_type]


def test_reader_limits_filters_and_goes_on():
    core, gate = make_core()
    for _ in range(5):
        gate.submit_order(order())
    reader = JournalReader(core)
    fills = reader.poll(2, {EventType.ORDER_FILLED})
    assert [event.payload["order_id"] for event in fills] == [1, 2]
    assert reader.behind > 0
    assert [event.payload["order_id"] for event in reader.poll(None, {"ORDER_FILLED"})] == [3, 4, 5]
    assert reader.behind == 0
    assert reader.poll() == []
    gate.submit_order(order())
    assert len(reader.poll()) == 4


def test_reader_catches_up_when_the_ring_went_round():
    core, gate = make_core(ring_bytes=1 << 22, limits={})
    reader, count = JournalReader(core), 20_000
    rows = core.order_rows(count)
    rows["symbol"], rows["side"], rows["quantity"] = 0, 1, 1
    rows["order_type"], rows["limit_price_e9"] = 2, 140 * E9
    gate.submit_orders(rows)
    assert core.journal.head > 2 * (1 << 22)
    events = reader.poll(None, {EventType.ORDER_SUBMITTED})
    assert [event.payload["order_id"] for event in events] == list(range(1, count + 1))


# ---- bus


def test_publish_reaches_those_who_asked_for_it():
    bus, seen = EventBus(), []
    bus.subscribe(EventType.RISK_ALERT, lambda event: seen.append(("alerts", event)))
    everything = bus.subscribe(None, lambda event: seen.append(("all", event)))
    alert, feedback = now(EventType.RISK_ALERT), now()
    bus.publish(alert)
    bus.publish(feedback)
    assert seen == [("alerts", alert), ("all", alert), ("all", feedback)]
    everything.cancel()
    everything.cancel()
    assert not everything.active
    bus.publish(feedback)
    assert len(seen) == 3
    asyncio.run(_await(bus.publish(alert)))
    assert len(seen) == 4


async def _await(awaitable):
    return await awaitable


def test_wrong_subscriptions():
    with pytest.raises(TypeError, match="callback"):
        EventBus().subscribe(None, "no function")
    with pytest.raises(TypeError, match="event_type"):
        EventBus().subscribe(7, print)


def test_one_that_raises_is_counted_logged_once_and_delays_nobody(caplog):
    bus, seen = EventBus(), []

    def fails(event):
        raise LookupError("mine")

    bus.subscribe(None, fails)
    bus.subscribe(None, seen.append)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            bus.publish(now())
    assert len(seen) == 3
    assert bus.failures == 3
    assert len(caplog.records) == 1


def test_asynchronous_subscribers_become_tasks_that_are_held():
    async def main():
        bus, seen = EventBus(), []

        async def slow(event):
            await asyncio.sleep(1)
            seen.append(event)

        async def fails(event):
            await asyncio.sleep(0)
            raise LookupError("mine")

        bus.subscribe(None, slow)
        bus.subscribe(None, fails)
        await bus.publish(now())
        assert seen == []
        await asyncio.sleep(2)
        return len(seen), bus.failures

    assert run(main()) == (1, 1)


def test_asynchronous_subscribers_without_a_loop_run_to_their_first_wait(caplog):
    bus, seen = EventBus(), []

    async def quick(event):
        seen.append(event)

    async def slow(event):
        await asyncio.sleep(1)

    bus.subscribe(None, quick)
    bus.subscribe(None, slow)
    bus.publish(now())
    bus.publish(now())
    assert len(seen) == 2
    assert bus.undelivered + bus.failures == 2  # asyncio.sleep refuses or waits: either way it is told
    assert len(caplog.records) == 1


def test_pump_by_hand_without_a_loop():
    core, gate = make_core()
    bus, seen = EventBus(), []
    bus.attach(core)
    gate.submit_order(order())
    assert core.listeners == []  # nobody asked: nothing is called
    subscription = bus.subscribe(EventType.ORDER_FILLED, seen.append)
    assert len(core.listeners) == 1
    gate.submit_order(order())
    assert seen == []
    assert bus.pump() == 1
    assert [event.payload["order_id"] for event in seen] == [2]  # the first was before anybody subscribed
    assert bus.pump() == 0
    subscription.cancel()
    assert core.listeners == []
    assert core.watched == 0
    gate.submit_order(order())
    bus.subscribe(EventType.ORDER_FILLED, seen.append)
    bus.pump()
    assert len(seen) == 1


def test_attached_from_the_beginning():
    core, gate = make_core()
    gate.submit_order(order())
    bus, seen = EventBus(), []
    bus.attach(core, 0)
    bus.subscribe(None, seen.append)
    assert bus.pump(3) == 3
    assert bus.pump() == core.journal.records - 3
    bus.detach(core)
    assert core.listeners == []
    gate.submit_order(order())
    assert bus.pump() == 0


def test_loop_pumps_once_for_many_records():
    async def main():
        core, gate = make_core(clock=current_clock())
        bus, turns, seen = EventBus(), [], []
        bus.attach(core)
        bus.subscribe(EventType.ORDER_FILLED, seen.append)
        pump, original = core.listeners[0], bus.pump
        pump._deliver = lambda limit: turns.append(limit) or original(limit)
        for _ in range(10):
            gate.submit_order(order())
        assert seen == []
        await asyncio.sleep(0)
        return len(seen) == core.statistics()["fills"] >= 10, len(turns)

    assert run(main()) == (True, 1)


def test_many_records_are_delivered_in_turns():
    async def main():
        core, gate = make_core(clock=current_clock(), limits={})
        bus, seen = EventBus(), []
        bus.attach(core)
        bus.subscribe(None, seen.append)
        rows = core.order_rows(1000)
        rows["symbol"], rows["side"], rows["quantity"] = 0, 1, 1
        rows["order_type"], rows["limit_price_e9"] = 2, 140 * E9
        gate.submit_orders(rows)
        await asyncio.sleep(0)
        first = len(seen)
        for _ in range(5):
            await asyncio.sleep(0)
        return first, len(seen)

    assert run(main()) == (1024, 3000)


def test_a_subscriber_may_submit():
    async def main():
        core, gate = make_core(clock=current_clock())
        bus = EventBus()
        bus.attach(core)

        def again(event):
            if event.payload["order_id"] < 5:
                gate.submit_order(order())
                bus.pump()  # refused while it delivers: the order of events holds

        bus.subscribe(EventType.ORDER_FILLED, again)
        gate.submit_order(order())
        await asyncio.sleep(1)
        return core.statistics()["fills"], bus.failures

    assert run(main()) == (5, 0)


def test_a_fill_is_heard_of_in_its_own_time():
    """A subscriber is told at the instant of the fill, not at the next deadline of somebody else."""

    async def main():
        core, gate = make_core(clock=current_clock())
        Pulse(core)
        bus, seen = EventBus(), []
        bus.attach(core)
        bus.subscribe(
            EventType.ORDER_FILLED, lambda event: seen.append((event.payload["time_ns"], core.clock.now_ns()))
        )
        gate.submit_order(order(order_type="limit", limit_price=149.99))
        await current_clock().sleep(600)
        return seen

    seen = run(main())
    assert seen
    assert all(said == heard for said, heard in seen)


def test_a_waiting_task_is_fed_by_the_bus_alone():
    async def main():
        core, gate = make_core(clock=current_clock())
        Pulse(core)
        bus, queue = EventBus(), asyncio.Queue()
        bus.attach(core)
        bus.subscribe(EventType.ORDER_FILLED, queue.put_nowait)
        ticket = gate.submit_order(order(order_type="limit", limit_price=149.99))
        return (await queue.get()).payload["order_id"] == ticket.order_id

    assert run(main())


def test_listening_changes_nothing_in_the_journal():
    def day(listen):
        async def main():
            core, gate = make_core(clock=current_clock())
            Pulse(core)
            bus = EventBus()
            bus.attach(core)
            if listen:
                bus.subscribe(None, lambda event: None)
            for price in (149.98, 149.99, 150.01):
                gate.submit_order(order(order_type="limit", limit_price=price))
                await current_clock().sleep(30)
            return core.journal.sha256()

        return run(main())

    assert day(True) == day(False)


def test_orders_from_another_thread_wake_the_loop():
    async def main():
        core, gate = make_core(limits={})
        bus, told = EventBus(), asyncio.Event()
        bus.attach(core)
        bus.subscribe(EventType.ORDER_FILLED, lambda event: told.set())
        thread = threading.Thread(target=lambda: gate.submit_order(order()))
        thread.start()
        async with asyncio.timeout(10):
            await told.wait()
        thread.join()
        return True

    assert asyncio.run(main())


# ---- bridge


def test_bridge_to_a_magic_mock():
    core, gate = make_core()
    mock = MagicMock()
    bridge = BusBridge(core, mock)
    gate.submit_order(order())
    assert mock.publish.call_count == 0
    assert bridge.pump() == 4
    types = [call.args[0].event_type for call in mock.publish.call_args_list]
    assert types == ["ORDER_ROUTED", "ORDER_SUBMITTED", "ORDER_ACKNOWLEDGED", "ORDER_FILLED"]
    gate.submit_order(order())
    bridge.close()
    assert mock.publish.call_count == 8
    assert core.listeners == []


@pytest.mark.parametrize("inside", [True, False])
def test_bridge_to_an_asynchronous_bus(inside):
    mock = AsyncMock()

    async def main():
        core, gate = make_core(clock=SimulatedClock())
        bridge = BusBridge(core, mock)
        gate.submit_order(order())
        if inside:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return bridge

    if inside:
        bridge = run(main())
    else:
        core, gate = make_core()
        bridge = BusBridge(core, mock)
        gate.submit_order(order())
        bridge.pump()
    assert mock.publish.await_count == 4
    assert bridge.failures == bridge.undelivered == 0


def test_bridge_to_a_bus_that_fails(caplog):
    core, gate = make_core()
    mock = MagicMock()
    mock.publish.side_effect = OSError("down")
    bridge = BusBridge(core, mock)
    gate.submit_order(order())
    assert bridge.pump() == 4
    assert bridge.failures == 4
    assert len(caplog.records) == 1
    with pytest.raises(TypeError, match="publish"):
        BusBridge(core, object())
