from decimal import Decimal
from typing import Any, Literal, NamedTuple, Self, SupportsIndex, final

from numpy.typing import NDArray

from grandmodel.execution._core.book import INVARIANTS as INVARIANTS
from grandmodel.execution._core.book import BookView
from grandmodel.execution._core.records import COMMAND_DTYPE as COMMAND_DTYPE
from grandmodel.execution._core.values import REASON_TEXT as REASON_TEXT
from grandmodel.execution._core.values import SIDE_CODES as SIDE_CODES
from grandmodel.execution._core.values import STATUSES as STATUSES
from grandmodel.execution._core.values import TIME_IN_FORCE_CODES as TIME_IN_FORCE_CODES
from grandmodel.execution._core.values import OrderStatus
from grandmodel.execution._core.values import Reason as Reason
from grandmodel.execution._core.values import Unknown as Unknown
from grandmodel.execution._core.values import UnknownOrder as UnknownOrder

class RunCounts(NamedTuple):
    submitted: int
    canceled: int
    trades: int
    volume: int
    rejected: int

@final
class MatchResult:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def status(self) -> OrderStatus: ...
    @property
    def reason(self) -> Reason: ...
    @property
    def reason_text(self) -> str: ...
    @property
    def filled_quantity(self) -> int: ...
    @property
    def leaves_quantity(self) -> int: ...
    @property
    def fills(self) -> list[tuple[int, int, int]]: ...
    @property
    def average_price(self) -> float: ...

@final
class MatchingEngine:
    def __new__(
        cls,
        tick_size: str | Decimal | float = "0.01",
        *,
        capacity: SupportsIndex = ...,
        ticks: SupportsIndex = ...,
    ) -> Self: ...
    def submit(
        self,
        order_id: SupportsIndex,
        side: Literal["buy", "sell"] | SupportsIndex,
        quantity: SupportsIndex,
        price: str | Decimal | float | None = None,
        time_in_force: Literal["DAY", "GTC", "IOC", "FOK", "GTD", "OPG", "CLS"] = "DAY",
        *,
        post_only: bool = False,
        display_quantity: SupportsIndex | None = None,
    ) -> MatchResult: ...
    def cancel(self, order_id: SupportsIndex) -> int: ...
    def shrink(self, order_id: SupportsIndex, less: SupportsIndex) -> None: ...
    def run(self, commands: NDArray[Any]) -> RunCounts: ...
    @property
    def book(self) -> BookView: ...
    @property
    def trades(self) -> int: ...
    @property
    def volume(self) -> int: ...
    @property
    def last_price_e9(self) -> int | None: ...
    @property
    def last_price(self) -> float: ...
    def __len__(self) -> int: ...
    def check_invariants(self) -> None: ...
    def state_hash(self) -> int: ...
