"""Routing over twelve venues: the choice of one, alone and in a batch, the split of what takes, and of what rests."""

from __future__ import annotations

import numpy as np
import pytest

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution.routing.splits import cont_kukanov

CENT = 10_000_000
BATCH = 10_000


def table(learns=False):
    instruments = Instruments()
    instruments.add("X", tick_e9=CENT)
    venues = Venues(instruments)
    if learns:
        venues.set_learning(fill_probability=1.0, adverse_selection=1.0, latency_slippage=1.0)
    for k in range(12):
        venues.add(f"V{k}", take_fee_e9=k * 100_000, make_fee_e9=-k * 10_000, priority=k)
        away = k % 3 * CENT
        venues.set_quote("X", f"V{k}", 9_998 * CENT - away, 10_000 * CENT + away, 100 * (k + 1), 100 * (k + 1))
    return venues


@pytest.mark.parametrize("learns", [False, True], ids=["plain", "learned"])
def bench_one_decision_over_twelve_venues(benchmark, learns):
    venues = table(learns)
    benchmark.pedantic(venues.best, ("X", 1, 100), rounds=2_000, iterations=20)


@pytest.mark.parametrize("limit_e9", [0, 9_990 * CENT], ids=["market", "resting"])
def bench_a_batch_of_decisions(benchmark, limit_e9):
    venues = table()
    quantities, limits = np.full(BATCH, 100), np.full(BATCH, limit_e9)
    out, costs = np.empty(BATCH, np.int32), np.empty(BATCH, np.int64)
    benchmark.pedantic(venues.best_many, ("X", quantities, limits, out, costs), rounds=200)
    assert (out >= 0).all()


def bench_a_split_over_twelve_venues(benchmark):
    venues = table()
    assert len(venues.split("X", 1, 7_000)["legs"]) == 12
    benchmark.pedantic(venues.split, ("X", 1, 7_000), rounds=2_000, iterations=10)


@pytest.mark.parametrize("count", [1, 4, 12])
def bench_passive_sizes(benchmark, count):
    draw = np.random.default_rng(1)
    terms = {
        "queues": draw.uniform(200, 3000, count).tolist(),
        "mean_outflows": draw.uniform(300, 3000, count).tolist(),
        "rebates": draw.uniform(0.001, 0.003, count).tolist(),
        "underfill": 0.05,
    }
    benchmark.pedantic(cont_kukanov, (1000, 0.02, 0.003), terms, rounds=1_000, iterations=5)
