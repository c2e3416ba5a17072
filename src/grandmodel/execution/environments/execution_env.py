"""One parent order as a `gymnasium.Env`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .actions import action_reader, action_space
from .day import Day
from .episode import ENDS, Episode
from .observation import observation_space
from .values import need, read_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..analytics.execution_cost import ExecutionCost

_gymnasium = need("gymnasium")

#: The largest seed.
SEED_MAX = 2**63 - 1


class ExecutionEnv(_gymnasium.Env):  # type: ignore[misc, name-defined, unused-ignore]
    """Works one parent order in a market, decision by decision, over the engine that trades.

    Parameters
    ----------
    day     : `SyntheticDay` (the default) or `RecordedDay`
    episode : `Episode`, or its terms as a mapping
    actions : "discrete", MultiDiscrete (6, 4), or "continuous", Box (2,); see `actions`
    config  : mapping or YAML file of the engine's limits

    An episode is terminated when the order is filled or its horizon is over; it is never truncated. `reset(seed=n)`
    begins episode n; without a seed the next one in the chain that it began. Each step's info has the costs so far in
    bps (shortfall, delay, trading, opportunity, fees: the first is the sum of the others), filled, left, and refused
    children; the last one `end` ("filled", "time", "closed": ended by somebody else) and `unfilled`.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  (as Gymnasium has it)

    def __init__(
        self, day: Day | None = None, episode: Episode | dict[str, Any] | None = None, *, actions: str = "discrete",
        config: Any = None, render_mode: None = None,
    ) -> None:  # fmt: skip
        if render_mode is not None:
            raise ValueError(f"render_mode is {render_mode!r}, must be None: there is nothing to look at")
        self.render_mode = None
        self.episode = Episode(**episode) if isinstance(episode, dict) else episode or Episode()
        self._read = action_reader(actions)
        self.stage = self.episode.make(day, config)
        self.core = self.stage.core
        self.action_space = action_space(actions)
        self.observation_space = observation_space()
        self._begun = self._closed = False
        self._done = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begins an episode; the first observation, and {seed, side, quantity}. Its market begins with a quote."""
        if self._closed:
            raise RuntimeError("the environment is closed")
        if seed is not None:
            seed = read_whole("seed", seed, 0, SEED_MAX)
            super().reset(seed=seed)
        elif self._begun:
            seed = self.stage.next_seed()
        else:
            seed = int(self.np_random.integers(0, SEED_MAX, endpoint=True))
        observation = self.stage.begin(seed)
        self._begun, self._done = True, False
        side, quantity, _ = self.stage.order()
        return observation, {"seed": seed, "side": side, "quantity": quantity}

    def step(self, action: Any) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Acts, and lives on to the next decision."""
        if self._done:
            raise RuntimeError("the episode is over, or has not begun: reset() begins one")
        observation, reward, done = self.stage.step_one(*self._read(action))
        info = self.stage.costs()
        if done:
            self._done = True
            info["end"], info["unfilled"] = ENDS[done], info["left"]
            return observation, reward, True, False, info
        return observation, reward, False, False, info

    def cost(self) -> ExecutionCost:
        """What the engine's own analysis says that the order cost, from the log; of an episode that is over."""
        from ..analytics.execution_cost import execution_cost

        return execution_cost(self.core, self.stage.parent_id(), int(self.stage.figures()[8]))

    def journal_sha256(self) -> str:
        """Hash of the episode's log so far: equal for equal seeds and actions."""
        digest: str = self.core.journal.sha256()
        return digest

    def close(self) -> None:
        """Closes the engine. Closing twice is allowed."""
        self._done = self._closed = True
        self.core.close()
