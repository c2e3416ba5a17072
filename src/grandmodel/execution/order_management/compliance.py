"""Conduct, read from the log: order-to-trade ratio, attempts to trade with oneself, cancel bursts, repeated
execution, trades through better quotes (17 CFR 242.611).

    om = OrderManager({"compliance": {"max_order_to_trade": 50, "max_repeats": 20}}, event_bus=bus)
    bus.subscribe(EventType.COMPLIANCE_FINDING, tell_the_desk)

A monitor reads what an engine records and counts over sliding windows of the engine's time; nothing of it stands in
the order path. While an event loop runs it looks soon after each record, else with `om.pump()`. What it finds is an
event, a warning and an entry of `findings`. A strategy that repeats itself is stopped as well, by a latch of its own
that stands over restarts until a person re-enables it (Commission Delegated Regulation (EU) 2017/589, article 15 (3));
the windows begin empty at each start.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from .._core.journal import iterate
from .._core.records import VOID_REASONS
from .._core.values import CHECKS, ExecutionError, JournalError, Reason
from ..events import Event, EventType, Pump
from ..record_codes import (
    EXEC_TRADE,
    LATCH_KILL,
    LATCH_RESET,
    PARENT,
    REQUEST_CANCEL,
    REQUEST_REPLACE,
    SCOPE_STRATEGY,
)  # fmt: skip
from ..records_view import LATCH, ORDER, REFUSAL, REPORT, REQUEST

if TYPE_CHECKING:
    from .._core.submit import Core
    from ..config.models import Compliance

__all__ = ["ComplianceMonitor", "Finding", "FindingKind"]

log = logging.getLogger("grandmodel.execution")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SELF_MATCH: Final = next(bit for bit, name, *_ in CHECKS if name == "self_match")
_KEPT: Final = 1000  # findings remembered


class FindingKind(StrEnum):
    """What was found."""

    ORDER_TO_TRADE = "order_to_trade"
    SELF_MATCH = "self_match"
    CANCEL_BURST = "cancel_burst"
    REPEATED_EXECUTION = "repeated_execution"
    TRADE_THROUGH = "trade_through"


@dataclass(frozen=True, slots=True)
class Finding:
    """Conduct beyond a threshold, at the time of the record that went beyond it.

    kind    : FindingKind
    time_ns : of the engine
    account : whose; of a repeated execution None
    strategy, symbol, side : of a repeated execution; else None
    figure, limit : what was counted within `window_ns`, and the most that may be
    latch   : the name of the latch that stops the strategy now; None
    """

    kind: FindingKind
    time_ns: int
    account: int | None
    strategy: str | None
    symbol: str | None
    side: str | None
    figure: float
    limit: float
    window_ns: int
    latch: str | None = None

    def __str__(self) -> str:
        whose = (
            f"account {self.account}" if self.strategy is None else f"{self.strategy} in {self.symbol} ({self.side})"
        )
        stopped = "" if self.latch is None else f"; stopped by the latch {self.latch!r}"
        return (
            f"{self.kind} of {whose}: {self.figure:g} above {self.limit:g} within {self.window_ns / 1e9:g} s{stopped}"
        )


class _Window:
    """Times within a sliding window: those after now - length."""

    __slots__ = ("_length", "_times", "is_over")

    def __init__(self, length_ns: int) -> None:
        self._length = length_ns
        self._times: deque[int] = deque()
        self.is_over = False  # beyond its threshold already: said once, until it has come back

    def add(self, time_ns: int) -> None:
        self._times.append(time_ns)

    def count(self, now_ns: int) -> int:
        while self._times and self._times[0] <= now_ns - self._length:
            self._times.popleft()
        return len(self._times)

    @property
    def last(self) -> int | None:
        return self._times[-1] if self._times else None


class ComplianceMonitor:
    """Counts an engine's conduct against thresholds.

    Parameters
    ----------
    core : the engine's
    settings : the section ``compliance`` of its configuration
    publish : called with an Event for each finding; None: nobody is told
    """

    def __init__(self, core: Core, settings: Compliance, publish: Callable[[Event], Any] | None = None) -> None:
        self.core = core
        self.settings = settings
        self.findings: deque[Finding] = deque(maxlen=_KEPT)
        self._publish = publish
        self._position: int = core.journal.head
        self._window_ns = round(settings.window_seconds * 1e9)
        self._cancel_ns = round(settings.cancel_window_ms * 1e6)
        self._repeat_ns = round(settings.repeat_window_seconds * 1e9)
        self._windows: dict[tuple[Any, ...], _Window] = {}
        self._strategies: dict[int, tuple[int, int]] = {}  # order: (strategy, order at the top)
        self._executed: dict[int, int] = {}  # order at the top that has counted: when
        self._looking = False
        self._pump = Pump(core, lambda limit: self._looked())

    # ---- reading

    def look(self) -> list[Finding]:
        """Reads what was recorded since the last look: what was found in it."""
        if self._looking:  # a latch that it sets is recorded, and somebody listens
            return []
        found: list[Finding] = []
        self._looking = True
        try:
            while piece := self.core.journal.read(self._position, 1 << 18):
                used = 0
                for offset, kind, record in iterate(piece):
                    used = offset + record.dtype.itemsize
                    read = self._READERS.get(kind)
                    if read is not None:
                        found += read(self, record["row"], int(record["header"]["time_ns"]))
                self._position += used
                if used == 0:
                    break
        finally:
            self._looking = False
        for each in found:
            self._tell(each)
        return found

    def _looked(self) -> int:
        self.look()
        return 0

    def close(self) -> None:
        """Reads what is left, and no more."""
        self.look()
        self._pump.close()

    def _order(self, row: Any, time_ns: int) -> list[Finding]:
        order_id, parent_id, strategy = (int(row[name]) for name in ("order_id", "parent_id", "strategy"))
        if strategy and self.settings.max_repeats is not None:
            self._strategies[order_id] = (strategy, parent_id or order_id)
        return [] if int(row["flags"]) & PARENT else self._message(int(row["account"]), time_ns)

    def _request(self, row: Any, time_ns: int) -> list[Finding]:
        kind, reason = int(row["kind"]), int(row["reason"])
        if kind not in (REQUEST_CANCEL, REQUEST_REPLACE):
            return []
        account = self._account(int(row["order_id"]))
        if account is None:
            return []
        found = self._message(account, time_ns)
        if reason == Reason.SELF_MATCH:
            found += self._self_match(account, time_ns)
        if kind == REQUEST_CANCEL and reason == Reason.USER and self.settings.max_cancels is not None:
            window = self._window("cancels", account, length=self._cancel_ns)
            window.add(time_ns)
            found += self._over(
                FindingKind.CANCEL_BURST,
                window,
                window.count(time_ns),
                self.settings.max_cancels,
                account,
                time_ns,
                self._cancel_ns,
            )
        return found

    def _refusal(self, row: Any, time_ns: int) -> list[Finding]:
        if not int(row["failed_checks"]) & _SELF_MATCH:
            return []
        return self._self_match(int(row["account"]), time_ns)

    def _report(self, row: Any, time_ns: int) -> list[Finding]:
        if int(row["exec_type"]) != EXEC_TRADE or int(row["status"]) == 0 or int(row["reason"]) in VOID_REASONS:
            return []
        self._window("trades", int(row["account"]), length=self._window_ns).add(time_ns)
        if int(row["reason"]) == Reason.TRADE_THROUGH and self.settings.max_trade_throughs is not None:
            account = int(row["account"])
            window = self._window("trade_throughs", account, length=self._window_ns)
            window.add(time_ns)
            most, count = self.settings.max_trade_throughs, window.count(time_ns)
            found = self._over(FindingKind.TRADE_THROUGH, window, count, most, account, time_ns, self._window_ns)
        else:
            found = []
        if self.settings.max_repeats is None:
            return found
        order_id = int(row["order_id"])
        known = self._strategies.get(order_id) or self._looked_up(order_id)
        if known is None:
            return found
        strategy, top = known
        if top in self._executed:
            return found
        self._forget(time_ns)
        self._executed[top] = time_ns
        return found + self._repeats(strategy, int(row["symbol"]), int(row["side"]), time_ns)

    def _latch(self, row: Any, time_ns: int) -> list[Finding]:
        """A person has re-enabled a strategy: it begins anew."""
        if int(row["scope"]) == SCOPE_STRATEGY and int(row["action"]) == LATCH_RESET:
            name = bytes(row["name"]).decode("utf-8", "replace")
            for key in [key for key in self._windows if key[0] == "repeats" and self._latch_name(key[1]) == name]:
                del self._windows[key]
        return []

    _READERS: Final[dict[int, Callable[[ComplianceMonitor, Any, int], list[Finding]]]] = {
        ORDER: _order, REQUEST: _request, REFUSAL: _refusal, REPORT: _report, LATCH: _latch,
    }  # fmt: skip

    # ---- what is known of orders that came before the monitor

    def _account(self, order_id: int) -> int | None:
        try:
            return int(self.core.get_order(order_id).account)
        except ExecutionError:
            return None

    def _looked_up(self, order_id: int) -> tuple[int, int] | None:
        try:
            order = self.core.get_order(order_id)
        except ExecutionError:
            return None
        if order.strategy is None:
            return None
        known = self.core.reader.strategies.number(order.strategy), int(order.parent_id or order_id)
        self._strategies[order_id] = known
        return known

    def _forget(self, now_ns: int) -> None:
        """Orders that were executed before the window count no more, however often they are filled yet."""
        if len(self._executed) > 10_000:
            since = now_ns - max(self._repeat_ns, 24 * 3600 * 10**9)
            self._executed = {top: time for top, time in self._executed.items() if time > since}
        if len(self._strategies) > 100_000:
            self._strategies = {
                number: known for number, known in self._strategies.items() if not self.core.is_closed(number)
            }

    # ---- counting

    def _window(self, *key: Any, length: int) -> _Window:
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(length)
        return window

    def _message(self, account: int, time_ns: int) -> list[Finding]:
        most = self.settings.max_order_to_trade
        if most is None:
            return []
        window = self._window("messages", account, length=self._window_ns)
        window.add(time_ns)
        messages = window.count(time_ns)
        trades = self._window("trades", account, length=self._window_ns).count(time_ns)
        if messages < self.settings.min_messages:
            window.is_over = False
            return []
        ratio = messages / max(1, trades)
        return self._over(FindingKind.ORDER_TO_TRADE, window, ratio, most, account, time_ns, self._window_ns)

    def _self_match(self, account: int, time_ns: int) -> list[Finding]:
        most = self.settings.max_self_matches
        if most is None:
            return []
        window = self._window("self_match", account, length=self._window_ns)
        if window.last == time_ns:  # one order met several, or was refused besides: one attempt
            return []
        window.add(time_ns)
        return self._over(
            FindingKind.SELF_MATCH, window, window.count(time_ns), most, account, time_ns, self._window_ns
        )

    def _over(
        self,
        kind: FindingKind,
        window: _Window,
        figure: float,
        limit: float,
        account: int,
        time_ns: int,
        window_ns: int,
    ) -> list[Finding]:
        was, window.is_over = window.is_over, figure > limit
        if was or not window.is_over:
            return []
        return [Finding(kind, time_ns, account, None, None, None, float(figure), float(limit), window_ns)]

    def _repeats(self, strategy: int, symbol: int, side: int, time_ns: int) -> list[Finding]:
        most = self.settings.max_repeats
        assert most is not None
        window = self._window("repeats", strategy, symbol, side, length=self._repeat_ns)
        window.add(time_ns)
        figure = window.count(time_ns)
        was, window.is_over = window.is_over, figure > most
        if was or not window.is_over:
            return []
        text, where = self.core.strategy_text(strategy), self.core.symbol_text(symbol)
        name: str | None = self._latch_name(strategy)
        reason = f"{figure} orders executed in {where} within {self._repeat_ns / 1e9:g} s, {most} may be"
        try:
            self.core.set_latch(
                SCOPE_STRATEGY, strategy, LATCH_KILL, self._latch_name(strategy).encode(), reason.encode()[:159]
            )
        except JournalError as error:  # it stands nevertheless
            log.warning("%s", error)
        except ExecutionError as error:
            log.error("%s repeats itself and could not be stopped: %s", text, error)
            name = None
        return [
            Finding(
                FindingKind.REPEATED_EXECUTION, time_ns, None, text, where, "buy" if side > 0 else "sell",
                    float(figure),
                float(most), self._repeat_ns, name,
            )
        ]  # fmt: skip

    def _latch_name(self, strategy: int) -> str:
        text = f"repeats {strategy} {self.core.strategy_text(strategy)}"
        return text.encode()[:47].decode("utf-8", "ignore")

    # ---- people

    def enable(self, strategy: str, reason: str) -> None:
        """Lets a strategy that was stopped for repeating itself trade again; its count begins anew.

        Raises
        ------
        ValueError  the reason is missing
        KeyError    the strategy is not known, or not stopped
        """
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"reason is {reason!r}, must be text that says why")
        if strategy not in self.core.reader.strategies:
            raise KeyError(f"strategy {strategy!r} is not known")
        number = self.core.reader.strategies.number(strategy)
        cut = reason.encode()[:159].decode("utf-8", "ignore").encode()
        self.core.set_latch(SCOPE_STRATEGY, number, LATCH_RESET, self._latch_name(number).encode(), cut)
        self.look()

    def _tell(self, finding: Finding) -> None:
        self.findings.append(finding)
        log.warning("compliance: %s", finding)
        if self._publish is None:
            return
        timestamp = _EPOCH + timedelta(microseconds=finding.time_ns // 1000)
        payload = {**asdict(finding), "kind": str(finding.kind)}
        self._publish(
            Event(event_type=EventType.COMPLIANCE_FINDING, timestamp=timestamp, payload=payload, source="compliance")
        )
