"""Splitting a piece of the stream into arrays, against the journal's own record-by-record iteration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import make_core, order, resting

from grandmodel.execution import JournalError
from grandmodel.execution._core.journal import Journal, iterate
from grandmodel.execution._core.records import RECORD_DTYPES
from grandmodel.execution.records_split import pieces, split

ORDER, REPORT = 2, 4


def slowly(piece):
    used, by_kind = 0, {}
    for offset, kind, record in iterate(piece):
        by_kind.setdefault(kind, []).append(record.tobytes())
        used = offset + record.dtype.itemsize
    return used, by_kind


def same(piece):
    used, by_kind = split(piece)
    expected, records = slowly(piece)
    assert used == expected
    assert {kind: [row.tobytes() for row in rows] for kind, rows in by_kind.items()} == records
    assert all(rows.dtype == RECORD_DTYPES[kind] for kind, rows in by_kind.items())


def test_a_day_in_pieces_of_every_length():
    core, gate = make_core()
    for _ in range(5):
        gate.submit_order(order())
        core.cancel(gate.submit_order(resting()).order_id)
    stream = core.journal.read(0)
    for length in range(0, len(stream), 64):
        same(stream[:length])
    for size in (256, 384, 1024, 1 << 20):
        rows = [rows for _, by_kind in pieces(core.journal, 0, size) for rows in by_kind.get(ORDER, ())]
        assert [int(row["row"]["order_id"]) for row in rows] == list(range(1, 11))


@settings(max_examples=60)
@given(st.lists(st.sampled_from([ORDER, REPORT]), max_size=30), st.integers(0, 63), st.data())
def test_orders_whose_second_half_looks_like_a_head(kinds, cut, data):
    """The size of a head stands where the second cell of an ORDER has bytes of its own: they may say anything."""
    journal = Journal()
    for kind in kinds:
        row = np.zeros(1, RECORD_DTYPES[kind]["row"])
        if kind == ORDER and data.draw(st.booleans()):
            raw = row.view(np.uint8)
            raw[96 + 14 : 96 + 16] = np.frombuffer((256).to_bytes(2, "little"), np.uint8)
            raw[96 + 12 : 96 + 14] = np.frombuffer((2).to_bytes(2, "little"), np.uint8)
            raw[96 + 6 : 96 + 8] = np.frombuffer((0x474D).to_bytes(2, "little"), np.uint8)
        journal.append(kind, row, 1, 1)
    stream = journal.read(0)
    same(stream)
    same(stream[: max(0, len(stream) - cut)])


def test_what_is_no_record_is_said_with_its_place():
    core, gate = make_core()
    gate.submit_order(order())
    stream = bytearray(core.journal.read(0))
    stream[3 * 128 + 12] = 99
    with pytest.raises(JournalError, match=f"byte {1000 + 3 * 128} "):
        split(bytes(stream), 1000)
    stream[3 * 128 : 4 * 128] = bytes(128)
    with pytest.raises(JournalError, match="no record stands"):
        split(bytes(stream))


def test_nothing_gives_nothing():
    assert split(b"") == (0, {})
    assert list(pieces(Journal())) == []
