"""The AMZN day through the streaming estimators, against the batch formulas written with NumPy on the file's own
rows."""

from __future__ import annotations

import numpy as np
import pytest

from grandmodel.execution import OrderBook
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.microstructure.flow import FlowEstimators
from grandmodel.execution.microstructure.microstructure_engine import MicrostructureEngine
from grandmodel.execution.simulation import read_market_data
from grandmodel.execution.simulation.lobster import read_lobster
from grandmodel.execution.simulation.replay import replay_core

EXECUTE, HIDDEN = 4, 5
SECOND = 10**9


@pytest.fixture(scope="module")
def day(amzn_files):
    return read_lobster(*amzn_files)


@pytest.fixture(scope="module")
def rows(amzn_files):
    messages, books = amzn_files
    return read_market_data(messages, orderbook=books).read()


@pytest.fixture(scope="module")
def flow(day, rows):
    book = OrderBook("0.01", kind="L2")
    estimators = FlowEstimators("0.01", levels=5, trades=20_000)
    assert estimators.apply(rows, book) == len(rows)
    estimators.advance(day.end_ns)
    return estimators


def mids(day):
    return (day.books[:, 0, 0] + day.books[:, 0, 2]) / 2


def trades(day):
    """(row of the execution, price, size, sign of who took, mid before it) of every visible and hidden execution."""
    at = np.flatnonzero(np.isin(day.messages["action"], (EXECUTE, HIDDEN)))
    at = at[at > 0]
    m = day.messages[at]
    return at, m["price_e9"].astype(float), m["quantity"].astype(float), -m["side"].astype(float), mids(day)[at - 1]


def flows(day, level):
    """Order flow imbalance by the paper's formula, row against row."""
    ask, ask_size, bid, bid_size = (day.books[:, level, k].astype(np.int64) for k in range(4))
    bid = np.where(bid_size > 0, bid, np.iinfo(np.int64).min)
    ask = np.where(ask_size > 0, ask, np.iinfo(np.int64).max)
    e = np.where(bid[1:] >= bid[:-1], bid_size[1:], 0) - np.where(bid[1:] <= bid[:-1], bid_size[:-1], 0)
    e -= np.where(ask[1:] <= ask[:-1], ask_size[1:], 0) - np.where(ask[1:] >= ask[:-1], ask_size[:-1], 0)
    return e


def test_quoted_spread_by_time(day, flow):
    """5.7643 bp, the figure of the data's own description."""
    spread = (day.books[:, 0, 0] - day.books[:, 0, 2]) / mids(day)
    stood = np.diff(np.append(day.messages["time_ns"], day.end_ns)).astype(float)
    assert flow.quoted_spread_bps == pytest.approx(spread @ stood / stood.sum() * 1e4, rel=1e-9)
    assert flow.quoted_spread_bps == pytest.approx(5.7643, abs=5e-5)
    in_money = (day.books[:, 0, 0] - day.books[:, 0, 2]) / 1e9
    assert flow.quoted_spread == pytest.approx(in_money @ stood / stood.sum(), rel=1e-9)


def test_order_flow_imbalance_by_level(day, flow):
    assert flow.multi_level_ofi == tuple(int(flows(day, level).sum()) for level in range(5))


def test_order_flow_imbalance_by_bar(day, flow):
    bars = flow.bars()
    minute = day.messages["time_ns"][1:] // (60 * SECOND) * 60 * SECOND
    e = flows(day, 0)
    expected = [int(e[minute == start].sum()) for start in bars["start_ns"]]
    assert bars["ofi"].tolist() == expected
    assert len(bars) == 390


def test_volume_and_vwap(day, flow):
    """222.634765 with the hidden executions; 810,755 shares."""
    m = day.messages[np.isin(day.messages["action"], (EXECUTE, HIDDEN))]
    assert flow.volume == int(m["quantity"].sum()) == 613_248 + 197_507
    assert flow.vwap == pytest.approx(np.average(m["price_e9"] / 1e9, weights=m["quantity"]), rel=1e-12)
    assert flow.vwap == pytest.approx(222.634765, abs=5e-7)
    assert flow.buy_volume == int(m["quantity"][m["side"] < 0].sum())
    assert flow.sell_volume == int(m["quantity"][m["side"] > 0].sum())
    visible = m[m["action"] == EXECUTE]
    assert int(visible["quantity"][visible["side"] < 0].sum()) == 296_974
    bars = flow.bars()
    assert int(bars["volume"].sum()) == flow.volume
    assert bars["notional"].sum() == pytest.approx(float((m["price_e9"] / 1e9) @ m["quantity"]), rel=1e-12)


def test_effective_and_realized_spread_by_money(day, flow):
    at, price, size, sign, mid = trades(day)
    money = price * size
    effective = 2 * sign * (price - mid) / mid
    assert flow.effective_spread_bps == pytest.approx(effective @ money / money.sum() * 1e4, rel=1e-9)
    times = day.messages["time_ns"]
    for seconds in (1.0, 10.0, 60.0, 300.0):
        due = times[at] + round(seconds * 1e9)
        known = due < day.end_ns
        later = mids(day)[np.searchsorted(times, due[known], "right") - 1]
        realized = 2 * sign[known] * (price[known] - later) / mid[known]
        assert flow.realized_spread_bps(seconds) == pytest.approx(
            realized @ money[known] / money[known].sum() * 1e4, rel=1e-9
        )
        impact = 2 * sign[known] * (later - mid[known]) / mid[known]
        assert flow.price_impact_bps(seconds) == pytest.approx(
            impact @ money[known] / money[known].sum() * 1e4, rel=1e-7
        )


def test_roll_kyle_and_volatility_of_the_day(day, flow):
    _, price, _, _, _ = trades(day)
    change = np.diff(price / 1e9)[-512:]
    covariance = np.cov(change[:-1], change[1:], ddof=1)[0, 1]
    assert flow.roll_spread == pytest.approx(2 * np.sqrt(-covariance), rel=1e-9)
    bars = flow.bars()
    ends = np.searchsorted(day.messages["time_ns"], bars["start_ns"] + 60 * SECOND, "left") - 1
    closes = mids(day)[ends] / 1e9
    assert bars["mid_close"] == pytest.approx(closes, rel=1e-12)
    returns = np.diff(np.log(closes))
    assert flow.realized_volatility() == pytest.approx(np.sqrt(returns @ returns), rel=1e-9)
    signed = (bars["buy_volume"] - bars["sell_volume"])[1:].astype(float)
    slope = np.polyfit(signed, np.diff(closes), 1)[0]
    assert flow.kyle_lambda() == pytest.approx(slope, rel=1e-6)
    assert flow.kyle_lambda() > 0  # buying moves the price up


def test_order_flow_explains_more_than_trades_do(flow):
    """As Cont, Kukanov and Stoikov find: the mid's moves by minute go with the imbalance, more than with signed
    volume."""
    bars = flow.bars()
    moves = np.diff(bars["mid_close"])
    by_flow = np.corrcoef(bars["ofi"][1:], moves)[0, 1] ** 2
    by_trades = np.corrcoef((bars["buy_volume"] - bars["sell_volume"])[1:], moves)[0, 1] ** 2
    assert by_flow > by_trades


def test_sweeps_of_the_day_recover(flow):
    state = flow.state()
    assert state["sweeps"] > state["widened"] > 100
    first, *later = state["excess_e9"]
    assert first > later[0] > later[1] > later[2] > 0
    assert 1.0 < flow.recovery_half_life < 10.0


def test_a_file_larger_than_memory_would_do(rows, flow, day, tmp_path):
    """The same rows as a memory map, piece by piece."""
    rows.tofile(tmp_path / "day")
    mapped = np.memmap(tmp_path / "day", MESSAGE_DTYPE, "r")
    book = OrderBook("0.01", kind="L2")
    again = FlowEstimators("0.01", levels=5, trades=20_000)
    for first in range(0, len(mapped), 50_001):
        again.apply(mapped[first : first + 50_001], book, whole=first + 50_001 >= len(mapped))
    again.advance(day.end_ns)
    assert again.state() == flow.state()


def test_an_engine_over_the_recording_hears_the_same(day, flow):
    """What an engine's core tells is the day's best quotes and prints; nobody tells it sides, so they are Lee and
    Ready's."""
    clock = SimulatedClock(day.start_ns)
    engine = MicrostructureEngine(engine=replay_core(day, clock))
    engine.follow(day.symbol)
    while engine.core.advance(day.end_ns) < day.end_ns:
        pass
    heard = engine.flow(day.symbol)
    heard.advance(day.end_ns)
    assert heard.ofi == flow.ofi
    assert heard.volume == flow.volume
    assert heard.vwap == flow.vwap
    assert heard.quoted_spread_bps == pytest.approx(flow.quoted_spread_bps, rel=1e-9)
    m = day.messages[np.isin(day.messages["action"], (EXECUTE, HIDDEN))]
    right = 1 - abs(heard.buy_volume - flow.buy_volume) / int(m["quantity"].sum())
    assert right > 0.97
    assert engine.analyze_market_conditions(day.symbol).source == "replay"
