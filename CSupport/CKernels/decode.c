// Rows of a matrix, as floats.
#include "kernels.h"

static void decode_codes(const jk_matrix *matrix, const uint8_t *strip, size_t lane, float *out) {
    const size_t group = jk_scale_group(matrix->type, matrix->columns);
    const uint8_t *tiles = strip + jk_header_size(matrix->type, jk_parts(matrix->columns, group));
    float row_scale;
    memcpy(&row_scale, strip + 4 * lane, sizeof row_scale);
    for (size_t c = 0; c < matrix->columns; c++) {
        const float scale = row_scale * (float)jk_group_scale(matrix->type, strip, c / group, lane);
        const uint8_t *tile = tiles + c / JK_GROUP * jk_tile_size(matrix->type);
        const int32_t stored = jk_tile_stored(matrix->type, tile, lane, c % JK_GROUP);
        out[c] = scale * (float)jk_stored_code(matrix->type, stored);
    }
}

void jk_decode_row(const jk_matrix *matrix, size_t row, float *out) {
    const size_t columns = matrix->columns, lane = row % JK_LANES;
    const uint8_t *strip = (const uint8_t *)matrix->strips + row / JK_LANES * jk_strip_size(matrix->type, columns);
    switch (matrix->type) {
        case JK_F32:
            for (size_t c = 0; c < columns; c++) out[c] = ((const float *)(const void *)strip)[c * JK_LANES + lane];
            return;
        case JK_BF16: {
            const uint16_t *weights = (const uint16_t *)(const void *)strip;
            for (size_t c = 0; c < columns; c++) out[c] = jk_float((uint32_t)weights[c * JK_LANES + lane] << 16);
            return;
        }
        JK_CODE_TYPES(JK_CASE) decode_codes(matrix, strip, lane, out); return;
    }
}
