"""Latency and faults on order (cext/include/link.h, faults.h): when things arrive, what each fault comes to."""

from __future__ import annotations

import asyncio
import os
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import link as reference
from support import E9, START_NS, VENUES, make_core, order
from support_replay import ADD, DELETE, EXECUTE, at, engine, recording
from support_replay import order as order_of_x

from grandmodel.execution import OrderRejected, OrderStateError, Reason
from grandmodel.execution._core.link import DISTRIBUTIONS, FAULTS, LIES, LinkedMarket, arrivals, faults_on
from grandmodel.execution._core.records import is_booked
from grandmodel.execution._core.synthetic import SyntheticMarket
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config, order_manager_config
from grandmodel.execution.engine import make_core as make_configured
from grandmodel.execution.order_management.memory_optimized import MemoryOptimizedOrderManager
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.records_view import EventType, type_of

MS = 10**6
NAMES = [name for name, _ in VENUES]
ONE = (("NYSE", 1.5),)
TAKE_FEE_E9 = 1_500_000
FAR = {"out_ns": 3 * MS, "in_ns": 2 * MS, "feed_ns": MS}
BUY, SELL = 1, -1


def everywhere(path):
    return {"paths": dict.fromkeys(NAMES, path)}


def at_nyse(*script, path=FAR, **faults):
    """A core with one venue, NYSE, at a distance and with faults on order."""
    terms = {"script": script, **faults}
    return make_core(link={"paths": {"NYSE": path}, "faults": {"NYSE": terms}}, limits={}, fees=ONE)


def live(core, ns):
    """Lives on, counting everything afresh at each event."""
    until = core.clock.now_ns() + ns
    while core.clock.now_ns() < until:
        following = core.next_event_ns()
        core.advance(until if following is None else min(until, following))
        core.check_invariants(from_nothing=True)


def reports(core):
    return core.journal.rows(4)


def limit(price, **changes):
    return order(order_type="limit", limit_price=price, time_in_force="GTC", **changes)


def drive(core, gate, seed, steps=250, pause=10**8):
    """Random conduct; equal seeds are equal conduct as long as the core says the same."""
    r, ids = random.Random(seed), []
    for _ in range(steps):
        x = r.random()
        try:
            if x < 0.5:
                symbol = r.choice(["AAPL", "MSFT", "JPM"])
                bid = core.quote(symbol).bid_e9 or 150 * E9
                price = None if r.random() < 0.3 else round(bid / E9 + r.randint(-3, 4) / 100, 2)
                terms = {"symbol": symbol, "side": r.choice(["buy", "sell"]), "quantity": r.randint(1, 400)}
                kind = {"order_type": "limit" if price else "market", "limit_price": price}
                ids.append(gate.submit_order(order(**terms, **kind, time_in_force=r.choice(["DAY", "IOC"]))).order_id)
            elif x < 0.65 and ids:
                core.cancel(r.choice(ids[-20:]))
            elif x < 0.75 and ids:
                core.replace(r.choice(ids[-20:]), r.randint(1, 500))
            else:
                core.advance(core.clock.now_ns() + r.randint(1, pause))
        except (OrderStateError, OrderRejected):
            pass
    return core


# ---- ways


@given(
    seed=st.integers(0, 2**64 - 1),
    distribution=st.sampled_from(sorted(DISTRIBUTIONS)),
    way=st.sampled_from(["out", "in", "feed"]),
    venue=st.integers(0, 63),
    symbol=st.integers(-1, 5000),
    base=st.integers(0, 10**9),
    jitter=st.integers(0, 10**9),
    gaps=st.lists(st.integers(0, 10**8), max_size=60),
)
def test_arrivals_are_those_of_the_rule(seed, distribution, way, venue, symbol, base, jitter, gaps):
    path = {"distribution": distribution, "jitter_ns": 0 if distribution == "fixed" else jitter, f"{way}_ns": base}
    sent = np.cumsum(np.array(gaps, np.int64)) + START_NS
    found = arrivals(sent, way=way, venue=venue, symbol=symbol, seed=seed, path=path).tolist()
    expected = reference.arrivals(sent.tolist(), way=way, venue=venue, symbol=symbol, seed=seed, path=path)
    assert found == expected
    assert found == sorted(found)  # nothing overtakes
    assert all(due >= when + base for due, when in zip(found, sent.tolist(), strict=True))


@pytest.mark.parametrize("distribution", ["uniform", "exponential", "lognormal"])
def test_the_mean_of_what_is_added_is_the_jitter(distribution):
    sent = np.arange(200_000, dtype=np.int64) * 10**12  # so far apart that none waits for another
    added = arrivals(sent, seed=5, path={"jitter_ns": MS, "distribution": distribution, "out_ns": 7}) - sent - 7
    spread = {"uniform": 1 / np.sqrt(3), "exponential": 1.0, "lognormal": np.sqrt(np.e - 1)}[distribution]
    assert added.mean() == pytest.approx(MS, rel=4 * spread / np.sqrt(200_000))
    assert added.std() == pytest.approx(spread * MS, rel=0.05)
    assert added.min() >= 0


# ---- latency


def test_without_latency_and_faults_the_log_is_that_of_no_link():
    def log(link):
        core, gate = make_core(link=link, limits={}, seed=3)
        drive(core, gate, 3)
        core.advance(core.clock.now_ns() + 10**9)
        sha, told = core.journal.sha256(), core.statistics()
        quotes = [core.venues.quote(symbol).time_ns for symbol in ("AAPL", "MSFT")]
        tapes = [core.venues.tape(symbol) for symbol in ("AAPL", "MSFT")]
        return sha, told, quotes, tapes, core.venues.updates

    assert log(None) == log({})
    assert log(None)[1]["fills"] > 50


def test_every_kind_of_venue_and_order_goes_through_a_link():
    """Dark pools, wholesalers, hidden, pegged, minimum quantities: with latencies of 0 the log is that of no link."""
    terms = {"cost_per_share": 0.001, "order_types": ["market", "limit", "iceberg", "pegged_midpoint"]}
    takes = {**terms, "times_in_force": ["IOC", "FOK"], "instructions": ["post_only", "hidden", "min_quantity"]}
    routing = {
        "venues": {"NYSE": takes, "IEX": takes},
        "dark_pools": {"POOL": {"min_size": 100, "cost_per_share": 0.0005}},
        "wholesalers": {"RETAIL": {"cost_per_share": 0, "max_order_size": 1000}},
    }

    def log(**simulation):
        config = {"seed": 4, "routing": routing, "market": {"events_per_second": 200}, "enable_order_audit": False}
        made = order_manager_config({**config, "simulation": simulation})
        core = make_configured(made, clock=SimulatedClock(START_NS))
        om = OrderManager(engine=core)
        for k in range(40):
            side = "buy" if k % 2 else "sell"
            om.submit_order(order(side=side, quantity=300, venue="POOL"))
            om.submit_order(order(side=side, quantity=200, venue="RETAIL"))
            om.submit_order(limit(150.0, side=side, quantity=400, hidden=True, venue="NYSE"))
            om.submit_order(limit(150.0, side=side, quantity=400, min_quantity=200, venue="IEX"))
            om.submit_order(order(side=side, quantity=150, order_type="pegged_midpoint", venue="NYSE"))
            core.advance(core.clock.now_ns() + 50 * MS)
        core.check_invariants(from_nothing=True)
        return core.journal.sha256(), core.statistics()

    alone, linked = log(), log(latency={"out_us": 0})
    assert alone == linked
    assert alone[1]["fills"] > 100


def day_of_trades():
    rows = [(ADD, 1, SELL, 1000, 300), (ADD, 2, BUY, 995, 300), (ADD, 3, BUY, 996, 100), (EXECUTE, 1, SELL, 1000, 100)]
    rows += [(EXECUTE, 3, BUY, 996, 60), (ADD, 4, SELL, 999, 100), (DELETE, 1, SELL, 1000, 200)]
    rows += [(EXECUTE, 4, SELL, 999, 50)]
    return recording(*rows)


def test_a_recorded_market_without_latency_gives_the_log_of_no_link():
    def log(link):
        core, gate = engine(day_of_trades(), link=link)
        at(core, 3)
        for price in (996, 998, 1000):
            gate.submit_order(order_of_x("buy", 150, price))
        at(core, 9)
        return core.journal.sha256(), core.statistics()["fills"]

    assert log(None) == log({})
    assert log(None)[1] > 0


def test_an_order_is_at_its_venue_later_and_its_answer_here_later_still():
    core, gate = make_core(link=everywhere(FAR), limits={})
    ticket = gate.submit_order(limit(140.0))
    core.advance(START_NS + 5 * MS - 1)
    assert str(ticket.status) == "PENDING_NEW"
    core.advance(START_NS + 5 * MS)
    assert str(ticket.status) == "NEW"
    assert ticket.order.acknowledged_ns == START_NS + 3 * MS  # the venue's time
    core.cancel(ticket.order_id)
    live(core, 5 * MS - 1)
    assert str(ticket.status) == "PENDING_CANCEL"
    live(core, 1)
    assert str(ticket.status) == "CANCELED"


def test_what_is_seen_is_as_old_as_the_feed_is_slow():
    core, _ = make_core(link=everywhere({"feed_ns": 40 * MS}), limits={}, seed=9, events_per_second=400)
    venues = core.venues.twin()
    truth = SyntheticMarket(venues, [1] * len(VENUES), seed=9, start_ns=START_NS, events_per_second=400)
    differing = 0
    for step in range(1, 60):
        now = START_NS + step * 17 * MS
        core.advance(now)
        seen = core.quote("AAPL")
        truth.touch("AAPL", max(now - 40 * MS, START_NS))
        then = venues.quote("AAPL")
        if now >= START_NS + 40 * MS:
            shown = (seen.bid_e9, seen.ask_e9, seen.bid_quantity, seen.ask_quantity, seen.volume, seen.time_ns)
            assert shown == (then.bid_e9, then.ask_e9, then.bid_quantity, then.ask_quantity, then.volume, then.time_ns)
        quote = core.market.inner.venues.quote("AAPL")
        differing += (quote.bid_e9, quote.ask_e9, quote.bid_quantity) != (seen.bid_e9, seen.ask_e9, seen.bid_quantity)
    assert differing > 5  # the truth was another by then


def test_an_order_meets_the_market_as_it_is_when_it_arrives():
    rows = [(ADD, 1, SELL, 1000, 100), (ADD, 2, BUY, 990, 100), (DELETE, 1, SELL, 1000, 100), (ADD, 3, SELL, 1005, 100)]
    path = {"out_ns": 10**9, "in_ns": 5 * 10**8, "feed_ns": 10**8}
    core, gate = engine(recording(*rows), link={"paths": {"REC": path}})
    at(core, 2)
    core.advance(3 * 10**9 + 5 * 10**7)  # the offer has gone at second 3; nobody here knows for another 50 ms
    assert core.quote("X").ask_e9 == 10 * E9
    ticket = gate.submit_order(order_of_x("buy", 100))
    core.advance(4 * 10**9 + 5 * 10**7 + 5 * 10**8)
    row = core.fills(ticket.order_id)[0]
    assert (row["price_e9"], row["venue_time_ns"]) == (1005 * 10**7, 4 * 10**9 + 5 * 10**7)
    assert str(ticket.status) == "FILLED"


def test_a_cancel_that_crosses_a_fill_and_a_replace_that_comes_too_late():
    rows = [(ADD, 1, SELL, 1000, 100), (ADD, 2, BUY, 990, 100), (EXECUTE, 2, BUY, 990, 100), (EXECUTE, 2, BUY, 990, 1)]
    path = {"out_ns": 10**8, "in_ns": 10**8}
    for asks in ("cancel", "replace", "less"):
        core, gate = engine(recording(*rows), link={"paths": {"REC": path}})
        at(core, 2)
        ticket = gate.submit_order(order_of_x("buy", 50, 991))
        core.advance(3 * 10**9 + 5 * 10**7)  # it has traded at second 3, the report is on its way
        assert str(ticket.status) == "NEW"
        if asks == "cancel":
            core.cancel(ticket.order_id)
        else:
            core.replace(ticket.order_id, 80 if asks == "replace" else 20)
        core.advance(3 * 10**9 + 10**8)
        assert (ticket.order.filled_quantity, str(ticket.status)[:7]) == (50, "PENDING")
        core.advance(5 * 10**9)
        assert (str(ticket.status), ticket.order.filled_quantity, ticket.order.quantity) == ("FILLED", 50, 50)
        assert core.portfolio.position("X") == (50, 0, 0)
        core.check_invariants(from_nothing=True)


def test_a_venue_counts_its_own_fills_when_a_replace_comes():
    """More is asked for while a fill is on its way here: the venue adds to what it has filled, not to what we knew."""
    rows = [(ADD, 1, SELL, 1000, 100), (ADD, 2, BUY, 990, 500), (EXECUTE, 2, BUY, 990, 60), (ADD, 3, BUY, 980, 1)]
    rows += [(EXECUTE, 2, BUY, 990, 400)]
    core, gate = engine(recording(*rows), link={"paths": {"REC": {"out_ns": 10**8, "in_ns": 10**8}}})
    at(core, 2)
    ticket = gate.submit_order(order_of_x("buy", 100, 991))
    core.advance(3 * 10**9 + 5 * 10**7)
    core.replace(ticket.order_id, 150)
    at(core, 6)
    assert core.market.executed(ticket.order_id) == 150
    assert (str(ticket.status), ticket.order.filled_quantity) == ("FILLED", 150)
    assert core.statistics()["overfills"] == 0


def test_who_waits_is_woken_when_the_news_is_here():
    async def main():
        core, gate = make_core(clock=asyncio.get_running_loop().clock, link=everywhere(FAR), limits={})
        core.clock.attach(core)
        ticket = gate.submit_order(order(quantity=10))
        done = await ticket.done()
        return core.clock.now_ns(), done.acknowledged_ns, str(done.status)

    assert run(main(), clock=SimulatedClock(START_NS)) == (START_NS + 5 * MS, START_NS + 3 * MS, "FILLED")


def test_equal_seeds_give_equal_logs_and_another_seed_another():
    def log(seed, pause=10**8):
        drawn = {"out_ns": MS, "in_ns": MS, "feed_ns": MS, "jitter_ns": 5 * MS, "distribution": "lognormal"}
        faults = dict.fromkeys(NAMES, dict.fromkeys(FAULTS, 0.02))
        core, gate = make_core(link={**everywhere(drawn), "faults": faults, "seed": seed}, limits={}, seed=3)
        drive(core, gate, 4, pause=pause)
        return core.journal.sha256()

    assert log(1) == log(1)
    assert log(1) != log(2)


def test_what_happens_does_not_depend_on_when_somebody_looks():
    def log(looks):
        drawn = {"out_ns": MS, "in_ns": MS, "feed_ns": MS, "jitter_ns": 5 * MS, "distribution": "exponential"}
        core, gate = make_core(link={**everywhere(drawn), "seed": 8}, limits={}, seed=3, audit=False)
        for k in range(30):
            gate.submit_order(limit(150.0 + k % 5 / 100, side="buy" if k % 2 else "sell", quantity=100 + k))
            until = core.clock.now_ns() + 37 * MS
            for _ in range(looks):
                core.advance(core.clock.now_ns() + 37 * MS // (looks + 1))
                core.quote("AAPL")
            core.advance(until)
        return core.journal.sha256()

    assert log(0) == log(3) == log(40)


def test_what_was_under_way_when_the_engine_died_is_gone(tmp_path):
    path = str(tmp_path / "log")
    core, gate = make_core(link=everywhere(FAR), limits={}, path=path)
    resting = gate.submit_order(limit(140.0))
    live(core, 6 * MS)
    sent = gate.submit_order(limit(141.0))
    core.journal.flush()
    core.close()
    again, _ = make_core(link=everywhere(FAR), limits={}, path=path, start_ns=START_NS + 10 * MS)
    assert str(again.get_order(sent.order_id).status) == "CANCELED"
    assert again.get_order(sent.order_id).reason == Reason.VENUE_RESTARTED
    assert str(again.get_order(resting.order_id).status) == "NEW"
    again.cancel(resting.order_id)
    again.advance(START_NS + 20 * MS)
    assert str(again.get_order(resting.order_id).status) == "CANCELED"


# ---- faults, each alone


def test_no_message_meets_a_fault_that_it_cannot():
    assert set(faults_on("order")) == {"reject", "drop", "delay", "reorder", "disconnect"}
    assert {"bust", "correct", "overfill", "lie_price"} <= set(faults_on("fill"))
    assert not {"bust", "correct", "overfill", "lie_price", "reject"} & set(faults_on("ended"))


def test_reject():
    core, gate = at_nyse(("order", 1, "reject"), ("cancel", 1, "reject"), ("replace", 1, "reject"))
    first = gate.submit_order(limit(140.0))
    second = gate.submit_order(limit(140.0))
    live(core, 10 * MS)
    assert (str(first.status), first.order.reason) == ("REJECTED", Reason.VENUE_REJECTED)
    assert str(second.status) == "NEW"
    core.cancel(second.order_id)
    live(core, 10 * MS)
    assert (str(second.status), second.order.reason) == ("NEW", Reason.VENUE_REJECTED)
    core.replace(second.order_id, 50)
    live(core, 10 * MS)
    assert (str(second.status), second.order.quantity) == ("NEW", 100)
    assert core.market.injected()["reject"] == 3
    assert core.portfolio.position("AAPL") == (0, 100, 0)


@pytest.mark.parametrize("message", ["order", "acknowledgement"])
def test_drop_leaves_the_order_unknown_once_patience_ends(message):
    core, gate = at_nyse((message, 1, "drop"))
    core.set_timeout(50 * MS)
    ticket = gate.submit_order(limit(140.0))
    live(core, 49 * MS)
    assert str(ticket.status) == "PENDING_NEW"
    live(core, 2 * MS)
    assert str(ticket.status) == "UNKNOWN"
    core.cancel(ticket.order_id)  # whoever wants its end asks for it
    live(core, 6 * MS)
    assert str(ticket.status) == ("CANCELED" if message == "acknowledgement" else "REJECTED")  # it knows of none
    core.check_invariants(from_nothing=True)


@pytest.mark.parametrize("message", ["order", "acknowledgement"])
def test_an_order_that_its_venue_does_not_know_ends_once_patience_is_over(message):
    """Dropped on its way out: a cancel is answered by "no such order". Before the patience is over the order may still
    be on its way; then it has not come. Dropped on the way back: it is there, and the cancel ends it."""
    core, gate = at_nyse((message, 1, "drop"))
    core.set_timeout(10 * E9)
    ticket = gate.submit_order(limit(100.0, quantity=100))
    live(core, 2 * E9)
    core.cancel(ticket.order_id)
    live(core, 2 * E9)
    if message == "acknowledgement":
        assert ticket.status == "CANCELED"
        return
    assert ticket.status == "UNKNOWN"
    live(core, 10 * E9)
    core.cancel(ticket.order_id)
    live(core, E9)
    assert (ticket.status, core.get_order(ticket.order_id).reason) == ("REJECTED", Reason.NOT_AT_VENUE)
    core.check_invariants(from_nothing=True)


def test_a_dropped_fill_is_missed_and_told_apart():
    core, gate = at_nyse(("fill", 1, "drop"))
    ticket = gate.submit_order(order(quantity=10))
    live(core, 10 * MS)
    assert (ticket.order.filled_quantity, core.market.executed(ticket.order_id)) == (0, 10)


def test_delay_holds_up_what_comes_behind_and_reorder_does_not():
    for fault, first, second in (("delay", 25, 25), ("reorder", 25, 5)):
        core, gate = at_nyse(("order", 1, fault), delay_ns=20 * MS)
        tickets = [gate.submit_order(limit(140.0)), gate.submit_order(limit(141.0))]
        live(core, 30 * MS)
        here = [ticket.order.acknowledged_ns - START_NS + 2 * MS for ticket in tickets]
        assert here == [first * MS, second * MS]


def test_a_cancel_that_overtakes_its_order():
    core, gate = at_nyse(("order", 1, "reorder"), delay_ns=20 * MS)
    ticket = gate.submit_order(limit(140.0))
    core.cancel(ticket.order_id)
    live(core, 6 * MS)
    assert (str(ticket.status), ticket.order.reason) == ("UNKNOWN", Reason.UNKNOWN_ORDER)
    live(core, 30 * MS)
    assert str(ticket.status) == "NEW"
    core.check_invariants(from_nothing=True)


def test_duplicate_is_booked_once_and_no_reader_counts_it_twice():
    core, gate = at_nyse(("fill", 1, "duplicate"))
    om = OrderManager(engine=core)
    ticket = gate.submit_order(order(quantity=10))
    live(core, 10 * MS)
    assert (ticket.order.filled_quantity, core.portfolio.position("AAPL")[0]) == (10, 10)
    assert core.statistics()["duplicate_executions"] == 1
    assert len(core.fills()) == len(om.fills(ticket.order_id)) == len(core.fills(ticket.order_id))
    assert core.fills()["quantity"].sum() == 10
    aside = reports(core)[~is_booked(reports(core))]
    assert [type_of(4, row) for row in aside] == [EventType.REPORT_SET_ASIDE]
    assert len(MemoryOptimizedOrderManager(engine=core).execution_history) == 1


@pytest.mark.parametrize("resend", [True, False])
def test_disconnect(resend):
    core, gate = at_nyse(("order", 2, "disconnect"), disconnect_ns=100 * MS, resend=resend)
    resting = gate.submit_order(limit(140.0))
    live(core, 10 * MS)
    marketable = gate.submit_order(order(quantity=10))  # breaks the connection on its way
    assert str(marketable.status) == "UNKNOWN"
    assert str(resting.status) == "NEW"
    assert core.venues.describe("NYSE")["enabled"] is False
    assert core.quote("AAPL").bid_e9 is None
    with pytest.raises(OrderRejected):
        gate.submit_order(order(quantity=10))
    with pytest.raises(OrderStateError, match="not connected"):
        core.cancel(resting.order_id)
    assert (str(resting.status), resting.order.reason) == ("NEW", Reason.DISCONNECTED)
    assert not core.market.connected("NYSE")
    live(core, 150 * MS)
    assert core.market.connected("NYSE")
    assert core.venues.describe("NYSE")["enabled"] is True
    assert core.quote("AAPL").bid_e9 is not None
    assert str(marketable.status) == "UNKNOWN"  # it never arrived, and nobody can know
    assert core.market.executed(marketable.order_id) == 0
    core.cancel(resting.order_id)
    live(core, 10 * MS)
    assert str(resting.status) == "CANCELED"
    assert core.market.counters()["lost"] == 1


@pytest.mark.parametrize("resend", [True, False])
def test_a_fill_while_the_connection_is_broken(resend):
    core, gate = at_nyse(("acknowledgement", 1, "disconnect"), disconnect_ns=100 * MS, resend=resend)
    ticket = gate.submit_order(order(quantity=10))
    live(core, 4 * MS)
    assert (str(ticket.status), ticket.order.filled_quantity) == ("UNKNOWN", 0)
    assert core.market.executed(ticket.order_id) == 10
    live(core, 120 * MS)
    assert (str(ticket.status), ticket.order.filled_quantity) == (("FILLED", 10) if resend else ("UNKNOWN", 0))
    assert core.market.counters()["held_back" if resend else "lost"] >= 2


def test_what_a_venue_shows_is_there_as_soon_as_its_connection_is():
    """Not only once something happens there."""
    for seed in range(12):
        faults = {"script": (("order", 1, "disconnect"),), "disconnect_ns": 100 * MS}
        link = {"paths": {"NYSE": FAR}, "faults": {"NYSE": faults}}
        core, gate = make_core(link=link, limits={}, fees=ONE, seed=seed)
        gate.submit_order(order(quantity=10))
        while not core.market.connected("NYSE"):
            core.advance(core.next_event_ns())
        live(core, FAR["feed_ns"])
        assert core.venues.shown("AAPL", "NYSE")["bid_e9"] is not None
        core.close()


def test_bust_and_correct():
    core, gate = at_nyse(("fill", 1, "bust"), revise_ns=50 * MS)
    ticket = gate.submit_order(order(quantity=10))
    live(core, 10 * MS)
    assert core.portfolio.position("AAPL")[0] == 10
    live(core, 60 * MS)
    assert core.portfolio.position("AAPL")[0] == ticket.order.filled_quantity == 0
    assert core.market.executed(ticket.order_id) == 0
    assert core.portfolio.account(0)["cash_e9"] == 10**8 * E9
    core, gate = at_nyse(("fill", 1, "correct"), revise_ns=50 * MS)
    ticket = gate.submit_order(order(quantity=10))
    live(core, 10 * MS)
    price = int(core.fills()["price_e9"][0])
    live(core, 60 * MS)
    row = reports(core)[-1]
    assert (row["exec_type"], row["price_e9"]) == (9, price + price // 10_000)
    assert row["fee_e9"] == row["quantity"] * TAKE_FEE_E9
    assert core.portfolio.position("AAPL")[0] == row["quantity"] == core.market.executed(ticket.order_id)


def test_overfill_is_booked_and_flagged():
    core, gate = at_nyse(("fill", 1, "overfill"))
    ticket = gate.submit_order(order(quantity=10))
    live(core, 10 * MS)
    row = core.fills()[0]
    assert row["quantity"] > 10
    assert row["fee_e9"] == row["quantity"] * TAKE_FEE_E9
    assert row["reason"] == Reason.OVERFILL
    assert core.portfolio.position("AAPL")[0] == ticket.order.filled_quantity == row["quantity"]
    assert core.statistics()["overfills"] == 1


def test_a_fill_beyond_the_limit_is_booked_and_flagged():
    core, gate = at_nyse(("fill", 1, "lie_price"))
    ask = core.quote("AAPL").ask_e9
    gate.submit_order(limit(ask / E9, quantity=10))
    live(core, 10 * MS)
    row = core.fills()[0]
    assert row["price_e9"] > ask
    assert row["reason"] == Reason.BEYOND_LIMIT
    assert core.portfolio.position("AAPL")[0] == 10


@pytest.mark.parametrize("lie", ["lie_symbol", "lie_side", "lie_nothing", "lie_negative", "lie_enormous", "lie_kind"])
def test_what_cannot_be_is_written_down_and_changes_nothing(lie):
    for seed in range(6):
        core, gate = at_nyse(("fill", 1, lie), seed=seed)
        ticket = gate.submit_order(order(quantity=10))
        live(core, 10 * MS)
        assert (str(ticket.status), core.portfolio.position("AAPL")) == ("FILLED", (10, 0, 0))
        assert core.portfolio.position("MSFT") == (0, 0, 0)
        aside = reports(core)[~is_booked(reports(core))]
        assert aside["reason"].tolist() == [Reason.UNSOUND_REPORT]
        assert core.statistics()["unknown_reports"] == 1
        assert len(core.fills()) == len(core.fills(ticket.order_id)) == 1


def test_a_fill_that_nobody_ordered():
    core, gate = at_nyse(("fill", 1, "lie_order"))
    ticket = gate.submit_order(order(quantity=10))
    live(core, 10 * MS)
    assert (str(ticket.status), core.portfolio.position("AAPL")[0]) == ("FILLED", 10)
    assert core.statistics()["unknown_reports"] == 1
    assert len(core.fills()) == 1


def test_an_acknowledgement_after_the_end_changes_nothing():
    core, gate = at_nyse(("ended", 1, "lie_acknowledged"))
    ticket = gate.submit_order(limit(140.0))
    live(core, 10 * MS)
    core.cancel(ticket.order_id)
    live(core, 10 * MS)
    assert str(ticket.status) == "CANCELED"
    assert reports(core)["exec_type"].tolist()[-2:] == [3, 1]
    assert core.portfolio.position("AAPL") == (0, 0, 0)


def test_a_report_on_an_order_that_is_at_no_venue_is_set_aside():
    core, _ = make_core(silent=True, limits={})
    parent = core.submit_parent(limit(140.0), "twap")
    row = np.zeros(1, reports(core).dtype)
    row["order_id"], row["execution_id"], row["exec_type"], row["quantity"] = parent.order_id, 7, 2, 10
    row["price_e9"], row["side"], row["venue_time_ns"] = 140 * E9, 1, START_NS
    core.report(row)
    assert core.get_order(parent.order_id).filled_quantity == 0
    assert reports(core)["reason"].tolist() == [Reason.UNSOUND_REPORT]
    core.check_invariants(from_nothing=True)


def test_a_venue_that_refuses_every_cancel_is_asked_once_a_second():
    """A parent is ended while its child's venue refuses: the log does not grow with each refusal."""
    script = [("cancel", k, "reject") for k in range(1, 5)]
    core, _ = make_core(link={"faults": {"NYSE": {"script": script}}}, limits={}, fees=ONE)
    parent = core.submit_parent(limit(140.0), "twap")
    core.submit_child(parent.order_id, 100, 140 * E9)
    core.cancel(parent.order_id)
    before = core.journal.records
    assert core.market.injected()["reject"] == 1
    core.advance(START_NS + 10 * 10**9)
    assert core.market.injected()["reject"] == 4  # at 0, 1, 2 and 3 s; then it is let
    assert core.journal.records < before + 20
    assert str(core.get_order(parent.order_id).status) == "CANCELED"


# ---- by configuration


def configured(**simulation):
    venues = {
        "NYSE": {"cost_per_share": 0.001, "latency_us": 300},
        "IEX": {"cost_per_share": 0.001, "latency": {"out_us": 50}},
    }
    config = load_config({"seed": 3, "routing": {"venues": venues}, "simulation": simulation})
    return make_configured(config, clock=SimulatedClock(START_NS))


def test_a_configuration_without_a_section_makes_no_link():
    config = load_config({"routing": {"venues": {"NYSE": {"cost_per_share": 0.001, "latency_us": 300}}}})
    core = make_configured(config, clock=SimulatedClock(START_NS))
    assert type(core.market) is SyntheticMarket
    assert core.market.origin is core.market


def test_latency_us_is_what_the_ways_take_where_latency_is_simulated():
    core = configured(latency={})
    om = OrderManager(engine=core)
    assert isinstance(core.market, LinkedMarket)
    assert isinstance(core.market.origin, SyntheticMarket)
    tickets = [om.submit_order(limit(140.0, venue=name)) for name in ("NYSE", "IEX")]
    core.advance(START_NS + 10 * MS)
    assert [ticket.order.acknowledged_ns - START_NS for ticket in tickets] == [300_000, 50_000]


def test_faults_of_a_configuration():
    core = configured(faults={"seed": 5, "script": [{"message": "order", "fault": "reject"}]})
    om = OrderManager(engine=core)
    assert str(om.submit_order(limit(140.0, venue="NYSE")).status) == "REJECTED"
    told = core.market.injected()
    assert told.pop("reject") == 1
    assert set(told.values()) == {0}
    assert set(told) == (set(FAULTS) | set(LIES)) - {"lie", "reject"}


# ---- what is counted afresh can be found wrong


def test_an_engine_that_began_with_a_position_did_not_begin_from_nothing():
    core, _ = make_core(limits={}, positions={"AAPL": 5})
    core.check_invariants()
    with pytest.raises(AssertionError, match="position is not the sum of the fills"):
        core.check_invariants(from_nothing=True)


@pytest.mark.skipif(os.environ.get("GRANDMODEL_LONG") != "1", reason="half a million messages: GRANDMODEL_LONG=1")
def test_more_under_way_than_there_is_room_for_arrives_early_and_is_counted():
    link = everywhere({"feed_ns": 3600 * 10**9})
    core, gate = make_core(link=link, limits={}, events_per_second=1e6)
    ticket = gate.submit_order(limit(140.0))  # its symbol lives on
    core.advance(START_NS + 10**9)
    told = core.market.counters()
    assert told["hurried"] > 0
    assert told["under_way"] <= 1 << 20
    assert core.venues.updates > told["hurried"] // 4
    assert str(ticket.status) == "NEW"


# ---- bad input


def twin_pair():
    core, _ = make_core(limits={}, fees=ONE)
    venues = core.venues.twin()
    return venues, SyntheticMarket(venues.twin(), [1], seed=1, start_ns=START_NS)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"paths": {"NYSE": {"out": 1}}}, ValueError, "'out'"),
        ({"paths": {"NYSE": {"out_ns": -1}}}, ValueError, "out_ns of the path of 'NYSE' is -1"),
        ({"paths": {"NYSE": {"out_ns": True}}}, TypeError, "bool"),
        ({"paths": {"NYSE": {"in_ns": 2**63}}}, ValueError, "in_ns"),
        ({"paths": {"NYSE": {"feed_ns": 1.5}}}, TypeError, "feed_ns"),
        ({"paths": {"NYSE": {"jitter_ns": 5}}}, ValueError, "fixed"),
        ({"paths": {"NYSE": {"distribution": "normal"}}}, ValueError, "'normal'"),
        ({"paths": {"ÖBB": {}}}, KeyError, "ÖBB"),
        ({"faults": {"NYSE": {"dorp": 0.1}}}, ValueError, "'dorp'"),
        ({"faults": {"NYSE": {"drop": 1.5}}}, ValueError, "drop of 'NYSE' is 1.5"),
        ({"faults": {"NYSE": {"drop": float("nan")}}}, ValueError, "finite"),
        ({"faults": {"NYSE": {"drop": "0.1"}}}, TypeError, "drop"),
        ({"faults": {"NYSE": {"drop": 0.6, "lie": 0.6}}}, ValueError, "1.2"),
        ({"faults": {"NYSE": {"delay_ns": 0}}}, ValueError, "delay_ns"),
        ({"faults": {"NYSE": {"script": [("order", 0, "drop")]}}}, ValueError, "number of entry 0"),
        ({"faults": {"NYSE": {"script": [("order", 1, "bust")]}}}, ValueError, "'bust'"),
        ({"faults": {"NYSE": {"script": [("oder", 1, "drop")]}}}, ValueError, "'oder'"),
        ({"faults": {"NYSE": {"script": [("order", 1, "drop")] * 65}}}, ValueError, "65"),
    ],
)
def test_bad_input_is_named(given, error, said):
    venues, inner = twin_pair()
    with pytest.raises(error, match=said):
        LinkedMarket(venues, inner, **given)


def test_a_link_needs_a_market_with_a_table_of_its_own():
    venues, inner = twin_pair()
    with pytest.raises(ValueError, match="twin"):
        LinkedMarket(inner.venues, inner)
    link = LinkedMarket(venues, inner)
    with pytest.raises(ValueError, match="engine already"):
        LinkedMarket(venues, inner)
    del link
    LinkedMarket(venues, inner)  # which has let go of it
    with pytest.raises(ValueError, match="way"):
        arrivals([1], way="up", path={})


def test_asyncio_is_not_blocked_by_a_fault():
    """A dropped order does not keep a strategy that waits with a timeout."""

    async def main():
        faults = {"NYSE": {"script": [("order", 1, "drop")]}}
        core, gate = make_core(clock=asyncio.get_running_loop().clock, link={"faults": faults}, limits={}, fees=ONE)
        core.clock.attach(core)
        ticket = gate.submit_order(order(quantity=10))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ticket.done(), 5.0)
        return str(ticket.status)

    assert run(main(), clock=SimulatedClock(START_NS)) == "PENDING_NEW"
