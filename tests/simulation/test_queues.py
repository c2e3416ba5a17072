"""The published numbers of the zero-intelligence flow: solved, and met by the flow itself within errors taken from
the sample."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.synthetic import CANCEL_RATES, LIMIT_RATES, MARKET_RATE, FlowModel, SyntheticMarket
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.simulation.queues import mid_up_first, queue_distribution, queue_mean, santa_fe_spread

SECOND = 10**9
MINUTE = 60 * SECOND
START = 1_735_828_200 * SECOND
#: Of Cont, Stoikov and Talreja's Table 2, one tick from the other side.
PAPER = (LIMIT_RATES[0], MARKET_RATE, CANCEL_RATES[0])
LONG = 8 if os.environ.get("GRANDMODEL_LONG") else 1


def one_venue(model: FlowModel, events_per_second: float, *, seed: int, warmup_seconds: float) -> SyntheticMarket:
    instruments = Instruments()
    instruments.add("X", tick_e9=10**7, reference_e9=1000 * SECOND, sector="technology")
    venues = Venues(instruments)
    venues.add("A", take_fee_e9=0, make_fee_e9=0)
    return SyntheticMarket(
        venues, [1], seed=seed, start_ns=START, warmup_seconds=warmup_seconds, events_per_second=events_per_second,
        depth=1.0, model=model,
    )  # fmt: skip


# ---- solved ----


def test_the_queue_at_the_best_price():
    chances = queue_distribution(*PAPER)
    assert chances[:4] == pytest.approx([0.25316, 0.28385, 0.22251, 0.13408], abs=5e-6)
    assert queue_mean(*PAPER) == pytest.approx(1.61686, abs=5e-6)
    assert chances.sum() == pytest.approx(1.0, abs=1e-15)
    arrival, market, cancel = PAPER  # detailed balance: up from k as often as down from k + 1
    k = np.arange(len(chances) - 1)
    np.testing.assert_allclose(chances[:-1] * arrival, chances[1:] * (market + (k + 1) * cancel), rtol=1e-12)


def test_a_queue_without_market_orders_is_poisson():
    chances = queue_distribution(3.0, 0.0, 0.5)
    poisson = [math.exp(-6.0) * 6.0**k / math.factorial(k) for k in range(20)]
    assert chances[:20] == pytest.approx(poisson, rel=1e-12)


def test_the_first_move_of_the_mid():
    """Table 3 of the paper to its three digits, and to four from its own equations."""
    found = [mid_up_first(1, ask, *PAPER) for ask in range(1, 6)]
    assert found == pytest.approx([0.5, 0.3352, 0.2590, 0.2158, 0.1878], abs=5e-5)
    assert found == pytest.approx([0.500, 0.336, 0.259, 0.216, 0.188], abs=1.2e-3)


@pytest.mark.parametrize("rates", [PAPER, (0.3, 2.0, 0.1), (4.0, 0.0, 0.5)])
def test_the_first_move_is_symmetric_and_monotone(rates):
    for bid in (1, 3, 9):
        for ask in (1, 2, 7, 20):
            up = mid_up_first(bid, ask, *rates)
            assert up + mid_up_first(ask, bid, *rates) == pytest.approx(1.0, abs=1e-12)
            assert 0.0 < mid_up_first(bid, ask + 1, *rates) < up < mid_up_first(bid + 1, ask, *rates) < 1.0


def test_the_first_move_without_arrivals_to_speak_of():
    """Two exponential times of one order each, then of two orders against one: by hand."""
    arrival, market, cancel = 1e-12, 1.0, 0.5
    assert mid_up_first(1, 1, arrival, market, cancel) == pytest.approx(0.5)
    one, two = market + cancel, market + 2 * cancel  # the ask first loses one of its two, then the other
    assert mid_up_first(1, 2, arrival, market, cancel) == pytest.approx(two / (one + two) * 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, *PAPER), "bid is 0, must be from 1 to 100"),
        ((1, 101, *PAPER), "ask is 101"),
        ((1, True, *PAPER), "ask is True"),
        ((1.0, 1, *PAPER), "bid is 1.0"),
        ((1, 1, 0.0, 1.0, 1.0), "arrival is 0.0, must be above 0"),
        ((1, 1, 1.0, -0.1, 1.0), "market is -0.1, must be from 0 up"),
        ((1, 1, 1.0, 1.0, math.nan), "cancel is nan"),
        ((1, 1, math.inf, 1.0, 1.0), "arrival is inf"),
        ((1, 1, "1", 1.0, 1.0), "arrival is '1'"),
        ((1, 1, 1e6, 1.0, 1.0), "arrival is 1000000.0"),
    ],
)
def test_bad_rates(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mid_up_first(*arguments)


def test_the_spread_that_was_fitted():
    assert santa_fe_spread(1.0, 1.0, 0.05) == pytest.approx(0.476671, abs=5e-7)
    assert santa_fe_spread([2.0, 4.0], 8.0, 0.4) == pytest.approx([4 * 0.476671, 2 * 0.476671], rel=1e-5)
    with pytest.raises(ValueError, match="limit is"):
        santa_fe_spread([1.0, 0.0], 1.0, 1.0)


# ---- met by the flow ----


def test_the_flows_queue_has_that_distribution():
    """An own order of a size that nobody takes holds the ask; the bid a tick below it is then that queue. Sampled
    each half minute.

    Errors from means of 50 blocks, each hundreds of times as long as the queue remembers: 5 standard errors.
    """
    rate = 4 * PAPER[0] / 60  # events a second at which a minute is the paper's
    config = {
        "seed": 4,
        "routing": {"venues": {"A": {"kind": "exchange", "cost_per_share": 0}}, "dark_pools": {}, "wholesalers": {}},
        "market": {
            "events_per_second": rate, "depth": 1, "order_size": 1, "limit_rates": [PAPER[0]],
            "cancel_rates": [PAPER[2]], "market_rate": PAPER[1],
        },
    }  # fmt: skip
    core = make_core(load_config(config), clock=SimulatedClock(START))
    om = OrderManager(engine=core)
    price = 151.0
    ticket = om.submit_order(
        {"symbol": "AAPL", "side": "sell", "quantity": 9 * 10**5, "order_type": "limit", "limit_price": price,
         "venue": "A", "time_in_force": "GTC"}
    )  # fmt: skip
    om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 1, "order_type": "limit", "limit_price": price - 0.01,
                     "venue": "A", "time_in_force": "GTC"})  # fmt: skip
    core.advance(START + 600 * MINUTE)
    counts = []
    for k in range(20_000 * LONG):
        core.advance(START + 600 * MINUTE + k * MINUTE // 2)
        bids, asks = core.market.depth("AAPL", "A", 1)
        assert asks[0][0] == round(price * SECOND)
        assert not bids or bids[0][0] == round(price * SECOND) - 10**7
        counts.append(bids[0][2] if bids else 0)
    assert ticket.order.filled_quantity < 9 * 10**5
    blocks = np.array(counts).reshape(50, -1)
    chances = queue_distribution(*PAPER)
    for k in range(5):
        means = (blocks == k).mean(axis=1)
        assert means.mean() == pytest.approx(chances[k], abs=5 * means.std(ddof=1) / math.sqrt(50)), k
        assert means.std(ddof=1) / math.sqrt(50) < 0.01
    assert blocks.mean() == pytest.approx(1.61686, abs=5 * blocks.mean(axis=1).std(ddof=1) / math.sqrt(50))


def test_the_flows_mid_moves_as_often_up():
    """Whole published flow, unit sizes, one venue: whenever the spread is a tick and one order stands at one side, k
    at the other for the first time since the mid moved, which side is empty first. Errors are those of so many
    independent trials: 4.5 of them.
    """
    minutes = 40_000 * LONG
    market = one_venue(FlowModel(order_size=1), 4 * sum(LIMIT_RATES) / 60, seed=8, warmup_seconds=3600.0)
    book: dict[int, dict[int, int]] = {1: {}, -1: {}}
    trials: dict[int, list[int]] = {k: [0, 0] for k in range(1, 6)}
    entered: dict[tuple[int, int], None] = {}
    before = None
    rows = market.record("X", START + minutes * MINUTE, capacity=4_000_000 * LONG)
    for action, side, price in zip(
        rows["action"].tolist(), rows["side"].tolist(), rows["price_e9"].tolist(), strict=True
    ):
        queue = book[side]
        if action == 1:
            queue[price] = queue.get(price, 0) + 1
        elif queue[price] == 1:
            del queue[price]
        else:
            queue[price] -= 1
        if not book[1] or not book[-1]:
            before, entered = None, {}
            continue
        bid, ask = max(book[1]), min(book[-1])
        if before is not None and bid + ask != before:
            for b, a in entered:
                k, weak = (a, -1) if b == 1 else (b, 1)  # the single order stands at the bid, or at the ask
                if k in trials:
                    trials[k][0] += 1
                    trials[k][1] += (bid + ask > before) == (weak < 0)
            entered = {}
        before = bid + ask
        if ask - bid == 10**7:
            b, a = book[1][bid], book[-1][ask]
            if b == 1 or a == 1:
                entered[(b, a)] = None
    for k, (n, ups) in trials.items():
        expected = mid_up_first(1, k, *PAPER)
        assert n > 1000
        assert ups / n == pytest.approx(expected, abs=4.5 * math.sqrt(expected * (1 - expected) / n)), k


def mean_spread(arrival: float, market: float, delta: float, *, seed: int) -> tuple[float, float]:
    """(mean spread in ticks, its standard error) of the flow with `arrival` a side and tick, `market` a side;
    time-weighted."""
    ticks = min(1024, int(25 * market / arrival))
    model = FlowModel(limit_rates=[arrival] * ticks, cancel_rates=[delta] * ticks, market_rate=market, order_size=1)
    rate = 4 * arrival * ticks / 60
    flow = one_venue(model, rate, seed=seed, warmup_seconds=60 * 12 / delta)
    span = 600_000 * LONG / rate
    spreads = []
    for k in range(2000):
        flow.touch("X", START + round(k * span / 2000 * SECOND))
        bids, asks = flow.depth("X", "A", 1)
        if bids and asks:
            spreads.append((asks[0][0] - bids[0][0]) / 10**7)
    assert len(spreads) > 1990
    blocks = np.array(spreads[: len(spreads) // 20 * 20]).reshape(20, -1).mean(axis=1)
    return float(np.mean(spreads)), float(blocks.std(ddof=1) / math.sqrt(20))


def test_the_spread_follows_the_published_law():
    """As in the paper: log spread regressed on the log of what the law says, over flows with a mu / alpha from 6 to
    60 ticks and an eps from 0.01 to 0.1. The paper found a slope of 0.99 +- 0.10 over eleven stocks, and R2 0.96:
    that is the tolerance.

    (Over eps to 0.3 and mu / alpha of 8 to 32 alone it is 0.89: the constant is not the fitted one, see below.)
    """
    logs = []
    for number, (reach, eps) in enumerate((r, e) for r in (6.0, 19.0, 60.0) for e in (0.01, 0.02, 0.05, 0.1)):
        # `reach` market orders a side, one limit order a tick and side: mu / alpha is the same counted over both sides
        spread, error = mean_spread(1.0, reach, eps * 2 * reach, seed=number)
        assert error < 0.03 * spread
        logs.append((math.log(santa_fe_spread(2.0, 2 * reach, eps * 2 * reach)), math.log(spread)))
    x, y = np.array(logs).T
    slope, _ = np.polyfit(x, y, 1)
    assert slope == pytest.approx(0.99, abs=0.10)
    assert np.corrcoef(x, y)[0, 1] ** 2 > 0.96


def test_the_spread_grows_with_the_three_quarters_power():
    """Over eps, s alpha / mu = c + 1.86 eps^(3/4). The constant was fitted as 0.28; this flow has 0.4 to 0.5 (with
    finite ticks more): the growth is what is held against the paper, within 3 standard errors of its slope (and a
    twentieth of it)."""
    epsilons, reach = np.array([0.01, 0.03, 0.1, 0.2, 0.4]), 40.0
    found = np.array([mean_spread(1.0, reach, e * 2 * reach, seed=30 + k) for k, e in enumerate(epsilons)]) / reach
    (slope, constant), covariance = np.polyfit(epsilons**0.75, found[:, 0], 1, w=1 / found[:, 1], cov="unscaled")
    assert slope == pytest.approx(1.86, abs=0.05 * 1.86 + 3 * math.sqrt(covariance[0, 0]))
    assert 0.40 < constant < 0.50
