// Sizes of strips, and rows into strips and back.
#include "kernels.h"

const uint8_t jk_nl4_grid[16] = {0, 12, 22, 31, 39, 46, 53, 59, 65, 71, 77, 83, 91, 99, 109, 121};

size_t jk_scale_group(jk_type type, size_t columns) {
    switch (type) {
        case JK_I8:
        case JK_I6: return columns % 64 == 0 ? 64 : 32;
        case JK_NL4: return 32;
        default: return 0;
    }
}

size_t jk_strip_size(jk_type type, size_t columns) {
    switch (type) {
        case JK_F32: return columns * JK_LANES * 4;
        case JK_BF16: return columns * JK_LANES * 2;
        default: {
            const size_t header = jk_header_size(jk_parts(columns, jk_scale_group(type, columns)));
            return header + jk_parts(columns, JK_GROUP) * jk_tile_size(type);
        }
    }
}

// To bfloat16, to nearest, ties to even. A finite value may become infinite, as IEEE rounding has it.
static uint16_t float_to_bf16(float x) {
    const uint32_t bits = jk_bits(x);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static void encode_floats(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns, void *strip,
                          double error[2]) {
    for (size_t c = 0; c < columns; c++) {
        for (size_t r = 0; r < JK_LANES; r++) {
            const float x = r < row_count ? rows[r * stride + c] : 0.0f;
            error[1] += (double)x * (double)x;
            if (type == JK_F32) {
                ((float *)strip)[c * JK_LANES + r] = x;
                continue;
            }
            const uint16_t stored = float_to_bf16(x);
            ((uint16_t *)strip)[c * JK_LANES + r] = stored;
            const double difference = (double)x - (double)jk_float((uint32_t)stored << 16);
            error[0] += difference * difference;
        }
    }
}

void jk_encode_strip_by(const struct jk_kernels *kernels, jk_type type, const float *rows, size_t stride,
                        size_t row_count, size_t columns, const float *importance, float step, void *strip,
                        double error[2]) {
    double found[2] = {0, 0};
    if (type == JK_I8) kernels->encode_i8(rows, stride, row_count, columns, importance, step, strip, found);
    else if (type == JK_I6) kernels->encode_i6(rows, stride, row_count, columns, importance, step, strip, found);
    else if (type == JK_NL4) kernels->encode_nl4(rows, stride, row_count, columns, importance, step, strip, found);
    else encode_floats(type, rows, stride, row_count, columns, strip, found);
    error[0] += found[0];
    error[1] += found[1];
}

void jk_encode_strip(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns,
                     const float *importance, float step, void *strip, double error[2]) {
    jk_encode_strip_by(jk_kernels_of(jk_best_instruction_set()), type, rows, stride, row_count, columns, importance,
                       step, strip, error);
}

void jk_refine_strip_by(const struct jk_kernels *kernels, jk_type type, const float *rows, size_t stride,
                        size_t row_count, size_t columns, const float *moments, size_t size, float step,
                        void *strip, double error[2]) {
    if (type == JK_I8) kernels->refine_i8(rows, stride, row_count, columns, moments, size, step, strip, error);
    if (type == JK_I6) kernels->refine_i6(rows, stride, row_count, columns, moments, size, step, strip, error);
    if (type == JK_NL4) kernels->refine_nl4(rows, stride, row_count, columns, moments, size, step, strip, error);
}

void jk_refine_strip(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns,
                     const float *moments, size_t size, float step, void *strip, double error[2]) {
    jk_refine_strip_by(jk_kernels_of(jk_best_instruction_set()), type, rows, stride, row_count, columns, moments, size,
                       step, strip, error);
}

void jk_decode_row(const jk_matrix *matrix, size_t row, float *out) {
    const size_t columns = matrix->columns, lane = row % JK_LANES;
    const uint8_t *strip = (const uint8_t *)matrix->strips + row / JK_LANES * jk_strip_size(matrix->type, columns);
    if (matrix->type == JK_F32) {
        for (size_t c = 0; c < columns; c++) out[c] = ((const float *)(const void *)strip)[c * JK_LANES + lane];
        return;
    }
    if (matrix->type == JK_BF16) {
        const uint16_t *weights = (const uint16_t *)(const void *)strip;
        for (size_t c = 0; c < columns; c++) out[c] = jk_float((uint32_t)weights[c * JK_LANES + lane] << 16);
        return;
    }
    const size_t group = jk_scale_group(matrix->type, columns);
    const uint8_t *tiles = strip + jk_header_size(jk_parts(columns, group));
    float row_scale;
    memcpy(&row_scale, strip + 4 * lane, sizeof row_scale);
    for (size_t c = 0; c < columns; c++) {
        const float scale = row_scale * (float)(int8_t)strip[32 + c / group * 8 + lane];
        const uint8_t *tile = tiles + c / JK_GROUP * jk_tile_size(matrix->type);
        const int32_t stored = jk_tile_stored(matrix->type, tile, lane, c % JK_GROUP);
        out[c] = scale * (float)(matrix->type == JK_NL4 ? jk_nl4_grid[stored] - 64 : stored);
    }
}
