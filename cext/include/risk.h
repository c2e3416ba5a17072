/* The pre-trade checks, as one function for one order: the engine's path, the batch and the what-if all call it.
 *
 * Definitions: 17 CFR 240.15c3-5 (c)(1); worst case over open orders, signed by side (portfolio.h). A check without a limit is off. A
 * configured check whose inputs are missing fails closed. Of the checks that bound a figure of the portfolio (position, sector, leverage,
 * concentration, gross, net, short sales) an order passes that does not raise that figure, even where it is over the limit already. The
 * others bound the order itself, or what was sent: they know no such exception. Fractions are compared in 128-bit integers: figure * 1e9
 * against limit_e9 * whole.
 *
 * Nothing here changes any state. What a check counts (orders of the day, messages, repetitions) is counted when an order is accepted. */
#ifndef GM_RISK_H
#define GM_RISK_H

#include "portfolio.h"

enum gm_collar_reference { GM_COLLAR_MID = 1, GM_COLLAR_LAST, GM_COLLAR_MARK };
enum gm_collar_unit { GM_COLLAR_BPS = 1, GM_COLLAR_TICKS };
enum gm_self_match {
    GM_SELF_MATCH_CANCEL_NEWEST = 1,    /* the order that comes is refused */
    GM_SELF_MATCH_CANCEL_OLDEST,        /* the resting ones are cancelled first */
    GM_SELF_MATCH_CANCEL_BOTH,
    GM_SELF_MATCH_DECREMENT             /* both lose the smaller quantity, and which has none left ends */
};

/* Bits of gm_limits_t.bars. */
enum gm_bar { GM_BAR_RESTRICTED = 1, GM_BAR_LONG_ONLY = 2 };

typedef struct gm_limits {
    uint64_t configured;            /* gm_check bits that are on */
    int64_t max_order_size;
    int64_t daily_orders;
    gm_i128 max_notional;           /* money in 1e-9 */
    gm_i128 max_order_value;
    gm_i128 daily_value;
    gm_i128 max_gross, max_net;
    int64_t max_leverage_e9;        /* fractions of equity, 1e-9 */
    int64_t max_concentration_e9;
    int64_t sector_e9[GM_MAX_SECTORS];   /* negative: no limit for that sector */
    int64_t* position;              /* [symbol], negative: no limit */

    int64_t collar;                 /* basis points in 1e-9, or ticks */
    int32_t collar_reference;       /* gm_collar_reference */
    int32_t collar_unit;            /* gm_collar_unit */
    int64_t max_volume_e9;          /* an order's fraction of the average daily volume */
    int64_t duplicate_ns;
    int64_t max_messages, rate_ns;  /* at most so many within so long */
    int64_t max_open_orders;
    int64_t max_age_ns;             /* of the newest quote */
    int64_t* located;               /* [symbol] steps that may be short */
    uint8_t* bars;                  /* [symbol] gm_bar */
    int32_t self_match;             /* gm_self_match */
    int32_t reserved;
} gm_limits_t;

/* An order as the checks see it, with what its moment has to say. */
typedef struct gm_risk_order {
    int64_t quantity;
    int64_t price_e9;               /* at which it counts; GM_NO_PRICE: none to be had */
    int64_t limit_e9;               /* GM_NO_PRICE: market */
    int64_t repeats_e9;             /* the price that a repetition of it has too: limit, or stop; GM_NO_PRICE: none */
    int64_t bid_e9, ask_e9, last_e9;        /* GM_NO_PRICE: nobody, none */
    int64_t quote_ns;               /* time of the newest quote; INT64_MIN: nobody quotes */
    int64_t now_ns;
    int32_t account;
    int32_t symbol;
    int32_t ahead;                  /* orders that have passed together with it and are not counted yet (those of its list) */
    int8_t side;
    uint8_t flags;                  /* gm_order_flags */
    uint8_t halted;
} gm_risk_order_t;

/* What each check compared, in gm_check's bit order: filled on request, off the path. */
typedef struct gm_risk_detail {
    double used[GM_CHECK_COUNT];
    double limit[GM_CHECK_COUNT];
} gm_risk_detail_t;

/* ---- which checks concern which orders ---- */

#define GM_ALL_CHECKS (~(uint64_t)0)
/* Of what is sent to a venue. */
#define GM_SENT_CHECKS (GM_CHECK_ORDER_SIZE | GM_CHECK_NOTIONAL | GM_CHECK_ORDER_VALUE | GM_CHECK_COLLAR)
/* Of a child: its parent has reserved, and was the one order that could be one too many. */
#define GM_CHILD_CHECKS (GM_SENT_CHECKS | GM_CHECK_DAILY_COUNT | GM_CHECK_RATE | GM_CHECK_STALE | GM_CHECK_HALTED | GM_CHECK_RESTRICTED \
                         | GM_CHECK_SELF_MATCH | GM_CHECK_OPEN_ORDERS)
/* Of a parent: what is sent are its children, and they are the messages. */
#define GM_PARENT_CHECKS (~(uint64_t)(GM_SENT_CHECKS | GM_CHECK_RATE))
/* Of an order that the engine holds until its trigger: its price and its moment are looked at when it is let out. */
#define GM_HELD_CHECKS (~(uint64_t)(GM_CHECK_COLLAR | GM_CHECK_STALE | GM_CHECK_HALTED | GM_CHECK_SELF_MATCH))
#define GM_RELEASE_CHECKS (GM_CHECK_COLLAR | GM_CHECK_STALE | GM_CHECK_HALTED | GM_CHECK_RESTRICTED)
/* Of an order that is armed, or of what one grows by: it was counted when it came. */
#define GM_ARMED_CHECKS (~(uint64_t)(GM_SENT_CHECKS | GM_CHECK_DAILY_COUNT | GM_CHECK_RATE | GM_CHECK_DUPLICATE | GM_CHECK_OPEN_ORDERS \
                                     | GM_CHECK_STALE | GM_CHECK_HALTED | GM_CHECK_RESTRICTED))
/* Of a replace; of one that the engine makes by itself. */
#define GM_CHANGE_CHECKS (GM_SENT_CHECKS | GM_CHECK_VOLUME | GM_CHECK_RATE | GM_CHECK_STALE | GM_CHECK_HALTED | GM_CHECK_RESTRICTED)
#define GM_RESIZE_CHECKS (GM_SENT_CHECKS | GM_CHECK_VOLUME)

#define GM_SHORT_CHECKS (GM_CHECK_LONG_ONLY | GM_CHECK_LOCATE)
#define GM_EXPOSURE_CHECKS (GM_CHECK_SECTOR | GM_CHECK_LEVERAGE | GM_CHECK_CONCENTRATION | GM_CHECK_GROSS | GM_CHECK_NET)
#define GM_VALUE_CHECKS (GM_CHECK_NOTIONAL | GM_CHECK_ORDER_VALUE | GM_CHECK_DAILY_VALUE)
/* Those that look at more than limits and portfolio; and those of them that nobody can repeat later from a log and its capture. */
#define GM_CONDUCT_CHECKS (GM_CHECK_COLLAR | GM_CHECK_VOLUME | GM_CHECK_DUPLICATE | GM_CHECK_RATE | GM_CHECK_OPEN_ORDERS \
                           | GM_CHECK_RESTRICTED | GM_CHECK_STALE | GM_CHECK_HALTED | GM_SHORT_CHECKS)
#define GM_MOMENT_CHECKS (GM_CHECK_STALE | GM_CHECK_SELF_MATCH)

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

/* ---- what the order does ---- */

/* The collar: how far its price lies beyond the reference on the side that is worse for it; the other side is nobody's error. */
static inline uint64_t gm_risk_collar(const gm_limits_t* l, const gm_portfolio_t* p, const gm_risk_order_t* o, gm_risk_detail_t* detail) {
    const int64_t tick = p->instruments->rows[o->symbol].tick_e9;
    int64_t price = o->limit_e9, reference, beyond;
    int above;
    if (price == GM_NO_PRICE) price = o->side > 0 ? o->ask_e9 : o->bid_e9;
    if (price == GM_NO_PRICE) price = o->price_e9;
    if (l->collar_reference == GM_COLLAR_LAST) reference = o->last_e9;
    else if (l->collar_reference == GM_COLLAR_MARK) reference = gm_mark_of(p, o->symbol);
    else reference = o->bid_e9 == GM_NO_PRICE || o->ask_e9 == GM_NO_PRICE ? GM_NO_PRICE : o->bid_e9 + (o->ask_e9 - o->bid_e9) / 2;
    if (price == GM_NO_PRICE || reference == GM_NO_PRICE) return GM_CHECK_PRICE;
    beyond = o->side * (price - reference);
    above = l->collar_unit == GM_COLLAR_TICKS ? (gm_i128)beyond > (gm_i128)l->collar * tick
        : (gm_i128)beyond * 10000 * 1000000000 > (gm_i128)reference * l->collar;
    gm_risk_note(detail, GM_CHECK_COLLAR, beyond > 0 ? (double)beyond / (double)reference * 1e4 : 0.0,
                 l->collar_unit == GM_COLLAR_TICKS ? (double)l->collar * (double)tick / (double)reference * 1e4 : (double)l->collar * 1e-9);
    return above ? GM_CHECK_COLLAR : 0;
}

static inline __attribute__((always_inline)) uint64_t gm_risk_conduct_of(const gm_limits_t* l, const gm_portfolio_t* p, const uint64_t on,
                                                                         const gm_risk_order_t* o, gm_risk_detail_t* detail) {
    const gm_account_t* a = &p->accounts[o->account];
    uint64_t failed = 0;
    if (on & (GM_CHECK_RESTRICTED | GM_SHORT_CHECKS)) {
        const uint8_t bars = l->bars[o->symbol];
        if ((on & GM_CHECK_RESTRICTED) && (bars & GM_BAR_RESTRICTED)) failed |= GM_CHECK_RESTRICTED;
        gm_risk_note(on & GM_CHECK_RESTRICTED ? detail : NULL, GM_CHECK_RESTRICTED, bars & GM_BAR_RESTRICTED ? 1.0 : 0.0, 0.0);
        if (on & GM_SHORT_CHECKS) {
            const gm_position_t* x = gm_position_of(p, o->account, o->symbol);
            const int64_t down = x->quantity - x->open_sell, after = o->side > 0 ? down : down - o->quantity;
            const int64_t is_short = after < 0 ? -after : 0;
            if ((on & GM_CHECK_LONG_ONLY) && (bars & GM_BAR_LONG_ONLY)) {
                if (o->side < 0 && is_short > 0) failed |= GM_CHECK_LONG_ONLY;
                gm_risk_note(detail, GM_CHECK_LONG_ONLY, (double)is_short, 0.0);
            }
            if (on & GM_CHECK_LOCATE) {
                if (o->side < 0 && is_short > l->located[o->symbol]) failed |= GM_CHECK_LOCATE;
                gm_risk_note(detail, GM_CHECK_LOCATE, (double)is_short, (double)l->located[o->symbol]);
            }
        }
    }
    if (on & GM_CHECK_HALTED) {
        if (o->halted) failed |= GM_CHECK_HALTED;
        gm_risk_note(detail, GM_CHECK_HALTED, o->halted ? 1.0 : 0.0, 0.0);
    }
    if (on & GM_CHECK_STALE) {
        const int none = o->quote_ns == INT64_MIN;
        if (none || o->now_ns - o->quote_ns > l->max_age_ns) failed |= GM_CHECK_STALE;
        gm_risk_note(detail, GM_CHECK_STALE, none ? __builtin_inf() : (double)(o->now_ns - o->quote_ns) * 1e-9, (double)l->max_age_ns * 1e-9);
    }
    if (on & GM_CHECK_COLLAR) failed |= gm_risk_collar(l, p, o, detail);
    if (on & GM_CHECK_VOLUME) {
        const int64_t adv = p->instruments->rows[o->symbol].adv;
        if (adv <= 0 || (gm_i128)o->quantity * 1000000000 > (gm_i128)adv * l->max_volume_e9) failed |= GM_CHECK_VOLUME;
        gm_risk_note(detail, GM_CHECK_VOLUME, adv > 0 ? (double)o->quantity / (double)adv : __builtin_inf(), (double)l->max_volume_e9 * 1e-9);
    }
    if (on & GM_CHECK_OPEN_ORDERS) {
        if (a->open_orders + o->ahead + 1 > l->max_open_orders) failed |= GM_CHECK_OPEN_ORDERS;
        gm_risk_note(detail, GM_CHECK_OPEN_ORDERS, (double)(a->open_orders + o->ahead + 1), (double)l->max_open_orders);
    }
    if (on & GM_CHECK_RATE) {
        if (gm_activity_too_many(&p->activity, o->account, o->ahead + 1, l->max_messages, l->rate_ns, o->now_ns)) failed |= GM_CHECK_RATE;
        if (detail) gm_risk_note(detail, GM_CHECK_RATE, (double)(gm_activity_count(&p->activity, o->account, l->rate_ns, o->now_ns) + o->ahead + 1),
                                 (double)l->max_messages);
    }
    if (on & GM_CHECK_DUPLICATE) {
        const int again = gm_activity_repeats(&p->activity, o->account, o->symbol, o->side, o->quantity, o->repeats_e9, l->duplicate_ns, o->now_ns);
        if (again) failed |= GM_CHECK_DUPLICATE;
        gm_risk_note(detail, GM_CHECK_DUPLICATE, again ? 1.0 : 0.0, 0.0);
    }
    return failed;
}

/* A function of its own: who has none of these checks keeps the registers for the others. */
static __attribute__((noinline, unused)) uint64_t gm_risk_conduct(const gm_limits_t* l, const gm_portfolio_t* p, const uint64_t on,
                                                                  const gm_risk_order_t* o) {
    return gm_risk_conduct_of(l, p, on, o, NULL);
}

/* ---- what becomes of the portfolio ---- */

static inline __attribute__((always_inline)) uint64_t gm_risk_exposure(const gm_limits_t* l, const gm_portfolio_t* p, const uint64_t on,
                                                                       const gm_risk_order_t* o, int64_t after, gm_risk_detail_t* detail) {
    const gm_instrument_t* instrument = &p->instruments->rows[o->symbol];
    const gm_account_t* a = &p->accounts[o->account];
    const gm_position_t* x = gm_position_of(p, o->account, o->symbol);
    const int64_t mark = p->marks_e9[o->symbol];
    const gm_i128 equity = gm_equity(a);
    uint64_t failed = 0;
    if (mark == 0 || a->unmarked > 0)       /* no figure is known: what does not raise the worst case of its symbol passes */
        return after > gm_worst_case(x->quantity, x->open_buy, x->open_sell) ? GM_CHECK_PRICE : 0;
    {
        const gm_i128 exposure = gm_notional(after, mark, instrument->multiplier);
        const gm_i128 change = exposure - x->exposure;
        const gm_i128 sector = a->sector[instrument->sector] + change;
        const gm_i128 gross = a->gross + change;
        const int raises = change > 0;
        if (on & GM_CHECK_SECTOR) {
            const int64_t limit = l->sector_e9[instrument->sector];
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
        if (on & GM_CHECK_GROSS) {
            if (raises && gross > l->max_gross) failed |= GM_CHECK_GROSS;
            gm_risk_note(detail, GM_CHECK_GROSS, (double)gross * 1e-9, (double)l->max_gross * 1e-9);
        }
    }
    if (on & GM_CHECK_NET) {
        const gm_i128 adds = gm_notional(o->quantity, mark, instrument->multiplier);
        const gm_i128 net = o->side > 0 ? gm_net(a->longest + adds, a->shortest) : gm_net(a->longest, a->shortest - adds);
        if (net > l->max_net && net > gm_net(a->longest, a->shortest)) failed |= GM_CHECK_NET;
        gm_risk_note(detail, GM_CHECK_NET, (double)net * 1e-9, (double)l->max_net * 1e-9);
    }
    return failed;
}

static inline __attribute__((always_inline)) uint64_t gm_risk_of(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask,
                                                                 const gm_risk_order_t* o, gm_risk_detail_t* detail) {
    const gm_account_t* a = &p->accounts[o->account];
    const gm_position_t* x = gm_position_of(p, o->account, o->symbol);
    const uint64_t on = l->configured & mask;
    const int64_t quantity = o->quantity;
    const int64_t after = gm_worst_case(x->quantity, x->open_buy + (o->side > 0 ? quantity : 0), x->open_sell + (o->side > 0 ? 0 : quantity));
    uint64_t failed = 0;

    if (on & GM_CHECK_POSITION) {
        const int64_t limit = l->position[o->symbol];
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
        const int64_t count = a->orders_today + o->ahead + 1;
        if (count > l->daily_orders) failed |= GM_CHECK_DAILY_COUNT;
        gm_risk_note(detail, GM_CHECK_DAILY_COUNT, (double)count, (double)l->daily_orders);
    }
    if (on & GM_VALUE_CHECKS) {
        if (o->price_e9 == GM_NO_PRICE) {
            failed |= GM_CHECK_PRICE;
        } else {
            const gm_i128 notional = gm_notional(quantity, o->price_e9, p->instruments->rows[o->symbol].multiplier);
            if (on & GM_CHECK_NOTIONAL) {
                if (notional > l->max_notional) failed |= GM_CHECK_NOTIONAL;
                gm_risk_note(detail, GM_CHECK_NOTIONAL, (double)notional * 1e-9, (double)l->max_notional * 1e-9);
            }
            if (on & GM_CHECK_ORDER_VALUE) {
                if (notional > l->max_order_value) failed |= GM_CHECK_ORDER_VALUE;
                gm_risk_note(detail, GM_CHECK_ORDER_VALUE, (double)notional * 1e-9, (double)l->max_order_value * 1e-9);
            }
            if (on & GM_CHECK_DAILY_VALUE) {
                const gm_i128 day = a->traded + a->reserved + notional;
                if (day > l->daily_value) failed |= GM_CHECK_DAILY_VALUE;
                gm_risk_note(detail, GM_CHECK_DAILY_VALUE, (double)day * 1e-9, (double)l->daily_value * 1e-9);
            }
        }
    }
    if (on & GM_EXPOSURE_CHECKS) failed |= gm_risk_exposure(l, p, on, o, after, detail);
    if (on & GM_CONDUCT_CHECKS) failed |= detail ? gm_risk_conduct_of(l, p, on, o, detail) : gm_risk_conduct(l, p, on, o);
    return failed;
}

/* The gm_check bits of `mask` that fail for an order. The portfolio's totals must be settled. Whether it would match an own order
 * depends on its route, and is looked at behind that (checks.h). */
static __attribute__((noinline, unused)) uint64_t gm_risk_check(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask,
                                                                const gm_risk_order_t* o) {
    return gm_risk_of(l, p, mask, o, NULL);
}

/* The same, and what each check compared. */
static __attribute__((noinline, unused)) uint64_t gm_risk_explain(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask,
                                                                  const gm_risk_order_t* o, gm_risk_detail_t* detail) {
    return gm_risk_of(l, p, mask, o, detail);
}

/* The largest quantity up to o->quantity that passes every check of `mask`: what passes is always a range from 0 up, but for a repetition,
 * which another quantity is not: it fails at any. */
static inline int64_t gm_risk_largest(const gm_limits_t* l, const gm_portfolio_t* p, uint64_t mask, const gm_risk_order_t* o) {
    gm_risk_order_t part = *o;
    int64_t low = 0, high = o->quantity;
    if (gm_risk_check(l, p, mask & GM_CHECK_DUPLICATE, o) != 0) return 0;
    mask &= ~(uint64_t)GM_CHECK_DUPLICATE;
    while (low < high) {
        part.quantity = low + (high - low + 1) / 2;
        if (gm_risk_check(l, p, mask, &part) == 0) low = part.quantity; else high = part.quantity - 1;
    }
    return low;
}

#endif
