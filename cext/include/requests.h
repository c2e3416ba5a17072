/* Requests on live orders: cancel, replace, the end of a parent, and the same for all orders of a scope. GM_OK, or minus a gm_reason.
 *
 * A request is journalled before the venue hears of it, and changes nothing but the status: what it asks for holds once the venue
 * has answered. Orders that no venue knows (held ones, parents) are answered by the engine at once. A request that the state does not
 * allow is recorded as refused, and counted. */
#ifndef GM_REQUESTS_H
#define GM_REQUESTS_H

#include "submission.h"
#include "reports.h"
#include "validation.h"

/* What a recorded request does to its order's row, but for the change of its status. */
static inline void gm_order_obey(gm_order_t* o, const gm_request_t* q, int64_t time_ns) {
    if (q->kind == GM_REQUEST_REFUSED) return;
    o->updated_ns = time_ns;
    switch (q->kind) {
    case GM_REQUEST_CLOSE_PARENT:
        o->leaves_quantity = 0;
        o->reason = q->reason;
        break;
    case GM_REQUEST_EXPIRE:
        o->reason = GM_REASON_TIME_EXPIRED;
        break;
    case GM_REQUEST_REPLACE:
        o->working_quantity = q->quantity;
        o->pending_price_e9 = q->price_e9;
        o->reason = GM_REASON_NONE;
        if (q->price_e9 != GM_NO_PRICE && q->price_e9 > o->reserve_price_e9) o->reserve_price_e9 = q->price_e9;
        break;
    case GM_REQUEST_AMEND:
    case GM_REQUEST_ACTIVATE:
        o->quantity = q->quantity > o->filled_quantity ? q->quantity : o->filled_quantity;
        o->leaves_quantity = o->quantity - o->filled_quantity;
        if (q->price_e9 != GM_NO_PRICE) o->limit_price_e9 = q->price_e9;
        if (q->stop_price_e9 != GM_NO_PRICE) o->stop_price_e9 = q->stop_price_e9;
        if (o->limit_price_e9 != GM_NO_PRICE) o->reserve_price_e9 = o->limit_price_e9;
        else if ((o->flags & GM_HELD) && o->stop_price_e9 != GM_NO_PRICE) o->reserve_price_e9 = o->stop_price_e9;
        break;
    case GM_REQUEST_TRIGGER:
        if (q->stop_price_e9 != GM_NO_PRICE) o->limit_price_e9 = q->stop_price_e9;  /* a trailing limit is fixed now */
        o->venue = q->venue;
        o->sent_ns = time_ns;
        o->acknowledged_ns = 0;
        break;
    case GM_REQUEST_TRAIL:
        o->stop_price_e9 = q->price_e9;
        if (o->limit_price_e9 == GM_NO_PRICE) o->reserve_price_e9 = q->price_e9;
        break;
    default: break;
    }
}

/* A recorded request does what it says. */
static inline void gm_engine_obey(gm_engine_t* e, gm_order_t* o, const gm_request_t* q, int64_t time_ns) {
    const int64_t before = gm_reserved_quantity(e->orders, o), before_price = o->reserve_price_e9, at_work = gm_open_as(e->orders, o, o->status);
    const int closes = gm_is_closed(q->status) && !gm_is_closed(o->status);
    gm_terms_t* terms = gm_terms_of(e->orders, o);
    int64_t after;
    if (q->kind == GM_REQUEST_REFUSED) {
        e->orders->illegal += q->reason == GM_REASON_ILLEGAL_TRANSITION;
        return;
    }
    gm_order_obey(o, q, time_ns);
    if (q->kind == GM_REQUEST_REPLACE) {
        e->portfolio->accounts[o->account].messages++;
        if (e->limits->configured & GM_CHECK_RATE) gm_activity_message(&e->portfolio->activity, o->account, time_ns);
        gm_portfolio_rests(e->portfolio, o->account, o->symbol, o->side, q->price_e9);
    }
    if (q->kind == GM_REQUEST_ACTIVATE && terms) terms->waiting = 0;
    if (q->kind == GM_REQUEST_TRIGGER) {
        gm_portfolio_rests(e->portfolio, o->account, o->symbol, o->side, o->limit_price_e9);
        gm_orders_let_out(e->orders, o);
        gm_engine_follow(e, o->symbol, -1);
    }
    if (terms) gm_engine_todo(e, o->order_id);
    after = gm_reserved_quantity_as(e->orders, o, q->status);
    if (after != before || o->reserve_price_e9 != before_price)
        gm_portfolio_rereserve(e->portfolio, o->account, o->symbol, o->side, before, before_price, after, o->reserve_price_e9);
    if (o->flags & GM_CHILD) {
        gm_order_t* parent = gm_orders_find(e->orders, o->parent_id);
        if (parent) parent->working_quantity += gm_open_as(e->orders, o, q->status) - at_work;
    }
    if (closes) gm_engine_ended(e, o);
    if (q->status != o->status) gm_orders_set_status(e->orders, o, q->status);
}

static inline int64_t gm_engine_request_with(gm_engine_t* e, gm_order_t* o, gm_request_t* q, int64_t now) {
    q->order_id = o->order_id;
    if (gm_journal_append(e->journal, GM_RECORD_REQUEST, GM_RECORD_SMALL, now, o->order_id, q) != GM_OK) return -(int64_t)GM_REASON_JOURNAL;
    gm_engine_obey(e, o, q, now);
    return GM_OK;
}

static inline int64_t gm_engine_request(gm_engine_t* e, gm_order_t* o, uint16_t kind, uint16_t reason, uint8_t status, int64_t now) {
    gm_request_t q;
    memset(&q, 0, sizeof q);
    q.quantity = o->leaves_quantity;
    q.price_e9 = q.stop_price_e9 = GM_NO_PRICE;
    q.status = status;
    q.kind = kind;
    q.reason = reason;
    q.venue = o->venue;
    return gm_engine_request_with(e, o, &q, now);
}

/* Records that a request was refused; `kind` was asked for. Minus the reason. */
static inline int64_t gm_engine_deny(gm_engine_t* e, gm_order_t* o, uint16_t kind, uint16_t reason, int64_t now) {
    gm_request_t q;
    memset(&q, 0, sizeof q);
    q.quantity = o->leaves_quantity;
    q.price_e9 = q.stop_price_e9 = GM_NO_PRICE;
    q.status = o->status;
    q.kind = GM_REQUEST_REFUSED;
    q.reason = reason;
    q.venue = o->venue;
    q.reserved_bytes[0] = (uint8_t)kind;
    if (gm_journal_has_room(e->journal)) gm_engine_request_with(e, o, &q, now);
    return -(int64_t)reason;
}

/* ---- cancel ---- */

/* `kind`: GM_REQUEST_CANCEL, or GM_REQUEST_EXPIRE when its time in force is over. */
static inline int64_t gm_engine_cancel_order(gm_engine_t* e, gm_order_t* o, uint16_t kind, uint16_t reason, int64_t now) {
    int64_t code;
    if (gm_is_closed(o->status)) return -(int64_t)GM_REASON_ORDER_CLOSED;
    if (o->status == GM_PENDING_CANCEL || (o->urgency & GM_END_TOLD)) return GM_OK;     /* its end is under way, or has been told */
    if (!gm_is_legal(o->status, GM_PENDING_CANCEL)) return gm_engine_deny(e, o, kind, GM_REASON_ILLEGAL_TRANSITION, now);
    if (!gm_engine_may_hold(e)) return -(int64_t)GM_REASON_CAPACITY;
    if (gm_journal_fenced(e->journal)) return -(int64_t)GM_REASON_JOURNAL;     /* the order is another engine's now */
    code = gm_engine_request(e, o, kind, reason, GM_PENDING_CANCEL, now);
    if (code != GM_OK) return code;
    if (o->flags & GM_PARENT) gm_engine_todo(e, o->order_id);                  /* its children first: working.h */
    else if (o->flags & GM_HELD) gm_engine_say(e, o, GM_EXEC_CANCELED, 0, reason, now);
    else gm_engine_hand_over(e, o, GM_SEND_CANCEL, now);
    return GM_OK;
}

static inline int64_t gm_engine_cancel(gm_engine_t* e, int64_t order_id, uint16_t reason) {
    const int64_t now = gm_engine_now(e);
    gm_order_t* o = gm_orders_find(e->orders, order_id);
    int64_t code;
    if (!o) return -(int64_t)GM_REASON_UNKNOWN_ORDER;
    code = gm_engine_cancel_order(e, o, GM_REQUEST_CANCEL, reason, now);
    if (__builtin_expect(e->todo_count | e->venues->moved_count, 0)) gm_engine_settle(e, now);
    return code;
}

/* Which orders a request is about; a field that is not set is -1 (side: 0), and matches all. */
typedef struct gm_filter {
    int32_t account, strategy, symbol, venue;
    int32_t side;
    int32_t reserved;
} gm_filter_t;

static inline int gm_filter_matches(const gm_filter_t* f, const gm_order_t* o) {
    return (f->account < 0 || f->account == o->account) && (f->strategy < 0 || f->strategy == o->strategy)
        && (f->venue < 0 || f->venue == o->venue) && (f->side == 0 || f->side == o->side);
}

/* Asks for the cancel of every live order that matches: parents, those the engine holds, those at venues. The ids go to `ids` (as many as
 * `room`); how many there were, and in *refused how many requests could not be made. */
static inline int64_t gm_engine_cancel_all(gm_engine_t* e, const gm_filter_t* f, uint16_t reason, int64_t* ids, int64_t room,
                                           int64_t* refused, int64_t now) {
    const int32_t from = f->symbol < 0 ? 0 : f->symbol, to = f->symbol < 0 ? e->instruments->count : f->symbol + 1;
    const int32_t settling = e->settling;
    int64_t count = 0;
    e->settling = 1;                                        /* nothing else moves while the lists are walked */
    *refused = 0;
    for (int32_t symbol = from; symbol < to; symbol++)
        for (int held = 1; held >= 0; held--) {
            gm_order_t* o = gm_orders_newest(e->orders, symbol, held);
            while (o) {
                gm_order_t* older = gm_orders_older(e->orders, o);
                if (gm_filter_matches(f, o)) {
                    if (count < room) ids[count] = o->order_id;
                    count++;
                    *refused += gm_engine_cancel_order(e, o, GM_REQUEST_CANCEL, reason, now) != GM_OK;
                }
                o = older;
            }
        }
    e->settling = settling;
    if (e->todo_count | e->venues->moved_count) gm_engine_settle(e, now);
    return count;
}

/* ---- replace ---- */

/* The checks that a changed order has to pass: those of its new size and price (`mask`), and of what it adds to what is open. */
static inline uint64_t gm_engine_check_change(gm_engine_t* e, gm_order_t* o, uint64_t mask, int64_t quantity, int64_t limit_e9, int64_t price_e9,
                                              int64_t now) {
    const int64_t before = gm_reserved_quantity(e->orders, o), after = quantity - o->filled_quantity > before ? quantity - o->filled_quantity : before;
    const gm_nbbo_t n = gm_consolidate(e->venues, o->symbol);
    gm_order_t changed = *o;
    uint64_t failed = 0;
    if (limit_e9 != GM_NO_PRICE) changed.limit_price_e9 = limit_e9;
    if (o->flags & GM_HELD) mask &= GM_HELD_CHECKS;
    gm_portfolio_settle(e->portfolio);
    if (quantity > o->quantity || changed.limit_price_e9 != o->limit_price_e9) {
        failed = gm_engine_check(e, mask, &changed, quantity, price_e9, &n, 0, now);
        if (!(o->flags & (GM_HELD | GM_PARENT)) && gm_matches_own(e, &changed)) failed |= GM_CHECK_SELF_MATCH;    /* in every mode: it stays as it was */
    }
    if (failed || (o->flags & GM_CHILD) || after <= before) return failed;
    return gm_engine_check(e, GM_ARMED_CHECKS, &changed, after - before, price_e9, &n, 0, now);
}

/* Asks for another total quantity (0: as it is), limit and stop (GM_NO_PRICE: as they are) of a live order.
 *
 * At a venue less quantity at the same price keeps its place in the queue, anything else goes to the back. A quantity at or below what has
 * filled ends the order FILLED. Held orders and parents are changed at once. */
static inline int64_t gm_engine_replace(gm_engine_t* e, int64_t order_id, int64_t quantity, int64_t limit_e9, int64_t stop_e9) {
    const int64_t now = gm_engine_now(e);
    gm_order_t* o = gm_orders_find(e->orders, order_id);
    gm_order_t changed;
    gm_request_t q;
    gm_nbbo_t n;
    int64_t code, price;
    uint64_t failed;
    int at_once;
    if (!o) return -(int64_t)GM_REASON_UNKNOWN_ORDER;
    if (gm_is_closed(o->status)) return gm_engine_deny(e, o, GM_REQUEST_REPLACE, GM_REASON_ORDER_CLOSED, now);
    at_once = (o->flags & (GM_HELD | GM_PARENT)) != 0;
    /* One at a time, also where nobody knows what became of the last: the row can hold one worst case. */
    if ((o->status != GM_NEW && o->status != GM_PARTIALLY_FILLED) || (o->working_quantity != 0 && !(o->flags & GM_PARENT)))
        return gm_engine_deny(e, o, GM_REQUEST_REPLACE, GM_REASON_ILLEGAL_TRANSITION, now);
    if (quantity <= 0) quantity = o->quantity;
    if (quantity < o->filled_quantity) quantity = o->filled_quantity;
    if (limit_e9 == o->limit_price_e9) limit_e9 = GM_NO_PRICE;
    if (stop_e9 == o->stop_price_e9) stop_e9 = GM_NO_PRICE;
    if (quantity > GM_MAX_QUANTITY || (limit_e9 != GM_NO_PRICE && !gm_on_grid(limit_e9, e->instruments->rows[o->symbol].tick_e9))
        || (stop_e9 != GM_NO_PRICE && !gm_on_grid(stop_e9, e->instruments->rows[o->symbol].tick_e9))
        || (limit_e9 != GM_NO_PRICE && o->limit_price_e9 == GM_NO_PRICE) || (stop_e9 != GM_NO_PRICE && (!(o->flags & GM_HELD) || o->stop_price_e9 == GM_NO_PRICE))
        || (quantity == o->quantity && limit_e9 == GM_NO_PRICE && stop_e9 == GM_NO_PRICE)
        || ((o->flags & GM_PARENT) && (quantity <= o->filled_quantity || quantity < o->filled_quantity + o->working_quantity)))
        return gm_engine_deny(e, o, GM_REQUEST_REPLACE, GM_REASON_INVALID, now);
    if (!at_once && o->venue >= 0 && gm_is_off_tick(e->venues, o->venue, limit_e9))
        return gm_engine_deny(e, o, GM_REQUEST_REPLACE, GM_REASON_PRICE_OUT_OF_RANGE, now);
    if (!at_once && o->venue >= 0 && quantity > o->quantity && !gm_takes_size(e->venues, o->venue, quantity))
        return gm_engine_deny(e, o, GM_REQUEST_REPLACE, GM_REASON_NO_VENUE, now);
    if (!gm_journal_accepts(e->journal)) return -(int64_t)GM_REASON_JOURNAL;
    if (!gm_engine_may_hold(e)) return -(int64_t)GM_REASON_CAPACITY;
    if ((o->flags & GM_CHILD) && quantity > o->quantity) {
        const gm_order_t* parent = gm_orders_find(e->orders, o->parent_id);
        if (!parent || quantity - o->quantity > parent->leaves_quantity - parent->working_quantity)
            return gm_engine_deny(e, o, GM_REQUEST_REPLACE, GM_REASON_PARENT_EXCEEDED, now);
    }
    changed = *o;
    changed.quantity = quantity > o->quantity ? quantity - o->quantity : 0;
    if (e->latched && (changed.quantity || limit_e9 != GM_NO_PRICE) && (code = gm_latches_refuse(e, &changed)) != 0)
        return gm_engine_deny(e, o, GM_REQUEST_REPLACE, (uint16_t)code, now);
    if ((o->flags & GM_REDUCE_ONLY) && changed.quantity && !(o->terms && gm_terms_of(e->orders, o)->waiting) && !gm_reduces_only(e, &changed))
        return gm_engine_deny(e, o, GM_REQUEST_REPLACE, GM_REASON_REDUCE_ONLY, now);
    e->market->touch(e->market, o->symbol, now);
    n = gm_consolidate(e->venues, o->symbol);
    if (limit_e9 != GM_NO_PRICE) changed.limit_price_e9 = limit_e9;
    if (stop_e9 != GM_NO_PRICE) changed.stop_price_e9 = stop_e9;
    price = gm_value_price(e->portfolio, &changed, &n);
    failed = gm_engine_check_change(e, o, GM_CHANGE_CHECKS, quantity, limit_e9, price, now);
    if (failed) {
        e->refusal.failed_checks = failed;
        e->refusal.price_e9 = price;
        return gm_engine_deny(e, o, GM_REQUEST_REPLACE, GM_REASON_RISK, now);
    }
    memset(&q, 0, sizeof q);
    q.quantity = quantity;
    q.price_e9 = limit_e9;
    q.stop_price_e9 = stop_e9;
    q.venue = o->venue;
    q.reason = GM_REASON_USER;
    q.kind = at_once ? GM_REQUEST_AMEND : GM_REQUEST_REPLACE;
    q.status = at_once ? o->status : GM_PENDING_REPLACE;
    code = gm_engine_request_with(e, o, &q, now);
    if (code == GM_OK && !at_once) gm_engine_hand_over(e, o, GM_SEND_REPLACE, now);
    if (code == GM_OK && at_once) gm_engine_news(e, o);
    if (__builtin_expect(e->todo_count | e->venues->moved_count, 0)) gm_engine_settle(e, now);
    return code;
}

/* Ends a parent: what it has left is released. Its children must be closed first. */
static inline int64_t gm_engine_close_parent(gm_engine_t* e, int64_t order_id, uint8_t status, uint16_t reason) {
    const int64_t now = gm_engine_now(e);
    gm_order_t* o = gm_orders_find(e->orders, order_id);
    int64_t code;
    if (!o || !(o->flags & GM_PARENT)) return -(int64_t)GM_REASON_UNKNOWN_ORDER;
    if (gm_is_closed(o->status)) return GM_OK;
    if (o->working_quantity != 0 || !gm_is_legal(o->status, status)) return gm_engine_deny(e, o, GM_REQUEST_CLOSE_PARENT, GM_REASON_ILLEGAL_TRANSITION, now);
    code = gm_engine_request(e, o, GM_REQUEST_CLOSE_PARENT, reason, status, now);
    if (code == GM_OK) gm_engine_news(e, o);
    return code;
}

#endif
