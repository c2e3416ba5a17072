from typing import Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.records import MESSAGE_DTYPE as MESSAGE_DTYPE
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.synthetic import Market
from grandmodel.execution._core.values import MarketDataError as MarketDataError

@disjoint_base
class ReplayMarket(Market):
    def __new__(
        cls,
        venues: Venues,
        symbol: str,
        venue: str,
        messages: NDArray[np.void],
        rows: NDArray[np.int64] | None = None,
        *,
        start_ns: int | None = None,
        ticks: int = ...,
        capacity: int = ...,
    ) -> Self: ...
    @property
    def position(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def counters(self) -> dict[str, int]: ...
    def play(self, count: int = -1) -> int: ...
    def depth(self, levels: int = 5) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]: ...
    def queue_ahead(self, order_id: int) -> int | None: ...
    def state_hash(self) -> int: ...
    def check_invariants(self) -> None: ...
