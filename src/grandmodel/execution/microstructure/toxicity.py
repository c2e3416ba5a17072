"""Flow toxicity: volume-synchronised (VPIN) and by counts of trades a day (PIN)."""

from __future__ import annotations

from itertools import product
from math import exp, expm1, log
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.values import Unknown

from .arrays import Array, Floats, column, integer, output, positive, same_length, share
from .optimizer import minimize


def bulk_buy_volume(
    price_change: ArrayLike, volume: ArrayLike, *, deviation: float | None = None, out: Floats | None = None
) -> Floats:
    """v Phi(dp / deviation): how much of each bar was bought, by bulk volume classification. (n,) float64.

    deviation : of the price changes, in their unit; None: their own standard deviation (ddof 1) over all bars given

    Source: Easley, Lopez de Prado, O'Hara (2012), Flow Toxicity and Liquidity in a High-Frequency World, Review of
    Financial Studies 25(5).
    """
    changes, volumes = column(price_change, "price_change"), column(volume, "volume")
    result = output(out, (same_length(("price_change", changes), ("volume", volumes)),))
    sigma = _deviation(changes) if deviation is None else positive(deviation, "deviation")
    run("bulk", (("price_change", changes, "f"), ("volume", volumes, "z")), (result,), (sigma,))
    return result


def _deviation(changes: Array) -> float:
    """NaN where the changes have none."""
    n, _, _, xx, _, _ = run("line", (("price_change", changes, "f"), ("price_change", changes, "f")))
    return float(np.sqrt(xx / (n - 1))) if n > 1 and xx > 0.0 else float("nan")


def volume_buckets(buy_volume: ArrayLike, volume: ArrayLike, *, bucket_volume: float) -> Floats:
    """|bought - sold| of each whole bucket of `bucket_volume`; bars are split pro rata, an incomplete last one is
    dropped."""
    bought, volumes = column(buy_volume, "buy_volume"), column(volume, "volume")
    return _buckets(("buy_volume", bought, "z"), volumes, positive(bucket_volume, "bucket_volume"), 0.0)


def _buckets(first: tuple[str, Array, str], volumes: Array, size: float, sigma: float) -> Floats:
    """By what was bought, or, where there is a deviation, by the price changes."""
    same_length((first[0], first[1]), ("volume", volumes))
    rows, mean = run("line", (("volume", volumes, "z"), ("volume", volumes, "z")))[:2]
    most = rows * mean / size
    if most > 1 << 32:
        raise ValueError(f"bucket_volume is {size}, makes {most:.3g} buckets of the volume")
    result = np.empty(int(most * (1.0 + 1e-9)) + 1)
    count, _ = run("buckets", (first, ("volume", volumes, "z")), (result,), (size, sigma))
    return result[: int(count)].copy()


def vpin(
    price_change: ArrayLike,
    volume: ArrayLike,
    *,
    bucket_volume: float,
    window: int = 50,
    deviation: float | None = None,
) -> Floats:
    """VPIN at the end of each bucket from the `window`-th on: sum |Vb - Vs| / (window * bucket_volume), in [0, 1].

    Source: as `bulk_buy_volume`; a bucket of a fiftieth of the average daily volume and 50 buckets are the paper's.

    Returns
    -------
    (buckets - window + 1,) float64; none where there are fewer buckets, NaN where the price changes do not vary.
    """
    size, n = positive(bucket_volume, "bucket_volume"), integer(window, "window", 1)
    changes, volumes = column(price_change, "price_change"), column(volume, "volume")
    sigma = _deviation(changes) if deviation is None else positive(deviation, "deviation")
    unbalanced = _buckets(("price_change", changes, "f"), volumes, size, 1.0 if np.isnan(sigma) else sigma)
    if len(unbalanced) < n:
        return np.empty(0)
    if np.isnan(sigma):
        return np.full(len(unbalanced) - n + 1, np.nan)
    sums: Floats = np.lib.stride_tricks.sliding_window_view(unbalanced, n).sum(axis=1)
    return np.minimum(sums / (n * size), 1.0, dtype=np.float64)


class Pin(NamedTuple):
    """Probability of informed trading, and the parameters a day that it is made of."""

    pin: float  # alpha mu / (alpha mu + epsilon_buy + epsilon_sell)
    alpha: float  # probability of news
    delta: float  # that news is bad
    mu: float  # informed trades on a day with news
    epsilon_buy: float  # uninformed trades
    epsilon_sell: float
    log_likelihood: float
    days: int
    starts: int  # from how many places the maximum was looked for
    agreeing: int  # how many of them found it


def pin_log_likelihood(
    buys: ArrayLike, sells: ArrayLike, *, alpha: float, delta: float, mu: float, epsilon_buy: float, epsilon_sell: float
) -> float:
    """The log likelihood of days of buys and sells; weighted in logarithms, so that no factorial overflows.

    Source: Easley, Kiefer, O'Hara, Paperman (1996), Liquidity, Information, and Infrequently Traded Stocks, Journal of
    Finance 51(4); one rate of uninformed buys and one of sells as in Easley, Hvidkjaer, O'Hara (2002).
    """
    counts = _counts(buys, sells)
    numbers = (share(alpha, "alpha"), share(delta, "delta"), positive(mu, "mu"),
               positive(epsilon_buy, "epsilon_buy"), positive(epsilon_sell, "epsilon_sell"))  # fmt: skip
    return run("pin", counts, numbers=numbers, integers=(1,))[0]


def _counts(buys: ArrayLike, sells: ArrayLike) -> tuple[tuple[str, Array, str], ...]:
    bought, sold = column(buys, "buys"), column(sells, "sells")
    same_length(("buys", bought), ("sells", sold))
    return (("buys", bought, "z"), ("sells", sold, "z"))


def pin(buys: ArrayLike, sells: ArrayLike) -> Pin:
    """PIN by maximum likelihood, from 27 starts (Yan and Zhang 2012).

    Parameters
    ----------
    buys, sells : (days,) counts of trades; `lee_ready` tells which is which
    """
    counts = _counts(buys, sells)
    days = len(counts[0][1])
    if days < 2:
        return _no_pin(f"{days} days, at least 2 are needed", days)
    mean_buy, mean_sell = (run("line", (c, c))[1] for c in counts)
    if mean_buy <= 0.0 or mean_sell <= 0.0:
        return _no_pin("no buys, or no sells, on any day", days)
    starts, found = 0, []
    for alpha, delta, quiet in product((0.1, 0.5, 0.9), repeat=3):
        eb = quiet * mean_buy
        mu = (mean_buy - eb) / (alpha * (1.0 - delta))
        es = mean_sell - alpha * delta * mu
        if es <= 0.0:
            continue
        starts += 1
        best = minimize(
            lambda x: _negative(counts, x, days),
            np.array([log(alpha / (1 - alpha)), log(delta / (1 - delta)), log(mu), log(eb), log(es)]),
            tolerance=1e-9,
        )
        found.append((best.value, tuple(best.x)))
    if not found:
        return _no_pin("no start with positive rates", days)
    lowest, x = min(found)
    alpha, delta = _logistic(x[0]), _logistic(x[1])
    mu, eb, es = exp(x[2]), exp(x[3]), exp(x[4])
    agreeing = sum((value - lowest) * days <= 1e-3 for value, _ in found)
    total = run("pin", counts, numbers=(alpha, delta, mu, eb, es), integers=(1,))[0]
    informed = alpha * mu
    return Pin(informed / (informed + eb + es), alpha, delta, mu, eb, es, total, days, starts, agreeing)


def _no_pin(reason: str, days: int) -> Pin:
    unknown = Unknown(reason)
    return Pin(unknown, unknown, unknown, unknown, unknown, unknown, unknown, days, 0, 0)


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + exp(-x)) if x >= 0.0 else -expm1(-np.logaddexp(0.0, x))


def _negative(counts: tuple[tuple[str, Array, str], ...], x: Floats, days: int) -> tuple[float, Floats]:
    """Minus the mean log likelihood of a day, and its gradient, by logits and logarithms."""
    if np.abs(x[:2]).max() > 30.0 or np.abs(x[2:]).max() > 60.0:  # a probability that is 0 or 1 for a double
        return float("inf"), np.zeros(5)
    numbers = (_logistic(x[0]), _logistic(x[1]), *np.exp(x[2:]))
    value, *gradient = run("pin", counts, numbers=numbers, integers=(0,))
    return -value / days, np.array(gradient) / -days
