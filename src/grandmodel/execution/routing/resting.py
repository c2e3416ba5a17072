"""A resting order over several venues: sizes by Cont and Kukanov (`splits`), and what that takes for granted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .decision import RoutingLeg, VenueScore
from .splits import cont_kukanov, queue_ahead, whole_lots

if TYPE_CHECKING:
    from .._core.submit import Core

#: An order with any other key is not split where it rests: its venue, or the engine, has to see it whole.
SPLIT_KEYS = frozenset({
    "symbol", "side", "quantity", "order_type", "limit_price", "time_in_force", "post_only", "strategy", "account",
    "tags", "urgency",
})  # fmt: skip

#: How long a resting leg is expected to wait, when sizes are chosen (this project's choice).
HORIZON_SECONDS = 60.0


def resting_legs(
    core: Core,
    order: Mapping[str, Any],
    terms: Mapping[str, Any],
    score: Mapping[str, Any],
    scores: tuple[VenueScore, ...],
) -> tuple[tuple[RoutingLeg, ...], tuple[str, ...]]:
    """A resting order's legs by Cont and Kukanov, and what that takes for granted. One leg where it is no larger
    than a round lot, is not a plain limit order, or nothing has been traded yet."""
    symbol, side = order["symbol"], terms["side"]
    quantity, limit_e9 = terms["quantity"], terms["limit_price_e9"]
    names = [name for name, (cost, _) in score["venues"].items() if cost is not None]
    costs = {name: cost / 1e9 for name, (cost, _) in score["venues"].items() if cost is not None}
    alone = (
        RoutingLeg(
            score["venue"], quantity, limit_e9 / 1e9, costs[score["venue"]], "the lowest all-in cost", scores
        ),
    )
    lot = core.instruments.round_lot(symbol)
    plain = order.get("order_type") == "limit" and order.get("time_in_force", "DAY") in ("DAY", "GTC")
    if not plain or not SPLIT_KEYS.issuperset(order) or quantity <= lot or len(names) < 2:
        return alone, ()
    rows = {name: core.venues.describe(name) for name in names}
    quotes = {name: core.venues.shown(symbol, name) for name in names}
    seconds = (core.clock.now_ns() - core.started_ns) / 1e9
    outflows = {
        name: quotes[name]["volume"] / 2 / seconds * HORIZON_SECONDS if seconds > 0 else 0.0 for name in names
    }
    known = [name for name in names if outflows[name] > 0]
    if len(known) < 2:
        return alone, ("nothing has been traded at two venues yet: the order is not split",)
    quote = core.quote(symbol)
    half = quote.spread / 2 if quote.mid_e9 is not None else 0.0
    fee = min(rows[name]["take_fee"] for name in known)
    found = cont_kukanov(
        quantity,
        half,
        fee,
        queues=[queue_ahead(quotes[name], side, limit_e9) for name in known],
        mean_outflows=[outflows[name] for name in known],
        rebates=[-rows[name]["make_fee"] for name in known],
        underfill=max(half + fee, 0.0) + 0.01,
        takes=False,
    )
    sizes = whole_lots(
        found.limits.tolist(),
        quantity,
        lot,
        [int(rows[name]["min_size"]) for name in known],
        [int(rows[name]["max_order_size"] or 0) for name in known],
    )
    if sum(sizes) != quantity:
        return alone, ("the venues' sizes leave no way to split it",)
    legs = tuple(
        RoutingLeg(
            name,
            size,
            limit_e9 / 1e9,
            costs[name],
            f"{queue_ahead(quotes[name], side, limit_e9)} ahead, {outflows[name]:.0f} expected to leave in "
            f"{HORIZON_SECONDS:g} s",
            scores,
        )
        for name, size in zip(known, sizes, strict=True)
        if size > 0
    )
    return legs, (
        f"what leaves a queue in {HORIZON_SECONDS:g} s is exponential, its mean half the venue's volume so far",
        "what is ahead is what the venue displays at its touch, nothing where the limit is better",
    )
