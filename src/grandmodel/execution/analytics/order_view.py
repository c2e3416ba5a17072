"""One order of a journal's analysis in user units, and all of them as rows for CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.records import NO_PRICE
from .._core.values import LIQUIDITIES, ORDER_TYPES, Reason, Unknown
from ..sessions import ns_to_local
from .journal_costs import FLAG_BIT, FLAGS, HORIZON_NAMES, PARTS, JournalCosts, status_text
from .reasons import why
from .session_prices import SESSION

__all__ = ["ROW_FIELDS", "order_rows", "order_view"]

#: Columns of a row. Prices in the currency, costs in bps of the paper value, `total_e9` exact money in 1e-9.
ROW_FIELDS = (
    "order_id", "symbol", "side", "order_type", "algorithm", "strategy", "quantity", "filled_quantity", "status",
    "decision_time", "end_time", "decision_price", "arrival_price", "average_price", "end_price", "value",
    "total_e9", "total_bps", "delay_bps", "trading_bps", "spread_bps", "move_bps", "opportunity_bps", "fees_bps",
    "arrival_bps", "vwap_bps", "twap_bps", "pwp_bps", "open_bps", "close_bps", "previous_close_bps",
    "market_adjusted_bps", "participation", "spread_capture", "markout_1s_bps", "markout_10s_bps", "markout_1m_bps",
    "markout_5m_bps", "reversion_bps", "estimate_miss_bps", "children", "fills", "flags",
)  # fmt: skip
_FLOATS = (
    "total_bps", "delay_bps", "trading_bps", "spread_bps", "move_bps", "opportunity_bps", "fees_bps", "arrival_bps",
    "vwap_bps", "twap_bps", "pwp_bps", "open_bps", "close_bps", "previous_close_bps", "market_adjusted_bps",
    "participation", "spread_capture", "reversion_bps", "estimate_miss_bps", "average_price", "value",
)  # fmt: skip




def _texts(numbers: Any, word: Any) -> list[Any]:
    known = {number: word(number) for number in np.unique(numbers).tolist()}
    return [known[number] for number in numbers.tolist()]


def _time(ns: int) -> str | None:
    return ns_to_local(ns).isoformat() if ns > 0 else None


def _known(values: Any) -> list[Any]:
    return [None if value != value else value for value in values.tolist()]


def _prices(values: Any) -> list[Any]:
    return [None if value == NO_PRICE else value / 1e9 for value in values.tolist()]


def _flag_names(bits: int) -> str:
    return " ".join(name for name in FLAGS if bits & FLAG_BIT[name])


def order_rows(analysed: JournalCosts) -> Iterator[dict[str, Any]]:
    """A dict with ROW_FIELDS for each order; None where unknown."""
    o, names = analysed.orders, analysed.names
    out: dict[str, list[Any]] = {name: _known(o[name]) for name in _FLOATS}
    out |= {name: o[name].tolist() for name in ("order_id", "quantity", "filled_quantity", "children", "fills")}
    out |= {name: _prices(o[f"{name[:-6]}_e9"]) for name in ("decision_price", "arrival_price", "end_price")}
    out["total_e9"] = [None if value == NO_PRICE else value for value in o["total_e9"].tolist()]
    out["symbol"] = _texts(o["symbol"], names.symbol_text)
    out["side"] = ["buy" if side > 0 else "sell" for side in o["side"].tolist()]
    out["order_type"] = _texts(o["order_type"], lambda code: str(ORDER_TYPES.get(code, code)))
    out["algorithm"] = _texts(o["algorithm"], names.algorithm_text)
    out["strategy"] = _texts(o["strategy"], names.strategy_text)
    out["status"] = _texts(o["status"], status_text)
    out["decision_time"] = [_time(ns) for ns in o["decision_ns"].tolist()]
    out["end_time"] = [_time(ns) for ns in o["end_ns"].tolist()]
    for place, name in enumerate(HORIZON_NAMES):
        out[f"markout_{name}_bps"] = _known(o["markout_bps"][:, place])
    out["flags"] = _texts(o["flags"], _flag_names)
    for values in zip(*(out[name] for name in ROW_FIELDS), strict=True):
        yield dict(zip(ROW_FIELDS, values, strict=True))


def benchmark(analysed: JournalCosts, place: int, name: str) -> float:
    """The price of a benchmark in the currency, or a column of the orders; Unknown with its reason."""
    value = float(analysed.orders[name][place])
    return value if value == value else Unknown(why(analysed, name, place))


def order_view(analysed: JournalCosts, place: int) -> dict[str, Any]:
    """One order whole: its terms, stamps, prices, parts with reasons, benchmarks, its fills and what was sent."""
    o, f, c, names = analysed.orders, analysed.fills, analysed.children, analysed.names
    mine = analysed.fills_at(place)
    sent = np.flatnonzero(c["order"] == place)
    stamps = {name: _time(int(o[f"{name}_ns"][place])) for name in
              ("decision", "route", "acknowledged", "first_fill", "last_fill", "end")}  # fmt: skip
    prices = {name: _price(int(o[f"{name}_e9"][place]), name) for name in ("decision", "arrival", "end")}
    prices |= {
        name: benchmark(analysed, place, name) for name in ("average_price", "vwap", "twap", "pwp", *SESSION)
    }
    return {
        "order_id": int(o["order_id"][place]),
        "symbol": names.symbol_text(int(o["symbol"][place])),
        "side": "buy" if o["side"][place] > 0 else "sell",
        "order_type": str(ORDER_TYPES.get(int(o["order_type"][place]))),
        "limit_price": _price(int(o["limit_price_e9"][place]), "limit"),
        "algorithm": names.algorithm_text(int(o["algorithm"][place])),
        "strategy": names.strategy_text(int(o["strategy"][place])),
        "quantity": int(o["quantity"][place]),
        "filled_quantity": int(o["filled_quantity"][place]),
        "status": status_text(int(o["status"][place])),
        "reason": None if o["reason"][place] == 0 else _reason(int(o["reason"][place])),
        "times": stamps,
        "prices": prices,
        "parts_e9": {part: analysed.money_e9(place, part) for part in (*PARTS, "spread", "move")},
        "parts_bps": {part: analysed.bps(place, part) for part in PARTS}
        | {part: benchmark(analysed, place, f"{part}_bps") for part in ("spread", "move")},
        "against_bps": {name: benchmark(analysed, place, f"{name}_bps") for name in
                        ("arrival", "vwap", "twap", "pwp", *SESSION, "index", "market_adjusted")},
        "beta": benchmark(analysed, place, "beta"),
        "markout_bps": {name: _float(o["markout_bps"][place, k], analysed.markout_reason)
                        for k, name in enumerate(HORIZON_NAMES)},
        "reversion_bps": benchmark(analysed, place, "reversion_bps"),
        "participation": benchmark(analysed, place, "participation"),
        "spread_capture": benchmark(analysed, place, "spread_capture"),
        "estimate_miss_bps": benchmark(analysed, place, "estimate_miss_bps"),
        "percentile": _percentile(analysed, place),
        "flags": list(analysed.flag_texts(place)),
        "fills": [
            {"time": _time(int(f["time_ns"][i])), "price": int(f["price_e9"][i]) / 1e9,
             "quantity": int(f["quantity"][i]),
             "venue": names.venue_text(int(f["venue"][i])), "liquidity": str(LIQUIDITIES.get(int(f["liquidity"][i]))),
             "mid": _price(int(f["mid_e9"][i]), "quote"), "fee_e9": int(f["fee_e9"][i]),
             "cost_e9": None if f["cost_e9"][i] == NO_PRICE else int(f["cost_e9"][i])}
            for i in mine.tolist()
        ],
        "children": [
            {"order_id": int(c["order_id"][i]), "time": _time(int(c["sent_ns"][i])), "quantity": int(c["quantity"][i]),
             "limit_price": _price(int(c["limit_price_e9"][i]), "limit"),
             "filled_quantity": int(c["filled_quantity"][i]),
             "venue": names.venue_text(int(c["venue"][i])) if c["venue"][i] >= 0 else None,
             "status": status_text(int(c["status"][i]))}
            for i in sent.tolist()
        ],
    }  # fmt: skip


def _percentile(analysed: JournalCosts, place: int) -> float:
    """The share of what others traded between decision and end at a price worse than the order's average (R. Kissell,
    The Science of Algorithmic Trading and Portfolio Management, 2013: relative performance measure, by volume)."""
    o = analysed.orders
    average = benchmark(analysed, place, "average_price")
    if isinstance(average, Unknown):
        return average
    share = analysed.market.share_worse(
        int(o["symbol"][place]), int(o["decision_ns"][place]), int(o["end_ns"][place]), int(o["side"][place]), average
    )
    return Unknown(why(analysed, "vwap", place)) if share != share else share


def _reason(code: int) -> str:
    try:
        return Reason(code).name
    except ValueError:
        return str(code)


def _float(value: Any, why: str) -> float:
    number = float(value)
    return number if number == number else Unknown(why)


def _price(value_e9: int, what: str) -> float:
    return Unknown(f"no {what}") if value_e9 == NO_PRICE else value_e9 / 1e9
