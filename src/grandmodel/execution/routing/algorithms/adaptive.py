"""Adaptive: a schedule's pace, bent by what the book says."""

from __future__ import annotations

from typing import Any

from .algorithm import PATIENCE, Algorithm, Plan
from .implementation_shortfall import ImplementationShortfall
from .parameters import read_choice, read_number
from .parent import Parent
from .signals import BookSignals, book_signals
from .vwap import VWAP

#: By how much the signals bend a slice, by urgency (this project's choice).
STRENGTH = {"low": 0.25, "medium": 0.5, "high": 1.0, "immediate": 1.0}


def tilt(signals: BookSignals | None, usual_spread: float, strength: float) -> float:
    """By which part of itself the next slice grows (positive) or shrinks.

    strength * ((imbalance + microprice) / 2 - wide): both signals are positive where the price is about to run away,
    which is when to be early; `wide` is (spread - usual) / (spread + usual) where that is positive: a wide spread is
    waited out.
    In [-1, 1]; 0 without a book.
    """
    if signals is None:
        return 0.0
    wide = 0.0
    if signals.spread > usual_spread > 0:
        wide = (signals.spread - usual_spread) / (signals.spread + usual_spread)
    return max(-1.0, min(1.0, strength * ((signals.imbalance + signals.microprice) / 2.0 - wide)))


class Adaptive(Algorithm):
    """Implementation shortfall or VWAP whose slices grow when the book leans against the order, and shrink when it
    leans its way or the spread is wide (`tilt`).

    What is filled by a slice's end is never aimed further than `bound` of the order from the schedule's target, and at
    the end not at all; what is filled already stays. A child waits the less the more the book leans against it.

    Parameters
    ----------
    pace : is or vwap; the rest of its parameters are that algorithm's
    bound : float in (0, 1], default 0.1
    """

    name = "adaptive"

    def read(self, config: dict[str, Any]) -> None:
        self.pace = read_choice(config, "pace", "is", ("is", "vwap"))
        bound = read_number(config, "bound", 0.1, 0.0, 1.0, "a fraction of the order in (0, 1]")
        assert bound is not None
        self.bound = bound
        common = {"urgency": self.urgency, "participation_rate": self.participation_rate, "lot_size": self.lot_size}
        own = {key: config.pop(key) for key in _OWN[self.pace] if key in config}
        self.base: Algorithm = (ImplementationShortfall if self.pace == "is" else VWAP)({**common, **own})
        self._spreads = 0.0
        self._looks = 0
        self._tilt = 0.0

    @property
    def cap(self) -> float | None:
        return self.base.cap

    def horizon_ns(self, parent: Parent) -> int:
        return self.base.horizon_ns(parent)

    def planned_left(self, time: Any) -> Any:
        return self.base.planned_left(time)

    def plan(self, parent: Parent) -> Plan:
        return self.base.plan(parent)

    def revise(self, parent: Parent) -> bool:
        return self.base.revise(parent)

    def aim(self, parent: Parent, plan: Plan, k: int) -> int:
        """The schedule's target, bent by the book within the bound; the last one as it is."""
        target, done = self.base.aim(parent, plan, k), parent.filled
        signals = book_signals(parent)
        if signals is not None:
            self._spreads += signals.spread
            self._looks += 1
        self._tilt = tilt(signals, self._spreads / max(1, self._looks), STRENGTH[self.urgency])
        if k + 1 >= len(plan.targets):
            return target
        slack = int(self.bound * parent.quantity)
        bent = done + round((target - done) * (1.0 + self._tilt))
        return max(done, min(parent.quantity, max(target - slack, min(target + slack, bent))))

    def patience(self, parent: Parent) -> float | None:
        return max(0.0, min(1.0, PATIENCE[self.urgency] * (1.0 - self._tilt)))


_OWN = {
    "is": ("risk_aversion", "max_participation", "duration_minutes", "adapt", "forecast_volume", "forecast_volatility"),
    "vwap": ("duration_minutes", "bin_minutes", "curve", "dynamic"),
}
