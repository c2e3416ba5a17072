#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include "journal.h"

#define WRITER_PAUSE_NS 50000000     /* a quiet journal reaches its file this soon */

int gm_journal_drain(gm_journal_t* j) {
    int code = GM_OK;
    pthread_mutex_lock(&j->file);
    for (;;) {
        int64_t count = __atomic_load_n(&j->head, __ATOMIC_ACQUIRE) - j->drained;
        ssize_t written;
        if (count == 0) break;
        written = pwrite(j->fd, j->ring + (j->drained & (j->ring_bytes - 1)), (size_t)count, (off_t)(GM_JOURNAL_PAGE + j->drained));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            if (!j->error) __atomic_store_n(&j->error, written < 0 ? errno : EIO, __ATOMIC_RELEASE);
            code = GM_ERR_IO;
            break;
        }
        __atomic_store_n(&j->drained, j->drained + written, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&j->file);
    return code;
}

static void* writer(void* given) {
    gm_journal_t* j = (gm_journal_t*)given;
    pthread_mutex_lock(&j->sleep);
    while (!j->stop) {
        struct timespec until;
        pthread_mutex_unlock(&j->sleep);
        gm_journal_drain(j);
        pthread_mutex_lock(&j->sleep);
        if (j->stop) break;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WRITER_PAUSE_NS;
        if (until.tv_nsec >= 1000000000) { until.tv_nsec -= 1000000000; until.tv_sec++; }
        pthread_cond_timedwait(&j->woken, &j->sleep, &until);
    }
    pthread_mutex_unlock(&j->sleep);
    return NULL;
}

/* Without a writer thread (none could be started) the owner writes by itself. */
void gm_journal_wake(gm_journal_t* j) {
    j->noticed = j->head;
    if (!j->started) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);        /* signals are for the program's own threads */
        j->started = pthread_create(&j->writer, NULL, writer, j) == 0 ? 1 : -1;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (j->started < 0) {
        gm_journal_drain(j);
        return;
    }
    pthread_cond_signal(&j->woken);
}

int gm_journal_init(gm_journal_t* j, int fd, int64_t ring_bytes) {
    int memory = memfd_create("gm-journal", MFD_CLOEXEC);
    pthread_condattr_t attributes;
    char* twice;
    memset(j, 0, sizeof *j);
    j->fd = fd;
    j->ring_bytes = ring_bytes;
    j->process = getpid();
    if (memory < 0) return GM_ERR_MEMORY;
    if (ftruncate(memory, ring_bytes) != 0) { close(memory); return GM_ERR_MEMORY; }
    twice = (char*)mmap(NULL, (size_t)(2 * ring_bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (twice == MAP_FAILED) { close(memory); return GM_ERR_MEMORY; }
    if (mmap(twice, (size_t)ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0) == MAP_FAILED
        || mmap(twice + ring_bytes, (size_t)ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0) == MAP_FAILED) {
        munmap(twice, (size_t)(2 * ring_bytes));
        close(memory);
        return GM_ERR_MEMORY;
    }
    close(memory);
    j->ring = twice;
    pthread_mutex_init(&j->file, NULL);
    pthread_mutex_init(&j->sleep, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&j->woken, &attributes);
    pthread_condattr_destroy(&attributes);
    return GM_OK;
}

void gm_journal_free(gm_journal_t* j) {
    if (j->ring && j->process == getpid()) {
        if (j->started > 0) {
            pthread_mutex_lock(&j->sleep);
            j->stop = 1;
            pthread_cond_signal(&j->woken);
            pthread_mutex_unlock(&j->sleep);
            pthread_join(j->writer, NULL);
        }
        pthread_cond_destroy(&j->woken);
        pthread_mutex_destroy(&j->sleep);
        pthread_mutex_destroy(&j->file);
    }
    if (j->ring) munmap(j->ring, (size_t)(2 * j->ring_bytes));
    if (j->fd >= 0) close(j->fd);
    j->ring = NULL;
    j->fd = -1;
}
