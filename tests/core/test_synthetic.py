"""The synthetic market's order flow: event by event as the plain Python's, by the seed alone, and nothing that it may
not do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reference.logarithm import log
from reference.synthetic import ReferenceFlow, exp

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.synthetic import (
    FLOW_TYPES,
    LIMIT_RATES,
    FlowModel,
    SyntheticMarket,
    default_branching,
    spectral_radius,
)

SECOND = 10**9
START = 1_735_828_200 * SECOND  # 2025-01-02 14:30 UTC, an open
SESSIONS = [(START, START + 23_400 * SECOND), (START + 86_400 * SECOND, START + 99_000 * SECOND)]
CURVE = (3.0, 1.0, 0.5, 2.5)
MATRIX = [
    [0.30, 0.05, 0.20, 0.00, 0.05, 0.05],
    [0.05, 0.30, 0.00, 0.20, 0.05, 0.05],
    [0.01, 0.00, 0.30, 0.02, 0.00, 0.01],
    [0.00, 0.01, 0.02, 0.30, 0.01, 0.00],
    [0.10, 0.05, 0.00, 0.10, 0.25, 0.00],
    [0.05, 0.10, 0.10, 0.00, 0.00, 0.25],
]
#: Each option alone, and all together.
OPTIONS = {
    "plain": {},
    "unit": {"order_size": 100},
    "pareto": {"order_size": "pareto", "size_tail": 1.2, "size_lots_max": 40},
    "flat": {"limit_rates": [0.5] * 60, "cancel_rates": [0.4] * 60, "market_rate": 6.0, "order_size": 1},
    "clustered": {"branching": MATRIX, "decay_seconds": 0.4},
    "curve": {"curve": CURVE},
    "metaorders": {"metaorders": 7, "metaorder_tail": 1.4},
    "common": {"common": 0.4, "common_seconds": 2.5},
    "venues": {"venue_link": 0.3},
    "all": {
        "order_size": "pareto", "branching": MATRIX, "decay_seconds": 2.0, "curve": CURVE, "metaorders": 3,
        "common": 0.2, "venue_link": 0.6,
    },
}  # fmt: skip


def venues_of(names=("A", "B", "C"), symbols=("X", "Y"), calendar="XNYS"):
    instruments = Instruments()
    for symbol in symbols:
        instruments.add(symbol, tick_e9=10**7, reference_e9=100 * SECOND, sector="technology", calendar=calendar)
    venues = Venues(instruments)
    for name in names:
        venues.add(name, take_fee_e9=0, make_fee_e9=0)
    return venues


def market_of(
    shares=(1.0, 0.5, 0.25), *, seed=5, start_ns=START, rate=50.0, depth=3.0, warmup=2.0, symbols=("X", "Y"), **options
):
    venues = venues_of("ABCDEF"[: len(shares)], symbols)
    opens, closes = zip(*SESSIONS, strict=True)
    return SyntheticMarket(
        venues, shares, seed=seed, start_ns=start_ns, warmup_seconds=warmup, events_per_second=rate, depth=depth,
        model=FlowModel(**options), sessions={"XNYS": (opens, closes)},
    )  # fmt: skip


def tuples(rows):
    return [
        (int(r["time_ns"]), int(r["action"]), int(r["venue"]), int(r["side"]), int(r["order_id"]),
         int(r["price_e9"]) // 10**7, int(r["quantity"]))
        for r in rows
    ]  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_the_flow_is_the_plain_pythons_event_by_event(name):
    """Every row of the displayed books, over several venues, from the first order of the day on, in pieces."""
    options, shares = OPTIONS[name], (1.0, 0.0, 0.5, 0.25)
    market = market_of(shares, **options)
    twin = ReferenceFlow(
        shares, reference_tick=10_000, symbol=1, seed=5, start_ns=START, warmup_seconds=2.0, events_per_second=50.0,
        depth=3.0, sessions=SESSIONS, **options,
    )  # fmt: skip
    for seconds in (0.5, 7.0, 40.0):
        until = START + round(seconds * SECOND)
        assert tuples(market.record("Y", until)) == twin.run(until)
    assert market.messages == twin.events > 1500
    market.check_invariants()


def test_the_pace_over_days_is_the_plain_pythons():
    """From before an open over a night and a short day to after the last session that is known: few events, every
    change of pace."""
    market = market_of((1.0,), start_ns=START - 3_600 * SECOND, rate=0.02, curve=CURVE)
    twin = ReferenceFlow(
        (1.0,), reference_tick=10_000, seed=5, start_ns=START - 3_600 * SECOND, warmup_seconds=2.0,
        events_per_second=0.02, depth=3.0, sessions=SESSIONS, curve=CURVE,
    )  # fmt: skip
    until = START + 150_000 * SECOND
    assert tuples(market.record("X", until)) == twin.run(until)
    assert market.messages == twin.events > 1500


def test_logarithm_and_exponential_are_those_of_the_machine():
    """The twin's, which the flow agrees with bit by bit, against libm."""
    rng = np.random.default_rng(1)
    near = 1.0 - rng.random(2000) * 2.0 ** -rng.integers(1, 50, 2000)
    for x in [1.0, 2.0**-53, 0.5, math.sqrt(0.5), *rng.random(2000), *near, *(1.0 + 1e6 * rng.random(500))]:
        assert log(x) == pytest.approx(math.log(x), rel=5e-16, abs=5e-16)
        if abs(x - 1.0) < 2.0**-7:  # nothing is lost where it is small
            assert log(x) == pytest.approx(math.log(x), rel=1e-15, abs=0.0)
    for x in [0.0, -1e-300, -0.3465, -0.3466, -699.99, *(-rng.exponential(30.0, 2000))]:
        assert exp(x) == pytest.approx(math.exp(x), rel=4e-15)
    assert exp(-701.0) == exp(-math.inf) == exp(math.nan) == 0.0


@pytest.mark.parametrize("name", ["plain", "all"])
def test_what_flows_does_not_depend_on_who_looks_when(name):
    at_once, in_steps = market_of(**OPTIONS[name]), market_of(**OPTIONS[name])
    until = START + 30 * SECOND
    rows = at_once.record("X", until)
    pieces = []
    for k in range(31):
        pieces.append(in_steps.record("X", START + k * SECOND))
        in_steps.touch("Y", START + k * SECOND)
        in_steps.depth("X", "A")
    together = np.concatenate(pieces)
    for field in ("time_ns", "action", "order_id", "price_e9", "quantity", "venue", "side"):
        np.testing.assert_array_equal(rows[field], together[field])
    at_once.touch("Y", until)
    assert at_once.depth("Y", "B") == in_steps.depth("Y", "B")


def test_seeds_and_symbols_flow_apart():
    rows = [market_of(seed=seed).record(symbol, START + 5 * SECOND) for seed in (1, 2) for symbol in ("X", "Y")]
    times = {tuple(r["time_ns"][-20:]) for r in rows}
    assert len(times) == 4


@pytest.mark.parametrize("name", OPTIONS)
def test_the_rows_make_the_book_and_venues_never_cross(name):
    """The books kept from the rows are the market's, no consolidated quote is locked or crossed after any of them."""
    market = market_of(**OPTIONS[name], seed=11)
    books: dict[int, dict[int, list[int]]] = {0: {}, 1: {}, 2: {}}
    quoted = 0
    for t, action, venue, side, order_id, tick, quantity in tuples(market.record("X", START + 25 * SECOND)):
        if action == 1:
            assert order_id not in books[venue]
            books[venue][order_id] = [side, tick, quantity]
        else:
            order = books[venue][order_id]
            assert order[:2] == [side, tick]
            order[2] -= quantity
            assert order[2] >= 0
            if order[2] == 0:
                del books[venue][order_id]
        if t < START or quoted % 7:
            quoted += 1
            continue
        quoted += 1
        bids = [o[1] for book in books.values() for o in book.values() if o[0] > 0]
        asks = [o[1] for book in books.values() for o in book.values() if o[0] < 0]
        if bids and asks:
            assert max(bids) < min(asks)
    for number, venue in enumerate("ABC"):
        for s, levels in zip((1, -1), market.depth("X", venue, 1000), strict=True):
            kept: dict[int, list[int]] = {}
            for side, tick, quantity in books[number].values():
                if side == s:
                    kept.setdefault(tick * 10**7, []).append(quantity)
            assert {price: (total, count) for price, total, count in levels} == {
                p: (sum(q), len(q)) for p, q in kept.items()
            }
    market.check_invariants()


def test_rows_end_early_where_they_do_not_suffice_and_go_on():
    market, whole = market_of(), market_of()
    until = START + 60 * SECOND
    parts = []
    while market.until("X") is None or market.until("X")[1] <= until:
        parts.append(market.record("X", until, capacity=1000))
        assert len(parts[-1]) <= 1000
    rows = whole.record("X", until)
    assert len(parts) > 2
    assert rows.dtype == MESSAGE_DTYPE
    np.testing.assert_array_equal(np.concatenate(parts)["order_id"], rows["order_id"])


def test_mean_rates_stay_when_arrivals_cluster():
    """Events a second are what was asked for, with and without excitation; counts over seconds spread far more with
    it."""
    spread = {}
    for branching in (None, 0.8):
        market = market_of((1.0,), depth=10.0, warmup=60.0, branching=branching, decay_seconds=0.5, seed=3)
        market.touch("X", START)
        counts, before = [], market.messages
        for k in range(1, 601):
            market.touch("X", START + k * SECOND)
            counts.append(market.messages - before)
            before = market.messages
        spread[branching] = np.var(counts) / np.mean(counts)
        # the variance of the mean of a Hawkes count is that of a Poisson one over (1 - n)^2: 5 of those, as a part of
        # 50
        assert np.mean(counts) == pytest.approx(50.0, abs=5 * math.sqrt(50.0 / 600) * (5.0 if branching else 1.0))
    assert spread[None] < 1.5
    assert spread[0.8] > 3.0


def test_branching_matrices():
    matrix = default_branching(0.7)
    assert spectral_radius(matrix) == pytest.approx(0.7)
    assert spectral_radius([[0.0, 4.0], [0.09, 0.0]]) == pytest.approx(0.6)
    np.testing.assert_allclose(FlowModel(branching=0.7).branching, matrix)
    np.testing.assert_allclose(FlowModel(branching=MATRIX).branching, MATRIX)
    assert not FlowModel().branching.any()


def test_the_curve_of_a_session():
    """Events by quarter of the session are in the curve's proportions; around it one a second, as on average in it."""
    market = market_of((1.0,), start_ns=START - 3_600 * SECOND, rate=2.0, curve=CURVE, seed=2)
    market.touch("X", START - 1_800 * SECOND)
    marks = [START, *(START + k * 5_850 * SECOND for k in range(1, 5)), START + 30_000 * SECOND]
    before, counts = market.messages, []
    for mark in marks:
        market.touch("X", mark)
        counts.append(market.messages - before)
        before = market.messages
    lengths = [1_800, 5_850, 5_850, 5_850, 5_850, 6_600]
    expected = [2.0 * length * pace / 1.75 for length, pace in zip(lengths, [1.75, *CURVE, 1.75], strict=True)]
    for count, mean in zip(counts, expected, strict=True):
        assert count == pytest.approx(mean, abs=6 * math.sqrt(mean) + 0.05 * mean)


def test_an_instrument_without_sessions_has_one_pace():
    venues = venues_of(("A",), ("X",), calendar="24/7")
    model = FlowModel(curve=CURVE)
    opens, closes = zip(*SESSIONS, strict=True)
    paced = SyntheticMarket(venues, [1], start_ns=START, model=model, sessions={"XNYS": (opens, closes)})
    plain = SyntheticMarket(venues_of(("A",), ("X",)), [1], start_ns=START)
    until = START + 20 * SECOND
    np.testing.assert_array_equal(paced.record("X", until)["time_ns"], plain.record("X", until)["time_ns"])


def test_what_is_left_to_be_traded_back():
    """Exponentially, and as a power: eight exponentials are near (1 + t / 10)^-0.5 from the begin to a day."""
    model = FlowModel(reversion=1.0, reaction_seconds=60.0)
    assert [model.left_after(t) for t in (0.0, 60.0, 600.0)] == pytest.approx([1.0, math.exp(-1), math.exp(-10)])
    model = FlowModel(reversion=1.0, decay="power", reaction_seconds=10.0, exponent=0.5)
    for t in (0.0, 1.0, 10.0, 100.0, 1000.0, 5000.0):
        assert model.left_after(t) == pytest.approx((1 + t / 10.0) ** -0.5, abs=0.04)


def test_mean_sizes():
    assert FlowModel(order_size=7).mean_size == 7.0
    assert FlowModel(order_size="pareto", size_tail=1.5, size_lots_max=3).mean_size == pytest.approx(
        100 * (1 + 2**-1.5 + 3**-1.5)
    )
    assert FlowModel().mean_size == pytest.approx((6 * 160 + 50) / 7, rel=1e-4)
    for options in ({}, {"order_size": "pareto", "size_lots_max": 20}):
        rows = market_of(**options, warmup=60.0).record("X", START)
        sizes = rows["quantity"][rows["action"] == 1]
        assert sizes.mean() == pytest.approx(
            FlowModel(**options).mean_size, abs=5 * sizes.std() / math.sqrt(len(sizes))
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit_rates": []}, "limit_rates has 0 numbers, must have 1 to 1024"),
        ({"limit_rates": [1.0, math.nan]}, r"limit_rates\[1\] is nan"),
        ({"limit_rates": [1.0]}, "cancel_rates has 10 numbers, must have 1"),
        ({"limit_rates": "abc"}, "limit_rates is 'abc'"),
        ({"cancel_rates": [0.0] * 10}, r"cancel_rates\[0\] is 0.0, must be above 0"),
        ({"cancel_rates": [True] * 10}, r"cancel_rates\[0\] is True"),
        ({"market_rate": 0}, "market_rate is 0"),
        ({"market_rate": -1.0}, "market_rate is -1.0"),
        ({"market_rate": math.inf}, "market_rate is inf"),
        ({"order_size": 0}, "order_size is 0"),
        ({"order_size": True}, "order_size is True"),
        ({"order_size": 1.5}, "order_size is 1.5"),
        ({"order_size": 2**63}, "order_size is 9223372036854775808"),
        ({"order_size": "größe"}, "order_size is 'größe', must be 'lots', 'pareto' or"),
        ({"size_tail": 0.4}, "size_tail is 0.4, must be from 0.5"),
        ({"size_lots_max": 0}, "size_lots_max is 0"),
        ({"branching": 1.0}, "branching is 1.0"),
        ({"branching": math.nan}, "branching is nan"),
        ({"branching": [[0.2] * 6] * 6}, "branching has the spectral radius 1.2, must be below 1"),
        ({"branching": [[0.1] * 6] * 5}, r"branching has shape \(5, 6\)"),
        ({"branching": [[-0.1] * 6] * 6}, "must have numbers from 0 up"),
        (
            {"branching": [[0, 0, 0, 0, 0, 0]] * 2 + [[5, 0, 0, 0, 0, 0]] + [[0] * 6] * 3},
            "brings about more market_buy",
        ),
        ({"decay_seconds": 0}, "decay_seconds is 0"),
        ({"curve": [1.0] * 391}, "curve has 391 numbers"),
        ({"curve": [1.0, 0.0]}, r"curve\[1\] is 0.0"),
        ({"metaorders": 65}, "metaorders is 65, must be from 0 to 64"),
        ({"metaorders": -1}, "metaorders is -1"),
        ({"metaorders": 1.0}, "metaorders is 1.0, must be a whole number"),
        ({"metaorder_tail": math.inf}, "metaorder_tail is inf"),
        ({"common": 1.1}, "common is 1.1"),
        ({"common_seconds": 0}, "common_seconds is 0"),
        ({"venue_link": -0.1}, "venue_link is -0.1"),
        ({"reversion": 2}, "reversion is 2"),
        ({"decay": "linear"}, "decay is 'linear', must be 'exponential' or 'power'"),
        ({"reaction_seconds": math.nan}, "reaction_seconds is nan"),
        ({"exponent": 0}, "exponent is 0"),
        ({"displayed": "much"}, "displayed is 'much'"),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        FlowModel(**options)


@pytest.mark.parametrize("sessions", [([1], [1]), ([1, 2], [3, 4]), ([5], [6, 7]), ([[1]], [[2]])])
def test_sessions_that_are_none(sessions):
    with pytest.raises(ValueError, match="ascending and apart"):
        SyntheticMarket(venues_of(), [1, 1, 1], sessions={"XNYS": sessions})


def test_bad_requests_for_rows():
    market = market_of()
    with pytest.raises(ValueError, match="capacity is 999, must be from 1000"):
        market.record("X", START, capacity=999)
    with pytest.raises(KeyError, match="'Z' is not in the instrument table"):
        market.record("Z", START)
    assert market.until("X") is None
    with pytest.raises(OverflowError):
        market.record("X", 2**63)


def test_the_types_are_in_the_order_of_the_matrix():
    """Only one type is excited, by itself, nearly without end: it is what there is most of."""
    for kind, name in enumerate(FLOW_TYPES[:2]):
        matrix = np.zeros((6, 6))
        matrix[kind, kind] = 0.95
        rows = market_of((1.0,), depth=10.0, warmup=0.0, branching=matrix, decay_seconds=0.2).record(
            "X", START + 60 * SECOND
        )
        adds = rows[(rows["action"] == 1) & (rows["time_ns"] > START)]
        counts = [np.histogram(adds["time_ns"][adds["side"] == side], 300)[0] for side in (1, -1)]
        ratio = [np.var(c) / np.mean(c) for c in counts]
        assert ratio[kind] > 4 * ratio[1 - kind], name
    assert len(LIMIT_RATES) == 10
