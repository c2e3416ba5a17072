/* Parsers of LOBSTER files: one pass, a field at a time, the first fault ends it. */
#include <string.h>
#include "lobster.h"
#include "text.h"

#define E9_PER_UNIT 100000              /* files count prices in 1e-4 */
#define PRICE_MAX (INT64_MAX / E9_PER_UNIT)
#define EMPTY_ASK 9999999999LL
#define EMPTY_BID (-9999999999LL)
#define DAY_SECONDS 86400

int64_t gm_lobster_columns(const char* text, size_t size) {
    int64_t columns = 1;
    for (size_t i = 0; i < size && text[i] != '\n'; i++) columns += text[i] == ',';
    return columns;
}

/* The field that begins at p, for a message. */
static int fault(gm_lobster_place_t* place, int error, int64_t line, int64_t column, const char* p, const char* end, int64_t value) {
    const char* comma = p < end ? memchr(p, ',', (size_t)(end - p)) : NULL;
    place->error = error;
    place->line = line;
    place->column = column;
    place->begin = p;
    place->end = column > 0 && comma ? comma : end;
    place->value = value;
    return -1;
}

static int64_t columns_of(const char* p, const char* end) {
    int64_t columns = 1;
    for (; p < end; p++) columns += *p == ',';
    return columns;
}

int gm_lobster_messages(const char* text, size_t size, int64_t midnight_ns, int32_t symbol, int32_t venue, int64_t before,
                        int64_t* last, gm_message_t* rows, int64_t lines, gm_lobster_place_t* place) {
    static const uint8_t ACTIONS[8] = {0, GM_ADD, GM_REDUCE, GM_DELETE, GM_EXECUTE, GM_EXECUTE_HIDDEN, GM_CROSS_TRADE, GM_HALT};
    const char* end = text + size;
    const char* next = text;
    int64_t last_ns = *last;
    for (int64_t line = before + 1; line <= before + lines; line++) {
        const char* begin = next;
        const char* stop = gm_text_line(begin, end, &next);
        const char* at[6];
        const char* p = begin;
        int64_t ns, field[6] = {0};
        gm_message_t* m = &rows[line - before - 1];
        if (begin == stop) return fault(place, GM_LOBSTER_EMPTY_LINE, line, 0, begin, stop, 0);
        for (int i = 0; i < 6; i++) {
            at[i] = p;
            p = i == 0 ? gm_text_seconds(p, stop, &ns) : gm_text_integer(p, stop, &field[i]);
            if (p == NULL || (p < stop && *p != ',') || (i < 5) != (p < stop)) {
                int64_t columns = columns_of(begin, stop);
                if (columns != 6) return fault(place, GM_LOBSTER_COLUMNS, line, 0, begin, stop, columns);
                return fault(place, i == 0 ? GM_LOBSTER_TIME : GM_LOBSTER_NUMBER, line, i + 1, at[i], stop, 0);
            }
            p++;
        }
        if (ns >= DAY_SECONDS * INT64_C(1000000000)) return fault(place, GM_LOBSTER_TIME, line, 1, at[0], stop, ns);
        if (ns < last_ns) return fault(place, GM_LOBSTER_TIME_BACK, line, 1, at[0], stop, ns);
        last_ns = ns;
        if (field[1] < 1 || field[1] > 7) return fault(place, GM_LOBSTER_TYPE, line, 2, at[1], stop, field[1]);
        if (field[2] < 0) return fault(place, GM_LOBSTER_ORDER_ID, line, 3, at[2], stop, field[2]);
        if (field[5] != 1 && field[5] != -1) return fault(place, GM_LOBSTER_DIRECTION, line, 6, at[5], stop, field[5]);
        memset(m, 0, sizeof *m);
        m->time_ns = midnight_ns + ns;
        m->sequence = line;
        m->symbol = symbol;
        m->venue = venue;
        m->action = ACTIONS[field[1]];
        if (field[1] == 7) {                            /* price -1 halted, 0 quoting again, 1 trading again */
            if (field[4] < -1 || field[4] > 1) return fault(place, GM_LOBSTER_HALT, line, 5, at[4], stop, field[4]);
            m->flags = (uint8_t)(GM_HALTED + field[4] + 1);
            m->price_e9 = GM_NO_PRICE;
            continue;
        }
        if (field[3] <= 0) return fault(place, GM_LOBSTER_SIZE, line, 4, at[3], stop, field[3]);
        if (field[4] <= 0 || field[4] > PRICE_MAX) return fault(place, GM_LOBSTER_PRICE, line, 5, at[4], stop, field[4]);
        if (field[2] == 0 && field[1] <= 4) return fault(place, GM_LOBSTER_ORDER_ID, line, 3, at[2], stop, 0);
        m->order_id = field[2];
        m->quantity = field[3];
        m->price_e9 = field[4] * E9_PER_UNIT;
        m->side = (int8_t)field[5];
    }
    *last = last_ns;
    return 0;
}

int gm_lobster_books(const char* text, size_t size, int64_t levels, int64_t* rows, int64_t lines, gm_lobster_place_t* place) {
    const char* end = text + size;
    const char* next = text;
    int64_t columns = 4 * levels;
    for (int64_t line = 1; line <= lines; line++) {
        const char* begin = next;
        const char* stop = gm_text_line(begin, end, &next);
        const char* p = begin;
        int64_t last[2] = {0, INT64_MAX};               /* asks rise, bids fall; an unused level ends its side */
        if (begin == stop) return fault(place, GM_LOBSTER_EMPTY_LINE, line, 0, begin, stop, 0);
        for (int64_t k = 0; k < columns; k += 2, rows += 2) {
            const char* at = p;
            int bid = (k >> 1) & 1;
            int64_t price = 0, quantity = 0;
            for (int i = 0; i < 2; i++) {
                const char* field = p;
                p = gm_text_integer(p, stop, i ? &quantity : &price);
                if (p == NULL || (p < stop && *p != ',') || (k + i < columns - 1) != (p < stop)) {
                    int64_t found = columns_of(begin, stop);
                    if (found != columns) return fault(place, GM_LOBSTER_COLUMNS, line, 0, begin, stop, found);
                    return fault(place, GM_LOBSTER_NUMBER, line, k + i + 1, field, stop, 0);
                }
                p++;
            }
            if (price == (bid ? EMPTY_BID : EMPTY_ASK)) {
                if (quantity != 0) return fault(place, GM_LOBSTER_LEVEL, line, k + 1, at, stop, price);
                rows[0] = GM_NO_PRICE;
                rows[1] = 0;
                last[bid] = bid ? INT64_MIN : INT64_MAX;
                continue;
            }
            if (price <= 0 || price > PRICE_MAX) return fault(place, GM_LOBSTER_PRICE, line, k + 1, at, stop, price);
            if (quantity <= 0) return fault(place, GM_LOBSTER_SIZE, line, k + 2, at, stop, quantity);
            if (bid ? price >= last[1] : price <= last[0]) return fault(place, GM_LOBSTER_LEVEL_ORDER, line, k + 1, at, stop, price);
            last[bid] = price;
            rows[0] = price * E9_PER_UNIT;
            rows[1] = quantity;
        }
    }
    return 0;
}
