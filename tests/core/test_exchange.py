"""All that the matching engine takes beyond plain orders: every rule by hand, bad values, streams against the twin."""

import math
import os
import random
from decimal import Decimal
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.exchange import CALLS, Exchange

from grandmodel.execution._core.matching import MatchingEngine
from grandmodel.execution._core.values import UnknownOrder

CENT = 10_000_000
HALF = CENT // 2
INT64_MAX = 2**63 - 1


def cents(price):
    return round(price * 100) * CENT


# ---- known answers


def traded(events):
    """(who acted, who was there, price in cents, quantity) of each trade."""
    return [(e.order_id, e.other_id, e.price_e9 / CENT, e.quantity) for e in events if e.kind == "trade"]


def others(events):
    return [(e.kind, e.order_id, e.quantity, e.reason.name) for e in events if e.kind != "trade"]


def outcome(result):
    return str(result.status), result.filled_quantity, result.leaves_quantity, result.reason.name


def quoted(**terms):
    """100 bid for at 10.00, 100 offered at 10.04; ids 1 and 2."""
    engine = MatchingEngine(**terms)
    engine.submit(1, "buy", 100, 10.00)
    engine.submit(2, "sell", 100, 10.04)
    return engine


def at(engine):
    """Where each waiting order stands, in cents."""
    return {w["order_id"]: None if w["price_e9"] is None else w["price_e9"] / CENT for w in engine.waiting()}


def test_displayed_before_hidden_at_a_price_then_by_arrival():
    engine = MatchingEngine()
    engine.submit(1, "sell", 10, 10.00, hidden=True)
    engine.submit(2, "sell", 10, 10.00, hidden=True)
    engine.submit(3, "sell", 10, 10.00)
    engine.submit(4, "sell", 10, 9.99, hidden=True)
    assert engine.book.best_ask == 10.00
    result = engine.submit(9, "buy", 35, 10.00)
    assert traded(result.events) == [(9, 4, 999, 10), (9, 3, 1000, 10), (9, 1, 1000, 10), (9, 2, 1000, 5)]
    assert [e.displayed for e in result.events] == [False, True, False, False]
    assert engine.cancel(2) == 5


def test_an_icebergs_next_part_goes_before_what_is_hidden_at_its_price():
    engine = MatchingEngine()
    engine.submit(1, "buy", 10, 10.00, hidden=True)
    engine.submit(2, "buy", 25, 10.00, display_quantity=10)
    engine.submit(3, "buy", 10, 10.00)
    result = engine.submit(9, "sell", 40, 10.00)
    assert traded(result.events) == [
        (9, 2, 1000, 10),
        (9, 3, 1000, 10),
        (9, 2, 1000, 10),
        (9, 2, 1000, 5),
        (9, 1, 1000, 5),
    ]


def test_a_fok_counts_what_is_hidden():
    engine = MatchingEngine()
    engine.submit(1, "buy", 10, 10.00, hidden=True)
    engine.submit(2, "buy", 25, 10.00, display_quantity=10)
    assert outcome(engine.submit(9, "sell", 36, 10.00, "FOK")) == ("CANCELED", 0, 36, "NO_LIQUIDITY")
    assert outcome(engine.submit(9, "sell", 35, 10.00, "FOK")) == ("FILLED", 35, 0, "NONE")


def test_a_midpoint_peg_stands_at_the_half_tick_and_nowhere_while_crossed():
    engine = MatchingEngine()
    engine.submit(1, "buy", 100, 10.00)
    engine.submit(2, "sell", 100, 10.01)
    engine.submit(3, "sell", 50, peg="midpoint")
    assert at(engine) == {3: 1000.5}
    assert engine.book.best_ask == 10.01
    assert traded(engine.submit(9, "buy", 20, 10.01).events) == [(9, 3, 1000.5, 20)]
    assert engine.set_reference(10.02, 10.01) == []
    assert at(engine) == {3: None}
    assert traded(engine.submit(10, "buy", 20, 10.01).events) == [(10, 2, 1001, 20)]
    engine.set_reference(10.01, 10.01)
    assert at(engine) == {3: 1001}
    engine.set_reference(None, 10.01)
    assert at(engine) == {3: None}
    engine.set_reference(own=True)
    assert at(engine) == {3: 1000.5}
    assert traded(engine.submit(4, "buy", 30, peg="midpoint").events) == [(4, 3, 1000.5, 30)]


def test_a_midpoint_between_two_points_of_the_grid_is_the_lower():
    engine = MatchingEngine()
    engine.submit(1, "sell", 50, peg="midpoint")
    engine.set_reference("10.00", "10.000000001")
    assert engine.waiting()[0]["price_e9"] == 10_000_000_000
    engine.set_reference("10.000000001", "10.000000004")
    assert engine.waiting()[0]["price_e9"] == 10_000_000_002


def test_midpoint_pegs_do_not_meet_where_the_limit_of_one_forbids():
    engine = quoted()
    engine.submit(3, "sell", 50, 10.03, peg="midpoint")
    engine.submit(4, "buy", 50, 10.01, peg="midpoint")
    assert at(engine) == {3: 1003, 4: 1001}
    assert traded(engine.submit(5, "buy", 50, 10.03).events) == [(5, 3, 1003, 50)]
    assert at(engine) == {4: 1001}


def test_pegs_with_offset_and_limit_follow_the_best():
    engine = quoted()
    engine.submit(11, "buy", 10, peg="primary")
    engine.submit(12, "buy", 10, peg="primary", peg_offset=0.01)
    engine.submit(13, "buy", 10, peg="primary", peg_offset=-0.02)
    engine.submit(14, "buy", 10, 10.01, peg="primary", peg_offset=0.03)
    engine.submit(21, "sell", 10, peg="primary", peg_offset=0.01)
    engine.submit(22, "sell", 10, 10.05, peg="primary")
    engine.submit(23, "sell", 10, peg="market", peg_offset=-0.03)
    engine.submit(15, "buy", 10, peg="market", peg_offset=-0.02)
    assert at(engine) == {11: 1000, 12: 1001, 13: 998, 14: 1001, 21: 1003, 22: 1005, 23: 1003, 15: 1002}
    assert engine.submit(3, "buy", 10, 10.01).status == "NEW"
    # the bid is 10.01 now: what is pegged to it moves, 14 not beyond its limit
    assert at(engine) == {11: 1001, 12: 1002, 13: 999, 14: 1001, 21: 1003, 22: 1005, 23: 1004, 15: 1002}
    result = engine.submit(9, "sell", 55, 10.01)
    # the better price first, in the order of arrival whatever moved; displayed before the rest at 10.01
    assert [(order_id, price / CENT) for order_id, price, _ in result.fills] == [
        (12, 1002),
        (15, 1002),
        (3, 1001),
        (11, 1001),
        (14, 1001),
    ]
    assert outcome(result) == ("PARTIALLY_FILLED", 50, 5, "NONE")
    # its rest is the offer now, at 10.01: 21 moves to 10.00, onto the bid
    assert traded(result.events)[5:] == [(21, 1, 1000, 10)]


def test_orders_that_a_reference_moves_onto_each_other_trade_at_the_price_of_the_older():
    engine = quoted()
    engine.submit(3, "sell", 10, 10.02, hidden=True)
    engine.submit(4, "buy", 20, peg="primary", peg_offset=0.01)
    engine.submit(5, "sell", 10, 10.02, hidden=True)
    assert at(engine) == {3: 1002, 4: 1001, 5: 1002}
    # the oldest acts first
    assert traded(engine.set_reference(10.02, 10.05)) == [(3, 4, 1002, 10), (4, 5, 1003, 10)]
    engine.submit(6, "sell", 10, 10.04, hidden=True, post_only=True)
    engine.submit(7, "buy", 10, peg="primary", peg_offset=0.01)
    # post-only waits to be met
    assert traded(engine.set_reference(10.04, 10.06)) == [(7, 2, 1004, 10)]
    assert engine.submit(8, "buy", 110, 10.04).fills == [(2, cents(10.04), 90), (6, cents(10.04), 10)]


def test_a_peg_trades_with_what_is_displayed_at_its_price():
    engine = quoted()
    engine.submit(3, "buy", 10, peg="primary", peg_offset=0.02)
    assert engine.submit(4, "sell", 10, 10.03).status == "NEW"
    assert traded(engine.submit(5, "buy", 10, 10.01).events) == [(3, 4, 1003, 10)]


def test_a_market_peg_takes_where_it_reaches():
    engine = quoted()
    assert traded(engine.submit(3, "buy", 30, peg="market").events) == [(3, 2, 1004, 30)]
    assert outcome(engine.submit(4, "buy", 30, 10.02, peg="market")) == ("NEW", 0, 30, "NONE")
    result = engine.submit(5, "sell", 40, peg="market", time_in_force="IOC", peg_offset=-0.01)
    assert outcome(result) == ("CANCELED", 30, 10, "UNFILLED_REMAINDER")  # it goes as far as 10.01
    assert result.fills == [(4, cents(10.02), 30)]


def test_a_peg_without_a_reference_waits():
    engine = MatchingEngine()
    assert outcome(engine.submit(1, "buy", 10, peg="primary")) == ("NEW", 0, 10, "NONE")
    assert outcome(engine.submit(2, "buy", 10, peg="midpoint", time_in_force="IOC"))[3] == "NO_LIQUIDITY"
    assert at(engine) == {1: None}
    assert engine.submit(3, "sell", 10).reason.name == "NO_LIQUIDITY"
    engine.submit(4, "buy", 10, 9.99)
    assert at(engine) == {1: 999}
    assert traded(engine.submit(5, "sell", 15).events) == [(5, 4, 999, 10), (5, 1, 999, 5)]
    # the reference stood still while 5 took the bid away; now it is gone
    assert at(engine) == {1: None}


def test_a_minimum_as_taker_and_while_resting():
    engine = quoted()
    engine.submit(3, "sell", 50, 10.05)
    assert outcome(engine.submit(9, "buy", 300, 10.05, "IOC", min_quantity=151)) == (
        "CANCELED",
        0,
        300,
        "NO_LIQUIDITY",
    )
    result = engine.submit(9, "buy", 300, 10.05, min_quantity=150)
    assert outcome(result) == ("PARTIALLY_FILLED", 150, 150, "NONE")
    assert engine.book.best_ask_e9 is None
    # the rest has its minimum while it rests: 149 pass it by, 150 do not
    assert outcome(engine.submit(10, "sell", 149, 10.05)) == ("NEW", 0, 149, "NONE")
    assert traded(engine.submit(11, "sell", 150, 10.05).events) == [(11, 9, 1005, 150)]


def test_a_minimum_is_no_more_than_what_is_left():
    engine = MatchingEngine()
    engine.submit(1, "buy", 30, 10.00, min_quantity=20)
    assert traded(engine.submit(2, "sell", 20, 10.00).events) == [(2, 1, 1000, 20)]
    assert engine.submit(3, "sell", 9, 10.00, "IOC").filled_quantity == 0
    assert engine.submit(4, "sell", 10, 10.00, "IOC").filled_quantity == 10


def test_a_waiting_minimum_acts_when_enough_has_come_together():
    engine = MatchingEngine()
    engine.submit(1, "buy", 100, 10.02, min_quantity=50)
    engine.submit(2, "sell", 30, 10.00)
    assert engine.trades == 0
    result = engine.submit(3, "sell", 30, 10.01)
    assert outcome(result) == ("NEW", 0, 30, "NONE")  # as it came in
    assert result.fills == []
    assert traded(result.events) == [(1, 2, 1000, 30), (1, 3, 1001, 30)]
    assert [(w["order_id"], w["quantity"]) for w in engine.waiting()] == [(1, 40)]


def test_two_minimums_meet_over_what_the_taker_has_not_what_it_needs():
    engine = MatchingEngine()
    engine.submit(1, "sell", 50, 10.00, min_quantity=20)
    assert traded(engine.submit(2, "buy", 100, 10.00, min_quantity=10).events) == [(2, 1, 1000, 50)]
    engine = MatchingEngine()
    engine.submit(1, "sell", 50, 10.00, all_or_none=True)
    assert outcome(engine.submit(2, "buy", 100, 10.00, post_only=True))[3] == "WOULD_CROSS"
    assert outcome(engine.submit(2, "buy", 49, 10.00, post_only=True)) == ("NEW", 0, 49, "NONE")


def test_all_or_none_is_passed_over_and_taken_whole():
    engine = MatchingEngine()
    engine.submit(1, "sell", 50, 9.99, all_or_none=True)
    engine.submit(2, "sell", 20, 10.00)
    assert traded(engine.submit(9, "buy", 30, 10.00).events) == [(9, 2, 1000, 20)]
    assert engine.cancel(9) == 10
    engine.submit(3, "sell", 20, 10.01)
    assert traded(engine.submit(9, "buy", 60, 10.01).events) == [(9, 1, 999, 50), (9, 3, 1001, 10)]
    # as taker: all at once, or it rests
    assert outcome(engine.submit(10, "buy", 11, 10.01, all_or_none=True)) == ("NEW", 0, 11, "NONE")
    assert traded(engine.submit(4, "sell", 1, 10.01).events) == [(10, 3, 1001, 10), (10, 4, 1001, 1)]


def test_post_only_is_refused_if_it_would_meet_what_is_hidden():
    engine = MatchingEngine()
    engine.submit(1, "sell", 10, 10.00, hidden=True)
    before = engine.state_hash()
    assert outcome(engine.submit(2, "buy", 10, 10.00, post_only=True)) == ("REJECTED", 0, 10, "WOULD_CROSS")
    assert engine.state_hash() == before
    assert engine.submit(2, "buy", 10, 9.99, post_only=True, hidden=True).status == "NEW"
    assert engine.submit(3, "sell", 10, 9.99, post_only=True).reason.name == "WOULD_CROSS"


@pytest.mark.parametrize("rule", ["cancel_newest", "cancel_oldest", "cancel_both", "decrement"])
def test_post_only_is_refused_before_an_own_order_too(rule):
    engine = MatchingEngine(own_orders=rule)
    engine.submit(1, "sell", 10, 10.00, owner=7)
    result = engine.submit(2, "buy", 10, 10.00, post_only=True, owner=7)
    assert (outcome(result), result.events) == (("REJECTED", 0, 10, "WOULD_CROSS"), [])
    engine.check_invariants()


def test_stops_wait_for_the_last_trade_and_cascade():
    engine = MatchingEngine()
    for order_id, price in ((1, 10.00), (2, 9.98), (3, 9.96), (4, 9.90)):
        engine.submit(order_id, "buy", 10, price)
    engine.submit(11, "sell", 10, stop_price=9.98)
    engine.submit(12, "sell", 10, stop_price=10.00)
    engine.submit(13, "sell", 10, 9.95, stop_price=9.96)
    engine.submit(14, "buy", 10, stop_price=10.05)
    assert [w["place"] for w in engine.waiting()] == ["stop"] * 4
    result = engine.submit(9, "sell", 10, 10.00)
    assert outcome(result) == ("FILLED", 10, 0, "NONE")
    # 10.00 lets 12 in, its trade at 9.98 lets 11 in, that at 9.96 lets 13, limited, in
    assert traded(result.events) == [(9, 1, 1000, 10), (12, 2, 998, 10), (11, 3, 996, 10)]
    assert others(result.events) == [("triggered", n, 10, "NONE") for n in (12, 11, 13)]
    assert engine.book.best_ask == 9.95
    assert len(engine.waiting()) == 1
    # one that is due as it comes is let in at once
    assert traded(engine.submit(15, "sell", 10, stop_price=9.97).events) == [(15, 4, 990, 10)]


def test_a_cancel_says_what_it_let_others_do():
    engine = MatchingEngine(stop_trigger="quote")
    engine.submit(1, "buy", 10, 10.00)
    engine.submit(2, "buy", 10, 9.98)
    engine.submit(3, "sell", 10, stop_price=9.99)
    assert engine.events == []
    assert engine.cancel(1) == 10
    assert [(e.kind, e.order_id) for e in engine.events] == [("triggered", 3), ("trade", 3)]
    assert engine.trades == 1
    assert engine.events == []


def test_a_stop_that_finds_nothing_ends():
    engine = MatchingEngine()
    engine.submit(1, "buy", 10, 10.00)
    engine.submit(2, "sell", 5, stop_price=10.00)
    result = engine.submit(3, "sell", 10, 10.00)
    assert others(result.events) == [("triggered", 2, 5, "NONE"), ("ended", 2, 5, "NO_LIQUIDITY")]
    assert len(engine) == 0


def test_stops_by_quote_look_at_the_side_that_they_would_take():
    engine = quoted(stop_trigger="quote")
    engine.submit(11, "buy", 10, stop_price=10.06)
    engine.submit(12, "sell", 10, 9.99, stop_price=9.99)
    engine.submit(3, "sell", 100, 10.06)
    assert engine.submit(9, "buy", 50, 10.04).events[0].price_e9 == cents(10.04)
    assert len(engine.waiting()) == 2
    # the offer of 10.04 goes: 10.06 is the quote, not yet the last trade
    assert others(engine.submit(9, "buy", 50, 10.04).events) == [("triggered", 11, 10, "NONE")]
    assert engine.last_price == 10.06
    engine.submit(4, "buy", 10, 9.99)
    engine.cancel(1)
    assert engine.last_price == 9.99


def test_the_quote_that_stops_look_at_may_be_set():
    engine = quoted(stop_trigger="quote")
    engine.submit(11, "buy", 10, stop_price=10.06)
    assert traded(engine.set_reference(10.05, 10.06)) == [(11, 2, 1004, 10)]


# ---- auctions


def call(*orders, phase="opening_call", **terms):
    """An engine in a call with orders of (side, quantity, price[, terms]), ids from 1."""
    engine = MatchingEngine(**terms)
    engine.set_phase(phase)
    for order_id, (side, quantity, price, *more) in enumerate(orders, 1):
        assert engine.submit(order_id, side, quantity, price, **(more[0] if more else {})).status == "NEW"
    return engine


def auction_of(engine, reference=None):
    price, volume, rest = engine.indicative(reference)
    return None if price is None else price / CENT, volume, rest


def test_the_largest_volume():
    engine = call(
        ("buy", 100, 10.03),
        ("buy", 200, 10.02),
        ("buy", 300, 10.01),
        ("sell", 150, 10.00),
        ("sell", 150, 10.02),
        ("sell", 300, 10.03),
    )
    assert engine.book.best_bid > engine.book.best_ask
    assert engine.trades == 0
    assert auction_of(engine) == (1002, 300, 0)
    found, events = engine.auction()
    assert found == (cents(10.02), 300, 0)
    assert traded(events) == [(1, 4, 1002, 100), (2, 4, 1002, 50), (2, 5, 1002, 150)]
    assert (engine.phase, engine.volume, engine.last_price) == ("continuous", 300, 10.02)
    assert engine.book.orders()[["order_id", "quantity"]].tolist() == [(3, 300), (6, 300)]
    engine.check_invariants()


def test_the_smallest_rest_then_the_side_that_has_it_then_the_reference():
    # at 10.00 and 10.01 100 trade, with 100 and 50 left over
    assert auction_of(call(("buy", 150, 10.01), ("buy", 50, 10.00), ("sell", 100, 10.00), ("sell", 1, 10.05))) == (
        1001,
        100,
        50,
    )
    # the buyers' side: the highest
    assert auction_of(call(("buy", 150, 10.05), ("sell", 100, 10.00)), 10.02) == (1005, 100, 50)
    # the sellers' side: the lowest
    assert auction_of(call(("buy", 100, 10.05), ("sell", 150, 10.00)), 10.02) == (1000, 100, -50)
    # neither: the nearest to the reference, the lower of two, without one the lowest
    even = call(("buy", 100, 10.05), ("sell", 100, 10.00))
    assert auction_of(even, 10.04) == (1005, 100, 0)
    assert auction_of(even, 10.02) == (1000, 100, 0)
    assert auction_of(even, "10.025") == (1000, 100, 0)
    assert auction_of(even, "10.026") == (1005, 100, 0)
    assert auction_of(even) == (1000, 100, 0)
    # some of each: the reference too
    mixed = call(("buy", 100, 10.05), ("buy", 50, 10.01), ("sell", 100, 10.01), ("sell", 50, 10.05))
    assert auction_of(mixed, 10.04) == (1005, 100, -50)
    assert auction_of(mixed, 10.02) == (1001, 100, 50)


def test_market_orders_alone_meet_at_the_reference():
    engine = call(("buy", 100, None), ("sell", 60, None), ("buy", 10, 9.00, {"hidden": True}))
    engine.cancel(3)
    assert engine.indicative() == (None, 0, 0)
    assert auction_of(engine, 10.01) == (1001, 60, 40)
    _, events = engine.auction(10.01)
    assert traded(events) == [(1, 2, 1001, 60)]
    assert others(events) == [("ended", 1, 40, "UNFILLED_REMAINDER")]
    assert len(engine) == 0
    assert call(("buy", 100, None)).auction(10.00)[0] == (None, 0, 0)


def test_allocation_market_then_price_then_displayed_then_arrival():
    engine = call(
        ("buy", 10, 10.01, {"hidden": True}),
        ("buy", 10, 10.01),
        ("buy", 10, 10.01),
        ("buy", 10, 10.02, {"hidden": True}),
        ("buy", 10, None),
        ("buy", 10, 10.01, {"time_in_force": "OPG"}),
        ("buy", 10, None, {"time_in_force": "OPG"}),
        ("sell", 55, 10.01),
    )
    found, events = engine.auction()
    assert found == (cents(10.01), 55, 15)
    assert [(buyer, quantity) for buyer, _, _, quantity in traded(events)] == [
        (5, 10),
        (7, 10),
        (4, 10),
        (2, 10),
        (3, 10),
        (1, 5),
    ]
    assert others(events) == [("ended", 6, 10, "UNFILLED_REMAINDER")]
    assert [w["order_id"] for w in engine.waiting()] == [1]


def test_pegs_and_minimums_stay_out_and_act_afterwards():
    engine = call(
        ("buy", 10, 10.01),
        ("sell", 10, 10.01),
        ("sell", 10, 10.02),
        ("buy", 20, 10.02, {"all_or_none": True}),
        ("buy", 20, 10.02, {"min_quantity": 10}),
        ("buy", 20, None, {"peg": "midpoint"}),
    )
    found, events = engine.auction()
    assert found == (cents(10.01), 10, 0)
    assert traded(events) == [(1, 2, 1001, 10), (5, 3, 1002, 10)]


def test_an_iceberg_is_in_an_auction_with_all_of_it():
    engine = call(("buy", 100, 10.00, {"display_quantity": 10}), ("sell", 95, 10.00))
    assert engine.auction()[0] == (cents(10.00), 95, 5)
    assert engine.book.orders()["quantity"].tolist() == [5]  # off its reserve first
    assert engine.cancel(1) == 5


def test_orders_for_an_auction_end_with_it():
    engine = MatchingEngine()
    engine.set_phase("closed")
    assert engine.submit(1, "buy", 10, 10.00, "OPG").status == "NEW"
    for terms in ({}, {"time_in_force": "CLS"}, {"time_in_force": "IOC"}):
        assert engine.submit(2, "buy", 10, 10.00, **terms).reason.name == "NOT_TRADING"
    engine.set_phase("opening_call")
    assert engine.submit(2, "buy", 10, 10.00, "CLS").status == "NEW"
    assert engine.submit(3, "sell", 4, 10.00, "OPG").status == "NEW"
    assert engine.submit(4, "buy", 10, 10.00, "IOC").reason.name == "NOT_TRADING"
    found, events = engine.auction()
    assert found == (cents(10.00), 4, 6)
    assert others(events) == [("ended", 1, 6, "UNFILLED_REMAINDER")]
    assert engine.submit(5, "sell", 4, 10.00, "OPG").reason.name == "NOT_TRADING"
    assert engine.submit(5, "sell", 4, None, "CLS").status == "NEW"
    assert engine.trades == 1
    engine.set_phase("closing_call")
    assert engine.submit(6, "buy", 4, 10.01, "OPG").reason.name == "NOT_TRADING"
    found, events = engine.auction()
    assert found == (cents(10.00), 4, 6)
    assert others(events) == [("ended", 2, 6, "UNFILLED_REMAINDER")]
    assert (engine.phase, len(engine)) == ("closed", 0)


def test_own_orders_trade_in_an_auction():
    engine = call(("buy", 10, 10.00, {"owner": 1}), ("sell", 10, 10.00, {"owner": 1}), own_orders="cancel_both")
    assert traded(engine.auction()[1]) == [(1, 2, 1000, 10)]


def test_a_call_ends_with_its_auction_alone():
    engine = call(("buy", 10, 10.00), ("sell", 10, 9.00))
    with pytest.raises(ValueError, match="auction"):
        engine.set_phase("continuous")
    engine.set_phase("halted")
    with pytest.raises(ValueError, match="crossed"):
        engine.set_phase("continuous")
    with pytest.raises(ValueError, match="auction"):
        engine.auction()
    assert (engine.phase, engine.trades, len(engine)) == ("halted", 0, 2)


def test_an_auction_lets_stops_in():
    engine = call(("buy", 10, 10.00), ("sell", 10, 10.00), ("buy", 5, 9.99), ("sell", 5, None, {"stop_price": 10}))
    assert traded(engine.auction()[1]) == [(1, 2, 1000, 10), (4, 3, 999, 5)]


# ---- halts, bands, lots


def test_halted_takes_cancels_alone():
    engine = quoted()
    engine.submit(3, "buy", 10, peg="midpoint")
    engine.submit(4, "buy", 10, stop_price=10.10)
    engine.set_phase("halted")
    before = engine.state_hash()
    for terms in ({}, {"stop_price": 11}, {"hidden": True}, {"time_in_force": "OPG"}, {"peg": "midpoint"}):
        price = None if "stop_price" in terms else 10.04
        assert engine.submit(9, "buy", 10, price, **terms).reason.name == "NOT_TRADING"
    assert engine.replace(1, 100, 10.01).reason.name == "NOT_TRADING"
    assert engine.replace(1, 101).reason.name == "NOT_TRADING"
    assert engine.set_reference(10.05, 10.05) == []
    assert engine.state_hash() == before
    assert outcome(engine.replace(1, 90)) == ("NEW", 0, 90, "NONE")
    assert engine.cancel(1) == 90
    assert engine.trades == 0
    # what can trade now does when it ends
    assert traded(engine.set_phase("continuous")) == [(3, 2, 1004, 10)]


def test_no_trade_outside_the_band():
    engine = MatchingEngine()
    for order_id, price in ((1, 10.00), (2, 10.02), (3, 10.04)):
        engine.submit(order_id, "sell", 10, price)
    assert engine.set_band(9.98, 10.02) == []
    assert outcome(engine.submit(9, "buy", 30, 10.03))[3] == "PRICE_OUT_OF_RANGE"
    assert outcome(engine.submit(9, "sell", 30, 9.97))[3] == "PRICE_OUT_OF_RANGE"
    assert engine.submit(8, "buy", 1, 9.90).status == "NEW"  # it is no offence to want it cheaper
    assert outcome(engine.submit(9, "buy", 30, None, "FOK")) == ("CANCELED", 0, 30, "NO_LIQUIDITY")
    result = engine.submit(9, "buy", 30)
    assert outcome(result) == ("CANCELED", 20, 10, "UNFILLED_REMAINDER")
    assert traded(result.events) == [(9, 1, 1000, 10), (9, 2, 1002, 10)]
    assert engine.set_band() == []
    assert engine.submit(9, "buy", 30, 10.04, "IOC").filled_quantity == 10


def test_what_is_beyond_a_new_band_ends():
    engine = MatchingEngine()
    for order_id, side, price in ((1, "buy", 10.00), (2, "buy", 10.02), (3, "buy", 10.01), (4, "sell", 10.05)):
        engine.submit(order_id, side, 10, price)
    engine.submit(5, "buy", 10, 10.01, hidden=True)
    engine.submit(6, "buy", 10, peg="primary", peg_offset=0.01)
    events = engine.set_band(9.90, 10.00)
    assert others(events) == [("ended", n, 10, "PRICE_OUT_OF_RANGE") for n in (2, 3, 5)]
    assert at(engine) == {6: None}  # 10.01 is outside
    # nothing is left that could stand in the way of what may trade
    assert engine.submit(7, "sell", 10, 10.00).fills == [(1, cents(10.00), 10)]
    engine.check_invariants()


def test_a_stops_limit_beyond_the_band_ends_it():
    engine = MatchingEngine()
    engine.submit(1, "buy", 10, 10.10, stop_price=10.00)
    engine.submit(2, "sell", 10, 10.00)
    engine.set_band(9.90, 10.05)
    result = engine.submit(3, "buy", 5, 10.00)
    assert others(result.events) == [("triggered", 1, 10, "NONE"), ("ended", 1, 10, "PRICE_OUT_OF_RANGE")]
    engine.check_invariants()


def test_an_auctions_price_is_in_the_band():
    engine = MatchingEngine()
    engine.set_band(10.00, 10.02)
    engine.set_phase("opening_call")
    engine.submit(1, "buy", 10, 10.02)
    engine.submit(2, "buy", 10)
    engine.submit(3, "sell", 20, 10.00)
    engine.submit(4, "sell", 20, 10.10)
    assert engine.auction(10.05)[0] == (cents(10.02), 20, 0)


def test_quantities_are_multiples_of_the_lot():
    engine = MatchingEngine(lot=100)
    for quantity in (1, 99, 150):
        assert outcome(engine.submit(1, "buy", quantity, 10.00)) == ("REJECTED", 0, quantity, "INVALID")
    assert engine.submit(1, "buy", 200, 10.00).status == "NEW"
    assert engine.replace(1, 150).reason.name == "INVALID"
    assert outcome(engine.replace(1, 100)) == ("NEW", 0, 100, "NONE")


# ---- own orders


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(
    ("rule", "quantity", "result", "fills", "happened", "left"),
    [
        ("trade", 30, ("FILLED", 30, 0, "NONE"), [1, 2], [], {2: 5, 3: 10}),
        ("cancel_newest", 30, ("CANCELED", 15, 15, "SELF_MATCH"), [1], [], {2: 20, 3: 10}),
        ("cancel_oldest", 30, ("PARTIALLY_FILLED", 25, 5, "NONE"), [1, 3], [("ended", 2, 20)], {9: 5}),
        ("cancel_both", 30, ("CANCELED", 15, 15, "SELF_MATCH"), [1], [("ended", 2, 20)], {3: 10}),
        ("decrement", 30, ("CANCELED", 15, 15, "SELF_MATCH"), [1], [("reduced", 2, 15)], {2: 5, 3: 10}),
        (
            "decrement",
            50,
            ("PARTIALLY_FILLED", 25, 5, "NONE"),
            [1, 3],
            [("ended", 2, 20), ("reduced", 9, 20)],
            {9: 5},
        ),
    ],
)
def test_orders_of_one_owner(rule, quantity, result, fills, happened, left, hidden):
    engine = MatchingEngine(own_orders=rule)
    engine.submit(1, "sell", 15, 10.00, owner=8, hidden=hidden)
    engine.submit(2, "sell", 20, 10.00, owner=7, hidden=hidden)
    engine.submit(3, "sell", 10, 10.00, hidden=hidden)  # of nobody
    got = engine.submit(9, "buy", quantity, 10.00, owner=7)
    assert outcome(got) == result
    assert [fill[0] for fill in got.fills] == fills
    assert [event[:3] for event in others(got.events)] == happened
    assert {event[3] for event in others(got.events)} <= {"SELF_MATCH"}
    assert {n: engine.cancel(n) for n in left} == left
    assert len(engine) == 0


def test_nobodys_orders_are_not_of_one_owner():
    engine = MatchingEngine(own_orders="cancel_both")
    engine.submit(1, "sell", 10, 10.00)
    assert engine.submit(2, "buy", 10, 10.00).status == "FILLED"


def test_an_own_order_is_no_liquidity():
    engine = MatchingEngine(own_orders="cancel_newest")
    engine.submit(1, "sell", 10, 10.00)
    engine.submit(2, "sell", 10, 10.00, owner=7)
    engine.submit(3, "sell", 10, 10.00)
    assert outcome(engine.submit(9, "buy", 11, 10.00, "FOK", owner=7)) == ("CANCELED", 0, 11, "NO_LIQUIDITY")
    assert engine.submit(9, "buy", 10, 10.00, "FOK", owner=7).status == "FILLED"
    engine = MatchingEngine(own_orders="cancel_oldest")
    engine.submit(1, "sell", 10, 10.00, owner=7)
    engine.submit(2, "sell", 10, 10.00)
    result = engine.submit(9, "buy", 10, 10.00, "FOK", owner=7)
    assert (outcome(result)[0], others(result.events)) == ("FILLED", [("ended", 1, 10, "SELF_MATCH")])


def test_no_room_after_an_own_order_was_cancelled_is_no_refusal():
    engine = MatchingEngine(capacity=1, own_orders="cancel_oldest")
    engine.submit(1, "sell", 10, 10.00, owner=7, hidden=True)
    engine.submit(2, "buy", 10, 9.00)
    result = engine.submit(3, "buy", 10, 10.00, owner=7)
    assert outcome(result) == ("CANCELED", 0, 10, "VENUE_CAPACITY")
    assert others(result.events) == [("ended", 1, 10, "SELF_MATCH")]
    before = engine.state_hash()
    assert outcome(engine.submit(4, "buy", 10, 8.00)) == ("REJECTED", 0, 10, "VENUE_CAPACITY")
    assert engine.state_hash() == before


# ---- replace


@pytest.mark.parametrize("hidden", [False, True])
def test_less_at_the_same_price_keeps_the_place(hidden):
    def first_of(*change):
        engine = MatchingEngine()
        for order_id in (1, 2):
            engine.submit(order_id, "buy", 10, 10.00, hidden=hidden)
        assert outcome(engine.replace(1, *change)) == ("NEW", 0, change[0], "NONE")
        return engine.submit(9, "sell", 1, 9.99).fills[0][0]

    assert [first_of(5), first_of(5, 10.00), first_of(10)] == [1, 1, 1]
    assert [first_of(11), first_of(10, 9.99)] == [2, 2]
    assert first_of(10, 10.01) == 1  # the better price


def test_a_replace_may_trade():
    engine = quoted()
    result = engine.replace(1, 150, 10.04)
    assert outcome(result) == ("PARTIALLY_FILLED", 100, 50, "NONE")
    assert result.fills == [(2, cents(10.04), 100)]
    assert engine.cancel(1) == 50


def test_replaces_that_are_refused_change_nothing():
    engine = quoted()
    engine.submit(3, "buy", 10, stop_price=11)
    before = engine.state_hash()
    for change, reason in (
        ((99, 10), "UNKNOWN_ORDER"),
        ((1, 0), "INVALID"),
        ((1, -5), "INVALID"),
        ((1, 100, "10.005"), "PRICE_OUT_OF_RANGE"),
        ((1, 100, 0), "PRICE_OUT_OF_RANGE"),
        ((1, 100, -1), "PRICE_OUT_OF_RANGE"),
        ((3, 10, 10), "INVALID"),
    ):
        result = engine.replace(*change)
        assert outcome(result) == ("REJECTED", 0, change[1], reason)
    assert engine.state_hash() == before


def test_an_order_of_the_id_0_is_no_obstacle():
    engine = MatchingEngine()
    engine.submit(0, "buy", 10, 10.00)
    engine.submit(1, "buy", 10, 10.00)
    assert outcome(engine.replace(1, 20)) == ("NEW", 0, 20, "NONE")
    assert outcome(engine.replace(0, 20, 9.99)) == ("NEW", 0, 20, "NONE")


def test_replaces_of_pegs_stops_and_icebergs():
    engine = quoted()
    engine.submit(3, "buy", 10, peg="midpoint")
    assert engine.replace(3, 10, 10.01).status == "NEW"
    assert at(engine) == {3: 1001}
    engine.submit(4, "buy", 30, 9.99, display_quantity=10)
    engine.replace(4, 15)
    assert engine.book.orders()["quantity"].tolist() == [100, 10, 100]
    engine.replace(4, 7)
    assert engine.book.orders()["quantity"].tolist() == [100, 7, 100]
    engine.submit(5, "buy", 10, 10.50, stop_price=10.10)
    assert engine.replace(5, 20, 10.60).status == "NEW"
    assert [w["quantity"] for w in engine.waiting()] == [10, 20]


def test_a_replace_that_has_left_lets_others_act_though_it_ends():
    engine = MatchingEngine()
    engine.submit(1, "buy", 10, 9.90)
    engine.submit(2, "sell", 10, 10.05)
    engine.submit(3, "sell", 10, 10.10)
    engine.submit(4, "sell", 10, 10.04, hidden=True)
    engine.submit(5, "buy", 10, peg="market", peg_offset=-0.06)
    assert at(engine) == {4: 1004, 5: 999}
    # the book's window does not reach so far: 2 has left, the offer is 10.10 now, and 5 moves onto 4
    result = engine.replace(2, 10, 2_000_000.00)
    assert outcome(result) == ("CANCELED", 0, 10, "PRICE_OUT_OF_RANGE")
    assert traded(result.events) == [(4, 5, 1004, 10)]
    engine.check_invariants()


def test_a_post_only_order_that_would_trade_as_it_is_replaced_ends():
    engine = quoted()
    engine.submit(3, "buy", 10, 9.95, hidden=True, post_only=True)
    assert outcome(engine.replace(3, 10, 10.04)) == ("CANCELED", 0, 10, "WOULD_CROSS")
    for beside in (True, False):  # with and without what the plain book does not know
        if beside:
            engine.submit(5, "buy", 10, 9.00, hidden=True)
        engine.submit(4, "buy", 10, 9.95, post_only=True)
        assert outcome(engine.replace(4, 20, 9.96)) == ("NEW", 0, 20, "NONE")
        assert outcome(engine.replace(4, 20, 10.04)) == ("CANCELED", 0, 20, "WOULD_CROSS")
        if beside:
            engine.cancel(5)
    assert len(engine) == 2


# ---- room, batches, bad values


def test_8192_orders_beside_the_book_and_one_more():
    engine = MatchingEngine()
    for k in range(8192):
        assert engine.submit(k, "buy", 10, 9.00, hidden=True).status == "NEW"
    before = engine.state_hash()
    for terms in ({"hidden": True}, {"peg": "midpoint"}, {"stop_price": 11}, {"time_in_force": "CLS"}):
        price = None if "stop_price" in terms else 9.00
        assert outcome(engine.submit(-1, "buy", 10, price, **terms)) == ("REJECTED", 0, 10, "VENUE_CAPACITY")
    assert engine.state_hash() == before
    assert engine.submit(-1, "buy", 10, 9.00).status == "NEW"  # the book has its own room
    assert len(engine) == 8193
    assert engine.submit(-2, "sell", 30, 9.00).fills[1:] == [(0, cents(9), 10), (1, cents(9), 10)]
    assert outcome(engine.submit(-3, "buy", 25, 9.00, hidden=True))[0] == "NEW"
    engine.submit(-4, "sell", 10, 9.50)
    engine.submit(-5, "buy", 10, 9.00, hidden=True)
    assert outcome(engine.submit(-6, "buy", 25, 9.50, hidden=True)) == ("CANCELED", 10, 15, "VENUE_CAPACITY")
    engine.check_invariants()


def test_a_market_orders_display_quantity_means_nothing_whatever_rests():
    for hidden in (False, True):
        engine = MatchingEngine()
        engine.submit(1, "sell", 10, 10.00, hidden=hidden)
        assert outcome(engine.submit(2, "buy", 20, display_quantity=5)) == (
            "CANCELED",
            10,
            10,
            "UNFILLED_REMAINDER",
        )


def test_the_fills_are_those_as_it_came_in():
    engine = MatchingEngine()
    engine.submit(1, "sell", 10, 10.00)
    engine.submit(2, "sell", 10, 9.99, stop_price=10.00)
    result = engine.submit(3, "buy", 30, 10.00, hidden=True, min_quantity=10)
    assert (result.filled_quantity, result.fills) == (10, [(1, cents(10.00), 10)])
    assert traded(result.events) == [(3, 1, 1000, 10), (2, 3, 1000, 10)]


def test_a_batch_is_of_plain_orders_whatever_rests():
    from grandmodel.execution._core.records import COMMAND_DTYPE, NO_PRICE

    rows = np.zeros(5, COMMAND_DTYPE)
    rows["kind"], rows["quantity"], rows["side"], rows["time_in_force"] = 1, 10, 1, 1
    rows["order_id"] = np.arange(1, 6)
    rows["price_e9"] = cents(10.00)
    rows["flags"][1], rows["flags"][2], rows["time_in_force"][3] = 8, 4, 7
    rows["price_e9"][4], rows["side"][4] = NO_PRICE, -1
    for rests in (False, True):
        engine = MatchingEngine()
        if rests:
            engine.submit(99, "buy", 10, 9.00, hidden=True)
        assert engine.run(rows) == (2, 0, 1, 10, 3)
        assert len(engine) == rests


def full():
    """An engine with one of each, and its orders are not to be touched."""
    engine = quoted()
    engine.submit(3, "buy", 10, peg="midpoint", all_or_none=True)
    engine.submit(4, "buy", 10, stop_price=11)
    engine.submit(5, "buy", 10, 9.99, "CLS")
    return engine


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"quantity": 0}, "INVALID"),
        ({"quantity": -INT64_MAX}, "INVALID"),
        ({"min_quantity": -1}, "INVALID"),
        ({"min_quantity": 11}, "INVALID"),
        ({"display_quantity": -1}, "INVALID"),
        ({"order_id": 3}, "DUPLICATE_CLIENT_ID"),
        ({"order_id": 4}, "DUPLICATE_CLIENT_ID"),
        ({"order_id": 1}, "DUPLICATE_CLIENT_ID"),
        ({"time_in_force": "GTD"}, "UNSUPPORTED"),
        ({"time_in_force": "OPG"}, "NOT_TRADING"),
        ({"display_quantity": 5, "hidden": True}, "UNSUPPORTED"),
        ({"display_quantity": 5, "min_quantity": 5}, "UNSUPPORTED"),
        ({"display_quantity": 5, "peg": "primary"}, "UNSUPPORTED"),
        ({"display_quantity": 1, "quantity": 2**21}, "UNSUPPORTED"),
        ({"peg": "midpoint", "peg_offset": 0.01}, "INVALID"),
        ({"peg": "primary", "time_in_force": "FOK"}, "UNSUPPORTED"),
        ({"peg": "primary", "time_in_force": "CLS"}, "UNSUPPORTED"),
        ({"peg": "primary", "peg_offset": "0.005"}, "PRICE_OUT_OF_RANGE"),
        ({"peg": "primary", "price": "9.005"}, "PRICE_OUT_OF_RANGE"),
        ({"hidden": True, "time_in_force": "CLS"}, "UNSUPPORTED"),
        ({"post_only": True, "time_in_force": "CLS"}, "UNSUPPORTED"),
        ({"post_only": True, "price": None}, "WOULD_CROSS"),
        ({"post_only": True, "stop_price": 11}, "UNSUPPORTED"),
        ({"stop_price": 11, "time_in_force": "IOC"}, "UNSUPPORTED"),
        ({"stop_price": 11, "time_in_force": "FOK"}, "UNSUPPORTED"),
        ({"stop_price": 11, "time_in_force": "CLS"}, "UNSUPPORTED"),
        ({"stop_price": 11, "hidden": True}, "UNSUPPORTED"),
        ({"stop_price": 11, "min_quantity": 5}, "UNSUPPORTED"),
        ({"stop_price": "11.005"}, "PRICE_OUT_OF_RANGE"),
        ({"stop_price": 0}, "PRICE_OUT_OF_RANGE"),
        ({"stop_price": -1}, "PRICE_OUT_OF_RANGE"),
        ({"stop_price": 9_000_000_000}, "PRICE_OUT_OF_RANGE"),
        ({"price": 9_000_000_000, "hidden": True}, "PRICE_OUT_OF_RANGE"),
        ({"price": -9, "hidden": True}, "PRICE_OUT_OF_RANGE"),
    ],
)
def test_terms_that_are_refused_change_nothing(terms, reason):
    engine = full()
    before = engine.state_hash(), engine.waiting(), engine.book.orders().tolist()
    result = engine.submit(**{"order_id": 50, "side": "buy", "quantity": 10, "price": 9.00, **terms})
    assert outcome(result) == ("REJECTED", 0, terms.get("quantity", 10), reason)
    assert result.events == []
    assert (engine.state_hash(), engine.waiting(), engine.book.orders().tolist()) == before


ODD_PRICES = [math.nan, math.inf, -math.inf, 1e308, True, "ten", "", b"10", 0.1 + 0.2, 10**10, 2**63, [], object()]
ODD_NUMBERS = [1.0, math.nan, True, "1", None, 2**63, -(2**63) - 1, [], b"1"]
ODD_FLAGS = [1, 0, "yes", None, 1.0]
ODD_NAMES = ["", "Midpoint", 1, True, [], b"primary", "中"]


def no_none(values):
    return [value for value in values if value is not None]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("order_id", ODD_NUMBERS),
        ("side", ["BUY", "", None, 0, 2, True, 1.0, []]),
        ("quantity", ODD_NUMBERS),
        ("price", ODD_PRICES),
        ("time_in_force", [*ODD_NAMES, None]),
        ("post_only", ODD_FLAGS),
        ("hidden", ODD_FLAGS),
        ("all_or_none", ODD_FLAGS),
        ("display_quantity", no_none(ODD_NUMBERS)),
        ("min_quantity", ODD_NUMBERS),
        ("stop_price", ODD_PRICES),
        ("peg", ODD_NAMES),
        ("owner", [*ODD_NUMBERS, -1, 65536]),
    ],
)
def test_misuse_of_submit(name, values):
    engine = full()
    before = engine.state_hash()
    for value in values:
        with pytest.raises((TypeError, ValueError), match=name):
            engine.submit(**{"order_id": 50, "side": "buy", "quantity": 10, "price": 9.00, name: value})
    assert engine.state_hash() == before


@pytest.mark.parametrize("offset", no_none(ODD_PRICES))
def test_misuse_of_a_pegs_offset(offset):
    engine = full()
    before = engine.state_hash()
    if offset not in ("", []):  # nothing: no offset
        with pytest.raises((TypeError, ValueError), match="peg_offset"):
            engine.submit(50, "buy", 10, peg="primary", peg_offset=offset)
    with pytest.raises(ValueError, match="peg_offset"):
        engine.submit(50, "buy", 10, 9.00, peg_offset=0.01)
    with pytest.raises(ValueError, match="stop_price"):
        engine.submit(50, "buy", 10, 9.00, peg="primary", stop_price=11)
    assert engine.state_hash() == before


@pytest.mark.parametrize(
    ("method", "name", "values"),
    [
        ("cancel", "order_id", ODD_NUMBERS),
        ("replace", "order_id", ODD_NUMBERS),
        ("replace", "open_quantity", ODD_NUMBERS),
        ("replace", "price", ODD_PRICES),
        ("set_phase", "phase", [*ODD_NAMES, None, "call"]),
        ("indicative", "reference", [*ODD_PRICES, 0, -1]),
        ("auction", "reference", [*ODD_PRICES, 0, -1]),
        ("set_reference", "bid", [*ODD_PRICES, 0, -1, -9_000_000_000]),
        ("set_reference", "ask", [*ODD_PRICES, 0, -1, -9_000_000_000]),
        ("set_reference", "own", ODD_FLAGS),
        ("set_band", "low", [*ODD_PRICES, 0, -1, 11]),
        ("set_band", "high", [*ODD_PRICES, 0, -1, 8]),
        ("set_band", "low", [None]),
        ("set_band", "high", [None]),
    ],
)
def test_misuse_of_the_rest(method, name, values):
    good = {
        "cancel": {},
        "replace": {"order_id": 1, "open_quantity": 5},
        "set_band": {"low": 9, "high": 10},
    }
    engine = full()
    if method == "auction":
        engine.set_phase("opening_call")
    before = engine.state_hash(), engine.phase, engine.waiting()
    for value in values:
        with pytest.raises((TypeError, ValueError), match=name):
            getattr(engine, method)(**{**good.get(method, {}), name: value})
    assert (engine.state_hash(), engine.phase, engine.waiting()) == before


def test_misuse_of_the_reference_and_of_an_engine():
    with pytest.raises(ValueError, match="own"):
        full().set_reference(10, 11, own=True)
    for terms in ({"lot": 0}, {"lot": -1}, {"lot": 1.0}, {"own_orders": "all"}, {"stop_trigger": 1}):
        with pytest.raises((TypeError, ValueError), match=next(iter(terms))):
            MatchingEngine(**terms)


def test_sums_at_the_limit_of_int64_stand():
    engine = MatchingEngine()
    largest = "9223372036.85"
    engine.set_reference(largest, largest)
    engine.submit(1, "buy", INT64_MAX, peg="primary", peg_offset=largest)
    engine.submit(2, "sell", INT64_MAX, peg="market", peg_offset=largest)
    engine.submit(3, "sell", INT64_MAX, peg="midpoint")
    engine.submit(4, "sell", INT64_MAX, peg="primary", peg_offset="-" + largest)
    engine.submit(5, "buy", INT64_MAX, 10.00, peg="primary", peg_offset=largest)
    assert at(engine) == {1: None, 2: None, 3: 922_337_203_685, 4: None, 5: None}
    engine = call(("buy", INT64_MAX, 10.00), ("buy", INT64_MAX, 10.01), ("sell", INT64_MAX, 10.00))
    assert engine.auction(largest)[0] == (cents(10.01), INT64_MAX, 0)


# ---- against the twin


@lru_cache(maxsize=4096)
def decimal(price_e9):
    return None if price_e9 is None else Decimal(price_e9).scaleb(-9)


def told(events):
    return [(*event[:6], event.reason.name) for event in events]


class Ledger:
    """What became of every share, from what the engine alone says."""

    def __init__(self):
        self.side = {}
        self.open = {}
        self.volume = 0

    def events(self, events):
        for event in events:
            if event.kind == "trade":
                assert self.side[event.order_id] == -self.side[event.other_id]
                self.volume += event.quantity
                self.lose(event.order_id, event.quantity)
                self.lose(event.other_id, event.quantity)
            elif event.kind != "triggered":
                self.lose(event.order_id, event.quantity)

    def lose(self, order_id, quantity):
        """Nobody fills, or ends, what is not there."""
        assert quantity > 0
        self.open[order_id] -= quantity
        assert self.open[order_id] >= 0
        if self.open[order_id] == 0:
            del self.open[order_id], self.side[order_id]


class Pair:
    """The engine and its twin, under the same commands."""

    def __init__(self, capacity=1 << 12, **terms):
        self.engine = MatchingEngine(ticks=4096, capacity=capacity, **terms)
        self.twin = Exchange(capacity=capacity, **terms)
        self.ledger = Ledger()

    def __call__(self, command):
        """Runs a command on both and compares all that can be seen."""
        getattr(self, command[0])(*command[1:])
        self.compare()

    def result(self, order_id, side, before, result, expected):
        got = (
            str(result.status),
            result.filled_quantity,
            result.leaves_quantity,
            result.reason.name,
            told(result.events),
        )
        assert got == expected
        own = [e for e in result.events if e.kind == "trade" and e.order_id == order_id]
        fills = [(e.other_id, e.price_e9, e.quantity) for e in own]
        assert result.fills == fills[: len(result.fills)]
        assert sum(fill[2] for fill in result.fills) == result.filled_quantity
        if got[0] == "REJECTED":
            assert not result.events
            return
        self.ledger.open[order_id], self.ledger.side[order_id] = before, side
        self.ledger.events(result.events)
        if got[0] == "CANCELED":
            self.ledger.lose(order_id, result.leaves_quantity)

    def submit(self, terms):
        order_id, side, quantity = terms["order_id"], terms["side"], terms["quantity"]
        expected = self.twin.submit(**terms)
        result = self.engine.submit(
            order_id,
            side,
            quantity,
            decimal(terms.get("price_e9")),
            terms.get("tif", "DAY"),
            post_only=terms.get("post_only", False),
            display_quantity=terms.get("display"),
            hidden=terms.get("hidden", False),
            all_or_none=terms.get("all_or_none", False),
            min_quantity=terms.get("min_quantity", 0),
            stop_price=decimal(terms.get("stop_e9")),
            peg=terms.get("peg"),
            peg_offset=decimal(terms.get("offset_e9", 0)),
            owner=terms.get("owner", 0),
        )
        self.result(order_id, 1 if side == "buy" else -1, quantity, result, expected)

    def cancel(self, order_id):
        expected, _ = self.twin.cancel(order_id)
        if expected is None:
            with pytest.raises(UnknownOrder):
                self.engine.cancel(order_id)
            return
        assert self.engine.cancel(order_id) == expected
        happened = self.engine.events
        assert told(happened) == self.twin.events
        assert self.ledger.open[order_id] == expected
        self.ledger.lose(order_id, expected)
        self.ledger.events(happened)

    def replace(self, order_id, open_quantity, price_e9):
        old = self.twin.by_id.get(order_id)
        side = old.side if old else 0
        expected = self.twin.replace(order_id, open_quantity, price_e9)
        result = self.engine.replace(order_id, open_quantity, decimal(price_e9))
        self.result(order_id, side, open_quantity, result, expected)

    def phase(self, phase):
        if phase == "continuous" and (self.twin.phase in CALLS or self.twin.crossed):
            before = self.engine.state_hash()
            with pytest.raises(ValueError, match="phase"):
                self.engine.set_phase(phase)
            assert self.engine.state_hash() == before
            return
        self.tell(self.engine.set_phase(phase), self.twin.set_phase(phase))

    def reference(self, bid_e9, ask_e9, own=False):
        self.tell(
            self.engine.set_reference(decimal(bid_e9), decimal(ask_e9), own=own),
            self.twin.set_reference(bid_e9, ask_e9, own),
        )

    def band(self, low_e9, high_e9):
        self.tell(self.engine.set_band(decimal(low_e9), decimal(high_e9)), self.twin.set_band(low_e9, high_e9))

    def auction(self, reference_e9=None):
        assert self.engine.indicative(decimal(reference_e9)) == self.twin.indicative(reference_e9)
        if self.twin.phase not in CALLS:
            with pytest.raises(ValueError, match="auction"):
                self.engine.auction(decimal(reference_e9))
            return
        expected, events = self.twin.auction(reference_e9)
        found, happened = self.engine.auction(decimal(reference_e9))
        assert found == expected
        self.tell(happened, events)

    def tell(self, happened, expected):
        assert told(happened) == expected
        self.ledger.events(happened)

    def compare(self):
        engine, twin = self.engine, self.twin
        engine.check_invariants()
        assert engine.book.orders().tolist() == twin.orders()
        assert engine.waiting() == twin.waiting()
        assert (engine.trades, engine.volume, engine.last_price_e9) == (
            twin.trades,
            twin.volume,
            twin.last_price_e9,
        )
        assert engine.phase == twin.phase
        assert len(engine) == len(twin.by_id) == len(self.ledger.open)
        assert self.ledger.volume == engine.volume

    def close(self):
        """All that is open, reserves included, is what was submitted and has neither traded nor ended."""
        self.twin.check()
        self.engine.set_phase("halted")
        for order_id, open_quantity in self.ledger.open.items():
            assert self.engine.cancel(order_id) == open_quantity
        assert len(self.engine) == 0
        self.engine.check_invariants()


KINDS = {
    "plain": 4,
    "iceberg": 1,
    "post_only": 1,
    "hidden": 2,
    "primary": 1,
    "midpoint": 1,
    "market": 1,
    "all_or_none": 1,
    "minimum": 1,
    "stop": 1,
    "on_auction": 0.3,
    "immediate": 1,
    "odd": 0.3,
}
#: What a stream is about: the kinds of order that come more often, and how often the market itself is commanded.
FOCUS = {
    "mixed": ({}, 0.03, {}),
    "hidden": ({"hidden": 12, "iceberg": 4}, 0.01, {}),
    "iceberg": ({"iceberg": 12, "minimum": 2}, 0.01, {}),
    "post_only": ({"post_only": 12, "hidden": 4}, 0.01, {}),
    "primary": ({"primary": 12}, 0.05, {}),
    "midpoint": ({"midpoint": 12}, 0.1, {}),
    "market": ({"market": 12}, 0.05, {}),
    "all_or_none": ({"all_or_none": 12}, 0.01, {}),
    "minimum": ({"minimum": 12}, 0.01, {}),
    "stop": ({"stop": 12}, 0.02, {}),
    "stop_by_quote": ({"stop": 12}, 0.05, {"stop_trigger": "quote"}),
    "auction": ({"on_auction": 8}, 0.15, {}),
    "band": ({}, 0.1, {}),
    "lot": ({}, 0.02, {"lot": 5}),
    "cancel_newest": ({}, 0.02, {"own_orders": "cancel_newest"}),
    "cancel_oldest": ({}, 0.02, {"own_orders": "cancel_oldest"}),
    "cancel_both": ({}, 0.02, {"own_orders": "cancel_both"}),
    "decrement": ({}, 0.02, {"own_orders": "decrement"}),
    "full": ({}, 0.02, {"capacity": 6, "own_orders": "cancel_oldest"}),
}


def any_order(rng, order_id, kinds, weights, middle, lot):
    """Terms of an order of some kind, most of them good."""
    kind = rng.choices(kinds, weights)[0]

    def near():
        return (middle + rng.randint(-4, 4)) * CENT

    quantity = lot * rng.randint(1, 12)
    order = {
        "order_id": order_id,
        "side": rng.choice(("buy", "sell")),
        "quantity": quantity,
        "price_e9": near() if rng.random() < 0.9 else None,
        "owner": rng.randint(0, 2),
    }
    if kind == "iceberg":
        order["display"] = rng.randint(1, quantity)
    elif kind == "post_only":
        order["post_only"] = True
    elif kind == "hidden":
        order["hidden"] = True
        order["post_only"] = rng.random() < 0.1
    elif kind in ("primary", "midpoint", "market"):
        order["peg"] = kind
        order["price_e9"] = None if rng.random() < 0.5 else order["price_e9"]
        if kind != "midpoint":
            order["offset_e9"] = rng.randint(-2, 2) * CENT
        if rng.random() < 0.2:
            order["min_quantity"] = rng.randint(1, quantity)
        order["post_only"] = rng.random() < 0.1
        order["tif"] = "IOC" if rng.random() < 0.15 else "DAY"
    elif kind == "all_or_none":
        order["all_or_none"] = True
        order["hidden"] = rng.random() < 0.3
        order["post_only"] = rng.random() < 0.1
    elif kind == "minimum":
        order["min_quantity"] = rng.randint(1, quantity)
        order["tif"] = "IOC" if rng.random() < 0.3 else "DAY"
    elif kind == "stop":
        order["stop_e9"] = near()
        order["price_e9"] = near() if rng.random() < 0.5 else None
        if rng.random() < 0.2:
            order["display"] = rng.randint(1, quantity)
    elif kind == "on_auction":
        order["tif"] = rng.choice(("OPG", "CLS"))
    elif kind == "immediate":
        order["tif"] = rng.choice(("IOC", "FOK"))
    elif kind == "odd":
        order.update(
            rng.choice(
                (
                    {"quantity": 0},
                    {"quantity": quantity + 1},
                    {"price_e9": near() + 1},
                    {"price_e9": 0},
                    {"tif": "GTD"},
                    {"min_quantity": quantity + 1},
                    {"min_quantity": -1},
                    {"display": -1},
                    {"display": 3, "hidden": True},
                    {"hidden": True, "tif": "CLS"},
                    {"peg": "midpoint", "offset_e9": CENT},
                    {"peg": "primary", "tif": "FOK"},
                    {"stop_e9": near(), "post_only": True},
                    {"stop_e9": near(), "tif": "IOC"},
                )
            )
        )
    return order


def of_the_market(rng, phase, middle):
    """A command to the market as a whole."""

    def near(spread):
        return (middle + rng.randint(-spread, spread)) * CENT + rng.choice((0, 0, 0, HALF))

    draw = rng.random()
    if draw < 0.35:
        if rng.random() < 0.3:
            return "reference", None, None, True
        bid, ask = near(2), near(2)
        if rng.random() < 0.7 and bid > ask:
            bid, ask = ask, bid
        return "reference", None if rng.random() < 0.1 else bid, None if rng.random() < 0.1 else ask
    if draw < 0.55:
        if rng.random() < 0.5:
            return "band", None, None
        return "band", (middle - rng.randint(0, 4)) * CENT, (middle + rng.randint(0, 4)) * CENT
    if draw < 0.75:
        return "auction", None if rng.random() < 0.3 else near(4)
    if phase == "continuous":
        return "phase", rng.choice(("opening_call", "closing_call", "halted", "closed"))
    return "phase", rng.choice(("continuous", "continuous", "opening_call", "halted"))


def run_stream(focus, seed, n):
    """A random stream about `focus` through both; its trades."""
    rng = random.Random(f"{focus} {seed}")
    more, market, terms = FOCUS[focus]
    kinds = list(KINDS)
    weights = [more.get(kind, KINDS[kind]) for kind in kinds]
    if focus == "mixed":
        terms = {
            "own_orders": rng.choice(("trade", "cancel_newest", "cancel_oldest", "cancel_both", "decrement")),
            "stop_trigger": rng.choice(("last", "quote")),
            "lot": rng.choice((1, 1, 4)),
        }
    pair = Pair(**terms)
    middle = 1000
    for k in range(1, n + 1):
        phase = pair.twin.phase
        live = list(pair.twin.by_id)
        draw = rng.random()
        if draw < market or (phase != "continuous" and draw < 0.12):
            if phase in CALLS and rng.random() < 0.5:
                command = "auction", (middle + rng.randint(-4, 4)) * CENT
            elif phase not in ("continuous", *CALLS) and rng.random() < 0.6:
                command = "phase", "opening_call" if pair.twin.crossed else "continuous"
            else:
                command = of_the_market(rng, phase, middle)
        elif live and (draw > 0.8 or len(live) > 30):
            command = "cancel", rng.choice(live)
        elif live and draw > 0.72:
            old = pair.twin.by_id[rng.choice(live)]
            price = None if rng.random() < 0.5 else (middle + rng.randint(-4, 4)) * CENT
            command = "replace", old.order_id, max(0, old.quantity + rng.randint(-3, 3)), price
        elif draw > 0.715:
            command = "cancel", -k
        elif draw > 0.71:
            command = "replace", -k, 5, None
        else:
            order_id = rng.choice(live) if live and rng.random() < 0.01 else k
            command = "submit", any_order(rng, order_id, kinds, weights, middle, pair.twin.lot)
        if rng.random() < 0.02:
            middle += rng.choice((-1, 1))
        try:
            pair(command)
        except Exception as error:
            error.add_note(f"focus {focus}, seed {seed}, command {k}: {command}")
            raise
    pair.close()
    return pair.twin.trades


@pytest.mark.parametrize("focus", FOCUS)
def test_a_stream_about_each_kind_equals_the_twin(focus):
    assert run_stream(focus, 1, 1500) > 100


rare = st.sampled_from([False] * 5 + [True])
price = st.integers(998, 1002).map(lambda t: t * CENT)
terms = st.fixed_dictionaries(
    {"order_id": st.integers(1, 25), "side": st.sampled_from(["buy", "sell"]), "quantity": st.integers(1, 12)},
    optional={
        "price_e9": st.one_of(st.none(), price, price, price),
        "tif": st.sampled_from(["DAY", "DAY", "DAY", "GTC", "IOC", "FOK", "GTD", "OPG", "CLS"]),
        "post_only": rare,
        "display": st.integers(0, 4),
        "hidden": rare,
        "all_or_none": rare,
        "min_quantity": st.sampled_from([0, 0, 0, 1, 3, 8]),
        "owner": st.integers(0, 2),
    },
)
pegged = st.builds(
    lambda order, peg, offset: {
        **{k: v for k, v in order.items() if k != "display"},
        "peg": peg,
        "offset_e9": offset if peg != "midpoint" else 0,
    },
    terms,
    st.sampled_from(["primary", "midpoint", "market"]),
    st.sampled_from([0, 0, CENT, -CENT, 2 * CENT]),
)
stops = st.builds(
    lambda order, stop: (
        {k: v for k, v in order.items() if k not in ("hidden", "all_or_none", "min_quantity")} | {"stop_e9": stop}
    ),
    terms,
    price,
)
submits = st.one_of(terms, terms, terms, pegged, stops).map(lambda order: ("submit", order))
reference_price = st.one_of(st.none(), price, price.map(lambda p: p + HALF))
the_market = st.one_of(
    st.tuples(
        st.just("phase"),
        st.sampled_from(["continuous", "continuous", "opening_call", "closing_call", "halted", "closed"]),
    ),
    st.tuples(st.just("auction"), st.one_of(st.none(), price)),
    st.tuples(st.just("reference"), reference_price, reference_price),
    st.just(("reference", None, None, True)),
    st.tuples(st.just("band"), price, st.integers(0, 4)).map(lambda b: ("band", b[1], b[1] + b[2] * CENT)),
    st.just(("band", None, None)),
)
any_command = st.one_of(
    submits,
    submits,
    submits,
    submits,
    submits,
    st.tuples(st.just("cancel"), st.integers(1, 25)),
    st.tuples(st.just("replace"), st.integers(1, 25), st.integers(0, 15), st.one_of(st.none(), price)),
    the_market,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["trade", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"]),
    st.sampled_from(["last", "quote"]),
    st.sampled_from([6, 100]),
    st.lists(any_command, max_size=50),
)
def test_any_stream_equals_the_twin(own_orders, stop_trigger, capacity, commands):
    pair = Pair(capacity=capacity, own_orders=own_orders, stop_trigger=stop_trigger)
    for command in commands:
        pair(command)
    pair.close()


@pytest.mark.skipif(not os.environ.get("GRANDMODEL_LONG"), reason="long form: set GRANDMODEL_LONG=1")
@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("focus", FOCUS)
def test_a_million_commands_equal_the_twin(focus, seed):
    assert run_stream(focus, seed, 6000) > 400
