"""The quote that stands at a time: against looking through all of them, whatever the order, the gaps and the faults."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import asof as reference

from grandmodel.execution._core.costs import (
    PRICE_UNKNOWN,
    QUOTE_AFTER_END,
    QUOTE_CROSSED,
    QUOTE_NO_ASK,
    QUOTE_NO_BID,
    QUOTE_NONE,
    QUOTE_OLD,
)
from grandmodel.execution.analytics.asof import as_of, quote_reason_text

FAR = 2**61
moments = st.one_of(st.integers(-50, 200), st.sampled_from([-FAR, FAR, 10**15]))
sides = st.one_of(st.integers(1, 200), st.integers(1, 200), st.sampled_from([0, -1, PRICE_UNKNOWN, 2**63 - 1]))
books = st.lists(st.lists(st.tuples(moments, sides, sides), max_size=30).map(sorted), min_size=1, max_size=4)


def flat(books):
    rows = [(s, *quote) for s, quotes in enumerate(books) for quote in quotes]
    return [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]


def expected(books, symbol, time, horizons, end, max_age):
    begins = np.cumsum([0, *map(len, books)])
    told = [
        [reference.standing(books[s] if s < len(books) else [], t + h, end, max_age) for h in horizons]
        for s, t in zip(symbol, time, strict=True)
    ]
    return [
        [(m, r, i + int(begins[s]) if i >= 0 else -1) for m, r, i in row] for s, row in zip(symbol, told, strict=True)
    ]


@given(
    books,
    st.lists(st.tuples(st.integers(0, 3), moments), max_size=40),
    st.lists(st.one_of(st.integers(-60, 60), st.sampled_from([FAR, -FAR])), min_size=1, max_size=5),
    st.one_of(st.none(), st.integers(-50, 250)),
    st.one_of(st.none(), st.integers(0, 60)),
    st.booleans(),
)
def test_against_looking_through_all(books, fills, horizons, end, max_age, ordered):
    symbols, times, bids, asks = flat(books)
    fills = sorted(fills) if ordered else fills
    symbol, time = [s for s, _ in fills], [t for _, t in fills]
    mid, reason, row = as_of(
        time, times, bids, asks, symbol=symbol, quote_symbol=symbols, horizons_ns=horizons, end_ns=end,
        max_age_ns=max_age, rows=True,
    )  # fmt: skip
    last = max(times, default=-(2**63)) if end is None else end
    told = expected(books, symbol, time, horizons, last, max_age)
    assert mid.tolist() == [[m for m, _, _ in line] for line in told]
    assert reason.tolist() == [[r for _, r, _ in line] for line in told]
    assert row.tolist() == [[i for _, _, i in line] for line in told]


def test_many_quotes_and_fills_in_any_order():
    """Bursts and gaps that a straight line through the times does not guess, against searchsorted."""
    rng = np.random.default_rng(8)
    gaps = rng.choice([0, 1, 1, 2, 1_000, 10**6], 60_000)
    symbol = np.repeat([0, 2, 3], [10_000, 40_000, 10_000])
    time = np.concatenate([np.cumsum(gaps[symbol == s]) for s in (0, 2, 3)])
    bid = rng.integers(10, 1_000, 60_000)
    ask = bid + rng.integers(-1, 5, 60_000)
    of = rng.integers(0, 5, 30_000)
    at = rng.integers(-(10**6), time.max() + 10**6, 30_000)
    horizons = [-1, 0, 10**6, 10**9]
    mid, reason, row = as_of(
        at, time, bid, ask, symbol=of, quote_symbol=symbol, horizons_ns=horizons, end_ns=2**62, rows=True
    )
    for s in range(5):
        lines = np.flatnonzero(symbol == s)
        for k, h in enumerate(horizons):
            mine = of == s
            found = np.searchsorted(time[lines], at[mine] + h, "right") - 1
            known = found >= 0
            where = lines[found[known]] if len(lines) else np.empty(0, np.int64)
            np.testing.assert_array_equal(row[mine, k][known], where)
            assert (row[mine, k][~known] == -1).all()
            assert (reason[mine, k][~known] == QUOTE_NONE).all()
            good = ask[where] >= bid[where]
            np.testing.assert_array_equal(
                mid[mine, k][known], np.where(good, (bid[where] + ask[where]) // 2, PRICE_UNKNOWN)
            )
            np.testing.assert_array_equal(reason[mine, k][known], np.where(good, 0, QUOTE_CROSSED))
    order = np.lexsort((at, of))
    in_order = as_of(
        at[order], time, bid, ask, symbol=of[order], quote_symbol=symbol, horizons_ns=horizons, end_ns=2**62
    )
    np.testing.assert_array_equal(in_order[0], mid[order])


def test_what_stands_is_what_was_quoted_last():
    """A quote that is no market is not stepped over; a locked one has a mid; at the quote's own instant it stands."""
    time, bid, ask = [10, 20, 30, 40, 50, 60], [100, 0, 110, 120, 130, 130], [102, 110, 0, 119, 130, 133]
    mid, reason, row = as_of([9, 10, 19, 20, 30, 40, 50, 60, 61], time, bid, ask, max_age_ns=8)
    assert mid[:, 0].tolist() == [PRICE_UNKNOWN, 101] + [PRICE_UNKNOWN] * 4 + [130, 131, PRICE_UNKNOWN]
    assert reason[:, 0].tolist() == [
        QUOTE_NONE, 0, QUOTE_OLD, QUOTE_NO_BID, QUOTE_NO_ASK, QUOTE_CROSSED, 0, 0, QUOTE_AFTER_END,
    ]  # fmt: skip
    assert row is None
    assert as_of([10], time, bid, ask, horizons_ns=[-1, 0])[1].tolist() == [[QUOTE_NONE, 0]]
    assert as_of([61, 100], time, bid, ask, end_ns=100)[0][:, 0].tolist() == [131, 131]
    assert quote_reason_text(QUOTE_NO_BID | QUOTE_OLD) == "no bid, too old"
    assert quote_reason_text(0) == ""
    with pytest.raises(ValueError, match="reason is 64"):
        quote_reason_text(64)


def test_the_largest_prices():
    assert as_of([1], [1], [2**63 - 2], [2**63 - 1])[0][0, 0] == 2**63 - 2


def test_nothing():
    for arrays in (as_of([], [], [], [], rows=True), as_of([], [1], [1], [2], horizons_ns=[0, 1])):
        assert arrays[0].shape[0] == arrays[1].shape[0] == 0
    mid, reason, _ = as_of([5], [], [], [])
    assert (mid[0, 0], reason[0, 0]) == (PRICE_UNKNOWN, QUOTE_NONE | QUOTE_AFTER_END)


def good(**changed):
    return {"time_ns": [1, 2], "quote_time_ns": [1, 2, 3], "bid_e9": [1, 1, 1], "ask_e9": [2, 2, 2], **changed}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"quote_time_ns": [1, 3, 2]}, r"quote_time_ns\[2\] is 2, before its predecessor, 3"),
        ({"quote_time_ns": [1, 2, 2**61 + 1]}, r"quote_time_ns\[2\] is \d+, must be within"),
        ({"quote_time_ns": [-(2**63), 2, 3]}, r"quote_time_ns\[0\] is -\d+, must be within"),
        ({"time_ns": [1, 2**62]}, r"time_ns\[1\] is \d+, must be within"),
        ({"bid_e9": [1, 1]}, "bid_e9 has length 2"),
        ({"ask_e9": [1.0, 1.0, math.nan]}, "ask_e9 has dtype float64"),
        ({"time_ns": [True, 2]}, "time_ns has dtype bool"),
        ({"horizons_ns": []}, "horizons_ns has 0 horizons"),
        ({"horizons_ns": range(17)}, "horizons_ns has 17 horizons"),
        ({"horizons_ns": [2**62]}, "within"),
        ({"symbol": [0, 0]}, "both or neither"),
        ({"symbol": [0, -1], "quote_symbol": [0, 0, 0]}, r"symbol\[1\] is -1"),
        ({"symbol": [0, 0], "quote_symbol": [0, 0, 2**24]}, r"quote_symbol\[2\] is 16777216"),
        ({"symbol": [0, 0], "quote_symbol": [0, 1, 0]}, r"quote_symbol\[2\] is 0, after 1"),
        ({"symbol": [0], "quote_symbol": [0, 1, 1]}, "symbol has length 1"),
        ({"max_age_ns": -1}, "max_age_ns is -1"),
        ({"end_ns": 2**63}, "end_ns is"),
        ({"end_ns": 1.5}, "end_ns is 1.5"),
    ],
)
def test_bad_input(changed, message):
    with pytest.raises((ValueError, TypeError), match=message):
        as_of(**good(**changed))


def test_order_is_asked_within_a_symbol_only():
    mid, _, _ = as_of([9, 9], [5, 1], [10, 20], [10, 20], symbol=[0, 1], quote_symbol=[0, 1], end_ns=9)
    assert mid[:, 0].tolist() == [10, 20]
