/* A limit order book by price level, in the same window of ticks as the book by order (book.h): a level is what the feed
 * says it is, there are no orders, so neither pool nor index are reserved. A level has quantity or is not there. `count`
 * is the feed's number of orders, 0 where it tells none; `live` counts levels. */
#ifndef GM_LEVELS_H
#define GM_LEVELS_H

#include "book.h"

/* ticks: a power of two in [4096, 2^26]; capacity: levels of both sides, at the most. */
static inline int gm_levels_init(gm_book_t* b, uint32_t ticks, int32_t capacity) {
    memset(b, 0, sizeof *b);
    b->free_head = GM_NIL;
    if (gm_book_reserve_window(b, ticks) != GM_OK) {
        gm_book_release_window(b);
        return GM_ERR_MEMORY;
    }
    b->capacity = capacity;
    b->max_span = GM_BOOK_MAX_TICKS;
    return GM_OK;
}

static inline void gm_levels_free(gm_book_t* b) {
    gm_book_release_window(b);
    memset(b, 0, sizeof *b);
}

/* The window around `tick` and every level, widened where needed. Its cost grows with the levels. */
static inline int gm_levels_move_window(gm_book_t* b, int64_t tick) {
    int64_t low = tick, high = tick, span;
    uint32_t ticks = b->ticks;
    gm_book_t moved = *b;
    if (b->live == 0) {
        b->base = tick - b->ticks / 2;
        return GM_OK;
    }
    for (int s = 0; s < 2; s++) {
        int64_t first = gm_book_at_or_above(b, s, 0), last = gm_book_at_or_below(b, s, (int64_t)b->ticks - 1);
        if (first < 0) continue;
        if (b->base + first < low) low = b->base + first;
        if (b->base + last > high) high = b->base + last;
    }
    span = high - low + 1;
    while ((int64_t)ticks < 2 * span && ticks < b->max_span) ticks *= 2;
    if ((int64_t)ticks < span) return GM_ERR_RANGE;
    if (gm_book_reserve_window(&moved, ticks) != GM_OK) {
        gm_book_release_window(&moved);
        return GM_ERR_MEMORY;
    }
    moved.base = low - ((int64_t)ticks - span) / 2;
    for (int s = 0; s < 2; s++) {
        for (int64_t i = gm_book_at_or_above(b, s, 0); i >= 0; i = gm_book_at_or_above(b, s, i + 1)) {
            int64_t to = b->base + i - moved.base;
            moved.levels[s][to] = b->levels[s][i];
            gm_book_mark(&moved, s, (uint32_t)to);
        }
        if (b->best[s] >= 0) moved.best[s] = b->base + b->best[s] - moved.base;
    }
    gm_book_release_window(b);
    *b = moved;
    return GM_OK;
}

/* Level i of the window now has `quantity`, 0: it is gone. Whether a level comes, goes or only changes, and on which side,
 * is nobody's guess: no branch asks for it. */
static inline int gm_levels_put(gm_book_t* b, int s, int64_t i, int64_t quantity, int32_t count) {
    gm_level_t* level = &b->levels[s][i];
    uint64_t* word = &b->words[s][i >> 6];
    int64_t best = b->best[s];
    uint64_t was, is;
    int old = level->quantity != 0, now = quantity != 0;
    if (__builtin_expect(b->live >= b->capacity, 0) && !old && now) return GM_ERR_CAPACITY;
    level->quantity = quantity;
    level->count = count;
    b->live += now - old;
    was = *word;
    is = (was & ~(1ULL << (i & 63))) | ((uint64_t)now << (i & 63));
    *word = is;
    if (__builtin_expect((was != 0) != (is != 0), 0)) {
        if (is) gm_book_mark(b, s, (uint32_t)i); else gm_book_unmark(b, s, (uint32_t)i);
    }
    if (((((i - best) ^ -(int64_t)s) + s) >= 0) | (best < 0)) {     /* at the touch or inside it: s turns asks around */
        if (now) b->best[s] = i;
        else if (i == best) b->best[s] = gm_book_next(b, s, i);
    }
    return GM_OK;
}

/* The level at `tick` now has `quantity`; the window comes to it where needed. */
static inline int gm_levels_set(gm_book_t* b, int s, int64_t tick, int64_t quantity, int32_t count) {
    if (__builtin_expect(!b->placed || (uint64_t)(tick - b->base) >= b->ticks, 0)) {
        int code;
        if (quantity == 0) return GM_OK;
        if (b->live >= b->capacity) return GM_ERR_CAPACITY;
        code = gm_levels_move_window(b, tick);
        if (code != GM_OK) return code;
        b->placed = 1;
    }
    return gm_levels_put(b, s, tick - b->base, quantity, count);
}

static inline void gm_levels_clear_side(gm_book_t* b, int s) {
    for (int64_t i = b->best[s]; i >= 0; i = b->best[s]) gm_levels_set(b, s, b->base + i, 0, 0);
}

/* The side is this one level from here on, or stays as it was. */
static inline int gm_levels_begin_side(gm_book_t* b, int s, int64_t tick, int64_t quantity, int32_t count) {
    int64_t low = tick, high = tick, best = b->best[s];
    if (best >= 0 && b->base + best == tick && gm_book_next(b, s, best) < 0)
        return gm_levels_set(b, s, tick, quantity, count);      /* as most often: only its size changes */
    if (best < 0 && b->live >= b->capacity) return GM_ERR_CAPACITY;
    if (gm_book_has(b, 1 - s)) {
        int64_t first = b->base + gm_book_at_or_above(b, 1 - s, 0), last = b->base + gm_book_at_or_below(b, 1 - s, (int64_t)b->ticks - 1);
        if (first < low) low = first;
        if (last > high) high = last;
        if (high - low >= (int64_t)b->max_span) return GM_ERR_RANGE;
    }
    gm_levels_clear_side(b, s);
    return gm_levels_set(b, s, tick, quantity, count);
}

static inline void gm_levels_clear(gm_book_t* b) {
    gm_levels_clear_side(b, 0);
    gm_levels_clear_side(b, 1);
    b->placed = 0;
}

static inline uint64_t gm_levels_state_hash(const gm_book_t* b) {
    uint64_t sum = 0;
    for (int s = 0; s < 2; s++)
        for (int64_t i = b->best[s]; i >= 0; i = gm_book_next(b, s, i)) {
            uint64_t h = gm_mix64((uint64_t)(b->base + i) * 2 + (uint64_t)s + 0x9e3779b97f4a7c15ULL);
            sum += gm_mix64(gm_mix64(h ^ (uint64_t)b->levels[s][i].quantity) + (uint64_t)(uint32_t)b->levels[s][i].count);
        }
    return sum;
}

/* 0, or the number of the broken invariant (book.pyx names them). Reads all of the window's marks. */
static inline int gm_levels_check(const gm_book_t* b) {
    int64_t marked = 0;
    for (int s = 0; s < 2; s++) {
        const uint64_t* w = b->words[s];
        int64_t best = -1;
        for (uint32_t k = 0; k < b->ticks / 64; k++)
            if (((w[b->layer1 + (k >> 6)] >> (k & 63)) & 1) != (w[k] != 0)) return 14;
        for (uint32_t k = 0; k < b->ticks / 4096; k++)
            if (((w[b->layer2 + (k >> 6)] >> (k & 63)) & 1) != (w[b->layer1 + k] != 0)) return 14;
        for (int64_t i = gm_book_at_or_above(b, s, 0); i >= 0; i = gm_book_at_or_above(b, s, i + 1)) {
            if (b->levels[s][i].quantity <= 0 || b->levels[s][i].count < 0) return 4;
            if (best < 0 || s == 0) best = i;
            marked++;
        }
        if (best != b->best[s]) return 10;
    }
    return marked == b->live ? 0 : 1;
}

#endif
