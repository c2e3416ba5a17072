/* A recorded market with own orders in it, in two layers.
 *
 * The recorded layer always equals the file. A level-N recording tells only of the best N levels, so after each message
 * the book is held against the recording's own row: what fell out of the N is forgotten, what came into sight is taken
 * from the row as one anonymous order at the front of its level. Nothing else may differ; where it does, the level is set
 * to the row and counted in `repaired`.
 *
 * Own orders are an overlay. A resting one stands in its level's queue (GM_REST_OVERLAY: it does not count in the recorded
 * quantity) and fills only from what the recording traded, at its price or a worse one, once no recorded order is ahead of
 * it. A taking one takes from recorded orders; what it took is remembered in the order (`reserve`) until that order
 * leaves, so liquidity taken is gone, from quotes too. Own orders do not meet one another. The recording does not react: others' behaviour is
 * theirs on that day.
 *
 * While the recording says that trading is halted nothing of ours trades, and nothing is taken but cancels and replaces that keep their place;
 * while its book is locked or crossed nothing trades, and what would is refused. */
#ifndef GM_REPLAY_H
#define GM_REPLAY_H

#include "market.h"
#include "book.h"

#define GM_REPLAY_OWN 65536
#define GM_ANONYMOUS_BASE (-((int64_t)1 << 40))   /* ids of anonymous orders lie below, own keys between it and 0 */

typedef struct gm_replay {
    gm_market_t market;
    gm_book_t book;
    const gm_message_t* messages;
    int64_t count;
    int64_t position;           /* next message */
    int64_t begun;              /* the message at which it began */
    int32_t touched;            /* sides that the message at hand may have changed, a bit each, */
    int32_t touches;            /* how often, */
    int64_t touched_tick;       /* and where last */
    const int64_t* rows;        /* [message][level][ask price, ask size, bid price, bid size]; NULL: full-depth feed */
    int32_t levels;
    const uint8_t* moves;       /* gm_replay_moves of the rows */
    int32_t symbol, venue;
    int64_t tick_e9;
    int64_t anonymous;          /* ids given to anonymous orders */
    int64_t worst[2];           /* outermost price of the last row, by side */
    int64_t own[GM_REPLAY_OWN]; /* ids of own resting orders, in the order of their arrival */
    int32_t own_count;
    int64_t own_best_e9[2];     /* no own bid is above, no own ask below */
    int64_t taken;              /* quantity of recorded orders that own orders took and that has not left yet */
    int64_t revealed, dropped, repaired, unknown;
    int64_t executions, executed;   /* prints of the recording, and their quantity */
    int64_t out_of_turn;        /* executions of an order that had not the best price, or not the first place there */
    int64_t halts;              /* messages of the file that say that trading halts, or goes on */
    int64_t rows_equal;         /* rows at which the book equalled the file without repair */
} gm_replay_t;

/* ---- own orders ---- */

/* A price that every own order on a side is better than, where there is none. */
#define GM_NO_OWN(s) ((s) == 0 ? INT64_MIN : INT64_MAX)

static inline int64_t gm_own_key(int64_t order_id) { return -order_id; }

static inline int gm_replay_is_front(const gm_replay_t* r, int32_t slot) {
    for (int32_t at = r->book.pool[slot].prev; at != GM_NIL; at = r->book.pool[at].prev)
        if (!(r->book.pool[at].flags & GM_REST_OVERLAY)) return 0;
    return 1;
}

static inline void gm_replay_forget_own(gm_replay_t* r, int64_t order_id) {
    int32_t i = 0;
    while (i < r->own_count && r->own[i] != order_id) i++;
    if (i == r->own_count) return;
    memmove(&r->own[i], &r->own[i + 1], (size_t)(r->own_count - i - 1) * sizeof(int64_t));
    r->own_count--;
}

static inline void gm_replay_own_fill(gm_replay_t* r, int32_t slot, int64_t quantity, int64_t time_ns) {
    gm_resting_t* x = &r->book.pool[slot];
    int64_t order_id = -x->order_id;
    gm_market_fill(&r->market, order_id, r->venue, r->symbol, x->side, (int64_t)x->tick * r->tick_e9, quantity, GM_ADDED, time_ns);
    if (quantity == x->quantity && x->display > 0 && x->reserve > 0) {   /* an iceberg shows its next part, behind all that is there, ours too */
        gm_replay_forget_own(r, order_id);
        r->own[r->own_count++] = order_id;
        gm_book_unlink(&r->book, slot);
        x->quantity = x->reserve < x->display ? x->reserve : x->display;
        x->reserve -= x->quantity;
        gm_book_link(&r->book, slot, 0);
        return;
    }
    if (quantity == x->quantity) gm_replay_forget_own(r, order_id);
    gm_book_reduce(&r->book, slot, quantity);
}

static inline int gm_replay_is_halted(const gm_replay_t* r) { return r->market.venues->halted[r->symbol]; }

static inline int gm_replay_is_crossed(const gm_replay_t* r) {
    return gm_book_has(&r->book, 0) && gm_book_has(&r->book, 1) && gm_book_best_tick(&r->book, 0) >= gm_book_best_tick(&r->book, 1);
}

/* `budget` shares traded on side s at price_e9: own orders at that price or a better one that nobody recorded stands
 * before are filled first, best price first, then the earlier. What they took of it. */
static inline int64_t gm_replay_own_trade(gm_replay_t* r, int s, int64_t price_e9, int64_t budget, int64_t time_ns) {
    int64_t filled = 0, best_e9;
    if (gm_book_better(s, price_e9, r->own_best_e9[s]) || gm_replay_is_halted(r) || gm_replay_is_crossed(r)) return 0;
    while (filled < budget) {
        int32_t chosen = GM_NIL;
        best_e9 = GM_NO_OWN(s);
        for (int32_t i = 0; i < r->own_count; i++) {
            int32_t slot = gm_book_find(&r->book, gm_own_key(r->own[i]));
            const gm_resting_t* x = &r->book.pool[slot];
            int64_t own_e9 = (int64_t)x->tick * r->tick_e9;
            if (gm_side_of(x->side) != s) continue;
            if (gm_book_better(s, own_e9, best_e9)) best_e9 = own_e9;
            if (gm_book_better(s, price_e9, own_e9)) continue;
            if (chosen != GM_NIL && !gm_book_better(s, x->tick, r->book.pool[chosen].tick)) continue;
            if (!gm_replay_is_front(r, slot)) continue;
            chosen = slot;
        }
        if (chosen == GM_NIL) {
            r->own_best_e9[s] = best_e9;
            break;
        }
        {
            int64_t open = r->book.pool[chosen].quantity;
            int64_t part = open < budget - filled ? open : budget - filled;
            filled += part;
            gm_replay_own_fill(r, chosen, part, time_ns);
        }
    }
    return filled;
}

/* ---- the recorded layer ---- */

static inline void gm_replay_touch_level(gm_replay_t* r, int s, int64_t tick) {
    r->touched |= 1 << s;
    r->touches++;
    r->touched_tick = tick;
}

static inline void gm_replay_leave(gm_replay_t* r, int32_t slot, int64_t quantity) {
    gm_resting_t* x = &r->book.pool[slot];
    int64_t left = x->quantity > quantity ? x->quantity - quantity : 0;
    gm_replay_touch_level(r, gm_side_of(x->side), x->tick);
    if (x->reserve > left) {
        r->taken -= x->reserve - left;
        x->reserve = left;
    }
    gm_book_reduce(&r->book, slot, quantity);
}

static inline int32_t gm_replay_anonymous_at(const gm_replay_t* r, int s, int64_t tick) {
    int64_t i = tick - r->book.base;
    const gm_level_t* level;
    if (!r->book.placed || i < 0 || i >= (int64_t)r->book.ticks) return GM_NIL;
    level = &r->book.levels[s][i];
    if (level->count == 0) return GM_NIL;
    for (int32_t slot = level->head; slot != GM_NIL; slot = r->book.pool[slot].next)
        if (r->book.pool[slot].flags & GM_REST_ANONYMOUS) return slot;
    return GM_NIL;
}

static inline void gm_replay_reveal(gm_replay_t* r, int s, int64_t tick, int64_t quantity) {
    gm_book_insert(&r->book, GM_ANONYMOUS_BASE - ++r->anonymous, gm_sign_of(s), tick, quantity, GM_REST_ANONYMOUS, 1);
}

static inline void gm_replay_drop_level(gm_replay_t* r, int s, int64_t tick) {
    int32_t slot = r->book.levels[s][tick - r->book.base].head;
    while (slot != GM_NIL) {
        int32_t next = r->book.pool[slot].next;
        if (!(r->book.pool[slot].flags & GM_REST_OVERLAY)) gm_replay_leave(r, slot, r->book.pool[slot].quantity);
        slot = next;
    }
}

/* Sets a level to the row's quantity. */
static inline void gm_replay_repair(gm_replay_t* r, int s, int64_t tick, int64_t quantity) {
    gm_level_t* level = gm_book_level(&r->book, s, tick);
    int64_t excess = level->quantity - quantity;
    int32_t slot = level->tail;
    if (excess < 0) {
        gm_replay_reveal(r, s, tick, -excess);
        return;
    }
    while (excess > 0 && slot != GM_NIL) {              /* the last come is the first thought to have gone */
        int32_t previous = r->book.pool[slot].prev;
        if (!(r->book.pool[slot].flags & GM_REST_OVERLAY)) {
            int64_t part = r->book.pool[slot].quantity < excess ? r->book.pool[slot].quantity : excess;
            excess -= part;
            gm_replay_leave(r, slot, part);
        }
        slot = previous;
    }
}

/* The outermost recorded price kept as "none": every price is inside. */
#define GM_NO_WORST(s) ((s) == 0 ? INT64_MAX : INT64_MIN)

/* How a side of a row differs from that of the row before: in nothing, in the size of one level, by a level more or a level less, or otherwise.
 * A level's number is in the lower six bits. */
#define GM_MOVE_NONE 0
#define GM_MOVE_SIZE 0x40
#define GM_MOVE_MORE 0x80
#define GM_MOVE_LESS 0xc0
#define GM_MOVE_OTHER 0xff
#define GM_MOVE_LEVELS 63

static inline int gm_replay_told(const int64_t* cell) { return cell[0] != GM_NO_PRICE && cell[1] != 0; }
static inline int gm_replay_same(const int64_t* a, const int64_t* b) { return a[0] == b[0] && a[1] == b[1]; }

static inline uint8_t gm_replay_move(const int64_t* before, const int64_t* now, int s, int32_t levels) {
    int32_t k = 0, j;
    while (k < levels && gm_replay_same(before + 4 * k, now + 4 * k)) k++;
    if (k == levels) return GM_MOVE_NONE;
    if (k >= GM_MOVE_LEVELS) return GM_MOVE_OTHER;
    if (now[4 * k] == before[4 * k]) {
        for (j = k + 1; j < levels && gm_replay_same(before + 4 * j, now + 4 * j);) j++;
        return (uint8_t)(j == levels ? GM_MOVE_SIZE + k : GM_MOVE_OTHER);
    }
    if (gm_replay_told(now + 4 * k) && (!gm_replay_told(before + 4 * k) || gm_book_better(s, now[4 * k], before[4 * k]))) {
        for (j = k + 1; j < levels && gm_replay_same(before + 4 * (j - 1), now + 4 * j);) j++;
        return (uint8_t)(j == levels ? GM_MOVE_MORE + k : GM_MOVE_OTHER);
    }
    for (j = k + 1; j < levels && gm_replay_same(before + 4 * j, now + 4 * (j - 1));) j++;
    return (uint8_t)(j == levels ? GM_MOVE_LESS + k : GM_MOVE_OTHER);
}

/* Of all rows, once for all who replay them: a byte for bids and one for asks. */
static inline void gm_replay_moves(const int64_t* rows, int64_t count, int32_t levels, uint8_t* moves) {
    if (count > 0) moves[0] = moves[1] = GM_MOVE_OTHER;
    for (int64_t n = 1; n < count; n++)
        for (int s = 0; s < 2; s++) {
            const int64_t* now = rows + n * 4 * levels + (s == 0 ? 2 : 0);
            moves[2 * n + s] = gm_replay_move(now - 4 * levels, now, s, levels);
        }
}

/* The book equalled the row before on side s. Did the one order that the message changed there do what the row says? Then nothing has to be
 * looked at but what came into sight, or fell out of it. 0: level by level. */
static inline int gm_replay_follows(gm_replay_t* r, const int64_t* row, int s) {
    const int move = r->moves[2 * r->position + s], touched = r->touched >> s & 1;
    const int64_t* now = row + (s == 0 ? 2 : 0);
    const int64_t* before = now - 4 * r->levels;
    const int32_t outer = 4 * (r->levels - 1), k = 4 * (move & 0x3f);
    const gm_level_t* level;
    int64_t at_e9;
    if (r->position == r->begun || move == GM_MOVE_OTHER) return 0;
    if (!touched || move == GM_MOVE_NONE) return !touched && move == GM_MOVE_NONE;
    if (r->touches != 1) return 0;
    at_e9 = r->touched_tick * r->tick_e9;
    level = gm_book_level(&r->book, s, r->touched_tick);
    switch (move & 0xc0) {
    case GM_MOVE_SIZE:
        return now[k] == at_e9 && now[k + 1] > 0 && level && level->quantity == now[k + 1];
    case GM_MOVE_MORE:
        if (now[k] != at_e9 || !level || level->quantity != now[k + 1]) return 0;
        if (gm_replay_told(before + outer)) {
            gm_replay_drop_level(r, s, before[outer] / r->tick_e9);
            r->dropped++;
        }
        break;
    default:
        if (before[k] != at_e9 || (level && level->count > 0)) return 0;
        if (gm_replay_told(now + outer)) {
            gm_replay_reveal(r, s, now[outer] / r->tick_e9, now[outer + 1]);
            r->revealed++;
        }
    }
    for (int32_t last = outer; last >= 0; last -= 4)
        if (gm_replay_told(now + last)) {
            r->worst[s] = now[last];
            return 1;
        }
    r->worst[s] = GM_NO_WORST(s);
    return 1;
}

/* Holds a side of the book against the row of the message just applied, level by level. */
static inline void gm_replay_compare(gm_replay_t* r, const int64_t* row, int s) {
    const int64_t* cell = row + (s == 0 ? 2 : 0);
    int64_t at = gm_book_has(&r->book, s) ? gm_book_best_tick(&r->book, s) : INT64_MIN;   /* INT64_MIN: no level left */
    int64_t worst_e9 = GM_NO_WORST(s);
    for (int32_t level = 0; level < r->levels && gm_replay_told(cell); level++, cell += 4) {
        /* Mostly it is the level that is there: a product is cheaper than a division. */
        const int64_t tick = at != INT64_MIN && at * r->tick_e9 == cell[0] ? at : cell[0] / r->tick_e9;
        while (at != INT64_MIN && gm_book_better(s, at, tick)) {
            int64_t next = gm_book_next(&r->book, s, at - r->book.base);
            int64_t gone = at;
            at = next < 0 ? INT64_MIN : r->book.base + next;
            gm_replay_drop_level(r, s, gone);
            r->repaired++;
        }
        if (at == tick) {
            int64_t next = gm_book_next(&r->book, s, at - r->book.base);
            if (r->book.levels[s][at - r->book.base].quantity != cell[1]) {
                gm_replay_repair(r, s, tick, cell[1]);
                if (r->position == r->begun) r->revealed++; else r->repaired++;   /* the first row shows what stood before */
            }
            at = next < 0 ? INT64_MIN : r->book.base + next;
        } else {
            if (r->worst[s] != GM_NO_WORST(s) && !gm_book_better(s, r->worst[s], cell[0])) r->repaired++; else r->revealed++;
            gm_replay_reveal(r, s, tick, cell[1]);
        }
        worst_e9 = cell[0];
    }
    while (at != INT64_MIN) {                       /* out of the recording's sight */
        int64_t next = gm_book_next(&r->book, s, at - r->book.base);
        int64_t gone = at;
        at = next < 0 ? INT64_MIN : r->book.base + next;
        gm_replay_drop_level(r, s, gone);
        r->dropped++;
    }
    r->worst[s] = worst_e9;
}

static inline void gm_replay_hold(gm_replay_t* r, const int64_t* row) {
    const int64_t repaired = r->repaired;
    const int follows = gm_replay_follows(r, row, 0) | gm_replay_follows(r, row, 1) << 1;
    for (int s = 0; s < 2; s++)
        if (!(follows >> s & 1)) gm_replay_compare(r, row, s);
    r->rows_equal += r->repaired == repaired;
}

/* A level as own orders find it: what the recording shows less what they have taken of it. */
static inline int64_t gm_replay_free(const gm_replay_t* r, int s, int64_t i) {
    int64_t shown = r->book.levels[s][i].quantity;
    if (r->taken > 0)
        for (int32_t slot = r->book.levels[s][i].head; slot != GM_NIL; slot = r->book.pool[slot].next)
            if (!(r->book.pool[slot].flags & GM_REST_OVERLAY)) shown -= r->book.pool[slot].reserve;
    return shown;
}

/* A level that is all taken is quoted no more; where all that the recording shows is, the last of it stands, with nothing. */
static inline void gm_replay_quote(gm_replay_t* r, int64_t time_ns) {
    gm_quote_t* q = gm_quotes_of(r->market.venues, r->symbol) + r->venue;
    gm_book_t* b = &r->book;
    int64_t at[2], shown[2] = {0, 0};
    for (int s = 0; s < 2; s++) {
        if ((at[s] = b->best[s]) < 0) continue;
        shown[s] = b->levels[s][at[s]].quantity;
        if (__builtin_expect(r->taken == 0, 1)) continue;
        for (int64_t i = at[s]; i >= 0; i = gm_book_next(b, s, i)) {
            at[s] = i;
            if ((shown[s] = gm_replay_free(r, s, i)) > 0) break;
        }
    }
    gm_quote_publish(r->market.venues, r->symbol, r->venue, at[0] >= 0 ? (b->base + at[0]) * r->tick_e9 : GM_NO_PRICE, shown[0],
                     at[1] >= 0 ? (b->base + at[1]) * r->tick_e9 : GM_NO_PRICE, shown[1], time_ns);
    q->sequence = r->position;
}

static inline void gm_replay_print(gm_replay_t* r, const gm_message_t* m, int64_t price_e9) {
    gm_quote_t* q = gm_quotes_of(r->market.venues, r->symbol) + r->venue;
    if (m->flags & GM_FLAG_UNPRINTED) return;               /* another row prints it */
    gm_print_publish(r->market.venues, r->symbol, r->venue, price_e9, m->quantity,
                     m->action == GM_CROSS_TRADE ? GM_FLAG_AUCTION : 0, m->time_ns);
    q->last_e9 = price_e9;
    gm_volume_publish(r->market.venues, r->symbol, r->venue, q->volume + m->quantity);
    r->executions++;
    r->executed += m->quantity;
}

static inline void gm_replay_add(gm_replay_t* r, int64_t order_id, int8_t side, int64_t price_e9, int64_t quantity, int64_t time_ns) {
    const int64_t tick = price_e9 / r->tick_e9;
    const int32_t slot = gm_book_add(&r->book, order_id, side, tick, quantity, 0);
    gm_replay_touch_level(r, gm_side_of(side), tick);
    if (slot >= 0 && r->own_count > 0) {                    /* in the recording it rests; against us it would have traded */
        int64_t took = gm_replay_own_trade(r, 1 - gm_side_of(side), price_e9, quantity, time_ns);
        r->book.pool[slot].reserve += took;
        r->taken += took;
    }
}

/* An order that keeps its id keeps its place where only its size goes down; otherwise it is a new one, at the back. */
static inline void gm_replay_replace_recorded(gm_replay_t* r, const gm_message_t* m, int32_t slot) {
    const gm_resting_t old = r->book.pool[slot];
    const int64_t id = m->counterparty != 0 ? m->counterparty : m->order_id;
    if (id == m->order_id && m->price_e9 / r->tick_e9 == old.tick && m->quantity <= old.quantity) {
        gm_replay_leave(r, slot, old.quantity - m->quantity);
        return;
    }
    gm_replay_leave(r, slot, old.quantity);
    gm_replay_add(r, id, old.side, m->price_e9, m->quantity, m->time_ns);
}

/* The side that rested, of a trade whose message does not tell it: bids 0, asks 1, between the quotes -1. */
static inline int gm_replay_side_of(const gm_replay_t* r, const gm_message_t* m) {
    if (m->side != 0) return gm_side_of(m->side);
    if (gm_book_has(&r->book, 0) && m->price_e9 <= gm_book_best_tick(&r->book, 0) * r->tick_e9) return 0;
    if (gm_book_has(&r->book, 1) && m->price_e9 >= gm_book_best_tick(&r->book, 1) * r->tick_e9) return 1;
    return -1;
}

static inline void gm_replay_message(gm_replay_t* r, const gm_message_t* m) {
    int64_t price_e9 = m->price_e9;
    int32_t slot;
    int s;
    switch (m->action) {
    case GM_ADD:
        gm_replay_add(r, m->order_id, m->side, price_e9, m->quantity, m->time_ns);
        break;
    case GM_REDUCE:
    case GM_DELETE:
    case GM_EXECUTE:
    case GM_REPLACE:
        s = gm_side_of(m->side);
        slot = gm_book_find(&r->book, m->order_id);
        if (slot >= 0) {                                    /* what the message leaves out, its order knows */
            s = gm_side_of(r->book.pool[slot].side);
            if (price_e9 == GM_NO_PRICE) price_e9 = (int64_t)r->book.pool[slot].tick * r->tick_e9;
        }
        if (m->action == GM_EXECUTE && price_e9 != GM_NO_PRICE) {
            gm_replay_print(r, m, price_e9);
            if (slot >= 0) r->out_of_turn += !gm_replay_is_front(r, slot) || r->book.pool[slot].tick != gm_book_best_tick(&r->book, s);
            if (r->own_count > 0) gm_replay_own_trade(r, s, price_e9, m->quantity, m->time_ns);
        }
        if (slot < 0) {
            if (m->side != 0 && price_e9 != GM_NO_PRICE && m->action != GM_REPLACE) slot = gm_replay_anonymous_at(r, s, price_e9 / r->tick_e9);
            if (slot < 0) { r->unknown++; break; }
            gm_replay_leave(r, slot, m->quantity);
        } else if (m->action == GM_REPLACE) {
            gm_replay_replace_recorded(r, m, slot);
        } else {
            gm_replay_leave(r, slot, m->action == GM_DELETE ? r->book.pool[slot].quantity : m->quantity);
        }
        break;
    case GM_TRADE:
    case GM_EXECUTE_HIDDEN:
        gm_replay_print(r, m, price_e9);
        s = gm_replay_side_of(r, m);
        if (r->own_count > 0 && s >= 0) gm_replay_own_trade(r, s, price_e9, m->quantity, m->time_ns);
        break;
    case GM_CROSS_TRADE:                                    /* an auction's: who rested outside it had no part in it */
        gm_replay_print(r, m, price_e9);
        break;
    case GM_CLEAR:
        for (s = 0; s < 2; s++)
            for (int64_t i = r->book.best[s]; i >= 0;) {
                const int64_t next = gm_book_next(&r->book, s, i);
                gm_replay_drop_level(r, s, r->book.base + i);
                i = next;
            }
        break;
    case GM_HALT:
        gm_halt_publish(r->market.venues, r->symbol, r->venue, m->flags != GM_TRADING_RESUMED, m->time_ns);    /* quoting again is not trading yet */
        break;
    default:
        break;
    }
}

static inline int64_t gm_replay_advance(gm_market_t* market, int64_t until_ns) {
    gm_replay_t* r = (gm_replay_t*)market->self;
    while (r->position < r->count && r->messages[r->position].time_ns <= until_ns) {
        const gm_message_t* m = &r->messages[r->position];
        r->touched = r->touches = 0;
        gm_replay_message(r, m);
        if (r->rows) gm_replay_hold(r, r->rows + r->position * 4 * r->levels);
        r->position++;
        market->messages++;
        market->now_ns = m->time_ns;
        gm_replay_quote(r, m->time_ns);
        if (market->stop | (market->messages == market->pause)) return market->now_ns;
    }
    if (until_ns > market->now_ns) market->now_ns = until_ns;
    return market->now_ns;
}

static inline void gm_replay_levels(gm_market_t* market, int32_t symbol, int32_t n, int64_t* rows) {
    const gm_replay_t* r = (const gm_replay_t*)market->self;
    const gm_book_t* b = &r->book;
    gm_levels_none(rows, n);
    if (symbol != r->symbol) return;
    for (int s = 0; s < 2; s++) {
        int32_t k = 0;
        for (int64_t i = b->best[s]; i >= 0 && k < n; i = gm_book_next(b, s, i)) {
            const int64_t shown = gm_replay_free(r, s, i);
            if (shown <= 0) continue;
            rows[4 * k + (s == 0 ? 2 : 0)] = (b->base + i) * r->tick_e9;
            rows[4 * k++ + (s == 0 ? 3 : 1)] = shown;
        }
    }
}

static inline int64_t gm_replay_next(gm_market_t* market) {
    const gm_replay_t* r = (const gm_replay_t*)market->self;
    return r->own_count > 0 && r->position < r->count ? r->messages[r->position].time_ns : INT64_MAX;
}

static inline void gm_replay_touch(gm_market_t* market, int32_t symbol, int64_t until_ns) {
    (void)market; (void)symbol; (void)until_ns;         /* all of a recording lives in `advance` */
}

/* ---- the engine's commands ---- */

/* Shares of recorded orders at limit_tick or better that own orders have not taken yet; stops counting at `enough`. */
static inline int64_t gm_replay_available(const gm_replay_t* r, int opposite, int64_t limit_tick, int64_t enough) {
    const gm_book_t* b = &r->book;
    int64_t sum = 0;
    for (int64_t i = b->best[opposite]; i >= 0 && sum < enough; i = gm_book_next(b, opposite, i)) {
        if (gm_book_better(opposite, limit_tick, b->base + i)) break;
        for (int32_t slot = b->levels[opposite][i].head; slot != GM_NIL; slot = b->pool[slot].next)
            if (!(b->pool[slot].flags & GM_REST_OVERLAY)) sum += b->pool[slot].quantity - b->pool[slot].reserve;
    }
    return sum;
}

static inline int64_t gm_replay_take(gm_replay_t* r, const gm_order_t* o, int64_t quantity, int64_t limit_tick, int64_t now_ns) {
    gm_book_t* b = &r->book;
    const int opposite = o->side > 0 ? 1 : 0;
    int64_t left = quantity;
    for (int64_t i = b->best[opposite]; i >= 0 && left > 0; i = gm_book_next(b, opposite, i)) {
        if (gm_book_better(opposite, limit_tick, b->base + i)) break;
        for (int32_t slot = b->levels[opposite][i].head; slot != GM_NIL && left > 0; slot = b->pool[slot].next) {
            gm_resting_t* x = &b->pool[slot];
            int64_t part = x->quantity - x->reserve;
            if ((x->flags & GM_REST_OVERLAY) || part <= 0) continue;
            if (part > left) part = left;
            x->reserve += part;
            r->taken += part;
            left -= part;
            gm_market_fill(&r->market, o->order_id, r->venue, r->symbol, o->side, (int64_t)x->tick * r->tick_e9, part, GM_REMOVED, now_ns);
        }
    }
    return left;
}

static inline int64_t gm_replay_tick(const gm_replay_t* r, const gm_order_t* o) {
    return o->limit_price_e9 == GM_NO_PRICE ? (o->side > 0 ? INT32_MAX : INT32_MIN) : o->limit_price_e9 / r->tick_e9;
}

/* Takes what `quantity` of an acknowledged order crosses; the rest rests or ends. */
static inline void gm_replay_place(gm_replay_t* r, const gm_order_t* o, int64_t quantity, int64_t now_ns) {
    gm_market_t* market = &r->market;
    const int is_market = o->limit_price_e9 == GM_NO_PRICE;
    const int64_t tick = gm_replay_tick(r, o);
    const int64_t order_id = o->order_id, display = o->display_quantity;
    const gm_order_t kept = *o;                             /* its row may be another order's once a report has ended it */
    int64_t left = gm_replay_take(r, &kept, quantity, tick, now_ns), shown;
    int32_t slot;
    if (left == 0) {
        gm_replay_quote(r, now_ns);
        return;
    }
    if (is_market || kept.time_in_force == GM_IOC || kept.time_in_force == GM_FOK) {
        gm_replay_quote(r, now_ns);
        gm_market_say(market, &kept, GM_EXEC_CANCELED, left < quantity ? GM_REASON_UNFILLED_REMAINDER : GM_REASON_NO_LIQUIDITY, left, now_ns);
        return;
    }
    shown = display > 0 && display < left ? display : left;
    slot = gm_book_add(&r->book, gm_own_key(order_id), kept.side, tick, shown, GM_REST_OVERLAY | GM_REST_OWN);
    if (slot < 0) {
        gm_market_say(market, &kept, GM_EXEC_CANCELED, slot == GM_ERR_RANGE ? GM_REASON_PRICE_OUT_OF_RANGE : GM_REASON_VENUE_CAPACITY, left, now_ns);
        return;
    }
    if (shown < left) {
        r->book.pool[slot].display = display;
        r->book.pool[slot].reserve = left - shown;
    }
    r->own[r->own_count++] = order_id;
    {
        const int s = gm_side_of(kept.side);
        if (gm_book_better(s, tick * r->tick_e9, r->own_best_e9[s])) r->own_best_e9[s] = tick * r->tick_e9;
    }
    gm_replay_quote(r, now_ns);
}

/* May an order come in now, with this limit? */
static inline int gm_replay_trades(const gm_replay_t* r, int8_t side, int64_t limit_tick) {
    return !gm_replay_is_halted(r) && !(gm_replay_is_crossed(r) && gm_replay_available(r, side > 0 ? 1 : 0, limit_tick, 1) > 0);
}

static inline void gm_replay_submit(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_replay_t* r = (gm_replay_t*)market->self;
    const int opposite = o->side > 0 ? 1 : 0;
    const int64_t tick = gm_replay_tick(r, o);
    uint16_t reason = GM_REASON_NONE;
    if (o->symbol != r->symbol || o->venue != r->venue) reason = GM_REASON_NO_VENUE;
    else if (o->order_type >= GM_PEGGED_PRIMARY || (o->flags & GM_HIDDEN)) reason = GM_REASON_UNSUPPORTED;
    else if (!gm_replay_trades(r, o->side, tick)) reason = GM_REASON_NOT_TRADING;
    else if ((o->flags & GM_POST_ONLY) && gm_replay_available(r, opposite, tick, 1) > 0) reason = GM_REASON_WOULD_CROSS;
    else if (r->own_count >= GM_REPLAY_OWN) reason = GM_REASON_VENUE_CAPACITY;
    if (reason) {
        gm_market_say(market, o, GM_EXEC_REJECTED, reason, o->leaves_quantity, now_ns);
        return;
    }
    gm_market_say(market, o, GM_EXEC_NEW, GM_REASON_NONE, 0, now_ns);
    if (o->time_in_force == GM_FOK && gm_replay_available(r, opposite, tick, o->leaves_quantity) < o->leaves_quantity) {
        gm_market_say(market, o, GM_EXEC_CANCELED, GM_REASON_NO_LIQUIDITY, o->leaves_quantity, now_ns);
        return;
    }
    gm_replay_place(r, o, o->leaves_quantity, now_ns);
}

static inline void gm_replay_cancel(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_replay_t* r = (gm_replay_t*)market->self;
    int32_t slot = gm_book_find(&r->book, gm_own_key(o->order_id));
    int64_t open;
    if (slot < 0) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, GM_REASON_UNKNOWN_ORDER, 0, now_ns);
        return;
    }
    open = r->book.pool[slot].quantity + (r->book.pool[slot].display > 0 ? r->book.pool[slot].reserve : 0);
    gm_book_remove(&r->book, slot);
    gm_replay_forget_own(r, o->order_id);
    gm_market_say(market, o, GM_EXEC_CANCELED, GM_REASON_USER, open, now_ns);
}

/* As at any exchange: less at the same price keeps its place, anything else comes in again. */
static inline void gm_replay_replace(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_replay_t* r = (gm_replay_t*)market->self;
    const int32_t slot = gm_book_find(&r->book, gm_own_key(o->order_id));
    const int64_t left = o->working_quantity - o->filled_quantity, quantity = left > 0 ? o->working_quantity : o->filled_quantity;
    const int64_t limit_e9 = o->pending_price_e9 == GM_NO_PRICE ? o->limit_price_e9 : o->pending_price_e9;
    const int64_t open = slot < 0 ? 0 : r->book.pool[slot].quantity + (r->book.pool[slot].display > 0 ? r->book.pool[slot].reserve : 0);
    const int keeps = left > 0 && limit_e9 == o->limit_price_e9 && left <= open;
    uint16_t reason = GM_REASON_NONE;
    if (slot < 0) reason = GM_REASON_UNKNOWN_ORDER;
    else if (left > 0 && !keeps && !gm_replay_trades(r, o->side, limit_e9 / r->tick_e9)) reason = GM_REASON_NOT_TRADING;
    else if (!keeps && (o->flags & GM_POST_ONLY) && gm_replay_available(r, o->side > 0 ? 1 : 0, limit_e9 / r->tick_e9, 1) > 0) reason = GM_REASON_WOULD_CROSS;
    if (reason) {
        gm_market_say(market, o, GM_EXEC_CANCEL_REJECTED, reason, 0, now_ns);
        return;
    }
    if (keeps) {
        gm_resting_t* x = &r->book.pool[slot];
        int64_t less = open - left, hidden = x->display > 0 && x->reserve > 0 ? (x->reserve < less ? x->reserve : less) : 0;
        x->reserve -= hidden;
        less -= hidden;
        if (less > 0) gm_book_reduce(&r->book, slot, less);
        gm_market_say_replaced(market, o, quantity, GM_NO_PRICE, now_ns);
        return;
    }
    gm_book_remove(&r->book, slot);
    gm_replay_forget_own(r, o->order_id);
    gm_market_say_replaced(market, o, quantity, o->pending_price_e9, now_ns);
    if (left > 0) gm_replay_place(r, o, left, now_ns);       /* the row has its new limit by now */
}

/* Recorded quantity before an own order in its queue; -1: it does not rest. */
static inline int64_t gm_replay_ahead(const gm_replay_t* r, int64_t order_id) {
    int32_t slot = gm_book_find(&r->book, gm_own_key(order_id));
    int64_t ahead = 0;
    if (slot < 0) return -1;
    for (int32_t at = r->book.pool[slot].prev; at != GM_NIL; at = r->book.pool[at].prev)
        if (!(r->book.pool[at].flags & GM_REST_OVERLAY)) ahead += r->book.pool[at].quantity;
    return ahead;
}

/* Begins again at the first message from `start_ns` on: with what the row before it shows, or, where the file has no rows, with what all
 * messages before it left. */
static inline int gm_replay_renew(gm_market_t* market, uint64_t seed, int64_t start_ns) {
    gm_replay_t* r = (gm_replay_t*)market->self;
    int64_t low = 0, high = r->count, k;
    int halted = 0;
    (void)seed;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (r->messages[middle].time_ns < start_ns) low = middle + 1; else high = middle;
    }
    gm_book_clear(&r->book);
    r->worst[0] = GM_NO_WORST(0);
    r->worst[1] = GM_NO_WORST(1);
    r->position = r->begun = r->anonymous = r->taken = 0;
    r->own_count = 0;
    r->own_best_e9[0] = GM_NO_OWN(0);
    r->own_best_e9[1] = GM_NO_OWN(1);
    market->stop = 0;
    if (r->rows != NULL && r->halts > 0) {                  /* what the last word before it was */
        for (k = low - 1; k >= 0 && r->messages[k].action != GM_HALT; k--) {}
        halted = k >= 0 && r->messages[k].flags != GM_TRADING_RESUMED;
    }
    gm_halt_publish(market->venues, r->symbol, r->venue, halted, start_ns);
    if (r->rows == NULL) {
        market->now_ns = INT64_MIN;
        gm_replay_advance(market, start_ns - 1);
    } else if (low > 0) {
        r->position = r->begun = low - 1;
        gm_replay_hold(r, r->rows + r->position * 4 * r->levels);
        r->position = low;
        gm_replay_quote(r, r->messages[low - 1].time_ns);
    }
    r->revealed = r->dropped = r->repaired = r->unknown = r->executions = r->executed = r->out_of_turn = r->rows_equal = 0;
    market->now_ns = start_ns;
    market->executions = market->messages = 0;
    return GM_OK;
}

static inline int gm_replay_init(gm_replay_t* r, gm_venues_t* venues, int32_t symbol, int32_t venue, int64_t tick_e9,
                                 const gm_message_t* messages, int64_t count, const int64_t* rows, int32_t levels,
                                 uint32_t ticks, int32_t capacity, int64_t start_ns) {
    gm_quote_t* q = gm_quotes_of(venues, symbol) + venue;
    memset(r, 0, sizeof *r);
    if (gm_book_init(&r->book, ticks, capacity) != GM_OK) return GM_ERR_MEMORY;
    r->messages = messages;
    r->count = count;
    r->rows = rows;
    r->levels = levels;
    r->symbol = symbol;
    r->venue = venue;
    r->tick_e9 = tick_e9;
    r->worst[0] = GM_NO_WORST(0);
    r->worst[1] = GM_NO_WORST(1);
    r->own_best_e9[0] = GM_NO_OWN(0);
    r->own_best_e9[1] = GM_NO_OWN(1);
    q->last_e9 = GM_NO_PRICE;
    r->market.self = r;
    r->market.venues = venues;
    r->market.submit = gm_replay_submit;
    r->market.cancel = gm_replay_cancel;
    r->market.replace = gm_replay_replace;
    r->market.advance = gm_replay_advance;
    r->market.touch = gm_replay_touch;
    r->market.levels = gm_replay_levels;
    r->market.next_ns = gm_replay_next;
    r->market.renew = gm_replay_renew;
    r->market.now_ns = start_ns;
    return GM_OK;
}

#endif
