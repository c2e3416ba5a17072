"""Spreads: quoted, effective, realized, the price impact between them, and what prices alone say of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, isnan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.values import Unknown

from .arrays import NS, Array, Floats, blocks, column, integer, known, output, positive, same_length, times

HORIZONS_S = (1.0, 10.0, 60.0, 300.0)


def quoted_spreads(bid: ArrayLike, ask: ArrayLike, *, out: Floats | None = None) -> Floats:
    """(ask - bid)/mid of each quote, in basis points; negative where crossed, NaN where a side is not there."""
    bids, asks = column(bid, "bid"), column(ask, "ask")
    result = output(out, (same_length(("bid", bids), ("ask", asks)),))
    _quotes(bids, asks, result)
    return result


def _quotes(bids: Array, asks: Array, out: Floats) -> None:
    columns = (("bid", bids, "m"), ("ask", asks, "m"), ("bid_quantity", None, "z"), ("ask_quantity", None, "z"))
    run("quotes", columns, (out,), integers=(2,))


def mean_quoted_spread(bid: ArrayLike, ask: ArrayLike) -> float:
    """The plain mean over quotes with bid < ask, in basis points: every quote counts the same (snapshots)."""
    bids, asks = column(bid, "bid"), column(ask, "ask")
    same_length(("bid", bids), ("ask", asks))
    sums, count = [], 0
    for rows in blocks(len(bids)):
        spread = np.empty(rows.stop - rows.start)
        _quotes(bids[rows], asks[rows], spread)
        spread = spread[spread > 0.0]
        sums.append(float(spread.sum()))
        count += len(spread)
    return fsum(sums) / count if count else Unknown("no quote with a bid below its ask")


class QuotedSpread(NamedTuple):
    """What stood for how long."""

    bps: float  # (ask - bid)/mid, over the time with bid < ask
    price: float  # ask - bid over the same time, in the unit of the prices
    mid: float  # over the time with both sides
    quoted_ns: int  # time with bid < ask
    locked_or_crossed_ns: int
    missing_ns: int  # time without both sides, also before the first quote


def time_weighted_spread(
    time_ns: ArrayLike, bid: ArrayLike, ask: ArrayLike, *, begin_ns: int | None = None, end_ns: int
) -> QuotedSpread:
    """The quoted spread weighted by how long each quote stood, from `begin_ns` (None: the first quote) to `end_ns`."""
    at, bids, asks = times(time_ns, "time_ns"), column(bid, "bid"), column(ask, "ask")
    same_length(("time_ns", at), ("bid", bids), ("ask", asks))
    end = integer(end_ns, "end_ns")
    begin = (int(at[0]) if len(at) else end) if begin_ns is None else integer(begin_ns, "begin_ns")
    if begin > end:
        raise ValueError(f"begin_ns is {begin}, must be at or before end_ns, {end}")
    bps, price, quoted, locked, missing, mid = run(
        "standing", (("time_ns", at, "o"), ("bid", bids, "m"), ("ask", asks, "m")), integers=(begin, end)
    )
    both = quoted + locked
    reason = "no time with a bid below its ask"
    return QuotedSpread(
        bps / quoted if quoted else Unknown(reason),
        price / quoted if quoted else Unknown(reason),
        mid / both if both else Unknown("no time with both sides"),
        int(quoted), int(locked), int(missing),
    )  # fmt: skip


class HorizonSpread(NamedTuple):
    """At one horizon, over the trades whose later mid is known; effective = realized + impact holds over these."""

    effective_bps: float
    realized_bps: float
    impact_bps: float
    trades: int


class TradeSpreads(NamedTuple):
    """What trades paid, weighted by money."""

    effective_bps: float
    trades: int  # with a side and a mid
    horizons: dict[float, HorizonSpread]  # by seconds

    @property
    def realized_bps(self) -> float:
        """At the last horizon."""
        return next(reversed(self.horizons.values())).realized_bps if self.horizons else Unknown("no horizon")

    @property
    def impact_bps(self) -> float:
        """At the last horizon."""
        return next(reversed(self.horizons.values())).impact_bps if self.horizons else Unknown("no horizon")


class TradeSpreadColumns(NamedTuple):
    """Trade by trade, in basis points; NaN where side or mid is not known."""

    effective_bps: Floats
    realized_bps: Floats
    impact_bps: Floats


def _trade_spreads(
    price: Array, quantity: Array, side: Array, mid: Array, later: Array | None, out: Sequence[Floats | None]
) -> list[float]:
    return run(
        "trade_spreads",
        (("price", price, "p"), ("quantity", quantity, "z"), ("side", side, "t"), ("mid", mid, "m"),
         ("later_mid", later, "m")),
        out,
    )  # fmt: skip


def trade_spreads(
    price: ArrayLike, quantity: ArrayLike, side: ArrayLike, mid: ArrayLike, later_mid: ArrayLike | None = None,
    *, horizon_s: float = 300.0,
) -> TradeSpreads:  # fmt: skip
    """Effective 2d(p-m)/m, realized 2d(p-m')/m and impact 2d(m'-m)/m, weighted by price times quantity, in basis
    points.

    Source: Huang and Stoll (1996), Dealer versus auction markets, Journal of Financial Economics 41(3).

    Parameters
    ----------
    price, quantity, side : (n,) trades; side 1 bought, -1 sold, 0 unknown (left out)
    mid : (n,) the mid before each trade, NaN where it is not known
    later_mid : (n,) the mid `horizon_s` later, NaN where it is not known
    """
    prices, quantities, sides, mids = (
        column(values, name)
        for values, name in ((price, "price"), (quantity, "quantity"), (side, "side"), (mid, "mid"))
    )
    later = None if later_mid is None else column(later_mid, "later_mid")
    sums = _trade_spreads(prices, quantities, sides, mids, later, (None, None, None))
    horizons = {} if later is None else {positive(horizon_s, "horizon_s"): _horizon(sums[3:])}
    return _spreads(sums[:3], horizons)


def _horizon(sums: Sequence[float]) -> HorizonSpread:
    """Of weight, three weighted sums, and a count."""
    weight, effective, realized, impact, trades = sums
    if not weight:
        unknown = Unknown("no trade with a side, a mid and a later mid")
        return HorizonSpread(unknown, unknown, unknown, int(trades))
    return HorizonSpread(effective / weight, realized / weight, impact / weight, int(trades))


def _spreads(sums: Sequence[float], horizons: dict[float, HorizonSpread]) -> TradeSpreads:
    weight, effective, trades = sums
    mean = effective / weight if weight else Unknown("no trade with a side and a mid")
    return TradeSpreads(mean, int(trades), horizons)


def trade_spread_columns(price: ArrayLike, side: ArrayLike, mid: ArrayLike, later_mid: ArrayLike) -> TradeSpreadColumns:
    """The three spreads of `trade_spreads` for each trade."""
    prices, sides, mids = column(price, "price"), column(side, "side"), column(mid, "mid")
    later = column(later_mid, "later_mid")
    result = TradeSpreadColumns(*(np.empty(len(prices)) for _ in range(3)))
    _trade_spreads(prices, np.broadcast_to(1.0, (len(prices),)), sides, mids, later, result)
    return result


def spreads_at_horizons(
    time_ns: ArrayLike, price: ArrayLike, quantity: ArrayLike, quote_time_ns: ArrayLike, bid: ArrayLike, ask: ArrayLike,
    *, side: ArrayLike | None = None, horizons_s: Sequence[float] = HORIZONS_S, end_ns: int | None = None,
) -> TradeSpreads:  # fmt: skip
    """`trade_spreads` of trades against quotes: the mid strictly before each trade, and those the horizons later.

    Parameters
    ----------
    side : (n,) 1, -1 or 0; None: by `lee_ready`
    horizons_s : seconds after the trade, at most 16; the quote that stands then, one of that instant too, gives the
        later mid
    end_ns : to when the quotes are known; None: their last one. A later mid behind it is not known
    """
    at, prices, quantities = times(time_ns, "time_ns"), column(price, "price"), column(quantity, "quantity")
    quote_time, bids, asks = times(quote_time_ns, "quote_time_ns"), column(bid, "bid"), column(ask, "ask")
    same_length(("time_ns", at), ("price", prices), ("quantity", quantities))
    same_length(("quote_time_ns", quote_time), ("bid", bids), ("ask", asks))
    end = (int(quote_time[-1]) if len(quote_time) else -(2**63)) if end_ns is None else integer(end_ns, "end_ns")
    lags = {positive(h, "horizons_s"): integer(round(positive(h, "horizons_s") * NS), "horizons_s") for h in horizons_s}
    lags = dict(sorted(lags.items()))
    sides = None if side is None else column(side, "side")
    sums = np.empty((len(lags), 5))
    everything = run(
        "horizons",
        (("time_ns", at, "o"), ("price", prices, "p"), ("quantity", quantities, "z"), ("side", sides, "t"),
         ("quote_time_ns", quote_time, "o"), ("bid", bids, "m"), ("ask", asks, "m"),
         ("horizons_s", np.array(list(lags.values()), np.int64), "o")),
        (sums,),
        integers=(end,),
    )  # fmt: skip
    return _spreads(everything, {h: _horizon(row) for h, row in zip(lags, sums.tolist(), strict=True)})


def roll_spread(price: ArrayLike) -> float:
    """2 sqrt(-cov(dp_t, dp_(t-1))), ddof 1, in the unit of the prices; Unknown where the covariance is not negative.

    Source: Roll (1984), A Simple Implicit Measure of the Effective Bid-Ask Spread, Journal of Finance 39(4).
    """
    pairs, products = run("roll", (("price", column(price, "price"), "f"),))
    if pairs < 2:
        return Unknown(f"{int(pairs)} pairs of price changes, at least 2 are needed")
    covariance = products / (pairs - 1)
    if isnan(covariance) or covariance >= 0.0:
        return Unknown(f"the covariance of price changes is {covariance:.6g}, must be negative")
    return 2.0 * sqrt(-covariance)


def corwin_schultz_spreads(high: ArrayLike, low: ArrayLike, close: ArrayLike | None = None) -> Floats:
    """The spread of each pair of days, a fraction of the price, as it comes out: often negative. (n - 1,) float64.

    beta = the sum of ln(H/L)^2 of both days, gamma = ln(H2/L2)^2 of their common range, alpha = (sqrt(2 beta) -
    sqrt(beta))/(3 - 2 sqrt 2) - sqrt(gamma/(3 - 2 sqrt 2)), S = 2 (e^alpha - 1)/(1 + e^alpha). With `close` the
    second day is moved by the gap where its range lies wholly above or below the close of the first.

    Source: Corwin and Schultz (2012), A Simple Way to Estimate Bid-Ask Spreads from Daily High and Low Prices,
    Journal of Finance 67(2).
    """
    return _corwin_schultz(high, low, close)[0]


def corwin_schultz_spread(high: ArrayLike, low: ArrayLike, close: ArrayLike | None = None) -> float:
    """The mean of `corwin_schultz_spreads`, negative ones counted as 0."""
    return known(_corwin_schultz(high, low, close)[1], "fewer than two days")


def _corwin_schultz(high: ArrayLike, low: ArrayLike, close: ArrayLike | None) -> tuple[Floats, float]:
    highs, lows = column(high, "high"), column(low, "low")
    closes = None if close is None else column(close, "close")
    result = np.empty(max(same_length(("high", highs), ("low", lows)) - 1, 0))
    (mean,) = run("corwin_schultz", (("high", highs, "p"), ("low", lows, "p"), ("close", closes, "p")), (result,))
    return result, mean
