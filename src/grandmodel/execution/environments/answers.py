"""A policy's answers, each by its deadline."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
        self._thread: ThreadPoolExecutor | None = None
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
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="policy")
        self._pending = asyncio.get_running_loop().run_in_executor(self._thread, self._policy, observation)
        done, _ = await asyncio.wait({self._pending}, timeout=self._seconds / getattr(self._clock, "speed", 1))
        if not done:
            self._pending.add_done_callback(let_go)
            raise TimeoutError(f"the policy took more than {self._seconds:g} s")
        return self._pending.result()

    def close(self) -> None:
        """Waits for nobody: a policy that never returns keeps its thread, and nothing else."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
