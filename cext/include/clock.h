/* Where every time in the engine comes from: the machine, the machine faster than it is, or a simulation's own now. */
#ifndef GM_CLOCK_H
#define GM_CLOCK_H

#include <time.h>
#include <stdint.h>

typedef struct gm_clock {
    int64_t now_ns;        /* simulated: the time; live: the latest time given out */
    int32_t simulated;
    int32_t speed;         /* live: so many times as fast as the machine's, from origin_ns at began_ns of it on; 0: as it is */
    int64_t origin_ns, began_ns;
} gm_clock_t;

static inline int64_t gm_machine_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* UTC nanoseconds; live time never runs backwards. */
static inline int64_t gm_now(gm_clock_t* c) {
    if (!c->simulated) {
        int64_t t = gm_machine_ns(CLOCK_REALTIME);
        if (__builtin_expect(c->speed, 0)) t = c->origin_ns + (t - c->began_ns) * c->speed;
        if (t > c->now_ns) c->now_ns = t;
    }
    return c->now_ns;
}

#endif
