// How a product with quantized weights passes by strips, tiles and tokens, written once over a set's kernels for one
// tile.
//
// A set includes this text after its `v8` and defines the functions that are declared first. `vr` has a lane for each
// row of VR_STRIPS strips: v8, or where registers are wider a set's own, whose upper lanes are the strip that lies
// `beside` bytes on. A last strip that is alone has itself beside it, `beside` = 0, and those lanes are not stored.
#ifndef VR_STRIPS
#define VR_STRIPS 1
typedef v8 vr;
JK_INLINE vr vr_zero(void) { return v8_set(0.0f); }
JK_INLINE vr vr_mul(vr a, vr b) { return v8_mul(a, b); }
JK_INLINE vr vr_load_first(const float *p, size_t n) { return v8_load_first(p, n, 0.0f); }
JK_INLINE void vr_store_first(float *p, size_t n, vr x) { v8_store_first(p, n, x); }
JK_INLINE vr vr_keep_first(vr x, size_t n) {
    static const float lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return v8_select(v8_less(v8_load(lanes), v8_set((float)n)), x, v8_set(0.0f));
}
// 8 floats, or 8 signed bytes, for each strip.
JK_INLINE vr vr_load_rows(const float *p, size_t beside) { return (void)beside, v8_load(p); }
JK_INLINE vr vr_load_i8(const int8_t *p, size_t beside) { return (void)beside, v8_load_i8(p); }
#endif

// The forms of a tile: as stored, or an int4 tile whose indices have been looked up for many tokens to come.
typedef enum { FORM_I8, FORM_NL4, FORM_EXPANDED } tile_form;
enum { EXPANDED_TILE = 256 * VR_STRIPS };  // bytes

// From one dword of a token's codes to its next: those of a token alone, and of four that are packed side by side.
enum { ALONE = 4, PACKED = 16 };

// Dwords that a set packs of a tile's offsets for each token. One: the offset itself.
#ifndef PACKED_OFFSETS
#define PACKED_OFFSETS 1
#endif

// Where the quantized activations of up to 4 tokens begin that meet one tile.
typedef struct {
    const int8_t *codes[4];
    const float *scales[4];
    const int32_t *offsets[4];
} tile_tokens;

// s[t] = fma((float)dot, scales * x_scale, s[t]) for each token; the codes of its columns 4k ... 4k + 3 are at
// x->codes[t] + k * step. `form`, `tokens` and `step` are constants to the compiler. Four tokens are as many as leave
// their sums in registers, which counts for more than reading the weights less often.
JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, size_t beside,
                        vr scales, const tile_tokens *x, vr *s);

JK_INLINE void expand_tile(const uint8_t *tile, size_t beside, uint8_t expanded[EXPANDED_TILE]);

// int6 tiles are made int8 tiles on the way, those of a vector's strips one behind the other. Compilers turn these loops into
// the instructions that one would choose.
JK_INLINE void widen_tile(const uint8_t *tile, size_t beside, uint8_t wide[EXPANDED_TILE]) {
    JK_UNROLL for (size_t k = 0; k < VR_STRIPS; k++, tile += beside, wide += JK_I8_TILE)
        JK_UNROLL for (size_t j = 0; j < 8; j++) {
            const uint8_t *low = tile + j % 4 * 32, *high = tile + JK_NL4_TILE + j / 4 * 32;
            for (size_t i = 0; i < 32; i++)
                wide[32 * j + i] =
                    (uint8_t)(((low[i] >> (j < 4 ? 0 : 4) & 15) | (high[i] >> j % 4 * 2 & 3) << 4) - 32);
        }
}

// Element k of row i becomes element i of row k, for 4 rows of 8 that become 8 of 4: two such rows a vector.
JK_INLINE void v8_transpose(v8 x[4]);

// ---------------------------------------------------------------------------------------------- strips of tiles

// The quantized strips of a vector: where their scales and tiles begin.
typedef struct {
    const uint8_t *header, *tiles;
    size_t tile_size;
    size_t beside;
    size_t lanes;  // 8 for each strip
    size_t rows;   // lanes whose rows the matrix has: the others become 0, whatever the activations hold
    int shift;     // tile g has the group scales g >> shift
} strip_view;

// Strips from `strip` on, below `last`.
JK_INLINE strip_view view_strips(jk_type type, const jk_matrix *w, size_t strip, size_t last) {
    const size_t group = jk_scale_group(type, w->columns), size = jk_strip_size(type, w->columns);
    const uint8_t *header = (const uint8_t *)w->strips + strip * size;
    const size_t lanes = 8 * (VR_STRIPS == 1 ? 1 : jk_least(VR_STRIPS, last - strip));
    const strip_view view = {header, header + jk_header_size(jk_parts(w->columns, group)),
                             jk_tile_size(type), lanes > 8 ? size : 0, lanes,
                             jk_least(lanes, w->rows - strip * JK_LANES), group == 64};
    return view;
}

JK_INLINE vr row_scales(const strip_view *strip) {
    return vr_load_rows((const float *)(const void *)strip->header, strip->beside);
}

JK_INLINE vr group_scales(const strip_view *strip, size_t tile) {
    return vr_load_i8((const int8_t *)strip->header + 32 + 8 * (tile >> strip->shift), strip->beside);
}

JK_INLINE void prefetch_tile(jk_type type, const uint8_t *tile) {
    __builtin_prefetch(tile);
    __builtin_prefetch(tile + 64);
    if (type == JK_NL4) return;
    __builtin_prefetch(tile + 128);
    if (type == JK_I8) __builtin_prefetch(tile + 192);
}

// ---------------------------------------------------------------------------------------------- one token

enum { PREFETCH_BYTES = 2048 };  // ahead of the tile in hand

JK_INLINE void multiply_alone(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t token,
                              size_t strip, size_t last, float *y, size_t y_stride) {
    const size_t row = jk_source(index, token), group = row * (x->stride / JK_GROUP);
    tile_tokens now = {{x->codes + row * x->stride}, {x->scales + group}, {x->offsets + group}};
    const strip_view view = view_strips(type, w, strip, last);
    const uint8_t *tile = view.tiles;
    const size_t tiles = jk_parts(w->columns, JK_GROUP);
    vr sum = vr_zero();
    for (size_t g = 0; g < tiles; g++, tile += view.tile_size) {
        prefetch_tile(type, tile + PREFETCH_BYTES);
        if (VR_STRIPS == 2) prefetch_tile(type, tile + PREFETCH_BYTES + view.beside);
        if (type == JK_I6) {
            uint8_t wide[EXPANDED_TILE];
            widen_tile(tile, view.beside, wide);
            add_tile(FORM_I8, 1, ALONE, wide, JK_I8_TILE, group_scales(&view, g), &now, &sum);
        } else {
            add_tile(type == JK_NL4 ? FORM_NL4 : FORM_I8, 1, ALONE, tile, view.beside, group_scales(&view, g), &now,
                     &sum);
        }
        now.codes[0] += JK_GROUP;
        now.scales[0]++;
        now.offsets[0]++;
    }
    sum = vr_keep_first(vr_mul(sum, row_scales(&view)), view.rows);
    vr_store_first(y + token * y_stride + strip * 8, view.lanes, sum);
}

// ---------------------------------------------------------------------------------------------- several tokens

// Quantized activations of up to 4 tokens and PACKED_TILES tiles, the tokens side by side: one pointer reaches all.
enum { PACKED_TOKENS = 32, PACKED_TILES = 32 };
typedef struct {
    float codes[PACKED_TILES][8][4];  // [tile][4 columns][token]: 4 codes each, moved as if they were floats
    float scales[PACKED_TILES][4];
    int32_t offsets[PACKED_TILES][PACKED_OFFSETS][4];
} packed_tokens;

#if PACKED_OFFSETS > 1
// The offsets of a tile, made from its codes.
JK_INLINE void pack_offsets(const float codes[8][4], int32_t offsets[PACKED_OFFSETS][4]);
#endif

// - count: tokens, 1 to 4. The last one stands in for those that are missing.
static void pack(const jk_rows *x, const uint32_t *index, size_t token, size_t count, size_t first_tile, size_t tiles,
                 packed_tokens *packed) {
    const int8_t *codes[4];
    for (size_t t = 0; t < 4; t++) {
        const size_t row = jk_source(index, token + jk_least(t, count - 1));
        const size_t group = row * (x->stride / JK_GROUP) + first_tile;
        codes[t] = x->codes + row * x->stride + first_tile * JK_GROUP;
        for (size_t g = 0; g < tiles; g++) {
            packed->scales[g][t] = x->scales[group + g];
            if (PACKED_OFFSETS == 1) packed->offsets[g][0][t] = x->offsets[group + g];
        }
    }
    for (size_t g = 0; g < tiles; g++) {
        v8 dwords[4];
        for (size_t t = 0; t < 4; t++) dwords[t] = v8_load((const float *)(const void *)(codes[t] + g * JK_GROUP));
        v8_transpose(dwords);
        for (size_t k = 0; k < 4; k++) v8_store(packed->codes[g][2 * k], dwords[k]);
#if PACKED_OFFSETS > 1
        pack_offsets(packed->codes[g], packed->offsets[g]);
#endif
    }
}

// Columns of a block that the strips of a vector meet: tiles first_tile ..< first_tile + count.
typedef struct {
    strip_view strip;
    size_t first_tile, count;
    bool begins, ends;  // whether they are the matrix's first, and its last
} strip_block;

// Fetches what is read PREFETCH_BYTES after tile `g` of a block: of this one, or of the next strips' from `next` on.
JK_INLINE void prefetch_ahead(jk_type type, const strip_block *block, const uint8_t *tiles, size_t g, const uint8_t *next) {
    const size_t size = block->strip.tile_size, ahead = g + PREFETCH_BYTES / size;
    const uint8_t *far = ahead < block->count ? tiles + ahead * size : next + (ahead - block->count) * size;
    prefetch_tile(type, far);
    if (VR_STRIPS == 2) prefetch_tile(type, far + block->strip.beside);
}

// Adds the products of a block of columns to the sums of up to 4 tokens, which wait in y between the blocks.
//
// - next: where the block of the next strips begins, to prefetch on from there; NULL when this one is in a cache.
JK_INLINE void multiply_packed(jk_type type, tile_form form, const int tokens, const strip_block *block,
                               const uint8_t *tiles, const uint8_t *next, const packed_tokens *x, float *y,
                               size_t y_stride) {
    const strip_view *strip = &block->strip;
    const uint8_t *tile = tiles;
    const bool copied = form == FORM_EXPANDED || type == JK_I6;
    const size_t tile_size = copied ? EXPANDED_TILE : strip->tile_size, beside = copied ? JK_I8_TILE : strip->beside;
    vr s[4];
    JK_UNROLL for (int t = 0; t < tokens; t++)
        s[t] = block->begins ? vr_zero() : vr_load_first(y + (size_t)t * y_stride, strip->lanes);
    for (size_t g = 0; g < block->count; g++, tile += tile_size) {
        tile_tokens now;
        JK_UNROLL for (int t = 0; t < tokens; t++) {
            now.codes[t] = (const int8_t *)&x->codes[g][0][t];
            now.scales[t] = &x->scales[g][t];
            now.offsets[t] = &x->offsets[g][0][t];
        }
        if (next) prefetch_ahead(type, block, tiles, g, next);
        add_tile(form, tokens, PACKED, tile, beside, group_scales(strip, block->first_tile + g), &now, s);
    }
    const vr scales = row_scales(strip);
    JK_UNROLL for (int t = 0; t < tokens; t++) {
        if (block->ends) s[t] = vr_keep_first(vr_mul(s[t], scales), strip->rows);
        vr_store_first(y + (size_t)t * y_stride, strip->lanes, s[t]);
    }
}

JK_INLINE void multiply_up_to_four(jk_type type, tile_form form, size_t tokens, const strip_block *block,
                                   const uint8_t *tiles, const uint8_t *next, const packed_tokens *x, float *y,
                                   size_t y_stride) {
    switch (tokens) {
        case 1: multiply_packed(type, form, 1, block, tiles, next, x, y, y_stride); break;
        case 2: multiply_packed(type, form, 2, block, tiles, next, x, y, y_stride); break;
        case 3: multiply_packed(type, form, 3, block, tiles, next, x, y, y_stride); break;
        default: multiply_packed(type, form, 4, block, tiles, next, x, y, y_stride);
    }
}

// The strips of a vector, a block of their columns, a block of tokens.
JK_INLINE void multiply_block(jk_type type, const strip_block *block, const uint8_t *next, const packed_tokens *packed,
                              size_t tokens, float *y, size_t y_stride) {
    const uint8_t *tiles = block->strip.tiles + block->first_tile * block->strip.tile_size;
    if (type == JK_NL4 && tokens > 4) {
        uint8_t expanded[PACKED_TILES][EXPANDED_TILE];
        for (size_t g = 0; g < block->count; g++) {
            prefetch_ahead(type, block, tiles, g, next);
            expand_tile(tiles + g * JK_NL4_TILE, block->strip.beside, expanded[g]);
        }
        for (size_t t = 0; t < tokens; t += 4)
            multiply_up_to_four(type, FORM_EXPANDED, tokens - t, block, expanded[0], NULL, packed + t / 4,
                                y + t * y_stride, y_stride);
    } else if (type == JK_I6) {
        uint8_t wide[PACKED_TILES][EXPANDED_TILE];
        for (size_t g = 0; g < block->count; g++) {
            prefetch_ahead(type, block, tiles, g, next);
            widen_tile(tiles + g * JK_I6_TILE, block->strip.beside, wide[g]);
        }
        for (size_t t = 0; t < tokens; t += 4)
            multiply_up_to_four(type, FORM_I8, tokens - t, block, wide[0], NULL, packed + t / 4, y + t * y_stride, y_stride);
    } else {
        for (size_t t = 0; t < tokens; t += 4)
            multiply_up_to_four(type, type == JK_NL4 ? FORM_NL4 : FORM_I8, tokens - t, block, tiles,
                                t == 0 ? next : NULL, packed + t / 4, y + t * y_stride, y_stride);
    }
}

// Blocks of columns outermost, so that the range's weights stay in the second cache while the tokens pass by.
JK_INLINE void multiply_together(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index,
                                 size_t first_token, size_t last_token, float *y, size_t y_stride, size_t first,
                                 size_t last) {
    const size_t tiles = jk_parts(w->columns, JK_GROUP), strip_size = jk_strip_size(type, w->columns);
    packed_tokens packed[PACKED_TOKENS / 4];
    for (size_t tile = 0; tile < tiles; tile += PACKED_TILES) {
        const size_t count = jk_least(PACKED_TILES, tiles - tile);
        for (size_t token = first_token; token < last_token; token += PACKED_TOKENS) {
            const size_t tokens = jk_least(PACKED_TOKENS, last_token - token);
            for (size_t t = 0; t < tokens; t += 4)
                pack(x, index, token + t, jk_least(4, tokens - t), tile, count, packed + t / 4);
            for (size_t strip = first; strip < last; strip += VR_STRIPS) {
                const strip_block block = {view_strips(type, w, strip, last), tile, count, tile == 0,
                                           tile + count == tiles};
                const uint8_t *next = block.strip.tiles + tile * block.strip.tile_size + VR_STRIPS * strip_size;
                multiply_block(type, &block, next, packed, tokens, y + token * y_stride + strip * 8, y_stride);
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------- all tokens

JK_INLINE void matmul(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t first_token,
                      size_t last_token, float *y, size_t y_stride, size_t first, size_t last) {
    if (last_token - first_token > 1 && w->columns > 0) {
        multiply_together(type, w, x, index, first_token, last_token, y, y_stride, first, last);
        return;
    }
    for (size_t token = first_token; token < last_token; token++)  // more than one: without columns
        for (size_t strip = first; strip < last; strip += VR_STRIPS)
            multiply_alone(type, w, x, index, token, strip, last, y, y_stride);
}

static void matmul_i8 JK_MATMUL_ARGUMENTS {
    matmul(JK_I8, w, x, index, first_token, last_token, y, y_stride, first, last);
}

static void matmul_i6 JK_MATMUL_ARGUMENTS {
    matmul(JK_I6, w, x, index, first_token, last_token, y, y_stride, first, last);
}

static void matmul_nl4 JK_MATMUL_ARGUMENTS {
    matmul(JK_NL4, w, x, index, first_token, last_token, y, y_stride, first, last);
}
