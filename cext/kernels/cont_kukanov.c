/* The solutions of cont_kukanov.h. */
#include <math.h>
#include <string.h>
#include "cont_kukanov.h"

#define G GM_CK_GRID

/* ---- within the size: water filling ---- */

static double level_of(const gm_ck_terms_t* t, const gm_ck_venue_t* v, double mu) {     /* p_k at marginal cost mu */
    return (t->under + t->theta - mu) / (t->under + t->theta + t->half_spread + v->rebate);
}

static double placed_at(const gm_ck_terms_t* t, const gm_ck_venue_t* v, double mu) {
    const double p = level_of(t, v, mu);
    const double l = p <= 0.0 ? t->size : p >= 1.0 ? 0.0 : -v->mean * log(p) - v->queue;
    return l < 0.0 ? 0.0 : l > t->size ? t->size : l;
}

void gm_ck_within(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, int takes, double* market, double* limits) {
    const double dearest = t->under + t->theta, fee = t->half_spread + t->take_fee;
    double low, high = dearest, sum = 0.0, mu;
    *market = 0.0;
    for (int32_t k = 0; k < count; k++) limits[k] = 0.0;
    if (takes && count > 0 && fee < dearest) {               /* what is dearer to post than to take is taken */
        for (int32_t k = 0; k < count; k++) sum += placed_at(t, &v[k], fee);
        if (sum <= t->size) {
            for (int32_t k = 0; k < count; k++) limits[k] = placed_at(t, &v[k], fee);
            *market = t->size - sum;
            return;
        }
        high = fee;
    }
    if (count == 0) {
        *market = takes ? t->size : 0.0;
        return;
    }
    low = -t->half_spread;
    for (int32_t k = 0; k < count; k++)
        if (-t->half_spread - v[k].rebate < low) low = -t->half_spread - v[k].rebate;
    for (int round = 0; round < 64; round++) {              /* the sum rises with mu */
        mu = 0.5 * (low + high);
        sum = 0.0;
        for (int32_t k = 0; k < count; k++) sum += placed_at(t, &v[k], mu);
        if (sum < t->size) low = mu; else high = mu;
        if (fabs(sum - t->size) <= 1e-9 * t->size) break;
    }
    sum = 0.0;
    for (int32_t k = 0; k < count; k++) sum += limits[k] = placed_at(t, &v[k], high);
    for (int32_t k = 0; k < count; k++) limits[k] = sum > 0.0 ? limits[k] * (t->size / sum) : t->size / count;
}

/* ---- beyond the size ---- */

/* in * the law of a venue's fill; masses at 0, dx .. G dx, what is beyond is left out. Cells keep mass and mean: an exponential piece of length dx
 * from y on has its mass at y and y + dx. */
static void fold(const double* in, const gm_ck_venue_t* v, double limit, double dx, double* out) {
    const double c = exp(-dx / v->mean), reach = exp(-v->queue / v->mean), s = (1.0 - c) * reach;
    const double w = v->mean / dx - c / (1.0 - c);          /* mean place in a cell */
    const int32_t j = (int32_t)(limit / dx);
    const double cut = exp(-(double)j * dx / v->mean), rest = reach * cut;
    const double u = v->mean * (1.0 - exp(-(limit - (double)j * dx) / v->mean)) / dx;
    double h = 0.0, before = 0.0;
    for (int32_t i = 0; i <= G; i++) {
        h = c * h + s * in[i];
        if (i >= j) h -= s * cut * in[i - j];
        out[i] = (1.0 - reach) * in[i] + (1.0 - w) * h + w * before;
        if (i >= j) out[i] += rest * (1.0 - u) * in[i - j];
        if (i > j) out[i] += rest * u * in[i - j - 1];
        before = h;
    }
}

static void cumulate(const double* mass, double* sum) {
    double s = 0.0;
    for (int32_t i = 0; i <= G; i++) sum[i] = s += mass[i];
}

/* The law's function at x of the sum of two independent parts, one by masses, one cumulated; linear between places. */
static double below(const double* mass, const double* cumulated, double x, double dx) {
    const double at = x / dx;
    double low[4] = {0, 0, 0, 0}, high[4] = {0, 0, 0, 0}, part;
    int32_t n, i = 0;
    if (at <= 0.0) return 0.0;
    n = (int32_t)at < G ? (int32_t)at : G;
    part = n == G ? 0.0 : at - n;
    for (; i + 3 <= n; i += 4)
        for (int32_t k = 0; k < 4; k++) {
            low[k] += mass[i + k] * cumulated[n - i - k];
            high[k] += mass[i + k] * cumulated[n + 1 - i - k];
        }
    for (; i <= n; i++) {
        low[0] += mass[i] * cumulated[n - i];
        high[0] += mass[i] * cumulated[n + 1 - i];
    }
    if (n < G) high[0] += mass[n + 1] * cumulated[0];
    for (int32_t k = 1; k < 4; k++) { low[0] += low[k]; high[0] += high[k]; }
    return part == 0.0 ? low[0] : (1.0 - part) * low[0] + part * high[0];
}

typedef struct piece { const gm_ck_terms_t* t; const gm_ck_venue_t* v; const double *mass, *cumulated; double room, dx; } piece_t;

/* The sign of the cost's derivative in L_k, divided by P(xi > Q + L): rises with L. */
static double slope(const piece_t* p, double l) {
    const double c = p->t->over - p->t->half_spread - p->v->rebate, all = p->t->under + p->t->over + p->t->theta;
    return p->t->theta * exp((p->v->queue + l) / p->v->mean) + c - all * below(p->mass, p->cumulated, p->room - l, p->dx);
}

static double rooted(const piece_t* p, double guess, double most, double width) {
    double a = 0.0, b = most, fa, fb;
    int side = 0;
    if ((fa = slope(p, 0.0)) >= 0.0) return 0.0;
    if ((fb = slope(p, most)) <= 0.0) return most;
    if (guess > 4.0 * width && guess < most - 4.0 * width) {        /* close to the last round's */
        const double l = guess - 4.0 * width, h = guess + 4.0 * width, fl = slope(p, l), fh = slope(p, h);
        if (fl < 0.0) { a = l; fa = fl; } else { b = l; fb = fl; }
        if (fh > 0.0 && h < b) { b = h; fb = fh; } else if (fh <= 0.0 && h > a) { a = h; fa = fh; }
    }
    for (int round = 0; round < 60 && b - a > width * 0.25; round++) {      /* Illinois */
        const double x = (fa * b - fb * a) / (fa - fb), y = isfinite(x) && x > a && x < b ? x : 0.5 * (a + b), fy = slope(p, y);
        if (fy > 0.0) { b = y; fb = fy; if (side == 1) fa *= 0.5; side = 1; }
        else { a = y; fa = fy; if (side == -1) fb *= 0.5; side = -1; }
        if (fy == 0.0) return y;
    }
    return 0.5 * (a + b);
}

/* Cyclic coordinate descent from (market, limits) on. */
static void descend(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, double tolerance, int32_t most, double* market, double* limits) {
    const double dx = t->size / G, all = t->under + t->over + t->theta, a = (t->half_spread + t->take_fee + t->over + t->theta) / all;
    double after[GM_CK_VENUES + 1][G + 2], before[2][G + 2];        /* laws of the fills of k.., cumulated; of ..k, masses */
    double masses[G + 2];
    for (int32_t round = 1; round <= most; round++) {
        double moved = 0.0;
        int now = 0;
        memset(masses, 0, sizeof masses);
        memset(before, 0, sizeof before);
        masses[0] = before[0][0] = 1.0;
        after[count][G + 1] = 1.0;
        cumulate(masses, after[count]);
        for (int32_t k = count - 1; k >= 1; k--) {
            double next[G + 2];
            fold(masses, &v[k], limits[k], dx, next);
            memcpy(masses, next, sizeof masses);
            cumulate(masses, after[k]);
            after[k][G + 1] = after[k][G];
        }
        for (int32_t k = 0; k < count; k++) {
            const piece_t p = {t, &v[k], before[now], after[k + 1], t->size - *market, dx};
            const double l = rooted(&p, limits[k], t->size, tolerance * t->size);
            if (fabs(l - limits[k]) > moved) moved = fabs(l - limits[k]);
            limits[k] = l;
            fold(before[now], &v[k], l, dx, before[!now]);
            now = !now;
        }
        {                                                   /* M: the a-quantile of the fills is S - M */
            double sum = 0.0, m = 0.0;
            for (int32_t i = 0; i <= G; i++) {
                const double mass = before[now][i];
                if (sum + mass >= a) {
                    const double at = i == 0 ? 0.0 : i - 1 + (a - sum) / mass;
                    m = t->size - at * dx;
                    break;
                }
                sum += mass;
            }
            if (fabs(m - *market) > moved) moved = fabs(m - *market);
            *market = m;
        }
        if (moved <= tolerance * t->size) return;
    }
}

/* Tries (market, limits) with `step` moved: from place a to place b, place 0 the market, k + 1 limit k, -1 nowhere. */
static double shifted(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, int32_t a, int32_t b, double step, double* x) {
    double cost;
    if (a >= 0 && x[a] < step) step = x[a];
    if (b >= 0 && x[b] + step > t->size) step = t->size - x[b];
    if (step <= 0.0) return INFINITY;
    if (a >= 0) x[a] -= step;
    if (b >= 0) x[b] += step;
    cost = gm_ck_cost(t, v, count, x[0], x + 1);
    return cost;
}

int32_t gm_ck_beyond(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, double tolerance, int32_t most, double* market, double* limits) {
    double x[GM_CK_VENUES + 1], y[GM_CK_VENUES + 1], best, cost, step = t->size * 0.125;
    int32_t rounds = 0;
    gm_ck_within(t, v, count, 1, x, x + 1);
    best = gm_ck_cost(t, v, count, x[0], x + 1);
    for (int start = 0; start < 4; start++) {               /* the cost is not convex: a part taken, the rest posted everywhere */
        for (int32_t k = 0; k <= count; k++) y[k] = t->size * 0.25 * (k == 0 ? start : 4 - start);
        if (start == 0) descend(t, v, count, 0.01, 8, &y[0], &y[1]);
        if ((cost = gm_ck_cost(t, v, count, y[0], y + 1)) < best) {
            best = cost;
            memcpy(x, y, sizeof x);
        }
    }
    /* What descent by coordinates does not see: an exchange between the market and a limit order, over ever smaller steps. */
    for (; step >= tolerance * t->size && rounds < most; rounds++) {
        int better = 0;
        for (int32_t k = 0; k <= count; k++)
            for (int32_t way = 0; way < (k == 0 ? 2 : 4); way++) {
                const int32_t from = way == 0 ? k : way == 1 ? -1 : way == 2 ? 0 : k, to = way == 0 ? -1 : way == 1 ? k : way == 2 ? k : 0;
                memcpy(y, x, sizeof y);
                cost = shifted(t, v, count, from, to, step, y);
                if (cost < best - 1e-12 * t->size) {
                    best = cost;
                    memcpy(x, y, sizeof x);
                    better = 1;
                }
            }
        if (!better) step *= 0.5;
    }
    *market = x[0];
    memcpy(limits, x + 1, (size_t)count * sizeof *limits);
    return step < tolerance * t->size ? rounds : -rounds;
}

double gm_ck_cost(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, double market, const double* limits) {
    const double dx = t->size / G;
    double masses[G + 2] = {1.0}, next[G + 2], fills = 0.0, under = 0.0, cost = (t->half_spread + t->take_fee + t->theta) * market;
    for (int32_t k = 0; k < count; k++) {
        const double fill = v[k].mean * (exp(-v[k].queue / v[k].mean) - exp(-(v[k].queue + limits[k]) / v[k].mean));
        cost += t->theta * limits[k] - (t->half_spread + v[k].rebate) * fill;
        fills += fill;
        fold(masses, &v[k], limits[k], dx, next);
        memcpy(masses, next, sizeof masses);
    }
    {
        double sum = market;
        for (int32_t k = 0; k < count; k++) sum += limits[k];
        if (sum <= t->size * (1.0 + 1e-12)) return cost + (t->under + t->theta) * (t->size - market - fills);       /* A is never above S */
    }
    for (int32_t i = 0; i <= G; i++)
        if (t->size - market - i * dx > 0.0) under += masses[i] * (t->size - market - i * dx);
    return cost + (t->under + t->theta) * under + t->over * (market + fills - t->size + under);     /* (A - S)+ = A - S + (S - A)+ */
}
