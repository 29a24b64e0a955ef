// The specification: what every kernel computes, order of additions included, in plain loops.
//
// Other instruction sets must give the same bits. A vector here is 8 floats that never mix except in v8_sum and
// v8_maximum, whose tree is fixed.
#include "kernels.h"

typedef struct {
    float lane[8];
} v8;

typedef struct {
    int32_t lane[8];
} v8i;

#define EACH_LANE for (int i = 0; i < 8; i++)
#define V8_OPERATION(name, parameters, expression) \
    JK_INLINE v8 name parameters {                 \
        v8 y;                                      \
        EACH_LANE y.lane[i] = expression;          \
        return y;                                  \
    }

V8_OPERATION(v8_set, (float x), x)
V8_OPERATION(v8_load, (const float *p), p[i])
V8_OPERATION(v8_add, (v8 a, v8 b), a.lane[i] + b.lane[i])
V8_OPERATION(v8_sub, (v8 a, v8 b), a.lane[i] - b.lane[i])
V8_OPERATION(v8_mul, (v8 a, v8 b), a.lane[i] * b.lane[i])
V8_OPERATION(v8_div, (v8 a, v8 b), a.lane[i] / b.lane[i])
V8_OPERATION(v8_fma, (v8 a, v8 b, v8 c), fmaf(a.lane[i], b.lane[i], c.lane[i]))
V8_OPERATION(v8_sqrt, (v8 a), sqrtf(a.lane[i]))
V8_OPERATION(v8_abs, (v8 a), jk_float(jk_bits(a.lane[i]) & 0x7FFFFFFF))
// With a NaN on either side, these two give b.
V8_OPERATION(v8_max, (v8 a, v8 b), a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i])
V8_OPERATION(v8_min, (v8 a, v8 b), a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i])
// A lane with all bits set or none, for v8_select.
V8_OPERATION(v8_less, (v8 a, v8 b), jk_float(a.lane[i] < b.lane[i] ? 0xFFFFFFFF : 0))
V8_OPERATION(v8_select, (v8 mask, v8 a, v8 b), jk_bits(mask.lane[i]) ? a.lane[i] : b.lane[i])
// 2^n for t = n + 1.5 x 2^23, -126 <= n <= 127: the low bits of t are those of n.
V8_OPERATION(v8_power_of_two, (v8 t), jk_float((jk_bits(t.lane[i]) << 23) + 0x3F800000))
V8_OPERATION(v8i_float, (v8i a), (float)a.lane[i])

JK_INLINE void v8_store(float *p, v8 x) { EACH_LANE p[i] = x.lane[i]; }
JK_INLINE void v8i_store(int32_t *p, v8i x) { EACH_LANE p[i] = x.lane[i]; }

// ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))
JK_INLINE float v8_sum(v8 x) {
    const float *l = x.lane;
    return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

JK_INLINE float scalar_max(float a, float b) { return a > b ? a : b; }

// The same tree.
JK_INLINE float v8_maximum(v8 x) {
    const float *l = x.lane;
    return scalar_max(scalar_max(scalar_max(l[0], l[4]), scalar_max(l[2], l[6])),
                      scalar_max(scalar_max(l[1], l[5]), scalar_max(l[3], l[7])));
}

// To the nearest integer, ties to even, for |x| < 2^22.
JK_INLINE v8i v8_round(v8 x) {
    v8i y;
    EACH_LANE y.lane[i] = (int32_t)(jk_bits(x.lane[i] + 12582912.0f) - 0x4B400000);
    return y;
}

JK_INLINE v8i v8i_add(v8i a, v8i b) {
    EACH_LANE a.lane[i] += b.lane[i];
    return a;
}

JK_INLINE int32_t v8i_sum(v8i a) {
    int32_t sum = 0;
    EACH_LANE sum += a.lane[i];
    return sum;
}

// 32 integers within -128...127 as bytes.
JK_INLINE void v8i_pack(int8_t *p, const v8i x[4]) {
    for (int k = 0; k < 4; k++) EACH_LANE p[8 * k + i] = (int8_t)x[k].lane[i];
}

// Half to float, exactly. A subnormal half is its 10 bits times 2^-24.
JK_INLINE float half_to_float(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1F, fraction = half & 0x3FF;
    if (exponent == 31) return jk_float(sign | 0x7F800000 | (fraction ? 0x400000 | fraction << 13 : 0));
    if (exponent == 0) return jk_float(sign | jk_bits((float)fraction * 0x1p-24f));
    return jk_float(sign | (exponent + 112) << 23 | fraction << 13);
}

// Float to half, to nearest, ties to even. From 65520 on: infinity.
JK_INLINE uint16_t float_to_half(float x) {
    const uint32_t sign = jk_bits(x) >> 16 & 0x8000, magnitude = jk_bits(x) & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return (uint16_t)(sign | 0x7E00);
    if (magnitude >= 0x477FF000) return (uint16_t)(sign | 0x7C00);
    // Below 2^-14 a half has steps of 2^-24: adding 0.5, whose last bit is 2^-24, rounds there.
    if (magnitude < 0x38800000) return (uint16_t)(sign | (jk_bits(jk_float(magnitude) + 0.5f) - 0x3F000000));
    const uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
    return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}

V8_OPERATION(v8_load_f16, (const uint16_t *p), half_to_float(p[i]))
JK_INLINE void v8_store_f16(uint16_t *p, v8 x) { EACH_LANE p[i] = float_to_half(x.lane[i]); }

V8_OPERATION(v8_load_i8, (const int8_t *p), (float)p[i])

JK_INLINE v8 v8_nl4_nearest(v8 x, v8i *index);

#include "lanewise.h"
#include "encoder.h"
#include "refiner.h"

// The index of the nearest code is the number of midpoints at or below x; a midpoint belongs to the code above it.
JK_INLINE v8 v8_nl4_nearest(v8 x, v8i *index) {
    v8 code;
    EACH_LANE {
        int32_t k = 0;
        for (int j = 0; j < 15; j++) k += x.lane[i] >= (nl4_codes[j] + nl4_codes[j + 1]) / 2;
        index->lane[i] = k;
        code.lane[i] = nl4_codes[k];
    }
    return code;
}

float jk_exp(float x) { return v8_exp(v8_set(x)).lane[0]; }

// ---------------------------------------------------------------------------------------------- matrix products

// Writes the 8 rows of a strip; rows that the matrix does not have become 0, whatever the activations hold.
static void store_strip(const jk_matrix *w, size_t strip, const float sums[8], float *y) {
    for (size_t r = 0; r < 8; r++) y[strip * 8 + r] = r < jk_strip_rows(w, strip) ? sums[r] : 0.0f;
}

// s_k = sum over columns c = k mod 2 of w[c] x[c], ascending, in double; y = s0 + s1, rounded once.
#define DEFINE_MATMUL_FLOAT(name, element, to_float)                                                                   \
    static void name JK_MATMUL_ARGUMENTS {                                                                             \
        for (size_t strip = first; strip < last; strip++) {                                                            \
            const element *weights = (const element *)w->strips + strip * w->columns * 8;                              \
            for (size_t i = first_token; i < last_token; i++) {                                                        \
                const float *values = x->values + jk_source(index, i) * x->stride;                                     \
                double s[2][8] = {{0}};                                                                                \
                float sums[8];                                                                                         \
                for (size_t c = 0; c < w->columns; c++)                                                                \
                    for (int r = 0; r < 8; r++) s[c % 2][r] += (double)to_float(weights[c * 8 + r]) * values[c];       \
                for (int r = 0; r < 8; r++) sums[r] = (float)(s[0][r] + s[1][r]);                                      \
                store_strip(w, strip, sums, y + i * y_stride);                                                         \
            }                                                                                                          \
        }                                                                                                              \
    }

JK_INLINE float same(float x) { return x; }
JK_INLINE float bf16_to_float(uint16_t x) { return jk_float((uint32_t)x << 16); }
DEFINE_MATMUL_FLOAT(matmul_f32, float, same)
DEFINE_MATMUL_FLOAT(matmul_bf16, uint16_t, bf16_to_float)

// The code of row r, column c (0 ..< 32) of a tile.
JK_INLINE int32_t tile_code(jk_type type, const uint8_t *tile, int r, int c) {
    const int32_t stored = jk_tile_stored(type, tile, (size_t)r, (size_t)c);
    return type == JK_NL4 ? (int32_t)jk_nl4_grid[stored] - 64 : stored;
}

// For each 32 columns, ascending: s = fma((float)dot, (float)group_scale * x_scale, s); at the end y = s * row_scale.
// |dot| <= 32 x 128 x 127, so that its conversion is exact.
JK_INLINE void matmul_tiles(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index,
                            size_t first_token, size_t last_token, float *y, size_t y_stride, size_t first, size_t last) {
    const size_t group = jk_scale_group(type, w->columns), tiles = jk_parts(w->columns, JK_GROUP);
    const size_t tile_size = jk_tile_size(type), strip_size = jk_strip_size(type, w->columns);
    for (size_t strip = first; strip < last; strip++) {
        const uint8_t *header = (const uint8_t *)w->strips + strip * strip_size;
        const uint8_t *tile = header + jk_header_size(jk_parts(w->columns, group));
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
                    const int8_t group_scale = (int8_t)header[32 + g * JK_GROUP / group * 8 + (size_t)r];
                    int32_t dot = 0;
                    for (int c = 0; c < JK_GROUP; c++)
                        dot += tile_code(type, tile + g * tile_size, r, c) * codes[g * JK_GROUP + (size_t)c];
                    s = fmaf((float)dot, (float)group_scale * scales[g], s);
                }
                sums[r] = s * row_scales[r];
            }
            store_strip(w, strip, sums, y + i * y_stride);
        }
    }
}

static void matmul_i8 JK_MATMUL_ARGUMENTS {
    matmul_tiles(JK_I8, w, x, index, first_token, last_token, y, y_stride, first, last);
}

static void matmul_i6 JK_MATMUL_ARGUMENTS {
    matmul_tiles(JK_I6, w, x, index, first_token, last_token, y, y_stride, first, last);
}

static void matmul_nl4 JK_MATMUL_ARGUMENTS {
    matmul_tiles(JK_NL4, w, x, index, first_token, last_token, y, y_stride, first, last);
}

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
