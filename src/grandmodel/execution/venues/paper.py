"""The paper market: what stands behind a component that nobody connected to anything.

Seeded synthetic order flow over the lit venues (after Cont, Stoikov and Talreja 2010), always open, living on whenever
somebody looks. What flows depends on seed, market time and own orders, never on the pattern of calls. Prices begin at
the catalog's illustrative references; results taken from it say `source="paper"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core.synthetic import SyntheticMarket

if TYPE_CHECKING:
    from .._core.scoring import Venues
    from ..config import ExecutionConfig

#: The flow begins this long before the engine, so that its books have settled.
WARMUP_SECONDS = 120.0


def paper_market(
    venues: Venues, config: ExecutionConfig, start_ns: int, *, without: frozenset[str] = frozenset()
) -> SyntheticMarket:
    """The synthetic market of a configuration; a venue that stands earlier in the table carries more of the flow.

    Venues in `without` have no part in it.
    """
    return SyntheticMarket(
        venues,
        paper_shares(venues, without),
        seed=config.seed,
        start_ns=start_ns,
        warmup_seconds=WARMUP_SECONDS,
        events_per_second=config.market.events_per_second,
        source="paper" if config.mode == "paper" else "synthetic",
    )


def paper_shares(venues: Venues, without: frozenset[str] = frozenset()) -> list[float]:
    """Each venue's relative share of the flow, in the order of the table."""
    return [0.0 if name in without else 1.0 / (1.0 + 0.25 * rank) for rank, name in enumerate(venues.names)]
