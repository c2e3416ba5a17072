/* What an engine owns besides its parts: the tables of client order ids, the ring of held commands, the link to its journal's writer. */
#ifndef GM_DURABLE_H
#define GM_DURABLE_H

#include <stdlib.h>
#include <unistd.h>
#include "engine.h"

/* ---- what the journal's writer calls once records are on the disk ---- */

/* Between an engine and its journal's writer; whoever of them lives longer frees it. */
typedef struct gm_engine_link {
    gm_engine_t* engine;            /* NULL: gone */
    gm_gate_t* gate;
    pthread_mutex_t lock;
    int32_t holders;
    pid_t process;                  /* a forked child lets go without the lock, which the writer may have held */
} gm_engine_link_t;

static void gm_engine_forced(void* context) {
    gm_engine_link_t* link = (gm_engine_link_t*)context;
    pthread_mutex_lock(&link->lock);
    if (link->engine && link->engine->held) {
        gm_gate_wait(link->gate);
        gm_engine_release(link->engine, __atomic_load_n(&link->engine->journal->forced, __ATOMIC_ACQUIRE));
        gm_gate_leave(link->gate);
    }
    pthread_mutex_unlock(&link->lock);
}

static inline int gm_engine_open(gm_engine_t* e, int hold) {
    if (gm_clients_init(&e->clients) != GM_OK) return GM_ERR_MEMORY;
    e->deadline_ns = e->again_ns = GM_NEVER;
    e->venues->stop = e->market->inner_stop ? e->market->inner_stop : &e->market->stop;
    e->unheard = (gm_unheard_t*)gm_reserve((size_t)GM_HELD_MAX * sizeof(gm_unheard_t));
    e->expiries = (gm_expiry_t*)gm_reserve((size_t)GM_TERMS_ROWS * sizeof(gm_expiry_t));
    e->latches = (gm_latch_t*)gm_reserve(GM_LATCHES_MAX * sizeof(gm_latch_t));
    if (!e->unheard || !e->expiries || !e->latches || gm_statistics_init(&e->statistics, e->venues->symbols) != GM_OK) return GM_ERR_MEMORY;
    gm_statistics_half_life(&e->statistics, e->venues->half_life);
    if (hold) {
        e->held = (gm_held_t*)gm_reserve((size_t)GM_HELD_MAX * sizeof(gm_held_t));
        if (!e->held) return GM_ERR_MEMORY;
    }
    return GM_OK;
}

static inline void gm_engine_free(gm_engine_t* e) {
    gm_clients_free(&e->clients);
    gm_release(e->held, (size_t)GM_HELD_MAX * sizeof(gm_held_t));
    gm_release(e->unheard, (size_t)GM_HELD_MAX * sizeof(gm_unheard_t));
    gm_release(e->expiries, (size_t)GM_TERMS_ROWS * sizeof(gm_expiry_t));
    gm_release(e->latches, GM_LATCHES_MAX * sizeof(gm_latch_t));
    gm_statistics_free(&e->statistics);
    for (int32_t c = 0; c < e->calendar_count; c++) free(e->calendars[c].closes);
    e->held = NULL;
    e->unheard = NULL;
    e->expiries = NULL;
    e->latches = NULL;
    e->calendar_count = 0;
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
