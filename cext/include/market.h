/* What stands behind the engine's venues: a synthetic market, a replay, or a door to another process. The engine
 * calls these functions; the market calls `report` back, in the order of its own time. */
#ifndef GM_MARKET_H
#define GM_MARKET_H

#include "venues.h"

enum gm_control { GM_CONTROL_HALT = 1, GM_CONTROL_RESUME, GM_CONTROL_BAND };

/* The auction ahead: what it would be now. */
typedef struct gm_indication {
    int64_t time_ns;            /* when it is held; INT64_MAX: nobody knows */
    int64_t price_e9;           /* GM_NO_PRICE: nothing would trade */
    int64_t volume;
    int64_t imbalance;          /* buyers' rest at that price, negative: sellers' */
    int32_t closing;            /* 0: an opening */
    int32_t phase;              /* gm_phase of the venue now */
} gm_indication_t;

typedef struct gm_market gm_market_t;
struct gm_market {
    void* self;
    gm_venues_t* venues;
    void* core;                                             /* passed back to `report` */
    void (*report)(void* core, const gm_report_t* report);  /* the engine's ear */
    const gm_terms_t* (*terms)(void* core, const gm_order_t* order);    /* its rarer terms; NULL: it has none. May be NULL itself */
    /* An order, and its cancel. Answers come through `report`, at once or later. */
    void (*submit)(gm_market_t*, const gm_order_t* order, int64_t now_ns);
    void (*cancel)(gm_market_t*, const gm_order_t* order, int64_t now_ns);
    /* An order that rested here before a restart, put back without a word; NULL: the venue has kept it. */
    void (*restore)(gm_market_t*, const gm_order_t* order, int64_t now_ns);
    /* Another total quantity (order->working_quantity) and limit (order->pending_price_e9; GM_NO_PRICE: as it is). */
    void (*replace)(gm_market_t*, const gm_order_t* order, int64_t now_ns);
    /* Orders wait for this symbol's quotes (change +1), or one less does: it lives on in `advance` from now on. NULL: it does anyway. */
    void (*follow)(gm_market_t*, int32_t symbol, int32_t change);
    /* Lives on to `until_ns`, or to the first event after which `stop` is set. The time it has reached. */
    int64_t (*advance)(gm_market_t*, int64_t until_ns);
    /* Brings one symbol's quotes up to `until_ns` where symbols live on their own; may do nothing. */
    void (*touch)(gm_market_t*, int32_t symbol, int64_t until_ns);
    /* The best n prices of a symbol over all venues: (ask, its quantity, bid, its quantity) each, (GM_NO_PRICE, 0) where there is none.
     * NULL: what the venues show is all that is known. */
    void (*levels)(gm_market_t*, int32_t symbol, int32_t n, int64_t* rows);
    /* Halts a symbol, lets it trade again (after an auction where it has them), sets the prices that it may trade at (0, 0: any).
     * GM_ERR_NOT_FOUND: this market does not do that, or not now. NULL: never. */
    int (*control)(gm_market_t*, int32_t symbol, int32_t what, int64_t low_e9, int64_t high_e9, int64_t now_ns);
    /* What an auction in a symbol would give now; its venue, or -1: it has none. NULL: there are no auctions. */
    int32_t (*indicate)(gm_market_t*, int32_t symbol, gm_indication_t* out);
    int64_t (*next_ns)(gm_market_t*);                       /* time of its next event; INT64_MAX: none */
    /* Begins again, as one just made with this seed (of a recording: wherever it is at that time), its quotes said anew. NULL: it cannot. */
    int (*renew)(gm_market_t*, uint64_t seed, int64_t start_ns);
    int64_t now_ns;
    int64_t executions;                                     /* execution ids given out */
    int64_t messages;                                       /* market events lived through */
    int32_t stop;
    int32_t* inner_stop;                                    /* of a market inside this one, where the quotes move; NULL: none */
};

/* Takes a price of one venue into the n best of side s (0 bids), quantities at one price together. */
static inline void gm_levels_merge(int64_t* rows, int32_t n, int s, int64_t price_e9, int64_t quantity) {
    int64_t* cell = rows + (s == 0 ? 2 : 0);
    int32_t k = 0, j;
    while (k < n && cell[4 * k] != GM_NO_PRICE && (s == 0 ? cell[4 * k] > price_e9 : cell[4 * k] < price_e9)) k++;
    if (k == n) return;
    if (cell[4 * k] == price_e9) {
        cell[4 * k + 1] += quantity;
        return;
    }
    for (j = n - 1; j > k; j--) {
        cell[4 * j] = cell[4 * (j - 1)];
        cell[4 * j + 1] = cell[4 * (j - 1) + 1];
    }
    cell[4 * k] = price_e9;
    cell[4 * k + 1] = quantity;
}

static inline void gm_levels_none(int64_t* rows, int32_t n) {
    for (int32_t k = 0; k < n; k++) {
        rows[4 * k] = rows[4 * k + 2] = GM_NO_PRICE;
        rows[4 * k + 1] = rows[4 * k + 3] = 0;
    }
}

/* What is known of a symbol's levels: the market's word, or each venue's best. */
static inline void gm_market_levels(gm_market_t* m, int32_t symbol, int32_t n, int64_t* rows) {
    const gm_quote_t* q = gm_quotes_of(m->venues, symbol);
    if (m->levels) {
        m->levels(m, symbol, n, rows);
        return;
    }
    gm_levels_none(rows, n);
    for (int32_t v = 0; v < m->venues->count; v++) {
        if (!gm_displays(m->venues, v)) continue;
        if (q[v].bid_e9 > 0) gm_levels_merge(rows, n, 0, q[v].bid_e9, q[v].bid_quantity);
        if (q[v].ask_e9 > 0) gm_levels_merge(rows, n, 1, q[v].ask_e9, q[v].ask_quantity);
    }
}

/* A report on an order: what all of them have; the id, the price and the fee are the sayer's to add. */
static inline void gm_report_begin(gm_report_t* r, int64_t order_id, int32_t venue, int32_t symbol, int8_t side, uint8_t exec_type, uint16_t reason,
                                   int64_t quantity, int64_t time_ns) {
    memset(r, 0, sizeof *r);
    r->order_id = order_id;
    r->price_e9 = GM_NO_PRICE;
    r->quantity = quantity;
    r->venue_time_ns = time_ns;
    r->venue = venue;
    r->symbol = symbol;
    r->side = side;
    r->exec_type = exec_type;
    r->reason = reason;
}

static inline void gm_market_say(gm_market_t* m, const gm_order_t* o, uint8_t exec_type, uint16_t reason,
                                 int64_t quantity, int64_t time_ns) {
    gm_report_t r;
    gm_report_begin(&r, o->order_id, o->venue, o->symbol, o->side, exec_type, reason, quantity, time_ns);
    r.execution_id = ++m->executions;
    m->report(m->core, &r);
}

/* An order has another total quantity and limit now (GM_NO_PRICE: the limit it had). */
static inline void gm_market_say_replaced(gm_market_t* m, const gm_order_t* o, int64_t quantity, int64_t price_e9, int64_t time_ns) {
    gm_report_t r;
    gm_report_begin(&r, o->order_id, o->venue, o->symbol, o->side, GM_EXEC_REPLACED, GM_REASON_NONE, quantity, time_ns);
    r.execution_id = ++m->executions;
    r.price_e9 = price_e9;
    m->report(m->core, &r);
}

/* An own order's rest is over, and nobody here asked for it. */
static inline void gm_market_end(gm_market_t* m, int64_t order_id, int32_t venue, int32_t symbol, int8_t side, int64_t quantity, uint16_t reason,
                                 int64_t time_ns) {
    gm_report_t r;
    gm_report_begin(&r, order_id, venue, symbol, side, GM_EXEC_CANCELED, reason, quantity, time_ns);
    r.execution_id = ++m->executions;
    m->report(m->core, &r);
}

static inline void gm_market_fill(gm_market_t* m, int64_t order_id, int32_t venue, int32_t symbol, int8_t side,
                                  int64_t price_e9, int64_t quantity, uint8_t liquidity, int64_t time_ns) {
    gm_report_t r;
    gm_report_begin(&r, order_id, venue, symbol, side, GM_EXEC_TRADE, GM_REASON_NONE, quantity, time_ns);
    r.execution_id = ++m->executions;
    r.price_e9 = price_e9;
    r.fee_e9 = gm_fee(m->venues, venue, liquidity, quantity);
    r.liquidity = liquidity;
    m->report(m->core, &r);
}

#endif
