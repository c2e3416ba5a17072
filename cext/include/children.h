/* How large one child of a parent may be: by the limits on the size and the value of one order (risk.h), which refuse what is larger. */
#ifndef GM_CHILDREN_H
#define GM_CHILDREN_H

#include "risk.h"

/* The largest quantity up to `quantity` that passes, 0 where none does; without a price (GM_NO_PRICE) what the limit on the size lets be. */
static inline int64_t gm_risk_most(const gm_limits_t* l, const gm_instruments_t* t, int32_t symbol, int64_t quantity, int64_t price_e9) {
    const gm_i128 unit = price_e9 > 0 ? gm_notional(1, price_e9, t->rows[symbol].multiplier) : 0;
    if ((l->configured & GM_CHECK_ORDER_SIZE) && quantity > l->max_order_size) quantity = l->max_order_size;
    if (unit <= 0) return quantity;
    if ((l->configured & GM_CHECK_NOTIONAL) && unit * quantity > l->max_notional) quantity = (int64_t)(l->max_notional / unit);
    if ((l->configured & GM_CHECK_ORDER_VALUE) && unit * quantity > l->max_order_value) quantity = (int64_t)(l->max_order_value / unit);
    return quantity > 0 ? quantity : 0;
}

#endif
