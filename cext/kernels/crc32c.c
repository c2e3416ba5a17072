#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "crc32c.h"

/* Slice-by-8: table[k][b] is the sum of byte b followed by k zero bytes. Filled once by gm_crc32c_setup. */
static uint32_t table[8][256];

uint32_t gm_crc32c_portable(uint32_t crc, const void* data, size_t size) {
    const unsigned char* p = (const unsigned char*)data;
    crc = ~crc;
    while (size >= 8) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + 4, 4);
        low ^= crc;
        crc = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^ table[4][low >> 24]
            ^ table[3][high & 0xff] ^ table[2][(high >> 8) & 0xff] ^ table[1][(high >> 16) & 0xff] ^ table[0][high >> 24];
        p += 8;
        size -= 8;
    }
    while (size--) crc = table[0][(crc ^ *p++) & 0xff] ^ (crc >> 8);
    return ~crc;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
__attribute__((target("sse4.2")))
static uint32_t crc_instruction(uint32_t crc, const void* data, size_t size) {
    const unsigned char* p = (const unsigned char*)data;
    uint64_t sum = (uint32_t)~crc;
    while (size >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        sum = _mm_crc32_u64(sum, word);
        p += 8;
        size -= 8;
    }
    while (size--) sum = _mm_crc32_u8((uint32_t)sum, *p++);
    return ~(uint32_t)sum;
}
#define GM_CRC_INSTRUCTION 1

/* The instruction answers after three cycles and can be given every cycle: three lanes side by side, put together by multiplication.
 * A sum moves over n bytes of zeros when it is multiplied by x^(8n) modulo the polynomial. A carry-less product of two reflected 32-bit
 * words is theirs times x, and the instruction multiplies what it takes by x^32: so over[n words] is x^(64n - 33). */
#define GM_LANE_MAX 64
static uint32_t over[2 * GM_LANE_MAX + 1];

__attribute__((target("sse4.2,pclmul")))
static inline uint64_t moved(uint64_t sum, size_t words) {
    const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)sum), _mm_cvtsi64_si128((long long)over[words]), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul")))
static uint32_t crc_lanes(uint32_t crc, const void* data, size_t size) {
    const unsigned char* p = (const unsigned char*)data;
    uint64_t sum = (uint32_t)~crc;
    while (size >= 96) {                    /* shorter: the putting together costs more than it saves */
        const size_t third = size / 24, lane = third < GM_LANE_MAX ? third : GM_LANE_MAX;
        uint64_t b = 0, c = 0, x, y, z;
        for (size_t i = 0; i < lane; i++) {
            memcpy(&x, p + 8 * i, 8);
            memcpy(&y, p + 8 * (lane + i), 8);
            memcpy(&z, p + 8 * (2 * lane + i), 8);
            sum = _mm_crc32_u64(sum, x);
            b = _mm_crc32_u64(b, y);
            c = _mm_crc32_u64(c, z);
        }
        sum = moved(sum, 2 * lane) ^ moved(b, lane) ^ c;
        p += 24 * lane;
        size -= 24 * lane;
    }
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        sum = _mm_crc32_u64(sum, word);
    }
    if (size >= 4) {
        uint32_t word;
        memcpy(&word, p, 4);
        sum = _mm_crc32_u32((uint32_t)sum, word);
        p += 4;
        size -= 4;
    }
    while (size--) sum = _mm_crc32_u8((uint32_t)sum, *p++);
    return ~(uint32_t)sum;
}

static void lanes_setup(void) {
    uint32_t power = 0x80000000u;           /* x^0, reflected */
    for (int n = 0, exponent = 0; n <= 2 * GM_LANE_MAX; n++)
        for (over[n] = power; n > 0 && exponent < 64 * n - 33; exponent++) {
            power = (power >> 1) ^ (0x82f63b78u & (0u - (power & 1u)));
            over[n] = power;
        }
}
#endif

static uint32_t (*chosen)(uint32_t, const void*, size_t) = gm_crc32c_portable;

void gm_crc32c_setup(void) {
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
        table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++) table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 0xff];
#ifdef GM_CRC_INSTRUCTION
    __builtin_cpu_init();
    lanes_setup();
    if (__builtin_cpu_supports("sse4.2")) chosen = __builtin_cpu_supports("pclmul") ? crc_lanes : crc_instruction;
#endif
}

uint32_t gm_crc32c(uint32_t crc, const void* data, size_t size) { return chosen(crc, data, size); }
