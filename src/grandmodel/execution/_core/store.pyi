import os
from typing import Any, Final

from typing_extensions import Buffer

from grandmodel.execution._core.records import HEADER_DTYPE as HEADER_DTYPE
from grandmodel.execution._core.records import RECORD_DTYPES as RECORD_DTYPES
from grandmodel.execution._core.values import JournalError as JournalError

PAGE: Final[int]
VERSION: Final[int]
MARK_BYTES: Final[int]
SEAL_BYTES: Final[int]
SEAL_ROW: Final[int]
TAIL_LIVE: Final[int]
INDEX_SEALED: Final[int]
SNAPSHOT_VERSION: Final[int]
STATES: Final[tuple[str, ...]]

class Mark:
    version: int
    layout: int
    uuid: bytes
    boot: bytes
    counter: int
    epoch: int
    forced: int
    position: int
    sequence: int
    segments: int
    clean: int
    state: int
    error: int
    durability: int
    tail: str | None
    def __init__(self, fields: tuple[Any, ...]) -> None: ...

class Segment:
    path: str
    uuid: bytes
    boot: bytes
    number: int
    position: int | None
    sequence: int | None
    epoch: int | None
    size: int
    def __init__(self, path: str, fields: tuple[Any, ...], size: int) -> None: ...

class Survey:
    path: str
    notes: list[str]
    mark: Mark
    same_boot: bool
    segments: list[Segment]
    seals: list[tuple[int, int, bytes, bytes, int]]
    tail: str | None
    def __init__(self, path: str) -> None: ...

def layout_hash() -> int: ...
def boot_id() -> bytes: ...
def crc(data: Buffer, seed: int = 0) -> int: ...
def check_version(path: str, version: int, layout: int) -> None: ...
def write_mark(path: str, mark: Mark, **changes: Any) -> None: ...
def read_mark(path: str) -> Mark: ...
def seals_head(uuid: bytes) -> bytes: ...
def check_records(data: Buffer, sequence: int, what: str, base: int = 0) -> tuple[int, int, str | None]: ...
def check_segment(segment: Segment, stop: int | None = None) -> tuple[int, int]: ...
def walk_segment(
    segment: Segment, stop: int | None = None, start: int = 0, first: int | None = None
) -> tuple[int, int, str | None]: ...
def read_tail(path: str, mark: Mark) -> tuple[int, Any, int]: ...
def tail_records(survey: Survey, sequence: int) -> tuple[int, bytes, int]: ...
def is_new(path: str) -> bool: ...
def make(path: str) -> bytes: ...
def is_tmpfs(directory: str) -> bool: ...
def make_tail(directory: str, name: str, uuid: bytes, boot: bytes, ring_bytes: int, epoch: int) -> tuple[str, int]: ...
def open_end(survey: Survey) -> tuple[int, int, bytes]: ...
def add_segment(
    path: str, mark: Mark, number: int, position: int, sequence: int, epoch: int, boot: bytes, records: bytes
) -> Segment: ...
def lock(path: str) -> int: ...
def is_live(path: str) -> bool: ...
def kinds_of(data: Buffer) -> Any: ...
def verify(path: str | os.PathLike[str]) -> dict[str, Any]: ...
