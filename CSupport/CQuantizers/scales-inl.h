// The scales of groups, over the vectors of any set: whole numbers of 8 bits, or, of rings, of a grid of 16 (CStorage.h).
//
// Defined before: ways-inl.h and what it asks for.
#ifndef JK_SCALES_INL_H
#define JK_SCALES_INL_H

#ifndef JK_WAYS_INL_H
#error "ways-inl.h first"
#endif

// The largest group scale, of which a row's scale is a part.
JK_INLINE float scale_most(jk_type type) { return jk_scale_bytes(type) == 4 ? (float)jk_scale_grid[15] : 127.0f; }

// Writes the scales of group k: whole numbers, of the grid where indices into it are stored.
JK_INLINE void scale_write(jk_type type, uint8_t *strip, size_t k, v8 scales) {
    int32_t stored[8];
    v8i_store(stored, v8_round(scales));
    for (size_t r = 0; r < 8; r++) {
        if (jk_scale_bytes(type) == 8) {
            strip[32 + 8 * k + r] = (uint8_t)(int8_t)stored[r];
            continue;
        }
        uint8_t index = 0;
        while (index < 15 && jk_scale_grid[index] != stored[r]) index++;
        uint8_t *pair = strip + 32 + 4 * k + r / 2;
        *pair = (uint8_t)(*pair & (r % 2 ? 15 : 240)) | (uint8_t)(index << r % 2 * 4);
    }
}

// The index of the magnitude in the grid of scales, but for 0, that is nearest to x; of two the smaller.
JK_INLINE v8 scale_nearest_magnitude(v8 x) {
    v8 index = v8_set(1.0f);
    for (int i = 2; i < 16; i++) {
        const float middle = 0.5f * (fabsf((float)jk_scale_grid[i - 1]) + fabsf((float)jk_scale_grid[i]));
        index = v8_select(v8_less(v8_set(middle), x), v8_set((float)i), index);
    }
    return index;
}

// The scale in the grid, but for 0, that is nearest to x; of two the one that comes first.
JK_INLINE v8 scale_nearest(v8 x) {
    v8 nearest = v8_set((float)jk_scale_grid[1]), distance = v8_abs(v8_sub(x, nearest));
    for (int i = 2; i < 16; i++) {
        const v8 other = v8_set((float)jk_scale_grid[i]), away = v8_abs(v8_sub(x, other));
        nearest = v8_select(v8_less(away, distance), other, nearest);
        distance = v8_min(away, distance);
    }
    return nearest;
}

// Entry `index` of the grid.
JK_INLINE v8 scale_of_index(v8 index) {
    float table[16];
    for (int i = 0; i < 16; i++) table[i] = (float)jk_scale_grid[i];
    return v8_look_up(table, index);
}

// What the largest scale in the grid becomes, so that what groups have to take instead of the `wanted` scale costs the row little: with q
// the ratio between both, (q - 1 / q)^2 of their `energy`, which is nearly 4 ln^2 q. A group far above the others may have to do with
// less.
//
// - wanted, energy: [group][row] floats, `stride` bytes from one group to the next; 0 where a row has zeros alone.
JK_INLINE v8 scale_fit_row(const uint8_t *wanted, const uint8_t *energy, size_t stride, size_t groups, v8 largest) {
    static const float ratios[] = {1.25f, 1.12f, 1.0f, 0.9f, 0.8f, 0.7f, 0.6f, 0.5f, 0.4f};
    const v8 zero = v8_set(0.0f), far = v8_set(1e30f);
    float lanes[8];
    v8 least = far, best = largest;
    for (size_t n = 0; n < sizeof ratios / sizeof *ratios; n++) {
        const v8 most = v8_mul(largest, v8_set(ratios[n]));
        const v8 inverse = v8_select(v8_less(zero, most), v8_div(v8_set((float)jk_scale_grid[15]), most), zero);
        v8 cost = zero;
        for (size_t k = 0; k < groups; k++) {
            memcpy(lanes, wanted + k * stride, sizeof lanes);
            const v8 scale = v8_abs(v8_load(lanes));
            memcpy(lanes, energy + k * stride, sizeof lanes);
            const v8 nearest = v8_abs(scale_of_index(scale_nearest_magnitude(v8_mul(scale, inverse))));
            const v8 taken = v8_mul(v8_mul(most, v8_set(1.0f / (float)jk_scale_grid[15])), nearest);
            const v8 difference = v8_sub(v8_div(taken, scale), v8_div(scale, taken));
            const v8 counts = v8_less(zero, scale);
            cost = v8_select(counts, v8_fma(v8_mul(difference, difference), v8_load(lanes), cost), cost);
        }
        const v8 better = v8_less(cost, least);
        least = v8_select(better, cost, least);
        best = v8_select(better, most, best);
    }
    return best;
}

// The scale in the grid that costs a ring of weights x, which count w, least, of those around the wanted one, in units of the row's; 0
// where none is better. Costs go up and down from scale to scale, those of 3 bits more than those of 2.
JK_INLINE v8 scale_search(jk_type type, const ring_grid *grid, const v8 *x, const v8 *w, v8 scaled, v8 row_scale) {
    const int around = jk_ring_bits(type) == 3 ? 5 : 4;
    const v8 zero = v8_set(0.0f), one = v8_set(1.0f), nearest = scale_nearest_magnitude(v8_abs(scaled));
    v8 best = zero, least = zero;
    for (int i = -around; i <= around; i++) {
        const v8 index = v8_max(v8_min(v8_add(nearest, v8_set((float)i)), v8_set(15.0f)), one);
        const v8 found = scale_of_index(index), scale = v8_mul(row_scale, found);
        const v8 cost = ring_least_cost(jk_ring_bits(type), grid, x, w, v8_div(one, scale));
        const v8 whole = v8_mul(cost, v8_mul(scale, scale));
        const v8 better = v8_less(whole, least);  // false for the infinities of a row of zeros
        least = v8_select(better, whole, least);
        best = v8_select(better, found, best);
    }
    return best;
}

#endif
