/* The fused path: risk -> venue -> journal -> order table -> venue's door, and the way back of a venue's report.
 *
 * Journal before effect: an order's record is committed before gm_engine_send, the one place that hands anything to a
 * venue; a report's record is committed before the state it changes. What changes state (gm_engine_accept, _take, _obey) is
 * the same code at work and in recovery (recovery.h), which applies what was recorded and decides nothing again. Nothing here
 * touches a Python object, allocates, locks or calls the system (but the clock, and the journal's write-behind). */
#ifndef GM_ENGINE_H
#define GM_ENGINE_H

#include <string.h>
#include "clients.h"
#include "clock.h"
#include "gate.h"
#include "journal.h"
#include "latency.h"
#include "market.h"
#include "orders.h"
#include "risk.h"
#include "scoring.h"

#define GM_NEWS_MAX 4096
#define GM_HELD_MAX ((int64_t)1 << 16)

/* What goes through the door. */
enum gm_sending { GM_SEND_ORDER = 1, GM_SEND_CANCEL, GM_SEND_RESTORE };

/* A command that a venue may hear of once the log's first `position` bytes are on the disk. */
typedef struct gm_held {
    int64_t order_id;
    int64_t position;
    int32_t sending;
    int32_t reserved;
} gm_held_t;

typedef struct gm_engine {
    gm_orders_t* orders;
    gm_portfolio_t* portfolio;
    gm_limits_t* limits;
    gm_instruments_t* instruments;
    gm_venues_t* venues;
    gm_journal_t* journal;
    gm_market_t* market;
    gm_clock_t* clock;
    gm_histogram_t* stages[GM_STAGE_COUNT];
    gm_clients_t clients;
    gm_held_t* held;               /* ring of GM_HELD_MAX; NULL: durability does not ask for it */
    int64_t held_first, held_end;
    int64_t duplicate_of;          /* the order that has the client_order_id just refused */
    int64_t last_execution[GM_MAX_VENUES];  /* highest execution id that a venue has given */
    uint64_t config_hash;
    int32_t audit;                 /* decisions are recorded */
    int32_t closed;
    int32_t watched;               /* readers of the log want the market to stop at every news of an order */
    uint32_t tick;                 /* orders seen; every 64th has its stages timed */

    gm_refusal_t refusal;          /* of the last refused order */
    gm_route_t route;              /* of the last routed one */

    /* order ids with news for Python, in order; more than GM_NEWS_MAX: `news_lost`, look at everybody */
    int64_t news[GM_NEWS_MAX];
    int32_t news_count;
    int32_t news_lost;

    int64_t accepted, refused, fills, unknown_reports, late_fills, overfills;
} gm_engine_t;

static inline void gm_engine_news(gm_engine_t* e, const gm_order_t* o) {
    if (e->watched) e->market->stop = 1;
    if (!(o->flags & GM_AWAITED)) return;
    e->market->stop = 1;
    if (e->news_count < GM_NEWS_MAX) e->news[e->news_count++] = o->order_id; else e->news_lost = 1;
}

static inline void gm_engine_mark(gm_engine_t* e, int32_t symbol, const gm_nbbo_t* n) {
    int64_t mid = gm_mid(n);
    if (mid != GM_NO_PRICE) gm_portfolio_mark(e->portfolio, symbol, mid);
}

/* Brings the market to the clock's now, and one symbol's quotes with it. */
static inline int64_t gm_engine_now(gm_engine_t* e) {
    int64_t now = gm_now(e->clock);
    if (now > e->market->now_ns) {
        do {
            e->market->stop = 0;
            e->market->advance(e->market, now);
        } while (e->market->now_ns < now);
        e->market->stop = 0;
    }
    return now;
}

/* Lives on to `until_ns`, or to the first event that Python waits for; the time reached is the clock's new now. */
static inline int64_t gm_engine_advance(gm_engine_t* e, int64_t until_ns) {
    int64_t reached;
    e->market->stop = 0;
    reached = e->market->advance(e->market, until_ns);
    e->market->stop = 0;
    if (e->clock->simulated && reached > e->clock->now_ns) e->clock->now_ns = reached;
    return reached;
}

/* The door: the only place that gives anything to a venue. */
static inline void gm_engine_send(gm_engine_t* e, const gm_order_t* o, int sending, int64_t now) {
    if (sending == GM_SEND_ORDER) e->market->submit(e->market, o, now);
    else if (sending == GM_SEND_CANCEL) e->market->cancel(e->market, o, now);
    else if (e->market->restore) e->market->restore(e->market, o, now);
}

/* Sends a journalled command, or holds it until its record is on the disk. */
static inline void gm_engine_hand_over(gm_engine_t* e, const gm_order_t* o, int sending, int64_t now) {
    if (__builtin_expect(e->held != NULL, 0)) {
        gm_held_t* h = &e->held[e->held_end++ & (GM_HELD_MAX - 1)];
        h->order_id = o->order_id;
        h->position = e->journal->head;
        h->sending = sending;
        gm_journal_want(e->journal, h->position);
        return;
    }
    gm_engine_send(e, o, sending, now);
}

static inline int gm_engine_may_hold(const gm_engine_t* e) {
    return e->held == NULL || e->held_end - e->held_first < GM_HELD_MAX;
}

/* Sends what was held for the disk, now that `forced` bytes of the log are there. */
static inline void gm_engine_release(gm_engine_t* e, int64_t forced) {
    while (!gm_journal_fenced(e->journal) && e->held_first < e->held_end && e->held[e->held_first & (GM_HELD_MAX - 1)].position <= forced) {
        const gm_held_t h = e->held[e->held_first++ & (GM_HELD_MAX - 1)];
        const gm_order_t* o = gm_orders_find(e->orders, h.order_id);
        if (o && !gm_is_closed(o->status)) gm_engine_send(e, o, h.sending, gm_engine_now(e));
    }
}

/* A refusal is recorded under an id, as long as that leaves the ring's reserve alone: else who hammers while the disk is full
 * would take the room of cancels and reports. One that is not recorded has id 0 and changes nothing. Minus the reason. */
static inline int64_t gm_engine_refuse(gm_engine_t* e, gm_order_t* o, uint16_t reason, uint64_t checks, uint64_t fields,
                                       int64_t price_e9, const gm_nbbo_t* n, int64_t now) {
    gm_refusal_t* r = &e->refusal;
    const int64_t id = e->orders->next_id < GM_ORDER_IDS - 1 ? e->orders->next_id : 0;
    memset(r, 0, sizeof *r);
    r->order_id = id;
    r->quantity = o->quantity;
    r->price_e9 = price_e9;
    r->parent_id = o->parent_id;
    r->failed_checks = checks;
    r->failed_fields = fields;
    r->bid_e9 = n ? n->bid_e9 : GM_NO_PRICE;
    r->ask_e9 = n ? n->ask_e9 : GM_NO_PRICE;
    r->symbol = o->symbol >= 0 && o->symbol < e->instruments->count ? o->symbol : -1;
    r->account = o->account;
    r->side = o->side;
    r->order_type = o->order_type;
    r->reason = reason;
    r->feed_sequence = n ? n->sequence : 0;
    r->limit_price_e9 = o->limit_price_e9;
    r->time_in_force = o->time_in_force;
    r->flags = o->flags & (uint8_t)~GM_AWAITED;
    r->venue = (int16_t)o->venue;
    if ((!gm_journal_has_room(e->journal) && !gm_journal_accepts(e->journal))
        || gm_journal_append(e->journal, GM_RECORD_REFUSAL, GM_RECORD_SMALL, now, id, r) != GM_OK) {
        r->order_id = 0;
        return -(int64_t)reason;
    }
    if (id) e->orders->next_id++;
    if (n) gm_engine_mark(e, o->symbol, n);
    e->refused++;
    return -(int64_t)reason;
}

/* The price at which an order counts: its limit, else the touch it would take, else the mark. */
static inline int64_t gm_value_price(const gm_portfolio_t* p, const gm_order_t* o, const gm_nbbo_t* n) {
    int64_t touch;
    if (o->limit_price_e9 != GM_NO_PRICE) return o->limit_price_e9;
    touch = o->side > 0 ? n->ask_e9 : n->bid_e9;
    return touch != GM_NO_PRICE ? touch : gm_mark_of(p, o->symbol);
}

static inline void gm_engine_decision(gm_engine_t* e, const gm_order_t* o, const gm_nbbo_t* n, const gm_route_t* route, int64_t now) {
    gm_decision_t d;
    int64_t mid = gm_mid(n);
    memset(&d, 0, sizeof d);
    d.order_id = o->order_id;
    d.feed_sequence = n->sequence;
    d.bid_e9 = n->bid_e9;
    d.ask_e9 = n->ask_e9;
    d.expected_price_e9 = route->price_e9;
    d.config_hash = e->config_hash;
    d.checks = e->limits->configured;
    d.bid_venue = n->bid_venue;
    d.ask_venue = n->ask_venue;
    d.venue = route->venue;
    d.runner_up = route->runner_up;
    d.candidates = route->candidates;
    if (mid != GM_NO_PRICE && route->venue >= 0) d.score = (float)((double)route->cost_e9 / (double)mid * 1e4);
    if (mid != GM_NO_PRICE && route->runner_up >= 0) d.runner_up_score = (float)((double)route->runner_up_cost_e9 / (double)mid * 1e4);
    gm_journal_append(e->journal, GM_RECORD_DECISION, GM_RECORD_SMALL, now, o->order_id, &d);
}

/* An accepted order enters the state: its row, its reservation or its parent's work. */
static inline gm_order_t* gm_engine_accept(gm_engine_t* e, const gm_order_t* o, gm_order_t* parent) {
    gm_order_t* row = gm_orders_insert(e->orders, o);
    if (!row) return NULL;
    e->portfolio->accounts[o->account].orders_today++;
    if (parent) parent->working_quantity += o->quantity;
    else gm_portfolio_reserve(e->portfolio, o->account, o->symbol, o->side, o->quantity, o->reserve_price_e9, +1);
    e->accepted++;
    return row;
}

/* Submits one order whose fields are valid, at `now` (to which the market has been brought): its id, or minus the gm_reason of its
 * refusal (details in e->refusal). `o` is completed in place. A client_order_id that is taken: GM_REASON_DUPLICATE_CLIENT_ID with
 * e->duplicate_of set, nothing recorded (whether it is the same order again is the caller's to see). */
static inline int64_t gm_engine_submit_at(gm_engine_t* e, gm_order_t* o, const int64_t now) {
    const int timed = (e->tick++ & 63) == 0;
    int64_t t0, t1 = 0;
    gm_order_t *row, *parent = NULL;
    gm_route_t route = {o->venue, -1, 0, GM_REASON_NONE, 0, 0, 0, GM_NO_PRICE};
    gm_nbbo_t n;
    uint64_t mask = GM_ALL_CHECKS, client = 0;
    int64_t price;

    e->market->touch(e->market, o->symbol, now);
    t0 = timed ? gm_machine_ns(CLOCK_MONOTONIC) : 0;        /* the market's own life is not the order's path */
    n = gm_consolidate(e->venues, o->symbol);
    o->created_ns = o->sent_ns = o->updated_ns = now;
    o->acknowledged_ns = 0;
    o->arrival_mid_e9 = gm_mid(&n);
    o->filled_quantity = o->working_quantity = 0;
    o->notional_lo = 0;
    o->notional_hi = o->fees_e9 = 0;
    o->leaves_quantity = o->quantity;
    o->reason = GM_REASON_NONE;
    price = gm_value_price(e->portfolio, o, &n);
    o->reserve_price_e9 = price;

    if (__builtin_expect(e->closed, 0)) return gm_engine_refuse(e, o, GM_REASON_CLOSED, 0, 0, price, &n, now);
    if (__builtin_expect(!gm_orders_room(e->orders), 0)) return gm_engine_refuse(e, o, GM_REASON_CAPACITY, 0, 0, price, &n, now);
    if (__builtin_expect(!gm_journal_accepts(e->journal), 0)) return gm_engine_refuse(e, o, GM_REASON_JOURNAL, 0, 0, price, &n, now);
    if (__builtin_expect(!gm_engine_may_hold(e), 0)) return gm_engine_refuse(e, o, GM_REASON_CAPACITY, 0, 0, price, &n, now);
    if (__builtin_expect(o->client_order_id[0] != 0, 0)) {
        client = gm_client_hash(o->client_order_id);
        if ((e->duplicate_of = gm_clients_find(&e->clients, e->journal, client)) != 0) return -(int64_t)GM_REASON_DUPLICATE_CLIENT_ID;
        if (!gm_clients_room(&e->clients, e->journal)) return gm_engine_refuse(e, o, GM_REASON_JOURNAL, 0, 0, price, &n, now);
    }
    gm_engine_mark(e, o->symbol, &n);                       /* only what is recorded moves a mark: the log has all of them */

    if (o->flags & GM_CHILD) {
        parent = gm_orders_find(e->orders, o->parent_id);
        if (!parent || !(parent->flags & GM_PARENT)) return gm_engine_refuse(e, o, GM_REASON_UNKNOWN_ORDER, 0, 0, price, &n, now);
        if (gm_is_closed(parent->status)) return gm_engine_refuse(e, o, GM_REASON_ORDER_CLOSED, 0, 0, price, &n, now);
        if (parent->side != o->side || parent->symbol != o->symbol || parent->account != o->account
            || o->quantity > parent->leaves_quantity - parent->working_quantity)
            return gm_engine_refuse(e, o, GM_REASON_PARENT_EXCEEDED, 0, 0, price, &n, now);
        mask = GM_CHECK_ORDER_SIZE | GM_CHECK_NOTIONAL | GM_CHECK_ORDER_VALUE | GM_CHECK_DAILY_COUNT;
    } else if (o->flags & GM_PARENT) {
        mask = ~(uint64_t)(GM_CHECK_ORDER_SIZE | GM_CHECK_NOTIONAL | GM_CHECK_ORDER_VALUE);
    }

    {
        uint64_t failed;
        if (timed) { t1 = gm_machine_ns(CLOCK_MONOTONIC); }
        gm_portfolio_settle(e->portfolio);
        failed = gm_risk_check(e->limits, e->portfolio, mask, o->account, o->symbol, o->side, o->quantity, price, NULL);
        if (timed) { int64_t t = gm_machine_ns(CLOCK_MONOTONIC); gm_histogram_record(e->stages[GM_STAGE_RISK], t - t1); t1 = t; }
        if (__builtin_expect(failed != 0, 0)) return gm_engine_refuse(e, o, GM_REASON_RISK, failed, 0, price, &n, now);
    }

    if (!(o->flags & GM_PARENT)) {
        if (o->venue < 0) {
            route = gm_score_venues(e->venues, &n, o->symbol, o->side, o->quantity, o->limit_price_e9, o->flags, NULL);
            e->route = route;
            if (__builtin_expect(route.venue < 0, 0)) return gm_engine_refuse(e, o, route.reason, 0, 0, price, &n, now);
            o->venue = route.venue;
        } else if (o->venue >= e->venues->count || !e->venues->enabled[o->venue]) {
            return gm_engine_refuse(e, o, GM_REASON_NO_VENUE, 0, 0, price, &n, now);
        }
    }
    if (timed) { int64_t t = gm_machine_ns(CLOCK_MONOTONIC); gm_histogram_record(e->stages[GM_STAGE_ROUTE], t - t1); t1 = t; }

    o->order_id = e->orders->next_id++;
    o->status = GM_PENDING_NEW;
    if (o->flags & GM_PARENT) {
        o->status = GM_NEW;
        o->venue = -1;
        o->acknowledged_ns = now;
    }
    if (e->audit) gm_engine_decision(e, o, &n, &route, now);
    {
        uint8_t awaited = o->flags & GM_AWAITED;
        o->flags &= (uint8_t)~GM_AWAITED;
        gm_journal_append(e->journal, GM_RECORD_ORDER, GM_RECORD_LARGE, now, o->order_id, o);
        o->flags |= awaited;
    }
    row = gm_engine_accept(e, o, parent);
    if (client) gm_clients_put(&e->clients, e->journal, client, o->order_id);
    if (timed) { int64_t t = gm_machine_ns(CLOCK_MONOTONIC); gm_histogram_record(e->stages[GM_STAGE_JOURNAL], t - t1); t1 = t; }

    if (!(o->flags & GM_PARENT)) gm_engine_hand_over(e, row, GM_SEND_ORDER, now);
    if (timed) {
        int64_t t = gm_machine_ns(CLOCK_MONOTONIC);
        gm_histogram_record(e->stages[GM_STAGE_VENUE], t - t1);
        gm_histogram_record(e->stages[GM_STAGE_TOTAL], t - t0);
    }
    return o->order_id;
}

static inline int64_t gm_engine_submit(gm_engine_t* e, gm_order_t* o) { return gm_engine_submit_at(e, o, gm_engine_now(e)); }

/* ---- the way back ---- */

static inline void gm_order_book_fill(gm_order_t* o, const gm_report_t* r) {
    gm_u128 notional = ((gm_u128)(uint64_t)o->notional_hi << 64) | o->notional_lo;
    notional += (gm_u128)((gm_i128)r->price_e9 * r->quantity);
    o->notional_lo = (uint64_t)notional;
    o->notional_hi = (int64_t)(uint64_t)(notional >> 64);
    o->fees_e9 += r->fee_e9;
    o->filled_quantity += r->quantity;
    o->leaves_quantity = o->leaves_quantity > r->quantity ? o->leaves_quantity - r->quantity : 0;
}

static inline uint8_t gm_report_status(const gm_order_t* o, const gm_report_t* r) {
    switch (r->exec_type) {
    case GM_EXEC_NEW:
        if (o->status == GM_UNKNOWN_STATUS) return o->filled_quantity ? GM_PARTIALLY_FILLED : GM_NEW;
        return o->status == GM_PENDING_NEW ? GM_NEW : o->status;
    case GM_EXEC_TRADE:
        if (gm_is_closed(o->status)) return o->status;                 /* late: booked, the order stays ended */
        if (r->quantity >= o->leaves_quantity) return GM_FILLED;
        return o->status == GM_PENDING_CANCEL || o->status == GM_PENDING_REPLACE ? o->status : GM_PARTIALLY_FILLED;
    case GM_EXEC_CANCELED: return GM_CANCELED;
    case GM_EXEC_EXPIRED: return GM_EXPIRED;
    case GM_EXEC_REJECTED: return GM_REJECTED;
    case GM_EXEC_STATUS: return r->status;
    case GM_EXEC_CANCEL_REJECTED:
        if (o->status == GM_PENDING_CANCEL && !o->acknowledged_ns) return GM_UNKNOWN_STATUS;    /* no word on the order itself yet */
        return o->status == GM_PENDING_CANCEL ? (o->filled_quantity ? GM_PARTIALLY_FILLED : GM_NEW) : o->status;
    default: return o->status;
    }
}

/* May a report take an order to `status`? A closed order keeps its own. */
static inline int gm_report_legal(const gm_order_t* o, uint8_t status) {
    return gm_is_closed(o->status) ? status == o->status : gm_is_legal(o->status, status);
}

/* What a report does to its own order's row, given the status that was recorded with it: recovery's half. */
static inline void gm_engine_apply(gm_order_t* o, const gm_report_t* r) {
    if (!gm_report_legal(o, r->status)) return;
    o->updated_ns = r->venue_time_ns;
    if (!o->acknowledged_ns) o->acknowledged_ns = r->venue_time_ns;
    if (r->exec_type == GM_EXEC_TRADE) gm_order_book_fill(o, r);
    if (gm_is_closed(r->status) && !gm_is_closed(o->status)) {
        o->leaves_quantity = 0;
        if (r->exec_type != GM_EXEC_TRADE) o->reason = r->reason;
    }
    o->status = r->status;
}

/* Where a venue that outlives the engine has to go on after a restart, and one that does not continues its numbers. */
static inline void gm_engine_heard(gm_engine_t* e, const gm_report_t* r) {
    if (r->venue >= 0 && r->venue < GM_MAX_VENUES && r->execution_id > e->last_execution[r->venue])
        e->last_execution[r->venue] = r->execution_id;
}

/* A recorded report moves order, parent, position and cash; its status and account were settled when it was recorded. */
static inline void gm_engine_take(gm_engine_t* e, gm_order_t* o, const gm_report_t* r) {
    gm_order_t* parent;
    const uint8_t status = r->status;
    int64_t released = 0;
    if (!gm_report_legal(o, status)) {
        e->orders->illegal++;                       /* in the log, not in the state */
        return;
    }
    parent = o->flags & GM_CHILD ? gm_orders_find(e->orders, o->parent_id) : NULL;
    o->updated_ns = r->venue_time_ns;
    if (!o->acknowledged_ns && r->exec_type != GM_EXEC_STATUS) o->acknowledged_ns = r->venue_time_ns;
    if (r->exec_type == GM_EXEC_TRADE) {
        int64_t taken = r->quantity < o->leaves_quantity ? r->quantity : o->leaves_quantity;
        if (gm_is_closed(o->status)) e->late_fills++;
        else if (r->quantity > o->leaves_quantity) e->overfills++;
        e->fills++;
        gm_order_book_fill(o, r);
        released = taken;
        if (parent) {
            int64_t open = parent->leaves_quantity;
            parent->working_quantity -= taken;
            gm_order_book_fill(parent, r);
            parent->updated_ns = r->venue_time_ns;
            released = open - parent->leaves_quantity;
            if (!gm_is_closed(parent->status)) {
                if (parent->leaves_quantity == 0) gm_orders_set_status(e->orders, parent, GM_FILLED);
                else if (parent->status != GM_SUSPENDED) gm_orders_set_status(e->orders, parent, GM_PARTIALLY_FILLED);
            }
        }
        gm_portfolio_fill(e->portfolio, o->account, o->symbol, o->side, r->quantity, r->price_e9, r->fee_e9);
    }
    if (gm_is_closed(status) && !gm_is_closed(o->status)) {
        int64_t ended = o->leaves_quantity;
        o->leaves_quantity = 0;
        if (r->exec_type != GM_EXEC_TRADE) o->reason = r->reason;
        if (parent) parent->working_quantity -= ended; else released += ended;
    }
    if (parent && r->exec_type != GM_EXEC_NEW) gm_engine_news(e, parent);   /* before its row can be used again */
    if (o->flags & GM_CHILD && !parent) released = 0;                      /* its parent's reservation has gone already */
    if (released) {
        const gm_order_t* reserved = parent ? parent : o;
        gm_portfolio_reserve(e->portfolio, reserved->account, reserved->symbol, reserved->side, released, reserved->reserve_price_e9, -1);
    }
    if (status != o->status) gm_orders_set_status(e->orders, o, status);
    if (r->bid_e9 != GM_NO_PRICE && r->ask_e9 != GM_NO_PRICE)
        gm_portfolio_mark(e->portfolio, o->symbol, r->bid_e9 + (r->ask_e9 - r->bid_e9) / 2);
    if (r->exec_type != GM_EXEC_NEW) gm_engine_news(e, o);
}

/* The engine's ear: a venue's report is journalled, then taken. One that finds no room in the log has not happened. */
static inline void gm_engine_report(void* context, const gm_report_t* given) {
    gm_engine_t* e = (gm_engine_t*)context;
    gm_report_t r = *given;
    gm_order_t* o = gm_orders_find(e->orders, r.order_id);
    gm_nbbo_t n = gm_consolidate(e->venues, r.symbol);
    r.bid_e9 = n.bid_e9;
    r.ask_e9 = n.ask_e9;
    gm_engine_heard(e, &r);
    if (__builtin_expect(o == NULL, 0)) {
        r.status = 0;
        r.account = 0;
        if (gm_journal_append(e->journal, GM_RECORD_REPORT, GM_RECORD_SMALL, r.venue_time_ns, r.order_id, &r) == GM_OK) e->unknown_reports++;
        return;
    }
    r.status = gm_report_status(o, &r);
    r.account = (uint16_t)o->account;
    r.filled_quantity = o->filled_quantity;
    r.leaves_quantity = gm_is_closed(r.status) ? 0 : o->leaves_quantity;
    if (r.exec_type == GM_EXEC_TRADE) {
        r.filled_quantity += r.quantity;
        if (!gm_is_closed(r.status)) r.leaves_quantity -= r.quantity;
    }
    if (gm_journal_append(e->journal, GM_RECORD_REPORT, GM_RECORD_SMALL, r.venue_time_ns, r.order_id, &r) == GM_OK)
        gm_engine_take(e, o, &r);
}

/* ---- requests on live orders: GM_OK, or minus a gm_reason ---- */

/* A recorded request does what it says. */
static inline void gm_engine_obey(gm_engine_t* e, gm_order_t* o, const gm_request_t* q, int64_t time_ns) {
    o->updated_ns = time_ns;
    if (q->kind == GM_REQUEST_CLOSE_PARENT) {
        int64_t open = o->leaves_quantity;
        o->leaves_quantity = 0;
        o->reason = q->reason;
        gm_portfolio_reserve(e->portfolio, o->account, o->symbol, o->side, open, o->reserve_price_e9, -1);
    }
    gm_orders_set_status(e->orders, o, q->status);
}

static inline int64_t gm_engine_request(gm_engine_t* e, gm_order_t* o, uint16_t kind, uint16_t reason, uint8_t status, int64_t now) {
    gm_request_t q;
    memset(&q, 0, sizeof q);
    q.order_id = o->order_id;
    q.quantity = o->leaves_quantity;
    q.price_e9 = GM_NO_PRICE;
    q.status = status;
    q.kind = kind;
    q.reason = reason;
    q.venue = o->venue;
    if (gm_journal_append(e->journal, GM_RECORD_REQUEST, GM_RECORD_SMALL, now, o->order_id, &q) != GM_OK) return -(int64_t)GM_REASON_JOURNAL;
    gm_engine_obey(e, o, &q, now);
    return GM_OK;
}

static inline int64_t gm_engine_cancel(gm_engine_t* e, int64_t order_id, uint16_t reason) {
    const int64_t now = gm_engine_now(e);
    gm_order_t* o = gm_orders_find(e->orders, order_id);
    int64_t code;
    if (!o) return -(int64_t)GM_REASON_UNKNOWN_ORDER;
    if (gm_is_closed(o->status)) return -(int64_t)GM_REASON_ORDER_CLOSED;
    if (o->flags & GM_PARENT) return -(int64_t)GM_REASON_ILLEGAL_TRANSITION;   /* its algorithm ends it */
    if (o->status == GM_PENDING_CANCEL) return GM_OK;
    if (!gm_is_legal(o->status, GM_PENDING_CANCEL)) {
        e->orders->illegal++;
        return -(int64_t)GM_REASON_ILLEGAL_TRANSITION;
    }
    if (!gm_engine_may_hold(e)) return -(int64_t)GM_REASON_CAPACITY;
    if (gm_journal_fenced(e->journal)) return -(int64_t)GM_REASON_JOURNAL;     /* the order is another engine's now */
    code = gm_engine_request(e, o, GM_REQUEST_CANCEL, reason, GM_PENDING_CANCEL, now);
    if (code == GM_OK) gm_engine_hand_over(e, o, GM_SEND_CANCEL, now);
    return code;
}

/* Ends a parent: what it has left is released. Its children must be closed first. */
static inline int64_t gm_engine_close_parent(gm_engine_t* e, int64_t order_id, uint8_t status, uint16_t reason) {
    const int64_t now = gm_engine_now(e);
    gm_order_t* o = gm_orders_find(e->orders, order_id);
    int64_t code;
    if (!o || !(o->flags & GM_PARENT)) return -(int64_t)GM_REASON_UNKNOWN_ORDER;
    if (gm_is_closed(o->status)) return GM_OK;
    if (o->working_quantity != 0 || !gm_is_legal(o->status, status)) return -(int64_t)GM_REASON_ILLEGAL_TRANSITION;
    code = gm_engine_request(e, o, GM_REQUEST_CLOSE_PARENT, reason, status, now);
    if (code == GM_OK) gm_engine_news(e, o);
    return code;
}

/* ---- what the journal's writer calls once records are on the disk ---- */

/* Between an engine and its journal's writer; whoever of them lives longer frees it. */
typedef struct gm_engine_link {
    gm_engine_t* engine;            /* NULL: gone */
    gm_gate_t* gate;
    pthread_mutex_t lock;
    int32_t holders;
    pid_t process;                  /* a forked child lets go without the lock, which the writer may have held */
} gm_engine_link_t;

static void gm_engine_forced(void* context) {
    gm_engine_link_t* link = (gm_engine_link_t*)context;
    pthread_mutex_lock(&link->lock);
    if (link->engine && link->engine->held) {
        gm_gate_wait(link->gate);
        gm_engine_release(link->engine, __atomic_load_n(&link->engine->journal->forced, __ATOMIC_ACQUIRE));
        gm_gate_leave(link->gate);
    }
    pthread_mutex_unlock(&link->lock);
}

#endif
