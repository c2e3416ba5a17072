/* LOBSTER message and order book files (lobsterdata.com), parsed from memory. Numbers are read as decimal digits,
 * never through a float. */
#ifndef GM_LOBSTER_H
#define GM_LOBSTER_H

#include "records.h"

#define GM_LOBSTER_MAX_LEVELS 1000

/* What is wrong with a line. */
enum gm_lobster_error {
    GM_LOBSTER_OK = 0, GM_LOBSTER_COLUMNS, GM_LOBSTER_NUMBER, GM_LOBSTER_EMPTY_LINE, GM_LOBSTER_TIME, GM_LOBSTER_TIME_BACK,
    GM_LOBSTER_TYPE, GM_LOBSTER_ORDER_ID, GM_LOBSTER_SIZE, GM_LOBSTER_PRICE, GM_LOBSTER_DIRECTION, GM_LOBSTER_HALT,
    GM_LOBSTER_LEVEL, GM_LOBSTER_LEVEL_ORDER
};

typedef struct gm_lobster_place {
    int64_t line;           /* from 1 */
    int64_t column;         /* the field, from 1 */
    int64_t value;          /* what was read there, where it was a number */
    const char* begin;      /* of the field, or of the line */
    const char* end;
    int error;
} gm_lobster_place_t;

/* Fields of the first line. */
int64_t gm_lobster_columns(const char* text, size_t size);

/* Parses `lines` lines into `rows`; 0, or -1 with `place` set. `before` lines came earlier, the last of them at *last
 * nanoseconds after midnight. */
int gm_lobster_messages(const char* text, size_t size, int64_t midnight_ns, int32_t symbol, int32_t venue, int64_t before,
                        int64_t* last, gm_message_t* rows, int64_t lines, gm_lobster_place_t* place);

/* Parses `lines` lines of `levels` levels into rows of (ask_e9, ask size, bid_e9, bid size); 0, or -1. */
int gm_lobster_books(const char* text, size_t size, int64_t levels, int64_t* rows, int64_t lines, gm_lobster_place_t* place);

#endif
