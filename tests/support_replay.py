"""Small recorded markets for tests: messages from tuples, and an engine whose only venue replays them."""

from __future__ import annotations

import numpy as np
from support import Gate

from grandmodel.execution._core.capture import Capture
from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.journal import Journal
from grandmodel.execution._core.link import LinkedMarket
from grandmodel.execution._core.orders import OrderTable
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution._core.replay import LevelReplayMarket, ReplayMarket
from grandmodel.execution._core.risk import Limits
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.submit import Core
from grandmodel.execution.clock import Pulse, SimulatedClock

ADD, REDUCE, DELETE, EXECUTE, HIDDEN, HALT = 1, 2, 3, 4, 5, 7
LAST = 8
TICK = 10_000_000


def recording(*rows):
    """Messages from (action, order id, side, price in ticks, quantity), one a second from second 1 on."""
    messages = np.zeros(len(rows), MESSAGE_DTYPE)
    for index, (action, order_id, side, ticks, quantity) in enumerate(rows):
        messages[index]["time_ns"] = (index + 1) * 10**9
        messages[index]["order_id"] = order_id
        messages[index]["price_e9"] = round(ticks * TICK)
        messages[index]["quantity"] = quantity
        messages[index]["action"] = action
        messages[index]["side"] = side
    return messages


def engine(messages, rows=None, link=None, capture=None):
    """(core, gate) over one symbol, X, at one venue, REC; time begins at 0. `link`: of a LinkedMarket; `capture`: file
    for what the market says."""

    def market(table):
        inner = table if link is None else table.twin()
        made = ReplayMarket(inner, "X", "REC", messages, rows, start_ns=0)
        return made if link is None else LinkedMarket(table, made, **link)

    return _engine(market, ("REC",), capture)


def _engine(market, names, capture=None):
    instruments = Instruments()
    instruments.add("X", tick_e9=TICK)
    venues = Venues(instruments)
    for name in names:
        venues.add(name, take_fee_e9=3_000_000, make_fee_e9=-2_000_000)
    portfolio = Portfolio(instruments)
    portfolio.open_account(0, 10**18)
    clock, journal = SimulatedClock(0), Journal()
    core = Core(
        instruments=instruments,
        portfolio=portfolio,
        limits=Limits(instruments),
        venues=venues,
        journal=journal,
        orders=OrderTable(),
        market=market(venues),
        clock=clock,
        capture=None if capture is None else Capture(capture, journal),
    )
    Pulse(core)
    clock.attach(core)
    return core, Gate(core)


def order(side, quantity, ticks=None, **more):
    """An order's mapping for X; without a price in ticks a market order."""
    limit = {} if ticks is None else {"limit_price": ticks / 100}
    kind = "limit" if limit else "market"
    return {"symbol": "X", "side": side, "quantity": quantity, "order_type": kind, **limit, **more}


def at(core, second):
    """Lives on to that second."""
    core.advance(second * 10**9)


def level_recording(*rows):
    """Messages of a feed by level from (action, side, price in ticks, quantity), one a second from second 1 on."""
    messages = recording(*((action, 0, side, ticks, quantity) for action, side, ticks, quantity in rows))
    messages["flags"] = LAST
    messages["sequence"] = np.arange(1, len(messages) + 1)
    return messages


def level_engine(messages, venues=("REC",), capture=None, **options):
    """(core, gate) over one symbol, X, whose levels were recorded at one venue or several; time begins at 0."""
    return _engine(lambda table: LevelReplayMarket(table, messages, start_ns=0, **options), venues, capture)
