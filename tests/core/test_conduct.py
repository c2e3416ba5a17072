"""The checks in the engine: what they see of an order's moment, what they count and when, and trades with oneself."""

import numpy as np
import pytest
from support import E9, START_NS, make_core, order, resting

from grandmodel.execution._core.clock import NativeClock
from grandmodel.execution._core.records import REFUSAL_DTYPE
from grandmodel.execution._core.values import CHECKS, OrderStateError, Reason, RiskLimitBreached

SELF_MATCH = next(bit for bit, name, *_ in CHECKS if name == "self_match")


def core_with(**limits):
    clock = NativeClock(simulated=True, start_ns=START_NS)
    core, gate = make_core(limits=limits, clock=clock, events_per_second=0.001)
    core.touch("AAPL")
    return core, gate, clock


def refused(gate, given, check):
    with pytest.raises(RiskLimitBreached) as caught:
        gate.submit_order(given)
    row = gate.core.journal.rows(5)[-1]
    names = {name for bit, name, *_ in CHECKS if int(row["failed_checks"]) & bit}
    assert names == {check}
    assert check in str(caught.value)
    return caught.value


def small(**changes):
    return resting(quantity=1, **changes)


# ---- what is counted, and when


def test_the_rate_counts_orders_that_were_accepted_and_replaces_and_slides_with_the_engines_time():
    core, gate, clock = core_with(max_messages=3, rate_ns=E9, max_order_size=10)
    first = gate.submit_order(small())
    refused(gate, resting(quantity=50), "order_size")  # an order that is refused is no message
    core.replace(int(first), 2)
    gate.submit_order(small())
    assert core.portfolio.account()["messages"] == 3
    error = refused(gate, small(), "message_rate")
    assert "message_rate 4 above 3" in str(error)
    with pytest.raises(RiskLimitBreached, match="message_rate"):
        core.replace(int(first), 3)
    core.cancel(int(first))  # a cancel is never in anybody's way
    clock.advance_to(START_NS + E9 - 1)
    refused(gate, small(), "message_rate")
    clock.advance_to(START_NS + E9)
    gate.submit_order(small())


def test_a_parents_children_are_its_messages():
    core, gate, _ = core_with(max_messages=2)
    parent = core.submit_parent(order(quantity=100), "vwap")
    assert core.portfolio.account()["messages"] == 0
    for _ in range(2):
        core.submit_child(parent.order_id, 10, 140 * E9)
    with pytest.raises(RiskLimitBreached, match="message_rate"):
        core.submit_child(parent.order_id, 10, 140 * E9)


def test_a_repetition_is_one_of_an_order_that_was_accepted():
    core, gate, clock = core_with(duplicate_ns=E9, max_order_size=10)
    refused(gate, resting(quantity=50), "order_size")
    core.limits.set(duplicate_ns=E9)
    gate.submit_order(resting(quantity=50))  # the one before was refused, and does not count
    assert "duplicate_order: duplicate" in str(refused(gate, resting(quantity=50), "duplicate"))
    gate.submit_order(resting(quantity=50, account=1))
    gate.submit_order(resting(quantity=51))
    gate.submit_order(resting(quantity=50, limit_price=140.01))
    gate.submit_order(resting(quantity=50, side="sell", limit_price=190.0))
    clock.advance_to(START_NS + E9 - 1)
    refused(gate, resting(quantity=50), "duplicate")
    clock.advance_to(START_NS + E9)
    gate.submit_order(resting(quantity=50))
    parent = core.submit_parent(order(quantity=100), "vwap")
    for _ in range(3):
        core.submit_child(parent.order_id, 10, 139 * E9)  # slices are alike by nature


def test_stops_at_other_prices_are_no_repetition():
    core, gate, _ = core_with(duplicate_ns=E9)
    stop = order(quantity=5, side="sell", order_type="stop", stop_price=100.0)
    gate.submit_order(stop)
    gate.submit_order({**stop, "stop_price": 99.0})
    refused(gate, stop, "duplicate")


def test_open_orders_come_and_go():
    core, gate, _ = core_with(max_open_orders=2)
    tickets = [gate.submit_order(small()) for _ in range(2)]
    assert "open_orders 3 above 2" in str(refused(gate, small(), "open_orders"))
    gate.submit_order(small(account=1))
    core.cancel(int(tickets[0]))
    gate.submit_order(small())
    refused(gate, small(), "open_orders")


def test_orders_of_a_list_count_one_another():
    for limits in ({"max_messages": 1}, {"max_open_orders": 1}, {"daily_orders": 1}):
        core, gate, _ = core_with(**limits)
        legs = [small(), small(side="sell", limit_price=190.0)]
        with pytest.raises(RiskLimitBreached, match=r"orders\[1\]"):
            core.submit_list(legs, 1)
        assert core.open_orders() == []
        core.limits.set(**{name: 2 for name in limits})
        assert len(core.submit_list(legs, 1)) == 2


# ---- an order's moment


def test_the_collar_and_the_touch():
    core, gate, _ = core_with(collar_bps=50)
    quote = core.quote("AAPL")
    limit = round(quote.mid * 1.005 - 0.02, 2)
    gate.submit_order(order(quantity=1, order_type="limit", limit_price=limit))
    refused(gate, order(quantity=1, order_type="limit", limit_price=round(quote.mid * 1.005 + 0.03, 2)), "price_collar")
    refused(gate, order(quantity=1, side="sell", order_type="limit", limit_price=round(quote.mid * 0.995 - 0.03, 2)), "price_collar")
    gate.submit_order(small(limit_price=1.0))
    live = gate.submit_order(small())
    with pytest.raises(RiskLimitBreached, match="price_collar"):
        core.replace(int(live), 1, round(quote.mid * 1.2) * E9)
    gate.submit_order(order(quantity=1, side="buy", order_type="stop", stop_price=400.0))  # looked at when it is let out


def test_quotes_that_are_old_or_not_there():
    core, gate, clock = core_with(max_age_ns=10 * E9)
    for name in core.venues.names:
        core.venues.set_quote("AAPL", name, time_ns=START_NS)
    refused(gate, small(), "stale_quote")
    core.venues.set_quote("AAPL", "NYSE", 149 * E9, 151 * E9, 100, 100, time_ns=START_NS)
    gate.submit_order(small())
    assert core.venues.quote("AAPL").time_ns == START_NS
    core.limits.set(max_age_ns=0)
    clock.advance_to(START_NS + 1)
    assert "1e-09 seconds above 0 seconds" in str(refused(gate, small(), "stale_quote"))


def test_a_halt_stops_orders_and_lets_cancels_through():
    core, gate, _ = core_with(halts=True)
    ticket = gate.submit_order(small())
    held = gate.submit_order(order(quantity=1, side="sell", order_type="stop", stop_price=100.0))
    before = core.venues.updates
    core.venues.halt("AAPL", "NYSE", True)
    assert (core.venues.is_halted("AAPL"), core.venues.is_halted("MSFT")) == (True, False)
    assert core.venues.updates == before + 1
    assert "market_halted: halted" in str(refused(gate, small(), "halted"))
    with pytest.raises(RiskLimitBreached, match="halted"):
        core.replace(int(ticket), 5)
    core.cancel(int(ticket))
    assert held.status == "NEW"
    gate.submit_order(small(symbol="MSFT"))
    core.venues.halt("AAPL", "NYSE", False)
    gate.submit_order(small())


def test_a_stop_waits_for_the_end_of_a_halt():
    core, gate, _ = core_with(halts=True)
    stop = gate.submit_order(order(quantity=1, side="sell", order_type="stop", stop_price=149.0, trigger="bid_ask"))
    core.venues.halt("AAPL", "NYSE")
    for name in core.venues.names:
        core.venues.set_quote("AAPL", name, 140 * E9, 141 * E9, 100, 100, time_ns=START_NS)
    core.advance(START_NS + 1)
    assert stop.status == "NEW"
    core.venues.halt("AAPL", "NYSE", False)
    core.advance(START_NS + 2)
    assert stop.status != "NEW"


def test_short_sales_and_bars():
    core, gate, _ = core_with(restricted=["JPM"], long_only=["MSFT"], located={"AAPL": 10, "MSFT": 99})
    refused(gate, small(symbol="JPM", limit_price=140.0), "restricted")
    refused(gate, small(symbol="MSFT", side="sell", limit_price=400.0), "long_only")
    gate.submit_order(resting(quantity=10, side="sell", limit_price=190.0))
    refused(gate, small(side="sell", limit_price=190.0), "locate")
    gate.submit_order(small())


def test_gross_and_net_exposure_of_the_engine():
    core, gate, _ = core_with(max_gross_e9=20_000 * E9)
    gate.submit_order(resting(quantity=100))  # at the mark of 150: 15,000
    refused(gate, resting(quantity=100, limit_price=130.0), "gross_exposure")
    gate.submit_order(resting(quantity=100, side="sell", limit_price=190.0))  # never both
    assert core.portfolio.account()["gross_exposure_e9"] == pytest.approx(15_000 * E9, rel=1e-3)
    core.limits.set(max_net_e9=16_000 * E9)
    refused(gate, resting(quantity=10, symbol="MSFT", limit_price=250.0), "net_exposure")
    core.limits.set(max_volume=0.5)
    refused(gate, small(), "daily_volume")


# ---- own orders on the other side


def sell(**changes):
    return order(**{"side": "sell", "order_type": "limit", "limit_price": 160.0, "quantity": 100, "venue": None, **changes})


def both_at_one_venue(mode, **limits):
    """A core with one venue, and an own sell of 100 at 160 that rests there."""
    clock = NativeClock(simulated=True, start_ns=START_NS)
    core, gate = make_core(
        limits={"self_match": mode, **limits}, clock=clock, events_per_second=0.001,
        disabled=("NASDAQ", "ARCA", "BATS", "IEX", "EDGX"),
    )  # fmt: skip
    core.venues.set_quote("AAPL", "NYSE", 149 * E9, 170 * E9, 1000, 1000, time_ns=START_NS)
    rest = gate.submit_order(sell())
    return core, gate, rest


def state(ticket):
    found = ticket.order
    return str(found.status), found.quantity, found.leaves_quantity


def crossing(**changes):
    return order(**{"order_type": "limit", "limit_price": 160.0, "quantity": 30, **changes})


def test_off_it_is_off():
    core, gate, rest = both_at_one_venue(None)
    gate.submit_order(crossing())
    assert core.limits.configured == []


@pytest.mark.parametrize(
    ("given", "crosses"),
    [
        ({}, True), ({"limit_price": 159.99}, False), ({"limit_price": 200.0}, True),
        ({"order_type": "market", "limit_price": None}, True), ({"account": 1}, False), ({"symbol": "MSFT"}, False),
        ({"side": "sell"}, False), ({"post_only": True}, False),
    ],
)  # fmt: skip
def test_what_would_trade_with_an_own_order_is_refused(given, crosses):
    core, gate, rest = both_at_one_venue("cancel_newest")
    if crosses:
        error = refused(gate, crossing(**given), "self_match")
        assert error.failed_checks == ["self_match"]
        assert "self_match: self_match" in str(error)
    else:
        gate.submit_order(crossing(**given))
    assert state(rest) == ("NEW", 100, 100)


def test_a_bound_that_was_left_behind_is_looked_at_and_corrected():
    core, gate, rest = both_at_one_venue("cancel_newest")
    core.cancel(int(rest))
    gate.submit_order(crossing(quantity=1))  # nobody is there any more
    again = gate.submit_order(sell(limit_price=161.0))
    gate.submit_order(crossing(quantity=2))
    refused(gate, crossing(limit_price=161.0), "self_match")


def test_a_sell_meets_an_own_buy():
    core, gate, rest = both_at_one_venue("cancel_newest")
    low = gate.submit_order(resting(quantity=10))
    refused(gate, sell(limit_price=140.0), "self_match")
    refused(gate, sell(limit_price=130.0), "self_match")
    gate.submit_order(sell(limit_price=140.01, quantity=1))
    assert state(low) == ("NEW", 10, 10)


def test_the_resting_one_goes():
    core, gate, rest = both_at_one_venue("cancel_oldest")
    behind = gate.submit_order(sell(limit_price=159.0))
    away = gate.submit_order(sell(limit_price=165.0))
    new = gate.submit_order(crossing())
    assert new.status != "REJECTED"
    assert (state(rest)[0], state(behind)[0], state(away)[0]) == ("CANCELED", "CANCELED", "NEW")
    requests = core.journal.rows(6)
    assert set(requests["reason"].tolist()) == {int(Reason.SELF_MATCH)}
    order_of = core.journal.rows(2)["order_id"].tolist()
    assert order_of[-1] == int(new)  # they were asked before it was accepted


def test_both_go():
    core, gate, rest = both_at_one_venue("cancel_both")
    refused(gate, crossing(), "self_match")
    assert state(rest)[0] == "CANCELED"
    gate.submit_order(crossing())


def test_both_lose_the_smaller_quantity():
    core, gate, rest = both_at_one_venue("decrement")
    refused(gate, crossing(quantity=30), "self_match")  # nothing is left of it
    assert state(rest) == ("NEW", 70, 70)
    better = gate.submit_order(sell(limit_price=158.0, quantity=20))
    new = gate.submit_order(crossing(quantity=100))
    assert (state(better)[0], state(rest)[0]) == ("CANCELED", "CANCELED")
    assert new.order.quantity == 10
    third = gate.submit_order(sell(limit_price=170.0, quantity=50))
    part = gate.submit_order(sell(limit_price=168.0, quantity=5))
    refused(gate, crossing(quantity=15, limit_price=180.0), "self_match")
    assert (state(part)[0], state(third)) == ("CANCELED", ("NEW", 40, 40))  # the best price first
    refused(gate, crossing(quantity=15, limit_price=180.0, client_order_id="x"), "self_match")
    assert state(third) == ("NEW", 40, 40)  # an order with a name of its own stays what it is, or is refused


def test_a_replace_that_would_trade_with_an_own_order_is_refused_in_every_mode():
    for mode in ("cancel_newest", "cancel_oldest", "cancel_both", "decrement"):
        core, gate, rest = both_at_one_venue(mode)
        low = gate.submit_order(resting(quantity=10))
        with pytest.raises(RiskLimitBreached, match="self_match"):
            core.replace(int(low), 10, 160 * E9)
        core.replace(int(low), 10, 15_999 * E9 // 100)
        assert state(rest) == ("NEW", 100, 100)
        with pytest.raises(RiskLimitBreached, match=r"orders\[0\]"):
            core.submit_list([crossing(), sell(limit_price=190.0)], 1)


def test_children_and_stops_meet_own_orders_too():
    core, gate, rest = both_at_one_venue("cancel_newest")
    parent = core.submit_parent(order(quantity=100), "vwap")
    with pytest.raises(RiskLimitBreached, match="self_match"):
        core.submit_child(parent.order_id, 10, 160 * E9)
    stop = gate.submit_order(order(quantity=1, order_type="stop_limit", stop_price=140.0, limit_price=165.0, trigger="bid_ask"))
    assert stop.status == "NEW"  # its trigger is met, but it waits: let out it could trade with the sell at 160
    core.advance(START_NS + 1)
    assert (stop.status, stop.order.venue) == ("NEW", None)
    core.cancel(int(rest))
    core.venues.set_quote("AAPL", "NYSE", 149 * E9, 150 * E9, 1000, 1000, time_ns=START_NS)
    core.advance(START_NS + 2)
    assert stop.status == "FILLED"


def test_own_orders_at_another_venue_do_not_meet():
    core, gate = make_core(limits={"self_match": "cancel_newest"}, events_per_second=0.001)
    parent = core.submit_parent(order(quantity=100, side="sell"), "vwap")
    core.submit_child(parent.order_id, 10, 200 * E9, venue="IEX")
    other = core.submit_parent(order(quantity=100), "vwap")
    core.submit_child(other.order_id, 10, 200 * E9, venue="NYSE")
    with pytest.raises(RiskLimitBreached, match="self_match"):
        core.submit_child(other.order_id, 10, 200 * E9, venue="IEX")


def test_a_restart_knows_its_own_orders(tmp_path):
    def begin():
        return make_core(
            limits={"self_match": "cancel_newest", "max_messages": 3, "rate_ns": 3600 * E9, "duplicate_ns": 3600 * E9}, path=str(tmp_path / "log"),
            events_per_second=0.001, disabled=("NASDAQ", "ARCA", "BATS", "IEX", "EDGX"),
        )  # fmt: skip

    core, gate = begin()
    rest = gate.submit_order(sell(limit_price=190.0))
    core.close()
    core, gate = begin()
    refused(gate, crossing(limit_price=190.0), "self_match")
    refused(gate, sell(limit_price=190.0), "duplicate")  # the log has it
    assert core.portfolio.account()["messages"] == 1
    core.cancel(int(rest))
    with pytest.raises(OrderStateError):
        core.cancel(int(rest))
    core.close()


def test_no_trade_with_oneself_whatever_comes():
    """Random orders, replaces and cancels of two accounts at two venues: no own orders of one account ever cross at a venue."""
    random = np.random.default_rng(5)
    for mode in ("cancel_newest", "cancel_oldest", "cancel_both", "decrement"):
        core, gate = make_core(limits={"self_match": mode}, events_per_second=0.001, disabled=("ARCA", "BATS", "IEX", "EDGX"))
        parents = {
            (account, side): int(core.submit_parent(order(quantity=10**6, side=side, account=account), "vwap"))
            for account in (0, 1) for side in ("buy", "sell")
        }  # fmt: skip
        live, attempts = [], 0
        for _ in range(400):
            account, side = int(random.integers(2)), ("buy", "sell")[random.integers(2)]
            price = int(random.integers(100, 108)) * E9 + (100 * E9 if random.random() < 0.5 else 0)
            try:
                if live and random.random() < 0.2:
                    core.replace(live[random.integers(len(live))], int(random.integers(1, 50)), price)
                elif live and random.random() < 0.1:
                    core.cancel(live[random.integers(len(live))])
                else:
                    ticket = core.submit_child(parents[account, side], int(random.integers(1, 50)), price, venue=("NYSE", "NASDAQ")[random.integers(2)])
                    live.append(int(ticket))
            except RiskLimitBreached:
                attempts += 1
            except OrderStateError:
                pass
            found = {}
            for each in core.open_orders():
                if each.is_parent or each.venue is None:
                    continue
                sides = found.setdefault((each.account, each.venue), ([], []))
                sides[each.side == "sell"].append(each.limit_price_e9)
            for buys, sells in found.values():
                assert not buys or not sells or max(buys) < min(sells)
        requests = core.journal.rows(6)
        assert attempts + np.count_nonzero(requests["reason"] == int(Reason.SELF_MATCH)) > 20
    assert core.journal.rows(5).dtype == REFUSAL_DTYPE
