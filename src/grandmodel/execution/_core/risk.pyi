from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.values import CHECKS as CHECKS
from grandmodel.execution._core.values import Unknown as Unknown

NOT_EVALUATED: Final[Unknown]
COLLAR_REFERENCES: Final[dict[str, int]]
SELF_MATCH_MODES: Final[dict[str, int]]
RATE_MAX: Final[int]

_Quote = tuple[int | None, int | None, int | None, int | None]

@disjoint_base
class Limits:
    values: dict[str, int]
    recorded: dict[str, int]
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
        max_gross_e9: int | None = None,
        max_net_e9: int | None = None,
        collar_bps: float | None = None,
        collar_ticks: int | None = None,
        collar_reference: str = "mid",
        max_volume: float | None = None,
        duplicate_ns: int | None = None,
        max_messages: int | None = None,
        rate_ns: int = 1_000_000_000,
        max_open_orders: int | None = None,
        restricted: Iterable[str] | None = None,
        long_only: bool | Iterable[str] | None = None,
        located: Mapping[str, int] | None = None,
        default_located: int | None = None,
        max_age_ns: int | None = None,
        halts: bool = False,
        self_match: str | None = None,
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
        *,
        quote: _Quote | None = None,
        now_ns: int | None = None,
        halted: bool | None = None,
    ) -> tuple[int, dict[str, tuple[float, float]]]: ...
    def largest(
        self,
        portfolio: Portfolio,
        symbol: str,
        side: int,
        quantity: int,
        price_e9: int | None = None,
        account: int = 0,
        *,
        quote: _Quote | None = None,
        now_ns: int | None = None,
        halted: bool | None = None,
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
        *,
        quotes: NDArray[np.int64] | None = None,
        now_ns: int | None = None,
    ) -> int: ...

def _count(name: str, value: int | None, most: int = ...) -> int | None: ...
def _money(name: str, value: int | None) -> int | None: ...
def _fraction(name: str, value: float | None) -> int | None: ...
def _choice(name: str, value: str | None, table: Mapping[str, int]) -> int | None: ...
def _symbols(name: str, value: Any, known: Any) -> bool | list[str] | None: ...
