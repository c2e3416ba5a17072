"""`gmexec tca`: its table, JSON, CSV, queries, one order, and what it says to wrong input."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest
from support_tca import make_day
from typer.testing import CliRunner

from grandmodel.execution import cli
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution.analytics.journal_costs import analyse_journal, exact_sum

pytest.importorskip("duckdb", reason="the queries need DuckDB")


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    return make_day(tmp_path_factory.mktemp("day"), 300, 8, seed=3, minutes=20, events_per_second=15)


def known_total(analysed):
    """Of the orders whose cost is known: a few end where there is no quote."""
    total = analysed.orders["total_e9"]
    assert 0 < (total != NO_PRICE).sum() <= len(analysed)
    return exact_sum(total[total != NO_PRICE])


def tca(*arguments):
    result = CliRunner().invoke(cli.app, ["tca", *map(str, arguments)])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def fails(*arguments):
    result = CliRunner().invoke(cli.app, ["tca", *map(str, arguments)])
    assert result.exit_code != 0
    return str(result.exception)


def test_the_table_fits_eighty_columns_and_adds_up(day):
    text = tca(day[0])
    assert max(map(len, text.splitlines())) <= 80
    assert "quotes from the capture" in text  # found beside the journal
    for word in ("all orders", "by algorithm", "by venue", "costliest", "Data quality", "independent samples"):
        assert word in text, word
    assert "pov" in text
    assert "NASDAQ" in text


def test_json_has_exact_sums(day):
    found = json.loads(tca(day[0], "--json"))
    analysed = analyse_journal(day[0], day[1])
    assert found["orders"] == len(analysed)
    parts = found["whole"]["parts_e9"]
    assert parts["total"] == known_total(analysed)
    assert parts["total"] == sum(parts[name] for name in ("delay", "trading", "opportunity", "fees"))
    assert parts["trading"] == parts["spread"] + parts["move"]
    assert parts["total"] == sum(each["cost_e9"] for each in found["venues"]) + found["residual_e9"]
    assert found["residual_e9"] == parts["opportunity"]
    for kind in ("by_algorithm", "by_strategy", "by_symbol", "by_side"):
        assert sum(each["parts_e9"]["total"] for each in found[kind]) == parts["total"], kind
        assert sum(each["orders"] for each in found[kind]) == found["orders"]


def test_csv_has_every_order(day):
    rows = list(csv.DictReader(io.StringIO(tca(day[0], "--csv"))))
    analysed = analyse_journal(day[0], day[1])
    assert [int(row["order_id"]) for row in rows] == analysed.orders["order_id"].tolist()
    assert sum(int(row["total_e9"]) for row in rows if row["total_e9"]) == known_total(analysed)
    assert {row["side"] for row in rows} == {"buy", "sell"}


def test_one_order(day):
    analysed = analyse_journal(day[0], day[1])
    place = int(analysed.orders["fills"].argmax())
    order_id = int(analysed.orders["order_id"][place])
    text = tca(day[0], "--order", order_id)
    assert max(map(len, text.splitlines())) <= 120
    assert f"order {order_id}:" in text
    found = json.loads(tca(day[0], "--order", order_id, "--json"))
    assert found["parts_e9"]["total"] == analysed.money_e9(place, "total")
    assert len(found["fills"]) == analysed.orders["fills"][place]
    assert (
        sum(fill["cost_e9"] for fill in found["fills"]) == found["parts_e9"]["total"] - found["parts_e9"]["opportunity"]
    )
    rows = list(csv.DictReader(io.StringIO(tca(day[0], "--order", order_id, "--csv"))))
    assert sum(int(row["quantity"]) for row in rows) == found["filled_quantity"]


def test_queries_over_the_journal(day):
    analysed = analyse_journal(day[0], day[1])
    rows = json.loads(tca(day[0], "--sql", "select count(*), sum(total_e9) from costs", "--json"))["rows"]
    assert rows == [[len(analysed), known_total(analysed)]]
    sums = "select sum(quantity), sum(cost_e9) from fills"
    assert json.loads(tca(day[0], "--sql", sums, "--json"))["rows"] == [
        [int(analysed.fills["quantity"].sum()), exact_sum(analysed.fills["cost_e9"])]
    ]
    joined = (
        "select count(*) from fills f join orders o on f.child_id = o.order_id join costs c on c.order_id = f.order_id"
    )
    assert json.loads(tca(day[0], "--sql", joined, "--json"))["rows"] == [[len(analysed.fills["order"])]]
    text = tca(day[0], "--sql", "select symbol, count(*) as n from quotes group by 1 order by 1", "--csv")
    assert text.startswith("symbol,n\n")
    assert "AAPL" in tca(day[0], "--sql", "select distinct symbol from costs")


def test_regulatory_tables(day):
    quality = list(csv.DictReader(io.StringIO(tca(day[0], "--table", "605"))))
    assert sum(int(row["executed"]) for row in quality) > 0
    assert {"venue", "symbol", "order_type", "lot", "dollars", "effective_spread", "executed_under_1_ms",
            "realized_spread_50_ms"} <= set(quality[0])  # fmt: skip
    routes = json.loads(tca(day[0], "--table", "606", "--json"))["rows"]
    assert sum(row["share"] for row in routes) == pytest.approx(1.0)
    trail = list(csv.DictReader(io.StringIO(tca(day[0], "--table", "audit"))))
    assert trail[0]["type"] == "MENO"
    assert "--table is printed alone" in fails(day[0], "--table", "605", "--order", 1)


def test_queries_over_an_archive(day, tmp_path):
    from grandmodel.execution.analytics.archive import archive
    from grandmodel.execution.journal_file import open_journal

    archive(open_journal(day[0]), tmp_path / "archive")
    analysed = analyse_journal(day[0])
    out = json.loads(tca(tmp_path / "archive", "--sql", "select count(*) from fills", "--json"))
    assert out["rows"] == [[len(analysed.fills["order"])]]
    assert "is an archive" in fails(tmp_path / "archive")


def test_without_a_capture_it_says_what_is_missing(day, tmp_path):
    import shutil

    alone = tmp_path / "alone.gmj"
    shutil.copytree(day[0], alone)
    text = tca(alone)
    assert "no capture" in text
    assert "give the capture" in " ".join(text.split())
    found = json.loads(tca(alone, "--json"))
    assert found["whole"]["benchmarks_bps"]["vwap"] is None
    with_one = json.loads(tca(alone, "--capture", day[1], "--json"))
    assert with_one["whole"]["benchmarks_bps"]["vwap"] is not None
    assert with_one["measured"] >= found["measured"]  # without it, what was not filled may have no quote at its end
    assert with_one["fills"] == found["fills"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--json", "--csv"), "give one of them"),
        (("--sql", "select 1", "--html", "x.html"), "leave --html and --order out"),
        (("--sql", "select nothing from nowhere"), "--sql: "),
        (("--capture", "/nonexistent/x.gmc"), "there is no such file"),
        (("--order", 10**9), "no order of this journal has the id 1000000000"),
    ],
)
def test_what_is_wrong_is_said(day, arguments, said):
    assert said in fails(day[0], *arguments)


def test_another_days_capture_is_refused(day, tmp_path):
    _, other = make_day(tmp_path, 20, 0, seed=4, minutes=2, events_per_second=5)
    assert "is the capture of another journal" in fails(day[0], "--capture", other)
    (tmp_path / "x.gmc").write_bytes(b"nothing of the kind" * 10)
    assert "is no capture" in fails(day[0], "--capture", tmp_path / "x.gmc")


def test_no_journal(tmp_path):
    assert "`gmexec run --journal day.gmj` makes one" in fails(tmp_path / "nothing.gmj")
    done = subprocess.run(
        [sys.executable, "-c", "from grandmodel.execution.cli import main; main()", "tca", str(tmp_path / "x")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("gmexec: ")


def test_an_empty_journal(tmp_path):
    from support import make_core

    core, _ = make_core(path=tmp_path / "empty.gmj")
    core.close()
    assert "no order is in it" in tca(tmp_path / "empty.gmj")
    assert json.loads(tca(tmp_path / "empty.gmj", "--json"))["orders"] == 0
    assert tca(tmp_path / "empty.gmj", "--csv").count("\n") == 1
    pytest.importorskip("bokeh", reason="the page is drawn by Bokeh")
    tca(tmp_path / "empty.gmj", "--html", tmp_path / "empty.html")
    assert (tmp_path / "empty.html").stat().st_size > 10_000
