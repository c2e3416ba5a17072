/* Per-symbol constants as one contiguous row each; symbols are dense numbers from 0 on. */
#ifndef GM_INSTRUMENTS_H
#define GM_INSTRUMENTS_H

#include "records.h"
#include "mapping.h"

#define GM_MAX_SYMBOLS 16384
#define GM_MAX_SECTORS 64
/* 2^23 units: below it neighbouring doubles are less than 1e-9 apart, so every grid price has its own double. */
#define GM_MAX_PRICE_E9 ((int64_t)8388608 * 1000000000)
#define GM_MAX_QUANTITY ((int64_t)1 << 50)

typedef struct gm_instrument {
    int64_t tick_e9;
    int64_t step_e9;           /* one quantity step, in 1e-9 units */
    int64_t reference_e9;      /* where the paper market begins; GM_NO_PRICE: none */
    int64_t round_lot;
    int64_t multiplier;
    int64_t adv;               /* average daily volume in steps; 0: not known */
    int32_t sector;            /* 0: unknown */
    int32_t known;
    int32_t calendar;          /* whose session closes end its DAY orders */
    int32_t reserved;
} gm_instrument_t;

typedef struct gm_instruments {
    gm_instrument_t* rows;
    int32_t count;
} gm_instruments_t;

static inline int gm_instruments_init(gm_instruments_t* t) {
    t->count = 0;
    t->rows = (gm_instrument_t*)gm_reserve(GM_MAX_SYMBOLS * sizeof(gm_instrument_t));
    return t->rows ? GM_OK : GM_ERR_MEMORY;
}

static inline void gm_instruments_free(gm_instruments_t* t) {
    gm_release(t->rows, GM_MAX_SYMBOLS * sizeof(gm_instrument_t));
    t->rows = NULL;
}

#endif
