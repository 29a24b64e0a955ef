// What the quantizers' files share: the tables of the sets, and the grid of NL4.
#ifndef JK_QUANTIZERS_H
#define JK_QUANTIZERS_H

#include "CQuantizers.h"
#include "base.h"

#pragma GCC visibility push(hidden)

#define JK_ENCODE_ARGUMENTS                                                                                            \
    (const float *rows, size_t stride, size_t row_count, size_t columns, const float *importance, float step,          \
     uint8_t *strip, double error[2])
#define JK_REFINE_ARGUMENTS                                                                                            \
    (const float *rows, size_t stride, size_t row_count, size_t columns, const float *moments, size_t size,            \
     float step, uint8_t *strip, double error[2])

// Every quantizer of an instruction set: encode_i8, refine_i8 and so on, from the list of types.
struct jk_quantizers {
#define JK_QUANTIZER_MEMBERS(type, number, name, kernels, ...) \
    void(*encode_##kernels) JK_ENCODE_ARGUMENTS;               \
    void(*refine_##kernels) JK_REFINE_ARGUMENTS;
    JK_CODE_TYPES(JK_QUANTIZER_MEMBERS)
#undef JK_QUANTIZER_MEMBERS
};

// A set's table, at the end of its file.
#define JK_QUANTIZER_ENTRIES(type, number, name, kernels, ...) \
    .encode_##kernels = encode_##kernels, .refine_##kernels = refine_##kernels,
#define JK_QUANTIZER_TABLE(set) \
    const struct jk_quantizers jk_##set##_quantizers = {JK_CODE_TYPES(JK_QUANTIZER_ENTRIES)};

// Instruction sets and whose quantizers they have: products of bytes and look-ups change nothing here.
#if defined(__x86_64__)
#define JK_QUANTIZER_SETS(SET)                                                                        \
    SET(JK_SCALAR, scalar) SET(JK_AVX2, avx2) SET(JK_AVX_VNNI, avx2) SET(JK_AVX512, avx512)             \
    SET(JK_AVX512_VBMI, avx512) SET(JK_AMX, avx512)
#elif defined(__aarch64__)
#define JK_QUANTIZER_SETS(SET) SET(JK_SCALAR, scalar) SET(JK_NEON, neon) SET(JK_NEON_DOT, neon) SET(JK_NEON_I8MM, neon)
#else
#define JK_QUANTIZER_SETS(SET) SET(JK_SCALAR, scalar)
#endif

#define JK_DECLARE(value, set) extern const struct jk_quantizers jk_##set##_quantizers;
JK_QUANTIZER_SETS(JK_DECLARE)
#undef JK_DECLARE

#pragma GCC visibility pop

// NL4: the grid's codes, as numbers.
JK_UNUSED static const float nl4_codes[16] = {-64, -52, -42, -33, -25, -18, -11, -5, 1, 7, 13, 19, 27, 35, 45, 57};

#endif
