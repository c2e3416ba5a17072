from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

VENUES_MAX: Final[int]

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
