// The weights of a tile as unsigned bytes that exceed the codes by 64, over the vectors of bytes of the x86 sets: a grid's entries for
// the indices of a tile, or int6 weights put together.
//
// Defined before: tiles-inl.h; what rings-inl.h asks for, vb_shuffle (in 16 bytes), vb_grid (a grid in each 16 bytes) and vb_add_bytes.
#ifndef JK_LOOK_UP_INL_H
#define JK_LOOK_UP_INL_H

#include "rings-inl.h"

// The upper two bits of int6 weights, `at` in the bytes of a plane, where the lower four ask for them.
JK_INLINE vb upper_bits(vb plane, size_t at) {
    return vb_and(at < 4 ? vb_shift_left(plane, (int)(4 - at)) : vb_shift_right(plane, (int)(at - 4)), vb_bytes(0x30));
}

// Those of columns 4j ... 4j + 3, and of the columns 16 behind them.
JK_INLINE void look_up(tile_form form, const uint8_t *tile, size_t beside, size_t j, vb *low, vb *high) {
    if (form == FORM_NL4) {
        const vb plane = vb_load(tile + 32 * j, beside), grid = vb_grid(jk_nl4_grid);
        *low = vb_shuffle(grid, vb_and(plane, vb_bytes(15)));
        *high = vb_shuffle(grid, vb_and(vb_shift_right(plane, 4), vb_bytes(15)));
    } else if (form == FORM_I6) {
        // What is stored exceeds the codes by 32.
        const vb plane = vb_load(tile + 32 * j, beside), more = vb_bytes(32);
        const vb upper[2] = {vb_load(tile + 4 * 32, beside), vb_load(tile + 5 * 32, beside)};
        *low = vb_add_bytes(vb_or(vb_and(plane, vb_bytes(15)), upper_bits(upper[0], 2 * j)), more);
        *high = vb_add_bytes(vb_or(vb_and(vb_shift_right(plane, 4), vb_bytes(15)), upper_bits(upper[1], 2 * j)), more);
    } else {
        const int bits = form == FORM_R3 ? 3 : 2;
        const vb grid = vb_grid(form == FORM_R3 ? jk_r3_grid : jk_r2_grid);
        *low = vb_shuffle(grid, ring_indices(bits, tile, beside, j));
        *high = vb_shuffle(grid, ring_indices(bits, tile, beside, j + 4));
    }
}

#endif
