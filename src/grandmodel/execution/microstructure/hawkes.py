"""Self-exciting events: the Hawkes process with an exponential kernel, lambda(t) = mu + sum alpha e^(-beta (t - t_i)).

Times are float64 seconds, or int64 nanoseconds; `start` and `end` in the same unit. Rates are a second.

Source: Hawkes (1971), Spectra of some self-exciting and mutually exciting point processes, Biometrika 58(1);
likelihood: Ozaki (1979), Annals of the Institute of Statistical Mathematics 31.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.values import Unknown

from .arrays import Array, Floats, column, integer, non_negative, number, output, positive
from .optimizer import minimize

NS = 1e-9


class Hawkes(NamedTuple):
    """Parameters, a second, and what they say."""

    mu: float
    alpha: float
    beta: float
    log_likelihood: float
    events: int
    converged: bool

    @property
    def branching_ratio(self) -> float:
        """alpha/beta: events that one event brings about directly."""
        return self.alpha / self.beta

    @property
    def mean_rate(self) -> float:
        """mu/(1 - alpha/beta); Unknown where the process is not stationary."""
        if not self.branching_ratio < 1.0:
            return Unknown("the branching ratio is not below 1")
        return self.mu / (1.0 - self.branching_ratio)

    @property
    def half_life_s(self) -> float:
        return log(2.0) / self.beta


def _times(times: ArrayLike, name: str) -> Array:
    array = column(times, name)
    if array.dtype.kind != "f" and array.dtype != np.int64:
        return array.astype(np.int64)
    return array


def _window(array: Array, start: float, end: float) -> tuple[tuple[float, float], tuple[int, int], float]:
    """The window as the kernel takes it, and its length in seconds."""
    if array.dtype.kind == "f":
        begin, stop, length = number(start, "start"), number(end, "end"), float(end) - float(start)
        whole = (0, 0)
    else:
        whole = (integer(start, "start"), integer(end, "end"))
        begin, stop, length = 0.0, 0.0, (whole[1] - whole[0]) * NS
        if whole[1] - whole[0] >= 2**63:
            raise ValueError(f"end is {end}, must be less than 2**63 ns after start, {start}")
    if not length > 0.0:
        raise ValueError(f"end is {end}, must be above start, {start}")
    return (begin, stop), whole, length


def hawkes_log_likelihood(
    times: ArrayLike, *, mu: float, alpha: float, beta: float, end: float, start: float = 0
) -> float:
    """sum ln lambda(t_i) - mu T - (alpha/beta) sum(1 - e^(-beta (T - t_i))), in one pass. `times` : (n,), in order."""
    events = _times(times, "times")
    edges, whole, _ = _window(events, start, end)
    rates = (positive(mu, "mu"), non_negative(alpha, "alpha"), positive(beta, "beta"))
    return run("hawkes", (("times", events, "a"),), numbers=(*rates, *edges), integers=whole)[0]


def hawkes_intensity(
    times: ArrayLike, at: ArrayLike, *, mu: float, alpha: float, beta: float, out: Floats | None = None
) -> Floats:
    """lambda at each of `at` (m,), in order, by the events strictly before it. (m,) float64, a second."""
    events, asked = _times(times, "times"), _times(at, "at")
    if (events.dtype.kind == "f") != (asked.dtype.kind == "f"):
        raise TypeError(f"at has dtype {asked.dtype}, must have that of times, {events.dtype}")
    rates = (positive(mu, "mu"), non_negative(alpha, "alpha"), positive(beta, "beta"))
    result = output(out, (len(asked),))
    earliest = [int(a[0]) for a in (events, asked) if len(a) and a.dtype.kind != "f"]
    origin = min(earliest, default=0)
    run("intensity", (("times", events, "a"), ("at", asked, "a")), (result,), (*rates, 0.0), (origin,))
    return result


def fit_hawkes(times: ArrayLike, *, end: float, start: float = 0) -> Hawkes:
    """mu, alpha and beta by maximum likelihood, from five starts of the decay.

    Parameters
    ----------
    times : (n,) events in order, all in [start, end]
    """
    events = _times(times, "times")
    edges, whole, length = _window(events, start, end)
    count = len(events)
    if count < 3:
        unknown = Unknown(f"{count} events, at least 3 are needed")
        return Hawkes(unknown, unknown, unknown, unknown, count, False)
    columns = (("times", events, "a"),)

    def negative(x: Floats) -> tuple[float, Floats]:
        if np.abs(x).max() > 60.0:
            return float("inf"), np.zeros(3)
        rates = np.exp(x)
        value, *gradient = run("hawkes", columns, numbers=(*rates, *edges), integers=whole)[:4]
        return -value / count, np.array(gradient) * rates / -count

    rate = count / length
    found = []
    for speed in (0.3, 1.0, 5.0, 30.0, 300.0):
        beta = speed * rate
        best = minimize(negative, np.log([0.5 * rate, 0.5 * beta, beta]), tolerance=1e-9)
        found.append((best.value, tuple(best.x), best.converged))
    value, x, converged = min(found)
    mu, alpha, beta = (float(p) for p in np.exp(x))
    return Hawkes(mu, alpha, beta, -value * count, count, converged)
