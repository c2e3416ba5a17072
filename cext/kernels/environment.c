/* An episode over one engine: seats that act, the market that lives on, and what that cost. */
#include <string.h>
#include "environment.h"

static gm_i128 notional_of(const gm_order_t* o) { return (gm_i128)(((gm_u128)(uint64_t)o->notional_hi << 64) | o->notional_lo); }

gm_i128 gm_shortfall_so_far(const gm_order_t* p, int64_t decision_e9, int64_t mid_e9) {
    const gm_i128 paid = notional_of(p) - (gm_i128)p->filled_quantity * decision_e9;
    return p->side * (paid + (gm_i128)(p->quantity - p->filled_quantity) * (mid_e9 - decision_e9)) + p->fees_e9;
}

/* ---- one seat ---- */

static const gm_order_t* row_of(const gm_stage_t* g, int64_t order_id) { return gm_orders_find(g->n->orders, order_id); }
static double time_at(const gm_stage_t* g, int64_t step) { return (double)step / (double)g->steps; }
static int64_t tick_of(const gm_stage_t* g) { return g->n->instruments->rows[g->sight.symbol].tick_e9; }

static void note_sent(const gm_stage_t* g, gm_seat_t* a, int64_t order_id) {
    const gm_order_t* o = row_of(g, order_id);
    if (a->arrival_e9 == GM_NO_PRICE && o) a->arrival_e9 = o->arrival_mid_e9;
}

static void forget_closed(const gm_stage_t* g, gm_seat_t* a) {
    int32_t kept = 0;
    for (int32_t k = 0; k < a->child_count; k++) {
        const gm_order_t* o = row_of(g, a->children[k]);
        if (!o || gm_is_closed(o->status)) continue;
        a->children[kept] = a->children[k];
        a->prices_e9[kept++] = a->prices_e9[k];
    }
    a->child_count = kept;
}

/* Withdraws the children at other prices than `price_e9`; what the others have open. */
static int64_t withdraw_but(gm_stage_t* g, gm_seat_t* a, int64_t price_e9) {
    int64_t open = 0;
    for (int32_t k = 0; k < a->child_count; k++)
        if (price_e9 == GM_NO_PRICE || a->prices_e9[k] != price_e9) g->n->call->cancel(g->n, a->children[k]);
    forget_closed(g, a);
    for (int32_t k = 0; k < a->child_count; k++) open += row_of(g, a->children[k])->leaves_quantity;
    return open;
}

static int64_t remaining_of(const gm_order_t* p) { return p && !gm_is_closed(p->status) ? p->leaves_quantity - p->working_quantity : 0; }

static int64_t sendable(const gm_stage_t* g, int64_t quantity, int64_t price_e9) {
    return gm_risk_most(g->n->limits, g->n->instruments, g->sight.symbol, quantity, price_e9);
}

/* A limit order of a seat, which rests if it may: its id, or minus the reason of its refusal. */
static int64_t send(gm_stage_t* g, gm_seat_t* a, const gm_order_t* parent, int8_t side, int64_t quantity, int64_t price_e9) {
    gm_order_t o;
    int64_t order_id;
    if (parent) o = *parent;
    else memset(&o, 0, sizeof o);
    o.order_id = 0;
    o.parent_id = parent ? a->parent_id : 0;
    o.quantity = quantity;
    o.display_quantity = 0;
    o.limit_price_e9 = price_e9;
    o.stop_price_e9 = GM_NO_PRICE;
    o.order_type = price_e9 == GM_NO_PRICE ? GM_MARKET : GM_LIMIT;
    o.time_in_force = GM_DAY;
    o.flags = (uint8_t)(parent ? GM_CHILD | (parent->flags & GM_REDUCE_ONLY) : GM_POST_ONLY);
    o.terms = 0;
    o.venue = -1;
    o.symbol = g->sight.symbol;
    o.account = a->account;
    o.strategy = a->strategy;
    o.side = side;
    order_id = g->n->call->submit(g->n, &o);
    if (order_id < 0) {
        a->refused++;
        return order_id;
    }
    note_sent(g, a, order_id);
    if (a->child_count < GM_SEAT_CHILDREN) {
        a->children[a->child_count] = order_id;
        a->prices_e9[a->child_count++] = price_e9;
        forget_closed(g, a);
    }
    return order_id;
}

/* Takes up to `quantity` of what is displayed within a bound (GM_NO_PRICE: any price), touch by touch, until nothing more is to be had. */
static void take(gm_stage_t* g, gm_seat_t* a, int64_t quantity, int64_t bound_e9) {
    for (;;) {
        const gm_order_t* p = row_of(g, a->parent_id);
        const gm_nbbo_t n = gm_consolidate(g->n->venues, g->sight.symbol);
        const int64_t touch = a->side > 0 ? n.ask_e9 : n.bid_e9, left = remaining_of(p), next = g->n->orders->next_id;
        int64_t part = quantity < left ? quantity : left, before, got;
        if (part <= 0 || touch == GM_NO_PRICE || (bound_e9 != GM_NO_PRICE && a->side * (touch - bound_e9) > 0)) return;
        part = sendable(g, part, touch);
        before = p->filled_quantity;
        if (part <= 0 || g->n->call->sweep(g->n, a->parent_id, part, touch) <= 0) return;
        note_sent(g, a, next);
        p = row_of(g, a->parent_id);
        got = p ? p->filled_quantity - before : 0;
        if (got <= 0) {                                     /* nobody was there after all, or it was refused */
            a->refused += g->n->orders->next_id > next && row_of(g, next) == NULL;
            return;
        }
        quantity -= got;
    }
}

static void act_executing(gm_stage_t* g, gm_seat_t* a) {
    const gm_nbbo_t n = gm_consolidate(g->n->venues, g->sight.symbol);
    const gm_order_t* p = row_of(g, a->parent_id);
    const double slice = gm_plan_slice(a->kappa, time_at(g, g->step), time_at(g, g->step + 1));
    const int64_t left = p ? p->leaves_quantity : 0;        /* what rests is asked about again */
    gm_intent_t want;
    int64_t open;
    gm_intend(&n, a->side, tick_of(g), left, slice, a->pace, a->place, a->reach, &want);
    a->asked = want.quantity;
    a->filled_before = p ? p->filled_quantity : 0;
    open = withdraw_but(g, a, want.takes || want.quantity == 0 ? GM_NO_PRICE : want.price_e9);
    if (want.quantity == 0) return;
    if (want.takes) {
        take(g, a, want.quantity, want.price_e9);
        return;
    }
    if (open > want.quantity || (open < want.quantity && a->child_count == GM_SEAT_CHILDREN)) open = withdraw_but(g, a, GM_NO_PRICE);
    if (open < want.quantity) {                             /* what rests at this price already keeps its place */
        p = row_of(g, a->parent_id);
        want.quantity = sendable(g, want.quantity - open < remaining_of(p) ? want.quantity - open : remaining_of(p), want.price_e9);
        if (want.quantity > 0) send(g, a, p, a->side, want.quantity, want.price_e9);
    }
}

static void act_making(gm_stage_t* g, gm_seat_t* a) {
    const gm_nbbo_t n = gm_consolidate(g->n->venues, g->sight.symbol);
    const int64_t tick = tick_of(g), position = gm_position_of(g->n->portfolio, a->account, g->sight.symbol)->quantity;
    withdraw_but(g, a, GM_NO_PRICE);
    for (int8_t side = 1; side >= -1; side -= 2) {
        const int32_t behind = side > 0 ? a->place : a->place_ask;
        const int64_t near = side > 0 ? n.bid_e9 : n.ask_e9, far = side > 0 ? n.ask_e9 : n.bid_e9;
        const int64_t room = a->quantity - side * position;
        int64_t price = near - side * behind * tick, quantity = a->clip < room ? a->clip : room;
        if (behind < -1 || near == GM_NO_PRICE || price <= 0 || quantity <= 0) continue;
        if (far != GM_NO_PRICE && side * (far - price) <= 0) price = near;
        quantity = sendable(g, quantity, price);
        if (quantity > 0) send(g, a, NULL, side, quantity, price);
    }
}

/* Its time is over: what rests is withdrawn, what is left of a parent is taken through the book, what even that does not have is released. */
static void finish(gm_stage_t* g, gm_seat_t* a) {
    withdraw_but(g, a, GM_NO_PRICE);
    if (a->role == GM_SEAT_MAKES) return;
    take(g, a, INT64_MAX, GM_NO_PRICE);
}

/* What a maker's account is worth beyond what it began with. */
static gm_i128 gain_of(const gm_stage_t* g, const gm_seat_t* a, int64_t mid_e9) {
    const int64_t held = gm_position_of(g->n->portfolio, a->account, g->sight.symbol)->quantity - a->position_before;
    return g->n->portfolio->accounts[a->account].cash - a->cash_before + (gm_i128)held * mid_e9;
}

static void observe(const gm_stage_t* g, gm_seat_t* a) {
    const gm_order_t* p;
    if (a->role == GM_SEAT_MAKES) {
        const int64_t position = gm_position_of(g->n->portfolio, a->account, g->sight.symbol)->quantity;
        memcpy(a->seen, g->sight.seen, sizeof a->seen);
        a->seen[GM_SEEN_TIME] = (float)time_at(g, g->step);
        a->seen[GM_SEEN_INVENTORY] = (float)gm_bound((double)position / (double)a->quantity, 1.0);
        a->seen[GM_SEEN_RETURN] = (float)gm_bound((double)(g->sight.mid_e9 - a->decision_e9) / (double)a->decision_e9 * 1e4, 1e4);
        return;
    }
    p = row_of(g, a->parent_id);
    if (!p) return;
    gm_observe(&g->sight, p, a->kappa, time_at(g, g->step), g->n->venues->tapes[g->sight.symbol].volume - a->volume_before,
               a->asked > 0 ? gm_bound((double)(p->filled_quantity - a->filled_before) / (double)a->asked, 1.0) : 0.0, a->seen);
}

/* The step's reward; what a seat values by is the last mid that there was. */
static void settle(gm_stage_t* g, gm_seat_t* a, double share_before) {
    const double scale = 1e4 / ((double)(a->role == GM_SEAT_MAKES ? a->clip : a->quantity) * (double)a->decision_e9);
    const gm_order_t* p = row_of(g, a->parent_id);
    gm_i128 cost = a->cost;
    double risk = a->role == GM_SEAT_MAKES ? 1.0 : g->sight.volatility * g->sight.volatility;
    if (a->role == GM_SEAT_MAKES) cost = -gain_of(g, a, g->sight.mid_e9);
    else if (p) cost = gm_shortfall_so_far(p, a->decision_e9, g->sight.mid_e9);
    a->reward = -(double)(cost - a->cost) * scale - (a->penalty > 0.0 ? a->penalty * share_before * share_before * risk : 0.0);
    a->rewards += a->reward;
    a->cost = cost;
}

/* ---- the episode ---- */

static void sum_mid(gm_stage_t* g) {
    g->mid_sum += g->sight.mid_e9;
    g->mids++;
}

static void live_on(gm_stage_t* g) {
    if (g->interval_ns > 0) g->n->call->advance(g->n, g->begin_ns + (g->step + 1) * g->interval_ns);
    else g->n->call->live(g->n, g->messages, g->end_ns);
}

static int fail(gm_stage_t* g, int32_t fault) {
    g->fault = fault;
    for (int32_t k = 0; k < g->seat_count; k++) g->seats[k].done = GM_SEAT_CLOSED;
    return GM_ERR_STATE;
}

static int begin_seat(gm_stage_t* g, gm_seat_t* a, gm_random_t* draw) {
    const gm_account_t* account = &g->n->portfolio->accounts[a->account];
    gm_order_t o;
    a->done = GM_SEAT_ACTS;
    a->child_count = a->refused = 0;
    a->asked = a->filled_before = 0;
    a->cost = 0;
    a->reward = a->rewards = 0.0;
    a->decision_e9 = g->sight.mid_e9;
    a->arrival_e9 = GM_NO_PRICE;
    a->volume_before = g->n->venues->tapes[g->sight.symbol].volume;
    a->cash_before = account->cash;
    a->position_before = gm_position_of(g->n->portfolio, a->account, g->sight.symbol)->quantity;
    a->parent_id = 0;
    if (a->role == GM_SEAT_MAKES) return GM_OK;
    a->side = (int8_t)(g->sides != 0 ? g->sides : gm_random_next(draw) >> 63 ? 1 : -1);
    if (g->quantity_low > 0) a->quantity = g->quantity_low + gm_random_below(draw, (uint32_t)(g->quantity_high - g->quantity_low + 1));
    memset(&o, 0, sizeof o);
    o.symbol = g->sight.symbol;
    o.account = a->account;
    o.strategy = a->strategy;
    o.algorithm = g->algorithm;
    o.side = a->side;
    o.quantity = a->quantity;
    o.limit_price_e9 = o.stop_price_e9 = GM_NO_PRICE;
    o.order_type = GM_MARKET;
    o.time_in_force = GM_DAY;
    o.flags = GM_PARENT;
    o.venue = -1;
    a->parent_id = g->n->call->submit(g->n, &o);
    return a->parent_id > 0 ? GM_OK : GM_ERR_STATE;
}

int gm_stage_begin(gm_stage_t* g, uint64_t seed) {
    gm_random_t draw;
    int64_t tries = 0;
    const uint64_t span = (uint64_t)(g->last_ns - g->first_ns) + 1;
    gm_random_seed(&draw, seed, 0x656e7669726f6eULL);
    g->seed = g->chain = seed;
    g->step = g->mids = g->reason = 0;
    g->mid_sum = 0;
    g->fault = 0;
    g->begin_ns = g->first_ns + (int64_t)(((gm_u128)gm_random_next(&draw) * span) >> 64);
    if (g->n->call->renew(g->n, g->kept, gm_random_next(&draw) >> 1, g->begin_ns) != GM_OK) return fail(g, 3);
    if (g->n->market->follow) g->n->market->follow(g->n->market, g->sight.symbol, +1);      /* it lives on in `advance` from now on */
    g->n->market->touch(g->n->market, g->sight.symbol, g->begin_ns);
    gm_sight_begin(&g->sight, g->n->venues, g->sight.symbol);
    gm_sight_look(&g->sight, g->n->market, tick_of(g));
    while (g->sight.mid_e9 == GM_NO_PRICE && tries++ < 100000 && g->n->market->now_ns < g->end_ns) {
        g->begin_ns = g->n->call->live(g->n, 1, g->end_ns);
        gm_sight_begin(&g->sight, g->n->venues, g->sight.symbol);
        gm_sight_look(&g->sight, g->n->market, tick_of(g));
    }
    if (g->sight.mid_e9 == GM_NO_PRICE) return fail(g, 1);
    sum_mid(g);
    for (int32_t k = 0; k < g->seat_count; k++) {
        if (begin_seat(g, &g->seats[k], &draw) != GM_OK) {
            g->reason = -g->seats[k].parent_id;
            return fail(g, 2);
        }
        observe(g, &g->seats[k]);
    }
    return GM_OK;
}

/* What was its share to be traded (of a maker: its position's) before the step. */
static double share_of(const gm_stage_t* g, const gm_seat_t* a) {
    const gm_order_t* p = row_of(g, a->parent_id);
    if (a->role == GM_SEAT_MAKES) return (double)gm_position_of(g->n->portfolio, a->account, g->sight.symbol)->quantity / (double)a->quantity;
    return p ? (double)(p->quantity - p->filled_quantity) / (double)p->quantity : 0.0;
}

static int8_t end_of(const gm_stage_t* g, const gm_seat_t* a, int over) {
    const gm_order_t* p = row_of(g, a->parent_id);
    if (a->role == GM_SEAT_EXECUTES && p && p->filled_quantity >= p->quantity) return GM_SEAT_FILLED;
    if (over) return GM_SEAT_TIME;
    return a->role == GM_SEAT_EXECUTES && (!p || gm_is_closed(p->status)) ? GM_SEAT_CLOSED : GM_SEAT_ACTS;
}

int gm_stage_step(gm_stage_t* g) {
    double shares[GM_SEATS];
    int over, acting = 0;
    for (int32_t k = 0; k < g->seat_count; k++) shares[k] = g->seats[k].done ? 0.0 : share_of(g, &g->seats[k]);
    for (int32_t k = 0; k < g->seat_count; k++) {           /* who acts first changes from step to step */
        gm_seat_t* a = &g->seats[(k + g->step) % g->seat_count];
        if (a->done) continue;
        if (a->role == GM_SEAT_MAKES) act_making(g, a); else act_executing(g, a);
    }
    live_on(g);
    g->step++;
    over = g->step >= g->steps || g->n->market->now_ns >= g->end_ns;
    for (int32_t k = 0; over && k < g->seat_count; k++)
        if (!g->seats[k].done) finish(g, &g->seats[k]);
    gm_sight_look(&g->sight, g->n->market, tick_of(g));
    sum_mid(g);
    for (int32_t k = 0; k < g->seat_count; k++) {
        gm_seat_t* a = &g->seats[k];
        a->reward = 0.0;
        if (a->done) continue;
        forget_closed(g, a);
        settle(g, a, shares[k]);
        a->done = end_of(g, a, over);
        observe(g, a);
        if (a->done == GM_SEAT_TIME && a->role == GM_SEAT_EXECUTES) g->n->call->close_parent(g->n, a->parent_id);
        acting += a->done == GM_SEAT_ACTS;
    }
    return acting > 0;
}

void gm_stage_run_out(gm_stage_t* g) {
    while (g->step < g->steps && g->n->market->now_ns < g->end_ns) {
        live_on(g);
        g->step++;
        gm_sight_look(&g->sight, g->n->market, tick_of(g));
        sum_mid(g);
    }
}

void gm_stage_figures(const gm_stage_t* g, const gm_seat_t* a, double* out) {
    const gm_order_t* p = row_of(g, a->parent_id);
    memset(out, 0, GM_FIGURES * sizeof *out);
    out[8] = (double)g->sight.mid_e9;
    out[9] = g->mids > 0 ? (double)g->mid_sum / (double)g->mids : 0.0;
    out[10] = a->rewards;
    out[7] = (double)a->refused;
    if (p) {
        const double scale = 1e4 / ((double)p->quantity * (double)a->decision_e9);
        const int64_t filled = p->filled_quantity, arrival = a->arrival_e9 == GM_NO_PRICE ? a->decision_e9 : a->arrival_e9;
        out[0] = (double)a->cost * scale;
        out[1] = (double)((gm_i128)p->side * filled * (arrival - a->decision_e9)) * scale;
        out[2] = (double)(p->side * (notional_of(p) - (gm_i128)filled * arrival)) * scale;
        out[4] = (double)p->fees_e9 * scale;
        out[3] = (double)(a->cost - (gm_i128)p->side * filled * (arrival - a->decision_e9)
                          - p->side * (notional_of(p) - (gm_i128)filled * arrival) - p->fees_e9) * scale;
        out[5] = (double)filled;
        out[6] = (double)(p->quantity - filled);
    }
}
