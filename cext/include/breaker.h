/* A venue that rejects, does not answer or loses its connection is taken out, and probed back in.
 *
 * CLOSED, the usual state: orders go there. After so many rejects, unanswered orders or lost connections in a row (a NEW or a fill breaks the row)
 * it is OPEN: no order goes there until the cool-down is over. Then the next order of at most the probe's size that would go there does, and the
 * venue is PROBING: no other goes there until that one is answered, or another cool-down is over (the probe may be lost, and nobody need wait
 * for answers for a limited time). A NEW or a fill closes the breaker; a reject, silence or a lost connection opens it for another cool-down.
 * All of it follows from recorded orders and reports, so recovery arrives at the same state; that a venue is out or back is recorded behind the
 * report that made it so (GM_LATCH_TRIPPED, GM_LATCH_RESTORED), for those who read the log. */
#ifndef GM_BREAKER_H
#define GM_BREAKER_H

#include "orders.h"
#include "venues.h"

enum gm_breaker_state { GM_BREAKER_CLOSED = 0, GM_BREAKER_OPEN, GM_BREAKER_PROBING };

typedef struct gm_breaker {
    int64_t until_ns;               /* the cool-down's end; while it probes: when another may */
    int64_t probe_id;               /* the order that probes */
    int64_t trips;                  /* ever */
    int64_t lost_ns;                /* of the last lost connection: what is told of it at one instant is one */
    int32_t rejects, unanswered, disconnects;   /* in a row */
    int32_t state;
} gm_breaker_t;
_Static_assert(sizeof(gm_breaker_t) == 48, "hashed by whole words");

static inline void gm_breaker_trip(gm_breaker_t* b, gm_venues_t* v, int32_t venue, int64_t now) {
    b->trips++;
    b->rejects = b->unanswered = b->disconnects = 0;
    b->state = GM_BREAKER_OPEN;
    b->until_ns = now + v->breaker.cool_down_ns;
    b->probe_id = 0;
    gm_venue_trip(v, venue, 1);
}

/* Would `gm_breaker_take` do nothing? Nearly every report: a NEW or a fill from a venue that nothing is held against. */
static inline int gm_breaker_unmoved(const gm_breaker_t* b, const gm_report_t* r) {
    return (r->exec_type == GM_EXEC_NEW || r->exec_type == GM_EXEC_TRADE)
           && (b->state | b->rejects | b->unanswered | b->disconnects) == 0;
}

/* A recorded report from a venue on one of its orders. */
static __attribute__((noinline)) void gm_breaker_take(gm_breaker_t* b, gm_venues_t* v, const gm_order_t* o, const gm_report_t* r) {
    const int rejects = r->exec_type == GM_EXEC_REJECTED && (r->reason == GM_REASON_VENUE_REJECTED || r->reason == GM_REASON_VENUE_CAPACITY);
    const int silent = r->exec_type == GM_EXEC_STATUS && r->reason == GM_REASON_NO_ANSWER;
    const int lost = r->reason == GM_REASON_DISCONNECTED;
    const int good = r->exec_type == GM_EXEC_NEW || r->exec_type == GM_EXEC_TRADE;
    if (b->state == GM_BREAKER_PROBING && r->order_id == b->probe_id) {
        if (rejects || silent || lost) {
            gm_breaker_trip(b, v, o->venue, r->venue_time_ns);
        } else if (r->exec_type != GM_EXEC_STATUS) {
            b->state = GM_BREAKER_CLOSED;                   /* any word of its own on the probe is an answer */
            b->probe_id = 0;
            gm_venue_trip(v, o->venue, 0);
        }
        return;
    }
    if (b->state != GM_BREAKER_CLOSED) return;
    if (good) {
        b->rejects = b->unanswered = b->disconnects = 0;
        return;
    }
    if (rejects) b->rejects++;
    if (silent) b->unanswered++;
    if (lost && r->venue_time_ns != b->lost_ns) {
        b->disconnects++;
        b->lost_ns = r->venue_time_ns;
    }
    if ((v->breaker.rejects && b->rejects >= v->breaker.rejects) || (v->breaker.unanswered && b->unanswered >= v->breaker.unanswered)
        || (v->breaker.disconnects && b->disconnects >= v->breaker.disconnects)) gm_breaker_trip(b, v, o->venue, r->venue_time_ns);
}

/* An accepted order is at a venue that had been taken out: the probe. */
static inline void gm_breaker_accept(gm_breaker_t* b, const gm_venues_t* v, const gm_order_t* o) {
    if (b->state == GM_BREAKER_CLOSED || o->created_ns < b->until_ns) return;
    b->state = GM_BREAKER_PROBING;
    b->probe_id = o->order_id;
    b->until_ns = o->created_ns + v->breaker.cool_down_ns;
}

/* The venues that an order of `quantity` may probe at `now`; while they are in `probing`, scoring takes them for open. */
static inline uint64_t gm_breakers_due(const gm_breaker_t* breakers, const gm_venues_t* v, int64_t quantity, int64_t now) {
    uint64_t due = 0;
    if (quantity > v->probe_size) return 0;
    for (uint64_t out = v->tripped; out; out &= out - 1) {
        const int32_t i = __builtin_ctzll(out);
        if (breakers[i].until_ns <= now) due |= (uint64_t)1 << i;
    }
    return due;
}

#endif
