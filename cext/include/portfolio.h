/* Positions, open orders and cash, by account and symbol, with running totals of exposure.
 *
 * Worst case of a symbol (QUANT: 17 CFR 240.15c3-5 discussion): long = position + open buys, short = position - open
 * sells; its worst case is the larger of their sizes. Exposure is worst case times mark. Net exposure is the larger of |sum of long * mark|
 * and |sum of short * mark|. The totals (gross, net, by sector, equity) change with each order, fill and mark; marks that moved are queued as
 * dirty and taken in before a check. */
#ifndef GM_PORTFOLIO_H
#define GM_PORTFOLIO_H

#include "activity.h"
#include "instruments.h"

#define GM_MAX_ACCOUNTS 64

typedef struct gm_position {
    int64_t quantity;
    int64_t open_buy;
    int64_t open_sell;
    int64_t mark_e9;           /* the mark the totals were made with; GM_NO_PRICE: counted in `unmarked` */
    gm_i128 exposure;          /* counted in the totals, 1e-9 */
    gm_i128 value;             /* quantity * mark, counted in equity */
    gm_i128 longest, shortest; /* long and short * mark, counted in the account's */
    /* Bounds of the account's own limit orders at venues: no buy above the one, no sell below the other. 0: not known; GM_NO_OWN_BUY,
     * GM_NO_OWN_SELL: none. They grow with each order, and shrink when somebody has looked (checks.h). */
    int64_t own_buy_e9, own_sell_e9;
    int64_t reserved[2];
} gm_position_t;
_Static_assert(sizeof(gm_position_t) == 128, "a position is two cache lines");

#define GM_NO_OWN_BUY INT64_MIN
#define GM_NO_OWN_SELL INT64_MAX

typedef struct gm_account {
    gm_i128 cash;              /* 1e-9 */
    gm_i128 gross;             /* sum of exposures */
    gm_i128 value;             /* sum of quantity * mark */
    gm_i128 longest, shortest; /* sums of long * mark and of short * mark */
    gm_i128 sector[GM_MAX_SECTORS];
    gm_i128 traded;            /* notional filled today */
    gm_i128 reserved;          /* open quantity at its reserve price */
    int64_t orders_today;
    int64_t open_orders;
    int64_t messages;          /* replaces ever asked for */
    int64_t unmarked;          /* symbols with quantity or open orders but no mark */
    int32_t used;
} gm_account_t;

typedef struct gm_portfolio {
    gm_account_t* accounts;    /* [account] */
    gm_position_t* positions;  /* [account * GM_MAX_SYMBOLS + symbol] */
    int64_t* marks_e9;         /* [symbol]: latest mark; GM_NO_PRICE */
    uint8_t* is_dirty;         /* [symbol] */
    int32_t* dirty;            /* symbols whose mark moved since the totals were made */
    int32_t dirty_count;
    int32_t account_count;     /* highest account in use + 1 */
    gm_activity_t activity;
    const gm_instruments_t* instruments;
} gm_portfolio_t;

static inline gm_position_t* gm_position_of(const gm_portfolio_t* p, int32_t account, int32_t symbol) {
    return &p->positions[(size_t)account * GM_MAX_SYMBOLS + symbol];
}

static inline void gm_portfolio_free(gm_portfolio_t* p) {
    gm_release(p->accounts, GM_MAX_ACCOUNTS * sizeof(gm_account_t));
    gm_release(p->positions, (size_t)GM_MAX_ACCOUNTS * GM_MAX_SYMBOLS * sizeof(gm_position_t));
    gm_release(p->marks_e9, GM_MAX_SYMBOLS * sizeof(int64_t));
    gm_release(p->is_dirty, GM_MAX_SYMBOLS);
    gm_release(p->dirty, GM_MAX_SYMBOLS * sizeof(int32_t));
    gm_activity_free(&p->activity);
    p->accounts = NULL; p->positions = NULL; p->marks_e9 = NULL; p->is_dirty = NULL; p->dirty = NULL;
}

static inline int gm_portfolio_init(gm_portfolio_t* p, const gm_instruments_t* instruments) {
    p->accounts = (gm_account_t*)gm_reserve(GM_MAX_ACCOUNTS * sizeof(gm_account_t));
    p->positions = (gm_position_t*)gm_reserve((size_t)GM_MAX_ACCOUNTS * GM_MAX_SYMBOLS * sizeof(gm_position_t));
    p->marks_e9 = (int64_t*)gm_reserve(GM_MAX_SYMBOLS * sizeof(int64_t));
    p->is_dirty = (uint8_t*)gm_reserve(GM_MAX_SYMBOLS);
    p->dirty = (int32_t*)gm_reserve(GM_MAX_SYMBOLS * sizeof(int32_t));
    p->dirty_count = 0;
    p->account_count = 0;
    p->instruments = instruments;
    if (gm_activity_init(&p->activity, GM_MAX_ACCOUNTS) != GM_OK || !p->accounts || !p->positions || !p->marks_e9 || !p->is_dirty || !p->dirty) {
        gm_portfolio_free(p);
        return GM_ERR_MEMORY;
    }
    return GM_OK;
}

/* Untouched pages are zero, and no price is zero: a mark of 0 is "none yet". */
static inline int64_t gm_mark_of(const gm_portfolio_t* p, int32_t symbol) {
    return p->marks_e9[symbol] == 0 ? GM_NO_PRICE : p->marks_e9[symbol];
}

static inline gm_i128 gm_notional(int64_t quantity, int64_t price_e9, int64_t multiplier) {
    gm_i128 value = (gm_i128)quantity * price_e9;
    return __builtin_expect(multiplier == 1, 1) ? value : value * multiplier;
}

static inline gm_i128 gm_size(gm_i128 x) { return x < 0 ? -x : x; }
static inline gm_i128 gm_larger(gm_i128 x, gm_i128 y) { return x > y ? x : y; }

static inline int64_t gm_worst_case(int64_t quantity, int64_t open_buy, int64_t open_sell) {
    int64_t longest = quantity + open_buy, shortest = quantity - open_sell;
    if (longest < 0) longest = -longest;
    if (shortest < 0) shortest = -shortest;
    return longest > shortest ? longest : shortest;
}

/* Makes the totals of one position what its quantity, open orders and mark say. */
static inline void gm_portfolio_refresh(gm_portfolio_t* p, int32_t account, int32_t symbol) {
    gm_account_t* a = &p->accounts[account];
    gm_position_t* x = gm_position_of(p, account, symbol);
    int64_t mark = p->marks_e9[symbol];
    int64_t worst = gm_worst_case(x->quantity, x->open_buy, x->open_sell);
    int64_t scale = p->instruments->rows[symbol].multiplier;
    gm_i128 longest = gm_notional(x->quantity + x->open_buy, mark, scale);
    gm_i128 shortest = gm_notional(x->quantity - x->open_sell, mark, scale);
    gm_i128 exposure = gm_larger(gm_size(longest), gm_size(shortest));
    gm_i128 value = gm_notional(x->quantity, mark, scale);
    gm_i128 change = exposure - x->exposure;
    if (mark == 0 && worst != 0 && x->mark_e9 != GM_NO_PRICE) { a->unmarked++; x->mark_e9 = GM_NO_PRICE; }
    if (x->mark_e9 == GM_NO_PRICE && (mark != 0 || worst == 0)) { a->unmarked--; x->mark_e9 = mark; }
    if (mark != 0) x->mark_e9 = mark;
    a->gross += change;
    a->sector[p->instruments->rows[symbol].sector] += change;
    a->value += value - x->value;
    a->longest += longest - x->longest;
    a->shortest += shortest - x->shortest;
    x->longest = longest;
    x->shortest = shortest;
    x->exposure = exposure;
    x->value = value;
}

/* Market data path: a new mark. Only symbols that an account has something in are queued. */
static inline void gm_portfolio_mark(gm_portfolio_t* p, int32_t symbol, int64_t mark_e9) {
    if (p->marks_e9[symbol] == mark_e9) return;
    p->marks_e9[symbol] = mark_e9;
    if (!p->is_dirty[symbol]) {
        p->is_dirty[symbol] = 1;
        p->dirty[p->dirty_count++] = symbol;
    }
}

static inline void gm_portfolio_settle(gm_portfolio_t* p) {
    while (p->dirty_count > 0) {
        int32_t symbol = p->dirty[--p->dirty_count];
        p->is_dirty[symbol] = 0;
        for (int32_t account = 0; account < p->account_count; account++) {
            gm_position_t* x = gm_position_of(p, account, symbol);
            if (x->quantity | x->open_buy | x->open_sell) gm_portfolio_refresh(p, account, symbol);
        }
    }
}

/* Opens (sign +1) or releases (sign -1) `quantity` of an order's reservation. */
static inline void gm_portfolio_reserve(gm_portfolio_t* p, int32_t account, int32_t symbol, int8_t side,
                                        int64_t quantity, int64_t reserve_price_e9, int sign) {
    gm_position_t* x = gm_position_of(p, account, symbol);
    int64_t scale = p->instruments->rows[symbol].multiplier;
    if (account >= p->account_count) p->account_count = account + 1;
    if (side > 0) x->open_buy += sign * quantity; else x->open_sell += sign * quantity;
    if (reserve_price_e9 != GM_NO_PRICE) p->accounts[account].reserved += gm_notional(sign * quantity, reserve_price_e9, scale);
    gm_portfolio_refresh(p, account, symbol);
}

/* An order's reservation changes, in quantity and price. */
static inline void gm_portfolio_rereserve(gm_portfolio_t* p, int32_t account, int32_t symbol, int8_t side, int64_t before, int64_t before_e9,
                                          int64_t after, int64_t after_e9) {
    gm_position_t* x = gm_position_of(p, account, symbol);
    const int64_t scale = p->instruments->rows[symbol].multiplier;
    if (side > 0) x->open_buy += after - before; else x->open_sell += after - before;
    if (before_e9 != GM_NO_PRICE) p->accounts[account].reserved -= gm_notional(before, before_e9, scale);
    if (after_e9 != GM_NO_PRICE) p->accounts[account].reserved += gm_notional(after, after_e9, scale);
    gm_portfolio_refresh(p, account, symbol);
}

/* A fill: position and cash move; its open quantity is released by the caller. `today`: it counts in the day's traded value. */
static inline void gm_portfolio_fill(gm_portfolio_t* p, int32_t account, int32_t symbol, int8_t side,
                                     int64_t quantity, int64_t price_e9, int64_t fee_e9, int today) {
    gm_account_t* a = &p->accounts[account];
    gm_position_t* x = gm_position_of(p, account, symbol);
    gm_i128 notional = gm_notional(quantity, price_e9, p->instruments->rows[symbol].multiplier);
    if (account >= p->account_count) p->account_count = account + 1;
    x->quantity += side * quantity;
    a->cash -= side * notional + fee_e9;
    if (today) a->traded += notional;
    gm_portfolio_refresh(p, account, symbol);
}

/* An order with a limit is at a venue, or will be: the bounds of own orders take it in. */
static inline void gm_portfolio_rests(gm_portfolio_t* p, int32_t account, int32_t symbol, int8_t side, int64_t limit_e9) {
    gm_position_t* x = gm_position_of(p, account, symbol);
    if (limit_e9 == GM_NO_PRICE) return;
    if (side > 0) {
        if (x->own_buy_e9 != 0 && limit_e9 > x->own_buy_e9) x->own_buy_e9 = limit_e9;
    } else {
        if (x->own_sell_e9 != 0 && limit_e9 < x->own_sell_e9) x->own_sell_e9 = limit_e9;
    }
}

/* The larger of the sizes of both sums. */
static inline gm_i128 gm_net(gm_i128 longest, gm_i128 shortest) { return gm_larger(gm_size(longest), gm_size(shortest)); }

static inline gm_i128 gm_equity(const gm_account_t* a) { return a->cash + a->value; }

#endif
