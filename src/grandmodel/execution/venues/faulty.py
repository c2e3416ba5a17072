"""Simulated venues at a distance, and with faults on order: a strategy's author tests against them too.

    engine = ExecutionEngine({"seed": 7, "simulation": {"latency": {"jitter_us": 50}, "faults": {"drop": 0.02}}})
    engine.core.market.injected()       # {"drop": 3, ...}

Equal seeds and equal conduct give equal delays and faults. What each fault is, and which messages it can befall, stands
in the configuration's `Faults`; the rules in cext/include/link.h and faults.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core.link import FAULTS, LIES, MESSAGES, LinkedMarket, faults_on
from .paper import paper_market

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._core.scoring import Venues
    from .._core.synthetic import Market
    from ..config import ExecutionConfig

__all__ = ["FAULTS", "LIES", "MESSAGES", "LinkedMarket", "faults_on", "link_terms", "simulated_market"]


def link_terms(config: ExecutionConfig, names: Iterable[str] | None = None) -> dict[str, Any]:
    """What a configuration has `LinkedMarket` be given: paths and faults by venue, empty without any, and the seed.

    `names`: venues that the configuration does not know (recorded ones), which have what all have; None: its own.
    """
    paths: dict[str, dict[str, Any]] = {}
    faults: dict[str, dict[str, Any]] = {}
    groups: tuple[dict[str, Any], ...] = (config.routing.venues, config.routing.dark_pools, config.routing.wholesalers)
    if names is not None:
        groups = (dict.fromkeys(names),)
    for name, venue in ((name, venue) for group in groups for name, venue in group.items()):
        if getattr(venue, "connection", None) is not None:
            continue
        latency, wrong = getattr(venue, "latency", None), getattr(venue, "faults", None)
        latency = config.simulation.latency if latency is None else latency
        wrong = config.simulation.faults if wrong is None else wrong
        if latency is not None:
            paths[name] = latency.path(getattr(venue, "latency_ns", 0))
        if wrong is not None:
            faults[name] = wrong.terms(config.seed)
    return {"paths": paths, "faults": faults, "seed": config.seed}


def simulated_market(
    venues: Venues, config: ExecutionConfig, start_ns: int, *, without: frozenset[str] = frozenset()
) -> Market:
    """The paper market of a configuration, with latency and faults as it asks for them; without any, that alone."""
    terms = link_terms(config)
    if not terms["paths"] and not terms["faults"]:
        return paper_market(venues, config, start_ns, without=without)
    return LinkedMarket(venues, paper_market(venues.twin(), config, start_ns, without=without), **terms)
