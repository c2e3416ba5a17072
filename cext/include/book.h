/* A limit order book by order. Levels are indexed by tick in a window; orders by id in an open-addressing table.
 *
 *   levels[side]   window of `ticks` levels from `base` on; a level holds its orders first in, first out
 *   words[side]    one bit a level that has quantity, three layers of 64-bit words: best and next level in constant time
 *   pool           the resting orders; `free_head` chains the slots given back
 *   index          order id -> slot, linear probing, deletion by backward shift (no tombstones)
 *
 * An overlay order (GM_REST_OVERLAY) stands in a level's queue without counting in it: an own order inside a
 * recorded book. The two sides are independent: a market data book may be locked or crossed. */
#ifndef GM_BOOK_H
#define GM_BOOK_H

#include <stdlib.h>
#include <string.h>
#include "records.h"
#include "mapping.h"

#define GM_NIL (-1)
#define GM_BOOK_MAX_TICKS (1u << 26)
#define GM_BOOK_MAX_SPAN (1u << 31)      /* of a market data book: stub quotes at 199,999.99 over ticks of 1e-4 */
enum gm_rest_flags { GM_REST_USED = 1, GM_REST_OVERLAY = 2, GM_REST_ANONYMOUS = 4, GM_REST_OWN = 8, GM_REST_POST_ONLY = 16 };

typedef struct gm_resting {
    int64_t order_id;
    int64_t quantity;       /* shown and not yet filled */
    int64_t reserve;        /* of an iceberg: not shown yet; of a recorded order: what own orders took from it */
    int64_t display;        /* of an iceberg: the size shown after a refresh; 0: none */
    int32_t tick;           /* absolute tick number */
    int32_t prev, next;     /* towards the front and the back of its level; `next` chains free slots */
    int8_t side;
    uint8_t flags;
    uint16_t owner;         /* whose: orders of one owner may be kept from trading with each other (exchange.h); 0: nobody's */
} gm_resting_t;
_Static_assert(sizeof(gm_resting_t) == 48, "a resting order is 48 bytes");

typedef struct gm_level {
    int64_t quantity;       /* shown, without overlay orders */
    int32_t head, tail;     /* slots; GM_NIL: nobody */
    int32_t count;
    int32_t overlays;
} gm_level_t;

typedef struct gm_book {
    gm_level_t* levels[2];  /* 0 bids, 1 asks */
    uint64_t* words[2];     /* layer 0, then 1, then 2 */
    int64_t base;           /* tick of levels[.][0] */
    uint32_t ticks;         /* a power of two, at least 4096 */
    uint32_t layer1, layer2;/* offsets of the layers in `words` */
    int64_t best[2];        /* window offsets; -1: side empty */
    gm_resting_t* pool;
    int32_t* index;
    uint32_t index_mask;
    int32_t capacity;
    int32_t used;           /* slots ever touched */
    int32_t free_head;
    int32_t live;           /* orders resting, overlays too */
    int32_t placed;         /* base has been chosen */
    uint32_t max_span;      /* ticks that a window may widen to; a venue refuses what is farther away */
} gm_book_t;

static inline int gm_side_of(int8_t side) { return side > 0 ? 0 : 1; }
static inline int8_t gm_sign_of(int s) { return s == 0 ? GM_BUY : GM_SELL; }

static inline size_t gm_book_word_count(uint32_t ticks) {
    return (size_t)ticks / 64 + ticks / 4096 + ticks / 262144 + 1;
}

/* On failure what it got stays in `b` for gm_book_release_window; the window that was there before is forgotten. */
static inline int gm_book_reserve_window(gm_book_t* b, uint32_t ticks) {
    b->ticks = ticks;
    b->layer1 = ticks / 64;
    b->layer2 = b->layer1 + ticks / 4096;
    for (int s = 0; s < 2; s++) {
        b->levels[s] = (gm_level_t*)gm_reserve((size_t)ticks * sizeof(gm_level_t));
        b->words[s] = (uint64_t*)gm_reserve(gm_book_word_count(ticks) * 8);
        b->best[s] = -1;
    }
    return b->levels[0] && b->levels[1] && b->words[0] && b->words[1] ? GM_OK : GM_ERR_MEMORY;
}

static inline void gm_book_release_window(gm_book_t* b) {
    for (int s = 0; s < 2; s++) {
        gm_release(b->levels[s], (size_t)b->ticks * sizeof(gm_level_t));
        gm_release(b->words[s], gm_book_word_count(b->ticks) * 8);
        b->levels[s] = NULL;
        b->words[s] = NULL;
    }
}

static inline void gm_book_free(gm_book_t* b) {
    gm_book_release_window(b);
    gm_release(b->pool, (size_t)b->capacity * sizeof(gm_resting_t));
    gm_release(b->index, ((size_t)b->index_mask + 1) * sizeof(int32_t));
    memset(b, 0, sizeof *b);
}

/* ticks: a power of two in [4096, 2^26]; capacity: resting orders, 1 to 2^29. */
static inline int gm_book_init(gm_book_t* b, uint32_t ticks, int32_t capacity) {
    uint32_t slots = 16;
    memset(b, 0, sizeof *b);
    while (slots < 2u * (uint32_t)capacity) slots *= 2;
    b->capacity = capacity;
    b->max_span = GM_BOOK_MAX_TICKS;
    b->index_mask = slots - 1;
    b->free_head = GM_NIL;
    b->pool = (gm_resting_t*)gm_reserve((size_t)capacity * sizeof(gm_resting_t));
    b->index = (int32_t*)gm_reserve((size_t)slots * sizeof(int32_t));   /* 0 is empty: slot + 1 is stored */
    if (!b->pool || !b->index || gm_book_reserve_window(b, ticks) != GM_OK) {
        gm_book_free(b);
        return GM_ERR_MEMORY;
    }
    return GM_OK;
}

/* ---- levels with quantity: a bit each, three layers ---- */

static inline void gm_book_mark(gm_book_t* b, int s, uint32_t i) {
    uint64_t* w = b->words[s];
    w[i >> 6] |= 1ULL << (i & 63);
    w[b->layer1 + (i >> 12)] |= 1ULL << ((i >> 6) & 63);
    w[b->layer2 + (i >> 18)] |= 1ULL << ((i >> 12) & 63);
}

static inline void gm_book_unmark(gm_book_t* b, int s, uint32_t i) {
    uint64_t* w = b->words[s];
    if ((w[i >> 6] &= ~(1ULL << (i & 63))) != 0) return;
    if ((w[b->layer1 + (i >> 12)] &= ~(1ULL << ((i >> 6) & 63))) != 0) return;
    w[b->layer2 + (i >> 18)] &= ~(1ULL << ((i >> 12) & 63));
}

/* Lowest marked level >= i, or -1. */
static inline int64_t gm_book_at_or_above(const gm_book_t* b, int s, int64_t i) {
    const uint64_t* w = b->words[s];
    uint64_t bits;
    int64_t k;
    if (i < 0) i = 0;
    if (i >= (int64_t)b->ticks) return -1;
    bits = w[i >> 6] >> (i & 63);
    if (bits) return i + __builtin_ctzll(bits);
    k = (i >> 6) + 1;                                   /* next word of layer 0 */
    if (k >= (int64_t)b->layer1) return -1;
    bits = w[b->layer1 + (k >> 6)] >> (k & 63);
    if (!bits) {
        int64_t m = (k >> 6) + 1;                       /* next word of layer 1 */
        int64_t m_end = b->ticks / 4096, j;
        if (m >= m_end) return -1;
        bits = w[b->layer2 + (m >> 6)] >> (m & 63);
        if (bits) {
            m += __builtin_ctzll(bits);
        } else {
            int64_t j_end = (m_end + 63) / 64;
            for (j = (m >> 6) + 1; j < j_end && !w[b->layer2 + j]; j++) {}
            if (j >= j_end) return -1;
            m = j * 64 + __builtin_ctzll(w[b->layer2 + j]);
        }
        k = m * 64 + __builtin_ctzll(w[b->layer1 + m]);
    } else {
        k += __builtin_ctzll(bits);
    }
    return k * 64 + __builtin_ctzll(w[k]);
}

/* Highest marked level <= i, or -1. */
static inline int64_t gm_book_at_or_below(const gm_book_t* b, int s, int64_t i) {
    const uint64_t* w = b->words[s];
    uint64_t bits;
    int64_t k;
    if (i < 0) return -1;
    if (i >= (int64_t)b->ticks) i = (int64_t)b->ticks - 1;
    bits = w[i >> 6] << (63 - (i & 63));
    if (bits) return i - __builtin_clzll(bits);
    k = (i >> 6) - 1;
    if (k < 0) return -1;
    bits = w[b->layer1 + (k >> 6)] << (63 - (k & 63));
    if (!bits) {
        int64_t m = (k >> 6) - 1, j;
        if (m < 0) return -1;
        bits = w[b->layer2 + (m >> 6)] << (63 - (m & 63));
        if (bits) {
            m -= __builtin_clzll(bits);
        } else {
            for (j = (m >> 6) - 1; j >= 0 && !w[b->layer2 + j]; j--) {}
            if (j < 0) return -1;
            m = j * 64 + 63 - __builtin_clzll(w[b->layer2 + j]);
        }
        k = m * 64 + 63 - __builtin_clzll(w[b->layer1 + m]);
    } else {
        k -= __builtin_clzll(bits);
    }
    return k * 64 + 63 - __builtin_clzll(w[k]);
}

/* The next level behind window offset i, away from the touch; -1: none. */
static inline int64_t gm_book_next(const gm_book_t* b, int s, int64_t i) {
    return s == 0 ? gm_book_at_or_below(b, 0, i - 1) : gm_book_at_or_above(b, 1, i + 1);
}

static inline int gm_book_better(int s, int64_t a, int64_t b) { return s == 0 ? a > b : a < b; }

/* Best tick of a side; only where gm_book_has(side). */
static inline int gm_book_has(const gm_book_t* b, int s) { return b->best[s] >= 0; }
static inline int64_t gm_book_best_tick(const gm_book_t* b, int s) { return b->base + b->best[s]; }
static inline gm_level_t* gm_book_level(gm_book_t* b, int s, int64_t tick) {
    int64_t i = tick - b->base;
    return (!b->placed || i < 0 || i >= (int64_t)b->ticks) ? NULL : &b->levels[s][i];
}

/* ---- order ids ---- */

/* Sixteen consecutive ids share a cache line of the index, lines are scattered: ids mostly come in runs. */
static inline uint32_t gm_book_hash(const gm_book_t* b, int64_t id) {
    uint64_t x = ((uint64_t)id >> 4) * 0x9e3779b97f4a7c15ULL;
    return (((uint32_t)(x >> 32) << 4) | ((uint32_t)id & 15)) & b->index_mask;
}

static inline int32_t gm_book_find(const gm_book_t* b, int64_t id) {
    uint32_t i = gm_book_hash(b, id);
    int32_t v;
    while ((v = b->index[i]) != 0) {
        if (b->pool[v - 1].order_id == id) return v - 1;
        i = (i + 1) & b->index_mask;
    }
    return GM_NIL;
}

static inline void gm_book_index_put(gm_book_t* b, int64_t id, int32_t slot) {
    uint32_t i = gm_book_hash(b, id);
    while (b->index[i] != 0) i = (i + 1) & b->index_mask;
    b->index[i] = slot + 1;
}

static inline void gm_book_index_drop(gm_book_t* b, int64_t id) {
    uint32_t i = gm_book_hash(b, id), j;
    while (b->pool[b->index[i] - 1].order_id != id) i = (i + 1) & b->index_mask;
    for (j = i;;) {                                     /* close the gap: no entry may stand before its home */
        uint32_t home;
        j = (j + 1) & b->index_mask;
        if (b->index[j] == 0) break;
        home = gm_book_hash(b, b->pool[b->index[j] - 1].order_id);
        if (((j - home) & b->index_mask) >= ((j - i) & b->index_mask)) {
            b->index[i] = b->index[j];
            i = j;
        }
    }
    b->index[i] = 0;
}

/* ---- the window ---- */

static inline void gm_book_link(gm_book_t* b, int32_t slot, int at_front) {
    gm_resting_t* r = &b->pool[slot];
    int s = gm_side_of(r->side);
    int64_t i = r->tick - b->base;
    gm_level_t* level = &b->levels[s][i];
    if (level->count + level->overlays == 0) level->head = level->tail = GM_NIL;
    if (at_front) {
        r->prev = GM_NIL;
        r->next = level->head;
        if (level->head != GM_NIL) b->pool[level->head].prev = slot; else level->tail = slot;
        level->head = slot;
    } else {
        r->next = GM_NIL;
        r->prev = level->tail;
        if (level->tail != GM_NIL) b->pool[level->tail].next = slot; else level->head = slot;
        level->tail = slot;
    }
    if (r->flags & GM_REST_OVERLAY) {
        level->overlays++;
        return;
    }
    level->quantity += r->quantity;
    if (level->count++ == 0) {
        gm_book_mark(b, s, (uint32_t)i);
        if (b->best[s] < 0 || gm_book_better(s, i, b->best[s])) b->best[s] = i;
    }
}

static inline void gm_book_unlink(gm_book_t* b, int32_t slot) {
    gm_resting_t* r = &b->pool[slot];
    int s = gm_side_of(r->side);
    int64_t i = r->tick - b->base;
    gm_level_t* level = &b->levels[s][i];
    if (r->prev != GM_NIL) b->pool[r->prev].next = r->next; else level->head = r->next;
    if (r->next != GM_NIL) b->pool[r->next].prev = r->prev; else level->tail = r->prev;
    if (r->flags & GM_REST_OVERLAY) {
        level->overlays--;
        return;
    }
    level->quantity -= r->quantity;
    if (--level->count == 0) {
        gm_book_unmark(b, s, (uint32_t)i);
        if (b->best[s] == i) b->best[s] = gm_book_next(b, s, i);
    }
}

/* Moves (and where needed widens) the window so that `tick` and every order lie in it. Off the path: its cost grows
 * with the orders, not with the window. Queues are chains of slots, so a level moves as it is, priority and all. */
static inline int gm_book_move_window(gm_book_t* b, int64_t tick) {
    int64_t low = tick, high = tick, span;
    uint32_t ticks = b->ticks;
    gm_book_t moved = *b;
    if (b->live == 0) {
        b->base = tick - b->ticks / 2;
        return GM_OK;
    }
    for (int32_t slot = 0; slot < b->used; slot++) {
        const gm_resting_t* r = &b->pool[slot];
        if (!(r->flags & GM_REST_USED)) continue;
        if (r->tick < low) low = r->tick;
        if (r->tick > high) high = r->tick;
    }
    span = high - low + 1;
    while ((int64_t)ticks < 2 * span && ticks < b->max_span) ticks *= 2;
    if ((int64_t)ticks < span) return GM_ERR_RANGE;
    if (gm_book_reserve_window(&moved, ticks) != GM_OK) {
        gm_book_release_window(&moved);
        return GM_ERR_MEMORY;
    }
    moved.base = low - ((int64_t)ticks - span) / 2;
    for (int32_t slot = 0; slot < b->used; slot++) {    /* the front of each queue brings its level along */
        const gm_resting_t* r = &b->pool[slot];
        int s = gm_side_of(r->side);
        int64_t i = r->tick - moved.base;
        if (!(r->flags & GM_REST_USED) || r->prev != GM_NIL) continue;
        moved.levels[s][i] = b->levels[s][r->tick - b->base];
        if (moved.levels[s][i].count == 0) continue;    /* overlay orders only */
        gm_book_mark(&moved, s, (uint32_t)i);
        if (moved.best[s] < 0 || gm_book_better(s, i, moved.best[s])) moved.best[s] = i;
    }
    gm_book_release_window(b);
    *b = moved;
    return GM_OK;
}

/* Brings `tick` into the window and checks that its level can count `quantity` more: then an insert there can fail
 * for want of a slot only. */
static inline int gm_book_room(gm_book_t* b, int s, int64_t tick, int64_t quantity) {
    if (__builtin_expect(!b->placed || (uint64_t)(tick - b->base) >= b->ticks, 0)) {
        int code;
        if (tick > INT32_MAX || tick < INT32_MIN) return GM_ERR_RANGE;
        code = gm_book_move_window(b, tick);
        if (code != GM_OK) return code;
        b->placed = 1;
    }
    return quantity > INT64_MAX - b->levels[s][tick - b->base].quantity ? GM_ERR_RANGE : GM_OK;
}

/* ---- commands ---- */

/* Adds an order at the back (or the front) of its level. Its slot, or a negative gm_code and nothing changed.
 * The caller sees to it that no resting order has the id. */
static inline int32_t gm_book_insert(gm_book_t* b, int64_t id, int8_t side, int64_t tick, int64_t quantity,
                                     uint8_t flags, int at_front) {
    int32_t slot = b->free_head;
    int code;
    gm_resting_t* r;
    if (slot == GM_NIL && b->used >= b->capacity) return GM_ERR_CAPACITY;
    code = gm_book_room(b, gm_side_of(side), tick, quantity);
    if (__builtin_expect(code != GM_OK, 0)) return code;
    if (slot != GM_NIL) b->free_head = b->pool[slot].next; else slot = b->used++;
    r = &b->pool[slot];
    r->order_id = id;
    r->quantity = quantity;
    r->reserve = 0;
    r->display = 0;
    r->owner = 0;
    r->tick = (int32_t)tick;
    r->side = side;
    r->flags = (uint8_t)(flags | GM_REST_USED);
    gm_book_link(b, slot, at_front);
    gm_book_index_put(b, id, slot);
    b->live++;
    return slot;
}

static inline int32_t gm_book_add(gm_book_t* b, int64_t id, int8_t side, int64_t tick, int64_t quantity, uint8_t flags) {
    return gm_book_insert(b, id, side, tick, quantity, flags, 0);
}

static inline void gm_book_remove(gm_book_t* b, int32_t slot) {
    gm_book_unlink(b, slot);
    gm_book_index_drop(b, b->pool[slot].order_id);
    b->pool[slot].flags = 0;
    b->pool[slot].next = b->free_head;
    b->free_head = slot;
    b->live--;
}

/* Takes `quantity` off an order in its place (it keeps its priority); all of it removes the order. */
static inline void gm_book_reduce(gm_book_t* b, int32_t slot, int64_t quantity) {
    gm_resting_t* r = &b->pool[slot];
    if (quantity >= r->quantity) {
        gm_book_remove(b, slot);
        return;
    }
    r->quantity -= quantity;
    if (!(r->flags & GM_REST_OVERLAY)) b->levels[gm_side_of(r->side)][r->tick - b->base].quantity -= quantity;
}

/* Removes every order, overlays too. The next order places the window anew. */
static inline void gm_book_clear(gm_book_t* b) {
    for (int32_t slot = 0; slot < b->used; slot++)
        if (b->pool[slot].flags & GM_REST_USED) gm_book_remove(b, slot);
    b->used = 0;
    b->free_head = GM_NIL;
    b->placed = 0;
}

/* An order-independent sum over the resting orders: equal books have equal hashes, whatever their slots. */
static inline uint64_t gm_mix64(uint64_t x) {
    x ^= x >> 30; x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27; x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static inline uint64_t gm_book_hash_order(const gm_resting_t* r) {
    uint64_t h = gm_mix64((uint64_t)r->order_id + 0x9e3779b97f4a7c15ULL);
    h = gm_mix64(h ^ (uint64_t)(int64_t)r->tick);
    h = gm_mix64(h ^ (uint64_t)r->quantity);
    h = gm_mix64(h ^ (uint64_t)(int64_t)r->side);
    return r->reserve | r->display ? gm_mix64(gm_mix64(h ^ (uint64_t)r->reserve) + (uint64_t)r->display) : h;
}

static inline uint64_t gm_book_state_hash(const gm_book_t* b) {
    uint64_t sum = 0;
    for (int32_t i = 0; i < b->used; i++) {
        const gm_resting_t* r = &b->pool[i];
        if (r->flags & GM_REST_USED) sum += gm_book_hash_order(r);
    }
    return sum;
}

/* 0, or the number of the broken invariant (book.pyx names them). Reads the marks of the whole window, but only the
 * levels that have orders: those are found by their first order. */
static inline int gm_book_check_level(const gm_book_t* b, int s, int64_t i, int32_t* seen) {
    const gm_level_t* level = &b->levels[s][i];
    int marked = (int)((b->words[s][i >> 6] >> (i & 63)) & 1);
    int64_t quantity = 0;
    int32_t count = 0, overlays = 0, last = GM_NIL;
    if (marked != (level->count > 0)) return 1;
    for (int32_t slot = level->head; slot != GM_NIL; slot = b->pool[slot].next) {
        const gm_resting_t* r = &b->pool[slot];
        if (!(r->flags & GM_REST_USED) || gm_side_of(r->side) != s || r->tick - b->base != i) return 2;
        if (r->prev != last) return 3;
        if (r->quantity <= 0) return 4;
        if (gm_book_find(b, r->order_id) != slot) return 5;
        if (r->flags & GM_REST_OVERLAY) overlays++; else { count++; quantity += r->quantity; }
        last = slot;
        if (++*seen > b->live) return 6;
    }
    if (level->tail != last) return 7;
    if (count != level->count || overlays != level->overlays) return 8;
    return quantity != level->quantity ? 9 : 0;
}

static inline int gm_book_check(const gm_book_t* b) {
    int32_t seen = 0, free_slots = 0, indexed = 0;
    int64_t marked[2] = {0, 0}, best[2] = {-1, -1};
    for (int32_t slot = b->free_head; slot != GM_NIL; slot = b->pool[slot].next)
        if (slot < 0 || slot >= b->used || (b->pool[slot].flags & GM_REST_USED) || ++free_slots > b->used) return 12;
    if (free_slots + b->live != b->used) return 12;
    for (uint32_t i = 0; i <= b->index_mask; i++) indexed += b->index[i] != 0;
    if (indexed != b->live) return 13;
    for (int s = 0; s < 2; s++) {
        const uint64_t* w = b->words[s];
        for (uint32_t k = 0; k < b->ticks / 64; k++) {
            if (((w[b->layer1 + (k >> 6)] >> (k & 63)) & 1) != (w[k] != 0)) return 14;
            if (w[k]) marked[s] += __builtin_popcountll(w[k]);
        }
        for (uint32_t k = 0; k < b->ticks / 4096; k++)
            if (((w[b->layer2 + (k >> 6)] >> (k & 63)) & 1) != (w[b->layer1 + k] != 0)) return 14;
    }
    for (int32_t slot = 0; slot < b->used; slot++) {
        const gm_resting_t* r = &b->pool[slot];
        int s = gm_side_of(r->side), broken;
        int64_t i = r->tick - b->base;
        if (!(r->flags & GM_REST_USED) || r->prev != GM_NIL) continue;
        if (i < 0 || i >= (int64_t)b->ticks || b->levels[s][i].head != slot) return 2;
        if ((broken = gm_book_check_level(b, s, i, &seen)) != 0) return broken;
        if (b->levels[s][i].count == 0) continue;
        marked[s]--;
        if (best[s] < 0 || gm_book_better(s, i, best[s])) best[s] = i;
    }
    if (seen != b->live) return 11;
    if (marked[0] != 0 || marked[1] != 0) return 1;
    return best[0] == b->best[0] && best[1] == b->best[1] ? 0 : 10;
}

#endif
