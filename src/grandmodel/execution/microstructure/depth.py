"""Walking the book: what a quantity costs that is taken from the levels at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.values import Unknown

from .arrays import Floats, column, levels, positive, spread_out


class BookWalk(NamedTuple):
    """Taking one quantity from one side. Slippages are positive where they are bad for who takes."""

    average_price: float
    marginal_price: float  # of the last share
    touch_slippage: float  # average against the best price, in the unit of the prices
    mid_slippage: float  # average against the mid; Unknown without one
    mid_slippage_bps: float
    unfilled_quantity: float  # what the levels do not hold; then the rest is Unknown


def book_walk(price: ArrayLike, quantity: ArrayLike, wanted: float, *, mid: float | None = None) -> BookWalk:
    """What `wanted` costs, taken from levels, best first; Unknown where they cannot fill it.

    Parameters
    ----------
    price, quantity : (levels,); the asks for a buy, the bids for a sell. A level without price or quantity is passed
        over
    wanted : > 0, in the unit of `quantity`
    mid : of the book, in the unit of `price`
    """
    prices, quantities = column(price, "price"), column(quantity, "quantity")
    size = positive(wanted, "wanted")
    average, marginal, unfilled = book_walks(prices[np.newaxis], quantities[np.newaxis], size)
    left = float(unfilled[0])
    if left > 0.0:
        unknown = Unknown(f"the levels hold {size - left:g} of {size:g}")
        return BookWalk(unknown, unknown, unknown, unknown, unknown, left)
    paid, last = float(average[0]), float(marginal[0])
    there = [float(p) for p, q in zip(prices, quantities, strict=True) if p > 0 and q > 0]
    touch = abs(paid - there[0])
    if mid is None:
        return BookWalk(paid, last, touch, Unknown("no mid"), Unknown("no mid"), 0.0)
    middle = positive(mid, "mid")
    buying = there[-1] > there[0] or (there[-1] == there[0] and there[0] >= middle)
    slippage = paid - middle if buying else middle - paid
    return BookWalk(paid, last, touch, slippage, 1e4 * slippage / middle, 0.0)


class BookWalks(NamedTuple):
    """A row a book; prices NaN where nothing is there."""

    average_price: Floats  # of what could be filled
    marginal_price: Floats
    unfilled_quantity: Floats


def book_walks(price: ArrayLike, quantity: ArrayLike, wanted: ArrayLike) -> BookWalks:
    """Many walks at once: (n, levels) prices and quantities, best first; `wanted` (n,) or one number for all."""
    prices, quantities = levels(price, "price"), levels(quantity, "quantity")
    sizes = spread_out(wanted, "wanted", len(prices))
    result = BookWalks(*(np.empty(len(prices)) for _ in range(3)))
    run("walk", (("price", prices, "a"), ("quantity", quantities, "n"), ("wanted", sizes, "p")), result)
    return result
