"""Pre-trade risk: a what-if over any portfolio, and limits that change while an engine runs.

The engine's own checks are the same native function.
"""

from .limits import LimitChange, LimitsLoosened, LimitWatcher
from .pre_trade import PreTradeRiskManager, RiskCheckResult

__all__ = ["LimitChange", "LimitWatcher", "LimitsLoosened", "PreTradeRiskManager", "RiskCheckResult"]
