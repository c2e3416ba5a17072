"""What durability and a restart cost, beside the device's own fdatasync and SQLite, in one run.

Disk times are ratios: `extra_info` has the device's median and p99 of the same minute. They are measured where the
temporary directory is; set TMPDIR to a real disk.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from grandmodel.execution import OrderManager
from grandmodel.execution._core.journal import Journal, verify
from grandmodel.execution._core.records import REPORT_DTYPE
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core

REPORT = 4
RATIOS = {"single": 1.3, "p99": 2.2}  # asked: of the device's own fdatasync


@pytest.fixture
def place(tmp_path):
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


def percentiles(seconds):
    return float(np.percentile(seconds, 50)) * 1e6, float(np.percentile(seconds, 99)) * 1e6


class Device:
    """The disk by itself: a zeroed file, 512 bytes written and forced."""

    def __init__(self, place: Path) -> None:
        self.fd = os.open(place / "device", os.O_RDWR | os.O_CREAT, 0o600)
        os.write(self.fd, bytes(1 << 23))
        os.fsync(self.fd)
        self.at = 0
        self.taken: list[float] = []

    def force(self) -> None:
        began = time.perf_counter()
        os.pwrite(self.fd, b"x" * 512, self.at)
        os.fdatasync(self.fd)
        self.taken.append(time.perf_counter() - began)
        self.at = (self.at + 512) % (1 << 23)


def resting(quantity=100):
    return {"symbol": "MSFT", "side": "buy", "quantity": quantity, "order_type": "limit", "limit_price": 1.0}


def config(place, durability):
    return load_config({"journal": {"path": str(place / "log"), "durability": durability}})


def bench_always_single(benchmark, place):
    """One `always` order, submitted and awaited, beside one fdatasync, by turns. Per round: one order."""
    core = make_core(config(place, "always"))
    om, device = OrderManager(engine=core), Device(place)
    taken: list[float] = []

    async def one():
        began = time.perf_counter()
        await om.submit_order(resting())
        taken.append(time.perf_counter() - began)

    async def warm():
        for _ in range(100):
            await one()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(warm())
    taken.clear()
    benchmark.pedantic(lambda: loop.run_until_complete(one()), setup=device.force, rounds=1500)
    ours, theirs = percentiles(taken), percentiles(device.taken[-len(taken) :])
    benchmark.extra_info.update(median_us=ours[0], p99_us=ours[1], device_median_us=theirs[0], device_p99_us=theirs[1],
                                ratio=ours[0] / theirs[0])  # fmt: skip
    om.close()
    loop.close()


def bench_durable_groups(benchmark, place):
    """Batches of 20,000 orders, each group awaited until it is on the disk. Per round: 60,000 records."""
    core = make_core(config(place, "group"))
    rows = core.order_rows(20_000)
    rows["symbol"], rows["side"], rows["quantity"], rows["order_type"], rows["limit_price_e9"] = 0, 1, 1, 2, 10**9
    om = OrderManager(engine=core)
    loop = asyncio.new_event_loop()

    async def group():
        ids = core.submit_rows(rows)
        await core._durable(core.journal.head)
        return ids

    ids = loop.run_until_complete(group())
    assert (ids > 0).all()
    benchmark.pedantic(lambda: loop.run_until_complete(group()), rounds=20)
    benchmark.extra_info["records_a_second"] = 60_000 / benchmark.stats.stats.median if benchmark.stats else None
    om.close()
    loop.close()


def bench_durable_wait(benchmark, place):
    """`await ticket.durable()` after every 64 orders, beside the device, by turns. Per round: one wait."""
    core = make_core(config(place, "group"))
    om, device = OrderManager(engine=core), Device(place)
    loop = asyncio.new_event_loop()
    taken: list[float] = []

    async def one():
        for _ in range(63):
            om.submit_order(resting())
        ticket = om.submit_order(resting())
        began = time.perf_counter()
        await ticket.durable()
        taken.append(time.perf_counter() - began)

    benchmark.pedantic(lambda: loop.run_until_complete(one()), setup=device.force, rounds=1500)
    ours, theirs = percentiles(taken), percentiles(device.taken)
    benchmark.extra_info.update(median_us=ours[0], p99_us=ours[1], device_median_us=theirs[0], device_p99_us=theirs[1],
                                ratio_p99=ours[1] / theirs[1])  # fmt: skip
    om.close()
    loop.close()


def bench_sqlite_full(benchmark, place):
    """The same thing in SQLite: one row committed with synchronous=FULL in WAL mode. Per round: one commit."""
    base = sqlite3.connect(place / "orders.db", isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=FULL")
    base.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, row BLOB)")
    row = bytes(384)
    benchmark.pedantic(lambda: base.execute("INSERT INTO orders (row) VALUES (?)", (row,)), rounds=1500)
    base.close()


def bench_append_busy_disk(benchmark, place):
    """Appends while another thread writes and forces 1 MiB at a time beside it. Per round: 20,000 records."""
    journal = Journal(place / "log", durability="group")
    rows = np.zeros(20_000, REPORT_DTYPE)
    stop = threading.Event()

    def busy():
        with (place / "noise").open("wb", buffering=0) as file:
            while not stop.is_set():
                file.write(bytes(1 << 20))
                os.fdatasync(file.fileno())
                if file.tell() > 1 << 28:
                    file.seek(0)

    noise = threading.Thread(target=busy)
    noise.start()
    taken = []
    for _ in range(5):
        journal.append_many(REPORT, rows, 0)
        journal.flush()
    pause = (lambda: time.sleep(0.01)) if benchmark.enabled else None  # the noise gets its turn
    benchmark.pedantic(lambda: taken.append(journal.append_timed(REPORT, rows, 0)), setup=pause, rounds=60)
    stop.set()
    noise.join()
    every = np.concatenate(taken) if taken else np.zeros(1)
    benchmark.extra_info.update(p50_ns=float(np.percentile(every, 50)), p999_ns=float(np.percentile(every, 99.9)))
    journal.close()


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A log of 2.8 million records that ends with 100,000 open orders, stopped in order; and its configuration."""
    place = tmp_path_factory.mktemp("day")
    settings = config(place, "process")
    core = make_core(settings)
    rows = core.order_rows(100_000)
    rows["symbol"], rows["side"], rows["quantity"], rows["order_type"], rows["limit_price_e9"] = 0, 1, 1, 2, 10**9
    for _ in range(5):
        for number in core.submit_rows(rows).tolist():
            core.cancel(number)
    assert (core.submit_rows(rows) > 0).all()
    core.close()
    yield place, settings
    shutil.rmtree(place, ignore_errors=True)


def bench_recovery(benchmark, day):
    """A start from the log's first record. Per round: 2.8 million records."""
    place, settings = day

    def start():
        for file in (place / "log").glob("snapshot-*"):
            file.unlink()
        core = make_core(settings)
        assert core.orders.live == 100_000
        core.close()

    benchmark.pedantic(start, rounds=3)


def bench_recovery_from_snapshot(benchmark, day):
    """A start from a snapshot with 100,000 open orders. Per round: one start."""
    from grandmodel.execution._core.recovery import snapshot

    _, settings = day
    core = make_core(settings)
    snapshot(core)
    core.close()

    def start():
        core = make_core(settings)
        assert core.orders.live == 100_000
        core.close()

    benchmark.pedantic(start, rounds=5)


def bench_verify(benchmark, day):
    """Every record and seal. Per round: 2.8 million records."""
    place, _ = day
    benchmark.pedantic(lambda: verify(place / "log"), rounds=3)
