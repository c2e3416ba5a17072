/* BATS PITCH, the ASCII form ("BATS PITCH Specification", TCP PITCH 1.x), a message a line, with or without the leading "S"
 * of recorded files. Prices are ten digits with four decimals, order ids base 36, times milliseconds after midnight. */
#ifndef GM_PITCH_H
#define GM_PITCH_H

#include "names.h"

enum gm_pitch_error {
    GM_PITCH_OK = 0, GM_PITCH_EMPTY, GM_PITCH_TYPE, GM_PITCH_LENGTH, GM_PITCH_TIME, GM_PITCH_ORDER, GM_PITCH_SIDE, GM_PITCH_SHARES,
    GM_PITCH_PRICE, GM_PITCH_SYMBOL, GM_PITCH_STATE, GM_PITCH_EXECUTION, GM_PITCH_MEMORY
};

/* A resting order: what names only its id is of its symbol and side. */
typedef struct gm_pitch_order {
    int64_t id;                     /* 0: free */
    int64_t price_e9;
    int32_t symbol;
    int32_t left;                   /* shares; negative: of a sell order */
} gm_pitch_order_t;

typedef struct gm_pitch {
    int64_t midnight_ns;
    int64_t records;
    int64_t unknown;                /* executions and cancels of orders that came before the file */
    int64_t counts[128];
    int64_t skipped[128];
    int32_t venue;
    int error;
    const char* begin;              /* of a fault: the field, or the line */
    const char* end;
    gm_names_t names;
    gm_pitch_order_t* orders;       /* linear probing, deletion by backward shift */
    uint32_t mask;
    uint32_t live;
} gm_pitch_t;

void gm_pitch_free(gm_pitch_t* st);

/* Parses `lines` whole lines into as many rows at the most: how many, or -1 with st->error set (st->records good ones came before). */
int64_t gm_pitch_parse(gm_pitch_t* st, const char* text, size_t size, gm_message_t* rows, int64_t lines);

#endif
