from typing import Any, Self, SupportsIndex

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.records import MESSAGE_DTYPE as MESSAGE_DTYPE
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.synthetic import Market
from grandmodel.execution._core.values import MarketDataError as MarketDataError

QUEUE_MODELS: dict[str, int]

def row_moves(rows: NDArray[np.int64]) -> NDArray[np.uint8]: ...
@disjoint_base
class LevelReplayMarket(Market):
    def __new__(
        cls,
        venues: Venues,
        messages: NDArray[Any],
        *,
        queue_model: str = "risk_averse",
        power: SupportsIndex = 2,
        start_ns: SupportsIndex | None = None,
        ticks: SupportsIndex = ...,
    ) -> Self: ...
    def play(self, count: SupportsIndex = -1) -> int: ...
    def depth(
        self, symbol: str, venue: str, levels: SupportsIndex = 5
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...
    def queue_ahead(self, order_id: SupportsIndex, symbol: str, venue: str) -> float | None: ...
    def check_invariants(self) -> None: ...
    @property
    def queue_model(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def counters(self) -> dict[str, int]: ...

@disjoint_base
class ReplayMarket(Market):
    def __new__(
        cls,
        venues: Venues,
        symbol: str,
        venue: str,
        messages: NDArray[Any],
        rows: NDArray[np.int64] | None = None,
        *,
        start_ns: SupportsIndex | None = None,
        ticks: SupportsIndex = ...,
        capacity: SupportsIndex = ...,
        moves: NDArray[np.uint8] | None = None,
    ) -> Self: ...
    def play(self, count: SupportsIndex = -1) -> int: ...
    def depth(self, levels: SupportsIndex = 5) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]: ...
    def queue_ahead(self, order_id: SupportsIndex) -> int | None: ...
    def state_hash(self) -> int: ...
    def check_invariants(self) -> None: ...
    @property
    def position(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def counters(self) -> dict[str, int]: ...
