"""What one trade cost, as `analyze_trade` gives it; and how it is worked out of a trade that somebody gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as _date
from typing import Any

import numpy as np

from .._core import costs
from .._core.values import Unknown
from .benchmarks import market_adjusted_bps
from .day_summary import BENCHMARKS
from .execution_cost import PARTS
from .trade import Trade

__all__ = ["BENCHMARKS", "TradeAnalysis", "analyse"]

#: The key of a trade that gives a benchmark, as far as it is not a price of the trade's own.
_GIVEN = {"twap": "market_twap", "pwp": "market_pwp", "open": "open_price", "close": "close_price",
          "previous_close": "previous_close"}  # fmt: skip
_NO_FILLS = Unknown("nothing was filled")


@dataclass(frozen=True, slots=True)
class TradeAnalysis:
    """What one trade cost. A part that cannot be known is Unknown with its reason; `assumptions` says what was taken
    for granted, `flags` what is odd about the trade. `parts_e9`: the same in 1e-9 of the currency, None where unknown.
    `against_bps`: the average price against BENCHMARKS, in their order; `benchmarks_bps` names them.
    """

    trade: Trade
    order_id: int | None
    implementation_shortfall: float
    market_impact: float
    timing_cost: float
    opportunity_cost: float
    fees: float
    vwap_performance: float
    average_price: float
    fill_rate: float
    parts_e9: Mapping[str, int | None]
    assumptions: tuple[str, ...]
    flags: tuple[str, ...]
    against_bps: tuple[float, ...]

    @property
    def benchmarks_bps(self) -> dict[str, float]:
        """Average price against arrival, interval VWAP and TWAP, PWP, open, close and previous close, and against
        arrival less beta times the index's own move (market-adjusted), in bps; positive is bad, Unknown says why."""
        return dict(zip(BENCHMARKS, self.against_bps, strict=True))

    @property
    def implementation_shortfall_bps(self) -> float:
        return self.implementation_shortfall * 1e4

    @property
    def market_impact_bps(self) -> float:
        return self.market_impact * 1e4

    @property
    def timing_cost_bps(self) -> float:
        return self.timing_cost * 1e4

    @property
    def opportunity_cost_bps(self) -> float:
        return self.opportunity_cost * 1e4

    @property
    def fees_bps(self) -> float:
        return self.fees * 1e4

    @property
    def vwap_performance_bps(self) -> float:
        return self.vwap_performance * 1e4

    @property
    def vwap_slippage_bps(self) -> float:
        """Average price against the market's VWAP, positive = bad: minus `vwap_performance_bps`."""
        return -self.vwap_performance * 1e4

    @property
    def day(self) -> _date | None:
        """The exchange's date of the decision (of the first time that is known); None without any."""
        from ..sessions import session_date

        trade = self.trade
        known = (trade.decision_ns, trade.start_ns, trade.end_ns, *trade.fill_ns)
        first = next((ns for ns in known if ns is not None), None)
        return None if first is None else session_date(first)

    def to_dict(self) -> dict[str, Any]:
        """The figures as one flat mapping."""
        names = (
            "implementation_shortfall", "market_impact", "timing_cost", "opportunity_cost", "fees", "vwap_performance",
        )  # fmt: skip
        return {
            "order_id": self.order_id,
            "symbol": self.trade.symbol,
            "side": "buy" if self.trade.side > 0 else "sell",
            "order_quantity": self.trade.order_quantity,
            "filled_quantity": self.trade.filled_quantity,
            "average_price": self.average_price,
            **{name: getattr(self, name) for name in names},
            **{f"{name}_bps": getattr(self, f"{name}_bps") for name in names},
            "benchmarks_bps": self.benchmarks_bps,
            "assumptions": list(self.assumptions),
            "flags": list(self.flags),
        }


def analyse(trade: Trade, order_id: int | None, arrival: str | None) -> TradeAnalysis:
    assumptions = list(trade.assumptions)
    arrival_e9 = trade.arrival_price_e9
    if arrival_e9 is None and arrival == "decision":
        arrival_e9 = trade.decision_price_e9
        assumptions.append("the decision price is taken for the arrival price")
    if trade.fees_e9 is None:
        assumptions.append("fees were not given: the shortfall is before fees")
    found = costs.shortfall_one(
        trade.side, trade.order_quantity, trade.decision_price_e9, arrival_e9, trade.end_price_e9, trade.fees_e9 or 0,
        trade.fill_quantity, trade.fill_price_e9,
    )  # fmt: skip
    parts: dict[str, int | None] = {part: getattr(found, f"{part}_e9") for part in PARTS}
    values: dict[str, float] = {}
    for part in PARTS:
        value = getattr(found, f"{part}_bps") / 1e4
        values[part] = value if value == value else Unknown(found.reason(part) or "no decision price")
    if trade.fees_e9 is None:
        parts["fees"], values["fees"] = None, Unknown("fees were not given")
    average = found.average_price if trade.filled_quantity else Unknown("nothing was filled")
    performance: float = Unknown("no market data: give market_vwap")
    if trade.market_vwap_e9 is not None and trade.filled_quantity:
        performance = -trade.side * (float(average) / (trade.market_vwap_e9 / 1e9) - 1.0)
    return TradeAnalysis(
        trade=trade,
        order_id=order_id,
        implementation_shortfall=values["total"],
        market_impact=values["trading"],
        timing_cost=values["delay"],
        opportunity_cost=values["opportunity"],
        fees=values["fees"],
        vwap_performance=performance,
        average_price=average,
        fill_rate=trade.filled_quantity / trade.order_quantity,
        parts_e9=parts,
        assumptions=tuple(assumptions),
        flags=trade.flags,
        against_bps=_against(trade, found.average_price if trade.filled_quantity else None, arrival_e9),
    )


def _against(trade: Trade, average: float | None, arrival_e9: int | None) -> tuple[float, ...]:
    """The average price against each of BENCHMARKS, in bps."""
    if average is None:
        return (_NO_FILLS,) * len(BENCHMARKS)
    given = trade.others or {}
    prices = {name: given.get(key) for name, key in _GIVEN.items()}
    prices["arrival"] = None if arrival_e9 is None else arrival_e9 / 1e9
    prices["vwap"] = None if trade.market_vwap_e9 is None else trade.market_vwap_e9 / 1e9
    missing = {"arrival": "no arrival price", "vwap": "no market data: give market_vwap"}
    missing |= {name: f"no market data: give {key}" for name, key in _GIVEN.items()}
    out: dict[str, float] = {}
    for name, price in prices.items():
        out[name] = Unknown(missing[name]) if price is None else trade.side * (average / price - 1.0) * 1e4
    out["market_adjusted"] = _adjusted(trade, out["arrival"])
    return tuple(out[name] for name in BENCHMARKS)


def _adjusted(trade: Trade, arrival_bps: float) -> float:
    given = trade.others or {}
    for key, reason in (("beta", "no beta: give beta"), ("index_arrival", "no index named: give index_arrival"),
                        ("index_vwap", "no index named: give index_vwap")):  # fmt: skip
        if key not in given:
            return Unknown(reason)
    if arrival_bps != arrival_bps:
        return arrival_bps
    beta, arrival, vwap = (np.array([given[key]]) for key in ("beta", "index_arrival", "index_vwap"))
    return float(market_adjusted_bps(np.array([trade.side]), np.array([arrival_bps]), beta, arrival, vwap)[0])
