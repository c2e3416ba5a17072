"""The archive: the log's own values come back, a second run changes nothing, a crash leaves no half file."""

from __future__ import annotations

import sys
from datetime import date, datetime

import numpy as np
import pytest
from support import START_NS, make_core, order, resting

from grandmodel.execution import JournalError, OrderRejected
from grandmodel.execution._core.journal import Journal, iterate
from grandmodel.execution._core.records import NO_PRICE, RECORD_DTYPES
from grandmodel.execution.analytics import archive as module
from grandmodel.execution.analytics.archive import ArchiveError, MissingExtraError, archive, open_archive, query
from grandmodel.execution.analytics.tables import TABLES, columns, exchange_days
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.records_view import JournalNames, RecordView
from grandmodel.execution.sessions import session_date

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed (extra 'analytics')")

DAY_NS = 86_400_000_000_000
REPORT = 4


def day(core, gate, orders=4):
    for number in range(orders):
        gate.submit_order(order(strategy="alpha", tags="open"))
        core.cancel(gate.submit_order(resting(client_order_id=f"rest-{core.orders.next_id}-{number}")).order_id)
    with pytest.raises(OrderRejected):
        gate.submit_order(order(quantity=2_000_000))
    with pytest.raises(OrderRejected):
        gate.submit_order(order(symbol="APPL"))
    parent = core.submit_parent(order(quantity=1000), "twap")
    core.submit_child(parent.order_id, 100)
    core.close_parent(parent.order_id)


def two_days():
    """A core whose log has records of two days in New York, with 02:00 UTC of the second still on the first."""
    clock = SimulatedClock(START_NS)
    core, gate = make_core(clock=clock, events_per_second=0.001)
    day(core, gate)
    for ahead in (DAY_NS // 2, DAY_NS):
        clock.advance_to(START_NS + ahead)
        day(core, gate, 2)
    return core, gate


def whole(folder, table):
    return query(folder, f"SELECT * FROM {table} ORDER BY sequence")


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def test_every_value_of_the_log_comes_back(tmp_path):
    core, _ = two_days()
    report = archive(core.journal, tmp_path)
    assert (report.records, report.nbytes) == (core.journal.records, core.journal.head)
    expected: dict[int, list] = {}
    for _, kind, record in iterate(core.journal.read(0)):
        expected.setdefault(kind, []).append(record)
    for kind, table in TABLES.items():
        found = whole(tmp_path, table)
        records = expected.get(kind, [])
        assert len(found) == len(records) == report.rows.get(table, 0)
        for row, record in zip(found, records, strict=True):
            same_row(row, record)


def same_row(row, record):
    assert row["sequence"] == int(record["header"]["commit"]) & 0xFFFFFFFFFFFF
    assert row["time_ns"] == record["header"]["time_ns"]
    assert row["day"] == session_date(row["time_ns"])
    fields = record["row"]
    for name in fields.dtype.names:
        raw = fields[name]
        column = next((f"{name}{end}" for end in ("_number", "_code", "_mask") if f"{name}{end}" in row), name)
        if raw.ndim:
            assert [row[f"{name}_{k}"] for k in range(raw.size)] == raw.tolist()
        elif name.endswith(("_lo", "_hi")):
            high, low = int(fields[f"{name[:-3]}_hi"]), int(fields[f"{name[:-3]}_lo"])
            assert int(row[f"{name[:-3]}_e9"]) == (high << 64) + low
        elif raw.dtype.kind == "S":
            assert (row[name] or "") == raw.decode()
        elif row[column] is None:
            assert raw in (NO_PRICE, 0) or name == "runner_up_score"
        else:
            assert row[column] == raw.item()


def test_words_are_those_of_the_payloads(tmp_path):
    core, _ = two_days()
    archive(core.journal, tmp_path)
    view = RecordView(core)
    payloads = {}
    for _, kind, record in iterate(core.journal.read(0)):
        payloads.setdefault(TABLES[kind], []).append(view.payload(kind, record))
    fields = {
        "orders": ("symbol", "venue", "side", "order_type", "time_in_force", "strategy", "algorithm", "tag",
                   "parent_id", "client_order_id", "display_quantity", "limit_price_e9", "arrival_mid_e9", "urgency"),
        "reports": ("symbol", "venue", "side", "status", "liquidity", "price_e9", "bid_e9", "ask_e9"),
        "decisions": ("venue", "runner_up", "bid_venue", "ask_venue", "expected_price_e9", "score"),
        "refusals": ("symbol", "side", "order_type", "parent_id", "price_e9"),
        "requests": ("venue", "status"),
        "names": ("kind", "text"),
    }  # fmt: skip
    for table, names in fields.items():
        for row, payload in zip(whole(tmp_path, table), payloads[table], strict=True):
            for name in names:
                told = payload["score_bps" if name == "score" else name]
                assert row[name] == (None if told is None else told), (table, name)
    refused = whole(tmp_path, "refusals")
    assert [row["failed_checks"] for row in refused[:2]] == ["order_size_limit", None]
    assert [row["failed_fields"] for row in refused[:2]] == [None, "symbol"]
    assert [row["reason"] for row in refused[:2]] == ["RISK", "INVALID"]
    assert {row["kind"] for row in whole(tmp_path, "requests")} == {"CANCEL", "CLOSE_PARENT"}
    assert {row["instructions"] for row in whole(tmp_path, "orders")} == {None, "parent", "child"}


def test_days_are_new_yorks(tmp_path):
    core, _ = two_days()
    files = archive(core.journal, tmp_path).files
    assert [path for path in files if path.startswith("orders/")] == [
        "orders/2025-01-02.journal.parquet", "orders/2025-01-03.journal.parquet",
    ]  # fmt: skip
    late = query(tmp_path, "SELECT DISTINCT day FROM orders WHERE time = TIMESTAMP_NS '2025-01-03 02:30:00'")
    assert late == [{"day": date(2025, 1, 2)}]
    one = tmp_path / "one"
    assert {path for path in archive(core.journal, one, by_day=False).files if "orders" in path} == {
        "orders/journal.parquet"
    }
    assert whole(one, "orders") == whole(tmp_path, "orders")


def test_exchange_days_over_changes_of_the_clock():
    instants = np.array(
        [start + step for start in (1_741_480_000, 1_762_000_000, 0, -1) for step in range(0, 200_000, 1777)], np.int64
    ) * 10**9
    days = [date.fromordinal(719_163 + day) for day in exchange_days(instants).tolist()]
    assert days == [session_date(instant) for instant in instants.tolist()]


def test_again_changes_nothing_and_a_grown_log_adds_what_is_new(tmp_path):
    core, gate = two_days()
    archive(core.journal, tmp_path)
    before, first = content(tmp_path), whole(tmp_path, "reports")
    archive(core.journal, tmp_path)
    assert content(tmp_path).keys() == before.keys()
    assert whole(tmp_path, "reports") == first
    day(core, gate)
    archive(core.journal, tmp_path)
    grown = whole(tmp_path, "reports")
    assert grown[: len(first)] == first
    assert len(grown) == len(core.journal.rows(REPORT))
    archive(core.journal, tmp_path, by_day=False)  # the files by day give way: nothing is there twice
    assert whole(tmp_path, "reports") == grown


def test_chunks_do_not_show(tmp_path, monkeypatch):
    core, gate = two_days()
    archive(core.journal, tmp_path / "whole")
    monkeypatch.setattr(module, "_CHUNK", 1024)
    seen = []
    archive(core.journal, tmp_path / "pieces", progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 10
    assert seen[-1] == (core.journal.head, core.journal.head)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    day(core, gate)
    for name in ("whole", "pieces"):
        archive(core.journal, tmp_path / name)
    for table in TABLES.values():
        assert whole(tmp_path / "whole", table) == whole(tmp_path / "pieces", table)


def test_two_journals_need_two_names_and_stand_beside_each_other(tmp_path):
    first, _ = two_days()
    second, gate = make_core(seed=2)
    gate.submit_order(order())
    archive(first.journal, tmp_path)
    before = content(tmp_path)
    with pytest.raises(ArchiveError, match="another journal is archived as 'journal'"):
        archive(second.journal, tmp_path)
    longer, gate = make_core(seed=3, start_ns=START_NS + 1)
    for _ in range(3):
        day(longer, gate, 8)
    assert longer.journal.head > first.journal.head
    with pytest.raises(ArchiveError, match="another journal"):
        archive(longer.journal, tmp_path)
    assert content(tmp_path) == before
    archive(second.journal, tmp_path, name="second")
    count = query(tmp_path, "SELECT journal, count(*) AS n FROM orders GROUP BY journal ORDER BY journal")
    assert [row["journal"] for row in count] == ["journal", "second"]
    for wrong in ("", "a/b", "..", ".hidden", 5):
        with pytest.raises(ValueError, match="name is"):
            archive(second.journal, tmp_path, name=wrong)


def test_the_name_is_the_files(tmp_path):
    core, gate = make_core(path=tmp_path / "the day.gmj")
    gate.submit_order(order())
    assert archive(core.journal, tmp_path / "out").name == "the_day"


def test_a_crash_leaves_no_half_file(tmp_path, monkeypatch):
    core, gate = two_days()
    archive(core.journal, tmp_path)
    before = content(tmp_path)
    day(core, gate)
    calls = []

    def broken(partial, path):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return settle(partial, path)

    settle = module._settle
    monkeypatch.setattr(module, "_settle", broken)
    with pytest.raises(OSError, match="No space"):
        archive(core.journal, tmp_path)
    assert content(tmp_path).keys() >= before.keys()
    assert len(whole(tmp_path, "reports")) > 0  # what has a name can be read
    assert not list(tmp_path.glob(".*"))
    monkeypatch.setattr(module, "_settle", settle)
    archive(core.journal, tmp_path)
    assert len(whole(tmp_path, "reports")) == len(core.journal.rows(REPORT))
    assert not list(tmp_path.rglob("*.part"))


def test_an_empty_archive_has_every_table(tmp_path):
    archive(Journal(), tmp_path / "nothing")
    core, gate = make_core()
    gate.submit_order(order())
    archive(core.journal, tmp_path / "some")
    for folder in ("nothing", "some"):
        for table in (*TABLES.values(), "fills"):
            assert query(tmp_path / folder, f"SELECT count(*) AS n FROM {table}")[0]["n"] >= 0
    for table in TABLES.values():
        described = [query(tmp_path / folder, f"DESCRIBE {table}") for folder in ("nothing", "some")]
        types = [{row["column_name"]: row["column_type"] for row in each} for each in described]
        assert types[0] == types[1]


def test_wide_sums_and_extremes_are_exact(tmp_path):
    journal = Journal()
    balance = np.zeros(3, RECORD_DTYPES[7]["row"])
    balance["symbol"] = -1
    balance["cash_lo"] = [5, 2**64 - 1, 0]
    balance["cash_hi"] = [0, -1, 2**40]
    balance["mark_e9"] = [NO_PRICE, 2**63 - 1, -1]
    journal.append_many(7, balance, START_NS)
    archive(journal, tmp_path)
    rows = whole(tmp_path, "balances")
    assert [int(row["cash_e9"]) for row in rows] == [5, -1, 2**104]
    assert [row["mark_e9"] for row in rows] == [None, 2**63 - 1, -1]
    assert columns(7, _whole(journal, 7), JournalNames())["cash_e9"].to_list() == [5, -1, 2**104]


def _whole(journal, kind):
    return np.array([record for _, found, record in journal.scan() if found == kind], RECORD_DTYPES[kind])


def test_lists_of_columns_are_what_the_archive_says(tmp_path):
    core, _ = two_days()
    archive(core.journal, tmp_path)
    names = JournalNames()
    for record in _whole(core.journal, 1):
        names.learn(record["row"])
    for kind, table in TABLES.items():
        told = {name: column.to_list() for name, column in columns(kind, _whole(core.journal, kind), names).items()}
        for at, row in enumerate(whole(tmp_path, table)):
            for name, values in told.items():
                known = values[at]
                if name == "day":
                    known = date.fromordinal(719_163 + known)
                assert row[name] == known, (table, name)


def test_query_in_its_forms(tmp_path):
    core, _ = two_days()
    archive(core.journal, tmp_path)
    fills = core.fills()
    sql = "SELECT venue, symbol, sum(quantity) AS shares FROM fills WHERE side = ? GROUP BY ALL ORDER BY ALL"
    rows = query(tmp_path, sql, ["buy"])
    assert sum(row["shares"] for row in rows) == int(fills["quantity"].sum())
    found = query(tmp_path, "SELECT price_e9 FROM reports ORDER BY sequence", form="columns")["price_e9"]
    expected = core.journal.rows(REPORT)["price_e9"]
    assert np.array_equal(np.ma.getmaskarray(found), expected == NO_PRICE)
    assert np.array_equal(found.compressed(), expected[expected != NO_PRICE])
    with pytest.raises(ValueError, match="form is 'table'"):
        query(tmp_path, sql, form="table")
    with pytest.raises(FileNotFoundError):
        query(tmp_path / "nowhere", sql)
    with open_archive(tmp_path) as connection:
        assert connection.execute("SELECT max(time) FROM orders").fetchone()[0] == datetime(2025, 1, 3, 14, 30)


def test_a_folder_with_signs_of_a_pattern(tmp_path):
    folder = tmp_path / "it's [a] *day*"
    core, gate = make_core()
    gate.submit_order(order())
    archive(core.journal, folder)
    assert len(whole(folder, "orders")) == 1


def test_a_damaged_stream_is_said_and_writes_nothing(tmp_path):
    class Damaged:
        head = 1024

        def read(self, position, size):
            return bytes(1024)[position : position + size]

    with pytest.raises(JournalError, match="no record stands at byte 0"):
        archive(Damaged(), tmp_path)
    assert content(tmp_path) == {}


def test_a_manifest_that_is_none(tmp_path):
    (tmp_path / "journal.json").write_text("[1]")
    with pytest.raises(ArchiveError, match="not an archive's manifest"):
        archive(Journal(), tmp_path)


def test_without_duckdb_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'grandmodel-execution\[analytics\]'") as caught:
        archive(Journal(), tmp_path / "new")
    assert isinstance(caught.value, ImportError)
    assert not (tmp_path / "new").exists()
