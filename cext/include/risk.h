/* The pre-trade checks, as one function for one order: the engine's path, the batch and the what-if all call it.
 *
 * A check without a limit is off. A configured check whose inputs are missing fails closed. An order that does not raise
 * the figure which a limit bounds passes, even where that figure is over the limit already. Fractions of equity are
 * compared in 128-bit integers: figure * 1e9 against limit_e9 * equity. */
#ifndef GM_RISK_H
#define GM_RISK_H

#include "portfolio.h"

typedef struct gm_limits {
    uint64_t configured;            /* gm_check bits that are on */
    int64_t max_order_size;
    int64_t daily_orders;
    gm_i128 max_notional;           /* money in 1e-9 */
    gm_i128 max_order_value;
    gm_i128 daily_value;
    int64_t max_leverage_e9;        /* fractions of equity, 1e-9 */
    int64_t max_concentration_e9;
    int64_t sector_e9[GM_MAX_SECTORS];   /* negative: no limit for that sector */
    int64_t* position;              /* [symbol], negative: no limit */
} gm_limits_t;

/* What each check compared, in gm_check's bit order: filled on request, off the path. */
typedef struct gm_risk_detail {
    double used[GM_CHECK_COUNT];
    double limit[GM_CHECK_COUNT];
} gm_risk_detail_t;

#define GM_ALL_CHECKS (~(uint64_t)0)
/* Of what is sent to a venue; of a child, whose parent has reserved; of a parent; of an order that is armed or grows; of a replace. */
#define GM_SENT_CHECKS (GM_CHECK_ORDER_SIZE | GM_CHECK_NOTIONAL | GM_CHECK_ORDER_VALUE | GM_CHECK_COLLAR)
#define GM_CHILD_CHECKS (GM_SENT_CHECKS | GM_CHECK_DAILY_COUNT | GM_CHECK_RATE | GM_CHECK_STALE | GM_CHECK_HALTED | GM_CHECK_RESTRICTED \
                         | GM_CHECK_SELF_MATCH | GM_CHECK_OPEN_ORDERS)
#define GM_PARENT_CHECKS (~(uint64_t)GM_SENT_CHECKS)
#define GM_ARMED_CHECKS (~(uint64_t)(GM_SENT_CHECKS | GM_CHECK_DAILY_COUNT | GM_CHECK_RATE | GM_CHECK_DUPLICATE | GM_CHECK_OPEN_ORDERS))
#define GM_CHANGE_CHECKS (GM_SENT_CHECKS | GM_CHECK_RATE | GM_CHECK_STALE | GM_CHECK_HALTED | GM_CHECK_RESTRICTED)
#define GM_SHORT_CHECKS (GM_CHECK_LONG_ONLY | GM_CHECK_LOCATE)
#define GM_EXPOSURE_CHECKS (GM_CHECK_SECTOR | GM_CHECK_LEVERAGE | GM_CHECK_CONCENTRATION)
#define GM_VALUE_CHECKS (GM_CHECK_NOTIONAL | GM_CHECK_ORDER_VALUE | GM_CHECK_DAILY_VALUE)

static inline void gm_risk_note(gm_risk_detail_t* d, int check, double used, double limit) {
    if (d) {
        d->used[__builtin_ctz((unsigned)check)] = used;
        d->limit[__builtin_ctz((unsigned)check)] = limit;
    }
}

static inline double gm_share(gm_i128 figure, gm_i128 equity) {
    return equity > 0 ? (double)figure / (double)equity : (figure > 0 ? __builtin_inf() : 0.0);
}

#define GM_FIGURE_MAX ((gm_i128)1 << 96)     /* times 1e9 it still fits; no real exposure comes near */
#define GM_EQUITY_MAX ((gm_i128)1 << 76)     /* times the largest limit it still fits */

/* Is figure / equity above limit_e9 * 1e-9? What would not fit 128 bits counts as above; equity beyond its bound counts
 * as the bound. */
static inline int gm_above(gm_i128 figure, gm_i128 equity, int64_t limit_e9) {
    if (__builtin_expect((figure >> 64 | equity >> 64) == 0, 1))        /* both below 18 billion: one product each */
        return (gm_u128)(uint64_t)figure * 1000000000u > (gm_u128)(uint64_t)equity * (uint64_t)limit_e9;
    if (figure > GM_FIGURE_MAX) return 1;
    if (equity > GM_EQUITY_MAX) equity = GM_EQUITY_MAX;
    if (equity < 0) equity = 0;
    return figure * 1000000000 > equity * limit_e9;
}

/* The gm_check bits of `mask` that fail for `side * quantity` of `symbol` at `price_e9` (GM_NO_PRICE: none to be had).
 * The portfolio's totals must be settled. A parent's children are not checked again: the parent reserved for them. */
static inline __attribute__((always_inline)) uint64_t gm_risk_check(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask,
                                     int32_t account, int32_t symbol, int8_t side, int64_t quantity, int64_t price_e9,
                                     gm_risk_detail_t* detail) {
    const gm_instrument_t* instrument = &p->instruments->rows[symbol];
    const gm_account_t* a = &p->accounts[account];
    const gm_position_t* x = gm_position_of(p, account, symbol);
    const uint64_t on = l->configured & mask;
    const int64_t after = gm_worst_case(x->quantity, x->open_buy + (side > 0 ? quantity : 0),
                                        x->open_sell + (side > 0 ? 0 : quantity));
    uint64_t failed = 0;

    if (on & GM_CHECK_POSITION) {
        int64_t limit = l->position[symbol];
        if (limit >= 0) {
            if (after > limit && after > gm_worst_case(x->quantity, x->open_buy, x->open_sell)) failed |= GM_CHECK_POSITION;
            gm_risk_note(detail, GM_CHECK_POSITION, (double)after, (double)limit);
        }
    }
    if (on & GM_CHECK_ORDER_SIZE) {
        if (quantity > l->max_order_size) failed |= GM_CHECK_ORDER_SIZE;
        gm_risk_note(detail, GM_CHECK_ORDER_SIZE, (double)quantity, (double)l->max_order_size);
    }
    if (on & GM_CHECK_DAILY_COUNT) {
        if (a->orders_today + 1 > l->daily_orders) failed |= GM_CHECK_DAILY_COUNT;
        gm_risk_note(detail, GM_CHECK_DAILY_COUNT, (double)(a->orders_today + 1), (double)l->daily_orders);
    }
    if (on & GM_VALUE_CHECKS) {
        if (price_e9 == GM_NO_PRICE) {
            failed |= GM_CHECK_PRICE;
        } else {
            gm_i128 notional = gm_notional(quantity, price_e9, instrument->multiplier);
            if (on & GM_CHECK_NOTIONAL) {
                if (notional > l->max_notional) failed |= GM_CHECK_NOTIONAL;
                gm_risk_note(detail, GM_CHECK_NOTIONAL, (double)notional * 1e-9, (double)l->max_notional * 1e-9);
            }
            if (on & GM_CHECK_ORDER_VALUE) {
                if (notional > l->max_order_value) failed |= GM_CHECK_ORDER_VALUE;
                gm_risk_note(detail, GM_CHECK_ORDER_VALUE, (double)notional * 1e-9, (double)l->max_order_value * 1e-9);
            }
            if (on & GM_CHECK_DAILY_VALUE) {
                gm_i128 day = a->traded + a->reserved + notional;
                if (day > l->daily_value) failed |= GM_CHECK_DAILY_VALUE;
                gm_risk_note(detail, GM_CHECK_DAILY_VALUE, (double)day * 1e-9, (double)l->daily_value * 1e-9);
            }
        }
    }
    if (on & GM_EXPOSURE_CHECKS) {
        int64_t mark = p->marks_e9[symbol];
        gm_i128 equity = gm_equity(a);
        if (mark == 0 || a->unmarked > 0) {
            if (after > gm_worst_case(x->quantity, x->open_buy, x->open_sell)) failed |= GM_CHECK_PRICE;
            return failed;
        }
        {
            gm_i128 exposure = gm_notional(after, mark, instrument->multiplier);
            gm_i128 change = exposure - x->exposure;
            gm_i128 sector = a->sector[instrument->sector] + change;
            gm_i128 gross = a->gross + change;
            int raises = change > 0;
            if (on & GM_CHECK_SECTOR) {
                int64_t limit = l->sector_e9[instrument->sector];
                if (limit >= 0) {
                    if (raises && gm_above(sector, equity, limit)) failed |= GM_CHECK_SECTOR;
                    gm_risk_note(detail, GM_CHECK_SECTOR, gm_share(sector, equity), (double)limit * 1e-9);
                }
            }
            if (on & GM_CHECK_LEVERAGE) {
                if (raises && gm_above(gross, equity, l->max_leverage_e9)) failed |= GM_CHECK_LEVERAGE;
                gm_risk_note(detail, GM_CHECK_LEVERAGE, gm_share(gross, equity), (double)l->max_leverage_e9 * 1e-9);
            }
            if (on & GM_CHECK_CONCENTRATION) {
                if (raises && gm_above(exposure, equity, l->max_concentration_e9)) failed |= GM_CHECK_CONCENTRATION;
                gm_risk_note(detail, GM_CHECK_CONCENTRATION, gm_share(exposure, equity), (double)l->max_concentration_e9 * 1e-9);
            }
        }
    }
    return failed;
}

/* The largest quantity up to `quantity` that passes every check: what passes is always a range from 0 up. */
static inline int64_t gm_risk_largest(const gm_limits_t* l, const gm_portfolio_t* p, int32_t account, int32_t symbol,
                                      int8_t side, int64_t quantity, int64_t price_e9) {
    int64_t low = 0, high = quantity;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (gm_risk_check(l, p, GM_ALL_CHECKS, account, symbol, side, middle, price_e9, NULL) == 0) low = middle; else high = middle - 1;
    }
    return low;
}

#endif
