"""Learning environments over the engine that trades: Gymnasium and PettingZoo, on synthetic and on recorded days.

`ExecutionEnv` is one parent order (`gymnasium.Env`), `ExecutionVectorEnv` many of them stepped at once without the GIL,
`MarketEnv` several agents, executing ones and makers of quotes, in one market (`pettingzoo.ParallelEnv`). What an agent
sees and what its actions mean is `observation` and `actions`; what an episode is, `episode`; what a policy costs next
to TWAP, VWAP and Almgren-Chriss, `evaluation`. They need the extra: ``pip install 'grandmodel-execution[marl]'``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .day import RecordedDay, SyntheticDay
from .episode import Episode

__all__ = [
    "Episode", "ExecutionEnv", "ExecutionVectorEnv", "MarketEnv", "RecordedDay", "SyntheticDay", "evaluate",
]  # fmt: skip

_LAZY = {
    "ExecutionEnv": "execution_env", "ExecutionVectorEnv": "vector_env", "MarketEnv": "market_env",
    "evaluate": "evaluation",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LAZY:  # gymnasium and pettingzoo are imported when they are needed
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
