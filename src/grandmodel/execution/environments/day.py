"""Markets that episodes are drawn from: a synthetic one by its seed, or windows of a recorded day.

Both stand behind the engine that `make_core` builds from a configuration, so limits, fees and routing are its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .values import read_number, read_whole

if TYPE_CHECKING:
    from .._core.submit import Core
    from ..simulation.recording import Recording

#: When a synthetic market begins (2025-01-02 15:00 UTC); one time is like another there.
_BEGIN_NS = 1_735_830_000_000_000_000
_SYMBOL = "SYNTH"
#: Orders that may rest in a book, at least and at most. A small table stays near the processor: sixty-four days at once
#: are stepped half as fast again.
_LEAST, _MOST = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Ground:
    """An engine over a market: core, symbol, and when episodes may begin and the market ends (UTC ns)."""

    core: Core
    symbol: str
    first_ns: int
    last_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class SyntheticDay:
    """The seeded synthetic market (Cont, Stoikov and Talreja 2010), always open; each episode its own.

    Attributes
    ----------
    price, tick   : where it begins, and the distance of prices
    events_per_second, depth, warmup_seconds : as `SyntheticMarket` takes them
    venues        : how many exchanges it is spread over
    take_fee, make_fee : dollars a share; a negative one is a rebate
    model         : parameters of `FlowModel`; none: zero intelligence with the published rates
    """

    price: float = 100.0
    tick: float = 0.01
    events_per_second: float = 50.0
    depth: float = 10.0
    warmup_seconds: float = 10.0
    venues: int = 1
    take_fee: float = 0.003
    make_fee: float = -0.002
    model: Mapping[str, Any] = field(default_factory=dict)

    def _capacity(self) -> int:
        """Three times the orders that usually rest in a book of one venue, as a power of two."""
        from .._core.synthetic import CANCEL_RATES, LIMIT_RATES

        limits = self.model.get("limit_rates", LIMIT_RATES)
        cancels = self.model.get("cancel_rates", CANCEL_RATES)
        depth = read_number("depth", self.depth, 1.0, 1e6, "a number from 1 to 1000000")
        usual = 2.0 * depth * sum(arrive / leave for arrive, leave in zip(limits, cancels, strict=True))
        return max(_LEAST, min(_MOST, 1 << math.ceil(math.log2(3.0 * usual))))

    def ground(
        self, config: Mapping[str, Any], steps: int, interval_ns: int, messages: int, *, seed: int = 0
    ) -> Ground:
        """An engine over such a market, of `seed` until an episode begins, ready for its first."""
        from .._core.synthetic import FlowModel, SyntheticMarket
        from ..instruments import InstrumentCatalog

        price = read_number("price", self.price, 1e-4, 1e6, "a price above 0, up to 1000000")
        tick = read_number("tick", self.tick, 1e-6, price, "a tick above 0, up to the price")
        venues = read_whole("venues", self.venues, 1, 16)
        model = FlowModel(**self.model)
        start_ns = _BEGIN_NS
        catalog = InstrumentCatalog.load().extended(
            {_SYMBOL: {"reference_price": f"{price:.9f}", "tick_size": {"0": f"{tick:.9f}"}, "session": "24/7"}}
        )

        def market(table: Any, _: Any, now_ns: int) -> Any:
            shares = [1.0 if table.describe(name)["kind"] == "exchange" else 0.0 for name in table.names]
            return SyntheticMarket(
                table, shares, seed=seed, start_ns=now_ns, warmup_seconds=self.warmup_seconds,
                events_per_second=self.events_per_second, depth=self.depth, model=model, capacity=self._capacity(),
            )  # fmt: skip

        names = [f"EXCHANGE{place}" for place in range(1, venues + 1)]
        core = _core(config, names, self.take_fee, self.make_fee, catalog[_SYMBOL], start_ns, market)
        return Ground(core, _SYMBOL, start_ns, start_ns, start_ns + 10 * 365 * 86_400 * 10**9)


@dataclass(frozen=True, slots=True)
class RecordedDay:
    """Windows of a recorded day by order, each begun where the seed says. Its market does not react to what is done.

    With its own books (LOBSTER's order book file) a window begins at once; without, each replays all that was before.

    Attributes
    ----------
    recording : `read_recording(...)`, `of_lobster(...)`
    begin, end : exchange times between which windows begin; None: wherever they fit
    take_fee, make_fee : dollars a share; a negative one is a rebate
    """

    recording: Recording
    begin: str | None = None
    end: str | None = None
    take_fee: float = 0.003
    make_fee: float = -0.002

    def ground(self, config: Mapping[str, Any], steps: int, interval_ns: int, messages: int) -> Ground:
        """An engine over the recording, ready for its first episode."""
        from .._core.replay import ReplayMarket
        from ..instruments import InstrumentCatalog

        day = self.recording
        if day.by_level:
            raise ValueError(f"{day.name}: tells of price levels, must be a recording by order")
        first_ns = day.start_ns if self.begin is None else self._time("begin", self.begin)
        last_ns = day.end_ns if self.end is None else self._time("end", self.end)
        last_ns = min(last_ns, self._last_ns(steps, interval_ns, messages))
        if last_ns < first_ns:
            begin = self.begin or "its begin"
            raise ValueError(f"{day.name}: no window of {steps} decisions fits into it from {begin} on")
        catalog = InstrumentCatalog.load().extended(
            {
                day.symbol: {
                    "tick_size": {"0": f"{day.tick_e9 / 1e9:.9f}"}, "session": day.calendar, "reference_price": "1"
                }
            }
        )  # fmt: skip

        def market(table: Any, _: Any, now_ns: int) -> Any:
            return ReplayMarket(
                table, day.symbol, day.venues[0], day.messages, day.books, start_ns=now_ns, ticks=1 << 14,
                capacity=_capacity_of(day), moves=_moves_of(day),
            )  # fmt: skip

        core = _core(config, day.venues, self.take_fee, self.make_fee, catalog[day.symbol], day.start_ns, market)
        return Ground(core, day.symbol, first_ns, last_ns, day.end_ns)

    def _time(self, name: str, text: str) -> int:
        from ..sessions import local_to_ns

        try:
            at = time.fromisoformat(text)
        except (TypeError, ValueError):
            raise ValueError(f"{name} is {text!r}, must be a time such as 10:00 or 10:00:30") from None
        ns: int = local_to_ns(datetime.combine(self.recording.date, at), self.recording.calendar)
        if not self.recording.start_ns <= ns <= self.recording.end_ns:
            raise ValueError(f"{name} is {text}, must lie within the recording")
        return ns

    def _last_ns(self, steps: int, interval_ns: int, messages: int) -> int:
        """The latest begin from which the horizon fits."""
        if interval_ns:
            return self.recording.end_ns - steps * interval_ns
        place = len(self.recording) - steps * messages - 1
        return int(self.recording.messages["time_ns"][place]) if place >= 0 else self.recording.start_ns - 1


#: Where episodes come from.
Day = SyntheticDay | RecordedDay


@lru_cache(maxsize=8)
def _moves_of(day: Recording) -> Any:
    from .._core.replay import row_moves

    return None if day.books is None else row_moves(day.books)


@lru_cache(maxsize=8)
def _capacity_of(day: Recording) -> int:
    """Twice what the whole recording needs: the smallest table with which it plays as with a large one."""
    from .._core.instruments import Instruments
    from .._core.replay import ReplayMarket
    from .._core.scoring import Venues

    def counted(capacity: int) -> dict[str, int]:
        instruments = Instruments()
        instruments.add(day.symbol, tick_e9=day.tick_e9)
        venues = Venues(instruments)
        venues.add(day.venues[0])
        market = ReplayMarket(venues, day.symbol, day.venues[0], day.messages, day.books, capacity=capacity)
        market.play()
        return market.counters

    capacity, whole = _LEAST, counted(_MOST)
    while capacity < _MOST and counted(capacity // 2) != whole:
        capacity *= 2
    return capacity


def _core(
    config: Mapping[str, Any],
    venues: Any,
    take_fee: float,
    make_fee: float,
    instrument: Any,
    start_ns: int,
    market: Callable[[Any, Any, int], Any],
) -> Core:
    from ..clock import SimulatedClock
    from ..config import load_config
    from ..engine import make_core

    take = read_number("take_fee", take_fee, -1.0, 1.0, "dollars a share from -1 to 1")
    make = read_number("make_fee", make_fee, -1.0, 1.0, "dollars a share from -1 to 1")
    own = {"cost_per_share": 0, "taker_fee": take, "maker_fee": make}
    lit = {"venues": dict.fromkeys(venues, own), "dark_pools": {}, "wholesalers": {}}
    settings = {
        "account": {"cash": 5e9},
        **config,
        "mode": "simulation",
        "routing": {**(config.get("routing") or {}), **lit},
        "journal": {},
    }
    loaded = load_config(settings)
    if loaded.simulation.latency is not None or loaded.simulation.faults is not None:
        raise ValueError(
            "config has simulation.latency or simulation.faults: the venues of an environment are at no distance"
        )
    return make_core(loaded, clock=SimulatedClock(start_ns), instruments=[instrument], market=market)
