from collections.abc import Iterable
from typing import Any, Final

import numpy as np

NO_PRICE: Final[int]
ORDER_DTYPE: Final[np.dtype[np.void]]
REPORT_DTYPE: Final[np.dtype[np.void]]
DECISION_DTYPE: Final[np.dtype[np.void]]
REFUSAL_DTYPE: Final[np.dtype[np.void]]
REQUEST_DTYPE: Final[np.dtype[np.void]]
BALANCE_DTYPE: Final[np.dtype[np.void]]
TERMS_DTYPE: Final[np.dtype[np.void]]
LATCH_DTYPE: Final[np.dtype[np.void]]
LIMIT_DTYPE: Final[np.dtype[np.void]]
SESSION_DTYPE: Final[np.dtype[np.void]]
NAME_DTYPE: Final[np.dtype[np.void]]
HEADER_DTYPE: Final[np.dtype[np.void]]
MESSAGE_DTYPE: Final[np.dtype[np.void]]
COMMAND_DTYPE: Final[np.dtype[np.void]]
QUOTE_DTYPE: Final[np.dtype[np.void]]
RECORD_DTYPES: Final[dict[int, np.dtype[np.void]]]
VOID_REASONS: Final[frozenset[int]]

def struct_dtype(size: int, fields: Iterable[tuple[str, Any, int]]) -> np.dtype[np.void]: ...
def is_booked(reports: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]: ...
