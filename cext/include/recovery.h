/* Recovery: the log's records applied to an empty state, in order, by the functions that work uses. Nothing is decided again.
 * And the state's hash: of two engines that hold the same, whatever their slots, addresses and histories of memory. */
#ifndef GM_RECOVERY_H
#define GM_RECOVERY_H

#include "engine.h"

static inline gm_i128 gm_joined(uint64_t lo, int64_t hi) { return (gm_i128)(((gm_u128)(uint64_t)hi << 64) | lo); }

/* What an account holds now, as the record of its begin: its cash, or (symbol from 0 up) a position. */
static inline gm_balance_t gm_balance_of(const gm_engine_t* e, int32_t account, int32_t symbol) {
    const gm_account_t* a = &e->portfolio->accounts[account];
    gm_balance_t b;
    memset(&b, 0, sizeof b);
    b.account = account;
    b.symbol = symbol;
    b.mark_e9 = GM_NO_PRICE;
    if (symbol >= 0) {
        b.quantity = gm_position_of(e->portfolio, account, symbol)->quantity;
        b.mark_e9 = gm_mark_of(e->portfolio, symbol);
    } else {
        b.cash_lo = (uint64_t)a->cash;
        b.cash_hi = (int64_t)(a->cash >> 64);
        b.traded_lo = (uint64_t)a->traded;
        b.traded_hi = (int64_t)(a->traded >> 64);
        b.orders_today = a->orders_today;
    }
    return b;
}

/* Sets what an account begins with. */
static inline int gm_recover_balance(gm_engine_t* e, const gm_balance_t* b) {
    gm_account_t* a;
    if (b->account < 0 || b->account >= GM_MAX_ACCOUNTS || b->symbol >= e->instruments->count) return GM_ERR_STATE;
    a = &e->portfolio->accounts[b->account];
    if (b->account >= e->portfolio->account_count) e->portfolio->account_count = b->account + 1;
    if (b->symbol < 0) {
        a->cash = gm_joined(b->cash_lo, b->cash_hi);
        a->traded = gm_joined(b->traded_lo, b->traded_hi);
        a->orders_today = b->orders_today;
        return GM_OK;
    }
    if (b->mark_e9 != GM_NO_PRICE) gm_portfolio_mark(e->portfolio, b->symbol, b->mark_e9);
    gm_position_of(e->portfolio, b->account, b->symbol)->quantity = b->quantity;
    gm_portfolio_refresh(e->portfolio, b->account, b->symbol);
    return GM_OK;
}

static inline int gm_recover_order(gm_engine_t* e, const gm_order_t* o) {
    const gm_terms_t* terms = o->terms ? &e->terms_read : NULL;
    gm_order_t* parent = NULL;
    if (terms && terms->order_id != o->order_id) return GM_ERR_STATE;
    if (o->order_id < e->orders->next_id || o->symbol < 0 || o->symbol >= e->instruments->count || o->account < 0
        || o->account >= GM_MAX_ACCOUNTS) return GM_ERR_STATE;
    if (!gm_orders_room(e->orders) || (terms && !gm_terms_room(e->orders, 1))) return GM_ERR_CAPACITY;
    if (o->flags & GM_CHILD && (parent = gm_orders_find(e->orders, o->parent_id)) == NULL) return GM_ERR_STATE;
    e->orders->next_id = o->order_id + 1;
    if (o->arrival_mid_e9 != GM_NO_PRICE) gm_portfolio_mark(e->portfolio, o->symbol, o->arrival_mid_e9);
    gm_engine_accept(e, o, terms, parent);
    return GM_OK;
}

static inline int gm_recover_report(gm_engine_t* e, const gm_report_t* r) {
    gm_order_t* o;
    gm_engine_heard(e, r);
    if (r->execution_id > e->market->executions) e->market->executions = r->execution_id;
    if (r->status == 0) {
        e->unknown_reports++;
        return GM_OK;
    }
    o = gm_orders_find(e->orders, r->order_id);
    if (!o) return GM_ERR_STATE;
    gm_engine_take(e, o, r);
    return GM_OK;
}

static inline int gm_recover_request(gm_engine_t* e, const gm_request_t* q, int64_t time_ns) {
    gm_order_t* o = gm_orders_find(e->orders, q->order_id);
    if (!o) return q->kind == GM_REQUEST_REFUSED ? GM_OK : GM_ERR_STATE;
    gm_engine_obey(e, o, q, time_ns);
    return GM_OK;
}

/* The feed goes on above what the log has seen of it. */
static inline void gm_recover_feed(gm_engine_t* e, int64_t feed_sequence) {
    if (feed_sequence > e->venues->updates) e->venues->updates = feed_sequence;
}

/* A refusal with a quote moved the mark (gm_engine_refuse). */
static inline void gm_recover_refusal(gm_engine_t* e, const gm_refusal_t* r) {
    e->refused++;
    gm_recover_feed(e, r->feed_sequence);
    if (r->symbol >= 0 && r->symbol < e->instruments->count && r->bid_e9 != GM_NO_PRICE && r->ask_e9 != GM_NO_PRICE)
        gm_portfolio_mark(e->portfolio, r->symbol, r->bid_e9 + (r->ask_e9 - r->bid_e9) / 2);
}

/* Applies the whole records at `data`, of which the first has number *sequence + 1. Stops behind them, at a NAME or LIMIT (whose numbers and
 * names are Python's; they are left to the caller) or at a record that is wrong. Bytes applied; *code says why it stopped: GM_OK,
 * GM_ERR_NOT_FOUND (a name), GM_ERR_FORMAT (a limit), GM_ERR_CORRUPT, GM_ERR_STATE (a record that does not fit what came before it), GM_ERR_CAPACITY. */
static inline int64_t gm_recover(gm_engine_t* e, const char* data, int64_t size, int64_t* sequence, int* code) {
    int64_t at = 0;
    *code = GM_OK;
    e->recovering = 1;
    while (at < size) {
        const gm_header_t* h = (const gm_header_t*)(data + at);
        int64_t used = gm_record_verify(data + at, size - at, *sequence + 1);
        if (used == GM_ERR_EMPTY) break;
        if (used <= 0) { *code = GM_ERR_CORRUPT; break; }
        switch (h->kind) {
        case GM_RECORD_NAME: *code = GM_ERR_NOT_FOUND; e->recovering = 0; return at;
        case GM_RECORD_LIMIT: *code = GM_ERR_FORMAT; e->recovering = 0; return at;
        case GM_RECORD_ORDER: *code = gm_recover_order(e, (const gm_order_t*)(h + 1)); break;
        case GM_RECORD_REPORT: *code = gm_recover_report(e, (const gm_report_t*)(h + 1)); break;
        case GM_RECORD_REQUEST: *code = gm_recover_request(e, (const gm_request_t*)(h + 1), h->time_ns); break;
        case GM_RECORD_TERMS: e->terms_read = *(const gm_terms_t*)(h + 1); break;
        case GM_RECORD_LATCH: if (gm_engine_latch(e, (const gm_latch_t*)(h + 1)) == GM_ERR_CAPACITY) *code = GM_ERR_CAPACITY; break;
        case GM_RECORD_SESSION: gm_engine_roll(e, (const gm_session_t*)(h + 1)); break;
        case GM_RECORD_BALANCE: *code = gm_recover_balance(e, (const gm_balance_t*)(h + 1)); break;
        case GM_RECORD_DECISION:
            e->shown = ((const gm_decision_t*)(h + 1))->shown;
            gm_recover_feed(e, ((const gm_decision_t*)(h + 1))->feed_sequence);
            break;
        case GM_RECORD_REFUSAL:
            gm_recover_refusal(e, (const gm_refusal_t*)(h + 1));
            gm_orders_seen(e->orders, h->order_id);
            break;
        default: break;
        }
        if (*code != GM_OK) break;
        if (h->time_ns > e->last_record_ns) e->last_record_ns = h->time_ns;
        if (h->time_ns > e->clock->now_ns && !e->clock->simulated) e->clock->now_ns = h->time_ns;   /* time never runs backwards */
        at += used;
        ++*sequence;
    }
    e->recovering = 0;
    return at;
}

/* ---- what was in flight when the engine stopped ---- */

/* One live order after a restart. At a venue that died with the engine (`outlives` 0) what it had not answered is canceled and what rested
 * rests again; at one that lives on, what it had not answered is UNKNOWN until it answers. A parent is suspended: its algorithm is gone. */
static inline void gm_recover_live(gm_engine_t* e, gm_order_t* o, int outlives, int64_t now) {
    const int pending = o->status == GM_PENDING_NEW || o->status == GM_PENDING_CANCEL || o->status == GM_PENDING_REPLACE;
    const gm_terms_t* terms = gm_terms_of(e->orders, o);
    if ((o->flags & GM_HELD) || (terms && terms->worked)) {
        gm_engine_todo(e, o->order_id);                     /* the engine's own: it goes on with them */
        if ((o->flags & GM_HELD) && o->status == GM_PENDING_CANCEL && !(o->flags & GM_PARENT)) gm_engine_say(e, o, GM_EXEC_CANCELED, 0, o->reason, now);
    } else if (o->flags & GM_PARENT) {
        if (o->status == GM_PENDING_CANCEL) gm_engine_todo(e, o->order_id);
        else if (o->status != GM_SUSPENDED) gm_engine_request(e, o, GM_REQUEST_SUSPEND, GM_REASON_ENGINE_RESTARTED, GM_SUSPENDED, now);
    } else if (outlives) {
        if (pending) gm_engine_say(e, o, GM_EXEC_STATUS, GM_UNKNOWN_STATUS, GM_REASON_ENGINE_RESTARTED, now);
    } else if (pending || o->status == GM_UNKNOWN_STATUS) {
        gm_engine_say(e, o, GM_EXEC_CANCELED, 0, GM_REASON_VENUE_RESTARTED, now);
    } else {
        gm_engine_send(e, o, GM_SEND_RESTORE, now);
    }
}

/* What scoring takes in of the figures, all of it anew. */
static inline void gm_recover_learned(gm_engine_t* e) {
    for (int32_t s = 0; e->venues->learns && s < e->instruments->count; s++)
        for (int32_t v = 0; v < e->venues->count; v++) gm_statistics_learn(&e->statistics, e->venues, s, v);
}

/* ---- snapshots: the state, without what the log does not hold ---- */

typedef struct gm_snapshot_head {
    int64_t next_id, accepted, refused, fills, unknown_reports, late_fills, overfills, duplicate_executions, illegal;
    int64_t live, closed, terms, positions, accounts, marks, latches, latch_number, last_record_ns;
    int64_t calendar_next_ns[GM_CALENDARS_MAX];     /* the first close not lived through; GM_NEVER: none */
    int64_t executions, updates;
    int64_t last_execution[GM_MAX_VENUES];
    int64_t trade_throughs;
    int64_t statistics, symbols;                    /* rows of venue and of symbol statistics that have something */
    gm_breaker_t breakers[GM_MAX_VENUES];
} gm_snapshot_head_t;

typedef struct gm_snapshot_statistics { int64_t symbol, venue; gm_venue_statistics_t row; } gm_snapshot_statistics_t;
typedef struct gm_snapshot_symbol { int64_t symbol; gm_symbol_statistics_t row; } gm_snapshot_symbol_t;

typedef struct gm_snapshot_position { int32_t account, symbol; int64_t quantity, open_buy, open_sell; } gm_snapshot_position_t;
typedef struct gm_snapshot_account {
    int64_t account;
    uint64_t cash_lo; int64_t cash_hi;
    uint64_t traded_lo; int64_t traded_hi;
    uint64_t reserved_lo; int64_t reserved_hi;
    int64_t orders_today, open_orders, messages;
} gm_snapshot_account_t;
typedef struct gm_snapshot_mark { int64_t symbol, mark_e9; } gm_snapshot_mark_t;

static inline int gm_is_learned(const gm_venue_statistics_t* x) { return (x->orders | x->answers | x->fills | x->unanswered | x->ended[0] | x->ended[1]) != 0; }

static inline gm_snapshot_head_t gm_snapshot_count(const gm_engine_t* e) {
    gm_snapshot_head_t h;
    memset(&h, 0, sizeof h);
    h.next_id = e->orders->next_id;
    h.accepted = e->accepted;
    h.refused = e->refused;
    h.fills = e->fills;
    h.unknown_reports = e->unknown_reports;
    h.late_fills = e->late_fills;
    h.overfills = e->overfills;
    h.trade_throughs = e->trade_throughs;
    h.duplicate_executions = e->duplicate_executions;
    h.illegal = e->orders->illegal;
    h.latches = e->latched;
    h.latch_number = e->latch_number;
    h.last_record_ns = e->last_record_ns;
    for (int32_t c = 0; c < GM_CALENDARS_MAX; c++) {
        const gm_calendar_t* x = &e->calendars[c];
        h.calendar_next_ns[c] = c < e->calendar_count && x->next < x->count ? x->closes[x->next] : GM_NEVER;
    }
    for (int32_t i = 0; i < e->orders->used; i++) h.terms += e->orders->rows[i].order_id > 0 && e->orders->rows[i].terms;
    h.live = e->orders->live;
    h.closed = e->orders->closed_count - e->orders->let_go;
    h.accounts = e->portfolio->account_count;
    for (int32_t a = 0; a < e->portfolio->account_count; a++)
        for (int32_t s = 0; s < e->instruments->count; s++) {
            const gm_position_t* x = gm_position_of(e->portfolio, a, s);
            h.positions += (x->quantity | x->open_buy | x->open_sell) != 0;
        }
    for (int32_t s = 0; s < e->instruments->count; s++) h.marks += e->portfolio->marks_e9[s] != 0;
    h.executions = e->market->executions;
    h.updates = e->venues->updates;
    memcpy(h.last_execution, e->last_execution, sizeof h.last_execution);
    memcpy(h.breakers, e->breakers, sizeof h.breakers);
    for (int32_t s = 0; s < e->instruments->count; s++) {
        h.symbols += e->statistics.symbols[s].last_e9 != 0;
        for (int32_t v = 0; v < e->venues->count; v++) h.statistics += gm_is_learned(gm_statistics_of(&e->statistics, s, v));
    }
    return h;
}

static inline int64_t gm_snapshot_size(const gm_snapshot_head_t* h) {
    return (int64_t)sizeof *h + (h->live + h->closed) * (int64_t)sizeof(gm_order_t) + h->terms * (int64_t)sizeof(gm_terms_t)
        + h->latches * (int64_t)sizeof(gm_latch_t) + h->positions * (int64_t)sizeof(gm_snapshot_position_t)
        + h->accounts * (int64_t)sizeof(gm_snapshot_account_t) + h->marks * (int64_t)sizeof(gm_snapshot_mark_t)
        + h->statistics * (int64_t)sizeof(gm_snapshot_statistics_t) + h->symbols * (int64_t)sizeof(gm_snapshot_symbol_t);
}

/* One order and the terms it has; where the next goes. */
static inline char* gm_snapshot_order(const gm_orders_t* t, const gm_order_t* o, char* out) {
    gm_order_t row = *o;
    row.flags &= (uint8_t)~GM_AWAITED;
    row.terms = o->terms != 0;
    memcpy(out, &row, sizeof row);
    out += sizeof row;
    if (!o->terms) return out;
    memcpy(out, gm_terms_of(t, o), sizeof(gm_terms_t));
    return out + sizeof(gm_terms_t);
}

/* Fills `out`, of gm_snapshot_size(h) bytes: head, live orders and closed ones (oldest first) with their terms, latches, positions, accounts,
 * marks, what was learned of venues and of symbols. */
static inline void gm_snapshot_fill(const gm_engine_t* e, const gm_snapshot_head_t* h, char* out) {
    const gm_orders_t* t = e->orders;
    memcpy(out, h, sizeof *h);
    out += sizeof *h;
    for (int32_t i = 0; i < t->used; i++) {
        if (t->rows[i].order_id <= 0 || gm_is_closed(t->rows[i].status)) continue;
        out = gm_snapshot_order(t, &t->rows[i], out);
    }
    for (int64_t k = t->closed_count - h->closed; k < t->closed_count; k++) {
        out = gm_snapshot_order(t, &t->rows[t->closed[k % t->retained]], out);
    }
    memcpy(out, e->latches, (size_t)h->latches * sizeof(gm_latch_t));
    out += h->latches * (int64_t)sizeof(gm_latch_t);
    for (int32_t a = 0; a < e->portfolio->account_count; a++)
        for (int32_t s = 0; s < e->instruments->count; s++) {
            const gm_position_t* x = gm_position_of(e->portfolio, a, s);
            const gm_snapshot_position_t row = {a, s, x->quantity, x->open_buy, x->open_sell};
            if (!(x->quantity | x->open_buy | x->open_sell)) continue;
            memcpy(out, &row, sizeof row);
            out += sizeof row;
        }
    for (int32_t a = 0; a < e->portfolio->account_count; a++) {
        const gm_account_t* x = &e->portfolio->accounts[a];
        const gm_snapshot_account_t row = {a, (uint64_t)x->cash, (int64_t)(x->cash >> 64), (uint64_t)x->traded, (int64_t)(x->traded >> 64),
                                           (uint64_t)x->reserved, (int64_t)(x->reserved >> 64), x->orders_today, x->open_orders,
                                           x->messages};
        memcpy(out, &row, sizeof row);
        out += sizeof row;
    }
    for (int32_t s = 0; s < e->instruments->count; s++) {
        const gm_snapshot_mark_t row = {s, e->portfolio->marks_e9[s]};
        if (row.mark_e9 == 0) continue;
        memcpy(out, &row, sizeof row);
        out += sizeof row;
    }
    for (int32_t s = 0; s < e->instruments->count; s++)
        for (int32_t v = 0; v < e->venues->count; v++) {
            const gm_snapshot_statistics_t row = {s, v, *gm_statistics_of(&e->statistics, s, v)};
            if (!gm_is_learned(&row.row)) continue;
            memcpy(out, &row, sizeof row);
            out += sizeof row;
        }
    for (int32_t s = 0; s < e->instruments->count; s++) {
        const gm_snapshot_symbol_t row = {s, e->statistics.symbols[s]};
        if (row.row.last_e9 == 0) continue;
        memcpy(out, &row, sizeof row);
        out += sizeof row;
    }
}

/* Sets an empty engine to a snapshot; GM_ERR_STATE when it does not fit this engine's tables. */
static inline int gm_snapshot_load(gm_engine_t* e, const char* data, int64_t size) {
    gm_snapshot_head_t h;
    const char* at = data + sizeof h;
    if (size < (int64_t)sizeof h) return GM_ERR_STATE;
    memcpy(&h, data, sizeof h);
    if (h.live < 0 || h.closed < 0 || h.terms < 0 || h.terms > GM_TERMS_ROWS || h.latches < 0 || h.latches > GM_LATCHES_MAX || h.positions < 0 || h.accounts < 0 || h.marks < 0 || h.live + h.closed > GM_ORDER_ROWS
        || h.accounts > GM_MAX_ACCOUNTS || h.positions > (int64_t)GM_MAX_ACCOUNTS * GM_MAX_SYMBOLS || h.marks > GM_MAX_SYMBOLS
        || h.statistics < 0 || h.statistics > (int64_t)GM_MAX_SYMBOLS * GM_MAX_VENUES || h.symbols < 0 || h.symbols > GM_MAX_SYMBOLS
        || h.next_id < 1 || h.next_id >= GM_ORDER_IDS || gm_snapshot_size(&h) != size) return GM_ERR_STATE;
    e->orders->next_id = h.next_id;
    e->accepted = h.accepted;
    e->refused = h.refused;
    e->fills = h.fills;
    e->unknown_reports = h.unknown_reports;
    e->late_fills = h.late_fills;
    e->overfills = h.overfills;
    e->trade_throughs = h.trade_throughs;
    e->duplicate_executions = h.duplicate_executions;
    e->latch_number = (int32_t)h.latch_number;
    e->last_record_ns = h.last_record_ns;
    for (int32_t c = 0; c < e->calendar_count; c++) {
        gm_calendar_t* x = &e->calendars[c];
        while (x->next < x->count && x->closes[x->next] < h.calendar_next_ns[c]) x->next++;
    }
    e->orders->illegal = h.illegal;
    e->market->executions = h.executions;
    e->venues->updates = h.updates;
    memcpy(e->last_execution, h.last_execution, sizeof h.last_execution);
    for (int64_t k = 0; k < h.live + h.closed; k++) {
        gm_order_t o;
        gm_order_t* row;
        gm_terms_t terms;
        int32_t has_terms;
        if (at + sizeof o > data + size) return GM_ERR_STATE;
        memcpy(&o, at, sizeof o);
        at += sizeof o;
        has_terms = o.terms != 0;
        o.terms = 0;
        if (o.order_id <= 0 || o.order_id >= h.next_id || o.symbol < 0 || o.symbol >= e->instruments->count || o.status == 0
            || o.status >= GM_STATUS_END || o.account < 0 || o.account >= GM_MAX_ACCOUNTS || gm_orders_find(e->orders, o.order_id) != NULL) return GM_ERR_STATE;
        if ((k < h.live) == gm_is_closed(o.status)) return GM_ERR_STATE;
        if (has_terms) {
            if (at + sizeof terms > data + size) return GM_ERR_STATE;
            memcpy(&terms, at, sizeof terms);
            at += sizeof terms;
            if (terms.order_id != o.order_id || (o.terms = gm_terms_insert(e->orders, &terms)) == 0) return GM_ERR_STATE;
        }
        {
            const uint8_t status = o.status;
            if (k >= h.live) o.status = GM_NEW;     /* it closes once more, into the ring of the closed */
            if ((row = gm_orders_insert(e->orders, &o)) == NULL) return GM_ERR_STATE;
            if (k >= h.live) gm_orders_set_status(e->orders, row, status);
            else if (o.flags & GM_HELD) gm_engine_follow(e, o.symbol, +1);
        }
        if (has_terms && k < h.live && terms.expire_ns) {
            gm_expiries_push(e->expiries, &e->expiry_count, terms.expire_ns, o.order_id);
            if (terms.expire_ns < e->deadline_ns) e->deadline_ns = terms.expire_ns;
        }
    }
    for (int64_t k = 0; k < h.latches; k++, at += sizeof(gm_latch_t)) {
        gm_latch_t l;
        if (at + sizeof l > data + size) return GM_ERR_STATE;
        memcpy(&l, at, sizeof l);
        if (l.scope <= 0 || l.scope >= GM_SCOPE_END || (l.scope == GM_SCOPE_VENUE && (l.target < 0 || l.target >= GM_MAX_VENUES))) return GM_ERR_STATE;
        gm_engine_latch(e, &l);
    }
    for (int64_t k = 0; k < h.positions; k++, at += sizeof(gm_snapshot_position_t)) {
        gm_snapshot_position_t row;
        gm_position_t* x;
        memcpy(&row, at, sizeof row);
        if (row.account < 0 || row.account >= h.accounts || row.symbol < 0 || row.symbol >= e->instruments->count) return GM_ERR_STATE;
        x = gm_position_of(e->portfolio, row.account, row.symbol);
        x->quantity = row.quantity;
        x->open_buy = row.open_buy;
        x->open_sell = row.open_sell;
    }
    for (int64_t k = 0; k < h.accounts; k++, at += sizeof(gm_snapshot_account_t)) {
        gm_snapshot_account_t row;
        gm_account_t* x;
        memcpy(&row, at, sizeof row);
        if (row.account != k) return GM_ERR_STATE;
        x = &e->portfolio->accounts[k];
        x->cash = gm_joined(row.cash_lo, row.cash_hi);
        x->traded = gm_joined(row.traded_lo, row.traded_hi);
        x->reserved = gm_joined(row.reserved_lo, row.reserved_hi);
        x->orders_today = row.orders_today;
        x->open_orders = row.open_orders;
        x->messages = row.messages;
    }
    e->portfolio->account_count = (int32_t)h.accounts;
    for (int64_t k = 0; k < h.marks; k++, at += sizeof(gm_snapshot_mark_t)) {
        gm_snapshot_mark_t row;
        memcpy(&row, at, sizeof row);
        if (row.symbol < 0 || row.symbol >= e->instruments->count) return GM_ERR_STATE;
        gm_portfolio_mark(e->portfolio, (int32_t)row.symbol, row.mark_e9);
    }
    for (int64_t k = 0; k < h.statistics; k++, at += sizeof(gm_snapshot_statistics_t)) {
        gm_snapshot_statistics_t row;
        memcpy(&row, at, sizeof row);
        if (row.symbol < 0 || row.symbol >= e->instruments->count || row.venue < 0 || row.venue >= e->venues->count) return GM_ERR_STATE;
        *gm_statistics_of(&e->statistics, (int32_t)row.symbol, (int32_t)row.venue) = row.row;
    }
    for (int64_t k = 0; k < h.symbols; k++, at += sizeof(gm_snapshot_symbol_t)) {
        gm_snapshot_symbol_t row;
        memcpy(&row, at, sizeof row);
        if (row.symbol < 0 || row.symbol >= e->instruments->count) return GM_ERR_STATE;
        e->statistics.symbols[row.symbol] = row.row;
    }
    memcpy(e->breakers, h.breakers, sizeof e->breakers);
    for (int32_t v = 0; v < e->venues->count; v++) gm_venue_trip(e->venues, v, e->breakers[v].state != GM_BREAKER_CLOSED);
    gm_recover_learned(e);
    for (int32_t a = 0; a < e->portfolio->account_count; a++)
        for (int32_t s = 0; s < e->instruments->count; s++) {
            const gm_position_t* x = gm_position_of(e->portfolio, a, s);
            if (x->quantity | x->open_buy | x->open_sell) gm_portfolio_refresh(e->portfolio, a, s);
        }
    return GM_OK;
}

/* ---- the state's hash ---- */

static inline uint64_t gm_hash_words(const void* data, int words, uint64_t seed) {
    uint64_t h = seed * 0x9e3779b97f4a7c15ULL + 1, w;
    for (int i = 0; i < words; i++) {
        memcpy(&w, (const char*)data + 8 * i, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdULL;
        h ^= h >> 32;
    }
    return h;
}

/* A sum, so that order does not matter: live orders and their terms, latches, positions, cash, counters. Not marks: they are the market's. */
static inline uint64_t gm_state_hash(const gm_engine_t* e) {
    uint64_t sum = 0;
    const int64_t counters[8] = {e->orders->next_id, e->accepted, e->refused, e->fills, e->unknown_reports, e->late_fills, e->overfills,
                                 e->duplicate_executions};
    for (int32_t i = 0; i < e->orders->used; i++) {
        gm_order_t o = e->orders->rows[i];
        if (o.order_id <= 0 || gm_is_closed(o.status)) continue;
        o.flags &= (uint8_t)~GM_AWAITED;
        if (o.terms) {
            sum += gm_hash_words(gm_terms_of(e->orders, &o), sizeof(gm_terms_t) / 8, 6);
            o.terms = 1;
        }
        sum += gm_hash_words(&o, sizeof o / 8, 1);
    }
    for (int32_t a = 0; a < e->portfolio->account_count; a++) {
        const gm_account_t* account = &e->portfolio->accounts[a];
        const int64_t cash[8] = {a, (int64_t)(uint64_t)account->cash, (int64_t)(account->cash >> 64), (int64_t)(uint64_t)account->traded,
                                 (int64_t)(account->traded >> 64), (int64_t)(uint64_t)account->reserved, (int64_t)(account->reserved >> 64),
                                 account->orders_today};
        sum += gm_hash_words(cash, 8, 2);
        for (int32_t s = 0; s < e->instruments->count; s++) {
            const gm_position_t* x = gm_position_of(e->portfolio, a, s);
            const int64_t held[5] = {a, s, x->quantity, x->open_buy, x->open_sell};
            if (x->quantity | x->open_buy | x->open_sell) sum += gm_hash_words(held, 5, 3);
        }
    }
    for (int32_t i = 0; i < e->latched; i++) sum += gm_hash_words(&e->latches[i], sizeof(gm_latch_t) / 8, 7);
    for (int32_t v = 0; v < GM_MAX_VENUES; v++)
        if (e->last_execution[v]) {
            const int64_t last[2] = {v, e->last_execution[v]};
            sum += gm_hash_words(last, 2, 4);
        }
    for (int32_t s = 0; s < e->instruments->count; s++) {
        if (e->statistics.symbols[s].last_e9 == 0) continue;
        sum += gm_hash_words(&e->statistics.symbols[s], sizeof(gm_symbol_statistics_t) / 8, 8 + ((uint64_t)s << 8));
        for (int32_t v = 0; v < e->venues->count; v++) {
            const gm_venue_statistics_t* x = gm_statistics_of(&e->statistics, s, v);
            if (gm_is_learned(x)) sum += gm_hash_words(x, sizeof *x / 8, 9 + ((uint64_t)s << 16) + ((uint64_t)v << 8));
        }
    }
    for (int32_t v = 0; v < e->venues->count; v++)
        if (e->breakers[v].trips) sum += gm_hash_words(&e->breakers[v], sizeof(gm_breaker_t) / 8, 10 + ((uint64_t)v << 8));
    return sum + gm_hash_words(counters, 8, 5);
}

#endif
