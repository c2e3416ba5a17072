"""GrandModel Execution: the engine that works trading decisions into fills, and measures what they cost.

    from grandmodel.execution import OrderManager

    om = OrderManager({"max_order_value": 1_000_000})
    order_id = await om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "market"})

The names below are loaded when they are first used: importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._core.book import OrderBook
    from ._core.consolidated import ConsolidatedBook
    from ._core.matching import MatchingEngine
    from ._core.orders import Order
    from ._core.records import MESSAGE_DTYPE, ORDER_DTYPE, REPORT_DTYPE
    from ._core.submit import Ticket
    from ._core.values import (
        EngineClosed,
        EngineForked,
        ExecutionError,
        JournalError,
        MarketDataError,
        OrderRejected,
        OrderStateError,
        OrderStatus,
        OrderType,
        OrderValidationError,
        Reason,
        RiskLimitBreached,
        Side,
        TimeInForce,
        Unknown,
        UnknownOrder,
        VenueError,
        to_json,
    )
    from .clock import LiveClock, SimulatedClock
    from .config import ConfigError, load_config
    from .engine import ExecutionEngine
    from .events import Event, EventBus, EventType
    from .integration.marl_execution import MARLExecutionEngine
    from .microstructure.flow import FlowEstimators
    from .microstructure.microstructure_engine import MicrostructureEngine
    from .order_management.memory_optimized import MemoryOptimizedOrderManager
    from .order_management.order_manager import OrderManager, ValidationResult
    from .order_management.storage import CapacityError, CircularBuffer, ObjectPool, SlottedOrderDict
    from .performance import HighPerformanceExecutionEngine
    from .risk.monitor import RealTimeExecutionRiskMonitor
    from .risk.pre_trade import PreTradeRiskManager, RiskCheckResult
    from .routing.decision import RoutingDecision
    from .routing.smart_router import SmartOrderRouter
    from .routing.ticket import ExecutionResult

_HOME = {
    "._core.book": ("OrderBook",),
    "._core.consolidated": ("ConsolidatedBook",),
    "._core.matching": ("MatchingEngine",),
    "._core.orders": ("Order",),
    "._core.records": ("MESSAGE_DTYPE", "ORDER_DTYPE", "REPORT_DTYPE"),
    "._core.submit": ("Ticket",),
    "._core.values": (
        "EngineClosed", "EngineForked", "ExecutionError", "JournalError", "MarketDataError", "OrderRejected",
        "OrderStateError", "OrderStatus", "OrderType", "OrderValidationError", "Reason", "RiskLimitBreached", "Side",
        "TimeInForce", "Unknown", "UnknownOrder", "VenueError", "to_json",
    ),
    ".clock": ("LiveClock", "SimulatedClock"),
    ".config": ("ConfigError", "load_config"),
    ".engine": ("ExecutionEngine",),
    ".events": ("Event", "EventBus", "EventType"),
    ".integration.marl_execution": ("MARLExecutionEngine",),
    ".microstructure.flow": ("FlowEstimators",),
    ".microstructure.microstructure_engine": ("MicrostructureEngine",),
    ".order_management.memory_optimized": ("MemoryOptimizedOrderManager",),
    ".order_management.order_manager": ("OrderManager", "ValidationResult"),
    ".order_management.storage": ("CapacityError", "CircularBuffer", "ObjectPool", "SlottedOrderDict"),
    ".performance": ("HighPerformanceExecutionEngine",),
    ".risk.monitor": ("RealTimeExecutionRiskMonitor",),
    ".risk.pre_trade": ("PreTradeRiskManager", "RiskCheckResult"),
    ".routing.decision": ("RoutingDecision",),
    ".routing.smart_router": ("SmartOrderRouter",),
    ".routing.ticket": ("ExecutionResult",),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "MESSAGE_DTYPE",
    "ORDER_DTYPE",
    "REPORT_DTYPE",
    "CapacityError",
    "CircularBuffer",
    "ConfigError",
    "ConsolidatedBook",
    "EngineClosed",
    "EngineForked",
    "Event",
    "EventBus",
    "EventType",
    "ExecutionEngine",
    "ExecutionError",
    "ExecutionResult",
    "FlowEstimators",
    "HighPerformanceExecutionEngine",
    "JournalError",
    "LiveClock",
    "MARLExecutionEngine",
    "MarketDataError",
    "MatchingEngine",
    "MemoryOptimizedOrderManager",
    "MicrostructureEngine",
    "ObjectPool",
    "Order",
    "OrderBook",
    "OrderManager",
    "OrderRejected",
    "OrderStateError",
    "OrderStatus",
    "OrderType",
    "OrderValidationError",
    "PreTradeRiskManager",
    "RealTimeExecutionRiskMonitor",
    "Reason",
    "RiskCheckResult",
    "RiskLimitBreached",
    "RoutingDecision",
    "Side",
    "SimulatedClock",
    "SlottedOrderDict",
    "SmartOrderRouter",
    "Ticket",
    "TimeInForce",
    "Unknown",
    "UnknownOrder",
    "ValidationResult",
    "VenueError",
    "load_config",
    "to_json",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
