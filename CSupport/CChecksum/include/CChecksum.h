// CRC-32C (Castagnoli), as in iSCSI and ext4.
#ifndef CCHECKSUM_H
#define CCHECKSUM_H
#include <stddef.h>
#include <stdint.h>

// The CRC-32C of `size` bytes, continuing from `crc` (0 to begin). Uses the processor's instructions for it where it has them.
uint32_t jc_crc32c(uint32_t crc, const void *data, size_t size);
#endif
