"""Market data readers, and recorded and synthetic markets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grandmodel.execution.simulation.lobster import LobsterDay, read_lobster

if TYPE_CHECKING:
    from grandmodel.execution.market_data import BAR_DTYPE, ColumnMap, MarketData, read_market_data
    from grandmodel.execution.simulation.recording import Recording, read_recording

__all__ = [
    "BAR_DTYPE",
    "ColumnMap",
    "LobsterDay",
    "MarketData",
    "Recording",
    "read_lobster",
    "read_market_data",
    "read_recording",
]


def __getattr__(name: str) -> Any:
    """The readers of `market_data`, loaded when they are first asked for: a replay needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = "simulation.recording" if name in ("Recording", "read_recording") else "market_data"
    value = getattr(import_module(f"grandmodel.execution.{home}"), name)
    globals()[name] = value
    return value
