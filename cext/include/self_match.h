/* Prevention of trades of an account with itself: what is done with an order that would meet one of its own at the same venue.
 *
 * Whatever is done stands in the log as an attempt: a refusal that names the check, or a request on the resting order with the reason
 * SELF_MATCH. A resting order that cannot be asked for its end, or whose venue does not take the request, has the new one refused. */
#ifndef GM_SELF_MATCH_H
#define GM_SELF_MATCH_H

#include "requests.h"

/* Asks for the end of a resting order. Is it on its way? */
static inline int gm_own_withdraw(gm_engine_t* e, gm_order_t* own, int64_t now) {
    const int64_t order_id = own->order_id;
    if (own->status == GM_PENDING_CANCEL) return 1;
    if (gm_engine_cancel_order(e, own, GM_REQUEST_CANCEL, GM_REASON_SELF_MATCH, now) != GM_OK) return 0;
    own = gm_orders_find(e->orders, order_id);
    return !own || gm_is_closed(own->status) || own->status == GM_PENDING_CANCEL;
}

/* Asks for `less` of a resting order's quantity to go, which leaves it some; it keeps its place. Is that on its way? */
static inline int gm_own_lessen(gm_engine_t* e, gm_order_t* own, int64_t less, int64_t now) {
    const int64_t order_id = own->order_id, quantity = own->quantity - less;
    gm_request_t q;
    if ((own->status != GM_NEW && own->status != GM_PARTIALLY_FILLED) || !gm_engine_may_hold(e)) return 0;
    memset(&q, 0, sizeof q);
    q.quantity = quantity;
    q.price_e9 = q.stop_price_e9 = GM_NO_PRICE;
    q.venue = own->venue;
    q.kind = GM_REQUEST_REPLACE;
    q.reason = GM_REASON_SELF_MATCH;
    q.status = GM_PENDING_REPLACE;
    if (gm_engine_request_with(e, own, &q, now) != GM_OK) return 0;
    gm_engine_hand_over(e, own, GM_SEND_REPLACE, now);
    own = gm_orders_find(e->orders, order_id);
    return !own || gm_is_closed(own->status) || own->status == GM_PENDING_REPLACE || own->quantity == quantity;
}

#define GM_OWN_MATCHES 64       /* own orders in one order's way; more: it is refused */

/* The own orders in its way, those it would meet first at the front; how many, or -1: more than there is room for. */
static inline int32_t gm_own_matches(const gm_engine_t* e, const gm_order_t* o, int64_t ids[GM_OWN_MATCHES]) {
    int64_t prices[GM_OWN_MATCHES];
    int32_t count = 0;
    for (const gm_order_t* own = gm_orders_newest(e->orders, o->symbol, 0); own; own = gm_orders_older(e->orders, own)) {
        const int64_t price = gm_own_price(own);
        int32_t at = count;
        if (!gm_is_own_match(o, own)) continue;
        if (count == GM_OWN_MATCHES) return -1;
        for (; at > 0 && own->side * (price - prices[at - 1]) >= 0; at--) {     /* a better price first, then the older: those come later here */
            prices[at] = prices[at - 1];
            ids[at] = ids[at - 1];
        }
        prices[at] = price;
        ids[at] = own->order_id;
        count++;
    }
    return count;
}

/* Those that the order would meet are asked to go, or to lose as much as it does: what is left of it; -1: one would not. */
static inline int64_t gm_own_clear(gm_engine_t* e, const gm_order_t* o, int decrement, int64_t now) {
    int64_t ids[GM_OWN_MATCHES], left = o->quantity;
    const int32_t count = gm_own_matches(e, o, ids);
    if (count < 0) return -1;
    for (int32_t k = 0; k < count && left > 0; k++) {
        gm_order_t* own = gm_orders_find(e->orders, ids[k]);
        int64_t both;
        if (!own || gm_is_closed(own->status) || own->status == GM_PENDING_CANCEL) continue;
        both = gm_open_as(e->orders, own, own->status);
        if (decrement && both > left) {
            if (!gm_own_lessen(e, own, left, now)) return -1;
            return 0;
        }
        if (!gm_own_withdraw(e, own, now)) return -1;
        if (decrement) left -= both;
    }
    return left;
}

static int gm_engine_self_match(gm_engine_t* e, gm_order_t* o, int64_t now) {
    const int mode = e->limits->self_match, settling = e->settling;
    int64_t left;
    if (mode == GM_SELF_MATCH_CANCEL_NEWEST) return 1;
    /* An order with a client_order_id stays what it was sent as, and so does one whose quantity is all or nothing. */
    if (mode == GM_SELF_MATCH_DECREMENT && (o->client_order_id[0] || o->time_in_force == GM_FOK || (o->flags & GM_ALL_OR_NONE))) return 1;
    e->settling = 1;                                        /* nothing else moves meanwhile */
    left = gm_own_clear(e, o, mode == GM_SELF_MATCH_DECREMENT, now);
    e->settling = settling;
    if (left <= 0 || mode == GM_SELF_MATCH_CANCEL_BOTH) return 1;
    if (left < e->venues->min_size[o->venue]) return 1;
    o->quantity = o->leaves_quantity = left;
    if (o->display_quantity > left) o->display_quantity = left;
    return 0;
}

#endif
