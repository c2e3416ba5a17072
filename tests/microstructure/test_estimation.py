"""What is estimated comes back: from simulated days, events, noise, quotes and sweeps whose truth is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.execution import Unknown
from grandmodel.execution.microstructure import (
    Hawkes,
    bipower_variation,
    fit_exponential,
    fit_hawkes,
    fit_micro_price,
    hawkes_log_likelihood,
    micro_price_adjustment,
    pin,
    pin_log_likelihood,
    realized_volatility,
    recovery,
    sweep_times,
    turnover,
    two_scale_volatility,
    volume_buckets,
    volume_curve,
    volume_curve_of,
    vpin,
)
from grandmodel.execution.microstructure.optimizer import minimize

close = pytest.approx
E9 = 10**9


# ---- PIN -------------------------------------------------------------------------------------------------------------


def trading_days(rng, n, alpha, delta, mu, eb, es):
    news, bad = rng.random(n) < alpha, rng.random(n) < delta
    return rng.poisson(eb + mu * (news & ~bad)), rng.poisson(es + mu * (news & bad))


def test_pin_finds_what_made_the_days():
    truth = (0.4, 0.3, 150.0, 200.0, 180.0)
    buys, sells = trading_days(np.random.default_rng(2), 2_000, *truth)
    got = pin(buys, sells)
    assert got[1:6] == close(truth, rel=0.1)
    assert got.pin == close(60 / 440, rel=0.08)
    assert got.agreeing >= 3
    names = ("alpha", "delta", "mu", "epsilon_buy", "epsilon_sell")
    best = dict(zip(names, got[1:6], strict=True))
    assert pin_log_likelihood(buys, sells, **best) == close(got.log_likelihood, rel=1e-12)
    assert got.log_likelihood >= pin_log_likelihood(buys, sells, **dict(zip(names, truth, strict=True)))
    for name in names:  # nothing beside it is better
        for factor in (0.99, 1.01):
            assert pin_log_likelihood(buys, sells, **(best | {name: best[name] * factor})) < got.log_likelihood
    mirrored = pin(sells, buys)
    assert mirrored.pin == close(got.pin, rel=1e-4)
    assert mirrored.delta == close(1 - got.delta, rel=1e-3)


def test_pin_of_busy_days_does_not_overflow():
    got = pin(*trading_days(np.random.default_rng(3), 250, 0.3, 0.5, 20_000, 90_000, 100_000))
    assert got.mu == close(20_000, rel=0.02)
    assert math.isfinite(got.log_likelihood)


def test_pin_that_cannot_be_known():
    assert pin([5], [5]).pin.reason == "1 days, at least 2 are needed"
    assert pin([5, 4], [0, 0]).mu.reason == "no buys, or no sells, on any day"
    with pytest.raises(ValueError, match=r"sells\[1\] is -2, must be >= 0"):
        pin([5, 4], [3, -2])
    with pytest.raises(ValueError, match=r"alpha is 1\.5"):
        pin_log_likelihood([1], [1], alpha=1.5, delta=0.5, mu=1, epsilon_buy=1, epsilon_sell=1)


# ---- Hawkes ----------------------------------------------------------------------------------------------------------


def hawkes_events(rng, mu, alpha, beta, end):
    """By thinning (Ogata 1981)."""
    t, excited, events = 0.0, 0.0, []
    while True:
        wait = rng.exponential(1 / (mu + excited))
        bound, excited, t = mu + excited, excited * math.exp(-beta * wait), t + wait
        if t >= end:
            return np.array(events)
        if rng.random() * bound <= mu + excited:
            events.append(t)
            excited += alpha


def test_hawkes_finds_what_made_the_events():
    events = hawkes_events(np.random.default_rng(4), 0.5, 0.8, 1.6, 20_000.0)
    got = fit_hawkes(events, end=20_000.0)
    assert got.converged
    assert got[:3] == close((0.5, 0.8, 1.6), rel=0.1)
    assert got.branching_ratio == close(0.5, rel=0.05)
    assert got.mean_rate == close(len(events) / 20_000, rel=1e-2)
    assert got.half_life_s == close(math.log(2) / got.beta)
    best = dict(zip(("mu", "alpha", "beta"), got[:3], strict=True))
    assert hawkes_log_likelihood(events, end=20_000.0, **best) == close(got.log_likelihood, rel=1e-12)
    for name in best:
        for factor in (0.98, 1.02):
            there = hawkes_log_likelihood(events, end=20_000.0, **(best | {name: best[name] * factor}))
            assert there < got.log_likelihood
    start = 1_735_828_200 * E9
    ns = np.rint(events * 1e9).astype(np.int64) + start
    assert fit_hawkes(ns, start=start, end=start + 20_000 * E9)[:3] == close(got[:3], rel=1e-4)


def test_hawkes_of_events_that_do_not_excite():
    """Poisson: whatever the decay, next to nothing is excited."""
    rng = np.random.default_rng(5)
    got = fit_hawkes(np.sort(rng.uniform(0, 5_000, 5_000)), end=5_000)
    assert got.branching_ratio < 0.05
    assert got.mu == close(1.0, abs=0.06)


def test_hawkes_that_cannot_be_known():
    assert fit_hawkes([1.0, 2.0], end=3).mu.reason == "2 events, at least 3 are needed"
    explosive = Hawkes(mu=1.0, alpha=2.0, beta=1.5, log_likelihood=0.0, events=9, converged=True)
    assert explosive.mean_rate.reason == "the branching ratio is not below 1"
    with pytest.raises(ValueError, match="end is 1, must be above start, 1"):
        fit_hawkes([1.0, 1.0, 1.0], start=1, end=1)


# ---- volatility ------------------------------------------------------------------------------------------------------


def test_two_scales_see_through_noise():
    """A day of seconds at 1 % with noise of 3 bp: the plain one is ten times too high, the robust one within 15 %."""
    rng = np.random.default_rng(6)
    path = rng.normal(0, 0.01 / math.sqrt(23_400), 23_400).cumsum()
    noisy = 50 * np.exp(path + rng.normal(0, 3e-4, len(path)))
    assert realized_volatility(noisy) > 0.05
    assert two_scale_volatility(noisy) == close(0.01, rel=0.15)
    assert realized_volatility(50 * np.exp(path)) == close(0.01, rel=0.02)
    assert two_scale_volatility(noisy * 7) == close(two_scale_volatility(noisy), rel=1e-9)


def test_bipower_does_not_see_the_jump():
    rng = np.random.default_rng(7)
    returns = rng.normal(0, 1e-4, 20_000)
    returns[9_000] = 0.02
    price = np.exp(returns.cumsum())
    assert realized_volatility(price) == close(math.hypot(1e-4 * math.sqrt(20_000), 0.02), rel=0.02)
    assert math.sqrt(bipower_variation(price)) == close(1e-4 * math.sqrt(20_000), rel=0.03)


def test_volatilities_that_cannot_be_known():
    assert realized_volatility([1.0]).reason == "fewer than 2 prices"
    assert bipower_variation([1.0, 2.0]).reason == "fewer than 3 prices"
    assert two_scale_volatility([1.0, 2.0, 3.0]).reason == "2 returns, at least 4 are needed with a scale of 2"
    assert isinstance(two_scale_volatility([1, 1.1] * 6, scale=2), Unknown)  # bounce and nothing else: below zero
    with pytest.raises(ValueError, match=r"price\[1\] is 0.0, must be > 0"):
        realized_volatility([1.0, 0.0])


# ---- volume ----------------------------------------------------------------------------------------------------------


def test_half_days_and_days_without_volume_do_not_count():
    opens = [k * 1_000 for k in range(4)]
    closes = [opens[0] + 600, opens[1] + 600, opens[2] + 300, opens[3] + 600]
    time = [0, 100, 599, 1_000, 1_250, 1_599, 2_000, 2_299]
    got = volume_curve(time, [1, 1, 2, 6, 2, 2, 50, 50], opens, closes, bins=3, minimum_days=2)
    assert got.share.tolist() == [(0.5 + 0.6) / 2, 0.1, (0.5 + 0.2) / 2]
    assert got.cumulative.tolist() == [close(0.55), close(0.65), 1.0]
    assert (got.days, got.dropped, got.outside, got.reason) == (2, 2, 0, "")
    few = volume_curve(time, [1] * 8, opens, closes, bins=3)
    assert few.reason == "2 whole days, at least 20 are needed"
    assert np.isnan(few.share).all()


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_curves_sum_to_one_and_do_not_know_units(days, bins, seed):
    volume = np.random.default_rng(seed).integers(1, 100, (days, bins))
    got, scaled = (volume_curve_of(v, minimum_days=1) for v in (volume, volume * 1_000.0))
    assert got.share.sum() == close(1)
    assert got.cumulative[-1] == 1
    assert (np.diff(got.cumulative) >= 0).all()
    np.testing.assert_allclose(scaled.share, got.share, rtol=1e-12)


def test_turnover_is_in_percent():
    assert turnover(5e6, 1e9) == close(0.5)
    assert turnover(5e6, None).reason == "no shares outstanding"


def test_vpin_of_one_sided_and_of_still_bars():
    assert vpin([1.0] * 10, [100] * 10, bucket_volume=50, window=4, deviation=1e-3).tolist() == close([1.0] * 17)
    assert vpin([0.0] * 10, [100] * 10, bucket_volume=50, window=4, deviation=1.0).tolist() == close([0.0] * 17)
    assert np.isnan(vpin([0.0] * 10, [100] * 10, bucket_volume=50, window=4)).all()  # no deviation to measure by
    assert volume_buckets([7, 0, 5], [10, 3, 5], bucket_volume=6).tolist() == close([2.4, 0.4, 4.0])
    assert volume_buckets([7, 0, 4], [10, 3, 4], bucket_volume=6).tolist() == close([2.4, 0.4])
    with pytest.raises(ValueError, match=r"buy_volume\[1\] is 6, must be at most the volume"):
        volume_buckets([5, 6], [5, 5], bucket_volume=3)
    with pytest.raises(ValueError, match="window is 0"):
        vpin([1.0], [1], bucket_volume=1, window=0)


# ---- micro-price -----------------------------------------------------------------------------------------------------


def test_the_micro_price_is_where_the_mid_goes():
    """A chain whose expected moves are known: the imbalance walks over ten buckets, the mid jumps toward the larger
    side. The adjustment is what all later jumps add up to, the sum of P^k d, here from the chain's own
    probabilities."""
    rng = np.random.default_rng(9)
    n, buckets = 400_000, 10
    walk, state = rng.integers(-1, 2, n).tolist(), [5]
    for step in walk[:-1]:
        state.append(min(max(state[-1] + step, 0), buckets - 1))
    state = np.array(state)
    drift = (2 * np.arange(buckets) + 1) / buckets - 1
    jumps = np.where(rng.random(n) < 0.1, np.where(rng.random(n) < (1 + drift[state]) / 2, 1, -1), 0)
    bid = 10_000 + np.cumsum(np.append(0, jumps[:-1]))
    qb = 100 * state + 50
    fitted = fit_micro_price(bid, bid + 1, qb, 1_000 - qb, tick=1, buckets=buckets, spreads=1, half_ticks=2)
    chain = np.zeros((buckets, buckets))
    for k in range(buckets):
        for step in (-1, 0, 1):
            chain[k, min(max(k + step, 0), buckets - 1)] += 1 / 3
    term, expected = 0.1 * drift, np.zeros(buckets)
    for _ in range(2_000):
        expected += term
        term = chain @ term
    assert fitted.reason == ""
    np.testing.assert_allclose(fitted.adjustment[:, 0], expected, rtol=0.08)
    one = fitted.price_of(10_000, 10_001, 900, 100)
    assert one == close(10_000.5 + fitted.adjustment[9, 0])
    assert "never seen" in fitted.price_of(10_000, 10_005, 900, 100).reason


def test_micro_prices_that_cannot_be_known():
    still = fit_micro_price([10.0] * 9, [10.1] * 9, [1] * 9, [1] * 9, tick=0.1)
    assert still.reason == "no state from which the mid was seen to move"
    assert np.isnan(still.adjustment).all()
    drifting = micro_price_adjustment([[0.5]], [[0.1, 0.4]], [[0.5]], [-1, 1])
    assert "drift" in drifting[2]
    assert np.isnan(drifting[0]).all()
    swinging = micro_price_adjustment([[0, 0], [0, 0]], [[1, 0], [0, 1]], [[0, 1], [1, 0]], [-1, 1])
    assert swinging[2] != ""  # states that take turns: the sum goes to and fro
    trap = micro_price_adjustment([[1.0]], [[0.0]], [[0.0]], [1])
    assert trap[2] == "from some state the mid never moves"
    with pytest.raises(ValueError, match=r"row 0 of stay and move sums to 1\.1"):
        micro_price_adjustment([[0.6]], [[0.5]], [[0.1]], [1])
    with pytest.raises(ValueError, match="have the shapes"):
        micro_price_adjustment([[0.6]], [[0.5, 0.1]], [[0.1]], [1])
    with pytest.raises(ValueError, match="buckets \\* spreads is 100000"):
        fit_micro_price([1.0], [2.0], [1], [1], tick=1, buckets=1_000, spreads=100)


# ---- resilience ------------------------------------------------------------------------------------------------------


def test_a_book_that_comes_back_exponentially():
    """A spread of 2 that each sweep widens by 8, tau 3 s, seen every 10 ms."""
    time = np.arange(0, 400 * E9, E9 // 100)
    sweeps = np.arange(10, 380, 30) * E9 + 1
    value = np.full(len(time), 2.0)
    for sweep in sweeps:
        since = (time - sweep) / E9
        value += np.where(since >= 0, 8 * np.exp(-since / 3), 0) * (since < 30)
    got = recovery(sweeps + E9 // 100 - 1, time, value, horizon_s=20)
    assert got.sweeps == len(sweeps)
    assert got.tau_s == close(3, rel=2e-3)
    assert got.amplitude == close(8, rel=2e-2)
    assert got.half_life_s == close(3 * math.log(2), rel=2e-3)
    assert got.r_squared > 0.9999
    for s in (1.0, 5.0, 10.0):
        assert got.recovered[s] == close(1 - math.exp(-s / 3), abs=2e-3)
    narrower = recovery(sweeps + E9 // 100 - 1, time, 10 - value, horizon_s=20)  # depth falls where a spread widens
    assert narrower.amplitude == close(-got.amplitude)
    assert narrower.tau_s == close(got.tau_s)


@given(st.floats(-100, 100).filter(lambda a: abs(a) > 1e-3), st.floats(0.2, 30))
def test_an_exponential_comes_back(amplitude, tau):
    t = np.arange(0, 20, 0.1)
    got = fit_exponential(t, amplitude * np.exp(-t / tau))
    assert got == close((amplitude, tau, 1.0), rel=1e-8)


def test_recoveries_that_cannot_be_known():
    t = np.arange(0, 20, 0.1)
    assert fit_exponential(t, np.ones_like(t))[1].reason == "the excess does not decay within the horizon"
    assert fit_exponential(t, (t == 0) * 1.0)[1].reason == "the excess is gone at once"
    assert fit_exponential(t, t * 0)[0].reason == "no excess to fit"
    time = np.arange(100) * E9
    sweeps = sweep_times(time, [9, 5] * 50, [10] * 100, consumed=0.9)
    assert sweeps.tolist() == time[::2].tolist()
    assert sweep_times(time, [9, 5] * 50, [10] * 100, consumed=0.9, apart_ns=3 * E9).tolist() == [98 * E9]
    with pytest.raises(ValueError, match="step_s is 30"):
        recovery(sweeps, time, np.ones(100), step_s=30)


# ---- the optimiser ---------------------------------------------------------------------------------------------------


def rosenbrock(x):
    a, b = 1 - x[0], x[1] - x[0] ** 2
    return a * a + 100 * b * b, np.array([-2 * a - 400 * x[0] * b, 200 * b])


@pytest.mark.parametrize("start", [(-1.2, 1.0), (3.0, -4.0), (0.0, 0.0)])
def test_a_curved_valley(start):
    got = minimize(rosenbrock, np.array(start))
    assert got.converged
    assert got.x == close([1, 1], abs=1e-7)


def test_it_stays_within_the_domain_and_says_where_it_found_nothing():
    def barrier(x):
        return (x[0] - math.log(x[0]), np.array([1 - 1 / x[0]])) if x[0] > 0 else (math.inf, np.zeros(1))

    assert minimize(barrier, np.array([50.0])).x == close([1], rel=1e-6)
    falling = minimize(lambda x: (-x[0] if x[0] < 40 else math.inf, np.array([-1.0])), np.array([0.0]))
    assert not falling.converged
