"""Engines in processes of their own that are killed; their journals copied, recovered, held against what they said."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from grandmodel.execution._core.framing import MARK_BYTES, crc32c
from grandmodel.execution._core.journal import Journal
from grandmodel.execution._core.orders import OrderTable
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.recovery import known_names, recover, snapshots, state_hash
from grandmodel.execution._core.store import is_new, verify
from grandmodel.execution._core.submit import Core
from grandmodel.execution.clock import current_clock
from grandmodel.execution.config.loader import order_manager_config
from grandmodel.execution.engine import make_instruments, make_limits, make_venues
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.venues.paper import paper_market

LONG = os.environ.get("GRANDMODEL_LONG") == "1"
HERE = Path(__file__).parent / "fault"
RING = 1 << 22
RESERVE = 1 << 20  # of the ring, for cancels and reports
KILLED = -signal.SIGKILL
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tmpfs, LD_PRELOAD and /proc are Linux's")


@contextlib.contextmanager
def tail_directory():
    """A directory in memory for tails, removed at the end."""
    if not os.path.isdir("/dev/shm") or not os.access("/dev/shm", os.W_OK):
        pytest.skip("there is no /dev/shm that can be written to")
    path = tempfile.mkdtemp(prefix="gm-fault-", dir="/dev/shm")
    try:
        yield path
    finally:
        shutil.rmtree(path)


def config(path, tails, durability="process", *, socket=None, **journal):
    """The mapping of an OrderManager over a small journal, with the paper market or one venue in another process."""
    whole = {
        "journal": {
            "path": str(path), "tail": str(tails), "durability": durability, "ring_bytes": RING,
            "segment_bytes": 1 << 16, "group_interval_ms": 1, **journal,
        }
    }  # fmt: skip
    if socket is not None:
        whole["routing"] = {"venues": {"NYSE": {"cost_per_share": 0.001, "connection": f"unix:{socket}"}}}
    return whole


def build_shim(directory):
    """The shim as a library. Skips without a compiler."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("there is no C compiler to make the shim with")
    library = Path(directory) / "shim.so"
    made = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "shim.c")], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"the shim could not be compiled: {made.stderr.strip()[:200]}")
    return library


class Nursery:
    """A process that forks engines on demand (fault/worker.py)."""

    def __init__(self, shim=None):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment.pop("LD_PRELOAD", None)
        if shim is not None:
            environment["LD_PRELOAD"] = str(shim)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment,
        )  # fmt: skip
        assert self._line() == "ready"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def _line(self):
        line = self.process.stdout.readline()
        assert line, f"the nursery ended with {self.process.wait()}"
        return line.strip()

    def _ask(self, task):
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def start(self, job, **task):
        """Forks a child for a job; its pid."""
        return self._ask({"job": job, **{key: str(v) if isinstance(v, Path) else v for key, v in task.items()}})

    def end(self, pid):
        """Waits for a child; its exit code, or minus the signal that killed it."""
        return self._ask({"job": "end", "pid": pid})

    def run(self, job, **task):
        return self.end(self.start(job, **task))


def said(path):
    """What a child has acknowledged, in order. A kill may have cut its last line: that one was not said."""
    if not os.path.exists(path):
        return []
    return [json.loads(line) for line in Path(path).read_text().splitlines(keepends=True) if line.endswith("\n")]


def words(lines, kind):
    return [line[1:] for line in lines if line[0] == kind]


def wait_until(reached, seconds=20.0):
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it did not come to it"
        time.sleep(0.001)


def copy_of(path, tails, into):
    """A copy of a journal's directory and of its tail, which is then another file: where a kill left both."""
    into = Path(into)
    shutil.copytree(path, into)
    control = into / "control"
    raw = bytearray(control.read_bytes())
    for at in range(0, len(raw), MARK_BYTES):
        mark = raw[at : at + MARK_BYTES]
        if not any(mark):
            continue
        tail = os.fsdecode(bytes(mark[120:376]).rstrip(b"\0"))
        if not tail:
            continue
        place = os.path.join(str(tails), f"{into.name}-{os.path.basename(tail)}")
        if os.path.exists(tail) and not os.path.exists(place):
            shutil.copy(tail, place)
        mark[120:376] = os.fsencode(place).ljust(256, b"\0")
        mark[12:16] = struct.pack("<I", crc32c(bytes(mark[16:])))
        raw[at : at + MARK_BYTES] = mark
    control.write_bytes(raw)
    return into


def recovered_hash(path, tails, settings, *, without_snapshots=False, check=None):
    """The state's hash after a recovery that connects to nobody, of a directory that nobody needs any more."""
    if without_snapshots:
        for _, name in snapshots(path):
            os.unlink(name)
    made = order_manager_config({**settings, "journal": {**settings["journal"], "path": str(path), "tail": str(tails)}})
    journal = Journal(str(path), ring_bytes=RING, segment_bytes=1 << 16, tail_directory=str(tails))
    try:
        known = known_names(journal)
        instruments = make_instruments(made.catalog().values(), known.get(1, ()))
        venues = make_venues(made, instruments, known.get(2, ()))
        clock = current_clock()
        portfolio = Portfolio(instruments)
        if not journal.recovered:
            portfolio.open_account(0, made.account.cash_e9)
        core = Core(
            instruments=instruments, portfolio=portfolio, limits=make_limits(made, instruments), venues=venues,
            journal=journal, orders=OrderTable(retained=made.order_management.retention.closed_orders),
            market=paper_market(venues, made, clock.now_ns()), clock=clock,
        )  # fmt: skip
        recover(core, range(len(venues.names)), 0)
        value = state_hash(core)
        if check is not None:
            check(core)
        core.close()
        return value
    finally:
        journal.close()


def check_acknowledged(om, lines):
    """Every order that was acknowledged is there with its terms, and is the same when it is submitted again."""
    core = om.core
    for number, order in words(lines, "order"):
        if order is None:
            core.get_order(number)
            continue
        known = core.get_order(number)
        assert (known.symbol, known.side.value, known.quantity) == (order["symbol"], order["side"], order["quantity"])
        assert known.client_order_id == order["client_order_id"]
        assert known.order_type.value == order["order_type"]
        if "limit_price" in order:
            assert known.limit_price == order["limit_price"]
        assert om.submit_order(order).order_id == number
    for (number,) in words(lines, "parent"):
        assert core.get_order(number).is_parent
    for number, parent in words(lines, "child"):
        assert core.get_order(number).parent_id == parent
    for (number,) in words(lines, "cancel"):
        core.get_order(number)


def check_recovery(path, tails, settings, lines, scratch):
    """What a killed engine left: it verifies, recovers, holds all that was acknowledged, and three recoveries agree."""
    scratch = Path(scratch)
    if os.path.exists(os.path.join(path, "control")) and not is_new(str(path)):
        verify(str(path))
    om = OrderManager(settings)
    check_acknowledged(om, lines)
    orders = om.core.journal.rows(2)
    assert len(np.unique(orders["order_id"])) == len(orders)
    value = state_hash(om.core)
    om.close()
    verify(str(path))
    one, two = copy_of(path, tails, scratch / "one"), copy_of(path, tails, scratch / "two")
    assert recovered_hash(one, tails, settings) == value
    assert recovered_hash(two, tails, settings, without_snapshots=True) == value
    shutil.rmtree(one)
    shutil.rmtree(two)
