// Products with weights of float32 and bfloat16, written once over v8 and d8, 8 lanes of double: the types that others
// are measured against. A lane is a row; s_k sums columns k mod 2, ascending, and y = s_0 + s_1, rounded once.
// Products of floats are exact in double, so it does not matter whether one is fused with its addition.

JK_INLINE v8 load_weights(jk_type type, const uint8_t *strip, size_t column) {
    if (type == JK_F32) return v8_load((const float *)(const void *)strip + column * 8);
    return v8_load_bf16((const uint16_t *)(const void *)strip + column * 8);
}

// A mask of the lanes whose rows the matrix has: the others become 0, whatever the activations hold.
JK_INLINE v8 rows_present(const jk_matrix *w, size_t strip) {
    static const float lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return v8_less(v8_load(lanes), v8_set((float)jk_strip_rows(w, strip)));
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
    const v8 present = rows_present(w, strip);
    JK_UNROLL for (int t = 0; t < tokens; t++)
        v8_store(y + (token + (size_t)t) * y_stride + strip * 8,
                 v8_select(present, d8_float(d8_add(s[t][0], s[t][1])), v8_set(0.0f)));
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

static void matmul_f32 JK_MATMUL_ARGUMENTS {
    matmul_floats(JK_F32, w, x, index, first_token, last_token, y, y_stride, first, last);
}

static void matmul_bf16 JK_MATMUL_ARGUMENTS {
    matmul_floats(JK_BF16, w, x, index, first_token, last_token, y, y_stride, first, last);
}
