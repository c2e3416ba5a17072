# The append-only log. Format and bodies in include/journal.h.
from libc.stdint cimport int64_t, uint16_t, uint32_t

from grandmodel.execution._core.records cimport gm_name_t


cdef extern from "journal.h" nogil:
    enum: GM_JOURNAL_PAGE
    ctypedef struct gm_journal_t:
        char* ring
        int64_t ring_bytes
        int64_t head
        int64_t drained
        int64_t sequence
        int64_t lost
        int fd
        int error

    int gm_journal_init(gm_journal_t* j, int fd, int64_t ring_bytes) noexcept
    void gm_journal_free(gm_journal_t* j) noexcept
    int gm_journal_drain(gm_journal_t* j) noexcept
    void gm_journal_append(gm_journal_t* j, uint16_t kind, uint16_t size, int64_t time_ns, int64_t order_id,
                           const void* payload) noexcept
    int64_t gm_journal_read(const gm_journal_t* j, int64_t position, char* out, int64_t size) noexcept
    int64_t gm_record_verify(const char* at, int64_t available, int64_t sequence) noexcept

cdef extern from "crc32c.h" nogil:
    void gm_crc32c_setup() noexcept
    uint32_t gm_crc32c(uint32_t crc, const void* data, size_t size) noexcept
    uint32_t gm_crc32c_portable(uint32_t crc, const void* data, size_t size) noexcept


cdef int name_row(gm_name_t* row, int kind, int number, str text, int64_t value, int64_t value2) except -1


cdef class Journal:
    cdef gm_journal_t log
    cdef readonly object path           # None: temporary
    cdef int owner                      # process that made it: a forked child writes nothing
