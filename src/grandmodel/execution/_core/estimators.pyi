from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

def run(
    kernel: str,
    columns: Sequence[tuple[str, NDArray[Any] | None, str]],
    outputs: Sequence[NDArray[Any] | None] = (),
    numbers: Sequence[float] = (),
    integers: Sequence[int] = (),
) -> list[float]: ...
