"""Whatever a policy does, it goes through the risk gate: no limit is ever exceeded."""

from __future__ import annotations

import os

import numpy as np
import pytest

from grandmodel.execution._core.values import OrderRejected
from grandmodel.execution.environments import Episode, ExecutionEnv, SyntheticDay

LONG = os.environ.get("GRANDMODEL_LONG") == "1"
STEPS = 1_000_000 if LONG else 20_000

LIMITS = {
    "risk_controls": {
        "position_limits": {"default": 2500},
        "order_limits": {"max_order_size": 130, "max_notional": 11_000},
    },
    "order_management": {"max_order_value": 12_000, "daily_order_limit": 15},
}


def adversary(draw, k):
    """All of it, everywhere, most of the time."""
    return [5, 3] if k % 3 else [int(draw.integers(0, 6)), int(draw.integers(0, 4))]


def at_random(draw, k):
    return [int(draw.integers(0, 6)), int(draw.integers(0, 4))]


@pytest.mark.parametrize("choose", [at_random, adversary])
def test_no_action_breaks_a_limit(choose):
    env = ExecutionEnv(SyntheticDay(), Episode(steps=50, quantity=(1, 2500)), config=LIMITS)
    draw, steps, seed, refused = np.random.default_rng(1), 0, 0, 0
    while steps < STEPS // 2:
        env.reset(seed=seed)
        ended = False
        while not ended:
            _, _, ended, _, info = env.step(choose(draw, steps))
            steps += 1
        refused += info["refused"]
        if seed % 16 == 0:
            rows = env.core.orders_array()
            children = rows[rows["parent_id"] > 0]
            assert (children["quantity"] <= 130).all()
            assert (children["quantity"] * children["limit_price_e9"] <= 11_000 * 10**9).all()
            assert len(rows) <= 15
            assert abs(env.core.positions().get("SYNTH", (0, 0, 0))[0]) <= 2500
            env.core.check_invariants(from_nothing=True)
        seed += 1
    assert env.core.statistics()["illegal_transitions"] == 0
    assert refused > 0, "the daily limit on orders was never met"


def test_a_parent_that_breaks_a_limit_is_refused_at_reset():
    env = ExecutionEnv(SyntheticDay(), Episode(quantity=2501), config=LIMITS)
    with pytest.raises(OrderRejected, match="refused"):
        env.reset(seed=0)


def test_a_kill_switch_holds_in_an_episode():
    from grandmodel.execution.order_management.kill_switch import kill

    env = ExecutionEnv(SyntheticDay(), Episode(steps=10, quantity=5000))
    env.reset(seed=1)
    filled = env.step([2, 3])[4]["filled"]
    assert filled > 0
    kill(env.core, "engine", "a test")
    *_, ended, _, info = env.step([5, 3])
    assert (ended, info["end"], info["filled"], info["unfilled"]) == (True, "closed", filled, 5000 - filled)
    assert abs(env.stage.figures()[10] + env.cost().total_bps) < 1e-9
