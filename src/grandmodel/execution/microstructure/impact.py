"""What an order will move the price by: models of market impact, fits to data, and whether a model can be arbitraged.

Quantities are signed (+ buys, - sells) and so are results: fractions of the price before the order. side * result is
the cost, never negative. Volatilities are named by what they are: `sigma_daily` = `sigma_annual` / sqrt(252). Numbers
give a float, arrays (which may be mixed with numbers) give (n,) float64.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, sqrt
from numbers import Real
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.values import Unknown

from .arrays import Array, Floats, column, number, positive, same_length, spread_out

TRADING_DAYS = 252
GATHERAL_GAMMA = 2.0 - log(3.0) / log(2.0)  # 0.41504: the least decay exponent that the square root of time allows


class AthlCoefficients(NamedTuple):
    """Almgren, Thum, Hauptmann, Li (2005): estimates .314 +- .041, .142 +- .0062; exponents .891 +- .10 taken as 1,
    .600 +- .038, .267 +- .22 taken as 1/4. R2 is below 1 %: the model predicts a mean. beta = 1/2 is rejected."""

    gamma: float = 0.314
    eta: float = 0.142
    alpha: float = 1.0
    beta: float = 0.6
    delta: float = 0.25


class IstarCoefficients(NamedTuple):
    """Kissell: a1, a2, a3 as published for all data; a4 and b1 are values in common use, to be fitted by who relies
    on them."""

    a1: float = 708.0
    a2: float = 0.55
    a3: float = 0.71
    a4: float = 0.50
    b1: float = 0.98


ATHL_2005 = AthlCoefficients()
ISTAR_ALL_DATA = IstarCoefficients()

_ATHL_PERMANENT, _ATHL_TEMPORARY, _ATHL_REALIZED, _ROOT_PEAK, _ROOT_AVERAGE, _ISTAR, _ISTAR_MI = range(7)


_UNUSED = object()  # a column that the model does not have


def _scalar(value: Any) -> bool:
    return isinstance(value, (Real, np.number)) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _model(which: int, coefficients: tuple[float, ...], columns: list[tuple[str, Any, str]]) -> Any:
    given = [(name, value) for name, value, _ in columns if value is not _UNUSED]
    lengths = [len(column(value, name)) for name, value in given if not _scalar(value)]
    rows = lengths[0] if lengths else 1
    arrays = tuple(
        (name, None if value is _UNUSED else spread_out(value, name, rows), rule) for name, value, rule in columns
    )
    numbers = tuple(number(x, "coefficients") for x in coefficients) + (0.0,) * (5 - len(coefficients))
    result = np.empty(rows)
    run("impact", arrays, (result,), numbers, (which,))
    return result if lengths else float(result[0])


def _columns(quantity: Any, volume: Any, sigma: Any, sigma_name: str) -> list[tuple[str, Any, str]]:
    return [("quantity", quantity, "f"), ("volume_daily", volume, "p"), (sigma_name, sigma, "z")]


@overload
def athl_permanent(
    quantity: float, volume_daily: float, sigma_daily: float, shares_outstanding: float,
    *, coefficients: AthlCoefficients = ...,
) -> float: ...  # fmt: skip
@overload
def athl_permanent(
    quantity: ArrayLike, volume_daily: ArrayLike, sigma_daily: ArrayLike, shares_outstanding: ArrayLike,
    *, coefficients: AthlCoefficients = ...,
) -> Floats: ...  # fmt: skip
def athl_permanent(
    quantity: Any, volume_daily: Any, sigma_daily: Any, shares_outstanding: Any,
    *, coefficients: AthlCoefficients = ATHL_2005,
) -> Any:  # fmt: skip
    """I = gamma sigma (X/V) (Theta/V)^(1/4): how far the price stays moved.

    Source: Almgren, Thum, Hauptmann, Li (2005), Direct Estimation of Equity Market Impact, Risk 18(7).

    Parameters
    ----------
    quantity, volume_daily, shares_outstanding : X, V and Theta, shares; sigma_daily : a fraction
    """
    columns = _columns(quantity, volume_daily, sigma_daily, "sigma_daily")
    columns += [("duration_days", _UNUSED, "p"), ("shares_outstanding", shares_outstanding, "p")]
    return _model(_ATHL_PERMANENT, coefficients, columns)


@overload
def athl_temporary(
    quantity: float, volume_daily: float, sigma_daily: float, duration_days: float,
    *, coefficients: AthlCoefficients = ...,
) -> float: ...  # fmt: skip
@overload
def athl_temporary(
    quantity: ArrayLike, volume_daily: ArrayLike, sigma_daily: ArrayLike, duration_days: ArrayLike,
    *, coefficients: AthlCoefficients = ...,
) -> Floats: ...  # fmt: skip
def athl_temporary(
    quantity: Any, volume_daily: Any, sigma_daily: Any, duration_days: Any,
    *, coefficients: AthlCoefficients = ATHL_2005,
) -> Any:  # fmt: skip
    """K = eta sigma sgn(X) |X/(V T)|^(3/5): what is paid beyond the permanent part while trading over T days. Source:
    as `athl_permanent`."""
    columns = _columns(quantity, volume_daily, sigma_daily, "sigma_daily")
    columns += [("duration_days", duration_days, "p"), ("shares_outstanding", _UNUSED, "p")]
    return _model(_ATHL_TEMPORARY, coefficients, columns)


@overload
def athl_realized(
    quantity: float, volume_daily: float, sigma_daily: float, duration_days: float, shares_outstanding: float,
    *, coefficients: AthlCoefficients = ...,
) -> float: ...  # fmt: skip
@overload
def athl_realized(
    quantity: ArrayLike, volume_daily: ArrayLike, sigma_daily: ArrayLike, duration_days: ArrayLike,
    shares_outstanding: ArrayLike, *, coefficients: AthlCoefficients = ...,
) -> Floats: ...  # fmt: skip
def athl_realized(
    quantity: Any, volume_daily: Any, sigma_daily: Any, duration_days: Any, shares_outstanding: Any,
    *, coefficients: AthlCoefficients = ATHL_2005,
) -> Any:  # fmt: skip
    """J = I/2 + K: the average price of the order against the price before it. Source: as `athl_permanent`."""
    columns = _columns(quantity, volume_daily, sigma_daily, "sigma_daily")
    columns += [("duration_days", duration_days, "p"), ("shares_outstanding", shares_outstanding, "p")]
    return _model(_ATHL_REALIZED, coefficients, columns)


@overload
def square_root_impact(
    quantity: float, volume_daily: float, sigma_daily: float, *, y: float = ..., average: bool = ...
) -> float: ...
@overload
def square_root_impact(
    quantity: ArrayLike, volume_daily: ArrayLike, sigma_daily: ArrayLike, *, y: float = ..., average: bool = ...
) -> Floats: ...
def square_root_impact(
    quantity: Any, volume_daily: Any, sigma_daily: Any, *, y: float = 1.0, average: bool = False
) -> Any:
    """Y sigma sqrt(Q/V): the price at the end of a whole metaorder; with `average` two thirds of it, its average price.

    Of a metaorder, not of its children: the law is concave, so the parts of an order would cost more than the whole.

    Source: Torre (1997), BARRA Market Impact Model Handbook; Toth et al. (2011), Physical Review X 1, 021006. Y is of
    order 1 (0.5 to 1 usual); two thirds is the mean of sqrt over [0, 1].
    """
    columns = _columns(quantity, volume_daily, sigma_daily, "sigma_daily")
    columns += [("duration_days", _UNUSED, "p"), ("shares_outstanding", _UNUSED, "p")]
    return _model(_ROOT_AVERAGE if average else _ROOT_PEAK, (positive(y, "y"),), columns)


@overload
def istar(
    quantity: float, volume_daily: float, sigma_annual: float, *, coefficients: IstarCoefficients = ...
) -> float: ...
@overload
def istar(
    quantity: ArrayLike, volume_daily: ArrayLike, sigma_annual: ArrayLike, *, coefficients: IstarCoefficients = ...
) -> Floats: ...
def istar(
    quantity: Any, volume_daily: Any, sigma_annual: Any, *, coefficients: IstarCoefficients = ISTAR_ALL_DATA
) -> Any:
    """I* = a1 (Q/ADV)^a2 sigma^a3 bp, as a fraction: the cost of taking the whole order at once. sigma is annualised.

    Source: Kissell and Malamut (2006); Kissell (2013), The Science of Algorithmic Trading and Portfolio Management,
    ch. 8.
    """
    columns = _columns(quantity, volume_daily, sigma_annual, "sigma_annual")
    columns += [("participation", _UNUSED, "u"), ("shares_outstanding", _UNUSED, "p")]
    return _model(_ISTAR, coefficients, columns)


@overload
def istar_impact(
    quantity: float, volume_daily: float, sigma_annual: float, participation: float,
    *, coefficients: IstarCoefficients = ...,
) -> float: ...  # fmt: skip
@overload
def istar_impact(
    quantity: ArrayLike, volume_daily: ArrayLike, sigma_annual: ArrayLike, participation: ArrayLike,
    *, coefficients: IstarCoefficients = ...,
) -> Floats: ...  # fmt: skip
def istar_impact(
    quantity: Any, volume_daily: Any, sigma_annual: Any, participation: Any,
    *, coefficients: IstarCoefficients = ISTAR_ALL_DATA,
) -> Any:  # fmt: skip
    """MI = b1 I* POV^a4 + (1 - b1) I*: the order worked at a share of the volume in [0, 1]. Source: as `istar`."""
    columns = _columns(quantity, volume_daily, sigma_annual, "sigma_annual")
    columns += [("participation", participation, "u"), ("shares_outstanding", _UNUSED, "p")]
    return _model(_ISTAR_MI, coefficients, columns)


# ---- fits ------------------------------------------------------------------------------------------------------------


class PowerLaw(NamedTuple):
    """impact = coefficient * x^exponent."""

    coefficient: float
    exponent: float
    exponent_error: float  # standard error
    r_squared: float  # 1 - residual/total sum of squares, centred
    observations: int

    def __call__(self, x: float) -> float:
        return float(self.coefficient * x**self.exponent)


def fit_power_law(size: ArrayLike, impact: ArrayLike) -> PowerLaw:
    """Least squares of impact = c x^p itself, not of its logarithm: impacts that came out negative count too.

    Parameters
    ----------
    size : (n,) > 0, Q/V say
    impact : (n,) of any sign, in units of sigma say
    """
    x, y = column(size, "size").astype(np.float64), column(impact, "impact").astype(np.float64)
    n = same_length(("size", x), ("impact", y))
    _check_all(x, "size", x > 0.0, "> 0")
    _check_all(y, "impact", np.isfinite(y), "finite")
    if n < 3 or np.ptp(x) == 0.0:
        unknown = Unknown(f"{n} observations" if n < 3 else "size does not vary")
        return PowerLaw(unknown, unknown, unknown, unknown, n)
    logs = np.log(x)
    logs -= logs.mean()  # the coefficient at the geometric mean size: the two parameters nearly independent

    def explained(p: float) -> float:
        shape = np.exp(p * logs)
        along = float(y @ shape)
        return along * along / float(shape @ shape)

    grid = np.linspace(-3.0, 3.0, 241)
    p = float(grid[int(np.argmax([explained(q) for q in grid]))])
    if abs(p) >= 3.0:
        unknown = Unknown("no power between -3 and 3 fits")
        return PowerLaw(unknown, unknown, unknown, unknown, n)
    shape = np.exp(p * logs)
    c = float(y @ shape) / float(shape @ shape)
    for _ in range(100):
        jacobian = np.column_stack([shape, c * shape * logs])
        change = np.linalg.lstsq(jacobian, y - c * shape, rcond=None)[0]
        size_of_step, before = 1.0, float(np.square(y - c * shape).sum())
        while size_of_step > 1e-10:
            new_c, new_p = c + size_of_step * float(change[0]), p + size_of_step * float(change[1])
            new_shape = np.exp(min(max(new_p, -50.0), 50.0) * logs)
            if float(np.square(y - new_c * new_shape).sum()) < before:
                break
            size_of_step *= 0.5
        else:
            break
        c, p, shape = new_c, new_p, new_shape
    rest = float(np.square(y - c * shape).sum())
    total = float(np.square(y - y.mean()).sum())
    jacobian = np.column_stack([shape, c * shape * logs])
    inverse = np.linalg.pinv(jacobian.T @ jacobian)
    error = sqrt(rest / (n - 2) * max(float(inverse[1, 1]), 0.0))
    coefficient = c * float(np.exp(-p * np.log(x).mean()))
    return PowerLaw(coefficient, p, error, 1.0 - rest / total if total else Unknown("impact does not vary"), n)


def _check_all(array: Array, name: str, good: Array, expected: str) -> None:
    if not good.all() or not np.isfinite(array).all():
        bad = int(np.argmin(good & np.isfinite(array)))
        raise ValueError(f"{name}[{bad}] is {array[bad]}, must be {expected} and finite")


# ---- arbitrage -------------------------------------------------------------------------------------------------------


def no_dynamic_arbitrage(exponent: float, decay: float) -> str:
    """Whether impact |v|^exponent that decays as t^-decay can be free of dynamic arbitrage: "" or the condition that
    fails.

    Gatheral's necessary conditions: decay >= 2 - log2(3) = 0.41504, decay < 1, exponent + decay >= 1. They are not
    sufficient: `propagator_cost` tells what a given round trip costs.

    Source: Gatheral (2010), No-dynamic-arbitrage and market impact, Quantitative Finance 10(7), sections 4 and 5.
    """
    delta, gamma = positive(exponent, "exponent"), positive(decay, "decay")
    if gamma >= 1.0:
        return f"decay is {gamma:g}, must be below 1 to be integrable at 0"
    if gamma < GATHERAL_GAMMA:
        return f"decay is {gamma:g}, must be at least {GATHERAL_GAMMA:.5f}"
    if delta + gamma < 1.0:
        return f"exponent + decay is {delta + gamma:g}, must be at least 1"
    return ""


def propagator_cost(
    rate: ArrayLike, *, interval: float, exponent: float = 1.0, decay: float, exponential: bool = False
) -> float:
    """What trading at these rates costs where a rate v moves the price by sgn(v) |v|^exponent and this decays.

    The double integral of v(t) f(v(s)) G(t - s) over s < t, G(t) = t^-decay (below 1) or, `exponential`, e^(-decay t);
    exact for rates that are constant over each interval. A round trip (rates that sum to 0) with a negative cost is an
    arbitrage. Source: as `no_dynamic_arbitrage`.

    Parameters
    ----------
    rate : (n,) signed, quantity a unit of time; the time is quadratic in n
    """
    rates = column(rate, "rate")
    if len(rates) > 100_000:
        raise ValueError(f"rate has length {len(rates)}, must be at most 100000: the time is quadratic in it")
    gamma = positive(decay, "decay")
    if not exponential and gamma >= 1.0:
        raise ValueError(f"decay is {decay}, must be below 1 for a power law")
    numbers = (positive(interval, "interval"), positive(exponent, "exponent"), gamma)
    (cost,) = run("propagator", (("rate", rates, "f"),), (), numbers, (int(exponential),))
    return cost


def worst_round_trip(cost: Callable[[Floats], float], *, ratios: int = 21) -> tuple[float, float]:
    """The least cost of buying at one rate and selling at another, over ratios of 1/64 to 64: (cost, ratio).

    A negative cost is an arbitrage. Gatheral's lemma 4.1 looks at these round trips. `cost` takes rates over equal
    intervals that sum to 0 and buy one unit.
    """
    intervals = 130
    worst = (float("inf"), 1.0)
    for ratio in np.geomspace(1.0 / 64.0, 64.0, ratios):
        buying = min(max(round(intervals / (1.0 + ratio)), 1), intervals - 1)
        rates = np.concatenate(
            [np.full(buying, 1.0 / buying), np.full(intervals - buying, -1.0 / (intervals - buying))]
        )
        worst = min(worst, (cost(rates), (intervals - buying) / buying))
    return worst
