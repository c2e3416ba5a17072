/* Who owns the core: one test-and-set. Nobody waits for the core while holding the GIL, nor for the GIL while holding the
 * core. The process is remembered too: in a forked child the engine is somebody else's. */
#ifndef GM_GATE_H
#define GM_GATE_H

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <unistd.h>

typedef struct gm_gate {
    int32_t held;
    int32_t generation;          /* gm_fork_generation of the process that made it */
} gm_gate_t;

static int32_t gm_fork_generation = 0;
static void gm_after_fork(void) { gm_fork_generation++; }
static inline void gm_gate_setup(void) { pthread_atfork(NULL, NULL, gm_after_fork); }   /* once, at import */

static inline void gm_gate_init(gm_gate_t* g) { g->held = 0; g->generation = gm_fork_generation; }
static inline int gm_gate_forked(const gm_gate_t* g) { return g->generation != gm_fork_generation; }
static inline int gm_gate_try(gm_gate_t* g) { return __atomic_exchange_n(&g->held, 1, __ATOMIC_ACQUIRE) == 0; }
static inline void gm_gate_leave(gm_gate_t* g) { __atomic_store_n(&g->held, 0, __ATOMIC_RELEASE); }

/* Only without the GIL. */
static inline void gm_gate_wait(gm_gate_t* g) {
    for (int spins = 0; !gm_gate_try(g); spins++)
        if (spins > 64) sched_yield();
}

#endif
