"""Realised volatility of a price series, plain and robust to noise."""

from __future__ import annotations

from math import pi, sqrt

from numpy.typing import ArrayLike

from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.values import Unknown

from .arrays import column, integer


def realized_variance(price: ArrayLike, *, lag: int = 1) -> float:
    """The sum of squared log returns over `lag` rows; with a lag above 1 the mean over the `lag` grids (subsampled).

    Over the time that the rows cover, a fraction squared: the variance of a day where they are a day's.

    Source: Andersen, Bollerslev, Diebold, Labys (2003), Econometrica 71(2).
    """
    k = integer(lag, "lag", 1)
    total, terms, _ = _returns(price, k)
    return total / k if terms else Unknown(f"fewer than {k + 1} prices")


def realized_volatility(price: ArrayLike, *, lag: int = 1) -> float:
    """The square root of `realized_variance`."""
    return _root(realized_variance(price, lag=lag))


def _returns(price: ArrayLike, lag: int) -> list[float]:
    return run("returns", (("price", column(price, "price"), "p"),), integers=(lag,))


def _root(variance: float) -> float:
    return variance if isinstance(variance, Unknown) else sqrt(variance)


def bipower_variation(price: ArrayLike) -> float:
    """(pi/2) sum |r_i| |r_(i-1)|: the variance without jumps.

    Source: Barndorff-Nielsen and Shephard (2004), Journal of Financial Econometrics 2(1).
    """
    _, terms, pairs = _returns(price, 1)
    return 0.5 * pi * pairs if terms >= 2 else Unknown("fewer than 3 prices")


def two_scale_variance(price: ArrayLike, *, scale: int | None = None) -> float:
    """The two-scale realised variance: what bid-ask bounce adds to every return is estimated and taken off.

    (1 - m/n)^-1 ([Y, Y]^(K) - (m/n) [Y, Y]^(1)), with n returns, [Y, Y]^(K) the mean over K grids and m = (n - K +
    1)/K. It may be negative in a small sample: then it is Unknown.

    scale : K; None: the integer nearest to n^(2/3)

    Source: Zhang, Mykland, Ait-Sahalia (2005), A Tale of Two Time Scales, JASA 100(472), equations 55 and 64.
    """
    prices = column(price, "price")
    n = len(prices) - 1
    k = max(2, round(max(n, 0) ** (2.0 / 3.0))) if scale is None else integer(scale, "scale", 2)
    if n < 2 * k:
        return Unknown(f"{max(n, 0)} returns, at least {2 * k} are needed with a scale of {k}")
    fast, slow = _returns(prices, 1)[0], _returns(prices, k)[0] / k
    ratio = (n - k + 1) / k / n
    variance = (slow - ratio * fast) / (1.0 - ratio)
    return variance if variance >= 0.0 else Unknown(f"the estimate is {variance:.6g}, the sample is too small")


def two_scale_volatility(price: ArrayLike, *, scale: int | None = None) -> float:
    """The square root of `two_scale_variance`."""
    return _root(two_scale_variance(price, scale=scale))
