/* Price-time priority matching on one book. Fills go to a sink that the compiler inlines; the aggressor pays the
 * resting price (price improvement is its). An iceberg whose shown part is gone shows the next from the back. */
#ifndef GM_MATCHING_H
#define GM_MATCHING_H

#include "book.h"

/* Called once a fill, before the resting order changes. */
typedef void (*gm_fill_sink)(void* context, const gm_resting_t* resting, int64_t price_e9, int64_t quantity);

typedef struct gm_matcher {
    gm_book_t book;
    int64_t tick_e9;
    int64_t last_e9;        /* price of the last trade; GM_NO_PRICE: none yet */
    int64_t volume;         /* traded so far */
    int64_t trades;
    int64_t icebergs;       /* resting orders with a reserve */
    int64_t changes;        /* of the book; the feed's sequence */
} gm_matcher_t;

typedef struct gm_match_result {
    int64_t filled;
    int64_t leaves;         /* resting now (its reserve too), or ended for `reason` */
    int32_t slot;           /* where the rest rests; GM_NIL: it does not */
    uint16_t reason;
    uint16_t status;        /* gm_status of the order after the command */
} gm_match_result_t;

#define GM_MAX_ICEBERG_SLICES ((int64_t)1 << 20)   /* one taker may have to walk them all */
#define GM_ANY_PRICE_BUY INT32_MAX
#define GM_ANY_PRICE_SELL INT32_MIN

static inline int gm_matcher_init(gm_matcher_t* m, int64_t tick_e9, uint32_t ticks, int32_t capacity) {
    memset(m, 0, sizeof *m);
    m->tick_e9 = tick_e9;
    m->last_e9 = GM_NO_PRICE;
    return gm_book_init(&m->book, ticks, capacity);
}

static inline int gm_crosses(const gm_book_t* b, int opposite, int64_t limit_tick) {
    if (!gm_book_has(b, opposite)) return 0;
    return opposite == 1 ? gm_book_best_tick(b, 1) <= limit_tick : gm_book_best_tick(b, 0) >= limit_tick;
}

static inline int64_t gm_add_to_max(int64_t a, int64_t b) {     /* a, b >= 0; stops at INT64_MAX */
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* Shares to be had at `limit_tick` or better, reserves of icebergs included; stops counting at `enough`. */
static inline int64_t gm_match_available(const gm_matcher_t* m, int opposite, int64_t limit_tick, int64_t enough) {
    const gm_book_t* b = &m->book;
    int64_t sum = 0;
    for (int64_t i = b->best[opposite]; i >= 0 && sum < enough; i = gm_book_next(b, opposite, i)) {
        const gm_level_t* level = &b->levels[opposite][i];
        if (gm_book_better(opposite, limit_tick - b->base, i)) break;
        sum = gm_add_to_max(sum, level->quantity);
        if (m->icebergs > 0)
            for (int32_t slot = level->head; slot != GM_NIL; slot = b->pool[slot].next)
                if (b->pool[slot].display > 0) sum = gm_add_to_max(sum, b->pool[slot].reserve);
    }
    return sum;
}

/* The shown part of an iceberg has traded: the next one, at the back. */
static inline void gm_match_refresh(gm_matcher_t* m, int32_t slot) {
    gm_resting_t* r = &m->book.pool[slot];
    gm_book_unlink(&m->book, slot);
    r->quantity = r->reserve < r->display ? r->reserve : r->display;
    r->reserve -= r->quantity;
    if (r->reserve == 0) m->icebergs--;
    gm_book_link(&m->book, slot, 0);
}

/* Takes what crosses; returns what is left of `quantity`. */
static inline __attribute__((always_inline)) int64_t gm_match_take(
        gm_matcher_t* m, int8_t side, int64_t limit_tick, int64_t quantity, gm_fill_sink sink, void* context) {
    gm_book_t* b = &m->book;
    int opposite = side > 0 ? 1 : 0;
    while (quantity > 0 && gm_crosses(b, opposite, limit_tick)) {
        gm_level_t* level = &b->levels[opposite][b->best[opposite]];
        int32_t slot = level->head;
        gm_resting_t* r = &b->pool[slot];
        int64_t traded = quantity < r->quantity ? quantity : r->quantity;
        int64_t price_e9 = (int64_t)r->tick * m->tick_e9;
        sink(context, r, price_e9, traded);
        quantity -= traded;
        m->last_e9 = price_e9;
        m->volume = gm_add_to_max(m->volume, traded);
        m->trades++;
        if (traded == r->quantity && r->display > 0 && r->reserve > 0) {
            gm_match_refresh(m, slot);
        } else {
            gm_book_reduce(b, slot, traded);
        }
    }
    return quantity;
}

/* Why this engine does not take the command (gm_reason), apart from what gm_match_submit itself refuses; 0: it does.
 * Callers whose commands are known to be well formed and whose ids are unique go to gm_match_submit directly. */
static inline uint16_t gm_match_refusal(const gm_matcher_t* m, const gm_command_t* c) {
    uint8_t tif = c->time_in_force;
    if ((c->side != GM_BUY && c->side != GM_SELL) || c->display_quantity < 0) return GM_REASON_INVALID;
    if (tif != GM_DAY && tif != GM_GTC && tif != GM_IOC && tif != GM_FOK) return GM_REASON_UNSUPPORTED;
    if (c->flags & (GM_REDUCE_ONLY | GM_ALL_OR_NONE | GM_HIDDEN)) return GM_REASON_UNSUPPORTED;
    return gm_book_find(&m->book, c->order_id) >= 0 ? GM_REASON_DUPLICATE_CLIENT_ID : GM_REASON_NONE;
}

static inline __attribute__((always_inline)) gm_match_result_t gm_match_submit(
        gm_matcher_t* m, const gm_command_t* c, uint8_t rest_flags, gm_fill_sink sink, void* context) {
    gm_match_result_t result = {0, c->quantity, GM_NIL, GM_REASON_NONE, GM_NEW};
    int opposite = c->side > 0 ? 1 : 0;
    int market = c->price_e9 == GM_NO_PRICE;
    int64_t tick = c->side > 0 ? GM_ANY_PRICE_BUY : GM_ANY_PRICE_SELL;
    result.status = GM_REJECTED;
    if (c->quantity <= 0) { result.reason = GM_REASON_INVALID; return result; }
    if (c->display_quantity > 0 && c->quantity / c->display_quantity > GM_MAX_ICEBERG_SLICES) {
        result.reason = GM_REASON_UNSUPPORTED;
        return result;
    }
    if (!market) {
        tick = c->price_e9 / m->tick_e9;
        if (c->price_e9 <= 0 || c->price_e9 % m->tick_e9 != 0 || tick >= INT32_MAX) {
            result.reason = GM_REASON_PRICE_OUT_OF_RANGE;
            return result;
        }
    }
    if ((c->flags & GM_POST_ONLY) && (market || gm_crosses(&m->book, opposite, tick))) {
        result.reason = GM_REASON_WOULD_CROSS;
        return result;
    }
    if (c->time_in_force == GM_FOK && gm_match_available(m, opposite, tick, c->quantity) < c->quantity) {
        result.status = GM_CANCELED;
        result.reason = GM_REASON_NO_LIQUIDITY;
        return result;
    }
    m->changes++;
    result.leaves = gm_match_take(m, c->side, tick, c->quantity, sink, context);
    result.filled = c->quantity - result.leaves;
    if (result.leaves == 0) {
        result.status = GM_FILLED;
        return result;
    }
    if (market || c->time_in_force == GM_IOC) {
        result.status = GM_CANCELED;
        result.reason = result.filled ? GM_REASON_UNFILLED_REMAINDER : GM_REASON_NO_LIQUIDITY;
        return result;
    }
    {
        int64_t shown = c->display_quantity > 0 && c->display_quantity < result.leaves ? c->display_quantity : result.leaves;
        int32_t slot = gm_book_add(&m->book, c->order_id, c->side, tick, shown, rest_flags);
        if (slot < 0) {
            result.status = result.filled ? GM_CANCELED : GM_REJECTED;
            result.reason = slot == GM_ERR_RANGE ? GM_REASON_PRICE_OUT_OF_RANGE : GM_REASON_VENUE_CAPACITY;
            return result;
        }
        if (shown < result.leaves) {
            m->book.pool[slot].display = c->display_quantity;
            m->book.pool[slot].reserve = result.leaves - shown;
            m->icebergs++;
        }
        result.slot = slot;
        result.status = result.filled ? GM_PARTIALLY_FILLED : GM_NEW;
    }
    return result;
}

/* Open quantity of a resting order, its reserve included. */
static inline int64_t gm_match_open(const gm_matcher_t* m, int32_t slot) {
    const gm_resting_t* r = &m->book.pool[slot];
    return r->quantity + (r->display > 0 ? r->reserve : 0);
}

/* Cancels a resting order; its open quantity, or GM_ERR_NOT_FOUND. */
static inline int64_t gm_match_cancel(gm_matcher_t* m, int64_t order_id) {
    int32_t slot = gm_book_find(&m->book, order_id);
    int64_t open;
    if (slot < 0) return GM_ERR_NOT_FOUND;
    open = gm_match_open(m, slot);
    if (m->book.pool[slot].display > 0 && m->book.pool[slot].reserve > 0) m->icebergs--;
    gm_book_remove(&m->book, slot);
    m->changes++;
    return open;
}

/* Takes `less` off a resting order without touching its place: first of an iceberg's reserve, then of what it shows. It has more. */
static inline void gm_match_shrink(gm_matcher_t* m, int32_t slot, int64_t less) {
    gm_resting_t* r = &m->book.pool[slot];
    if (r->display > 0 && r->reserve > 0) {
        const int64_t hidden = r->reserve < less ? r->reserve : less;
        r->reserve -= hidden;
        less -= hidden;
        if (r->reserve == 0) m->icebergs--;
    }
    if (less > 0) gm_book_reduce(&m->book, slot, less);
    m->changes++;
}

#endif
