/* Estimators that are moments or least squares: Kyle, Roll, Glosten-Harris, Amihud, Corwin-Schultz, realised variance. */
#include "estimators.h"

/* Centred moments of pairs, merged block by block (Chan, Golub, LeVeque 1979). */
typedef struct {
    double n, x, y, xx, xy, yy; /* count, means, centred sums of products */
} moments_t;

static void merge(moments_t *all, const double *x, const double *y, ptrdiff_t n)
{
    moments_t b = {(double)n, 0.0, 0.0, 0.0, 0.0, 0.0};
    if (n == 0)
        return;
    for (ptrdiff_t i = 0; i < n; i++) {
        b.x += x[i];
        b.y += y[i];
    }
    b.x /= b.n;
    b.y /= b.n;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double dx = x[i] - b.x, dy = y[i] - b.y;
        b.xx += dx * dx;
        b.xy += dx * dy;
        b.yy += dy * dy;
    }
    const double total = all->n + b.n, dx = b.x - all->x, dy = b.y - all->y, weight = all->n * b.n / total;
    all->xx += b.xx + dx * dx * weight;
    all->xy += b.xy + dx * dy * weight;
    all->yy += b.yy + dy * dy * weight;
    all->x += dx * b.n / total;
    all->y += dy * b.n / total;
    all->n = total;
}

/* in: x, y. result: n, mean x, mean y, centred sums xx, xy, yy. */
int gm_k_line(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    double x_buffer[GM_BLOCK], y_buffer[GM_BLOCK];
    moments_t all = {0};
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *x = gm_doubles(c, 0, i, rows, x_buffer), *y = gm_doubles(c, 1, i, rows, y_buffer);
        if (!x || !y)
            return GM_ESTIMATOR_ROW;
        merge(&all, x, y, rows);
    }
    memcpy(c->result, &all, sizeof all);
    return GM_ESTIMATOR_OK;
}

/* Roll (1984): the covariance of a price change with the one before. in: price. result: pairs, centred sum of products. */
int gm_k_roll(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    double buffer[GM_BLOCK], change[GM_BLOCK + 1], last = 0.0;
    moments_t all = {0};
    ptrdiff_t held = 0; /* change[0] is the last change of the block before, once there is one */
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *p = gm_doubles(c, 0, i, rows, buffer);
        if (!p)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            if (i + j > 0)
                change[held++] = p[j] - last;
            last = p[j];
        }
        if (held > 1) {
            merge(&all, change, change + 1, held - 1);
            change[0] = change[held - 1];
            held = 1;
        }
    }
    c->result[0] = all.n;
    c->result[1] = all.xy;
    return GM_ESTIMATOR_OK;
}

/* Glosten and Harris (1988): dp = c0 dD + c1 d(D v) + z0 D + z1 D v by least squares, rows rotated into a triangle as they
 * come, so that nothing is squared. in: price, quantity, side. result: c0 c1 z0 z1, rank, rows, residual sum of squares. */
int gm_k_glosten_harris(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    double buffer[3][GM_BLOCK], r[4][5] = {{0.0}}, residual = 0.0, p0 = 0.0, d0 = 0.0, v0 = 0.0;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *p = gm_doubles(c, 0, i, rows, buffer[0]), *v = gm_doubles(c, 1, i, rows, buffer[1]);
        const double *d = gm_doubles(c, 2, i, rows, buffer[2]);
        if (!p || !v || !d)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            const double flow = d[j] * v[j];
            if (i + j > 0) {
                double row[5] = {d[j] - d0, flow - v0, d[j], flow, p[j] - p0};
                for (int k = 0; k < 4; k++) {
                    const double length = sqrt(r[k][k] * r[k][k] + row[k] * row[k]);
                    if (row[k] == 0.0 || length == 0.0)
                        continue;
                    const double cosine = r[k][k] / length, sine = row[k] / length;
                    for (int l = k; l < 5; l++) {
                        const double top = r[k][l];
                        r[k][l] = cosine * top + sine * row[l];
                        row[l] = cosine * row[l] - sine * top;
                    }
                }
                residual += row[4] * row[4];
            }
            p0 = p[j];
            d0 = d[j];
            v0 = flow;
        }
    }
    int rank = 0;
    for (int k = 0; k < 4; k++) {
        double norm = 0.0;
        for (int l = 0; l <= k; l++)
            norm += r[l][k] * r[l][k];
        rank += fabs(r[k][k]) > 1e-9 * sqrt(norm);
    }
    for (int k = 3; k >= 0; k--) {
        double x = r[k][4];
        for (int l = k + 1; l < 4; l++)
            x -= r[k][l] * c->result[l];
        c->result[k] = rank == 4 ? x / r[k][k] : NAN;
    }
    c->result[4] = (double)rank;
    c->result[5] = (double)(n > 0 ? n - 1 : 0);
    c->result[6] = residual;
    return GM_ESTIMATOR_OK;
}

/* |log(now / then)|: near 1 as 2 atanh(s), s = (now - then)/(now + then), whose series to s^9 is exact to rounding below
 * |s| = 1/64 and, unlike the quotient, loses nothing of a small difference. */
static void log_returns(const double *now, const double *then, ptrdiff_t n, double *restrict out)
{
    int far = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double s = fabs((now[i] - then[i]) / (now[i] + then[i])), z = s * s;
        out[i] = 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0)))));
        far |= s > 1.0 / 64.0;
    }
    for (ptrdiff_t i = 0; i < n && far; i++)
        if (out[i] > 1.0 / 32.0)
            out[i] = fabs(log(now[i] / then[i]));
}

/* Sum of squares of log(p_i / p_(i - lag)), lag integer[0]. in: price. result: sum, terms, sum of |r_i| |r_(i-1)|. */
int gm_k_returns(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, lag = (ptrdiff_t)c->integer[0];
    double now_buffer[GM_BLOCK], then_buffer[GM_BLOCK], returns[GM_BLOCK + 1] = {0.0};
    gm_kahan_t sum = {0}, pairs = {0};
    if (lag < 1)
        return gm_breaks(c, 0, 0, 'x');
    for (ptrdiff_t i = lag; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *now = gm_doubles(c, 0, i, rows, now_buffer), *then = gm_doubles(c, 0, i - lag, rows, then_buffer);
        double squares = 0.0, products = 0.0; /* of one block: compensation is for the sum of all */
        if (!now || !then)
            return GM_ESTIMATOR_ROW;
        log_returns(now, then, rows, returns + 1);
        for (ptrdiff_t j = 1; j <= rows; j++) {
            squares += returns[j] * returns[j];
            products += returns[j] * returns[j - 1];
        }
        returns[0] = returns[rows];
        gm_add(&sum, squares);
        gm_add(&pairs, products);
    }
    c->result[0] = sum.sum;
    c->result[1] = (double)(n > lag ? n - lag : 0);
    c->result[2] = pairs.sum;
    return GM_ESTIMATOR_OK;
}

/* Amihud (2002). in: return, money traded. result: sum of |r| / money where there is any, how many. */
int gm_k_amihud(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    double return_buffer[GM_BLOCK], money_buffer[GM_BLOCK];
    gm_kahan_t sum = {0};
    int64_t count = 0;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *r = gm_doubles(c, 0, i, rows, return_buffer), *money = gm_doubles(c, 1, i, rows, money_buffer);
        if (!r || !money)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++)
            if (money[j] > 0.0) {
                gm_add(&sum, fabs(r[j]) / money[j]);
                count++;
            }
    }
    c->result[0] = sum.sum;
    c->result[1] = (double)count;
    return GM_ESTIMATOR_OK;
}

/* Corwin and Schultz (2012), days in pairs; with closes, the second day is moved over the gap between the nights. in: high,
 * low, close. out: the spread of each pair, a fraction. result: their mean, negative ones as 0. */
int gm_k_corwin_schultz(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    const double k = 3.0 - 2.0 * 1.4142135623730951;
    double *out = c->out[0], h0 = 0.0, l0 = 0.0, close0 = NAN;
    gm_kahan_t sum = {0};
    for (ptrdiff_t i = 0; i < n; i++) {
        double h, l, close = NAN;
        if (gm_value(c, 0, i, &h) || gm_value(c, 1, i, &l) || (c->in[2].data && gm_value(c, 2, i, &close)))
            return GM_ESTIMATOR_ROW;
        if (l > h)
            return gm_breaks(c, 1, i, 'l');
        if (i > 0) {
            const double gap = close0 < l ? close0 - l : close0 > h ? close0 - h : 0.0; /* a NaN compares false */
            const double h1 = h + gap, l1 = l + gap;
            const double one = log(h0 / l0), two = log(h1 / l1);
            const double both = log((h0 > h1 ? h0 : h1) / (l0 < l1 ? l0 : l1));
            const double beta = one * one + two * two, gamma = both * both;
            const double alpha = (sqrt(2.0 * beta) - sqrt(beta)) / k - sqrt(gamma / k);
            const double spread = 2.0 * tanh(0.5 * alpha); /* 2 (e^alpha - 1)/(1 + e^alpha) */
            out[i - 1] = spread;
            gm_add(&sum, spread > 0.0 ? spread : 0.0);
        }
        h0 = h;
        l0 = l;
        close0 = close;
    }
    c->result[0] = n > 1 ? sum.sum / (double)(n - 1) : NAN;
    return GM_ESTIMATOR_OK;
}
