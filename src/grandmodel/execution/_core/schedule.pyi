from typing import Final, Literal, SupportsFloat, final

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

@final
class AlmgrenChriss:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def quantity(self) -> float: ...
    @property
    def horizon(self) -> float: ...
    @property
    def intervals(self) -> int: ...
    @property
    def risk_aversion(self) -> float: ...
    @property
    def eta_adjusted(self) -> float: ...
    @property
    def kappa(self) -> float: ...
    @property
    def kappa_T(self) -> float: ...  # noqa: N802
    @property
    def half_life_e(self) -> float: ...
    @property
    def half_life(self) -> float: ...
    @property
    def times(self) -> NDArray[np.float64]: ...
    @property
    def holdings(self) -> NDArray[np.float64]: ...
    @property
    def trades(self) -> NDArray[np.float64]: ...
    def slices(self, lot: int = 1) -> NDArray[np.int64]: ...
    @property
    def expected_cost(self) -> float: ...
    @property
    def variance(self) -> float: ...
    @property
    def standard_deviation(self) -> float: ...
    @property
    def objective(self) -> float: ...
    def value_at_risk(self, multiplier: SupportsFloat = 1.645) -> float: ...

def almgren_chriss(
    quantity: SupportsFloat,
    horizon: SupportsFloat,
    intervals: int,
    volatility: SupportsFloat,
    risk_aversion: SupportsFloat,
    eta: SupportsFloat,
    gamma: SupportsFloat = 0.0,
    epsilon: SupportsFloat = 0.0,
    drift: SupportsFloat = 0.0,
) -> AlmgrenChriss: ...
def kappa_from_urgency(
    risk_aversion: SupportsFloat,
    urgency: Literal["low", "medium", "high", "immediate"] | str,
    horizon: SupportsFloat = 1.0,
) -> float: ...
def risk_aversion_from_kappa(
    kappa: SupportsFloat,
    horizon: SupportsFloat,
    intervals: int,
    volatility: SupportsFloat,
    eta: SupportsFloat,
    gamma: SupportsFloat = 0.0,
) -> float: ...
def is_trajectory(
    quantity: int,
    kappa_T: SupportsFloat,  # noqa: N803
    points: int | ArrayLike,
    lot: int = 1,
) -> NDArray[np.int64]: ...
