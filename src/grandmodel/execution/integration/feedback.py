"""What an agent is told of its decision: the mission's payload, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..events import Event, EventType
from .netting import Share, metrics_of

if TYPE_CHECKING:
    from ..routing.at_once import Outcome
    from ..routing.ticket import ExecutionResult


def execution_metrics(result: ExecutionResult | Outcome) -> dict[str, Any]:
    """Costs as fractions of the decision price, positive = bad for the trader; the part filled; seconds."""
    return {
        "implementation_shortfall": result.shortfall,
        "market_impact": result.market_impact,
        "timing_cost": result.timing_cost,
        "fill_ratio": result.filled_quantity / result.order_quantity,
        "execution_time": result.execution_duration,
    }


def feedback_event(decision: Any, result: ExecutionResult | Outcome, now: datetime) -> Event:
    """Of a decision that had an order of its own."""
    return _event(decision, execution_metrics(result), result.market_conditions, result.venue, result.algorithm, now)


def netted_feedback(
    decision: Any,
    share: Share,
    result: ExecutionResult | None,
    agents: int,
    conditions: Mapping[str, Any],
    now: datetime,
) -> Event:
    """Of a decision that was netted with others': `market_conditions["netting"]` says what of it was sent, and what was
    crossed within. `conditions`: of the market, where nothing was sent (`result` None)."""
    sent = 0 if result is None else result.order_quantity
    netting = {
        "agents": agents,
        "crossed": share.crossed,
        "sent": share.sent,
        "share": share.sent / sent if sent else 0.0,  # of the order
    }
    told = conditions if result is None else result.market_conditions
    venue, algorithm = ("internal", "netted") if result is None or not share.sent else (result.venue, result.algorithm)
    return _event(decision, metrics_of(share, result), {**told, "netting": netting}, venue, algorithm, now)


def _event(
    decision: Any, metrics: dict[str, Any], conditions: Any, venue: str | None, algorithm: str, now: datetime
) -> Event:
    return Event(
        event_type=EventType.EXECUTION_FEEDBACK,
        timestamp=now,
        payload={
            "original_decision": decision,
            "execution_metrics": metrics,
            "market_conditions": conditions,
            "venue_used": venue,
            "algorithm_used": algorithm,
        },
        source="execution_engine",
    )
