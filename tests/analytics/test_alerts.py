"""Alerts: Page's sums by hand and by their run lengths, thresholds, and what a monitor of a running engine says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_tca import make_day

from grandmodel.execution import ExecutionEngine
from grandmodel.execution.analytics.alerts import AlertKind, Cusum, alerts_of, attribution, benchmark_cost
from grandmodel.execution.analytics.journal_costs import analyse_journal, exact_sum
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config


def page(figures, reference=30, slack=0.5, height=5.0, clip=3.0):
    """Places of the alarms: the sums written out, restarted after each with the reference made anew."""
    alarms, first, high, low, above, below = [], [], 0.0, 0.0, [], []
    for place, figure in enumerate(figures):
        if len(first) < reference:
            first.append(figure)
            continue
        z = np.clip((figure - np.mean(first)) / np.std(first, ddof=1), -clip, clip)
        high, low = max(0.0, high + z - slack), max(0.0, low - z - slack)
        above, below = [*above, figure] if high else [], [*below, figure] if low else []
        if max(high, low) > height:
            since = above if high > low else below
            alarms.append((place, 1 if high > low else -1, pytest.approx(np.mean(since)), len(since)))
            first, high, low, above, below = since[-(reference - 1) :], 0.0, 0.0, [], []
    return alarms


@given(st.integers(0, 10_000), st.floats(-3, 3))
def test_alarms_are_where_the_sums_say(seed, shift):
    draw = np.random.default_rng(seed)
    figures = [*draw.normal(2, 4, 60), *draw.normal(2 + 4 * shift, 4, 60)]
    chart, found = Cusum(), []
    for place, figure in enumerate(figures):
        alarm = chart.add(figure)
        if alarm is not None:
            found.append((place, alarm[0], alarm[1], alarm[3]))
    assert found == page(figures)


def test_a_shift_is_found_soon_and_a_false_one_seldom():
    """One deviation: about ten orders. None: the first alarm comes after hundreds."""
    draw = np.random.default_rng(4)
    late, early = [], []
    for _ in range(60):
        chart = Cusum(reference=200)
        quiet = [chart.add(x) for x in draw.normal(0, 1, 300)]
        early.append(any(quiet))
        if any(quiet):
            continue
        late.append(next(n for n, x in enumerate(draw.normal(1, 1, 400)) if chart.add(x)))
    assert 6 <= np.mean(late) <= 18
    assert np.mean(early) < 0.5


def test_no_single_order_raises_an_alarm():
    chart = Cusum()
    for k in range(40):
        chart.add(float(k % 5))
    assert chart.add(1e9) is None
    with pytest.raises(ValueError, match="figure is nan"):
        chart.add(float("nan"))


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    return make_day(tmp_path_factory.mktemp("day"), 250, 12, seed=6, minutes=20, events_per_second=15)


def limits(**changes):
    return load_config({"mode": "simulation", "risk_controls": {"execution_risk_limits": changes}})


def test_thresholds_over_a_day(day):
    analysed = analyse_journal(*day)
    total = analysed.orders["total_bps"]
    found = alerts_of(analysed, limits(max_implementation_shortfall="2bps"))
    over = [each for each in found if each.kind is AlertKind.SHORTFALL]
    assert sorted(each.order_id for each in over) == sorted(analysed.orders["order_id"][total > 2.0].tolist())
    assert len(over) > 0
    assert all(each.figure > 2.0 for each in over)
    assert str(over[0]).endswith("above 2")
    assert [each.time_ns for each in found] == sorted(each.time_ns for each in found)
    assert not [e for e in alerts_of(analysed, limits()) if e.kind is AlertKind.SHORTFALL]


def test_the_benchmark_is_the_configurations(day):
    with_capture, without = analyse_journal(*day), analyse_journal(day[0])
    cost, text = benchmark_cost(with_capture, "vwap")
    assert text == "against vwap"
    assert np.isfinite(cost).any()
    cost, text = benchmark_cost(without, "vwap")
    assert text == "against the arrival price (vwap is not known here)"
    assert np.isfinite(cost).any()
    assert benchmark_cost(with_capture, "previous_close")[1].startswith("against the arrival price")


@pytest.mark.parametrize("frequency", ["hourly", "daily", "weekly", "monthly"])
def test_attribution_adds_up(day, frequency):
    analysed = analyse_journal(*day)
    rows = attribution(analysed, frequency)
    assert sum(row["orders"] for row in rows) == len(analysed)
    used = analysed.measured
    for part in ("delay", "trading", "opportunity", "fees", "total"):
        assert sum(row[part] for row in rows) == exact_sum(analysed.orders[f"{part}_e9"][used])
    begins = {"hourly": "2025-01-02T09:00", "daily": "2025-01-02", "weekly": "2024-12-30", "monthly": "2025-01"}
    assert rows[0]["period"] == begins[frequency]
    with pytest.raises(ValueError, match="frequency is 'yearly'"):
        attribution(analysed, "yearly")


def test_a_running_engine_says_it(tmp_path):
    """Each order's cost is above a threshold of none at all but what it saves; each is told once, also of a parent."""
    from grandmodel.execution.events import EventBus
    from grandmodel.execution.routing.algorithms.parent import run_parent

    told, bus = [], EventBus()
    bus.subscribe("PERFORMANCE_ALERT", told.append)
    clock = SimulatedClock(1_735_828_200_000_000_000)
    most = {"max_implementation_shortfall": 0.0}
    config = {"mode": "simulation", "seed": 3, "risk_controls": {"execution_risk_limits": most}}

    async def work():
        engine = ExecutionEngine(config, bus, clock=clock)
        market = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": 200}
        ids = [int(await engine.order_manager.submit_order(market))]
        parent = engine.router.start({**market, "quantity": 900}, {"algorithm": "twap", "duration_minutes": 3})
        await run_parent(parent)
        ids.append(parent.order_id)
        ids.append(int(await engine.order_manager.submit_order({**market, "symbol": "MSFT"})))
        await clock.sleep(120)
        engine.close()
        await clock.sleep(1)
        return engine, ids

    engine, ids = run(work(), clock=clock, seed=3)
    analysed = analyse_journal(engine.core.journal, names=engine.core)
    costly = [each for each in ids if analysed.orders["total_bps"][analysed.place(each)] > 0]
    assert sorted(each.order_id for each in engine.order_manager.costs.alerts) == sorted(costly)
    assert sorted(event.payload["order_id"] for event in told) == sorted(costly)
    assert len(costly) >= 2


def test_nobody_watches_what_has_no_limits():
    clock = SimulatedClock(1_735_828_200_000_000_000)
    with ExecutionEngine({"mode": "simulation"}, clock=clock) as engine:
        assert engine.order_manager.costs is None
