"""A dynamic VWAP's forecast, written from the rule: surprises so far, a slope through the origin, a clamp."""

from __future__ import annotations

from itertools import pairwise


def remaining(shares: list[float], volumes: list[float]) -> list[float]:
    """Expected shares of the bins after `volumes`, the next first. Clamp 0.5, off beyond 85 %, three pairs wanted."""
    surprises = []
    for k, volume in enumerate(volumes):
        share_before, volume_before = sum(shares[:k]), sum(volumes[:k])
        expected = volume_before / share_before * shares[k] if share_before > 0 else 0.0
        surprises.append(volume / expected - 1.0 if expected > 0 else None)
    pairs = [(a, b) for a, b in pairwise(surprises) if a is not None and b is not None]
    left = list(shares[len(volumes) :])
    square = sum(a * a for a, _ in pairs)
    late = sum(shares[: len(volumes)]) >= 0.85 * sum(shares)
    if len(pairs) < 3 or square == 0 or late or len(left) < 2 or surprises[-1] is None:
        return left
    slope = min(1.0, max(-1.0, sum(a * b for a, b in pairs) / square))
    left[0] *= 1.0 + min(0.5, max(-0.5, slope * surprises[-1]))
    return left
