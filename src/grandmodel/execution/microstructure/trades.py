"""Trades against the quotes of their time: what stood when one came, and which side it took."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grandmodel.execution._core.estimators import run

from .arrays import (
    NO_END,
    Array,
    Floats,
    column,
    integer,
    output,
    positive,
    same_length,
    times,
)

Sides = NDArray[np.int8]


def prevailing_mid(
    at_ns: ArrayLike, quote_time_ns: ArrayLike, bid: ArrayLike, ask: ArrayLike, *,
    strict: bool = True, lag_ns: int = 0, end_ns: int | None = None, out: Floats | None = None,
) -> Floats:  # fmt: skip
    """The mid that stood at each time: that of the last quote before it.

    Parameters
    ----------
    at_ns : (n,) int64, in order
    quote_time_ns, bid, ask : (m,), in order; a side that is not there is NaN (int64: NO_PRICE)
    strict : whether a quote of the same instant is not yet there. A trade's own quote must not be used to classify it
    lag_ns : asks at at_ns + lag_ns instead
    end_ns : what is asked behind it is not known; None: the last quote stands for good
    out : (n,) float64 to write to

    Returns
    -------
    (n,) float64, NaN where no quote, or only one side, stood.
    """
    at, quote_time = times(at_ns, "at_ns"), times(quote_time_ns, "quote_time_ns")
    bids, asks = column(bid, "bid"), column(ask, "ask")
    same_length(("quote_time_ns", quote_time), ("bid", bids), ("ask", asks))
    result = output(out, (len(at),))
    _as_of(at, quote_time, bids, asks, result, strict, integer(lag_ns, "lag_ns"), end_ns)
    return result


def prevailing(
    at_ns: ArrayLike, time_ns: ArrayLike, value: ArrayLike, *,
    strict: bool = False, lag_ns: int = 0, end_ns: int | None = None, out: Floats | None = None,
) -> Floats:  # fmt: skip
    """What a series stood at: its last row before (unless `strict`: at or before) each time; see `prevailing_mid`."""
    at, time = times(at_ns, "at_ns"), times(time_ns, "time_ns")
    values = column(value, "value")
    same_length(("time_ns", time), ("value", values))
    result = output(out, (len(at),))
    _as_of(at, time, values, None, result, strict, integer(lag_ns, "lag_ns"), end_ns)
    return result


def _as_of(
    at: Array, time: Array, one: Array, other: Array | None, out: Floats, strict: bool, lag_ns: int, end_ns: int | None
) -> None:
    end = NO_END if end_ns is None else integer(end_ns, "end_ns")
    names = ("value", "a") if other is None else ("bid", "m")
    run(
        "as_of",
        (
            ("at_ns", at, "o"),
            ("time_ns" if other is None else "quote_time_ns", time, "o"),
            (names[0], one, names[1]),
            ("ask", other, "m"),
        ),
        (out,),
        integers=(int(strict), lag_ns, end),
    )


def lee_ready(
    time_ns: ArrayLike, price: ArrayLike, quote_time_ns: ArrayLike, bid: ArrayLike, ask: ArrayLike, *,
    out: Sides | None = None,
) -> Sides:  # fmt: skip
    """Which side took: +1 a buyer, -1 a seller, 0 where nobody can say.

    Above the mid of the quote that stood strictly before the trade: bought; below: sold. At the mid, or without a
    quote, the tick test: the sign of the change from the last price that differs. Modern quotes need no lag of five
    seconds.

    Source: Lee and Ready (1991), Inferring Trade Direction from Intraday Data, Journal of Finance 46(2).

    Parameters
    ----------
    time_ns, price : (n,) trades, in order
    quote_time_ns, bid, ask : (m,) quotes, in order, in the unit of `price`
    out : (n,) int8 to write to
    """
    at, prices = times(time_ns, "time_ns"), column(price, "price")
    quote_time, bids, asks = times(quote_time_ns, "quote_time_ns"), column(bid, "bid"), column(ask, "ask")
    result = output(out, (same_length(("time_ns", at), ("price", prices)),), np.int8)
    same_length(("quote_time_ns", quote_time), ("bid", bids), ("ask", asks))
    quotes = (("quote_time_ns", quote_time, "o"), ("bid", bids, "m"), ("ask", asks, "m"))
    run("classify", (("price", prices, "p"), ("time_ns", at, "o"), *quotes), (result,))
    return result


def tick_test(price: ArrayLike, *, out: Sides | None = None) -> Sides:
    """The sign of the change from the last price that differs; 0 before there is one. (n,) int8."""
    prices = column(price, "price")
    result = output(out, (len(prices),), np.int8)
    run("classify", (("price", prices, "p"),), (result,))
    return result


class FlowBars(NamedTuple):
    """Trades by intervals: a row an interval; money in the unit of the prices."""

    last_price: Floats  # NaN before the first trade
    signed_volume: Floats
    signed_root_value: Floats  # sum of side * sqrt(price * quantity)
    volume: Floats
    outside: int  # trades before the first interval or after the last

    @property
    def log_return(self) -> Floats:
        """log(last price / the one of the interval before), NaN where one is not known."""
        result: Floats = np.full(len(self.last_price), np.nan)
        result[1:] = np.log(self.last_price[1:] / self.last_price[:-1])
        return result

    @property
    def price_change(self) -> Floats:
        result: Floats = np.full(len(self.last_price), np.nan)
        result[1:] = np.diff(self.last_price)
        return result


def flow_bars(
    time_ns: ArrayLike, price: ArrayLike, quantity: ArrayLike, side: ArrayLike, *,
    begin_ns: int, interval_ns: int, intervals: int, price_unit: float = 1.0,
) -> FlowBars:  # fmt: skip
    """Trades by intervals [begin + k w, begin + (k + 1) w), for the regressions of `illiquidity`.

    side : 1 bought, -1 sold, 0 unknown (counts in the volume only). price_unit : 1e-9 for a `price_e9` column.
    """
    at, prices = times(time_ns, "time_ns"), column(price, "price")
    quantities, sides = column(quantity, "quantity"), column(side, "side")
    same_length(("time_ns", at), ("price", prices), ("quantity", quantities), ("side", sides))
    unit, count = positive(price_unit, "price_unit"), integer(intervals, "intervals", 1, 1 << 32)
    last, signed, root, volume = (np.empty(count) for _ in range(4))
    (outside,) = run(
        "flow",
        (("time_ns", at, "o"), ("price", prices, "p"), ("quantity", quantities, "z"), ("side", sides, "t")),
        (last, signed, root, volume),
        integers=(integer(begin_ns, "begin_ns"), integer(interval_ns, "interval_ns", 1)),
    )
    return FlowBars(last * unit, signed, root * unit**0.5, volume, int(outside))


def interval_sums(time_ns: ArrayLike, value: ArrayLike, *, begin_ns: int, end_ns: int, intervals: int) -> Floats:
    """Sums of a column over equal intervals of [begin, end): of order flow increments, say. (intervals,) float64."""
    at, values = times(time_ns, "time_ns"), column(value, "value")
    same_length(("time_ns", at), ("value", values))
    begin, end = integer(begin_ns, "begin_ns"), integer(end_ns, "end_ns")
    if end <= begin:
        raise ValueError(f"end_ns is {end}, must be above begin_ns, {begin}")
    sums, _ = session_sums(at, values, np.array([begin]), np.array([end]), integer(intervals, "intervals", 1), "f")
    return sums.ravel()


def session_sums(at: Array, values: Array, opens: Array, closes: Array, parts: int, rule: str) -> tuple[Floats, float]:
    result = np.empty((len(opens), parts))
    name = "value" if rule == "f" else "quantity"
    columns = (("time_ns", at, "o"), (name, values, rule), ("open_ns", opens, "o"), ("close_ns", closes, "o"))
    (outside,) = run("sessions", columns, (result,), integers=(parts,))
    return result, outside
