/* Streaming estimators of market microstructure: one quote change, trade or book update at a time, no allocation, bounded state.
 *
 * Sums of prices, sizes and times are integers, so that they do not depend on how the messages were cut into batches; doubles
 * are ratios and what is exponential in time. Whatever can be computed from a bar or a sum is computed by who asks, not here.
 *
 *   quote        best levels of both sides; a quote counts while both sides are there and the bid is not above the ask
 *   trades       sign told by the feed, else Lee and Ready (1991): against the mid before the trade, at the mid the tick test
 *   pending      a ring of trades that wait for the mid 1 s, 10 s ... later (realized spread)
 *   bars         a ring of bars of equal length, aligned to the epoch: look-backs, Kyle's lambda, Amihud, realised volatility
 *   VPIN         bars split by bulk classification into buckets of equal volume (Easley, Lopez de Prado and O'Hara 2012)
 *   Hawkes       lambda(t) = mu + sum alpha exp(-beta (t - t_i)) over trades, and its log likelihood
 *   sweeps       an order that takes the touch: the spread's excess over the usual one (its average over two bars), and how fast that goes
 *
 * A mid is kept doubled, in 1e-9: bid + ask. Time that goes back is taken as standing still (`late` counts it); a silence longer
 * than gap_ns is a break: nothing is counted over it, and what compares with the state before it begins anew. */
#ifndef GM_FLOW_H
#define GM_FLOW_H

#include <math.h>
#include "feed.h"
#include "market.h"

#define GM_STREAM_LEVELS 10
#define GM_STREAM_HORIZONS 4
#define GM_STREAM_DELAYS 4              /* of recovery: at once, then three; the last is the window's end */
#define GM_STREAM_PRICE_MAX ((int64_t)1 << 53)      /* above the highest price that the engine knows, 2^23 */
#define GM_STREAM_QUANTITY_MAX ((int64_t)1 << 53)

typedef struct gm_stream_options {
    int64_t bar_ns;
    int64_t gap_ns;                     /* at most bars * bar_ns */
    int64_t horizon_ns[GM_STREAM_HORIZONS];
    int64_t delay_ns[GM_STREAM_DELAYS]; /* ascending, the first 0 */
    int64_t vpin_bucket;                /* volume; 0: no VPIN */
    int32_t levels;                     /* of a side, 1 to GM_STREAM_LEVELS */
    int32_t bars, trades, changes, buckets;     /* capacities of the rings */
    int32_t trust_sides;                /* a side that the feed tells is believed */
    double vpin_sigma;                  /* of a bar's price change, in the currency; 0: from the bars so far */
    double sweep_share;                 /* of the touch's quantity that a trade must take */
    double reference_spread;            /* a fraction: the scale of a bar's depth */
    double hawkes_mu, hawkes_alpha, hawkes_beta;    /* per second; mu 0: no Hawkes process */
} gm_stream_options_t;

typedef struct gm_bar {
    int64_t start_ns;
    int64_t open_e9, high_e9, low_e9, close_e9;     /* of its trades; GM_NO_PRICE without any */
    int64_t volume, buy_volume, sell_volume, trades;
    int64_t ofi;                        /* order flow imbalance at the touch */
    int64_t quoted_ns;                  /* how long there was a quote */
    int64_t mid2_open, mid2_close;      /* doubled mids at its begin and end; 0: no quote then */
    int64_t whole;                      /* 1: heard from its begin to its end */
    gm_i128 notional;                   /* sum of price_e9 * quantity */
    gm_i128 spread_ns;                  /* integral of the spread, 1e-9 * ns */
    double relative_ns;                 /* integral of spread / mid, ns */
    double depth;                       /* at its end: min over sides of sum q exp(-|p - mid| / (2 S0 mid)); NaN: no quote */
} gm_bar_t;

typedef struct gm_pending {
    int64_t time_ns, price2_e9, mid2_e9;
    double notional;
    int64_t sign;
} gm_pending_t;

/* Sums over trades whose later mid is known. w: the trade's money. */
typedef struct gm_realized {
    int64_t count, unquoted, dropped;   /* trades; those without a mid then; those that the ring had no room for */
    int64_t next;                       /* the first trade, counted from the begin, that waits */
    double weight, weighted_effective, weighted_realized, effective, realized;
} gm_realized_t;

typedef struct gm_stream {
    gm_stream_options_t o;
    gm_bar_t* bars;
    gm_pending_t* pending;
    int64_t* changes;
    double* buckets;

    int64_t began_ns, now_ns;           /* GM_NO_TIME: nothing heard yet */
    int64_t heard_ns;                   /* of the last message; now_ns may be behind it */
    int64_t since_ns;                   /* the standing quote is counted up to here */
    int64_t due_ns;                     /* time beyond it has more to do than to pass */
    int64_t bar_end_ns;
    int64_t messages, late, breaks, refused;

    /* quote */
    int64_t price_e9[2][GM_STREAM_LEVELS];      /* bids, asks; beyond count: the worst there is, with quantity 0 */
    int64_t quantity[2][GM_STREAM_LEVELS];
    int32_t count[2];
    int32_t seen[2];                    /* there is a state to compare with */
    int32_t quoted;
    int64_t spread_e9, mid2_e9;
    double relative;                    /* spread / mid */
    int64_t quoted_ns;
    gm_i128 spread_ns;
    double relative_ns;
    int64_t ofi[GM_STREAM_LEVELS];

    /* of a book that feeds it */
    int64_t worst[2];                   /* tick of the last level known, if all are */
    int32_t bounded[2];
    int32_t dirty[2];
    int64_t sequence, pending_ns;       /* of the event whose rows are coming in */
    int32_t event_open;

    /* trades */
    int64_t buys, sells, unsigned_trades;
    int64_t buy_volume, sell_volume, volume;
    int64_t last_e9;                    /* 0: none */
    int64_t direction;                  /* of the last different price */
    gm_i128 notional;
    int64_t effective_count, effective_volume;
    gm_i128 effective_cost;             /* sum of d (2p - 2m) q, 1e-9: what was paid against the mid, twice */
    double weight, weighted_effective, effective;
    int64_t pending_head;               /* trades ever put there */
    gm_realized_t realized[GM_STREAM_HORIZONS];

    /* serial covariance of the last price changes (Roll) */
    int64_t changes_head;
    gm_i128 change_sum, change_product;

    /* bars */
    gm_bar_t bar;
    int64_t bars_head;
    int32_t sampled;                    /* a bar's depth is told from outside, */
    int32_t sample_due;                 /* and has not been yet */

    /* VPIN */
    int64_t vpin_close_e9;              /* 0: none */
    int64_t vpin_changes;               /* for its sigma: */
    double vpin_mean, vpin_squares;     /* their mean, and the sum of squares off it */
    double bucket_volume, bucket_buys;
    int64_t buckets_head;

    /* Hawkes */
    int64_t hawkes_ns, hawkes_count;
    double hawkes_sum, hawkes_log;      /* sum of exp(-beta (t - t_i)) at hawkes_ns; sum of ln lambda(t_i) */

    /* sweeps */
    int64_t run_ns, run_sign, run_quantity, run_touch, run_spread_e9;
    int32_t run_quoted, recovering;
    int64_t sweep_ns, sweep_base_e9;
    int64_t excess_e9[GM_STREAM_DELAYS];
    gm_i128 excess_ns;
    int64_t sweeps, widened, sweeps_lost;   /* followed to the end; those of them that made it wider than usual; broken off */
    gm_i128 sum_excess[GM_STREAM_DELAYS], sum_excess_ns;

    int32_t busy;                       /* a loop without the GIL is at it */
} gm_stream_t;

/* Rings are reserved here and nowhere else; options have been checked. */
int gm_stream_init(gm_stream_t* s, const gm_stream_options_t* o);
void gm_stream_free(gm_stream_t* s);
/* The state and its rings, into a stream of the same options. */
void gm_stream_copy(gm_stream_t* to, const gm_stream_t* from);

void gm_stream_advance(gm_stream_t* s, int64_t time_ns);
/* Levels best first; sides: bit 0 bids, bit 1 asks, the other stays as it is. */
void gm_stream_levels(gm_stream_t* s, int64_t time_ns, int sides, const int64_t* const price_e9[2], const int64_t* const quantity[2], const int32_t count[2]);
/* side: of who took, 0 if nobody told. */
void gm_stream_trade(gm_stream_t* s, int64_t time_ns, int64_t price_e9, int64_t quantity, int side);
/* Messages of a feed through a book; what did not fit the book, as gm_feed_apply tells it. */
int64_t gm_stream_apply(gm_stream_t* s, gm_feed_t* f, gm_book_t* b, const gm_message_t* rows, int64_t n, int whole, int64_t* first, int* what);

/* Every sum as it is, in the order of FlowEstimators.state (microstructure/flow.py); 128 bits are two numbers, the high one first. */
#define GM_STREAM_NUMBERS 79
#define GM_STREAM_REALS 29
void gm_stream_numbers(const gm_stream_t* s, int64_t* numbers, double* reals);
/* The closed bar that is the `back`th from the last, or (0) the open one with the standing quote counted up to now. */
#define GM_BAR_NUMBERS 12
#define GM_BAR_REALS 6
void gm_stream_bar(const gm_stream_t* s, int64_t back, int64_t* numbers, double* reals);

/* An ear at an engine's venues (venues.h): the consolidated best and the prints of one symbol. */
void gm_stream_tap(gm_tap_t* tap, gm_stream_t* s);

/* ---- a ladder: best levels of both sides ---- */

typedef struct gm_ladder {
    int64_t* price_e9[2];               /* bids, asks */
    int64_t* quantity[2];
    int32_t count[2];
} gm_ladder_t;

/* How far the average price of `quantity`, taken from a side, lies beyond the mid, in currency. *filled: what there was of it. */
static inline double gm_ladder_impact(const gm_ladder_t* l, int side, int64_t quantity, int64_t* filled) {
    gm_i128 money = 0, at_mid2;
    int64_t left = quantity;
    for (int32_t k = 0; k < l->count[side] && left > 0; k++) {
        const int64_t part = l->quantity[side][k] < left ? l->quantity[side][k] : left;
        money += (gm_i128)l->price_e9[side][k] * part;
        left -= part;
    }
    *filled = quantity - left;
    at_mid2 = ((gm_i128)l->price_e9[0][0] + l->price_e9[1][0]) * quantity;
    return (double)(side == 1 ? 2 * money - at_mid2 : at_mid2 - 2 * money) / (2e9 * (double)quantity);
}

static inline double gm_ladder_total(const gm_ladder_t* l, int side) {
    double sum = 0.0;
    for (int32_t k = 0; k < l->count[side]; k++) sum += (double)l->quantity[side][k];
    return sum;
}

/* Each level counts exp(-place / decay): the best 1. */
static inline double gm_ladder_by_place(const gm_ladder_t* l, int side, double decay) {
    double sum = 0.0, weight = 1.0;
    const double factor = exp(-1.0 / decay);
    for (int32_t k = 0; k < l->count[side]; k++, weight *= factor) sum += weight * (double)l->quantity[side][k];
    return sum;
}

/* Each level counts exp(-|p - mid| / (2 S0 mid)), S0 a fraction. */
static inline double gm_ladder_by_distance(const gm_ladder_t* l, int side, double reference_spread) {
    const double mid2 = (double)l->price_e9[0][0] + (double)l->price_e9[1][0], scale = -1.0 / (2.0 * reference_spread * mid2);
    double sum = 0.0, weight = 1.0, factor = 1.0, before = 0.5 * mid2, step = 0.0;
    for (int32_t k = 0; k < l->count[side]; k++) {          /* levels mostly lie evenly: one exponential for all of the same step */
        const double price = (double)l->price_e9[side][k], gap = fabs(price - before);
        if (gap != step) {
            step = gap;
            factor = exp(2.0 * gap * scale);
        }
        weight *= factor;
        before = price;
        sum += (double)l->quantity[side][k] * weight;
    }
    return sum;
}

#endif
