"""What the displayed book says of the next moves of the price: imbalance, microprice, spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .parent import Parent

#: Prices a side that are looked at.
LEVELS = 5


@dataclass(frozen=True, slots=True)
class BookSignals:
    """Of one moment, seen from the parent's side: positive where the price is about to run away from it.

    Attributes
    ----------
    imbalance : (own side - other side) / both, displayed steps of the best prices, in [-1, 1]
    microprice : (microprice - mid) / half spread, in [-1, 1]; the microprice weights each touch with the other's size
        (Stoikov 2018 calls this the weighted mid)
    spread : ask - bid, in ticks
    """

    imbalance: float
    microprice: float
    spread: float


def book_signals(parent: Parent) -> BookSignals | None:
    """The signals now; None without a bid and an offer."""
    rows, _ = parent.core.depth(parent.symbol, LEVELS)
    return of_levels(rows, parent.sign, parent.tick_e9)


def of_levels(rows: Any, sign: int, tick_e9: int) -> BookSignals | None:
    """Of (n, 4) levels as `Core.depth` gives them: ask price_e9, quantity, bid price_e9, quantity, best first."""
    ask, asked, bid, wanted = (int(each) for each in rows[0])
    if asked <= 0 or wanted <= 0:
        return None
    asks, bids = int(rows[:, 1].sum()), int(rows[:, 3].sum())
    # (ask * wanted + bid * asked) / (wanted + asked) - mid, in half spreads, is (wanted - asked) / (wanted + asked)
    return BookSignals(
        imbalance=sign * (bids - asks) / (bids + asks),
        microprice=sign * (wanted - asked) / (wanted + asked),
        spread=(ask - bid) / tick_e9,
    )
