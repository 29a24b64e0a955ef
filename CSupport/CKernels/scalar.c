// The kernels in plain C, which every other set equals bit for bit.
//
// What they compute, order of additions included, is specified by this file for products (matmul_*), in plain loops; by the
// texts that every set includes over its own vectors for all other kernels (attention-inl.h, mamba-inl.h, quantize-inl.h,
// vectors-inl.h), and by v8-scalar-inl.h for what an operation on a vector is.
#include "kernels.h"
#include "v8-scalar-inl.h"

#include "attention-inl.h"

// The products of codes that attention sums, for `count` queries at once.
enum { ATTEND_BATCH = 4 };

// Points of 4-bit indices: of 64 bytes, first those of the lower halves, then those of the upper ones; `count` times.
static void open_codes(const uint8_t *indices, int8_t *codes, size_t count) {
    for (; count > 0; count--, indices += 64, codes += 128)
        for (size_t i = 0; i < 64; i++) {
            codes[i] = jk_kv_points[indices[i] % 16];
            codes[64 + i] = jk_kv_points[indices[i] / 16];
        }
}

// dots[t][j] = the query's code . key j, for the first `positions`; codes of query t at t * stride.
static void dot_keys(const int8_t *keys, size_t quads, size_t positions, const int8_t *codes, size_t stride, const int32_t *sums,
                     size_t count, int32_t dots[][JK_PAGE_POSITIONS]) {
    (void)sums;
    for (size_t t = 0; t < count; t++)
        for (size_t j = 0; j < positions; j++) {
            dots[t][j] = 0;
            for (size_t i = 0; i < 4 * quads; i++)
                dots[t][j] += keys[(j / 16 * quads + i / 4) * 64 + j % 16 * 4 + i % 4] * codes[t * stride + i];
        }
}

// products[t][i] = sum over the first `positions`, j, of weights[t][j] x value j's column i, for `width` columns.
static void sum_values(const int8_t *values, size_t head_size, size_t width, size_t positions,
                       uint8_t weights[][JK_PAGE_POSITIONS], size_t count, int32_t products[][JK_PAGE_POSITIONS]) {
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < width; i++) {
            products[t][i] = 0;
            for (size_t j = 0; j < positions; j++)
                products[t][i] += weights[t][j] * values[(j / 4 * head_size + i) * 4 + j % 4];
        }
}

#include "attention-codes-inl.h"
#include "mamba-inl.h"
#include "quantize-inl.h"
#include "vectors-inl.h"

float jk_exp(float x) { return v8_exp(v8_set(x)).lane[0]; }

// ---------------------------------------------------------------------------------------------- matrix products

// Writes the 8 rows of a strip; rows that the matrix does not have become 0, whatever the activations hold.
static void store_strip(const jk_matrix *w, size_t strip, const float sums[8], float *y) {
    for (size_t r = 0; r < 8; r++) y[strip * 8 + r] = r < jk_strip_rows(w, strip) ? sums[r] : 0.0f;
}

// s_k = sum over columns c = k mod 2 of w[c] x[c], ascending, in double; y = s0 + s1, rounded once.
#define DEFINE_MATMUL_FLOAT(type, number, name, kernels, ...)                                                          \
    static void matmul_##kernels JK_MATMUL_ARGUMENTS {                                                                 \
        for (size_t strip = first; strip < last; strip++) {                                                            \
            const kernels##_element *weights = (const kernels##_element *)w->strips + strip * w->columns * 8;          \
            for (size_t i = first_token; i < last_token; i++) {                                                        \
                const float *values = x->values + jk_source(index, i) * x->stride;                                     \
                double s[2][8] = {{0}};                                                                                \
                float sums[8];                                                                                         \
                for (size_t c = 0; c < w->columns; c++)                                                                \
                    for (int r = 0; r < 8; r++) s[c % 2][r] += (double)kernels##_float(weights[c * 8 + r]) * values[c]; \
                for (int r = 0; r < 8; r++) sums[r] = (float)(s[0][r] + s[1][r]);                                      \
                store_strip(w, strip, sums, y + i * y_stride);                                                         \
            }                                                                                                          \
        }                                                                                                              \
    }

// A weight's element as it is stored, and as a float.
typedef float f32_element;
typedef uint16_t bf16_element;
JK_INLINE float f32_float(float x) { return x; }
JK_INLINE float bf16_float(uint16_t x) { return jk_float((uint32_t)x << 16); }
JK_FLOAT_TYPES(DEFINE_MATMUL_FLOAT)

// For each 32 columns, ascending: s = fma((float)dot, (float)group_scale * x_scale, s); at the end y = s * row_scale.
// |dot| <= 32 x 128 x 127, so that its conversion is exact.
JK_INLINE void matmul_tiles(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index,
                            size_t first_token, size_t last_token, float *y, size_t y_stride, size_t first, size_t last) {
    const size_t group = jk_scale_group(type, w->columns), tiles = jk_parts(w->columns, JK_GROUP);
    const size_t tile_size = jk_tile_size(type), strip_size = jk_strip_size(type, w->columns);
    for (size_t strip = first; strip < last; strip++) {
        const uint8_t *header = (const uint8_t *)w->strips + strip * strip_size;
        const uint8_t *tile = header + jk_header_size(type, jk_parts(w->columns, group));
        float row_scales[8];
        memcpy(row_scales, header, sizeof row_scales);
        for (size_t i = first_token; i < last_token; i++) {
            const size_t row = jk_source(index, i);
            const int8_t *codes = x->codes + row * x->stride;
            const float *scales = x->scales + row * (x->stride / JK_GROUP);
            float sums[8];
            for (int r = 0; r < 8; r++) {
                float s = 0.0f;
                for (size_t g = 0; g < tiles; g++) {
                    const int32_t group_scale = jk_group_scale(type, header, g * JK_GROUP / group, (size_t)r);
                    int32_t dot = 0;
                    for (int c = 0; c < JK_GROUP; c++)
                        dot += jk_stored_code(type, jk_tile_stored(type, tile + g * tile_size, (size_t)r, (size_t)c)) *
                               codes[g * JK_GROUP + (size_t)c];
                    s = fmaf((float)dot, (float)group_scale * scales[g], s);
                }
                sums[r] = s * row_scales[r];
            }
            store_strip(w, strip, sums, y + i * y_stride);
        }
    }
}

#define DEFINE_MATMUL_TILES(type, number, name, kernels, ...)                                                          \
    static void matmul_##kernels JK_MATMUL_ARGUMENTS {                                                                 \
        matmul_tiles(type, w, x, index, first_token, last_token, y, y_stride, first, last);                            \
    }
JK_CODE_TYPES(DEFINE_MATMUL_TILES)

static void multiply_peak(size_t rounds, int32_t sink[8]) {
    volatile int8_t factor = 3;  // unknown to the compiler, which would otherwise know the result
    int32_t sums[JK_PEAK_PRODUCTS / 4];
    for (int i = 0; i < JK_PEAK_PRODUCTS / 4; i++) sums[i] = i;
    for (size_t round = 0; round < rounds; round++) {
        const int8_t w = factor;
        for (int i = 0; i < JK_PEAK_PRODUCTS / 4; i++)
            for (int k = 0; k < 4; k++) sums[i] += w * (int8_t)(sums[i] >> 8 * k);
    }
    for (int i = 0; i < 8; i++) sink[i] = sums[i];
}

JK_TABLE(scalar)
