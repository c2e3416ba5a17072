/* A synthetic market: zero-intelligence order flow after Cont, Stoikov and Talreja (Operations Research 58, 2010),
 * spread over several venues. Limit orders arrive at distance i from the opposite consolidated best, market orders take
 * the best price wherever it stands, cancellations are proportional to what rests. As every arrival is priced against
 * the consolidated opposite best, the venues never cross one another.
 *
 * Each symbol lives on its own clock and generator: what flows depends on the seed, market time and own orders, not on
 * when anybody looks. Symbols with own orders in them are advanced together in time order, others when touched. */
#ifndef GM_SYNTHETIC_H
#define GM_SYNTHETIC_H

#include "market.h"
#include "matching.h"
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
    int32_t own;                /* own orders resting */
    int32_t follows;            /* own orders that wait for its quotes */
    int32_t started;
    int32_t in_active;
} gm_flow_t;

typedef struct gm_synthetic {
    gm_market_t market;
    gm_matcher_t* matchers;     /* [symbol * GM_MAX_VENUES + venue] */
    gm_flow_t* flows;           /* [symbol] */
    int32_t* active;            /* symbols with own orders */
    int32_t active_count;
    int32_t symbols;            /* capacity */
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

static inline gm_matcher_t* gm_synthetic_matcher(gm_synthetic_t* s, int32_t symbol, int32_t venue) {
    return &s->matchers[(size_t)symbol * GM_MAX_VENUES + venue];
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
    const int wanted = f->own + f->follows > 0;
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
        {
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
        gm_matcher_t* m = gm_synthetic_matcher(s, symbol, s->lit[k]);
        if (gm_matcher_init(m, f->tick_e9, GM_FLOW_BOOK_TICKS, GM_FLOW_BOOK_ORDERS) != GM_OK) return GM_ERR_MEMORY;
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

static inline gm_match_result_t gm_synthetic_place(gm_synthetic_t* s, const gm_order_t* o, int64_t quantity, int acknowledged, int64_t now_ns) {
    gm_command_t c;
    gm_match_result_t result;
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

static inline void gm_synthetic_submit(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_match_result_t result;
    if (!gm_synthetic_carries(s, o->venue)) {
        gm_market_say(market, o, GM_EXEC_REJECTED, GM_REASON_UNSUPPORTED, o->leaves_quantity, now_ns);
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
    result = gm_synthetic_place(s, o, o->leaves_quantity, 1, now_ns);
    if (result.status == GM_REJECTED || result.status == GM_CANCELED)
        gm_market_say(market, o, GM_EXEC_CANCELED, GM_REASON_VENUE_RESTARTED, result.leaves, now_ns);
}

static inline void gm_synthetic_cancel(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    int64_t open = gm_match_cancel(gm_synthetic_matcher(s, o->symbol, o->venue), o->order_id);
    if (open < 0) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_UNKNOWN_ORDER, 0, now_ns);
        return;
    }
    gm_synthetic_own(s, o->symbol, -1);
    gm_synthetic_quote(s, o->symbol, o->venue, now_ns);
    gm_market_say(market, o, GM_EXEC_CANCELED, GM_REASON_USER, open, now_ns);
}

/* Less at the same price keeps its place; anything else leaves the book and comes in again, at the back or against what it meets. */
static inline void gm_synthetic_replace(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_matcher_t* m = gm_synthetic_matcher(s, o->symbol, o->venue);
    const int32_t slot = gm_book_find(&m->book, o->order_id);
    const int64_t left = o->working_quantity - o->filled_quantity, quantity = left > 0 ? o->working_quantity : o->filled_quantity;
    const int64_t limit_e9 = o->pending_price_e9 == GM_NO_PRICE ? o->limit_price_e9 : o->pending_price_e9;
    gm_match_result_t result;
    if (slot < 0) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_UNKNOWN_ORDER, 0, now_ns);
        return;
    }
    if ((o->flags & GM_POST_ONLY) && gm_crosses(&m->book, o->side > 0 ? 1 : 0, limit_e9 / m->tick_e9)) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_WOULD_CROSS, 0, now_ns);
        return;
    }
    if (left > 0 && limit_e9 == o->limit_price_e9 && left <= gm_match_open(m, slot)) {
        if (left < gm_match_open(m, slot)) gm_match_shrink(m, slot, gm_match_open(m, slot) - left);
        gm_synthetic_quote(s, o->symbol, o->venue, now_ns);
        gm_market_say_replaced(market, o, quantity, GM_NO_PRICE, now_ns);
        return;
    }
    gm_match_cancel(m, o->order_id);
    gm_synthetic_own(s, o->symbol, -1);
    gm_market_say_replaced(market, o, quantity, o->pending_price_e9, now_ns);
    if (left <= 0) {
        gm_synthetic_quote(s, o->symbol, o->venue, now_ns);
        return;
    }
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
    if (s->matchers && s->flows)
        for (int32_t symbol = 0; symbol < s->symbols; symbol++)
            if (s->flows[symbol].started)
                for (int32_t k = 0; k < s->lit_count; k++) gm_book_free(&gm_synthetic_matcher(s, symbol, s->lit[k])->book);
    gm_release(s->matchers, (size_t)s->symbols * GM_MAX_VENUES * sizeof(gm_matcher_t));
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
    s->matchers = (gm_matcher_t*)gm_reserve((size_t)s->symbols * GM_MAX_VENUES * sizeof(gm_matcher_t));
    s->flows = (gm_flow_t*)gm_reserve((size_t)s->symbols * sizeof(gm_flow_t));
    s->active = (int32_t*)gm_reserve((size_t)s->symbols * sizeof(int32_t));
    if (!s->matchers || !s->flows || !s->active) {
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
