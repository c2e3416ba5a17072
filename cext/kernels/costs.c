/* Sums over columns of fills by order (costs.h). */
#include <stdlib.h>
#include "costs.h"

#define AHEAD 24 /* fills whose rows are fetched before they are needed: the orders of a day do not fit into the caches */
#define LARGE ((int64_t)1 << 61) /* prices below it: their sums and differences stay in a word */

gm_costs_status_t gm_cost_sums_init(gm_cost_sums_t *s, ptrdiff_t orders, int quotes, int horizons)
{
    s->orders = orders;
    s->quotes = quotes;
    s->horizons = horizons;
    s->width = 2 + 2 * quotes + horizons;
    s->wide = s->missing = NULL;
    s->low = calloc((size_t)orders * (size_t)s->width + 1, sizeof *s->low);
    return s->low == NULL ? GM_COSTS_MEMORY : GM_COSTS_OK;
}

void gm_cost_sums_free(gm_cost_sums_t *s)
{
    free(s->low);
    free(s->wide);
    free(s->missing);
    s->low = NULL;
    s->wide = s->missing = NULL;
}

/* One more of a table that few data need; GM_COSTS_MEMORY where there is none. */
static __attribute__((noinline, cold)) int put(gm_costs_wide_t **table, size_t size, size_t at, gm_costs_wide_t value)
{
    if (*table == NULL)
        *table = calloc(size, sizeof **table);
    if (*table == NULL)
        return GM_COSTS_MEMORY;
    (*table)[at] += value;
    return GM_COSTS_OK;
}

static __attribute__((noinline, cold)) int put_wide(gm_cost_sums_t *s, size_t at, gm_costs_wide_t value)
{
    return put(&s->wide, (size_t)s->orders * (size_t)s->width, at, value);
}

static __attribute__((noinline, cold)) int put_missing(gm_cost_sums_t *s, size_t order, size_t column, int64_t quantity,
                                                       int64_t price_e9)
{
    const size_t columns = (size_t)s->horizons + 1;
    return put(&s->missing, (size_t)s->orders * columns, order * columns + column, (gm_costs_wide_t)quantity * price_e9);
}

/* low[at] += quantity * price, or all of it to the wide table. */
static inline __attribute__((always_inline)) int add(gm_cost_sums_t *s, size_t at, int64_t quantity, int64_t price)
{
    int64_t product, sum;
    if (__builtin_expect(__builtin_mul_overflow(quantity, price, &product) ||
                             __builtin_add_overflow(s->low[at], product, &sum), 0))
        return put_wide(s, at, (gm_costs_wide_t)quantity * price);
    s->low[at] = sum;
    return 0;
}

/* A quote or a mid that does not keep within a word, or is none. */
static __attribute__((noinline, cold)) int add_odd_quote(gm_cost_sums_t *s, size_t at, size_t order, int64_t quantity,
                                                         int64_t price, int64_t bid, int64_t ask)
{
    if (bid < 1 || ask < bid)
        return put_missing(s, order, 0, quantity, price);
    const gm_costs_wide_t twice = (gm_costs_wide_t)bid + ask - 2 * (gm_costs_wide_t)price;
    return put_wide(s, at, quantity * twice) | put_wide(s, at + 1, (gm_costs_wide_t)quantity * (ask - bid));
}

static __attribute__((noinline, cold)) int add_odd_mid(gm_cost_sums_t *s, size_t at, size_t order, int horizon,
                                                       int64_t quantity, int64_t price, int64_t mid)
{
    if (mid < 1)
        return put_missing(s, order, (size_t)horizon + 1, quantity, price);
    return put_wide(s, at, (gm_costs_wide_t)quantity * (mid - price));
}

/* The pass over the fills. Inlined with constants for quotes and horizons where it is worth it. */
static inline __attribute__((always_inline)) gm_costs_status_t
pass(gm_cost_sums_t *s, const gm_fill_columns_t *f, int quotes, int horizons, ptrdiff_t *bad)
{
    const size_t width = (size_t)(2 + 2 * quotes + horizons), line = width * sizeof *s->low;
    const ptrdiff_t n = f->n;
    const uintptr_t rows = (uintptr_t)s->low;
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint64_t ahead = rows + (uint64_t)f->order[i + AHEAD < n ? i + AHEAD : i] * line;
        __builtin_prefetch((const void *)ahead, 1);
        if (width > 4)
            __builtin_prefetch((const void *)(ahead + line - 1), 1);
        const size_t order = (size_t)f->order[i];
        const int64_t quantity = f->quantity[i], price = f->price_e9[i];
        if (__builtin_expect(order >= (size_t)s->orders || quantity < 1 || price < 1, 0)) {
            *bad = i;
            if (order >= (size_t)s->orders)
                return GM_COSTS_FILL_ORDER;
            return quantity < 1 ? GM_COSTS_FILL_QUANTITY : GM_COSTS_FILL_PRICE;
        }
        size_t at = order * width;
        int lost = add(s, at, quantity, price);
        lost |= add(s, at + 1, quantity, 1);
        at += 2;
        if (quotes) {
            const int64_t bid = f->bid_e9[i], ask = f->ask_e9[i];
            if (__builtin_expect(bid < 1 || ask < bid || ask >= LARGE || price >= LARGE, 0))
                lost |= add_odd_quote(s, at, order, quantity, price, bid, ask);
            else {
                lost |= add(s, at, quantity, bid + ask - 2 * price);
                lost |= add(s, at + 1, quantity, ask - bid);
            }
            at += 2;
        }
        for (int k = 0; k < horizons; k++) {
            const int64_t mid = f->mid_e9[k][i * f->mid_stride[k]];
            if (__builtin_expect(mid < 1 || mid >= LARGE || price >= LARGE, 0))
                lost |= add_odd_mid(s, at + (size_t)k, order, k, quantity, price, mid);
            else
                lost |= add(s, at + (size_t)k, quantity, mid - price);
        }
        if (__builtin_expect(lost, 0)) {
            *bad = i;
            return GM_COSTS_MEMORY;
        }
    }
    return GM_COSTS_OK;
}

gm_costs_status_t gm_cost_sums_add(gm_cost_sums_t *s, const gm_fill_columns_t *f, ptrdiff_t *bad)
{
    if (!s->quotes && s->horizons == 0)
        return pass(s, f, 0, 0, bad);
    if (s->quotes && s->horizons == 4)
        return pass(s, f, 1, 4, bad);
    return pass(s, f, s->quotes, s->horizons, bad);
}
