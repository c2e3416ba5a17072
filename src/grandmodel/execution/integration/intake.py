"""Decisions as they come: checked, young enough, not too many, and one at a time by symbol; what is refused stands in
the journal."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.values import Reason
from .decisions import Decision, DecisionError, read_decision

if TYPE_CHECKING:
    from .._core.submit import Core

log = logging.getLogger("grandmodel.execution.integration")

_ORDER_FIELDS = {"symbol": "symbol", "side": "side", "action": "side", "quantity": "quantity"}
_REASONS = {"timestamp": Reason.DECISION_STALE, "rate": Reason.DECISION_FLOOD, "queue": Reason.DECISION_FLOOD}
_SIGNS = {"buy": 1, "sell": -1}
_BILLION = 10**9


class Intake:
    """Reads decisions for one core.

    Parameters
    ----------
    max_age_seconds : of a decision whose timestamp is aware; older ones are refused, also when their turn comes late
    decisions_per_second : more than so many in one second of the clock are refused
    queue_size : decisions that wait for their turn, of one symbol

    Attributes
    ----------
    refused : refused decisions by the field that was wrong; `rate` and `queue` for those that were too many
    """

    def __init__(self, core: Core, max_age_seconds: float, decisions_per_second: int, queue_size: int) -> None:
        self.core = core
        self.max_age_seconds = max_age_seconds
        self.decisions_per_second = decisions_per_second
        self.queue_size = queue_size
        self.refused: Counter[str] = Counter()
        self._second = -1
        self._in_second = 0
        self._turns: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    def read(self, event: Any) -> Decision:
        """The decision of an event. DecisionError, with a REFUSAL in the journal, when it cannot be executed."""
        payload = getattr(event, "payload", None)
        try:
            self._count()
            self._check_age(event)
            return read_decision(payload, self.core.instruments.symbols)
        except DecisionError as error:
            self._refuse(error, payload)
            raise

    async def turn(self, event: Any, symbol: str) -> asyncio.Lock:
        """Waits until the symbol is this decision's, in the order in which they came: a lock, which it has to release.

        DecisionError when too many wait, or it has become too old by then.
        """
        lock = self._turns.get(symbol)
        if lock is None:
            lock = self._turns[symbol] = asyncio.Lock()
        if not lock.locked() and not self._waiting[symbol]:  # one that is let go is the next one's before he has it
            await lock.acquire()
            return lock
        if self._waiting[symbol] >= self.queue_size:
            expected = f"one of at most {self.queue_size} that wait for their turn in {symbol}"
            raise self._refuse(DecisionError("queue", self._waiting[symbol], expected), event.payload)
        self._waiting[symbol] += 1
        try:
            await lock.acquire()
        finally:
            self._waiting[symbol] -= 1
        try:
            self._check_age(event)
        except DecisionError as error:
            lock.release()
            raise self._refuse(error, event.payload) from None
        return lock

    def _count(self) -> None:
        second = self.core.clock.now_ns() // _BILLION
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        if self._in_second > self.decisions_per_second:
            raise DecisionError("rate", self._in_second, f"at most {self.decisions_per_second} decisions a second")

    def _check_age(self, event: Any) -> None:
        timestamp = getattr(event, "timestamp", None)
        if not isinstance(timestamp, datetime) or timestamp.utcoffset() is None:
            return  # nobody knows of what zone it is: its age cannot be known
        age = self.core.clock.now_ns() / 1e9 - timestamp.timestamp()
        if age > self.max_age_seconds:
            expected = f"at most {self.max_age_seconds:g} s old, not {age:g}"
            raise DecisionError("timestamp", timestamp.isoformat(), expected)

    def _refuse(self, error: DecisionError, payload: Any) -> DecisionError:
        """Counts a refused decision and has the journal say what of it was wrong, as far as its order is known."""
        self.refused[error.field] += 1
        if self.refused[error.field] == 1:
            log.warning("a decision was refused (further ones for this field are counted only): %s", error)
        given = payload if isinstance(payload, Mapping) else {}
        symbol, quantity = given.get("symbol"), given.get("quantity")
        words = (given.get("side"), given.get("action"))
        side = next((_SIGNS.get(word.lower(), 0) for word in words if isinstance(word, str)), 0)
        symbols = self.core.instruments.symbols
        whole = isinstance(quantity, int | np.integer) and not isinstance(quantity, bool) and 0 < quantity < 2**53
        field = _ORDER_FIELDS.get(error.field)
        error.order_id = self.core.refuse(
            int(_REASONS.get(error.field, Reason.DECISION)),
            symbol=symbols.number(symbol) if isinstance(symbol, str) and symbol in symbols else -1,
            side=side,
            quantity=int(quantity) if whole and quantity is not None else 0,
            fields=() if field is None else (field,),
        )
        return error
