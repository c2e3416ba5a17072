"""Clocks and the virtual-time loop: order and exactness of deadlines, drivers, what is refused, live pulses."""

import asyncio
import gc
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support import START_NS, make_core, order, resting

from grandmodel.execution.clock import (
    DEFAULT_START,
    LiveClock,
    NotInSimulatedTime,
    Pulse,
    SimulatedClock,
    VirtualTimeLoop,
    current_clock,
    current_seed,
    run,
)

SECOND = 10**9


# ---- clocks


def test_live_clock_is_the_machines_and_aware():
    clock = LiveClock()
    before = time.time_ns()
    now = clock.now_ns()
    assert before <= now <= time.time_ns()
    assert not clock.simulated
    assert clock.now().tzinfo is UTC
    with pytest.raises(ValueError, match="live clock"):
        clock.advance_to(now)


def test_simulated_clock_stands_still():
    clock = SimulatedClock(START_NS)
    assert clock.simulated
    assert clock.now_ns() == clock.now_ns() == START_NS
    assert clock.now() == datetime(2025, 1, 2, 14, 30, tzinfo=UTC) == DEFAULT_START
    east = datetime(2025, 1, 2, 23, 30, tzinfo=timezone(timedelta(hours=9)))
    assert SimulatedClock(east).now_ns() == START_NS


@pytest.mark.parametrize("start", [datetime(2025, 1, 2), -1, 1 << 62])
def test_start_that_is_no_instant(start):
    with pytest.raises(ValueError, match="start is"):
        SimulatedClock(start)


@pytest.mark.parametrize("start", [True, "2025-01-02", 1.5, None])
def test_start_of_a_wrong_type(start):
    with pytest.raises(TypeError, match="start is"):
        SimulatedClock(start)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e10])
def test_sleep_that_is_no_time(seconds):
    with pytest.raises(ValueError, match="seconds is"):
        run(current_clock().sleep(seconds))


# ---- jumping


def test_two_hours_take_a_moment():
    async def main():
        clock = current_clock()
        before = clock.now_ns()
        await asyncio.sleep(7200)
        return clock.now_ns() - before, clock.now()

    begun = time.perf_counter()
    elapsed, now = run(main())
    assert elapsed == 7200 * SECOND
    assert now == DEFAULT_START + timedelta(hours=2)
    assert time.perf_counter() - begun < 1.0


def test_timers_fire_in_order_of_deadline_then_sequence_exactly():
    log = []

    async def main():
        clock = current_clock()
        start = clock.now_ns()

        async def one(name, deadline):
            await clock.sleep_until(start + deadline)
            log.append((name, clock.now_ns() - start))

        await asyncio.gather(one("a", 300), one("b", 100), one("c", 300), one("d", 101), one("e", 7))

    run(main())
    assert log == [("e", 7), ("b", 100), ("d", 101), ("a", 300), ("c", 300)]


def test_asyncio_sleep_is_kept_to_the_nanosecond():
    async def main():
        clock = current_clock()
        start = clock.now_ns()
        for _ in range(1000):
            await asyncio.sleep(0.1)
        return clock.now_ns() - start

    assert run(main()) == 100 * SECOND


def test_far_from_the_start_floats_still_lead_to_their_timers():
    async def main():
        loop = asyncio.get_running_loop()
        await current_clock().sleep_until(START_NS + 30 * 365 * 86400 * SECOND)
        called = loop.create_future()
        loop.call_later(1e-8, called.set_result, True)
        return await called

    assert run(main())


def test_clock_and_loop_timers_share_one_time():
    async def main():
        clock, log = current_clock(), []

        async def native():
            for _ in range(3):
                await clock.sleep(1)
                log.append(("clock", clock.now_ns() - START_NS))

        async def of_asyncio():
            for _ in range(2):
                await asyncio.sleep(1.5)
                log.append(("loop", clock.now_ns() - START_NS))

        await asyncio.gather(native(), of_asyncio())
        return log

    assert sorted(log[1] for log in run(main())) == [SECOND, 3 * SECOND // 2, 2 * SECOND, 3 * SECOND, 3 * SECOND]


def test_loop_time_counts_from_the_start():
    async def main():
        loop = asyncio.get_running_loop()
        first = loop.time()
        await asyncio.sleep(0.25)
        return first, loop.time()

    assert run(main()) == (0.0, 0.25)


def test_timeouts_and_cancellation_work():
    async def main():
        clock = current_clock()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await clock.sleep(10)
        assert clock.now_ns() == START_NS + 5 * SECOND
        task = asyncio.create_task(clock.sleep(1000))
        await clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await clock.sleep(0)
        await clock.sleep(-3)
        return clock.now_ns()

    assert run(main()) == START_NS + 6 * SECOND  # the cancelled timer moved nothing


def test_async_generators_and_tasks_are_shut_down():
    closed = []

    async def generator():
        try:
            yield 1
        finally:
            closed.append("generator")

    async def forever():
        try:
            await current_clock().sleep(10**6)
        finally:
            closed.append("task")

    async def main():
        async for _ in generator():
            break
        keep = asyncio.create_task(forever())
        await asyncio.sleep(1)
        return keep is not None

    assert run(main())
    gc.collect()
    assert sorted(closed) == ["generator", "task"]


def test_what_is_left_waiting_for_nothing_is_named():
    async def inner():
        await asyncio.get_running_loop().create_future()

    async def main():
        await inner()

    with pytest.raises(RuntimeError, match=r"nothing will ever happen.*main > .*inner"):
        run(main())


def test_exceptions_and_results_come_out():
    async def fails():
        raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        run(fails())


def test_call_soon_threadsafe_is_taken():
    async def main():
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(done.set))
        thread.start()
        thread.join()
        await done.wait()
        return True

    assert run(main())


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.run_in_executor(None, print),
        lambda loop: asyncio.to_thread(print),
        lambda loop: loop.create_connection(None, "localhost", 1),
        lambda loop: loop.create_server(None, "localhost", 1),
        lambda loop: loop.subprocess_exec(None, "true"),
        lambda loop: loop.sock_recv(None, 1),
        lambda loop: asyncio.open_connection("localhost", 1),
        lambda loop: asyncio.create_subprocess_exec("true"),
        lambda loop: loop.getaddrinfo("localhost", 1),
        lambda loop: loop.add_reader(0, print),
        lambda loop: loop.add_signal_handler(2, print),
    ],
)
def test_the_outside_world_is_refused(call):
    async def main():
        await call(asyncio.get_running_loop())

    with pytest.raises(NotInSimulatedTime, match="not in simulated time"):
        run(main())


def test_clocks_refuse_the_others_loop():
    async def wrong(clock):
        await clock.sleep(1)

    with pytest.raises(RuntimeError, match="in its own event loop"):
        asyncio.run(wrong(SimulatedClock()))
    with pytest.raises(RuntimeError, match="in its own event loop"):
        run(wrong(SimulatedClock()))
    with pytest.raises(RuntimeError, match="simulated time"):
        run(wrong(LiveClock()))
    assert asyncio.run(LiveClock().sleep(0.002)) is None


def test_start_seed_and_clock_of_a_run():
    async def main():
        return current_clock().now_ns(), current_seed()

    assert run(main()) == (START_NS, 0)
    assert run(main(), start=5, seed=9) == (5, 9)
    clock = SimulatedClock(77)
    assert run(main(), clock=clock) == (77, 0)
    run(clock.sleep(1), clock=clock)
    assert run(main(), clock=clock) == (77 + SECOND, 0)  # it goes on
    with pytest.raises(ValueError, match="both given"):
        run(main(), start=5, clock=clock)
    with pytest.raises(TypeError):
        run(main(), seed="x")
    assert isinstance(current_clock(), LiveClock)
    assert current_clock() is current_clock()
    assert current_seed() == 0


# ---- drivers


class Recorded:
    """Events at given times; says of each when it was lived through."""

    def __init__(self, clock, name, times, log, wakes=None):
        self.clock, self.name, self.times, self.log, self.wakes = clock, name, sorted(times), log, wakes or {}

    def next_event_ns(self):
        return self.times[0] if self.times else None

    def advance(self, until_ns):
        while self.times and self.times[0] <= until_ns:
            at = self.times.pop(0)
            self.log.append((at, self.name))
            if at in self.wakes:
                self.wakes[at].set_result(at)
                return at
        return until_ns


def test_one_driver_lives_on_straight_to_the_deadline():
    clock, log = SimulatedClock(0), []
    driver = Recorded(clock, "a", [5, 10, 10**9, 10**9 + 1], log)
    clock.attach(driver)
    clock.attach(driver)
    assert clock.drivers() == [driver]
    run(clock.sleep(1), clock=clock)
    assert log == [(5, "a"), (10, "a"), (10**9, "a")]
    assert clock.now_ns() == 10**9
    clock.detach(driver)
    run(clock.sleep(1), clock=clock)
    assert driver.times == [10**9 + 1]


def test_several_drivers_are_interleaved_by_their_events():
    clock, log = SimulatedClock(0), []
    drivers = [
        Recorded(clock, "a", [1, 4, 5, 90], log),
        Recorded(clock, "b", [2, 3, 6], log),
        Recorded(clock, "c", [2, 50, 200], log),
    ]
    for driver in drivers:
        clock.attach(driver)
    run(clock.sleep_until(100), clock=clock)
    assert [at for at, _ in log] == sorted(at for at, _ in log)
    assert len(log) == 9
    assert clock.now_ns() == 100


@pytest.mark.parametrize("others", [0, 1])
def test_an_event_somebody_waits_for_stops_time_there(others):
    clock, log = SimulatedClock(0), []

    async def main():
        future = asyncio.get_running_loop().create_future()
        driver = Recorded(clock, "a", [10, 20, 30], log, {20: future})
        companions = [Recorded(clock, "b", [15, 25], log) for _ in range(others)]
        for each in (driver, *companions):
            clock.attach(each)
        waiting = asyncio.create_task(clock.sleep_until(1000))
        reached = await future
        assert clock.now_ns() == 20
        assert not waiting.done()
        await waiting
        return reached, clock.now_ns()

    assert run(main(), clock=clock) == (20, 1000)
    assert [at for at, _ in log] == ([10, 15, 20, 25, 30] if others else [10, 20, 30])


def test_without_deadlines_the_next_event_is_the_way():
    clock, log = SimulatedClock(0), []

    async def main():
        future = asyncio.get_running_loop().create_future()
        driver = Recorded(clock, "a", [10, 20, 30], log, {20: future})
        clock.attach(driver)
        await future
        return clock.now_ns(), driver.times

    assert run(main(), clock=clock) == (20, [30])


def test_drivers_that_end_without_waking_anybody_are_a_deadlock():
    clock = SimulatedClock(0)

    async def main():
        clock.attach(driver)
        await asyncio.get_running_loop().create_future()

    driver = Recorded(clock, "a", [10, 20], [])
    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        run(main(), clock=clock)
    assert driver.times == []


def test_drivers_are_held_weakly_and_must_have_this_clock():
    clock = SimulatedClock(0)
    driver = Recorded(clock, "a", [1], [])
    clock.attach(driver)
    del driver
    gc.collect()
    assert clock.drivers() == []
    with pytest.raises(ValueError, match="another clock"):
        clock.attach(Recorded(SimulatedClock(0), "b", [], []))


def test_a_core_lives_in_simulated_time():
    async def main():
        core, gate = make_core(clock=current_clock(), limits={})
        Pulse(core)
        ticket = gate.submit_order(order(order_type="limit", limit_price=149.99, quantity=100))
        await current_clock().sleep(0.5)
        assert core.market.now_ns == core.clock.now_ns() == START_NS + SECOND // 2
        ended = await ticket.done()
        return ended.status, core.clock.now_ns() == ended.updated_ns, core.journal.sha256()

    first, second = run(main()), run(main())
    assert first[:2] == ("FILLED", True)
    assert first == second


def test_a_core_that_nobody_fills_is_named_after_a_day():
    async def main():
        core, gate = make_core(clock=current_clock(), limits={}, events_per_second=0.1)
        Pulse(core)
        await gate.submit_order(resting(limit_price=1.0)).done()

    with pytest.raises(RuntimeError, match=r"although the market went on for a day.*main.*for the orders 1"):
        run(main())


def test_two_cores_share_one_time():
    async def main():
        pairs = [make_core(clock=current_clock(), limits={}, seed=seed) for seed in (1, 2)]
        for core, _ in pairs:
            current_clock().attach(core)
        tickets = [gate.submit_order(order(order_type="limit", limit_price=149.95)) for _, gate in pairs]
        await current_clock().sleep(20)
        return [(core.market.now_ns - START_NS, core.journal.sha256()) for core, _ in pairs], len(tickets)

    (first, second), _ = run(main())
    assert first[0] == second[0] == 20 * SECOND
    assert run(main())[0] == [first, second]


# ---- live pulses


def test_live_time_goes_on_while_somebody_waits():
    async def main():
        core, gate = make_core(clock=LiveClock(), limits={}, events_per_second=5000.0)
        Pulse(core)
        quote = core.quote("AAPL")
        both = [
            gate.submit_order(order(side=side, order_type="limit", limit_price=price, quantity=1))
            for side, price in (("buy", quote.bid), ("sell", quote.ask))
        ]
        waiting = [asyncio.create_task(ticket.done()) for ticket in both]
        done, left = await asyncio.wait(waiting, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        return {task.result().status for task in done}

    assert asyncio.run(main()) == {"FILLED"}


def test_pulse_beats_only_while_somebody_waits():
    async def main():
        core, gate = make_core(clock=LiveClock(), limits={})
        pulse = Pulse(core)
        ticket = gate.submit_order(resting())
        assert pulse._handle is None
        waiting = asyncio.create_task(ticket.done())
        await asyncio.sleep(0.02)
        assert pulse._handle is not None
        core.cancel(ticket.order_id)
        assert (await waiting).status == "CANCELED"
        await asyncio.sleep(0.03)
        return pulse._handle

    assert asyncio.run(main()) is None


def test_engines_refuse_to_be_awaited_in_another_time():
    async def wait(clock):
        core, gate = make_core(clock=clock, limits={})
        Pulse(core)
        await gate.submit_order(resting()).done()

    with pytest.raises(RuntimeError, match="lives in simulated time"):
        asyncio.run(wait(SimulatedClock()))
    with pytest.raises(RuntimeError, match="lives in simulated time"):
        run(wait(SimulatedClock()))
    with pytest.raises(RuntimeError, match="lives in the machine's time"):
        run(wait(LiveClock()))


def test_loop_closes_twice_and_drops_its_timers():
    clock = SimulatedClock()
    loop = VirtualTimeLoop(clock)

    async def main():
        keep = asyncio.ensure_future(clock.sleep(5))
        await asyncio.sleep(0)
        keep.cancel()

    loop.run_until_complete(main())
    loop.close()
    loop.close()
    assert clock._timers == []
