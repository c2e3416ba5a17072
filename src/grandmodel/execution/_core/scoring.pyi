from collections.abc import Iterable
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.values import ORDER_TYPE_CODES as ORDER_TYPE_CODES
from grandmodel.execution._core.values import Reason as Reason
from grandmodel.execution._core.values import Unknown as Unknown

VENUE_CLASSES: Final[dict[str, int]]
VERDICTS: Final[dict[int, str]]
CAPABILITIES: Final[dict[str, dict[str, int]]]

@disjoint_base
class Quote:
    @property
    def symbol(self) -> str: ...
    @property
    def bid(self) -> float: ...
    @property
    def ask(self) -> float: ...
    @property
    def mid(self) -> float: ...
    @property
    def spread(self) -> float: ...
    @property
    def bid_e9(self) -> int | None: ...
    @property
    def ask_e9(self) -> int | None: ...
    @property
    def mid_e9(self) -> int | None: ...
    @property
    def bid_quantity(self) -> int: ...
    @property
    def ask_quantity(self) -> int: ...
    @property
    def bid_venue(self) -> str | None: ...
    @property
    def ask_venue(self) -> str | None: ...
    @property
    def volume(self) -> int: ...
    @property
    def time_ns(self) -> int | None: ...

@disjoint_base
class Tap: ...

@disjoint_base
class Venues:
    def __new__(cls, instruments: Instruments) -> Self: ...
    @property
    def instruments(self) -> Instruments: ...
    @property
    def names(self) -> list[str]: ...
    def add(
        self,
        name: str,
        *,
        kind: Literal["exchange", "ecn", "dark_pool", "wholesaler"] | str = "exchange",
        priority: int = 0,
        take_fee_e9: int = 0,
        make_fee_e9: int = 0,
        max_order_size: int = 0,
        min_size: int = 0,
        latency_ns: int = 0,
        enabled: bool = True,
        order_types: Iterable[str] | None = None,
        times_in_force: Iterable[str] | None = None,
        instructions: Iterable[str] | None = None,
        improvement_e9: int = 0,
        auction_fee_e9: int | None = None,
        tick_e9: int = 0,
    ) -> int: ...
    def set_listing(self, symbol: str, venue: str | None) -> None: ...
    def set_learning(
        self,
        *,
        half_life: float = 100.0,
        freeze: bool = False,
        fill_probability: float = 0.0,
        adverse_selection: float = 0.0,
        latency_slippage: float = 0.0,
        hidden_size: float = 0.0,
    ) -> None: ...
    def set_breaker(
        self,
        *,
        rejects: int = 0,
        unanswered: int = 0,
        disconnects: int = 0,
        cool_down_ns: int = 30_000_000_000,
        probe_size: int = 100,
    ) -> None: ...
    def split(
        self, symbol: str, side: int, quantity: int, limit_e9: int | None = None, rest: bool = True
    ) -> dict[str, Any]: ...
    def shown(self, symbol: str, venue: str) -> dict[str, Any]: ...
    def best(self, symbol: str, side: int, quantity: int, limit_e9: int | None = None) -> str | None: ...
    def best_many(
        self,
        symbol: str,
        signed_quantities: NDArray[np.int64],
        limits_e9: NDArray[np.int64],
        venues: NDArray[np.int32],
        costs_e9: NDArray[np.int64],
    ) -> None: ...
    @property
    def protects_quotes(self) -> bool: ...
    @protects_quotes.setter
    def protects_quotes(self, on: bool) -> None: ...
    @property
    def retail(self) -> bool: ...
    @retail.setter
    def retail(self, on: bool) -> None: ...
    def twin(self) -> Venues: ...
    def number(self, name: str) -> int: ...
    def describe(self, name: str) -> dict[str, Any]: ...
    def set_quote(
        self,
        symbol: str,
        venue: str,
        bid_e9: int | None = None,
        ask_e9: int | None = None,
        bid_quantity: int = 0,
        ask_quantity: int = 0,
        time_ns: int | None = None,
    ) -> None: ...
    def halt(self, symbol: str, venue: str, halted: bool = True, time_ns: int = 0) -> None: ...
    def is_halted(self, symbol: str) -> bool: ...
    def quote(self, symbol: str) -> Quote: ...
    @property
    def updates(self) -> int: ...
    def tape(self, symbol: str) -> dict[str, int]: ...
    def listen(self, symbol: str, tap: Tap | None) -> None: ...
    def score(
        self,
        symbol: str,
        side: int,
        quantity: int,
        limit_e9: int | None = None,
        flags: int = 0,
        *,
        order_type: int = 0,
        time_in_force: int = 0,
        venue: int = -1,
    ) -> dict[str, Any]: ...

def _price(price_e9: int) -> float: ...
