/* Messages of a market data feed applied to a book. A message is applied as a whole or not at all; what was wrong
 * with it is a gm_feed_problem, never a repair.
 *
 * Whether the book is the exchange's is a state of its own: a gap (told by a flag, or by the numbers of a feed that
 * numbers densely) makes it unsynchronised, and only a CLEAR, or a snapshot that is whole, makes it synchronised again.
 * In between messages go on being applied. */
#ifndef GM_FEED_H
#define GM_FEED_H

#include "levels.h"

enum gm_feed_problem {
    GM_FEED_OK = 0, GM_FEED_UNKNOWN_ORDER, GM_FEED_DUPLICATE_ORDER, GM_FEED_PRICE, GM_FEED_QUANTITY, GM_FEED_SIDE,
    GM_FEED_ACTION, GM_FEED_CAPACITY, GM_FEED_SEQUENCE, GM_FEED_PROBLEM_END
};
enum gm_sync_state { GM_SYNCED = 0, GM_UNSYNCED, GM_LOADING };
#define GM_ANY_SYMBOL (-1)

typedef struct gm_feed {
    int64_t tick_e9;
    uint64_t tick_inverse;      /* of the odd part of tick_e9, modulo 2^64; 0: the tick is too large for it */
    int32_t tick_shift;         /* tick_e9 is its odd part << tick_shift */
    int32_t symbol;             /* GM_ANY_SYMBOL, or the only one that concerns the book */
    int32_t by_level;
    int32_t dense;              /* sequences count up by one, or stay while one event goes on */
    int32_t state;              /* gm_sync_state */
    int32_t watched;            /* dense, or a snapshot is being loaded */
    int64_t sequence;           /* last seen; 0: none yet */
    int64_t gaps;
    int64_t anonymous;          /* orders of snapshots by level that still rest in a book by order */
    int64_t problems[GM_FEED_PROBLEM_END];
} gm_feed_t;

static inline void gm_feed_reset(gm_feed_t* f) {
    f->state = GM_SYNCED;
    f->watched = f->dense;
    f->sequence = f->gaps = f->anonymous = 0;
    memset(f->problems, 0, sizeof f->problems);
}

static inline void gm_feed_init(gm_feed_t* f, int64_t tick_e9, int by_level, int32_t symbol, int dense) {
    uint64_t odd, inverse = 1;
    memset(f, 0, sizeof *f);
    f->tick_e9 = tick_e9;
    f->tick_shift = __builtin_ctzll((uint64_t)tick_e9);
    odd = (uint64_t)tick_e9 >> f->tick_shift;
    for (int i = 0; i < 6; i++) inverse *= 2 - odd * inverse;    /* Newton: one bit right at first, 64 after six steps */
    f->tick_inverse = tick_e9 < (INT64_C(1) << 32) ? inverse : 0;
    f->by_level = by_level;
    f->symbol = symbol;
    f->dense = dense;
    gm_feed_reset(f);
}

/* True if the price is on the tick and its tick number has 32 bits; then *tick is that number. Division by the tick is
 * multiplication by its inverse modulo 2^64: what comes out is the quotient if and only if it is that small, since a
 * number of 32 bits times an odd part below 2^32 stays below 2^63. */
static inline int gm_feed_tick(const gm_feed_t* f, int64_t price_e9, int64_t* tick) {
    if (__builtin_expect(f->tick_inverse == 0, 0)) {
        *tick = price_e9 / f->tick_e9;
        return price_e9 != GM_NO_PRICE && *tick * f->tick_e9 == price_e9 && *tick <= INT32_MAX && *tick >= INT32_MIN;
    }
    *tick = (int64_t)((uint64_t)(price_e9 >> f->tick_shift) * f->tick_inverse);
    return *tick == (int32_t)*tick && (price_e9 & ((INT64_C(1) << f->tick_shift) - 1)) == 0;
}

static inline int gm_feed_problem_of(int code) {
    return code == GM_OK ? GM_FEED_OK : code == GM_ERR_RANGE ? GM_FEED_PRICE : GM_FEED_CAPACITY;
}

/* ---- whether anything is missing ---- */

/* GM_FEED_OK, or GM_FEED_SEQUENCE: the message is older than what has been applied and must not be. */
static inline int gm_feed_see(gm_feed_t* f, const gm_message_t* m, int mine) {
    int snapshot = mine && m->action != GM_HALT && (m->flags & GM_FLAG_SNAPSHOT);
    int clear = mine && m->action == GM_CLEAR;
    int gap = m->flags & GM_FLAG_GAP;
    if (f->dense && m->sequence != 0) {
        if (clear || snapshot || f->sequence == 0) {
            f->sequence = m->sequence;
        } else if (m->sequence < f->sequence) {
            return GM_FEED_SEQUENCE;
        } else {
            gap |= m->sequence > f->sequence + 1;
            f->sequence = m->sequence;
        }
    }
    if (f->state == GM_LOADING && mine && !snapshot) f->state = GM_SYNCED;      /* a snapshot whose end nobody marked */
    if (gap) {
        f->gaps++;
        f->state = GM_UNSYNCED;
    }
    if (clear) f->state = snapshot ? GM_LOADING : GM_SYNCED;
    if (f->state == GM_LOADING && snapshot && (m->flags & GM_FLAG_LAST)) f->state = GM_SYNCED;
    f->watched = f->dense || f->state == GM_LOADING;
    return GM_FEED_OK;
}

/* ---- by order ---- */

/* The id of what a snapshot by level says stands at a price, of nobody known. */
static inline int64_t gm_anonymous_id(int s, int64_t tick) { return INT64_MIN / 2 + tick * 2 + s; }

static inline int gm_feed_add(gm_feed_t* f, gm_book_t* b, const gm_message_t* m) {
    int64_t tick, id = m->order_id;
    int anonymous = id == 0 && (m->flags & GM_FLAG_SNAPSHOT);
    int32_t slot;
    if (m->side != GM_BUY && m->side != GM_SELL) return GM_FEED_SIDE;
    if (m->quantity <= 0) return GM_FEED_QUANTITY;
    if (id == 0 && !anonymous) return GM_FEED_UNKNOWN_ORDER;
    if (!gm_feed_tick(f, m->price_e9, &tick)) return GM_FEED_PRICE;
    if (anonymous) id = gm_anonymous_id(gm_side_of(m->side), tick);
    if (gm_book_find(b, id) >= 0) return GM_FEED_DUPLICATE_ORDER;
    slot = gm_book_insert(b, id, m->side, tick, m->quantity, anonymous ? GM_REST_ANONYMOUS : 0, anonymous);
    if (slot < 0) return gm_feed_problem_of(slot);
    f->anonymous += anonymous != 0;
    return GM_FEED_OK;
}

/* A message about an order that nobody added: it may be part of what a snapshot by level had at its price. */
static inline int gm_feed_unknown(gm_feed_t* f, gm_book_t* b, const gm_message_t* m) {
    int64_t tick;
    int32_t slot;
    if (f->anonymous == 0 || (m->side != GM_BUY && m->side != GM_SELL) || m->quantity <= 0) return GM_FEED_UNKNOWN_ORDER;
    if (!gm_feed_tick(f, m->price_e9, &tick)) return GM_FEED_UNKNOWN_ORDER;
    slot = gm_book_find(b, gm_anonymous_id(gm_side_of(m->side), tick));
    if (slot < 0 || m->quantity > b->pool[slot].quantity) return GM_FEED_UNKNOWN_ORDER;
    f->anonymous -= m->quantity == b->pool[slot].quantity;
    gm_book_reduce(b, slot, m->quantity);
    return GM_FEED_OK;
}

/* A new id (`counterparty`) is a new order at the back of its level, whatever changed. An order that keeps its id keeps its
 * place too where only its size goes down, as at CME, ICE and Xetra; otherwise it goes to the back. */
static inline int gm_feed_replace(const gm_feed_t* f, gm_book_t* b, const gm_message_t* m) {
    int32_t slot = gm_book_find(b, m->order_id);
    int64_t id = m->counterparty != 0 ? m->counterparty : m->order_id, tick;
    int8_t side;
    int code;
    if (slot < 0) return GM_FEED_UNKNOWN_ORDER;
    if (m->quantity <= 0) return GM_FEED_QUANTITY;
    if (!gm_feed_tick(f, m->price_e9, &tick)) return GM_FEED_PRICE;
    if (id != m->order_id && gm_book_find(b, id) >= 0) return GM_FEED_DUPLICATE_ORDER;
    side = b->pool[slot].side;
    if (id == m->order_id && tick == b->pool[slot].tick && m->quantity <= b->pool[slot].quantity) {
        gm_book_reduce(b, slot, b->pool[slot].quantity - m->quantity);
        return GM_FEED_OK;
    }
    code = gm_book_room(b, gm_side_of(side), tick, m->quantity);    /* from here on it cannot fail: a slot is freed */
    if (code != GM_OK) return gm_feed_problem_of(code);
    gm_book_remove(b, slot);
    gm_book_add(b, id, side, tick, m->quantity, 0);
    return GM_FEED_OK;
}

static inline int gm_feed_take(gm_feed_t* f, gm_book_t* b, const gm_message_t* m) {
    int32_t slot = gm_book_find(b, m->order_id);
    if (__builtin_expect(slot < 0, 0)) return gm_feed_unknown(f, b, m);
    if (m->quantity <= 0 || m->quantity > b->pool[slot].quantity) return GM_FEED_QUANTITY;
    f->anonymous -= m->quantity == b->pool[slot].quantity && (b->pool[slot].flags & GM_REST_ANONYMOUS);
    gm_book_reduce(b, slot, m->quantity);
    return GM_FEED_OK;
}

static inline int gm_feed_delete(gm_feed_t* f, gm_book_t* b, const gm_message_t* m) {
    int32_t slot = gm_book_find(b, m->order_id);
    if (__builtin_expect(slot < 0, 0)) return gm_feed_unknown(f, b, m);
    f->anonymous -= (b->pool[slot].flags & GM_REST_ANONYMOUS) != 0;
    gm_book_remove(b, slot);
    return GM_FEED_OK;
}

static inline int gm_feed_by_order(gm_feed_t* f, gm_book_t* b, const gm_message_t* m) {
    switch (m->action) {
    case GM_ADD: return gm_feed_add(f, b, m);
    case GM_REDUCE:
    case GM_EXECUTE: return gm_feed_take(f, b, m);
    case GM_DELETE: return gm_feed_delete(f, b, m);
    case GM_REPLACE: return gm_feed_replace(f, b, m);
    case GM_CLEAR:
        gm_book_clear(b);
        f->anonymous = 0;
        return GM_FEED_OK;
    case GM_EXECUTE_HIDDEN: case GM_HALT: case GM_TRADE: case GM_CROSS_TRADE: return GM_FEED_OK;
    default: return GM_FEED_ACTION;
    }
}

/* ---- by level ---- */

static inline int gm_feed_by_level(const gm_feed_t* f, gm_book_t* b, const gm_message_t* m) {
    int64_t tick;
    int s;
    if (__builtin_expect(m->action != GM_SET_LEVEL, 0)) {
        switch (m->action) {
        case GM_CLEAR: gm_levels_clear(b); return GM_FEED_OK;
        case GM_EXECUTE_HIDDEN: case GM_HALT: case GM_TRADE: case GM_CROSS_TRADE: return GM_FEED_OK;
        default: return GM_FEED_ACTION;
        }
    }
    if (m->side != GM_BUY && m->side != GM_SELL) return GM_FEED_SIDE;
    s = gm_side_of(m->side);
    if (m->quantity < 0 || (uint64_t)m->counterparty > INT32_MAX) return GM_FEED_QUANTITY;
    if (m->level == 1) {                                /* the side begins anew */
        if (m->quantity == 0) {
            gm_levels_clear_side(b, s);
            return GM_FEED_OK;
        }
        if (!gm_feed_tick(f, m->price_e9, &tick)) return GM_FEED_PRICE;
        return gm_feed_problem_of(gm_levels_begin_side(b, s, tick, m->quantity, (int32_t)m->counterparty));
    }
    if (!gm_feed_tick(f, m->price_e9, &tick)) return GM_FEED_PRICE;
    return gm_feed_problem_of(gm_levels_set(b, s, tick, m->quantity, (int32_t)m->counterparty));
}

/* ---- both ---- */

static inline int gm_feed_one(gm_feed_t* f, gm_book_t* b, const gm_message_t* m) {
    int mine = f->symbol == GM_ANY_SYMBOL || m->symbol == f->symbol || (m->symbol < 0 && m->action == GM_CLEAR);
    int problem = GM_FEED_OK;
    if (__builtin_expect(f->watched | (m->flags & (GM_FLAG_GAP | GM_FLAG_SNAPSHOT)) | (m->action == GM_CLEAR), 0))
        problem = gm_feed_see(f, m, mine);
    if (!mine) return GM_FEED_OK;                       /* it counted, and that is all */
    if (problem == GM_FEED_OK) problem = f->by_level ? gm_feed_by_level(f, b, m) : gm_feed_by_order(f, b, m);
    if (__builtin_expect(problem != GM_FEED_OK, 0)) f->problems[problem]++;
    return problem;
}

/* The messages from rows[0] on that only set a level inside the window by price: how many were applied. Everything else,
 * faults too, ends it and is gm_feed_one's. */
static inline int64_t gm_feed_plain_levels(const gm_feed_t* f, gm_book_t* b, const gm_message_t* rows, int64_t n) {
    const uint32_t plain = 0xffu | (uint32_t)(GM_FLAG_GAP | GM_FLAG_SNAPSHOT) << 16 | 0xffu << 24;
    const uint64_t inverse = f->tick_inverse, ticks = b->ticks;
    const int shift = f->tick_shift;
    const int64_t below_tick = (INT64_C(1) << shift) - 1, base = b->base;
    int64_t k;
    if (base < INT32_MIN || base + (int64_t)ticks > INT32_MAX) return 0;    /* tick numbers have 32 bits, gm_feed_tick sees to it */
    for (k = 0; k < n; k++) {
        const gm_message_t* m = &rows[k];
        const int64_t i = (int64_t)((uint64_t)(m->price_e9 >> shift) * inverse - (uint64_t)base);
        uint32_t kind;                                  /* action, side, flags, level: one byte each */
        int fits;
        memcpy(&kind, &m->action, sizeof kind);
        fits = (kind & plain) == GM_SET_LEVEL;
        fits &= (((kind >> 8) + 1) & 0xfd) == 0;        /* 1 or -1 */
        fits &= (uint64_t)i < ticks;
        fits &= (m->price_e9 & below_tick) == 0;
        fits &= ((uint64_t)m->quantity >> 63 | (uint64_t)m->counterparty >> 31) == 0;
        if (__builtin_expect(!fits, 0)) break;
        if (__builtin_expect(gm_levels_put(b, (kind >> 15) & 1, i, m->quantity, (int32_t)m->counterparty) != GM_OK, 0)) break;
    }
    return k;
}

/* What did not fit of rows[0:n]; *first is the index of the first of them and *what its problem, or -1. `strict` ends
 * with it. */
static inline int64_t gm_feed_apply(gm_feed_t* f, gm_book_t* b, const gm_message_t* rows, int64_t n, int strict,
                                    int64_t* first, int* what) {
    const int may_be_plain = f->by_level && f->symbol == GM_ANY_SYMBOL && f->tick_inverse != 0;
    int64_t failed = 0;
    *first = -1;
    for (int64_t i = 0; i < n; i++) {
        int problem;
        if (may_be_plain && b->placed && !f->watched) {
            i += gm_feed_plain_levels(f, b, &rows[i], n - i);
            if (i == n) break;
        }
        problem = gm_feed_one(f, b, &rows[i]);
        if (__builtin_expect(problem != GM_FEED_OK, 0)) {
            if (failed++ == 0) {
                *first = i;
                *what = problem;
            }
            if (strict) break;
        }
    }
    return failed;
}

/* The best n levels of both sides as (ask, its quantity, bid, its quantity) each; (GM_NO_PRICE, 0) where there is none. */
static inline void gm_book_row(const gm_book_t* b, int64_t tick_e9, int64_t n, int64_t* row) {
    for (int s = 0; s < 2; s++) {
        int64_t* cell = row + (s == 0 ? 2 : 0);
        int64_t i = b->best[s];
        for (int64_t k = 0; k < n; k++, cell += 4) {
            cell[0] = i < 0 ? GM_NO_PRICE : (b->base + i) * tick_e9;
            cell[1] = i < 0 ? 0 : b->levels[s][i].quantity;
            if (i >= 0) i = gm_book_next(b, s, i);
        }
    }
}

#endif
