from typing import Any, Self

from typing_extensions import disjoint_base

from grandmodel.execution._core.instruments import Instruments

@disjoint_base
class Portfolio:
    def __new__(cls, instruments: Instruments) -> Self: ...
    @property
    def instruments(self) -> Instruments: ...
    def open_account(self, account: int, cash_e9: int) -> None: ...
    def open_position(self, symbol: str, quantity: int, account: int = 0, mark_e9: int | None = None) -> None: ...
    def open_day(
        self, account: int = 0, traded_e9: int = 0, orders: int = 0, open_orders: int = 0
    ) -> None: ...
    def mark(self, symbol: str, mark_e9: int) -> None: ...
    def reserve(
        self,
        symbol: str,
        side: int,
        quantity: int,
        price_e9: int | None = None,
        account: int = 0,
        release: bool = False,
    ) -> None: ...
    def note(
        self,
        symbol: str,
        side: int,
        quantity: int,
        price_e9: int | None = None,
        *,
        time_ns: int,
        window_ns: int = 0,
        account: int = 0,
    ) -> None: ...
    def settle(self) -> None: ...
    def position(self, symbol: str, account: int = 0) -> tuple[int, int, int]: ...
    def positions(self, account: int = 0) -> dict[str, tuple[int, int, int]]: ...
    def account(self, account: int = 0) -> dict[str, Any]: ...
