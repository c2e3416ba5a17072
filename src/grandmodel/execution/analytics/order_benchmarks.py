"""What a journal's orders are held against, from the market around them: VWAP, TWAP, PWP, the session's prices, the
index, and where the mid went after their fills. Positive is bad for the trader, but for markouts and spread capture.

Sources: R. Kissell, The Science of Algorithmic Trading and Portfolio Management (2013), chapter 3 (interval VWAP, TWAP,
PWP); CFA Institute, Trade Strategy and Execution, Level III curriculum (market-adjusted cost); R. Huang and H. Stoll,
"Dealer versus auction markets", Journal of Financial Economics 41(3), 1996 (spread capture and markouts, as `FillSums`
adds them).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import costs
from .._core.records import NO_PRICE
from ..records_view import Names
from .benchmarks import currency, market_adjusted_bps
from .market_view import NEAR_NS, MarketView, view_of_capture
from .references import References
from .session_prices import SESSION, close_of, given_closes, hours_before, session_prices

__all__ = ["HORIZONS_NS", "add_benchmarks"]

Rows = np.ndarray[Any, Any]
Columns = dict[str, Rows]

#: Horizons of markouts: 1 s, 10 s, 1 m, 5 m.
HORIZONS_NS = (1_000_000_000, 10_000_000_000, 60_000_000_000, 300_000_000_000)
_XNYS = "XNYS"
_SUMMED = ("quantity", "price_e9", "bid_e9", "ask_e9")


def add_benchmarks(
    o: Columns, f: Columns, market: MarketView, names: Names, known: References, counted: Rows
) -> dict[str, Rows]:
    """Adds the columns to orders `o` and fills `f` of a journal; gives why a session's price is not known, by name.

    counted : (m,) bool, the fills of orders whose money fits into 64 bits
    """
    _after_fills(o, f, market, counted)
    end = np.where(o["end_ns"] > 0, o["end_ns"], o["last_fill_ns"])
    seen = market.interval(o["symbol"], o["decision_ns"], end)
    o["vwap"], o["twap"], o["market_volume"], o["own_volume"] = (seen[k] for k in ("vwap", "twap", "volume", "own"))
    sent = np.where(o["route_ns"] > 0, o["route_ns"], o["decision_ns"])
    o["pwp"] = market.pwp(o["symbol"], sent, o["quantity"])
    reasons = _session(o, market, names, known)
    for name in ("vwap", "twap", "open", "close", "previous_close", "pwp"):
        o[f"{name}_bps"] = costs.vwap_slippage(o["side"], o["average_price"], o[name])
    arrival = currency(o["arrival_e9"])
    o["arrival_bps"] = costs.vwap_slippage(o["side"], o["average_price"], arrival)
    _index(o, market, names, known, end)
    with np.errstate(divide="ignore", invalid="ignore"):
        volume = o["market_volume"] + o["own_volume"]
        share = o["filled_quantity"] / np.where(volume > 0, volume, np.nan)
        o["participation"] = np.where(o["own_volume"] >= 0, share, np.nan)
    _reversion(o, market)
    return reasons


def _after_fills(o: Columns, f: Columns, market: MarketView, counted: Rows) -> None:
    """Markouts of each fill and, with spread capture, of each order: sums of money over sums of money."""
    near = [max(horizon // 10, NEAR_NS // 10) for horizon in HORIZONS_NS]
    mids = [
        market.mids_at(f["symbol"], f["time_ns"] + horizon, tolerance)
        for horizon, tolerance in zip(HORIZONS_NS, near, strict=True)
    ]
    table = np.stack(mids, 1) if len(f["order"]) else np.zeros((0, len(HORIZONS_NS)), np.int64)
    f["markout_bps"] = costs.markouts(f["side"], f["price_e9"], table)
    f["spread_capture"] = costs.spread_capture(f["side"], f["price_e9"], f["bid_e9"], f["ask_e9"])
    n, h = len(o["order_id"]), len(HORIZONS_NS)
    sums = costs.FillSums(n, quotes=True, horizons=h)
    added = {name: f[name] if counted.all() else f[name][counted] for name in ("order", *_SUMMED)}
    sums.add(*(added[name] for name in ("order", "quantity", "price_e9")), bid_e9=added["bid_e9"],
             ask_e9=added["ask_e9"], mid_e9=table[counted])  # fmt: skip
    _, told = sums.measures(o["side"])
    o["spread_capture"] = np.ascontiguousarray(told[1])
    o["markout_bps"] = np.ascontiguousarray(told[3 : 3 + h].T)


def _session(o: Columns, market: MarketView, names: Names, known: References) -> dict[str, Rows]:
    """Open, close and previous close of each order's session."""
    texts = {number: names.symbol_text(number) for number in np.unique(o["symbol"]).tolist()}

    def calendar(number: int) -> str:
        return known.calendars.get(texts[number], _XNYS)

    dated = o["decision_ns"][o["decision_ns"] > 0]
    first = int(dated.min()) if len(dated) else 0
    numbers = {text: number for number, text in texts.items()}
    closes = {numbers[text]: e9 for text, e9 in known.previous_closes_e9.items() if text in numbers}
    if known.previous is not None and first:
        closes = _closes_of(known.previous, names, o["symbol"], first, calendar) | closes
    found = session_prices(o["symbol"], o["decision_ns"], market.tape, calendar, given_closes(closes, first, calendar))
    for name, e9 in zip(SESSION, found[:3], strict=True):
        o[name] = currency(e9)
    return {"open": found.open_why, "close": found.close_why, "previous_close": found.previous_close_why}


def _closes_of(previous: Any, names: Names, symbols: Rows, first_ns: int, calendar: Any) -> dict[int, int]:
    """Closes of the session before the first day, from the capture of it."""
    from ..sessions import session_date

    view = view_of_capture(previous, names, symbols)
    closes = {}
    for number in np.unique(symbols).tolist():
        exchange, tape = calendar(number), view.tape(number)
        hours = hours_before(exchange, session_date(first_ns, exchange))
        if tape is not None and hours is not None:
            closes[number] = close_of(tape, hours)[0]
    return {number: e9 for number, e9 in closes.items() if e9 != NO_PRICE}


def _index(o: Columns, market: MarketView, names: Names, known: References, end: Rows) -> None:
    """Beta, the index's own cost from arrival to end, and the arrival cost less what that explains.

    Of an order that ended in the instant of its arrival the index has not moved.
    """
    betas = {number: known.betas.get(names.symbol_text(number), np.nan) for number in np.unique(o["symbol"]).tolist()}
    o["beta"] = np.array([betas[number] for number in o["symbol"].tolist()], np.float64)
    arrival, vwap = np.full(len(end), np.nan), np.full(len(end), np.nan)
    if market.index is not None:
        index = np.full(len(end), market.index)
        sent = np.where(o["route_ns"] > 0, o["route_ns"], end + 1)  # what was not sent has no such time
        arrival, vwap = currency(market.mids_at(index, sent)), market.interval(index, sent, end)["vwap"]
        vwap = np.where(sent == end, arrival, vwap)
    o["index_bps"] = costs.vwap_slippage(o["side"], vwap, arrival)
    o["market_adjusted_bps"] = market_adjusted_bps(o["side"], o["arrival_bps"], o["beta"], arrival, vwap)


def _reversion(o: Columns, market: MarketView) -> None:
    """side * (mid five minutes after the last fill - mid then); negative, the price came back."""
    last = np.where(o["last_fill_ns"] > 0, o["last_fill_ns"], 0)
    now = market.mids_at(o["symbol"], last)
    later = market.mids_at(o["symbol"], last + HORIZONS_NS[-1], HORIZONS_NS[-1] // 10)
    usable = (now != NO_PRICE) & (later != NO_PRICE) & (last > 0)
    moved = np.where(usable, later - np.where(usable, now, 0), 0)
    o["reversion_bps"] = np.where(usable, 1e4 * o["side"] * moved / np.where(usable, now, 1), np.nan)
