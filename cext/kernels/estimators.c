/* Estimators over quotes and levels; the table of all of them; reading columns. */
#include "estimators.h"

/* ---- reading columns ------------------------------------------------------------------------------------------- */

static int keeps(char rule, double x)
{
    switch (rule) {
    case 'f': return isfinite(x);
    case 'm': return isnan(x) || (x > 0.0 && x < INFINITY);
    case 'n': return isnan(x) || (x >= 0.0 && x < INFINITY);
    case 'p': return x > 0.0 && x < INFINITY;
    case 'z': return x >= 0.0 && x < INFINITY;
    case 'u': return x >= 0.0 && x <= 1.0;
    case 's': return x == 1.0 || x == -1.0;
    case 't': return x == 1.0 || x == -1.0 || x == 0.0;
    default: return !isinf(x);
    }
}

/* Whether the rule may be broken somewhere: one comparison a cell, without a branch. */
static int suspect(char rule, const double *x, ptrdiff_t n)
{
    int bad = 0;
    ptrdiff_t i;
    switch (rule) {
    case 'm': for (i = 0; i < n; i++) bad |= (x[i] <= 0.0) | (x[i] > 1.7e308); break;
    case 'n': for (i = 0; i < n; i++) bad |= (x[i] < 0.0) | (x[i] > 1.7e308); break;
    case 'p': for (i = 0; i < n; i++) bad |= !(x[i] > 0.0) | (x[i] > 1.7e308); break;
    case 'z': for (i = 0; i < n; i++) bad |= !(x[i] >= 0.0) | (x[i] > 1.7e308); break;
    case 'f': for (i = 0; i < n; i++) bad |= !(fabs(x[i]) <= 1.7e308); break;
    case 'a': for (i = 0; i < n; i++) bad |= fabs(x[i]) > 1.7e308; break;
    default: bad = 1;
    }
    return bad;
}

const double *gm_doubles(gm_estimator_call_t *c, int k, ptrdiff_t row, ptrdiff_t count, double *buffer)
{
    const gm_column_t *column = &c->in[k];
    const double *cells = buffer;
    const char *at = column->data + row * column->stride;
    const ptrdiff_t width = column->width;
    if (column->type == 'd' && column->step == 8 && column->stride == 8 * width && (uintptr_t)at % 8 == 0) {
        cells = (const double *)(const void *)at;
    } else if (width == 1 && column->type == 'q') {
        for (ptrdiff_t i = 0; i < count; i++, at += column->stride) {
            int64_t x;
            memcpy(&x, at, sizeof x);
            buffer[i] = x == INT64_MIN ? NAN : (double)x;
        }
    } else if (width == 1 && column->type == 'd') {
        for (ptrdiff_t i = 0; i < count; i++, at += column->stride)
            memcpy(&buffer[i], at, sizeof(double));
    } else {
        for (ptrdiff_t i = 0, j = 0; j < count; i++)
            for (ptrdiff_t cell = 0; cell < width; cell++)
                buffer[j++] = gm_cell(column, row + i, cell);
    }
    if (suspect(column->rule, cells, count))
        for (ptrdiff_t i = 0; i < count; i++)
            if (!keeps(column->rule, cells[i])) {
                gm_bad(c, k, row + i / width, i % width);
                return NULL;
            }
    return cells;
}

int gm_value(gm_estimator_call_t *c, int k, ptrdiff_t row, double *value)
{
    *value = gm_cell(&c->in[k], row, 0);
    return keeps(c->in[k].rule, *value) ? GM_ESTIMATOR_OK : gm_bad(c, k, row, 0);
}

const int64_t *gm_integers(gm_estimator_call_t *c, int k, ptrdiff_t row, ptrdiff_t count, int64_t *buffer)
{
    const gm_column_t *column = &c->in[k];
    int64_t before = row ? gm_integer(column, row - 1) : INT64_MIN;
    int disorder = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        buffer[i] = gm_integer(column, row + i);
        disorder |= buffer[i] < before;
        before = buffer[i];
    }
    if (disorder) {
        before = row ? gm_integer(column, row - 1) : INT64_MIN;
        for (ptrdiff_t i = 0; i < count; before = buffer[i++])
            if (buffer[i] < before) {
                gm_bad(c, k, row + i, 0);
                return NULL;
            }
    }
    return buffer;
}

/* ---- quotes ---------------------------------------------------------------------------------------------------- */

/* integer[0]: what. 0 imbalance (qb - qa)/(qb + qa), 0 where both are 0; 1 weighted mid (qa b + qb a)/(qa + qb), the mid
 * where both are 0; 2 quoted spread (a - b)/m in bp. in: bid, ask, bid quantity, ask quantity. */
static int quotes(gm_estimator_call_t *c)
{
    double buffer[4][GM_BLOCK];
    const double *column[4] = {0};
    double *out = c->out[0];
    const int what = (int)c->integer[0];
    const ptrdiff_t n = what == 0 ? c->in[2].rows : c->in[0].rows;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t m = gm_at_most(n - i, GM_BLOCK);
        for (int k = what == 0 ? 2 : 0; k < (what == 2 ? 2 : 4); k++)
            if ((column[k] = gm_doubles(c, k, i, m, buffer[k])) == NULL)
                return GM_ESTIMATOR_ROW;
        const double *b = column[0], *a = column[1], *qb = column[2], *qa = column[3];
        if (what == 0)
            for (ptrdiff_t j = 0; j < m; j++) {
                const double sum = qb[j] + qa[j];
                out[i + j] = (qb[j] - qa[j]) / (sum == 0.0 ? 1.0 : sum);
            }
        else if (what == 1)
            for (ptrdiff_t j = 0; j < m; j++) {
                const double sum = qb[j] + qa[j];
                out[i + j] = sum == 0.0 ? 0.5 * (a[j] + b[j]) : (qa[j] * b[j] + qb[j] * a[j]) / sum;
            }
        else
            for (ptrdiff_t j = 0; j < m; j++)
                out[i + j] = 2e4 * (a[j] - b[j]) / (a[j] + b[j]);
    }
    return GM_ESTIMATOR_OK;
}

/* How long what stood, between integer[0] and integer[1] (ns). in: time, bid, ask. result: the integral of the spread in
 * bp and in price over the time with 0 < bid < ask, that time, the time locked or crossed, the time without a quote or
 * with one side only (all in ns), the integral of the mid over the time with both sides, that time. */
static int standing(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    const int64_t begin = c->integer[0], end = c->integer[1];
    int64_t time[GM_BLOCK];
    double bid_buffer[GM_BLOCK], ask_buffer[GM_BLOCK];
    gm_kahan_t bps = {0}, price = {0}, mid = {0};
    int64_t open_ns = 0, locked_ns = 0, missing_ns = 0, from = begin;
    double b = NAN, a = NAN;
    for (ptrdiff_t i = 0; i <= n; i += GM_BLOCK) {
        const ptrdiff_t m = gm_at_most(n - i, GM_BLOCK);
        const int64_t *t = gm_integers(c, 0, i, m, time);
        const double *bid = gm_doubles(c, 1, i, m, bid_buffer), *ask = gm_doubles(c, 2, i, m, ask_buffer);
        if (!t || !bid || !ask)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j <= m; j++) {
            if (j == m && i + m < n)
                break;
            int64_t to = j == m ? end : t[j];
            to = to > end ? end : to;
            if (to > from) {
                const double held = (double)(to - from);
                if (!(b > 0.0 && a > 0.0)) {
                    missing_ns += to - from;
                } else {
                    gm_add(&mid, 0.5 * (a + b) * held);
                    if (a > b) {
                        open_ns += to - from;
                        gm_add(&price, (a - b) * held);
                        gm_add(&bps, 2e4 * (a - b) / (a + b) * held);
                    } else {
                        locked_ns += to - from;
                    }
                }
                from = to;
            }
            if (j < m) {
                b = bid[j];
                a = ask[j];
            }
        }
    }
    c->result[0] = bps.sum;
    c->result[1] = price.sum;
    c->result[2] = (double)open_ns;
    c->result[3] = (double)locked_ns;
    c->result[4] = (double)missing_ns;
    c->result[5] = mid.sum;
    return GM_ESTIMATOR_OK;
}

/* One row of w levels against the row before it. A comparison with NaN is false: what is absent neither keeps nor improves
 * its price, and what was absent takes nothing away. */
static void flow_row(ptrdiff_t w, const double *const now[4], const double *const before[4], double *restrict out)
{
    const double *b = now[0], *qb = now[1], *a = now[2], *qa = now[3];
    const double *b0 = before[0], *qb0 = before[1], *a0 = before[2], *qa0 = before[3];
    for (ptrdiff_t l = 0; l < w; l++) {
        const double x = qb[l], x0 = qb0[l], y = qa[l], y0 = qa0[l];
        const double bid_in = (b[l] == b[l]) & !(b[l] < b0[l]) ? x : 0.0;
        const double bid_out = (b0[l] == b0[l]) & !(b[l] > b0[l]) ? x0 : 0.0;
        const double ask_in = (a[l] == a[l]) & !(a[l] > a0[l]) ? y : 0.0;
        const double ask_out = (a0[l] == a0[l]) & !(a[l] < a0[l]) ? y0 : 0.0;
        out[l] = bid_in - bid_out - ask_in + ask_out;
    }
}

/* Order flow imbalance of each level, Cont, Kukanov, Stoikov (2014) 2.1, row against row before. in: bid, bid quantity,
 * ask, ask quantity, n rows of w levels; out: (n - 1) x w. A side that is not there is a price behind all others. */
static int order_flow(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, w = c->in[0].width, rows = w ? GM_BLOCK / w : 0;
    double *out = c->out[0], buffer[4][GM_BLOCK], last[4][GM_BLOCK];
    if (rows == 0)
        return gm_breaks(c, 0, 0, 'x');
    for (ptrdiff_t i = 0; i < n; i += rows) {
        const ptrdiff_t cells = gm_at_most(n - i, rows) * w;
        const double *now[4], *before[4], *next[4];
        for (int k = 0; k < 4; k++) {
            if ((now[k] = gm_doubles(c, k, i, cells, buffer[k])) == NULL)
                return GM_ESTIMATOR_ROW;
            before[k] = last[k];
            next[k] = now[k] + w;
        }
        if (i > 0)
            flow_row(w, now, before, out + (i - 1) * w);
        flow_row(cells - w, next, now, out + i * w); /* within the block cell j follows cell j - w */
        for (int k = 0; k < 4; k++)
            memcpy(last[k], now[k] + cells - w, (size_t)w * sizeof(double));
    }
    return GM_ESTIMATOR_OK;
}

/* sum of weight times q, what is NaN left out; by four sums, levels taken in turn. */
static double weighted(const double *weight, const double *q, ptrdiff_t w)
{
    double sum[4] = {0.0, 0.0, 0.0, 0.0};
    ptrdiff_t l = 0;
    for (; l + 4 <= w; l += 4)
        for (int k = 0; k < 4; k++) {
            const double part = weight[l + k] * q[l + k];
            sum[k] += part == part ? part : 0.0;
        }
    for (int k = 0; l < w; l++, k++) {
        const double part = weight[l] * q[l];
        sum[k] += part == part ? part : 0.0;
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* (sum w_l qb_l - sum w_l qa_l) / their sum. in: bid quantity, ask quantity (n x w), weights (w) or, with integer[0],
 * bid, ask (n x w) for the weights 1/(1 + ticks from the touch), number[0] the tick. A NaN quantity is none. */
static int depth_imbalance(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, w = c->in[0].width, rows = w ? GM_BLOCK / w : 0;
    const int by_ticks = c->integer[0] != 0;
    double *out = c->out[0], buffer[4][GM_BLOCK], weight[GM_BLOCK];
    if (rows == 0)
        return gm_breaks(c, 0, 0, 'x');
    for (ptrdiff_t l = 0; l < w && !by_ticks; l++)
        weight[l] = gm_cell(&c->in[2], l, 0);
    for (ptrdiff_t i = 0; i < n; i += rows) {
        const ptrdiff_t many = gm_at_most(n - i, rows);
        const double *q[2], *p[2] = {NULL, NULL};
        for (int k = 0; k < 2; k++) {
            if ((q[k] = gm_doubles(c, k, i, many * w, buffer[k])) == NULL)
                return GM_ESTIMATOR_ROW;
            if (by_ticks && (p[k] = gm_doubles(c, 3 + k, i, many * w, buffer[2 + k])) == NULL)
                return GM_ESTIMATOR_ROW;
        }
        for (ptrdiff_t j = 0; j < many; j++) {
            double side[2];
            for (int k = 0; k < 2; k++) {
                if (by_ticks) {
                    const double *price = p[k] + j * w;
                    ptrdiff_t touch = 0;
                    while (touch < w - 1 && price[touch] != price[touch])
                        touch++;
                    for (ptrdiff_t l = 0; l < w; l++)
                        weight[l] = 1.0 / (1.0 + fabs(price[l] - price[touch]) / c->number[0]);
                }
                side[k] = weighted(weight, q[k] + j * w, w);
            }
            const double sum = side[0] + side[1];
            out[i + j] = sum > 0.0 ? (side[0] - side[1]) / sum : 0.0;
        }
    }
    return GM_ESTIMATOR_OK;
}

/* Taking a quantity from levels, best first. in: price, quantity (n x w), what is wanted (n). out, each (n): average price
 * of what is there, marginal price, quantity that is not there. A level without price or quantity is passed over. */
static int walk(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, w = c->in[0].width;
    double *average = c->out[0], *marginal = c->out[1], *unfilled = c->out[2];
    double buffer[3][GM_BLOCK];
    if (w > GM_BLOCK)
        return gm_breaks(c, 0, 0, 'x');
    for (ptrdiff_t i = 0; i < n; i++) {
        const double *p = gm_doubles(c, 0, i, w, buffer[0]), *q = gm_doubles(c, 1, i, w, buffer[1]);
        const double *wanted = gm_doubles(c, 2, i, 1, buffer[2]);
        if (!p || !q || !wanted)
            return GM_ESTIMATOR_ROW;
        double left = *wanted, paid = 0.0, first = NAN, last = NAN;
        for (ptrdiff_t l = 0; l < w && left > 0.0; l++) {
            if (!(p[l] > 0.0) || !(q[l] > 0.0))
                continue;
            const double taken = q[l] < left ? q[l] : left;
            if (first != first)
                first = p[l];
            last = p[l];
            paid += (last - first) * taken; /* differences: exact where all is taken at the touch */
            left = q[l] < left ? left - q[l] : 0.0;
        }
        average[i] = first + paid / (*wanted - left);
        marginal[i] = last;
        unfilled[i] = left;
    }
    return GM_ESTIMATOR_OK;
}

/* ---- micro-price ----------------------------------------------------------------------------------------------- */

typedef struct {
    double tick;
    int64_t buckets, spreads;
} grid_t;

/* Bucket of the imbalance qb/(qb + qa) times spreads + spread in ticks - 1; -1 outside the grid. */
static int64_t state_of(const grid_t *g, double b, double a, double qb, double qa)
{
    const double ticks = (a - b) / g->tick, share = qb / (qb + qa);
    if (!(ticks > 0.5) || !(ticks < (double)g->spreads + 0.5) || !(share >= 0.0))
        return -1;
    int64_t bucket = (int64_t)(share * (double)g->buckets);
    bucket = bucket < g->buckets ? bucket : g->buckets - 1;
    return bucket * g->spreads + (int64_t)(ticks + 0.5) - 1;
}

/* integer: buckets, spreads, moves; number[0]: tick. in: bid, ask, bid quantity, ask quantity. With out[3] (int64, states):
 * counts, out[0] no move (states x states), out[1] moves by half ticks (states x 2 moves), out[2] state after a move;
 * result: rows used, transitions outside the grid. Without: out[0] of n rows = mid + table[state], in[4] the table. */
static int micro_price(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    const grid_t g = {c->number[0], c->integer[0], c->integer[1]};
    const int64_t moves = c->integer[2], states = g.buckets * g.spreads;
    int64_t *stay = c->out[1] ? c->out[0] : NULL, *move = c->out[1], *after = c->out[2];
    double *price = c->out[3];
    if (price ? c->in[4].data == NULL || c->in[4].rows != states : c->out_rows[0] != states || c->out_width[1] != 2 * moves)
        return gm_breaks(c, 0, 0, 'x');
    double buffer[4][GM_BLOCK], mid_before = 0.0;
    int64_t state_before = -1, used = 0, outside = 0;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t m = gm_at_most(n - i, GM_BLOCK);
        const double *column[4];
        for (int k = 0; k < 4; k++)
            if ((column[k] = gm_doubles(c, k, i, m, buffer[k])) == NULL)
                return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < m; j++) {
            const double b = column[0][j], a = column[1][j];
            const int64_t state = state_of(&g, b, a, column[2][j], column[3][j]);
            if (price) {
                price[i + j] = state < 0 ? NAN : 0.5 * (b + a) + gm_cell(&c->in[4], (ptrdiff_t)state, 0);
                continue;
            }
            if (i + j > 0) {
                const double halves = (b + a - mid_before) / g.tick;
                if (state < 0 || state_before < 0 || !(fabs(halves) < (double)moves + 0.5)) {
                    outside++;
                } else {
                    const int64_t k = (int64_t)floor(halves + 0.5);
                    used++;
                    if (k == 0) {
                        stay[state_before * states + state]++;
                    } else {
                        move[state_before * 2 * moves + (k < 0 ? k + moves : k + moves - 1)]++;
                        after[state_before * states + state]++;
                    }
                }
            }
            state_before = state;
            mid_before = b + a;
        }
    }
    c->result[0] = (double)used;
    c->result[1] = (double)outside;
    return GM_ESTIMATOR_OK;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

const gm_estimator_t gm_estimators[] = {
    {"quotes", quotes, "n1?n1?n1?n1?", "dn1", 0, 1, 0},
    {"standing", standing, "N1n1n1", "", 0, 2, 6},
    {"order_flow", order_flow, "nwnwnwnw", "dow", 0, 0, 0},
    {"depth_imbalance", depth_imbalance, "nwnww1?nw?nw?", "dn1", 1, 1, 0},
    {"walk", walk, "nwnwn1", "dn1dn1dn1", 0, 0, 0},
    {"micro_price", micro_price, "n1n1n1n1s1?", "lss?lsv?lss?dn1?", 1, 3, 2},
    {"line", gm_k_line, "n1n1", "", 0, 0, 6},
    {"roll", gm_k_roll, "n1", "", 0, 0, 2},
    {"glosten_harris", gm_k_glosten_harris, "n1n1n1", "", 0, 0, 7},
    {"returns", gm_k_returns, "n1", "", 0, 1, 3},
    {"amihud", gm_k_amihud, "n1n1", "", 0, 0, 2},
    {"corwin_schultz", gm_k_corwin_schultz, "n1n1n1?", "do1", 0, 0, 1},
    {"pin", gm_k_pin, "n1n1", "", 5, 1, 6},
    {"hawkes", gm_k_hawkes, "n1", "", 5, 2, 5},
    {"intensity", gm_k_intensity, "n1m1", "dm1", 4, 1, 0},
    {"propagator", gm_k_propagator, "n1", "", 3, 1, 1},
    {"impact", gm_k_impact, "n1n1n1n1?n1?", "dn1", 5, 1, 0},
    {"as_of", gm_k_as_of, "N1M1m1m1?", "dn1", 0, 3, 0},
    {"classify", gm_k_classify, "n1N1?M1?m1?m1?", "bn1", 0, 0, 0},
    {"trade_spreads", gm_k_trade_spreads, "n1n1n1n1n1?", "dn1?dn1?dn1?", 0, 0, 8},
    {"horizons", gm_k_horizons, "N1n1n1n1?M1m1m1H1", "dhk", 0, 1, 3},
    {"flow", gm_k_flow, "N1n1n1n1", "dk1dk1dk1dk1", 0, 2, 1},
    {"bulk", gm_k_bulk, "n1n1", "dn1", 1, 0, 0},
    {"buckets", gm_k_buckets, "n1n1", "dk1", 2, 0, 2},
    {"sessions", gm_k_sessions, "N1n1D1D1", "ddk", 0, 1, 1},
    {"after", gm_k_after, "E1N1n1G1", "dg1lg1", 0, 0, 2},
    {NULL, NULL, NULL, NULL, 0, 0, 0},
};
