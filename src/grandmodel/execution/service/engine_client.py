"""The service's end of the engine's port: requests over the Unix socket, and the latest snapshot."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import time
from pathlib import Path
from typing import Any

from .port import LINE

log = logging.getLogger("grandmodel.execution.service")

#: Seconds that an answer may take.
PATIENCE = 10.0


class EngineError(Exception):
    """What the engine said no to. `kind` is one of value, validation, refused, unknown, state, closed, fault, gone;
    `told` the whole answer."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told.get("message", ""))
        self.kind: str = told.get("kind", "fault")
        self.told = told


class EngineClient:
    """Asks one engine. Connects when it has to, again and again; requests go one behind the other.

    Parameters
    ----------
    path : of the engine's socket
    interval : seconds between snapshots
    """

    def __init__(self, path: str | Path, interval: float = 0.5) -> None:
        self.path, self.interval = Path(path), interval
        self.snapshot: dict[str, Any] | None = None
        self.taken = 0.0  # when, by time.monotonic()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._lock = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._task: asyncio.Task[None] | None = None

    @property
    def age(self) -> float:
        """Seconds since the last snapshot; infinite before the first."""
        return time.monotonic() - self.taken if self.snapshot is not None else float("inf")

    @property
    def is_current(self) -> bool:
        """Is the snapshot no older than a few intervals?"""
        return self.age < max(2.0, 4 * self.interval)

    def start(self) -> None:
        """Begins to take snapshots."""
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        """Takes no more, and ends the connection."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._drop()

    async def ask(self, op: str, **fields: Any) -> Any:
        """The engine's answer. EngineError when it says no, or is not there."""
        try:
            async with asyncio.timeout(PATIENCE):  # wait_for can lose a cancellation (Python 3.11)
                return await self._ask(op, fields)
        except TimeoutError:
            self._drop()
            raise EngineError({"kind": "gone", "message": f"the engine has not answered for {PATIENCE:g} s"}) from None

    async def _ask(self, op: str, fields: dict[str, Any]) -> Any:
        async with self._lock:
            line = json.dumps({**fields, "id": next(self._numbers), "op": op}).encode() + b"\n"
            try:
                if self._writer is None:
                    self._reader, self._writer = await asyncio.open_unix_connection(str(self.path), limit=64 * LINE)
                assert self._reader is not None
                self._writer.write(line)
                await self._writer.drain()
                answer = await self._reader.readline()
                if not answer:
                    raise ConnectionError("the engine has closed the connection")
            except BaseException as error:  # a request that is given up leaves its answer in the connection
                self._drop()
                if isinstance(error, OSError):
                    raise EngineError({"kind": "gone", "message": f"the engine is not there: {error}"}) from None
                raise
        told = json.loads(answer)
        if "error" in told:
            raise EngineError(told["error"])
        return told["ok"]

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def look(self) -> None:
        """Takes a snapshot now: what was just changed is then in it."""
        try:
            self.snapshot, self.taken = await self.ask("snapshot"), time.monotonic()
        except EngineError as error:
            log.debug("no snapshot: %s", error)

    async def _follow(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self.interval)
