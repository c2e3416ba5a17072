/* A marketable quantity over the venues that display, in one go: by displayed price, then by all-in cost, then priority, then number.
 *
 * Order protection (17 CFR 242.611): a worse price has a leg only if every better displayed quote that can take part has legs for all it
 * shows, sent at the same time (intermarket sweep orders, 242.600(b)(38)). A quote that cannot be swept wholly (the venue's largest or
 * smallest order) ends the split at its price. A venue that cannot take part at all is passed over: it takes no such order, is stopped, or its
 * smallest order is larger than what it shows or than what is left. A venue that the circuit breaker is probing takes one order of at
 * most the probe's size, and what else it shows holds nobody up: it is the failing one of 242.611(b)(1).
 *
 * What is left when the displayed quotes within the limit are used up is the residual; with `rest` it is added to the last leg (who sends it
 * may meet what is not displayed), or to the one at whose venue most has been met so far where that counts (gm_learned_t.hidden), as far as that
 * venue's largest order allows. Always: sum of legs + residual = quantity. */
#ifndef GM_SPLIT_H
#define GM_SPLIT_H

#include "scoring.h"

#define GM_SPLIT_MAX 64

typedef struct gm_leg {
    int64_t quantity;
    int64_t price_e9;               /* the displayed price: the leg's limit */
    int64_t cost_e9;                /* all-in, per unit against the mid; fees only where there is no mid */
    int64_t shown;                  /* displayed there */
    int32_t venue;
    int32_t reserved;
} gm_leg_t;

typedef struct gm_split {
    int64_t placed, residual;
    int32_t count;
    int32_t rest_venue;             /* where the residual would go; -1: there are no legs */
    gm_leg_t legs[GM_SPLIT_MAX];
    uint8_t verdicts[GM_MAX_VENUES];        /* gm_venue_verdict; GM_VENUE_CHOSEN: it has legs */
} gm_split_t;

/* How one venue's part is cut: *pieces orders that share *take; 0 where not all of it can be sent within the venue's sizes. */
static inline int gm_split_sizes(int64_t least, int64_t most, int64_t* take, int64_t* pieces) {
    int64_t n = most > 0 ? (*take + most - 1) / most : 1;
    *pieces = n;
    if (n == 1 || *take / n >= least) return 1;
    *pieces = n - 1;                                        /* a last piece would be too small, and there is no room for it elsewhere */
    *take = (n - 1) * most;
    return 0;
}

static __attribute__((noinline)) void gm_split_marketable(const gm_venues_t* v, const gm_nbbo_t* n, int32_t symbol, int8_t side, int64_t quantity,
                                       int64_t limit_e9, int rest, gm_split_t* out) {
    const gm_quote_t* q = gm_quotes_of(v, symbol);
    const uint64_t needs = GM_NEED_TYPE(GM_LIMIT) | GM_NEED_IOC;
    const int64_t mid = gm_mid(n);
    int64_t prices[GM_MAX_VENUES], costs[GM_MAX_VENUES], left = quantity, bound = GM_NO_PRICE;
    int32_t order[GM_MAX_VENUES], count = 0;
    out->count = 0;
    out->rest_venue = -1;
    for (int32_t i = 0; i < v->count; i++) out->verdicts[i] = GM_VENUE_NO_QUOTE;
    for (uint64_t able = v->count < 64 ? ((uint64_t)1 << v->count) - 1 : ~(uint64_t)0; able; able &= able - 1) {
        const int32_t i = __builtin_ctzll(able);
        const int64_t touch = side > 0 ? q[i].ask_e9 : q[i].bid_e9, shown = side > 0 ? q[i].ask_quantity : q[i].bid_quantity;
        int32_t at;
        if (!(gm_venues_open(v) >> i & 1) || !gm_displays(v, i) || !gm_venue_supports(v, i, needs) || gm_is_off_tick(v, i, touch)) {
            out->verdicts[i] = (uint8_t)gm_bystander(v, symbol, i, quantity, touch, needs, 0);
            continue;
        }
        if (touch <= 0 || shown <= 0) continue;
        if (limit_e9 != GM_NO_PRICE && side * (touch - limit_e9) > 0) {
            out->verdicts[i] = GM_VENUE_WORSE_PRICE;
            continue;
        }
        prices[i] = side * touch;
        costs[i] = gm_take_cost(v, symbol, i, side, mid, touch);
        for (at = count++; at > 0; at--) {                  /* by insertion: there are few */
            const int32_t other = order[at - 1];
            if (prices[other] < prices[i] || (prices[other] == prices[i] && (costs[other] < costs[i]
                || (costs[other] == costs[i] && v->priority[other] <= v->priority[i])))) break;
            order[at] = other;
        }
        order[at] = i;
    }
    for (int32_t k = 0; k < count; k++) {
        const int32_t i = order[k];
        const int64_t touch = side * prices[i], shown = side > 0 ? q[i].ask_quantity : q[i].bid_quantity;
        const int probed = (v->probing >> i) & 1;
        int64_t take = left < shown ? left : shown, pieces, most = v->max_order_size[i];
        int whole;
        if (left == 0 || (bound != GM_NO_PRICE && prices[i] > bound)) {
            out->verdicts[i] = bound != GM_NO_PRICE && prices[i] > bound ? GM_VENUE_WORSE_PRICE : GM_VENUE_COSTLIER;
            continue;
        }
        if (probed && take > v->probe_size) take = v->probe_size;
        if (probed && most > 0 && take > most) take = most;         /* one order */
        if (take < v->min_size[i]) {
            out->verdicts[i] = GM_VENUE_TOO_SMALL;
            continue;
        }
        whole = gm_split_sizes(v->min_size[i], most, &take, &pieces);
        if (pieces > GM_SPLIT_MAX - out->count) {
            pieces = GM_SPLIT_MAX - out->count;
            if (take > pieces * most) take = pieces * most;
            whole = 0;
        }
        if (!whole && !probed) bound = prices[i];
        if (pieces == 0) continue;
        out->verdicts[i] = GM_VENUE_CHOSEN;
        out->rest_venue = i;
        for (int64_t p = 0; p < pieces; p++) {
            const int64_t part = take / pieces + (p < take % pieces);
            out->legs[out->count++] = (gm_leg_t){part, touch, costs[i], shown, i, 0};
        }
        left -= take;
    }
    if (rest && left > 0 && out->count > 0) {
        gm_leg_t* last = &out->legs[out->count - 1];
        if (v->learns)
            for (int32_t k = out->count - 2; k >= 0; k--)
                if (v->learned[(size_t)symbol * GM_MAX_VENUES + out->legs[k].venue].hidden > v->learned[(size_t)symbol * GM_MAX_VENUES + last->venue].hidden)
                    last = &out->legs[k];
        out->rest_venue = last->venue;
        const int64_t most = (v->probing >> last->venue) & 1 ? v->probe_size : v->max_order_size[last->venue];
        const int64_t room = most > 0 ? most - last->quantity : left;
        const int64_t more = room < left ? (room > 0 ? room : 0) : left;
        last->quantity += more;
        left -= more;
    }
    out->residual = left;
    out->placed = quantity - left;
}

#endif
