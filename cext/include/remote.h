/* The engine's doors to venues in other processes: a market that writes orders to sockets and reads reports from them.
 * Venues without a door belong to an inner market, if there is one.
 *
 * Nothing here blocks, allocates or touches a Python object: buffers are made with the door, sends and receives are
 * MSG_DONTWAIT. Sockets are made, logged in and closed by Python; a door that has ended only stops using its own.
 *
 * An order stands in the table of unanswered ones from the moment its frame is in the out-buffer until the venue's first
 * word on it. When the connection ends, one of which no byte was sent is REJECTED: it did not leave. For any other nobody
 * here knows, and that is what is reported: GM_EXEC_STATUS with GM_UNKNOWN_STATUS. */
#ifndef GM_REMOTE_H
#define GM_REMOTE_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "gate.h"
#include "market.h"
#include "orders.h"
#include "wire.h"

#define GM_DOOR_BUFFER ((size_t)1 << 18)
#define GM_DOOR_WAITING 4096           /* orders and cancels without an answer, most at once */
#define GM_DOOR_BUCKETS 8192
#define GM_DOOR_ROUNDS 64              /* buffers taken in at one advance: a flood does not stop time */

enum gm_door_state { GM_DOOR_CLOSED = 0, GM_DOOR_OPEN, GM_DOOR_ENDING };

/* Why a door is closed. */
enum gm_door_fault {
    GM_DOOR_NO_FAULT = 0, GM_DOOR_END_OF_STREAM, GM_DOOR_TRUNCATED, GM_DOOR_IO, GM_DOOR_BAD_HEAD, GM_DOOR_BAD_NUMBER,
    GM_DOOR_BAD_ROW, GM_DOOR_REFUSED, GM_DOOR_ON_REQUEST, GM_DOOR_FAULT_END
};

enum gm_waits { GM_WAITS_ORDER = 1, GM_WAITS_CANCEL = 2 };

typedef struct gm_unanswered {
    int64_t order_id;
    int64_t quantity;
    uint64_t order_at;                 /* where its frame begins in the stream of bytes to the venue */
    uint64_t cancel_at;
    int32_t symbol;
    int32_t older, newer;              /* by age, so that the end of a connection tells of them in order */
    int32_t next;                      /* in its bucket, or in the free list; -1: none */
    int8_t side;
    uint8_t waits;                     /* gm_waits */
    uint16_t reserved;
    uint32_t reserved_tail;
} gm_unanswered_t;

/* Rows of an answer to STATUS_REQUEST go where Python wants them; without an `orders` they are let go. */
typedef struct gm_door_status {
    gm_order_t* orders;
    gm_report_t* trades;
    gm_wire_position_t* positions;
    int64_t room;                      /* of each */
    int64_t order_count, trade_count, position_count;    /* seen, also those without room */
    int64_t request;                   /* asked for; an end with another number belongs to an older one */
    int32_t done;
    gm_wire_status_end_t end;
} gm_door_status_t;

typedef struct gm_door {
    int32_t fd;                        /* -1: none */
    int32_t venue;
    int32_t state;                     /* gm_door_state */
    int32_t fault;                     /* gm_door_fault of the last end */
    int32_t error;                     /* errno of GM_DOOR_IO, gm_wire_refusal of GM_DOOR_REFUSED */
    int32_t symbols;                   /* numbers that the venue knows: below this */
    int32_t enabled;                   /* what `venues.enabled` is while it is open */
    int32_t told;                      /* what the feed has last said of it */
    char refused[GM_WIRE_TEXT_LENGTH];
    char* out;
    size_t out_head, out_tail;
    char* in;
    size_t in_tail;
    uint64_t appended, sent;           /* bytes of this connection: into the out-buffer, out of it */
    uint64_t number_out, number_in;    /* of the last frame */
    int64_t last_execution_id;
    int64_t* printed;                  /* [symbol] the venue's volume that is on the tape; -1: not known yet */
    gm_unanswered_t* waiting;
    int32_t* buckets;                  /* order id -> first in `waiting` */
    int32_t oldest, newest, free_head, waiting_count;
    gm_door_status_t status;
    int64_t orders, cancels, reports, duplicates, quotes, disconnects, unknown, not_sent;
} gm_door_t;

typedef struct gm_remote {
    gm_market_t market;
    gm_market_t* inner;                /* NULL: none */
    gm_gate_t gate;                    /* between the engine's calls and Python's connect, status and close */
    int32_t count;
    int32_t symbols;                   /* rows of the venues' table: when this is freed, that may be gone */
    int32_t door_of[GM_MAX_VENUES];    /* -1: not remote */
    gm_door_t doors[GM_MAX_VENUES];
} gm_remote_t;

/* ---- unanswered orders ---- */

static inline uint32_t gm_door_bucket(int64_t order_id) {
    return (uint32_t)(((uint64_t)order_id * 0x9E3779B97F4A7C15ULL) >> 51);      /* 13 bits: GM_DOOR_BUCKETS */
}

static inline gm_unanswered_t* gm_door_find(gm_door_t* d, int64_t order_id) {
    for (int32_t i = d->buckets[gm_door_bucket(order_id)]; i >= 0; i = d->waiting[i].next)
        if (d->waiting[i].order_id == order_id) return &d->waiting[i];
    return NULL;
}

static inline void gm_door_forget_all(gm_door_t* d) {
    for (int32_t i = 0; i < GM_DOOR_BUCKETS; i++) d->buckets[i] = -1;
    for (int32_t i = 0; i < GM_DOOR_WAITING; i++) d->waiting[i].next = i + 1 < GM_DOOR_WAITING ? i + 1 : -1;
    d->free_head = 0;
    d->oldest = d->newest = -1;
    d->waiting_count = 0;
}

/* A new entry, the youngest; NULL: the table is full. */
static inline gm_unanswered_t* gm_door_expect(gm_door_t* d, const gm_order_t* o) {
    int32_t i = d->free_head;
    int32_t* bucket = &d->buckets[gm_door_bucket(o->order_id)];
    gm_unanswered_t* w;
    if (i < 0) return NULL;
    w = &d->waiting[i];
    d->free_head = w->next;
    memset(w, 0, sizeof *w);
    w->order_id = o->order_id;
    w->symbol = o->symbol;
    w->side = o->side;
    w->quantity = o->leaves_quantity;
    w->next = *bucket;
    *bucket = i;
    w->older = d->newest;
    w->newer = -1;
    if (d->newest >= 0) d->waiting[d->newest].newer = i; else d->oldest = i;
    d->newest = i;
    d->waiting_count++;
    return w;
}

static inline void gm_door_forget(gm_door_t* d, gm_unanswered_t* w) {
    const int32_t i = (int32_t)(w - d->waiting);
    int32_t* link = &d->buckets[gm_door_bucket(w->order_id)];
    while (*link != i) link = &d->waiting[*link].next;
    *link = w->next;
    if (w->older >= 0) d->waiting[w->older].newer = w->newer; else d->oldest = w->newer;
    if (w->newer >= 0) d->waiting[w->newer].older = w->older; else d->newest = w->older;
    w->next = d->free_head;
    d->free_head = i;
    d->waiting_count--;
}

/* The venue has spoken of the order: any word answers the order, its end or a refusal also the cancel. */
static inline void gm_door_answered(gm_door_t* d, const gm_report_t* r) {
    gm_unanswered_t* w = gm_door_find(d, r->order_id);
    if (w == NULL) return;
    w->waits &= (uint8_t)~GM_WAITS_ORDER;
    if (r->exec_type == GM_EXEC_CANCELED || r->exec_type == GM_EXEC_CANCEL_REJECTED || r->exec_type == GM_EXEC_REJECTED
        || r->exec_type == GM_EXEC_EXPIRED || r->exec_type == GM_EXEC_REPLACED) w->waits = 0;
    if (w->waits == 0) gm_door_forget(d, w);
}

/* ---- bytes out ---- */

static inline void gm_door_fail(gm_door_t* d, int32_t fault, int32_t error) {
    if (d->state != GM_DOOR_OPEN) return;
    d->state = GM_DOOR_ENDING;
    d->fault = fault;
    d->error = error;
}

static inline void gm_door_flush(gm_door_t* d) {
    while (d->state == GM_DOOR_OPEN && d->out_head < d->out_tail) {
        ssize_t n = send(d->fd, d->out + d->out_head, d->out_tail - d->out_head, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            d->out_head += (size_t)n;
            d->sent += (uint64_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        } else {
            gm_door_fail(d, GM_DOOR_IO, n < 0 ? errno : 0);
        }
    }
    if (d->out_head == d->out_tail) d->out_head = d->out_tail = 0;
}

/* Puts a frame into the out-buffer and tries to send. Where it begins in the stream through `at`; 0: no room. */
static inline int gm_door_put(gm_door_t* d, uint16_t kind, const void* row, uint64_t* at) {
    const size_t bytes = (size_t)gm_wire_row_size(kind);
    gm_wire_head_t head = {(uint32_t)(sizeof head + bytes), kind, GM_WIRE_VERSION, d->number_out + 1};
    if (GM_DOOR_BUFFER - d->out_tail < head.size && d->out_head > 0) {
        memmove(d->out, d->out + d->out_head, d->out_tail - d->out_head);
        d->out_tail -= d->out_head;
        d->out_head = 0;
    }
    if (GM_DOOR_BUFFER - d->out_tail < head.size) return 0;
    memcpy(d->out + d->out_tail, &head, sizeof head);
    if (bytes) memcpy(d->out + d->out_tail + sizeof head, row, bytes);
    d->out_tail += head.size;
    *at = d->appended;
    d->appended += head.size;
    d->number_out++;
    gm_door_flush(d);
    return 1;
}

/* ---- the engine's commands ---- */

/* A word of this door, not of the venue: without an execution id. */
static inline void gm_remote_say(gm_remote_t* r, int64_t order_id, int32_t venue, int32_t symbol, int8_t side,
                                 uint8_t exec_type, uint8_t status, uint16_t reason, int64_t quantity, int64_t time_ns) {
    gm_report_t report;
    memset(&report, 0, sizeof report);
    report.order_id = order_id;
    report.price_e9 = GM_NO_PRICE;
    report.quantity = quantity;
    report.venue_time_ns = time_ns;
    report.venue = venue;
    report.symbol = symbol;
    report.side = side;
    report.exec_type = exec_type;
    report.status = status;
    report.reason = reason;
    r->market.report(r->market.core, &report);
}

static inline gm_door_t* gm_remote_door(gm_remote_t* r, int32_t venue) {
    return venue >= 0 && venue < GM_MAX_VENUES && r->door_of[venue] >= 0 ? &r->doors[r->door_of[venue]] : NULL;
}

/* GM_REASON_NONE, or why the order did not leave. */
static inline uint16_t gm_door_order(gm_door_t* d, const gm_order_t* o) {
    gm_order_t row = *o;
    gm_unanswered_t* w;
    if (d->state != GM_DOOR_OPEN) return GM_REASON_DISCONNECTED;
    if (o->symbol < 0 || o->symbol >= d->symbols) return GM_REASON_UNSUPPORTED;
    w = gm_door_expect(d, o);
    if (w == NULL) return GM_REASON_DISCONNECTED;
    /* What the engine does itself (its trigger, its end, its list, reduce-only) is not the venue's affair. */
    if (gm_is_triggered(row.order_type)) row.order_type = row.limit_price_e9 == GM_NO_PRICE ? GM_MARKET : GM_LIMIT;
    if (row.time_in_force == GM_GTD) row.time_in_force = GM_GTC;
    row.flags &= GM_POST_ONLY | GM_HIDDEN;
    row.quantity = row.leaves_quantity;
    row.terms = 0;
    row.stop_price_e9 = GM_NO_PRICE;
    if (!gm_door_put(d, GM_WIRE_ORDER, &row, &w->order_at)) {
        gm_door_forget(d, w);
        return GM_REASON_DISCONNECTED;
    }
    w->waits = GM_WAITS_ORDER;
    if (d->state != GM_DOOR_OPEN && w->order_at >= d->sent) {      /* it failed at once: not a byte of this one left */
        gm_door_forget(d, w);
        return GM_REASON_DISCONNECTED;
    }
    d->orders++;
    return GM_REASON_NONE;
}

/* A cancel, or (GM_WIRE_REPLACE) another quantity and limit. */
static inline uint16_t gm_door_request(gm_door_t* d, const gm_order_t* o, uint16_t frame) {
    const int replaces = frame == GM_WIRE_REPLACE;
    gm_request_t q;
    gm_unanswered_t* w;
    if (d->state != GM_DOOR_OPEN || o->symbol < 0 || o->symbol >= d->symbols) return GM_REASON_DISCONNECTED;
    memset(&q, 0, sizeof q);
    q.order_id = o->order_id;
    q.quantity = replaces ? o->working_quantity : o->leaves_quantity;
    q.price_e9 = replaces ? o->pending_price_e9 : GM_NO_PRICE;
    q.stop_price_e9 = GM_NO_PRICE;
    q.kind = replaces ? GM_REQUEST_REPLACE : GM_REQUEST_CANCEL;
    q.reason = GM_REASON_USER;
    q.venue = o->venue;
    q.status = replaces ? GM_PENDING_REPLACE : GM_PENDING_CANCEL;
    q.reserved_bytes[0] = (uint8_t)o->side;
    q.reserved[0] = o->symbol;
    w = gm_door_find(d, o->order_id);
    if (w == NULL) w = gm_door_expect(d, o);
    if (w == NULL) return GM_REASON_DISCONNECTED;
    if (!gm_door_put(d, frame, &q, &w->cancel_at) || (d->state != GM_DOOR_OPEN && w->cancel_at >= d->sent)) {
        if (w->waits == 0) gm_door_forget(d, w);
        return GM_REASON_DISCONNECTED;
    }
    w->waits |= GM_WAITS_CANCEL;
    d->cancels++;
    return GM_REASON_NONE;
}

/* Has the inner market do it; both count the same executions. */
static inline void gm_remote_inside(gm_remote_t* r, void (*act)(gm_market_t*, const gm_order_t*, int64_t), const gm_order_t* o, int64_t now_ns) {
    if (r->market.executions > r->inner->executions) r->inner->executions = r->market.executions;
    act(r->inner, o, now_ns);
    r->market.executions = r->inner->executions;
}

static inline void gm_remote_submit(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_remote_t* r = (gm_remote_t*)market->self;
    gm_door_t* d = gm_remote_door(r, o->venue);
    uint16_t reason = GM_REASON_UNSUPPORTED;
    if (d == NULL && r->inner != NULL) {
        gm_remote_inside(r, r->inner->submit, o, now_ns);
        return;
    }
    if (d != NULL) {
        gm_gate_wait(&r->gate);
        reason = gm_door_order(d, o);
        if (reason != GM_REASON_NONE) d->not_sent++;
        if (d->state != GM_DOOR_OPEN) gm_venue_enable(market->venues, d->venue, 0);
        gm_gate_leave(&r->gate);
    }
    if (reason != GM_REASON_NONE)
        gm_remote_say(r, o->order_id, o->venue, o->symbol, o->side, GM_EXEC_REJECTED, GM_REJECTED, reason, o->leaves_quantity, now_ns);
}

/* A venue behind a door has kept what rested there; one of the inner market has not. */
static inline void gm_remote_restore(gm_market_t* market, const gm_order_t* o, int64_t now_ns) {
    gm_remote_t* r = (gm_remote_t*)market->self;
    if (gm_remote_door(r, o->venue) != NULL || r->inner == NULL || r->inner->restore == NULL) return;
    gm_remote_inside(r, r->inner->restore, o, now_ns);
}

static inline void gm_remote_request(gm_market_t* market, const gm_order_t* o, uint16_t frame, int64_t now_ns) {
    gm_remote_t* r = (gm_remote_t*)market->self;
    gm_door_t* d = gm_remote_door(r, o->venue);
    uint16_t reason = GM_REASON_UNKNOWN_ORDER;
    if (d == NULL && r->inner != NULL) {
        gm_remote_inside(r, frame == GM_WIRE_REPLACE ? r->inner->replace : r->inner->cancel, o, now_ns);
        return;
    }
    if (d != NULL) {
        gm_gate_wait(&r->gate);
        reason = gm_door_request(d, o, frame);
        if (d->state != GM_DOOR_OPEN) gm_venue_enable(market->venues, d->venue, 0);
        gm_gate_leave(&r->gate);
    }
    if (reason != GM_REASON_NONE)
        gm_remote_say(r, o->order_id, o->venue, o->symbol, o->side, GM_EXEC_CANCEL_REJECTED, 0, reason, 0, now_ns);
}

static inline void gm_remote_cancel(gm_market_t* market, const gm_order_t* o, int64_t now_ns) { gm_remote_request(market, o, GM_WIRE_CANCEL, now_ns); }
static inline void gm_remote_replace(gm_market_t* market, const gm_order_t* o, int64_t now_ns) { gm_remote_request(market, o, GM_WIRE_REPLACE, now_ns); }

static inline void gm_remote_follow(gm_market_t* market, int32_t symbol, int32_t change) {
    gm_remote_t* r = (gm_remote_t*)market->self;
    if (r->inner != NULL && r->inner->follow != NULL) r->inner->follow(r->inner, symbol, change);
}

/* ---- bytes in ---- */

static inline int gm_report_sound(const gm_door_t* d, const gm_report_t* r) {
    if (r->symbol < 0 || r->symbol >= d->symbols || (r->side != GM_BUY && r->side != GM_SELL)) return 0;
    if (r->order_id <= 0 || r->execution_id <= 0 || r->quantity < 0 || r->venue_time_ns <= 0) return 0;
    if (r->exec_type == GM_EXEC_REPLACED) return r->quantity > 0 && (r->price_e9 == GM_NO_PRICE || r->price_e9 > 0);
    if (r->exec_type == GM_EXEC_TRADE || r->exec_type == GM_EXEC_TRADE_CORRECT) return r->price_e9 > 0 && r->quantity > 0 && r->liquidity <= GM_AUCTION_FILL;
    return r->exec_type == GM_EXEC_NEW || r->exec_type == GM_EXEC_CANCELED || r->exec_type == GM_EXEC_REJECTED
        || r->exec_type == GM_EXEC_EXPIRED || r->exec_type == GM_EXEC_CANCEL_REJECTED || r->exec_type == GM_EXEC_TRADE_CANCEL;
}

static inline void gm_door_report(gm_remote_t* r, gm_door_t* d, gm_report_t* row) {
    gm_door_answered(d, row);
    if (row->execution_id <= d->last_execution_id) {
        d->duplicates++;                                    /* sent again, and known */
        return;
    }
    d->last_execution_id = row->execution_id;
    d->reports++;
    row->venue = d->venue;
    row->fee_e9 = 0;
    row->bid_e9 = row->ask_e9 = GM_NO_PRICE;
    row->account = 0;                  /* the engine knows whose order it is */
    if (row->exec_type == GM_EXEC_TRADE) {
        row->fee_e9 = gm_fee(r->market.venues, d->venue, row->liquidity, row->quantity);
        if (d->printed[row->symbol] >= 0) {                 /* what was traded before we came is not on the tape */
            gm_print_publish(r->market.venues, row->symbol, d->venue, row->price_e9, row->quantity,
                             GM_FLAG_OWN | (row->liquidity == GM_AUCTION_FILL ? GM_FLAG_AUCTION : 0), row->venue_time_ns);
            d->printed[row->symbol] += row->quantity;
        }
    }
    r->market.report(r->market.core, row);
}

static inline int gm_door_quote(gm_remote_t* r, gm_door_t* d, const gm_wire_quote_t* row) {
    gm_quote_t* q;
    const gm_quote_t* given = &row->quote;
    int64_t sequence, others;
    if (row->symbol < 0 || row->symbol >= d->symbols || given->bid_quantity < 0 || given->ask_quantity < 0 || given->volume < 0
        || (given->bid_e9 <= 0 && given->bid_e9 != GM_NO_PRICE) || (given->ask_e9 <= 0 && given->ask_e9 != GM_NO_PRICE)
        || (given->last_e9 <= 0 && given->last_e9 != GM_NO_PRICE)) return 0;
    q = gm_quotes_of(r->market.venues, row->symbol) + d->venue;
    sequence = q->sequence;
    gm_quote_publish(r->market.venues, row->symbol, d->venue, given->bid_e9, given->bid_quantity, given->ask_e9, given->ask_quantity,
                     given->time_ns);
    q->last_e9 = given->last_e9;
    gm_volume_publish(r->market.venues, row->symbol, d->venue, given->volume);
    q->sequence = sequence + 1;                             /* ours never falls, also when the venue begins anew */
    others = d->printed[row->symbol] < 0 ? 0 : given->volume - d->printed[row->symbol];
    if (others > 0 && given->last_e9 > 0)
        gm_print_publish(r->market.venues, row->symbol, d->venue, given->last_e9, others, 0, given->time_ns);
    if (others >= 0) d->printed[row->symbol] = given->volume;
    d->quotes++;
    return 1;
}

/* One frame whose head is known to be sound. A gm_door_fault. */
static inline int gm_door_frame(gm_remote_t* r, gm_door_t* d, uint16_t kind, const char* row) {
    gm_door_status_t* s = &d->status;
    switch (kind) {
    case GM_WIRE_REPORT: {
        gm_report_t report;
        memcpy(&report, row, sizeof report);
        if (!gm_report_sound(d, &report)) return GM_DOOR_BAD_ROW;
        gm_door_report(r, d, &report);
        return GM_DOOR_NO_FAULT;
    }
    case GM_WIRE_QUOTE: {
        gm_wire_quote_t quote;
        memcpy(&quote, row, sizeof quote);
        return gm_door_quote(r, d, &quote) ? GM_DOOR_NO_FAULT : GM_DOOR_BAD_ROW;
    }
    case GM_WIRE_ORDER_STATUS:
        if (s->orders && s->order_count < s->room) memcpy(&s->orders[s->order_count], row, sizeof(gm_order_t));
        s->order_count++;
        return GM_DOOR_NO_FAULT;
    case GM_WIRE_EXECUTION:
        if (s->trades && s->trade_count < s->room) memcpy(&s->trades[s->trade_count], row, sizeof(gm_report_t));
        s->trade_count++;
        return GM_DOOR_NO_FAULT;
    case GM_WIRE_POSITION:
        if (s->positions && s->position_count < s->room) memcpy(&s->positions[s->position_count], row, sizeof(gm_wire_position_t));
        s->position_count++;
        return GM_DOOR_NO_FAULT;
    case GM_WIRE_STATUS_END:
        memcpy(&s->end, row, sizeof s->end);
        if (s->end.request == s->request) s->done = 1;
        else s->order_count = s->trade_count = s->position_count = 0;
        return GM_DOOR_NO_FAULT;
    case GM_WIRE_REFUSED: {
        gm_wire_refused_t refused;
        memcpy(&refused, row, sizeof refused);
        memcpy(d->refused, refused.text, sizeof d->refused);
        d->refused[sizeof d->refused - 1] = 0;
        d->error = refused.code;
        return GM_DOOR_REFUSED;
    }
    case GM_WIRE_COUNTERS: return GM_DOOR_NO_FAULT;
    default: return GM_DOOR_BAD_HEAD;                       /* a kind that a venue does not send */
    }
}

/* The whole frames that have arrived; what is left of the next moves to the front. */
static inline void gm_door_parse(gm_remote_t* r, gm_door_t* d) {
    size_t at = 0;
    while (d->in_tail - at >= sizeof(gm_wire_head_t)) {
        gm_wire_head_t head;
        int32_t bytes;
        int fault;
        memcpy(&head, d->in + at, sizeof head);
        bytes = gm_wire_row_size(head.kind);
        if (bytes < 0 || head.version != GM_WIRE_VERSION || head.size != sizeof head + (size_t)bytes) {
            gm_door_fail(d, GM_DOOR_BAD_HEAD, 0);
            break;
        }
        if (head.number != d->number_in + 1) {
            gm_door_fail(d, GM_DOOR_BAD_NUMBER, 0);
            break;
        }
        if (d->in_tail - at < head.size) break;
        d->number_in++;
        r->market.messages++;
        fault = gm_door_frame(r, d, head.kind, d->in + at + sizeof head);
        at += head.size;
        if (fault != GM_DOOR_NO_FAULT) {
            gm_door_fail(d, fault, d->error);
            break;
        }
    }
    if (at > 0) memmove(d->in, d->in + at, d->in_tail - at);
    d->in_tail -= at;
}

static inline void gm_door_take_in(gm_remote_t* r, gm_door_t* d) {
    const int32_t was = d->state, fault = d->fault, error = d->error;
    if (was == GM_DOOR_ENDING) d->state = GM_DOOR_OPEN;     /* a send has failed: what had arrived before is still there */
    for (int round = 0; round < GM_DOOR_ROUNDS && d->state == GM_DOOR_OPEN; round++) {
        ssize_t n = recv(d->fd, d->in + d->in_tail, GM_DOOR_BUFFER - d->in_tail, MSG_DONTWAIT);
        if (n > 0) {
            d->in_tail += (size_t)n;
            gm_door_parse(r, d);
        } else if (n == 0) {
            gm_door_fail(d, d->in_tail ? GM_DOOR_TRUNCATED : GM_DOOR_END_OF_STREAM, 0);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            gm_door_fail(d, GM_DOOR_IO, errno);
        }
    }
    if (was == GM_DOOR_ENDING) {                            /* the first fault is the one to tell of */
        d->state = GM_DOOR_ENDING;
        d->fault = fault;
        d->error = error;
    }
}

/* The end of a connection: nobody is quoted there any more, and every order without an answer gets this door's word. */
static inline void gm_door_end(gm_remote_t* r, gm_door_t* d, int64_t now_ns) {
    shutdown(d->fd, SHUT_RDWR);
    d->fd = -1;
    d->state = GM_DOOR_CLOSED;
    d->disconnects++;
    gm_venue_enable(r->market.venues, d->venue, 0);
    for (int32_t s = 0; s < d->symbols; s++) {
        gm_quote_publish(r->market.venues, s, d->venue, GM_NO_PRICE, 0, GM_NO_PRICE, 0, now_ns);
        gm_quotes_of(r->market.venues, s)[d->venue].sequence++;
    }
    while (d->oldest >= 0) {
        gm_unanswered_t w = d->waiting[d->oldest];
        uint8_t type = GM_EXEC_STATUS, status = GM_UNKNOWN_STATUS;
        if (w.waits & GM_WAITS_ORDER) {
            if (w.order_at >= d->sent) { type = GM_EXEC_REJECTED; status = GM_REJECTED; }
        } else if (w.cancel_at >= d->sent) {
            type = GM_EXEC_CANCEL_REJECTED;
            status = 0;
        }
        gm_door_forget(d, &d->waiting[d->oldest]);
        if (type == GM_EXEC_STATUS) d->unknown++; else d->not_sent++;
        gm_remote_say(r, w.order_id, d->venue, w.symbol, w.side, type, status, GM_REASON_DISCONNECTED,
                      type == GM_EXEC_CANCEL_REJECTED ? 0 : w.quantity, now_ns);
    }
}

/* ---- the market ---- */

static inline const gm_terms_t* gm_remote_inner_terms(void* context, const gm_order_t* o) {
    const gm_remote_t* r = (const gm_remote_t*)context;
    return r->market.terms ? r->market.terms(r->market.core, o) : NULL;
}

/* The inner market's reports pass on; that the engine wants it to stop does too. */
static inline void gm_remote_inner_report(void* context, const gm_report_t* report) {
    gm_remote_t* r = (gm_remote_t*)context;
    r->market.report(r->market.core, report);
    r->inner->stop |= r->market.stop;
}

/* Doors open and close in Python's threads; the feed is told of it by the core's owner, before the next decision. */
static inline void gm_remote_tell(gm_remote_t* r, int64_t now_ns) {
    for (int32_t i = 0; i < r->count; i++) {
        gm_door_t* d = &r->doors[i];
        const int32_t enabled = r->market.venues->enabled[d->venue];
        if (enabled == d->told) continue;
        d->told = enabled;
        gm_venue_publish(r->market.venues, d->venue, now_ns);
    }
}

/* What came from outside happened when it came: time does not stop for it, the inner market's does. */
static inline int64_t gm_remote_advance(gm_market_t* market, int64_t until_ns) {
    gm_remote_t* r = (gm_remote_t*)market->self;
    int64_t reached = until_ns;
    if (market->report != NULL) {
        gm_gate_wait(&r->gate);
        for (int32_t i = 0; i < r->count; i++) {
            gm_door_t* d = &r->doors[i];
            if (d->state == GM_DOOR_CLOSED) continue;
            gm_door_take_in(r, d);
            gm_door_flush(d);
            if (d->state == GM_DOOR_ENDING) gm_door_end(r, d, until_ns);
        }
        gm_gate_leave(&r->gate);
        gm_remote_tell(r, until_ns);
    }
    if (r->inner != NULL) {
        const int64_t messages = r->inner->messages;
        if (market->executions > r->inner->executions) r->inner->executions = market->executions;
        r->inner->stop = 0;
        reached = r->inner->advance(r->inner, until_ns);
        market->executions = r->inner->executions;
        market->messages += r->inner->messages - messages;
    }
    if (reached > market->now_ns) market->now_ns = reached;
    return market->now_ns;
}

static inline void gm_remote_touch(gm_market_t* market, int32_t symbol, int64_t until_ns) {
    gm_remote_t* r = (gm_remote_t*)market->self;
    if (r->inner != NULL) r->inner->touch(r->inner, symbol, until_ns);
    gm_remote_tell(r, until_ns);
}

static inline int64_t gm_remote_next(gm_market_t* market) {
    gm_remote_t* r = (gm_remote_t*)market->self;
    return r->inner != NULL ? r->inner->next_ns(r->inner) : INT64_MAX;
}

static inline void gm_remote_free(gm_remote_t* r) {
    for (int32_t i = 0; i < r->count; i++) {
        gm_door_t* d = &r->doors[i];
        gm_release(d->out, GM_DOOR_BUFFER);
        gm_release(d->in, GM_DOOR_BUFFER);
        gm_release(d->printed, (size_t)r->symbols * sizeof(int64_t));
        gm_release(d->waiting, GM_DOOR_WAITING * sizeof(gm_unanswered_t));
        gm_release(d->buckets, GM_DOOR_BUCKETS * sizeof(int32_t));
    }
    r->count = 0;
}

static inline int gm_remote_add(gm_remote_t* r, int32_t venue) {
    gm_door_t* d = &r->doors[r->count++];
    memset(d, 0, sizeof *d);
    d->fd = -1;
    d->venue = venue;
    d->enabled = d->told = r->market.venues->enabled[venue];
    d->out = (char*)gm_reserve(GM_DOOR_BUFFER);
    d->in = (char*)gm_reserve(GM_DOOR_BUFFER);
    d->printed = (int64_t*)gm_reserve((size_t)r->symbols * sizeof(int64_t));
    d->waiting = (gm_unanswered_t*)gm_reserve(GM_DOOR_WAITING * sizeof(gm_unanswered_t));
    d->buckets = (int32_t*)gm_reserve(GM_DOOR_BUCKETS * sizeof(int32_t));
    if (!d->out || !d->in || !d->printed || !d->waiting || !d->buckets) return GM_ERR_MEMORY;
    gm_door_forget_all(d);
    r->door_of[venue] = r->count - 1;
    gm_venue_enable(r->market.venues, venue, 0);                   /* until it is connected */
    return GM_OK;
}

static inline void gm_remote_init(gm_remote_t* r, gm_venues_t* venues, gm_market_t* inner, int64_t start_ns) {
    memset(r, 0, sizeof *r);
    gm_gate_init(&r->gate);
    for (int32_t v = 0; v < GM_MAX_VENUES; v++) r->door_of[v] = -1;
    r->inner = inner;
    r->symbols = venues->symbols;
    if (inner != NULL) {
        inner->core = r;
        inner->report = gm_remote_inner_report;
        inner->terms = gm_remote_inner_terms;
    }
    r->market.self = r;
    r->market.venues = venues;
    r->market.submit = gm_remote_submit;
    r->market.restore = gm_remote_restore;
    r->market.cancel = gm_remote_cancel;
    r->market.replace = gm_remote_replace;
    r->market.follow = gm_remote_follow;
    r->market.advance = gm_remote_advance;
    r->market.touch = gm_remote_touch;
    r->market.next_ns = gm_remote_next;
    r->market.now_ns = inner != NULL ? inner->now_ns : start_ns;
    r->market.inner_stop = inner != NULL ? &inner->stop : NULL;
}

/* A socket that is logged in becomes the door's. Only when the last one's end has been told (GM_DOOR_CLOSED). */
static inline void gm_door_open(gm_remote_t* r, gm_door_t* d, int32_t fd, int32_t symbols, uint64_t number_out,
                                uint64_t number_in, int64_t last_execution_id) {
    gm_gate_wait(&r->gate);
    d->fd = fd;
    d->symbols = symbols;
    d->fault = d->error = 0;
    d->refused[0] = 0;
    d->out_head = d->out_tail = d->in_tail = 0;
    d->appended = d->sent = 0;
    d->number_out = number_out;
    d->number_in = number_in;
    d->last_execution_id = last_execution_id;
    for (int32_t s = 0; s < symbols; s++) d->printed[s] = -1;
    d->state = GM_DOOR_OPEN;
    gm_venue_enable(r->market.venues, d->venue, d->enabled);
    gm_gate_leave(&r->gate);
}

/* Ends a connection from this side, after a LOGOUT; the next advance tells of what had no answer. */
static inline void gm_door_leave(gm_remote_t* r, gm_door_t* d) {
    uint64_t at;
    gm_gate_wait(&r->gate);
    if (d->state == GM_DOOR_OPEN) {
        gm_door_put(d, GM_WIRE_LOGOUT, NULL, &at);
        gm_door_fail(d, GM_DOOR_ON_REQUEST, 0);
        gm_venue_enable(r->market.venues, d->venue, 0);
    }
    gm_gate_leave(&r->gate);
}

/* Lets go of a connection at once: what had no answer is not told of. */
static inline void gm_door_drop(gm_remote_t* r, gm_door_t* d) {
    gm_gate_wait(&r->gate);
    if (d->state != GM_DOOR_CLOSED) {
        shutdown(d->fd, SHUT_RDWR);
        d->fd = -1;
        d->state = GM_DOOR_CLOSED;
        gm_venue_enable(r->market.venues, d->venue, 0);
        gm_door_forget_all(d);
    }
    gm_gate_leave(&r->gate);
}

/* Asks for the venue's view; rows go to the arrays given. 0: the request did not fit, or the door is closed. */
static inline int gm_door_ask(gm_remote_t* r, gm_door_t* d, gm_order_t* orders, gm_report_t* trades,
                              gm_wire_position_t* positions, int64_t room) {
    gm_wire_request_t q = {0, 0};
    uint64_t at;
    int asked = 0;
    gm_gate_wait(&r->gate);
    if (d->state == GM_DOOR_OPEN) {
        q.request = d->status.request + 1;
        memset(&d->status, 0, sizeof d->status);
        d->status.request = q.request;
        d->status.orders = orders;
        d->status.trades = trades;
        d->status.positions = positions;
        d->status.room = room;
        asked = gm_door_put(d, GM_WIRE_STATUS_REQUEST, &q, &at);
    }
    gm_gate_leave(&r->gate);
    return asked;
}

/* The arrays are Python's again. */
static inline void gm_door_asked(gm_remote_t* r, gm_door_t* d) {
    gm_gate_wait(&r->gate);
    d->status.orders = NULL;
    d->status.trades = NULL;
    d->status.positions = NULL;
    d->status.room = 0;
    gm_gate_leave(&r->gate);
}

#endif
