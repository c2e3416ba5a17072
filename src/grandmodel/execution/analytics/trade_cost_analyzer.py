"""`TradeCostAnalyzer`: what trades cost, by part, by day and by venue.

The parts are Perold's (execution_cost.py): delay ("timing cost"), trading ("market impact"), opportunity and fees add
up to the implementation shortfall, exactly. All are fractions of order quantity times decision price, positive = bad
for the trader, with a `_bps` twin each; `vwap_performance` is positive where the trade beat the market's VWAP.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date as _date
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .._core.values import Unknown
from .significance import Interval, WeightedMean, clustered_mean, mean_interval
from .trade import UNSPECIFIED, Trade, TradeError, read_trade
from .trade_analysis import TradeAnalysis, analyse
from .venue_costs import VenueCosts, venue_costs

if TYPE_CHECKING:
    from .._core.submit import Core
    from .columns import OrderCosts
    from .order_analyses import OrderAnalyses
    from .references import References

#: Trades in each list of a day's best and worst.
PERFORMERS = 5
#: More samples than this need no bootstrap: their mean is as good as normal.
_BOOTSTRAPPED = 5000


@dataclass(frozen=True, slots=True)
class Group:
    """Some trades together: how many, their mean shortfall, and how many of them could not be measured."""

    trade_count: int
    avg_shortfall: float
    unknown: int


@dataclass(frozen=True, slots=True)
class DailyPerformance:
    """A day's trades. `avg_shortfall` is weighted by order value; `avg_shortfall_equal` counts each alike."""

    date: _date
    trade_count: int
    avg_shortfall: float
    avg_shortfall_equal: float
    unknown: int
    top_performers: Sequence[TradeAnalysis]
    worst_performers: Sequence[TradeAnalysis]
    by_symbol: Mapping[str, Group]
    by_strategy: Mapping[str, Group]
    by_algorithm: Mapping[str, Group]


@dataclass(frozen=True, slots=True)
class VenuePerformance:
    """A venue's fills of the trades that were analysed. Shortfall: fraction of the decision price, value-weighted.

    Of an engine's log, too: `effective_spread` and `markouts_bps` ({"1s", "10s", "1m", "5m"}: mean and interval) in bps
    by `venue_costs`, latency (median, 99th percentile), `routing_share` of the quantity sent, and `verdict` on half
    spread and fees against all other venues. Markouts are of the engine's capture where it has one.
    """

    avg_shortfall: float
    fill_rate: float
    share: float
    fills: int
    quantity: int
    interval: Interval
    effective_spread_bps: float
    rejects: int
    orders: int
    latency_ms: float
    routing_share: float = field(default_factory=lambda: Unknown("no engine's log"))
    latency_99_ms: float = field(default_factory=lambda: Unknown("no engine's log"))
    effective_spread: Interval | None = None
    markouts_bps: Mapping[str, Interval] = field(default_factory=dict)
    verdict: str = "nothing to compare with"


class TradeCostAnalyzer:
    """Analyses trades, keeps what it has analysed, and sums it up.

    Parameters
    ----------
    engine : an ExecutionEngine or one of its parts, for orders by id; None: trades are given as mappings
    references : index, betas, closes of the day before; None: of the engine's configuration, where it has one
    """

    def __init__(self, *, engine: Any = None, references: References | None = None) -> None:
        self._engine = engine
        self._references = references
        self._kept: list[TradeAnalysis] = []
        self._table: OrderAnalyses | None = None
        self._fresh: dict[int, TradeAnalysis] = {}  # out of the table as it is
        self._table_head = self._asked_head = -1  # of the log when it was looked at
        self._by_order: dict[int, int] = {}

    @overload
    def analyze_trade(self, trade: Mapping[str, Any] | int, *, arrival: str | None = None) -> TradeAnalysis: ...

    @overload
    def analyze_trade(self, trade: Any, fills: Any) -> OrderCosts: ...

    def analyze_trade(
        self, trade: Any, fills: Any = None, *, arrival: str | None = None
    ) -> TradeAnalysis | OrderCosts:
        """What a trade cost; what many trades cost, where they are given as columns: orders and their fills.

        Parameters
        ----------
        trade : mapping (symbol, quantity, average_price or fills, and what else is known: `read_trade`), or the id of
            an order of the engine that has ended
        fills : the fills, where `trade` is a table of orders; the answer is then that of `analyze_trades`
        arrival : "decision" takes the decision price for the arrival price where that is not known

        Raises
        ------
        TradeError   naming the field that is wrong
        UnknownOrder when the engine has no such order
        """
        if arrival is None and type(trade) is int and self._engine is not None:
            table = self._table
            if table is None or self._table_head != self._core.journal.head:
                return self._keep(trade, self._one(trade))
            known = self._fresh.get(trade)
            if known is None:
                known = self._fresh[trade] = self._keep(trade, table[trade] if trade in table else self._one(trade))
            return known
        if fills is not None:
            return self.analyze_trades(trade, fills)
        if arrival not in (None, "decision"):
            raise TradeError("arrival", arrival, "'decision' or left out")
        if isinstance(trade, bool) or not isinstance(trade, Mapping | int | np.integer):
            what = "a mapping, an order id, or, with fills beside it, a table of orders"
            raise TradeError("trade", type(trade).__name__, what)
        order_id = None if isinstance(trade, Mapping) else int(trade)
        read = read_trade(trade) if isinstance(trade, Mapping) else self._of_order(int(trade))
        found = analyse(read, order_id, arrival)
        if order_id is not None:
            return self._keep(order_id, found)
        self._kept.append(found)
        return found

    def analyze_trades(self, orders: Any, fills: Any, **more: Any) -> OrderCosts:
        """What many trades cost, as columns: nothing is kept of them here.

        Parameters
        ----------
        orders, fills : tables (mappings of arrays, or what has the Arrow C data interface: polars, pyarrow, DuckDB,
            pandas) as of `columns.order_costs`, which takes `more` too: quotes, trades, horizons_s, delay_basis
        """
        from .columns import order_costs

        return order_costs(orders, fills, **more)

    def get_daily_performance(self, date: _date | str) -> DailyPerformance:
        """The trades whose decision was on that date of the exchange; an engine's ended orders are analysed first.

        Raises TradeError when the date is none.
        """
        day = _day(date)
        self._take_ended()
        mine = [each for each in self._kept if each.day == day]
        known = sorted(
            (each for each in mine if math.isfinite(each.implementation_shortfall)),
            key=lambda each: each.implementation_shortfall,
        )
        return DailyPerformance(
            date=day,
            trade_count=len(mine),
            avg_shortfall=_weighted(known),
            avg_shortfall_equal=_plain(known),
            unknown=len(mine) - len(known),
            top_performers=tuple(known[:PERFORMERS]),
            worst_performers=tuple(known[::-1][:PERFORMERS]),
            by_symbol=_groups(mine, lambda each: each.trade.symbol),
            by_strategy=_groups(mine, lambda each: each.trade.strategy or UNSPECIFIED),
            by_algorithm=_groups(mine, lambda each: each.trade.algorithm or UNSPECIFIED),
        )

    def compare_venue_performance(self) -> dict[str, VenuePerformance]:
        """Each venue's fills of all trades that were analysed, by name; an engine's ended orders are analysed first.

        What needs the engine's log (effective spread, markouts, rejects, orders, latency) is Unknown or 0 for trades
        that were given as mappings.
        """
        self._take_ended()
        venues: dict[str, list[tuple[float, int, int]]] = {}
        asked: dict[str, tuple[int, int]] = {}
        for each in self._kept:
            trade = each.trade
            by_venue: dict[str, int] = {}
            decision = trade.decision_price_e9
            for venue, price, quantity in zip(
                trade.fill_venue, trade.fill_price_e9.tolist(), trade.fill_quantity.tolist(), strict=True
            ):
                by_venue[venue] = by_venue.get(venue, 0) + quantity
                cost = math.nan if decision is None else trade.side * (price - decision) / decision
                venues.setdefault(venue, []).append((cost, quantity, price))
            if each.order_id is None:  # where several venues filled it, nobody knows what each was asked for
                alone = next(iter(by_venue)) if len(by_venue) == 1 else None
                for venue, filled in by_venue.items():
                    ordered = trade.order_quantity if venue == alone else filled
                    before = asked.get(venue, (0, 0))
                    asked[venue] = before[0] + filled, before[1] + ordered
        sent = {} if self._engine is None else {each.name: each for each in venue_costs(self._orders().analysed)}
        total = sum(quantity for fills in venues.values() for _, quantity, _ in fills)
        return {
            venue: _venue(venues.get(venue, []), asked.get(venue, (0, 0)), sent.get(venue), total)
            for venue in sorted({*venues, *sent})
        }

    @property
    def analyses(self) -> tuple[TradeAnalysis, ...]:
        """All that was analysed, in the order of asking."""
        return tuple(self._kept)

    # ---- an engine's orders

    @cached_property
    def _core(self) -> Core:
        from ..engine import core_of

        if self._engine is None:
            raise TradeError("trade", "an order id", "a mapping: this analyzer has no engine")
        return core_of(self._engine)

    @cached_property
    def _known(self) -> References | None:
        from ..engine import config_of
        from .references import References

        config = config_of(self._core)
        return References.of_config(config) if self._references is None and config is not None else self._references

    def _orders(self) -> OrderAnalyses:
        """All of the engine's orders as its log stands now; analysed again when it has grown."""
        from .journal_costs import analyse_journal
        from .order_analyses import OrderAnalyses

        journal = self._core.journal
        if self._table is None or self._table_head != journal.head:
            self._table_head = journal.head
            core = self._core
            capture = core.capture
            if capture is not None and not core.closed:
                core.flush_capture()
            path = None if capture is None else capture.path
            self._table = OrderAnalyses(analyse_journal(journal, path, names=core, references=self._known))
            self._fresh = {}
        return self._table

    def _one(self, order_id: int) -> TradeAnalysis:
        """One order, from its own part of the log; asked again of a log that stands still, from all of it at once."""
        from .journal_costs import analyse_records
        from .journal_records import read_records
        from .order_analyses import OrderAnalyses

        core = self._core
        order = core.get_order(order_id)
        if not order.status.is_closed:
            raise TradeError("trade", order_id, f"the id of an order that has ended; this one is {order.status}")
        head, self._asked_head = self._asked_head, core.journal.head
        if head == self._asked_head:
            table = self._orders()
        else:
            first, last = core.journal.find(order_id) or (0, -1)
            records = read_records(core.journal, first=first, last=last + 256, names=core)
            table = OrderAnalyses(analyse_records(records, references=self._known))
        if order_id in table:
            found = table[order_id]
            if not isinstance(found.implementation_shortfall, Unknown):
                return found
        return analyse(self._of_order(order_id), order_id, None)

    def _take_ended(self) -> None:
        """Analyses the engine's ended orders that are no children and that have not been asked for yet."""
        if self._engine is None:
            return
        table = self._orders()
        for order_id in table.ids:
            if order_id not in self._by_order:
                self._by_order[order_id] = len(self._kept)
                self._kept.append(table[order_id])

    def _keep(self, order_id: int, found: TradeAnalysis) -> TradeAnalysis:
        place = self._by_order.setdefault(order_id, len(self._kept))
        if place == len(self._kept):
            self._kept.append(found)
        else:
            self._kept[place] = found
        return found

    def _of_order(self, order_id: int) -> Trade:
        from .execution_cost import execution_cost

        core = self._core
        order = core.get_order(order_id)
        if not order.status.is_closed:
            raise TradeError("trade", order_id, f"the id of an order that has ended; this one is {order.status}")
        cost = execution_cost(core, order_id)
        return Trade(
            symbol=order.symbol,
            side=order.side.sign,
            order_quantity=order.quantity,
            fill_quantity=np.ascontiguousarray(cost.fills["quantity"]),
            fill_price_e9=np.ascontiguousarray(cost.fills["price_e9"]),
            fill_venue=tuple(core.venue_text(int(number)) for number in cost.fills["venue"]),
            fill_ns=tuple(int(ns) for ns in cost.fills["venue_time_ns"]),
            decision_price_e9=order.arrival_mid_e9,
            arrival_price_e9=_e9(cost.arrival_price),
            end_price_e9=_e9(cost.end_price),
            market_vwap_e9=None,
            fees_e9=order.fees_e9,
            decision_ns=order.created_ns,
            start_ns=order.created_ns,
            end_ns=order.updated_ns,
            strategy=order.strategy,
            algorithm=order.algorithm,
            assumptions=(),
            flags=(),
        )


def _e9(price: float) -> int | None:
    return None if math.isnan(price) else round(price * 1e9)


# ---- sums


def _day(date: _date | str) -> _date:
    if isinstance(date, datetime):
        return date.date()
    if isinstance(date, _date):
        return date
    try:
        return _date.fromisoformat(date)
    except (TypeError, ValueError):
        raise TradeError("date", date, "a date or YYYY-MM-DD") from None


def _worth(each: TradeAnalysis) -> float:
    decision = each.trade.decision_price_e9
    return 0.0 if decision is None else each.trade.order_quantity * (decision / 1e9)


def _weighted(known: Sequence[TradeAnalysis]) -> float:
    total = math.fsum(map(_worth, known))
    if total == 0:
        return Unknown("no trade that could be measured")
    return math.fsum(_worth(each) * each.implementation_shortfall for each in known) / total


def _plain(known: Sequence[TradeAnalysis]) -> float:
    if not known:
        return Unknown("no trade that could be measured")
    return math.fsum(each.implementation_shortfall for each in known) / len(known)


def _groups(mine: Sequence[TradeAnalysis], key: Any) -> dict[str, Group]:
    out: dict[str, list[TradeAnalysis]] = {}
    for each in mine:
        out.setdefault(key(each), []).append(each)
    groups = {}
    for name, members in sorted(out.items()):
        known = [each for each in members if math.isfinite(each.implementation_shortfall)]
        groups[name] = Group(len(members), _weighted(known), len(members) - len(known))
    return groups


def _interval(mean: WeightedMean) -> Interval:
    return Interval(mean.mean, mean.low, mean.high, mean.count, mean.clusters)


def _cost_interval(known: Sequence[float], fills: int, sent: VenueCosts | None) -> Interval:
    """Of a venue's costs as fractions. An engine's fills by symbol and half hour; given ones each for itself."""
    if sent is not None and sent.fills == fills:
        mean = sent.cost_bps
        return Interval(mean.mean / 1e4, mean.low / 1e4, mean.high / 1e4, mean.count, mean.clusters)
    if len(known) <= _BOOTSTRAPPED:
        return mean_interval(known)
    return _interval(clustered_mean(known, np.ones(len(known)), np.arange(len(known))))


def _venue(
    fills: Sequence[tuple[float, int, int]], asked: tuple[int, int], sent: VenueCosts | None, total: int
) -> VenuePerformance:
    known = [(cost, quantity * price) for cost, quantity, price in fills if math.isfinite(cost)]
    worth = sum(weight for _, weight in known)
    filled, ordered = asked
    if sent is not None:
        filled, ordered = filled + sent.filled, ordered + sent.quantity
    unseen = Unknown("no engine's log")
    return VenuePerformance(
        avg_shortfall=sum(cost * weight for cost, weight in known) / worth if worth else Unknown("no decision price"),
        fill_rate=filled / ordered if ordered else Unknown("nothing was sent there"),
        share=sum(quantity for _, quantity, _ in fills) / total if total else Unknown("nothing was filled"),
        fills=len(fills),
        quantity=sum(quantity for _, quantity, _ in fills),
        interval=_cost_interval([cost for cost, _ in known], len(fills), sent),
        effective_spread_bps=unseen if sent is None else sent.effective_bps.mean,
        rejects=0 if sent is None else sent.rejects,
        orders=0 if sent is None else sent.orders,
        latency_ms=unseen if sent is None else sent.latency_ms,
        routing_share=unseen if sent is None else sent.share,
        latency_99_ms=unseen if sent is None else sent.latency_99_ms,
        effective_spread=None if sent is None else _interval(sent.effective_bps),
        markouts_bps={} if sent is None else {name: _interval(mean) for name, mean in sent.markout_bps.items()},
        verdict="nothing to compare with" if sent is None else sent.against_rest.verdict,
    )
