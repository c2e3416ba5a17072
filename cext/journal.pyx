# cython: language_level=3
"""The engine's log: append-only records with a checksum each, written behind to a file.

Layout of a record: a 32-byte header (records.HEADER_DTYPE), then the row. The first word is the commit word, magic
0x474d above the 48-bit sequence number; CRC-32C covers the bytes behind it and the sum, seeded with the sequence.
"""
import hashlib
import os
import struct
import tempfile

import numpy as np

from libc.stdint cimport int64_t, uint16_t
from libc.string cimport memcpy, memset
from posix.unistd cimport getpid

from grandmodel.execution._core.records cimport (
    GM_NAME_LENGTH, GM_RECORD_KIND_END, GM_RECORD_LARGE, GM_RECORD_NAME, GM_RECORD_SMALL, gm_name_t,
)
from grandmodel.execution._core.records import HEADER_DTYPE, RECORD_DTYPES
from grandmodel.execution._core.values import JournalError

gm_crc32c_setup()

MAGIC = b"GMJOURN1"
VERSION = 1
PAGE = GM_JOURNAL_PAGE
_CHUNK = 1 << 20


def layout_hash():
    """A number that changes when any record's layout does: from the dtypes' own description."""
    text = repr([(kind, RECORD_DTYPES[kind]["row"].descr, RECORD_DTYPES[kind].itemsize) for kind in sorted(RECORD_DTYPES)])
    text += repr(HEADER_DTYPE.descr)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def crc32c(data, portable=False):
    """CRC-32C of a bytes-like object; `portable` forces the table."""
    cdef const unsigned char[::1] view = data
    cdef size_t size = view.shape[0]
    if size == 0:
        return 0
    if portable:
        return gm_crc32c_portable(0, &view[0], size)
    return gm_crc32c(0, &view[0], size)


def _header():
    page = bytearray(PAGE)
    page[:24] = struct.pack("<8sIIQ", MAGIC, VERSION, PAGE, layout_hash())
    return bytes(page)


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
    """One engine's log, by one writer.

    Parameters
    ----------
    path : file to write, which must not exist yet; None: a temporary file without a name
    ring_bytes : size of the ring ahead of the file, a power of two from 4 MiB to 1 GiB
    """

    def __cinit__(self, path=None, *, int64_t ring_bytes=1 << 24):
        self.log.fd = -1
        self.owner = os.getpid()
        if ring_bytes < 1 << 22 or ring_bytes > 1 << 30 or ring_bytes & (ring_bytes - 1):
            raise ValueError(f"ring_bytes is {ring_bytes}, must be a power of two from 4 MiB to 1 GiB")
        if path is None:
            fd, name = tempfile.mkstemp(prefix="gm-journal-")
            os.unlink(name)
        else:
            path = os.fspath(path)
            try:
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                raise JournalError(f"{path}: a journal is there already; name another path") from None
            except OSError as error:
                raise JournalError(f"{path}: cannot be created: {error.strerror}") from None
        self.path = path
        if gm_journal_init(&self.log, fd, ring_bytes) != 0:
            os.close(fd)
            if path is not None:
                os.unlink(path)         # nothing half made is left in the way of the next try
            raise MemoryError("the journal's ring could not be mapped")
        try:
            if os.pwrite(fd, _header(), 0) != PAGE:
                raise OSError(28, os.strerror(28))
        except OSError as error:
            if path is not None:
                os.unlink(path)
            raise JournalError(f"{path or 'temporary journal'}: cannot be written: {error.strerror}") from None

    def __dealloc__(self):
        if self.log.ring != NULL and getpid() == self.owner:
            gm_journal_drain(&self.log)
        gm_journal_free(&self.log)

    @property
    def head(self):
        """Bytes of records appended so far: the position behind the last."""
        return self.log.head

    @property
    def records(self):
        """Records appended so far."""
        return self.log.sequence

    @property
    def error(self):
        """Why the log takes no more orders, or None."""
        return os.strerror(self.log.error) if self.log.error else None

    def name(self, int kind, int number, str text, int64_t value=0, int64_t value2=0, int64_t time_ns=0):
        """Appends a NAME record: `text` (of gm_name_kind `kind`) is called `number` from here on."""
        cdef gm_name_t row
        name_row(&row, kind, number, text, value, value2)
        gm_journal_append(&self.log, GM_RECORD_NAME, GM_RECORD_SMALL, time_ns, 0, &row)

    def append(self, int kind, row, int64_t time_ns, int64_t order_id):
        """Appends `row`, one element of the kind's row dtype. For tools and tests; the engine appends from C."""
        cdef const unsigned char[::1] raw
        if kind not in RECORD_DTYPES:
            raise ValueError(f"kind is {kind}, must be one of {sorted(RECORD_DTYPES)}")
        expected = RECORD_DTYPES[kind]["row"]
        array = np.ascontiguousarray(row)
        if array.dtype != expected or array.size != 1:
            raise ValueError(f"row has dtype {array.dtype} and {array.size} elements, must be one of {expected}")
        raw = array.reshape(1).view(np.uint8)
        gm_journal_append(&self.log, kind, RECORD_DTYPES[kind].itemsize, time_ns, order_id, &raw[0])

    def append_many(self, int kind, rows, int64_t time_ns):
        """Appends every element of a contiguous array of the kind's row dtype, without the GIL; how many."""
        cdef const unsigned char[::1] raw
        cdef int64_t i, n, stride
        cdef int size
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

    def flush(self):
        """Writes what is in the ring to the file. JournalError when the file does not take it."""
        if gm_journal_drain(&self.log) != 0:
            raise JournalError(f"{self.path or 'temporary journal'}: cannot be written: {os.strerror(self.log.error)}")

    def read(self, int64_t position=0, int64_t size=_CHUNK):
        """Up to `size` bytes of the record stream from `position` on."""
        out = bytearray(max(0, min(size, self.log.head - position)))
        cdef unsigned char[::1] view = out
        cdef int64_t got
        if position < 0:
            raise ValueError(f"position is {position}, must not be negative")
        if not out:
            return b""
        got = gm_journal_read(&self.log, position, <char*>&view[0], len(out))
        if got < 0:
            raise JournalError(f"{self.path or 'temporary journal'}: cannot be read")
        return bytes(out[:got])

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
        while position < self.log.head:
            piece = self.read(position)
            used = 0
            for offset, kind, record in iterate(piece):
                yield position + offset, kind, record
                used = offset + record.dtype.itemsize
            if used == 0:
                return
            position += used

    def rows(self, int kind):
        """All rows of one kind, in order, as a structured array (a copy)."""
        cdef const unsigned char[::1] view
        cdef int64_t offset, end
        cdef uint16_t size, found
        if kind not in RECORD_DTYPES:
            raise ValueError(f"kind is {kind}, must be one of {sorted(RECORD_DTYPES)}")
        dtype = RECORD_DTYPES[kind]["row"]
        out = bytearray()
        position = 0
        while position < self.log.head:
            piece = self.read(position)
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


def _read_file(path):
    with open(path, "rb") as file:
        return file.read()


def verify(path):
    """Checks a journal file from end to end.

    Returns
    -------
    dict with records, bytes, by_kind ({kind: count}), sha256 of the record stream

    Raises
    ------
    JournalError  naming the file, the record and what is wrong with it
    """
    cdef const unsigned char[::1] view
    cdef int64_t offset = 0, size, end, sequence = 0
    whole = _read_file(path)
    if len(whole) < PAGE or whole[:8] != MAGIC:
        raise JournalError(f"{path}: not a journal")
    _, version, page, layout = struct.unpack_from("<8sIIQ", whole)
    if version != VERSION or page != PAGE:
        raise JournalError(f"{path}: format version {version}, this software reads {VERSION}")
    if layout != layout_hash():
        raise JournalError(f"{path}: its records have another layout than this software's")
    if whole[:PAGE] != _header():
        raise JournalError(f"{path}: its header page is damaged")
    data = whole[PAGE:]
    view = data
    end = len(data)
    by_kind = [0] * GM_RECORD_KIND_END
    while offset < end:
        size = gm_record_verify(<const char*>&view[offset], end - offset, sequence + 1)
        if size == 0:
            if any(data[offset + GM_RECORD_LARGE:]):
                raise JournalError(f"{path}: record {sequence + 1} at byte {PAGE + offset} was never committed, but others follow it")
            break
        if size < 0:
            what = "is cut short" if size == -5 else "does not match its checksum or its place"
            raise JournalError(f"{path}: record {sequence + 1} at byte {PAGE + offset} {what}")
        by_kind[struct.unpack_from("<H", data, offset + 12)[0]] += 1
        offset += size
        sequence += 1
    return {
        "records": sequence, "bytes": offset, "sha256": hashlib.sha256(data[:offset]).hexdigest(),
        "by_kind": {kind: count for kind, count in enumerate(by_kind) if count},
    }
