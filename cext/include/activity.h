/* What accounts have sent of late: the times of their messages, and the terms of their orders.
 *
 * Noted, while the check that asks is on, by what makes an order part of the state (gm_engine_accept, gm_engine_obey): so an order that is
 * refused leaves nothing here, and what recovery applies is noted again. After a restart from a snapshot both begin with the records behind
 * it, and empty where a check is turned on. Times are the engine's.
 *
 *   messages   a ring of times for each account, exact up to GM_RATE_MAX messages a window
 *   orders     a table of GM_RECENT_SETS sets of GM_RECENT_WAYS orders. A set that is full forgets its oldest, so a repetition can be missed only
 *              once GM_RECENT_WAYS other orders of the same set came between; `forgotten` counts those that were let go within the window */
#ifndef GM_ACTIVITY_H
#define GM_ACTIVITY_H

#include "records.h"
#include "mapping.h"

#define GM_RATE_MAX 65536
#define GM_RECENT_SETS 4096
#define GM_RECENT_WAYS 4

typedef struct gm_recent {
    int64_t quantity;
    int64_t price_e9;          /* its limit; GM_NO_PRICE: market */
    int64_t time_ns;
    int32_t symbol;
    int16_t account;
    int8_t side;               /* 0: nothing here yet */
    uint8_t reserved;
} gm_recent_t;
_Static_assert(sizeof(gm_recent_t) == 32, "a set is two cache lines");

typedef struct gm_activity {
    int64_t* times;            /* [account * GM_RATE_MAX + message % GM_RATE_MAX] */
    int64_t* counts;           /* [account] messages noted so far */
    gm_recent_t* recent;       /* [set * GM_RECENT_WAYS + way] */
    uint16_t* tags;            /* the same, of each a part of its hash: which a look at one word of memory mostly rules out; 0: nothing there */
    int64_t forgotten;
    int32_t accounts;
} gm_activity_t;

static inline void gm_activity_free(gm_activity_t* t) {
    gm_release(t->times, (size_t)t->accounts * GM_RATE_MAX * sizeof(int64_t));
    gm_release(t->counts, (size_t)t->accounts * sizeof(int64_t));
    gm_release(t->recent, GM_RECENT_SETS * GM_RECENT_WAYS * sizeof(gm_recent_t));
    gm_release(t->tags, GM_RECENT_SETS * GM_RECENT_WAYS * sizeof(uint16_t));
    t->times = NULL; t->counts = NULL; t->recent = NULL; t->tags = NULL;
}

static inline int gm_activity_init(gm_activity_t* t, int32_t accounts) {
    t->accounts = accounts;
    t->forgotten = 0;
    t->times = (int64_t*)gm_reserve((size_t)accounts * GM_RATE_MAX * sizeof(int64_t));
    t->counts = (int64_t*)gm_reserve((size_t)accounts * sizeof(int64_t));
    t->recent = (gm_recent_t*)gm_reserve(GM_RECENT_SETS * GM_RECENT_WAYS * sizeof(gm_recent_t));
    t->tags = (uint16_t*)gm_reserve(GM_RECENT_SETS * GM_RECENT_WAYS * sizeof(uint16_t));
    if (t->times && t->counts && t->recent && t->tags) return GM_OK;
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

static inline uint64_t gm_recent_hash(int32_t account, int32_t symbol, int8_t side, int64_t quantity, int64_t price_e9) {
    uint64_t x = (uint64_t)quantity * 0x9e3779b97f4a7c15ULL ^ (uint64_t)price_e9;      /* splitmix64's finalizer, Steele et al. 2014 */
    x ^= (uint64_t)(uint32_t)symbol << 8 ^ (uint64_t)(uint32_t)account << 40 ^ (uint64_t)(side > 0);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static inline size_t gm_recent_set(uint64_t hash) { return (size_t)(hash & (GM_RECENT_SETS - 1)) * GM_RECENT_WAYS; }
static inline uint16_t gm_recent_tag(uint64_t hash) { return (uint16_t)(hash >> 48 | 1); }

static inline int gm_recent_is(const gm_recent_t* r, int32_t account, int32_t symbol, int8_t side, int64_t quantity, int64_t price_e9) {
    return r->quantity == quantity && r->price_e9 == price_e9 && r->symbol == symbol && r->account == account && r->side == side;
}

/* Was the same order accepted within the `window_ns` that end now? */
static inline int gm_activity_repeats(const gm_activity_t* t, int32_t account, int32_t symbol, int8_t side, int64_t quantity, int64_t price_e9,
                                      int64_t window_ns, int64_t now) {
    const uint64_t hash = gm_recent_hash(account, symbol, side, quantity, price_e9);
    const size_t set = gm_recent_set(hash);
    const uint16_t tag = gm_recent_tag(hash), *tags = &t->tags[set];
    if (__builtin_expect(tags[0] != tag && tags[1] != tag && tags[2] != tag && tags[3] != tag, 1)) return 0;
    for (int k = 0; k < GM_RECENT_WAYS; k++)
        if (gm_recent_is(&t->recent[set + k], account, symbol, side, quantity, price_e9)) return t->recent[set + k].time_ns > now - window_ns;
    return 0;
}

static inline void gm_activity_order(gm_activity_t* t, int32_t account, int32_t symbol, int8_t side, int64_t quantity, int64_t price_e9,
                                     int64_t window_ns, int64_t now) {
    const uint64_t hash = gm_recent_hash(account, symbol, side, quantity, price_e9);
    gm_recent_t* set = &t->recent[gm_recent_set(hash)];
    gm_recent_t* at = &set[0];
    for (int k = 0; k < GM_RECENT_WAYS; k++) {
        if (gm_recent_is(&set[k], account, symbol, side, quantity, price_e9)) {
            set[k].time_ns = now;
            return;
        }
        if (at->side != 0 && (set[k].side == 0 || set[k].time_ns < at->time_ns)) at = &set[k];
    }
    t->forgotten += at->side != 0 && at->time_ns > now - window_ns;
    *at = (gm_recent_t){quantity, price_e9, now, symbol, (int16_t)account, side, 0};
    t->tags[at - t->recent] = gm_recent_tag(hash);
}
_Static_assert(GM_RECENT_WAYS == 4, "gm_activity_repeats compares four tags");

#endif
