/* Seeded randomness with the same bits on every machine: integer generators, logarithm and exponential of plain IEEE steps
 * (libm's may differ in the last bit from one CPU to the next). */
#ifndef GM_RANDOM_H
#define GM_RANDOM_H

#include <stdint.h>
#include <string.h>

typedef struct gm_random { uint64_t s[4]; } gm_random_t;

static inline uint64_t gm_splitmix64(uint64_t* state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static inline void gm_random_seed(gm_random_t* r, uint64_t seed, uint64_t stream) {
    uint64_t state = seed ^ (stream * 0xd1342543de82ef95ULL);
    for (int i = 0; i < 4; i++) r->s[i] = gm_splitmix64(&state);
}

/* xoshiro256++ (Blackman and Vigna 2019). */
static inline uint64_t gm_random_next(gm_random_t* r) {
    uint64_t* s = r->s;
    uint64_t sum = s[0] + s[3];
    uint64_t result = ((sum << 23) | (sum >> 41)) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

static inline double gm_random_unit(gm_random_t* r) { return (double)(gm_random_next(r) >> 11) * 0x1p-53; }   /* [0, 1) */
static inline uint32_t gm_random_below(gm_random_t* r, uint32_t n) {
    return (uint32_t)(((gm_random_next(r) >> 32) * (uint64_t)n) >> 32);
}

/* Natural logarithm of x in (0, 1], to about 1e-15: x = m 2^e, ln m by the series of 2 atanh((m-1)/(m+1)). */
static inline double gm_log(double x) {
    uint64_t bits;
    double m, s, s2, sum;
    int e;
    memcpy(&bits, &x, 8);
    e = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
    memcpy(&m, &bits, 8);
    if (m > 1.4142135623730951) { m *= 0.5; e++; }
    s = (m - 1.0) / (m + 1.0);
    s2 = s * s;
    sum = 1.0 / 19.0;
    for (int k = 17; k >= 1; k -= 2) sum = sum * s2 + 1.0 / k;
    return 2.0 * s * sum + e * 0.6931471805599453;
}

/* e^x of x below 700, to about 1e-15: x = k ln 2 + r with |r| <= ln(2) / 2, e^r by its series. */
static inline double gm_exp(double x) {
    double r, sum = 1.0, scale;
    uint64_t bits;
    int64_t k;
    if (!(x > -700.0)) return 0.0;
    k = (int64_t)(x * 1.4426950408889634 + (x < 0.0 ? -0.5 : 0.5));
    r = (x - (double)k * 6.93147180369123816490e-01) - (double)k * 1.90821492927058770002e-10;
    for (int n = 13; n >= 1; n--) sum = 1.0 + sum * r / n;
    bits = (uint64_t)(1023 + k) << 52;
    memcpy(&scale, &bits, 8);
    return sum * scale;
}

static inline double gm_random_exponential(gm_random_t* r) { return -gm_log(1.0 - gm_random_unit(r)); }

#endif
