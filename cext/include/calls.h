/* What an engine is and does for native code outside its own module: its parts, and a table of functions, so that there is one copy of the order
 * path for all who use it. */
#ifndef GM_CALLS_H
#define GM_CALLS_H

#include "clock.h"
#include "market.h"
#include "orders.h"
#include "risk.h"

typedef struct gm_native gm_native_t;

/* Whoever calls owns the core, but for `enter`. */
typedef struct gm_engine_calls {
    int (*enter)(const gm_native_t*);       /* waits for the core, without the GIL. 0; -1: it belongs to the process that was forked */
    void (*leave)(const gm_native_t*);
    /* An order whose fields are valid: its id, or minus the gm_reason of its refusal. */
    int64_t (*submit)(const gm_native_t*, gm_order_t* order);
    int64_t (*cancel)(const gm_native_t*, int64_t order_id);
    /* Immediate children of a parent at what is displayed within a limit, over the venues, the rest with the last (sweep.h). How many, or minus
     * a gm_reason. */
    int64_t (*sweep)(const gm_native_t*, int64_t parent_id, int64_t quantity, int64_t limit_e9);
    int64_t (*close_parent)(const gm_native_t*, int64_t parent_id);     /* what is left is released; none of its children is open */
    int64_t (*advance)(const gm_native_t*, int64_t until_ns);           /* the time reached */
    /* Lives on until the market has lived through so many messages, or to `until_ns`. The time reached. */
    int64_t (*live)(const gm_native_t*, int64_t messages, int64_t until_ns);
    void* (*keep)(const gm_native_t*);      /* renew.h: these three */
    void (*forget)(void* kept);
    int (*renew)(const gm_native_t*, const void* kept, uint64_t seed, int64_t start_ns);
} gm_engine_calls_t;

struct gm_native {
    const gm_engine_calls_t* call;
    void* engine;
    void* gate;
    const gm_orders_t* orders;
    const gm_portfolio_t* portfolio;
    const gm_limits_t* limits;
    const gm_instruments_t* instruments;
    const gm_venues_t* venues;
    gm_market_t* market;
    const gm_clock_t* clock;
};

#endif
