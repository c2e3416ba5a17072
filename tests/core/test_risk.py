"""The native checks: each term of each check by hand, and against the plain-Python twin on random portfolios.

Every term has a test here that fails when its sign, its side or the term itself is wrong.
"""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference.risk import Book, failed, largest

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.risk import Limits
from grandmodel.execution._core.values import CHECKS

E9 = 10**9
SYMBOLS = {"A": ("tech", 1), "B": ("tech", 1), "C": ("energy", 1), "D": ("energy", 10)}


def native(book, limits):
    instruments = Instruments()
    for symbol, (sector, multiplier) in book.symbols.items():
        instruments.add(symbol, tick_e9=1, sector=sector, multiplier=multiplier)
    portfolio, table = Portfolio(instruments), Limits(instruments)
    portfolio.open_account(0, book.cash_e9)
    for symbol, quantity in book.positions.items():
        portfolio.open_position(symbol, quantity)
    for symbol, side, quantity, price_e9 in book.open_orders:
        portfolio.reserve(symbol, side, quantity, price_e9)
    for symbol, mark_e9 in book.marks_e9.items():
        portfolio.mark(symbol, mark_e9)
    portfolio.open_day(0, book.traded_e9, book.orders)
    table.set(**limits)
    return portfolio, table


def names(mask):
    return {name for bit, name, _, _ in CHECKS if mask & bit}


def check(book, limits, symbol="A", side=1, quantity=10, price_e9=100 * E9):
    portfolio, table = native(book, limits)
    mask, figures = table.check(portfolio, symbol, side, quantity, price_e9)
    assert names(mask) == failed(limits, book, symbol, side, quantity, price_e9)
    return names(mask), figures


def held(**changes):
    fields = {"symbols": SYMBOLS, "cash_e9": 10_000 * E9, "marks_e9": dict.fromkeys(SYMBOLS, 100 * E9), **changes}
    return Book(**fields)


# ---- by hand, term by term


@pytest.mark.parametrize(
    ("positions", "open_orders", "side", "worst", "raised"),
    [
        ({}, [], 1, 10, True), ({}, [], -1, 10, True),
        ({"A": 50}, [], 1, 60, True), ({"A": 50}, [], -1, 50, False),
        ({"A": -50}, [], -1, 60, True), ({"A": -50}, [], 1, 50, False),
        ({}, [("A", 1, 30, None)], 1, 40, True), ({}, [("A", 1, 30, None)], -1, 30, False),
        ({}, [("A", -1, 30, None)], -1, 40, True), ({}, [("A", -1, 30, None)], 1, 30, False),
        ({"A": 5}, [("A", -1, 30, None)], -1, 35, True), ({}, [("B", 1, 500, None)], 1, 10, True),
        ({"A": 50}, [("A", 1, 7, None), ("A", -1, 200, None)], 1, 150, False),
    ],
)  # fmt: skip
def test_worst_case_of_a_position(positions, open_orders, side, worst, raised):
    book = held(positions=positions, open_orders=open_orders)
    assert check(book, {"default_position": worst}, side=side)[0] == set()
    out, figures = check(book, {"default_position": worst - 1}, side=side)
    assert figures["position"] == (worst, worst - 1)
    assert out == ({"position"} if raised else set())


def test_a_position_limit_of_a_symbol_goes_before_the_default():
    limits = {"positions": {"A": 5}, "default_position": 100}
    assert check(held(), limits)[0] == {"position"}
    assert check(held(), limits, symbol="B")[0] == set()
    assert check(held(), {"positions": {"A": 5}}, symbol="B")[0] == set()


def test_a_sell_through_zero_counts_what_it_opens():
    limits = {"default_position": 50}
    book = held(positions={"A": 100})
    assert check(book, limits, side=-1, quantity=150)[0] == set()  # ends at -50, never worse than before
    assert check(book, limits, side=-1, quantity=201)[0] == {"position"}
    assert check(book, limits, side=1, quantity=1)[0] == {"position"}


def test_size_notional_and_value():
    assert check(held(), {"max_order_size": 10})[0] == set()
    assert check(held(), {"max_order_size": 9})[0] == {"order_size"}
    assert check(held(), {"max_notional_e9": 1000 * E9})[0] == set()
    assert check(held(), {"max_notional_e9": 1000 * E9 - 1})[0] == {"notional"}
    assert check(held(), {"max_order_value_e9": 999 * E9}, side=-1)[0] == {"order_value"}
    assert check(held(), {"max_notional_e9": 9_999 * E9}, symbol="D")[0] == {"notional"}  # ten units a contract
    assert check(held(), {"max_notional_e9": E9}, price_e9=None)[0] == {"price"}


def test_the_day_counts_what_traded_what_is_open_and_the_order():
    book = held(traded_e9=500 * E9, open_orders=[("B", 1, 3, 100 * E9), ("C", -1, 2, 50 * E9)])
    used = (500 + 300 + 100 + 1000) * E9
    assert check(book, {"daily_value_e9": used})[0] == set()
    assert check(book, {"daily_value_e9": used - 1})[0] == {"daily_value"}
    assert check(held(orders=4), {"daily_orders": 5})[0] == set()
    assert check(held(orders=5), {"daily_orders": 5})[0] == {"daily_count"}


def test_exposures_are_of_equity():
    book = held(positions={"B": 20}, cash_e9=8_000 * E9)  # equity 10,000
    sector = {"sectors": {"tech": 0.3}}
    assert check(book, sector)[0] == set()
    assert check(book, {"sectors": {"tech": 0.2999}})[0] == {"sector"}
    assert check(book, sector, symbol="C", quantity=99)[0] == set()  # no limit for that sector
    assert check(book, {"default_sector": 0.0999}, symbol="C")[0] == {"sector"}
    assert check(book, {"max_leverage": 0.3})[0] == set()
    assert check(book, {"max_leverage": 0.2999})[0] == {"leverage"}
    assert check(book, {"max_concentration": 0.1})[0] == set()
    assert check(book, {"max_concentration": 0.0999})[0] == {"concentration"}
    short = held(positions={"B": -20}, cash_e9=12_000 * E9)  # equity 10,000: a short position weighs as much
    assert check(short, {"max_leverage": 0.3})[0] == set()
    assert check(short, {"max_leverage": 0.2999})[0] == {"leverage"}
    assert check(held(open_orders=[("B", -1, 20, None)]), {"max_leverage": 0.2999})[0] == {"leverage"}


def test_what_lowers_the_risk_passes_over_any_limit():
    book = held(positions={"A": 100})
    limits = {"default_position": 1, "sectors": {"tech": 0.0}, "max_leverage": 0.0, "max_concentration": 0.0}
    assert check(book, limits, side=-1, quantity=10)[0] == set()
    assert check(book, limits, side=-1, quantity=200)[0] == set()
    assert check(book, limits, side=1, quantity=1)[0] == {"position", "sector", "leverage", "concentration"}


def test_missing_inputs_fail_closed_where_risk_is_raised():
    exposure = {"max_leverage": 1000.0}
    assert check(held(marks_e9={}), exposure)[0] == {"price"}
    assert check(held(marks_e9={"A": E9}, positions={"B": 1}), exposure)[0] == {"price"}
    assert check(held(marks_e9={}, positions={"A": 10}), exposure, side=-1)[0] == set()
    assert check(held(cash_e9=0), exposure)[0] == {"leverage"}
    assert check(held(cash_e9=-5 * E9), exposure)[0] == {"leverage"}
    _, figures = check(held(marks_e9={}), {**exposure, "max_notional_e9": 1}, price_e9=None)
    assert all(math.isnan(used) for used, _ in figures.values())
    assert set(figures) == {"leverage", "notional"}


def test_figures_beyond_128_bits_fail_closed():
    """Multiplied for the comparison they would wrap round and pass."""
    top = 2**23 * 10**9 - 1
    book = held(cash_e9=1 << 95, marks_e9=dict.fromkeys(SYMBOLS, top), positions={"D": 1 << 50, "C": 1 << 50})
    limits = {"max_leverage": 10**6, "max_concentration": 10**6, "default_sector": 10**6}
    portfolio, table = native(book, limits)
    mask, _ = table.check(portfolio, "D", 1, 1 << 50, top)
    assert names(mask) == {"sector", "leverage", "concentration"}


# ---- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_order_size": -1}, {"max_order_size": 1.5}, {"max_order_size": True}, {"max_order_size": 1 << 62},
        {"default_position": "5"}, {"positions": {"A": -1}}, {"positions": {"X": 1}}, {"max_notional_e9": 1.0},
        {"daily_value_e9": 1 << 96}, {"sectors": {"tech": -0.1}}, {"default_sector": float("nan")},
        {"max_leverage": float("inf")}, {"max_concentration": True}, {"daily_orders": None, "max_leverage": 1e7},
    ],
)  # fmt: skip
def test_wrong_limits_change_nothing(wrong):
    portfolio, table = native(held(), {"max_order_size": 5})
    before = table.settings
    with pytest.raises(ValueError, match="|".join(wrong)):
        table.set(**wrong)
    assert table.settings == before
    assert names(table.check(portfolio, "A", 1, 6)[0]) == {"order_size"}


def test_what_is_not_set_is_off():
    portfolio, table = native(held(), {})
    assert table.configured == []
    assert table.check(portfolio, "A", 1, 1 << 50, None) == (0, {})
    table.set(max_leverage=1.0, max_order_size=5)
    assert table.configured == ["order_size", "leverage"]
    table.set()
    assert table.configured == []


@pytest.mark.parametrize(("side", "quantity"), [(0, 5), (2, 5), (1, 0), (-1, -5)])
def test_what_is_no_order(side, quantity):
    portfolio, table = native(held(), {})
    with pytest.raises(ValueError, match="side is"):
        table.check(portfolio, "A", side, quantity)
    with pytest.raises(KeyError):
        table.check(portfolio, "nobody", 1, 1)
    with pytest.raises(ValueError, match="account"):
        table.check(portfolio, "A", 1, 1, account=64)


# ---- against the twin

quantities = st.integers(-200, 200)
prices = st.one_of(st.none(), st.integers(1, 300).map(lambda x: x * E9 // 2))
symbols = st.sampled_from(sorted(SYMBOLS))
some_limits = st.fixed_dictionaries(
    {},
    optional={
        "positions": st.dictionaries(symbols, st.integers(0, 300)), "default_position": st.integers(0, 300),
        "max_order_size": st.integers(0, 150), "max_notional_e9": st.integers(0, 20_000).map(lambda x: x * E9),
        "max_order_value_e9": st.integers(0, 20_000).map(lambda x: x * E9), "daily_orders": st.integers(0, 5),
        "daily_value_e9": st.integers(0, 60_000).map(lambda x: x * E9),
        "sectors": st.dictionaries(st.sampled_from(["tech", "energy"]), st.integers(0, 30).map(lambda x: x / 8)),
        "default_sector": st.integers(0, 30).map(lambda x: x / 8),
        "max_leverage": st.integers(0, 40).map(lambda x: x / 8),
        "max_concentration": st.integers(0, 30).map(lambda x: x / 8),
    },
)  # fmt: skip
books = st.builds(
    Book, symbols=st.just(SYMBOLS), cash_e9=st.integers(-20_000, 80_000).map(lambda x: x * E9),
    positions=st.dictionaries(symbols, quantities), traded_e9=st.integers(0, 30_000).map(lambda x: x * E9),
    open_orders=st.lists(st.tuples(symbols, st.sampled_from([1, -1]), st.integers(1, 100), prices), max_size=6),
    marks_e9=st.one_of(
        st.fixed_dictionaries({s: st.integers(1, 300).map(lambda x: x * E9 // 2) for s in SYMBOLS}),
        st.dictionaries(symbols, st.integers(1, 300).map(lambda x: x * E9 // 2)),
    ),
    orders=st.integers(0, 6),
)  # fmt: skip
sides = st.sampled_from([1, -1])


@settings(max_examples=600, deadline=None)
@given(books, some_limits, symbols, sides, st.integers(1, 200), prices)
def test_native_and_twin_agree(book, limits, symbol, side, quantity, price_e9):
    portfolio, table = native(book, limits)
    mask, figures = table.check(portfolio, symbol, side, quantity, price_e9)
    assert names(mask) == failed(limits, book, symbol, side, quantity, price_e9)
    for name, (used, limit) in figures.items():  # what fails is above its limit, or not known
        if name in names(mask):
            assert used > limit
    assert table.largest(portfolio, symbol, side, quantity, price_e9) == largest(
        limits, book, symbol, side, quantity, price_e9
    )


@settings(max_examples=200, deadline=None)
@given(books, some_limits, symbols, sides, prices, st.integers(1, 199))
def test_what_passes_passes_in_any_smaller_size(book, limits, symbol, side, price_e9, quantity):
    portfolio, table = native(book, limits)
    assume(table.check(portfolio, symbol, side, quantity + 1, price_e9)[0] == 0)
    assert table.check(portfolio, symbol, side, quantity, price_e9)[0] == 0


@settings(max_examples=100, deadline=None)
@given(books, some_limits, st.lists(st.tuples(symbols, sides, st.integers(1, 200), prices), min_size=1, max_size=20))
def test_a_batch_of_checks_is_one_by_one(book, limits, orders):
    portfolio, table = native(book, limits)
    order_of = sorted(SYMBOLS)
    out = np.zeros(len(orders), np.uint64)
    passed = table.check_many(
        portfolio,
        np.array([order_of.index(each[0]) for each in orders], np.int32),
        np.array([each[1] for each in orders], np.int8),
        np.array([each[2] for each in orders], np.int64),
        np.array([NO_PRICE if each[3] is None else each[3] for each in orders], np.int64),
        out,
    )
    assert out.tolist() == [table.check(portfolio, *each)[0] for each in orders]
    assert passed == (out == 0).sum()


def test_a_batch_of_checks_refuses_what_is_none():
    portfolio, table = native(held(), {})
    columns = [
        np.zeros(2, np.int32),
        np.ones(2, np.int8),
        np.ones(2, np.int64),
        np.ones(2, np.int64),
        np.zeros(2, np.uint64),
    ]
    assert table.check_many(portfolio, *columns) == 2
    for index, value in ((0, 4), (0, -1), (1, 0), (2, 0)):
        wrong = [column.copy() for column in columns]
        wrong[index][1] = value
        with pytest.raises(ValueError, match="row 1"):
            table.check_many(portfolio, *wrong)
    with pytest.raises(ValueError, match="length"):
        table.check_many(portfolio, columns[0][:1], *columns[1:])
