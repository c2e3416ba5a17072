# cython: language_level=3, wraparound=True
"""A journal's directory (include/store.h has the layout): made, surveyed, checked, and repaired as far as it is safe.

Nothing here is on the order path. What is wrong is named: file, record, byte, what was found and what was expected.
"""
import errno
import fcntl
import mmap
import os
import re
import struct
import uuid as uuids

import numpy as np

from libc.stdint cimport int64_t, uint32_t

from grandmodel.execution._core.records import HEADER_DTYPE, RECORD_DTYPES
from grandmodel.execution._core.values import JournalError

# Declared here: to cimport them from `journal` would import it, and that imports this module.
cdef extern from "crc32c.h" nogil:
    void gm_crc32c_setup() noexcept
    uint32_t gm_crc32c(uint32_t crc, const void* data, size_t size) noexcept

cdef extern from "journal.h" nogil:
    int64_t gm_record_verify(const char* at, int64_t available, int64_t sequence) noexcept

gm_crc32c_setup()

PAGE = GM_JOURNAL_PAGE
VERSION = GM_JOURNAL_VERSION
MARK_BYTES = GM_MARK_BYTES
SEAL_BYTES = GM_SEAL_BYTES
SEAL_ROW = 128
INDEX_SEALED = 80           # offset of an index's flag and checksum
SNAPSHOT_VERSION = 4
TAIL_LIVE = 128             # offset of the tail's epoch and drained
_MARK = struct.Struct("<8sIIQ16s16s6q4i256s")
_SEGMENT = struct.Struct("<8sIIQ16s16s4q")
_SEAL = struct.Struct("<4q32s32siI")
_TAIL = struct.Struct("<8sIIQ16s16sqq")
_SEALS = struct.Struct("<8sIIQ16s")
_CHUNK = 1 << 22
_ZEROS = bytes(_CHUNK)
_TMPFS = (0x01021994, 0x858458F6)
_NAME = re.compile(r"(\d{8})\.segment$")
#: Why a journal takes no records, by the numbers of gm_journal_state.
STATES = ("healthy", "full", "failed", "distrusted", "fenced", "lost")


def open_end(survey):
    """Where the log ends, and what has to happen before it can be written on.

    Returns
    -------
    (position, sequence, records): the end of what the segments hold for sure, the last sequence there, and the tail's records
    behind it (bytes). Segments are cut to that end, files of an interrupted start are removed: with the tail at hand nothing
    is lost by it.
    """
    segments, mark = survey.segments, survey.mark
    if segments and segments[-1].position is None:
        os.unlink(segments.pop().path)
    if survey.tail is not None:
        drained = read_tail(survey.tail, mark)[0]
        while len(segments) > 1 and segments[-1].position >= drained and segments[-1].number > mark.segments:
            os.unlink(segments.pop().path)      # what the mark counts must stay, with or without records
        position, sequence = 0, 1
        if segments:
            last = segments[-1]
            stop = drained - last.position
            if stop > last.size:
                raise JournalError(f"{last.path}: cut: ends at byte {PAGE + last.size}, the tail says that byte {PAGE + stop} was written")
            used, sequence = check_segment(last, stop)
            position = last.position + used
            _cut(last, used)
        elif drained:
            raise JournalError(f"{survey.path}: its segments are missing; the tail says that {drained} bytes were written")
        _, records, _after = tail_records(survey, sequence)
        return position, sequence - 1, records
    if mark.clean:
        if not segments:
            if mark.position:
                raise JournalError(f"{survey.path}: 00000001.segment is missing")
            return 0, 0, b""
        last = segments[-1]
        if last.position + last.size < mark.position:
            raise JournalError(f"{last.path}: cut: ends at byte {PAGE + last.size}, must reach {PAGE + mark.position - last.position}")
        used, sequence = check_segment(last)
        if last.position + used != mark.position or sequence - 1 != mark.sequence:
            raise JournalError(f"{last.path}: ends at record {sequence - 1}, byte {last.position + used}; it was closed at record "
                               f"{mark.sequence}, byte {mark.position}")
        _cut(last, used)
        if used == 0 and len(segments) > 1:         # begun for records that never came
            os.unlink(segments.pop().path)
        return last.position + used, sequence - 1, b""
    return _after_reboot(survey)


def _after_reboot(survey):
    """The end of a log whose tail went with the machine: at the first record that is not whole, if that was not forced."""
    segments, mark = survey.segments, survey.mark
    position, sequence = 0, 1
    for index, segment in enumerate(segments):
        if index + 1 < len(segments) and segments[index + 1].position <= mark.forced:
            continue
        position, sequence = segment.position, segment.sequence
        used, sequence, fault = walk_segment(segment)
        position += used
        if fault is None and (used == segment.size or index + 1 == len(segments)):
            continue
        if position < mark.forced:
            raise JournalError(fault or f"{segment.path}: record {sequence} at byte {PAGE + used} is missing")
        survey.notes.append(f"{segment.path}: torn behind record {sequence - 1}, byte {PAGE + used}, when the machine stopped; "
                            "what follows had not been forced and is dropped")
        if mark.segments > index + 1:       # first it counts them no more, then they go, the last one first: a kill leaves no gap
            _recount(survey, index + 1)
        while len(segments) > index + 1:
            os.unlink(segments.pop().path)
        break
    if position < mark.forced:
        raise JournalError(f"{survey.path}: ends at byte {position} of the log, {mark.forced} had been forced to the disk")
    if segments:
        _cut(segments[-1], position - segments[-1].position)
    if position < mark.position:
        survey.notes.append(f"{survey.path}: {mark.position - position} bytes had been written but not forced when the machine stopped")
    return position, sequence - 1, b""


def _recount(survey, count):
    """Writes the mark again, on the disk, with another count of segments."""
    mark = survey.mark
    mark.counter += 1
    mark.segments = count
    body = struct.pack("<Q16s16s6q4i256s", mark.layout, mark.uuid, mark.boot, mark.counter, mark.epoch, mark.forced, mark.position,
                       mark.sequence, count, mark.clean, mark.state, mark.error, mark.durability,
                       os.fsencode(mark.tail or "")).ljust(MARK_BYTES - 16, b"\0")
    fd = os.open(os.path.join(survey.path, "control"), os.O_RDWR | os.O_CLOEXEC)
    try:
        os.pwrite(fd, struct.pack("<8sII", b"GMMARK01", VERSION, crc(body)) + body, (mark.counter & 1) * MARK_BYTES)
        os.fdatasync(fd)
    finally:
        os.close(fd)


def _cut(segment, used):
    if segment.size != used:
        os.truncate(segment.path, PAGE + used)
        segment.size = used


def add_segment(path, mark, number, position, sequence, epoch, boot, records):
    """Writes a segment of `records` (bytes), forced; its Segment."""
    name = os.path.join(path, f"{number:08d}.segment")
    body = struct.pack("<Q16s16s4q", layout_hash(), mark.uuid, boot, number, position, sequence, epoch).ljust(PAGE - 16, b"\0")
    page = struct.pack("<8sII", b"GMSEGM01", VERSION, crc(body)) + body
    try:
        if os.path.exists(name):        # begun by an engine that was pushed aside at that moment: the survey had none
            os.unlink(name)
        with open(name, "xb", buffering=0) as file:
            for piece in (page, records):
                done = 0
                while done < len(piece):
                    done += file.write(piece[done:])
            os.fdatasync(file.fileno())
    except OSError as error:
        raise JournalError(f"{name}: cannot be written: {error.strerror}") from None
    return Segment(name, _SEGMENT.unpack_from(page), len(records))


def layout_hash():
    """A number that changes when any record's layout does: from the dtypes' own description."""
    import hashlib

    text = repr([(kind, RECORD_DTYPES[kind]["row"].descr, RECORD_DTYPES[kind].itemsize) for kind in sorted(RECORD_DTYPES)])
    text += repr(HEADER_DTYPE.descr)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def boot_id():
    """16 bytes that differ from boot to boot; zeros where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return uuids.UUID(file.read().strip()).bytes
    except (OSError, ValueError):
        return bytes(16)


def crc(data, seed=0):
    """CRC-32C of a bytes-like object."""
    cdef const unsigned char[::1] view = data
    if view.shape[0] == 0:
        return seed
    return gm_crc32c(seed, &view[0], view.shape[0])


class Mark:
    """What `control` says: identity, and how far the log had come."""

    def __init__(self, fields):
        (_, self.version, _, self.layout, self.uuid, self.boot, self.counter, self.epoch, self.forced, self.position,
         self.sequence, self.segments, self.clean, self.state, self.error, self.durability, tail) = fields
        self.tail = os.fsdecode(tail.rstrip(b"\0")) or None


class Segment:
    """One file of records. `size` counts its records' bytes, with the zeros that may follow them."""

    def __init__(self, path, fields, size):
        (_, _, _, _, self.uuid, self.boot, self.number, self.position, self.sequence, self.epoch) = fields
        self.path = path
        self.size = size


class Survey:
    """What lies in a journal's directory, checked against itself.

    Attributes
    ----------
    mark : Mark; segments : list of Segment; seals : (n,) list of (position, sequence, sha256, state, clean)
    same_boot : bool, the machine has not restarted since the mark was made
    tail : path of the tail, or None when there is none to read (a clean stop, another boot)
    notes : list of str, what was found that need not stop anybody
    """

    def __init__(self, path):
        self.path = path
        self.notes = []
        self.mark = _read_marks(path, self.notes)
        self.same_boot = self.mark.boot == boot_id()
        self.segments = _read_segments(path, self.mark)
        self.seals = _read_seals(path, self.mark, self.same_boot, self.notes)
        self.tail = None
        reached = self.segments[-1].position or 0 if self.segments else 0
        if reached + (self.segments[-1].size if self.segments else 0) < self.mark.position and len(self.segments) < self.mark.segments:
            raise JournalError(f"{path}: {len(self.segments) + 1:08d}.segment is missing, with records from byte "
                               f"{reached + (self.segments[-1].size if self.segments else 0)} of the log on")
        if self.mark.clean and self.mark.position and (not self.seals or self.seals[-1][0] < self.mark.position):
            raise JournalError(f"{os.path.join(path, 'seals')}: cut: its last seal is of byte {self.seals[-1][0] if self.seals else 0}, the log "
                               f"was closed and sealed at {self.mark.position}")
        if not self.mark.clean and self.mark.tail is not None and self.same_boot:       # a tail of another boot may be torn anywhere
            if os.path.exists(self.mark.tail):
                self.tail = self.mark.tail
            else:
                raise JournalError(
                    f"{path}: its tail {self.mark.tail} is gone, and with it records that were acknowledged; bring the file back, or "
                    f"accept the loss with: gmexec journal repair {path}"
                )


def check_version(path, version, layout):
    """JournalError when a file is of another format than this software's."""
    if version != VERSION:
        later = "a later" if version > VERSION else "an earlier"
        raise JournalError(f"{path}: format version {version}, {later} one; this software reads {VERSION}")
    if layout != layout_hash():
        raise JournalError(f"{path}: its records have another layout than this software's")


def _read_marks(path, notes):
    name = os.path.join(path, "control")
    try:
        with open(name, "rb") as file:
            raw = file.read(2 * MARK_BYTES + 1)
    except FileNotFoundError:
        raise JournalError(f"{path}: not a journal (it has no file control)") from None
    if len(raw) != 2 * MARK_BYTES:
        raise JournalError(f"{name}: {len(raw)} bytes long, must be {2 * MARK_BYTES}")
    marks, damaged = [], []
    for index in range(2):
        piece = raw[index * MARK_BYTES:(index + 1) * MARK_BYTES]
        if not any(piece):
            continue
        if len(piece) < MARK_BYTES or piece[:8] != b"GMMARK01":
            damaged.append(index)
            continue
        fields = _MARK.unpack_from(piece)
        if fields[1] != VERSION:
            check_version(name, fields[1], fields[3])
        if crc(piece[16:]) != fields[2]:
            damaged.append(index)
            continue
        check_version(name, fields[1], fields[3])
        marks.append(Mark(fields))
    if not marks:
        raise JournalError(f"{name}: neither of its marks is whole")
    best = max(marks, key=lambda mark: mark.counter)
    if damaged:
        if best.boot == boot_id():
            raise JournalError(f"{name}: its mark {damaged[0] + 1} does not match its checksum")
        notes.append(f"{name}: one mark was torn when the machine stopped; the one before it counts")
    if len(marks) == 2 and marks[0].uuid != marks[1].uuid:
        raise JournalError(f"{name}: its marks belong to different journals")
    return best


def read_mark(path):
    """The mark of a journal's control file that counts."""
    return _read_marks(path, [])


def write_mark(path, mark, **changes):
    """Writes a mark in the place of the older one, forced: what `mark` says, with `changes`."""
    fields = {name: getattr(mark, name) for name in (
        "uuid", "boot", "counter", "epoch", "forced", "position", "sequence", "segments", "clean", "state", "error", "durability", "tail")}
    fields.update(changes, counter=mark.counter + 1)
    raw = bytearray(MARK_BYTES)
    _MARK.pack_into(raw, 0, b"GMMARK01", VERSION, 0, layout_hash(), *list(fields.values())[:-1], os.fsencode(fields["tail"] or ""))
    struct.pack_into("<I", raw, 12, crc(raw[16:]))
    fd = os.open(os.path.join(path, "control"), os.O_RDWR | os.O_CLOEXEC)
    try:
        os.pwrite(fd, raw, MARK_BYTES * (fields["counter"] & 1))
        os.fsync(fd)
    finally:
        os.close(fd)


def _read_segments(path, mark):
    names = sorted(name for name in os.listdir(path) if _NAME.match(name))
    segments = []
    for index, name in enumerate(names):
        full = os.path.join(path, name)
        with open(full, "rb") as file:
            page = file.read(PAGE)
            size = os.fstat(file.fileno()).st_size
        number = int(_NAME.match(name).group(1))
        if number != index + 1:
            raise JournalError(f"{path}: {index + 1:08d}.segment is missing, {name} is there")
        if len(page) < PAGE and index == len(names) - 1 and number > mark.segments:
            os_note = full                      # begun, and not one record of it: as if it were not there
            segments.append(Segment(os_note, (b"", 0, 0, 0, mark.uuid, mark.boot, number, None, None, None), 0))
            break
        if len(page) < PAGE or page[:8] != b"GMSEGM01":
            raise JournalError(f"{full}: not a segment of a journal")
        fields = _SEGMENT.unpack_from(page)
        if fields[1] != VERSION:
            check_version(full, fields[1], fields[3])
        if crc(page[16:]) != fields[2]:
            raise JournalError(f"{full}: its header page does not match its checksum")
        check_version(full, fields[1], fields[3])
        segment = Segment(full, fields, size - PAGE)
        if segment.uuid != mark.uuid:
            raise JournalError(f"{full}: belongs to another journal")
        if segment.number != number:
            raise JournalError(f"{full}: says that it is segment {segment.number}")
        if segments and segments[-1].position is not None:
            before = segments[-1]
            if segment.position < before.position or segment.position - before.position > before.size:
                raise JournalError(
                    f"{before.path}: cut: {before.size} bytes of records, {segment.position - before.position} before {name} begins"
                )
            before.size = segment.position - before.position
        elif segment.position != 0 or segment.sequence != 1:
            raise JournalError(f"{full}: begins at byte {segment.position} of the log, must be at its begin")
        segments.append(segment)
    if segments and segments[-1].position is None and segments[-1].number <= mark.segments:
        raise JournalError(f"{segments[-1].path}: its header page is cut")
    return segments


def _read_seals(path, mark, same_boot, notes):
    name = os.path.join(path, "seals")
    try:
        with open(name, "rb") as file:
            raw = file.read()
    except FileNotFoundError:
        raise JournalError(f"{path}: its seals are missing (file seals)") from None
    head = seals_head(mark.uuid)
    if raw[:SEAL_ROW] != head:
        if raw[:8] == b"GMSEAL01" and len(raw) >= SEAL_ROW:
            fields = _SEALS.unpack_from(raw)
            check_version(name, fields[1], fields[3])
            if fields[4] != mark.uuid and crc(raw[16:SEAL_ROW]) == fields[2]:
                raise JournalError(f"{name}: belongs to another journal")
        raise JournalError(f"{name}: its header is damaged")
    seals, at = [], SEAL_ROW
    while at < len(raw):
        piece = raw[at:at + SEAL_ROW]
        number = at // SEAL_ROW
        whole = len(piece) == SEAL_ROW
        if whole:
            n, position, sequence, _epoch, digest, state, clean, check = _SEAL.unpack_from(piece)
            whole = n == number and crc(piece[:_SEAL.size - 4], number) == check and not any(piece[_SEAL.size:])
        if not whole:
            if not same_boot and not mark.clean:        # seals are forced by a stop in order alone
                notes.append(f"{name}: torn from seal {number} on when the machine stopped; they are made again")
                break
            raise JournalError(f"{name}: seal {number} does not match its checksum")
        if seals and position < seals[-1][0]:
            raise JournalError(f"{name}: seal {number} is of byte {position}, before the seal that precedes it")
        seals.append((position, sequence, digest, state, clean))
        at += SEAL_ROW
    return seals


def seals_head(uuid):
    """The first 128 bytes of the file of seals."""
    body = struct.pack("<Q16s", layout_hash(), uuid).ljust(SEAL_ROW - 16, b"\0")
    return struct.pack("<8sII", b"GMSEAL01", VERSION, crc(body)) + body


def check_records(data, int64_t sequence, what, int64_t base=0):
    """Walks whole records in `data`, the first of which must have `sequence`.

    Returns
    -------
    (bytes of whole records, next sequence, None or what is wrong with the record after them). A zero commit word ends the walk
    without a fault.
    """
    cdef const unsigned char[::1] view = data
    cdef int64_t at = 0, size, end = view.shape[0], number = sequence
    if end == 0:
        return 0, sequence, None
    with nogil:
        while at < end:
            size = gm_record_verify(<const char*>&view[at], end - at, number)
            if size <= 0:
                break
            at += size
            number += 1
    if at >= end:
        return at, number, None
    if size == 0:
        return at, number, None
    fault = "is cut short" if size == -5 else "does not match its checksum or its place"
    return at, number, f"{what}: record {number} at byte {base + at} {fault}"


def check_segment(segment, stop=None):
    """Checks a segment's records; a JournalError names the first that is wrong.

    Parameters
    ----------
    stop : bytes of records to check; None: to the end of the file, and what follows the last record must be zero

    Returns
    -------
    (bytes of records, sequence after the last)
    """
    used, sequence, fault = walk_segment(segment, stop)
    if fault is not None:
        raise JournalError(fault)
    return used, sequence


def walk_segment(segment, stop=None, start=0, first=None, whole=True):
    """As check_segment, with what is wrong as a third value instead of an error; from byte `start` on, where record `first` begins.

    `whole`: what follows the last record must be zero to the segment's end; False: nobody looks, as of one that is written still.
    """
    cdef int64_t most = _CHUNK if whole else 1 << 18
    end = segment.size if stop is None else stop
    at, sequence = start, segment.sequence if first is None else first
    with open(segment.path, "rb") as file:
        while at < end:
            file.seek(PAGE + at)
            piece = file.read(min(most, end - at))
            if not piece:
                return at, sequence, f"{segment.path}: cut: ends at byte {PAGE + at}, must reach {PAGE + end}"
            last = at + len(piece) >= end
            used, after, fault = check_records(piece, sequence, segment.path, PAGE + at)
            if fault is not None and (last or used == 0 or not fault.endswith("cut short")):
                return at + used, after, fault
            at, sequence = at + used, after
            if fault is None and used < len(piece):         # a zero commit word
                if stop is not None:
                    return at, sequence, f"{segment.path}: record {sequence} at byte {PAGE + at} is missing"
                rest = piece[used:] if whole else b""
                while rest:
                    if rest != _ZEROS[:len(rest)]:      # compared as memory: byte by byte it takes a hundred times as long
                        return at, sequence, (f"{segment.path}: record {sequence} at byte {PAGE + at} was never committed, "
                                              "but something follows it")
                    rest = file.read(_CHUNK)
                break
    return at, sequence, None


def read_tail(path, mark):
    """The tail's file, checked: (drained, ring as a read-only memory map at an offset, ring_bytes). JournalError when it is not the mark's."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        page = file.read(PAGE)
        if len(page) < PAGE or page[:8] != b"GMTAIL01":
            raise JournalError(f"{path}: not the tail of a journal")
        _, version, check, layout, uuid, _boot, ring_bytes, made_by = _TAIL.unpack_from(page)
        check_version(path, version, layout)
        if crc(page[16:TAIL_LIVE]) != check:
            raise JournalError(f"{path}: its header does not match its checksum")
        if uuid != mark.uuid:
            raise JournalError(f"{path}: is the tail of another journal")
        if size != PAGE + ring_bytes:
            raise JournalError(f"{path}: {size} bytes long, must be {PAGE + ring_bytes}")
        epoch, drained = struct.unpack_from("<qq", page, TAIL_LIVE)
        if made_by != mark.epoch or epoch < made_by:
            raise JournalError(f"{path}: made by epoch {made_by}, the journal is at {mark.epoch}")
        if drained < 0 or drained % 128:
            raise JournalError(f"{path}: says that {drained} bytes were carried over, which is between two records")
        return drained, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ), ring_bytes


def tail_records(survey, sequence):
    """The records of the tail that no segment has: (drained, bytes, next sequence). The first must be `sequence`."""
    drained, ring, ring_bytes = read_tail(survey.tail, survey.mark)
    try:
        start = PAGE + drained % ring_bytes
        whole = ring[start:] + ring[PAGE:start]
    finally:
        ring.close()
    used, after, fault = check_records(whole, sequence, survey.tail, drained)
    if fault is not None:
        raise JournalError(fault)
    return drained, whole[:used], after


def make(path):
    """Makes the files of an empty journal in a directory; its uuid. The first mark is written by who opens it."""
    seals = os.path.join(path, "seals")
    uuid, head = uuids.uuid4().bytes, b""
    if os.path.exists(seals):       # of a start that was killed: its tail, if it made one, is found by its uuid
        with open(seals, "rb") as file:
            head = file.read(SEAL_ROW)
    if len(head) == SEAL_ROW and head == seals_head(_SEALS.unpack_from(head)[4]):
        uuid = _SEALS.unpack_from(head)[4]
    else:
        with open(seals, "wb") as file:
            file.write(seals_head(uuid))
    with open(os.path.join(path, "control"), "wb") as file:
        file.write(bytes(2 * MARK_BYTES))
    return uuid


def is_new(path):
    """True for a directory with nothing of a journal in it but a lock, or the begin of one that was never marked.

    JournalError when something else lies there."""
    names = set(os.listdir(path)) - {"lock"}
    if not names:
        return True
    if "control" in names:
        with open(os.path.join(path, "control"), "rb") as file:
            marked = any(file.read(2 * MARK_BYTES))
        return not marked and not any(_NAME.match(name) for name in names)
    if names == {"seals"}:
        return True
    if any(_NAME.match(name) for name in names):
        raise JournalError(f"{path}: its file control is missing")
    raise JournalError(f"{path}: is no journal, and not empty (it holds {sorted(names)[0]}); name another path")


def is_tmpfs(directory):
    """True when a directory lies in memory: what is stored there outlives the process, and no disk is waited for."""
    try:
        with open("/proc/self/mountinfo") as file:
            mounts = [line.split() for line in file]
    except OSError:
        return False
    best, kind = "", ""
    real = os.path.realpath(directory)
    for fields in mounts:
        point = fields[4].encode().decode("unicode_escape")
        if (real == point or real.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, fields[fields.index("-") + 1]
    return kind in ("tmpfs", "ramfs")


def make_tail(directory, name, uuid, boot, ring_bytes, epoch):
    """Makes a tail file, its blocks allocated: (path, descriptor). JournalError when there is no room for it."""
    path = os.path.join(directory, name)
    body = struct.pack("<Q16s16sqq56x", layout_hash(), uuid, boot, ring_bytes, epoch)
    page = struct.pack("<8sII", b"GMTAIL01", VERSION, crc(body)) + body
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, PAGE + ring_bytes)
        os.pwrite(fd, page, 0)
    except OSError as error:
        os.close(fd)
        os.unlink(path)
        raise JournalError(
            f"{path}: no room for the journal's ring of {ring_bytes} bytes ({error.strerror}); lower journal.ring_bytes or give "
            "journal.tail another directory"
        ) from None
    return path, fd


_held = set()               # descriptors of locked files: a forked child closes them, or the locks would outlive the engine


def _let_go():
    for fd in _held:
        os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


def hold(fd):
    """Notes a descriptor with a lock (flock) that is this process's alone: a forked child closes it."""
    _held.add(fd)


def release(fd):
    """Closes a descriptor given to `hold`, and its lock with it. Of the process that gave it: a child may have the number for another."""
    _held.remove(fd)
    os.close(fd)


def lock(path):
    """Takes the journal's lock; its descriptor, held. JournalError when another engine has it."""
    name = os.path.join(path, "lock")
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        try:
            holder = os.pread(fd, 64, 0).decode("ascii", "replace").strip()
        finally:
            os.close(fd)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise JournalError(f"{path}: another engine has this journal open (process {holder or 'unknown'})") from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    hold(fd)
    return fd


def is_live(path):
    """True while an engine has the journal open."""
    try:
        fd = os.open(os.path.join(path, "lock"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(fd)


def verify(path):
    """Checks a journal from end to end: every file's identity, every record's place and checksum, every seal.

    Returns
    -------
    dict: records, bytes (of the stream), by_kind {kind: count}, sha256 (of the stream, hex), segments, seals, sealed (bytes that a
    seal covers), clean (stopped in order), from_tail (records that only the tail holds), notes

    Raises
    ------
    JournalError  naming the file, the record and what is wrong with it
    """
    path = os.fspath(path)
    if os.path.isfile(path):
        raise JournalError(f"{path}: is a file; a journal is a directory")
    if not os.path.isdir(path):
        raise JournalError(f"{path}: there is no such journal")
    live = is_live(path)
    drained = None
    if live:                    # what is written while we read is left out: look how far the log is before what there is
        mark = _read_marks(path, [])
        drained = read_tail(mark.tail, mark)[0]
    survey = Survey(path)
    stream = _Stream([seal for seal in survey.seals if not live or seal[0] <= drained], path)
    segments = [segment for segment in survey.segments if segment.position is not None and (not live or segment.position < drained)]
    if live and segments:
        segments[-1].size = max(segments[-1].size, drained - segments[-1].position)
    elif survey.tail is not None:
        drained = read_tail(survey.tail, survey.mark)[0]
    sequence, end = 1, 0
    for index, segment in enumerate(segments):
        if segment.sequence != sequence:
            raise JournalError(f"{segment.path}: begins with record {segment.sequence}, must begin with {sequence}")
        last = index + 1 == len(segments)
        stop = None
        if not last:
            stop = segment.size
        elif drained is not None:
            stop = drained - segment.position
            if stop > segment.size:
                raise JournalError(f"{segment.path}: cut: ends at byte {PAGE + segment.size}, the tail says that byte {PAGE + stop} was written")
            if stop < 0:
                break
        used, sequence, fault = walk_segment(segment, stop)
        if fault is not None:
            if survey.same_boot or survey.mark.clean or segment.position + used < survey.mark.forced:
                raise JournalError(fault)
            survey.notes.append(f"torn when the machine stopped: {fault}")
            stream.take_file(segment, used)
            end = segment.position + used
            break
        stream.take_file(segment, used)
        end = segment.position + used
    records = b""
    if live:
        survey.notes.append("an engine is writing to it: what is in its tail was left out")
    elif survey.tail is not None:
        if drained != end:
            raise JournalError(f"{path}: its segments end at byte {end} of the log, the tail says that {drained} were written")
        _, records, sequence = tail_records(survey, sequence)
        stream.take(records)
    elif survey.mark.clean and (end, sequence - 1) != (survey.mark.position, survey.mark.sequence):
        where = segments[-1].path if segments else path
        raise JournalError(f"{where}: ends at record {sequence - 1}, byte {end}; it was closed at record {survey.mark.sequence}, byte "
                           f"{survey.mark.position}")
    elif end < survey.mark.forced:
        raise JournalError(f"{path}: ends at byte {end} of the log, {survey.mark.forced} had been forced to the disk")
    stream.finish(survey)
    if survey.mark.clean and not live:
        _check_caches(path, survey.mark)
    return {
        "records": sequence - 1, "bytes": stream.position, "sha256": stream.digest.hexdigest(), "by_kind": stream.by_kind(),
        "segments": len(segments), "seals": stream.checked, "sealed": survey.seals[stream.checked - 1][0] if stream.checked else 0,
        "clean": bool(survey.mark.clean), "from_tail": int(kinds_of(records).sum()), "epoch": survey.mark.epoch,
        "state": STATES[survey.mark.state], "live": live, "notes": survey.notes,
    }


def _check_caches(path, mark):
    """The files that are made from the log, after a stop in order: each must be what it was when it was closed."""
    for name, magic in (("orders.index", b"GMINDEX1"), ("clients.index", b"GMCLIEN1")):
        full = os.path.join(path, name)
        if not os.path.exists(full):
            continue
        with open(full, "rb") as file:
            raw = bytearray(file.read())
        told = struct.unpack_from("<II", raw, INDEX_SEALED) if len(raw) >= PAGE else (0, 0)
        raw[INDEX_SEALED + 4:INDEX_SEALED + 8] = bytes(4)
        if raw[:8] != magic or told[0] != 1 or crc(raw) != told[1]:
            raise JournalError(f"{full}: is not what it was when the journal was closed; delete it, it is made again from the log")
    for name in sorted(os.listdir(path)):
        if name.startswith("snapshot-") and name[9:].isdigit():
            full = os.path.join(path, name)
            with open(full, "rb") as file:
                raw = file.read()
            whole = len(raw) >= 128 and raw[:12] == b"GMSNAP01" + struct.pack("<I", SNAPSHOT_VERSION) and not any(raw[80:128])
            if not whole or struct.unpack_from("<I", raw, 12)[0] != crc(raw[16:80] + raw[128:]):
                raise JournalError(f"{full}: does not match its checksum; delete it, the log has all that is in it")


def kinds_of(data):
    """How many whole records of each kind there are in a piece of the stream that begins with one: (16,) int64."""
    cdef const unsigned char[::1] view = data
    cdef int64_t at = 0, end = view.shape[0]
    cdef unsigned int kind, size
    counts = np.zeros(16, np.int64)
    cdef int64_t[::1] out = counts
    with nogil:
        while at + 32 <= end:
            kind = view[at + 12] | view[at + 13] << 8
            size = view[at + 14] | view[at + 15] << 8
            if size < 32 or kind > 15:
                break
            out[kind] += 1
            at += size
    return counts


class _Stream:
    """The stream of records as it is read: its SHA-256, held against the seals on the way."""

    def __init__(self, seals, path):
        import hashlib

        self.path = path
        self.seals = seals
        self.digest = hashlib.sha256()
        self.position = 0
        self.checked = 0
        self.counts = np.zeros(16, np.int64)

    def take(self, piece):
        self.counts += kinds_of(piece)
        at = 0
        while self.checked < len(self.seals) and self.seals[self.checked][0] <= self.position + len(piece) - at:
            upto = at + self.seals[self.checked][0] - self.position
            self.digest.update(piece[at:upto])
            self.position += upto - at
            at = upto
            if self.digest.digest() != self.seals[self.checked][2]:
                raise JournalError(f"{os.path.join(self.path, 'seals')}: seal {self.checked + 1} does not match the first {self.position} "
                                   "bytes of the log")
            self.checked += 1
        self.digest.update(piece[at:])
        self.position += len(piece) - at

    def take_file(self, segment, used):
        """Whole records come in pieces that end anywhere; kinds are counted over each whole segment's walk."""
        with open(segment.path, "rb") as file:
            file.seek(PAGE)
            held, left = b"", used
            while left > 0:
                piece = file.read(min(_CHUNK, left))
                if not piece:
                    break
                left -= len(piece)
                whole = held + piece
                cut = len(whole) if left == 0 else _whole(whole)
                self.take(whole[:cut])
                held = whole[cut:]

    def by_kind(self):
        return {kind: int(count) for kind, count in enumerate(self.counts) if count}

    def finish(self, survey):
        if self.checked == len(self.seals):
            return
        position = self.seals[self.checked][0]
        if survey.same_boot or survey.mark.clean or position <= survey.mark.forced:
            raise JournalError(f"{self.path}: cut: ends at byte {self.position} of the log, seal {self.checked + 1} covers {position}")
        survey.notes.append(f"{self.path}: seals of records that went with the machine")


cdef int64_t _whole(bytes data):
    """Bytes of whole records at the begin of `data`."""
    cdef const unsigned char[::1] view = data
    cdef int64_t at = 0, end = view.shape[0]
    cdef unsigned int size
    while at + 32 <= end:
        size = view[at + 14] | view[at + 15] << 8
        if size < 32 or at + size > end:
            break
        at += size
    return at
