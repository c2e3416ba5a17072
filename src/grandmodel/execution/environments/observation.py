"""What an agent sees: 17 numbers, the same in an episode and live (include/environment.h computes both).

Market figures are not turned to the agent's side: positive means more or higher bids for a buyer and a seller alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.environment import OBSERVATION
from .values import need


@dataclass(frozen=True, slots=True)
class Feature:
    """One number of an observation: its bounds (it is cut to them), its unit, and what it is while it cannot be
    known."""

    name: str
    low: float
    high: float
    unit: str
    unknown: str


FEATURES: tuple[Feature, ...] = (
    Feature("time", 0.0, 1.0, "decisions so far / decisions of the horizon", "always known"),
    Feature("inventory", -1.0, 1.0, "not filled / ordered; of a maker: position / its largest", "always known"),
    Feature("side", -1.0, 1.0, "+1 buys, -1 sells; of a maker: 0", "always known"),
    Feature("spread", -1e4, 1e4, "consolidated spread, bps of the mid", "the last that there was; before it 0"),
    Feature("depth_ratio", -20.0, 20.0, "ln((bids + 1) / (asks + 1)) over five levels", "no level counts 0"),
    *(
        Feature(f"imbalance_{level}", -1.0, 1.0, f"(bid - ask) / (bid + ask) of level {level}", "nobody there: 0")
        for level in range(1, 6)
    ),
    Feature("ofi", -10.0, 10.0, "order flow imbalance since the last decision, deviations of the episode's", "0 for 3"),
    Feature("microprice", -1e4, 1e4, "size-weighted mid less mid, ticks", "one side is missing: 0"),
    Feature("volatility", 0.0, 1e4, "root mean square of mid returns between decisions, bps", "before the first: 0"),
    Feature("drift", -1e4, 1e4, "mid's return since the order came, bps", "always known"),
    Feature("participation", 0.0, 1.0, "filled / printed since the order came", "nothing printed: 0"),
    Feature("gap", -1.0, 1.0, "filled / ordered less the schedule's part by now; of a maker: 0", "always known"),
    Feature("fill", 0.0, 1.0, "filled / asked for of the last action; of a maker: 0", "nothing asked for: 0"),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
assert len(FEATURES) == OBSERVATION


def observation_space() -> Any:
    """Box (17,) float32 with the features' bounds."""
    low, high = ([getattr(feature, bound) for feature in FEATURES] for bound in ("low", "high"))
    return need("gymnasium.spaces").Box(np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32)
