"""A journal's files: what they are called and hold, and that no damage to them goes unnoticed or unnamed."""

import gc
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import journal as plain
from support import make_core, resting

from grandmodel.execution._core.journal import Journal, verify
from grandmodel.execution._core.records import ORDER_DTYPE, REPORT_DTYPE
from grandmodel.execution._core.store import MARK_BYTES, PAGE, SEAL_ROW
from grandmodel.execution._core.values import JournalError
from grandmodel.execution.journal_file import open_journal

ORDER, REPORT = 2, 4
LONG = bool(os.environ.get("GRANDMODEL_LONG"))
CHECKED = ("00000001.segment", "control", "seals")


def rows(count, first=1, dtype=REPORT_DTYPE):
    out = np.zeros(count, dtype)
    out["order_id"] = np.arange(first, first + count)
    return out


def fill(journal, count=60):
    """Records of both sizes: 50 reports and 10 orders of 60."""
    for number in range(count):
        kind, dtype = (ORDER, ORDER_DTYPE) if number % 6 == 5 else (REPORT, REPORT_DTYPE)
        journal.append(kind, rows(1, number + 1, dtype), 100 + number, number + 1)


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A journal of 60 records, stopped in order."""
    path = tmp_path_factory.mktemp("journal") / "log"
    journal = Journal(path)
    fill(journal)
    journal.close()
    return path


@pytest.fixture
def copy(closed, tmp_path):
    path = tmp_path / "log"
    shutil.copytree(closed, path)
    return path


def killed(path, work, **settings):
    """Runs `work(journal)` in a child that is killed on the spot."""
    child = os.fork()
    if child == 0:
        try:
            journal = Journal(path, **settings)
            work(journal)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def refused(path):
    """What verify and, if it looks there, a start say of a damaged journal."""
    with pytest.raises(JournalError) as told:
        verify(path)
    return str(told.value)


# ---- what there is


def test_files_of_a_journal(closed):
    names = {file.name for file in closed.iterdir()}
    assert names == {*CHECKED, "lock", "orders.index", "clients.index"}
    assert (closed / "control").stat().st_size == 2 * MARK_BYTES
    assert (closed / "00000001.segment").stat().st_size == PAGE + 50 * 128 + 10 * 256
    assert (closed / "seals").stat().st_size == 2 * SEAL_ROW
    assert os.stat(closed).st_mode & 0o777 == 0o700
    told = verify(closed)
    assert (told["records"], told["by_kind"], told["clean"], told["from_tail"]) == (
        60,
        {ORDER: 10, REPORT: 50},
        True,
        0,
    )
    assert told["sealed"] == told["bytes"] == 50 * 128 + 10 * 256


def test_what_cannot_be_a_journal(tmp_path):
    (tmp_path / "file").write_text("no journal")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear reader")
    for path, said in (("file", "is a file"), ("other", "no journal, and not empty"), ("missing/log", "No such file")):
        with pytest.raises(JournalError, match=said):
            Journal(tmp_path / path)
    for path, said in (("file", "is a file"), ("other", "no file control"), ("missing", "no such journal")):
        with pytest.raises(JournalError, match=said):
            verify(tmp_path / path)
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal("/proc/nothing")
    for name, value in (("durability", "never"), ("segment_bytes", 10), ("group_interval_ns", 0)):
        with pytest.raises(ValueError, match=name):
            Journal(tmp_path / "new", **{name: value})
    assert not (tmp_path / "new").exists()


def test_a_begin_that_was_interrupted_is_begun_again(tmp_path):
    path = tmp_path / "log"
    path.mkdir()
    (path / "lock").write_text("1\n")
    (path / "seals").write_bytes(b"GM")
    (path / "control").write_bytes(bytes(2 * MARK_BYTES))
    journal = Journal(path)
    fill(journal)
    journal.close()
    assert verify(path)["records"] == 60


def test_a_journal_that_is_dropped_is_closed_in_order(tmp_path):
    journal = Journal(tmp_path / "log")
    fill(journal)
    del journal
    gc.collect()
    assert verify(tmp_path / "log")["clean"]


def test_segments_follow_one_another(tmp_path):
    path = tmp_path / "log"
    journal = Journal(path, segment_bytes=1 << 16)
    for first in range(0, 4000, 100):
        journal.append_many(REPORT, rows(100, first), 5)
        if first % 500 == 0:
            journal.flush()
    assert journal.rows(REPORT)["order_id"].tolist() == list(range(4000))
    digest = journal.sha256()
    journal.close()
    told = verify(path)
    assert told["segments"] == 8
    assert (told["records"], told["sha256"]) == (4000, digest)
    file = open_journal(path)
    assert (file.head, file.records) == (4000 * 128, 4000)
    assert [kind for _, kind, _ in file.scan()] == [REPORT] * 4000
    again = Journal(path, segment_bytes=1 << 16)
    assert (again.recovered, again.records, again.sha256(), again.epoch) == (True, 4000, digest, 2)
    again.append_many(REPORT, rows(10, 4000), 5)
    assert again.rows(REPORT)["order_id"].tolist() == list(range(4010))


def test_seals_are_hashes_of_the_stream(tmp_path):
    import hashlib

    path = tmp_path / "log"
    journal = Journal(path, ring_bytes=1 << 22)
    journal.append_many(REPORT, rows(100_000), 5)
    stream = journal.read(0, 1 << 30)
    while len(stream) < journal.head:
        stream += journal.read(len(stream), 1 << 30)
    journal.close()
    raw = (path / "seals").read_bytes()
    positions = []
    for at in range(SEAL_ROW, len(raw), SEAL_ROW):
        position = int.from_bytes(raw[at + 8 : at + 16], "little")
        assert raw[at + 32 : at + 64] == hashlib.sha256(stream[:position]).digest()
        positions.append(position)
    assert positions[-1] == len(stream)
    assert len(positions) == len(stream) // (1 << 22) + 1
    assert verify(path)["seals"] == len(positions)


# ---- a stop that was not in order


def test_what_a_killed_engine_left_in_its_tail_is_there(tmp_path):
    path = tmp_path / "log"
    for round_ in range(3):
        killed(path, lambda journal: fill(journal))
        told = verify(path)
        assert (told["records"], told["clean"]) == (60 * (round_ + 1), False)
        assert open_journal(path).records == 60 * (round_ + 1)
    tail = Path(plain.last_mark(path)["tail"])
    assert tail.exists()
    journal = Journal(path)
    assert (journal.records, journal.epoch) == (180, 4)
    assert not tail.exists()
    assert len(journal.rows(ORDER)) == 30
    digest = journal.sha256()
    journal.close()
    assert verify(path)["sha256"] == digest
    assert not list(Path("/dev/shm").glob(f"gm-{plain.last_mark(path)['uuid'].hex()}*"))


def test_a_tail_that_is_gone_is_not_passed_over(tmp_path):
    path = tmp_path / "log"
    killed(path, fill)
    tail = Path(plain.last_mark(path)["tail"])
    kept = tail.read_bytes()
    tail.unlink()
    for look in (verify, Journal, open_journal):
        with pytest.raises(JournalError, match=r"tail .* is gone"):
            look(path)
    tail.write_bytes(kept)
    assert Journal(path).records == 60


def test_a_tail_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "log"
    killed(path, fill)
    tail = Path(plain.last_mark(path)["tail"])
    whole = tail.read_bytes()
    drained = int.from_bytes(whole[136:144], "little")
    choose = random.Random(2)
    places = [*range(128), *(PAGE + drained + choose.randrange(50 * 128 + 10 * 256 - drained) for _ in range(300))]
    for at in places:
        with tail.open("r+b") as file:
            file.seek(at)
            file.write(bytes([whole[at] ^ choose.randrange(1, 256)]))
        message = refused(path)
        assert str(tail) in message or "later one" in message or "earlier one" in message
        with tail.open("r+b") as file:
            file.seek(at)
            file.write(whole[at : at + 1])
    for length in (0, 100, PAGE, PAGE + 1000, len(whole) - 1):
        with tail.open("r+b") as file:
            file.truncate(length)
        assert str(tail) in refused(path)
        tail.write_bytes(whole)
    assert Journal(path).records == 60


def another_boot(path):
    """The same journal as a machine finds it that was started again: the tail is gone, and the boot is another."""
    control = bytearray((path / "control").read_bytes())
    for at in (0, MARK_BYTES):
        if any(control[at : at + MARK_BYTES]):
            control[at + 40 : at + 56] = b"an earlier boot."
            control[at + 12 : at + 16] = plain.crc32c(control[at + 16 : at + MARK_BYTES]).to_bytes(4, "little")
    tail = Path(plain.last_mark(path)["tail"])
    (path / "control").write_bytes(control)
    tail.unlink(missing_ok=True)


def test_after_another_boot_what_was_not_forced_may_be_torn(tmp_path):
    path = tmp_path / "log"

    def work(journal):
        fill(journal, 30)
        journal.force()
        fill(journal, 30)
        journal.flush()

    killed(path, work)
    another_boot(path)
    segment = path / "00000001.segment"
    whole = segment.read_bytes()
    forced = plain.last_mark(path)["forced"]
    assert forced == 25 * 128 + 5 * 256
    torn = bytearray(whole)
    torn[PAGE + forced + 700] ^= 1
    segment.write_bytes(torn)
    told = verify(path)
    assert 30 <= told["records"] < 60
    assert any("torn" in note for note in told["notes"])
    journal = Journal(path)
    assert journal.records == told["records"]
    assert any("torn" in note and "dropped" in note for note in journal.notes)
    fill(journal)
    journal.close()
    assert verify(path)["records"] == told["records"] + 60


def test_after_another_boot_what_was_forced_must_be_whole(tmp_path):
    path = tmp_path / "log"

    def work(journal):
        fill(journal, 30)
        journal.force()

    killed(path, work)
    another_boot(path)
    segment = path / "00000001.segment"
    whole = segment.read_bytes()
    for at in range(PAGE, PAGE + 25 * 128 + 5 * 256, 97):
        data = bytearray(whole)
        data[at] ^= 0x10
        segment.write_bytes(data)
        with pytest.raises(JournalError, match="record"):
            Journal(path)
        with pytest.raises(JournalError, match="record"):
            verify(path)
    for length in range(PAGE, len(whole) - 1, 333):
        segment.write_bytes(whole[:length])
        if length < PAGE + 25 * 128 + 5 * 256:
            with pytest.raises(JournalError):
                Journal(path)
    segment.write_bytes(whole)
    assert Journal(path).records == 30


# ---- damage


def test_every_flipped_byte_is_found(copy):
    random_ = random.Random(1)
    for name in CHECKED:
        file = copy / name
        whole = file.read_bytes()
        with file.open("r+b", buffering=0) as raw:
            # the header pages' zeros are many and alike: every seventh of them in the short run
            for at in range(len(whole)):
                if name.endswith("segment") and 100 < at < PAGE and at % 7 and not LONG:
                    continue
                raw.seek(at)
                raw.write(bytes([whole[at] ^ random_.randrange(1, 256)]))
                message = refused(copy)
                assert name in message or str(copy) in message
                raw.seek(at)
                raw.write(whole[at : at + 1])
    assert verify(copy)["records"] == 60


def test_a_start_finds_them_too(copy):
    for name in CHECKED:
        file = copy / name
        whole = file.read_bytes()
        for at in range(0, len(whole), 61):
            data = bytearray(whole)
            data[at] ^= 0x40
            file.write_bytes(data)
            with pytest.raises(JournalError):
                Journal(copy)
            file.write_bytes(whole)
    assert Journal(copy).records == 60


def test_every_cut_is_found(copy):
    for name in CHECKED:
        file = copy / name
        whole = file.read_bytes()
        for length in range(len(whole)):
            os.truncate(file, length)
            message = refused(copy)
            assert name in message or "segment" in message
            file.write_bytes(whole)
        file.write_bytes(whole)
    assert verify(copy)["records"] == 60


def test_zeros_behind_the_end_are_no_records_and_anything_else_is_named(copy):
    file = copy / "00000001.segment"
    whole = file.read_bytes()
    file.write_bytes(whole + bytes(10_000))
    assert verify(copy)["records"] == 60
    for at in (0, 1, 100, 5000, 9999):
        behind = bytearray(10_000)
        behind[at] = 1
        file.write_bytes(whole + behind)
        assert "record 61" in refused(copy)


def test_records_swapped_doubled_or_removed(copy):
    file = copy / "00000001.segment"
    whole = file.read_bytes()
    head, one, two, rest = whole[:PAGE], whole[PAGE : PAGE + 128], whole[PAGE + 128 : PAGE + 256], whole[PAGE + 256 :]
    for data in (head + two + one + rest, head + one + one + two + rest, head + one + rest, head + two + rest):
        file.write_bytes(data)
        assert "its place" in refused(copy)
    hole = bytearray(whole)
    hole[PAGE + 128 : PAGE + 256] = bytes(128)
    file.write_bytes(hole)
    assert "never committed, but something follows" in refused(copy)


def test_of_a_journal_that_is_written_nobody_looks_at_what_is_not_written_yet(copy):
    from grandmodel.execution._core.store import Survey, walk_segment

    segment = Survey(str(copy)).segments[-1]
    used, sequence, fault = walk_segment(segment)
    assert fault is None
    with open(segment.path, "r+b") as file:
        file.truncate(PAGE + used + (1 << 20))
        file.seek(PAGE + used + (1 << 19))
        file.write(b"x")
    segment = Survey(str(copy)).segments[-1]
    assert walk_segment(segment, whole=False) == (used, sequence, None)
    assert "something follows it" in walk_segment(segment)[2]


def test_a_record_that_was_made_anew_does_not_match_its_seal(copy):
    """Even with its checksum made right."""
    file = copy / "00000001.segment"
    data = bytearray(file.read_bytes())
    data[PAGE + 40] ^= 1
    data[PAGE + 8 : PAGE + 12] = plain.crc32c(data[PAGE + 12 : PAGE + 128], 0x9E3779B9).to_bytes(4, "little")
    file.write_bytes(data)
    assert "seal 1 does not match" in refused(copy)


def test_a_missing_file_is_named(copy, tmp_path):
    for name, said in (
        ("00000001.segment", "00000001.segment is missing"),
        ("control", "no file control"),
        ("seals", "seals"),
    ):
        (copy / name).rename(tmp_path / "away")
        assert said in refused(copy)
        with pytest.raises(JournalError):
            Journal(copy)
        (tmp_path / "away").rename(copy / name)
    assert Journal(copy).records == 60


def test_segments_of_another_day_or_in_another_place(tmp_path):
    paths = []
    for day in ("monday", "tuesday"):
        paths.append(tmp_path / day)
        journal = Journal(paths[-1], segment_bytes=1 << 16)
        for first in range(0, 1500, 100):
            journal.append_many(REPORT, rows(100, first), 5)
            journal.flush()
        journal.close()
    monday, tuesday = paths
    kept = (tuesday / "00000002.segment").read_bytes()
    (tuesday / "00000002.segment").write_bytes((monday / "00000002.segment").read_bytes())
    assert "belongs to another journal" in refused(tuesday)
    (tuesday / "00000002.segment").write_bytes((tuesday / "00000001.segment").read_bytes())
    assert "says that it is segment 1" in refused(tuesday)
    (tuesday / "00000002.segment").unlink()
    assert "00000002.segment is missing" in refused(tuesday)
    (tuesday / "00000002.segment").write_bytes(kept)
    assert verify(tuesday)["records"] == 1500
    (tuesday / "seals").write_bytes((monday / "seals").read_bytes())
    assert "belongs to another journal" in refused(tuesday)


def test_later_and_foreign_formats_are_named(copy):
    for name, sum_end in (("00000001.segment", PAGE), ("control", MARK_BYTES), ("seals", SEAL_ROW)):
        file = copy / name
        whole = file.read_bytes()
        for at, value, said in (
            (8, 3, "format version 3, a later one"),
            (8, 1, "an earlier one"),
            (16, whole[16] ^ 1, "another layout"),
        ):
            data = bytearray(whole)
            starts = (0, MARK_BYTES) if name == "control" else (0,)
            for start in starts:
                data[start + at] = value
                data[start + 12 : start + 16] = plain.crc32c(data[start + 16 : start + sum_end]).to_bytes(4, "little")
            file.write_bytes(data)
            assert said in refused(copy)
        file.write_bytes(whole)


# ---- indexes


def test_indexes_may_be_deleted_or_damaged(copy):
    journal = Journal(copy)
    places = {number: journal.find(number) for number in range(1, 61)}
    assert places[6] == (5 * 128, 5 * 128)
    assert journal.find(61) is None
    assert journal.find(0) is None
    assert journal.find(10**9) is None
    journal.close()
    for name in ("orders.index", "clients.index"):
        whole = (copy / name).read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        for data in (b"", b"GM", bytes(len(whole)), whole[:5000], bytes(flipped)):
            (copy / name).write_bytes(data)
            again = Journal(copy)
            assert {number: again.find(number) for number in range(1, 61)} == places
            again.close()
        (copy / name).unlink()
        again = Journal(copy)
        assert {number: again.find(number) for number in range(1, 61)} == places
        again.rebuild_index()
        assert {number: again.find(number) for number in range(1, 61)} == places
        again.close()


def test_verify_looks_at_the_indexes_too(copy):
    for name in ("orders.index", "clients.index"):
        whole = (copy / name).read_bytes()
        for at in (*range(120), 4096 + 32, len(whole) - 1):
            data = bytearray(whole)
            data[at] ^= 8
            (copy / name).write_bytes(data)
            assert f"{name}: is not what it was" in refused(copy)
        (copy / name).write_bytes(whole)
    assert verify(copy)["records"] == 60


def test_indexes_are_made_again_while_orders_are_submitted(tmp_path):
    """Lookups take no lock: the old table must stay where it is while somebody may be in it."""
    core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22, segment_bytes=1 << 16)
    stop = threading.Event()
    rebuilt = []

    def rebuild():
        while not stop.is_set():
            core.journal.rebuild_index()
            rebuilt.append(core.journal.find(1))
            stop.wait(0.001)

    worker = threading.Thread(target=rebuild)
    worker.start()
    try:
        ids = []
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            for number in range(len(ids), len(ids) + 100):
                ids.append(gate.submit_order(resting(client_order_id=f"c{number}")).order_id)
            assert core.journal.find(ids[-1]) is not None
            for number in range(0, len(ids), 50):
                assert gate.submit_order(resting(client_order_id=f"c{number}")).order_id == ids[number]
    finally:
        stop.set()
        worker.join()
    assert len(rebuilt) > 10
    assert len(ids) == len(set(ids)) > 2048  # the table of ids has grown meanwhile
    core.close()
    assert verify(tmp_path / "log")["records"] == core.journal.records
    again, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22, segment_bytes=1 << 16)
    assert [gate.submit_order(resting(client_order_id=f"c{n}")).order_id for n in range(0, len(ids), 7)] == ids[::7]
    again.close()


def test_an_index_that_cannot_be_made_names_the_place(tmp_path):
    path = tmp_path / "log"
    journal = Journal(path, segment_bytes=1 << 16)
    for first in range(0, 1500, 100):
        journal.append_many(REPORT, rows(100, first), 5)
        journal.flush()
    damaged = path / "00000001.segment"
    data = bytearray(damaged.read_bytes())
    data[PAGE + 300 * 128 + 40] ^= 1
    damaged.write_bytes(data)
    said = rf"what stands at byte {300 * 128} of the log is not what was written there"
    places = [journal.find(number) for number in range(1, 1500, 10)]
    with pytest.raises(JournalError, match=said):
        journal.rebuild_index()
    assert [journal.find(number) for number in range(1, 1500, 10)] == places
    journal.append(REPORT, rows(1, 1), 6, 1)
    assert journal.find(1) == (1500 * 128, 1500 * 128)
    journal.close()
    assert not (path / "orders.index").exists()
    with pytest.raises(JournalError, match=said):
        Journal(path)
    data[PAGE + 300 * 128 + 40] ^= 1
    damaged.write_bytes(data)
    assert Journal(path).find(1) == (1500 * 128, 1500 * 128)


FEW_DESCRIPTORS = """
import os, resource, sys
import numpy as np
from grandmodel.execution._core.journal import Journal, verify
from grandmodel.execution._core.records import REPORT_DTYPE
from grandmodel.execution._core.values import JournalError

path, durability = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
rows = np.zeros(508, REPORT_DTYPE)  # of a segment; 300 segments
journal = Journal(path, ring_bytes=1 << 22, segment_bytes=1 << 16, durability=durability)
for number in range(300):
    rows["order_id"] = number
    assert journal.append_many(4, rows, number) == 508
    if number % 50 == 49:
        journal.flush()
journal.force()
assert journal.state == "healthy", journal.trouble
assert journal.forced == journal.head == 300 * 508 * 128
assert len(os.listdir("/proc/self/fd")) < 20, os.listdir("/proc/self/fd")
assert (journal.rows(4)["order_id"] == np.repeat(np.arange(300), 508)).all()
journal.rebuild_index()

taken = []
while True:  # somebody else takes all there are
    try:
        taken.append(os.dup(0))
    except OSError:
        break
journal.append_many(4, rows[:5], 1)
journal.flush()
try:
    journal.force()
    forced = True
except JournalError as error:
    forced = False
    assert "Too many open files" in str(error), error
assert forced == (durability != "process")
try:
    journal.read(0, 128)
except JournalError as error:
    assert "Too many open files" in str(error), error
else:
    raise AssertionError("read without a descriptor")
assert journal.state == "healthy", journal.trouble
for fd in taken:
    os.close(fd)
journal.force()
journal.close()
told = verify(path)
assert (told["records"], told["clean"]) == (300 * 508 + 5, True), told
print(told["segments"])
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted in /proc")
@pytest.mark.parametrize("durability", ["process", "group"])
def test_a_long_log_needs_few_descriptors(tmp_path, durability):
    done = subprocess.run(
        [sys.executable, "-c", FEW_DESCRIPTORS, str(tmp_path / "log"), durability],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 250


# ---- the plain reader


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from([ORDER, REPORT]), st.integers(1, 60)),
        st.just(("flush", 0, 0)), st.just(("force", 0, 0)), st.just(("close", 0, 0)),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, clean=st.booleans())
def test_a_reader_written_from_the_documentation_agrees(tmp_path_factory, steps, clean):
    path = tmp_path_factory.mktemp("day") / "log"
    journal = Journal(path, ring_bytes=1 << 22, segment_bytes=1 << 16)
    expected = []
    number = 0
    for what, kind, count in steps:
        if what == "append":
            for _ in range(count):
                number += 1
                row = rows(1, number, ORDER_DTYPE if kind == ORDER else REPORT_DTYPE)
                journal.append(kind, row, number, number)
                expected.append((kind, number, number, row.tobytes()))
        elif what == "close":
            journal.close()
            journal = Journal(path, ring_bytes=1 << 22, segment_bytes=1 << 16)
        else:
            getattr(journal, what)()
    if clean:
        journal.close()
    else:
        journal.flush()  # the writer rests now: what it would write next is written
    assert plain.read(path) == expected
    assert [(kind, int(record["header"]["order_id"])) for _, kind, record in journal.scan()] == [
        (e[0], e[2]) for e in expected
    ]
    assert verify(path)["records"] == len(expected)


@settings(max_examples=200 if LONG else 60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_makes_the_reader_stumble(closed, tmp_path_factory, data):
    """Bytes changed, cut out, put in, doubled: it is refused with a JournalError, or it is the same log."""
    path = tmp_path_factory.mktemp("mutant") / "log"
    shutil.copytree(closed, path)
    file = path / data.draw(st.sampled_from(CHECKED))
    raw = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        length = data.draw(st.integers(1, 300))
        change = data.draw(st.sampled_from(["set", "cut", "insert", "double", "zero"]))
        if change == "set":
            raw[at : at + length] = data.draw(st.binary(min_size=length, max_size=length))
        elif change == "cut":
            del raw[at : at + length]
        elif change == "insert":
            raw[at:at] = data.draw(st.binary(min_size=length, max_size=length))
        elif change == "double":
            raw[at:at] = raw[at : at + length]
        else:
            raw[at : at + length] = bytes(len(raw[at : at + length]))
    file.write_bytes(raw)
    for look in (verify, lambda where: open_journal(where).records, lambda where: Journal(where).records):
        told, said = None, str(path)
        try:
            told = look(path)
        except JournalError as error:
            said = str(error)
        assert str(path) in said
        if told is not None:
            assert (told["records"] if isinstance(told, dict) else told) == 60
