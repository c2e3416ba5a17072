/* An exchange's matching beyond the plain book: rules in exchange.h. */
#include "exchange.h"

/* Who acts: an order that comes in, or one that can trade now because something else has moved. */
typedef struct gm_taker {
    const gm_entry_t* entry;
    int64_t limit_e9;           /* GM_NO_PRICE: any price */
    int64_t price_e9;           /* of one that rested: where it stands; it is there before who came later */
    int64_t left;
    uint64_t arrival;
    int64_t filled;
    int64_t lost;               /* what an own order in its way has cost it */
    int ended;                  /* such an order has ended it */
    int met;                    /* it has met an own order: something has changed, though nothing was filled */
} gm_taker_t;

static void settle(gm_exchange_t* x);

int gm_exchange_init(gm_exchange_t* x, int64_t tick_e9, uint32_t ticks, int32_t capacity) {
    memset(x, 0, sizeof *x);
    x->lot = 1;
    x->reference_bid_e9 = x->reference_ask_e9 = GM_NO_PRICE;
    x->rare = (gm_rare_t*)gm_reserve(GM_RARE_MAX * sizeof(gm_rare_t));
    if (!x->rare || gm_matcher_init(&x->lit, tick_e9, ticks, capacity) != GM_OK) {
        gm_exchange_free(x);
        return GM_ERR_MEMORY;
    }
    return GM_OK;
}

void gm_exchange_free(gm_exchange_t* x) {
    gm_release(x->rare, GM_RARE_MAX * sizeof(gm_rare_t));
    x->rare = NULL;
    if (x->lit.book.pool) gm_book_free(&x->lit.book);
}

/* ---- what is said ---- */

static void say(gm_exchange_t* x, uint8_t kind, const gm_entry_t* e, int64_t quantity, uint16_t reason) {
    gm_event_t event;
    memset(&event, 0, sizeof event);
    event.order_id = e->order_id;
    event.price_e9 = GM_NO_PRICE;
    event.quantity = quantity;
    event.side = e->side;
    event.kind = kind;
    event.rest_flags = e->rest_flags;
    event.reason = reason;
    x->sink(x->context, &event);
}

static void say_resting(gm_exchange_t* x, uint8_t kind, const gm_resting_t* r, int64_t quantity, uint16_t reason) {
    gm_entry_t e;
    memset(&e, 0, sizeof e);
    e.order_id = r->order_id;
    e.side = r->side;
    e.rest_flags = r->flags;
    say(x, kind, &e, quantity, reason);
}

static void say_trade(gm_exchange_t* x, const gm_entry_t* acted, int64_t left, int64_t other_id, uint8_t other_flags, int displayed, int64_t other_left,
                      int64_t price_e9, int64_t quantity) {
    gm_event_t event;
    memset(&event, 0, sizeof event);
    event.left = left;
    event.other_left = other_left;
    event.order_id = acted->order_id;
    event.other_id = other_id;
    event.price_e9 = price_e9;
    event.quantity = quantity;
    event.side = acted->side;
    event.kind = GM_EVENT_TRADE;
    event.displayed = (uint8_t)displayed;
    event.rest_flags = other_flags;
    x->lit.last_e9 = price_e9;
    x->lit.volume = gm_add_to_max(x->lit.volume, quantity);
    x->lit.trades++;
    x->sink(x->context, &event);
}

/* ---- prices ---- */

static int64_t lit_best(const gm_exchange_t* x, int s) {
    return gm_book_has(&x->lit.book, s) ? gm_book_best_tick(&x->lit.book, s) * x->lit.tick_e9 : GM_NO_PRICE;
}

/* The reference stands still while a command runs. */
static void look(gm_exchange_t* x) {
    x->bid_e9 = x->referenced ? x->reference_bid_e9 : lit_best(x, 0);
    x->ask_e9 = x->referenced ? x->reference_ask_e9 : lit_best(x, 1);
}

static int reaches(int8_t side, int64_t limit_e9, int64_t price_e9) {
    return limit_e9 == GM_NO_PRICE || (side > 0 ? price_e9 <= limit_e9 : price_e9 >= limit_e9);
}

static int in_band(const gm_exchange_t* x, int64_t price_e9) {
    return x->band_high_e9 == 0 || (price_e9 >= x->band_low_e9 && price_e9 <= x->band_high_e9);
}

static int is_pegged(const gm_entry_t* e) { return e->order_type >= GM_PEGGED_PRIMARY && e->order_type <= GM_PEGGED_MARKET; }

/* The least that it takes or gives at once. */
static int64_t least(const gm_entry_t* e) {
    if (e->flags & GM_ALL_OR_NONE) return e->quantity;
    return e->min_quantity < e->quantity ? e->min_quantity : e->quantity;
}

int64_t gm_exchange_price(const gm_exchange_t* x, const gm_entry_t* e, int64_t bid_e9, int64_t ask_e9) {
    int64_t price = e->limit_e9;
    if (is_pegged(e)) {
        if (e->order_type == GM_PEGGED_MIDPOINT) {
            if (bid_e9 == GM_NO_PRICE || ask_e9 == GM_NO_PRICE || bid_e9 > ask_e9) return GM_NO_PRICE;
            price = bid_e9 + (ask_e9 - bid_e9) / 2;
        } else {
            const int64_t from = (e->order_type == GM_PEGGED_PRIMARY) == (e->side > 0) ? bid_e9 : ask_e9;
            if (from == GM_NO_PRICE) return GM_NO_PRICE;
            if (__builtin_add_overflow(from, e->side * e->offset_e9, &price)) return GM_NO_PRICE;
        }
        if (e->limit_e9 != GM_NO_PRICE && !reaches(e->side, e->limit_e9, price)) price = e->limit_e9;
        if (price <= 0) return GM_NO_PRICE;
    }
    return price == GM_NO_PRICE || !in_band(x, price) ? GM_NO_PRICE : price;
}

static int64_t stands_at(const gm_exchange_t* x, const gm_entry_t* e) { return gm_exchange_price(x, e, x->bid_e9, x->ask_e9); }

/* ---- the rare ones ---- */

int32_t gm_exchange_find(const gm_exchange_t* x, int64_t order_id) {
    for (int32_t i = 0; i < x->rare_count; i++) if (x->rare[i].entry.order_id == order_id) return i;
    return GM_NIL;
}

static void rare_drop(gm_exchange_t* x, int32_t i) {
    memmove(&x->rare[i], &x->rare[i + 1], (size_t)(x->rare_count - i - 1) * sizeof *x->rare);
    x->rare_count--;
}

static void rare_reduce(gm_exchange_t* x, int32_t i, int64_t quantity) {
    if ((x->rare[i].entry.quantity -= quantity) == 0) rare_drop(x, i);
}

/* Its place; GM_NIL: no room. */
static int32_t rare_put(gm_exchange_t* x, const gm_entry_t* e, int64_t quantity, uint64_t arrival, uint8_t place) {
    gm_rare_t* r;
    if (x->rare_count >= GM_RARE_MAX) return GM_NIL;
    r = &x->rare[x->rare_count];
    memset(r, 0, sizeof *r);
    r->entry = *e;
    r->entry.quantity = quantity;
    r->arrival = arrival;
    r->place = place;
    return x->rare_count++;
}

/* The not displayed order that a taker with `left` meets first, and its price; `used`: those that count no more; GM_NIL: none. */
static int32_t dark_best(const gm_exchange_t* x, const gm_taker_t* t, int64_t left, const uint8_t* used, int64_t* price_e9) {
    int32_t best = GM_NIL;
    for (int32_t i = 0; i < x->rare_count; i++) {
        const gm_entry_t* e = &x->rare[i].entry;
        int64_t price;
        if (x->rare[i].place != GM_RARE_DARK || e->side == t->entry->side || (used && used[i]) || least(e) > left) continue;
        price = stands_at(x, e);
        if (price == GM_NO_PRICE || !reaches(t->entry->side, t->limit_e9, price)) continue;
        if (best == GM_NIL || t->entry->side * (price - *price_e9) < 0) {
            best = i;
            *price_e9 = price;
        }
    }
    return best;
}

/* A displayed price as a taker meets it: GM_NO_PRICE where it does not reach it. */
static int64_t lit_reached(const gm_exchange_t* x, const gm_taker_t* t, int64_t price_e9) {
    return price_e9 != GM_NO_PRICE && reaches(t->entry->side, t->limit_e9, price_e9) && in_band(x, price_e9) ? price_e9 : GM_NO_PRICE;
}

/* Is there anything in its way, an own order too? */
static int meets(const gm_exchange_t* x, const gm_taker_t* t) {
    int64_t dark_e9;
    return lit_reached(x, t, lit_best(x, t->entry->side > 0 ? 1 : 0)) != GM_NO_PRICE || dark_best(x, t, t->left, NULL, &dark_e9) != GM_NIL;
}

static int owned(const gm_exchange_t* x, const gm_taker_t* t, uint16_t owner) {
    return x->owner_rule != GM_OWN_TRADES && owner != 0 && owner == t->entry->owner;
}

/* ---- how much there is ---- */

/* What a taker would find, up to `enough`: the very walk of `take`, nothing touched. An own order in the way is gone through only where it
 * would be cancelled for that. */
static int64_t available(const gm_exchange_t* x, const gm_taker_t* t, int64_t enough) {
    const gm_book_t* b = &x->lit.book;
    const int other = t->entry->side > 0 ? 1 : 0;
    const int passes = x->owner_rule == GM_OWN_CANCEL_OLDEST;
    uint8_t used[GM_RARE_MAX];
    int64_t sum = 0, level = b->best[other];
    if (x->rare_count) memset(used, 0, (size_t)x->rare_count);
    while (sum < enough) {
        int64_t dark_e9 = 0, lit_e9 = lit_reached(x, t, level < 0 ? GM_NO_PRICE : (b->base + level) * x->lit.tick_e9);
        const int32_t dark = dark_best(x, t, t->left - sum, used, &dark_e9);    /* what it would have left there, not what it still needs */
        if (lit_e9 == GM_NO_PRICE && dark == GM_NIL) break;
        if (lit_e9 != GM_NO_PRICE && (dark == GM_NIL || t->entry->side * (lit_e9 - dark_e9) <= 0)) {
            const int32_t head = b->levels[other][level].head;
            for (int32_t slot = head; slot != GM_NIL; slot = b->pool[slot].next) {
                if (!owned(x, t, b->pool[slot].owner)) sum = gm_add_to_max(sum, b->pool[slot].quantity);
                else if (!passes) return sum < enough ? sum : enough;
            }
            for (int32_t slot = head; slot != GM_NIL; slot = b->pool[slot].next)
                if (b->pool[slot].display > 0 && !owned(x, t, b->pool[slot].owner)) sum = gm_add_to_max(sum, b->pool[slot].reserve);
            level = gm_book_next(b, other, level);
            continue;
        }
        used[dark] = 1;
        if (!owned(x, t, x->rare[dark].entry.owner)) sum = gm_add_to_max(sum, x->rare[dark].entry.quantity);
        else if (!passes) break;
    }
    return sum < enough ? sum : enough;
}

/* ---- taking ---- */

/* An own order in the way: what the rule says. `slot` of the book, or `dark`. */
static void meet_own(gm_exchange_t* x, gm_taker_t* t, int32_t slot, int32_t dark) {
    const int64_t open = slot >= 0 ? gm_match_open(&x->lit, slot) : x->rare[dark].entry.quantity;
    const int64_t both = open < t->left ? open : t->left;
    const int rule = x->owner_rule;
    const int64_t off = rule == GM_OWN_DECREMENT ? both : rule == GM_OWN_CANCEL_NEWEST ? 0 : open;
    t->met = 1;
    if (off > 0) {
        if (slot >= 0) {
            const gm_resting_t r = x->lit.book.pool[slot];
            if (off == open) gm_match_cancel(&x->lit, r.order_id); else gm_match_shrink(&x->lit, slot, off);
            say_resting(x, off == open ? GM_EVENT_ENDED : GM_EVENT_REDUCED, &r, off, GM_REASON_SELF_MATCH);
        } else {
            const gm_entry_t e = x->rare[dark].entry;
            rare_reduce(x, dark, off);
            say(x, off == open ? GM_EVENT_ENDED : GM_EVENT_REDUCED, &e, off, GM_REASON_SELF_MATCH);
        }
    }
    if (rule == GM_OWN_DECREMENT) {
        t->left -= both;
        t->lost = both;
        if (t->left > 0) say(x, GM_EVENT_REDUCED, t->entry, both, GM_REASON_SELF_MATCH); else t->ended = 1;
    } else if (rule != GM_OWN_CANCEL_OLDEST) {
        t->ended = 1;
    }
}

static void take(gm_exchange_t* x, gm_taker_t* t) {
    gm_book_t* b = &x->lit.book;
    const int other = t->entry->side > 0 ? 1 : 0;
    while (t->left > 0 && !t->ended) {
        int64_t dark_e9 = 0, lit_e9 = lit_reached(x, t, lit_best(x, other)), traded;
        const int32_t dark = dark_best(x, t, t->left, NULL, &dark_e9);
        if (lit_e9 != GM_NO_PRICE && (dark == GM_NIL || t->entry->side * (lit_e9 - dark_e9) <= 0)) {
            const int32_t slot = b->levels[other][b->best[other]].head;
            gm_resting_t* r = &b->pool[slot];
            if (owned(x, t, r->owner)) {
                meet_own(x, t, slot, GM_NIL);
                continue;
            }
            traded = t->left < r->quantity ? t->left : r->quantity;
            t->left -= traded;
            t->filled += traded;
            say_trade(x, t->entry, t->left, r->order_id, r->flags, 1, gm_match_open(&x->lit, slot) - traded, lit_e9, traded);
            if (traded == r->quantity && r->display > 0 && r->reserve > 0) gm_match_refresh(&x->lit, slot);
            else gm_book_reduce(b, slot, traded);
            x->lit.changes++;
        } else if (dark != GM_NIL) {
            const gm_rare_t r = x->rare[dark];
            if (owned(x, t, r.entry.owner)) {
                meet_own(x, t, GM_NIL, dark);
                continue;
            }
            traded = t->left < r.entry.quantity ? t->left : r.entry.quantity;
            t->left -= traded;
            t->filled += traded;
            rare_reduce(x, dark, traded);
            say_trade(x, t->entry, t->left, r.entry.order_id, r.entry.rest_flags, 0, r.entry.quantity - traded, t->arrival < r.arrival ? t->price_e9 : dark_e9,
                      traded);
        } else {
            break;
        }
    }
}

/* ---- an order comes in ---- */

static gm_match_result_t ended(uint16_t status, uint16_t reason, int64_t filled, int64_t left) {
    return (gm_match_result_t){filled, left, GM_NIL, reason, status};
}

static int in_call(const gm_exchange_t* x) { return x->phase == GM_PHASE_OPENING_CALL || x->phase == GM_PHASE_CLOSING_CALL; }
static int for_auction(const gm_entry_t* e) { return e->time_in_force == GM_OPG || e->time_in_force == GM_CLS; }
static int is_stop(const gm_entry_t* e) { return e->order_type == GM_STOP || e->order_type == GM_STOP_LIMIT; }
static int is_dark(const gm_entry_t* e) { return is_pegged(e) || (e->flags & (GM_HIDDEN | GM_ALL_OR_NONE)) || e->min_quantity > 0; }

/* Is a price on the tick, and the book can hold it? */
static int well_priced(const gm_exchange_t* x, int64_t price_e9) {
    return price_e9 > 0 && price_e9 % x->lit.tick_e9 == 0 && price_e9 / x->lit.tick_e9 < INT32_MAX;
}

/* What an order's terms may be together; 0: these may. */
static uint16_t unsupported(const gm_entry_t* e) {
    const uint8_t tif = e->time_in_force;
    const int limited = e->order_type == GM_LIMIT || e->order_type == GM_STOP_LIMIT;
    if (e->display_quantity > 0 && (is_dark(e) || e->quantity / e->display_quantity > GM_MAX_ICEBERG_SLICES)) return GM_REASON_UNSUPPORTED;
    if (limited ? e->limit_e9 == GM_NO_PRICE : !is_pegged(e) && e->limit_e9 != GM_NO_PRICE) return GM_REASON_INVALID;
    if (is_stop(e) != (e->stop_e9 != GM_NO_PRICE) || (!is_pegged(e) && e->offset_e9 != 0)) return GM_REASON_INVALID;
    if (e->order_type == GM_PEGGED_MIDPOINT && e->offset_e9 != 0) return GM_REASON_INVALID;
    if ((e->flags & GM_POST_ONLY) && e->order_type == GM_MARKET) return GM_REASON_WOULD_CROSS;
    if ((e->flags & GM_POST_ONLY) && (is_stop(e) || for_auction(e))) return GM_REASON_UNSUPPORTED;
    if ((is_dark(e) || is_stop(e)) && for_auction(e)) return GM_REASON_UNSUPPORTED;
    if (is_stop(e) && (tif == GM_IOC || tif == GM_FOK || is_dark(e))) return GM_REASON_UNSUPPORTED;
    return is_pegged(e) && tif == GM_FOK ? GM_REASON_UNSUPPORTED : GM_REASON_NONE;
}

/* Does an order have a limit that the band does not let it have? */
static int beyond_band(const gm_exchange_t* x, int8_t side, int64_t limit_e9) {
    return x->band_high_e9 && limit_e9 != GM_NO_PRICE && (side > 0 ? limit_e9 > x->band_high_e9 : limit_e9 < x->band_low_e9);
}

/* Why an order is not taken, whatever the market; 0: it is. The order of the questions is that of matching.h. `replaced`: its id is there, and may be. */
static uint16_t refusal(const gm_exchange_t* x, const gm_entry_t* e, int replaced) {
    const uint8_t type = e->order_type, tif = e->time_in_force;
    uint16_t reason;
    if ((e->side != GM_BUY && e->side != GM_SELL) || e->display_quantity < 0 || e->min_quantity < 0) return GM_REASON_INVALID;
    if (type != GM_MARKET && type != GM_LIMIT && !is_stop(e) && !is_pegged(e)) return GM_REASON_UNSUPPORTED;
    if ((tif != GM_DAY && tif != GM_GTC && tif != GM_IOC && tif != GM_FOK && !for_auction(e)) || (e->flags & ~(GM_POST_ONLY | GM_HIDDEN | GM_ALL_OR_NONE)))
        return GM_REASON_UNSUPPORTED;
    if (!replaced && (gm_book_find(&x->lit.book, e->order_id) >= 0 || gm_exchange_find(x, e->order_id) >= 0)) return GM_REASON_DUPLICATE_CLIENT_ID;
    if (e->quantity <= 0 || e->quantity % x->lot || e->min_quantity > e->quantity) return GM_REASON_INVALID;
    if ((reason = unsupported(e)) != GM_REASON_NONE) return reason;
    if (e->offset_e9 % x->lit.tick_e9 || (e->limit_e9 != GM_NO_PRICE && !well_priced(x, e->limit_e9)) || (is_stop(e) && !well_priced(x, e->stop_e9)))
        return GM_REASON_PRICE_OUT_OF_RANGE;
    if (beyond_band(x, e->side, e->limit_e9)) return GM_REASON_PRICE_OUT_OF_RANGE;
    if (x->phase == GM_PHASE_HALTED || (x->phase == GM_PHASE_CLOSED && tif != GM_OPG)) return GM_REASON_NOT_TRADING;
    if (tif == GM_OPG && x->phase != GM_PHASE_CLOSED && x->phase != GM_PHASE_OPENING_CALL) return GM_REASON_NOT_TRADING;
    return in_call(x) && (tif == GM_IOC || tif == GM_FOK) ? GM_REASON_NOT_TRADING : GM_REASON_NONE;
}

/* `changed`: it has filled something, or met an own order; then it is too late to refuse it. */
static gm_match_result_t rest(gm_exchange_t* x, const gm_entry_t* e, uint64_t arrival, int64_t filled, int64_t left, uint8_t place, int changed) {
    const uint16_t over = changed ? GM_CANCELED : GM_REJECTED;
    gm_match_result_t result = ended(filled ? GM_PARTIALLY_FILLED : GM_NEW, GM_REASON_NONE, filled, left);
    if (place) {
        return rare_put(x, e, left, arrival, place) < 0 ? ended(over, GM_REASON_VENUE_CAPACITY, filled, left) : result;
    } else {
        const int64_t shown = e->display_quantity > 0 && e->display_quantity < left ? e->display_quantity : left;
        const uint8_t flags = (uint8_t)(e->rest_flags | (e->flags & GM_POST_ONLY ? GM_REST_POST_ONLY : 0));
        const int32_t slot = gm_book_add(&x->lit.book, e->order_id, e->side, e->limit_e9 / x->lit.tick_e9, shown, flags);
        if (slot < 0) return ended(over, slot == GM_ERR_RANGE ? GM_REASON_PRICE_OUT_OF_RANGE : GM_REASON_VENUE_CAPACITY, filled, left);
        x->lit.book.pool[slot].owner = e->owner;
        if (shown < left) {
            x->lit.book.pool[slot].display = e->display_quantity;
            x->lit.book.pool[slot].reserve = left - shown;
            x->lit.icebergs++;
        }
        x->lit.changes++;
        result.slot = slot;
        return result;
    }
}

/* A stop's moment: the last trade, or the quote on the side it would take, is at its price or beyond. */
static int is_due(const gm_exchange_t* x, const gm_entry_t* e) {
    const int64_t at = !x->stops_by_quote ? x->lit.last_e9 : e->side > 0 ? x->ask_e9 : x->bid_e9;
    return at != GM_NO_PRICE && (e->side > 0 ? at >= e->stop_e9 : at <= e->stop_e9);
}

/* What is well formed comes in; the reference has been looked at. */
static gm_match_result_t enter(gm_exchange_t* x, const gm_entry_t* e, uint64_t arrival) {
    const int immediate = e->order_type == GM_MARKET || e->time_in_force == GM_IOC || e->time_in_force == GM_FOK;
    const int64_t whole = e->time_in_force == GM_FOK || (e->flags & GM_ALL_OR_NONE) ? e->quantity : e->min_quantity;
    gm_taker_t t = {.entry = e, .limit_e9 = e->limit_e9, .price_e9 = GM_NO_PRICE, .left = e->quantity, .arrival = arrival};
    int takes = 1;
    if (for_auction(e) || (in_call(x) && e->order_type == GM_MARKET)) return rest(x, e, arrival, 0, e->quantity, GM_RARE_AUCTION, 0);
    if (in_call(x)) return rest(x, e, arrival, 0, e->quantity, is_dark(e) ? GM_RARE_DARK : 0, 0);
    if (beyond_band(x, e->side, e->limit_e9)) return ended(GM_REJECTED, GM_REASON_PRICE_OUT_OF_RANGE, 0, e->quantity);     /* a stop's, set before the band */
    if (is_pegged(e)) takes = (t.limit_e9 = stands_at(x, e)) != GM_NO_PRICE;
    else if (t.limit_e9 == GM_NO_PRICE && x->band_high_e9) t.limit_e9 = e->side > 0 ? x->band_high_e9 : x->band_low_e9;
    if (takes && (e->flags & GM_POST_ONLY) && meets(x, &t)) return ended(GM_REJECTED, GM_REASON_WOULD_CROSS, 0, e->quantity);
    if (takes && whole > 0) takes = available(x, &t, whole) >= whole;
    if (takes && !(e->flags & GM_POST_ONLY)) take(x, &t);
    if (t.ended) return ended(GM_CANCELED, GM_REASON_SELF_MATCH, t.filled, t.left > 0 ? t.left : t.lost);
    if (t.left == 0) return ended(GM_FILLED, GM_REASON_NONE, t.filled, 0);
    if (immediate) return ended(GM_CANCELED, t.filled > 0 ? GM_REASON_UNFILLED_REMAINDER : GM_REASON_NO_LIQUIDITY, t.filled, t.left);
    return rest(x, e, arrival, t.filled, t.left, is_dark(e) ? GM_RARE_DARK : 0, t.filled > 0 || t.met);
}

/* A stop whose moment has come, as the order that it becomes. */
static gm_match_result_t enter_stop(gm_exchange_t* x, const gm_entry_t* e) {
    gm_entry_t now = *e;
    now.order_type = e->order_type == GM_STOP ? GM_MARKET : GM_LIMIT;
    now.stop_e9 = GM_NO_PRICE;
    return enter(x, &now, ++x->arrivals);
}

/* The best price that stands on a side now, minimum quantities or not, GM_NO_PRICE: none. Who does not reach it cannot act. */
static int64_t best_standing(const gm_exchange_t* x, int s) {
    const int8_t side = gm_sign_of(s);
    int64_t best = lit_best(x, s);
    for (int32_t i = 0; i < x->rare_count; i++) {
        int64_t price;
        if (x->rare[i].place != GM_RARE_DARK || x->rare[i].entry.side != side) continue;
        price = stands_at(x, &x->rare[i].entry);
        if (price != GM_NO_PRICE && (best == GM_NO_PRICE || reaches(side, price, best))) best = price;
    }
    return best;
}

/* The not displayed order at `i` trades if it can; whether it did anything. `best`: best_standing of both sides. */
static int act(gm_exchange_t* x, int32_t i, const int64_t best[2]) {
    const gm_entry_t* e = &x->rare[i].entry;
    const int64_t price = stands_at(x, e), enough = least(e) > 0 ? least(e) : 1, facing = best[e->side > 0 ? 1 : 0];
    gm_rare_t r;
    gm_taker_t t;
    int32_t at;
    if (price == GM_NO_PRICE || facing == GM_NO_PRICE || !reaches(e->side, price, facing) || (e->flags & GM_POST_ONLY)) return 0;
    r = x->rare[i];                                         /* it may move while it takes */
    t = (gm_taker_t){.entry = &r.entry, .limit_e9 = price, .price_e9 = price, .left = r.entry.quantity, .arrival = r.arrival};
    if (available(x, &t, enough) < enough) return 0;
    take(x, &t);
    at = gm_exchange_find(x, r.entry.order_id);
    x->rare[at].entry.quantity = t.left;
    if (t.ended || t.left == 0) rare_drop(x, at);
    if (t.ended) say(x, GM_EVENT_ENDED, &r.entry, t.left > 0 ? t.left : t.lost, GM_REASON_SELF_MATCH);
    return 1;
}

/* The first stop that is due comes in; whether there was one. */
static int let_in(gm_exchange_t* x) {
    for (int32_t i = 0; i < x->rare_count; i++) {
        gm_rare_t r = x->rare[i];
        gm_match_result_t result;
        if (r.place != GM_RARE_STOP || !is_due(x, &r.entry)) continue;
        rare_drop(x, i);
        say(x, GM_EVENT_TRIGGERED, &r.entry, r.entry.quantity, GM_REASON_NONE);
        result = enter_stop(x, &r.entry);
        if (result.status == GM_CANCELED || result.status == GM_REJECTED) say(x, GM_EVENT_ENDED, &r.entry, result.leaves, result.reason);
        return 1;
    }
    return 0;
}

/* What can trade now does, and what is due is let in, until nothing moves. */
static void settle(gm_exchange_t* x) {
    if (x->phase != GM_PHASE_CONTINUOUS) return;
    do {
        int32_t i = -1;                                     /* -1: all anew */
        int64_t best[2] = {0, 0};
        while (i < x->rare_count) {
            if (i < 0) {
                look(x);
                for (int s = 0; s < 2; s++) best[s] = best_standing(x, s);
                i = 0;
            } else if (x->rare[i].place == GM_RARE_DARK && act(x, i, best)) {
                i = -1;
            } else {
                i++;
            }
        }
    } while (let_in(x));
}

gm_match_result_t gm_exchange_submit(gm_exchange_t* x, const gm_entry_t* e, gm_event_sink sink, void* context) {
    const uint16_t reason = refusal(x, e, 0);
    gm_match_result_t result;
    if (reason != GM_REASON_NONE) return ended(GM_REJECTED, reason, 0, e->quantity);
    x->sink = sink;
    x->context = context;
    look(x);
    if (is_stop(e) && !(x->phase == GM_PHASE_CONTINUOUS && is_due(x, e))) {
        result = rest(x, e, ++x->arrivals, 0, e->quantity, GM_RARE_STOP, 0);
    } else if (is_stop(e)) {
        result = enter_stop(x, e);
    } else {
        result = enter(x, e, ++x->arrivals);
    }
    if (x->rare_count > 0 && result.status != GM_REJECTED) settle(x);
    return result;
}

int64_t gm_exchange_cancel(gm_exchange_t* x, int64_t order_id, gm_event_sink sink, void* context) {
    const int32_t at = x->rare_count ? gm_exchange_find(x, order_id) : GM_NIL;
    int64_t open;
    x->sink = sink;
    x->context = context;
    if (at >= 0) {
        open = x->rare[at].entry.quantity;
        rare_drop(x, at);
    } else {
        open = gm_match_cancel(&x->lit, order_id);
    }
    if (open >= 0 && x->rare_count > 0) settle(x);
    return open;
}

gm_match_result_t gm_exchange_replace(gm_exchange_t* x, int64_t order_id, int64_t open, int64_t limit_e9, gm_event_sink sink, void* context) {
    const int32_t at = gm_exchange_find(x, order_id), slot = at >= 0 ? GM_NIL : gm_book_find(&x->lit.book, order_id);
    const gm_resting_t* r = slot >= 0 ? &x->lit.book.pool[slot] : NULL;
    const int64_t before = at >= 0 ? x->rare[at].entry.quantity : r ? gm_match_open(&x->lit, slot) : 0;
    gm_match_result_t result;
    gm_entry_t e;
    uint16_t reason;
    if (before == 0) return ended(GM_REJECTED, GM_REASON_UNKNOWN_ORDER, 0, open);
    memset(&e, 0, sizeof e);
    if (at >= 0) {
        e = x->rare[at].entry;
    } else {
        e.order_id = order_id;
        e.side = r->side;
        e.limit_e9 = (int64_t)r->tick * x->lit.tick_e9;
        e.stop_e9 = GM_NO_PRICE;
        e.order_type = GM_LIMIT;
        e.time_in_force = GM_GTC;
        e.display_quantity = r->display;
        e.owner = r->owner;
        e.flags = r->flags & GM_REST_POST_ONLY ? GM_POST_ONLY : 0;
        e.rest_flags = (uint8_t)(r->flags & ~(GM_REST_USED | GM_REST_POST_ONLY));
    }
    e.quantity = open;
    if (limit_e9 != GM_NO_PRICE && e.limit_e9 == GM_NO_PRICE && !is_pegged(&e)) return ended(GM_REJECTED, GM_REASON_INVALID, 0, open);
    if (e.min_quantity > open) e.min_quantity = open;
    if (open > 0 && open <= before && (limit_e9 == GM_NO_PRICE || limit_e9 == e.limit_e9) && open % x->lot == 0) {
        if (at >= 0) x->rare[at].entry = e;
        else if (open < before) gm_match_shrink(&x->lit, slot, before - open);
        x->sink = sink;
        x->context = context;
        if (x->rare_count > 0) settle(x);
        return ended(GM_NEW, GM_REASON_NONE, 0, open);
    }
    if (limit_e9 != GM_NO_PRICE) e.limit_e9 = limit_e9;
    reason = refusal(x, &e, 1);
    if (reason != GM_REASON_NONE) return ended(GM_REJECTED, reason, 0, open);
    if (at >= 0) rare_drop(x, at); else gm_match_cancel(&x->lit, order_id);
    result = gm_exchange_submit(x, &e, sink, context);
    if (result.status == GM_REJECTED) {                     /* its old place is gone: only for want of room, or a post-only that would trade */
        result.status = GM_CANCELED;
        if (x->rare_count > 0) settle(x);
    }
    return result;
}

/* ---- auctions ---- */

/* An order's part in an auction. `rank`: market orders, then displayed, then the others, at one price. */
typedef struct gm_party {
    int64_t limit_e9;           /* of a market order the best there can be */
    int64_t quantity;
    int64_t order_id;
    uint64_t arrival;           /* of the displayed: their place in the walk */
    int32_t slot;               /* GM_NIL: a rare one */
    int8_t side;
    uint8_t rank;
    uint8_t rest_flags;
} gm_party_t;

static int by_priority(const void* one, const void* two) {
    const gm_party_t *a = (const gm_party_t*)one, *b = (const gm_party_t*)two;
    if (a->limit_e9 != b->limit_e9) return (a->side > 0 ? a->limit_e9 > b->limit_e9 : a->limit_e9 < b->limit_e9) ? -1 : 1;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    return a->arrival < b->arrival ? -1 : a->arrival > b->arrival;
}

/* The parties of one side, best first, in memory of its own; NULL without memory. */
static gm_party_t* gather(const gm_exchange_t* x, int s, int64_t* count) {
    const gm_book_t* b = &x->lit.book;
    const int8_t side = gm_sign_of(s);
    gm_party_t* found = (gm_party_t*)malloc((size_t)(b->live + x->rare_count + 1) * sizeof *found);
    int64_t n = 0;
    *count = 0;
    if (!found) return NULL;
    for (int64_t i = b->best[s]; i >= 0; i = gm_book_next(b, s, i))
        for (int32_t slot = b->levels[s][i].head; slot != GM_NIL; slot = b->pool[slot].next) {
            const gm_resting_t* r = &b->pool[slot];
            found[n] = (gm_party_t){(int64_t)r->tick * x->lit.tick_e9, gm_match_open(&x->lit, slot), r->order_id, (uint64_t)n, slot, side, 1, r->flags};
            n++;
        }
    for (int32_t k = 0; k < x->rare_count; k++) {
        const gm_rare_t* r = &x->rare[k];
        const gm_entry_t* e = &r->entry;
        const int market = e->limit_e9 == GM_NO_PRICE;
        if (e->side != side || r->place == GM_RARE_STOP || is_pegged(e) || e->min_quantity > 0 || (e->flags & GM_ALL_OR_NONE)) continue;
        if ((e->time_in_force == GM_OPG && x->phase == GM_PHASE_CLOSING_CALL) || (e->time_in_force == GM_CLS && x->phase != GM_PHASE_CLOSING_CALL)) continue;
        found[n++] = (gm_party_t){market ? (side > 0 ? INT64_MAX : 0) : e->limit_e9, e->quantity, e->order_id, r->arrival, GM_NIL, side, market ? 0 : 2, e->rest_flags};
    }
    qsort(found, (size_t)n, sizeof *found, by_priority);
    *count = n;
    return found;
}

/* Both sides of an auction, best first, and the sums of their quantities from the best on. */
typedef struct gm_sides {
    gm_party_t* parties[2];
    int64_t* sums[2];
    int64_t count[2];
} gm_sides_t;

static void sides_free(gm_sides_t* a) {
    for (int s = 0; s < 2; s++) {
        free(a->parties[s]);
        free(a->sums[s]);
    }
}

static int sides_init(gm_sides_t* a, const gm_exchange_t* x) {
    memset(a, 0, sizeof *a);
    for (int s = 0; s < 2; s++) {
        int64_t sum = 0;
        a->parties[s] = gather(x, s, &a->count[s]);
        a->sums[s] = (int64_t*)malloc((size_t)(a->count[s] + 1) * sizeof(int64_t));
        if (!a->parties[s] || !a->sums[s]) {
            sides_free(a);
            return GM_ERR_MEMORY;
        }
        for (int64_t i = 0; i < a->count[s]; i++) a->sums[s][i] = sum = gm_add_to_max(sum, a->parties[s][i].quantity);
    }
    return GM_OK;
}

/* What a side would trade at a price. */
static int64_t willing(const gm_sides_t* a, int s, int64_t price_e9) {
    int64_t low = 0, high = a->count[s];                    /* the first that would not */
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (s == 0 ? a->parties[s][middle].limit_e9 >= price_e9 : a->parties[s][middle].limit_e9 <= price_e9) low = middle + 1; else high = middle;
    }
    return low ? a->sums[s][low - 1] : 0;
}

static gm_auction_t at_price(const gm_sides_t* a, int64_t price_e9) {
    const int64_t demand = willing(a, 0, price_e9), supply = willing(a, 1, price_e9);
    return (gm_auction_t){price_e9, demand < supply ? demand : supply, demand - supply};
}

static int64_t size_of(int64_t x) { return x < 0 ? -x : x; }

/* The next candidate after `*k`: the limit of a party. */
static int candidate(const gm_exchange_t* x, const gm_sides_t* a, int64_t* k, gm_auction_t* at) {
    while (*k < a->count[0] + a->count[1]) {
        const int s = *k >= a->count[0];
        const gm_party_t* p = &a->parties[s][*k - (s ? a->count[0] : 0)];
        ++*k;
        if (p->rank == 0 || !in_band(x, p->limit_e9)) continue;
        *at = at_price(a, p->limit_e9);
        return 1;
    }
    return 0;
}

static gm_auction_t price_of(const gm_exchange_t* x, const gm_sides_t* a, int64_t reference_e9) {
    gm_auction_t at, best = {GM_NO_PRICE, 0, 0};
    int64_t volume = 0, rest = INT64_MAX, low = INT64_MAX, high = 0, near = GM_NO_PRICE, k;
    int buyers = 1, sellers = 1;
    for (k = 0; candidate(x, a, &k, &at);) if (at.volume > volume) volume = at.volume;
    if (volume == 0) {                                      /* nobody has a limit that trades: market orders meet at the reference */
        if (reference_e9 == GM_NO_PRICE || reference_e9 <= 0 || !in_band(x, reference_e9)) return best;
        at = at_price(a, reference_e9);
        return at.volume > 0 ? at : best;
    }
    for (k = 0; candidate(x, a, &k, &at);) if (at.volume == volume && size_of(at.imbalance) < rest) rest = size_of(at.imbalance);
    for (k = 0; candidate(x, a, &k, &at);) {
        if (at.volume != volume || size_of(at.imbalance) != rest) continue;
        buyers &= at.imbalance > 0;
        sellers &= at.imbalance < 0;
        if (at.price_e9 < low) low = at.price_e9;
        if (at.price_e9 > high) high = at.price_e9;
        if (reference_e9 != GM_NO_PRICE && (near == GM_NO_PRICE || size_of(at.price_e9 - reference_e9) < size_of(near - reference_e9)
                                            || (size_of(at.price_e9 - reference_e9) == size_of(near - reference_e9) && at.price_e9 < near)))
            near = at.price_e9;
    }
    return at_price(a, buyers ? high : sellers || near == GM_NO_PRICE ? low : near);
}

gm_auction_t gm_exchange_indicate(const gm_exchange_t* x, int64_t reference_e9) {
    gm_auction_t found = {GM_NO_PRICE, 0, 0};
    gm_sides_t a;
    if (sides_init(&a, x) != GM_OK) return found;
    found = price_of(x, &a, reference_e9);
    sides_free(&a);
    return found;
}

/* A party has traded: what is left of it where it rests. */
static void settle_party(gm_exchange_t* x, const gm_party_t* p, int64_t traded) {
    if (traded == 0) return;
    if (p->slot >= 0) {
        if (traded == gm_match_open(&x->lit, p->slot)) gm_match_cancel(&x->lit, p->order_id); else gm_match_shrink(&x->lit, p->slot, traded);
    } else {
        rare_reduce(x, gm_exchange_find(x, p->order_id), traded);
    }
}

/* What was for this auction alone ends with it. */
static void end_auction_orders(gm_exchange_t* x) {
    for (int32_t i = 0; i < x->rare_count;) {
        const gm_rare_t r = x->rare[i];
        if (r.place != GM_RARE_AUCTION || (r.entry.time_in_force == GM_CLS && x->phase != GM_PHASE_CLOSING_CALL)) {
            i++;
            continue;
        }
        rare_drop(x, i);
        say(x, GM_EVENT_ENDED, &r.entry, r.entry.quantity, GM_REASON_UNFILLED_REMAINDER);
    }
}

gm_auction_t gm_exchange_uncross(gm_exchange_t* x, int64_t reference_e9, gm_event_sink sink, void* context) {
    gm_auction_t found = {GM_NO_PRICE, 0, 0};
    gm_sides_t a;
    int64_t left, b = 0, s = 0, of_b = 0, of_s = 0;
    x->sink = sink;
    x->context = context;
    if (!in_call(x) || sides_init(&a, x) != GM_OK) return found;
    found = price_of(x, &a, reference_e9);
    for (left = found.volume; left > 0;) {
        const gm_party_t *buy = &a.parties[0][b], *sell = &a.parties[1][s];
        int64_t traded = buy->quantity - of_b < sell->quantity - of_s ? buy->quantity - of_b : sell->quantity - of_s;
        gm_entry_t acted;
        if (traded > left) traded = left;
        memset(&acted, 0, sizeof acted);
        acted.order_id = buy->order_id;
        acted.side = GM_BUY;
        acted.rest_flags = buy->rest_flags;
        say_trade(x, &acted, buy->quantity - of_b - traded, sell->order_id, sell->rest_flags, sell->slot >= 0, sell->quantity - of_s - traded,
                  found.price_e9, traded);
        left -= traded;
        if ((of_b += traded) == buy->quantity) { settle_party(x, buy, of_b); b++; of_b = 0; }
        if ((of_s += traded) == sell->quantity) { settle_party(x, sell, of_s); s++; of_s = 0; }
    }
    if (of_b) settle_party(x, &a.parties[0][b], of_b);
    if (of_s) settle_party(x, &a.parties[1][s], of_s);
    sides_free(&a);
    x->lit.changes++;
    end_auction_orders(x);
    x->phase = x->phase == GM_PHASE_CLOSING_CALL ? GM_PHASE_CLOSED : GM_PHASE_CONTINUOUS;
    settle(x);
    return found;
}

/* ---- states ---- */

void gm_exchange_set_phase(gm_exchange_t* x, int32_t phase, gm_event_sink sink, void* context) {
    x->sink = sink;
    x->context = context;
    x->phase = phase;
    settle(x);
}

void gm_exchange_set_reference(gm_exchange_t* x, int on, int64_t bid_e9, int64_t ask_e9, gm_event_sink sink, void* context) {
    x->sink = sink;
    x->context = context;
    x->referenced = on;
    x->reference_bid_e9 = bid_e9;
    x->reference_ask_e9 = ask_e9;
    if (x->rare_count > 0) settle(x);
}

/* Displayed orders that the band does not let stand leave: else the book could be crossed, and nobody may trade there. */
static void end_by_band(gm_exchange_t* x, int s) {
    gm_book_t* b = &x->lit.book;
    while (gm_book_has(b, s) && beyond_band(x, gm_sign_of(s), lit_best(x, s))) {
        const gm_resting_t r = b->pool[b->levels[s][b->best[s]].head];
        const int64_t open = gm_match_cancel(&x->lit, r.order_id);
        say_resting(x, GM_EVENT_ENDED, &r, open, GM_REASON_PRICE_OUT_OF_RANGE);
    }
}

void gm_exchange_set_band(gm_exchange_t* x, int64_t low_e9, int64_t high_e9, gm_event_sink sink, void* context) {
    x->sink = sink;
    x->context = context;
    x->band_low_e9 = low_e9;
    x->band_high_e9 = high_e9;
    for (int s = 0; s < 2; s++) end_by_band(x, s);
    for (int32_t i = 0; i < x->rare_count;) {
        const gm_entry_t e = x->rare[i].entry;
        if (x->rare[i].place == GM_RARE_STOP || is_pegged(&e) || !beyond_band(x, e.side, e.limit_e9)) {
            i++;
            continue;
        }
        rare_drop(x, i);
        say(x, GM_EVENT_ENDED, &e, e.quantity, GM_REASON_PRICE_OUT_OF_RANGE);
    }
    if (x->rare_count > 0) settle(x);
}

uint64_t gm_exchange_hash(const gm_exchange_t* x) {
    uint64_t sum = gm_book_state_hash(&x->lit.book);
    for (int32_t i = 0; i < x->rare_count; i++) {
        const gm_entry_t* e = &x->rare[i].entry;
        uint64_t h = gm_mix64((uint64_t)e->order_id ^ 0x5851f42d4c957f2dULL);
        const int64_t terms[] = {e->quantity, e->limit_e9, e->stop_e9, e->offset_e9, e->min_quantity, e->side, e->order_type, e->time_in_force, e->flags, e->owner};
        for (size_t k = 0; k < sizeof terms / sizeof *terms; k++) h = gm_mix64(h ^ (uint64_t)terms[k]);
        sum += h;
    }
    return sum;
}
