# cython: language_level=3, wraparound=True
"""Records in a piece of the log's stream: checked, counted, cut where they end (include/journal.h has their form)."""
import numpy as np

from libc.stdint cimport int64_t, uint32_t

cdef extern from "crc32c.h" nogil:
    void gm_crc32c_setup() noexcept
    uint32_t gm_crc32c(uint32_t crc, const void* data, size_t size) noexcept
    uint32_t gm_crc32c_portable(uint32_t crc, const void* data, size_t size) noexcept

cdef extern from "records.h" nogil:
    enum: GM_ERR_EMPTY

cdef extern from "journal.h" nogil:
    int64_t gm_record_verify(const char* at, int64_t available, int64_t sequence) noexcept

cdef extern from "store.h" nogil:
    enum: GM_JOURNAL_PAGE
    enum: GM_JOURNAL_VERSION
    enum: GM_MARK_BYTES

gm_crc32c_setup()

PAGE = GM_JOURNAL_PAGE
VERSION = GM_JOURNAL_VERSION
MARK_BYTES = GM_MARK_BYTES


def crc32c(data, uint32_t seed=0, *, bint portable=False):
    """CRC-32C of a bytes-like object, going on from `seed`; `portable` forces the table."""
    cdef const unsigned char[::1] view = data
    if view.shape[0] == 0:
        return seed
    return (gm_crc32c_portable if portable else gm_crc32c)(seed, &view[0], view.shape[0])


def check_records(data, int64_t sequence, what, int64_t base=0):
    """Walks whole records in `data`, the first of which must have `sequence`.

    Returns
    -------
    (bytes of whole records, next sequence, None or what is wrong with the record after them). A zero commit word ends the walk
    without a fault.
    """
    cdef const unsigned char[::1] view = data
    cdef int64_t at = 0, size = 0, end = view.shape[0], number = sequence
    with nogil:
        while at < end:
            size = gm_record_verify(<const char*>&view[at], end - at, number)
            if size <= 0:
                break
            at += size
            number += 1
    if at >= end or size == 0:
        return at, number, None
    fault = "is cut short" if size == GM_ERR_EMPTY else "does not match its checksum or its place"
    return at, number, f"{what}: record {number} at byte {base + at} {fault}"


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


def whole_records(data):
    """Bytes of whole records at the begin of `data`."""
    cdef const unsigned char[::1] view = data
    cdef int64_t at = 0, end = view.shape[0]
    cdef unsigned int size
    with nogil:
        while at + 32 <= end:
            size = view[at + 14] | view[at + 15] << 8
            if size < 32 or at + size > end:
                break
            at += size
    return at
