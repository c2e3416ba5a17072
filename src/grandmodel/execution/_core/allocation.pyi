from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

def product_limit(sent: ArrayLike, filled: ArrayLike) -> NDArray[np.float64]: ...
def dark_allocation(quantity: int, tails: Sequence[ArrayLike]) -> NDArray[np.int64]: ...
def cont_kukanov(
    size: float,
    half_spread: float,
    take_fee: float,
    queues: Sequence[float],
    mean_outflows: Sequence[float],
    rebates: Sequence[float],
    *,
    impact: float = 0.0,
    underfill: float,
    overfill: float | None = None,
    takes: bool = True,
    tolerance: float = 1e-3,
    most_rounds: int = 200,
) -> tuple[float, NDArray[np.float64], float, int]: ...
def cont_kukanov_cost(
    size: float,
    half_spread: float,
    take_fee: float,
    queues: Sequence[float],
    mean_outflows: Sequence[float],
    rebates: Sequence[float],
    market: float,
    limits: Sequence[float],
    *,
    impact: float = 0.0,
    underfill: float,
    overfill: float = 0.0,
) -> float: ...
