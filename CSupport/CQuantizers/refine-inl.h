// The quantizers' second step: the specification of refine_i8, refine_nl4 and so on, over the vectors of any set. Lane i is row i of
// the strip.
//
// With e the error of a row and M the moments of its inputs, the squared error of the product is e' M e on average. M is not
// diagonal, so that one weight's error can make up for another's: rounding each weight to the nearest code is not the best.
// Coordinate descent as in QuantEase (Behdin and others 2023), with the group's scales as coordinates, too.
//
// Tests/KernelTests (RefinerTests) compares it with the same descent in double precision, in plain Swift.
// Defined before: what encode-inl.h asks for.
#ifndef JK_REFINE_INL_H
#define JK_REFINE_INL_H

#include "encode-inl.h"

// A block of columns of a strip, transposed.
typedef struct {
    v8 weights[JK_REFINE_BLOCK];    // of the rows, scaled by their powers of two
    v8 codes[JK_REFINE_BLOCK];      // as numbers
    v8 gradient[JK_REFINE_BLOCK];   // M e
    int32_t stored[JK_REFINE_BLOCK][8];  // as the tiles hold them, but for rings
    v8 added[JK_REFINE_BLOCK];      // of rings: the bits that a weight adds
    v8 scales[JK_REFINE_BLOCK / JK_GROUP];
} refiner_block;

// What a visit to a group changes of its weights: `count` of its columns, `by` how much.
typedef struct {
    size_t count, column[64];
    v8 by[64];
} refiner_change;

// Reads the codes of 32 columns from column `first` of the block on.
JK_INLINE void refiner_read_tile(jk_type type, const uint8_t *tile, refiner_block *b, size_t first) {
    if (jk_ring_bits(type)) {
        const ring_grid grid = ring_grid_of(type);
        v8 indices[JK_GROUP];
        ring_read(jk_ring_bits(type), tile, indices);
        for (size_t c = 0; c < JK_GROUP; c++) {
            b->codes[first + c] = v8_look_up(grid.codes, indices[c]);
            b->added[first + c] = ring_added(jk_ring_bits(type), indices[c]);
        }
        return;
    }
    for (size_t c = 0; c < JK_GROUP; c++) {
        float lanes[8];
        for (size_t r = 0; r < 8; r++) {
            b->stored[first + c][r] = jk_tile_stored(type, tile, r, c);
            lanes[r] = (float)jk_stored_code(type, b->stored[first + c][r]);
        }
        b->codes[first + c] = v8_load(lanes);
    }
}

// The other way.
JK_INLINE void refiner_write_tile(jk_type type, uint8_t *tile, const refiner_block *b, size_t first) {
    if (!jk_ring_bits(type)) {
        encoder_write_tile(type, tile, (const int32_t(*)[8])(b->stored + first));
        return;
    }
    const int bits = jk_ring_bits(type);
    v8 indices[JK_GROUP];
    for (size_t c = 0; c < JK_GROUP; c++) indices[c] = v8_mul(b->added[first + c], v8_set((float)ring_states(bits)));
    ring_write(bits, tile, indices);
}

JK_INLINE bool refiner_is_zero(v8 x) { return v8_maximum(v8_abs(x)) == 0.0f; }

// gradient[j] += change x M[..][j] for columns first ..< last, which are multiples of 8: eight sums stay in registers while
// all that has changed passes by.
JK_INLINE void refiner_move(refiner_block *b, const float *moments, size_t size, const refiner_change *change,
                            size_t first, size_t last) {
    for (size_t j = first; j < last; j += 8) {
        v8 g[8];
        JK_UNROLL for (size_t k = 0; k < 8; k++) g[k] = b->gradient[j + k];
        for (size_t i = 0; i < change->count; i++) {
            const float *row = moments + change->column[i] * size + j;
            const v8 by = change->by[i];
            JK_UNROLL for (size_t k = 0; k < 8; k++) g[k] = v8_fma(v8_set(row[k]), by, g[k]);
        }
        JK_UNROLL for (size_t k = 0; k < 8; k++) b->gradient[j + k] = g[k];
    }
}

// Each code of a group to its best value: where the gradient would vanish, rounded. Keeps the gradient of the group alone.
JK_INLINE void refiner_improve_codes(jk_type type, refiner_block *b, const float *moments, size_t size, size_t first,
                                     size_t count, v8 scale) {
    const v8 zero = v8_set(0.0f);
    const v8 inverse = v8_select(v8_less(zero, v8_abs(scale)), v8_div(v8_set(1.0f), scale), zero);
    for (size_t i = first; i < first + count; i++) {
        const v8 step = v8_mul(b->gradient[i], v8_set(1.0f / moments[i * size + i]));
        v8i stored;
        const v8 code = encoder_nearest(type, v8_mul(v8_sub(v8_mul(scale, b->codes[i]), step), inverse), &stored);
        const v8 change = v8_mul(scale, v8_sub(code, b->codes[i]));
        if (refiner_is_zero(change)) continue;
        b->codes[i] = code;
        v8i_store(b->stored[i], stored);
        const float *row = moments + i * size;
        for (size_t j = first; j < first + count; j++)
            b->gradient[j] = v8_fma(v8_set(row[j]), change, b->gradient[j]);
    }
}

// The same for a ring: bits that a weight adds to it are in its own index and in the state of the next weight, so that both of their
// codes change with them. The gradient stays as it was: what has changed of the weights is in `moved`.
JK_INLINE void refiner_improve_ring(int bits, const ring_grid *grid, refiner_block *b, const float *moments, size_t size, size_t first,
                                    v8 scale, v8 moved[JK_GROUP]) {
    const int states = ring_states(bits);
    const v8 half = v8_set(0.5f), count = v8_set((float)states);
    for (size_t c = 0; c < JK_GROUP; c++) moved[c] = v8_set(0.0f);
    v8 *codes = b->codes + first, *added = b->added + first;
    const v8 *gradient = b->gradient + first;
    const float *block = moments + first * size + first;
    v8 state = ring_state(bits, added[ring_column(JK_GROUP - 1)]);
    v8 slope = gradient[ring_column(0)], next_slope = gradient[ring_column(1)];  // at i and j, with all that has changed
    for (size_t place = 0; place < JK_GROUP; place++) {
        const size_t i = ring_column(place), j = ring_column((place + 1) % JK_GROUP);
        const v8 own = v8_set(block[i * size + i]), next = v8_set(block[j * size + j]), both = v8_set(block[i * size + j]);
        const v8 half_own = v8_mul(half, own);
        v8 slopes[RING_STATES], costs[RING_STATES];  // as the next weight's state leaves them
        JK_UNROLL for (int s = 0; s < states; s++) {
            const v8 code = v8_look_up(grid->codes, v8_fma(added[j], count, v8_set((float)s)));
            const v8 by = v8_mul(scale, v8_sub(code, codes[j]));
            slopes[s] = v8_fma(both, by, slope);
            costs[s] = v8_mul(by, v8_fma(v8_mul(half, next), by, next_slope));
        }
        v8 least = v8_set(0.0f), chosen = added[i];
        JK_UNROLL for (int choice = 0; choice < 1 << bits; choice++) {
            const int s = choice >> (2 * bits - 4);
            const float *ways = grid->codes + choice * states;
            const v8 code = states == 2 ? v8_select(v8_less(v8_set(0.5f), state), v8_set(ways[1]), v8_set(ways[0]))
                                        : v8_look_up(grid->codes, v8_add(state, v8_set((float)(choice * states))));
            const v8 by = v8_mul(scale, v8_sub(code, codes[i]));
            const v8 cost = v8_fma(by, v8_fma(half_own, by, slopes[s]), costs[s]);
            chosen = v8_select(v8_less(cost, least), v8_set((float)choice), chosen);
            least = v8_min(cost, least);
        }
        const v8 code = v8_look_up(grid->codes, v8_fma(chosen, count, state));
        const v8 next_code = v8_look_up(grid->codes, v8_fma(added[j], count, ring_state(bits, chosen)));
        const v8 by = v8_mul(scale, v8_sub(code, codes[i])), next_by = v8_mul(scale, v8_sub(next_code, codes[j]));
        added[i] = chosen;
        codes[i] = code;
        codes[j] = next_code;
        moved[i] = v8_add(moved[i], by);
        moved[j] = v8_add(moved[j], next_by);
        state = ring_state(bits, chosen);
        slope = v8_fma(both, by, v8_fma(next, next_by, next_slope));
        const float *row = block + ring_column((place + 2) % JK_GROUP) * size;
        v8 sums[4] = {gradient[ring_column((place + 2) % JK_GROUP)], v8_set(0.0f), v8_set(0.0f), v8_set(0.0f)};
        for (size_t c = 0; c <= 4 * jk_least(place + 1, 7); c += 4)  // beyond, nothing has moved yet
            JK_UNROLL for (size_t p = 0; p < 4; p++) sums[p] = v8_fma(v8_set(row[c + p]), moved[c + p], sums[p]);
        next_slope = v8_add(v8_add(sums[0], sums[1]), v8_add(sums[2], sums[3]));
    }
}

// A group's scale to its best multiple of the row's; one that would become 0, or is 0 in a grid, stays. Keeps the gradient of the group
// alone, or, with what has `moved` since the gradient was taken, none.
JK_INLINE v8 refiner_improve_scale(jk_type type, refiner_block *b, const float *moments, size_t size, size_t first, size_t count,
                                   v8 scale, v8 row_scale, v8 inverse_row, const v8 *moved) {
    const v8 zero = v8_set(0.0f);
    v8 slope = zero, curvature = zero, products[64];
    for (size_t j = 0; j < count; j += 8) {
        v8 sums[8];
        JK_UNROLL for (size_t k = 0; k < 8; k++) sums[k] = zero;
        for (size_t i = first; i < first + count; i++)
            JK_UNROLL for (size_t k = 0; k < 8; k++)
                sums[k] = v8_fma(v8_set(moments[i * size + first + j + k]), b->codes[i], sums[k]);
        JK_UNROLL for (size_t k = 0; k < 8; k++) products[j + k] = sums[k];
    }
    for (size_t i = 0; i < count; i++) {
        slope = v8_fma(b->codes[first + i], b->gradient[first + i], slope);
        if (moved) slope = v8_fma(moved[i], products[i], slope);  // codes' M moved
        curvature = v8_fma(b->codes[first + i], products[i], curvature);
    }
    const v8 best = v8_sub(scale, v8_select(v8_less(zero, curvature), v8_div(slope, curvature), zero));
    const v8 limited = v8_max(v8_min(v8_mul(best, inverse_row), v8_set(127.0f)), v8_set(-127.0f));
    v8 code = v8i_float(v8_round(limited));
    if (jk_scale_bytes(type) == 4) code = v8_select(v8_less(zero, v8_abs(scale)), scale_nearest(limited), zero);
    const v8 found = v8_select(v8_less(zero, v8_abs(code)), v8_mul(row_scale, code), scale);
    const v8 change = v8_sub(found, scale);
    if (refiner_is_zero(change)) return scale;
    if (moved) return found;
    for (size_t i = 0; i < count; i++) b->gradient[first + i] = v8_fma(products[i], change, b->gradient[first + i]);
    return found;
}

// What the weights of a group are off by, or have changed by since they were `before`.
JK_INLINE void refiner_differ(const refiner_block *b, size_t first, size_t count, v8 scale, const v8 *before, refiner_change *change) {
    change->count = count;
    for (size_t i = 0; i < count; i++) {
        change->column[i] = first + i;
        change->by[i] = v8_sub(v8_mul(scale, b->codes[first + i]), before[i]);
    }
}

JK_INLINE bool refiner_is_none(const refiner_change *change) {
    v8 largest = v8_set(0.0f);
    for (size_t i = 0; i < change->count; i++) largest = v8_max(v8_abs(change->by[i]), largest);
    return refiner_is_zero(largest);
}

// All groups of a block in turn. In the first sweep over rings, groups that come later count as if they had no error, theirs will make
// up for those before them: a third of the moves less, and errors of products 1 % larger. The last sweep leaves the gradient behind it
// as it is.
//
// - Returns: whether anything has changed.
JK_INLINE bool refiner_sweep(jk_type type, refiner_block *b, const float *moments, size_t size, size_t group,
                             size_t count, v8 row_scale, v8 inverse_row, bool keeps_scales, int sweep) {
    const int bits = jk_ring_bits(type);
    const bool looks_back = bits && sweep == 0, last = sweep + 1 == JK_REFINE_SWEEPS;
    const ring_grid grid = bits ? ring_grid_of(type) : (ring_grid){0};
    bool changed = looks_back;
    for (size_t first = 0; first < count; first += group) {
        v8 *scale = &b->scales[first / group], before[64], moved[JK_GROUP];
        for (size_t i = 0; i < group; i++) before[i] = v8_mul(*scale, b->codes[first + i]);
        refiner_change change;
        if (looks_back) {
            refiner_differ(b, first, group, *scale, b->weights + first, &change);
            refiner_move(b, moments, size, &change, first, first + group);
        }
        if (bits) refiner_improve_ring(bits, &grid, b, moments, size, first, *scale, moved);
        else refiner_improve_codes(type, b, moments, size, first, group, *scale);
        if (!keeps_scales)
            *scale = refiner_improve_scale(type, b, moments, size, first, group, *scale, row_scale, inverse_row, bits ? moved : NULL);
        refiner_differ(b, first, group, *scale, before, &change);
        const bool same = refiner_is_none(&change);
        changed |= !same;
        if (bits && !last) refiner_move(b, moments, size, &change, first, first + group);
        if (looks_back) refiner_differ(b, first, group, *scale, b->weights + first, &change);
        else if (same) continue;
        if (!last) refiner_move(b, moments, size, &change, 0, first);
        refiner_move(b, moments, size, &change, first + group, count);
    }
    return changed;
}

JK_INLINE void refiner_refine(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns,
                              const float *moments, size_t size, float step, uint8_t *strip,
                              double error[2]) {
    const size_t group = jk_scale_group(type, columns), groups = jk_parts(columns, group);
    const size_t tile = jk_tile_size(type);
    uint8_t *tiles = strip + jk_header_size(type, groups);
    const v8 zero = v8_set(0.0f);

    float power[8], unpower[8], spread[8], lanes[8];
    encoder_powers(rows, stride, row_count, columns, power, unpower, spread);
    const v8 factor = v8_load(power);
    memcpy(lanes, strip, sizeof lanes);
    const v8 row_scale = v8_mul(v8_load(lanes), factor);
    const v8 inverse_row = v8_select(v8_less(zero, row_scale), v8_div(v8_set(1.0f), row_scale), zero);

    refiner_block b;
    for (size_t start = 0; start < columns; start += size, moments += size * size) {
        const size_t count = jk_parts(jk_least(size, columns - start), group) * group;
        memset(b.gradient, 0, sizeof b.gradient);
        encoder_load(b.weights, rows, stride, row_count, columns, start, jk_least(count, 64), factor);
        for (size_t i = 64; i < count; i += 64)
            encoder_load(b.weights + i, rows, stride, row_count, columns, start + i, jk_least(count - i, 64), factor);
        for (size_t i = 0; i < count; i += JK_GROUP)
            refiner_read_tile(type, tiles + (start + i) / JK_GROUP * tile, &b, i);
        for (size_t k = 0; k < count / group; k++) {
            for (int r = 0; r < 8; r++) lanes[r] = (float)jk_group_scale(type, strip, start / group + k, (size_t)r);
            b.scales[k] = v8_mul(row_scale, v8_load(lanes));
        }
        for (size_t first = 0; !jk_ring_bits(type) && first < count; first += group) {
            refiner_change error;
            refiner_differ(&b, first, group, b.scales[first / group], b.weights + first, &error);
            refiner_move(&b, moments, size, &error, 0, count);
        }
        for (int sweep = 0; sweep < JK_REFINE_SWEEPS; sweep++)
            if (!refiner_sweep(type, &b, moments, size, group, count, row_scale, inverse_row, step > 0.0f, sweep))
                break;

        v8 errors = zero, squares = zero;
        for (size_t i = 0; i < count; i++) {
            const v8 difference = v8_sub(b.weights[i], v8_mul(b.scales[i / group], b.codes[i]));
            const v8 real = v8_set(start + i < columns ? 1.0f : 0.0f);
            errors = v8_fma(v8_mul(difference, real), difference, errors);
            squares = v8_fma(b.weights[i], b.weights[i], squares);
        }
        for (size_t i = 0; i < count; i += JK_GROUP)
            refiner_write_tile(type, tiles + (start + i) / JK_GROUP * tile, &b, i);
        for (size_t k = 0; k < count / group; k++)
            scale_write(type, strip, start / group + k, v8_mul(b.scales[k], inverse_row));
        encoder_add_errors(errors, squares, unpower, row_count, error);
    }
}

#define DEFINE_REFINE(type, number, name, kernels, ...)                                                                \
    static void refine_##kernels JK_REFINE_ARGUMENTS {                                                                 \
        refiner_refine(type, rows, stride, row_count, columns, moments, size, step, strip, error);                     \
    }
JK_CODE_TYPES(DEFINE_REFINE)
#undef DEFINE_REFINE

#endif
