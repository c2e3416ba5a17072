#include <string.h>
#include "sha256.h"

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t rotate(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

void gm_sha256_start(uint32_t state[8]) {
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(state, first, sizeof first);
}

void gm_sha256_blocks_portable(uint32_t state[8], const void* data, size_t blocks) {
    const uint8_t* at = (const uint8_t*)data;
    for (; blocks > 0; blocks--, at += 64) {
        uint32_t w[64], s[8];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)at[4 * i] << 24 | (uint32_t)at[4 * i + 1] << 16 | (uint32_t)at[4 * i + 2] << 8 | at[4 * i + 3];
        for (int i = 16; i < 64; i++) {
            uint32_t a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
            uint32_t b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16] + a + w[i - 7] + b;
        }
        memcpy(s, state, sizeof s);
        for (int i = 0; i < 64; i++) {          /* s[-i mod 8] is the round's a: names move, values stay */
#define S(n) s[((n) - i) & 7]
            uint32_t e = rotate(S(4), 6) ^ rotate(S(4), 11) ^ rotate(S(4), 25);
            uint32_t t1 = S(7) + e + ((S(4) & S(5)) ^ (~S(4) & S(6))) + K[i] + w[i];
            uint32_t a = rotate(S(0), 2) ^ rotate(S(0), 13) ^ rotate(S(0), 22);
            S(3) += t1;
            S(7) = t1 + a + ((S(0) & S(1)) ^ (S(0) & S(2)) ^ (S(1) & S(2)));
#undef S
        }
        for (int i = 0; i < 8; i++) state[i] += s[i];
    }
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/* State in the order the instructions want: ABEF and CDGH. Four rounds a step; the message schedule runs along. */
__attribute__((target("sha,sse4.1,ssse3")))
static void blocks_x86(uint32_t state[8], const void* data, size_t blocks) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bULL, 0x0405060700010203ULL);
    const uint8_t* at = (const uint8_t*)data;
    __m128i lo = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i*)state), 0xb1);
    __m128i hi = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i*)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(lo, hi, 8), cdgh = _mm_blend_epi16(hi, lo, 0xf0);
    for (; blocks > 0; blocks--, at += 64) {
        const __m128i abef0 = abef, cdgh0 = cdgh;
        __m128i m[4];
        for (int i = 0; i < 4; i++) m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i*)(at + 16 * i)), swap);
        for (int i = 0; i < 16; i++) {
            __m128i now = m[i & 3];
            __m128i k = _mm_add_epi32(now, _mm_loadu_si128((const __m128i*)(K + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0e));
            if (i < 12) {       /* words 4(i+4) .. 4(i+4)+3 take the place of these four */
                __m128i last = m[(i + 3) & 3];
                __m128i w = _mm_sha256msg1_epu32(now, m[(i + 1) & 3]);
                w = _mm_add_epi32(w, _mm_alignr_epi8(last, m[(i + 2) & 3], 4));
                m[i & 3] = _mm_sha256msg2_epu32(w, last);
            }
        }
        abef = _mm_add_epi32(abef, abef0);
        cdgh = _mm_add_epi32(cdgh, cdgh0);
    }
    lo = _mm_shuffle_epi32(abef, 0x1b);
    hi = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i*)state, _mm_blend_epi16(lo, hi, 0xf0));
    _mm_storeu_si128((__m128i*)(state + 4), _mm_alignr_epi8(hi, lo, 8));
}

static int has_instructions(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) && __builtin_cpu_supports("sse4.1");
}
#endif

static void (*chosen)(uint32_t*, const void*, size_t) = gm_sha256_blocks_portable;

void gm_sha256_setup(void) {
#if defined(__x86_64__)
    if (has_instructions()) chosen = blocks_x86;
#endif
}

void gm_sha256_blocks(uint32_t state[8], const void* data, size_t blocks) { chosen(state, data, blocks); }

void gm_sha256_digest(const uint32_t state[8], uint64_t bytes, uint8_t digest[32]) {
    uint32_t s[8];
    uint8_t last[64] = {0x80};
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 8; i++) last[56 + i] = (uint8_t)(bytes * 8 >> (56 - 8 * i));
    gm_sha256_blocks_portable(s, last, 1);
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(s[i / 4] >> (24 - 8 * (i % 4)));
}
