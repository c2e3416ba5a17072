"""The micro-price: where the mid is going to be, given imbalance and spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.values import Unknown

from .arrays import Array, Floats, column, integer, output, positive, same_length

_DOUBLINGS = 60
_ENOUGH = 1e-13  # of the moves of the mid: what may be left of a term where the sum has converged


def micro_price_adjustment(
    stay: ArrayLike, move: ArrayLike, after: ArrayLike, moves: ArrayLike
) -> tuple[Floats, Floats, str]:
    """Stoikov's G* from given transition probabilities.

    G1 = (I - Q)^-1 R1 K, B = (I - Q)^-1 R2, G* = sum of B^i G1 over i >= 0. Rows of Q and R2 together, and of Q and
    R1, are the probabilities of one step, so B's spectral radius is 1 and the sum converges only where G1 has no part
    along its eigenvalues of modulus 1: symmetrised data see to that.

    Parameters
    ----------
    stay, move, after : Q (states, states), no move of the mid; R1 (states, moves), by how much; R2 (states, states),
        the
        state after a move
    moves : K (moves,), in any unit of price

    Returns
    -------
    (G*, G1, reason): (states,) float64 each; G* is NaN where `reason` is not "".

    Source: Stoikov (2018), The micro-price: a high-frequency estimator of future prices, Quantitative Finance 18(12).
    """
    q, r1, r2, k = _matrices(stay, move, after, moves)
    states = len(q)
    nothing: Floats = np.full(states, np.nan)
    try:
        solved = np.linalg.solve(np.eye(states) - q, np.column_stack([r1 @ k, r1 @ np.abs(k), r2])).astype(np.float64)
    except np.linalg.LinAlgError:
        return nothing, nothing, "from some state the mid never moves"
    first: Floats = solved[:, 0]
    step: Floats = solved[:, 2:]
    if not np.isfinite(solved).all() or np.abs(solved).max() > 1e12:
        return nothing, nothing, "from some state the mid never moves"
    radius = float(np.abs(np.linalg.eigvals(step)).max(initial=0.0))
    if radius > 1.0 + 1e-9:
        return nothing, first, f"the spectral radius is {radius:.9g}, must be at most 1"
    total: Floats = first.copy()
    power = step
    scale = float(
        solved[:, 1].max(initial=0.0)
    )  # how far the mid moves, whichever way: moves that cancel leave rounding
    for _ in range(_DOUBLINGS):
        if float(np.abs(power @ first).max(initial=0.0)) <= _ENOUGH * scale:
            return total, first, ""
        total = total + power @ total
        power = power @ power
    return nothing, first, "the sum does not converge: the moves of the mid have a drift; symmetrise the data"


def _matrices(
    stay: ArrayLike, move: ArrayLike, after: ArrayLike, moves: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    q, r1, r2 = (column(x, name, 2) for x, name in ((stay, "stay"), (move, "move"), (after, "after")))
    k = column(moves, "moves")
    if not q.shape == r2.shape == (len(q), len(q)) or r1.shape != (len(q), len(k)):
        raise ValueError(
            f"stay, move, after and moves have the shapes {q.shape}, {r1.shape}, {r2.shape} and {k.shape}, "
            "must be (s, s), (s, m), (s, s) and (m,)"
        )
    for name, x in (("stay", q), ("move", r1), ("after", r2)):
        if not (np.isfinite(x).all() and (x >= 0).all()):
            raise ValueError(f"{name} must hold probabilities, finite and >= 0")
    if not np.isfinite(k).all():
        raise ValueError("moves must be finite")
    for name, x in (("move", r1), ("after", r2)):
        total = q.sum(axis=1) + x.sum(axis=1)
        if (total > 1.0 + 1e-9).any():
            row = int(total.argmax())
            raise ValueError(f"row {row} of stay and {name} sums to {total[row]:.9g}, must be at most 1")
    return q, r1, r2, k


@dataclass(frozen=True, slots=True)
class MicroPrice:
    """A fitted micro-price: the mid plus an adjustment by bucket of the imbalance and spread in ticks."""

    tick: float
    adjustment: Floats  # (buckets, spreads), in the unit of the prices; NaN where the state was never seen
    observations: int  # steps from row to row that counted, before they were symmetrised
    outside: int  # steps left out: another spread, or a larger move of the mid
    reason: str  # why nothing is known; "" where it is
    counts: NDArray[np.int64]  # (buckets * spreads,): steps from each state, symmetrised

    def price(
        self, bid: ArrayLike, ask: ArrayLike, bid_quantity: ArrayLike, ask_quantity: ArrayLike,
        *, out: Floats | None = None,
    ) -> Floats:  # fmt: skip
        """(n,) float64, NaN where the state is not known."""
        columns = _columns(bid, ask, bid_quantity, ask_quantity)
        result = output(out, (len(columns[0][1]),))
        table = np.ascontiguousarray(self.adjustment).ravel()
        sizes = (*self.adjustment.shape, 1)
        run("micro_price", (*columns, ("table", table, "a")), (None, None, None, result), (self.tick,), sizes)
        return result

    def price_of(self, bid: float, ask: float, bid_quantity: float, ask_quantity: float) -> float:
        """Of one quote; Unknown where its state is not known."""
        price = float(self.price([bid], [ask], [bid_quantity], [ask_quantity])[0])
        return price if price == price else Unknown(self.reason or "a state that was never seen")


def _columns(
    bid: ArrayLike, ask: ArrayLike, bid_quantity: ArrayLike, ask_quantity: ArrayLike
) -> tuple[tuple[str, Array, str], ...]:
    columns = (
        ("bid", column(bid, "bid"), "m"), ("ask", column(ask, "ask"), "m"),
        ("bid_quantity", column(bid_quantity, "bid_quantity"), "z"),
        ("ask_quantity", column(ask_quantity, "ask_quantity"), "z"),
    )  # fmt: skip
    same_length(*((name, array) for name, array, _ in columns))
    return columns


def fit_micro_price(
    bid: ArrayLike, ask: ArrayLike, bid_quantity: ArrayLike, ask_quantity: ArrayLike, *, tick: float,
    buckets: int = 10, spreads: int = 3, half_ticks: int = 4,
) -> MicroPrice:  # fmt: skip
    """The micro-price from quotes, each row one step: sampled at even times, or every quote.

    A state is a bucket of the imbalance qb/(qb + qa) (equal widths) and a spread of 1 to `spreads` ticks; moves of
    the mid up to `half_ticks` half ticks are told apart. Every step counts together with its mirror image (sides
    exchanged), so that the sum of `micro_price_adjustment` converges; a state from which the mid never moved is not
    known. Steps to another spread or a larger move are left out.

    Source: Stoikov (2018), as above; the symmetric data are its section 3.

    Parameters
    ----------
    bid, ask, bid_quantity, ask_quantity : (n,), prices in the unit of `tick`
    """
    columns = _columns(bid, ask, bid_quantity, ask_quantity)
    size = positive(tick, "tick")
    many, wide = integer(buckets, "buckets", 1, 1000), integer(spreads, "spreads", 1, 100)
    far, states = integer(half_ticks, "half_ticks", 1, 1000), many * wide
    if states > 2000:
        raise ValueError(f"buckets * spreads is {states}, must be at most 2000")
    stay, after = np.zeros((states, states), np.int64), np.zeros((states, states), np.int64)
    move = np.zeros((states, 2 * far), np.int64)
    used, outside = run(
        "micro_price", (*columns, ("table", None, "a")), (stay, move, after, None), (size,), (many, wide, far)
    )
    shape = (many, wide, many, wide)
    stay += stay.reshape(shape)[::-1, :, ::-1, :].reshape(states, states)
    after += after.reshape(shape)[::-1, :, ::-1, :].reshape(states, states)
    move += move.reshape(many, wide, 2 * far)[::-1, :, ::-1].reshape(states, 2 * far)
    counts = stay.sum(axis=1) + move.sum(axis=1)
    halves = np.concatenate([np.arange(-far, 0), np.arange(1, far + 1)]) * 0.5 * size
    seen = _leads_on(stay, move, counts)
    adjustment: Floats = np.full(states, np.nan)
    reason = "" if seen.any() else "no state from which the mid was seen to move"
    if seen.any():
        total = counts[seen].astype(np.float64)[:, np.newaxis]
        inside = np.ix_(seen, seen)
        adjustment[seen], _, reason = micro_price_adjustment(
            stay[inside] / total, move[seen] / total, after[inside] / total, halves
        )
    return MicroPrice(size, adjustment.reshape(many, wide), int(used), int(outside), reason, counts)


def _leads_on(stay: NDArray[np.int64], move: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """States from which, in some steps, the mid moves. What comes after another state counts as no move."""
    moving: NDArray[np.bool_] = move.sum(axis=1) > 0
    while True:
        more: NDArray[np.bool_] = (counts > 0) & (moving | (stay[:, moving] > 0).any(axis=1))
        if (more == moving).all():
            return moving
        moving = more
