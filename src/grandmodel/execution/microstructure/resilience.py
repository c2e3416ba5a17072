"""Resilience: how fast spread or depth come back after a trade has swept the book."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.values import Unknown

from .arrays import NS, Floats, blocks, column, integer, positive, same_length, share, times

RECOVERED_AT_S = (1.0, 5.0, 10.0)


def sweep_times(
    time_ns: ArrayLike, quantity: ArrayLike, depth: ArrayLike, *, consumed: float = 0.5, apart_ns: int = 0
) -> NDArray[np.int64]:
    """Times of the trades that took at least the share `consumed` of the depth that stood before them.

    quantity, depth : (n,) of the trade, and of the side that it took from. apart_ns : a sweep that another follows
        within this time is left out, since the second would be taken for what the book does after the first.
    """
    at, taken, there = times(time_ns, "time_ns"), column(quantity, "quantity"), column(depth, "depth")
    same_length(("time_ns", at), ("quantity", taken), ("depth", there))
    gap = integer(apart_ns, "apart_ns", 0)
    enough = share(consumed, "consumed")
    found = []
    for rows in blocks(len(at)):
        for name, part in (("quantity", taken[rows]), ("depth", there[rows])):
            if not (np.isfinite(part) & (part >= 0)).all():
                bad = int(np.argmin(np.isfinite(part) & (part >= 0)))
                raise ValueError(f"{name}[{rows.start + bad}] is {part[bad]}, must be >= 0 and finite")
        found.append(at[rows][(there[rows] > 0) & (taken[rows] >= enough * there[rows])])
    chosen = np.concatenate([at[:0], *found])
    if gap and len(chosen) > 1:
        chosen = chosen[np.append(np.diff(chosen) > gap, True)]
    return np.ascontiguousarray(chosen)


class Recovery(NamedTuple):
    """excess(t) = A e^(-t/tau), fitted to the mean of what stood t after the sweeps less what stood just before."""

    tau_s: float
    amplitude: float  # A, in the unit of the series; negative where it fell
    half_life_s: float  # tau ln 2
    recovered: dict[float, float]  # by seconds: 1 - excess(t)/excess(0), measured; above 1: more than before
    r_squared: float  # of the fit, uncentred
    sweeps: int
    left_out: int  # sweeps at whose time, or up to whose horizon, the series is not known
    offsets_s: Floats
    excess: Floats  # the mean excess at each offset


def recovery(
    sweep_ns: ArrayLike, time_ns: ArrayLike, value: ArrayLike, *,
    horizon_s: float = 20.0, step_s: float = 0.1, recovered_at_s: Sequence[float] = RECOVERED_AT_S,
) -> Recovery:  # fmt: skip
    """How a series (spread, depth) comes back after sweeps.

    Definition (ours): at each offset the mean over sweeps of the value that stands then less the one that stood
    strictly before the sweep; A and tau by least squares over the offsets from 0 to the horizon.

    Parameters
    ----------
    sweep_ns : (e,) times of sweeps
    time_ns, value : (n,) the series, in order; NaN where it is not known
    """
    sweeps, at, values = times(sweep_ns, "sweep_ns"), times(time_ns, "time_ns"), column(value, "value")
    same_length(("time_ns", at), ("value", values))
    horizon, step = positive(horizon_s, "horizon_s"), positive(step_s, "step_s")
    if step > horizon or horizon / step > 1e6:
        raise ValueError(
            f"step_s is {step_s}, must be at most horizon_s, {horizon_s}, and not less than a millionth of it"
        )
    grid = np.arange(round(horizon / step) + 1) * step
    wanted = [positive(s, "recovered_at_s") for s in recovered_at_s]
    offsets_s = np.unique(np.concatenate([grid, wanted]))
    offsets = np.rint(offsets_s * NS).astype(np.int64)
    excess, count = np.empty(len(offsets)), np.empty(len(offsets), np.int64)
    columns = (("sweep_ns", sweeps, "o"), ("time_ns", at, "o"), ("value", values, "a"), ("offsets", offsets, "a"))
    used, left_out = (int(x) for x in run("after", columns, (excess, count)))
    fit = fit_exponential(offsets_s, excess) if used else (Unknown("no sweep that the series covers"),) * 3
    amplitude, tau, r_squared = fit
    first = float(excess[0])
    back = {}
    for s in wanted:
        there = float(excess[int(np.searchsorted(offsets_s, s))])
        known = used and first != 0.0 and first == first and there == there
        back[s] = 1.0 - there / first if known else Unknown("nothing to recover from" if used else "no sweep")
    return Recovery(tau, amplitude, tau * log(2.0), back, r_squared, used, left_out, offsets_s, excess)


def fit_exponential(t: ArrayLike, excess: ArrayLike) -> tuple[float, float, float]:
    """(A, tau, R2) of excess(t) = A e^(-t/tau) by least squares, A by its closed form for each tau; R2 is uncentred.

    Unknown where the excess does not decay within the times given.
    """
    at, y = column(t, "t").astype(np.float64), column(excess, "excess").astype(np.float64)
    same_length(("t", at), ("excess", y))
    kept = np.isfinite(y) & np.isfinite(at)
    at, y = at[kept], y[kept]
    total = float(y @ y)
    if len(y) < 3 or total == 0.0:
        return (Unknown("no excess to fit"),) * 3
    widest, closest = float(np.ptp(at)), float(np.diff(np.unique(at)).min(initial=np.inf))
    if not widest > 0.0:
        return (Unknown("one time only"),) * 3

    def explained(log_tau: float) -> float:
        shape = np.exp(-at / exp(log_tau))
        along = float(y @ shape)
        return along * along / float(shape @ shape)

    taus = np.linspace(log(closest / 50.0), log(100.0 * widest), 200)
    scores = [explained(x) for x in taus]
    best = int(np.argmax(scores))
    if best in (0, len(taus) - 1):
        return (Unknown("the excess does not decay within the horizon" if best else "the excess is gone at once"),) * 3
    log_tau = _refine(at, y, float(taus[best]))
    tau = exp(log_tau)
    shape = np.exp(-at / tau)
    amplitude = float(y @ shape) / float(shape @ shape)
    rest = y - amplitude * shape
    return amplitude, tau, 1.0 - float(rest @ rest) / total


def _refine(at: Floats, y: Floats, log_tau: float) -> float:
    """Gauss-Newton on log tau and A together, halving steps that do not help."""
    shape = np.exp(-at / exp(log_tau))
    amplitude = float(y @ shape) / float(shape @ shape)
    rest = y - amplitude * shape
    for _ in range(100):
        slope = amplitude * shape * at / exp(log_tau)
        jacobian = np.column_stack([shape, slope])
        change = np.linalg.lstsq(jacobian, rest, rcond=None)[0]
        size, before = 1.0, float(rest @ rest)
        while size > 1e-12:
            moved = log_tau + size * change[1]
            new_shape = np.exp(-at / exp(moved)) if abs(moved) < 300 else shape
            new_amplitude = amplitude + size * change[0]
            new_rest = y - new_amplitude * new_shape
            if float(new_rest @ new_rest) < before:
                break
            size *= 0.5
        else:
            return log_tau
        log_tau, amplitude, shape, rest = float(moved), float(new_amplitude), new_shape, new_rest
        if abs(size * change[1]) < 1e-15 * max(1.0, abs(log_tau)):
            break
    return log_tau
