// Weight matrices: their layout, and the way in and out of it.
#include "kernels.h"

const uint8_t jk_nl4_grid[16] = {0, 12, 22, 31, 39, 46, 53, 59, 65, 71, 77, 83, 91, 99, 109, 121};

size_t jk_scale_group(jk_type type, size_t columns) {
    switch (type) {
    case JK_I8:
        return columns % 64 == 0 ? 64 : 32;
    case JK_NL4:
        return 32;
    case JK_F32:
    case JK_BF16:
        return 0;
    }
    return 0;
}

size_t jk_strip_size(jk_type type, size_t columns) {
    size_t tiles = jk_round_up(columns, JK_GROUP) / JK_GROUP;
    switch (type) {
    case JK_F32:
        return columns * JK_LANES * 4;
    case JK_BF16:
        return columns * JK_LANES * 2;
    case JK_I8:
        return jk_header_size(type, columns) + tiles * 256;
    case JK_NL4:
        return jk_header_size(type, columns) + tiles * 128;
    }
    return 0;
}

static uint16_t bf16_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40);  // not-a-number stays one
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);                 // ties to even
}

static float bf16_value(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static void encode_float(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns, void *strip,
                         double error[2]) {
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < JK_LANES; r++) {
            float value = r < row_count ? rows[r * stride + c] : 0.0f, stored = value;
            if (type == JK_F32) {
                ((float *)strip)[c * JK_LANES + r] = value;
            } else {
                uint16_t half = bf16_of(value);
                ((uint16_t *)strip)[c * JK_LANES + r] = half;
                stored = bf16_value(half);
            }
            double difference = (double)value - stored;
            error[0] += difference * difference;
            error[1] += (double)value * value;
        }
}

// The index of each grid entry.
static const uint8_t nl4_index[122] = {[12] = 1,  [22] = 2,  [31] = 3,  [39] = 4,  [46] = 5,
                                       [53] = 6,  [59] = 7,  [65] = 8,  [71] = 9,  [77] = 10,
                                       [83] = 11, [91] = 12, [99] = 13, [109] = 14, [121] = 15};

static void encode_row(jk_type type, const float *row, size_t columns, const float *importance, size_t r, char *strip,
                       double error[2]) {
    const struct jk_kernels *kernels = jk_kernels_of(jk_best_instruction_set());
    size_t group = jk_scale_group(type, columns), groups = (columns + group - 1) / group;
    float scales[JK_MAX_COLUMNS / JK_GROUP];
    kernels->encode_scales(type, row, importance, columns, scales);

    // The row's scale is the step in which group scales are counted, so that the largest is 127 steps.
    float largest = 0;
    for (size_t g = 0; g < groups; g++) largest = fabsf(scales[g]) > largest ? fabsf(scales[g]) : largest;
    float row_scale = largest > 1e-34f ? largest / 127.0f : 0.0f;
    float *row_scales = (float *)strip;
    int8_t *group_scales = (int8_t *)(row_scales + JK_LANES);
    uint8_t *tiles = (uint8_t *)strip + jk_header_size(type, columns);
    row_scales[r] = row_scale;
    for (size_t g = 0; g < groups; g++) {
        float steps = row_scale > 0 ? scales[g] / row_scale : 0.0f;
        int8_t rounded = (int8_t)(steps < 0 ? steps - 0.5f : steps + 0.5f);
        group_scales[g * JK_LANES + r] = rounded;
        float scale = row_scale * (float)rounded;

        int8_t codes[64];
        size_t start = g * group, size = columns - start < group ? columns - start : group;
        kernels->encode_codes(type, row + start, size, scale, codes);
        for (size_t i = 0; i < jk_round_up(size, JK_GROUP); i++) {
            size_t tile = (start + i) / JK_GROUP, k = (start + i) % JK_GROUP;
            if (type == JK_I8)
                tiles[tile * 256 + k / 4 * 32 + r * 4 + k % 4] = (uint8_t)codes[i];
            else
                tiles[tile * 128 + k % 16 / 4 * 32 + r * 4 + k % 4] |=
                    (uint8_t)(nl4_index[codes[i] + 64] << (k < 16 ? 0 : 4));
        }
        for (size_t i = 0; i < size; i++) {
            double difference = (double)row[start + i] - (double)scale * codes[i];
            error[0] += difference * difference;
            error[1] += (double)row[start + i] * row[start + i];
        }
    }
}

void jk_encode_strip(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns,
                     const float *importance, void *strip, double error[2]) {
    if (type == JK_F32 || type == JK_BF16) {
        encode_float(type, rows, stride, row_count, columns, strip, error);
        return;
    }
    memset(strip, 0, jk_strip_size(type, columns));
    for (size_t r = 0; r < row_count; r++)
        encode_row(type, rows + r * stride, columns, importance, r, strip, error);
}

void jk_decode_row(const jk_matrix *matrix, size_t row, float *out) {
    size_t columns = matrix->columns, r = row % JK_LANES, group = jk_scale_group(matrix->type, columns);
    const char *strip = (const char *)matrix->strips + row / JK_LANES * jk_strip_size(matrix->type, columns);
    if (matrix->type == JK_F32) {
        for (size_t c = 0; c < columns; c++) out[c] = ((const float *)strip)[c * JK_LANES + r];
        return;
    }
    if (matrix->type == JK_BF16) {
        for (size_t c = 0; c < columns; c++) out[c] = bf16_value(((const uint16_t *)strip)[c * JK_LANES + r]);
        return;
    }
    const float *row_scales = (const float *)strip;
    const int8_t *group_scales = (const int8_t *)(row_scales + JK_LANES);
    const uint8_t *tiles = (const uint8_t *)strip + jk_header_size(matrix->type, columns);
    for (size_t c = 0; c < columns; c++) {
        size_t tile = c / JK_GROUP, k = c % JK_GROUP;
        float scale = row_scales[r] * (float)group_scales[c / group * JK_LANES + r];
        int code;
        if (matrix->type == JK_I8) {
            code = (int8_t)tiles[tile * 256 + k / 4 * 32 + r * 4 + k % 4];
        } else {
            uint8_t byte = tiles[tile * 128 + k % 16 / 4 * 32 + r * 4 + k % 4];
            code = jk_nl4_grid[k < 16 ? byte & 15 : byte >> 4] - 64;
        }
        out[c] = scale * (float)code;
    }
}
