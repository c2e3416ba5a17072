"""Imbalance of the book, and of what flows into it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from grandmodel.execution._core.estimators import run

from .arrays import Floats, column, levels, output, positive


def imbalance(bid_quantity: ArrayLike, ask_quantity: ArrayLike, *, out: Floats | None = None) -> Floats:
    """(qb - qa)/(qb + qa) in [-1, 1]; 0 where both are 0. (n,) float64."""
    bids, asks = column(bid_quantity, "bid_quantity"), column(ask_quantity, "ask_quantity")
    result = output(out, (len(bids),))
    columns = (("bid", None, "m"), ("ask", None, "m"), ("bid_quantity", bids, "z"), ("ask_quantity", asks, "z"))
    run("quotes", columns, (result,), integers=(0,))
    return result


def weighted_mid(
    bid: ArrayLike, ask: ArrayLike, bid_quantity: ArrayLike, ask_quantity: ArrayLike, *, out: Floats | None = None
) -> Floats:
    """(qa b + qb a)/(qa + qb): the larger bid pushes toward the ask; the mid where both are 0. (n,) float64.

    In the unit of the prices; NaN where a side is not there.
    """
    columns = (
        ("bid", column(bid, "bid"), "m"), ("ask", column(ask, "ask"), "m"),
        ("bid_quantity", column(bid_quantity, "bid_quantity"), "z"),
        ("ask_quantity", column(ask_quantity, "ask_quantity"), "z"),
    )  # fmt: skip
    result = output(out, (len(columns[0][1]),))
    run("quotes", columns, (result,), integers=(1,))
    return result


def depth_imbalance(
    bid_quantity: ArrayLike, ask_quantity: ArrayLike, *, decay: float | None = None,
    bid: ArrayLike | None = None, ask: ArrayLike | None = None, tick: float | None = None, out: Floats | None = None,
) -> Floats:  # fmt: skip
    """The imbalance of the depth of each side, levels weighted by how far they are. (n,) float64 in [-1, 1].

    With `decay` the l-th level (from 0) counts exp(-l/decay); with `bid`, `ask` and `tick` it counts 1/(1 + its
    distance from the best of its side in ticks). A level without price or quantity counts nothing; an empty book is
    0.

    Parameters
    ----------
    bid_quantity, ask_quantity : (n, levels), best first
    bid, ask : (n, levels) prices, in the unit of `tick`
    """
    bids, asks = levels(bid_quantity, "bid_quantity"), levels(ask_quantity, "ask_quantity")
    result = output(out, (len(bids),))
    quantities = (("bid_quantity", bids, "n"), ("ask_quantity", asks, "n"))
    if decay is not None and bid is None and ask is None and tick is None:
        weights = np.exp(-np.arange(bids.shape[1]) / positive(decay, "decay"))
        run("depth_imbalance", (*quantities, ("weights", weights, "f")), (result,), (1.0,), (0,))
        return result
    if decay is not None or bid is None or ask is None or tick is None:
        raise TypeError("depth_imbalance takes either decay, or bid, ask and tick")
    prices = (("bid", levels(bid, "bid"), "m"), ("ask", levels(ask, "ask"), "m"))
    run("depth_imbalance", (*quantities, ("weights", None, "f"), *prices), (result,), (positive(tick, "tick"),), (1,))
    return result


def order_flow_imbalance(
    bid: ArrayLike, bid_quantity: ArrayLike, ask: ArrayLike, ask_quantity: ArrayLike, *, out: Floats | None = None
) -> Floats:
    """What each quote adds to the order flow imbalance; its sum over an interval is the interval's OFI.

    e = 1{b' >= b} qb' - 1{b' <= b} qb - 1{a' <= a} qa' + 1{a' >= a} qa, the new quote against the one before. The
    inequalities are not strict, so that a size that changes at its price counts. With (n, levels) arrays the same for
    each level: multi-level order flow imbalance.

    Source: Cont, Kukanov, Stoikov (2014), The Price Impact of Order Book Events, Journal of Financial Econometrics
    12(1); levels: Xu, Gould, Howison (2018), Multi-Level Order-Flow Imbalance in a Limit Order Book.

    Parameters
    ----------
    bid, bid_quantity, ask, ask_quantity : (n,) or (n, levels); a side that is not there is NaN (int64: NO_PRICE)

    Returns
    -------
    (n - 1,) or (n - 1, levels) float64, in the unit of the quantities.
    """
    flat = np.ndim(bid) == 1
    columns = (
        ("bid", levels(bid, "bid"), "m"), ("bid_quantity", levels(bid_quantity, "bid_quantity"), "z"),
        ("ask", levels(ask, "ask"), "m"), ("ask_quantity", levels(ask_quantity, "ask_quantity"), "z"),
    )  # fmt: skip
    rows, width = columns[0][1].shape
    shape = (max(rows - 1, 0), width)
    result = output(out, shape[:1] if flat else shape)
    run("order_flow", columns, (result.reshape(shape),))
    return result
