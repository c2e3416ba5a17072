from collections.abc import Sequence
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

@final
class PowerLawTrajectory:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def quantity(self) -> float: ...
    @property
    def volatility(self) -> float: ...
    @property
    def risk_aversion(self) -> float: ...
    @property
    def eta(self) -> float: ...
    @property
    def exponent(self) -> float: ...
    @property
    def characteristic_time(self) -> float: ...
    @property
    def expected_cost(self) -> float: ...
    @property
    def variance(self) -> float: ...
    @property
    def duration(self) -> float: ...
    @property
    def standard_deviation(self) -> float: ...
    def holdings(self, times: ArrayLike) -> NDArray[np.float64]: ...

def almgren_power_law(
    quantity: SupportsFloat,
    volatility: SupportsFloat,
    risk_aversion: SupportsFloat,
    eta: SupportsFloat,
    exponent: SupportsFloat,
) -> PowerLawTrajectory: ...

@final
class ObizhaevaWang:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def quantity(self) -> float: ...
    @property
    def horizon(self) -> float: ...
    @property
    def intervals(self) -> int: ...
    @property
    def end_trade(self) -> float: ...
    @property
    def interior_trade(self) -> float: ...
    @property
    def expected_cost(self) -> float: ...
    @property
    def continuous_end(self) -> float: ...
    @property
    def continuous_rate(self) -> float: ...
    @property
    def continuous_cost(self) -> float: ...
    @property
    def trades(self) -> NDArray[np.float64]: ...

def obizhaeva_wang(
    quantity: SupportsFloat,
    horizon: SupportsFloat,
    intervals: int,
    depth: SupportsFloat,
    permanent: SupportsFloat,
    resilience: SupportsFloat,
) -> ObizhaevaWang: ...

@final
class CarteaJaimungal:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def quantity(self) -> float: ...
    @property
    def horizon(self) -> float: ...
    @property
    def temporary(self) -> float: ...
    @property
    def running(self) -> float: ...
    @property
    def terminal(self) -> float: ...
    @property
    def permanent(self) -> float: ...
    @property
    def rate(self) -> float: ...
    @property
    def zeta(self) -> float: ...
    def holdings(self, times: ArrayLike) -> NDArray[np.float64]: ...
    def speeds(self, times: ArrayLike) -> NDArray[np.float64]: ...

def cartea_jaimungal(
    quantity: SupportsFloat,
    horizon: SupportsFloat,
    temporary: SupportsFloat,
    running: SupportsFloat,
    terminal: SupportsFloat,
    permanent: SupportsFloat = 0.0,
) -> CarteaJaimungal: ...
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
