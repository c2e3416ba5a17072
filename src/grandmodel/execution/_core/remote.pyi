import uuid
from collections.abc import Iterable
from enum import IntEnum
from os import PathLike
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.records import NAME_DTYPE as NAME_DTYPE
from grandmodel.execution._core.records import ORDER_DTYPE as ORDER_DTYPE
from grandmodel.execution._core.records import QUOTE_DTYPE as QUOTE_DTYPE
from grandmodel.execution._core.records import REPORT_DTYPE as REPORT_DTYPE
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.submit import Core
from grandmodel.execution._core.synthetic import Market
from grandmodel.execution._core.values import VenueError as VenueError

WIRE_VERSION: Final[int]
NAME_LENGTH: Final[int]
TEXT_LENGTH: Final[int]
LAYOUT_HASH: Final[int]
FAULTS: Final[dict[int, str]]
HEAD_DTYPE: Final[np.dtype[np.void]]
LOGIN_DTYPE: Final[np.dtype[np.void]]
REQUEST_DTYPE: Final[np.dtype[np.void]]
CONTROL_DTYPE: Final[np.dtype[np.void]]
CANCEL_DTYPE: Final[np.dtype[np.void]]
WELCOME_DTYPE: Final[np.dtype[np.void]]
REFUSED_DTYPE: Final[np.dtype[np.void]]
WIRE_QUOTE_DTYPE: Final[np.dtype[np.void]]
POSITION_DTYPE: Final[np.dtype[np.void]]
STATUS_END_DTYPE: Final[np.dtype[np.void]]
COUNTERS_DTYPE: Final[np.dtype[np.void]]

class Kind(IntEnum):
    LOGIN = 1
    SYMBOL = 2
    ORDER = 3
    CANCEL = 4
    STATUS_REQUEST = 5
    LOGOUT = 6
    CONTROL = 7
    REPLACE = 8
    WELCOME = 33
    REFUSED = 34
    REPORT = 35
    QUOTE = 36
    ORDER_STATUS = 37
    EXECUTION = 38
    POSITION = 39
    STATUS_END = 40
    COUNTERS = 41

class Action(IntEnum):
    DISCONNECT = 1
    SET_DELAY = 2
    REPORT_COUNTERS = 3

class Refusal(IntEnum):
    BAD_FRAME = 1
    BAD_LAYOUT = 2
    BAD_VENUE = 3
    BAD_SYMBOL = 4
    BAD_RESUME = 5
    BAD_ORDER_OF_FRAMES = 6

ROW_DTYPES: Final[dict[Kind, np.dtype[np.void] | None]]

def row_size(kind: int) -> int | None: ...

class Welcome(NamedTuple):
    venue: str
    instance: bytes
    executions: int
    replayed: int
    orders: int

class VenueStatus(NamedTuple):
    orders: NDArray[np.void]
    trades: NDArray[np.void]
    positions: NDArray[np.void]
    counts: dict[str, int]

@disjoint_base
class RemoteMarket(Market):
    def __new__(
        cls, venues: Venues, remote: Iterable[str], *, inner: Market | None = None, start_ns: int = 0
    ) -> Self: ...
    @property
    def inner(self) -> Market | None: ...
    @property
    def remote_names(self) -> list[str]: ...
    def connect(
        self,
        venue: str,
        path: str | PathLike[str],
        client_uuid: uuid.UUID | bytes,
        last_execution_id: int = 0,
        *,
        instance: bytes | None = None,
        timeout: float = 5.0,
    ) -> Welcome: ...
    def disconnect(self, venue: str) -> None: ...
    def connected(self, venue: str) -> bool: ...
    def fault(self, venue: str) -> str | None: ...
    def fileno(self, venue: str) -> int: ...
    def last_execution_id(self, venue: str) -> int: ...
    def instance(self, venue: str) -> bytes | None: ...
    def status(self, venue: str, *, core: Core, timeout: float = 5.0) -> VenueStatus: ...
    def statistics(self) -> dict[str, dict[str, int]]: ...
    def close(self) -> None: ...
