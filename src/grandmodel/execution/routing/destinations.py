"""Where orders may go, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core.submit import Core


def destinations(core: Core, *kinds: str) -> list[dict[str, Any]]:
    """The enabled venues of these kinds (exchange, ecn, dark_pool, wholesaler), as `Venues.describe` has them."""
    rows = map(core.venues.describe, core.venues.names)
    return [row for row in rows if row["enabled"] and row["kind"] in kinds]


def largest_child(core: Core) -> int | None:
    """The largest order that any venue which an algorithm's children go to takes; None: there is no such bound."""
    lit = destinations(core, "exchange", "ecn") or destinations(core, "dark_pool", "wholesaler")
    sizes = [venue["max_order_size"] for venue in lit]
    return max(sizes) if sizes and None not in sizes else None
