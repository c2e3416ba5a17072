"""`MarketEnv`: PettingZoo's own tests, one market for all, and each agent's account."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from pettingzoo.test import max_cycles_test, parallel_api_test, parallel_seed_test

from grandmodel.execution.environments import Episode, ExecutionEnv, MarketEnv, SyntheticDay, market_env


def choose(draw, agent):
    return [int(draw.integers(0, 5 if agent.startswith("maker") else 6)), int(draw.integers(0, 4))]


def play(env, seed, draw_seed=0):
    """Sums of the rewards, and the last infos, by agent."""
    env.reset(seed=seed)
    draw, totals, last = np.random.default_rng(draw_seed), dict.fromkeys(env.possible_agents, 0.0), {}
    while env.agents:
        _, rewards, _, _, infos = env.step({agent: choose(draw, agent) for agent in env.agents})
        for agent, reward in rewards.items():
            totals[agent] += reward
            last[agent] = infos[agent]
    return totals, last


def test_pettingzoo_checks_it(day, capsys):
    parallel_api_test(MarketEnv(2, 1, day, Episode(steps=30)), num_cycles=200)
    parallel_seed_test(lambda: MarketEnv(2, 1, day, Episode(steps=30)), num_cycles=60)


def test_max_cycles_are_its_decisions():
    """An order that no book can fill, so that nobody is done before."""
    options = {"episode": Episode(quantity=2_000_000)}
    max_cycles_test(
        SimpleNamespace(
            parallel_env=partial(market_env.parallel_env, **options), env=partial(market_env.env, **options)
        )
    )


def test_one_executor_alone_is_the_execution_env(day):
    """Same engine, same rewards: the difference is whose env it is."""
    terms = Episode(steps=20, quantity=(100, 3000))
    alone, single = MarketEnv(1, 0, day, terms), ExecutionEnv(day, terms)
    for seed in range(4):
        (observation,) = alone.reset(seed=seed)[0].values()
        assert (observation == single.reset(seed=seed)[0]).all()
        draw = np.random.default_rng(seed)
        while alone.agents:
            action = choose(draw, "executor")
            rows, rewards, ends, _, infos = alone.step({"executor_0": action})
            row, reward, ended, _, info = single.step(action)
            assert (rows["executor_0"] == row).all()
            assert (rewards["executor_0"], ends["executor_0"], infos["executor_0"]) == (reward, ended, info)
        assert alone.core.journal.sha256() == single.journal_sha256()


def test_every_executors_rewards_are_its_orders_shortfall(day):
    from grandmodel.execution.analytics.execution_cost import execution_cost

    env = MarketEnv(3, 2, day, Episode(steps=25, quantity=(200, 3000)))
    for seed in range(6):
        totals, infos = play(env, seed)
        for seat in range(3):
            agent = f"executor_{seat}"
            # each ended at its own time: the end's mid counts for those alone who have something left
            if infos[agent]["unfilled"] == 0:
                cost = execution_cost(env.core, env.stage.parent_id(seat), 1)
                assert abs(totals[agent] + cost.total_bps) < 1e-9
                assert cost.order.account == seat
        env.core.check_invariants(from_nothing=True)


def test_a_makers_rewards_are_its_gain():
    env = MarketEnv(1, 1, SyntheticDay(), Episode(steps=40, quantity=3000), clip=200, max_position=600)
    traded = 0
    for seed in range(6):
        env.reset(seed=seed)
        first = env.core.quote("SYNTH").mid_e9
        cash, total = env.core.account(1)["cash_e9"], 0.0
        while env.agents:
            actions = {agent: [2, 2] if agent == "maker_0" else [2, 3] for agent in env.agents}
            _, rewards, _, _, infos = env.step(actions)
            total += rewards.get("maker_0", 0.0)
            position = env.core.positions(1).get("SYNTH", (0, 0, 0))[0]
            assert abs(position) <= 600
            if "maker_0" in infos:
                assert infos["maker_0"]["position"] == position
        gain = env.core.account(1)["cash_e9"] - cash + position * env.core.quote("SYNTH").mid_e9
        assert total == pytest.approx(gain * 1e4 / (200 * first), abs=1e-9)
        traded += env.core.account(1)["traded_e9"]
    assert traded > 0


def test_shared_rewards_are_parts_of_the_mean():
    own, shared = (MarketEnv(3, 1, sharing=share) for share in (0.0, 0.25))
    own.reset(seed=4), shared.reset(seed=4)
    draw, works = np.random.default_rng(1), ["executor_0", "executor_1", "executor_2"]
    for _ in range(30):
        actions = {agent: choose(draw, agent) for agent in own.agents}
        plain, mixed = own.step(actions)[1], shared.step(actions)[1]
        mean = sum(plain.get(agent, 0.0) for agent in works) / 3
        assert mixed.get("maker_0") == plain.get("maker_0")
        for agent in set(works) & set(plain):
            assert mixed[agent] == pytest.approx(0.75 * plain[agent] + 0.25 * mean, abs=1e-12)


def test_equal_seeds_give_equal_logs():
    env, other = MarketEnv(2, 2), MarketEnv(2, 2)
    play(env, 1)
    for seed in (8, 9):
        assert play(env, seed) == play(other, seed)
        assert env.core.journal.sha256() == other.core.journal.sha256()


def test_bad_input_is_named():
    for options, words in (
        ({"executors": -1}, "executors is -1"),
        ({"makers": 40}, "makers is 40"),
        ({"executors": 0, "makers": 0}, "one agent"),
        ({"sharing": 1.5}, "sharing is 1.5"),
        ({"clip": 0}, "clip is 0"),
        ({"max_position": True}, "max_position is True"),
        ({"aversion": float("nan")}, "aversion is nan"),
        ({"max_cycles": 0}, "steps is 0"),
    ):
        with pytest.raises(ValueError, match="must be") as error:
            MarketEnv(**options)
        assert words in str(error.value)
    env = MarketEnv(1, 1)
    with pytest.raises(RuntimeError, match="reset"):
        env.step({})
    env.reset(seed=1)
    for actions in ({}, {"executor_0": [0, 0]}, {"executor_0": [0, 0], "maker_0": [0, 0], "nobody": [0, 0]}):
        with pytest.raises(ValueError, match="actions differ"):
            env.step(actions)
    with pytest.raises(ValueError, match="from 0 to 4"):
        env.step({"executor_0": [0, 0], "maker_0": [5, 0]})
