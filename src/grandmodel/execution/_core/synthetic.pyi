from collections.abc import Iterable
from typing import Final, Self

from typing_extensions import disjoint_base

from grandmodel.execution._core.scoring import Tap, Venues

SOURCE: Final[str]

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
    ) -> Self: ...
    def touch(self, symbol: str, until_ns: int) -> None: ...
    def listen(self, symbol: str, tap: Tap) -> None: ...
    def depth(
        self, symbol: str, venue: str, levels: int = 5
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]: ...
    def check_invariants(self) -> None: ...
