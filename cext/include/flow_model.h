/* What the synthetic market's order flow is made of: rates, sizes, sides and the pace of the day. No book in here.
 *
 * Plain, it is zero-intelligence (Cont, Stoikov and Talreja, Operations Research 58, 2010; with a flat table of rates Smith, Farmer, Gillemot
 * and Krishnamurthy, Quantitative Finance 3, 2003): limit orders at each distance from the opposite best, market orders, and cancellations of
 * each resting order are independent Poisson processes. Everything below is off unless asked for, and then costs no draw:
 *
 *   sizes       Pareto numbers of round lots, or every order alike, instead of round and odd lots
 *   clustering  a Hawkes process of six types (limit, market, cancel by side) with one exponential kernel: an event of type j raises the
 *               intensity of type i by branching[i][j] * decay. Simulated by thinning (Ogata, IEEE Trans. Inf. Theory 27, 1981): between events
 *               intensities only fall, so the one behind the last event bounds them. The constant part is lowered so that mean rates remain.
 *   pace        a curve over the session: the flow's own time runs faster or slower (a time change, so it is exact), around it nothing else moves
 *   metaorders  a market order's side is that of one of so many hidden orders, each Pareto long (Lillo, Mike and Farmer, Phys. Rev. E 71, 2005)
 *   common      a random sign for each interval of time, the same for all symbols, leans the sides of market orders
 *   venue link  how many orders look at the consolidated quote; the others at their own venue's, and take there
 *   reaction    an own order that took is followed, at a random time, by one of the same size from others on the other side: impact decays
 *               (propagator: Bouchaud, Gefen, Potters and Wyart, Quantitative Finance 4, 2004); displayed own size leans sides
 *
 * Time is in nanoseconds, rates in events a nanosecond where the name does not say otherwise. */
#ifndef GM_FLOW_MODEL_H
#define GM_FLOW_MODEL_H

#include "random.h"

#define GM_FLOW_DISTANCES 1024
#define GM_FLOW_PAPER_DISTANCES 10
#define GM_FLOW_GUIDE 64
#define GM_FLOW_BINS 390
#define GM_FLOW_METAORDERS 64
#define GM_FLOW_TERMS 8
#define GM_FLOW_CALENDARS 8
#define GM_FLOW_REPLIES 512         /* that may wait, by symbol; what would come on top is not answered */
#define GM_FLOW_LOT 100             /* a round lot */
#define GM_FLOW_ALWAYS (INT64_MAX / 2)
#define GM_FLOW_LONGEST 1000000     /* orders that a metaorder is split into, at most */

enum gm_flow_type { GM_FLOW_LIMIT_BUY = 0, GM_FLOW_LIMIT_SELL, GM_FLOW_MARKET_BUY, GM_FLOW_MARKET_SELL, GM_FLOW_CANCEL_BUY, GM_FLOW_CANCEL_SELL,
                    GM_FLOW_TYPES };

/* Arrival rates of limit orders at 1..5 ticks, a side and a minute; beyond, 1.92 / i^0.52 (same paper, fitted). */
static const double GM_FLOW_LIMIT[GM_FLOW_PAPER_DISTANCES] = {
    1.85, 1.51, 1.09, 0.88, 0.77, 0.75620, 0.69796, 0.65113, 0.61245, 0.57980};
static const double GM_FLOW_CANCEL[GM_FLOW_PAPER_DISTANCES] = {0.71, 0.81, 0.68, 0.56, 0.47, 0.47, 0.47, 0.47, 0.47, 0.47};
#define GM_FLOW_MARKET 0.94

/* Sessions of one calendar, ascending and apart. */
typedef struct gm_flow_calendar {
    const int64_t* opens;
    const int64_t* closes;
    int64_t count;
} gm_flow_calendar_t;

typedef struct gm_flow_model {
    int32_t distances;                  /* limit orders come at 1 .. distances ticks from the opposite best */
    double limit[GM_FLOW_DISTANCES];    /* arrivals a side and minute, one after the other */
    double cancel[GM_FLOW_DISTANCES];   /* departures of a resting order a minute; farther away as at the last */
    double market;                      /* a side and minute */
    double reach[GM_FLOW_DISTANCES];    /* cumulative `limit` */
    double arrival;                     /* its total */
    double cancel_max;
    uint16_t guide[GM_FLOW_GUIDE];      /* where the search for a distance begins */

    int64_t unit;                       /* every order has this size; 0: not */
    double tail;                        /* sizes are Pareto with this exponent; 0: not */
    int64_t lots_max;
    double mean_size;

    int32_t clustered;
    double branching[GM_FLOW_TYPES][GM_FLOW_TYPES];     /* [i][j]: events of type i that one of type j brings about */
    double decay;                                       /* of an excitation, a nanosecond of the flow's time */
    double constant[GM_FLOW_TYPES];                     /* what is left of the constant rates; 1 without clustering */
    double cancel_top;                                  /* the highest rate of a departure that is constant */

    int32_t bins;                       /* 0: one pace */
    double pace[GM_FLOW_BINS];          /* by bin of the session, 1 on average */

    int32_t metaorders;
    double metaorder_tail;

    double common;
    int64_t common_ns;

    double link;                        /* 1: every order looks at the consolidated quote */

    double reversion;                   /* chance that an own order that took is answered */
    int32_t terms;                      /* exponentials that the time until then is made of */
    double weight[GM_FLOW_TERMS];       /* they add up to 1 */
    double relax[GM_FLOW_TERMS];        /* a nanosecond of the flow's time */
    double displayed;
    int32_t leans;                      /* are there reasons to lean sides? */
} gm_flow_model_t;

/* A market order of others to come. */
typedef struct gm_flow_reply {
    int64_t quantity;                   /* negative: sells */
    int32_t term;                       /* of whose exponential its time is */
    int32_t reserved;
} gm_flow_reply_t;

/* The generator of one symbol, and what of it changes from event to event. */
typedef struct gm_flow_state {
    gm_random_t random;
    double until[GM_FLOW_CANCEL_BUY];   /* cumulative constant rates: limit orders to buy, to sell, market orders to buy, to sell */
    double cancels;                     /* of one resting order, at the highest rate */
    double bound;                       /* the total rate that the next event was drawn with */
    double waited;                      /* how long, in the flow's time */
    double slowness;                    /* clock nanoseconds for one of the flow, until */
    int64_t pace_until;
    double excited[GM_FLOW_TYPES];
    double answering;                   /* rate of replies */
    int32_t waiting;                    /* replies */
    int32_t reserved;
    int8_t side[GM_FLOW_METAORDERS];
    int32_t left[GM_FLOW_METAORDERS];
} gm_flow_state_t;

/* ---- arrivals and sizes ---- */

/* A limit order's distance less one: the first whose cumulative rate is above the draw. */
static inline int32_t gm_flow_distance(const gm_flow_model_t* m, gm_random_t* random) {
    const double unit = gm_random_unit(random), u = unit * m->arrival;
    int32_t i = m->guide[(int32_t)(unit * GM_FLOW_GUIDE)];
    while (i > 0 && u < m->reach[i - 1]) i--;       /* where rounding put the guide one too far */
    while (i < m->distances - 1 && u >= m->reach[i]) i++;
    return i;
}

/* A whole number from 1 up with P(X >= k) = k^-tail, at most `most`. */
static inline int64_t gm_flow_pareto(gm_random_t* random, double tail, int64_t most) {
    const double down = gm_exp(gm_log(1.0 - gm_random_unit(random)) / tail);
    return down * (double)most <= 1.0 ? most : (int64_t)(1.0 / down);
}

/* Round lots, geometric with mean 1.6 lots, and one order in seven an odd lot; or as the model says. */
static inline int64_t gm_flow_size(const gm_flow_model_t* m, gm_random_t* random) {
    uint64_t r;
    int64_t lots = 1;
    if (m->unit) return m->unit;
    if (m->tail > 0.0) return GM_FLOW_LOT * gm_flow_pareto(random, m->tail, m->lots_max);
    r = gm_random_next(random);
    if (r % 7 == 0) return 1 + (int64_t)((r >> 8) % 99);
    for (r >>= 16; (r & 15) < 6 && lots < 12; r >>= 4) lots++;
    return lots * GM_FLOW_LOT;
}

/* E X = sum of P(X >= k). */
static inline double gm_flow_mean_size(const gm_flow_model_t* m) {
    double lots = 0.0, chance = 1.0;
    if (m->unit) return (double)m->unit;
    if (m->tail > 0.0) {
        for (int64_t k = 1; k <= m->lots_max; k++) lots += gm_exp(m->tail * gm_log(1.0 / (double)k));
        return GM_FLOW_LOT * lots;
    }
    for (int k = 0; k < 12; k++, chance *= 6.0 / 16.0) lots += chance;
    return (6.0 * GM_FLOW_LOT * lots + 50.0) / 7.0;
}

/* What follows from the rest, after that has been set. */
static inline void gm_flow_model_settle(gm_flow_model_t* m) {
    int32_t i = 0;
    m->arrival = m->cancel_max = 0.0;
    for (int32_t k = 0; k < m->distances; k++) {
        m->reach[k] = (m->arrival += m->limit[k]);
        if (m->cancel[k] > m->cancel_max) m->cancel_max = m->cancel[k];
    }
    for (int32_t g = 0; g < GM_FLOW_GUIDE; g++) {
        while (i < m->distances - 1 && m->reach[i] <= m->arrival * g / GM_FLOW_GUIDE) i++;
        m->guide[g] = (uint16_t)i;
    }
    m->cancel_top = m->constant[GM_FLOW_CANCEL_BUY] > m->constant[GM_FLOW_CANCEL_SELL] ? m->constant[GM_FLOW_CANCEL_BUY] : m->constant[GM_FLOW_CANCEL_SELL];
    m->cancel_top *= m->cancel_max;
    m->mean_size = gm_flow_mean_size(m);
    m->leans = m->metaorders > 0 || m->common > 0.0 || m->displayed > 0.0;
}

/* ---- the pace of the day ---- */

/* Finds the pace at `t` and how long it lasts: 1 outside of sessions and where none is known. */
static inline void gm_flow_pace_at(const gm_flow_model_t* m, const gm_flow_calendar_t* c, gm_flow_state_t* f, int64_t t) {
    int64_t low = 0, high = c->count, length, bin;
    f->slowness = 1.0;
    f->pace_until = GM_FLOW_ALWAYS;
    if (m->bins == 0) return;
    while (low < high) {                            /* the first session that ends after t */
        const int64_t middle = low + (high - low) / 2;
        if (c->closes[middle] > t) high = middle; else low = middle + 1;
    }
    if (low == c->count) return;
    if (t < c->opens[low]) {
        f->pace_until = c->opens[low];
        return;
    }
    length = c->closes[low] - c->opens[low];
    bin = (t - c->opens[low]) * m->bins / length;
    f->slowness = 1.0 / m->pace[bin];
    f->pace_until = c->opens[low] + ((bin + 1) * length + m->bins - 1) / m->bins;
}

/* The clock's time when `wait` of the flow's has passed since `t`. Never beyond 9e17 ahead. */
static inline int64_t gm_flow_after(const gm_flow_model_t* m, const gm_flow_calendar_t* c, gm_flow_state_t* f, int64_t t, double wait) {
    const int64_t last = t + (int64_t)9e17;
    while (__builtin_expect(wait * f->slowness >= (double)(f->pace_until - t), 0)) {
        if (f->pace_until >= last) break;
        wait -= (double)(f->pace_until - t) / f->slowness;
        if (wait < 0.0) wait = 0.0;
        t = f->pace_until;
        gm_flow_pace_at(m, c, f, t);
    }
    wait *= f->slowness;
    return wait < (double)(last - t) ? t + (int64_t)wait : last;
}

static inline int8_t gm_flow_coin(gm_random_t* random) { return gm_random_next(random) >> 63 ? 1 : -1; }

static inline void gm_flow_metaorder(const gm_flow_model_t* m, gm_flow_state_t* f, int32_t k) {
    f->side[k] = gm_flow_coin(&f->random);
    f->left[k] = (int32_t)gm_flow_pareto(&f->random, m->metaorder_tail, GM_FLOW_LONGEST);
}

/* A symbol's rates: `per_ns` and `cancel_per_ns` times those of the model, of arrivals and of departures. */
static inline void gm_flow_begin(const gm_flow_model_t* m, gm_flow_state_t* f, double per_ns, double cancel_per_ns) {
    double sum = 0.0;
    for (int i = 0; i < GM_FLOW_CANCEL_BUY; i++)
        f->until[i] = (sum += (i < GM_FLOW_MARKET_BUY ? m->arrival : m->market) * m->constant[i] * per_ns);
    f->cancels = m->cancel_top * cancel_per_ns;
    f->slowness = 1.0;
    for (int32_t k = 0; k < m->metaorders; k++) gm_flow_metaorder(m, f, k);
}

/* ---- clustering ---- */

static inline double gm_flow_excitement(const gm_flow_state_t* f) {
    return f->excited[0] + f->excited[1] + f->excited[2] + f->excited[3] + f->excited[4] + f->excited[5];
}

static inline void gm_flow_relax(const gm_flow_model_t* m, gm_flow_state_t* f) {
    const double left = gm_exp(-m->decay * f->waited);
    for (int i = 0; i < GM_FLOW_TYPES; i++) f->excited[i] *= left;
}

static inline void gm_flow_excite(const gm_flow_model_t* m, gm_flow_state_t* f, int type) {
    for (int i = 0; i < GM_FLOW_TYPES; i++) f->excited[i] += m->branching[i][type] * m->decay;
}

/* ---- sides ---- */

/* The sign that all symbols share at `t`: the first bit of a hash of the interval. */
static inline double gm_flow_common(const gm_flow_model_t* m, uint64_t seed, int64_t t) {
    const int64_t interval = t / m->common_ns - (t % m->common_ns < 0);
    uint64_t state = seed ^ (uint64_t)interval * 0xd1342543de82ef95ULL ^ 0x636f6d6d6f6eULL;
    return gm_splitmix64(&state) >> 63 ? 1.0 : -1.0;
}

/* P(buy) = (1 + lean) / 2 of a side that was even: who stands against it turns with chance |lean|. */
static inline int8_t gm_flow_lean(gm_random_t* random, int8_t side, double lean) {
    if (lean > 1.0) lean = 1.0;
    if (lean < -1.0) lean = -1.0;
    return side * lean < 0.0 && gm_random_unit(random) < (lean < 0.0 ? -lean : lean) ? (int8_t)-side : side;
}

/* ---- replies to own orders ---- */

/* Their rate, added up anew: they are few, and a sum kept would drift. */
static inline void gm_flow_await(const gm_flow_model_t* m, gm_flow_state_t* f, const gm_flow_reply_t* replies) {
    f->answering = 0.0;
    for (int32_t i = 0; i < f->waiting; i++) f->answering += m->relax[replies[i].term];
}

/* An own order took `quantity` (negative: sold): others may want to sell that again. */
static inline void gm_flow_feel(const gm_flow_model_t* m, gm_flow_state_t* f, gm_flow_reply_t* replies, int64_t quantity) {
    double u = gm_random_unit(&f->random);
    int32_t k = 0;
    if (u >= m->reversion || f->waiting == GM_FLOW_REPLIES) return;
    u /= m->reversion;
    while (k < m->terms - 1 && u >= m->weight[k]) u -= m->weight[k++];
    replies[f->waiting].quantity = -quantity;
    replies[f->waiting++].term = k;
    gm_flow_await(m, f, replies);
}

/* Whose time has come, with `u` of the replies' rate. */
static inline gm_flow_reply_t gm_flow_answer(const gm_flow_model_t* m, gm_flow_state_t* f, gm_flow_reply_t* replies, double u) {
    gm_flow_reply_t reply;
    int32_t i = 0;
    while (i < f->waiting - 1 && u >= m->relax[replies[i].term]) u -= m->relax[replies[i++].term];
    reply = replies[i];
    replies[i] = replies[--f->waiting];
    gm_flow_await(m, f, replies);
    return reply;
}

#endif
