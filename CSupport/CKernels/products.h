// How a matrix product passes by strips and tokens, written once over a set's kernels for one strip.
//
// A set includes this text after its `v8` and before it defines multiply_tokens.

// Of a block of tokens that passes by all strips of a range.
enum { CACHED_ACTIVATION_BYTES = 128 << 10 };

// The activations of up to 8 tokens.
typedef struct {
    const float *values[8];
    const int8_t *codes[8];
    const float *scales[8];
    const int32_t *sums[8];
} token_rows;

// The sums of one strip's 8 rows, for each of up to 8 tokens.
JK_INLINE void multiply_tokens(jk_type type, const int tokens, const jk_matrix *w, const uint8_t *strip,
                               const token_rows *x, v8 *y);

// Writes the 8 rows of a strip for `tokens` tokens; rows that the matrix does not have become 0, whatever the
// activations hold.
JK_INLINE void multiply_strip(jk_type type, const int tokens, const jk_matrix *w, const jk_rows *x, const uint32_t *index,
                              size_t token, size_t strip, const uint8_t *weights, float *y, size_t y_stride) {
    token_rows rows;
    JK_UNROLL for (int t = 0; t < tokens; t++) {
        const size_t row = jk_source(index, token + (size_t)t);
        rows.values[t] = x->values + row * x->stride;
        rows.codes[t] = x->codes + row * x->stride;
        rows.scales[t] = x->scales + row * (x->stride / JK_GROUP);
        rows.sums[t] = x->sums + row * (x->stride / JK_GROUP);
    }
    v8 sums[8];
    multiply_tokens(type, tokens, w, weights, &rows, sums);
    static const float lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    const v8 present = v8_less(v8_load(lanes), v8_set((float)jk_strip_rows(w, strip)));
    JK_UNROLL for (int t = 0; t < tokens; t++)
        v8_store(y + (token + (size_t)t) * y_stride + strip * 8, v8_select(present, sums[t], v8_set(0.0f)));
}

// Tokens in blocks whose activations stay in the cache; within a block, a strip meets `widest` tokens at a time.
JK_INLINE void matmul(jk_type type, const int widest, const jk_matrix *w, const jk_rows *x, const uint32_t *index,
                      size_t first_token, size_t last_token, float *y, size_t y_stride, size_t first, size_t last) {
    const size_t size = jk_strip_size(type, w->columns);
    const size_t row = jk_most(x->stride * (type == JK_F32 || type == JK_BF16 ? sizeof(float) : 1), 1);
    const size_t block = jk_most(CACHED_ACTIVATION_BYTES / row / 8 * 8, 8);
    for (size_t begin = first_token; begin < last_token; begin += block) {
        const size_t end = jk_least(begin + block, last_token);
        for (size_t strip = first; strip < last; strip++) {
            const uint8_t *weights = (const uint8_t *)w->strips + strip * size;
            size_t t = begin;
            if (widest >= 8)
                for (; t + 8 <= end; t += 8) multiply_strip(type, 8, w, x, index, t, strip, weights, y, y_stride);
            if (widest >= 4)
                for (; t + 4 <= end; t += 4) multiply_strip(type, 4, w, x, index, t, strip, weights, y, y_stride);
            for (; t + 2 <= end; t += 2) multiply_strip(type, 2, w, x, index, t, strip, weights, y, y_stride);
            for (; t < end; t++) multiply_strip(type, 1, w, x, index, t, strip, weights, y, y_stride);
        }
    }
}
