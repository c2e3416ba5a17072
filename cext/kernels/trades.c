/* Estimators over trades: what stood when they came, which side they took, what they cost, buckets and sessions. */
#include "estimators.h"

/* ---- what stood when ------------------------------------------------------------------------------------------- */

typedef struct {
    ptrdiff_t next, read; /* the first row that is not yet there; the row whose value is held */
    int64_t time;         /* of row next - 1 */
    double value;
} cursor_t;

/* What stood at t, which never goes back: the value of the last row before it (strict) or not after it, the mid of two
 * columns where there are two; NaN without one. The columns `time`, `one` and `other` (-1: none) are read as they come. */
static int stands(gm_estimator_call_t *c, cursor_t *at, int time, int one, int other, int64_t t, int strict)
{
    const ptrdiff_t rows = c->in[time].rows;
    for (; at->next < rows; at->next++) {
        const int64_t then = gm_integer(&c->in[time], at->next);
        if (then < at->time)
            return gm_bad(c, time, at->next, 0);
        if (strict ? then >= t : then > t)
            break;
        at->time = then;
    }
    if (at->read != at->next - 1) {
        double second;
        at->read = at->next - 1;
        if (gm_value(c, one, at->read, &at->value) || (other >= 0 && gm_value(c, other, at->read, &second)))
            return GM_ESTIMATOR_ROW;
        if (other >= 0)
            at->value = 0.5 * (at->value + second);
    }
    return GM_ESTIMATOR_OK;
}

static const cursor_t AT_BEGIN = {0, -1, INT64_MIN, NAN};

/* integer: strict, lag, end. in: at (n), time, value (m), and the other side: then the mid of both. out: what stood at
 * at + lag, NaN where that is after end. */
int gm_k_as_of(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    const int other = c->in[3].data != NULL ? 3 : -1;
    double *out = c->out[0];
    int64_t buffer[GM_BLOCK];
    cursor_t cursor = AT_BEGIN;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const int64_t *at = gm_integers(c, 0, i, rows, buffer);
        if (at == NULL)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            int64_t t;
            out[i + j] = NAN;
            if (__builtin_add_overflow(at[j], c->integer[1], &t) || t > c->integer[2])
                continue;
            if (stands(c, &cursor, 1, 2, other, t, c->integer[0] != 0))
                return GM_ESTIMATOR_ROW;
            out[i + j] = cursor.value;
        }
    }
    return GM_ESTIMATOR_OK;
}

/* ---- which side took ------------------------------------------------------------------------------------------- */

typedef struct {
    double last; /* price; NaN: none yet */
    int8_t tick; /* the sign of the last change */
} tick_test_t;

/* Lee and Ready (1991): above the mid bought, below it sold; at it, or without one, by the last price that differs; 0 where
 * there is none. Prices are the same where they differ by rounding only. */
static int8_t side_of(tick_test_t *test, double price, double mid)
{
    const double same = 1e-14 * price, moved = price - test->last, above = price - mid;
    test->tick = moved > same ? 1 : moved < -same ? -1 : test->tick;
    test->last = price;
    return above > same ? 1 : above < -same ? -1 : test->tick;
}

/* in: time, price of trades; with quotes time, bid, ask of quotes. out: side, by the quote strictly before the trade. */
int gm_k_classify(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    int8_t *out = c->out[0];
    double price_buffer[GM_BLOCK];
    int64_t time_buffer[GM_BLOCK];
    tick_test_t test = {NAN, 0};
    cursor_t cursor = AT_BEGIN;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *p = gm_doubles(c, 0, i, rows, price_buffer);
        const int64_t *t = p && c->in[1].data ? gm_integers(c, 1, i, rows, time_buffer) : NULL;
        if (p == NULL || (c->in[1].data && t == NULL))
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            if (t && stands(c, &cursor, 2, 3, 4, t[j], 1))
                return GM_ESTIMATOR_ROW;
            out[i + j] = side_of(&test, p[j], cursor.value);
        }
    }
    return GM_ESTIMATOR_OK;
}

/* ---- what trades paid ------------------------------------------------------------------------------------------ */

/* Effective 2 d (p - m)/m, realized 2 d (p - m')/m, impact 2 d (m' - m)/m, in bp. in: price, quantity, side, mid, later
 * mid m'. out (each if wanted): the three. result, weights p v: weight, effective, count of the trades with a side and a
 * mid; weight, effective, realized, impact, count of those with a later mid too. */
int gm_k_trade_spreads(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    double *out[3] = {c->out[0], c->out[1], c->out[2]};
    double buffer[5][GM_BLOCK];
    gm_kahan_t sum[6] = {{0}};
    int64_t count = 0, matched = 0;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *column[5] = {0};
        for (int k = 0; k < 5; k++)
            if (c->in[k].data && (column[k] = gm_doubles(c, k, i, rows, buffer[k])) == NULL)
                return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            const double p = column[0][j], d = column[2][j], mid = column[3][j], later = column[4] ? column[4][j] : NAN;
            const double factor = d == 0.0 ? NAN : 2e4 * d / mid, weight = p * column[1][j];
            const double effective = factor * (p - mid), realized = factor * (p - later), impact = factor * (later - mid);
            if (effective == effective) {
                count++;
                gm_add(&sum[0], weight);
                gm_add(&sum[1], weight * effective);
                if (realized == realized) {
                    matched++;
                    gm_add(&sum[2], weight);
                    gm_add(&sum[3], weight * effective);
                    gm_add(&sum[4], weight * realized);
                    gm_add(&sum[5], weight * impact);
                }
            }
            if (out[0])
                out[0][i + j] = effective;
            if (out[1])
                out[1][i + j] = realized;
            if (out[2])
                out[2][i + j] = impact;
        }
    }
    c->result[0] = sum[0].sum;
    c->result[1] = sum[1].sum;
    c->result[2] = (double)count;
    for (int k = 2; k < 6; k++)
        c->result[k + 1] = sum[k].sum;
    c->result[7] = (double)matched;
    return GM_ESTIMATOR_OK;
}

/* The same of trades against quotes, at several horizons, with the mid strictly before each trade. in: time, price,
 * quantity, side (n; not given: Lee and Ready), time, bid, ask of quotes (m), lags in ns (h, in order, at most 16).
 * integer[0]: to when the quotes are known. out: h x 5: weight, effective, realized, impact, count of the trades whose
 * later mid is known. result: weight, effective, count of all with a side and a mid. */
int gm_k_horizons(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, horizons = c->in[7].rows;
    double (*out)[5] = c->out[0];
    double buffer[3][GM_BLOCK];
    int64_t time_buffer[GM_BLOCK], lag[16];
    cursor_t before = AT_BEGIN, later[16];
    tick_test_t test = {NAN, 0};
    gm_kahan_t all[2] = {{0}}, sum[16][4] = {{{0}}};
    int64_t count = 0, matched[16] = {0};
    if (horizons > 16 || c->out_width[0] != 5)
        return gm_breaks(c, 7, 0, 'x');
    for (ptrdiff_t h = 0; h < horizons; h++) {
        lag[h] = gm_integer(&c->in[7], h);
        later[h] = AT_BEGIN;
    }
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const int64_t *t = gm_integers(c, 0, i, rows, time_buffer);
        const double *p = t ? gm_doubles(c, 1, i, rows, buffer[0]) : NULL, *q = p ? gm_doubles(c, 2, i, rows, buffer[1]) : NULL;
        const double *side = q && c->in[3].data ? gm_doubles(c, 3, i, rows, buffer[2]) : NULL;
        if (!q || (c->in[3].data && !side))
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            if (stands(c, &before, 4, 5, 6, t[j], 1))
                return GM_ESTIMATOR_ROW;
            const double mid = before.value, d = side ? side[j] : side_of(&test, p[j], mid);
            const double factor = d == 0.0 ? NAN : 2e4 * d / mid, weight = p[j] * q[j], effective = factor * (p[j] - mid);
            if (effective == effective) {
                count++;
                gm_add(&all[0], weight);
                gm_add(&all[1], weight * effective);
            }
            for (ptrdiff_t h = 0; h < horizons; h++) {
                int64_t then;
                if (__builtin_add_overflow(t[j], lag[h], &then) || then > c->integer[0])
                    break;
                if (stands(c, &later[h], 4, 5, 6, then, 0))
                    return GM_ESTIMATOR_ROW;
                const double realized = factor * (p[j] - later[h].value);
                if (realized == realized) {
                    matched[h]++;
                    gm_add(&sum[h][0], weight);
                    gm_add(&sum[h][1], weight * effective);
                    gm_add(&sum[h][2], weight * realized);
                    gm_add(&sum[h][3], weight * factor * (later[h].value - mid));
                }
            }
        }
    }
    for (ptrdiff_t h = 0; h < horizons; h++) {
        for (int k = 0; k < 4; k++)
            out[h][k] = sum[h][k].sum;
        out[h][4] = (double)matched[h];
    }
    c->result[0] = all[0].sum;
    c->result[1] = all[1].sum;
    c->result[2] = (double)count;
    return GM_ESTIMATOR_OK;
}

/* ---- sums by time and by volume -------------------------------------------------------------------------------- */

/* Trades by intervals of integer[1] ns from integer[0] on. in: time, price, quantity, side. out (a row an interval): last
 * price (NaN: no trade yet), signed volume, sum of side sqrt(price quantity), volume. result:
 * trades outside. */
int gm_k_flow(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, intervals = c->out_rows[0];
    const int64_t begin = c->integer[0], width = c->integer[1];
    double *last = c->out[0], *signed_volume = c->out[1], *root = c->out[2], *volume = c->out[3];
    double buffer[4][GM_BLOCK];
    int64_t times[GM_BLOCK], outside = 0;
    if (width < 1)
        return gm_breaks(c, 0, 0, 'x');
    for (ptrdiff_t k = 0; k < intervals; k++) {
        last[k] = NAN;
        signed_volume[k] = root[k] = volume[k] = 0.0;
    }
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const int64_t *t = gm_integers(c, 0, i, rows, times);
        const double *p = t ? gm_doubles(c, 1, i, rows, buffer[1]) : NULL, *q = p ? gm_doubles(c, 2, i, rows, buffer[2]) : NULL;
        const double *side = q ? gm_doubles(c, 3, i, rows, buffer[3]) : NULL;
        if (!side)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            int64_t since;
            if (t[j] < begin || __builtin_sub_overflow(t[j], begin, &since) || since / width >= intervals) {
                outside++;
                continue;
            }
            const int64_t k = since / width;
            last[k] = p[j];
            signed_volume[k] += side[j] * q[j];
            root[k] += side[j] * sqrt(p[j] * q[j]);
            volume[k] += q[j];
        }
    }
    for (ptrdiff_t k = 1; k < intervals; k++)
        last[k] = last[k] == last[k] ? last[k] : last[k - 1];
    c->result[0] = (double)outside;
    return GM_ESTIMATOR_OK;
}

/* Bulk volume classification, Easley, Lopez de Prado, O'Hara (2012): v Phi(dp / number[0]). in: price change, volume. */
int gm_k_bulk(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    const double scale = -1.0 / (c->number[0] * 1.4142135623730951);
    double *out = c->out[0], change_buffer[GM_BLOCK], volume_buffer[GM_BLOCK];
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *x = gm_doubles(c, 0, i, rows, change_buffer), *v = gm_doubles(c, 1, i, rows, volume_buffer);
        if (!x || !v)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++)
            out[i + j] = v[j] * 0.5 * erfc(x[j] * scale);
    }
    return GM_ESTIMATOR_OK;
}

/* Buckets of equal volume number[0]: |bought - sold| of each, bars split pro rata, the last one only if it is complete. in:
 * bought (or, with number[1] the deviation, the price change of bulk classification), volume of each bar. out: one a bucket, as many as there are rows at most. result: buckets, volume left over. */
int gm_k_buckets(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, most = c->out_rows[0];
    const double size = c->number[0], nearly = 1e-9 * size; /* what rounding may keep a bucket from */
    const double scale = c->number[1] > 0.0 ? -1.0 / (c->number[1] * 1.4142135623730951) : 0.0;
    double *out = c->out[0], bought_buffer[GM_BLOCK], volume_buffer[GM_BLOCK], net = 0.0, filled = 0.0;
    ptrdiff_t bucket = 0;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *bought = gm_doubles(c, 0, i, rows, bought_buffer), *volume = gm_doubles(c, 1, i, rows, volume_buffer);
        if (!bought || !volume)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            double left = volume[j];
            if (scale == 0.0 && bought[j] > left * (1.0 + 1e-9))
                return gm_breaks(c, 0, i + j, 'v');
            const double balance = scale != 0.0 ? erfc(bought[j] * scale) - 1.0 : left > 0.0 ? 2.0 * bought[j] / left - 1.0 : 0.0;
            while (left >= size - filled - nearly && bucket < most) {
                const double part = left < size - filled ? left : size - filled;
                out[bucket++] = fabs(net + balance * part);
                left -= part;
                net = filled = 0.0;
            }
            net += balance * left;
            filled += left;
        }
    }
    c->result[0] = (double)bucket;
    c->result[1] = filled;
    return GM_ESTIMATOR_OK;
}

/* Volume of integer[0] equal parts of each session [open, close). in: time, quantity (n), open, close (d), sessions in
 * order and apart. out: d x parts. result: volume outside of all. */
int gm_k_sessions(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, days = c->in[2].rows;
    const int64_t parts = c->integer[0];
    double *out = c->out[0], buffer[GM_BLOCK];
    gm_kahan_t outside = {0};
    int64_t times[GM_BLOCK];
    ptrdiff_t day = 0;
    if (parts != c->out_width[0])
        return gm_breaks(c, 0, 0, 'x');
    memset(out, 0, (size_t)(days * parts) * sizeof(double));
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const int64_t *t = gm_integers(c, 0, i, rows, times);
        const double *q = gm_doubles(c, 1, i, rows, buffer);
        if (!t || !q)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            while (day < days && t[j] >= gm_integer(&c->in[3], day))
                day++;
            if (day == days || t[j] < gm_integer(&c->in[2], day)) {
                gm_add(&outside, q[j]);
                continue;
            }
            const uint64_t since = (uint64_t)t[j] - (uint64_t)gm_integer(&c->in[2], day);
            const uint64_t length = (uint64_t)gm_integer(&c->in[3], day) - (uint64_t)gm_integer(&c->in[2], day);
            __extension__ const unsigned __int128 scaled = (unsigned __int128)since * (uint64_t)parts;
            out[day * parts + (ptrdiff_t)(uint64_t)(scaled / length)] += q[j];
        }
    }
    c->result[0] = outside.sum;
    return GM_ESTIMATOR_OK;
}

/* The first row whose time is not below t (or, with `above`, that is above it). */
static ptrdiff_t first_not_below(const gm_column_t *time, int64_t t, int above)
{
    ptrdiff_t low = 0, high = time->rows;
    while (low < high) {
        const ptrdiff_t middle = low + (high - low) / 2;
        const int64_t x = gm_integer(time, middle);
        if (above ? x <= t : x < t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How a series stands after events, less what it was just before each: the mean over events. in: event times (e), time and
 * value of the series (n), offsets in ns (g, in order). Events that the series does not cover are left out. out: mean, and
 * at how many events. result: events used, left out. */
int gm_k_after(gm_estimator_call_t *c)
{
    const ptrdiff_t events = c->in[0].rows, n = c->in[1].rows, offsets = c->in[3].rows;
    double *mean = c->out[0];
    int64_t *count = c->out[1], used = 0;
    for (ptrdiff_t g = 0; g < offsets; g++) {
        mean[g] = 0.0;
        count[g] = 0;
    }
    int64_t buffer[GM_BLOCK];
    double values[GM_BLOCK];
    for (int k = 0; k < 2; k++) /* the search below needs the order */
        for (ptrdiff_t i = 0; i < c->in[k].rows; i += GM_BLOCK) {
            const ptrdiff_t rows = gm_at_most(c->in[k].rows - i, GM_BLOCK);
            if (!gm_integers(c, k, i, rows, buffer) || (k == 1 && !gm_doubles(c, 2, i, rows, values)))
                return GM_ESTIMATOR_ROW;
        }
    const int64_t end = n ? gm_integer(&c->in[1], n - 1) : INT64_MIN;
    for (ptrdiff_t i = 0; i < events; i++) {
        const int64_t t = gm_integer(&c->in[0], i);
        const ptrdiff_t before = first_not_below(&c->in[1], t, 0) - 1;
        int64_t until;
        double base, x;
        if (before < 0 || !offsets || __builtin_add_overflow(t, gm_integer(&c->in[3], offsets - 1), &until) || until > end)
            continue;
        if (gm_value(c, 2, before, &base))
            return GM_ESTIMATOR_ROW;
        if (base != base)
            continue;
        used++;
        ptrdiff_t row = before;
        for (ptrdiff_t g = 0; g < offsets; g++) {
            const int64_t at = t + gm_integer(&c->in[3], g);
            while (row + 1 < n && gm_integer(&c->in[1], row + 1) <= at)
                row++;
            if (gm_value(c, 2, row, &x))
                return GM_ESTIMATOR_ROW;
            if (x == x) {
                mean[g] += x - base;
                count[g]++;
            }
        }
    }
    for (ptrdiff_t g = 0; g < offsets; g++)
        mean[g] = count[g] ? mean[g] / (double)count[g] : NAN;
    c->result[0] = (double)used;
    c->result[1] = (double)(events - used);
    return GM_ESTIMATOR_OK;
}
