/* A synthetic market: zero-intelligence order flow after Cont, Stoikov and Talreja (Operations Research 58, 2010),
 * spread over several venues. Limit orders arrive at distance i from the opposite consolidated best, market orders take
 * the best price wherever it stands, cancellations are proportional to what rests. As every arrival is priced against
 * the consolidated opposite best, the venues never cross one another.
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
#include "random.h"

#define GM_FLOW_LEVELS 10
#define GM_FLOW_BOOK_TICKS (1u << 15)
#define GM_FLOW_BOOK_ORDERS (1 << 17)

typedef struct gm_flow {
    gm_random_t random;
    int64_t now_ns;
    int64_t next_ns;
    int64_t tick_e9;
    int64_t reference_tick;
    int64_t next_id;            /* of the flow's orders: negative, so that it never meets an own id */
    int64_t events;
    double per_ns;              /* 1e-9 / 60 * speed * depth: rates of the paper to events a nanosecond */
    double cancel_per_ns;
    int32_t own;                /* own orders resting in displayed books */
    int32_t own_elsewhere;      /* own orders that are not displayed, or in a dark pool */
    int32_t rare;               /* exchanges whose not displayed orders have to be looked after */
    int32_t follows;            /* own orders that wait for its quotes */
    int32_t started;
    int32_t in_active;
} gm_flow_t;

typedef struct gm_synthetic {
    gm_market_t market;
    gm_exchange_t* exchanges;   /* [symbol * GM_MAX_VENUES + venue] */
    gm_random_t* dark;          /* [symbol] the dark pools' own generators: their flow leaves the displayed one as it is */
    gm_flow_t* flows;           /* [symbol] */
    int32_t* active;            /* symbols with own orders */
    int32_t active_count;
    int32_t symbols;            /* capacity */
    int32_t venue_count;
    int32_t lit[GM_MAX_VENUES]; /* venues that carry the flow: those that display and have a share of it */
    int32_t lit_count;
    double share[GM_MAX_VENUES];/* cumulative share of the flow, by lit venue */
    double distance[GM_FLOW_LEVELS];   /* cumulative arrival rate by distance, both sides are alike */
    double arrival;             /* its total, a side and a minute */
    uint64_t seed;
    int64_t start_ns;
    int64_t warmup_ns;
    double events_per_second;
    double depth;               /* how many times the paper's order counts */
    /* of the command being matched */
    const gm_order_t* taker;
    int32_t venue, symbol;
    int32_t acknowledged;
    int64_t time_ns;
} gm_synthetic_t;

/* Arrival rates of limit orders at 1..5 ticks, a side and a minute; beyond, 1.92 / i^0.52 (same paper, fitted). */
static const double GM_FLOW_LIMIT[GM_FLOW_LEVELS] = {
    1.85, 1.51, 1.09, 0.88, 0.77, 0.75620, 0.69796, 0.65113, 0.61245, 0.57980};
static const double GM_FLOW_CANCEL[GM_FLOW_LEVELS] = {0.71, 0.81, 0.68, 0.56, 0.47, 0.47, 0.47, 0.47, 0.47, 0.47};
#define GM_FLOW_MARKET 0.94
#define GM_FLOW_CANCEL_MAX 0.81

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
    gm_quote_publish(s->market.venues, symbol, venue,
                     gm_book_has(b, 0) ? gm_book_best_tick(b, 0) * m->tick_e9 : GM_NO_PRICE,
                     gm_book_has(b, 0) ? b->levels[0][b->best[0]].quantity : 0,
                     gm_book_has(b, 1) ? gm_book_best_tick(b, 1) * m->tick_e9 : GM_NO_PRICE,
                     gm_book_has(b, 1) ? b->levels[1][b->best[1]].quantity : 0, time_ns);
    q->sequence = m->changes;
    q->last_e9 = m->last_e9;
    gm_volume_publish(s->market.venues, symbol, venue, m->volume);
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
    if (left == 0 && (s->taker == NULL || order_id != s->taker->order_id)) {           /* one that rested */
        if (liquidity == GM_ADDED) gm_synthetic_own(s, s->symbol, -1);
        else {
            s->flows[s->symbol].own_elsewhere--;
            gm_synthetic_keep(s, s->symbol);
        }
    }
}

static inline void gm_synthetic_event(void* context, const gm_event_t* e) {
    gm_synthetic_t* s = (gm_synthetic_t*)context;
    const int dark = gm_synthetic_dark(s, s->venue);
    if (e->kind != GM_EVENT_TRADE) return;
    gm_print_publish(s->market.venues, s->symbol, s->venue, e->price_e9, e->quantity, e->order_id > 0 || e->other_id > 0, s->time_ns);
    gm_synthetic_ours(s, e->other_id, (int8_t)-e->side, e->price_e9, e->quantity, e->other_left, dark ? GM_MIDPOINT_FILL : e->displayed ? GM_ADDED : GM_HIDDEN_FILL);
    /* One that acts though it rested (its reference has moved) is no taker of liquidity that was displayed for it. */
    gm_synthetic_ours(s, e->order_id, e->side, e->price_e9, e->quantity, e->left,
                      dark ? GM_MIDPOINT_FILL : s->taker != NULL && e->order_id == s->taker->order_id ? GM_REMOVED : GM_HIDDEN_FILL);
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
    for (int i = 0; i < 2; i++) if (best[i] >= 0) best[i] /= s->flows[symbol].tick_e9;
}

static inline int32_t gm_flow_pick_venue(gm_synthetic_t* s, gm_flow_t* f) {
    double u = gm_random_unit(&f->random) * s->share[s->lit_count - 1];
    int32_t k = 0;
    while (k < s->lit_count - 1 && u >= s->share[k]) k++;
    return s->lit[k];
}

/* Round lots, geometric with mean 1.67 lots; one order in seven is an odd lot. */
static inline int64_t gm_flow_size(gm_flow_t* f) {
    uint64_t r = gm_random_next(&f->random);
    int64_t lots = 1;
    if (r % 7 == 0) return 1 + (int64_t)((r >> 8) % 99);
    for (r >>= 16; (r & 15) < 6 && lots < 12; r >>= 4) lots++;
    return lots * 100;
}

static inline void gm_flow_limit(gm_synthetic_t* s, int32_t symbol, int8_t side) {
    gm_flow_t* f = &s->flows[symbol];
    int64_t best[2], opposite, tick, quantity;
    int32_t i = 0, venue;
    double u = gm_random_unit(&f->random) * s->arrival;
    gm_matcher_t* m;
    while (i < GM_FLOW_LEVELS - 1 && u >= s->distance[i]) i++;
    venue = gm_flow_pick_venue(s, f);
    quantity = gm_flow_size(f);
    gm_flow_best(s, symbol, best);
    opposite = best[side > 0 ? 1 : 0];
    if (opposite < 0) opposite = best[side > 0 ? 0 : 1] >= 0 ? best[side > 0 ? 0 : 1] + side : f->reference_tick + side;
    tick = opposite - side * (int64_t)(i + 1);
    if (tick < 1) return;
    if (__builtin_expect(gm_synthetic_exchange(s, symbol, venue)->rare_count > 0, 0)) {
        gm_synthetic_flow_order(s, symbol, venue, side, quantity, tick * f->tick_e9, GM_LIMIT, GM_GTC, f->now_ns);
        gm_synthetic_quote(s, symbol, venue, f->now_ns);
        return;
    }
    m = gm_synthetic_matcher(s, symbol, venue);
    if (gm_book_add(&m->book, f->next_id--, side, tick, quantity, 0) >= 0) {
        m->changes++;
        gm_synthetic_quote(s, symbol, venue, f->now_ns);
    }
}

static inline void gm_flow_market(gm_synthetic_t* s, int32_t symbol, int8_t side) {
    gm_flow_t* f = &s->flows[symbol];
    int64_t quantity = gm_flow_size(f);
    int opposite = side > 0 ? 1 : 0;
    s->symbol = symbol;
    s->time_ns = f->now_ns;
    while (quantity > 0) {
        int64_t best[2], count = 0;
        int32_t chosen = -1;
        const gm_quote_t* q = gm_quotes_of(s->market.venues, symbol);
        gm_flow_best(s, symbol, best);
        if (best[opposite] < 0) return;
        for (int32_t k = 0; k < s->lit_count; k++) {        /* one of the venues at the best price, evenly */
            int64_t price = opposite ? q[s->lit[k]].ask_e9 : q[s->lit[k]].bid_e9;
            if (price == best[opposite] * f->tick_e9 && gm_random_below(&f->random, (uint32_t)++count) == 0) chosen = s->lit[k];
        }
        s->venue = chosen;
        if (__builtin_expect(gm_synthetic_exchange(s, symbol, chosen)->rare_count > 0, 0)) {
            quantity = gm_synthetic_flow_order(s, symbol, chosen, side, quantity, best[opposite] * f->tick_e9, GM_LIMIT, GM_IOC, f->now_ns);
        } else {
            gm_matcher_t* m = gm_synthetic_matcher(s, symbol, chosen);
            m->changes++;
            quantity = gm_match_take(m, side, best[opposite], quantity, gm_synthetic_flow_sink, s);
        }
        gm_synthetic_quote(s, symbol, chosen, f->now_ns);
    }
}

static inline void gm_flow_cancel(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    uint32_t slots = 0;
    for (int32_t k = 0; k < s->lit_count; k++) slots += (uint32_t)gm_synthetic_matcher(s, symbol, s->lit[k])->book.used;
    for (int attempt = 0; slots > 0 && attempt < 64; attempt++) {
        uint32_t pick = gm_random_below(&f->random, slots);
        for (int32_t k = 0; k < s->lit_count; k++) {
            gm_matcher_t* m = gm_synthetic_matcher(s, symbol, s->lit[k]);
            const gm_resting_t* r;
            int64_t best[2], distance;
            int side;
            if (pick >= (uint32_t)m->book.used) { pick -= (uint32_t)m->book.used; continue; }
            r = &m->book.pool[pick];
            if (!(r->flags & GM_REST_USED) || (r->flags & GM_REST_OWN)) break;
            gm_flow_best(s, symbol, best);
            side = gm_side_of(r->side);
            distance = best[1 - side] < 0 ? 1 : (side == 0 ? best[1] - r->tick : r->tick - best[0]);
            if (distance < 1) distance = 1;
            if (distance > GM_FLOW_LEVELS) distance = GM_FLOW_LEVELS;
            /* thinning: the clock ran at the highest rate, orders at other distances leave more rarely */
            if (gm_random_unit(&f->random) * GM_FLOW_CANCEL_MAX > GM_FLOW_CANCEL[distance - 1]) return;
            gm_book_remove(&m->book, (int32_t)pick);
            m->changes++;
            gm_synthetic_quote(s, symbol, s->lit[k], f->now_ns);
            return;
        }
    }
}

static inline double gm_flow_rate(gm_synthetic_t* s, int32_t symbol) {
    int32_t live = 0;
    for (int32_t k = 0; k < s->lit_count; k++) live += gm_synthetic_matcher(s, symbol, s->lit[k])->book.live;
    live -= s->flows[symbol].own;
    return 2.0 * (s->arrival + GM_FLOW_MARKET) * s->flows[symbol].per_ns + GM_FLOW_CANCEL_MAX * live * s->flows[symbol].cancel_per_ns;
}

static inline void gm_flow_schedule(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    double wait = gm_random_exponential(&f->random) / gm_flow_rate(s, symbol);
    f->next_ns = f->now_ns + 1 + (wait < 9e17 ? (int64_t)wait : (int64_t)9e17);
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
            const int64_t id = x->rare[i].entry.order_id;
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
    if (!s->flows[symbol].rare) gm_random_seed(random, s->seed ^ 0x6461726bULL, (uint64_t)symbol + 1);
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

static inline void gm_flow_event(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    double limits = s->arrival * f->per_ns, markets = GM_FLOW_MARKET * f->per_ns, u;
    f->now_ns = f->next_ns;
    u = gm_random_unit(&f->random) * gm_flow_rate(s, symbol);
    if (u < limits) gm_flow_limit(s, symbol, GM_BUY);
    else if (u < 2 * limits) gm_flow_limit(s, symbol, GM_SELL);
    else if (u < 2 * limits + markets) gm_flow_market(s, symbol, GM_BUY);
    else if (u < 2 * (limits + markets)) gm_flow_market(s, symbol, GM_SELL);
    else gm_flow_cancel(s, symbol);
    f->events++;
    s->market.messages++;
    if (__builtin_expect(f->rare, 0)) {
        gm_dark_event(s, symbol);
        gm_synthetic_refer(s, symbol, f->now_ns);
    }
    gm_flow_schedule(s, symbol);
}

/* A symbol's first life: queues near their stationary length, then the warm-up. */
static inline int gm_flow_start(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    double paper_events = 4.0 * s->arrival / 60.0 * s->depth;       /* a second: arrivals and as many departures */
    double speed = s->events_per_second / paper_events;
    f->started = 1;
    gm_random_seed(&f->random, s->seed, (uint64_t)symbol + 1);
    f->per_ns = speed * s->depth / 60e9;
    f->cancel_per_ns = speed / 60e9;
    f->next_id = -1;
    f->now_ns = s->start_ns - s->warmup_ns;
    for (int32_t k = 0; k < s->lit_count; k++) {
        if (gm_exchange_init(gm_synthetic_exchange(s, symbol, s->lit[k]), f->tick_e9, GM_FLOW_BOOK_TICKS, GM_FLOW_BOOK_ORDERS) != GM_OK) return GM_ERR_MEMORY;
    }
    for (int i = 0; i < GM_FLOW_LEVELS; i++) {
        int32_t orders = (int32_t)(s->depth * GM_FLOW_LIMIT[i] / GM_FLOW_CANCEL[i]) + 1;
        for (int32_t n = 0; n < orders; n++)
            for (int side = -1; side <= 1; side += 2) {
                int64_t tick = f->reference_tick - side * (int64_t)(i + (side < 0));
                int32_t venue = gm_flow_pick_venue(s, f);
                gm_matcher_t* m = gm_synthetic_matcher(s, symbol, venue);
                if (tick >= 1) gm_book_add(&m->book, f->next_id--, (int8_t)side, tick, gm_flow_size(f), 0);
            }
    }
    for (int32_t k = 0; k < s->lit_count; k++) gm_synthetic_quote(s, symbol, s->lit[k], f->now_ns);
    gm_flow_schedule(s, symbol);
    return GM_OK;
}

static inline void gm_synthetic_touch(gm_market_t* market, int32_t symbol, int64_t until_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_flow_t* f = &s->flows[symbol];
    if (__builtin_expect(!f->started, 0) && gm_flow_start(s, symbol) != GM_OK) return;
    if (f->in_active) return;                               /* lived on in `advance`, with the others */
    while (f->next_ns <= until_ns) gm_flow_event(s, symbol);
}

static inline void gm_synthetic_levels(gm_market_t* market, int32_t symbol, int32_t n, int64_t* rows) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_levels_none(rows, n);
    if (!s->flows[symbol].started) return;
    for (int32_t k = 0; k < s->lit_count; k++) {        /* the n best of all are among the n best of each */
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
        if (market->stop) return market->now_ns;
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
    if (!dark) gm_synthetic_quote(s, o->symbol, o->venue, now_ns);
    return result;
}

static inline int gm_is_rare(const gm_synthetic_t* s, const gm_order_t* o) {
    if (o->order_type >= GM_PEGGED_PRIMARY || (o->flags & (GM_HIDDEN | GM_ALL_OR_NONE))) return 1;
    return o->terms && s->market.terms && s->market.terms(s->market.core, o)->minimum_quantity > 0;
}

static inline gm_match_result_t gm_synthetic_place(gm_synthetic_t* s, const gm_order_t* o, int64_t quantity, int acknowledged, int64_t now_ns) {
    gm_command_t c;
    gm_match_result_t result;
    if (__builtin_expect(gm_is_rare(s, o) || gm_synthetic_exchange(s, o->symbol, o->venue)->rare_count > 0 || gm_synthetic_dark(s, o->venue), 0))
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
    price = touch - o->side * (int64_t)((gm_i128)mid * v->improvement[o->venue] / 1000000000);
    if (o->side * (price - mid) < 0) price = mid;
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
    if (gm_synthetic_dark(s, o->venue) && gm_dark_start(s, o->symbol, o->venue, now_ns) != GM_OK) return;
    result = gm_synthetic_place(s, o, o->leaves_quantity, 1, now_ns);
    if (result.status == GM_REJECTED || result.status == GM_CANCELED)
        gm_market_say(market, o, GM_EXEC_CANCELED, GM_REASON_VENUE_RESTARTED, result.leaves, now_ns);
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
    gm_match_result_t result;
    if (rare < 0 && slot < 0) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_UNKNOWN_ORDER, 0, now_ns);
        return;
    }
    if ((o->flags & GM_POST_ONLY) && slot >= 0 && gm_crosses(&m->book, o->side > 0 ? 1 : 0, limit_e9 / m->tick_e9)) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_WOULD_CROSS, 0, now_ns);
        return;
    }
    if (left > 0 && limit_e9 == o->limit_price_e9 && left <= open) {
        if (left < open && slot >= 0) gm_match_shrink(m, slot, open - left);
        else if (rare >= 0) x->rare[rare].entry.quantity = left;
        if (slot >= 0) gm_synthetic_quote(s, o->symbol, o->venue, now_ns);
        gm_market_say_replaced(market, o, quantity, GM_NO_PRICE, now_ns);
        return;
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

static inline void gm_synthetic_free(gm_synthetic_t* s) {
    if (s->exchanges && s->flows)
        for (int32_t symbol = 0; symbol < s->symbols; symbol++)
            if (s->flows[symbol].started)
                for (int32_t v = 0; v < s->venue_count; v++)
                    if (gm_synthetic_exchange(s, symbol, v)->rare) gm_exchange_free(gm_synthetic_exchange(s, symbol, v));
    gm_release(s->exchanges, (size_t)s->symbols * GM_MAX_VENUES * sizeof(gm_exchange_t));
    gm_release(s->dark, (size_t)s->symbols * sizeof(gm_random_t));
    gm_release(s->flows, (size_t)s->symbols * sizeof(gm_flow_t));
    gm_release(s->active, (size_t)s->symbols * sizeof(int32_t));
    memset(s, 0, sizeof *s);
}

/* After the venues have been set in `venues`; share: relative flow of each venue. */
static inline int gm_synthetic_init(gm_synthetic_t* s, gm_venues_t* venues, const double* share, uint64_t seed,
                                    int64_t start_ns, int64_t warmup_ns, double events_per_second, double depth) {
    double sum = 0.0;
    memset(s, 0, sizeof *s);
    s->symbols = venues->symbols;
    s->venue_count = venues->count;
    s->exchanges = (gm_exchange_t*)gm_reserve((size_t)s->symbols * GM_MAX_VENUES * sizeof(gm_exchange_t));
    s->dark = (gm_random_t*)gm_reserve((size_t)s->symbols * sizeof(gm_random_t));
    s->flows = (gm_flow_t*)gm_reserve((size_t)s->symbols * sizeof(gm_flow_t));
    s->active = (int32_t*)gm_reserve((size_t)s->symbols * sizeof(int32_t));
    if (!s->exchanges || !s->dark || !s->flows || !s->active) {
        gm_synthetic_free(s);
        return GM_ERR_MEMORY;
    }
    s->seed = seed;
    s->start_ns = start_ns;
    s->warmup_ns = warmup_ns;
    s->events_per_second = events_per_second;
    s->depth = depth;
    for (int i = 0; i < GM_FLOW_LEVELS; i++) s->distance[i] = (s->arrival += GM_FLOW_LIMIT[i]);
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
    s->market.now_ns = start_ns;
    return GM_OK;
}

#endif
