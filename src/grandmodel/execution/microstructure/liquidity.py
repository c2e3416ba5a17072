"""Liquidity over a look-back: the figures of `MicrostructureEngine.assess_liquidity`."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.values import Unknown
from ..sessions import SESSION_MINUTES
from .impact_forecast import ImpactForecast, forecast_impact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..instruments import Instrument

_MINUTE_NS = 60 * 10**9
_UNITS = {"s": 10**9, "sec": 10**9, "m": _MINUTE_NS, "min": _MINUTE_NS, "h": 60 * _MINUTE_NS, "hour": 60 * _MINUTE_NS}
_TIMEFRAME = re.compile(r"([1-9][0-9]{0,5})(" + "|".join(sorted(_UNITS, key=len, reverse=True)) + ")")


def read_timeframe(text: Any, bar_ns: int) -> int:
    """'5min' as a number of bars. ValueError where it is no whole number of them."""
    if not isinstance(text, str):
        raise TypeError(f"a timeframe is {text!r}, must be a str such as '5min'")
    match = _TIMEFRAME.fullmatch(text)
    if match is None:
        raise ValueError(f"a timeframe is {text!r}, must be such as '30s', '5min' or '1h'")
    ns = int(match[1]) * _UNITS[match[2]]
    if ns % bar_ns:
        raise ValueError(
            f"the timeframe {text!r} is no whole number of bars of {bar_ns / 1e9:g} s (microstructure.bar_seconds)"
        )
    return ns // bar_ns


def read_lookbacks(values: Any) -> list[int]:
    """Different whole numbers above 0."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"lookback_periods is {values!r}, must be a list such as [10, 20]")
    if not values:
        raise ValueError("lookback_periods is empty")
    for k, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"lookback_periods[{k}] is {value!r}, must be an int")
        if not 1 <= value <= 1 << 20:
            raise ValueError(f"lookback_periods[{k}] is {value!r}, must be from 1 to {1 << 20}")
    return [int(value) for value in values]


class LiquidityMetrics:
    """One symbol over the last `lookback` periods of one timeframe. Spreads in the quote currency with `_bps` twins,
    impact a fraction. Where the look-back reaches beyond what is known each figure is Unknown with the reason.

    Attributes
    ----------
    symbol, timeframe, lookback, source, assumptions
    by_lookback : {lookback: LiquidityMetrics} of all that were computed for this timeframe, this one too
    history_bars : how many of its bars are the paper market's made-up past
    """

    __slots__ = (
        "_instrument", "_period_ns", "_reason", "_settings", "assumptions", "bars", "by_lookback", "history_bars",
        "lookback",
        "source", "symbol", "timeframe",
    )  # fmt: skip

    def __init__(
        self, symbol: str, timeframe: str, lookback: int, period_ns: int, bars: NDArray[Any], made: int | Unknown,
        source: str,
        settings: Any, instrument: Instrument | None, assumptions: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.symbol, self.timeframe, self.lookback, self.source = symbol, timeframe, lookback, source
        self.assumptions, self.bars = assumptions, bars
        self._period_ns, self._settings, self._instrument = period_ns, settings, instrument
        self._reason = made if isinstance(made, Unknown) else None
        self.history_bars = 0 if isinstance(made, Unknown) else made
        self.by_lookback: dict[int, LiquidityMetrics] = {lookback: self}

    def among(self, others: dict[int, LiquidityMetrics]) -> LiquidityMetrics:
        """This one, with all that were computed beside it in `by_lookback`."""
        self.by_lookback = others
        return self

    @property
    def minutes(self) -> float:
        """Length of the look-back."""
        return self.lookback * self._period_ns / _MINUTE_NS

    def _weighted(self, name: str) -> float:
        if self._reason is not None:
            return self._reason
        weights = self.bars["quoted_ns"].astype(np.float64)
        known = weights > 0
        total = float(weights[known].sum())
        return float(weights[known] @ self.bars[name][known]) / total if total else Unknown("nobody quoted both sides")

    @property
    def avg_spread(self) -> float:
        """Time-weighted, over the time with a quote on both sides."""
        return self._weighted("spread")

    @property
    def avg_spread_bps(self) -> float:
        """Time-weighted spread / mid."""
        return self._weighted("spread_bps")

    @property
    def volume(self) -> float:
        """Units traded, own fills too."""
        return self._reason if self._reason is not None else float(self.bars["volume"].sum())

    @property
    def volume_rate(self) -> float:
        """Units a minute."""
        return self.volume / self.minutes

    @property
    def turnover(self) -> float:
        """Volume over the shares outstanding, in percent."""
        shares = None if self._instrument is None else self._instrument.shares_outstanding
        if self._reason is not None:
            return self._reason
        return Unknown("shares_outstanding is not known") if shares is None else self.volume / shares * 100.0

    @property
    def volatility_daily(self) -> float:
        """Root of the mean squared log return of the mid from bar to bar, scaled to a day of 390 minutes; a
        fraction."""
        return self._reason if self._reason is not None else self.sigma_of(self.bars)

    @staticmethod
    def sigma_of(bars: NDArray[Any]) -> float:
        """The same of bars of equal length, in their order."""
        mids = bars["mid_close"][np.isfinite(bars["mid_close"])]
        if len(mids) < 3:
            return Unknown("fewer than three bars with a mid")
        returns = np.diff(np.log(mids))
        step_ns = float(np.median(np.diff(bars["start_ns"])))
        return float(np.sqrt(returns @ returns / len(returns) * SESSION_MINUTES * _MINUTE_NS / step_ns))

    @property
    def impact(self) -> ImpactForecast:
        """Of 1 % of the look-back's mean volume a period, worked over one period."""
        if self._reason is not None:
            return ImpactForecast(self._reason, "none")
        quantity = 0.01 * self.volume / self.lookback
        if quantity <= 0:
            return ImpactForecast(Unknown("nothing was traded in the look-back"), "none")
        return forecast_impact(
            self._settings,
            self._instrument,
            quantity,
            self._period_ns / _MINUTE_NS / SESSION_MINUTES,
            volume_daily=self.volume_rate * SESSION_MINUTES,
            sigma_daily=self.volatility_daily,
        )

    @property
    def market_impact(self) -> float:
        """`impact` as a fraction of the price."""
        return self.impact.fraction

    @property
    def market_impact_bps(self) -> float:
        return self.impact.bps

    @property
    def impact_model(self) -> str:
        """The model that `market_impact` is of."""
        return self.impact.model

    def __repr__(self) -> str:
        return (
            f"LiquidityMetrics({self.symbol} {self.timeframe} x {self.lookback}: avg_spread={self.avg_spread:.4f}, "
            f"volume_rate={self.volume_rate:.0f}, turnover={self.turnover:.4f}, market_impact={self.market_impact:.6f})"
        )


class LiquidityAssessment(dict[str, LiquidityMetrics]):
    """{timeframe: LiquidityMetrics}; it may be awaited, and is there already."""

    def __await__(self) -> Generator[None, None, LiquidityAssessment]:
        return self
        yield
