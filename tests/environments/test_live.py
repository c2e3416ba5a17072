"""The algorithm `policy`: live it sees and sends what it sees and sends in an episode."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import numpy as np
import pytest
from reference.synthetic import Random

from grandmodel.execution import SmartOrderRouter, clock
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.environments import Episode, ExecutionEnv, SyntheticDay
from grandmodel.execution.environments.answers import Answers
from grandmodel.execution.environments.live import PolicyAlgorithm
from grandmodel.execution.routing.algorithms import AlgorithmConfigError, make_algorithm

STEPS, SECONDS, QUANTITY = 30, 2.0, 3000


class Remembers:
    """Acts at random by its seed, and keeps what it saw."""

    def __init__(self, seed, kind):
        self.draw, self.kind, self.seen = np.random.default_rng(seed), kind, []

    def __call__(self, observation):
        self.seen.append(observation)
        if self.kind == "continuous":
            return self.draw.uniform(-1, 1, 2)
        return [int(self.draw.integers(0, 5)), int(self.draw.integers(0, 4))]


def live_core(day, seed):
    """A new engine over the market of an episode: gm_stage_begin draws when it begins, then the market's seed."""
    draw = Random(seed, 0x656E7669726F6E)
    draw.next()
    market_seed = draw.next() >> 1
    return day.ground({}, STEPS, round(SECONDS * 1e9), 0, seed=market_seed).core


@pytest.mark.parametrize("kind", ["discrete", "continuous"])
@pytest.mark.parametrize("venues", [1, 3])
def test_live_it_does_what_it_does_in_an_episode(kind, venues):
    day = SyntheticDay(venues=venues)
    terms = Episode(quantity=QUANTITY, side="buy", steps=STEPS, interval=SECONDS, kappa=1.2)
    for seed in range(6):
        env = ExecutionEnv(day, terms, actions=kind)
        trained = Remembers(seed, kind)
        observation, ended = env.reset(seed=seed)[0], False
        while not ended:
            observation, _, ended, _, info = env.step(trained(observation))
        core, lived = live_core(day, seed), Remembers(seed, kind)

        async def main(core=core, lived=lived):
            order = {"symbol": "SYNTH", "side": "buy", "quantity": QUANTITY, "order_type": "market"}
            way = {
                "algorithm": "policy",
                "policy": lived,
                "steps": STEPS,
                "interval_seconds": SECONDS,
                "kappa": 1.2,
                "actions": kind,
            }
            return await SmartOrderRouter(engine=core).execute_algorithm_order(order, way)

        result = clock.run(main(), clock=core.clock, seed=1)
        assert result.filled_quantity == info["filled"]
        mine, theirs = env.core.fills(), core.fills()
        for name in ("quantity", "price_e9", "fee_e9", "venue", "venue_time_ns"):
            assert mine[name].tolist() == theirs[name].tolist(), name
        assert len(lived.seen) == len(trained.seen)
        assert np.array_equal(np.array(lived.seen), np.array(trained.seen))


def test_it_hears_its_symbol_beside_who_listens_already():
    from grandmodel.execution.microstructure import FlowEstimators

    def lived(listens):
        core = make_core(load_config({"mode": "simulation"}), clock=SimulatedClock())
        flow = FlowEstimators(levels=1)
        flow.to_engine()
        if listens:
            core.listen("AAPL", flow)
        policy = Remembers(4, "discrete")
        result = clock.run(worked(core, policy, steps=20), clock=core.clock)
        assert core.listening("AAPL") is (flow if listens else None)
        assert not core.open_orders()
        return np.array(policy.seen), core.journal.sha256(), result

    alone, beside = lived(False), lived(True)
    assert np.array_equal(alone[0], beside[0])
    assert alone[1] == beside[1]


async def worked(core, policy, quantity=300, **terms):
    order = {"symbol": "AAPL", "side": "buy", "quantity": quantity, "order_type": "market"}
    way = {"algorithm": "policy", "policy": policy, "interval_seconds": 1.0, **terms}
    return await SmartOrderRouter(engine=core).execute_algorithm_order(order, way, wait=terms.pop("wait", True))


def test_two_orders_of_one_symbol_each_have_their_own_eyes():
    core = make_core(load_config({"mode": "simulation"}), clock=SimulatedClock())
    policies = [Remembers(seed, "discrete") for seed in (1, 2)]

    async def main():
        return await asyncio.gather(*[worked(core, policy, steps=20) for policy in policies])

    results = clock.run(main(), clock=core.clock)
    assert [result.filled_quantity for result in results] == [300, 300]
    assert {len(policy.seen[0]) for policy in policies} == {17}
    core.check_invariants(from_nothing=True)


# ---- deadlines ----


class Late:
    """Answers in time but at the decisions named, where it waits for an hour, raises, or says what there is not."""

    def __init__(self, misses, how):
        self.misses, self.how, self.asked = misses, how, 0

    async def __call__(self, observation):
        self.asked += 1
        if self.asked - 1 in self.misses:
            if self.how == "late":
                await asyncio.sleep(3600)
            if self.how == "raises":
                raise RuntimeError("no idea")
            return {"nan": [np.nan, 0], "names": "buy!", "beyond": [6, 0]}[self.how]
        return [0, 0]


@pytest.mark.parametrize("how", ["late", "raises", "nan", "names", "beyond"])
def test_a_decision_that_is_missed_is_the_schedules_at_once(how):
    core = make_core(load_config({"mode": "simulation"}), clock=SimulatedClock())
    policy = Late({2, 5}, how)
    ticket, seen = None, []

    async def main():
        nonlocal ticket
        order = {"symbol": "AAPL", "side": "buy", "quantity": 1000, "order_type": "market"}
        way = {"algorithm": "policy", "policy": policy, "steps": 10, "interval_seconds": 1.0, "deadline_seconds": 0.25}
        ticket = await SmartOrderRouter(engine=core).execute_algorithm_order(order, way, wait=False)
        for _ in range(9):
            await asyncio.sleep(1.0)
            seen.append(ticket.order.filled_quantity)
        return await ticket

    result = clock.run(main(), clock=core.clock)
    assert ticket.parent.algorithm.misses == 2
    assert ticket.progress.assumptions == ("where the policy was late or failed, the schedule was followed",)
    # Nothing is asked for but at the missed decisions, and there a slice of what the schedule trades of what is left.
    assert seen[:2] == [0, 0]
    first = round(1000 / (10 - 2))
    assert seen[2:5] == [first] * 3
    assert seen[5] == first + round((1000 - first) / (10 - 5))
    at = core.fills(result.order_id)["venue_time_ns"] - core.get_order(result.order_id).created_ns
    late = 0.25e9 if how == "late" else 0.0
    assert at.tolist()[0] == 2e9 + late  # within the decision's own tick
    assert policy.asked == 10


def test_live_a_function_that_blocks_costs_the_loop_nothing():
    core = make_core(load_config({"seed": 1}), clock=clock.LiveClock(20, clock.DEFAULT_START))
    release, threads = threading.Event(), set()

    def stuck(observation):
        threads.add(threading.current_thread().name)
        release.wait(60)
        return [0, 0]

    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.create_task(tick())
        result = await worked(core, stuck, steps=5, interval_seconds=2.0, deadline_seconds=0.4)
        ticking.cancel()
        release.set()
        return result, ticks

    result, ticks = asyncio.run(main())
    assert result.filled_quantity == 300
    assert ticks > 10  # the loop went on while the policy did not
    assert len(threads) == 1
    assert "policy" in threads.pop()
    core.close()


# ---- through the agents' door ----


def test_a_component_has_its_decisions_worked_by_its_policy():
    """What was trained in an episode works agents' orders, unchanged."""
    from grandmodel.execution import Event, MARLExecutionEngine

    class Agents:
        def __init__(self):
            self.policy, self.heard = Remembers(3, "continuous"), []

        def choose_strategy(self, decision, liquidity):
            return {
                "algorithm": "policy", "policy": self.policy, "steps": 12, "interval_seconds": 5.0,
                "actions": "continuous",
            }  # fmt: skip

        def on_execution_feedback(self, event):
            self.heard.append(event.payload)

    async def main():
        agents = Agents()
        with MARLExecutionEngine({"order_management": {}, "routing": {}}, agents) as engine:
            engine.microstructure_engine.follow("AAPL")  # which is what it does for the liquidity, too
            now = clock.current_clock().now()
            payload = {"symbol": "AAPL", "side": "sell", "quantity": 900, "confidence": 0.7}
            result = await engine.execute_marl_decision(Event(event_type="D", timestamp=now, payload=payload))
            assert engine.strategy_failures == 0
            return result, agents, engine.engine.core.journal.sha256()

    result, agents, fingerprint = clock.run(main(), seed=9)
    assert (result.algorithm, result.filled_quantity) == ("policy", 900)
    assert agents.heard[0]["algorithm_used"] == "policy"
    assert len(agents.policy.seen) == 12
    again, _, same = clock.run(main(), seed=9)
    assert (same, again.average_price) == (fingerprint, result.average_price)


def test_afterwards_nobody_listens_and_nothing_rests():
    core = make_core(load_config({"mode": "simulation"}), clock=SimulatedClock())

    async def main():
        order = {"symbol": "AAPL", "side": "sell", "quantity": 500, "order_type": "market"}
        way = {"algorithm": "policy", "policy": lambda row: [2, 0], "steps": 5, "interval_seconds": 1.0}
        return await SmartOrderRouter(engine=core).execute_algorithm_order(order, way)

    result = clock.run(main(), clock=core.clock)
    assert result.filled_quantity == 500
    assert core.listening("AAPL") is None
    assert not core.open_orders()
    core.check_invariants()


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "policy"),
        ({"policy": 3}, "policy"),
        ({"policy": len, "steps": 0}, "steps"),
        ({"policy": len, "interval_seconds": -1}, "interval_seconds"),
        ({"policy": len, "kappa": -1}, "kappa"),
        ({"policy": len, "actions": "x"}, "actions"),
        ({"policy": len, "pace": 1}, "pace"),
        ({"policy": len, "deadline_seconds": 10.0}, "deadline_seconds"),
        ({"policy": len, "deadline_seconds": -1}, "deadline_seconds"),
    ],
)
def test_parameters_that_cannot_be_are_named(config, field):
    with pytest.raises(AlgorithmConfigError) as error:
        make_algorithm({"algorithm": "policy", **config})
    assert field in str(error.value)
    assert PolicyAlgorithm.name == "policy"


def test_a_policy_that_never_returns_lets_the_program_end():
    program = """
import asyncio, time
from grandmodel.execution.clock import LiveClock
from grandmodel.execution.environments.answers import Answers

async def main():
    answers = Answers(lambda seen: time.sleep(3600), 0.05, LiveClock())
    try:
        await answers.to(1)
    except TimeoutError as error:
        print(error)
    answers.close()

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "the policy took more than 0.05 s\n"
    assert done.stderr == ""


def test_live_an_answer_and_an_error_are_the_policys():
    def policy(seen):
        if seen < 0:
            raise KeyError(seen)
        return 2 * seen, threading.current_thread().name

    async def main():
        answers = Answers(policy, 5.0, clock.LiveClock())
        assert [await answers.to(k) for k in range(3)] == [(0, "policy"), (2, "policy"), (4, "policy")]
        with pytest.raises(KeyError):
            await answers.to(-1)
        assert await answers.to(1) == (2, "policy")
        answers.close()

    asyncio.run(main())
