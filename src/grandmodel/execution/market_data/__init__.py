"""Market data files as rows of MESSAGE_DTYPE: one reader a format, all of them streams.

from grandmodel.execution.simulation import read_market_data

data = read_market_data("day.itch.gz", symbols=["AAPL"])
for rows in data:
    book.apply(rows)
"""

from grandmodel.execution.market_data.columns import ColumnMap
from grandmodel.execution.market_data.messages import BAR_DTYPE, Action, Flag
from grandmodel.execution.market_data.reader import FORMATS, MarketData, read_market_data

__all__ = ["BAR_DTYPE", "FORMATS", "Action", "ColumnMap", "Flag", "MarketData", "read_market_data"]
