/* A day lived again: the log's records in their order, over the quotes that a capture holds.
 *
 * What the engine decides (which orders pass, where they go, at what expected price) is decided anew by gm_engine_submit_at, at the
 * recorded time, with the feed at the recorded sequence. What others said (reports) and what was asked for (requests, names, opening
 * balances) is taken as recorded. Under the same configuration the new log must be the recorded one, byte for byte. Under another
 * it differs; then fills are still the recorded ones, reports and requests of orders that are refused now are left out, and an order that
 * is accepted only now is at work without an answer to the end.
 *
 * Refusals that no quote and no limit explains (a wrong field, a full ring, a closed engine) are taken as recorded. */
#ifndef GM_REEXECUTION_H
#define GM_REEXECUTION_H

#include "recovery.h"

/* ---- the market: quotes from the capture, silence at the venues ---- */

typedef struct gm_recorded {
    gm_market_t market;
    const gm_message_t* rows;
    int64_t count, position;
    int32_t symbols;
    int32_t configured[GM_MAX_VENUES];      /* `enabled` as the configuration has it */
} gm_recorded_t;

static inline void gm_recorded_send(gm_market_t* market, const gm_order_t* o, int64_t now_ns) { (void)market; (void)o; (void)now_ns; }

static inline int64_t gm_recorded_advance(gm_market_t* market, int64_t until_ns) {
    if (until_ns > market->now_ns) market->now_ns = until_ns;
    return market->now_ns;
}

static inline void gm_recorded_touch(gm_market_t* market, int32_t symbol, int64_t until_ns) { (void)market; (void)symbol; (void)until_ns; }

static inline int64_t gm_recorded_next(gm_market_t* market) { (void)market; return INT64_MAX; }

static inline void gm_recorded_init(gm_recorded_t* r, gm_venues_t* venues, int32_t symbols) {
    memset(r, 0, sizeof *r);
    r->symbols = symbols;
    memcpy(r->configured, venues->enabled, sizeof r->configured);
    r->market.self = r;
    r->market.venues = venues;
    r->market.submit = gm_recorded_send;
    r->market.cancel = gm_recorded_send;
    r->market.replace = gm_recorded_send;
    r->market.advance = gm_recorded_advance;
    r->market.touch = gm_recorded_touch;
    r->market.next_ns = gm_recorded_next;
}

/* One row becomes what the venues show. GM_ERR_LINE: it does not follow the one before, or is of nobody here. */
static inline int gm_recorded_row(gm_recorded_t* r, const gm_message_t* m) {
    gm_venues_t* v = r->market.venues;
    gm_quote_t* q;
    if (m->action == GM_CLEAR ? m->sequence <= v->updates : m->sequence != v->updates && m->sequence != v->updates + 1) return GM_ERR_LINE;
    if (m->action != GM_CLEAR && (m->venue < 0 || m->venue >= v->count)) return GM_ERR_LINE;
    if ((m->action == GM_SET_LEVEL || m->action == GM_TRADE) && (m->symbol < 0 || m->symbol >= r->symbols)) return GM_ERR_LINE;
    q = m->action == GM_SET_LEVEL || m->action == GM_TRADE ? gm_quotes_of(v, m->symbol) + m->venue : NULL;
    switch (m->action) {
    case GM_CLEAR:
        for (int32_t s = 0; s < r->symbols; s++)
            for (int32_t i = 0; i < v->count; i++) {
                q = gm_quotes_of(v, s) + i;
                q->bid_e9 = q->ask_e9 = GM_NO_PRICE;
                q->bid_quantity = q->ask_quantity = 0;
            }
        memset(v->is_best, 0, (size_t)r->symbols);
        for (int32_t i = 0; i < v->count; i++) gm_venue_enable(v, i, r->configured[i]);
        memset(v->halted, 0, (size_t)r->symbols);
        break;
    case GM_SET_LEVEL:
        if (m->side > 0) {
            q->bid_e9 = m->price_e9;
            q->bid_quantity = m->quantity;
        } else {
            q->ask_e9 = m->price_e9;
            q->ask_quantity = m->quantity;
        }
        q->time_ns = m->time_ns;
        v->is_best[m->symbol] = 0;
        break;
    case GM_TRADE:
        gm_tape_print(&v->tapes[m->symbol], m->price_e9, m->quantity, m->flags & 1);
        q->last_e9 = m->price_e9;
        gm_volume_publish(v, m->symbol, m->venue, q->volume + m->quantity);
        break;
    case GM_HALT:
        if (m->symbol >= r->symbols) return GM_ERR_LINE;
        if (m->symbol >= 0) v->halted[m->symbol] = m->flags == GM_HALTED;
        else gm_venue_enable(v, m->venue, m->flags == GM_HALTED ? 0 : r->configured[m->venue]);
        break;
    default: return GM_ERR_LINE;
    }
    v->updates = m->sequence;
    r->market.messages++;
    return GM_OK;
}

/* Brings the feed to `sequence`: GM_OK; GM_ERR_EMPTY: these rows end before it; GM_ERR_NOT_FOUND: it lies in a gap between runs;
 * GM_ERR_STATE: it was there already; GM_ERR_LINE: the row at `position` is wrong. */
static inline int gm_recorded_apply(gm_recorded_t* r, int64_t sequence) {
    int code = GM_OK;
    if (r->market.venues->updates > sequence) return GM_ERR_STATE;
    while (r->position < r->count && r->rows[r->position].sequence <= sequence && code == GM_OK)
        if ((code = gm_recorded_row(r, &r->rows[r->position])) == GM_OK) r->position++;
    if (code != GM_OK) return code;
    if (r->market.venues->updates == sequence) return GM_OK;
    return r->position == r->count ? GM_ERR_EMPTY : GM_ERR_NOT_FOUND;
}

/* ---- the comparison ---- */

enum gm_difference_kind {
    GM_NOW_REFUSED = 1, GM_NOW_ACCEPTED, GM_PARENT_REFUSED, GM_OTHER_VENUE, GM_OTHER_COST, GM_OTHER_REASON, GM_OTHER_BYTES
};

/* What became of one order then and now. Of a refusal venue, prices and scores are absent. */
typedef struct gm_difference {
    int64_t kind;
    int64_t order_id, parent_id;
    int64_t sequence;               /* of the recorded ORDER or REFUSAL */
    int64_t time_ns;
    int64_t symbol, side, quantity, limit_e9;
    int64_t bid_e9, ask_e9;         /* consolidated, then */
    int64_t venue[2];               /* then and now; -1: none */
    int64_t expected_e9[2];         /* before fees; GM_NO_PRICE: none */
    int64_t reason[2];
    int64_t failed_checks[2];
    double score[2];                /* expected cost against the mid, bps */
} gm_difference_t;
_Static_assert(sizeof(gm_difference_t) == 168, "reexecution.pyx has its columns");

typedef struct gm_reexecution {
    gm_engine_t* engine;
    gm_recorded_t* market;
    gm_difference_t* out;
    int64_t room, found;            /* of `out` */
    int64_t orders, refusals;       /* decided anew */
    int64_t as_recorded;            /* refusals that were not */
    int64_t same;                   /* of those decided anew */
    int64_t left_out;               /* reports and requests of orders that are refused now */
    int64_t other_hash;             /* decisions recorded under another configuration than this engine's */
    uint64_t hash;                  /* of the last such; 0: none */
} gm_reexecution_t;

static inline int gm_same_behind_sum(const gm_header_t* a, const gm_header_t* b) {
    return a->size == b->size && memcmp(&a->kind, &b->kind, a->size - offsetof(gm_header_t, kind)) == 0;
}

/* Two decisions but for what names the configuration: its hash, and which checks it has. */
static inline int gm_same_choice(const gm_header_t* a, const gm_header_t* b) {
    gm_decision_t x, y;
    memcpy(&x, a + 1, sizeof x);
    memcpy(&y, b + 1, sizeof y);
    y.config_hash = x.config_hash;
    y.checks = x.checks;
    return memcmp(&x, &y, sizeof x) == 0;
}

static inline void gm_difference_decided(gm_difference_t* out, int now, const gm_decision_t* d) {
    out->venue[now] = d->venue;
    out->expected_e9[now] = d->venue >= 0 ? d->expected_price_e9 : GM_NO_PRICE;
    out->score[now] = d->score;
}

/* Room in the new log for what one record may bring: who lives a day in an instant must write it out himself. */
static inline int gm_reexecution_room(gm_engine_t* e) {
    return gm_journal_waiting(e->journal) < e->journal->ring_bytes / 2 || gm_journal_drain(e->journal) == GM_OK;
}

/* Submits `o` again as number `order_id` at `time_ns`; `before` is its recorded DECISION and ORDER, or its REFUSAL. */
static inline int gm_reexecute_one(gm_reexecution_t* x, gm_order_t* o, int64_t order_id, int64_t time_ns, const gm_header_t* before) {
    gm_engine_t* e = x->engine;
    const int was_refused = before->kind == GM_RECORD_REFUSAL;
    gm_terms_t terms = e->terms_read, *given = o->terms ? &terms : NULL;
    const gm_header_t* after = (const gm_header_t*)(e->journal->ring + (e->journal->head & (e->journal->ring_bytes - 1)));
    const int64_t head = e->journal->head;
    gm_difference_t d;
    int64_t result;
    int same;
    if (order_id < e->orders->next_id || order_id >= GM_ORDER_IDS - 1 || (given && given->order_id != order_id)) return GM_ERR_STATE;
    if (!gm_reexecution_room(e)) return GM_ERR_IO;
    e->orders->next_id = order_id;
    if (time_ns > e->clock->now_ns) e->clock->now_ns = time_ns;
    if (time_ns > e->market->now_ns) e->market->now_ns = time_ns;
    memset(&d, 0, sizeof d);
    d.order_id = order_id;
    d.parent_id = o->parent_id;
    d.sequence = (int64_t)(before->commit & 0xffffffffffffULL) + (was_refused ? 0 : 1);
    d.time_ns = time_ns;
    d.symbol = o->symbol;
    d.side = o->side;
    d.quantity = o->quantity;
    d.limit_e9 = o->limit_price_e9;
    d.venue[0] = d.venue[1] = -1;
    d.expected_e9[0] = d.expected_e9[1] = GM_NO_PRICE;
    result = gm_engine_submit_at(e, o, given, time_ns);
    if (result > 0 && given) after = (const gm_header_t*)((const char*)after + after->size);    /* behind the terms */
    if (result < 0 && head == e->journal->head) return GM_ERR_STATE;       /* a client_order_id twice: the log cannot hold that */
    if (was_refused) {
        const gm_refusal_t* r = (const gm_refusal_t*)(before + 1);
        x->refusals++;
        same = result < 0 && gm_same_behind_sum(before, after);
        d.bid_e9 = r->bid_e9;
        d.ask_e9 = r->ask_e9;
        d.reason[0] = r->reason;
        d.failed_checks[0] = (int64_t)r->failed_checks;
    } else {
        const gm_decision_t* decision = (const gm_decision_t*)(before + 1);
        const int same_hash = decision->config_hash == e->config_hash;
        const gm_header_t* order = (const gm_header_t*)((const char*)before + before->size);
        x->orders++;
        if (!same_hash) {
            x->other_hash++;
            x->hash = decision->config_hash;
        }
        same = result > 0 && gm_same_behind_sum(order, (const gm_header_t*)((const char*)after + after->size))
            && (same_hash ? gm_same_behind_sum(before, after) : gm_same_choice(before, after));
        d.bid_e9 = decision->bid_e9;
        d.ask_e9 = decision->ask_e9;
        gm_difference_decided(&d, 0, decision);
    }
    if (same) {
        x->same++;
        return GM_OK;
    }
    if (result < 0) {
        d.reason[1] = -result;
        d.failed_checks[1] = (int64_t)e->refusal.failed_checks;
        d.kind = !was_refused ? (d.reason[1] == GM_REASON_UNKNOWN_ORDER ? GM_PARENT_REFUSED : GM_NOW_REFUSED)
            : d.reason[0] != d.reason[1] || d.failed_checks[0] != d.failed_checks[1] ? GM_OTHER_REASON : GM_OTHER_BYTES;
    } else {
        gm_difference_decided(&d, 1, (const gm_decision_t*)(after + 1));
        d.kind = was_refused ? GM_NOW_ACCEPTED : d.venue[0] != d.venue[1] ? GM_OTHER_VENUE
            : d.expected_e9[0] != d.expected_e9[1] || d.score[0] != d.score[1] ? GM_OTHER_COST : GM_OTHER_BYTES;
    }
    x->out[x->found++] = d;
    return GM_OK;
}

static inline int gm_reexecute_order(gm_reexecution_t* x, const gm_header_t* decision) {
    const gm_header_t* order = (const gm_header_t*)((const char*)decision + decision->size);
    const gm_decision_t* d = (const gm_decision_t*)(decision + 1);
    gm_order_t o;
    int code = gm_recorded_apply(x->market, d->feed_sequence);
    if (code != GM_OK) return code;
    memcpy(&o, order + 1, sizeof o);
    if (o.symbol < 0 || o.symbol >= x->engine->instruments->count || o.account < 0 || o.account >= GM_MAX_ACCOUNTS) return GM_ERR_STATE;
    o.venue = d->candidates > 0 ? -1 : d->venue;            /* the router's choice is made again, the caller's is not */
    return gm_reexecute_one(x, &o, o.order_id, order->time_ns, decision);
}

static inline int gm_append_recorded(gm_engine_t* e, const gm_header_t* h) {
    if (!gm_reexecution_room(e)) return GM_ERR_IO;
    if (h->time_ns > e->clock->now_ns) e->clock->now_ns = h->time_ns;
    return gm_journal_append(e->journal, h->kind, h->size, h->time_ns, h->order_id, h + 1) == GM_OK ? GM_OK : GM_ERR_IO;
}

/* Does a refusal follow from quotes, limits and the engine's state alone? */
static inline int gm_is_decided(const gm_refusal_t* r) {
    if (r->flags & GM_HELD) return 0;                       /* its stop is not in the record */
    if (r->failed_checks & GM_MOMENT_CHECKS) return 0;      /* the capture has no quote that was said again, nor the route */
    switch (r->reason) {
    case GM_REASON_RISK: case GM_REASON_NO_VENUE: case GM_REASON_UNKNOWN_ORDER: case GM_REASON_ORDER_CLOSED: case GM_REASON_PARENT_EXCEEDED:
        return r->order_id > 0 && r->symbol >= 0;
    default: return 0;
    }
}

static inline int gm_reexecute_refusal(gm_reexecution_t* x, const gm_header_t* h) {
    const gm_refusal_t* r = (const gm_refusal_t*)(h + 1);
    gm_engine_t* e = x->engine;
    gm_order_t o;
    int code = r->feed_sequence > 0 ? gm_recorded_apply(x->market, r->feed_sequence) : GM_OK;
    if (code != GM_OK) return code;
    if (!gm_is_decided(r)) {
        if ((code = gm_append_recorded(e, h)) != GM_OK) return code;
        gm_recover_refusal(e, r);
        gm_orders_seen(e->orders, h->order_id);
        x->as_recorded++;
        return GM_OK;
    }
    if (r->symbol >= e->instruments->count || r->account < 0 || r->account >= GM_MAX_ACCOUNTS) return GM_ERR_STATE;
    memset(&o, 0, sizeof o);
    o.parent_id = r->parent_id;
    o.quantity = r->quantity;
    o.limit_price_e9 = r->limit_price_e9;
    o.stop_price_e9 = GM_NO_PRICE;
    o.symbol = r->symbol;
    o.account = r->account;
    o.venue = r->venue;
    o.side = r->side;
    o.order_type = r->order_type;
    o.time_in_force = r->time_in_force;
    o.flags = r->flags;
    return gm_reexecute_one(x, &o, r->order_id, h->time_ns, h);
}

static inline int gm_reexecute_report(gm_reexecution_t* x, const gm_header_t* h) {
    const gm_report_t* r = (const gm_report_t*)(h + 1);
    int code;
    if (r->status != 0 && !gm_orders_find(x->engine->orders, r->order_id)) {
        x->left_out++;
        return GM_OK;
    }
    return (code = gm_append_recorded(x->engine, h)) == GM_OK ? gm_recover_report(x->engine, r) : code;
}

static inline int gm_reexecute_request(gm_reexecution_t* x, const gm_header_t* h) {
    const gm_request_t* q = (const gm_request_t*)(h + 1);
    int code;
    if (!gm_orders_find(x->engine->orders, q->order_id)) {
        x->left_out++;
        return GM_OK;
    }
    return (code = gm_append_recorded(x->engine, h)) == GM_OK ? gm_recover_request(x->engine, q, h->time_ns) : code;
}

/* Lives through the whole records at `data`, of which the first has number *sequence + 1. Bytes lived through; *code says why it stopped
 * there: GM_OK (more is needed), GM_ERR_FORMAT (a NAME or LIMIT, which is Python's; gm_append_recorded comes after), GM_ERR_EMPTY (the rows of the
 * capture end before what this record saw), GM_ERR_NOT_FOUND (what it saw lies in a gap between two runs), GM_ERR_CAPACITY (`out` is full),
 * GM_ERR_ORDER (an order without its decision), GM_ERR_LINE (the capture's row at `position` does not fit), GM_ERR_CORRUPT, GM_ERR_STATE
 * (the record does not fit), GM_ERR_IO. */
static inline int64_t gm_reexecute(gm_reexecution_t* x, const char* data, int64_t size, int64_t* sequence, int* code) {
    int64_t at = 0;
    *code = GM_OK;
    while (at < size) {
        const gm_header_t* h = (const gm_header_t*)(data + at);
        int64_t used = gm_record_verify(data + at, size - at, *sequence + 1);
        if (used == GM_ERR_EMPTY) break;
        if (used <= 0) { *code = GM_ERR_CORRUPT; break; }
        if (x->found == x->room) { *code = GM_ERR_CAPACITY; break; }
        switch (h->kind) {
        case GM_RECORD_NAME: case GM_RECORD_LIMIT: *code = GM_ERR_FORMAT; return at;
        case GM_RECORD_DECISION: {
            const gm_header_t* order = (const gm_header_t*)(data + at + used);
            int64_t more = gm_record_verify(data + at + used, size - at - used, *sequence + 2);
            if (more == GM_ERR_EMPTY) return at;            /* its order is in the next piece */
            if (more <= 0) { *code = GM_ERR_CORRUPT; return at; }
            if (order->kind != GM_RECORD_ORDER || order->order_id != h->order_id) { *code = GM_ERR_STATE; return at; }
            if ((*code = gm_reexecute_order(x, h)) != GM_OK) return at;
            at += used;
            used = more;
            ++*sequence;
            break;
        }
        case GM_RECORD_ORDER: *code = GM_ERR_ORDER; break;
        case GM_RECORD_TERMS: x->engine->terms_read = *(const gm_terms_t*)(h + 1); break;       /* written again with their order */
        case GM_RECORD_LATCH:
            if ((*code = gm_append_recorded(x->engine, h)) == GM_OK) gm_engine_latch(x->engine, (const gm_latch_t*)(h + 1));
            break;
        case GM_RECORD_SESSION:
            if ((*code = gm_append_recorded(x->engine, h)) == GM_OK) gm_engine_roll(x->engine, (const gm_session_t*)(h + 1));
            break;
        case GM_RECORD_REFUSAL: *code = gm_reexecute_refusal(x, h); break;
        case GM_RECORD_REPORT: *code = gm_reexecute_report(x, h); break;
        case GM_RECORD_REQUEST: *code = gm_reexecute_request(x, h); break;
        case GM_RECORD_BALANCE:
            if ((*code = gm_recover_balance(x->engine, (const gm_balance_t*)(h + 1))) == GM_OK) *code = gm_append_recorded(x->engine, h);
            break;
        default: *code = GM_ERR_STATE; break;
        }
        if (*code != GM_OK) return at;
        at += used;
        ++*sequence;
    }
    return at;
}

#endif
