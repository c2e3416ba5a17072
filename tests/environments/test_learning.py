"""That there is something to learn: a small policy found by the cross-entropy method, on seeds that it has not seen."""

from __future__ import annotations

import numpy as np

from grandmodel.execution.environments import Episode, ExecutionVectorEnv, SyntheticDay, evaluate

ROWS, TERMS = 32, Episode(quantity=2000, steps=15)


def act(weights, seen):
    """Pace and reach by time and inventory alone: tanh(w . (1, t, i))."""
    inputs = np.stack([np.ones_like(seen[..., 0]), seen[..., 0], seen[..., 1]], -1)
    return np.tanh(np.einsum("...ij,...j->...i", weights.reshape(*weights.shape[:-1], 2, 3), inputs))


def test_what_is_learned_costs_less_than_twap():
    envs, draw = ExecutionVectorEnv(ROWS, SyntheticDay(), TERMS, actions="continuous"), np.random.default_rng(0)
    mean, deviation = np.zeros(6), np.ones(6)
    for generation in range(6):
        weights, gains = mean + deviation * draw.standard_normal((ROWS, 6)), np.zeros(ROWS)
        for episode in range(5):
            seen, _ = envs.reset(seed=[10_000 + 5 * generation + episode] * ROWS)
            playing = np.ones(ROWS, bool)
            while playing.any():
                seen, rewards, ended, *_ = envs.step(act(weights, seen))
                gains += np.where(playing, rewards, 0.0)
                playing &= ~ended
        best = weights[np.argsort(gains)[-6:]]
        mean, deviation = best.mean(0), best.std(0) + 0.02
    policies = {"twap": "twap", "learned": lambda seen: act(mean, seen)}
    twap, learned = evaluate(policies, episode=TERMS, actions="continuous", episodes=80)
    assert learned.difference.verdict == "lower"
    assert learned.completion == 1.0
    assert learned.cost.mean < twap.cost.mean
