"""Streaming estimators: figures that are kept up as messages come, and read when they are asked for.

Definitions, with p a trade's price, m the mid before it, d its direction (+1 a buyer took), m' a later mid:
quoted spread (a - b) / m, effective 2 d (p - m) / m, realized 2 d (p - m') / m, price impact 2 d (m' - m) / m, after
Huang and Stoll (1996) and Bessembinder and Venkataraman (2010). Order flow imbalance: Cont, Kukanov and Stoikov
(2014). Kyle's lambda: Kyle (1985), by regression. Roll (1984). Amihud (2002). VPIN: Easley, Lopez de Prado and O'Hara
(2012). Hawkes (1971). Micro-price: Stoikov (2018). The same over whole arrays is in the other modules of this package.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .._core.flow import LEVELS_MAX, Stream
from .._core.records import NO_PRICE
from .._core.values import Unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .microprice import MicroPrice

#: A bar. Prices of trades in 1e-9, NO_PRICE in a bar without trades; `mid_open`, `mid_close` and `depth` are NaN
#: without a quote then; `spread` (currency) and `spread_bps` are time-weighted over `quoted_ns`, NaN where that is 0;
#: `whole`: heard from begin to end.
BAR_DTYPE = np.dtype([
    ("start_ns", "<i8"), ("open_e9", "<i8"), ("high_e9", "<i8"), ("low_e9", "<i8"), ("close_e9", "<i8"),
    ("volume", "<i8"), ("buy_volume", "<i8"), ("sell_volume", "<i8"), ("trades", "<i8"), ("ofi", "<i8"),
    ("quoted_ns", "<i8"), ("whole", "<i8"), ("notional", "<f8"), ("mid_open", "<f8"), ("mid_close", "<f8"),
    ("spread", "<f8"), ("spread_bps", "<f8"), ("depth", "<f8"),
])  # fmt: skip

# What `numbers` gives, in the order of gm_stream_numbers (kernels/flow.c).
_NUMBERS = (
    "began_ns", "now_ns", "since_ns", "messages", "late", "breaks", "refused", "quoted", "spread_e9", "mid2_e9",
    "quoted_ns", "buys", "sells", "unsigned", "buy_volume", "sell_volume", "volume", "last_e9", "direction",
    "effective_count", "effective_volume", "changes", "change_first_e9", "change_last_e9", "bars", "vpin_changes",
    "buckets", "hawkes_ns", "hawkes_count", "recovering", "sweeps", "widened", "sweeps_lost",
)  # fmt: skip
_REALS = (
    "relative", "relative_ns", "weight", "weighted_effective", "effective", "bucket_volume", "bucket_buys",
    "hawkes_sum", "hawkes_log",
)  # fmt: skip
_REALIZED = (
    "count", "unquoted", "dropped", "waiting", "weight", "weighted_effective", "weighted_realized", "effective",
    "realized",
)  # fmt: skip
_WIDE = ("spread_ns", "notional_e9", "effective_cost_e9", "change_sum_e9", "change_product_e18", "excess_ns")
_LOW = (1 << 64) - 1

_NS = 10**9
_NO_QUOTE = "there was no quote on both sides"


class FlowEstimators(Stream):
    """All streaming estimators of one instrument. State is bounded; equal messages give equal states, however they are
    cut.

    Feed it with `apply(messages, book)` (rows of MESSAGE_DTYPE through an OrderBook, in one loop without the GIL), or
    with `quote`, `depth` and `trade`, one call each. Not to be shared between threads without a lock.

    Parameters
    ----------
    tick_size : currency, the one that a micro-price was fitted with
    levels : 1 to 10, levels of a side that are kept
    bar_seconds, bars : length of a bar (aligned to the epoch), and how many closed ones are kept
    gap_seconds : a silence longer than that is a break: nothing is counted over it. At most `bars` bars; None: an hour,
        or that
    horizons_seconds : four; when a trade's later mid is taken
    trades : trades that may wait for it; the oldest give way, and are counted
    roll_changes : price changes that Roll's covariance is taken over
    trust_sides : a side that the feed tells is believed; False: always Lee and Ready's rule
    vpin_bucket : volume of a bucket, 0: no VPIN; `vpin_buckets`: how many it is taken over; `vpin_sigma`: scale of a
        bar's price change in currency, 0: its standard deviation over the bars so far
    hawkes : (mu, alpha, beta) per second, or None
    sweep_share : of the touch's quantity that one order must take for the spread's recovery to be followed
    recovery_seconds : three, ascending: when it is looked at; the last is the end
    reference_spread : a fraction, the scale of a bar's depth
    micro_price : MicroPrice that `fit_micro_price` gave, of prices in currency or in 1e-9; None: no micro-price

    Attributes
    ----------
    options : the parameters by name, all but the micro-price's table

    Raises
    ------
    TypeError, ValueError  naming the parameter that is wrong
    """

    options: dict[str, Any]
    _micro: tuple[MicroPrice, float] | None
    _hawkes: tuple[float, float, float] | None
    _horizons: tuple[float, ...]
    _delays: tuple[float, ...]
    _vpin: tuple[int, int]

    def __new__(
        cls,
        tick_size: float | str = "0.01",
        *,
        levels: int = 5,
        bar_seconds: float = 60.0,
        bars: int = 1024,
        gap_seconds: float | None = None,
        horizons_seconds: Sequence[float] = (1.0, 10.0, 60.0, 300.0),
        trades: int = 8192,
        roll_changes: int = 512,
        trust_sides: bool = True,
        vpin_bucket: int = 0,
        vpin_buckets: int = 50,
        vpin_sigma: float = 0.0,
        hawkes: tuple[float, float, float] | None = None,
        sweep_share: float = 1.0,
        recovery_seconds: Sequence[float] = (1.0, 5.0, 10.0),
        reference_spread: float = 0.0005,
        micro_price: MicroPrice | None = None,
    ) -> Self:
        tick = _number(float(tick_size) if isinstance(tick_size, str) else tick_size, "tick_size", 1e-9, 1e6)
        count = _count(bars, "bars", 1, 1 << 20)
        bar_ns = _time_ns(bar_seconds, "bar_seconds")
        if gap_seconds is None:
            gap_seconds = min(3600.0, count * bar_ns / _NS)
        gap_ns = _time_ns(gap_seconds, "gap_seconds")
        if gap_ns > count * bar_ns:
            raise ValueError(
                f"gap_seconds is {gap_seconds!r}, must be at most the {bars} bars of {bar_seconds!r} seconds"
            )
        horizons = _times(horizons_seconds, "horizons_seconds", 4)
        delays = _times(recovery_seconds, "recovery_seconds", 3)
        if list(delays) != sorted(set(delays)):
            raise ValueError(f"recovery_seconds is {recovery_seconds!r}, must ascend")
        bucket = _count(vpin_bucket, "vpin_bucket", 0, (1 << 53) - 1)
        parameters = (0.0, 0.0, 1.0) if hawkes is None else _hawkes_parameters(hawkes)
        if not isinstance(trust_sides, bool):
            raise TypeError(f"trust_sides is {trust_sides!r}, must be a bool")
        numbers = (
            _count(levels, "levels", 1, LEVELS_MAX), bar_ns, gap_ns, count, _count(trades, "trades", 1, 1 << 20),
            _count(roll_changes, "roll_changes", 1, 1 << 20), _count(vpin_buckets, "vpin_buckets", 1, 1 << 20),
            int(trust_sides), bucket, *horizons, 0, *delays,
        )  # fmt: skip
        reals = (
            _number(vpin_sigma, "vpin_sigma", 0.0, 1e9),
            _number(sweep_share, "sweep_share", 1e-9, 1e9),
            _number(reference_spread, "reference_spread", 1e-9, 0.999999),
            *parameters,
        )
        self = super().__new__(cls, numbers, reals)
        self.options = {
            "tick_size": tick_size, "levels": levels, "bar_seconds": bar_seconds, "bars": bars,
            "gap_seconds": gap_seconds,
            "horizons_seconds": tuple(horizons_seconds), "trades": trades, "roll_changes": roll_changes,
            "trust_sides": trust_sides, "vpin_bucket": vpin_bucket, "vpin_buckets": vpin_buckets,
            "vpin_sigma": vpin_sigma,
            "hawkes": hawkes, "sweep_share": sweep_share, "recovery_seconds": tuple(recovery_seconds),
            "reference_spread": reference_spread,
        }  # fmt: skip
        self._micro = None if micro_price is None else (micro_price, _unit_of(micro_price, tick))
        self._hawkes = None if hawkes is None else parameters
        self._horizons = tuple(ns / _NS for ns in horizons)
        self._delays = (0.0, *(ns / _NS for ns in delays))
        self._vpin = bucket, vpin_buckets
        return self

    # ---- what there is ----

    def state(self) -> dict[str, Any]:
        """Every sum as it is: {name: value}, integers exactly. What the properties are computed from; equal states are
        equal."""
        numbers, reals, levels = self.numbers()
        found: dict[str, Any] = dict(zip(_NUMBERS, numbers, strict=False))
        found.update(zip(_REALS, reals, strict=False))
        for name in ("began_ns", "now_ns"):
            if found[name] == NO_PRICE:
                found[name] = None
        for name in ("quoted", "recovering"):
            found[name] = bool(found[name])
        rest = numbers[len(_NUMBERS) :]
        found["levels"] = levels
        found["ofi"] = rest[: self.levels]
        horizons = zip(*[iter(rest[LEVELS_MAX : LEVELS_MAX + 16])] * 4, strict=True)
        sums = zip(*[iter(reals[len(_REALS) :])] * 5, strict=True)
        found["realized"] = [
            dict(zip(_REALIZED, (*counts, *each), strict=True)) for counts, each in zip(horizons, sums, strict=True)
        ]
        wide = [(high << 64) + (low & _LOW) for high, low in zip(*[iter(rest[LEVELS_MAX + 16 :])] * 2, strict=True)]
        found.update(zip(_WIDE, wide, strict=False))
        found["excess_e9"] = wide[len(_WIDE) :]
        return found

    def bars(self, n: int | None = None) -> NDArray[Any]:
        """The last `n` closed bars (None: all that are kept), oldest first: an array of BAR_DTYPE."""
        return np.array(self.bar_columns(1 << 20 if n is None else _count(n, "n", 0, 1 << 62)), BAR_DTYPE)

    def open_bar(self) -> NDArray[Any]:
        """The bar that has not ended, as it is, the standing quote counted up to now: (1,) BAR_DTYPE; empty at
        first."""
        return np.array(self.bar_columns(-1), BAR_DTYPE)

    @property
    def messages(self) -> int:
        """Rows of a feed, quotes, depths and trades heard."""
        return int(self.state()["messages"])

    @property
    def multi_level_ofi(self) -> tuple[int, ...]:
        """Order flow imbalance by level since the begin, the touch first, steps."""
        return tuple(self.state()["ofi"])

    @property
    def depth_imbalance(self) -> float:
        """(q_bid - q_ask) / (q_bid + q_ask) over all levels kept; 0 without any quantity."""
        bids, asks = (sum(quantity for _, quantity in side) for side in self.state()["levels"])
        return (bids - asks) / (bids + asks) if bids + asks else 0.0

    # ---- spreads ----

    def _quoted(self) -> tuple[int, float, int]:
        """The integrals of spread and relative spread over time, and that time, up to now."""
        state = self.state()
        spread, relative, quoted = state["spread_ns"], state["relative_ns"], state["quoted_ns"]
        if state["quoted"]:
            passed = state["now_ns"] - state["since_ns"]
            spread, relative, quoted = (
                spread + state["spread_e9"] * passed,
                relative + state["relative"] * passed,
                quoted + passed,
            )
        return spread, relative, quoted

    @property
    def quoted_spread(self) -> float:
        """Time-weighted spread since the begin, currency, over the time with a quote that is not crossed."""
        spread, _, quoted = self._quoted()
        return spread / quoted / 1e9 if quoted else Unknown(_NO_QUOTE)

    @property
    def quoted_spread_bps(self) -> float:
        """The same of spread / mid."""
        _, relative, quoted = self._quoted()
        return relative / quoted * 1e4 if quoted else Unknown(_NO_QUOTE)

    @property
    def effective_spread(self) -> float:
        """2 d (p - m) by volume, currency."""
        state = self.state()
        volume = state["effective_volume"]
        return state["effective_cost_e9"] / volume / 1e9 if volume else Unknown("no trade with a quote and a direction")

    @property
    def effective_spread_bps(self) -> float:
        """2 d (p - m) / m by the money traded."""
        state = self.state()
        if not state["weight"]:
            return Unknown("no trade with a quote and a direction")
        return float(state["weighted_effective"] / state["weight"] * 1e4)

    def realized_spread_bps(self, horizon_seconds: float = 300.0) -> float:
        """2 d (p - m') / m by the money traded, of the trades whose later mid is known."""
        sums = self._realized(horizon_seconds)
        return sums if isinstance(sums, Unknown) else sums["weighted_realized"] / sums["weight"] * 1e4

    def price_impact_bps(self, horizon_seconds: float = 300.0) -> float:
        """2 d (m' - m) / m, of the same trades: effective less realized."""
        sums = self._realized(horizon_seconds)
        if isinstance(sums, Unknown):
            return sums
        return float((sums["weighted_effective"] - sums["weighted_realized"]) / sums["weight"] * 1e4)

    def _realized(self, horizon_seconds: float) -> Any:
        if horizon_seconds not in self._horizons:
            known = ", ".join(f"{h:g}" for h in self._horizons)
            raise ValueError(f"horizon_seconds is {horizon_seconds!r}, must be one of {known}")
        sums = self.state()["realized"][self._horizons.index(horizon_seconds)]
        return sums if sums["count"] else Unknown(f"no trade's mid of {horizon_seconds:g} s later is known")

    @property
    def roll_spread(self) -> float:
        """2 sqrt(-cov) of successive price changes (ddof 1); Unknown where the covariance is not negative."""
        state = self.state()
        pairs = state["changes"] - 1
        if pairs < 2:
            return Unknown("fewer than four trades")
        total = state["change_sum_e9"]
        first, last = total - state["change_last_e9"], total - state["change_first_e9"]
        covariance = (state["change_product_e18"] * pairs - first * last) / (pairs * (pairs - 1)) / 1e18
        if covariance >= 0:
            return Unknown("successive price changes are not negatively correlated")
        return 2.0 * math.sqrt(-covariance)

    # ---- trades and prices ----

    @property
    def volume(self) -> int:
        """Units traded."""
        return int(self.state()["volume"])

    @property
    def buy_volume(self) -> int:
        """Units that buyers took."""
        return int(self.state()["buy_volume"])

    @property
    def sell_volume(self) -> int:
        """Units that sellers took."""
        return int(self.state()["sell_volume"])

    @property
    def vwap(self) -> float:
        """Money traded over units, currency."""
        state = self.state()
        return state["notional_e9"] / state["volume"] / 1e9 if state["volume"] else Unknown("nothing was traded")

    @property
    def micro_price(self) -> float:
        """Where the mid is going to be, given spread and imbalance, currency (Stoikov 2018), by the model that was
        given."""
        if self._micro is None:
            return Unknown("no model was given: micro_price=")
        state = self.state()
        if not state["quoted"]:
            return Unknown(_NO_QUOTE)
        model, unit = self._micro
        (bid, bid_quantity), (ask, ask_quantity) = state["levels"][0][0], state["levels"][1][0]
        return model.price_of(bid * unit, ask * unit, bid_quantity, ask_quantity) / (unit * 1e9)

    # ---- from bars ----

    def kyle_lambda(self, n: int | None = None) -> float:
        """Currency a unit: the slope of the change of a bar's last mid on its signed volume, over the last `n` bars
        (None: all)."""
        bars = self.bars(n)
        whole = (bars["whole"][1:] == 1) & np.isfinite(bars["mid_close"][1:]) & np.isfinite(bars["mid_close"][:-1])
        moves = np.diff(bars["mid_close"])[whole]
        flows = (bars["buy_volume"] - bars["sell_volume"])[1:][whole].astype(np.float64)
        if len(flows) < 3:
            return Unknown("fewer than three bars with a change of mid")
        spread = flows - flows.mean()
        variance = float(spread @ spread)
        return float(spread @ moves) / variance if variance > 0 else Unknown("the signed volume did not vary")

    def amihud(self, n: int | None = None) -> float:
        """Mean |return| over money traded of the last `n` bars that traded, times 1e6."""
        bars = self.bars(n)
        bars = bars[bars["trades"] > 0]
        if len(bars) < 2:
            return Unknown("fewer than two bars with trades")
        prices = bars["close_e9"].astype(np.float64)
        return float(np.mean(np.abs(prices[1:] / prices[:-1] - 1.0) / bars["notional"][1:]) * 1e6)

    def realized_volatility(self, n: int | None = None) -> float:
        """Root of the sum of squared log returns of the mid over the last `n` bars, a fraction over that time."""
        mids = self.bars(n)["mid_close"]
        returns = np.diff(np.log(mids[np.isfinite(mids)]))
        return float(np.sqrt(returns @ returns)) if len(returns) else Unknown("fewer than two bars with a mid")

    def volume_curve(self, n: int | None = None) -> NDArray[np.float64]:
        """The share of each of the last `n` bars in their volume; empty where nothing was traded."""
        volume = self.bars(n)["volume"].astype(np.float64)
        return volume / volume.sum() if volume.sum() > 0 else volume[:0]

    @property
    def vpin(self) -> float:
        """Sum of |V_buy - V_sell| over the last buckets by their volume, from 0 to 1."""
        bucket, buckets = self._vpin
        if bucket == 0:
            return Unknown("no bucket was given: vpin_bucket=")
        found = self.bucket_imbalances()
        if len(found) < buckets:
            return Unknown(f"{len(found)} of {buckets} buckets are full")
        return sum(found) / (buckets * bucket)

    # ---- arrivals and recovery ----

    @property
    def hawkes_intensity(self) -> float:
        """Expected trades a second, now."""
        if self._hawkes is None:
            return Unknown("no parameters were given: hawkes=")
        mu, alpha, _ = self._hawkes
        return mu + alpha * self._excited()[0]

    @property
    def hawkes_log_likelihood(self) -> float:
        """Of the trades from the first message up to now, under the parameters that were given."""
        if self._hawkes is None:
            return Unknown("no parameters were given: hawkes=")
        mu, alpha, beta = self._hawkes
        excited, state = self._excited()
        if state["now_ns"] is None:
            return Unknown("nothing was heard yet")
        span = (state["now_ns"] - state["began_ns"]) / 1e9
        return float(state["hawkes_log"] - mu * span - alpha / beta * (state["hawkes_count"] - excited))

    def _excited(self) -> tuple[float, dict[str, Any]]:
        """Sum of exp(-beta (now - t_i))."""
        assert self._hawkes is not None
        state = self.state()
        passed = 0 if state["now_ns"] is None else state["now_ns"] - state["hawkes_ns"]
        return state["hawkes_sum"] * math.exp(-self._hawkes[2] * passed * 1e-9), state

    @property
    def recovered(self) -> tuple[float, ...]:
        """Share of the spread's excess that is gone at each of `recovery_seconds` after a sweep, over all that widened
        it.

        The excess is over the usual spread: its time-weighted average over the open bar and the one before, or the
        spread before the sweep if that is wider.
        """
        state = self.state()
        first = state["excess_e9"][0]
        if first <= 0:
            return tuple(Unknown("no sweep widened the spread") for _ in self._delays[1:])
        return tuple(1.0 - later / first for later in state["excess_e9"][1:])

    @property
    def recovery_time(self) -> float:
        """tau of excess(t) = A exp(-t / tau) of the spread after a sweep, seconds: the tau by which the curve has the
        area under the excess that was seen, A what it was at first; pooled over sweeps."""
        state = self.state()
        first, end = state["excess_e9"][0], self._delays[-1]
        if first <= 0:
            return Unknown("no sweep widened the spread")
        area = state["excess_ns"] / 1e9 / first
        if area >= end:
            return Unknown(f"the spread did not recover within {end:g} s")
        return _recovery_time(max(area, 0.0), end)

    @property
    def recovery_half_life(self) -> float:
        """`recovery_time` times ln 2, seconds."""
        return self.recovery_time * math.log(2.0)


def _recovery_time(area: float, end: float) -> float:
    """The tau with tau (1 - exp(-end / tau)) = area, 0 <= area < end: the left side rises with tau."""
    low, high = area, max(1.0, end)
    while high * -math.expm1(-end / high) < area and high < 1e12:
        high *= 2.0
    if low <= 0.0:
        return 0.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if middle * -math.expm1(-end / middle) < area:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _count(value: Any, name: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} is {value!r}, must be an int")
    number = value.__index__()
    if not low <= number <= high:
        raise ValueError(f"{name} is {value!r}, must be from {low} to {high}")
    return int(number)


def _number(value: Any, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise TypeError(f"{name} is {value!r}, must be a number")
    if not low <= value <= high:
        raise ValueError(f"{name} is {value!r}, must be from {low:g} to {high:g}")
    return float(value)


def _time_ns(value: Any, name: str) -> int:
    return round(_number(value, name, 1e-6, 1e9) * _NS)


def _times(values: Any, name: str, count: int) -> tuple[int, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) != count:
        raise ValueError(f"{name} is {values!r}, must be {count} numbers")
    return tuple(_time_ns(value, f"{name}[{k}]") for k, value in enumerate(values))


def _hawkes_parameters(values: Any) -> tuple[float, float, float]:
    if not isinstance(values, tuple | list) or len(values) != 3:
        raise ValueError(f"hawkes is {values!r}, must be (mu, alpha, beta)")
    mu, alpha, beta = (_number(value, f"hawkes[{k}]", 0.0, 1e9) for k, value in enumerate(values))
    if not mu > 0 or not beta > 0 or not alpha < beta:
        raise ValueError(f"hawkes is {values!r}, must have mu > 0 and 0 <= alpha < beta: else it explodes")
    return mu, alpha, beta


def _unit_of(model: MicroPrice, tick: float) -> float:
    """What a price in 1e-9 is multiplied by to be in the unit that the model was fitted in."""
    if not hasattr(model, "price_of"):
        raise TypeError(f"micro_price is {type(model).__name__}, must be what fit_micro_price gives")
    for unit in (1e-9, 1.0):
        if math.isclose(model.tick, tick * 1e9 * unit, rel_tol=1e-9):
            return unit
    raise ValueError(f"micro_price was fitted with a tick of {model.tick!r}, must be that of tick_size, {tick!r}")
