/* The way back: a venue's report is journalled, then it changes order, parent, position and cash. What a venue says is booked as
 * it is: late, doubled, out of order, busted, too much or at too bad a price, it is flagged, and nothing of it is dropped. What cannot be
 * (another symbol or side than the order's, no such kind, no such quantity or price) is in the log, and changes nothing.
 *
 * The status after a report follows FIX 4.4, appendix D: a pending cancel or replace stands until the venue has answered it, also
 * when fills come in between.
 *
 * An end says how much of the order ended. Where that is less than what is open here, the rest was executed and the executions are still on
 * their way: so much stays open (GM_END_TOLD, UNKNOWN), reserved and not the parent's to give to another child, until they have come. An end
 * that says nothing (0) is taken at its word. */
#ifndef GM_REPORTS_H
#define GM_REPORTS_H

#include "engine_state.h"

/* The execution that a TRADE_CANCEL or TRADE_CORRECT is about. */
static inline int64_t gm_reference_of(const gm_report_t* r) { return r->bid_e9; }

static inline int gm_is_revision(const gm_report_t* r) { return r->exec_type == GM_EXEC_TRADE_CANCEL || r->exec_type == GM_EXEC_TRADE_CORRECT; }

/* Is its value a part of what this trading day has traded? */
static inline int gm_is_of_today(const gm_report_t* r) { return !gm_is_revision(r) || r->ask_e9 == GM_NO_PRICE; }

/* Is it in the log for what it says alone, and changes nothing? */
static inline int gm_is_void(const gm_report_t* r) {
    return r->reason == GM_REASON_DUPLICATE_EXECUTION || r->reason == GM_REASON_UNKNOWN_EXECUTION || r->reason == GM_REASON_UNSOUND_REPORT;
}

#define GM_MAX_FEE_E9 ((int64_t)1 << 53)

/* Can it be? What an order's venue says of that order, in figures that there are. `o`: NULL, nobody knows the order. The engine's own words
 * have no execution id, and may be of orders that are at no venue. */
static inline int gm_report_can_be(const gm_engine_t* e, const gm_order_t* o, const gm_report_t* r) {
    if (r->symbol < 0 || r->symbol >= e->instruments->count || r->venue < -1 || r->venue >= e->venues->count || r->quantity < 0
        || r->quantity > GM_MAX_QUANTITY || r->exec_type == 0 || r->exec_type >= GM_EXEC_TYPE_END || r->status >= GM_STATUS_END
        || r->fee_e9 < -GM_MAX_FEE_E9 || r->fee_e9 > GM_MAX_FEE_E9) return 0;
    if ((r->exec_type == GM_EXEC_TRADE || r->exec_type == GM_EXEC_TRADE_CORRECT)
        && (r->quantity == 0 || r->price_e9 <= 0 || r->price_e9 >= GM_MAX_PRICE_E9 || r->liquidity > GM_AUCTION_FILL)) return 0;
    if (r->exec_type == GM_EXEC_REPLACED && r->price_e9 != GM_NO_PRICE && (r->price_e9 <= 0 || r->price_e9 >= GM_MAX_PRICE_E9)) return 0;
    if (o == NULL) return r->side == GM_BUY || r->side == GM_SELL;
    return r->symbol == o->symbol && r->side == o->side && !((o->flags & (GM_PARENT | GM_HELD)) && r->execution_id > 0);
}

/* Is a fill at a worse price than the order's limit, or than the one that a replace on the way asks for? */
static inline int gm_is_beyond_limit(const gm_order_t* o, const gm_report_t* r) {
    if (o->limit_price_e9 == GM_NO_PRICE || o->side * (r->price_e9 - o->limit_price_e9) <= 0) return 0;
    return o->pending_price_e9 == GM_NO_PRICE || o->side * (r->price_e9 - o->pending_price_e9) > 0;
}

static inline int gm_answers_replace(const gm_order_t* o, const gm_report_t* r);

static inline uint8_t gm_live_status(const gm_order_t* o) {
    return o->leaves_quantity == 0 ? GM_FILLED : o->filled_quantity ? GM_PARTIALLY_FILLED : GM_NEW;
}

/* The most that can be open at an order's venue: a replace that is not answered may hold there already. */
static inline int64_t gm_most_open(const gm_order_t* o) {
    const int64_t asked = o->working_quantity == 0 ? 0 : o->working_quantity - o->filled_quantity;
    return asked > o->leaves_quantity ? asked : o->leaves_quantity;
}

/* Does this end, the venue's own word, leave executions to be told? */
static inline int gm_ends_too_soon(const gm_order_t* o, const gm_report_t* r) {
    return (r->exec_type == GM_EXEC_CANCELED || r->exec_type == GM_EXEC_EXPIRED) && r->execution_id > 0 && r->quantity > 0
           && !(o->flags & (GM_PARENT | GM_HELD)) && !(o->urgency & GM_END_TOLD) && !gm_is_closed(o->status) && r->quantity < gm_most_open(o);
}

/* Of an order that ended too soon: what is still to be told, after `r`. A replace that was on the way when it ended made the count one of the larger
 * quantity; its answer says which it is. The engine's own word, which has no execution id, ends the waiting. */
static __attribute__((noinline)) int64_t gm_left_to_tell(const gm_order_t* o, const gm_report_t* r) {
    const int64_t counted = o->working_quantity > o->quantity ? o->working_quantity : o->quantity;
    int64_t left = o->leaves_quantity;
    if (r->exec_type == GM_EXEC_TRADE) left -= r->quantity;
    else if (gm_is_revision(r)) left = r->leaves_quantity;
    else if (r->exec_type == GM_EXEC_REPLACED) left -= counted - r->quantity;
    else if (r->exec_type == GM_EXEC_CANCEL_REJECTED && gm_answers_replace(o, r)) left -= counted - o->quantity;
    else if ((r->exec_type == GM_EXEC_CANCELED || r->exec_type == GM_EXEC_EXPIRED) && r->execution_id == 0) left = 0;
    return left > 0 ? left : 0;
}

static inline uint8_t gm_told_end(const gm_order_t* o, const gm_report_t* r) {
    const int64_t filled = o->filled_quantity + (r->exec_type == GM_EXEC_TRADE ? r->quantity : 0);
    if (filled >= (r->exec_type == GM_EXEC_REPLACED ? r->quantity : o->quantity)) return GM_FILLED;
    return (o->urgency & GM_END_EXPIRED) || o->reason == GM_REASON_TIME_EXPIRED ? GM_EXPIRED : GM_CANCELED;
}

/* The order's status after a report. */
static inline uint8_t gm_report_status(const gm_order_t* o, const gm_report_t* r) {
    const int closed = gm_is_closed(o->status);
    if (gm_is_void(r)) return o->status;
    if (__builtin_expect(o->urgency & GM_END_TOLD, 0) && !closed) return gm_left_to_tell(o, r) ? GM_UNKNOWN_STATUS : gm_told_end(o, r);
    switch (r->exec_type) {
    case GM_EXEC_NEW:
        if (closed) return o->status;
        if (o->status == GM_PENDING_NEW) return GM_NEW;
        return o->status == GM_UNKNOWN_STATUS || o->status == GM_SUSPENDED ? gm_live_status(o) : o->status;
    case GM_EXEC_TRADE:
        if (closed) return o->status;                                  /* late: booked, the order stays ended */
        if (o->status == GM_PENDING_CANCEL || o->status == GM_PENDING_REPLACE) return o->status;
        return r->quantity >= o->leaves_quantity ? GM_FILLED : GM_PARTIALLY_FILLED;
    case GM_EXEC_CANCELED:
    case GM_EXEC_EXPIRED:
        if (closed) return r->exec_type == GM_EXEC_EXPIRED || o->reason == GM_REASON_TIME_EXPIRED ? GM_EXPIRED : GM_CANCELED;
        if (o->leaves_quantity == 0 && o->filled_quantity) return GM_FILLED;   /* there was nothing left to end */
        if (gm_ends_too_soon(o, r)) return GM_UNKNOWN_STATUS;
        return r->exec_type == GM_EXEC_EXPIRED || o->reason == GM_REASON_TIME_EXPIRED ? GM_EXPIRED : GM_CANCELED;
    case GM_EXEC_REJECTED: return GM_REJECTED;
    case GM_EXEC_REPLACED:
        if (closed) return GM_NEW;                                     /* which is not legal: recorded and counted */
        if (o->status == GM_PENDING_CANCEL) return o->status;
        return r->quantity <= o->filled_quantity ? GM_FILLED : o->filled_quantity ? GM_PARTIALLY_FILLED : GM_NEW;
    case GM_EXEC_STATUS:
        return gm_is_pending(r->status) || (closed && r->status != o->status) ? o->status : r->status;
    case GM_EXEC_CANCEL_REJECTED:
        if (o->status != GM_PENDING_CANCEL && o->status != GM_PENDING_REPLACE && o->status != GM_UNKNOWN_STATUS) return o->status;
        if (gm_is_closed(r->status)) return o->leaves_quantity == 0 && o->filled_quantity ? GM_FILLED : r->status;
        if (o->status == GM_PENDING_CANCEL && gm_answers_replace(o, r)) return o->status;      /* its own answer is still to come */
        if (o->working_quantity != 0 && !(o->flags & GM_PARENT) && !gm_answers_replace(o, r)) return GM_UNKNOWN_STATUS;
        if (!o->acknowledged_ns && r->status != GM_NEW && r->status != GM_PARTIALLY_FILLED) return GM_UNKNOWN_STATUS;   /* no word on the order itself yet */
        return gm_live_status(o);
    case GM_EXEC_TRADE_CANCEL:
        if (closed || gm_is_pending(o->status)) return o->status;
        return o->filled_quantity > r->quantity ? GM_PARTIALLY_FILLED : GM_NEW;
    case GM_EXEC_TRADE_CORRECT:
        if (closed || gm_is_pending(o->status)) return o->status;
        return r->leaves_quantity == 0 ? GM_FILLED : GM_PARTIALLY_FILLED;       /* as gm_engine_revise has worked it out */
    default: return o->status;
    }
}

/* Does it answer the replace that the order's venue has been asked for? A venue answers in the order in which it is asked: a refusal while a
 * cancel is pending too is the replace's, unless it says that the cancel did not leave. */
static inline int gm_answers_replace(const gm_order_t* o, const gm_report_t* r) {
    if (o->working_quantity == 0 || (o->flags & GM_PARENT)) return 0;
    if (r->exec_type == GM_EXEC_REPLACED) return 1;
    return r->exec_type == GM_EXEC_CANCEL_REJECTED && (o->status == GM_PENDING_REPLACE || r->reason != GM_REASON_DISCONNECTED);
}

/* May a report take an order to `status`? A closed order keeps its own. */
static inline int gm_report_legal(const gm_order_t* o, uint8_t status) {
    return gm_is_closed(o->status) ? status == o->status : gm_is_legal(o->status, status);
}

/* Books (sign +1) or takes back (-1) an execution in a row: quantity, notional, fees. */
static inline void gm_order_book(gm_order_t* o, const gm_report_t* r, int sign) {
    gm_u128 notional = ((gm_u128)(uint64_t)o->notional_hi << 64) | o->notional_lo;
    notional += (gm_u128)((gm_i128)r->price_e9 * r->quantity * sign);
    o->notional_lo = (uint64_t)notional;
    o->notional_hi = (int64_t)(uint64_t)(notional >> 64);
    o->fees_e9 += sign * r->fee_e9;
    o->filled_quantity += sign * r->quantity;
}

/* What a recorded report does to its own order's row, but for the change of its status. */
static inline void gm_order_take(gm_order_t* o, const gm_report_t* r) {
    const int answers = gm_answers_replace(o, r) || (o->working_quantity != 0 && !(o->flags & GM_PARENT) && gm_is_closed(r->status));
    const int too_soon = r->status == GM_UNKNOWN_STATUS && gm_ends_too_soon(o, r);
    int64_t left;
    o->updated_ns = r->venue_time_ns;
    if (!o->acknowledged_ns && r->exec_type != GM_EXEC_STATUS && (r->status != GM_UNKNOWN_STATUS || too_soon)) o->acknowledged_ns = r->venue_time_ns;
    if (__builtin_expect(too_soon, 0)) {
        o->leaves_quantity = gm_most_open(o) - r->quantity;
        o->urgency |= GM_END_TOLD | (r->exec_type == GM_EXEC_EXPIRED ? GM_END_EXPIRED : 0);
        if (o->reason != GM_REASON_TIME_EXPIRED) o->reason = r->reason;
        return;
    }
    switch (r->exec_type) {
    case GM_EXEC_TRADE:
        gm_order_book(o, r, +1);
        o->leaves_quantity = o->leaves_quantity > r->quantity ? o->leaves_quantity - r->quantity : 0;
        break;
    case GM_EXEC_TRADE_CANCEL:
    case GM_EXEC_TRADE_CORRECT:
        gm_order_book(o, r, r->exec_type == GM_EXEC_TRADE_CORRECT ? +1 : -1);
        if (!gm_is_closed(o->status)) o->leaves_quantity = r->leaves_quantity;
        break;
    case GM_EXEC_REPLACED:
        if (gm_is_closed(o->status)) break;
        left = o->urgency & GM_END_TOLD ? gm_left_to_tell(o, r) : -1;
        o->quantity = r->quantity > o->filled_quantity ? r->quantity : o->filled_quantity;
        o->leaves_quantity = left >= 0 ? left : o->quantity - o->filled_quantity;
        if (r->price_e9 != GM_NO_PRICE) o->limit_price_e9 = r->price_e9;
        if (o->limit_price_e9 != GM_NO_PRICE) o->reserve_price_e9 = o->limit_price_e9;     /* also of one that nobody here asked for */
        break;
    default: break;
    }
    if (answers) {
        if ((o->urgency & GM_END_TOLD) && r->exec_type == GM_EXEC_CANCEL_REJECTED) o->leaves_quantity = gm_left_to_tell(o, r);
        o->working_quantity = 0;
        o->pending_price_e9 = GM_NO_PRICE;
        if (o->limit_price_e9 != GM_NO_PRICE) o->reserve_price_e9 = o->limit_price_e9;
    }
    if (gm_is_closed(r->status) && !gm_is_closed(o->status)) {
        o->leaves_quantity = 0;
        if (r->exec_type != GM_EXEC_TRADE && r->status != GM_FILLED && (!(o->urgency & GM_END_TOLD) || r->reason != GM_REASON_NONE)
            && !(o->reason == GM_REASON_TIME_EXPIRED && r->exec_type == GM_EXEC_CANCELED)) o->reason = r->reason;
        if (r->status == GM_FILLED) o->reason = GM_REASON_NONE;
    } else if (r->exec_type == GM_EXEC_CANCEL_REJECTED && !gm_is_closed(o->status) && !(o->urgency & GM_END_TOLD)) {
        o->reason = r->reason;                  /* why it stands as it was */
    }
}

/* The same for a row that is made again from the log. */
static inline void gm_engine_apply(gm_order_t* o, const gm_report_t* r) {
    if (gm_is_void(r) || !gm_report_legal(o, r->status)) return;
    gm_order_take(o, r);
    o->status = r->status;
}

/* Where a venue that outlives the engine has to go on after a restart, and one that does not continues its numbers. What a person tells in its place
 * has not been heard. */
static inline void gm_engine_heard(gm_engine_t* e, const gm_report_t* r) {
    if (r->reason != GM_REASON_RESOLVED && r->venue >= 0 && r->venue < GM_MAX_VENUES && r->execution_id > e->last_execution[r->venue])
        e->last_execution[r->venue] = r->execution_id;
}

/* What a child's report does to its parent. */
static inline void gm_parent_take(gm_engine_t* e, gm_order_t* parent, const gm_report_t* r, int64_t at_work_before, int64_t at_work) {
    parent->working_quantity += at_work - at_work_before;
    if (r->exec_type == GM_EXEC_TRADE || r->exec_type == GM_EXEC_TRADE_CORRECT) {
        gm_order_book(parent, r, +1);
        parent->leaves_quantity = parent->leaves_quantity > r->quantity ? parent->leaves_quantity - r->quantity : 0;
    } else if (r->exec_type == GM_EXEC_TRADE_CANCEL) {
        gm_order_book(parent, r, -1);
        if (!gm_is_closed(parent->status)) parent->leaves_quantity += r->quantity;
    } else {
        return;
    }
    parent->updated_ns = r->venue_time_ns;
    if (parent->filled_quantity > parent->quantity) gm_engine_todo(e, parent->order_id);        /* no venue may do that: working.h */
    if (gm_is_closed(parent->status)) return;
    if (parent->leaves_quantity == 0) gm_orders_set_status(e->orders, parent, GM_FILLED);
    else if (parent->status != GM_SUSPENDED && parent->status != GM_PENDING_CANCEL)
        gm_orders_set_status(e->orders, parent, parent->filled_quantity ? GM_PARTIALLY_FILLED : GM_NEW);
}

/* A parent has ended while children are still out there (a venue has filled more than it should): each reserves for itself now. `o` is the
 * one whose report did it, and becomes `status`. */
static inline void gm_parent_passes_on(gm_engine_t* e, const gm_order_t* parent, const gm_order_t* o, uint8_t status) {
    if (parent->working_quantity == 0) return;
    for (const gm_order_t* child = gm_orders_newest(e->orders, parent->symbol, 0); child; child = gm_orders_older(e->orders, child)) {
        const int64_t open = gm_open_as(e->orders, child, child == o ? status : child->status);
        if ((child->flags & GM_CHILD) && child->parent_id == parent->order_id && open != 0)
            gm_portfolio_reserve(e->portfolio, child->account, child->symbol, child->side, open, child->reserve_price_e9, +1);
    }
}

/* A recorded report moves order, parent, position and cash; its status and account were settled when it was recorded. */
static inline void gm_engine_take(gm_engine_t* e, gm_order_t* o, const gm_report_t* r) {
    gm_order_t *parent, *reserving;
    const uint8_t status = r->status;
    const int was_closed = gm_is_closed(o->status);
    int64_t before, before_price, at_work;
    int parent_was_closed = 0;
    if (gm_is_void(r)) {
        if (r->reason == GM_REASON_DUPLICATE_EXECUTION) e->duplicate_executions++; else e->unknown_reports++;
        return;
    }
    if (!gm_report_legal(o, status)) {
        e->orders->illegal++;                       /* in the log, not in the state */
        return;
    }
    gm_engine_learn_report(e, o, r, status);
    if (r->exec_type == GM_EXEC_NEW && o->status == GM_PENDING_NEW && !(o->flags & GM_CHILD) && !o->terms) {
        gm_order_take(o, r);                        /* the usual answer moves nothing but the order's own row */
        if (status != o->status) gm_orders_set_status(e->orders, o, status);
        if (r->bid_e9 != GM_NO_PRICE && r->ask_e9 != GM_NO_PRICE) gm_portfolio_mark(e->portfolio, o->symbol, r->bid_e9 + (r->ask_e9 - r->bid_e9) / 2);
        return;
    }
    parent = o->flags & GM_CHILD ? gm_orders_find(e->orders, o->parent_id) : NULL;
    reserving = parent && !gm_is_closed(parent->status) ? parent : o;
    before = gm_reserved_quantity(e->orders, reserving);
    before_price = reserving->reserve_price_e9;
    at_work = gm_open_as(e->orders, o, o->status);
    if (r->exec_type == GM_EXEC_TRADE) {
        if (was_closed) e->late_fills++;
        if (was_closed ? o->filled_quantity + r->quantity > o->quantity : r->quantity > at_work) e->overfills++;
        if (r->reason == GM_REASON_TRADE_THROUGH) e->trade_throughs++;
        e->fills++;
    }
    gm_order_take(o, r);
    if (parent) {
        parent_was_closed = gm_is_closed(parent->status);
        gm_parent_take(e, parent, r, at_work, gm_open_as(e->orders, o, was_closed ? o->status : status));
        if (!parent_was_closed && gm_is_closed(parent->status)) {
            gm_engine_ended(e, parent);
            gm_parent_passes_on(e, parent, o, status);
        }
    }
    if (r->exec_type == GM_EXEC_TRADE || r->exec_type == GM_EXEC_TRADE_CORRECT)
        gm_portfolio_fill(e->portfolio, o->account, o->symbol, o->side, r->quantity, r->price_e9, r->fee_e9, gm_is_of_today(r));
    else if (r->exec_type == GM_EXEC_TRADE_CANCEL)
        gm_portfolio_fill(e->portfolio, o->account, o->symbol, o->side, -r->quantity, r->price_e9, -r->fee_e9, gm_is_of_today(r));
    if (parent && r->exec_type != GM_EXEC_NEW) gm_engine_news(e, parent);   /* before its row can be used again */
    {
        const int64_t after = gm_reserved_quantity_as(e->orders, reserving, reserving == o ? status : reserving->status);
        if (after != before || reserving->reserve_price_e9 != before_price)
            gm_portfolio_rereserve(e->portfolio, o->account, o->symbol, o->side, before, before_price, after, reserving->reserve_price_e9);
    }
    if (__builtin_expect(o->terms != 0, 0)) gm_engine_todo(e, o->order_id);
    if (parent && (parent->terms || parent->status == GM_PENDING_CANCEL || (gm_is_closed(parent->status) && parent->working_quantity > 0)))
        gm_engine_todo(e, parent->order_id);
    if (gm_is_closed(status) && !was_closed) gm_engine_ended(e, o);
    if (status != o->status) gm_orders_set_status(e->orders, o, status);
    if (!gm_is_revision(r) && r->bid_e9 != GM_NO_PRICE && r->ask_e9 != GM_NO_PRICE)
        gm_portfolio_mark(e->portfolio, o->symbol, r->bid_e9 + (r->ask_e9 - r->bid_e9) / 2);
    if (r->exec_type != GM_EXEC_NEW) gm_engine_news(e, o);
}

/* Looks for what the log has of an execution of an order: GM_OK and the report as booked; GM_ERR_NOT_FOUND; or, of one that
 * was taken back already, GM_ERR_STATE. Reads the journal's files where it must: for the rare report that repeats an id or revises one. */
int gm_engine_find_execution(gm_engine_t* e, int64_t order_id, int32_t venue, int64_t execution_id, gm_report_t* found);

/* The circuit breaker has taken a venue out, or let it in again: for the readers of the log. */
static __attribute__((noinline)) void gm_engine_tell_breaker(gm_engine_t* e, int32_t venue, int64_t now) {
    const gm_breaker_t* b = &e->breakers[venue];
    gm_latch_t l;
    memset(&l, 0, sizeof l);
    l.scope = GM_SCOPE_VENUE;
    l.target = venue;
    l.action = b->state == GM_BREAKER_CLOSED ? GM_LATCH_RESTORED : GM_LATCH_TRIPPED;
    gm_journal_append(e->journal, GM_RECORD_LATCH, GM_RECORD_LARGE, now, 0, &l);    /* no room: it is out, or back, all the same */
}

static inline int gm_engine_record_report(gm_engine_t* e, gm_order_t* o, gm_report_t* r) {
    r->status = gm_report_status(o, r);
    r->account = (uint16_t)o->account;
    r->filled_quantity = o->filled_quantity;
    if (gm_is_void(r)) {
        r->leaves_quantity = o->leaves_quantity;
    } else if (r->exec_type == GM_EXEC_TRADE) {
        r->filled_quantity += r->quantity;
        r->leaves_quantity = gm_is_closed(r->status) || r->quantity > o->leaves_quantity ? 0 : o->leaves_quantity - r->quantity;
    } else if (gm_is_revision(r)) {
        r->filled_quantity += r->exec_type == GM_EXEC_TRADE_CORRECT ? r->quantity : -r->quantity;
    } else if (__builtin_expect(o->urgency & GM_END_TOLD, 0) && !gm_is_closed(o->status)) {
        r->leaves_quantity = gm_left_to_tell(o, r);
    } else if (r->status == GM_UNKNOWN_STATUS && gm_ends_too_soon(o, r)) {
        r->leaves_quantity = gm_most_open(o) - r->quantity;
    } else if (r->exec_type == GM_EXEC_REPLACED && !gm_is_closed(r->status)) {
        r->leaves_quantity = r->quantity > o->filled_quantity ? r->quantity - o->filled_quantity : 0;
    } else {
        r->leaves_quantity = gm_is_closed(r->status) || r->status == GM_SUSPENDED ? 0 : o->leaves_quantity;
    }
    if (gm_journal_append(e->journal, GM_RECORD_REPORT, GM_RECORD_SMALL, r->venue_time_ns, r->order_id, r) != GM_OK) return GM_ERR_CAPACITY;
    {
        const uint64_t tripped = e->venues->tripped;
        const int32_t venue = o->venue;
        gm_engine_take(e, o, r);
        if (__builtin_expect(e->venues->tripped != tripped, 0)) gm_engine_tell_breaker(e, venue, r->venue_time_ns);
    }
    return GM_OK;
}

/* A bust or a correction: what was booked is taken back, and of a correction the right figures are booked. */
static inline void gm_engine_revise(gm_engine_t* e, gm_order_t* o, gm_report_t* r) {
    gm_report_t booked, back = *r;
    const int found = gm_engine_find_execution(e, o->order_id, r->venue, gm_reference_of(r), &booked);
    const int64_t said = r->leaves_quantity;                /* open at the venue now, as it says */
    int64_t left;
    r->ask_e9 = GM_NO_PRICE;
    if (found != GM_OK || (booked.exec_type != GM_EXEC_TRADE && booked.exec_type != GM_EXEC_TRADE_CORRECT)) {   /* of what was no execution nothing was booked */
        r->reason = GM_REASON_UNKNOWN_EXECUTION;
        gm_engine_record_report(e, o, r);
        return;
    }
    if (e->calendar_count > 0 && e->calendars[0].next > 0 && booked.venue_time_ns <= e->calendars[0].closes[e->calendars[0].next - 1])
        r->ask_e9 = booked.venue_time_ns;
    back.ask_e9 = r->ask_e9;
    back.exec_type = GM_EXEC_TRADE_CANCEL;
    back.quantity = booked.quantity;
    back.price_e9 = booked.price_e9;
    back.fee_e9 = booked.fee_e9;
    back.leaves_quantity = o->leaves_quantity;
    if (r->exec_type == GM_EXEC_TRADE_CANCEL) {             /* busted shares are open again only if the venue says so */
        left = o->quantity - (o->filled_quantity - booked.quantity);
        if (!gm_is_closed(o->status) && !(o->urgency & GM_END_TOLD) && said > o->leaves_quantity && said <= left) back.leaves_quantity = said;
        gm_engine_record_report(e, o, &back);
        return;
    }
    if (gm_engine_record_report(e, o, &back) != GM_OK) return;
    o = gm_orders_find(e->orders, r->order_id);
    if (!o) return;
    left = o->quantity - o->filled_quantity - r->quantity;
    r->leaves_quantity = o->leaves_quantity > left ? (left > 0 ? left : 0) : o->leaves_quantity;
    gm_engine_record_report(e, o, r);
}

/* A report that cannot be is written down as one of nothing that is known, with what no reader could take left out. */
static inline void gm_engine_set_aside(gm_engine_t* e, gm_report_t* r) {
    if (r->symbol < 0 || r->symbol >= e->instruments->count) r->symbol = -1;
    if (r->venue < 0 || r->venue >= e->venues->count) r->venue = -1;
    if (r->side != GM_BUY && r->side != GM_SELL) r->side = 0;
    if (r->exec_type == 0 || r->exec_type >= GM_EXEC_TYPE_END) r->exec_type = GM_EXEC_STATUS;
    if (r->liquidity > GM_AUCTION_FILL) r->liquidity = GM_LIQUIDITY_NONE;
    r->bid_e9 = r->ask_e9 = GM_NO_PRICE;
    r->status = 0;
    r->account = 0;
    r->reason = GM_REASON_UNSOUND_REPORT;
    if (gm_journal_append(e->journal, GM_RECORD_REPORT, GM_RECORD_SMALL, r->venue_time_ns, r->order_id, r) != GM_OK) return;
    gm_engine_heard(e, r);
    e->unknown_reports++;
}

/* A venue that has never said a word on an order says, when the engine's patience with it is over, that it knows of none: the order has not
 * come there. Before that it may be on its way. What should come of it after all is booked, and flagged as late. */
static inline int gm_is_nowhere(const gm_engine_t* e, const gm_order_t* o, const gm_report_t* r) {
    return r->reason == GM_REASON_UNKNOWN_ORDER && r->status == 0 && o->acknowledged_ns == 0 && o->filled_quantity == 0 && e->timeout_ns > 0
           && r->venue_time_ns - o->sent_ns >= e->timeout_ns;
}

/* The engine's ear. A report that finds no room in the log has not happened. */
static inline void gm_engine_report(void* context, const gm_report_t* given) {
    gm_engine_t* e = (gm_engine_t*)context;
    gm_report_t r = *given;
    gm_order_t* o = gm_orders_find(e->orders, r.order_id);
    int again;
    if (__builtin_expect(!gm_report_can_be(e, o, &r), 0)) {
        gm_engine_set_aside(e, &r);
        return;
    }
    again = r.execution_id > 0 && r.venue >= 0 && r.venue < GM_MAX_VENUES
            && (r.execution_id <= e->last_execution[r.venue] || (r.exec_type == GM_EXEC_TRADE && o && gm_is_closed(o->status)));
    if (!gm_is_revision(&r)) {
        gm_nbbo_t n = gm_consolidate(e->venues, r.symbol);
        r.bid_e9 = n.bid_e9;
        r.ask_e9 = n.ask_e9;
    }
    if (r.exec_type != GM_EXEC_STATUS && r.exec_type != GM_EXEC_CANCEL_REJECTED) r.status = 0;
    if (r.exec_type == GM_EXEC_CANCEL_REJECTED && r.reason == GM_REASON_NONE) r.reason = GM_REASON_VENUE_REJECTED;
    gm_engine_heard(e, &r);
    if (__builtin_expect(o == NULL, 0)) {
        r.status = 0;
        r.account = 0;
        if (gm_journal_append(e->journal, GM_RECORD_REPORT, GM_RECORD_SMALL, r.venue_time_ns, r.order_id, &r) == GM_OK) e->unknown_reports++;
        return;
    }
    if (r.exec_type == GM_EXEC_CANCEL_REJECTED && gm_is_nowhere(e, o, &r)) {
        r.status = GM_REJECTED;
        r.reason = GM_REASON_NOT_AT_VENUE;
    }
    if (__builtin_expect(again, 0)) {
        gm_report_t before;
        if (gm_engine_find_execution(e, r.order_id, r.venue, r.execution_id, &before) != GM_ERR_NOT_FOUND) r.reason = GM_REASON_DUPLICATE_EXECUTION;
    }
    if (__builtin_expect(gm_is_revision(&r), 0) && !gm_is_void(&r)) {
        gm_engine_revise(e, o, &r);
        return;
    }
    if (r.exec_type == GM_EXEC_TRADE && !gm_is_void(&r) && r.reason != GM_REASON_RESOLVED) {
        if (gm_is_closed(o->status)) r.reason = o->filled_quantity + r.quantity > o->quantity ? GM_REASON_OVERFILL : GM_REASON_LATE_FILL;
        else if (r.quantity > gm_open_as(e->orders, o, o->status)) r.reason = GM_REASON_OVERFILL;
        else if (r.liquidity == GM_REMOVED && !(o->urgency & GM_SWEEP) && __builtin_expect(gm_trades_through(e->venues, r.symbol, r.venue, r.side, r.price_e9), 0)) r.reason = GM_REASON_TRADE_THROUGH;
        else if (__builtin_expect(gm_is_beyond_limit(o, &r), 0)) r.reason = GM_REASON_BEYOND_LIMIT;
    }
    gm_engine_record_report(e, o, &r);
}

/* The engine's own word on an order that no venue has, or has answered for. */
static inline void gm_engine_say(gm_engine_t* e, const gm_order_t* o, uint8_t exec_type, uint8_t status, uint16_t reason, int64_t now) {
    gm_report_t r;
    gm_report_begin(&r, o->order_id, o->venue, o->symbol, o->side, exec_type, reason, exec_type == GM_EXEC_STATUS ? 0 : o->leaves_quantity, now);
    r.status = status;
    gm_engine_report(e, &r);
}

#endif
