/* A market behind ways that take time and venues that err (link.h, faults.h). */
#include "link.h"

/* ---- parcels: a heap by (due, sequence) of slots ---- */

static int before(const gm_link_t* l, int32_t a, int32_t b) {
    const gm_parcel_t *x = &l->parcels[a], *y = &l->parcels[b];
    return x->due_ns < y->due_ns || (x->due_ns == y->due_ns && x->sequence < y->sequence);
}

static void rise(gm_link_t* l, int32_t at) {
    const int32_t x = l->heap[at];
    while (at > 0 && before(l, x, l->heap[(at - 1) / 2])) {
        l->heap[at] = l->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    l->heap[at] = x;
}

static void sink(gm_link_t* l, int32_t at) {
    const int32_t x = l->heap[at];
    int32_t child;
    while ((child = 2 * at + 1) < l->heap_count) {
        if (child + 1 < l->heap_count && before(l, l->heap[child + 1], l->heap[child])) child++;
        if (!before(l, l->heap[child], x)) break;
        l->heap[at] = l->heap[child];
        at = child;
    }
    l->heap[at] = x;
}

static int64_t due(const gm_link_t* l) { return l->heap_count ? l->parcels[l->heap[0]].due_ns : INT64_MAX; }

static int is_feed(const gm_parcel_t* p) { return p->kind >= GM_PARCEL_QUOTE; }

/* A slot for a parcel; NULL: there is none, which GM_LINK_MARGIN keeps from happening. */
static gm_parcel_t* take_slot(gm_link_t* l, int kind, int32_t venue, int32_t symbol, int64_t sent_ns) {
    int32_t slot = l->free_head;
    gm_parcel_t* p;
    if (slot >= 0) l->free_head = l->parcels[slot].next;
    else if (l->used < GM_LINK_PARCELS) slot = l->used++;
    else return NULL;
    p = &l->parcels[slot];
    p->kind = (uint8_t)kind;
    p->venue = venue;
    p->symbol = symbol;
    p->sent_ns = sent_ns;
    p->sequence = l->sequence++;
    p->refused = p->answers = p->own = 0;
    return p;
}

static void give_slot(gm_link_t* l, int32_t slot) {
    l->parcels[slot].next = l->free_head;
    l->free_head = slot;
}

static void post(gm_link_t* l, gm_parcel_t* p, int64_t due_ns) {
    p->due_ns = due_ns;
    l->heap[l->heap_count++] = (int32_t)(p - l->parcels);
    rise(l, l->heap_count - 1);
    if (due_ns <= l->horizon_ns) l->inner->stop = 1;        /* the inner market waits for what comes of it */
}

static int32_t pop(gm_link_t* l) {
    const int32_t slot = l->heap[0];
    l->heap[0] = l->heap[--l->heap_count];
    if (l->heap_count) sink(l, 0);
    return slot;
}

/* ---- the feed ---- */

static void show(gm_link_t* l, const gm_parcel_t* p) {
    gm_venues_t* v = l->market.venues;
    gm_quote_t* q = gm_quotes_of(v, p->symbol) + p->venue;
    const gm_quote_t* x = &p->u.quote;
    switch (p->kind) {
    case GM_PARCEL_QUOTE:
        gm_quote_publish(v, p->symbol, p->venue, x->bid_e9, x->bid_quantity, x->ask_e9, x->ask_quantity, x->time_ns);
        q->sequence = x->sequence;
        break;
    case GM_PARCEL_VOLUME:
        q->last_e9 = x->last_e9;
        gm_volume_publish(v, p->symbol, p->venue, x->volume);
        break;
    case GM_PARCEL_PRINT: gm_print_publish(v, p->symbol, p->venue, x->last_e9, x->volume, p->own, x->time_ns); break;
    default: gm_halt_publish(v, p->symbol, p->venue, p->own, x->time_ns); break;
    }
}

/* News of the inner table goes its way. */
static void pass_on(gm_link_t* l, int kind, int32_t symbol, int32_t venue, const gm_quote_t* quote, int own, int64_t time_ns) {
    const size_t place = (size_t)symbol * GM_MAX_VENUES + venue;
    const gm_lane_t* lane = &l->lanes[venue];
    gm_parcel_t direct;
    gm_parcel_t* p;
    l->told_ns = time_ns;
    if (time_ns > l->touched_ns[symbol]) l->touched_ns[symbol] = time_ns;
    if (lane->down) return;                                 /* it is shown anew once the connection is there again */
    if (l->feed[place].stream == 0) l->feed[place].stream = gm_way_stream(l->seed, GM_WAY_FEED, venue, symbol);
    p = l->opening && time_ns + lane->path.feed_ns <= l->start_ns ? NULL : take_slot(l, kind, venue, symbol, time_ns);
    if (p == NULL) {
        l->hurried += !l->opening;
        memset(&direct, 0, sizeof direct);
        direct.kind = (uint8_t)kind;
        direct.venue = venue;
        direct.symbol = symbol;
        direct.own = (uint8_t)own;
        direct.u.quote = *quote;
        show(l, &direct);
        return;
    }
    p->own = (uint8_t)own;
    p->u.quote = *quote;
    post(l, p, gm_way_due(&lane->path, lane->path.feed_ns, &l->feed[place], time_ns, 0));
}

static void relay_quote(gm_relay_t* r, int32_t symbol, int32_t venue, int64_t time_ns) {
    gm_link_t* l = (gm_link_t*)r->self;
    pass_on(l, GM_PARCEL_QUOTE, symbol, venue, gm_quotes_of(l->inner->venues, symbol) + venue, 0, time_ns);
}

static void relay_volume(gm_relay_t* r, int32_t symbol, int32_t venue) {
    gm_link_t* l = (gm_link_t*)r->self;
    pass_on(l, GM_PARCEL_VOLUME, symbol, venue, gm_quotes_of(l->inner->venues, symbol) + venue, 0, l->told_ns);
}

static void relay_print(gm_relay_t* r, int32_t symbol, int32_t venue, int64_t price_e9, int64_t quantity, int own, int64_t time_ns) {
    gm_quote_t print;
    memset(&print, 0, sizeof print);
    print.last_e9 = price_e9;
    print.volume = quantity;
    print.time_ns = time_ns;
    pass_on((gm_link_t*)r->self, GM_PARCEL_PRINT, symbol, venue, &print, own, time_ns);
}

static void relay_halt(gm_relay_t* r, int32_t symbol, int32_t venue, int halted, int64_t time_ns) {
    gm_quote_t row;
    memset(&row, 0, sizeof row);
    row.time_ns = time_ns;
    pass_on((gm_link_t*)r->self, GM_PARCEL_HALT, symbol, venue, &row, halted != 0, time_ns);
}

/* ---- reports ---- */

/* The link's own word on an order, at once: without an execution id. */
static void say(gm_link_t* l, const gm_order_t* o, uint8_t exec_type, uint8_t status, uint16_t reason, int64_t quantity, int64_t now_ns) {
    gm_report_t r;
    gm_report_begin(&r, o->order_id, o->venue, o->symbol, o->side, exec_type, reason, quantity, now_ns);
    r.status = status;
    l->market.report(l->market.core, &r);
}

static int64_t next_execution(gm_link_t* l) { return l->market.executions = ++l->inner->executions; }

/* A report goes its way; `overtaken`: what is told later may arrive before it. */
static void send_report(gm_link_t* l, const gm_report_t* r, int32_t lane_number, int answers, int64_t extra_ns, int overtaken) {
    gm_lane_t* lane = &l->lanes[lane_number];
    gm_parcel_t* p;
    int64_t due_ns;
    if (lane->down && !lane->faults.resend) {
        l->lost++;
        return;
    }
    p = take_slot(l, GM_PARCEL_REPORT, lane_number, r->symbol, r->venue_time_ns);
    if (p == NULL) {
        l->hurried++;
        l->market.report(l->market.core, r);
        return;
    }
    p->u.report = *r;
    p->answers = answers != 0;
    if (overtaken) {
        gm_way_t alone = lane->in;
        due_ns = gm_way_due(&lane->path, lane->path.in_ns, &alone, r->venue_time_ns, extra_ns);
        lane->in.stream = alone.stream;
    } else {
        due_ns = gm_way_due(&lane->path, lane->path.in_ns, &lane->in, r->venue_time_ns, extra_ns);
    }
    if (lane->down) {
        l->held_back++;
        if (due_ns < lane->up_ns) due_ns = lane->in.last_ns = lane->up_ns;
    }
    post(l, p, due_ns);
}

static void breaks_at(gm_link_t* l, int32_t venue, int64_t time_ns) {
    gm_parcel_t* p;
    if (l->lanes[venue].down) return;
    p = take_slot(l, GM_PARCEL_DOWN, venue, -1, time_ns);
    if (p != NULL) post(l, p, time_ns);
}

/* A venue's report, and what goes wrong with it. */
static void tell(gm_link_t* l, const gm_report_t* given, int answers) {
    const int32_t venue = given->venue;
    gm_lane_t* lane = &l->lanes[venue];
    gm_report_t r = *given, other = *given;
    const int fault = gm_faults_next(&lane->faults, gm_faults_message(given), &lane->draws);
    gm_parcel_t* p;
    if (fault == GM_FAULT_NONE) {
        send_report(l, &r, venue, answers, 0, 0);
        return;
    }
    l->injected[fault]++;
    switch (fault) {
    case GM_FAULT_DROP: break;
    case GM_FAULT_DELAY: send_report(l, &r, venue, answers, lane->faults.delay_ns, 0); break;
    case GM_FAULT_REORDER: send_report(l, &r, venue, answers, lane->faults.delay_ns, 1); break;
    case GM_FAULT_DUPLICATE:
        send_report(l, &r, venue, answers, 0, 0);
        send_report(l, &r, venue, 0, 0, 0);
        break;
    case GM_FAULT_DISCONNECT:
        send_report(l, &r, venue, answers, 0, 0);
        breaks_at(l, venue, r.venue_time_ns);
        break;
    case GM_FAULT_BUST:
    case GM_FAULT_CORRECT:
        send_report(l, &r, venue, answers, 0, 0);
        p = take_slot(l, GM_PARCEL_REVISION, venue, r.symbol, r.venue_time_ns);
        if (p == NULL) break;
        p->u.report = r;
        p->u.report.exec_type = fault == GM_FAULT_BUST ? GM_EXEC_TRADE_CANCEL : GM_EXEC_TRADE_CORRECT;
        post(l, p, r.venue_time_ns + lane->faults.revise_ns);
        break;
    case GM_FAULT_OVERFILL: {
        const int64_t more = 1 + (int64_t)(gm_stream_unit(&lane->draws) * (double)r.quantity);
        r.quantity += more;
        r.fee_e9 = gm_fee(l->market.venues, venue, r.liquidity, r.quantity);
        if (r.order_id > 0 && r.order_id < GM_ORDER_IDS) l->executed[r.order_id] += more;
        send_report(l, &r, venue, answers, 0, 0);
        break;
    }
    case GM_LIE_PRICE:
        gm_faults_lie(&r, fault, l->symbol_count, &lane->draws);
        send_report(l, &r, venue, answers, 0, 0);
        break;
    case GM_LIE_ACKNOWLEDGED:
        send_report(l, &r, venue, answers, 0, 0);
        other.execution_id = next_execution(l);
        gm_faults_lie(&other, fault, l->symbol_count, &lane->draws);
        send_report(l, &other, venue, 0, 0, 0);
        break;
    default:
        other.execution_id = next_execution(l);
        gm_faults_lie(&other, fault, l->symbol_count, &lane->draws);
        send_report(l, &other, venue, 0, 0, 0);
        send_report(l, &r, venue, answers, 0, 0);
        break;
    }
}

static void from_inner(void* context, const gm_report_t* r) {
    gm_link_t* l = (gm_link_t*)context;
    const int serves = r->order_id == l->serving.order_id;
    const int answers = serves && !l->answered;
    if (serves) l->answered = 1;
    if (r->exec_type == GM_EXEC_TRADE && r->order_id > 0 && r->order_id < GM_ORDER_IDS) l->executed[r->order_id] += r->quantity;
    if (r->exec_type == GM_EXEC_REPLACED && serves) {       /* the venue's row has its new terms at once, as markets expect it */
        l->serving.quantity = r->quantity;
        l->serving.leaves_quantity = r->quantity - l->serving.filled_quantity;
        if (r->price_e9 != GM_NO_PRICE) l->serving.limit_price_e9 = r->price_e9;
        l->serving.working_quantity = 0;
        l->serving.pending_price_e9 = GM_NO_PRICE;
    }
    tell(l, r, answers);
}

static const gm_terms_t* terms_for_inner(void* context, const gm_order_t* o) {
    const gm_link_t* l = (const gm_link_t*)context;
    if (o->order_id == l->serving.order_id) return o->terms ? &l->serving_terms : NULL;
    return l->market.terms ? l->market.terms(l->market.core, o) : NULL;
}

/* ---- at the venue ---- */

/* Both count the same executions. */
static void enter(gm_link_t* l) {
    if (l->market.executions > l->inner->executions) l->inner->executions = l->market.executions;
    l->inside++;
}

static void leave(gm_link_t* l) {
    l->inside--;
    l->market.executions = l->inner->executions;
    l->market.messages = l->inner->messages;
}

static void deliver(gm_link_t* l, int64_t until_ns, int feed_alone);
static void make_room(gm_link_t* l);

/* Brings one symbol to `until_ns` where it lives by itself. */
static void bring(gm_link_t* l, int32_t symbol, int64_t until_ns) {
    int64_t* at = &l->touched_ns[symbol];
    if (*at == 0) {
        const int64_t to = until_ns < l->start_ns ? until_ns : l->start_ns;
        l->opening = 1;
        l->inner->touch(l->inner, symbol, to);
        l->market.messages = l->inner->messages;
        l->opening = 0;
        *at = to > 0 ? to : 1;
    }
    while (*at < until_ns) {
        const int64_t to = until_ns - *at > GM_LINK_SLICE_NS ? *at + GM_LINK_SLICE_NS : until_ns;
        l->inner->touch(l->inner, symbol, to);
        l->market.messages = l->inner->messages;
        if (*at < to) *at = to;
        deliver(l, to, 1);
    }
}

/* A command has arrived. */
static void serve(gm_link_t* l, const gm_parcel_t* p, int64_t now_ns) {
    void (*const act)(gm_market_t*, const gm_order_t*, int64_t) =
        p->kind == GM_PARCEL_ORDER ? l->inner->submit : p->kind == GM_PARCEL_CANCEL ? l->inner->cancel : l->inner->replace;
    const int refused = p->refused;
    const int kind = p->kind;
    gm_report_t r;
    l->serving = p->u.command.order;
    l->serving_terms = p->u.command.terms;
    if (l->serving.order_id > 0 && l->serving.order_id < GM_ORDER_IDS && kind != GM_PARCEL_ORDER)
        l->serving.filled_quantity = l->executed[l->serving.order_id];
    l->answered = 0;
    enter(l);
    if (refused) {
        const int coming = kind == GM_PARCEL_ORDER;
        gm_report_begin(&r, l->serving.order_id, l->serving.venue, l->serving.symbol, l->serving.side, coming ? GM_EXEC_REJECTED : GM_EXEC_CANCEL_REJECTED,
                        GM_REASON_VENUE_REJECTED, coming ? l->serving.leaves_quantity : 0, now_ns);
        r.execution_id = next_execution(l);
        from_inner(l, &r);
    } else {
        act(l->inner, &l->serving, now_ns);
    }
    leave(l);
    l->serving.order_id = 0;
}

static void revise(gm_link_t* l, const gm_parcel_t* p, int64_t now_ns) {
    gm_report_t r = p->u.report;
    gm_lane_t* lane = &l->lanes[p->venue];
    const int64_t was = r.quantity;
    r.bid_e9 = r.execution_id;                              /* the execution that it is about */
    r.ask_e9 = GM_NO_PRICE;
    r.execution_id = next_execution(l);
    r.venue_time_ns = now_ns;
    r.leaves_quantity = 0;
    if (r.exec_type == GM_EXEC_TRADE_CORRECT) {
        const int64_t step = 1 + (int64_t)(gm_stream_unit(&lane->draws) * (double)r.quantity);
        r.quantity = step;                                  /* from one to all of it */
        r.price_e9 += r.price_e9 / 10000;
        r.fee_e9 = gm_fee(l->market.venues, p->venue, r.liquidity, r.quantity);
    }
    if (r.order_id > 0 && r.order_id < GM_ORDER_IDS) l->executed[r.order_id] += (r.exec_type == GM_EXEC_TRADE_CORRECT ? r.quantity : 0) - was;
    tell(l, &r, 0);
}

/* ---- connections ---- */

static void close_venue(gm_link_t* l, int32_t venue, int enabled, int64_t now_ns) {
    gm_venue_enable(l->market.venues, venue, enabled);
    gm_venue_publish(l->market.venues, venue, now_ns);
}

static void come_back(gm_link_t* l, int32_t venue, int64_t now_ns);

/* The connection breaks: nobody is quoted there any more, what is under way is lost or held back, and who waits for an answer hears that
 * nobody knows. */
static void break_off(gm_link_t* l, int32_t venue, int64_t now_ns) {
    gm_lane_t* lane = &l->lanes[venue];
    gm_parcel_t* up;
    int64_t last = -1;
    int32_t kept = 0;
    if (lane->down) return;
    lane->down = 1;
    lane->up_ns = now_ns + lane->faults.disconnect_ns;
    close_venue(l, venue, 0, now_ns);
    for (int32_t s = 0; s < l->symbol_count; s++) {
        const gm_quote_t* q = gm_quotes_of(l->market.venues, s) + venue;
        if (l->touched_ns[s] != 0 && (q->bid_e9 > 0 || q->ask_e9 > 0))
            gm_quote_publish(l->market.venues, s, venue, GM_NO_PRICE, 0, GM_NO_PRICE, 0, now_ns);
    }
    for (;;) {                                              /* in the order in which they were sent */
        int32_t found = -1;
        gm_parcel_t* p;
        for (int32_t k = 0; k < l->heap_count; k++) {
            const gm_parcel_t* x = &l->parcels[l->heap[k]];
            if (x->venue == venue && x->sequence > last && (x->kind <= GM_PARCEL_REPLACE || (x->kind == GM_PARCEL_REPORT && x->answers))
                && (found < 0 || x->sequence < l->parcels[found].sequence)) found = l->heap[k];
        }
        if (found < 0) break;
        p = &l->parcels[found];
        last = p->sequence;
        p->answers = 0;
        if (p->kind == GM_PARCEL_REPORT) {
            const gm_report_t* r = &p->u.report;
            gm_order_t o;
            memset(&o, 0, sizeof o);
            o.order_id = r->order_id;
            o.venue = venue;
            o.symbol = r->symbol;
            o.side = r->side;
            say(l, &o, GM_EXEC_STATUS, GM_UNKNOWN_STATUS, GM_REASON_DISCONNECTED, 0, now_ns);
        } else {
            say(l, &p->u.command.order, GM_EXEC_STATUS, GM_UNKNOWN_STATUS, GM_REASON_DISCONNECTED, 0, now_ns);
        }
    }
    for (int32_t k = 0; k < l->heap_count; k++) {
        gm_parcel_t* p = &l->parcels[l->heap[k]];
        const int here = p->venue == venue, report = p->kind == GM_PARCEL_REPORT;
        if (here && (p->kind <= GM_PARCEL_REPLACE || is_feed(p) || (report && !lane->faults.resend))) {
            if (!is_feed(p)) l->lost++;
            give_slot(l, l->heap[k]);
            continue;
        }
        if (here && report) {
            l->held_back++;
            if (p->due_ns < lane->up_ns) p->due_ns = lane->up_ns;
        }
        l->heap[kept++] = l->heap[k];
    }
    l->heap_count = kept;
    for (int32_t k = kept / 2 - 1; k >= 0; k--) sink(l, k);
    if (lane->in.last_ns < lane->up_ns) lane->in.last_ns = lane->up_ns;
    lane->out.last_ns = now_ns;                             /* a new connection has its own order */
    up = take_slot(l, GM_PARCEL_UP, venue, -1, now_ns);
    if (up != NULL) post(l, up, lane->up_ns);
    else come_back(l, venue, now_ns);                       /* nothing could tell it later */
}

/* It is there again: the venue is shown as it is now. */
static void come_back(gm_link_t* l, int32_t venue, int64_t now_ns) {
    gm_lane_t* lane = &l->lanes[venue];
    lane->down = 0;
    close_venue(l, venue, lane->enabled, now_ns);
    for (int32_t s = 0; s < l->symbol_count; s++) {
        const gm_quote_t* q = gm_quotes_of(l->inner->venues, s) + venue;
        if (l->touched_ns[s] == 0) continue;
        if (q->bid_e9 > 0 || q->ask_e9 > 0) pass_on(l, GM_PARCEL_QUOTE, s, venue, q, 0, now_ns);
        if (q->volume > 0) pass_on(l, GM_PARCEL_VOLUME, s, venue, q, 0, now_ns);
        if (l->inner->venues->halted[s] != l->market.venues->halted[s]) relay_halt(&l->relay, s, venue, l->inner->venues->halted[s], now_ns);
    }
}

/* ---- delivery ---- */

static void deliver_one(gm_link_t* l, int64_t now_ns) {
    const int32_t slot = pop(l);
    const gm_parcel_t p = l->parcels[slot];                 /* what comes of it may use its slot again */
    give_slot(l, slot);
    switch (p.kind) {
    case GM_PARCEL_ORDER:
    case GM_PARCEL_CANCEL:
    case GM_PARCEL_REPLACE:
        if (p.kind != GM_PARCEL_CANCEL) bring(l, p.u.command.order.symbol, now_ns);
        serve(l, &p, now_ns);
        break;
    case GM_PARCEL_REPORT: l->market.report(l->market.core, &p.u.report); break;
    case GM_PARCEL_REVISION: revise(l, &p, now_ns); break;
    case GM_PARCEL_DOWN: break_off(l, p.venue, now_ns); break;
    case GM_PARCEL_UP: come_back(l, p.venue, now_ns); break;
    default: show(l, &p); break;
    }
}

/* Delivers what is due by `until_ns`; `feed_alone`: up to the first that is something else. */
static void deliver(gm_link_t* l, int64_t until_ns, int feed_alone) {
    while (due(l) <= until_ns && !(feed_alone && !is_feed(&l->parcels[l->heap[0]]))) {
        deliver_one(l, until_ns);
        if (!l->inside && !feed_alone) make_room(l);
    }
}

static void make_room(gm_link_t* l) {
    while (l->heap_count > GM_LINK_PARCELS - GM_LINK_MARGIN) {
        l->hurried++;
        deliver_one(l, l->market.now_ns);
    }
}

/* ---- the engine's commands ---- */

static void command(gm_link_t* l, const gm_order_t* o, int kind, int64_t now_ns) {
    gm_lane_t* lane = &l->lanes[o->venue];
    const int is_order = kind == GM_PARCEL_ORDER;
    const gm_terms_t* terms;
    gm_parcel_t* p;
    int fault;
    if (lane->down) {                                       /* it does not leave */
        say(l, o, is_order ? GM_EXEC_REJECTED : GM_EXEC_CANCEL_REJECTED, is_order ? GM_REJECTED : 0, GM_REASON_DISCONNECTED,
            is_order ? o->leaves_quantity : 0, now_ns);
        return;
    }
    make_room(l);
    fault = gm_faults_next(&lane->faults, kind == GM_PARCEL_ORDER ? GM_MESSAGE_ORDER : kind == GM_PARCEL_CANCEL ? GM_MESSAGE_CANCEL : GM_MESSAGE_REPLACE,
                           &lane->draws);
    l->injected[fault] += fault != GM_FAULT_NONE;
    if (fault == GM_FAULT_DROP) return;
    p = take_slot(l, kind, o->venue, o->symbol, now_ns);
    if (p == NULL) {
        say(l, o, is_order ? GM_EXEC_REJECTED : GM_EXEC_CANCEL_REJECTED, is_order ? GM_REJECTED : 0, GM_REASON_VENUE_CAPACITY,
            is_order ? o->leaves_quantity : 0, now_ns);
        return;
    }
    terms = o->terms && l->market.terms ? l->market.terms(l->market.core, o) : NULL;
    p->u.command.order = *o;
    if (terms) p->u.command.terms = *terms;
    p->u.command.order.terms = terms != NULL;
    p->refused = fault == GM_FAULT_REJECT;
    if (fault == GM_FAULT_REORDER) {
        gm_way_t alone = lane->out;
        post(l, p, gm_way_due(&lane->path, lane->path.out_ns, &alone, now_ns, lane->faults.delay_ns));
        lane->out.stream = alone.stream;
    } else {
        post(l, p, gm_way_due(&lane->path, lane->path.out_ns, &lane->out, now_ns, fault == GM_FAULT_DELAY ? lane->faults.delay_ns : 0));
    }
    if (fault == GM_FAULT_DISCONNECT) {
        break_off(l, o->venue, now_ns);
        return;
    }
    deliver(l, now_ns, 0);
}

static void link_submit(gm_market_t* m, const gm_order_t* o, int64_t now_ns) { command((gm_link_t*)m->self, o, GM_PARCEL_ORDER, now_ns); }
static void link_cancel(gm_market_t* m, const gm_order_t* o, int64_t now_ns) { command((gm_link_t*)m->self, o, GM_PARCEL_CANCEL, now_ns); }
static void link_replace(gm_market_t* m, const gm_order_t* o, int64_t now_ns) { command((gm_link_t*)m->self, o, GM_PARCEL_REPLACE, now_ns); }

/* What was under way when the engine ended is gone; what rested rests again. */
static void link_restore(gm_market_t* m, const gm_order_t* o, int64_t now_ns) {
    gm_link_t* l = (gm_link_t*)m->self;
    if (o->order_id > 0 && o->order_id < GM_ORDER_IDS) l->executed[o->order_id] = o->filled_quantity;
    bring(l, o->symbol, now_ns);
    enter(l);
    l->inner->restore(l->inner, o, now_ns);
    leave(l);
    deliver(l, now_ns, 0);
}

static void link_follow(gm_market_t* m, int32_t symbol, int32_t change) {
    gm_link_t* l = (gm_link_t*)m->self;
    bring(l, symbol, m->now_ns);
    l->inner->follow(l->inner, symbol, change);
    deliver(l, m->now_ns, 1);
}

static void link_touch(gm_market_t* m, int32_t symbol, int64_t until_ns) {
    gm_link_t* l = (gm_link_t*)m->self;
    bring(l, symbol, until_ns);
    deliver(l, until_ns, 1);
}

static int64_t link_next(gm_market_t* m) {
    gm_link_t* l = (gm_link_t*)m->self;
    const int64_t first = due(l), next = l->inner->next_ns(l->inner);
    return first < next ? first : next;
}

static int64_t link_advance(gm_market_t* m, int64_t until_ns) {
    gm_link_t* l = (gm_link_t*)m->self;
    for (;;) {
        const int64_t first = due(l);
        int64_t reached;
        int stopped;
        l->horizon_ns = first < until_ns ? first : until_ns;
        if (l->horizon_ns < m->now_ns) l->horizon_ns = m->now_ns;
        l->inner->stop = 0;
        enter(l);
        reached = l->inner->advance(l->inner, l->horizon_ns);
        leave(l);
        stopped = l->inner->stop;
        l->horizon_ns = INT64_MIN;
        if (reached > m->now_ns) m->now_ns = reached;
        deliver(l, m->now_ns, 0);
        make_room(l);
        if (m->stop || (m->now_ns >= until_ns && !stopped && due(l) > until_ns)) return m->now_ns;
    }
}

/* Halts and bands are the venues' own: they take effect there at once, and are heard of as everything else is. */
static int link_control(gm_market_t* m, int32_t symbol, int32_t what, int64_t low_e9, int64_t high_e9, int64_t now_ns) {
    gm_link_t* l = (gm_link_t*)m->self;
    int code;
    bring(l, symbol, now_ns);
    enter(l);
    code = l->inner->control(l->inner, symbol, what, low_e9, high_e9, now_ns);
    leave(l);
    deliver(l, now_ns, 1);
    return code;
}

/* An auction's indication is not fed: it is as the venue has it. */
static int32_t link_indicate(gm_market_t* m, int32_t symbol, gm_indication_t* out) {
    gm_link_t* l = (gm_link_t*)m->self;
    return l->inner->indicate(l->inner, symbol, out);
}

/* ---- making one ---- */

void gm_link_free(gm_link_t* l) {
    if (l->inner != NULL && l->inner->venues != NULL && l->inner->venues->relay == &l->relay) {
        l->inner->venues->relay = NULL;
        l->inner->venues->listeners--;
        l->inner->core = NULL;
        l->inner->report = NULL;
        l->inner->terms = NULL;
    }
    gm_release(l->parcels, GM_LINK_PARCELS * sizeof(gm_parcel_t));
    gm_release(l->heap, GM_LINK_PARCELS * sizeof(int32_t));
    gm_release(l->feed, (size_t)l->symbols * GM_MAX_VENUES * sizeof(gm_way_t));
    gm_release(l->touched_ns, (size_t)l->symbols * sizeof(int64_t));
    gm_release(l->executed, GM_ORDER_IDS * sizeof(int64_t));
    l->parcels = NULL;
    l->heap = NULL;
    l->feed = NULL;
    l->touched_ns = l->executed = NULL;
    l->inner = NULL;
}

int gm_link_init(gm_link_t* l, gm_venues_t* venues, gm_market_t* inner, int32_t symbol_count, uint64_t seed) {
    memset(l, 0, sizeof *l);
    l->symbols = venues->symbols;
    l->parcels = (gm_parcel_t*)gm_reserve(GM_LINK_PARCELS * sizeof(gm_parcel_t));
    l->heap = (int32_t*)gm_reserve(GM_LINK_PARCELS * sizeof(int32_t));
    l->feed = (gm_way_t*)gm_reserve((size_t)l->symbols * GM_MAX_VENUES * sizeof(gm_way_t));
    l->touched_ns = (int64_t*)gm_reserve((size_t)l->symbols * sizeof(int64_t));
    l->executed = (int64_t*)gm_reserve(GM_ORDER_IDS * sizeof(int64_t));
    if (!l->parcels || !l->heap || !l->feed || !l->touched_ns || !l->executed) {
        gm_link_free(l);
        return GM_ERR_MEMORY;
    }
    l->inner = inner;
    l->symbol_count = symbol_count;
    l->start_ns = inner->now_ns;
    l->seed = seed;
    l->free_head = -1;
    l->horizon_ns = INT64_MIN;
    for (int32_t v = 0; v < GM_MAX_VENUES; v++) {
        gm_lane_t* lane = &l->lanes[v];
        lane->out.stream = gm_way_stream(seed, GM_WAY_OUT, v, -1);
        lane->in.stream = gm_way_stream(seed, GM_WAY_IN, v, -1);
        lane->out.last_ns = lane->in.last_ns = INT64_MIN;
        lane->draws = gm_way_stream(seed, GM_WAY_FAULTS, v, -1);
        lane->enabled = venues->enabled[v];
    }
    for (int32_t s = 0; s < symbol_count; s++)
        for (int32_t v = 0; v < venues->count; v++) {
            const int64_t last_e9 = gm_quotes_of(inner->venues, s)[v].last_e9;
            if (last_e9 != 0) gm_quotes_of(venues, s)[v].last_e9 = last_e9;
        }
    l->relay.self = l;
    l->relay.quote = relay_quote;
    l->relay.volume = relay_volume;
    l->relay.print = relay_print;
    l->relay.halt = relay_halt;
    inner->venues->relay = &l->relay;
    inner->venues->listeners++;
    inner->core = l;
    inner->report = from_inner;
    inner->terms = terms_for_inner;
    l->market.self = l;
    l->market.venues = venues;
    l->market.submit = link_submit;
    l->market.cancel = link_cancel;
    l->market.replace = link_replace;
    if (inner->restore) l->market.restore = link_restore;
    if (inner->follow) l->market.follow = link_follow;
    if (inner->control) l->market.control = link_control;
    if (inner->indicate) l->market.indicate = link_indicate;
    l->market.advance = link_advance;
    l->market.touch = link_touch;
    l->market.next_ns = link_next;
    l->market.now_ns = inner->now_ns;
    return GM_OK;
}
