"""`gmexec journal`: what is shown of a journal and what is not, and its records as tables."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest
from support import make_core, order, resting

from grandmodel.execution import JournalError, OrderRejected
from grandmodel.execution import journal_command as command
from grandmodel.execution._core.journal import iterate
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.events import JournalReader
from grandmodel.execution.records_view import JournalNames, RecordView, type_of

START_NS = 1_735_828_200_000_000_000  # 2025-01-02 09:30 in New York


class Opened:
    """A running engine's journal with the face of a file's."""

    def __init__(self, core):
        self._journal = core.journal
        self.path = "day.gmj"

    @property
    def head(self):
        return self._journal.head

    def read(self, position, size):
        return self._journal.read(position, size)


@pytest.fixture
def day():
    """A core, its gate and its clock after one order of every fate, the last of them a day later."""
    clock = SimulatedClock(START_NS)
    core, gate = make_core(clock=clock, events_per_second=0.001)
    gate.submit_order(order(strategy="alpha"))
    core.cancel(gate.submit_order(resting(symbol="MSFT", limit_price=280.0)).order_id)
    for wrong in (order(quantity=2_000_000), order(symbol="APPL")):
        with pytest.raises(OrderRejected):
            gate.submit_order(wrong)
    parent = core.submit_parent(order(quantity=1000), "twap")
    core.submit_child(parent.order_id, 100)
    core.submit_child(parent.order_id, 50, 140 * 10**9, time_in_force="IOC")
    core.close_parent(parent.order_id)
    clock.advance_to(START_NS + 86_400 * 10**9)
    gate.submit_order(resting(client_order_id="mine"))
    return core, gate, clock


@pytest.fixture
def gmexec(day, monkeypatch, capsys):
    """Runs `gmexec journal ...` over that core's journal: (status, lines of stdout, stderr)."""
    from grandmodel.execution import cli

    monkeypatch.setattr(command, "_open", lambda path: Opened(day[0]))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["gmexec", "journal", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run


def shown(result):
    status, lines, err = result
    assert (status, err) == (0, "")
    return [json.loads(line) for line in lines]


def everything(core):
    return [(event.event_type, event.payload) for event in JournalReader(core).poll()]


def test_all_records_are_shown_as_the_events_have_them(day, gmexec):
    found = shown(gmexec("show", "day.gmj", "--json"))
    expected = everything(day[0])
    assert [(row["type"], row["sequence"], row.get("order_id")) for row in found] == [
        (kind, payload["sequence"], payload.get("order_id")) for kind, payload in expected
    ]
    assert [row.get("symbol") for row in found] == [payload.get("symbol") for _, payload in expected]
    assert found[0]["time"] == "2025-01-02T09:30:00-05:00"
    assert found[-1]["time"] == "2025-01-03T09:30:00-05:00"


def test_names_of_the_log_are_those_of_the_engine(day):
    core = day[0]
    names = JournalNames()
    view, engines = RecordView(names), RecordView(core)
    for _, kind, record in iterate(core.journal.read(0)):
        if kind == 1:
            names.learn(record["row"])
        assert repr(view.payload(kind, record)) == repr(engines.payload(kind, record))
        assert type_of(kind, record["row"])
    assert JournalNames().symbol_text(7) == "symbol#7"
    assert JournalNames().tag_text(0) is None


def test_lines_are_readable_at_80_columns(gmexec):
    status, lines, err = gmexec("show", "day.gmj")
    assert (status, err) == (0, "")
    assert all(len(line) <= 80 for line in lines)
    text = "\n".join(lines)
    assert lines[0] == "2025-01-02 (America/New_York)"
    assert "2025-01-03 (America/New_York)" in lines
    for words in (
        "NAME_DEFINED          - symbol 0 is AAPL", "SUBMITTED             1 buy 100 AAPL market DAY",
        "CANCEL_REQUESTED      2 100 open at", "CANCELED              2 MSFT", "order_size_limit", "symbol is wrong",
        "buy 1000 AAPL market DAY by twap", "PARENT_CLOSED         5", "buy 100 AAPL @", "@ 140.00",
    ):  # fmt: skip
        assert words in text, words
    assert "nan" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--type", "ORDER_FILLED"), lambda kind, p: kind == "ORDER_FILLED"),
        (("--type", "filled", "--type", "ORDER_REFUSED"), lambda kind, p: kind in ("ORDER_FILLED", "ORDER_REFUSED")),
        (("--order", 2), lambda kind, p: p.get("order_id") == 2),
        (("--order", 5), lambda kind, p: p.get("order_id") in (5, 6, 7)),  # the parent's children too
        (("--order", 5, "--type", "ROUTED"), lambda kind, p: kind == "ORDER_ROUTED" and p["order_id"] in (5, 6, 7)),
        (("--order", 3), lambda kind, p: p.get("order_id") == 3),  # a refused one
        (("--symbol", "MSFT"), lambda kind, p: p.get("order_id") == 2 or p.get("text") == "MSFT"),
        (("--symbol", "MSFT", "--order", 2), lambda kind, p: p.get("symbol") == "MSFT" or (
            kind in ("ORDER_ROUTED", "CANCEL_REQUESTED") and p["order_id"] == 2)),
        (("--since", "2025-01-03"), lambda kind, p: p["time_ns"] > START_NS),
        (("--since", "2025-01-03T14:30:00Z"), lambda kind, p: p["time_ns"] > START_NS),
        (("--until", "2025-01-02T09:30:00.000001"), lambda kind, p: p["time_ns"] == START_NS),
        (("--since", "2025-01-02T09:30", "--until", "2025-01-02T09:30"), lambda kind, p: False),
    ],
)  # fmt: skip
def test_options_narrow_what_is_shown(day, gmexec, options, wanted, monkeypatch):
    expected = [payload["sequence"] for kind, payload in everything(day[0]) if wanted(kind, payload)]
    assert [row["sequence"] for row in shown(gmexec("show", "day.gmj", "--json", *options))] == expected
    assert [row["sequence"] for row in shown(gmexec("show", "day.gmj", "--json", "--last", 2, *options))] == (
        expected[-2:]
    )


def test_pieces_do_not_part_a_decision_from_its_order(day, gmexec, monkeypatch):
    core = day[0]
    expected = shown(gmexec("show", "day.gmj", "--json", "--symbol", "AAPL"))
    for size in (384, 512, 640, 1024):

        def read(self, position, wanted, size=size):
            return core.journal.read(position, min(size, wanted))

        monkeypatch.setattr(Opened, "read", read)
        assert shown(gmexec("show", "day.gmj", "--json", "--symbol", "AAPL")) == expected


def test_follow_goes_on_until_it_is_stopped(day, gmexec, monkeypatch):
    core, gate, _ = day
    turns = []

    def wait():
        turns.append(len(turns))
        if len(turns) == 3:
            raise KeyboardInterrupt
        if len(turns) == 2:
            gate.submit_order(order(symbol="JPM"))

    monkeypatch.setattr(command, "_wait", wait)
    found = shown(gmexec("show", "day.gmj", "--json", "--follow", "--last", 1, "--symbol", "JPM"))
    new = core.orders.next_id - 1
    assert [row["type"] for row in found] == [
        "NAME_DEFINED", "ORDER_ROUTED", "ORDER_SUBMITTED", "ORDER_ACKNOWLEDGED", "ORDER_FILLED",
    ]  # fmt: skip
    assert {row["order_id"] for row in found[1:]} == {new}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--order", 99), "no order of this journal has the id 99"),
        (("--symbol", "APPL"), "--symbol is 'APPL', must be one of this journal's: AAPL, JPM, MSFT"),
        (("--type", "FILED"), "--type is 'FILED', must be one of"),
        (("--since", "noon"), "--since is 'noon', must be an ISO time such as"),
        (("--until", "2025-03-09T02:30"), "does not exist in America/New_York"),
        (("--last", 0), "--last"),
        (("--order", "x"), "--order"),
    ],
)
def test_what_cannot_be_is_one_clear_line_and_status_2(gmexec, arguments, message):
    status, _, err = gmexec("show", "day.gmj", *arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in err


def test_a_file_that_is_no_journal(gmexec, monkeypatch):
    def refused(path):
        raise JournalError(f"{path}: not a journal")

    monkeypatch.setattr(command, "_open", refused)
    for arguments in (("show", "x.gmj"), ("export", "x.gmj", "--to", "out")):
        assert gmexec(*arguments) == (2, [], "gmexec: x.gmj: not a journal\n")


# ---- export


def counts(core):
    kinds = [kind for _, kind, _ in core.journal.scan()]
    names = {1: "names", 2: "orders", 3: "decisions", 4: "reports", 5: "refusals", 6: "requests", 7: "balances"}
    return {table: kinds.count(kind) for kind, table in names.items()}


def test_export_to_text(day, gmexec, tmp_path):
    core = day[0]
    for form, ending in (("csv", "csv"), ("json", "jsonl")):
        folder = tmp_path / form
        for _ in range(2):  # again takes the place of what is there
            status, lines, err = gmexec("export", "day.gmj", "--to", folder, "--format", form)
            assert (status, err, lines[-1]) == (0, "", f"written to {folder}")
        assert {path.name for path in folder.iterdir()} == {f"{table}.{ending}" for table in counts(core)}
    for table, count in counts(core).items():
        with (tmp_path / "csv" / f"{table}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        objects = [json.loads(line) for line in (tmp_path / "json" / f"{table}.jsonl").read_text().splitlines()]
        assert len(rows) == len(objects) == count
        for row, each in zip(rows, objects, strict=True):
            assert row == {name: "" if value is None else str(value) for name, value in each.items()}
    orders = [json.loads(line) for line in (tmp_path / "json" / "orders.jsonl").read_text().splitlines()]
    assert [row["limit_price_e9"] for row in orders] == [None, 280 * 10**9, None, None, 140 * 10**9, 140 * 10**9]
    assert [row["day"] for row in orders][-2:] == ["2025-01-02", "2025-01-03"]


def test_export_to_parquet(day, gmexec, tmp_path):
    pytest.importorskip("duckdb", reason="duckdb is not installed (extra 'analytics')")
    from grandmodel.execution.analytics.archive import query

    status, lines, err = gmexec("export", "day.gmj", "--to", tmp_path)
    assert (status, err) == (0, "")
    assert lines[-1] == f"written to {tmp_path}"
    for table, count in counts(day[0]).items():
        assert query(tmp_path, f"SELECT count(*) AS n FROM {table}") == [{"n": count}]


def test_export_without_duckdb_says_what_to_install(gmexec, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    status, _, err = gmexec("export", "day.gmj", "--to", tmp_path)
    assert status == 2
    assert err == "gmexec: the archive needs DuckDB: pip install 'grandmodel-execution[analytics]'\n"


def test_a_terminal_gets_a_bar_and_a_pipe_does_not(monkeypatch):
    with command._progress("export") as progress:
        assert progress is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with command._progress("export") as progress:
        progress(1, 2)


def test_help_has_examples_and_the_command_loads_little():
    code = (
        "import sys; from grandmodel.execution import cli\n"
        "print([m for m in ('rich', 'yaml', 'duckdb', 'numpy', 'asyncio') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    for name in ("show", "export"):
        done = subprocess.run(
            [sys.executable, "-c", "from grandmodel.execution.cli import main; main()", "journal", name, "--help"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "Example" in done.stdout
        assert f"gmexec journal {name} day.gmj" in done.stdout


# ---- a day lived again


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    """A basket day by the command line: its journal and its capture."""
    from grandmodel.execution import cli

    folder = tmp_path_factory.mktemp("captured")
    with pytest.MonkeyPatch.context() as patch:
        kept = ["--journal", str(folder / "day.gmj"), "--capture", str(folder / "day.gmc")]
        patch.setattr(sys, "argv", ["gmexec", "run", "--seed", "3", *kept, "--json"])
        with pytest.raises(SystemExit) as end:
            cli.main()
    assert not end.value.code
    return folder / "day.gmj", folder / "day.gmc"


@pytest.fixture
def replayed(captured, monkeypatch, capsys):
    """Runs `gmexec journal replay` over that day: (status, stdout, stderr)."""
    from grandmodel.execution import cli

    def run(*arguments, journal=captured[0], capture=captured[1]):
        given = ["gmexec", "journal", "replay", str(journal), "--capture", str(capture), *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", given)
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        return status, *capsys.readouterr()

    return run


def test_replay_says_that_all_is_the_same(replayed):
    status, out, err = replayed()
    assert (status, err) == (0, "")
    assert "decisions, all the same, byte for byte" in out
    assert "the recorded one" in out
    assert max(map(len, out.splitlines())) <= 80
    status, out, _ = replayed("--json")
    told = json.loads(out)
    assert (status, told["same"], told["differences"]) == (0, True, [])


def test_replay_under_another_configuration_lists_what_differs(replayed, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("execution: {mode: simulation, risk_controls: {order_limits: {max_order_size: 400}}}\n")
    status, out, err = replayed("--config", other)
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "other.yaml, not the recorded one" in out
    assert "refused: order_size" in out
    assert "Note: " in out
    told = json.loads(replayed("--config", other, "--json")[1])
    assert told["counts"] == {"refused": len(told["differences"])}
    assert f"{len(told['differences'])} of" in out
    assert {each["quantity"] > 400 for each in told["differences"]} == {True}


def test_replay_of_what_cannot_be_lived_again(replayed, captured, tmp_path):
    status, out, err = replayed(capture=tmp_path / "none")
    assert (status, out) == (2, "")
    assert "none: cannot be read" in err
    cut = tmp_path / "cut.gmc"
    raw = captured[1].read_bytes()
    cut.write_bytes(raw[: len(raw) // 2])
    status, out, err = replayed(capture=cut)
    assert status == 2
    assert "the capture ends at feed" in out.replace("\n      ", " ")
    broken = tmp_path / "broken.gmc"
    broken.write_bytes(raw[:90_000] + bytes([raw[90_000] ^ 1]) + raw[90_001:])
    status, out, err = replayed(capture=broken)
    assert (status, out) == (2, "")
    assert "are not what was written" in err


def test_a_day_that_is_not_the_same_has_status_1(replayed, monkeypatch):
    from grandmodel.execution.simulation import reexecution

    monkeypatch.setattr(reexecution, "_sha256", lambda log: "0" * 64)
    status, out, _ = replayed()
    assert status == 1
    assert "but the new log or the state that it leaves" in out


def test_a_capture_without_a_journal_is_refused(monkeypatch, capsys, tmp_path):
    from grandmodel.execution import cli

    monkeypatch.setattr(sys, "argv", ["gmexec", "run", "--capture", str(tmp_path / "c")])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert "--capture needs --journal" in capsys.readouterr().err


def test_every_kind_of_record_is_shown(tmp_path):
    """Latches, limits, lists, trails: what has no symbol of its own is a line too."""
    from typer.testing import CliRunner

    from grandmodel.execution import OrderManager
    from grandmodel.execution.cli import app

    path = tmp_path / "log"
    om = OrderManager({"journal": {"path": str(path)}})
    quote = om.quote("AAPL")
    sell = {"symbol": "AAPL", "side": "sell", "quantity": 10}
    om.submit_order({**sell, "order_type": "trailing_stop", "trailing_bps": 50})
    low, high = round(quote.bid - 9, 2), round(quote.ask + 9, 2)
    om.submit_order_list([{**sell, "order_type": "limit", "limit_price": high},
                          {**sell, "order_type": "stop", "stop_price": low}], "oco")  # fmt: skip
    om.reload_limits({"order_limits": {"max_order_size": 500}}, who="anna", why="a test")
    om.kill("symbol:MSFT", "a test")
    om.close()
    shown = CliRunner().invoke(app, ["journal", "show", str(path)])
    assert shown.exit_code == 0, shown.output
    for word in ("symbol:MSFT", "max_order_size", "anna"):
        assert word in shown.output
