"""`TradeAnalysis` of an engine's orders out of the columns of its journal's analysis: looked up, not worked out again.

Columns are turned into rows of Python values once, since reading an array's element costs as much as several of these.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._core.records import NO_PRICE
from .._core.values import Unknown
from .frozen import maker
from .journal_costs import FLAG_BIT, JournalCosts
from .reasons import reasons_of
from .trade import Trade
from .trade_analysis import BENCHMARKS, TradeAnalysis

__all__ = ["OrderAnalyses"]

_ORDER = ("total", "trading", "delay", "opportunity", "fees")  # as TradeAnalysis has them
_NOTHING = Unknown("nothing was filled")
_trade, _analysis = maker(Trade), maker(TradeAnalysis)


class OrderAnalyses:
    """The orders of an analysed journal that have ended and are no children, by id."""

    def __init__(self, analysed: JournalCosts) -> None:
        self.analysed = analysed
        o, names = analysed.orders, analysed.names
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
        texts = {bits: analysed.flag_texts(int((o["flags"] == bits).argmax())) for bits in set(o["flags"].tolist())}

        def words(name: str, word: Callable[[int], str | None]) -> list[str | None]:
            known = {number: word(number) for number in set(o[name].tolist())}
            return [known[number] for number in o[name].tolist()]

        def maybe(name: str, nothing: int = NO_PRICE) -> list[int | None]:
            return [None if value == nothing else value for value in o[name].tolist()]

        against = zip(*(self._against(name) for name in BENCHMARKS), strict=True)
        vwap = [None if value != value else round(value * 1e9) for value in o["vwap"].tolist()]
        rate = (o["filled_quantity"] / o["quantity"]).tolist()
        self._rows = list(zip(
            o["order_id"].tolist(), words("symbol", names.symbol_text), o["side"].tolist(), o["quantity"].tolist(),
            rate, maybe("decision_e9"), maybe("arrival_e9"), maybe("end_e9"), o["fees_e9"].tolist(),
            o["decision_ns"].tolist(), maybe("route_ns", 0), maybe("end_ns", 0), words("strategy", names.strategy_text),
            words("algorithm", names.algorithm_text),
            [texts[bits] for bits in o["flags"].tolist()],
            o["average_price"].tolist(), vwap, (o["vwap_bps"] / -1e4).tolist(),
            *((o[f"{part}_bps"] / 1e4).tolist() for part in _ORDER), *(maybe(f"{part}_e9") for part in _ORDER),
            self._bounds, self._bounds[1:], against, strict=False,
        ))  # fmt: skip
        self._no_vwap = Unknown(
            "nothing was filled, or nobody else traded meanwhile"
            if analysed.market.has_prints
            else "the journal has no prints"
        )

    def _against(self, name: str) -> list[float]:
        """A benchmark's column in bps, Unknown with its reason where it is not known."""
        values = self.analysed.orders[f"{name}_bps"]
        known = np.isfinite(values)
        if known.all():
            told: list[float] = values.tolist()
            return told
        texts, codes = reasons_of(self.analysed, f"{name}_bps")
        unknown = np.array([Unknown(text or "not known") for text in texts], object)
        either: list[float] = np.where(known, values.astype(object), unknown[codes]).tolist()
        return either

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._place

    def __getitem__(self, order_id: int) -> TradeAnalysis:
        """What an order cost. KeyError for one that is not here."""
        place = self._place[order_id]
        (order, symbol, side, quantity, rate, decision, arrival, end, fees_e9, decision_ns, route_ns, end_ns, strategy,
         algorithm, flags, average, vwap, performance, total, trading, delay, opportunity, fees, total_e9, trading_e9,
         delay_e9, opportunity_e9, _, begin, stop, against) = self._rows[place]  # fmt: skip
        trade = _trade(
            symbol, side, quantity, self._quantity[begin:stop], self._price[begin:stop], tuple(self._venue[begin:stop]),
            tuple(self._ns[begin:stop]), decision, arrival, end, vwap, fees_e9, decision_ns, route_ns, end_ns, strategy,
            algorithm, (), flags,
        )  # fmt: skip
        if total != total or delay != delay or trading != trading or opportunity != opportunity:
            total, trading, delay, opportunity, fees = (self.analysed.bps(place, part) / 1e4 for part in _ORDER)
        return _analysis(
            trade, order, total, trading, delay, opportunity, fees,
            performance if performance == performance else self._no_vwap,
            average if average == average else _NOTHING, rate,
            {"delay": delay_e9, "trading": trading_e9, "opportunity": opportunity_e9, "fees": fees_e9,
             "total": total_e9},
            (), flags, against,
        )  # fmt: skip
