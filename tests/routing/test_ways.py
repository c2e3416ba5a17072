"""Each way to work an order by its own rule: what is sent when, where and how large."""

from __future__ import annotations

import asyncio
import math
from datetime import date

import numpy as np
import pytest
from support_replay import ADD, EXECUTE, engine, order, recording
from support_routing import IS, MARKET_ORDER, TWAP, VWAP, execute, synthetic

from grandmodel.execution import OrderStatus, SmartOrderRouter
from grandmodel.execution._core import allocation
from grandmodel.execution._core.values import ORDER_TYPE_CODES, TIME_IN_FORCE_CODES
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.routing.algorithms import make_algorithm
from grandmodel.execution.routing.algorithms.adaptive import tilt
from grandmodel.execution.routing.algorithms.implementation_shortfall import pace_ratio
from grandmodel.execution.routing.algorithms.liquidity_seeking import DarkPool
from grandmodel.execution.routing.algorithms.parent import MINUTE_NS, Parent, run_parent
from grandmodel.execution.routing.algorithms.signals import BookSignals, of_levels
from grandmodel.execution.sessions import session

DAY = session("XNAS", date(2026, 3, 2))
HALF_DAY = session("XNAS", date(2026, 11, 27))
SECOND = 10**9


def children(core):
    rows = core.orders_array()
    return rows[rows["parent_id"] != 0]


def worked(core, clock, config, given=MARKET_ORDER, story=None):
    """The parent, ended; `story(parent, clock, core)` runs beside it."""

    async def main():
        parent = SmartOrderRouter(engine=core).start(given, config)
        beside = asyncio.ensure_future(story(parent, clock, core)) if story else None
        await run_parent(parent)
        if beside is not None:
            await beside
        return parent

    return run(main(), clock=clock)


# ---- POV ----


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5])
def test_pov_is_that_share_of_what_others_print(rate):
    """Others print 100 a second; own prints do not count: own = p / (1 - p) * others at every step."""
    rows = [(ADD, 1, 1, 10000, 90_000), (ADD, 2, -1, 10001, 90_000)] + [(EXECUTE, 1, 1, 10000, 100)] * 80
    core, _ = engine(recording(*rows))
    config = {"algorithm": "pov", "participation_rate": rate, "duration_minutes": 1, "interval_seconds": 10}

    async def main():
        await core.clock.sleep(2)
        return await SmartOrderRouter(engine=core).execute_algorithm_order(
            order("buy", 50_000), {**config, "urgency": "immediate"}
        )

    result = run(main(), clock=core.clock)
    sizes = children(core)["quantity"].tolist()
    due = [math.floor(rate / (1 - rate) * others + 1e-9) for others in range(1000, 6000, 1000)]
    assert np.cumsum(sizes).tolist() == due
    assert result.filled_quantity == due[-1]
    assert result.filled_quantity / (result.filled_quantity + 5000) == pytest.approx(rate, abs=1e-3)


def test_pov_does_not_catch_up_what_was_printed_during_a_pause():
    async def story(parent, clock, core):
        await clock.sleep(600)
        parent.pause()
        await clock.sleep(1200)
        marks.append((parent.filled, parent.others_volume()))
        parent.resume()
        await clock.sleep(30)
        marks.append((parent.filled, parent.others_volume()))

    marks = []
    core, clock = synthetic(3)
    config = {"algorithm": "pov", "participation_rate": 0.01, "duration_minutes": 60}
    parent = worked(core, clock, config, {**MARKET_ORDER, "quantity": 50_000}, story)
    (before, printed), (after, then) = marks
    assert after - before <= 2 * 0.01 / 0.99 * (then - printed) + 2
    assert 0 < parent.filled <= 0.01 / 0.99 * parent.others_volume()


# ---- iceberg, peg, sniper ----


@pytest.mark.parametrize(("spread", "sizes"), [(0, {200}), (0.5, set(range(100, 301)))])
def test_an_iceberg_shows_one_part_at_a_time(spread, sizes):
    core, clock = synthetic(3)
    config = {"algorithm": "iceberg", "display_quantity": 200, "display_spread": spread, "duration_minutes": 60}
    most = []

    async def story(parent, clock, core):
        while not parent.is_over:
            most.append(parent.order.working_quantity)
            await clock.sleep(1)

    given = {**MARKET_ORDER, "order_type": "limit", "limit_price": 149.99}
    parent = worked(core, clock, config, given, story)
    shown = children(core)["quantity"].tolist()
    assert len(shown) > 5
    assert sum(shown[:-1]) <= parent.filled <= sum(shown)
    assert set(shown[:-1]) <= sizes
    assert max(most) <= max(sizes)
    assert set(children(core)["limit_price_e9"].tolist()) == {149_990_000_000}
    again, clock = synthetic(3)
    worked(again, clock, config, given)
    assert children(again)["quantity"].tolist() == shown  # the sizes are seeded


def test_an_iceberg_at_the_touch_follows_it():
    core, clock = synthetic(3)
    config = {"algorithm": "iceberg", "display_quantity": 100, "at": "touch", "duration_minutes": 60}
    parent = worked(core, clock, config)
    assert parent.filled == 3000
    rows = children(core)
    assert (rows["limit_price_e9"] <= rows["arrival_mid_e9"]).all()


@pytest.mark.parametrize(
    ("reference", "kind"), [("near", "pegged_primary"), ("mid", "pegged_midpoint"), ("far", "pegged_market")]
)
def test_a_peg_is_its_venues_where_one_takes_it(reference, kind):
    core, clock = synthetic(3)
    parent = worked(core, clock, {"algorithm": "peg", "reference": reference, "duration_minutes": 60})
    assert set(children(core)["order_type"].tolist()) == {ORDER_TYPE_CODES[kind]}
    assert parent.filled == 3000
    assert parent.assumptions == []


def test_a_peg_where_no_venue_takes_any_is_replaced_within_its_bound():
    venues = {name: {"cost_per_share": 0.001, "order_types": ["market", "limit"]} for name in ("A", "B")}
    core, clock = synthetic(5, routing={"venues": venues})
    config = {"algorithm": "peg", "offset_ticks": -2, "replaces_per_minute": 2, "duration_minutes": 30}
    parent = worked(core, clock, config, {**MARKET_ORDER, "quantity": 500_000})
    assert parent.assumptions == ["no venue takes pegged orders: it is replaced as its reference moves"]
    times = np.sort(children(core)["created_ns"])
    assert len(times) > 5
    for start in times:
        assert ((times >= start) & (times < start + MINUTE_NS)).sum() <= 3  # two replaces are three orders
    assert core.statistics()["refused"] == 1


def test_a_sniper_takes_only_what_is_large_enough_at_a_price():
    rows = [(ADD, 1, 1, 10000, 500), (ADD, 2, -1, 10001, 100), (ADD, 3, -1, 10005, 9000)]
    rows += [(ADD, 100 + k, 1, 9000, 1) for k in range(20)]
    rows += [(ADD, 4, -1, 10002, 450)] + [(ADD, 200 + k, 1, 9000, 1) for k in range(60)]
    core, _ = engine(recording(*rows))
    config = {"algorithm": "sniper", "threshold": 500, "price": 100.02, "duration_minutes": 1}

    async def main():
        await core.clock.sleep(4)
        return await SmartOrderRouter(engine=core).execute_algorithm_order(order("buy", 2000), config)

    result = run(main(), clock=core.clock)
    rows = children(core)
    assert set(rows["time_in_force"].tolist()) == {TIME_IN_FORCE_CODES["IOC"]}
    assert (rows["created_ns"] >= 24 * SECOND).all()  # 100 at 100.01 were not enough, the 450 behind them are
    assert result.filled_quantity == 550
    assert rows["limit_price_e9"].max() <= 100_020_000_000


# ---- liquidity seeking ----


def test_liquidity_seeking_looks_in_the_dark_first():
    core, clock = synthetic(3)
    config = {"algorithm": "liquidity_seeking", "duration_minutes": 60, "min_quantity": 100}
    parent = worked(core, clock, config, {**MARKET_ORDER, "quantity": 40_000})
    rows = children(core)
    dark = {core.venues.number(name) for name in ("GOLDMAN", "MORGAN")}
    assert set(rows["venue"][:2].tolist()) == dark
    assert set(rows["order_type"][:3].tolist()) == {ORDER_TYPE_CODES["pegged_midpoint"]}
    assert rows["quantity"][:2].sum() == 0.7 * 40_000
    assert parent.filled == 40_000
    for pool in parent.algorithm.pools:
        assert len(pool.sent) > 0
        assert all(0 <= got <= sent for got, sent in zip(pool.filled, pool.sent, strict=True))


def test_a_pool_that_gives_is_asked_for_more():
    """Ganchev et al. (2010): the split follows what each was seen to have."""
    rich, poor = DarkPool("rich", 0, None), DarkPool("poor", 0, None)
    first = allocation.dark_allocation(100, [rich.tail(100), poor.tail(100)])
    assert first.tolist() == [50, 50]
    for _ in range(10):
        rich.sent.append(50)
        rich.filled.append(50)
        poor.sent.append(50)
        poor.filled.append(2)
    tails = [rich.tail(100), poor.tail(100)]
    for tail in tails:
        assert tail[0] == 1.0
        assert (np.diff(tail) <= 0).all()
    assert allocation.dark_allocation(100, tails)[0] >= 95


def test_without_dark_pools_and_hidden_orders_it_says_so():
    venues = {"A": {"cost_per_share": 0.001, "order_types": ["market", "limit"], "instructions": []}}
    core, clock = synthetic(3, routing={"venues": venues})
    parent = worked(core, clock, {"algorithm": "liquidity_seeking", "duration_minutes": 20, "urgency": "high"})
    assert parent.assumptions == [
        "there is no dark pool: hidden orders at lit venues alone",
        "no lit venue takes hidden orders: displayed ones and dark pools alone",
    ]
    assert parent.filled == 3000


# ---- close, hours, halts ----


def keeping_hours(start_ns, seed=3, **hours):
    config = {"mode": "simulation", "seed": seed, "market": {"hours": {"keep": True, **hours}}}
    clock = SimulatedClock(start_ns)
    return make_core(load_config(config), clock=clock), clock


@pytest.mark.parametrize(("day", "hours"), [(DAY, {}), (DAY, {"closing_call_minutes": 3}), (HALF_DAY, {})])
def test_the_close_has_its_part_and_the_rest_is_worked_before(day, hours):
    core, clock = keeping_hours(day.close_ns - 90 * MINUTE_NS, **hours)
    config = {"algorithm": "close", "auction_share": 0.2, "closing_volume": 10_000, "duration_minutes": 60}
    parent = worked(core, clock, {**config, "auction_minutes": 5}, {**MARKET_ORDER, "quantity": 6000})
    rows = children(core)
    crossed = rows[rows["time_in_force"] == TIME_IN_FORCE_CODES["CLS"]]
    assert crossed["quantity"].tolist() == [2500]  # 0.2 / 0.8 * 10,000
    assert crossed["created_ns"][0] == day.close_ns - 5 * MINUTE_NS
    others = rows[rows["time_in_force"] != TIME_IN_FORCE_CODES["CLS"]]
    assert others["created_ns"].min() >= day.close_ns - 65 * MINUTE_NS
    assert others["created_ns"].max() < day.close_ns - 5 * MINUTE_NS
    assert parent.filled == 6000
    assert core.fills()["venue_time_ns"].max() == day.close_ns
    assert parent.order.status is OrderStatus.FILLED
    assert parent.assumptions == []


def test_the_close_goes_by_what_the_auction_indicates():
    core, clock = keeping_hours(DAY.close_ns - 60 * MINUTE_NS, gathering_minutes=20)
    parent = worked(core, clock, {"algorithm": "close", "auction_share": 0.05}, {**MARKET_ORDER, "quantity": 200_000})
    rows = children(core)
    (crossed,) = rows[rows["time_in_force"] == TIME_IN_FORCE_CODES["CLS"]]
    fills = core.fills()
    auction = fills["venue_time_ns"] == DAY.close_ns
    assert 0 < int(crossed["quantity"]) < 200_000
    assert int(fills["quantity"][auction].sum()) == crossed["filled_quantity"]
    assert parent.filled == fills["quantity"].sum()
    assert "rate so far" in parent.assumptions[0]  # before others' orders for the close had come


def test_without_an_auction_the_close_is_worked_to_the_end():
    core, clock = synthetic(3)
    parent = worked(core, clock, {"algorithm": "close", "duration_minutes": 30})
    assert parent.filled == 3000
    assert parent.progress.assumptions == ("this market has no closing auction: all is worked to the end",)


@pytest.mark.parametrize("config", [TWAP, VWAP, IS, {"algorithm": "pov", "participation_rate": 0.1}])
def test_before_the_open_a_plan_waits_for_it_and_a_half_day_ends_it(config):
    core, clock = keeping_hours(HALF_DAY.open_ns - 30 * MINUTE_NS)
    parent = worked(core, clock, {**config, "duration_minutes": 300}, {**MARKET_ORDER, "quantity": 20_000})
    assert (parent.start_ns, parent.end_ns) == (HALF_DAY.open_ns, HALF_DAY.close_ns)
    rows = children(core)
    assert rows["created_ns"].min() >= HALF_DAY.open_ns
    assert rows["created_ns"].max() < HALF_DAY.close_ns
    assert parent.filled > 19_000


def test_a_halt_places_nothing_and_what_is_missed_is_carried():
    async def story(parent, clock, core):
        await clock.sleep(20 * 60 + 1)
        core.halt("AAPL")
        begin = len(parent.children)
        await clock.sleep(15 * 60)
        assert parent.progress.is_halted
        marks.extend((begin, len(parent.children), parent.filled))
        core.resume("AAPL")

    marks = []
    core, clock = synthetic(3)
    parent = worked(core, clock, {**TWAP, "slice_duration": 5, "placement": "cross"}, story=story)
    assert marks[0] == marks[1]
    assert marks[2] == 1250
    assert parent.filled == 3000
    sizes = children(core)["filled_quantity"].tolist()
    assert max(sizes) <= 4 * 250  # catch_up


# ---- shortfall as the market goes, adaptive ----


def test_the_pace_follows_volatility_and_volume():
    """kappa^2 = lambda sigma^2 / eta, eta one over the volume."""
    assert pace_ratio(1.0, 1.0) == 1.0
    assert pace_ratio(1.2, 1.0) == 1.2
    assert pace_ratio(1.0, 1.44) == pytest.approx(1.2)
    assert pace_ratio(0.1, 1.0) == 0.5
    assert pace_ratio(9.0, 9.0) == 2.0


@pytest.mark.parametrize("urgency", ["medium", "high"])
def test_more_volume_than_forecast_hastens_and_less_slows(urgency):
    done = []
    for rate in (1e5, None, 10):
        core, clock = synthetic(5)
        marks = []

        async def story(parent, clock, core, marks=marks):
            await clock.sleep(30 * 60)
            marks.append(parent.filled)

        way = {**IS, "urgency": urgency, "forecast_volume": rate, "adapt": rate is not None}
        assert worked(core, clock, way, story=story).filled == 3000
        done += marks
    assert done[0] < done[1] < done[2]


def test_a_horizon_of_its_own_is_longer_where_less_is_printed_than_forecast():
    ends = []
    for rate in (200, 1e5):
        core, clock = synthetic(5)
        way = {"algorithm": "implementation_shortfall", "max_participation": 0.05, "forecast_volume": rate}
        parent = worked(core, clock, way, {**MARKET_ORDER, "quantity": 8000})
        first = 8000 / 0.05 / rate
        ends.append((first, (parent.order.updated_ns - parent.start_ns) / MINUTE_NS))
    assert ends[0][1] < ends[0][0]  # planned for 390 minutes, done sooner: more was printed
    assert ends[1][1] > 5 * ends[1][0]  # planned for two minutes


LEVELS = np.array([[10_002, 100, 10_000, 300], [10_003, 100, 9_999, 100]])


def test_signals_by_hand():
    found = of_levels(LEVELS, 1, 1)
    assert (found.imbalance, found.microprice, found.spread) == (200 / 600, 200 / 400, 2)
    micro = (10_002 * 300 + 10_000 * 100) / 400
    assert found.microprice == pytest.approx((micro - 10_001) / 1.0)
    mirrored = of_levels(LEVELS, -1, 1)
    assert (mirrored.imbalance, mirrored.microprice) == (-found.imbalance, -found.microprice)
    assert of_levels(np.array([[0, 0, 10_000, 300]]), 1, 1) is None


def test_tilt_by_hand():
    leaning = BookSignals(0.5, 0.3, 1.0)
    assert tilt(leaning, 1.0, 1.0) == pytest.approx(0.4)
    assert tilt(leaning, 1.0, 0.5) == pytest.approx(0.2)
    assert tilt(BookSignals(0.0, 0.0, 3.0), 1.0, 1.0) == pytest.approx(-0.5)
    assert tilt(BookSignals(-1.0, -1.0, 9.0), 1.0, 1.0) == -1.0
    assert tilt(None, 1.0, 1.0) == 0.0


@pytest.mark.parametrize("pace", ["is", "vwap"])
def test_adaptive_stays_within_its_bound_of_the_schedule(pace):
    core, clock = synthetic(3)
    bound, aims = 0.02, []
    way = {"algorithm": "adaptive", "pace": pace, "duration_minutes": 60, "bound": bound, "urgency": "high"}
    way |= {"adapt": False} if pace == "is" else {}
    made = make_algorithm(way)
    bent = made.aim

    def aim(parent, plan, k):
        aims.append((bent(parent, plan, k), int(plan.targets[k]), parent.filled))
        return aims[-1][0]

    made.aim = aim

    async def main():
        order_id = core.submit_parent({**MARKET_ORDER, "quantity": 2400}, made.name).order_id
        return await run_parent(Parent(core, clock, order_id, made))

    assert run(main(), clock=clock).filled_quantity == 2400
    assert all(abs(aimed - target) <= bound * 2400 or aimed == filled for aimed, target, filled in aims)
    assert sum(aimed != target for aimed, target, _ in aims) > len(aims) / 3
    assert aims[-1][0] == aims[-1][1] == 2400


# ---- what all of them take ----


def test_lots_are_whole_and_the_last_child_carries_the_rest():
    core, clock = synthetic(3)
    result = execute(core, clock, {**MARKET_ORDER, "quantity": 2750}, {**TWAP, "lot_size": 100, "placement": "cross"})
    sizes = children(core)["quantity"].tolist()
    assert result.filled_quantity == 2750 == sum(sizes)
    assert [size % 100 for size in sizes[:-1]] == [0] * (len(sizes) - 1)
    assert sizes[-1] % 100 == 50


def test_a_timeout_crosses_sooner():
    times = []
    for timeout in (None, 5.0):
        core, clock = synthetic(3)
        execute(
            core, clock, MARKET_ORDER, {**TWAP, "slice_duration": 10, "urgency": "low", "placement_timeout": timeout}
        )
        rows = children(core)
        crossing = rows[rows["time_in_force"] == TIME_IN_FORCE_CODES["IOC"]]
        times.append(np.sort((crossing["created_ns"] - rows["created_ns"][0]) % (10 * MINUTE_NS)))
    assert len(times[1]) > 0
    assert (times[1] == 5 * SECOND).all()
    assert (times[0] >= 8 * MINUTE_NS).all()
