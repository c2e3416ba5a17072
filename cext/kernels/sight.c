/* What is seen of a market and of one's own order, and what an action asks for: of episodes and of live algorithms. */
#include <math.h>
#include <string.h>
#include "environment.h"

/* ln(a / b) of positive numbers, with the same bits everywhere. */
static double log_ratio(double a, double b) { return a <= b ? gm_log(a / b) : -gm_log(b / a); }

/* ---- the market ---- */

static void hear(gm_sight_t* s, const gm_nbbo_t* n) {
    const int64_t price[2] = {n->bid_e9, n->ask_e9}, quantity[2] = {n->bid_quantity, n->ask_quantity};
    for (int k = 0; k < 2; k++) {
        const int64_t sign = k == 0 ? 1 : -1;
        const int is = price[k] != GM_NO_PRICE, was = s->quantity[k] != 0;
        const int64_t better = !is ? (was ? -1 : 0) : !was ? 1 : sign * (price[k] - s->price_e9[k]);
        if (is && better >= 0) s->ofi += sign * quantity[k];
        if (was && better <= 0) s->ofi -= sign * s->quantity[k];
        s->price_e9[k] = price[k];
        s->quantity[k] = is ? quantity[k] : 0;
    }
}

static void gm_sight_hear(gm_tap_t* tap, const gm_venues_t* v, int32_t symbol, int64_t time_ns) {
    const gm_nbbo_t n = gm_consolidate(v, symbol);
    (void)time_ns;
    hear((gm_sight_t*)tap->self, &n);
}

static void hear_print(gm_tap_t* tap, int64_t price_e9, int64_t quantity, int64_t time_ns) {
    (void)tap; (void)price_e9; (void)quantity; (void)time_ns;
}

void gm_sight_tap(gm_tap_t* tap, gm_sight_t* s) {
    tap->self = s;
    tap->quote = gm_sight_hear;
    tap->print = hear_print;
}

void gm_sight_begin(gm_sight_t* s, const gm_venues_t* v, int32_t symbol) {
    const gm_nbbo_t n = gm_consolidate(v, symbol);
    memset(s, 0, sizeof *s);
    s->symbol = symbol;
    s->mid_e9 = GM_NO_PRICE;
    hear(s, &n);
    s->ofi = 0;
}

/* The interval's order flow imbalance in deviations of those before it. */
static double score(gm_sight_t* s) {
    const double x = (double)s->ofi, off = x - s->ofi_mean;
    const double deviation = s->looks < 3 ? 0.0 : sqrt(s->ofi_squares / (double)(s->looks - 2));
    const double z = deviation > 0.0 ? gm_bound(off / deviation, 10.0) : 0.0;
    s->ofi = 0;
    if (s->looks++ == 0) return 0.0;                        /* before the first look there was no interval */
    s->ofi_mean += off / (double)(s->looks - 1);
    s->ofi_squares += off * (x - s->ofi_mean);
    return z;
}

void gm_sight_look(gm_sight_t* s, gm_market_t* m, int64_t tick_e9) {
    const gm_nbbo_t n = gm_consolidate(m->venues, s->symbol);
    const int64_t mid = gm_mid(&n);
    int64_t rows[4 * GM_SIGHT_LEVELS], depth[2] = {0, 0};
    float* out = s->seen;
    gm_market_levels(m, s->symbol, GM_SIGHT_LEVELS, rows);
    for (int k = 0; k < GM_SIGHT_LEVELS; k++) {
        const int64_t ask = rows[4 * k + 1], bid = rows[4 * k + 3];
        depth[0] += bid;
        depth[1] += ask;
        out[GM_SEEN_IMBALANCE + k] = bid + ask > 0 ? (float)((double)(bid - ask) / (double)(bid + ask)) : 0.0f;
    }
    out[GM_SEEN_DEPTH] = (float)gm_bound(log_ratio((double)(depth[0] + 1), (double)(depth[1] + 1)), 20.0);
    out[GM_SEEN_OFI] = (float)score(s);
    out[GM_SEEN_MICRO] = 0.0f;
    if (mid == GM_NO_PRICE) return;                         /* spread and volatility stay what they were when both sides were there */
    out[GM_SEEN_SPREAD] = (float)gm_bound((double)(n.ask_e9 - n.bid_e9) / (double)mid * 1e4, 1e4);
    out[GM_SEEN_MICRO] = (float)gm_bound((double)(n.ask_e9 - n.bid_e9) * (double)(n.bid_quantity - n.ask_quantity)
                                      / (2.0 * (double)(n.bid_quantity + n.ask_quantity) * (double)tick_e9), 1e4);
    if (s->mid_e9 != GM_NO_PRICE && s->looks > 1) {
        const double move = (double)(mid - s->mid_e9) / (double)s->mid_e9 * 1e4;
        s->squares += move * move;
        s->moves++;
        out[GM_SEEN_VOLATILITY] = (float)gm_bound(s->volatility = sqrt(s->squares / (double)s->moves), 1e4);
    }
    s->mid_e9 = mid;
}

/* ---- the order ---- */

static double hyperbolic_sine(double x) { return 0.5 * (gm_exp(x) - gm_exp(-x)); }

double gm_plan_left(double kappa, double time) {
    if (time >= 1.0) return 0.0;
    return kappa < 1e-4 ? 1.0 - time : hyperbolic_sine(kappa * (1.0 - time)) / hyperbolic_sine(kappa);
}

double gm_plan_slice(double kappa, double time, double until) {
    const double left = gm_plan_left(kappa, time);
    return left > 0.0 ? 1.0 - gm_plan_left(kappa, until) / left : 1.0;
}

void gm_observe(const gm_sight_t* s, const gm_order_t* p, double kappa, double time, int64_t volume, double fill, float* out) {
    const double quantity = (double)p->quantity, filled = (double)p->filled_quantity;
    memcpy(out, s->seen, sizeof s->seen);
    out[GM_SEEN_TIME] = (float)time;
    out[GM_SEEN_INVENTORY] = (float)(1.0 - filled / quantity);
    out[GM_SEEN_SIDE] = (float)p->side;
    out[GM_SEEN_RETURN] = s->mid_e9 == GM_NO_PRICE || p->arrival_mid_e9 == GM_NO_PRICE ? 0.0f
        : (float)gm_bound((double)(s->mid_e9 - p->arrival_mid_e9) / (double)p->arrival_mid_e9 * 1e4, 1e4);
    out[GM_SEEN_POV] = volume > 0 ? (float)(filled < (double)volume ? filled / (double)volume : 1.0) : 0.0f;
    out[GM_SEEN_GAP] = (float)(filled / quantity - (1.0 - gm_plan_left(kappa, time)));
    out[GM_SEEN_FILL] = (float)fill;
}

static int64_t down(int64_t price, int64_t tick) { return price - price % tick; }

void gm_intend(const gm_nbbo_t* n, int8_t side, int64_t tick, int64_t remaining, double slice, double pace, int32_t place, double reach, gm_intent_t* out) {
    const int64_t near = side > 0 ? n->bid_e9 : n->ask_e9, far = side > 0 ? n->ask_e9 : n->bid_e9, mid = gm_mid(n);
    const double asked = pace * slice * (double)remaining + 0.5;
    int64_t price = near;
    out->quantity = asked < (double)remaining ? (int64_t)asked : remaining;
    out->takes = 0;
    out->price_e9 = GM_NO_PRICE;
    if (remaining <= 0) {
        out->quantity = 0;
        return;
    }
    if (place == GM_PLACE_REACH && mid == GM_NO_PRICE) place = GM_PLACE_POST;
    if (place == GM_PLACE_CROSS) {
        out->takes = 1;
        if (far == GM_NO_PRICE) out->quantity = 0;
        else out->price_e9 = side > 0 ? down(far + far / GM_TAKE_BEYOND, tick) : down(far - far / GM_TAKE_BEYOND + tick - 1, tick);
        return;
    }
    if (near == GM_NO_PRICE) {                              /* nobody to stand beside */
        out->quantity = 0;
        return;
    }
    if (place == GM_PLACE_REACH) {
        /* Doubled and scaled: (ask - bid) * reach / 2 off the mid, brought to the tick away from the other side. */
        const double off = (double)(n->ask_e9 - n->bid_e9) * 0.5 * (reach < -1.0 ? -1.0 : reach > 1.0 ? 1.0 : reach);
        const int64_t wanted = mid + side * (int64_t)off;
        price = side > 0 ? down(wanted, tick) : down(wanted + tick - 1, tick);
        if (reach >= 1.0) price = far;
    } else if (far != GM_NO_PRICE && place == GM_PLACE_IMPROVE) {
        price = side * (far - (near + side * tick)) > 0 ? near + side * tick : near;
    } else if (far != GM_NO_PRICE && place == GM_PLACE_MID) {
        price = side > 0 ? down(mid, tick) : down(mid + tick - 1, tick);
        if (side * (far - price) <= 0) price = near;        /* locked or crossed */
    }
    if (price <= 0) out->quantity = 0;
    out->takes = far != GM_NO_PRICE && side * (price - far) >= 0;
    out->price_e9 = price;
}
