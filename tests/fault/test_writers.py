"""One journal, one writer: a second engine is refused, one pushed aside notices, forked children do nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support_fault import (
    KILLED,
    RING,
    check_acknowledged,
    check_recovery,
    config,
    copy_of,
    linux_only,
    recovered_hash,
    said,
    wait_until,
    words,
)  # fmt: skip

from grandmodel.execution._core.journal import Journal
from grandmodel.execution._core.recovery import state_hash
from grandmodel.execution._core.store import verify
from grandmodel.execution._core.values import EngineForked, JournalError
from grandmodel.execution.order_management.order_manager import OrderManager

pytestmark = linux_only


def order(number, **changes):
    return {
        "symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 20.0,
        "client_order_id": f"c{number}", **changes,
    }  # fmt: skip


def stop(pid):
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")


def in_child(work):
    """Forks; the child's exit code is what `work` returns. It may take ten seconds."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work()
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the child hangs")


def test_a_second_engine_is_refused(nursery, tmp_path, tails):
    settings = config(tmp_path / "j", tails, "group")
    acks = tmp_path / "acks"
    pid = nursery.start("wait", config=settings, acks=acks, seed=1, name="w", count=20, go=tmp_path / "go")
    wait_until(lambda: words(said(acks), "ready"))

    def refused():
        try:
            OrderManager(settings).core.health()
        except JournalError as error:
            return 0 if f"another engine has this journal open (process {pid})" in str(error) else 2
        return 1

    assert refused() == 0
    assert in_child(refused) == 0
    stop(pid)
    try:
        assert refused() == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    (tmp_path / "go").touch()
    assert nursery.end(pid) == 0
    lines = said(acks)
    assert words(lines, "late") == [["taken"]]
    check_recovery(tmp_path / "j", tails, settings, lines, tmp_path)


@pytest.mark.parametrize("durability", ["process", "group", "always"])
@pytest.mark.parametrize("moment", ["stopped", "idle", "busy"])
def test_an_engine_pushed_aside_writes_nothing_more(nursery, tmp_path, tails, durability, moment):
    """Somebody removes the lock by hand and starts a second engine; the first goes on, into nothing."""
    settings = config(tmp_path / "j", tails, durability)
    acks = tmp_path / "acks"
    pid = nursery.start(
        "wait", config=settings, acks=acks, seed=1, name="w", count=60, go=tmp_path / "go", busy=moment != "idle",
        linger=0.3,
    )  # fmt: skip
    wait_until(lambda: words(said(acks), "ready"))
    if moment == "stopped":
        time.sleep(0.05)
        stop(pid)
    os.unlink(tmp_path / "j" / "lock")
    second = OrderManager(settings)
    epoch = second.core.journal.epoch
    before = len(words(said(acks), "order"))
    mine = [second.submit_order(order(number)).order_id for number in range(300)]
    second.core.force()
    if moment == "stopped":
        check_acknowledged(second, said(acks))
        os.kill(pid, signal.SIGCONT)
    (tmp_path / "go").touch()
    assert nursery.end(pid) == 0
    lines = said(acks)
    assert "refused" in words(lines, "late")[0][0]
    assert words(lines, "health")[0][0]["journal"] == "fenced"
    assert lines[-1][0] == "not closed"
    if moment != "stopped":
        check_acknowledged(second, [line for line in lines if line[0] == "order"][: before - 2])
    mine += [second.submit_order(order(number)).order_id for number in range(300, 400)]
    second.core.force()  # what no venue has heard of would be UNKNOWN after a kill
    second.core.journal.flush()  # the answers too: nothing is written while we copy
    copied = copy_of(tmp_path / "j", tails, tmp_path / "copy")  # as a kill now would leave it
    report = verify(str(copied))
    assert report["epoch"] == epoch
    (copied / "lock").unlink(missing_ok=True)
    value = recovered_hash(copied, tails, settings)
    assert value == state_hash(second.core)
    second.close()
    assert verify(str(tmp_path / "j"))["epoch"] == epoch
    third = OrderManager(settings)
    for number, order_id in enumerate(mine):
        assert third.submit_order(order(number)).order_id == order_id
    third.close()


def test_a_cancel_of_an_engine_pushed_aside_is_refused(nursery, tmp_path, tails):
    settings = config(tmp_path / "j", tails)
    acks = tmp_path / "acks"
    pid = nursery.start("wait", config=settings, acks=acks, seed=2, name="w", count=1, go=tmp_path / "go")
    wait_until(lambda: words(said(acks), "ready"))
    os.unlink(tmp_path / "j" / "lock")
    second = OrderManager(settings)
    assert second.core.health()["accepting"]
    (tmp_path / "go").touch()
    assert nursery.end(pid) == 0
    assert words(said(acks), "late cancel") != [["taken"]]
    second.close()


# ---- forked children


@pytest.fixture
def om(tmp_path, tails):
    made = OrderManager(config(tmp_path / "j", tails, "always"))
    for number in range(50):
        made.submit_order(order(number))
    yield made
    made.close()


def test_a_forked_child_does_not_hold_the_lock(om, tmp_path, tails):
    settings = config(tmp_path / "j", tails, "always")
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(into)
        os.read(out, 1)  # lives until the parent is done
        os._exit(0)
    os.close(out)
    try:
        om.close()
        again = OrderManager(settings)
        assert again.submit_order(order(0)).order_id == 1
        again.close()
    finally:
        os.close(into)
        os.waitpid(pid, 0)


CALLS = {
    "submit": lambda om: om.submit_order(order(1000)),
    "cancel": lambda om: om.core.cancel(1),
    "get_order": lambda om: om.core.get_order(1),
    "force": lambda om: om.core.force(),
    "close": lambda om: om.core.close(),
    "fills": lambda om: om.core.fills(1),
    "journal_close": lambda om: om.core.journal.close(),
    "journal_flush": lambda om: om.core.journal.flush(),
    "journal_force": lambda om: om.core.journal.force(),
    "journal_find": lambda om: om.core.journal.find(1),
    "journal_name": lambda om: om.core.journal.name(5, 77, "x"),
    "rebuild_index": lambda om: om.core.journal.rebuild_index(),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_forked_child_does_not_touch_the_journal(om, tmp_path, tails, call):
    """Whatever it calls, it hears EngineForked, and the parent's journal is what it was."""
    om.core.force()

    def files():
        found = (path for path in (tmp_path / "j").iterdir() if path.suffix in (".segment", ""))
        return {path.name: path.read_bytes() for path in found}

    time.sleep(0.1)
    before, tail = files(), sorted(os.listdir(tails))

    def work():
        try:
            CALLS[call](om)
        except EngineForked:
            return 0
        return 1

    assert in_child(work) == 0
    assert sorted(os.listdir(tails)) == tail
    assert files() == before
    om.submit_order(order(50))
    om.core.force()
    verify(str(tmp_path / "j"))


def test_a_forked_child_that_ends_as_a_program_does(tmp_path, tails):
    """Interpreter shutdown in the child runs every finalizer; the parent, with held orders under way, loses nothing."""
    program = """
import os, sys
sys.path.insert(0, sys.argv[1])
from support_fault import config
from grandmodel.execution.order_management.order_manager import OrderManager
om = OrderManager(config(sys.argv[2], sys.argv[3], "always"))
number = 0
for turn in range(10):
    for _ in range(20):
        om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 20.0,
                         "client_order_id": f"c{number}"})
        number += 1
    pid = os.fork()
    if pid == 0:
        sys.exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
assert om.core.health()["accepting"]
om.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parents[1]), str(tmp_path / "j"), tails],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    settings = config(tmp_path / "j", tails, "always")
    assert verify(str(tmp_path / "j"))["clean"]
    om = OrderManager(settings)
    assert [om.submit_order(order(number)).order_id for number in range(200)] == list(range(1, 201))
    om.close()


# ---- tails


def test_an_engine_on_a_copy_takes_nothing_from_the_original(nursery, tmp_path, tails):
    """A directory that was copied has the same identity; its engine must not take the original's tail for its own."""
    settings = config(tmp_path / "j", tails)
    first = OrderManager(settings)
    first.submit_order(order(0))
    first.close()
    copied = copy_of(tmp_path / "j", tails, tmp_path / "copy")
    acks = tmp_path / "acks"
    pid = nursery.start("wait", config=settings, acks=acks, seed=1, name="w", count=30, go=tmp_path / "go")
    wait_until(lambda: words(said(acks), "ready"))
    other = OrderManager(config(copied, tails))
    other.submit_order(order(1))
    os.kill(pid, signal.SIGKILL)
    assert nursery.end(pid) == KILLED
    other.close()
    check_recovery(tmp_path / "j", tails, settings, said(acks), tmp_path)


@pytest.mark.parametrize("calls", [["rename", "unlink"], ["fdatasync"], ["map"], ["fsync", "pwrite"]])
def test_killed_starts_leave_no_tails_behind(shimmed, tmp_path, tails, calls):
    settings = config(tmp_path / "j", tails, "group")
    for at in (1, 2, 3, 4, 5):
        for action in ("kill_before", "kill_after"):
            shim = {"action": action, "at": at, "calls": calls}
            task = {"config": settings, "acks": tmp_path / "acks", "seed": at, "name": f"n{at}{action}", "count": 2}
            shimmed.run("life", shim=shim, **task)
    om = OrderManager(settings)
    assert om.core.health()["accepting"]
    assert len(os.listdir(tails)) == 1
    om.close()
    assert os.listdir(tails) == []


def test_what_was_never_forced_is_not_called_forced_after_a_kill(nursery, tmp_path, tails):
    """An engine that forces nothing is killed; the next one, which does, has all of the log to force."""
    settings = config(tmp_path / "j", tails, "process")
    acks = tmp_path / "acks"
    pid = nursery.start(
        "wait", config=settings, acks=acks, seed=1, name="w", count=300, go=tmp_path / "go", busy=True
    )  # fmt: skip
    wait_until(lambda: words(said(acks), "ready"))
    for attempt in range(50):  # until one is caught between two turns of the writer, with something left in the tail
        time.sleep(0.02)
        stop(pid)
        copied = copy_of(tmp_path / "j", tails, tmp_path / f"copy{attempt}")
        (copied / "lock").unlink()
        if verify(str(copied))["from_tail"] > 0:
            break
        os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGKILL)
    assert nursery.end(pid) == KILLED
    assert verify(str(copied))["from_tail"] > 0
    assert verify(str(copied))["segments"] > 1
    journal = Journal(str(copied), ring_bytes=RING, segment_bytes=1 << 16, tail_directory=tails, durability="process")
    assert journal.head > 0
    assert journal.forced == 0
    journal.force()
    assert journal.forced == journal.head
    journal.close()
