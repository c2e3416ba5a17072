/* What holds in an engine between two of its steps: for tests, and for whoever doubts. Allocates; not for the path. */
#ifndef GM_INVARIANTS_H
#define GM_INVARIANTS_H

#include "engine.h"

enum gm_broken {
    GM_BROKEN_STATUS = 1,                   /* an order has a status that there is not */
    GM_BROKEN_NEGATIVE,                     /* a filled, open or whole quantity is negative */
    GM_BROKEN_CLOSED,                       /* an order that has ended is open */
    GM_BROKEN_CONSERVATION,                 /* filled and open are more than the order */
    GM_BROKEN_NOTIONAL,                     /* filled without money, or money without a fill */
    GM_BROKEN_INDEX,                        /* a row is not found under its id */
    GM_BROKEN_CHILDREN,                     /* a parent's work is not its children's open quantity */
    GM_BROKEN_COUNTS,                       /* orders counted by status or account are not those there are */
    GM_BROKEN_RESERVED,                     /* an account's reserved value is not that of its open orders */
    GM_BROKEN_RESERVATION,                  /* a symbol's open quantity is not that of its open orders */
    GM_BROKEN_POSITION,                     /* a position is not the sum of the fills */
    GM_BROKEN_END
};

/* 0, the first gm_broken, or GM_ERR_MEMORY; *order_id: of the order, 0: of none. `from_nothing`: the engine began without positions, and
 * holds all its orders. */
int gm_engine_broken(const gm_engine_t* e, int from_nothing, int64_t* order_id);

#endif
