#include "CChecksum.h"

#include <stdbool.h>
#include <string.h>

// Reflected polynomial 0x82F63B78, one byte at a time: portable and small. Used where there is no instruction.
static uint32_t crc_portable(uint32_t crc, const unsigned char *p, size_t n) {
    static const uint32_t nibble[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
        0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75};
    while (n--) {
        crc ^= *p++;
        crc = (crc >> 4) ^ nibble[crc & 15];
        crc = (crc >> 4) ^ nibble[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const unsigned char *p, size_t n) {
    uint64_t c = crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    for (; n; p++, n--) c = _mm_crc32_u8((uint32_t)c, *p);
    return (uint32_t)c;
}

// Four remainders of 128 bits, each carried 64 bytes further by two carry-less products with x^(512 + 32) and x^(512 - 32)
// modulo the polynomial, reflected (Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ, Intel 2009):
// twice as fast as the instruction that takes 8 bytes and waits for the 8 before.
__attribute__((target("sse4.2,pclmul"))) static __m128i carry(__m128i remainder, __m128i powers, __m128i next) {
    const __m128i low = _mm_clmulepi64_si128(remainder, powers, 0x00);
    const __m128i high = _mm_clmulepi64_si128(remainder, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("sse4.2,pclmul"))) static __m128i load(const unsigned char *p) {
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

// The 32 bits that `count` remainders of 16 bytes each, one behind the other, come to.
__attribute__((target("sse4.2,pclmul"))) static uint32_t reduce(const __m128i *remainders, int count) {
    const __m128i by_16_bytes = _mm_set_epi64x(0x493C7D27, 0xF20C0DFE);
    __m128i r = remainders[0];
    for (int i = 1; i < count; i++) r = carry(r, by_16_bytes, remainders[i]);
    return (uint32_t)_mm_crc32_u64(_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(r)), (uint64_t)_mm_extract_epi64(r, 1));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc_pclmul(uint32_t crc, const unsigned char *p, size_t n) {
    if (n < 128) return crc_sse42(crc, p, n);
    const __m128i by_64_bytes = _mm_set_epi64x(0x9E4ADDF8, 0x740EEF02);
    __m128i r0 = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)crc));
    __m128i r1 = load(p + 16), r2 = load(p + 32), r3 = load(p + 48);
    for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
        r0 = carry(r0, by_64_bytes, load(p));
        r1 = carry(r1, by_64_bytes, load(p + 16));
        r2 = carry(r2, by_64_bytes, load(p + 32));
        r3 = carry(r3, by_64_bytes, load(p + 48));
    }
    const __m128i remainders[4] = {r0, r1, r2, r3};
    return crc_sse42(reduce(remainders, 4), p, n);
}

// The same with two remainders a register, 128 bytes a turn: as fast as a core reads from memory, so that a check costs little
// more than the reading.
#define WIDE __attribute__((target("sse4.2,pclmul,avx2,vpclmulqdq")))

WIDE static __m256i carry_pair(__m256i remainders, __m256i powers, __m256i next) {
    const __m256i low = _mm256_clmulepi64_epi128(remainders, powers, 0x00);
    const __m256i high = _mm256_clmulepi64_epi128(remainders, powers, 0x11);
    return _mm256_xor_si256(_mm256_xor_si256(low, high), next);
}

WIDE static __m256i load_pair(const unsigned char *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }

WIDE static uint32_t crc_vpclmul(uint32_t crc, const unsigned char *p, size_t n) {
    if (n < 256) return crc_pclmul(crc, p, n);
    const __m256i by_128_bytes = _mm256_set_epi64x(0x0D3B6092, 0x6992CEA2, 0x0D3B6092, 0x6992CEA2);
    const __m256i begin = _mm256_set_epi32(0, 0, 0, 0, 0, 0, 0, (int)crc);
    __m256i r0 = _mm256_xor_si256(load_pair(p), begin);
    __m256i r1 = load_pair(p + 32), r2 = load_pair(p + 64), r3 = load_pair(p + 96);
    for (p += 128, n -= 128; n >= 128; p += 128, n -= 128) {
        r0 = carry_pair(r0, by_128_bytes, load_pair(p));
        r1 = carry_pair(r1, by_128_bytes, load_pair(p + 32));
        r2 = carry_pair(r2, by_128_bytes, load_pair(p + 64));
        r3 = carry_pair(r3, by_128_bytes, load_pair(p + 96));
    }
    __m128i remainders[8];
    _mm256_storeu_si256((__m256i *)(void *)remainders, r0);
    _mm256_storeu_si256((__m256i *)(void *)(remainders + 2), r1);
    _mm256_storeu_si256((__m256i *)(void *)(remainders + 4), r2);
    _mm256_storeu_si256((__m256i *)(void *)(remainders + 6), r3);
    return crc_sse42(reduce(remainders, 8), p, n);
}

uint32_t jc_crc32c(uint32_t crc, const void *data, size_t size) {
    crc = ~crc;
    const bool has_pclmul = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
    if (has_pclmul && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("vpclmulqdq")) crc = crc_vpclmul(crc, data, size);
    else if (has_pclmul) crc = crc_pclmul(crc, data, size);
    else crc = __builtin_cpu_supports("sse4.2") ? crc_sse42(crc, data, size) : crc_portable(crc, data, size);
    return ~crc;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

uint32_t jc_crc32c(uint32_t crc, const void *data, size_t size) {
    const unsigned char *p = data;
    crc = ~crc;
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    for (; size; p++, size--) crc = __crc32cb(crc, *p);
    return ~crc;
}

#else
uint32_t jc_crc32c(uint32_t crc, const void *data, size_t size) { return ~crc_portable(~crc, data, size); }
#endif
