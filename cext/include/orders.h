/* The order table: rows, the index from id to row, and the one table of legal transitions.
 *
 * Ids are dense, so the index is an array. Rows of closed orders stay readable in a ring of `retained` orders, for
 * `retention_ns` at most, and are then used again; the log keeps them for good. Live orders are never let go. */
#ifndef GM_ORDERS_H
#define GM_ORDERS_H

#include <string.h>
#include "records.h"
#include "mapping.h"

#define GM_ORDER_ROWS ((int64_t)1 << 22)        /* live and retained at once; address space, touched as used */
#define GM_ORDER_IDS ((int64_t)1 << 28)

typedef struct gm_orders {
    gm_order_t* rows;
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
} gm_orders_t;

#define GM_BIT(status) (1u << (status))

/* Legal transitions: row = from, bits = to. A report that asks for another is booked as a break, never applied. */
static const uint32_t GM_TRANSITIONS[GM_STATUS_END] = {
    [0] = GM_BIT(GM_PENDING_NEW) | GM_BIT(GM_REJECTED),
    [GM_PENDING_NEW] = GM_BIT(GM_NEW) | GM_BIT(GM_PARTIALLY_FILLED) | GM_BIT(GM_FILLED) | GM_BIT(GM_CANCELED)
        | GM_BIT(GM_REJECTED) | GM_BIT(GM_EXPIRED) | GM_BIT(GM_PENDING_CANCEL) | GM_BIT(GM_SUSPENDED) | GM_BIT(GM_UNKNOWN_STATUS),
    [GM_NEW] = GM_BIT(GM_NEW) | GM_BIT(GM_PARTIALLY_FILLED) | GM_BIT(GM_FILLED) | GM_BIT(GM_PENDING_CANCEL)
        | GM_BIT(GM_PENDING_REPLACE) | GM_BIT(GM_CANCELED) | GM_BIT(GM_REJECTED) | GM_BIT(GM_EXPIRED) | GM_BIT(GM_SUSPENDED) | GM_BIT(GM_UNKNOWN_STATUS),
    [GM_PARTIALLY_FILLED] = GM_BIT(GM_PARTIALLY_FILLED) | GM_BIT(GM_FILLED) | GM_BIT(GM_PENDING_CANCEL)
        | GM_BIT(GM_PENDING_REPLACE) | GM_BIT(GM_CANCELED) | GM_BIT(GM_EXPIRED) | GM_BIT(GM_SUSPENDED) | GM_BIT(GM_UNKNOWN_STATUS),
    [GM_PENDING_CANCEL] = GM_BIT(GM_PENDING_CANCEL) | GM_BIT(GM_NEW) | GM_BIT(GM_PARTIALLY_FILLED) | GM_BIT(GM_FILLED)
        | GM_BIT(GM_CANCELED) | GM_BIT(GM_EXPIRED) | GM_BIT(GM_REJECTED) | GM_BIT(GM_UNKNOWN_STATUS),
    [GM_PENDING_REPLACE] = GM_BIT(GM_PENDING_REPLACE) | GM_BIT(GM_NEW) | GM_BIT(GM_PARTIALLY_FILLED) | GM_BIT(GM_FILLED)
        | GM_BIT(GM_PENDING_CANCEL) | GM_BIT(GM_CANCELED) | GM_BIT(GM_EXPIRED) | GM_BIT(GM_UNKNOWN_STATUS),
    [GM_SUSPENDED] = GM_BIT(GM_SUSPENDED) | GM_BIT(GM_NEW) | GM_BIT(GM_PARTIALLY_FILLED) | GM_BIT(GM_FILLED) | GM_BIT(GM_CANCELED) | GM_BIT(GM_EXPIRED) | GM_BIT(GM_PENDING_CANCEL),
    [GM_UNKNOWN_STATUS] = GM_BIT(GM_UNKNOWN_STATUS) | GM_BIT(GM_NEW) | GM_BIT(GM_PARTIALLY_FILLED) | GM_BIT(GM_FILLED) | GM_BIT(GM_CANCELED)
        | GM_BIT(GM_REJECTED) | GM_BIT(GM_EXPIRED) | GM_BIT(GM_PENDING_CANCEL),
};

static inline int gm_is_closed(uint8_t status) {
    return (GM_BIT(status) & (GM_BIT(GM_FILLED) | GM_BIT(GM_CANCELED) | GM_BIT(GM_REJECTED) | GM_BIT(GM_EXPIRED))) != 0;
}

static inline int gm_is_legal(uint8_t from, uint8_t to) { return (int)((GM_TRANSITIONS[from] >> to) & 1u); }

static inline void gm_orders_free(gm_orders_t* t) {
    gm_release(t->rows, GM_ORDER_ROWS * sizeof(gm_order_t));
    gm_release(t->row_of, GM_ORDER_IDS * sizeof(int32_t));
    gm_release(t->closed, (size_t)t->retained * sizeof(int32_t));
    memset(t, 0, sizeof *t);
}

static inline int gm_orders_init(gm_orders_t* t, int32_t retained) {
    memset(t, 0, sizeof *t);
    t->retained = retained;
    t->next_id = 1;
    t->free_head = -1;
    t->rows = (gm_order_t*)gm_reserve_dense(GM_ORDER_ROWS * sizeof(gm_order_t));
    t->row_of = (int32_t*)gm_reserve_dense(GM_ORDER_IDS * sizeof(int32_t));
    t->closed = (int32_t*)gm_reserve((size_t)retained * sizeof(int32_t));
    if (!t->rows || !t->row_of || !t->closed) {
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

/* A copy of `order` (with its order_id set) becomes a row. NULL: capacity. */
static inline gm_order_t* gm_orders_insert(gm_orders_t* t, const gm_order_t* order) {
    int32_t row;
    if (t->free_head >= 0) {
        row = t->free_head;
        t->free_head = (int32_t)(-t->rows[row].order_id - 2);
    } else if (t->used < GM_ORDER_ROWS) {
        row = t->used++;
    } else {
        return NULL;
    }
    t->rows[row] = *order;
    t->row_of[order->order_id] = row + 1;
    t->by_status[order->status]++;
    t->live++;
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
        t->closed[t->closed_count % t->retained] = (int32_t)(o - t->rows);
        t->closed_count++;
        t->live--;
    }
    o->status = status;
}

#endif
