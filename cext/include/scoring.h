/* Where an order goes: the all-in cost of every venue, in 1e-9 per unit against the consolidated mid, positive = bad.
 *
 *   taking   side * (touch - mid) + take fee + half a spread on the share of the order beyond the displayed size
 *   posting  side * (limit - mid) + make fee
 *   a market order with nobody on the other side: the take fee; the venue will cancel it
 *   an order for an auction: that venue's fee; it goes where the symbol has its auctions
 *
 * A retail customer's marketable order that does not rest (gm_venues_t.retail) may go to a wholesaler, inside the consolidated quote by its price
 * improvement, and not beyond the mid; a midpoint peg may rest in a dark pool too. Other orders go to venues that display.
 *
 * With weights (gm_learned_t, venue_statistics.h) what has been learned of a venue is added:
 *
 *   taking   + slippage * mid; what has been met beyond the displayed size counts as displayed
 *   posting  + adverse * mid + unfilled * (half a spread + take fee - make fee - side * (limit - mid)), if that is more than nothing: what is
 *            not filled is taken in the end
 *
 * Order protection (17 CFR 242.611): a marketable order goes to a venue at the best displayed price; a venue with a
 * worse quote is not a candidate while a better one can take it. An order that names its venue and would trade through a
 * better quote there is refused (GM_REASON_TRADE_THROUGH) if `protects` says so. Ties: lower priority number, then lower
 * venue number. */
#ifndef GM_SCORING_H
#define GM_SCORING_H

#include "venues.h"

enum gm_venue_verdict {
    GM_VENUE_CHOSEN = 0, GM_VENUE_COSTLIER, GM_VENUE_TIE_LOST, GM_VENUE_DISABLED, GM_VENUE_TOO_LARGE, GM_VENUE_TOO_SMALL,
    GM_VENUE_NO_QUOTE, GM_VENUE_WORSE_PRICE, GM_VENUE_NOT_DISPLAYED, GM_VENUE_UNSUPPORTED, GM_VENUE_BARRED, GM_VENUE_NOT_NAMED,
    GM_VENUE_TRIPPED
};

typedef struct gm_route {
    int32_t venue;                  /* -1: none; see reason */
    int32_t runner_up;
    int32_t candidates;
    uint16_t reason;
    uint8_t takes;                  /* marketable */
    int64_t cost_e9;                /* per unit against the mid (against nothing where there is no mid: fees only) */
    int64_t runner_up_cost_e9;
    int64_t price_e9;               /* expected, before fees; GM_NO_PRICE without a quote */
} gm_route_t;

/* Per venue, on request: what it would cost and why it lost. */
typedef struct gm_score {
    int64_t cost_e9;
    int32_t verdict;
} gm_score_t;

static inline int gm_is_marketable(const gm_nbbo_t* n, int8_t side, int64_t limit_e9) {
    int64_t touch = side > 0 ? n->ask_e9 : n->bid_e9;
    if (touch == GM_NO_PRICE) return 0;
    return limit_e9 == GM_NO_PRICE || (side > 0 ? limit_e9 >= touch : limit_e9 <= touch);
}

/* The venues that do not display and may have this kind of order nevertheless. */
static inline uint64_t gm_unseen(const gm_venues_t* v, uint64_t needs, int takes) {
    if (__builtin_expect((needs & GM_NEED_TYPE(GM_PEGGED_MIDPOINT)) != 0, 0)) return v->dark;
    return __builtin_expect(v->retail, 0) && takes && (needs & (GM_NEED_TYPE(GM_MARKET) | GM_NEED_IOC | GM_NEED_FOK)) ? v->wholesale : 0;
}

/* May a limit price stand at a venue with a tick of its own? */
static inline int gm_is_off_tick(const gm_venues_t* v, int32_t i, int64_t limit_e9) {
    return (v->coarse >> i & 1) && limit_e9 != GM_NO_PRICE && limit_e9 % v->tick_e9[i] != 0;
}

/* A venue that is no candidate, and why not. */
static inline int32_t gm_bystander(const gm_venues_t* v, int32_t symbol, int32_t i, int64_t quantity, int64_t limit_e9, uint64_t needs, int takes) {
    if (!v->enabled[i]) return GM_VENUE_DISABLED;
    if (v->barred[i]) return GM_VENUE_BARRED;
    if (v->tripped >> i & 1 & ~(v->probing >> i)) return GM_VENUE_TRIPPED;
    if (!gm_venue_supports(v, i, needs) || !(gm_venues_for(v, symbol, needs) >> i & 1) || gm_is_off_tick(v, i, limit_e9)) return GM_VENUE_UNSUPPORTED;
    if (!gm_displays(v, i) && !(gm_unseen(v, needs, takes) >> i & 1)) return GM_VENUE_NOT_DISPLAYED;
    return v->max_order_size[i] && quantity > v->max_order_size[i] ? GM_VENUE_TOO_LARGE : GM_VENUE_TOO_SMALL;
}

/* Does a venue take orders of this size? */
static inline int gm_takes_size(const gm_venues_t* v, int32_t i, int64_t quantity) {
    return quantity >= v->min_size[i] && (v->max_order_size[i] == 0 || quantity <= v->max_order_size[i]);
}

/* The venues that may have this order, a bit each: open, displaying (or gm_unseen), taking its kind and its size. */
static inline uint64_t gm_candidates(const gm_venues_t* v, int64_t quantity, uint64_t needs, int takes) {
    uint64_t mask = gm_venues_open(v) & (v->displays | gm_unseen(v, needs, takes));
    uint64_t rarer = needs & ~GM_NEED_USUAL ? mask : mask & ~v->usual;
    for (; rarer; rarer &= rarer - 1) {
        const int32_t i = __builtin_ctzll(rarer);
        if (!gm_venue_supports(v, i, needs)) mask &= ~((uint64_t)1 << i);
    }
    for (uint64_t sized = mask & v->sized; sized; sized &= sized - 1) {
        const int32_t i = __builtin_ctzll(sized);
        if (!gm_takes_size(v, i, quantity)) mask &= ~((uint64_t)1 << i);
    }
    return mask;
}

static inline uint64_t gm_on_tick(const gm_venues_t* v, uint64_t mask, int64_t limit_e9) {
    for (uint64_t coarse = mask & v->coarse; __builtin_expect(coarse != 0, 0); coarse &= coarse - 1) {
        const int32_t i = __builtin_ctzll(coarse);
        if (gm_is_off_tick(v, i, limit_e9)) mask &= ~((uint64_t)1 << i);
    }
    return mask;
}

/* The candidate at cost: the best so far, or the one behind it. */
static inline void gm_route_consider(const gm_venues_t* v, gm_route_t* r, int32_t i, int64_t cost) {
    r->candidates++;
    if (r->venue < 0 || cost < r->cost_e9 || (cost == r->cost_e9 && v->priority[i] < v->priority[r->venue])) {
        r->runner_up = r->venue;
        r->runner_up_cost_e9 = r->cost_e9;
        r->venue = i;
        r->cost_e9 = cost;
    } else if (r->runner_up < 0 || cost < r->runner_up_cost_e9
               || (cost == r->runner_up_cost_e9 && v->priority[i] < v->priority[r->runner_up])) {
        r->runner_up = i;
        r->runner_up_cost_e9 = cost;
    }
}

/* What taking a unit at `i` costs but for what is beyond its displayed size. Fees only where there is no mid. */
static inline int64_t gm_take_cost(const gm_venues_t* v, int32_t symbol, int32_t i, int8_t side, int64_t mid, int64_t touch) {
    int64_t cost = v->take_fee_e9[i] + (mid == GM_NO_PRICE ? 0 : side * (touch - mid));
    if (__builtin_expect(v->learns, 0) && mid != GM_NO_PRICE)
        cost += (int64_t)(v->learned[(size_t)symbol * GM_MAX_VENUES + i].slippage * (double)mid);
    return cost;
}

/* What is added to the cost of resting at `i`, `distance` from the mid, for what has been learned. */
static inline int64_t gm_rest_risk(const gm_venues_t* v, const gm_nbbo_t* n, int32_t symbol, int32_t i, int64_t mid, int64_t distance) {
    const gm_learned_t* x = v->learned + (size_t)symbol * GM_MAX_VENUES + i;
    const int64_t later = (n->ask_e9 - n->bid_e9) / 2 + v->take_fee_e9[i] - v->make_fee_e9[i] - distance;
    return (int64_t)(x->adverse * (double)mid) + (later > 0 ? (int64_t)(x->unfilled * (double)later) : 0);
}

static inline gm_route_t gm_score_venues(const gm_venues_t* v, const gm_nbbo_t* n, int32_t symbol, int8_t side,
                                         int64_t quantity, int64_t limit_e9, uint8_t flags, uint64_t needs, gm_score_t* detail) {
    const gm_quote_t* q = gm_quotes_of(v, symbol);
    const int64_t mid = gm_mid(n);
    const int crosses = __builtin_expect((needs & GM_NEED_AUCTION) != 0, 0);
    const int takes = !(flags & GM_POST_ONLY) && !crosses && gm_is_marketable(n, side, limit_e9);
    const uint64_t able = gm_on_tick(v, gm_candidates(v, quantity, needs, takes) & gm_venues_for(v, symbol, needs), limit_e9);
    gm_route_t r = {-1, -1, 0, GM_REASON_NO_VENUE, (uint8_t)takes, INT64_MAX, INT64_MAX, GM_NO_PRICE};
    if (detail)
        for (uint64_t others = ~able & (v->count < 64 ? ((uint64_t)1 << v->count) - 1 : ~(uint64_t)0); others; others &= others - 1) {
            const int32_t i = __builtin_ctzll(others);
            detail[i].cost_e9 = INT64_MAX;
            detail[i].verdict = gm_bystander(v, symbol, i, quantity, limit_e9, needs, takes);
        }
    if (takes) {
        const int64_t half_spread = mid == GM_NO_PRICE ? 0 : (n->ask_e9 - n->bid_e9) / 2;
        int64_t best = GM_NO_PRICE;                         /* the best touch among those that may take this order */
        for (uint64_t left = able & v->displays; left; left &= left - 1) {
            const int32_t i = __builtin_ctzll(left);
            const int64_t touch = side > 0 ? q[i].ask_e9 : q[i].bid_e9;
            if (touch > 0 && (best == GM_NO_PRICE || (side > 0 ? touch < best : touch > best))) best = touch;
        }
        for (uint64_t left = able; left; left &= left - 1) {
            const int32_t i = __builtin_ctzll(left);
            const int64_t touch = side > 0 ? q[i].ask_e9 : q[i].bid_e9;
            int64_t cost = INT64_MAX, shown = side > 0 ? q[i].ask_quantity : q[i].bid_quantity;
            if (__builtin_expect(!gm_displays(v, i), 0)) {
                if (best != GM_NO_PRICE && mid != GM_NO_PRICE && n->bid_e9 < n->ask_e9) {
                    cost = gm_take_cost(v, symbol, i, side, mid, gm_wholesale_price(v, i, side, mid, side > 0 ? n->ask_e9 : n->bid_e9));
                    gm_route_consider(v, &r, i, cost);
                }
            } else if (touch > 0 && touch == best) {
                cost = gm_take_cost(v, symbol, i, side, mid, touch);
                if (__builtin_expect(v->learns, 0)) shown += v->learned[(size_t)symbol * GM_MAX_VENUES + i].hidden;
                if (quantity > shown) cost += (int64_t)((gm_i128)half_spread * (quantity - shown) / quantity);
                gm_route_consider(v, &r, i, cost);
            }
            if (detail) {
                detail[i].cost_e9 = cost;
                detail[i].verdict = cost != INT64_MAX ? GM_VENUE_COSTLIER : touch <= 0 || !gm_displays(v, i) ? GM_VENUE_NO_QUOTE : GM_VENUE_WORSE_PRICE;
            }
        }
        r.price_e9 = r.venue < 0 ? GM_NO_PRICE : gm_displays(v, r.venue) ? best
            : gm_wholesale_price(v, r.venue, side, mid, side > 0 ? n->ask_e9 : n->bid_e9);
    } else {
        /* A market order while nobody stands there: the venue has the last word. */
        const int64_t* fee = crosses ? v->auction_fee_e9 : limit_e9 == GM_NO_PRICE ? v->take_fee_e9 : v->make_fee_e9;
        const int64_t distance = limit_e9 == GM_NO_PRICE || mid == GM_NO_PRICE ? 0 : side * (limit_e9 - mid);
        for (uint64_t left = able; left; left &= left - 1) {
            const int32_t i = __builtin_ctzll(left);
            int64_t cost = fee[i] + distance;
            if (__builtin_expect(v->learns, 0) && mid != GM_NO_PRICE && limit_e9 != GM_NO_PRICE && !crosses)
                cost += gm_rest_risk(v, n, symbol, i, mid, distance);
            gm_route_consider(v, &r, i, cost);
            if (detail) { detail[i].cost_e9 = cost; detail[i].verdict = GM_VENUE_COSTLIER; }
        }
        r.price_e9 = r.venue < 0 ? GM_NO_PRICE : limit_e9;
    }
    if (r.venue >= 0) {
        r.reason = GM_REASON_NONE;
        if (detail) {
            detail[r.venue].verdict = GM_VENUE_CHOSEN;
            if (r.runner_up >= 0 && r.runner_up_cost_e9 == r.cost_e9)
                for (uint64_t left = able; left; left &= left - 1) {
                    const int32_t i = __builtin_ctzll(left);
                    if (i != r.venue && detail[i].cost_e9 == r.cost_e9) detail[i].verdict = GM_VENUE_TIE_LOST;
                }
        }
    }
    return r;
}

/* Would an order, taking at `venue`, trade through a better quote elsewhere? What it takes is the touch there. */
static inline int gm_route_trades_through(const gm_venues_t* v, const gm_nbbo_t* n, const gm_order_t* o, int32_t venue, uint64_t needs) {
    const gm_quote_t* q = gm_quotes_of(v, o->symbol) + venue;
    const int64_t touch = o->side > 0 ? q->ask_e9 : q->bid_e9;
    if (!gm_displays(v, venue) || touch <= 0 || touch == (o->side > 0 ? n->ask_e9 : n->bid_e9)) return 0;
    if ((o->flags & GM_POST_ONLY) || o->order_type >= GM_PEGGED_PRIMARY || (needs & GM_NEED_AUCTION)) return 0;
    if (o->limit_price_e9 != GM_NO_PRICE && o->side * (o->limit_price_e9 - touch) < 0) return 0;
    return gm_trades_through(v, o->symbol, venue, o->side, touch);
}

/* The route of an order: to the venue that it names, if that takes it, or to the one that scores best. `detail`: [venue], or NULL; left
 * with verdicts alone where the order names its venue. */
static inline gm_route_t gm_route_order(const gm_venues_t* v, const gm_nbbo_t* n, const gm_order_t* o, gm_score_t* detail) {
    gm_route_t r = {o->venue, -1, 0, GM_REASON_NONE, 0, 0, 0, GM_NO_PRICE};
    const uint64_t needs = gm_needs_of(o);
    if (__builtin_expect(o->venue < 0, 1)) {
        const int pegged = o->order_type >= GM_PEGGED_PRIMARY;  /* it rests, at its own side's best or better: that much is known */
        const int64_t limit_e9 = pegged && o->limit_price_e9 == GM_NO_PRICE ? (o->side > 0 ? n->bid_e9 : n->ask_e9) : o->limit_price_e9;
        const uint8_t flags = pegged ? o->flags | GM_POST_ONLY : o->flags;
        r = gm_score_venues(v, n, o->symbol, o->side, o->quantity, limit_e9, flags, needs, detail);
        if (__builtin_expect(r.venue < 0, 0)) {             /* is it the kind of order, or the moment? */
            int taken = 0;
            for (int32_t i = 0; i < v->count; i++) taken |= gm_venue_supports(v, i, needs);
            if (!taken) r.reason = GM_REASON_UNSUPPORTED;
        }
        return r;
    }
    for (int32_t i = 0; detail && i < v->count; i++) {
        detail[i].cost_e9 = INT64_MAX;
        detail[i].verdict = i == o->venue ? GM_VENUE_CHOSEN : GM_VENUE_NOT_NAMED;
    }
    if (o->venue >= v->count || !gm_venue_open(v, o->venue)) r.reason = GM_REASON_NO_VENUE;
    else if (!gm_venue_supports(v, o->venue, needs) || !(gm_venues_for(v, o->symbol, needs) >> o->venue & 1)) r.reason = GM_REASON_UNSUPPORTED;
    /* One that displays nothing says so itself. */
    else if (__builtin_expect((v->sized & v->displays) >> o->venue & 1, 0) && !(o->urgency & GM_SWEEP) && !gm_takes_size(v, o->venue, o->quantity))
        r.reason = GM_REASON_NO_VENUE;
    else if (__builtin_expect(gm_is_off_tick(v, o->venue, o->limit_price_e9), 0)) r.reason = GM_REASON_PRICE_OUT_OF_RANGE;
    else if (v->protects && !(o->urgency & GM_SWEEP) && gm_route_trades_through(v, n, o, o->venue, needs)) r.reason = GM_REASON_TRADE_THROUGH;
    if (r.reason) r.venue = -1;
    return r;
}

/* `count` orders of a symbol over the quotes as they stand: venue (-1: none) and cost per unit of each. Quantities are negative to sell; a limit
 * of 0 is a market order. Body in kernels/scoring.c, for who is not in the engine. */
void gm_route_batch(const gm_venues_t* v, int32_t symbol, int64_t count, const int64_t* signed_quantities, const int64_t* limits_e9, int32_t* venues,
                    int64_t* costs_e9);

/* Verdicts and costs of the first venues for a DECISION record (records.h). A cost that is not known or beyond the range is at its end. */
static inline void gm_pack_scores(const gm_score_t* scores, int32_t count, double per_unit, uint16_t* out) {
    for (int32_t i = 0; i < count; i++) {
        int32_t x = 2047;
        if (scores[i].cost_e9 != INT64_MAX && per_unit != 0.0) {
            const double y = (double)scores[i].cost_e9 * per_unit;
            x = y <= -2048.0 ? -2048 : y >= 2047.0 ? 2047 : (int32_t)(y + (y < 0 ? -0.5 : 0.5));
        }
        out[i] = (uint16_t)((unsigned)scores[i].verdict << 12 | (unsigned)(x + 2048));
    }
}

#endif
