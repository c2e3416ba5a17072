/* The way between an engine and the venues that are simulated in its process: a market that stands before another one and passes on,
 * later, what each says to the other. The inner market writes to a table of venues of its own, which is the truth; the engine's table
 * shows what has arrived of it.
 *
 *   out    a command: a copy of the order's row and terms as they were when it was sent
 *   in     a report; `venue_time_ns` stays the venue's
 *   feed   quotes, volumes, prints, halts; the time of a quote stays the venue's
 *
 * Each is a parcel with the time at which it is due, in one heap by (due, sequence), so that a symbol's messages and the reports between
 * them keep their order wherever they take equally long. A way (a venue's commands, its reports, its feed of one symbol) is FIFO: a drawn
 * delay does not overtake, as on a TCP connection. Each way draws from a generator of its own, so that its delays depend on the seed and on
 * what went that way before, not on when anybody looks.
 *
 * The inner market never lives past a parcel that is due: what the engine answers can reach a venue at its time. A command finds its venue as
 * it is when it arrives. What a venue has filled of an order is counted here (`executed`), since the engine may not know yet.
 *
 * With room for fewer than GM_LINK_MARGIN parcels the earliest arrive before their time, in their order, and `hurried` counts them; none
 * is lost. Faults on order are in faults.h. */
#ifndef GM_LINK_H
#define GM_LINK_H

#include <math.h>
#include "faults.h"
#include "orders.h"

#define GM_LINK_PARCELS (1 << 20)
#define GM_LINK_MARGIN (1 << 19)            /* more than one command, event or slice brings */
#define GM_LINK_SLICE_NS 10000000           /* a symbol that lives by itself is brought to now in such steps */

enum gm_delays { GM_DELAY_FIXED = 0, GM_DELAY_UNIFORM, GM_DELAY_EXPONENTIAL, GM_DELAY_LOGNORMAL, GM_DELAYS_END };

/* How long a venue's ways take: the time given, and a drawn addition of mean jitter_ns. */
typedef struct gm_path {
    int64_t out_ns, in_ns, feed_ns;
    int64_t jitter_ns;
    int32_t distribution;                   /* gm_delays */
    int32_t reserved;
} gm_path_t;

/* One way: its generator (SplitMix64) and when its latest message arrives. */
typedef struct gm_way { uint64_t stream; int64_t last_ns; } gm_way_t;

enum gm_way_kind { GM_WAY_OUT = 1, GM_WAY_IN, GM_WAY_FEED, GM_WAY_FAULTS };

static inline uint64_t gm_way_stream(uint64_t seed, int32_t kind, int32_t venue, int32_t symbol) {
    uint64_t state = seed;
    state = gm_splitmix64(&state) ^ ((uint64_t)(uint32_t)(symbol + 1) << 16 | (uint64_t)kind << 8 | (uint64_t)venue);
    return gm_splitmix64(&state);
}

static inline double gm_stream_unit(uint64_t* stream) { return (double)(gm_splitmix64(stream) >> 11) * 0x1p-53; }     /* [0, 1) */

/* A standard normal variate by the polar method (Marsaglia and Bray 1964), one of its two. */
static inline double gm_stream_normal(uint64_t* stream) {
    double u, v, s;
    do {
        u = 2.0 * gm_stream_unit(stream) - 1.0;
        v = 2.0 * gm_stream_unit(stream) - 1.0;
        s = u * u + v * v;
    } while (s >= 1.0 || s == 0.0);
    return u * sqrt(-2.0 * gm_log(s) / s);
}

/* A delay: base_ns and a draw of mean jitter_ns, uniform up to twice that, exponential, or lognormal of shape 1. */
static inline int64_t gm_path_delay(const gm_path_t* p, int64_t base_ns, uint64_t* stream) {
    double x;
    switch (p->distribution) {
    case GM_DELAY_UNIFORM: x = 2.0 * gm_stream_unit(stream); break;
    case GM_DELAY_EXPONENTIAL: x = -gm_log(1.0 - gm_stream_unit(stream)); break;
    case GM_DELAY_LOGNORMAL: x = gm_exp(gm_stream_normal(stream) - 0.5); break;
    default: return base_ns;
    }
    return base_ns + (int64_t)(x * (double)p->jitter_ns);
}

/* When a message arrives that is sent at sent_ns and held up for extra_ns: not before the one sent before it. */
static inline int64_t gm_way_due(const gm_path_t* p, int64_t base_ns, gm_way_t* way, int64_t sent_ns, int64_t extra_ns) {
    const int64_t due = sent_ns + gm_path_delay(p, base_ns, &way->stream) + extra_ns;
    if (due > way->last_ns) way->last_ns = due;
    return way->last_ns;
}

enum gm_parcel_kind {
    GM_PARCEL_ORDER = 1, GM_PARCEL_CANCEL, GM_PARCEL_REPLACE, GM_PARCEL_REPORT,
    GM_PARCEL_REVISION,                     /* at the venue: a bust or a correction is decided */
    GM_PARCEL_DOWN, GM_PARCEL_UP,           /* a connection breaks, is there again */
    GM_PARCEL_QUOTE, GM_PARCEL_VOLUME, GM_PARCEL_PRINT, GM_PARCEL_HALT      /* the feed: from here on */
};

typedef struct gm_parcel {
    int64_t due_ns;
    int64_t sequence;
    int64_t sent_ns;
    int32_t venue, symbol;
    int32_t next;                           /* free list */
    uint8_t kind;                           /* gm_parcel_kind */
    uint8_t refused;                        /* of a command: the venue will */
    uint8_t answers;                        /* of a report: the first word after a command */
    uint8_t own;                            /* of a print; of a halt: it begins */
    union {
        struct { gm_order_t order; gm_terms_t terms; } command;
        gm_report_t report;
        gm_quote_t quote;                   /* of VOLUME: volume and last price; of PRINT: volume and last price of that alone */
    } u;
} gm_parcel_t;

/* One venue's connection. */
typedef struct gm_lane {
    gm_path_t path;
    gm_faults_t faults;
    gm_way_t out, in;
    uint64_t draws;                         /* generator of the faults */
    int64_t up_ns;                          /* while it is down: until when */
    int32_t down;
    int32_t enabled;                        /* as configured */
} gm_lane_t;

typedef struct gm_link {
    gm_market_t market;
    gm_market_t* inner;
    gm_relay_t relay;
    int32_t symbols;                        /* rows reserved by symbol */
    int32_t symbol_count;                   /* in use */
    int64_t start_ns;
    gm_parcel_t* parcels;                   /* [GM_LINK_PARCELS] */
    int32_t* heap;
    int32_t heap_count, used, free_head;
    int64_t sequence;
    gm_way_t* feed;                         /* [symbol * GM_MAX_VENUES + venue] */
    int64_t* touched_ns;                    /* [symbol] how far it has lived; 0: not begun */
    int64_t* executed;                      /* [order_id] what its venue has filled */
    uint64_t seed;
    int64_t told_ns;                        /* of the inner table's last news */
    int64_t horizon_ns;                     /* how far the inner market lives in one go */
    int32_t opening;                        /* a symbol's past before the begin: nobody has to wait for it */
    int32_t inside;                         /* the inner market is at work */
    int32_t answered;
    gm_order_t serving;                     /* the command that is at its venue now; order_id 0: none */
    gm_terms_t serving_terms;
    int64_t hurried;
    int64_t injected[GM_FAULT_END];
    int64_t lost;                           /* messages that a broken connection has lost */
    int64_t held_back;                      /* reports told again once it was there again */
    gm_lane_t lanes[GM_MAX_VENUES];
} gm_link_t;

/* Puts a link before `inner`, whose venues are another table of the same venues. Paths and faults are set afterwards. */
int gm_link_init(gm_link_t* l, gm_venues_t* venues, gm_market_t* inner, int32_t symbol_count, uint64_t seed);
void gm_link_free(gm_link_t* l);

#endif
