// Products with weights that are codes: how they pass by strips, tiles and tokens, over a set's add_tile. matmul_i8,
// matmul_nl4 and so on of every set but scalar, whose plain loops specify them.
//
// Defined before: tiles-inl.h, and what it asks a set for; v8_transpose; TILE_REGISTERS where many tokens go another way (amx-inl.h).
#ifndef JK_MATMUL_INL_H
#define JK_MATMUL_INL_H

#ifndef JK_TILES_INL_H
#error "tiles-inl.h first, and a set's add_tile and expand_tile"
#endif

// The form of a type's tiles as they are stored.
JK_INLINE tile_form form_of(jk_type type) {
    switch (type) {
        case JK_I8: return FORM_I8;
        case JK_I6: return FORM_I6;
        case JK_NL4: return FORM_NL4;
        case JK_R3: return FORM_R3;
        case JK_R2: return FORM_R2;
        JK_FLOAT_TYPES(JK_CASE) break;
    }
    __builtin_trap();
}

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
    const strip_view view = {header, header + jk_header_size(type, jk_parts(w->columns, group)),
                             jk_tile_size(type), lanes > 8 ? size : 0, lanes,
                             jk_least(lanes, w->rows - strip * JK_LANES), group == 64};
    return view;
}

JK_INLINE vr row_scales(const strip_view *strip) {
    return vr_load_rows((const float *)(const void *)strip->header, strip->beside);
}

JK_INLINE vr group_scales(jk_type type, const strip_view *strip, size_t tile) {
    const uint8_t *scales = strip->header + 32 + jk_scale_bytes(type) * (tile >> strip->shift);
    if (jk_scale_bytes(type) == 4) return vr_load_scales(scales, strip->beside);
    return vr_load_i8((const int8_t *)scales, strip->beside);
}

JK_INLINE void prefetch_line(const uint8_t *line) { __builtin_prefetch(line, 0, 2); }

JK_INLINE void prefetch_tile(jk_type type, const uint8_t *tile) {
    JK_UNROLL for (size_t line = 0; line < jk_tile_size(type); line += 64) prefetch_line(tile + line);
}

// ---------------------------------------------------------------------------------------------- one token

// Ahead of what is in hand. Into the second cache: the first has room for too few lines that are under way, and a core that asks
// for them there reads memory at half the speed.
enum { PREFETCH_BYTES = 4096 };

JK_INLINE void multiply_alone(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t token,
                              size_t strip, size_t last, float *y, size_t y_stride) {
    const size_t row = jk_source(index, token), group = row * (x->stride / JK_GROUP);
    tile_tokens now = {{x->codes + row * x->stride}, {x->scales + group}, {x->offsets + group}};
    const strip_view view = view_strips(type, w, strip, last);
    const uint8_t *tile = view.tiles;
    const size_t tiles = jk_parts(w->columns, JK_GROUP);
    vr sum = vr_zero();
    // The strips of a vector and those of the next lie one behind the other, and are fetched so: from behind the first strip on, as
    // the second is read from its beginning.
    const uint8_t *far = view.tiles + tiles * view.tile_size + PREFETCH_BYTES;
    const size_t headers = VR_STRIPS * (size_t)(view.tiles - view.header);
    for (size_t line = 0; line < headers; line += 64) prefetch_line(far + line);
    far += headers;
    for (size_t g = 0; g < tiles; g++, tile += view.tile_size) {
        JK_UNROLL for (size_t k = 0; k < VR_STRIPS; k++, far += view.tile_size) prefetch_tile(type, far);
        add_tile(form_of(type), 1, ALONE, tile, view.beside, group_scales(type, &view, g), &now, &sum);
        now.codes[0] += JK_GROUP;
        now.scales[0]++;
        now.offsets[0]++;
    }
    sum = vr_keep_first(vr_mul(sum, row_scales(&view)), view.rows);
    vr_store_first(y + token * y_stride + strip * 8, view.lanes, sum);
}

// ---------------------------------------------------------------------------------------------- several tokens

// Quantized activations of 4 tokens and a tile, side by side: one pointer reaches all.
typedef struct {
    float codes[8][4];  // [4 columns][token]: 4 codes each, moved as if they were floats; or in the order of arrange_codes
    float scales[4];
    int32_t offsets[PACKED_OFFSETS][4];
} packed_tile;

// So many tokens are packed at a time at most, and so many tiles of 4 of them. A block of columns is as long as these allow, since
// memory is fast where a strip is read to its end: in short blocks, few tokens took 1.4 times the time of one. Tiles that are
// expanded have to stay in the first cache, and so their blocks are short.
enum { PACKED_TOKENS = 32, PACKED_TILES = MOST_TOGETHER == 8 ? 640 : 256 };

// Tiles a block of columns when so many fours of tokens are packed.
JK_INLINE size_t block_tiles(size_t fours) {
    return PACKED_TILES / (MOST_TOGETHER == 8 || fours == 1 ? fours : PACKED_TOKENS / 4);
}

#ifndef TOKEN_PAIRS
JK_INLINE void arrange_codes(v8 dwords[4]) { v8_transpose(dwords); }
JK_INLINE void pair_sums(tile_form form, const int tokens, vr *s) { (void)form, (void)tokens, (void)s; }
JK_INLINE void part_sums(tile_form form, const int tokens, vr *s) { (void)form, (void)tokens, (void)s; }
#endif

// Packs `count` tokens, 1 to 4, where the last one stands in for those that are missing; tile g of them goes to packed[g * fours].
static void pack(const jk_rows *x, const uint32_t *index, size_t token, size_t count, size_t first_tile, size_t tiles,
                 packed_tile *packed, size_t fours) {
    const int8_t *codes[4];
    const float *scales[4];
    JK_UNUSED const int32_t *offsets[4];
    for (size_t t = 0; t < 4; t++) {
        const size_t row = jk_source(index, token + jk_least(t, count - 1));
        const size_t group = row * (x->stride / JK_GROUP) + first_tile;
        codes[t] = x->codes + row * x->stride + first_tile * JK_GROUP;
        scales[t] = x->scales + group;
        offsets[t] = x->offsets + group;
    }
    for (size_t g = 0; g < tiles; g++, packed += fours) {
        v8 dwords[4];
        for (size_t t = 0; t < 4; t++) dwords[t] = v8_load((const float *)(const void *)(codes[t] + g * JK_GROUP));
        arrange_codes(dwords);
        for (size_t k = 0; k < 4; k++) v8_store(packed->codes[2 * k], dwords[k]);
        for (size_t t = 0; t < 4; t++) packed->scales[t] = scales[t][g];
#if PACKED_OFFSETS == 1
        for (size_t t = 0; t < 4; t++) packed->offsets[0][t] = offsets[t][g];
#else
        pack_offsets(packed->codes, packed->offsets);
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

// A tile's activations of the first packed tokens.
JK_INLINE tile_tokens tokens_of(const packed_tile *x, const int tokens) {
    tile_tokens now;
    JK_UNROLL for (int t = 0; t < tokens; t++) {
        const packed_tile *four = x + t / 4;
        now.codes[t] = (const int8_t *)&four->codes[0][t % 4];
        now.scales[t] = &four->scales[t % 4];
        now.offsets[t] = &four->offsets[0][t % 4];
    }
    return now;
}

// Adds the products of a block of columns to the sums of some tokens, which wait in y between the blocks.
//
// - next: where the block of the next strips begins, to prefetch on from there; NULL when this one is in a cache.
JK_INLINE void multiply_packed(jk_type type, tile_form form, const int tokens, const strip_block *block,
                               const uint8_t *tiles, const uint8_t *next, const packed_tile *x, size_t fours,
                               float *y, size_t y_stride) {
    const strip_view *strip = &block->strip;
    const uint8_t *tile = tiles;
    const size_t tile_size = form == FORM_EXPANDED ? EXPANDED_TILE : strip->tile_size;
    vr s[MOST_TOGETHER];
    JK_UNROLL for (int t = 0; t < tokens; t++)
        s[t] = block->begins ? vr_zero() : vr_load_first(y + (size_t)t * y_stride, strip->lanes);
    pair_sums(form, tokens, s);
    for (size_t g = 0; g < block->count; g++, tile += tile_size, x += fours) {
        const tile_tokens now = tokens_of(x, tokens);
        if (next) prefetch_ahead(type, block, tiles, g, next);
        const vr scales = group_scales(type, strip, block->first_tile + g);
        add_tile(form, tokens, PACKED, tile, strip->beside, scales, &now, s);
    }
    part_sums(form, tokens, s);
    const vr scales = row_scales(strip);
    JK_UNROLL for (int t = 0; t < tokens; t++) {
        if (block->ends) s[t] = vr_keep_first(vr_mul(s[t], scales), strip->rows);
        vr_store_first(y + (size_t)t * y_stride, strip->lanes, s[t]);
    }
}

JK_INLINE void multiply_some(jk_type type, tile_form form, size_t tokens, const strip_block *block, const uint8_t *tiles,
                             const uint8_t *next, const packed_tile *x, size_t fours, float *y, size_t y_stride) {
    switch (tokens) {
#define MULTIPLY(n) multiply_packed(type, form, n, block, tiles, next, x, fours, y, y_stride); break
        case 1: MULTIPLY(1);
        case 2: MULTIPLY(2);
        case 3: MULTIPLY(3);
#if MOST_TOGETHER == 8
        case 4: MULTIPLY(4);
        case 5: MULTIPLY(5);
        case 6: MULTIPLY(6);
        case 7: MULTIPLY(7);
#endif
        default: MULTIPLY(MOST_TOGETHER);
#undef MULTIPLY
    }
}

// Whether it pays to expand tiles for so many tokens. Those of int8 are bytes already, but not in the order of pairs: there, expanding
// them costs as much as zipping them twice.
JK_INLINE bool pays_to_expand(jk_type type, size_t tokens) {
#ifdef TOKEN_PAIRS
    return tokens > (type == JK_I8 ? 8 : 4);
#else
    return type != JK_I8 && tokens > 4;
#endif
}

// The strips of a vector, a block of their columns, a block of tokens.
JK_INLINE void multiply_block(jk_type type, const strip_block *block, const uint8_t *next, const packed_tile *packed,
                              size_t fours, size_t tokens, float *y, size_t y_stride) {
    const uint8_t *tiles = block->strip.tiles + block->first_tile * block->strip.tile_size;
#if MOST_TOGETHER == 4
    if (pays_to_expand(type, tokens)) {
        uint8_t expanded[PACKED_TILES / (PACKED_TOKENS / 4)][EXPANDED_TILE];
        for (size_t g = 0; g < block->count; g++) {
            prefetch_ahead(type, block, tiles, g, next);
            const vr scales = group_scales(type, &block->strip, block->first_tile + g);
            expand_tile(form_of(type), tiles + g * jk_tile_size(type), block->strip.beside, scales, expanded[g]);
        }
        for (size_t t = 0; t < tokens; t += 4)
            multiply_some(type, FORM_EXPANDED, tokens - t, block, expanded[0], NULL, packed + t / 4, fours,
                          y + t * y_stride, y_stride);
        return;
    }
#endif
    for (size_t t = 0; t < tokens; t += MOST_TOGETHER)
        multiply_some(type, form_of(type), tokens - t, block, tiles, t == 0 ? next : NULL, packed + t / 4, fours,
                      y + t * y_stride, y_stride);
}

// Blocks of columns outermost, so that the range's weights stay in the second cache while the tokens pass by.
JK_INLINE void multiply_together(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index,
                                 size_t first_token, size_t last_token, float *y, size_t y_stride, size_t first,
                                 size_t last) {
    const size_t tiles = jk_parts(w->columns, JK_GROUP), strip_size = jk_strip_size(type, w->columns);
    const size_t fours = jk_parts(jk_least(PACKED_TOKENS, last_token - first_token), 4), most = block_tiles(fours);
    packed_tile packed[PACKED_TILES];
    for (size_t tile = 0; tile < tiles; tile += most) {
        const size_t count = jk_least(most, tiles - tile);
        for (size_t token = first_token; token < last_token; token += PACKED_TOKENS) {
            const size_t tokens = jk_least(PACKED_TOKENS, last_token - token);
            for (size_t t = 0; t < tokens; t += 4)
                pack(x, index, token + t, jk_least(4, tokens - t), tile, count, packed + t / 4, fours);
            for (size_t strip = first; strip < last; strip += VR_STRIPS) {
                const strip_block block = {view_strips(type, w, strip, last), tile, count, tile == 0,
                                           tile + count == tiles};
                const uint8_t *next = block.strip.tiles + tile * block.strip.tile_size + VR_STRIPS * strip_size;
                multiply_block(type, &block, next, packed, fours, tokens, y + token * y_stride + strip * 8, y_stride);
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------- all tokens

#ifdef TILE_REGISTERS
#include "amx-inl.h"
#endif

JK_INLINE void matmul(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t first_token,
                      size_t last_token, float *y, size_t y_stride, size_t first, size_t last) {
#ifdef TILE_REGISTERS
    if (last_token - first_token >= MANY_TOKENS && w->columns > 0) {
        multiply_many(type, w, x, index, first_token, last_token, y, y_stride, first, last);
        return;
    }
#endif
    if (last_token - first_token > 1 && w->columns > 0) {
        multiply_together(type, w, x, index, first_token, last_token, y, y_stride, first, last);
        return;
    }
    for (size_t token = first_token; token < last_token; token++)  // more than one: without columns
        for (size_t strip = first; strip < last; strip += VR_STRIPS)
            multiply_alone(type, w, x, index, token, strip, last, y, y_stride);
}

#define DEFINE_MATMUL(type, number, name, kernels, ...)                                                                \
    static void matmul_##kernels JK_MATMUL_ARGUMENTS {                                                                 \
        matmul(type, w, x, index, first_token, last_token, y, y_stride, first, last);                                  \
    }
JK_CODE_TYPES(DEFINE_MATMUL)
#undef DEFINE_MATMUL

#endif
