"""Costs of many orders over columns: the worked examples, every kind of table, reasons beside what is not known."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import asof as reference_asof
from reference import costs as reference

from grandmodel.execution._core.costs import PRICE_UNKNOWN, reason_text
from grandmodel.execution.analytics.columns import HORIZONS_S, order_costs, read_quotes, read_table
from grandmodel.execution.analytics.foreign_csv import text_column
from grandmodel.execution.analytics.references import References

SECOND = 10**9


def e9(price):
    return round(price * 10**9)


# ---- worked examples, from prices in the currency

ORDERS = {
    "order_id": ["A", "B", "C"],
    "side": ["buy", "BUY", "1"],
    "quantity": [1_000, 1_000, 100_000],
    "decision": [40.00, 10.00, 30.00],
    "arrival": [40.04, 10.05, 30.10],
    "end": [40.08, 10.08, 30.65],
    "fees": [17.0, 14.0, 1_600.0],
    "vwap": [40.00, 10.07, math.nan],
}
FILLS = {"order_id": ["C", "A", "B"], "quantity": [80_000, 700, 700], "price": [30.26, 40.05, 10.07]}


def test_worked_examples():
    got = order_costs(ORDERS, FILLS)
    assert got["total_e9"].tolist() == [e9(76), e9(87), e9(35_400)]
    assert got["delay_e9"].tolist() == [e9(28), e9(35), e9(8_000)]
    assert got["trading_e9"].tolist() == [e9(7), e9(14), e9(12_800)]
    assert got["opportunity_e9"].tolist() == [e9(24), e9(24), e9(13_000)]
    assert got["total_bps"].tolist() == pytest.approx([19.0, 87.0, 118.0], rel=1e-15)
    assert got["vwap_slippage_bps"].tolist() == pytest.approx([12.5, 0.0, math.nan], nan_ok=True)
    assert [reason_text(code) for code in got["vwap_slippage_reason"]] == ["", "", "no market price"]
    assert len(got) == 3
    assert "quoted_share" not in got.columns()
    with pytest.raises(KeyError, match="'total'; there are filled_quantity"):
        got["total"]


def test_only_what_is_there():
    """No arrival, no end, no fees: what needs them is NaN with the reason, the rest is known."""
    got = order_costs(
        {"side": [1, -1], "quantity": [10, 10], "decision": [10.0, math.nan]},
        {"order": [0], "quantity": [10], "price": [10.5], "bid": [0.0], "ask": [10.6], "mid_1": [10.4]},
    )
    assert [reason_text(code) for code in got["delay_reason"]] == ["no arrival price", ""]
    told = [reason_text(code) for code in got["total_reason"]]
    assert told == ["no fees", "no decision price, no end price, no fees"]
    assert np.isnan(got["total_bps"]).all()
    assert [reason_text(code) for code in got["spread_capture_reason"]] == ["no quote", "no fills"]
    assert [reason_text(code) for code in got["markout_1_reason"]] == ["", "no fills"]
    assert got["markout_1_bps"][0] == pytest.approx(-1_000 / 10.5)
    assert "markout_10_bps" not in got.columns()


# ---- every kind of table


def tables():
    """The orders and fills of the examples, as others hold them; prices also as decimals and integers."""
    exact = {**{name: ORDERS[name] for name in ("order_id", "side", "quantity")}}
    for name in ("decision", "arrival", "end", "fees", "vwap"):
        exact[f"{name}_e9"] = [PRICE_UNKNOWN if math.isnan(x) else e9(x) for x in ORDERS[name]]
    fills = {"order_id": FILLS["order_id"], "quantity": FILLS["quantity"], "price_e9": [e9(p) for p in FILLS["price"]]}
    yield "mappings", ORDERS, FILLS
    yield "integers", exact, fills
    yield "structured", exact, {"order": np.array([2, 0, 1], "u1"), **{k: fills[k] for k in ("quantity", "price_e9")}}


@pytest.mark.parametrize("kind", ["mappings", "integers", "structured", "polars", "pandas", "pyarrow", "duckdb"])
def test_kinds_of_tables(kind):
    expected = order_costs(ORDERS, FILLS).columns()
    made = {name: (orders, fills) for name, orders, fills in tables()}
    if kind in made:
        orders, fills = made[kind]
    elif kind == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        columns = {name: np.asarray(values) for name, values in ORDERS.items()}
        connection = duckdb.connect()
        connection.register("o", columns)
        orders = connection.sql(
            "SELECT * REPLACE (decision::DECIMAL(18, 4) AS decision, arrival::DECIMAL(38, 12) AS arrival) FROM o"
        )
        rows = "('C', 80000, 30.26), ('A', 700, 40.05), ('B', 700, 10.07)"
        fills = duckdb.sql(f"SELECT * FROM (VALUES {rows}) t(order_id, quantity, price)")
    else:
        package = pytest.importorskip(kind)
        frame = getattr(package, "table" if kind == "pyarrow" else "DataFrame")
        orders, fills = frame(ORDERS), frame(FILLS)
        if kind == "polars":
            side, vwap = package.col("side").cast(package.Categorical), package.col("vwap").fill_nan(None)
            orders = orders.with_columns(side, vwap)
            fills = package.concat([fills[:1], fills[1:]], rechunk=False)
    got = order_costs(orders, fills).columns()
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


def test_long_texts_dates_times_and_nulls_of_streams():
    duckdb = pytest.importorskip("duckdb")
    table = read_table(
        duckdb.sql(
            "SELECT i, CASE WHEN i % 3 > 0 THEN 'a name that is longer than a dozen letters ' || i % 2 END AS name, "
            "TIMESTAMP_NS '2024-01-02 03:04:05.123456789' AS t, DATE '1970-01-03' AS d, i % 2 = 0 AS even, "
            "TIMESTAMPTZ '2024-01-02 03:04:05+00' AS z, 1.5::DECIMAL(9, 1) AS m, NULL AS nothing FROM range(5000) r(i)"
        )
    )
    assert len(table["i"]) == 5_000
    name = table["name"]
    long = "a name that is longer than a dozen letters"
    assert [name.texts[k] for k in name.values[1:3]] == [f"{long} 1", f"{long} 0"]
    assert name.valid.tolist() == [i % 3 > 0 for i in range(5_000)]
    assert (table["t"].values == np.datetime64("2024-01-02T03:04:05.123456789", "ns").astype(np.int64)).all()
    assert not table["t"].zoned
    assert table["z"].zoned
    assert (table["z"].values == np.datetime64("2024-01-02T03:04:05", "ns").astype(np.int64)).all()
    assert (table["d"].values == 2 * 86_400 * SECOND).all()
    assert (table["even"].values == (np.arange(5_000) % 2 == 0)).all()
    assert (table["m"].values == 15).all()
    assert table["m"].scale == 1
    assert not table["nothing"].valid.any()
    with pytest.raises(TypeError, match=r"column 'l' has the Arrow type '\+l'"):
        read_table(duckdb.sql("SELECT [1, 2] AS l"))


def test_decimals_are_exact():
    polars = pytest.importorskip("polars")
    fills = polars.DataFrame(
        {"order": [0, 0], "quantity": [1, 2], "price": [Decimal("0.123456789"), Decimal("1.000000001")]},
        schema_overrides={"price": polars.Decimal(30, 9)},
    )
    orders = {"side": [1], "quantity": [3], "decision_e9": [1], "fees_e9": [0]}
    assert order_costs(orders, fills)["total_e9"].tolist() == [123_456_789 + 2 * 1_000_000_001 - 3]


# ---- against quotes

moments = st.integers(0, 60)


@given(
    st.lists(st.tuples(st.sampled_from("XY"), moments, st.integers(95, 105), st.integers(95, 105)), max_size=20),
    st.lists(st.tuples(st.integers(0, 2), moments, st.integers(1, 9), st.integers(90, 110)), max_size=12),
)
def test_against_quotes(quotes, fills):
    """Quotes in any order, of two symbols, and an order of a third: as looking them up one by one."""
    symbols, sides = ["X", "Y", "Z"], [1, -1, 1]
    orders = {"side": sides, "quantity": [10**6] * 3, "symbol": symbols}
    market = {
        "symbol": np.array([s for s, *_ in quotes], "U1"),
        "time_ns": np.array([t * SECOND for _, t, _, _ in quotes], int),
        "bid": np.array([b for *_, b, _ in quotes], float), "ask": np.array([a for *_, a in quotes], float),
    }  # fmt: skip
    columns = [np.array(c, int) for c in zip(*fills, strict=True)] or [np.empty(0, int)] * 4
    named = dict(zip(("order", "time_ns", "quantity", "price"), columns, strict=True))
    got = order_costs(orders, {**named, "time_ns": columns[1] * SECOND}, quotes=market, horizons_s=(1, 10))
    end = max((t for _, t, _, _ in quotes), default=-1) * SECOND
    for k in range(3):
        mine = sorted((q for q in quotes if q[0] == symbols[k]), key=lambda q: q[1])
        rows = [(t * SECOND, e9(b), e9(a)) for _, t, b, a in mine]
        told = []
        for _, t, quantity, price in [f for f in fills if f[0] == k]:
            _, reason, i = reference_asof.standing(rows, t * SECOND - 1, end)
            bid, ask = rows[i][1:] if reason == 0 else (None, None)
            mids = [reference_asof.standing(rows, (t + h) * SECOND, end)[0] for h in (1, 10)]
            told.append({"quantity": quantity, "price": e9(price), "bid": bid, "ask": ask, "mids": mids})
        want = reference.fill_measures(sides[k], told, 2)
        assert got["spread_cost_e9"][k] == want["spread_cost_e9"]
        for name in ("spread_capture", "quoted_share"):
            assert got[name][k] == pytest.approx(want[name], nan_ok=True)
        assert [got[f"markout_{h}_bps"][k] for h in (1, 10)] == pytest.approx(want["markout_bps"], nan_ok=True)


def test_quotes_without_symbols_in_order_are_not_copied():
    at = np.arange(5)
    bid = np.full(5, 10**9)
    quotes = read_quotes({"time_ns": at, "bid_e9": bid, "ask_e9": bid + 2})
    assert quotes.time_ns is at
    assert quotes.bid_e9 is bid
    assert read_quotes(quotes) is quotes
    times = read_quotes({"time": np.array(["2024-01-01"], "M8[s]"), "bid": [1.0], "ask": [2.0]}).time_ns
    assert times[0] == np.datetime64("2024-01-01", "ns").astype(np.int64)


def test_old_quotes():
    orders = {"side": [1], "quantity": [1]}
    fills = {"order": [0], "quantity": [1], "price": [1.0], "time_ns": [9 * SECOND]}
    quotes = {"time_ns": [0, 20 * SECOND], "bid": [1.0, 1.0], "ask": [1.0, 1.0]}
    assert order_costs(orders, fills, quotes=quotes, horizons_s=[1])["quoted_share"][0] == 1.0
    got = order_costs(orders, fills, quotes=quotes, horizons_s=[1], max_quote_age_s=5)
    assert got["quoted_share"][0] == 0.0
    assert reason_text(got["markout_1_reason"][0]) == "no market price"


# ---- bad input


@pytest.mark.parametrize(
    ("orders", "fills", "message"),
    [
        ({"side": ["buy", "hold", "buy"]}, {}, r"orders\['side'\], row 1, is 'hold'"),
        ({"side": [1, 0, 1]}, {}, r"side\[1\] is 0"),
        ({"quantity": [1.5, 1.0, 1.0]}, {}, r"orders\['quantity'\], row 0, is 1.5, must be whole"),
        ({"quantity": [math.nan, 1.0, 1.0]}, {}, r"orders\['quantity'\], row 0, is nan"),
        ({"quantity": [True, True, True]}, {}, r"orders\['quantity'\] holds bools"),
        ({"quantity": [1, 2]}, {}, r"orders\['quantity'\] has length 2"),
        ({"decision": [40.0, -1.0, 30.0]}, {}, r"orders\['decision'\], row 1, is -1.0, must be > 0"),
        ({"decision": [40.0, math.inf, 30.0]}, {}, r"orders\['decision'\], row 1, is inf"),
        ({"decision": ["40", "1", "30"]}, {}, r"orders\['decision'\] holds texts"),
        ({"order_id": ["A", "B", "A"]}, {}, r"orders\['order_id'\], row 2, is 'A', which is there twice"),
        ({"order_id": None}, {}, "dtype object|dimensions"),
        ({}, {"order_id": ["C", "A", "Q"]}, r"fills\['order_id'\] holds 'Q', which orders have not"),
        ({}, {"price": [1.0, math.nan, 1.0]}, r"fills\['price'\], row 1, is missing"),
        ({}, {"price": [1.0, 0.0, 1.0]}, r"fills\['price'\], row 1, is 0.0, must be > 0"),
        ({}, {"quantity": [1, 0, 1]}, r"fill_quantity\[1\] is 0"),
        ({}, {"order": [0, 1, 3]}, r"fill_order\[2\] is 3"),
        ({}, {"quantity": [80_000, 1_001, 1]}, "fills of order 0 add up to 1001, above its order_quantity"),
    ],
)
def test_bad_tables(orders, fills, message):
    with pytest.raises((ValueError, TypeError), match=message):
        order_costs({**ORDERS, **orders}, {**FILLS, **fills})


def test_what_is_no_table():
    with pytest.raises(TypeError, match="orders is list, must be a mapping"):
        order_costs([1], FILLS)
    with pytest.raises(ValueError, match="orders has no column 'side'; it has quantity"):
        order_costs({"quantity": [1]}, FILLS)
    with pytest.raises(ValueError, match="fills has no column 'order' or 'order_id'"):
        order_costs(ORDERS, {"quantity": [1], "price": [1.0]})
    with pytest.raises(ValueError, match="fills has no column 'time'"):
        order_costs(ORDERS, FILLS, quotes={"time_ns": [1], "bid": [1.0], "ask": [2.0]})
    with pytest.raises(ValueError, match="horizons_s has -1"):
        order_costs(ORDERS, FILLS, horizons_s=[-1])
    with pytest.raises(TypeError, match="must hold times"):
        read_quotes({"time": [1], "bid": [1.0], "ask": [2.0]})
    assert len(HORIZONS_S) == 4


def test_a_text_that_a_column_has_twice_is_one_symbol():
    """Columns of mostly different texts are not numbered by them (foreign_csv.text_column)."""
    words = [f"S{k}" for k in range(1200)] + ["S3", "S1100"] * 20
    n, begin = len(words), 10**18
    orders = {
        "order_id": np.arange(n), "side": np.ones(n, int), "quantity": np.full(n, 100), "decision": np.full(n, 10.0),
        "symbol": text_column(words), "arrival_time_ns": np.full(n, begin), "end_time_ns": np.full(n, begin + 10**9),
    }  # fmt: skip
    fills = {"order_id": np.arange(n), "quantity": np.full(n, 100), "price": np.full(n, 10.1)}
    trades = {"time_ns": np.array([begin + 5, begin + 6]), "price": np.full(2, 10.0), "quantity": np.full(2, 5),
              "symbol": np.array(["S3", "S1100"])}  # fmt: skip
    found = np.isfinite(order_costs(orders, fills, trades=trades)["vwap_slippage_bps"])
    assert found.tolist() == [word in ("S3", "S1100") for word in words]


def test_symbols_that_are_numbers_have_their_betas():
    begin = 10**18
    orders = {
        "order_id": [1, 2], "side": [1, -1], "quantity": [100, 100], "decision": [10.0, 10.0], "arrival": [10.0, 10.0],
        "symbol": [7, 8], "arrival_time_ns": [begin] * 2, "end_time_ns": [begin + 10**9] * 2,
    }  # fmt: skip
    fills = {"order_id": [1, 2], "quantity": [100, 100], "price": [10.1, 9.9]}
    trades = {"time_ns": [begin + k for k in (5, 6, 7)], "price": [10.0] * 3, "quantity": [5] * 3, "symbol": [7, 8, 9]}
    known = References(index="9", betas={"7": 1.5})
    beta = order_costs(orders, fills, trades=trades, references=known)["beta"]
    assert (beta[0], np.isnan(beta[1])) == (1.5, True)
