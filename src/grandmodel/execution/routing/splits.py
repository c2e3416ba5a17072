"""How much of an order goes where: passive sizes by Cont and Kukanov (2017), and whole lots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import allocation


@dataclass(frozen=True, slots=True)
class ContKukanov:
    """What to take at once and what to post at each venue, and the expected cost of that.

    Attributes
    ----------
    market : units taken at once
    limits : (venues,) float64, units posted at each
    cost : expected, in the currency of the given terms, for the whole order
    rounds : of improvement; 0: the solution is exact; negative: they were not enough
    """

    market: float
    limits: NDArray[np.float64]
    cost: float
    rounds: int


def cont_kukanov(
    size: float,
    half_spread: float,
    take_fee: float,
    *,
    queues: Sequence[float],
    mean_outflows: Sequence[float],
    rebates: Sequence[float],
    underfill: float,
    overfill: float | None = None,
    impact: float = 0.0,
    takes: bool = True,
    tolerance: float = 1e-3,
) -> ContKukanov:
    """The sizes that cost least, when what leaves each queue is exponential and independent over venues.

    Parameters
    ----------
    size : units wanted, S
    half_spread, take_fee : h and f, currency a unit
    queues : (venues,) units ahead of what is posted there, Q_k
    mean_outflows : (venues,) mean of the units that leave the queue's front until the horizon (trades and cancels)
    rebates : (venues,) currency a unit that is filled resting, r_k; negative: a fee
    underfill : penalty a unit that is not filled, lam_u
    overfill : penalty a unit filled beyond `size`, lam_o, above h + r_k; None: no more than `size` is ever placed
    impact : theta, a unit placed
    takes : bool, False: nothing is taken at once
    tolerance : of the sizes, a fraction of `size`; only with `overfill`

    Returns
    -------
    ContKukanov; without `overfill` exact, with it a minimum among its neighbours (the cost is not convex)

    Raises
    ------
    TypeError, ValueError  naming the parameter, its value and what was expected

    Source: Cont and Kukanov, Quantitative Finance 17(1), 2017 (arXiv 1210.1625).
    """
    for name, values in (("queues", queues), ("mean_outflows", mean_outflows), ("rebates", rebates)):
        if isinstance(values, (str, bytes)) or not hasattr(type(values), "__len__"):
            raise TypeError(f"{name} is {values!r}, must be a sequence of numbers, one a venue")
    return ContKukanov(
        *allocation.cont_kukanov(
            size, half_spread, take_fee, queues, mean_outflows, rebates,
            impact=impact, underfill=underfill, overfill=overfill, takes=takes, tolerance=tolerance,
        )
    )  # fmt: skip


def whole_lots(sizes: Sequence[float], quantity: int, lot: int, least: Sequence[int], most: Sequence[int]) -> list[int]:
    """Sizes as whole numbers that add up to `quantity`, in lots but for one rest, each 0 or within its venue's sizes.

    Parameters
    ----------
    sizes : what is wanted, in any proportion
    least, most : smallest and largest order of each; most 0: none

    Returns
    -------
    list of int; what no venue can have is missing from their sum
    """
    total = math.fsum(sizes)
    if total <= 0:
        return [0] * len(sizes)
    edges, running = [0], 0.0
    for size in sizes:
        running += size
        edges.append(round(running / total * quantity / lot) * lot)
    edges[-1] = quantity
    edges = [min(edge, quantity) for edge in edges]
    found = [high - low for low, high in pairwise(edges)]
    order = sorted(range(len(sizes)), key=lambda k: (-sizes[k], k))
    left = 0
    for k, size in enumerate(found):  # what is too small or too large goes to the others, the largest first
        kept = 0 if size < least[k] else min(size, most[k]) if most[k] else size
        left += size - kept
        found[k] = kept
    for k in order:
        room = (most[k] - found[k]) if most[k] else left
        more = min(left, room)
        if more > 0 and found[k] + more >= least[k]:
            found[k] += more
            left -= more
    return found


def queue_ahead(quote: dict[str, Any], side: int, limit_e9: int) -> int:
    """Units displayed at a venue at the limit or better on the order's own side, as far as its touch tells."""
    touch, shown = (quote["bid_e9"], quote["bid_quantity"]) if side > 0 else (quote["ask_e9"], quote["ask_quantity"])
    return 0 if touch is None or side * (limit_e9 - touch) > 0 else int(shown)
