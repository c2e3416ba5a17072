/* The append-only log. Records go into a ring that is mapped twice in a row, so that each is contiguous; from there a
 * thread of the journal's own carries them to segment files and, as durability asks, forces them to the disk.
 *
 * The ring is a file on tmpfs: it outlives the process (kill -9), not the machine. A record is committed by the release
 * store of its first word; the word behind it was zeroed before, so that a reader finds the end. The stream of records holds
 * nothing of the machine (no wall clock under a simulated clock, no pid, no path): equal inputs give equal streams.
 * Segments, marks, seals, indexes and their layout: store.h, index.h. */
#ifndef GM_JOURNAL_H
#define GM_JOURNAL_H

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/types.h>
#include "records.h"
#include "crc32c.h"
#include "index.h"
#include "store.h"

#define GM_JOURNAL_RESERVE ((int64_t)1 << 20)   /* of the ring, for cancels and reports when nothing else is taken */
#define GM_JOURNAL_NOTICES 16

enum gm_durability { GM_PROCESS = 0, GM_GROUP = 1, GM_ALWAYS = 2 };

/* Why orders are not taken. Only FULL passes by itself, when the disk takes what waits again. */
enum gm_journal_state {
    GM_JOURNAL_HEALTHY = 0,
    GM_JOURNAL_FULL,            /* no space, or quota: the writer goes on trying */
    GM_JOURNAL_FAILED,          /* a write failed otherwise */
    GM_JOURNAL_DISTRUSTED,      /* a force to the disk failed: nobody knows what the file holds on the disk */
    GM_JOURNAL_FENCED,          /* another engine has taken the journal over */
    GM_JOURNAL_LOST             /* a record found no room at all */
};

typedef struct gm_journal {
    char* ring;
    int64_t ring_bytes;         /* a power of two, at least 4 MiB */
    int64_t head;               /* bytes appended; written by the owner of the core alone */
    int64_t noticed;            /* head when the writer was last woken */
    int64_t touched;            /* so much of the ring has its pages; moved by the writer alone */
    int64_t sequence;           /* of the last record; the first is 1 */
    int64_t lost;               /* records that found no room: the engine has stopped */
    gm_tail_t* tail;            /* the first page of the ring's file: drained, epoch */
    int64_t epoch;              /* ours; another one in the tail: fenced */
    int32_t state;              /* gm_journal_state */
    int32_t error;              /* errno of the failure */

    int32_t durability;         /* gm_durability */
    int64_t interval_ns;        /* longest time until a record is forced */
    int64_t wanted;             /* somebody waits until this much is forced */
    int64_t forced;             /* bytes that are on the disk */
    int64_t forced_at_ns;       /* CLOCK_MONOTONIC of the last force */

    gm_store_t store;           /* the files; changes under `file` */
    gm_index_t index;
    pthread_mutex_t file;       /* held by whoever writes to the files; not while forcing, but a segment that falls far behind */
    pthread_mutex_t forcing;    /* held by whoever forces; taken before `file` */
    pthread_t writer;
    int32_t started, stop;
    int32_t bell, sleeping;     /* futex of the writer */
    pid_t process;              /* a forked child has no writer to join */
    void (*hook)(void* context);    /* after a force, or a change of state; called by the writer with no lock held */
    void (*forget)(void* context);  /* the journal needs `context` no more */
    void* context;
    int notices[GM_JOURNAL_NOTICES];    /* event descriptors rung after the hook; -1: none */
} gm_journal_t;

/* Bodies in kernels/journal.c. The store is open and the tail mapped before. */
int gm_journal_init(gm_journal_t* j, int64_t ring_bytes, int ring_fd, int populate);
void gm_journal_free(gm_journal_t* j);      /* without a last word: what waits stays in the tail */
int gm_journal_start(gm_journal_t* j);      /* the writer thread */
void gm_journal_stop(gm_journal_t* j);      /* joins it */
int gm_journal_drain(gm_journal_t* j);      /* writes what the ring holds: GM_OK, or GM_ERR_IO with the errno kept */
int gm_journal_force(gm_journal_t* j);      /* what was drained is on the disk, and marked: GM_OK or GM_ERR_IO with errno */
int gm_journal_seal(gm_journal_t* j, int64_t limit);    /* takes about `limit` drained bytes into the seal */
int gm_journal_seal_now(gm_journal_t* j);   /* a seal up to what is drained */
int gm_journal_mark(gm_journal_t* j, int clean);
int gm_journal_close(gm_journal_t* j);
int gm_journal_reindex(gm_journal_t* j, int afresh, int64_t* position);     /* GM_ERR_CORRUPT: no whole record at *position */
int gm_journal_prepare(gm_journal_t* j);    /* a segment with its zeros on the disk, before anybody waits for one */
void gm_journal_ring(gm_journal_t* j);      /* wakes the writer, whatever it waits for */
void gm_journal_wake(gm_journal_t* j);      /* as the ring fills; starts the writer the first time */
int gm_journal_reconsider(gm_journal_t* j);
int64_t gm_journal_read(gm_journal_t* j, int64_t position, char* out, int64_t size);    /* bytes copied, or GM_ERR_IO with errno */

static inline int64_t gm_journal_waiting(const gm_journal_t* j) {
    return j->head - __atomic_load_n(&j->tail->drained, __ATOMIC_ACQUIRE);
}

/* Has another engine taken the journal over? */
static inline int gm_journal_fenced(const gm_journal_t* j) { return __atomic_load_n(&j->tail->epoch, __ATOMIC_ACQUIRE) != j->epoch; }

/* Is there room for one more without touching the reserve? */
static inline int gm_journal_has_room(const gm_journal_t* j) { return gm_journal_waiting(j) < j->ring_bytes - GM_JOURNAL_RESERVE; }

/* Is there room for a new order and all that may follow from it at once? */
static inline int gm_journal_accepts(gm_journal_t* j) {
    if (__builtin_expect(gm_journal_has_room(j)
                         && __atomic_load_n(&j->tail->epoch, __ATOMIC_RELAXED) == j->epoch
                         && __atomic_load_n(&j->state, __ATOMIC_RELAXED) == GM_JOURNAL_HEALTHY, 1)) return 1;
    return gm_journal_reconsider(j);
}

/* Somebody waits until the first `position` bytes are on the disk. */
static inline void gm_journal_want(gm_journal_t* j, int64_t position) {
    if (position <= j->wanted) return;      /* somebody has rung for it already */
    __atomic_store_n(&j->wanted, position, __ATOMIC_RELEASE);
    gm_journal_ring(j);
}

static inline uint64_t gm_commit_word(int64_t sequence) {
    return (GM_RECORD_MAGIC << 48) | ((uint64_t)sequence & 0xffffffffffffULL);
}

/* The sum of a record: from `kind` to the end, seeded with its sequence, so that a copy elsewhere does not pass. */
static inline uint32_t gm_record_sum(const gm_header_t* h, int64_t sequence) {
    return gm_crc32c((uint32_t)sequence * 0x9e3779b9u, (const char*)h + offsetof(gm_header_t, kind),
                     (size_t)h->size - offsetof(gm_header_t, kind));
}

/* Appends a record; its payload is size - 32 bytes. GM_OK, or GM_ERR_CAPACITY: it is not in the log, and nothing may be done. */
static inline int gm_journal_append(gm_journal_t* j, uint16_t kind, uint16_t size, int64_t time_ns, int64_t order_id,
                                    const void* payload) {
    gm_header_t* h = (gm_header_t*)(j->ring + (j->head & (j->ring_bytes - 1)));
    if (__builtin_expect(gm_journal_waiting(j) + size + (int64_t)sizeof h->commit > j->ring_bytes, 0)
        && gm_journal_drain(j) != GM_OK && gm_journal_waiting(j) + size + (int64_t)sizeof h->commit > j->ring_bytes) {
        j->lost++;
        if (j->state != GM_JOURNAL_DISTRUSTED && j->state != GM_JOURNAL_FENCED)
            __atomic_store_n(&j->state, GM_JOURNAL_LOST, __ATOMIC_RELAXED);
        return GM_ERR_CAPACITY;
    }
    memcpy((char*)h + sizeof *h, payload, (size_t)size - sizeof *h);
    h->kind = kind;
    h->size = size;
    h->time_ns = time_ns;
    h->order_id = order_id;
    j->sequence++;
    h->crc32c = gm_record_sum(h, j->sequence);
    *(uint64_t*)((char*)h + size) = 0;          /* the end of the log, for who reads the ring after a crash */
    __atomic_store_n(&h->commit, gm_commit_word(j->sequence), __ATOMIC_RELEASE);
    __atomic_store_n(&j->head, j->head + size, __ATOMIC_RELEASE);      /* a reader in another thread sees whole records */
    /* The writer looks by itself a hundred times a second; waking it costs the waker a system call, so only as the ring fills. */
    if (__builtin_expect(j->head - j->noticed >= j->ring_bytes / 8, 0)) gm_journal_wake(j);
    return GM_OK;
}

/* Checks the record at `at`, of which `available` bytes can be read, as number `sequence`. Its size; 0: not committed;
 * a negative code: GM_ERR_CORRUPT (magic, sequence, size or sum wrong), GM_ERR_EMPTY (cut short). */
static inline int64_t gm_record_verify(const char* at, int64_t available, int64_t sequence) {
    gm_header_t h;
    if (available < (int64_t)sizeof h.commit) return GM_ERR_EMPTY;
    memcpy(&h.commit, at, sizeof h.commit);
    if (h.commit == 0) return 0;
    if (available < (int64_t)sizeof h) return GM_ERR_EMPTY;
    memcpy(&h, at, sizeof h);
    if (h.commit != gm_commit_word(sequence)) return GM_ERR_CORRUPT;
    if (h.kind == 0 || h.kind >= GM_RECORD_KIND_END) return GM_ERR_CORRUPT;
    if (h.size != gm_record_size(h.kind)) return GM_ERR_CORRUPT;
    if (available < h.size) return GM_ERR_EMPTY;
    if (gm_crc32c((uint32_t)sequence * 0x9e3779b9u, at + offsetof(gm_header_t, kind),
                  h.size - offsetof(gm_header_t, kind)) != h.crc32c) return GM_ERR_CORRUPT;
    return h.size;
}

#endif
