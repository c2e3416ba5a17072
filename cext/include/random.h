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

/* By the leading six bits of a mantissa, halved from 1.40625 on: c, the double nearest to the reciprocal of the interval's middle (1 in the two
 * that touch 1, so that there nothing is lost), and the double nearest to -ln c. */
static const double GM_LOG_TABLE[64][2] = {
    {0x1.0000000000000p+0, 0x0.0p+0}, {0x1.f44659e4a4271p-1, 0x1.7b91b07d5b126p-6},
    {0x1.ecc07b301ecc0p-1, 0x1.39e87b9febd68p-5}, {0x1.e573ac901e574p-1, 0x1.b42dd711971b9p-5},
    {0x1.de5d6e3f8868ap-1, 0x1.16536eea37ae3p-4}, {0x1.d77b654b82c34p-1, 0x1.51b073f06183cp-4},
    {0x1.d0cb58f6ec074p-1, 0x1.8c345d6319b23p-4}, {0x1.ca4b3055ee191p-1, 0x1.c5e548f5bc743p-4},
    {0x1.c3f8f01c3f8f0p-1, 0x1.fec9131dbeabcp-4}, {0x1.bdd2b899406f7p-1, 0x1.1b72ad52f67a2p-3},
    {0x1.b7d6c3dda338bp-1, 0x1.371fc201e8f75p-3}, {0x1.b2036406c80d9p-1, 0x1.526e5e3a1b438p-3},
    {0x1.ac5701ac5701bp-1, 0x1.6d60fe719d21bp-3}, {0x1.a6d01a6d01a6dp-1, 0x1.87fa06520c911p-3},
    {0x1.a16d3f97a4b02p-1, 0x1.a23bc1fe2b561p-3}, {0x1.9c2d14ee4a102p-1, 0x1.bc286742d8cd4p-3},
    {0x1.970e4f80cb872p-1, 0x1.d5c216b4fbb94p-3}, {0x1.920fb49d0e229p-1, 0x1.ef0adcbdc5935p-3},
    {0x1.8d3018d3018d3p-1, 0x1.0402594b4d041p-2}, {0x1.886e5f0abb04ap-1, 0x1.1058bf9ae4ad4p-2},
    {0x1.83c977ab2beddp-1, 0x1.1c898c16999fbp-2}, {0x1.7f405fd017f40p-1, 0x1.2895a13de86a4p-2},
    {0x1.7ad2208e0ecc3p-1, 0x1.347dd9a987d56p-2}, {0x1.767dce434a9b1p-1, 0x1.404308686a7e4p-2},
    {0x1.724287f46debcp-1, 0x1.4be5f957778a1p-2}, {0x1.6e1f76b4337c7p-1, 0x1.5767717455a6cp-2},
    {0x1.6a13cd1537290p+0, -0x1.630030b3aac48p-2}, {0x1.661ec6a5122f9p+0, -0x1.57bf753c8d1fbp-2},
    {0x1.623fa77016240p+0, -0x1.4c9e09e172c3dp-2}, {0x1.5e75bb8d015e7p+0, -0x1.419b423d5e8c6p-2},
    {0x1.5ac056b015ac0p+0, -0x1.36b6776be1116p-2}, {0x1.571ed3c506b3ap+0, -0x1.2bef07cdc9355p-2},
    {0x1.5390948f40febp+0, -0x1.214456d0eb8d5p-2}, {0x1.5015015015015p+0, -0x1.16b5ccbacfb73p-2},
    {0x1.4cab88725af6ep+0, -0x1.0c42d676162e2p-2}, {0x1.49539e3b2d067p+0, -0x1.01eae5626c691p-2},
    {0x1.460cbc7f5cf9ap+0, -0x1.ef5ade4dcffe5p-3}, {0x1.42d6625d51f87p+0, -0x1.db13db0d48941p-3},
    {0x1.3fb013fb013fbp+0, -0x1.c6ffbc6f00f71p-3}, {0x1.3c995a47babe7p+0, -0x1.b31d8575bce3bp-3},
    {0x1.3991c2c187f63p+0, -0x1.9f6c407089663p-3}, {0x1.3698df3de0748p+0, -0x1.8beafeb38fe8fp-3},
    {0x1.33ae45b57bcb2p+0, -0x1.7898d85444c74p-3}, {0x1.30d190130d190p+0, -0x1.6574ebe8c1339p-3},
    {0x1.2e025c04b8097p+0, -0x1.527e5e4a1b58dp-3}, {0x1.2b404ad012b40p+0, -0x1.3fb45a59928cap-3},
    {0x1.288b01288b013p+0, -0x1.2d1610c86813dp-3}, {0x1.25e22708092f1p+0, -0x1.1aa2b7e23f729p-3},
    {0x1.23456789abcdfp+0, -0x1.08598b59e3a07p-3}, {0x1.20b470c67c0d9p+0, -0x1.ec739830a1126p-4},
    {0x1.1e2ef3b3fb874p+0, -0x1.c885801bc4b20p-4}, {0x1.1bb4a4046ed29p+0, -0x1.a4e7640b1bc38p-4},
    {0x1.19453808ca29cp+0, -0x1.8197e2f40e3f0p-4}, {0x1.16e0689427379p+0, -0x1.5e95a4d9791cdp-4},
    {0x1.1485f0e0acd3bp+0, -0x1.3bdf5a7d1ee5ep-4}, {0x1.12358e75d3033p+0, -0x1.1973bd1465561p-4},
    {0x1.0fef010fef011p+0, -0x1.eea31c006b87cp-5}, {0x1.0db20a88f4696p+0, -0x1.aaef2d0fb1108p-5},
    {0x1.0b7e6ec259dc8p+0, -0x1.67c94f2d4bb65p-5}, {0x1.0953f39010954p+0, -0x1.252f32f8d1840p-5},
    {0x1.073260a47f7c6p+0, -0x1.c63d2ec14aad7p-6}, {0x1.05197f7d73404p+0, -0x1.432a925980cbcp-6},
    {0x1.03091b51f5e1ap+0, -0x1.82448a388a283p-7}, {0x1.0000000000000p+0, 0x0.0p+0}};

/* Natural logarithm of a normal x > 0, to about 5e-16, of the value where that is larger: x = m 2^e, m c = 1 + r with |r| <= 1/64, so
 * ln x = e ln 2 - ln c + ln(1 + r), the last by its series to r^8 (a table, as P. T. P. Tang, ACM Trans. Math. Softw. 16, 1990). Its steps wait
 * for one another a third as long as those of a longer series: an event of a synthetic market has one on its way. */
static inline double gm_log(double x) {
    uint64_t bits;
    double m, r, r2;
    int e, high;
    memcpy(&bits, &x, 8);
    const double* const entry = GM_LOG_TABLE[bits >> 46 & 63];
    high = (bits >> 46 & 63) >= 26;
    e = (int)(bits >> 52) - 1023 + high;
    bits = (bits & 0x000fffffffffffffULL) | (0x3ff0000000000000ULL - ((uint64_t)high << 52));
    memcpy(&m, &bits, 8);
    r = m * entry[0] - 1.0;
    r2 = r * r;
    return (e * 0.6931471805599453 + entry[1])
        + (r + r2 * ((-0.5 + r * (1.0 / 3.0)) + r2 * ((-0.25 + r * 0.2) + r2 * ((-1.0 / 6.0 + r * (1.0 / 7.0)) + r2 * -0.125))));
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
