"""Simulated venues at a distance, and with faults on order: a strategy's author tests against them too.

    engine = ExecutionEngine({"seed": 7, "simulation": {"latency": {"jitter_us": 50}, "faults": {"drop": 0.02}}})
    engine.core.market.injected()       # {"drop": 3, ...}

Equal seeds and equal conduct give equal delays and faults. What each fault is, and on which messages it can fall, stands
in `Faults`; the rules in cext/include/link.h and faults.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core.link import FAULTS, LIES, MESSAGES, LinkedMarket, faults_on
from .paper import paper_market

if TYPE_CHECKING:
    from .._core.scoring import Venues
    from .._core.synthetic import Market
    from ..config import ExecutionConfig

__all__ = ["FAULTS", "LIES", "MESSAGES", "LinkedMarket", "faults_on", "link_terms", "simulated_market"]


def link_terms(config: ExecutionConfig) -> dict[str, Any]:
    """What `LinkedMarket` is to be given for a configuration: paths, faults, seed, fault_seed. Without any: no paths, no faults.

    The generators of faults have the seed of ``simulation.faults``, else that of the first venue with faults of its own
    that has one, else the configuration's.
    """
    paths: dict[str, dict[str, Any]] = {}
    faults: dict[str, dict[str, Any]] = {}
    seeds = [] if config.simulation.faults is None else [config.simulation.faults.seed]
    groups: tuple[dict[str, Any], ...] = (config.routing.venues, config.routing.dark_pools, config.routing.wholesalers)
    for group in groups:
        for name, venue in group.items():
            if getattr(venue, "connection", None) is not None:
                continue
            latency = config.simulation.latency if venue.latency is None else venue.latency
            wrong = config.simulation.faults if venue.faults is None else venue.faults
            if latency is not None:
                paths[name] = latency.path(venue.latency_ns)
            if wrong is not None:
                faults[name] = wrong.terms()
                seeds.append(wrong.seed)
    fault_seed = next((seed for seed in seeds if seed is not None), config.seed)
    return {"paths": paths, "faults": faults, "seed": config.seed, "fault_seed": fault_seed}


def simulated_market(
    venues: Venues, config: ExecutionConfig, start_ns: int, *, without: frozenset[str] = frozenset()
) -> Market:
    """The paper market of a configuration, at the distance and with the faults that it asks for; without any, that alone."""
    terms = link_terms(config)
    if not terms["paths"] and not terms["faults"]:
        return paper_market(venues, config, start_ns, without=without)
    return LinkedMarket(venues, paper_market(venues.twin(), config, start_ns, without=without), **terms)
