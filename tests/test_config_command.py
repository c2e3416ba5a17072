"""`gmexec config`: right, doubtful and wrong configurations, and the schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grandmodel.execution.cli import app
from grandmodel.execution.config import ConfigError, ExecutionConfig, load_config

CONFIG = Path(__file__).parents[1] / "config"


def run(*arguments):
    return CliRunner().invoke(app, ["config", *map(str, arguments)])


@pytest.mark.parametrize("name", ["production.yaml", "simulation.yaml"])
def test_the_packaged_configurations_are_right(name):
    result = run("check", CONFIG / name)
    assert result.exit_code == 0, result.output
    assert ": right" in result.output
    assert max(map(len, result.output.splitlines()[1:])) <= 80
    found = json.loads(run("check", CONFIG / name, "--json").output)
    assert found["hash"] == load_config(CONFIG / name).config_hash()
    assert found["doubts"] == []


def test_a_misspelt_symbol_is_a_doubt_and_a_misspelt_key_an_error(tmp_path):
    doubtful = tmp_path / "doubtful.yaml"
    doubtful.write_text("risk_controls: {position_limits: {APPL: 5}}\n")
    result = run("check", doubtful)
    assert result.exit_code == 1
    assert "risk_controls.position_limits.APPL" in result.output
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("routing:\n  venus: {}\n")
    result = run("check", wrong)
    assert isinstance(result.exception, ConfigError)
    assert "did you mean" in str(result.exception) or "venues" in str(result.exception)
    assert "line 2" in str(result.exception)


def test_the_schema_is_the_models_and_takes_the_packaged_files():
    schema = json.loads(run("schema").output)
    assert schema == ExecutionConfig.model_json_schema()


@pytest.mark.parametrize(("given", "read"), [(5, 5.0), ("5bps", 5.0), ("0.05%", 5.0), (2.5, 2.5)])
def test_basis_points_may_say_so(given, read):
    config = load_config({"risk_controls": {"price_collar": {"max_bps": given}}})
    assert config.risk_controls.price_collar.max_bps == read


@pytest.mark.parametrize("given", ["5", "5ms", "-1bps", "1e99%", True, float("nan"), "bps", "5 bps bps"])
def test_what_are_no_basis_points_is_refused(given):
    with pytest.raises(ConfigError, match="max_bps: expected basis points"):
        load_config({"risk_controls": {"price_collar": {"max_bps": given}}})
