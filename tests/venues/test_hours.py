"""Instruments that keep their hours: calls, auctions, what is taken when; halts and bands; protected quotes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from grandmodel.execution import OrderManager, OrderRejected, OrderStateError, OrderStatus, Reason
from grandmodel.execution._core.values import Unknown
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import ConfigError, load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.sessions import next_session, session

DAY = session("XNAS", date(2026, 3, 2))
HALF_DAY = session("XNAS", date(2026, 11, 27))
NEXT = next_session("XNAS", DAY.date)
SECOND, MINUTE = 10**9, 60 * 10**9
AUCTION = 5  # gm_liquidity


def engine(start_ns=DAY.open_ns - 30 * MINUTE, seed=3, hours=None, **more):
    config = {"mode": "simulation", "seed": seed, "market": {"hours": {"keep": True, **(hours or {})}}, **more}
    core = make_core(load_config(config), clock=SimulatedClock(start_ns))
    return core, OrderManager(engine=core)


def order(side="buy", quantity=1000, limit=None, tif="DAY", **more):
    kind = {"order_type": "market"} if limit is None else {"order_type": "limit", "limit_price": limit}
    return {"symbol": "AAPL", "side": side, "quantity": quantity, "time_in_force": tif, **kind, **more}


def ended(core, ticket):
    now = core.get_order(ticket.order_id)
    return now.status, now.reason, now.filled_quantity


def shows_nothing(core):
    quote = core.quote("AAPL")
    return isinstance(quote.bid, Unknown) and isinstance(quote.ask, Unknown)


def test_an_opening_has_one_price():
    core, om = engine()
    assert core.auction("AAPL")["phase"] == "closed"
    early = om.submit_order(order(limit=150.10))
    assert ended(core, early) == (OrderStatus.REJECTED, Reason.NOT_TRADING, 0)
    whatever = om.submit_order(order(quantity=700, limit=160, tif="OPG"))
    far = om.submit_order(order(quantity=900, limit=120.0, tif="OPG"))
    core.advance(DAY.open_ns - MINUTE)
    gathered = om.submit_order(order(quantity=300, limit=150.40))
    at_once = om.submit_order(order(quantity=300, limit=150.40, tif="IOC"))
    assert ended(core, at_once) == (OrderStatus.REJECTED, Reason.NOT_TRADING, 0)
    ahead = core.auction("AAPL")
    assert (ahead["venue"], ahead["phase"], ahead["closing"]) == ("NASDAQ", "opening_call", False)
    assert ahead["time_ns"] == DAY.open_ns
    assert shows_nothing(core)
    core.advance(DAY.open_ns)
    fills = core.fills()
    assert set(fills["price_e9"]) == {round(ahead["price"] * 1e9)}
    assert set(fills["liquidity"]) == {AUCTION}
    assert ended(core, whatever) == (OrderStatus.FILLED, 0, 700)
    assert ended(core, gathered) == (OrderStatus.FILLED, 0, 300)
    assert ended(core, far) == (OrderStatus.CANCELED, Reason.UNFILLED_REMAINDER, 0)
    assert core.venues.tape("AAPL")["volume"] == ahead["volume"]
    quote = core.quote("AAPL")
    assert 0 < quote.bid < quote.ask
    late = om.submit_order(order(limit=150, tif="OPG"))
    assert ended(core, late) == (OrderStatus.REJECTED, Reason.NOT_TRADING, 0)
    core.market.check_invariants()


@pytest.mark.parametrize(("day", "hours"), [(DAY, {}), (DAY, {"closing_call_minutes": 5}), (HALF_DAY, {})])
def test_a_close_has_one_price_and_ends_the_day(day, hours):
    listed = {"NASDAQ": {"priority": 1, "cost_per_share": 0.003, "auction_fee": 0.0007}}
    others = {"ARCA": {"priority": 2, "cost_per_share": 0.003}}
    core, om = engine(day.open_ns + MINUTE, hours=hours, routing={"venues": {**listed, **others}})
    assert (core.auction("AAPL")["closing"], core.auction("AAPL")["time_ns"]) == (True, day.close_ns)
    sold = om.submit_order(order("sell", 5000, tif="CLS"))
    limited = om.submit_order(order("buy", 400, 170.0, tif="CLS"))
    far = om.submit_order(order("buy", 5000, 100.0, tif="CLS"))
    stays = om.submit_order(order("buy", 500, 140.0, tif="GTC"))
    goes = om.submit_order(order("buy", 500, 140.0))
    at_market = om.submit_order(order("buy", 100, venue="ARCA"))
    assert ended(core, at_market)[0] is OrderStatus.FILLED
    core.advance(day.close_ns - 2 * MINUTE)
    assert shows_nothing(core) == ("closing_call_minutes" in hours)
    assert core.auction("AAPL")["volume"] > 0  # others' orders for the close have come
    core.advance(day.close_ns - 1)
    before, ahead = core.venues.tape("AAPL")["volume"], core.auction("AAPL")
    core.advance(day.close_ns)
    fills = core.fills()
    crossed = fills[fills["liquidity"] == AUCTION]
    assert len(set(crossed["price_e9"])) == 1
    assert crossed["price_e9"][0] / 1e9 == pytest.approx(ahead["price"], abs=0.05)
    assert ended(core, sold) == (OrderStatus.FILLED, 0, 5000)
    assert ended(core, limited) == (OrderStatus.FILLED, 0, 400)
    for ticket in (sold, limited):  # both sides of it
        rows = core.fills(ticket.order_id)
        assert set(rows["liquidity"]) == {AUCTION}
        assert (rows["fee_e9"] == rows["quantity"] * 700_000).all()
    assert ended(core, far) == (OrderStatus.CANCELED, Reason.UNFILLED_REMAINDER, 0)
    assert ended(core, stays) == (OrderStatus.NEW, 0, 0)
    assert ended(core, goes)[0] is OrderStatus.EXPIRED
    assert core.venues.tape("AAPL")["volume"] > before
    assert shows_nothing(core)
    assert ended(core, om.submit_order(order("buy", 100))) == (OrderStatus.REJECTED, Reason.NOT_TRADING, 0)
    core.cancel(stays.order_id)
    assert ended(core, stays)[0] is OrderStatus.CANCELED
    core.market.check_invariants()


def test_a_night_passes():
    """What was good till cancelled stands where it stood; the next day opens near the last close, and trades."""
    core, om = engine(DAY.close_ns - 20 * MINUTE)
    stays = om.submit_order(order("buy", 500, 140.0, tif="GTC"))
    core.advance(DAY.close_ns)
    last = core.quote("AAPL")
    overnight = core.venues.tape("AAPL")
    for_the_next = om.submit_order(order("buy", 200, 160.0, tif="OPG"))
    core.advance(NEXT.open_ns - 10 * MINUTE)
    assert core.venues.tape("AAPL") == overnight
    assert core.auction("AAPL")["phase"] == "closed"
    core.advance(NEXT.open_ns + MINUTE)
    assert ended(core, for_the_next) == (OrderStatus.FILLED, 0, 200)
    assert ended(core, stays) == (OrderStatus.NEW, 0, 0)
    assert isinstance(last.bid, Unknown)
    assert core.quote("AAPL").bid == pytest.approx(150, rel=0.02)
    assert core.venues.tape("AAPL")["volume"] > overnight["volume"]


def test_orders_for_auctions_go_where_the_auction_is():
    core, om = engine(DAY.open_ns + MINUTE)
    routed = om.submit_order(order("sell", 100, tif="CLS"))
    assert core.get_order(routed.order_id).venue == "NASDAQ"  # its listing
    jpm = om.submit_order({**order("sell", 100, tif="CLS"), "symbol": "JPM"})
    assert core.get_order(jpm.order_id).venue == "NYSE"
    with pytest.raises(OrderRejected, match="NYSE takes no market order with CLS"):
        om.submit_order(order("sell", 100, tif="CLS", venue="NYSE"))
    with pytest.raises(OrderRejected, match="GOLDMAN takes no"):
        om.submit_order(order("sell", 1000, tif="CLS", venue="GOLDMAN"))
    always, manager = engine(hours={"keep": False})
    assert always.auction("AAPL") is None
    with pytest.raises(OrderRejected, match="no venue takes a market order with CLS"):
        manager.submit_order(order("sell", 100, tif="CLS"))


@pytest.mark.parametrize(
    "more",
    [
        {"order_type": "iceberg", "display_quantity": 100, "limit_price": 150},
        {"order_type": "stop", "stop_price": 140},
        {"order_type": "pegged_midpoint"},
        {"order_type": "limit", "limit_price": 150, "post_only": True},
        {"order_type": "limit", "limit_price": 150, "hidden": True},
        {"order_type": "limit", "limit_price": 150, "all_or_none": True},
        {"order_type": "limit", "limit_price": 150, "min_quantity": 100},
    ],
    ids=lambda more: more["order_type"] + " " + next(reversed(more)),
)
@pytest.mark.parametrize("tif", ["OPG", "CLS"])
def test_an_auction_takes_plain_orders_alone(more, tif):
    _core, om = engine(DAY.open_ns + MINUTE)
    with pytest.raises(OrderRejected) as caught:
        om.submit_order({**order(tif=tif), **more})
    assert list(caught.value.errors) == ["time_in_force"]
    assert "for an auction" in str(caught.value)


def test_a_halt_stops_everything_but_cancels():
    core, om = engine(DAY.open_ns + MINUTE, risk_controls={"halts": False})
    resting = om.submit_order(order("buy", 100, 145.0))
    hidden = om.submit_order(order("buy", 100, 145.0, hidden=True))
    with pytest.raises(ValueError, match="'AAPL' is not halted"):
        core.resume("AAPL")
    core.halt("AAPL")
    assert core.venues.is_halted("AAPL")
    assert shows_nothing(core)
    tape = core.venues.tape("AAPL")
    with pytest.raises(ValueError, match="'AAPL' does not trade now"):
        core.halt("AAPL")
    assert ended(core, om.submit_order(order("buy", 100, 145.0))) == (OrderStatus.REJECTED, Reason.NOT_TRADING, 0)
    core.cancel(hidden.order_id)
    assert ended(core, hidden)[0] is OrderStatus.CANCELED
    core.advance(DAY.open_ns + 10 * MINUTE)
    assert core.venues.tape("AAPL") == tape
    assert not core.venues.is_halted("MSFT")
    core.resume("AAPL")
    assert not core.venues.is_halted("AAPL")
    assert core.quote("AAPL").bid > 0
    assert ended(core, resting) == (OrderStatus.NEW, 0, 0)
    assert core.venues.tape("AAPL")["volume"] > tape["volume"]  # it goes on with an auction
    core.advance(DAY.open_ns + 20 * MINUTE)
    core.market.check_invariants()


def test_a_configured_check_refuses_what_is_halted():
    core, om = engine(DAY.open_ns + MINUTE, risk_controls={"halts": True})
    core.halt("AAPL")
    with pytest.raises(OrderRejected) as caught:
        om.submit_order(order("buy", 100, 145.0))
    assert caught.value.failed_checks


def test_a_halt_lasts_over_the_close_until_it_is_resumed():
    core, om = engine(DAY.close_ns - 5 * MINUTE)
    sold = om.submit_order(order("sell", 300, tif="CLS"))
    core.halt("AAPL")
    core.advance(NEXT.open_ns + MINUTE)
    assert ended(core, sold) == (OrderStatus.CANCELED, Reason.NOT_TRADING, 0)  # its auction was not held
    assert core.venues.is_halted("AAPL")
    assert shows_nothing(core)
    core.resume("AAPL")
    core.advance(NEXT.open_ns + 30 * MINUTE)
    assert not core.venues.is_halted("AAPL")
    assert core.quote("AAPL").bid > 0


def test_a_replace_that_a_halt_does_not_take_leaves_the_order_as_it_is():
    core, om = engine(DAY.open_ns + MINUTE, risk_controls={"halts": False})
    resting = om.submit_order(order(limit=140.0, quantity=300))
    core.halt("AAPL")
    with pytest.raises(OrderStateError, match="stands as it was"):
        om.replace_order(resting.order_id, limit_price=141.0)
    now = core.get_order(resting.order_id)
    assert (now.status, now.leaves_quantity, now.limit_price) == (OrderStatus.NEW, 300, 140.0)
    om.replace_order(resting.order_id, quantity=200)
    assert core.get_order(resting.order_id).leaves_quantity == 200


def test_a_dark_pool_does_not_know_of_an_order_for_the_close():
    """Its own generator is seeded, whatever else that is not displayed came to the symbol before."""
    found = []
    for quantity in (0, 300):
        core, om = engine(DAY.open_ns + MINUTE, risk_controls={"halts": False})
        if quantity:
            om.submit_order(order("sell", quantity, tif="CLS"))
        pool = next(name for name in core.venues.names if core.venues.describe(name)["kind"] == "dark_pool")
        filled = []
        for k in range(40):
            ticket = om.submit_order(order(quantity=5_000, limit=160.0, tif="IOC", venue=pool))
            filled.append(core.get_order(ticket.order_id).filled_quantity)
            core.advance(DAY.open_ns + MINUTE + (k + 1) * 10 * SECOND)
        found.append(filled)
    assert found[0] == found[1]
    assert len(set(found[0])) > 3


def test_a_band_that_lets_nothing_trade_does_not_stop_the_clock():
    core, _ = engine(DAY.open_ns + 10 * MINUTE)
    core.set_price_band("AAPL", 149.5, 149.6)
    assert core.advance(DAY.open_ns + 70 * MINUTE) == DAY.open_ns + 70 * MINUTE


def test_a_band_bounds_prices():
    core, om = engine(DAY.open_ns + MINUTE)
    low, high = 149.0, 151.0
    beyond = om.submit_order(order("buy", 100, 148.0))
    inside = om.submit_order(order("buy", 100, 149.2))
    core.set_price_band("AAPL", low, high)
    assert ended(core, beyond) == (OrderStatus.NEW, 0, 0)  # a buyer below the band waits
    assert ended(core, om.submit_order(order("buy", 100, 151.5))) == (
        OrderStatus.REJECTED, Reason.PRICE_OUT_OF_RANGE, 0,
    )  # fmt: skip
    sweep = om.submit_order(order("buy", 400_000, venue="NASDAQ"))
    assert core.fills(sweep.order_id)["price_e9"].max() <= 151 * 10**9
    assert ended(core, sweep)[0] is OrderStatus.CANCELED
    core.set_price_band("AAPL", 149.0, 149.1)
    assert ended(core, inside) == (OrderStatus.CANCELED, Reason.PRICE_OUT_OF_RANGE, 0)
    core.set_price_band("AAPL")
    assert ended(core, om.submit_order(order("buy", 100, 152.0)))[0] is OrderStatus.FILLED
    for low, high, message in ((1, None, "given together"), (2, 1, "must be below high"), (float("nan"), 2, "low is")):
        with pytest.raises(ValueError, match=message):
            core.set_price_band("AAPL", low, high)


def test_a_configured_band_lies_around_the_auction():
    core, om = engine(hours={"band": 0.01})
    core.advance(DAY.open_ns)
    core.touch("AAPL")
    tape = core.venues.tape("AAPL")
    opening = tape["notional_e9"] / tape["volume"] / 1e9  # nothing but the auction
    assert ended(core, om.submit_order(order("sell", 100, round(opening * 0.98, 2)))) == (
        OrderStatus.REJECTED, Reason.PRICE_OUT_OF_RANGE, 0,
    )  # fmt: skip
    assert ended(core, om.submit_order(order("sell", 100, round(opening * 0.995, 2))))[0] is OrderStatus.FILLED


def test_what_is_no_hours_is_named():
    for hours, message in (
        ({"closing_call_minutes": 20}, "closing_call_minutes"),
        ({"band": 2}, "band"),
        ({"opening_call_minutes": -1}, "opening_call_minutes"),
        ({"keeps": True}, "keep"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_config({"market": {"hours": hours}})


def test_equal_seeds_give_equal_days():
    def day(seed):
        core, om = engine(seed=seed)
        om.submit_order(order("buy", 700, 160, tif="OPG"))
        core.advance(DAY.open_ns + MINUTE)
        om.submit_order(order("sell", 5000, tif="CLS"))
        core.advance(DAY.close_ns + MINUTE)
        tape = core.venues.tape("AAPL")
        core.close()
        return core.journal.sha256(), tape

    assert day(7) == day(7)
    assert day(7)[0] != day(8)[0]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_created_in_an_auction(seed):
    """Own fills of a side never exceed what the tape printed, better limits are whole, worse ones untouched."""
    core, om = engine(seed=seed)
    draw = np.random.default_rng(seed)
    for _ in range(40):
        side = "buy" if draw.random() < 0.5 else "sell"
        limit = None if draw.random() < 0.3 else round(float(150 + draw.integers(-20, 21) / 100), 2)
        om.submit_order(order(side, int(draw.integers(1, 60)) * 50, limit or 150.0, tif="OPG"))
    core.advance(DAY.open_ns)
    fills, volume = core.fills(), core.venues.tape("AAPL")["volume"]
    assert len(fills) > 0
    for side in (1, -1):
        assert fills[fills["side"] == side]["quantity"].sum() <= volume
    price = fills["price_e9"][0]
    for row in core.orders_array():
        if row["limit_price_e9"] * row["side"] > price * row["side"]:  # better than the price: whole
            assert row["filled_quantity"] == row["quantity"]
        elif row["limit_price_e9"] * row["side"] < price * row["side"]:
            assert row["filled_quantity"] == 0
    position = core.portfolio.position("AAPL")[0]
    assert position == int((fills["side"].astype(np.int64) * fills["quantity"]).sum())
    core.market.check_invariants()


def test_a_restart_at_night_leaves_what_rested(tmp_path):
    config = {
        "mode": "simulation", "seed": 3, "market": {"hours": {"keep": True}}, "journal": {"path": str(tmp_path / "j")},
    }  # fmt: skip
    core = make_core(load_config(config), clock=SimulatedClock(DAY.close_ns - 20 * MINUTE))
    om = OrderManager(engine=core)
    stays = om.submit_order(order("buy", 500, 140.0, tif="GTC"))
    core.advance(DAY.close_ns + MINUTE)
    om.close()
    again = make_core(load_config(config), clock=SimulatedClock(DAY.close_ns + 2 * MINUTE))
    assert again.get_order(stays.order_id).status is OrderStatus.NEW
    again.advance(NEXT.open_ns + MINUTE)
    assert again.get_order(stays.order_id).status is OrderStatus.NEW
    again.cancel(stays.order_id)
    assert again.get_order(stays.order_id).status is OrderStatus.CANCELED


# ---- order protection


def test_an_order_that_names_a_venue_does_not_trade_through():
    core, om = engine(hours={"keep": False})
    core.advance(core.clock.now_ns() + 10 * SECOND)
    for _ in range(2000):
        quote = core.quote("AAPL")
        asks = {name: core.market.depth("AAPL", name, 1)[1] for name in core.venues.names[:6]}
        worse = [name for name, ask in asks.items() if ask and ask[0][0] > quote.ask_e9]
        if worse:
            break
        core.advance(core.clock.now_ns() + SECOND)
    limit = asks[worse[0]][0][0] / 1e9
    for more in ({}, {"limit": limit}, {"limit": limit, "hidden": True}):  # who is hidden takes all the same
        given = order("buy", 100, venue=worse[0], **more)
        with pytest.raises(OrderRejected, match="worse price than another venue") as caught:
            om.submit_order(given)
        assert caught.value.reason is Reason.TRADE_THROUGH
    assert om.statistics()["refused"] == 3
    rests = om.submit_order(order("buy", 100, quote.bid, venue=worse[0]))  # what takes nothing trades through nothing
    assert ended(core, rests)[0] is OrderStatus.NEW
    loose, manager = engine(hours={"keep": False}, routing={"protect_quotes": False})
    loose.advance(core.clock.now_ns())
    taken = manager.submit_order(order("buy", 100, venue=worse[0]))
    assert ended(loose, taken)[0] is OrderStatus.FILLED
    assert loose.statistics()["trade_throughs"] == 1
