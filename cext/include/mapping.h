/* Tables of the core reserve address space once and touch pages as they fill: pointers stay valid, nothing is
 * resized on the path, and what was never used costs no memory. */
#ifndef GM_MAPPING_H
#define GM_MAPPING_H

#include <stddef.h>
#include <sys/mman.h>

static inline void* gm_reserve(size_t bytes) {
    void* p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* For tables that fill from the front: pages of 2 MiB where the machine has them, a fault every nine thousand orders. */
static inline void* gm_reserve_dense(size_t bytes) {
    void* p = gm_reserve(bytes);
    if (p != NULL) madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

static inline void gm_release(void* p, size_t bytes) {
    if (p != NULL) munmap(p, bytes);
}

#endif
