from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.values import CHECKS as CHECKS
from grandmodel.execution._core.values import Unknown as Unknown

@disjoint_base
class Limits:
    def __new__(cls, instruments: Instruments) -> Self: ...
    @property
    def instruments(self) -> Instruments: ...
    def set(
        self,
        *,
        positions: Mapping[str, int] | None = None,
        default_position: int | None = None,
        max_order_size: int | None = None,
        max_notional_e9: int | None = None,
        max_order_value_e9: int | None = None,
        daily_value_e9: int | None = None,
        daily_orders: int | None = None,
        sectors: Mapping[str, float] | None = None,
        default_sector: float | None = None,
        max_leverage: float | None = None,
        max_concentration: float | None = None,
    ) -> None: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    @property
    def configured(self) -> list[str]: ...
    def check(
        self,
        portfolio: Portfolio,
        symbol: str,
        side: int,
        quantity: int,
        price_e9: int | None = None,
        account: int = 0,
    ) -> tuple[int, dict[str, tuple[float, float]]]: ...
    def largest(
        self,
        portfolio: Portfolio,
        symbol: str,
        side: int,
        quantity: int,
        price_e9: int | None = None,
        account: int = 0,
    ) -> int: ...
    def check_many(
        self,
        portfolio: Portfolio,
        symbols: NDArray[np.int32],
        sides: NDArray[np.int8],
        quantities: NDArray[np.int64],
        prices_e9: NDArray[np.int64],
        failed: NDArray[np.uint64],
        account: int = 0,
    ) -> int: ...

def _count(name: str, value: int | None) -> int | None: ...
def _money(name: str, value: int | None) -> int | None: ...
def _fraction(name: str, value: float | None) -> int | None: ...
