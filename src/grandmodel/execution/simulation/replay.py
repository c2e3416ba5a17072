"""A parent order worked in a recorded day: the same gate, router and algorithms as live, under the recording's clock.

The recording does not react to own orders; what it means for the result is said in the report.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Any

from .._core.capture import Capture
from .._core.instruments import Instruments
from .._core.journal import Journal
from .._core.link import LinkedMarket
from .._core.orders import OrderTable
from .._core.portfolio import Portfolio
from .._core.replay import LevelReplayMarket, ReplayMarket
from .._core.risk import Limits
from .._core.scoring import Venues
from .._core.submit import Core
from ..analytics.execution_cost import ExecutionCost, execution_cost, market_vwap
from ..clock import Pulse, SimulatedClock, run
from ..routing.algorithms import make_algorithm
from ..routing.algorithms.parent import MINUTE_NS, Parent, run_parent
from ..sessions import local_to_ns, ns_to_local
from .fresh import fresh
from .recording import Recording, of_lobster

if TYPE_CHECKING:
    from .._core.synthetic import Market
    from .lobster import LobsterDay

#: Called with (messages replayed, all messages) now and then while the day runs.
Progress = Callable[[int, int], None]

#: What a recorded venue takes for a share: the access-fee cap of 17 CFR 242.610 for taking, a third less as the rebate
#: for posting. Round figures; `--take-fee` and `--make-fee` set others.
VENUE = "NASDAQ"
TAKE_FEE_E9 = 3_000_000
MAKE_FEE_E9 = -2_000_000


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay did. Shortfall and its parts are bps of the paper value, positive = bad; the parts sum to it."""

    messages: int
    seconds: float
    cost: ExecutionCost
    market_vwap: float
    market_volume: int
    journal_sha256: str
    counters: dict[str, int]
    queue_model: str = "by order"
    note: str = "the recorded market did not react to these orders"

    @property
    def messages_per_second(self) -> float:
        return self.messages / self.seconds if self.seconds > 0 else 0.0

    @property
    def vwap_slippage_bps(self) -> float:
        """Average price against the window's VWAP, bps, positive = bad."""
        sign = self.cost.order.side.sign
        return sign * (self.cost.average_price / self.market_vwap - 1.0) * 1e4

    def to_dict(self) -> dict[str, Any]:
        """The report as one flat mapping."""
        cost = self.cost
        return {
            "symbol": cost.order.symbol,
            "side": str(cost.order.side),
            "quantity": cost.order.quantity,
            "algorithm": cost.order.algorithm,
            "status": str(cost.order.status),
            "messages": self.messages,
            "messages_per_second": self.messages_per_second,
            "children": cost.children,
            "fills": len(cost.fills),
            "executed_quantity": cost.order.filled_quantity,
            "average_price": cost.average_price,
            "decision_price": cost.decision_price,
            "arrival_price": cost.arrival_price,
            "market_vwap": self.market_vwap,
            "market_volume": self.market_volume,
            "vwap_slippage_bps": self.vwap_slippage_bps,
            "implementation_shortfall_bps": cost.total_bps,
            "delay_bps": cost.delay_bps,
            "trading_bps": cost.trading_bps,
            "opportunity_bps": cost.opportunity_bps,
            "fees_bps": cost.fees_bps,
            "fill_rate": cost.fill_rate,
            "queue_model": self.queue_model,
            "book_rows_equal": self.counters.get("rows_equal"),
            "book_rows_repaired": self.counters.get("repaired"),
            "recorded_executions": self.counters["executions"],
            "journal_sha256": self.journal_sha256,
            "note": self.note,
        }


def replay_core(
    day: LobsterDay | Recording,
    clock: SimulatedClock,
    *,
    take_fee_e9: int = TAKE_FEE_E9,
    make_fee_e9: int = MAKE_FEE_E9,
    journal_path: str | None = None,
    capture_path: str | None = None,
    queue_model: str = "risk_averse",
    power: int = 2,
    simulation: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Core:
    """An engine core whose venues are the recorded ones. No limits are set: the order is the user's own what-if.

    `queue_model` and `power` are `LevelReplayMarket`'s; a recording by order needs none. `simulation` is the
    configuration's section of that name, latency and faults of all venues, and `seed` what they are drawn from;
    None: venues are reached at once, and nothing goes wrong.
    """
    day = day if isinstance(day, Recording) else of_lobster(day, VENUE)
    instruments = Instruments()
    instruments.add(day.symbol, tick_e9=day.tick_e9, step_e9=day.step_e9, calendar=day.calendar)
    venues = Venues(instruments)
    for name in day.venues:
        venues.add(name, take_fee_e9=take_fee_e9, make_fee_e9=make_fee_e9)
    portfolio = Portfolio(instruments)
    portfolio.open_account(0, 100_000_000 * 10**9)
    journal = fresh(Journal(journal_path))
    start_ns = clock.now_ns()
    terms = _link_terms(simulation, day.venues, seed) if simulation else {}
    table = venues.twin() if terms else venues
    market: Market = (
        LevelReplayMarket(table, day.messages, start_ns=start_ns, queue_model=queue_model, power=power)
        if day.by_level
        else ReplayMarket(table, day.symbol, day.venues[0], day.messages, day.books, start_ns=start_ns)
    )
    if terms:
        market = LinkedMarket(venues, market, **terms)
    core = Core(
        instruments=instruments,
        portfolio=portfolio,
        limits=Limits(instruments),
        venues=venues,
        journal=journal,
        orders=OrderTable(),
        market=market,
        clock=clock,
        capture=None if capture_path is None else Capture(capture_path, journal),
    )
    Pulse(core)
    clock.attach(core)
    return core


def replay_parent(
    day: LobsterDay | Recording,
    order: Mapping[str, Any],
    algorithm: Mapping[str, Any],
    *,
    start: str = "09:30",
    duration_minutes: float = 60.0,
    seed: int = 0,
    take_fee_e9: int = TAKE_FEE_E9,
    make_fee_e9: int = MAKE_FEE_E9,
    journal_path: str | None = None,
    capture_path: str | None = None,
    queue_model: str = "risk_averse",
    power: int = 2,
    simulation: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> ReplayReport:
    """Works `order` in the recorded day from `start` (exchange time) for `duration_minutes`; then replays to the end.

    Parameters
    ----------
    order : mapping with side, quantity, order_type and whatever else an order has; its symbol is the day's
    algorithm : mapping with `algorithm` and its parameters
    queue_model, power : where an order stands in a recording by level (`LevelReplayMarket`)
    simulation : latency and faults, as `replay_core` has them

    Raises
    ------
    ValueError  when the window does not lie within the recording
    """
    day = day if isinstance(day, Recording) else of_lobster(day, VENUE)
    clock = SimulatedClock(day.start_ns)
    begin_ns = local_to_ns(datetime.combine(day.date, _time(start)), day.calendar)
    if not math.isfinite(duration_minutes) or not 0 < duration_minutes <= 60 * 24:
        raise ValueError(f"duration_minutes is {duration_minutes!r}, must be minutes above 0, up to a day")
    end_ns = begin_ns + round(duration_minutes * MINUTE_NS)
    last_ns = day.end_ns
    if not clock.now_ns() <= begin_ns < last_ns:
        raise ValueError(
            f"start is {start}, must lie within the recording ({_local(day, clock.now_ns())} to {_local(day, last_ns)})"
        )
    if end_ns > last_ns:
        raise ValueError(
            f"start {start} and duration_minutes {duration_minutes:g} end at {_local(day, end_ns)}, "
            f"the recording at {_local(day, last_ns)}"
        )
    make_algorithm(algorithm)  # a wrong parameter is an error before anything is replayed
    core = replay_core(
        day,
        clock,
        take_fee_e9=take_fee_e9,
        make_fee_e9=make_fee_e9,
        journal_path=journal_path,
        capture_path=capture_path,
        queue_model=queue_model,
        power=power,
        simulation=simulation,
        seed=seed,
    )
    began = time.perf_counter()
    parent, before, after, end_mid = run(
        _work(core, clock, {**order, "symbol": day.symbol}, algorithm, begin_ns, end_ns, last_ns, progress),
        clock=clock,
        seed=seed,
    )
    seconds = time.perf_counter() - began
    core.close()
    market = core.market.origin
    assert isinstance(market, ReplayMarket | LevelReplayMarket)
    return ReplayReport(
        messages=market.position,
        seconds=seconds,
        cost=execution_cost(core, parent.order_id, end_mid),
        market_vwap=market_vwap(before, after),
        market_volume=after["volume"] - before["volume"],
        journal_sha256=core.journal.sha256(),
        counters=market.counters,
        queue_model=_model_name(market, power) if isinstance(market, LevelReplayMarket) else "by order",
    )


def _link_terms(simulation: Mapping[str, Any], venues: tuple[str, ...], seed: int) -> dict[str, Any]:
    """What `LinkedMarket` takes of a section; empty where that asks for nothing."""
    from ..config import load_config  # a replay without it waits for no configuration
    from ..venues.faulty import link_terms

    terms = link_terms(load_config({"seed": seed, "simulation": simulation}), venues)
    return terms if terms["paths"] or terms["faults"] else {}


async def _work(
    core: Core,
    clock: SimulatedClock,
    order: Mapping[str, Any],
    algorithm: Mapping[str, Any],
    begin_ns: int,
    end_ns: int,
    last_ns: int,
    progress: Progress | None,
) -> tuple[Parent, dict[str, int], dict[str, int], int | None]:
    import asyncio

    market = core.market.origin
    assert isinstance(market, ReplayMarket | LevelReplayMarket)
    reporter = asyncio.ensure_future(_report(clock, market, last_ns, progress)) if progress else None
    await clock.sleep_until(begin_ns - 1)  # the window is [start, start + duration): an event at its end is outside
    before = core.venues.tape(order["symbol"])
    await clock.sleep_until(begin_ns)
    while core.quote(order["symbol"]).mid_e9 is None and clock.now_ns() < end_ns - 1:
        await clock.sleep_until(min(end_ns - 1, clock.now_ns() + 1_000_000))  # decided at the first two-sided quote
    made = make_algorithm(algorithm)
    parent = Parent(core, clock, core.submit_parent(order, made.name).order_id, made)
    parent.end_ns = min(parent.end_ns, end_ns)  # the window is what is measured
    work = asyncio.ensure_future(run_parent(parent))
    await clock.sleep_until(end_ns - 1)
    after = core.venues.tape(order["symbol"])
    await work
    end_mid = core.quote(order["symbol"]).mid_e9
    await clock.sleep_until(last_ns)
    if reporter is not None and progress is not None:
        reporter.cancel()
        progress(market.position, market.count)
    return parent, before, after, end_mid


async def _report(
    clock: SimulatedClock, market: ReplayMarket | LevelReplayMarket, last_ns: int, progress: Progress
) -> None:
    step = max(1, (last_ns - clock.now_ns()) // 100)
    while True:
        progress(market.position, market.count)
        await clock.sleep_until(clock.now_ns() + step)


def _time(text: str) -> time_of_day:
    try:
        return time_of_day.fromisoformat(text)
    except ValueError:
        raise ValueError(f"start is {text!r}, must be a time such as 10:00 or 10:00:30") from None


def _local(day: Recording, ns: int) -> str:
    """Exchange time; its milliseconds too where the second is not whole."""
    text = ns_to_local(ns, day.calendar).strftime("%H:%M:%S")
    milliseconds = ns % 10**9 // 10**6
    return f"{text}.{milliseconds:03d}" if milliseconds else text


def _model_name(market: LevelReplayMarket, power: int) -> str:
    return f"power {power}" if market.queue_model == "power" else market.queue_model
