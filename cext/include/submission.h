/* An order in: barred or not, checked, routed, recorded, handed over. */
#ifndef GM_SUBMISSION_H
#define GM_SUBMISSION_H

#include "checks.h"
#include "latches.h"

static inline void gm_engine_arm(gm_engine_t* e, gm_order_t* o, const gm_terms_t* terms, const gm_nbbo_t* n);     /* working.h */

/* What stands in the way of any order before its own merits are looked at. */
static inline uint16_t gm_engine_barred(gm_engine_t* e, const gm_order_t* o, const gm_terms_t* terms) {
    if (__builtin_expect(e->closed, 0)) return GM_REASON_CLOSED;
    if (__builtin_expect(!gm_orders_room(e->orders), 0)) return GM_REASON_CAPACITY;
    if (__builtin_expect(terms != NULL, 0) && (!gm_terms_room(e->orders, GM_LIST_MAX) || e->expiry_count >= GM_TERMS_ROWS)) return GM_REASON_CAPACITY;
    if (__builtin_expect(!gm_journal_accepts(e->journal), 0)) return GM_REASON_JOURNAL;
    if (__builtin_expect(!gm_engine_may_hold(e), 0)) return GM_REASON_CAPACITY;
    if (__builtin_expect(o->flags & GM_REDUCE_ONLY, 0) && !(terms && terms->waiting) && !gm_reduces_only(e, o)) return GM_REASON_REDUCE_ONLY;
    return __builtin_expect(e->latched, 0) ? gm_latches_refuse(e, o) : GM_REASON_NONE;
}

/* The parent of a child, and whether it may have this one. */
static inline uint16_t gm_engine_parent(gm_engine_t* e, const gm_order_t* o, gm_order_t** parent) {
    gm_order_t* p = *parent = gm_orders_find(e->orders, o->parent_id);
    if (!p || !(p->flags & GM_PARENT)) return GM_REASON_UNKNOWN_ORDER;
    if (gm_is_closed(p->status) || p->status == GM_PENDING_CANCEL) return GM_REASON_ORDER_CLOSED;
    if (p->side != o->side || p->symbol != o->symbol || p->account != o->account || o->quantity > p->leaves_quantity - p->working_quantity)
        return GM_REASON_PARENT_EXCEEDED;
    return GM_REASON_NONE;
}

/* Which checks concern an order: of a child what is sent to a venue, of a parent what it reserves. */
static inline uint64_t gm_checks_of(const gm_order_t* o, const gm_terms_t* terms) {
    if (__builtin_expect(o->flags & GM_CHILD, 0)) return GM_CHILD_CHECKS;
    if (__builtin_expect(terms != NULL && terms->waiting, 0)) return GM_CHILD_CHECKS & GM_HELD_CHECKS;     /* the others when it is armed */
    if ((o->flags & GM_PARENT) && !(terms && terms->worked)) return GM_PARENT_CHECKS;
    if (__builtin_expect(o->flags & GM_HELD, 0)) return GM_HELD_CHECKS;
    return GM_ALL_CHECKS;
}

/* Records an order as accepted: terms, decision, order. Its row. */
static inline gm_order_t* gm_engine_record(gm_engine_t* e, gm_order_t* o, gm_terms_t* terms, const gm_nbbo_t* n, const gm_route_t* route,
                                           const gm_score_t* scores, gm_order_t* parent, int64_t now) {
    const uint8_t awaited = o->flags & GM_AWAITED;
    gm_order_t* row;
    o->order_id = e->orders->next_id++;
    o->flags &= (uint8_t)~GM_AWAITED;
    o->terms = terms != NULL;
    if (__builtin_expect(terms != NULL, 0)) {
        terms->order_id = o->order_id;
        gm_journal_append(e->journal, GM_RECORD_TERMS, GM_RECORD_SMALL, now, o->order_id, terms);
    }
    if (e->audit) gm_engine_decision(e, o, n, route, scores, now);
    gm_journal_append(e->journal, GM_RECORD_ORDER, GM_RECORD_LARGE, now, o->order_id, o);
    o->flags |= awaited;
    row = gm_engine_accept(e, o, terms, parent);
    return row;
}

/* Stamps and figures that an order begins with. */
static inline void gm_engine_begin(gm_order_t* o, const gm_nbbo_t* n, int64_t now) {
    o->created_ns = o->sent_ns = o->updated_ns = now;
    o->acknowledged_ns = 0;
    o->arrival_mid_e9 = gm_mid(n);
    o->filled_quantity = o->working_quantity = 0;
    o->notional_lo = 0;
    o->notional_hi = o->fees_e9 = 0;
    o->leaves_quantity = o->quantity;
    o->pending_price_e9 = GM_NO_PRICE;
    o->reason = GM_REASON_NONE;
    o->status = GM_PENDING_NEW;
}

/* Refuses an order that would match an own one; what was asked of that is seen to. */
static inline int64_t gm_engine_refuse_match(gm_engine_t* e, gm_order_t* o, int64_t price_e9, const gm_nbbo_t* n, int64_t now) {
    const int64_t result = gm_engine_refuse(e, o, GM_REASON_RISK, GM_CHECK_SELF_MATCH, 0, price_e9, n, now);
    const gm_refusal_t refusal = e->refusal;
    if (e->todo_count | e->venues->moved_count) gm_engine_settle(e, now);
    e->refusal = refusal;
    return result;
}

/* Submits one order whose fields are valid, at `now` (to which the market has been brought): its id, or minus the gm_reason of its
 * refusal (details in e->refusal). `o` is completed in place; `terms`: its rarer terms, or NULL. A client_order_id that is taken:
 * GM_REASON_DUPLICATE_CLIENT_ID with e->duplicate_of set, nothing recorded (whether it is the same order again is the caller's to see). */
static inline int64_t gm_engine_submit_at(gm_engine_t* e, gm_order_t* o, gm_terms_t* terms, const int64_t now) {
    const int timed = (e->tick++ & 63) == 0, named = o->venue >= 0;
    int64_t t0, t1 = 0;
    gm_order_t *row, *parent = NULL;
    gm_route_t route = {o->venue, -1, 0, GM_REASON_NONE, 0, 0, 0, GM_NO_PRICE};
    gm_score_t scores[GM_MAX_VENUES];
    gm_terms_t own;
    gm_nbbo_t n;
    uint64_t client = 0, failed;
    uint16_t reason;
    int64_t price;

    e->market->touch(e->market, o->symbol, now);
    t0 = timed ? gm_machine_ns(CLOCK_MONOTONIC) : 0;        /* the market's own life is not the order's path */
    n = gm_consolidate(e->venues, o->symbol);
    gm_engine_begin(o, &n, now);
    if (__builtin_expect(terms != NULL, 0)) {
        if (terms->worked == GM_WORK_WHOLE && o->venue >= 0) {
            terms->worked = 0;                              /* the venue that it names does it, or it is refused */
            o->flags &= (uint8_t)~GM_PARENT;
        }
        if (terms->worked == GM_WORK_WHOLE) o->flags |= GM_HELD;
        gm_engine_arm(e, o, terms, &n);
    }
    if (__builtin_expect(gm_is_triggered(o->order_type), 0)) o->flags |= GM_HELD;
    price = gm_value_price(e->portfolio, o, &n);
    o->reserve_price_e9 = price;

    if (__builtin_expect(terms != NULL, 0) && terms->expire_ns && terms->expire_ns <= now)
        return gm_engine_refuse(e, o, GM_REASON_TIME_EXPIRED, 0, 0, price, &n, now);
    if (__builtin_expect((reason = gm_engine_barred(e, o, terms)) != 0, 0)) return gm_engine_refuse(e, o, reason, 0, 0, price, &n, now);
    if (__builtin_expect(o->client_order_id[0] != 0, 0)) {
        client = gm_client_hash(o->client_order_id);
        if ((e->duplicate_of = gm_clients_find(&e->clients, e->journal, client)) != 0) return -(int64_t)GM_REASON_DUPLICATE_CLIENT_ID;
        if (!gm_clients_room(&e->clients, e->journal)) return gm_engine_refuse(e, o, GM_REASON_JOURNAL, 0, 0, price, &n, now);
    }
    gm_engine_mark(e, o->symbol, &n);                       /* only what is recorded moves a mark: the log has all of them */
    if ((o->flags & GM_CHILD) && (reason = gm_engine_parent(e, o, &parent)) != 0) return gm_engine_refuse(e, o, reason, 0, 0, price, &n, now);

    if (timed) { t1 = gm_machine_ns(CLOCK_MONOTONIC); }
    gm_portfolio_settle(e->portfolio);
    failed = gm_engine_check(e, gm_checks_of(o, terms), o, o->quantity, price, &n, 0, now);
    if (timed) { int64_t t = gm_machine_ns(CLOCK_MONOTONIC); gm_histogram_record(e->stages[GM_STAGE_RISK], t - t1); t1 = t; }
    if (__builtin_expect(failed != 0, 0)) return gm_engine_refuse(e, o, GM_REASON_RISK, failed, 0, price, &n, now);

    if (!(o->flags & (GM_PARENT | GM_HELD))) {
        if (__builtin_expect(e->venues->tripped != 0, 0)) e->venues->probing = gm_breakers_due(e->breakers, e->venues, o->quantity, now);
        route = gm_route_order(e->venues, &n, o, scores);
        e->venues->probing = 0;
        e->route = route;
        if (__builtin_expect(route.venue < 0, 0)) return gm_engine_refuse(e, o, route.reason, 0, 0, price, &n, now);
        o->venue = route.venue;
        if (__builtin_expect(gm_matches_own(e, o), 0) && gm_engine_self_match(e, o, now)) return gm_engine_refuse_match(e, o, price, &n, now);
        if (__builtin_expect(terms != NULL && terms->minimum_quantity > 0 && !terms->worked, 0) && !gm_venue_supports(e->venues, o->venue, GM_NEED_MINIMUM))
            return gm_engine_refuse(e, o, GM_REASON_UNSUPPORTED, 0, 0, price, &n, now);
        if (__builtin_expect(named && o->order_type == GM_ICEBERG, 0) && !gm_venue_takes(e->venues, o->venue, GM_ICEBERG))
            return gm_engine_refuse(e, o, GM_REASON_UNSUPPORTED, 0, 0, price, &n, now);
        if (__builtin_expect(o->order_type == GM_ICEBERG, 0) && !gm_venue_takes(e->venues, o->venue, GM_ICEBERG)) {
            if (!terms) {
                memset(&own, 0, sizeof own);
                terms = &own;
            }
            terms->worked = GM_WORK_ICEBERG;
            o->flags |= GM_PARENT;
            route = (gm_route_t){-1, -1, 0, GM_REASON_NONE, 0, 0, 0, GM_NO_PRICE};  /* its children are routed */
        }
    }
    if (timed) { int64_t t = gm_machine_ns(CLOCK_MONOTONIC); gm_histogram_record(e->stages[GM_STAGE_ROUTE], t - t1); t1 = t; }

    if (o->flags & (GM_PARENT | GM_HELD)) {
        o->status = GM_NEW;                                 /* the engine has it, and answers for it */
        o->venue = -1;
        o->acknowledged_ns = now;
    }
    row = gm_engine_record(e, o, terms, &n, &route, o->flags & (GM_PARENT | GM_HELD) ? NULL : scores, parent, now);
    if (client) gm_clients_put(&e->clients, e->journal, client, o->order_id);
    if (timed) { int64_t t = gm_machine_ns(CLOCK_MONOTONIC); gm_histogram_record(e->stages[GM_STAGE_JOURNAL], t - t1); t1 = t; }

    if (!(o->flags & (GM_PARENT | GM_HELD))) gm_engine_hand_over(e, row, GM_SEND_ORDER, now);
    else if (row->terms || (o->flags & GM_HELD)) gm_engine_todo(e, o->order_id);
    if (__builtin_expect(e->todo_count | e->venues->moved_count, 0)) gm_engine_settle(e, now);
    if (timed) {
        int64_t t = gm_machine_ns(CLOCK_MONOTONIC);
        gm_histogram_record(e->stages[GM_STAGE_VENUE], t - t1);
        gm_histogram_record(e->stages[GM_STAGE_TOTAL], t - t0);
    }
    return o->order_id;
}

/* The same for children, which are many lines of the engine's: one copy of the path for all of them. */
static __attribute__((noinline)) int64_t gm_engine_submit_apart(gm_engine_t* e, gm_order_t* o, int64_t now) {
    return gm_engine_submit_at(e, o, NULL, now);
}

static inline int64_t gm_engine_submit(gm_engine_t* e, gm_order_t* o, gm_terms_t* terms) {
    return gm_engine_submit_at(e, o, terms, gm_engine_now(e));
}

#endif
