// Strips from rows: strips of floats here, strips of codes by the quantizers of an instruction set.
#include "quantizers.h"

// To bfloat16, to nearest, ties to even. A finite value may become infinite, as IEEE rounding has it.
static uint16_t float_to_bf16(float x) {
    const uint32_t bits = jk_bits(x);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static void encode_f32(const float *rows, size_t stride, size_t row_count, size_t columns, void *strip, double error[2]) {
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < JK_LANES; r++) {
            const float x = r < row_count ? rows[r * stride + c] : 0.0f;
            ((float *)strip)[c * JK_LANES + r] = x;
            error[1] += (double)x * (double)x;
        }
}

static void encode_bf16(const float *rows, size_t stride, size_t row_count, size_t columns, void *strip, double error[2]) {
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < JK_LANES; r++) {
            const float x = r < row_count ? rows[r * stride + c] : 0.0f;
            const uint16_t stored = float_to_bf16(x);
            ((uint16_t *)strip)[c * JK_LANES + r] = stored;
            const double difference = (double)x - (double)jk_float((uint32_t)stored << 16);
            error[0] += difference * difference;
            error[1] += (double)x * (double)x;
        }
}

void jk_encode_strip_by(const struct jk_quantizers *quantizers, jk_type type, const float *rows, size_t stride,
                        size_t row_count, size_t columns, const float *importance, float step, void *strip,
                        double error[2]) {
    double found[2] = {0, 0};
    switch (type) {
#define ENCODE_FLOATS(type, number, name, kernels, ...) \
    case type: encode_##kernels(rows, stride, row_count, columns, strip, found); break;
        JK_FLOAT_TYPES(ENCODE_FLOATS)
#define ENCODE_CODES(type, number, name, kernels, ...) \
    case type: quantizers->encode_##kernels(rows, stride, row_count, columns, importance, step, strip, found); break;
        JK_CODE_TYPES(ENCODE_CODES)
    }
    error[0] += found[0];
    error[1] += found[1];
}

void jk_refine_strip_by(const struct jk_quantizers *quantizers, jk_type type, const float *rows, size_t stride,
                        size_t row_count, size_t columns, const float *moments, size_t size, float step,
                        void *strip, double error[2]) {
    switch (type) {
        JK_FLOAT_TYPES(JK_CASE) break;
#define REFINE(type, number, name, kernels, ...) \
    case type: quantizers->refine_##kernels(rows, stride, row_count, columns, moments, size, step, strip, error); break;
        JK_CODE_TYPES(REFINE)
    }
}

void jk_encode_strip(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns,
                     const float *importance, float step, void *strip, double error[2]) {
    jk_encode_strip_by(jk_quantizers_of(jk_best_instruction_set()), type, rows, stride, row_count, columns, importance,
                       step, strip, error);
}

void jk_refine_strip(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns,
                     const float *moments, size_t size, float step, void *strip, double error[2]) {
    jk_refine_strip_by(jk_quantizers_of(jk_best_instruction_set()), type, rows, stride, row_count, columns, moments, size,
                       step, strip, error);
}

const struct jk_quantizers *jk_quantizers_of(jk_instruction_set set) {
    if (!jk_kernels_of(set)) return NULL;  // the machine lacks it
    switch (set) {
#define TABLE(value, quantizers) \
    case value: return &jk_##quantizers##_quantizers;
        JK_QUANTIZER_SETS(TABLE)
        default: return NULL;
    }
}
