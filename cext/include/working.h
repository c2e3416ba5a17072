/* What the engine does by itself, between the events of the market: it releases the orders it holds when their trigger is met, keeps
 * the orders of a list in step, works the orders that a venue cannot take as they are, and ends what its time in force has ended.
 *
 * Nothing of this happens inside a market's call: an event only notes what has to be looked after (gm_engine_todo, gm_venues_moved), and
 * gm_engine_settle does it once the market has returned. Each step is recorded before it counts, so that recovery only applies it. */
#ifndef GM_WORKING_H
#define GM_WORKING_H

#include <stdlib.h>
#include "requests.h"
#include "self_match.h"

/* ---- triggers ---- */

/* The price that a trigger looks at; GM_NO_PRICE: there is none yet. Of a quote it is the side that the order would take. */
static inline int64_t gm_trigger_price(const gm_engine_t* e, const gm_order_t* o, uint8_t trigger, const gm_nbbo_t* n) {
    const gm_tape_t* tape = &e->venues->tapes[o->symbol];
    switch (trigger) {
    case GM_TRIGGER_BID_ASK: return o->side > 0 ? n->ask_e9 : n->bid_e9;
    case GM_TRIGGER_MID: return gm_mid(n);
    default: return tape->trades ? tape->last_e9 : GM_NO_PRICE;
    }
}

static inline uint8_t gm_trigger_of(const gm_terms_t* terms) { return terms && terms->trigger ? terms->trigger : GM_TRIGGER_LAST; }

static inline int gm_is_trailing(const gm_order_t* o) { return o->order_type == GM_TRAILING_STOP || o->order_type == GM_TRAILING_STOP_LIMIT; }

/* Where a trailing stop stands at a price: its offset away, rounded to the tick that is farther. */
static inline int64_t gm_trail_stop(const gm_order_t* o, const gm_terms_t* terms, int64_t tick_e9, int64_t price_e9) {
    const int64_t offset = terms->trail_unit == GM_TRAIL_BPS ? (int64_t)((gm_i128)price_e9 * terms->trail_offset / 1000000000) : terms->trail_offset;
    int64_t stop = price_e9 + o->side * offset;
    const int64_t beyond = stop % tick_e9;
    if (stop <= 0) return tick_e9;
    if (beyond) stop += o->side > 0 ? tick_e9 - beyond : -beyond;
    return stop > 0 ? stop : tick_e9;
}

/* Sets the stop that a trailing order begins with. */
static inline void gm_engine_arm(gm_engine_t* e, gm_order_t* o, const gm_terms_t* terms, const gm_nbbo_t* n) {
    int64_t price;
    if (!gm_is_trailing(o) || o->stop_price_e9 != GM_NO_PRICE || !terms) return;
    price = gm_trigger_price(e, o, gm_trigger_of(terms), n);
    if (price != GM_NO_PRICE) o->stop_price_e9 = gm_trail_stop(o, terms, e->instruments->rows[o->symbol].tick_e9, price);
}

static inline int gm_trigger_met(const gm_order_t* o, int64_t price_e9) {
    const int touched = o->order_type == GM_MARKET_IF_TOUCHED || o->order_type == GM_LIMIT_IF_TOUCHED;
    if (price_e9 == GM_NO_PRICE || o->stop_price_e9 == GM_NO_PRICE) return 0;
    return (o->side > 0) != touched ? price_e9 >= o->stop_price_e9 : price_e9 <= o->stop_price_e9;
}

/* Releases a held order to a venue; where none takes it, it is rejected. */
static inline void gm_engine_let_out(gm_engine_t* e, gm_order_t* o, int64_t trigger_e9, int64_t now) {
    const gm_terms_t* terms = gm_terms_of(e->orders, o);
    gm_order_t sent = *o;
    gm_request_t q;
    gm_nbbo_t n;
    gm_route_t route;
    if (!gm_engine_may_hold(e) || gm_journal_fenced(e->journal)) return;
    memset(&q, 0, sizeof q);
    q.stop_price_e9 = GM_NO_PRICE;
    if (o->order_type == GM_TRAILING_STOP_LIMIT && terms) {
        const int64_t limit = o->stop_price_e9 + o->side * terms->limit_offset_e9;
        q.stop_price_e9 = sent.limit_price_e9 = limit > 0 ? limit : e->instruments->rows[o->symbol].tick_e9;
    }
    n = gm_consolidate(e->venues, o->symbol);
    sent.flags &= (uint8_t)~GM_HELD;
    sent.quantity = o->leaves_quantity;
    route = gm_route_order(e->venues, &n, &sent, NULL);
    if (route.venue < 0) {
        gm_engine_say(e, o, GM_EXEC_REJECTED, 0, route.reason, now);
        return;
    }
    sent.venue = route.venue;
    gm_portfolio_settle(e->portfolio);
    if (gm_engine_check(e, GM_RELEASE_CHECKS, &sent, sent.quantity, gm_value_price(e->portfolio, &sent, &n), &n, 0, now) || gm_matches_own(e, &sent))
        return;                                             /* not now: it is held, and looked at again with the next news */
    q.quantity = o->leaves_quantity;
    q.price_e9 = trigger_e9;
    q.venue = route.venue;
    q.kind = GM_REQUEST_TRIGGER;
    q.reason = GM_REASON_TRIGGERED;
    q.status = GM_PENDING_NEW;
    if (gm_engine_request_with(e, o, &q, now) == GM_OK) gm_engine_hand_over(e, o, GM_SEND_ORDER, now);
}

static inline void gm_engine_watch(gm_engine_t* e, gm_order_t* o, const gm_nbbo_t* n, int64_t now) {
    const gm_terms_t* terms = gm_terms_of(e->orders, o);
    int64_t price;
    if (terms && terms->waiting) return;
    if (o->status != GM_NEW && o->status != GM_PARTIALLY_FILLED) return;       /* asked to end */
    if (!gm_is_triggered(o->order_type)) {
        gm_engine_let_out(e, o, GM_NO_PRICE, now);          /* it has waited for its list alone */
        return;
    }
    price = gm_trigger_price(e, o, gm_trigger_of(terms), n);
    if (price != GM_NO_PRICE && terms && gm_is_trailing(o)) {
        const int64_t stop = gm_trail_stop(o, terms, e->instruments->rows[o->symbol].tick_e9, price);
        if (o->stop_price_e9 == GM_NO_PRICE || (o->side > 0 ? stop < o->stop_price_e9 : stop > o->stop_price_e9)) {
            gm_request_t q;
            memset(&q, 0, sizeof q);
            q.quantity = o->leaves_quantity;
            q.price_e9 = stop;
            q.stop_price_e9 = GM_NO_PRICE;
            q.venue = o->venue;
            q.kind = GM_REQUEST_TRAIL;
            q.status = o->status;
            if (gm_engine_request_with(e, o, &q, now) != GM_OK) return;
        }
    }
    if (gm_trigger_met(o, price)) gm_engine_let_out(e, o, price, now);
}

/* ---- parents that the engine works ---- */

static inline void gm_engine_send_child(gm_engine_t* e, gm_order_t* parent, int64_t quantity, int64_t limit_e9, uint8_t tif, int32_t venue, int64_t now) {
    gm_order_t child = *parent;
    const int64_t parent_id = parent->order_id;
    int64_t result;
    memset(child.client_order_id, 0, sizeof child.client_order_id);
    child.parent_id = parent_id;
    child.quantity = quantity;
    child.display_quantity = 0;
    child.limit_price_e9 = limit_e9;
    child.stop_price_e9 = GM_NO_PRICE;
    child.order_type = limit_e9 == GM_NO_PRICE ? GM_MARKET : GM_LIMIT;
    child.time_in_force = tif;
    child.flags = (uint8_t)(GM_CHILD | (parent->flags & (GM_POST_ONLY | GM_REDUCE_ONLY)));
    child.venue = venue;
    child.algorithm = 0;
    result = gm_engine_submit_apart(e, &child, now);
    if (result > 0 || tif == GM_FOK) return;                /* one that looks for its moment looks on */
    parent = gm_orders_find(e->orders, parent_id);
    if (parent && !gm_is_closed(parent->status) && parent->working_quantity == 0)
        gm_engine_close_parent(e, parent_id, GM_CANCELED, (uint16_t)-result);
}

static inline uint64_t gm_scatter(uint64_t x) {             /* the finalizer of splitmix64 */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/* What an iceberg shows next: display_quantity, give or take its spread; the same again whenever order and fills are. */
static inline int64_t gm_iceberg_shows(const gm_order_t* o, const gm_terms_t* terms) {
    const int64_t most = (int64_t)((gm_i128)o->display_quantity * terms->display_spread_e9 / 1000000000);
    int64_t shows = o->display_quantity;
    if (most > 0)
        shows += (int64_t)(gm_scatter((uint64_t)o->order_id * 0x9e3779b97f4a7c15ULL + (uint64_t)o->filled_quantity) % (uint64_t)(2 * most + 1)) - most;
    if (shows < 1) shows = 1;
    return shows < o->leaves_quantity ? shows : o->leaves_quantity;
}

static inline void gm_engine_iceberg(gm_engine_t* e, gm_order_t* o, gm_terms_t* terms, int64_t now) {
    const gm_order_t* child = terms->next_child ? gm_orders_find(e->orders, terms->next_child) : NULL;
    if (o->working_quantity != 0 || o->leaves_quantity == 0) return;
    if (child && child->status != GM_FILLED) {              /* the venue ended it: so does the engine */
        gm_engine_close_parent(e, o->order_id, child->status == GM_EXPIRED ? GM_EXPIRED : GM_CANCELED, child->reason);
        return;
    }
    gm_engine_send_child(e, o, gm_iceberg_shows(o, terms), o->limit_price_e9, GM_GTC, -1, now);
}

/* All-or-none and minimum quantity: once a venue shows enough within the limit, a fill-or-kill child takes it. */
static inline void gm_engine_whole(gm_engine_t* e, gm_order_t* o, const gm_terms_t* terms, int64_t now) {
    const gm_quote_t* q = gm_quotes_of(e->venues, o->symbol);
    const int64_t need = o->flags & GM_ALL_OR_NONE || terms->minimum_quantity > o->leaves_quantity ? o->leaves_quantity : terms->minimum_quantity;
    int64_t best = GM_NO_PRICE, shown = 0, quantity;
    int32_t venue = -1;
    if (o->working_quantity != 0 || o->leaves_quantity == 0 || (o->status != GM_NEW && o->status != GM_PARTIALLY_FILLED)) return;
    for (int32_t i = 0; i < e->venues->count; i++) {
        const int64_t price = o->side > 0 ? q[i].ask_e9 : q[i].bid_e9, size = o->side > 0 ? q[i].ask_quantity : q[i].bid_quantity;
        if (price <= 0 || size < need || !gm_venue_open(e->venues, i) || !gm_venue_supports(e->venues, i, GM_NEED_FOK | GM_NEED_TYPE(GM_LIMIT))) continue;
        if (o->limit_price_e9 != GM_NO_PRICE && o->side * (price - o->limit_price_e9) > 0) continue;
        if (venue >= 0 && o->side * (price - best) >= 0) continue;
        best = price;
        shown = size;
        venue = i;
    }
    if (venue < 0) return;
    quantity = shown < o->leaves_quantity ? shown : o->leaves_quantity;
    if (e->venues->max_order_size[venue] && quantity > e->venues->max_order_size[venue]) quantity = e->venues->max_order_size[venue];
    if (quantity >= need) gm_engine_send_child(e, o, quantity, best, GM_FOK, venue, now);
}

#define GM_ASK_AGAIN_NS 1000000000

/* Has a venue refused what was asked of this order, less than a second ago? Then the engine, which would ask by itself, waits: a venue that
 * refuses at once (its connection is broken, it says that it has no such order) would be asked without end. */
static inline int gm_engine_was_refused(gm_engine_t* e, const gm_order_t* o, int64_t now) {
    const int64_t again = o->updated_ns + GM_ASK_AGAIN_NS;
    if (o->reason == GM_REASON_NONE || gm_is_pending(o->status) || (o->flags & (GM_HELD | GM_PARENT)) || now >= again) return 0;
    if (again < e->again_ns) e->again_ns = again;
    if (again < e->deadline_ns) e->deadline_ns = again;
    return 1;
}

/* Asks for the end of every live child; with none left the parent that was asked to end does. */
static inline void gm_engine_end_parent(gm_engine_t* e, gm_order_t* o, int64_t now) {
    gm_order_t* child = gm_orders_newest(e->orders, o->symbol, 0);
    const uint16_t reason = o->reason ? o->reason : GM_REASON_USER;
    while (child) {
        gm_order_t* older = gm_orders_older(e->orders, child);
        if ((child->flags & GM_CHILD) && child->parent_id == o->order_id && !gm_engine_was_refused(e, child, now))
            gm_engine_cancel_order(e, child, GM_REQUEST_CANCEL, reason, now);
        child = older;
    }
    if (!gm_is_closed(o->status) && o->working_quantity == 0)
        gm_engine_close_parent(e, o->order_id, o->leaves_quantity == 0 ? GM_FILLED : reason == GM_REASON_TIME_EXPIRED ? GM_EXPIRED : GM_CANCELED,
                               o->leaves_quantity == 0 ? GM_REASON_NONE : reason);
}

/* A venue has told of more fills than a parent was for: nothing that it says can be counted on, and nothing goes out until somebody has
 * looked. */
static inline void gm_engine_halt_overfill(gm_engine_t* e, int64_t now) {
    gm_latch_t l;
    gm_filter_t all = {-1, -1, -1, -1, 0, 0};
    int64_t refused;
    memset(&l, 0, sizeof l);
    l.scope = GM_SCOPE_ENGINE;
    l.action = GM_LATCH_KILL;
    memcpy(l.name, "overfill", 8);
    memcpy(l.reason, "a venue reported more fills than a parent order was for", 55);
    if (gm_latch_find(e, l.name) >= 0) return;
    gm_engine_set_latch(e, &l, now);
    gm_engine_cancel_all(e, &all, GM_REASON_KILLED, NULL, 0, &refused, now);
}

static inline void gm_engine_parent_attend(gm_engine_t* e, gm_order_t* o, int64_t now) {
    gm_terms_t* terms = gm_terms_of(e->orders, o);
    if (o->filled_quantity > o->quantity) gm_engine_halt_overfill(e, now);
    if (o->status == GM_PENDING_CANCEL || gm_is_closed(o->status)) {
        if (o->status == GM_PENDING_CANCEL || o->working_quantity > 0) gm_engine_end_parent(e, o, now);
    } else if (terms && (o->status == GM_NEW || o->status == GM_PARTIALLY_FILLED)) {
        if (terms->worked == GM_WORK_ICEBERG) gm_engine_iceberg(e, o, terms, now);
        else if (terms->worked == GM_WORK_WHOLE && !terms->next_child) gm_engine_whole(e, o, terms, now);
    }
}

/* ---- lists ---- */

static inline void gm_engine_end_member(gm_engine_t* e, gm_order_t* o, int64_t now) {
    if (o && !gm_is_closed(o->status) && !gm_engine_was_refused(e, o, now))
        gm_engine_cancel_order(e, o, GM_REQUEST_CANCEL, GM_REASON_CONTINGENCY, now);
}

static inline void gm_oco_attend(gm_engine_t* e, int64_t first, int32_t count, int64_t now) {
    int32_t winner = -1, over = 0;
    for (int32_t k = 0; k < count; k++) {
        const gm_order_t* o = gm_orders_find(e->orders, first + k);
        if (o && o->filled_quantity > 0 && winner < 0) winner = k;
        over |= !o || gm_is_closed(o->status);
    }
    if (winner < 0 && !over) return;
    for (int32_t k = 0; k < count; k++)
        if (k != winner) gm_engine_end_member(e, gm_orders_find(e->orders, first + k), now);
}

/* Arms a waiting order with `quantity`; what it adds to the risk is checked now. */
static inline void gm_engine_activate(gm_engine_t* e, gm_order_t* o, int64_t quantity, int64_t now) {
    const gm_nbbo_t n = gm_consolidate(e->venues, o->symbol);
    const int64_t price = gm_value_price(e->portfolio, o, &n);
    /* The exits of a bracket count twice while both are open: that they could go short together is not held against them. */
    const uint64_t mask = gm_terms_of(e->orders, o)->contingency == GM_BRACKET ? GM_ARMED_CHECKS & ~(uint64_t)GM_SHORT_CHECKS : GM_ARMED_CHECKS;
    const gm_position_t* x = gm_position_of(e->portfolio, o->account, o->symbol);
    gm_order_t asked = *o;
    gm_request_t q;
    uint16_t reason;
    asked.quantity = quantity;
    reason = e->latched ? gm_latches_refuse(e, &asked) : GM_REASON_NONE;
    if (reason == GM_REASON_REDUCING && gm_terms_of(e->orders, o)->contingency == GM_BRACKET && -o->side * x->quantity >= quantity) reason = GM_REASON_NONE;
    /* Of a bracket only one exit will fill: each has to reduce by itself. */
    if (!reason && (o->flags & GM_REDUCE_ONLY)
        && (gm_terms_of(e->orders, o)->contingency == GM_BRACKET ? -o->side * x->quantity < quantity : !gm_reduces_only(e, &asked))) reason = GM_REASON_REDUCE_ONLY;
    if (reason) {
        gm_engine_say(e, o, GM_EXEC_REJECTED, 0, reason, now);
        return;
    }
    gm_portfolio_settle(e->portfolio);
    if (gm_engine_check(e, mask, o, quantity, price, &n, 0, now) != 0) {
        gm_engine_say(e, o, GM_EXEC_REJECTED, 0, GM_REASON_RISK, now);
        return;
    }
    memset(&q, 0, sizeof q);
    q.quantity = quantity;
    q.price_e9 = q.stop_price_e9 = GM_NO_PRICE;
    q.venue = -1;
    q.kind = GM_REQUEST_ACTIVATE;
    q.status = o->status;
    if (gm_engine_request_with(e, o, &q, now) == GM_OK) gm_engine_watch(e, o, &n, now);
}

static inline void gm_oto_attend(gm_engine_t* e, int64_t first, int32_t count, int64_t now) {
    const gm_order_t* entry = gm_orders_find(e->orders, first);
    const int64_t filled = entry ? entry->filled_quantity : 0;
    if (entry && !gm_is_closed(entry->status)) return;
    for (int32_t k = 1; k < count; k++) {
        gm_order_t* o = gm_orders_find(e->orders, first + k);
        const gm_terms_t* terms = o ? gm_terms_of(e->orders, o) : NULL;
        if (!terms || !terms->waiting || gm_is_closed(o->status) || o->status == GM_PENDING_CANCEL) continue;
        if (filled > 0) gm_engine_activate(e, o, o->quantity < filled ? o->quantity : filled, now);
        else gm_engine_end_member(e, o, now);
    }
}

/* Another quantity for an exit that is armed: the engine's own at once, a venue's by a replace. */
static inline void gm_engine_resize(gm_engine_t* e, gm_order_t* o, int64_t quantity, int64_t now) {
    gm_request_t q;
    const int held = (o->flags & GM_HELD) != 0;
    if ((o->status != GM_NEW && o->status != GM_PARTIALLY_FILLED) || o->working_quantity != 0) return;         /* once it has been answered */
    if (gm_engine_was_refused(e, o, now)) return;
    if (quantity > o->quantity && gm_engine_check_change(e, o, GM_RESIZE_CHECKS, quantity, GM_NO_PRICE, o->reserve_price_e9, now) != 0) return;
    if (!gm_engine_may_hold(e)) return;
    memset(&q, 0, sizeof q);
    q.quantity = quantity;
    q.price_e9 = q.stop_price_e9 = GM_NO_PRICE;
    q.venue = o->venue;
    q.reason = GM_REASON_CONTINGENCY;
    q.kind = held ? GM_REQUEST_AMEND : GM_REQUEST_REPLACE;
    q.status = held ? o->status : GM_PENDING_REPLACE;
    if (gm_engine_request_with(e, o, &q, now) == GM_OK && !held) gm_engine_hand_over(e, o, GM_SEND_REPLACE, now);
}

/* The exits of a bracket stand for what the entry has filled and no exit has closed yet. */
static inline void gm_bracket_attend(gm_engine_t* e, int64_t first, int32_t count, int64_t now) {
    gm_order_t* entry = gm_orders_find(e->orders, first);
    const int ended = !entry || gm_is_closed(entry->status);
    const int64_t filled = entry ? entry->filled_quantity : 0;
    int64_t open = filled;
    for (int32_t k = 1; k < count; k++) {
        const gm_order_t* o = gm_orders_find(e->orders, first + k);
        if (o) open -= o->filled_quantity;
    }
    if (filled > 0 && open <= 0 && !ended) {
        gm_engine_end_member(e, entry, now);                /* the trade is over: nothing more is to be entered */
        return;
    }
    for (int32_t k = 1; k < count; k++) {
        gm_order_t* o = gm_orders_find(e->orders, first + k);
        const gm_terms_t* terms = o ? gm_terms_of(e->orders, o) : NULL;
        if (!terms || gm_is_closed(o->status) || o->status == GM_PENDING_CANCEL) continue;
        if (open <= 0) {
            if (ended) gm_engine_end_member(e, o, now);
        } else if (terms->waiting) {
            gm_engine_activate(e, o, open, now);
        } else if (o->quantity != o->filled_quantity + open) {
            gm_engine_resize(e, o, o->filled_quantity + open, now);
        }
    }
}

static inline void gm_list_attend(gm_engine_t* e, const gm_terms_t* terms, int64_t now) {
    switch (terms->contingency) {
    case GM_OCO: gm_oco_attend(e, terms->list_id, terms->list_count, now); break;
    case GM_OTO: gm_oto_attend(e, terms->list_id, terms->list_count, now); break;
    case GM_BRACKET: gm_bracket_attend(e, terms->list_id, terms->list_count, now); break;
    default: break;
    }
}

/* Has an order, or one before it in its list, the client_order_id of orders[k]? */
static inline int gm_list_knows(gm_engine_t* e, const gm_order_t* orders, int32_t k) {
    const char* id = orders[k].client_order_id;
    if (!id[0]) return 0;
    for (int32_t j = 0; j < k; j++)
        if (memcmp(orders[j].client_order_id, id, GM_CLIENT_ORDER_ID_LENGTH) == 0) return 1;
    return gm_clients_find(&e->clients, e->journal, gm_client_hash(id)) != 0;
}

/* Several orders as one: all are accepted, or none is. `orders` are completed in place and their `terms` say what binds them. GM_OK, or minus
 * the gm_reason of the first that was refused, whose place is in *which; each refused one is recorded. */
static inline int64_t gm_engine_submit_list(gm_engine_t* e, gm_order_t* orders, gm_terms_t* terms, int32_t count, int32_t* which) {
    const int64_t now = gm_engine_now(e);
    gm_route_t routes[GM_LIST_MAX];
    gm_order_t* rows[GM_LIST_MAX];
    gm_score_t scores[GM_MAX_VENUES];
    gm_order_t changed;
    gm_nbbo_t n;
    int64_t code = GM_OK;
    uint64_t failed = 0;
    int32_t k;
    for (k = 0; k < count && code == GM_OK; k++) {
        gm_order_t* o = &orders[k];
        e->market->touch(e->market, o->symbol, now);
        n = gm_consolidate(e->venues, o->symbol);
        gm_engine_begin(o, &n, now);
        if (terms[k].waiting || gm_is_triggered(o->order_type)) o->flags |= GM_HELD;
        if (!terms[k].waiting) gm_engine_arm(e, o, &terms[k], &n);         /* one that waits trails from when it is armed */
        o->reserve_price_e9 = gm_value_price(e->portfolio, o, &n);
        routes[k] = (gm_route_t){-1, -1, 0, GM_REASON_NONE, 0, 0, 0, GM_NO_PRICE};
        *which = k;
        if ((code = -(int64_t)gm_engine_barred(e, o, &terms[k])) != GM_OK) break;
        if (e->orders->next_id + count >= GM_ORDER_IDS - 1 || e->orders->live + count > GM_ORDER_ROWS - e->orders->retained
            || (e->held && e->held_end - e->held_first + count > GM_HELD_MAX)) { code = -(int64_t)GM_REASON_CAPACITY; break; }
        if (gm_list_knows(e, orders, k)) { code = -(int64_t)GM_REASON_DUPLICATE_CLIENT_ID; break; }
        gm_engine_mark(e, o->symbol, &n);
        gm_portfolio_settle(e->portfolio);
        failed = gm_engine_check(e, gm_checks_of(o, &terms[k]), o, o->quantity, o->reserve_price_e9, &n, k, now);
        if (failed) { code = -(int64_t)GM_REASON_RISK; break; }
        if (!(o->flags & GM_HELD)) {
            routes[k] = gm_route_order(e->venues, &n, o, NULL);
            if (routes[k].venue < 0) { code = -(int64_t)routes[k].reason; break; }
            changed = *o;
            changed.venue = routes[k].venue;
            if (gm_matches_own(e, &changed)) { failed = GM_CHECK_SELF_MATCH; code = -(int64_t)GM_REASON_RISK; break; }  /* in every mode */
        }
        if (!terms[k].waiting) gm_portfolio_reserve(e->portfolio, o->account, o->symbol, o->side, o->quantity, o->reserve_price_e9, +1);
    }
    for (int32_t j = 0; j < k; j++)                         /* held for the checks of those behind alone */
        if (!terms[j].waiting)
            gm_portfolio_reserve(e->portfolio, orders[j].account, orders[j].symbol, orders[j].side, orders[j].quantity, orders[j].reserve_price_e9, -1);
    if (code != GM_OK) {
        const gm_refusal_t* kept = &e->refusal;
        gm_refusal_t first;
        for (int32_t j = 0; j < count; j++) {
            n = gm_consolidate(e->venues, orders[j].symbol);
            gm_engine_refuse(e, &orders[j], j == *which ? (uint16_t)-code : GM_REASON_LIST_REFUSED, j == *which ? failed : 0, 0,
                             j <= *which ? orders[j].reserve_price_e9 : GM_NO_PRICE, &n, now);
            if (j == *which) first = *kept;
        }
        e->refusal = first;
        return code;
    }
    for (k = 0; k < count; k++) {
        gm_order_t* o = &orders[k];
        const int held = (o->flags & GM_HELD) != 0;
        terms[k].list_id = k == 0 ? e->orders->next_id : orders[0].order_id;
        terms[k].list_count = (uint8_t)count;
        n = gm_consolidate(e->venues, o->symbol);
        if (held) {
            o->status = GM_NEW;
            o->acknowledged_ns = now;
            o->venue = -1;
        } else {
            routes[k] = gm_route_order(e->venues, &n, o, scores);
            o->venue = routes[k].venue;
        }
        rows[k] = gm_engine_record(e, o, &terms[k], &n, &routes[k], held ? NULL : scores, NULL, now);
        if (o->client_order_id[0] && gm_clients_room(&e->clients, e->journal))
            gm_clients_put(&e->clients, e->journal, gm_client_hash(o->client_order_id), o->order_id);
    }
    e->settling++;
    for (k = 0; k < count; k++) {
        int over = 0;
        if (rows[k]->flags & GM_HELD) { gm_engine_todo(e, orders[k].order_id); continue; }
        for (int32_t j = 0; j < k && terms[k].contingency == GM_OCO; j++) {
            const gm_order_t* other = gm_orders_find(e->orders, orders[j].order_id);
            over |= !other || gm_is_closed(other->status) || other->filled_quantity > 0;
        }
        if (over) gm_engine_say(e, rows[k], GM_EXEC_CANCELED, 0, GM_REASON_CONTINGENCY, now);   /* decided before it could be sent */
        else gm_engine_hand_over(e, rows[k], GM_SEND_ORDER, now);
    }
    e->settling--;
    if (e->todo_count | e->venues->moved_count) gm_engine_settle(e, now);
    return GM_OK;
}

/* ---- settling ---- */

static inline void gm_engine_attend(gm_engine_t* e, int64_t order_id, int64_t now) {
    gm_order_t* o = gm_orders_find(e->orders, order_id);
    gm_terms_t list;
    if (!o) return;
    memset(&list, 0, sizeof list);
    if (o->terms) list = *gm_terms_of(e->orders, o);
    if (o->flags & GM_PARENT) {
        gm_engine_parent_attend(e, o, now);
    } else if ((o->flags & GM_HELD) && !gm_is_closed(o->status)) {
        const gm_nbbo_t n = gm_consolidate(e->venues, o->symbol);
        gm_engine_watch(e, o, &n, now);
    }
    if (list.list_id) gm_list_attend(e, &list, now);
}

/* A symbol's quotes or prints have moved: the orders held in it are looked at, the earliest first. */
static inline void gm_engine_moved(gm_engine_t* e, int32_t symbol, int64_t now) {
    const gm_orders_t* t = e->orders;
    gm_order_t* o = gm_orders_newest(t, symbol, 1);
    gm_nbbo_t n;
    if (!o) return;
    n = gm_consolidate(e->venues, symbol);
    while (gm_orders_older(t, o)) o = gm_orders_older(t, o);
    while (o) {
        const int32_t younger = t->neighbours[o - t->rows].previous;
        const int64_t changes = t->held_changes;
        if (o->flags & GM_PARENT) {
            const gm_terms_t* terms = gm_terms_of(e->orders, o);
            if (terms && terms->worked == GM_WORK_WHOLE) gm_engine_whole(e, o, terms, now);
        } else {
            gm_engine_watch(e, o, &n, now);
        }
        if (changes != t->held_changes) {                   /* the list is another one: from its begin, what was looked at is as it was */
            o = gm_orders_newest(t, symbol, 1);
            n = gm_consolidate(e->venues, symbol);
            while (o && gm_orders_older(t, o)) o = gm_orders_older(t, o);
        } else {
            o = younger < 0 ? NULL : &t->rows[younger];
        }
    }
}

static inline void gm_engine_settle(gm_engine_t* e, int64_t now) {
    gm_venues_t* v = e->venues;
    if (e->settling || e->still) return;
    e->settling = 1;
    while (e->todo_count | e->todo_lost | v->moved_count) {
        if (e->todo_lost) {                                 /* too many to be noted one by one: everybody is looked at */
            e->todo_lost = e->todo_count = 0;
            for (int32_t i = 0; i < e->orders->used; i++)
                if (e->orders->rows[i].order_id > 0 && (e->orders->rows[i].terms || (e->orders->rows[i].flags & (GM_PARENT | GM_HELD))))
                    gm_engine_attend(e, e->orders->rows[i].order_id, now);
        } else if (e->todo_count) {
            const int64_t order_id = e->todo[0];
            e->todo_count--;
            memmove(e->todo, e->todo + 1, (size_t)e->todo_count * sizeof e->todo[0]);
            gm_engine_attend(e, order_id, now);
        } else {
            const int32_t symbol = v->moved[--v->moved_count];
            v->is_moved[symbol] = 0;
            gm_engine_moved(e, symbol, now);
        }
    }
    e->settling = 0;
}

/* ---- time ---- */

static inline void gm_engine_set_deadline(gm_engine_t* e, int64_t now) {
    int64_t next = GM_NEVER;
    if (e->expiry_count && e->expiries[0].time_ns < next) next = e->expiries[0].time_ns;
    if (e->again_ns < next) next = e->again_ns;
    if (e->unheard_first < e->unheard_end) {
        const int64_t t = e->unheard[e->unheard_first & (GM_HELD_MAX - 1)].since_ns + e->timeout_ns;
        if (t < next) next = t;
    }
    for (int32_t c = 0; c < e->calendar_count; c++) {
        const gm_calendar_t* x = &e->calendars[c];
        if (x->next < x->count && x->closes[x->next] < next) next = x->closes[x->next];
    }
    e->deadline_ns = next > now ? next : now + 1000000;     /* what could not be done (a full journal) is tried again in a millisecond */
}

#define GM_EXPIRE_AGAIN_NS 1000000000

/* Asks for the end of an order whose time in force is over. What finds no room now (a full journal) is tried again; an order that has not
 * ended by then (its venue refused the cancel, or another cancel was under way) is looked at again, patiently: 0 and 1. */
static inline int gm_engine_expire(gm_engine_t* e, gm_order_t* o, int64_t now) {
    const int64_t order_id = o->order_id, code = gm_engine_cancel_order(e, o, GM_REQUEST_EXPIRE, GM_REASON_TIME_EXPIRED, now);
    const int64_t patience = e->timeout_ns > GM_EXPIRE_AGAIN_NS ? e->timeout_ns : GM_EXPIRE_AGAIN_NS;
    const int full = code == -GM_REASON_JOURNAL || code == -GM_REASON_CAPACITY;
    if (gm_journal_fenced(e->journal) || e->expiry_count >= GM_TERMS_ROWS) return 1;
    o = gm_orders_find(e->orders, order_id);
    if (full || (o && !gm_is_closed(o->status))) gm_expiries_push(e->expiries, &e->expiry_count, full ? now : now + patience, order_id);
    return !full;
}

/* A recorded end of a trading day: of the first calendar the daily figures begin again. */
static inline void gm_engine_roll(gm_engine_t* e, const gm_session_t* s) {
    if (s->calendar >= 0 && s->calendar < e->calendar_count) {
        gm_calendar_t* c = &e->calendars[s->calendar];
        while (c->next < c->count && c->closes[c->next] <= s->close_ns) c->next++;
    }
    if (s->calendar != 0) return;
    for (int32_t a = 0; a < e->portfolio->account_count; a++) {
        e->portfolio->accounts[a].orders_today = 0;
        e->portfolio->accounts[a].traded = 0;
    }
}

static inline void gm_engine_close_session(gm_engine_t* e, int32_t calendar, int64_t now) {
    gm_calendar_t* c = &e->calendars[calendar];
    gm_session_t s;
    int64_t last = c->next;
    while (last + 1 < c->count && c->closes[last + 1] <= now) last++;       /* days when the engine was off end as one */
    memset(&s, 0, sizeof s);
    s.calendar = calendar;
    s.close_ns = c->closes[last];
    s.next_close_ns = last + 1 < c->count ? c->closes[last + 1] : GM_NEVER;
    if (gm_journal_append(e->journal, GM_RECORD_SESSION, GM_RECORD_SMALL, now, 0, &s) != GM_OK) return;
    gm_engine_roll(e, &s);
    e->settling++;
    for (int32_t symbol = 0; symbol < e->instruments->count; symbol++) {
        if (e->instruments->rows[symbol].calendar != calendar) continue;
        for (int held = 1; held >= 0; held--) {
            gm_order_t* o = gm_orders_newest(e->orders, symbol, held);
            while (o) {
                gm_order_t* older = gm_orders_older(e->orders, o);
                if (o->time_in_force == GM_DAY && o->created_ns < s.close_ns) gm_engine_expire(e, o, now);
                o = older;
            }
        }
    }
    e->settling--;
}

/* Gives a calendar its closes; those up to `since_ns` have been lived through. GM_OK or GM_ERR_MEMORY. */
static inline int gm_engine_set_calendar(gm_engine_t* e, int32_t calendar, const int64_t* closes, int64_t count, int64_t since_ns) {
    gm_calendar_t* c;
    int64_t* kept;
    if (calendar < 0 || calendar >= GM_CALENDARS_MAX) return GM_ERR_RANGE;
    c = &e->calendars[calendar];
    kept = (int64_t*)malloc((size_t)(count ? count : 1) * sizeof *kept);
    if (!kept) return GM_ERR_MEMORY;
    if (count) memcpy(kept, closes, (size_t)count * sizeof *kept);
    free(c->closes);
    c->closes = kept;
    c->count = count;
    c->next = 0;
    while (c->next < count && kept[c->next] <= since_ns) c->next++;
    if (calendar >= e->calendar_count) e->calendar_count = calendar + 1;
    gm_engine_set_deadline(e, since_ns);
    return GM_OK;
}

/* A venue has not answered in time: what became of the order, or of the cancel or replace asked for, nobody knows. It is open still; whoever
 * wants its end may ask for it again. */
static inline void gm_engine_unanswered(gm_engine_t* e, gm_order_t* o, int64_t since_ns, int64_t now) {
    if (!gm_is_pending(o->status) || (o->flags & (GM_PARENT | GM_HELD))) return;
    if (o->status != GM_PENDING_NEW && o->updated_ns > since_ns) {  /* a fill came in between, or something else was asked since */
        gm_engine_expect(e, o, now);
        return;
    }
    if (o->status != GM_PENDING_NEW && gm_open_as(e->orders, o, o->status) == 0 && o->filled_quantity)
        gm_engine_say(e, o, GM_EXEC_STATUS, GM_FILLED, GM_REASON_NO_ANSWER, now);      /* nothing is left that an answer could change */
    else
        gm_engine_say(e, o, GM_EXEC_STATUS, GM_UNKNOWN_STATUS, GM_REASON_NO_ANSWER, now);
}

/* Does what is due at `now`. */
static void gm_engine_due(gm_engine_t* e, int64_t now) {
    for (int32_t c = 0; c < e->calendar_count; c++)
        if (e->calendars[c].next < e->calendars[c].count && e->calendars[c].closes[e->calendars[c].next] <= now) gm_engine_close_session(e, c, now);
    while (e->expiry_count && e->expiries[0].time_ns <= now) {
        const gm_expiry_t x = gm_expiries_pop(e->expiries, &e->expiry_count);
        gm_order_t* o = gm_orders_find(e->orders, x.order_id);
        if (o && !gm_is_closed(o->status) && !gm_engine_expire(e, o, now)) break;
    }
    while (e->timeout_ns && e->unheard_first < e->unheard_end && e->unheard[e->unheard_first & (GM_HELD_MAX - 1)].since_ns + e->timeout_ns <= now) {
        const gm_unheard_t u = e->unheard[e->unheard_first++ & (GM_HELD_MAX - 1)];
        gm_order_t* o = gm_orders_find(e->orders, u.order_id);
        if (o && !gm_is_closed(o->status)) gm_engine_unanswered(e, o, u.since_ns, now);
    }
    if (e->again_ns <= now) {
        e->again_ns = GM_NEVER;
        e->todo_lost = 1;                                   /* whoever has something to ask */
    }
    gm_engine_set_deadline(e, now);
    gm_engine_settle(e, now);
}

/* Lives on to `until_ns`, stopping wherever the engine has something to do. */
static void gm_engine_live(gm_engine_t* e, int64_t until_ns) {
    do {
        const int64_t to = e->deadline_ns < until_ns ? e->deadline_ns : until_ns;
        e->market->stop = 0;
        if (to > e->market->now_ns) e->market->advance(e->market, to);
        e->market->stop = 0;
        gm_engine_settle(e, e->market->now_ns);
        if (e->market->now_ns >= e->deadline_ns) gm_engine_due(e, e->market->now_ns);
    } while (e->market->now_ns < until_ns);
}

/* Lives on to `until_ns`, or to the first event that Python waits for; the time reached is the clock's new now. */
static inline int64_t gm_engine_advance(gm_engine_t* e, int64_t until_ns) {
    int64_t reached;
    e->wake = 0;
    do {
        const int64_t to = e->deadline_ns < until_ns ? e->deadline_ns : until_ns;
        e->market->stop = 0;
        reached = e->market->advance(e->market, to);
        e->market->stop = 0;
        if (e->clock->simulated && reached > e->clock->now_ns) e->clock->now_ns = reached;
        gm_engine_settle(e, reached);
        if (reached >= e->deadline_ns) gm_engine_due(e, reached);
    } while (!e->wake && reached < until_ns);
    e->wake = 0;
    return reached;
}

#endif
