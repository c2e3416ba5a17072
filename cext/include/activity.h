/* What accounts have sent of late: the times of their messages, and the terms of their orders.
 *
 * Noted, while the check that asks is on, by what makes an order part of the state (gm_engine_accept, gm_engine_obey): so an order that is
 * refused leaves nothing here, and what recovery applies is noted again. After a restart from a snapshot both begin with the records behind
 * it, and empty where a check is turned on. Times are the engine's.
 *
 *   messages   a ring of times for each account, exact up to GM_RATE_MAX messages a window
 *   orders     a table of GM_RECENT_SETS sets, a cache line each, of GM_RECENT_WAYS orders: 64 bits of a hash of what makes two orders the same,
 *              and when it was sent. Another order whose hash is the same counts as a repetition (2^-64 for each pair: it fails closed). A set
 *              that is full forgets its oldest, so a repetition can be missed only once GM_RECENT_WAYS others of its set came between;
 *              `forgotten` counts those that were let go within the window */
#ifndef GM_ACTIVITY_H
#define GM_ACTIVITY_H

#include "records.h"
#include "mapping.h"

#define GM_RATE_MAX 65536
#define GM_RECENT_SETS 2048
#define GM_RECENT_WAYS 4

typedef struct gm_recent {
    uint64_t hash;             /* 0: nothing here yet */
    int64_t time_ns;
} gm_recent_t;
_Static_assert(GM_RECENT_WAYS * sizeof(gm_recent_t) == 64, "a set is one cache line");

typedef struct gm_activity {
    int64_t* times;            /* [account * GM_RATE_MAX + message % GM_RATE_MAX] */
    int64_t* counts;           /* [account] messages noted so far */
    gm_recent_t* recent;       /* [set * GM_RECENT_WAYS + way] */
    int64_t forgotten;
    int32_t accounts;
} gm_activity_t;

static inline void gm_activity_free(gm_activity_t* t) {
    gm_release(t->times, (size_t)t->accounts * GM_RATE_MAX * sizeof(int64_t));
    gm_release(t->counts, (size_t)t->accounts * sizeof(int64_t));
    gm_release(t->recent, GM_RECENT_SETS * GM_RECENT_WAYS * sizeof(gm_recent_t));
    t->times = NULL; t->counts = NULL; t->recent = NULL;
}

static inline int gm_activity_init(gm_activity_t* t, int32_t accounts) {
    t->accounts = accounts;
    t->forgotten = 0;
    t->times = (int64_t*)gm_reserve((size_t)accounts * GM_RATE_MAX * sizeof(int64_t));
    t->counts = (int64_t*)gm_reserve((size_t)accounts * sizeof(int64_t));
    t->recent = (gm_recent_t*)gm_reserve(GM_RECENT_SETS * GM_RECENT_WAYS * sizeof(gm_recent_t));
    if (t->times && t->counts && t->recent) return GM_OK;
    gm_activity_free(t);
    return GM_ERR_MEMORY;
}

/* ---- messages ---- */

static inline void gm_activity_message(gm_activity_t* t, int32_t account, int64_t now) {
    t->times[(size_t)account * GM_RATE_MAX + (size_t)(t->counts[account]++ & (GM_RATE_MAX - 1))] = now;
}

/* Would `more` messages now be too many: above `most` (at most GM_RATE_MAX) within the `window_ns` that end now? */
static inline int gm_activity_too_many(const gm_activity_t* t, int32_t account, int64_t more, int64_t most, int64_t window_ns, int64_t now) {
    const int64_t allowed = most - more;            /* that many may lie in the window already */
    if (allowed < 0) return 1;
    if (t->counts[account] <= allowed) return 0;
    return t->times[(size_t)account * GM_RATE_MAX + (size_t)((t->counts[account] - 1 - allowed) & (GM_RATE_MAX - 1))] > now - window_ns;
}

/* How many messages lie in the window that ends now; for explanations. */
static inline int64_t gm_activity_count(const gm_activity_t* t, int32_t account, int64_t window_ns, int64_t now) {
    const int64_t kept = t->counts[account] < GM_RATE_MAX ? t->counts[account] : GM_RATE_MAX;
    int64_t n = 0;
    while (n < kept && t->times[(size_t)account * GM_RATE_MAX + (size_t)((t->counts[account] - 1 - n) & (GM_RATE_MAX - 1))] > now - window_ns) n++;
    return n;
}

/* ---- orders ---- */

/* Two rounds of 64 by 64 bits folded to 64, as in wyhash (Wang Yi, 2019); never 0. */
static inline uint64_t gm_fold(uint64_t x, uint64_t y) {
    const gm_u128 product = (gm_u128)x * y;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t gm_recent_hash(int32_t account, int32_t symbol, int8_t side, int64_t quantity, int64_t price_e9) {
    const uint64_t who = (uint64_t)(uint32_t)symbol << 16 | (uint64_t)(uint32_t)account << 1 | (side > 0);
    const uint64_t hash = gm_fold(gm_fold((uint64_t)quantity ^ 0xa0761d6478bd642fULL, (uint64_t)price_e9 ^ 0xe7037ed1a0b428dbULL) ^ who,
                                  0x8ebc6af09c88c6e3ULL);
    return hash ? hash : 1;
}

static inline gm_recent_t* gm_recent_set(const gm_activity_t* t, uint64_t hash) {
    return &t->recent[(size_t)(hash & (GM_RECENT_SETS - 1)) * GM_RECENT_WAYS];
}

/* Was the same order accepted within the `window_ns` that end now? */
static inline int gm_activity_repeats(const gm_activity_t* t, int32_t account, int32_t symbol, int8_t side, int64_t quantity, int64_t price_e9,
                                      int64_t window_ns, int64_t now) {
    const uint64_t hash = gm_recent_hash(account, symbol, side, quantity, price_e9);
    const gm_recent_t* set = gm_recent_set(t, hash);
    for (int k = 0; k < GM_RECENT_WAYS; k++)
        if (set[k].hash == hash) return set[k].time_ns > now - window_ns;
    return 0;
}

static inline void gm_activity_order(gm_activity_t* t, int32_t account, int32_t symbol, int8_t side, int64_t quantity, int64_t price_e9,
                                     int64_t window_ns, int64_t now) {
    const uint64_t hash = gm_recent_hash(account, symbol, side, quantity, price_e9);
    gm_recent_t* set = gm_recent_set(t, hash);
    gm_recent_t* at = &set[0];
    for (int k = 0; k < GM_RECENT_WAYS; k++) {
        if (set[k].hash == hash) {
            set[k].time_ns = now;
            return;
        }
        if (at->hash != 0 && (set[k].hash == 0 || set[k].time_ns < at->time_ns)) at = &set[k];
    }
    t->forgotten += at->hash != 0 && at->time_ns > now - window_ns;
    *at = (gm_recent_t){hash, now};
}

#endif
