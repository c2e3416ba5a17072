"""`gmexec data check`: what a file holds, as text, as JSON and as a picture."""

import json
import re

import pytest
from reference.feeds import directory, itch
from typer.testing import CliRunner

from grandmodel.execution.cli import app
from grandmodel.execution.market_data.check import check, sample
from grandmodel.execution.simulation import read_market_data

E9 = 10**9


def run(*arguments):
    result = CliRunner().invoke(app, ["data", "check", *map(str, arguments)])
    return result.exit_code, result.output, result.exception


def two_symbols(tmp_path):
    out = [itch("S", 0, 1, "O"), directory(1, "AAPL"), directory(2, "MSFT")]
    for k in range(1, 60):
        price = 1_510_000 - (k % 2) * 10_000 + k * 100  # bids above the offers: crossed
        out.append(itch("A", 1 + (k % 3 == 0), 34_200 * E9 + k * E9, k, "BS"[k % 2], 100, "X", price))
    out.append(itch("C", 1, 34_300 * E9, 1, 40, 900, "Y", 1_510_100))
    out.append(itch("E", 1, 34_300 * E9, 2, 10, 901))
    out.append(itch("D", 1, 34_301 * E9, 777))
    path = tmp_path / "01302019.NASDAQ_ITCH50"
    path.write_bytes(b"".join(out))
    return path


def test_what_is_counted(tmp_path):
    path = two_symbols(tmp_path)
    found = check(read_market_data(path))
    assert (found.format, found.records, found.rows) == ("itch", 65, 62)
    assert found.actions == {"ADD": 59, "DELETE": 1, "EXECUTE": 2}
    assert [(s.name, s.rows, s.executed, s.priced) for s in found.symbols] == [("AAPL", 43, 50, 40), ("MSFT", 19, 0, 0)]
    assert found.symbols[0].vwap == 151.01
    assert found.symbols[0].tick_e9 == 10**7
    assert found.book.symbol == "AAPL"
    assert found.book.problems == {"unknown_order": 1}
    assert "order_id is 777" in found.book.first_problem
    assert found.book.crossed > 0
    other = check(read_market_data(path), "MSFT")
    assert other.book.symbol == "MSFT"
    assert other.book.problems == {}


def test_the_command(tmp_path):
    path = two_symbols(tmp_path)
    code, text, _ = run(path)
    assert code == 0
    assert "format      itch, messages" in text
    assert "records     65: " in text
    assert "50 executed (40 with a price), VWAP 151.010000" in text
    assert "did not fit: 1 unknown_order" in text
    assert "crossed after" in text
    code, text, _ = run(path, "--json")
    assert json.loads(text)["book"]["problems"] == {"unknown_order": 1}
    code, _, error = run(path, "--symbol", "IBM")
    assert code != 0
    assert "no row is of symbol 'IBM'" in str(error)
    code, _, error = run(tmp_path / "none.itch")
    assert "none.itch: no such file" in str(error)


def test_quantities_are_told_in_units(tmp_path):
    path = tmp_path / "x.jsonl"
    trade = {"e": "trade", "s": "BTCUSDT", "t": 1, "p": "61837.5", "q": "0.02500000", "m": True}
    path.write_text(f"1723161255030314667 {json.dumps(trade)}\n")
    code, text, _ = run(path)
    assert code == 0
    assert "0.025 executed, VWAP 61837.500000" in text


def test_bars_and_files_without_rows(tmp_path):
    path = tmp_path / "ibm_20131008_trade.csv"
    path.write_text("34200000,1800000,1810000,1790000,1800000,500\n")
    code, text, _ = run(path)
    assert code == 0
    assert "500 executed, VWAP 180.000000" in text
    code, _, error = run(path, "--plot", tmp_path / "x.html")
    assert "there is no day to draw" in str(error)
    empty = tmp_path / "empty.itch"
    empty.write_bytes(b"")
    code, text, _ = run(empty)
    assert code == 0
    assert "rows        0" in text


def test_the_samples_of_a_day_are_the_book_at_those_times(hand_day):
    messages, books = hand_day
    data = read_market_data(messages, orderbook=books)
    found = check(data)
    taken = sample(data, found, points=500, depth=2)
    assert (taken.time_ns[0], taken.time_ns[-1]) == (found.first_ns, found.last_ns)
    from grandmodel.execution import OrderBook

    rows = data.read()
    for k in (0, 100, 250, 499):
        book = OrderBook(kind="L2")
        book.apply(rows[rows["time_ns"] <= taken.time_ns[k]])
        bids, asks = book.levels(2)
        assert taken.bid_e9[k] == bids[0]["price_e9"]
        assert taken.ask_e9[k] == asks[0]["price_e9"]
        assert (taken.bid_quantity[k], taken.ask_quantity[k]) == (bids["quantity"].sum(), asks["quantity"].sum())


def test_the_picture_is_one_file(hand_day, tmp_path):
    pytest.importorskip("bokeh")
    messages, books = hand_day
    out = tmp_path / "day.html"
    code, text, _ = run(messages, "--orderbook", books, "--plot", out)
    assert code == 0
    assert f"drawn       {out}" in text
    page = out.read_text()
    for title in (
        "Price: best bid and offer, trades",
        "Spread, bps of the mid",
        "Depth: the best 5 levels",
        "Imbalance:",
    ):
        assert title in page
    assert not re.search(r"<script[^>]*\ssrc=", page)  # nothing comes from another place
    assert not re.search(r"<link[^>]*\shref=", page)
    code, _, _ = run(messages, "--plot", out)
    assert "Caution:" in out.read_text()


def test_without_bokeh_it_is_said(hand_day, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "bokeh.embed", None)
    monkeypatch.setitem(sys.modules, "bokeh", None)
    _, _, error = run(hand_day[0], "--plot", tmp_path / "x.html")
    assert "pip install 'grandmodel-execution[analytics]'" in str(error)


def test_of_several_venues_one_is_shown(tmp_path):
    """A capture has the best bid and offer of each venue; together they are no book."""
    from support import make_core, order

    core, gate = make_core(path=tmp_path / "day.gmj", capture=tmp_path / "day.gmc")
    for _ in range(5):
        gate.submit_order(order())
    core.close()
    found = check(read_market_data(tmp_path / "day.gmc"), "AAPL")
    assert found.book.venue in ("NYSE", "NASDAQ", "ARCA", "BATS", "IEX", "EDGX")
    assert found.book.problems == {}
    assert found.book.levels == (1, 1)
    code, text, _ = run(tmp_path / "day.gmc", "--symbol", "AAPL")
    assert code == 0
    assert f"book        AAPL at {found.book.venue}, L2, tick 0.01" in text
