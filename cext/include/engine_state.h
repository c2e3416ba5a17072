/* The engine's state and what everything in it goes through: the clock brought to the market, news, the one door to the venues,
 * refusals, reservations, and the entry of an accepted order. */
#ifndef GM_ENGINE_STATE_H
#define GM_ENGINE_STATE_H

#include <string.h>
#include "breaker.h"
#include "clients.h"
#include "clock.h"
#include "gate.h"
#include "journal.h"
#include "latency.h"
#include "market.h"
#include "orders.h"
#include "risk.h"
#include "scoring.h"
#include "timers.h"
#include "venue_statistics.h"

#define GM_NEWS_MAX 4096
#define GM_HELD_MAX ((int64_t)1 << 16)
#define GM_TODO_MAX 4096
#define GM_LATCHES_MAX 256
#define GM_CALENDARS_MAX 16
#define GM_LIST_MAX 16
#define GM_NEVER INT64_MAX

/* What goes through the door. */
enum gm_sending { GM_SEND_ORDER = 1, GM_SEND_CANCEL, GM_SEND_RESTORE, GM_SEND_REPLACE };

/* An order at a venue that has not answered, and since when. */
typedef struct gm_unheard { int64_t order_id, since_ns; } gm_unheard_t;

/* The session closes of one exchange, ascending. */
typedef struct gm_calendar {
    int64_t* closes;
    int64_t count, next;               /* the first close that has not been lived through */
} gm_calendar_t;

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

    /* what the engine does by itself (working.h) */
    int64_t todo[GM_TODO_MAX];     /* orders whose list or parent has to be looked after */
    int32_t todo_count, todo_lost; /* more than GM_TODO_MAX: look at everybody */
    int32_t settling, still;       /* at it; not at all (a day that is lived again) */
    int32_t wake;                  /* Python waits for what just happened */
    int64_t deadline_ns;           /* the next timer */
    int64_t again_ns;              /* when the engine asks once more for what it was refused; GM_NEVER: nothing */
    int64_t timeout_ns;            /* of a venue's answer; 0: none */
    gm_unheard_t* unheard;         /* ring of GM_HELD_MAX, by time */
    int64_t unheard_first, unheard_end;
    gm_expiry_t* expiries;         /* heap of GM_TERMS_ROWS (timers.h) */
    int64_t expiry_count;
    gm_calendar_t calendars[GM_CALENDARS_MAX];
    int32_t calendar_count;
    gm_latch_t* latches;           /* [GM_LATCHES_MAX] those that stand, then free */
    int32_t latched;
    int32_t latch_number;          /* ever set */
    gm_terms_t terms_read;         /* in recovery: those before the next order */
    int64_t last_record_ns;        /* in recovery: the latest time in the log */
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

    gm_statistics_t statistics;    /* of venues (venue_statistics.h) */
    gm_breaker_t breakers[GM_MAX_VENUES];
    int32_t recovering;            /* the log is being applied: figures move though they are frozen */
    uint8_t shown;                 /* of the last DECISION record, until its order is accepted */

    int64_t accepted, refused, fills, unknown_reports, late_fills, overfills, duplicate_executions, trade_throughs;
} gm_engine_t;

static inline void gm_engine_settle(gm_engine_t* e, int64_t now);      /* working.h */
static void gm_engine_live(gm_engine_t* e, int64_t until_ns);

static inline void gm_engine_news(gm_engine_t* e, const gm_order_t* o) {
    if (e->watched) e->market->stop = e->wake = 1;
    if (!(o->flags & GM_AWAITED)) return;
    e->market->stop = e->wake = 1;
    if (e->news_count < GM_NEWS_MAX) e->news[e->news_count++] = o->order_id; else e->news_lost = 1;
}

static inline void gm_engine_mark(gm_engine_t* e, int32_t symbol, const gm_nbbo_t* n) {
    int64_t mid = gm_mid(n);
    if (mid != GM_NO_PRICE) gm_portfolio_mark(e->portfolio, symbol, mid);
}

/* An order whose list, parent or trigger has to be looked after once the market has done what it is at. */
static inline void gm_engine_todo(gm_engine_t* e, int64_t order_id) {
    if (e->still) return;
    if (e->todo_count < GM_TODO_MAX) e->todo[e->todo_count++] = order_id; else e->todo_lost = 1;
    e->market->stop = 1;
}

/* Brings the market to the clock's now, and one symbol's quotes with it. */
static inline int64_t gm_engine_now(gm_engine_t* e) {
    const int64_t now = gm_now(e->clock);
    if (now > e->market->now_ns || __builtin_expect(now >= e->deadline_ns, 0)) gm_engine_live(e, now);
    return now;
}

/* What a venue may ask of an order besides its row. */
static inline const gm_terms_t* gm_engine_terms(void* context, const gm_order_t* o) {
    return gm_terms_of(((const gm_engine_t*)context)->orders, o);
}

/* The door: the only place that gives anything to a venue. */
static inline void gm_engine_send(gm_engine_t* e, const gm_order_t* o, int sending, int64_t now) {
    if (sending == GM_SEND_ORDER) e->market->submit(e->market, o, now);
    else if (sending == GM_SEND_CANCEL) e->market->cancel(e->market, o, now);
    else if (sending == GM_SEND_REPLACE) e->market->replace(e->market, o, now);
    else if (e->market->restore) e->market->restore(e->market, o, now);
}

/* Remembers since when an order waits for its venue's answer. */
static inline void gm_engine_expect(gm_engine_t* e, const gm_order_t* o, int64_t now) {
    gm_unheard_t* u;
    if (e->timeout_ns == 0 || e->still) return;
    if (e->unheard_end - e->unheard_first >= GM_HELD_MAX) e->unheard_first++;     /* so many at once: the oldest are not timed */
    u = &e->unheard[e->unheard_end++ & (GM_HELD_MAX - 1)];
    u->order_id = o->order_id;
    u->since_ns = now;
    if (now + e->timeout_ns < e->deadline_ns) e->deadline_ns = now + e->timeout_ns;
}

/* Sends a journalled command, or holds it until its record is on the disk. */
static inline void gm_engine_hand_over(gm_engine_t* e, const gm_order_t* o, int sending, int64_t now) {
    if (__builtin_expect(e->held != NULL, 0)) {
        gm_held_t* h = &e->held[e->held_end++ & (GM_HELD_MAX - 1)];
        h->order_id = o->order_id;
        h->position = e->journal->head;
        h->sending = sending;
        gm_journal_want(e->journal, h->position);
    } else {
        gm_engine_send(e, o, sending, now);
    }
    if (__builtin_expect(gm_is_pending(o->status), 0)) gm_engine_expect(e, o, now);     /* no answer yet: not for ever */
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

/* The price at which an order counts: its limit, else its stop while the engine holds it, else the touch it would take, else the mark. */
static inline int64_t gm_value_price(const gm_portfolio_t* p, const gm_order_t* o, const gm_nbbo_t* n) {
    int64_t touch;
    if (o->limit_price_e9 != GM_NO_PRICE) return o->limit_price_e9;
    if ((o->flags & GM_HELD) && o->stop_price_e9 != GM_NO_PRICE) return o->stop_price_e9;
    touch = o->side > 0 ? n->ask_e9 : n->bid_e9;
    return touch != GM_NO_PRICE ? touch : gm_mark_of(p, o->symbol);
}

static inline void gm_engine_decision(gm_engine_t* e, const gm_order_t* o, const gm_nbbo_t* n, const gm_route_t* route,
                                      const gm_score_t* scores, int64_t now) {
    gm_decision_t d;
    const int64_t mid = gm_mid(n);
    const double per_unit = mid == GM_NO_PRICE ? 0.0 : 1e4 / (double)mid;
    memset(&d, 0, sizeof d);
    d.order_id = o->order_id;
    d.feed_sequence = n->sequence;
    d.bid_e9 = n->bid_e9;
    d.ask_e9 = n->ask_e9;
    d.expected_price_e9 = route->price_e9;
    d.config_hash = e->config_hash;
    d.checks = e->limits->configured;
    d.bid_venue = (int8_t)n->bid_venue;
    d.ask_venue = (int8_t)n->ask_venue;
    d.venue = (int8_t)route->venue;
    d.runner_up = (int8_t)route->runner_up;
    d.candidates = (uint8_t)route->candidates;
    if (o->time_in_force == GM_IOC && route->venue >= 0) {
        const gm_quote_t* q = gm_quotes_of(e->venues, o->symbol) + route->venue;
        const int64_t shown = o->side > 0 ? q->ask_quantity : q->bid_quantity;
        if (gm_displays(e->venues, route->venue) && (o->side > 0 ? q->ask_e9 : q->bid_e9) == o->limit_price_e9 && o->quantity > shown)
            d.shown = gm_shown_code(shown);
    }
    e->shown = d.shown;
    if (mid != GM_NO_PRICE && route->venue >= 0) d.score = (float)((double)route->cost_e9 * per_unit);
    if (mid != GM_NO_PRICE && route->runner_up >= 0) d.runner_up_score = (float)((double)route->runner_up_cost_e9 * per_unit);
    if (scores) gm_pack_scores(scores, e->venues->count < GM_DECISION_VENUES ? e->venues->count : GM_DECISION_VENUES, per_unit * 100.0, d.scores);
    gm_journal_append(e->journal, GM_RECORD_DECISION, GM_RECORD_SMALL, now, o->order_id, &d);
}

/* What may fill of an order, in a status: its open quantity, or what a replace that the venue has not answered would make of it, if that is
 * more (also while a cancel is asked for on top, and while nobody knows). Of one that waits for its list's first order nothing yet. Of a parent
 * what its children may fill counts, if venues have filled so much that it is more than what is left. That is what it keeps reserved in its
 * account's portfolio, unless it is a child: its parent reserves for it, as long as that lives. */
static inline int64_t gm_open_as(const gm_orders_t* t, const gm_order_t* o, uint8_t status) {
    int64_t asked;
    if (gm_is_closed(status)) return 0;
    if (__builtin_expect(o->flags & GM_PARENT, 0)) return o->working_quantity > o->leaves_quantity ? o->working_quantity : o->leaves_quantity;
    if (__builtin_expect(o->terms != 0, 0) && t->terms[o->terms - 1].waiting) return 0;
    if (__builtin_expect(o->working_quantity == 0, 1) || (o->urgency & GM_END_TOLD)) return o->leaves_quantity;
    asked = o->working_quantity - o->filled_quantity;
    return asked > o->leaves_quantity ? asked : o->leaves_quantity;
}

static inline int64_t gm_reserved_quantity_as(const gm_orders_t* t, const gm_order_t* o, uint8_t status) {
    if (__builtin_expect(o->flags & GM_CHILD, 0)) {
        const gm_order_t* parent = gm_orders_find(t, o->parent_id);
        if (parent && !gm_is_closed(parent->status)) return 0;
    }
    return gm_open_as(t, o, status);
}

static inline int64_t gm_reserved_quantity(const gm_orders_t* t, const gm_order_t* o) { return gm_reserved_quantity_as(t, o, o->status); }

/* Quotes of a symbol whose orders the engine holds are news for it. */
static inline void gm_engine_follow(gm_engine_t* e, int32_t symbol, int change) {
    e->venues->followed[symbol] += change;
    if (e->market->follow) e->market->follow(e->market, symbol, change);
}

/* An order closes: it no longer counts among its account's, and what was held is no longer looked at. */
static inline void gm_engine_ended(gm_engine_t* e, const gm_order_t* o) {
    e->portfolio->accounts[o->account].open_orders--;
    if (__builtin_expect(o->flags & GM_HELD, 0)) gm_engine_follow(e, o->symbol, -1);
}

/* The price by which a repetition of an order is known: its limit, else its stop, unless that moves. */
static inline int64_t gm_repeats_price(const gm_order_t* o) {
    return o->limit_price_e9 != GM_NO_PRICE || o->order_type == GM_TRAILING_STOP ? o->limit_price_e9 : o->stop_price_e9;
}

/* What the checks of conduct count of an accepted order: a parent is no message, its children are; slices are alike by nature. */
static inline void gm_engine_note(gm_engine_t* e, const gm_order_t* o) {
    gm_activity_t* t = &e->portfolio->activity;
    if ((e->limits->configured & GM_CHECK_RATE) && !(o->flags & GM_PARENT)) gm_activity_message(t, o->account, o->created_ns);
    if ((e->limits->configured & GM_CHECK_DUPLICATE) && !(o->flags & GM_CHILD))
        gm_activity_order(t, o->account, o->symbol, o->side, o->quantity, gm_repeats_price(o), e->limits->duplicate_ns, o->created_ns);
}

/* What is learned of venues from an accepted order: its arrival quote, and that it is at a venue, to which it may be the probe. */
static inline void gm_engine_learn_order(gm_engine_t* e, const gm_order_t* o) {
    if (__builtin_expect(!e->venues->frozen || e->recovering, 1)) {
        if (o->arrival_mid_e9 != GM_NO_PRICE) gm_statistics_quote(&e->statistics, e->venues, o->symbol, o->arrival_mid_e9, o->created_ns);
        if (o->venue >= 0) {
            gm_venue_statistics_t* x = gm_statistics_of(&e->statistics, o->symbol, o->venue);
            x->orders++;
            if (__builtin_expect(e->shown != 0, 0)) {
                x->beyond_id = o->order_id;
                x->beyond_shown = gm_shown_value(e->shown);
            }
        }
    }
    e->shown = 0;
    if (__builtin_expect(e->venues->tripped != 0, 0) && o->venue >= 0 && (e->venues->tripped >> o->venue & 1))
        gm_breaker_accept(&e->breakers[o->venue], e->venues, o);
}

/* The same from a recorded report, before it moves the row; `status`: what the order becomes. */
static inline void gm_engine_learn_report(gm_engine_t* e, const gm_order_t* o, const gm_report_t* r, uint8_t status) {
    if (__builtin_expect(!e->venues->frozen || e->recovering, 1)) {
        if (r->exec_type != GM_EXEC_TRADE_CANCEL && r->exec_type != GM_EXEC_TRADE_CORRECT && r->bid_e9 != GM_NO_PRICE && r->ask_e9 != GM_NO_PRICE)
            gm_statistics_quote(&e->statistics, e->venues, o->symbol, r->bid_e9 + (r->ask_e9 - r->bid_e9) / 2, r->venue_time_ns);
        if (o->venue >= 0 && !(o->flags & (GM_PARENT | GM_HELD)) && !gm_statistics_unmoved(&e->statistics, e->venues, o, r))
            gm_statistics_take(&e->statistics, e->venues, o, r, gm_is_closed(status) && !gm_is_closed(o->status));
    }
    if (e->venues->breaker.cool_down_ns != 0 && o->venue >= 0 && !(o->flags & (GM_PARENT | GM_HELD))
        && __builtin_expect(!gm_breaker_unmoved(&e->breakers[o->venue], r), 0))
        gm_breaker_take(&e->breakers[o->venue], e->venues, o, r);
}

/* An accepted order enters the state: its row and terms, its reservation or its parent's work. */
static inline gm_order_t* gm_engine_accept(gm_engine_t* e, const gm_order_t* o, const gm_terms_t* terms, gm_order_t* parent) {
    gm_order_t* row = gm_orders_insert(e->orders, o);
    int64_t reserved;
    if (!row) return NULL;
    row->terms = 0;
    if (__builtin_expect(terms != NULL, 0)) {
        row->terms = gm_terms_insert(e->orders, terms);
        if (terms->expire_ns) {
            gm_expiries_push(e->expiries, &e->expiry_count, terms->expire_ns, o->order_id);
            if (terms->expire_ns < e->deadline_ns) e->deadline_ns = terms->expire_ns;
        }
    }
    if (__builtin_expect(o->flags & GM_HELD, 0)) gm_engine_follow(e, o->symbol, +1);
    e->portfolio->accounts[o->account].orders_today++;
    e->portfolio->accounts[o->account].open_orders++;
    if (!(o->flags & (GM_PARENT | GM_HELD))) gm_portfolio_rests(e->portfolio, o->account, o->symbol, o->side, o->limit_price_e9);
    if (__builtin_expect((e->limits->configured & (GM_CHECK_RATE | GM_CHECK_DUPLICATE)) != 0, 0)) gm_engine_note(e, o);
    gm_engine_learn_order(e, o);
    if (parent) {
        parent->working_quantity += o->quantity;
        if (parent->terms) e->orders->terms[parent->terms - 1].next_child = o->order_id;
    }
    if (!parent && (reserved = gm_reserved_quantity(e->orders, row)) != 0)
        gm_portfolio_reserve(e->portfolio, o->account, o->symbol, o->side, reserved, o->reserve_price_e9, +1);
    e->accepted++;
    return row;
}

#endif
