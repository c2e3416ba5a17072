from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.synthetic import Market

DISTRIBUTIONS: Final[dict[str, int]]
WAYS: Final[dict[str, int]]
FAULTS: Final[dict[str, int]]
LIES: Final[dict[str, int]]
MESSAGES: Final[dict[str, int]]

def faults_on(message: str) -> tuple[str, ...]: ...
def arrivals(
    sent_ns: ArrayLike,
    *,
    way: str = "out",
    venue: int = 0,
    symbol: int = -1,
    seed: int = 0,
    path: Mapping[str, Any],
) -> NDArray[np.int64]: ...
@disjoint_base
class LinkedMarket(Market):
    def __new__(
        cls,
        venues: Venues,
        inner: Market,
        *,
        paths: Mapping[str, Mapping[str, int | str]] | None = None,
        faults: Mapping[str, Mapping[str, float | bool | Sequence[tuple[str, int, str]]]] | None = None,
        seed: int = 0,
    ) -> Self: ...
    @property
    def inner(self) -> Market: ...
    def injected(self) -> dict[str, int]: ...
    def counters(self) -> dict[str, int]: ...
    def executed(self, order_id: int) -> int: ...
    def connected(self, venue: str) -> bool: ...
