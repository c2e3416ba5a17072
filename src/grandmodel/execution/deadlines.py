"""Other people's functions, which may fail or stall."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import Clock


async def call_within(clock: Clock, seconds: float, function: Callable[..., Any], *given: Any) -> Any:
    """What `function(*given)` returns, awaited where it is awaitable, for `seconds` of the clock at most.

    TimeoutError when it takes longer (it is cancelled then, and not waited for: it may not let itself be cancelled);
    whatever it raises. One that blocks its thread is not interrupted: nothing in this process could.
    """
    told = function(*given)
    if not inspect.isawaitable(told):
        return told
    task = asyncio.ensure_future(told)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError(f"{getattr(function, '__name__', function)} took more than {seconds:g} s")
        return task.result()
    finally:
        timer.cancel()
        if not task.done():
            task.cancel()
            task.add_done_callback(let_go)


def let_go(late: asyncio.Future[Any]) -> None:
    """What comes too late is nobody's: without this an error in it would be reported as one that nobody asked for."""
    if not late.cancelled():
        late.exception()
