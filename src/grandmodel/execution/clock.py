"""Where all time comes from: the machine, or a simulation whose event loop jumps from deadline to deadline.

    result = run(main(), seed=7)            # main() in virtual time: a two-hour schedule takes a moment
    await current_clock().sleep(60)         # the same coroutine, live or simulated

A simulated clock stands still until everybody who is ready has run. Then the loop lets the attached engines
live on, in the core, to the earliest deadline, or to the first event that somebody waits for.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import operator
import weakref
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, Protocol, Self, TypeVar

from ._core.clock import NativeClock

__all__ = [
    "DEFAULT_START",
    "Clock",
    "Driver",
    "LiveClock",
    "NotInSimulatedTime",
    "Pulse",
    "SimulatedClock",
    "VirtualTimeLoop",
    "current_clock",
    "current_seed",
    "run",
]

T = TypeVar("T")

#: Where simulated time begins unless somebody says otherwise: a Thursday, 09:30 in New York.
DEFAULT_START = datetime(2025, 1, 2, 14, 30, tzinfo=UTC)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64_MAX = 2**63 - 1
_SECOND = 1_000_000_000
_STEP_NS = 60 * _SECOND  # with nothing scheduled, a core that stops by itself is advanced in such steps
_PATIENCE_NS = 24 * 3600 * _SECOND  # with nothing scheduled, how long the market may flow past a waiter
_PULSE_MIN, _PULSE_MAX = 0.001, 0.010  # seconds between two looks at the market while somebody waits, live


class NotInSimulatedTime(RuntimeError):  # noqa: N818  (reads as a sentence)
    """What was asked for needs the real world: sockets, executors, processes, signals."""


class Driver(Protocol):
    """Something that lives in simulated time: an engine core, a replay."""

    def advance(self, until_ns: int, /) -> int:
        """Lives on to ``until_ns`` or to the first event that somebody waits for; the time reached."""

    def next_event_ns(self) -> int | None:
        """When its next event is due, or None."""


def to_ns(start: datetime | int, name: str = "start") -> int:
    """An aware datetime, or int nanoseconds since 1970, as the latter. ValueError or TypeError names it."""
    if isinstance(start, datetime):
        if start.utcoffset() is None:
            raise ValueError(f"{name} is {start!r}, must be an aware datetime")
        return (start - _EPOCH) // timedelta(microseconds=1) * 1000
    if isinstance(start, bool):
        raise TypeError(f"{name} is {start!r}, must be an aware datetime or int nanoseconds")
    try:
        ns = operator.index(start)
    except TypeError:
        raise TypeError(f"{name} is {start!r}, must be an aware datetime or int nanoseconds") from None
    if not 0 <= ns < 1 << 62:
        raise ValueError(f"{name} is {ns}, must be nanoseconds since 1970 below 2**62")
    return ns


def _delay_ns(seconds: float) -> int:
    seconds = float(seconds)
    if not math.isfinite(seconds) or seconds > 1e9:
        raise ValueError(f"seconds is {seconds!r}, must be a finite number up to 1e9")
    return max(0, round(seconds * 1e9))


class Clock(NativeClock):
    """Time in int64 nanoseconds since 1970, UTC. Use :class:`LiveClock` or :class:`SimulatedClock`."""

    def now(self) -> datetime:
        """Now as an aware UTC datetime, cut to microseconds."""
        return _EPOCH + timedelta(microseconds=self.now_ns() // 1000)

    async def sleep(self, seconds: float) -> None:
        """Waits that long in this clock's time; 0 and less: lets the others run once."""
        await self.sleep_until(self.now_ns() + _delay_ns(seconds))

    async def sleep_until(self, deadline_ns: int) -> None:
        """Waits until ``now_ns() >= deadline_ns``."""
        raise TypeError(f"{type(self).__name__} does not say how it waits; use LiveClock or SimulatedClock")

    def wake_at(self, deadline_ns: int, future: asyncio.Future[None]) -> None:
        """Completes `future` once ``now_ns() >= deadline_ns``, unless it is done by then. What waits for several things
        at once waits for one such future."""
        raise TypeError(f"{type(self).__name__} does not say how it waits; use LiveClock or SimulatedClock")


class LiveClock(Clock):
    """The machine's time; it never runs backwards.

    Parameters
    ----------
    speed : so many times as fast, for rehearsals: an hour passes in 3.6 seconds at 1000
    start : where a faster clock begins, aware datetime or int nanoseconds since 1970; None: now
    """

    def __new__(cls, speed: int = 1, start: datetime | int | None = None) -> Self:
        if start is not None and speed == 1:
            raise ValueError("start is given, but the machine's own time begins where it is")
        return super().__new__(cls, simulated=False, speed=speed, start_ns=0 if start is None else to_ns(start))

    async def sleep_until(self, deadline_ns: int) -> None:
        """Waits until ``now_ns() >= deadline_ns``. RuntimeError in simulated time."""
        if isinstance(asyncio.get_running_loop(), VirtualTimeLoop):
            raise RuntimeError("a live clock cannot be waited for in simulated time; use current_clock()")
        await asyncio.sleep(0)
        while (rest := deadline_ns - self.now_ns()) > 0:
            await asyncio.sleep(rest / 1e9 / self.speed)

    def wake_at(self, deadline_ns: int, future: asyncio.Future[None]) -> None:
        """Completes `future` at the deadline. RuntimeError in simulated time."""
        if isinstance(asyncio.get_running_loop(), VirtualTimeLoop):
            raise RuntimeError("a live clock cannot be waited for in simulated time; use current_clock()")
        self._wake(deadline_ns, future)

    def _wake(self, deadline_ns: int, future: asyncio.Future[None]) -> None:
        if future.done():
            return
        rest = deadline_ns - self.now_ns()
        if rest <= 0:
            future.set_result(None)
        else:
            future.get_loop().call_later(rest / 1e9 / self.speed, self._wake, deadline_ns, future)

    def __repr__(self) -> str:
        return "LiveClock()" if self.speed == 1 else f"LiveClock(speed={self.speed})"


class SimulatedClock(Clock):
    """A simulation's own time: it stands still until its event loop moves it.

    Parameters
    ----------
    start : aware datetime, or int nanoseconds since 1970
    """

    start_ns: int
    _timers: list[tuple[int, int, asyncio.Future[None]]]
    _sequence: int
    _drivers: list[Callable[[], Driver | None]]

    def __new__(cls, start: datetime | int = DEFAULT_START) -> Self:
        return super().__new__(cls, simulated=True, start_ns=to_ns(start))

    def __init__(self, start: datetime | int = DEFAULT_START) -> None:
        self.start_ns = self.now_ns()
        self._timers = []
        self._sequence = 0
        self._drivers = []

    async def sleep_until(self, deadline_ns: int) -> None:
        """Waits until ``now_ns() >= deadline_ns``, exactly. RuntimeError under any loop but this clock's."""
        loop = self._loop()
        if deadline_ns <= self.now_ns():
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = loop.create_future()
        self._sequence += 1
        heapq.heappush(self._timers, (deadline_ns, self._sequence, future))
        await future

    def wake_at(self, deadline_ns: int, future: asyncio.Future[None]) -> None:
        """Completes `future` at the deadline, exactly. RuntimeError under any loop but this clock's."""
        self._loop()
        self._sequence += 1
        heapq.heappush(self._timers, (deadline_ns, self._sequence, future))

    def _loop(self) -> VirtualTimeLoop:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualTimeLoop) or loop.clock is not self:
            raise RuntimeError("a simulated clock moves in its own event loop only; start it with clock.run()")
        return loop

    def attach(self, driver: Driver) -> None:
        """From now on ``driver`` lives in this clock's time. It is held weakly."""
        theirs = getattr(driver, "clock", self)
        if theirs is not self:
            raise ValueError(f"{type(driver).__name__} has another clock")
        if not any(reference() is driver for reference in self._drivers):
            self._drivers.append(weakref.ref(driver))

    def detach(self, driver: Driver) -> None:
        """``driver`` no longer lives in this clock's time; nothing happens if it never did."""
        self._drivers = [each for each in self._drivers if each() not in (driver, None)]

    def drivers(self) -> list[Driver]:
        """Those attached that still exist, in the order of attachment."""
        alive = [driver for reference in self._drivers if (driver := reference()) is not None]
        if len(alive) != len(self._drivers):
            self._drivers = [each for each in self._drivers if each() is not None]
        return alive

    def _next_deadline(self) -> int | None:
        while self._timers and self._timers[0][2].done():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _fire(self) -> None:
        """Completes the timers that are due, in the order of (deadline, sequence)."""
        now = self.now_ns()
        while self._timers and self._timers[0][0] <= now:
            future = heapq.heappop(self._timers)[2]
            if not future.done():
                future.set_result(None)

    def _reach(self, ns: int) -> None:
        if ns > self.now_ns():
            self.advance_to(ns)

    def __repr__(self) -> str:
        return f"SimulatedClock({self.now().isoformat()})"


class _Jump:
    """Stands where a loop has its selector: instead of waiting, it moves time."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        self._loop._jump()  # which does nothing when something is ready
        return []


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """An asyncio loop in a :class:`SimulatedClock`'s time. It never waits and knows no outside world.

    ``time()`` counts seconds from the clock's start. Deadlines of ``call_later`` and ``asyncio.sleep`` are
    kept to the nanosecond nearest to their float.

    Raises
    ------
    RuntimeError  out of ``run_until_complete`` when tasks wait for something that nothing will bring
    """

    def __init__(self, clock: SimulatedClock | None = None, seed: int = 0) -> None:
        super().__init__()
        self.clock = SimulatedClock() if clock is None else clock
        self.seed = seed
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9
        self._origin_ns = self.clock.start_ns
        self._idle_since: int | None = None

    def time(self) -> float:
        """Seconds since the clock's start."""
        return (self.clock.now_ns() - self._origin_ns) / 1e9

    # ---- what BaseEventLoop asks of a loop

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass  # there is no sleep to interrupt: the next turn of the loop sees the callback

    def close(self) -> None:
        """Closes the loop; timers that stand are dropped."""
        if not self.is_running():
            self.clock._timers.clear()
        super().close()

    # ---- time

    def _due_ns(self) -> int | None:
        """The earliest deadline of clock and loop."""
        deadline = self.clock._next_deadline()
        scheduled = self._scheduled  # type: ignore[attr-defined]
        if scheduled:
            when = scheduled[0].when()
            at = self._origin_ns + round(when * 1e9)
            if at <= self.clock.now_ns() and when >= self.time() + self._clock_resolution:
                at = self.clock.now_ns() + 1  # so far from the start that a float no longer resolves 1 ns
            deadline = at if deadline is None else min(deadline, at)
        return deadline

    def _jump(self) -> None:
        """Moves time until something is ready to run."""
        clock = self.clock
        ready = self._ready  # type: ignore[attr-defined]
        while not ready and not self._stopping:  # type: ignore[attr-defined]
            deadline = self._due_ns()
            if deadline is None:
                self._live_unscheduled()
                continue
            self._idle_since = None
            if deadline > clock.now_ns():
                self._live_on(deadline)
            if deadline <= clock.now_ns():
                clock._fire()
                return
        self._idle_since = None

    def _live_on(self, until_ns: int) -> None:
        """Lets the drivers live until ``until_ns``, or until something is ready, and moves the clock."""
        clock = self.clock
        ready = self._ready  # type: ignore[attr-defined]
        drivers = clock.drivers()
        if len(drivers) <= 1:
            for driver in drivers:
                while clock.now_ns() < until_ns and not ready:
                    if not self._step(driver, until_ns):
                        break
            if not ready:
                clock._reach(until_ns)
            return
        while not ready:
            # The earliest first, and only as far as the next one's event: none is ever ahead of another.
            events = sorted((_next(driver), index) for index, driver in enumerate(drivers))
            first, second = events[0], events[1]
            if first[0] > until_ns:
                for driver in drivers:
                    if not ready:
                        self._step(driver, until_ns)
                break
            if not self._step(drivers[first[1]], min(max(first[0], second[0]), until_ns)):
                break
        if not ready:
            clock._reach(until_ns)

    def _step(self, driver: Driver, until_ns: int) -> bool:
        """Advances one driver and the clock with it; False when it did not move."""
        before = (self.clock.now_ns(), driver.next_event_ns())
        reached = driver.advance(until_ns)
        self.clock._reach(min(reached, until_ns))
        return (self.clock.now_ns(), driver.next_event_ns()) != before

    def _live_unscheduled(self) -> None:
        """No deadline stands: the market alone may bring what is waited for."""
        now = self.clock.now_ns()
        if self._idle_since is None:
            self._idle_since = now
        events = []
        for index, driver in enumerate(self.clock.drivers()):
            if getattr(driver, "has_waiters", True) or getattr(driver, "watched", True):
                stops = hasattr(driver, "has_waiters")
                if (at := driver.next_event_ns()) is not None:
                    events.append((at, index, stops))
        if not events or now - self._idle_since > _PATIENCE_NS:
            patience = " although the market went on for a day" if events else ""
            raise RuntimeError(f"nothing will ever happen{patience}, and these wait: {self._waiting()}")
        at, _, stops = min(events)
        self._live_on(max(at + _STEP_NS if stops and len(events) == 1 else at, now + 1))

    def _waiting(self) -> str:
        tasks = sorted((task for task in asyncio.all_tasks(self) if not task.done()), key=lambda t: t.get_name())
        shown = [f"{task.get_name()} in {_where(task.get_coro())}" for task in tasks[:5]]
        more = [f"{len(tasks) - 5} more"] if len(tasks) > 5 else []
        for driver in self.clock.drivers():
            if orders := getattr(driver, "awaited", None):
                more.append(f"for the orders {', '.join(map(str, orders[:10]))}")
        return "; ".join(shown + more) or "nobody that this loop knows"


def _next(driver: Driver) -> int:
    at = driver.next_event_ns()
    return _INT64_MAX if at is None else at


def _where(awaitable: Any) -> str:
    """The chain of coroutines down to what is waited for."""
    names: list[str] = []
    while awaitable is not None and len(names) < 16:
        name = getattr(awaitable, "__qualname__", None)
        names.append(name if isinstance(name, str) else type(awaitable).__name__)
        awaitable = getattr(awaitable, "cr_await", None) or getattr(awaitable, "gi_yieldfrom", None)
    return " > ".join(names)


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refused(self: VirtualTimeLoop, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotInSimulatedTime(f"{name} is not in simulated time: no sockets, threads, processes or signals")

    refused.__name__ = name
    refused.__doc__ = "Refused: simulated time knows no outside world."
    return refused


for _name in (
    "add_reader", "add_signal_handler", "add_writer", "connect_accepted_socket", "connect_read_pipe",
    "connect_write_pipe", "create_connection", "create_datagram_endpoint", "create_server",
    "create_unix_connection", "create_unix_server", "getaddrinfo", "getnameinfo", "remove_reader",
    "remove_signal_handler", "remove_writer", "run_in_executor", "sendfile", "set_default_executor",
    "sock_accept", "sock_connect", "sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into",
    "sock_sendall", "sock_sendfile", "sock_sendto", "start_tls", "subprocess_exec", "subprocess_shell",
):  # fmt: skip
    setattr(VirtualTimeLoop, _name, _refuse(_name))


def run(
    main: Coroutine[Any, Any, T],
    *,
    start: datetime | int | None = None,
    seed: int = 0,
    clock: SimulatedClock | None = None,
) -> T:
    """Runs a coroutine in virtual time and returns its result.

    Parameters
    ----------
    main  : coroutine
    start : where time begins, aware datetime or int ns; by default 2025-01-02 14:30 UTC (09:30 in New York)
    seed  : of what is made inside without a seed of its own (see ``current_seed``)
    clock : a clock to go on with, instead of ``start``

    Raises
    ------
    RuntimeError  when tasks are left that wait for something that nothing will bring, each named
    """
    if clock is not None and start is not None:
        main.close()
        raise ValueError("start and clock are both given; the clock has its own start")
    try:
        seed = operator.index(seed)
        chosen = clock if clock is not None else SimulatedClock(DEFAULT_START if start is None else start)
    except (TypeError, ValueError):
        main.close()
        raise
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(chosen, seed)) as runner:
        return runner.run(main)


_LIVE = LiveClock()


def _virtual_loop() -> VirtualTimeLoop | None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop if isinstance(loop, VirtualTimeLoop) else None


def current_clock() -> Clock:
    """The running virtual loop's clock, else the machine's."""
    loop = _virtual_loop()
    return _LIVE if loop is None else loop.clock


def current_seed() -> int:
    """The seed of the running virtual loop, else 0."""
    loop = _virtual_loop()
    return 0 if loop is None else loop.seed


class Pulse:
    """Keeps a core's time going while something is awaited: installs itself as ``core.on_wait``.

    In live time one loop timer stands at the core's next event, from 1 to 10 ms ahead, and advances it, again
    and again while somebody waits. In simulated time the virtual loop does that: the core is
    attached to its clock, and waiting for it under another loop is refused.
    """

    __slots__ = ("__weakref__", "_core", "_handle", "_loop")

    def __init__(self, core: Any) -> None:
        self._core = weakref.ref(core)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        core.on_wait = self
        if isinstance(core.clock, SimulatedClock):
            core.clock.attach(core)

    def __call__(self) -> None:
        """Somebody begins to wait. RuntimeError when the loop that runs does not live in the core's time."""
        core = self._core()
        if core is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        virtual = loop if isinstance(loop, VirtualTimeLoop) else None
        if core.clock.simulated:
            if virtual is None or virtual.clock is not core.clock:
                raise RuntimeError("this engine lives in simulated time; await it inside clock.run()")
        elif virtual is not None:
            raise RuntimeError("this engine lives in the machine's time; await it outside clock.run()")
        elif self._handle is None or self._loop is None or not self._loop.is_running():
            self._arm(core, loop)

    def _arm(self, core: Any, loop: asyncio.AbstractEventLoop) -> None:
        at = core.next_event_ns()
        ahead = _PULSE_MAX if at is None else (at - core.clock.now_ns()) / 1e9 / core.clock.speed
        self._loop = loop
        self._handle = loop.call_later(min(max(ahead, _PULSE_MIN), _PULSE_MAX), self._beat)

    def _beat(self) -> None:
        self._handle = None
        core = self._core()
        if core is None or core.closed or self._loop is None:
            return
        now = core.clock.now_ns()
        while core.advance(now) < now:  # it stopped for somebody: on to the present
            pass
        if core.has_waiters:
            self._arm(core, self._loop)
