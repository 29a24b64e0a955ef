// Products of tiles for 64-bit ARM: expand_tile, add_tile and multiply_peak of neon.c and neon_dot.c. neon_i8mm.c has its own
// expand_tile and add_tile, of which a token alone and few packed ones still come here.
//
// A register holds 4 columns x 4 rows of weights and meets 4 codes in all of its lanes. Both sides are signed, so weights need
// no offset.
//
// Defined before: tiles-inl.h; add_products(sum, w, codes, lane), which adds to each int32 lane four products of w's signed bytes
// with those of dword `lane` of the codes; with TOKEN_PAIRS also pair_codes, REGISTER_PRODUCTS and
// add_register.
#ifndef JK_NEON_INL_H
#define JK_NEON_INL_H

#ifndef JK_TILES_INL_H
#error "tiles-inl.h first, and a set's add_products"
#endif

// Rows 0-3 and rows 4-7 of a plane.
typedef struct {
    int8x16_t low, high;
} plane;

JK_INLINE plane load_plane(const uint8_t *p) {
    return (plane){vreinterpretq_s8_u8(vld1q_u8(p)), vreinterpretq_s8_u8(vld1q_u8(p + 16))};
}

// The same bytes, unsigned, of which indices are made.
typedef struct {
    uint8x16_t low, high;
} vb;
JK_INLINE vb vb_load(const uint8_t *p, size_t beside) { return (void)beside, (vb){vld1q_u8(p), vld1q_u8(p + 16)}; }
JK_INLINE vb vb_load_whole(const uint8_t *p) { return vb_load(p, 0); }
JK_INLINE void vb_store_whole(uint8_t *p, vb x) {
    vst1q_u8(p, x.low);
    vst1q_u8(p + 16, x.high);
}
JK_INLINE vb vb_grid(const uint8_t grid[16]) { return (vb){vld1q_u8(grid), vld1q_u8(grid)}; }
JK_INLINE vb vb_shuffle(vb table, vb index) { return (vb){vqtbl1q_u8(table.low, index.low), vqtbl1q_u8(table.high, index.high)}; }
JK_INLINE vb vb_set(int32_t x) {
    const uint8x16_t bytes = vreinterpretq_u8_s32(vdupq_n_s32(x));
    return (vb){bytes, bytes};
}
JK_INLINE vb vb_and(vb a, vb b) { return (vb){vandq_u8(a.low, b.low), vandq_u8(a.high, b.high)}; }
JK_INLINE vb vb_or(vb a, vb b) { return (vb){vorrq_u8(a.low, b.low), vorrq_u8(a.high, b.high)}; }
JK_INLINE vb vb_shift_left(vb a, int count) {
    const int8x16_t counts = vdupq_n_s8((int8_t)count);
    return (vb){vshlq_u8(a.low, counts), vshlq_u8(a.high, counts)};
}
JK_INLINE vb vb_shift_right(vb a, int count) { return vb_shift_left(a, -count); }
JK_INLINE uint8x16_t half_rotate(uint8x16_t a) {
    const uint32x4_t dwords = vreinterpretq_u32_u8(a);
    return vreinterpretq_u8_u32(vsliq_n_u32(vshrq_n_u32(dwords, 8), dwords, 24));
}
JK_INLINE vb vb_rotate(vb a) { return (vb){half_rotate(a.low), half_rotate(a.high)}; }

#include "rings-inl.h"

JK_INLINE plane look_up_indices(int8x16_t codes, vb indices) {
    return (plane){vqtbl1q_s8(codes, indices.low), vqtbl1q_s8(codes, indices.high)};
}

// int6 codes of their lower four bits, and of the plane whose bits 2j and 2j + 1 are their upper ones.
JK_INLINE plane codes_i6(vb lower, vb upper, size_t j) {
    const vb stored = vb_join(lower, vb_shift_left(upper, 4 - 2 * (int)j), 4, 6);
    const int8x16_t excess = vdupq_n_s8(32);
    return (plane){vsubq_s8(vreinterpretq_s8_u8(stored.low), excess), vsubq_s8(vreinterpretq_s8_u8(stored.high), excess)};
}

// The codes of columns 4j ... 4j + 3 of a tile of indices, and of the columns 16 behind them.
JK_INLINE void look_up(tile_form form, const uint8_t *tile, size_t j, plane *low, plane *high) {
    if (form == FORM_NL4) {
        const int8x16_t codes = load_codes(jk_nl4_grid);
        const vb indices = vb_load(tile + 32 * j, 0);
        *low = look_up_indices(codes, vb_low(indices));
        *high = look_up_indices(codes, vb_shift_right(indices, 4));
    } else if (form == FORM_I6) {
        const vb lower = vb_load(tile + 32 * j, 0);
        *low = codes_i6(lower, vb_load(tile + 4 * 32, 0), j);
        *high = codes_i6(vb_shift_right(lower, 4), vb_load(tile + 5 * 32, 0), j);
    } else {
        const int bits = form == FORM_R3 ? 3 : 2;
        const int8x16_t codes = load_codes(form == FORM_R3 ? jk_r3_grid : jk_r2_grid);
        *low = look_up_indices(codes, ring_indices(bits, tile, 0, j));
        *high = look_up_indices(codes, ring_indices(bits, tile, 0, j + 4));
    }
}

// Codes of columns 4j ... 4j + 3 of token t, in a lane of the register that holds those of 16 columns, or of 4 packed
// tokens: add_products takes them from there.
JK_INLINE void add_plane(v8i *dot, plane w, const tile_tokens *x, size_t step, int t, int j) {
    const bool packed = step == PACKED;
#ifdef TOKEN_PAIRS
    const int8x16_t codes = vld1q_s8(packed ? pair_codes(x, j % 4, t / 2) : x->codes[t] + 16 * (j / 4));
    const int lane = packed ? t % 2 * 2 + j / 4 : j % 4;
#else
    const int8x16_t codes = vld1q_s8(packed ? x->codes[0] + 16 * j : x->codes[t] + 16 * (j / 4));
    const int lane = packed ? t : j % 4;
#endif
    dot->low = add_products(dot->low, w.low, codes, lane);
    dot->high = add_products(dot->high, w.high, codes, lane);
}

// add_tile with sums of a token each.
JK_INLINE void add_planes(tile_form form, const int tokens, const size_t step, const uint8_t *tile, vr scales,
                          const tile_tokens *x, vr *s) {
    v8i dot[4];
    JK_UNROLL for (int t = 0; t < tokens; t++) dot[t] = (v8i){vdupq_n_s32(0), vdupq_n_s32(0)};
    if (form != FORM_I8 && form != FORM_EXPANDED) {
        JK_UNROLL for (int j = 0; j < 4; j++) {
            plane low, high;
            look_up(form, tile, (size_t)j, &low, &high);
            JK_UNROLL for (int t = 0; t < tokens; t++) {
                add_plane(dot + t, low, x, step, t, j);
                add_plane(dot + t, high, x, step, t, j + 4);
            }
        }
    } else {
        JK_UNROLL for (int j = 0; j < 8; j++) {
            const plane w = load_plane(tile + 32 * j);
            JK_UNROLL for (int t = 0; t < tokens; t++) add_plane(dot + t, w, x, step, t, j);
        }
    }
    JK_UNROLL for (int t = 0; t < tokens; t++)
        s[t] = v8_fma(v8i_float(dot[t]), v8_mul(scales, v8_set(*x->scales[t])), s[t]);
}

#ifndef TOKEN_PAIRS
JK_INLINE void expand_tile(tile_form form, const uint8_t *tile, size_t beside, vr scales, uint8_t expanded[EXPANDED_TILE]) {
    (void)beside, (void)scales;
    JK_UNROLL for (size_t j = 0; j < 4; j++) {
        plane planes[2];
        look_up(form, tile, j, planes, planes + 1);
        JK_UNROLL for (size_t k = 0; k < 2; k++) {
            vst1q_u8(expanded + 32 * (j + 4 * k), vreinterpretq_u8_s8(planes[k].low));
            vst1q_u8(expanded + 32 * (j + 4 * k) + 16, vreinterpretq_u8_s8(planes[k].high));
        }
    }
}

JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, size_t beside,
                        vr scales, const tile_tokens *x, vr *s) {
    (void)beside;
    add_planes(form, tokens, step, tile, scales, x, s);
}

// The products of two registers.
enum { REGISTER_PRODUCTS = 16 };
JK_INLINE int32x4_t add_register(int32x4_t sum, int8x16_t a, int8x16_t b) { return add_products(sum, a, b, 0); }
#endif

static void multiply_peak(size_t rounds, int32_t sink[8]) {
    enum { SUMS = 16, PRODUCTS = SUMS * REGISTER_PRODUCTS };
    int32x4_t sums[SUMS];
    JK_UNROLL for (int i = 0; i < SUMS; i++) sums[i] = vdupq_n_s32(i);
    for (size_t i = 0; i < rounds * (JK_PEAK_PRODUCTS / PRODUCTS); i++)
        JK_UNROLL for (int k = 0; k < SUMS; k++) {
            const int8x16_t bytes = vreinterpretq_s8_s32(sums[k]);
            sums[k] = add_register(sums[k], bytes, bytes);
        }
    JK_UNROLL for (int i = 2; i < SUMS; i++) sums[i % 2] = veorq_s32(sums[i % 2], sums[i]);
    vst1q_s32(sink, sums[0]);
    vst1q_s32(sink + 4, sums[1]);
}

#endif
