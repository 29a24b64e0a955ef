// The weights of a tile as unsigned bytes that exceed the codes by 64, over the vectors of bytes of the x86 sets: a grid's entries for
// the indices of a tile, or int6 weights put together.
//
// Defined before: tiles-inl.h; what rings-inl.h asks for, vb_shuffle (in 16 bytes), vb_grid (a grid in each 16 bytes) and vb_add_bytes; with
// VB_LOOSE vb_i6 in its place.
#ifndef JK_LOOK_UP_INL_H
#define JK_LOOK_UP_INL_H

#include "rings-inl.h"

#ifndef VB_LOOSE
// What six bits store of int6 weights exceeds the codes by 32.
JK_INLINE vb vb_i6(vb stored) { return vb_add_bytes(stored, vb_bytes(32)); }
#endif

// int6 weights of the plane with their lower four bits, and of that whose bits 2j and 2j + 1 are their upper ones.
JK_INLINE vb join_i6(vb lower, vb upper, size_t j) {
    const vb moved = j < 2 ? vb_shift_left(upper, (int)(4 - 2 * j)) : vb_shift_right(upper, (int)(2 * j - 4));
    return vb_i6(vb_join(lower, moved, 4, 6));
}

// Those of columns 4j ... 4j + 3, and of the columns 16 behind them.
JK_INLINE void look_up(tile_form form, const uint8_t *tile, size_t beside, size_t j, vb *low, vb *high) {
    if (form == FORM_NL4) {
        const vb plane = vb_load(tile + 32 * j, beside), grid = vb_grid(jk_nl4_grid);
        *low = vb_shuffle(grid, vb_low(plane));
        *high = vb_shuffle(grid, vb_low(vb_shift_right(plane, 4)));
    } else if (form == FORM_I6) {
        const vb plane = vb_load(tile + 32 * j, beside);
        *low = join_i6(plane, vb_load(tile + 4 * 32, beside), j);
        *high = join_i6(vb_shift_right(plane, 4), vb_load(tile + 5 * 32, beside), j);
    } else {
        const int bits = form == FORM_R3 ? 3 : 2;
        const vb grid = vb_grid(form == FORM_R3 ? jk_r3_grid : jk_r2_grid);
        *low = vb_shuffle(grid, ring_indices(bits, tile, beside, j));
        *high = vb_shuffle(grid, ring_indices(bits, tile, beside, j + 4));
    }
}

#endif
