"""What a policy is measured by: TWAP, VWAP and Almgren-Chriss as followers of their schedules, and chance.

The followers cross, slice by slice, so that they complete; each asks for the part of what is left that its schedule
trades until the next decision.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .actions import PACES, PLACEMENTS, Intent, action_reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._core.environment import Stage

#: Almgren-Chriss' kappa * T: at half of its time a quarter of the order is left.
KAPPA = 2.0
_CROSS = PLACEMENTS.index("cross")


class Policy(ABC):
    """A policy over episodes: `begin` at each begin, then `intend` at each decision."""

    name: ClassVar[str] = ""

    def begin(self, stage: Stage, seed: int) -> None:  # noqa: B027 - most have nothing to prepare
        """An episode has begun."""

    @abstractmethod
    def intend(self, stage: Stage, observation: NDArray[Any]) -> Intent:
        """(pace, placement, reach) of the next step."""


class _Follower(Policy):
    """Follows a schedule, given as the part of it that is left at a time from 0 to 1."""

    @abstractmethod
    def left(self, stage: Stage, time: float) -> float:
        """The part of the order that the schedule has left at `time`."""

    def intend(self, stage: Stage, observation: NDArray[Any]) -> Intent:
        step, steps, _ = stage.place
        now, then = self.left(stage, step / steps), self.left(stage, (step + 1) / steps)
        return (1.0 - then / now) / stage.slice() if now > 0.0 else PACES[-1], _CROSS, 0.0


class Twap(_Follower):
    """As much at each decision."""

    name = "twap"

    def left(self, stage: Stage, time: float) -> float:
        return 1.0 - time


class AlmgrenChriss(_Follower):
    """sinh(kappa (1 - t)) / sinh(kappa), with kappa * T of 2 (Almgren and Chriss 2000, eq. 17)."""

    name = "almgren_chriss"

    def left(self, stage: Stage, time: float) -> float:
        return float(np.sinh(KAPPA * (1.0 - time)) / np.sinh(KAPPA))


class Vwap(_Follower):
    """By the usual volume of the time of day (`DEFAULT_VOLUME_CURVE`) where decisions are apart in time and the market
    has sessions. Where they are counted in messages the market's own clock says when, and each decision is as good."""

    name = "vwap"

    def begin(self, stage: Stage, seed: int) -> None:
        self._left = _volume_left(stage)

    def left(self, stage: Stage, time: float) -> float:
        return 1.0 - time if self._left is None else self._left(time)


def _volume_left(stage: Stage) -> Callable[[float], float] | None:
    """The part of the horizon's usual volume that is left, by time; None: no session is known, or no times are."""
    from .._core.schedule import DEFAULT_VOLUME_CURVE
    from ..sessions import ALWAYS_OPEN, session, session_date

    _, steps, begin_ns = stage.place
    calendar = stage.core.instruments.calendar(stage.core.instruments.symbols.text(0))
    if stage.interval_ns == 0 or calendar == ALWAYS_OPEN:
        return None
    hours = session(calendar, session_date(begin_ns, calendar))
    if hours is None:
        return None
    curve = np.concatenate([[0.0], np.cumsum(DEFAULT_VOLUME_CURVE)])
    edges = np.linspace(0.0, hours.close_ns - hours.open_ns, len(curve))
    begin, horizon = begin_ns - hours.open_ns, steps * stage.interval_ns
    low, high = np.interp([begin, begin + horizon], edges, curve)
    if high <= low:
        return None
    return lambda time: float((high - np.interp(begin + time * horizon, edges, curve)) / (high - low))


class Chance(Policy):
    """Each action as likely, drawn from the episode's seed."""

    name = "random"

    def begin(self, stage: Stage, seed: int) -> None:
        self._draw = np.random.default_rng(seed)

    def intend(self, stage: Stage, observation: NDArray[Any]) -> Intent:
        return PACES[self._draw.integers(len(PACES))], int(self._draw.integers(len(PLACEMENTS))), 0.0


class Called(Policy):
    """Anybody's callable: an observation in, an action of the environment's space out."""

    def __init__(self, function: Callable[[NDArray[Any]], Any], actions: str = "discrete") -> None:
        self._function, self._read = function, action_reader(actions)

    def begin(self, stage: Stage, seed: int) -> None:
        begin = getattr(self._function, "begin", None)  # one that remembers, or draws
        if callable(begin):
            begin(seed)

    def intend(self, stage: Stage, observation: NDArray[Any]) -> Intent:
        return self._read(self._function(observation))


BASELINES: dict[str, type[Policy]] = {each.name: each for each in (Twap, Vwap, AlmgrenChriss, Chance)}
