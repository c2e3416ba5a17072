#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "journal.h"

#define WRITER_PAUSE_NS 10000000        /* a quiet journal reaches its file, and who reads it there, this soon */
#define WRITER_SPIN_NS 250000
#define DRAIN_PIECE ((int64_t)1 << 20)  /* written at once */
#define ALLOCATE_PIECE ((int64_t)1 << 18)
#define PREPARE_BYTES ((int64_t)1 << 26)     /* zeroed and forced at the start */
#define SEAL_STEP ((int64_t)1 << 15)     /* sealed at once, from the stack */
#define INDEX_PIECE ((int64_t)1 << 16)
#define FULL_SEGMENTS 8
#define TOUCH_PIECE ((int64_t)1 << 18)     /* of the ring, whose size it divides */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static int64_t monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int fail(gm_journal_t* j, int state, int error) {
    j->error = error;
    __atomic_store_n(&j->state, state, __ATOMIC_RELEASE);
    return GM_ERR_IO;
}

/* Is the journal still ours? A start that took it over has put its own epoch into our tail. */
static int owned(gm_journal_t* j) {
    if (!gm_journal_fenced(j)) return 1;
    fail(j, GM_JOURNAL_FENCED, 0);
    return 0;
}

static int write_all(int fd, const void* data, int64_t size, int64_t at) {
    int64_t done = 0;
    while (done < size) {
        ssize_t n = pwrite(fd, (const char*)data + done, (size_t)(size - done), (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = EIO;
            return GM_ERR_IO;
        }
        done += n;
    }
    return GM_OK;
}

/* ---- segments ---- */

static int add_segment(gm_store_t* s, int64_t position) {
    if (s->segment_count == s->segment_room) {
        int64_t room = s->segment_room ? 2 * s->segment_room : 16;
        gm_segment_t* more = (gm_segment_t*)realloc(s->segments, (size_t)room * sizeof *more);
        if (more == NULL) { errno = ENOMEM; return GM_ERR_MEMORY; }
        s->segments = more;
        s->segment_room = room;
    }
    s->segments[s->segment_count].position = position;
    s->segments[s->segment_count++].fd = -1;
    return GM_OK;
}

static int begin_segment(gm_journal_t* j, int64_t position) {
    gm_store_t* s = &j->store;
    char name[32];
    char page[GM_JOURNAL_PAGE];
    gm_segment_head_t* h = (gm_segment_head_t*)page;
    int fd;
    snprintf(name, sizeof name, "%08lld.segment", (long long)(s->numbered + 1));
    fd = openat(s->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST && owned(j)) {     /* begun by an engine that was pushed aside at that moment */
        unlinkat(s->directory, name, 0);
        fd = openat(s->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0) return GM_ERR_IO;
    memset(page, 0, sizeof page);
    memcpy(h->magic, "GMSEGM01", 8);
    h->version = GM_JOURNAL_VERSION;
    h->layout = s->layout;
    memcpy(h->uuid, s->uuid, 16);
    memcpy(h->boot, s->boot, 16);
    h->number = s->numbered + 1;
    h->position = position;
    h->sequence = s->drained_sequence + 1;
    h->epoch = j->epoch;
    h->crc32c = gm_crc32c(0, page + 16, sizeof page - 16);
    if (write_all(fd, page, sizeof page, 0) != GM_OK || add_segment(s, position) != GM_OK) {
        int kept = errno;
        unlinkat(s->directory, name, 0);
        close(fd);
        errno = kept;
        return GM_ERR_IO;
    }
    s->numbered++;
    s->fd = fd;
    s->allocated = 0;
    s->directory_changed = 1;
    return GM_OK;
}

/* The segment that is written is full: it is cut to what it holds, and the next write begins another. */
static int end_segment(gm_journal_t* j) {
    gm_store_t* s = &j->store;
    gm_segment_t* last = &s->segments[s->segment_count - 1];
    int64_t used = j->tail->drained - last->position;
    if (s->allocated > used && ftruncate(s->fd, (off_t)(GM_JOURNAL_PAGE + used)) != 0) return GM_ERR_IO;
    if (j->durability && (s->full < FULL_SEGMENTS || s->fd == s->in_force)) {
        last->fd = s->fd;           /* closed by who forces it */
        s->full++;
    } else {                        /* so far behind, or with segments so small, that one waits here */
        if (j->durability && fdatasync(s->fd) != 0) return fail(j, GM_JOURNAL_DISTRUSTED, errno);
        close(s->fd);
    }
    s->fd = -1;
    return GM_OK;
}

/* Which segment holds `position` (the last one: or will); -1: none. */
static int64_t segment_of(const gm_store_t* s, int64_t position) {
    int64_t low = 0, high = s->segment_count - 1;
    if (high < 0 || position < s->segments[0].position) return -1;
    while (low < high) {
        int64_t middle = (low + high + 1) / 2;
        if (s->segments[middle].position <= position) low = middle; else high = middle - 1;
    }
    return low;             /* of those that begin there the last: the ones before it are empty */
}

/* A descriptor of a segment, to be closed by who asked; -1 with errno. Under `file`. */
static int open_segment(const gm_store_t* s, int64_t at) {
    char name[32];
    if (at == s->segment_count - 1 && s->fd >= 0) return fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
    snprintf(name, sizeof name, "%08lld.segment", (long long)(s->numbered - (s->segment_count - 1 - at)));
    return openat(s->directory, name, O_RDONLY | O_CLOEXEC);
}

/* Zeros ahead of the records, so that forcing them changes no metadata of the file. */
static int allocate(gm_store_t* s, int64_t until) {
    static const char zeros[1 << 16];
    while (s->allocated < until) {
        if (write_all(s->fd, zeros, sizeof zeros, GM_JOURNAL_PAGE + s->allocated) != GM_OK) return GM_ERR_IO;
        s->allocated += (int64_t)sizeof zeros;
    }
    return GM_OK;
}

int gm_journal_prepare(gm_journal_t* j) {
    gm_store_t* s = &j->store;
    int code;
    pthread_mutex_lock(&j->file);
    code = s->fd >= 0 || begin_segment(j, j->tail->drained) == GM_OK
        ? allocate(s, s->segment_bytes < PREPARE_BYTES ? s->segment_bytes : PREPARE_BYTES) : GM_ERR_IO;
    pthread_mutex_unlock(&j->file);
    return code == GM_OK && fdatasync(s->fd) == 0 ? GM_OK : GM_ERR_IO;
}

/* The whole records that stand in the ring from `from` on, up to `limit` bytes: what they need, and where they end. */
static int64_t look_ahead(gm_journal_t* j, int64_t from, int64_t head, int64_t limit, int64_t* highest, int64_t* clients, int64_t* sequence) {
    int64_t at = from;
    *highest = *clients = 0;
    while (at < head) {
        const gm_header_t* h = (const gm_header_t*)(j->ring + (at & (j->ring_bytes - 1)));
        if (at + h->size - from > limit) break;
        if ((h->kind == GM_RECORD_ORDER || h->kind == GM_RECORD_REFUSAL) && h->order_id > *highest) *highest = h->order_id;
        if (h->kind == GM_RECORD_ORDER && ((const gm_order_t*)(h + 1))->client_order_id[0]) ++*clients;
        *sequence = (int64_t)(h->commit & 0xffffffffffffULL);
        at += h->size;
    }
    return at;
}

static int drain_piece(gm_journal_t* j, int64_t head) {
    gm_store_t* s = &j->store;
    int64_t from = j->tail->drained, limit = DRAIN_PIECE, base, end, highest, clients, sequence = 0;
    if (s->directory >= 0) {
        if (s->fd >= 0 && from - s->segments[s->segment_count - 1].position + GM_RECORD_LARGE > s->segment_bytes
            && end_segment(j) != GM_OK) return GM_ERR_IO;
        if (s->fd < 0 && begin_segment(j, from) != GM_OK) return GM_ERR_IO;
    }
    base = s->segments[s->segment_count - 1].position;
    if (limit > s->segment_bytes - (from - base)) limit = s->segment_bytes - (from - base);
    end = look_ahead(j, from, head, limit, &highest, &clients, &sequence);
    if (end == from) return GM_OK;
    if (gm_index_room(&j->index, highest, clients) != GM_OK) return GM_ERR_IO;
    if (s->allocate && allocate(s, end - base) != GM_OK) return GM_ERR_IO;
    if (write_all(s->fd, j->ring + (from & (j->ring_bytes - 1)), end - from, GM_JOURNAL_PAGE + from - base) != GM_OK) return GM_ERR_IO;
    if (!owned(j)) return GM_ERR_IO;        /* stopped in between: the index is another's */
    if (s->allocated < end - base) s->allocated = end - base;
    for (int64_t at = from; at < end;) {
        const gm_header_t* h = (const gm_header_t*)(j->ring + (at & (j->ring_bytes - 1)));
        gm_index_take(&j->index, h, at);
        at += h->size;
    }
    j->index.head->position = end;
    j->index.head->sequence = sequence;
    s->drained_sequence = sequence;
    __atomic_store_n(&j->tail->drained, end, __ATOMIC_RELEASE);
    return GM_OK;
}

int gm_journal_drain(gm_journal_t* j) {
    int code = GM_OK;
    if (!owned(j)) return GM_ERR_IO;
    pthread_mutex_lock(&j->file);
    while (j->state == GM_JOURNAL_HEALTHY || j->state == GM_JOURNAL_FULL || j->state == GM_JOURNAL_LOST) {
        int64_t head = __atomic_load_n(&j->head, __ATOMIC_ACQUIRE);
        if (head == j->tail->drained || !owned(j)) break;
        if (drain_piece(j, head) != GM_OK) {
            if (j->state != GM_JOURNAL_LOST && j->state != GM_JOURNAL_DISTRUSTED && j->state != GM_JOURNAL_FENCED)
                fail(j, errno == ENOSPC || errno == EDQUOT ? GM_JOURNAL_FULL : GM_JOURNAL_FAILED, errno);
            code = GM_ERR_IO;
            break;
        }
        if (j->state == GM_JOURNAL_FULL) {      /* the disk takes records again: the one failure that passes by itself */
            j->error = 0;
            __atomic_store_n(&j->state, GM_JOURNAL_HEALTHY, __ATOMIC_RELEASE);
        }
    }
    if (j->state > GM_JOURNAL_FULL && j->state != GM_JOURNAL_LOST) code = GM_ERR_IO;
    pthread_mutex_unlock(&j->file);
    return code;
}

int gm_journal_reconsider(gm_journal_t* j) {
    if (!owned(j)) return 0;
    if (j->state == GM_JOURNAL_FULL && j->started > 0) return 0;        /* the writer tries on */
    if (j->state > GM_JOURNAL_FULL) return 0;
    return gm_journal_drain(j) == GM_OK && j->state == GM_JOURNAL_HEALTHY && gm_journal_has_room(j);
}

/* ---- marks, forces, seals ---- */

int gm_journal_mark(gm_journal_t* j, int clean) {
    gm_store_t* s = &j->store;
    gm_mark_t* m = &s->mark;
    if (s->control < 0) return GM_OK;
    if (!owned(j)) return GM_ERR_STATE;     /* the marks are another's: nothing of ours may stand over them */
    pthread_mutex_lock(&j->file);
    m->counter++;
    m->epoch = j->epoch;
    m->forced = j->forced;
    m->position = j->tail->drained;
    m->sequence = s->drained_sequence;
    m->segments = s->numbered;
    m->clean = clean;
    m->state = j->state;
    m->error = j->error;
    m->durability = j->durability;
    if (clean) memset(m->tail, 0, sizeof m->tail);
    m->crc32c = gm_crc32c(0, (const char*)m + 16, sizeof *m - 16);
    {
        int code = write_all(s->control, m, sizeof *m, (m->counter & 1) * GM_MARK_BYTES);
        pthread_mutex_unlock(&j->file);
        return code;
    }
}

/* Forces the segment that holds `position`; where it ends. GM_ERR_CAPACITY: there was no descriptor to do it with. */
static int64_t force_segment(gm_journal_t* j, int64_t position) {
    gm_store_t* s = &j->store;
    int64_t at, end;
    int fd, full, opened, code, kept;
    pthread_mutex_lock(&j->file);
    at = segment_of(s, position);
    full = s->segments[at].fd;          /* there is one: `position` is drained */
    /* Of a durable journal these stay open while this lasts; others are closed when they are full. */
    fd = !j->durability ? -1 : full >= 0 ? full : at == s->segment_count - 1 ? s->fd : -1;
    opened = fd < 0;
    if (opened) fd = open_segment(s, at);
    else s->in_force = fd;
    end = at + 1 < s->segment_count ? s->segments[at + 1].position : INT64_MAX;
    pthread_mutex_unlock(&j->file);
    if (fd < 0) return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? GM_ERR_CAPACITY : GM_ERR_IO;
    code = fdatasync(fd);
    kept = errno;
    pthread_mutex_lock(&j->file);
    s->in_force = -1;
    if (full >= 0 && code == 0) {
        s->segments[at].fd = -1;
        s->full--;
    }
    pthread_mutex_unlock(&j->file);
    if (opened || (full >= 0 && code == 0)) close(fd);
    errno = kept;
    return code == 0 ? end : GM_ERR_IO;
}

/* Every file that holds something between what is on the disk and `target`; from the last byte there on, to let go of its file. */
static int force_files(gm_journal_t* j, int64_t target) {
    int64_t at = j->forced > 0 ? j->forced - 1 : 0;
    int directory;
    while (at < target)
        if ((at = force_segment(j, at)) < 0) return (int)at;
    pthread_mutex_lock(&j->file);
    directory = j->store.directory_changed;
    j->store.directory_changed = 0;
    pthread_mutex_unlock(&j->file);
    return directory && fsync(j->store.directory) != 0 ? GM_ERR_IO : GM_OK;
}

static int force(gm_journal_t* j) {
    int64_t target;
    int code = GM_OK;
    pthread_mutex_lock(&j->forcing);
    target = __atomic_load_n(&j->tail->drained, __ATOMIC_ACQUIRE);
    if (!owned(j) || j->state > GM_JOURNAL_FULL) {
        code = GM_ERR_IO;
    } else if (target > j->forced) {
        code = force_files(j, target);
        if (code == GM_ERR_CAPACITY) {          /* nothing was asked of the disk: it may be later */
            code = GM_ERR_IO;
        } else if (code != GM_OK) {
            code = fail(j, GM_JOURNAL_DISTRUSTED, errno);
        } else if (!owned(j)) {                 /* what was held for this may not reach a venue */
            code = GM_ERR_IO;
        } else {
            __atomic_store_n(&j->forced, target, __ATOMIC_RELEASE);
        }
    }
    j->forced_at_ns = monotonic_ns();
    pthread_mutex_unlock(&j->forcing);
    return code;
}

int gm_journal_force(gm_journal_t* j) {
    int code = force(j), kept = errno;
    gm_journal_mark(j, 0);
    errno = kept;
    return code;
}

static int write_seal(gm_journal_t* j, int clean) {
    gm_store_t* s = &j->store;
    gm_seal_t row;
    if (!owned(j)) return GM_ERR_STATE;
    memset(&row, 0, sizeof row);
    row.number = s->seal_count + 1;
    row.position = s->sealed;
    row.sequence = s->sealed_sequence;
    row.epoch = j->epoch;
    memcpy(row.state, s->sha, sizeof row.state);
    gm_sha256_digest(s->sha, (uint64_t)s->sealed, row.sha256);
    row.clean = clean;
    row.crc32c = gm_crc32c((uint32_t)row.number, &row, offsetof(gm_seal_t, crc32c));
    if (write_all(s->seals, &row, sizeof row, (int64_t)sizeof row * row.number) != GM_OK) return GM_ERR_IO;
    s->seal_count++;
    s->last_seal = s->sealed;
    return GM_OK;
}

/* Takes drained records into the running SHA-256, up to `limit` bytes of them and whole ones only, and writes a seal where one is due. */
int gm_journal_seal(gm_journal_t* j, int64_t limit) {
    gm_store_t* s = &j->store;
    _Alignas(64) char piece[SEAL_STEP];
    const int64_t end = __atomic_load_n(&j->tail->drained, __ATOMIC_ACQUIRE);
    if (s->seals < 0) return GM_OK;
    if (limit > end - s->sealed) limit = end - s->sealed;
    while (limit >= GM_RECORD_SMALL) {
        int64_t size = limit < SEAL_STEP ? limit : SEAL_STEP, got, at = 0;
        if (s->last_seal + GM_SEAL_BYTES - s->sealed < size) size = s->last_seal + GM_SEAL_BYTES - s->sealed;
        if (size < GM_RECORD_LARGE) size = GM_RECORD_LARGE;     /* the record that crosses the line belongs to this seal */
        if (size > end - s->sealed) size = end - s->sealed;
        got = gm_journal_read(j, s->sealed, piece, size);
        while (at + (int64_t)sizeof(gm_header_t) <= got) {
            const gm_header_t* h = (const gm_header_t*)(piece + at);
            if (h->size < (int64_t)sizeof *h || at + h->size > got) break;
            s->sealed_sequence = (int64_t)(h->commit & 0xffffffffffffULL);
            at += h->size;
        }
        if (at == 0) return GM_ERR_IO;
        gm_sha256_blocks(s->sha, piece, (size_t)at / 64);
        s->sealed += at;
        limit -= at;
        if (s->sealed - s->last_seal >= GM_SEAL_BYTES && write_seal(j, 0) != GM_OK) return GM_ERR_IO;
    }
    return GM_OK;
}

int gm_journal_seal_now(gm_journal_t* j) {
    if (j->store.seals < 0) return GM_OK;
    return gm_journal_seal(j, INT64_MAX) == GM_OK ? write_seal(j, 1) : GM_ERR_IO;
}

/* ---- the writer ---- */

static long futex(int32_t* word, int operation, int32_t value, const struct timespec* timeout) {
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

void gm_journal_ring(gm_journal_t* j) {
    __atomic_fetch_add(&j->bell, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&j->sleeping, __ATOMIC_SEQ_CST)) futex(&j->bell, FUTEX_WAKE_PRIVATE, 1, NULL);
}

static void notify(gm_journal_t* j) {
    static const uint64_t one = 1;
    void (*hook)(void*) = __atomic_load_n(&j->hook, __ATOMIC_ACQUIRE);
    if (hook) hook(j->context);
    for (int i = 0; i < GM_JOURNAL_NOTICES; i++) {
        int fd = __atomic_load_n(&j->notices[i], __ATOMIC_ACQUIRE);
        if (fd >= 0 && write(fd, &one, sizeof one) < 0) continue;       /* full: it has been rung already */
    }
}

/* Touches the pages that the next records fall on, which would cost their owner half a microsecond an order. */
static void touch_ahead(gm_journal_t* j) {
    const int64_t head = __atomic_load_n(&j->head, __ATOMIC_ACQUIRE);
    int64_t until = head + j->ring_bytes / 4;
    if (until > j->ring_bytes) until = j->ring_bytes;
    if (j->touched < head) j->touched = head & -TOUCH_PIECE;
    while (j->touched < until) {
        if (madvise(j->ring + j->touched, (size_t)TOUCH_PIECE, MADV_POPULATE_WRITE) != 0) {
            j->touched = j->ring_bytes;     /* a kernel before 5.14: pages come as they are met */
            return;
        }
        j->touched += TOUCH_PIECE;
    }
}

static void* writer(void* given) {
    gm_journal_t* j = (gm_journal_t*)given;
    int state = j->state;
    while (!__atomic_load_n(&j->stop, __ATOMIC_ACQUIRE)) {
        const int32_t bell = __atomic_load_n(&j->bell, __ATOMIC_SEQ_CST);
        int64_t pause = WRITER_PAUSE_NS, spin = 0;
        if (j->touched < j->ring_bytes) touch_ahead(j);
        gm_journal_drain(j);
        if (j->state == GM_JOURNAL_HEALTHY && j->tail->drained > j->forced) {
            int64_t wait = j->durability ? j->forced_at_ns + j->interval_ns - monotonic_ns() : pause;
            if (wait <= 0 || __atomic_load_n(&j->wanted, __ATOMIC_ACQUIRE) > j->forced) {
                force(j);
                notify(j);                  /* who waits is told first, the mark can wait */
                gm_journal_mark(j, 0);
                spin = monotonic_ns() + WRITER_SPIN_NS;
            } else if (wait < pause) {
                pause = wait;
            }
        }
        if (j->state != state) {
            state = j->state;
            gm_journal_mark(j, 0);
            notify(j);
        }
        /* Who waited for a force asks for the next one soon, and to be woken costs more than to look for a moment. */
        while (spin && j->durability == GM_ALWAYS && __atomic_load_n(&j->bell, __ATOMIC_SEQ_CST) == bell && monotonic_ns() < spin)
            for (int k = 0; k < 16; k++) __asm__ __volatile__("" ::: "memory");
        if (__atomic_load_n(&j->bell, __ATOMIC_SEQ_CST) != bell) continue;      /* records first, seals when there is time */
        /* A few hundredths of a millisecond: who rings meanwhile does not wait long. */
        if (j->state != GM_JOURNAL_FENCED && j->store.seals >= 0 && j->store.sealed + SEAL_STEP < j->tail->drained
            && gm_journal_seal(j, SEAL_STEP) == GM_OK) continue;
        if (j->state != GM_JOURNAL_FENCED && j->store.allocate && j->store.fd >= 0) {
            gm_store_t* s = &j->store;
            pthread_mutex_lock(&j->file);
            if (s->fd >= 0 && s->allocated < s->segment_bytes
                && s->allocated - (j->tail->drained - s->segments[s->segment_count - 1].position) < s->allocate)
                allocate(s, s->allocated + ALLOCATE_PIECE < s->segment_bytes ? s->allocated + ALLOCATE_PIECE : s->segment_bytes);
            pthread_mutex_unlock(&j->file);
        }
        {
            struct timespec time = {pause / 1000000000, pause % 1000000000};
            __atomic_store_n(&j->sleeping, 1, __ATOMIC_SEQ_CST);
            if (!__atomic_load_n(&j->stop, __ATOMIC_SEQ_CST)) futex(&j->bell, FUTEX_WAIT_PRIVATE, bell, &time);
            __atomic_store_n(&j->sleeping, 0, __ATOMIC_SEQ_CST);
        }
    }
    return NULL;
}

int gm_journal_start(gm_journal_t* j) {
    if (!j->started) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);        /* signals are for the program's own threads */
        j->started = pthread_create(&j->writer, NULL, writer, j) == 0 ? 1 : -1;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return j->started;
}

/* Without a writer thread (none could be started) the owner writes by itself. */
void gm_journal_wake(gm_journal_t* j) {
    j->noticed = j->head;
    if (gm_journal_start(j) < 0) gm_journal_drain(j);
    else gm_journal_ring(j);
}

void gm_journal_stop(gm_journal_t* j) {
    if (j->started <= 0 || j->process != getpid()) return;
    __atomic_store_n(&j->stop, 1, __ATOMIC_SEQ_CST);
    gm_journal_ring(j);
    pthread_join(j->writer, NULL);
    j->started = 0;
    j->stop = 0;
}

/* ---- the ring ---- */

int gm_journal_init(gm_journal_t* j, int64_t ring_bytes, int fd, int populate) {
    const int flags = MAP_SHARED | (populate ? MAP_POPULATE : 0);
    pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;
    char* twice;
    void* tail;
    j->ring_bytes = ring_bytes;
    j->touched = populate ? ring_bytes : 0;
    j->process = getpid();
    j->file = j->forcing = unlocked;
    j->store.in_force = -1;
    for (int i = 0; i < GM_JOURNAL_NOTICES; i++) j->notices[i] = -1;
    tail = mmap(NULL, GM_JOURNAL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (tail == MAP_FAILED) return GM_ERR_MEMORY;
    twice = (char*)mmap(NULL, (size_t)(2 * ring_bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (twice == MAP_FAILED) {
        munmap(tail, GM_JOURNAL_PAGE);
        return GM_ERR_MEMORY;
    }
    if (mmap(twice, (size_t)ring_bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, GM_JOURNAL_PAGE) == MAP_FAILED
        || mmap(twice + ring_bytes, (size_t)ring_bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, GM_JOURNAL_PAGE) == MAP_FAILED) {
        munmap(twice, (size_t)(2 * ring_bytes));
        munmap(tail, GM_JOURNAL_PAGE);
        return GM_ERR_MEMORY;
    }
    j->tail = (gm_tail_t*)tail;
    j->ring = twice;
    return GM_OK;
}

void gm_journal_free(gm_journal_t* j) {
    gm_store_t* s = &j->store;
    if (j->process == getpid()) gm_journal_stop(j);
    if (j->forget) j->forget(j->context);
    j->forget = NULL;
    j->hook = NULL;
    if (j->ring) munmap(j->ring, (size_t)(2 * j->ring_bytes));
    if (j->tail) munmap(j->tail, GM_JOURNAL_PAGE);
    gm_index_close(&j->index);
    for (int64_t i = 0; i < s->segment_count; i++)
        if (s->segments[i].fd >= 0) close(s->segments[i].fd);
    if (s->fd >= 0) close(s->fd);
    free(s->segments);
    if (s->control >= 0) close(s->control);
    if (s->seals >= 0) close(s->seals);
    if (s->directory >= 0) close(s->directory);
    j->ring = NULL;
    j->tail = NULL;
    s->segments = NULL;
    s->segment_count = 0;
    s->control = s->seals = s->directory = s->fd = -1;
}

/* A stop in order: everything in the files, sealed and marked, the tail gone. When that fails the tail stays, for a start to
 * recover from. */
int gm_journal_close(gm_journal_t* j) {
    gm_store_t* s = &j->store;
    char tail[sizeof s->mark.tail];
    int64_t used;
    gm_journal_stop(j);
    if (gm_journal_drain(j) != GM_OK || (j->durability && gm_journal_force(j) != GM_OK)) {
        gm_journal_mark(j, 0);
        return GM_ERR_IO;
    }
    if (s->directory < 0) return GM_OK;
    if (j->state != GM_JOURNAL_HEALTHY) {
        gm_journal_mark(j, 0);
        return GM_ERR_STATE;
    }
    used = s->segment_count ? j->tail->drained - s->segments[s->segment_count - 1].position : 0;
    if ((s->fd >= 0 && s->allocated > used && ftruncate(s->fd, (off_t)(GM_JOURNAL_PAGE + used)) != 0)
        || (s->sealed_sequence < s->drained_sequence || s->last_seal < s->sealed ? gm_journal_seal_now(j) : GM_OK) != GM_OK) {
        fail(j, GM_JOURNAL_FAILED, errno);
        return GM_ERR_IO;
    }
    gm_index_seal(&j->index);
    memcpy(tail, s->mark.tail, sizeof tail);
    if (gm_journal_mark(j, 1) != GM_OK || (j->durability && (fdatasync(s->seals) != 0 || fdatasync(s->control) != 0))) {
        fail(j, GM_JOURNAL_FAILED, errno);
        return GM_ERR_IO;
    }
    if (tail[0]) unlink(tail);
    return GM_OK;
}

/* Up to `size` bytes from `position` on, which is drained, out of one segment: bytes copied, or GM_ERR_IO with errno.
 * `locked`: the caller has `file`. */
static int64_t read_segment(gm_journal_t* j, int64_t position, char* out, int64_t size, int locked) {
    gm_store_t* s = &j->store;
    int64_t at, base = 0;
    ssize_t got;
    int fd = -1, kept;
    if (!locked) pthread_mutex_lock(&j->file);
    errno = EIO;
    at = segment_of(s, position);
    if (at >= 0) {
        base = s->segments[at].position;
        if (at + 1 < s->segment_count && size > s->segments[at + 1].position - position) size = s->segments[at + 1].position - position;
        fd = open_segment(s, at);
    }
    if (!locked) pthread_mutex_unlock(&j->file);
    if (fd < 0) return GM_ERR_IO;
    do got = pread(fd, out, (size_t)size, (off_t)(GM_JOURNAL_PAGE + position - base)); while (got < 0 && errno == EINTR);
    kept = got < 0 ? errno : EIO;
    close(fd);
    errno = kept;
    return got > 0 ? got : GM_ERR_IO;
}

int64_t gm_journal_read(gm_journal_t* j, int64_t position, char* out, int64_t size) {
    int64_t done = 0, drained, head = __atomic_load_n(&j->head, __ATOMIC_ACQUIRE);
    if (position >= head) return 0;
    if (size > head - position) size = head - position;
    drained = __atomic_load_n(&j->tail->drained, __ATOMIC_ACQUIRE);
    if (position >= drained) {
        memcpy(out, j->ring + (position & (j->ring_bytes - 1)), (size_t)size);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        /* the owner may have begun to use these bytes again meanwhile: then they are in the files */
        if (position >= __atomic_load_n(&j->tail->drained, __ATOMIC_RELAXED)) return size;
        drained = __atomic_load_n(&j->tail->drained, __ATOMIC_ACQUIRE);
    }
    while (done < size && position + done < drained) {
        int64_t want = size - done < drained - position - done ? size - done : drained - position - done;
        int64_t got = read_segment(j, position + done, out + done, want, 0);
        if (got < 0) return got;
        done += got;
    }
    return done;
}

/* Takes the drained records that an index does not have yet; GM_ERR_CORRUPT: what stands there is not what was written. Under `file`. */
static int take_records(gm_journal_t* j, gm_index_t* x) {
    const int64_t drained = j->tail->drained;
    _Alignas(64) char piece[INDEX_PIECE];
    while (x->head->position != drained) {
        const int64_t position = x->head->position, rest = drained - position;
        int64_t got, used, at = 0;
        if (position < 0 || rest < 0) return GM_ERR_CORRUPT;
        got = read_segment(j, position, piece, rest < INDEX_PIECE ? rest : INDEX_PIECE, 1);
        if (got < 0) return GM_ERR_IO;
        while ((used = gm_record_verify(piece + at, got - at, x->head->sequence + 1)) > 0) {
            const gm_header_t* h = (const gm_header_t*)(piece + at);
            if ((h->kind == GM_RECORD_ORDER || h->kind == GM_RECORD_REFUSAL) && gm_index_room(x, h->order_id, 1) != GM_OK) return GM_ERR_IO;
            gm_index_take(x, h, position + at);
            at += used;
            x->head->position = position + at;
            x->head->sequence++;
        }
        if (at == 0) return GM_ERR_CORRUPT;
    }
    return GM_OK;
}

/* Brings the index up to what is drained, or (`afresh`, or when it does not fit the log) makes it again from the whole log and
 * puts it in the old one's place. When that fails the old one stays, and *position says how far the log could be taken. */
int gm_journal_reindex(gm_journal_t* j, int afresh, int64_t* position) {
    gm_store_t* s = &j->store;
    gm_index_t fresh;
    int code;
    *position = 0;
    if (!owned(j)) return GM_ERR_STATE;     /* the files are another's */
    pthread_mutex_lock(&j->file);
    code = afresh ? GM_ERR_CORRUPT : take_records(j, &j->index);
    if (code == GM_ERR_CORRUPT && (code = gm_index_open(&fresh, s->directory, s->layout, s->uuid, s->boot, 1)) == GM_OK) {
        code = take_records(j, &fresh);
        *position = fresh.head->position;
        if (code == GM_OK) gm_index_replace(&j->index, &fresh); else gm_index_discard(&fresh);
    }
    pthread_mutex_unlock(&j->file);
    return code;
}
