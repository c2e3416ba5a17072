"""Open, close and previous close of sessions, and market-adjusted cost: against their definitions, print by print."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import session_prices as reference

from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution.analytics.columns import order_costs
from grandmodel.execution.analytics.references import References, ReferencesError, read_previous_closes
from grandmodel.execution.analytics.session_prices import AUCTION_NS, WHY, Tape, close_of, open_of, session_prices
from grandmodel.execution.sessions import Session, previous_session, session

MINUTE = 60 * 10**9
DAY = date(2025, 1, 3)  # a Friday
HOURS = session("XNYS", DAY)
BEFORE = previous_session("XNYS", DAY)

prints = st.lists(
    st.tuples(st.integers(-40, 440), st.integers(1, 10**6), st.integers(0, 7).map(lambda k: k == 0)), max_size=25
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


def tape_of(rows, covers=lambda ns: True):
    time, price, auction = ([row[k] for row in rows] for k in range(3))
    return Tape(np.array(time, np.int64), np.array(price, np.int64), np.array(auction, bool), covers)


@given(prints, st.booleans())
def test_open_and_close_are_the_twins(rows, half):
    """Minutes from the open; a session of 390 minutes, or of 20, in which the two half hours meet."""
    assert HOURS is not None
    close = HOURS.open_ns + (20 if half else 390) * MINUTE
    hours = Session("XNYS", DAY, HOURS.open_ns, close, half)
    told = [(HOURS.open_ns + minute * MINUTE, price, auction) for minute, price, auction in rows]
    for mine, theirs in ((open_of, reference.opening), (close_of, reference.closing)):
        price, why = mine(tape_of(told), hours)
        expected = theirs(told, hours.open_ns, close)
        assert price == (NO_PRICE if expected is None else expected)
        assert WHY[why] == ("" if expected is not None else "nothing was printed in the session")


def test_an_auction_is_the_open_and_the_close_though_others_trade_before():
    assert HOURS is not None
    rows = [(HOURS.open_ns, 100, False), (HOURS.open_ns + MINUTE, 101, True), (HOURS.close_ns - 1, 110, False),
            (HOURS.close_ns + 3 * MINUTE, 111, True), (HOURS.close_ns + 4 * MINUTE, 120, False)]  # fmt: skip
    assert (open_of(tape_of(rows), HOURS)[0], close_of(tape_of(rows), HOURS)[0]) == (101, 111)
    plain = [(time, price, False) for time, price, _ in rows]
    assert (open_of(tape_of(plain), HOURS)[0], close_of(tape_of(plain), HOURS)[0]) == (100, 110)
    noon = [(HOURS.open_ns + 150 * MINUTE, 105, True)]  # a halt's end is neither
    assert open_of(tape_of(rows[:1] + noon), HOURS)[0] == 100
    assert close_of(tape_of(noon + rows[2:3]), HOURS)[0] == 110
    assert AUCTION_NS == 30 * MINUTE


def test_what_the_prints_do_not_reach_is_not_the_nearest_one():
    assert HOURS is not None
    late = HOURS.open_ns + MINUTE
    rows = [(late, 100, False), (late + MINUTE, 101, False)]
    told = tape_of(rows, lambda ns: late <= ns <= late + MINUTE)
    assert [WHY[why] for _, why in (open_of(told, HOURS), close_of(told, HOURS))] == [
        "the prints begin after the open", "the prints end before the close",
    ]  # fmt: skip


def test_each_order_has_its_own_day_and_its_own_calendar():
    """A Thursday, a Friday, the Saturday, and a symbol that always trades."""
    assert HOURS is not None
    assert BEFORE.date == date(2025, 1, 2)
    rows = [(BEFORE.open_ns, 90, False), (BEFORE.close_ns - 1, 95, False), (HOURS.open_ns, 96, False),
            (HOURS.close_ns - 1, 99, False)]  # fmt: skip
    at = np.array([BEFORE.open_ns + MINUTE, HOURS.open_ns + MINUTE, HOURS.close_ns + 20 * 3600 * 10**9, 0,
                   HOURS.open_ns + MINUTE])  # fmt: skip
    symbol = np.array([0, 0, 0, 0, 1])
    found = session_prices(
        symbol, at, {0: tape_of(rows), 1: tape_of(rows)}.get, lambda number: "24/7" if number else "XNYS",
        lambda number, day: NO_PRICE,
    )  # fmt: skip
    none = NO_PRICE
    assert found.open_e9.tolist() == [90, 96, none, none, 96]
    assert found.close_e9.tolist() == [95, 99, none, none, 99]
    assert found.previous_close_e9.tolist() == [none, 95, 99, none, 95]
    assert [WHY[code] for code in found.open_why] == ["", "", "its day is no session of its exchange",
                                                     "its day is no session of its exchange", ""]  # fmt: skip
    given_price = session_prices(symbol[:2], at[:2], lambda _: None, lambda _: "XNYS",
                                 lambda _, day: 80 if day == BEFORE.date else NO_PRICE)  # fmt: skip
    assert given_price.previous_close_e9.tolist() == [80, none]
    assert [WHY[code] for code in given_price.close_why] == [WHY[1]] * 2


def test_columns_take_open_close_and_previous_close_from_trades():
    """Two days of trades; the auction column says which print is the open."""
    assert HOURS is not None
    times = [BEFORE.open_ns + 1, BEFORE.close_ns - 1, HOURS.open_ns, HOURS.open_ns + MINUTE,
             HOURS.open_ns + 60 * MINUTE, HOURS.close_ns - 1]  # fmt: skip
    trades = {"symbol": ["AAA"] * 6, "time_ns": np.array(times),
              "price": np.array([9.0, 10.0, 10.5, 11.0, 12.0, 14.0]), "quantity": np.full(6, 100),
              "auction": np.array([0, 0, 0, 1, 0, 0])}  # fmt: skip
    orders = {"side": ["buy", "sell"], "quantity": np.array([100, 100]), "symbol": ["AAA", "AAA"],
              "decision_time_ns": np.array([HOURS.open_ns + 50 * MINUTE] * 2),
              "arrival_time_ns": np.array([HOURS.open_ns + 59 * MINUTE] * 2),
              "end_time_ns": np.array([HOURS.open_ns + 61 * MINUTE] * 2)}  # fmt: skip
    fills = {"order": np.array([0, 1]), "quantity": np.array([100, 100]), "price": np.array([12.1, 12.1])}
    got = order_costs(orders, fills, trades=trades)
    for name, price in (("open", 11.0), ("close", 14.0), ("previous_close", 10.0), ("vwap", 12.0)):
        assert got[f"{name}_e9"].tolist() == [price * 1e9] * 2
        bps = (12.1 / price - 1) * 1e4
        assert got[f"{name}_slippage_bps"].tolist() == pytest.approx([bps, -bps])
    given_close = order_costs({**orders, "close": np.array([13.0, 13.0])}, fills, trades=trades)
    assert given_close["close_slippage_bps"][0] == pytest.approx((12.1 / 13.0 - 1) * 1e4)
    short = {name: values[3:5] for name, values in trades.items()}
    assert np.isnan(order_costs(orders, fills, trades=short)["close_slippage_bps"]).all()
    closes = References(previous_closes={"AAA": "9.99"})
    told = order_costs(orders, fills, trades=short, references=closes)
    assert told["previous_close_e9"].tolist() == [9_990_000_000] * 2


index_prints = st.lists(st.tuples(st.integers(10**8, 10**11), st.integers(1, 10**5)), min_size=1, max_size=6)


@given(index_prints, st.integers(10**8, 10**11), st.floats(-3, 3), st.sampled_from([1, -1]), st.integers(1, 10**9))
def test_market_adjusted_cost_is_the_twins(rows, arrival, beta, side, paid):
    assert HOURS is not None
    begin = HOURS.open_ns
    time = np.array([begin, *(begin + MINUTE + k for k in range(len(rows)))])
    price, quantity = (np.array([first, *(row[k] for row in rows)]) for k, first in ((0, arrival), (1, 7)))
    trades = {"symbol": ["IDX"] * len(time), "time_ns": time, "price_e9": price, "quantity": quantity}
    orders = {"side": np.array([side]), "quantity": np.array([5]), "symbol": ["AAA"], "arrival_e9": np.array([10**9]),
              "arrival_time_ns": np.array([begin + 1]), "end_time_ns": np.array([begin + 2 * MINUTE])}  # fmt: skip
    fills = {"order": np.array([0]), "quantity": np.array([5]), "price_e9": np.array([paid])}
    known = References(index="IDX", betas={"AAA": beta})
    got = order_costs(orders, fills, trades=trades, references=known)["market_adjusted_bps"][0]
    expected = reference.market_adjusted_bps(side, paid, 10**9, beta, rows, arrival)
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-6 + abs(beta) * 5000 / arrival)  # VWAP is to the 1e-9
    nobody = order_costs(orders, fills, trades=trades, references=References(index="IDX"))
    assert np.isnan(nobody["market_adjusted_bps"]).all()
    assert "market_adjusted_bps" not in order_costs(orders, fills, trades=trades).columns()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"index": 5}, r"index is 5, must be a symbol"),
        ({"betas": {"AAPL": "x"}}, r"betas\['AAPL'\] is 'x', must be a finite number"),
        ({"betas": {"AAPL": float("nan")}}, r"betas\['AAPL'\] is nan"),
        ({"betas": [1]}, r"betas is \[1\], must be a mapping"),
        ({"previous_closes": {"AAPL": 0}}, r"previous_closes\['AAPL'\] is 0, must be a price above 0"),
        ({"previous_closes": {"AAPL": "1.0000000001"}}, r"at most nine decimals"),
        ({"betas": {"AAPL": 10**400}}, r"betas\['AAPL'\] is 1000"),
        ({"betas": {"AAPL": Decimal("sNaN")}}, r"betas\['AAPL'\] is Decimal\('sNaN'\)"),
        ({"previous_closes": {"AAPL": "1e999999"}}, r"previous_closes\['AAPL'\] is '1e999999'"),
        ({"previous_closes": {"AAPL": True}}, r"previous_closes\['AAPL'\] is True"),
    ],
)
def test_what_is_given_is_checked(given, words):
    with pytest.raises(ReferencesError, match=words):
        References(**given)


def test_closes_are_read_exactly(tmp_path):
    path = tmp_path / "closes.yaml"
    path.write_text("AAPL: 149.123456789\nBRK.B: 5\n")
    known = References(previous_closes=read_previous_closes(path))
    assert known.previous_closes_e9 == {"AAPL": 149_123_456_789, "BRK.B": 5 * 10**9}
    mixed = References(previous_closes={"A": Decimal("1.5"), "B": 1.1})
    assert mixed.previous_closes_e9 == {"A": 15 * 10**8, "B": 11 * 10**8}
    path.write_text("- AAPL")
    with pytest.raises(ReferencesError, match="must be a capture, or YAML"):
        read_previous_closes(path)
    path.write_text("AAPL: none")
    with pytest.raises(ReferencesError, match=r"\['AAPL'\] is 'none', must be a price"):
        read_previous_closes(path)
