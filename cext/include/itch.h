/* NASDAQ TotalView-ITCH 5.0 (nasdaqtrader.com, "NASDAQ TotalView-ITCH 5.0" specification), as it is stored in files: each
 * message behind its length, two bytes. Big-endian, prices in 1e-4 dollars, times in nanoseconds after midnight. */
#ifndef GM_ITCH_H
#define GM_ITCH_H

#include <string.h>
#include "records.h"

enum gm_itch_error {
    GM_ITCH_OK = 0, GM_ITCH_TYPE, GM_ITCH_LENGTH, GM_ITCH_TIME, GM_ITCH_SIDE, GM_ITCH_SHARES, GM_ITCH_PRICE, GM_ITCH_ORDER,
    GM_ITCH_STATE, GM_ITCH_SYMBOL
};

typedef struct gm_itch {
    int64_t midnight_ns;
    int64_t records;            /* messages read */
    int64_t counts[256];        /* by type */
    int64_t skipped[256];       /* those that have no row, by type */
    int64_t value;              /* of a fault: what was found */
    int32_t venue;
    int32_t names_count;        /* 0: every symbol is wanted */
    char (*names)[8];           /* the symbols wanted, blanks at the end */
    uint8_t type;               /* of a fault */
    int error;
    char symbols[65536][8];     /* by locate code, blanks at the end; zeros: not in the directory */
    uint8_t wanted[65536];      /* 1: its name is among `names` */
} gm_itch_t;

/* Parses whole messages of p[0:size] into at most `capacity` rows. *used is how many bytes that were. The number of rows, or
 * -1 with st->error set (and st->records the number of good messages before it). */
int64_t gm_itch_parse(gm_itch_t* st, const uint8_t* p, size_t size, gm_message_t* rows, int64_t capacity, size_t* used);

#endif
