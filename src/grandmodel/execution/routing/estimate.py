"""What an order is expected to cost before it begins, and how uncertain that is, for every way to work it.

For a planned trajectory of X shares over T trading days, x_k the part left after interval k of tau_k days and n_k the
part traded in it, as fractions of the price:

    temporary   sum n_k eta sigma (X n_k / (V tau_k))^(3/5)
    permanent   half of I = gamma sigma (X / V) (Theta / V)^(1/4)
    risk        sigma sqrt(sum x_k^2 tau_k): what the price may do meanwhile, one standard deviation

(Almgren, Thum, Hauptmann and Li 2005, whose J this is for a straight line; risk as Almgren and Chriss 2000, eq. 5.)
Spread and fees are those of now, for the part that is expected to cross. These models tell means over many orders (R^2
below 1 %): one order's cost is mostly its risk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import trajectories
from .._core.values import Unknown
from ..microstructure.impact import athl_permanent, athl_temporary
from ..sessions import SESSION_MINUTES
from .algorithms.algorithm import Algorithm
from .algorithms.implementation_shortfall import left_at
from .destinations import destinations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._core.submit import Core
    from ..instruments import Instrument

#: Minutes of a trading day, in which volume and volatility are counted.
DAY_MINUTES = float(SESSION_MINUTES)
#: Part of what is worked that is expected to cross the spread, by urgency (this project's choice).
CROSSING = {"low": 0.3, "medium": 0.5, "high": 0.7, "immediate": 1.0}
#: What is done at once takes as long as this for the temporary impact: a minute (this project's choice).
AT_ONCE_MINUTES = 1.0
_POINTS = 64


@dataclass(frozen=True, slots=True)
class PreTradeEstimate:
    """Expected cost of an order worked in one way, bps of the mid now, and its risk (one standard deviation).

    A part that cannot be known is Unknown with its reason; so is then the total.
    """

    algorithm: str
    duration_minutes: float
    participation: float
    spread_bps: float
    fees_bps: float
    temporary_bps: float
    permanent_bps: float
    total_bps: float
    risk_bps: float
    model: str
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frontier:
    """Expected impact cost against risk along Almgren-Chriss trajectories, from patient to at once. All (n,) float64.

    `risk_aversion` is lambda, 1 / currency, of mean + lambda * variance; `kappa_T` the shape it gives.
    """

    kappa_T: NDArray[np.float64]  # noqa: N815  (as the paper writes it)
    risk_aversion: NDArray[np.float64]
    cost_bps: NDArray[np.float64]
    risk_bps: NDArray[np.float64]


def trajectory_cost(
    quantity: float,
    left: NDArray[np.float64],
    days: NDArray[np.float64],
    *,
    volume_daily: float,
    sigma_daily: float,
    shares_outstanding: float | None,
) -> tuple[float, float, float]:
    """Temporary and permanent impact and risk of a trajectory, fractions of the price.

    Parameters
    ----------
    quantity : shares, above 0
    left : (n + 1,) part of them left at the ends of n intervals, from 1 down to 0
    days : (n,) length of each interval in trading days, above 0
    shares_outstanding : None: the permanent part is left out (0), the temporary one stands
    """
    traded = -np.diff(left)
    moving = traded > 0
    rates = np.zeros(len(days))
    if moving.any():
        rates[moving] = athl_temporary(
            quantity * traded[moving],
            np.full(moving.sum(), volume_daily),
            np.full(moving.sum(), sigma_daily),
            days[moving],
        )
    temporary = float((traded * rates).sum())
    permanent = 0.0
    if shares_outstanding is not None:
        permanent = athl_permanent(float(quantity), volume_daily, sigma_daily, float(shares_outstanding)) / 2
    risk = sigma_daily * math.sqrt(float((left[1:] ** 2 * days).sum()))
    return temporary, permanent, risk


def pre_trade_estimate(
    core: Core,
    order: Mapping[str, Any],
    ways: Sequence[Mapping[str, Any]],
    instrument: Instrument | None,
) -> list[PreTradeEstimate]:
    """An estimate for each way. Nothing is sent.

    Parameters
    ----------
    order : symbol, side, quantity
    ways : algorithms' configurations, as `execute_algorithm_order` takes them
    instrument : its adv, volatility_daily and shares_outstanding; None: unknown, and so is what depends on them
    """
    from .algorithms import make_algorithm

    return [_estimate(core, order, make_algorithm(way), instrument) for way in ways]


def _estimate(
    core: Core, order: Mapping[str, Any], algorithm: Algorithm, instrument: Instrument | None
) -> PreTradeEstimate:
    quantity = float(order["quantity"])
    sign = 1 if order["side"] == "buy" else -1
    minutes, left = planned(core, order, algorithm)
    assumptions = []
    if minutes <= 0:
        minutes = AT_ONCE_MINUTES
        assumptions.append(f"done at once: its impact is that of {AT_ONCE_MINUTES:g} minute")
    elif type(algorithm).plan is Algorithm.plan and type(algorithm).planned_left is Algorithm.planned_left:
        assumptions.append(f"{algorithm.name} has no plan: an even pace over {minutes:g} minutes is assumed")
    spread, fees = _spread_and_fees(core, str(order["symbol"]), sign, algorithm, assumptions)
    temporary: float
    permanent: float
    risk: float
    participation: float
    missing = _missing(instrument)
    if missing or instrument is None:
        temporary = permanent = risk = participation = Unknown(missing or "the instrument is not known")
        model = "none"
    else:
        assert instrument.adv is not None
        assert instrument.volatility_daily is not None
        days = np.full(len(left) - 1, minutes / DAY_MINUTES / (len(left) - 1))
        shares = instrument.shares_outstanding
        temporary, permanent, risk = (
            each * 1e4
            for each in trajectory_cost(
                quantity, left, days, volume_daily=float(instrument.adv),
                sigma_daily=float(instrument.volatility_daily), shares_outstanding=shares,
            )
        )  # fmt: skip
        if shares is None:
            permanent = Unknown("shares_outstanding is not known")
        participation = quantity / (float(instrument.adv) * minutes / DAY_MINUTES + quantity)
        model = "almgren"
    return PreTradeEstimate(
        algorithm=algorithm.name,
        duration_minutes=minutes,
        participation=participation,
        spread_bps=spread,
        fees_bps=fees,
        temporary_bps=temporary,
        permanent_bps=permanent,
        total_bps=spread + fees + temporary + permanent,
        risk_bps=risk,
        model=model,
        assumptions=tuple(assumptions),
    )


def planned(core: Core, order: Mapping[str, Any], algorithm: Algorithm) -> tuple[float, NDArray[np.float64]]:
    """How long an algorithm would take, in minutes (0: at once), and the part left at the ends of equal intervals."""
    sketch = _Sketch(core, order)
    minutes = algorithm.horizon_ns(sketch) / 60e9  # type: ignore[arg-type]
    return minutes, algorithm.planned_left(np.linspace(0.0, 1.0, _POINTS + 1))


class _Sketch:
    """As much of a parent as a horizon is made from."""

    def __init__(self, core: Core, order: Mapping[str, Any]) -> None:
        assert core.clock is not None
        self.core, self.clock = core, core.clock
        self.symbol, self.quantity = order["symbol"], order["quantity"]
        self.start_ns = core.clock.now_ns()


def _missing(instrument: Instrument | None) -> str:
    if instrument is None:
        return "the instrument is not known"
    if instrument.adv is None:
        return "the average daily volume is not known"
    return "the volatility is not known" if instrument.volatility_daily is None else ""


def _why(algorithm: Algorithm) -> str:
    return "placement post" if algorithm.placement == "post" else f"urgency {algorithm.urgency}"


def _spread_and_fees(
    core: Core, symbol: str, sign: int, algorithm: Algorithm, assumptions: list[str]
) -> tuple[float, float]:
    quote = core.quote(symbol)
    if quote.mid_e9 is None:
        nothing = Unknown("no consolidated quote")
        return nothing, nothing
    crossing = {"cross": 1.0, "post": 0.0}.get(algorithm.placement, CROSSING[algorithm.urgency])
    half = (float(quote.ask) - float(quote.bid)) / 2 / float(quote.mid) * 1e4
    lit = destinations(core, "exchange", "ecn")
    take = min((each["take_fee"] for each in lit), default=0.0)
    make = min((each["make_fee"] for each in lit), default=0.0)
    if crossing < 1.0:
        assumptions.append(f"{crossing:.0%} crosses the spread, the rest earns it: {_why(algorithm)}")
    fees = (crossing * take + (1 - crossing) * make) / float(quote.mid) * 1e4
    return half * (2 * crossing - 1), fees


def efficient_frontier(
    quantity: float,
    minutes: float,
    instrument: Instrument,
    price: float,
    *,
    points: int = 25,
    intervals: int = _POINTS,
) -> Frontier:
    """Expected impact against risk of Almgren-Chriss trajectories over a fixed time (QUANT 1.4, 3.1).

    eta is the temporary impact's slope at the straight line's rate, so that lambda follows from the shape.

    Raises
    ------
    ValueError  when the instrument lacks adv or volatility_daily, or quantity, minutes or price are not above 0
    """
    missing = _missing(instrument)
    if missing:
        raise ValueError(f"no frontier: {missing}")
    for name, value in (("quantity", quantity), ("minutes", minutes), ("price", price)):
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < 2**53:
            raise ValueError(f"{name} is {value!r}, must be a number above 0 and below 2**53")
    if isinstance(points, bool) or not isinstance(points, int) or not 2 <= points <= 10_000:
        raise ValueError(f"points is {points!r}, must be an int from 2 to 10000")
    assert instrument.adv is not None
    assert instrument.volatility_daily is not None
    volume, sigma = float(instrument.adv), float(instrument.volatility_daily)
    days = minutes / DAY_MINUTES
    shapes = np.concatenate(([0.0], np.geomspace(0.05, 40.0, points - 1)))
    time = np.linspace(0.0, 1.0, intervals + 1)
    costs, risks, aversions = np.empty(points), np.empty(points), np.empty(points)
    straight = athl_temporary(float(quantity), volume, sigma, days) * price  # currency a share at quantity / days
    eta = straight / (quantity / days)
    for k, shape in enumerate(shapes):
        left = left_at(float(shape), time)
        temporary, permanent, risk = trajectory_cost(
            quantity, left, np.full(intervals, days / intervals), volume_daily=volume, sigma_daily=sigma,
            shares_outstanding=instrument.shares_outstanding,
        )  # fmt: skip
        costs[k], risks[k] = (temporary + permanent) * 1e4, risk * 1e4
        aversions[k] = (
            0.0 if shape == 0
            else trajectories.risk_aversion_from_kappa(shape / days, days, intervals, sigma * price, eta)
        )  # fmt: skip
    return Frontier(shapes, aversions, costs, risks)
