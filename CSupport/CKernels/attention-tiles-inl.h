// Sums of products of codes for attention, over registers of 16 int32 sums: `dot_keys` and `sum_values` of every set but scalar,
// whose plain loops say what they are (scalar.c), as they say what `open_codes` is.
//
// Defined before: kernels.h; `vq`, 16 int32 sums, with vq_set and vq_store; `vs`, 64 signed bytes, by fours for each sum, with
// vs_load_keys and vs_load_values; vq_add_keys (four codes of a query) and vq_add_values (four weights), which add the products of
// fours; vb, whole registers of bytes, with what open_codes takes; KEY_OFFSET, what sums with keys lack for each unit of the sum of a query's codes; WEIGHT_BIAS, by how much less
// vq_add_values takes weights for than they are, and vq_add_bias, which adds so much times the values; vq_add; and how many
// queries (TILE_QUERIES) and registers (TILE_GROUPS) a tile takes.
#ifndef JK_ATTENTION_TILES_INL_H
#define JK_ATTENTION_TILES_INL_H

static void open_codes(const uint8_t *indices, int8_t *codes, size_t count) {
    const vb points = vb_grid((const uint8_t *)jk_kv_points), lower = vb_set(0x0F0F0F0F);
    for (size_t i = 0; i < 64 * count; i += sizeof(vb)) {
        const vb x = vb_load_whole(indices + i);
        uint8_t *to = (uint8_t *)codes + i / 64 * 128 + i % 64;
        vb_store_whole(to, vb_shuffle(points, vb_and(x, lower)));
        vb_store_whole(to + 64, vb_shuffle(points, vb_and(vb_shift_right(x, 4), lower)));
    }
}

JK_INLINE int32_t code_four(const void *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return four;
}

JK_INLINE void dot_keys_tile(const int8_t *keys, size_t quads, const int8_t *codes, size_t stride, const int32_t *sums,
                             int32_t *dots, const int queries, const int groups) {
    vq sum[TILE_QUERIES][TILE_GROUPS];
    JK_UNROLL for (int t = 0; t < queries; t++)
        JK_UNROLL for (int g = 0; g < groups; g++) sum[t][g] = vq_set(KEY_OFFSET * sums[t]);
    for (size_t i = 0; i < quads; i++) {
        vs k[TILE_GROUPS];
        JK_UNROLL for (int g = 0; g < groups; g++) k[g] = vs_load_keys(keys + ((size_t)g * quads + i) * 64);
        JK_UNROLL for (int t = 0; t < queries; t++) {
            const int32_t four = code_four(codes + (size_t)t * stride + 4 * i);
            JK_UNROLL for (int g = 0; g < groups; g++) sum[t][g] = vq_add_keys(sum[t][g], k[g], four);
        }
    }
    JK_UNROLL for (int t = 0; t < queries; t++)
        JK_UNROLL for (int g = 0; g < groups; g++) vq_store(dots + t * JK_PAGE_POSITIONS + 16 * g, sum[t][g]);
}

JK_INLINE void sum_values_tile(const int8_t *values, size_t head_size, size_t quads, const uint8_t *weights, int32_t *products,
                               const int queries, const int groups) {
    vq sum[TILE_QUERIES][TILE_GROUPS];
    JK_UNROLL for (int t = 0; t < queries; t++)
        JK_UNROLL for (int g = 0; g < groups; g++) sum[t][g] = vq_set(0);
    vq columns[TILE_GROUPS];  // what weights that are taken for WEIGHT_BIAS less come to
    JK_UNROLL for (int g = 0; g < groups; g++) columns[g] = vq_set(0);
    for (size_t j = 0; j < quads; j++) {
        vs v[TILE_GROUPS];
        JK_UNROLL for (int g = 0; g < groups; g++) v[g] = vs_load_values(values + 4 * j * head_size + 64 * (size_t)g);
        if (WEIGHT_BIAS != 0) JK_UNROLL for (int g = 0; g < groups; g++) columns[g] = vq_add_bias(columns[g], v[g]);
        JK_UNROLL for (int t = 0; t < queries; t++) {
            const int32_t four = code_four(weights + t * JK_PAGE_POSITIONS + 4 * j);
            JK_UNROLL for (int g = 0; g < groups; g++) sum[t][g] = vq_add_values(sum[t][g], v[g], four);
        }
    }
    JK_UNROLL for (int t = 0; t < queries; t++)
        JK_UNROLL for (int g = 0; g < groups; g++)
            vq_store(products + t * JK_PAGE_POSITIONS + 16 * g, vq_add(sum[t][g], columns[g]));
}

// The tiles of all registers that there are, of as many queries as a tile takes or of one.
#define TILES(count, groups, tile)                                                              \
    for (size_t g = 0; g < (groups);) {                                                         \
        const bool is_whole = (groups) - g >= TILE_GROUPS;                                      \
        for (size_t t = 0; t < (count);) {                                                      \
            if ((count) - t >= TILE_QUERIES) {                                                  \
                if (is_whole) tile(TILE_QUERIES, TILE_GROUPS); else tile(TILE_QUERIES, 1);      \
                t += TILE_QUERIES;                                                              \
            } else {                                                                            \
                if (is_whole) tile(1, TILE_GROUPS); else tile(1, 1);                            \
                t += 1;                                                                         \
            }                                                                                   \
        }                                                                                       \
        g += is_whole ? TILE_GROUPS : 1;                                                        \
    }

static void dot_keys(const int8_t *keys, size_t quads, size_t positions, const int8_t *codes, size_t stride, const int32_t *sums,
                     size_t count, int32_t dots[][JK_PAGE_POSITIONS]) {
#define TILE(queries, registers) \
    dot_keys_tile(keys + g * quads * 64, quads, codes + t * stride, stride, sums + t, dots[t] + 16 * g, queries, registers)
    TILES(count, jk_parts(positions, 16), TILE)
#undef TILE
}

// Reads up to 60 bytes behind the values' columns, which belong to the page.
static void sum_values(const int8_t *values, size_t head_size, size_t width, size_t positions,
                       uint8_t weights[][JK_PAGE_POSITIONS], size_t count, int32_t products[][JK_PAGE_POSITIONS]) {
#define TILE(queries, registers) \
    sum_values_tile(values + g * 64, head_size, jk_parts(positions, 4), weights[t], products[t] + 16 * g, queries, registers)
    TILES(count, jk_parts(width, 16), TILE)
#undef TILE
}

#endif
