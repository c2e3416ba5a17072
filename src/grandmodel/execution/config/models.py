"""The sections of the configuration as pydantic models: every key, its default, its bounds.

A limit that is left out (None) means that its check is off. Money stays an exact ``Decimal`` of the quote
currency; ``money_e9`` and the ``*_e9`` properties give int64 in 1e-9 of it. Durations are floats in the unit
that their key names; the ``*_ns`` properties give whole nanoseconds. Fractions are plain (0.05 is 5 %).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from ..instruments import InstrumentCatalog
from ..venues.capabilities import INSTRUCTIONS, ORDER_TYPES, TIMES_IN_FORCE
from .fields import (
    ECN_NAMES,
    HOUR_NS,
    LISTED,
    Count,
    Fee,
    Flag,
    InARow,
    Latency,
    Money,
    Multiple,
    Name,
    Position,
    Price,
    Priority,
    Probe,
    Quantity,
    Section,
    Sector,
    Seed,
    Share,
    Symbol,
    Threshold,
    Tick,
    basis_points,
    capability,
    checked,
    choice,
    in_order,
    integer,
    lasting,
    number,
    optional_e9,
    rates,
    read_branching,
    read_connection,
    read_cpus,
    read_instruments,
    read_limit_key,
    read_long_only,
    read_order_size,
    read_path,
    read_symbols,
    read_volume_curve,
    schema,
    size,
    text,
    without_none,
)
from .problems import ConfigProblem
from .service import Service
from .simulation import Faults, SimulatedLatency, Simulation
from .units import money_e9


class Retention(Section):
    """How many closed orders stay in memory, and how long; the others are read from the journal. Live ones stay."""

    closed_orders: Annotated[int, *integer(1, 2**20)] = 16384
    closed_seconds: Annotated[float, *lasting("s", 10**6, 2**62)] | None = None

    @property
    def closed_ns(self) -> int:
        """How long a closed order stays in memory, nanoseconds; 0: however long."""
        return 0 if self.closed_seconds is None else round(self.closed_seconds * 1e9)


class OrderManagement(Section):
    """``order_management``: limits on value (quote currency) and count, and what is checked and kept."""

    max_order_value: Money | None = None
    daily_order_limit: Count | None = None
    enable_pre_trade_risk: Flag = True
    order_timeout_seconds: Annotated[float, *lasting("s", 10**6, 24 * HOUR_NS)] = 30.0
    enable_order_audit: Flag = True
    retention: Retention = Field(default_factory=Retention)

    @property
    def max_order_value_e9(self) -> int | None:
        """The largest order value in 1e-9 of the quote currency; None if not configured."""
        return optional_e9(self.max_order_value)

    @property
    def order_timeout_ns(self) -> int:
        """The wait for a venue's answer, nanoseconds."""
        return round(self.order_timeout_seconds * 1e9)


class _Destination(Section):
    """What every destination has. Fees are money per share, negative for a rebate.

    ``order_types``, ``times_in_force`` and ``instructions`` are what it takes, all of them if left out. What rests
    until it is canceled needs no time in force of the venue. ``latency_us`` is what is known of the way there; where
    latency is simulated, what the ways take by default. ``latency`` and ``faults`` stand in place of ``simulation``'s.
    """

    priority: Priority = 100
    cost_per_share: Fee | None = None
    enabled: Flag = True
    latency_us: Latency = 250.0
    latency: SimulatedLatency | None = None
    faults: Faults | None = None
    order_types: Annotated[tuple[str, ...], *capability(ORDER_TYPES, "order types", 1)] | None = None
    times_in_force: Annotated[tuple[str, ...], *capability(TIMES_IN_FORCE, "times in force", 0)] | None = None
    instructions: Annotated[tuple[str, ...], *capability(INSTRUCTIONS, "instructions", 0)] | None = None

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.cost_per_share is None and getattr(self, "taker_fee", None) is None:
            raise PydanticCustomError("refused", "expected a cost_per_share", {"bare": True})
        if getattr(self, "connection", None) is not None and (self.latency is not None or self.faults is not None):
            message = "expected no latency or faults beside a connection: they are of venues that are simulated here"
            raise PydanticCustomError("refused", message, {"bare": True})
        return self

    @property
    def taker_fee_e9(self) -> int:
        """What taking a share costs, 1e-9 of the quote currency: ``taker_fee``, else ``cost_per_share``."""
        taker: Decimal | None = getattr(self, "taker_fee", None)
        fee = self.cost_per_share if taker is None else taker
        assert fee is not None
        return money_e9(fee)

    @property
    def maker_fee_e9(self) -> int:
        """What a resting share costs: ``maker_fee``, else ``cost_per_share``, else as taking."""
        maker: Decimal | None = getattr(self, "maker_fee", None)
        fee = self.cost_per_share if maker is None else maker
        return self.taker_fee_e9 if fee is None else money_e9(fee)

    @property
    def latency_ns(self) -> int:
        """One way to the venue, nanoseconds."""
        return round(self.latency_us * 1e3)


class Venue(_Destination):
    """A lit venue. ``kind`` that is left out is "ecn" for the names in ECN_NAMES, else "exchange".

    ``connection`` is where another process serves it, ``unix:PATH``; without one it is simulated. ``auction_fee`` is
    what a share in an auction costs, as taking one if left out. Limit prices that are not on ``tick`` are not sent
    there; without one the instrument's holds.
    """

    kind: Annotated[Literal["exchange", "ecn"] | None, *choice("exchange", "ecn")] = None
    max_order_size: Quantity | None = None
    maker_fee: Fee | None = None
    taker_fee: Fee | None = None
    auction_fee: Fee | None = None
    tick: Tick | None = None
    connection: Annotated[str, checked(read_connection), schema("string", pattern="^unix:.+$")] | None = None

    @property
    def auction_fee_e9(self) -> int | None:
        """Of a share in an auction, 1e-9 of the quote currency; None: as taking."""
        return None if self.auction_fee is None else money_e9(self.auction_fee)


class DarkPool(_Destination):
    """A dark pool, filled at the midpoint; ``min_size`` is the smallest order that it takes, in units."""

    min_size: Quantity = 0
    max_order_size: Quantity | None = None


class Wholesaler(_Destination):
    """A retail wholesaler: fills inside the quote by ``price_improvement_bps`` of the price."""

    max_order_size: Quantity | None = None
    price_improvement_bps: Annotated[float, *basis_points(0, 1000)] = 0.1


def _default_destinations() -> dict[str, dict[str, dict[str, Any]]]:
    """Illustrative destinations: round numbers of a plausible size, nobody's fee schedule."""
    lit = {
        "NYSE": (1, "0.0015", "-0.0010", 220), "NASDAQ": (2, "0.0018", "-0.0012", 180),
        "ARCA": (3, "0.0012", "-0.0008", 210), "IEX": (4, "0.0010", "0", 550),
        "BATS": (5, "0.0014", "-0.0010", 190), "EDGX": (6, "0.0016", "-0.0011", 190),
    }  # fmt: skip
    return {
        "venues": {
            name: {"priority": priority, "cost_per_share": cost, "maker_fee": maker, "latency_us": latency}
            for name, (priority, cost, maker, latency) in lit.items()
        },
        "dark_pools": {
            "GOLDMAN": {"min_size": 500, "cost_per_share": "0.0008", "priority": 7, "latency_us": 400},
            "MORGAN": {"min_size": 1000, "cost_per_share": "0.0006", "priority": 8, "latency_us": 400},
        },
        "wholesalers": {
            "CITADEL": {"cost_per_share": 0, "max_order_size": 10000, "priority": 9, "latency_us": 500},
            "VIRTU": {"cost_per_share": 0, "max_order_size": 10000, "priority": 10, "latency_us": 500},
        },
    }


class Learning(Section):
    """``routing.learning``: figures of venues from the engine's own orders. ``half_life`` is in observations;
    ``freeze`` keeps them what the log before the start has taught."""

    half_life: Annotated[float, *number(1, 100_000, "observations")] = 100.0
    freeze: Flag = False


class Scoring(Section):
    """``routing.scoring``: weights, 0 to 10, of what has been learned of a venue in its all-in cost; 0: not counted."""

    fill_probability: Annotated[float, *number(0, 10, "a weight")] = 0.0
    adverse_selection: Annotated[float, *number(0, 10, "a weight")] = 0.0
    latency_slippage: Annotated[float, *number(0, 10, "a weight")] = 0.0
    hidden_size: Annotated[float, *number(0, 10, "a weight")] = 0.0


class CircuitBreaker(Section):
    """``routing.circuit_breaker``: a venue is taken out after so many ``rejects``, ``unanswered`` orders or lost
    connections (``disconnects``) in a row, 0: never; after ``cool_down_seconds`` an order of at most ``probe_size``
    probes it."""

    rejects: InARow = 25
    unanswered: InARow = 3
    disconnects: InARow = 3
    cool_down_seconds: Annotated[float, *number(0.001, 86_400, "seconds")] = 30.0
    probe_size: Probe = 100

    @property
    def is_on(self) -> bool:
        return (self.rejects, self.unanswered, self.disconnects) != (0, 0, 0)


class Wheel(Section):
    """``routing.wheels.NAME``: parents are given to ``algorithms`` at random, the first the measure.

    Each algorithm has its own parameters, and ``weight``: how many times it is in a block of draws. The wheel stops
    when ``orders`` have ended, or at one of its ``looks`` before. ``seed`` is of the draws; left out, the engine's.
    """

    algorithms: dict[Name, dict[str, Any]]
    orders: Annotated[int, *integer(60, 10**9 - 1)] = 1000
    looks: Annotated[int, *integer(1, 10)] = 5
    seed: Seed | None = None

    @model_validator(mode="before")
    @classmethod
    def _empty_parameters(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("algorithms"), dict):
            return data
        return {**data, "algorithms": {name: own or {} for name, own in data["algorithms"].items()}}

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.algorithms) < 2:
            raise PydanticCustomError("refused", "expected two algorithms at least", {"bare": True})
        for name, own in self.algorithms.items():
            weight = own.get("weight", 1)
            if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= 100:
                text = f"expected a weight of {name} from 1 to 100, was {weight!r}"
                raise PydanticCustomError("refused", "{text}", {"text": text, "bare": True})
        if self.orders < 30 * len(self.algorithms):
            text = f"expected orders of {30 * len(self.algorithms)} at least: 30 for each algorithm"
            raise PydanticCustomError("refused", "{text}", {"text": text, "bare": True})
        return self

    def to_mapping(self) -> dict[str, Any]:
        """As `routing.wheel.read_rule` takes it."""
        return {"algorithms": self.algorithms, "orders": self.orders, "looks": self.looks, "seed": self.seed}


class Routing(Section):
    """``routing``: where orders may go. Destinations are held in order of (priority, name).

    If none of ``venues``, ``dark_pools``, ``wholesalers`` is given, six lit venues, two dark pools and two
    wholesalers stand there with illustrative fees; if one is given, the others default to none. ``protect_quotes``
    refuses an order that would trade through a better displayed quote (17 CFR 242.611). ``retail`` says that the
    orders are a retail customer's: wholesalers, which take no others, then compete for marketable ones. ``wheels``
    are algorithm wheels by name. ``modules`` (names, or FILE.py) register a user's own algorithms; ``algorithms`` has
    parameters by algorithm, for what an order leaves out; ``default_algorithm`` executes market orders, and whatever
    names no algorithm.
    """

    default_algorithm: Name = "smart_router"
    protect_quotes: Flag = True
    retail: Flag = False
    learning: Learning = Field(default_factory=Learning)
    scoring: Scoring = Field(default_factory=Scoring)
    circuit_breaker: CircuitBreaker = Field(default_factory=CircuitBreaker)
    wheels: dict[Name, Wheel] = Field(default_factory=dict)
    modules: list[str] = Field(default_factory=list)
    algorithms: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    venues: dict[Name, Venue] = Field(default_factory=dict)
    dark_pools: dict[Name, DarkPool] = Field(default_factory=dict)
    wholesalers: dict[Name, Wholesaler] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        groups = ("venues", "dark_pools", "wholesalers")
        optional = (*groups, "wheels", "modules", "algorithms")
        data = {key: value for key, value in data.items() if key not in optional or value is not None}
        if isinstance(data.get("algorithms"), dict):
            data["algorithms"] = {name: own or {} for name, own in data["algorithms"].items()}
        return data if any(group in data for group in groups) else {**data, **_default_destinations()}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        groups: tuple[dict[str, Any], ...] = (self.venues, self.dark_pools, self.wholesalers)
        names = [name for group in groups for name in group]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            expected = f"different names in venues, dark_pools and wholesalers, {twice[0]!r} occurs twice"
            raise PydanticCustomError("refused", "expected {expected}", {"expected": expected, "bare": True})
        if not any(venue.enabled for group in groups for venue in group.values()):
            raise PydanticCustomError("refused", "expected at least one enabled venue", {"bare": True})
        for name, venue in self.venues.items():
            if venue.kind is None:
                kind = "ecn" if name in ECN_NAMES else "exchange"
                self.venues[name] = venue.model_copy(update={"kind": kind})
        for group in groups:
            ordered = sorted(group.items(), key=lambda item: (item[1].priority, item[0]))
            group.clear()
            group.update(ordered)
        return self


class Analytics(Section):
    """``analytics``: execution-cost analysis. ``index`` is the symbol whose move market-adjusted costs leave out, by
    the instruments' ``beta``; ``previous_closes`` are of the session before an engine's first day."""

    enable_tca: Flag = True
    benchmark_method: Annotated[
        str,
        *choice(
            "arrival", "decision", "vwap", "twap", "pwp", "open", "close", "previous_close", "mid"
        ),
    ] = "vwap"  # fmt: skip
    attribution_frequency: Annotated[str, *choice("hourly", "daily", "weekly", "monthly")] = "daily"
    performance_alerts: Flag = True
    index: Symbol | None = None
    previous_closes: Annotated[dict[Symbol, Price], AfterValidator(in_order)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _empty_mapping(cls, data: Any) -> Any:
        return without_none(data, "previous_closes")


class OrderLimits(Section):
    """Per order: size in units, value in the quote currency, ``max_volume_share`` of the average daily volume.

    ``daily_notional`` is the day's traded value. No second order of the same account, symbol, side, quantity and price
    within ``duplicate_window_ms``; at most ``max_messages`` orders and replaces of an account within
    ``message_window_ms``; at most ``max_open_orders`` of it open.
    """

    max_order_size: Quantity | None = None
    max_notional: Money | None = None
    daily_notional: Money | None = None
    max_volume_share: Multiple | None = None
    duplicate_window_ms: Annotated[float, *lasting("ms", 1, 24 * HOUR_NS)] | None = None
    max_messages: Annotated[int, *integer(0, 65536)] | None = None
    message_window_ms: Annotated[float, *lasting("ms", 1, 24 * HOUR_NS)] = 1000.0
    max_open_orders: Count | None = None

    @property
    def max_notional_e9(self) -> int | None:
        """Largest order value, 1e-9 of the quote currency; None if not configured."""
        return optional_e9(self.max_notional)

    @property
    def daily_notional_e9(self) -> int | None:
        """Largest value traded a day, 1e-9 of the quote currency; None if not configured."""
        return optional_e9(self.daily_notional)


class ExposureLimits(Section):
    """As multiples of equity: by sector, all together (gross), by instrument; ``max_gross``, ``max_net`` are money."""

    sectors: Annotated[dict[Sector, Multiple], AfterValidator(in_order)] = Field(default_factory=dict)
    default_sector_limit: Multiple | None = None
    max_leverage: Multiple | None = None
    max_concentration: Multiple | None = None
    max_gross: Money | None = None
    max_net: Money | None = None

    def sector_limit(self, sector: str) -> float | None:
        """The limit of a sector: its own, else the default; None if neither is configured."""
        return self.sectors.get(sector, self.default_sector_limit)


class ExecutionRiskLimits(Section):
    """What the monitor watches: rejections (fraction of orders), latency (ms), shortfall (fraction)."""

    max_rejection_rate: Share | None = None
    max_execution_latency: Annotated[float, *lasting("ms", 0, HOUR_NS)] | None = None
    max_implementation_shortfall: Share | None = None

    @property
    def max_execution_latency_ns(self) -> int | None:
        """The latency limit in nanoseconds; None if not configured."""
        return None if self.max_execution_latency is None else round(self.max_execution_latency * 1e6)


class PriceCollar(Section):
    """How far a price may lie beyond the reference, on the side worse for the order: in bps of it, or in ticks."""

    reference: Annotated[str, *choice("mid", "last", "mark")] = "mid"
    max_bps: Annotated[float, *basis_points(0, 1e6)] | None = None
    max_ticks: Annotated[int, *integer(0, 10**9)] | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.max_bps is None) == (self.max_ticks is None):
            raise PydanticCustomError("refused", "expected either max_bps or max_ticks", {"bare": True})
        return self


class RiskControls(Section):
    """``risk_controls``. A limit that is not configured is off.

    ``restricted`` symbols take no order at all; ``long_only`` ones (true: all) are not sold short, and ``locates``
    ({symbol: units, default}) is how far each may be. ``halts``: a halted symbol takes no orders. ``self_match`` is
    what is done with an order that would trade with one of its own account. With ``watch`` the file that the
    configuration came from is looked at every ``watch_interval_ms``: limits that it tightens hold at once.
    """

    position_limits: Annotated[
        dict[Annotated[str, checked(read_limit_key), schema("string")], Quantity], AfterValidator(in_order)
    ] = Field(default_factory=dict)
    order_limits: OrderLimits = Field(default_factory=OrderLimits)
    exposure_limits: ExposureLimits = Field(default_factory=ExposureLimits)
    price_collar: PriceCollar | None = None
    max_quote_age_ms: Annotated[float, *lasting("ms", 1, 365 * 24 * HOUR_NS)] | None = None
    halts: Flag = False
    restricted: Annotated[
        tuple[str, ...], checked(read_symbols), LISTED, schema("array", items={"type": "string"})
    ] = ()
    long_only: Annotated[bool | tuple[str, ...], checked(read_long_only), LISTED, schema("boolean", "array")] = False
    locates: (
        Annotated[dict[Annotated[str, checked(read_limit_key), schema("string")], Quantity], AfterValidator(in_order)]
        | None
    ) = None
    self_match: Annotated[str, *choice("cancel_newest", "cancel_oldest", "cancel_both", "decrement")] | None = None
    watch: Flag = False
    watch_interval_ms: Annotated[float, *lasting("ms", 10**7, HOUR_NS)] = 1000.0
    execution_risk_limits: ExecutionRiskLimits = Field(default_factory=ExecutionRiskLimits)
    alert_thresholds: Annotated[dict[Name, Threshold], AfterValidator(in_order)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _empty_mappings(cls, data: Any) -> Any:
        return without_none(data, "position_limits", "alert_thresholds", "restricted", "long_only")

    def position_limit(self, symbol: str) -> int | Decimal | None:
        """The limit of a symbol in units: its own, else the default; None if neither is configured."""
        return self.position_limits.get(symbol, self.position_limits.get("default"))


class Compliance(Section):
    """``compliance``: conduct over ``window_seconds``, by account or strategy. What is left out is off.

    ``max_order_to_trade`` messages (orders, replaces, cancels) a fill, once there were ``min_messages``;
    ``max_self_matches`` attempts to trade with oneself; ``max_trade_throughs`` executions at a worse price than another
    venue displayed; ``max_cancels`` cancels asked for within ``cancel_window_ms``;
    ``max_repeats`` orders of one strategy in the same symbol and side that were executed within
    ``repeat_window_seconds``, above which it is stopped until a person re-enables it.
    """

    window_seconds: Annotated[float, *lasting("s", 10**9, 24 * HOUR_NS)] = 3600.0
    max_order_to_trade: Annotated[float, *number(0, 1e9, "a ratio", True)] | None = None
    min_messages: Annotated[int, *integer(1, 10**9)] = 100
    max_self_matches: Annotated[int, *integer(0, 10**6)] | None = None
    max_trade_throughs: Annotated[int, *integer(0, 10**6)] | None = None
    max_cancels: Annotated[int, *integer(0, 65536)] | None = None
    cancel_window_ms: Annotated[float, *lasting("ms", 10**6, HOUR_NS)] = 1000.0
    max_repeats: Annotated[int, *integer(1, 65536)] | None = None
    repeat_window_seconds: Annotated[float, *lasting("s", 10**6, 24 * HOUR_NS)] = 60.0

    @property
    def is_on(self) -> bool:
        """True when any threshold is configured."""
        limits = (
            self.max_order_to_trade, self.max_self_matches, self.max_cancels, self.max_repeats, self.max_trade_throughs,
        )  # fmt: skip
        return any(limit is not None for limit in limits)


class Performance(Section):
    """``performance``: resources of the fast profile. ``memory_limit`` is bytes, or text such as ``4G``."""

    worker_threads: Annotated[int, *integer(1, 1024)] = 4
    queue_size: Annotated[int, *integer(1, 2**31)] = 100_000
    enable_fast_path: Flag = True
    memory_limit: Annotated[int, *size(2**20, 2**50)] | None = None
    cpu_affinity: Annotated[tuple[int, ...], checked(read_cpus), schema("array", items={"type": "integer"})] | None = (
        None
    )


class Journal(Section):
    """``journal``: a directory; without a path it is temporary. ``group_interval_ms`` bounds the wait for the disk.
    ``tail`` is where the ring ahead of the files lies, in memory that outlives the process. A snapshot is written
    every ``snapshot_records`` records (0: never), so that a start need not read the whole log. ``capture`` is a file
    for what the market says (none: it is not kept), so that the day can be lived again: ``gmexec journal replay``."""

    path: Annotated[str, checked(read_path), schema("string")] | None = None
    durability: Annotated[Literal["process", "group", "always"], *choice("process", "group", "always")] = "process"
    group_interval_ms: Annotated[float, *lasting("ms", 10**4, 60 * 10**9)] = 5.0
    ring_bytes: Annotated[int, *size(2**22, 2**30, 2**22)] = 2**24
    segment_bytes: Annotated[int, *size(2**16, 2**36, 4096)] = 2**26
    tail: Annotated[str, checked(read_path), schema("string")] = "/dev/shm"
    snapshot_records: Annotated[int, *integer(0, 2**40)] = 4_000_000
    capture: Annotated[str, checked(read_path), schema("string")] | None = None

    @property
    def group_interval_ns(self) -> int:
        """The longest wait before records are forced to disk, nanoseconds."""
        return round(self.group_interval_ms * 1e6)


class Account(Section):
    """``account``: cash in its currency, and the positions of a fresh day (units, negative is short)."""

    cash: Money = Decimal(100_000_000)
    currency: Annotated[str, *text(r"[A-Z]{3}", "a currency code such as 'USD'")] = "USD"
    opening_positions: Annotated[dict[Symbol, Position], AfterValidator(in_order)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _empty_mappings(cls, data: Any) -> Any:
        return without_none(data, "opening_positions")

    @property
    def cash_e9(self) -> int:
        """Cash in 1e-9 of the currency."""
        return money_e9(self.cash)


class LiquidityWeights(Section):
    """Exponents of the liquidity score's factors; they are scaled to sum to one."""

    spread: Annotated[float, *number(0, 1, "a weight")] = 0.35
    depth: Annotated[float, *number(0, 1, "a weight")] = 0.35
    resilience: Annotated[float, *number(0, 1, "a weight")] = 0.15
    volume: Annotated[float, *number(0, 1, "a weight")] = 0.15

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.spread + self.depth + self.resilience + self.volume > 0:
            raise PydanticCustomError("refused", "expected a weight above 0", {"bare": True})
        return self


class Microstructure(Section):
    """``microstructure``: what the estimators use. ``reference_spread`` is a fraction of the price.

    References of the scores that are left out are the medians of the last ``scoring_periods`` bars (of the depth,
    where there are none: a minute of the average daily volume). ``effective_spread_quantity`` is the size of a round
    trip; ``pending_quantity`` and ``horizon_minutes`` are the order that impact and timing are told for, where the
    caller names none. ``symbols`` are followed from the begin, others from when somebody asks about them.
    """

    depth_levels: Annotated[int, *integer(1, 1000)] = 10
    depth_decay: Annotated[float, *number(0, 1000, "a number of levels", True)] = 3.0
    effective_spread_quantity: Annotated[int, *integer(1, 10**9)] = 100
    bar_seconds: Annotated[float, *lasting("s", 10**9, HOUR_NS)] = 60.0
    scoring_periods: Annotated[int, *integer(1, 1000)] = 20
    reference_spread: Share = 0.0005
    reference_depth: Annotated[float, *number(0, 1e15, "a quantity", True)] | None = None
    reference_volume: Annotated[float, *number(0, 1e15, "a quantity a bar", True)] | None = None
    reference_recovery_seconds: Annotated[float, *lasting("s", 10**6, HOUR_NS)] = 5.0
    liquidity_weights: LiquidityWeights = Field(default_factory=LiquidityWeights)
    impact_model: Annotated[str, *choice("auto", "almgren", "square_root", "i_star", "book_walk")] = "auto"
    impact_coefficient: Annotated[float, *number(0, 100, "a coefficient", True)] = 1.0
    pending_quantity: Annotated[int, *integer(1, 10**12)] = 1000
    horizon_minutes: Annotated[float, *lasting("min", 0, 24 * HOUR_NS)] = 30.0
    risk_weight: Annotated[float, *number(0, 1000, "a weight")] = 0.5
    vpin_buckets: Annotated[int, *integer(1, 10_000)] = 50
    vpin_bucket: Quantity | None = None
    symbols: Annotated[tuple[str, ...], checked(read_symbols), LISTED, schema("array", items={"type": "string"})] = ()

    @model_validator(mode="before")
    @classmethod
    def _empty_lists(cls, data: Any) -> Any:
        return without_none(data, "symbols")

    @model_validator(mode="after")
    def _spread_has_a_scale(self) -> Self:
        if not 0 < self.reference_spread < 1:
            raise PydanticCustomError("refused", "expected a reference_spread above 0 and below 1", {"bare": True})
        return self

    @property
    def bar_ns(self) -> int:
        """Length of a bar, nanoseconds."""
        return round(self.bar_seconds * 1e9)


class Clustering(Section):
    """``market.clustering``: events bring about events (a Hawkes process of limit orders, market orders and
    cancellations by side).

    ``branching`` is how many one event brings about, or a matrix of that, [i][j] of type i by type j in the order
    limit_buy, limit_sell, market_buy, market_sell, cancel_buy, cancel_sell. ``decay_seconds`` is the mean time until
    then.
    """

    branching: Annotated[
        float | tuple[tuple[float, ...], ...], checked(read_branching), LISTED, schema("number", "array")
    ] = 0.0
    decay_seconds: Annotated[float, *lasting("s", 1000, 24 * HOUR_NS)] = 1.0


class Metaorders(Section):
    """``market.metaorders``: market orders come from ``count`` hidden orders, P(orders >= k) = k^-tail; 0: each for
    itself."""

    count: Annotated[int, *integer(0, 64)] = 0
    tail: Annotated[float, *number(0.5, 10, "an exponent")] = 1.5


class CommonFactor(Section):
    """``market.common_factor``: what all symbols have in common.

    In each interval one side's market orders come more often in all of them: P(buy) = (1 +- strength) / 2.
    """

    strength: Annotated[float, *number(0, 1, "a strength")] = 0.0
    interval_seconds: Annotated[float, *lasting("s", 10**6, 24 * HOUR_NS)] = 10.0


class Reaction(Section):
    """``market.reaction``: what others do about own orders; nothing, unless asked for.

    An own order that takes from a displayed book is followed with chance ``reversion`` by one of others, of the size
    that it took, on the other side: after a time that is exponential with the mean ``seconds``, or longer than t with
    chance (1 + t / seconds)^-exponent. ``displayed`` leans the sides of market orders by own displayed size.
    """

    reversion: Share = 0.0
    decay: Annotated[str, *choice("exponential", "power")] = "exponential"
    seconds: Annotated[float, *lasting("s", 10**6, 24 * HOUR_NS)] = 60.0
    exponent: Annotated[float, *number(0.05, 2, "an exponent")] = 0.5
    displayed: Share = 0.0


class Hours(Section):
    """``market.hours``: with ``keep`` instruments trade in their sessions alone, which begin and end with an auction.

    Orders for the opening gather ``opening_call_minutes`` before it; others' for the close come ``gathering_minutes``
    before that, and in the last ``closing_call_minutes`` nothing else trades (0: the auction is at once). The shares
    are what others bring to an auction a side, as parts of a session's volume. ``band`` is how far from the last
    auction's price trades may be, 0: however far.
    """

    keep: Flag = False
    opening_call_minutes: Annotated[float, *number(0, 1440, "minutes")] = 5.0
    closing_call_minutes: Annotated[float, *number(0, 1440, "minutes")] = 0.0
    gathering_minutes: Annotated[float, *number(0, 1440, "minutes")] = 10.0
    opening_share: Share = 0.02
    closing_share: Share = 0.08
    band: Share = 0.0

    @model_validator(mode="after")
    def _in_turn(self) -> Self:
        if self.closing_call_minutes > self.gathering_minutes:
            raise PydanticCustomError(
                "refused",
                "{text}",
                {"text": "expected closing_call_minutes of at most gathering_minutes", "bare": True},
            )
        return self


class Market(Section):
    """``market``: the synthetic market. Events are book messages of one instrument over all venues,
    ``events_per_second`` of them on average.

    Rates are a side and minute at ``depth`` 1, by distance in ticks from the other side; left out, those of Cont,
    Stoikov and Talreja (2010). ``depth`` is how many times their number of orders rests in the book. ``volume_curve``
    is the shape of a session's volume by equal parts of it: ``session`` is the curve that VWAP goes by.
    ``venue_correlation`` is the share of orders that look at the consolidated quote; the others look at one venue's
    alone.
    """

    events_per_second: Annotated[float, *number(0, 1e6, "a rate", True)] = 20.0
    history_minutes: Annotated[float, *lasting("min", 60 * 10**9, 10_000 * 60 * 10**9)] = 780.0
    depth: Annotated[float, *number(1, 1e4, "a factor")] = 10.0
    limit_rates: Annotated[tuple[float, ...], *rates(1024, "rates")] | None = None
    cancel_rates: Annotated[tuple[float, ...], *rates(1024, "rates")] | None = None
    market_rate: Annotated[float, *number(0, 1e9, "a rate", True)] | None = None
    order_size: Annotated[str | int, checked(read_order_size), schema("string", "integer")] = "lots"
    size_tail: Annotated[float, *number(0.5, 10, "an exponent")] = 1.5
    size_lots_max: Annotated[int, *integer(1, 10_000)] = 100
    volume_curve: Annotated[str | tuple[float, ...], checked(read_volume_curve), LISTED, schema("string", "array")] = (
        "session"
    )
    clustering: Clustering = Field(default_factory=Clustering)
    metaorders: Metaorders = Field(default_factory=Metaorders)
    common_factor: CommonFactor = Field(default_factory=CommonFactor)
    venue_correlation: Share = 1.0
    reaction: Reaction = Field(default_factory=Reaction)
    hours: Hours = Field(default_factory=Hours)

    @model_validator(mode="before")
    @classmethod
    def _empty_rates(cls, data: Any) -> Any:
        return without_none(data, "limit_rates", "cancel_rates", "market_rate")

    @model_validator(mode="after")
    def _rates_fit(self) -> Self:
        from ..venues.paper import flow_model

        try:
            flow_model(self)
        except ValueError as error:
            raise PydanticCustomError(
                "refused", "{error}", {"error": f"expected rates that fit: {error}", "bare": True}
            ) from None
        return self


class ExecutionConfig(Section):
    """The whole configuration of an engine; every section has defaults.

    ``mode`` says what may be relaxed: ``enable_pre_trade_risk: false`` is refused outside paper.
    """

    mode: Annotated[Literal["paper", "simulation", "production"], *choice("paper", "simulation", "production")] = (
        "paper"
    )
    seed: Seed = 0
    order_management: OrderManagement = Field(default_factory=OrderManagement)
    routing: Routing = Field(default_factory=Routing)
    analytics: Analytics = Field(default_factory=Analytics)
    risk_controls: RiskControls = Field(default_factory=RiskControls)
    compliance: Compliance = Field(default_factory=Compliance)
    performance: Performance = Field(default_factory=Performance)
    journal: Journal = Field(default_factory=Journal)
    service: Service = Field(default_factory=Service)
    account: Account = Field(default_factory=Account)
    microstructure: Microstructure = Field(default_factory=Microstructure)
    market: Market = Field(default_factory=Market)
    simulation: Simulation = Field(default_factory=Simulation)
    instruments: Annotated[dict[str, dict[str, Any]], checked(read_instruments), schema("object")] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _risk_checked(self) -> Self:
        if self.mode != "paper" and not self.order_management.enable_pre_trade_risk:
            raise PydanticCustomError("risk_off", "risk_off")
        return self

    def catalog(self) -> InstrumentCatalog:
        """The packaged instruments with the ``instruments`` section's additions and overrides."""
        return InstrumentCatalog.load().extended(self.instruments)

    def symbol_problems(self, catalog: Mapping[str, Any] | None = None) -> list[ConfigProblem]:
        """Symbols and sectors that the configuration names and the catalog does not hold.

        They are no errors (a replay brings its own instruments), but a misspelt limit limits nothing.
        """
        known = self.catalog() if catalog is None else catalog
        sectors = {getattr(row, "sector", "unknown") for row in known.values()} | {"unknown"}
        named = [
            (
                "risk_controls.position_limits",
                [s for s in self.risk_controls.position_limits if s != "default"],
            ),
            ("risk_controls.restricted", list(self.risk_controls.restricted)),
            (
                "risk_controls.long_only",
                [] if isinstance(self.risk_controls.long_only, bool) else list(self.risk_controls.long_only),
            ),
            ("risk_controls.locates", [s for s in self.risk_controls.locates or () if s != "default"]),
            ("account.opening_positions", list(self.account.opening_positions)),
        ]
        found = [
            ConfigProblem(f"{path}.{symbol}", "unknown symbol, it is not in the catalog", symbol)
            for path, symbols in named
            for symbol in symbols
            if symbol not in known
        ]
        found += [
            ConfigProblem(f"risk_controls.exposure_limits.sectors.{sector}", "no instrument is in this sector", sector)
            for sector in self.risk_controls.exposure_limits.sectors
            if sector not in sectors
        ]
        return found

    def config_hash(self) -> str:
        """SHA-256, hexadecimal, of what can change a decision, defaults included.

        Over canonical JSON: sorted keys, no spaces, money as decimal text. ``journal``, ``performance`` and
        ``service`` are left out, they say where, how fast, and to whom: a day hashes the same wherever its journal
        lies. So is the ``connection`` of a venue, which says where it is served, and whether the file of the limits is
        watched, and what only measures: index, betas, previous closes. Latency and faults count where there are any.
        """
        values = self.model_dump(exclude={"journal", "performance", "service", "instruments"})
        for group in ("venues", "dark_pools", "wholesalers"):
            for venue in values["routing"][group].values():
                venue.pop("connection", None)
                _drop_unset(venue, "latency", "faults")
        _drop_unset(values["simulation"], "latency", "faults")
        _drop_unset(values, "simulation")
        for name in ("learning", "scoring"):  # as they come they decide nothing
            if getattr(self.routing, name) == type(getattr(self.routing, name))():
                del values["routing"][name]
        if not self.routing.circuit_breaker.is_on:
            del values["routing"]["circuit_breaker"]
        _drop_unset(values["routing"], "retail", "wheels")
        del values["analytics"]["index"], values["analytics"]["previous_closes"]  # they measure, and decide nothing
        del values["risk_controls"]["watch"], values["risk_controls"]["watch_interval_ms"]
        catalog = self.catalog() if self.instruments else {}
        values["instruments"] = {symbol: asdict(catalog[symbol]) for symbol in self.instruments}
        for row in values["instruments"].values():
            del row["beta"]
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_canonical)
        return hashlib.sha256(text.encode()).hexdigest()


def _drop_unset(values: dict[str, Any], *keys: str) -> None:
    """Takes those of ``keys`` away that are None or empty."""
    for key in keys:
        if not values[key]:
            del values[key]


def _canonical(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    raise TypeError(f"no canonical form for {type(value).__name__}")
