// Products with weights that are floats, the types that others are measured against: matmul_f32 and matmul_bf16 of every set
// but scalar, whose plain loops specify them. A lane is a row; s_k sums columns k mod 2, ascending, and y = s_0 + s_1,
// rounded once. Products of floats are exact in double, so it does not matter whether one is fused with its addition.
//
// Defined before: the vectors (v8-*-inl.h) with d8, 8 lanes of double, and v8_load_bf16; kernels.h.
#ifndef JK_FLOATS_INL_H
#define JK_FLOATS_INL_H

#ifndef JK_V8
#error "a set's vectors first: one of v8-*-inl.h"
#endif

#include "lanes-inl.h"

JK_INLINE v8 load_weights(jk_type type, const uint8_t *strip, size_t column) {
    switch (type) {
        case JK_F32: return v8_load((const float *)(const void *)strip + column * 8);
        case JK_BF16: return v8_load_bf16((const uint16_t *)(const void *)strip + column * 8);
        JK_CODE_TYPES(JK_CASE) break;
    }
    __builtin_trap();
}

// One strip, 1 or 2 tokens from `token` on.
JK_INLINE void multiply_floats(jk_type type, const int tokens, const jk_matrix *w, const jk_rows *x,
                               const uint32_t *index, size_t token, size_t strip, float *y, size_t y_stride) {
    const uint8_t *weights = (const uint8_t *)w->strips + strip * jk_strip_size(type, w->columns);
    const float *values[2];
    d8 s[2][2];  // [token][column mod 2]
    JK_UNROLL for (int t = 0; t < tokens; t++) {
        values[t] = x->values + jk_source(index, token + (size_t)t) * x->stride;
        s[t][0] = s[t][1] = d8_zero();
    }
    size_t c = 0;
    for (; c + 2 <= w->columns; c += 2)
        JK_UNROLL for (size_t k = 0; k < 2; k++) {
            const v8 column = load_weights(type, weights, c + k);
            JK_UNROLL for (int t = 0; t < tokens; t++) s[t][k] = d8_add_product(s[t][k], column, values[t][c + k]);
        }
    if (c < w->columns) {
        const v8 column = load_weights(type, weights, c);
        JK_UNROLL for (int t = 0; t < tokens; t++) s[t][0] = d8_add_product(s[t][0], column, values[t][c]);
    }
    const size_t rows = jk_strip_rows(w, strip);  // the others become 0, whatever the activations hold
    JK_UNROLL for (int t = 0; t < tokens; t++)
        v8_store(y + (token + (size_t)t) * y_stride + strip * 8,
                 v8_keep_first(d8_float(d8_add(s[t][0], s[t][1])), rows));
}

JK_INLINE void matmul_floats(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index,
                             size_t first_token, size_t last_token, float *y, size_t y_stride, size_t first,
                             size_t last) {
    for (size_t strip = first; strip < last; strip++) {
        size_t t = first_token;
        for (; t + 2 <= last_token; t += 2) multiply_floats(type, 2, w, x, index, t, strip, y, y_stride);
        if (t < last_token) multiply_floats(type, 1, w, x, index, t, strip, y, y_stride);
    }
}

#define DEFINE_MATMUL(type, number, name, kernels, ...)                                                                \
    static void matmul_##kernels JK_MATMUL_ARGUMENTS {                                                                 \
        matmul_floats(type, w, x, index, first_token, last_token, y, y_stride, first, last);                           \
    }
JK_FLOAT_TYPES(DEFINE_MATMUL)
#undef DEFINE_MATMUL

#endif
