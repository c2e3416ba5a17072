"""What policies cost on the same episodes: shortfall with its interval, tails, completion, price advantage.

Costs are bps of quantity x decision price, positive bad, with what stayed unfilled at the end's mid. PA is the average
price's advantage to the mean of the episode's mids, positive good: the opposite sign (Fang et al. 2021, as in qlib);
GLR its mean gain over its mean loss. Differences are to the first policy, episode by episode.

Synthetic episodes of different seeds are independent. Windows of a recorded day are not: those that begin within the
same half hour count as one sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.values import Unknown
from ..analytics.significance import Difference, Interval, mean_interval, paired_difference, tail_mean
from .baselines import BASELINES, Called, Policy
from .day import Day, RecordedDay
from .episode import Episode, pa_bps
from .execution_env import SEED_MAX
from .values import read_whole

#: Windows of a recording that begin within so long are one sample.
BLOCK_NS = 30 * 60 * 10**9
#: Called with (episodes done, all).
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Score:
    """A policy's episodes.

    Attributes
    ----------
    cost      : mean shortfall and its interval, bps
    deviation : of the shortfalls (n - 1)
    tail_bps, worst_bps : means of the costliest 5 % (CVaR) and 1 %
    completion: filled / ordered, mean
    pa_bps, glr : price advantage, mean; gain to loss ratio. Unknown where nothing was filled, lost or gained
    refused   : children refused, an episode
    difference: to the first policy, bps; None of itself
    """

    policy: str
    episodes: int
    cost: Interval
    deviation: float
    tail_bps: float
    worst_bps: float
    completion: float
    pa_bps: float
    glr: float
    refused: float
    difference: Difference | None


def evaluate(
    policies: Mapping[str, Policy | str | Callable[[Any], Any]],
    *,
    day: Day | None = None,
    episode: Episode | None = None,
    config: Any = None,
    actions: str = "discrete",
    episodes: int = 200,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Score]:
    """Plays the episodes of `seed`, `seed` + 1, ... with each policy.

    Parameters
    ----------
    policies : by label: a `Policy`, the name of a baseline, or a callable: observation (17,) in, action out; one with
        a method `begin` is told the seed of each episode
    day, episode, config, actions : as `ExecutionEnv` takes them; actions of callables
    """
    if not policies:
        raise ValueError("policies is empty, must have one entry at least")
    count = read_whole("episodes", episodes, 1, 10**7)
    first = read_whole("seed", seed, 0, SEED_MAX - count)
    stage = (episode or Episode()).make(day, config)
    made = [_policy(label, given, actions) for label, given in policies.items()]
    figures, begins = np.empty((len(made), count, 5)), np.empty(count, np.int64)
    try:
        for k in range(count):
            for place, policy in enumerate(made):
                figures[place, k] = _play(stage, policy, first + k)
                if progress is not None:
                    progress(k * len(made) + place + 1, count * len(made))
            begins[k] = stage.place[2]
    finally:
        stage.core.close()
    blocks = begins // BLOCK_NS if isinstance(day, RecordedDay) else np.arange(count)
    firsts = [None, *[figures[0]] * (len(made) - 1)]
    return [_score(*each, blocks) for each in zip(policies, figures, firsts, strict=True)]


def _policy(label: str, given: Any, actions: str) -> Policy:
    if isinstance(given, Policy):
        return given
    if isinstance(given, str):
        if given not in BASELINES:
            raise ValueError(f"policy {label!r} is {given!r}, must be one of {', '.join(BASELINES)}, or a callable")
        return BASELINES[given]()
    if not callable(given):
        raise TypeError(f"policy {label!r} is {type(given).__name__}, must be callable")
    return Called(given, actions)


def _play(stage: Any, policy: Policy, seed: int) -> tuple[float, float, float, float, float]:
    """(shortfall, completion, PA, refused, 1 if anything was filled) of an episode."""
    observation, done = stage.begin(seed), 0
    policy.begin(stage, seed)
    while not done:
        observation, _, done = stage.step_one(*policy.intend(stage, observation))
    figures = stage.figures()
    filled, left = figures[5], figures[6]
    side, quantity, decision = stage.order()
    stage.run_out()
    advantage = math.nan
    if filled > 0:
        # the delay and trading parts are the average price's distance from the decision price
        average = decision * (1.0 + side * (figures[1] + figures[2]) / 1e4 * quantity / filled)
        advantage = pa_bps(side, average, stage.figures()[9])
    return figures[0], filled / (filled + left), advantage, figures[7], float(filled > 0)


def _score(label: str, rows: Any, first: Any, blocks: Any) -> Score:
    costs, advantages = rows[:, 0], rows[rows[:, 4] > 0, 2]
    gains, losses = advantages[advantages > 0], advantages[advantages < 0]
    return Score(
        policy=label,
        episodes=len(rows),
        cost=mean_interval(costs, blocks=blocks),
        deviation=float(costs.std(ddof=1)) if len(costs) > 1 else Unknown("one episode tells no deviation"),
        tail_bps=tail_mean(costs),
        worst_bps=tail_mean(costs, 0.01),
        completion=float(rows[:, 1].mean()),
        pa_bps=float(advantages.mean()) if len(advantages) else Unknown("nothing was filled"),
        glr=float(gains.mean() / -losses.mean()) if len(gains) and len(losses) else Unknown("no gain, or no loss"),
        refused=float(rows[:, 3].mean()),
        difference=None if first is None else paired_difference(costs, first[:, 0], blocks=blocks),
    )
