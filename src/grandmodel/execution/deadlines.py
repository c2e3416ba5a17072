"""Other people's functions, which may fail or stall."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import Clock


async def call_within(clock: Clock, seconds: float, function: Callable[..., Any], *given: Any) -> Any:
    """What `function(*given)` returns, awaited where it is awaitable, for `seconds` of the clock at most.

    TimeoutError when it takes longer (it is cancelled then); whatever it raises. One that blocks its thread is not
    interrupted: nothing in this process could.
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
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
