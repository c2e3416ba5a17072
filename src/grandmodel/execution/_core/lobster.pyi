from typing import Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

from grandmodel.execution._core.records import MESSAGE_DTYPE as MESSAGE_DTYPE
from grandmodel.execution._core.values import MarketDataError as MarketDataError

LEVELS_MAX: Final[int]
HALTED: Final[int]
QUOTING_RESUMED: Final[int]
TRADING_RESUMED: Final[int]

def parse_messages(
    data: Buffer,
    midnight_ns: int = 0,
    *,
    name: object = "messages",
    symbol: int = 0,
    venue: int = 0,
    before: int = 0,
    last_ns: int = 0,
) -> NDArray[np.void]: ...
def parse_books(data: Buffer, levels: int | None = None, *, name: object = "orderbook") -> NDArray[np.int64]: ...
