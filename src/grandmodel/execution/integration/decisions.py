"""A decision of an agent: what it must say, and how it is to be worked."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.values import ExecutionError

#: Strictly above these (the mission's): at once, balanced; all else is patient.
CONFIDENT, LIQUID, BALANCED = 0.8, 0.7, 0.6

#: What of a decision goes into its order as it is.
TERMS = ("strategy", "account", "limit_price", "tags")

_SIDES = {"buy": "buy", "sell": "sell", "BUY": "buy", "SELL": "sell"}


class DecisionError(ExecutionError, ValueError):
    """A decision that cannot be executed: `field`, `value`, and what was expected. `order_id`: its REFUSAL's in the
    journal, None before it stands there."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"decision.{field} is {value!r}, must be {expected}")
        self.field, self.value, self.expected = field, value, expected
        self.order_id: int | None = None


@dataclass(slots=True)
class Decision:
    """What is to be traded, and how sure the agents are. `terms`: what goes into the order as it is."""

    symbol: str
    side: str
    quantity: int
    confidence: float
    terms: dict[str, Any]

    def order(self) -> dict[str, Any]:
        """The order that it asks for."""
        kind = "limit" if "limit_price" in self.terms else "market"
        asked = {"symbol": self.symbol, "side": self.side, "quantity": self.quantity, "order_type": kind}
        return asked | self.terms


def read_decision(payload: Any, symbols: Container[str]) -> Decision:
    """A decision's payload, checked: `symbol` (one of `symbols`), `confidence` from 0 to 1, `side` or `action` (buy or
    sell), `quantity`; `strategy`, `account`, `limit_price`, `tags` go into the order, other keys are the agents' own.

    Raises DecisionError naming the first field that is wrong.
    """
    if not isinstance(payload, Mapping):
        raise DecisionError("payload", payload, "a mapping")
    symbol = payload.get("symbol")
    if not isinstance(symbol, str) or symbol not in symbols:
        raise DecisionError("symbol", symbol, "a symbol that the engine knows")
    confidence: Any = payload.get("confidence")
    number = type(confidence) is float or (
        isinstance(confidence, int | float | np.integer | np.floating) and not isinstance(confidence, bool)
    )
    if not number or not 0.0 <= confidence <= 1.0:
        raise DecisionError("confidence", confidence, "a number from 0 to 1")
    side, action = payload.get("side"), payload.get("action")
    if side is None and action is None:
        raise DecisionError("side", None, "'buy' or 'sell', here or as action")
    chosen = None if side is None else _side("side", side)
    if action is not None:
        acted = _side("action", action)
        if chosen is not None and acted != chosen:
            raise DecisionError("action", action, f"the same as side, {side!r}")
        chosen = acted
    quantity = payload.get("quantity")
    if isinstance(quantity, bool) or not isinstance(quantity, int | np.integer) or not 0 < quantity < 2**53:
        raise DecisionError("quantity", quantity, "a whole number above 0")
    terms = {key: payload[key] for key in TERMS if payload.get(key) is not None}
    assert chosen is not None
    return Decision(symbol, chosen, int(quantity), float(confidence), terms)


def _side(field: str, value: object) -> str:
    side = (_SIDES.get(value) or _SIDES.get(value.lower())) if isinstance(value, str) else None
    if side is None:
        raise DecisionError(field, value, "'buy' or 'sell'")
    return side


def is_at_once(confidence: float, liquidity_score: float) -> bool:
    """Is a decision worked at once?"""
    return confidence > CONFIDENT and liquidity_score > LIQUID


def execution_strategy(confidence: float, liquidity_score: float) -> dict[str, Any]:
    """How a decision is worked, by the mission's thresholds, all strict. A liquidity that is not known is not high."""
    if is_at_once(confidence, liquidity_score):
        return {"urgency": "high", "algorithm": "market_order", "participation_rate": 0.20}
    if confidence > BALANCED:
        return {"urgency": "medium", "algorithm": "twap", "duration_minutes": 30, "participation_rate": 0.10}
    return dict(SAFE)


#: The patient way, which is also where everything ends that cannot be chosen: a component that fails or stalls.
SAFE: Mapping[str, Any] = {"urgency": "low", "algorithm": "vwap", "duration_minutes": 120, "participation_rate": 0.05}
