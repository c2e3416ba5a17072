from collections.abc import Iterable
from typing import Any, Self, SupportsIndex, final

from numpy.typing import NDArray
from typing_extensions import Buffer

from grandmodel.execution._core.records import MESSAGE_DTYPE as MESSAGE_DTYPE
from grandmodel.execution._core.values import MarketDataError as MarketDataError

@final
class ItchParser:
    def __new__(
        cls, midnight_ns: int = 0, *, symbols: Iterable[str] | None = None, venue: int = 0, name: object = "itch"
    ) -> Self: ...
    def parse(self, data: Buffer, capacity: SupportsIndex = ...) -> tuple[NDArray[Any], int]: ...
    @property
    def records(self) -> int: ...
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def skipped(self) -> dict[str, int]: ...
    @property
    def symbols(self) -> dict[int, str]: ...
