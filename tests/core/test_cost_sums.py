"""Sums over columns of fills: the measures by their formulas, in any order and any pieces, at the ends of int64."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import costs as reference

from grandmodel.execution._core.costs import (
    PARTS,
    PRICE_UNKNOWN,
    FillSums,
    implementation_shortfall,
    markouts,
    spread_capture,
)

BIG = 2**63 - 1
sides = st.sampled_from([1, -1])
usual = st.integers(1, 10**13)
prices = st.one_of(usual, usual, st.integers(1, BIG))
quotes = st.one_of(prices, prices, st.sampled_from([0, -5, PRICE_UNKNOWN]))
quantities = st.one_of(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, BIG))


def fills_of(orders, quantities=quantities, prices=prices, quotes=quotes, horizons=4, **size):
    return st.lists(
        st.fixed_dictionaries(
            {
                "order": st.integers(0, orders - 1),
                "quantity": quantities,
                "price": prices,
                "bid": quotes,
                "ask": quotes,
                "mids": st.lists(quotes, min_size=horizons, max_size=horizons),
            }
        ),
        **size,
    )


def summed(orders, fills, horizons=4, pieces=1):
    sums = FillSums(orders, quotes=True, horizons=horizons)
    step = -(-len(fills) // pieces) or 1
    for begin in range(0, len(fills), step):
        part = fills[begin : begin + step]
        sums.add(
            [f["order"] for f in part],
            [f["quantity"] for f in part],
            [f["price"] for f in part],
            bid_e9=[f["bid"] for f in part],
            ask_e9=[f["ask"] for f in part],
            mid_e9=[[f["mids"][k] for f in part] for k in range(horizons)],
        )
    return sums


def measures(sums, side):
    """The columns by name."""
    money, columns = sums.measures(side)
    h = (len(columns) - 3) // 2
    names = {"spread_cost_bps": columns[0], "spread_capture": columns[1], "quoted_share": columns[2]}
    out = {"spread_cost_e9": money, **names} if money is not None else {}
    return {**out, "markout_bps": columns[3 : 3 + h].T, "marked_share": columns[3 + h :].T}


def same(a, b):
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize("horizons", [0, 1, 4])
@given(st.data())
def test_measures_by_their_formulas(horizons, data):
    """Any price and quantity that a column can hold: sums that leave 64 bits, too."""
    fills = data.draw(fills_of(3, horizons=horizons, max_size=10))
    side = data.draw(st.lists(sides, min_size=3, max_size=3))
    expected = [reference.fill_measures(side[k], [f for f in fills if f["order"] == k], horizons) for k in range(3)]
    sums = summed(3, fills, horizons)
    if any(not -BIG <= e["spread_cost_e9"] <= BIG and e["spread_cost_e9"] != PRICE_UNKNOWN for e in expected):
        with pytest.raises(ValueError, match=r"spread cost of order \d does not fit"):
            measures(sums, side)
        return
    got = measures(sums, side)
    assert got["spread_cost_e9"].tolist() == [e["spread_cost_e9"] for e in expected]
    for name in got:
        np.testing.assert_allclose(got[name], [e[name] for e in expected], rtol=1e-14, err_msg=name)


@given(fills_of(3, max_size=12), st.lists(sides, min_size=3, max_size=3), st.randoms(use_true_random=False))
def test_neither_order_nor_pieces_change_a_digit(fills, side, random):
    assume(all(f["quantity"] < 2**40 and f["price"] < 2**60 for f in fills))
    shuffled = list(fills)
    random.shuffle(shuffled)
    try:
        whole = measures(summed(3, fills), side)
    except ValueError:
        return
    same(whole, measures(summed(3, shuffled, pieces=3), side))
    same(whole, measures(summed(3, [f for k in range(3) for f in shuffled if f["order"] == k], pieces=5), side))


money = {"quantities": st.integers(1, 10**4), "prices": st.integers(1, 10**12), "quotes": st.integers(-3, 10**12)}


@given(fills_of(1, **money, min_size=1, max_size=8), st.integers(1, 10**4))
def test_a_fill_split_in_two_counts_as_one(fills, more):
    """Additivity: shares of a fill, at its price and its quotes, cost what it cost."""
    first = {**fills[0], "quantity": fills[0]["quantity"] + more}
    split = [fills[0], {**fills[0], "quantity": more}, *fills[1:]]
    same(measures(summed(1, [first, *fills[1:]]), 1), measures(summed(1, split), 1))


@given(fills_of(2, **money, max_size=8))
def test_a_seller_in_the_mirrored_market_earns_the_same(fills):
    """Every price p becomes level - p, and the bid the ask; money is the same, shares of money are not."""
    level = 2 * 10**12

    def mirror(price):
        return level - price if price > 0 else price

    def turned(f):
        one_sided = f["bid"] <= 0 or f["ask"] <= 0
        bid, ask = (f["bid"], f["ask"]) if one_sided else (mirror(f["ask"]), mirror(f["bid"]))
        return {**f, "price": mirror(f["price"]), "bid": bid, "ask": ask, "mids": [mirror(m) for m in f["mids"]]}

    a, b = measures(summed(2, fills), 1), measures(summed(2, [turned(f) for f in fills]), -1)
    np.testing.assert_array_equal(a["spread_cost_e9"], b["spread_cost_e9"])
    np.testing.assert_array_equal(a["spread_capture"], b["spread_capture"])
    same_side = measures(summed(2, fills), -1)
    np.testing.assert_array_equal(a["spread_capture"], -same_side["spread_capture"])
    np.testing.assert_array_equal(a["markout_bps"], -same_side["markout_bps"])


@given(fills_of(2, **money, max_size=8), st.integers(2, 50))
def test_scale_of_the_currency(fills, scale):
    def scaled(f):
        return {
            **f,
            **{name: scale * f[name] for name in ("price", "bid", "ask")},
            "mids": [scale * m for m in f["mids"]],
        }

    a, b = measures(summed(2, fills), 1), measures(summed(2, [scaled(f) for f in fills]), 1)
    for name in ("spread_capture", "spread_cost_bps", "markout_bps", "quoted_share", "marked_share"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-14, err_msg=name)


def test_one_fill_is_what_the_measures_of_fills_say():
    """Of an order of one fill: its markout and its capture, as `markouts` and `spread_capture` give them."""
    price, bid, ask, mids = [10**10], [9_990_000_000], [10_020_000_000], [[10_015_000_000], [PRICE_UNKNOWN]]
    sums = FillSums(1, quotes=True, horizons=2)
    sums.add([0], [300], price, bid_e9=bid, ask_e9=ask, mid_e9=mids)
    got = measures(sums, -1)
    assert got["spread_capture"].tolist() == spread_capture(-1, price, bid, ask).tolist()
    assert got["markout_bps"][0, 0] == markouts(-1, price, [10_015_000_000])[0]
    assert math.isnan(got["markout_bps"][0, 1])
    assert got["marked_share"].tolist() == [[1.0, 0.0]]
    assert got["spread_cost_e9"].tolist() == [300 * 5_000_000]
    assert got["spread_cost_bps"].tolist() == [5.0]


def test_partly_known():
    """Fills without a quote or a mid are left out of the measure; the share says how much was left."""
    sums = FillSums(3, quotes=True, horizons=1)
    sums.add(
        [0, 0, 1, 2], [100, 300, 5, 7], [10**10] * 4,
        bid_e9=[10**10 - 10**7, 10**10 + 1, 0, 10**10], ask_e9=[10**10 + 10**7, 10**10, 10**10, 10**10],
        mid_e9=[[10**10 + 10**7, 0, PRICE_UNKNOWN, 10**10]],
    )  # fmt: skip
    got = measures(sums, 1)
    np.testing.assert_array_equal(got["quoted_share"], [0.25, 0.0, 1.0])
    np.testing.assert_array_equal(got["marked_share"], [[0.25], [0.0], [1.0]])
    np.testing.assert_array_equal(got["spread_cost_e9"], [0, PRICE_UNKNOWN, 0])
    np.testing.assert_array_equal(got["spread_capture"], [0.0, math.nan, math.nan])  # the last: locked, no spread
    np.testing.assert_array_equal(got["markout_bps"], [[10.0], [math.nan], [0.0]])
    assert measures(FillSums(2, quotes=True, horizons=1), 1)["quoted_share"].tolist() == pytest.approx(
        [math.nan] * 2, nan_ok=True
    )


def test_mids_as_a_matrix_and_as_columns():
    rng = np.random.default_rng(3)
    order, quantity = rng.integers(0, 50, 1_000), rng.integers(1, 100, 1_000)
    price = rng.integers(10**10, 11 * 10**9, 1_000)
    mid = price[:, None] + rng.integers(-(10**7), 10**7, (1_000, 3))
    ways = [mid, np.asfortranarray(mid), list(mid.T), [column.tolist() for column in mid.T], mid.astype(">i8")]
    ways.append(np.repeat(mid, 2, axis=1)[:, ::2])
    packed = np.zeros(1_000, np.dtype([("mid", "<i8", 3), ("flag", "i1")]))
    packed["mid"] = mid
    ways += [packed["mid"], mid[::-1][::-1]]
    for way in ways:
        sums = FillSums(50, horizons=3)
        sums.add(order, quantity, price, mid_e9=way)
        expected = [
            1e4 * np.sum((quantity * (mid[:, k] - price))[order == 7]) / np.sum((quantity * price)[order == 7])
            for k in range(3)
        ]
        np.testing.assert_allclose(measures(sums, 1)["markout_bps"][7], expected, rtol=1e-13)
    assert sums.fills == 1_000
    assert len(sums) == 50


def test_sums_that_leave_64_bits():
    """The same fill thrice, each too large for a word: exactly thrice."""
    sums = FillSums(2, quotes=True, horizons=1)
    at = [10**9] * 3
    bid, ask, mid = ([price + k for price in at] for k in (-1, 3, 1))
    sums.add([1] * 3, [2**61] * 3, at, bid_e9=bid, ask_e9=ask, mid_e9=[mid])
    got = measures(sums, 1)
    assert got["spread_cost_e9"].tolist() == [PRICE_UNKNOWN, -3 * 2**61]
    assert got["markout_bps"][1, 0] == pytest.approx(1e-5, rel=1e-15)
    average, quantity = sums.averages()
    assert (average[1], quantity[1]) == (1.0, 3 * 2**61)
    sums.add([1], [2**62], [1], bid_e9=[0], ask_e9=[0], mid_e9=[[0]])
    with pytest.raises(ValueError, match=r"group 1 adds up to 2\*\*63"):
        sums.averages()
    with pytest.raises(ValueError, match=r"fills of order 1 add up to 2\*\*63 or more"):
        sums.shortfall(1, [1, BIG], [1, 1], [1, 1], [1, 1], [0, 0])


def test_shortfall_of_sums_is_implementation_shortfall():
    rng = np.random.default_rng(5)
    order, quantity, price = rng.integers(0, 20, 500), rng.integers(1, 100, 500), rng.integers(1, 10**10, 500)
    columns = [np.full(20, 10**6), *(rng.integers(1, 10**10, 20) for _ in range(3)), rng.integers(-5, 5, 20)]
    sums = FillSums(20)
    sums.add(order[:200], quantity[:200], price[:200])
    sums.add(order[200:], quantity[200:], price[200:])
    a, b = sums.shortfall(-1, *columns), implementation_shortfall(-1, *columns, order, quantity, price)
    same(a.columns(), b.columns())
    assert all((getattr(a, f"{part}_reason") == 0).all() for part in PARTS)


def good(**changed):
    return {
        "fill_order": [0, 1], "fill_quantity": [1, 2], "fill_price_e9": [3, 4], "bid_e9": [2, 2], "ask_e9": [4, 4],
        "mid_e9": [[3, 3], [3, 3]], **changed,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fill_order": [0, 2]}, r"fill_order\[1\] is 2, must be >= 0 and below 2"),
        ({"fill_order": [0, -1]}, r"fill_order\[1\] is -1"),
        ({"fill_order": [-(2**63), 0]}, r"fill_order\[0\]"),
        ({"fill_quantity": [0, 1]}, r"fill_quantity\[0\] is 0, must be >= 1"),
        ({"fill_price_e9": [1, 0]}, r"fill_price_e9\[1\] is 0, must be > 0"),
        ({"fill_price_e9": [1]}, "fill_price_e9 has length 1"),
        ({"bid_e9": None}, "bid_e9 and ask_e9 must be given with quotes"),
        ({"ask_e9": [1]}, "ask_e9 has length 1"),
        ({"mid_e9": [[3, 3]]}, "mid_e9 has 1 columns, must have one for each of 2"),
        ({"mid_e9": np.zeros((2, 3), np.int64)}, "mid_e9 has 3 columns"),
        ({"mid_e9": [[3, 3], [3]]}, r"mid_e9\[1\] has length 1"),
        ({"fill_quantity": [1.0, 2.0]}, "fill_quantity has dtype float64"),
        ({"bid_e9": [True, 2]}, "bid_e9 holds a bool"),
        ({"mid_e9": [[math.nan, 1.0], [3, 3]]}, r"mid_e9\[0\] has dtype float64"),
        ({"fill_price_e9": np.array([2**63, 1], np.uint64)}, "fill_price_e9 holds 9223372036854775808"),
    ],
)
def test_bad_fills(changed, message):
    sums = FillSums(2, quotes=True, horizons=2)
    with pytest.raises((ValueError, TypeError), match=message):
        sums.add(**good(**changed))


def test_a_refused_fill_ends_the_sums():
    sums = FillSums(2, quotes=True, horizons=2)
    with pytest.raises(ValueError, match="fill_quantity"):
        sums.add(**good(fill_quantity=[1, 0]))
    for call in (lambda: sums.add(**good()), lambda: measures(sums, 1), sums.averages):
        with pytest.raises(ValueError, match="a fill was refused"):
            call()
    with pytest.raises(ValueError, match="a fill was refused"):
        sums.shortfall(1, [1, 1], [1, 1], [1, 1], [1, 1], [0, 0])


def test_bad_sums():
    for arguments, options, message in [
        ((-1,), {}, "orders is -1"),
        ((2.5,), {}, "orders is 2.5"),
        ((True,), {}, "orders is True"),
        ((1,), {"horizons": 17}, "horizons is 17"),
        ((1,), {"horizons": -1}, "horizons is -1"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            FillSums(*arguments, **options)
    with pytest.raises(ValueError, match="only then: quotes is 0"):
        FillSums(1).add([0], [1], [1], bid_e9=[1], ask_e9=[1])
    with pytest.raises(ValueError, match="there are no orders"):
        FillSums(0).add([0], [1], [1])
    with pytest.raises(ValueError, match=r"side\[1\] is 2"):
        FillSums(2, quotes=True).measures([1, 2])
    empty = FillSums(0, quotes=True, horizons=2)
    assert measures(empty, 1)["markout_bps"].shape == (0, 2)
    assert [len(x) for x in empty.averages()] == [0, 0]
