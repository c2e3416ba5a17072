"""What an engine and a venue know of the same orders, held against each other: every difference is a `Break`.

`find_breaks` is a pure function over rows. `reconcile` fetches the venue's view, lists the breaks, and applies the one
answer that a venue gives by not having an order: it is canceled. Nothing else is mended here, reports do that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.records import NO_PRICE, ORDER_DTYPE, REPORT_DTYPE
from .._core.values import STATUSES, OrderStatus, Reason
from ..record_codes import END_TOLD, EXEC_CANCELED, EXEC_STATUS, EXEC_TRADE, PARENT, RECORD_ORDER, RECORD_REPORT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._core.remote import RemoteMarket, VenueStatus
    from .._core.submit import Core

_EXECUTION_FIELDS = ("order_id", "side", "price_e9", "quantity", "symbol")


class BreakKind(StrEnum):
    """What differs."""

    NOT_AT_VENUE = "not_at_venue"  # our open order, which the venue does not have
    UNKNOWN_ORDER = "unknown_order"  # the venue's order, which we do not know
    STATUS = "status"
    FILLED_QUANTITY = "filled_quantity"
    LEAVES_QUANTITY = "leaves_quantity"
    MISSING_EXECUTION = "missing_execution"  # the venue has it, we do not
    EXTRA_EXECUTION = "extra_execution"  # we have it, the venue does not
    EXECUTION = "execution"  # both have it, and it differs
    POSITION = "position"


@dataclass(frozen=True, slots=True)
class Break:
    """One difference. Quantities are in steps; `ours` and `theirs` are None where that side has nothing.

    order_id : None for a position
    symbol   : the engine's number of it; -1 when the venue named none
    """

    kind: BreakKind
    order_id: int | None
    symbol: int
    ours: str | int | None
    theirs: str | int | None
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def find_breaks(
    orders: NDArray[np.void],
    fills: NDArray[np.void],
    venue_orders: NDArray[np.void],
    venue_executions: NDArray[np.void],
    venue_positions: NDArray[np.void],
    *,
    venue: str = "the venue",
    symbol_text: Callable[[int], str] = str,
) -> list[Break]:
    """The differences, by order id and kind, then those of positions by symbol.

    Parameters
    ----------
    orders : ORDER_DTYPE, the engine's orders at this venue, open and closed, each once; parents are passed over
    fills : REPORT_DTYPE, the engine's fills at this venue
    venue_orders, venue_executions : the same of the venue, under the engine's order ids and symbol numbers
    venue_positions : symbol, bought, sold by this client at the venue
    """
    ours = {int(row["order_id"]): row for row in orders if not int(row["flags"]) & PARENT}
    theirs = {int(row["order_id"]): row for row in venue_orders}
    breaks: list[Break] = []
    for order_id in sorted(ours.keys() | theirs.keys()):
        breaks += _order_breaks(order_id, ours.get(order_id), theirs.get(order_id), venue, symbol_text)
    breaks += _execution_breaks(fills, venue_executions, venue)
    rank = {kind: index for index, kind in enumerate(BreakKind)}
    breaks.sort(key=lambda found: (found.order_id or 0, rank[found.kind]))
    return breaks + _position_breaks(fills, venue_positions, venue, symbol_text)


def _order_breaks(order_id: int, ours: Any, theirs: Any, venue: str, symbol_text: Callable[[int], str]) -> list[Break]:
    if theirs is None:
        status = STATUSES[int(ours["status"])]
        if status.is_closed:
            return []  # closed without the venue, or its fills tell
        text = f"order {order_id} is {status} here with {int(ours['leaves_quantity'])} open, {venue} does not have it"
        return [Break(BreakKind.NOT_AT_VENUE, order_id, int(ours["symbol"]), str(status), None, text)]
    their_status = STATUSES[int(theirs["status"])]
    symbol = int(theirs["symbol"])
    if ours is None:
        what = f"{'buy' if int(theirs['side']) > 0 else 'sell'} {int(theirs['quantity'])}"
        name = symbol_text(symbol) if symbol >= 0 else "of an unknown symbol"
        text = f"order {order_id} ({what} {name}) is {their_status} at {venue}, this engine does not know it"
        return [Break(BreakKind.UNKNOWN_ORDER, order_id, symbol, None, str(their_status), text)]
    breaks = []
    our_status = STATUSES[int(ours["status"])]
    if our_status is not their_status:
        text = f"order {order_id} is {our_status} here and {their_status} at {venue}"
        breaks.append(Break(BreakKind.STATUS, order_id, symbol, str(our_status), str(their_status), text))
    for kind in (BreakKind.FILLED_QUANTITY, BreakKind.LEAVES_QUANTITY):
        mine, other = int(ours[kind.value]), int(theirs[kind.value])
        if mine != other:
            text = f"order {order_id} has {kind.value} {mine} here and {other} at {venue}"
            breaks.append(Break(kind, order_id, symbol, mine, other, text))
    return breaks


def _execution_breaks(fills: NDArray[np.void], executions: NDArray[np.void], venue: str) -> list[Break]:
    ours = {int(row["execution_id"]): row for row in fills}
    theirs = {int(row["execution_id"]): row for row in executions}
    breaks = []
    for number in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(number), theirs.get(number)
        row: Any = mine if other is None else other
        order_id, symbol = int(row["order_id"]), int(row["symbol"])
        what = f"execution {number} of order {order_id}"
        if mine is None:
            text = f"{what} ({_terms(other)}) is missing here, {venue} has it"
            breaks.append(Break(BreakKind.MISSING_EXECUTION, order_id, symbol, None, number, text))
        elif other is None:
            text = f"{what} ({_terms(mine)}) is booked here, {venue} does not have it"
            breaks.append(Break(BreakKind.EXTRA_EXECUTION, order_id, symbol, number, None, text))
        elif any(int(mine[name]) != int(other[name]) for name in _EXECUTION_FIELDS):
            text = f"{what} is {_terms(mine)} here and {_terms(other)} at {venue}"
            if int(mine["order_id"]) != order_id:
                text += f", and here of order {int(mine['order_id'])}"
            breaks.append(Break(BreakKind.EXECUTION, order_id, symbol, _terms(mine), _terms(other), text))
    return breaks


def _terms(row: Any) -> str:
    whole, part = divmod(int(row["price_e9"]), 10**9)
    decimals = f"{part:09d}".rstrip("0") or "0"
    return f"{'bought' if int(row['side']) > 0 else 'sold'} {int(row['quantity'])} at {whole}.{decimals}"


def _position_breaks(
    fills: NDArray[np.void], positions: NDArray[np.void], venue: str, symbol_text: Callable[[int], str]
) -> list[Break]:
    ours: dict[int, list[int]] = {}
    for row in fills:
        both = ours.setdefault(int(row["symbol"]), [0, 0])
        both[0 if int(row["side"]) > 0 else 1] += int(row["quantity"])
    theirs = {int(row["symbol"]): [int(row["bought"]), int(row["sold"])] for row in positions}
    breaks = []
    for symbol in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(symbol, [0, 0]), theirs.get(symbol, [0, 0])
        if mine != other:
            name = symbol_text(symbol) if symbol >= 0 else "a symbol that was not named"
            text = f"in {name} {mine[0]} bought and {mine[1]} sold here, {other[0]} and {other[1]} at {venue}"
            breaks.append(Break(BreakKind.POSITION, None, symbol, mine[0] - mine[1], other[0] - other[1], text))
    return breaks


def reconcile(core: Core, market: RemoteMarket, venue: str, *, since: int = 0, timeout: float = 5.0) -> list[Break]:
    """Holds the engine against one venue. Open orders of ours that it does not have are canceled, and still listed; not
    those that it has ended and owes executions of: they wait for these (`OrderManager.resolve_order`).

    Orders may be submitted meanwhile: what the venue did after it answered is left out of the comparison.

    Parameters
    ----------
    market : the core's market, connected to `venue`
    since : position in the log at which the process that serves the venue was first connected: what another process
        reported before has execution ids of its own, and this one knows nothing of it
    timeout : seconds for the venue's answer

    Raises
    ------
    VenueError  not connected, or no answer in time
    """
    number = core.venues.number(venue)
    first_new = core.orders.next_id  # what is submitted from here on may not be there yet when the venue answers
    status = market.status(venue, core=core, timeout=timeout)
    orders, fills = _our_view(core, number, status, since)
    late = orders["order_id"] >= first_new
    at_venue = np.isin(orders["order_id"], status.orders["order_id"])
    orders = orders[~late | at_venue]
    moved = _moved(core, number, status, since)
    known = ~np.isin(status.orders["order_id"], moved)
    breaks = find_breaks(
        orders[~np.isin(orders["order_id"], moved)],
        fills,
        status.orders[known],
        status.trades,
        status.positions,
        venue=venue,
        symbol_text=core.symbol_text,
    )
    rows = {int(row["order_id"]): row for row in orders}
    theirs = {int(row["order_id"]): row for row in status.orders}
    if theirs:
        core.skip_ids(max(theirs))  # it has had them, whatever became of our log
    for found in breaks:
        if found.order_id is None:
            continue
        if found.kind is BreakKind.NOT_AT_VENUE and not int(rows[found.order_id]["urgency"]) & END_TOLD:
            core.report(_canceled(core, rows[found.order_id]))
        elif found.kind is BreakKind.STATUS and _resolves(rows[found.order_id], theirs[found.order_id]):
            core.report(_answered(core, rows[found.order_id], theirs[found.order_id]))
    return breaks


def _resolves(ours: Any, theirs: Any) -> bool:
    """Is the venue's word the answer to an order of ours that had none? Not when it has fills that we do not."""
    unknown = STATUSES[int(ours["status"])] is OrderStatus.UNKNOWN
    alive = STATUSES[int(theirs["status"])] in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
    return unknown and alive and int(ours["filled_quantity"]) == int(theirs["filled_quantity"])


def _our_view(core: Core, venue: int, status: VenueStatus, since: int) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Our orders at a venue, those from memory and, of what the venue names besides, from the log; and our fills."""
    held = core.orders_array()
    held = held[(held["venue"] == venue) & (held["flags"] & PARENT == 0)]
    reports = core.journal.rows(RECORD_REPORT, since)
    reports = reports[reports["venue"] == venue]
    let_go = np.setdiff1d(status.orders["order_id"], held["order_id"])
    if let_go.size:
        written = core.journal.rows(RECORD_ORDER)
        written = written[np.isin(written["order_id"], let_go) & (written["venue"] == venue)]
        held = np.concatenate([held, _as_ended(written, reports)]).astype(ORDER_DTYPE)
    fills = reports[(reports["exec_type"] == EXEC_TRADE) & (reports["execution_id"] <= status.counts["executions"])]
    return held, fills


def _as_ended(written: NDArray[np.void], reports: NDArray[np.void]) -> NDArray[np.void]:
    """Order rows with the state that the last report on each left them in."""
    rows = written.copy()
    for row in rows:
        of_it = reports[reports["order_id"] == row["order_id"]]
        if of_it.size:
            for name in ("status", "filled_quantity", "leaves_quantity"):
                row[name] = of_it[-1][name]
    return rows


def _moved(core: Core, venue: int, status: VenueStatus, since: int) -> NDArray[np.int64]:
    """Orders of which the venue has reported since it gave its view."""
    reports = core.journal.rows(RECORD_REPORT, since)
    later = (reports["venue"] == venue) & (reports["execution_id"] > status.counts["executions"])
    ids: NDArray[np.int64] = np.unique(reports["order_id"][later])
    return ids


def _answered(core: Core, order: Any, theirs: Any) -> NDArray[np.void]:
    """The venue's answer for an order of which we did not know: it is live there."""
    row = _canceled(core, order)
    row["exec_type"] = EXEC_STATUS
    row["status"] = theirs["status"]
    row["quantity"] = 0
    row["reason"] = 0
    return row


def _canceled(core: Core, order: Any) -> NDArray[np.void]:
    """The venue's answer for an order that it does not have."""
    row = np.zeros(1, REPORT_DTYPE)
    row["order_id"] = order["order_id"]
    row["price_e9"] = row["bid_e9"] = row["ask_e9"] = NO_PRICE
    row["quantity"] = order["leaves_quantity"]
    row["venue_time_ns"] = core.clock.now_ns()
    row["venue"] = order["venue"]
    row["symbol"] = order["symbol"]
    row["side"] = order["side"]
    row["exec_type"] = EXEC_CANCELED
    row["reason"] = int(Reason.NOT_AT_VENUE)
    return row
