/* Estimators over trades: what stood when they came, which side they took, what they cost, buckets and sessions. */
#include "estimators.h"

/* What stood at each time: the last row before (integer[0] != 0: strictly) time + integer[1], unknown (NaN) where there is
 * none or that time is after integer[2]. in: at (n), time, value (m), and the other side: then the mid of both. */
int gm_k_as_of(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, m = c->in[1].rows;
    const int strict = c->integer[0] != 0, both = c->in[3].data != NULL;
    const int64_t lag = c->integer[1], end = c->integer[2];
    double *out = c->out[0], value = NAN;
    int64_t buffer[GM_BLOCK];
    ptrdiff_t next = 0, read = -1; /* next: the first row that is not yet there */
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const int64_t *at = gm_integers(c, 0, i, rows, buffer);
        if (at == NULL)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            int64_t t;
            if (__builtin_add_overflow(at[j], lag, &t) || t > end) {
                out[i + j] = NAN;
                continue;
            }
            for (; next < m; next++) {
                const int64_t time = gm_integer(&c->in[1], next);
                if (next > 0 && time < gm_integer(&c->in[1], next - 1))
                    return gm_bad(c, 1, next, 0);
                if (strict ? time >= t : time > t)
                    break;
            }
            if (read != next - 1) {
                double other;
                read = next - 1;
                if (gm_value(c, 2, read, &value) || (both && gm_value(c, 3, read, &other)))
                    return GM_ESTIMATOR_ROW;
                if (both)
                    value = 0.5 * (value + other);
            }
            out[i + j] = value;
        }
    }
    return GM_ESTIMATOR_OK;
}

/* Lee and Ready (1991): above the mid bought, below it sold; at it, or without one, by the last price that differs; 0 where
 * there is none. Prices are the same where they differ by rounding only. in: price, mid. result: how many by tick test. */
int gm_k_classify(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    int8_t *out = c->out[0];
    double price_buffer[GM_BLOCK], mid_buffer[GM_BLOCK], last = NAN;
    int8_t tick = 0;
    int64_t by_tick = 0;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *p = gm_doubles(c, 0, i, rows, price_buffer);
        const double *mid = p && c->in[1].data ? gm_doubles(c, 1, i, rows, mid_buffer) : NULL;
        if (!p || (c->in[1].data && !mid))
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            const double same = 1e-14 * p[j], moved = p[j] - last, above = mid ? p[j] - mid[j] : NAN;
            tick = moved > same ? 1 : moved < -same ? -1 : tick;
            last = p[j];
            if (above > same || above < -same) {
                out[i + j] = above > 0.0 ? 1 : -1;
            } else {
                out[i + j] = tick;
                by_tick++;
            }
        }
    }
    c->result[0] = (double)by_tick;
    return GM_ESTIMATOR_OK;
}

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
 * bought, volume of each bar. out: one a bucket, as many as there are rows at most. result: buckets, volume left over. */
int gm_k_buckets(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows, most = c->out_rows[0];
    const double size = c->number[0], nearly = 1e-9 * size; /* what rounding may keep a bucket from */
    double *out = c->out[0], bought_buffer[GM_BLOCK], volume_buffer[GM_BLOCK], net = 0.0, filled = 0.0;
    ptrdiff_t bucket = 0;
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *bought = gm_doubles(c, 0, i, rows, bought_buffer), *volume = gm_doubles(c, 1, i, rows, volume_buffer);
        if (!bought || !volume)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            double left = volume[j];
            const double balance = left > 0.0 ? (2.0 * bought[j] - left) / left : 0.0;
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
