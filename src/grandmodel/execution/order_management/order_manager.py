"""`OrderManager`: the face of the engine that takes orders.

`submit_order` does its work when called, in compiled code without a Python frame in between, and returns an awaitable
ticket; both `order_id = await om.submit_order(order)` and a plain loop of calls are right.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

from .._core.submit import OrderGate, read_id
from .._core.values import OrderStateError
from .kill_switch import REDUCE, RESET, KillReport, KillSwitch, check_reason, kill, read_scope, set_latch, standing
from .resolution import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from .._core.orders import Order
    from .._core.scoring import Quote
    from .._core.submit import Core, Ticket
    from ..analytics.alerts import PerformanceMonitor
    from ..config import ExecutionConfig
    from ..risk.limits import LimitChange, LimitWatcher
    from .compliance import ComplianceMonitor
    from .explanation import Explanation
    from .memory import MemoryReport
    from .memory_optimized import MemoryOptimizedOrderManager as MemoryOptimizedOrderManager
    from .storage import CircularBuffer


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Whether an order's fields are right. `errors`: field -> what is wrong with it, one message each."""

    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        """True when no field is wrong. Risk and market are another matter: they speak at submission."""
        return not self.errors

    def __bool__(self) -> bool:
        return self.is_valid


def check_bracket(orders: list[Any]) -> None:
    """The exits of a bracket are in the entry's symbol, on the other side, and of its quantity. ValueError says what
    is not."""
    for number, leg in enumerate(orders):
        if not isinstance(leg, Mapping):
            raise ValueError(f"orders[{number}] is {leg!r}, must be a mapping")
    if not orders:
        return  # that there are too few is said behind
    entry = orders[0]
    for number, leg in enumerate(orders[1:], 1):
        for key, right in (
            ("symbol", entry.get("symbol")),
            ("account", entry.get("account", 0)),
            ("quantity", entry.get("quantity")),
        ):
            if leg.get(key, 0 if key == "account" else None) != right:
                raise ValueError(f"orders[{number}].{key} is {leg.get(key)!r}, must be the entry's, {right!r}")
        if leg.get("side") == entry.get("side"):
            raise ValueError(f"orders[{number}].side is {leg.get('side')!r}, must be the other side of the entry")


class OrderManager(OrderGate):
    """Takes orders, keeps the truth about them.

    Parameters
    ----------
    config : mapping of the `order_management` section, optionally with the whole sections `risk_controls`, `routing`,
        `account`, `journal`, `instruments`, `market`, `performance`, and `seed`; or an ExecutionConfig
    event_bus : our EventBus, any object with `publish(event)`, or None
    engine : an ExecutionEngine or one of its parts, whose core is used; None: a private paper core, made at first use

    Raises
    ------
    ConfigError  when the configuration is wrong: it names every key that is
    """

    memory_threshold: float | None = None  # MB; see optimize_memory_usage
    limit_watcher: LimitWatcher | None = None  # of the configuration's file, if that is watched
    compliance: ComplianceMonitor | None = None  # if the configuration has thresholds for it
    costs: PerformanceMonitor | None = None  # likewise

    def __init__(self, config: Any = None, event_bus: Any = None, *, engine: Any = None) -> None:
        self._engine = engine
        self._bus = event_bus
        self._reader: Any = None  # what hands the log's news to the bus
        if engine is None:
            from ..config import order_manager_config

            self._config = order_manager_config(config)
        elif config is not None:
            raise ValueError("config and engine were both given: an engine has its configuration already")

    def _open(self) -> Core:
        from ..engine import core_of, private_core

        core = private_core(self._config) if self._engine is None else core_of(self._engine)
        if self._bus is not None:
            from ..events import BusBridge, EventBus

            if isinstance(self._bus, EventBus):
                self._bus.attach(core)
                self._reader = self._bus
            else:
                self._reader = BusBridge(core, self._bus)
        if self._engine is None:
            self.watch_conduct(core, self._config)
            self.watch_costs(core, self._config)
            if self._config.risk_controls.watch:
                logging.getLogger("grandmodel.execution").warning(
                    "risk_controls.watch is true, but an OrderManager has no file: ExecutionEngine(path) watches one"
                )
        return core

    def watch_conduct(self, core: Core, config: ExecutionConfig) -> None:
        """Has the engine's conduct read against the configuration's thresholds, if there are any."""
        if config.compliance.is_on:
            from .compliance import ComplianceMonitor

            publish = None if self._bus is None else self._bus.publish
            self.compliance = ComplianceMonitor(core, config.compliance, publish)

    def watch_costs(self, core: Core, config: ExecutionConfig) -> None:
        """Has costs, latency and rejections read against the execution risk limits, if the configuration has any."""
        limits = config.risk_controls.execution_risk_limits
        asked = config.analytics.enable_tca and config.analytics.performance_alerts
        if asked and limits.model_dump(exclude_none=True):
            from ..analytics.alerts import PerformanceMonitor

            self.costs = PerformanceMonitor(core, config, None if self._bus is None else self._bus.publish)

    def validate_order(self, order: Any) -> ValidationResult:
        """Checks an order's fields without submitting it; nothing is recorded."""
        return ValidationResult(self.core.reader.check(order))

    def get_order(self, order_id: SupportsIndex) -> Order:
        """The order with that id, live or closed, from memory or the log. UnknownOrder when there is none."""
        return self.core.get_order(read_id(order_id))

    def open_orders(self) -> list[Order]:
        """The orders that have not ended, by id."""
        return self.core.open_orders()

    def orders_array(self) -> np.ndarray[Any, Any]:
        """A copy of the orders held in memory, by id: a structured array of ORDER_DTYPE."""
        return self.core.orders_array()

    def order_rows(self, count: int) -> np.ndarray[Any, Any]:
        """`count` rows for `submit_orders`, every default set; `symbol_number` gives what the symbol column wants."""
        return self.core.order_rows(count)

    def symbol_number(self, symbol: str) -> int:
        """The number of a symbol in order rows. KeyError when it is not known."""
        if symbol not in self.core.instruments.symbols:
            raise KeyError(f"symbol {symbol!r} is not in the instrument table")
        return self.core.instruments.symbols.number(symbol)

    def fills(self, order_id: SupportsIndex | None = None) -> np.ndarray[Any, Any]:
        """Fills so far, of one order (its children's too) or of all: a structured array of REPORT_DTYPE."""
        if order_id is None:
            return self.core.fills()
        return self.core.fills(self.get_order(order_id).order_id)

    def quote(self, symbol: str) -> Quote:
        """The consolidated quote of a symbol, now."""
        return self.core.quote(symbol)

    def submit_order_list(self, orders: Sequence[Any], contingency: str) -> list[Ticket]:
        """Several orders as one: all are accepted, or none is. Their tickets, in order.

        Parameters
        ----------
        orders : 2 to 16 mappings, as for `submit_order`
        contingency : "oco": the first that fills (a part is enough) or ends cancels the others. "oto": the others
            wait until the first has ended with fills. "bracket": the first is an entry, the others are its exits; they
            stand for what the entry has filled and no exit has closed, and once that is nothing all ends.
        """
        codes = {"oco": 1, "oto": 2, "bracket": 3}
        if not isinstance(contingency, str) or contingency not in codes:
            raise ValueError(f"contingency is {contingency!r}, must be one of {', '.join(codes)}")
        if not isinstance(orders, (list, tuple)):
            raise TypeError(f"orders is {orders!r}, must be a list or tuple of mappings")
        listed = list(orders)
        if contingency == "bracket":
            check_bracket(listed)
        return self.core.submit_list(listed, codes[contingency])

    def cancel_all(
        self,
        *,
        symbol: str | None = None,
        strategy: str | None = None,
        venue: str | None = None,
        side: str | None = None,
        account: int | None = None,
    ) -> list[int]:
        """Asks for the cancel of every live order that matches all that is given; their ids. Nothing given: all.

        Each is done when its venue says so (`get_order(id).status`). OrderStateError when requests could not be made:
        it names how many.
        """
        filters: dict[str, int] = {}
        for kind, target in (("symbol", symbol), ("strategy", strategy), ("venue", venue), ("account", account)):
            if target is not None:
                filters[kind] = read_scope(self.core, (kind, target))[1]
        if side is not None:
            if not isinstance(side, str) or side not in ("buy", "sell"):
                raise ValueError(f"side is {side!r}, must be 'buy' or 'sell'")
            filters["side"] = 1 if side == "buy" else -1
        ids, refused = self.core.cancel_all(**filters)
        if refused:
            raise OrderStateError(
                f"{refused} of {len(ids)} cancels could not be asked for; those orders are open: see health()"
            )
        return [int(order_id) for order_id in ids]

    def resolve_order(self, order_id: SupportsIndex, executions: Sequence[Mapping[str, Any]] = ()) -> Order:
        """Says in a venue's place what became of an order on which it is silent: UNKNOWN, or with an answer pending.

        Parameters
        ----------
        executions : what it has executed and not told: mappings of `quantity`, `price`, `fee` (currency units,
            positive: we pay) and, if known, the venue's `execution_id`, by which its own word is known again should it
            come after all

        Returns
        -------
        Order : ended: FILLED, or CANCELED with the reason RESOLVED (EXPIRED where that had been told)

        Raises
        ------
        ValueError       a field is wrong (named), or it is more than is open; nothing is booked
        UnknownOrder     no order has the id
        OrderStateError  the order has ended, or its venue still speaks for it: cancel it then
        """
        number = read_id(order_id)
        resolve(self.core, number, executions)
        return self.core.get_order(number)

    def kill(self, scope: object, reason: str, *, name: str | None = None) -> KillReport:
        """Stops a scope: latched first, then every open order in it is cancelled. It stands, over restarts too, until
        `reset_kill`.

        Parameters
        ----------
        scope : "engine", or a pair such as ("symbol", "AAPL"), also "symbol:AAPL"; of account, strategy, symbol, venue
        reason : why, for the log
        name : what `reset_kill` calls it; None: the scope's text, such as "symbol:AAPL"

        Returns
        -------
        KillReport : `.unconfirmed()` tells which orders no venue has confirmed yet, `await .done()` waits for them

        While it stands, only orders with `reduce_only` pass; to a stopped venue none does.
        """
        return kill(self.core, scope, reason, name)

    def reduce(self, scope: object, reason: str, *, name: str | None = None) -> str:
        """Trading state REDUCING for a scope: only orders that do not raise their symbol's worst case pass. Its name,
        for `reset_kill`."""
        return set_latch(self.core, scope, REDUCE, reason, name)[0]

    def reset_kill(self, name: str, reason: str) -> None:
        """Lifts the kill switch (or reduction) of that name. KeyError when none of it stands."""
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name.encode()) < 48:
            raise KeyError(f"no kill switch named {name!r} stands")
        self.core.set_latch(1, 0, RESET, name.encode(), check_reason(reason))

    def kill_switches(self) -> list[KillSwitch]:
        """The kill switches and reductions that stand."""
        return standing(self.core)

    @property
    def trading_state(self) -> str:
        """Of the whole engine: "ACTIVE", "REDUCING" or "HALTED"; narrower stops are in `kill_switches()`."""
        actions = {switch.action for switch in self.kill_switches() if switch.scope == "engine"}
        return "HALTED" if "kill" in actions else "REDUCING" if actions else "ACTIVE"

    def find_orders(
        self,
        *,
        status: str | None = None,
        symbol: str | None = None,
        strategy: str | None = None,
        tag: str | None = None,
        account: int | None = None,
    ) -> list[Order]:
        """The orders held in memory that match all that is given, by id; older ones are in the journal (`get_order`,
        `gmexec journal show`)."""
        return self.core.find_orders(status, symbol, strategy, tag, account)

    def explain(self, order_id: SupportsIndex) -> Explanation:
        """One account of an order: what was checked against which limit, which venues scored how, every state with
        its time."""
        from .explanation import explain

        return explain(self.core, read_id(order_id))

    def health(self) -> dict[str, Any]:
        """Whether orders are taken and, if not, why; how far the journal is written and forced to the disk.

        `limits`: what watches the file of the limits has to say (None: nobody watches).
        """
        watched = None if self.limit_watcher is None else self.limit_watcher.state
        return {**self.core.health(), "limits": watched}

    def reload_limits(
        self, limits: Any, *, who: str, why: str, allow_loosening: bool = False
    ) -> tuple[LimitChange, ...]:
        """Puts other limits in force, all at once between two orders, each change recorded with who and why.

        Parameters
        ----------
        limits : path of a configuration, a mapping of one or of its `risk_controls` alone, or an ExecutionConfig
        allow_loosening : without it nothing may become looser

        Raises
        ------
        OSError, ConfigError  it cannot be read, or is wrong: the old limits stay
        LimitsLoosened        names each limit that would be looser: the old ones stay
        """
        from ..risk.limits import reload_limits

        return reload_limits(self.core, limits, who=who, why=why, allow_loosening=allow_loosening)

    def force(self) -> None:
        """Has everything acknowledged so far on the disk when it returns. JournalError when the disk fails."""
        self.core.force()

    def statistics(self) -> dict[str, int]:
        """Counters since the start."""
        return self.core.statistics()

    def latency(self) -> dict[str, dict[str, Any]]:
        """Percentiles of the order path and its stages, in ns, from one order in 64."""
        return self.core.latency.summary()

    def memory_usage(self) -> MemoryReport:
        """Bytes of memory by structure, and of the process; what cannot be known is Unknown with its reason."""
        from .memory import memory_usage

        return memory_usage(self.core, self._buffers())

    def optimize_memory_usage(self) -> dict[str, Any]:
        """Collects garbage, compacts buffers and gives free pages back: a report of before, after and what was let go.

        Closed orders older than `order_management.retention.closed_seconds` leave memory, live ones never. It takes
        milliseconds, and Python stands still meanwhile: for quiet minutes.
        """
        from .memory import optimize

        return optimize(self.core, self.memory_usage, self._buffers(), self.memory_threshold)

    def _buffers(self) -> dict[str, CircularBuffer]:
        """What this face holds beside the core, by name."""
        return {}

    def _settings(self) -> ExecutionConfig | None:
        """The configuration its engine was made from; None when it was given a bare core."""
        from ..engine import ExecutionEngine

        engine = self._engine
        if engine is None:
            return self._config
        if isinstance(engine, OrderManager):
            return engine._settings()
        return engine.config if isinstance(engine, ExecutionEngine) else None

    def pump(self) -> int:
        """Takes in what venues have said, and delivers what the event bus has not seen yet; how many events.

        A running loop does this by itself while somebody waits; without one, this is how time goes on.
        """
        if not self.core.closed:
            self.core.advance()
        if self.compliance is not None:
            self.compliance.look()
        return 0 if self._reader is None else int(self._reader.pump())

    def close(self) -> None:
        """Takes no more orders, delivers what the bus has not seen, writes the journal out. Twice is allowed."""
        if self.limit_watcher is not None:
            self.limit_watcher.close()
        self.pump()
        if self.compliance is not None:
            self.compliance.close()
        if self.costs is not None:
            self.costs.close()
        self.core.close()
        self.pump()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def __getattr__(name: str) -> Any:
    if name == "MemoryOptimizedOrderManager":  # it derives from the class above: loaded when it is asked for
        from .memory_optimized import MemoryOptimizedOrderManager

        return MemoryOptimizedOrderManager
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
