from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.records import MESSAGE_DTYPE as MESSAGE_DTYPE
from grandmodel.execution._core.scoring import Tap, Venues

SOURCE: Final[str]
LIMIT_RATES: Final[tuple[float, ...]]
CANCEL_RATES: Final[tuple[float, ...]]
MARKET_RATE: Final[float]
FLOW_TYPES: Final[tuple[str, ...]]

def default_branching(total: float, limit: Iterable[float] = ..., market: float = ...) -> NDArray[Any]: ...
def spectral_radius(matrix: ArrayLike) -> float: ...

@disjoint_base
class FlowModel:
    def __new__(
        cls,
        *,
        limit_rates: Iterable[float] | None = None,
        cancel_rates: Iterable[float] | None = None,
        market_rate: float = ...,
        order_size: str | int = "lots",
        size_tail: float = 1.5,
        size_lots_max: int = 100,
        branching: ArrayLike | None = None,
        decay_seconds: float = 1.0,
        curve: Iterable[float] | None = None,
        metaorders: int = 0,
        metaorder_tail: float = 1.5,
        common: float = 0.0,
        common_seconds: float = 10.0,
        venue_link: float = 1.0,
        reversion: float = 0.0,
        decay: str = "exponential",
        reaction_seconds: float = 60.0,
        exponent: float = 0.5,
        displayed: float = 0.0,
    ) -> Self: ...
    @property
    def mean_size(self) -> float: ...
    @property
    def branching(self) -> NDArray[Any]: ...
    def left_after(self, seconds: float) -> float: ...

@disjoint_base
class Market:
    @property
    def venues(self) -> Venues: ...
    @property
    def source(self) -> str: ...
    @property
    def now_ns(self) -> int: ...
    @property
    def messages(self) -> int: ...
    @property
    def origin(self) -> Market: ...

@disjoint_base
class SyntheticMarket(Market):
    def __new__(
        cls,
        venues: Venues,
        shares: Iterable[float],
        *,
        seed: int = 0,
        start_ns: int = 0,
        warmup_seconds: float = 60.0,
        events_per_second: float = 50.0,
        depth: float = 10.0,
        source: str = "synthetic",
        model: FlowModel | None = None,
        sessions: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
        hours: Mapping[str, float] | None = None,
        capacity: int = ...,
    ) -> Self: ...
    @property
    def keeps_hours(self) -> bool: ...
    def touch(self, symbol: str, until_ns: int) -> None: ...
    def listen(self, symbol: str, tap: Tap) -> None: ...
    def record(self, symbol: str, until_ns: int, *, capacity: int = 1_000_000) -> NDArray[Any]: ...
    def until(self, symbol: str) -> tuple[int, int] | None: ...
    def depth(
        self, symbol: str, venue: str, levels: int = 5
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]: ...
    def check_invariants(self) -> None: ...
