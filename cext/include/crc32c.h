/* CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected 0x82F63B78), RFC 3720 B.4: "123456789" gives 0xE3069283.
 * The instruction of SSE4.2 where the machine has it, chosen once; a table otherwise. Both give the same sum. */
#ifndef GM_CRC32C_H
#define GM_CRC32C_H

#include <stdint.h>
#include <stddef.h>

/* Bodies in kernels/crc32c.c. Call gm_crc32c_setup() once (module import) before the first sum. */
void gm_crc32c_setup(void);
uint32_t gm_crc32c(uint32_t crc, const void* data, size_t size);
uint32_t gm_crc32c_portable(uint32_t crc, const void* data, size_t size);

#endif
