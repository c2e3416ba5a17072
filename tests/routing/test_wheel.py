"""The wheel over a running engine: who is given what, what the journal knows of it, restarts, and when it looks."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.wheel import allocation
from support_tca import LIMITS

from grandmodel.execution import SmartOrderRouter, UnknownOrder
from grandmodel.execution.analytics.day_summary import summarise
from grandmodel.execution.analytics.journal_costs import analyse_journal
from grandmodel.execution.analytics.wheel import AlgorithmWheel
from grandmodel.execution.analytics.wheel_rule import WheelRule, record_looks, rules_of, wheels_of
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import ConfigError, load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.routing.algorithms.parameters import AlgorithmConfigError
from grandmodel.execution.routing.wheel import OrderWheel, read_rule

SYMBOLS = ("AAPL", "MSFT")
WHEELS = {"w": {"algorithms": {"twap": {"slice_duration": 0.5, "weight": 2}, "implementation_shortfall": {}},
                "orders": 60, "looks": 3, "seed": 11}}  # fmt: skip


def order(symbol, quantity=200):
    return {"symbol": symbol, "side": "buy", "quantity": quantity, "order_type": "market"}


def engine(path=None, *, start_ns=None, seed=5, **routing):
    clock = SimulatedClock() if start_ns is None else SimulatedClock(start_ns)
    journal = {} if path is None else {"journal": {"path": str(path)}}
    core = make_core(load_config({
        "mode": "simulation", "seed": seed, "market": {"events_per_second": 10}, "risk_controls": LIMITS,
        "account": {"cash": 9_000_000_000}, **journal, **({"routing": routing} if routing else {}),
    }), clock=clock)  # fmt: skip
    return core, clock


def work(core, clock, numbers, wheels):
    """Works orders one after the other, of two symbols in turn; the algorithms that worked them."""
    router = SmartOrderRouter(engine=core, wheels=wheels)

    async def all_of_them():
        told = []
        for number in numbers:
            config = {"algorithm": "wheel", "duration_minutes": 1}
            result = await router.execute_algorithm_order(order(SYMBOLS[number % 2]), config)
            told.append(result.algorithm)
            await clock.sleep_until(clock.now_ns() + 60 * 10**9)
        return told

    return run(all_of_them(), clock=clock), router


def expected(rule, numbers):
    block = [name for name, times in rule.algorithms for _ in range(times)]
    count: Counter[str] = Counter()
    told = []
    for number in numbers:
        symbol = SYMBOLS[number % 2]
        told.append(allocation(block, rule.seed, symbol, count[symbol]))
        count[symbol] += 1
    return told


@given(st.integers(0, 2**63 - 1), st.lists(st.sampled_from("abc"), max_size=40),
       st.lists(st.integers(1, 3), min_size=2, max_size=4))  # fmt: skip
def test_the_draws_are_the_twins_in_any_order_of_keys(seed, keys, weights):
    arms = {f"arm{k}": times for k, times in enumerate(weights)}
    block = [name for name, times in arms.items() for _ in range(times)]
    wheel, count = AlgorithmWheel(arms, seed=seed), Counter()
    for key in keys:
        assert wheel.next(key) == allocation(block, seed, key, count[key]) == wheel.draw(key)
        count[key] += 1
    resumed = AlgorithmWheel(arms, seed=seed)
    for key in set(keys):
        resumed.drawn(key, count[key])
        assert resumed.next(key) == wheel.next(key)


def test_each_order_is_worked_by_its_draw_and_the_journal_says_by_which_rule():
    core, clock = engine()
    told, router = work(core, clock, range(12), WHEELS)
    rule, _ = read_rule("w", WHEELS["w"])
    assert rule.tag == "wheel:w:11:60:3:twap*2,implementation_shortfall"
    assert WheelRule.of_tag(rule.tag) == rule
    assert told == expected(rule, range(12))
    for symbol in range(2):  # two blocks of three each
        assert Counter(told[symbol::2]) == {"twap": 4, "implementation_shortfall": 2}
    analysed = analyse_journal(core.journal, names=core)
    assert [analysed.names.algorithm_text(int(n)) for n in analysed.orders["algorithm"]] == told
    assert list(rules_of(analysed)) == [rule]
    found = wheels_of(analysed)[0]
    assert (found.given, found.ended, found.odd_draws, found.result.look) == (12, 12, 0, 0)
    assert router.wheel("w").given == 12
    core.close()


def test_a_restart_goes_on_where_the_journal_stands(tmp_path):
    """An engine that is stopped after 25 of 44 orders draws and finds what one that goes on does."""
    whole_core, clock = engine(tmp_path / "whole.gmj")
    whole, _ = work(whole_core, clock, range(44), WHEELS)
    first_core, clock = engine(tmp_path / "parts.gmj")
    first, _ = work(first_core, clock, range(25), WHEELS)
    then = clock.now_ns()
    first_core.close()
    second_core, clock = engine(tmp_path / "parts.gmj", start_ns=then + 60 * 10**9)
    second, router = work(second_core, clock, range(25, 44), WHEELS)
    assert first + second == whole
    wheel = router.wheel()
    assert wheel.given == 44
    assert wheel.result().look == 2
    fresh = OrderWheel(second_core, wheel.rule, {})
    assert repr(fresh.result()) == repr(wheel.result())
    assert wheels_of(analyse_journal(second_core.journal, names=second_core))[0].odd_draws == 0
    whole_core.close()
    second_core.close()


def test_nobody_looks_between_the_looks():
    """Costs are taken in at 20, 40 and 60 ended orders, in the order of their ends, and at no other number."""
    core, clock = engine()
    _, router = work(core, clock, range(19), WHEELS)
    assert [entry.orders for entry in router.wheel().result().entries] == [0, 0]
    _, _ = work(core, clock, range(19, 33), WHEELS)
    result = router.wheel().result()
    assert (result.look, sum(entry.orders for entry in result.entries)) == (1, 20)
    analysed = analyse_journal(core.journal, names=core)
    rule, places = next(iter(rules_of(analysed).items()))
    wheel = rule.wheel()
    record_looks(wheel, analysed, places[:19])
    assert wheel.recorded == 0
    record_looks(wheel, analysed, places)
    o = analysed.orders
    by_end = sorted(places.tolist(), key=lambda k: (int(o["end_ns"][k]), int(o["order_id"][k])))[:20]
    for name, entry in zip(wheel.algorithms, wheel.result().entries, strict=True):
        mine = [k for k in by_end if analysed.names.algorithm_text(int(o["algorithm"][k])) == name]
        cost = sum(o["value"][k] * o["total_bps"][k] for k in mine) / sum(o["value"][k] for k in mine)
        assert (entry.orders, entry.cost.mean) == (len(mine), pytest.approx(cost))
    core.close()


def test_costs_that_differ_change_no_draw_before_the_wheel_stops():
    drawn = []
    for seed in (5, 6):
        core, clock = engine(seed=seed)
        drawn.append(work(core, clock, range(30), WHEELS)[0])
        core.close()
    assert drawn[0] == drawn[1]


def test_a_stopped_wheel_gives_all_to_the_cheapest_and_the_report_says_so():
    """All 60 have ended: whatever the verdict is, it is the rule's, and what comes then goes by it."""
    core, clock = engine()
    _, router = work(core, clock, range(64), WHEELS)
    result = router.wheel().result()
    assert result.final
    assert result.reason == "all 60 orders are recorded"
    chosen = [entry.algorithm for entry in result.entries if entry.verdict == "lower"] or ["twap"]
    after, _ = work(core, clock, range(64, 67), WHEELS)
    assert set(after) == {chosen[0]}
    summary = summarise(analyse_journal(core.journal, names=core))
    assert repr(summary.wheels[0].result) == repr(result)
    assert summary.wheels[0].given == 67
    line = next(each for each in summary.findings if each.text.startswith("Wheel w, 67 orders"))
    assert "implementation_shortfall" in line.text
    assert "look 3 of 3" in line.confidence
    core.close()


def test_the_configuration_can_have_the_wheel():
    from grandmodel.execution import ExecutionEngine

    config = {"mode": "simulation", "seed": 4, "routing": {"wheels": {"open": {
        "algorithms": {"twap": None, "vwap": {"weight": 3}}, "orders": 90}}}}  # fmt: skip
    engine_ = ExecutionEngine(config, clock=SimulatedClock())
    with engine_:
        wheel = engine_.router.wheel()
        assert wheel.rule == WheelRule("open", (("twap", 1), ("vwap", 3)), 4, 90, 5)
        assert SmartOrderRouter(engine=engine_).wheel("open") is wheel  # routers of one engine draw from one wheel
    plain = load_config({"mode": "simulation", "seed": 4})
    assert load_config(config).config_hash() != plain.config_hash()
    with pytest.raises(ConfigError, match=r"routing\.wheels\.open: expected two algorithms at least"):
        load_config({"routing": {"wheels": {"open": {"algorithms": {"twap": {}}}}}})
    with pytest.raises(ConfigError, match="expected a weight of twap from 1 to 100, was 0"):
        load_config({"routing": {"wheels": {"open": {"algorithms": {"twap": {"weight": 0}, "vwap": {}}}}}})
    with pytest.raises(ConfigError, match="expected orders of 90 at least"):
        load_config({"routing": {"wheels": {"o": {"algorithms": {"twap": {}, "vwap": {}, "pov": {}}, "orders": 60}}}})


@pytest.mark.parametrize(
    ("wheels", "config", "words"),
    [
        ({}, {}, "wheel is None, must be of a wheel: there is none"),
        (WHEELS, {"wheel": "x"}, "wheel is 'x', must be one of w"),
        ({"a": WHEELS["w"], "b": WHEELS["w"]}, {}, "wheel is None, must be one of a, b"),
        ({"w": {"algorithms": {"twap": {}, "nope": {}}}}, {}, r"wheels\.w\.algorithms is 'nope', must be one of twap"),
        ({"w": {"algorithms": {"is": {}, "implementation_shortfall": {}}}}, {}, "must be there once"),
        ({"w": {"algorithms": {"twap": {}}}}, {}, "algorithms has 1 names, must have two"),
        ({"w": {"algorithms": [1]}}, {}, r"wheels\.w\.algorithms is .*must be a mapping"),
        ({"w": {**WHEELS["w"], "look": 3}}, {}, r"wheels\.w\.look is 3, must be one of algorithms, orders"),
        ({"a:b": WHEELS["w"]}, {}, "has a name that a tag cannot hold"),
        ({"n" * 32: WHEELS["w"]}, {}, "must be at most 72"),
        (WHEELS, {"duration_minutes": -1}, "duration_minutes is -1"),
        ({"w": {"algorithms": {"twap": {}, "market": {}}}}, {"duration_minutes": 1}, "market has no such parameter"),
    ],
)
def test_what_is_wrong_is_said_whatever_would_be_drawn(wheels, config, words):
    core, _ = engine()
    router = SmartOrderRouter(engine=core, wheels=wheels)
    with pytest.raises(AlgorithmConfigError, match=words):
        router.start(order("AAPL"), {"algorithm": "wheel", **config})
    with pytest.raises(UnknownOrder):
        core.get_order(1)
    core.close()


def test_a_refused_order_takes_no_place():
    core, _ = engine()
    router = SmartOrderRouter(engine=core, wheels=WHEELS)
    config = {"algorithm": "wheel", "duration_minutes": 1}
    with pytest.raises(AlgorithmConfigError, match="tags is 'mine', must be left out"):
        router.start({**order("AAPL"), "tags": "mine"}, config)
    for _ in range(3):
        with pytest.raises(Exception, match="quantity"):
            router.start({**order("AAPL"), "quantity": -1}, config)
    assert router.wheel().given == 0
    parent = router.start(order("AAPL"), config)
    assert parent.algorithm.name == expected(router.wheel().rule, [0])[0]
    core.close()


def test_parameters_that_routing_algorithms_has_are_the_arms_too():
    """What the configuration was checked with is what an order is given."""
    core, clock = engine(algorithms={"pov": {"participation_rate": 0.2}},
                         wheels={"w": {"algorithms": {"pov": {}, "twap": {}}, "orders": 60}})  # fmt: skip
    router = SmartOrderRouter(engine=core)
    given = {"algorithm": "wheel", "duration_minutes": 1}
    router.check_algorithm(given)

    async def main():
        return [(await router.execute_algorithm_order(order("AAPL"), given)).algorithm for _ in range(2)]

    assert sorted(run(main(), clock=clock)) == ["pov", "twap"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"algorithms": {"vwap": 5, "twap": {}}}, "algorithms.vwap is 5, must be a mapping"),
        ({"algorithms": {"vwap": "ab", "twap": {}}}, "algorithms.vwap is 'ab', must be a mapping"),
        ({"orders": 10**10}, "orders is 10000000000, must be below"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_rule_is_named(changed, named):
    with pytest.raises(AlgorithmConfigError, match=named):
        read_rule("w", {"algorithms": {"vwap": {}, "twap": {}}, **changed})
