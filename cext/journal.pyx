# cython: language_level=3, wraparound=True
"""The engine's log: append-only records with a checksum each, carried to files and forced as durability asks.

Layout of a record: a 32-byte header (records.HEADER_DTYPE), then the row. The first word is the commit word, magic
0x474d above the 48-bit sequence number; CRC-32C covers the bytes behind it and the sum, seeded with the sequence.
The files are described in include/store.h.
"""
import atexit
import hashlib
import os
import struct
import sys
import tempfile
import weakref

import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport errno as c_errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport malloc
from libc.string cimport memcpy, memset
from posix.unistd cimport getpid

from grandmodel.execution._core.clock cimport CLOCK_MONOTONIC, gm_machine_ns
from grandmodel.execution._core.records cimport (
    GM_ERR_CORRUPT, GM_ERR_STATE, GM_NAME_LENGTH, GM_RECORD_NAME, GM_RECORD_ORDER, GM_RECORD_REPORT, GM_RECORD_SMALL, gm_name_t,
    gm_order_t, gm_report_t,
)
from grandmodel.execution._core.framing import PAGE, crc32c
from grandmodel.execution._core.records import HEADER_DTYPE, ORDER_DTYPE, RECORD_DTYPES, REPORT_DTYPE
from grandmodel.execution._core.store import STATES, layout_hash, release, verify
from grandmodel.execution._core.values import EngineForked, JournalError

gm_crc32c_setup()
gm_sha256_setup()

__all__ = ["DURABILITIES", "Journal", "crc32c", "iterate", "layout_hash", "scan", "sha256", "verify"]
#: What `durability` may be: never forced to the disk; forced soon; forced before a venue hears of an order.
DURABILITIES = ("process", "group", "always")
_TROUBLE = {
    GM_JOURNAL_FULL: "its disk is full; orders are taken again when there is space",
    GM_JOURNAL_FAILED: "it could not be written; look after the disk and start the engine again",
    GM_JOURNAL_DISTRUSTED: "forcing it to the disk failed, so nobody knows what the disk holds; look after the disk, then use: "
                           "gmexec journal repair",
    GM_JOURNAL_FENCED: "another engine has taken it over",
    GM_JOURNAL_LOST: "its ring overflowed while the files took nothing; start the engine again",
}
_CHUNK = 1 << 20
_ALLOCATE = 1 << 22


def _close_all():
    """At the end of a program that did not close its engines: what is logged is written out, and no tail stays behind."""
    for journal in list(_open):
        if journal.owner_is_here():
            try:
                journal.close()
            except JournalError as error:
                print(f"journal not closed in order: {error}", file=sys.stderr)


_open = weakref.WeakSet()
atexit.register(_close_all)


def sha256(data, portable=False):
    """SHA-256 of a bytes-like object whose length is a multiple of 64, by the code that makes the seals."""
    cdef const unsigned char[::1] view = data
    cdef uint32_t state[8]
    cdef uint8_t digest[32]
    if view.shape[0] % 64:
        raise ValueError(f"data is {view.shape[0]} bytes long, must be a multiple of 64")
    gm_sha256_start(state)
    if view.shape[0]:
        if portable:
            gm_sha256_blocks_portable(state, &view[0], view.shape[0] // 64)
        else:
            gm_sha256_blocks(state, &view[0], view.shape[0] // 64)
    gm_sha256_digest(state, view.shape[0], digest)
    return digest[:32]


cdef int name_row(gm_name_t* row, int kind, int number, str text, int64_t value, int64_t value2) except -1:
    """Fills a NAME row."""
    cdef bytes raw = text.encode("utf-8")
    if len(raw) > GM_NAME_LENGTH:
        raise ValueError(f"text is {len(raw)} bytes long, must be at most {GM_NAME_LENGTH}")
    memset(row, 0, sizeof(gm_name_t))
    row.id = number
    row.kind = kind
    row.length = len(raw)
    memcpy(row.text, <const char*>raw, len(raw))
    row.value = value
    row.value2 = value2
    return 0


cdef class Journal:
    """One engine's log, by one writer. Opening it is recovery: what a killed engine left behind is taken in first.

    Parameters
    ----------
    path : directory of the journal, made when it is not there; None: a temporary one without a name
    ring_bytes : size of the ring ahead of the files, a power of two from 4 MiB to 1 GiB
    segment_bytes : of records in one file, at least 64 KiB
    durability : "process": never forced; "group": forced within `group_interval_ns`; "always": forced before a venue hears
    tail_directory : where the ring lies, by name; it should be in memory (tmpfs)

    Raises
    ------
    JournalError  another engine has it open, or what it holds is not what was written: it says which file and record
    """

    def __cinit__(self, path=None, *, int64_t ring_bytes=1 << 24, int64_t segment_bytes=1 << 26, str durability="process",
                  int64_t group_interval_ns=5_000_000, tail_directory="/dev/shm"):
        memset(&self.log, 0, sizeof(self.log))
        self.log.store.directory = self.log.store.control = self.log.store.seals = self.log.store.fd = -1
        self.lock = -1
        self.owner = os.getpid()
        self.notes = []
        if ring_bytes < 1 << 22 or ring_bytes > 1 << 30 or ring_bytes & (ring_bytes - 1):
            raise ValueError(f"ring_bytes is {ring_bytes}, must be a power of two from 4 MiB to 1 GiB")
        if segment_bytes < 1 << 16:
            raise ValueError(f"segment_bytes is {segment_bytes}, must be at least 65536")
        if durability not in DURABILITIES:
            raise ValueError(f"durability is {durability!r}, must be one of {', '.join(DURABILITIES)}")
        if group_interval_ns <= 0:
            raise ValueError(f"group_interval_ns is {group_interval_ns}, must be positive")
        self.durability = durability
        self.log.durability = DURABILITIES.index(durability)
        self.log.interval_ns = group_interval_ns
        self.log.store.segment_bytes = segment_bytes
        self.log.store.allocate = min(_ALLOCATE, segment_bytes) if self.log.durability else 0
        gm_sha256_start(self.log.store.sha)
        if path is None:
            self._temporary(ring_bytes)
            return
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self.closed = True              # until it is open there is nothing to close
        try:
            self._named(self.path, ring_bytes, os.fspath(tail_directory))
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be opened: {error.strerror or error}") from None

    cdef int _temporary(self, int64_t ring_bytes) except -1:
        """No directory: one file of records without a name, forced by nobody but who asks."""
        cdef gm_store_t* s = &self.log.store
        fd, name = tempfile.mkstemp(prefix="gm-journal-")
        os.unlink(name)
        s.segments = <gm_segment_t*>malloc(sizeof(gm_segment_t))
        if s.segments == NULL:
            os.close(fd)
            raise MemoryError("the journal's table of files could not be made")
        s.segments[0].position = 0
        s.segments[0].fd = -1
        s.fd = fd
        s.segment_count = s.segment_room = s.numbered = 1
        s.segment_bytes = <int64_t>1 << 62
        s.allocate = 0
        self.log.epoch = 1
        ring = os.memfd_create("gm-journal", os.MFD_CLOEXEC)
        try:
            os.ftruncate(ring, PAGE + ring_bytes)
            code = gm_journal_init(&self.log, ring_bytes, ring, 0)
        finally:
            os.close(ring)
        if code != 0:
            raise MemoryError("the journal's ring could not be mapped")
        self.log.tail.epoch = 1
        if gm_index_open(&self.log.index, -1, 0, s.uuid, s.boot, 1) != 0:
            raise MemoryError("the journal's index could not be mapped")
        return 0

    cdef int _named(self, str path, int64_t ring_bytes, str tail_directory) except -1:
        from grandmodel.execution._core import store as files

        cdef gm_store_t* s = &self.log.store
        cdef bytes raw
        cdef int64_t k
        if os.path.isfile(path):
            raise JournalError(f"{path}: is a file; a journal is a directory")
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
        self.lock = files.lock(path)
        boot = files.boot_id()
        survey, position, sequence, records = None, 0, 0, b""
        if files.is_new(path):
            uuid, epoch, counter, segments, old_tail, seals = files.make(path), 1, 0, [], None, []
        else:
            survey = files.Survey(path)
            if survey.mark.state == GM_JOURNAL_DISTRUSTED:
                raise JournalError(
                    f"{path}: forcing it to the disk failed ({os.strerror(survey.mark.error)}), so nobody knows what the disk holds; look "
                    f"after the disk, then: gmexec journal repair {path}"
                )
            if survey.tail is not None:     # whoever may still write to it finds himself fenced, before anything is read from it
                files.read_tail(survey.tail, survey.mark)
                self._fence(survey.tail, survey.mark.epoch + 1)
                survey = files.Survey(path)     # he may have written meanwhile
            position, sequence, records = files.open_end(survey)
            self.notes = survey.notes
            uuid, counter, segments, seals = survey.mark.uuid, survey.mark.counter, survey.segments, survey.seals
            epoch, old_tail = survey.mark.epoch + 1, survey.mark.tail
            end = position + len(records)
            if seals and seals[-1][0] > end:
                if survey.same_boot or seals[-1][0] <= survey.mark.forced:
                    raise JournalError(f"{path}: cut: ends at byte {end} of the log, its last seal covers {seals[-1][0]}")
                seals = [seal for seal in seals if seal[0] <= end]
                self.notes.append(f"{path}: seals of records that went with the machine are dropped")
            if records:
                segments.append(files.add_segment(path, survey.mark, len(segments) + 1, position, sequence + 1, epoch, boot, records))
                position, sequence = end, files.check_records(records, sequence + 1, path)[1] - 1
        s.layout = files.layout_hash()
        memcpy(s.uuid, <const char*>(<bytes>uuid), 16)
        memcpy(s.boot, <const char*>(<bytes>boot), 16)
        s.directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        s.control = os.open(os.path.join(path, "control"), os.O_RDWR | os.O_CLOEXEC)
        s.seals = os.open(os.path.join(path, "seals"), os.O_RDWR | os.O_CLOEXEC)
        os.ftruncate(s.seals, files.SEAL_ROW * (1 + len(seals)))
        s.segment_room = max(16, 2 * len(segments))
        s.segments = <gm_segment_t*>malloc(s.segment_room * sizeof(gm_segment_t))
        if s.segments == NULL:
            raise MemoryError("the journal's table of files could not be made")
        for k, segment in enumerate(segments):
            s.segments[k].position = segment.position
            s.segments[k].fd = -1
        s.segment_count = s.numbered = len(segments)
        s.drained_sequence = sequence
        s.seal_count = len(seals)
        if seals:
            s.sealed, s.sealed_sequence = seals[-1][0], seals[-1][1]
            s.last_seal = s.sealed
            raw = seals[-1][3]
            memcpy(s.sha, <const char*>raw, 32)
        self.recovered = sequence > 0
        # A copied directory has the same uuid: its tail must be another file than the original's.
        place = os.stat(path)
        family = f"gm-{bytes(uuid).hex()}-{place.st_dev:x}.{place.st_ino:x}-"
        name = f"{family}{epoch}.tail"
        self.slow_tail = not (os.path.isdir(tail_directory) and os.access(tail_directory, os.W_OK) and files.is_tmpfs(tail_directory))
        if not os.path.isdir(tail_directory):
            tail_directory = path
        leftover = os.path.join(tail_directory, name)       # of a start that was killed here
        if os.path.exists(leftover):
            os.unlink(leftover)
        tail, ring = files.make_tail(tail_directory, name, uuid, boot, ring_bytes, epoch)
        try:
            code = gm_journal_init(&self.log, ring_bytes, ring, 1)
        finally:
            os.close(ring)
        if code != 0:
            os.unlink(tail)
            raise MemoryError("the journal's ring could not be mapped")
        self.log.epoch = epoch
        self.log.head = self.log.tail.drained = position
        self.log.sequence = sequence
        self.log.tail.epoch = epoch
        memset(&s.mark, 0, sizeof(s.mark))
        memcpy(s.mark.magic, b"GMMARK01", 8)
        s.mark.version = files.VERSION
        s.mark.layout = s.layout
        memcpy(s.mark.uuid, s.uuid, 16)
        memcpy(s.mark.boot, s.boot, 16)
        s.mark.counter = counter
        raw = os.fsencode(tail)
        if len(raw) > 255:
            os.unlink(tail)
            raise JournalError(f"{tail}: the tail's path is {len(raw)} bytes long, must be at most 255")
        memcpy(s.mark.tail, <const char*>raw, len(raw))
        if survey is not None:
            # What an engine wrote and did not force still has to be; what outlived the machine is on the disk.
            self.log.forced = min(survey.mark.forced, position) if survey.same_boot else position
            self.log.wanted = self.log.forced
            s.directory_changed = 1         # its last segment's name may not be on the disk either
        if gm_index_open(&self.log.index, s.directory, s.layout, s.uuid, s.boot, 0) != 0:
            os.unlink(tail)
            raise JournalError(f"{path}: its index cannot be made: {os.strerror(c_errno)}")
        if self.log.index.damaged:
            self.notes.append(f"{path}: its indexes had changed since they were closed; they are made again")
        # From this mark on the new tail counts.
        if gm_journal_mark(&self.log, 0) != 0:
            os.unlink(tail)
            raise JournalError(f"{path}: cannot be written: {os.strerror(c_errno)}")
        os.fdatasync(s.control)
        if old_tail is not None and os.path.exists(old_tail):
            os.unlink(old_tail)
        for other in os.listdir(tail_directory):        # of starts and stops that were killed before they got to this
            if other.startswith(family) and other != name:
                os.unlink(os.path.join(tail_directory, other))
        self._reindex(False)
        if self.log.durability and gm_journal_prepare(&self.log) != 0:
            raise JournalError(f"{path}: cannot be written: {os.strerror(c_errno)}")
        gm_journal_start(&self.log)
        self.closed = False
        _open.add(self)
        return 0

    def owner_is_here(self):
        """False in a forked child: the journal is its parent's."""
        return getpid() == self.owner

    def _fence(self, old_tail, int64_t epoch):
        """Tells an engine that may still have the old tail mapped that the journal is another's now."""
        fd = os.open(old_tail, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.pwrite(fd, struct.pack("<q", epoch), 128)
        finally:
            os.close(fd)

    cdef int _reindex(self, bint afresh) except -1:
        """Takes the records that the indexes do not have yet; `afresh`: makes them again from the log."""
        cdef int64_t position
        cdef int code
        with nogil:
            code = gm_journal_reindex(&self.log, afresh, &position)
        if code == 0:
            return 0
        if code == GM_ERR_STATE:
            self._fail(code)
        where = f"{self.path or 'temporary journal'}: its index cannot be made: "
        if code == GM_ERR_CORRUPT:
            raise JournalError(f"{where}what stands at byte {position} of the log is not what was written there")
        raise JournalError(where + os.strerror(c_errno))

    def rebuild_index(self):
        """Makes the indexes again from the log, while others use them. JournalError when that failed: the old ones stay."""
        self._mine()
        self._reindex(True)

    def __dealloc__(self):
        if self.log.ring != NULL and getpid() == self.owner and not self.closed:
            gm_journal_close(&self.log)
        gm_journal_free(&self.log)
        if self.lock >= 0 and getpid() == self.owner:
            release(self.lock)

    cdef int _mine(self) except -1:
        if getpid() != self.owner:
            raise EngineForked("this journal belongs to the process that opened it")
        return 0

    cdef int _fail(self, int64_t code) except -1:
        cdef int error = c_errno
        if code == 0:
            return 0
        raise JournalError(f"{self.path or 'temporary journal'}: {self.trouble or f'cannot be written: {os.strerror(error)}'}")

    def close(self):
        """A stop in order: everything in the files, sealed, the tail removed. Twice is allowed.

        JournalError when the files do not take it: the tail then keeps what was acknowledged, for the next start."""
        if self.closed:
            return
        self._mine()
        self.closed = True
        with nogil:
            code = gm_journal_close(&self.log)
        if self.lock >= 0:
            release(self.lock)
            self.lock = -1
        self._fail(code)

    @property
    def head(self):
        """Bytes of records appended so far: the position behind the last."""
        return self.log.head

    @property
    def records(self):
        """Records appended so far."""
        return self.log.sequence

    @property
    def drained(self):
        """Bytes of the log that are in its files; the others are in the tail."""
        return self.log.tail.drained

    @property
    def forced(self):
        """Bytes of the log that are on the disk."""
        return self.log.forced

    @property
    def epoch(self):
        """How many engines have written to this journal, this one included."""
        return self.log.epoch

    @property
    def uuid(self):
        """16 bytes that name this journal."""
        return (<char*>self.log.store.uuid)[:16]

    @property
    def ring_bytes(self):
        return self.log.ring_bytes

    @property
    def lost(self):
        """Records that found no room at all."""
        return self.log.lost

    @property
    def state(self):
        """"healthy", or why no orders are taken: "full" passes when space comes back; "failed", "distrusted", "fenced" and
        "lost" do not."""
        return STATES[self.log.state]

    @property
    def accepting(self):
        """True when the log takes new orders."""
        return getpid() == self.owner and bool(gm_journal_accepts(&self.log))

    @property
    def error(self):
        """The system's word on the failure, or None."""
        return os.strerror(self.log.error) if self.log.error else None

    @property
    def trouble(self):
        """What is wrong and what is to be done about it, in a sentence; None when the journal is healthy."""
        return None if self.log.state == GM_JOURNAL_HEALTHY else f"{_TROUBLE[self.log.state]}{f' ({self.error})' if self.error else ''}"

    def name(self, int kind, int number, str text, int64_t value=0, int64_t value2=0, int64_t time_ns=0):
        """Appends a NAME record: `text` (of gm_name_kind `kind`) is called `number` from here on."""
        cdef gm_name_t row
        self._mine()
        name_row(&row, kind, number, text, value, value2)
        self._taken(gm_journal_append(&self.log, GM_RECORD_NAME, GM_RECORD_SMALL, time_ns, 0, &row))

    cdef int _taken(self, int code) except -1:
        if code != 0:
            raise JournalError(f"{self.path or 'temporary journal'}: {self.trouble}")
        return 0

    def append(self, int kind, row, int64_t time_ns, int64_t order_id):
        """Appends `row`, one element of the kind's row dtype. For tools and tests; the engine appends from C."""
        cdef const unsigned char[::1] raw
        self._mine()
        if kind not in RECORD_DTYPES:
            raise ValueError(f"kind is {kind}, must be one of {sorted(RECORD_DTYPES)}")
        expected = RECORD_DTYPES[kind]["row"]
        array = np.ascontiguousarray(row)
        if array.dtype != expected or array.size != 1:
            raise ValueError(f"row has dtype {array.dtype} and {array.size} elements, must be one of {expected}")
        raw = array.reshape(1).view(np.uint8)
        self._taken(gm_journal_append(&self.log, kind, RECORD_DTYPES[kind].itemsize, time_ns, order_id, &raw[0]))

    def append_many(self, int kind, rows, int64_t time_ns):
        """Appends every element of a contiguous array of the kind's row dtype, without the GIL; how many."""
        cdef const unsigned char[::1] raw
        cdef int64_t i, n, stride
        cdef int size
        self._mine()
        if kind not in RECORD_DTYPES or rows.dtype != RECORD_DTYPES[kind]["row"]:
            raise ValueError(f"rows have dtype {rows.dtype}, must be the row dtype of kind {kind}")
        n = rows.shape[0]
        if n == 0:
            return 0
        raw = np.ascontiguousarray(rows).view(np.uint8)
        size = RECORD_DTYPES[kind].itemsize
        stride = rows.dtype.itemsize
        with nogil:
            for i in range(n):
                gm_journal_append(&self.log, kind, size, time_ns, 0, &raw[i * stride])
        return n

    def append_timed(self, int kind, rows, int64_t time_ns):
        """As append_many, and what each took: (n,) int64 ns, the reading of the clock included. For measurements."""
        cdef const unsigned char[::1] raw
        cdef int64_t[::1] out
        cdef int64_t i, n = rows.shape[0], stride = rows.dtype.itemsize, before, after
        cdef int size
        if kind not in RECORD_DTYPES or rows.dtype != RECORD_DTYPES[kind]["row"]:
            raise ValueError(f"rows have dtype {rows.dtype}, must be the row dtype of kind {kind}")
        taken = np.zeros(n, np.int64)
        if n == 0:
            return taken
        raw = np.ascontiguousarray(rows).view(np.uint8)
        out = taken
        size = RECORD_DTYPES[kind].itemsize
        with nogil:
            before = gm_machine_ns(CLOCK_MONOTONIC)
            for i in range(n):
                gm_journal_append(&self.log, kind, size, time_ns, 0, &raw[i * stride])
                after = gm_machine_ns(CLOCK_MONOTONIC)
                out[i] = after - before
                before = after
        return taken

    def flush(self):
        """Carries what is in the ring to the files. JournalError when they do not take it."""
        self._mine()
        with nogil:
            code = gm_journal_drain(&self.log)
        self._fail(code)

    def force(self):
        """Has everything appended so far on the disk when it returns. JournalError when that failed."""
        self._mine()
        with nogil:
            code = gm_journal_drain(&self.log)
            if code == 0:
                code = gm_journal_force(&self.log)
        self._fail(code)

    def find(self, int64_t order_id):
        """Where an order's records stand: (position of the first, position of the latest), or None when there is none."""
        cdef gm_index_entry_t entry
        self.flush()
        pthread_mutex_lock(&self.log.file)
        if 0 < order_id < self.log.index.capacity:
            entry = self.log.index.entries[order_id]
        else:
            entry.first = entry.check = 0
        pthread_mutex_unlock(&self.log.file)
        if (entry.first or entry.check) and gm_index_check(&entry) != entry.check:
            self.notes.append(f"{self.path}: its index was wrong for order {order_id}; it was made again")
            self.rebuild_index()
            return self.find(order_id)
        return (entry.first - 1, entry.last - 1) if entry.first else None

    def add_notice(self, int fd):
        """Has an event descriptor rung after each force, and when the state changes."""
        for index in range(GM_JOURNAL_NOTICES):
            if self.log.notices[index] < 0:
                self.log.notices[index] = fd
                return
        raise JournalError(f"more than {GM_JOURNAL_NOTICES} event loops wait for the disk")

    def remove_notice(self, int fd):
        for index in range(GM_JOURNAL_NOTICES):
            if self.log.notices[index] == fd:
                self.log.notices[index] = -1

    def read(self, int64_t position=0, int64_t size=_CHUNK):
        """Up to `size` bytes of the record stream from `position` on."""
        cdef int64_t got, want = min(size, self.log.head - position)
        cdef bytes out
        cdef char* at
        self._mine()        # its lock may have been held by the writer at the fork
        if position < 0:
            raise ValueError(f"position is {position}, must not be negative")
        if want <= 0:
            return b""
        out = PyBytes_FromStringAndSize(NULL, want)     # filled in place: the log may be long
        at = PyBytes_AS_STRING(out)
        with nogil:
            got = gm_journal_read(&self.log, position, at, want)
        if got < 0:
            raise JournalError(f"{self.path or 'temporary journal'}: cannot be read: {os.strerror(c_errno)}")
        return out if got == want else out[:got]

    def sha256(self):
        """SHA-256 over the records up to the tail, without the file's header page."""
        digest = hashlib.sha256()
        position = 0
        while position < self.log.head:
            piece = self.read(position)
            if not piece:
                break
            digest.update(piece)
            position += len(piece)
        return digest.hexdigest()

    def scan(self, int64_t position=0):
        """Iterates over the records from `position` on: (position, kind, structured scalar of the whole record)."""
        return scan(self.read, position)

    def family(self, int64_t order_id, int64_t position, last=None):
        """What stands of an order and its children between two positions: their ORDER rows and their REPORT rows, oldest first: two structured
        arrays (copies), from one pass."""
        cdef const unsigned char[::1] view
        cdef int64_t offset, end, subject, parent
        cdef uint16_t size, found
        orders, reports, ids = bytearray(), bytearray(), {order_id}
        stop = self.log.head if last is None else min(last + 256, self.log.head)
        while position < stop:
            piece = self.read(position, min(_CHUNK, stop - position))
            view = piece
            offset, end = 0, len(piece)
            while offset + 32 <= end:
                memcpy(&found, &view[offset + 12], 2)
                memcpy(&size, &view[offset + 14], 2)
                if size < 32 or offset + size > end:
                    break
                if found == GM_RECORD_REPORT or found == GM_RECORD_ORDER:
                    memcpy(&subject, &view[offset + 32], 8)
                    if found == GM_RECORD_REPORT:
                        if subject in ids:
                            reports += piece[offset + 32:offset + 32 + sizeof(gm_report_t)]
                    else:
                        memcpy(&parent, &view[offset + 40], 8)
                        if parent == order_id or subject == order_id:
                            ids.add(subject)
                            orders += piece[offset + 32:offset + 32 + sizeof(gm_order_t)]
                offset += size
            if offset == 0:
                break
            position += offset
        return np.frombuffer(orders, ORDER_DTYPE), np.frombuffer(reports, REPORT_DTYPE)

    def rows(self, int kind, int64_t position=0, last=None):
        """The rows of one kind, in order, as a structured array (a copy), from the record at `position` to the one at `last` (None: all)."""
        cdef const unsigned char[::1] view
        cdef int64_t offset, end
        cdef uint16_t size, found
        if kind not in RECORD_DTYPES:
            raise ValueError(f"kind is {kind}, must be one of {sorted(RECORD_DTYPES)}")
        dtype = RECORD_DTYPES[kind]["row"]
        out = bytearray()
        stop = self.log.head if last is None else min(last + 256, self.log.head)
        while position < stop:
            piece = self.read(position, min(_CHUNK, stop - position))
            view = piece
            offset, end = 0, len(piece)
            while offset + 32 <= end:
                memcpy(&found, &view[offset + 12], 2)
                memcpy(&size, &view[offset + 14], 2)
                if size < 32 or offset + size > end:
                    break
                if found == kind:
                    out += piece[offset + 32:offset + 32 + dtype.itemsize]
                offset += size
            if offset == 0:
                break
            position += offset
        return np.frombuffer(bytes(out), dtype)


def iterate(data):
    """Iterates over the whole records in a piece of the stream: (offset, kind, structured scalar)."""
    offset, end = 0, len(data)
    while offset + HEADER_DTYPE.itemsize <= end:
        _, _, kind, size = struct.unpack_from("<QIHH", data, offset)
        if kind not in RECORD_DTYPES or size != RECORD_DTYPES[kind].itemsize or offset + size > end:
            return
        yield offset, kind, np.frombuffer(data, RECORD_DTYPES[kind], 1, offset)[0]
        offset += size


def scan(read, position=0):
    """Iterates over the records of a stream, of which `read(position)` gives a piece: (position, kind, structured scalar)."""
    while True:
        used = 0
        for offset, kind, record in iterate(read(position)):
            yield position + offset, kind, record
            used = offset + record.dtype.itemsize
        if used == 0:
            return
        position += used
