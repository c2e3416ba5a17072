/* What a person knows of an order of which its venue says nothing more: executions that never came, and that it has ended. Taken only of an order
 * whose venue owes a word (pending, UNKNOWN), all of it or nothing; recorded as reports whose reason is RESOLVED. An execution that is named by
 * the venue's id is known again if the venue tells it after all. */
#ifndef GM_RESOLUTION_H
#define GM_RESOLUTION_H

#include "working.h"

/* `told`: of each execution its id (0: not known), quantity, price and fee. GM_OK, or minus a gm_reason; nothing was done then. */
static int64_t gm_engine_resolve(gm_engine_t* e, int64_t order_id, gm_report_t* told, int32_t count) {
    const int64_t now = gm_engine_now(e);
    const gm_order_t* o = gm_orders_find(e->orders, order_id);
    int64_t total = 0;
    if (!o) return -(int64_t)GM_REASON_UNKNOWN_ORDER;
    if (gm_is_closed(o->status)) return -(int64_t)GM_REASON_ORDER_CLOSED;
    if ((o->flags & (GM_PARENT | GM_HELD)) || !(gm_is_pending(o->status) || o->status == GM_UNKNOWN_STATUS)) return -(int64_t)GM_REASON_ILLEGAL_TRANSITION;
    if (!gm_journal_accepts(e->journal)) return -(int64_t)GM_REASON_JOURNAL;
    for (int32_t k = 0; k < count; k++) {
        gm_report_t x = told[k];
        gm_report_t* r = &told[k];
        gm_report_begin(r, order_id, o->venue, o->symbol, o->side, GM_EXEC_TRADE, GM_REASON_RESOLVED, x.quantity, now);
        r->execution_id = x.execution_id;
        r->price_e9 = x.price_e9;
        r->fee_e9 = x.fee_e9;
        if (r->execution_id < 0 || !gm_report_can_be(e, o, r)) return -(int64_t)GM_REASON_INVALID;
        if (gm_is_beyond_limit(o, r)) return -(int64_t)GM_REASON_BEYOND_LIMIT;
        if (r->execution_id > 0) {
            gm_report_t before;
            for (int32_t j = 0; j < k; j++) if (told[j].execution_id == r->execution_id) return -(int64_t)GM_REASON_DUPLICATE_EXECUTION;
            if (gm_engine_find_execution(e, order_id, o->venue, r->execution_id, &before) != GM_ERR_NOT_FOUND) return -(int64_t)GM_REASON_DUPLICATE_EXECUTION;
        }
        total += r->quantity;
        if (total > gm_open_as(e->orders, o, o->status)) return -(int64_t)GM_REASON_INVALID;
    }
    for (int32_t k = 0; k < count; k++) gm_engine_report(e, &told[k]);
    o = gm_orders_find(e->orders, order_id);
    if (o && !gm_is_closed(o->status)) gm_engine_say(e, o, GM_EXEC_CANCELED, 0, GM_REASON_RESOLVED, now);
    if (e->todo_count | e->venues->moved_count) gm_engine_settle(e, now);
    return GM_OK;
}

#endif
