"""Volume-weighted average price: as much by when as the market usually trades by then."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core import schedule
from .algorithm import Algorithm, Plan
from .forecast import VolumeForecast
from .hours import volume_curve
from .parameters import AlgorithmConfigError, read_duration, read_slices
from .parent import MINUTE_NS, Parent
from .twap import slices_left


class VWAP(Algorithm):
    """Follows a curve of the day's volume over `duration_minutes` (QUANT: static VWAP, cumulative rounding).

    The curve is the default of half-hours over the regular sessions (`volume_curve`), or the `curve` given for the
    window: `historical_volume_curve` makes one from days. `dynamic`: before each bin the rest of the curve is forecast
    anew from what others have printed so far (`VolumeForecast`), and the bin gets its part of what is left of the
    order.
    `participation_rate` caps what is done by the volume printed so far.

    Parameters
    ----------
    duration_minutes : float > 0
    participation_rate : float in (0, 1], or None
    max_deviation : float, no new children while the mid is further than this from arrival, against us
    bin_minutes : float, minutes a slice; default 5, at most the duration
    curve : sequence of volume fractions over the window, any positive scale; None: the default curve
    dynamic : bool, default False
    """

    name = "vwap"

    def read(self, config: dict[str, Any]) -> None:
        self.duration_minutes = read_duration(config)
        self.bins = read_slices(config, "bin_minutes", min(5.0, self.duration_minutes), self.duration_minutes)
        self.curve = _read_curve(config.pop("curve", None))
        self.dynamic = config.pop("dynamic", False)
        if not isinstance(self.dynamic, bool):
            raise AlgorithmConfigError("dynamic", self.dynamic, "True or False")
        self._forecast: VolumeForecast | None = None
        self._carry, self._printed = 0.0, 0

    def horizon_ns(self, parent: Parent) -> int:
        return round(self.duration_minutes * MINUTE_NS)

    def plan(self, parent: Parent) -> Plan:
        now, end, filled = parent.plan_begin_ns, parent.plan_end_ns, parent.filled
        bins = slices_left(self.bins, now - parent.start_ns, end - now, self.horizon_ns(parent))
        edges = now + np.linspace(0, end - now, bins + 1).astype(np.int64)
        fractions = self._fractions(edges, parent.start_ns, end)
        targets = filled + schedule.vwap_slices(parent.quantity - filled, fractions, self.lot_size).cumsum()
        self._forecast, self._carry = VolumeForecast(fractions), 0.0
        return Plan(edges[:-1], edges[1:], targets)

    def aim(self, parent: Parent, plan: Plan, k: int) -> int:
        """Of a dynamic one: this bin's part, by the forecast, of what is left (QUANT: q_k = R_k u_k / sum of u)."""
        if not self.dynamic or self._forecast is None:
            return int(plan.targets[k])
        printed = parent.others_volume()
        if k > 0:
            self._forecast.saw(printed - self._printed)
        self._printed = printed
        left, fractions = parent.quantity - parent.filled, self._forecast.remaining()
        if fractions.sum() <= 0:
            return int(plan.targets[k])
        quantity, self._carry = schedule.vwap_next(left, fractions, self._carry, None, self.lot_size)
        return parent.filled + quantity

    def _fractions(self, edges: np.ndarray[Any, Any], start_ns: int, end_ns: int) -> np.ndarray[Any, Any]:
        """The share of volume in each bin; a curve that was given lies over the whole window."""
        if self.curve is None:
            return volume_curve(edges)
        cumulative = np.concatenate(([0.0], self.curve.cumsum()))
        at = (edges - start_ns) / (end_ns - start_ns) * len(self.curve)
        shares = np.diff(np.interp(at, np.arange(len(cumulative)), cumulative))
        return shares if shares.sum() > 0 else np.diff(edges).astype(np.float64)


def _read_curve(curve: object) -> np.ndarray[Any, Any] | None:
    if curve is None:
        return None
    try:
        given: np.ndarray[Any, Any] = np.asarray(curve, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise AlgorithmConfigError("curve", curve, "a sequence of numbers") from None
    with np.errstate(over="ignore"):
        total = given.sum()
    if given.ndim != 1 or given.size == 0 or not (given >= 0).all() or not 0 < total < np.inf:
        raise AlgorithmConfigError("curve", curve, "a non-empty sequence of numbers from 0 up, not all 0")
    shares: np.ndarray[Any, Any] = given / total
    return shares
