from typing import Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

PAGE: Final[int]
VERSION: Final[int]
MARK_BYTES: Final[int]

def crc32c(data: Buffer, seed: int = 0, *, portable: bool = False) -> int: ...
def check_records(data: Buffer, sequence: int, what: str, base: int = 0) -> tuple[int, int, str | None]: ...
def kinds_of(data: Buffer) -> NDArray[np.int64]: ...
def whole_records(data: Buffer) -> int: ...
