"""The paper market: what stands behind a component that nobody connected to anything.

Seeded synthetic order flow over the lit venues (after Cont, Stoikov and Talreja 2010; the section `market` has what
can be added to that), always open, living on whenever somebody looks. What flows depends on seed, market time and own
orders, never on the pattern of calls. Prices begin at the catalog's illustrative references; results taken from it say
`source="paper"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.synthetic import MARKET_RATE, FlowModel, SyntheticMarket

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._core.scoring import Venues
    from ..config import ExecutionConfig
    from ..config.models import Market

#: The flow begins this long before the engine, so that its books have settled.
WARMUP_SECONDS = 120.0
#: Sessions are looked up so far ahead; a market that runs longer has one pace from then on.
SESSION_DAYS = 400


def paper_market(
    venues: Venues,
    config: ExecutionConfig,
    start_ns: int,
    *,
    without: frozenset[str] = frozenset(),
    seed: int | None = None,
    hours: bool = True,
) -> SyntheticMarket:
    """The synthetic market of a configuration; a venue that stands earlier in the table carries more of the flow.

    Venues in `without` have no part in it. Another `seed` than the configuration's gives another flow of the same kind.
    Without `hours` it trades around the clock, whatever the configuration says.
    """
    kept = hours and config.market.hours.keep
    return SyntheticMarket(
        venues,
        paper_shares(venues, without),
        seed=config.seed if seed is None else seed,
        start_ns=start_ns,
        warmup_seconds=WARMUP_SECONDS,
        events_per_second=config.market.events_per_second,
        source="paper" if config.mode == "paper" else "synthetic",
        depth=config.market.depth,
        model=flow_model(config.market),
        sessions=_sessions(venues, start_ns) if kept or config.market.volume_curve != "flat" else {},
        hours=_hours(config) if kept else None,
    )


def _hours(config: ExecutionConfig) -> dict[str, float]:
    hours = config.market.hours
    return {
        "opening_call": 60.0 * hours.opening_call_minutes,
        "closing_call": 60.0 * hours.closing_call_minutes,
        "gathering": 60.0 * hours.gathering_minutes,
        "opening_share": hours.opening_share,
        "closing_share": hours.closing_share,
        "band": hours.band,
    }


def flow_model(market: Market) -> FlowModel:
    """What the section `market` says of the order flow. ValueError where its parts do not fit together."""
    curve: Sequence[float] | None = None
    if market.volume_curve == "session":
        from .._core.schedule import DEFAULT_VOLUME_CURVE

        curve = DEFAULT_VOLUME_CURVE
    elif not isinstance(market.volume_curve, str):
        curve = market.volume_curve
    return FlowModel(
        limit_rates=market.limit_rates,
        cancel_rates=market.cancel_rates,
        market_rate=MARKET_RATE if market.market_rate is None else market.market_rate,
        order_size=market.order_size,
        size_tail=market.size_tail,
        size_lots_max=market.size_lots_max,
        branching=market.clustering.branching or None,
        decay_seconds=market.clustering.decay_seconds,
        curve=curve,
        metaorders=market.metaorders.count,
        metaorder_tail=market.metaorders.tail,
        common=market.common_factor.strength,
        common_seconds=market.common_factor.interval_seconds,
        venue_link=market.venue_correlation,
        reversion=market.reaction.reversion,
        decay=market.reaction.decay,
        reaction_seconds=market.reaction.seconds,
        exponent=market.reaction.exponent,
        displayed=market.reaction.displayed,
    )


def paper_shares(venues: Venues, without: frozenset[str] = frozenset()) -> list[float]:
    """Each venue's relative share of the flow, in the order of the table."""
    return [0.0 if name in without else 1.0 / (1.0 + 0.25 * rank) for rank, name in enumerate(venues.names)]


def _sessions(venues: Venues, start_ns: int) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Opens and closes by calendar, from the day before `start_ns` on; what is always open has none, and so has one
    pace."""
    from ..sessions import ALWAYS_OPEN, exchanges, session_date

    known = [name for name in venues.instruments.calendars if name != ALWAYS_OPEN and name in exchanges()]
    return {name: _sessions_from(name, session_date(start_ns, name) - timedelta(days=1)) for name in known}


@lru_cache(maxsize=64)
def _sessions_from(exchange: str, first: date) -> tuple[NDArray[Any], NDArray[Any]]:
    from ..sessions import SessionRangeError, session

    found = []
    for day in range(SESSION_DAYS):
        try:
            hours = session(exchange, first + timedelta(days=day))
        except SessionRangeError:  # nobody knows them: one pace
            continue
        if hours is not None:
            found.append((hours.open_ns, hours.close_ns))
    rows = np.array(found, np.int64).reshape(-1, 2)
    return np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, 1])
