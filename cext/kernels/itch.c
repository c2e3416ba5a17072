/* The parser of ITCH 5.0 files: a message type is its length and its row, anything else is a fault. */
#include "itch.h"

#define E9_PER_UNIT 100000              /* prices come in 1e-4 */
#define DAY_NS INT64_C(86400000000000)

static const uint8_t LENGTHS[256] = {
    ['S'] = 12, ['R'] = 39, ['H'] = 25, ['Y'] = 20, ['L'] = 26, ['V'] = 35, ['W'] = 12, ['K'] = 28, ['J'] = 35, ['h'] = 21,
    ['A'] = 36, ['F'] = 40, ['E'] = 31, ['C'] = 36, ['X'] = 23, ['D'] = 19, ['U'] = 35, ['P'] = 44, ['Q'] = 40, ['B'] = 19,
    ['I'] = 50, ['N'] = 20, ['O'] = 48,
};

static inline uint64_t big(const uint8_t* p, int bytes) {
    uint64_t v = 0;
    memcpy((uint8_t*)&v + 8 - bytes, p, (size_t)bytes);
    return __builtin_bswap64(v);
}

static int fault(gm_itch_t* st, int error, uint8_t type, int64_t value) {
    st->error = error;
    st->type = type;
    st->value = value;
    return -1;
}

static inline int side_of(uint8_t c) { return c == 'B' ? GM_BUY : c == 'S' ? GM_SELL : 0; }

/* The row of a message whose head is filled in: 1, 0 if it has none, or -1. */
static inline int row_of(gm_itch_t* st, const uint8_t* p, gm_message_t* m) {
    const uint8_t type = p[0];
    switch (type) {
    case 'A': case 'F':
        m->action = GM_ADD;
        m->order_id = (int64_t)big(p + 11, 8);
        m->side = (int8_t)side_of(p[19]);
        m->quantity = (int64_t)big(p + 20, 4);
        m->price_e9 = (int64_t)big(p + 32, 4) * E9_PER_UNIT;
        if (m->side == 0) return fault(st, GM_ITCH_SIDE, type, p[19]);
        if (m->price_e9 == 0) return fault(st, GM_ITCH_PRICE, type, 0);
        break;
    case 'E': case 'C':
        m->action = GM_EXECUTE;
        m->order_id = (int64_t)big(p + 11, 8);
        m->quantity = (int64_t)big(p + 19, 4);
        m->counterparty = (int64_t)big(p + 23, 8);
        if (type == 'C') {
            if (p[31] != 'Y') m->flags = GM_FLAG_UNPRINTED;
            m->price_e9 = (int64_t)big(p + 32, 4) * E9_PER_UNIT;
        }
        break;
    case 'X':
        m->action = GM_REDUCE;
        m->order_id = (int64_t)big(p + 11, 8);
        m->quantity = (int64_t)big(p + 19, 4);
        break;
    case 'D':
        m->action = GM_DELETE;
        m->order_id = (int64_t)big(p + 11, 8);
        return m->order_id > 0 ? 1 : fault(st, GM_ITCH_ORDER, type, m->order_id);
    case 'U':
        m->action = GM_REPLACE;
        m->order_id = (int64_t)big(p + 11, 8);
        m->counterparty = (int64_t)big(p + 19, 8);
        m->quantity = (int64_t)big(p + 27, 4);
        m->price_e9 = (int64_t)big(p + 31, 4) * E9_PER_UNIT;
        if (m->counterparty <= 0) return fault(st, GM_ITCH_ORDER, type, m->counterparty);
        if (m->price_e9 == 0) return fault(st, GM_ITCH_PRICE, type, 0);
        break;
    case 'P':                           /* the side is no longer told: always "B" since 2014 */
        m->action = GM_EXECUTE_HIDDEN;
        m->quantity = (int64_t)big(p + 20, 4);
        m->price_e9 = (int64_t)big(p + 32, 4) * E9_PER_UNIT;
        m->counterparty = (int64_t)big(p + 36, 8);
        return 1;
    case 'Q':                           /* no cross took place: no shares */
        m->action = GM_CROSS_TRADE;
        m->quantity = (int64_t)big(p + 11, 8);
        m->price_e9 = (int64_t)big(p + 27, 4) * E9_PER_UNIT;
        m->counterparty = (int64_t)big(p + 31, 8);
        if (m->quantity < 0) return fault(st, GM_ITCH_SHARES, type, m->quantity);
        return m->quantity > 0;
    case 'H':
        m->action = GM_HALT;
        if (p[19] != 'H' && p[19] != 'P' && p[19] != 'Q' && p[19] != 'T') return fault(st, GM_ITCH_STATE, type, p[19]);
        m->flags = p[19] == 'T' ? GM_TRADING_RESUMED : p[19] == 'Q' ? GM_QUOTING_RESUMED : GM_HALTED;
        return 1;
    default: return 0;
    }
    if (m->order_id <= 0) return fault(st, GM_ITCH_ORDER, type, m->order_id);
    if (m->quantity == 0) return fault(st, GM_ITCH_SHARES, type, 0);
    return 1;
}

int64_t gm_itch_parse(gm_itch_t* st, const uint8_t* p, size_t size, gm_message_t* rows, int64_t capacity, size_t* used) {
    const uint8_t* end = p + size;
    const uint8_t* at = p;
    int64_t n = 0;
    while (end - at >= 3 && n < capacity) {
        const size_t length = big(at, 2);
        const uint8_t* body = at + 2;
        const uint8_t type = body[0];
        gm_message_t* m = &rows[n];
        uint16_t locate;
        int64_t ns;
        int kept;
        if (LENGTHS[type] == 0) return fault(st, GM_ITCH_TYPE, type, (int64_t)length);
        if (length != LENGTHS[type]) return fault(st, GM_ITCH_LENGTH, type, (int64_t)length);
        if ((size_t)(end - body) < length) break;
        locate = (uint16_t)big(body + 1, 2);
        ns = (int64_t)big(body + 5, 6);
        if (ns >= DAY_NS) return fault(st, GM_ITCH_TIME, type, ns);
        if (type == 'R') {
            for (int i = 0; i < 8; i++)
                if (body[11 + i] < 32 || body[11 + i] > 126) return fault(st, GM_ITCH_SYMBOL, type, body[11 + i]);
            memcpy(st->symbols[locate], body + 11, 8);
            for (int32_t k = 0; k < st->names_count; k++)
                if (memcmp(st->names[k], body + 11, 8) == 0) st->wanted[locate] = 1;
        }
        if (st->names_count == 0 || st->wanted[locate]) {
            memset(m, 0, sizeof *m);
            m->price_e9 = GM_NO_PRICE;
            kept = row_of(st, body, m);
            if (kept < 0) return -1;
            m->time_ns = st->midnight_ns + ns;
            m->sequence = st->records + 1;
            m->symbol = locate;
            m->venue = st->venue;
            n += kept;
            if (!kept) st->skipped[type]++;
        }
        st->counts[type]++;
        st->records++;
        at = body + length;
    }
    *used = (size_t)(at - p);
    return n;
}
