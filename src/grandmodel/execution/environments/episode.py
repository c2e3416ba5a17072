"""What an episode is: one parent order, how many decisions it has and when, and what counts besides its cost.

Reward of a step: minus the change of the order's shortfall in bps of quantity x decision mid, what is left valued at
the mid, less ``penalty * inventory^2 * volatility^2`` (QUANT.md section 7; volatility is the observation's, of one
interval). Without a penalty the rewards of an episode add up to minus its implementation shortfall, as
`analytics.execution_cost` has it. At the end of the horizon what is left is taken through the book; what even that does
not have stays unfilled, and is valued at the mid then.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .day import Day, SyntheticDay
from .values import read_number, read_whole

if TYPE_CHECKING:
    from .._core.environment import Stage

_SIDES = {"buy": 1, "sell": -1, "either": 0}
#: What `Stage.done` tells of an agent's end.
ENDS = ("", "filled", "time", "closed")


@dataclass(frozen=True, slots=True)
class Episode:
    """The terms of an episode.

    Attributes
    ----------
    quantity  : shares of the parent order, or (low, high), drawn from the seed
    side      : buy, sell or either (drawn)
    steps     : decisions
    interval  : seconds between two of them; None: as many messages of the market
    messages  : so many, where `interval` is None
    kappa     : kappa * T of the schedule (Almgren and Chriss 2000): how much earlier than evenly; 0 is TWAP
    penalty   : of what is left, 1 / bps; 0: none
    """

    quantity: int | tuple[int, int] = 2000
    side: str = "either"
    steps: int = 100
    interval: float | None = None
    messages: int = 100
    kappa: float = 0.0
    penalty: float = 0.0

    @property
    def interval_ns(self) -> int:
        """Nanoseconds between decisions; 0: they are counted in messages."""
        if self.interval is None:
            return 0
        seconds = read_number("interval", self.interval, 1e-6, 86_400.0, "seconds from 1e-6 to 86400, or None")
        return round(1e9 * seconds)

    @property
    def quantities(self) -> tuple[int, int]:
        """The smallest and the largest order."""
        given = self.quantity if isinstance(self.quantity, tuple | list) else (self.quantity, self.quantity)
        if len(given) != 2:
            raise ValueError(f"quantity is {self.quantity!r}, must be a whole number, or two: low and high")
        low = read_whole("quantity", given[0], 1, 2**31 - 1)
        return low, read_whole("quantity", given[1], low, 2**31 - 1)

    def make(
        self, day: Day | None = None, config: Any = None, seats: Sequence[Mapping[str, Any]] | None = None
    ) -> Stage:
        """An engine with this episode's agents over a day, ready to begin.

        Parameters
        ----------
        day : None: a synthetic one
        config : mapping, or path of a YAML file: the engine's limits and whatever else it has; venues, market and
            journal are the day's
        seats : arguments of `Stage.add`, one mapping for each agent (accounts and names are given here); None: one
            parent order of these terms
        """
        from .._core.environment import Stage

        if self.side not in _SIDES:
            raise ValueError(f"side is {self.side!r}, must be one of {', '.join(_SIDES)}")
        low, high = self.quantities
        steps, messages = read_whole("steps", self.steps, 1, 10**6), read_whole("messages", self.messages, 1, 10**9)
        kappa = read_number("kappa", self.kappa, 0.0, 100.0, "a number from 0 to 100")
        penalty = read_number("penalty", self.penalty, 0.0, 1e9, "a number from 0 to 1e9")
        ground = (SyntheticDay() if day is None else day).ground(_settings(config), steps, self.interval_ns, messages)
        core = ground.core
        stage = Stage(
            core, core.instruments.symbols.number(ground.symbol), core.algorithm_number("environment"),
            first_ns=ground.first_ns, last_ns=ground.last_ns, end_ns=ground.end_ns, steps=steps,
            interval_ns=self.interval_ns, messages=messages, quantity=(low, high), side=_SIDES[self.side],
        )  # fmt: skip
        for account, seat in enumerate(seats or [{"kappa": kappa, "penalty": penalty}]):
            if account > 0:
                core.portfolio.open_account(account, core.portfolio.account(0)["cash_e9"])
            stage.add(account=account, strategy=core.strategy_number(f"agent{account}"), **seat)
        core.listen(ground.symbol, stage)
        return stage


def _settings(config: Any) -> Mapping[str, Any]:
    if config is None:
        return {}
    if isinstance(config, str | os.PathLike):
        from ..config import load_config

        return load_config(config).model_dump(mode="json", exclude_unset=True)
    if not isinstance(config, Mapping):
        raise TypeError(f"config is {type(config).__name__}, must be a mapping or the path of a YAML file")
    return config


def pa_bps(side: int, average_e9: float, base_e9: float) -> float:
    """Price advantage of an average price to the episode's mean mid, bps, positive: better (Fang et al. 2021)."""
    return side * (1.0 - average_e9 / base_e9) * 1e4 if base_e9 > 0 else math.nan
