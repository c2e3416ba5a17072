"""The engine's end of the service: a Unix socket that only its owner may open, answered in the engine's loop.

A request is a line of JSON, `{"id": 7, "op": "submit", ...}`, its answer another, `{"id": 7, "ok": ...}` or
`{"id": 7, "error": {"kind": ..., "message": ...}}`. Whatever it asks passes the engine's one gate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.values import (
    EngineClosed,
    ExecutionError,
    OrderRejected,
    OrderStateError,
    OrderValidationError,
    RiskLimitBreached,
    UnknownOrder,
    to_json,
)
from ..order_management.kill_switch import SCOPES
from ..risk.limits import LimitsLoosened
from ..risk.utilisation import utilisation
from ..routing.algorithms.parent import working_parents

if TYPE_CHECKING:
    from ..engine import ExecutionEngine
    from ..risk.monitor import RealTimeExecutionRiskMonitor
    from ..routing.algorithms.parent import Progress

log = logging.getLogger("grandmodel.execution.service")

#: Longest line of a request.
LINE = 1 << 18
#: How a kill switch is lifted, for who asks over HTTP.
LIFTED = "DELETE /execution/kill/NAME?reason=... lifts it, and GET /execution/kill has its name"
#: Parameters of algorithms that have a module loaded: a token to trade is none to run code in the engine.
CODE = ("policy",)
#: Symbols whose quotes a snapshot tells, at most.
QUOTES = 32


class EnginePort:
    """Answers requests about one engine.

    Parameters
    ----------
    path : of the socket; its directory must belong to this user and be closed to others
    monitor : whose metrics and alerts a snapshot tells; None: none
    """

    def __init__(
        self, engine: ExecutionEngine, path: str | os.PathLike[str], monitor: RealTimeExecutionRiskMonitor | None = None
    ) -> None:
        self.engine, self.path, self.monitor = engine, Path(path), monitor
        self.accepting = True  # False: no orders over this port any more
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._tickets: set[Any] = set()  # algorithms' tickets, until they have ended

    async def start(self) -> None:
        """Opens the socket. OSError when it cannot be; ValueError when others could open it."""
        directory = os.stat(self.path.parent)
        if directory.st_uid != os.getuid() or stat.S_IMODE(directory.st_mode) & 0o077:
            raise ValueError(f"{self.path.parent} must belong to this user and be closed to others (mode 0700)")
        self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=LINE)
        os.chmod(self.path, 0o600)

    async def close(self) -> None:
        """Closes the socket and its connections."""
        if self._server is not None:
            self._server.close()
            for writer in [*self._clients]:
                writer.close()
            await self._server.wait_closed()
            self._server = None
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                writer.write((to_json(self.answer(line)) + "\n").encode())
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.LimitOverrunError) as error:
            log.warning("a connection of the service ended: %s", error)
        finally:
            self._clients.discard(writer)
            writer.close()

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one request."""
        number: Any = None
        try:
            request = json.loads(line, parse_constant=_no_constant)
            if not isinstance(request, dict):
                raise ValueError("a request is a JSON object")
            number, name = request.get("id"), request.get("op")
            operation = _OPERATIONS.get(name) if isinstance(name, str) else None
            if operation is None:
                raise ValueError(f"op is {name!r}, must be one of {', '.join(_OPERATIONS)}")
            return {"id": number, "ok": operation(self, request)}
        except Exception as error:
            return {"id": number, "error": _told(error)}

    # ---- operations

    def _snapshot(self, request: dict[str, Any]) -> dict[str, Any]:
        """What changes all the time: for whoever shows it, once or twice a second."""
        engine, monitor = self.engine, self.monitor
        core, manager = engine.core, engine.order_manager
        account = core.account()
        positions = core.positions()
        symbols = sorted({*positions, *(parent.symbol for parent in working_parents(core))})[:QUOTES]
        health = engine.health() if hasattr(engine, "health") else manager.health()
        return {
            "time_ns": core.clock.now_ns() if core.clock is not None else None,
            "health": {**health, "accepting": health["accepting"] and self.accepting},
            "trading_state": manager.trading_state,
            "statistics": manager.statistics(),
            "latency": manager.latency(),
            "venues": {name: core.venues.describe(name) for name in core.venues.names},
            "account": account,
            "utilisation": [
                {"limit": each.limit, "used": each.used, "largest": each.largest, "share": each.share}
                for each in utilisation(core)
            ],
            "positions": {symbol: quantity for symbol, (quantity, _, _) in positions.items()},
            **self._kill_switches(request),
            "metrics": {} if monitor is None else monitor.metrics,
            "alerts": [] if monitor is None else monitor.alerts,
            "quotes": {symbol: self._quote(symbol) for symbol in symbols},
            "progress": {str(parent.order_id): _progress(parent.progress) for parent in working_parents(core)},
        }

    def _quote(self, symbol: str) -> list[float]:
        quote = self.engine.core.quote(symbol)
        return [float(quote.bid), float(quote.ask)]

    def _submit(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self.accepting:
            raise EngineClosed("the service takes no more orders: it is stopping")
        order, algorithm = request.get("order"), request.get("algorithm")
        if not isinstance(order, dict):
            raise ValueError("order must be a JSON object")
        if algorithm is None:
            return self._order(int(self.engine.order_manager.submit_order(order)))
        if not isinstance(algorithm, dict):
            raise ValueError("algorithm must be a JSON object")
        for name in CODE:
            if name in algorithm:
                raise ValueError(
                    f"algorithm.{name} names code, which is not taken over HTTP: the configuration says what is run "
                    "(routing.algorithms)"
                )
        from ..routing.ticket import AlgorithmTicket

        router = self.engine.router
        ticket = AlgorithmTicket(router, router.start(order, algorithm))
        self._tickets.add(ticket)
        ticket.done_callback(lambda _: self._tickets.discard(ticket))
        return self._order(ticket.order_id)

    def _cancel(self, request: dict[str, Any]) -> dict[str, Any]:
        order_id = _order_id(request)
        self.engine.order_manager.cancel_order(order_id)
        return self._order(order_id)

    def _resolve(self, request: dict[str, Any]) -> dict[str, Any]:
        order_id = _order_id(request)
        if "executions" not in request:  # nothing at all must not end an order by mistake; an empty list does
            raise ValueError("executions is missing: a list, empty where nothing more was executed")
        self.engine.order_manager.resolve_order(order_id, request["executions"])
        return self._order(order_id)

    def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._order(_order_id(request))

    def _order(self, order_id: int) -> dict[str, Any]:
        order = self.engine.order_manager.get_order(order_id)
        names = (
            "order_id", "parent_id", "client_order_id", "symbol", "side", "order_type", "time_in_force", "quantity",
            "filled_quantity", "leaves_quantity", "average_price", "limit_price", "status", "reason", "venue",
            "algorithm", "strategy", "account", "created_ns", "updated_ns",
        )  # fmt: skip
        told = {name: getattr(order, name) for name in names}
        return {
            **told,
            "owes_executions": order.owes_executions,
            "reason": None if order.reason == 0 else order.reason.name,
        }

    def _explain(self, request: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = over_http(self.engine.order_manager.explain(_order_id(request)).to_dict())
        return told

    def _kill(self, request: dict[str, Any]) -> dict[str, Any]:
        scope, reason = _scope(request.get("scope")), _text(request, "reason")
        name = None if request.get("name") is None else _text(request, "name")
        report = self.engine.order_manager.kill(scope, reason, name=name)
        return {"name": report.name, "scope": report.scope, "asked": report.order_ids, "refused": report.refused,
                "unconfirmed": report.unconfirmed()}  # fmt: skip

    def _kill_switches(self, request: dict[str, Any]) -> dict[str, Any]:
        names = ("name", "scope", "reason", "action")
        standing = self.engine.order_manager.kill_switches()
        return {"kill_switches": [{name: getattr(each, name) for name in names} for each in standing]}

    def _reset_kill(self, request: dict[str, Any]) -> dict[str, Any]:
        self.engine.order_manager.reset_kill(request.get("name", ""), request.get("reason", ""))
        return {"name": request.get("name")}

    def _limits(self, request: dict[str, Any]) -> dict[str, Any]:
        values = self.engine.core.limits.values
        if "limits" not in request:
            return {"limits": dict(values)}
        allowed = request.get("allow_loosening", False)
        if not isinstance(allowed, bool):
            raise ValueError(f"allow_loosening is {json.dumps(allowed)[:80]}, must be true or false")
        changes = self.engine.order_manager.reload_limits(
            request["limits"], who=_text(request, "who"), why=_text(request, "why"), allow_loosening=allowed
        )
        return {"changes": [{"name": each.name, "old": each.old, "new": each.new} for each in changes]}


def _progress(progress: Progress) -> dict[str, Any]:
    names = (
        "quantity", "done", "at_work", "scheduled", "tracking_error", "elapsed", "expected_end_ns", "is_paused",
        "is_halted", "assumptions",
    )  # fmt: skip
    return {name: getattr(progress, name) for name in names}


def _order_id(request: dict[str, Any]) -> int:
    value = request.get("order_id")
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"order_id is {value!r}, must be a whole number")
    return value


def over_http(told: Any) -> Any:
    """What the engine says to a program in Python, for who asks over HTTP."""
    if isinstance(told, str):
        return told.replace("reset_kill() lifts it", LIFTED)
    if isinstance(told, Mapping):
        return {key: over_http(value) for key, value in told.items()}
    return [over_http(each) for each in told] if isinstance(told, list | tuple) else told


def _text(request: dict[str, Any], name: str) -> str:
    value = request.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} is {json.dumps(value)[:80]}, must be text")
    return value


def _scope(value: Any) -> str:
    """A scope's text: it is that, or a JSON pair."""
    text = value
    if isinstance(value, list) and len(value) == 2 and not any(isinstance(each, bool) for each in value):
        text = ":".join(map(str, value)) if isinstance(value[0], str) and isinstance(value[1], str | int) else value
    if not isinstance(text, str) or text.partition(":")[0] not in SCOPES:
        told = f'scope is {json.dumps(value)[:80]}, must be "engine", or such as "symbol:AAPL" or ["symbol", "AAPL"]'
        raise ValueError(f"{told}; the kinds are {', '.join(SCOPES)}")
    return text


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")


def _told(error: Exception) -> dict[str, Any]:
    """An error as data; a fault of ours is logged, and told without its inside."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    told: dict[str, Any] = {"kind": "value", "message": over_http(text)}
    if isinstance(error, OrderValidationError):
        told |= {"kind": "validation", "errors": error.errors}
    elif isinstance(error, OrderRejected):
        told |= {"kind": "refused", "reason": error.reason.name, "order_id": error.order_id or None}
        if isinstance(error, RiskLimitBreached):
            told["failed_checks"] = list(error.failed_checks)
    elif isinstance(error, UnknownOrder) or (isinstance(error, KeyError) and not isinstance(error, ExecutionError)):
        told["kind"] = "unknown"
    elif isinstance(error, OrderStateError):
        told["kind"] = "state"
    elif isinstance(error, EngineClosed):
        told["kind"] = "closed"
    elif isinstance(error, LimitsLoosened):
        named = "; ".join(map(str, error.changes))
        text = f'limits refused, they would loosen {named}; "allow_loosening": true permits it, with a token for admin'
        told["message"] = text
    elif not isinstance(error, ValueError | TypeError | OverflowError | ExecutionError):
        log.exception("a request of the service failed")
        told = {"kind": "fault", "message": f"the engine failed: {type(error).__name__}"}
    return told


_OPERATIONS: dict[str, Callable[[EnginePort, dict[str, Any]], dict[str, Any]]] = {
    "snapshot": EnginePort._snapshot,
    "submit": EnginePort._submit,
    "cancel": EnginePort._cancel,
    "resolve": EnginePort._resolve,
    "status": EnginePort._status,
    "explain": EnginePort._explain,
    "kill": EnginePort._kill,
    "kill_switches": EnginePort._kill_switches,
    "reset_kill": EnginePort._reset_kill,
    "limits": EnginePort._limits,
}
