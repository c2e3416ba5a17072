/* SHA-256 (FIPS 180-4) over whole 64-byte blocks, with the running state in the open: the log's seals keep it, so that
 * a restart goes on from the last seal. The instructions of the CPU are used where it has them. */
#ifndef GM_SHA256_H
#define GM_SHA256_H

#include <stddef.h>
#include <stdint.h>

void gm_sha256_setup(void);                                   /* chooses the code once */
void gm_sha256_start(uint32_t state[8]);
void gm_sha256_blocks(uint32_t state[8], const void* data, size_t blocks);
void gm_sha256_blocks_portable(uint32_t state[8], const void* data, size_t blocks);
/* The digest of the `bytes` (a multiple of 64) that `state` has taken in; the state is left as it is. */
void gm_sha256_digest(const uint32_t state[8], uint64_t bytes, uint8_t digest[32]);

#endif
