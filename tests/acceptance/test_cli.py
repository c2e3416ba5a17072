"""`gmexec` as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

KEYS = {
    "messages", "messages_per_second", "children", "fills", "executed_quantity", "average_price", "arrival_price",
    "market_vwap", "implementation_shortfall_bps", "delay_bps", "trading_bps", "opportunity_bps", "fees_bps",
    "fill_rate", "journal_sha256",
}  # fmt: skip


def gmexec(*arguments, ok=True):
    done = subprocess.run(
        [sys.executable, "-c", "from grandmodel.execution.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is ok, done.stderr
    return done


def test_run_prints_a_table_of_what_each_execution_cost():
    out = gmexec("run").stdout
    for word in ("vwap", "twap", "is", "AAPL", "total", "delay", "fees", "journal sha256"):
        assert word in out
    assert all(len(line.rstrip()) <= 80 for line in out.splitlines())


def test_run_twice_with_one_seed_gives_one_journal_and_another_seed_another():
    first, second, other = (json.loads(gmexec("run", "--json", "--seed", seed).stdout) for seed in (4, 4, 5))
    assert first["journal_sha256"] == second["journal_sha256"] != other["journal_sha256"]
    assert {order["algorithm"] for order in first["orders"]} == {"vwap", "twap", "implementation_shortfall", "market"}
    for order in first["orders"]:
        parts = sum(order[name] for name in ("delay_bps", "trading_bps", "opportunity_bps", "fees_bps"))
        assert parts == pytest.approx(order["implementation_shortfall_bps"], abs=1e-9)


def test_the_journal_of_a_run_can_be_kept_and_verified(tmp_path):
    from grandmodel.execution._core.journal import verify

    path = tmp_path / "day.gmj"
    report = json.loads(gmexec("run", "--json", "--journal", path).stdout)
    found = verify(path)
    assert found["records"] == report["journal_records"]
    assert found["sha256"] == report["journal_sha256"]
    assert "there already" in gmexec("run", "--json", "--journal", path, ok=False).stderr


def test_replay_of_the_hand_made_day(hand_day):
    messages, books = hand_day
    arguments = (
        "replay", "--messages", messages, "--orderbook", books, "--side", "sell", "--quantity", 100,
        "--algorithm", "market", "--start", "09:30:05", "--duration-minutes", 5,
    )  # fmt: skip
    report = json.loads(gmexec(*arguments, "--json").stdout)
    assert report.keys() >= KEYS
    text = gmexec(*arguments).stdout
    for word in ("messages", "average price", "market VWAP", "implementation shortfall", "delay", "did not react"):
        assert word in text
    assert report["journal_sha256"] in text
    assert all(len(line) <= 80 for line in text.splitlines())
    far = json.loads(gmexec(*arguments, "--json", "--latency-us", 250, "--jitter-us", 20).stdout)
    assert far["messages"] == report["messages"]
    assert far["journal_sha256"] != report["journal_sha256"]
    assert "simulation.latency.out_us" in gmexec(*arguments, "--latency-us", -1, ok=False).stderr


def test_a_child_that_ends_by_being_looked_at(amzn_files):
    """The market lives on when somebody looks: what trades in that very moment ends the child under the look."""
    named = ("--messages", amzn_files[0], "--orderbook", amzn_files[1], "--side", "buy", "--quantity", 5000)
    done = gmexec("replay", *named, "--algorithm", "iceberg", "--set", "display_quantity=100", "--json")
    assert json.loads(done.stdout)["executed_quantity"] == 5000
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("given", "algorithm"),
    [
        (("--algorithm", "pov", "--participation-rate", 0.5, "--set", "interval_seconds=1"), "pov"),
        (("--algorithm", "iceberg", "--set", "display_quantity=10", "--set", "at=touch"), "iceberg"),
        (("--algorithm", "vwap", "--set", "dynamic=true", "--set", "curve=1/2/1"), "vwap"),
        (("--algorithm", "is", "--risk-aversion", 0.9), "implementation_shortfall"),
    ],
)
def test_replay_with_any_algorithm_and_its_parameters(hand_day, given, algorithm):
    named = ("--messages", hand_day[0], "--orderbook", hand_day[1], "--side", "sell", "--quantity", 100)
    done = gmexec("replay", *named, "--start", "09:30:05", "--duration-minutes", 5, *given, "--json")
    assert json.loads(done.stdout)["algorithm"] == algorithm


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--algorithm", "wvap"), "did you mean 'vwap'"),
        (("--algorithm", "twap", "--risk-aversion", 0.5), "risk_aversion"),
        (("--set", "dynamic"), "--set 'dynamic' must be KEY=VALUE"),
        (("--set", "dynamic=7"), "dynamic is 7, must be True or False"),
    ],
)
def test_replay_names_the_parameter_that_is_wrong(hand_day, given, message):
    named = ("--messages", hand_day[0], "--orderbook", hand_day[1], "--side", "sell", "--quantity", 100)
    named += ("--start", "09:30:05", "--duration-minutes", 5)
    assert message in gmexec("replay", *named, *given, ok=False).stderr


def test_the_help_lists_every_algorithm():
    from grandmodel.execution.cli import ALGORITHM_NAMES
    from grandmodel.execution.routing.algorithms import ALGORITHMS

    ours = [name for name, each in ALGORITHMS.items() if each.__module__.startswith("grandmodel.execution.routing.alg")]
    assert ALGORITHM_NAMES.split(", ") == ours


def test_replay_of_the_amzn_day_as_in_the_documentation(amzn_files):
    messages, books = amzn_files
    report = json.loads(gmexec(
        "replay", "--format", "lobster", "--messages", messages, "--orderbook", books, "--symbol", "AMZN",
        "--side", "buy", "--quantity", 5000, "--algorithm", "vwap", "--start", "10:00", "--duration-minutes", 60,
        "--json",
    ).stdout)  # fmt: skip
    assert report.keys() >= KEYS
    assert report["messages"] == 155_935
    parts = sum(report[name] for name in ("delay_bps", "trading_bps", "opportunity_bps", "fees_bps"))
    assert parts == pytest.approx(report["implementation_shortfall_bps"], abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--messages", "missing_2012-06-21_1_2_message_5.csv", "--side", "buy", "--quantity", "1"], "no such file"),
        (["--messages", "HAND", "--side", "up", "--quantity", "1"], "'up'"),
        (["--messages", "HAND", "--side", "buy", "--quantity", "0"], "--quantity"),
        (["--messages", "HAND", "--side", "buy", "--quantity", "1", "--start", "noon"], "noon"),
        (["--messages", "HAND", "--side", "buy", "--quantity", "1", "--algorithm", "wvap"], "wvap"),
        (["--messages", "HAND", "--side", "buy", "--quantity", "1", "--duration-minutes", "nan"], "duration_minutes"),
        (["--messages", "HAND", "--side", "buy", "--quantity", "1", "--participation-rate", "2"], "participation_rate"),
        (["--messages", "HAND", "--side", "buy", "--quantity", "1", "--urgency", "now"], "'now'"),
        (["--messages", "HAND", "--side", "buy", "--quantity", "1", "--take-fee", "nan"], "--take-fee"),
        (["--messages", "HAND", "--side", "buy", "--quantity", "1", "--limit-price", "nan"], "limit_price"),
        (["--messages", "HAND", "--side", "buy", "--quantity", "1", "--journal", "HAND"], "is a file; a journal is"),
    ],
)
def test_wrong_arguments_are_one_clear_line_and_status_2(arguments, message, hand_day):
    named = [str(hand_day[0]) if each == "HAND" else each for each in arguments]
    done = gmexec("replay", *named, "--orderbook", hand_day[1], ok=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_depth_limited_file_alone_is_refused(hand_day):
    done = gmexec("replay", "--messages", hand_day[0], "--side", "buy", "--quantity", "1", ok=False)
    assert "--orderbook" in done.stderr


def test_a_cut_line_is_named_with_its_file_and_line(tmp_path, hand_day):
    lines = hand_day[0].read_text().splitlines()
    lines[2] = lines[2].rsplit(",", 2)[0]
    broken = tmp_path / hand_day[0].name
    broken.write_text("\n".join(lines))
    done = gmexec("replay", "--messages", broken, "--side", "buy", "--quantity", "1", ok=False)
    assert "line 3" in done.stderr
    assert broken.name in done.stderr


def test_help_is_worth_reading():
    out = gmexec("--help").stdout
    assert "run" in out
    assert "replay" in out
    assert "synthetic trading day" in gmexec("run", "--help").stdout


BAD_CONFIG = "execution: {sed: 1, routing: {venues: {A: {priorty: 1}}}}"
TIGHT = "execution: {risk_controls: {order_limits: {daily_notional: 100000}}}"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (BAD_CONFIG, ("did you mean 'seed'", "did you mean 'priority'")),  # every problem, not only the first
        (TIGHT, ("daily_trading_limit",)),
        ("execution: {account: {opening_positions: {NOSUCH: 1}}}", ("NOSUCH",)),
        ("execution: {journal: {durability: never}}", ("durability",)),
        ("a: [", ("not readable as YAML",)),
        (None, ("No such file",)),
    ],
)
def test_a_configuration_that_is_refused_is_said_without_a_traceback(tmp_path, text, messages):
    path = tmp_path / "engine.yaml"
    if text is not None:
        path.write_text(text)
    done = gmexec("run", "--config", path, ok=False)
    assert done.returncode == 2
    assert done.stderr.startswith("gmexec: ")
    assert "Traceback" not in done.stderr
    for message in messages:
        assert message in done.stderr


def test_a_fault_of_the_engine_keeps_its_traceback(monkeypatch):
    from grandmodel.execution import cli

    def broken():
        raise AssertionError("a bug")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(AssertionError, match="a bug"):
        cli.main()


def test_compare_says_what_each_way_costs(tmp_path):
    orders = tmp_path / "orders.csv"
    orders.write_text("symbol,side,quantity,start\nAAPL,buy,500,10:00\nMSFT,sell,400,10:30\n")
    ways = ["--way", "market", "--way", "twap:slice_duration=1"]
    done = gmexec("compare", "--orders", orders, *ways, "--seeds", 2, "--duration-minutes", 5, "--json")
    market, twap = json.loads(done.stdout)["ways"]
    assert (market["label"], market["runs"], twap["label"]) == ("market", 4, "twap:slice_duration=1")
    assert twap["difference"]["verdict"] == "too few samples"
    table = gmexec(
        "compare", "--symbol", "AAPL", "--quantity", 500, *ways, "--seeds", 2, "--duration-minutes", 5
    ).stdout  # fmt: skip
    assert "2 runs a way, 2 independent synthetic days" in table
    assert max(map(len, table.splitlines()[:3])) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--symbol", "AAPL", "--quantity", 10, "--way", "twp"], "did you mean 'twap'"),
        (["--symbol", "AAPL", "--quantity", 10, "--way", "twap:x"], "'x' must be KEY=VALUE"),
        (["--symbol", "AAPL", "--quantity", 10, "--way", "twap:slice_duration=0"], "slice_duration"),
        (["--symbol", "AAPL"], "--quantity is missing"),
        (["--quantity", 10], "--symbol is missing"),
    ],
)
def test_compare_names_what_is_wrong(arguments, message):
    assert message in gmexec("compare", *arguments, ok=False).stderr
