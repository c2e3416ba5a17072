/* The append-only log. Records go into a ring that is mapped twice in a row, so that each is contiguous; from there they
 * are written behind to the file by a thread of the journal's own. A record is committed by the release store of its first word, nothing before.
 *
 * File: one page of header (journal.pyx), then the records. The stream of records holds nothing of the machine
 * (no wall clock under a simulated clock, no pid, no path), so equal inputs give equal streams. */
#ifndef GM_JOURNAL_H
#define GM_JOURNAL_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "records.h"
#include "crc32c.h"

#define GM_JOURNAL_PAGE 4096
#define GM_JOURNAL_RESERVE ((int64_t)1 << 20)   /* of the ring, for cancels and reports when orders are refused */

typedef struct gm_journal {
    char* ring;
    int64_t ring_bytes;         /* a power of two, at least 4 MiB */
    int64_t head;               /* bytes appended; written by the owner of the core alone */
    int64_t noticed;            /* head when the writer was last woken */
    int64_t sequence;           /* of the last record; the first is 1 */
    int64_t lost;               /* records that found no room: the engine must stop */
    int64_t drained;            /* bytes in the file; changes under `file` */
    int fd;
    int error;                  /* errno of the first failed write; 0: healthy */
    pthread_mutex_t file;       /* held by whoever writes to the file */
    pthread_mutex_t sleep;
    pthread_cond_t woken;
    pthread_t writer;
    int started, stop;
    pid_t process;              /* a forked child has no writer to join */
} gm_journal_t;

/* Bodies in kernels/journal.c. */
int gm_journal_init(gm_journal_t* j, int fd, int64_t ring_bytes);
void gm_journal_free(gm_journal_t* j);
int gm_journal_drain(gm_journal_t* j);  /* writes what the ring holds: GM_OK, or GM_ERR_IO with the errno kept */
void gm_journal_wake(gm_journal_t* j);  /* tells the writer that a piece is ready; starts it the first time */

static inline int64_t gm_journal_waiting(const gm_journal_t* j) {
    return j->head - __atomic_load_n(&j->drained, __ATOMIC_ACQUIRE);
}

/* Is there room for a new order and all that may follow from it at once? */
static inline int gm_journal_accepts(gm_journal_t* j) {
    if (__builtin_expect(gm_journal_waiting(j) < j->ring_bytes - GM_JOURNAL_RESERVE, 1))
        return __atomic_load_n(&j->error, __ATOMIC_RELAXED) == 0;
    return gm_journal_drain(j) == GM_OK;
}

static inline uint64_t gm_commit_word(int64_t sequence) {
    return (GM_RECORD_MAGIC << 48) | ((uint64_t)sequence & 0xffffffffffffULL);
}

/* The sum of a record: from `kind` to the end, seeded with its sequence, so that a copy elsewhere does not pass. */
static inline uint32_t gm_record_sum(const gm_header_t* h, int64_t sequence) {
    return gm_crc32c((uint32_t)sequence * 0x9e3779b9u, (const char*)h + offsetof(gm_header_t, kind),
                     (size_t)h->size - offsetof(gm_header_t, kind));
}

/* Appends a record; its payload is size - 32 bytes. */
static inline void gm_journal_append(gm_journal_t* j, uint16_t kind, uint16_t size, int64_t time_ns, int64_t order_id,
                                     const void* payload) {
    gm_header_t* h = (gm_header_t*)(j->ring + (j->head & (j->ring_bytes - 1)));
    if (__builtin_expect(gm_journal_waiting(j) + size > j->ring_bytes, 0)
        && gm_journal_drain(j) != GM_OK && gm_journal_waiting(j) + size > j->ring_bytes) {
        j->lost++;
        return;
    }
    memcpy((char*)h + sizeof *h, payload, (size_t)size - sizeof *h);
    h->kind = kind;
    h->size = size;
    h->time_ns = time_ns;
    h->order_id = order_id;
    j->sequence++;
    h->crc32c = gm_record_sum(h, j->sequence);
    __atomic_store_n(&h->commit, gm_commit_word(j->sequence), __ATOMIC_RELEASE);
    __atomic_store_n(&j->head, j->head + size, __ATOMIC_RELEASE);      /* a reader in another thread sees whole records */
    /* The writer looks by itself twenty times a second; waking it costs the waker a system call, so only as the ring fills. */
    if (__builtin_expect(j->head - j->noticed >= j->ring_bytes / 8, 0)) gm_journal_wake(j);
}

/* Checks the record at `at`, of which `available` bytes can be read, as number `sequence`. Its size; 0: not committed;
 * a negative code: GM_ERR_CORRUPT (magic, sequence, size or sum wrong), GM_ERR_EMPTY (cut short). */
static inline int64_t gm_record_verify(const char* at, int64_t available, int64_t sequence) {
    gm_header_t h;
    if (available < (int64_t)sizeof h) return GM_ERR_EMPTY;
    memcpy(&h, at, sizeof h);
    if (h.commit == 0) return 0;
    if (h.commit != gm_commit_word(sequence)) return GM_ERR_CORRUPT;
    if (h.kind == 0 || h.kind >= GM_RECORD_KIND_END) return GM_ERR_CORRUPT;
    if (h.size != (h.kind == GM_RECORD_ORDER ? GM_RECORD_LARGE : GM_RECORD_SMALL)) return GM_ERR_CORRUPT;
    if (available < h.size) return GM_ERR_EMPTY;
    if (gm_crc32c((uint32_t)sequence * 0x9e3779b9u, at + offsetof(gm_header_t, kind),
                  h.size - offsetof(gm_header_t, kind)) != h.crc32c) return GM_ERR_CORRUPT;
    return h.size;
}

/* Copies up to `size` bytes of the stream from `position` on; bytes copied, or GM_ERR_IO. */
static inline int64_t gm_journal_read(const gm_journal_t* j, int64_t position, char* out, int64_t size) {
    int64_t done = 0, drained, head = __atomic_load_n(&j->head, __ATOMIC_ACQUIRE);
    if (position >= head) return 0;
    if (size > head - position) size = head - position;
    if (position >= head - j->ring_bytes) {
        memcpy(out, j->ring + (position & (j->ring_bytes - 1)), (size_t)size);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        /* a writer may have begun to use these bytes again meanwhile: then they are in the file */
        if (position >= j->drained || position >= __atomic_load_n(&j->head, __ATOMIC_RELAXED) + GM_RECORD_LARGE - j->ring_bytes)
            return size;
    }
    drained = __atomic_load_n(&j->drained, __ATOMIC_ACQUIRE);
    while (done < size && position + done < drained) {
        int64_t want = size - done < drained - position - done ? size - done : drained - position - done;
        ssize_t got = pread(j->fd, out + done, (size_t)want, (off_t)(GM_JOURNAL_PAGE + position + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return GM_ERR_IO;
        done += got;
    }
    return done;
}

#endif
