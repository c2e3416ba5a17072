"""Market data readers, and recorded and synthetic markets."""

from grandmodel.execution.market_data import BAR_DTYPE, ColumnMap, MarketData, read_market_data
from grandmodel.execution.simulation.lobster import LobsterDay, read_lobster

__all__ = ["BAR_DTYPE", "ColumnMap", "LobsterDay", "MarketData", "read_lobster", "read_market_data"]
