/* The parser of PITCH lines. */
#include "pitch.h"
#include "text.h"

#define E9_PER_UNIT 100000              /* prices have four decimals */
#define DAY_MS 86400000

/* Characters behind the time, the type included. */
static const uint8_t LENGTHS[128] = {
    ['s'] = 9, ['A'] = 37, ['d'] = 43, ['E'] = 31, ['X'] = 19, ['P'] = 48, ['r'] = 50, ['B'] = 13, ['H'] = 13, ['I'] = 60, ['J'] = 30,
    ['R'] = 10,
};

/* ---- orders by id ---- */

static inline uint32_t home_of(const gm_pitch_t* st, int64_t id) {
    return (uint32_t)(((uint64_t)id * 0x9e3779b97f4a7c15ULL) >> 32) & st->mask;
}

static gm_pitch_order_t* find(gm_pitch_t* st, int64_t id) {
    uint32_t i;
    if (st->mask == 0) return NULL;
    for (i = home_of(st, id); st->orders[i].id != 0; i = (i + 1) & st->mask)
        if (st->orders[i].id == id) return &st->orders[i];
    return NULL;
}

static int put(gm_pitch_t* st, gm_pitch_order_t order) {
    uint32_t i;
    if (st->mask == 0 || st->live >= st->mask / 2) {
        const uint32_t slots = st->mask ? 2 * (st->mask + 1) : 4096;
        gm_pitch_order_t* old = st->orders;
        const uint32_t before = st->mask ? st->mask + 1 : 0;
        gm_pitch_order_t* orders = slots > (1u << 28) ? NULL : (gm_pitch_order_t*)calloc(slots, sizeof *orders);
        if (orders == NULL) return GM_ERR_MEMORY;
        st->orders = orders;
        st->mask = slots - 1;
        for (uint32_t k = 0; k < before; k++) {
            if (old[k].id == 0) continue;
            for (i = home_of(st, old[k].id); orders[i].id != 0; i = (i + 1) & st->mask) {}
            orders[i] = old[k];
        }
        free(old);
    }
    for (i = home_of(st, order.id); st->orders[i].id != 0; i = (i + 1) & st->mask) {}
    st->orders[i] = order;
    st->live++;
    return GM_OK;
}

static void drop(gm_pitch_t* st, gm_pitch_order_t* order) {
    uint32_t i = (uint32_t)(order - st->orders), j = i;
    for (;;) {
        j = (j + 1) & st->mask;
        if (st->orders[j].id == 0) break;
        if (((j - home_of(st, st->orders[j].id)) & st->mask) >= ((j - i) & st->mask)) {
            st->orders[i] = st->orders[j];
            i = j;
        }
    }
    st->orders[i].id = 0;
    st->live--;
}

void gm_pitch_free(gm_pitch_t* st) {
    free(st->orders);
    gm_names_free(&st->names);
    memset(st, 0, sizeof *st);
}

/* ---- fields ---- */

static int fault(gm_pitch_t* st, int error, const char* begin, const char* end) {
    st->error = error;
    st->begin = begin;
    st->end = end;
    return -1;
}

/* Base 36 of twelve digits, below 2^63; -1: it is none. */
static int64_t base36(const char* p) {
    int64_t v = 0;
    for (int i = 0; i < 12; i++) {
        int digit = p[i] >= '0' && p[i] <= '9' ? p[i] - '0' : p[i] >= 'A' && p[i] <= 'Z' ? p[i] - 'A' + 10 : -1;
        if (digit < 0) return -1;
        v = v * 36 + digit;
    }
    return v;
}

static int64_t number(const char* p, int digits) {
    int64_t v;
    return gm_text_fixed(p, p + digits, digits, &v) == NULL ? -1 : v;
}

static int32_t symbol_of(gm_pitch_t* st, const char* p, int width) {
    int length = width;
    while (length > 0 && p[length - 1] == ' ') length--;
    for (int i = 0; i < length; i++)
        if (p[i] <= 32 || p[i] > 126) return GM_ERR_RANGE;
    return length == 0 ? GM_ERR_RANGE : gm_names_number(&st->names, p, (size_t)length);
}

/* Id, side, shares, symbol of `width` and price, as in A, d, P and r. */
static int offer(gm_pitch_t* st, const char* p, int width, gm_message_t* m) {
    m->order_id = base36(p);
    m->side = p[12] == 'B' ? GM_BUY : p[12] == 'S' ? GM_SELL : 0;
    m->quantity = number(p + 13, 6);
    m->symbol = symbol_of(st, p + 19, width);
    m->price_e9 = number(p + 19 + width, 10) * E9_PER_UNIT;
    if (m->order_id < 0) return fault(st, GM_PITCH_ORDER, p, p + 12);
    if (m->side == 0) return fault(st, GM_PITCH_SIDE, p + 12, p + 13);
    if (m->quantity <= 0) return fault(st, GM_PITCH_SHARES, p + 13, p + 19);
    if (m->symbol < 0) return fault(st, m->symbol == GM_ERR_RANGE ? GM_PITCH_SYMBOL : GM_PITCH_MEMORY, p + 19, p + 19 + width);
    if (m->price_e9 <= 0) return fault(st, GM_PITCH_PRICE, p + 19 + width, p + 29 + width);
    return 0;
}

/* The row of a message whose length is right: 1, 0 if it has none, or -1. */
static int row_of(gm_pitch_t* st, char type, const char* p, gm_message_t* m) {
    const int width = type == 'd' || type == 'r' ? 8 : 6;
    gm_pitch_order_t* order;
    switch (type) {
    case 'A': case 'd':
        if (offer(st, p, width, m) != 0) return -1;
        if (m->order_id == 0 || find(st, m->order_id) != NULL) return fault(st, GM_PITCH_ORDER, p, p + 12);
        m->action = GM_ADD;
        if (put(st, (gm_pitch_order_t){m->order_id, m->price_e9, m->symbol, (int32_t)(m->side * m->quantity)}) != GM_OK)
            return fault(st, GM_PITCH_MEMORY, p, p + 12);
        return 1;
    case 'P': case 'r':
        if (offer(st, p, width, m) != 0) return -1;
        m->action = GM_EXECUTE_HIDDEN;
        m->counterparty = base36(p + 29 + width);
        return m->counterparty < 0 ? fault(st, GM_PITCH_EXECUTION, p + 29 + width, p + 41 + width) : 1;
    case 'E': case 'X':
        m->order_id = base36(p);
        m->quantity = number(p + 12, 6);
        if (m->order_id <= 0) return fault(st, GM_PITCH_ORDER, p, p + 12);
        if (m->quantity <= 0) return fault(st, GM_PITCH_SHARES, p + 12, p + 18);
        m->action = type == 'E' ? GM_EXECUTE : GM_REDUCE;
        if (type == 'E' && (m->counterparty = base36(p + 18)) < 0) return fault(st, GM_PITCH_EXECUTION, p + 18, p + 30);
        order = find(st, m->order_id);
        if (order == NULL) {
            st->unknown++;
            m->symbol = -1;
            return 1;
        }
        m->symbol = order->symbol;
        m->side = order->left > 0 ? GM_BUY : GM_SELL;
        m->price_e9 = order->price_e9;
        if (m->quantity > order->left * m->side) return fault(st, GM_PITCH_SHARES, p + 12, p + 18);
        order->left -= (int32_t)(m->quantity * m->side);
        if (order->left == 0) drop(st, order);
        return 1;
    case 's': case 'H':
        m->symbol = symbol_of(st, p, 8);
        if (m->symbol < 0) return fault(st, m->symbol == GM_ERR_RANGE ? GM_PITCH_SYMBOL : GM_PITCH_MEMORY, p, p + 8);
        m->action = type == 's' ? GM_CLEAR : GM_HALT;
        if (type == 's') {
            for (uint32_t i = 0; i <= st->mask && st->mask; ) {      /* a drop may bring another order to the same place */
                if (st->orders[i].id != 0 && st->orders[i].symbol == m->symbol) drop(st, &st->orders[i]); else i++;
            }
            return 1;
        }
        if (p[8] != 'T' && p[8] != 'H' && p[8] != 'Q' && p[8] != 'S') return fault(st, GM_PITCH_STATE, p + 8, p + 9);
        m->flags = p[8] == 'T' ? GM_TRADING_RESUMED : p[8] == 'Q' ? GM_QUOTING_RESUMED : GM_HALTED;
        return 1;
    default: return 0;
    }
}

int64_t gm_pitch_parse(gm_pitch_t* st, const char* text, size_t size, gm_message_t* rows, int64_t lines) {
    const char* end = text + size;
    const char* next = text;
    int64_t n = 0;
    for (int64_t line = 0; line < lines; line++) {
        const char* begin = next;
        const char* stop = gm_text_line(begin, end, &next);
        const char* p = begin;
        gm_message_t* m = &rows[n];
        int64_t ms;
        unsigned char type;
        int kept;
        if (p == stop) return fault(st, GM_PITCH_EMPTY, begin, stop);
        p += *p == 'S';
        if (stop - p < 9) return fault(st, GM_PITCH_LENGTH, begin, stop);
        ms = number(p, 8);
        type = (unsigned char)p[8];
        if (type >= 128 || LENGTHS[type] == 0) return fault(st, GM_PITCH_TYPE, p + 8, p + 9);
        if (stop - p - 8 != LENGTHS[type]) return fault(st, GM_PITCH_LENGTH, begin, stop);
        if (ms < 0 || ms >= DAY_MS) return fault(st, GM_PITCH_TIME, p, p + 8);
        memset(m, 0, sizeof *m);
        m->price_e9 = GM_NO_PRICE;
        kept = row_of(st, (char)type, p + 9, m);
        if (kept < 0) return -1;
        m->time_ns = st->midnight_ns + ms * 1000000;
        m->sequence = ++st->records;
        m->venue = st->venue;
        st->counts[type]++;
        if (kept) n++; else st->skipped[type]++;
    }
    return n;
}
