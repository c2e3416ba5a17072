from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, Self, SupportsIndex, TypeAlias, final

from numpy.typing import NDArray

from grandmodel.execution._core.book import INVARIANTS as INVARIANTS
from grandmodel.execution._core.book import BookView
from grandmodel.execution._core.records import COMMAND_DTYPE as COMMAND_DTYPE
from grandmodel.execution._core.values import ORDER_TYPES as ORDER_TYPES
from grandmodel.execution._core.values import REASON_TEXT as REASON_TEXT
from grandmodel.execution._core.values import SIDE_CODES as SIDE_CODES
from grandmodel.execution._core.values import STATUSES as STATUSES
from grandmodel.execution._core.values import TIME_IN_FORCE_CODES as TIME_IN_FORCE_CODES
from grandmodel.execution._core.values import TIMES_IN_FORCE as TIMES_IN_FORCE
from grandmodel.execution._core.values import OrderStatus
from grandmodel.execution._core.values import Reason as Reason
from grandmodel.execution._core.values import Unknown as Unknown
from grandmodel.execution._core.values import UnknownOrder as UnknownOrder

_Price: TypeAlias = str | Decimal | float

PHASES: Final[dict[str, int]]
OWN_ORDERS: Final[dict[str, int]]
PEGS: Final[dict[str, int]]

class RunCounts(NamedTuple):
    submitted: int
    canceled: int
    trades: int
    volume: int
    rejected: int

class MatchEvent(NamedTuple):
    kind: Literal["trade", "ended", "reduced", "triggered"]
    order_id: int
    other_id: int | None
    price_e9: int | None
    quantity: int
    displayed: bool
    reason: Reason

class Auction(NamedTuple):
    price_e9: int | None
    volume: int
    imbalance: int

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
    def events(self) -> list[MatchEvent]: ...
    @property
    def average_price(self) -> float: ...

@final
class MatchingEngine:
    def __new__(
        cls,
        tick_size: _Price = "0.01",
        *,
        capacity: SupportsIndex = ...,
        ticks: SupportsIndex = ...,
        lot: SupportsIndex = 1,
        own_orders: Literal["trade", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"] = "trade",
        stop_trigger: Literal["last", "quote"] = "last",
    ) -> Self: ...
    def submit(
        self,
        order_id: SupportsIndex,
        side: Literal["buy", "sell"] | SupportsIndex,
        quantity: SupportsIndex,
        price: _Price | None = None,
        time_in_force: Literal["DAY", "GTC", "IOC", "FOK", "GTD", "OPG", "CLS"] = "DAY",
        *,
        post_only: bool = False,
        display_quantity: SupportsIndex | None = None,
        hidden: bool = False,
        all_or_none: bool = False,
        min_quantity: SupportsIndex = 0,
        stop_price: _Price | None = None,
        peg: Literal["primary", "midpoint", "market"] | None = None,
        peg_offset: _Price = 0,
        owner: SupportsIndex = 0,
    ) -> MatchResult: ...
    def cancel(self, order_id: SupportsIndex) -> int: ...
    def replace(
        self, order_id: SupportsIndex, open_quantity: SupportsIndex, price: _Price | None = None
    ) -> MatchResult: ...
    def shrink(self, order_id: SupportsIndex, less: SupportsIndex) -> None: ...
    def run(self, commands: NDArray[Any]) -> RunCounts: ...
    @property
    def phase(self) -> Literal["continuous", "opening_call", "closing_call", "halted", "closed"]: ...
    def set_phase(
        self, phase: Literal["continuous", "opening_call", "closing_call", "halted", "closed"]
    ) -> list[MatchEvent]: ...
    def indicative(self, reference: _Price | None = None) -> Auction: ...
    def auction(self, reference: _Price | None = None) -> tuple[Auction, list[MatchEvent]]: ...
    def set_reference(
        self, bid: _Price | None = None, ask: _Price | None = None, *, own: bool = False
    ) -> list[MatchEvent]: ...
    def set_band(self, low: _Price | None = None, high: _Price | None = None) -> list[MatchEvent]: ...
    def waiting(self) -> list[dict[str, Any]]: ...
    @property
    def events(self) -> list[MatchEvent]: ...
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
