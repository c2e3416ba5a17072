"""The kinds of simulated venues: dark pools, wholesalers, and what displayed venues take beside displayed orders."""

from __future__ import annotations

import itertools
import random

import pytest

from grandmodel.execution import OrderManager, OrderRejected, OrderValidationError, Reason
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.order_management.order_manager import OrderManager as Manager

SECOND = 10**9
START_NS = 1_735_828_200 * SECOND  # 2025-01-02 14:30 UTC
VENUES = {
    "venues": {
        "NYSE": {"priority": 1, "cost_per_share": 0.002, "maker_fee": -0.001},
        "IEX": {"priority": 2, "cost_per_share": 0.001},
    },
    "dark_pools": {"POOL": {"min_size": 200, "cost_per_share": 0.0005}},
    "wholesalers": {"RETAIL": {"cost_per_share": 0, "max_order_size": 1000, "price_improvement_bps": 0.1}},
}


def engine(seed: int = 1, events: float = 200.0) -> tuple[object, Manager]:
    config = {"seed": seed, "routing": VENUES, "market": {"events_per_second": events}}
    core = make_core(load_config(config), clock=SimulatedClock(START_NS))
    return core, Manager(engine=core)


def order(**changes: object) -> dict[str, object]:
    return {"symbol": "AAPL", "side": "buy", "quantity": 400, "order_type": "market", **changes}


def fills(core: object, ticket: object) -> list[tuple[int, int, str]]:
    """(price_e9, quantity, liquidity) of an order's executions."""
    rows = core.fills(int(ticket))  # type: ignore[attr-defined]
    names = {1: "added", 2: "removed", 3: "hidden", 4: "midpoint"}
    return [(int(row["price_e9"]), int(row["quantity"]), names[int(row["liquidity"])]) for row in rows]


def live(core: object, seconds: float) -> None:
    clock = core.clock  # type: ignore[attr-defined]
    core.advance(clock.now_ns() + round(seconds * SECOND))  # type: ignore[attr-defined]


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_wholesaler_fills_inside_the_quote(side):
    core, om = engine()
    quote = om.quote("AAPL")
    ticket = om.submit_order(order(side=side, venue="RETAIL"))
    sign = 1 if side == "buy" else -1
    touch = quote.ask_e9 if sign > 0 else quote.bid_e9
    improvement = quote.mid_e9 * 10_000 // 10**9  # 0.1 bp of the mid, rounded down
    expected = touch - sign * min(improvement, abs(touch - quote.mid_e9))
    assert fills(core, ticket) == [(expected, 400, "removed")]
    assert (str(ticket.status), ticket.order.fees) == ("FILLED", 0.0)
    assert sign * (expected - quote.mid_e9) >= 0


def test_a_wholesaler_never_gives_more_than_the_middle():
    venues = {**VENUES, "wholesalers": {"RETAIL": {"cost_per_share": 0, "price_improvement_bps": 500}}}
    om = OrderManager({"routing": venues})
    quote = om.quote("AAPL")
    ticket = om.submit_order(order(venue="RETAIL"))
    assert ticket.order.average_price == pytest.approx(quote.mid)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": 1001}, Reason.VENUE_REJECTED),  # more than it may take
        ({"order_type": "limit", "limit_price": 100.0}, Reason.VENUE_REJECTED),  # not marketable
    ],
)
def test_what_a_wholesaler_may_not_take(changes, reason):
    core, om = engine()
    ticket = om.submit_order(order(venue="RETAIL", **changes))
    assert (str(ticket.status), ticket.order.reason) == ("REJECTED", reason)
    assert core.portfolio.position("AAPL") == (0, 0, 0)


def test_a_dark_pool_fills_at_the_middle_and_nowhere_else():
    """Each fill is at the consolidated middle of its moment, never at a crossed quote, never beyond the limit."""
    seen = 0
    for seed in range(40):
        core, om = engine(seed)
        quote = om.quote("AAPL")
        limit = round(quote.bid + (0.02 if seed % 2 else -0.02), 2)
        tickets = [
            om.submit_order(order(order_type="pegged_midpoint", venue="POOL", time_in_force="GTC")),
            om.submit_order(order(order_type="limit", limit_price=limit, venue="POOL", side="buy")),
            om.submit_order(order(side="sell", venue="POOL")),
        ]
        live(core, 30)
        for ticket in tickets:
            for row in core.fills(int(ticket)):
                bid, ask, price = int(row["bid_e9"]), int(row["ask_e9"]), int(row["price_e9"])
                assert bid <= ask
                middle = bid + (ask - bid) // 2
                limited = ticket.order.limit_price_e9
                assert price == middle if limited is None else price <= min(middle, limited)
                assert int(row["liquidity"]) == 4
                seen += 1
        assert core.portfolio.account()["open_orders"] == sum(not t.status.is_closed for t in tickets)
    assert seen > 40


def test_a_market_order_does_not_wait_in_a_dark_pool():
    statuses = set()
    for seed in range(20):
        core, om = engine(seed)
        ticket = om.submit_order(order(venue="POOL"))
        statuses.add(str(ticket.status))
        assert ticket.status.is_closed
        assert core.portfolio.position("AAPL") == (ticket.order.filled_quantity, 0, 0)
    assert statuses == {"FILLED", "CANCELED"}


def test_a_pools_smallest_order_and_fill_or_kill():
    _, om = engine()
    ticket = om.submit_order(order(quantity=199, venue="POOL"))
    assert (str(ticket.status), ticket.order.reason) == ("REJECTED", Reason.VENUE_REJECTED)
    for seed in range(20):
        _, om = engine(seed)
        ticket = om.submit_order(order(quantity=1200, venue="POOL", time_in_force="FOK"))
        assert ticket.order.filled_quantity in (0, 1200)


def test_a_minimum_quantity_in_a_dark_pool():
    """What trades at one moment is the minimum at least, or all that was left."""
    seen = 0
    for seed in range(60):
        core, om = engine(seed)
        terms = {"order_type": "limit", "limit_price": 200.0, "time_in_force": "GTC", "min_quantity": 900}
        ticket = om.submit_order(order(quantity=2000, venue="POOL", **terms))
        live(core, 60)
        left = 2000
        moments: dict[int, int] = {}
        for row in core.fills(int(ticket)):
            moments[int(row["venue_time_ns"])] = moments.get(int(row["venue_time_ns"]), 0) + int(row["quantity"])
        for quantity in moments.values():
            assert quantity >= min(900, left)
            left -= quantity
            seen += 1
    assert seen > 5


def test_the_displayed_flow_does_not_change_for_a_pool():
    """A dark pool's own generator: what is displayed flows as it would have without it."""
    shown = []
    for venue in (None, "POOL"):
        core, om = engine(5)
        om.quote("AAPL")
        held = {"order_type": "limit", "limit_price": 100.0, "time_in_force": "GTC", "venue": venue or "NYSE"}
        om.submit_order(order(**held))
        live(core, 20)
        quote = om.quote("AAPL")
        shown.append((quote.bid_e9, quote.ask_e9))
    assert shown[0] == shown[1]


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("kind", ["hidden", "pegged_primary", "pegged_midpoint", "pegged_market"])
def test_what_is_not_displayed_is_filled_and_never_quoted(kind, side):
    filled = 0
    sign = 1 if side == "buy" else -1
    for seed in range(8):
        core, om = engine(seed)
        quote = om.quote("AAPL")
        before = (quote.bid_e9, quote.bid_quantity, quote.ask_e9, quote.ask_quantity)
        if kind == "hidden":
            price = quote.bid if sign > 0 else quote.ask
            terms = {"order_type": "limit", "limit_price": price, "hidden": True}
        else:
            terms = {"order_type": kind, "peg_offset": -0.01 * (kind == "pegged_market") or None}
        ticket = om.submit_order(order(side=side, time_in_force="GTC", **terms))
        quote = om.quote("AAPL")
        assert (quote.bid_e9, quote.bid_quantity, quote.ask_e9, quote.ask_quantity) == before
        live(core, 20)
        core.market.check_invariants()
        assert core.portfolio.position("AAPL")[0] == sign * ticket.order.filled_quantity
        for row in core.fills(int(ticket)):
            assert int(row["liquidity"]) in (2, 3)
            filled += 1
        om.cancel_all()
        assert core.portfolio.account()["open_orders"] == 0
    assert filled > 0


def test_equal_seeds_give_equal_logs_with_every_kind_of_venue():
    digests = []
    for _ in range(2):
        core, om = engine(9)
        om.quote("AAPL")
        for changes in (
            {"venue": "RETAIL"}, {"venue": "POOL", "order_type": "pegged_midpoint", "time_in_force": "GTC"},
            {"order_type": "pegged_primary", "time_in_force": "GTC"}, {"side": "sell", "venue": "POOL"},
        ):  # fmt: skip
            om.submit_order(order(**changes))
        live(core, 10)
        core.close()
        digests.append(core.journal.sha256())
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"venue": "NYSEE"}, "venue"), ({"venue": 1}, "venue"), ({"venue": ["NYSE"]}, "venue"),
        ({"peg_offset": 0.01}, "peg_offset"), ({"order_type": "pegged_midpoint", "peg_offset": 0.01}, "peg_offset"),
        ({"order_type": "pegged_primary", "peg_offset": float("nan")}, "peg_offset"),
        ({"order_type": "pegged_primary", "peg_offset": 0.001}, "peg_offset"),
        ({"order_type": "pegged_primary", "peg_offset": "1"}, "peg_offset"),
        ({"order_type": "pegged_primary", "peg_offset": True}, "peg_offset"),
        ({"order_type": "pegged_primary", "peg_offset": -(2**63)}, "peg_offset"),
        ({"order_type": "pegged_primary", "min_quantity": 100}, "min_quantity"),
        ({"order_type": "stop", "stop_price": 160.0, "venue": "NYSE"}, "venue"),
        ({"order_type": "pegged_primary", "post_only": True}, "post_only"),
    ],
)  # fmt: skip
def test_wrong_terms_are_named(changes, field):
    _, om = engine()
    with pytest.raises(OrderValidationError) as caught:
        om.submit_order(order(**changes))
    assert list(caught.value.errors) == [field]


@pytest.mark.parametrize(
    "changes",
    [
        {"venue": "RETAIL", "order_type": "pegged_midpoint"},
        {"venue": "POOL", "order_type": "iceberg", "limit_price": 150.0, "display_quantity": 100},
        {"venue": "RETAIL", "order_type": "limit", "limit_price": 200.0, "all_or_none": True},
        {"venue": "RETAIL", "order_type": "limit", "limit_price": 200.0, "min_quantity": 10},
    ],
)
def test_what_the_named_venue_does_not_take_is_refused(changes):
    core, om = engine()
    with pytest.raises(OrderRejected) as caught:
        om.submit_order(order(**changes))
    assert caught.value.reason is Reason.UNSUPPORTED
    assert core.portfolio.position("AAPL") == (0, 0, 0)


def test_a_trade_through_is_flagged_counted_and_found():
    """An order that walks one venue's book past what another displays trades through it (17 CFR 242.611)."""
    config = {
        "seed": 3, "routing": VENUES, "market": {"events_per_second": 200}, "compliance": {"max_trade_throughs": 0}
    }  # fmt: skip
    core = make_core(load_config(config), clock=SimulatedClock(START_NS))
    om = Manager(engine=core)
    om.watch_conduct(core, load_config(config))
    om.quote("AAPL")
    om.submit_order(order(quantity=1, venue="RETAIL"))
    assert core.statistics()["trade_throughs"] == 0
    ticket = om.submit_order(order(quantity=50_000, venue="NYSE"))
    other = core.market.depth("AAPL", "IEX", 1)[1][0][0]  # what IEX displays, untouched
    rows = core.fills(int(ticket))
    through = [row for row in rows if int(row["price_e9"]) > other]
    assert through
    assert [int(row["reason"]) for row in rows] == [
        int(Reason.TRADE_THROUGH) if int(row["price_e9"]) > other else 0 for row in rows
    ]
    assert core.statistics()["trade_throughs"] == len(through)
    om.pump()
    assert [str(found.kind) for found in om.compliance.findings] == ["trade_through"]
    assert "worse price than another venue" in str(om.explain(ticket))


def crossed_engine(seed: int, by: int):
    """An engine whose venues look at themselves alone, and by an own bid so many ticks above the other venue's offer a
    crossed (0: locked) quote; (None, None) where this seed's venues do not stand apart."""
    market = {"events_per_second": 200.0, "depth": 1, "venue_correlation": 0.0}
    core = make_core(load_config({"seed": seed, "routing": VENUES, "market": market}), clock=SimulatedClock(START_NS))
    om = Manager(engine=core)
    om.quote("AAPL")
    asks = {name: core.venues.shown("AAPL", name)["ask_e9"] for name in VENUES["venues"]}
    low, high = sorted(asks, key=lambda name: asks[name] or 0)
    if not asks[low] or asks[high] - asks[low] < (by + 1) * 10**7:
        core.close()
        return None, None
    price = asks[low] // 10**7 + by
    bid = om.submit_order(order(order_type="limit", limit_price=price / 100, venue=high, time_in_force="GTC"))
    assert str(bid.status) == "NEW"
    return core, om


def test_nothing_is_matched_away_from_the_quote_while_it_is_crossed():
    """A wholesaler has no quote to be inside of, a pool no middle."""
    seen = 0
    for seed in range(60):
        core, om = crossed_engine(seed, 1)
        if core is None:
            continue
        quote = om.quote("AAPL")
        assert quote.bid_e9 > quote.ask_e9
        retail = om.submit_order(order(side="sell", venue="RETAIL"))
        assert (str(retail.status), retail.order.reason) == ("REJECTED", Reason.NO_LIQUIDITY)
        waits = om.submit_order(order(venue="POOL", order_type="pegged_midpoint", time_in_force="GTC"))
        meets = om.submit_order(order(venue="POOL", order_type="pegged_midpoint", side="sell", time_in_force="GTC"))
        assert [ticket.order.filled_quantity for ticket in (waits, meets)] == [0, 0]
        seen += 1
        core.close()
    assert seen > 3


def test_nothing_is_a_trade_through_while_the_quote_is_crossed():
    """The exception of 17 CFR 242.611(b)(4), at routing and at the fill; a locked quote is none."""
    for by, status in ((1, "FILLED"), (0, None)):
        seen = 0
        for seed in range(60):
            core, om = crossed_engine(seed, by)
            if core is None:
                continue
            dearest = max(VENUES["venues"], key=lambda name: core.venues.shown("AAPL", name)["ask_e9"])
            taking = order(quantity=1, venue=dearest)
            if status is None:
                with pytest.raises(OrderRejected, match="611"):
                    om.submit_order(taking)
            else:
                assert str(om.submit_order(taking).status) == status
            assert core.statistics()["trade_throughs"] == 0
            seen += 1
            core.close()
        assert seen > 3


def test_a_wholesaler_cannot_be_inside_a_locked_quote():
    seen = 0
    for seed in range(20):
        core, om = crossed_engine(seed, 0)
        if core is None:
            continue
        quote = om.quote("AAPL")
        assert quote.bid_e9 == quote.ask_e9
        retail = om.submit_order(order(venue="RETAIL"))
        assert (str(retail.status), retail.order.reason) == ("REJECTED", Reason.NO_LIQUIDITY)
        seen += 1
        core.close()
    assert seen > 3


def test_a_pool_and_a_wholesaler_take_nothing_in_a_halt():
    """Also a pool that nobody has been in before."""
    core, om = engine()
    om.quote("AAPL")
    core.halt("AAPL")
    for venue, reason in (("POOL", Reason.NOT_TRADING), ("RETAIL", Reason.NO_LIQUIDITY)):
        ticket = om.submit_order(order(venue=venue))
        assert (str(ticket.status), ticket.order.reason) == ("REJECTED", reason)
    core.resume("AAPL")
    assert str(om.submit_order(order(venue="RETAIL")).status) == "FILLED"


def test_fill_or_kill_in_a_pool_takes_nothing_where_an_ioc_takes_a_part():
    parts = 0
    for seed in range(60):
        filled = {}
        for tif in ("IOC", "FOK"):
            core, om = engine(seed)
            ticket = om.submit_order(order(quantity=3000, venue="POOL", time_in_force=tif))
            filled[tif] = ticket.order.filled_quantity
            core.close()
        assert filled["FOK"] == (3000 if filled["IOC"] == 3000 else 0)
        parts += 0 < filled["IOC"] < 3000
    assert parts > 3


@pytest.mark.parametrize("venue", ["NYSE", "POOL"])
def test_more_and_less_are_what_rests_at_the_venue(venue):
    """What a replace asks for is what the venue has: its cancel gives that back."""
    core, om = engine(2, events=0.001)
    terms = {"order_type": "limit", "limit_price": 140.0, "time_in_force": "GTC", "venue": venue}
    ticket = om.submit_order(order(quantity=400, **terms))
    shown = []
    for quantity in (700, 300, 500):
        om.replace_order(ticket, quantity=quantity)
        assert (ticket.order.quantity, ticket.order.leaves_quantity) == (quantity, quantity)
        if venue == "NYSE":
            bids = core.market.depth("AAPL", venue, 1000)[0]
            shown.append(sum(level[1] for level in bids if level[0] == 140 * 10**9))
    om.cancel_order(ticket)
    reports = core.journal.rows(4)
    ended = reports[(reports["order_id"] == int(ticket)) & (reports["exec_type"] == 3)]
    assert ended["quantity"].tolist() == [500]
    if venue == "NYSE":
        assert [b - a for a, b in itertools.pairwise(shown)] == [-400, 200]


def test_less_in_a_pool_may_find_its_minimum():
    """A minimum is never more than what is left: an order made smaller meets at once what was too little for it."""
    core, om = engine(2, events=0.001)
    rests = {"order_type": "pegged_midpoint", "venue": "POOL", "time_in_force": "GTC"}
    sells = om.submit_order(order(side="sell", quantity=300, **rests))
    assert sells.order.filled_quantity == 0
    buys = om.submit_order(
        order(quantity=2000, **{**rests, "order_type": "limit"}, limit_price=200.0, min_quantity=1000)
    )
    assert buys.order.filled_quantity == 0
    om.replace_order(buys, quantity=250)
    assert (str(buys.status), buys.order.filled_quantity, sells.order.filled_quantity) == ("FILLED", 250, 250)
    quote = om.quote("AAPL")
    middle = quote.bid_e9 + (quote.ask_e9 - quote.bid_e9) // 2
    assert fills(core, buys) == [(middle, 250, "midpoint")]
    core.market.check_invariants()


def levels(core, venue: str) -> dict[tuple[int, int], int]:
    """What a displayed venue shows: {(side, price_e9): quantity}."""
    bids, asks = core.market.depth("AAPL", venue, 1000)
    return {(side, level[0]): level[1] for side, rows in ((1, bids), (-1, asks)) for level in rows}


@pytest.mark.parametrize("seed", range(6))
def test_what_is_taken_was_there_and_is_gone(seed):
    """Orders of any kind that take at a displayed venue: the book after is the book before, less the fills, and with
    what rests of the order."""
    r = random.Random(seed)
    core, om = engine(seed)
    om.quote("AAPL")
    taken = 0
    for _ in range(60):
        live(core, r.random())
        om.quote("AAPL")  # the market lives on to now where somebody looks
        venue, side = r.choice(list(VENUES["venues"])), r.choice(("buy", "sell"))
        sign = 1 if side == "buy" else -1
        shown = core.venues.shown("AAPL", venue)
        far = shown["ask_e9"] if sign > 0 else shown["bid_e9"]
        price = (far // 10**7 + r.randrange(-2, 4) * sign) / 100
        kind = {"order_type": "market"} if r.random() < 0.2 else {"order_type": "limit", "limit_price": price}
        tif = "IOC" if kind["order_type"] == "market" else r.choice(("IOC", "FOK", "GTC"))
        before = levels(core, venue)
        try:
            ticket = om.submit_order(
                order(side=side, quantity=r.randrange(1, 6000), venue=venue, time_in_force=tif, **kind)
            )
        except OrderRejected:  # it would trade through the other venue
            continue
        for fill in core.fills(int(ticket)):
            at = (-sign, int(fill["price_e9"]))
            before[at] -= int(fill["quantity"])
            assert before[at] >= 0
            assert int(fill["fee_e9"]) == int(fill["quantity"]) * (2_000_000 if venue == "NYSE" else 1_000_000)
            taken += 1
        now = ticket.order
        if not ticket.status.is_closed:
            at = (sign, now.limit_price_e9)
            before[at] = before.get(at, 0) + now.leaves_quantity
        assert levels(core, venue) == {at: quantity for at, quantity in before.items() if quantity}
        om.cancel_all()
    assert taken > 20
    core.market.check_invariants()
    core.close()
