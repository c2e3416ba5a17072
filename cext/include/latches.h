/* What stops trading: latches by scope. A latch is set before anything is cancelled, stands over restarts, and is reset by name. */
#ifndef GM_LATCHES_H
#define GM_LATCHES_H

#include "engine_state.h"

static inline int gm_latch_covers(const gm_latch_t* l, const gm_order_t* o) {
    switch (l->scope) {
    case GM_SCOPE_ENGINE: return 1;
    case GM_SCOPE_ACCOUNT: return l->target == o->account;
    case GM_SCOPE_STRATEGY: return l->target == o->strategy;
    case GM_SCOPE_SYMBOL: return l->target == o->symbol;
    case GM_SCOPE_VENUE: return l->target == o->venue;
    default: return 0;
    }
}

/* Would filling all of it, on top of all that is open on its side, still only bring the position nearer to zero? A child's parent was asked. */
static inline int gm_reduces_only(const gm_engine_t* e, const gm_order_t* o) {
    const gm_position_t* x = gm_position_of(e->portfolio, o->account, o->symbol);
    if (o->flags & GM_CHILD) return 1;
    return o->side > 0 ? x->quantity + x->open_buy + o->quantity <= 0 : x->quantity - x->open_sell - o->quantity >= 0;
}

/* Why the latches that stand refuse an order; GM_REASON_NONE: they do not. */
static inline uint16_t gm_latches_refuse(const gm_engine_t* e, const gm_order_t* o) {
    for (int32_t i = 0; i < e->latched; i++) {
        const gm_latch_t* l = &e->latches[i];
        if (!gm_latch_covers(l, o)) continue;
        if (l->action == GM_LATCH_REDUCE ? o->quantity > 0 && !gm_reduces_only(e, o) : l->scope == GM_SCOPE_VENUE || !(o->flags & GM_REDUCE_ONLY))
            return l->action == GM_LATCH_REDUCE ? GM_REASON_REDUCING : GM_REASON_KILLED;
    }
    return GM_REASON_NONE;
}

static inline int32_t gm_latch_find(const gm_engine_t* e, const char name[GM_LATCH_NAME]) {
    for (int32_t i = 0; i < e->latched; i++)
        if (memcmp(e->latches[i].name, name, GM_LATCH_NAME) == 0) return i;
    return -1;
}

/* A recorded latch stands, or one is reset. One that stands already under its name gets the new reason. */
static inline int gm_engine_latch(gm_engine_t* e, const gm_latch_t* l) {
    int32_t at = gm_latch_find(e, l->name);
    if (l->action >= GM_LATCH_TRIPPED) return GM_OK;
    if (l->action == GM_LATCH_RESET) {
        if (at < 0) return GM_ERR_NOT_FOUND;
        memmove(&e->latches[at], &e->latches[at + 1], (size_t)(e->latched - at - 1) * sizeof *l);
        e->latched--;
    } else {
        if (at < 0 && e->latched == GM_LATCHES_MAX) return GM_ERR_CAPACITY;
        if (at < 0) at = e->latched++;
        e->latches[at] = *l;
        if (l->number > e->latch_number) e->latch_number = l->number;
    }
    for (int32_t v = 0; v < GM_MAX_VENUES; v++) gm_venue_bar(e->venues, v, 0);
    for (int32_t i = 0; i < e->latched; i++)
        if (e->latches[i].scope == GM_SCOPE_VENUE && e->latches[i].action == GM_LATCH_KILL) gm_venue_bar(e->venues, e->latches[i].target, 1);
    return GM_OK;
}

/* Records and sets (or resets) a latch. GM_OK, GM_ERR_NOT_FOUND (nothing of that name to reset), GM_ERR_CAPACITY, GM_ERR_IO (the journal). */
static inline int gm_engine_set_latch(gm_engine_t* e, gm_latch_t* l, int64_t now) {
    const int32_t at = gm_latch_find(e, l->name);
    if (l->action == GM_LATCH_RESET && at < 0) return GM_ERR_NOT_FOUND;
    if (l->action != GM_LATCH_RESET && at < 0 && e->latched == GM_LATCHES_MAX) return GM_ERR_CAPACITY;
    l->number = (uint16_t)(e->latch_number + (l->action != GM_LATCH_RESET));
    if (gm_journal_append(e->journal, GM_RECORD_LATCH, GM_RECORD_LARGE, now, 0, l) != GM_OK) {
        if (l->action == GM_LATCH_RESET) return GM_ERR_IO;
        gm_engine_latch(e, l);                  /* a stop holds even where it cannot be recorded: that is the safe side */
        return GM_ERR_IO;
    }
    return gm_engine_latch(e, l);
}

#endif
