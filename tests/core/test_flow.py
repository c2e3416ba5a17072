"""Streaming estimators and book figures: QUANT's tagged numbers, the plain-Python twin, properties, bad values."""

from __future__ import annotations

import math
import threading
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.flow import BookFed, Flow
from support_flow import ADD, SET_LEVEL, TICK, SideBook, assert_same, by_level, by_order

from grandmodel.execution import OrderBook, Unknown
from grandmodel.execution._core.flow import BookAnalysis, BookSnapshot
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution.microstructure.flow import FlowEstimators
from grandmodel.execution.microstructure.microprice import MicroPrice

SECOND = 10**9
SMALL = {
    "levels": 3, "bars": 4000, "trades": 7, "vpin_bucket": 1500, "sweep_share": 0.5, "hawkes": (1.0, 0.5, 1.5),
}  # fmt: skip
NATIVE = {
    "bar_seconds": 1, "gap_seconds": 3600, "horizons_seconds": (0.1, 1, 5, 10), "recovery_seconds": (0.1, 0.5, 1),
    "roll_changes": 5, "vpin_buckets": 6,
}  # fmt: skip
PLAIN = {
    "bar_ns": SECOND, "gap_ns": 3600 * SECOND, "horizons": (10**8, 10**9, 5 * 10**9, 10**10),
    "delays": (0, 10**8, 5 * 10**8, 10**9), "changes": 5, "buckets": 6,
}  # fmt: skip


def pair(kind, **changes):
    """The native estimators, their twin, and a book."""
    native = FlowEstimators("0.01", **NATIVE, **{**SMALL, **changes})
    plain = BookFed(SideBook(kind=kind), **PLAIN, **{**SMALL, **changes})
    return native, plain, OrderBook("0.01", kind)


def same_bars(native, plain):
    rows = native.bars()
    expected = plain.bars()
    assert len(rows) == len(expected)
    for row, values in zip(rows, expected, strict=True):
        for name, value in values.items():
            assert row[name] == pytest.approx(value, rel=1e-9, nan_ok=True), (name, row, values)


# ---- twins


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["L3", "L2"])
def test_the_state_after_every_event_is_the_plain_pythons(kind, seed):
    rows = (by_order if kind == "L3" else by_level)(np.random.default_rng(seed), 300)
    native, plain, book = pair(kind, trust_sides=seed % 2 == 0, vpin_sigma=0.02 if seed % 3 == 0 else 0.0)
    for k in range(len(rows)):
        native.apply(rows[k : k + 1], book, whole=False)
        plain.row(rows[k])
        follows = k + 1 < len(rows) and rows[k]["sequence"] and rows[k + 1]["sequence"] == rows[k]["sequence"]
        if not follows:
            native.apply(rows[:0], book)
            plain.end()
            assert_same(native.state(), plain.state())
    same_bars(native, plain)
    assert native.state()["sweeps"] > 0
    assert native.state()["buckets"] > 0
    assert min(each["count"] for each in native.state()["realized"][:2]) > 0


@pytest.mark.parametrize("kind", ["L3", "L2"])
@pytest.mark.parametrize("sided", [True, False])
def test_a_long_feed_in_one_batch_is_the_plain_pythons(kind, sided):
    """Prices and sides of by-order rows may be left to the book."""
    rng = np.random.default_rng(99)
    rows = by_order(rng, 4000, sequences=False, sided=sided) if kind == "L3" else by_level(rng, 4000)
    native, plain, book = pair(kind)
    fitted = native.apply(rows, book)
    for row in rows:
        plain.row(row)
    plain.end()
    assert fitted == book.messages_applied < len(rows) or kind == "L2"
    assert_same(native.state(), plain.state())
    same_bars(native, plain)


@given(cuts=st.lists(st.integers(0, 500), max_size=12), seed=st.integers(0, 50))
def test_how_the_messages_are_cut_does_not_matter(cuts, seed):
    rows = by_order(np.random.default_rng(seed), 500)
    whole, _, book = pair("L3")
    whole.apply(rows, book)
    pieces, _, other = pair("L3")
    edges = [0, *sorted(cuts), 500]
    for first, last in pairwise(edges):
        pieces.apply(rows[first:last], other, whole=False)
    pieces.apply(rows[:0], other)
    assert pieces.state() == whole.state()
    assert pieces.bars().tobytes() == whole.bars().tobytes()
    assert other.state_hash() == book.state_hash()


def test_quotes_and_trades_one_by_one_are_the_plain_pythons():
    rng = np.random.default_rng(7)
    native, plain = FlowEstimators(**NATIVE, **SMALL), Flow(**PLAIN, **SMALL)
    time = 10**12 + 5
    for _ in range(1500):
        time += int(rng.integers(0, 3 * 10**8))
        what = rng.random()
        if what < 0.6:
            bid, ask = 10_000 - int(rng.integers(0, 4)), 10_001 + int(rng.integers(-2, 4))
            amounts = [int(q) * 100 for q in rng.integers(1, 9, 2)]
            missing = rng.random()
            native.quote(time, None if missing < 0.02 else bid / 100, amounts[0], ask / 100, amounts[1])
            bids = [] if missing < 0.02 else [(bid * TICK, amounts[0])]
            plain.levels(time, {0: bids, 1: [(ask * TICK, amounts[1])]})
        elif what < 0.9:
            price, quantity = 20_000 + int(rng.integers(-6, 9)), int(rng.integers(1, 500))
            side = (None, "buy", "sell")[int(rng.integers(0, 3))]
            native.trade(time, Decimal(price) / 200, quantity, side)
            plain.trade(time, price * TICK // 2, quantity, {None: 0, "buy": 1, "sell": -1}[side])
        else:
            native.advance(time)
            plain.advance(time)
        assert_same(native.state(), plain.state())
    same_bars(native, plain)


# ---- QUANT's tagged numbers


def test_order_flow_imbalance_of_the_paper():
    """Cont, Kukanov and Stoikov (2014), section 2.1: e = 200, 300, 50, -200."""
    flow = FlowEstimators(levels=1)
    quotes = [(10.00, 300, 10.01, 200), (10.00, 500, 10.01, 200), (10.01, 100, 10.02, 400), (10.00, 500, 10.02, 250),
              (10.00, 450, 10.01, 150)]  # fmt: skip
    steps = []
    for k, quote in enumerate(quotes):
        before = flow.ofi
        flow.quote(k, *quote)
        steps.append(flow.ofi - before)
    assert steps == [0, 200, 300, 50, -200]
    assert flow.ofi == 350 == flow.multi_level_ofi[0]


def test_spreads_of_six_trades():
    """Quoted 2.332933 equally weighted; effective 2.374604, realized -1.187236, impact 3.561840 bp by money."""
    prices = [100.02, 100, 100.03, 100.01, 99.99, 100.04]
    bids = [100, 100, 100.01, 100.01, 99.99, 100.02]
    widths = [0.02, 0.03, 0.02, 0.03, 0.02, 0.02]
    sizes = [300, 100, 200, 500, 400, 100]
    signs = [1, -1, 1, -1, -1, 1]
    later = [100.025, 100, 100.03, 100, 99.98, 100.03]
    flow = FlowEstimators(levels=1)
    for k in range(6):
        at = k * 1000 * SECOND
        flow.quote(at, bids[k], 100, round(bids[k] + widths[k], 2), 100)
        flow.trade(at, prices[k], sizes[k], signs[k])
        flow.quote(at + SECOND, round(later[k] - 0.005, 3), 100, round(later[k] + 0.005, 3), 100)
    flow.advance(7000 * SECOND)
    state = flow.state()
    sums = state["realized"][3]  # 300 s
    assert sums["count"] == 6
    assert flow.effective_spread_bps == pytest.approx(2.374604, abs=5e-7)
    assert flow.realized_spread_bps(300.0) == pytest.approx(-1.187236, abs=5e-7)
    assert flow.price_impact_bps(300.0) == pytest.approx(3.561840, abs=5e-7)
    assert state["effective"] / 6 * 1e4 == pytest.approx(
        2.332933, abs=5e-7
    )  # each paid the quoted spread, equally weighted
    money = np.array(prices) * sizes
    mids = np.array(bids) + np.array(widths) / 2
    effective = 2 * np.array(signs) * (prices - mids) / mids
    realized = 2 * np.array(signs) * (np.array(prices) - later) / mids
    assert flow.effective_spread_bps == pytest.approx(effective @ money / money.sum() * 1e4, rel=1e-9)
    assert flow.realized_spread_bps() == pytest.approx(realized @ money / money.sum() * 1e4, rel=1e-9)
    assert flow.price_impact_bps() == pytest.approx(flow.effective_spread_bps - flow.realized_spread_bps(), rel=1e-9)
    in_money = 2 * np.array(signs) * (prices - mids)
    assert flow.effective_spread == pytest.approx(in_money @ sizes / sum(sizes), rel=1e-9)


def test_roll_of_twelve_prices():
    """cov(ddof 1) = -.1546667, S = .78655366."""
    flow = FlowEstimators()
    for k, price in enumerate([100.5, 100.8, 100.4, 100.7, 100.3, 100.9, 100.6, 101.0, 100.7, 101.1, 100.8, 101.2]):
        flow.trade(k, price, 100)
    assert flow.roll_spread == pytest.approx(0.78655366, abs=5e-9)


def test_roll_is_over_the_last_changes():
    prices = np.round(100 + np.random.default_rng(4).choice([-0.01, 0.0, 0.01, 0.02], 400).cumsum() * 0.3, 2)
    prices[::2] += 0.05
    flow = FlowEstimators(roll_changes=20)
    for k, price in enumerate(prices.tolist()):
        flow.trade(k, round(price, 2), 100)
    change = np.diff(prices)[-20:]
    covariance = np.cov(change[:-1], change[1:], ddof=1)[0, 1]
    assert flow.roll_spread == pytest.approx(2 * math.sqrt(-covariance), rel=1e-9)


def test_kyle_of_six_bars():
    """lambda = 1.13966e-5, with intercept: signed volume of a bar on the change of its last mid."""
    volumes, moves = [300, -200, 500, -400, 100, -600], [0.004, -0.001, 0.006, -0.005, 0.002, -0.006]
    flow = FlowEstimators(levels=1)
    mid = 100.0
    for k, (signed, move) in enumerate([(0, 0.0), *zip(volumes, moves, strict=True)]):
        at = k * 60 * SECOND
        mid = round(mid + move, 4)
        if k == 0:
            flow.quote(at, mid - 0.005, 100, mid + 0.005, 100)
        else:
            flow.trade(at + 1, 100, abs(signed), 1 if signed > 0 else -1)
            flow.quote(at + 2, round(mid - 0.005, 4), 100, round(mid + 0.005, 4), 100)
    flow.advance(7 * 60 * SECOND)
    x, y = np.array(volumes, float), np.array(moves)
    assert flow.kyle_lambda() == pytest.approx(np.cov(x, y, ddof=1)[0, 1] / x.var(ddof=1), rel=1e-9)
    assert flow.kyle_lambda() == pytest.approx(1.13966e-5, abs=5e-11)


def test_amihud_of_three_returns():
    """mean |r| / dollar volume, times 1e6: .01."""
    flow = FlowEstimators(levels=1)
    price = 100.0
    for k, (r, money) in enumerate([(0.0, 1e6), (0.01, 1e6), (-0.02, 2e6), (0.005, 5e5)]):
        price = round(price * (1 + r), 9)
        flow.trade(k * 60 * SECOND, price, 1)
        quantity = round(money / price) - 1
        flow.trade(k * 60 * SECOND + 1, price, quantity)
    flow.advance(4 * 60 * SECOND)
    bars = flow.bars()
    prices = bars["close_e9"] / 1e9
    expected = np.mean(np.abs(prices[1:] / prices[:-1] - 1) / bars["notional"][1:]) * 1e6
    assert flow.amihud() == pytest.approx(expected, rel=1e-9)
    assert flow.amihud() == pytest.approx(0.01, rel=1e-4)  # whole shares


def test_vpin_of_six_bars():
    """.560713, .537956, .652685, .682057: sigma .02, V = 1000, n = 3, bars split over bucket edges."""
    moves, volumes = [0.02, -0.01, 0.03, -0.02, 0.0, 0.04], [1000, 800, 1200, 900, 600, 1500]
    flow = FlowEstimators(vpin_bucket=1000, vpin_buckets=3, vpin_sigma=0.02)
    flow.trade(0, 100, 1)  # what the first change is from; its volume is not classified
    price, seen, reason = Decimal(100), [], flow.vpin
    assert isinstance(reason, Unknown)
    for k, (move, volume) in enumerate(zip(moves, volumes, strict=True), 1):
        price += Decimal(str(move))
        before = flow.state()["buckets"]
        flow.trade(k * 60 * SECOND, price, volume)
        flow.advance((k + 1) * 60 * SECOND)
        for _ in range(flow.state()["buckets"] - before):
            seen.append(flow.vpin)
    # two buckets may fill with one bar; the last of them is what is seen then
    assert seen[-1] == pytest.approx(0.682057, abs=5e-7)
    assert any(v == pytest.approx(0.560713, abs=5e-7) for v in seen)
    assert any(v == pytest.approx(0.537956, abs=5e-7) for v in seen)


def test_hawkes_likelihood_of_ten_times():
    """LL = -4.8002142476 with mu .8, alpha .6, beta 1.5, T = 5."""
    flow = FlowEstimators(hawkes=(0.8, 0.6, 1.5))
    flow.advance(0)
    times = [0.3, 0.7, 1.1, 1.15, 1.9, 2.6, 2.65, 2.7, 3.8, 4.4]
    for time in times:
        flow.trade(round(time * 1e9), 100, 100)
    flow.advance(5 * SECOND)
    assert flow.hawkes_log_likelihood == pytest.approx(-4.8002142476, abs=5e-11)
    expected = 0.8 + sum(0.6 * math.exp(-1.5 * (5 - t)) for t in times)
    assert flow.hawkes_intensity == pytest.approx(expected, rel=1e-12)


def test_micro_price_of_the_two_states():
    """G* = -/+ 1/12 tick, in either unit of price; a spread that the model does not know has none."""
    for unit in (1.0, 1e9):
        tick = 0.01 * unit
        model = MicroPrice(tick, np.array([[-tick / 12], [tick / 12]]), 1, 0, "", np.ones(2, np.int64))
        flow = FlowEstimators("0.01", micro_price=model)
        flow.quote(0, 10.00, 100, 10.01, 300)
        assert flow.micro_price == pytest.approx(10.005 - 0.01 / 12, rel=1e-12)
        flow.quote(1, 10.00, 300, 10.01, 100)
        assert flow.micro_price == pytest.approx(10.005 + 0.01 / 12, rel=1e-12)
        flow.quote(2, 10.00, 300, 10.02, 100)
        assert isinstance(flow.micro_price, Unknown)
    assert flow.weighted_mid == pytest.approx((100 * 10.00 + 300 * 10.02) / 400, rel=1e-12)
    assert flow.imbalance == 0.5


def test_lee_ready_signs():
    """Above, below, at the mid after an uptick, at the mid after a zero tick."""
    flow = FlowEstimators(levels=1)
    flow.quote(0, 10.00, 100, 10.02, 100)
    flow.trade(1, 10.02, 1)
    flow.trade(2, 10.00, 10)
    flow.trade(3, 10.01, 100)  # up from 10.00
    flow.trade(4, 10.01, 1000)  # no tick: the last different price decides
    flow.trade(5, 10.015, 10_000, "sell")  # told
    state = flow.state()
    assert (state["buy_volume"], state["sell_volume"], state["unsigned"]) == (1 + 100 + 1000, 10 + 10_000, 0)
    suspicious = FlowEstimators(levels=1, trust_sides=False)
    suspicious.quote(0, 10.00, 100, 10.02, 100)
    suspicious.trade(1, 10.015, 10_000, "sell")
    assert suspicious.buy_volume == 10_000
    alone = FlowEstimators()
    alone.trade(0, 10, 5)  # neither quote nor tick
    assert alone.state()["unsigned"] == 1
    assert isinstance(alone.effective_spread, Unknown)


def test_a_trade_is_against_the_quote_before_it():
    """The execution that empties the offer at 10.02 paid half a spread of 0.02, not of what is left."""
    rows = np.zeros(4, MESSAGE_DTYPE)
    for k, (action, order, side, price, quantity) in enumerate(
        [(ADD, 1, 1, 1000, 100), (ADD, 2, -1, 1002, 100), (ADD, 3, -1, 1010, 100), (4, 2, -1, 1002, 100)]
    ):
        rows[k]["time_ns"], rows[k]["sequence"] = (k + 1) * SECOND, k + 1
        rows[k]["action"], rows[k]["order_id"], rows[k]["side"] = action, order, side
        rows[k]["price_e9"], rows[k]["quantity"] = price * TICK, quantity
    flow = FlowEstimators("0.01")
    flow.apply(rows, OrderBook())
    assert flow.effective_spread == pytest.approx(0.02, rel=1e-12)
    assert (flow.buy_volume, flow.sell_volume) == (100, 0)
    assert flow.spread == pytest.approx(0.10)


def test_recovery_after_a_sweep():
    """Excess of 4 ticks that decays by exp(-t / 2 s) in steps: tau comes back, and the shares at 1, 5, 10 s."""
    flow = FlowEstimators(levels=1)
    tau, step = 2.0, 0.01
    flow.quote(0, 100, 100, 100.01, 100)
    flow.trade(SECOND, 100.01, 100)
    for k in range(1200):
        excess = 0.04 * math.exp(-(k + 0.5) * step / tau)
        flow.quote(SECOND + round(k * step * 1e9), 100, 100, round(100.01 + excess, 9), 100)
    assert flow.recovery_time == pytest.approx(tau, rel=0.01)
    assert flow.recovery_half_life == pytest.approx(tau * math.log(2), rel=0.01)
    assert flow.recovered == pytest.approx([1 - math.exp(-t / tau) for t in (1, 5, 10)], abs=0.01)
    assert flow.state()["sweeps"] == 1


def test_realised_volatility_and_volume_curve():
    flow = FlowEstimators(levels=1, bar_seconds=1)
    mids = [100.0, 100.5, 100.2, 101.0]
    for k, mid in enumerate(mids):
        flow.quote(k * SECOND, round(mid - 0.01, 2), 100, round(mid + 0.01, 2), 100)
        flow.trade(k * SECOND, mid, 100 * (k + 1))
    flow.advance(4 * SECOND)
    returns = np.diff(np.log(mids))
    assert flow.realized_volatility() == pytest.approx(math.sqrt(returns @ returns), rel=1e-9)
    assert flow.volume_curve().tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert flow.volume_curve(2).tolist() == pytest.approx([3 / 7, 4 / 7])
    assert flow.vwap == pytest.approx(np.average(mids, weights=[1, 2, 3, 4]), rel=1e-12)


# ---- bounds and states


def test_state_is_bounded_and_what_gives_way_is_counted():
    flow = FlowEstimators(levels=1, trades=10, bars=8, bar_seconds=1, gap_seconds=8)
    for k in range(500):
        flow.quote(k * SECOND // 10, 100, 100 + k % 2, 100.01, 100)
        flow.trade(k * SECOND // 10, 100.01, 10)
    assert len(flow.bars()) == 8
    assert flow.state()["realized"][3]["dropped"] == 490
    assert flow.state()["realized"][3]["waiting"] == 10
    assert isinstance(flow.realized_spread_bps(300.0), Unknown)


def test_a_silence_is_not_counted():
    flow = FlowEstimators(levels=1)
    flow.quote(0, 100, 100, 100.02, 100)
    flow.advance(10 * SECOND)
    flow.quote(50_000 * SECOND, 100, 500, 100.04, 100)
    flow.advance(50_010 * SECOND)
    assert flow.state()["breaks"] == 1
    assert flow.quoted_spread == pytest.approx(0.03, rel=1e-12)
    assert flow.ofi == 0  # what was before is not compared with
    assert [bar["whole"] for bar in flow.bars()] == [0]


def test_a_crossed_or_one_sided_quote_counts_nothing():
    flow = FlowEstimators(levels=1)
    flow.quote(0, 100, 100, 100.02, 100)
    flow.quote(SECOND, 100.05, 100, 100.02, 100)
    assert isinstance(flow.mid, Unknown)
    flow.quote(2 * SECOND, None, 1, 100.02, 100)
    flow.trade(3 * SECOND, 100.02, 100, "buy")
    flow.advance(4 * SECOND)
    assert flow.quoted_spread == pytest.approx(0.02, rel=1e-12)
    assert flow.state()["quoted_ns"] == SECOND
    assert isinstance(flow.effective_spread_bps, Unknown)
    flow.quote(5 * SECOND, 100.02, 100, 100.02, 100)  # locked: a spread of 0, which is one
    flow.advance(6 * SECOND)
    assert flow.quoted_spread == pytest.approx(0.01, rel=1e-12)


def test_nothing_heard_is_unknown_everywhere():
    flow = FlowEstimators()
    for name in ("mid", "spread", "weighted_mid", "quoted_spread", "quoted_spread_bps", "effective_spread",
    "roll_spread",
                 "vpin", "hawkes_intensity", "hawkes_log_likelihood", "micro_price", "recovery_time",
                 "vwap"):  # fmt: skip
        assert isinstance(getattr(flow, name), Unknown), name
    for name in ("kyle_lambda", "amihud", "realized_volatility"):
        assert isinstance(getattr(flow, name)(), Unknown), name
    assert flow.now_ns is None
    assert len(flow.bars()) == len(flow.open_bar()) == 0


@given(st.data())
def test_both_sides_mirror(data):
    """Prices turned around 100 and sides exchanged: spreads stay, flows and imbalances change their sign."""
    flow, mirror = FlowEstimators(levels=1), FlowEstimators(levels=1)
    for k in range(data.draw(st.integers(5, 30))):
        bid, width = data.draw(st.integers(9_950, 10_040)), data.draw(st.integers(0, 9))
        q = [data.draw(st.integers(1, 9)) * 100 for _ in range(2)]
        flow.quote(k * SECOND, bid / 100, q[0], (bid + width) / 100, q[1])
        mirror.quote(k * SECOND, (20_000 - bid - width) / 100, q[1], (20_000 - bid) / 100, q[0])
        price, size = data.draw(st.integers(9_950, 10_050)), data.draw(st.integers(1, 500))
        flow.trade(k * SECOND, price / 100, size)
        mirror.trade(k * SECOND, (20_000 - price) / 100, size)
    one, other = flow.state(), mirror.state()
    assert one["ofi"][0] == -other["ofi"][0]
    assert (one["buy_volume"], one["sell_volume"]) == (other["sell_volume"], other["buy_volume"])
    assert one["effective_cost_e9"] == other["effective_cost_e9"]
    assert one["spread_ns"] == other["spread_ns"]
    assert one["sweeps"] == other["sweeps"]
    assert flow.imbalance == pytest.approx(-mirror.imbalance, abs=1e-12)


@given(scale=st.sampled_from([2, 3, 10]), seed=st.integers(0, 100))
def test_another_unit_of_money_changes_no_ratio(scale, seed):
    rng = np.random.default_rng(seed)
    flow, scaled = FlowEstimators(levels=1, hawkes=(1, 0.1, 1)), FlowEstimators(levels=1, hawkes=(1, 0.1, 1))
    for k in range(60):
        bid, width = 10_000 + int(rng.integers(-9, 9)), int(rng.integers(1, 5))
        for one, by in ((flow, 1), (scaled, scale)):
            one.quote(k * SECOND, Decimal(bid * by) / 100, 100, Decimal((bid + width) * by) / 100, 300)
            one.trade(k * SECOND, Decimal((bid + width) * by) / 100, 100, "buy")
    flow.advance(400 * SECOND)
    scaled.advance(400 * SECOND)
    for name in ("quoted_spread_bps", "effective_spread_bps", "imbalance", "hawkes_intensity"):
        assert getattr(scaled, name) == pytest.approx(getattr(flow, name), rel=1e-9)
    assert scaled.realized_spread_bps(10.0) == pytest.approx(flow.realized_spread_bps(10.0), rel=1e-9)
    assert scaled.effective_spread == pytest.approx(scale * flow.effective_spread, rel=1e-9)
    assert scaled.quoted_spread == pytest.approx(scale * flow.quoted_spread, rel=1e-9)


def test_a_memory_map_and_a_read_only_array_are_taken(tmp_path):
    rows = by_order(np.random.default_rng(5), 2000)
    rows.tofile(tmp_path / "rows")
    mapped = np.memmap(tmp_path / "rows", MESSAGE_DTYPE, "r")
    one, _, book = pair("L3")
    one.apply(rows, book)
    other, _, second = pair("L3")
    other.apply(mapped, second)
    assert other.state() == one.state()


def test_while_one_thread_feeds_another_is_told():
    rows = by_order(np.random.default_rng(5), 200_000)
    stream, _, book = pair("L3")
    thread = threading.Thread(target=stream.apply, args=(rows, book))
    thread.start()
    told = 0
    while thread.is_alive():
        try:
            stream.state()
        except RuntimeError:
            told += 1
    thread.join()
    assert told
    assert stream.messages == 200_000


@pytest.mark.parametrize("kind", ["L3", "L2"])
def test_rows_of_noise_do_no_harm(kind):
    """Any bytes are rows: extreme times, prices and quantities included. What does not fit is counted, nothing
    breaks."""
    rng = np.random.default_rng(12)
    rows = np.frombuffer(rng.bytes(64 * 20_000), MESSAGE_DTYPE).copy()
    rows["action"] = rng.integers(0, 13, len(rows))
    rows["side"] = rng.integers(-1, 2, len(rows))
    near = rng.random(len(rows)) < 0.5
    rows["price_e9"][near] = rng.integers(9_990, 10_010, near.sum()) * TICK
    rows["quantity"][rng.random(len(rows)) < 0.5] = 100
    rows["time_ns"][rng.random(len(rows)) < 0.9] = 10**18
    stream, _, book = pair(kind)
    fitted = stream.apply(rows, book)
    book.check_invariants()
    assert fitted == book.messages_applied < len(rows)
    state = stream.state()
    assert state["messages"] == len(rows)
    assert state["volume"] >= state["buy_volume"] + state["sell_volume"] >= 0
    assert state["quoted_ns"] >= 0


# ---- bad values


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda f: f.quote(-1, 10, 1, 11, 1), ValueError, "time_ns is -1"),
        (lambda f: f.quote(True, 10, 1, 11, 1), TypeError, "time_ns is True"),
        (lambda f: f.quote(2**63, 10, 1, 11, 1), ValueError, "time_ns"),
        (lambda f: f.quote(0, math.nan, 1, 11, 1), ValueError, "bid is nan"),
        (lambda f: f.quote(0, math.inf, 1, 11, 1), ValueError, "bid is inf"),
        (lambda f: f.quote(0, -1, 1, 11, 1), ValueError, "bid is -1"),
        (lambda f: f.quote(0, True, 1, 11, 1), TypeError, "bid is True"),
        (lambda f: f.quote(0, "ten", 1, 11, 1), ValueError, "bid is 'ten'"),
        (lambda f: f.quote(0, 10, 0, 11, 1), ValueError, "bid_quantity is 0"),
        (lambda f: f.quote(0, 10, 1.5, 11, 1), TypeError, "bid_quantity is 1.5"),
        (lambda f: f.quote(0, 10, 2**63, 11, 1), ValueError, "bid_quantity"),
        (lambda f: f.quote(0, 10, 1, 2**40, 1), ValueError, "ask is 1099511627776"),
        (lambda f: f.trade(0, 10, -5), ValueError, "quantity is -5"),
        (lambda f: f.trade(0, 0, 5), ValueError, "price is 0"),
        (lambda f: f.trade(0, 10, 5, "long"), ValueError, "side is 'long'"),
        (lambda f: f.trade(0, 10, 5, True), ValueError, "side is True"),
        (lambda f: f.trade(0, 10, 5, 0), ValueError, "side is 0"),
        (lambda f: f.trade(0, 10.0000000001, 5), ValueError, "price is 10.0000000001"),
        (lambda f: f.apply([1, 2], OrderBook()), TypeError, "messages is"),
        (lambda f: f.apply(np.zeros(3), OrderBook()), TypeError, "dtype"),
        (lambda f: f.apply(np.zeros((2, 2), MESSAGE_DTYPE), OrderBook()), ValueError, "2 dimensions"),
        (lambda f: f.apply(np.zeros(8, MESSAGE_DTYPE)[::2], OrderBook()), ValueError, "strided"),
        (lambda f: f.apply(np.zeros(1, MESSAGE_DTYPE), None), TypeError, "book"),
        (lambda f: f.bars(-1), ValueError, "n is -1"),
        (lambda f: f.realized_spread_bps(2.0), ValueError, "horizon_seconds is 2.0"),
    ],
)
def test_bad_values_are_named(call, error, words):
    flow = FlowEstimators()
    before = flow.state()
    with pytest.raises(error, match=words.replace(".", r"\.")):
        call(flow)
    assert flow.state() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tick_size": 0.0}, "tick_size"), ({"tick_size": math.nan}, "tick_size"), ({"levels": 0}, "levels is 0"),
        ({"levels": 11}, "levels is 11"), ({"levels": True}, "levels is True"), ({"bar_seconds": 0},
        "bar_seconds is 0"),
        ({"bar_seconds": math.inf}, "bar_seconds"), ({"bars": 2**63}, "bars"), ({"gap_seconds": 1e9}, "gap_seconds"),
        ({"horizons_seconds": (1, 2)}, "horizons_seconds"), ({"horizons_seconds": "1234"}, "horizons_seconds"),
        ({"recovery_seconds": (5, 1, 10)}, "recovery_seconds"), ({"trades": -1}, "trades is -1"),
        ({"vpin_bucket": -1}, "vpin_bucket"), ({"vpin_sigma": math.nan}, "vpin_sigma"), ({"hawkes": (1, 2)}, "hawkes"),
        ({"hawkes": (1.0, 2.0, 1.5)}, "explodes"), ({"hawkes": (0.0, 0.5, 1.5)}, "hawkes"),
        ({"sweep_share": 0}, "sweep_share"), ({"reference_spread": 1.0}, "reference_spread"),
        ({"micro_price": [1, 2]}, "micro_price is list"), ({"trust_sides": 1}, "trust_sides"),
        ({"micro_price": MicroPrice(0.05, np.zeros((2, 1)), 1, 0, "", np.ones(2, np.int64))}, "tick of 0.05"),
    ],
)  # fmt: skip
def test_bad_options_are_named(options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        FlowEstimators(**options)


# ---- one book


def snapshot(bids, asks):
    depth = max(len(bids), len(asks))
    rows = np.zeros((depth, 4), np.int64)
    rows[:, 0] = rows[:, 2] = -(1 << 63)
    for k, (price, quantity) in enumerate(asks):
        rows[k, :2] = round(price * 100) * TICK, quantity
    for k, (price, quantity) in enumerate(bids):
        rows[k, 2:] = round(price * 100) * TICK, quantity
    return BookSnapshot(rows)


def test_walks_of_the_three_offers():
    """600 at 10.01 exactly; 1,000 at 10.018; the book does not show 1,200."""
    book = BookAnalysis(snapshot([(9.99, 500)], [(10.00, 200), (10.01, 300), (10.03, 500)]))
    assert book.price_impact(600, "buy") == pytest.approx(10.01 - 9.995, rel=1e-12)
    assert book.price_impact(1000, "buy") == pytest.approx(10.018 - 9.995, rel=1e-9)
    for name in ("price_impact_1000", "price_impact_1000_bps"):  # the bids show 500
        value = getattr(book, name)
        assert isinstance(value, Unknown)
        assert "show 500 of 1000" in value.reason
    assert book.price_impact(1200, "buy").reason == "the asks show 1000 of 1200"


def test_figures_of_a_book():
    book = BookAnalysis(
        snapshot([(100.00, 300), (99.99, 500), (99.97, 900)], [(100.02, 100), (100.03, 700), (100.05, 400)])
    )
    assert book.mid == pytest.approx(100.01)
    assert book.spread == pytest.approx(0.02)
    assert book.spread_bps == pytest.approx(0.02 / 100.01 * 1e4)
    assert book.imbalance == pytest.approx(0.5)
    assert book.depth_imbalance == pytest.approx((1700 - 1200) / 2900)
    weight = [math.exp(-k / 3) for k in range(3)]
    bids, asks = (sum(w * q for w, q in zip(weight, qs, strict=True)) for qs in ([300, 500, 900], [100, 700, 400]))
    assert book.weighted_imbalance == pytest.approx((bids - asks) / (bids + asks), rel=1e-12)
    assert book.weighted_mid == pytest.approx((100 * 100.00 + 300 * 100.02) / 400, rel=1e-12)
    assert book.effective_spread == pytest.approx(0.02, rel=1e-9)  # 100 fit the touch on both sides
    wide = BookAnalysis(book.book, reference_quantity=500)
    ask = (100 * 100.02 + 400 * 100.03) / 500
    bid = (300 * 100.00 + 200 * 99.99) / 500
    assert wide.effective_spread == pytest.approx(ask - bid, rel=1e-9)
    assert wide.effective_spread_bps == pytest.approx((ask - bid) / 100.01 * 1e4, rel=1e-9)
    ask = (100 * 100.02 + 700 * 100.03 + 200 * 100.05) / 1000
    bid = (300 * 100.00 + 500 * 99.99 + 200 * 99.97) / 1000
    assert book.price_impact(1000, "buy") == pytest.approx(ask - 100.01, rel=1e-9)
    assert book.price_impact(1000, "sell") == pytest.approx(100.01 - bid, rel=1e-9)
    assert book.price_impact_1000 == pytest.approx(max(ask - 100.01, 100.01 - bid), rel=1e-9)
    depth = [
        sum(q * math.exp(-abs(p - 100.01) / (2 * 0.0005 * 100.01)) for p, q in side)
        for side in ([(100.00, 300), (99.99, 500), (99.97, 900)], [(100.02, 100), (100.03, 700), (100.05, 400)])
    ]
    assert book.depth == pytest.approx(min(depth), rel=1e-9)
    figures = book.as_dict()
    for name, value in figures.items():
        if hasattr(book, name):
            assert value == getattr(book, name), name
    assert figures["buy_impact_1000"] == book.price_impact(1000, "buy")
    assert "imbalance=0.5" in repr(book)


def test_books_without_a_side_or_crossed():
    empty = BookAnalysis(snapshot([], []))
    assert (empty.imbalance, empty.depth_imbalance, empty.depth, empty.bid_depth) == (0.0, 0.0, 0.0, 0.0)
    for name in (
        "mid",
        "spread",
        "spread_bps",
        "weighted_mid",
        "effective_spread",
        "price_impact_100",
        "price_impact_100_bps",
    ):
        value = getattr(empty, name)
        assert isinstance(value, Unknown), name
        assert value.reason == "no bids"
    one = BookAnalysis(snapshot([(10, 100)], []))
    assert one.imbalance == 1.0
    assert one.spread.reason == "no asks"
    assert one.price_impact(50, "sell").reason == "no asks"
    crossed = BookAnalysis(snapshot([(10.02, 100)], [(10.00, 100)]))
    assert crossed.effective_spread.reason == "the book is crossed"
    assert crossed.imbalance == 0.0
    assert f"{crossed.price_impact_100:.4f}" == "n/a"


book_sides = st.lists(
    st.tuples(st.integers(1, 40), st.integers(1, 10**6)), min_size=1, max_size=12, unique_by=lambda t: t[0]
)


@given(bids=book_sides, asks=book_sides, quantity=st.integers(1, 10**6))
def test_a_book_and_its_mirror(bids, asks, quantity):
    """A book turned around its mid has the opposite imbalance and the same costs; more quantity never costs less."""
    below = sorted(((10_000 - p, q) for p, q in bids), reverse=True)
    above = sorted((10_000 + p, q) for p, q in asks)
    made = lambda b, a: BookAnalysis(snapshot([(p / 100, q) for p, q in b], [(p / 100, q) for p, q in a]))  # noqa: E731
    book = made(below, above)
    mirror = made([(20_000 - p, q) for p, q in above], [(20_000 - p, q) for p, q in below])
    for name in ("imbalance", "depth_imbalance", "weighted_imbalance"):
        assert getattr(book, name) == pytest.approx(-getattr(mirror, name), abs=1e-12)
        assert -1 <= getattr(book, name) <= 1
    for side, other in (("buy", "sell"), ("sell", "buy")):
        cost, same = book.price_impact(quantity, side), mirror.price_impact(quantity, other)
        assert isinstance(cost, Unknown) == isinstance(same, Unknown)
        if not isinstance(cost, Unknown):
            assert cost == pytest.approx(same, rel=1e-9)
            if quantity > 1:
                assert book.price_impact(quantity // 2, side) <= cost * (1 + 1e-12)
    assert book.mid <= book.weighted_mid if book.imbalance >= 0 else book.weighted_mid <= book.mid


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([[1, 1, 1, 1]], TypeError, "must be an"), (np.zeros((2, 3), np.int64), TypeError, "must be an"),
        (np.zeros((2, 4)), TypeError, "must be an"),
        (np.array([[TICK, -1, 0, 0]]), ValueError, r"asks\[0\]: price_e9 is 10000000 and quantity -1"),
        (np.array([[TICK, 1 << 60, 0, 0]]), ValueError, r"asks\[0\]: price_e9 is 10000000 and quantity 1152"),
        (np.array([[-TICK, 1, 0, 0]]), ValueError, r"asks\[0\]: price_e9 is -"),
        (np.array([[TICK, 1, 0, 0], [TICK, 1, 0, 0]]), ValueError, r"asks\[1\]: price_e9"),
        (np.array([[0, 0, 5, 1], [0, 0, 6, 1]]), ValueError,
        r"bids\[1\]: price_e9 is 6 .* the price below the one before"),
        (np.array([[0, 0, 5, 1], [0, 0, 5, 1]]), ValueError, r"bids\[1\]: price_e9 is 5"),
        (np.zeros((1001, 4), np.int64), ValueError, "1001 levels"),
    ],
)  # fmt: skip
def test_bad_rows_of_a_snapshot_are_named(rows, error, words):
    with pytest.raises(error, match=words):
        BookSnapshot(rows)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda b: b.price_impact(0), "quantity is 0"), (lambda b: b.price_impact(True), "quantity is True"),
        (lambda b: b.price_impact(10, "long"), "side is 'long'"), (lambda b: b.price_impact(-1), "quantity is -1"),
        (lambda b: b.price_impact(1, 1), "side is 1"), (lambda b: BookAnalysis(b.book, 0), "reference_quantity is 0"),
        (lambda b: BookAnalysis(b.book, 100, math.nan), "decay is nan"),
        (lambda b: BookAnalysis(b.book, 100, 3.0, 0.0), "reference_spread is 0"),
        (lambda b: BookAnalysis(None), "book"),
    ],
)  # fmt: skip
def test_bad_questions_to_a_book_are_named(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call(BookAnalysis(snapshot([(10, 100)], [(11, 100)])))


def test_levels_of_a_snapshot_feed_the_estimators():
    flow = FlowEstimators(levels=2)
    flow.depth(0, snapshot([(10.00, 300), (9.99, 100), (9.98, 7)], [(10.01, 200), (10.02, 100)]))
    flow.depth(1, snapshot([(10.00, 500), (9.99, 100)], [(10.01, 200), (10.02, 400)]))
    assert flow.multi_level_ofi == (200, -300)
    assert flow.depth_imbalance == pytest.approx((600 - 600) / 1200)


def test_a_feed_by_level_with_whole_sides():
    """A side told anew, level by level, is one event: what lies between does not count."""
    rows = np.zeros(6, MESSAGE_DTYPE)
    told = [
        (1, 1000, 300, 1),
        (1, 999, 100, 2),
        (-1, 1001, 200, 1),
        (1, 1000, 500, 1),
        (1, 999, 100, 2),
        (-1, 1001, 200, 0),
    ]
    for k, (side, price, quantity, level) in enumerate(told):
        rows[k]["time_ns"], rows[k]["sequence"], rows[k]["action"] = 1 + k // 3, 1 + k // 3, SET_LEVEL
        rows[k]["side"], rows[k]["price_e9"] = side, price * TICK
        rows[k]["quantity"], rows[k]["level"] = quantity, level
    flow = FlowEstimators("0.01", levels=2)
    flow.apply(rows, OrderBook(kind="L2"))
    assert flow.multi_level_ofi == (200, 0)
