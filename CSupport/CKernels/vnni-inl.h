// Products of tiles by the VNNI instructions, which add four products of unsigned and signed bytes to an int32 without
// a limit between: expand_tile, add_tile and multiply_peak of avx_vnni.c and avx512-inl.h (but amx-inl.h has its own peak).
//
// Defined before: tiles-inl.h; `vb`, a register with a plane of the tile of each strip in a `vr`, or with int32 sums; vb_load
// (the strips' planes, `beside` bytes apart), vb_load_whole and vb_store_whole (a plane of an expanded tile), vb_broadcast (4
// codes), vb_xor, vb_shuffle (in 16 bytes), vb_grid (a grid in each 16 bytes), what rings-inl.h asks for, vb_add_products, vr_set
// and vr_add_scaled_sums.
#ifndef JK_VNNI_INL_H
#define JK_VNNI_INL_H

#ifndef JK_TILES_INL_H
#error "tiles-inl.h first, and a set's vb"
#endif

#include "look-up-inl.h"

#if MOST_TOGETHER == 4
JK_INLINE void expand_tile(tile_form form, const uint8_t *tile, size_t beside, vr scales, uint8_t expanded[EXPANDED_TILE]) {
    (void)scales;
    JK_UNROLL for (size_t j = 0; j < 4; j++) {
        vb low, high;
        look_up(form, tile, beside, j, &low, &high);
        vb_store_whole(expanded + sizeof(vb) * j, low);
        vb_store_whole(expanded + sizeof(vb) * (j + 4), high);
    }
}
#endif

// Weights go in as unsigned bytes: the grid's entries, which exceed the codes by 64, or int8 weights with the sign bit
// turned, which exceed them by 128. The sums begin with once or twice the offset to make up for it.
JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, size_t beside,
                        vr scales, const tile_tokens *x, vr *s) {
    vb dot[MOST_TOGETHER];
    JK_UNROLL for (int t = 0; t < tokens; t++) dot[t] = vb_set(form == FORM_I8 ? 2 * *x->offsets[t] : *x->offsets[t]);
    if (form != FORM_I8 && form != FORM_EXPANDED) {
        JK_UNROLL for (size_t j = 0; j < 4; j++) {
            vb low, high;
            look_up(form, tile, beside, j, &low, &high);
            JK_UNROLL for (int t = 0; t < tokens; t++) {
                dot[t] = vb_add_products(dot[t], low, vb_broadcast(x->codes[t] + j * step));
                JK_KEEP_ORDER(dot[t]);
            }
            JK_UNROLL for (int t = 0; t < tokens; t++) {
                dot[t] = vb_add_products(dot[t], high, vb_broadcast(x->codes[t] + (j + 4) * step));
                JK_KEEP_ORDER(dot[t]);
            }
        }
    } else {
        JK_UNROLL for (size_t j = 0; j < 8; j++) {
            const vb plane = form == FORM_I8 ? vb_xor(vb_load(tile + 32 * j, beside), vb_set((int32_t)0x80808080))
                                             : vb_load_whole(tile + sizeof(vb) * j);
            JK_UNROLL for (int t = 0; t < tokens; t++) {
                dot[t] = vb_add_products(dot[t], plane, vb_broadcast(x->codes[t] + j * step));
                JK_KEEP_ORDER(dot[t]);
            }
        }
    }
    JK_UNROLL for (int t = 0; t < tokens; t++)
        s[t] = vr_add_scaled_sums(s[t], dot[t], vr_mul(scales, vr_set(*x->scales[t])));
}

#ifndef TILE_REGISTERS
// 16 sums at once, so that an instruction never waits for the one before.
static void multiply_peak(size_t rounds, int32_t sink[8]) {
    enum { SUMS = 16, PRODUCTS = SUMS * sizeof(vb) };
    vb sums[SUMS];
    JK_UNROLL for (int i = 0; i < SUMS; i++) sums[i] = vb_set(i);
    for (size_t i = 0; i < rounds * (JK_PEAK_PRODUCTS / PRODUCTS); i++)
        JK_UNROLL for (int k = 0; k < SUMS; k++) sums[k] = vb_add_products(sums[k], sums[k], sums[k]);
    uint8_t whole[sizeof(vb)];
    JK_UNROLL for (int i = 1; i < SUMS; i++) sums[0] = vb_xor(sums[0], sums[i]);
    vb_store_whole(whole, sums[0]);
    memcpy(sink, whole, 8 * sizeof *sink);
}
#endif

#endif
