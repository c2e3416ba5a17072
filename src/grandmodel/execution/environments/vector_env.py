"""Many parent orders as a `gymnasium.vector.VectorEnv`, stepped by native threads without the GIL."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .._core.environment import FIGURES, OBSERVATION, Crew
from .actions import PACES, REACH, action_reader, action_space
from .day import Day
from .episode import ENDS, Episode
from .execution_env import SEED_MAX
from .observation import observation_space
from .values import need, read_whole

_vector = need("gymnasium.vector")

#: Keys of a final info, with their places in `Stage.figures`.
_FINAL = ("shortfall_bps", "delay_bps", "trading_bps", "opportunity_bps", "fees_bps", "filled", "left", "refused")


class ExecutionVectorEnv(_vector.VectorEnv):  # type: ignore[misc, name-defined, unused-ignore]
    """`num_envs` episodes over as many engines, each as an `ExecutionEnv` of the same terms and seed.

    Who ends begins its next episode in the same step (AutoresetMode.SAME_STEP): its observation is the new one's, what
    it saw last is row i of info ``final_obs``, and its costs are arrays in ``final_info``, where ``_final_info`` says
    which rows count.

    Parameters
    ----------
    num_envs : episodes at once
    threads  : that step them; None: as many as there are processors
    day, episode, actions, config : as `ExecutionEnv` takes them
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  (as Gymnasium has it)
        "render_modes": [], "autoreset_mode": _vector.AutoresetMode.SAME_STEP
    }  # fmt: skip

    def __init__(
        self, num_envs: int, day: Day | None = None, episode: Episode | dict[str, Any] | None = None, *,
        actions: str = "discrete", config: Any = None, threads: int | None = None,
    ) -> None:  # fmt: skip
        from gymnasium.vector.utils import batch_space

        self.num_envs = n = read_whole("num_envs", num_envs, 1, 65_536)
        count = len(os.sched_getaffinity(0)) if threads is None else read_whole("threads", threads, 1, 1024)
        self.episode = Episode(**episode) if isinstance(episode, dict) else episode or Episode()
        action_reader(actions)
        self.actions = actions
        self.stages = [self.episode.make(day, config) for _ in range(n)]
        self._crew = Crew(self.stages, min(count, n))
        self.single_action_space, self.single_observation_space = action_space(actions), observation_space()
        self.action_space = batch_space(self.single_action_space, n)
        self.observation_space = batch_space(self.single_observation_space, n)
        self._wanted = np.zeros((n, 3))
        self._rows, self._last = (np.zeros((n, OBSERVATION), np.float32) for _ in range(2))
        self._rewards, self._ended, self._figures = np.zeros(n), np.zeros(n, np.int8), np.zeros((n, FIGURES))
        self._paces = np.array(PACES)
        self._begun = False

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begins all episodes: of seed, seed + 1, ...; of a list of seeds; or the next ones (at first: any)."""
        n = self.num_envs
        if self.closed:
            raise RuntimeError("the environment is closed")
        if seed is None or isinstance(seed, list):
            given: list[int | None] = [None] * n if seed is None else seed
            if len(given) != n:
                raise ValueError(f"seed has {len(given)} numbers, must have {n}")
        else:
            given = [(read_whole("seed", seed, 0, SEED_MAX) + place) % (SEED_MAX + 1) for place in range(n)]
            super().reset(seed=int(given[0] or 0))
        seeds = np.array([self._seed(place, each) for place, each in enumerate(given)], np.uint64)
        self._crew.begin(seeds, self._rows, self._ended)
        self._begun = True
        return self._rows.copy(), {"seed": seeds.astype(np.int64)}

    def _seed(self, place: int, given: int | None) -> int:
        if given is not None:
            return read_whole(f"seed[{place}]", given, 0, SEED_MAX)
        return self.stages[place].next_seed() if self._begun else int(self.np_random.integers(0, SEED_MAX))

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """A step of each; actions (n, 2)."""
        if self.closed:
            raise RuntimeError("the environment is closed")
        if not self._begun:
            raise RuntimeError("no episode has begun: reset() begins them")
        self._take(actions)
        self._crew.step(self._wanted, self._rows, self._rewards, self._ended, self._last, self._figures)
        ended = self._ended != 0
        info = self._final(ended) if ended.any() else {}
        return self._rows.copy(), self._rewards.copy(), ended, np.zeros(self.num_envs, np.bool_), info

    def _take(self, actions: Any) -> None:
        """The actions as pace, place and reach. ValueError where one is outside the space."""
        given = np.asarray(actions)
        discrete = self.actions == "discrete"
        if given.shape != (self.num_envs, 2) or given.dtype.kind not in ("iu" if discrete else "fiu"):
            must = f"{'whole numbers' if discrete else 'numbers'} of shape ({self.num_envs}, 2)"
            raise ValueError(f"actions are {given.dtype} of shape {given.shape}, must be {must}")
        first, second = given[:, 0], given[:, 1]
        if discrete:
            if not (given.min() >= 0 and first.max() < len(PACES) and second.max() < REACH):
                raise ValueError("actions has a row outside of 0 to 5 and 0 to 3")
            self._wanted[:, 0], self._wanted[:, 1] = self._paces[first], second
        else:
            if not (np.abs(given) <= 1.0).all():
                raise ValueError("actions has a number that is not from -1 to 1")
            self._wanted[:, 0], self._wanted[:, 1], self._wanted[:, 2] = 1.0 + first, REACH, second

    def _final(self, ended: Any) -> dict[str, Any]:
        info: dict[str, Any] = {name: self._figures[:, place].copy() for place, name in enumerate(_FINAL)}
        info["end"] = np.array([ENDS[code] for code in self._ended])
        return {"final_obs": self._last.copy(), "_final_obs": ended, "final_info": info, "_final_info": ended}

    def close_extras(self, **kwargs: Any) -> None:
        """Closes the engines."""
        for stage in self.stages:
            stage.core.close()
