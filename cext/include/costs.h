/* Execution cost of orders against their fills: Perold's implementation shortfall in exact integers.
 *
 * Prices are int64 in 1e-9 of the currency, quantities int64, money int64 in 1e-9; products and sums are 128 bits wide
 * inside. A price that is not known is GM_PRICE_UNKNOWN; a part of the cost that needs it is then GM_PRICE_UNKNOWN too
 * and its reason says what was missing. Costs are positive where they are bad for the trader. No state.
 */
#ifndef GM_COSTS_H
#define GM_COSTS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 gm_costs_wide_t;
__extension__ typedef unsigned __int128 gm_costs_uwide_t;

#define GM_PRICE_UNKNOWN INT64_MIN

/* Why a part of the cost is unknown: a sum of these. */
enum {
    GM_COST_KNOWN = 0,
    GM_COST_NO_DECISION = 1,
    GM_COST_NO_ARRIVAL = 2,
    GM_COST_NO_END = 4,
    GM_COST_NO_FEES = 8,
    GM_COST_NO_QUOTE = 16,  /* of a measure of fills: none of them met a quote */
    GM_COST_NO_MARKET = 32, /* no mid at the horizon, no price of the market to compare with */
    GM_COST_NO_FILLS = 64,
    GM_COST_NO_SPREAD = 128 /* every quote was locked */
};

typedef enum {
    GM_COSTS_OK = 0,
    GM_COSTS_SIDE = 1,      /* side is not +1 or -1 */
    GM_COSTS_QUANTITY = 2,  /* order quantity below 1 */
    GM_COSTS_DECISION = 3,  /* a price that is neither positive nor unknown */
    GM_COSTS_ARRIVAL = 4,
    GM_COSTS_END = 5,
    GM_COSTS_OVERFILLED = 6, /* more filled than ordered */
    GM_COSTS_RANGE = 7,      /* a part does not fit into int64 */
    GM_COSTS_FILL_ORDER = 8, /* a fill of an order that does not exist */
    GM_COSTS_FILL_QUANTITY = 9,
    GM_COSTS_FILL_PRICE = 10,
    GM_COSTS_MEMORY = 11
} gm_costs_status_t;

/* What the fills of one order add up to. */
typedef struct {
    uint64_t notional_low; /* sum of price * quantity, 128 bits */
    uint64_t notional_high;
    int64_t quantity; /* sum of the quantities; -1 once it has left int64 */
    int64_t fills;    /* how many */
} gm_fill_sum_t;

_Static_assert(sizeof(gm_fill_sum_t) == 32, "gm_fill_sum_t is half a cache line");

typedef struct {
    int64_t side;           /* +1 buy, -1 sell */
    int64_t order_quantity; /* S */
    int64_t decision_e9;    /* Pd */
    int64_t arrival_e9;     /* P0 */
    int64_t end_e9;         /* Pn */
    int64_t fees_e9;        /* negative for a rebate */
} gm_order_cost_t;

typedef struct {
    int64_t filled_quantity; /* Q */
    int64_t delay_e9, trading_e9, opportunity_e9, fees_e9, total_e9;
    double delay_bps, trading_bps, opportunity_bps, fees_bps, total_bps; /* of S * Pd; NaN where unknown */
    uint8_t delay_reason, trading_reason, opportunity_reason, fees_reason, total_reason;
} gm_shortfall_t;

static inline void gm_fill_sum_add(gm_fill_sum_t *sum, int64_t quantity, int64_t price_e9)
{
    const gm_costs_uwide_t product = (gm_costs_uwide_t)(uint64_t)quantity * (uint64_t)price_e9;
    const uint64_t low = (uint64_t)product;
    sum->notional_low += low;
    sum->notional_high += (uint64_t)(product >> 64) + (sum->notional_low < low);
    const uint64_t total = (uint64_t)sum->quantity + (uint64_t)quantity;
    sum->quantity = sum->quantity < 0 || total > (uint64_t)INT64_MAX ? -1 : (int64_t)total;
    sum->fills++;
}

static inline gm_costs_wide_t gm_fill_sum_notional(const gm_fill_sum_t *sum)
{
    return (gm_costs_wide_t)(((gm_costs_uwide_t)sum->notional_high << 64) | sum->notional_low);
}

/* Average price in units of the currency; NaN without fills. A sum that divides evenly gives the double nearest to its
 * grid price. The sum's quantity is not negative. */
double gm_fill_sum_vwap(const gm_fill_sum_t *sum);

/* Of delay, trading, opportunity, fees and total. */
static inline uint8_t gm_shortfall_reason(const gm_shortfall_t *s, int part)
{
    const uint8_t reasons[5] = {s->delay_reason, s->trading_reason, s->opportunity_reason, s->fees_reason, s->total_reason};
    return reasons[part];
}

/* The shortfall of one order. With s the side, S ordered, Q filled, N the notional of the fills:
 *   delay       = s Q (P0 - Pd)            or s S (P0 - Pd)       with order_basis
 *   trading     = s (N - Q P0)
 *   opportunity = s (S - Q) (Pn - Pd)      or s (S - Q) (Pn - P0) with order_basis
 *   total       = s (N - Q Pd + (S - Q) (Pn - Pd)) + fees, known also where the arrival price is not.
 * A term of quantity 0 is 0 whatever its prices are. Every product stays below 2^126 because Q <= S. */
gm_costs_status_t gm_shortfall(const gm_order_cost_t *order, const gm_fill_sum_t *sum, int order_basis,
                               gm_shortfall_t *out);

/* side * (reference - price) / price in basis points; NaN where the reference is unknown or not positive. */
static inline double gm_markout_bps(int64_t side, int64_t price_e9, int64_t mid_e9)
{
    if (mid_e9 < 1)
        return NAN;
    return (double)(side * (mid_e9 - price_e9)) / (double)price_e9 * 1e4;
}

/* side * (mid - price) / half spread: 1 at the near touch, -1 at the far one; NaN unless 0 < bid < ask. */
static inline double gm_spread_capture(int64_t side, int64_t price_e9, int64_t bid_e9, int64_t ask_e9)
{
    if (bid_e9 < 1 || ask_e9 <= bid_e9)
        return NAN;
    const gm_costs_wide_t twice = (gm_costs_wide_t)bid_e9 + ask_e9 - 2 * (gm_costs_wide_t)price_e9;
    return (double)(side * twice) / (double)(ask_e9 - bid_e9);
}

/* ---- over columns: kernels/costs.c, kernels/order_costs.c ---- */

#define GM_COSTS_HORIZONS 16

/* n fills. With quotes, bid and ask are the quote each fill met; mid[k] is the mid at the k-th horizon after it. A price
 * below 1 is not known. Strides count elements. */
typedef struct {
    const int64_t *order, *quantity, *price_e9;
    const int64_t *bid_e9, *ask_e9; /* NULL without quotes */
    const int64_t *mid_e9[GM_COSTS_HORIZONS];
    ptrdiff_t mid_stride[GM_COSTS_HORIZONS];
    ptrdiff_t n;
} gm_fill_columns_t;

/* Sums over the fills of each order, exact. A row of `low` has width words: notional, quantity, then with quotes what was
 * earned, q (bid + ask - 2 price), and what was there to earn, q (ask - bid), then q (mid - price) for each horizon. What
 * does not fit into a word goes to `wide`, which is there only if something did not; so does `missing`, the notional of the
 * fills without a quote (first column) and without a mid (one for each horizon). */
typedef struct {
    ptrdiff_t orders;
    int32_t width, horizons, quotes;
    int64_t *low;
    gm_costs_wide_t *wide;
    gm_costs_wide_t *missing;
} gm_cost_sums_t;

gm_costs_status_t gm_cost_sums_init(gm_cost_sums_t *sums, ptrdiff_t orders, int quotes, int horizons);
void gm_cost_sums_free(gm_cost_sums_t *sums);

/* Adds the fills. On a status other than GM_COSTS_OK *bad is the index of the bad fill and the sums are of no use. */
gm_costs_status_t gm_cost_sums_add(gm_cost_sums_t *sums, const gm_fill_columns_t *fills, ptrdiff_t *bad);

/* The plain sums of an order. */
gm_fill_sum_t gm_cost_sums_fill(const gm_cost_sums_t *sums, ptrdiff_t order);

/* Average prices (NaN without fills) and quantities; the orders, or the index of the first whose quantity has left int64. */
ptrdiff_t gm_order_averages(const gm_cost_sums_t *sums, double *average_price, int64_t *quantity);

/* Columns of orders, in and out. */
typedef struct {
    const int64_t *side, *order_quantity, *decision_e9, *arrival_e9, *end_e9, *fees_e9;
    int64_t *filled_quantity;
    double *average_price;
    int64_t *money[5];
    double *bps[5];
    uint8_t *reason[5];
} gm_order_columns_t;

gm_costs_status_t gm_order_shortfalls(const gm_order_columns_t *orders, const gm_cost_sums_t *sums, int order_basis,
                                      ptrdiff_t *bad);

/* What the fills of each order earned of the spread, and their markouts. spread_e9: s sum q (p - mid), half to even;
 * share[k]: notional with a quote (k = 0) or with the k-th mid, of the whole; NaN without fills. */
typedef struct {
    int64_t *spread_e9;
    double *spread_bps; /* of the notional with a quote */
    double *capture;
    double *markout_bps[GM_COSTS_HORIZONS];
    double *share[GM_COSTS_HORIZONS + 1];
} gm_fill_measures_t;

/* GM_COSTS_SIDE, or GM_COSTS_RANGE where a spread cost does not fit into int64, with *bad the order. */
gm_costs_status_t gm_fill_measures(const int64_t *side, const gm_cost_sums_t *sums, const gm_fill_measures_t *out,
                                   ptrdiff_t *bad);

ptrdiff_t gm_markouts(const int64_t *side, const int64_t *price_e9, const int64_t *mid_e9, ptrdiff_t n,
                      ptrdiff_t horizons, double *out);
ptrdiff_t gm_spread_captures(const int64_t *side, const int64_t *price_e9, const int64_t *bid_e9,
                             const int64_t *ask_e9, ptrdiff_t n, double *out);

/* Weighted means (in `sums`, zero before) and weights by group and column; a NaN value is left out together with its
 * weight, and without weight the mean is NaN. n, or the index of the first bad row. */
ptrdiff_t gm_group_weighted(const int64_t *group, const int64_t *weight, const double *values, ptrdiff_t n,
                            ptrdiff_t width, double *sums, double *weights, ptrdiff_t groups);

#endif
