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
#include <nmmintrin.h>
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
    if (__builtin_cpu_supports("sse4.2")) chosen = crc_instruction;
#endif
}

uint32_t gm_crc32c(uint32_t crc, const void* data, size_t size) { return chosen(crc, data, size); }
