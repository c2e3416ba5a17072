/* The order table: rows, their rarer terms, the index from id to row, the live orders of each symbol, and the one table of legal
 * transitions.
 *
 * Ids are dense, so the index is an array. Rows of closed orders stay readable in a ring of `retained` orders, for
 * `retention_ns` at most, and are then used again; the log keeps them for good. Live orders are never let go. */
#ifndef GM_ORDERS_H
#define GM_ORDERS_H

#include <string.h>
#include "instruments.h"

#define GM_TERMS_ROWS ((int64_t)1 << 20)
#define GM_ORDER_ROWS ((int64_t)1 << 22)        /* live and retained at once; address space, touched as used */
#define GM_ORDER_IDS ((int64_t)1 << 28)

/* A live order's neighbours among those of its symbol that are held by the engine, as it is, or are not: rows, -1 at the ends. */
typedef struct gm_neighbours { int32_t next, previous; } gm_neighbours_t;

typedef struct gm_orders {
    gm_order_t* rows;
    gm_neighbours_t* neighbours; /* [row] */
    int32_t* newest;             /* [2 * symbol + is held]: row + 1 of its latest such live order; 0: none */
    gm_terms_t* terms;           /* [place]; free ones are chained through order_id: -(next + 2) */
    int32_t terms_used, terms_free;
    int32_t* row_of;             /* [order_id]: row + 1; 0: none, or no longer held */
    int32_t* closed;             /* ring of the last closed rows */
    int32_t retained;            /* its length */
    int64_t closed_count;        /* ever closed */
    int64_t let_go;              /* of them: no longer held */
    int64_t retention_ns;        /* how long a closed order is held after its last change; 0: however long */
    int32_t used;                /* rows ever touched */
    int32_t free_head;           /* chained through order_id of the free rows: -(next + 2) */
    int64_t next_id;
    int64_t live;
    int64_t by_status[GM_STATUS_END];
    int64_t illegal;             /* transitions refused */
    int64_t held_changes;        /* orders that came to be held, or are no more */
} gm_orders_t;

#define GM_BIT(status) (1u << (status))

/* Legal transitions: row = from, bits = to. One that is not here is refused, recorded and counted; it is never applied.
 *
 *   NEW -> PENDING_NEW       an order that the engine held is released to a venue, which has not answered yet
 *   PENDING_CANCEL -> REJECTED, and PENDING_* -> FILLED: FIX 4.4 appendix D, matrices B and C (the answer says what the order is)
 *   UNKNOWN -> anything      sent and not answered: the first word that comes is the truth */
#define GM_CLOSED_BITS (GM_BIT(GM_FILLED) | GM_BIT(GM_CANCELED) | GM_BIT(GM_REJECTED) | GM_BIT(GM_EXPIRED))
#define GM_LIVE_BITS (GM_BIT(GM_NEW) | GM_BIT(GM_PARTIALLY_FILLED) | GM_BIT(GM_PENDING_CANCEL) | GM_BIT(GM_SUSPENDED) | GM_BIT(GM_UNKNOWN_STATUS))
static const uint32_t GM_TRANSITIONS[GM_STATUS_END] = {
    [0] = GM_BIT(GM_PENDING_NEW) | GM_BIT(GM_NEW) | GM_BIT(GM_REJECTED),
    [GM_PENDING_NEW] = GM_BIT(GM_PENDING_NEW) | GM_LIVE_BITS | GM_CLOSED_BITS,
    [GM_NEW] = GM_LIVE_BITS | GM_CLOSED_BITS | GM_BIT(GM_PENDING_REPLACE) | GM_BIT(GM_PENDING_NEW),
    [GM_PARTIALLY_FILLED] = GM_LIVE_BITS | (GM_CLOSED_BITS & ~GM_BIT(GM_REJECTED)) | GM_BIT(GM_PENDING_REPLACE),
    [GM_PENDING_CANCEL] = GM_LIVE_BITS | GM_CLOSED_BITS,
    [GM_PENDING_REPLACE] = GM_LIVE_BITS | GM_CLOSED_BITS | GM_BIT(GM_PENDING_REPLACE),
    [GM_SUSPENDED] = GM_LIVE_BITS | (GM_CLOSED_BITS & ~GM_BIT(GM_REJECTED)),
    [GM_UNKNOWN_STATUS] = GM_LIVE_BITS | GM_CLOSED_BITS,
};

static inline int gm_is_closed(uint8_t status) {
    return (GM_BIT(status) & GM_CLOSED_BITS) != 0;
}

/* Does a venue owe an answer? */
static inline int gm_is_pending(uint8_t status) {
    return (GM_BIT(status) & (GM_BIT(GM_PENDING_NEW) | GM_BIT(GM_PENDING_CANCEL) | GM_BIT(GM_PENDING_REPLACE))) != 0;
}

/* Does the engine hold orders of this type until a price is met? */
static inline int gm_is_triggered(uint8_t type) { return type >= GM_STOP && type <= GM_LIMIT_IF_TOUCHED; }

static inline int gm_is_legal(uint8_t from, uint8_t to) { return (int)((GM_TRANSITIONS[from] >> to) & 1u); }

static inline void gm_orders_free(gm_orders_t* t) {
    gm_release(t->rows, GM_ORDER_ROWS * sizeof(gm_order_t));
    gm_release(t->row_of, GM_ORDER_IDS * sizeof(int32_t));
    gm_release(t->closed, (size_t)t->retained * sizeof(int32_t));
    gm_release(t->neighbours, GM_ORDER_ROWS * sizeof(gm_neighbours_t));
    gm_release(t->newest, 2 * GM_MAX_SYMBOLS * sizeof(int32_t));
    gm_release(t->terms, GM_TERMS_ROWS * sizeof(gm_terms_t));
    memset(t, 0, sizeof *t);
}

static inline int gm_orders_init(gm_orders_t* t, int32_t retained) {
    memset(t, 0, sizeof *t);
    t->retained = retained;
    t->next_id = 1;
    t->free_head = t->terms_free = -1;
    t->rows = (gm_order_t*)gm_reserve_dense(GM_ORDER_ROWS * sizeof(gm_order_t));
    t->row_of = (int32_t*)gm_reserve_dense(GM_ORDER_IDS * sizeof(int32_t));
    t->closed = (int32_t*)gm_reserve((size_t)retained * sizeof(int32_t));
    t->neighbours = (gm_neighbours_t*)gm_reserve_dense(GM_ORDER_ROWS * sizeof(gm_neighbours_t));
    t->newest = (int32_t*)gm_reserve(2 * GM_MAX_SYMBOLS * sizeof(int32_t));
    t->terms = (gm_terms_t*)gm_reserve(GM_TERMS_ROWS * sizeof(gm_terms_t));
    if (!t->rows || !t->row_of || !t->closed || !t->neighbours || !t->newest || !t->terms) {
        gm_orders_free(t);
        return GM_ERR_MEMORY;
    }
    return GM_OK;
}

static inline gm_order_t* gm_orders_find(const gm_orders_t* t, int64_t order_id) {
    int32_t row;
    if (order_id <= 0 || order_id >= t->next_id) return NULL;
    row = t->row_of[order_id];
    return row ? &t->rows[row - 1] : NULL;
}

static inline int gm_orders_room(const gm_orders_t* t) {
    return (t->free_head >= 0 || t->used < GM_ORDER_ROWS) && t->next_id < GM_ORDER_IDS - 1;
}

/* ---- terms ---- */

static inline gm_terms_t* gm_terms_of(const gm_orders_t* t, const gm_order_t* o) { return o->terms ? &t->terms[o->terms - 1] : NULL; }

static inline int gm_terms_room(const gm_orders_t* t, int32_t count) {
    return t->terms_used <= GM_TERMS_ROWS - count;          /* those given back are more room, which nobody counts on */
}

static inline uint32_t gm_terms_insert(gm_orders_t* t, const gm_terms_t* terms) {
    int32_t place = t->terms_free;
    if (place >= 0) t->terms_free = (int32_t)(-t->terms[place].order_id - 2);
    else if (t->terms_used < GM_TERMS_ROWS) place = t->terms_used++;
    else return 0;
    t->terms[place] = *terms;
    return (uint32_t)place + 1;
}

static inline void gm_terms_drop(gm_orders_t* t, gm_order_t* o) {
    if (!o->terms) return;
    t->terms[o->terms - 1].order_id = -(int64_t)t->terms_free - 2;
    t->terms_free = (int32_t)o->terms - 1;
    o->terms = 0;
}

/* ---- rows ---- */

static inline int32_t* gm_orders_list(const gm_orders_t* t, const gm_order_t* o) {
    return &t->newest[2 * o->symbol + ((o->flags & GM_HELD) != 0)];
}

static inline void gm_orders_link(gm_orders_t* t, int32_t row) {
    int32_t* newest = gm_orders_list(t, &t->rows[row]);
    t->held_changes += (t->rows[row].flags & GM_HELD) != 0;
    t->neighbours[row].previous = -1;
    t->neighbours[row].next = *newest - 1;
    if (*newest) t->neighbours[*newest - 1].previous = row;
    *newest = row + 1;
}

static inline void gm_orders_unlink(gm_orders_t* t, int32_t row) {
    const gm_neighbours_t n = t->neighbours[row];
    t->held_changes += (t->rows[row].flags & GM_HELD) != 0;
    if (n.previous >= 0) t->neighbours[n.previous].next = n.next; else *gm_orders_list(t, &t->rows[row]) = n.next + 1;
    if (n.next >= 0) t->neighbours[n.next].previous = n.previous;
}

/* The latest live order of a symbol among those held (1) or not (0), and the one before a live order; NULL: no more. */
static inline gm_order_t* gm_orders_newest(const gm_orders_t* t, int32_t symbol, int held) {
    const int32_t place = t->newest[2 * symbol + held];
    return place ? &t->rows[place - 1] : NULL;
}

static inline gm_order_t* gm_orders_older(const gm_orders_t* t, const gm_order_t* o) {
    const int32_t row = t->neighbours[o - t->rows].next;
    return row < 0 ? NULL : &t->rows[row];
}

/* A live order that the engine holds goes to a venue. */
static inline void gm_orders_let_out(gm_orders_t* t, gm_order_t* o) {
    gm_orders_unlink(t, (int32_t)(o - t->rows));
    o->flags &= (uint8_t)~GM_HELD;
    gm_orders_link(t, (int32_t)(o - t->rows));
}

/* A copy of `order` (with its order_id set) becomes a row. NULL: capacity. */
static inline gm_order_t* gm_orders_insert(gm_orders_t* t, const gm_order_t* order) {
    int32_t row;
    if (t->free_head >= 0) {
        row = t->free_head;
        t->free_head = (int32_t)(-t->rows[row].order_id - 2);
        if (t->free_head >= 0)                              /* long not touched: the next order finds it here */
            for (size_t k = 0; k < sizeof *order; k += 64) __builtin_prefetch((char*)&t->rows[t->free_head] + k, 1);
    } else if (t->used < GM_ORDER_ROWS) {
        row = t->used++;
    } else {
        return NULL;
    }
    t->rows[row] = *order;
    t->row_of[order->order_id] = row + 1;
    t->by_status[order->status]++;
    t->live++;
    gm_orders_link(t, row);
    return &t->rows[row];
}

/* Continues a table from a recovered `next_id`, where ids before it have been given out. */
static inline void gm_orders_seen(gm_orders_t* t, int64_t order_id) {
    if (order_id >= t->next_id && order_id < GM_ORDER_IDS - 1) t->next_id = order_id + 1;
}

/* The closed order that has been held longest; there is one. */
static inline gm_order_t* gm_orders_oldest(const gm_orders_t* t) { return &t->rows[t->closed[t->let_go % t->retained]]; }

/* Lets it go: its row is free. */
static inline void gm_orders_let_go(gm_orders_t* t) {
    gm_order_t* old = gm_orders_oldest(t);
    t->row_of[old->order_id] = 0;
    t->by_status[old->status]--;
    gm_terms_drop(t, old);
    old->order_id = -(int64_t)t->free_head - 2;
    t->free_head = (int32_t)(old - t->rows);
    t->let_go++;
}

/* A status change; a closed order enters the ring, and the oldest of the ring gives its row back. */
static inline void gm_orders_set_status(gm_orders_t* t, gm_order_t* o, uint8_t status) {
    t->by_status[o->status]--;
    t->by_status[status]++;
    if (gm_is_closed(status) && !gm_is_closed(o->status)) {
        if (t->closed_count - t->let_go >= t->retained) gm_orders_let_go(t);
        /* Two at a time keep up: each order that closes makes room for itself and works off one that is too old. */
        for (int k = 0; k < 2 && t->retention_ns && t->let_go < t->closed_count; k++) {
            if (gm_orders_oldest(t)->updated_ns > o->updated_ns - t->retention_ns) break;
            gm_orders_let_go(t);
        }
        gm_orders_unlink(t, (int32_t)(o - t->rows));
        t->closed[t->closed_count % t->retained] = (int32_t)(o - t->rows);
        t->closed_count++;
        t->live--;
    }
    o->status = status;
}

#endif
