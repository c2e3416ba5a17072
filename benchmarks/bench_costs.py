"""Costs over columns, per fill: a million fills of ten thousand orders, and their as-of join on five million quotes.

The full size, ten times this, is in compare_costs.py, beside other packages.
"""

import numpy as np
import pytest
from market_fills import HORIZONS, make_fills, make_orders, make_quotes, make_times

from grandmodel.execution._core.costs import FillSums, implementation_shortfall
from grandmodel.execution.analytics.asof import as_of
from grandmodel.execution.analytics.columns import order_costs

FILLS, ORDERS, SYMBOLS, QUOTES = 1_000_000, 10_000, 100, 5_000_000
KEYS = ("side", "quantity", "decision_e9", "arrival_e9", "end_e9", "fees_e9")


def made(*, by_order):
    columns = make_fills(FILLS, ORDERS, by_order=by_order)
    return make_orders(ORDERS, np.bincount(columns["order"], columns["quantity"], ORDERS).astype(np.int64)), columns


def costs_of(benchmark, orders, fills):
    got = benchmark(order_costs, orders, fills)
    q, p, order = fills["quantity"], fills["price_e9"], fills["order"]
    mine = order == 7
    notional = int((q[mine] * p[mine]).sum())
    assert got["trading_e9"][7] == orders["side"][7] * (notional - got["filled_quantity"][7] * orders["arrival_e9"][7])
    return got


@pytest.fixture(scope="module")
def by_order():
    return made(by_order=True)


@pytest.fixture(scope="module")
def by_time():
    return made(by_order=False)


@pytest.fixture(scope="module")
def quotes():
    return make_quotes(QUOTES, SYMBOLS)


def bench_costs_by_order(benchmark, by_order):
    """Every part of the shortfall, VWAP slippage, spread capture and four markouts; asked at full size: 25."""
    assert len(costs_of(benchmark, *by_order)["markout_300_bps"]) == ORDERS


def bench_costs_by_time(benchmark, by_time):
    """The same with an order's fills apart."""
    costs_of(benchmark, *by_time)


def bench_costs_shortfall(benchmark, by_time):
    """VWAP and shortfall alone; asked at full size: 5."""
    orders, fills = by_time
    columns = fills["order"], fills["quantity"], fills["price_e9"]
    got = benchmark(implementation_shortfall, *(orders[key] for key in KEYS), *columns)
    assert (got.filled_quantity <= orders["quantity"]).all()


def bench_costs_sums_of_one_fill(benchmark):
    """What a piece costs beside its fills."""
    sums = FillSums(1)
    one = np.ones(1, np.int64)
    benchmark(sums.add, one - 1, one, one)


def joined(benchmark, fills, quotes):
    mid, reason, _ = benchmark(
        as_of, fills["time_ns"], quotes["time_ns"], quotes["bid_e9"], quotes["ask_e9"], symbol=fills["symbol"],
        quote_symbol=quotes["symbol"], horizons_ns=HORIZONS,
    )  # fmt: skip
    k = 1_234
    mine = slice(*np.searchsorted(quotes["symbol"], fills["symbol"][k] + np.arange(2)))
    row = np.searchsorted(quotes["time_ns"][mine], fills["time_ns"][k] + HORIZONS[1], "right") - 1
    if reason[k, 1] == 0:
        assert mid[k, 1] == (quotes["bid_e9"][mine][row] + quotes["ask_e9"][mine][row]) // 2


def bench_costs_as_of_by_symbol(benchmark, quotes):
    """Four horizons a fill; fills in the order of the quotes."""
    joined(benchmark, make_times(FILLS, SYMBOLS, by_symbol=True), quotes)


def bench_costs_as_of_any_order(benchmark, quotes):
    """Fills in any order; asked at full size: 200."""
    joined(benchmark, make_times(FILLS, SYMBOLS, by_symbol=False), quotes)
