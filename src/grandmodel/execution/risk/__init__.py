"""Pre-trade risk as a what-if over any portfolio; the engine's own checks are the same native function."""

from .pre_trade import PreTradeRiskManager, RiskCheckResult

__all__ = ["PreTradeRiskManager", "RiskCheckResult"]
