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

// Element k of row i becomes element i of row k, for 4 rows of 8 that become 8 of 4: two such rows a vector.
JK_INLINE void v8_transpose(v8 x[4]);

// ---------------------------------------------------------------------------------------------- strips of tiles

enum { PREFETCH_BYTES = 2048 };  // ahead of the tile in hand, when one token reads weights from memory

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
                             type == JK_NL4 ? JK_NL4_TILE : JK_I8_TILE, lanes > 8 ? size : 0, lanes,
                             jk_least(lanes, w->rows - strip * JK_LANES), group == 64};
    return view;
}

JK_INLINE vr row_scales(const strip_view *strip) {
    return vr_load_rows((const float *)(const void *)strip->header, strip->beside);
}

JK_INLINE vr group_scales(const strip_view *strip, size_t tile) {
    return vr_load_i8((const int8_t *)strip->header + 32 + 8 * (tile >> strip->shift), strip->beside);
}

// ---------------------------------------------------------------------------------------------- up to four tokens

JK_INLINE void prefetch_tile(jk_type type, const uint8_t *tile) {
    __builtin_prefetch(tile);
    __builtin_prefetch(tile + 64);
    if (type == JK_NL4) return;
    __builtin_prefetch(tile + 128);
    __builtin_prefetch(tile + 192);
}

// - prefetches: whether the weights still have to come from memory.
JK_INLINE void multiply_tokens(jk_type type, const int tokens, const bool prefetches, const jk_matrix *w,
                               const jk_rows *x, const uint32_t *index, size_t token, size_t strip, size_t last,
                               float *y, size_t y_stride) {
    vr s[4];
    tile_tokens now;
    JK_UNROLL for (int t = 0; t < tokens; t++) {
        const size_t row = jk_source(index, token + (size_t)t);
        s[t] = vr_zero();
        now.codes[t] = x->codes + row * x->stride;
        now.scales[t] = x->scales + row * (x->stride / JK_GROUP);
        now.offsets[t] = x->offsets + row * (x->stride / JK_GROUP);
    }
    const strip_view view = view_strips(type, w, strip, last);
    const uint8_t *tile = view.tiles;
    const size_t tiles = jk_parts(w->columns, JK_GROUP);
    for (size_t g = 0; g < tiles; g++, tile += view.tile_size) {
        if (prefetches) {
            prefetch_tile(type, tile + PREFETCH_BYTES);
            if (VR_STRIPS == 2) prefetch_tile(type, tile + PREFETCH_BYTES + view.beside);
        }
        add_tile(type == JK_NL4 ? FORM_NL4 : FORM_I8, tokens, 4, tile, view.beside, group_scales(&view, g), &now, s);
        JK_UNROLL for (int t = 0; t < tokens; t++) {
            now.codes[t] += JK_GROUP;
            now.scales[t]++;
            now.offsets[t]++;
        }
    }
    JK_UNROLL for (int t = 0; t < tokens; t++)
        vr_store_first(y + (token + (size_t)t) * y_stride + strip * 8, view.lanes,
                       vr_keep_first(vr_mul(s[t], row_scales(&view)), view.rows));
}

// ---------------------------------------------------------------------------------------------- many tokens

// Quantized activations of 4 tokens and up to PACKED_TILES tiles, the tokens side by side: one pointer reaches all.
enum { PACKED_TOKENS = 32, PACKED_TILES = 32 };
typedef struct {
    float codes[PACKED_TILES][8][4];  // [tile][4 columns][token]: 4 codes each, moved as if they were floats
    float scales[PACKED_TILES][4];
    int32_t offsets[PACKED_TILES][4];
} packed_tokens;

static void pack(const jk_rows *x, const uint32_t *index, size_t token, size_t first_tile, size_t tiles,
                 packed_tokens *packed) {
    const int8_t *codes[4];
    for (size_t t = 0; t < 4; t++) {
        const size_t row = jk_source(index, token + t), group = row * (x->stride / JK_GROUP) + first_tile;
        codes[t] = x->codes + row * x->stride + first_tile * JK_GROUP;
        for (size_t g = 0; g < tiles; g++) {
            packed->scales[g][t] = x->scales[group + g];
            packed->offsets[g][t] = x->offsets[group + g];
        }
    }
    for (size_t g = 0; g < tiles; g++) {
        v8 dwords[4];
        for (size_t t = 0; t < 4; t++) dwords[t] = v8_load((const float *)(const void *)(codes[t] + g * JK_GROUP));
        v8_transpose(dwords);
        for (size_t k = 0; k < 4; k++) v8_store(packed->codes[g][2 * k], dwords[k]);
    }
}

// Adds the products of `count` tiles to the sums of 4 tokens. `first_tile` is for the group scales alone.
JK_INLINE void multiply_packed(tile_form form, const uint8_t *tile, const strip_view *strip, size_t first_tile,
                               size_t count, const packed_tokens *x, vr s[4]) {
    for (size_t g = 0; g < count; g++, tile += form == FORM_EXPANDED ? EXPANDED_TILE : JK_I8_TILE) {
        tile_tokens now;
        JK_UNROLL for (int t = 0; t < 4; t++) {
            now.codes[t] = (const int8_t *)&x->codes[g][0][t];
            now.scales[t] = &x->scales[g][t];
            now.offsets[t] = &x->offsets[g][t];
        }
        add_tile(form, 4, 16, tile, strip->beside, group_scales(strip, first_tile + g), &now, s);
    }
}

// The strips of a vector, a block of their columns, a block of tokens. The sums of the blocks of columns before wait in
// y.
JK_INLINE void multiply_block(jk_type type, const jk_matrix *w, size_t strip, size_t last, size_t first_tile,
                              size_t count, const packed_tokens *packed, size_t parts, float *y, size_t y_stride) {
    const strip_view view = view_strips(type, w, strip, last);
    const bool begins = first_tile == 0, ends = first_tile + count == jk_parts(w->columns, JK_GROUP);
    const vr scales = row_scales(&view);
    const uint8_t *tiles = view.tiles + first_tile * view.tile_size;
    uint8_t expanded[PACKED_TILES][EXPANDED_TILE];
    if (type == JK_NL4)
        for (size_t g = 0; g < count; g++) expand_tile(tiles + g * JK_NL4_TILE, view.beside, expanded[g]);
    for (size_t part = 0; part < parts; part++, y += 4 * y_stride) {
        vr s[4];
        JK_UNROLL for (size_t t = 0; t < 4; t++)
            s[t] = begins ? vr_zero() : vr_load_first(y + t * y_stride, view.lanes);
        if (type == JK_NL4) multiply_packed(FORM_EXPANDED, expanded[0], &view, first_tile, count, packed + part, s);
        else multiply_packed(FORM_I8, tiles, &view, first_tile, count, packed + part, s);
        if (ends) JK_UNROLL for (size_t t = 0; t < 4; t++) s[t] = vr_keep_first(vr_mul(s[t], scales), view.rows);
        JK_UNROLL for (size_t t = 0; t < 4; t++) vr_store_first(y + t * y_stride, view.lanes, s[t]);
    }
}

// Blocks of columns outermost, so that the range's weights stay in the second cache while the tokens pass by.
JK_INLINE void matmul_packed(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index,
                             size_t first_token, size_t last_token, float *y, size_t y_stride, size_t first,
                             size_t last) {
    const size_t tiles = jk_parts(w->columns, JK_GROUP);
    packed_tokens packed[PACKED_TOKENS / 4];
    for (size_t tile = 0; tile < tiles; tile += PACKED_TILES) {
        const size_t count = jk_least(PACKED_TILES, tiles - tile);
        for (size_t token = first_token; token < last_token; token += PACKED_TOKENS) {
            const size_t parts = jk_least(PACKED_TOKENS, last_token - token) / 4;
            for (size_t part = 0; part < parts; part++) pack(x, index, token + 4 * part, tile, count, packed + part);
            for (size_t strip = first; strip < last; strip += VR_STRIPS)
                multiply_block(type, w, strip, last, tile, count, packed, parts, y + token * y_stride + strip * 8,
                               y_stride);
        }
    }
}

// ---------------------------------------------------------------------------------------------- all tokens

// From 8 tokens on, packing pays. What is left over goes by fours, twos and ones.
JK_INLINE void matmul(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t first_token,
                      size_t last_token, float *y, size_t y_stride, size_t first, size_t last) {
    size_t begin = first_token;
    if (last_token - begin >= 8 && w->columns > 0) {
        begin += (last_token - begin) / 4 * 4;
        matmul_packed(type, w, x, index, first_token, begin, y, y_stride, first, last);
    }
    for (size_t strip = first; strip < last; strip += VR_STRIPS) {
        size_t t = begin;
        for (; t + 4 <= last_token; t += 4)  // twice and more only for a matrix without columns
            multiply_tokens(type, 4, true, w, x, index, t, strip, last, y, y_stride);
        if (t + 2 <= last_token) {
            multiply_tokens(type, 2, true, w, x, index, t, strip, last, y, y_stride);
            t += 2;
        }
        if (t < last_token) multiply_tokens(type, 1, true, w, x, index, t, strip, last, y, y_stride);
    }
}

static void matmul_i8 JK_MATMUL_ARGUMENTS {
    matmul(JK_I8, w, x, index, first_token, last_token, y, y_stride, first, last);
}

static void matmul_nl4 JK_MATMUL_ARGUMENTS {
    matmul(JK_NL4, w, x, index, first_token, last_token, y, y_stride, first, last);
}
