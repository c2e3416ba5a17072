"""`MicrostructureEngine`: what a market costs to trade in now, how much of it there is, and whether to wait.

Each call does its work when it is made and gives a result that may be awaited too. Results say where their figures
come from (`source`), which model an impact is of, and what was assumed; what cannot be known is Unknown with the
reason.
"""

from __future__ import annotations

import math
from _thread import RLock
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.book import OrderBook
from .._core.consolidated import ConsolidatedBook
from .._core.flow import BookAnalysis, BookSnapshot
from .._core.synthetic import SyntheticMarket
from .._core.values import Unknown
from ..sessions import SESSION_MINUTES
from .flow import BAR_DTYPE, FlowEstimators
from .history import PaperHistory
from .impact_forecast import ImpactForecast, forecast_impact
from .liquidity import LiquidityAssessment, LiquidityMetrics, read_lookbacks, read_timeframe
from .scores import Timing, depth_score, liquidity_score, optimal_timing, resilience_score, spread_score, volume_score
from .snapshots import read_book

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._core.submit import Core
    from ..config import ExecutionConfig
    from ..instruments import Instrument

_MINUTE_NS = 60 * 10**9


class MarketConditions:
    """One symbol's market as it was when it was asked about. Prices in the quote currency, impact a fraction, `_bps`
    twins.

    Attributes
    ----------
    symbol, time_ns, source, assumptions
    book : BookAnalysis of the consolidated levels; flow : FlowEstimators of what was heard, a copy
    quantity, horizon_minutes, side : the order that impact and timing are of
    """

    __slots__ = (
        "_bars", "_instrument", "_settings", "assumptions", "book", "flow", "horizon_minutes", "quantity", "side",
        "source",
        "symbol", "time_ns",
    )  # fmt: skip

    def __init__(
        self, symbol: str, time_ns: int, source: str, assumptions: tuple[str, ...], book: BookAnalysis,
        flow: FlowEstimators,
        bars: NDArray[Any], settings: Any, instrument: Instrument | None, quantity: int, horizon_minutes: float,
        side: int,
    ) -> None:  # fmt: skip
        self.symbol, self.time_ns, self.source, self.assumptions = symbol, time_ns, source, assumptions
        self.book, self.flow, self._bars = book, flow, bars
        self._settings, self._instrument = settings, instrument
        self.quantity, self.horizon_minutes, self.side = quantity, horizon_minutes, side

    def __await__(self) -> Generator[None, None, MarketConditions]:
        return self
        yield

    # ---- now ----

    @property
    def spread(self) -> float:
        """Best offer less best bid over all venues, now."""
        return self.book.spread

    @property
    def spread_bps(self) -> float:
        return self.book.spread_bps

    @property
    def mid(self) -> float:
        return self.book.mid

    @property
    def imbalance(self) -> float:
        """At the touch, from -1 to 1."""
        return self.book.imbalance

    @property
    def depth(self) -> float:
        """Units on the thinner side, those far from the mid counting less (`BookAnalysis.depth`)."""
        return self.book.depth

    @property
    def toxicity(self) -> float:
        """VPIN of what was heard; Unknown until its buckets are full."""
        return self.flow.vpin

    # ---- against what is usual ----

    def _recent(self) -> NDArray[Any]:
        """The last closed bar and the one that is open: what "now" is where a figure needs some time."""
        return np.concatenate([self._bars[-1:], self.flow.open_bar()])

    @property
    def average_spread_bps(self) -> float:
        """Time-weighted over the last closed bar and the open one."""
        return _time_weighted(self._recent(), "spread_bps")

    @property
    def reference_spread_bps(self) -> float:
        """The median of the last bars; without any the configured reference."""
        return self._median("spread_bps", self._settings.reference_spread * 1e4)

    @property
    def reference_depth(self) -> float:
        """Configured, or the median of the last bars' depth at their ends, or a minute of the average daily volume."""
        if self._settings.reference_depth is not None:
            return float(self._settings.reference_depth)
        adv = None if self._instrument is None else self._instrument.adv
        none = Unknown("no bar has ended, and no average daily volume is known")
        return self._median("depth", none if adv is None else adv / SESSION_MINUTES)

    @property
    def reference_volume(self) -> float:
        """Configured, or the median of the last bars' volume."""
        if self._settings.reference_volume is not None:
            return float(self._settings.reference_volume)
        return self._median("volume", Unknown("no bar has ended, or nothing was traded in them"))

    def _median(self, name: str, otherwise: float) -> float:
        values = self._bars[name].astype(np.float64)
        values = values[np.isfinite(values)]
        median = float(np.median(values)) if len(values) else 0.0
        return median if median > 0 else otherwise

    @property
    def spread_score(self) -> float:
        return _scored(spread_score, self.average_spread_bps, self.reference_spread_bps)

    @property
    def depth_score(self) -> float:
        """D / (D + D0), from 0 (nothing there) to 1; 0.5 is as usual."""
        return _scored(depth_score, self.depth, self.reference_depth)

    @property
    def resilience_score(self) -> float:
        return _scored(resilience_score, self.flow.recovery_half_life, self._settings.reference_recovery_seconds)

    @property
    def volume_score(self) -> float:
        """Of the last closed bar."""
        if not len(self._bars):
            return Unknown("no bar has ended")
        return _scored(volume_score, float(self._bars["volume"][-1]), self.reference_volume)

    @property
    def liquidity_score(self) -> float:
        """From 0 to 1, 0.5 a market as usual; factors that are not known are left out (`liquidity_factors`)."""
        factors = self.liquidity_factors
        return liquidity_score(**factors, weights=self._settings.liquidity_weights.model_dump())

    @property
    def liquidity_factors(self) -> dict[str, float]:
        """The scores of spread, depth, resilience and volume."""
        return {
            "spread": self.spread_score,
            "depth": self.depth_score,
            "resilience": self.resilience_score,
            "volume": self.volume_score,
        }

    # ---- what an order would do ----

    @property
    def impact(self) -> ImpactForecast:
        """Of `quantity` worked over `horizon_minutes`, with the model that it is of."""
        return forecast_impact(
            self._settings,
            self._instrument,
            self.quantity,
            self.horizon_minutes / SESSION_MINUTES,
            book=self.book,
            sigma_daily=_sigma_daily(self._bars),
        )

    @property
    def predicted_impact(self) -> float:
        """`impact` as a fraction of the price."""
        return self.impact.fraction

    @property
    def predicted_impact_bps(self) -> float:
        return self.impact.bps

    @property
    def impact_model(self) -> str:
        """The name of the model that `predicted_impact` is of."""
        return self.impact.model

    @property
    def optimal_timing(self) -> Timing:
        """Whether to trade now: action, seconds and the two costs (`scores.optimal_timing`)."""
        sigma = None if self._instrument is None else self._instrument.volatility_daily
        found = _sigma_daily(self._bars) if sigma is None else sigma
        half_life = self.flow.recovery_half_life
        expected = (self.book.weighted_mid - self.book.mid) / self.book.mid * 1e4
        return optimal_timing(
            self.spread_bps,
            self.predicted_impact_bps,
            reference_spread_bps=self.reference_spread_bps,
            sigma_daily=0.0 if isinstance(found, Unknown) else found,
            alpha_bps=0.0 if isinstance(expected, Unknown) else -self.side * expected,
            half_life=self._settings.reference_recovery_seconds if isinstance(half_life, Unknown) else half_life,
            risk_weight=self._settings.risk_weight,
        )

    def __repr__(self) -> str:
        return (
            f"MarketConditions({self.symbol}, spread={self.spread:.4f}, depth_score={self.depth_score:.3f}, "
            f"liquidity_score={self.liquidity_score:.3f}, predicted_impact={self.predicted_impact:.6f}, "
            f"optimal_timing={self.optimal_timing}, source={self.source!r})"
        )


class MicrostructureEngine:
    """What markets are like now, and what they were like.

    Only symbols that somebody asked about are followed: from the first call about a symbol on, the core tells a
    `FlowEstimators` of each of its quotes and prints, and keeps `market.history_minutes` of bars.

    Parameters
    ----------
    config : mapping of the `microstructure` section, optionally with whole other sections; or an ExecutionConfig
    engine : an ExecutionEngine or one of its parts; None: a private paper core, made at first use. Beside an engine
        `config` says how to look (its `microstructure` section, and `instruments` for volumes, shares and volatilities
        of what the engine trades)

    Raises
    ------
    ConfigError  when the configuration is wrong: it names every key that is
    """

    def __init__(self, config: Any = None, *, engine: Any = None) -> None:
        from ..config import ExecutionConfig, microstructure_config

        given = getattr(engine, "config", None) or getattr(engine, "_config", None)
        if not isinstance(given, ExecutionConfig):
            self._config = microstructure_config(config)
        elif config is None:
            self._config = given
        else:  # what the market is like, the engine's own configuration says
            own = microstructure_config(config)
            self._config = given.model_copy(
                update={"microstructure": own.microstructure, "instruments": {**given.instruments, **own.instruments}}
            )
        settings = self._config.microstructure
        self._analysis = BookAnalysis(
            read_book(([], [])), settings.effective_spread_quantity, settings.depth_decay, settings.reference_spread
        )
        self._engine = engine
        self._core: Core | None = None
        self._opening = RLock()
        self._histories: dict[str, PaperHistory] = {}
        self._instruments: dict[str, Instrument | None] = {}
        if engine is not None:
            for symbol in self._config.microstructure.symbols:
                self.follow(symbol)

    @property
    def config(self) -> ExecutionConfig:
        return self._config

    @property
    def core(self) -> Core:
        """The engine core behind this face."""
        if self._core is None:
            from ..clock import current_seed
            from ..engine import core_of, private_core

            with self._opening:  # two threads at the first use make one core
                if self._core is None:
                    if self._engine is None:  # the made-up past is of the same seed
                        seed = self._config.seed or current_seed()
                        self._config = self._config.model_copy(update={"seed": seed})
                    self._core = private_core(self._config) if self._engine is None else core_of(self._engine)
                    for symbol in self._config.microstructure.symbols:
                        self.follow(symbol)
        return self._core

    # ---- the mission's calls ----

    def analyze_market_conditions(
        self,
        symbol: str,
        *,
        quantity: int | None = None,
        side: str | None = None,
        horizon_minutes: float | None = None,
    ) -> MarketConditions:
        """The market of a symbol now.

        Parameters
        ----------
        quantity, horizon_minutes : the order that impact and timing are told for; None: as configured. A horizon of 0:
            all at once
        side : "buy" or "sell"; None: the imbalance speaks for neither

        Raises
        ------
        UnknownSymbol, TypeError, ValueError  naming the argument that is wrong
        """
        settings = self._config.microstructure
        if quantity is None:
            quantity = settings.pending_quantity
        if isinstance(quantity, bool) or not isinstance(quantity, int | np.integer):
            raise TypeError(f"quantity is {quantity!r}, must be an int")
        if not 0 < quantity < 1 << 53:
            raise ValueError(f"quantity is {quantity!r}, must be > 0 and below 2**53")
        if side not in (None, "buy", "sell"):
            raise ValueError(f"side is {side!r}, must be 'buy', 'sell' or None")
        if horizon_minutes is None:
            horizon_minutes = settings.horizon_minutes
        if isinstance(horizon_minutes, bool) or not isinstance(horizon_minutes, int | float):
            raise TypeError(f"horizon_minutes is {horizon_minutes!r}, must be a number")
        if not 0 <= horizon_minutes <= 1e6:
            raise ValueError(f"horizon_minutes is {horizon_minutes!r}, must be from 0 to 1000000")
        self.follow(symbol)
        book = self.analyze_order_book(self.get_order_book_snapshot(symbol))
        flow = self.flow(symbol)
        bars, made = self._bars(symbol, flow, settings.scoring_periods, whole=False)
        return MarketConditions(
            symbol, book.book.time_ns, self.core.market.source, self._assumptions(made), book, flow, bars, settings,
            self.instrument(symbol), int(quantity), float(horizon_minutes), {None: 0, "buy": 1, "sell": -1}[side],
        )  # fmt: skip

    def get_order_book_snapshot(self, symbol: str, levels: int | None = None) -> BookSnapshot:
        """The best `levels` (None: as configured) of both sides over all venues, now."""
        self._known(symbol)
        if levels is None:
            levels = self._config.microstructure.depth_levels
        elif isinstance(levels, bool) or not isinstance(levels, int):
            raise TypeError(f"levels is {levels!r}, must be an int")
        rows, time_ns = self.core.depth(symbol, levels)
        return BookSnapshot(rows, symbol=symbol, time_ns=time_ns, source=self.core.market.source)

    def analyze_order_book(self, book: Any) -> BookAnalysis:
        """The figures of a book, each computed when it is asked for.

        Parameters
        ----------
        book : a BookSnapshot; an OrderBook or ConsolidatedBook; a pair (bids, asks) of structured arrays with
            `price_e9` and `quantity`; or a mapping with `bids` and `asks`, each a list of (price, quantity), best first

        Raises
        ------
        TypeError, ValueError  naming side, level, value and what was expected
        """
        if not isinstance(book, BookSnapshot):
            if isinstance(book, OrderBook | ConsolidatedBook):
                book = book.levels(self._config.microstructure.depth_levels)
            book = read_book(book)
        return self._analysis.of(book)

    def assess_liquidity(
        self,
        symbol: str,
        timeframes: Sequence[str] = ("1min", "5min", "15min"),
        lookback_periods: Sequence[int] = (10, 20, 50),
    ) -> LiquidityAssessment:
        """What a symbol's market was like, by timeframe.

        Lists of equal length are paired by position: '5min' with 20 is the last 100 minutes. Otherwise every look-back
        is computed for every timeframe and the first stands at the top; `by_lookback` has all.

        Returns
        -------
        {timeframe: LiquidityMetrics}, which may be awaited

        Raises
        ------
        UnknownSymbol, TypeError, ValueError  naming the argument that is wrong
        """
        lengths = [(frame, read_timeframe(frame, self._config.microstructure.bar_ns)) for frame in _listed(timeframes)]
        lookbacks = read_lookbacks(lookback_periods)
        self.follow(symbol)
        flow = self.flow(symbol)
        found = LiquidityAssessment()
        for place, (frame, bars) in enumerate(lengths):
            own = [lookbacks[place]] if len(lookbacks) == len(lengths) else lookbacks
            by_lookback = {count: self._metrics(symbol, flow, frame, bars, count) for count in own}
            found[frame] = by_lookback[own[0]].among(by_lookback)
        return found

    # ---- beneath them ----

    def follow(self, symbol: str) -> None:
        """Has the core tell of each quote and print of a symbol from now on; once is enough."""
        self._known(symbol)
        core = self.core
        heard = core.listening(symbol)
        if heard is None:
            flow = self._estimators(symbol)
            flow.to_engine()
            core.listen(symbol, flow)
        elif not isinstance(heard, FlowEstimators) or not self._options(symbol).items() <= heard.options.items():
            raise ValueError(
                f"symbol {symbol!r} is followed already with other settings of `microstructure`; give both the same"
            )
        core.touch(symbol)

    def flow(self, symbol: str) -> FlowEstimators:
        """A copy of the symbol's streaming estimators, brought to now. It is followed from now on, if it was not."""
        self.follow(symbol)
        core = self.core
        heard = core.listening(symbol)
        assert heard is not None
        flow = self._estimators(symbol)
        core.copy_tap(heard, flow)
        flow.advance(core.clock.now_ns())
        return flow

    def instrument(self, symbol: str) -> Instrument | None:
        """What is known of a symbol's volume, shares and volatility. The packaged figures serve a paper market only:
        another market's symbols are known if the configuration has them under `instruments`."""
        if symbol not in self._instruments:
            own = isinstance(self.core.market.origin, SyntheticMarket) or symbol in self._config.instruments
            self._instruments[symbol] = self._config.catalog().get(symbol) if own else None
        return self._instruments[symbol]

    def _known(self, symbol: Any) -> None:
        if not isinstance(symbol, str):
            raise TypeError(f"symbol is {symbol!r}, must be a str")
        if symbol not in self.core.instruments.symbols:
            from ..instruments import UnknownSymbol

            raise UnknownSymbol(symbol, self._config.catalog().nearest(symbol))

    def _options(self, symbol: str) -> dict[str, Any]:
        settings = self._config.microstructure
        seconds = settings.bar_seconds
        instrument = self.instrument(symbol)
        bucket = settings.vpin_bucket
        if bucket is None and instrument is not None and instrument.adv is not None:
            bucket = instrument.adv // settings.vpin_buckets
        count = max(1024, math.ceil(self._config.market.history_minutes * 60 / seconds) + 1)
        return {
            "levels": 1,
            "tick_size": self.core.instruments.tick_e9(symbol) / 1e9,
            "bar_seconds": seconds,
            "bars": min(count, 1 << 20),
            "gap_seconds": min(3600.0, count * seconds),
            "vpin_bucket": int(bucket or 0),
            "vpin_buckets": settings.vpin_buckets,
            "reference_spread": settings.reference_spread,
        }

    def _estimators(self, symbol: str) -> FlowEstimators:
        return FlowEstimators(**self._options(symbol))

    def _bars(
        self, symbol: str, flow: FlowEstimators, count: int, whole: bool = True
    ) -> tuple[NDArray[Any], int | Unknown]:
        """The last `count` closed bars and how many of them are the paper market's made-up past; where they reach
        beyond what is known, what there is (with `whole`: nothing) and the reason."""
        bar_ns = self._config.microstructure.bar_ns
        now_ns = flow.now_ns
        if now_ns is None:
            return np.empty(0, BAR_DTYPE), Unknown("nothing has been heard of the market yet")
        end_ns = now_ns // bar_ns * bar_ns
        heard = flow.bars()
        heard = heard[heard["whole"] == 1]
        window = heard[(heard["start_ns"] >= end_ns - count * bar_ns) & (heard["start_ns"] < end_ns)]
        if len(window) == count:
            return window, 0
        first_ns = int(heard["start_ns"][0]) if len(heard) else end_ns
        missing = round((first_ns - (end_ns - count * bar_ns)) / bar_ns)
        history = self._history(symbol, first_ns)
        if history is not None and len(window) + missing == count and missing <= history.bars_max:
            return np.concatenate([history.bars(missing), window]), missing
        known = (end_ns - first_ns) / _MINUTE_NS
        wanted = count * bar_ns / _MINUTE_NS
        reason = Unknown(
            f"the look-back is {wanted:g} minutes, the market was heard for {known:g} of them"
            + ("" if history is None else f" and its history has {history.bars_max * bar_ns / _MINUTE_NS:g}")
        )
        return (window[:0] if whole else window), reason

    def _history(self, symbol: str, end_ns: int) -> PaperHistory | None:
        if not isinstance(self.core.market.origin, SyntheticMarket):
            return None
        instrument = self.instrument(symbol)
        if instrument is None:
            return None
        if symbol not in self._histories:
            self._histories[symbol] = PaperHistory(instrument, self._config, end_ns)
        return self._histories[symbol]

    def _assumptions(self, made: int | Unknown) -> tuple[str, ...]:
        if isinstance(made, Unknown):
            return (made.reason,)
        minutes = made * self._config.microstructure.bar_ns / _MINUTE_NS
        return (f"{minutes:g} minutes of it are the paper market's made-up past",) if made else ()

    def _metrics(self, symbol: str, flow: FlowEstimators, frame: str, bars: int, count: int) -> LiquidityMetrics:
        found, made = self._bars(symbol, flow, bars * count)
        settings = self._config.microstructure
        return LiquidityMetrics(
            symbol, frame, count, bars * settings.bar_ns, found, made, self.core.market.source, settings,
            self.instrument(symbol),
            self._assumptions(made),
        )  # fmt: skip


def _listed(values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"timeframes is {values!r}, must be a list such as ['1min', '5min']")
    if not values:
        raise ValueError("timeframes is empty")
    if len(set(map(str, values))) != len(values):
        raise ValueError(f"timeframes is {values!r}, must be different ones")
    return list(values)


def _time_weighted(bars: NDArray[Any], name: str) -> float:
    weights = bars["quoted_ns"].astype(np.float64)
    known = (weights > 0) & np.isfinite(bars[name])
    total = float(weights[known].sum())
    return float(weights[known] @ bars[name][known]) / total if total else Unknown("nobody quoted both sides")


def _sigma_daily(bars: NDArray[Any]) -> float:
    """Volatility of the mid over the bars, scaled to a day of 390 minutes by the root of time."""
    return LiquidityMetrics.sigma_of(bars)


def _scored(score: Any, value: float, reference: float) -> float:
    unknown = next((each for each in (value, reference) if isinstance(each, Unknown)), None)
    return unknown if unknown is not None else score(value, reference)
