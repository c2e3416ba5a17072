"""The capture of what the market says: its rows against the quotes they stand for, its file against harm."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import START_NS, make_core, order, resting
from support_replay import TICK, engine, level_engine, level_recording, recording

from grandmodel.execution import MarketDataError, OrderRejected
from grandmodel.execution._core.capture import PAGE, Capture, read_capture
from grandmodel.execution._core.clock import NativeClock
from grandmodel.execution._core.journal import Journal
from grandmodel.execution._core.records import MESSAGE_DTYPE, NO_PRICE
from grandmodel.execution._core.recovery import snapshot
from grandmodel.execution.market_data.messages import Action, Flag

CLEAR, TRADE, SET_LEVEL, HALT = 8, 9, 10, 7
SYMBOLS = ("AAPL", "MSFT", "JPM")


def rows_of(path):
    pieces = [rows for _, rows in read_capture(path).chunks(2)]
    return np.concatenate(pieces) if pieces else np.zeros(0, MESSAGE_DTYPE)


def day(core, gate, steps=40):
    """Orders of every fate while the flow goes on."""
    for step in range(steps):
        core.clock.advance_to(core.clock.now_ns() + 700_000_000)
        gate.submit_order(order(symbol=SYMBOLS[step % 3], side=("buy", "sell")[step % 2], quantity=100 + step))
        if step % 3 == 0:
            core.cancel(gate.submit_order(resting(limit_price=140.0 + step / 100)).order_id)
        if step % 5 == 0:
            with pytest.raises(OrderRejected):
                gate.submit_order(order(quantity=2_000_000))


class Twin:
    """What venues show after some rows, in plain Python."""

    def __init__(self):
        self.sequence, self.shown, self.volume, self.own = 0, {}, {}, {}

    def take(self, row):
        number, symbol, venue = int(row["sequence"]), int(row["symbol"]), int(row["venue"])
        if row["action"] == CLEAR:
            assert number > self.sequence
            self.shown.clear()
        else:
            assert number in (self.sequence, self.sequence + 1)
        if row["action"] == SET_LEVEL:
            assert row["level"] == 1
            self.shown[symbol, venue, int(row["side"])] = (int(row["price_e9"]), int(row["quantity"]))
        elif row["action"] == TRADE:
            self.volume[symbol] = self.volume.get(symbol, 0) + int(row["quantity"])
            self.own[symbol] = self.own.get(symbol, 0) + int(row["quantity"]) * int(row["flags"])
        self.sequence = number

    def best(self, symbol, side):
        """(price, quantity at it over all venues), or None."""
        there = [x for (s, _, way), x in self.shown.items() if s == symbol and way == side and x[0] != NO_PRICE]
        if not there:
            return None
        price = max(there, key=lambda x: side * x[0])[0]
        return price, sum(quantity for its, quantity in there if its == price)


def test_rows_are_what_the_venues_show(tmp_path):
    core, gate = make_core(capture=tmp_path / "c")
    twin, seen = Twin(), 0
    for _ in range(6):
        day(core, gate, 10)
        assert core.flush_capture()
        rows = rows_of(tmp_path / "c")
        for row in rows[seen:]:
            twin.take(row)
        seen = len(rows)
        assert twin.sequence == core.venues.updates
        for number, symbol in enumerate(SYMBOLS):
            quote = core.venues.quote(symbol)
            bid, ask = twin.best(number, 1), twin.best(number, -1)
            assert (quote.bid_e9, quote.bid_quantity) == (bid or (None, 0))
            assert (quote.ask_e9, quote.ask_quantity) == (ask or (None, 0))
            tape = core.venues.tape(symbol)
            assert tape["volume"] == twin.volume.get(number, 0)
            assert tape["own_volume"] == twin.own.get(number, 0)
    assert core.capture.rows == seen
    assert (np.diff(rows["sequence"]) <= 1).all()


def test_the_head_says_whose_it_is(tmp_path):
    core, _ = make_core(path=str(tmp_path / "j"), capture=tmp_path / "c", config_hash=7)
    core.close()
    (run,) = read_capture(tmp_path / "c").runs
    assert (run.number, run.uuid, run.first) == (1, core.journal.uuid, 1)
    assert (run.start_ns, run.config_hash, run.config) == (START_NS, 7, None)
    assert run.symbols == list(SYMBOLS)
    assert run.ticks_e9 == [10**7] * 3
    assert run.venues == core.venues.names
    assert rows_of(tmp_path / "c")["action"].tolist() == [CLEAR]


def test_the_log_is_the_same_with_and_without(tmp_path):
    sums = []
    for capture in (None, tmp_path / "c", None):
        core, gate = make_core(capture=capture)
        day(core, gate)
        core.close()
        sums.append(core.journal.sha256())
    assert sums[0] == sums[1] == sums[2]


@given(seed=st.integers(0, 2**32), retained=st.integers(1, 64))
def test_the_log_is_the_same_with_and_without_for_any_seed(tmp_path_factory, seed, retained):
    sums = []
    for capture in (None, tmp_path_factory.mktemp("capture") / "c"):
        core, gate = make_core(seed=seed, retained=retained, capture=capture)
        day(core, gate, 6)
        core.close()
        sums.append(core.journal.sha256())
    assert sums[0] == sums[1]


def test_decisions_and_refusals_say_what_the_feed_had_said():
    core, gate = make_core()
    assert core.venues.updates == 1  # an engine has begun
    gate.submit_order(order())
    decided = [record for _, kind, record in core.journal.scan() if kind == 3]
    core.touch("AAPL")
    assert 1 < decided[0]["row"]["feed_sequence"] < core.venues.updates  # the order took what was shown
    before = core.venues.updates
    with pytest.raises(OrderRejected):
        gate.submit_order(order(quantity=2_000_000))
    with pytest.raises(OrderRejected):
        gate.submit_order(order(quantity=-1))
    looked, unseen = [record["row"]["feed_sequence"] for _, kind, record in core.journal.scan() if kind == 5]
    assert (looked, unseen) == (before, 0)


def test_a_quote_that_is_what_it_was_is_no_news(tmp_path):
    core, _ = make_core(capture=tmp_path / "c")
    before = core.venues.updates
    core.venues.set_quote("AAPL", "NYSE", 10**11, 2 * 10**11, 5, 6)
    core.venues.set_quote("AAPL", "NYSE", 10**11, 2 * 10**11, 5, 6)
    assert core.venues.updates == before + 1
    core.venues.set_quote("AAPL", "NYSE", 10**11, 2 * 10**11, 5, 7)
    core.flush_capture()
    rows = rows_of(tmp_path / "c")
    assert rows["sequence"].tolist() == [1, 2, 2, 3]
    assert rows["side"].tolist() == [0, 1, -1, -1]
    assert rows["quantity"].tolist() == [0, 5, 6, 7]


def test_what_is_quoted_before_the_engine_begins_is_said_again(tmp_path):
    from grandmodel.execution._core.instruments import Instruments
    from grandmodel.execution._core.orders import OrderTable
    from grandmodel.execution._core.portfolio import Portfolio
    from grandmodel.execution._core.risk import Limits
    from grandmodel.execution._core.scoring import Venues
    from grandmodel.execution._core.submit import Core
    from grandmodel.execution._core.synthetic import SyntheticMarket

    instruments = Instruments()
    instruments.add("X", tick_e9=10**7, reference_e9=10**11)
    venues = Venues(instruments)
    venues.add("A")
    venues.add("B")
    venues.set_quote("X", "B", 10**11, None, 5, 0)
    journal = Journal()
    market = SyntheticMarket(venues, [1, 0])
    core = Core(
        instruments=instruments, portfolio=Portfolio(instruments), limits=Limits(instruments), venues=venues,
        orders=OrderTable(), journal=journal, market=market, clock=NativeClock(simulated=True),
        capture=Capture(tmp_path / "c", journal),
    )  # fmt: skip
    core.flush_capture()
    rows = rows_of(tmp_path / "c")
    assert rows["action"].tolist() == [CLEAR, SET_LEVEL, SET_LEVEL][: len(rows)]
    assert rows[1]["price_e9"] == 10**11
    assert core.venues.quote("X").bid_e9 == 10**11
    assert rows[0]["sequence"] == 2  # the first was the quote's


# ---- runs


def restart(path, capture, **more):
    return make_core(path=str(path), capture=capture, **more)


def test_a_restart_begins_a_run_above_what_the_log_has_seen(tmp_path):
    path, capture = tmp_path / "j", tmp_path / "c"
    core, gate = make_core(path=str(path), capture=capture)
    day(core, gate)
    seen = max(int(record["row"]["feed_sequence"]) for _, kind, record in core.journal.scan() if kind in (3, 5))
    core.close()
    for number in (2, 3):
        core, gate = restart(path, capture, start_ns=START_NS + number * 10**12, seed=number)
        assert core.capture.run == number
        day(core, gate, 5)
        core.close()
    found = read_capture(capture)
    assert [run.number for run in found.runs] == [1, 2, 3]
    assert found.runs[1].first == seen + 1
    assert [run.until for run in found.runs] == [found.runs[1].first, found.runs[2].first, 1 << 62]
    rows = rows_of(capture)
    assert (rows["action"] == CLEAR).sum() == 3
    twin = Twin()
    for row in rows:  # dense, across runs
        twin.take(row)


def test_the_feed_goes_on_from_a_snapshot_too(tmp_path):
    path, capture = tmp_path / "j", tmp_path / "c"
    core, gate = make_core(path=str(path), capture=capture)
    day(core, gate)
    snapshot(core)
    core.close()
    first, _ = restart(path, None, start_ns=START_NS + 10**12)
    updates = first.venues.updates
    first.close()
    for name in os.listdir(path):
        if name.startswith("snapshot-"):
            os.unlink(path / name)
    second, _ = restart(path, None, start_ns=START_NS + 10**12)
    assert second.venues.updates == updates
    second.close()


def test_the_file_of_another_journal_is_refused(tmp_path):
    core, _ = make_core(path=str(tmp_path / "j"), capture=tmp_path / "c")
    core.close()
    with pytest.raises(MarketDataError, match="another journal"):
        Capture(tmp_path / "c", Journal(tmp_path / "k"))
    with pytest.raises(MarketDataError, match="another journal"):
        Capture(tmp_path / "c", Journal())


def test_two_engines_do_not_write_one_file(tmp_path):
    core, _ = make_core(path=str(tmp_path / "j"), capture=tmp_path / "c")
    with pytest.raises(MarketDataError, match="another engine writes it"):
        Capture(tmp_path / "c", core.journal)
    core.close()
    Capture(tmp_path / "c", core.journal).close()


def test_a_file_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(MarketDataError, match="no/c: cannot be opened: No such file"):
        Capture(tmp_path / "no" / "c", Journal())
    with pytest.raises(MarketDataError, match="cannot be read"):
        read_capture(tmp_path / "none")


# ---- harm


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The bytes of a capture of a few blocks, and its rows."""
    path = tmp_path_factory.mktemp("written") / "c"
    core, gate = make_core(capture=path, events_per_second=300.0)
    day(core, gate, 12)
    core.close()
    raw = path.read_bytes()
    assert len(read_capture(path).runs[0].blocks) >= 3
    return raw, rows_of(path)


@given(data=st.data())
def test_a_cut_file_gives_its_whole_blocks_and_says_so(written, tmp_path_factory, data):
    raw, rows = written
    size = data.draw(st.one_of(st.integers(1, len(raw) - 1), st.sampled_from([1, 63, 64, 4095, PAGE, len(raw) - 1])))
    path = tmp_path_factory.mktemp("cut") / "c"
    path.write_bytes(raw[:size])
    found = read_capture(path)
    assert found.end <= size
    assert (found.torn is None) == (found.end == size)
    if found.torn is not None:
        assert f"from byte {found.end} on" in found.torn
    if found.runs:
        left = rows_of(path)
        assert (left == rows[: len(left)]).all()
        assert found.end == size or size - found.end < PAGE * 8 + 64


@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_no_flipped_bit_passes(written, tmp_path_factory, at, bit):
    raw, _ = written
    changed = bytearray(raw)
    changed[at % len(raw)] ^= 1 << bit
    path = tmp_path_factory.mktemp("flip") / "c"
    path.write_bytes(bytes(changed))
    with pytest.raises(MarketDataError, match=str(path)):
        rows_of(path)


def test_what_is_damaged_is_named(written, tmp_path):
    raw, _ = written
    path = tmp_path / "c"
    path.write_bytes(raw)
    blocks = read_capture(path).runs[0].blocks
    offset, count, *_ = blocks[1]
    begin = blocks[0][1] + 1
    changed = bytearray(raw)
    changed[offset + 70] ^= 1
    path.write_bytes(bytes(changed))
    with pytest.raises(MarketDataError, match=rf"byte {offset}: rows {begin} to {begin + count - 1} of run 1"):
        rows_of(path)
    changed = bytearray(raw)
    changed[offset - 20] ^= 1
    path.write_bytes(bytes(changed))
    with pytest.raises(MarketDataError, match=rf"byte {offset - 64}: the head of the block with row {begin} of run 1"):
        read_capture(path)
    path.write_bytes(b"LOBSTER, or something else" * 10)
    with pytest.raises(MarketDataError, match="is no capture"):
        read_capture(path)


def test_a_torn_end_is_cut_off_before_the_next_run(tmp_path):
    path, capture = tmp_path / "j", tmp_path / "c"
    core, gate = make_core(path=str(path), capture=capture)
    day(core, gate)
    core.close()
    whole = read_capture(capture).rows
    with open(capture, "ab") as file:
        file.write(b"GMCAPBLK" + bytes(20))
    assert "28 bytes" in read_capture(capture).torn
    core, gate = restart(path, capture, start_ns=START_NS + 10**12)
    assert "cut off" in core.capture.notes[0]
    core.close()
    found = read_capture(capture)
    assert found.torn is None
    assert (len(found.runs), found.rows) == (2, whole + 1)


def test_a_full_disk_ends_the_capture_and_no_order(tmp_path):
    core, gate = make_core(capture="/dev/full")
    assert "No space left" in core.health()["capture"]
    gate.submit_order(order())
    assert not core.flush_capture()

    path = tmp_path / "c"
    core, gate = make_core(capture=path, events_per_second=300.0)
    assert core.health()["capture"] == "on"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))  # Python ignores SIGXFSZ: the write fails
    try:
        day(core, gate, 12)
        core.flush_capture()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in core.health()["capture"]
    assert core.statistics()["accepted"] >= 12
    assert core.health()["accepting"]
    core.close()
    found = read_capture(path)
    assert found.torn is None
    assert found.rows % 510 <= 1


def test_a_killed_engine_leaves_whole_blocks(tmp_path):
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))!r})
from support import make_core, order
core, gate = make_core(path={str(tmp_path / "j")!r}, capture={str(tmp_path / "c")!r}, events_per_second=300.0)
for _ in range(12):
    core.clock.advance_to(core.clock.now_ns() + 10**9)
    gate.submit_order(order())
print(core.capture.rows, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    found = read_capture(tmp_path / "c")
    assert found.torn is None
    assert 0 <= int(done.stdout) - found.rows <= 511


def test_health_says_that_nothing_is_captured():
    core, _ = make_core()
    assert core.health()["capture"] is None
    assert core.capture is None
    assert not core.flush_capture()


def test_closing_writes_the_rest(tmp_path):
    core, gate = make_core(capture=tmp_path / "c")
    gate.submit_order(order())
    core.close()
    core.close()
    assert core.capture.state == "off"
    assert len(rows_of(tmp_path / "c")) == core.capture.rows


@pytest.mark.parametrize("by_level", [False, True])
def test_a_recordings_auction_is_told_in_the_capture(tmp_path, by_level):
    """A cross trade's print has the auction's flag, others have not."""
    cross = int(Action.CROSS_TRADE)
    if by_level:
        told = ((SET_LEVEL, 1, 1000, 50), (SET_LEVEL, -1, 1005, 50), (cross, 0, 1001, 70), (TRADE, 0, 1002, 5),
                (cross, 0, 1003, 9))  # fmt: skip
        core, _ = level_engine(level_recording(*told), capture=tmp_path / "c")
    else:
        told = ((1, 1, 1, 1000, 50), (1, 2, -1, 1005, 50), (cross, 0, 0, 1001, 70), (TRADE, 0, 0, 1002, 5),
                (cross, 0, 0, 1003, 9))  # fmt: skip
        core, _ = engine(recording(*told), capture=tmp_path / "c")
    core.advance(10 * 10**9)
    core.close()
    rows = rows_of(tmp_path / "c")
    prints = rows[rows["action"] == TRADE]
    assert (prints["price_e9"] // TICK).tolist() == [1001, 1002, 1003]
    assert prints["flags"].tolist() == [int(Flag.AUCTION), 0, int(Flag.AUCTION)]
