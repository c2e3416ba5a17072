/* Fields of text files, read as decimal digits, never through a float. A scanner takes the field that begins at p and
 * returns where it ends, or NULL where it is none. */
#ifndef GM_TEXT_H
#define GM_TEXT_H

#include <string.h>
#include "records.h"

static inline int gm_text_digit(const char* p, const char* end) { return p < end && (unsigned char)(*p - '0') < 10; }

/* Where the line's content ends: before "\n" or "\r\n". */
static inline const char* gm_text_line(const char* p, const char* end, const char** next) {
    const char* newline = memchr(p, '\n', (size_t)(end - p));
    const char* stop = newline ? newline : end;
    *next = newline ? newline + 1 : end;
    return stop > p && stop[-1] == '\r' ? stop - 1 : stop;
}

/* Lines in `text`, the last one with or without its newline. */
static inline int64_t gm_text_lines(const char* text, size_t size) {
    const char* end = text + size;
    const char* p = text;
    int64_t lines = 0;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        lines++;
        p++;
    }
    return lines + (size > 0 && end[-1] != '\n');
}

/* A decimal integer of 64 bits up to its first other character. */
static inline const char* gm_text_integer(const char* p, const char* end, int64_t* value) {
    int negative = p < end && *p == '-';
    const char* first = p + negative;
    uint64_t sum = 0;
    for (p = first; gm_text_digit(p, end); p++) {
        if (p - first >= 18 && (p - first > 18 || sum > (uint64_t)INT64_MAX / 10 || sum * 10 + (uint64_t)(*p - '0') > INT64_MAX))
            return NULL;
        sum = sum * 10 + (uint64_t)(*p - '0');
    }
    if (p == first) return NULL;
    *value = negative ? -(int64_t)sum : (int64_t)sum;
    return p;
}

/* "34200.017459617" as nanoseconds. Digits after the ninth are rounded: some files carry a float's noise there. */
static inline const char* gm_text_seconds(const char* p, const char* end, int64_t* ns) {
    const char* first = p;
    int64_t whole = 0, fraction = 0;
    int digits = 0;
    for (; gm_text_digit(p, end) && p - first < 6; p++) whole = whole * 10 + (*p - '0');
    if (p == first) return NULL;
    if (p < end && *p == '.') {
        for (p++; gm_text_digit(p, end) && digits < 18; p++, digits++) {
            if (digits < 9) fraction = fraction * 10 + (*p - '0');
            else if (digits == 9) fraction += *p >= '5';
        }
        if (digits == 0) return NULL;
        for (; digits < 9; digits++) fraction *= 10;
    }
    *ns = whole * 1000000000 + fraction;
    return p;
}

/* "-12.50", "1e-05" times `unit`, exactly; NULL too where that is no integer of 64 bits. */
static inline const char* gm_text_decimal(const char* p, const char* end, int64_t unit, int64_t* value) {
    int negative = p < end && *p == '-', any = 0, point = 0, places = 0, zeros = 0;
    uint64_t mantissa = 0;
    gm_i128 product;
    p += negative || (p < end && *p == '+');
    for (; p < end; p++) {
        if (*p == '.' && !point) {
            point = 1;
            continue;
        }
        if (!gm_text_digit(p, end)) break;
        any = 1;
        if (*p == '0') {                                /* zeros count once a digit follows them: "1.50000000" has two digits */
            zeros++;
        } else {
            for (; zeros >= 0; zeros--) {
                uint64_t digit = zeros == 0 ? (uint64_t)(*p - '0') : 0;
                if (mantissa > (uint64_t)INT64_MAX / 10 || mantissa * 10 > (uint64_t)INT64_MAX - digit) return NULL;
                mantissa = mantissa * 10 + digit;
            }
            zeros = 0;
        }
        places += point;
    }
    if (!any) return NULL;
    places -= zeros;                                    /* those at the end; below zero: "100" */
    if (p < end && (*p == 'e' || *p == 'E')) {
        int64_t power;
        p = gm_text_integer(p + 1 + (p + 1 < end && p[1] == '+'), end, &power);
        if (p == NULL || power > 40 || power < -40) return NULL;
        places -= (int)power;
    }
    product = (gm_i128)mantissa * unit;
    if (mantissa != 0 && (places > 38 || places < -38)) return NULL;
    for (; mantissa != 0 && places > 0; places--) {
        if (product % 10 != 0) return NULL;
        product /= 10;
    }
    for (; mantissa != 0 && places < 0; places++) {
        if (product > INT64_MAX) return NULL;
        product *= 10;
    }
    if (product > INT64_MAX) return NULL;
    *value = negative ? -(int64_t)product : (int64_t)product;
    return p;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static inline int64_t gm_text_days(int64_t year, int64_t month, int64_t day) {
    int64_t era, of_era, of_year;
    year -= month <= 2;
    era = year / 400;
    of_era = year - era * 400;
    of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static inline const char* gm_text_fixed(const char* p, const char* end, int digits, int64_t* value) {
    *value = 0;
    for (; digits > 0; digits--, p++) {
        if (!gm_text_digit(p, end)) return NULL;
        *value = *value * 10 + (*p - '0');
    }
    return p;
}

/* "2024-10-21T11:54:29.221230963Z" as nanoseconds since 1970-01-01; a blank for the T; "+hh:mm" for the Z. Without a zone
 * it is as if it were UTC, and *zoned is 0. */
static inline const char* gm_text_iso(const char* p, const char* end, int64_t* ns, int* zoned) {
    static const int8_t DAYS[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day, hour, minute, second, fraction = 0, zone_hours = 0, zone_minutes = 0;
    int sign = 0, leap;
    if ((p = gm_text_fixed(p, end, 4, &year)) == NULL || p >= end || *p != '-') return NULL;
    if ((p = gm_text_fixed(p + 1, end, 2, &month)) == NULL || p >= end || *p != '-') return NULL;
    if ((p = gm_text_fixed(p + 1, end, 2, &day)) == NULL || p >= end || (*p != 'T' && *p != ' ')) return NULL;
    if ((p = gm_text_fixed(p + 1, end, 2, &hour)) == NULL || p >= end || *p != ':') return NULL;
    if ((p = gm_text_fixed(p + 1, end, 2, &minute)) == NULL || p >= end || *p != ':') return NULL;
    if ((p = gm_text_fixed(p + 1, end, 2, &second)) == NULL) return NULL;
    leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > DAYS[month - 1] || (month == 2 && day == 29 && !leap)
        || hour > 23 || minute > 59 || second > 59) return NULL;
    if (p < end && *p == '.') {
        int64_t place = 100000000;
        const char* first = ++p;
        for (; gm_text_digit(p, end) && place > 0; p++, place /= 10) fraction += (*p - '0') * place;
        if (p == first || gm_text_digit(p, end)) return NULL;
    }
    if (p < end && *p == 'Z') {
        p++;
        sign = 1;
    } else if (p < end && (*p == '+' || *p == '-')) {
        sign = *p == '+' ? 1 : -1;
        if ((p = gm_text_fixed(p + 1, end, 2, &zone_hours)) == NULL || p >= end || *p != ':') return NULL;
        if ((p = gm_text_fixed(p + 1, end, 2, &zone_minutes)) == NULL || zone_hours > 23 || zone_minutes > 59) return NULL;
    }
    *zoned = sign != 0;
    *ns = (((gm_text_days(year, month, day) * 24 + hour - sign * zone_hours) * 60 + minute - sign * zone_minutes) * 60 + second)
        * INT64_C(1000000000) + fraction;
    return p;
}

#endif
