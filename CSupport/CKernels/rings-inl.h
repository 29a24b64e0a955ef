// The indices of a tile of rings, over the vectors of bytes of any set: two planes of int2, three of int3, and shifts between.
//
// Defined before: `vb`, a register with a plane of the tile of each strip in a `vr`, and vb_load(p, beside), vb_set (a dword in
// all lanes), vb_and, vb_or, vb_rotate (every dword's bytes by one, byte k + 1 to k), vb_shift_right and vb_shift_left by a constant
// number of bits, in lanes of 8 or 16. Where a look-up heeds the lower bits of an index alone, a set has its own VB_LOOSE with vb_low
// and vb_join.
#ifndef JK_RINGS_INL_H
#define JK_RINGS_INL_H

// The same byte in all lanes.
JK_INLINE vb vb_bytes(int32_t byte) { return vb_set((int32_t)(0x01010101u * (uint32_t)byte)); }

#ifndef VB_LOOSE
// The lower four bits of each byte; those above are 0, or where VB_LOOSE is defined anything.
JK_INLINE vb vb_low(vb a) { return vb_and(a, vb_bytes(15)); }
// The lower `from` bits of the bytes of a, and then those of b up to bit `bits`.
JK_INLINE vb vb_join(vb a, vb b, int from, int bits) {
    return vb_or(vb_and(a, vb_bytes((1 << from) - 1)), vb_and(b, vb_bytes((1 << bits) - (1 << from))));
}
#endif

// Plane `j` of a tile of rings. That behind the last is the first one's, of the bytes that follow.
JK_INLINE vb ring_plane(int bits, const uint8_t *tile, size_t beside, size_t j) {
    return j == (size_t)bits ? vb_rotate(vb_load(tile, beside)) : vb_load(tile + 32 * j, beside);
}

// The indices of columns 4t ... 4t + 3, a byte each, as vb_low has them. `bits` and `t` are constants to the compiler.
JK_INLINE vb ring_indices(int bits, const uint8_t *tile, size_t beside, size_t t) {
    const size_t first = t * (size_t)bits, j = first / 8;
    const int shift = (int)(first % 8), kept = 8 - shift;
    const vb plane = ring_plane(bits, tile, beside, j);
    if (shift == 0) return vb_low(plane);
    if (kept >= 4) return vb_low(vb_shift_right(plane, shift));
    return vb_join(vb_shift_right(plane, shift), vb_shift_left(ring_plane(bits, tile, beside, j + 1), kept), kept, 4);
}

#endif
