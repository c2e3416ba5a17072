"""`ExecutionVectorEnv`: each row is the `ExecutionEnv` of its seed, whatever the threads."""

from __future__ import annotations

import gc
import math
import os
import signal
import time

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from grandmodel.execution import EngineForked
from grandmodel.execution.environments import Episode, ExecutionEnv, ExecutionVectorEnv, MarketEnv, SyntheticDay

TERMS = Episode(steps=12, quantity=(100, 4000))


def actions_of(draw, n):
    return np.stack([draw.integers(0, 6, n), draw.integers(0, 4, n)], 1)


@pytest.mark.parametrize("threads", [1, 3])
def test_every_row_is_an_env_of_its_own(day, threads):
    n = 5
    env, singles = ExecutionVectorEnv(n, day, TERMS, threads=threads), [ExecutionEnv(day, TERMS) for _ in range(n)]
    rows, info = env.reset(seed=20)
    assert info["seed"].tolist() == [20, 21, 22, 23, 24]
    for k, single in enumerate(singles):
        assert (single.reset(seed=20 + k)[0] == rows[k]).all()
    draw, ends = np.random.default_rng(0), 0
    for _ in range(60):
        actions = actions_of(draw, n)
        rows, rewards, terminated, truncated, info = env.step(actions)
        assert env.observation_space.contains(rows)
        assert not truncated.any()
        for k, single in enumerate(singles):
            row, reward, ended, _, last = single.step(actions[k])
            assert (rewards[k], terminated[k]) == (reward, ended)
            if ended:
                ends += 1
                assert (info["final_obs"][k] == row).all()
                assert info["_final_obs"][k]
                for name in ("shortfall_bps", "fees_bps", "filled", "left", "end"):
                    assert info["final_info"][name][k] == last[name]
                row, _ = single.reset()
            assert (rows[k] == row).all()
    assert ends > 10
    for stage, single in zip(env.stages, singles, strict=True):
        assert stage.core.journal.sha256() == single.journal_sha256()


def test_continuous_actions_too():
    env = ExecutionVectorEnv(3, SyntheticDay(), TERMS, actions="continuous")
    singles = [ExecutionEnv(SyntheticDay(), TERMS, actions="continuous") for _ in range(3)]
    env.reset(seed=1)
    for k, single in enumerate(singles):
        single.reset(seed=1 + k)
    draw = np.random.default_rng(5)
    for _ in range(8):
        actions = draw.uniform(-1, 1, (3, 2)).astype(np.float32)
        rewards, terminated = env.step(actions)[1:3]
        for k, single in enumerate(singles):
            if not terminated[k]:
                assert single.step(actions[k])[1] == rewards[k]


def test_seeds_of_a_reset():
    env = ExecutionVectorEnv(3, SyntheticDay(), TERMS)
    one = env.reset(seed=[4, 9, 4])[0]
    assert (one[0] == one[2]).all()
    assert not (one[0] == one[1]).all()
    chain = env.reset()[1]["seed"].tolist()
    env.reset(seed=[4, 9, 4])
    assert env.reset()[1]["seed"].tolist() == chain
    assert env.reset(seed=[7, None, 7])[1]["seed"][0] == 7
    other = ExecutionVectorEnv(2, SyntheticDay(), TERMS)
    assert len(set(other.reset()[1]["seed"].tolist())) == 2


def test_it_says_how_it_resets_and_its_spaces():
    env = ExecutionVectorEnv(2, SyntheticDay(), TERMS)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert env.action_space.shape == (2, 2)
    assert env.observation_space.shape == (2, 17)
    env.close()


@pytest.mark.parametrize(
    "actions",
    [
        [[0, 0]], [[6, 0], [0, 0]], [[0, 4], [0, 0]], [[-1, 0], [0, 0]], [[0.0, 0.0], [0.0, 0.0]],
        [[True, False], [True, True]], [["a", "b"], ["c", "d"]],
    ],
)  # fmt: skip
def test_actions_outside_the_space_are_refused(actions):
    env = ExecutionVectorEnv(2, SyntheticDay(), TERMS)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="actions"):
        env.step(np.array(actions))


def test_other_bad_input():
    for n in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="num_envs is"):
            ExecutionVectorEnv(n)
    with pytest.raises(ValueError, match="threads is 0"):
        ExecutionVectorEnv(1, threads=0)
    env = ExecutionVectorEnv(2, SyntheticDay(), TERMS, actions="continuous")
    with pytest.raises(RuntimeError, match="reset"):
        env.step(np.zeros((2, 2)))
    for seed in (-1, [1], [1, -1], [1, 2**63], True):
        with pytest.raises(ValueError, match="seed"):
            env.reset(seed=seed)
    env.reset(seed=0)
    for bad in (math.nan, 1.1, -math.inf):
        with pytest.raises(ValueError, match="not from -1 to 1"):
            env.step(np.array([[0.0, bad], [0.0, 0.0]]))


def test_a_forked_child_is_told_so_and_ends():
    """The threads are the parent's: the child neither steps with them nor waits for them."""
    envs = ExecutionVectorEnv(4, SyntheticDay(), TERMS, threads=3)
    envs.reset(seed=1)
    child = os.fork()
    if child == 0:  # pragma: no cover
        status = 1
        try:
            envs.step(actions_of(np.random.default_rng(1), 4))
        except EngineForked:
            status = 0
        del envs
        gc.collect()
        os._exit(status)
    until = time.monotonic() + 20
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < until:
        time.sleep(0.01)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, 0)
    envs.step(actions_of(np.random.default_rng(1), 4))
    envs.close()


def test_what_is_closed_says_so():
    envs = ExecutionVectorEnv(2, SyntheticDay(), TERMS, threads=1)
    envs.reset(seed=1)
    envs.close()
    for work in (envs.reset, lambda: envs.step(actions_of(np.random.default_rng(1), 2))):
        with pytest.raises(RuntimeError, match="closed"):
            work()
    for one in (ExecutionEnv(SyntheticDay(), TERMS), MarketEnv(day=SyntheticDay(), episode=TERMS)):
        one.reset(seed=1)
        one.close()
        with pytest.raises(RuntimeError, match="closed"):
            one.reset(seed=1)
