// The specification. Formulas stand above the loops; the order of every sum is part of them.
#include "kernels.h"

// float16 by hand, so that the specification asks nothing of the compiler.
static float f16_to_f32(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3FF, bits;
    if (exponent == 0) {  // zero and denormals: fraction * 2^-24
        float value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = exponent == 31 ? sign | 0x7F800000 | fraction << 13 : sign | (exponent + 112) << 23 | fraction << 13;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static uint16_t f32_to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (magnitude >> 13 & 0x3FF));  // not-a-number stays one
    if (magnitude >= 0x477FF000) return (uint16_t)(sign | 0x7C00);  // 65520 and up round to infinity
    if (magnitude < 0x38800000) {                                   // below 2^-14: denormal, in steps of 2^-24
        float scaled;
        memcpy(&scaled, &magnitude, 4);
        // Adding 0.5 leaves the rounded number of 2^-24 steps in the low mantissa bits.
        float shifted = scaled + 0.5f;
        uint32_t steps;
        memcpy(&steps, &shifted, 4);
        return (uint16_t)(sign | (steps - 0x3F000000));
    }
    uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);  // ties to even
    return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}

#define JK_NAME(name) name##_scalar
#define JK_LOAD_F16(half) f16_to_f32(half)
#define JK_STORE_F16(value) f32_to_f16(value)
#include "elementwise.inc"

float jk_exp(float x) { return exp_scalar(x); }

static const float *row_values(const jk_product *p, size_t i) {
    return p->x->values + (p->index ? p->index[i] : i) * p->x->stride;
}

static float bf16(uint16_t bits) { return from_bits_scalar((uint32_t)bits << 16); }

// y[r] = (s0 + s1) + (s2 + s3), s_m = sum of W[r][c] x[c] over c = m mod 4, ascending, one fma a term.
static void matmul_float(const jk_product *p, size_t first_strip, size_t last_strip) {
    const jk_matrix *w = p->w;
    for (size_t s = first_strip; s < last_strip; s++) {
        const char *strip = (const char *)w->strips + s * jk_strip_size(w->type, w->columns);
        for (size_t i = 0; i < p->count; i++) {
            const float *x = row_values(p, i);
            for (size_t r = 0; r < JK_LANES; r++) {
                float sum[4] = {0};
                for (size_t c = 0; c < w->columns; c++) {
                    float weight = w->type == JK_F32 ? ((const float *)strip)[c * JK_LANES + r]
                                                     : bf16(((const uint16_t *)strip)[c * JK_LANES + r]);
                    sum[c % 4] = fmaf(weight, x[c], sum[c % 4]);
                }
                p->y[i * p->y_stride + s * JK_LANES + r] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
            }
        }
    }
}

static void matmul_f32_scalar(const jk_product *p, size_t first, size_t last) { matmul_float(p, first, last); }
static void matmul_bf16_scalar(const jk_product *p, size_t first, size_t last) { matmul_float(p, first, last); }

// The code of row r, column c of a tile.
static int code_at(jk_type type, const uint8_t *tile, size_t r, size_t c) {
    if (type == JK_I8) return (int8_t)tile[c / 4 * 32 + r * 4 + c % 4];
    uint8_t byte = tile[c % 16 / 4 * 32 + r * 4 + c % 4];
    return jk_nl4_grid[c < 16 ? byte & 15 : byte >> 4] - 64;
}

// y[r] = row_scale[r] * s; s = fma((float)dot_g, (float)group_scale[r][g] * x_scale[g], s) over groups g of 32 columns,
// ascending; dot_g exact in int32 (at most 32 * 127 * 127).
static void matmul_quantized(const jk_product *p, size_t first_strip, size_t last_strip) {
    const jk_matrix *w = p->w;
    size_t tiles = jk_round_up(w->columns, JK_GROUP) / JK_GROUP;
    size_t tiles_per_scale = jk_scale_group(w->type, w->columns) / JK_GROUP;
    size_t tile_size = w->type == JK_I8 ? 256 : 128;
    for (size_t s = first_strip; s < last_strip; s++) {
        const char *strip = (const char *)w->strips + s * jk_strip_size(w->type, w->columns);
        const float *row_scales = (const float *)strip;
        const int8_t *group_scales = (const int8_t *)(row_scales + JK_LANES);
        const uint8_t *codes = (const uint8_t *)strip + jk_header_size(w->type, w->columns);
        for (size_t i = 0; i < p->count; i++) {
            size_t row = p->index ? p->index[i] : i;
            const int8_t *x = p->x->codes + row * p->x->stride;
            const float *x_scales = p->x->scales + row * (p->x->stride / JK_GROUP);
            for (size_t r = 0; r < JK_LANES; r++) {
                float sum = 0;
                for (size_t g = 0; g < tiles; g++) {
                    int32_t dot = 0;
                    for (size_t c = 0; c < JK_GROUP; c++)
                        dot += code_at(w->type, codes + g * tile_size, r, c) * x[g * JK_GROUP + c];
                    float scale = (float)group_scales[g / tiles_per_scale * JK_LANES + r] * x_scales[g];
                    sum = fmaf((float)dot, scale, sum);
                }
                p->y[i * p->y_stride + s * JK_LANES + r] = sum * row_scales[r];
            }
        }
    }
}

static void matmul_i8_scalar(const jk_product *p, size_t first, size_t last) { matmul_quantized(p, first, last); }
static void matmul_nl4_scalar(const jk_product *p, size_t first, size_t last) { matmul_quantized(p, first, last); }

#define JK_ENTRY(name, parameters) name##_scalar,
const struct jk_kernels jk_scalar_kernels = {JK_KERNEL_LIST(JK_ENTRY)};
