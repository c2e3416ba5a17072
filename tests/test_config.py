"""The configuration: the mission's YAML, bad values of every kind, parts alone, hash, environment."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grandmodel.execution import OrderManager, OrderRejected, Reason
from grandmodel.execution.config import (
    ConfigError,
    ConfigProblem,
    ExecutionConfig,
    load_config,
    microstructure_config,
    money_e9,
    order_manager_config,
    part_config,
    risk_config,
    router_config,
)

CONFIG = Path(__file__).resolve().parents[1] / "config"


def nested(path: str, value: Any) -> dict[str, Any]:
    """{"a": {"b": value}} of "a.b"."""
    first, *rest = path.split(".")
    for key in reversed(rest):
        value = {key: value}
    return {first: value}


def problems(call: Any, *args: Any) -> list[ConfigProblem]:
    with pytest.raises(ConfigError) as caught:
        call(*args)
    return caught.value.errors


# The documents that are shipped


def test_production_is_the_missions_yaml() -> None:
    config = load_config(CONFIG / "production.yaml")
    orders, routing, risk = config.order_management, config.routing, config.risk_controls
    assert config.mode == "paper"
    assert orders.max_order_value_e9 == 10_000_000 * 10**9
    assert (orders.daily_order_limit, orders.order_timeout_seconds) == (50_000, 30.0)
    assert orders.order_timeout_ns == 30 * 10**9
    assert orders.enable_pre_trade_risk
    assert orders.enable_order_audit
    assert routing.default_algorithm == "smart_router"
    assert list(routing.venues) == ["NYSE", "NASDAQ", "ARCA"]
    assert [v.taker_fee_e9 for v in routing.venues.values()] == [1_500_000, 1_800_000, 1_200_000]
    assert [v.max_order_size for v in routing.venues.values()] == [1_000_000, 500_000, 250_000]
    assert [v.kind for v in routing.venues.values()] == ["exchange", "exchange", "ecn"]
    assert {name: pool.min_size for name, pool in routing.dark_pools.items()} == {
        "GOLDMAN": 500,
        "MORGAN": 1000,
    }
    assert routing.wholesalers == {}
    assert config.analytics.benchmark_method == "vwap"
    assert [risk.position_limit(s) for s in ("AAPL", "MSFT", "IBM")] == [2_000_000, 1_500_000, 1_000_000]
    assert risk.order_limits.max_order_size == 100_000
    assert risk.order_limits.max_notional_e9 == 5_000_000 * 10**9
    assert risk.order_limits.daily_notional_e9 is None
    sectors = ("technology", "financials", "energy")
    assert [risk.exposure_limits.sector_limit(s) for s in sectors] == [0.30, 0.25, 0.15]
    assert risk.exposure_limits.max_leverage is None
    assert risk.execution_risk_limits.max_execution_latency_ns == 100 * 10**6
    performance = config.performance
    assert (performance.worker_threads, performance.queue_size) == (8, 100_000)
    assert (performance.memory_limit, performance.cpu_affinity) == (4 * 2**30, (4, 5, 6, 7))
    assert config.symbol_problems() == []


def test_simulation_has_ten_destinations() -> None:
    config = load_config(CONFIG / "simulation.yaml")
    routing = config.routing
    assert config.mode == "simulation"
    assert (len(routing.venues), len(routing.dark_pools), len(routing.wholesalers)) == (6, 2, 2)
    assert config.risk_controls.exposure_limits.max_concentration == 0.25
    assert config.risk_controls.execution_risk_limits.max_implementation_shortfall == 0.01
    assert config.symbol_problems() == []


# Defaults


def test_defaults() -> None:
    config = load_config({})
    assert config == load_config({"execution": None}) == order_manager_config(None) == ExecutionConfig()
    assert config.account.cash_e9 == 10**17
    assert config.order_management.max_order_value is None
    assert config.order_management.retention.closed_orders == 16384
    assert config.risk_controls.position_limit("AAPL") is None
    assert config.journal.ring_bytes == 16 * 2**20
    assert config.journal.durability == "process"
    assert list(config.routing.venues) == ["NYSE", "NASDAQ", "ARCA", "IEX", "BATS", "EDGX"]
    assert list(config.routing.dark_pools) == ["GOLDMAN", "MORGAN"]
    assert list(config.routing.wholesalers) == ["CITADEL", "VIRTU"]


def test_empty_sections_are_defaults() -> None:
    assert load_config(
        dict.fromkeys(["order_management", "routing", "risk_controls", "account"])
    ) == load_config({})
    assert load_config({"risk_controls": {"position_limits": None, "exposure_limits": None}}) == load_config(
        {}
    )


def test_one_given_group_of_destinations_replaces_all_defaults() -> None:
    routing = router_config(
        {"venues": {"B": {"priority": 2, "taker_fee": 0}, "A": {"priority": 2, "taker_fee": 0}}}
    )
    assert list(routing.routing.venues) == ["A", "B"]
    assert routing.routing.dark_pools == {}
    assert "NYSE" in router_config({"default_algorithm": "twap"}).routing.venues


def test_fees() -> None:
    venues = {
        "A": {"cost_per_share": 0.003, "maker_fee": -0.002},
        "B": {"cost_per_share": "0.0001", "taker_fee": "0.003"},
        "C": {"taker_fee": 0.0009},
    }
    read = router_config({"venues": venues}).routing.venues
    fees = {name: (v.taker_fee_e9, v.maker_fee_e9) for name, v in read.items()}
    assert fees == {"A": (3_000_000, -2_000_000), "B": (3_000_000, 100_000), "C": (900_000, 900_000)}


# Unknown keys

UNKNOWN = [
    ("order_management.max_order_valu", "unknown key, did you mean 'max_order_value'?"),
    ("routing.venue", "unknown key, did you mean 'venues'?"),
    ("routing.venues.NYSE.cost_per_shares", "unknown key, did you mean 'cost_per_share'?"),
    ("routing.dark_pools.GOLDMAN.minsize", "unknown key, did you mean 'min_size'?"),
    ("risk_controls.order_limits.max_nominal", "unknown key, did you mean 'max_notional'?"),
    ("risk_controls.max_order_size", "unknown key here, it belongs to 'risk_controls.order_limits'"),
    ("risk_control", "unknown key, did you mean 'risk_controls'?"),
    ("order_management.retention.zzz", "unknown key, known are closed_orders, closed_seconds"),
    ("alert_thresholds", "unknown key here, it belongs to 'risk_controls'"),
    ("instruments.AAPL.tick_sise", "unknown field, did you mean 'tick_size'?"),
]


@pytest.mark.parametrize(("path", "message"), UNKNOWN, ids=[path for path, _ in UNKNOWN])
def test_unknown_keys_name_path_and_nearest(path: str, message: str) -> None:
    found = problems(load_config, {"execution": nested(path, "s3cret")})
    assert (f"execution.{path}", message) in [(p.path, p.message) for p in found]
    assert not any("s3cret" in str(p) or p.value == "s3cret" for p in found if p.path == f"execution.{path}")
    bare = problems(load_config, nested(path, 1))
    assert path in [p.path for p in bare]


def test_the_message_of_the_exception() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"execution": {"order_management": {"max_order_valu": 1}}})
    expected = "execution.order_management.max_order_valu: unknown key, did you mean 'max_order_value'?"
    assert str(caught.value) == expected
    assert str(pickle.loads(pickle.dumps(caught.value))) == expected


def test_keys_beside_execution_are_refused() -> None:
    (problem,) = problems(load_config, {"execution": {}, "routing": {}})
    assert str(problem) == "routing: unknown key beside 'execution', move it below"


# Bad values

NAN, INF = float("nan"), float("inf")
NOT_NUMBERS: list[Any] = [
    True,
    False,
    "100 or so",
    "",
    [],
    {},
    NAN,
    INF,
    -INF,
    Decimal("nan"),
    b"1",
    10**9999,
]
NUMERIC = [
    "order_management.max_order_value", "order_management.daily_order_limit",
    "order_management.order_timeout_seconds", "order_management.retention.closed_orders",
    "routing.venues.NYSE.priority", "routing.venues.NYSE.cost_per_share",
    "routing.venues.NYSE.max_order_size",
    "routing.venues.NYSE.maker_fee", "routing.venues.NYSE.taker_fee", "routing.venues.NYSE.latency_us",
    "routing.venues.NYSE.tick", "routing.dark_pools.GOLDMAN.min_size",
    "routing.wholesalers.VIRTU.price_improvement_bps",
    "risk_controls.position_limits.default", "risk_controls.position_limits.AAPL",
    "risk_controls.order_limits.max_order_size", "risk_controls.order_limits.max_notional",
    "risk_controls.order_limits.daily_notional", "risk_controls.exposure_limits.sectors.technology",
    "risk_controls.exposure_limits.default_sector_limit", "risk_controls.exposure_limits.max_leverage",
    "risk_controls.exposure_limits.max_concentration",
    "risk_controls.execution_risk_limits.max_rejection_rate",
    "risk_controls.execution_risk_limits.max_execution_latency",
    "risk_controls.execution_risk_limits.max_implementation_shortfall",
    "risk_controls.alert_thresholds.anything",
    "performance.worker_threads", "performance.queue_size", "performance.memory_limit",
    "journal.group_interval_ms", "journal.ring_bytes", "journal.segment_bytes", "account.cash",
    "account.opening_positions.AAPL", "microstructure.depth_levels", "microstructure.reference_spread",
    "microstructure.liquidity_weights.spread", "microstructure.vpin_buckets", "market.events_per_second",
    "market.history_minutes", "market.depth", "market.market_rate", "market.size_tail", "market.size_lots_max",
    "market.clustering.decay_seconds", "market.metaorders.count", "market.metaorders.tail",
    "market.common_factor.strength", "market.common_factor.interval_seconds", "market.venue_correlation",
    "market.reaction.reversion", "market.reaction.seconds", "market.reaction.exponent", "market.reaction.displayed",
    "seed", "simulation.latency.out_us", "simulation.latency.jitter_us",
    "simulation.faults.seed", "simulation.faults.drop", "simulation.faults.delay_ms", "simulation.faults.disconnect_ms",
]  # fmt: skip
NEGATIVE_ALLOWED = {
    "routing.venues.NYSE.cost_per_share", "routing.venues.NYSE.maker_fee", "routing.venues.NYSE.taker_fee",
    "account.opening_positions.AAPL",
}  # fmt: skip
TEXT_IS_MONEY = {path for path in NUMERIC if path.rsplit(".", 1)[1:] in (
    ["max_order_value"], ["cost_per_share"], ["maker_fee"], ["taker_fee"], ["tick"], ["max_notional"],
    ["daily_notional"], ["cash"],
)}  # fmt: skip


def refused(path: str, value: Any) -> ConfigProblem:
    """The one problem of ``value`` at ``path``."""
    found = [p for p in problems(load_config, {"execution": nested(path, value)}) if p.path.endswith(path)]
    assert len(found) == 1, found
    assert found[0].path == f"execution.{path}"
    assert found[0].message.startswith("expected ")
    assert len(found[0].message) < 300
    return found[0]


@pytest.mark.parametrize("path", NUMERIC)
def test_what_is_no_number_is_refused_everywhere(path: str) -> None:
    for value in NOT_NUMBERS:
        problem = refused(path, value)
        assert problem.value is value or problem.value == value or not value
    refused(path, 2**63)
    refused(path, 1e300)
    if path not in NEGATIVE_ALLOWED:
        refused(path, -1)
        refused(path, -0.5)
    if path not in TEXT_IS_MONEY:
        refused(path, "100")


BAD: list[tuple[str, Any]] = [
    ("order_management", 5), ("order_management", []), ("routing.venues", ["NYSE"]),
    ("routing.venues.NYSE", 0.1),
    ("order_management.daily_order_limit", 5.0), ("performance.worker_threads", 0),
    ("order_management.max_order_value", "1,000"), ("order_management.max_order_value", "1e999"),
    ("order_management.max_order_value", 0.0000000001), ("account.cash", "9223372036.854775808"),
    ("order_management.enable_pre_trade_risk", 1), ("order_management.enable_pre_trade_risk", "true"),
    ("order_management.enable_order_audit", None), ("order_management.order_timeout_seconds", 0),
    ("order_management.order_timeout_seconds", "5 parsecs"),
    ("order_management.order_timeout_seconds", "0.1ns"),
    ("routing.default_algorithm", ""), ("routing.default_algorithm", 5), ("routing.venues.NYSE.kind", "dark"),
    ("routing.venues.NYSE.taker_fee", 1.5), ("routing.venues.NYSE.maker_fee", -1.5),
    ("routing.venues.NYSE.order_types", ["limti"]), ("routing.venues.NYSE.order_types", ["limit", "limit"]),
    ("routing.venues.NYSE.order_types", [["limit"]]), ("routing.venues.NYSE.order_types", "limit"),
    ("routing.venues.NYSE.order_types", []), ("routing.venues.NYSE.order_types", ["stop"]),
    ("routing.venues.NYSE.times_in_force", ["DAY"]), ("routing.venues.NYSE.times_in_force", "IOC"),
    ("routing.venues.NYSE.instructions", ["reduce_only"]), ("routing.venues.NYSE.instructions", [True]),
    ("routing.venues.NYSE.tick", 0), ("risk_controls.exposure_limits.default_sector_limit", "5ms"),
    ("risk_controls.execution_risk_limits.max_rejection_rate", 1.01),
    ("risk_controls.execution_risk_limits.max_rejection_rate", "101%"),
    ("analytics.benchmark_method", "vwop"), ("analytics.attribution_frequency", ["daily"]),
    ("analytics.enable_tca", 0),
    ("performance.memory_limit", "4X"), ("performance.memory_limit", "1k"), ("performance.cpu_affinity", []),
    ("performance.cpu_affinity", [1, 1]), ("performance.cpu_affinity", [-1]),
    ("performance.cpu_affinity", [True]),
    ("performance.cpu_affinity", "0-3"), ("journal.ring_bytes", 2**20 + 1),
    ("journal.durability", "sometimes"),
    ("journal.path", ""), ("journal.path", 5), ("journal.path", "a\0b"), ("account.currency", "usd"),
    ("mode", "live"), ("seed", -1), ("seed", 1.0), ("instruments", []), ("market.events_per_second", 0),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), BAD, ids=[f"{path}-{value!r}"[:60] for path, value in BAD])
def test_bad_values_name_path_value_and_expectation(path: str, value: Any) -> None:
    assert refused(path, value).value == value


@pytest.mark.parametrize(
    ("mapping", "path"),
    [
        ({"risk_controls": {"position_limits": {"aapl": 1}}}, "risk_controls.position_limits.aapl"),
        ({"account": {"opening_positions": {"": 1}}}, "account.opening_positions"),
        ({"routing": {"venues": {"NEW YORK": {"taker_fee": 0}}}}, "routing.venues.NEW YORK"),
        ({"routing": {"venues": {"NYSE": {}}}}, "routing.venues.NYSE"),
        ({"routing": {"venues": {}}}, "routing"),
        ({"routing": {"venues": {"A": {"taker_fee": 0, "enabled": False}}}}, "routing"),
        ({"routing": {"venues": {"A": {"taker_fee": 0}}, "dark_pools": {"A": {"cost_per_share": 0}}}},
        "routing"),
        ({"instruments": {"ACME": {"reference_price": -1}}}, "instruments.ACME.reference_price"),
        ({"instruments": {"ACME": {}}}, "instruments.ACME.reference_price"),
        ({"instruments": {"ACME": 5}}, "instruments.ACME"),
        ({"microstructure": {"liquidity_weights": dict.fromkeys(["spread", "depth", "resilience",
        "volume"], 0)}},
         "microstructure.liquidity_weights"),
        ({"risk_controls": {"position_limits": {7: 1}}}, "risk_controls.position_limits.7"),
        ({5: 1}, "5"),
    ],
)  # fmt: skip
def test_bad_names_and_combinations(mapping: dict[Any, Any], path: str) -> None:
    assert [p.path.rstrip(".") for p in problems(load_config, mapping)] == [path]


def test_risk_checks_are_off_in_paper_only() -> None:
    off: dict[str, Any] = {"order_management": {"enable_pre_trade_risk": False}}
    assert not load_config(off).order_management.enable_pre_trade_risk
    for mode in ("simulation", "production"):
        (problem,) = problems(load_config, {**off, "mode": mode})
        assert problem.path == "order_management.enable_pre_trade_risk"
        both = problems(load_config, {**off, "mode": mode, "seed": -1})
        assert {p.path for p in both} == {"order_management.enable_pre_trade_risk", "seed"}
        with pytest.raises(ValueError, match="risk_off"):
            ExecutionConfig.model_validate({**off, "mode": mode})


def test_all_problems_are_collected() -> None:
    mapping = {
        "order_management": {"max_order_value": True, "daily_order_limit": -1, "typo": 1},
        "routing": {"venues": {"NYSE": {"cost_per_share": NAN}, "ARCA": {"cost_per_share": "x"}}},
        "instruments": {"A": {"adv": 0}},
        "seed": "0",
    }
    found = problems(load_config, mapping)
    assert {p.path for p in found} == {
        "order_management.max_order_value", "order_management.daily_order_limit", "order_management.typo",
        "routing.venues.NYSE.cost_per_share", "routing.venues.ARCA.cost_per_share",
        "instruments.A.adv", "instruments.A.reference_price", "seed",
    }  # fmt: skip


# Units

GOOD = [
    ("order_management.order_timeout_seconds", ["250ms", 0.25, "0.25s", "250000us"], 0.25),
    ("order_management.order_timeout_seconds", ["1.5min", 90, "90s", Decimal(90)], 90.0),
    ("risk_controls.execution_risk_limits.max_execution_latency", ["100ms", 100, "0.1s", "100000us"], 100.0),
    ("routing.dark_pools.GOLDMAN.latency_us", ["250us", 250, "0.25ms", 250.0], 250.0),
    ("risk_controls.execution_risk_limits.max_rejection_rate", ["5%", 0.05, "500bps", "5.0 %"], 0.05),
    ("risk_controls.alert_thresholds.x", ["10%", 0.1], 0.1),
    ("performance.memory_limit", ["4G", 2**32, "4096M", "4GiB", "4GB", "4g"], 2**32),
    ("order_management.max_order_value", [1000000, 1e6, "1000000",
    "1e6", Decimal("1000000.00")], Decimal(10**6)),
    ("risk_controls.position_limits.default", [100, 100.0, Decimal(100)], 100),
    ("risk_controls.position_limits.XBT", [0.125, Decimal("0.1250")], Decimal("0.125")),
    ("account.opening_positions.AAPL", [-100, -100.0], -100),
]  # fmt: skip


@pytest.mark.parametrize(("path", "values", "expected"), GOOD, ids=[f"{g[0]}-{g[2]}" for g in GOOD])
def test_units_and_equal_forms_hash_equally(path: str, values: list[Any], expected: Any) -> None:
    hashes = set()
    for value in values:
        mapping = nested(path, value)
        if path.startswith("routing"):
            mapping["routing"]["dark_pools"]["GOLDMAN"]["cost_per_share"] = 0
        config = load_config(mapping)
        found: Any = config
        for key in path.split("."):
            found = found[key] if isinstance(found, dict) else getattr(found, key)
        assert found == expected
        assert type(found) is type(expected)
        hashes.add(config.config_hash())
    assert len(hashes) == 1


@settings(max_examples=150, deadline=None)
@given(st.integers(-(2**63) + 1, 2**63 - 1))
@example(2**63 - 1)
@example(2**53 - 1)
@example(2**23 * 10**9 - 1)
@example(100000000100000000)
def test_money_is_exact(e9: int) -> None:
    exact = Decimal(e9).scaleb(-9)
    assert money_e9(exact) == money_e9(format(exact, "f")) == e9
    as_float = float(exact)
    if abs(e9) < 2**23 * 10**9:  # neighbouring doubles are less than 1e-9 apart: each names one point of the grid
        assert money_e9(as_float) == e9


@pytest.mark.parametrize(
    "value", [True, NAN, INF, "x", "", None, 2**63, "9223372036.854775808", 1e-10, "1e-10", 1e300]
)
def test_money_refuses(value: Any) -> None:
    with pytest.raises(ValueError, match="expected an amount"):
        money_e9(value)


# Parts alone


def test_order_manager_takes_its_keys_and_sections() -> None:
    config = order_manager_config(
        {
            "max_order_value": 1000000,
            "daily_order_limit": 10000,
            "enable_pre_trade_risk": True,
            "risk_controls": {"order_limits": {"max_order_size": 500}},
            "account": {"cash": 5},
            "instruments": {"ACME": {"reference_price": "12.34"}},
            "seed": 3,
        }
    )
    assert config.order_management.max_order_value_e9 == 10**15
    assert config.risk_controls.order_limits.max_order_size == 500
    assert config.account.cash_e9 == 5 * 10**9
    assert config.catalog()["ACME"].reference_price_e9 == 12_340_000_000
    assert config.seed == 3
    assert order_manager_config(config) is config


def test_other_parts() -> None:
    assert risk_config({"alert_thresholds": {"x": 1}}).risk_controls.alert_thresholds == {"x": 1.0}
    assert risk_config({"position_limits": {"default": 5}, "account": {"cash": 1}}).account.cash == 1
    assert microstructure_config({"depth_levels": 5}).microstructure.depth_levels == 5
    dark = {"dark_pools": {"GOLDMAN": {"min_size": 500, "cost_per_share": 0.0008}}, "risk_controls": {}}
    assert router_config(dark).routing.dark_pools["GOLDMAN"].min_size == 500
    with pytest.raises(ValueError, match="no class takes the section 'journal' alone"):
        part_config("journal", {})


def test_paths_of_a_part_are_those_of_its_mapping() -> None:
    mapping = {
        "max_order_valu": 1,
        "max_order_value": True,
        "risk_controls": {"position_limits": {"AAPL": -1}},
        "jornal": 1,
    }
    found = {p.path: p.message for p in problems(order_manager_config, mapping)}
    assert set(found) == {"max_order_valu", "max_order_value", "risk_controls.position_limits.AAPL", "jornal"}
    assert found["jornal"] == "unknown key, did you mean 'journal'?"
    (whole,) = problems(order_manager_config, {"order_management": {}})
    assert "the keys of order_management stand here themselves" in whole.message
    wrong: list[Any] = [5, "x", []]
    for bad in wrong:
        assert problems(order_manager_config, bad)[0].message.startswith("expected a mapping")


# Files


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def to(text: str | bytes) -> Path:
        path = tmp_path / "engine.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return to


def message(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.yaml"):
        load_config(tmp_path / "nothing.yaml")


def test_problems_name_file_and_line(write: Any) -> None:
    path = write("execution:\n  seed: 1\n  order_management:\n    max_order_valu: 3\n")
    expected = "execution.order_management.max_order_valu: unknown key, did you mean 'max_order_value'?"
    assert message(path) == f"{path}: {expected} (line 4)"


def test_syntax_errors_name_file_line_and_column(write: Any) -> None:
    path = write("execution:\n  seed: [1\n  mode: x\n")
    assert message(path).startswith(f"{path}:3:7: not readable as YAML: while parsing a flow sequence, ")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("execution:\n  seed: 1\n  seed: 2\n", "execution.seed: occurs twice, on lines 2 and 3"),
        ("execution: {routing: {venues: {A: {taker_fee: 0}, A: {taker_fee: 1}}}}", "venues.A: occurs twice"),
        ("a: &a\n  b: *a\n", "nested too deeply"),
        ("- 1\n", "expected a mapping, was a list of 1"),
        ("5", "expected a mapping, was 5"),
        ("? [a]\n: 1\n", "expected a key that is text"),
        ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("seed: 1\n---\nseed: 2\n", "expected a single document"),
        ("seed: 9" + "0" * 5000, "seed: expected"),
        (b"\xff\xfe\xff", "engine.yaml"),
        (b"seed: \xe4\n", "engine.yaml"),
        ("x: " + "[" * 200 + "]" * 200, "nested too deeply"),
        (
            "\n".join(
                ["a0: &a0 [1]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
            ),
            "too large",
        ),
        ("account: {cash: .nan}", "account.cash: expected an amount"),
        ("order_management: {daily_order_limit: 010}", "was '010'"),
        ("order_management: {order_timeout_seconds: 0:30}", "was '0:30'"),
    ],
)
def test_bad_documents(write: Any, text: str | bytes, part: str) -> None:
    assert part in message(write(text))


def test_good_documents(write: Any) -> None:
    assert load_config(write("")) == load_config({})
    limits = load_config(write("risk_controls: {position_limits: {ON: 5, NO: 6, TRUE: 7, Y: 1_000}}"))
    assert limits.risk_controls.position_limits == {"NO": 6, "ON": 5, "TRUE": 7, "Y": 1000}
    assert load_config(write("account: {cash: 5e6}")).account.cash == 5_000_000
    assert (
        load_config(write("risk_controls: {alert_thresholds: {x: 1e-3}}")).risk_controls.alert_thresholds["x"]
        == 0.001
    )
    merged = "base: &b {cash: 7}\naccount: {<<: *b, currency: EUR}\n"
    assert [p.path for p in problems(load_config, write(merged))] == ["base"]
    assert load_config(write("account: {<<: {cash: 7}, currency: EUR}")).account.cash == 7


# Environment


def test_interpolation(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GM_CASH", "1234.5")
    monkeypatch.setenv("GM_DIR", "hidden-place")
    monkeypatch.setenv("GM_EMPTY", "")
    monkeypatch.delenv("GM_NONE", raising=False)
    config = load_config(
        write(
            "account: {cash: '${GM_CASH}', currency: '${GM_NONE:-EUR}'}\n"
            "journal:\n"
            "  path: ${GM_DIR}/day$$1\n"
            "  durability: ${GM_EMPTY:-group}\n"
            "  ring_bytes: ${GM_NONE:-16M}\n"
            "order_management:\n"
            "  enable_order_audit: ${GM_NONE:-false}\n"
            "  daily_order_limit: ${GM_NONE:-7}\n"
        )
    )
    assert (config.account.cash, config.account.currency) == (Decimal("1234.5"), "EUR")
    assert (config.journal.path, config.journal.durability) == ("hidden-place/day$1", "group")
    assert config.journal.ring_bytes == 2**24
    assert config.order_management.enable_order_audit is False
    assert config.order_management.daily_order_limit == 7
    for text in (repr(config), str(config), repr(config.journal)):
        assert "hidden-place" not in text
        assert "1234.5" not in text
        assert "<from the environment>" in text


def test_missing_variables_name_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GM_NONE", raising=False)
    found = problems(
        load_config, {"journal": {"path": "${GM_NONE}/x"}, "account": {"cash": "${GM_NONE}"}, "seed": "${"}
    )
    assert {p.path: p.message for p in found} == {
        "journal.path": "the environment variable GM_NONE is not set",
        "account.cash": "the environment variable GM_NONE is not set",
        "seed": "malformed placeholder, write ${NAME} or ${NAME:-default}",
    }


@pytest.mark.parametrize(
    "mapping",
    [
        {"account": {"cash": "${GM_SECRET}"}},
        {"account": "${GM_SECRET}"},
        {"performance": {"cpu_affinity": ["${GM_SECRET}"]}},
        {"risk_controls": {"position_limits": {"AAPL": "${GM_SECRET}"}}},
        {"instruments": {"ACME": {"reference_price": "${GM_SECRET}"}}},
        {"journal": {"durability": "${GM_SECRET}"}},
        {"routing": {"venues": ["${GM_SECRET}"]}},
        {"routing": {"venues": {"A": {"order_types": ["${GM_SECRET}"], "taker_fee": 0}}}},
        {"password": "${GM_SECRET}"},
    ],
)
def test_secrets_show_in_no_error(mapping: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GM_SECRET", "hunter2")
    with pytest.raises(ConfigError) as caught:
        load_config(mapping)
    error = caught.value
    assert "hunter2" not in str(error) + repr(error) + repr(error.errors)
    assert error.__suppress_context__


# Hash, schema, laziness


def test_hash_is_stable_and_says_what_decides(tmp_path: Path) -> None:
    base = load_config({"seed": 1})
    assert base.config_hash() == load_config({"seed": 1, "mode": "paper"}).config_hash()
    assert base.config_hash() == load_config({"seed": 1, "journal": {"path": str(tmp_path)}}).config_hash()
    assert base.config_hash() == load_config({"seed": 1, "performance": {"worker_threads": 2}}).config_hash()
    assert len(base.config_hash()) == 64
    different: list[dict[str, Any]] = [
        {"seed": 2},
        {"seed": 1, "account": {"cash": 1}},
        {"seed": 1, "routing": {"venues": {"A": {"taker_fee": 0}}}},
        {"seed": 1, "instruments": {"AAPL": {"reference_price": 151}}},
        {"seed": 1, "risk_controls": {"position_limits": {"AAPL": 5}}},
        {"seed": 1, "market": {"events_per_second": 21}},
        {"seed": 1, "simulation": {"latency": {}}},
        {"seed": 1, "simulation": {"faults": {"drop": 0.01}}},
        {"seed": 1, "simulation": {"faults": {"script": [{"message": "fill", "fault": "drop"}]}}},
    ]
    assert len({base.config_hash(), *(load_config(d).config_hash() for d in different)}) == 10


@pytest.mark.parametrize(
    ("simulation", "path", "said"),
    [
        ({"faults": {"dorp": 0.1}}, "faults.dorp", "did you mean 'drop'"),
        ({"faults": {"drop": 0.6, "lie": 0.6}}, "faults", "at most 1 together, one fault a message, was 1.2"),
        ({"faults": {"script": [{"message": "fill", "fault": "reject"}]}}, "faults.script.0", "of fill one of drop"),
        ({"faults": {"script": [{"message": "fill", "fault": "drop", "nmbr": 1}]}}, "faults.script.0.nmbr", "'number'"),
        ({"faults": {"script": [{"message": "oder", "fault": "drop"}]}}, "faults.script.0.message", "acknowledgement"),
        ({"faults": {"script": [{"message": "order", "fault": "drop"}] * 65}}, "faults.script", "at most 64"),
        ({"latency": {"jitter_us": 5, "distribution": "fixed"}}, "latency", "expected no jitter_us"),
        ({"latency": {"distribution": "normal"}}, "latency.distribution", "lognormal"),
        ({"latency": {"out": 5}}, "latency.out", "did you mean 'out_us'"),
    ],
)
def test_what_is_wrong_with_a_simulation_is_named(simulation: dict[str, Any], path: str, said: str) -> None:
    found = problems(load_config, {"simulation": simulation})
    assert [problem.path for problem in found] == [f"simulation.{path}"]
    assert said in found[0].message


@pytest.mark.parametrize("key", ["latency", "faults"])
def test_a_venue_in_another_process_has_no_simulated_latency_or_faults(key: str) -> None:
    venue = {"taker_fee": 0, "connection": "unix:a.sock", key: {}}
    found = problems(load_config, {"routing": {"venues": {"A": venue}}})
    assert "beside a connection" in found[0].message


def test_what_latency_leaves_out_follows_from_the_way_out() -> None:
    venues = {"A": {"taker_fee": 0, "latency_us": 100}, "B": {"taker_fee": 0, "latency": {"in_us": "1ms"}}}
    config = load_config({"routing": {"venues": venues}, "simulation": {"latency": {"jitter_us": 3}}})
    assert config.simulation.latency is not None
    assert config.simulation.latency.path(100_000) == {
        "out_ns": 100_000, "in_ns": 100_000, "feed_ns": 100_000, "jitter_ns": 3_000, "distribution": "exponential",
    }  # fmt: skip
    assert config.routing.venues["B"].latency is not None
    assert config.routing.venues["B"].latency.path(250_000) == {
        "out_ns": 250_000, "in_ns": 10**6, "feed_ns": 10**6, "jitter_ns": 0, "distribution": "fixed",
    }  # fmt: skip


def test_hash_ignores_the_order_of_keys() -> None:
    venues = {"A": {"taker_fee": 0, "priority": 1}, "B": {"priority": 1, "taker_fee": 0}}
    turned = {"B": {"taker_fee": 0, "priority": 1}, "A": {"priority": 1, "taker_fee": 0}}
    one, two = router_config({"venues": venues}), router_config({"venues": turned})
    assert one.config_hash() == two.config_hash()
    assert list(one.routing.venues) == list(two.routing.venues)


def test_hash_is_equal_in_another_process() -> None:
    code = "from grandmodel.execution.config import load_config; print(load_config({}).config_hash())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment("7")
    )
    assert done.stdout.strip() == load_config({}).config_hash()


def test_importing_the_package_imports_neither_pydantic_nor_yaml() -> None:
    code = (
        "import sys, grandmodel.execution, grandmodel.execution.instruments, grandmodel.execution.sessions\n"
        "assert not {'pydantic', 'yaml'} & set(sys.modules)\n"
        "import grandmodel.execution.config as c; c.load_config({}); assert 'yaml' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=_environment("0"))


def _environment(hash_seed: str) -> dict[str, str]:
    import os

    import grandmodel.execution

    source = str(Path(grandmodel.execution.__path__[0]).parents[1])
    return {**os.environ, "PYTHONPATH": source, "PYTHONHASHSEED": hash_seed}


def test_json_schema_covers_every_section() -> None:
    schema = ExecutionConfig.model_json_schema()
    assert set(schema["properties"]) == set(ExecutionConfig.model_fields)
    assert schema["additionalProperties"] is False
    assert "paper" in str(schema["properties"]["mode"])


def test_frozen() -> None:
    config = load_config({})
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 5
    assert pickle.loads(pickle.dumps(config)) == config


def test_symbols_that_no_instrument_has() -> None:
    mapping = {
        "risk_controls": {"position_limits": {"APPL": 5}, "exposure_limits": {"sectors": {"tecnology": 0.3}}},
        "account": {"opening_positions": {"MSFT": 1, "MFST": 1}},
    }
    assert [p.path for p in load_config(mapping).symbol_problems()] == [
        "risk_controls.position_limits.APPL",
        "account.opening_positions.MFST",
        "risk_controls.exposure_limits.sectors.tecnology",
    ]


JSONISH = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SECTIONS = st.sampled_from(sorted(ExecutionConfig.model_fields))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(SECTIONS, JSONISH, max_size=3))
def test_anything_is_read_or_refused_as_a_config_error(mapping: dict[str, Any]) -> None:
    try:
        outcome: ExecutionConfig | ConfigError = load_config(mapping)
    except ConfigError as refused:
        outcome = refused
    if isinstance(outcome, ConfigError):
        assert outcome.errors
        assert all(p.message for p in outcome.errors)
    else:
        assert len(outcome.config_hash()) == 64


def test_what_a_venue_takes_reaches_the_engine() -> None:
    """Capabilities are data: an order goes where it is taken, and is refused by name where nobody takes it."""
    rest = {"order_types": ["limit"], "times_in_force": [], "instructions": []}
    venues = {
        "REST": {"priority": 1, "cost_per_share": 0, **rest},
        "TAKE": {"priority": 2, "cost_per_share": 0.001, "times_in_force": ["IOC"]},
    }
    om = OrderManager({"routing": {"venues": venues}})
    market = {"symbol": "AAPL", "side": "buy", "quantity": 10, "order_type": "market"}
    limit = {**market, "order_type": "limit", "limit_price": 100.0}
    assert om.submit_order(limit).order.venue == "REST"
    assert om.submit_order({**limit, "post_only": True}).order.venue == "TAKE"
    assert om.submit_order({**limit, "time_in_force": "IOC"}).order.venue == "TAKE"
    assert om.submit_order(market).order.venue == "TAKE"
    with pytest.raises(OrderRejected) as caught:
        om.submit_order({**limit, "time_in_force": "FOK"})
    assert caught.value.reason is Reason.UNSUPPORTED


def test_an_iceberg_is_worked_by_the_engine_where_no_venue_takes_one() -> None:
    om = OrderManager({"routing": {"venues": {"A": {"cost_per_share": 0, "order_types": ["market", "limit"]}}}})
    iceberg = {"order_type": "iceberg", "limit_price": 100.0, "display_quantity": 100}
    ticket = om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 300, **iceberg})
    assert [om.get_order(child).quantity for child in om.explain(ticket).children] == [100]


def test_what_routing_does_not_learn_from_is_no_part_of_the_hash():
    plain = load_config({"mode": "simulation"}).config_hash()
    same = {"learning": {"half_life": 100}, "scoring": {"adverse_selection": 0}, "circuit_breaker": {"rejects": 25}}
    off = {"rejects": 0, "unanswered": 0, "disconnects": 0}
    hashes = {
        load_config({"mode": "simulation", "routing": {"circuit_breaker": {**off, **more}}}).config_hash()
        for more in ({}, {"cool_down_seconds": 5}, {"probe_size": 1})
    }
    assert len(hashes) == 1  # a breaker that is off decides nothing, whatever its other terms
    assert hashes != {plain}  # the one that is on by default does
    assert load_config({"mode": "simulation", "routing": same}).config_hash() == plain
    others = {"learning": {"half_life": 50}, "scoring": {"adverse_selection": 1}, "circuit_breaker": {"rejects": 3}}
    for other in ({name: terms} for name, terms in others.items()):
        assert load_config({"mode": "simulation", "routing": other}).config_hash() != plain


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("learning", "half_life", 0), ("learning", "half_lives", 3), ("scoring", "fill_probability", -1),
        ("scoring", "fill_probabilty", 1), ("scoring", "adverse_selection", math.nan),
        ("circuit_breaker", "rejects", -1), ("circuit_breaker", "probe_size", 0),
        ("circuit_breaker", "cool_down_seconds", 0), ("circuit_breaker", "reject", 1),
    ],
)  # fmt: skip
def test_wrong_learning_is_refused_by_name(section, key, value):
    with pytest.raises(ConfigError, match=key) as caught:
        load_config({"routing": {section: {key: value}}})
    if key in ("half_lives", "fill_probabilty", "reject"):
        nearest = {"half_lives": "half_life", "fill_probabilty": "fill_probability", "reject": "rejects"}[key]
        assert nearest in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, 51, math.nan, math.inf, True, "fast"])
def test_a_wrong_rate_of_the_dashboard_is_refused_by_name(value):
    with pytest.raises(ConfigError, match="updates_per_second"):
        load_config({"service": {"updates_per_second": value}})
