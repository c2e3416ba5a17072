"""A decision of an agent: what it must say, and how it is to be worked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.values import ExecutionError

#: Strictly above these (the mission's): at once, balanced; all else is patient.
CONFIDENT, LIQUID, BALANCED = 0.8, 0.7, 0.6


class DecisionError(ExecutionError, ValueError):
    """A decision that cannot be executed: `field`, `value`, and what was expected."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"decision.{field} is {value!r}, must be {expected}")
        self.field, self.value, self.expected = field, value, expected


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be traded, and how sure the agents are. `terms`: what goes into the order as it is."""

    symbol: str
    side: str
    quantity: int
    confidence: float
    terms: Mapping[str, Any]


def read_decision(payload: Any, symbols: Any) -> Decision:
    """A decision's payload, checked: `symbol` (one of `symbols`), `confidence` from 0 to 1, `side` or `action` (buy or
    sell), `quantity`; `strategy`, `account`, `limit_price`, `tags` go into the order, other keys are the agents' own.

    Raises DecisionError naming the first field that is wrong.
    """
    if not isinstance(payload, Mapping):
        raise DecisionError("payload", payload, "a mapping")
    symbol = payload.get("symbol")
    if not isinstance(symbol, str) or symbol not in symbols:
        raise DecisionError("symbol", symbol, "a symbol that the engine knows")
    confidence = payload.get("confidence")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float | np.integer | np.floating):
        raise DecisionError("confidence", confidence, "a number from 0 to 1")
    if not math.isfinite(confidence) or not 0.0 <= confidence <= 1.0:
        raise DecisionError("confidence", confidence, "a number from 0 to 1")
    given = {key: payload[key] for key in ("side", "action") if payload.get(key) is not None}
    sides = {key: str(value).lower() if isinstance(value, str) else None for key, value in given.items()}
    for key, side in sides.items():
        if side not in ("buy", "sell"):
            raise DecisionError(key, given[key], "'buy' or 'sell'")
    if not sides:
        raise DecisionError("side", None, "'buy' or 'sell', here or as action")
    if len(set(sides.values())) > 1:
        raise DecisionError("action", given["action"], f"the same as side, {given['side']!r}")
    quantity = payload.get("quantity")
    if isinstance(quantity, bool) or not isinstance(quantity, int | np.integer) or not 0 < quantity < 2**53:
        raise DecisionError("quantity", quantity, "a whole number above 0")
    side = next(iter(sides.values()))
    assert side is not None
    passed = ("strategy", "account", "limit_price", "tags")
    terms = {key: payload[key] for key in passed if payload.get(key) is not None}
    return Decision(symbol, side, int(quantity), float(confidence), terms)


def execution_strategy(confidence: float, liquidity_score: float) -> dict[str, Any]:
    """How a decision is worked, by the mission's thresholds, all strict. A liquidity that is not known is not high."""
    if confidence > CONFIDENT and liquidity_score > LIQUID:
        return {"urgency": "high", "algorithm": "market_order", "participation_rate": 0.20}
    if confidence > BALANCED:
        return {"urgency": "medium", "algorithm": "twap", "duration_minutes": 30, "participation_rate": 0.10}
    return {"urgency": "low", "algorithm": "vwap", "duration_minutes": 120, "participation_rate": 0.05}
