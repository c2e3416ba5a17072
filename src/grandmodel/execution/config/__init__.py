"""The engine's configuration: one YAML document, or plain mappings for single parts.

    config = load_config("config/production.yaml")
    config.order_management.max_order_value_e9      # int64, 1e-9 of the quote currency
    config = order_manager_config({"max_order_value": 1_000_000, "account": {"cash": 5_000_000}})

A mistake is a :class:`ConfigError` that lists every problem with its dotted path. Importing this package
imports pydantic; PyYAML is imported when a file is read. ``import grandmodel.execution`` imports neither.
"""

from .loader import (
    load_config,
    microstructure_config,
    order_manager_config,
    part_config,
    risk_config,
    router_config,
)
from .models import (
    Account,
    Analytics,
    Compliance,
    DarkPool,
    ExecutionConfig,
    ExecutionRiskLimits,
    ExposureLimits,
    Journal,
    LiquidityWeights,
    Market,
    Microstructure,
    OrderLimits,
    OrderManagement,
    Performance,
    PriceCollar,
    Retention,
    RiskControls,
    Routing,
    Venue,
    Wholesaler,
)
from .problems import ConfigError, ConfigProblem
from .service import Service
from .simulation import Faults, ScriptedFault, SimulatedLatency, Simulation
from .units import money_e9

__all__ = [
    "Account",
    "Analytics",
    "Compliance",
    "ConfigError",
    "ConfigProblem",
    "DarkPool",
    "ExecutionConfig",
    "ExecutionRiskLimits",
    "ExposureLimits",
    "Faults",
    "Journal",
    "LiquidityWeights",
    "Market",
    "Microstructure",
    "OrderLimits",
    "OrderManagement",
    "Performance",
    "PriceCollar",
    "Retention",
    "RiskControls",
    "Routing",
    "ScriptedFault",
    "Service",
    "SimulatedLatency",
    "Simulation",
    "Venue",
    "Wholesaler",
    "load_config",
    "microstructure_config",
    "money_e9",
    "order_manager_config",
    "part_config",
    "risk_config",
    "router_config",
]
