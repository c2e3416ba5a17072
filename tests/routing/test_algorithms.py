"""The algorithms: their parameters, the schedule each follows, and what holds at every record whatever happens."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_replay import ADD, EXECUTE, engine, order, recording
from support_routing import IS, MARKET_ORDER, TWAP, VWAP, execute, synthetic

from grandmodel.execution import OrderStatus, OrderValidationError, RiskLimitBreached, SmartOrderRouter
from grandmodel.execution._core import schedule, trajectories
from grandmodel.execution._core.journal import iterate
from grandmodel.execution._core.values import ORDER_TYPE_CODES
from grandmodel.execution.clock import run
from grandmodel.execution.routing.algorithms import ALGORITHMS, Algorithm, AlgorithmConfigError, make_algorithm
from grandmodel.execution.routing.algorithms.hours import volume_curve
from grandmodel.execution.routing.algorithms.parent import MINUTE_NS, Parent, run_parent
from grandmodel.execution.sessions import session

ORDER, DECISION, REPORT, REQUEST = 2, 3, 4, 6
CHILD = 32
PEGGED = {ORDER_TYPE_CODES[f"pegged_{reference}"] for reference in ("primary", "midpoint", "market")}

# ---- parameters ----

BAD_MINUTES = (0, -1, math.nan, math.inf, True, "60", 1e-9, 10**400, 60 * 24 * 8)
BAD_SHARES = (0, -0.1, 1.0001, math.nan, True, "0.1", 10**400)
POV = {"algorithm": "pov", "participation_rate": 0.1, "duration_minutes": 60}
ICEBERG = {"algorithm": "iceberg", "display_quantity": 200, "duration_minutes": 60}
SNIPER = {"algorithm": "sniper", "threshold": 500, "duration_minutes": 60}
PEG = {"algorithm": "peg", "duration_minutes": 60}
LIQUIDITY = {"algorithm": "liquidity_seeking", "duration_minutes": 60}
CLOSE = {"algorithm": "close", "duration_minutes": 60}
ADAPTIVE = {"algorithm": "adaptive", "duration_minutes": 60}
EVERY = (TWAP, VWAP, IS, POV, ICEBERG, SNIPER, PEG, LIQUIDITY, CLOSE, ADAPTIVE)
NEEDED = {each["algorithm"]: each for each in (POV, ICEBERG, SNIPER)}
BAD = [
    *((each, "duration_minutes", value) for each in (TWAP, VWAP, IS) for value in BAD_MINUTES),
    *((each, "participation_rate", value) for each in (TWAP, VWAP, IS) for value in BAD_SHARES),
    *((each, "max_deviation", value) for each in (TWAP, VWAP, IS) for value in BAD_SHARES),
    *((each, "urgency", value) for each in (TWAP, VWAP, IS) for value in ("now", None, 1, [])),
    *((each, "residual", value) for each in (TWAP, VWAP, IS) for value in ("keep", None, True)),
    *((each, "seed", value) for each in (TWAP, VWAP, IS) for value in (-1, 1.5, True, "1", None, 2**63)),
    *((TWAP, "randomization", value) for value in (0.5, 1, -0.1, math.nan, True, "0.1", None)),
    *((TWAP, "slice_duration", value) for value in (0, -1, math.nan, True, "5", 61, 1e-6)),
    *((VWAP, "bin_minutes", value) for value in (0, -1, math.nan, True, "5", 61, 1e-6)),
    *((VWAP, "curve", value) for value in ([], [0, 0], [-1, 2], [math.nan], [math.inf], "flat", [[1]], {}, 5)),
    *((VWAP, "curve", value) for value in ([10**400], [1e308] * 9)),
    *((IS, "max_participation", value) for value in BAD_SHARES),
    *((IS, "risk_aversion", value) for value in (-0.1, 1.1, math.nan, True, "0.5", None)),
    *(
        (IS, field, value)
        for field in ("forecast_volume", "forecast_volatility")
        for value in (0, -1, math.nan, True, "1")
    ),
    *(
        (each, "placement_timeout", value)
        for each in EVERY
        for value in (0, -1, 1e-6, math.nan, math.inf, True, "5", 1e6)
    ),
    *((each, "lot_size", value) for each in EVERY for value in (0, -1, 1.5, math.nan, True, "100", 2**63)),
    *((each, "catch_up", value) for each in EVERY for value in (0, 0.5, math.nan, True, "2", -1)),
    *((each, "placement", value) for each in EVERY for value in ("peg", None, 1)),
    *((each, "duration_minutes", value) for each in EVERY for value in BAD_MINUTES),
    *(
        (each, "interval_seconds", value)
        for each in (POV, ICEBERG, SNIPER, PEG)
        for value in (0, -1, math.nan, True, "1")
    ),
    *((POV, "participation_rate", value) for value in (1, 1.0, None, *BAD_SHARES)),
    *((VWAP, "dynamic", value) for value in (1, "yes", None)),
    *((IS, "adapt", value) for value in (1, "yes", None)),
    *((ICEBERG, "display_quantity", value) for value in (None, 0, -5, 1.5, True, "100", 2**63, math.nan)),
    *((ICEBERG, "display_spread", value) for value in (1, -0.1, math.nan, True, "0.1", None)),
    *((ICEBERG, "at", value) for value in ("mid", None, 1)),
    *((SNIPER, "threshold", value) for value in (None, 0, -5, 1.5, True, "100", 2**63, math.nan)),
    *((SNIPER, "price", value) for value in (0, -1, math.nan, True, "150", math.inf, 1e300)),
    *((SNIPER, "placement", value) for value in ("join", "post")),
    *((PEG, "reference", value) for value in ("bid", None, 1)),
    *((PEG, "offset_ticks", value) for value in (1.5, True, "1", math.nan, 10**9)),
    *((PEG, "native", value) for value in (1, "yes", None)),
    *((PEG, "replaces_per_minute", value) for value in (0, -1, 1.5, True, "5")),
    *((LIQUIDITY, "dark_share", value) for value in BAD_SHARES),
    *((LIQUIDITY, "round_seconds", value) for value in (0, -1, math.nan, True, "1")),
    *((LIQUIDITY, "min_quantity", value) for value in (0, -5, 1.5, True, "100")),
    *((LIQUIDITY, "sweep", value) for value in (1, 0, -2, math.nan, True, "3")),
    *((CLOSE, "auction_share", value) for value in BAD_SHARES),
    *((CLOSE, "closing_volume", value) for value in (0, -1, math.nan, True, "1")),
    *((CLOSE, "auction_minutes", value) for value in (0, -1, 391, math.nan, True, "1", None)),
    *((CLOSE, "bin_minutes", value) for value in (0, -1, 391, math.nan, True, "1")),
    *((ADAPTIVE, "pace", value) for value in ("twap", None, 1)),
    *((ADAPTIVE, "bound", value) for value in BAD_SHARES),
    *((ADAPTIVE, "risk_aversion", value) for value in (-0.1, 1.1, math.nan, True)),
    *(({**ADAPTIVE, "pace": "vwap"}, "curve", value) for value in ([], [0, 0], "flat")),
]


@pytest.mark.parametrize(("config", "field", "value"), BAD, ids=lambda each: str(each)[:24])
def test_every_bad_value_is_refused_by_the_name_of_its_field(config, field, value):
    with pytest.raises(AlgorithmConfigError) as caught:
        make_algorithm({**config, field: value})
    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("config", "field", "message"),
    [
        ({"algorithm": "twap"}, "duration_minutes", "minutes"),
        ({"algorithm": "vwap"}, "duration_minutes", "minutes"),
        ({"algorithm": "implementation_shortfall"}, "max_participation", "duration_minutes"),
        ({"algorithm": "pov"}, "participation_rate", "below 1"),
        ({"algorithm": "iceberg"}, "display_quantity", "whole number"),
        ({"algorithm": "sniper"}, "threshold", "whole number"),
        ({"algorithm": "adaptive"}, "max_participation", "duration_minutes"),
        ({"algorithm": "adaptive", "pace": "vwap"}, "duration_minutes", "minutes"),
        ({**PEG, "reference": "mid", "offset_ticks": 1}, "offset_ticks", "mid has no offset"),
        ({**ADAPTIVE, "curve": [1, 2]}, "curve", "no such parameter"),
        ({"algorithm": "wvap"}, "algorithm", "did you mean 'vwap'"),
        ({"algorithm": "market_ordr"}, "algorithm", "did you mean 'market_order'"),
        ({"algorithm": None}, "algorithm", "one of twap"),
        ({"algorithm": ["twap"]}, "algorithm", "one of twap"),
        ({}, "algorithm", "one of twap"),
        ({**TWAP, "slice_durations": 5}, "slice_durations", "no such parameter"),
        ({**VWAP, "participation": 0.1}, "participation", "did you mean 'participation_rate'"),
        ({**IS, "randomization": 0.1}, "randomization", "no such parameter"),
        ({"algorithm": "market", "duration_minutes": 5}, "duration_minutes", "no such parameter"),
        ({**TWAP, 7: 1}, "7", "no such parameter"),
    ],
)
def test_unknown_and_missing_parameters(config, field, message):
    with pytest.raises(AlgorithmConfigError, match=message) as caught:
        make_algorithm(config)
    assert caught.value.field == field


def test_a_config_that_is_no_mapping():
    with pytest.raises(AlgorithmConfigError, match="mapping"):
        make_algorithm("twap")


@pytest.mark.parametrize("name", ["market", "market_order", "smart_router"])
def test_synonyms_of_at_once(name):
    assert make_algorithm({"algorithm": name}).name == "market"


def test_numbers_of_numpy_and_left_out_ones_are_taken():
    made = make_algorithm({**TWAP, "duration_minutes": np.float32(30), "slice_duration": np.int64(5)})
    assert made.slices == 6
    assert make_algorithm({**TWAP, "slice_duration": None, "participation_rate": None}).slices == 24


# ---- a market to work in ----


def records(core):
    """(kind, time, row) of every record of the journal, in order."""
    data = core.journal.read(0, core.journal.head)
    return [(kind, int(record["header"]["time_ns"]), record["row"]) for _, kind, record in iterate(data)]


def check_every_record(core):
    """At every record: executed <= parent, children's open + filled <= parent; no child beyond its parent's limit, or
    through the best quote. At the end nothing is at work, and executed + released = parent.
    """
    parents, children, quotes = {}, {}, {}
    for kind, _, row in records(core):
        order_id = int(row["order_id"]) if kind in (ORDER, DECISION, REPORT, REQUEST) else None
        if kind == DECISION:
            quotes[order_id] = (int(row["bid_e9"]), int(row["ask_e9"]))
        elif kind == ORDER and int(row["flags"]) & CHILD:
            mine = parents[int(row["parent_id"])]
            children[order_id] = [mine, int(row["quantity"])]
            mine["open"] += int(row["quantity"])
            sign, price = mine["sign"], int(row["limit_price_e9"])
            if mine["limit"] is not None:
                assert sign * price <= sign * mine["limit"]
            bid, ask = quotes[order_id]
            if int(row["order_type"]) not in PEGGED:  # a peg has a bound, not a price
                assert sign * price <= sign * (ask if sign > 0 else bid)
        elif kind == ORDER:
            limit = int(row["limit_price_e9"])
            parents[order_id] = {
                "sign": int(row["side"]), "quantity": int(row["quantity"]), "filled": 0, "open": 0, "released": 0,
                "limit": None if int(row["order_type"]) == 1 else limit,
            }  # fmt: skip
        elif kind == REPORT:
            mine, left = children[order_id]
            if row["exec_type"] == 2:
                if mine["limit"] is not None:
                    assert mine["sign"] * int(row["price_e9"]) <= mine["sign"] * mine["limit"]
                mine["filled"] += int(row["quantity"])
                mine["open"] -= int(row["quantity"])
                children[order_id][1] = left = left - int(row["quantity"])
            elif row["exec_type"] in (3, 5, 6):
                mine["open"] -= left
                children[order_id][1] = 0
        elif kind == REQUEST and order_id in parents:
            parents[order_id]["released"] = int(row["quantity"])
        for mine in parents.values():
            assert 0 <= mine["filled"] <= mine["quantity"]
            assert mine["open"] >= 0
            assert mine["filled"] + mine["open"] <= mine["quantity"]
    for order_id, mine in parents.items():
        assert mine["open"] == 0
        assert mine["filled"] + mine["released"] == mine["quantity"]
        assert core.get_order(order_id).filled_quantity == mine["filled"]
        assert core.get_order(order_id).status.is_closed
    assert core.open_orders() == []
    assert core.statistics()["illegal_transitions"] == 0
    account = core.portfolio.position("AAPL")
    return parents, account


# ---- the schedules, on a quiet market ----


def done_by(core, result, times):
    """The filled quantity at each of `times`."""
    fills = result.fills
    return [int(fills["quantity"][fills["venue_time_ns"] <= time].sum()) for time in times]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({**TWAP, "slice_duration": 5}, lambda edges: schedule.twap_slices(2400, 12).cumsum()),
        ({**VWAP, "curve": [1, 2, 3, 2, 1, 3]}, lambda _: np.cumsum([1, 1, 2, 2, 3, 3, 2, 2, 1, 1, 3, 3]) * 100),
        (VWAP, lambda edges: schedule.vwap_slices(2400, volume_curve(edges)).cumsum()),
        (
            {**IS, "risk_aversion": 1.0, "urgency": "high", "adapt": False},
            lambda edges: 2400 - trajectories.is_trajectory(2400, 6.0, curve_in_24(edges))[-24:],
        ),
    ],
    ids=["twap", "vwap-own-curve", "vwap", "is"],
)  # fmt: skip
def test_what_is_done_by_the_end_of_each_slice_is_the_schedule(config, expected):
    core, clock = synthetic(3)
    begin = clock.now_ns()
    result = execute(core, clock, {**MARKET_ORDER, "quantity": 2400}, config)
    edges = begin + np.arange(13) * 5 * MINUTE_NS
    targets = list(expected(edges))
    ends = begin + np.linspace(0, 60 * MINUTE_NS, len(targets) + 1).astype(np.int64)[1:]
    assert done_by(core, result, ends) == targets
    assert result.status is OrderStatus.FILLED
    check_every_record(core)


def curve_in_24(edges):
    finer = np.linspace(edges[0], edges[-1], 25).astype(np.int64)
    cumulative = np.concatenate(([0.0], volume_curve(finer).cumsum()))
    return cumulative / cumulative[-1]


def test_the_more_urgent_the_shortfall_the_earlier_it_is_done():
    halves = []
    for urgency in ("low", "medium", "high"):
        core, clock = synthetic(5)
        begin = clock.now_ns()
        result = execute(core, clock, {**MARKET_ORDER, "quantity": 2400}, {**IS, "urgency": urgency})
        halves += done_by(core, result, [begin + 20 * MINUTE_NS])
    assert halves[0] < halves[1] < halves[2]


def test_shortfall_at_once():
    core, clock = synthetic(4)
    result = execute(core, clock, {**MARKET_ORDER, "quantity": 400}, {**IS, "urgency": "immediate"})
    assert result.filled_quantity == 400
    assert result.execution_duration == 0.0
    check_every_record(core)


def test_shortfall_without_a_duration_ends_by_the_close_and_scales_with_what_is_traded():
    core, clock = synthetic(4)
    router = SmartOrderRouter(engine=core)
    config = {"algorithm": "implementation_shortfall", "max_participation": 0.1}

    async def horizons():
        await clock.sleep(3600)
        short, long, endless = (
            router.start({**MARKET_ORDER, "quantity": quantity}, config) for quantity in (3000, 6000, 900_000)
        )
        return [each.end_ns - each.start_ns for each in (short, long, endless)], endless.end_ns

    (short, long, _), end_ns = run(horizons(), clock=clock)
    assert long == pytest.approx(2 * short, rel=1e-6)
    assert end_ns == session("XNYS", date(2025, 1, 2)).close_ns
    tape = router.core.venues.tape("AAPL")
    per_minute = tape["volume"] / 62  # the flow began two minutes before the engine
    assert short == pytest.approx(3000 / 0.1 / per_minute * MINUTE_NS, rel=1e-3)


# ---- what always holds ----

CONFIGS = st.one_of(
    st.fixed_dictionaries(
        {"algorithm": st.just("twap"), "duration_minutes": st.sampled_from([1, 7.5, 20])},
        optional={"randomization": st.sampled_from([0.2, 0.49]), "slice_duration": st.sampled_from([0.5, 1])},
    ),
    st.fixed_dictionaries(
        {"algorithm": st.just("vwap"), "duration_minutes": st.sampled_from([1, 7.5, 20])},
        optional={"curve": st.just([1, 5, 2]), "bin_minutes": st.sampled_from([0.3, 1])},
    ),
    st.fixed_dictionaries(
        {"algorithm": st.just("implementation_shortfall"), "duration_minutes": st.sampled_from([1, 7.5, 20])},
        optional={"risk_aversion": st.sampled_from([0, 0.5, 1]), "max_participation": st.sampled_from([0.05, 0.3])},
    ),
    st.fixed_dictionaries({"algorithm": st.just("market")}),
    st.fixed_dictionaries(
        {"algorithm": st.just("vwap"), "duration_minutes": st.sampled_from([7.5, 20]), "dynamic": st.just(True)},
        optional={"bin_minutes": st.sampled_from([0.3, 1])},
    ),
    *(
        st.fixed_dictionaries(
            {**{key: st.just(value) for key, value in each.items() if key not in more}, "duration_minutes": minutes},
            optional=more,
        )
        for minutes in [st.sampled_from([1, 7.5, 20])]
        for each, more in (
            (
                POV,
                {"participation_rate": st.sampled_from([0.02, 0.5, 0.9]), "interval_seconds": st.sampled_from([1, 30])},
            ),
            (ICEBERG, {"at": st.sampled_from(["limit", "touch"]), "display_spread": st.sampled_from([0, 0.9])}),
            (SNIPER, {"price": st.sampled_from([149.99, 150.02]), "threshold": st.sampled_from([1, 5000])}),
            (
                PEG,
                {
                    "reference": st.sampled_from(["near", "far"]),
                    "offset_ticks": st.integers(-3, 3),
                    "native": st.booleans(),
                },
            ),
            (PEG, {"reference": st.just("mid"), "native": st.booleans()}),
            (LIQUIDITY, {"min_quantity": st.sampled_from([1, 700]), "sweep": st.sampled_from([1.1, 5])}),
            (CLOSE, {"bin_minutes": st.sampled_from([0.3, 5])}),
            (ADAPTIVE, {"pace": st.sampled_from(["is", "vwap"]), "bound": st.sampled_from([0.01, 1.0])}),
        )
    ),
)
SCHEDULED = ("twap", "vwap", "implementation_shortfall", "market")
COMMON = st.fixed_dictionaries(
    {},
    optional={
        "participation_rate": st.sampled_from([0.02, 0.1, 0.5, 1.0]),
        "urgency": st.sampled_from(["low", "medium", "high", "immediate"]),
        "max_deviation": st.sampled_from([1e-6, 1e-4, 0.01]),
        "residual": st.sampled_from(["cancel", "cross"]),
        "seed": st.integers(0, 9),
        "lot_size": st.sampled_from([1, 7, 100]),
        "placement": st.sampled_from(["join", "post", "improve", "cross"]),
        "placement_timeout": st.sampled_from([0.5, 20]),
    },
)


class Watched(Parent):
    """A parent that checks its cap after every child."""

    def child(self, quantity, price_e9, time_in_force, **terms):
        before = len(self.children)
        order_id = super().child(quantity, price_e9, time_in_force, **terms)
        cap = self.algorithm.cap
        if len(self.children) > before and cap is not None:
            now = self.order
            own = now.filled_quantity + now.working_quantity
            tape = self.core.venues.tape(self.symbol)
            others = (tape["volume"] - tape["own_volume"]) - (self._tape["volume"] - self._tape["own_volume"])
            assert own <= cap * (own + others) + 1e-6
        return order_id


@settings(max_examples=150)
@given(
    config=CONFIGS,
    common=COMMON,
    side=st.sampled_from(["buy", "sell"]),
    quantity=st.integers(1, 6000),
    distance=st.none() | st.integers(-3, 3),
    limits=st.sampled_from([{}, {"max_order_size": 70}, {"max_notional": 20_000}]),
    seed=st.integers(0, 99),
)
def test_at_every_record_whatever_the_algorithm(config, common, side, quantity, distance, limits, seed):
    core, clock = synthetic(seed, risk_controls={"order_limits": limits})
    given_order = {**MARKET_ORDER, "side": side, "quantity": quantity}
    unfit = {"sniper": "placement", "pov": "participation_rate"}.get(config["algorithm"])
    common = {key: value for key, value in common.items() if key != unfit}
    config = {**NEEDED.get(config["algorithm"], {}), **config}
    if distance is not None:
        given_order |= {"order_type": "limit", "limit_price": (15000 + distance) / 100}

    errors = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        algorithm = make_algorithm({**config, **common})
        parent = Watched(core, clock, core.submit_parent(given_order, algorithm.name).order_id, algorithm)
        ended = await run_parent(parent)
        return parent, ended, clock.now_ns()

    parent, ended, now_ns = run(main(), clock=clock)
    assert errors == []
    assert ended.status.is_closed
    assert now_ns <= parent.end_ns
    for order_id in parent.children:
        assert core.get_order(order_id).quantity <= limits.get("max_order_size", quantity)
    check_every_record(core)
    times = core.fills()["venue_time_ns"]
    assert (times <= parent.end_ns).all()
    unbounded = not common.keys() & {"participation_rate", "max_deviation", "lot_size", "placement"}
    if distance is None and unbounded and quantity <= 500 and config["algorithm"] in SCHEDULED:
        assert ended.filled_quantity == quantity or "max_participation" in config


@settings(max_examples=25)
@given(
    config=st.sampled_from([TWAP, VWAP, IS, {**VWAP, "participation_rate": 0.1}]),
    after=st.floats(0.0, 3200.0),
    seed=st.integers(0, 99),
)
def test_a_cancelled_algorithm_withdraws_its_children_and_closes_its_parent(config, after, seed):
    core, clock = synthetic(seed)

    async def main():
        parent = SmartOrderRouter(engine=core).start(MARKET_ORDER, config)
        task = asyncio.ensure_future(run_parent(parent))
        await clock.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return parent.order

    ended = run(main(), clock=clock)
    assert ended.status is OrderStatus.CANCELED
    assert ended.filled_quantity < ended.quantity
    check_every_record(core)


@settings(max_examples=15)
@given(
    config=st.sampled_from([TWAP, VWAP, IS]),
    after=st.floats(0.0, 3200.0),
    seed=st.integers(0, 99),
    all_of_it=st.booleans(),
)
def test_a_parent_canceled_under_its_running_algorithm_ends_the_run(config, after, seed, all_of_it):
    core, clock = synthetic(seed)

    async def main():
        parent = SmartOrderRouter(engine=core).start(MARKET_ORDER, config)
        task = asyncio.ensure_future(run_parent(parent))
        await clock.sleep(after)
        if all_of_it:
            core.cancel_all()
        else:
            core.cancel(parent.order_id)
        ended = await task
        assert ended.order_id == parent.order_id
        return parent.order

    ended = run(main(), clock=clock)
    assert ended.status in (OrderStatus.CANCELED, OrderStatus.FILLED)
    assert ended.working_quantity == ended.leaves_quantity == 0
    assert core.orders.live == 0
    assert core.portfolio.position("AAPL")[1:] == (0, 0)
    check_every_record(core)


class Failing(Algorithm):
    """Leaves a child at work and fails."""

    name = "failing"

    def read(self, config):
        self.where = config.pop("where")

    def horizon_ns(self, parent):
        if self.where == "horizon":
            raise ZeroDivisionError("in the horizon")
        return MINUTE_NS

    async def run(self, parent):
        assert parent.child(100, 149_000_000_000, "DAY") is not None
        await parent.sleep_until(parent.start_ns + MINUTE_NS // 2)
        raise ZeroDivisionError("in the run")


@pytest.mark.parametrize("where", ["horizon", "run"])
def test_an_algorithm_that_fails_leaves_no_order_behind(where, monkeypatch):
    monkeypatch.setitem(ALGORITHMS, "failing", Failing)
    core, clock = synthetic(2)
    with pytest.raises(ZeroDivisionError, match=where):
        execute(core, clock, MARKET_ORDER, {"algorithm": "failing", "where": where})
    parents, _ = check_every_record(core)
    assert [each["released"] for each in parents.values()] == [3000]


def test_an_engine_that_is_closed_under_an_algorithm_ends_it_with_that_error():
    from grandmodel.execution import EngineClosed

    core, clock = synthetic(2)

    async def main():
        task = asyncio.ensure_future(
            SmartOrderRouter(engine=core).execute_algorithm_order(MARKET_ORDER, {**TWAP, "urgency": "immediate"})
        )
        await clock.sleep(600)
        core.close()
        await task

    with pytest.raises(EngineClosed):
        run(main(), clock=clock)


def test_two_parents_in_one_symbol_do_not_mix():
    core, clock = synthetic(6)
    router = SmartOrderRouter(engine=core)

    async def main():
        return await asyncio.gather(
            router.execute_algorithm_order(MARKET_ORDER, {**VWAP, "participation_rate": 0.3}),
            router.execute_algorithm_order({**MARKET_ORDER, "quantity": 1700}, TWAP),
        )

    first, second = run(main(), clock=clock)
    parents, (position, *_) = check_every_record(core)
    assert second.filled_quantity == 1700
    assert position == first.filled_quantity + second.filled_quantity
    assert not set(first.fills["order_id"].tolist()) & set(second.fills["order_id"].tolist())
    assert len(parents) == 2


def test_a_parent_that_risk_refuses_leaves_nothing():
    core, clock = synthetic(1, risk_controls={"position_limits": {"default": 1000}})
    with pytest.raises(RiskLimitBreached, match="position"):
        execute(core, clock, MARKET_ORDER, TWAP)
    assert core.open_orders() == []
    assert core.statistics()["accepted"] == 0
    assert core.portfolio.position("AAPL")[0] == 0
    assert [kind for kind, _, _ in records(core) if kind in (ORDER, REPORT)] == []
    again = execute(core, clock, {**MARKET_ORDER, "quantity": 1000}, {"algorithm": "market"})  # nothing stays reserved
    assert again.filled_quantity == 1000


@pytest.mark.parametrize(
    ("limits", "most"),
    [({"max_order_size": 250}, 250), ({"max_notional": 30_000}, 200), ({"max_notional": 100}, 0)],
)
def test_no_child_is_larger_than_one_order_may_be(limits, most):
    """A parent may be larger than the limits on one order; its children are not, and it is worked all the same."""
    core, clock = synthetic(1, risk_controls={"order_limits": limits})
    result = execute(core, clock, MARKET_ORDER, {"algorithm": "market"})
    sizes = [int(row["quantity"]) for kind, _, row in records(core) if kind == ORDER and int(row["flags"]) & CHILD]
    assert max(sizes, default=0) <= most
    assert result.filled_quantity == (3000 if most else 0)
    assert core.statistics()["refused"] == 0


def test_no_child_is_larger_than_any_venue_takes():
    venues = {name: {"max_order_size": size} for name, size in (("A", 100), ("B", 300))}
    for venue in venues.values():
        venue["cost_per_share"] = 0.001
    core, clock = synthetic(1, routing={"venues": venues})
    result = execute(core, clock, MARKET_ORDER, {"algorithm": "market"})
    assert result.filled_quantity > 300
    assert core.statistics()["refused"] == 0


def test_the_rest_is_crossed_within_the_cap_only():
    config = {**TWAP, "duration_minutes": 10, "participation_rate": 0.05, "residual": "cross"}
    core, clock = synthetic(8)
    result = execute(core, clock, {**MARKET_ORDER, "quantity": 50_000}, config)
    tape = core.venues.tape("AAPL")
    others = tape["volume"] - tape["own_volume"]
    assert 0 < result.filled_quantity <= 0.05 / 0.95 * others
    assert result.status is OrderStatus.EXPIRED


def test_a_price_that_ran_away_stops_new_children():
    """Bids and offers rise by 10 % after the second slice: with max_deviation nothing more is bought."""
    rows = [(ADD, 1, 1, 10000, 9000), (ADD, 2, -1, 10001, 9000)]
    rows += [(ADD, 100 + k, 1, 9000, 1) for k in range(23)]
    rows += [(4, 2, -1, 10001, 9000), (ADD, 3, 1, 11000, 9000), (ADD, 4, -1, 11001, 9000)]
    rows += [(ADD, 200 + k, 1, 9000, 1) for k in range(60)]
    filled = []
    for deviation in (None, 0.05):
        core, _ = engine(recording(*rows))
        config = {"algorithm": "twap", "duration_minutes": 1, "slice_duration": 0.25, "urgency": "immediate"}

        async def main(core=core, config=config, deviation=deviation):
            await core.clock.sleep(3)
            return await SmartOrderRouter(engine=core).execute_algorithm_order(
                order("buy", 400), {**config, "max_deviation": deviation}
            )

        filled.append(run(main(), clock=core.clock).filled_quantity)
    assert filled == [400, 200]


def test_a_limit_that_is_away_sends_no_pointless_children():
    core, clock = synthetic(1)
    far = {**MARKET_ORDER, "order_type": "limit", "limit_price": 120.0}
    result = execute(core, clock, far, {**TWAP, "urgency": "immediate"})
    assert (result.filled_quantity, result.cost.children) == (0, 0)
    assert result.status is OrderStatus.EXPIRED


def test_participation_in_a_recording_counts_the_recorded_prints_and_no_own_ones():
    rows = [(ADD, 1, 1, 10000, 90_000), (ADD, 2, -1, 10001, 90_000)]
    rows += [(EXECUTE, 1, 1, 10000, 100) for _ in range(100)]
    core, _ = engine(recording(*rows))
    config = {"algorithm": "twap", "duration_minutes": 1, "slice_duration": 0.25, "participation_rate": 0.2}

    async def main():
        await core.clock.sleep(2)
        return await SmartOrderRouter(engine=core).execute_algorithm_order(
            order("buy", 5000), {**config, "urgency": "immediate"}
        )

    result = run(main(), clock=core.clock)
    # At the starts of the four slices 0, 15, 30 and 45 prints of 100 by others: a quarter of 4500 is 1125.
    assert result.filled_quantity == 1125
    tape = core.venues.tape("X")
    assert (tape["volume"], tape["own_volume"]) == (4500, 0)


# ---- the volume curve ----


def ns(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 10**9


def test_volume_curve_of_a_whole_session_is_the_day():
    hours = session("XNYS", date(2025, 1, 2))
    edges = np.linspace(hours.open_ns, hours.close_ns, 14).astype(np.int64)
    assert volume_curve(edges) == pytest.approx(schedule.DEFAULT_VOLUME_CURVE)


def test_volume_curve_of_a_half_day_is_the_day_in_shorter_hours():
    hours = session("XNYS", date(2024, 11, 29))
    assert hours.is_half_day
    edges = np.linspace(hours.open_ns, hours.close_ns, 14).astype(np.int64)
    assert volume_curve(edges) == pytest.approx(schedule.DEFAULT_VOLUME_CURVE)
    late = hours.close_ns + np.arange(3) * 30 * MINUTE_NS
    assert volume_curve(np.concatenate((edges, late[1:])))[13:].tolist() == [0.0, 0.0]


def test_volume_curve_outside_of_sessions_is_flat():
    night = np.array([ns(2025, 1, 2, 3), ns(2025, 1, 2, 4), ns(2025, 1, 2, 6)])
    assert np.diff(np.log(volume_curve(night))) == pytest.approx(math.log(2))
    weekend = np.array([ns(2025, 1, 4, 15), ns(2025, 1, 4, 16), ns(2025, 1, 4, 17)])
    assert volume_curve(weekend)[0] == volume_curve(weekend)[1] > 0
    long_ago = np.array([ns(1995, 6, 1, 15), ns(1995, 6, 1, 16), ns(1995, 6, 1, 18)])
    assert volume_curve(long_ago)[1] == 2 * volume_curve(long_ago)[0] > 0


def test_volume_curve_over_several_days_has_each_day():
    edges = np.array([ns(2025, 1, 2, 14, 30), ns(2025, 1, 3, 0), ns(2025, 1, 4, 0), ns(2025, 1, 5, 0)])
    assert volume_curve(edges) == pytest.approx([1.0, 1.0, 0.0])


def test_a_window_that_begins_before_the_open_waits_for_it():
    edges = np.array([ns(2025, 1, 2, 14), ns(2025, 1, 2, 14, 30), ns(2025, 1, 2, 15)])
    assert volume_curve(edges) == pytest.approx([0.0, 0.15])


class Careless(Algorithm):
    """Asks for what is not a number of steps."""

    name = "careless"

    def read(self, config):
        self.quantity, self.way = config.pop("quantity"), config.pop("way")

    def horizon_ns(self, parent):
        return MINUTE_NS

    async def run(self, parent):
        if self.way == "child":
            parent.child(self.quantity, None, "IOC")
        else:
            await parent.work(self.quantity, parent.end_ns)


@pytest.mark.parametrize("way", ["child", "work"])
@pytest.mark.parametrize("quantity", [float("nan"), 1.5, True, "100", None])
def test_a_child_of_no_number_of_steps_is_named(way, quantity, monkeypatch):
    monkeypatch.setitem(ALGORITHMS, "careless", Careless)
    core, clock = synthetic(2)
    with pytest.raises(TypeError, match=r"quantity is .*, expected an integer"):
        execute(core, clock, MARKET_ORDER, {"algorithm": "careless", "quantity": quantity, "way": way})
    assert core.orders.live == 0


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK", "OPG", "CLS"])
def test_a_parent_is_worked_over_time(time_in_force):
    core, clock = synthetic(2)
    with pytest.raises(OrderValidationError, match="time_in_force"):
        execute(core, clock, {**MARKET_ORDER, "time_in_force": time_in_force}, TWAP)
