/* The synthetic market's day, where it keeps its instruments' hours: calls, auctions, the end of the session; halts and price bands.
 *
 * Before the open the venue of a symbol's auctions gathers orders (opening call), at the open it crosses them at one price, and everybody trades
 * on from there. Orders for the close gather all day; some time before it others' come in, then, with a call or at once, the closing auction
 * crosses them with what is displayed. After it nothing is displayed and nothing taken but orders for the next opening; what others had resting
 * is gone, own orders stay. A halt stops flow and trading, over closes too, where orders for the auction that is not held end; a symbol
 * goes on with an auction. A band bounds prices around the last auction's.
 *
 * Others' interest in an auction comes from a generator of its own: so many shares a side on average (a part of what a session trades), in
 * market orders and limit orders around the last price, the sides independent, which makes the imbalance. Its sizes and prices are this
 * project's choice. It is part of synthetic.h, which has the flow and the venues' rules. */
#ifndef GM_MARKET_HOURS_H
#define GM_MARKET_HOURS_H

#define GM_AUCTION_SLICES 32            /* orders of others a side: half of them market orders */
#define GM_AUCTION_REACH 10             /* ticks that their limits are around the reference */
#define GM_ALWAYS_TRADING 0
enum gm_day_stage { GM_STAGE_CLOSED_DAY = 1, GM_STAGE_OPENING_CALL, GM_STAGE_SESSION, GM_STAGE_GATHERING, GM_STAGE_CLOSING_CALL };

static inline int gm_trades(const gm_flow_t* f) {
    return !f->halted && (f->stage == GM_ALWAYS_TRADING || f->stage == GM_STAGE_SESSION || f->stage == GM_STAGE_GATHERING);
}

/* The venue of a symbol's auctions: its listing, or the first exchange that carries the flow. */
static inline int32_t gm_auction_venue(const gm_synthetic_t* s, int32_t symbol) {
    const gm_venues_t* v = s->market.venues;
    if (v->listing[symbol] && gm_synthetic_carries(s, v->listing[symbol] - 1)) return v->listing[symbol] - 1;
    for (int32_t k = 0; k < s->lit_count; k++) if (v->kind[s->lit[k]] == GM_EXCHANGE) return s->lit[k];
    return -1;
}

/* Own orders are counted anew where they rest: whatever ended on the way. */
static inline void gm_synthetic_recount(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    f->own = f->own_elsewhere = 0;
    for (int32_t v = 0; v < s->market.venues->count; v++) {
        const gm_exchange_t* x = gm_synthetic_exchange(s, symbol, v);
        if (x->rare == NULL) continue;
        for (int32_t i = 0; i < x->rare_count; i++) f->own_elsewhere += x->rare[i].entry.order_id > 0;
        for (int32_t i = 0; i < x->lit.book.used; i++)
            f->own += (x->lit.book.pool[i].flags & (GM_REST_USED | GM_REST_OWN)) == (GM_REST_USED | GM_REST_OWN);
    }
    gm_synthetic_keep(s, symbol);
}

static inline void gm_day_begin_event(gm_synthetic_t* s, int32_t symbol, int32_t venue, int64_t time_ns) {
    gm_synthetic_begin(s, symbol, venue, NULL, 1, time_ns);
    s->apart = 1;
}

static inline void gm_day_phase(gm_synthetic_t* s, int32_t symbol, int32_t venue, int32_t phase, int64_t time_ns) {
    gm_exchange_t* x = gm_synthetic_exchange(s, symbol, venue);
    if (x->rare == NULL) return;
    gm_day_begin_event(s, symbol, venue, time_ns);
    gm_exchange_set_phase(x, phase, gm_synthetic_event, s);
    if (gm_displays(s->market.venues, venue)) gm_synthetic_quote(s, symbol, venue, time_ns);
}

static inline void gm_day_phase_everywhere(gm_synthetic_t* s, int32_t symbol, int32_t phase, int64_t time_ns) {
    for (int32_t v = 0; v < s->market.venues->count; v++) gm_day_phase(s, symbol, v, phase, time_ns);
}

/* Others' orders for an auction. */
static inline void gm_day_interest(gm_synthetic_t* s, int32_t symbol, int32_t venue, uint8_t tif, double shares, int64_t time_ns) {
    gm_flow_t* f = &s->flows[symbol];
    gm_exchange_t* x = gm_synthetic_exchange(s, symbol, venue);
    gm_entry_t e;
    for (int side = -1; side <= 1; side += 2)
        for (int i = 0; i < GM_AUCTION_SLICES; i++) {
            const double drawn = shares / GM_AUCTION_SLICES * gm_random_exponential(&f->crosses);
            const int64_t lots = (int64_t)(drawn / GM_FLOW_LOT) + 1, away = (int64_t)gm_random_below(&f->crosses, 2 * GM_AUCTION_REACH + 1) - GM_AUCTION_REACH;
            memset(&e, 0, sizeof e);
            e.order_id = f->next_id--;
            e.quantity = lots * GM_FLOW_LOT;
            e.side = (int8_t)side;
            e.time_in_force = tif;
            e.stop_e9 = GM_NO_PRICE;
            e.order_type = i % 2 ? GM_LIMIT : GM_MARKET;
            e.limit_e9 = i % 2 ? (f->reference_tick + away) * f->tick_e9 : GM_NO_PRICE;
            if (i % 2 && f->reference_tick + away < 1) continue;
            gm_day_begin_event(s, symbol, venue, time_ns);
            gm_exchange_submit(x, &e, gm_synthetic_event, s);
        }
}

/* The best displayed tick of a side over all venues, whatever their phase; -1: nobody there. */
static inline int64_t gm_day_best(gm_synthetic_t* s, int32_t symbol, int side) {
    int64_t best = -1;
    for (int32_t k = 0; k < s->lit_count; k++) {
        const gm_book_t* b = &gm_synthetic_matcher(s, symbol, s->lit[k])->book;
        if (gm_book_has(b, side) && (best < 0 || gm_book_better(side, gm_book_best_tick(b, side), best))) best = gm_book_best_tick(b, side);
    }
    return best;
}

/* Queues near their stationary length around the reference, behind whatever own orders stand there. */
static inline void gm_flow_fill_books(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    const gm_flow_model_t* model = &s->model;
    const int64_t bid = gm_day_best(s, symbol, 0), ask = gm_day_best(s, symbol, 1);
    for (int32_t i = 0; i < model->distances; i++) {
        int32_t orders = (int32_t)(s->depth * model->limit[i] / model->cancel[i]) + 1;
        for (int32_t n = 0; n < orders; n++)
            for (int side = -1; side <= 1; side += 2) {
                int64_t tick = f->reference_tick - side * (int64_t)(i + (side < 0));
                int32_t venue = gm_flow_pick_venue(s, f);
                gm_matcher_t* m = gm_synthetic_matcher(s, symbol, venue);
                const int64_t quantity = gm_flow_size(model, &f->state.random);
                if (side > 0 ? ask >= 0 && tick >= ask : bid >= 0 && tick <= bid) continue;
                if (tick < 1 || gm_book_add(&m->book, f->next_id--, (int8_t)side, tick, quantity, 0) < 0) continue;
                gm_synthetic_note(s, symbol, venue, GM_ADD, (int8_t)side, f->next_id + 1, tick * f->tick_e9, quantity, f->now_ns);
            }
    }
    for (int32_t k = 0; k < s->lit_count; k++) gm_synthetic_quote(s, symbol, s->lit[k], f->now_ns);
}

/* What others had resting is gone; own orders stay. */
static inline void gm_flow_empty_books(gm_synthetic_t* s, int32_t symbol) {
    for (int32_t v = 0; v < s->market.venues->count; v++) {
        gm_exchange_t* x = gm_synthetic_exchange(s, symbol, v);
        if (x->rare == NULL) continue;
        gm_day_begin_event(s, symbol, v, s->flows[symbol].now_ns);
        for (int32_t i = 0; i < x->lit.book.used; i++)
            if ((x->lit.book.pool[i].flags & (GM_REST_USED | GM_REST_OWN)) == GM_REST_USED) gm_book_remove(&x->lit.book, i);
        for (int32_t i = x->rare_count - 1; i >= 0; i--)
            if (x->rare[i].entry.order_id < 0) gm_exchange_cancel(x, x->rare[i].entry.order_id, gm_synthetic_event, s);
    }
}

/* Prices that may trade: around the reference, on the tick. */
static inline void gm_day_band(gm_synthetic_t* s, int32_t symbol, int64_t low_e9, int64_t high_e9, int64_t time_ns) {
    for (int32_t k = 0; k < s->lit_count; k++) {
        gm_day_begin_event(s, symbol, s->lit[k], time_ns);
        gm_exchange_set_band(gm_synthetic_exchange(s, symbol, s->lit[k]), low_e9, high_e9, gm_synthetic_event, s);
        gm_synthetic_quote(s, symbol, s->lit[k], time_ns);
    }
}

static inline void gm_day_band_around(gm_synthetic_t* s, int32_t symbol, int64_t time_ns) {
    const gm_flow_t* f = &s->flows[symbol];
    const int64_t width = (int64_t)((double)f->reference_tick * s->hours.band);
    if (s->hours.band > 0.0) gm_day_band(s, symbol, (f->reference_tick - width) * f->tick_e9, (f->reference_tick + width) * f->tick_e9, time_ns);
}

/* Crosses what has gathered; the reference is the price that came out, if one did. */
static inline void gm_day_cross(gm_synthetic_t* s, int32_t symbol, int32_t venue, int64_t time_ns) {
    gm_flow_t* f = &s->flows[symbol];
    gm_auction_t found;
    gm_day_begin_event(s, symbol, venue, time_ns);
    found = gm_exchange_uncross(gm_synthetic_exchange(s, symbol, venue), f->reference_tick * f->tick_e9, gm_synthetic_event, s);
    if (found.price_e9 != GM_NO_PRICE) f->reference_tick = found.price_e9 / f->tick_e9;
    gm_synthetic_quote(s, symbol, venue, time_ns);
}

/* Everybody trades, from the reference on. */
static inline void gm_day_trade(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    for (int32_t v = 0; v < s->market.venues->count; v++) {
        gm_exchange_t* x = gm_synthetic_exchange(s, symbol, v);
        if (x->rare && x->phase != GM_PHASE_CONTINUOUS) gm_day_phase(s, symbol, v, GM_PHASE_CONTINUOUS, f->now_ns);
    }
    gm_flow_fill_books(s, symbol);
    gm_day_band_around(s, symbol, f->now_ns);
    gm_synthetic_refer(s, symbol, f->now_ns);
}

/* Orders for an auction that is not held are over. */
static inline void gm_day_end_orders(gm_synthetic_t* s, int32_t symbol, int32_t venue, uint8_t tif, int64_t time_ns) {
    gm_exchange_t* x = gm_synthetic_exchange(s, symbol, venue);
    for (int32_t i = x->rare_count - 1; i >= 0; i--) {
        const gm_entry_t e = x->rare[i].entry;
        if (e.time_in_force != tif) continue;
        gm_day_begin_event(s, symbol, venue, time_ns);
        gm_exchange_cancel(x, e.order_id, gm_synthetic_event, s);
        if (e.order_id > 0) gm_market_end(&s->market, e.order_id, venue, symbol, e.side, e.quantity, GM_REASON_NOT_TRADING, time_ns);
    }
}

/* A halted symbol's day goes on without it: what changes is the stage alone, until it is let trade again. */
static inline void gm_day_pass(gm_synthetic_t* s, int32_t symbol, int32_t venue) {
    gm_flow_t* f = &s->flows[symbol];
    const gm_flow_calendar_t* c = &s->calendars[f->calendar];
    const int64_t now = f->now_ns, close = c->closes[f->session];
    if (f->stage == GM_STAGE_CLOSED_DAY) {
        f->stage = GM_STAGE_OPENING_CALL;
        f->change_ns = c->opens[f->session];
    } else if (f->stage == GM_STAGE_OPENING_CALL) {
        f->stage = GM_STAGE_SESSION;
        f->change_ns = close - s->hours.gathering_ns > now ? close - s->hours.gathering_ns : now + 1;
    } else if (f->stage == GM_STAGE_SESSION || (f->stage == GM_STAGE_GATHERING && now < close)) {
        f->stage = f->stage == GM_STAGE_SESSION ? GM_STAGE_GATHERING : GM_STAGE_CLOSING_CALL;
        f->change_ns = f->stage == GM_STAGE_CLOSING_CALL || close - s->hours.closing_call_ns <= now ? (close > now ? close : now + 1)
                                                                                                   : close - s->hours.closing_call_ns;
    } else {
        f->stage = GM_STAGE_CLOSED_DAY;
        if (venue >= 0) gm_day_end_orders(s, symbol, venue, GM_CLS, now);
        gm_flow_empty_books(s, symbol);
        if (s->hours.band > 0.0) gm_day_band(s, symbol, 0, 0, now);
        f->session++;
        f->change_ns = f->session < c->count ? c->opens[f->session] - s->hours.opening_call_ns : INT64_MAX;
        if (f->change_ns <= now) f->change_ns = now + 1;
    }
}

/* What a session trades on average, shares. */
static inline double gm_day_volume(const gm_synthetic_t* s, const gm_flow_t* f) {
    const gm_flow_calendar_t* c = &s->calendars[f->calendar];
    const double trades = s->model.market / (2.0 * s->model.arrival) * s->events_per_second / 1e9;     /* a nanosecond, of both sides */
    return trades * s->model.mean_size * (double)(c->closes[f->session] - c->opens[f->session]);
}

static inline void gm_day_remember(gm_synthetic_t* s, int32_t symbol) {
    const gm_nbbo_t n = gm_consolidate(s->market.venues, symbol);
    const int64_t mid = gm_mid(&n);
    if (mid != GM_NO_PRICE) s->flows[symbol].reference_tick = mid / s->flows[symbol].tick_e9;
}

/* The next change of the day, at f->now_ns. */
static inline void gm_day_change(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    const gm_flow_calendar_t* c = &s->calendars[f->calendar];
    const int32_t venue = gm_auction_venue(s, symbol);
    const int64_t now = f->now_ns, close = c->closes[f->session];
    if (f->halted) {
        gm_day_pass(s, symbol, venue);
        s->apart = 0;
        gm_synthetic_recount(s, symbol);
        s->market.messages++;
        return;
    }
    switch (f->stage) {
    case GM_STAGE_CLOSED_DAY:
        f->stage = GM_STAGE_OPENING_CALL;
        f->change_ns = c->opens[f->session];
        if (venue >= 0) {
            gm_day_phase(s, symbol, venue, GM_PHASE_OPENING_CALL, now);
            gm_day_interest(s, symbol, venue, GM_OPG, s->hours.opening_share * gm_day_volume(s, f), now);
        }
        break;
    case GM_STAGE_OPENING_CALL:
        f->stage = GM_STAGE_SESSION;
        f->change_ns = close - s->hours.gathering_ns > now ? close - s->hours.gathering_ns : now + 1;
        if (venue >= 0) gm_day_cross(s, symbol, venue, now);
        gm_day_trade(s, symbol);
        break;
    case GM_STAGE_SESSION:
        f->stage = GM_STAGE_GATHERING;
        f->change_ns = close - s->hours.closing_call_ns > now ? close - s->hours.closing_call_ns : now + 1;
        gm_day_remember(s, symbol);
        if (venue >= 0) gm_day_interest(s, symbol, venue, GM_CLS, s->hours.closing_share * gm_day_volume(s, f), now);
        break;
    case GM_STAGE_GATHERING:
        f->stage = GM_STAGE_CLOSING_CALL;
        f->change_ns = close;
        gm_day_remember(s, symbol);
        gm_day_phase_everywhere(s, symbol, GM_PHASE_CLOSED, now);
        if (venue >= 0) gm_day_phase(s, symbol, venue, GM_PHASE_CLOSING_CALL, now);
        if (now < close) break;
        /* no call: the auction is now */
        __attribute__((fallthrough));
    default:
        f->stage = GM_STAGE_CLOSED_DAY;
        if (venue >= 0) gm_day_cross(s, symbol, venue, now);
        gm_day_phase_everywhere(s, symbol, GM_PHASE_CLOSED, now);
        if (s->hours.band > 0.0) gm_day_band(s, symbol, 0, 0, now);
        gm_flow_empty_books(s, symbol);
        f->session++;
        f->change_ns = f->session < c->count ? c->opens[f->session] - s->hours.opening_call_ns : INT64_MAX;
        if (f->change_ns <= now) f->change_ns = now + 1;
        break;
    }
    s->apart = 0;
    gm_synthetic_recount(s, symbol);
    s->market.messages++;
}

/* Where in its day a symbol begins, at f->now_ns. */
static inline void gm_day_start(gm_synthetic_t* s, int32_t symbol) {
    gm_flow_t* f = &s->flows[symbol];
    const gm_flow_calendar_t* c = &s->calendars[f->calendar];
    const int64_t now = f->now_ns;
    f->change_ns = INT64_MAX;
    f->stage = GM_ALWAYS_TRADING;
    if (!s->hours.kept || c->count == 0) return;
    gm_random_seed(&f->crosses, s->seed ^ 0x63726f7373ULL, (uint64_t)symbol + 1);
    f->session = 0;
    while (f->session < c->count && c->closes[f->session] <= now) f->session++;
    f->stage = GM_STAGE_CLOSED_DAY;
    if (f->session == c->count) return;
    f->change_ns = c->opens[f->session] - s->hours.opening_call_ns;
    if (now >= c->opens[f->session]) {                      /* in the middle of a session: as if it had opened without an auction */
        f->stage = GM_STAGE_SESSION;
        f->change_ns = c->closes[f->session] - s->hours.gathering_ns;
    }
    if (f->change_ns <= now) f->change_ns = now + 1;
}

/* ---- from outside ---- */

static inline int gm_synthetic_control(gm_market_t* market, int32_t symbol, int32_t what, int64_t low_e9, int64_t high_e9, int64_t now_ns) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    gm_flow_t* f = &s->flows[symbol];
    int32_t venue;
    gm_synthetic_touch(market, symbol, now_ns);
    if (!f->started) return GM_ERR_MEMORY;
    venue = gm_auction_venue(s, symbol);
    if (f->now_ns < now_ns) f->now_ns = now_ns;
    if (what == GM_CONTROL_HALT) {
        if (!gm_trades(f)) return GM_ERR_NOT_FOUND;
        gm_day_remember(s, symbol);
        f->halted = 1;
        gm_day_phase_everywhere(s, symbol, GM_PHASE_HALTED, now_ns);
        gm_halt_publish(market->venues, symbol, venue < 0 ? s->lit[0] : venue, 1, now_ns);
        f->next_ns = f->change_ns;
    } else if (what == GM_CONTROL_RESUME) {
        if (!f->halted) return GM_ERR_NOT_FOUND;
        f->halted = 0;
        gm_flow_empty_books(s, symbol);
        if (f->stage == GM_STAGE_CLOSED_DAY || f->stage == GM_STAGE_OPENING_CALL || f->stage == GM_STAGE_CLOSING_CALL) {
            gm_day_phase_everywhere(s, symbol, GM_PHASE_CLOSED, now_ns);    /* nothing trades now anyway: its call, if there is one, goes on */
            if (venue >= 0 && f->stage != GM_STAGE_CLOSED_DAY)
                gm_day_phase(s, symbol, venue, f->stage == GM_STAGE_OPENING_CALL ? GM_PHASE_OPENING_CALL : GM_PHASE_CLOSING_CALL, now_ns);
            gm_halt_publish(market->venues, symbol, venue < 0 ? s->lit[0] : venue, 0, now_ns);
            s->apart = 0;
            gm_synthetic_recount(s, symbol);
            f->next_ns = f->change_ns;
            return GM_OK;
        }
        if (venue >= 0) {
            gm_day_phase(s, symbol, venue, GM_PHASE_OPENING_CALL, now_ns);
            if (f->stage != GM_ALWAYS_TRADING) gm_day_interest(s, symbol, venue, GM_OPG, s->hours.opening_share * gm_day_volume(s, f), now_ns);
            gm_day_cross(s, symbol, venue, now_ns);
        }
        gm_day_trade(s, symbol);
        gm_halt_publish(market->venues, symbol, venue < 0 ? s->lit[0] : venue, 0, now_ns);
        gm_flow_schedule(s, symbol);
    } else {
        if (!gm_trades(f)) return GM_ERR_NOT_FOUND;
        gm_day_band(s, symbol, low_e9, high_e9, now_ns);
    }
    s->apart = 0;
    gm_synthetic_recount(s, symbol);
    return GM_OK;
}

static inline int32_t gm_synthetic_indicate(gm_market_t* market, int32_t symbol, gm_indication_t* out) {
    gm_synthetic_t* s = (gm_synthetic_t*)market->self;
    const gm_flow_t* f = &s->flows[symbol];
    const int32_t venue = gm_auction_venue(s, symbol);
    gm_exchange_t x;
    gm_auction_t found;
    if (venue < 0 || !s->hours.kept || !f->started || f->stage == GM_ALWAYS_TRADING) return -1;
    x = *gm_synthetic_exchange(s, symbol, venue);           /* as if its call had begun */
    out->phase = x.phase;
    out->closing = f->stage >= GM_STAGE_SESSION;
    x.phase = out->closing ? GM_PHASE_CLOSING_CALL : GM_PHASE_OPENING_CALL;
    found = gm_exchange_indicate(&x, f->reference_tick * f->tick_e9);
    out->price_e9 = found.price_e9;
    out->volume = found.volume;
    out->imbalance = found.imbalance;
    out->time_ns = f->session >= s->calendars[f->calendar].count ? INT64_MAX
                   : out->closing ? s->calendars[f->calendar].closes[f->session] : s->calendars[f->calendar].opens[f->session];
    return venue;
}

#endif
