"""A parent order in a recorded day: the recording equals its file row by row, and the report adds up."""

from __future__ import annotations

import numpy as np
import pytest

from grandmodel.execution import OrderManager
from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.replay import ReplayMarket
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import ConfigError
from grandmodel.execution.routing.algorithms import AlgorithmConfigError
from grandmodel.execution.simulation.lobster import read_lobster
from grandmodel.execution.simulation.replay import replay_core, replay_parent

BUY = {"side": "buy", "quantity": 5000, "order_type": "market"}


@pytest.fixture(scope="module")
def amzn(amzn_files):
    return read_lobster(*amzn_files)


def market_of(day):
    instruments = Instruments()
    instruments.add(day.symbol, tick_e9=day.tick_e9)
    venues = Venues(instruments)
    venues.add("NASDAQ")
    return ReplayMarket(venues, day.symbol, "NASDAQ", day.messages, day.books)


def shown(market, levels):
    """The recorded layer as a row of the file: [level][ask price, ask size, bid price, bid size]."""
    bids, asks = market.depth(levels)
    row = np.array([[NO_PRICE, 0, NO_PRICE, 0]] * levels, dtype=np.int64)
    for index, (price, quantity, _) in enumerate(asks):
        row[index, :2] = price, quantity
    for index, (price, quantity, _) in enumerate(bids):
        row[index, 2:] = price, quantity
    return row


def test_the_recorded_layer_equals_the_hand_made_file_row_by_row(hand_day):
    day = read_lobster(*hand_day)
    market = market_of(day)
    for row in day.books:
        market.play(1)
        market.check_invariants()
        assert np.array_equal(shown(market, day.levels), row)
    assert market.counters["repaired"] == 0


def test_the_recorded_layer_equals_the_file_for_the_whole_amzn_day(amzn):
    market = market_of(amzn)
    for row in amzn.books:
        market.play(1)
        assert np.array_equal(shown(market, amzn.levels), row)
    counters = market.counters
    assert counters["rows_equal"] == len(amzn) == 155_935
    assert counters["repaired"] == counters["unknown"] == 0
    tape = market.venues.tape("AMZN")
    assert tape["volume"] == 613_248 + 197_507
    assert tape["notional_e9"] / tape["volume"] / 1e9 == pytest.approx(222.634765, abs=5e-7)
    market.check_invariants()


def test_the_level_1_recording_of_aapl_too(market_data):
    stem = market_data / "lobster" / "AAPL_2012-06-21_34200000_57600000"
    day = read_lobster(f"{stem}_message_1.csv.xz", f"{stem}_orderbook_1.csv.xz")
    market = market_of(day)
    market.play()
    assert market.counters["rows_equal"] == 118_497
    assert market.counters["repaired"] == 0


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize(
    "algorithm",
    [
        {"algorithm": "vwap", "duration_minutes": 60},
        {"algorithm": "vwap", "duration_minutes": 60, "participation_rate": 0.02},
        {"algorithm": "twap", "duration_minutes": 60, "randomization": 0.2, "seed": 5},
        {"algorithm": "implementation_shortfall", "duration_minutes": 60, "risk_aversion": 0.8},
        {"algorithm": "market"},
    ],
    ids=["vwap", "vwap-capped", "twap", "is", "market"],
)
def test_a_parent_in_the_amzn_day(amzn, side, algorithm):
    report = replay_parent(amzn, {**BUY, "side": side}, algorithm, start="10:00", duration_minutes=60)
    cost = report.cost
    assert report.messages == 155_935
    assert report.counters["rows_equal"] == 155_935  # own orders leave the recording alone
    assert cost.order.filled_quantity == cost.fills["quantity"].sum() <= 5000
    assert cost.delay_bps + cost.trading_bps + cost.opportunity_bps + cost.fees_bps == pytest.approx(
        cost.total_bps, abs=1e-9
    )
    assert report.market_volume == 171_799
    assert report.market_vwap == pytest.approx(window_vwap(amzn), abs=1e-9)
    if "participation_rate" in algorithm:
        assert cost.order.filled_quantity <= 0.02 / 0.98 * report.market_volume + 1
        assert cost.opportunity_bps != 0
    times = cost.fills["venue_time_ns"]
    assert (times >= cost.order.created_ns).all()
    assert (times <= cost.order.created_ns + 3600 * 10**9).all()


def window_vwap(day):
    """VWAP of all executions in [10:00, 11:00), visible and hidden, from the messages themselves."""
    begin = int(day.start_ns) + 30 * 60 * 10**9
    inside = (day.messages["time_ns"] >= begin) & (day.messages["time_ns"] < begin + 3600 * 10**9)
    trades = day.messages[inside & np.isin(day.messages["action"], (4, 5))]
    return float((trades["price_e9"] / 1e9 * trades["quantity"]).sum() / trades["quantity"].sum())


def test_the_same_seed_gives_the_same_journal_byte_for_byte(amzn):
    config = {"algorithm": "twap", "duration_minutes": 30, "randomization": 0.3}
    hashes = [
        replay_parent(amzn, BUY, {**config, "seed": seed}, start="10:00", duration_minutes=30, seed=seed).journal_sha256
        for seed in (1, 1, 2)
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_hand_made_day_covers_the_path_without_market_data(hand_day):
    day = read_lobster(*hand_day)
    report = replay_parent(day, {**BUY, "quantity": 100}, {"algorithm": "market"}, start="09:30:05", duration_minutes=5)
    assert report.messages == len(day)
    assert report.counters["rows_equal"] == len(day)
    assert report.cost.order.filled_quantity == report.cost.fills["quantity"].sum()


@pytest.mark.parametrize(
    ("start", "minutes", "message"),
    [
        ("08:00", 60, "within the recording"),
        ("15:30", 60, "end at"),
        ("25:00", 60, "must be a time"),
        ("17:00", 5, "within the recording"),
    ],
)
def test_a_window_outside_the_recording_is_refused(amzn, start, minutes, message):
    with pytest.raises(ValueError, match=message):
        replay_parent(
            amzn, BUY, {"algorithm": "vwap", "duration_minutes": minutes}, start=start, duration_minutes=minutes
        )


def test_an_order_at_the_first_instant_waits_for_the_first_quote(amzn):
    config = {"algorithm": "twap", "duration_minutes": 10}
    report = replay_parent(amzn, {**BUY, "quantity": 500}, config, start="09:30", duration_minutes=10)
    assert report.cost.decision_price > 0
    assert report.cost.order.filled_quantity == 500
    assert report.cost.total_bps == report.cost.total_bps


def test_a_wrong_parameter_is_refused_before_anything_is_replayed(amzn):
    with pytest.raises(AlgorithmConfigError, match="randomization"):
        replay_parent(amzn, BUY, {"algorithm": "twap", "duration_minutes": 60, "randomization": 0.5}, start="10:00")


def test_a_recorded_venue_may_be_at_a_distance_and_err(hand_day):
    """The configuration's own section; an order meets the recording as it is when it arrives."""
    day = read_lobster(*hand_day)
    clock = SimulatedClock(day.start_ns)
    script = [{"message": "order", "number": 2, "fault": "reject"}]
    simulation = {"latency": {"out_us": 500, "in_us": 300, "feed_us": 0}, "faults": {"script": script}}
    core = replay_core(day, clock, simulation=simulation, seed=3)
    om = OrderManager(engine=core)
    core.advance(day.start_ns + 5 * 10**9)
    sent_ns = clock.now_ns()
    order = {"symbol": day.symbol, "side": "buy", "quantity": 10, "order_type": "limit", "limit_price": 90.0}
    first, second = om.submit_order(order), om.submit_order(order)
    assert str(first.status) == "PENDING_NEW"
    core.advance(sent_ns + 800_000 - 1)
    assert (core.market.origin.queue_ahead(int(first)), str(first.status)) == (0, "PENDING_NEW")
    core.advance(sent_ns + 800_000)
    assert (str(first.status), str(second.status)) == ("NEW", "REJECTED")
    assert core.market.injected()["reject"] == 1
    core.close()


def test_a_distance_of_nothing_is_none_and_another_is_another_day(hand_day):
    day = read_lobster(*hand_day)
    seen = [
        replay_parent(
            day, {**BUY, "quantity": 100}, {"algorithm": "market"}, start="09:30:05", duration_minutes=5,
            simulation=simulation,
        )
        for simulation in (None, {}, {"latency": {}}, {"latency": {"out_us": 400}}, {"latency": {"out_us": 400}})
    ]  # fmt: skip
    assert [report.messages for report in seen] == [len(day)] * 5
    hashes = [report.journal_sha256 for report in seen]
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3] == hashes[4]
    with pytest.raises(ConfigError, match=r"simulation\.latency\.out_us"):
        replay_core(day, SimulatedClock(day.start_ns), simulation={"latency": {"out_us": -1}})
    with pytest.raises(ConfigError, match=r"simulation\.fault: "):
        replay_core(day, SimulatedClock(day.start_ns), simulation={"fault": {}})
