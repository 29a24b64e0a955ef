// What the files of kernels and of quantizers share: the rule against contraction, targets, and what a tile holds.
#ifndef JK_BASE_H
#define JK_BASE_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "CStorage.h"

// A multiplication and an addition fuse only where the source says fmaf: otherwise clang would fuse where the
// instruction set can and not where it cannot, and the bits would differ. gcc knows only -ffp-contract=off.
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#define JK_INLINE static inline __attribute__((always_inline, unused))
#define JK_UNUSED __attribute__((unused))

#ifdef __clang__
#define JK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define JK_UNROLL _Pragma("GCC unroll 8")
#endif

// What stands between these two may use the given features of the processor: SwiftPM has no flags for single files, and
// flags for all would defeat the choice at run time. Where the intrinsics are emulated, no feature may be used.
#define JK_PRAGMA(text) _Pragma(#text)
#if defined(JK_EMULATED)
#define JK_BEGIN_TARGET(features)
#define JK_END_TARGET
#elif defined(__clang__)
#define JK_BEGIN_TARGET(features) \
    JK_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define JK_END_TARGET JK_PRAGMA(clang attribute pop)
#else
#define JK_BEGIN_TARGET(features) JK_PRAGMA(GCC push_options) JK_PRAGMA(GCC target(features))
#define JK_END_TARGET JK_PRAGMA(GCC pop_options)
#endif

// Keeps a loop's order of tokens and planes: clang would take a token through all planes first, and spill them.
#if defined(JK_EMULATED)
#define JK_KEEP_ORDER(x)
#elif defined(__x86_64__)
#define JK_KEEP_ORDER(x) __asm__("" : "+v"(x))
#elif defined(__aarch64__)
#define JK_KEEP_ORDER(x) __asm__("" : "+w"(x))
#endif

JK_INLINE size_t jk_least(size_t a, size_t b) { return a < b ? a : b; }
JK_INLINE size_t jk_most(size_t a, size_t b) { return a > b ? a : b; }

// a / b rounded up, for b > 0, without overflow.
JK_INLINE size_t jk_parts(size_t a, size_t b) { return a / b + (a % b != 0); }

JK_INLINE float jk_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

JK_INLINE uint32_t jk_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// Bits that a weight adds to its row's ring in a tile (CStorage.h); 0: the type's tiles hold none.
JK_INLINE int jk_ring_bits(jk_type type) {
    switch (type) {
        case JK_R3: return 3;
        case JK_R2: return 2;
        case JK_I8:
        case JK_NL4:
        case JK_I6:
        JK_FLOAT_TYPES(JK_CASE) return 0;
    }
    __builtin_trap();
}

// The first bit of column c of a tile in the ring, and the byte of the tile in which bit `bit` of row r lies.
JK_INLINE size_t jk_ring_bit(int bits, size_t c) { return (8 * (c % 4) + c / 4) * (size_t)bits; }
JK_INLINE size_t jk_ring_byte(int bits, size_t r, size_t bit) {
    return bit / 8 % (size_t)bits * 32 + 4 * r + bit / 8 / (size_t)bits;
}

// What a tile of codes stores for row r and column c (0 ..< 32): the code, or its index in a grid.
JK_INLINE int32_t jk_tile_stored(jk_type type, const uint8_t *tile, size_t r, size_t c) {
    const size_t byte = 4 * r + c % 4;
    switch (type) {
        case JK_I8: return (int8_t)tile[c / 4 * 32 + byte];
        case JK_NL4: return tile[c % 16 / 4 * 32 + byte] >> (c < 16 ? 0 : 4) & 15;
        case JK_I6: {
            const int32_t low = tile[c % 16 / 4 * 32 + byte] >> (c < 16 ? 0 : 4) & 15;
            const uint8_t *high = tile + 4 * 32;
            return (low | (high[c / 16 * 32 + byte] >> c % 16 / 4 * 2 & 3) << 4) - 32;
        }
        case JK_R3:
        case JK_R2: {
            const int bits = jk_ring_bits(type);
            int32_t index = 0;
            for (size_t i = 0; i < 4; i++) {
                const size_t bit = (jk_ring_bit(bits, c) + i) % (32 * (size_t)bits);
                index |= (tile[jk_ring_byte(bits, r, bit)] >> bit % 8 & 1) << i;
            }
            return index;
        }
        JK_FLOAT_TYPES(JK_CASE) break;
    }
    __builtin_trap();
}

// The scale of group k of row r in the strip that begins at `header`.
JK_INLINE int32_t jk_group_scale(jk_type type, const uint8_t *header, size_t k, size_t r) {
    if (jk_scale_bytes(type) == 4) return jk_scale_grid[header[32 + 4 * k + r / 2] >> r % 2 * 4 & 15];
    return (int8_t)header[32 + 8 * k + r];
}

// The code that a tile stores so.
JK_INLINE int32_t jk_stored_code(jk_type type, int32_t stored) {
    switch (type) {
        case JK_NL4: return (int32_t)jk_nl4_grid[stored] - 64;
        case JK_R3: return (int32_t)jk_r3_grid[stored] - 64;
        case JK_R2: return (int32_t)jk_r2_grid[stored] - 64;
        case JK_I8:
        case JK_I6: return stored;
        JK_FLOAT_TYPES(JK_CASE) break;
    }
    __builtin_trap();
}

#endif
