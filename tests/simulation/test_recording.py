"""Recordings from whatever files: merged by time, of one instrument, at one venue or several."""

from __future__ import annotations

import numpy as np
import pytest

from grandmodel.execution import MarketDataError
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.market_data import Action
from grandmodel.execution.simulation import ColumnMap, read_lobster, read_recording
from grandmodel.execution.simulation.recording import of_lobster
from grandmodel.execution.simulation.replay import replay_core, replay_parent

QUOTES = "time,bid,bid_size,ask,ask_size\n"
COLUMNS = ColumnMap(
    time="time", time_unit="s", bids=[("bid", "bid_size")], asks=[("ask", "ask_size")]
)  # fmt: skip


def quotes(path, *rows):
    path.write_text(QUOTES + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def test_two_venues_become_one_market(tmp_path):
    first = quotes(tmp_path / "a.csv", (10, 99.98, 200, 100.02, 300), (30, 99.97, 100, 100.02, 300))
    second = quotes(tmp_path / "b.csv", (20, 99.99, 100, 100.03, 50))
    recording = read_recording({"ALPHA": first, "BETA": second}, "csv", symbol="X", columns=COLUMNS)
    assert (recording.venues, recording.by_level, recording.tick_e9) == (("ALPHA", "BETA"), True, 10_000_000)
    assert np.all(np.diff(recording.messages["time_ns"]) >= 0)
    clock = SimulatedClock(recording.start_ns)
    core = replay_core(recording, clock)
    core.advance(recording.start_ns + 11 * 10**9)
    assert (core.quote("X").bid, core.quote("X").ask) == (99.99, 100.02)
    assert core.depth("X", 2)[0].tolist()[0] == [100_020_000_000, 300, 99_990_000_000, 100]
    core.advance(recording.end_ns)
    assert core.market.depth("X", "ALPHA")[0] == [(99_970_000_000, 100)]


def test_what_is_no_recording_is_named(tmp_path):
    trades = tmp_path / "trades.csv"
    trades.write_text("time,price,size\n10,100,5\n")
    prints = ColumnMap(time="time", time_unit="s", price="price", quantity="size")
    with pytest.raises(MarketDataError, match=r"trades.csv: hold no book, must hold one kind of book"):
        read_recording(trades, "csv", symbol="X", columns=prints)
    with pytest.raises(MarketDataError, match="no file is given"):
        read_recording([])
    with pytest.raises(MarketDataError, match="a venue is named 7, must be a text"):
        read_recording({7: trades})
    with pytest.raises(MarketDataError, match="no such file"):
        read_recording(tmp_path / "nothing.csv", "csv", columns=prints)
    first = quotes(tmp_path / "first.csv", (10, 99.98, 200, 100.02, 300))
    other_day = quotes(tmp_path / "other.csv", (86_410, 99.98, 200, 100.02, 300))
    with pytest.raises(MarketDataError, match=r"24.0 hours apart; are they of one day\?"):
        read_recording([first, other_day], "csv", symbol="X", columns=COLUMNS)


def test_a_lobster_day_told_by_level_says_the_same_executions(amzn_files):
    """Without own orders each recording gives the file's executions, one for one, by order and by level."""
    messages, books = amzn_files
    day = read_lobster(messages, books)
    printed = day.messages[np.isin(day.messages["action"], (Action.EXECUTE, Action.EXECUTE_HIDDEN))]
    for recording in (of_lobster(day), read_recording(messages, orderbook=books, symbol="AMZN")):
        clock = SimulatedClock(recording.start_ns)
        core = replay_core(recording, clock)
        core.advance(recording.end_ns)
        tape, counters = core.venues.tape("AMZN"), core.market.counters
        assert counters["executions"] == tape["trades"] == len(printed)
        assert counters["executed"] == tape["volume"] == printed["quantity"].sum()
        assert tape["notional_e9"] == sum(
            p * q for p, q in zip(printed["price_e9"].tolist(), printed["quantity"].tolist(), strict=True)
        )
        assert tape["own_volume"] == counters.get("problems", 0) == counters.get("unknown", 0) == 0
        if not recording.by_level:  # who was executed out of turn stood among orders that the five levels had not shown
            assert counters["out_of_turn"] < 0.005 * counters["executions"]


def test_the_queue_models_are_near_the_exact_queue(amzn_files):
    """The same orders in the same day by order and by level: within a few per cent of the shares filled."""
    from quality.queue_models import SHARES, join_the_touch

    messages, books = amzn_files
    exact = join_the_touch(of_lobster(read_lobster(messages, books)))
    levels = read_recording(messages, orderbook=books, symbol="AMZN")
    assert len(exact.filled) > 1000
    for model, power in (("risk_averse", 2), ("power", 2), ("log", 2)):
        guessed = join_the_touch(levels, model, power)
        assert len(guessed.filled) == len(exact.filled)
        assert guessed.filled.sum() == pytest.approx(exact.filled.sum(), rel=0.05), model
        assert np.mean((guessed.filled == SHARES) == (exact.filled == SHARES)) > 0.98, model


def test_quotes_and_trades_of_two_files(market_data):
    """LEAN's NBBO and its trades: prints come before the quotes of their instant, and a parent is worked in them."""
    stem = market_data / "lean" / "tick" / "ibm_20131008"
    recording = read_recording([f"{stem}_quote.csv.xz", f"{stem}_trade.csv.xz"])
    assert (recording.symbol, recording.by_level) == ("IBM", True)
    rows = recording.messages
    same = np.diff(rows["time_ns"]) == 0
    assert not np.any(same & (rows["action"][:-1] != Action.TRADE) & (rows["action"][1:] == Action.TRADE))
    report = replay_parent(
        recording,
        {"side": "buy", "quantity": 2000, "order_type": "market"},
        {"algorithm": "twap", "duration_minutes": 30},
        start="11:00",
        duration_minutes=30,
        queue_model="log",
    )
    assert (report.queue_model, report.cost.order.filled_quantity) == ("log", 2000)
    assert report.counters["executions"] == 33_381
    assert "did not react" in report.note
