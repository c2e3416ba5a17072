"""`TradeAnalysis` of an engine's orders out of the columns of its journal's analysis: looked up, not worked out again.

Columns are turned into rows of Python values once, since reading an array's element costs as much as several of these.
"""

from __future__ import annotations

from .._core.records import NO_PRICE
from .._core.values import Unknown
from .journal_costs import FLAG_BIT, JournalCosts
from .trade import Trade
from .trade_cost_analyzer import TradeAnalysis

__all__ = ["OrderAnalyses"]

_PARTS = ("delay", "trading", "opportunity", "fees", "total")
_LISTS = (
    "order_id", "symbol", "side", "quantity", "filled_quantity", "decision_e9", "arrival_e9", "end_e9", "fees_e9",
    "decision_ns", "route_ns", "end_ns", "strategy", "algorithm", "flags", "average_price", "vwap",
    *(f"{part}_bps" for part in _PARTS), *(f"{part}_e9" for part in _PARTS if part != "fees"),
)  # fmt: skip


_ORDER = ("total", "trading", "delay", "opportunity", "fees")  # as TradeAnalysis has them
_NOTHING = Unknown("nothing was filled")


class OrderAnalyses:
    """The orders of an analysed journal that have ended and are no children, by id."""

    def __init__(self, analysed: JournalCosts) -> None:
        self.analysed = analysed
        o, names = analysed.orders, analysed.names
        self._rows = list(zip(*(o[name].tolist() for name in _LISTS), strict=True))
        ended = (o["flags"] & (FLAG_BIT["open"] | FLAG_BIT["rejected"])) == 0
        self.ids: list[int] = o["order_id"][ended].tolist()
        self._place = {order_id: place for place, order_id in zip(ended.nonzero()[0].tolist(), self.ids, strict=True)}
        places, bounds = analysed.fills_of
        f = analysed.fills
        self._bounds: list[int] = bounds.tolist()
        self._quantity, self._price = f["quantity"][places], f["price_e9"][places]
        self._ns: list[int] = f["time_ns"][places].tolist()
        venues = {number: names.venue_text(number) for number in set(f["venue"].tolist())}
        self._venue = [venues[number] for number in f["venue"][places].tolist()]
        self._symbols = {number: names.symbol_text(number) for number in set(o["symbol"].tolist())}
        self._strategies = {number: names.strategy_text(number) for number in set(o["strategy"].tolist())}
        self._algorithms = {number: names.algorithm_text(number) for number in set(o["algorithm"].tolist())}
        flags = set(o["flags"].tolist())
        first = {bits: int((o["flags"] == bits).argmax()) for bits in flags}
        self._flags = {bits: analysed.flag_texts(place) for bits, place in first.items()}
        self._no_vwap = Unknown(
            "nothing was filled, or nobody else traded meanwhile"
            if analysed.market.has_prints
            else "the journal has no prints"
        )

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._place

    def __getitem__(self, order_id: int) -> TradeAnalysis:
        """What an order cost. KeyError for one that is not here."""
        place = self._place[order_id]
        (order, symbol, side, quantity, filled, decision, arrival, end, fees_e9, decision_ns, route_ns, end_ns,
         strategy, algorithm, flags, average, vwap, delay, trading, opportunity, fees, total, delay_e9, trading_e9,
         opportunity_e9, total_e9) = self._rows[place]  # fmt: skip
        begin, stop = self._bounds[place], self._bounds[place + 1]
        trade = Trade(
            self._symbols[symbol], side, quantity, self._quantity[begin:stop], self._price[begin:stop],
            tuple(self._venue[begin:stop]), tuple(self._ns[begin:stop]), _e9(decision), _e9(arrival), _e9(end),
            None if vwap != vwap else round(vwap * 1e9), fees_e9, decision_ns, route_ns or None, end_ns or None,
            self._strategies[strategy], self._algorithms[algorithm], (), self._flags[flags],
        )  # fmt: skip
        parts = {
            "delay": delay_e9, "trading": trading_e9, "opportunity": opportunity_e9, "fees": fees_e9, "total": total_e9,
        }  # fmt: skip
        if total == total and delay == delay and trading == trading and opportunity == opportunity:
            shares = total / 1e4, trading / 1e4, delay / 1e4, opportunity / 1e4, fees / 1e4
        else:
            shares = tuple(self.analysed.bps(place, part) / 1e4 for part in _ORDER)  # type: ignore[assignment]
            parts = {name: _e9(value) for name, value in parts.items()}
        return TradeAnalysis(
            trade, order, *shares,
            self._no_vwap if vwap != vwap or average != average else -side * (average / vwap - 1.0),
            average if filled else _NOTHING, filled / quantity, parts, (), trade.flags,
        )  # fmt: skip


def _e9(value: int) -> int | None:
    return None if value == NO_PRICE else value
