// Products of many tokens by AMX: multiply_many of amx.c, and multiply_peak. One instruction adds to a register of sums, 16 tokens x
// 16 rows, the products of 16 tokens' codes with the weights of two strips: exact int32, as everywhere.
//
// A register takes 64 columns, but each 32 have a scale of their own, so that half its width is used, and sums go back to memory after
// every tile, to be scaled and added by AVX-512. For a tile of two strips and 16 tokens, 8192 products, Intel's tables for Sapphire
// Rapids come to
//   16 cycles  of the unit that multiplies tiles (its throughput; 52 pass from begin to end),
//   16         of storing sums, a line each,
//   24         of the two ports for floats in 512 bits: a conversion, a multiplication and an fma for each token,
//   28         of the two ports that read as wide: 16 lines of sums, 16 rows of codes, 8 of weights, 16 scales,
// and the 4 or so that a tile's bytes cost each time, as 64 tokens share what they are made with. These go on beside each other, so 28
// cycles are the least, where AVX-512 with VNNI has (8 products + 3 operations) x 16 tokens on two ports, 88: at most 3.1 times the speed.
// This is computed, not measured: no machine with AMX was at hand, and the tests run over a model of the registers (Tests/KernelSets).
//
// Defined before: vnni-inl.h, and matmul-inl.h's strips and blocks.
#ifndef JK_AMX_INL_H
#define JK_AMX_INL_H

#if VR_STRIPS != 2
#error "a register of sums has the rows of two strips"
#endif

enum {
    MANY_TOKENS = 8,  // from so many on products go this way: fewer would pay as much for a tile's bytes as for the products
    REGISTER_TOKENS = 16,
    REGISTER_LANES = 16,
    BLOCK_TOKENS = 64,  // these and BLOCK_TILES fill most of the first cache, and little of a thread's stack
    BLOCK_TILES = 16
};

// Which register holds what: four of sums, so that one is multiplied into while another is stored, two of codes, two of weights.
// They keep these shapes for any number of tokens: rows of missing ones are computed and thrown away.
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} register_shapes;

static const register_shapes shapes = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, JK_GROUP, JK_GROUP, 64, 64},
    .rows = {REGISTER_TOKENS, REGISTER_TOKENS, REGISTER_TOKENS, REGISTER_TOKENS, REGISTER_TOKENS, REGISTER_TOKENS, 8, 8},
};
_Static_assert(sizeof(register_shapes) == 64, "what ldtilecfg reads");

// Quantized activations of a block of tokens and tiles. A tile's codes of 16 tokens lie one behind the other: rows of jk_rows may be
// a multiple of 4 KiB apart, and then share too few places of the first cache; and an index may scatter them.
typedef struct {
    _Alignas(64) int8_t codes[BLOCK_TILES][BLOCK_TOKENS][JK_GROUP];
    float scales[BLOCK_TOKENS][BLOCK_TILES];
} token_block;

// The last token stands in for those missing in its register.
static void gather(const jk_rows *x, const uint32_t *index, size_t token, size_t count, size_t first_tile, size_t tiles,
                   token_block *block) {
    for (size_t t = 0; t < jk_parts(count, REGISTER_TOKENS) * REGISTER_TOKENS; t++) {
        const size_t row = jk_source(index, token + jk_least(t, count - 1));
        const int8_t *codes = x->codes + row * x->stride + first_tile * JK_GROUP;
        for (size_t g = 0; g < tiles; g++) memcpy(block->codes[g][t], codes + g * JK_GROUP, JK_GROUP);
        memcpy(block->scales[t], x->scales + row * (x->stride / JK_GROUP) + first_tile, tiles * sizeof(float));
    }
}

// Weights of a block of tiles, two strips side by side: signed bytes, whose sums need no offset, and the scales of each tile.
typedef struct {
    _Alignas(64) uint8_t codes[BLOCK_TILES][EXPANDED_TILE];
    float scales[BLOCK_TILES][REGISTER_LANES];
} weight_block;

JK_INLINE void expand_signed(tile_form form, const uint8_t *tile, size_t beside, uint8_t expanded[EXPANDED_TILE]) {
    if (form == FORM_I8) {
        JK_UNROLL for (size_t j = 0; j < 8; j++) vb_store_whole(expanded + sizeof(vb) * j, vb_load(tile + 32 * j, beside));
        return;
    }
    const vb less = vb_bytes(256 - 64);
    JK_UNROLL for (size_t j = 0; j < 4; j++) {
        vb low, high;
        look_up(form, tile, beside, j, &low, &high);
        vb_store_whole(expanded + sizeof(vb) * j, vb_add_bytes(low, less));
        vb_store_whole(expanded + sizeof(vb) * (j + 4), vb_add_bytes(high, less));
    }
}

// - next: where the block of the next strips begins, which is fetched meanwhile.
JK_INLINE void expand_block(jk_type type, const strip_block *block, const uint8_t *next, weight_block *weights) {
    const strip_view *strip = &block->strip;
    for (size_t g = 0; g < block->count; g++) {
        const size_t tile = block->first_tile + g;
        prefetch_tile(type, next + g * jk_tile_size(type));
        prefetch_tile(type, next + g * jk_tile_size(type) + strip->beside);
        expand_signed(form_of(type), strip->tiles + tile * jk_tile_size(type), strip->beside, weights->codes[g]);
        vr_store_first(weights->scales[g], REGISTER_LANES, group_scales(type, strip, tile));
    }
}

JK_INLINE void add_dots(const int tokens, const int32_t dots[REGISTER_TOKENS][REGISTER_LANES], vr scales, const float *x_scales,
                        vr *s) {
    JK_UNROLL for (int t = 0; t < tokens; t++) {
        const vb dot = vb_load_whole((const uint8_t *)dots[t]);
        s[t] = vr_add_scaled_sums(s[t], dot, vr_mul(scales, vr_set(x_scales[(size_t)t * BLOCK_TILES])));
    }
}

// Begins the products of tile `g` in a register of sums, if the block has this tile.
#define BEGIN_TILE(sums, codes_register, weights_register, g)         \
    if ((g) < tiles) {                                                \
        _tile_zero(sums);                                             \
        _tile_loadd(codes_register, x->codes[g][first], JK_GROUP);    \
        _tile_loadd(weights_register, weights->codes[g], sizeof(vb)); \
        _tile_dpbssd(sums, codes_register, weights_register);         \
    }

// Takes the products of tile g + `sums`, begins those of the fourth behind it in the same register, and adds what was taken: each has
// the time in which three others are added to be done in.
#define END_TILE(sums, codes_register, weights_register)                                                             \
    if (g + (sums) == tiles) break;                                                                                  \
    _tile_stored(sums, dots[sums], sizeof dots[sums][0]);                                                            \
    BEGIN_TILE(sums, codes_register, weights_register, g + (sums) + 4)                                               \
    add_dots(tokens, dots[sums], vr_load_first(weights->scales[g + (sums)], REGISTER_LANES), x->scales[first] + g + (sums), s);

// Adds the products of a block to the sums of `count` tokens from the block's token `first` on, as multiply_packed does; `tokens`, at
// least as many, is a constant to the compiler. Where it is more, the last token stands in for those missing here, too: its sums are
// read again, become the same, and are stored again.
JK_INLINE void multiply_register(const int tokens, size_t count, const strip_block *block, const weight_block *weights,
                                 const token_block *x, size_t first, float *y, size_t y_stride) {
    const strip_view strip = block->strip;
    const size_t tiles = block->count;
    const bool begins = block->begins, ends = block->ends;
    _Alignas(64) int32_t dots[4][REGISTER_TOKENS][REGISTER_LANES];
    vr s[REGISTER_TOKENS];
    JK_UNROLL for (int t = 0; t < tokens; t++)
        s[t] = begins ? vr_zero() : vr_load_first(y + jk_least((size_t)t, count - 1) * y_stride, strip.lanes);
    __asm__ volatile("" : : : "memory");  // gcc's intrinsics do not say that they read memory
    BEGIN_TILE(0, 4, 6, 0)
    BEGIN_TILE(1, 5, 7, 1)
    BEGIN_TILE(2, 4, 6, 2)
    BEGIN_TILE(3, 5, 7, 3)
    for (size_t g = 0;; g += 4) {
        END_TILE(0, 4, 6)
        END_TILE(1, 5, 7)
        END_TILE(2, 4, 6)
        END_TILE(3, 5, 7)
    }
    const vr scales = row_scales(&strip);
    JK_UNROLL for (int t = 0; t < tokens; t++) {
        if (ends) s[t] = vr_keep_first(vr_mul(s[t], scales), strip.rows);
        vr_store_first(y + jk_least((size_t)t, count - 1) * y_stride, strip.lanes, s[t]);
    }
}

#undef BEGIN_TILE
#undef END_TILE

// Once for all types, whose weights are bytes by now.
#define DEFINE_MULTIPLY(tokens)                                                                                              \
    static __attribute__((noinline)) void multiply_##tokens(size_t count, const strip_block *block, const weight_block *weights, \
                                                            const token_block *x, size_t first, float *y, size_t y_stride) { \
        multiply_register(tokens, count, block, weights, x, first, y, y_stride);                                             \
    }
DEFINE_MULTIPLY(4)
DEFINE_MULTIPLY(8)
DEFINE_MULTIPLY(12)
DEFINE_MULTIPLY(16)
#undef DEFINE_MULTIPLY

static void multiply_tokens(size_t count, const strip_block *block, const weight_block *weights, const token_block *x,
                            size_t first, float *y, size_t y_stride) {
    switch (jk_parts(count, 4)) {
        case 1: multiply_4(count, block, weights, x, first, y, y_stride); break;
        case 2: multiply_8(count, block, weights, x, first, y, y_stride); break;
        case 3: multiply_12(count, block, weights, x, first, y, y_stride); break;
        default: multiply_16(count, block, weights, x, first, y, y_stride);
    }
}

// Blocks of columns outermost, as in multiply_together. The registers are configured for this call alone: a thread that holds any
// has 8 KiB more to be saved when another takes its place.
JK_INLINE void multiply_many(jk_type type, const jk_matrix *w, const jk_rows *x, const uint32_t *index, size_t first_token,
                             size_t last_token, float *y, size_t y_stride, size_t first, size_t last) {
    const size_t tiles = jk_parts(w->columns, JK_GROUP), strip_size = jk_strip_size(type, w->columns);
    token_block gathered;
    weight_block weights;
    _tile_loadconfig(&shapes);
    for (size_t tile = 0; tile < tiles; tile += BLOCK_TILES) {
        const size_t count = jk_least(BLOCK_TILES, tiles - tile);
        for (size_t token = first_token; token < last_token; token += BLOCK_TOKENS) {
            const size_t tokens = jk_least(BLOCK_TOKENS, last_token - token);
            gather(x, index, token, tokens, tile, count, &gathered);
            for (size_t strip = first; strip < last; strip += VR_STRIPS) {
                const strip_block block = {view_strips(type, w, strip, last), tile, count, tile == 0,
                                           tile + count == tiles};
                const uint8_t *next = block.strip.tiles + tile * block.strip.tile_size + VR_STRIPS * strip_size;
                expand_block(type, &block, next, &weights);
                for (size_t t = 0; t < tokens; t += REGISTER_TOKENS)
                    multiply_tokens(jk_least(REGISTER_TOKENS, tokens - t), &block, &weights, &gathered, t,
                                    y + (token + t) * y_stride + strip * 8, y_stride);
            }
        }
    }
    _tile_release();
}

// The products of a tile as above, in four registers of sums; rounds that do not fill all four are rounded up.
static void multiply_peak(size_t rounds, int32_t sink[8]) {
    enum { PRODUCTS = 4 * REGISTER_TOKENS * REGISTER_LANES * JK_GROUP };
    int32_t sums[REGISTER_TOKENS][REGISTER_LANES];
    _tile_loadconfig(&shapes);
    for (size_t i = 0; i < jk_parts(rounds, PRODUCTS / JK_PEAK_PRODUCTS); i++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 5, 7);
        _tile_dpbssd(2, 4, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, sums, sizeof sums[0]);
    _tile_release();
    memcpy(sink, sums, 8 * sizeof *sink);
}

#endif
