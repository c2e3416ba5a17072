"""Builds one engine core from one configuration, and `ExecutionEngine`, the front door to it.

Every public component is a face of such a core. Given `engine=`, it uses that one; otherwise it makes a private paper
core at first use, when it is known whether time is the machine's or a simulation's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ._core.capture import Capture
from ._core.instruments import Instruments
from ._core.journal import Journal
from ._core.orders import OrderTable
from ._core.portfolio import Portfolio
from ._core.recovery import known_names, recover
from ._core.risk import Limits
from ._core.scoring import Venues
from ._core.submit import Core
from ._core.synthetic import Market
from ._core.values import JournalError
from .clock import Clock, Pulse, SimulatedClock, current_clock, current_seed
from .instruments import Instrument
from .record_codes import NAME_SYMBOL, NAME_VENUE
from .venues.capabilities import capabilities

if TYPE_CHECKING:
    from .config import ExecutionConfig
    from .performance import HighPerformanceExecutionEngine as HighPerformanceExecutionEngine

log = logging.getLogger("grandmodel.execution")

#: Makes the market behind the venues: (venues, config, start_ns) -> Market.
MarketFactory = Callable[[Venues, "ExecutionConfig", int], Market]

#: {core: what it was made of}, for its faces.
_CONFIGS: WeakKeyDictionary[Core, ExecutionConfig] = WeakKeyDictionary()


def make_instruments(rows: Iterable[Instrument], known: Sequence[str] = ()) -> Instruments:
    """The core's table of instruments: those that a log knows already in its order, the others in the order given."""
    table = Instruments()
    places = {symbol: place for place, symbol in enumerate(known)}
    for row in sorted(rows, key=lambda row: places.get(row.symbol, len(places))):
        table.add(
            row.symbol,
            tick_e9=row.tick_e9,
            step_e9=row.quantity_step_e9,
            reference_e9=row.reference_price_e9,
            round_lot=row.round_lot,
            multiplier=row.multiplier,
            sector=row.sector,
            calendar=row.session,
            adv=None if row.adv is None else row.adv * 1_000_000_000 // row.quantity_step_e9,
        )
    return table


def make_venues(config: ExecutionConfig, instruments: Instruments, known: Sequence[str] = ()) -> Venues:
    """The core's table of venues: those that a log knows already in its order, then lit ones, dark pools and
    wholesalers, each by (priority, name)."""
    table = Venues(instruments)
    places = {name: place for place, name in enumerate(known)}
    groups: tuple[tuple[dict[str, Any], str | None], ...] = (
        (config.routing.venues, None),
        (config.routing.dark_pools, "dark_pool"),
        (config.routing.wholesalers, "wholesaler"),
    )
    every = [(name, venue, kind) for group, kind in groups for name, venue in group.items()]
    for name, venue, kind in sorted(every, key=lambda entry: places.get(entry[0], len(places))):
        table.add(
            name,
            kind=kind or venue.kind,
            priority=venue.priority,
            take_fee_e9=venue.taker_fee_e9,
            make_fee_e9=venue.maker_fee_e9,
            max_order_size=int(venue.max_order_size or 0),
            min_size=int(getattr(venue, "min_size", 0)),
            latency_ns=venue.latency_ns,
            enabled=venue.enabled,
            improvement_e9=round(getattr(venue, "price_improvement_bps", 0) * 1e5),
            auction_fee_e9=getattr(venue, "auction_fee_e9", None),
            tick_e9=int((getattr(venue, "tick", None) or 0) * 10**9),
            **capabilities(venue, kind, config.market.hours.keep),
        )
    table.protects_quotes = config.routing.protect_quotes
    table.retail = config.routing.retail
    learning, breaker = config.routing.learning, config.routing.circuit_breaker
    table.set_learning(half_life=learning.half_life, freeze=learning.freeze, **config.routing.scoring.model_dump())
    table.set_breaker(
        rejects=breaker.rejects,
        unanswered=breaker.unanswered,
        disconnects=breaker.disconnects,
        cool_down_ns=round(breaker.cool_down_seconds * 1e9),
        probe_size=breaker.probe_size,
    )
    if config.market.hours.keep:
        _list(table, config)
    return table


def _list(venues: Venues, config: ExecutionConfig) -> None:
    """Each instrument has its auctions at its listing venue if that is an exchange here, else at the first exchange."""
    exchanges = [name for name in venues.names if venues.describe(name)["kind"] == "exchange"]
    listed = {row.symbol: row.venue for row in config.catalog().values()}
    for symbol in venues.instruments.symbols:
        home = listed.get(symbol)
        venues.set_listing(symbol, home if home in exchanges else exchanges[0] if exchanges else None)


def make_limits(config: ExecutionConfig, instruments: Instruments) -> Limits:
    """The core's limits. Limits of symbols that are not in the table are left out with a warning."""
    from .risk.limits import limit_settings, limit_values

    limits = Limits(instruments)
    limits.values = limit_values(config)
    limits.set(**limit_settings(limits.values, instruments))
    return limits


def make_core(
    config: ExecutionConfig,
    *,
    clock: Clock | None = None,
    instruments: Iterable[Instrument] | None = None,
    market: MarketFactory | None = None,
) -> Core:
    """One engine core: tables, limits, journal, market and clock from `config`.

    Parameters
    ----------
    clock : Clock, or None for the one in force (the running virtual loop's, else the machine's)
    instruments : the instruments it knows; None: the configuration's catalog
    market : makes what stands behind the venues; None: the paper market
    """
    _check_algorithms(config)
    clock = current_clock() if clock is None else clock
    simulated = isinstance(clock, SimulatedClock)
    settings = config.journal
    journal = Journal(
        settings.path,
        ring_bytes=settings.ring_bytes,
        segment_bytes=settings.segment_bytes,
        # In simulated time nobody waits for a disk: equal inputs give equal logs.
        durability="process" if simulated or settings.path is None else settings.durability,
        group_interval_ns=settings.group_interval_ns,
        tail_directory=settings.tail,
    )
    try:
        core = _assemble(config, clock, journal, instruments, market)
    except BaseException:
        journal.close()  # whoever mends the cause can open it again
        raise
    _CONFIGS[core] = config
    index = config.analytics.index
    if index is not None and core.capture is not None and index in core.instruments.symbols:
        core.follow(index)  # so that costs can be held against it: nobody else may look at it
    return core


def _check_algorithms(config: ExecutionConfig) -> None:
    routing = config.routing
    if routing.modules or routing.algorithms or routing.wheels or routing.default_algorithm != "smart_router":
        from .routing.checks import check_routing  # which loads the algorithms

        check_routing(config)


def config_of(core: Core) -> ExecutionConfig | None:
    """The configuration that a core was made of; None of one that was made without."""
    return _CONFIGS.get(core)


def _assemble(
    config: ExecutionConfig,
    clock: Clock,
    journal: Journal,
    instruments: Iterable[Instrument] | None,
    market: MarketFactory | None,
) -> Core:
    from .venues.process import connections, market_with_connections

    capture = None if config.journal.capture is None else make_capture(config, journal)
    known = known_names(journal)
    rows = config.catalog().values() if instruments is None else instruments
    table = make_instruments(rows, known.get(NAME_SYMBOL, ()))
    venues = make_venues(config, table, known.get(NAME_VENUE, ()))
    portfolio = Portfolio(table)
    if not journal.recovered:  # an old log knows what its accounts began with
        portfolio.open_account(0, config.account.cash_e9)
        for symbol, units in config.account.opening_positions.items():
            if symbol not in table.symbols:
                raise ValueError(f"account.opening_positions.{symbol}: no such instrument")
            portfolio.open_position(symbol, int(units * 1_000_000_000 // table.step_e9(symbol)))
    start_ns = clock.now_ns()
    core = Core(
        instruments=table,
        portfolio=portfolio,
        limits=make_limits(config, table),
        venues=venues,
        journal=journal,
        orders=OrderTable(
            retained=config.order_management.retention.closed_orders,
            retention_ns=config.order_management.retention.closed_ns,
        ),
        market=(market or market_with_connections)(venues, config, start_ns),
        clock=clock,
        config_hash=int(config.config_hash()[:16], 16),
        audit=config.order_management.enable_order_audit,
        capture=capture,
    )
    remote = connections(config) if market is None else {}
    if journal.path is not None:
        _recover(core, config.journal.snapshot_records, [venues.number(name) for name in remote])
    _begin(core, config)
    Pulse(core)
    if remote:
        from .venues.links import Links

        core.links = Links(core, config)
        core.links.connect()
    if isinstance(clock, SimulatedClock):
        clock.attach(core)
    return core


def make_capture(config: ExecutionConfig, journal: Journal) -> Capture:
    """The file beside the journal that holds what the market says, and the configuration that the engine decides by."""
    assert config.journal.capture is not None
    decisive = config.model_dump_json(exclude={"journal", "performance", "service"})
    capture = Capture(config.journal.capture, journal, decisive)
    for note in capture.notes:
        log.warning("%s", note)
    return capture


def _recover(core: Core, snapshot_records: int, outlives: Sequence[int]) -> None:
    """Start is recovery, after a stop in order as after a kill; what it found is logged."""
    found = recover(core, outlives, snapshot_records)
    for note in found["notes"]:
        log.warning("%s", note)
    if found["records"] or found["snapshot"]:
        log.info(
            "%s: %d records applied in %.3f s, %d orders live",
            core.journal.path,
            found["records"],
            found["seconds"],
            found["open"],
        )
    if core.journal.slow_tail:
        log.warning("%s: slow tail: the journal's ring is not in memory", core.journal.path)


def _begin(core: Core, config: ExecutionConfig) -> None:
    """What an engine is told once it has its state: days, patience, and the limits that it begins with."""
    from .risk.limits import record_configured
    from .sessions import all_closes_ns

    for name in core.instruments.calendars:
        try:
            core.set_calendar(name, all_closes_ns(name))
        except ValueError as error:
            log.warning("%s: DAY orders of its instruments are not ended by a close", error)
    core.set_timeout(config.order_management.order_timeout_ns)
    try:
        record_configured(core, config)
    except JournalError as error:
        log.warning("the limits could not be recorded: %s", error)


def private_core(config: ExecutionConfig) -> Core:
    """The paper core of a component that nobody connected to anything; without a seed of its own, the running
    simulation's."""
    return make_core(config.model_copy(update={"seed": config.seed or current_seed()}))


def core_of(engine: object) -> Core:
    """The core of whatever was given as `engine`: an ExecutionEngine, any of its parts, or a core."""
    core = engine if isinstance(engine, Core) else getattr(engine, "core", None)
    if not isinstance(core, Core):
        raise TypeError(f"engine is {type(engine).__name__}, must be an ExecutionEngine or one of its parts")
    return core


class ExecutionEngine:
    """One core and its faces: `order_manager` and `router`. Also a context manager, which closes it.

    Parameters
    ----------
    config : path of a YAML file, a mapping, an ExecutionConfig, or None for the defaults
    event_bus : where events go: our EventBus, or any object with `publish`
    clock : Clock, or None for the one in force
    """

    def __init__(self, config: Any = None, event_bus: Any = None, *, clock: Clock | None = None) -> None:
        from .config import load_config
        from .order_management.order_manager import OrderManager
        from .routing.smart_router import SmartOrderRouter

        self.config = load_config({} if config is None else config)
        self.core = make_core(self.config, clock=clock)
        self.order_manager = OrderManager(event_bus=event_bus, engine=self.core)
        self.order_manager.watch_conduct(self.core, self.config)
        self.order_manager.watch_costs(self.core, self.config)
        self._watch(config)
        self.router = SmartOrderRouter(engine=self.core)

    @classmethod
    def from_config(cls, path: Any, event_bus: Any = None, *, clock: Clock | None = None) -> ExecutionEngine:
        """The engine that a YAML file describes."""
        return cls(path, event_bus, clock=clock)

    def _watch(self, source: Any) -> None:
        """Has the file that the limits came from watched, if the configuration asks for that."""
        from os import PathLike

        from .risk.limits import LimitWatcher

        settings = self.config.risk_controls
        if not settings.watch:
            return
        if not isinstance(source, str | PathLike):
            log.warning("risk_controls.watch is true, but the configuration is no file: reload_limits() changes limits")
            return
        self.order_manager.limit_watcher = LimitWatcher(self.core, source, settings.watch_interval_ms / 1000)

    def close(self) -> None:
        """Takes no more orders, delivers what readers have not seen, and writes the journal out."""
        self.order_manager.close()

    def __enter__(self) -> ExecutionEngine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def __getattr__(name: str) -> Any:
    if name == "HighPerformanceExecutionEngine":  # it derives from the class above: loaded when it is asked for
        from .performance import HighPerformanceExecutionEngine

        return HighPerformanceExecutionEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
