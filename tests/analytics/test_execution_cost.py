"""The cost of one order from its own records: the parts sum to the total exactly, and to what is worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_replay import ADD, DELETE, EXECUTE, at, engine, order, recording

from grandmodel.execution import SmartOrderRouter, Unknown
from grandmodel.execution.analytics.execution_cost import PARTS, execution_cost, market_vwap
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core

TAKE = 3_000_000  # the recorded venue's fee for a share taken, 1e-9


def test_a_parent_worked_by_hand():
    """Buy 300. Decision at bid 100, ask 102: mid 101. The first child is sent at bid 103, ask 104: mid 103.5; 100 are
    taken at 104, 50 at 105. At the end bid 109, ask 111: mid 110.

        delay        150 * (103.5 - 101)               = 375
        trading      100 * 0.5 + 50 * 1.5              = 125
        opportunity  (300 - 150) * (110 - 101)         = 1350
        fees         150 * 0.3 ticks                   = 45
    """
    core, _ = engine(recording(
        (ADD, 1, 1, 100, 500), (ADD, 2, -1, 102, 10), (DELETE, 2, -1, 102, 10), (ADD, 3, -1, 104, 100),
        (ADD, 4, -1, 105, 50), (ADD, 5, 1, 103, 10), (DELETE, 3, -1, 104, 100), (DELETE, 4, -1, 105, 50),
        (ADD, 6, -1, 111, 10), (ADD, 7, 1, 109, 10),
    ))  # fmt: skip
    at(core, 2)
    parent = core.submit_parent(order("buy", 300), "by hand").order_id
    at(core, 6)
    core.submit_child(parent, 100, 1_040_000_000, "IOC")
    core.submit_child(parent, 50, 1_050_000_000, "IOC")
    at(core, 10)
    core.close_parent(parent)
    cost = execution_cost(core, parent)
    assert (cost.decision_price, cost.arrival_price, cost.end_price) == (1.01, 1.035, 1.10)
    assert (cost.children, cost.fill_rate, len(cost.fills)) == (2, 0.5, 2)
    assert cost.average_price == pytest.approx((100 * 1.04 + 50 * 1.05) / 150)
    cent = 10_000_000
    assert cost.parts_e9 == {
        "delay": 375 * cent,
        "trading": 125 * cent,
        "opportunity": 1350 * cent,
        "fees": 150 * TAKE,
        "total": 1850 * cent + 150 * TAKE,
    }
    assert cost.total_bps == pytest.approx((18.50 + 0.45) / (300 * 1.01) * 1e4)
    assert cost.implementation_shortfall == cost.total_bps / 1e4


def test_a_sale_has_its_signs_turned():
    core, gate = engine(recording((ADD, 1, 1, 100, 30), (ADD, 2, -1, 102, 10), (ADD, 3, 1, 98, 100)))
    at(core, 3)
    ticket = gate.submit_order(order("sell", 50, 98))
    cost = execution_cost(core, ticket.order_id)
    assert cost.children == 0
    assert cost.parts_e9["delay"] == 0
    assert cost.parts_e9["trading"] == (30 * 1 + 20 * 3) * 10_000_000  # the mid was 101
    assert cost.parts_e9["total"] == cost.parts_e9["trading"] + 50 * TAKE


def test_what_was_never_sent_is_opportunity():
    core, _ = engine(
        recording((ADD, 1, 1, 100, 30), (ADD, 2, -1, 102, 10), (DELETE, 2, -1, 102, 10), (ADD, 3, -1, 106, 9))
    )
    at(core, 2)
    parent = core.submit_parent(order("buy", 40), "x").order_id
    at(core, 4)
    core.close_parent(parent)
    cost = execution_cost(core, parent)
    assert cost.parts_e9["opportunity"] == cost.parts_e9["total"] == 40 * 2 * 10_000_000
    assert cost.parts_e9["fees"] == 0
    assert isinstance(cost.arrival_price, Unknown)
    assert cost.arrival_price.reason == "nothing was sent to a venue"
    assert isinstance(cost.average_price, Unknown)
    given_end = execution_cost(core, parent, 1_010_000_000)
    assert given_end.parts_e9["total"] == 0


def test_without_a_quote_the_parts_are_unknown_with_a_reason():
    core, gate = engine(recording((ADD, 1, 1, 100, 30), (ADD, 2, -1, 102, 10)))
    ticket = gate.submit_order(order("buy", 10, 101))  # before the first message: nobody shows a price
    core.cancel(ticket.order_id)
    cost = execution_cost(core, ticket.order_id)
    for part in (cost.decision_price, cost.arrival_price, cost.end_price, cost.total_bps, cost.opportunity_bps):
        assert isinstance(part, Unknown)
        assert part.reason
    assert cost.decision_price.reason == "no quote at the decision"
    assert cost.arrival_price.reason == "no quote at arrival"
    assert cost.parts_e9["total"] is None
    assert f"{cost.total_bps:+.2f}" == "n/a"


@settings(max_examples=40)
@given(
    algorithm=st.sampled_from(["twap", "vwap", "implementation_shortfall", "market"]),
    side=st.sampled_from(["buy", "sell"]),
    quantity=st.integers(1, 9000),
    rate=st.none() | st.sampled_from([0.02, 0.2]),
    seed=st.integers(0, 99),
)
def test_the_parts_sum_to_the_total_exactly(algorithm, side, quantity, rate, seed):
    """And the total is what is left of the paper's return: side * S * (Pn - Pd) - (side * sum q (Pn - p) - fees)."""
    clock = SimulatedClock()
    core = make_core(load_config({"mode": "simulation", "seed": seed}), clock=clock)
    config = {"algorithm": algorithm, "participation_rate": rate}
    if algorithm != "market":
        config["duration_minutes"] = 10
    given_order = {"symbol": "MSFT", "side": side, "quantity": quantity, "order_type": "market"}
    cost = run(SmartOrderRouter(engine=core).execute_algorithm_order(given_order, config), clock=clock).cost
    exact = cost.parts_e9
    if not len(cost.fills):
        assert exact["opportunity"] == exact["total"]
    assert sum(exact[part] for part in PARTS[:-1]) == exact["total"]
    sign = 1 if side == "buy" else -1
    decision, end = (round(price * 1e9) for price in (cost.decision_price, cost.end_price))
    actual = sign * sum(int(fill["quantity"]) * (end - int(fill["price_e9"])) for fill in cost.fills)
    fees = int(cost.fills["fee_e9"].sum())
    assert exact["total"] == sign * quantity * (end - decision) - (actual - fees)
    assert exact["fees"] == fees
    paper = quantity * decision
    for part in PARTS:
        assert getattr(cost, f"{part}_bps") == pytest.approx(exact[part] / paper * 1e4)


def test_market_vwap_leaves_own_fills_out():
    core, gate = engine(recording(
        (ADD, 1, 1, 100, 500), (ADD, 2, -1, 102, 500), (EXECUTE, 1, 1, 100, 100), (EXECUTE, 2, -1, 102, 300),
    ))  # fmt: skip
    at(core, 2)
    before = core.venues.tape("X")
    gate.submit_order(order("buy", 400))
    nothing = market_vwap(before, core.venues.tape("X"))
    assert isinstance(nothing, Unknown)
    assert nothing.reason == "nothing was traded in the window"
    at(core, 4)
    assert market_vwap(before, core.venues.tape("X")) == pytest.approx(1.015)
