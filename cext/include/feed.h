/* Messages of a market data feed applied to a book. A message is applied as a whole or not at all; what was wrong
 * with it is a gm_feed_problem, never a repair. */
#ifndef GM_FEED_H
#define GM_FEED_H

#include "book.h"

enum gm_feed_problem {
    GM_FEED_OK = 0, GM_FEED_UNKNOWN_ORDER, GM_FEED_DUPLICATE_ORDER, GM_FEED_PRICE, GM_FEED_QUANTITY, GM_FEED_SIDE,
    GM_FEED_ACTION, GM_FEED_CAPACITY, GM_FEED_PROBLEM_END
};

/* True if the price is on the tick and its tick number has 32 bits; then *tick is that number. */
static inline int gm_feed_tick(int64_t tick_e9, int64_t price_e9, int64_t* tick) {
    *tick = price_e9 / tick_e9;
    return price_e9 != GM_NO_PRICE && *tick * tick_e9 == price_e9 && *tick <= INT32_MAX && *tick >= INT32_MIN;
}

static inline int gm_feed_problem_of(int code) {
    return code == GM_ERR_RANGE ? GM_FEED_PRICE : GM_FEED_CAPACITY;
}

static inline int gm_feed_add(gm_book_t* b, int64_t tick_e9, const gm_message_t* m) {
    int64_t tick;
    int32_t slot;
    if (m->side != GM_BUY && m->side != GM_SELL) return GM_FEED_SIDE;
    if (m->quantity <= 0) return GM_FEED_QUANTITY;
    if (m->order_id == 0) return GM_FEED_UNKNOWN_ORDER;
    if (!gm_feed_tick(tick_e9, m->price_e9, &tick)) return GM_FEED_PRICE;
    if (gm_book_find(b, m->order_id) >= 0) return GM_FEED_DUPLICATE_ORDER;
    slot = gm_book_add(b, m->order_id, m->side, tick, m->quantity, 0);
    return slot >= 0 ? GM_FEED_OK : gm_feed_problem_of(slot);
}

/* The new order stands at the back of its level, whatever changed; its id is `counterparty`, or the old one. */
static inline int gm_feed_replace(gm_book_t* b, int64_t tick_e9, const gm_message_t* m) {
    int32_t slot = gm_book_find(b, m->order_id);
    int64_t id = m->counterparty != 0 ? m->counterparty : m->order_id, tick;
    int8_t side;
    int code;
    if (slot < 0) return GM_FEED_UNKNOWN_ORDER;
    if (m->quantity <= 0) return GM_FEED_QUANTITY;
    if (!gm_feed_tick(tick_e9, m->price_e9, &tick)) return GM_FEED_PRICE;
    if (id != m->order_id && gm_book_find(b, id) >= 0) return GM_FEED_DUPLICATE_ORDER;
    side = b->pool[slot].side;
    code = gm_book_room(b, gm_side_of(side), tick, m->quantity);    /* from here on it cannot fail: a slot is freed */
    if (code != GM_OK) return gm_feed_problem_of(code);
    gm_book_remove(b, slot);
    gm_book_add(b, id, side, tick, m->quantity, 0);
    return GM_FEED_OK;
}

static inline int gm_feed_take(gm_book_t* b, const gm_message_t* m) {
    int32_t slot = gm_book_find(b, m->order_id);
    if (slot < 0) return GM_FEED_UNKNOWN_ORDER;
    if (m->quantity <= 0 || m->quantity > b->pool[slot].quantity) return GM_FEED_QUANTITY;
    gm_book_reduce(b, slot, m->quantity);
    return GM_FEED_OK;
}

/* One message of a feed by order. */
static inline int gm_feed_by_order(gm_book_t* b, int64_t tick_e9, const gm_message_t* m) {
    int32_t slot;
    switch (m->action) {
    case GM_ADD: return gm_feed_add(b, tick_e9, m);
    case GM_REDUCE:
    case GM_EXECUTE: return gm_feed_take(b, m);
    case GM_DELETE:
        slot = gm_book_find(b, m->order_id);
        if (slot < 0) return GM_FEED_UNKNOWN_ORDER;
        gm_book_remove(b, slot);
        return GM_FEED_OK;
    case GM_REPLACE: return gm_feed_replace(b, tick_e9, m);
    case GM_CLEAR: gm_book_clear(b); return GM_FEED_OK;
    case GM_EXECUTE_HIDDEN: case GM_HALT: case GM_TRADE: case GM_CROSS_TRADE: return GM_FEED_OK;
    default: return GM_FEED_ACTION;
    }
}

/* One message of a feed by level: a level holds one anonymous order, its id made of side and tick. */
static inline int gm_feed_by_level(gm_book_t* b, int64_t tick_e9, const gm_message_t* m) {
    int64_t tick;
    gm_level_t* level;
    int s;
    switch (m->action) {
    case GM_SET_LEVEL: break;
    case GM_CLEAR: gm_book_clear(b); return GM_FEED_OK;
    case GM_EXECUTE_HIDDEN: case GM_HALT: case GM_TRADE: case GM_CROSS_TRADE: return GM_FEED_OK;
    default: return GM_FEED_ACTION;
    }
    if (m->side != GM_BUY && m->side != GM_SELL) return GM_FEED_SIDE;
    if (m->quantity < 0) return GM_FEED_QUANTITY;
    if (!gm_feed_tick(tick_e9, m->price_e9, &tick)) return GM_FEED_PRICE;
    s = gm_side_of(m->side);
    level = gm_book_level(b, s, tick);
    if (level != NULL && level->count > 0) {
        if (m->quantity == 0) {
            gm_book_remove(b, level->head);
        } else {
            b->pool[level->head].quantity = m->quantity;
            level->quantity = m->quantity;
        }
    } else if (m->quantity > 0) {
        int32_t slot = gm_book_add(b, tick * 2 + s, m->side, tick, m->quantity, GM_REST_ANONYMOUS);
        if (slot < 0) return gm_feed_problem_of(slot);
    }
    return GM_FEED_OK;
}

#endif
