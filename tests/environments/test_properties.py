"""Whatever the terms, the market, the limits and the actions: what holds of every episode."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.execution._core.values import OrderRejected
from grandmodel.execution.environments import Episode, ExecutionEnv, SyntheticDay

TERMS = st.builds(
    Episode,
    quantity=st.one_of(st.integers(1, 20_000), st.tuples(st.integers(1, 50), st.integers(50, 5000))),
    side=st.sampled_from(["buy", "sell", "either"]),
    steps=st.integers(1, 30),
    interval=st.one_of(st.none(), st.floats(0.01, 5.0)),
    messages=st.integers(1, 80),
    kappa=st.one_of(st.just(0.0), st.floats(1e-6, 20.0)),
)
DAYS = st.builds(
    SyntheticDay,
    price=st.sampled_from([2.0, 37.5, 100.0, 1500.0]),
    events_per_second=st.floats(1.0, 200.0),
    depth=st.floats(1.0, 20.0),
    warmup_seconds=st.floats(0.0, 20.0),
    venues=st.integers(1, 4),
    take_fee=st.floats(-0.01, 0.01).map(lambda fee: round(fee, 4)),
    make_fee=st.floats(-0.01, 0.01).map(lambda fee: round(fee, 4)),
)
LIMITS = st.one_of(
    st.just({}),
    st.builds(
        lambda size, value, orders: {
            "risk_controls": {"order_limits": {"max_order_size": size, "max_notional": value}},
            "order_management": {"daily_order_limit": orders},
        },
        st.integers(1, 500),
        st.integers(100, 100_000),
        st.integers(2, 200),
    ),
)


@settings(max_examples=60)
@given(TERMS, DAYS, LIMITS, st.integers(0, 2**63 - 1), st.sampled_from(["discrete", "continuous"]))
def test_an_episode_adds_up_and_is_its_seeds(terms, day, limits, seed, actions):
    env = ExecutionEnv(day, terms, actions=actions, config=limits)
    logs = []
    for _ in range(2):
        try:
            observation, info = env.reset(seed=seed)
        except OrderRejected:  # a limit that the parent itself would break
            return
        draw, rewards, ended = np.random.default_rng(seed), [], False
        while not ended:
            assert env.observation_space.contains(observation)
            action = draw.uniform(-1, 1, 2) if actions == "continuous" else [draw.integers(0, 6), draw.integers(0, 4)]
            observation, reward, ended, _, last = env.step(action)
            rewards.append(reward)
            assert 0 <= last["filled"] <= info["quantity"] == last["filled"] + last["left"]
        assert env.observation_space.contains(observation)
        assert len(rewards) <= terms.steps
        cost = env.cost()
        assert cost.order.status.is_closed
        assert abs(math.fsum(rewards) + cost.total_bps) < 1e-9
        env.core.check_invariants(from_nothing=True)
        env.core.market.check_invariants()
        logs.append((env.journal_sha256(), rewards))
    env.close()
    assert logs[0] == logs[1]
