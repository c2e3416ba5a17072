"""A core assembled by hand from the native parts, for tests that need one without a configuration."""

from typing import Any

import numpy as np

from grandmodel.execution._core.capture import Capture
from grandmodel.execution._core.clock import NativeClock
from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.journal import Journal
from grandmodel.execution._core.link import LinkedMarket
from grandmodel.execution._core.orders import OrderTable
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.records import NO_PRICE, REPORT_DTYPE
from grandmodel.execution._core.recovery import recover
from grandmodel.execution._core.reexecution import RecordedMarket
from grandmodel.execution._core.risk import Limits
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.submit import Core, OrderGate
from grandmodel.execution._core.synthetic import SyntheticMarket

START_NS = 1_735_828_200_000_000_000  # 2025-01-02 14:30 UTC
E9 = 10**9
VENUES = (("NYSE", 1.5), ("NASDAQ", 1.8), ("ARCA", 1.2), ("BATS", 1.1), ("IEX", 1.0), ("EDGX", 1.3))
LIMITS: dict[str, Any] = {
    "default_position": 10**9,
    "max_order_size": 10**6,
    "max_notional_e9": 5 * 10**6 * E9,
    "max_order_value_e9": 10**7 * E9,
    "daily_value_e9": 10**15 * E9,
    "daily_orders": 10**9,
    "sectors": {"technology": 1e5},
    "default_sector": 0.15,
    "max_leverage": 1e5,
    "max_concentration": 1e5,
}
# Codes of cext/include/records.h.
EXEC_NEW, EXEC_TRADE, EXEC_CANCELED, EXEC_REJECTED, EXEC_EXPIRED, EXEC_CANCEL_REJECTED = 1, 2, 3, 5, 6, 7


class Gate(OrderGate):
    """The gate of a core that is there already."""

    def __init__(self, core):
        self._given = core

    def _open(self):
        return self._given


def make_core(
    *, clock=None, start_ns=START_NS, limits=None, cash=100_000_000, seed=1, path=None, retained=16384,
    ring_bytes=1 << 24, positions=None, audit=True, events_per_second=50.0, segment_bytes=1 << 26, durability="process",
    retention_ns=0, capture=None, recorded=False, fees=VENUES, disabled=(), config_hash=0, snapshots=0,
    silent=False, order_types=None, link=None, learning=None, breaker=None,
):  # fmt: skip
    """A core over the synthetic market, and its gate. Simulated time that stands at ``start_ns`` by default.

    limits    : keywords of Limits.set; None: wide ones, {}: none at all
    positions : {symbol: steps} at the opening, with the instruments' reference prices as marks
    capture   : path of a file for what the market says
    silent    : venues that take orders and answer nothing: what they say, the test says (report)
    order_types : what its venues take; None: the usual
    link      : keywords of LinkedMarket, which then stands before the market; None: none does
    recorded  : an empty core over a RecordedMarket instead, which lives a day of this one again
    learning, breaker : keywords of Venues.set_learning and set_breaker
    fees      : (venue, fee for taking in 1e-3 of a currency unit) in the order of their priority
    """
    if clock is None:
        clock = NativeClock(simulated=True, start_ns=start_ns)
    instruments = Instruments()
    for symbol, price, sector in (("AAPL", 150, "technology"), ("MSFT", 300, "technology"), ("JPM", 150, "financials")):
        instruments.add(symbol, tick_e9=E9 // 100, reference_e9=price * E9, sector=sector)
    portfolio = Portfolio(instruments)
    journal = Journal(path, ring_bytes=ring_bytes, segment_bytes=segment_bytes, durability=durability)
    if not recorded and not journal.recovered:
        portfolio.open_account(0, cash * E9)
    for symbol, quantity in (positions or {}).items():
        portfolio.open_position(symbol, quantity, mark_e9={"MSFT": 300}.get(symbol, 150) * E9)
    table = Limits(instruments)
    table.set(**(LIMITS if limits is None else limits))
    venues = Venues(instruments)
    for priority, (name, fee) in enumerate(fees):
        enabled = name not in disabled
        venues.add(
            name,
            priority=priority,
            take_fee_e9=round(fee * 1e6),
            make_fee_e9=-(10**6),
            enabled=enabled,
            order_types=order_types,
        )
    venues.set_learning(**learning or {})
    venues.set_breaker(**breaker or {})
    table_of_market = venues if link is None else venues.twin()
    market = RecordedMarket(table_of_market) if recorded or silent else SyntheticMarket(
        table_of_market, [1] * len(fees), seed=seed, start_ns=clock.now_ns(), source="paper",
        events_per_second=events_per_second,
    )  # fmt: skip
    if link is not None:
        market = LinkedMarket(venues, market, **link)
    core = Core(
        instruments=instruments, portfolio=portfolio, limits=table, venues=venues,
        journal=journal, orders=OrderTable(retained=retained, retention_ns=retention_ns), market=market, clock=clock,
        audit=audit, capture=None if capture is None else Capture(capture, journal), introduce=not recorded,
        config_hash=config_hash,
    )  # fmt: skip
    if core.journal.path is not None:
        recover(core, snapshot_records=snapshots)
    return core, Gate(core)


def order(**changes):
    """A market buy of 100 AAPL, changed as told; a key with None is left out."""
    fields = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "market", **changes}
    return {key: value for key, value in fields.items() if value is not None}


def resting(**changes):
    """A buy that rests far below the market, where the flow does not come."""
    return order(**{"order_type": "limit", "limit_price": 140.0, **changes})


def report(core, order_id, exec_type, *, quantity=0, price=None, execution_id=None, reason=0, time_ns=None, status=0):
    """A venue's report as a row, made by hand; without an execution_id, with one that nobody has."""
    known = core.get_order(order_id)
    row = np.zeros(1, REPORT_DTYPE)
    row["order_id"] = order_id
    row["execution_id"] = (1 << 40) + core.journal.records if execution_id is None else execution_id
    row["status"] = status
    row["exec_type"] = exec_type
    row["quantity"] = quantity
    row["price_e9"] = NO_PRICE if price is None else round(price * E9)
    row["symbol"] = core.instruments.symbols.number(known.symbol)
    row["side"] = known.side.sign
    row["reason"] = reason
    row["venue_time_ns"] = core.clock.now_ns() if time_ns is None else time_ns
    return row


def kinds(core, position=0):
    """The kinds of the records in a core's journal, in order."""
    return [kind for _, kind, _ in core.journal.scan(position)]
