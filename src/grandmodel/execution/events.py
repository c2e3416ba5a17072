"""What happened, as events: a reader of the journal, the engine's own bus, a bridge to anybody else's.

Nothing here stands in the order path. A reader has a cursor into the log and reads on from it; a slow or
failing subscriber delays nobody. While an event loop runs, news is delivered by a callback of that loop soon
after it was logged; without one, when ``pump()`` is called.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import weakref
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ._core.journal import iterate
from .records_view import EventType, RecordView, type_of

__all__ = [
    "BusBridge",
    "Event",
    "EventBus",
    "EventType",
    "JournalReader",
    "Pump",
    "Subscription",
]

_log = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = 1024  # events delivered in one turn of an event loop

Callback = Callable[["Event"], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; it never changes.

    event_type : EventType, or a name of one's own
    timestamp  : datetime; aware UTC in all that the engine makes
    payload    : mapping in user units: symbols as text, prices as float and, exactly, as ``*_e9``
    source     : who says so; ``journal`` for records of the log
    """

    event_type: EventType | str
    timestamp: datetime
    payload: Mapping[str, Any]
    source: str = "execution_engine"


# ---- the log


def _event(event_type: EventType, payload: dict[str, Any]) -> Event:
    timestamp = _EPOCH + timedelta(microseconds=payload["time_ns"] // 1000)
    return Event(event_type=event_type, timestamp=timestamp, payload=payload, source="journal")


class JournalReader:
    """Reads a core's journal from a cursor on.

    Parameters
    ----------
    core     : engine core
    position : byte of the record stream to begin at, a record's first; None: what comes from now on
    """

    __slots__ = ("_view", "core", "position")

    def __init__(self, core: Any, position: int | None = 0) -> None:
        self.core = core
        self._view = RecordView(core)
        self.position: int = core.journal.head if position is None else position

    @property
    def behind(self) -> int:
        """Bytes of the log that have not been read yet."""
        return int(self.core.journal.head) - self.position

    def poll(self, limit: int | None = None, wanted: Collection[str] | None = None) -> list[Event]:
        """The events since the last call, oldest first.

        limit  : at most so many; the others come with the next call
        wanted : event types; the others are passed over without being made
        """
        events: list[Event] = []
        journal = self.core.journal
        while limit is None or len(events) < limit:
            piece = journal.read(self.position, 1 << 18)
            used = 0
            for offset, kind, record in iterate(piece):
                if limit is not None and len(events) >= limit:
                    break
                used = offset + record.dtype.itemsize
                event_type = type_of(kind, record["row"])
                if wanted is None or event_type in wanted:
                    events.append(_event(event_type, self._view.payload(kind, record)))
            self.position += used
            if used == 0:
                break
        return events


# ---- delivery


class _Handled:
    """What ``publish`` returns: awaiting it gives control back at once, nobody waits for subscribers."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


_HANDLED = _Handled()


class _Calls:
    """Calls other people's functions: what they raise is counted and logged once, what they return is run."""

    def __init__(self) -> None:
        self.failures = 0
        self.undelivered = 0
        self._tasks: set[asyncio.Future[Any]] = set()
        self._logged_ids: set[int] = set()

    def call(self, function: Callable[..., Any], event: Event) -> None:
        try:
            result = function(event)
            if result is not None and inspect.isawaitable(result):
                self._take(function, result)
        except Exception as error:
            self._failed(function, error)

    def _take(self, function: Callable[..., Any], result: Any) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._step(result)
            return
        task = asyncio.ensure_future(result if inspect.iscoroutine(result) else _awaited(result), loop=loop)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(function, done))

    def _step(self, result: Any) -> None:
        """Without a loop a coroutine runs to its first wait; one that waits is ended there."""
        if not inspect.iscoroutine(result):
            return
        try:
            result.send(None)
        except StopIteration:
            return
        self.undelivered += 1
        result.close()
        if self.undelivered == 1:
            _log.warning("an asynchronous subscriber waits, but no event loop runs: its event was dropped")

    def _done(self, function: Callable[..., Any], task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(function, error)

    def _failed(self, function: Callable[..., Any], error: BaseException) -> None:
        self.failures += 1
        key = id(getattr(function, "__self__", function))
        if key not in self._logged_ids:
            self._logged_ids.add(key)
            message = "a subscriber of events failed: %r; further failures are counted only"
            _log.error(message, function, exc_info=error)


async def _awaited(result: Any) -> Any:
    return await result


class Pump:
    """Calls ``deliver(limit)`` soon after records were appended, once for many of them, in the running loop.

    It installs itself in ``core.listeners``. Without a running loop it does nothing, somebody pumps by hand;
    from another thread it wakes the loop in which it last delivered.
    """

    __slots__ = ("__weakref__", "_core", "_deliver", "_loop", "_pending", "_seen", "_watching")

    def __init__(self, core: Any, deliver: Callable[[int | None], int]) -> None:
        self._core = weakref.ref(core)
        self._deliver = deliver
        self._pending = False
        self._seen = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        core.listeners.append(self)
        core.watch(True)
        self._watching = True

    def close(self) -> None:
        """Takes itself out of ``core.listeners``."""
        core = self._core()
        if core is not None and self._watching:
            self._watching = False
            core.listeners.remove(self)
            core.watch(False)

    def __call__(self) -> None:
        core = self._core()
        if core is None or core.journal.head == self._seen:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            other = self._loop
            if other is None or self._pending or not other.is_running():
                return
            self._pending = True
            other.call_soon_threadsafe(self._run)
            return
        if self._pending and self._loop is loop:
            return
        self._loop = loop
        self._pending = True
        loop.call_soon(self._run)

    def _run(self) -> None:
        self._pending = False
        core = self._core()
        if core is None or not self._watching:
            return
        head = core.journal.head
        if self._deliver(_BATCH) >= _BATCH:
            self()
        else:
            self._seen = head


class Subscription:
    """A place in a bus; ``cancel()`` gives it up."""

    __slots__ = ("_bus", "callback", "event_type")

    def __init__(self, bus: EventBus, event_type: str | None, callback: Callback) -> None:
        self._bus: EventBus | None = bus
        self.event_type = event_type
        self.callback = callback

    @property
    def active(self) -> bool:
        """True until it is cancelled."""
        return self._bus is not None

    def cancel(self) -> None:
        """No more events from here on; cancelling twice is allowed."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus._drop(self)


class EventBus:
    """The engine's bus: what engines log, and what anybody publishes, to those who subscribed.

    Subscribers are called in the order of subscription. One that raises is counted in ``failures`` and
    logged once. A coroutine function becomes a task of the running loop; without a loop it runs to its first
    wait. Use a bus from one thread.
    """

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._readers: list[JournalReader] = []
        self._following: list[JournalReader] = []  # those that were attached without a position
        self._pumps: list[Pump] = []
        self._calls = _Calls()
        self._pumping = False

    @property
    def failures(self) -> int:
        """How often a subscriber raised."""
        return self._calls.failures

    @property
    def undelivered(self) -> int:
        """Events that an asynchronous subscriber lost because no event loop ran."""
        return self._calls.undelivered

    def subscribe(self, event_type: EventType | str | None, callback: Callback) -> Subscription:
        """Calls ``callback(event)`` for each event of that type (None: of every type) from now on."""
        if not callable(callback):
            raise TypeError(f"callback is {callback!r}, must be callable")
        if event_type is not None and not isinstance(event_type, str):
            raise TypeError(f"event_type is {event_type!r}, must be an EventType, a str or None")
        subscription = Subscription(self, event_type, callback)
        if not self._subscriptions:
            self._listen()
        self._subscriptions.append(subscription)
        return subscription

    def _drop(self, subscription: Subscription) -> None:
        self._subscriptions = [each for each in self._subscriptions if each is not subscription]
        if not self._subscriptions:
            for pump in self._pumps:
                pump.close()
            self._pumps.clear()

    def _listen(self) -> None:
        """The first subscriber: from here on the logs are read."""
        for reader in self._readers:
            if reader in self._following:
                reader.position += reader.behind
            self._pumps.append(Pump(reader.core, self.pump))

    def publish(self, event: Event) -> _Handled:
        """Gives ``event`` to its subscribers, now; what is returned may be awaited, or not."""
        for subscription in tuple(self._subscriptions):
            if subscription.active and subscription.event_type in (None, event.event_type):
                self._calls.call(subscription.callback, event)
        return _HANDLED

    def attach(self, core: Any, position: int | None = None) -> JournalReader:
        """Reads the core's journal from ``position`` on (None: what comes from now on); the reader.

        While nobody subscribes nothing is read, and without a position what was logged then is passed over.
        """
        self.detach(core)
        reader = JournalReader(core, position)
        self._readers.append(reader)
        if position is None:
            self._following.append(reader)
        if self._subscriptions:
            self._pumps.append(Pump(core, self.pump))
        return reader

    def detach(self, core: Any) -> None:
        """Reads that core's journal no more."""
        self._readers = [reader for reader in self._readers if reader.core is not core]
        self._following = [reader for reader in self._following if reader.core is not core]
        for pump in [each for each in self._pumps if each._core() is core]:
            pump.close()
            self._pumps.remove(pump)

    def pump(self, limit: int | None = None) -> int:
        """Delivers what the attached engines logged since; how many events (at most ``limit``)."""
        if not self._subscriptions or self._pumping:
            return 0
        types = {subscription.event_type for subscription in self._subscriptions}
        wanted = None if None in types else {each for each in types if each is not None}
        count = 0
        self._pumping = True
        try:
            for reader in tuple(self._readers):
                for event in reader.poll(None if limit is None else limit - count, wanted):
                    self.publish(event)
                    count += 1
        finally:
            self._pumping = False
        return count


class BusBridge:
    """Hands every record of a core's journal to another bus: any object with ``publish(event)``.

    An awaitable that ``publish`` returns becomes a task of the running loop, held until it is done; without a
    loop a coroutine runs to its first wait and any other awaitable is left alone.
    """

    def __init__(self, core: Any, bus: Any, position: int | None = None) -> None:
        if not callable(getattr(bus, "publish", None)):
            raise TypeError(f"event_bus is {bus!r}, must have a method publish(event)")
        self.bus = bus
        self.reader = JournalReader(core, position)
        self._calls = _Calls()
        self._pumping = False
        self._pump = Pump(core, self.pump)

    @property
    def failures(self) -> int:
        """How often ``publish`` raised."""
        return self._calls.failures

    @property
    def undelivered(self) -> int:
        """Events lost because an asynchronous ``publish`` waited while no event loop ran."""
        return self._calls.undelivered

    def pump(self, limit: int | None = None) -> int:
        """Publishes what was logged since; how many events (at most ``limit``)."""
        if self._pumping:
            return 0
        events = self.reader.poll(limit)
        self._pumping = True
        try:
            for event in events:
                self._calls.call(self.bus.publish, event)
        finally:
            self._pumping = False
        return len(events)

    def close(self) -> None:
        """Publishes what is left and ends."""
        self.pump()
        self._pump.close()
