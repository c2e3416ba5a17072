"""What the options of the synthetic market bring about, over an engine and alone: common movement, venues, tails,
memory, impact.

Seeds are fixed; bounds are so many standard errors of the sample itself.
"""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import ConfigError, load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.order_management.order_manager import OrderManager

SECOND = 10**9
START = 1_735_828_200 * SECOND  # 2025-01-02 14:30 UTC, an open
VENUE = {"kind": "exchange", "cost_per_share": 0}
ONE_VENUE = {"venues": {"A": VENUE}, "dark_pools": {}, "wholesalers": {}}
SEEDS = 4 if os.environ.get("GRANDMODEL_LONG") else 1


def core_of(seed: int, market: dict[str, object], routing: dict[str, object] | None = None):
    config = {"mode": "simulation", "seed": seed, "market": {"volume_curve": "flat", **market}}
    if routing is not None:
        config["routing"] = routing
    return make_core(load_config(config), clock=SimulatedClock(START))


def traded(om: OrderManager, quantity: int) -> tuple[int, float]:
    """What a market order of a signed quantity filled: signed, and its money."""
    side = 1 if quantity > 0 else -1
    order = om.submit_order(
        {"symbol": "AAPL", "side": "buy" if side > 0 else "sell", "quantity": abs(quantity), "order_type": "market"}
    ).order
    return (
        side * order.filled_quantity,
        side * order.filled_quantity * order.average_price if order.filled_quantity else 0.0,
    )


def path(
    seed: int, market: dict[str, object], orders: list[tuple[float, int]], close: bool = False
) -> tuple[np.ndarray, float]:
    """(mids in ticks before each order, cash) of market orders (seconds, signed quantity); quantity 0: only looks.
    `close`: what is held in the end is closed at once."""
    core = core_of(seed, market)
    om = OrderManager(engine=core)
    mids, cash, held = [], 0.0, 0
    for seconds, quantity in orders:
        core.advance(START + round(seconds * SECOND))
        core.touch("AAPL")
        mids.append(om.quote("AAPL").mid * 100)
        if quantity:
            held += (filled := traded(om, quantity))[0]
            cash -= filled[1]
    for _ in range(10):  # what a venue alone could not fill
        if close and held:
            held += (filled := traded(om, -held))[0]
            cash -= filled[1]
    assert not (close and held)
    om.close()
    return np.array(mids), cash


def impact(market: dict[str, object], orders: list[tuple[float, int]], seeds: range) -> np.ndarray:
    """(seeds, orders): the mid with the orders less the mid of the same seed without them, ticks."""
    looks = [(seconds, 0) for seconds, _ in orders]
    return np.array([path(seed, market, orders)[0] - path(seed, market, looks)[0] for seed in seeds])


def mean_and_error(sample: np.ndarray) -> tuple[float, float]:
    return float(sample.mean()), float(sample.std(ddof=1) / math.sqrt(len(sample)))


ANSWERED = {"reaction": {"reversion": 1.0, "decay": "exponential", "seconds": 30}}
#: 400 shares each two seconds, about what market orders of others trade, for four minutes; then another four.
TWAP = [(2.0 * k, 400) for k in range(120)]
AFTER = [(240.0, 0), (480.0, 0)]


def test_impact_without_a_reaction_stays():
    """Zero intelligence: in proportion to what was bought, and it does not decay."""
    moved = impact({"depth": 3}, TWAP + AFTER, range(80 * SEEDS))
    half, end, later = moved[:, 60], moved[:, -2], moved[:, -1]
    assert end.mean() > 10 * mean_and_error(end)[1]
    for excess in (end - 2 * half, later - end):
        mean, error = mean_and_error(excess)
        assert mean == pytest.approx(0.0, abs=4 * error)
        assert error < 0.05 * end.mean()


def test_impact_that_is_answered_is_concave_and_decays():
    moved = impact({"depth": 3, **ANSWERED}, TWAP + AFTER, range(160 * SEEDS))
    half, end, later = moved[:, 60], moved[:, -2], moved[:, -1]
    for what, sample in (
        ("it moves the price", half),
        ("twice as much does so by less than twice", 2 * half - end),
        ("it decays", end - later),
    ):
        mean, error = mean_and_error(sample)
        assert mean > 4 * error, what


@pytest.mark.parametrize("market", [ANSWERED, {"reaction": {"reversion": 0.6, "decay": "power", "seconds": 10}}, {}])
def test_a_round_trip_costs(market):
    """Ten minutes of buying, ten of selling the same: the mean cost over seeds is above 0 by more than three standard
    errors."""
    orders = [(10.0 * k, 300) for k in range(60)] + [(600 + 10.0 * k, -300) for k in range(60)]
    costs = -np.array([path(seed, market, orders, close=True)[1] for seed in range(40 * SEEDS)])
    assert costs.mean() > 3 * costs.std(ddof=1) / math.sqrt(len(costs))


def test_each_own_order_is_answered_once_by_its_size():
    """Others' volume is larger by what own orders took, once the replies have come, if all are answered; by half if
    half are."""
    for reversion in (0.5, 1.0):
        volumes = []
        for market in ({}, {"reaction": {"reversion": reversion, "seconds": 1}}):
            total = 0
            for seed in range(30 * SEEDS):
                core = core_of(seed, {"events_per_second": 2.0, **market})
                om = OrderManager(engine=core)
                for k in range(40):
                    core.advance(START + 5 * k * SECOND)
                    om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 200, "order_type": "market"})
                core.advance(START + 230 * SECOND)
                core.touch("AAPL")
                tape = core.venues.tape("AAPL")
                assert tape["own_volume"] == 8000
                total += tape["volume"] - tape["own_volume"]
                om.close()
            volumes.append(total / (30 * SEEDS))
        # market orders of 144 shares each two or so a second over 230 s: 1 % of the volume and the answers' own scatter
        assert volumes[1] - volumes[0] == pytest.approx(8000 * reversion, abs=1200)


def test_own_size_that_is_displayed_leans_the_market():
    """A large bid held below the touch: the price drifts up against the same seed's without a reaction, and only
    then."""
    drift = []
    for seed in range(20 * SEEDS):
        ends = []
        for displayed in (0.0, 0.5):
            core = core_of(seed, {"depth": 3, "reaction": {"displayed": displayed}}, ONE_VENUE)
            om = OrderManager(engine=core)
            bid = om.quote("AAPL").bid - 0.05
            terms = {"order_type": "limit", "limit_price": round(bid, 2)}
            om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 40_000, **terms})
            core.advance(START + 120 * SECOND)
            ends.append(om.quote("AAPL").mid * 100)
            om.close()
        drift.append(ends[1] - ends[0])
    assert np.mean(drift) > 4 * np.std(drift, ddof=1) / math.sqrt(len(drift))


def mids_of(core, symbols: list[str], seconds: int, count: int) -> np.ndarray:
    """(count, symbols) mids each so many seconds."""
    om = OrderManager(engine=core)
    out = np.empty((count, len(symbols)))
    for k in range(count):
        core.advance(START + k * seconds * SECOND)
        for j, symbol in enumerate(symbols):
            core.touch(symbol)
            out[k, j] = om.quote(symbol).mid
    om.close()
    return out


def test_a_common_factor_correlates_symbols():
    """Correlation of changes in twenty seconds, pairs of four symbols: none without, some with it; the errors of
    so many independent ones."""
    found = []
    for strength in (0.0, 0.8):
        core = core_of(5, {"common_factor": {"strength": strength, "interval_seconds": 20}, "depth": 2})
        changes = np.diff(mids_of(core, ["AAPL", "MSFT", "JPM", "KO"], 20, 1500), axis=0)
        matrix = np.corrcoef(changes.T)
        found.append(matrix[np.triu_indices(4, 1)])
    assert abs(found[0]).max() < 4 / math.sqrt(1500)
    assert found[1].min() > 4 / math.sqrt(1500)


def test_venues_that_look_at_themselves_move_apart():
    """Correlation of the mids' changes at two venues in ten seconds, less where fewer orders look at the consolidated
    quote: means and errors over markets of their own, in which the mid moves often."""
    found = {}
    for link in (1.0, 0.5, 0.0):
        sample = []
        for seed in range(10 * SEEDS):
            market = {"venue_correlation": link, "depth": 2, "events_per_second": 10}
            core = core_of(seed, market, {**ONE_VENUE, "venues": {"A": VENUE, "B": {**VENUE, "priority": 2}}})
            mids = np.full((360, 2), np.nan)
            for k in range(360):
                core.market.touch("AAPL", START + 10 * k * SECOND)
                for j, venue in enumerate("AB"):
                    bids, asks = core.market.depth("AAPL", venue, 1)
                    if bids and asks:
                        mids[k, j] = (bids[0][0] + asks[0][0]) / 2e7
            changes = np.diff(mids, axis=0)
            sample.append(np.corrcoef(changes[np.isfinite(changes).all(axis=1)].T)[0, 1])
            core.close()
        found[link] = np.array(sample)
    for more, less in ((1.0, 0.5), (0.5, 0.0)):
        mean, error = mean_and_error(found[more] - found[less])
        assert mean > 3 * error
    assert found[1.0].mean() > 0.3


def trades_of(market: dict[str, object], seed: int, minutes: int) -> tuple[np.ndarray, np.ndarray]:
    """(sides, sizes) of the market orders of one venue, from the rows of the flow: executions at one instant are one
    order's."""
    from grandmodel.execution._core.instruments import Instruments
    from grandmodel.execution._core.scoring import Venues
    from grandmodel.execution._core.synthetic import SyntheticMarket
    from grandmodel.execution.venues.paper import flow_model

    instruments = Instruments()
    instruments.add("X", tick_e9=10**7, reference_e9=100 * SECOND, sector="technology")
    venues = Venues(instruments)
    venues.add("A", take_fee_e9=0, make_fee_e9=0)
    flow = SyntheticMarket(
        venues,
        [1],
        seed=seed,
        start_ns=START,
        model=flow_model(load_config({"market": market}).market),
        events_per_second=50,
    )
    flow.touch("X", START)
    rows = flow.record("X", START + minutes * 60 * SECOND)
    rows = rows[rows["action"] == 4]
    _, first, which = np.unique(rows["time_ns"], return_index=True, return_inverse=True)
    return -rows["side"][first].astype(int), np.bincount(which, rows["quantity"])


def test_metaorders_give_signs_a_long_memory():
    """c(t) for N hidden orders whose length is k or more with chance k^-a: the order at work is the same t trades
    later if it is drawn again and has not ended; of the one found at work the rest is k or more with chance sum_{j >=
    k} j^-a / zeta(a). So c(t) is near N^(a - 2) t^(1 - a) / ((a - 1) zeta(a)) for t beyond N (Lillo, Mike and Farmer
    2005 have the exponents). Means of ten days' parts."""
    plain, _ = trades_of({"volume_curve": "flat"}, 3, 60)
    assert abs(np.mean(plain[1:] * plain[:-1])) < 4 / math.sqrt(len(plain))
    tail, n, lags = 1.5, 4, (20, 60, 200)
    zeta = sum(k**-tail for k in range(1, 100_000)) + 2 * 100_000**-0.5
    found = []
    for seed in range(10):
        sides, _ = trades_of({"volume_curve": "flat", "metaorders": {"count": n, "tail": tail}}, seed, 180 * SEEDS)
        found.append([np.mean(sides[lag:] * sides[:-lag]) for lag in lags])
    means, errors = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(10)
    for mean, error, lag in zip(means, errors, lags, strict=True):
        assert mean == pytest.approx(n ** (tail - 2) * lag ** (1 - tail) / ((tail - 1) * zeta), abs=4 * error)
        assert mean > 3 * error


def test_sizes_have_the_tail_that_was_asked_for():
    """The share of trades of k lots and more is k to minus the tail, within 4.5 standard errors."""
    for tail in (1.2, 2.0):
        market = {
            "volume_curve": "flat",
            "order_size": "pareto",
            "size_tail": tail,
            "size_lots_max": 10_000,
            "depth": 100,
        }
        _, sizes = trades_of(market, 1, 60)
        lots = sizes / 100
        counts = [(lots >= k).mean() for k in (2, 4, 8)]
        expected = [k**-tail for k in (2, 4, 8)]
        for found, chance in zip(counts, expected, strict=True):
            assert found == pytest.approx(chance, abs=4.5 * math.sqrt(chance * (1 - chance) / len(lots)) + 1e-12)


def test_equal_seeds_give_equal_days_with_everything_on():
    market = {
        "order_size": "pareto", "clustering": {"branching": 0.7, "decay_seconds": 2}, "metaorders": {"count": 8},
        "common_factor": {"strength": 0.3}, "venue_correlation": 0.7, "volume_curve": "session",
        "reaction": {"reversion": 0.8, "decay": "power", "seconds": 10, "displayed": 0.1},
    }  # fmt: skip
    hashes = set()
    for seed in (1, 1, 2):
        core = core_of(seed, market)
        om = OrderManager(engine=core)
        for k in range(60):
            core.advance(START + k * 10 * SECOND)
            om.submit_order(
                {"symbol": "MSFT", "side": "sell" if k % 3 else "buy", "quantity": 300, "order_type": "market"}
            )
            om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 300, "order_type": "limit",
                             "limit_price": round(om.quote("AAPL").bid - 0.01, 2)})  # fmt: skip
        core.market.check_invariants()
        om.close()
        hashes.add(core.journal.sha256())
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("market", "path_of_it", "message"),
    [
        ({"limit_rates": [1, 2]}, "market", "cancel_rates has 10 numbers, must have 2"),
        ({"limit_rates": []}, "market.limit_rates", "a list of 1 to 1024 rates above 0"),
        ({"cancel_rates": [0] * 10}, "market.cancel_rates", "a list of 1 to 1024"),
        ({"order_size": True}, "market.order_size", "'lots', 'pareto' or a whole number"),
        ({"order_size": "huge"}, "market.order_size", "'lots', 'pareto'"),
        ({"volume_curve": [1, -1]}, "market.volume_curve", "'session', 'flat' or a list"),
        ({"volume_curve": "u"}, "market.volume_curve", "'session', 'flat' or a list"),
        ({"clustering": {"branching": 1}}, "market.clustering.branching", "a number from 0 to 0.99"),
        (
            {"clustering": {"branching": [[0.2] * 6] * 6}},
            "market.clustering.branching",
            "spectral radius below 1; it has 1.2",
        ),
        ({"clustering": {"branching": [[0.2] * 5] * 6}}, "market.clustering.branching", "6 rows of 6"),
        ({"clustering": {"branching": [1, 2]}}, "market.clustering.branching", "6 rows of 6"),
        ({"metaorders": {"count": 65}}, "market.metaorders.count", "from 0 to 64"),
        ({"common_factor": {"strength": 1.5}}, "market.common_factor.strength", "from 0 to 1"),
        ({"venue_correlation": math.nan}, "market.venue_correlation", "from 0 to 1"),
        ({"reaction": {"decay": "none"}}, "market.reaction.decay", "'exponential', 'power'"),
        ({"reaction": {"half_life": 1}}, "market.reaction.half_life", "unknown key"),
        ({"volatility_scale": 1}, "market.volatility_scale", "unknown key"),
    ],
)
def test_bad_values_name_their_key(market, path_of_it, message):
    with pytest.raises(ConfigError) as error:
        load_config({"market": market})
    assert path_of_it in str(error.value)
    assert message in str(error.value)
