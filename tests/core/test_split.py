"""The split of a marketable quantity over venues, and the sweep that sends it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.split import split
from support import E9, LIMITS, make_core, order

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.values import OrderRejected, OrderStateError, Reason, UnknownOrder

CENT = 10_000_000


def table_of(rows):
    instruments = Instruments()
    instruments.add("X", tick_e9=CENT)
    table = Venues(instruments)
    for row in rows:
        table.add(
            row["name"], kind=row["kind"], priority=row["priority"], take_fee_e9=row["take"], enabled=row["enabled"],
            max_order_size=row["largest"], min_size=row["smallest"],
        )  # fmt: skip
        table.set_quote("X", row["name"], row["bid"], row["ask"], row["bid_size"], row["ask_size"])
    return table


PRICE = st.none() | st.integers(9_997, 10_003).map(lambda cents: cents * CENT)
ROW = st.fixed_dictionaries({
    "kind": st.sampled_from(["exchange", "exchange", "ecn", "dark_pool", "wholesaler"]),
    "priority": st.integers(0, 2), "take": st.integers(-3, 3).map(lambda x: x * 1_000_000),
    "enabled": st.sampled_from([True, True, True, False]), "largest": st.sampled_from([0, 0, 7, 60, 200]),
    "smallest": st.sampled_from([0, 0, 5, 100]), "bid": PRICE, "ask": PRICE, "bid_size": st.integers(0, 500),
    "ask_size": st.integers(0, 500),
})  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=10),
    side=st.sampled_from([1, -1]),
    quantity=st.integers(1, 3000),
    limit=PRICE,
    rest=st.booleans(),
)
def test_the_split_agrees_with_the_plain_twin_and_keeps_its_promises(rows, side, quantity, limit, rest):
    rows = [{**row, "name": f"V{k}"} for k, row in enumerate(rows)]
    rows = [{**row, "smallest": min(row["smallest"], row["largest"] or row["smallest"])} for row in rows]
    got = table_of(rows).split("X", side, quantity, limit, rest)
    legs = [leg[:3] for leg in got["legs"]]
    assert (legs, got["residual"]) == split(rows, side, quantity, limit, rest)
    # sum of legs and residual; nothing beyond what is displayed but the last venue's rest
    assert sum(size for _, size, _ in legs) + got["residual"] == quantity
    by_name = {row["name"]: row for row in rows}
    sent = {name: sum(size for other, size, _ in legs if other == name) for name, _, _ in legs}
    for name, size in sent.items():
        shown = by_name[name]["ask_size" if side > 0 else "bid_size"]
        assert size <= shown or (rest and name == legs[-1][0])
    for name, size, price in legs:
        row = by_name[name]
        assert row["kind"] in ("exchange", "ecn")
        assert row["enabled"]
        assert size >= row["smallest"]
        assert not row["largest"] or size <= row["largest"]
        assert limit is None or side * price <= side * limit
    # never outside a better displayed quote that could take part and is not swept whole
    worst = max((side * price for _, _, price in legs), default=None)
    for row in rows:
        price, shown = (row["ask"], row["ask_size"]) if side > 0 else (row["bid"], row["bid_size"])
        lit = row["kind"] in ("exchange", "ecn") and row["enabled"] and price is not None and shown > 0
        if lit and worst is not None and side * price < worst and shown >= row["smallest"]:
            assert sent.get(row["name"], 0) >= shown or quantity - sum(sent.values()) + shown < row["smallest"] + shown


def two_venues():
    row = {"kind": "exchange", "priority": 0, "take": 0, "enabled": True, "largest": 0, "smallest": 0,
           "bid": 9_990 * CENT, "bid_size": 100, "ask_size": 100}  # fmt: skip
    return [{**row, "name": "A", "ask": 10_000 * CENT}, {**row, "name": "B", "ask": 10_001 * CENT}]


def test_a_price_that_cannot_be_swept_whole_ends_the_split():
    rows = two_venues()
    rows[0] |= {"largest": 60, "smallest": 50}
    got = table_of(rows).split("X", 1, 500, None, False)
    assert [leg[:2] for leg in got["legs"]] == [("A", 50), ("A", 50), ("B", 100)]  # two pieces sweep it: on to B
    rows[0] |= {"largest": 60, "smallest": 55}
    got = table_of(rows).split("X", 1, 500, None, False)
    assert [leg[:2] for leg in got["legs"]] == [("A", 60)]  # the other 40 cannot be sent: not to a worse price either
    assert got["residual"] == 440


def test_where_the_rest_would_go_is_named():
    got = table_of(two_venues()).split("X", 1, 500, 10_000 * CENT, False)
    assert got["residual"] == 400
    assert got["residual_venue"] == "A"
    assert got["verdicts"] == {"A": "chosen", "B": "its displayed price is worse than the best"}
    nobody = table_of(two_venues()).split("X", 1, 500, 9_999 * CENT)
    assert (nobody["legs"], nobody["residual"], nobody["residual_venue"]) == ([], 500, None)


@pytest.mark.parametrize(("side", "quantity"), [(0, 1), (2, 1), (1, 0), (-1, -5)])
def test_a_wrong_split_is_refused(side, quantity):
    with pytest.raises(ValueError, match="must be"):
        table_of(two_venues()).split("X", side, quantity)


# ---- the sweep


def silent_core(**changes):
    """A core whose venues A and B say nothing by themselves; their asks are 150.00 and 150.01."""
    core, gate = make_core(silent=True, fees=(("A", 1), ("B", 1)), **changes)
    core.venues.protects_quotes = True
    for name, ask in (("A", 15_000), ("B", 15_001)):
        core.venues.set_quote("AAPL", name, 14_999 * CENT, ask * CENT, 100, 100)
    return core, gate


def test_a_sweep_passes_the_protection_that_refuses_the_single_order():
    core, _ = silent_core()
    parent = int(core.submit_parent(order(quantity=1000), "twap"))
    with pytest.raises(OrderRejected, match="Reg NMS 611"):
        core.submit_child(parent, 100, 15_001 * CENT, "IOC", venue="B")
    swept = core.sweep(parent, 200, 15_001 * CENT)
    assert [leg[:3] for leg in swept["legs"]] == [("A", 100, 15_000 * CENT), ("B", 100, 15_001 * CENT)]
    legs = [core.get_order(order_id) for order_id in swept["ids"]]
    assert [(leg.venue, leg.quantity, leg.time_in_force) for leg in legs] == [("A", 100, "IOC"), ("B", 100, "IOC")]
    assert core.get_order(parent).working_quantity == 200
    core.close()


def test_what_a_leg_does_not_get_comes_back_with_the_venues_word_alone():
    core, _ = silent_core()
    parent = int(core.submit_parent(order(quantity=200), "twap"))
    core.sweep(parent, 200, 15_001 * CENT)
    with pytest.raises(OrderStateError, match="no sweep of 1"):
        core.sweep(parent, 1)
    core.close()


def test_nothing_is_lost_or_doubled_over_a_synthetic_market():
    core, _ = make_core(seed=5)
    parent = int(core.submit_parent(order(quantity=5000), "twap"))
    for _ in range(12):
        before = core.get_order(parent)
        left = before.leaves_quantity - before.working_quantity
        if left == 0:
            break
        swept = core.sweep(parent, min(left, 700))
        assert sum(leg[1] for leg in swept["legs"]) + swept["residual"] == min(left, 700)
        filled = sum(core.get_order(i).filled_quantity for i in swept["ids"] if i > 0)
        after = core.get_order(parent)
        assert after.filled_quantity == before.filled_quantity + filled
        assert after.filled_quantity + after.leaves_quantity == 5000
        core.advance(core.clock.now_ns() + E9)
    assert core.get_order(parent).filled_quantity > 0
    core.close()


def test_a_refused_leg_keeps_the_others_from_worse_prices():
    core, _ = silent_core()
    core.venues.set_quote("AAPL", "A", 14_999 * CENT, 15_000 * CENT, 100, 200)
    parent = int(core.submit_parent(order(quantity=1000), "twap"))
    core.limits.set(**{**LIMITS, "max_order_size": 150})
    first, second = core.sweep(parent, 250, 15_001 * CENT, rest=False)["ids"]
    assert first == -Reason.RISK
    assert second == 0  # B is not reached past A's better quote
    assert core.get_order(parent).working_quantity == 0
    core.close()


def test_who_cannot_be_swept():
    core, _ = silent_core()
    with pytest.raises(UnknownOrder, match="no parent"):
        core.sweep(77, 100)
    parent = int(core.submit_parent(order(quantity=100), "twap"))
    with pytest.raises(ValueError, match="positive"):
        core.sweep(parent, 0)
    core.close_parent(parent)
    with pytest.raises((OrderStateError, UnknownOrder)):
        core.sweep(parent, 100)
    core.close()
