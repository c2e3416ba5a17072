/* A synthetic market: order flow after Cont, Stoikov and Talreja (Operations Research 58, 2010; flow_model.h has what
 * it is drawn from), spread over several venues. Limit orders arrive at distance i from the opposite consolidated best,
 * market orders take the best price wherever it stands, cancellations are proportional to what rests. As no arrival
 * goes beyond the consolidated opposite best, the venues never cross one another.
 *
 * A dark pool matches at the middle of the consolidated quote (never while that is crossed): what rests there of others, and what comes, is a
 * flow of its own, begun with the first own order. A wholesaler takes what is marketable at once, inside the quote by its price improvement and never
 * beyond the middle, up to its max_order_size. Neither displays anything.
 *
 * Each symbol lives on its own clock and generator: what flows depends on the seed, market time and own orders, not on
 * when anybody looks. Symbols with own orders in them are advanced together in time order, others when touched. */
#ifndef GM_SYNTHETIC_H
#define GM_SYNTHETIC_H

#include "exchange.h"
#include "market.h"
#include "flow_model.h"

#define GM_FLOW_BOOK_TICKS (1u << 15)
#define GM_FLOW_BOOK_ORDERS (1 << 17)

typedef struct gm_flow {
    int64_t now_ns;
    int64_t next_ns;
    int64_t tick_e9;
    int64_t reference_tick;
    int64_t next_id;            /* of the flow's orders: negative, so that it never meets an own id */
    int64_t events;
    int32_t own;                /* own orders resting in displayed books */
    int32_t own_elsewhere;      /* own orders that are not displayed, or in a dark pool */
    int32_t rare;               /* exchanges whose not displayed orders have to be looked after */
    int32_t follows;            /* own orders that wait for its quotes */
    int32_t started;
    int32_t in_active;
    int32_t calendar;           /* of its sessions */
    int64_t first_tick;         /* its reference when it started */
    int32_t stage;              /* of its day (market_hours.h); 0: it is always trading */
    int32_t halted;
    int64_t session;            /* of the calendar: the one that goes on, or the next */
    int64_t change_ns;          /* when the day's stage changes; INT64_MAX: never */
    gm_random_t crosses;        /* others' orders for auctions */
    gm_flow_state_t state;
} gm_flow_t;

/* Whether instruments keep their hours, and how (market_hours.h). */
typedef struct gm_hours {
    int32_t kept;
    int64_t opening_call_ns, closing_call_ns;
    int64_t gathering_ns;       /* before the close others' orders for it come in */
    double opening_share, closing_share;        /* others' interest a side, as parts of a session's volume */
    double band;                /* part of the reference; 0: no band */
} gm_hours_t;

/* What the flow did, row by row, for whoever asked (gm_synthetic_record). */
typedef struct gm_flow_record {
    gm_message_t* rows;
    int64_t count, capacity;
    int64_t lost;               /* rows that found no room */
} gm_flow_record_t;

typedef struct gm_synthetic {
    gm_market_t market;
    gm_exchange_t* exchanges;   /* [symbol * GM_MAX_VENUES + venue] */
    gm_flow_reply_t* replies;   /* [symbol * GM_FLOW_REPLIES] where the flow reacts to own orders; else NULL */
    gm_random_t* dark;          /* [symbol] the dark pools' own generators: their flow leaves the displayed one as it is */
    gm_flow_t* flows;           /* [symbol] */
    int32_t* active;            /* symbols with own orders */
    int32_t active_count;
    int32_t symbols;            /* capacity */
    int32_t known;              /* every symbol that has started is below */
    int32_t orders;             /* that may rest in a book */
    int32_t venue_count;
    int32_t lit[GM_MAX_VENUES]; /* venues that carry the flow: those that display and have a share of it */
    int32_t lit_count;
    double share[GM_MAX_VENUES];/* cumulative share of the flow, by lit venue */
    gm_flow_model_t model;
    gm_flow_calendar_t calendars[GM_FLOW_CALENDARS + 1];    /* by the instruments' number; the last has no session */
    double usual;               /* shares that the flow displays a side */
    gm_flow_record_t* record;   /* NULL: nobody wants it */
    uint64_t seed;
    int64_t start_ns;
    int64_t warmup_ns;
    double events_per_second;
    double depth;               /* how many times the paper's order counts */
    gm_hours_t hours;
    /* of the command being matched */
    const gm_order_t* taker;
    int32_t venue, symbol;
    int32_t acknowledged;
    int32_t apart;              /* own orders are counted anew afterwards */
    int64_t time_ns;
} gm_synthetic_t;

static inline void gm_synthetic_touch(gm_market_t* market, int32_t symbol, int64_t until_ns);
static inline void gm_synthetic_event(void* context, const gm_event_t* e);
static inline void gm_flow_schedule(gm_synthetic_t* s, int32_t symbol);

static inline gm_exchange_t* gm_synthetic_exchange(gm_synthetic_t* s, int32_t symbol, int32_t venue) {
    return &s->exchanges[(size_t)symbol * GM_MAX_VENUES + venue];
}

static inline gm_matcher_t* gm_synthetic_matcher(gm_synthetic_t* s, int32_t symbol, int32_t venue) {
    return &gm_synthetic_exchange(s, symbol, venue)->lit;
}

/* A venue without a share of the flow has no book here: it may be somebody else's. */
static inline int gm_synthetic_carries(const gm_synthetic_t* s, int32_t venue) {
    for (int32_t k = 0; k < s->lit_count; k++) if (s->lit[k] == venue) return 1;
    return 0;
}

static inline void gm_synthetic_quote(gm_synthetic_t* s, int32_t symbol, int32_t venue, int64_t time_ns) {
    gm_matcher_t* m = gm_synthetic_matcher(s, symbol, venue);
    gm_quote_t* q = gm_quotes_of(s->market.venues, symbol) + venue;
    const gm_book_t* b = &m->book;
    const int open = gm_synthetic_exchange(s, symbol, venue)->phase == GM_PHASE_CONTINUOUS, bid = open && gm_book_has(b, 0), ask = open && gm_book_has(b, 1);
    gm_quote_publish(s->market.venues, symbol, venue,
                     bid ? gm_book_best_tick(b, 0) * m->tick_e9 : GM_NO_PRICE, bid ? b->levels[0][b->best[0]].quantity : 0,
                     ask ? gm_book_best_tick(b, 1) * m->tick_e9 : GM_NO_PRICE, ask ? b->levels[1][b->best[1]].quantity : 0, time_ns);
    q->sequence = m->changes;
    q->last_e9 = m->last_e9;
    gm_volume_publish(s->market.venues, symbol, venue, m->volume);
}

static inline gm_flow_reply_t* gm_synthetic_replies(gm_synthetic_t* s, int32_t symbol) { return s->replies + (size_t)symbol * GM_FLOW_REPLIES; }

/* The flow notices what an own order took from a displayed book, where it reacts to that. */
static inline void gm_synthetic_feel(gm_synthetic_t* s, const gm_order_t* o, int64_t filled) {
    if (__builtin_expect(s->replies != NULL, 0) && filled > 0)
        gm_flow_feel(&s->model, &s->flows[o->symbol].state, gm_synthetic_replies(s, o->symbol), o->side * filled);
}

/* A row of what the flow did, where somebody wants them. */
static inline void gm_synthetic_note(gm_synthetic_t* s, int32_t symbol, int32_t venue, uint8_t action, int8_t side, int64_t order_id, int64_t price_e9,
                                     int64_t quantity, int64_t time_ns) {
    gm_flow_record_t* record = s->record;
    gm_message_t* row;
    if (__builtin_expect(record == NULL, 1)) return;
    if (record->count == record->capacity) {
        record->lost++;
        return;
    }
    row = &record->rows[record->count++];
    memset(row, 0, sizeof *row);
    row->time_ns = time_ns;
    row->order_id = order_id;
    row->price_e9 = price_e9;
    row->quantity = quantity;
    row->sequence = record->count;
    row->symbol = symbol;
    row->venue = venue;
    row->action = action;
    row->side = side;
}

/* ---- own orders resting, and the list of symbols they make active ---- */

/* A symbol with own orders, or that orders wait for, lives in `advance`; the others when they are looked at. */
static inline void gm_synthetic_keep(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    const int wanted = f->own + f->own_elsewhere + f->follows > 0;
    if (wanted && !f->in_active) {
        s->active[s->active_count++] = symbol;
        f->in_active = 1;
    } else if (!wanted && f->in_active) {
        int32_t i = 0;
        while (s->active[i] != symbol) i++;
        s->active[i] = s->active[--s->active_count];
        f->in_active = 0;
    }
}

static inline void gm_synthetic_own(gm_synthetic_t* s, int32_t symbol, int change) {
    s->flows[symbol].own += change;
    gm_synthetic_keep(s, symbol);
}

static inline void gm_synthetic_resting_fill(gm_synthetic_t* s, const gm_resting_t* r, int64_t price_e9, int64_t quantity) {
    int last = quantity == r->quantity && !(r->display > 0 && r->reserve > 0);
    gm_market_fill(&s->market, r->order_id, s->venue, s->symbol, r->side, price_e9, quantity, GM_ADDED, s->time_ns);
    if (last) gm_synthetic_own(s, s->symbol, -1);
}

/* A flow order takes: own resting orders hear of it. */
static inline void gm_synthetic_flow_sink(void* context, const gm_resting_t* r, int64_t price_e9, int64_t quantity) {
    gm_synthetic_t* s = (gm_synthetic_t*)context;
    int own = (r->flags & GM_REST_OWN) != 0;
    gm_synthetic_note(s, s->symbol, s->venue, GM_EXECUTE, r->side, r->order_id, price_e9, quantity, s->time_ns);
    gm_print_publish(s->market.venues, s->symbol, s->venue, price_e9, quantity, own, s->time_ns);
    if (own) gm_synthetic_resting_fill(s, r, price_e9, quantity);
}

/* An own order takes: it is acknowledged before its first fill. */
static inline void gm_synthetic_own_sink(void* context, const gm_resting_t* r, int64_t price_e9, int64_t quantity) {
    gm_synthetic_t* s = (gm_synthetic_t*)context;
    const gm_order_t* o = s->taker;
    gm_print_publish(s->market.venues, s->symbol, s->venue, price_e9, quantity, 1, s->time_ns);
    if (!s->acknowledged) {
        s->acknowledged = 1;
        gm_market_say(&s->market, o, GM_EXEC_NEW, GM_REASON_NONE, 0, s->time_ns);
    }
    if (r->flags & GM_REST_OWN) gm_synthetic_resting_fill(s, r, price_e9, quantity);
    gm_market_fill(&s->market, o->order_id, s->venue, s->symbol, o->side, price_e9, quantity, GM_REMOVED, s->time_ns);
}

/* ---- where there is more than the displayed book ---- */

/* Is a trade in a dark pool? */
static inline int gm_synthetic_dark(const gm_synthetic_t* s, int32_t venue) { return s->market.venues->kind[venue] == GM_DARK_POOL; }

/* One side of a trade that is ours (the flow's ids are negative). */
static inline void gm_synthetic_ours(gm_synthetic_t* s, int64_t order_id, int8_t side, int64_t price_e9, int64_t quantity, int64_t left, uint8_t liquidity) {
    if (order_id < 0) return;
    if (s->taker != NULL && order_id == s->taker->order_id && !s->acknowledged) {
        s->acknowledged = 1;
        gm_market_say(&s->market, s->taker, GM_EXEC_NEW, GM_REASON_NONE, 0, s->time_ns);
    }
    gm_market_fill(&s->market, order_id, s->venue, s->symbol, side, price_e9, quantity, liquidity, s->time_ns);
    if (left == 0 && !s->apart && (s->taker == NULL || order_id != s->taker->order_id)) {           /* one that rested */
        if (liquidity == GM_ADDED) gm_synthetic_own(s, s->symbol, -1);
        else {
            s->flows[s->symbol].own_elsewhere--;
            gm_synthetic_keep(s, s->symbol);
        }
    }
}

static inline void gm_synthetic_event(void* context, const gm_event_t* e) {
    gm_synthetic_t* s = (gm_synthetic_t*)context;
    const int dark = gm_synthetic_dark(s, s->venue), crossed = s->apart && gm_synthetic_exchange(s, s->symbol, s->venue)->phase != GM_PHASE_CONTINUOUS;
    if (e->kind == GM_EVENT_ENDED && e->order_id > 0)
        gm_market_end(&s->market, e->order_id, s->venue, s->symbol, e->side, e->quantity, e->reason, s->time_ns);
    if (e->kind != GM_EVENT_TRADE) return;
    gm_print_publish(s->market.venues, s->symbol, s->venue, e->price_e9, e->quantity,
                     (e->order_id > 0 || e->other_id > 0 ? GM_FLAG_OWN : 0) | (crossed ? GM_FLAG_AUCTION : 0), s->time_ns);
    gm_synthetic_ours(s, e->other_id, (int8_t)-e->side, e->price_e9, e->quantity, e->other_left,
                      crossed ? GM_AUCTION_FILL : dark ? GM_MIDPOINT_FILL : e->displayed ? GM_ADDED : GM_HIDDEN_FILL);
    /* One that acts though it rested (its reference has moved) is no taker of liquidity that was displayed for it. */
    gm_synthetic_ours(s, e->order_id, e->side, e->price_e9, e->quantity, e->left,
                      crossed ? GM_AUCTION_FILL : dark ? GM_MIDPOINT_FILL : s->taker != NULL && e->order_id == s->taker->order_id ? GM_REMOVED : GM_HIDDEN_FILL);
}

/* Begins what happens at one venue: who acts (NULL: nobody of ours), where and when. */
static inline void gm_synthetic_begin(gm_synthetic_t* s, int32_t symbol, int32_t venue, const gm_order_t* taker, int acknowledged, int64_t time_ns) {
    s->taker = taker;
    s->acknowledged = acknowledged;
    s->symbol = symbol;
    s->venue = venue;
    s->time_ns = time_ns;
}

/* The consolidated quote has moved: what is pegged to it does too, and may trade. */
static inline void gm_synthetic_refer(gm_synthetic_t* s, int32_t symbol, int64_t time_ns) {
    const gm_venues_t* v = s->market.venues;
    for (int32_t venue = 0; venue < v->count; venue++) {
        gm_exchange_t* x = gm_synthetic_exchange(s, symbol, venue);
        gm_nbbo_t n;
        if (x->rare == NULL || x->rare_count == 0) continue;
        n = gm_consolidate(v, symbol);
        if (x->referenced && x->reference_bid_e9 == n.bid_e9 && x->reference_ask_e9 == n.ask_e9) continue;
        gm_synthetic_begin(s, symbol, venue, NULL, 1, time_ns);
        gm_exchange_set_reference(x, 1, n.bid_e9, n.ask_e9, gm_synthetic_event, s);
        if (gm_displays(v, venue)) gm_synthetic_quote(s, symbol, venue, time_ns);
    }
}

/* An order of the flow at a venue with more than a displayed book. What is left of it. */
static inline int64_t gm_synthetic_flow_order(gm_synthetic_t* s, int32_t symbol, int32_t venue, int8_t side, int64_t quantity, int64_t limit_e9,
                                              uint8_t type, uint8_t tif, int64_t time_ns) {
    gm_entry_t e;
    gm_match_result_t result;
    memset(&e, 0, sizeof e);
    e.order_id = s->flows[symbol].next_id--;
    e.quantity = quantity;
    e.limit_e9 = limit_e9;
    e.stop_e9 = GM_NO_PRICE;
    e.side = side;
    e.order_type = type;
    e.time_in_force = tif;
    gm_synthetic_begin(s, symbol, venue, NULL, 1, time_ns);
    result = gm_exchange_submit(gm_synthetic_exchange(s, symbol, venue), &e, gm_synthetic_event, s);
    return result.leaves;
}

/* ---- the flow of one symbol ---- */

static inline void gm_flow_best(gm_synthetic_t* s, int32_t symbol, int64_t best[2]) {
    const gm_quote_t* q = gm_quotes_of(s->market.venues, symbol);
    best[0] = best[1] = -1;
    for (int32_t k = 0; k < s->lit_count; k++) {
        int32_t v = s->lit[k];
        if (q[v].bid_e9 > 0 && (best[0] < 0 || q[v].bid_e9 > best[0])) best[0] = q[v].bid_e9;
        if (q[v].ask_e9 > 0 && (best[1] < 0 || q[v].ask_e9 < best[1])) best[1] = q[v].ask_e9;
    }
    for (int i = 0; i < 2; i++)
        if (best[i] >= 0) {                                 /* mostly the last book's own best: a product is cheaper than a division */
            const gm_book_t* b = &gm_synthetic_matcher(s, symbol, s->lit[s->lit_count - 1])->book;
            const int64_t tick_e9 = s->flows[symbol].tick_e9, tick = gm_book_has(b, i) ? gm_book_best_tick(b, i) : 0;
            best[i] = tick * tick_e9 == best[i] ? tick : best[i] / tick_e9;
        }
}

static inline int32_t gm_flow_pick_venue(gm_synthetic_t* s, gm_flow_t* f) {
    double u = gm_random_unit(&f->state.random) * s->share[s->lit_count - 1];
    int32_t k = 0;
    while (k < s->lit_count - 1 && u >= s->share[k]) k++;
    return s->lit[k];
}

/* Where a limit order goes, `distance` ticks from the other side's best, or from where that could be. One that looks at its own venue alone
 * stays behind the consolidated best, so that nothing crosses. */
static inline int64_t gm_flow_price(gm_synthetic_t* s, int32_t symbol, int32_t venue, int8_t side, int32_t distance) {
    gm_flow_t* f = &s->flows[symbol];
    const int other = side > 0;
    int64_t best[2], tick;
    gm_flow_best(s, symbol, best);
    if (best[other] < 0) return (best[1 - other] >= 0 ? best[1 - other] : f->reference_tick) + side - side * (int64_t)distance;
    tick = best[other] - side * (int64_t)distance;
    if (__builtin_expect(s->model.link < 1.0, 0) && gm_random_unit(&f->state.random) >= s->model.link) {
        const gm_quote_t* q = gm_quotes_of(s->market.venues, symbol) + venue;
        const int64_t own = other ? q->ask_e9 : q->bid_e9;
        if (own > 0) tick = own / f->tick_e9 - side * (int64_t)distance;
        if (side * (best[other] - tick) < 1) tick = best[other] - side;
    }
    return tick;
}

static inline int gm_flow_limit(gm_synthetic_t* s, int32_t symbol, int8_t side) {
    gm_flow_t* f = &s->flows[symbol];
    const int32_t distance = gm_flow_distance(&s->model, &f->state.random) + 1, venue = gm_flow_pick_venue(s, f);
    const int64_t quantity = gm_flow_size(&s->model, &f->state.random);
    const int64_t tick = gm_flow_price(s, symbol, venue, side, distance);
    gm_matcher_t* m;
    if (tick < 1) return 0;
    if (__builtin_expect(!gm_exchange_plain(gm_synthetic_exchange(s, symbol, venue)), 0)) {
        gm_synthetic_flow_order(s, symbol, venue, side, quantity, tick * f->tick_e9, GM_LIMIT, GM_GTC, f->now_ns);
        gm_synthetic_quote(s, symbol, venue, f->now_ns);
        return 1;
    }
    m = gm_synthetic_matcher(s, symbol, venue);
    if (gm_book_add(&m->book, f->next_id--, side, tick, quantity, 0) < 0) return 0;
    gm_synthetic_note(s, symbol, venue, GM_ADD, side, f->next_id + 1, tick * f->tick_e9, quantity, f->now_ns);
    m->changes++;
    gm_synthetic_quote(s, symbol, venue, f->now_ns);
    return 1;
}

/* A market order takes the best price wherever it stands; `stays`: all of it at one venue that has the best price, as an order routed there.
 * One that looks at its own venue alone takes there, whatever others show. */
static inline void gm_flow_market(gm_synthetic_t* s, int32_t symbol, int8_t side, int64_t quantity, int stays) {
    gm_flow_t* f = &s->flows[symbol];
    int opposite = side > 0 ? 1 : 0;
    int32_t only = -1;
    s->symbol = symbol;
    s->time_ns = f->now_ns;
    if (__builtin_expect(s->model.link < 1.0, 0) && !stays && gm_random_unit(&f->state.random) >= s->model.link) {
        only = gm_flow_pick_venue(s, f);
        stays = 1;
    }
    while (quantity > 0) {
        int64_t best[2], count = 0, limit;
        int32_t chosen = only;
        const gm_quote_t* q = gm_quotes_of(s->market.venues, symbol);
        gm_flow_best(s, symbol, best);
        if (best[opposite] < 0) return;
        for (int32_t k = 0; only < 0 && k < s->lit_count; k++) {        /* one of the venues at the best price, evenly */
            int64_t price = opposite ? q[s->lit[k]].ask_e9 : q[s->lit[k]].bid_e9;
            if (price == best[opposite] * f->tick_e9 && gm_random_below(&f->state.random, (uint32_t)++count) == 0) chosen = s->lit[k];
        }
        s->venue = chosen;
        limit = best[opposite];
        if (__builtin_expect(!gm_exchange_plain(gm_synthetic_exchange(s, symbol, chosen)), 0)) {
            const int64_t before = quantity;
            quantity = gm_synthetic_flow_order(s, symbol, chosen, side, quantity, stays ? GM_NO_PRICE : limit * f->tick_e9, stays ? GM_MARKET : GM_LIMIT,
                                               GM_IOC, f->now_ns);
            if (quantity == before) return;                 /* a band, or who rests, does not let it trade */
        } else {
            gm_matcher_t* m = gm_synthetic_matcher(s, symbol, chosen);
            if (__builtin_expect(stays, 0)) limit = side > 0 ? GM_ANY_PRICE_BUY : GM_ANY_PRICE_SELL;
            m->changes++;
            quantity = gm_match_take(m, side, limit, quantity, gm_synthetic_flow_sink, s);
        }
        gm_synthetic_quote(s, symbol, chosen, f->now_ns);
        if (__builtin_expect(stays, 0)) return;
    }
}

/* The rate at which a resting order leaves at its distance from the other side. */
static inline double gm_flow_cancel_rate(const gm_synthetic_t* s, const gm_resting_t* r, const int64_t best[2]) {
    const int side = gm_side_of(r->side);
    int64_t distance = best[1 - side] < 0 ? 1 : (side == 0 ? best[1] - r->tick : r->tick - best[0]);
    if (distance < 1) distance = 1;
    if (distance > s->model.distances) distance = s->model.distances;
    return s->model.cancel[distance - 1] * s->model.constant[GM_FLOW_CANCEL_BUY + side];
}

/* The flow's order in slot `pick` of all that the venues have touched; NULL: nobody, or an own order. */
static inline const gm_resting_t* gm_flow_resting(gm_synthetic_t* s, int32_t symbol, uint32_t pick, int32_t* venue, int32_t* slot) {
    for (int32_t k = 0; k < s->lit_count; k++) {
        const gm_book_t* b = &gm_synthetic_matcher(s, symbol, s->lit[k])->book;
        if (pick >= (uint32_t)b->used) { pick -= (uint32_t)b->used; continue; }
        *venue = s->lit[k];
        *slot = (int32_t)pick;
        return (b->pool[pick].flags & (GM_REST_USED | GM_REST_OWN)) == GM_REST_USED ? &b->pool[pick] : NULL;
    }
    return NULL;
}

/* One of the flow's `live` resting orders at random, by trying slots; where hardly any is left, by counting to it. */
static inline const gm_resting_t* gm_flow_any(gm_synthetic_t* s, int32_t symbol, uint32_t slots, int32_t live, int32_t* venue, int32_t* slot) {
    gm_random_t* random = &s->flows[symbol].state.random;
    const gm_resting_t* r;
    uint32_t k;
    for (int attempt = 0; attempt < 64; attempt++)
        if ((r = gm_flow_resting(s, symbol, gm_random_below(random, slots), venue, slot)) != NULL) return r;
    k = gm_random_below(random, (uint32_t)live);
    for (uint32_t pick = 0; pick < slots; pick++)
        if ((r = gm_flow_resting(s, symbol, pick, venue, slot)) != NULL && k-- == 0) return r;
    return NULL;
}

static inline void gm_flow_leave(gm_synthetic_t* s, int32_t symbol, int32_t venue, int32_t slot) {
    gm_matcher_t* m = gm_synthetic_matcher(s, symbol, venue);
    const gm_resting_t* r = &m->book.pool[slot];
    gm_synthetic_note(s, symbol, venue, GM_DELETE, r->side, r->order_id, r->tick * m->tick_e9, r->quantity, s->flows[symbol].now_ns);
    gm_book_remove(&m->book, slot);
    m->changes++;
    gm_synthetic_quote(s, symbol, venue, s->flows[symbol].now_ns);
}

static inline int32_t gm_flow_live(gm_synthetic_t* s, int32_t symbol) {
    int32_t live = 0;
    for (int32_t k = 0; k < s->lit_count; k++) live += gm_synthetic_matcher(s, symbol, s->lit[k])->book.live;
    return live - s->flows[symbol].own;
}

/* What comes beyond the constant arrivals, with `u` left of the total rate: first a departure, drawn at the highest rate and thinned to that of
 * its distance, then replies to own orders, then the excited types. Beyond is nobody: intensities have fallen, or own orders have taken some
 * away, since this was drawn. The type that happened or, of excited arrivals, is to happen; GM_FLOW_TYPES: none. `done`: it has happened. */
static inline int gm_flow_beyond(gm_synthetic_t* s, int32_t symbol, double u, int* done) {
    gm_flow_t* f = &s->flows[symbol];
    const int32_t live = gm_flow_live(s, symbol);
    const double cancels = f->state.cancels * live;
    const gm_resting_t* r;
    uint32_t slots = 0;
    int64_t best[2];
    int32_t venue, slot;
    int type;
    *done = 1;
    for (int32_t k = 0; k < s->lit_count; k++) slots += (uint32_t)gm_synthetic_matcher(s, symbol, s->lit[k])->book.used;
    if (u < cancels) {
        r = gm_flow_any(s, symbol, slots, live, &venue, &slot);
        if (r == NULL) return GM_FLOW_TYPES;
        gm_flow_best(s, symbol, best);
        if (gm_random_unit(&f->state.random) * s->model.cancel_top > gm_flow_cancel_rate(s, r, best)) return GM_FLOW_TYPES;
        type = GM_FLOW_CANCEL_BUY + gm_side_of(r->side);
        gm_flow_leave(s, symbol, venue, slot);
        return type;
    }
    u -= cancels;
    if (u < f->state.answering) {
        const gm_flow_reply_t reply = gm_flow_answer(&s->model, &f->state, gm_synthetic_replies(s, symbol), u);
        const int8_t side = reply.quantity > 0 ? GM_BUY : GM_SELL;
        gm_flow_market(s, symbol, side, side * reply.quantity, 1);
        return reply.quantity > 0 ? GM_FLOW_MARKET_BUY : GM_FLOW_MARKET_SELL;
    }
    if (!s->model.clustered) return GM_FLOW_TYPES;
    u -= f->state.answering;
    for (type = 0; type < GM_FLOW_TYPES && u >= f->state.excited[type]; type++) u -= f->state.excited[type];
    *done = type >= GM_FLOW_CANCEL_BUY;
    if (!*done || type == GM_FLOW_TYPES) return type;
    gm_flow_best(s, symbol, best);
    for (int attempt = 0; slots > 0 && attempt < 128; attempt++) {      /* somebody of that side; it is rare that nobody is found */
        r = gm_flow_resting(s, symbol, gm_random_below(&f->state.random, slots), &venue, &slot);
        if (r == NULL || gm_side_of(r->side) != type - GM_FLOW_CANCEL_BUY) continue;
        if (gm_random_unit(&f->state.random) * s->model.cancel_top > gm_flow_cancel_rate(s, r, best)) continue;
        gm_flow_leave(s, symbol, venue, slot);
        return type;
    }
    return GM_FLOW_TYPES;
}

/* Own size displayed, bids less asks, over all that is and what the flow usually displays a side: in (-1, 1). */
static inline double gm_flow_shown(gm_synthetic_t* s, int32_t symbol) {
    int64_t own[2] = {0, 0}, best[2];
    gm_flow_best(s, symbol, best);
    for (int32_t k = 0; k < s->lit_count; k++) {
        const gm_book_t* b = &gm_synthetic_matcher(s, symbol, s->lit[k])->book;
        for (int32_t i = 0; i < b->used; i++) {
            const gm_resting_t* r = &b->pool[i];
            const int side = gm_side_of(r->side);
            if ((r->flags & (GM_REST_USED | GM_REST_OWN)) != (GM_REST_USED | GM_REST_OWN) || best[1 - side] < 0) continue;
            if (r->side * (best[1 - side] - r->tick) <= s->model.distances) own[side] += r->quantity;
        }
    }
    return ((double)own[0] - (double)own[1]) / ((double)own[0] + (double)own[1] + s->usual);
}

/* Why market orders may come more from one side than from the other. */
static inline int8_t gm_flow_side(gm_synthetic_t* s, int32_t symbol, int8_t side) {
    const gm_flow_model_t* m = &s->model;
    gm_flow_t* f = &s->flows[symbol];
    double lean = 0.0;
    if (m->metaorders) {
        const int32_t k = (int32_t)gm_random_below(&f->state.random, (uint32_t)m->metaorders);
        side = f->state.side[k];
        if (--f->state.left[k] == 0) gm_flow_metaorder(m, &f->state, k);
    }
    if (m->common > 0.0) lean += m->common * gm_flow_common(m, s->seed, f->now_ns);
    if (m->displayed > 0.0 && f->own > 0) lean += gm_flow_shown(s, symbol);
    return lean == 0.0 ? side : gm_flow_lean(&f->state.random, side, lean);
}

static inline void gm_flow_schedule(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    gm_flow_state_t* state = &f->state;
    state->bound = state->until[GM_FLOW_MARKET_SELL] + state->cancels * gm_flow_live(s, symbol) + state->answering;
    if (__builtin_expect(s->model.clustered, 0)) state->bound += gm_flow_excitement(state);
    state->waited = gm_random_exponential(&state->random) / state->bound;
    f->next_ns = 1 + gm_flow_after(&s->model, &s->calendars[f->calendar], state, f->now_ns, state->waited);
    if (__builtin_expect(f->next_ns >= f->change_ns, 0)) f->next_ns = f->change_ns;     /* what was drawn has no memory: it is drawn again then */
}

/* A dark pool lives at the pace of the symbol's displayed flow: now and then somebody comes, for the moment or to stay, or leaves. */
#define GM_DARK_ARRIVES 0.08    /* a pool and displayed event */
#define GM_DARK_STAYS 0.5
#define GM_DARK_LEAVES 0.02     /* an order that rests and displayed event */
#define GM_DARK_EMPTY 0.4       /* it is found empty; otherwise orders rest on one side, each time one more with this chance: */
#define GM_DARK_MORE 0.5

static inline void gm_dark_event(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    gm_random_t* random = &s->dark[symbol];
    for (int32_t v = 0; v < s->market.venues->count; v++) {
        gm_exchange_t* x = gm_synthetic_exchange(s, symbol, v);
        if (!gm_synthetic_dark(s, v) || x->rare == NULL) continue;
        if (gm_random_unit(random) < GM_DARK_ARRIVES) {
            const int8_t side = gm_random_below(random, 2) ? GM_BUY : GM_SELL;
            const uint8_t tif = gm_random_unit(random) < GM_DARK_STAYS ? GM_GTC : GM_IOC;
            gm_synthetic_flow_order(s, symbol, v, side, 100 * (int64_t)(1 + gm_random_below(random, 20)), GM_NO_PRICE, GM_PEGGED_MIDPOINT, tif, f->now_ns);
        }
        for (int32_t i = x->rare_count - 1; i >= 0; i--) {
            int64_t id;
            if (i >= x->rare_count) continue;               /* a cancel may have ended more than one */
            id = x->rare[i].entry.order_id;
            if (id > 0 || gm_random_unit(random) >= GM_DARK_LEAVES) continue;
            gm_synthetic_begin(s, symbol, v, NULL, 1, f->now_ns);
            gm_exchange_cancel(x, id, gm_synthetic_event, s);
        }
    }
}

/* A pool's first own order in a symbol: others are there already, or not. */
static inline int gm_dark_start(gm_synthetic_t* s, int32_t symbol, int32_t venue, int64_t now_ns) {
    gm_exchange_t* x = gm_synthetic_exchange(s, symbol, venue);
    gm_random_t* random = &s->dark[symbol];
    const gm_nbbo_t n = gm_consolidate(s->market.venues, symbol);
    int8_t side;
    if (x->rare != NULL) return GM_OK;
    if (gm_exchange_init(x, s->flows[symbol].tick_e9, 4096, 64) != GM_OK) return GM_ERR_MEMORY;
    if (s->flows[symbol].halted) x->phase = GM_PHASE_HALTED;
    else if (s->flows[symbol].stage == 1 || s->flows[symbol].stage == 2 || s->flows[symbol].stage == 5) x->phase = GM_PHASE_CLOSED;
    if (!(random->s[0] | random->s[1] | random->s[2] | random->s[3])) gm_random_seed(random, s->seed ^ 0x6461726bULL, (uint64_t)symbol + 1);
    s->flows[symbol].rare = 1;
    gm_synthetic_begin(s, symbol, venue, NULL, 1, now_ns);
    gm_exchange_set_reference(x, 1, n.bid_e9, n.ask_e9, gm_synthetic_event, s);
    if (gm_random_unit(random) < GM_DARK_EMPTY) return GM_OK;
    side = gm_random_below(random, 2) ? GM_BUY : GM_SELL;
    do {
        gm_synthetic_flow_order(s, symbol, venue, side, 100 * (int64_t)(1 + gm_random_below(random, 20)), GM_NO_PRICE, GM_PEGGED_MIDPOINT, GM_GTC, now_ns);
    } while (gm_random_unit(random) < GM_DARK_MORE);
    return GM_OK;
}

#include "market_hours.h"

static inline void gm_flow_event(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    const gm_flow_model_t* model = &s->model;
    const double* until = f->state.until;
    double u;
    int type, done = 0;
    f->now_ns = f->next_ns;
    if (__builtin_expect(f->now_ns == f->change_ns, 0)) {
        gm_day_change(s, symbol);
        if (gm_trades(f)) gm_flow_schedule(s, symbol); else f->next_ns = f->change_ns;
        return;
    }
    if (__builtin_expect(model->clustered, 0)) gm_flow_relax(model, &f->state);
    u = gm_random_unit(&f->state.random) * f->state.bound;
    if (u < until[GM_FLOW_LIMIT_SELL]) type = u < until[GM_FLOW_LIMIT_BUY] ? GM_FLOW_LIMIT_BUY : GM_FLOW_LIMIT_SELL;
    else if (u < until[GM_FLOW_MARKET_SELL]) type = u < until[GM_FLOW_MARKET_BUY] ? GM_FLOW_MARKET_BUY : GM_FLOW_MARKET_SELL;
    else type = gm_flow_beyond(s, symbol, u - until[GM_FLOW_MARKET_SELL], &done);
    if (done) {
    } else if (type <= GM_FLOW_LIMIT_SELL) {
        if (!gm_flow_limit(s, symbol, type == GM_FLOW_LIMIT_BUY ? GM_BUY : GM_SELL)) type = GM_FLOW_TYPES;
    } else if (type <= GM_FLOW_MARKET_SELL) {
        int8_t side = type == GM_FLOW_MARKET_BUY ? GM_BUY : GM_SELL;
        if (__builtin_expect(model->leans, 0)) type = (side = gm_flow_side(s, symbol, side)) > 0 ? GM_FLOW_MARKET_BUY : GM_FLOW_MARKET_SELL;
        gm_flow_market(s, symbol, side, gm_flow_size(model, &f->state.random), 0);
    }
    if (type < GM_FLOW_TYPES) {
        if (__builtin_expect(model->clustered, 0)) gm_flow_excite(model, &f->state, type);
        f->events++;
        s->market.messages++;
    }
    if (__builtin_expect(f->rare, 0)) {
        gm_dark_event(s, symbol);
        gm_synthetic_refer(s, symbol, f->now_ns);
    }
    gm_flow_schedule(s, symbol);
}

/* A symbol's first life: queues near their stationary length, then the warm-up. */
static inline int gm_flow_start(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    const gm_flow_model_t* model = &s->model;
    double paper_events = 4.0 * model->arrival / 60.0 * s->depth;   /* a second: arrivals and as many departures */
    double speed = s->events_per_second / paper_events;
    f->started = 1;
    f->first_tick = f->reference_tick;
    if (symbol >= s->known) s->known = symbol + 1;
    gm_random_seed(&f->state.random, s->seed, (uint64_t)symbol + 1);
    gm_flow_begin(model, &f->state, speed * s->depth / 60e9, speed / 60e9);
    f->next_id = -1;
    f->now_ns = s->start_ns - s->warmup_ns;
    gm_flow_pace_at(model, &s->calendars[f->calendar], &f->state, f->now_ns);
    for (int32_t k = 0; k < s->lit_count; k++) {
        gm_exchange_t* x = gm_synthetic_exchange(s, symbol, s->lit[k]);
        if (x->rare != NULL) continue;                      /* it begins again, with its books empty */
        if (gm_exchange_init(x, f->tick_e9, GM_FLOW_BOOK_TICKS, s->orders) != GM_OK) return GM_ERR_MEMORY;
    }
    gm_day_start(s, symbol);
    if (gm_trades(f)) {
        gm_flow_fill_books(s, symbol);
        gm_day_band_around(s, symbol, f->now_ns);
        s->apart = 0;
        gm_flow_schedule(s, symbol);
    } else {
        for (int32_t k = 0; k < s->lit_count; k++) gm_synthetic_exchange(s, symbol, s->lit[k])->phase = GM_PHASE_CLOSED;
        f->next_ns = f->change_ns;
    }
    return GM_OK;
}

static inline void gm_synthetic_touch(gm_market_t* market, int32_t symbol, int64_t until_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_flow_t* f = &s->flows[symbol];
    if (__builtin_expect(!f->started, 0) && gm_flow_start(s, symbol) != GM_OK) return;
    if (f->in_active) return;                               /* lived on in `advance`, with the others */
    while (f->next_ns <= until_ns) gm_flow_event(s, symbol);
}

/* Lives one symbol on, as `touch` does, and notes what happens; ends early before the rows run out. 1: it is there. */
static inline int gm_synthetic_record(gm_synthetic_t* s, int32_t symbol, int64_t until_ns, gm_flow_record_t* record) {
    gm_flow_t* f = &s->flows[symbol];
    int code = GM_OK;
    s->record = record;
    if (!f->started) code = gm_flow_start(s, symbol);
    while (code == GM_OK && f->next_ns <= until_ns && record->capacity - record->count > record->capacity / 8) gm_flow_event(s, symbol);
    s->record = NULL;
    return code != GM_OK ? code : f->next_ns > until_ns;
}

static inline void gm_synthetic_levels(gm_market_t* market, int32_t symbol, int32_t n, int64_t* rows) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_levels_none(rows, n);
    if (!s->flows[symbol].started) return;
    for (int32_t k = 0; k < s->lit_count; k++) {        /* the n best of all are among the n best of each */
        if (gm_synthetic_exchange(s, symbol, s->lit[k])->phase != GM_PHASE_CONTINUOUS) continue;
        const gm_matcher_t* m = gm_synthetic_matcher(s, symbol, s->lit[k]);
        for (int side = 0; side < 2; side++) {
            int64_t i = m->book.best[side];
            for (int32_t taken = 0; i >= 0 && taken < n; taken++, i = gm_book_next(&m->book, side, i))
                gm_levels_merge(rows, n, side, (m->book.base + i) * m->tick_e9, m->book.levels[side][i].quantity);
        }
    }
}

static inline int64_t gm_synthetic_next(gm_market_t* market) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    int64_t next = INT64_MAX;
    for (int32_t i = 0; i < s->active_count; i++)
        if (s->flows[s->active[i]].next_ns < next) next = s->flows[s->active[i]].next_ns;
    return next;
}

static inline int64_t gm_synthetic_advance(gm_market_t* market, int64_t until_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    for (;;) {
        int32_t chosen = -1;
        int64_t next = INT64_MAX;
        for (int32_t i = 0; i < s->active_count; i++) {     /* earliest first; the lower symbol at one instant */
            int32_t symbol = s->active[i];
            int64_t t = s->flows[symbol].next_ns;
            if (t < next || (t == next && symbol < chosen)) { next = t; chosen = symbol; }
        }
        if (next > until_ns || chosen < 0) break;
        gm_flow_event(s, chosen);
        if (next > market->now_ns) market->now_ns = next;
        if (market->stop | (market->messages == market->pause)) return market->now_ns;
    }
    if (until_ns > market->now_ns) market->now_ns = until_ns;
    return market->now_ns;
}

/* ---- the engine's commands ---- */

/* An order that the plain book does not know, or at a venue where such orders are: as the exchange takes it. In a dark pool all are for the middle. */
static inline gm_match_result_t gm_synthetic_place_rare(gm_synthetic_t* s, const gm_order_t* o, int64_t quantity, int acknowledged, int64_t now_ns) {
    gm_exchange_t* x = gm_synthetic_exchange(s, o->symbol, o->venue);
    const gm_terms_t* terms = s->market.terms ? s->market.terms(s->market.core, o) : NULL;
    const int dark = gm_synthetic_dark(s, o->venue);
    gm_nbbo_t n;
    gm_match_result_t result;
    gm_entry_t e;
    memset(&e, 0, sizeof e);
    e.order_id = o->order_id;
    e.quantity = quantity;
    e.limit_e9 = o->limit_price_e9;
    e.stop_e9 = GM_NO_PRICE;
    e.side = o->side;
    e.time_in_force = o->time_in_force == GM_GTD ? GM_GTC : o->time_in_force;
    e.rest_flags = GM_REST_OWN;
    e.flags = o->flags & (GM_POST_ONLY | GM_HIDDEN | GM_ALL_OR_NONE);
    e.min_quantity = terms ? (terms->minimum_quantity < quantity ? terms->minimum_quantity : quantity) : 0;
    e.order_type = dark ? GM_PEGGED_MIDPOINT : o->order_type >= GM_PEGGED_PRIMARY ? o->order_type : o->limit_price_e9 == GM_NO_PRICE ? GM_MARKET : GM_LIMIT;
    e.offset_e9 = terms && o->order_type >= GM_PEGGED_PRIMARY && !dark ? terms->limit_offset_e9 : 0;
    e.display_quantity = dark || o->order_type >= GM_PEGGED_PRIMARY ? 0 : o->display_quantity;
    if (dark && (o->time_in_force == GM_FOK || (o->order_type == GM_MARKET && o->time_in_force != GM_GTC))) e.time_in_force = GM_IOC;
    if (dark && o->time_in_force == GM_FOK) e.flags |= GM_ALL_OR_NONE;
    if (!dark) {
        n = gm_consolidate(s->market.venues, o->symbol);
        gm_synthetic_begin(s, o->symbol, o->venue, NULL, 1, now_ns);
        gm_exchange_set_reference(x, 1, n.bid_e9, n.ask_e9, gm_synthetic_event, s);
    }
    gm_synthetic_begin(s, o->symbol, o->venue, o, acknowledged, now_ns);
    result = gm_exchange_submit(x, &e, gm_synthetic_event, s);
    if (result.slot >= 0 && gm_book_find(&x->lit.book, o->order_id) >= 0) gm_synthetic_own(s, o->symbol, 1);
    else if (gm_exchange_find(x, o->order_id) >= 0) {
        s->flows[o->symbol].own_elsewhere++;
        s->flows[o->symbol].rare = 1;
        gm_synthetic_keep(s, o->symbol);
    }
    if (!dark) {
        gm_synthetic_feel(s, o, result.filled);
        gm_synthetic_quote(s, o->symbol, o->venue, now_ns);
    }
    return result;
}

static inline int gm_is_rare(const gm_synthetic_t* s, const gm_order_t* o) {
    if (o->order_type >= GM_PEGGED_PRIMARY || (o->flags & (GM_HIDDEN | GM_ALL_OR_NONE)) || o->time_in_force >= GM_OPG) return 1;
    return o->terms && s->market.terms && s->market.terms(s->market.core, o)->minimum_quantity > 0;
}

static inline gm_match_result_t gm_synthetic_place(gm_synthetic_t* s, const gm_order_t* o, int64_t quantity, int acknowledged, int64_t now_ns) {
    gm_command_t c;
    gm_match_result_t result;
    if (__builtin_expect(gm_is_rare(s, o) || !gm_exchange_plain(gm_synthetic_exchange(s, o->symbol, o->venue)) || gm_synthetic_dark(s, o->venue), 0))
        return gm_synthetic_place_rare(s, o, quantity, acknowledged, now_ns);
    memset(&c, 0, sizeof c);
    c.order_id = o->order_id;
    c.price_e9 = o->limit_price_e9;
    c.quantity = quantity;
    c.display_quantity = o->display_quantity;
    c.kind = GM_COMMAND_SUBMIT;
    c.side = o->side;
    c.time_in_force = o->time_in_force;
    c.flags = o->flags;
    s->taker = o;
    s->venue = o->venue;
    s->symbol = o->symbol;
    s->acknowledged = acknowledged;
    s->time_ns = now_ns;
    result = gm_match_submit(gm_synthetic_matcher(s, o->symbol, o->venue), &c, GM_REST_OWN, gm_synthetic_own_sink, s);
    if (result.slot >= 0) gm_synthetic_own(s, o->symbol, 1);
    gm_synthetic_feel(s, o, result.filled);
    gm_synthetic_quote(s, o->symbol, o->venue, now_ns);
    return result;
}

/* What is marketable is filled at once, whole, inside the quote; anything else, or too much, is refused. */
static inline void gm_wholesaler_take(gm_synthetic_t* s, const gm_order_t* o, int64_t now_ns) {
    const gm_venues_t* v = s->market.venues;
    const gm_nbbo_t n = gm_consolidate(v, o->symbol);
    const int64_t mid = gm_mid(&n), touch = o->side > 0 ? n.ask_e9 : n.bid_e9, most = v->max_order_size[o->venue];
    const int sound = mid != GM_NO_PRICE && n.bid_e9 < n.ask_e9;
    int64_t price;
    if (!sound || (most && o->leaves_quantity > most)
        || (o->limit_price_e9 != GM_NO_PRICE && o->side * (o->limit_price_e9 - touch) < 0)) {
        gm_market_say(&s->market, o, GM_EXEC_REJECTED, sound ? GM_REASON_VENUE_REJECTED : GM_REASON_NO_LIQUIDITY, o->leaves_quantity, now_ns);
        return;
    }
    price = gm_wholesale_price(v, o->venue, o->side, mid, touch);
    gm_market_say(&s->market, o, GM_EXEC_NEW, GM_REASON_NONE, 0, now_ns);
    gm_print_publish(s->market.venues, o->symbol, o->venue, price, o->leaves_quantity, 1, now_ns);
    gm_market_fill(&s->market, o->order_id, o->venue, o->symbol, o->side, price, o->leaves_quantity, GM_REMOVED, now_ns);
}

static inline void gm_synthetic_submit(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    const int32_t kind = market->venues->kind[o->venue];
    gm_match_result_t result;
    if (kind == GM_WHOLESALER) {
        gm_wholesaler_take(s, o, now_ns);
        return;
    }
    if (kind == GM_DARK_POOL ? o->leaves_quantity < market->venues->min_size[o->venue] || gm_dark_start(s, o->symbol, o->venue, now_ns) != GM_OK
                             : !gm_synthetic_carries(s, o->venue)) {
        gm_market_say(market, o, GM_EXEC_REJECTED, kind == GM_DARK_POOL ? GM_REASON_VENUE_REJECTED : GM_REASON_UNSUPPORTED, o->leaves_quantity, now_ns);
        return;
    }
    if (__builtin_expect(o->time_in_force >= GM_OPG, 0) && s->flows[o->symbol].stage != GM_ALWAYS_TRADING && o->venue != gm_auction_venue(s, o->symbol)) {
        gm_market_say(market, o, GM_EXEC_REJECTED, GM_REASON_UNSUPPORTED, o->leaves_quantity, now_ns);  /* no auction is held here */
        return;
    }
    result = gm_synthetic_place(s, o, o->leaves_quantity, 0, now_ns);
    if (result.status == GM_REJECTED) {
        gm_market_say(market, o, GM_EXEC_REJECTED, result.reason, result.leaves, now_ns);
        return;
    }
    if (!s->acknowledged) gm_market_say(market, o, GM_EXEC_NEW, GM_REASON_NONE, 0, now_ns);
    if (result.status == GM_CANCELED) gm_market_say(market, o, GM_EXEC_CANCELED, result.reason, result.leaves, now_ns);
}

/* What rested before a restart rests again, behind what is there now; what would cross trades, as it would have. */
static inline void gm_synthetic_restore(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_match_result_t result;
    gm_synthetic_touch(market, o->symbol, now_ns);
    if (!gm_trades(&s->flows[o->symbol]) && !gm_synthetic_dark(s, o->venue) && !gm_is_rare(s, o) && o->limit_price_e9 != GM_NO_PRICE) {
        gm_matcher_t* m = gm_synthetic_matcher(s, o->symbol, o->venue);     /* nothing trades now: it stands where it stood */
        if (gm_book_add(&m->book, o->order_id, o->side, o->limit_price_e9 / m->tick_e9, o->leaves_quantity, GM_REST_OWN) >= 0) {
            gm_synthetic_own(s, o->symbol, 1);
            return;
        }
    }
    if (gm_synthetic_dark(s, o->venue) && gm_dark_start(s, o->symbol, o->venue, now_ns) != GM_OK) return;
    result = gm_synthetic_place(s, o, o->leaves_quantity, 1, now_ns);
    if (result.status == GM_REJECTED || result.status == GM_CANCELED)
        gm_market_say(market, o, GM_EXEC_CANCELED, result.reason, result.leaves, now_ns);
}

/* Takes an own order out of where it rests; its open quantity, or GM_ERR_NOT_FOUND. */
static inline int64_t gm_synthetic_remove(gm_synthetic_t* s, const gm_order_t* o, int64_t now_ns) {
    gm_exchange_t* x = gm_synthetic_exchange(s, o->symbol, o->venue);
    const int rare = x->rare_count > 0 && gm_exchange_find(x, o->order_id) >= 0;
    int64_t open;
    if (x->rare == NULL) return GM_ERR_NOT_FOUND;           /* nothing has ever been here */
    gm_synthetic_begin(s, o->symbol, o->venue, NULL, 1, now_ns);
    open = gm_exchange_cancel(x, o->order_id, gm_synthetic_event, s);
    if (open < 0) return open;
    if (rare) {
        s->flows[o->symbol].own_elsewhere--;
        gm_synthetic_keep(s, o->symbol);
    } else {
        gm_synthetic_own(s, o->symbol, -1);
    }
    if (gm_displays(s->market.venues, o->venue)) gm_synthetic_quote(s, o->symbol, o->venue, now_ns);
    return open;
}

static inline void gm_synthetic_cancel(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    const int64_t open = gm_synthetic_remove((gm_synthetic_t*)market->self, o, now_ns);
    if (open < 0) gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_UNKNOWN_ORDER, 0, now_ns);
    else gm_market_say(market, o, GM_EXEC_CANCELED, GM_REASON_USER, open, now_ns);
}

/* Less at the same price keeps its place; anything else leaves the book and comes in again, at the back or against what it meets. */
static inline void gm_synthetic_replace(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_exchange_t* x = gm_synthetic_exchange(s, o->symbol, o->venue);
    gm_matcher_t* m = &x->lit;
    const int32_t rare = x->rare_count > 0 ? gm_exchange_find(x, o->order_id) : GM_NIL;
    const int32_t slot = x->rare == NULL || rare >= 0 ? GM_NIL : gm_book_find(&m->book, o->order_id);
    const int64_t left = o->working_quantity - o->filled_quantity, quantity = left > 0 ? o->working_quantity : o->filled_quantity;
    const int64_t limit_e9 = o->pending_price_e9 == GM_NO_PRICE ? o->limit_price_e9 : o->pending_price_e9;
    const int64_t open = rare >= 0 ? x->rare[rare].entry.quantity : slot >= 0 ? gm_match_open(m, slot) : 0;
    const int keeps = left > 0 && limit_e9 == o->limit_price_e9 && left <= open;
    const int32_t symbol = o->symbol, venue = o->venue;     /* its row may be another order's once a report has ended it */
    gm_match_result_t result;
    if (rare < 0 && slot < 0) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_UNKNOWN_ORDER, 0, now_ns);
        return;
    }
    if ((o->flags & GM_POST_ONLY) && slot >= 0 && !keeps && gm_crosses(&m->book, o->side > 0 ? 1 : 0, limit_e9 / m->tick_e9)) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_WOULD_CROSS, 0, now_ns);
        return;
    }
    if (keeps) {
        if (left < open && slot >= 0) gm_match_shrink(m, slot, open - left);
        else if (rare >= 0) x->rare[rare].entry.quantity = left;
        if (slot >= 0) gm_synthetic_quote(s, o->symbol, o->venue, now_ns);
        gm_market_say_replaced(market, o, quantity, GM_NO_PRICE, now_ns);
        if (rare >= 0) {                                    /* what was too little for it may be enough now */
            const gm_nbbo_t n = gm_consolidate(market->venues, symbol);
            gm_synthetic_begin(s, symbol, venue, NULL, 1, now_ns);
            gm_exchange_set_reference(x, 1, n.bid_e9, n.ask_e9, gm_synthetic_event, s);
            if (gm_displays(market->venues, venue)) gm_synthetic_quote(s, symbol, venue, now_ns);
        }
        return;
    }
    if (left > 0) {                                         /* it would come anew: what would not be taken leaves it as it is */
        const uint16_t reason = x->band_high_e9 && limit_e9 != GM_NO_PRICE && (o->side > 0 ? limit_e9 > x->band_high_e9 : limit_e9 < x->band_low_e9)
                                    ? GM_REASON_PRICE_OUT_OF_RANGE
                                : x->phase == GM_PHASE_HALTED || (x->phase == GM_PHASE_CLOSED && o->time_in_force != GM_OPG) ? GM_REASON_NOT_TRADING
                                                                                                                             : GM_REASON_NONE;
        if (reason) {
            gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, reason, 0, now_ns);
            return;
        }
    }
    gm_synthetic_remove(s, o, now_ns);
    gm_market_say_replaced(market, o, quantity, o->pending_price_e9, now_ns);
    if (left <= 0) return;
    result = gm_synthetic_place(s, o, left, 1, now_ns);      /* the row has its new limit by now */
    if (result.status == GM_REJECTED || result.status == GM_CANCELED)
        gm_market_say(market, o, GM_EXEC_CANCELED, result.reason, result.leaves, now_ns);
}

/* Orders wait for a symbol's quotes: it lives on with the others. */
static inline void gm_synthetic_follow(gm_market_t* market, int32_t symbol, int32_t change) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_synthetic_touch(market, symbol, market->now_ns);
    s->flows[symbol].follows += change;
    gm_synthetic_keep(s, symbol);
}

/* An exchange as it was made, but for the memory that it has. */
static inline void gm_exchange_renew(gm_exchange_t* x) {
    gm_exchange_t made;
    memset(&made, 0, sizeof made);
    gm_book_clear(&x->lit.book);
    made.lit.book = x->lit.book;
    made.lit.tick_e9 = x->lit.tick_e9;
    made.lit.last_e9 = GM_NO_PRICE;
    made.rare = x->rare;
    made.lot = 1;
    made.reference_bid_e9 = made.reference_ask_e9 = GM_NO_PRICE;
    *x = made;
}

/* Begins again with another seed and time: every symbol is as if nobody had ever looked at it. */
static inline int gm_synthetic_renew(gm_market_t* market, uint64_t seed, int64_t start_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    for (int32_t symbol = 0; symbol < s->known; symbol++) {
        gm_flow_t* f = &s->flows[symbol];
        const gm_flow_t old = *f;
        if (!old.started) continue;
        for (int32_t v = 0; v < s->venue_count; v++) {
            gm_exchange_t* x = gm_synthetic_exchange(s, symbol, v);
            if (x->rare == NULL) continue;
            if (gm_synthetic_carries(s, v)) gm_exchange_renew(x);
            else gm_exchange_free(x);                       /* a dark pool begins with its first own order */
        }
        memset(f, 0, sizeof *f);
        f->tick_e9 = old.tick_e9;
        f->reference_tick = old.first_tick;
        f->calendar = old.calendar;
        memset(&s->dark[symbol], 0, sizeof s->dark[symbol]);
    }
    s->active_count = s->known = 0;
    s->seed = seed;
    s->start_ns = start_ns;
    s->apart = 0;
    market->now_ns = start_ns;
    market->executions = market->messages = 0;
    market->stop = 0;
    return GM_OK;
}

static inline void gm_synthetic_free(gm_synthetic_t* s) {
    if (s->exchanges && s->flows)
        for (int32_t symbol = 0; symbol < s->symbols; symbol++)
            if (s->flows[symbol].started)
                for (int32_t v = 0; v < s->venue_count; v++)
                    if (gm_synthetic_exchange(s, symbol, v)->rare) gm_exchange_free(gm_synthetic_exchange(s, symbol, v));
    gm_release(s->exchanges, (size_t)s->symbols * GM_MAX_VENUES * sizeof(gm_exchange_t));
    gm_release(s->dark, (size_t)s->symbols * sizeof(gm_random_t));
    gm_release(s->replies, (size_t)s->symbols * GM_FLOW_REPLIES * sizeof(gm_flow_reply_t));
    gm_release(s->flows, (size_t)s->symbols * sizeof(gm_flow_t));
    gm_release(s->active, (size_t)s->symbols * sizeof(int32_t));
    memset(s, 0, sizeof *s);
}

/* After the venues have been set in `venues`; share: relative flow of each venue. */
static inline int gm_synthetic_init(gm_synthetic_t* s, gm_venues_t* venues, const double* share, const gm_flow_model_t* model, uint64_t seed,
                                    int64_t start_ns, int64_t warmup_ns, double events_per_second, double depth) {
    double sum = 0.0;
    memset(s, 0, sizeof *s);
    s->symbols = venues->symbols;
    s->orders = GM_FLOW_BOOK_ORDERS;
    s->venue_count = venues->count;
    s->exchanges = (gm_exchange_t*)gm_reserve((size_t)s->symbols * GM_MAX_VENUES * sizeof(gm_exchange_t));
    s->dark = (gm_random_t*)gm_reserve((size_t)s->symbols * sizeof(gm_random_t));
    s->flows = (gm_flow_t*)gm_reserve((size_t)s->symbols * sizeof(gm_flow_t));
    s->active = (int32_t*)gm_reserve((size_t)s->symbols * sizeof(int32_t));
    if (model->reversion > 0.0) s->replies = (gm_flow_reply_t*)gm_reserve((size_t)s->symbols * GM_FLOW_REPLIES * sizeof(gm_flow_reply_t));
    if (!s->exchanges || !s->dark || !s->flows || !s->active || (model->reversion > 0.0 && !s->replies)) {
        gm_synthetic_free(s);
        return GM_ERR_MEMORY;
    }
    s->seed = seed;
    s->start_ns = start_ns;
    s->warmup_ns = warmup_ns;
    s->events_per_second = events_per_second;
    s->depth = depth;
    s->model = *model;
    for (int32_t i = 0; i < model->distances; i++) s->usual += depth * model->limit[i] / model->cancel[i] * model->mean_size;
    for (int32_t v = 0; v < venues->count; v++)
        if (gm_displays(venues, v) && share[v] > 0.0) {
            s->lit[s->lit_count] = v;
            s->share[s->lit_count++] = (sum += share[v]);
        }
    if (s->lit_count == 0) return GM_ERR_EMPTY;
    s->market.self = s;
    s->market.venues = venues;
    s->market.submit = gm_synthetic_submit;
    s->market.cancel = gm_synthetic_cancel;
    s->market.restore = gm_synthetic_restore;
    s->market.replace = gm_synthetic_replace;
    s->market.follow = gm_synthetic_follow;
    s->market.advance = gm_synthetic_advance;
    s->market.touch = gm_synthetic_touch;
    s->market.levels = gm_synthetic_levels;
    s->market.next_ns = gm_synthetic_next;
    s->market.control = gm_synthetic_control;
    s->market.indicate = gm_synthetic_indicate;
    s->market.renew = gm_synthetic_renew;
    s->market.now_ns = start_ns;
    return GM_OK;
}

#endif
