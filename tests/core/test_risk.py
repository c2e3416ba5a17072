"""The native checks: each term of each check by hand, and against the plain-Python twin on random portfolios.

Every term has a test here that fails when its sign, its side or the term itself is wrong.
"""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference.risk import Book, failed, largest

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.risk import NOT_EVALUATED, RATE_MAX, Limits
from grandmodel.execution._core.values import CHECKS

E9 = 10**9
SYMBOLS = {"A": ("tech", 1), "B": ("tech", 1), "C": ("energy", 1), "D": ("energy", 10)}


def native(book, limits):
    instruments = Instruments()
    for symbol, (sector, multiplier) in book.symbols.items():
        instruments.add(symbol, tick_e9=book.tick_e9, sector=sector, multiplier=multiplier, adv=book.adv.get(symbol))
    portfolio, table = Portfolio(instruments), Limits(instruments)
    portfolio.open_account(0, book.cash_e9)
    for symbol, quantity in book.positions.items():
        portfolio.open_position(symbol, quantity)
    for symbol, side, quantity, price_e9 in book.open_orders:
        portfolio.reserve(symbol, side, quantity, price_e9)
    for symbol, mark_e9 in book.marks_e9.items():
        portfolio.mark(symbol, mark_e9)
    portfolio.open_day(0, book.traded_e9, book.orders, len(book.open_orders))
    for symbol, side, quantity, price_e9, time_ns in book.sent:
        portfolio.note(symbol, side, quantity, price_e9, time_ns=time_ns)
    table.set(**limits)
    return portfolio, table


def moment(book, symbol):
    """What a check is told of an order's moment."""
    quote = book.quotes.get(symbol, (None,) * 4)
    return {"quote": quote, "now_ns": book.now_ns, "halted": symbol in book.halted}


def names(mask):
    return {name for bit, name, _, _ in CHECKS if mask & bit}


def check(book, limits, symbol="A", side=1, quantity=10, price_e9=100 * E9):
    portfolio, table = native(book, limits)
    mask, figures = table.check(portfolio, symbol, side, quantity, price_e9, **moment(book, symbol))
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


def test_gross_and_net_exposure_in_money():
    book = held(positions={"B": 30, "C": -20}, open_orders=[("C", 1, 5, None)])  # long 30 B, short 20 C, 5 C to buy
    gross = (30 + 20 + 10) * 100 * E9
    assert check(book, {"max_gross_e9": gross})[0] == set()
    assert check(book, {"max_gross_e9": gross - 1})[0] == {"gross_exposure"}
    assert check(book, {"max_gross_e9": 0}, symbol="B", side=-1)[0] == set()
    net = (30 - 15 + 10) * 100 * E9  # with the open buy of C filled, and the order
    assert check(book, {"max_net_e9": net})[0] == set()
    out, figures = check(book, {"max_net_e9": net - 1})
    assert out == {"net_exposure"}
    assert figures["net_exposure"] == (2500.0, (net - 1) / 1e9)
    # Selling brings the short sum from 10 to 0: the long one is the larger, and stays.
    assert check(book, {"max_net_e9": 0}, side=-1)[0] == set()
    assert check(book, {"max_net_e9": 0}, side=-1, quantity=26)[0] == {"net_exposure"}
    assert check(held(positions={"D": -3}), {"max_net_e9": 3999 * E9}, symbol="D", side=-1,
        quantity=1)[0] == {"net_exposure"}


QUOTE = (99 * E9, 101 * E9, 100 * E9, 0)  # of cents: mid 100


@pytest.mark.parametrize(
    ("limits", "side", "price", "fails"),
    [
        ({"collar_bps": 100}, 1, 101.00, False), ({"collar_bps": 100}, 1, 101.01, True),
        ({"collar_bps": 100}, -1, 99.00, False), ({"collar_bps": 100}, -1, 98.99, True),
        ({"collar_bps": 0}, 1, 50.00, False), ({"collar_bps": 0}, -1, 150.00, False),  # far from trading is no error
        ({"collar_bps": 99.99}, 1, None, True), ({"collar_bps": 100}, 1, None, False),  # a market order takes the touch
        ({"collar_bps": 99.99}, -1, None, True), ({"collar_ticks": 100}, 1, 101.00, False),
        ({"collar_ticks": 99}, 1, 101.00, True), ({"collar_ticks": 99}, -1, 99.00, True),
    ],
)  # fmt: skip
def test_the_collar(limits, side, price, fails):
    book = held(quotes={"A": QUOTE}, tick_e9=E9 // 100)
    price_e9 = None if price is None else round(price * 100) * E9 // 100
    assert check(book, limits, side=side, price_e9=price_e9)[0] == ({"price_collar"} if fails else set())


def test_what_the_collar_is_measured_from():
    book = held(quotes={"A": (99 * E9, 101 * E9, 90 * E9, 0)}, marks_e9={"A": 110 * E9})
    for reference, most in (("mid", 101), ("last", 90.9), ("mark", 111.1)):
        limits = {"collar_bps": 100, "collar_reference": reference}
        assert check(book, limits, price_e9=round(most * E9))[0] == set()
        assert check(book, limits, price_e9=round(most * E9) + 1)[0] == {"price_collar"}
    for missing in ((None, 101 * E9, E9, 0), (99 * E9, None, E9, 0)):
        assert check(held(quotes={"A": missing}), {"collar_bps": 1e6})[0] == {"price"}
    assert check(held(quotes={"A": (E9, E9, None, 0)}), {"collar_bps": 1e6, "collar_reference": "last"})[0] == {"price"}
    assert check(held(marks_e9={}), {"collar_bps": 1e6, "collar_reference": "mark"})[0] == {"price"}
    assert check(held(positions={"A": 10}, quotes={"A": QUOTE}), {"collar_bps": 0}, side=-1,
        price_e9=E9)[0] == {"price_collar"}


def test_a_share_of_the_daily_volume():
    book = held(adv={"A": 200})
    assert check(book, {"max_volume": 0.05})[0] == set()
    out, figures = check(book, {"max_volume": 0.049999999})
    assert (out, figures["daily_volume"]) == ({"daily_volume"}, (0.05, 0.049999999))
    out, figures = check(book, {"max_volume": 1e6}, symbol="B")  # not known how much trades: too much
    assert out == {"daily_volume"}
    assert figures["daily_volume"][0].reason == "no average daily volume"


def test_an_order_repeats_another_only_if_all_of_it_is_the_same():
    sent = [("A", 1, 10, 100 * E9, 1000)]
    limits = {"duplicate_ns": 500}
    assert check(held(sent=sent, now_ns=1499), limits)[0] == {"duplicate"}
    assert check(held(sent=sent, now_ns=1500), limits)[0] == set()
    book = held(sent=sent, now_ns=1001)
    for changed in ({"symbol": "B"}, {"side": -1}, {"quantity": 11}, {"price_e9": 100 * E9 + 1}, {"price_e9": None}):
        assert check(book, limits, **changed)[0] == set()
    assert check(held(sent=[("A", 1, 10, None, 1000)], now_ns=1001), limits, price_e9=None)[0] == {"duplicate"}
    again = [*sent, ("A", 1, 10, 100 * E9, 1400)]  # the latest counts
    assert check(held(sent=again, now_ns=1899), limits)[0] == {"duplicate"}
    portfolio, table = native(book, limits)
    assert table.check(portfolio, "A", 1, 10, 100 * E9, 1, **moment(book, "A"))[0] == 0  # of another account
    assert table.largest(portfolio, "A", 1, 10, 100 * E9, **moment(book, "A")) == 0


def test_the_table_of_repetitions_forgets_the_oldest_of_a_full_set_and_says_so():
    book = held(sent=[("A", 1, size, 100 * E9, size) for size in range(1, 30_001)], now_ns=30_001)
    portfolio, table = native(book, {"duplicate_ns": 10**6})
    portfolio.note("A", 1, 1, 100 * E9, time_ns=30_001, window_ns=10**6)
    latest = range(30_001 - 4_000, 30_001)
    missed = [size for size in latest if not table.check(portfolio, "A", 1, size, 100 * E9, **moment(book, "A"))[0]]
    assert len(missed) < 400  # 2,048 sets of four: of the last 4,000 a few lie in sets that had four more
    assert not [size for size in range(29_900, 30_001) if size in missed]
    for size in range(40_000, 80_000):
        portfolio.note("A", 1, size, 100 * E9, time_ns=30_002, window_ns=10**6)
    assert portfolio.account()["forgotten_orders"] > 30_000


def test_the_message_rate_is_exact_and_slides():
    limits = {"max_messages": 3, "rate_ns": 1000}
    sent = [("B", 1, 1, E9, time) for time in (100, 400, 900)]
    assert check(held(sent=sent[:2], now_ns=950), limits)[0] == set()
    out, figures = check(held(sent=sent, now_ns=950), limits)
    assert (out, figures["message_rate"]) == ({"message_rate"}, (4, 3))
    assert check(held(sent=sent, now_ns=1099), limits)[0] == {"message_rate"}
    assert check(held(sent=sent, now_ns=1100), limits)[0] == set()  # the first has left the window
    assert check(held(), {"max_messages": 0})[0] == {"message_rate"}
    many = [("B", 1, 1, E9, time) for time in range(RATE_MAX + 10)]  # more than the ring remembers
    full = held(sent=many, now_ns=RATE_MAX + 10)
    assert check(full, {"max_messages": RATE_MAX, "rate_ns": RATE_MAX})[0] == set()
    assert check(full, {"max_messages": RATE_MAX, "rate_ns": RATE_MAX + 1})[0] == {"message_rate"}
    portfolio, table = native(held(sent=sent, now_ns=950), limits)
    assert table.check(portfolio, "A", 1, 1, E9, 1, now_ns=950)[0] == 0  # of another account


def test_open_orders_and_bars():
    book = held(open_orders=[("B", 1, 3, 100 * E9)] * 4)
    assert check(book, {"max_open_orders": 5})[0] == set()
    out, figures = check(book, {"max_open_orders": 4})
    assert (out, figures["open_orders"]) == ({"open_orders"}, (5, 4))
    assert check(held(), {"restricted": ["A", "C"]})[0] == {"restricted"}
    assert check(held(positions={"A": 50}), {"restricted": ["A"]}, side=-1)[0] == {"restricted"}  # not even to get out
    assert check(held(), {"restricted": ["C"]})[0] == set()


@pytest.mark.parametrize(
    ("position", "opened", "quantity", "short"),
    [(10, 0, 10, 0), (10, 0, 11, 1), (10, 4, 6, 0), (10, 4, 7, 1), (0, 0, 5, 5), (-5, 0, 5, 10), (5, 10, 1, 6)],
)
def test_short_sales(position, opened, quantity, short):
    orders = [("A", -1, opened, None)] if opened else []
    book = held(positions={"A": position}, open_orders=orders)
    for limits in ({"long_only": True}, {"long_only": ["A", "B"]}):
        out, figures = check(book, limits, side=-1, quantity=quantity)
        assert out == ({"long_only"} if short else set())
        assert figures["long_only"] == (short, 0)
    assert check(book, {"long_only": ["B"]}, side=-1, quantity=quantity)[0] == set()
    for name in ("located", "default_located"):
        enough, short_of_it = ({"A": short}, {"A": short - 1}) if name == "located" else (short, short - 1)
        assert check(book, {name: enough}, side=-1, quantity=quantity)[0] == set()
        if short:
            assert check(book, {name: short_of_it}, side=-1, quantity=quantity)[0] == {"locate"}
    assert check(book, {"long_only": True, "default_located": 0},
        quantity=quantity)[0] == set()  # who buys sells nothing short
    assert check(book, {"located": {}}, side=-1, quantity=quantity)[0] == ({"locate"} if short else set())
    assert check(book, {"located": {"A": 0}, "default_located": 99}, side=-1,
        quantity=quantity)[0] == ({"locate"} if short else set())


def test_the_age_of_a_quote_and_halts():
    book = held(quotes={"A": (99 * E9, None, None, 1000)}, now_ns=1500, halted=frozenset("B"))
    assert check(book, {"max_age_ns": 500})[0] == set()
    assert check(book, {"max_age_ns": 499})[0] == {"stale_quote"}
    out, figures = check(book, {"max_age_ns": 10**15}, symbol="B")
    assert (out, figures["stale_quote"][0].reason) == ({"stale_quote"}, "nobody quotes")
    assert check(book, {"halts": True}, symbol="B")[0] == {"halted"}
    assert check(book, {"halts": True})[0] == set()
    assert check(book, {}, symbol="B")[0] == set()


def test_what_is_not_given_is_not_evaluated():
    limits = {"collar_bps": 1, "max_age_ns": 1, "max_messages": 0, "duplicate_ns": 10**9, "halts": True,
        "self_match": "cancel_both"}
    portfolio, table = native(held(), limits)
    mask, figures = table.check(portfolio, "A", 1, 10, 500 * E9)
    assert mask == 0
    assert set(figures) == {"price_collar", "stale_quote", "message_rate", "duplicate", "halted", "self_match"}
    assert all(used is NOT_EVALUATED for used, _ in figures.values())
    mask, figures = table.check(portfolio, "A", 1, 10, 500 * E9, quote=QUOTE, now_ns=2, halted=True)
    assert names(mask) == {"price_collar", "stale_quote", "message_rate", "halted"}
    assert figures["self_match"][0] is NOT_EVALUATED  # only its route says at which venue
    table.set(collar_bps=1, collar_reference="mark")
    assert names(table.check(portfolio, "A", 1, 10, 500 * E9)[0]) == {"price_collar"}


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
        {"max_gross_e9": -1}, {"max_gross_e9": 1 << 96}, {"max_net_e9": 0.5}, {"max_net_e9": float("nan")},
        {"collar_bps": -1}, {"collar_bps": float("nan")}, {"collar_bps": float("inf")}, {"collar_bps": True},
        {"collar_bps": "5"},
        {"collar_bps": 1e7}, {"collar_ticks": 1.0}, {"collar_ticks": -1}, {"collar_ticks": 1 << 63}, {"collar_bps": 1,
        "collar_ticks": 1},
        {"collar_reference": "open"}, {"collar_reference": None}, {"max_volume": -0.1}, {"max_volume": float("nan")},
        {"max_volume": True},
        {"duplicate_ns": -1}, {"duplicate_ns": 1.5}, {"duplicate_ns": 1 << 63}, {"max_messages": -1},
        {"max_messages": 65_537},
        {"max_messages": True}, {"rate_ns": 0}, {"rate_ns": None}, {"rate_ns": -5}, {"rate_ns": 86_400_000_000_001},
        {"max_open_orders": -1}, {"max_open_orders": 2**63}, {"max_open_orders": float("nan")}, {"restricted": "A"},
        {"restricted": ["X"]}, {"restricted": True}, {"restricted": 5}, {"long_only": "A"}, {"long_only": ["X"]},
        {"long_only": 1},
        {"located": {"X": 1}}, {"located": {"A": -1}}, {"located": {"A": True}}, {"located": {"A": 2**63}},
        {"default_located": 0.5},
        {"max_age_ns": -1}, {"max_age_ns": 2**63}, {"max_age_ns": 0.1}, {"halts": 1}, {"halts": None},
        {"self_match": "cancel"},
        {"self_match": 1}, {"self_match": True},
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
        "max_gross_e9": st.integers(0, 60_000).map(lambda x: x * E9), "max_net_e9": st.integers(0,
        40_000).map(lambda x: x * E9),
        "collar_reference": st.sampled_from(["mid", "last", "mark"]), "max_volume": st.integers(0,
        8).map(lambda x: x / 8),
        "duplicate_ns": st.integers(0, 30), "max_messages": st.integers(0, 6), "max_open_orders": st.integers(0, 8),
        "restricted": st.lists(symbols, max_size=2), "long_only": st.one_of(st.just(True),
        st.lists(symbols, max_size=2)),
        "located": st.dictionaries(symbols, st.integers(0, 100)), "default_located": st.integers(0, 100),
        "max_age_ns": st.integers(0, 40), "halts": st.booleans(),
    },
).flatmap(lambda some: st.one_of(
    st.just(some), st.integers(0, 4000).map(lambda x: {**some, "collar_bps": x}), st.integers(0,
        2000).map(lambda x: {**some, "collar_ticks": x}),
)).map(lambda some: {**some, "rate_ns": 20})  # fmt: skip
books = st.builds(
    Book, symbols=st.just(SYMBOLS), cash_e9=st.integers(-20_000, 80_000).map(lambda x: x * E9),
    positions=st.dictionaries(symbols, quantities), traded_e9=st.integers(0, 30_000).map(lambda x: x * E9),
    open_orders=st.lists(st.tuples(symbols, st.sampled_from([1, -1]), st.integers(1, 100), prices), max_size=6),
    marks_e9=st.one_of(
        st.fixed_dictionaries({s: st.integers(1, 300).map(lambda x: x * E9 // 2) for s in SYMBOLS}),
        st.dictionaries(symbols, st.integers(1, 300).map(lambda x: x * E9 // 2)),
    ),
    orders=st.integers(0, 6), now_ns=st.just(50), tick_e9=st.just(E9 // 10), halted=st.frozensets(symbols, max_size=1),
    quotes=st.dictionaries(symbols, st.tuples(prices, prices, prices, st.one_of(st.none(), st.integers(0, 50)))),
    adv=st.dictionaries(symbols, st.integers(50, 400)),
    sent=st.lists(st.tuples(symbols, st.sampled_from([1, -1]), st.integers(1, 3), prices, st.integers(0, 50)),
        max_size=6).map(
        lambda rows: sorted(rows, key=lambda row: row[4])),
)  # fmt: skip
sides = st.sampled_from([1, -1])


@settings(max_examples=600, deadline=None)
@given(books, some_limits, symbols, sides, st.integers(1, 200), prices)
def test_native_and_twin_agree(book, limits, symbol, side, quantity, price_e9):
    portfolio, table = native(book, limits)
    now = moment(book, symbol)
    mask, figures = table.check(portfolio, symbol, side, quantity, price_e9, **now)
    assert names(mask) == failed(limits, book, symbol, side, quantity, price_e9)
    for name, (used, limit) in figures.items():  # what fails is above its limit, or not known
        if name in names(mask):
            assert used > limit or math.isnan(used) or used == pytest.approx(limit)
    assert table.largest(portfolio, symbol, side, quantity, price_e9, **now) == largest(
        limits, book, symbol, side, quantity, price_e9
    )


@settings(max_examples=200, deadline=None)
@given(books, some_limits, symbols, sides, prices, st.integers(1, 199))
def test_what_passes_passes_in_any_smaller_size(book, limits, symbol, side, price_e9, quantity):
    portfolio, table = native(book, limits)
    now = moment(book, symbol)
    assume(table.check(portfolio, symbol, side, quantity + 1, price_e9, **now)[0] == 0)
    out = names(table.check(portfolio, symbol, side, quantity, price_e9, **now)[0])
    assert out <= {"duplicate"}  # the smaller one may be another's repetition


@settings(max_examples=100, deadline=None)
@given(books, some_limits, st.lists(st.tuples(symbols, sides, st.integers(1, 200), prices), min_size=1, max_size=20))
def test_a_batch_of_checks_is_one_by_one(book, limits, orders):
    portfolio, table = native(book, limits)
    order_of = sorted(SYMBOLS)
    out = np.zeros(len(orders), np.uint64)
    quotes = np.array([[NO_PRICE if x is None else x for x in book.quotes.get(s, (None,
        ) * 4)] + [s in book.halted] for s in SYMBOLS], np.int64)
    passed = table.check_many(
        portfolio,
        np.array([order_of.index(each[0]) for each in orders], np.int32),
        np.array([each[1] for each in orders], np.int8),
        np.array([each[2] for each in orders], np.int64),
        np.array([NO_PRICE if each[3] is None else each[3] for each in orders], np.int64),
        out,
        quotes=quotes,
        now_ns=book.now_ns,
    )
    assert out.tolist() == [table.check(portfolio, *each, **moment(book, each[0]))[0] for each in orders]
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
    for shape in ((3, 5), (4, 4)):
        with pytest.raises(ValueError, match="quotes is"):
            table.check_many(portfolio, *columns, quotes=np.zeros(shape, np.int64))


# ---- planted errors

KINDS = {
    "position": ("limit", "sign", "side", "open", "raise"), "order_size": ("limit",), "notional": ("limit", "term"),
    "order_value": ("limit", "term"), "daily_value": ("limit", "side", "open", "term"), "daily_count": ("limit",
    "term"),
    "sector": ("limit", "sign", "side", "open", "raise", "term"), "leverage": ("limit", "sign", "side", "open",
    "raise", "term"),
    "concentration": ("limit", "sign", "side", "open", "raise", "term"),
    "gross_exposure": ("limit", "sign", "side", "open", "raise", "term"),
    "net_exposure": ("limit", "sign", "side", "open", "raise", "term"), "price_collar": ("limit", "sign", "side",
    "term"),
    "daily_volume": ("limit", "term"), "duplicate": ("limit", "sign", "side", "open", "term"),
    "message_rate": ("limit", "side", "term"),
    "open_orders": ("limit", "open", "term"), "restricted": ("term",), "long_only": ("limit", "sign", "side", "open",
    "raise"),
    "locate": ("limit", "sign", "side", "open", "raise"), "stale_quote": ("limit",), "halted": ("term",),
}  # fmt: skip


def random_case(check, random):
    """A portfolio, an order, and that one check with its limit at the order's own figure, or one unit beside it."""
    marks = {symbol: random.randrange(1, 20) * 5 * E9 for symbol in SYMBOLS}
    positions = {symbol: random.randrange(-40, 41) for symbol in SYMBOLS}
    worth = sum(positions[s] * marks[s] * SYMBOLS[s][1] for s in SYMBOLS)
    now = 1000
    book = held(
        positions=positions, marks_e9=marks, cash_e9=10**5 * E9 - worth, traded_e9=random.randrange(3) * 500 * E9,
            orders=random.randrange(4),
        open_orders=[(random.choice("ABCD"), random.choice((1, -1)), random.randrange(1, 30),
            random.choice((None, 90 * E9, 100 * E9)))
                     for _ in range(random.randrange(6))],
        quotes={s: (marks[s] - E9, marks[s] + 2 * E9, marks[s] + 3 * E9, now - random.randrange(5)) for s in SYMBOLS},
        adv=dict.fromkeys("ABC", 100), halted=frozenset("A"), now_ns=now, tick_e9=E9 // 2,
        sent=sorted(((random.choice("AB"), random.choice((1, -1)), random.choice((5, 10)),
            random.choice((None, 100 * E9)),
                      now - random.randrange(1, 7)) for _ in range(random.randrange(6))), key=lambda row: row[4]),
    )  # fmt: skip
    order = (random.choice("ABCD"), random.choice((1, -1)), random.choice((1, 5, 10, 60)),
        random.choice((None, 95 * E9, 100 * E9)))
    if check == "duplicate":  # one that is nearly another
        order = (random.choice("AB"), random.choice((1, -1)), random.choice((5, 10)), random.choice((None, 100 * E9)))
    at = random.choice((-1, 0, 0, 1))
    settings = {
        "position": lambda x: {"default_position": x + at}, "order_size": lambda x: {"max_order_size": x + at},
        "notional": lambda x: {"max_notional_e9": x * E9 + at},
        "order_value": lambda x: {"max_order_value_e9": x * E9 + at},
        "daily_value": lambda x: {"daily_value_e9": x * E9 + at}, "daily_count": lambda x: {"daily_orders": x + at},
        "sector": lambda x: {"default_sector": x + at * 1e-9}, "leverage": lambda x: {"max_leverage": x + at * 1e-9},
        "concentration": lambda x: {"max_concentration": x + at * 1e-9},
        "gross_exposure": lambda x: {"max_gross_e9": x * E9 + at},
        "net_exposure": lambda x: {"max_net_e9": x * E9 + at},
        "price_collar": lambda x: {"collar_ticks": random.choice((0, 2, 4, 5, 6, 10)),
        "collar_reference": random.choice(("mid", "last", "mark"))},
        "daily_volume": lambda x: {"max_volume": order[2] / 100 + at * 1e-9},
        "duplicate": lambda x: {"duplicate_ns": random.randrange(7)},
        "message_rate": lambda x: {"max_messages": random.randrange(5), "rate_ns": random.randrange(1, 7)},
        "open_orders": lambda x: {"max_open_orders": x + at}, "restricted": lambda x: {"restricted": ["B", "C"]},
        "long_only": lambda x: {"long_only": ["A", "B"]}, "locate": lambda x: {"default_located": x + at},
        "stale_quote": lambda x: {"max_age_ns": random.randrange(5)}, "halted": lambda x: {"halts": True},
    }[check]  # fmt: skip
    wide = {"position": {"default_position": 10**9}, "sector": {"default_sector": 1e6},
        "leverage": {"max_leverage": 1e6},
            "concentration": {"max_concentration": 1e6}, "gross_exposure": {"max_gross_e9": 1 << 90},
            "net_exposure": {"max_net_e9": 1 << 90},
            "order_size": {"max_order_size": 10**9}, "notional": {"max_notional_e9": 1 << 90},
            "order_value": {"max_order_value_e9": 1 << 90},
            "daily_value": {"daily_value_e9": 1 << 90}, "daily_count": {"daily_orders": 10**9},
            "open_orders": {"max_open_orders": 10**9},
            "locate": {"default_located": 10**9}}.get(check)  # fmt: skip
    figure = 0.0
    if wide is not None:
        portfolio, table = native(book, wide)
        figure = table.check(portfolio, *order, **moment(book, order[0]))[1][check][0]
        if math.isnan(figure):
            figure = 0.0
    whole = check not in ("sector", "leverage", "concentration")
    limits = settings(round(figure) if whole else round(figure, 9))
    if any(isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0 for value in limits.values()):
        return None
    return book, limits, order


def test_every_check_has_its_planted_errors():
    assert set(KINDS) == {name for _, name, _, _ in CHECKS} - {"price",
        "self_match"}  # the price goes with the others; tests/core/test_self_match.py


@pytest.mark.parametrize("check_name", KINDS)
def test_a_planted_error_is_caught(check_name):
    """The twin agrees with the native check on random portfolios, and no longer when one of its terms is made wrong."""
    random = Random(check_name)
    cases = [each for each in (random_case(check_name, random) for _ in range(400)) if each is not None]
    native_masks = []
    for book, limits, order in cases:
        portfolio, table = native(book, limits)
        native_masks.append(names(table.check(portfolio, *order, **moment(book, order[0]))[0]))
        assert native_masks[-1] == failed(limits, book, *order)
    assert any(check_name in mask for mask in native_masks)
    assert any(not mask for mask in native_masks)
    for kind in KINDS[check_name]:
        wrong = sum(failed(limits, book, *order, (check_name, kind)) != mask
                    for (book, limits, order), mask in zip(cases, native_masks, strict=True))  # fmt: skip
        assert wrong, f"{kind} of {check_name} could be wrong without anybody seeing it"
