"""Minimising a smooth function of a few parameters with its gradient: BFGS with a Wolfe line search.

Source: Nocedal and Wright (2006), Numerical Optimization, algorithms 6.1 (BFGS), 3.5 and 3.6 (line search by
bisection).
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import NamedTuple

import numpy as np

from .arrays import Floats

Objective = Callable[[Floats], tuple[float, Floats]]

_ITERATIONS = 500
_TRIALS = 60


class Minimum(NamedTuple):
    x: Floats
    value: float
    converged: bool  # the gradient is as small as rounding lets it be


def minimize(objective: Objective, start: Floats, *, tolerance: float = 1e-9) -> Minimum:
    """The minimum that is found downhill from `start`. `objective` gives value and gradient, inf outside its domain."""
    x = np.array(start, np.float64)
    value, gradient = objective(x)
    inverse = np.eye(len(x)) / max(1.0, float(np.abs(gradient).max()))
    stalled = 0
    for _ in range(_ITERATIONS):
        if float(np.abs(gradient).max()) <= tolerance * max(1.0, abs(value)):
            return Minimum(x, value, True)
        step = -inverse @ gradient
        if step @ gradient >= 0.0:  # rounding has spoiled the curvature
            inverse = np.eye(len(x)) / float(np.abs(gradient).max())
            step = -inverse @ gradient
        found = _search(objective, x, value, gradient, step)
        if found is None or stalled == 5:  # no point downhill is lower by more than rounding
            small = float(np.abs(gradient).max()) <= 1e3 * tolerance * max(1.0, abs(value))
            return Minimum(x, value, small)
        moved, lower, new = found
        stalled = stalled + 1 if value - lower <= 1e-13 * max(1.0, abs(value)) else 0
        value = lower
        s, y = moved - x, new - gradient
        x, gradient = moved, new
        curvature = float(s @ y)
        if curvature > 1e-14 * float(np.linalg.norm(s) * np.linalg.norm(y)):
            rho = 1.0 / curvature
            left = np.eye(len(x)) - rho * np.outer(s, y)
            inverse = left @ inverse @ left.T + rho * np.outer(s, s)
    return Minimum(x, value, False)


def _search(
    objective: Objective, x: Floats, value: float, gradient: Floats, step: Floats
) -> tuple[Floats, float, Floats] | None:
    """A point along the step that is low enough and flat enough; None where nothing is lower."""
    slope = float(gradient @ step)
    low, high, length = 0.0, float("inf"), 1.0
    best: tuple[Floats, float, Floats] | None = None
    for _ in range(_TRIALS):
        moved = x + length * step
        there, new = objective(moved)
        if not isfinite(there) or there > value + 1e-4 * length * slope:
            high = length
        else:
            if best is None or there <= best[1]:
                best = (moved, there, new)
            if float(new @ step) >= 0.9 * slope:
                return best
            low = length
        length = 0.5 * (low + high) if high < float("inf") else 2.0 * length
    return best
