/* What orders cost, of the sums over their fills; and measures of fills (costs.h). */
#include "costs.h"

static inline gm_costs_wide_t sum_of(const gm_cost_sums_t *s, ptrdiff_t order, int column)
{
    const size_t at = (size_t)order * (size_t)s->width + (size_t)column;
    return s->low[at] + (s->wide == NULL ? 0 : s->wide[at]);
}

gm_fill_sum_t gm_cost_sums_fill(const gm_cost_sums_t *s, ptrdiff_t order)
{
    const gm_costs_wide_t notional = sum_of(s, order, 0), quantity = sum_of(s, order, 1);
    gm_fill_sum_t sum;
    sum.notional_low = (uint64_t)notional;
    sum.notional_high = (uint64_t)(notional >> 64);
    sum.quantity = quantity > INT64_MAX ? -1 : (int64_t)quantity;
    sum.fills = 0; /* not counted */
    return sum;
}

double gm_fill_sum_vwap(const gm_fill_sum_t *sum)
{
    if (sum->quantity <= 0)
        return NAN;
    const gm_costs_uwide_t notional = (gm_costs_uwide_t)gm_fill_sum_notional(sum);
    uint64_t whole, rest;
    if (sum->notional_high == 0) {
        whole = sum->notional_low / (uint64_t)sum->quantity;
        rest = sum->notional_low % (uint64_t)sum->quantity;
    } else { /* the mean of int64 prices is an int64 */
        whole = (uint64_t)(notional / (uint64_t)sum->quantity);
        rest = (uint64_t)(notional % (uint64_t)sum->quantity);
    }
    return ((double)whole + (double)rest / (double)sum->quantity) / 1e9;
}

static inline int gm_costs_store(gm_costs_wide_t value, int64_t *out)
{
    if (value > INT64_MAX || value <= INT64_MIN)
        return 0;
    *out = (int64_t)value;
    return 1;
}

static inline double gm_costs_bps(int64_t money_e9, uint8_t reason, gm_costs_wide_t denominator_e9)
{
    if (reason != GM_COST_KNOWN || denominator_e9 <= 0)
        return NAN;
    return (double)money_e9 / (double)denominator_e9 * 1e4;
}

gm_costs_status_t gm_shortfall(const gm_order_cost_t *o, const gm_fill_sum_t *sum, int order_basis,
                               gm_shortfall_t *out)
{
    const int64_t s = o->side, ordered = o->order_quantity, filled = sum->quantity;
    if (s != 1 && s != -1)
        return GM_COSTS_SIDE;
    if (ordered < 1)
        return GM_COSTS_QUANTITY;
    if (o->decision_e9 < 1 && o->decision_e9 != GM_PRICE_UNKNOWN)
        return GM_COSTS_DECISION;
    if (o->arrival_e9 < 1 && o->arrival_e9 != GM_PRICE_UNKNOWN)
        return GM_COSTS_ARRIVAL;
    if (o->end_e9 < 1 && o->end_e9 != GM_PRICE_UNKNOWN)
        return GM_COSTS_END;
    if (filled < 0 || filled > ordered)
        return GM_COSTS_OVERFILLED;

    const uint8_t no_decision = o->decision_e9 == GM_PRICE_UNKNOWN ? GM_COST_NO_DECISION : 0;
    const uint8_t no_arrival = o->arrival_e9 == GM_PRICE_UNKNOWN ? GM_COST_NO_ARRIVAL : 0;
    const uint8_t no_end = o->end_e9 == GM_PRICE_UNKNOWN ? GM_COST_NO_END : 0;
    const uint8_t no_fees = o->fees_e9 == GM_PRICE_UNKNOWN ? GM_COST_NO_FEES : 0;
    const gm_costs_wide_t notional = gm_fill_sum_notional(sum);
    const int64_t open = ordered - filled, delayed = order_basis ? ordered : filled;

    out->filled_quantity = filled;
    out->delay_reason = delayed == 0 ? 0 : (uint8_t)(no_decision | no_arrival);
    out->trading_reason = filled == 0 ? 0 : no_arrival;
    out->opportunity_reason = open == 0 ? 0 : (uint8_t)(no_end | (order_basis ? no_arrival : no_decision));
    out->fees_reason = no_fees;
    out->total_reason = (uint8_t)(no_decision | (open == 0 ? 0 : no_end) | no_fees);

    out->delay_e9 = out->trading_e9 = out->opportunity_e9 = out->total_e9 = GM_PRICE_UNKNOWN;
    out->fees_e9 = o->fees_e9;
    int fits = 1;
    if (!out->delay_reason)
        fits &= gm_costs_store(delayed == 0 ? 0 : s * (gm_costs_wide_t)delayed * (o->arrival_e9 - o->decision_e9),
                               &out->delay_e9);
    if (!out->trading_reason)
        fits &= gm_costs_store(filled == 0 ? 0 : s * (notional - (gm_costs_wide_t)filled * o->arrival_e9),
                               &out->trading_e9);
    if (!out->opportunity_reason) {
        const int64_t basis = order_basis ? o->arrival_e9 : o->decision_e9;
        fits &= gm_costs_store(open == 0 ? 0 : s * (gm_costs_wide_t)open * (o->end_e9 - basis), &out->opportunity_e9);
    }
    if (!out->total_reason) {
        gm_costs_wide_t worse = notional - (gm_costs_wide_t)filled * o->decision_e9;
        if (open != 0)
            worse += (gm_costs_wide_t)open * (o->end_e9 - o->decision_e9);
        fits &= gm_costs_store(s * worse + o->fees_e9, &out->total_e9);
    }
    if (!fits)
        return GM_COSTS_RANGE;

    const gm_costs_wide_t denominator = no_decision ? 0 : (gm_costs_wide_t)ordered * o->decision_e9;
    out->delay_bps = gm_costs_bps(out->delay_e9, out->delay_reason, denominator);
    out->trading_bps = gm_costs_bps(out->trading_e9, out->trading_reason, denominator);
    out->opportunity_bps = gm_costs_bps(out->opportunity_e9, out->opportunity_reason, denominator);
    out->fees_bps = gm_costs_bps(out->fees_e9, out->fees_reason, denominator);
    out->total_bps = gm_costs_bps(out->total_e9, out->total_reason, denominator);
    return GM_COSTS_OK;
}

ptrdiff_t gm_order_averages(const gm_cost_sums_t *sums, double *average_price, int64_t *quantity)
{
    for (ptrdiff_t i = 0; i < sums->orders; i++) {
        const gm_fill_sum_t sum = gm_cost_sums_fill(sums, i);
        if (sum.quantity < 0)
            return i;
        average_price[i] = gm_fill_sum_vwap(&sum);
        quantity[i] = sum.quantity;
    }
    return sums->orders;
}

gm_costs_status_t gm_order_shortfalls(const gm_order_columns_t *c, const gm_cost_sums_t *sums, int order_basis,
                                      ptrdiff_t *bad)
{
    for (ptrdiff_t i = 0; i < sums->orders; i++) {
        const gm_order_cost_t order = {c->side[i],       c->order_quantity[i], c->decision_e9[i],
                                       c->arrival_e9[i], c->end_e9[i],         c->fees_e9[i]};
        const gm_fill_sum_t sum = gm_cost_sums_fill(sums, i);
        gm_shortfall_t parts;
        const gm_costs_status_t status = gm_shortfall(&order, &sum, order_basis, &parts);
        if (status != GM_COSTS_OK) {
            *bad = i;
            return status;
        }
        c->filled_quantity[i] = parts.filled_quantity;
        c->average_price[i] = gm_fill_sum_vwap(&sum);
        const int64_t money[5] = {parts.delay_e9, parts.trading_e9, parts.opportunity_e9, parts.fees_e9, parts.total_e9};
        const double bps[5] = {parts.delay_bps, parts.trading_bps, parts.opportunity_bps, parts.fees_bps, parts.total_bps};
        const uint8_t reason[5] = {parts.delay_reason, parts.trading_reason, parts.opportunity_reason, parts.fees_reason,
                                   parts.total_reason};
        for (int k = 0; k < 5; k++) {
            c->money[k][i] = money[k];
            c->bps[k][i] = bps[k];
            c->reason[k][i] = reason[k];
        }
    }
    return GM_COSTS_OK;
}

static inline double share(gm_costs_wide_t known, gm_costs_wide_t whole)
{
    return whole <= 0 ? NAN : (double)known / (double)whole;
}

gm_costs_status_t gm_fill_measures(const int64_t *side, const gm_cost_sums_t *s, const gm_fill_measures_t *out,
                                   ptrdiff_t *bad)
{
    for (ptrdiff_t i = 0; i < s->orders; i++) {
        if (side[i] != 1 && side[i] != -1) {
            *bad = i;
            return GM_COSTS_SIDE;
        }
        const gm_costs_wide_t *missing = s->missing == NULL ? NULL : s->missing + i * (s->horizons + 1);
        const gm_costs_wide_t notional = sum_of(s, i, 0);
        if (s->quotes) {
            const gm_costs_wide_t known = notional - (missing == NULL ? 0 : missing[0]);
            const gm_costs_wide_t earned = side[i] * sum_of(s, i, 2), there = sum_of(s, i, 3);
            gm_costs_wide_t half = -earned >> 1; /* towards minus infinity; then half to even */
            half += (earned & 1) && (half & 1);
            out->share[0][i] = share(known, notional);
            out->spread_e9[i] = GM_PRICE_UNKNOWN;
            if (known > 0 && !gm_costs_store(half, &out->spread_e9[i])) {
                *bad = i;
                return GM_COSTS_RANGE;
            }
            out->spread_bps[i] = known <= 0 ? NAN : -(double)earned / 2.0 / (double)known * 1e4;
            out->capture[i] = there <= 0 ? NAN : (double)earned / (double)there;
        }
        for (int k = 0; k < s->horizons; k++) {
            const gm_costs_wide_t known = notional - (missing == NULL ? 0 : missing[k + 1]);
            const gm_costs_wide_t gained = side[i] * sum_of(s, i, 2 + 2 * s->quotes + k);
            out->share[k + 1][i] = share(known, notional);
            out->markout_bps[k][i] = known <= 0 ? NAN : (double)gained / (double)known * 1e4;
        }
    }
    return GM_COSTS_OK;
}

ptrdiff_t gm_markouts(const int64_t *side, const int64_t *price_e9, const int64_t *mid_e9, ptrdiff_t n,
                      ptrdiff_t horizons, double *out)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        if ((side[i] != 1 && side[i] != -1) || price_e9[i] < 1)
            return i;
        for (ptrdiff_t h = 0; h < horizons; h++)
            out[i * horizons + h] = gm_markout_bps(side[i], price_e9[i], mid_e9[i * horizons + h]);
    }
    return n;
}

ptrdiff_t gm_spread_captures(const int64_t *side, const int64_t *price_e9, const int64_t *bid_e9,
                             const int64_t *ask_e9, ptrdiff_t n, double *out)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        if ((side[i] != 1 && side[i] != -1) || price_e9[i] < 1)
            return i;
        out[i] = gm_spread_capture(side[i], price_e9[i], bid_e9[i], ask_e9[i]);
    }
    return n;
}

ptrdiff_t gm_group_weighted(const int64_t *group, const int64_t *weight, const double *values, ptrdiff_t n,
                            ptrdiff_t width, double *sums, double *weights, ptrdiff_t groups)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        if (group[i] < 0 || group[i] >= groups || weight[i] < 0)
            return i;
        for (ptrdiff_t j = 0; j < width; j++) {
            const double x = values[i * width + j];
            if (x == x) {
                sums[group[i] * width + j] += (double)weight[i] * x;
                weights[group[i] * width + j] += (double)weight[i];
            }
        }
    }
    for (ptrdiff_t k = 0; k < groups * width; k++)
        sums[k] = weights[k] > 0.0 ? sums[k] / weights[k] : NAN;
    return n;
}
