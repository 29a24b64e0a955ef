// Products of tiles for 64-bit ARM: expand_tile, add_tile and multiply_peak of neon.c and neon_dot.c.
//
// A register holds 4 columns x 4 rows of weights and meets 4 codes in all of its lanes. Both sides are signed, so weights need
// no offset. The matrix instruction of i8mm is not used: its operands are 8 columns of 2 rows or tokens, which neither tiles
// nor packed tokens have side by side, and rearranging them costs part of what it gains.
//
// Defined before: tiles-inl.h; add_products(sum, w, codes, lane), which adds to each int32 lane four products of w's signed bytes
// with those of dword `lane` of the codes.
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

// The codes of the two halves of a plane of an int4 tile.
JK_INLINE void look_up(const uint8_t *p, plane *low, plane *high) {
    const int8x16_t codes = load_codes();
    const uint8x16_t nibble = vdupq_n_u8(15), rows_0 = vld1q_u8(p), rows_4 = vld1q_u8(p + 16);
    *low = (plane){vqtbl1q_s8(codes, vandq_u8(rows_0, nibble)), vqtbl1q_s8(codes, vandq_u8(rows_4, nibble))};
    *high = (plane){vqtbl1q_s8(codes, vshrq_n_u8(rows_0, 4)), vqtbl1q_s8(codes, vshrq_n_u8(rows_4, 4))};
}

JK_INLINE void expand_tile(const uint8_t *tile, size_t beside, uint8_t expanded[EXPANDED_TILE]) {
    (void)beside;
    JK_UNROLL for (int j = 0; j < 4; j++) {
        plane planes[2];
        look_up(tile + 32 * j, planes, planes + 1);
        JK_UNROLL for (int k = 0; k < 2; k++) {
            vst1q_u8(expanded + 32 * (j + 4 * k), vreinterpretq_u8_s8(planes[k].low));
            vst1q_u8(expanded + 32 * (j + 4 * k) + 16, vreinterpretq_u8_s8(planes[k].high));
        }
    }
}

// Codes of columns 4j ... 4j + 3 of token t, in a lane of the register that holds those of 16 columns, or of 4 packed
// tokens: add_products takes them from there.
JK_INLINE void add_plane(v8i *dot, plane w, const tile_tokens *x, size_t step, int t, int j) {
    const bool packed = step == 16;
    const int8x16_t codes = vld1q_s8(packed ? x->codes[0] + 16 * j : x->codes[t] + 16 * (j / 4));
    const int lane = packed ? t : j % 4;
    dot->low = add_products(dot->low, w.low, codes, lane);
    dot->high = add_products(dot->high, w.high, codes, lane);
}

JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, size_t beside,
                        vr scales, const tile_tokens *x, vr *s) {
    (void)beside;
    v8i dot[4];
    JK_UNROLL for (int t = 0; t < tokens; t++) dot[t] = (v8i){vdupq_n_s32(0), vdupq_n_s32(0)};
    if (form == FORM_NL4) {
        JK_UNROLL for (int j = 0; j < 4; j++) {
            plane low, high;
            look_up(tile + 32 * j, &low, &high);
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

static void multiply_peak(size_t rounds, int32_t sink[8]) {
    enum { SUMS = 16, PRODUCTS = SUMS * 16 };
    int32x4_t sums[SUMS];
    JK_UNROLL for (int i = 0; i < SUMS; i++) sums[i] = vdupq_n_s32(i);
    for (size_t i = 0; i < rounds * (JK_PEAK_PRODUCTS / PRODUCTS); i++)
        JK_UNROLL for (int k = 0; k < SUMS; k++) {
            const int8x16_t bytes = vreinterpretq_s8_s32(sums[k]);
            sums[k] = add_products(sums[k], bytes, bytes, 0);
        }
    JK_UNROLL for (int i = 2; i < SUMS; i++) sums[i % 2] = veorq_s32(sums[i % 2], sums[i]);
    vst1q_s32(sink, sums[0]);
    vst1q_s32(sink + 4, sums[1]);
}

#endif
