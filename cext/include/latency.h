/* Fixed-size high-dynamic-range histogram of durations in nanoseconds.
 *
 * Buckets are log-linear: values below 32 have one bucket each; above, every octave [2^e, 2^(e+1)) is cut into 32
 * equal buckets, so a bucket is never wider than 1/32 of its lowest value (3.125 %). Every int64 value has a bucket;
 * nothing is allocated, nothing saturates, recording is branch-free but for the sign.
 *
 *   index:  0 ... 31 | 32 ... 63 | 64 ... 95    | ...  | 1856 ... 1887
 *   value:  0 ... 31 | 32 ... 63 | 64, 66 ...126 | ... | 2^62 ... 2^63 - 1
 *
 * One writer at a time (the owner of the core); a reader on another thread sees each word whole but not the set of
 * words at one instant.
 */
#ifndef GM_LATENCY_H
#define GM_LATENCY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define GM_HISTOGRAM_BITS 5
#define GM_HISTOGRAM_STEPS 32     /* buckets to an octave: 1 << GM_HISTOGRAM_BITS */
#define GM_HISTOGRAM_BUCKETS 1888 /* (62 - 5 + 1) octaves of 32, after the 32 exact ones */

/* The stages of the order path that the engine measures. */
enum {
    GM_STAGE_TOTAL = 0,
    GM_STAGE_VALIDATE = 1,
    GM_STAGE_RISK = 2,
    GM_STAGE_ROUTE = 3,
    GM_STAGE_JOURNAL = 4,
    GM_STAGE_VENUE = 5,
    GM_STAGE_COUNT = 6
};

typedef struct {
    uint64_t count;     /* values recorded, negative ones included */
    uint64_t negatives; /* of these, how many were below 0; they are counted as 0 */
    uint64_t sum_low;   /* sum of the values, 128 bits: low and high word */
    uint64_t sum_high;
    int64_t min_ns; /* INT64_MAX while empty */
    int64_t max_ns; /* -1 while empty */
    uint64_t counts[GM_HISTOGRAM_BUCKETS];
} gm_histogram_t;

_Static_assert(sizeof(gm_histogram_t) == 6 * 8 + GM_HISTOGRAM_BUCKETS * 8, "gm_histogram_t has padding");

static inline void gm_histogram_reset(gm_histogram_t *h)
{
    memset(h, 0, sizeof *h);
    h->min_ns = INT64_MAX;
    h->max_ns = -1;
}

/* Bucket of a value >= 0. `value | 31` makes the first 32 values fall out of the same formula. */
static inline uint32_t gm_histogram_index(int64_t value)
{
    const uint64_t v = (uint64_t)value;
    const uint32_t exponent = 63u - (uint32_t)__builtin_clzll(v | (GM_HISTOGRAM_STEPS - 1)); /* 4 for v < 32 */
    const uint32_t octave = exponent - (GM_HISTOGRAM_BITS - 1);                              /* 0 for v < 32 */
    const uint32_t shift = octave - (octave != 0);
    const uint32_t step = (uint32_t)(v >> shift) & (GM_HISTOGRAM_STEPS - 1);
    return octave * GM_HISTOGRAM_STEPS + step;
}

/* Lowest and highest value of a bucket. */
static inline int64_t gm_histogram_low(uint32_t index)
{
    const uint32_t octave = index / GM_HISTOGRAM_STEPS, step = index % GM_HISTOGRAM_STEPS;
    if (octave == 0)
        return (int64_t)step;
    return (int64_t)((uint64_t)(GM_HISTOGRAM_STEPS + step) << (octave - 1));
}

static inline int64_t gm_histogram_high(uint32_t index)
{
    const uint32_t octave = index / GM_HISTOGRAM_STEPS;
    const uint64_t width = octave == 0 ? 1u : (uint64_t)1 << (octave - 1);
    return (int64_t)((uint64_t)gm_histogram_low(index) + (width - 1));
}

static inline void gm_histogram_record(gm_histogram_t *h, int64_t ns)
{
    if (__builtin_expect(ns < 0, 0)) {
        h->negatives++;
        ns = 0;
    }
    h->count++;
    h->sum_low += (uint64_t)ns;
    h->sum_high += h->sum_low < (uint64_t)ns;
    h->min_ns = ns < h->min_ns ? ns : h->min_ns;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
    h->counts[gm_histogram_index(ns)]++;
}

static inline void gm_histogram_merge(gm_histogram_t *into, const gm_histogram_t *from)
{
    into->count += from->count;
    into->negatives += from->negatives;
    into->sum_low += from->sum_low;
    into->sum_high += from->sum_high + (into->sum_low < from->sum_low);
    into->min_ns = from->min_ns < into->min_ns ? from->min_ns : into->min_ns;
    into->max_ns = from->max_ns > into->max_ns ? from->max_ns : into->max_ns;
    for (uint32_t i = 0; i < GM_HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
}

/* The value that `percent` of the values do not exceed: the highest value of the bucket that holds the sorted value
 * number ceil((count - 1) * percent / 100), kept within [min, max]. It is never below that value and at most 1/32 of
 * it above. -1 while empty. */
static inline int64_t gm_histogram_percentile(const gm_histogram_t *h, double percent)
{
    if (h->count == 0)
        return -1;
    const double position = ceil((double)(h->count - 1) * (percent / 100.0));
    uint64_t rank = position <= 0.0 ? 0 : (uint64_t)position;
    if (rank >= h->count - 1)
        return h->max_ns;
    uint64_t seen = 0; /* values in buckets 0 .. i */
    for (uint32_t i = 0; i < GM_HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen > rank) {
            const int64_t high = gm_histogram_high(i);
            return high > h->max_ns ? h->max_ns : high;
        }
    }
    return h->max_ns;
}

/* Mean; NaN while empty. */
static inline double gm_histogram_mean(const gm_histogram_t *h)
{
    if (h->count == 0)
        return NAN;
    return ((double)h->sum_high * 18446744073709551616.0 + (double)h->sum_low) / (double)h->count;
}

#endif
