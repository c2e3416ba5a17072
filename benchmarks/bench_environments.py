"""Decision steps of the learning environments: 100 messages of the market between two of them, resets included."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="the extra marl is not installed")

from grandmodel.execution.environments import Episode, ExecutionEnv, ExecutionVectorEnv, RecordedDay, SyntheticDay
from grandmodel.execution.simulation.lobster import read_lobster
from grandmodel.execution.simulation.recording import of_lobster

STEPS = 1000
ENVS, ROUNDS = 64, 20
TERMS = Episode(quantity=5000, steps=100, messages=100)
#: Half of a slice at the touch, a slice a tick inside, one at the mid, half of one across.
ACTIONS = ([1, 0], [2, 1], [2, 2], [1, 3])


def run_episodes(benchmark, day, terms):
    """Whole episodes, until there are `STEPS` steps."""
    env = ExecutionEnv(day, terms)
    actions = [np.array(action) for action in ACTIONS]
    seeds = itertools.count()

    def steps():
        env.reset(seed=next(seeds))
        for k in range(STEPS):
            if env.step(actions[k & 3])[2]:
                env.reset(seed=next(seeds))

    benchmark.pedantic(steps, rounds=25, warmup_rounds=2)


def bench_env_synthetic(benchmark):
    run_episodes(benchmark, SyntheticDay(), TERMS)


def bench_env_synthetic_by_time(benchmark):
    """Two seconds of a market of 50 events a second: about 100 messages."""
    run_episodes(benchmark, SyntheticDay(), Episode(quantity=5000, steps=100, interval=2.0))


def bench_env_recorded(benchmark, amzn_files):
    run_episodes(benchmark, RecordedDay(of_lobster(read_lobster(*amzn_files))), TERMS)


def run_vector(benchmark, day, terms=TERMS):
    env = ExecutionVectorEnv(ENVS, day, terms, threads=2)
    actions = [np.tile(action, (ENVS, 1)) for action in ACTIONS]
    env.reset(seed=0)

    def steps():
        for k in range(ROUNDS):
            env.step(actions[k & 3])

    benchmark.pedantic(steps, rounds=60, warmup_rounds=10)


def bench_vector_env_synthetic(benchmark):
    run_vector(benchmark, SyntheticDay())


def bench_vector_env_recorded(benchmark, amzn_files):
    run_vector(benchmark, RecordedDay(of_lobster(read_lobster(*amzn_files))))


def bench_vector_env_few_messages(benchmark):
    """Twenty messages between two decisions: what the environment itself costs counts more."""
    run_vector(benchmark, SyntheticDay(), Episode(quantity=5000, steps=100, messages=20))


def bench_env_reset(benchmark):
    """An episode's begin: engine and market as they were, ten seconds of warm-up, the parent order."""
    env = ExecutionEnv(SyntheticDay(), TERMS)
    seeds = itertools.count()

    def resets():
        for _ in range(50):
            env.reset(seed=next(seeds))
            env.step([5, 3])

    benchmark.pedantic(resets, rounds=25, warmup_rounds=2)
