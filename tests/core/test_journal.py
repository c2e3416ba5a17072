"""The log: appended, read, scanned and verified; every flipped byte and every cut is found."""

import gc
import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import EXEC_TRADE, make_core, order, report, resting

from grandmodel.execution._core.journal import Journal, crc32c, iterate, layout_hash, sha256, verify
from grandmodel.execution._core.records import HEADER_DTYPE, ORDER_DTYPE, RECORD_DTYPES, REPORT_DTYPE

ORDER, REPORT = 2, 4


def rows(count, dtype=REPORT_DTYPE):
    out = np.zeros(count, dtype)
    out["order_id"] = np.arange(1, count + 1)
    return out


def filled(path, count=6):
    journal = Journal(path)
    journal.name(1, 0, "AAPL", 5, 7, 11)
    for number, row in enumerate(rows(count)):
        journal.append(REPORT, row, 100 + number, int(row["order_id"]))
    journal.append(ORDER, np.zeros(1, ORDER_DTYPE), 200, 9)
    journal.flush()
    return journal


# ---- checksums


def crc32c_slowly(data):
    """Castagnoli's polynomial, reflected, bit by bit (RFC 3720, B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_crc_check_values():
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283  # the published check value
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


@given(st.binary(max_size=300))
def test_crc_by_instruction_by_table_and_by_hand(data):
    assert crc32c(data) == crc32c(data, portable=True) == crc32c_slowly(data)


def test_sha256_published_values():
    """FIPS 180-4 examples are not multiples of a block; these are: hashlib is the oracle."""
    for size in (0, 64, 128, 640, 4096):
        data = bytes(k * 7 & 0xFF for k in range(size))
        assert sha256(data) == sha256(data, portable=True) == hashlib.sha256(data).digest()
    with pytest.raises(ValueError, match="multiple of 64"):
        sha256(b"abc")


@given(st.integers(0, 20).flatmap(lambda blocks: st.binary(min_size=64 * blocks, max_size=64 * blocks)))
def test_sha256_by_instruction_and_by_hand(data):
    assert sha256(data) == sha256(data, portable=True) == hashlib.sha256(data).digest()


# ---- append and read


def test_what_is_appended_is_read(tmp_path):
    journal = filled(tmp_path / "log")
    assert journal.records == 8
    assert journal.head == 7 * 128 + 256
    assert journal.error is None
    scanned = list(journal.scan())
    assert [kind for _, kind, _ in scanned] == [1, *[REPORT] * 6, ORDER]
    assert [position for position, _, _ in scanned] == [*range(0, 7 * 128, 128), 7 * 128]
    name = scanned[0][2]
    assert (name["row"]["text"], name["row"]["value"], name["header"]["time_ns"]) == (b"AAPL", 5, 11)
    headers = [record["header"] for _, _, record in scanned]
    assert [int(header["commit"]) & 0xFFFFFFFFFFFF for header in headers] == list(range(1, 9))
    assert {int(header["commit"]) >> 48 for header in headers} == {0x474D}
    assert [int(header["size"]) for header in headers] == [128] * 7 + [256]
    assert journal.rows(REPORT)["order_id"].tolist() == [1, 2, 3, 4, 5, 6]
    assert len(list(journal.scan(3 * 128))) == 5
    assert list(journal.scan(journal.head)) == []


def test_checksum_of_a_record_by_hand(tmp_path):
    """From the documentation of the format alone: the sum covers kind to end and is seeded with the sequence."""
    journal = filled(tmp_path / "log")
    stream = journal.read()
    for number, (offset, _, record) in enumerate(iterate(stream), 1):
        size = record.dtype.itemsize
        seed = number * 0x9E3779B9 & 0xFFFFFFFF
        crc = seed ^ 0xFFFFFFFF
        for byte in stream[offset + 12 : offset + size]:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        assert crc ^ 0xFFFFFFFF == record["header"]["crc32c"]


def test_reading_at_the_edges(tmp_path):
    journal = filled(tmp_path / "log")
    whole = journal.read()
    assert len(whole) == journal.head
    assert journal.read(journal.head) == journal.read(10**9) == journal.read(0, 0) == journal.read(0, -5) == b""
    assert journal.read(5, 10) == whole[5:15]
    with pytest.raises(ValueError, match="position"):
        journal.read(-1)


def test_an_orders_family_is_what_the_whole_log_says_of_it():
    core, gate = make_core(limits={})
    others = [gate.submit_order(resting()) for _ in range(3)]
    parent = core.submit_parent(resting(quantity=500), "twap").order_id
    before = core.journal.find(parent)[0]
    children = [core.submit_child(parent, 100, 140 * 10**9).order_id for _ in range(3)]
    for order_id in (*children, others[0].order_id):
        core.report(report(core, order_id, EXEC_TRADE, quantity=40, price=140.0))
    for position in (0, before):
        orders, reports = core.journal.family(parent, position)
        assert orders["order_id"].tolist() == [parent, *children]
        assert set(reports["order_id"].tolist()) == set(children)
        wanted = core.journal.rows(REPORT)
        assert (reports == wanted[np.isin(wanted["order_id"], children)]).all()
    orders, reports = core.journal.family(others[1].order_id, 0)
    assert orders["order_id"].tolist() == [others[1].order_id]
    assert set(reports["order_id"].tolist()) == {others[1].order_id}
    assert [len(each) for each in core.journal.family(10**6, 0)] == [0, 0]


@pytest.mark.parametrize(
    ("kind", "row"), [(0, np.zeros(1)), (99, np.zeros(1)), (REPORT, np.zeros(1)), (REPORT, rows(2)), (ORDER, rows(1))]
)
def test_what_is_no_record(kind, row):
    journal = Journal()
    with pytest.raises(ValueError, match=r"kind is|row has dtype"):
        journal.append(kind, row, 0, 0)
    with pytest.raises(ValueError, match="dtype"):
        journal.append_many(kind, np.zeros(1), 0)
    with pytest.raises(ValueError, match="kind is"):
        journal.rows(77)
    assert journal.records == 0
    with pytest.raises(ValueError, match="72"):
        journal.name(1, 0, "x" * 73)


@pytest.mark.parametrize("size", [0, 1 << 21, (1 << 22) + 4096, 1 << 31, -(1 << 22)])
def test_ring_sizes(size):
    with pytest.raises(ValueError, match="ring_bytes"):
        Journal(ring_bytes=size)


def test_the_ring_goes_round():
    """More than the ring holds: old records come from the file, new ones from the ring, all of them come."""
    journal = Journal(ring_bytes=1 << 22)
    count = 3 * (1 << 22) // 128 + 17
    assert journal.append_many(REPORT, rows(count), 5) == count
    assert journal.append_many(REPORT, rows(0), 5) == 0
    assert journal.head == count * 128
    assert journal.rows(REPORT)["order_id"].tolist() == list(range(1, count + 1))
    digest, position = hashlib.sha256(), 0
    for size in (1, 127, 128, 4096, 1 << 20, 1 << 24):
        piece = journal.read(position, size)
        digest.update(piece)
        position += len(piece)
    while piece := journal.read(position, 999_999):
        digest.update(piece)
        position += len(piece)
    assert position == journal.head
    assert digest.hexdigest() == journal.sha256()
    for edge in range(journal.head - (1 << 22) - 512, journal.head - (1 << 22) + 512, 128):
        _, _, record = next(journal.scan(edge))
        assert int(record["row"]["order_id"]) == edge // 128 + 1


def resident_kib():
    """Of this process's journal rings, their first mappings."""
    maps = Path("/proc/self/smaps").read_text().split("VmFlags")
    return sum(
        int(m.split("Rss:")[1].split()[0])
        for m in maps
        if "memfd:gm-journal" in m and int(m.split("Size:")[1].split()[0]) > 4
    )


def test_the_writer_touches_pages_before_records_fall_on_them():
    """A temporary journal's ring begins without pages; from the first wake-up on they are there before the records."""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (5, 14):
        pytest.skip("the kernel cannot be asked to populate pages (5.14)")
    gc.collect()  # rings of other tests
    before = resident_kib()
    journal = Journal(ring_bytes=1 << 22)
    journal.append_many(REPORT, rows(100), 5)
    assert resident_kib() - before <= 2 * 16  # what was written; drains read it through the same mapping
    count = (1 << 19) // 128 + 1
    journal.append_many(REPORT, rows(count), 5)  # an eighth of the ring: the writer is woken
    deadline = time.monotonic() + 20
    while (got := resident_kib() - before) < 1024 + 512 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert 1024 + 512 <= got < 4096, "a quarter of the ring ahead of the log, not all of it"
    journal.close()


def test_sha256_is_of_the_records_alone(tmp_path):
    one, other = filled(tmp_path / "one"), filled(None)
    assert one.sha256() == other.sha256() == verify(tmp_path / "one")["sha256"]
    assert one.sha256() == hashlib.sha256(one.read()).hexdigest()
    before = one.sha256()
    one.name(1, 1, "B")
    assert one.sha256() != before


def test_sha256_of_a_day_is_stable():
    """The same inputs give the same bytes; a change here is a change of the format or of the market."""

    def day():
        core, gate = make_core(seed=3)
        for number in range(50):
            gate.submit_order(order(side="sell" if number % 2 else "buy", client_order_id=f"c{number}"))
            gate.submit_order(resting(strategy="s"))
        core.cancel(2)
        return core.journal.sha256()

    assert day() == day()


def test_layout():
    assert layout_hash() == layout_hash()
    assert sorted(RECORD_DTYPES) == list(range(1, 12))
    assert {dtype.itemsize for dtype in RECORD_DTYPES.values()} == {128, 256}
    assert HEADER_DTYPE.itemsize == 32


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["order", "rest", "cancel", "refuse"]), st.integers(0, 10)), max_size=30))
def test_any_day_verifies(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("day") / "log"
    core, gate = make_core(path=path, ring_bytes=1 << 22)
    for what, number in steps:
        if what == "order":
            gate.submit_order(order(quantity=1 + number))
        elif what == "rest":
            gate.submit_order(resting(limit_price=140.0 + number))
        elif what == "cancel" and core.open_orders():
            core.cancel(core.open_orders()[0].order_id)
        elif what == "refuse":
            with pytest.raises(ValueError, match="refused"):
                gate.submit_order(order(quantity=-number))
    core.close()
    told = verify(path)
    assert told["records"] == core.journal.records == len(list(core.journal.scan()))
    assert told["sha256"] == core.journal.sha256()
