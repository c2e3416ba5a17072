# The append-only log. Format and bodies in include/journal.h, the files in include/store.h and include/index.h.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from grandmodel.execution._core.records cimport gm_header_t, gm_name_t


cdef extern from "store.h" nogil:
    ctypedef struct gm_tail_t:
        int64_t epoch
        int64_t drained
    ctypedef struct gm_mark_t:
        char magic[8]
        uint32_t version
        uint64_t layout
        uint8_t uuid[16]
        uint8_t boot[16]
        int64_t counter
        char tail[256]
    ctypedef struct gm_segment_t:
        int64_t position
        int fd
    ctypedef struct gm_store_t:
        int directory
        int control
        int seals
        int fd
        int directory_changed
        gm_segment_t* segments
        int64_t segment_count
        int64_t segment_room
        int64_t numbered
        int64_t segment_bytes
        int64_t allocated
        int64_t allocate
        int64_t drained_sequence
        uint64_t layout
        uint8_t uuid[16]
        uint8_t boot[16]
        gm_mark_t mark
        int64_t sealed
        int64_t sealed_sequence
        int64_t seal_count
        int64_t last_seal
        uint32_t sha[8]

cdef extern from "index.h" nogil:
    ctypedef struct gm_index_head_t:
        int64_t position
        int64_t sequence
    ctypedef struct gm_index_entry_t:
        int64_t first
        int64_t last
        int64_t parent
        uint64_t check
    ctypedef struct gm_index_t:
        int32_t damaged
        gm_index_head_t* head
        gm_index_entry_t* entries
        int64_t capacity
    int gm_index_open(gm_index_t* x, int directory, uint64_t layout, const uint8_t* uuid, const uint8_t* boot, int fresh) noexcept
    uint64_t gm_index_check(const gm_index_entry_t* e) noexcept

cdef extern from "journal.h" nogil:
    enum: GM_JOURNAL_RESERVE
    enum: GM_JOURNAL_NOTICES
    enum gm_journal_state:
        GM_JOURNAL_HEALTHY, GM_JOURNAL_FULL, GM_JOURNAL_FAILED, GM_JOURNAL_DISTRUSTED, GM_JOURNAL_FENCED, GM_JOURNAL_LOST
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_lock(pthread_mutex_t*) noexcept
    int pthread_mutex_unlock(pthread_mutex_t*) noexcept
    ctypedef struct gm_journal_t:
        char* ring
        int64_t ring_bytes
        int64_t head
        int64_t sequence
        int64_t lost
        gm_tail_t* tail
        int64_t epoch
        int32_t state
        int32_t error
        int32_t durability
        int64_t interval_ns
        int64_t wanted
        int64_t forced
        gm_store_t store
        gm_index_t index
        pthread_mutex_t file
        int32_t started
        int process
        void (*hook)(void* context) noexcept nogil
        void* context
        int notices[16]

    int gm_journal_init(gm_journal_t* j, int64_t ring_bytes, int ring_fd, int populate) noexcept
    void gm_journal_free(gm_journal_t* j) noexcept
    int gm_journal_start(gm_journal_t* j) noexcept
    int gm_journal_drain(gm_journal_t* j) noexcept
    int gm_journal_force(gm_journal_t* j) noexcept
    int gm_journal_mark(gm_journal_t* j, int clean) noexcept
    int gm_journal_reindex(gm_journal_t* j, int afresh, int64_t* position) noexcept
    int gm_journal_prepare(gm_journal_t* j) noexcept
    int gm_journal_close(gm_journal_t* j) noexcept
    void gm_journal_want(gm_journal_t* j, int64_t position) noexcept
    int gm_journal_accepts(gm_journal_t* j) noexcept
    int gm_journal_append(gm_journal_t* j, uint16_t kind, uint16_t size, int64_t time_ns, int64_t order_id,
                          const void* payload) noexcept
    int64_t gm_journal_read(gm_journal_t* j, int64_t position, char* out, int64_t size) noexcept
    int64_t gm_record_verify(const char* at, int64_t available, int64_t sequence) noexcept

cdef extern from "sha256.h" nogil:
    void gm_sha256_setup() noexcept
    void gm_sha256_start(uint32_t* state) noexcept
    void gm_sha256_blocks(uint32_t* state, const void* data, size_t blocks) noexcept
    void gm_sha256_blocks_portable(uint32_t* state, const void* data, size_t blocks) noexcept
    void gm_sha256_digest(const uint32_t* state, uint64_t bytes, uint8_t* digest) noexcept

cdef extern from "crc32c.h" nogil:
    void gm_crc32c_setup() noexcept


cdef int name_row(gm_name_t* row, int kind, int number, str text, int64_t value, int64_t value2) except -1


cdef class Journal:
    cdef object __weakref__
    cdef gm_journal_t log
    cdef readonly object path           # None: temporary
    cdef readonly bint recovered        # it held records when it was opened
    cdef readonly bint slow_tail        # the ring is not in memory
    cdef readonly bint closed
    cdef readonly list notes            # what opening it found, and need not stop anybody
    cdef readonly str durability
    cdef int owner                      # process that made it: a forked child writes nothing
    cdef int lock

    cdef int _temporary(self, int64_t ring_bytes) except -1
    cdef int _named(self, str path, int64_t ring_bytes, str tail_directory) except -1
    cdef int _taken(self, int code) except -1
    cdef int _fail(self, int64_t code) except -1
    cdef int _mine(self) except -1
    cdef int _reindex(self, bint afresh) except -1
