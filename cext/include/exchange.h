/* All that an exchange matches, over the plain book of matching.h.
 *
 * Displayed orders (limit, iceberg) rest in the book. What is rarer rests beside it, in the order of arrival (`rare`): orders that are not
 * displayed (hidden, pegged, all-or-none, with a minimum quantity), stops, and orders for an auction. As long as there is none of these,
 * and nothing else is out of the ordinary (`plain`), a command costs what it costs in matching.h.
 *
 * Continuous trading
 *   priority    the better price; at one price displayed before not displayed; then who came first. An order keeps its place when its
 *               reference moves its price. An iceberg's next part is displayed when it is shown: it goes before what is hidden there.
 *   price       that of the order that was there first: the taker's gain.
 *   pegged      primary: the best bid (of a sell: offer) plus the offset; market: the best on the other side plus the offset; midpoint: half way,
 *               and nowhere while bid > ask. Offsets count towards the other side. Never beyond its own limit; without a reference, not at all.
 *               Reference is the book's own displayed best, or what has been set (the consolidated quote). It stands still within a command.
 *   minimum     a taker trades only if it finds its minimum quantity (all of it: all-or-none, fill-or-kill) at once, over all it meets; a
 *               resting order with a minimum is passed over by a taker that has less left than that (or than the whole of it, if it is less).
 *   post-only   is refused if it would trade, with whatever.
 *   stop        waits for a trade (or the quote on the side that it would take) at its stop price or beyond, then comes in anew.
 *   afterwards  not displayed orders that can trade now do, oldest first, then stops that are due are let in, oldest first, until nothing moves.
 *   own orders  what would trade with an order of the same owner: the one that acts is cancelled, the one that rests, both, or both lose the
 *               smaller quantity.
 *   band        no trade outside it: a limit beyond it is refused, a market order goes as far as it.
 * Auctions
 *   In a call orders gather: the book may be crossed, market orders wait, nothing immediate is taken. Pegged orders and those with a minimum
 *   stay out of it. One price: that with the largest volume; then with the smallest rest; then, if each has its rest on the buyers' side, the highest,
 *   on the sellers' the lowest; else the nearest to the reference, the lower of two. Allocation on each side: market orders, then by price,
 *   displayed before not displayed, then by arrival. What was for this auction alone ends with it.
 * Halted, closed
 *   Nothing trades and nothing is taken but cancels (closed: orders for the opening too). */
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
uint64_t gm_exchange_hash(const gm_exchange_t* x);

#endif
