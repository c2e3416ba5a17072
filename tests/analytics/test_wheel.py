"""The wheel: who gets what, when it stops, how often it is wrong, and what it may say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.execution import Unknown
from grandmodel.execution.analytics.wheel import AlgorithmWheel


def spun(costs, seed, **options):
    """A wheel over algorithms whose orders cost `costs` = {name: (mean, deviation)}, spun until it stops."""
    wheel = AlgorithmWheel(dict.fromkeys(costs, 1), seed=seed, **options)
    draw = np.random.default_rng(seed + 1)
    while not wheel.is_over:
        name = wheel.draw()
        wheel.record(name, float(draw.normal(*costs[name])))
    return wheel


@given(st.integers(0, 1000), st.lists(st.sampled_from(["AAPL", "MSFT", "JPM"]), min_size=1, max_size=60))
def test_each_kind_of_order_is_shared_out_in_blocks(seed, keys):
    wheel = AlgorithmWheel({"a": 2, "b": 1}, seed=seed)
    given_out = {}
    for key in keys:
        given_out.setdefault(key, []).append(wheel.draw(key))
    for names in given_out.values():
        for begin in range(0, len(names) - 2, 3):
            assert Counter(names[begin : begin + 3]) == {"a": 2, "b": 1}
    again = AlgorithmWheel({"a": 2, "b": 1}, seed=seed)
    assert [again.draw(key) for key in keys] == [
        given_out[key][sum(k == key for k in keys[:place])] for place, key in enumerate(keys)
    ]


def test_a_clear_difference_ends_it_early_and_is_told():
    wheel = spun({"vwap": (2.0, 3.0), "twap": (5.0, 3.0)}, 3, orders_max=600)
    result = wheel.result()
    assert result.final
    assert result.look < result.looks
    assert "beyond" in result.reason
    assert [each.verdict for each in result.entries] == ["the measure", "higher"]
    assert result.findings[0].startswith("twap cost ")
    assert "bps more than vwap" in result.findings[0]
    assert wheel.draw("any") == "vwap"
    cheaper = spun({"vwap": (5.0, 3.0), "twap": (2.0, 3.0)}, 3, orders_max=600)
    assert cheaper.draw() == "twap"


def test_no_difference_runs_to_the_end_and_is_not_told():
    result = spun({"vwap": (2.0, 3.0), "twap": (2.0, 3.0)}, 4, orders_max=300).result()
    assert result.reason == "all 300 orders are recorded"
    assert result.entries[1].verdict == "no difference can be told"
    assert result.findings == (f"twap against vwap: no difference can be told ({result.entries[1].orders} orders)",)


def test_looking_five_times_is_wrong_as_seldom_as_looking_once():
    """Without any difference: a verdict in about one wheel of twenty (and far more often if each look took |t| 2)."""
    wrong = sum(spun({"a": (0.0, 1.0), "b": (0.0, 1.0)}, seed, orders_max=300).result().entries[1].verdict
                in ("lower", "higher") for seed in range(300))  # fmt: skip
    assert wrong / 300 < 0.085


def test_it_says_nothing_of_too_few():
    wheel = AlgorithmWheel({"a": 1, "b": 1}, seed=1)
    for k in range(40):
        wheel.record("ab"[k % 2], float(k % 2) * 100)
    assert wheel.result().entries[1].verdict == "too few samples"
    assert not wheel.result().final
    clustered = AlgorithmWheel({"a": 1, "b": 1}, seed=1, orders_max=400)
    draw = np.random.default_rng(0)
    for k in range(400):
        clustered.record("ab"[k % 2], float(k % 2) * 100 + draw.normal(), cluster=k % 20)
    assert clustered.result().entries[1].verdict == "too few samples"  # twenty half hours are twenty samples


def test_what_is_unknown_is_counted_and_left_out():
    wheel = AlgorithmWheel({"a": 1, "b": 1}, seed=1)
    wheel.record("a", Unknown("no quote"))
    wheel.record("a", 3.0)
    entry = wheel.result().entries[0]
    assert (entry.orders, entry.cost.count, entry.cost.mean) == (2, 1, 3.0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: AlgorithmWheel({"a": 1}, seed=1), "must have two at least"),
        (lambda: AlgorithmWheel({"a": 1, "b": 0}, seed=1), r"algorithms\['b'\] is 0"),
        (lambda: AlgorithmWheel({"a": 1, "b": True}, seed=1), "is True"),
        (lambda: AlgorithmWheel({"a": 1, "b": 1}, seed=1, looks=11), "looks is 11"),
        (lambda: AlgorithmWheel({"a": 1, "b": 1}, seed=1, orders_max=59), "orders_max is 59, must be 60 at least"),
        (lambda: AlgorithmWheel({"a": 1, "b": 1}, seed=1).record("c", 1.0), "algorithm is 'c'"),
        (lambda: AlgorithmWheel({"a": 1, "b": 1}, seed=1).record("a", float("inf")), "cost_bps is inf"),
        (lambda: AlgorithmWheel({"a": 1, "b": 1}, seed=1).record("a", 1.0, weight=-1), "weight -1"),
    ],
)
def test_what_is_wrong_is_said(call, said):
    with pytest.raises(ValueError, match=said):
        call()
