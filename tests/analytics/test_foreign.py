"""Somebody else's files: read by a map, every oddity named and counted, and in no average."""

from __future__ import annotations

import io
import json
import math
import textwrap

import numpy as np
import pytest
import yaml

from grandmodel.execution import Unknown
from grandmodel.execution._core.costs import PRICE_UNKNOWN
from grandmodel.execution.analytics.benchmarks import interval_prices
from grandmodel.execution.analytics.foreign import analyse
from grandmodel.execution.analytics.foreign_map import MapError, read_map
from grandmodel.execution.analytics.foreign_read import ForeignError, read_file
from grandmodel.execution.analytics.market import best_of_venues, read_market
from grandmodel.execution.tca_foreign import run, show, to_json

MAP = {
    "time_zone": "UTC",
    "horizons_s": [1, 10],
    "orders": {
        "file": "orders.csv", "order": "id", "symbol": "ticker", "side": "way", "quantity": "size",
        "decision_time": "decided", "arrival_time": "arrived", "end_time": "ended", "decision_price": "pd",
        "arrival_price": "p0", "end_price": "pn", "fees": "fees",
    },
    "fills": {
        "order": "parent", "fill": "exec", "event": "kind",
        "events": {"trade": "fill", "cancel": "other", "cancel/replace": "other"}, "quantity": "qty", "price": "px",
        "time": "at", "venue": "where",
    },
    "quotes": {"symbol": "s", "time": "t", "bid": "b", "ask": "a"},
    "trades": {"symbol": "s", "time": "t", "price": "p", "quantity": "q"},
}  # fmt: skip
# The worked examples: A (CFA style), B (700 of 1000), C (constructed).
ORDERS = """\
    id,ticker,way,size,decided,arrived,ended,pd,p0,pn,fees
    A,X,buy,1000,2024-03-01T10:00:00Z,2024-03-01T10:00:01Z,2024-03-01T16:00:00Z,40.00,40.04,40.08,17
    B,X,buy,1000,2024-03-01T10:00:00Z,2024-03-01T10:00:01Z,2024-03-01T16:00:00Z,10.00,10.05,10.08,14
    C,Y,buy,100000,2024-03-01T10:00:00Z,2024-03-01T10:00:01Z,2024-03-01T16:00:00Z,30.00,30.10,30.65,1600
"""
FILLS = """\
    parent,exec,kind,qty,px,at,where
    A,1,trade,700,40.05,2024-03-01T11:00:00Z,N
    A,2,cancel/replace,300,40.05,2024-03-01T11:30:00Z,N
    B,3,trade,700,10.07,2024-03-01T11:00:00Z,Q
    C,4,trade,80000,30.26,2024-03-01T11:00:00Z,N
    C,5,cancel,20000,0,2024-03-01T12:00:00Z,N
"""


@pytest.fixture
def folder(tmp_path):
    """Writes the files; a test changes what it wants."""

    def write(orders=ORDERS, fills=FILLS, quotes=None, trades=None, plan=None, **changed):
        for name, text in {"orders": orders, "fills": fills, "quotes": quotes, "trades": trades}.items():
            if text is not None:
                (tmp_path / f"{name}.csv").write_text(textwrap.dedent(text))
        (tmp_path / "columns.yaml").write_text(yaml.safe_dump({**MAP, **changed, **(plan or {})}))
        given = {n: tmp_path / f"{n}.csv" for n, text in (("quotes", quotes), ("trades", trades)) if text is not None}
        return run(tmp_path / "fills.csv", tmp_path / "columns.yaml", **given)

    return write


def counts(result):
    return {finding.what: finding.count for finding in result.findings}


def test_worked_examples(folder):
    result = folder()
    assert result.order_id == ("A", "B", "C")
    assert result.columns["total_e9"].tolist() == [76 * 10**9, 87 * 10**9, 35_400 * 10**9]
    assert result.columns["total_bps"].tolist() == pytest.approx([19.0, 87.0, 118.0], rel=1e-14)
    assert result.columns["before_fees_bps"].tolist() == pytest.approx([14.75, 73.0, 118.0 - 1600 / 300], rel=1e-12)
    assert result.findings == ()
    assert result.set_aside == {}
    worth = np.array([40_000, 10_000, 3_000_000])
    assert result.summary["total_bps"] == pytest.approx((worth * [19.0, 87.0, 118.0]).sum() / worth.sum(), rel=1e-12)
    assert result.summary["total_equal_bps"] == pytest.approx(224 / 3)
    assert result.summary["fills"] == 3
    assert result.summary["slippage_arrival_equal_bps"] == pytest.approx(
        1e4 * np.mean([0.01 / 40.04, 0.02 / 10.05, 0.16 / 30.10])
    )
    assert isinstance(result.summary["spread_capture"], Unknown)
    assert result.venues["N"]["share"] == pytest.approx(80_700 / 81_400)


BAD_FILLS = {
    "fill outside the order's life": "A,9,trade,10,40,2024-03-01T16:00:01Z,N",
    "negative quantity": "A,9,trade,-10,40,2024-03-01T12:00:00Z,N",
    "fill of nothing": "A,9,trade,0,40,2024-03-01T12:00:00Z,N",
    "fill with a quantity that cannot be read": "A,9,trade,ten,40,2024-03-01T12:00:00Z,N",
    "fill without a price above 0": "A,9,trade,10,-40,2024-03-01T12:00:00Z,N",
    "fill with a time that cannot be read": "A,9,trade,10,40,2024-02-30T12:00:00Z,N",
    "fills of more than the order": "A,9,trade,301,40,2024-03-01T12:00:00Z,N",
}


@pytest.mark.parametrize("what", BAD_FILLS)
def test_a_bad_fill_sets_its_order_aside(folder, what):
    result = folder(fills=FILLS + "    " + BAD_FILLS[what] + "\n")
    assert counts(result) == {what: 1}
    assert result.set_aside == {"A": (what,)}
    assert result.order_id == ("B", "C")
    assert result.summary["total_equal_bps"] == pytest.approx((87 + 118) / 2)
    assert result.summary["fills"] == 2
    (finding,) = result.findings
    assert finding.sets_aside
    assert finding.examples == (("order A",) if what.startswith("fills of more") else ("fills.csv row 6",))


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("A,1,trade,700,40.05,2024-03-01T11:00:00Z,N", "duplicate fill"),
        ("A,1,trade,1,41,2024-03-01T11:00:00Z,Q", "duplicate fill"),
        ("Z,9,trade,10,40,2024-03-01T12:00:00Z,N", "fill of an order that is not there"),
        ("A,9,restate,10,40,2024-03-01T12:00:00Z,N", "event of a kind that the map does not name"),
    ],
)
def test_rows_that_are_left_out_and_leave_their_order(folder, row, what):
    result = folder(fills=FILLS + "    " + row + "\n")
    assert counts(result) == {what: 1}
    assert not result.findings[0].sets_aside
    assert result.columns["total_bps"].tolist() == pytest.approx([19.0, 87.0, 118.0])


def test_duplicates_without_ids_are_alike_in_everything(folder):
    same = "    B,7,trade,700,10.07,2024-03-01T11:00:00Z,Q\n"
    assert counts(folder(fills=FILLS + same)) == {"fills of more than the order": 1}
    columns = {name: title for name, title in MAP["fills"].items() if name != "fill"}
    result = folder(fills=FILLS + same, plan={"fills": columns})
    assert counts(result) == {"duplicate fill": 1}
    assert result.set_aside == {}


BAD_ORDERS = [
    ("40.00,40.04,40.08", "-1,40.04,40.08", "decision_price that is not above 0"),
    ("A,X,buy", "A,X,hold", "order without a side"),
    ("A,X,buy,1000", "A,X,buy,0", "order without a quantity above 0"),
    ("A,X,buy,1000", "A,X,buy,1000.5", "order without a quantity above 0"),
    ("A,X,buy,1000,2024-03-01T10:00:00Z", "A,X,buy,1000,yesterday", "decision_time that cannot be read"),
    ("A,X,buy,1000,2024-03-01T10:00:00Z", "A,X,buy,1000,2024-03-01T11:00:01Z", "decision after the first fill"),
]


@pytest.mark.parametrize(("old", "new", "what"), BAD_ORDERS)
def test_a_bad_order_is_set_aside(folder, old, new, what):
    result = folder(orders=ORDERS.replace(old, new, 1))
    assert counts(result) == {what: 1}
    assert result.set_aside == {"A": (what,)}
    assert result.order_id == ("B", "C")


def test_a_parent_without_fills_and_one_that_is_there_twice(folder):
    line = "    D,X,sell,5,2024-03-01T10:00:00Z,2024-03-01T10:00:01Z,2024-03-01T16:00:00Z,1,1,1,0\n"
    result = folder(orders=ORDERS + line)
    assert counts(result) == {"order without fills": 1}
    assert result.set_aside == {"D": ("order without fills",)}
    result = folder(orders=ORDERS + line.replace("D,", "B,"))
    assert counts(result) == {"order that is there twice": 1}
    assert set(result.set_aside) == {"B"}


def test_mixed_time_zones(folder):
    """Without a zone in the map a time that has none is not known; with one it is, and the mixture is told."""
    mixed = FILLS.replace("B,3,trade,700,10.07,2024-03-01T11:00:00Z", "B,3,trade,700,10.07,2024-03-01T11:00:00")
    result = folder(fills=mixed, time_zone=None)
    assert counts(result) == {"mixed time zones in column 'at'": 1}
    assert set(result.set_aside) == {"B"}
    result = folder(fills=mixed, time_zone="Europe/London")
    assert counts(result) == {"mixed time zones in column 'at'": 1}
    assert result.set_aside == {}
    naive = FILLS.replace("Z,", ",")
    with pytest.raises(ForeignError, match="column 'at' has times without a zone: time_zone must say which"):
        folder(fills=naive, time_zone=None)
    # 11:00 in New York is 16:00 UTC, when the orders end; noon is behind.
    assert counts(folder(fills=naive, time_zone="America/New_York")) == {}
    late = naive.replace("2024-03-01T11:00:00,Q", "2024-03-01T12:00:00,Q")
    assert counts(folder(fills=late, time_zone="America/New_York")) == {"fill outside the order's life": 1}


def test_total_needs_fees(folder):
    columns = {name: title for name, title in MAP["orders"].items() if name != "fees"}
    result = folder(plan={"orders": columns})
    assert result.summary["total_bps"].reason == result.summary["fees_bps"].reason == "no fees"
    assert (result.columns["total_e9"] == PRICE_UNKNOWN).all()
    assert result.columns["before_fees_e9"].tolist() == [59 * 10**9, 73 * 10**9, 33_800 * 10**9]


# ---- quotes and trades

QUOTES = """\
    s,t,b,a
    X,2024-03-01T10:59:59Z,40.03,40.05
    X,2024-03-01T11:00:00Z,40.10,40.12
    X,2024-03-01T11:00:05Z,40.20,40.22
    Y,2024-03-01T10:00:00Z,30.20,30.10
    Y,2024-03-01T11:00:01Z,30.20,
    X,2024-03-01T12:00:00Z,40.20,40.22
"""


def test_against_quotes(folder):
    """The quote before a fill, the last one at or before its time and the horizon; crossed and one-sided ones tell
    nothing, and are counted."""
    result = folder(orders=ORDERS.replace("B,X", "B,W"), quotes=QUOTES)
    assert counts(result) == {
        "quote without a bid or an ask": 1, "crossed quote": 1, "fill at a crossed quote": 1, "fill without a quote": 1,
    }  # fmt: skip
    fills = result.fills
    assert fills["slippage_mid_bps"][0] == pytest.approx(1e4 * 0.01 / 40.04)
    assert np.isnan(fills["slippage_mid_bps"][1:]).all()
    assert fills["markout_1_bps"][0] == pytest.approx(1e4 * (40.11 - 40.05) / 40.05)
    assert fills["markout_10_bps"][0] == pytest.approx(1e4 * (40.21 - 40.05) / 40.05)
    assert np.isnan(fills["markout_10_bps"][1:]).all()
    assert result.summary["slippage_mid_equal_bps"] == pytest.approx(1e4 * 0.01 / 40.04)
    assert result.summary["spread_capture"] == pytest.approx(-1.0)
    assert result.columns["spread_cost_e9"].tolist() == [7 * 10**9, PRICE_UNKNOWN, PRICE_UNKNOWN]
    assert result.columns["total_bps"].tolist() == pytest.approx([19.0, 87.0, 118.0])


def test_prices_that_the_orders_have_not_come_from_the_quotes(folder):
    columns = {name: title for name, title in MAP["orders"].items() if name not in ("arrival_price", "end_price")}
    result = folder(
        orders=ORDERS.replace("10:00:01Z", "11:00:00Z").replace("16:00:00Z", "11:00:07Z"), quotes=QUOTES,
        plan={"orders": columns},
    )  # fmt: skip
    assert result.columns["delay_e9"].tolist()[0] == 700 * 110_000_000
    assert result.columns["opportunity_e9"].tolist()[0] == 300 * 210_000_000
    assert result.columns["delay_e9"].tolist()[2] == PRICE_UNKNOWN  # the quote is crossed


def test_against_trades(folder):
    trades = """\
        s,t,p,q
        X,2024-03-01T10:00:00Z,1.00,5
        X,2024-03-01T10:00:01Z,40.00,1000
        X,2024-03-01T10:30:00Z,40.06,3000
        X,2024-03-01T11:00:00Z,40.10,1000
        X,2024-03-01T11:00:01Z,99.00,1000
        X,2024-03-01T12:00:00Z,-1,1000
    """
    result = folder(trades=trades)
    assert counts(result) == {"trade without a time, a price or a quantity above 0": 1}
    vwap = (40.00 * 1000 + 40.06 * 3000 + 40.10 * 1000) / 5000
    assert result.columns["vwap_slippage_bps"][0] == pytest.approx(1e4 * (40.05 / vwap - 1))
    assert result.columns["market_quantity"].tolist() == [5000, 5000, 0]
    assert result.columns["participation"][0] == pytest.approx(0.14)
    assert np.isnan(result.columns["participation"][2])
    percentile = 100 * (3000 + 1000) / 5000
    assert result.columns["price_percentile"].tolist() == pytest.approx([percentile, 100.0, math.nan], nan_ok=True)
    twap = (40.00 * 1799 + 40.06 * 1800) / 3599
    assert result.columns["twap_slippage_bps"][0] == pytest.approx(1e4 * (40.05 / twap - 1), abs=1e-4)


def test_quotes_of_symbols_and_orders_without(folder):
    columns = {name: title for name, title in MAP["orders"].items() if name != "symbol"}
    with pytest.raises(ForeignError, match="of 2 symbols, but no column tells the orders' symbols"):
        folder(quotes=QUOTES, plan={"orders": columns})


def test_orders_that_only_their_fills_tell(tmp_path):
    (tmp_path / "f.csv").write_text("o,q,p,s,t,i\n1,10,5.0,B,1000,X\n1,20,5.3,B,1001,X\n2,5,7,S,1002,Y\n")
    columns = {"order": "o", "quantity": "q", "price": "p", "side": "s", "time": "t", "symbol": "i"}
    (tmp_path / "q.csv").write_text("symbol,time,bid,ask\nX,999,4.9,5.1\nY,999,6.9,7.1\nX,2000,1,1\n")
    plan = {"time_unit": "s", "fills": columns, "quotes": {n: n for n in ("symbol", "time", "bid", "ask")}}
    result = analyse(tmp_path / "f.csv", plan, quotes=tmp_path / "q.csv")
    assert result.order_id == ("1", "2")
    assert result.columns["filled_quantity"].tolist() == [30, 5]
    assert result.columns["spread_cost_e9"].tolist() == [6 * 10**9, 0]
    assert result.assumptions == ("an order was of as much as was filled: no column tells its quantity",)
    assert result.summary["total_bps"].reason == "no decision price, no fees"


def test_best_of_venues():
    venue, bid, ask = np.array([0, 1, 0, 1, 2]), np.array([10, 11, 9, 0, 20]), np.array([13, 14, 12, 15, 11])
    best = best_of_venues(venue, bid, ask)
    assert best[0].tolist() == [10, 11, 11, 9, 20]
    assert best[1].tolist() == [13, 13, 12, 12, 11]
    assert best_of_venues(venue[:1], np.array([0]), np.array([-1]))[1].tolist() == [PRICE_UNKNOWN]


# ---- other kinds of file


def test_parquet(folder, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    expected = folder().columns
    for name in ("fills", "orders"):
        duckdb.sql(f"COPY (SELECT * FROM '{tmp_path}/{name}.csv') TO '{tmp_path}/{name}.parquet'")
    plan = {**MAP, "orders": {**MAP["orders"], "file": str(tmp_path / "orders.parquet")}}
    result = analyse(tmp_path / "fills.parquet", plan)
    for name in expected:
        np.testing.assert_array_equal(result.columns[name], expected[name], err_msg=name)
    with pytest.raises(ForeignError, match="column 'qty2' is not there"):
        analyse(tmp_path / "fills.parquet", {**plan, "fills": {**MAP["fills"], "quantity": "qty2"}})


def fix(*fields):
    return "\x01".join(["8=FIX.4.4", "9=0", "35=8", *fields, "10=000", ""])


def test_fix_execution_reports(tmp_path):
    """An order, two fills, one of them taken back, a cancel, a status; heartbeats and orders are passed by."""
    new = ("37=O1", "11=C1", "55=X", "54=2", "38=100")
    lines = [
        "8=FIX.4.4\x019=0\x0135=0\x0110=000\x01",
        fix(*new, "17=E0", "150=0", "39=0", "60=20240301-10:00:00.000", "32=0", "31=0"),
        fix(*new, "17=E1", "150=F", "39=1", "60=20240301-10:00:01.000", "32=60", "31=10.5", "30=XNAS", "12=1.25"),
        fix(*new, "17=E2", "150=F", "39=1", "60=20240301-10:00:02.000", "32=10", "31=10.4", "30=XNYS", "12=0"),
        fix(*new, "17=E3", "19=E2", "150=H", "39=1", "60=20240301-10:00:03.000", "32=10", "31=10.4"),
        fix(*new, "17=E4", "150=4", "39=4", "60=20240301-10:00:04.000"),
        fix(*new, "17=E5", "150=I", "39=4", "60=20240301-10:00:05.000"),
    ]
    path = tmp_path / "day.fix"
    path.write_text("\n".join(lines))
    result = analyse(path, {"format": "fix"})
    assert counts(result) == {"fill that was taken back": 1}
    assert result.order_id == ("O1",)
    assert result.columns["filled_quantity"].tolist() == [60]
    assert result.columns["average_price"].tolist() == [10.5]
    assert result.columns["fees_e9"].tolist() == [1_250_000_000]
    assert result.venues["XNAS"]["fills"] == 1
    assert result.assumptions == ("an order was decided, and reached the market, when the row that opens it says",)
    assert result.summary["total_bps"].reason == "no decision price, no end price"
    # FIX 4.2, behind one another, with another sign between the fields: 20=1 takes back what 19 names
    old = "".join(lines[1:4]).replace("150=F", "150=1") + fix(*new, "17=E3", "19=E2", "150=1", "20=1")
    path.write_text(old.replace("\x01", "|").replace("FIX.4.4", "FIX.4.2"))
    again = analyse(path, {"format": "fix"})
    assert again.columns["filled_quantity"].tolist() == [60]
    path.write_text("8=FIX.4.4|35=0|10=0|")
    with pytest.raises(ForeignError, match="no execution report"):
        analyse(path, {"format": "fix"})


def test_fix_replaces_and_busts_of_nothing(tmp_path):
    """The last quantity counts; a bust of what nobody filled is told."""
    one = ("37=O1", "55=X", "54=1", "60=20240301-10:00:00")
    lines = [
        fix(*one, "38=100", "17=E0", "150=0"),
        fix(*one, "38=300", "17=E1", "150=5"),
        fix(*one, "38=300", "17=E2", "150=F", "32=250", "31=10"),
        fix(*one, "38=300", "17=E3", "19=E9", "150=H"),
    ]
    path = tmp_path / "day.fix"
    path.write_text("\n".join(lines))
    result = analyse(path, {"format": "fix"})
    assert counts(result) == {"bust of a fill that is not there": 1}
    assert result.summary["ordered_quantity"] == 300
    assert result.set_aside == {}


def test_a_correction_is_in_the_fills_stead(tmp_path):
    one = ("37=O1", "55=X", "54=1", "38=100", "60=20240301-10:00:00")
    lines = [
        fix(*one, "17=E1", "150=F", "32=50", "31=10"),
        fix(*one, "17=E2", "19=E1", "150=G", "32=40", "31=11"),
        fix(*one, "17=E3", "19=E2", "20=2", "150=1", "32=30", "31=12"),
    ]
    path = tmp_path / "day.fix"
    path.write_text("\n".join(lines))
    result = analyse(path, {"format": "fix"})
    assert counts(result) == {"fill that was taken back": 2}
    assert result.columns["filled_quantity"].tolist() == [30]
    assert result.columns["average_price"].tolist() == [12.0]


def test_fills_that_are_not_their_orders(tmp_path):
    path = tmp_path / "f.csv"
    rows = "new,1,0,0,buy,50,X", "trade,1,10,5,sell,50,X", "new,2,0,0,buy,50,X", "trade,2,10,5,buy,50,Y"
    path.write_text("\n".join(["e,o,q,p,s,n,i", *rows]))
    columns = {"event": "e", "order": "o", "quantity": "q", "price": "p", "side": "s", "symbol": "i"}
    columns["order_quantity"] = "n"
    result = analyse(path, {"fills": {**columns, "events": {"new": "order", "trade": "fill"}}})
    told = {"fill on another side than its order": 1, "fill of another symbol than its order": 1}
    assert counts(result) == told
    assert {order: reasons[0] for order, reasons in result.set_aside.items()} == dict(zip("12", told, strict=True))


def test_fractions_by_a_quantity_step(tmp_path):
    (tmp_path / "f.csv").write_text("o,q,p,s,n\n1,0.25,60000,buy,0.5\n1,0.125,60100,buy,0.5\n")
    plan = {
        "quantity_step": 0.001,
        "fills": {"order": "o", "quantity": "q", "price": "p", "side": "s", "order_quantity": "n"},
    }
    result = analyse(tmp_path / "f.csv", plan)
    assert result.columns["filled_quantity"].tolist() == [375]
    assert result.columns["average_price"][0] == pytest.approx((0.25 * 60_000 + 0.125 * 60_100) / 0.375)
    (tmp_path / "f.csv").write_text("o,q,p,s,n\n1,0.0001,60000,buy,0.5\n")
    assert counts(analyse(tmp_path / "f.csv", plan)) == {"fill with a quantity that cannot be read": 1}


# ---- the map


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({}, "fills is missing"),
        ({"fils": {}}, "unknown key 'fils'; did you mean 'fills'"),
        ({"fills": {"order": "o", "quantity": "q", "prise": "p"}}, "fills: unknown key 'prise'; did you mean 'price'"),
        ({"fills": {"order": "o", "quantity": "q", "zzz": "p"}}, "unknown key 'zzz'; known are order"),
        ({"fills": {"order": "o", "quantity": "q"}}, "fills: price is missing"),
        ({"fills": {"order": True, "quantity": "q", "price": "p"}}, "order is True, must be the name of a column"),
        ({"fills": []}, "fills is list, must be a mapping"),
        ({"format": "xml"}, "format is 'xml', must be one of csv, parquet, fix"),
        ({"time_zone": "Mars/Olympus"}, "time_zone is 'Mars/Olympus'"),
        ({"time_unit": "hours"}, "time_unit is 'hours'"),
        ({"quantity_step": 0}, "quantity_step is 0, must be > 0"),
        ({"quantity_step": "NaN"}, "quantity_step is 'NaN'"),
        ({"horizons_s": [1, -1]}, "horizons_s has -1"),
        ({"horizons_s": [1, 1]}, "different horizons"),
        ({"sides": {"X": "long"}}, "sides: x is 'long', must be one of buy, sell"),
        ({"delimiter": ",,"}, "delimiter is ',,'"),
        ({"fills": {**MAP["fills"], "events": {"trade": "fil"}}}, "events: trade is 'fil', must be one of fill"),
        ({"fills": {**MAP["fills"], "events": {}}}, "events is missing"),
        ({"fills": {**MAP["fills"], "keep": 3}}, "keep is 3, must be a mapping"),
    ],
)
def test_bad_maps(plan, message):
    given = {"fills": {"order": "o", "quantity": "q", "price": "p"}, **plan} if plan and "fils" not in plan else plan
    with pytest.raises(MapError, match=message):
        read_map(given)


def test_maps_that_cannot_be_read(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [1")
    for path in (tmp_path / "bad.yaml", tmp_path / "none.yaml"):
        with pytest.raises(MapError, match=f"{path.name}: cannot be read"):
            read_map(path)
    with pytest.raises(ForeignError, match="no such file"):
        analyse(tmp_path / "none.csv", MAP)


def test_broken_tables(tmp_path):
    plan = read_map({"fills": {"order": "o", "quantity": "q", "price": "p"}}).fills
    path = tmp_path / "f.csv"
    path.write_text("o,q,p\n1,2\n")
    with pytest.raises(ForeignError, match="row 1 has 2 columns, must have 3"):
        read_file(path, plan)
    path.write_text("o,q\n1,2\n")
    with pytest.raises(ForeignError, match="column 'p' is not there; the columns are o, q"):
        read_file(path, plan)
    path.write_text('\ufefforder id,q,p\n"a, b",2,3\n')
    table = read_file(path, read_map({"fills": {"order": "order id", "quantity": "q", "price": "p"}}).fills)
    assert table.texts("order") == ["a, b"]


def test_nothing_is_left(folder):
    result = folder(fills="    parent,exec,kind,qty,px,at,where\n")
    assert result.order_id == ()
    assert counts(result) == {"order without fills": 3}
    assert result.summary["total_bps"].reason == "no order is left"
    show(result)


# ---- as a user sees it


def test_printed_at_80_columns(folder):
    from rich.console import Console

    result = folder(fills=FILLS + "    " + BAD_FILLS["negative quantity"] + "\n", quotes=QUOTES)
    text = io.StringIO()
    show(result, Console(file=text, width=80, highlight=False))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    told = text.getvalue()
    heading = "2 orders analysed, 1 set aside; 2 fills"
    for part in (heading, "negative quantity", "set aside", "fills.csv row 6", "Venue"):
        assert part in told


def test_json(folder):
    result = folder(fills=FILLS + "    " + BAD_FILLS["negative quantity"] + "\n", quotes=QUOTES)
    told = json.loads(to_json(result))
    assert told["set_aside"] == {"A": ["negative quantity"]}
    assert told["data_quality"][0]["count"] == 1
    assert told["orders"][0]["total"] == 87.0
    assert told["orders"][1]["unknown"]["spread_capture"] == "no quote"
    assert told["summary"]["participation"] is None
    assert told["summary_reasons"]["participation"] == "no trades"


# ---- real data


@pytest.fixture(scope="module")
def facts(market_data):
    return json.loads((market_data / "facts.json").read_text())


TCAPY = {
    "orders": {
        "order": "id", "symbol": "ticker", "side": "side", "quantity": "notional", "decision_time": "date",
        "arrival_time": "date", "end_time": "benchmark_date_end", "decision_price": "arrival_price",
        "arrival_price": "arrival_price",
    },
    "fills": {
        "order": "ancestor_pointer_id", "fill": "id", "event": "event_type", "quantity": "executed_notional",
        "events": {"trade": "fill", "placement": "other", "cancel": "other", "cancel/replace": "other"},
        "price": "executed_price", "time": "date", "venue": "venue", "bid": "market_bid", "ask": "market_ask",
        "mid": "market_mid",
    },
}  # fmt: skip


def test_tcapy(market_data, facts):
    """184 rows, of them 89 fills: placements and cancel/replaces are none. Prices of 17 digits are rounded to the
    1e-9, half of which is 4.6e-6 basis points of them."""
    fact = facts["tcapy EURUSD"]
    folder = market_data / "tcapy"
    plan = {**TCAPY, "orders": {**TCAPY["orders"], "file": str(folder / "orders.csv.xz")}}
    result = analyse(folder / "trades.csv.xz", plan)
    s = result.summary
    assert (s["orders"], s["fills"]) == (fact["orders"], fact["fills"])
    assert s["filled_quantity"] == fact["executed_notional"]
    assert result.findings == ()
    assert s["slippage_mid_equal_bps"] == pytest.approx(-fact["mean_slippage_vs_mid_bp_neg_is_cost"], abs=1e-6)
    assert s["slippage_mid_bps"] == pytest.approx(-fact["nw"], abs=1.5e-6)
    assert s["slippage_arrival_equal_bps"] == pytest.approx(-fact["mean_vs_arrival"], abs=1e-6)
    assert s["fees_bps"].reason == "no fees"
    assert s["delay_bps"] == 0.0
    assert s["before_fees_bps"] == pytest.approx(s["trading_bps"])


@pytest.mark.parametrize("version", ["FIX42", "FIX44"])
def test_every_kind_of_execution_report_means_something(market_data, version):
    """ExecType (150), as the dictionaries list it."""
    import lzma
    import xml.etree.ElementTree as ET

    kinds = read_map({"format": "fix"}).fills.events
    with lzma.open(market_data / "fix" / f"{version}.xml.xz") as stream:
        root = ET.fromstring(stream.read())
    enums = root.findall("./fields/field[@number='150']/value")
    assert len(enums) >= 15
    meant = {value.get("description"): kinds[value.get("enum")] for value in enums}
    assert meant["NEW"] == "order"
    fills = {name for name, kind in meant.items() if kind in ("fill", "correct")}
    assert fills == ({"PARTIAL_FILL", "FILL"} if version == "FIX42" else {"TRADE", "TRADE_CORRECT"})


def test_life_cycles_of_the_standard(market_data, tmp_path):
    """The matrices of appendix D as execution reports: as much is filled as the last report says."""
    codes = {
        "NEW": "0", "DONE_FOR_DAY": "3", "CANCELED": "4", "REPLACED": "5", "PENDING_CANCEL": "6", "REJECTED": "8",
        "SUSPENDED": "9", "PENDING_NEW": "A", "CALCULATED": "B", "EXPIRED": "C", "PENDING_REPLACE": "E", "TRADE": "F",
        "STOPPED": "7", "ORDER_STATUS": "I", "TRADE_CORRECT": "G", "TRADE_CANCEL": "H", "RESTATED": "D",
    }  # fmt: skip
    scenarios = json.loads((market_data / "fix" / "order_state_matrices_A_B.json").read_text())
    lines, filled = [], {}
    for n, scenario in enumerate(scenarios):
        for k, step in enumerate(scenario["steps"]):
            if step["event"] != "execution_report":
                continue
            order = ("37=" + scenario["matrix"] + str(n), "55=X", "54=1", "38=100", "60=20240301-10:00:00")
            told = (f"17={n}.{k}", f"150={codes[step['exec_type']]}", f"32={step.get('last_qty') or 0}", "31=120")
            lines.append(fix(*order, *told))
            filled[order[0][3:]] = step.get("cum_qty") or filled.get(order[0][3:], 0)
    path = tmp_path / "day.fix"
    path.write_text("\n".join(lines))
    result = analyse(path, {"format": "fix"})
    worked = {order: quantity for order, quantity in filled.items() if quantity}
    assert len(worked) >= 2
    assert dict(zip(result.order_id, result.columns["filled_quantity"].tolist(), strict=True)) == worked
    assert {f.what for f in result.findings} <= {"order without fills"}
    never_opened = 1  # rejected while it was pending
    assert len(result.set_aside) == len(filled) - len(worked) - never_opened


def test_taq_quotes_and_trades(market_data, facts):
    """The liquidity figures of the day, of what the foreign reader makes of the files: one market of twelve venues."""
    from grandmodel.execution.microstructure import time_weighted_spread

    fact = facts["taq 2018-01-02"]
    folder = market_data / "taq"
    symbol = next(folder.glob("*_2018-01-02_quotes.csv.xz")).name.split("_")[0]  # its SYMBOL column has the same
    plan = read_map(
        {
            "time_zone": "America/New_York",
            "fills": {"order": "-", "quantity": "-", "price": "-"},
            "quotes": {"symbol": "SYMBOL", "time": "DT", "bid": "BID", "ask": "OFR", "venue": "EX"},
            "trades": {"symbol": "SYMBOL", "time": "DT", "price": "PRICE", "quantity": "SIZE", "keep": {"CORR": 0}},
        }
    )
    market = read_market(plan, *(folder / f"{symbol}_2018-01-02_{what}.csv.xz" for what in ("quotes", "trades")))
    begin = int(np.datetime64("2018-01-02T14:30", "ns").astype(np.int64))
    end = begin + 23_400 * 10**9
    assert market.trades.symbols == {symbol: 0}
    day = interval_prices(market.trades, np.zeros(1, np.int64), np.array([begin]), np.array([end - 1]))
    assert day.quantity.tolist() == [fact["rth_volume"]]
    assert day.vwap_e9[0] / 1e9 == pytest.approx(fact["rth_vwap"], abs=5e-5)
    quotes = market.quotes
    assert len(quotes.time_ns) == fact["quote_rows"]
    told = time_weighted_spread(
        quotes.time_ns, np.where(quotes.bid_e9 > 0, quotes.bid_e9 / 1e9, math.nan),
        np.where(quotes.ask_e9 > 0, quotes.ask_e9 / 1e9, math.nan), begin_ns=begin, end_ns=end,
    )  # fmt: skip
    assert told.bps == pytest.approx(fact["tw_nbbo_spread_bp"], abs=5e-5)
    assert told.locked_or_crossed_ns / 1e9 == pytest.approx(fact["sec_locked_crossed"], abs=5e-4)
    for hour, best in ((10, fact["nbbo_1000"]), (12, fact["nbbo_1200"])):
        row = np.searchsorted(quotes.time_ns, begin + int((hour - 9.5) * 3600 * 10**9), "right") - 1
        assert [quotes.bid_e9[row] / 1e9, quotes.ask_e9[row] / 1e9] == best
    mid, reason, _ = market.join(np.array([begin + 1800 * 10**9]), [symbol], [0])
    assert (mid[0, 0], reason[0, 0]) == (158_535_000_000, 0)
    assert len(market.findings) == 4


def test_the_command(folder, tmp_path):
    from typer.testing import CliRunner

    from grandmodel.execution.cli import app

    def command(*arguments):
        return CliRunner().invoke(app, ["tca", *map(str, arguments)], env={"COLUMNS": "80"})

    folder()
    fills, columns = tmp_path / "fills.csv", tmp_path / "columns.yaml"
    result = command(fills, "--map", columns)
    assert result.exit_code == 0, result.output
    assert "Shortfall" in result.output
    assert max(map(len, result.output.splitlines())) <= 80
    told = json.loads(command(fills, "--map", columns, "--json").output)
    assert told["summary"] == json.loads(to_json(run(fills, columns)))["summary"]
    for more in (["--html", "x.html"], ["--order", "1"], ["--csv"], ["--capture", "x"]):
        refused = command(fills, "--map", columns, *more)
        assert refused.exit_code != 0
        assert more[0] in str(refused.exception)
    assert "--map" in str(command(fills, "--quotes", fills).exception)


def test_the_session_s_prices_the_close_before_and_the_index_from_trades(tmp_path):
    """A buy of AAA at 10.10, arrived at 10.00; the index went from 100 to 101 meanwhile; beta 0.5: 100 - 0.5 * 100."""
    from typer.testing import CliRunner

    from grandmodel.execution import cli

    (tmp_path / "fills.csv").write_text(
        "order,symbol,side,quantity,price,time,size,came,arrival\n"
        "1,AAA,buy,100,10.10,2025-01-02T15:00:30Z,100,2025-01-02T15:00:00Z,10.00\n"
    )
    (tmp_path / "trades.csv").write_text(
        "symbol,time,price,quantity\nAAA,2025-01-02T14:30:00Z,9.50,10\nIDX,2025-01-02T14:59:00Z,100,10\n"
        "IDX,2025-01-02T15:00:10Z,101,10\nAAA,2025-01-02T15:00:20Z,10.05,10\nAAA,2025-01-02T20:59:59Z,11,10\n"
    )
    (tmp_path / "map.yaml").write_text(
        "fills: {order: order, symbol: symbol, side: side, quantity: quantity, price: price, time: time}\n"
        "orders: {file: fills.csv, order: order, symbol: symbol, side: side, quantity: size, decision_time: came,\n"
        "         arrival_time: came, arrival_price: arrival}\n"
        "trades: {symbol: symbol, time: time, price: price, quantity: quantity}\n"
    )
    (tmp_path / "closes.yaml").write_text("AAA: 9.00\n")
    told = ["tca", str(tmp_path / "fills.csv"), "--map", str(tmp_path / "map.yaml"), "--trades",
            str(tmp_path / "trades.csv"), "--index", "IDX", "--beta", "AAA=0.5", "--previous",
            str(tmp_path / "closes.yaml")]  # fmt: skip
    found = json.loads(CliRunner().invoke(cli.app, [*told, "--json"]).output)
    summary = found["summary"]
    for name, price in (("open", 9.5), ("close", 11.0), ("previous_close", 9.0)):
        assert summary[f"{name}_slippage_bps"] == pytest.approx((10.1 / price - 1) * 1e4)
    assert summary["market_adjusted_bps"] == pytest.approx(50.0)
    assert "IDX at an arrival is its last trade" in found["assumptions"][-1]
    shown = CliRunner().invoke(cli.app, told).output
    assert "less the index's move" in shown
    assert max(map(len, shown.splitlines())) <= 80
    plain = json.loads(CliRunner().invoke(cli.app, [*told[:6], "--json"]).output)
    assert plain["summary_reasons"]["market_adjusted_bps"] == "no index named"
    assert plain["summary_reasons"]["previous_close_slippage_bps"].startswith("the trades do not reach")
    (tmp_path / "closes.yaml").write_bytes(b"GMCAPRUN" + bytes(8))
    assert "with --map it must be YAML" in str(CliRunner().invoke(cli.app, told).exception)
