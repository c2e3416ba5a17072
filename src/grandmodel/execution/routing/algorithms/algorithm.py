"""What every algorithm has in common: its parameters, and the plan that most of them follow.

An algorithm is a class with one coroutine, `run`. Most have no `run` of their own: they say how much by when (`plan`),
and `Algorithm.run` follows that slice by slice, plans anew when the order's terms change, and waits while it is paused.
How much by when comes from the native `schedule` and `trajectories`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .parameters import AlgorithmConfigError, read_choice, read_count, read_number, read_seconds, read_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .parent import Parent

#: Part of a slice's time for which its child waits before it crosses.
PATIENCE = {"low": 0.9, "medium": 0.75, "high": 0.4, "immediate": 0.0}

#: How children are placed.
#: join: at the near touch, following it, then across; post: as join, but never across; improve: a tick inside the
#: spread where there is room, then across; cross: across at once.
PLACEMENTS = ("join", "post", "improve", "cross")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much by when. Slice k begins at `starts[k]`, has until `ends[k]`, and brings what is filled to `targets[k]`.

    Attributes
    ----------
    starts, ends : (n,) int64, UTC nanoseconds, rising
    targets : (n,) int64, steps of the whole parent filled by the end of each slice, rising
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    targets: NDArray[np.int64]


class _Parameters(dict[str, Any]):
    """An algorithm's parameters, and the names of those that were asked for."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.asked: list[str] = []

    def pop(self, name: str, *default: Any) -> Any:
        self.asked.append(name)
        return super().pop(name, *default)


class Algorithm:
    """A way to work a parent order.

    A subclass sets `name`, reads its own parameters in `read`, and gives `plan`, or the coroutine `run` itself. Every
    algorithm takes

    participation_rate : own / (own + others) never exceeds it, by the volume printed since the start; None: no cap
    urgency   : low, medium, high or immediate: for how much of its slice a child waits before it crosses
    placement : join, post, improve or cross (`PLACEMENTS`)
    max_deviation : no new children while the mid is further than this from the arrival mid, against us; None: no bound
    catch_up  : no child is larger than so many slices, however much has been missed; None: no bound
    placement_timeout : seconds that a child waits before it crosses (of post: comes back), if that is sooner; None
    lot_size  : children are multiples of it, the last one carries what is left
    residual  : what is left at the end is released (cancel), or taken (cross) within limit, cap and max_deviation
    seed      : of what it draws
    """

    name: ClassVar[str] = ""
    default_urgency: ClassVar[str] = "medium"
    default_placement: ClassVar[str] = "join"

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        config = _Parameters(parameters)
        self.urgency = read_choice(config, "urgency", self.default_urgency, tuple(PATIENCE))
        self.placement = read_choice(config, "placement", self.default_placement, PLACEMENTS)
        self.participation_rate = read_share(config, "participation_rate")
        self.max_deviation = read_number(config, "max_deviation", None, 0.0, 1.0, "a fraction of the price in (0, 1]")
        self.catch_up = read_number(config, "catch_up", 4.0, 0.999_999, 1e9, "slices, at least 1")
        self.placement_timeout = read_seconds(config, "placement_timeout", None)
        lot = read_count(config, "lot_size", 1, 1, 2**53, "a whole number of steps from 1 up")
        assert lot is not None
        self.lot_size = lot
        self.residual = read_choice(config, "residual", "cancel", ("cancel", "cross"))
        self.seed = config.pop("seed", 0)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise AlgorithmConfigError("seed", self.seed, "an int from 0 to 2**63 - 1")
        self.read(config)
        if config:
            from difflib import get_close_matches

            key = next(iter(config))
            near = get_close_matches(str(key), config.asked, 1)
            raise AlgorithmConfigError(
                str(key),
                config[key],
                f"left out: {self.name} has no such parameter" + (f"; did you mean {near[0]!r}?" if near else ""),
            )

    def read(self, config: dict[str, Any]) -> None:
        """Takes this algorithm's own parameters out of `config`."""

    @property
    def cap(self) -> float | None:
        """The share of the printed volume that is never exceeded; None: there is none."""
        return self.participation_rate

    def horizon_ns(self, parent: Parent) -> int:
        """How long the order may take, in ns; 0: at once."""
        return 0

    def planned_left(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """The part that is planned to be left at parts of its time (0 to 1), for estimates: a straight line unless an
        algorithm says otherwise."""
        left: NDArray[np.float64] = 1.0 - time
        return left

    def plan(self, parent: Parent) -> Plan:
        """How much by when, of what is left now, until `parent.end_ns`."""
        raise TypeError(f"{type(self).__name__} has neither a plan nor a coroutine `run` of its own")

    def aim(self, parent: Parent, plan: Plan, k: int) -> int:
        """Steps to be filled by the end of slice `k` of the plan, seen from its begin: the plan's target."""
        return int(plan.targets[k])

    def revise(self, parent: Parent) -> bool:
        """Asked before each slice but the first: is what is left to be planned anew?"""
        return False

    def patience(self, parent: Parent) -> float | None:
        """The part of its slice for which a child waits before it crosses; None: as the urgency has it."""
        return None

    async def run(self, parent: Parent) -> None:
        """Works the parent until it is filled or its time is over: follows the plan, anew when terms change."""
        while not parent.is_over and not await parent.follow(self.plan(parent)):
            await parent.while_paused()
