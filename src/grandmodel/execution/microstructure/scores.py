"""How good a market is to trade in, from 0 to 1, and whether to trade now. Definitions of this package, not of the
literature.

Each factor is x / (x + reference) or reference / (reference + x), so a market like its own reference scores 0.5.
Nothing random, nothing learnt: a better figure never lowers a score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from .._core.values import Unknown

#: Exponents of the factors of the liquidity score.
WEIGHTS: dict[str, float] = {"spread": 0.35, "depth": 0.35, "resilience": 0.15, "volume": 0.15}

#: Waits that `optimal_timing` compares, seconds.
WAITS = (15.0, 30.0, 60.0, 120.0, 300.0, 600.0)


def spread_score(spread_bps: float, reference_bps: float = 5.0) -> float:
    """S0 / (S0 + S): S the time-weighted spread, S0 its reference, both in the same unit."""
    return _falling(spread_bps, "spread_bps", reference_bps, "reference_bps")


def depth_score(depth: float, reference_depth: float) -> float:
    """D / (D + D0): D of the thinner side, those far from the mid counting less (`BookAnalysis.depth`), in units; 0
    without depth."""
    return _rising(depth, "depth", reference_depth, "reference_depth")


def resilience_score(half_life: float, reference_half_life: float = 5.0) -> float:
    """tau0 / (tau0 + tau): tau the half-life of the spread's recovery after a sweep, seconds."""
    return _falling(half_life, "half_life", reference_half_life, "reference_half_life")


def volume_score(volume: float, reference_volume: float) -> float:
    """v / (v + v0): v what is traded in some time, v0 what usually is."""
    return _rising(volume, "volume", reference_volume, "reference_volume")


def liquidity_score(
    spread: float,
    depth: float,
    resilience: float | None = None,
    volume: float | None = None,
    *,
    weights: Mapping[str, float] | None = None,
) -> float:
    """The weighted geometric mean of the factors: s_spread^.35 depth^.35 s_res^.15 s_vol^.15.

    A factor that is None or Unknown is left out and the other weights are scaled to sum to one. A factor of 0 makes it
    0.

    Parameters
    ----------
    spread, depth, resilience, volume : scores from 0 to 1
    weights : {factor: weight >= 0}, scaled to sum to one; None: WEIGHTS

    Raises
    ------
    ValueError  naming the factor or weight that is out of range
    """
    used = dict(WEIGHTS if weights is None else weights)
    for name, weight in used.items():
        if name not in WEIGHTS:
            raise ValueError(f"weights has {name!r}, must be of {', '.join(WEIGHTS)}")
        _number(weight, f"weights[{name!r}]", 0.0, math.inf)
    total, logs = 0.0, 0.0
    for name, value in (("spread", spread), ("depth", depth), ("resilience", resilience), ("volume", volume)):
        if value is None or isinstance(value, Unknown):
            continue
        score = _number(value, name, 0.0, 1.0)
        weight = used.get(name, 0.0)
        if weight == 0.0:
            continue
        if score == 0.0:
            return 0.0
        total += weight
        logs += weight * math.log(score)
    return math.exp(logs / total) if total > 0 else Unknown("no factor of the score is known")


class TimingAction(StrEnum):
    """What `optimal_timing` advises."""

    EXECUTE_NOW = "execute_now"
    WAIT = "wait"
    PASSIVE = "passive"


@dataclass(frozen=True, slots=True)
class Timing:
    """Whether to trade now, and what both would cost, in basis points of the mid; positive is bad.

    `wait_seconds` is 0 for execute_now. "wait": the spread is expected to narrow. "passive": it is not, but the
    imbalance points our way, so an order resting at the touch is better than one that takes.
    """

    action: TimingAction
    wait_seconds: float
    cost_now_bps: float
    cost_wait_bps: float
    reason: str

    def __str__(self) -> str:
        return self.action.value if not self.wait_seconds else f"{self.action.value} {self.wait_seconds:g} s"


def optimal_timing(
    spread_bps: float,
    impact_bps: float,
    *,
    reference_spread_bps: float = 5.0,
    sigma_daily: float = 0.0,
    alpha_bps: float = 0.0,
    half_life: float = 5.0,
    risk_weight: float = 0.5,
    session_seconds: float = 23400.0,
    expected_spreads_bps: Mapping[float, float] | None = None,
) -> Timing:
    """Compares the cost now with the expected cost of waiting (a definition of this package).

    now      = S / 2 + impact
    in w s   = E[S(w)] / 2 + impact + risk_weight sigma sqrt(w) - alpha

    Parameters
    ----------
    spread_bps, impact_bps : now; the impact is taken to be the same later
    reference_spread_bps : what the spread comes back to, with `half_life` seconds, where no curve is given
    sigma_daily : a fraction; scaled by sqrt(w / session_seconds)
    alpha_bps : what the imbalance lets expect of the mid, positive where it comes our way
    expected_spreads_bps : {wait in seconds: expected spread}, from a curve of the day; its waits are compared then

    Raises
    ------
    ValueError  naming the value that is out of range. Where spread or impact is Unknown the costs are, and the action
    is to wait, and to look again.
    """
    unknown = next((value for value in (spread_bps, impact_bps) if isinstance(value, Unknown)), None)
    if unknown is not None:
        return Timing(TimingAction.WAIT, min(WAITS), unknown, unknown, f"no cost to compare: {unknown.reason}")
    spread = _number(spread_bps, "spread_bps", 0.0, math.inf)
    impact = _number(impact_bps, "impact_bps", 0.0, math.inf)
    reference = _number(reference_spread_bps, "reference_spread_bps", 0.0, math.inf)
    sigma = _number(sigma_daily, "sigma_daily", 0.0, math.inf) * 1e4
    alpha = _number(alpha_bps, "alpha_bps", -math.inf, math.inf)
    tau = _number(half_life, "half_life", 0.0, math.inf) / math.log(2.0)
    weight = _number(risk_weight, "risk_weight", 0.0, math.inf)
    session = _number(session_seconds, "session_seconds", 1e-9, math.inf)
    if expected_spreads_bps is None:
        later = {w: reference + (spread - reference) * (math.exp(-w / tau) if tau > 0 else 0.0) for w in WAITS}
    else:
        later = {
            _number(w, "a wait", 1e-9, math.inf): _number(s, "an expected spread", 0.0, math.inf)
            for w, s in expected_spreads_bps.items()
        }
        if not later:
            raise ValueError("expected_spreads_bps is empty")
    now = spread / 2.0 + impact
    costs = {w: s / 2.0 + impact + weight * sigma * math.sqrt(w / session) - alpha for w, s in later.items()}
    best = min(costs, key=lambda w: (costs[w], w))
    if costs[best] >= now:
        return Timing(TimingAction.EXECUTE_NOW, 0.0, now, costs[best], "waiting is not expected to be cheaper")
    if later[best] < spread:
        return Timing(TimingAction.WAIT, best, now, costs[best], "the spread is expected to narrow")
    return Timing(TimingAction.PASSIVE, best, now, costs[best], "the imbalance points our way")


def _number(value: Any, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise TypeError(f"{name} is {value!r}, must be a number")
    if not low <= value <= high or math.isinf(value):
        raise ValueError(f"{name} is {value!r}, must be finite and from {low:g} to {high:g}")
    return float(value)


def _falling(value: Any, name: str, reference: Any, reference_name: str) -> float:
    if isinstance(value, Unknown):
        return value
    scale = _number(reference, reference_name, 1e-300, math.inf)
    return scale / (scale + _number(value, name, 0.0, math.inf))


def _rising(value: Any, name: str, reference: Any, reference_name: str) -> float:
    if isinstance(value, Unknown):
        return value
    scale = _number(reference, reference_name, 1e-300, math.inf)
    number = _number(value, name, 0.0, math.inf)
    return number / (number + scale)
