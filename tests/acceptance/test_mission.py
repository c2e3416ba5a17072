"""The mission's document, example by example: every Python block, the YAML, the curl lines, the two test classes.

`src.` is read as `grandmodel.`. Each block runs in a namespace of its own; a harness supplies the names that it leaves
open, as the document means them, and long algorithms run in virtual time. The document lies beside the project;
GRANDMODEL_MISSION names another place.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gc
import inspect
import io
import logging
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
import yaml

import grandmodel.execution as gm
from grandmodel.execution import clock as clocks
from grandmodel.execution.config import load_config

ROOT = Path(__file__).resolve().parents[2]
PLACE = Path(os.environ.get("GRANDMODEL_MISSION", ROOT.parent / "shared" / "mission" / "execution_engine.md"))
if not PLACE.exists():
    pytest.skip(f"no mission at {PLACE}; GRANDMODEL_MISSION names another place", allow_module_level=True)
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PLACE.read_text(), re.DOTALL)
PYTHON = [code.replace("from src.", "from grandmodel.") for kind, code in BLOCKS if kind == "python"]
ORDER = {"symbol": "AAPL", "quantity": 100, "order_type": "market", "side": "buy", "time_in_force": "DAY"}


def block(beginning: str) -> str:
    """The one Python block that has this text in it."""
    found = [code for code in PYTHON if beginning in code]
    assert len(found) == 1, (beginning, len(found))
    return found[0]


def run_block(code: str, **names) -> tuple[dict, str]:
    """Runs a block, with `await` at its top level, in virtual time; its namespace and what it printed."""
    compiled = compile(code, "mission", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    namespace = {"__name__": "mission", **names}
    out = io.StringIO()

    async def main():
        for name, value in names.items():
            if inspect.isfunction(value) and value.__name__ == "made_inside":
                namespace[name] = value()
        with contextlib.redirect_stdout(out):
            result = eval(compiled, namespace)
            if inspect.isawaitable(result):
                await result

    clocks.run(main(), seed=11)
    return namespace, out.getvalue()


def inside(make):
    """A name whose value is made inside the virtual loop."""

    def made_inside():
        return make()

    return made_inside


def test_there_are_the_blocks_that_are_tried_here():
    assert len(PYTHON) == 22


def test_the_order_manager():
    namespace, out = run_block(block("# Initialize order manager"), event_bus=gm.EventBus())
    order_id = namespace["order_id"]
    assert out == f"Order submitted: {order_id}\n"
    assert namespace["order_manager"].get_order(order_id).filled_quantity == 100


@pytest.mark.parametrize("name", ["market_order", "limit_order", "stop_order", "iceberg_order"])
def test_each_order_type(name):
    namespace, _ = run_block(block(f"{name} = {{"))
    manager = gm.OrderManager({})
    order = namespace[name]
    assert manager.validate_order(order).is_valid
    assert manager.get_order(manager.submit_order(order)).status != "REJECTED"
    manager.close()


def test_the_router():
    namespace, out = run_block(block("# Initialize router with venue configurations"), order=ORDER)
    first, second = out.splitlines()
    assert first.removeprefix("Routing to: ") in namespace["router_config"]["venues"]
    assert re.fullmatch(r"Expected cost: \$-?\d+\.\d{4}", second)


@pytest.mark.parametrize("name", ["vwap_config", "twap_config", "is_config"])
def test_each_algorithm(name):
    made = []

    def router():
        made.append(gm.SmartOrderRouter({}))
        return made[0]

    run_block(block(f"{name} = {{"), router=inside(router), order=ORDER)
    (parent,) = [row for row in made[0].core.orders_array() if row["parent_id"] == 0]
    assert parent["filled_quantity"] == 100


def analyzer_block():
    return run_block(block("# Analyze completed trade"), datetime=datetime)


def test_the_trade_cost_analyzer():
    namespace, out = analyzer_block()
    assert out.splitlines() == [
        "Implementation Shortfall: 0.0017", "Market Impact: n/a", "Timing Cost: n/a", "VWAP Performance: n/a",
    ]  # fmt: skip
    assert namespace["analysis"].implementation_shortfall == pytest.approx(0.25 / 150)


def test_performance_attribution():
    namespace, _ = analyzer_block()
    _, out = run_block(block("# Daily execution performance"), analyzer=namespace["analyzer"])
    assert out.startswith("Total trades: 1\nAverage implementation shortfall: 0.0017\n")
    assert "UNSPECIFIED: Shortfall=0.0017, Fill Rate=100.00%" in out


def test_the_microstructure_engine():
    _, out = run_block(block("# Analyze current market conditions"), config={})
    assert [line.split(":")[0] for line in out.splitlines()] == [
        "Bid-Ask Spread", "Market Depth", "Liquidity Score", "Predicted Impact", "Optimal Timing",
    ]  # fmt: skip
    assert "n/a" not in out
    engine = inside(lambda: gm.MicrostructureEngine({}))
    _, out = run_block(block("# Real-time order book analysis"), engine=engine)
    assert re.search(r"Book Imbalance: -?\d\.\d{3}\n", out)
    _, out = run_block(block("# Multi-timeframe liquidity analysis"), engine=engine)
    for timeframe in ("1min", "5min", "15min"):
        assert f"{timeframe} Liquidity:" in out


# ---- the classes that the document sketches: as they stand, over the engine's parts


def test_the_marl_engine():
    code = block("class MARLExecutionEngine:")
    feedback = block("async def _provide_execution_feedback")
    names = {
        "OrderManager": gm.OrderManager, "SmartOrderRouter": gm.SmartOrderRouter,
        "MicrostructureEngine": gm.MicrostructureEngine, "Event": gm.Event, "EventType": gm.EventType,
        "datetime": datetime,
    }  # fmt: skip
    namespace, _ = run_block(code, **names)
    given, _ = run_block(feedback, **names)
    sketch = namespace["MARLExecutionEngine"]
    told = []

    class Whole(sketch):
        event_bus = gm.EventBus()
        _provide_execution_feedback = given["_provide_execution_feedback"]

        def _create_order_from_decision(self, decision, strategy):
            return {"symbol": decision["symbol"], "side": decision["side"], "quantity": 100, "order_type": "market"}

    Whole.event_bus.subscribe(gm.EventType.EXECUTION_FEEDBACK, told.append)

    async def main():
        engine = Whole({"order_management": {}, "routing": {}, "microstructure": {}}, MagicMock())
        for confidence in (0.9, 0.7, 0.5):
            decision = {"symbol": "AAPL", "side": "buy", "confidence": confidence}
            await engine.execute_marl_decision(SimpleNamespace(payload=decision))
        own = gm.MARLExecutionEngine({"order_management": {}, "routing": {}}, MagicMock())
        conditions = SimpleNamespace(liquidity_score=0.8)
        for confidence in (0.9, 0.8, 0.7, 0.6, 0.5):
            from grandmodel.execution.integration.decisions import execution_strategy

            sketched = engine._determine_execution_strategy({"confidence": confidence}, conditions)
            assert sketched == execution_strategy(confidence, 0.8)
        own.close()

    clocks.run(main(), seed=5)
    assert [set(event.payload["execution_metrics"]) for event in told] == [
        {"implementation_shortfall", "market_impact", "timing_cost", "fill_ratio", "execution_time"}
    ] * 3
    assert all(event.payload["execution_metrics"]["fill_ratio"] == 1.0 for event in told)


def test_the_high_performance_engine():
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    class Order:  # what the sketch's pool holds
        def initialize_from_dict(self, data):
            self.__dict__.update(data)

    class Result:
        pass

    policy = asyncio.get_event_loop_policy()
    names = {"ObjectPool": gm.ObjectPool, "Order": Order, "ExecutionResult": Result, "time": time,
             "OrderValidationError": gm.OrderValidationError}  # fmt: skip
    namespace = {"__name__": "mission", **names}
    try:
        exec(compile(block("class HighPerformanceExecutionEngine:"), "mission", "exec"), namespace)
        sketch, times = namespace["HighPerformanceExecutionEngine"], []
        router = gm.SmartOrderRouter({})
        manager = gm.OrderManager(engine=router)

        class Connection:
            async def submit_order_fast(self, *, symbol, quantity, side, order_type, price):
                ticket = manager.submit_order({
                    "symbol": symbol, "quantity": quantity, "side": side, "order_type": order_type,
                    "time_in_force": "IOC",
                })  # fmt: skip
                await ticket.done()
                return router.result_of(ticket.order_id)

        class Whole(sketch):
            performance_tracker = SimpleNamespace(record_execution_time=times.append)
            venue_connections = dict.fromkeys(router.core.venues.names, Connection())

            def _compile_validators(self):
                return manager.validate_order

            async def _validate_order_async(self, order):
                return self.order_validators(dict(order.__dict__)).is_valid

            async def _determine_routing_async(self, order):
                return router.route_order(dict(order.__dict__))

        async def main(engine):
            result = await engine.ultra_fast_execution(ORDER)
            with pytest.raises((gm.OrderValidationError, gm.OrderRejected)):
                await engine.ultra_fast_execution({**ORDER, "quantity": -1})
            return result

        engine = Whole({"worker_threads": 2})
        assert isinstance(asyncio.get_event_loop_policy(), uvloop.EventLoopPolicy)
        loop = uvloop.new_event_loop()
        result = loop.run_until_complete(main(engine))
        loop.close()
        engine.thread_pool.shutdown()
        assert result.filled_quantity > 0
        assert len(times) == 1
        manager.close()
    finally:
        asyncio.set_event_loop_policy(policy)


def test_the_memory_optimized_order_manager(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.zeros(100).tofile("market_data.dat")

    class Orders(gm.SlottedOrderDict):  # its rows have no `timestamp`: they have `created_ns`
        def items(self):
            return [(key, SimpleNamespace(timestamp=int(row["created_ns"]) / 1e9)) for key, row in super().items()]

    names = {"SlottedOrderDict": Orders, "CircularBuffer": gm.CircularBuffer, "np": np, "time": time,
             "logger": logging.getLogger("mission")}  # fmt: skip
    namespace = {"__name__": "mission", **names}
    exec(compile(block("class MemoryOptimizedOrderManager:"), "mission", "exec"), namespace)

    class Whole(namespace["MemoryOptimizedOrderManager"]):
        memory_threshold = 1e9

        def _get_memory_usage(self):
            return 1.0

    manager = Whole({})
    for order_id, age in ((1, 0), (2, 7200)):
        row = np.zeros(1, gm.ORDER_DTYPE)
        row["order_id"], row["created_ns"] = order_id, round((time.time() - age) * 1e9)
        manager.orders[order_id] = row[0]
    manager.optimize_memory_usage()
    assert list(manager.orders) == [1]  # the sketch's rule, over our containers; our own manager lets no live order go
    del manager
    gc.collect()


def test_the_pre_trade_risk_manager():
    from grandmodel.execution.risk.pre_trade import RiskCheckResult

    namespace = {"__name__": "mission", "RiskCheckResult": RiskCheckResult}
    exec(compile(block("class PreTradeRiskManager:"), "mission", "exec"), namespace)

    class Whole(namespace["PreTradeRiskManager"]):
        def _check_order_size_limit(self, order):
            return order.quantity <= self.order_limits["max_order_size"]

        def _check_daily_trading_limit(self, order):
            return True

        _check_leverage_limit = _check_concentration_limit = lambda self, order, portfolio: True

        def _get_sector(self, symbol):
            return "technology"

        def _calculate_risk_score(self, checks):
            return 1.0 - sum(checks.values()) / len(checks)

        def _get_recommended_adjustments(self, order):
            return []

    limits = {"position_limits": {"default": 500}, "order_limits": {"max_order_size": 200},
              "exposure_limits": {"sectors": {"technology": 0.3}, "default_sector_limit": 0.15}}  # fmt: skip
    portfolio = SimpleNamespace(positions={}, total_value=1_000_000)
    small = SimpleNamespace(symbol="AAPL", quantity=100, signed_quantity=100, estimated_price=150.0)
    large = SimpleNamespace(symbol="AAPL", quantity=600, signed_quantity=600, estimated_price=150.0)
    good = asyncio.run(Whole(limits).check_order_risk(small, portfolio))
    bad = asyncio.run(Whole(limits).check_order_risk(large, portfolio))
    assert good.approved
    assert (bad.approved, list(bad.failed_checks)) == (False, ["position_limit", "order_size_limit"])
    own = gm.PreTradeRiskManager(limits)
    order = {"symbol": "AAPL", "side": "buy", "quantity": 600, "order_type": "limit", "limit_price": 150.0}
    own_view = own.check_order_risk(order, {"positions": {}, "cash": 1_000_000})
    assert set(own_view.failed_checks) >= {"position_limit", "order_size_limit"}


def test_the_risk_monitor():
    namespace = {"__name__": "mission", "asyncio": asyncio, "logger": logging.getLogger("mission")}
    exec(compile(block("class RealTimeExecutionRiskMonitor:"), "mission", "exec"), namespace)
    limits = {"max_rejection_rate": 0.05, "max_execution_latency": 100, "max_implementation_shortfall": 0.01}
    metrics = {"rejection_rate": 0.1, "avg_execution_latency": 250.0, "avg_implementation_shortfall": 0.02}
    sent = []

    class Whole(namespace["RealTimeExecutionRiskMonitor"]):
        async def _get_execution_metrics(self):
            return metrics

        async def _send_risk_alert(self, alert):
            sent.append(alert)

        async def _update_risk_dashboard(self, metrics):
            self.monitoring_enabled = False

    clocks.run(Whole({"execution_risk_limits": limits, "alert_thresholds": {}}).monitor_execution_risk())
    own = gm.RealTimeExecutionRiskMonitor({"execution_risk_limits": limits}, engine=gm.OrderManager({}))
    assert own.check(metrics) == sent
    own.core.close()


# ---- configuration, tests, curl


def test_the_production_yaml_runs_key_for_key(tmp_path):
    (text,) = [code for kind, code in BLOCKS if kind == "yaml"]
    assert yaml.safe_load(text) == yaml.safe_load((ROOT / "config" / "production.yaml").read_text())
    path = tmp_path / "production.yaml"
    path.write_text(text)
    with gm.ExecutionEngine.from_config(path) as engine:
        assert int(engine.order_manager.submit_order(ORDER)) == 1
        assert engine.config.performance.cpu_affinity == (4, 5, 6, 7)


def classes_of(code: str, **names) -> list[type]:
    namespace = {"__name__": "mission", **names}
    exec(compile(code, "mission", "exec"), namespace)
    return [value for name, value in namespace.items() if name.startswith("Test")]


def test_the_missions_unit_tests():
    (case,) = classes_of(block("class TestOrderManager:"), MagicMock=MagicMock)
    methods = [name for name in vars(case) if name.startswith("test_")]
    assert len(methods) == 2
    for name in methods:
        instance = case()
        instance.setUp()
        getattr(instance, name)()
        instance.order_manager.close()


def test_the_missions_performance_test():
    def create_test_order():
        return dict(ORDER)

    (case,) = classes_of(
        block("class TestExecutionPerformance:"), pytest=pytest, OrderManager=gm.OrderManager, time=time, config={},
        event_bus=gm.EventBus(), create_test_order=create_test_order,
    )  # fmt: skip
    assert [mark.name for mark in case.pytestmark] == ["performance"]
    case().test_order_processing_latency()  # its own bound, a millisecond an order, is a thousand times what it takes


def test_the_curl_lines_name_routes_that_there_are():
    pytest.importorskip("fastapi", reason="the extra `service` is not installed")
    from grandmodel.execution.service.app import create_app
    from grandmodel.execution.service.engine_client import EngineClient

    (text,) = [code for kind, code in BLOCKS if kind == "bash"]
    asked = re.findall(r"curl http://localhost:8000(\S+)", text)
    assert len(asked) == 4
    settings = load_config({}).service
    app = create_app(EngineClient("/nowhere"), None, settings)
    assert set(asked) <= set(app.openapi()["paths"])
    assert settings.port == 8000
    assert datetime.now(UTC)
