/* The table of calls.h, made where the engine's bodies are. */
#ifndef GM_ENGINE_CALLS_H
#define GM_ENGINE_CALLS_H

#include "calls.h"
#include "renew.h"

static inline gm_engine_t* gm_engine_of(const gm_native_t* n) { return (gm_engine_t*)n->engine; }

static int gm_call_enter(const gm_native_t* n) {
    if (gm_gate_forked((const gm_gate_t*)n->gate)) return -1;
    gm_gate_wait((gm_gate_t*)n->gate);
    return 0;
}

static void gm_call_leave(const gm_native_t* n) { gm_gate_leave((gm_gate_t*)n->gate); }
static int64_t gm_call_submit(const gm_native_t* n, gm_order_t* o) { return gm_engine_submit_apart(gm_engine_of(n), o, gm_engine_now(gm_engine_of(n))); }
static int64_t gm_call_cancel(const gm_native_t* n, int64_t order_id) { return gm_engine_cancel(gm_engine_of(n), order_id, GM_REASON_USER); }
static int64_t gm_call_close(const gm_native_t* n, int64_t id) { return gm_engine_close_parent(gm_engine_of(n), id, GM_EXPIRED, GM_REASON_ALGORITHM_DONE); }
static int64_t gm_call_advance(const gm_native_t* n, int64_t until_ns) { return gm_engine_advance(gm_engine_of(n), until_ns); }

static int64_t gm_call_sweep(const gm_native_t* n, int64_t parent_id, int64_t quantity, int64_t limit_e9) {
    gm_split_t split;
    int64_t ids[GM_SPLIT_MAX];
    return gm_engine_sweep(gm_engine_of(n), parent_id, quantity, limit_e9, 1, &split, ids);
}

/* The market stops after each message; what the engine has to look after is done before the next. */
static int64_t gm_call_live(const gm_native_t* n, int64_t messages, int64_t until_ns) {
    gm_engine_t* e = gm_engine_of(n);
    gm_market_t* m = e->market;
    const int64_t target = m->messages + messages;
    int64_t reached = m->now_ns;
    while (m->messages < target && reached < until_ns) {
        m->stop = 1;
        reached = m->advance(m, e->deadline_ns < until_ns ? e->deadline_ns : until_ns);
        m->stop = 0;
        if (e->clock->simulated && reached > e->clock->now_ns) e->clock->now_ns = reached;
        if (e->todo_count | e->todo_lost | e->venues->moved_count) gm_engine_settle(e, reached);
        if (reached >= e->deadline_ns) gm_engine_due(e, reached);
    }
    return reached;
}

static void* gm_call_keep(const gm_native_t* n) { return gm_engine_keep(gm_engine_of(n)); }
static void gm_call_forget(void* kept) { gm_kept_free((gm_kept_t*)kept); }

static int gm_call_renew(const gm_native_t* n, const void* kept, uint64_t seed, int64_t start_ns) {
    return gm_engine_renew(gm_engine_of(n), (const gm_kept_t*)kept, seed, start_ns);
}

static const gm_engine_calls_t GM_ENGINE_CALLS = {
    gm_call_enter, gm_call_leave, gm_call_submit, gm_call_cancel, gm_call_sweep, gm_call_close, gm_call_advance, gm_call_live, gm_call_keep,
    gm_call_forget, gm_call_renew,
};

static inline void gm_native_of(gm_native_t* n, gm_engine_t* e, gm_gate_t* gate) {
    const gm_native_t made = {&GM_ENGINE_CALLS, e, gate, e->orders, e->portfolio, e->limits, e->instruments, e->venues, e->market, e->clock};
    *n = made;
}

#endif
