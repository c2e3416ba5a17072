/* Is a row an order that the engine can take? The bits of the fields that are wrong; Python's face says what is wrong with
 * each. Used for batches, whose rows arrive already in the core's units. */
#ifndef GM_VALIDATION_H
#define GM_VALIDATION_H

#include "instruments.h"

/* The fields of an order, in the order of the bits of gm_refusal_t.failed_fields. */
enum gm_field {
    GM_FIELD_SYMBOL, GM_FIELD_SIDE, GM_FIELD_QUANTITY, GM_FIELD_ORDER_TYPE, GM_FIELD_LIMIT_PRICE, GM_FIELD_STOP_PRICE,
    GM_FIELD_TIME_IN_FORCE, GM_FIELD_DISPLAY_QUANTITY, GM_FIELD_URGENCY, GM_FIELD_STRATEGY, GM_FIELD_ACCOUNT, GM_FIELD_TAGS,
    GM_FIELD_CLIENT_ORDER_ID, GM_FIELD_POST_ONLY, GM_FIELD_OTHER, GM_FIELD_REDUCE_ONLY, GM_FIELD_ALL_OR_NONE, GM_FIELD_HIDDEN,
    GM_FIELD_MIN_QUANTITY, GM_FIELD_EXPIRE_TIME, GM_FIELD_TRIGGER, GM_FIELD_TRAILING_AMOUNT, GM_FIELD_TRAILING_BPS, GM_FIELD_LIMIT_OFFSET,
    GM_FIELD_DISPLAY_SPREAD, GM_FIELD_VENUE, GM_FIELD_PEG_OFFSET, GM_FIELD_COUNT
};

/* What the engine executes. */
static inline int gm_is_pegged(uint8_t type) { return type >= GM_PEGGED_PRIMARY && type <= GM_PEGGED_MARKET; }
static inline int gm_supports_type(uint8_t type) { return type >= GM_MARKET && type <= GM_PEGGED_MARKET; }
static inline int gm_supports_time_in_force(uint8_t tif) { return tif >= GM_DAY && tif <= GM_CLS; }
/* For an auction: market and limit orders alone, without instructions. */
static inline int gm_is_for_auction(uint8_t tif) { return tif == GM_OPG || tif == GM_CLS; }

/* Which prices an order of a type has. */
static inline int gm_has_limit(uint8_t type) {
    return type == GM_LIMIT || type == GM_STOP_LIMIT || type == GM_LIMIT_IF_TOUCHED || type == GM_ICEBERG;
}
static inline int gm_has_stop(uint8_t type) {
    return type == GM_STOP || type == GM_STOP_LIMIT || type == GM_MARKET_IF_TOUCHED || type == GM_LIMIT_IF_TOUCHED;
}

static inline int gm_on_grid(int64_t price_e9, int64_t tick_e9) { return price_e9 > 0 && price_e9 < GM_MAX_PRICE_E9 && price_e9 % tick_e9 == 0; }

/* Rows come without terms: what needs them (trailing stops, GTD, minimum quantities, lists) is submitted one by one. */
static inline uint64_t gm_validate_row(const gm_instruments_t* t, const gm_order_t* o, int32_t accounts, int32_t venues) {
    uint64_t wrong = 0;
    if (o->symbol < 0 || o->symbol >= t->count || !t->rows[o->symbol].known) return 1u << GM_FIELD_SYMBOL;
    if (o->side != GM_BUY && o->side != GM_SELL) wrong |= 1u << GM_FIELD_SIDE;
    if (o->quantity <= 0 || o->quantity > GM_MAX_QUANTITY) wrong |= 1u << GM_FIELD_QUANTITY;
    if (!gm_supports_type(o->order_type) || o->order_type == GM_TRAILING_STOP || o->order_type == GM_TRAILING_STOP_LIMIT)
        wrong |= 1u << GM_FIELD_ORDER_TYPE;
    if (!gm_supports_time_in_force(o->time_in_force) || o->time_in_force == GM_GTD) wrong |= 1u << GM_FIELD_TIME_IN_FORCE;
    if (gm_is_for_auction(o->time_in_force) && ((o->order_type != GM_MARKET && o->order_type != GM_LIMIT) || (o->flags & (GM_POST_ONLY | GM_HIDDEN | GM_ALL_OR_NONE))))
        wrong |= 1u << GM_FIELD_TIME_IN_FORCE;
    if (gm_has_limit(o->order_type) || (gm_is_pegged(o->order_type) && o->limit_price_e9 != GM_NO_PRICE) ? !gm_on_grid(o->limit_price_e9, t->rows[o->symbol].tick_e9) : o->limit_price_e9 != GM_NO_PRICE)
        wrong |= 1u << GM_FIELD_LIMIT_PRICE;
    if (gm_has_stop(o->order_type) ? !gm_on_grid(o->stop_price_e9, t->rows[o->symbol].tick_e9) : o->stop_price_e9 != GM_NO_PRICE)
        wrong |= 1u << GM_FIELD_STOP_PRICE;
    if (o->order_type == GM_ICEBERG ? o->display_quantity <= 0 || o->display_quantity > o->quantity : o->display_quantity != 0)
        wrong |= 1u << GM_FIELD_DISPLAY_QUANTITY;
    if (o->urgency > GM_URGENCY_IMMEDIATE) wrong |= 1u << GM_FIELD_URGENCY;
    if (o->account < 0 || o->account >= accounts) wrong |= 1u << GM_FIELD_ACCOUNT;
    if ((o->flags & GM_POST_ONLY) && !gm_has_limit(o->order_type)) wrong |= 1u << GM_FIELD_POST_ONLY;
    if (o->terms || (o->flags & ~(GM_POST_ONLY | GM_REDUCE_ONLY | GM_HIDDEN)) || o->parent_id != 0 || o->algorithm != 0 || o->venue < -1 || o->venue >= venues) wrong |= 1u << GM_FIELD_OTHER;
    return wrong;
}

#endif
