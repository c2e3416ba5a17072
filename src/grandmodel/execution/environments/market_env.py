"""Several agents in one market as a `pettingzoo.ParallelEnv`: parent orders, and makers of quotes.

All send to one engine, through the same risk gate; each has an account of its own. Within a step they act one after the
other, and who is first changes from step to step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .actions import action_reader, action_space
from .day import Day
from .episode import ENDS, Episode
from .execution_env import SEED_MAX
from .observation import observation_space
from .values import need, read_number, read_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

_pettingzoo = need("pettingzoo")

#: Where a maker quotes, by each number of its action: not at all, or so many ticks behind the near touch (-1: inside).
QUOTES: tuple[int, ...] = (-2, -1, 0, 1, 2)


class MarketEnv(_pettingzoo.ParallelEnv):  # type: ignore[misc, name-defined, unused-ignore]
    """Executing agents ``executor_0``, ... and makers ``maker_0``, ... in one market.

    An executor's observation, action and reward are `ExecutionEnv`'s. A maker keeps a bid and an ask of `clip` shares:
    its action is MultiDiscrete (5, 5), places in `QUOTES` of both; it posts only, and quotes no side on which a fill
    would take it beyond `max_position`. Its reward is the change of cash and position at the mid, in bps of
    clip x first mid, less `aversion` * (position / max_position)^2. Its position is not closed at the end.

    Parameters
    ----------
    executors, makers : how many
    day, episode, actions, config : as `ExecutionEnv` takes them; the episode's steps are all agents'
    max_cycles   : decisions, instead of the episode's
    clip, max_position, aversion : of each maker
    sharing : each executor's reward is (1 - sharing) of its own and sharing of all executors' mean: 0 competes, 1
        cooperates (Bao and Liu 2019)
    """

    metadata: dict[str, Any] = {"name": "grandmodel_market_v0", "render_modes": []}  # noqa: RUF012  (as PettingZoo has it)

    def __init__(
        self, executors: int = 2, makers: int = 1, day: Day | None = None,
        episode: Episode | dict[str, Any] | None = None, *, actions: str = "discrete", config: Any = None,
        max_cycles: int | None = None, clip: int = 100, max_position: int = 1000, aversion: float = 0.0,
        sharing: float = 0.0, render_mode: None = None,
    ) -> None:  # fmt: skip
        from dataclasses import replace

        terms = Episode(**episode) if isinstance(episode, dict) else episode or Episode()
        self.episode = terms if max_cycles is None else replace(terms, steps=max_cycles)
        self.render_mode = None
        self._sharing = read_number("sharing", sharing, 0.0, 1.0, "a number from 0 to 1")
        self._executors = read_whole("executors", executors, 0, 32)
        made = read_whole("makers", makers, 0, 32 - self._executors)
        if self._executors + made == 0:
            raise ValueError("executors and makers are 0, must be one agent at least")
        read = action_reader(actions)
        works = {"kappa": self.episode.kappa, "penalty": self.episode.penalty}
        quotes = {
            "makes": True, "clip": read_whole("clip", clip, 1, 2**31 - 1),
            "quantity": read_whole("max_position", max_position, 1, 2**31 - 1),
            "penalty": read_number("aversion", aversion, 0.0, 1e9, "a number from 0 to 1e9"),
        }  # fmt: skip
        self.stage = self.episode.make(day, config, [works] * self._executors + [quotes] * made)
        self.core = self.stage.core
        self.possible_agents = [f"executor_{k}" for k in range(self._executors)] + [f"maker_{k}" for k in range(made)]
        self.agents: list[str] = []
        self._seats = {agent: seat for seat, agent in enumerate(self.possible_agents)}
        spaces = need("gymnasium.spaces")
        self.observation_spaces = {agent: observation_space() for agent in self.possible_agents}
        self.action_spaces = {
            agent: action_space(actions) if seat < self._executors else spaces.MultiDiscrete([len(QUOTES)] * 2)
            for agent, seat in self._seats.items()
        }
        self._read = {
            agent: read if seat < self._executors else _read_quotes for agent, seat in self._seats.items()
        }  # fmt: skip
        self._begun = self._closed = False
        self._random = np.random.default_rng()

    def observation_space(self, agent: str) -> Any:
        """Box (17,) of an agent."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """An agent's space of actions."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, dict[str, Any]]]:
        """Begins episode `seed`; without one the next of its chain, at first any."""
        if self._closed:
            raise RuntimeError("the environment is closed")
        if seed is not None:
            chosen = read_whole("seed", seed, 0, SEED_MAX)
        else:
            chosen = self.stage.next_seed() if self._begun else int(self._random.integers(0, SEED_MAX))
        self.stage.begin(chosen)
        self._begun = True
        self.agents = list(self.possible_agents)
        infos: dict[str, dict[str, Any]] = {agent: {"seed": chosen} for agent in self.agents}
        for agent in self.agents[: self._executors]:
            infos[agent]["side"], infos[agent]["quantity"], _ = self.stage.order(self._seats[agent])
        return {agent: self.stage.observation(self._seats[agent]) for agent in self.agents}, infos

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """All agents that are left act, and the market lives on to the next decision."""
        if not self.agents:
            raise RuntimeError("the episode is over, or has not begun: reset() begins one")
        wrong = set(actions) ^ set(self.agents)
        if wrong:
            raise ValueError(f"actions differ from the agents that act in {', '.join(sorted(wrong))}")
        wanted = {agent: self._read[agent](actions[agent]) for agent in self.agents}
        for agent, intent in wanted.items():
            self.stage.act(self._seats[agent], *intent)
        self.stage.step()
        acting = self.agents
        rewards = self._rewards(acting)
        ended = {agent: self.stage.done(self._seats[agent]) for agent in acting}
        infos = {agent: self._info(agent, code) for agent, code in ended.items()}
        self.agents = [agent for agent in acting if not ended[agent]]
        return (
            {agent: self.stage.observation(self._seats[agent]) for agent in acting},
            rewards,
            {agent: bool(code) for agent, code in ended.items()},
            dict.fromkeys(acting, False),
            infos,
        )

    def _rewards(self, acting: list[str]) -> dict[str, float]:
        own = {agent: self.stage.reward(self._seats[agent]) for agent in acting}
        works = [agent for agent in acting if self._seats[agent] < self._executors]
        if self._sharing and works:
            mean = sum(own[agent] for agent in works) / self._executors
            for agent in works:
                own[agent] = (1.0 - self._sharing) * own[agent] + self._sharing * mean
        return own

    def _info(self, agent: str, ended: int) -> dict[str, Any]:
        seat = self._seats[agent]
        if seat >= self._executors:
            held = self.core.positions(seat).get(self.core.instruments.symbols.text(0), (0, 0, 0))
            return {"position": held[0]}
        info: dict[str, Any] = self.stage.costs(seat)
        return info | ({"end": ENDS[ended], "unfilled": info["left"]} if ended else {})

    def state(self) -> NDArray[Any]:
        """All agents' observations, one behind the other."""
        return np.concatenate([self.stage.observation(seat) for seat in self._seats.values()])

    def render(self) -> None:
        """There is nothing to look at."""

    def close(self) -> None:
        """Closes the engine."""
        self.agents, self._closed = [], True
        self.core.close()


def _read_quotes(action: Any) -> tuple[int, int, float]:
    try:
        bid, ask = action
        if bid >= 0 and ask >= 0:
            return QUOTES[bid], QUOTES[ask], 0.0
    except (TypeError, ValueError, IndexError):
        pass
    raise ValueError(f"action is {action!r}, must be two whole numbers from 0 to 4")


def parallel_env(**options: Any) -> MarketEnv:
    """A `MarketEnv`, by PettingZoo's name for it."""
    return MarketEnv(**options)


def env(**options: Any) -> Any:
    """The same with agents that act by turns (`pettingzoo.AECEnv`)."""
    utils = need("pettingzoo.utils")
    return utils.wrappers.OrderEnforcingWrapper(utils.parallel_to_aec(MarketEnv(**options)))
