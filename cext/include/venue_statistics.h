/* What an engine learns of each venue in each symbol from its own orders: exponentially weighted by observation, from recorded reports
 * and recorded quotes alone, so that recovery, which applies the same records by the same functions, arrives at the same figures, bit for bit.
 *
 * Weighting: the n-th observation has weight max(1/n, a), a = 1 - 2^(-1/h) with half-life h in observations: a plain mean at first.
 *
 * Markout: the quantity-weighted move of the consolidated mid against the trade's side, side * (mid then - mid at the fill) / mid at the fill, to
 * the first recorded quote of the symbol (an order's arrival, a report) at least a second after the fill. Fills of a venue within a second of
 * the first are one observation; those that come later, while it waits for its quote, are not observed. Positive is good for the trader.
 *
 * Hidden size: of an immediate order for more than its venue displayed at its limit, what was filled beyond that (what was displayed is known from
 * the DECISION record to an eighth, rounded up). At least so much was there.
 *
 * Volatility: of a symbol, the mean of (log-free) squared returns between recorded mids 1 s to 600 s apart, a second. */
#ifndef GM_VENUE_STATISTICS_H
#define GM_VENUE_STATISTICS_H

#include <math.h>
#include "orders.h"
#include "venues.h"

#define GM_MARKOUT_NS INT64_C(1000000000)
#define GM_RETURN_MOST_NS INT64_C(600000000000)
#define GM_STEPS 1024

enum gm_manner { GM_RESTED = 0, GM_TOOK = 1 };              /* by time in force: a market order, IOC and FOK take */

typedef struct gm_venue_statistics {
    int64_t orders;                 /* handed to it */
    int64_t answers, rejects, unanswered, fills;
    double reject_rate;             /* of first answers */
    double latency_s;               /* sent to the venue's first answer, as it tells the time */
    int64_t ended[2], timed, costed, markouts[2];           /* observations behind the means; [gm_manner], markouts by liquidity */
    double fill_rate[2];            /* filled / ordered of orders that have ended, by gm_manner */
    double fill_time_s;             /* sent to fill, of orders that rested */
    double effective_cost;          /* side * (price - arrival mid) / arrival mid, and fees, of fills */
    double markout[2];              /* [0] of liquidity added, [1] removed: fraction of the mid */
    int64_t open_since_ns, open_last_ns, open_base_e9;      /* the observation that waits for its quote; open_base_e9 0: none */
    double open_quantity[2], open_side[2], open_against[2]; /* sums of q, side * q, side * q * (mid at fill - base) */
    int64_t beyond_id, beyond_shown;                        /* the last order for more than was displayed, until it ends; 0: none */
    int64_t beyonds;
    double hidden;                  /* filled beyond what was displayed */
} gm_venue_statistics_t;
_Static_assert(sizeof(gm_venue_statistics_t) == 256, "recovery.h copies rows; hashes are of whole words");

typedef struct gm_symbol_statistics {
    int64_t last_e9, last_ns, returns;
    double variance;                /* of returns, a second */
    uint64_t open;                  /* venues whose markout waits for a quote */
} gm_symbol_statistics_t;

typedef struct gm_statistics {
    gm_venue_statistics_t* rows;    /* [symbol * GM_MAX_VENUES + venue] */
    gm_symbol_statistics_t* symbols;
    double steps[GM_STEPS];         /* the weight of the n-th observation */
    int32_t count;                  /* symbols reserved */
} gm_statistics_t;

static inline void gm_statistics_half_life(gm_statistics_t* t, double half_life) {
    const double least = 1.0 - exp2(-1.0 / half_life);
    for (int32_t n = 0; n < GM_STEPS; n++) t->steps[n] = 1.0 / (n + 1) > least ? 1.0 / (n + 1) : least;
}

static inline int gm_statistics_init(gm_statistics_t* t, int32_t symbols) {
    t->count = symbols;
    t->rows = (gm_venue_statistics_t*)gm_reserve((size_t)symbols * GM_MAX_VENUES * sizeof(gm_venue_statistics_t));
    t->symbols = (gm_symbol_statistics_t*)gm_reserve((size_t)symbols * sizeof(gm_symbol_statistics_t));
    return t->rows && t->symbols ? GM_OK : GM_ERR_MEMORY;
}

static inline void gm_statistics_free(gm_statistics_t* t) {
    gm_release(t->rows, (size_t)t->count * GM_MAX_VENUES * sizeof(gm_venue_statistics_t));
    gm_release(t->symbols, (size_t)t->count * sizeof(gm_symbol_statistics_t));
    t->rows = NULL;
    t->symbols = NULL;
}

static inline gm_venue_statistics_t* gm_statistics_of(const gm_statistics_t* t, int32_t symbol, int32_t venue) {
    return t->rows + (size_t)symbol * GM_MAX_VENUES + venue;
}

static inline void gm_observe(const gm_statistics_t* t, double* mean, int64_t* count, double x) {
    const int64_t n = (*count)++;
    *mean += t->steps[n < GM_STEPS ? n : GM_STEPS - 1] * (x - *mean);
}

/* What scoring adds for a venue, from its figures and the configured weights; nothing is added for what is not known. */
static __attribute__((noinline)) void gm_statistics_learn(const gm_statistics_t* t, gm_venues_t* v, int32_t symbol, int32_t venue) {
    const gm_venue_statistics_t* x = gm_statistics_of(t, symbol, venue);
    const gm_symbol_statistics_t* y = &t->symbols[symbol];
    gm_learned_t* out = v->learned + (size_t)symbol * GM_MAX_VENUES + venue;
    const double latency = x->answers > 0 && x->latency_s > 0 ? x->latency_s : (double)v->latency_ns[venue] * 1e-9;
    out->unfilled = x->ended[GM_RESTED] > 0 ? v->weights[GM_WEIGHT_FILL] * (1.0 - x->fill_rate[GM_RESTED]) : 0.0;
    out->adverse = x->markouts[0] > 0 ? -v->weights[GM_WEIGHT_ADVERSE] * x->markout[0] : 0.0;
    out->slippage = x->ended[GM_TOOK] > 0 && y->returns > 0 && latency > 0
        ? v->weights[GM_WEIGHT_LATENCY] * (1.0 - x->fill_rate[GM_TOOK]) * sqrt(y->variance * latency) : 0.0;
    out->hidden = x->beyonds > 0 ? (int64_t)(v->weights[GM_WEIGHT_HIDDEN] * x->hidden) : 0;
}

static __attribute__((noinline)) void gm_statistics_look(gm_statistics_t* t, gm_venues_t* v, int32_t symbol, int64_t mid_e9, int64_t now) {
    gm_symbol_statistics_t* s = &t->symbols[symbol];
    const int64_t since = now - s->last_ns;
    for (uint64_t open = s->open; open; open &= open - 1) {
        const int32_t i = __builtin_ctzll(open);
        gm_venue_statistics_t* x = gm_statistics_of(t, symbol, i);
        if (now - x->open_last_ns < GM_MARKOUT_NS) continue;
        for (int k = 0; k < 2; k++) {
            if (x->open_quantity[k] > 0) {
                const double moved = x->open_side[k] * (double)(mid_e9 - x->open_base_e9) - x->open_against[k];
                gm_observe(t, &x->markout[k], &x->markouts[k], moved / (x->open_quantity[k] * (double)x->open_base_e9));
            }
            x->open_quantity[k] = x->open_side[k] = x->open_against[k] = 0.0;
        }
        x->open_base_e9 = x->open_since_ns = x->open_last_ns = 0;
        s->open &= ~((uint64_t)1 << i);
        if (v->learns) gm_statistics_learn(t, v, symbol, i);
    }
    if (s->last_e9 == 0 || since >= GM_MARKOUT_NS) {
        if (s->last_e9 != 0 && since <= GM_RETURN_MOST_NS) {
            const double r = (double)(mid_e9 - s->last_e9) / (double)s->last_e9;
            gm_observe(t, &s->variance, &s->returns, r * r / ((double)since * 1e-9));
        }
        s->last_e9 = mid_e9;
        s->last_ns = now;
    }
}

/* A quote of the symbol has been recorded: markouts that waited for it, and the return since the last that counted. */
static inline void gm_statistics_quote(gm_statistics_t* t, gm_venues_t* v, int32_t symbol, int64_t mid_e9, int64_t now) {
    const gm_symbol_statistics_t* s = &t->symbols[symbol];
    if (s->last_e9 == 0 || now - s->last_ns >= GM_MARKOUT_NS || s->open != 0) gm_statistics_look(t, v, symbol, mid_e9, now);
}

static inline int gm_took(const gm_order_t* o) {
    return o->time_in_force == GM_IOC || o->time_in_force == GM_FOK || o->limit_price_e9 == GM_NO_PRICE;
}

/* The usual answer, as soon as sent, of a venue that has never been slower nor rejected: only the count moves, the means are what they were. */
static inline int gm_statistics_unmoved(const gm_statistics_t* t, const gm_venues_t* v, const gm_order_t* o, const gm_report_t* r) {
    gm_venue_statistics_t* x = gm_statistics_of(t, o->symbol, o->venue);
    if (r->exec_type != GM_EXEC_NEW || o->acknowledged_ns || v->learns || r->venue_time_ns != o->sent_ns || x->latency_s != 0.0 || x->reject_rate != 0.0
        || gm_is_closed(r->status)) return 0;
    x->answers++;
    return 1;
}

/* A recorded report on an order at its venue, before it is applied; `ends`: the order is closed by it. */
static __attribute__((noinline)) void gm_statistics_take(gm_statistics_t* t, gm_venues_t* v, const gm_order_t* o, const gm_report_t* r, int ends) {
    gm_venue_statistics_t* x = gm_statistics_of(t, o->symbol, o->venue);
    const int manner = gm_took(o) ? GM_TOOK : GM_RESTED;
    if (!o->acknowledged_ns && r->exec_type != GM_EXEC_STATUS) {        /* the venue's first word on it */
        gm_observe(t, &x->latency_s, &x->answers, (double)(r->venue_time_ns - o->sent_ns) * 1e-9);
        x->rejects += r->exec_type == GM_EXEC_REJECTED;
        x->reject_rate += t->steps[x->answers - 1 < GM_STEPS ? x->answers - 1 : GM_STEPS - 1] * ((r->exec_type == GM_EXEC_REJECTED) - x->reject_rate);
    }
    if (r->exec_type == GM_EXEC_STATUS && r->reason == GM_REASON_NO_ANSWER) x->unanswered++;
    if (r->exec_type == GM_EXEC_TRADE) {
        const int64_t mid = r->bid_e9 == GM_NO_PRICE || r->ask_e9 == GM_NO_PRICE ? GM_NO_PRICE : r->bid_e9 + (r->ask_e9 - r->bid_e9) / 2;
        x->fills++;
        if (manner == GM_RESTED) gm_observe(t, &x->fill_time_s, &x->timed, (double)(r->venue_time_ns - o->sent_ns) * 1e-9);
        if (o->arrival_mid_e9 != GM_NO_PRICE)
            gm_observe(t, &x->effective_cost, &x->costed, ((double)(o->side * (r->price_e9 - o->arrival_mid_e9)) + (double)r->fee_e9 / (double)r->quantity)
                       / (double)o->arrival_mid_e9);
        if (mid != GM_NO_PRICE && mid > 0) {
            const int k = r->liquidity == GM_REMOVED;
            if (x->open_base_e9 == 0) {
                x->open_base_e9 = mid;
                x->open_since_ns = r->venue_time_ns;
                t->symbols[o->symbol].open |= (uint64_t)1 << o->venue;
            }
            if (r->venue_time_ns - x->open_since_ns < GM_MARKOUT_NS) {
                x->open_last_ns = r->venue_time_ns;
                x->open_quantity[k] += (double)r->quantity;
                x->open_side[k] += (double)(o->side * r->quantity);
                x->open_against[k] += (double)(o->side * r->quantity) * (double)(mid - x->open_base_e9);
            }
        }
    }
    if (ends && r->exec_type != GM_EXEC_REJECTED && o->quantity > 0) {
        const int64_t filled = o->filled_quantity + (r->exec_type == GM_EXEC_TRADE ? r->quantity : 0);
        gm_observe(t, &x->fill_rate[manner], &x->ended[manner], (double)filled / (double)o->quantity);
        if (o->order_id == x->beyond_id) {
            gm_observe(t, &x->hidden, &x->beyonds, filled > x->beyond_shown ? (double)(filled - x->beyond_shown) : 0.0);
            x->beyond_id = x->beyond_shown = 0;
        }
    }
    if (v->learns) gm_statistics_learn(t, v, o->symbol, o->venue);
}

#endif
