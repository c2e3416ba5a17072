/* A marketable part of a parent, split over the venues and sent in one go. */
#ifndef GM_SWEEP_H
#define GM_SWEEP_H

#include "split.h"
#include "submission.h"

/* Splits `quantity` of a live parent (split.h) and sends each leg as its child: an immediate order at the leg's price at the leg's venue, an
 * intermarket sweep order. ids[i]: of leg i, or minus the gm_reason of its refusal; after a refusal no leg goes to a worse price, since the
 * better one is not swept (ids 0: not sent). How many legs, or minus the reason why there is no sweep. What a leg does not get comes back to the
 * parent with its venue's word alone. */
static __attribute__((noinline)) int64_t gm_engine_sweep(gm_engine_t* e, int64_t parent_id, int64_t quantity, int64_t limit_e9, int rest, gm_split_t* s, int64_t* ids) {
    const int64_t now = gm_engine_now(e);
    const gm_order_t* p = gm_orders_find(e->orders, parent_id);
    gm_order_t child;
    gm_nbbo_t n;
    int64_t bound = GM_NO_PRICE;
    memset(s, 0, offsetof(gm_split_t, legs));
    s->residual = quantity;
    s->rest_venue = -1;
    if (!p || !(p->flags & GM_PARENT)) return -(int64_t)GM_REASON_UNKNOWN_ORDER;
    if (gm_is_closed(p->status) || p->status == GM_PENDING_CANCEL) return -(int64_t)GM_REASON_ORDER_CLOSED;
    if (quantity > p->leaves_quantity - p->working_quantity) return -(int64_t)GM_REASON_PARENT_EXCEEDED;
    child = *p;
    e->market->touch(e->market, child.symbol, now);
    n = gm_consolidate(e->venues, child.symbol);
    if (limit_e9 == GM_NO_PRICE || (child.limit_price_e9 != GM_NO_PRICE && child.side * (limit_e9 - child.limit_price_e9) > 0)) limit_e9 = child.limit_price_e9;
    if (__builtin_expect(e->venues->tripped != 0, 0)) e->venues->probing = gm_breakers_due(e->breakers, e->venues, 0, now);
    gm_split_marketable(e->venues, &n, child.symbol, child.side, quantity, limit_e9, rest, s);
    e->venues->probing = 0;
    memset(child.client_order_id, 0, sizeof child.client_order_id);
    child.parent_id = parent_id;
    child.display_quantity = 0;
    child.order_type = GM_LIMIT;
    child.stop_price_e9 = GM_NO_PRICE;
    child.time_in_force = GM_IOC;
    child.flags = (uint8_t)(GM_CHILD | (child.flags & GM_REDUCE_ONLY));
    child.urgency |= GM_SWEEP;
    child.terms = 0;
    for (int32_t k = 0; k < s->count; k++) {
        const gm_leg_t* leg = &s->legs[k];
        gm_order_t o = child;
        ids[k] = 0;
        if (bound != GM_NO_PRICE && leg->price_e9 != bound) continue;
        o.quantity = leg->quantity;
        o.limit_price_e9 = leg->price_e9;
        o.venue = leg->venue;
        ids[k] = gm_engine_submit_apart(e, &o, now);
        if (ids[k] < 0) bound = leg->price_e9;
    }
    return s->count;
}

#endif
