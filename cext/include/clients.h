/* Which order a client_order_id belongs to, from the moment of acceptance on. The latest ids are here, in two tables that
 * take turns; once the journal has written an order out, its index (index.h) knows it too, and its table may be emptied. */
#ifndef GM_CLIENTS_H
#define GM_CLIENTS_H

#include <string.h>
#include "journal.h"
#include "mapping.h"

#define GM_CLIENT_SLOTS ((int64_t)1 << 16)
#define GM_CLIENT_TURN ((int64_t)1 << 15)

typedef struct gm_clients {
    gm_client_t* slots[2];
    int64_t count[2];
    int64_t position[2];        /* end of the log when its last id was entered */
    int32_t now;
} gm_clients_t;

static inline int gm_clients_init(gm_clients_t* c) {
    memset(c, 0, sizeof *c);
    for (int i = 0; i < 2; i++) c->slots[i] = (gm_client_t*)gm_reserve(GM_CLIENT_SLOTS * sizeof(gm_client_t));
    return c->slots[0] && c->slots[1] ? GM_OK : GM_ERR_MEMORY;
}

static inline void gm_clients_free(gm_clients_t* c) {
    for (int i = 0; i < 2; i++) gm_release(c->slots[i], GM_CLIENT_SLOTS * sizeof(gm_client_t));
    c->slots[0] = c->slots[1] = NULL;
}

/* The order that has the id with this hash; 0: none. */
static inline int64_t gm_clients_find(const gm_clients_t* c, const gm_journal_t* j, uint64_t hash) {
    for (int i = 0; i < 2; i++) {
        const gm_client_t* slots = c->slots[i];
        if (!c->count[i]) continue;
        for (int64_t at = (int64_t)(hash & (GM_CLIENT_SLOTS - 1)); slots[at].order_id; at = (at + 1) & (GM_CLIENT_SLOTS - 1))
            if (slots[at].hash == hash) return slots[at].order_id;
    }
    return gm_index_find_client(&j->index, hash);
}

/* Is there room for one more? Before the order is accepted: emptying a table may have to wait for the journal's files. */
static inline int gm_clients_room(gm_clients_t* c, gm_journal_t* j) {
    int other = 1 - c->now;
    if (__builtin_expect(c->count[c->now] < GM_CLIENT_TURN, 1)) return 1;
    if (__atomic_load_n(&j->tail->drained, __ATOMIC_ACQUIRE) < c->position[other]
        && (gm_journal_drain(j) != GM_OK || __atomic_load_n(&j->tail->drained, __ATOMIC_ACQUIRE) < c->position[other])) return 0;
    memset(c->slots[other], 0, (size_t)GM_CLIENT_SLOTS * sizeof(gm_client_t));
    c->count[other] = 0;
    c->now = other;
    return 1;
}

static inline void gm_clients_put(gm_clients_t* c, const gm_journal_t* j, uint64_t hash, int64_t order_id) {
    gm_client_t* slots = c->slots[c->now];
    int64_t at = (int64_t)(hash & (GM_CLIENT_SLOTS - 1));
    while (slots[at].order_id) at = (at + 1) & (GM_CLIENT_SLOTS - 1);
    slots[at].hash = hash;
    slots[at].order_id = order_id;
    c->count[c->now]++;
    c->position[c->now] = j->head;
}

#endif
