from collections.abc import Iterator
from os import PathLike
from typing import Any, Final, NamedTuple, Self

from numpy.typing import NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.journal import Journal
from grandmodel.execution._core.records import MESSAGE_DTYPE as MESSAGE_DTYPE
from grandmodel.execution._core.records import NAME_DTYPE as NAME_DTYPE
from grandmodel.execution._core.store import layout_hash as layout_hash
from grandmodel.execution._core.values import MarketDataError as MarketDataError

VERSION: Final[int]
PAGE: Final[int]

@disjoint_base
class Capture:
    def __new__(cls, path: str | PathLike[str], journal: Journal, config: str | None = None) -> Self: ...
    @property
    def path(self) -> str: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def config(self) -> str | None: ...
    @property
    def rows(self) -> int: ...
    @property
    def run(self) -> int: ...
    @property
    def state(self) -> str: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...

class Run(NamedTuple):
    number: int
    uuid: bytes
    first: int
    until: int
    offset: int
    start_ns: int
    symbols: list[str]
    ticks_e9: list[int]
    venues: list[str]
    config_hash: int
    config: str | None
    blocks: list[tuple[int, int, int, int, int]]

class CaptureFile:
    path: str
    runs: list[Run]
    torn: str | None
    end: int
    def __init__(self, path: str | PathLike[str]) -> None: ...
    @property
    def rows(self) -> int: ...
    def chunks(self, size: int = 64) -> Iterator[tuple[Run, NDArray[Any]]]: ...

def read_capture(path: str | PathLike[str]) -> CaptureFile: ...
