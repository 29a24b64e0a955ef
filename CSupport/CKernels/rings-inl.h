// The indices of a tile of rings, over the vectors of bytes of any set: two planes of int2, three of int3, and shifts between.
//
// Defined before: `vb`, a register with a plane of the tile of each strip in a `vr`, and vb_load(p, beside), vb_set (a dword in
// all lanes), vb_and, vb_or, vb_rotate (every dword's bytes by one, byte k + 1 to k), vb_shift_right and vb_shift_left by a constant
// number of bits, in lanes of 8 or 16.
#ifndef JK_RINGS_INL_H
#define JK_RINGS_INL_H

// The same byte in all lanes.
JK_INLINE vb vb_bytes(int32_t byte) { return vb_set((int32_t)(0x01010101u * (uint32_t)byte)); }

// Plane `j` of a tile of rings. That behind the last is the first one's, of the bytes that follow.
JK_INLINE vb ring_plane(int bits, const uint8_t *tile, size_t beside, size_t j) {
    return j == (size_t)bits ? vb_rotate(vb_load(tile, beside)) : vb_load(tile + 32 * j, beside);
}

// The indices of columns 4t ... 4t + 3, a byte each. `bits` and `t` are constants to the compiler.
JK_INLINE vb ring_indices(int bits, const uint8_t *tile, size_t beside, size_t t) {
    const size_t first = t * (size_t)bits, j = first / 8;
    const int shift = (int)(first % 8), kept = 8 - shift;
    const vb plane = ring_plane(bits, tile, beside, j);
    if (shift == 0) return vb_and(plane, vb_bytes(15));
    if (kept >= 4) return vb_and(vb_shift_right(plane, shift), vb_bytes(15));
    const vb low = vb_and(vb_shift_right(plane, shift), vb_bytes((1 << kept) - 1));
    const vb high = vb_shift_left(ring_plane(bits, tile, beside, j + 1), kept);
    return vb_or(low, vb_and(high, vb_bytes(16 - (1 << kept))));
}

#endif
