/* All that an exchange matches, over the plain book of matching.h.
 *
 * Displayed orders (limit, iceberg) rest in the book. What is rarer rests beside it, in the order of arrival (`rare`): orders that are not
 * displayed (hidden, pegged, all-or-none, with a minimum quantity), stops, and orders for an auction. As long as there is none of these,
 * and nothing else is out of the ordinary (`plain`), a command costs what it costs in matching.h.
 *
 * Continuous trading
 *   priority    the better price; at one price displayed before not displayed; then who came first. An order keeps its place when its
 *               reference moves its price. An iceberg's next part is displayed when it is shown: it goes before what is hidden there. What an
 *               iceberg loses but by trading as the one that is displayed (a replace, an own order, an auction) goes off its reserve first; once
 *               its rest is shown whole it is a plain order. A market order's display quantity means nothing.
 *   price       that of the order that was there first: the taker's gain. A displayed order trades at its own price always; of two that are not
 *               displayed who came first is there first.
 *   pegged      primary: the best bid (of a sell: offer) plus the offset; market: the best on the other side plus the offset; midpoint: half way
 *               (down to 1e-9), and nowhere while bid > ask. Offsets count towards the other side. Never beyond its own limit; without a
 *               reference, at no price above 0 or outside the band: not at all. Reference is the book's own displayed best, or what has been
 *               set (the consolidated quote), on the tick or not. It stands still while one order acts.
 *   minimum     a taker trades only if it finds its minimum quantity (all of it: all-or-none, fill-or-kill) at once, over all it meets; a
 *               resting order with a minimum is passed over by a taker that has less left than that (or than the whole of it, if it is less).
 *   post-only   is refused if anything stands in its way, whatever: an own order, or what its own minimum would pass by, too. One that is not
 *               displayed waits to be met: it never acts afterwards.
 *   stop        waits for a trade (or the quote on the side that it would take) at its stop price or beyond, then comes in anew.
 *   afterwards  not displayed orders that can trade now do, oldest first (after each, from the oldest again), then the oldest stop that is due
 *               is let in, until nothing moves.
 *   own orders  what would trade with an order of the same owner: the one that acts is cancelled, the one that rests, both, or both lose the
 *               smaller quantity. Who needs a minimum, or waited and could act now, does so only if it finds that minimum (waiting: anything)
 *               of others before the first own order; own orders that would be cancelled for it are no obstacle.
 *   band        no trade outside it: a limit beyond it (a buyer's above, a seller's below) is refused, and ended where it is there when the band is
 *               set (displayed: best first, buyers, sellers; then the others by arrival), or comes in from a stop. A market order goes as far as it.
 *               A peg stays, and stands nowhere while that is outside.
 *   replace     less at the same price keeps its place; anything else leaves and comes in anew (what was displayed as good till
 *               cancelled). Once it has left there is no refusal: it ends then, cancelled, a post-only order that would trade too.
 *   room        who finds no room ends: refused if nothing has changed, else cancelled.
 * Auctions
 *   In a call orders gather: the book may be crossed, market orders wait, nothing immediate is taken. Pegged orders and those with a minimum
 *   stay out of it. One price, of the limits inside the band: that with the largest volume; then with the smallest rest; then, if each has its rest
 *   on the buyers' side, the highest, on the sellers' the lowest; else the nearest to the reference, the lower of two (without one the lowest). Where
 *   no limit trades market orders meet at the reference. Allocation on each side: market orders, then by price, displayed before not displayed
 *   (orders for an auction are not), then by arrival. Who owns them is not asked. What was for this auction alone ends with it, and so do market
 *   orders and an opening that was not held; orders for the close stay until its auction.
 * Halted, closed
 *   Nothing trades and nothing is taken but cancels and replaces that keep their place (closed: orders for the opening too). Orders for a call that
 *   ended without its auction wait for the next one. */
#ifndef GM_EXCHANGE_H
#define GM_EXCHANGE_H

#include "matching.h"

#define GM_RARE_MAX 8192

enum gm_phase { GM_PHASE_CONTINUOUS = 0, GM_PHASE_OPENING_CALL, GM_PHASE_CLOSING_CALL, GM_PHASE_HALTED, GM_PHASE_CLOSED, GM_PHASE_END };
enum gm_owner_rule { GM_OWN_TRADES = 0, GM_OWN_CANCEL_NEWEST, GM_OWN_CANCEL_OLDEST, GM_OWN_CANCEL_BOTH, GM_OWN_DECREMENT, GM_OWNER_RULE_END };
enum gm_rare_place { GM_RARE_DARK = 1, GM_RARE_STOP, GM_RARE_AUCTION };
enum gm_event_kind { GM_EVENT_TRADE = 1, GM_EVENT_ENDED, GM_EVENT_REDUCED, GM_EVENT_TRIGGERED };

/* An order as it comes. */
typedef struct gm_entry {
    int64_t order_id;
    int64_t quantity;
    int64_t limit_e9;           /* GM_NO_PRICE: none */
    int64_t stop_e9;            /* GM_NO_PRICE: no stop */
    int64_t offset_e9;          /* of a peg */
    int64_t display_quantity;   /* 0: all of it */
    int64_t min_quantity;       /* 0: none */
    int8_t side;
    uint8_t order_type;         /* GM_MARKET, GM_LIMIT (an iceberg: with display_quantity), GM_STOP, GM_STOP_LIMIT, GM_PEGGED_* */
    uint8_t time_in_force;
    uint8_t flags;              /* GM_POST_ONLY, GM_HIDDEN, GM_ALL_OR_NONE */
    uint16_t owner;
    uint8_t rest_flags;         /* gm_rest_flags of its place in the book */
    uint8_t reserved;
} gm_entry_t;

typedef struct gm_rare {
    gm_entry_t entry;           /* quantity: what is left */
    uint64_t arrival;
    uint8_t place;              /* gm_rare_place */
} gm_rare_t;

/* What a command brought about: a trade (`order_id` acted, `other_id` was there), the end or the loss of an order's quantity that nobody
 * asked for, a stop that was let in. */
typedef struct gm_event {
    int64_t order_id;
    int64_t other_id;
    int64_t price_e9;
    int64_t quantity;
    int64_t left, other_left;   /* of a trade: what both have left */
    int8_t side;                /* of order_id */
    uint8_t kind;               /* gm_event_kind */
    uint8_t displayed;          /* of a trade: the other was displayed */
    uint8_t rest_flags;         /* of the other, or of the order itself where there is none */
    uint16_t reason;            /* of an end */
    uint16_t reserved;
} gm_event_t;

typedef void (*gm_event_sink)(void* context, const gm_event_t* event);

typedef struct gm_exchange {
    gm_matcher_t lit;
    gm_rare_t* rare;            /* [GM_RARE_MAX], by arrival */
    int32_t rare_count;
    int32_t phase;              /* gm_phase */
    int32_t owner_rule;         /* gm_owner_rule */
    int32_t stops_by_quote;     /* 1: stops look at the quote, not at the last trade */
    int64_t lot;                /* quantities are multiples of it */
    int64_t band_low_e9, band_high_e9;          /* 0: none */
    int64_t reference_bid_e9, reference_ask_e9; /* as set; GM_NO_PRICE with `referenced`: nobody there */
    int32_t referenced;         /* 0: the book's own best */
    int64_t bid_e9, ask_e9;     /* the reference of the command that runs */
    uint64_t arrivals;
    gm_event_sink sink;         /* of the command that runs */
    void* context;
} gm_exchange_t;

typedef struct gm_auction {
    int64_t price_e9;           /* GM_NO_PRICE: nothing can trade */
    int64_t volume;
    int64_t imbalance;          /* buyers' rest at that price, negative: sellers' */
} gm_auction_t;

/* Is there nothing that the plain book does not know? Then gm_match_submit may be called directly. */
static inline int gm_exchange_plain(const gm_exchange_t* x) {
    return x->rare_count == 0 && x->phase == GM_PHASE_CONTINUOUS && x->owner_rule == GM_OWN_TRADES && x->band_high_e9 == 0 && x->lot <= 1;
}

/* Bodies in kernels/exchange.c. */
int gm_exchange_init(gm_exchange_t* x, int64_t tick_e9, uint32_t ticks, int32_t capacity);
void gm_exchange_free(gm_exchange_t* x);
/* Takes an order in. A refusal changes nothing; what happens to others goes to the sink, the order's own trades too. */
gm_match_result_t gm_exchange_submit(gm_exchange_t* x, const gm_entry_t* e, gm_event_sink sink, void* context);
int64_t gm_exchange_cancel(gm_exchange_t* x, int64_t order_id, gm_event_sink sink, void* context);  /* its open quantity, or GM_ERR_NOT_FOUND */
/* Another open quantity and limit (GM_NO_PRICE: as it is): less at the same price keeps its place, anything else comes in anew. */
gm_match_result_t gm_exchange_replace(gm_exchange_t* x, int64_t order_id, int64_t open, int64_t limit_e9, gm_event_sink sink, void* context);
gm_auction_t gm_exchange_indicate(const gm_exchange_t* x, int64_t reference_e9);
gm_auction_t gm_exchange_uncross(gm_exchange_t* x, int64_t reference_e9, gm_event_sink sink, void* context);  /* and goes on continuously (closed, after the closing call) */
void gm_exchange_set_phase(gm_exchange_t* x, int32_t phase, gm_event_sink sink, void* context);
void gm_exchange_set_reference(gm_exchange_t* x, int on, int64_t bid_e9, int64_t ask_e9, gm_event_sink sink, void* context);
int32_t gm_exchange_find(const gm_exchange_t* x, int64_t order_id);     /* its place in `rare`, or GM_NIL */
int64_t gm_exchange_price(const gm_exchange_t* x, const gm_entry_t* e, int64_t bid_e9, int64_t ask_e9);     /* where a not displayed order stands now */
void gm_exchange_set_band(gm_exchange_t* x, int64_t low_e9, int64_t high_e9, gm_event_sink sink, void* context);    /* 0, 0: none */
uint64_t gm_exchange_hash(const gm_exchange_t* x);

#endif
