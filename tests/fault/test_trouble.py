"""Disks that fail or are full while the engine runs: it takes no orders, says why, keeps what it acknowledged."""

import os
import re
import subprocess
import sys

import pytest
from support_fault import HERE, KILLED, LONG, RESERVE, RING, check_recovery, config, linux_only, said, wait_until, words

from grandmodel.execution._core.store import verify
from grandmodel.execution._core.values import JournalError, Reason
from grandmodel.execution.order_management.order_manager import OrderManager

pytestmark = linux_only


def troubled(shimmed, tmp_path, tails, durability, error, calls, at=1, *, action="fail_on", then=None, **more):
    name = "j"
    settings = config(tmp_path / name, tails, durability)
    acks = tmp_path / f"{name}.acks"
    shim = {"action": action, "at": at, "error": error, "calls": calls}
    code = shimmed.run(
        "trouble", config=settings, acks=acks, seed=at, name=name, shim=shim, then=then, **more
    )  # fmt: skip
    lines = said(acks)
    assert code == (KILLED if then == "die" else 0), lines[-1]
    return settings, lines


def late(lines):
    return words(lines, "late")[0][0]


@pytest.mark.parametrize("durability", ["group", "always"])
@pytest.mark.parametrize("action", ["fail", "fail_on"])
@pytest.mark.parametrize("at", range(1, 13) if LONG else (1, 4))
def test_a_force_that_fails_ends_trust(shimmed, tmp_path, tails, durability, action, at):
    settings, lines = troubled(
        shimmed, tmp_path, tails, durability, "EIO", ["fdatasync"], at, action=action, durable=0.5
    )  # fmt: skip
    health = words(lines, "health")[0][0]
    assert (health["accepting"], health["journal"]) == (False, "distrusted")
    assert "gmexec journal repair" in health["trouble"]
    assert "refused" in late(lines)
    read = words(lines, "read")[0]
    assert read[0] == 1
    assert read[2] >= len(words(lines, "order"))
    assert len(words(lines, "durable")) < len(words(lines, "order"))
    with pytest.raises(JournalError, match=re.escape("gmexec journal repair")):
        OrderManager(settings).core.health()
    verify(settings["journal"]["path"])


@pytest.mark.parametrize("durability", ["process", "group"])
def test_a_write_that_fails(shimmed, tmp_path, tails, durability):
    settings, lines = troubled(shimmed, tmp_path, tails, durability, "EIO", ["pwrite"])
    health = words(lines, "health")[0][0]
    assert (health["accepting"], health["journal"]) == (False, "failed")
    assert "start the engine again" in health["trouble"]
    assert "refused" in late(lines)
    check_recovery(tmp_path / "j", tails, settings, lines, tmp_path)


@pytest.mark.parametrize("durability", ["process", "group", "always"])
@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT"])
def test_a_full_disk_passes_by_itself(shimmed, tmp_path, tails, durability, error):
    settings, lines = troubled(
        shimmed, tmp_path, tails, durability, error, ["pwrite", "allocate"], then="space"
    )  # fmt: skip
    health = words(lines, "health")[0][0]
    assert (health["accepting"], health["journal"]) == (False, "full")
    assert "when there is space" in health["trouble"]
    assert "refused" in late(lines)
    assert words(lines, "again") == [["healthy"]]
    assert lines[-1] == ["closed"]
    check_recovery(tmp_path / "j", tails, settings, lines, tmp_path)


@pytest.mark.parametrize("then", ["space", "die"])
def test_refusals_leave_the_reserve_alone(shimmed, tmp_path, tails, then):
    """Who hammers a full disk is refused without a record once only the ring's reserve is left: for cancels."""
    settings, lines = troubled(
        shimmed, tmp_path, tails, "group", "ENOSPC", ["pwrite", "allocate"], then=then, hammer=100_000
    )  # fmt: skip
    ((codes, counted, recorded, lost),) = words(lines, "hammered")
    assert codes == [-int(Reason.JOURNAL), -int(Reason.INVALID)]
    assert RESERVE // 128 < counted < RING // 128  # of the ring in all: 32768 records, 100000 would not fit
    assert (recorded - counted, lost) == (len(words(lines, "refused")) + 1, 0)
    ((room, state),) = words(lines, "room")
    assert RESERVE - 256 <= room <= RESERVE
    assert state == "full"
    assert len(words(lines, "cancel")) >= 5
    if then == "space":
        assert words(lines, "again") == [["healthy"]]
        assert lines[-1] == ["closed"]
    check_recovery(tmp_path / "j", tails, settings, lines, tmp_path)


@pytest.mark.parametrize("durability", ["process", "group", "always"])
def test_killed_while_the_disk_is_full(shimmed, tmp_path, tails, durability):
    settings, lines = troubled(
        shimmed, tmp_path, tails, durability, "ENOSPC", ["pwrite", "allocate"], then="die"
    )  # fmt: skip
    assert words(lines, "health")[0][0]["journal"] == "full"
    check_recovery(tmp_path / "j", tails, settings, lines, tmp_path)


def test_a_limit_on_file_sizes_is_a_failure_not_a_full_disk(nursery, tmp_path, tails):
    """EFBIG will not pass by itself; a start without the limit finds everything in the tail."""
    settings = config(tmp_path / "j", tails, "process", segment_bytes=1 << 22)
    acks = tmp_path / "acks"
    code = nursery.run("fill", config=settings, acks=acks, seed=1, name="f", file_size=100_000)
    lines = said(acks)
    assert code == 0, lines[-1]
    health = words(lines, "health")[0][0]
    assert (health["accepting"], health["journal"]) == (False, "failed")
    assert "File too large" in health["trouble"]
    assert words(lines, "again") == [["failed"]]
    check_recovery(tmp_path / "j", tails, settings, lines, tmp_path)


def mounted(script, *given):
    """Runs a script in a mount namespace of its own; skips where that is not allowed."""
    probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("mount namespaces are not allowed here")
    return subprocess.run(
        ["unshare", "-rm", sys.executable, str(HERE / script), *map(str, given)], capture_output=True, text=True
    )


@pytest.mark.parametrize("then", ["space", "die"])
def test_a_real_file_system_that_is_full(tmp_path, tails, then):
    done = mounted("small_disk.py", tmp_path / "disk", tails, then)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr


def test_no_room_for_the_tail_names_the_tail(tmp_path):
    done = mounted("small_tail.py", tmp_path / "memory", tmp_path / "j")
    if done.returncode == 77:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr


def test_a_tail_on_a_disk_is_slow_and_works(nursery, tmp_path):
    (tmp_path / "tail").mkdir()
    if os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("temporary files lie in memory here")
    settings = config(tmp_path / "j", tmp_path / "tail")
    acks = tmp_path / "acks"
    pid = nursery.start("stream", config=settings, acks=acks, seed=1, name="s", count=100_000)
    wait_until(lambda: len(words(said(acks), "order")) > 200)
    os.kill(pid, 9)
    assert nursery.end(pid) == KILLED
    om = OrderManager(settings)
    slow = om.core.health()["slow_tail"]
    om.close()
    if not slow:
        pytest.skip("temporary files lie in memory here")
    check_recovery(tmp_path / "j", tmp_path / "tail", settings, said(acks), tmp_path)
