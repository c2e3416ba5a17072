"""Start is recovery: the state after it is the state before, whatever happened in between."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import journal as plain
from support import (
    EXEC_CANCELED,
    EXEC_EXPIRED,
    EXEC_NEW,
    EXEC_REJECTED,
    EXEC_TRADE,
    make_core,
    order,
    report,
    resting,
)  # fmt: skip

from grandmodel.execution._core.clock import NativeClock
from grandmodel.execution._core.journal import Journal, verify
from grandmodel.execution._core.orders import Order
from grandmodel.execution._core.records import BALANCE_DTYPE
from grandmodel.execution._core.recovery import known_names, snapshot, snapshots, state_hash
from grandmodel.execution._core.values import JournalError, OrderRejected, OrderStatus, Reason

START_NS = 1_735_828_200_000_000_000
BALANCE = 7


def live_through(core, gate, choose, steps):
    """A random day: orders of every kind, cancels, refusals, parents with children, reports in any order."""
    parents = []
    for _ in range(steps):
        core.advance(core.clock.now_ns() + choose.randrange(1, 3 * 10**9))
        what = choose.randrange(10)
        side = choose.choice(["buy", "sell"])
        symbol = choose.choice(["AAPL", "MSFT", "JPM"])
        client = f"c{choose.randrange(10**9)}" if choose.random() < 0.3 else None
        more = {"strategy": choose.choice(["alpha", "beta"])} if choose.random() < 0.3 else {}
        try:
            if what < 3:
                gate.submit_order(
                    order(symbol=symbol, side=side, quantity=choose.randrange(1, 500), client_order_id=client, **more)
                )
            elif what < 6:
                price = {"AAPL": 150, "MSFT": 300, "JPM": 150}[symbol] + choose.randrange(-300, 300) / 100
                gate.submit_order(order(symbol=symbol, side=side, quantity=choose.randrange(1, 900), order_type="limit",
                                        limit_price=price, client_order_id=client, **more))  # fmt: skip
            elif what == 6:
                alive = [each for each in core.open_orders() if not each.is_parent]
                if alive:
                    core.cancel(choose.choice(alive).order_id)
            elif what == 7:
                gate.submit_order(order(quantity=10**8))
            elif what == 8:
                parents.append(int(core.submit_parent(order(symbol=symbol, side=side, quantity=1000), "twap")))
                core.submit_child(parents[-1], choose.randrange(1, 400))
            elif parents:
                parent = choose.choice(parents)
                if not core.get_order(parent).status.is_closed and core.get_order(parent).working_quantity == 0:
                    core.close_parent(parent)
        except OrderRejected:
            pass


def forgetful_copy(path, to):
    """The journal as a killed engine leaves it: its files, and its tail under another name."""
    shutil.copytree(path, to)
    control = bytearray((to / "control").read_bytes())
    tail = plain.last_mark(to)["tail"]
    copy = str(to) + ".tail"
    shutil.copy(tail, copy)
    for at in (0, 512):
        if any(control[at : at + 512]):
            control[at + 120 : at + 376] = copy.encode().ljust(256, b"\0")
            control[at + 12 : at + 16] = plain.crc32c(control[at + 16 : at + 512]).to_bytes(4, "little")
    (to / "control").write_bytes(control)
    return to


def view(core):
    """What a user sees of every order, by id."""
    return {
        number: repr(core.get_order(number).to_dict()) for number in range(1, core.orders.next_id)
    }


def untouched(path, **more):
    """A core that has applied the log and settled nothing yet: parents not suspended, nothing put back."""
    from grandmodel.execution._core import recovery

    settle, recovery.restore = recovery.restore, lambda core, outlives=(): None
    try:
        return make_core(path=path, ring_bytes=1 << 22, clock=NativeClock(simulated=True, start_ns=START_NS), **more)[0]
    finally:
        recovery.restore = settle


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 120), cut=st.floats(0, 1), retained=st.sampled_from([4, 16384]))
def test_the_state_is_the_log(tmp_path_factory, seed, steps, cut, retained):
    """Live, recovered from the log, and recovered from a snapshot and the log behind it: one state."""
    base = tmp_path_factory.mktemp("day")
    choose = random.Random(seed)
    core, gate = make_core(
        path=base / "log", ring_bytes=1 << 22, seed=seed % 7, retained=retained, positions={"AAPL": 300}
    )
    live_through(core, gate, choose, int(steps * cut))
    snapshot(core)
    live_through(core, gate, choose, steps - int(steps * cut))
    live, seen = state_hash(core), view(core)
    core.journal.flush()
    copy = forgetful_copy(base / "log", base / "copy")
    plain_copy = forgetful_copy(base / "log", base / "plain")
    for _, path in snapshots(str(plain_copy)):
        os.unlink(path)
    for path in (copy, plain_copy):
        again = untouched(path, seed=5, retained=retained)
        assert state_hash(again) == live
        assert view(again) == seen
        assert {s: again.portfolio.position(s) for s in ("AAPL", "MSFT", "JPM")} == {
            s: core.portfolio.position(s) for s in ("AAPL", "MSFT", "JPM")
        }
        assert again.statistics() | {"market_messages": 0} == core.statistics() | {"market_messages": 0}
        assert again.journal.sha256() == core.journal.sha256()


def test_a_stop_in_order_and_a_kill_recover_alike(tmp_path):
    core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22)
    live_through(core, gate, random.Random(4), 80)
    live = state_hash(core)
    core.journal.flush()
    killed = forgetful_copy(tmp_path / "log", tmp_path / "killed")
    core.close()
    assert verify(tmp_path / "log")["clean"]
    assert not verify(killed)["clean"]
    assert state_hash(untouched(tmp_path / "log")) == state_hash(untouched(killed)) == live


PROGRAM = """
import random, sys
sys.path[:0] = {paths!r}
from test_recovery import live_through, untouched
from support import make_core
from grandmodel.execution._core.recovery import state_hash
core, gate = make_core(path={path!r}, ring_bytes=1 << 22)
live_through(core, gate, random.Random(9), 60)
before = state_hash(core)
core.close()
print(before, state_hash(untouched({path!r})), core.journal.sha256())
"""


def test_the_hash_is_the_same_in_every_process(tmp_path):
    here = Path(__file__).parent
    said = set()
    for seed in ("0", "1", "777"):
        program = PROGRAM.format(paths=[str(here), str(here.parent)], path=str(tmp_path / seed))
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        live, recovered, _ = done.stdout.split()
        assert live == recovered
        said.add(done.stdout)
    assert len(said) == 1


# ---- what was in flight


def restart(core, path, to, **more):
    core.journal.flush()
    copy = forgetful_copy(path, to)
    return make_core(
        path=copy, ring_bytes=1 << 22, clock=NativeClock(simulated=True, start_ns=core.clock.now_ns()), **more
    )


def test_what_rested_rests_again_and_fills(tmp_path):
    core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22, limits={})
    deep = int(gate.submit_order(resting()))
    again, gate2 = restart(core, tmp_path / "log", tmp_path / "copy", limits={})
    assert again.get_order(deep).status is OrderStatus.NEW
    assert again.orders.live == 1
    again.cancel(deep)
    assert again.get_order(deep).status is OrderStatus.CANCELED
    assert int(gate2.submit_order(resting())) == deep + 1


def test_what_would_cross_after_the_restart_trades_as_it_would_have(tmp_path):
    core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22, limits={}, seed=1)
    ask = core.quote("AAPL").ask_e9
    number = int(gate.submit_order(order(order_type="limit", limit_price=(ask - 10**7) / 1e9, quantity=100)))
    filled_before = core.get_order(number).filled_quantity
    core.journal.flush()
    copy = forgetful_copy(tmp_path / "log", tmp_path / "copy")
    again, _ = make_core(
        path=copy, ring_bytes=1 << 22, limits={}, seed=99, clock=NativeClock(simulated=True, start_ns=START_NS)
    )
    found = again.get_order(number)
    assert found.filled_quantity >= filled_before
    assert found.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED)


def test_a_parent_is_suspended_and_can_be_ended(tmp_path):
    from grandmodel.execution.order_management.order_manager import OrderManager

    core, _ = make_core(path=tmp_path / "log", ring_bytes=1 << 22, limits={})
    parent = int(core.submit_parent(resting(quantity=1000), "twap"))
    child = int(core.submit_child(parent, 300, limit_price_e9=140 * 10**9))
    assert core.get_order(child).status is OrderStatus.NEW
    again, _ = restart(core, tmp_path / "log", tmp_path / "copy", limits={})
    found = again.get_order(parent)
    assert (found.status, found.working_quantity) == (OrderStatus.SUSPENDED, 300)
    assert again.get_order(child).status is OrderStatus.NEW
    manager = OrderManager(engine=again)
    manager.cancel_order(parent)
    assert again.get_order(child).status is OrderStatus.CANCELED
    ended = again.get_order(parent)
    assert (ended.status, ended.leaves_quantity) == (OrderStatus.CANCELED, 0)
    assert again.portfolio.position("AAPL") == (0, 0, 0)
    assert again.orders.live == 0


@pytest.mark.parametrize("outlives", [False, True])
def test_an_order_without_an_answer(tmp_path, outlives):
    """Journalled and perhaps sent, and the engine died: canceled where the venue died too, UNKNOWN where it lives."""
    from grandmodel.execution._core.recovery import recover

    core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22, limits={})
    first = int(gate.submit_order(resting()))
    core.journal.flush()
    whole = plain.read(tmp_path / "log")
    copy = forgetful_copy(tmp_path / "log", tmp_path / "copy")
    # The log up to the order, without the venue's answer: what a kill between the two leaves behind.
    cut = sum(plain.SIZES[kind] for kind, *_ in whole[:-1])
    assert whole[-1][0] == 4
    tail = Path(plain.last_mark(copy)["tail"])
    with tail.open("r+b") as file:
        file.seek(136)
        file.write(cut.to_bytes(8, "little"))
        file.seek(4096 + cut)
        file.write(bytes(8))
    for name in ("seals", "orders.index", "clients.index"):
        if name != "seals":
            (copy / name).unlink()
    import support

    calls = []
    original = support.recover
    support.recover = lambda core, **kw: calls.append(recover(core, outlives=range(6) if outlives else (), **kw))
    try:
        again, _ = make_core(
            path=copy, ring_bytes=1 << 22, limits={}, clock=NativeClock(simulated=True, start_ns=START_NS)
        )
    finally:
        support.recover = original
    found = again.get_order(first)
    assert calls[0]["records"] == len(whole) - 1
    if outlives:
        assert (found.status, found.leaves_quantity) == (OrderStatus.UNKNOWN, 100)
        assert again.portfolio.position("AAPL")[1] == 100  # it counts in full against the limits
        again.report(report(again, first, EXEC_NEW))
        assert again.get_order(first).status is OrderStatus.NEW
    else:
        assert (found.status, found.reason, found.leaves_quantity) == (OrderStatus.CANCELED, Reason.VENUE_RESTARTED, 0)


@pytest.mark.parametrize(
    ("exec_type", "status"),
    [(EXEC_TRADE, OrderStatus.FILLED), (EXEC_CANCELED, OrderStatus.CANCELED), (EXEC_REJECTED, OrderStatus.REJECTED),
     (EXEC_EXPIRED, OrderStatus.EXPIRED)],
)  # fmt: skip
def test_unknown_is_resolved_by_the_venue(exec_type, status):
    core, gate = make_core(limits={})
    number = int(gate.submit_order(resting()))
    row = report(core, number, 10)
    row["status"] = 11
    core.report(row)
    assert core.get_order(number).status is OrderStatus.UNKNOWN
    more = {"quantity": 100, "price": 140.0} if exec_type == EXEC_TRADE else {}
    core.report(report(core, number, exec_type, execution_id=77, **more))
    assert core.get_order(number).status is status


# ---- names, numbers, client ids


def test_a_client_order_id_is_known_after_a_restart(tmp_path):
    core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22)
    first = int(gate.submit_order(resting(client_order_id="once", strategy="s")))
    again, gate2 = restart(core, tmp_path / "log", tmp_path / "copy")
    assert int(gate2.submit_order(resting(client_order_id="once", strategy="s"))) == first
    with pytest.raises(OrderRejected, match="which order 1 has with other terms"):
        gate2.submit_order(resting(client_order_id="once", strategy="s", quantity=7))
    assert again.get_order(first).strategy == "s"


def test_many_client_order_ids(tmp_path):
    """More than the tables in memory hold, over a restart: each is one order for good."""
    core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22, limits={}, retained=16)
    count = 70_000
    for number in range(count):
        ticket = gate.submit_order(
            order(quantity=1, client_order_id=f"id-{number}", order_type="limit", limit_price=1.0)
        )
        core.cancel(int(ticket))
    for number in (0, 1, 30_000, 65_535, 65_536, count - 1):
        known = gate.submit_order(
            order(quantity=1, client_order_id=f"id-{number}", order_type="limit", limit_price=1.0)
        )
        assert int(known) == number + 1
    assert core.statistics()["accepted"] == count
    core.close()
    again, gate2 = make_core(path=tmp_path / "log", ring_bytes=1 << 22, limits={}, retained=16)
    for number in (0, 12_345, count - 1):
        known = gate2.submit_order(
            order(quantity=1, client_order_id=f"id-{number}", order_type="limit", limit_price=1.0)
        )
        assert int(known) == number + 1
    assert again.get_order(5).status is OrderStatus.CANCELED


def test_symbols_and_venues_keep_their_numbers(tmp_path):
    core, _ = make_core(path=tmp_path / "log", ring_bytes=1 << 22)
    names = known_names(core.journal)
    assert names == {}  # a new one: nothing was there when it was opened
    core.close()
    again, _ = make_core(path=tmp_path / "log", ring_bytes=1 << 22)
    names = known_names(again.journal)
    assert names[1] == ["AAPL", "MSFT", "JPM"]
    assert names[2][:2] == ["NYSE", "NASDAQ"]
    again.close()


def test_a_configuration_that_takes_a_symbol_away_is_refused(tmp_path):
    from grandmodel.execution.config import load_config
    from grandmodel.execution.engine import make_core as make_engine_core

    config = load_config({"journal": {"path": str(tmp_path / "log")}})
    rows = list(config.catalog().values())
    make_engine_core(config, instruments=rows[:3]).close()
    with pytest.raises(JournalError, match="may not be taken away"):
        make_engine_core(config, instruments=rows[:2])
    turned = make_engine_core(config, instruments=[rows[4], *reversed(rows[:3])])
    assert list(turned.instruments.symbols) == [*(row.symbol for row in rows[:3]), rows[4].symbol]
    turned.close()


# ---- snapshots


def test_a_snapshot_bounds_what_is_applied(tmp_path):
    path = tmp_path / "log"
    core, gate = make_core(path=path, ring_bytes=1 << 22)
    live_through(core, gate, random.Random(1), 60)
    before = core.journal.records
    snapshot(core)
    gate.submit_order(resting())
    after = core.journal.records
    core.close()
    import support

    from grandmodel.execution._core.recovery import recover

    told = []
    original = support.recover
    support.recover = lambda core, **kw: told.append(recover(core, **kw))
    try:
        again, _ = make_core(path=path, ring_bytes=1 << 22)
    finally:
        support.recover = original
    assert told[0]["records"] == after - before
    assert told[0]["snapshot"] is not None
    again.close()


def test_a_damaged_snapshot_is_named_and_passed_over(tmp_path):
    path = tmp_path / "log"
    core, gate = make_core(path=path, ring_bytes=1 << 22)
    live_through(core, gate, random.Random(2), 30)
    snapshot(core)
    live_through(core, gate, random.Random(3), 30)
    snapshot(core)
    live = state_hash(core)
    core.close()
    (_, older), (_, newest) = snapshots(str(path))
    raw = bytearray(Path(newest).read_bytes())
    for at in range(0, len(raw), 211):
        data = bytearray(raw)
        data[at] ^= 0x21
        Path(newest).write_bytes(data)
        again = untouched(path)
        assert state_hash(again) == live
        again.close()
    Path(newest).write_bytes(raw[:100])
    Path(older).write_bytes(b"")
    again = untouched(path)
    assert state_hash(again) == live
    again.close()


def test_only_two_snapshots_are_kept(tmp_path):
    core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22)
    for _ in range(4):
        gate.submit_order(resting())
        snapshot(core)
    assert len(snapshots(core.journal.path)) == 2
    assert not list((tmp_path / "log").glob("*.new"))
    with pytest.raises(JournalError, match="temporary"):
        snapshot(make_core()[0])


def test_snapshots_come_by_themselves(tmp_path):
    import support

    from grandmodel.execution._core.recovery import recover

    original = support.recover
    support.recover = lambda core, **kw: recover(core, snapshot_records=100)
    try:
        core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22)
    finally:
        support.recover = original
    for _ in range(120):
        gate.submit_order(resting())
    found = snapshots(core.journal.path)
    assert len(found) == 2
    assert found[-1][0] > 200
    assert isinstance(core.get_order(1), Order)


@pytest.mark.parametrize(("account", "symbol"), [(-1, -1), (10**6, -1), (0, 3), (0, 10**6)])
def test_a_balance_of_nobody_is_refused(tmp_path, account, symbol):
    """Its checksum is right; the tables of this engine have no such row."""
    core, _ = make_core(path=tmp_path / "log")
    core.close()
    journal = Journal(tmp_path / "log")
    row = np.zeros(1, BALANCE_DTYPE)
    row["account"], row["symbol"] = account, symbol
    journal.append(BALANCE, row, START_NS, 0)
    journal.close()
    with pytest.raises(JournalError, match="does not fit what came before it"):
        make_core(path=tmp_path / "log")
