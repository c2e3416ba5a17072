"""Somebody else's orders and fills, analysed: what they cost, and what is wrong with the data.

What is odd is named and counted (`Finding`). An order that it touches is set aside with the reason, and so is in no
average; a quote that is no market leaves its fill out of the measures that need it, and out of no other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._core import costs
from .._core.costs import PRICE_UNKNOWN, reason_text
from .._core.values import Unknown
from .arrow import Array
from .columns import OrderCosts, order_costs
from .foreign_map import ForeignMap, read_map
from .foreign_orders import Fills, Finding, Orders, check_lives, kinds_of
from .foreign_read import read_file
from .market import Market, read_market
from .references import References

__all__ = ["Finding", "ForeignResult", "analyse"]


@dataclass(frozen=True, slots=True, eq=False)
class ForeignResult:
    """What somebody else's orders cost.

    order_id, columns : the orders that were analysed, and what they cost by column (`OrderCosts` and `columns.py`)
    set_aside : orders that were not, with the reasons
    fills : their fills by column: order (row of the above), venue, quantity, price, slippage to mid and arrival
    findings : the data-quality section
    summary : averages, each a number or Unknown with its reason; costs in basis points, positive = bad
    venues : by venue, the same of its fills
    assumptions : what was taken for granted
    """

    order_id: tuple[str, ...]
    columns: Mapping[str, Any]
    set_aside: Mapping[str, tuple[str, ...]]
    fills: Mapping[str, Any]
    findings: tuple[Finding, ...]
    summary: Mapping[str, float]
    venues: Mapping[str, Mapping[str, float]]
    horizons_s: tuple[float, ...]
    assumptions: tuple[str, ...]


def analyse(
    file: str | os.PathLike[str], columns: ForeignMap | str | os.PathLike[str] | Mapping[str, Any], *,
    quotes: str | os.PathLike[str] | None = None, trades: str | os.PathLike[str] | None = None,
    references: References | None = None,
) -> ForeignResult:  # fmt: skip
    """Orders and fills of a file, by a map of its columns, against quotes and trades.

    Parameters
    ----------
    file : CSV (also .gz, .xz, .zip), Parquet or FIX 4.x execution reports
    columns : the map, see `foreign_map`
    quotes, trades : CSV or Parquet; without quotes a fill is measured against the quote in its own row, if the map
        names one, and there are no markouts
    references : index, betas, closes of the day before, beside the trades

    Raises
    ------
    MapError      the map is refused
    ForeignError  a file cannot be read, or has not the columns that the map names
    """
    plan = columns if isinstance(columns, ForeignMap) else read_map(columns)
    market = read_market(plan, quotes, trades)
    rows = read_file(Path(file), plan.fills)
    kinds = kinds_of(rows)
    orders = Orders(rows, kinds, plan)
    quality = orders.quality
    fills = Fills(rows, kinds, orders, plan)
    check_lives(orders, fills)
    for what, table, odd in market.findings:
        quality.note(what, table, odd)
    good = np.array([not reasons for reasons in quality.reasons], bool)
    number = np.where(good, np.cumsum(good) - 1, -1)
    fills.keep(good[fills.order])
    orders.priced(market)
    return _measured(orders, fills, market, plan, good, number, References() if references is None else references)


def _measured(
    orders: Orders, fills: Fills, market: Market, plan: ForeignMap, good: Array, number: Array,
    references: References,
) -> ForeignResult:  # fmt: skip
    """The costs of the orders that are left."""
    of = number[fills.order]
    fees, known = _fees(orders, fills, good, of)
    table: dict[str, Array] = {"side": orders.side[good], "quantity": orders.quantity[good]}
    table["fees_e9"] = np.where(known, fees, 0)
    for name in ("decision", "arrival", "end"):
        price = orders.price[f"{name}_price"]
        if price is not None:
            table[f"{name}_e9"] = price[good]
    kept = [k for k, is_good in enumerate(good.tolist()) if is_good]
    begin, end = _intervals(orders, fills, good, of)
    trades = None
    if begin is not None and end is not None:
        table |= {"arrival_time_ns": begin, "end_time_ns": end}
        decided = orders.time["decision_time"]
        if decided is not None and decided[1][good].all():
            table["decision_time_ns"] = decided[0][good]
        table["symbol"] = np.array([orders.symbol[k] for k in kept], object)
        trades = market.trades
    flow = {"order": of, "quantity": fills.quantity, "price_e9": fills.price}
    flow |= _quoted(orders, fills, market, plan.horizons_s)
    found = order_costs(table, flow, trades=trades, horizons_s=plan.horizons_s, references=references)
    if references.index is not None and "market_adjusted_bps" in found.more and market.quotes is None:
        orders.assumptions.append(f"{references.index} at an arrival is its last trade: there are no quotes of it")
    columns = _columns(found, known, orders.step)
    told = _fill_columns(fills, flow, table, plan.horizons_s)
    reasons = enumerate(orders.quality.reasons)
    return ForeignResult(
        order_id=tuple(orders.ids[k] for k in kept),
        columns=columns,
        set_aside={orders.ids[k]: tuple(why) for k, why in reasons if why},
        fills=told,
        findings=orders.quality.findings(),
        summary=_summary(columns, told, table, fills, references),
        venues=_venues(told, fills),
        horizons_s=plan.horizons_s,
        assumptions=tuple(orders.assumptions),
    )


# ---- what is measured


def _fees(orders: Orders, fills: Fills, good: Array, of: Array) -> tuple[Array, Array]:
    """(fees, known) of each order: what it was charged, and what its fills were."""
    n = int(good.sum())
    fees, known = np.zeros(n, np.int64), np.zeros(n, bool)
    if orders.fees is not None:
        known = orders.fees[good] != PRICE_UNKNOWN
        fees = np.where(known, orders.fees[good], 0)
    if "fees" in fills.told:
        paid = fills.told["fees"]
        unknown = paid == PRICE_UNKNOWN
        np.add.at(fees, of, np.where(unknown, 0, paid))
        known = (known | (orders.fees is None)) & (np.bincount(of[unknown], minlength=n) == 0)
    return fees, known


def _intervals(orders: Orders, fills: Fills, good: Array, of: Array) -> tuple[Array | None, Array | None]:
    """From each order's arrival (else decision) to its last fill."""
    told = orders.time["arrival_time"] or orders.time["decision_time"]
    if told is None or fills.time is None:
        return None, None
    end = told[0][good].copy()
    np.maximum.at(end, of, fills.time)
    return told[0][good], end


def _quoted(orders: Orders, fills: Fills, market: Market, horizons_s: tuple[float, ...]) -> dict[str, Array]:
    """The quote each fill met (bid, ask, mid) and the mids after it; what is no market is noted."""
    told, rows = fills.told, fills.rows
    out: dict[str, Array] = {}

    def note(what: str, odd: Array) -> None:
        where = np.zeros(len(rows), bool)
        where[fills.line[odd]] = True
        orders.quality.note(what, rows, where)

    if market.quotes is not None and fills.time is not None:
        lags = [round(h * 1e9) for h in horizons_s]
        mid, reason, row = market.join(fills.time, [orders.symbol[k] for k in fills.order], [-1, *lags])
        crossed = (reason[:, 0] & costs.QUOTE_CROSSED) != 0
        at = np.maximum(row[:, 0], 0)
        for name, side in (("bid_e9", market.quotes.bid_e9), ("ask_e9", market.quotes.ask_e9)):
            out[name] = np.where(reason[:, 0] == 0, side[at] if len(side) else 0, PRICE_UNKNOWN)
        out |= {f"mid_{h:g}_e9": mid[:, k + 1] for k, h in enumerate(horizons_s)}
        out["mid"] = mid[:, 0]
        note("fill at a crossed quote", crossed)
        note("fill without a quote", (reason[:, 0] != 0) & ~crossed)
    elif "bid" in told and "ask" in told:
        bid, ask = told["bid"], told["ask"]
        there = (bid > 0) & (ask > 0)
        note("fill at a crossed quote", there & (bid > ask))
        note("fill without a quote", ~there)
        out = {"bid_e9": bid, "ask_e9": ask}
        out["mid"] = np.where(there & (bid <= ask), bid + (ask - bid) // 2, PRICE_UNKNOWN)
    if "mid" in told:
        out["mid"] = np.where(told["mid"] > 0, told["mid"], PRICE_UNKNOWN)
    return out


def _columns(found: OrderCosts, fees_known: Array, step: float) -> dict[str, Any]:
    """The columns of the orders: before fees what needs none, and the total only where the fees are known."""
    out = {name: values.copy() for name, values in found.columns().items()}
    total, reason = out["total_e9"], out["total_reason"]
    out["before_fees_e9"] = np.where(reason == 0, total - out["fees_e9"], PRICE_UNKNOWN)
    out["before_fees_bps"] = out["total_bps"] - out["fees_bps"]
    out["before_fees_reason"] = reason.copy()
    for part in ("fees", "total"):
        out[f"{part}_e9"][~fees_known] = PRICE_UNKNOWN
        out[f"{part}_bps"][~fees_known] = np.nan
        out[f"{part}_reason"][~fees_known] |= costs.REASON_NO_FEES
    if step != 1.0:  # money was of whole steps
        for name in [f"{part}_e9" for part in (*costs.PARTS, "before_fees", "spread_cost")]:
            if name in out and name != "fees_e9":
                scaled = np.rint(out[name] * step)
                out[name] = np.where(out[name] == PRICE_UNKNOWN, PRICE_UNKNOWN, scaled).astype(np.int64)
    return out


def _fill_columns(
    fills: Fills, flow: Mapping[str, Array], table: Mapping[str, Array], horizons_s: tuple[float, ...]
) -> dict[str, Any]:
    """The fills: costs in basis points of the reference (mid, arrival), markouts of the price paid."""
    of = flow["order"]
    signs = table["side"][of]
    nothing = np.full(len(of), PRICE_UNKNOWN)

    def against(reference: Array) -> Array:
        known = np.where(reference > 0, reference / 1e9, np.nan)
        return costs.vwap_slippage(signs, fills.price / 1e9, known)

    out = {
        "order": of, "venue": np.array(fills.venue, object), "quantity": fills.quantity, "price_e9": fills.price,
        "slippage_mid_bps": against(flow.get("mid", nothing)),
        "slippage_arrival_bps": against(table["arrival_e9"][of] if "arrival_e9" in table else nothing),
    }  # fmt: skip
    if "bid_e9" in flow:  # per share: the half spread, and what was earned of it
        bid, ask = flow["bid_e9"], flow["ask_e9"]
        usable = (bid > 0) & (ask >= bid)
        half = np.where(usable, ask - np.where(usable, bid, 0), 0) / 2e9
        out["half_spread"] = half
        gap = np.where(usable, np.where(usable, bid, 0) + half * 1e9 - fills.price, 0) / 1e9
        out["earned"] = np.where(usable, signs * gap, np.nan)
    for h in horizons_s:
        if f"mid_{h:g}_e9" in flow:
            out[f"markout_{h:g}_bps"] = costs.markouts(signs, fills.price, flow[f"mid_{h:g}_e9"])
    return out


def _mean(values: Array | None, weights: Array | None, reason: str) -> float:
    if values is None:
        return Unknown(reason)
    known = np.isfinite(values)
    if weights is not None:
        known &= weights > 0
    if not known.any():
        return Unknown(reason)
    return float(np.average(values[known], weights=None if weights is None else weights[known]))


def _summary(
    columns: Mapping[str, Any], told: Mapping[str, Any], table: Mapping[str, Array], fills: Fills,
    references: References,
) -> dict[str, float]:  # fmt: skip
    """Averages of the orders, by money and each alike, and of the fills."""
    worth = np.zeros(len(table["side"]))
    if "decision_e9" in table:
        decision = table["decision_e9"]
        worth = np.where(decision > 0, decision / 1e9, 0.0) * table["quantity"]
    out: dict[str, float] = {
        "orders": len(worth), "fills": len(fills.order), "filled_quantity": int(fills.quantity.sum()),
        "ordered_quantity": int(table["quantity"].sum()),
    }  # fmt: skip
    for name in ("total", "before_fees", "delay", "trading", "opportunity", "fees"):
        codes = [int(code) for code in np.unique(columns[f"{name}_reason"]) if code]
        why = ", ".join(dict.fromkeys(text for code in codes for text in reason_text(code).split(", ")))
        why = why or ("no decision price" if len(worth) else "no order is left")
        out[f"{name}_bps"] = _mean(columns[f"{name}_bps"], worth, why)
        out[f"{name}_equal_bps"] = _mean(columns[f"{name}_bps"], None, why)
    weight = fills.quantity.astype(float)
    for name, why in (("slippage_mid", "no quotes"), ("slippage_arrival", "no arrival price")):
        out[f"{name}_bps"] = _mean(told[f"{name}_bps"], weight, why)
        out[f"{name}_equal_bps"] = _mean(told[f"{name}_bps"], None, why)
    for name in told:
        if name.startswith("markout"):
            out[name] = _mean(told[name], weight * fills.price, "no mid at the horizon")
    paid = np.nan_to_num(columns["average_price"] * columns["filled_quantity"])
    for name in ("vwap_slippage_bps", "twap_slippage_bps", "pwp_slippage_bps", "participation"):
        out[name] = _mean(columns.get(name), paid, "no trades")
    for name in ("open", "close", "previous_close"):
        why = "no trades" if f"{name}_slippage_bps" not in columns else f"the trades do not reach the session's {name}"
        out[f"{name}_slippage_bps"] = _mean(columns.get(f"{name}_slippage_bps"), paid, why.replace("_", " "))
    out["market_adjusted_bps"] = _mean(columns.get("market_adjusted_bps"), paid, _no_index(columns, references))
    out["spread_capture"] = _capture(told)
    return out


def _no_index(columns: Mapping[str, Any], references: References) -> str:
    if references.index is None:
        return "no index named"
    if "market_adjusted_bps" not in columns:
        return "no trades"
    if not np.isfinite(columns["beta"]).any():
        return "no beta is known"
    return f"no trades of {references.index}, or no arrival price"


def _capture(told: Mapping[str, Any]) -> float:
    """What all fills together earned of the half spread there was, money over money (`FillSums.measures`)."""
    if "half_spread" not in told:
        return Unknown("no quotes")
    known = np.isfinite(told["earned"])
    there = float((told["half_spread"] * told["quantity"])[known].sum())
    return float((told["earned"] * told["quantity"])[known].sum()) / there if there > 0 else Unknown("no quotes")


def _venues(told: Mapping[str, Any], fills: Fills) -> dict[str, dict[str, float]]:
    """What went where, and how it was filled there."""
    out: dict[str, dict[str, float]] = {}
    everything = float(fills.quantity.sum())
    for venue in sorted({*fills.venue}):
        mine = told["venue"] == venue
        weight = fills.quantity[mine].astype(float)
        out[venue or "UNSPECIFIED"] = {
            "fills": int(mine.sum()),
            "quantity": int(fills.quantity[mine].sum()),
            "share": float(weight.sum()) / everything,
            "slippage_mid_bps": _mean(told["slippage_mid_bps"][mine], weight, "no quotes"),
        }
        for name in told:
            if name.startswith("markout"):
                mean = _mean(told[name][mine], weight * fills.price[mine], "no mid at the horizon")
                out[venue or "UNSPECIFIED"][name] = mean
    return out
