"""Killed before and after every system call of a journal's life: what was acknowledged is there."""

import os
import random
import shutil

import pytest
from support_fault import KILLED, LONG, check_recovery, config, copy_of, linux_only, said, words

from grandmodel.execution._core.framing import MARK_BYTES, PAGE, crc32c

pytestmark = linux_only
COUNT = 130


def life(shimmed, tmp_path, tails, name, shim, durability="group", **journal):
    settings = config(tmp_path / name, tails, durability, **journal)
    acks = tmp_path / f"{name}.acks"
    code = shimmed.run("life", config=settings, acks=acks, seed=5, name=name, count=COUNT, shim=shim)
    return settings, said(acks), code


def calls_of(shimmed, tmp_path, tails, name, durability="group"):
    _, lines, code = life(shimmed, tmp_path, tails, name, {"action": "count"}, durability)
    assert code == 0, lines[-1]
    return words(lines, "seen")[0][0]


def points(total, share, seed):
    """Which calls to stop at: all of the first forty (opening) and a sample of the others, or every one."""
    if LONG:
        return list(range(1, total + 1))
    rng = random.Random(seed)
    return sorted(rng.sample(range(1, 41), share // 2) + rng.sample(range(41, total + 1), share - share // 2))


@pytest.mark.parametrize("durability", ["process", "group", "always"])
@pytest.mark.parametrize("action", ["kill_before", "kill_after"])
def test_killed_at_a_call(shimmed, tmp_path, tails, durability, action):
    total = calls_of(shimmed, tmp_path, tails, "count", durability)
    for k in points(total, 7, f"{durability}{action}"):
        name = f"k{k}"
        settings, lines, code = life(shimmed, tmp_path, tails, name, {"action": action, "at": k}, durability)
        assert code in (KILLED, 0), lines[-1]  # the writer's calls are not the same number each time
        try:
            check_recovery(tmp_path / name, tails, settings, lines, tmp_path)
        except Exception as error:
            raise AssertionError(f"{action} call {k} of {total} at durability {durability}") from error
        shutil.rmtree(tmp_path / name)


def killed_template(shimmed, tmp_path, tails, kind, durability):
    """A journal that a kill has left: with records in its tail, with a full disk, or in the middle of nothing."""
    name = f"template-{kind}"
    settings = config(tmp_path / name, tails, durability)
    acks = tmp_path / f"{name}.acks"
    task = {"config": settings, "acks": acks, "seed": 9, "name": name}
    if kind == "full":  # of a write that found no space, at the begin of a segment or in it; killed while it was so
        error = {"action": "fail_on", "at": 1, "error": "ENOSPC", "calls": ["pwrite", "allocate"]}
        assert shimmed.run("trouble", shim=error, then="die", **task) == KILLED
    elif kind == "full_segment":  # a segment is begun and its first records find no space; the mark counts it
        error = {"action": "fail_on", "at": 4, "error": "ENOSPC", "calls": ["pwrite"]}
        if durability != "process":
            error["at"] = 16  # there are zeros ahead of the records
        assert shimmed.run("trouble", shim=error, then="die", **task) == KILLED
    else:
        calls = ["fdatasync" if durability != "process" else "pwrite"]
        shim = {"action": "kill_before", "at": 12, "calls": calls}
        assert shimmed.run("life", shim=shim, count=COUNT, **task) == KILLED
    return tmp_path / name, said(acks)


@pytest.mark.parametrize("durability", ["process", "group"])
@pytest.mark.parametrize("kind", ["dirty", "full", "full_segment"])
def test_recovery_killed_at_a_call(shimmed, tmp_path, tails, kind, durability):
    template, lines = killed_template(shimmed, tmp_path, tails, kind, durability)
    rng = random.Random(f"{kind}{durability}")
    recovery = 45
    chosen = range(1, recovery + 1) if LONG else sorted(rng.sample(range(1, recovery + 1), 5))
    for k in chosen:
        name = f"r{k}"
        copy_of(template, tails, tmp_path / name)
        settings = config(tmp_path / name, tails, durability)
        said_then = list(lines)
        places = [k, rng.randrange(1, recovery)]
        for turn, at in enumerate(places):
            acks = tmp_path / f"{name}-{turn}.acks"
            action = rng.choice(("kill_before", "kill_after"))
            code = shimmed.run(
                "life", config=settings, acks=acks, seed=k, name=f"{name}-{turn}", count=12, durable=0.3,
                shim={"action": action, "at": at},
            )  # fmt: skip
            said_then += said(acks)
            assert code in (KILLED, 0), said_then[-1]
        try:
            check_recovery(tmp_path / name, tails, settings, said_then, tmp_path)
        except Exception as error:
            raise AssertionError(f"recovery of {kind} killed at calls {places} at durability {durability}") from error
        shutil.rmtree(tmp_path / name)


def after_a_reboot(path, tails, into):
    """A copy as another boot finds it: the tail is gone, the second segment is torn."""
    copied = copy_of(path, tails, into)
    control = copied / "control"
    raw = bytearray(control.read_bytes())
    for at in (0, MARK_BYTES):
        mark = raw[at : at + MARK_BYTES]
        if any(mark):
            os.unlink(os.fsdecode(bytes(mark[120:376]).rstrip(b"\0"))) if at == 0 else None
            mark[40:56] = b"another boot, so"
            mark[12:16] = crc32c(bytes(mark[16:])).to_bytes(4, "little")
            raw[at : at + MARK_BYTES] = mark
    control.write_bytes(raw)
    for index in ("orders.index", "clients.index"):  # of that boot too
        os.unlink(copied / index)
    torn = copied / "00000002.segment"
    data = bytearray(torn.read_bytes())
    data[PAGE + 20_000 : PAGE + 30_000] = bytes(10_000)
    torn.write_bytes(data)
    return copied


@pytest.mark.parametrize("calls", [["unlink"], ["truncate"], ["pwrite", "fdatasync"]])
def test_a_start_after_a_reboot_killed_at_a_call(shimmed, tmp_path, tails, calls):
    """Segments behind a torn one are dropped; killed on the way, the next start is not told that they are missing."""
    settings = config(tmp_path / "j", tails, "process", snapshot_records=0)
    acks = tmp_path / "acks"
    shim = {"action": "count", "calls": ["pwrite"]}
    task = {"config": settings, "acks": acks, "seed": 3, "name": "j", "shim": shim, "then": "die", "batches": 200}
    assert shimmed.run("trouble", **task) == KILLED
    for at in (1, 2, 3, 4):
        for action in ("kill_before", "kill_after"):
            name = f"b{at}{action}"
            after_a_reboot(tmp_path / "j", tails, tmp_path / name)
            mine = config(tmp_path / name, tails, "process", snapshot_records=0)
            more = tmp_path / f"{name}.acks"
            shim = {"action": action, "at": at, "calls": calls}
            code = shimmed.run("life", config=mine, acks=more, seed=1, name=name, count=20, shim=shim)
            assert code in (KILLED, 0), said(more)
            check_recovery(tmp_path / name, tails, mine, said(more), tmp_path)
            shutil.rmtree(tmp_path / name)
