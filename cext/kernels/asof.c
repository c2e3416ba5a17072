/* The as-of join of asof.h. Fills are taken in the order of the quotes, so that each horizon has a cursor which hardly moves:
 * in a guessed order, that is, as exact as a straight line through each symbol's times, because cursors find their way. */
#include <stdlib.h>
#include <string.h>
#include "asof.h"

#define CHUNK ((ptrdiff_t)1 << 24) /* fills sorted at a time */
#define DIGIT 9                    /* bits; 512 places that are written to stay in the nearest cache */
#define DIGITS 3
#define PLACES (1 << DIGIT)
#define AHEAD 32
#define WINDOW 8

/* A fill on its way. What is read of it lies here: where it came from is anywhere, and is gone to for the results alone. */
typedef struct {
    uint32_t guess; /* of the quote's row plus the symbol's number, in units that make it 27 bits; no two symbols share one
                       where the unit is 1 */
    uint32_t fill;
    int64_t time_ns;
} place_t;

gm_asof_status_t gm_quotes_check(const gm_quotes_t *q, ptrdiff_t *bad)
{
    if (q->begin[0] != 0 || q->begin[q->symbols] != q->quotes)
        return GM_ASOF_BEGIN;
    for (ptrdiff_t s = 0; s < q->symbols; s++)
        if (q->begin[s] > q->begin[s + 1])
            return GM_ASOF_BEGIN;
    for (ptrdiff_t s = 0; s < q->symbols; s++) {
        const ptrdiff_t begin = q->begin[s], end = q->begin[s + 1];
        int64_t wrong = 0;
        for (ptrdiff_t i = begin + 1; i < end; i++)
            wrong |= q->time_ns[i] < q->time_ns[i - 1];
        if (wrong) {
            for (*bad = begin + 1; q->time_ns[*bad] >= q->time_ns[*bad - 1];)
                ++*bad;
            return GM_ASOF_ORDER;
        }
        if (begin < end && (q->time_ns[begin] < -GM_ASOF_TIME_MAX || q->time_ns[end - 1] > GM_ASOF_TIME_MAX)) {
            *bad = q->time_ns[begin] < -GM_ASOF_TIME_MAX ? begin : end - 1;
            return GM_ASOF_QUOTE_TIME;
        }
    }
    return GM_ASOF_OK;
}

/* How many of the quotes of [begin, end) are at or before t, as the row behind them; `at` in [begin, end] is where to look
 * first. */
static inline ptrdiff_t behind(const int64_t *time, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t at, int64_t t)
{
    if (at + WINDOW <= end && (at == begin || time[at - 1] <= t)) { /* nearly always a few rows on: without a branch */
        ptrdiff_t passed = 0;
        for (int k = 0; k < WINDOW; k++)
            passed += time[at + k] <= t;
        at += passed;
        if (passed < WINDOW)
            return at;
    }
    ptrdiff_t low = at, high = at, step = 1; /* low: begin or behind one at or before t; high: end or one after t */
    if (at < end && time[at] <= t) {
        for (low = at + 1; low + step <= end && time[low + step - 1] <= t; step <<= 1)
            low += step;
        high = low + step <= end ? low + step - 1 : end;
    } else {
        for (; high - step >= begin && time[high - step] > t; step <<= 1)
            high -= step;
        low = high - step >= begin ? high - step + 1 : begin;
    }
    while (low < high) {
        const ptrdiff_t middle = low + (high - low) / 2;
        if (time[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline __attribute__((always_inline)) void take(const gm_quotes_t *q, ptrdiff_t begin, ptrdiff_t row, int64_t t,
                                                       int64_t *mid, uint8_t *reason)
{
    if (row < begin) {
        *mid = GM_ASOF_UNKNOWN;
        *reason = GM_ASOF_NO_QUOTE | (t > q->end_ns ? GM_ASOF_AFTER : 0);
        return;
    }
    const int64_t bid = q->bid_e9[row], ask = q->ask_e9[row];
    int why = (bid < 1 ? GM_ASOF_NO_BID : 0) | (ask < 1 ? GM_ASOF_NO_ASK : 0);
    why |= why == 0 && bid > ask ? GM_ASOF_CROSSED : 0;
    why |= t - q->time_ns[row] > q->max_age_ns ? GM_ASOF_OLD : 0;
    why |= t > q->end_ns ? GM_ASOF_AFTER : 0;
    *mid = why ? GM_ASOF_UNKNOWN : bid + (ask - bid) / 2;
    *reason = (uint8_t)why;
}

static inline double slope(const gm_quotes_t *q, ptrdiff_t symbol)
{
    const ptrdiff_t begin = q->begin[symbol], end = q->begin[symbol + 1];
    const int64_t span = begin < end ? q->time_ns[end - 1] - q->time_ns[begin] : 0;
    return span > 0 ? (double)(end - begin - 1) / (double)span : 0.0;
}

static inline ptrdiff_t guess(const gm_quotes_t *q, const double *slopes, ptrdiff_t symbol, int64_t t)
{
    const ptrdiff_t begin = q->begin[symbol], end = q->begin[symbol + 1];
    if (begin >= end || t <= q->time_ns[begin])
        return begin;
    const double rows = (double)(t - q->time_ns[begin]) * slopes[symbol];
    return rows < (double)(end - begin - 1) ? begin + (ptrdiff_t)rows : end - 1;
}

/* By guess; where the sorted ones are: one of the two. */
static place_t *sort(place_t *from, place_t *to, ptrdiff_t n, ptrdiff_t counts[DIGITS][PLACES])
{
    for (int d = 0; d < DIGITS; d++) {
        ptrdiff_t *count = counts[d], sum = 0;
        if (count[(from[0].guess >> (d * DIGIT)) & (PLACES - 1)] == n) /* all alike in this digit */
            continue;
        for (int k = 0; k < PLACES; k++) {
            const ptrdiff_t here = count[k];
            count[k] = sum;
            sum += here;
        }
        for (ptrdiff_t i = 0; i < n; i++)
            to[count[(from[i].guess >> (d * DIGIT)) & (PLACES - 1)]++] = from[i];
        place_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

/* The fills of [first, last), in the order of `places` (NULL: as they are). */
static void walk(const gm_quotes_t *q, const gm_asof_t *j, const double *slopes, ptrdiff_t first, ptrdiff_t last,
                 const place_t *places, int exact)
{
    const int horizons = j->horizons;
    ptrdiff_t cursor[GM_ASOF_HORIZONS], symbol = -1, begin = 0, end = 0, of = 0;
    for (ptrdiff_t k = first; k < last; k++) {
        ptrdiff_t i = k;
        int64_t t;
        if (places != NULL) {
            const place_t *place = &places[k - first];
            const ptrdiff_t ahead = place[k + AHEAD < last ? AHEAD : 0].fill + first;
            __builtin_prefetch(&j->mid_e9[ahead * horizons], 1);
            __builtin_prefetch(&j->reason[ahead * horizons], 1);
            i = place->fill + first;
            t = place->time_ns;
            if (exact)
                for (; place->guess > (uint64_t)(q->begin[of + 1] + of);)
                    of++;
            else
                of = j->symbol[i];
        } else {
            t = j->time_ns[i];
            of = j->symbol[i];
        }
        if (of != symbol) {
            symbol = of;
            begin = q->begin[of];
            end = q->begin[of + 1];
            for (int h = 0; h < horizons; h++)
                cursor[h] = guess(q, slopes, of, t + j->horizon_ns[h]);
        }
        for (int h = 0; h < horizons; h++) {
            const int64_t at = t + j->horizon_ns[h];
            const ptrdiff_t row = cursor[h] = behind(q->time_ns, begin, end, cursor[h], at);
            take(q, begin, row - 1, at, &j->mid_e9[i * horizons + h], &j->reason[i * horizons + h]);
            if (j->row != NULL)
                j->row[i * horizons + h] = row > begin ? row - 1 : GM_ASOF_NO_ROW;
        }
    }
}

gm_asof_status_t gm_asof_join(const gm_quotes_t *q, const gm_asof_t *j, ptrdiff_t *bad)
{
    const ptrdiff_t pieces = (j->n + CHUNK - 1) / CHUNK, chunk = (j->n + pieces - 1) / pieces;
    int shift = 0;
    while ((q->quotes + q->symbols) >> shift >= (ptrdiff_t)1 << (DIGIT * DIGITS))
        shift++;
    double *slopes = malloc(((size_t)q->symbols + 1) * sizeof *slopes);
    place_t *places = NULL, *other = NULL;
    gm_asof_status_t status = slopes == NULL ? GM_ASOF_MEMORY : GM_ASOF_OK;
    for (ptrdiff_t s = 0; status == GM_ASOF_OK && s < q->symbols; s++)
        slopes[s] = slope(q, s);
    for (ptrdiff_t first = 0; status == GM_ASOF_OK && first < j->n; first += chunk) {
        const ptrdiff_t last = j->n - first < chunk ? j->n : first + chunk;
        ptrdiff_t counts[DIGITS][PLACES];
        uint64_t before = 0;
        int sorted = 1;
        memset(counts, 0, sizeof counts);
        for (ptrdiff_t i = first; i < last; i++) {
            const ptrdiff_t symbol = j->symbol[i];
            const int64_t t = j->time_ns[i];
            if ((size_t)symbol >= (size_t)q->symbols || t < -GM_ASOF_TIME_MAX || t > GM_ASOF_TIME_MAX) {
                *bad = i;
                status = (size_t)symbol >= (size_t)q->symbols ? GM_ASOF_SYMBOL : GM_ASOF_TIME;
                break;
            }
            const uint64_t at = (uint64_t)(guess(q, slopes, symbol, t) + symbol) >> shift;
            if (sorted && at < before) { /* the first that is not: what came before is in order, and was not noted */
                sorted = 0;
                if (places == NULL) {
                    places = malloc((size_t)chunk * sizeof *places);
                    other = malloc((size_t)chunk * sizeof *other);
                }
                if (places == NULL || other == NULL) {
                    status = GM_ASOF_MEMORY;
                    break;
                }
                memset(counts, 0, sizeof counts);
                i = first - 1; /* once more, now noting */
                continue;
            }
            before = at;
            if (sorted)
                continue;
            places[i - first].guess = (uint32_t)at;
            places[i - first].fill = (uint32_t)(i - first);
            places[i - first].time_ns = t;
            for (int d = 0; d < DIGITS; d++)
                counts[d][(at >> (d * DIGIT)) & (PLACES - 1)]++;
        }
        if (status == GM_ASOF_OK)
            walk(q, j, slopes, first, last, sorted ? NULL : sort(places, other, last - first, counts), shift == 0);
    }
    free(slopes);
    free(places);
    free(other);
    return status;
}
