/* What an engine owns besides its parts: the tables of client order ids, the ring of held commands, the link to its journal's writer. */
#ifndef GM_DURABLE_H
#define GM_DURABLE_H

#include <stdlib.h>
#include <unistd.h>
#include "engine.h"

static inline int gm_engine_open(gm_engine_t* e, int hold) {
    if (gm_clients_init(&e->clients) != GM_OK) return GM_ERR_MEMORY;
    if (hold) {
        e->held = (gm_held_t*)gm_reserve((size_t)GM_HELD_MAX * sizeof(gm_held_t));
        if (!e->held) return GM_ERR_MEMORY;
    }
    return GM_OK;
}

static inline void gm_engine_free(gm_engine_t* e) {
    gm_clients_free(&e->clients);
    gm_release(e->held, (size_t)GM_HELD_MAX * sizeof(gm_held_t));
    e->held = NULL;
}

static inline gm_engine_link_t* gm_engine_link(gm_engine_t* e, gm_gate_t* gate) {
    gm_engine_link_t* link = (gm_engine_link_t*)calloc(1, sizeof *link);
    if (link) {
        link->engine = e;
        link->gate = gate;
        link->holders = 1;
        link->process = getpid();
        pthread_mutex_init(&link->lock, NULL);
    }
    return link;
}

static inline void gm_engine_unhold(gm_engine_link_t* link) {
    if (link && __atomic_sub_fetch(&link->holders, 1, __ATOMIC_ACQ_REL) == 0) {
        pthread_mutex_destroy(&link->lock);
        free(link);
    }
}

static void gm_engine_forget(void* context) { gm_engine_unhold((gm_engine_link_t*)context); }

static inline void gm_engine_attach(gm_engine_link_t* link, gm_journal_t* j) {
    link->holders++;
    j->forget = gm_engine_forget;
    j->context = link;
    __atomic_store_n(&j->hook, gm_engine_forced, __ATOMIC_RELEASE);
}

/* The engine goes: the writer finds nobody any more. */
static inline void gm_engine_unlink(gm_engine_link_t* link) {
    if (!link || link->process != getpid()) return;     /* in a forked child the writer may have held the lock */
    pthread_mutex_lock(&link->lock);
    link->engine = NULL;
    pthread_mutex_unlock(&link->lock);
    gm_engine_unhold(link);
}

#endif
