// A grid's entries for the indices of a tile, over the vectors of bytes of the x86 sets.
//
// Defined before: tiles-inl.h; what rings-inl.h asks for, vb_shuffle (in 16 bytes) and vb_grid (a grid in each 16 bytes).
#ifndef JK_LOOK_UP_INL_H
#define JK_LOOK_UP_INL_H

#include "rings-inl.h"

// Those of columns 4j ... 4j + 3, and of the columns 16 behind them.
JK_INLINE void look_up(tile_form form, const uint8_t *tile, size_t beside, size_t j, vb *low, vb *high) {
    if (form == FORM_NL4) {
        const vb plane = vb_load(tile + 32 * j, beside), grid = vb_grid(jk_nl4_grid);
        *low = vb_shuffle(grid, vb_and(plane, vb_bytes(15)));
        *high = vb_shuffle(grid, vb_and(vb_shift_right(plane, 4), vb_bytes(15)));
    } else {
        const int bits = form == FORM_R3 ? 3 : 2;
        const vb grid = vb_grid(form == FORM_R3 ? jk_r3_grid : jk_r2_grid);
        *low = vb_shuffle(grid, ring_indices(bits, tile, beside, j));
        *high = vb_shuffle(grid, ring_indices(bits, tile, beside, j + 4));
    }
}

#endif
