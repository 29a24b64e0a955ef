// What the kernels' files share: the list of kernels, the layout of strips, and the rule against contraction.
#ifndef JK_KERNELS_H
#define JK_KERNELS_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "CKernels.h"

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

#pragma GCC visibility push(hidden)

// Every kernel of an instruction set, once: the table's type, the tables and their initialisers expand from this list.
// Kernels run on the calling thread, on the part of the work that their last arguments name.
#define JK_KERNELS(KERNEL)                                                                                             \
    /* Tokens first_token ..< last_token, strips first ..< last of the matrix. */                                      \
    KERNEL(matmul_f32, JK_MATMUL_ARGUMENTS)                                                                            \
    KERNEL(matmul_bf16, JK_MATMUL_ARGUMENTS)                                                                           \
    KERNEL(matmul_i8, JK_MATMUL_ARGUMENTS)                                                                             \
    KERNEL(matmul_i6, JK_MATMUL_ARGUMENTS)                                                                             \
    KERNEL(matmul_nl4, JK_MATMUL_ARGUMENTS)                                                                            \
    KERNEL(quantize, (const float *x, int8_t *codes, float *scales, int32_t *offsets, size_t groups))                  \
    /* One row. */                                                                                                     \
    KERNEL(rms_norm, (const float *x, const float *weight, float eps, size_t width, float *y))                         \
    KERNEL(add, (float *y, const float *x, size_t width))                                                              \
    KERNEL(add_scaled, (float *y, const float *x, float scale, size_t width))                                          \
    KERNEL(silu_multiply, (float *gate, const float *up, size_t width))                                                \
    KERNEL(softmax, (float *x, size_t count))                                                                          \
    /* One block of columns of some rows; index as in jk_add_moments. */                                               \
    KERNEL(add_moments, (const float *x, size_t stride, const uint32_t *index, size_t count, size_t width, size_t size,\
                         float *sums))                                                                                 \
    /* Channels first ..< last, all tokens. */                                                                         \
    KERNEL(convolve, (const jk_convolution *arguments, size_t first, size_t last))                                     \
    KERNEL(scan, (const jk_scan_arguments *arguments, size_t first, size_t last))                                      \
    /* One token; for attend also one head, at the given position. */                                     \
    KERNEL(kv_store, (const jk_kv *kv, const float *k, const float *v, size_t position))                               \
    KERNEL(attend, (const jk_kv *kv, size_t kv_head, const float *q, float scale, size_t position, float *y))         \
    KERNEL(encode_i8, JK_ENCODE_ARGUMENTS)                                                                             \
    KERNEL(encode_i6, JK_ENCODE_ARGUMENTS)                                                                             \
    KERNEL(encode_nl4, JK_ENCODE_ARGUMENTS)                                                                            \
    KERNEL(refine_i8, JK_REFINE_ARGUMENTS)                                                                             \
    KERNEL(refine_i6, JK_REFINE_ARGUMENTS)                                                                             \
    KERNEL(refine_nl4, JK_REFINE_ARGUMENTS)                                                                            \
    /* JK_PEAK_PRODUCTS products of int8 a round, by the instructions of matmul_i8 and matmul_nl4, from registers. */  \
    KERNEL(multiply_peak, (size_t rounds, int32_t sink[8]))

#define JK_MATMUL_ARGUMENTS                                                                                            \
    (const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t first_token, size_t last_token, float *y,     \
     size_t y_stride, size_t first, size_t last)
#define JK_ENCODE_ARGUMENTS                                                                                            \
    (const float *rows, size_t stride, size_t row_count, size_t columns, const float *importance, float step,          \
     uint8_t *strip, double error[2])
#define JK_REFINE_ARGUMENTS                                                                                            \
    (const float *rows, size_t stride, size_t row_count, size_t columns, const float *moments, size_t size,            \
     float step, uint8_t *strip, double error[2])

struct jk_kernels {
    const char *name;
#define JK_MEMBER(kernel, arguments) void(*kernel) arguments;
    JK_KERNELS(JK_MEMBER)
#undef JK_MEMBER
};

// A set's table, at the end of its file.
#define JK_ENTRY(kernel, arguments) .kernel = kernel,
#define JK_TABLE(set) const struct jk_kernels jk_##set##_kernels = {.name = #set, JK_KERNELS(JK_ENTRY)};

// The instruction sets of each architecture, slowest first.
#if defined(__x86_64__)
#define JK_SETS(SET) SET(JK_SCALAR, scalar) SET(JK_AVX2, avx2) SET(JK_AVX_VNNI, avx_vnni) SET(JK_AVX512, avx512)
#elif defined(__aarch64__)
#define JK_SETS(SET) SET(JK_SCALAR, scalar) SET(JK_NEON, neon) SET(JK_NEON_DOT, neon_dot)
#else
#define JK_SETS(SET) SET(JK_SCALAR, scalar)
#endif

#define JK_DECLARE(value, set) extern const struct jk_kernels jk_##set##_kernels;
JK_SETS(JK_DECLARE)
#undef JK_DECLARE

// The constants of exp, each filling a vector. They are defined in another file so that a loop reads them as memory
// operands: where the compiler sees the values, it spends an instruction and a register on each.
struct jk_exp_constants {
    float most[8], least[8], per_ln2[8], magic[8], minus_ln2_high[8], minus_ln2_low[8];
    float one[8], c0[8], c1[8], c2[8], c3[8], c4[8];
};
extern const struct jk_exp_constants jk_exp_constants;

#pragma GCC visibility pop

enum {
    JK_SCAN_BLOCK = 64,      // channels that the scan takes through all tokens at once
    JK_I8_TILE = 256,        // bytes
    JK_I6_TILE = 192,
    JK_NL4_TILE = 128,
    JK_PEAK_PRODUCTS = 1024  // of one round of multiply_peak
};

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

// Bytes before the first tile of a quantized strip with `groups` groups a row.
JK_INLINE size_t jk_header_size(size_t groups) { return jk_parts(32 + 8 * groups, 64) * 64; }

JK_INLINE size_t jk_tile_size(jk_type type) {
    return type == JK_I8 ? JK_I8_TILE : type == JK_I6 ? JK_I6_TILE : JK_NL4_TILE;
}

// What a tile stores for row r and column c (0 ..< 32): the code, or for JK_NL4 its index in the grid.
JK_INLINE int32_t jk_tile_stored(jk_type type, const uint8_t *tile, size_t r, size_t c) {
    if (type == JK_I8) return (int8_t)tile[c / 4 * 32 + 4 * r + c % 4];
    const size_t byte = 4 * r + c % 4;
    const int32_t low = tile[c % 16 / 4 * 32 + byte] >> (c < 16 ? 0 : 4) & 15;
    if (type == JK_NL4) return low;
    return (low | (tile[JK_NL4_TILE + c / 16 * 32 + byte] >> c % 16 / 4 * 2 & 3) << 4) - 32;
}

// The row of activations that token i of a product reads.
JK_INLINE size_t jk_source(const uint32_t *index, size_t i) { return index ? index[i] : i; }

// Rows of strip `strip` that the matrix really has, at most 8.
JK_INLINE size_t jk_strip_rows(const jk_matrix *w, size_t strip) {
    return jk_least(JK_LANES, w->rows - strip * JK_LANES);
}

// The page of a position.
JK_INLINE void *jk_page(const jk_kv *kv, size_t position) {
    const size_t n = position / JK_PAGE_POSITIONS;
    return kv->pages[n < kv->fixed_pages ? n : kv->fixed_pages + (n - kv->fixed_pages) % kv->ring_pages];
}

// Keys of a group of 8 positions begin at this element of a page ([position / 8][head_size][8]).
JK_INLINE size_t jk_key_offset(const jk_kv *kv, size_t kv_head, size_t position) {
    return kv_head * 2 * JK_PAGE_POSITIONS * kv->head_size + position % JK_PAGE_POSITIONS / 8 * 8 * kv->head_size;
}

// The value of a position begins at this element of a page.
JK_INLINE size_t jk_value_offset(const jk_kv *kv, size_t kv_head, size_t position) {
    return (kv_head * 2 + 1) * JK_PAGE_POSITIONS * kv->head_size + position % JK_PAGE_POSITIONS * kv->head_size;
}

// The scales of a head's keys in a page of JK_KV_I8, [64], followed by those of its values.
JK_INLINE float *jk_kv_scales(const jk_kv *kv, void *page, size_t kv_head) {
    const size_t codes = 2 * JK_PAGE_POSITIONS * kv->kv_heads * kv->head_size;  // a multiple of 4
    return (float *)(void *)((char *)page + codes) + kv_head * 2 * JK_PAGE_POSITIONS;
}

#endif
