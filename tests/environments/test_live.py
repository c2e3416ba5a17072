"""The algorithm `policy`: live it sees and sends what it sees and sends in an episode."""

from __future__ import annotations

import numpy as np
import pytest
from reference.synthetic import Random

from grandmodel.execution import SmartOrderRouter, clock
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.environments import Episode, ExecutionEnv, SyntheticDay
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


def test_who_listens_already_is_told():
    from grandmodel.execution.microstructure import FlowEstimators

    core = make_core(load_config({"mode": "simulation"}), clock=SimulatedClock())
    flow = FlowEstimators(levels=1)
    flow.to_engine()
    core.listen("AAPL", flow)

    async def main():
        order = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "market"}
        way = {"algorithm": "policy", "policy": lambda row: [1, 3], "steps": 3, "interval_seconds": 1.0}
        await SmartOrderRouter(engine=core).execute_algorithm_order(order, way)

    with pytest.raises(ValueError, match="listen"):
        clock.run(main(), clock=core.clock)
    assert core.listening("AAPL") is flow
    assert not core.open_orders()


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
    ],
)
def test_parameters_that_cannot_be_are_named(config, field):
    with pytest.raises(AlgorithmConfigError) as error:
        make_algorithm({"algorithm": "policy", **config})
    assert field in str(error.value)
    assert PolicyAlgorithm.name == "policy"
