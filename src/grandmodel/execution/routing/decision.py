"""Where an order would go, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class VenueScore:
    """What an order would cost at one venue, and why it was or was not chosen. `cost`: per share against the mid."""

    venue: str
    cost: float
    verdict: str
    terms: Mapping[str, float] = field(default_factory=dict)  # of `cost`, what was learned adds: name -> per share


@dataclass(frozen=True, slots=True)
class RoutingLeg:
    """A part of an order, and where it would go. `cost`: per share against the mid; `scores`: every venue, and why it
    has this or another leg, or none."""

    venue: str
    quantity: int
    price: float
    cost: float
    reason: str
    scores: tuple[VenueScore, ...]


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Where an order would go. Awaitable, so that both ways of asking for it work.

    `estimated_cost`: dollars for the whole order against the consolidated mid, spread and fees and impact; without
    quotes the fees only, which `assumptions` then says. `venue` is None when no venue can take the order; `reason` says
    why. `legs`: how it would be split; `residual`: shares that no venue could have within the limit now.
    """

    venue: str | None
    estimated_cost: float
    estimated_cost_bps: float
    expected_price: float
    reason: str
    venues: tuple[VenueScore, ...]
    assumptions: tuple[str, ...] = ()
    source: str = "paper"
    legs: tuple[RoutingLeg, ...] = ()
    residual: int = 0

    def __await__(self) -> Generator[None, None, RoutingDecision]:
        return self
        yield
