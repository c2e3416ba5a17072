"""kill -9 at any instant, beside a venue that outlives the engine: nothing acknowledged is lost or done twice."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from support_fault import (
    KILLED,
    LONG,
    check_acknowledged,
    config,
    copy_of,
    linux_only,
    recovered_hash,
    said,
    wait_until,
    words,
)  # fmt: skip

from grandmodel.execution._core.recovery import state_hash
from grandmodel.execution._core.store import is_new, verify
from grandmodel.execution._core.values import OrderStatus
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.order_management.reconciliation import BreakKind, reconcile

pytestmark = linux_only
KILLS = 1000 if LONG else 30
CHAIN = 10  # kills of one journal
ALLOWED = {BreakKind.NOT_AT_VENUE}


@pytest.fixture
def venue(tmp_path):
    socket = tmp_path / "venue.sock"
    process = subprocess.Popen(
        [sys.executable, "-c", "from grandmodel.execution.cli import main; main()", "venue",
         "--socket", str(socket), "--name", "NYSE", "--depth", "20", "--size", "100000"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(socket.exists)
    yield socket
    process.terminate()
    assert process.wait(20) == 0


def check(settings, lines, tmp_path, tails):
    """Recovers with the venue at hand and holds everything against everything."""
    path = settings["journal"]["path"]
    if os.path.isdir(path) and not is_new(path):  # it may have been killed before it made anything
        verify(path)
    om = OrderManager(settings)
    core = om.core
    for found in core.links.breaks["NYSE"]:
        solved = found.kind is BreakKind.STATUS and found.ours == str(OrderStatus.UNKNOWN)
        assert found.kind in ALLOWED or solved, str(found)
    core.advance()
    assert reconcile(core, core.links.market, "NYSE") == []
    status = core.links.market.status("NYSE", core=core)
    assert status.counts["duplicates"] == 0
    check_acknowledged(om, lines)
    core.advance()
    live = [order for order in om.open_orders() if not order.is_parent]
    assert all(order.status is not OrderStatus.UNKNOWN for order in live)
    orders = core.journal.rows(2)
    assert len(set(orders["order_id"].tolist())) == len(orders)
    named = [bytes(name).rstrip(b"\0") for name in orders["client_order_id"] if bytes(name).rstrip(b"\0")]
    assert len(set(named)) == len(named)
    fills = core.fills()
    held = core.orders_array()
    for row in held[held["flags"] & 16 == 0]:
        assert row["filled_quantity"] == fills["quantity"][fills["order_id"] == row["order_id"]].sum()
    positions = {}
    for row in status.positions:
        positions[core.symbol_text(int(row["symbol"]))] = int(row["bought"]) - int(row["sold"])
    for symbol, quantity in positions.items():
        assert core.portfolio.position(symbol)[0] == quantity, symbol
    value = state_hash(core)
    om.close()
    verify(path)
    one, two = copy_of(path, tails, tmp_path / "one"), copy_of(path, tails, tmp_path / "two")
    assert recovered_hash(one, tails, settings) == value
    assert recovered_hash(two, tails, settings, without_snapshots=True) == value
    shutil.rmtree(one)
    shutil.rmtree(two)


@pytest.mark.parametrize("chain", range(KILLS // CHAIN))
def test_killed_at_any_instant(nursery, venue, tmp_path, tails, chain):
    rng = random.Random(chain)
    lines = []
    settings = None
    for kill in range(CHAIN):
        durability = ("process", "group", "always")[(chain + kill) % 3]
        settings = config(
            tmp_path / "j", tails, durability, socket=venue, snapshot_records=rng.choice((0, 500, 2000))
        )  # fmt: skip
        acks = tmp_path / f"{kill}.acks"
        seed = 1000 * chain + kill
        pid = nursery.start("stream", config=settings, acks=acks, seed=seed, name=f"k{kill}", count=10**6)
        if rng.random() < 0.25:  # during the start
            time.sleep(rng.random() * 0.06)
        else:
            try:
                wait_until(lambda acks=acks: words(said(acks), "order"), 10)
            except AssertionError:
                os.kill(pid, signal.SIGKILL)
                raise AssertionError(said(acks)) from None
            time.sleep(rng.random() * 0.08)
        os.kill(pid, signal.SIGKILL)
        code = nursery.end(pid)
        found = said(acks)
        assert code == KILLED, found[-1]
        lines += found
        if rng.random() < 0.3 or kill == CHAIN - 1:
            check(settings, lines, tmp_path, tails)
    assert len(words(lines, "order")) > 50
