from typing import Final, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

DEFAULT_VOLUME_CURVE: Final[tuple[float, ...]]
QUANTITY_MAX: Final[int]
SLICES_MAX: Final[int]

def twap_slices(quantity: int, slices: int, lot: int = 1) -> NDArray[np.int64]: ...
def twap_times(
    start_ns: int, end_ns: int, slices: int, randomization: SupportsFloat = 0.0, seed: int = 0
) -> NDArray[np.int64]: ...
def vwap_slices(quantity: int, curve: ArrayLike, lot: int = 1) -> NDArray[np.int64]: ...
def vwap_capped(
    quantity: int, fractions: ArrayLike, volumes: ArrayLike, participation: SupportsFloat, lot: int = 1
) -> NDArray[np.int64]: ...
def vwap_next(
    remaining: int,
    forecast_fractions: ArrayLike,
    carry: SupportsFloat = 0.0,
    cap: int | None = None,
    lot: int = 1,
) -> tuple[int, float]: ...
def pov_child(
    others_volume: int,
    participation: SupportsFloat,
    carry: SupportsFloat = 0.0,
    carry_max: SupportsFloat | None = None,
    remaining: int | None = None,
    lot: int = 1,
) -> tuple[int, float]: ...
