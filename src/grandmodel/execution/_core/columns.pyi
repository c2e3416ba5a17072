from collections.abc import Iterable
from typing import Self, SupportsIndex, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

from grandmodel.execution._core.values import MarketDataError as MarketDataError

@final
class ColumnParser:
    def __new__(
        cls,
        plan: Iterable[tuple[str, str, int]],
        *,
        delimiter: str = ",",
        name: object = "columns",
        before: SupportsIndex = 0,
    ) -> Self: ...
    def parse(self, data: Buffer) -> NDArray[np.int64]: ...
    @property
    def records(self) -> int: ...
    @property
    def zoned(self) -> bool | None: ...
    @property
    def names(self) -> list[str]: ...
