/* Venues as contiguous columns, and the quotes at them: one row of quotes a symbol, so that scoring walks memory in order. */
#ifndef GM_VENUES_H
#define GM_VENUES_H

#include <string.h>
#include "capture.h"
#include "records.h"
#include "mapping.h"

#define GM_MAX_VENUES 64
enum gm_venue_class { GM_EXCHANGE = 1, GM_ECN, GM_DARK_POOL, GM_WHOLESALER };

/* What was printed in a symbol, over all venues: own fills apart, so that a benchmark can leave them out. */
typedef struct gm_tape {
    int64_t volume;                         /* others' and ours */
    int64_t own_volume;
    gm_i128 notional;                       /* sum of price_e9 * quantity */
    gm_i128 own_notional;
    int64_t trades;
    int64_t first_e9, last_e9;              /* GM_NO_PRICE in `trades` == 0 */
} gm_tape_t;

static inline void gm_tape_print(gm_tape_t* t, int64_t price_e9, int64_t quantity, int own) {
    gm_i128 notional = (gm_i128)price_e9 * quantity;
    if (t->trades++ == 0) t->first_e9 = price_e9;
    t->last_e9 = price_e9;
    t->volume += quantity;
    t->notional += notional;
    if (own) {
        t->own_volume += quantity;
        t->own_notional += notional;
    }
}

/* Somebody who listens to one symbol (flow.h): told of each change of its quotes and of each print, by whoever owns the core. */
typedef struct gm_venues gm_venues_t;
typedef struct gm_tap gm_tap_t;
struct gm_tap {
    void* self;
    void* market;                           /* the gm_market_t behind the venues; NULL: not known */
    void (*quote)(gm_tap_t* t, const gm_venues_t* v, int32_t symbol, int64_t time_ns);
    void (*print)(gm_tap_t* t, int64_t price_e9, int64_t quantity, int64_t time_ns);
    gm_tap_t* next;                         /* who hears the same symbol beside it; NULL: nobody */
};

/* Somebody who passes on all that is said here, in its order (link.h). `volume` tells of the last price with it. */
typedef struct gm_relay gm_relay_t;
struct gm_relay {
    void* self;
    void (*quote)(gm_relay_t* r, int32_t symbol, int32_t venue, int64_t time_ns);       /* also one that is what it was */
    void (*volume)(gm_relay_t* r, int32_t symbol, int32_t venue);
    void (*print)(gm_relay_t* r, int32_t symbol, int32_t venue, int64_t price_e9, int64_t quantity, int own, int64_t time_ns);
    void (*halt)(gm_relay_t* r, int32_t symbol, int32_t venue, int halted, int64_t time_ns);
};

/* What scoring adds for a venue in a symbol, as fractions of the mid but for `unfilled` and `hidden`. */
enum gm_weight { GM_WEIGHT_FILL = 0, GM_WEIGHT_ADVERSE, GM_WEIGHT_LATENCY, GM_WEIGHT_HIDDEN, GM_WEIGHT_END };
typedef struct gm_learned {
    double unfilled;                        /* weight * the share that is not filled where it rests: pays for taking instead */
    double adverse;                         /* weight * the move against what was filled resting */
    double slippage;                        /* weight * fade * volatility over the way there */
    int64_t hidden;                         /* weight * what an immediate order has met there beyond the displayed size, units */
} gm_learned_t;

/* After how many in a row a venue is taken out (0: never), and for how long. */
typedef struct gm_breaker_terms { int32_t rejects, unanswered, disconnects, reserved; int64_t cool_down_ns; } gm_breaker_terms_t;

struct gm_venues {
    int32_t count;
    int32_t symbols;                        /* rows reserved in `quotes` */
    int32_t kind[GM_MAX_VENUES];            /* gm_venue_class */
    int32_t priority[GM_MAX_VENUES];        /* lower wins a tie */
    int32_t enabled[GM_MAX_VENUES];
    int64_t take_fee_e9[GM_MAX_VENUES];     /* per unit; negative: a rebate */
    int64_t make_fee_e9[GM_MAX_VENUES];
    int64_t max_order_size[GM_MAX_VENUES];  /* 0: none */
    int64_t min_size[GM_MAX_VENUES];
    int64_t tick_e9[GM_MAX_VENUES];         /* limit prices are on it; 0: on the instrument's */
    uint64_t coarse;                        /* bits: those with a tick of their own */
    int64_t latency_ns[GM_MAX_VENUES];
    int64_t auction_fee_e9[GM_MAX_VENUES];  /* per unit that trades in an auction there */
    int64_t improvement[GM_MAX_VENUES];     /* of a wholesaler: inside the quote by so much of the mid, 1e-9 of it */
    gm_quote_t* quotes;                     /* [symbol * GM_MAX_VENUES + venue]; written through the functions below alone */
    struct gm_nbbo* best;                   /* [symbol] their consolidation, where `is_best` */
    uint8_t* is_best;                       /* [symbol] nothing has changed since it was made */
    gm_tape_t* tapes;                       /* [symbol] */
    int64_t updates;                        /* the feed sequence: quotes that changed, prints, venues that came or went */
    gm_capture_t* capture;                  /* NULL: none */
    uint64_t supports[GM_MAX_VENUES];       /* GM_NEED_*: what it takes */
    uint8_t barred[GM_MAX_VENUES];          /* a latch stands (latches.h) */
    /* the same again a bit a venue, so that scoring looks at candidates alone */
    uint64_t on;                            /* enabled; doors write it from their own threads (gm_venue_enable) */
    uint64_t stopped;                       /* barred; the core's owner writes it (gm_venue_bar) */
    uint64_t displays;                      /* these three by gm_venue_settle */
    uint64_t sized;                         /* has a smallest or largest order */
    uint64_t usual;                         /* takes all of GM_NEED_USUAL */
    int32_t* listing;                       /* [symbol] venue + 1 of its auctions; 0: any that takes such orders */
    int32_t protects;                       /* an order that would trade through a better quote is refused */
    int32_t retail;                         /* orders are a retail customer's: wholesalers compete for what is marketable */
    uint64_t dark, wholesale;               /* by gm_venue_settle */
    uint8_t* halted;                        /* [symbol] 1: trading in it is halted */
    int32_t* followed;                      /* [symbol] orders that wait for its quotes or prints */
    uint8_t* is_moved;                      /* [symbol] */
    int32_t* moved;                         /* followed symbols whose quotes or prints have moved */
    int32_t moved_count;
    int32_t* stop;                          /* the market's: it returns to the engine after the event */
    int32_t listeners;                      /* symbols that somebody listens to, and one for a relay */
    gm_tap_t** taps;                        /* [symbol] the first; NULL: nobody does */
    gm_relay_t* relay;                      /* NULL: none */
    /* what has been learned of them (venue_statistics.h), as scoring takes it in; the figures are kept anyway, scoring reads them where `learns` is not 0 */
    int32_t learns;                         /* a weight is not 0 */
    int32_t frozen;                         /* figures stay what recovery made of the log */
    double weights[GM_WEIGHT_END];          /* gm_weight */
    double half_life;                       /* of the figures, observations */
    gm_learned_t* learned;                  /* [symbol * GM_MAX_VENUES + venue] */
    /* the circuit breaker (breaker.h) */
    gm_breaker_terms_t breaker;
    int64_t probe_size;                     /* the largest order that probes */
    uint64_t tripped;                       /* taken out by it */
    uint64_t probing;                       /* of these, the ones that the order being routed may try */
};

/* What an order needs of a venue beyond resting until it is cancelled. */
#define GM_NEED_TYPE(type) ((uint64_t)1 << (type))
#define GM_NEED_IOC ((uint64_t)1 << 32)
#define GM_NEED_FOK ((uint64_t)1 << 33)
#define GM_NEED_AUCTION ((uint64_t)1 << 34)     /* OPG, CLS */
#define GM_NEED_POST_ONLY ((uint64_t)1 << 35)
#define GM_NEED_HIDDEN ((uint64_t)1 << 36)
#define GM_NEED_MINIMUM ((uint64_t)1 << 37)     /* minimum quantity, all-or-none; where it is not taken the engine works such orders */
#define GM_NEED_USUAL (GM_NEED_TYPE(GM_MARKET) | GM_NEED_TYPE(GM_LIMIT) | GM_NEED_TYPE(GM_ICEBERG) | GM_NEED_IOC | GM_NEED_FOK | GM_NEED_POST_ONLY)

/* Which venues may have this kind of order in a symbol: its auctions are at one. */
static inline uint64_t gm_venues_for(const gm_venues_t* v, int32_t symbol, uint64_t needs) {
    return needs & GM_NEED_AUCTION && v->listing[symbol] ? (uint64_t)1 << (v->listing[symbol] - 1) : ~(uint64_t)0;
}

static inline uint64_t gm_venues_open(const gm_venues_t* v) { return __atomic_load_n(&v->on, __ATOMIC_RELAXED) & ~(v->stopped | (v->tripped & ~v->probing)); }
static inline int gm_venue_open(const gm_venues_t* v, int32_t venue) { return (gm_venues_open(v) >> venue) & 1; }
static inline int gm_venue_supports(const gm_venues_t* v, int32_t venue, uint64_t needs) { return (v->supports[venue] & needs) == needs; }
static inline int gm_venue_takes(const gm_venues_t* v, int32_t venue, uint8_t type) { return gm_venue_supports(v, venue, GM_NEED_TYPE(type)); }

static inline uint64_t gm_with_bit(uint64_t word, int32_t bit, int on) {
    return on ? word | (uint64_t)1 << bit : word & ~((uint64_t)1 << bit);
}

static inline void gm_venue_enable(gm_venues_t* v, int32_t venue, int on) {
    v->enabled[venue] = on;
    if (on) __atomic_fetch_or(&v->on, (uint64_t)1 << venue, __ATOMIC_RELAXED);
    else __atomic_fetch_and(&v->on, ~((uint64_t)1 << venue), __ATOMIC_RELAXED);
}

static inline void gm_venue_bar(gm_venues_t* v, int32_t venue, int barred) {
    v->barred[venue] = barred != 0;
    v->stopped = gm_with_bit(v->stopped, venue, barred);
}

/* Taken out by the circuit breaker, or back in. */
static inline void gm_venue_trip(gm_venues_t* v, int32_t venue, int tripped) { v->tripped = gm_with_bit(v->tripped, venue, tripped); }

/* After the columns of a new venue have been written. */
static inline void gm_venue_settle(gm_venues_t* v, int32_t venue) {
    gm_venue_enable(v, venue, v->enabled[venue]);
    v->displays = gm_with_bit(v->displays, venue, v->kind[venue] <= GM_ECN);
    v->dark = gm_with_bit(v->dark, venue, v->kind[venue] == GM_DARK_POOL);
    v->wholesale = gm_with_bit(v->wholesale, venue, v->kind[venue] == GM_WHOLESALER);
    v->coarse = gm_with_bit(v->coarse, venue, v->tick_e9[venue] > 0);
    v->sized = gm_with_bit(v->sized, venue, v->min_size[venue] > 0 || v->max_order_size[venue] > 0);
    v->usual = gm_with_bit(v->usual, venue, gm_venue_supports(v, venue, GM_NEED_USUAL));
}

/* What a wholesaler gives: inside the touch by its improvement, not beyond the mid. */
static inline int64_t gm_wholesale_price(const gm_venues_t* v, int32_t i, int8_t side, int64_t mid, int64_t touch) {
    const int64_t price = touch - side * (int64_t)((gm_i128)mid * v->improvement[i] / 1000000000);
    return side * (price - mid) < 0 ? mid : price;
}

/* What a venue must take for this order as it is sent. An iceberg's display is another matter: the engine can do it. */
static inline uint64_t gm_needs_of(const gm_order_t* o) {
    uint64_t needs = o->order_type >= GM_PEGGED_PRIMARY ? GM_NEED_TYPE(o->order_type) : GM_NEED_TYPE(o->limit_price_e9 == GM_NO_PRICE ? GM_MARKET : GM_LIMIT);
    if (o->time_in_force == GM_IOC) needs |= GM_NEED_IOC;
    else if (o->time_in_force == GM_FOK) needs |= GM_NEED_FOK;
    else if (o->time_in_force == GM_OPG || o->time_in_force == GM_CLS) needs |= GM_NEED_AUCTION;
    if (o->flags & GM_POST_ONLY) needs |= GM_NEED_POST_ONLY;
    if (o->flags & GM_HIDDEN) needs |= GM_NEED_HIDDEN;
    if (__builtin_expect(o->flags & GM_ALL_OR_NONE, 0) && o->time_in_force != GM_FOK) needs |= GM_NEED_MINIMUM;
    return needs;
}

/* A followed symbol has news: the market stops after this event, and the engine looks. */
static inline void gm_venues_moved(gm_venues_t* v, int32_t symbol) {
    if (v->is_moved[symbol]) return;
    v->is_moved[symbol] = 1;
    v->moved[v->moved_count++] = symbol;
    if (v->stop) *v->stop = 1;
}

/* The consolidated best bid and offer of a symbol, over the venues that display. No price is 0 or less: an untouched
 * quote (zero) counts as nobody there. */
typedef struct gm_nbbo gm_nbbo_t;
struct gm_nbbo {
    int64_t bid_e9, ask_e9;                 /* GM_NO_PRICE: nobody */
    int64_t bid_quantity, ask_quantity;     /* at that price, over all venues */
    int64_t volume;
    int64_t sequence;                       /* the feed's: what all the venues and symbols have said before */
    int32_t bid_venue, ask_venue;           /* the first venue at it; -1: none */
    int64_t time_ns;                        /* of the newest quote in it; GM_NO_TIME: nobody quotes */
};
#define GM_NO_TIME INT64_MIN

static inline gm_quote_t* gm_quotes_of(const gm_venues_t* v, int32_t symbol) {
    return v->quotes + (size_t)symbol * GM_MAX_VENUES;
}

static inline int gm_displays(const gm_venues_t* v, int32_t venue) { return (v->displays >> venue) & 1; }

static inline gm_nbbo_t gm_consolidate_afresh(const gm_venues_t* v, int32_t symbol) {
    const gm_quote_t* q = gm_quotes_of(v, symbol);
    gm_nbbo_t n = {GM_NO_PRICE, GM_NO_PRICE, 0, 0, 0, v->updates, -1, -1, GM_NO_TIME};
    for (int32_t i = 0; i < v->count; i++) {
        n.volume += q[i].volume;
        if (!gm_displays(v, i)) continue;
        if ((q[i].bid_e9 > 0 || q[i].ask_e9 > 0) && q[i].time_ns > n.time_ns) n.time_ns = q[i].time_ns;
        if (q[i].bid_e9 > 0) {
            if (n.bid_venue < 0 || q[i].bid_e9 > n.bid_e9) {
                n.bid_e9 = q[i].bid_e9; n.bid_quantity = q[i].bid_quantity; n.bid_venue = i;
            } else if (q[i].bid_e9 == n.bid_e9) {
                n.bid_quantity += q[i].bid_quantity;
            }
        }
        if (q[i].ask_e9 > 0) {
            if (n.ask_venue < 0 || q[i].ask_e9 < n.ask_e9) {
                n.ask_e9 = q[i].ask_e9; n.ask_quantity = q[i].ask_quantity; n.ask_venue = i;
            } else if (q[i].ask_e9 == n.ask_e9) {
                n.ask_quantity += q[i].ask_quantity;
            }
        }
    }
    return n;
}

/* The consolidated quote now, for the core's owner alone. Between two quotes of a symbol many ask: it is made once. */
static inline gm_nbbo_t gm_consolidate(const gm_venues_t* v, int32_t symbol) {
    gm_nbbo_t* n = &v->best[symbol];
    if (!v->is_best[symbol]) {
        *n = gm_consolidate_afresh(v, symbol);
        v->is_best[symbol] = 1;
    }
    n->sequence = v->updates;
    return *n;
}

/* Did an order trade at a worse price than another venue displays (17 CFR 242.611)? */
static inline int gm_trades_through(const gm_venues_t* v, int32_t symbol, int32_t venue, int8_t side, int64_t price_e9) {
    const gm_quote_t* q = gm_quotes_of(v, symbol);
    const gm_nbbo_t n = gm_consolidate(v, symbol);
    const int64_t best = side > 0 ? n.ask_e9 : n.bid_e9;
    if (best == GM_NO_PRICE || side * (price_e9 - best) <= 0 || n.bid_e9 > n.ask_e9) return 0;    /* crossed: the exception of (b)(4) */
    for (uint64_t shows = gm_venues_open(v) & v->displays; shows; shows &= shows - 1) {
        const int32_t i = __builtin_ctzll(shows);
        const int64_t shown = side > 0 ? q[i].ask_e9 : q[i].bid_e9;
        if (i != venue && shown > 0 && side * (price_e9 - shown) > 0) return 1;
    }
    return 0;
}

/* Mid in 1e-9, rounded down; GM_NO_PRICE without both sides. */
static inline int64_t gm_mid(const gm_nbbo_t* n) {
    return n->bid_e9 == GM_NO_PRICE || n->ask_e9 == GM_NO_PRICE ? GM_NO_PRICE : n->bid_e9 + (n->ask_e9 - n->bid_e9) / 2;
}

static inline int64_t gm_fee(const gm_venues_t* v, int32_t venue, uint8_t liquidity, int64_t quantity) {
    if (__builtin_expect(liquidity == GM_AUCTION_FILL, 0)) return quantity * v->auction_fee_e9[venue];
    return quantity * (liquidity == GM_REMOVED ? v->take_fee_e9[venue] : v->make_fee_e9[venue]);
}

/* ---- what a market says, each said here alone: it gets the next feed sequence and, in a capture, its rows ---- */

static inline void gm_venues_tell_quote(gm_venues_t* v, int32_t symbol, int32_t venue, int64_t time_ns) {
    for (gm_tap_t* t = v->taps[symbol]; t; t = t->next) t->quote(t, v, symbol, time_ns);
    if (v->relay) v->relay->quote(v->relay, symbol, venue, time_ns);
}

static inline void gm_venues_tell_print(gm_venues_t* v, int32_t symbol, int32_t venue, int64_t price_e9, int64_t quantity, int own, int64_t time_ns) {
    for (gm_tap_t* t = v->taps[symbol]; t; t = t->next) t->print(t, price_e9, quantity, time_ns);
    if (v->relay) v->relay->print(v->relay, symbol, venue, price_e9, quantity, own, time_ns);
}

/* What a venue shows in a symbol. A quote that is what it was is no news. */
static inline void gm_quote_publish(gm_venues_t* v, int32_t symbol, int32_t venue, int64_t bid_e9, int64_t bid_quantity,
                                    int64_t ask_e9, int64_t ask_quantity, int64_t time_ns) {
    gm_quote_t* q = gm_quotes_of(v, symbol) + venue;
    const int bid = q->bid_e9 != bid_e9 || q->bid_quantity != bid_quantity;
    const int ask = q->ask_e9 != ask_e9 || q->ask_quantity != ask_quantity;
    if (!(bid | ask)) {
        if (time_ns < q->time_ns) v->is_best[symbol] = 0;
        else if ((bid_e9 > 0 || ask_e9 > 0) && gm_displays(v, venue) && time_ns > v->best[symbol].time_ns) v->best[symbol].time_ns = time_ns;
        q->time_ns = time_ns;
        if (__builtin_expect(v->listeners, 0) && v->relay) v->relay->quote(v->relay, symbol, venue, time_ns);
        return;
    }
    v->is_best[symbol] = 0;
    q->time_ns = time_ns;
    q->bid_e9 = bid_e9;
    q->bid_quantity = bid_quantity;
    q->ask_e9 = ask_e9;
    q->ask_quantity = ask_quantity;
    v->updates++;
    if (__builtin_expect(v->followed[symbol] > 0, 0)) gm_venues_moved(v, symbol);
    if (__builtin_expect(v->listeners, 0)) gm_venues_tell_quote(v, symbol, venue, time_ns);
    if (__builtin_expect(v->capture != NULL, 0) && gm_capture_room(v->capture)) {
        if (bid) gm_capture_row(v->capture, GM_SET_LEVEL, symbol, venue, GM_BUY, 0, bid_e9, bid_quantity, v->updates, time_ns);
        if (ask) gm_capture_row(v->capture, GM_SET_LEVEL, symbol, venue, GM_SELL, 0, ask_e9, ask_quantity, v->updates, time_ns);
    }
}

/* What a venue has traded in a symbol, own fills too. */
static inline void gm_volume_publish(gm_venues_t* v, int32_t symbol, int32_t venue, int64_t volume) {
    gm_quote_t* q = gm_quotes_of(v, symbol) + venue;
    if (q->volume == volume) return;
    q->volume = volume;
    v->is_best[symbol] = 0;
    if (__builtin_expect(v->listeners, 0) && v->relay) v->relay->volume(v->relay, symbol, venue);
}

/* A trade is printed. `how`: GM_FLAG_OWN when an order of ours is in it, GM_FLAG_AUCTION when an auction made it. */
static inline void gm_print_publish(gm_venues_t* v, int32_t symbol, int32_t venue, int64_t price_e9, int64_t quantity, int how,
                                    int64_t time_ns) {
    const int own = how & GM_FLAG_OWN;
    gm_tape_print(&v->tapes[symbol], price_e9, quantity, own);
    v->updates++;
    if (__builtin_expect(v->followed[symbol] > 0, 0)) gm_venues_moved(v, symbol);
    if (__builtin_expect(v->listeners, 0)) gm_venues_tell_print(v, symbol, venue, price_e9, quantity, own, time_ns);
    if (__builtin_expect(v->capture != NULL, 0) && gm_capture_room(v->capture))
        gm_capture_row(v->capture, GM_TRADE, symbol, venue, 0, (uint8_t)how, price_e9, quantity, v->updates, time_ns);
}

/* A venue takes no orders any more, or takes them again; `enabled` says so already. */
static inline void gm_venue_publish(gm_venues_t* v, int32_t venue, int64_t time_ns) {
    v->updates++;
    if (__builtin_expect(v->capture != NULL, 0) && gm_capture_room(v->capture))
        gm_capture_row(v->capture, GM_HALT, -1, venue, 0, v->enabled[venue] ? GM_TRADING_RESUMED : GM_HALTED, GM_NO_PRICE, 0,
                       v->updates, time_ns);
}

/* Trading in a symbol halts, or goes on; `venue` says so. Who waits for its quotes looks again. */
static inline void gm_halt_publish(gm_venues_t* v, int32_t symbol, int32_t venue, int halted, int64_t time_ns) {
    if (v->halted[symbol] == (halted != 0)) return;
    v->halted[symbol] = halted != 0;
    v->updates++;
    if (v->relay) v->relay->halt(v->relay, symbol, venue, halted, time_ns);
    if (__builtin_expect(v->followed[symbol] > 0, 0)) gm_venues_moved(v, symbol);
    if (__builtin_expect(v->capture != NULL, 0) && gm_capture_room(v->capture))
        gm_capture_row(v->capture, GM_HALT, symbol, venue, 0, halted ? GM_HALTED : GM_TRADING_RESUMED, GM_NO_PRICE, 0, v->updates, time_ns);
}

/* An engine begins: what was quoted before is nobody's word any more; what stands in the table already is said again. */
static inline void gm_venues_begin(gm_venues_t* v, int32_t symbols, int64_t time_ns) {
    v->updates++;
    if (v->capture && gm_capture_room(v->capture))
        gm_capture_row(v->capture, GM_CLEAR, -1, -1, 0, 0, GM_NO_PRICE, 0, v->updates, time_ns);
    for (int32_t s = 0; s < symbols; s++)
        if (v->halted[s]) {                                 /* said again, as the quotes are */
            v->halted[s] = 0;
            gm_halt_publish(v, s, 0, 1, time_ns);
        }
    for (int32_t s = 0; s < symbols; s++)
        for (int32_t i = 0; i < v->count; i++) {
            gm_quote_t* q = gm_quotes_of(v, s) + i;
            const gm_quote_t now = *q;
            q->bid_e9 = q->ask_e9 = GM_NO_PRICE;
            q->bid_quantity = q->ask_quantity = 0;
            v->is_best[s] = 0;
            if (now.bid_e9 > 0 || now.ask_e9 > 0)
                gm_quote_publish(v, s, i, now.bid_e9, now.bid_quantity, now.ask_e9, now.ask_quantity, now.time_ns);
        }
}

static inline int gm_venues_init(gm_venues_t* v, int32_t symbols) {
    memset(v, 0, sizeof *v);
    v->symbols = symbols;
    v->quotes = (gm_quote_t*)gm_reserve((size_t)symbols * GM_MAX_VENUES * sizeof(gm_quote_t));
    v->best = (gm_nbbo_t*)gm_reserve((size_t)symbols * sizeof(gm_nbbo_t));
    v->is_best = (uint8_t*)gm_reserve((size_t)symbols);
    v->tapes = (gm_tape_t*)gm_reserve((size_t)symbols * sizeof(gm_tape_t));
    v->halted = (uint8_t*)gm_reserve((size_t)symbols);
    v->listing = (int32_t*)gm_reserve((size_t)symbols * sizeof(int32_t));
    v->followed = (int32_t*)gm_reserve((size_t)symbols * sizeof(int32_t));
    v->is_moved = (uint8_t*)gm_reserve((size_t)symbols);
    v->moved = (int32_t*)gm_reserve((size_t)symbols * sizeof(int32_t));
    v->taps = (gm_tap_t**)gm_reserve((size_t)symbols * sizeof(gm_tap_t*));
    v->learned = (gm_learned_t*)gm_reserve((size_t)symbols * GM_MAX_VENUES * sizeof(gm_learned_t));
    v->half_life = 100.0;
    v->probe_size = 100;
    return v->quotes && v->best && v->is_best && v->tapes && v->halted && v->listing && v->followed && v->is_moved && v->moved && v->taps && v->learned ? GM_OK : GM_ERR_MEMORY;
}

static inline void gm_venues_free(gm_venues_t* v) {
    gm_release(v->quotes, (size_t)v->symbols * GM_MAX_VENUES * sizeof(gm_quote_t));
    gm_release(v->best, (size_t)v->symbols * sizeof(gm_nbbo_t));
    gm_release(v->is_best, (size_t)v->symbols);
    gm_release(v->tapes, (size_t)v->symbols * sizeof(gm_tape_t));
    gm_release(v->halted, (size_t)v->symbols);
    gm_release(v->listing, (size_t)v->symbols * sizeof(int32_t));
    gm_release(v->followed, (size_t)v->symbols * sizeof(int32_t));
    gm_release(v->is_moved, (size_t)v->symbols);
    gm_release(v->moved, (size_t)v->symbols * sizeof(int32_t));
    gm_release(v->taps, (size_t)v->symbols * sizeof(gm_tap_t*));
    gm_release(v->learned, (size_t)v->symbols * GM_MAX_VENUES * sizeof(gm_learned_t));
    v->learned = NULL;
    v->quotes = NULL;
    v->best = NULL;
    v->is_best = NULL;
    v->tapes = NULL;
    v->halted = NULL;
    v->listing = NULL;
    v->followed = NULL;
    v->is_moved = NULL;
    v->moved = NULL;
    v->taps = NULL;
}

#endif
