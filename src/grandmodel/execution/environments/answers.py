"""A policy's answers, each by its deadline."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from ..deadlines import call_within, let_go

if TYPE_CHECKING:
    from ..clock import Clock


class Answers:
    """Asks a policy, and waits for so long.

    In simulated time a function takes no time, and is called where it is asked for. Live it runs on a thread of its
    own: the loop goes on, and a late answer is let go. While that is still being worked on nothing new is asked. A
    coroutine function runs in the loop, for as long by the clock, in both.
    """

    def __init__(self, policy: Callable[[Any], Any], seconds: float, clock: Clock) -> None:
        self._policy, self._seconds, self._clock = policy, seconds, clock
        self._asked: SimpleQueue[tuple[Any, asyncio.Future[Any]] | None] | None = None
        self._pending: asyncio.Future[Any] | None = None
        call = getattr(policy, "__call__", policy)  # noqa: B004 - an object may have a coroutine for it
        self._waits = inspect.iscoroutinefunction(policy) or inspect.iscoroutinefunction(call)

    async def to(self, observation: Any) -> Any:
        """The policy's action. TimeoutError when it is late, or still at the one before; whatever it raises."""
        if self._waits:
            return await call_within(self._clock, self._seconds, self._policy, observation)
        if self._clock.simulated:
            return self._policy(observation)
        if self._pending is not None and not self._pending.done():
            raise TimeoutError("the policy is still at an earlier decision")
        if self._asked is None:  # no executor: the interpreter waits for an executor's threads when it ends
            self._asked = SimpleQueue()
            Thread(target=_answer, args=(self._policy, self._asked), name="policy", daemon=True).start()
        self._pending = asyncio.get_running_loop().create_future()
        self._asked.put((observation, self._pending))
        done, _ = await asyncio.wait({self._pending}, timeout=self._seconds / getattr(self._clock, "speed", 1))
        if not done:
            self._pending.add_done_callback(let_go)
            raise TimeoutError(f"the policy took more than {self._seconds:g} s")
        return self._pending.result()

    def close(self) -> None:
        """Waits for nobody: a policy that never returns keeps its thread, and nothing else."""
        if self._asked is not None:
            self._asked.put(None)


def _answer(policy: Callable[[Any], Any], asked: SimpleQueue[tuple[Any, asyncio.Future[Any]] | None]) -> None:
    while (asks := asked.get()) is not None:
        observation, future = asks
        told, error = None, None
        try:
            told = policy(observation)
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            future.get_loop().call_soon_threadsafe(_tell, future, told, error)


def _tell(future: asyncio.Future[Any], told: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(told)
    else:
        future.set_exception(error)
