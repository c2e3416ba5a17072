from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.execution._core.records import LIMIT_DTYPE as LIMIT_DTYPE
from grandmodel.execution._core.risk import Limits
from grandmodel.execution._core.submit import Core
from grandmodel.execution._core.values import EngineClosed as EngineClosed
from grandmodel.execution._core.values import JournalError as JournalError

def record_limits(core: Core, rows: NDArray[np.void]) -> None: ...
def change_limits(core: Core, fresh: Limits, rows: NDArray[np.void]) -> None: ...
