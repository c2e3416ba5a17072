"""The kernels of the batch estimators: each against its twin, over every way in which a column may lie in memory, and
every bad cell named."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import microstructure as reference

from grandmodel.execution import Unknown
from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.records import MESSAGE_DTYPE, NO_PRICE
from grandmodel.execution.microstructure import (
    amihud,
    book_walk,
    book_walks,
    corwin_schultz_spread,
    corwin_schultz_spreads,
    depth_imbalance,
    fit_micro_price,
    flow_bars,
    glosten_harris,
    hawkes_intensity,
    hawkes_log_likelihood,
    imbalance,
    interval_sums,
    kyle_lambda,
    lee_ready,
    mean_quoted_spread,
    order_flow_imbalance,
    pin_log_likelihood,
    prevailing,
    prevailing_mid,
    propagator_cost,
    quoted_spreads,
    realized_variance,
    recovery,
    roll_spread,
    session_volumes,
    spreads_at_horizons,
    tick_test,
    time_weighted_spread,
    trade_spread_columns,
    trade_spreads,
    two_scale_variance,
    vpin,
    weighted_mid,
)

close = pytest.approx
NAN = math.nan


def same(got, expected, tolerance=1e-9):
    """Equal within the tolerance, NaN (or Unknown) where NaN is expected."""
    np.testing.assert_allclose(np.asarray(got, float), np.asarray(expected, float), rtol=tolerance, atol=1e-12)


def quote_rows(rng, n, missing=0.1, times=40):
    """(time, bid, ask) in order, prices in cents, times that repeat, some sides missing, some quotes crossed."""
    time = np.sort(rng.integers(0, times, n))
    bid = rng.integers(9_990, 10_010, n)
    ask = bid + rng.integers(-1, 4, n)
    bid, ask = (np.where(rng.random(n) < missing, np.nan, p / 100) for p in (bid, ask))
    return time, bid, ask


seeds = st.integers(0, 2**32 - 1)


# ---- trades and quotes -----------------------------------------------------------------------------------------------


@given(seeds, st.integers(0, 30), st.integers(0, 30), st.booleans(), st.integers(-5, 20))
def test_what_stood(seed, n, m, strict, lag):
    rng = np.random.default_rng(seed)
    time, bid, ask = quote_rows(rng, m)
    at = np.sort(rng.integers(0, 40, n))
    quotes = list(zip(time, bid, ask, strict=True))
    expected = [reference.mid_at(t + lag, quotes, strict) if t + lag <= 35 else NAN for t in at]
    same(prevailing_mid(at, time, bid, ask, strict=strict, lag_ns=lag, end_ns=35), expected)
    one = [reference.mid_at(t, list(zip(time, bid, bid, strict=True)), False) for t in at]
    same(prevailing(at, time, bid), one)


@given(seeds, st.integers(0, 40), st.integers(0, 30))
def test_lee_ready(seed, n, m):
    rng = np.random.default_rng(seed)
    time, bid, ask = quote_rows(rng, m)
    at = np.sort(rng.integers(0, 40, n))
    price = rng.integers(9_990, 10_012, n) / 100
    got = lee_ready(at, price, time, bid, ask)
    # A mid of half a cent is not a price of the trades; cents compare exactly once they are integers again.
    exact = [(t, np.nan if np.isnan(b) else round(b * 100), np.nan if np.isnan(a) else round(a * 100))
             for t, b, a in zip(time, bid, ask, strict=True)]  # fmt: skip
    assert got.tolist() == reference.lee_ready(list(zip(at, np.rint(price * 100), strict=True)), exact)
    assert got.dtype == np.int8
    nothing = np.empty(0)
    assert tick_test(price).tolist() == lee_ready(at, price, nothing.astype(np.int64), nothing, nothing).tolist()


def test_a_quote_of_the_trade_itself_is_not_used():
    """The trade at 7 takes the ask and moves it: the quote of 7 would make it a sale."""
    quotes = (np.array([1, 7]), [100.00, 100.03], [100.02, 100.05])
    assert lee_ready([7], [100.02], *quotes).tolist() == [1]
    assert lee_ready([8], [100.02], *quotes).tolist() == [-1]


def test_at_the_mid_the_last_price_that_differs_counts():
    price = [10.00, 10.01, 10.01, 10.01, 10.00, 10.00]
    assert tick_test(price).tolist() == [0, 1, 1, 1, -1, -1]
    assert lee_ready([1] * 6, price, [0], [9.99], [10.03]).tolist() == [-1, 1, 1, 1, -1, -1]


def test_float_prices_at_the_mid_are_at_the_mid():
    """A mid in doubles is not always the double of its decimal."""
    cents = np.arange(2, 200_000, 7)
    bid, ask, price = (cents - 1) / 100, (cents + 1) / 100, cents / 100
    time = np.zeros(1, np.int64)
    for k in range(0, len(cents), 997):
        assert lee_ready([1], [price[k]], time, [bid[k]], [ask[k]]).tolist() == [0]
    assert (((bid + ask) / 2) != price).any()


@given(seeds, st.integers(0, 40), st.integers(1, 30))
def test_spreads_at_horizons(seed, n, m):
    rng = np.random.default_rng(seed)
    time, bid, ask = quote_rows(rng, m)
    at = np.sort(rng.integers(0, 40, n))
    price, quantity = rng.integers(9_990, 10_012, n) / 100, rng.integers(0, 500, n)
    side = rng.integers(-1, 2, n)
    quotes = list(zip(time, bid, ask, strict=True))
    trades = [(p, q, d, reference.mid_at(t, quotes, True))
              for p, q, d, t in zip(price.tolist(), quantity.tolist(), side.tolist(), at, strict=True)]  # fmt: skip
    got = spreads_at_horizons(at, price, quantity, time, bid, ask, side=side, horizons_s=(5e-9, 2e-9), end_ns=38)
    assert list(got.horizons) == [2e-9, 5e-9]
    for lag in (2, 5):
        later = [reference.mid_at(t + lag, quotes, False) if t + lag <= 38 else NAN for t in at]
        effective, *expected = reference.weighted_spreads(trades, later)
        same(got.effective_bps, effective, 1e-7)
        same(got.horizons[lag * 1e-9][:3], expected, 1e-7)
        middles = [row[3] for row in trades]
        same(trade_spreads(price, quantity, side, middles, later).horizons[300.0][:3], expected, 1e-7)
    both = spreads_at_horizons(at, price, quantity, time, bid, ask, end_ns=38)
    sides = lee_ready(at, price, time, bid, ask)
    assert str(both) == str(spreads_at_horizons(at, price, quantity, time, bid, ask, side=sides, end_ns=38))


@given(seeds, st.integers(1, 50))
def test_effective_is_realized_and_impact(seed, n):
    """Trade by trade, and weighted over the same trades."""
    rng = np.random.default_rng(seed)
    mid, later = rng.uniform(50, 60, n), rng.uniform(50, 60, n)
    price, side = mid + rng.normal(0, 0.02, n), rng.choice([-1, 1], n)
    rows = trade_spread_columns(price, side, mid, later)
    np.testing.assert_allclose(rows.effective_bps, rows.realized_bps + rows.impact_bps, rtol=1e-9, atol=1e-9)
    (horizon,) = trade_spreads(price, rng.integers(1, 99, n), side, mid, later).horizons.values()
    assert horizon.effective_bps == close(horizon.realized_bps + horizon.impact_bps, rel=1e-9, abs=1e-9)
    mirrored = trade_spread_columns(2 * mid - price, -side, mid, 2 * mid - later)
    np.testing.assert_allclose(mirrored.realized_bps, rows.realized_bps, rtol=1e-9, atol=1e-9)


@given(seeds, st.integers(0, 20), st.integers(0, 45))
def test_time_weighted_spread(seed, n, begin):
    time, bid, ask = quote_rows(np.random.default_rng(seed), n)
    got = time_weighted_spread(time, bid, ask, begin_ns=begin, end_ns=45)
    bps, price, *ns = reference.standing(list(zip(time, bid, ask, strict=True)), begin, 45)
    same([got.bps, got.price], [bps, price])
    assert [got.quoted_ns, got.locked_or_crossed_ns, got.missing_ns] == ns


@pytest.mark.parametrize("n", [511, 512, 513, 1024, 1025])
def test_blocks_of_rows_meet(n):
    """A row a nanosecond: whole and broken blocks."""
    time, bid = np.arange(n), np.full(n, 10.0)
    ask = 10.0 + np.arange(n) % 7 / 100
    got = time_weighted_spread(time, bid, ask, end_ns=n + 3)
    held = np.append(np.ones(n - 1), 4)
    open_ = ask > bid
    assert got.quoted_ns == held[open_].sum()
    assert got.bps == close((held * 2e4 * (ask - bid) / (ask + bid))[open_].sum() / held[open_].sum(), rel=1e-12)
    quantity = np.arange(1, n + 1)
    e = order_flow_imbalance(bid, quantity, ask, quantity)
    assert e.tolist() == reference.order_flow(list(zip(bid, quantity, ask, quantity, strict=True)))
    price = 100 + np.cumsum(np.where(np.arange(n) % 3 == 0, 0.02, -0.01))
    assert roll_spread(price) == close(reference.roll(price.tolist()), rel=1e-9)
    x, y = np.sin(np.arange(n)), np.cos(np.arange(n) * 1.7)
    assert kyle_lambda(y, x).slope == close(np.polyfit(x, y, 1)[0], rel=1e-9)


# ---- prices alone ----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(9_900, 10_100), min_size=3, max_size=40))
def test_roll(cents):
    prices = [c / 100 for c in cents]
    got, expected = roll_spread(prices), reference.roll(prices) if len(prices) > 3 else NAN
    if math.isnan(expected) or expected < 1e-6:  # a covariance of 0 but for rounding
        assert isinstance(got, Unknown) or got < 1e-5
    else:
        assert got == close(expected, rel=1e-9)


@given(seeds, st.integers(2, 20), st.booleans())
def test_corwin_schultz(seed, n, nights):
    rng = np.random.default_rng(seed)
    low = rng.uniform(99, 101, n)
    high = low + rng.uniform(0, 2, n)
    closing = low + (high - low) * rng.random(n) if nights else None
    expected = reference.corwin_schultz(high.tolist(), low.tolist(), closing)
    same(corwin_schultz_spreads(high, low, closing), expected, 1e-9)
    assert corwin_schultz_spread(high, low, closing) == close(np.mean(np.maximum(expected, 0)), rel=1e-9, abs=1e-15)


@given(seeds, st.integers(8, 60), st.integers(2, 4))
def test_two_scales(seed, n, k):
    price = np.exp(np.random.default_rng(seed).normal(0, 0.01, n + 1).cumsum())
    expected = reference.two_scale(price.tolist(), k)
    got = two_scale_variance(price, scale=k)
    assert isinstance(got, Unknown) if expected < 0 else got == close(expected, rel=1e-7, abs=1e-12)
    assert realized_variance(price) == close(np.square(np.diff(np.log(price))).sum(), rel=1e-9)


# ---- regressions -----------------------------------------------------------------------------------------------------


@given(seeds, st.integers(3, 60), st.booleans())
def test_kyle(seed, n, intercept):
    rng = np.random.default_rng(seed)
    flow = rng.integers(-500, 500, n) * 1.0
    assume(len(set(flow)) > 1)
    change = 1e-5 * flow + rng.normal(0, 1e-3, n) + 0.01
    got = kyle_lambda(change, flow, intercept=intercept)
    design = np.column_stack([flow, np.ones(n)] if intercept else [flow])
    beta, *_ = np.linalg.lstsq(design, change, rcond=None)
    rest = float(np.square(change - design @ beta).sum())
    total = float(np.square(change - change.mean() * intercept).sum())
    assert got.slope == close(beta[0], rel=1e-7, abs=1e-12)
    assert got.r_squared == close(1 - rest / total, rel=1e-6, abs=1e-9)
    free = n - design.shape[1]
    error = math.sqrt(rest / free * np.linalg.inv(design.T @ design)[0, 0])
    assert got.standard_error == close(error, rel=1e-6, abs=1e-15)


@given(seeds, st.integers(30, 300))
def test_glosten_harris_without_noise_is_exact(seed, n):
    rng = np.random.default_rng(seed)
    side, quantity = rng.choice([-1, 1], n), rng.integers(1, 1_000, n)
    assume(abs(side.sum()) < n - 4)
    c0, c1, z0, z1 = 0.01, 2e-6, 0.004, 1e-6
    flow = side * quantity
    change = c0 * np.diff(side) + c1 * np.diff(flow) + z0 * side[1:] + z1 * flow[1:]
    got = glosten_harris(np.append(0.0, change.cumsum()), quantity, side)
    np.testing.assert_allclose(got[:4], [c0, c1, z0, z1], rtol=1e-9)
    assert got.spread(100) == close(2 * (c0 + z0 + 100 * (c1 + z1)), rel=1e-9)


@given(seeds, st.integers(30, 200))
def test_glosten_harris_with_noise_is_least_squares(seed, n):
    rng = np.random.default_rng(seed)
    side, quantity = rng.choice([-1, 1], n), rng.integers(1, 1_000, n)
    price = 100 + rng.normal(0, 0.02, n).cumsum()
    flow = side * quantity
    design = np.column_stack([np.diff(side), np.diff(flow), side[1:], flow[1:]])
    assume(np.linalg.matrix_rank(design / np.abs(design).max(axis=0)) == 4)
    got = glosten_harris(price, quantity, side)
    scale = np.abs(design).max(axis=0)
    beta = np.linalg.lstsq(design / scale, np.diff(price), rcond=None)[0] / scale
    np.testing.assert_allclose(got[:4], beta, rtol=1e-6, atol=1e-12)


def test_glosten_harris_that_cannot_be_told_apart():
    side = np.array([1, -1, 1, 1, -1, 1, -1, -1])
    got = glosten_harris(np.arange(8) * 0.01 + 100, np.full(8, 100), side)
    assert isinstance(got.c0, Unknown)
    assert got.c0.reason == "the trades determine 2 of the 4 coefficients only"
    assert "3 price changes" in glosten_harris([1, 2, 3, 4], [1, 2, 3, 4], [1, -1, 1, 1]).z1.reason


def test_amihud_leaves_out_what_did_not_trade():
    assert amihud([0.01, 0.5, -0.02], [1e6, 0, 2e6]) == close(1e-8)
    assert amihud([0.5], [0]).reason == "no period traded"


# ---- books -----------------------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 40), st.integers(1, 5))
def test_order_flow(seed, n, width):
    rng = np.random.default_rng(seed)
    bid, ask = rng.integers(95, 100, (n, width)) / 1, rng.integers(100, 105, (n, width)) / 1
    bid[rng.random((n, width)) < 0.1], ask[rng.random((n, width)) < 0.1] = np.nan, np.nan
    qb, qa = rng.integers(0, 9, (n, width)), rng.integers(0, 9, (n, width))
    got = order_flow_imbalance(bid, qb, ask, qa)
    assert got.shape == (n - 1, width)
    for level in range(width):
        rows = list(zip(bid[:, level], qb[:, level], ask[:, level], qa[:, level], strict=True))
        assert got[:, level].tolist() == reference.order_flow(rows)
        assert order_flow_imbalance(*(x[:, level] for x in (bid, qb, ask, qa))).tolist() == got[:, level].tolist()
    mirrored = order_flow_imbalance(-ask + 300, qa, -bid + 300, qb)  # sides exchanged: the sign turns
    assert mirrored.tolist() == (-got).tolist()


@given(seeds, st.integers(1, 20), st.integers(1, 8))
def test_depth_imbalance(seed, n, width):
    rng = np.random.default_rng(seed)
    qb, qa = rng.integers(0, 9, (n, width)), rng.integers(0, 9, (n, width))
    by_level = [math.exp(-k / 2.5) for k in range(width)]
    rows = list(zip(qb.tolist(), qa.tolist(), strict=True))
    same(depth_imbalance(qb, qa, decay=2.5), [reference.depth_imbalance(b, a, by_level) for b, a in rows])
    bid, ask = 100 - 0.01 * np.arange(width) * np.ones((n, 1)), 101 + 0.01 * np.arange(width) * np.ones((n, 1))
    by_tick = [1 / (1 + k) for k in range(width)]
    got = depth_imbalance(qb, qa, bid=bid, ask=ask, tick=0.01)
    same(got, [reference.depth_imbalance(b, a, by_tick) for b, a in rows])
    bid[:, 0] = np.nan  # then the second is the best
    got = depth_imbalance(qb, qa, bid=bid, ask=ask, tick=0.01)
    same(got, [reference.depth_imbalance(b, a, by_tick, 1) for b, a in rows])
    same(imbalance(qb[:, 0], qa[:, 0]), depth_imbalance(qb[:, :1], qa[:, :1], decay=1.0))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), min_size=1, max_size=6), st.integers(1, 100))
def test_walk(steps, wanted):
    price = 1_000
    levels = []
    for step, quantity in steps:
        price += step
        levels.append((price, quantity))
    average, marginal, unfilled = reference.walk(levels, wanted)
    got = book_walks([[p for p, _ in levels]], [[q for _, q in levels]], wanted)
    same([x[0] for x in got], [average, marginal, unfilled])
    one = book_walk(*zip(*levels, strict=True), wanted, mid=999)
    if unfilled:
        assert one.average_price.reason == f"the levels hold {wanted - unfilled} of {wanted}"
        assert one.unfilled_quantity == unfilled
    else:
        assert one.average_price == close(average)
        assert one.mid_slippage == close(average - 999)
        down = [2_000 - p for p, _ in levels]
        sold = book_walk(down, [q for _, q in levels], wanted, mid=1_001)
        assert sold.mid_slippage == close(one.mid_slippage)
        assert sold.touch_slippage == close(one.touch_slippage)


def test_weighted_mid_pushes_toward_the_thin_side():
    got = weighted_mid([10.0, 10.0, 10.0, np.nan], [10.02] * 4, [900, 100, 0, 5], [100, 900, 0, 5])
    same(got, [10.018, 10.002, 10.01, NAN])


@given(seeds, st.integers(3, 200))
def test_micro_price_counts_and_sums(seed, n):
    rng = np.random.default_rng(seed)
    half = 20_000 + np.cumsum(rng.integers(-2, 3, n))
    spread = rng.integers(1, 4, n)
    half = half + (half + spread) % 2  # prices are whole ticks
    bid, ask = (half - spread) / 200, (half + spread) / 200
    qb, qa = rng.integers(0, 9, n), rng.integers(0, 9, n)
    fitted = fit_micro_price(bid, ask, qb, qa, tick=0.01, buckets=3, spreads=2, half_ticks=3)
    rows = list(zip(bid.tolist(), ask.tolist(), qb.tolist(), qa.tolist(), strict=True))
    expected, last = reference.micro_price(rows, 0.01, 3, 2, 3)
    assert fitted.observations + fitted.outside == n - 1
    assert np.nan_to_num(fitted.adjustment) == close(-np.nan_to_num(fitted.adjustment)[::-1], rel=1e-6, abs=1e-9)
    if last > 1e-9:  # the twin's sum has not settled
        return
    for (bucket, wide), value in expected.items():
        got = fitted.adjustment[bucket, wide - 1]
        assert (math.isnan(got) and value == 0) or got == close(value, rel=1e-5, abs=1e-7)


# ---- volume and time -------------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 20), st.integers(1, 200), st.integers(1, 5))
def test_vpin(seed, n, bucket, window):
    rng = np.random.default_rng(seed)
    change, volume = rng.normal(0, 0.02, n), rng.integers(0, 300, n)
    got = vpin(change, volume, bucket_volume=bucket, window=window, deviation=0.02)
    expected = reference.vpin(change.tolist(), volume.tolist(), 0.02, bucket, window)
    assert len(got) == len(expected)
    same(got, expected, 1e-7)
    assert ((got >= 0) & (got <= 1)).all()


@given(seeds, st.integers(0, 60), st.integers(1, 7))
def test_sessions(seed, n, bins):
    rng = np.random.default_rng(seed)
    time, quantity = np.sort(rng.integers(0, 100, n)), rng.integers(0, 50, n)
    sessions = [(5, 30), (30, 37), (50, 91)]
    expected, outside = reference.session_volumes(
        list(zip(time.tolist(), quantity.tolist(), strict=True)), sessions, bins
    )
    opens, closes = zip(*sessions, strict=True)
    assert session_volumes(time, quantity, opens, closes, bins=bins).tolist() == expected
    got = interval_sums(time, -quantity, begin_ns=5, end_ns=30, intervals=bins)
    assert (-got).tolist() == expected[0]
    assert sum(map(sum, expected)) + outside == quantity.sum()


def test_flow_bars():
    time, price = [10, 12, 19, 20, 45, 99], [4.0, 9.0, 16.0, 25.0, 4.0, 1.0]
    bars = flow_bars(time, price, [1, 1, 4, 1, 1, 1], [1, -1, 1, 0, -1, 1], begin_ns=10, interval_ns=10, intervals=4)
    same(bars.last_price, [16, 25, 25, 4])
    assert bars.signed_volume.tolist() == [4, 0, 0, -1]
    same(bars.signed_root_value, [2 - 3 + 8, 0, 0, -2])
    assert bars.volume.tolist() == [6, 1, 0, 1]
    assert bars.outside == 1
    same(bars.log_return, [NAN, math.log(25 / 16), 0, math.log(4 / 25)])
    same(bars.price_change, [NAN, 9, 0, -21])


@given(seeds, st.integers(0, 6), st.integers(1, 40))
def test_after_sweeps(seed, events, n):
    rng = np.random.default_rng(seed)
    time, value = np.sort(rng.integers(0, 60, n)), rng.integers(1, 9, n)
    sweeps = np.sort(rng.integers(0, 60, events))
    got = recovery(sweeps, time, value, horizon_s=6e-9, step_s=2e-9, recovered_at_s=(4e-9,))
    expected, used = reference.excess_after(
        sweeps.tolist(), list(zip(time.tolist(), value.tolist(), strict=True)), [0, 2, 4, 6]
    )
    assert got.sweeps == used
    assert got.left_out == events - used
    if used:
        same(got.excess, expected)
        if expected[0]:
            assert got.recovered[4e-9] == close(1 - expected[2] / expected[0])
        else:
            assert got.recovered[4e-9].reason == "nothing to recover from"


# ---- likelihoods -----------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8),
    st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.5, 40), st.floats(0.5, 40), st.floats(0.5, 40),
)  # fmt: skip
def test_pin_likelihood_and_its_gradient(days, alpha, delta, mu, eb, es):
    buys, sells = zip(*days, strict=True)
    expected = reference.pin_log_likelihood(buys, sells, alpha, delta, mu, eb, es)
    parameters = {"alpha": alpha, "delta": delta, "mu": mu, "epsilon_buy": eb, "epsilon_sell": es}
    assert pin_log_likelihood(buys, sells, **parameters) == close(expected, rel=1e-9)
    columns = (("buys", np.array(buys), "z"), ("sells", np.array(sells), "z"))
    _, *gradient = run("pin", columns, numbers=(alpha, delta, mu, eb, es), integers=(0,))
    for k, (name, by) in enumerate(
        [
            ("alpha", alpha * (1 - alpha)),
            ("delta", delta * (1 - delta)),
            ("mu", mu),
            ("epsilon_buy", eb),
            ("epsilon_sell", es),
        ]
    ):
        h = 1e-6 * by
        up = pin_log_likelihood(buys, sells, **(parameters | {name: parameters[name] + h}))
        down = pin_log_likelihood(buys, sells, **(parameters | {name: parameters[name] - h}))
        assert gradient[k] == close((up - down) / (2e-6), rel=1e-4, abs=1e-3)


@given(seeds, st.integers(0, 30), st.floats(0.05, 3), st.floats(0, 3), st.floats(0.05, 5))
def test_hawkes_likelihood_its_gradient_and_intensity(seed, n, mu, alpha, beta):
    rng = np.random.default_rng(seed)
    ns = np.sort(rng.integers(0, 10 * 10**9, n))
    times = ns * 1e-9
    expected = reference.hawkes_log_likelihood(times.tolist(), 10.0, mu, alpha, beta)
    rates = {"mu": mu, "alpha": alpha, "beta": beta}
    assert hawkes_log_likelihood(times, end=10.0, **rates) == close(expected, rel=1e-9, abs=1e-9)
    assert hawkes_log_likelihood(ns + 5, start=5, end=5 + 10 * 10**9, **rates) == close(expected, rel=1e-8, abs=1e-8)
    _, *gradient, events = run(
        "hawkes", (("times", times, "a"),), numbers=(mu, alpha, beta, 0.0, 10.0), integers=(0, 0)
    )
    assert events == n
    for k, name in enumerate(rates):
        h = 1e-6
        if rates[name] < 2 * h:
            continue
        up, down = (hawkes_log_likelihood(times, end=10.0, **(rates | {name: rates[name] + d})) for d in (h, -h))
        assert gradient[k] == close((up - down) / (2 * h), rel=1e-4, abs=1e-4)
    at = np.sort(np.append(rng.uniform(0, 12, 5), times[:3]))
    same(hawkes_intensity(times, at, **rates), [reference.intensity(times, t, mu, alpha, beta) for t in at])
    whole = np.sort(np.append(rng.integers(0, 12 * 10**9, 5), ns[:3]))
    expected = [reference.intensity(times, t * 1e-9, mu, alpha, beta) for t in whole]
    same(hawkes_intensity(ns, whole, **rates), expected, 1e-6)


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=8), st.floats(0.2, 2), st.floats(0.05, 0.95), st.booleans(),
    st.floats(0.01, 3),
)  # fmt: skip
def test_a_finer_grid_costs_the_same(rates, exponent, decay, exponential, interval):
    """The integral is exact for constant rates: each interval in three changes nothing, nor does the sign of all."""
    cost = propagator_cost(rates, interval=interval, exponent=exponent, decay=decay, exponential=exponential)
    scale = sum(abs(r) for r in rates) ** (1 + exponent) * interval + 1e-3
    finer = np.repeat(rates, 3)
    got = propagator_cost(finer, interval=interval / 3, exponent=exponent, decay=decay, exponential=exponential)
    assert got == close(cost, rel=1e-8, abs=1e-9 * scale)
    turned = propagator_cost(
        -np.array(rates), interval=interval, exponent=exponent, decay=decay, exponential=exponential
    )
    assert turned == close(cost, rel=1e-12, abs=1e-12 * scale)


@pytest.mark.parametrize("exponential", [False, True])
def test_one_interval_by_its_closed_form(exponential):
    got = propagator_cost([2.0], interval=3.0, exponent=0.5, decay=0.4, exponential=exponential)
    area = 3.0**1.6 / (0.6 * 1.6) if not exponential else (0.4 * 3 - 1 + math.exp(-1.2)) / 0.16
    assert got == close(2.0 * math.sqrt(2.0) * area, rel=1e-12)


# ---- how columns lie -------------------------------------------------------------------------------------------------


def lying(array):
    """The same numbers in every way that a column may come."""
    array = np.asarray(array, np.float64)
    yield array
    yield array.tolist()
    read_only = array.copy()
    read_only.flags.writeable = False
    yield read_only
    yield np.repeat(array, 3)[::3]
    yield array[::-1].copy()[::-1]
    packed = np.zeros(len(array), [("a", "i1"), ("b", "f8")])  # misaligned
    packed["b"] = array
    yield packed["b"]
    if (array == np.rint(array)).all():
        yield array.astype(np.int64)
        yield array.astype(np.int32)
        yield array.astype(np.float32)


def test_every_way_to_lie_in_memory_gives_the_same():
    rng = np.random.default_rng(3)
    bid, quantity = rng.integers(90, 100, 700), rng.integers(1, 50, 700)
    expected = order_flow_imbalance(bid, quantity, bid + 2, quantity[::-1])
    for b, q in zip(lying(bid), lying(quantity), strict=True):
        assert order_flow_imbalance(b, q, np.asarray(b) + 2, np.asarray(q)[::-1]).tolist() == expected.tolist()
        assert np.array_equal(imbalance(q, b), imbalance(quantity, bid))
        assert roll_spread(b) == roll_spread(bid)
        assert lee_ready(np.arange(700), b, np.arange(700), b, b).tolist() == tick_test(bid).tolist()
    levels = rng.integers(1, 9, (50, 6))
    for way in (
        levels,
        np.asfortranarray(levels),
        levels[:, ::-1].copy()[:, ::-1],
        np.repeat(levels, 2, axis=1)[:, ::2],
    ):
        assert np.array_equal(depth_imbalance(way, levels, decay=3), depth_imbalance(levels, levels, decay=3))


def test_no_price_is_absent():
    bid = np.array([10 * 10**9, NO_PRICE, 10 * 10**9])
    ask = bid + 2 * 10**7
    ask[1] = 11 * 10**9
    same(quoted_spreads(bid, ask), [2e4 * 0.02 / 20.02, NAN, 2e4 * 0.02 / 20.02])
    same(order_flow_imbalance(bid, [5, 6, 7], ask, [1, 1, 1]), [-5 + 1, 7 - 1])
    assert mean_quoted_spread(bid, ask) == close(2e4 * 0.02 / 20.02)


def test_a_field_of_message_rows_in_a_memory_map(tmp_path):
    rng = np.random.default_rng(5)
    rows = np.zeros(3_000, MESSAGE_DTYPE)
    rows["time_ns"] = np.sort(rng.integers(0, 10**12, len(rows)))
    rows["price_e9"] = rng.integers(99, 101, len(rows)) * 10**9
    rows["quantity"], rows["side"] = rng.integers(1, 500, len(rows)), rng.choice([-1, 1], len(rows))
    rows.tofile(tmp_path / "rows")
    mapped = np.memmap(tmp_path / "rows", MESSAGE_DTYPE, mode="r")
    out = np.memmap(tmp_path / "sides", np.int8, mode="w+", shape=len(rows))
    sides = tick_test(mapped["price_e9"], out=out)
    assert sides is out
    assert sides.tolist() == tick_test(rows["price_e9"] / 1e9).tolist()
    columns = (mapped["time_ns"], mapped["price_e9"], mapped["quantity"], mapped["side"])
    bars = flow_bars(*columns, begin_ns=0, interval_ns=10**11, intervals=10, price_unit=1e-9)
    assert bars.volume.sum() == rows["quantity"].sum() - (bars.outside and rows["quantity"][-bars.outside :].sum())
    same(bars.last_price[-1], rows["price_e9"][rows["time_ns"] < 10**12][-1] / 1e9)
    assert isinstance(roll_spread(mapped["price_e9"]), float)


# ---- what is refused -------------------------------------------------------------------------------------------------

GOOD = {"bid": [10.0, 10.0], "bid_quantity": [1, 2], "ask": [10.1, 10.1], "ask_quantity": [3, 4]}


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("bid", [10.0, 0.0], ValueError, r"bid\[1, 0\] is 0.0, must be > 0"),
        ("bid", [10.0, -1], ValueError, r"bid\[1, 0\] is -1.0"),
        ("ask", [math.inf, 1], ValueError, r"ask\[0, 0\] is inf"),
        ("bid_quantity", [1, math.nan], ValueError, r"bid_quantity\[1, 0\] is nan, must be >= 0 and finite"),
        ("ask_quantity", [1, -5], ValueError, r"ask_quantity\[1, 0\] is -5, must be >= 0"),
        ("ask_quantity", [1, 2, 3], ValueError, "ask_quantity has 3 rows, must have 2"),
        ("ask_quantity", [[1, 2], [3, 4]], ValueError, "ask_quantity has 2 cells a row, must have 1"),
        ("ask_quantity", [1, True], TypeError, "ask_quantity holds a bool"),
        ("ask_quantity", np.array([True, False]), TypeError, "bool"),
        ("bid", "abc", (TypeError, ValueError), "bid"),
        ("bid", None, (TypeError, ValueError), "bid"),
        ("bid", np.array([2**63, 1], np.uint64), TypeError, "bid has dtype uint64"),
        ("bid", [2**70, 1], TypeError, "bid has dtype object"),
        ("bid", ["10", "١٠"], TypeError, "bid has dtype <U2"),
        ("bid", np.array([1, 2], ">f8"), TypeError, "byte order"),
        ("bid", np.array([1, 2], np.complex128), TypeError, "complex128"),
        ("bid", np.array([1, 2], np.longdouble), TypeError, "bid has dtype"),
        ("bid", np.ma.masked_array([1.0, 2.0], [True, False]), TypeError, "bid is masked"),
        ("bid", np.zeros((2, 1, 1)), ValueError, "bid has 3 dimensions"),
        ("bid", np.zeros(2, [("price", "f8")]), TypeError, r"must be one field of it, such as bid\['price'\]"),
        ("out", np.empty(2), ValueError, r"out is float64 of shape \(2,\), must be float64 of shape \(1,\)"),
        ("out", np.empty(1, np.float32), ValueError, "out is float32"),
        ("out", [0.0], ValueError, "out is"),
    ],
)
def test_a_bad_column_is_named(name, value, error, message):
    with pytest.raises(error, match=message):
        order_flow_imbalance(**(GOOD | {name: value}))


def test_times_out_of_order_are_named():
    with pytest.raises(ValueError, match=r"time_ns\[2\] is 4, must be at or after the one before it"):
        time_weighted_spread([1, 5, 4], [1.0] * 3, [2.0] * 3, end_ns=9)
    late = np.arange(2_000)
    late[1_536] = 7  # the first of a block
    with pytest.raises(ValueError, match=r"time_ns\[1536\] is 7"):
        time_weighted_spread(late, np.ones(2_000), np.full(2_000, 2.0), end_ns=9_999)
    with pytest.raises(ValueError, match=r"quote_time_ns\[1\] is 2"):
        prevailing_mid([9], [3, 2], [1.0, 1.0], [2.0, 2.0])
    with pytest.raises(TypeError, match="at_ns has dtype float64, must be int64"):
        prevailing([1.5], [1.0], [1.0])
    assert prevailing(np.array(["2020-01-02"], "M8[ns]"), np.array(["2020-01-01"], "M8[ns]"), [7.0]).tolist() == [7.0]


def test_events_outside_of_their_window_are_named():
    rates = {"mu": 1.0, "alpha": 0.5, "beta": 1.0}
    with pytest.raises(ValueError, match=r"times\[1\] is 6.0, must be within the window"):
        hawkes_log_likelihood([1.0, 6.0], end=5.0, **rates)
    with pytest.raises(ValueError, match=r"times\[1\] is 1.0, must be at or after"):
        hawkes_log_likelihood([2.0, 1.0], end=5.0, **rates)
    with pytest.raises(ValueError, match=r"times\[0\] is nan"):
        hawkes_log_likelihood([NAN], end=5.0, **rates)
    with pytest.raises(ValueError, match="at"):
        hawkes_intensity([1.0], [3.0, 2.0], **rates)
    with pytest.raises(ValueError, match=r"beta is 0, must be > 0"):
        hawkes_log_likelihood([1.0], end=5.0, mu=1.0, alpha=0.5, beta=0)
    with pytest.raises(ValueError, match=r"low\[1\] is 3.0, must be at most the high"):
        corwin_schultz_spreads([2.0, 2.0], [1.0, 3.0])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: run("none", ()), KeyError),
        (lambda: run("line", ()), TypeError),
        (lambda: run("line", (("x", np.zeros(2), "f"),) * 3), TypeError),
        (lambda: run("line", (("x", None, "f"),) * 2), TypeError),
        (lambda: run("line", (("x", np.zeros(2), "f"),) * 2, (np.zeros(1),)), TypeError),
        (lambda: run("line", (("x", np.zeros(2), "f"),) * 2, (), (1.0,)), TypeError),
        (lambda: run("line", (("x", np.zeros(2), "f"), ("y", np.zeros(3), "f"))), ValueError),
        (lambda: run("roll", (("x", np.zeros(2, bool), "f"),)), TypeError),
        (lambda: run("roll", (("x", np.zeros(2, ">i8"), "f"),)), TypeError),
        (lambda: run("standing", (("t", np.zeros(2), "o"), *(("p", np.ones(2), "m"),) * 2), (), (), (0, 1)), TypeError),
        (lambda: run("returns", (("x", np.ones(2), "f"),), (), (), (-3,)), ValueError),
        (lambda: run("flow", (("t", np.zeros(2, np.int64), "o"), *(("x", np.ones(2), "a"),) * 3),
                     (np.zeros(1),) * 4, (), (0, 0)), ValueError),
        (lambda: run("walk", (("p", np.ones((1, 600)), "a"), ("q", np.ones((1, 600)), "n"), ("w", np.ones(1), "p")),
                     (np.zeros(1),) * 3), ValueError),
        (lambda: run("bulk", (("x", np.zeros(2), "f"),) * 2, (np.zeros(4)[::2],), (1.0,)), ValueError),
        (lambda: run("bulk", (("x", np.zeros(2), "f"),) * 2, (np.zeros(2, np.int64),), (1.0,)), TypeError),
        (lambda: run("bulk", (("x", np.zeros(2), "f"),) * 2, (None,), (1.0,)), TypeError),
        (lambda: run("sessions", (("t", np.zeros(0, np.int64), "o"), ("q", np.zeros(0), "z")) +
                     (("o", np.zeros(0, np.int64), "o"),) * 2, (np.zeros((0, 2)),), (), (3,)), ValueError),
    ],
)  # fmt: skip
def test_the_native_entry_checks_what_it_is_given(call, error):
    with pytest.raises(error):
        call()


def test_nothing_in_nothing_out():
    nothing, when = np.empty(0), np.empty(0, np.int64)
    assert len(lee_ready(when, nothing, when, nothing, nothing)) == 0
    assert len(order_flow_imbalance(nothing, nothing, nothing, nothing)) == 0
    assert len(quoted_spreads([], [])) == 0
    assert mean_quoted_spread([], []).reason == "no quote with a bid below its ask"
    assert time_weighted_spread(when, nothing, nothing, end_ns=5).bps.reason == "no time with a bid below its ask"
    assert isinstance(spreads_at_horizons(when, [], [], when, [], []).effective_bps, Unknown)
    for got in (roll_spread([]), kyle_lambda([], []).slope, glosten_harris([], [], []).c0, amihud([], []),
                realized_variance([]), two_scale_variance([]), corwin_schultz_spread([], [])):  # fmt: skip
        assert isinstance(got, Unknown)
        assert got.reason
    assert recovery(when, when, nothing).tau_s.reason == "no sweep that the series covers"
    assert len(vpin([], [], bucket_volume=5)) == 0
    assert propagator_cost([], interval=1, decay=0.5) == 0
    assert hawkes_log_likelihood([], end=4.0, mu=0.5, alpha=0.1, beta=1) == -2.0
