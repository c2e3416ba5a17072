/* The engine's orders before the checks: what they see of an order's moment, and whether it would match one of its account's own. */
#ifndef GM_CHECKS_H
#define GM_CHECKS_H

#include "engine_state.h"

/* An order of `quantity` that counts at `price_e9`, as the checks see it now. */
static inline gm_risk_order_t gm_risk_order_of(const gm_engine_t* e, const gm_order_t* o, int64_t quantity, int64_t price_e9, const gm_nbbo_t* n,
                                               int64_t now) {
    const gm_tape_t* tape = &e->venues->tapes[o->symbol];
    return (gm_risk_order_t){
        .quantity = quantity, .price_e9 = price_e9, .limit_e9 = o->limit_price_e9, .repeats_e9 = gm_repeats_price(o), .bid_e9 = n->bid_e9,
        .ask_e9 = n->ask_e9, .last_e9 = tape->trades ? tape->last_e9 : GM_NO_PRICE, .quote_ns = n->time_ns, .now_ns = now, .account = o->account, .symbol = o->symbol,
        .ahead = 0, .side = o->side, .flags = o->flags, .halted = e->venues->halted[o->symbol],
    };
}

/* The gm_check bits of `mask` that fail. In a day that is lived again nobody knows how old a quote was (reexecution.h). */
static inline uint64_t gm_engine_check(const gm_engine_t* e, uint64_t mask, const gm_order_t* o, int64_t quantity, int64_t price_e9,
                                       const gm_nbbo_t* n, int32_t ahead, int64_t now) {
    gm_risk_order_t order = gm_risk_order_of(e, o, quantity, price_e9, n, now);
    order.ahead = ahead;
    if (__builtin_expect(e->still, 0)) mask &= ~(uint64_t)GM_MOMENT_CHECKS;
    return gm_risk_check(e->limits, e->portfolio, mask, &order);
}

/* What each check compared, for an order that has been refused. */
static inline void gm_engine_explain(const gm_engine_t* e, const gm_order_t* o, int64_t price_e9, gm_risk_detail_t* detail) {
    const gm_nbbo_t n = gm_consolidate(e->venues, o->symbol);
    const gm_risk_order_t order = gm_risk_order_of(e, o, o->quantity, price_e9, &n, gm_now(e->clock));
    gm_risk_explain(e->limits, e->portfolio, GM_ALL_CHECKS, &order, detail);
}

/* ---- own orders on the other side ---- */

/* The price at which a live order may trade at its venue: its limit, or what a pending replace asks for where that is better for the others. */
static inline int64_t gm_own_price(const gm_order_t* o) {
    const int64_t asked = o->status == GM_PENDING_REPLACE ? o->pending_price_e9 : GM_NO_PRICE;
    if (o->limit_price_e9 == GM_NO_PRICE || asked == GM_NO_PRICE) return o->limit_price_e9;
    return o->side * (asked - o->limit_price_e9) > 0 ? asked : o->limit_price_e9;
}

/* Would an order of `side` with that limit (GM_NO_PRICE: market) trade with an own order that rests at `own_e9`? */
static inline int gm_own_meets(int8_t side, int64_t limit_e9, int64_t own_e9) {
    return limit_e9 == GM_NO_PRICE || side * (limit_e9 - own_e9) >= 0;
}

/* May it, by the bounds kept of its account's orders in the symbol? No means no; yes means: look. */
static inline int gm_may_match_own(const gm_engine_t* e, const gm_order_t* o) {
    const gm_position_t* x = gm_position_of(e->portfolio, o->account, o->symbol);
    const int64_t own = o->side > 0 ? x->own_sell_e9 : x->own_buy_e9;
    if (own == (o->side > 0 ? GM_NO_OWN_SELL : GM_NO_OWN_BUY)) return 0;
    return own == 0 || gm_own_meets(o->side, o->limit_price_e9, own);
}

/* Is `x` a live order of the same account on the other side that rests at o's venue, where o would trade with it? */
static inline int gm_is_own_match(const gm_order_t* o, const gm_order_t* x) {
    return x->account == o->account && x->side == -o->side && x->venue == o->venue && !(x->flags & GM_PARENT) && x->limit_price_e9 != GM_NO_PRICE
        && gm_own_meets(o->side, o->limit_price_e9, gm_own_price(x));
}

/* The own order that it would meet first: the best price, then the oldest; NULL: none. Makes the bound on that side what it is: a scan of the
 * symbol's live orders at venues. */
static inline gm_order_t* gm_own_match(gm_engine_t* e, const gm_order_t* o) {
    gm_position_t* x = gm_position_of(e->portfolio, o->account, o->symbol);
    gm_order_t* first = NULL;
    int64_t bound = o->side > 0 ? GM_NO_OWN_SELL : GM_NO_OWN_BUY;
    for (gm_order_t* own = gm_orders_newest(e->orders, o->symbol, 0); own; own = gm_orders_older(e->orders, own)) {
        int64_t price;
        if (own->account != o->account || own->side != -o->side || (own->flags & GM_PARENT) || own->limit_price_e9 == GM_NO_PRICE) continue;
        price = gm_own_price(own);
        if (own->side > 0 ? price > bound : price < bound) bound = price;
        if (gm_is_own_match(o, own) && (!first || own->side * (price - gm_own_price(first)) >= 0)) first = own;
    }
    if (o->side > 0) x->own_sell_e9 = bound; else x->own_buy_e9 = bound;
    return first;
}

/* Would an order, routed to its venue, trade with one of its account's own there? A post-only order takes nothing. */
static inline int gm_matches_own(gm_engine_t* e, const gm_order_t* o) {
    if (__builtin_expect(!(e->limits->configured & GM_CHECK_SELF_MATCH), 1) || e->still || (o->flags & GM_POST_ONLY)) return 0;
    return gm_may_match_own(e, o) && gm_own_match(e, o) != NULL;
}

/* What the configured mode does before such an order is accepted: 1 where it is to be refused (self_match.h). */
static int gm_engine_self_match(gm_engine_t* e, gm_order_t* o, int64_t now);

#endif
