"""What a venue takes: data that routing reads. What it lacks, the engine does itself or refuses by name."""

from __future__ import annotations

from typing import Any

#: Held orders (stops and the like) are never a venue's.
ORDER_TYPES = ("market", "limit", "iceberg", "pegged_primary", "pegged_midpoint", "pegged_market")
#: What rests until it is canceled needs no time in force of the venue.
TIMES_IN_FORCE = ("IOC", "FOK", "OPG", "CLS")
#: Those of auctions: of the exchanges of a market that keeps its hours.
AUCTIONS = ("OPG", "CLS")
INSTRUCTIONS = ("post_only", "hidden", "min_quantity")

#: Of a simulated venue, by its kind.
SIMULATED: dict[str, dict[str, tuple[str, ...]]] = {
    "exchange": {"order_types": ORDER_TYPES, "times_in_force": TIMES_IN_FORCE, "instructions": INSTRUCTIONS},
    "ecn": {"order_types": ORDER_TYPES, "times_in_force": ("IOC", "FOK"), "instructions": INSTRUCTIONS},
    "dark_pool": {
        "order_types": ("market", "limit", "pegged_midpoint"),
        "times_in_force": ("IOC", "FOK"),
        "instructions": ("min_quantity",),
    },
    "wholesaler": {"order_types": ("market", "limit"), "times_in_force": ("IOC", "FOK"), "instructions": ()},
}


def capabilities(venue: Any, kind: str | None, auctions: bool = False) -> dict[str, tuple[str, ...] | None]:
    """What a configured venue takes, as `Venues.add` wants it.

    Parameters
    ----------
    venue : its section of the configuration; what that says holds
    kind : "dark_pool" or "wholesaler"; None: it displays quotes
    auctions : whether simulated exchanges have any

    Returns
    -------
    order_types, times_in_force, instructions; None: the usual ones (market, limit, iceberg; IOC, FOK; post_only), of a
    venue in another process that nobody has described
    """
    usual = {} if getattr(venue, "connection", None) else dict(SIMULATED[kind or venue.kind])
    if not auctions and usual:
        usual["times_in_force"] = tuple(name for name in usual["times_in_force"] if name not in AUCTIONS)
    given = {name: getattr(venue, name) for name in ("order_types", "times_in_force", "instructions")}
    return {name: usual.get(name) if value is None else value for name, value in given.items()}
