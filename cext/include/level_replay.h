/* A market recorded by price level, at one venue or several, with own orders over it.
 *
 * The recorded books always equal the feed's. Nobody knows who stands where in a level, so how much stands before an own
 * order is a model's word. Everything starts as at an exchange: an order that comes to a price stands behind all that is
 * there. A print at its price takes from what is ahead, then from the order itself. When the level falls by more than was
 * printed, somebody cancelled, before the order or behind it:
 *   risk averse   behind it, as long as there is anybody
 *   power n, log  before it with the share f(ahead) / (f(ahead) + f(behind)), f(x) = x^n or ln(1 + x)
 * These are the models that hftbacktest documents. A fall is held against the prints since the level was last said, so
 * that nothing is counted twice: prints are expected before the level's change, as feeds send them.
 *
 * An own order at a better price than a print has been filled first; one that the other side comes to, too. What own
 * orders took is remembered by level, and forgotten in proportion as the level falls: liquidity taken is gone. While a
 * recorded book is locked, crossed or half told, or trading halted, nothing is filled; in a halt nothing is taken, too, but cancels and
 * replaces that keep their place. A print of which nobody knows the side, between the
 * quotes, fills nobody. The recording does not react. */
#ifndef GM_LEVEL_REPLAY_H
#define GM_LEVEL_REPLAY_H

#include "feed.h"
#include "market.h"
#include "random.h"

#define GM_LEVEL_OWN 65536          /* own orders that may rest in one book */
#define GM_LEVEL_TAKEN 4096         /* levels of one book from which own orders have taken */

enum gm_queue_model { GM_QUEUE_RISK_AVERSE = 1, GM_QUEUE_POWER, GM_QUEUE_LOG };

typedef struct gm_level_own {
    int64_t order_id;
    int64_t tick;
    int64_t quantity;               /* shown and not yet filled */
    int64_t reserve, display;       /* of an iceberg */
    int64_t seen;                   /* recorded quantity of its level when last looked at */
    int64_t printed;                /* at its price since then */
    double ahead;                   /* recorded quantity before it, as the model has it */
    int8_t side;
} gm_level_own_t;

typedef struct gm_level_taken {
    int64_t tick;
    int64_t quantity;
    int64_t seen;                   /* recorded quantity of the level when last looked at */
    int32_t side;                   /* 0 bids, 1 asks */
} gm_level_taken_t;

typedef struct gm_level_book {
    gm_feed_t feed;
    gm_book_t book;
    gm_level_own_t* own;            /* as they came */
    gm_level_taken_t* taken;
    int64_t tick_e9;
    int32_t own_count, taken_count;
    int32_t symbol, venue;
    int32_t used;
} gm_level_book_t;

typedef struct gm_level_replay {
    gm_market_t market;
    gm_level_book_t* books;         /* [symbol * GM_MAX_VENUES + venue] */
    const gm_message_t* messages;
    int64_t count, position;
    int64_t own_count;              /* of all books */
    int64_t executions, executed;   /* prints of the recording, and their quantity */
    int64_t aside;                  /* of these, prints that no side could be told of */
    int64_t problems;               /* messages that did not fit their book */
    int32_t symbols;
    int32_t model;                  /* gm_queue_model */
    int32_t power;
} gm_level_replay_t;

static inline gm_level_book_t* gm_level_book_of(const gm_level_replay_t* r, int32_t symbol, int32_t venue) {
    return &r->books[(size_t)symbol * GM_MAX_VENUES + venue];
}

static inline int64_t gm_level_quantity(const gm_level_book_t* b, int s, int64_t tick) {
    const int64_t i = tick - b->book.base;
    return !b->book.placed || i < 0 || i >= (int64_t)b->book.ticks ? 0 : b->book.levels[s][i].quantity;
}

/* ---- where an own order stands ---- */

static inline double gm_queue_weight(const gm_level_replay_t* r, double quantity) {
    double weight = 1.0;
    if (r->model == GM_QUEUE_LOG) return gm_log(1.0 + quantity);
    for (int32_t k = 0; k < r->power; k++) weight *= quantity;
    return weight;
}

/* What is ahead once a level of `was`, `printed` of it traded meanwhile, has become `is`. */
static inline double gm_queue_ahead(const gm_level_replay_t* r, double ahead, int64_t was, int64_t printed, int64_t is) {
    const double left = (double)(was > printed ? was - printed : 0), behind = left > ahead ? left - ahead : 0.0;
    const double cancelled = left - (double)is;
    if (cancelled > 0.0 && r->model != GM_QUEUE_RISK_AVERSE) {
        const double before = gm_queue_weight(r, ahead), after = gm_queue_weight(r, behind);
        double share = before + after > 0.0 ? before / (before + after) : 0.0;
        if ((1.0 - share) * cancelled > behind) ahead -= cancelled - behind;        /* no more can have left than stood there */
        else ahead -= share * cancelled;
        if (ahead < 0.0) ahead = 0.0;
    }
    return ahead < (double)is ? ahead : (double)is;
}

static inline int64_t gm_level_taken_at(const gm_level_book_t* b, int s, int64_t tick) {
    for (int32_t k = 0; k < b->taken_count; k++)
        if (b->taken[k].side == s && b->taken[k].tick == tick) return b->taken[k].quantity;
    return 0;
}

/* What is there for own orders. */
static inline int64_t gm_level_free(const gm_level_book_t* b, int s, int64_t tick) {
    return gm_level_quantity(b, s, tick) - gm_level_taken_at(b, s, tick);
}

/* False where no more levels can be remembered: then nothing more is to be had. */
static inline int gm_level_take(gm_level_book_t* b, int s, int64_t tick, int64_t quantity) {
    int32_t k = 0;
    while (k < b->taken_count && (b->taken[k].side != s || b->taken[k].tick != tick)) k++;
    if (k == GM_LEVEL_TAKEN) return 0;
    if (k == b->taken_count) {
        b->taken_count++;
        b->taken[k].tick = tick;
        b->taken[k].quantity = 0;
        b->taken[k].side = s;
        b->taken[k].seen = gm_level_quantity(b, s, tick);
    }
    b->taken[k].quantity += quantity;
    return 1;
}

/* ---- fills of what rests ---- */

static inline void gm_level_forget(gm_level_replay_t* r, gm_level_book_t* b, int32_t k) {
    memmove(&b->own[k], &b->own[k + 1], (size_t)(b->own_count - k - 1) * sizeof *b->own);
    b->own_count--;
    r->own_count--;
}

/* True if the order is gone. */
static inline int gm_level_fill(gm_level_replay_t* r, gm_level_book_t* b, int32_t k, int64_t quantity, int64_t time_ns) {
    gm_level_own_t* o = &b->own[k];
    const int64_t order_id = o->order_id, price_e9 = o->tick * b->tick_e9;
    const int8_t side = o->side;
    const int gone = quantity == o->quantity && o->reserve == 0;
    o->quantity -= quantity;
    if (gone) gm_level_forget(r, b, k);
    else if (o->quantity == 0) {                            /* an iceberg shows its next part, behind all that is there */
        gm_level_own_t next = *o;
        next.quantity = next.reserve < next.display ? next.reserve : next.display;
        next.reserve -= next.quantity;
        next.seen = gm_level_quantity(b, gm_side_of(side), next.tick);
        next.ahead = next.seen > next.printed ? (double)(next.seen - next.printed) : 0.0;
        memmove(&b->own[k], &b->own[k + 1], (size_t)(b->own_count - k - 1) * sizeof next);
        b->own[b->own_count - 1] = next;
    }
    gm_market_fill(&r->market, order_id, b->venue, b->symbol, side, price_e9, quantity, GM_ADDED, time_ns);
    return gone;
}

/* Best price first, then as they came: the own order of side s at `tick` or better that nobody recorded stands before. */
static inline int32_t gm_level_first(const gm_level_book_t* b, int s, int64_t tick) {
    int32_t chosen = -1;
    for (int32_t k = 0; k < b->own_count; k++) {
        const gm_level_own_t* o = &b->own[k];
        if (gm_side_of(o->side) != s || gm_book_better(s, tick, o->tick) || o->ahead >= 1.0) continue;
        if (chosen < 0 || gm_book_better(s, o->tick, b->own[chosen].tick)) chosen = k;
    }
    return chosen;
}

/* `quantity` was printed on side s at price_e9. Own orders at a better price went first; at the price itself what stood
 * before them did. What is hidden there goes last and moves nobody on. */
static inline void gm_level_printed(gm_level_replay_t* r, gm_level_book_t* b, int s, int64_t price_e9, int64_t quantity, int hidden, int64_t time_ns) {
    /* bids at this price or above have met a seller at it, asks at it or below a buyer */
    const int64_t tick = s == 0 ? (price_e9 + b->tick_e9 - 1) / b->tick_e9 : price_e9 / b->tick_e9;
    const int at_price = price_e9 % b->tick_e9 == 0 && !hidden;
    const int64_t there = gm_level_quantity(b, s, tick);
    int64_t passed = quantity, took = 0;
    int32_t k, coming = 0;
    while (passed > 0 && (k = gm_level_first(b, s, at_price ? tick + gm_sign_of(s) : tick)) >= 0) {
        const int64_t part = b->own[k].quantity < passed ? b->own[k].quantity : passed;
        passed -= part;
        gm_level_fill(r, b, k, part, time_ns);
    }
    if (!at_price || passed == 0) return;
    for (k = 0; k < b->own_count; k++) coming += b->own[k].side == gm_sign_of(s) && b->own[k].tick == tick;
    for (k = 0; k < b->own_count;) {                        /* `coming` of them have not seen the print yet; then an iceberg's next parts */
        gm_level_own_t* o = &b->own[k];
        double before = (double)there;                      /* the next part stands behind all of the level */
        int64_t part;
        int more;
        if (o->side != gm_sign_of(s) || o->tick != tick) { k++; continue; }
        if (coming > 0) {
            coming--;
            before = o->ahead;
            o->printed += passed;
            o->ahead = before > (double)passed ? before - (double)passed : 0.0;
        }
        part = (double)passed - before < 1.0 ? 0 : (int64_t)((double)passed - before) - took;
        if (part > o->quantity) part = o->quantity;
        if (part <= 0) { k++; continue; }
        took += part;
        more = part == o->quantity && o->reserve > 0;       /* its next part is the last of all now */
        if (!gm_level_fill(r, b, k, part, time_ns) && !more) k++;
    }
}

/* ---- the recorded layer ---- */

static inline int gm_level_is_crossed(const gm_level_book_t* b) {
    return gm_book_has(&b->book, 0) && gm_book_has(&b->book, 1) && gm_book_best_tick(&b->book, 0) >= gm_book_best_tick(&b->book, 1);
}

static inline int gm_level_is_halted(const gm_level_replay_t* r, const gm_level_book_t* b) { return r->market.venues->halted[b->symbol]; }

/* The recorded book is whole: own orders see what became of their levels, and of the other side. */
static inline void gm_level_look(gm_level_replay_t* r, gm_level_book_t* b, int64_t time_ns) {
    for (int32_t k = b->taken_count - 1; k >= 0; k--) {
        gm_level_taken_t* t = &b->taken[k];
        const int64_t is = gm_level_quantity(b, t->side, t->tick);
        if (is < t->seen) t->quantity = t->seen > 0 ? (int64_t)(((gm_i128)t->quantity * is + t->seen - 1) / t->seen) : 0;
        t->seen = is;
        if (t->quantity == 0) *t = b->taken[--b->taken_count];
    }
    for (int32_t k = 0; k < b->own_count; k++) {
        gm_level_own_t* o = &b->own[k];
        const int64_t is = gm_level_quantity(b, gm_side_of(o->side), o->tick);
        if (is == o->seen) continue;
        o->ahead = gm_queue_ahead(r, o->ahead, o->seen, o->printed, is);
        o->printed = 0;
        o->seen = is;
    }
    if (gm_level_is_crossed(b) || gm_level_is_halted(r, b)) return;
    for (int32_t k = 0; k < b->own_count;) {                /* the other side has come to it: it rests in the recording, against us it trades */
        gm_level_own_t* o = &b->own[k];
        const int opposite = 1 - gm_side_of(o->side);
        int gone = 0, moved = 0;
        for (int64_t i = b->book.best[opposite]; i >= 0 && !gone && !moved; i = gm_book_next(&b->book, opposite, i)) {
            const int64_t tick = b->book.base + i;
            int64_t part = gm_level_free(b, opposite, tick);
            if (gm_book_better(opposite, o->tick, tick)) break;
            if (part > o->quantity) part = o->quantity;
            if (part <= 0 || !gm_level_take(b, opposite, tick, part)) continue;
            moved = part == o->quantity && o->reserve > 0;
            gone = gm_level_fill(r, b, k, part, time_ns);
        }
        if (!gone && !moved) k++;
    }
}

/* A level that is all taken is quoted no more; where all that the recording shows is, the last of it stands, with nothing. */
static inline void gm_level_quote(gm_level_replay_t* r, gm_level_book_t* b, int64_t time_ns) {
    gm_quote_t* q = gm_quotes_of(r->market.venues, b->symbol) + b->venue;
    int64_t price_e9[2] = {GM_NO_PRICE, GM_NO_PRICE}, shown[2] = {0, 0};
    for (int s = 0; s < 2; s++)
        for (int64_t i = b->book.best[s]; i >= 0 && shown[s] == 0; i = gm_book_next(&b->book, s, i)) {
            const int64_t quantity = gm_level_free(b, s, b->book.base + i);
            price_e9[s] = (b->book.base + i) * b->tick_e9;
            shown[s] = quantity > 0 ? quantity : 0;
        }
    gm_quote_publish(r->market.venues, b->symbol, b->venue, price_e9[0], shown[0], price_e9[1], shown[1], time_ns);
    q->sequence = r->position;
}

/* The side that rested, of a print that does not tell it: 0, 1, or -1 between the quotes. */
static inline int gm_level_side_of(const gm_level_book_t* b, const gm_message_t* m) {
    if (m->side != 0) return gm_side_of(m->side);
    if (gm_book_has(&b->book, 0) && m->price_e9 <= gm_book_best_tick(&b->book, 0) * b->tick_e9) return 0;
    if (gm_book_has(&b->book, 1) && m->price_e9 >= gm_book_best_tick(&b->book, 1) * b->tick_e9) return 1;
    return -1;
}

static inline void gm_level_print(gm_level_replay_t* r, gm_level_book_t* b, const gm_message_t* m) {
    gm_quote_t* q = gm_quotes_of(r->market.venues, b->symbol) + b->venue;
    const int s = gm_level_side_of(b, m);
    gm_print_publish(r->market.venues, b->symbol, b->venue, m->price_e9, m->quantity,
                     m->action == GM_CROSS_TRADE ? GM_FLAG_AUCTION : 0, m->time_ns);
    q->last_e9 = m->price_e9;
    gm_volume_publish(r->market.venues, b->symbol, b->venue, q->volume + m->quantity);
    r->executions++;
    r->executed += m->quantity;
    if (m->action == GM_CROSS_TRADE) return;                /* an auction's: who rested outside it had no part in it */
    if (s < 0) r->aside++;
    else if (b->own_count > 0 && !gm_level_is_crossed(b) && !gm_level_is_halted(r, b))
        gm_level_printed(r, b, s, m->price_e9, m->quantity, m->action == GM_EXECUTE_HIDDEN, m->time_ns);
}

static inline void gm_level_message(gm_level_replay_t* r, const gm_message_t* m) {
    const gm_message_t* next = m + 1;
    gm_level_book_t* b = gm_level_book_of(r, m->symbol, m->venue);
    int whole = (m->flags & GM_FLAG_LAST) != 0 || r->position + 1 == r->count;
    if (m->action == GM_HALT) {
        gm_halt_publish(r->market.venues, m->symbol, m->venue, (m->flags & 3) != GM_TRADING_RESUMED, m->time_ns);
        return;
    }
    if (gm_feed_one(&b->feed, &b->book, m) != GM_FEED_OK) r->problems++;
    if (m->action == GM_TRADE || m->action == GM_EXECUTE_HIDDEN || m->action == GM_CROSS_TRADE) {
        gm_level_print(r, b, m);
        return;
    }
    if (!whole) whole = next->time_ns != m->time_ns || next->sequence != m->sequence || next->symbol != m->symbol || next->venue != m->venue;
    if (!whole || b->feed.state == GM_LOADING) return;
    if (b->own_count | b->taken_count) gm_level_look(r, b, m->time_ns);
    gm_level_quote(r, b, m->time_ns);
}

static inline int64_t gm_level_advance(gm_market_t* market, int64_t until_ns) {
    gm_level_replay_t* r = (gm_level_replay_t*)market->self;
    while (r->position < r->count && r->messages[r->position].time_ns <= until_ns) {
        const gm_message_t* m = &r->messages[r->position];
        gm_level_message(r, m);
        r->position++;
        market->messages++;
        market->now_ns = m->time_ns;
        if (market->stop) return market->now_ns;
    }
    if (until_ns > market->now_ns) market->now_ns = until_ns;
    return market->now_ns;
}

static inline void gm_level_levels(gm_market_t* market, int32_t symbol, int32_t n, int64_t* rows) {
    const gm_level_replay_t* r = (const gm_level_replay_t*)market->self;
    gm_levels_none(rows, n);
    for (int32_t v = 0; v < market->venues->count; v++) {
        const gm_level_book_t* b = gm_level_book_of(r, symbol, v);
        if (!b->used) continue;
        for (int s = 0; s < 2; s++) {
            int32_t seen = 0;
            for (int64_t i = b->book.best[s]; i >= 0 && seen < n; i = gm_book_next(&b->book, s, i)) {
                const int64_t shown = gm_level_free(b, s, b->book.base + i);
                if (shown <= 0) continue;
                seen++;
                gm_levels_merge(rows, n, s, (b->book.base + i) * b->tick_e9, shown);
            }
        }
    }
}

static inline int64_t gm_level_next(gm_market_t* market) {
    const gm_level_replay_t* r = (const gm_level_replay_t*)market->self;
    return r->own_count > 0 && r->position < r->count ? r->messages[r->position].time_ns : INT64_MAX;
}

static inline void gm_level_touch(gm_market_t* market, int32_t symbol, int64_t until_ns) {
    (void)market; (void)symbol; (void)until_ns;             /* all of a recording lives in `advance` */
}

/* ---- the engine's commands ---- */

/* Recorded quantity at the limit or better that own orders have not taken; stops counting at `enough`. */
static inline int64_t gm_level_available(const gm_level_book_t* b, int opposite, int64_t limit_tick, int64_t enough) {
    int64_t sum = 0;
    for (int64_t i = b->book.best[opposite]; i >= 0 && sum < enough; i = gm_book_next(&b->book, opposite, i)) {
        if (gm_book_better(opposite, limit_tick, b->book.base + i)) break;
        sum += gm_level_free(b, opposite, b->book.base + i);
    }
    return sum;
}

static inline int64_t gm_level_limit(const gm_level_book_t* b, int8_t side, int64_t limit_e9) {
    return limit_e9 == GM_NO_PRICE ? (side > 0 ? INT32_MAX : INT32_MIN) : limit_e9 / b->tick_e9;
}

static inline void gm_level_place(gm_level_replay_t* r, const gm_order_t* o, int64_t quantity, int64_t now_ns) {
    gm_level_book_t* b = gm_level_book_of(r, o->symbol, o->venue);
    const gm_order_t kept = *o;                             /* its row may be another order's once a report has ended it */
    const int opposite = kept.side > 0 ? 1 : 0;
    const int64_t limit = gm_level_limit(b, kept.side, kept.limit_price_e9);
    int64_t left = quantity;
    gm_level_own_t* own;
    for (int64_t i = b->book.best[opposite]; i >= 0 && left > 0 && !gm_level_is_crossed(b); i = gm_book_next(&b->book, opposite, i)) {
        const int64_t tick = b->book.base + i;
        int64_t part = gm_level_free(b, opposite, tick);
        if (gm_book_better(opposite, limit, tick)) break;
        if (part > left) part = left;
        if (part <= 0 || !gm_level_take(b, opposite, tick, part)) continue;
        left -= part;
        gm_market_fill(&r->market, kept.order_id, b->venue, b->symbol, kept.side, tick * b->tick_e9, part, GM_REMOVED, now_ns);
    }
    gm_level_quote(r, b, now_ns);
    if (left == 0) return;
    if (kept.limit_price_e9 == GM_NO_PRICE || kept.time_in_force == GM_IOC || kept.time_in_force == GM_FOK || b->own_count == GM_LEVEL_OWN) {
        const int unplaced = kept.limit_price_e9 != GM_NO_PRICE && kept.time_in_force != GM_IOC && kept.time_in_force != GM_FOK;
        gm_market_say(&r->market, &kept, GM_EXEC_CANCELED,
                      unplaced ? GM_REASON_VENUE_CAPACITY : left < quantity ? GM_REASON_UNFILLED_REMAINDER : GM_REASON_NO_LIQUIDITY, left, now_ns);
        return;
    }
    own = &b->own[b->own_count++];
    r->own_count++;
    memset(own, 0, sizeof *own);
    own->order_id = kept.order_id;
    own->tick = limit;
    own->side = kept.side;
    own->quantity = kept.display_quantity > 0 && kept.display_quantity < left ? kept.display_quantity : left;
    own->display = kept.display_quantity;
    own->reserve = left - own->quantity;
    own->seen = gm_level_quantity(b, 1 - opposite, limit);
    own->ahead = (double)own->seen;
}

static inline int32_t gm_level_find(const gm_level_book_t* b, int64_t order_id) {
    int32_t k = 0;
    while (k < b->own_count && b->own[k].order_id != order_id) k++;
    return k < b->own_count ? k : -1;
}

static inline int gm_level_would_cross(const gm_level_book_t* b, const gm_order_t* o, int64_t limit_e9) {
    return (o->flags & GM_POST_ONLY) && gm_level_available(b, o->side > 0 ? 1 : 0, gm_level_limit(b, o->side, limit_e9), 1) > 0;
}

static inline void gm_level_submit(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_level_replay_t* r = (gm_level_replay_t*)market->self;
    const gm_level_book_t* b = gm_level_book_of(r, o->symbol, o->venue);
    uint16_t reason = GM_REASON_NONE;
    if (!b->used) reason = GM_REASON_NO_VENUE;
    else if (o->order_type >= GM_PEGGED_PRIMARY || (o->flags & GM_HIDDEN)) reason = GM_REASON_UNSUPPORTED;
    else if (gm_level_is_halted(r, b)) reason = GM_REASON_NOT_TRADING;
    else if (gm_level_would_cross(b, o, o->limit_price_e9)) reason = GM_REASON_WOULD_CROSS;
    if (reason) {
        gm_market_say(market, o, GM_EXEC_REJECTED, reason, o->leaves_quantity, now_ns);
        return;
    }
    gm_market_say(market, o, GM_EXEC_NEW, GM_REASON_NONE, 0, now_ns);
    if (o->time_in_force == GM_FOK
        && gm_level_available(b, o->side > 0 ? 1 : 0, gm_level_limit(b, o->side, o->limit_price_e9), o->leaves_quantity) < o->leaves_quantity) {
        gm_market_say(market, o, GM_EXEC_CANCELED, GM_REASON_NO_LIQUIDITY, o->leaves_quantity, now_ns);
        return;
    }
    gm_level_place(r, o, o->leaves_quantity, now_ns);
}

static inline void gm_level_cancel(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_level_replay_t* r = (gm_level_replay_t*)market->self;
    gm_level_book_t* b = gm_level_book_of(r, o->symbol, o->venue);
    const int32_t k = gm_level_find(b, o->order_id);
    int64_t open;
    if (k < 0) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_UNKNOWN_ORDER, 0, now_ns);
        return;
    }
    open = b->own[k].quantity + b->own[k].reserve;
    gm_level_forget(r, b, k);
    gm_market_say(market, o, GM_EXEC_CANCELED, GM_REASON_USER, open, now_ns);
}

/* As at any exchange: less at the same price keeps its place, anything else comes in again. */
static inline void gm_level_replace(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_level_replay_t* r = (gm_level_replay_t*)market->self;
    gm_level_book_t* b = gm_level_book_of(r, o->symbol, o->venue);
    const int32_t k = gm_level_find(b, o->order_id);
    const int64_t left = o->working_quantity - o->filled_quantity, quantity = left > 0 ? o->working_quantity : o->filled_quantity;
    const int64_t limit_e9 = o->pending_price_e9 == GM_NO_PRICE ? o->limit_price_e9 : o->pending_price_e9;
    const int64_t open = k < 0 ? 0 : b->own[k].quantity + b->own[k].reserve;
    const int keeps = left > 0 && limit_e9 == o->limit_price_e9 && left <= open;
    const uint16_t reason = k < 0 ? GM_REASON_UNKNOWN_ORDER
                            : left > 0 && !keeps && gm_level_is_halted(r, b) ? GM_REASON_NOT_TRADING
                            : !keeps && gm_level_would_cross(b, o, limit_e9) ? GM_REASON_WOULD_CROSS : GM_REASON_NONE;
    if (reason) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, reason, 0, now_ns);
        return;
    }
    if (keeps) {
        const int64_t less = open - left, hidden = b->own[k].reserve < less ? b->own[k].reserve : less;
        b->own[k].reserve -= hidden;
        b->own[k].quantity -= less - hidden;
        gm_market_say_replaced(market, o, quantity, GM_NO_PRICE, now_ns);
        return;
    }
    gm_level_forget(r, b, k);
    gm_market_say_replaced(market, o, quantity, o->pending_price_e9, now_ns);
    if (left > 0) gm_level_place(r, o, left, now_ns);       /* the row has its new limit by now */
}

/* A book for a symbol at a venue, if there is none yet. */
static inline int gm_level_open(gm_level_replay_t* r, int32_t symbol, int32_t venue, int64_t tick_e9, uint32_t ticks, int32_t capacity) {
    gm_level_book_t* b = gm_level_book_of(r, symbol, venue);
    if (b->used) return GM_OK;
    if (gm_levels_init(&b->book, ticks, capacity) != GM_OK) return GM_ERR_MEMORY;
    b->own = (gm_level_own_t*)gm_reserve(GM_LEVEL_OWN * sizeof(gm_level_own_t));
    b->taken = (gm_level_taken_t*)gm_reserve(GM_LEVEL_TAKEN * sizeof(gm_level_taken_t));
    b->used = 1;
    b->book.max_span = GM_BOOK_MAX_SPAN;
    b->symbol = symbol;
    b->venue = venue;
    b->tick_e9 = tick_e9;
    gm_feed_init(&b->feed, tick_e9, 1, GM_ANY_SYMBOL, 0);
    (gm_quotes_of(r->market.venues, symbol) + venue)->last_e9 = GM_NO_PRICE;
    return b->own && b->taken ? GM_OK : GM_ERR_MEMORY;
}

static inline void gm_level_replay_free(gm_level_replay_t* r) {
    if (r->books)
        for (int32_t s = 0; s < r->symbols; s++)
            for (int32_t v = 0; v < GM_MAX_VENUES; v++) {
                gm_level_book_t* b = gm_level_book_of(r, s, v);
                if (!b->used) continue;
                gm_levels_free(&b->book);
                gm_release(b->own, GM_LEVEL_OWN * sizeof(gm_level_own_t));
                gm_release(b->taken, GM_LEVEL_TAKEN * sizeof(gm_level_taken_t));
            }
    gm_release(r->books, (size_t)r->symbols * GM_MAX_VENUES * sizeof(gm_level_book_t));
    memset(r, 0, sizeof *r);
}

static inline int gm_level_replay_init(gm_level_replay_t* r, gm_venues_t* venues, const gm_message_t* messages, int64_t count,
                                       int32_t model, int32_t power, int64_t start_ns) {
    memset(r, 0, sizeof *r);
    r->symbols = venues->symbols;
    r->books = (gm_level_book_t*)gm_reserve((size_t)r->symbols * GM_MAX_VENUES * sizeof(gm_level_book_t));
    if (!r->books) return GM_ERR_MEMORY;
    r->messages = messages;
    r->count = count;
    r->model = model;
    r->power = power;
    r->market.self = r;
    r->market.venues = venues;
    r->market.submit = gm_level_submit;
    r->market.cancel = gm_level_cancel;
    r->market.replace = gm_level_replace;
    r->market.advance = gm_level_advance;
    r->market.touch = gm_level_touch;
    r->market.levels = gm_level_levels;
    r->market.next_ns = gm_level_next;
    r->market.now_ns = start_ns;
    return GM_OK;
}

#endif
