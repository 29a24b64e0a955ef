// The kernels for 64-bit ARM with matrix instructions for int8 (FEAT_I8MM: optional from ARMv8.2 on): those of neon_dot.c, but
// packed tokens pass by twos, in half the instructions for their products.
//
// Such an instruction has 8 columns of two rows in one register and 8 columns of two tokens in the other; each of the four int32
// lanes gets the products of a row and a token. Tiles have 4 columns side by side, so that two planes are zipped to 8: once for
// all tokens where a tile is expanded, else for each four of them. Sums, of floats too, stay in the order of the instruction's lanes
// from a block's beginning to its end, and an expanded tile holds its scales in that order: to part the sums of every tile by
// tokens would cost half as much as the products.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "kernels.h"

#if defined(__clang__)
JK_BEGIN_TARGET("dotprod,i8mm")
#else
JK_BEGIN_TARGET("arch=armv8.2-a+dotprod+i8mm")
#endif

#include "v8-neon-inl.h"

#define TOKEN_PAIRS
#include "tiles-inl.h"

#include "dot-neon-inl.h"

// The dwords of columns 4j ... 4j + 3 and of those 16 behind them, of tokens 2p and 2p + 1.
JK_INLINE const int8_t *pair_codes(const tile_tokens *x, int j, int p) { return x->codes[0] + 32 * j + 16 * p; }

JK_INLINE void arrange_codes(v8 dwords[4]) {
    float64x2_t columns[4][2];  // of a token; j = 0 and 1, 2 and 3
    JK_UNROLL for (int t = 0; t < 4; t++) {
        columns[t][0] = vreinterpretq_f64_f32(vzip1q_f32(dwords[t].low, dwords[t].high));
        columns[t][1] = vreinterpretq_f64_f32(vzip2q_f32(dwords[t].low, dwords[t].high));
    }
    JK_UNROLL for (int i = 0; i < 2; i++) {
        dwords[2 * i] = (v8){vreinterpretq_f32_f64(vzip1q_f64(columns[0][i], columns[1][i])),
                             vreinterpretq_f32_f64(vzip1q_f64(columns[2][i], columns[3][i]))};
        dwords[2 * i + 1] = (v8){vreinterpretq_f32_f64(vzip2q_f64(columns[0][i], columns[1][i])),
                                 vreinterpretq_f32_f64(vzip2q_f64(columns[2][i], columns[3][i]))};
    }
}

enum { REGISTER_PRODUCTS = 32 };
JK_INLINE int32x4_t add_register(int32x4_t sum, int8x16_t a, int8x16_t b) { return vmmlaq_s32(sum, a, b); }

#include "neon-inl.h"

// Whether the sums of packed tokens are those of pairs. For fewer than four, zipping a tile's planes takes as much as it saves.
JK_INLINE bool are_pairs(tile_form form, const int tokens) { return form == FORM_EXPANDED || tokens == 4; }

// Lanes of both, taking turns: rows of two tokens become (row, token) of 0 0, 0 1, 1 0, 1 1 and so on to row 7.
typedef struct {
    v8 first, last;  // rows 0-3, rows 4-7
} row_pairs;
JK_INLINE row_pairs zip(v8 a, v8 b) {
    return (row_pairs){{vzip1q_f32(a.low, b.low), vzip2q_f32(a.low, b.low)},
                       {vzip1q_f32(a.high, b.high), vzip2q_f32(a.high, b.high)}};
}

// Tokens 2p and 2p + 1 have s[2p] for rows 0-3 and s[2p + 1] for rows 4-7. One that is missing begins with zeros.
JK_INLINE void pair_sums(tile_form form, const int tokens, vr *s) {
    if (!are_pairs(form, tokens)) return;
    JK_UNROLL for (int t = 0; t < tokens; t += 2) {
        const row_pairs pairs = zip(s[t], t + 1 < tokens ? s[t + 1] : v8_set(0.0f));
        s[t] = pairs.first;
        s[t + 1] = pairs.last;
    }
}

JK_INLINE void part_sums(tile_form form, const int tokens, vr *s) {
    if (!are_pairs(form, tokens)) return;
    JK_UNROLL for (int t = 0; t < tokens; t += 2) {
        const row_pairs pairs = {s[t], s[t + 1]};
        s[t] = (v8){vuzp1q_f32(pairs.first.low, pairs.first.high), vuzp1q_f32(pairs.last.low, pairs.last.high)};
        s[t + 1] = (v8){vuzp2q_f32(pairs.first.low, pairs.first.high), vuzp2q_f32(pairs.last.low, pairs.last.high)};
    }
}

// Columns 4j ... 4j + 3 and those 16 behind them, of rows 2i and 2i + 1 each.
JK_INLINE void zip_planes(tile_form form, const uint8_t *tile, size_t j, int8x16_t rows[4]) {
    plane low, high;
    if (form == FORM_I8) {
        low = load_plane(tile + 32 * j);
        high = load_plane(tile + 32 * (j + 4));
    } else {
        look_up(form, tile, j, &low, &high);
    }
    const int32x4_t a = vreinterpretq_s32_s8(low.low), b = vreinterpretq_s32_s8(high.low);
    const int32x4_t c = vreinterpretq_s32_s8(low.high), d = vreinterpretq_s32_s8(high.high);
    rows[0] = vreinterpretq_s8_s32(vzip1q_s32(a, b));
    rows[1] = vreinterpretq_s8_s32(vzip2q_s32(a, b));
    rows[2] = vreinterpretq_s8_s32(vzip1q_s32(c, d));
    rows[3] = vreinterpretq_s8_s32(vzip2q_s32(c, d));
}

// An expanded tile: [j][i][16] of zip_planes, and then the scales of each row twice.
JK_INLINE void expand_tile(tile_form form, const uint8_t *tile, size_t beside, vr scales, uint8_t expanded[EXPANDED_TILE]) {
    (void)beside;
    JK_UNROLL for (size_t j = 0; j < 4; j++) {
        int8x16_t rows[4];
        zip_planes(form, tile, j, rows);
        JK_UNROLL for (size_t i = 0; i < 4; i++) vst1q_u8(expanded + 64 * j + 16 * i, vreinterpretq_u8_s8(rows[i]));
    }
    const row_pairs twice = zip(scales, scales);
    memcpy(expanded + 256, &twice, sizeof twice);
}

// add_tile with sums of pairs.
JK_INLINE void add_pairs(tile_form form, const int tokens, const uint8_t *tile, vr scales, const tile_tokens *x, vr *s) {
    const int pairs = (tokens + 1) / 2;
    int32x4_t dot[2][4];
    row_pairs twice;
    JK_UNROLL for (int p = 0; p < pairs; p++)
        JK_UNROLL for (int i = 0; i < 4; i++) dot[p][i] = vdupq_n_s32(0);
    JK_UNROLL for (size_t j = 0; j < 4; j++) {
        int8x16_t rows[4];
        if (form == FORM_EXPANDED) {
            JK_UNROLL for (size_t i = 0; i < 4; i++) rows[i] = vreinterpretq_s8_u8(vld1q_u8(tile + 64 * j + 16 * i));
        } else {
            zip_planes(form, tile, j, rows);
        }
        JK_UNROLL for (int p = 0; p < pairs; p++) {
            const int8x16_t codes = vld1q_s8(pair_codes(x, (int)j, p));
            JK_UNROLL for (int i = 0; i < 4; i++) dot[p][i] = vmmlaq_s32(dot[p][i], rows[i], codes);
        }
    }
    if (form == FORM_EXPANDED) memcpy(&twice, tile + 256, sizeof twice);
    else twice = zip(scales, scales);
    JK_UNROLL for (int p = 0; p < pairs; p++) {
        const float32x2_t two = vld1_f32(x->scales[2 * p]);
        const float32x4_t x_scales = vcombine_f32(two, two);
        const v8 factors = {x_scales, x_scales};
        const v8i first = {dot[p][0], dot[p][1]}, last = {dot[p][2], dot[p][3]};
        s[2 * p] = v8_fma(v8i_float(first), v8_mul(twice.first, factors), s[2 * p]);
        s[2 * p + 1] = v8_fma(v8i_float(last), v8_mul(twice.last, factors), s[2 * p + 1]);
    }
}

JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, size_t beside,
                        vr scales, const tile_tokens *x, vr *s) {
    (void)beside;
    if (step == PACKED && are_pairs(form, tokens)) add_pairs(form, tokens, tile, scales, x, s);
    else add_planes(form, tokens, step, tile, scales, x, s);
}

#include "attention-neon-inl.h"

#include "attention-inl.h"
#include "attention-tiles-inl.h"
#include "attention-codes-inl.h"
#include "floats-inl.h"
#include "mamba-inl.h"
#include "matmul-inl.h"
#include "quantize-inl.h"
#include "vectors-inl.h"

JK_TABLE(neon_i8mm)

JK_END_TARGET
#endif
