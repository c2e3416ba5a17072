/* Delimited text into columns of int64. */
#include "columns.h"
#include "text.h"

static int fault(gm_columns_place_t* place, int error, int64_t line, int64_t column, const char* p, const char* end) {
    place->error = error;
    place->line = line;
    place->column = column;
    place->begin = p;
    place->end = end;
    return -1;
}

static const char* hexadecimal(const char* p, const char* end, int64_t* value) {
    const char* first = p;
    *value = 0;
    for (; p < end && p - first < 15; p++) {
        int digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : *p >= 'A' && *p <= 'F' ? *p - 'A' + 10 : -1;
        if (digit < 0) break;
        *value = *value * 16 + digit;
    }
    return p == first ? NULL : p;
}

/* One field that ends at `stop`; NULL: it is none of its kind. */
static const char* field(gm_columns_t* c, int32_t k, const char* p, const char* stop, int64_t* value, int* error) {
    int zoned;
    switch (c->kinds[k]) {
    case GM_COLUMN_INTEGER: {
        gm_i128 product;
        if ((p = gm_text_integer(p, stop, value)) == NULL) return NULL;
        product = (gm_i128)*value * c->units[k];
        if (product > INT64_MAX || product < -INT64_MAX) return NULL;
        *value = (int64_t)product;
        return p;
    }
    case GM_COLUMN_DECIMAL:
        if (p == stop) {
            *value = GM_NO_PRICE;
            return p;
        }
        return gm_text_decimal(p, stop, c->units[k], value);
    case GM_COLUMN_NAME:
        *value = gm_names_number(&c->names, p, (size_t)(stop - p));
        if (*value >= 0) return stop;
        *error = *value == GM_ERR_RANGE ? GM_COLUMNS_FIELD : GM_COLUMNS_NAMES;
        return NULL;
    case GM_COLUMN_ISO:
        p = gm_text_iso(p, stop, value, &zoned);
        if (p != NULL && c->zoned >= 0 && c->zoned != zoned) {
            *error = GM_COLUMNS_ZONES;
            return NULL;
        }
        if (p != NULL) c->zoned = (int8_t)zoned;
        return p;
    case GM_COLUMN_HEX: return hexadecimal(p, stop, value);
    default: return stop;
    }
}

int gm_columns_parse(gm_columns_t* c, const char* text, size_t size, int64_t* cells, int64_t lines, gm_columns_place_t* place) {
    const char* end = text + size;
    const char* next = text;
    for (int64_t line = 1; line <= lines; line++) {
        const char* begin = next;
        const char* stop = gm_text_line(begin, end, &next);
        const char* p = begin;
        if (begin == stop) return fault(place, GM_COLUMNS_EMPTY_LINE, line, 0, begin, stop);
        for (int32_t k = 0; k < c->count; k++) {
            const char* comma = memchr(p, c->delimiter, (size_t)(stop - p));
            const char* last = comma ? comma : stop;
            int error = GM_COLUMNS_FIELD;
            if (p < stop && *p == '"') return fault(place, GM_COLUMNS_QUOTED, line, k + 1, p, last);
            if ((comma != NULL) != (k < c->count - 1)) {
                place->found = 1;
                for (p = begin; p < stop; p++) place->found += *p == c->delimiter;
                return fault(place, GM_COLUMNS_COUNT, line, 0, begin, stop);
            }
            if (c->kinds[k] != GM_COLUMN_SKIP && field(c, k, p, last, cells++, &error) != last)
                return fault(place, error, line, k + 1, p, last);
            p = last + 1;
        }
    }
    return 0;
}
