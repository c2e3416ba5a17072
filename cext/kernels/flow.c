/* The streaming estimators of flow.h. */
#include <math.h>
#include <string.h>
#include "flow.h"

#define NOWHERE(side) ((side) == 0 ? INT64_MIN : INT64_MAX)    /* of a level that is not there: worse than any price */

#define TIME_MAX ((int64_t)1 << 61)     /* horizons, bars and differences of times stay within 64 bits */

static void* ring(int64_t count, size_t size) { return gm_reserve((size_t)count * size); }

static void bar_begin(gm_stream_t* s, int64_t start_ns, int whole) {
    gm_bar_t* b = &s->bar;
    memset(b, 0, sizeof *b);
    b->start_ns = start_ns;
    b->open_e9 = b->high_e9 = b->low_e9 = b->close_e9 = GM_NO_PRICE;
    b->mid2_open = s->quoted ? s->mid2_e9 : 0;
    b->whole = whole;
    s->bar_end_ns = start_ns + s->o.bar_ns;
}

int gm_stream_init(gm_stream_t* s, const gm_stream_options_t* o) {
    memset(s, 0, sizeof *s);
    s->o = *o;
    s->bars = (gm_bar_t*)ring(o->bars, sizeof(gm_bar_t));
    s->pending = (gm_pending_t*)ring(o->trades, sizeof(gm_pending_t));
    s->changes = (int64_t*)ring(o->changes, sizeof(int64_t));
    s->buckets = (double*)ring(o->buckets, sizeof(double));
    s->began_ns = s->now_ns = s->heard_ns = GM_NO_TIME;
    s->dirty[0] = s->dirty[1] = 1;
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < GM_STREAM_LEVELS; k++) s->price_e9[side][k] = NOWHERE(side);
    if (s->bars && s->pending && s->changes && s->buckets) return GM_OK;
    gm_stream_free(s);
    return GM_ERR_MEMORY;
}

void gm_stream_free(gm_stream_t* s) {
    gm_release(s->bars, (size_t)s->o.bars * sizeof(gm_bar_t));
    gm_release(s->pending, (size_t)s->o.trades * sizeof(gm_pending_t));
    gm_release(s->changes, (size_t)s->o.changes * sizeof(int64_t));
    gm_release(s->buckets, (size_t)s->o.buckets * sizeof(double));
    s->bars = NULL;
    s->pending = NULL;
    s->changes = NULL;
    s->buckets = NULL;
}

static void copy_ring(void* to, const void* from, int64_t head, int64_t capacity, size_t size) {
    memcpy(to, from, (size_t)(head < capacity ? head : capacity) * size);
}

void gm_stream_copy(gm_stream_t* to, const gm_stream_t* from) {
    gm_bar_t* bars = to->bars;
    gm_pending_t* pending = to->pending;
    int64_t* changes = to->changes;
    double* buckets = to->buckets;
    *to = *from;
    to->bars = bars;
    to->pending = pending;
    to->changes = changes;
    to->buckets = buckets;
    copy_ring(bars, from->bars, from->bars_head, from->o.bars, sizeof *bars);
    copy_ring(pending, from->pending, from->pending_head, from->o.trades, sizeof *pending);
    copy_ring(changes, from->changes, from->changes_head, from->o.changes, sizeof *changes);
    copy_ring(buckets, from->buckets, from->buckets_head, from->o.buckets, sizeof *buckets);
}

/* ---- sweeps ---- */

/* The spread that stands from since_ns to `until`, seen from the sweep being followed. */
static void recover(gm_stream_t* s, int64_t until) {
    const int64_t from = s->since_ns, end = s->sweep_ns + s->o.delay_ns[GM_STREAM_DELAYS - 1];
    const int64_t excess = s->spread_e9 - s->sweep_base_e9;
    const int64_t low = from > s->sweep_ns ? from : s->sweep_ns, high = until < end ? until : end;
    if (!s->quoted) {
        s->recovering = 0;
        s->sweeps_lost++;
        return;
    }
    for (int k = 0; k < GM_STREAM_DELAYS; k++) {
        const int64_t at = s->sweep_ns + s->o.delay_ns[k];
        if (from <= at && at < until) s->excess_e9[k] = excess;
    }
    if (high > low) s->excess_ns += (gm_i128)excess * (high - low);
    if (until <= end) return;
    s->sweeps++;
    s->recovering = 0;
    if (s->excess_e9[0] <= 0) return;                       /* it was narrow before, and is not wide now: nothing to recover from */
    for (int k = 0; k < GM_STREAM_DELAYS; k++) s->sum_excess[k] += s->excess_e9[k];
    s->sum_excess_ns += s->excess_ns;
    s->widened++;
}

/* The average spread over the open bar and the one before. Who sweeps chooses a narrow spread: what it comes back to is the usual one. */
static int64_t usual_spread(const gm_stream_t* s) {
    gm_i128 spread = s->bar.spread_ns;
    int64_t time = s->bar.quoted_ns;
    if (s->bars_head > 0) {
        const gm_bar_t* last = &s->bars[(s->bars_head - 1) % s->o.bars];
        spread += last->spread_ns;
        time += last->quoted_ns;
    }
    return time > 0 ? (int64_t)(spread / time) : 0;
}

static void watch_sweep(gm_stream_t* s, int64_t quantity, int sign) {
    if (s->run_ns != s->now_ns || s->run_sign != sign) {    /* what one order took at once is told piece by piece */
        s->run_ns = s->now_ns;
        s->run_sign = sign;
        s->run_quantity = 0;
        s->run_quoted = s->quoted;
        s->run_touch = s->quoted ? s->quantity[sign > 0 ? 1 : 0][0] : 0;
        s->run_spread_e9 = s->spread_e9;
    }
    s->run_quantity = (int64_t)((uint64_t)s->run_quantity + (uint64_t)quantity);
    if (s->recovering || !s->run_quoted || (double)s->run_quantity < s->o.sweep_share * (double)s->run_touch) return;
    s->recovering = 1;
    s->sweep_ns = s->now_ns;
    s->sweep_base_e9 = usual_spread(s);
    if (s->run_spread_e9 > s->sweep_base_e9) s->sweep_base_e9 = s->run_spread_e9;
    s->excess_ns = 0;
    memset(s->excess_e9, 0, sizeof s->excess_e9);
}

/* ---- VPIN ---- */

/* The standard normal distribution. */
static double normal(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); }

static void bulk_classify(gm_stream_t* s, const gm_bar_t* b) {
    double left = (double)b->volume, share = 0.5, sigma = s->o.vpin_sigma, change;
    if (s->o.vpin_bucket == 0 || b->trades == 0) return;
    if (s->vpin_close_e9 == 0) {                            /* nothing to compare the first bar with */
        s->vpin_close_e9 = b->close_e9;
        return;
    }
    change = (double)(b->close_e9 - s->vpin_close_e9) / 1e9;
    s->vpin_close_e9 = b->close_e9;
    {
        const double off = change - s->vpin_mean;           /* Welford: equal changes have no variance at all */
        s->vpin_changes++;
        s->vpin_mean += off / (double)s->vpin_changes;
        s->vpin_squares += off * (change - s->vpin_mean);
    }
    if (sigma == 0.0) {
        if (s->vpin_changes < 2) return;                    /* no scale yet */
        sigma = sqrt(s->vpin_squares / (double)(s->vpin_changes - 1));
    }
    if (sigma > 0.0) share = normal(change / sigma);
    while (left > 0.0) {
        const double room = (double)s->o.vpin_bucket - s->bucket_volume, part = left < room ? left : room;
        s->bucket_volume += part;
        s->bucket_buys += part * share;
        left -= part;
        if (s->bucket_volume >= (double)s->o.vpin_bucket) {
            s->buckets[s->buckets_head++ % s->o.buckets] = fabs(2.0 * s->bucket_buys - s->bucket_volume);
            s->bucket_volume = s->bucket_buys = 0.0;
        }
    }
}

/* ---- time ---- */

/* Counts the standing quote up to `until`. */
static void settle(gm_stream_t* s, int64_t until) {
    const int64_t passed = until - s->since_ns;
    if (passed <= 0) return;
    if (s->quoted) {
        const gm_i128 spread = (gm_i128)s->spread_e9 * passed;
        const double relative = s->relative * (double)passed;
        s->spread_ns += spread;
        s->relative_ns += relative;
        s->quoted_ns += passed;
        s->bar.spread_ns += spread;
        s->bar.relative_ns += relative;
        s->bar.quoted_ns += passed;
    }
    if (__builtin_expect(s->recovering, 0)) recover(s, until);
    s->since_ns = until;
}

static double depth_of(const gm_stream_t* s) {
    double least = INFINITY;
    const double mid2 = (double)s->mid2_e9, scale = -1.0 / (2.0 * s->o.reference_spread * mid2);
    if (s->sampled || !s->quoted) return NAN;               /* a tap tells it with the next quote */
    for (int side = 0; side < 2; side++) {
        double sum = 0.0;
        for (int k = 0; k < s->count[side]; k++)
            sum += (double)s->quantity[side][k] * exp(fabs(2.0 * (double)s->price_e9[side][k] - mid2) * scale);
        if (sum < least) least = sum;
    }
    return least;
}

static void bar_close(gm_stream_t* s) {
    gm_bar_t* b = &s->bar;
    b->mid2_close = s->quoted ? s->mid2_e9 : 0;
    b->depth = depth_of(s);
    s->sample_due = s->sampled;
    bulk_classify(s, b);
    s->bars[s->bars_head++ % s->o.bars] = *b;
}

/* Trades whose horizon ends before `time_ns`: the standing mid is theirs. */
static void mature(gm_stream_t* s, int64_t time_ns) {
    for (int h = 0; h < GM_STREAM_HORIZONS; h++) {
        gm_realized_t* r = &s->realized[h];
        for (; r->next < s->pending_head; r->next++) {
            const gm_pending_t* p = &s->pending[r->next % s->o.trades];
            double effective, realized;
            if (p->time_ns + s->o.horizon_ns[h] >= time_ns) break;
            if (!s->quoted) {
                r->unquoted++;
                continue;
            }
            effective = 2.0 * (double)(p->sign * (p->price2_e9 - p->mid2_e9)) / (double)p->mid2_e9;
            realized = 2.0 * (double)(p->sign * (p->price2_e9 - s->mid2_e9)) / (double)p->mid2_e9;
            r->count++;
            r->weight += p->notional;
            r->weighted_effective += p->notional * effective;
            r->weighted_realized += p->notional * realized;
            r->effective += effective;
            r->realized += realized;
        }
    }
}

static void set_due(gm_stream_t* s) {
    s->due_ns = s->bar_end_ns - 1;
    for (int h = 0; h < GM_STREAM_HORIZONS; h++)
        if (s->realized[h].next < s->pending_head) {
            const int64_t at = s->pending[s->realized[h].next % s->o.trades].time_ns + s->o.horizon_ns[h];
            if (at < s->due_ns) s->due_ns = at;
        }
}

static int64_t bar_start(const gm_stream_t* s, int64_t time_ns) {
    const int64_t past = time_ns % s->o.bar_ns;
    return time_ns - (past < 0 ? past + s->o.bar_ns : past);
}

/* A silence too long to be counted: what was known of the market before is not compared with what comes. */
static void breaks(gm_stream_t* s, int64_t time_ns) {
    settle(s, s->now_ns);
    s->bar.whole = 0;
    bar_close(s);
    for (int h = 0; h < GM_STREAM_HORIZONS; h++) {
        s->realized[h].unquoted += s->pending_head - s->realized[h].next;
        s->realized[h].next = s->pending_head;
    }
    if (s->recovering) s->sweeps_lost++;
    s->recovering = s->seen[0] = s->seen[1] = 0;
    s->quoted = 0;                                          /* until somebody quotes again, or a book is looked at */
    s->dirty[0] = s->dirty[1] = 1;
    s->spread_e9 = s->mid2_e9 = 0;
    s->relative = 0.0;
    s->last_e9 = s->direction = s->vpin_close_e9 = s->changes_head = 0;
    s->change_sum = s->change_product = 0;
    s->breaks++;
    s->since_ns = time_ns;
    bar_begin(s, bar_start(s, time_ns), 0);
}

static void due(gm_stream_t* s, int64_t time_ns) {
    mature(s, time_ns);
    while (time_ns >= s->bar_end_ns) {
        const int64_t end = s->bar_end_ns;
        settle(s, end);
        bar_close(s);
        bar_begin(s, end, 1);
    }
    set_due(s);
}

/* Brings the state to a time that has been heard. It may be put off: nothing depends on when it is done but the quote that stands. */
static inline void reach(gm_stream_t* s, int64_t time_ns) {
    if (time_ns <= s->now_ns) return;
    if (__builtin_expect(time_ns > s->due_ns, 0)) due(s, time_ns);
    s->now_ns = time_ns;
}

/* The time of a message, or that of the one before where it goes back. */
static inline int64_t hear(gm_stream_t* s, int64_t time_ns) {
    if (__builtin_expect(time_ns > TIME_MAX, 0)) time_ns = TIME_MAX;
    if (__builtin_expect(time_ns < -TIME_MAX, 0)) time_ns = -TIME_MAX;
    if (__builtin_expect(s->heard_ns == GM_NO_TIME, 0)) {
        s->began_ns = s->now_ns = s->since_ns = s->hawkes_ns = time_ns;
        bar_begin(s, bar_start(s, time_ns), bar_start(s, time_ns) == time_ns);
        set_due(s);
    } else if (time_ns < s->heard_ns) {
        s->late++;
        return s->heard_ns;
    } else if (__builtin_expect(time_ns - s->heard_ns > s->o.gap_ns, 0)) {
        reach(s, s->heard_ns);
        breaks(s, time_ns);
        set_due(s);
        s->now_ns = time_ns;
    }
    s->heard_ns = time_ns;
    return time_ns;
}

void gm_stream_advance(gm_stream_t* s, int64_t time_ns) { reach(s, hear(s, time_ns)); }

/* ---- quotes ---- */

/* Order flow imbalance of one side at one level (Cont, Kukanov and Stoikov 2014, section 2.1), from the bid's point of view. */
static inline int64_t flow_of(int side, int64_t was_e9, int64_t had, int64_t price_e9, int64_t quantity) {
    const int64_t better = side == 0 ? price_e9 >= was_e9 : price_e9 <= was_e9;      /* or equal: a size that changes counts */
    const int64_t worse = side == 0 ? price_e9 <= was_e9 : price_e9 >= was_e9;
    const int64_t flow = (quantity & -better) - (had & -worse);
    return side == 0 ? flow : -flow;
}

static void requote(gm_stream_t* s) {
    s->quoted = s->count[0] > 0 && s->count[1] > 0 && s->price_e9[0][0] > 0 && s->price_e9[0][0] <= s->price_e9[1][0]
                && s->price_e9[1][0] < GM_STREAM_PRICE_MAX;
    if (!s->quoted) {
        s->spread_e9 = s->mid2_e9 = 0;
        s->relative = 0.0;
        return;
    }
    s->spread_e9 = s->price_e9[1][0] - s->price_e9[0][0];
    s->mid2_e9 = s->price_e9[1][0] + s->price_e9[0][0];
    s->relative = 2.0 * (double)s->spread_e9 / (double)s->mid2_e9;
}

static void show(gm_stream_t* s, int64_t time_ns, int sides, const int64_t* const price_e9[2], const int64_t* const quantity[2],
                 const int32_t count[2]) {
    int settled = 0;
    reach(s, time_ns);
    for (int side = 0; side < 2; side++) {
        const int32_t n = count[side] < s->o.levels ? count[side] : s->o.levels;
        int64_t moved = 0;
        if (!(sides >> side & 1)) continue;
        if (n == s->count[side] && s->seen[side]) {
            for (int32_t k = 0; k < n; k++)
                moved |= (price_e9[side][k] ^ s->price_e9[side][k]) | (quantity[side][k] ^ s->quantity[side][k]);
            if (!moved) continue;
        }
        if (!settled) {
            settle(s, s->now_ns);
            settled = 1;
        }
        for (int32_t k = 0; k < s->o.levels; k++) {
            const int64_t price = k < n ? price_e9[side][k] : NOWHERE(side), amount = k < n ? quantity[side][k] : 0;
            if (s->seen[side]) {
                const int64_t flow = flow_of(side, s->price_e9[side][k], s->quantity[side][k], price, amount);
                s->ofi[k] = (int64_t)((uint64_t)s->ofi[k] + (uint64_t)flow);
                if (k == 0) s->bar.ofi = (int64_t)((uint64_t)s->bar.ofi + (uint64_t)flow);
            }
            s->price_e9[side][k] = price;
            s->quantity[side][k] = amount;
        }
        s->count[side] = n;
        s->seen[side] = 1;
    }
    if (!settled) return;
    requote(s);
    if (s->bar.mid2_open == 0) s->bar.mid2_open = s->mid2_e9;
}

void gm_stream_levels(gm_stream_t* s, int64_t time_ns, int sides, const int64_t* const price_e9[2], const int64_t* const quantity[2],
                      const int32_t count[2]) {
    s->messages++;
    show(s, hear(s, time_ns), sides, price_e9, quantity, count);
}

/* ---- trades ---- */

static void follow_hawkes(gm_stream_t* s) {
    const gm_stream_options_t* o = &s->o;
    if (o->hawkes_mu <= 0.0) return;
    s->hawkes_sum *= exp(-o->hawkes_beta * (double)(s->now_ns - s->hawkes_ns) * 1e-9);
    s->hawkes_log += log(o->hawkes_mu + o->hawkes_alpha * s->hawkes_sum);
    s->hawkes_sum += 1.0;
    s->hawkes_count++;
    s->hawkes_ns = s->now_ns;
}

/* The last o.changes price changes: their sum, and the sum of the products of neighbours. */
static void follow_change(gm_stream_t* s, int64_t change) {
    const int64_t n = s->o.changes, head = s->changes_head;
    if (head >= n) {
        const int64_t first = s->changes[head % n];
        s->change_sum -= first;
        if (n > 1) s->change_product -= (gm_i128)first * s->changes[(head + 1) % n];
    }
    if (head > 0 && n > 1) s->change_product += (gm_i128)change * s->changes[(head - 1) % n];
    s->change_sum += change;
    s->changes[head % n] = change;
    s->changes_head++;
}

static void wait_for_mids(gm_stream_t* s, int64_t price_e9, int64_t sign, double notional) {
    const int64_t room = s->pending_head - s->o.trades;
    gm_pending_t* p;
    for (int h = 0; h < GM_STREAM_HORIZONS; h++) {
        gm_realized_t* r = &s->realized[h];
        if (r->next <= room) {                              /* the oldest gives way */
            r->next++;
            r->dropped++;
        }
        if (r->next == s->pending_head && s->now_ns + s->o.horizon_ns[h] < s->due_ns) s->due_ns = s->now_ns + s->o.horizon_ns[h];
    }
    p = &s->pending[s->pending_head++ % s->o.trades];
    p->time_ns = s->now_ns;
    p->price2_e9 = 2 * price_e9;
    p->mid2_e9 = s->mid2_e9;
    p->notional = notional;
    p->sign = sign;
}

static void follow_bar(gm_stream_t* s, int64_t price_e9, int64_t quantity, int sign, gm_i128 notional) {
    gm_bar_t* b = &s->bar;
    if (b->trades++ == 0) b->open_e9 = b->high_e9 = b->low_e9 = price_e9;
    if (price_e9 > b->high_e9) b->high_e9 = price_e9;
    if (price_e9 < b->low_e9) b->low_e9 = price_e9;
    b->close_e9 = price_e9;
    b->volume += quantity;
    b->notional += notional;
    if (sign > 0) b->buy_volume += quantity;
    if (sign < 0) b->sell_volume += quantity;
}

static void print(gm_stream_t* s, int64_t time_ns, int64_t price_e9, int64_t quantity, int side) {
    gm_i128 notional;
    double money;
    int sign = side;
    reach(s, time_ns);
    if (price_e9 <= 0 || price_e9 >= GM_STREAM_PRICE_MAX || quantity <= 0 || quantity >= GM_STREAM_QUANTITY_MAX
        || s->volume >= INT64_MAX - GM_STREAM_QUANTITY_MAX) {
        s->refused++;
        return;
    }
    notional = (gm_i128)price_e9 * quantity;
    money = (double)notional / 1e9;
    if (s->last_e9 != 0 && price_e9 != s->last_e9) s->direction = price_e9 > s->last_e9 ? 1 : -1;
    if (sign == 0 || !s->o.trust_sides) {
        const int64_t beyond = s->quoted ? 2 * price_e9 - s->mid2_e9 : 0;
        sign = beyond > 0 ? 1 : beyond < 0 ? -1 : (int)s->direction;
    }
    if (s->last_e9 != 0) follow_change(s, price_e9 - s->last_e9);
    s->last_e9 = price_e9;
    s->volume += quantity;
    s->notional += notional;
    if (sign > 0) {
        s->buys++;
        s->buy_volume += quantity;
    } else if (sign < 0) {
        s->sells++;
        s->sell_volume += quantity;
    } else {
        s->unsigned_trades++;
    }
    follow_bar(s, price_e9, quantity, sign, notional);
    follow_hawkes(s);
    if (sign == 0) return;
    if (s->quoted) {
        const int64_t paid2 = sign * (2 * price_e9 - s->mid2_e9);
        const double effective = 2.0 * (double)paid2 / (double)s->mid2_e9;
        s->effective_count++;
        s->effective_volume += quantity;
        s->effective_cost += (gm_i128)paid2 * quantity;
        s->weight += money;
        s->weighted_effective += money * effective;
        s->effective += effective;
        wait_for_mids(s, price_e9, sign, money);
    }
    watch_sweep(s, quantity, sign);
}

void gm_stream_trade(gm_stream_t* s, int64_t time_ns, int64_t price_e9, int64_t quantity, int side) {
    s->messages++;
    print(s, hear(s, time_ns), price_e9, quantity, side);
}

/* ---- a feed through a book ---- */

static int32_t read_side(const gm_book_t* b, int side, int64_t tick_e9, int32_t most, int64_t* price_e9, int64_t* quantity, int64_t* worst) {
    int64_t i = b->best[side];
    int32_t n = 0;
    while (i >= 0 && n < most) {
        *worst = b->base + i;
        price_e9[n] = *worst * tick_e9;
        quantity[n++] = b->levels[side][i].quantity;
        i = gm_book_next(b, side, i);
    }
    return n;
}

/* The book is whole: what changed in sight is a quote. */
static void flush(gm_stream_t* s, const gm_feed_t* f, const gm_book_t* b) {
    int64_t price[2][GM_STREAM_LEVELS], quantity[2][GM_STREAM_LEVELS];
    const int64_t* const prices[2] = {price[0], price[1]};
    const int64_t* const quantities[2] = {quantity[0], quantity[1]};
    int32_t count[2] = {0, 0};
    int sides = 0;
    s->event_open = 0;
    if (!(s->dirty[0] | s->dirty[1])) return;
    for (int side = 0; side < 2; side++) {
        if (!s->dirty[side]) continue;
        sides |= 1 << side;
        count[side] = read_side(b, side, f->tick_e9, s->o.levels, price[side], quantity[side], &s->worst[side]);
        s->bounded[side] = count[side] == s->o.levels;
        s->dirty[side] = 0;
    }
    show(s, s->pending_ns, sides, prices, quantities, count);
}

/* A price of side s is touched: does it lie in sight? */
static inline void touched(gm_stream_t* s, int side, int64_t tick) {
    if (!s->bounded[side] || !gm_book_better(side, s->worst[side], tick)) s->dirty[side] = 1;
}

static void both_touched(gm_stream_t* s) { s->dirty[0] = s->dirty[1] = 1; }

static void touched_at(gm_stream_t* s, const gm_feed_t* f, const gm_message_t* m, int side) {
    int64_t tick;
    if (gm_feed_tick(f, m->price_e9, &tick)) touched(s, side, tick);
}

/* What a message is about to do, before the book has it. */
static void foresee(gm_stream_t* s, const gm_feed_t* f, const gm_book_t* b, const gm_message_t* m, int64_t time_ns) {
    const int told = m->side == GM_BUY || m->side == GM_SELL;
    switch (m->action) {
    case GM_ADD:
    case GM_SET_LEVEL:
        if (m->action == GM_SET_LEVEL && m->level == 1 && told) s->dirty[gm_side_of(m->side)] = 1;
        else if (told) touched_at(s, f, m, gm_side_of(m->side));
        return;
    case GM_REDUCE:
    case GM_DELETE:
    case GM_EXECUTE:
    case GM_REPLACE: {
        const int32_t slot = f->by_level ? GM_NIL : gm_book_find(b, m->order_id);
        const int side = slot == GM_NIL ? (told ? m->side : 0) : b->pool[slot].side;
        if (slot == GM_NIL) {
            both_touched(s);                                /* a snapshot's orders without names, or nothing at all */
        } else {
            touched(s, gm_side_of(b->pool[slot].side), b->pool[slot].tick);
            if (m->action == GM_REPLACE) touched_at(s, f, m, gm_side_of(b->pool[slot].side));
        }
        if (m->action == GM_EXECUTE && !(m->flags & GM_FLAG_UNPRINTED)) {
            const int64_t price = m->price_e9 > 0 ? m->price_e9 : slot == GM_NIL ? 0 : b->pool[slot].tick * f->tick_e9;
            print(s, time_ns, price, m->quantity, -side);
        }
        return;
    }
    case GM_EXECUTE_HIDDEN:
    case GM_TRADE:
        if (!(m->flags & GM_FLAG_UNPRINTED)) print(s, time_ns, m->price_e9, m->quantity, told ? -m->side : 0);
        return;
    case GM_CLEAR:
        both_touched(s);
        return;
    default:                                                /* an auction's print is no trade with the book; a halt is no quote */
        return;
    }
}

int64_t gm_stream_apply(gm_stream_t* s, gm_feed_t* f, gm_book_t* b, const gm_message_t* rows, int64_t n, int whole, int64_t* first, int* what) {
    int64_t failed = 0;
    *first = -1;
    for (int64_t i = 0; i < n; i++) {
        const gm_message_t* m = &rows[i];
        const int mine = f->symbol == GM_ANY_SYMBOL || m->symbol == f->symbol || (m->symbol < 0 && m->action == GM_CLEAR);
        int problem;
        if (mine) {
            if (s->event_open && (m->sequence == 0 || m->sequence != s->sequence)) flush(s, f, b);
            s->messages++;
            s->sequence = m->sequence;
            s->pending_ns = hear(s, m->time_ns);
            s->event_open = 1;
            foresee(s, f, b, m, s->pending_ns);
        }
        problem = gm_feed_one(f, b, m);
        if (mine && m->action != GM_HALT && (m->flags & GM_FLAG_LAST)) flush(s, f, b);
        if (__builtin_expect(problem != GM_FEED_OK, 0) && failed++ == 0) {
            *first = i;
            *what = problem;
        }
    }
    if (whole && s->event_open) flush(s, f, b);
    if (whole && s->heard_ns != GM_NO_TIME) reach(s, s->heard_ns);
    return failed;
}

/* ---- out ---- */

static int64_t* wide(int64_t* n, gm_i128 x) {
    *n++ = (int64_t)(x >> 64);
    *n++ = (int64_t)(uint64_t)x;
    return n;
}

void gm_stream_numbers(const gm_stream_t* s, int64_t* n, double* r) {
    const int64_t changes = s->changes_head < s->o.changes ? s->changes_head : s->o.changes;
    const int64_t plain[] = {
        s->began_ns, s->now_ns, s->since_ns, s->messages, s->late, s->breaks, s->refused, s->quoted, s->spread_e9, s->mid2_e9,
        s->quoted_ns, s->buys, s->sells, s->unsigned_trades, s->buy_volume, s->sell_volume, s->volume, s->last_e9, s->direction,
        s->effective_count, s->effective_volume, changes, changes ? s->changes[(s->changes_head - changes) % s->o.changes] : 0,
        changes ? s->changes[(s->changes_head - 1) % s->o.changes] : 0, s->bars_head, s->vpin_changes, s->buckets_head, s->hawkes_ns,
        s->hawkes_count, s->recovering, s->sweeps, s->widened, s->sweeps_lost};
    const double reals[] = {s->relative, s->relative_ns, s->weight, s->weighted_effective, s->effective, s->bucket_volume,
                            s->bucket_buys, s->hawkes_sum, s->hawkes_log};
    memcpy(n, plain, sizeof plain);
    memcpy(r, reals, sizeof reals);
    n += sizeof plain / sizeof *plain;
    r += sizeof reals / sizeof *reals;
    memcpy(n, s->ofi, sizeof s->ofi);
    n += GM_STREAM_LEVELS;
    for (int h = 0; h < GM_STREAM_HORIZONS; h++) {
        const gm_realized_t* x = &s->realized[h];
        const int64_t counts[] = {x->count, x->unquoted, x->dropped, s->pending_head - x->next};
        const double sums[] = {x->weight, x->weighted_effective, x->weighted_realized, x->effective, x->realized};
        memcpy(n, counts, sizeof counts);
        memcpy(r, sums, sizeof sums);
        n += 4;
        r += 5;
    }
    n = wide(n, s->spread_ns);
    n = wide(n, s->notional);
    n = wide(n, s->effective_cost);
    n = wide(n, s->change_sum);
    n = wide(n, s->change_product);
    n = wide(n, s->sum_excess_ns);
    for (int k = 0; k < GM_STREAM_DELAYS; k++) n = wide(n, s->sum_excess[k]);
}

void gm_stream_bar(const gm_stream_t* s, int64_t back, int64_t* n, double* r) {
    gm_bar_t b = back > 0 ? s->bars[(s->bars_head - back) % s->o.bars] : s->bar;
    if (back == 0) {
        b.whole = 0;
        b.depth = NAN;
        if (s->quoted) {
            const int64_t passed = s->now_ns - s->since_ns;
            b.mid2_close = s->mid2_e9;
            b.quoted_ns += passed;
            b.spread_ns += (gm_i128)s->spread_e9 * passed;
            b.relative_ns += s->relative * (double)passed;
        }
    }
    {
        const int64_t numbers[GM_BAR_NUMBERS] = {b.start_ns, b.open_e9, b.high_e9, b.low_e9, b.close_e9, b.volume, b.buy_volume,
                                                 b.sell_volume, b.trades, b.ofi, b.quoted_ns, b.whole};
        const double time = b.quoted_ns > 0 ? (double)b.quoted_ns : NAN;
        const double reals[GM_BAR_REALS] = {(double)b.notional / 1e9, b.mid2_open ? (double)b.mid2_open / 2e9 : NAN,
                                            b.mid2_close ? (double)b.mid2_close / 2e9 : NAN, (double)b.spread_ns / time / 1e9,
                                            b.relative_ns / time * 1e4, b.depth};
        memcpy(n, numbers, sizeof numbers);
        memcpy(r, reals, sizeof reals);
    }
}

/* ---- an ear at an engine's venues ---- */

/* The depth at the end of the bar that has just closed: what the market shows behind the quote that was the first to pass it. */
static void sample_depth(gm_stream_t* s, const gm_tap_t* tap, int32_t symbol) {
    int64_t rows[4 * GM_STREAM_LEVELS], cells[4][GM_STREAM_LEVELS];
    gm_ladder_t l = {{cells[2], cells[0]}, {cells[3], cells[1]}, {0, 0}};
    gm_market_levels((gm_market_t*)tap->market, symbol, GM_STREAM_LEVELS, rows);
    for (int k = 0; k < GM_STREAM_LEVELS; k++)
        for (int side = 0; side < 2; side++) {
            const int at = 4 * k + (side == 0 ? 2 : 0);
            if (rows[at] == GM_NO_PRICE) continue;
            l.price_e9[side][l.count[side]] = rows[at];
            l.quantity[side][l.count[side]++] = rows[at + 1];
        }
    s->sample_due = 0;
    if (s->bars_head > 0 && l.count[0] > 0 && l.count[1] > 0) {
        const double bids = gm_ladder_by_distance(&l, 0, s->o.reference_spread), asks = gm_ladder_by_distance(&l, 1, s->o.reference_spread);
        s->bars[(s->bars_head - 1) % s->o.bars].depth = bids < asks ? bids : asks;
    }
}

static void hear_quote(gm_tap_t* tap, const gm_venues_t* v, int32_t symbol, int64_t time_ns) {
    gm_stream_t* s = (gm_stream_t*)tap->self;
    const gm_nbbo_t n = gm_consolidate(v, symbol);
    const int64_t* const prices[2] = {&n.bid_e9, &n.ask_e9};
    const int64_t* const quantities[2] = {&n.bid_quantity, &n.ask_quantity};
    const int32_t count[2] = {n.bid_e9 != GM_NO_PRICE, n.ask_e9 != GM_NO_PRICE};
    gm_stream_levels(s, time_ns, 3, prices, quantities, count);
    if (s->sample_due && tap->market) sample_depth(s, tap, symbol);
}

static void hear_print(gm_tap_t* tap, int64_t price_e9, int64_t quantity, int64_t time_ns) {
    gm_stream_t* s = (gm_stream_t*)tap->self;
    gm_stream_trade(s, time_ns, price_e9, quantity, 0);
}

void gm_stream_tap(gm_tap_t* tap, gm_stream_t* s) {
    tap->self = s;
    tap->market = NULL;
    tap->quote = hear_quote;
    tap->print = hear_print;
    s->sampled = 1;
}
