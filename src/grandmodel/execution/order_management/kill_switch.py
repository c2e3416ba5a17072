"""The kill switch: what stands is latched first, then every open order of its scope is cancelled, and each is watched
until it has ended.

An order whose cancel the venue has not confirmed is never reported as done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._core.values import Reason, UnknownOrder
from ..record_codes import LATCH_KILL, LATCH_REDUCE, LATCH_RESET
from ..record_codes import SCOPES as _NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._core.submit import Core

SCOPES = {name: code for code, name in _NAMES.items()}
KILL, REDUCE, RESET = LATCH_KILL, LATCH_REDUCE, LATCH_RESET


def read_scope(core: Core, scope: object) -> tuple[int, int, str]:
    """A scope as the core has it: (kind, number, text).

    Parameters
    ----------
    scope : "engine", or a pair such as ("symbol", "AAPL"), also written "symbol:AAPL"; the kinds are engine, account,
    strategy, symbol, venue

    Raises
    ------
    ValueError  the kind or its target is not known: what is there is named
    """
    if isinstance(scope, str):
        kind, _, target = scope.partition(":")
    elif isinstance(scope, tuple) and len(scope) == 2 and isinstance(scope[0], str):
        kind, target = scope
    else:
        raise ValueError(f"scope is {scope!r}, must be 'engine' or a pair such as ('symbol', 'AAPL')")
    if kind not in SCOPES:
        raise ValueError(f"scope is {scope!r}, its kind must be one of {', '.join(SCOPES)}")
    if kind == "engine":
        if target:
            raise ValueError(f"scope is {scope!r}, but the engine has no parts by that name")
        return 1, 0, "engine"
    return SCOPES[kind], _target(core, kind, target), f"{kind}:{target}"


def _target(core: Core, kind: str, target: Any) -> int:
    if kind == "account":
        text = str(target)
        if isinstance(target, bool) or not text.isdecimal() or not 0 <= int(text) < 64:
            raise ValueError(f"account is {target!r}, must be an int from 0 to 63")
        return int(text)
    if not isinstance(target, str) or not target:
        raise ValueError(f"{kind} is {target!r}, must be its name")
    if kind == "symbol":
        if target not in core.instruments.symbols:
            raise ValueError(f"symbol is {target!r}, which is not in the instrument table")
        return core.instruments.symbols.number(target)
    if kind == "venue":
        if target not in core.venues.names:
            raise ValueError(f"venue is {target!r}, must be one of {', '.join(core.venues.names)}")
        return core.venues.number(target)
    return core.strategy_number(target)


def check_reason(reason: object) -> bytes:
    """A reason as it is recorded: 1 to 159 bytes of printable text."""
    if (
        not isinstance(reason, str)
        or not reason.isprintable()
        or not 0 < len(reason.encode("utf-8", "surrogatepass")) < 160
    ):
        raise ValueError(f"reason is {reason!r}, must be 1 to 159 bytes of printable text")
    return reason.encode()


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """A stop that stands: its name (what `reset_kill` wants), scope, reason, and whether orders that reduce the risk
    pass.

    action : "kill" (only reduce-only orders pass; of a venue, none) or "reduce" (what does not raise its symbol's
    worst case passes)"""

    name: str
    scope: str
    reason: str
    action: str


class KillReport:
    """What a kill did: the orders it asked about, and which of them have ended since. It looks anew each time it is
    asked.

    name, scope, reason : of the switch
    order_ids           : the orders whose cancel was asked for
    refused             : requests that could not even be made; those orders are open
    """

    def __init__(self, core: Core, name: str, scope: str, reason: str, order_ids: list[int], refused: int) -> None:
        self._core = core
        self.name, self.scope, self.reason = name, scope, reason
        self.order_ids = order_ids
        self.refused = refused

    def unconfirmed(self) -> list[int]:
        """The ids of the orders that have not ended: asked for, and no answer yet (or UNKNOWN)."""
        return [order_id for order_id in self.order_ids if not self._is_closed(order_id)]

    def _is_closed(self, order_id: int) -> bool:
        try:
            return self._core.is_closed(order_id)
        except UnknownOrder:  # pragma: no cover - ids come from the core
            return False

    @property
    def is_confirmed(self) -> bool:
        """True once every order has ended, by its venue's word."""
        return self.refused == 0 and not self.unconfirmed()

    async def done(self) -> KillReport:
        """Waits until every order has ended; itself. It waits for as long as a venue does not answer."""
        from asyncio import get_running_loop  # loaded already: somebody awaits this

        loop = get_running_loop()
        for order_id in self.order_ids:
            if not self._is_closed(order_id):
                future = loop.create_future()
                self._core.add_waiter(order_id, future)
                try:
                    await future
                finally:
                    self._core.remove_waiter(order_id, future)
        return self

    def __repr__(self) -> str:
        left = len(self.unconfirmed())
        return f"KillReport({self.name!r}, {len(self.order_ids)} orders, {left} unconfirmed, {self.refused} refused)"


def set_latch(core: Core, scope: object, action: int, reason: str, name: str | None) -> tuple[str, str]:
    """Sets a latch: (its name, the scope's text)."""
    kind, target, text = read_scope(core, scope)
    chosen = text if name is None else name
    if not isinstance(chosen, str) or not chosen.isprintable() or not 0 < len(chosen.encode()) < 48:
        raise ValueError(f"name is {chosen!r}, must be 1 to 47 bytes of printable text")
    core.set_latch(kind, target, action, chosen.encode(), check_reason(reason))
    return chosen, text


def kill(core: Core, scope: object, reason: str, name: str | None = None) -> KillReport:
    """Latches a scope, then asks for the cancel of all that is open in it."""
    kind, target, text = read_scope(core, scope)
    chosen, _ = set_latch(core, scope, KILL, reason, name)
    filters = {} if kind == 1 else {_NAMES[kind]: target}
    ids, refused = core.cancel_all(**filters, reason=int(Reason.KILLED))
    return KillReport(core, chosen, text, reason, ids.tolist(), refused)


def standing(core: Core) -> list[KillSwitch]:
    """The stops that stand, in the order in which they were set."""
    found = []
    for latch in core.latches():
        kind, target = latch["scope"], latch["target"]
        texts: dict[int, Callable[[int], str | None]] = {
            2: str,
            3: core.strategy_text,
            4: core.symbol_text,
            5: core.venue_text,
        }
        scope = "engine" if kind == 1 else f"{_NAMES[kind]}:{texts[kind](target)}"
        found.append(
            KillSwitch(latch["name"], scope, latch["reason"], "reduce" if latch["action"] == REDUCE else "kill")
        )
    return found
