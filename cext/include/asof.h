/* As-of joins: the last quote at or before a time, for fills in any order, at several horizons at once.
 *
 * Quotes lie by symbol, and by time within a symbol; symbol s has rows begin[s] to begin[s + 1] - 1. Prices are int64 in
 * 1e-9, below 1 where a side is not there. What stands is what was quoted last: a quote that is no market is not stepped
 * over to an older one, its time has no mid, and the reason says why. Locked (bid = ask) is a market.
 */
#ifndef GM_ASOF_H
#define GM_ASOF_H

#include <stddef.h>
#include <stdint.h>

#define GM_ASOF_HORIZONS 16
#define GM_ASOF_TIME_MAX ((int64_t)1 << 61) /* times and horizons lie within: their sums are in a word */
#define GM_ASOF_UNKNOWN INT64_MIN           /* of a mid */
#define GM_ASOF_NO_ROW (-1)

/* Why a mid is unknown: a sum of these. */
enum {
    GM_ASOF_KNOWN = 0,
    GM_ASOF_NO_QUOTE = 1, /* none at or before */
    GM_ASOF_NO_BID = 2,
    GM_ASOF_NO_ASK = 4,
    GM_ASOF_CROSSED = 8,
    GM_ASOF_OLD = 16, /* older than max_age_ns */
    GM_ASOF_AFTER = 32 /* the time lies behind the end of the quotes */
};

typedef enum {
    GM_ASOF_OK = 0,
    GM_ASOF_MEMORY = 1,
    GM_ASOF_ORDER = 2,      /* a quote before its predecessor */
    GM_ASOF_QUOTE_TIME = 3, /* out of range */
    GM_ASOF_SYMBOL = 4,     /* a fill of a symbol that there is not */
    GM_ASOF_TIME = 5,
    GM_ASOF_BEGIN = 6 /* begins that do not part the quotes */
} gm_asof_status_t;

typedef struct {
    const int64_t *time_ns, *bid_e9, *ask_e9;
    const int64_t *begin; /* symbols + 1 */
    ptrdiff_t symbols, quotes;
    int64_t end_ns;     /* quotes are known to then */
    int64_t max_age_ns; /* INT64_MAX: any */
} gm_quotes_t;

typedef struct {
    const int64_t *symbol, *time_ns;
    ptrdiff_t n;
    const int64_t *horizon_ns; /* may be negative: -1 is the quote before the fill */
    int horizons;
    int64_t *mid_e9;  /* n x horizons: (bid + ask) / 2, down to the 1e-9 */
    uint8_t *reason;  /* n x horizons */
    int64_t *row;     /* n x horizons: of the quote, GM_ASOF_NO_ROW without; NULL: not wanted */
} gm_asof_t;

/* Whether every symbol's times are in order and in range; *bad the first row that is not. */
gm_asof_status_t gm_quotes_check(const gm_quotes_t *quotes, ptrdiff_t *bad);

/* The join; the quotes are in order. *bad is the index of the first bad fill. Takes 32 bytes a fill meanwhile where these
 * are not in the order of the quotes, at most 512 MB. */
gm_asof_status_t gm_asof_join(const gm_quotes_t *quotes, const gm_asof_t *join, ptrdiff_t *bad);

#endif
