// Rows into strips of codes: the specification of encode_i8, encode_nl4 and so on, over the vectors of any set. Lane i is row i of
// the strip.
//
// Each row is first scaled by a power of two so that its largest magnitude is near 1: products of three weights then
// neither overflow nor vanish, and the scale of the row takes the power back exactly. Rows whose largest magnitude is
// below 2^-100 are stored as zeros.
//
// Tests/KernelTests checks that codes are the nearest, compares scales with the best of a fine grid and with the step that is
// asked for, in plain Swift (EncoderFormulaTests), and the errors reported with those of decoded rows (QuantizerTests).
// Defined before: the vectors (v8-*-inl.h), quantizers.h; v8_nl4_nearest(x, &index), the code of NL4 nearest to x, of two the
// larger, and its index.
#ifndef JK_ENCODE_INL_H
#define JK_ENCODE_INL_H

#ifndef JK_V8
#error "a set's vectors first: one of v8-*-inl.h"
#endif

#include "lanes-inl.h"
#include "ways-inl.h"
#include "scales-inl.h"

// A group, transposed: `x` weights, `w` what a squared error counts, columns beyond the matrix 0 in both.
typedef struct {
    v8 x[64], w[64];
} encoder_group;

// Loads `count` columns from column `first` of `row_count` rows, each times its factor.
JK_INLINE void encoder_load(v8 *x, const float *rows, size_t stride, size_t row_count, size_t columns, size_t first,
                            size_t count, v8 factor) {
    float lanes[64][8];
    size_t valid = jk_least(count, columns - first);
    memset(lanes, 0, sizeof lanes);
    for (size_t r = 0; r < row_count; r++)
        for (size_t i = 0; i < valid; i++) lanes[i][r] = rows[r * stride + first + i];
    for (size_t i = 0; i < count; i++) x[i] = v8_mul(v8_load(lanes[i]), factor);
}

// The ends of a type's codes.
JK_INLINE float encoder_most(jk_type type) {
    switch (type) {
#define ENCODER_MOST(type, number, name, kernels, tile, group, scales, least, most) \
    case type: return most;
        JK_TYPES(ENCODER_MOST)
#undef ENCODER_MOST
    }
    __builtin_trap();
}

JK_INLINE float encoder_least(jk_type type) {
    switch (type) {
#define ENCODER_LEAST(type, number, name, kernels, tile, group, scales, least, most) \
    case type: return least;
        JK_TYPES(ENCODER_LEAST)
#undef ENCODER_LEAST
    }
    __builtin_trap();
}

// The code nearest to x, and what a tile stores for it, where codes are stored one by one.
JK_INLINE v8 encoder_nearest(jk_type type, v8 x, v8i *stored) {
    switch (type) {
        case JK_NL4: return v8_nl4_nearest(x, stored);
        case JK_I8:
        case JK_I6:
            *stored = v8_round(v8_max(v8_min(x, v8_set(encoder_most(type))), v8_set(encoder_least(type))));
            return v8i_float(*stored);
        case JK_R3:
        case JK_R2:
        JK_FLOAT_TYPES(JK_CASE) break;
    }
    __builtin_trap();
}

// The distance between neighbouring codes, of NL4 those near 0, of rings between as many as have no way to keep to.
JK_INLINE float encoder_distance(jk_type type) {
    switch (type) {
        case JK_NL4: return 6.0f;
        case JK_I8:
        case JK_I6: return 1.0f;
        case JK_R3: return 16.0f;
        case JK_R2: return 32.0f;
        JK_FLOAT_TYPES(JK_CASE) break;
    }
    __builtin_trap();
}

// What a group's largest weight, or its root mean square, is mapped to in the search for its scale: about an end of the grid, or
// of rings, in which many weights decide together, what normal weights have as codes. Rings need few of them: what is found is where the
// search among the scales that can be stored begins.
typedef struct {
    const float *values;
    size_t count;
} encoder_targets;

JK_INLINE encoder_targets encoder_targets_of(jk_type type) {
    static const float nl4[] = {-47, -52, -56, -60, -64, -68, -73, -80, 42, 46, 50, 53, 57, 61, 66, 72};
    static const float i8[] = {126.5f, 127, 127.5f};
    static const float i6[] = {-30, -31, -32, -33, -34, 29, 30, 31, 32, 33};
    static const float r3[] = {-62, 58};
    static const float r2[] = {55};
    switch (type) {
        case JK_NL4: return (encoder_targets){nl4, sizeof nl4 / sizeof *nl4};
        case JK_I8: return (encoder_targets){i8, sizeof i8 / sizeof *i8};
        case JK_I6: return (encoder_targets){i6, sizeof i6 / sizeof *i6};
        case JK_R3: return (encoder_targets){r3, sizeof r3 / sizeof *r3};
        case JK_R2: return (encoder_targets){r2, sizeof r2 / sizeof *r2};
        JK_FLOAT_TYPES(JK_CASE) break;
    }
    __builtin_trap();
}

JK_INLINE encoder_targets encoder_mean_targets_of(jk_type type) {
    static const float r3[] = {-22, -28, 22, 28};
    static const float r2[] = {-22, -29, 25, 33};
    switch (type) {
        case JK_R3: return (encoder_targets){r3, sizeof r3 / sizeof *r3};
        case JK_R2: return (encoder_targets){r2, sizeof r2 / sizeof *r2};
        case JK_NL4:
        case JK_I8:
        case JK_I6: return (encoder_targets){NULL, 0};
        JK_FLOAT_TYPES(JK_CASE) break;
    }
    __builtin_trap();
}

// Codes nearest to x * inverse, then the scale d that fits them best: d = sum(w x q) / sum(w q^2), which lowers the
// squared error by (sum w x q)^2 / sum(w q^2). Keeps d where that beats the best so far.
JK_INLINE void encoder_try(jk_type type, const encoder_group *g, size_t count, v8 inverse, v8 *best, v8 *best_gain) {
    v8 xq = v8_set(0.0f), qq = v8_set(0.0f);
    v8i stored;
    for (size_t i = 0; i < count; i++) {
        v8 q = encoder_nearest(type, v8_mul(g->x[i], inverse), &stored);
        v8 wq = v8_mul(g->w[i], q);
        xq = v8_fma(wq, g->x[i], xq);
        qq = v8_fma(wq, q, qq);
    }
    v8 d = v8_div(xq, qq);
    v8 gain = v8_mul(xq, d);
    v8 better = v8_less(*best_gain, gain);  // false for the 0 / 0 of a row of zeros
    *best = v8_select(better, d, *best);
    *best_gain = v8_select(better, gain, *best_gain);
}

// Keeps that of a ring's scales which costs least as it is: ways are not followed, only their costs.
JK_INLINE void encoder_compare(jk_type type, const encoder_group *g, v8 inverse, encoder_targets targets, v8 *best,
                               v8 *best_gain) {
    const ring_grid grid = ring_grid_of(type);
    for (size_t k = 0; k < targets.count; k++) {
        const v8 scaled = v8_mul(inverse, v8_set(targets.values[k]));
        const v8 scale = v8_div(v8_set(1.0f), scaled);
        const v8 cost = ring_least_cost(jk_ring_bits(type), &grid, g->x, g->w, scaled);
        const v8 gain = v8_mul(v8_sub(v8_set(0.0f), cost), v8_mul(scale, scale));
        const v8 better = v8_less(*best_gain, gain);  // false for the infinities of a row of zeros
        *best = v8_select(better, scale, *best);
        *best_gain = v8_select(better, gain, *best_gain);
    }
}

// The best scale of a group: the largest weight is mapped to an end of the grid times a ratio. Where the ends differ,
// both signs are tried. Of codes stored one by one the last step starts from the best scale found; of a ring that is enough to begin
// with (scale_search).
JK_INLINE v8 encoder_search(jk_type type, const encoder_group *g, size_t count) {
    const encoder_targets targets = encoder_targets_of(type);
    const v8 zero = v8_set(0.0f);
    v8 largest = zero, signed_largest = zero;
    for (size_t i = 0; i < count; i++) {
        v8 larger = v8_less(largest, v8_abs(g->x[i]));
        largest = v8_select(larger, v8_abs(g->x[i]), largest);
        signed_largest = v8_select(larger, g->x[i], signed_largest);
    }
    v8 inverse = v8_select(v8_less(zero, largest), v8_div(v8_set(1.0f), signed_largest), zero);
    v8 best = zero, gain = zero;
    if (jk_ring_bits(type)) {
        encoder_compare(type, g, inverse, targets, &best, &gain);
        v8 squares = zero;
        for (size_t i = 0; i < count; i++) squares = v8_fma(g->x[i], g->x[i], squares);
        const v8 mean = v8_sqrt(v8_mul(squares, v8_set(1.0f / (float)count)));
        inverse = v8_select(v8_less(zero, mean), v8_div(v8_set(1.0f), mean), zero);
        encoder_compare(type, g, inverse, encoder_mean_targets_of(type), &best, &gain);
        return best;
    }
    for (size_t k = 0; k < targets.count; k++)
        encoder_try(type, g, count, v8_mul(inverse, v8_set(targets.values[k])), &best, &gain);
    const v8 found = v8_less(zero, v8_abs(best));
    encoder_try(type, g, count, v8_select(found, v8_div(v8_set(1.0f), best), zero), &best, &gain);
    return best;
}

// The given scale, or a larger one where the group's largest weight would lie beyond the grid.
JK_INLINE v8 encoder_coarse(jk_type type, const encoder_group *g, size_t count, v8 scale) {
    v8 largest = v8_set(0.0f), smallest = largest;
    for (size_t i = 0; i < count; i++) {
        largest = v8_max(g->x[i], largest);
        smallest = v8_min(g->x[i], smallest);
    }
    v8 fitting = v8_max(v8_div(largest, v8_set(encoder_most(type))), v8_div(smallest, v8_set(encoder_least(type))));
    return v8_max(fitting, scale);
}

// How coarse a group may be beside others: errors are to weigh the same everywhere, so that its step goes with the inverse
// root of its columns' importance. Within limits, as scales of 8 bits are multiples of a row's largest.
JK_INLINE float encoder_relative(const float *importance, size_t columns, size_t first, size_t group, float mean) {
    const size_t count = jk_least(group, columns - first);
    float sum = 0.0f;
    for (size_t i = 0; i < count; i++) sum += importance[first + i];
    const float relative = sqrtf(mean * (float)count / sum);
    return relative < 0.5f ? 0.5f : relative > 2.0f ? 2.0f : relative;
}

// Writes the codes of 32 columns as one tile, as jk_tile_stored reads them; those of rings are ring_write's.
JK_INLINE void encoder_write_tile(jk_type type, uint8_t *tile, const int32_t codes[32][8]) {
    memset(tile, 0, jk_tile_size(type));
    for (int c = 0; c < 32; c++)
        for (int r = 0; r < 8; r++) {
            const int byte = 4 * r + c % 4;
            uint8_t *nibble = tile + c % 16 / 4 * 32 + byte;
            const int shift = c < 16 ? 0 : 4;
            switch (type) {
                case JK_I8: tile[c / 4 * 32 + byte] = (uint8_t)(int8_t)codes[c][r]; break;
                case JK_NL4: *nibble |= (uint8_t)(codes[c][r] << shift); break;
                case JK_I6: {
                    const int32_t index = codes[c][r] + 32;
                    *nibble |= (uint8_t)((index & 15) << shift);
                    tile[4 * 32 + c / 16 * 32 + byte] |= (uint8_t)(index >> 4 << c % 16 / 4 * 2);
                    break;
                }
                case JK_R3:
                case JK_R2:
                JK_FLOAT_TYPES(JK_CASE) __builtin_trap();
            }
        }
}

// The power of two of each row, its inverse, and twice the mean square of the scaled row.
JK_INLINE void encoder_powers(const float *rows, size_t stride, size_t row_count, size_t columns, float power[8],
                              float unpower[8], float spread[8]) {
    for (size_t r = 0; r < 8; r++) {
        power[r] = 0.0f;
        unpower[r] = 1.0f;
        spread[r] = 0.0f;
        if (r >= row_count) continue;
        v8 largest = v8_set(0.0f), squares = v8_set(0.0f);
        for (size_t i = 0; i < columns; i += 8)
            largest = v8_max(v8_abs(v8_load_first(rows + r * stride + i, columns - i, 0.0f)), largest);
        float maximum = v8_maximum(largest);
        if (maximum < 0x1p-100f) continue;
        const uint32_t exponent = (uint32_t)jk_least(jk_bits(maximum) >> 23, 252);  // of 2^exponent - 127 <= maximum
        unpower[r] = jk_float(exponent << 23);
        power[r] = jk_float((254 - exponent) << 23);
        for (size_t i = 0; i < columns; i += 8) {
            v8 x = v8_mul(v8_load_first(rows + r * stride + i, columns - i, 0.0f), v8_set(power[r]));
            squares = v8_fma(x, x, squares);
        }
        spread[r] = 2.0f * v8_sum(squares) / (float)columns;
    }
}

// Adds the rows' sums of squared errors and of squares, in the rows' own units.
JK_INLINE void encoder_add_errors(v8 errors, v8 squares, const float unpower[8], size_t row_count, double error[2]) {
    float error_lanes[8], square_lanes[8];
    v8_store(error_lanes, errors);
    v8_store(square_lanes, squares);
    for (size_t r = 0; r < row_count; r++) {
        const double unit = (double)unpower[r] * (double)unpower[r];
        error[0] += (double)error_lanes[r] * unit;
        error[1] += (double)square_lanes[r] * unit;
    }
}

// What the squared error of each weight of a group counts.
JK_INLINE void encoder_weigh(encoder_group *g, size_t first, size_t count, size_t columns, const float *importance, float most,
                             v8 spread) {
    for (size_t i = 0; i < count; i++) {
        const size_t c = first + i;
        const float weight = c >= columns ? 0.0f : importance ? importance[c] / most : 1.0f;
        g->w[i] = v8_mul(v8_set(weight), v8_sqrt(v8_fma(g->x[i], g->x[i], spread)));
    }
}

JK_INLINE void encoder_encode(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns,
                              const float *importance, float step, uint8_t *strip, double error[2]) {
    const size_t group = jk_scale_group(type, columns), groups = jk_parts(columns, group);
    const size_t tile = jk_tile_size(type);
    const ring_grid grid = jk_ring_bits(type) ? ring_grid_of(type) : (ring_grid){0};
    uint8_t *tiles = strip + jk_header_size(type, groups);
    memset(strip, 0, jk_header_size(type, groups));

    float power[8], unpower[8], spread[8];
    encoder_powers(rows, stride, row_count, columns, power, unpower, spread);
    const v8 factor = v8_load(power);
    float most = 0.0f, mean = 0.0f, mean_relative = 0.0f;
    for (size_t i = 0; importance && i < columns; i++) {
        most = importance[i] > most ? importance[i] : most;
        mean += importance[i] / (float)columns;
    }
    for (size_t k = 0; importance && step > 0.0f && k < groups; k++)
        mean_relative += encoder_relative(importance, columns, k * group, group, mean) / (float)groups;
    // A step is given in units of a row's root mean square, 2^-1/2 of its spread's root.
    const v8 coarse = v8_mul(v8_sqrt(v8_load(spread)), v8_set(0.70710678f * step / encoder_distance(type)));

    // Each group's own best scale, kept in the group's first tile until its codes take the place; there is room for another number.
    encoder_group g;
    v8 largest = v8_set(0.0f);
    for (size_t k = 0; k < groups; k++) {
        encoder_load(g.x, rows, stride, row_count, columns, k * group, group, factor);
        encoder_weigh(&g, k * group, group, columns, importance, most, v8_load(spread));
        v8 scale = coarse;
        if (step > 0.0f) {
            if (importance)
                scale = v8_mul(scale, v8_set(encoder_relative(importance, columns, k * group, group, mean) / mean_relative));
            scale = encoder_coarse(type, &g, group, scale);
        } else {
            scale = encoder_search(type, &g, group);
        }
        largest = v8_max(v8_abs(scale), largest);
        float lanes[8];
        v8_store(lanes, scale);
        memcpy(tiles + k * (group / JK_GROUP) * tile, lanes, sizeof lanes);
        if (jk_scale_bytes(type) == 8) continue;
        v8 energy = v8_set(0.0f);
        for (size_t i = 0; i < group; i++) energy = v8_fma(v8_mul(g.w[i], g.x[i]), g.x[i], energy);
        v8_store(lanes, energy);
        memcpy(tiles + k * (group / JK_GROUP) * tile + sizeof lanes, lanes, sizeof lanes);
    }
    if (jk_scale_bytes(type) == 4) largest = scale_fit_row(tiles, tiles + 32, tile, groups, largest);

    const float most_scale = scale_most(type);
    const v8 row_scale = v8_mul(largest, v8_set(1.0f / most_scale));
    float lanes[8];
    v8_store(lanes, v8_mul(row_scale, v8_load(unpower)));
    memcpy(strip, lanes, sizeof lanes);

    const v8 zero = v8_set(0.0f);
    const v8 inverse_row = v8_select(v8_less(zero, largest), v8_div(v8_set(most_scale), largest), zero);
    for (size_t k = 0; k < groups; k++) {
        uint8_t *first_tile = tiles + k * (group / JK_GROUP) * tile;
        memcpy(lanes, first_tile, sizeof lanes);
        v8 scaled = v8_mul(v8_load(lanes), inverse_row);
        encoder_load(g.x, rows, stride, row_count, columns, k * group, group, factor);
        if (jk_ring_bits(type)) encoder_weigh(&g, k * group, group, columns, importance, most, v8_load(spread));
        const v8 code = jk_scale_bytes(type) == 8 ? v8i_float(v8_round(v8_max(v8_min(scaled, v8_set(127.0f)), v8_set(-127.0f))))
                        : step > 0.0f ? scale_of_index(scale_nearest_magnitude(v8_abs(scaled)))
                        : scale_search(type, &grid, g.x, g.w, scaled, row_scale);
        scale_write(type, strip, k, code);

        const v8 scale = v8_mul(row_scale, code);
        const v8 inverse = v8_select(v8_less(zero, v8_abs(scale)), v8_div(v8_set(1.0f), scale), zero);
        v8 errors = zero, squares = zero, ring[JK_GROUP], indices[JK_GROUP];
        int32_t codes[64][8];
        if (jk_ring_bits(type)) {
            ring_nearest(jk_ring_bits(type), &grid, g.x, g.w, inverse, ring, indices);
            ring_write(jk_ring_bits(type), first_tile, indices);
        }
        for (size_t i = 0; i < group; i++) {
            v8i index;
            v8 q = jk_ring_bits(type) ? ring[i] : encoder_nearest(type, v8_mul(g.x[i], inverse), &index);
            if (!jk_ring_bits(type)) v8i_store(codes[i], index);
            v8 difference = v8_sub(g.x[i], v8_mul(scale, q));
            const v8 real = v8_set(k * group + i < columns ? 1.0f : 0.0f);
            errors = v8_fma(v8_mul(difference, real), difference, errors);
            squares = v8_fma(g.x[i], g.x[i], squares);
        }
        for (size_t i = 0; !jk_ring_bits(type) && i < group / JK_GROUP; i++)
            encoder_write_tile(type, first_tile + i * tile, (const int32_t(*)[8])(codes + i * JK_GROUP));
        encoder_add_errors(errors, squares, unpower, row_count, error);
    }
}

#define DEFINE_ENCODE(type, number, name, kernels, ...)                                                                \
    static void encode_##kernels JK_ENCODE_ARGUMENTS {                                                                 \
        encoder_encode(type, rows, stride, row_count, columns, importance, step, strip, error);                        \
    }
JK_CODE_TYPES(DEFINE_ENCODE)
#undef DEFINE_ENCODE

#endif
