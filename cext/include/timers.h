/* When orders' time in force is over: a binary heap by time. An entry of an order that has ended since is let go when its time comes. */
#ifndef GM_TIMERS_H
#define GM_TIMERS_H

#include "records.h"

typedef struct gm_expiry { int64_t time_ns, order_id; } gm_expiry_t;

static inline int gm_expiry_before(const gm_expiry_t* a, const gm_expiry_t* b) {
    return a->time_ns < b->time_ns || (a->time_ns == b->time_ns && a->order_id < b->order_id);
}

/* There is room for as many as there are rows of terms. */
static inline void gm_expiries_push(gm_expiry_t* heap, int64_t* count, int64_t time_ns, int64_t order_id) {
    const gm_expiry_t x = {time_ns, order_id};
    int64_t at = (*count)++;
    while (at > 0 && gm_expiry_before(&x, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = x;
}

/* Takes the earliest out; there is one. */
static inline gm_expiry_t gm_expiries_pop(gm_expiry_t* heap, int64_t* count) {
    const gm_expiry_t first = heap[0], x = heap[--*count];
    int64_t at = 0, child;
    while ((child = 2 * at + 1) < *count) {
        if (child + 1 < *count && gm_expiry_before(&heap[child + 1], &heap[child])) child++;
        if (!gm_expiry_before(&heap[child], &x)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = x;
    return first;
}

#endif
