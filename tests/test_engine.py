"""`ExecutionEngine` and the making of a core from a configuration."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from grandmodel.execution import ConfigError, EngineClosed, ExecutionEngine, OrderManager, RiskLimitBreached
from grandmodel.execution.cli import app
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import core_of, make_core

PRODUCTION = ROOT / "config" / "production.yaml"
SIMULATION = ROOT / "config" / "simulation.yaml"
ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "market"}


def test_the_production_configuration_runs_as_it_stands(monkeypatch):
    monkeypatch.chdir(ROOT)
    with ExecutionEngine.from_config("config/production.yaml") as engine:

        async def main():
            order_id = await engine.order_manager.submit_order(ORDER)
            result = await engine.router.execute_order({**ORDER, "symbol": "MSFT", "side": "sell"})
            return order_id, result

        order_id, result = asyncio.run(main())
        assert engine.order_manager.get_order(order_id).filled_quantity == 100
        assert result.filled_quantity == 100
        assert result.venue in ("NYSE", "NASDAQ", "ARCA", "several")
        assert "position" in engine.core.limits.configured
        with pytest.raises(RiskLimitBreached, match="order_size_limit"):
            engine.order_manager.submit_order({**ORDER, "quantity": 100_001})
    with pytest.raises(EngineClosed):
        engine.order_manager.submit_order(ORDER)


def test_the_simulation_configuration_runs_the_main_job():
    done = CliRunner().invoke(app, ["run", "--config", str(SIMULATION), "--json"])
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert [order["status"] for order in report["orders"]] == ["FILLED"] * len(report["orders"])
    again = CliRunner().invoke(app, ["run", "--config", str(SIMULATION), "--json", "--seed", "7"])  # its own seed
    assert json.loads(again.stdout)["journal_sha256"] == report["journal_sha256"]


def test_the_faces_share_one_core():
    with ExecutionEngine({"mode": "simulation"}) as engine:
        assert engine.order_manager.core is engine.router.core is engine.core
        assert OrderManager(engine=engine).core is engine.core
        assert core_of(engine.router) is core_of(engine.core) is engine.core
    with pytest.raises(TypeError, match="engine is str"):
        core_of("engine")
    with pytest.raises(ValueError, match="both given"):
        OrderManager({"max_order_value": 1}, engine=engine)


def test_a_limit_of_an_unknown_symbol_warns_and_the_others_hold(caplog):
    with caplog.at_level(logging.WARNING, logger="grandmodel.execution"):
        core = make_core(load_config({"risk_controls": {"position_limits": {"NOSUCH": 5, "AAPL": 50}}}))
    assert "position_limits.NOSUCH" in caplog.text
    with pytest.raises(RiskLimitBreached, match="position"):
        OrderManager(engine=core).submit_order(ORDER)


def test_opening_positions_are_there_and_count():
    sections = {
        "account": {"cash": 1_000_000, "opening_positions": {"AAPL": 300, "KO": -20}},
        "risk_controls": {"position_limits": {"AAPL": 350}},
    }
    core = make_core(load_config(sections))
    assert core.portfolio.position("AAPL")[0] == 300
    assert core.portfolio.position("KO")[0] == -20
    manager = OrderManager(engine=core)
    with pytest.raises(RiskLimitBreached, match="position"):
        manager.submit_order(ORDER)
    assert manager.submit_order({**ORDER, "side": "sell"}).status.is_closed


def test_an_opening_position_in_an_unknown_symbol_is_refused():
    with pytest.raises(ValueError, match=r"opening_positions\.NOSUCH"):
        make_core(load_config({"account": {"opening_positions": {"NOSUCH": 1}}}))


def test_a_durability_that_is_not_known_is_refused():
    with pytest.raises(ConfigError, match="durability"):
        load_config({"journal": {"durability": "nowhere"}})


def test_without_pre_trade_risk_no_limit_is_set_and_only_on_paper():
    core = make_core(
        load_config(
            {"order_management": {"enable_pre_trade_risk": False}, "risk_controls": {"position_limits": {"default": 1}}}
        )
    )
    assert core.limits.configured == []
    with pytest.raises(ConfigError, match="enable_pre_trade_risk"):
        load_config({"mode": "production", "order_management": {"enable_pre_trade_risk": False}})


def test_a_journal_that_is_there_already_is_gone_on_with(tmp_path):
    config = load_config({"journal": {"path": str(tmp_path / "day.gmj")}})
    core = make_core(config, clock=SimulatedClock())
    order_id = int(OrderManager(engine=core).submit_order(ORDER))
    records = core.journal.records
    core.close()
    again = make_core(config, clock=SimulatedClock())
    assert again.journal.records >= records
    assert again.get_order(order_id).symbol == ORDER["symbol"]
    assert int(OrderManager(engine=again).submit_order(ORDER)) == order_id + 1


def test_a_quantity_step_that_money_is_not_counted_for_is_refused():
    with pytest.raises(ValueError, match=r"'AAPL' has a quantity step of 0\.001"):
        ExecutionEngine({"instruments": {"AAPL": {"quantity_step": "0.001"}}})
