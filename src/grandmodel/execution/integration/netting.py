"""Several agents' decisions on one symbol as one order, and what of it is whose.

What they want in opposite directions is crossed between them at the mid that the order decides at: no trade, nothing
is booked, the account's position does not change by it. Only the difference is sent. Each agent of the larger side has
crossed and sent in proportion to what it asked for (whole steps, the largest remainders rounded up); of the smaller
side all is crossed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .decisions import Decision

if TYPE_CHECKING:
    from ..routing.ticket import ExecutionResult


@dataclass(frozen=True, slots=True)
class Share:
    """One decision's part of a netted order: its quantity is `crossed` + `sent`, in steps."""

    decision: Decision
    crossed: int
    sent: int


def net(decisions: Sequence[Decision]) -> tuple[Decision | None, list[Share]]:
    """The decision that is left of several on one symbol (None: they are even), and the share of each, in their order.

    Its confidence is that of the larger side's decisions, weighted by quantity; its terms are those on which all of
    them agree.
    """
    buys = sum(each.quantity for each in decisions if each.side == "buy")
    sells = sum(each.quantity for each in decisions if each.side == "sell")
    larger, crossed = ("buy" if buys >= sells else "sell"), min(buys, sells)
    prevailing = [each for each in decisions if each.side == larger]
    parts = iter(_apportioned(crossed, [each.quantity for each in prevailing]))
    shares = []
    for each in decisions:
        part = next(parts) if each.side == larger else each.quantity
        shares.append(Share(each, part, each.quantity - part))
    if buys == sells:
        return None, shares
    total = max(buys, sells)
    confidence = sum(each.confidence * each.quantity for each in prevailing) / total
    first = prevailing[0]
    agreed = {key: value for key, value in first.terms.items() if all(e.terms.get(key) == value for e in decisions)}
    return Decision(first.symbol, larger, total - crossed, min(1.0, confidence), agreed), shares


def _apportioned(total: int, weights: Sequence[int]) -> list[int]:
    """`total` over `weights` in whole steps, none above its weight: largest remainders first, the earlier of equals."""
    whole = sum(weights)
    if not whole:
        return [0 for _ in weights]
    parts = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    for k in sorted(range(len(weights)), key=lambda k: (-remainders[k], k))[: total - sum(parts)]:
        parts[k] += 1
    return parts


def metrics_of(share: Share, result: ExecutionResult | None) -> dict[str, Any]:
    """An agent's execution metrics: fractions of its own quantity times the decision price.

    What was sent cost what the order cost, what was crossed cost nothing, so that the costs of all, each times its
    quantity, are the order's times its own. `result`: of the order; None: nothing was sent.
    """
    quantity = share.crossed + share.sent
    if result is None or share.sent == 0:
        done = 1.0 if share.sent == 0 else 0.0
        return {
            "implementation_shortfall": 0.0, "market_impact": 0.0, "timing_cost": 0.0, "fill_ratio": done,
            "execution_time": 0.0,
        }  # fmt: skip
    weight = share.sent / quantity
    return {
        "implementation_shortfall": result.shortfall * weight,
        "market_impact": result.market_impact * weight,
        "timing_cost": result.timing_cost * weight,
        "fill_ratio": (share.crossed + share.sent * result.filled_quantity / result.order_quantity) / quantity,
        "execution_time": result.execution_duration,
    }
