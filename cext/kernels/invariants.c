/* What holds in an engine between two of its steps (engine.h), counted afresh from the order rows. */
#include <stdlib.h>
#include "invariants.h"

typedef struct sums { int64_t open_buy, open_sell, quantity; } sums_t;

static int check_row(const gm_engine_t* e, const gm_order_t* o) {
    const int closed = gm_is_closed(o->status);
    const gm_i128 notional = (gm_i128)(((gm_u128)(uint64_t)o->notional_hi << 64) | o->notional_lo);
    const int64_t most = (o->urgency & GM_END_TOLD) && o->working_quantity > o->quantity ? o->working_quantity : o->quantity;
    if (o->status == 0 || o->status >= GM_STATUS_END) return GM_BROKEN_STATUS;
    if (o->filled_quantity < 0 || o->leaves_quantity < 0 || o->quantity <= 0 || gm_open_as(e->orders, o, o->status) < 0) return GM_BROKEN_NEGATIVE;
    if (closed && o->leaves_quantity != 0) return GM_BROKEN_CLOSED;
    if (!closed && o->leaves_quantity > 0 && o->filled_quantity + o->leaves_quantity > most) return GM_BROKEN_CONSERVATION;
    if ((o->filled_quantity == 0) != (notional == 0)) return GM_BROKEN_NOTIONAL;
    return 0;
}

int gm_engine_broken(const gm_engine_t* e, int from_nothing, int64_t* order_id) {
    const gm_orders_t* t = e->orders;
    const int32_t symbols = e->instruments->count, accounts = e->portfolio->account_count;
    sums_t* found = (sums_t*)calloc((size_t)(symbols * accounts) + 1, sizeof *found);
    gm_i128* reserved = (gm_i128*)calloc((size_t)accounts + 1, sizeof *reserved);
    int64_t* work = (int64_t*)calloc((size_t)t->used + 1, sizeof *work);
    int64_t by_status[GM_STATUS_END] = {0}, open_orders[GM_MAX_ACCOUNTS] = {0}, live = 0;
    int broken = found && reserved && work ? 0 : GM_ERR_MEMORY;
    *order_id = 0;
    for (int32_t i = 0; i < t->used && !broken; i++) {
        const gm_order_t* o = &t->rows[i];
        const gm_order_t* parent;
        int64_t open;
        if (o->order_id <= 0) continue;
        *order_id = o->order_id;
        if (gm_orders_find(t, o->order_id) != o) broken = GM_BROKEN_INDEX;
        else broken = check_row(e, o);
        if (broken) break;
        by_status[o->status]++;
        if (!(o->flags & GM_PARENT)) found[o->account * symbols + o->symbol].quantity += o->side * o->filled_quantity;
        parent = o->flags & GM_CHILD ? gm_orders_find(t, o->parent_id) : NULL;
        if (parent) work[parent - t->rows] += gm_open_as(t, o, o->status);
        if (gm_is_closed(o->status)) continue;
        live++;
        open_orders[o->account]++;
        open = gm_reserved_quantity(t, o);
        if (o->side > 0) found[o->account * symbols + o->symbol].open_buy += open;
        else found[o->account * symbols + o->symbol].open_sell += open;
        if (o->reserve_price_e9 != GM_NO_PRICE) reserved[o->account] += gm_notional(open, o->reserve_price_e9, e->instruments->rows[o->symbol].multiplier);
    }
    for (int32_t i = 0; i < t->used && !broken; i++)
        if (t->rows[i].order_id > 0 && (t->rows[i].flags & GM_PARENT) && !gm_is_closed(t->rows[i].status) && t->rows[i].working_quantity != work[i]) {
            *order_id = t->rows[i].order_id;
            broken = GM_BROKEN_CHILDREN;
        }
    if (!broken) *order_id = 0;
    if (!broken && live != t->live) broken = GM_BROKEN_COUNTS;
    for (int s = 0; s < GM_STATUS_END && !broken; s++) if (by_status[s] != t->by_status[s]) broken = GM_BROKEN_COUNTS;
    for (int32_t a = 0; a < accounts && !broken; a++) {
        if (open_orders[a] != e->portfolio->accounts[a].open_orders) broken = GM_BROKEN_COUNTS;
        if (reserved[a] != e->portfolio->accounts[a].reserved) broken = GM_BROKEN_RESERVED;
        for (int32_t s = 0; s < symbols && !broken; s++) {
            const gm_position_t* x = gm_position_of(e->portfolio, a, s);
            const sums_t* y = &found[a * symbols + s];
            if (x->open_buy != y->open_buy || x->open_sell != y->open_sell) broken = GM_BROKEN_RESERVATION;
            if (from_nothing && x->quantity != y->quantity) broken = GM_BROKEN_POSITION;
        }
    }
    free(found);
    free(reserved);
    free(work);
    return broken;
}
