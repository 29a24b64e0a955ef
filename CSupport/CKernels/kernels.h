// The list of kernels, and what all of them share. Private to this folder.
//
// A kernel works on a range (rows, strips, channels, heads) on the calling thread; `operations.c` splits the work.
// `scalar.c` is the specification. The other files hold the same list for an instruction set and must give the same
// bits: int32 sums are exact, every float operation is written out (fmaf where a fused one is meant), and no sum may be
// reordered.
#ifndef JK_KERNELS_H
#define JK_KERNELS_H

#include "CKernels.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF  // no fusing but where fmaf says so (gcc: -ffp-contract=off)
#endif

#include <math.h>
#include <string.h>

#if defined(__GNUC__)
#define JK_INLINE inline __attribute__((always_inline))
#else
#define JK_INLINE inline
#endif

#if defined(__GNUC__)
#define JK_HIDDEN __attribute__((visibility("hidden")))
#else
#define JK_HIDDEN
#endif

// Tokens that a matrix product keeps in flight before it turns to the next strip.
enum { JK_TOKEN_BLOCK = 64 };

typedef struct {
    const jk_matrix *w;
    const jk_rows *x;
    const uint32_t *index;  // or NULL
    size_t count;
    float *y;
    size_t y_stride;
} jk_product;

typedef struct {
    const jk_kv *kv;
    const float *q;
    size_t q_stride, heads;
    float scale;
    size_t first;
    float *y;
    size_t y_stride;
} jk_attention;

// X(name, parameters): each takes the half-open range it is to do.
#define JK_KERNEL_LIST(X)                                                                                              \
    X(quantize, (const jk_rows *x, size_t first_row, size_t last_row))                                                 \
    X(matmul_f32, (const jk_product *p, size_t first_strip, size_t last_strip))                                        \
    X(matmul_bf16, (const jk_product *p, size_t first_strip, size_t last_strip))                                       \
    X(matmul_i8, (const jk_product *p, size_t first_strip, size_t last_strip))                                         \
    X(matmul_nl4, (const jk_product *p, size_t first_strip, size_t last_strip))                                        \
    X(rms_norm, (const float *x, const float *weight, float eps, size_t width, float *y))                              \
    X(add, (float *y, const float *x, size_t width))                                                                   \
    X(add_scaled, (float *y, const float *x, float scale, size_t width))                                               \
    X(silu_multiply, (float *gate, const float *up, size_t width))                                                     \
    X(softmax, (float *x, size_t count))                                                                               \
    X(convolve, (const jk_convolution *a, size_t first_channel, size_t last_channel))                                  \
    X(scan, (const jk_scan_arguments *a, size_t first_channel, size_t last_channel))                                   \
    X(kv_store, (const jk_kv *kv, const float *k, const float *v, size_t position))                                    \
    X(attend, (const jk_attention *a, size_t first_item, size_t last_item))                                            \
    X(encode_scales, (jk_type type, const float *row, const float *importance, size_t columns, float *scales))         \
    X(encode_codes, (jk_type type, const float *x, size_t size, float scale, int8_t *codes))

#define JK_DECLARE_POINTER(name, parameters) void (*name) parameters;
struct jk_kernels {
    JK_KERNEL_LIST(JK_DECLARE_POINTER)
};

extern JK_HIDDEN const struct jk_kernels jk_scalar_kernels;
#if defined(__x86_64__)
extern JK_HIDDEN const struct jk_kernels jk_avx2_kernels;
#endif

static inline size_t jk_round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Bytes before the tiles of a JK_I8 or JK_NL4 strip.
static inline size_t jk_header_size(jk_type type, size_t columns) {
    size_t group = jk_scale_group(type, columns);
    return jk_round_up(4 * JK_LANES + JK_LANES * ((columns + group - 1) / group), 64);
}

// Code of the column a group lacks: the one nearest 0, so that padding decodes to little.
enum { JK_NL4_ZERO = 8 };

#endif
