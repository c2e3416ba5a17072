from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Self, SupportsIndex

from typing_extensions import disjoint_base

from grandmodel.execution._core.instruments import Instruments, Names
from grandmodel.execution._core.values import ORDER_TYPE_CODES as ORDER_TYPE_CODES
from grandmodel.execution._core.values import SIDE_CODES as SIDE_CODES
from grandmodel.execution._core.values import TIME_IN_FORCE_CODES as TIME_IN_FORCE_CODES
from grandmodel.execution._core.values import URGENCY_CODES as URGENCY_CODES

FIELDS: Final[tuple[str, ...]]

def price_to_e9(value: float | Decimal | str | SupportsIndex, tick_e9: int = 1) -> int: ...
def quantity_to_steps(value: float | Decimal | SupportsIndex, step_e9: int = 1_000_000_000) -> int: ...

@disjoint_base
class OrderReader:
    venues: list[str]
    def __new__(cls, instruments: Instruments, new_name: Callable[[int, int, str], object] | None = None) -> Self: ...
    @property
    def strategies(self) -> Names: ...
    @property
    def algorithms(self) -> Names: ...
    @property
    def tags(self) -> Names: ...
    def check(self, order: object) -> dict[str, list[str]]: ...
    def terms(self, order: object) -> dict[str, Any]: ...
