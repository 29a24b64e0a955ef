// How a matrix product passes by strips, tiles and tokens, written once over a set's kernels for one tile.
//
// A set includes this text after its `v8` and defines the three functions that are declared first.

// The forms of a tile: as stored, or an int4 tile whose indices have been looked up for many tokens to come.
typedef enum { FORM_I8, FORM_NL4, FORM_EXPANDED } tile_form;
enum { EXPANDED_TILE = 256 };  // bytes

// Where the quantized activations of up to 4 tokens begin that meet one tile.
typedef struct {
    const int8_t *codes[4];
    const float *scales[4];
    const int32_t *offsets[4];
} tile_tokens;

// s[t] = fma((float)dot, scales * x_scale, s[t]) for each token; the codes of its columns 4k ... 4k + 3 are at
// x->codes[t] + k * step. `form`, `tokens` and `step` are constants to the compiler. Four tokens are as many as leave
// their sums in registers, which counts for more than reading the weights less often.
JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, v8 scales,
                        const tile_tokens *x, v8 *s);

JK_INLINE void expand_tile(const uint8_t *tile, uint8_t expanded[EXPANDED_TILE]);

// A strip of floats or bfloat16 against up to 2 tokens, in double.
JK_INLINE void multiply_floats(jk_type type, const int tokens, const jk_matrix *w, const uint8_t *strip,
                               const float *const x[2], v8 *y);

// Element k of row i becomes element i of row k, for 4 rows of 8 that become 8 of 4: two such rows a vector.
JK_INLINE void v8_transpose(v8 x[4]);

// ---------------------------------------------------------------------------------------------- strips of tiles

enum { PREFETCH_BYTES = 2048 };  // ahead of the tile in hand, when one token reads weights from memory

// A quantized strip: its scales, and its tiles.
typedef struct {
    const uint8_t *header, *tiles;
    size_t tile_size;
    int shift;  // tile g has the group scales g >> shift
} strip_view;

JK_INLINE strip_view view_strip(jk_type type, const jk_matrix *w, size_t strip) {
    const size_t group = jk_scale_group(type, w->columns);
    const uint8_t *header = (const uint8_t *)w->strips + strip * jk_strip_size(type, w->columns);
    const strip_view view = {header, header + jk_header_size(jk_parts(w->columns, group)),
                             type == JK_NL4 ? JK_NL4_TILE : JK_I8_TILE, group == 64};
    return view;
}

JK_INLINE v8 row_scales(const strip_view *strip) { return v8_load((const float *)(const void *)strip->header); }

JK_INLINE v8 group_scales(const strip_view *strip, size_t tile) {
    return v8_load_i8((const int8_t *)strip->header + 32 + 8 * (tile >> strip->shift));
}

// A mask of the lanes whose rows the matrix has: the others become 0, whatever the activations hold.
JK_INLINE v8 rows_present(const jk_matrix *w, size_t strip) {
    static const float lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return v8_less(v8_load(lanes), v8_set((float)jk_strip_rows(w, strip)));
}

// ---------------------------------------------------------------------------------------------- up to four tokens

JK_INLINE void multiply_tokens(jk_type type, const int tokens, const jk_matrix *w, const jk_rows *x,
                               const uint32_t *index, size_t token, size_t strip, float *y, size_t y_stride) {
    v8 s[4];
    JK_UNROLL for (int t = 0; t < tokens; t++) s[t] = v8_set(0.0f);
    if (type == JK_F32 || type == JK_BF16) {
        const float *values[2];
        JK_UNROLL for (int t = 0; t < tokens; t++) values[t] = x->values + jk_source(index, token + (size_t)t) * x->stride;
        multiply_floats(type, tokens, w, (const uint8_t *)w->strips + strip * jk_strip_size(type, w->columns), values, s);
    } else {
        tile_tokens now;
        JK_UNROLL for (int t = 0; t < tokens; t++) {
            const size_t row = jk_source(index, token + (size_t)t);
            now.codes[t] = x->codes + row * x->stride;
            now.scales[t] = x->scales + row * (x->stride / JK_GROUP);
            now.offsets[t] = x->offsets + row * (x->stride / JK_GROUP);
        }
        const strip_view view = view_strip(type, w, strip);
        const uint8_t *tile = view.tiles;
        const size_t tiles = jk_parts(w->columns, JK_GROUP);
        for (size_t g = 0; g < tiles; g++, tile += view.tile_size) {
            if (tokens == 1)
                JK_UNROLL for (int i = 0; i < (type == JK_NL4 ? 2 : 4); i++)
                    __builtin_prefetch(tile + PREFETCH_BYTES + 64 * i);
            add_tile(type == JK_NL4 ? FORM_NL4 : FORM_I8, tokens, 4, tile, group_scales(&view, g), &now, s);
            JK_UNROLL for (int t = 0; t < tokens; t++) {
                now.codes[t] += JK_GROUP;
                now.scales[t]++;
                now.offsets[t]++;
            }
        }
        JK_UNROLL for (int t = 0; t < tokens; t++) s[t] = v8_mul(s[t], row_scales(&view));
    }
    const v8 present = rows_present(w, strip);
    JK_UNROLL for (int t = 0; t < tokens; t++)
        v8_store(y + (token + (size_t)t) * y_stride + strip * 8, v8_select(present, s[t], v8_set(0.0f)));
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
                               size_t count, const packed_tokens *x, v8 s[4]) {
    for (size_t g = 0; g < count; g++, tile += form == FORM_EXPANDED ? EXPANDED_TILE : JK_I8_TILE) {
        tile_tokens now;
        JK_UNROLL for (int t = 0; t < 4; t++) {
            now.codes[t] = (const int8_t *)&x->codes[g][0][t];
            now.scales[t] = &x->scales[g][t];
            now.offsets[t] = &x->offsets[g][t];
        }
        add_tile(form, 4, 16, tile, group_scales(strip, first_tile + g), &now, s);
    }
}

// One strip, a block of its columns, a block of tokens. The sums of the blocks of columns before wait in y.
JK_INLINE void multiply_block(jk_type type, const jk_matrix *w, size_t strip, size_t first_tile, size_t count,
                              const packed_tokens *packed, size_t parts, float *y, size_t y_stride) {
    const strip_view view = view_strip(type, w, strip);
    const bool begins = first_tile == 0, ends = first_tile + count == jk_parts(w->columns, JK_GROUP);
    const v8 present = rows_present(w, strip), scales = row_scales(&view);
    const uint8_t *tiles = view.tiles + first_tile * view.tile_size;
    uint8_t expanded[PACKED_TILES][EXPANDED_TILE];
    if (type == JK_NL4)
        for (size_t g = 0; g < count; g++) expand_tile(tiles + g * JK_NL4_TILE, expanded[g]);
    for (size_t part = 0; part < parts; part++, y += 4 * y_stride) {
        v8 s[4];
        JK_UNROLL for (size_t t = 0; t < 4; t++) s[t] = begins ? v8_set(0.0f) : v8_load(y + t * y_stride);
        if (type == JK_NL4) multiply_packed(FORM_EXPANDED, expanded[0], &view, first_tile, count, packed + part, s);
        else multiply_packed(FORM_I8, tiles, &view, first_tile, count, packed + part, s);
        if (ends) JK_UNROLL for (size_t t = 0; t < 4; t++) s[t] = v8_select(present, v8_mul(s[t], scales), v8_set(0.0f));
        JK_UNROLL for (size_t t = 0; t < 4; t++) v8_store(y + t * y_stride, s[t]);
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
            for (size_t strip = first; strip < last; strip++)
                multiply_block(type, w, strip, tile, count, packed, parts, y + token * y_stride + strip * 8, y_stride);
        }
    }
}

// ---------------------------------------------------------------------------------------------- all tokens

// From 8 tokens on, packing pays. What is left over, and floats, go by fours, twos and ones.
JK_INLINE void matmul(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t first_token,
                      size_t last_token, float *y, size_t y_stride, size_t first, size_t last) {
    const bool quantized = type == JK_I8 || type == JK_NL4;
    size_t begin = first_token;
    if (quantized && last_token - begin >= 8) {
        begin += (last_token - begin) / 4 * 4;
        matmul_packed(type, w, x, index, first_token, begin, y, y_stride, first, last);
    }
    for (size_t strip = first; strip < last; strip++) {
        size_t t = begin;
        if (quantized)
            for (; t + 4 <= last_token; t += 4) multiply_tokens(type, 4, w, x, index, t, strip, y, y_stride);
        for (; t + 2 <= last_token; t += 2) multiply_tokens(type, 2, w, x, index, t, strip, y, y_stride);
        for (; t < last_token; t++) multiply_tokens(type, 1, w, x, index, t, strip, y, y_stride);
    }
}

static void matmul_f32 JK_MATMUL_ARGUMENTS {
    matmul(JK_F32, w, x, index, first_token, last_token, y, y_stride, first, last);
}

static void matmul_bf16 JK_MATMUL_ARGUMENTS {
    matmul(JK_BF16, w, x, index, first_token, last_token, y, y_stride, first, last);
}

static void matmul_i8 JK_MATMUL_ARGUMENTS {
    matmul(JK_I8, w, x, index, first_token, last_token, y, y_stride, first, last);
}

static void matmul_nl4 JK_MATMUL_ARGUMENTS {
    matmul(JK_NL4, w, x, index, first_token, last_token, y, y_stride, first, last);
}
