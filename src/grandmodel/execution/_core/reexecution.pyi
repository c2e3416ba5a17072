from collections.abc import Callable, Iterator
from typing import Any, Final, Self, SupportsIndex

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.records import LIMIT_DTYPE as LIMIT_DTYPE
from grandmodel.execution._core.records import MESSAGE_DTYPE as MESSAGE_DTYPE
from grandmodel.execution._core.recovery import learn_limit as learn_limit
from grandmodel.execution._core.recovery import learn_name as learn_name
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.submit import Core
from grandmodel.execution._core.synthetic import Market
from grandmodel.execution._core.values import JournalError as JournalError
from grandmodel.execution._core.values import MarketDataError as MarketDataError
from grandmodel.execution.records_split import RecordStream

DIFFERENCE_DTYPE: Final[np.dtype[np.void]]

@disjoint_base
class RecordedMarket(Market):
    def __new__(cls, venues: Venues) -> Self: ...
    def feed(self, rows: NDArray[Any]) -> None: ...
    def play(self, count: SupportsIndex = -1) -> int: ...
    @property
    def taken(self) -> int: ...
    @property
    def position(self) -> int: ...

@disjoint_base
class Reexecutor:
    def __new__(cls, core: Core) -> Self: ...
    @property
    def core(self) -> Core: ...
    @property
    def found(self) -> list[NDArray[Any]]: ...
    @property
    def position(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def stopped(self) -> str | None: ...
    @property
    def on_limit(self) -> Callable[[Any], object] | None: ...
    @on_limit.setter
    def on_limit(self, value: Callable[[Any], object] | None) -> None: ...
    def run(
        self,
        journal: RecordStream,
        chunks: Iterator[NDArray[Any]],
        progress: Callable[[int, int], object] | None = None,
    ) -> bool: ...
    @property
    def differences(self) -> NDArray[Any]: ...
    @property
    def counters(self) -> dict[str, int]: ...

def apply_log(core: Core, journal: RecordStream, end: int) -> None: ...
def recovered_hash(core: Core, journal: RecordStream) -> int: ...
