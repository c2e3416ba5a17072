"""Cost measures: the worked examples to the digit, Perold's identity in integers, and every bad row named."""

import math
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import costs as reference

from grandmodel.execution._core import costs
from grandmodel.execution._core.costs import (
    PARTS,
    PRICE_UNKNOWN,
    group_vwap,
    group_weighted_mean,
    implementation_shortfall,
    markouts,
    reason_text,
    shortfall_of_sums,
    shortfall_one,
    spread_capture,
    vwap,
    vwap_slippage,
)


def e9(price):
    return round(price * 10**9)


def one(
    side=1,
    ordered=1_000,
    decision=40.0,
    arrival=40.04,
    end=40.08,
    fees=17.0,
    fills=((700, 40.05),),
    basis="fill",
):
    return shortfall_one(
        side,
        ordered,
        e9(decision) if decision is not None else None,
        e9(arrival) if arrival is not None else None,
        e9(end) if end is not None else None,
        e9(fees) if fees is not None else None,
        [q for q, _ in fills],
        [e9(p) for _, p in fills],
        basis,
    )


# ---- worked examples


def test_example_a():
    cost = one()
    assert [cost.delay_e9, cost.trading_e9, cost.opportunity_e9, cost.fees_e9, cost.total_e9] == [
        28_000_000_000, 7_000_000_000, 24_000_000_000, 17_000_000_000, 76_000_000_000,
    ]  # fmt: skip
    assert cost.delay == pytest.approx(0.0007, rel=1e-15)
    assert cost.trading == pytest.approx(0.000175, rel=1e-15)
    assert cost.opportunity == pytest.approx(0.0006, rel=1e-15)
    assert cost.fees == pytest.approx(0.000425, rel=1e-15)
    assert cost.total == pytest.approx(0.0019, rel=1e-15)
    assert cost.total_bps == 19.0
    assert (cost.filled_quantity, cost.fill_rate, cost.average_price, cost.fills_count) == (
        700,
        0.7,
        40.05,
        1,
    )


def test_example_700_of_1000():
    cost = one(decision=10.0, arrival=10.05, end=10.08, fees=14.0, fills=((700, 10.07),))
    got = [cost.delay, cost.trading, cost.opportunity, cost.fees, cost.total]
    assert got == pytest.approx([0.0035, 0.0014, 0.0024, 0.0014, 0.0087], rel=1e-14)


def test_example_constructed():
    cost = one(ordered=100_000, decision=30.0, arrival=30.10, end=30.65, fees=1_600.0, fills=((80_000, 30.26),))
    money = [cost.delay_e9, cost.trading_e9, cost.opportunity_e9, cost.fees_e9, cost.total_e9]
    assert money == [e9(x) for x in (8_000, 12_800, 13_000, 1_600, 35_400)]
    assert cost.total_bps == 118.0


def test_example_delay():
    cost = one(decision=50.0, arrival=51.0, end=51.0, fees=0.0, fills=((800, 51.0),))
    assert cost.delay == pytest.approx(0.016, rel=1e-15)
    assert cost.trading_e9 == 0


def test_example_arrival():
    assert vwap_slippage(1, 75.03, 74.99) == pytest.approx(5.334, abs=5e-4)


def test_example_of_a_trade_with_one_benchmark():
    cost = one(ordered=1_000, decision=150.0, arrival=None, end=None, fees=0.0, fills=((1_000, 150.25),))
    assert cost.total == pytest.approx(0.0016667, abs=5e-8)
    assert cost.total_e9 == e9(250)
    assert cost.delay_e9 is None
    assert math.isnan(cost.trading)
    assert cost.reason("trading") == cost.reason("delay") == "no arrival price"
    assert cost.reason("total") == cost.reason("opportunity") == ""
    assert cost.opportunity_e9 == 0


# ---- what is not known


def test_unknown_prices():
    no_end = one(end=None)
    assert no_end.total_e9 is None
    assert no_end.reason("opportunity") == no_end.reason("total") == "no end price"
    assert no_end.delay_e9 == 28_000_000_000
    no_decision = one(decision=None)
    assert no_decision.trading_e9 == 7_000_000_000
    assert math.isnan(no_decision.trading_bps)
    assert no_decision.reason("trading") == "no decision price"
    assert no_decision.reason("delay") == "no decision price"
    no_fees = one(fees=None)
    assert no_fees.fees_e9 is None
    assert no_fees.reason("total") == "no fees"
    nothing = one(decision=None, arrival=None, end=None, fees=None)
    assert nothing.reason("total") == "no decision price, no end price, no fees"
    unfilled = one(arrival=None, fills=())
    assert (unfilled.delay_e9, unfilled.trading_e9) == (0, 0)
    assert math.isnan(unfilled.average_price)
    assert unfilled.opportunity_e9 == unfilled.total_e9 - unfilled.fees_e9 == e9(80)


def test_reason_codes():
    assert reason_text(0) == ""
    assert reason_text(costs.REASON_NO_ARRIVAL_PRICE | costs.REASON_NO_FEES) == "no arrival price, no fees"
    assert reason_text(costs.REASON_NO_QUOTE | costs.REASON_NO_SPREAD) == "no quote, no spread"
    for bad in (256, -1):
        with pytest.raises(ValueError, match="reason"):
            reason_text(bad)
    with pytest.raises(ValueError, match="part is 'impact'"):
        one().reason("impact")


# ---- properties

prices = st.integers(1, 10**15)
maybe_prices = st.one_of(prices, prices, prices, st.just(PRICE_UNKNOWN))
fill_lists = st.lists(st.tuples(st.integers(1, 10**5), prices), max_size=6)
orders = st.fixed_dictionaries(
    {
        "side": st.sampled_from([1, -1]),
        "extra": st.integers(0, 10**5),
        "decision": maybe_prices,
        "arrival": maybe_prices,
        "end": maybe_prices,
        "fees": st.one_of(st.integers(-(10**12), 10**12), st.just(PRICE_UNKNOWN)),
        "fills": fill_lists,
    }
)
# Everything known, up to $1,000 a share: the money of 600,000 shares fits.
usual_prices = st.integers(1, 10**12)
known_orders = st.fixed_dictionaries(
    {
        "side": st.sampled_from([1, -1]),
        "extra": st.integers(1, 10**5),
        "decision": usual_prices,
        "arrival": usual_prices,
        "end": usual_prices,
        "fees": st.integers(-(10**12), 10**12),
        "fills": st.lists(st.tuples(st.integers(1, 10**5), usual_prices), max_size=6),
    }
)


def ordered_of(order):
    return sum(q for q, _ in order["fills"]) + order["extra"]


def run_one(order, basis="fill", **changed):
    o = {**order, **changed}
    return shortfall_one(
        o["side"], ordered_of(order), o["decision"], o["arrival"], o["end"], o["fees"],
        [q for q, _ in o["fills"]], [p for _, p in o["fills"]], basis,
    )  # fmt: skip


def fits(parts):
    return all(money is None or abs(money) < 2**63 for money in parts.values())


def reference_parts(order, basis="fill"):
    return reference.shortfall(
        order["side"], ordered_of(order), order["decision"], order["arrival"], order["end"], order["fees"],
        order["fills"], basis,
    )  # fmt: skip


@given(orders, st.sampled_from(["fill", "order"]))
def test_one_order_against_the_definition(order, basis):
    assume(ordered_of(order) > 0)
    expected = reference_parts(order, basis)
    if not fits(expected):
        with pytest.raises(ValueError, match="does not fit"):
            run_one(order, basis)
        return
    got = run_one(order, basis)
    for part in PARTS:
        assert getattr(got, f"{part}_e9") == expected[part]
        bps = reference.bps(expected[part], ordered_of(order), order["decision"])
        np.testing.assert_allclose(getattr(got, f"{part}_bps"), bps, rtol=1e-14)
        assert (got.reason(part) == "") == (not math.isnan(bps))


@given(known_orders, st.sampled_from(["fill", "order"]))
def test_identity_in_integers(order, basis):
    got = run_one(order, basis)
    ordered = ordered_of(order)
    paper = order["side"] * ordered * (order["end"] - order["decision"])
    actual = order["side"] * sum(q * (order["end"] - p) for q, p in order["fills"]) - order["fees"]
    assert got.delay_e9 + got.trading_e9 + got.opportunity_e9 + got.fees_e9 == got.total_e9 == paper - actual


@given(known_orders)
def test_a_seller_in_the_mirrored_market_pays_the_same(order):
    level = 2 * 10**15  # every price p becomes level - p

    mirrored = {
        **order,
        "side": -order["side"],
        **{name: level - order[name] for name in ("decision", "arrival", "end")},
        "fills": [(q, level - p) for q, p in order["fills"]],
    }
    a, b = run_one(order), run_one(mirrored)
    for part in PARTS:
        assert getattr(a, f"{part}_e9") == getattr(b, f"{part}_e9")


@given(known_orders, st.integers(2, 10))
def test_scale_of_the_currency(order, scale):
    scaled = {
        **order,
        **{name: scale * order[name] for name in ("decision", "arrival", "end", "fees")},
        "fills": [(q, scale * p) for q, p in order["fills"]],
    }
    a, b = run_one(order), run_one(scaled)
    for part in PARTS:
        assert getattr(b, f"{part}_e9") == scale * getattr(a, f"{part}_e9")
        assert getattr(b, f"{part}_bps") == pytest.approx(getattr(a, f"{part}_bps"), rel=1e-14)


@given(known_orders, known_orders)
def test_fully_filled_children_add_up_to_their_parent(a, b):
    assume(a["fills"] and b["fills"])
    shared = {name: a[name] for name in ("side", "decision", "arrival", "end")}
    a, b = {**a, "extra": 0}, {**b, **shared, "extra": 0}
    parent = {**a, "fees": a["fees"] + b["fees"], "fills": a["fills"] + b["fills"]}
    for part in PARTS:
        total = getattr(run_one(a), f"{part}_e9") + getattr(run_one(b), f"{part}_e9")
        assert getattr(run_one(parent), f"{part}_e9") == total


@given(st.lists(orders.filter(lambda o: ordered_of(o) > 0), max_size=8), st.randoms(use_true_random=False))
def test_columns_are_the_single_orders(batch, random):
    batch = [order for order in batch if fits(reference_parts(order))]
    fills = [(k, q, p) for k, order in enumerate(batch) for q, p in order["fills"]]
    random.shuffle(fills)
    columns = implementation_shortfall(
        [o["side"] for o in batch],
        [ordered_of(o) for o in batch],
        [o["decision"] for o in batch],
        [o["arrival"] for o in batch],
        [o["end"] for o in batch],
        [o["fees"] for o in batch],
        [k for k, _, _ in fills],
        [q for _, q, _ in fills],
        [p for _, _, p in fills],
    )
    assert len(columns) == len(batch)
    for k, order in enumerate(batch):
        single = run_one(order)
        assert columns.filled_quantity[k] == single.filled_quantity
        np.testing.assert_array_equal(columns.average_price[k], single.average_price)
        for part in PARTS:
            money = getattr(single, f"{part}_e9")
            assert getattr(columns, f"{part}_e9")[k] == (PRICE_UNKNOWN if money is None else money)
            np.testing.assert_array_equal(getattr(columns, f"{part}_bps")[k], getattr(single, f"{part}_bps"))
            assert (getattr(columns, f"{part}_reason")[k] == 0) == (money is not None)


def test_columns_at_the_edges_of_int64():
    big = 2**63 - 1
    cost = shortfall_one(1, big, 1, 1, 1, 0, [big], [1])
    assert cost.total_e9 == 0
    assert cost.average_price == 1e-9
    cost = shortfall_one(-1, 1, big, 1, 1, 0, [1], [1])
    assert cost.total_e9 == big - 1
    with pytest.raises(ValueError, match="does not fit"):
        shortfall_one(1, 3, 1, big, big, 0, [3], [big])
    assert shortfall_one(1, big, big, big, big, 0, [big], [big]).total_e9 == 0
    with pytest.raises(ValueError, match=r"2\*\*63 or more"):
        shortfall_one(1, big, 1, 1, 1, 0, [big, 1], [1, 1])


def test_columns_object():
    columns = implementation_shortfall(
        1, [100], [e9(10)], [PRICE_UNKNOWN], [e9(10)], [0], [0, 0], [60, 40], [e9(10), e9(11)]
    )
    table = columns.columns()
    assert list(table)[:3] == ["filled_quantity", "average_price", "delay_e9"]
    assert len(table) == 17
    assert columns.total_e9.tolist() == [e9(40)]
    assert columns.average_price.tolist() == [10.4]
    assert columns.delay_e9.tolist() == [PRICE_UNKNOWN]
    assert columns.delay_reason.tolist() == [costs.REASON_NO_ARRIVAL_PRICE]
    assert repr(columns) == "ShortfallColumns(1 orders)"
    for made, by in (
        (costs.ShortfallColumns, "implementation_shortfall"),
        (costs.Shortfall, "shortfall_one"),
    ):
        with pytest.raises(TypeError, match=by):
            made()
    assert "filled 700 of 1000" in repr(one())


# ---- averages


@given(st.lists(st.tuples(st.integers(1, 10**15), st.integers(1, 10**12)), max_size=20))
def test_vwap_against_fractions(trades):
    got = vwap([p for p, _ in trades], [q for _, q in trades])
    np.testing.assert_allclose(got, reference.vwap(*zip(*trades, strict=True)) if trades else math.nan, rtol=1e-15)


def test_vwap_of_one_price_is_that_price():
    assert vwap([e9(150.25)] * 3, [3_000, 7, 10**9]) == 150.25
    assert vwap([10, 20], [1, 3]) == 17.5e-9
    assert math.isnan(vwap([], []))
    assert vwap([2**63 - 1] * 2, [2**62, 2**62 - 1]) == pytest.approx((2**63 - 1) / 1e9, rel=1e-15)


def test_group_vwap():
    average, quantity = group_vwap([2, 0, 2], [e9(10), e9(5), e9(20)], [1, 7, 3], 4)
    np.testing.assert_array_equal(average, [5.0, math.nan, 17.5, math.nan])
    assert quantity.tolist() == [7, 0, 4, 0]
    with pytest.raises(ValueError, match="quantity of group 0"):
        vwap([1, 1], [2**62, 2**62])
    assert [len(column) for column in group_vwap([], [], [], 0)] == [0, 0]


def test_group_weighted_mean():
    mean, weight = group_weighted_mean([0, 0, 1, 0], [1, 3, 5, 9], [2.0, 4.0, 8.0, math.nan], 3)
    np.testing.assert_array_equal(mean, [3.5, 8.0, math.nan])
    assert weight.tolist() == [4, 5, 0]
    mean, weight = group_weighted_mean([0, 0], [1, 1], [[1.0, math.nan], [3.0, 5.0]], 1)
    assert mean.tolist() == [[2.0, 5.0]]
    assert weight.tolist() == [[2.0, 1.0]]
    assert group_weighted_mean([], [], [], 2)[1].tolist() == [0, 0]
    for call, name in [
        (lambda: group_weighted_mean([3], [1], [1.0], 3), r"group\[0\]"),
        (lambda: group_weighted_mean([-1], [1], [1.0], 3), r"group\[0\]"),
        (lambda: group_weighted_mean([0], [-1], [1.0], 3), r"weight\[0\]"),
        (lambda: group_weighted_mean([0], [1], [1.0], 0), "groups is 0"),
        (lambda: group_weighted_mean([0], [1, 2], [1.0], 1), "weight has length 2"),
    ]:
        with pytest.raises(ValueError, match=name):
            call()


# ---- fills against the market


def test_slippage_columns():
    got = vwap_slippage([1, -1, 1, 1], [10.1, 10.1, math.nan, 10.0], [10.0, 10.0, 10.0, 0.0])
    np.testing.assert_allclose(got, [100.0, -100.0, math.nan, math.nan], rtol=1e-12)
    assert vwap_slippage(-1, [10.0, 9.9], [10.0, 10.0]).tolist() == pytest.approx([0.0, 100.0])
    assert math.isnan(vwap_slippage(1, math.nan, 10.0))
    for call, error, name in [
        (lambda: vwap_slippage([1, 0], [1.0, 1.0], [1.0, 1.0]), ValueError, r"side\[1\] is 0"),
        (lambda: vwap_slippage(0, 1.0, 1.0), ValueError, "side is 0"),
        (lambda: vwap_slippage(1, [1.0], [1.0, 2.0]), ValueError, "benchmark has length 2"),
        (lambda: vwap_slippage(1, "1", 1.0), TypeError, "average_price"),
    ]:
        with pytest.raises(error, match=name):
            call()


def test_markouts():
    price = [e9(10), e9(10)]
    got = markouts([1, -1], price, [[e9(10.01), PRICE_UNKNOWN], [e9(10.01), e9(9.99)]])
    np.testing.assert_allclose(got, [[10.0, math.nan], [-10.0, 10.0]], rtol=1e-12)
    np.testing.assert_allclose(markouts(1, price, [e9(9.9), e9(10)]), [-100.0, 0.0])
    assert markouts([], [], []).shape == (0,)


@given(st.lists(st.tuples(st.sampled_from([1, -1]), prices, prices), min_size=1, max_size=20))
def test_markouts_against_the_formula(rows):
    side, price, mid = (list(column) for column in zip(*rows, strict=True))
    expected = [s * (m - p) / p * 1e4 for s, p, m in rows]
    np.testing.assert_allclose(markouts(side, price, mid), expected, rtol=1e-14)
    np.testing.assert_array_equal(markouts([-s for s in side], price, mid), -markouts(side, price, mid))


def test_spread_capture():
    bid, ask = e9(10.00), e9(10.02)
    fills = [bid, ask, e9(10.01), e9(10.015)]
    got = spread_capture([1, 1, -1, 1], fills, [bid] * 4, [ask] * 4)
    np.testing.assert_allclose(got, [1.0, -1.0, 0.0, -0.5])
    unknown = spread_capture(1, [bid] * 4, [PRICE_UNKNOWN, ask, ask, bid], [ask, PRICE_UNKNOWN, ask, bid - 1])
    assert np.isnan(unknown).all()


# ---- bad input: the row is named


def good():
    return {
        "side": [1, -1],
        "order_quantity": [100, 100],
        "decision_price_e9": [e9(10)] * 2,
        "arrival_price_e9": [e9(10)] * 2,
        "end_price_e9": [e9(10)] * 2,
        "fees_e9": [0, 0],
        "fill_order": [0, 1, 1],
        "fill_quantity": [50, 50, 50],
        "fill_price_e9": [e9(10)] * 3,
    }


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("side", [1, 0], r"side\[1\] is 0"),
        ("side", 2, "side is 2"),
        ("side", [1], "side has length 1"),
        ("order_quantity", [100, 0], r"order_quantity\[1\] is 0"),
        ("order_quantity", [100, 99], r"fills of order 1 add up to 100, above its order_quantity\[1\], 99"),
        ("order_quantity", [100, -5], r"order_quantity\[1\] is -5"),
        ("decision_price_e9", [1, 0], r"decision_price_e9\[1\] is 0"),
        ("arrival_price_e9", [-3, 1], r"arrival_price_e9\[0\] is -3"),
        ("end_price_e9", [1, -1], r"end_price_e9\[1\] is -1"),
        ("end_price_e9", [1], "end_price_e9 has length 1"),
        ("fees_e9", [[0, 0]], "fees_e9 has 2 dimensions"),
        ("fill_order", [0, 1, 2], r"fill_order\[2\] is 2"),
        ("fill_order", [0, -1, 1], r"fill_order\[1\] is -1"),
        ("fill_order", [0, 1], "fill_quantity has length 3"),
        ("fill_quantity", [50, 0, 50], r"fill_quantity\[1\] is 0"),
        ("fill_quantity", [50, -1, 50], r"fill_quantity\[1\] is -1"),
        ("fill_price_e9", [1, 1, 0], r"fill_price_e9\[2\] is 0"),
        ("fill_price_e9", [1, 1, PRICE_UNKNOWN], r"fill_price_e9\[2\]"),
        ("fill_price_e9", np.array([1, 1, 2**63], np.uint64), "fill_price_e9 holds 9223372036854775808"),
        ("end_price_e9", [1, 2**63 - 1], None),
        ("delay_basis", "parent", "delay_basis is 'parent'"),
    ],
)
def test_bad_rows(name, bad, message):
    arguments = {**good(), name: bad}
    if message is None:
        implementation_shortfall(**arguments)
        return
    with pytest.raises(ValueError, match=message):
        implementation_shortfall(**arguments)


@pytest.mark.parametrize("name", list(good()))
@pytest.mark.parametrize("bad", [[1.0, 2.0, 3.0], [True, False, True], ["1", "2", "3"], None, "abc", [1, None, 2]])
def test_bad_types(name, bad):
    with pytest.raises(TypeError, match=name):
        implementation_shortfall(**{**good(), name: bad})


def test_a_cost_too_large_names_the_order():
    arguments = good()
    arguments["order_quantity"] = [100, 2**40]
    arguments["end_price_e9"] = [e9(10), 2**60]
    with pytest.raises(ValueError, match="order 1 does not fit"):
        implementation_shortfall(**arguments)
    arguments = good()
    arguments["fill_quantity"] = [50, 2**63 - 1, 2**63 - 1]
    with pytest.raises(ValueError, match=r"order 1 add up to 2\*\*63 or more"):
        implementation_shortfall(**arguments)


def test_empty_columns():
    empty = {name: [] for name in good()}
    assert len(implementation_shortfall(**empty)) == 0
    no_fills = {**good(), "fill_order": [], "fill_quantity": [], "fill_price_e9": []}
    columns = implementation_shortfall(**no_fills)
    assert columns.filled_quantity.tolist() == [0, 0]
    assert columns.total_bps.tolist() == [0, 0]
    with pytest.raises(ValueError, match="there are no orders"):
        implementation_shortfall(**{**empty, "fill_order": [0], "fill_quantity": [1], "fill_price_e9": [1]})


def test_columns_of_any_layout_are_accepted():
    arguments = {name: np.array(values) for name, values in good().items()}
    expected = implementation_shortfall(**arguments).total_bps.tolist()
    for change in (
        lambda a: np.repeat(a, 2)[::2],
        lambda a: a.astype(">i8"),
        lambda a: a.astype(np.uint64) if a.min() >= 0 else a,
    ):
        assert implementation_shortfall(**{k: change(a) for k, a in arguments.items()}).total_bps.tolist() == expected
    for array in arguments.values():
        array.flags.writeable = False
    assert implementation_shortfall(**arguments).total_bps.tolist() == expected
    small = {**arguments, "side": np.array([1, -1], np.int8)}
    assert implementation_shortfall(**small).total_bps.tolist() == expected


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"side": 0}, ValueError, "side is 0"),
        ({"side": True}, TypeError, "side is True"),
        ({"side": "buy"}, TypeError, "side is 'buy'"),
        ({"ordered": 0}, ValueError, "order_quantity is 0"),
        ({"ordered": 699}, ValueError, "fills add up to 700, above order_quantity, 699"),
        ({"ordered": 700.0}, TypeError, "order_quantity is 700.0"),
        ({"decision": 0.0}, ValueError, "decision_price_e9 is 0"),
        ({"arrival": -1.0}, ValueError, "arrival_price_e9 is -1000000000"),
        ({"end": 1e10}, ValueError, "end_price_e9 is"),
        ({"fills": ((0, 40.0),)}, ValueError, r"fill_quantity\[0\] is 0"),
        ({"fills": ((1, 0.0),)}, ValueError, r"fill_price_e9\[0\] is 0"),
        ({"basis": None}, ValueError, "delay_basis is None"),
    ],
)
def test_one_order_refusals(changed, error, message):
    with pytest.raises(error, match=message):
        one(**changed)


def test_market_columns_refusals():
    for call, error, message in [
        (lambda: markouts([2], [1], [1]), ValueError, r"side\[0\] is 2"),
        (lambda: markouts([1], [0], [1]), ValueError, r"price_e9\[0\] is 0"),
        (lambda: markouts([1], [1], [1, 2]), ValueError, "mid_e9 has length 2"),
        (lambda: markouts([1], [1.5], [1]), TypeError, "price_e9"),
        (lambda: spread_capture([1], [-1], [1], [2]), ValueError, r"price_e9\[0\] is -1"),
        (lambda: spread_capture([3], [1], [1], [2]), ValueError, r"side\[0\] is 3"),
        (lambda: spread_capture([1], [1], [1, 1], [2]), ValueError, "bid_e9 has length 2"),
        (lambda: spread_capture([1], [1], [1], "x"), TypeError, "ask_e9"),
        (lambda: vwap([1], [0]), ValueError, r"quantity\[0\] is 0"),
        (lambda: vwap([0], [1]), ValueError, r"price_e9\[0\] is 0"),
        (lambda: vwap([1, 2], [1]), ValueError, "price_e9 has length 2"),
        (lambda: group_vwap([1], [1], [1], 1), ValueError, r"group\[0\] is 1"),
        (lambda: group_vwap([0], [1], [1], True), TypeError, "groups is True"),
    ]:
        with pytest.raises(error, match=message):
            call()


# ---- by sums


prices = st.one_of(st.none(), st.integers(1, 10**15))


@given(
    st.sampled_from([1, -1]),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**13)), max_size=6),
    st.integers(0, 10**6),
    prices,
    prices,
    prices,
    st.integers(-(10**12), 10**12),
)
def test_an_orders_sums_say_as_much_as_its_fills(side, fills, rest, decision, arrival, end, fees):
    quantity = sum(q for q, _ in fills)
    ordered = max(1, quantity + rest)
    known = (side, ordered, decision, arrival, end, fees)
    sold = quantity, sum(q * p for q, p in fills)
    try:
        whole = shortfall_one(*known, [q for q, _ in fills], [p for _, p in fills])
    except ValueError as error:  # beyond 64 bits
        with pytest.raises(ValueError, match=re.escape(str(error))):
            shortfall_of_sums(*known, *sold)
        return
    sums = shortfall_of_sums(*known, *sold)
    for part in PARTS:
        assert getattr(sums, f"{part}_e9") == getattr(whole, f"{part}_e9")
        assert str(getattr(sums, f"{part}_bps")) == str(getattr(whole, f"{part}_bps"))
        assert sums.reason(part) == whole.reason(part)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filled_quantity": 101}, "fills add up to 101, above order_quantity, 100"),
        ({"filled_quantity": -1}, "filled_quantity"), ({"filled_quantity": True}, "filled_quantity"),
        ({"notional_e9": -1}, "notional_e9 is -1"), ({"notional_e9": 1 << 127}, "notional_e9"),
        ({"notional_e9": 1.0}, "notional_e9 is 1.0"), ({"notional_e9": True}, "notional_e9 is True"),
        ({"notional_e9": 0}, "one of them cannot be"), ({"side": 0}, "side"),
        ({"order_quantity": 2**63}, "order_quantity"),
    ],
)  # fmt: skip
def test_sums_that_cannot_be(change, message):
    given_ = {
        "side": 1, "order_quantity": 100, "decision_price_e9": 10**9, "arrival_price_e9": 10**9, "end_price_e9": 10**9,
        "fees_e9": 0, "filled_quantity": 10, "notional_e9": 10**10,
    }  # fmt: skip
    with pytest.raises((TypeError, ValueError), match=message):
        shortfall_of_sums(**{**given_, **change})
