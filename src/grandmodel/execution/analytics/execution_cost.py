"""What one order of the engine cost: Perold's implementation shortfall from its own stamps and fills.

Delay + trading + opportunity + fees = paper return - actual return, exactly, in integers of 1e-9 (A. Perold, "The
implementation shortfall", Journal of Portfolio Management 14(3), 1988). Positive is bad for the trader. Fractions and
bps are of order quantity times decision price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._core import costs
from .._core.values import Unknown
from .journal_records import standing_fills

if TYPE_CHECKING:
    from .._core.orders import Order
    from .._core.submit import Core

PARTS: tuple[Literal["delay", "trading", "opportunity", "fees", "total"], ...] = (
    "delay",
    "trading",
    "opportunity",
    "fees",
    "total",
)


@dataclass(frozen=True, slots=True)
class ExecutionCost:
    """The cost of one order, in bps of the paper value; a part that cannot be known is Unknown with its reason.

    `parts_e9` has delay, trading, opportunity, fees and total exactly, in 1e-9 money; None where it cannot be known.
    """

    order: Order
    children: int
    fills: np.ndarray[Any, Any]
    decision_price: float
    arrival_price: float
    end_price: float
    average_price: float
    delay_bps: float
    trading_bps: float
    opportunity_bps: float
    fees_bps: float
    total_bps: float
    parts_e9: dict[str, int | None]

    @property
    def fill_rate(self) -> float:
        """Filled over ordered quantity."""
        return self.order.filled_quantity / self.order.quantity

    @property
    def implementation_shortfall(self) -> float:
        """Total cost as a fraction of the paper value."""
        return self.total_bps / 1e4


def execution_cost(
    core: Core, order_id: int, end_mid_e9: int | None = None, *, since: int | None = None
) -> ExecutionCost:
    """The cost of an order that has ended.

    The decision price is the consolidated mid when the order was given; the arrival price the mid when its first child
    (or the order itself) was sent to a venue; the end price, for what was not filled, `end_mid_e9` or the mid now.

    Executions that were taken back do not count; those that were corrected count as they are now.

    Cost: one pass over the journal from the order's first record to its last. `since`: a position of the log at or
    before the first, where the caller knows one: nothing has to be looked up then.
    """
    order = core.get_order(order_id)
    first, last = (core.journal.find(order_id) or (0, -1)) if since is None else (since, None)
    rows, reports = core.journal.family(order_id, first, last)
    sent = rows[1:] if order.is_parent else rows  # a parent's own record comes before its children's
    arrival_e9 = _known(sent["arrival_mid_e9"][0]) if len(sent) else None
    end_e9 = core.quote(order.symbol).mid_e9 if end_mid_e9 is None else end_mid_e9
    exact, bps = cost_parts(order, arrival_e9, end_e9)
    return ExecutionCost(
        order=order,
        children=len(rows) - 1 if order.is_parent else 0,
        fills=_fills(reports),
        decision_price=_price(order.arrival_mid_e9, "no quote at the decision"),
        arrival_price=_price(arrival_e9, "no quote at arrival" if len(sent) else "nothing was sent to a venue"),
        end_price=_price(end_e9, "no quote at the end"),
        average_price=order.average_price,
        **bps,
        parts_e9=exact,
    )


def _fills(reports: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The executions that stand, each with the quote at its first report."""
    places, origins, busted, _ = standing_fills(reports)
    fills = reports[places]
    if busted:
        for name in ("bid_e9", "ask_e9", "venue_time_ns"):
            fills[name] = reports[name][origins]
    return fills


def _known(price_e9: int) -> int | None:
    return None if price_e9 == costs.PRICE_UNKNOWN else int(price_e9)


def _price(price_e9: int | None, reason: str) -> float:
    return Unknown(reason) if price_e9 is None else price_e9 / 1e9


def cost_parts(
    order: Order, arrival_e9: int | None, end_e9: int | None
) -> tuple[dict[str, int | None], dict[str, float]]:
    """What an order cost, by part: exactly in 1e-9 money (None: not known), and in bps by the names of ExecutionCost.

    From the order's own sums: nothing of the log is read. `arrival_e9`, `end_e9`: mids, None where there was none.
    """
    unknown, decision_e9 = costs.PRICE_UNKNOWN, order.arrival_mid_e9
    result = costs.shortfall_of_sums(
        order.side.sign,
        order.quantity,
        unknown if decision_e9 is None else decision_e9,
        unknown if arrival_e9 is None else arrival_e9,
        unknown if end_e9 is None else end_e9,
        order.fees_e9,
        order.filled_quantity,
        order.notional_e9,
    )
    exact: dict[str, int | None] = {}
    bps: dict[str, float] = {}
    for part in PARTS:
        exact[part] = getattr(result, f"{part}_e9")
        value = getattr(result, f"{part}_bps")
        if exact[part] is None:
            bps[f"{part}_bps"] = Unknown(result.reason(part))
        else:  # without a decision price there is nothing that a part could be a share of
            bps[f"{part}_bps"] = value if value == value else Unknown("no decision price")
    return exact, bps


def market_conditions(
    core: Core, decision_e9: int | None, arrival_e9: int | None, end_e9: int | None, was_sent: bool
) -> dict[str, Any]:
    """The mids that an order's cost is measured by, and where they are from."""
    return {
        "decision_price": _price(decision_e9, "no quote at the decision"),
        "arrival_price": _price(arrival_e9, "no quote at arrival" if was_sent else "nothing was sent to a venue"),
        "end_price": _price(end_e9, "no quote at the end"),
        "source": core.market.source,
    }


def market_vwap(before: dict[str, int], after: dict[str, int]) -> float:
    """Volume-weighted average price of everything printed between two readings of a tape, own fills left out."""
    volume = (after["volume"] - after["own_volume"]) - (before["volume"] - before["own_volume"])
    notional = (after["notional_e9"] - after["own_notional_e9"]) - (before["notional_e9"] - before["own_notional_e9"])
    return notional / volume / 1e9 if volume else Unknown("nothing was traded in the window")
