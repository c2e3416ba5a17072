"""What an action means: how much of the schedule's next slice, and where. The same in an episode and live.

A pace of 1 asks for what the schedule trades of what is left until the next decision, 2 for twice that, infinity for
all of it. What rests at the price that is asked for again keeps its place in the queue; everything else is withdrawn
first. Whatever is asked, no child is larger than what is left or than the limits on one order let be, and the risk gate
looks at each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .values import need

#: Multiples of the schedule's slice, by the first number of a discrete action.
PACES: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5, 2.0, math.inf)
#: By the second: at the near touch, a tick inside where there is room, at the mid (off it where that is no tick), or
#: across, up to 5 bps beyond the far touch.
PLACEMENTS: tuple[str, ...] = ("post", "improve", "mid", "cross")
REACH = len(PLACEMENTS)
#: Kinds of action spaces.
ACTIONS = ("discrete", "continuous")

#: (pace, placement, reach): what the native side takes.
Intent = tuple[float, int, float]


def read_discrete(action: Any) -> Intent:
    """MultiDiscrete (6, 4): a place in `PACES` and one in `PLACEMENTS`. ValueError otherwise."""
    try:
        pace, place = action
        if pace >= 0 and place >= 0:
            return PACES[pace], range(REACH)[place], 0.0
    except (TypeError, ValueError, IndexError):
        pass
    raise ValueError(f"action is {action!r}, must be two whole numbers, from 0 to 5 and from 0 to 3")


def read_continuous(action: Any) -> Intent:
    """Box (2,) from -1 to 1: the pace less 1, and where between near touch (-1), mid (0) and far touch (1, taken)."""
    try:
        pace, reach = action
        if -1.0 <= pace <= 1.0 and -1.0 <= reach <= 1.0:
            return 1.0 + float(pace), REACH, float(reach)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"action is {action!r}, must be two numbers from -1 to 1")


def action_space(kind: str) -> Any:
    """The space of a kind of actions."""
    spaces = need("gymnasium.spaces")
    if kind == "discrete":
        return spaces.MultiDiscrete([len(PACES), len(PLACEMENTS)])
    return spaces.Box(-1.0, 1.0, (2,), np.float32)


def action_reader(kind: str) -> Callable[[Any], Intent]:
    """What reads the actions of a kind. ValueError where there is none of that name."""
    if kind not in ACTIONS:
        raise ValueError(f"actions is {kind!r}, must be one of {', '.join(ACTIONS)}")
    return read_discrete if kind == "discrete" else read_continuous
