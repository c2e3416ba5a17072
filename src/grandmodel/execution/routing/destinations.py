"""Where orders may go, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core.submit import Core


def destinations(core: Core, *kinds: str) -> list[dict[str, Any]]:
    """The enabled venues of these kinds (exchange, ecn, dark_pool, wholesaler), as `Venues.describe` has them."""
    rows = map(core.venues.describe, core.venues.names)
    return [row for row in rows if row["enabled"] and row["kind"] in kinds]
