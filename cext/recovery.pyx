# cython: language_level=3, wraparound=True
"""Start is recovery: the log's records, or a snapshot and the records behind it, become the engine's state again.

Nothing is decided again: what was recorded is applied, by the functions that work uses (include/recovery.h).
"""
import os
import struct

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from grandmodel.execution._core.journal cimport Journal, gm_crc32c_setup
from grandmodel.execution._core.orders cimport gm_is_closed, gm_orders_find
from grandmodel.execution._core.records cimport (
    GM_ERR_CAPACITY, GM_ERR_CORRUPT, GM_ERR_FORMAT, GM_ERR_NOT_FOUND, GM_ERR_STATE, GM_NAME_ALGORITHM, GM_NAME_STRATEGY, GM_NAME_SYMBOL,
    GM_NAME_TAG, GM_NAME_VENUE, GM_OK, gm_name_t, gm_order_t,
)
from grandmodel.execution._core.submit cimport Core, gm_engine_now, gm_engine_settle, gm_engine_t
from grandmodel.execution._core.framing import crc32c
from grandmodel.execution._core.records import LIMIT_DTYPE, NAME_DTYPE
from grandmodel.execution._core.store import SNAPSHOT_VERSION, layout_hash
from grandmodel.execution._core.values import JournalError

cdef extern from "recovery.h" nogil:
    ctypedef struct gm_snapshot_head_t:
        int64_t live
    int64_t gm_recover(gm_engine_t* e, const char* data, int64_t size, int64_t* sequence, int* code) noexcept
    void gm_recover_live(gm_engine_t* e, gm_order_t* o, int outlives, int64_t now) noexcept
    gm_snapshot_head_t gm_snapshot_count(const gm_engine_t* e) noexcept
    int64_t gm_snapshot_size(const gm_snapshot_head_t* h) noexcept
    void gm_snapshot_fill(const gm_engine_t* e, const gm_snapshot_head_t* h, char* out) noexcept
    int gm_snapshot_load(gm_engine_t* e, const char* data, int64_t size) noexcept
    uint64_t gm_state_hash(const gm_engine_t* e) noexcept

gm_crc32c_setup()
_CHUNK = 1 << 22
_HEAD = struct.Struct("<8sIIQ16sqqQqq")
VERSION = SNAPSHOT_VERSION
KEPT = 2            # snapshots: the one before the last serves when the last is damaged
cdef dict KINDS = {GM_NAME_SYMBOL: "symbol", GM_NAME_VENUE: "venue", GM_NAME_STRATEGY: "strategy",
                   GM_NAME_ALGORITHM: "algorithm", GM_NAME_TAG: "tag"}


def state_hash(Core core not None):
    """A number that two engines share when they hold the same live orders, positions, cash and counters (gm_state_hash)."""
    cdef uint64_t value
    core._enter()
    value = gm_state_hash(&core.engine)
    core._leave()
    return value


cdef object _names_of(Core core, int kind):
    if kind == GM_NAME_STRATEGY:
        return core.reader.strategies
    if kind == GM_NAME_ALGORITHM:
        return core.reader.algorithms
    return core.reader.tags


cdef int _take_name(Core core, gm_name_t* row) except -1:
    """A recorded name must be what the configuration says too, or is new to it."""
    cdef str text = row.text[:row.length].decode("utf-8")
    cdef int number = row.id
    kind = KINDS.get(row.kind)
    if kind is None:
        raise JournalError(f"{core.journal.path}: a name of kind {row.kind}, which nobody knows")
    if row.kind == GM_NAME_SYMBOL or row.kind == GM_NAME_VENUE:
        texts = core.instruments.symbols.texts if row.kind == GM_NAME_SYMBOL else core.venues.names
        if number >= len(texts) or texts[number] != text:
            here = f"{texts[number]!r} in the configuration" if number < len(texts) else "not in the configuration"
            raise JournalError(f"{core.journal.path}: {kind} {number} is {text!r} in the log and {here}; a journal's {kind}s may not be "
                               "taken away or change places")
        if row.kind == GM_NAME_SYMBOL:
            instrument = core.instruments.table.rows[number]
            if (row.value, row.value2) != (instrument.tick_e9, instrument.step_e9):
                raise JournalError(f"{core.journal.path}: {text} had tick {row.value} and step {row.value2} (1e-9) in the log, "
                                   f"{instrument.tick_e9} and {instrument.step_e9} in the configuration")
        core.introduced.add((row.kind, number))
        return 0
    names = _names_of(core, row.kind)
    if names.number(text) != number:
        raise JournalError(f"{core.journal.path}: {kind} {text!r} has the number {number} in the log, {names.number(text)} here")
    return 0


def learn_name(Core core not None, bytes row not None):
    """Takes in one recorded name, 96 bytes. JournalError when the configuration says otherwise."""
    cdef gm_name_t name
    if len(row) != sizeof(name):
        raise ValueError(f"row is {len(row)} bytes long, must be {sizeof(name)}")
    memcpy(&name, <const char*>row, sizeof(name))
    _take_name(core, &name)


def learn_limit(Core core not None, bytes row not None):
    """Takes in one recorded change of a limit, 224 bytes: what the log has last of each is known then."""
    change = np.frombuffer(row, LIMIT_DTYPE)[0]
    if change["refused"]:
        return
    name = bytes(change["name"]).decode("utf-8", "replace")
    if change["has"]:
        core.limits.recorded[name] = (int(change["new_hi"]) << 64) + int(change["new_lo"])
    else:
        core.limits.recorded.pop(name, None)


def recover(Core core not None, outlives=(), int64_t snapshot_records=4_000_000):
    """Makes an empty core what its journal says, then settles what was in flight when the engine stopped.

    Parameters
    ----------
    outlives : numbers of the venues that did not die with the engine: what they had not answered becomes UNKNOWN, and is
        resolved by them. At the others it becomes CANCELED, and what rested is put back.
    snapshot_records : a snapshot is written after so many records; 0: never

    Returns
    -------
    dict: records (applied), snapshot (position it began from, or None), seconds, open (live orders), notes

    Raises
    ------
    JournalError  a record is damaged, or does not fit what came before it: its number and byte are named
    """
    from time import perf_counter

    cdef const unsigned char[::1] view
    cdef int64_t position = 0, sequence = 0, used = 0
    cdef int code = GM_OK
    cdef gm_name_t name
    notes = list(core.journal.notes)
    began = perf_counter()
    start = None
    if core.journal.path is not None and core.journal.recovered:
        start = _load_snapshot(core, notes)
    if start is not None:
        position, sequence = start
    first = sequence
    while position < core.journal.head:
        piece = core.journal.read(position, _CHUNK)
        if not piece:
            break
        view = piece
        core._enter()
        with nogil:
            used = gm_recover(&core.engine, <const char*>&view[0], view.shape[0], &sequence, &code)
        core._leave()
        position += used
        if code == GM_ERR_NOT_FOUND:
            memcpy(&name, &view[used + 32], sizeof(name))
            _take_name(core, &name)
            position += 128
            sequence += 1
        elif code == GM_ERR_FORMAT:
            learn_limit(core, piece[used + 32:used + 256])
            position += 256
            sequence += 1
        elif code != GM_OK:
            raise JournalError(f"{core.journal.path}: record {sequence + 1} at byte {position} of the log {_FAULTS[code]}")
        elif used == 0:
            raise JournalError(f"{core.journal.path}: record {sequence + 1} at byte {position} of the log is cut short")
    if sequence != core.journal.records:
        raise JournalError(f"{core.journal.path}: {sequence} records were applied, {core.journal.records} are there")
    core._recovered(outlives)
    result = {"records": sequence - first, "snapshot": None if start is None else start[0], "seconds": perf_counter() - began,
              "open": core.orders.live, "notes": notes}
    if core.journal.path is not None and snapshot_records > 0:
        core.on_snapshot = lambda: _next_snapshot(core, snapshot_records)
        core.snapshot_due = core.journal.records + snapshot_records
        if sequence - first > snapshot_records:
            core.snapshot_due = core.journal.records
    return result


cdef dict _FAULTS = {
    GM_ERR_CORRUPT: "does not match its checksum or its place",
    GM_ERR_STATE: "does not fit what came before it",
    GM_ERR_CAPACITY: "is of more orders than the table holds",
}


def known_names(Journal journal not None):
    """The names that a log knows already: {gm_name_kind: [texts by number]}, so that a configuration can keep their places."""
    cdef const unsigned char[::1] view
    cdef int64_t at, end, position = 0
    cdef unsigned int kind, size
    found = {}
    if not journal.recovered:
        return found
    for _, path in reversed(snapshots(journal.path)):
        raw, fault = _read_snapshot(path, journal)
        if fault is None:
            _, _, _, _, _, position, _, _, length, count = _HEAD.unpack_from(raw)
            for row in np.frombuffer(raw, NAME_DTYPE, count, 128 + length):
                found.setdefault(int(row["kind"]), {})[int(row["id"])] = bytes(row["text"]).decode()
            break
    while position < journal.head:
        piece = journal.read(position, _CHUNK)
        view = piece
        at, end = 0, len(piece)
        while at + 32 <= end:
            kind = view[at + 12] | view[at + 13] << 8
            size = view[at + 14] | view[at + 15] << 8
            if size < 32 or at + size > end:
                break
            if kind == 1:
                row = np.frombuffer(piece, NAME_DTYPE, 1, at + 32)[0]
                found.setdefault(int(row["kind"]), {})[int(row["id"])] = bytes(row["text"]).decode()
            at += size
        if at == 0:
            break
        position += at
    return {kind: [texts[number] for number in sorted(texts)] for kind, texts in found.items()}


def restore(Core core not None, outlives=()):
    """Settles every live order after a restart (gm_recover_live)."""
    cdef gm_order_t* row
    cdef int32_t i
    cdef bint lives_on
    cdef int64_t now
    core._enter()
    now = gm_engine_now(&core.engine)
    ids = sorted([core.engine.orders.rows[i].order_id for i in range(core.engine.orders.used)
                  if core.engine.orders.rows[i].order_id > 0 and not gm_is_closed(core.engine.orders.rows[i].status)])
    core._leave()
    for order_id in ids:
        core._enter()
        row = gm_orders_find(core.engine.orders, order_id)
        if row != NULL and not gm_is_closed(row.status):
            lives_on = row.venue in outlives
            gm_recover_live(&core.engine, row, lives_on, now)
        core._leave()
    core._enter()
    gm_engine_settle(&core.engine, now)
    core._leave()


# ---- snapshots ----

def _path_of(core, sequence):
    return os.path.join(core.journal.path, f"snapshot-{sequence:015d}")


def snapshots(path):
    """The snapshots of a journal, oldest first: (records in it, path)."""
    found = []
    for name in os.listdir(path):
        if name.startswith("snapshot-") and name[9:].isdigit():
            found.append((int(name[9:]), os.path.join(path, name)))
    return sorted(found)


def snapshot(Core core not None):
    """Writes the state as it is now beside the journal, forced to the disk; its path. The log stays whole.

    The core is held while its rows are copied: about ten milliseconds for 100,000 open orders.
    """
    cdef gm_snapshot_head_t head
    cdef int64_t size = -1, position = 0, sequence = 0
    cdef uint64_t state = 0
    cdef unsigned char[::1] view
    if core.journal.path is None:
        raise JournalError("a temporary journal has no snapshots")
    body = None
    while True:
        core._enter()
        head = gm_snapshot_count(&core.engine)
        size = gm_snapshot_size(&head)
        core._leave()
        body = np.empty(size + (1 << 16), np.uint8)     # made while the core is free: it may grow meanwhile
        view = body
        core._enter()
        head = gm_snapshot_count(&core.engine)
        size = gm_snapshot_size(&head)
        if size <= view.shape[0]:
            gm_snapshot_fill(&core.engine, &head, <char*>&view[0])
            position, sequence = core.journal.log.head, core.journal.log.sequence
            state = gm_state_hash(&core.engine)
            core._leave()
            break
        core._leave()
    # Names are taken last: one that was given meanwhile is in the log behind this state as well, with the same number.
    recorded = dict(core.limits.recorded)
    names = [(kind, list(_names_of(core, kind))) for kind in (GM_NAME_STRATEGY, GM_NAME_ALGORITHM, GM_NAME_TAG)]
    introduced = sorted(core.introduced)
    core.journal.force()
    table = _name_rows(core, names, introduced)
    limits = _limit_rows(recorded)
    data = body[:size].tobytes() + table + limits
    front = struct.pack("<Q16sqqQqq", layout_hash(), core.journal.uuid, position, sequence, state, size, len(table) // 96)
    page = (struct.pack("<8sII", b"GMSNAP01", VERSION, crc32c(front + data)) + front).ljust(128, b"\0")
    path = _path_of(core, sequence)
    temporary = path + ".new"
    try:
        with open(temporary, "wb") as file:
            file.write(page)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        directory = os.open(core.journal.path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        _remove(temporary)
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from None
    for _, old in snapshots(core.journal.path)[:-KEPT]:
        _remove(old)
    for name in os.listdir(core.journal.path):
        if name.startswith("snapshot-") and name.endswith(".new"):      # of an engine that was killed while it wrote
            _remove(os.path.join(core.journal.path, name))
    return path


def _remove(path):
    """What cannot be removed now is in nobody's way; the next snapshot tries again."""
    try:
        os.unlink(path)
    except OSError:
        pass


def _name_rows(Core core, names, introduced):
    rows = []
    for kind, number in introduced:
        if kind == GM_NAME_SYMBOL:
            rows.append((number, kind, core.instruments.symbols.texts[number], core.instruments.table.rows[<int>number].tick_e9,
                         core.instruments.table.rows[<int>number].step_e9))
        else:
            rows.append((number, kind, core.venues.names[number], 0, 0))
    for kind, texts in names:
        rows.extend((number, kind, text, 0, 0) for number, text in enumerate(texts, 1))
    table = np.zeros(len(rows), NAME_DTYPE)
    for index, (number, kind, text, value, value2) in enumerate(rows):
        raw = text.encode()
        table[index] = (number, kind, len(raw), raw, value, value2)
    return table.tobytes()


def _limit_rows(recorded):
    """The limits that the log had last, as changes from none."""
    table = np.zeros(len(recorded), LIMIT_DTYPE)
    for row, (name, value) in zip(table, sorted(recorded.items())):
        row["new_lo"], row["new_hi"], row["has"], row["name"] = value & 0xFFFFFFFFFFFFFFFF, value >> 64, 1, name.encode()
    return table.tobytes()


def _read_snapshot(path, Journal journal):
    """A snapshot's file and None, or what is wrong with it."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        return b"", f"cannot be read: {error.strerror}"
    if len(raw) < 128 or raw[:8] != b"GMSNAP01":
        return raw, "is no snapshot"
    _, version, check, layout, uuid, position, sequence, _, size, count = _HEAD.unpack_from(raw)
    if version != VERSION or layout != layout_hash():
        return raw, "is of another format"
    if uuid != journal.uuid:
        return raw, "is of another journal"
    limits = len(raw) - 128 - size - 96 * count         # bytes of them
    if limits < 0 or limits % LIMIT_DTYPE.itemsize or crc32c(raw[16:_HEAD.size] + raw[128:]) != check or any(raw[_HEAD.size:128]):
        return raw, "does not match its checksum"
    if position > journal.head or sequence > journal.records:
        return raw, "is of records that the log does not have"
    return raw, None


def _load_snapshot(Core core, notes):
    """Sets the core to the newest snapshot that is whole: (position, sequence), or None to begin with the log's first record."""
    cdef const unsigned char[::1] view
    cdef const unsigned char[::1] table
    cdef gm_name_t name
    cdef int64_t size, k
    cdef int code
    for _, path in reversed(snapshots(core.journal.path)):
        raw, fault = _read_snapshot(path, core.journal)
        if fault is not None:
            notes.append(f"{path}: {fault}; it is not used")
            continue
        _, _, _, _, _, position, sequence, state, size, count = _HEAD.unpack_from(raw)
        table = raw[128 + size:128 + size + 96 * count]
        for k in range(count):
            memcpy(&name, &table[96 * k], sizeof(name))
            _take_name(core, &name)
        for k in range(128 + size + 96 * count, len(raw), LIMIT_DTYPE.itemsize):
            learn_limit(core, raw[k:k + LIMIT_DTYPE.itemsize])
        view = raw[128:128 + size]
        core._enter()
        code = gm_snapshot_load(&core.engine, <const char*>&view[0], size)
        core._leave()
        if code != GM_OK:
            raise JournalError(f"{path}: does not fit the configuration; remove it to begin with the log's first record")
        if state_hash(core) != state:
            raise JournalError(f"{path}: the state it gives has another hash than the one it was made from; remove it to begin with "
                               "the log's first record")
        return position, sequence
    return None


def _next_snapshot(core, every):
    try:
        snapshot(core)
    finally:
        core.snapshot_due = core.journal.records + every
