"""Positions, open orders and cash: running totals against totals made anew, and against the fills of the log."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import E9, EXEC_TRADE, make_core, order, report, resting

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.portfolio import Portfolio

SECTORS = {"A": "tech", "B": "tech", "C": "energy"}


def empty():
    instruments = Instruments()
    for symbol, sector in SECTORS.items():
        instruments.add(symbol, tick_e9=1, sector=sector, multiplier=10 if symbol == "C" else 1)
    return Portfolio(instruments)


def test_an_empty_account():
    portfolio = empty()
    assert portfolio.positions() == {}
    assert portfolio.position("A") == (0, 0, 0)
    assert portfolio.account() == {
        "cash_e9": 0, "equity_e9": 0, "gross_exposure_e9": 0, "net_exposure_e9": 0, "traded_e9": 0, "reserved_e9": 0,
        "orders_today": 0, "open_orders": 0, "messages": 0, "forgotten_orders": 0, "unmarked_symbols": 0, "sector_exposure_e9": {},
    }  # fmt: skip


def test_totals_by_hand():
    portfolio = empty()
    portfolio.open_account(0, 1000 * E9)
    portfolio.open_position("A", 10, mark_e9=5 * E9)
    portfolio.open_position("C", -2, mark_e9=7 * E9)
    portfolio.reserve("A", 1, 4, 6 * E9)
    portfolio.reserve("B", -1, 3, None)
    account = portfolio.account()
    assert account["equity_e9"] == (1000 + 50 - 140) * E9
    assert account["gross_exposure_e9"] == (14 * 5 + 2 * 7 * 10) * E9
    assert account["sector_exposure_e9"] == {"tech": 70 * E9, "energy": 140 * E9}
    assert account["reserved_e9"] == 24 * E9
    assert account["unmarked_symbols"] == 1
    portfolio.mark("B", 2 * E9)
    account = portfolio.account()
    assert account["unmarked_symbols"] == 0
    assert account["sector_exposure_e9"]["tech"] == 76 * E9
    portfolio.reserve("B", -1, 3, None, release=True)
    portfolio.reserve("A", 1, 4, 6 * E9, release=True)
    assert portfolio.positions() == {"A": (10, 0, 0), "C": (-2, 0, 0)}
    assert portfolio.account()["reserved_e9"] == 0


def test_accounts_are_apart_and_marks_are_shared():
    portfolio = empty()
    portfolio.open_position("A", 10, account=3, mark_e9=5 * E9)
    portfolio.open_position("A", -1, account=63)
    assert portfolio.position("A") == (0, 0, 0)
    assert portfolio.account(3)["equity_e9"] == 50 * E9
    assert portfolio.account(63)["equity_e9"] == -5 * E9
    portfolio.mark("A", 6 * E9)
    assert portfolio.account(3)["equity_e9"] == 60 * E9


def test_days_begin_as_told():
    portfolio = empty()
    portfolio.open_day(0, 5 * E9, 7)
    assert (portfolio.account()["traded_e9"], portfolio.account()["orders_today"]) == (5 * E9, 7)


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.open_account(64, 0), lambda p: p.open_account(-1, 0), lambda p: p.open_account(True, 0),
        lambda p: p.open_account(0, 1.5), lambda p: p.open_account(0, 1 << 96), lambda p: p.open_position("A", 1 << 51),
        lambda p: p.open_position("A", 1.0), lambda p: p.mark("A", 0), lambda p: p.mark("A", -1),
        lambda p: p.mark("A", 1.0),
        lambda p: p.mark("A", 2**23 * 10**9), lambda p: p.reserve("A", 0, 1), lambda p: p.reserve("A", 1, 0),
        lambda p: p.open_day(0, -1), lambda p: p.open_day(0, 1.0), lambda p: p.open_day(0, 0, -1),
        lambda p: p.open_day(0, 0, True), lambda p: p.open_position("A", 1, mark_e9=0),
    ],
)  # fmt: skip
def test_wrong_figures_change_nothing(call):
    portfolio = empty()
    with pytest.raises(ValueError, match="is"):
        call(portfolio)
    assert portfolio.positions() == {}
    assert portfolio.account()["cash_e9"] == 0
    with pytest.raises(KeyError, match="nobody"):
        portfolio.position("nobody")


def test_money_is_exact_beyond_64_bits():
    portfolio = empty()
    portfolio.open_account(0, -(1 << 95))
    assert portfolio.account()["cash_e9"] == -(1 << 95)
    portfolio.open_position("A", 1 << 50, mark_e9=2**23 * 10**9 - 1)
    assert portfolio.account()["equity_e9"] == (1 << 50) * (2**23 * 10**9 - 1) - (1 << 95)


steps = st.lists(
    st.tuples(
        st.sampled_from(["open", "reserve", "release", "mark"]), st.sampled_from(sorted(SECTORS)),
        st.sampled_from([1, -1]), st.integers(1, 50), st.integers(1, 500),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(steps, st.data())
def test_running_totals_are_totals_made_anew(steps, data):
    portfolio = empty()
    positions, opened, marks = dict.fromkeys(SECTORS, 0), [], {}
    for what, symbol, side, quantity, price in steps:
        if what == "open":
            portfolio.open_position(symbol, side * quantity)
            positions[symbol] = side * quantity
        elif what == "reserve":
            portfolio.reserve(symbol, side, quantity, price)
            opened.append((symbol, side, quantity, price))
        elif what == "release" and opened:
            portfolio.reserve(*opened.pop(data.draw(st.integers(0, len(opened) - 1))), release=True)
        elif what == "mark":
            portfolio.mark(symbol, price)
            marks[symbol] = price
        if data.draw(st.booleans()):
            portfolio.settle()
    scale = {"A": 1, "B": 1, "C": 10}
    worst = {}
    for symbol, quantity in positions.items():
        buys = sum(each[2] for each in opened if each[0] == symbol and each[1] > 0)
        sells = sum(each[2] for each in opened if each[0] == symbol and each[1] < 0)
        assert portfolio.position(symbol) == (quantity, buys, sells)
        worst[symbol] = max(abs(quantity + buys), abs(quantity - sells))
    account = portfolio.account()
    exposure = {symbol: worst[symbol] * marks.get(symbol, 0) * scale[symbol] for symbol in SECTORS}
    assert account["gross_exposure_e9"] == sum(exposure.values())
    assert account["sector_exposure_e9"].get("tech", 0) == exposure["A"] + exposure["B"]
    assert account["equity_e9"] == sum(positions[s] * marks.get(s, 0) * scale[s] for s in SECTORS)
    assert account["reserved_e9"] == sum(quantity * price * scale[symbol] for symbol, _, quantity, price in opened)
    assert account["unmarked_symbols"] == sum(worst[s] != 0 and s not in marks for s in SECTORS)


# ---- moved by the engine


def test_fills_move_cash_and_position_at_once():
    core, gate = make_core(limits={})
    gate.submit_order(order(quantity=500))
    gate.submit_order(order(side="sell", quantity=200))
    gate.submit_order(order(side="sell", symbol="JPM", quantity=300))
    ticket = gate.submit_order(resting(quantity=100))
    core.report(report(core, ticket.order_id, EXEC_TRADE, quantity=60, price=140.0))
    fills = core.fills()
    cash = 100_000_000 * E9 - sum(
        int(f["side"]) * int(f["price_e9"]) * int(f["quantity"]) + int(f["fee_e9"]) for f in fills
    )
    account = core.portfolio.account()
    assert account["cash_e9"] == cash
    assert account["traded_e9"] == sum(int(f["price_e9"]) * int(f["quantity"]) for f in fills)
    assert account["orders_today"] == 4
    assert account["reserved_e9"] == 40 * 140 * E9
    assert core.portfolio.positions() == {"AAPL": (360, 40, 0), "JPM": (-300, 0, 0)}


def test_a_childs_fill_after_its_parents_row_has_gone_releases_nothing():
    """Its parent's reservation went when the parent ended: released again it would go below zero."""
    core, gate = make_core(limits={}, retained=1)
    parent = core.submit_parent(order(quantity=100), "vwap")
    one = core.submit_child(parent.order_id, 50, 140 * E9)
    two = core.submit_child(parent.order_id, 50, 140 * E9)
    core.report(report(core, one.order_id, EXEC_TRADE, quantity=100, price=140.0))  # too much: the parent is filled
    assert parent.status == "FILLED"
    gate.submit_order(order())
    gate.submit_order(order())
    core.report(report(core, two.order_id, EXEC_TRADE, quantity=50, price=140.0))
    assert core.portfolio.position("AAPL") == (350, 0, 0)
    assert core.portfolio.account()["reserved_e9"] == 0
