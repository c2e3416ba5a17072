"""Delimited text: DuckDB reads what the plain reader does, and times read together are those read one by one."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grandmodel.execution.analytics import foreign_csv
from grandmodel.execution.analytics.foreign import analyse
from grandmodel.execution.analytics.foreign_csv import ForeignError, plain, read_csv, text_column
from grandmodel.execution.analytics.foreign_map import Section
from grandmodel.execution.analytics.foreign_read import ForeignTable
from grandmodel.execution.analytics.foreign_times import read_time, read_times

pytest.importorskip("duckdb", reason="the other reader is DuckDB's")


def words(columns):
    return {title: np.array([*column.texts, ""], object)[column.values].tolist() for title, column in columns.items()}


def both(path, delimiter, wanted):
    """(what `read_csv` gives, what `plain` does): columns of texts, or the error's text."""
    told = []
    for reader in (read_csv, plain):
        try:
            told.append(words(reader(path, delimiter, wanted)))
        except ForeignError as error:
            told.append(str(error))
    return told


@pytest.fixture
def by_duckdb(monkeypatch):
    """Files of any size go to DuckDB; says how many of them it read."""
    read = []
    found = foreign_csv._by_duckdb

    def counted(*arguments):
        got = found(*arguments)
        read.append(got is not None)
        return got

    monkeypatch.setattr(foreign_csv, "_LEAST", 0)
    monkeypatch.setattr(foreign_csv, "_by_duckdb", counted)
    return read


cells = st.text(st.sampled_from("ab1.\"', ;\t-"), max_size=5)
tables = st.integers(1, 4).flatmap(
    lambda wide: st.lists(st.lists(cells, min_size=wide, max_size=wide), min_size=1, max_size=6)
)


@settings(max_examples=150)
@given(rows=tables, end=st.sampled_from(["\n", "\r\n"]), delimiter=st.sampled_from(",;\t"),
       quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), last=st.booleans())  # fmt: skip
def test_what_a_writer_wrote_is_read_alike(tmp_path_factory, rows, end, delimiter, quoting, last):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    header = [f"h{k}" for k in range(len(rows[0]))]
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([header, *rows])
    if not last:
        path.write_text(path.read_text().removesuffix("\n"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_csv, "_LEAST", 0)
        got, expected = both(path, delimiter, header)
    assert got == expected
    if isinstance(expected, dict) and end == "\n":
        assert expected == {title: [row[k] for row in rows] for k, title in enumerate(header)}


@settings(max_examples=150)
@example(",,")
@example('"a,b",,')
@given(st.text(st.sampled_from('ab1",\n\r \0é'), max_size=40))
def test_whatever_a_file_holds_both_say_the_same(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(("a,b\n" + text).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_csv, "_LEAST", 0)
        got, expected = both(path, ",", ["a", "b"])
    assert got == expected


def test_usual_files_go_to_duckdb(tmp_path, by_duckdb):
    path = tmp_path / "a.csv"
    for text in ("a,b\n1,x\n2,y\n", "a,b\r\n1,x\r\n", 'a,b\n"1","x y"\n"","z"\n', "a,b\n1,\n,\n", "a,b\n1,x"):
        path.write_bytes(text.encode())
        got, expected = both(path, ",", ["b", "a"])
        assert got == expected
    assert by_duckdb == [True] * 5
    for text in ("a,b\n1,x\n\n2,y\n", 'a,b\n1,"x\ny"\n', 'a,b\n1,x"y\n', "a,b\n1\n", "a,b\n1,2,3\n", "a,b\n1,é\n"):
        path.write_bytes(text.encode())
        got, expected = both(path, ",", ["b", "a"])
        assert got == expected
    assert by_duckdb[5:] == [False] * 6
    path.write_text("a,b\n1,2,3\n")
    with pytest.raises(ForeignError, match="row 1 has 3 columns, must have 2"):
        read_csv(path, ",", ["a"])
    with pytest.raises(ForeignError, match="column 'c' is not there; the columns are a, b"):
        read_csv(path, ",", ["c"])


def test_without_duckdb_the_plain_reader_does_it(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign_csv, "_LEAST", 0)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n2\n")
    assert words(read_csv(path, ",", ["a"])) == {"a": ["1", "2"]}


def test_an_analysis_is_the_same_by_either(tmp_path, monkeypatch):
    """Some thousand fills and quotes: each figure, to the bit, and each finding with its rows."""
    rows = ["order,fill,side,quantity,price,time"]
    rows += [f"o{k // 7},{k},{'buy' if k % 2 else 'sell'},{100 + k % 5},{10 + k % 13 / 100:.2f},"
             f"2025-01-02T14:{k // 100 % 60:02d}:{k % 60:02d}.{k % 1000:03d}Z" for k in range(3000)]  # fmt: skip
    rows[50], rows[70] = rows[50].replace("10.", "x10."), rows[70].replace("2025-", "")
    (tmp_path / "fills.csv").write_text("\n".join(rows) + "\n")
    quotes = ["time,bid,ask"]
    quotes += [f"2025-01-02T14:{k // 60:02d}:{k % 60:02d}Z,{10 + k % 9 / 100:.2f},{10.1 + k % 9 / 100:.2f}"
               for k in range(1800)]  # fmt: skip
    (tmp_path / "quotes.csv").write_text("\n".join(quotes))
    names = ("order", "fill", "side", "quantity", "price", "time")
    told = []
    for least in (0, 1 << 40):
        monkeypatch.setattr(foreign_csv, "_LEAST", least)
        plan = {"fills": {name: name for name in names}}
        told.append(analyse(tmp_path / "fills.csv", plan, quotes=tmp_path / "quotes.csv"))
    one, two = told
    assert one.findings == two.findings
    assert {finding.what for finding in one.findings} >= {"fill without a price above 0"}
    assert repr(one.summary) == repr(two.summary)
    for name, column in one.columns.items():
        np.testing.assert_array_equal(column, two.columns[name])


zones = st.sampled_from(["", "Z", "UTC", "+01:00", "-0530", "+14:00"])
moments = st.builds(
    lambda y, m, d, h, mi, s, sep, dash, colon, fraction, zone: (
        f"{y:04d}{dash}{m:02d}{dash}{d:02d}{sep}{h:02d}{colon}{mi:02d}{colon}{s:02d}{fraction}{zone}"
    ),
    st.integers(1600, 2400), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25), st.integers(0, 61),
    st.integers(0, 61), st.sampled_from("T -"), st.sampled_from(["-", ""]), st.sampled_from([":", ""]),
    st.sampled_from(["", ".5", ",123", ".123456789", ".1234567890"]), zones,
)  # fmt: skip


@given(st.lists(st.one_of(moments, st.text(max_size=30)), max_size=30), moments)
def test_times_are_those_read_one_by_one(texts, usual):
    """Many of one pattern among others; each text as `read_time` has it."""
    many = [usual, *texts] + [usual[:8] + f"{k % 100:02d}" + usual[10:] for k in range(80)]
    ns, known, zoned = read_times(many)
    for k, text in enumerate(many):
        one = read_time(text)
        assert bool(known[k]) == (one is not None), text
        if one is not None:
            assert (int(ns[k]), bool(zoned[k])) == one, text


@pytest.mark.parametrize("text", ["9e999999", "-9e999999", "1e99999999999999999999", "sNaN", "nan", "1e10", "x"])
def test_a_number_beyond_all_bounds_is_a_cell_without_a_value(text):
    columns = {"price": text_column([text, "1.5"])}
    table = ForeignTable(Path("x.csv"), Section({"price": "price"}), columns, np.arange(2), 0)
    values, known = table.decimals("price")
    assert (known.tolist(), values[1]) == ([False, True], 1_500_000_000)
