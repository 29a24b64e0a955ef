// The sizes of strips, from the list of types.
#include "CStorage.h"

const uint8_t jk_nl4_grid[16] = {0, 12, 22, 31, 39, 46, 53, 59, 65, 71, 77, 83, 91, 99, 109, 121};

// Learned on normal weights with a scale for every 32, from many beginnings: the points that make the best of the ways through the
// ring (the codes of trellis coded quantization, with 2 and 4 states).
const uint8_t jk_r3_grid[16] = {81, 47, 107, 32, 60, 94, 19, 70, 93, 81, 50, 60, 38, 122, 71, 2};
const uint8_t jk_r2_grid[16] = {6, 68, 46, 101, 99, 47, 23, 73, 71, 126, 90, 52, 49, 89, 67, 28};

// Eight magnitudes from 40 to 120 in equal ratios, and seven of the other sign between them. Groups of one row spread so far in trained
// models; a scale of the other sign turns the points of a ring around, so that both signs are worth the index's bit.
const int8_t jk_scale_grid[16] = {0, 40, -43, 47, -51, 55, -59, 64, -70, 75, -82, 88, -96, 103, -113, 120};

bool jk_is_type(uint32_t number) {
    switch (number) {
        JK_TYPES(JK_CASE) return true;
    }
    return false;
}

const char *jk_type_name(jk_type type) {
    switch (type) {
#define TYPE_NAME(type, number, name, ...) \
    case type: return name;
        JK_TYPES(TYPE_NAME)
    }
    __builtin_trap();
}

size_t jk_scale_group(jk_type type, size_t columns) {
    switch (type) {
        JK_FLOAT_TYPES(JK_CASE) return 0;
#define SCALE_GROUP(type, number, name, kernels, tile, group, ...) \
    case type: return columns % group == 0 ? group : JK_GROUP;
        JK_CODE_TYPES(SCALE_GROUP)
    }
    __builtin_trap();
}

size_t jk_strip_size(jk_type type, size_t columns) {
    const size_t group = jk_scale_group(type, columns), tile = jk_tile_size(type);
    if (group == 0) return columns * tile;
    return jk_header_size(type, (columns + group - 1) / group) + (columns + JK_GROUP - 1) / JK_GROUP * tile;
}
