"""A synthetic market, and orders that algorithms work in it."""

from __future__ import annotations

from grandmodel.execution import SmartOrderRouter
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core

MARKET_ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 3000, "order_type": "market"}
TWAP = {"algorithm": "twap", "duration_minutes": 60}
VWAP = {"algorithm": "vwap", "duration_minutes": 60}
IS = {"algorithm": "implementation_shortfall", "duration_minutes": 60}


def synthetic(seed=1, **sections):
    """(core, clock) over a seeded synthetic market, at the open of a session."""
    clock = SimulatedClock()
    core = make_core(
        load_config({"mode": "simulation", "seed": seed, "market": {"events_per_second": 20}, **sections}), clock=clock
    )
    return core, clock


def execute(core, clock, given, config):
    return run(SmartOrderRouter(engine=core).execute_algorithm_order(given, config), clock=clock)
