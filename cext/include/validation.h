/* Is a row an order that the engine can take? The bits of the fields that are wrong; Python's face says what is wrong with
 * each. Used for batches, whose rows arrive already in the core's units. */
#ifndef GM_VALIDATION_H
#define GM_VALIDATION_H

#include "instruments.h"

/* The fields of an order, in the order of the bits of gm_refusal_t.failed_fields. */
enum gm_field {
    GM_FIELD_SYMBOL, GM_FIELD_SIDE, GM_FIELD_QUANTITY, GM_FIELD_ORDER_TYPE, GM_FIELD_LIMIT_PRICE, GM_FIELD_STOP_PRICE,
    GM_FIELD_TIME_IN_FORCE, GM_FIELD_DISPLAY_QUANTITY, GM_FIELD_URGENCY, GM_FIELD_STRATEGY, GM_FIELD_ACCOUNT, GM_FIELD_TAGS,
    GM_FIELD_CLIENT_ORDER_ID, GM_FIELD_POST_ONLY, GM_FIELD_OTHER, GM_FIELD_COUNT
};

/* What the engine executes today; the codes of the others exist, and are refused by name. */
static inline int gm_supports_type(uint8_t type) { return type == GM_MARKET || type == GM_LIMIT || type == GM_ICEBERG; }
static inline int gm_supports_time_in_force(uint8_t tif) { return tif >= GM_DAY && tif <= GM_FOK; }

static inline uint64_t gm_validate_row(const gm_instruments_t* t, const gm_order_t* o, int32_t accounts, int32_t venues) {
    uint64_t wrong = 0;
    if (o->symbol < 0 || o->symbol >= t->count || !t->rows[o->symbol].known) return 1u << GM_FIELD_SYMBOL;
    if (o->side != GM_BUY && o->side != GM_SELL) wrong |= 1u << GM_FIELD_SIDE;
    if (o->quantity <= 0 || o->quantity > GM_MAX_QUANTITY) wrong |= 1u << GM_FIELD_QUANTITY;
    if (!gm_supports_type(o->order_type)) wrong |= 1u << GM_FIELD_ORDER_TYPE;
    if (!gm_supports_time_in_force(o->time_in_force)) wrong |= 1u << GM_FIELD_TIME_IN_FORCE;
    if (o->order_type == GM_MARKET ? o->limit_price_e9 != GM_NO_PRICE
            : gm_supports_type(o->order_type) && (o->limit_price_e9 <= 0 || o->limit_price_e9 >= GM_MAX_PRICE_E9 || o->limit_price_e9 % t->rows[o->symbol].tick_e9 != 0))
        wrong |= 1u << GM_FIELD_LIMIT_PRICE;
    if (o->stop_price_e9 != GM_NO_PRICE) wrong |= 1u << GM_FIELD_STOP_PRICE;
    if (o->order_type == GM_ICEBERG ? o->display_quantity <= 0 || o->display_quantity > o->quantity : o->display_quantity != 0)
        wrong |= 1u << GM_FIELD_DISPLAY_QUANTITY;
    if (o->urgency > GM_URGENCY_IMMEDIATE) wrong |= 1u << GM_FIELD_URGENCY;
    if (o->account < 0 || o->account >= accounts) wrong |= 1u << GM_FIELD_ACCOUNT;
    if ((o->flags & GM_POST_ONLY) && o->order_type == GM_MARKET) wrong |= 1u << GM_FIELD_POST_ONLY;
    if ((o->flags & ~GM_POST_ONLY) || o->parent_id != 0 || o->algorithm != 0 || o->venue < -1 || o->venue >= venues) wrong |= 1u << GM_FIELD_OTHER;
    return wrong;
}

#endif
